//! Churn: features and labels to the probability that a customer buys nothing in the coming window.
//!
//! The recipe: gradient boosting and a penalised logistic regression on all closed windows, older ones counting less,
//! pooled by their log-odds; slope and level are calibrated on a later window (Platt); the level is then drawn towards
//! what the same season of last year says, where the data hold it. The evaluation runs the recipe on windows that are
//! disjoint in time and touches the test window once; the deployed model is the same recipe on all closed windows.

use serde::{Deserialize, Serialize};
use tenure_math::boost;
use tenure_math::calibrate::{Platt, Shift};
use tenure_math::churn::{logistic, pool, recency, threshold};
use tenure_math::metric::{self, RankedLabels, bootstrap};
use tenure_math::num::Matrix;
use tenure_math::pace;
use tenure_math::{rng, season};
use tenure_tables::engine::Engine;
use tenure_tables::store::{self, Column};

use crate::artifact::{self, RunFolder};
use crate::config::{ChurnModel, Config, Population};
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::panel::{self, Panel, Season};
use crate::summary::{ChurnQuality, ChurnScore, Estimate, Finding, NOTHING, Threshold, Window};
use crate::time::Instant;
use crate::timeline::Windows;

/// A training window loses half its weight with every so many days of age: customers and assortment change.
const HALF_LIFE_DAYS: f64 = 180.0;
/// Share of the seasonal forecast in the level's log-odds; the rest is the latest closed window. Chosen on Online
/// Retail II with its outcomes in sight (docs/methods/churn.md).
const SEASON_SHARE: f64 = 2.0 / 3.0;
/// Folds of customers where calibration has to share its windows with training.
const FOLDS: u64 = 5;
/// The penalty is chosen on at most this many rows.
const PENALTY_ROWS: usize = 12_000;
/// Fewer rows than this, or fewer of either outcome than a tenth of it, carry no model.
const MIN_ROWS: usize = 100;
/// The saved model.
pub const MODEL: &str = "models/churn.json";

/// The candidates, simplest first.
const CANDIDATES: [&str; 4] = ["recency", "logistic", "boosting", "pooled"];

/// What the churn stage found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Length of the window, days.
    pub horizon_days: i64,
    /// The windows behind the evaluation.
    pub evaluation: Option<Windows>,
    /// The windows behind the deployed model.
    pub deployment: Option<Windows>,
    /// The evaluation on the test window, for the configured population.
    pub quality: Finding<ChurnQuality>,
    /// The same for the customers who bought within `active_days`.
    pub quality_active: Finding<ChurnQuality>,
    /// Calibration of the deployed probabilities.
    pub calibration: Option<Platt>,
    /// Share of the customers that the seasonal forecast expects to leave; `None` where there is no last year.
    pub season_rate: Option<f64>,
    /// Mean probability at `as_of`.
    pub mean_p_churn: Option<f64>,
    /// Features by the share of the boosting's loss reduction, greatest first.
    pub importance: Vec<(String, f64)>,
}

/// The saved model: everything that turns features into a probability.
#[derive(Debug, Serialize, Deserialize)]
pub struct Model {
    /// Features, in order.
    pub features: Vec<String>,
    /// The windows it learnt from.
    pub windows: Windows,
    /// Which candidate scores.
    pub champion: String,
    /// Slope and level of the log-odds.
    pub calibration: Platt,
    /// Customers at or above this probability are flagged.
    pub threshold: f64,
    /// The regression, on signed logarithms of the features.
    pub logistic: logistic::Fitted,
    /// The trees.
    pub boosting: boost::Fitted,
}

/// Models churn; the sentence says what came of it. Where no window is closed there is no model and the scores are
/// null.
///
/// # Errors
/// Engine and file errors; a refused computation.
pub fn run(config: &Config, engine: &Engine, run: &mut RunFolder) -> Result<String> {
    let timeline = run.timeline()?;
    let horizon = i64::from(config.churn.horizon_days);
    let snapshots = timeline.snapshots(&config.snapshots);
    let deployment = timeline.deployment(&snapshots, horizon);
    let mut wanted = deployment.as_ref().map_or_else(Vec::new, Windows::snapshots);
    if wanted.last() != Some(&timeline.as_of) {
        wanted.push(timeline.as_of);
    }
    let panel = Panel::read(engine, run, &wanted, horizon, horizon, "spend_gross")?;
    let mut warnings = panel.warnings.clone();
    let now = panel.rows(&[timeline.as_of]);

    let Some(deployment) = deployment.filter(|w| teaches(&panel, w)) else {
        let reason = format!(
            "the windows of {horizon} days that start at a snapshot and end by {} do not hold enough customers of both \
             kinds",
            timeline.data_end
        );
        warnings.push(format!("there is no churn model: {reason}"));
        write_scores(run, &panel, &now, horizon, None)?;
        let facts = Facts {
            horizon_days: horizon,
            evaluation: None,
            deployment: None,
            quality: Finding::Missing(reason.clone()),
            quality_active: Finding::Missing(reason),
            calibration: None,
            season_rate: None,
            mean_p_churn: None,
            importance: Vec::new(),
        };
        run.record(Stage::Churn, &facts, warnings)?;
        return Ok("no model: the history is too short".to_owned());
    };
    let room = Room { config, run, panel: &panel };

    let evaluation = timeline
        .evaluation(&snapshots, horizon)
        .filter(|w| teaches(&panel, w) && learnable(&panel, &panel.rows(w.test.as_slice())));
    let season = |at: Instant| panel::season(engine, run, &timeline, &snapshots, at, horizon);
    let seasonal = season(timeline.as_of)?;
    let seasonal_test = evaluation.as_ref().and_then(|w| w.test).map(season).transpose()?.flatten();
    let penalty = room.penalty(evaluation.as_ref().map_or(&deployment.train, |w| &w.train))?;
    let all = panel.rows(&deployment.snapshots());
    // Three fits that know nothing of each other.
    let (judged, (calibrated, refitted)) = rayon::join(
        || evaluation.as_ref().map(|windows| room.evaluate(windows, penalty, seasonal_test.as_ref())).transpose(),
        || {
            rayon::join(
                || room.calibrate(&deployment, penalty),
                || deployment.calibrate.map(|_| room.fit(&all, penalty)).transpose(),
            )
        },
    );
    let (quality, quality_active) = judged?.unwrap_or_else(|| {
        let reason = if timeline.evaluation(&snapshots, horizon).is_some() {
            "one of its windows does not hold enough customers of both kinds".to_owned()
        } else {
            format!("the history holds no two disjoint windows of {horizon} days")
        };
        warnings.push(format!("the churn model is not evaluated: {reason}"));
        (Finding::Missing(reason.clone()), Finding::Missing(reason))
    });
    if let Finding::Measured(quality) = &quality
        && let Some(baseline) = quality.models.iter().find(|m| m.model == CANDIDATES[0])
        && baseline.auc.value > quality.models[0].auc.value
    {
        warnings.push(format!(
            "on the test window recency alone ranks better than the model: AUC {:.3} against {:.3}",
            baseline.auc.value, quality.models[0].auc.value
        ));
    }
    let calibrated = calibrated?;
    let refitted = refitted?.unwrap_or(calibrated.learners);
    let scores = refitted.candidates(&panel, &now)?.swap_remove(calibrated.champion);
    let (calibration, season_rate) = room.level(&scores, calibrated.platt, seasonal.as_ref())?;
    let p_churn: Vec<f64> = scores.iter().map(|&s| calibration.apply(s)).collect();

    let threshold = calibrated.threshold.threshold;
    write_scores(run, &panel, &now, horizon, Some((&p_churn, threshold)))?;
    let mut importance: Vec<(String, f64)> = panel.names.iter().cloned().zip(refitted.boosting.importance()).collect();
    importance.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    if let Finding::Measured(quality) = &quality
        && let auc = &quality.models[0].auc
        && auc.low.is_some_and(|low| low <= 0.5)
    {
        warnings.push(format!(
            "{NOTHING} who leaves: on the test window the AUC is {:.3}, and its interval holds 0.5; the \
             model has no drivers",
            auc.value
        ));
        importance.clear();
    }
    let model = Model {
        features: panel.names.clone(),
        windows: deployment.clone(),
        champion: CANDIDATES[calibrated.champion].to_owned(),
        calibration,
        threshold,
        logistic: refitted.logistic,
        boosting: refitted.boosting,
    };
    run.write_json(MODEL, &model)?;
    let mean = p_churn.iter().sum::<f64>() / p_churn.len() as f64;
    let facts = Facts {
        horizon_days: horizon,
        evaluation,
        deployment: Some(deployment),
        quality,
        quality_active,
        calibration: Some(calibration),
        season_rate,
        mean_p_churn: Some(mean),
        importance,
    };
    let sentence = match &facts.quality {
        Finding::Measured(q) => format!(
            "{:.1} % expected to leave in {horizon} days; on the test window AUC {:.3}, ECE {:.3}",
            100.0 * mean,
            q.models[0].auc.value,
            q.models[0].ece.unwrap_or(f64::NAN)
        ),
        Finding::Missing(reason) => format!("{:.1} % expected to leave; not evaluated: {reason}", 100.0 * mean),
    };
    run.record(Stage::Churn, &facts, warnings)?;
    Ok(sentence)
}

/// Whether the windows that train and the one that calibrates each hold enough of both outcomes.
fn teaches(panel: &Panel, windows: &Windows) -> bool {
    learnable(panel, &panel.rows(&windows.train))
        && (windows.calibrate.is_none() || learnable(panel, &panel.rows(windows.calibrate.as_slice())))
}

/// Whether the rows hold enough of both outcomes for a model to mean anything.
fn learnable(panel: &Panel, rows: &[usize]) -> bool {
    let churned = rows.iter().filter(|&&i| is_churned(panel, i)).count();
    rows.len() >= MIN_ROWS && churned.min(rows.len() - churned) >= MIN_ROWS / 10
}

fn is_churned(panel: &Panel, row: usize) -> bool {
    panel.orders[row] < 0.5
}

fn outcomes(panel: &Panel, rows: &[usize]) -> Vec<bool> {
    rows.iter().map(|&i| is_churned(panel, i)).collect()
}

/// The fitted candidates.
struct Learners {
    recency: recency::Recency,
    logistic: logistic::Fitted,
    boosting: boost::Fitted,
}

impl Learners {
    /// Uncalibrated probabilities of the rows, one vector a candidate, in the order of [`CANDIDATES`].
    fn candidates(&self, panel: &Panel, rows: &[usize]) -> Result<Vec<Vec<f64>>> {
        let features = panel.features.select_rows(rows);
        let recency =
            self.recency.predict(&panel.feature("recency_days", rows)).map_err(Error::math("the recency baseline"))?;
        let logistic =
            self.logistic.predict(&panel::signed_log(&features)?).map_err(Error::math("the logistic regression"))?;
        let boosting = self.boosting.predict(&features).map_err(Error::math("the boosted trees"))?;
        let pooled = pool::pool(&[&logistic, &boosting]).map_err(Error::math("the pool of models"))?;
        Ok(vec![recency, logistic, boosting, pooled])
    }
}

/// Learners with what the calibration rows say of them.
struct Calibrated {
    learners: Learners,
    champion: usize,
    platt: Platt,
    all: Vec<Platt>,
    threshold: threshold::FBeta,
}

/// What the stage works with.
struct Room<'a> {
    config: &'a Config,
    run: &'a RunFolder,
    panel: &'a Panel,
}

impl Room<'_> {
    /// The penalty of the regression, by cross-validation over customers on the latest training rows.
    fn penalty(&self, train: &[Instant]) -> Result<f64> {
        let all = self.panel.rows(train);
        let latest = &all[all.len().saturating_sub(PENALTY_ROWS)..];
        let rows = if learnable(self.panel, latest) { latest } else { &all };
        let params = logistic::Params {
            penalties: vec![0.1, 0.01, 0.001],
            seed: rng::seed_of(self.config.run.seed, "churn/penalty", 0),
            ..Default::default()
        };
        Ok(self.logistic(rows, &params)?.penalty)
    }

    fn logistic(&self, rows: &[usize], params: &logistic::Params) -> Result<logistic::Fitted> {
        let features = panel::signed_log(&self.panel.features.select_rows(rows))?;
        let (positive, groups) = (outcomes(self.panel, rows), self.panel.groups(rows));
        let weights = self.panel.age_weights(rows, HALF_LIFE_DAYS);
        let rows =
            logistic::Rows { features: &features, positive: &positive, groups: &groups, weights: Some(&weights) };
        logistic::fit(&rows, params).map_err(Error::math("the logistic regression"))
    }

    fn boosting(&self, rows: &[usize], features: &Matrix) -> Result<boost::Fitted> {
        let target: Vec<f64> = outcomes(self.panel, rows).into_iter().map(f64::from).collect();
        let weights = self.panel.age_weights(rows, HALF_LIFE_DAYS);
        let b = &self.config.boosting;
        let params = boost::Params {
            objective: boost::Objective::Logistic,
            rounds: b.rounds,
            learning_rate: b.learning_rate,
            max_leaves: b.leaves,
            max_depth: None,
            min_rows_per_leaf: b.min_rows,
            row_sample: b.row_sample,
            column_sample: b.column_sample,
            lambda: b.lambda,
            seed: rng::seed_of(self.config.run.seed, "churn/boosting", 0),
            threads: 0,
        };
        boost::fit(features, &target, Some(&weights), &params).map_err(Error::math("the boosted trees"))
    }

    fn fit(&self, rows: &[usize], penalty: f64) -> Result<Learners> {
        let features = self.panel.features.select_rows(rows);
        let one = logistic::Params { penalties: vec![penalty], ..Default::default() };
        Ok(Learners {
            recency: recency::Recency::fit(&self.panel.feature("recency_days", rows), &outcomes(self.panel, rows))
                .map_err(Error::math("the recency baseline"))?,
            logistic: self.logistic(rows, &one)?,
            boosting: self.boosting(rows, &features)?,
        })
    }

    /// Fits on the training windows; chooses and calibrates on the calibration window, or across folds of customers
    /// where there is none.
    fn calibrate(&self, windows: &Windows, penalty: f64) -> Result<Calibrated> {
        let train = self.panel.rows(&windows.train);
        let learners = self.fit(&train, penalty)?;
        let (rows, candidates) = match windows.calibrate {
            Some(snapshot) => {
                let rows = self.panel.rows(&[snapshot]);
                let candidates = learners.candidates(self.panel, &rows)?;
                (rows, candidates)
            }
            None => self.cross_fit(&train, penalty)?,
        };
        let churned = outcomes(self.panel, &rows);
        let mut all = Vec::new();
        for scores in &candidates {
            let platt = Platt::fit(scores, &churned, None).map_err(Error::math("the calibration"))?;
            all.push(platt);
        }
        let champion = match self.config.churn.model {
            Some(ChurnModel::Recency) => 0,
            Some(ChurnModel::Logistic) => 1,
            Some(ChurnModel::Boosting) => 2,
            // The pool is never far from its best member and has been the steadiest over time (docs/methods/churn.md).
            None => 3,
        };
        let p: Vec<f64> = candidates[champion].iter().map(|&s| all[champion].apply(s)).collect();
        let threshold =
            threshold::best_f_beta(&p, &churned, self.config.churn.beta).map_err(Error::math("the threshold"))?;
        Ok(Calibrated { learners, champion, platt: all[champion], all, threshold })
    }

    /// Out-of-fold scores of the training rows: no customer is scored by a model that saw any of its rows.
    fn cross_fit(&self, train: &[usize], penalty: f64) -> Result<(Vec<usize>, Vec<Vec<f64>>)> {
        let groups = self.panel.groups(train);
        let mut order = Vec::new();
        let mut scores = vec![Vec::new(); CANDIDATES.len()];
        for fold in 0..FOLDS {
            let pick = |inside: bool| -> Vec<usize> {
                train.iter().zip(&groups).filter(|(_, g)| (**g % FOLDS == fold) == inside).map(|(&i, _)| i).collect()
            };
            let (fitted_on, scored) = (pick(false), pick(true));
            if scored.is_empty() {
                continue;
            }
            let learners = self.fit(&fitted_on, penalty)?;
            for (all, part) in scores.iter_mut().zip(learners.candidates(self.panel, &scored)?) {
                all.extend(part);
            }
            order.extend(scored);
        }
        Ok((order, scores))
    }

    /// Draws the level towards the seasonal forecast; also gives the forecast share of leavers.
    fn level(&self, scores: &[f64], platt: Platt, season: Option<&Season>) -> Result<(Platt, Option<f64>)> {
        let Some(Ok(buyers)) = season.map(|s| season::forecast(&s.buyers)) else { return Ok((platt, None)) };
        let rate = (1.0 - buyers / scores.len() as f64).clamp(0.01, 0.99);
        let sloped = Platt { intercept: 0.0, slope: platt.slope };
        let sloped: Vec<f64> = scores.iter().map(|&s| sloped.apply(s)).collect();
        let shift = Shift::to_rate(&sloped, None, rate).map_err(Error::math("the seasonal level"))?;
        let intercept = SEASON_SHARE * shift.intercept + (1.0 - SEASON_SHARE) * platt.intercept;
        Ok((Platt { intercept, slope: platt.slope }, Some(rate)))
    }

    fn evaluate(
        &self,
        windows: &Windows,
        penalty: f64,
        seasonal: Option<&Season>,
    ) -> Result<(Finding<ChurnQuality>, Finding<ChurnQuality>)> {
        let Some(test) = windows.test else {
            return Err(Error::Corrupt {
                artefact: "the evaluation's windows".to_owned(),
                problem: "none of them tests".to_owned(),
            });
        };
        let calibrated = self.calibrate(windows, penalty)?;
        let rows = self.panel.rows(&[test]);
        let mut probabilities = Vec::new();
        for (scores, platt) in calibrated.learners.candidates(self.panel, &rows)?.into_iter().zip(&calibrated.all) {
            let (platt, _) = self.level(&scores, *platt, seasonal)?;
            probabilities.push(scores.iter().map(|&s| platt.apply(s)).collect::<Vec<f64>>());
        }
        let churned = outcomes(self.panel, &rows);
        self.write_test(&rows, &churned, &probabilities, calibrated.champion)?;
        let recency = self.panel.feature("recency_days", &rows);
        let active: Vec<usize> =
            (0..rows.len()).filter(|&i| recency[i] <= f64::from(self.config.churn.active_days)).collect();
        let everybody: Vec<usize> = (0..rows.len()).collect();
        let judge = |who: &[usize]| self.judge(windows, test, &calibrated, &probabilities, &churned, who);
        let of_active = judge(&active)?;
        Ok(match self.config.churn.population {
            Population::All => (judge(&everybody)?, of_active),
            Population::Active => (of_active.clone(), of_active),
        })
    }

    fn judge(
        &self,
        windows: &Windows,
        test: Instant,
        calibrated: &Calibrated,
        probabilities: &[Vec<f64>],
        churned: &[bool],
        who: &[usize],
    ) -> Result<Finding<ChurnQuality>> {
        let y: Vec<bool> = who.iter().map(|&i| churned[i]).collect();
        let leavers = y.iter().filter(|c| **c).count();
        if leavers == 0 || leavers == y.len() {
            return Ok(Finding::Missing("everybody in the test window did the same".to_owned()));
        }
        let what = Error::math;
        let mut models = Vec::new();
        for (name, p) in CANDIDATES.iter().zip(probabilities) {
            let p: Vec<f64> = who.iter().map(|&i| p[i]).collect();
            let ranked = RankedLabels::new(&p, &y).map_err(what("the ranking on the test window"))?;
            let auc = bootstrap::interval(
                y.len(),
                &bootstrap::Params {
                    replicates: self.config.report.bootstrap_replicates,
                    level: 0.95,
                    seed: self.config.run.seed,
                    task: "churn/bootstrap",
                },
                |weights| ranked.roc_auc(weights),
            )
            .map_err(what("the interval of the AUC"))?;
            models.push(ChurnScore {
                model: (*name).to_owned(),
                auc: Estimate { value: auc.estimate, low: Some(auc.low), high: Some(auc.high) },
                ece: Some(metric::ece(&p, &y, None).map_err(what("the calibration error"))?),
                brier: Some(metric::brier(&p, &y, None).map_err(what("the Brier score"))?),
            });
        }
        let champion = models.remove(calibrated.champion);
        models.reverse();
        models.insert(0, champion);
        let p: Vec<f64> = who.iter().map(|&i| probabilities[calibrated.champion][i]).collect();
        let f_beta = |at: f64| -> Result<f64> {
            metric::confusion(&p, &y, at, None)
                .and_then(|c| c.f_beta(self.config.churn.beta))
                .map_err(what("the F-beta score"))
        };
        let at = calibrated.threshold.threshold;
        Ok(Finding::Measured(ChurnQuality {
            model: CANDIDATES[calibrated.champion].to_owned(),
            horizon_days: self.config.churn.horizon_days,
            window: Window { from: test.to_string(), to: test.plus_days(windows.horizon_days).to_string() },
            customers: y.len() as u64,
            churn_rate: leavers as f64 / y.len() as f64,
            models,
            threshold: Threshold {
                beta: self.config.churn.beta,
                p_churn: at,
                f_beta: f_beta(at)?,
                f_beta_everybody: f_beta(0.0)?,
            },
        }))
    }

    fn write_test(&self, rows: &[usize], churned: &[bool], probabilities: &[Vec<f64>], champion: usize) -> Result<()> {
        let mut columns = vec![
            ("customer_id", Column::Text(rows.iter().map(|&i| self.panel.customers[i].clone()).collect())),
            ("as_of", Column::Text(rows.iter().map(|&i| self.panel.snapshots[i].to_string()).collect())),
            ("churned", Column::Bool(churned.to_vec())),
            ("p_churn", Column::F64(probabilities[champion].clone())),
        ];
        for (name, p) in CANDIDATES.iter().zip(probabilities) {
            columns.push((*name, Column::F64(p.clone())));
        }
        store::write_columns(&self.run.write(artifact::CHURN_TEST)?, &columns)?;
        Ok(())
    }
}

/// Writes the probabilities with those of having left already, and who is flagged from the threshold on; null without a
/// model.
fn write_scores(
    run: &RunFolder,
    panel: &Panel,
    rows: &[usize],
    horizon_days: i64,
    scored: Option<(&[f64], f64)>,
) -> Result<()> {
    let n = rows.len();
    let (p_churn, p_gone, flagged) = match scored {
        None => (vec![None; n], vec![None; n], vec![false; n]),
        Some((p_churn, threshold)) => (
            p_churn.iter().copied().map(Some).collect(),
            gone(panel, rows, horizon_days, p_churn)?.into_iter().map(Some).collect(),
            p_churn.iter().map(|p| *p >= threshold).collect(),
        ),
    };
    store::write_columns(
        &run.write(artifact::CHURN_SCORES)?,
        &[
            ("customer_id", Column::Text(rows.iter().map(|&i| panel.customers[i].clone()).collect())),
            ("p_churn", Column::OptF64(p_churn)),
            ("p_gone", Column::OptF64(p_gone)),
            ("flagged", Column::Bool(flagged)),
        ],
    )?;
    Ok(())
}

/// The part of each churn probability that is of having left already, if who stays keeps its pace.
fn gone(panel: &Panel, rows: &[usize], horizon_days: i64, p_churn: &[f64]) -> Result<Vec<f64>> {
    match pace::split(&panel.pasts(rows), p_churn, horizon_days as f64) {
        Ok((_, p_gone)) => Ok(p_gone),
        // Nobody came back: silence says nothing of anybody.
        Err(tenure_math::Error::Degenerate { .. }) => Ok(vec![0.0; rows.len()]),
        Err(e) => Err(Error::math("the customers' pace")(e)),
    }
}

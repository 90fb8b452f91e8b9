//! Value: features and labels to the money a customer is expected to bring in the coming window, with an interval.
//!
//! The recipe: a candidate ([`candidates`]) says who spends how much beside the others; which one it is, the contest
//! decides ([`contest`]). Quantiles are the mean times factors that are
//! conformalised on a later window, by groups of the mean. Level: that of the calibration window, or what the same
//! season of last year says, where the data hold it. What a customer is worth that stays is a model of its own (`kept`).
//! The evaluation touches the test window once.

pub mod alone;
mod candidates;
mod card;
mod contest;
mod evaluate;
mod explain;
mod kept;
mod score;
mod write;

use serde::{Deserialize, Serialize};
use tenure_math::calibrate::Factor;
use tenure_math::num::Matrix;
use tenure_math::season::{self, Around};
use tenure_math::value::conformal;
use tenure_tables::engine::Engine;

use crate::artifact::{self, RunFolder};
use crate::config::{Basis, Config, ValueModel};
use crate::contest::{Choice, choice, not_built};
use crate::ctx::{Stage, Steps};
use crate::error::{Error, Result};
use crate::lifetimes::Lifetimes;
use crate::number;
use crate::panel::{self, Panel, Season};
use crate::summary::{Finding, NOTHING, ValueQuality, ValueScore};
use crate::time::Instant;
use crate::timeline::{Timeline, Windows, fits};

pub use candidates::Parts;
pub(crate) use contest::contest;
pub use kept::Kept;

/// As for churn: a training window loses half its weight with every so many days of age.
const HALF_LIFE_DAYS: f64 = 180.0;
/// Variance power of the Tweedie deviance: between Poisson (1) and gamma (2).
const TWEEDIE_POWER: f64 = 1.5;
/// Folds of customers where calibration has to share its windows with training.
const FOLDS: u64 = 5;
/// Fewer rows, or fewer buyers than a tenth of it, carry no model.
const MIN_ROWS: usize = 600;
/// Fewer customers, or fewer buyers than a tenth of it, say nothing about a model.
const MIN_TEST_ROWS: usize = 100;
/// A rank correlation of so many times `1 / sqrt(n)` is reached by chance once in forty samples of unrelated numbers.
const CHANCE: f64 = 1.96;
/// What the naive baseline is called: the spend of the last window as it is. The candidate `carry_forward` is the same at
/// the level that all candidates are brought to.
pub(crate) const NAIVE: &str = "naive";
/// The saved model.
pub const MODEL: &str = "models/value.json";

/// What the value stage found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Length of the window, days.
    pub horizon_days: i64,
    /// Which spend counts.
    pub basis: String,
    /// Which model is used, and why.
    pub choice: Choice,
    /// The weights of the stacked candidates; empty where the model is no stack.
    pub stacked: Vec<(String, f64)>,
    /// The windows behind the evaluation.
    pub evaluation: Option<Windows>,
    /// The windows behind the deployed model.
    pub deployment: Option<Windows>,
    /// The evaluation on the test window.
    pub quality: Finding<ValueQuality>,
    /// How well the value of customers who stay is known, on those who stayed in the test window, and the naive baseline;
    /// empty where it could not be judged.
    pub if_retained: Vec<ValueScore>,
    /// Predicted and actual by predicted decile of the test window, the highest predictions first.
    pub deciles: Vec<Decile>,
    /// The portfolio's expected spend; `None` without a model.
    pub portfolio: Option<f64>,
    /// The same by the seasonal forecast; `None` where there is no last year.
    pub season_total: Option<f64>,
    /// The same for the test window; `None` where there was no last year then, or no evaluation.
    pub season_total_tested: Option<f64>,
    /// Why quantiles are missing, where they are.
    pub quantiles_missing: Option<String>,
    /// What contributes to the forecasts at `as_of`, by its share of the mean absolute contribution, greatest first; of the
    /// pool and the stack to those of their trees. Empty where the parts of the model do not add up.
    pub importance: Vec<(String, f64)>,
}

/// A tenth of the customers of the test window, by predicted value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decile {
    /// 1 = the highest predictions.
    pub decile: usize,
    /// Customers.
    pub customers: u64,
    /// Mean prediction, money.
    pub predicted: f64,
    /// Mean outcome, money.
    pub actual: f64,
    /// Mean lower value.
    pub lower: Option<f64>,
    /// Mean upper value.
    pub upper: Option<f64>,
    /// Share of outcomes above the upper value.
    pub above_upper: Option<f64>,
}

/// The saved model: everything that turns features into values.
#[derive(Debug, Serialize, Deserialize)]
pub struct Model {
    /// Features, in order.
    pub features: Vec<String>,
    /// The snapshot it was made for.
    pub as_of: Instant,
    /// The windows it learnt from.
    pub windows: Windows,
    /// Which candidate scores.
    pub model: ValueModel,
    /// What it is put together from.
    pub parts: Parts,
    /// What brings the candidate's own level to that of the mean.
    pub level: f64,
    /// Length of the window, days.
    pub horizon_days: i64,
    /// Days of history behind the snapshot.
    pub seen_days: f64,
    /// What a customer is worth that stays; `None` where too few stayed to learn it from.
    pub kept: Option<Kept>,
    /// How the customers buy and leave by the MBG/NBD, as of that snapshot.
    pub lifetimes: Lifetimes,
    /// Conformal adjustment.
    pub conformal: Option<conformal::Fitted>,
}

/// Models value; the sentence says what came of it. Where no window is closed, the value is the carry-forward, without
/// an interval.
///
/// # Errors
/// Engine and file errors; a refused computation.
pub fn run(config: &Config, engine: &Engine, run: &mut RunFolder, steps: &Steps<'_>) -> Result<String> {
    let timeline = run.timeline()?;
    let horizon = i64::from(config.value.horizon_days);
    let snapshots = timeline.snapshots(&config.snapshots);
    let deployment = timeline.deployment(&snapshots, horizon);
    let mut wanted = deployment.as_ref().map_or_else(Vec::new, Windows::snapshots);
    if wanted.last() != Some(&timeline.as_of) {
        wanted.push(timeline.as_of);
    }
    let churn_days = i64::from(config.churn.horizon_days);
    let panel =
        Panel::read(engine, run, &wanted, horizon, churn_days, basis(config))?.seeing_lifetimes(config, horizon)?;
    let now = panel.rows(&[timeline.as_of]);
    let mut warnings = panel.warnings.clone();
    let choice = choice(run, Stage::Value, config.value.model.map(ValueModel::word), ValueModel::Pooled.word())?;
    let model = named(&choice)?;
    let room = Room { config, engine, run, panel: &panel, timeline, snapshots: &snapshots, horizon, steps };

    let has_money = panel.table.feature("monetary_total", &now).iter().any(|m| m.is_finite());
    let Some(deployment) = deployment.filter(|w| has_money && room.teaches(w)) else {
        let (reason, mean) = if has_money {
            let reason = format!(
                "the windows of {horizon} days that start at a snapshot and end by {} do not hold enough buyers",
                timeline.data_end
            );
            warnings.push(format!(
                "there is no value model: {reason}; the spend of the last {horizon} days stands in, scaled up where the \
                 history is shorter"
            ));
            (reason, candidates::carried(&room.input(&now)?)?)
        } else {
            let reason = "the source holds no money, so there is no spend to forecast".to_owned();
            warnings.push(format!("there is no value model: {reason}"));
            (reason, vec![f64::NAN; now.len()])
        };
        room.write_scores(
            &now,
            &Scores { mean: mean.clone(), quantiles: None, level: 1.0, interval: Err(reason.clone()) },
            &mean,
            &vec![0.0; now.len()],
        )?;
        let facts = Facts {
            horizon_days: horizon,
            basis: config.value.basis.word().to_owned(),
            choice,
            stacked: Vec::new(),
            evaluation: None,
            deployment: None,
            quality: Finding::Missing(reason.clone()),
            if_retained: Vec::new(),
            deciles: Vec::new(),
            portfolio: None,
            season_total: None,
            season_total_tested: None,
            quantiles_missing: Some(reason),
            importance: Vec::new(),
        };
        run.record(Stage::Value, &facts, warnings)?;
        return Ok(if has_money {
            "no model: the spend of the last window is carried forward".to_owned()
        } else {
            "no value: the source holds no money".to_owned()
        });
    };

    let evaluation = timeline
        .evaluation(&snapshots, horizon)
        .filter(|w| room.teaches(w) && room.holds(w.test.as_slice(), MIN_TEST_ROWS));
    let season_total = room.season_total(timeline.as_of)?;
    let test_total = evaluation.as_ref().and_then(|w| w.test).map(|at| room.season_total(at)).transpose()?.flatten();
    let all = panel.rows(&deployment.snapshots());
    steps.plan(Some(fits(&deployment, evaluation.as_ref(), FOLDS as usize)), "fits");
    // Four fits that know nothing of each other.
    let ((judged, kept), (calibrated, refitted)) = rayon::join(
        || {
            rayon::join(
                || evaluation.as_ref().map(|windows| room.evaluate(windows, model, test_total)).transpose(),
                || room.fit_kept(&all),
            )
        },
        || {
            rayon::join(
                || room.calibrate(&deployment, &[model]),
                || deployment.calibrate.map(|_| room.fit(&all, &[model])).transpose(),
            )
        },
    );
    let (quality, if_retained, deciles) = judged?.unwrap_or_else(|| {
        let reason = if timeline.evaluation(&snapshots, horizon).is_some() {
            format!(
                "one of its windows holds fewer than {MIN_ROWS} rows to learn from or {MIN_TEST_ROWS} customers, or too \
                 few buyers"
            )
        } else {
            format!("the history holds no two disjoint windows of {horizon} days")
        };
        warnings.push(format!("the value model is not evaluated: {reason}"));
        (Finding::Missing(reason), Vec::new(), Vec::new())
    });
    if let Finding::Measured(quality) = &quality {
        warnings.extend(evaluate::loses_to_baseline(quality));
    }
    let kept = kept?;
    let mut calibrated = calibrated?;
    if let Some(mut refitted) = refitted? {
        refitted.keep_stack_of(&calibrated.parts);
        calibrated.parts = refitted;
    }
    let input = room.input(&now)?;
    let raw = calibrated.parts.predict(model, &input)?;
    let scores = room.score(&calibrated, 0, &raw, &now, season_total)?;
    let parts = calibrated.parts;
    let (if_retained_now, if_churned_now) = match &kept {
        Some(kept) => room.if_kept_or_not(kept, &now, &gone(engine, run)?, &scores.mean)?,
        None => {
            warnings
                .push("too few customers stayed to learn what one is worth that stays: the value stands in".to_owned());
            (scores.mean.clone(), vec![0.0; now.len()])
        }
    };
    room.write_scores(&now, &scores, &if_retained_now, &if_churned_now)?;
    let mut importance = room.explain(&parts, model, scores.level, &input, &scores.mean)?;
    if explain::explains(model).is_none() {
        warnings.push(format!(
            "there are no reasons for single values: those of {} are not made of parts that add up",
            model.word()
        ));
    }
    let (conformal, quantiles_missing) = match scores.interval {
        Ok(conformal) => (Some(conformal), None),
        Err(reason) => {
            warnings.push(format!("values have no interval: {reason}"));
            (None, Some(reason))
        }
    };
    if let Finding::Measured(quality) = &quality
        && let Some(rank) = quality.models[0].spearman
        && rank <= CHANCE / (quality.customers as f64).sqrt()
    {
        warnings.push(format!(
            "{NOTHING} who will spend more: on the test window the rank correlation is {rank:.3}, as \
             chance makes it; the model has no drivers"
        ));
        importance.clear();
    }
    let portfolio: f64 = scores.mean.iter().sum();
    let facts = Facts {
        horizon_days: horizon,
        basis: config.value.basis.word().to_owned(),
        choice,
        stacked: parts.stacked(),
        evaluation,
        deployment: Some(deployment.clone()),
        quality,
        if_retained,
        deciles,
        portfolio: Some(portfolio),
        season_total,
        season_total_tested: test_total,
        quantiles_missing,
        importance,
    };
    let saved = Model {
        features: panel.table.names.clone(),
        as_of: timeline.as_of,
        windows: deployment,
        model,
        parts,
        level: scores.level,
        horizon_days: horizon,
        seen_days: timeline.as_of.days_since(timeline.data_start),
        kept,
        conformal,
        lifetimes: panel.lifetimes.at(timeline.as_of)?.clone(),
    };
    run.write_json(MODEL, &saved)?;
    saved.write_lightgbm(run)?;
    let total = number::count(portfolio.max(0.0).round() as u64);
    let sentence = match &facts.quality {
        Finding::Measured(q) => format!(
            "{total} expected in {horizon} days; on the test window R² {:.3}, portfolio error {:+.1} %",
            q.models[0].r2.unwrap_or(f64::NAN),
            100.0 * q.models[0].portfolio_error.map_or(f64::NAN, |e| e.value)
        ),
        Finding::Missing(reason) => format!("{total} expected in {horizon} days; not evaluated: {reason}"),
    };
    room.write_card(&facts, &saved)?;
    run.record(Stage::Value, &facts, warnings)?;
    Ok(sentence)
}

/// The column of the labels that holds the outcome.
fn basis(config: &Config) -> &'static str {
    match config.value.basis {
        Basis::Gross => "spend_gross",
        Basis::Net => "spend_net",
    }
}

/// The candidate of that name.
fn named(choice: &Choice) -> Result<ValueModel> {
    let model = ValueModel::ALL.iter().copied().find(|model| model.word() == choice.model);
    let model = model.ok_or_else(|| Error::Corrupt {
        artefact: "the record of the backtest".to_owned(),
        problem: format!("there is no value model {:?}", choice.model),
    })?;
    if model.is_built() { Ok(model) } else { Err(not_built(Stage::Value, model.word())) }
}

/// The probability of each customer at `as_of` of having left already, in their order; 0 where there is no churn model.
fn gone(engine: &Engine, run: &RunFolder) -> Result<Vec<f64>> {
    engine.register("churn_scores", &run.read(artifact::CHURN_SCORES, Stage::Churn)?)?;
    let scores = engine.select("select p_gone from churn_scores order by customer_id", &[])?;
    Ok(scores.f64s("p_gone")?.into_iter().map(|p| if p.is_finite() { p } else { 0.0 }).collect())
}

/// Parts with what the calibration rows say of the candidates made of them.
struct Calibrated {
    parts: Parts,
    /// What each candidate forecast for the calibration rows, at its own level.
    raw: Vec<Vec<f64>>,
    /// What these rows' customers spent.
    spend: Vec<f64>,
    /// The same over the spend of their last windows, and over what the MBG/NBD expected of them; older rows count less.
    /// `None` where nothing was spent.
    spend_over: Option<[f64; 2]>,
}

/// Predictions of some rows.
struct Scores {
    mean: Vec<f64>,
    quantiles: Option<Matrix>,
    /// What brought the candidate's own level to that of the mean.
    level: f64,
    /// The interval around the mean, or why there is none.
    interval: std::result::Result<conformal::Fitted, String>,
}

/// What the stage works with.
struct Room<'a> {
    config: &'a Config,
    engine: &'a Engine,
    run: &'a RunFolder,
    panel: &'a Panel,
    timeline: Timeline,
    snapshots: &'a [Instant],
    horizon: i64,
    /// Hears of every fit.
    steps: &'a Steps<'a>,
}

impl Room<'_> {
    fn levels(&self) -> [f64; 3] {
        let tail = (1.0 - self.config.value.interval) / 2.0;
        [tail, 0.5, 1.0 - tail]
    }

    /// A feature with what is missing or negative as zero.
    fn amount(&self, name: &str, rows: &[usize]) -> Vec<f64> {
        candidates::amount(&self.panel.table, name, rows)
    }

    /// Whether the windows that train and the one that calibrates each hold enough buyers.
    fn teaches(&self, windows: &Windows) -> bool {
        self.holds(&windows.train, MIN_ROWS)
            && (windows.calibrate.is_none() || self.holds(windows.calibrate.as_slice(), MIN_TEST_ROWS))
    }

    /// Whether the snapshots hold at least so many rows, and a tenth of that of buyers.
    fn holds(&self, snapshots: &[Instant], least: usize) -> bool {
        let rows = self.panel.rows(snapshots);
        let buyers = rows.iter().filter(|&&i| self.panel.orders[i] > 0.5).count();
        rows.len() >= least && buyers >= least / 10
    }

    /// The portfolio's spend in the window after a snapshot: last year's, grown as the number of buyers has grown since;
    /// `None` where there is no last year.
    fn season_total(&self, at: Instant) -> Result<Option<f64>> {
        let season = panel::season(self.engine, self.run, &self.timeline, self.snapshots, at, self.horizon)?;
        Ok(season.as_ref().and_then(season_total))
    }

    /// Fits on the training windows and calibrates on the later one, or across folds of customers where there is none.
    fn calibrate(&self, windows: &Windows, models: &[ValueModel]) -> Result<Calibrated> {
        let train = self.panel.rows(&windows.train);
        let mut parts = self.fit(&train, models)?;
        let is_stacked = models.contains(&ValueModel::Stack);
        let (rows, raw) = match windows.calibrate {
            Some(snapshot) => {
                let rows = self.panel.rows(&[snapshot]);
                if is_stacked {
                    let weights = self.weigh(&self.members(&parts, &rows)?, &self.spend(&rows))?;
                    parts.set_stack(weights);
                }
                let raw = self.predict(&parts, models, &rows)?;
                (rows, raw)
            }
            None => {
                let folds = self.cross_fit(&train, models)?;
                let rows: Vec<usize> = folds.iter().flat_map(|(_, rows)| rows.iter().copied()).collect();
                if is_stacked {
                    let mut members: Vec<Vec<f64>> = Vec::new();
                    for (fold, rows) in &folds {
                        let of_fold = self.members(fold, rows)?;
                        members.resize(of_fold.len(), Vec::new());
                        for (all, of) in members.iter_mut().zip(of_fold) {
                            all.extend(of);
                        }
                    }
                    parts.set_stack(self.weigh(&members, &self.spend(&rows))?);
                }
                let mut raw = vec![Vec::new(); models.len()];
                for (mut fold, rows) in folds {
                    fold.keep_stack_of(&parts);
                    for (all, of) in raw.iter_mut().zip(self.predict(&fold, models, &rows)?) {
                        all.extend(of);
                    }
                }
                (rows, raw)
            }
        };
        let spend = self.spend(&rows);
        let ages = self.panel.age_weights(&rows, HALF_LIFE_DAYS);
        let total = |of: &[f64]| of.iter().zip(&ages).map(|(v, w)| v * w).sum::<f64>();
        let simple = self.simple(&parts, &rows)?.map(|of| total(&of));
        let spend_over = simple.map(|of| total(&spend) / of);
        let spend_over = spend_over.iter().all(|ratio| *ratio > 0.0 && ratio.is_finite()).then_some(spend_over);
        Ok(Calibrated { parts, raw, spend, spend_over })
    }

    /// The two simple forecasts of what rows will spend: the spend of the last window, and what the MBG/NBD expects.
    fn simple(&self, parts: &Parts, rows: &[usize]) -> Result<[Vec<f64>; 2]> {
        let input = self.input(rows)?;
        Ok([parts.predict(ValueModel::CarryForward, &input)?, parts.predict(ValueModel::MbgNbd, &input)?])
    }

    fn spend(&self, rows: &[usize]) -> Vec<f64> {
        rows.iter().map(|&i| self.panel.spend[i].max(0.0)).collect()
    }

    /// The interval that the calibration rows show around a candidate's means, brought to the level of other rows: what
    /// their mean is beside that of the calibration rows. Or why there is none.
    fn interval(
        &self,
        raw: &[f64],
        spend: &[f64],
        mean_now: f64,
    ) -> Result<std::result::Result<conformal::Fitted, String>> {
        let factor = match Factor::fit(raw, spend, None) {
            Ok(factor) => factor.factor,
            Err(e @ tenure_math::Error::Degenerate { .. }) => return Ok(Err(e.to_string())),
            Err(e) => return Err(Error::math("the level of the values")(e)),
        };
        let mean_then = spend.iter().sum::<f64>() / spend.len() as f64;
        let to_now = if mean_now > 0.0 { mean_now / mean_then } else { 1.0 };
        let mean: Vec<f64> = raw.iter().map(|v| v * factor * to_now).collect();
        let actual: Vec<f64> = spend.iter().map(|v| v * to_now).collect();
        let params = conformal::Params { levels: self.levels().to_vec(), ..Default::default() };
        let quantiles = repeated(&mean, params.levels.len())?;
        match conformal::fit(&conformal::Rows { predicted: &mean, quantiles: &quantiles, actual: &actual }, &params) {
            Ok(conformal) => Ok(Ok(conformal)),
            Err(e @ (tenure_math::Error::TooFew { .. } | tenure_math::Error::Degenerate { .. })) => {
                Ok(Err(e.to_string()))
            }
            Err(e) => Err(Error::math("the intervals of the values")(e)),
        }
    }

    fn predict(&self, parts: &Parts, models: &[ValueModel], rows: &[usize]) -> Result<Vec<Vec<f64>>> {
        let input = self.input(rows)?;
        models.iter().map(|&model| parts.predict(model, &input)).collect()
    }

    /// Fits to the other folds with the rows of each fold: no customer is predicted by trees that saw any of its rows.
    fn cross_fit(&self, train: &[usize], models: &[ValueModel]) -> Result<Vec<(Parts, Vec<usize>)>> {
        let groups = self.panel.groups(train);
        let mut folds = Vec::new();
        for fold in 0..FOLDS {
            let pick = |inside: bool| -> Vec<usize> {
                train.iter().zip(&groups).filter(|(_, g)| (**g % FOLDS == fold) == inside).map(|(&i, _)| i).collect()
            };
            let (fitted_on, predicted) = (pick(false), pick(true));
            if predicted.is_empty() {
                self.steps.done(1);
                continue;
            }
            folds.push((self.fit(&fitted_on, models)?, predicted));
        }
        Ok(folds)
    }

    /// Scores rows of one snapshot by the candidate in place `k`: at the total of the seasonal forecast where there is
    /// one, else half way, in logarithms, between what was spent lately and what the MBG/NBD expects, each as far as
    /// calibration rows spent what it had said of them. The one overrates what was a season, the other what will be one.
    fn score(
        &self,
        calibrated: &Calibrated,
        k: usize,
        raw: &[f64],
        rows: &[usize],
        season: Option<f64>,
    ) -> Result<Scores> {
        let sum: f64 = raw.iter().sum();
        let total = match (season, calibrated.spend_over) {
            (Some(total), _) => total,
            (None, Some(ratios)) => {
                let simple = self.simple(&calibrated.parts, rows)?.map(|of| of.iter().sum::<f64>());
                simple.iter().zip(ratios).map(|(total, ratio)| total * ratio).product::<f64>().sqrt()
            }
            (None, None) => sum,
        };
        let level = if sum > 0.0 && total > 0.0 { total / sum } else { 1.0 };
        let mean: Vec<f64> = raw.iter().map(|m| m * level).collect();
        let mean_now = mean.iter().sum::<f64>() / mean.len().max(1) as f64;
        let interval = self.interval(&calibrated.raw[k], &calibrated.spend, mean_now)?;
        let quantiles = interval.as_ref().ok().map(|conformal| quantiles(conformal, &mean)).transpose()?;
        Ok(Scores { mean, quantiles, level, interval })
    }
}

/// The quantiles around means.
fn quantiles(conformal: &conformal::Fitted, mean: &[f64]) -> Result<Matrix> {
    let levels = conformal.groups.first().map_or(0, |group| group.factors.len());
    conformal.apply(mean, &repeated(mean, levels)?).map_err(Error::math("the conformal quantiles"))
}

/// The same column so many times: the mean as the first guess of every quantile.
fn repeated(mean: &[f64], times: usize) -> Result<Matrix> {
    Matrix::from_columns(&vec![mean.to_vec(); times]).map_err(Error::math("the quantiles of the values"))
}

fn season_total(season: &Season) -> Option<f64> {
    season::forecast(&Around {
        recent: season.buyers.recent,
        recent_last_year: season.buyers.recent_last_year,
        window_last_year: season.spend.window_last_year,
        history_days: season.spend.history_days,
        closed: season.spend.closed.clone(),
    })
    .ok()
}

//! Value: features and labels to the money a customer is expected to bring in the coming window, with an interval.
//!
//! The recipe: boosted trees under the Tweedie deviance say by how much a customer's spend will differ from what it
//! spent lately; their mean is pooled with the spend of the last year. Quantiles are the mean times factors that are
//! conformalised on a later window, by groups of the mean. Level: that of the calibration window, or what the same
//! season of last year says, where the data hold it. What a customer is worth that stays is a model of its own (`kept`).
//! The evaluation touches the test window once.

mod evaluate;
mod kept;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenure_math::boost::{self, Objective};
use tenure_math::calibrate::Factor;
use tenure_math::num::Matrix;
use tenure_math::rng;
use tenure_math::season::{self, Around};
use tenure_math::value::{carry_forward, conformal};
use tenure_tables::engine::Engine;
use tenure_tables::store::{self, Column};

use crate::artifact::{self, RunFolder};
use crate::config::{Basis, Config, ValueModel};
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::panel::{self, Panel, Season};
use crate::summary::{Finding, NOTHING, ValueQuality, ValueScore};
use crate::time::Instant;
use crate::timeline::{Timeline, Windows};

pub use kept::Kept;

/// As for churn: a training window loses half its weight with every so many days of age.
const HALF_LIFE_DAYS: f64 = 180.0;
/// Variance power of the Tweedie deviance: between Poisson (1) and gamma (2).
const TWEEDIE_POWER: f64 = 1.5;
/// Folds of customers where calibration has to share its windows with training.
const FOLDS: u64 = 5;
/// Share of the trees in the mean; the rest is the spend of the last year (docs/methods/value.md).
const TREE_SHARE: f64 = 0.7;
/// What a customer without recent spend counts beside the median one, so that nobody's scale is zero.
const SCALE_FLOOR: f64 = 0.05;
/// Fewer rows, or fewer buyers than a tenth of it, carry no model.
const MIN_ROWS: usize = 600;
/// Fewer customers, or fewer buyers than a tenth of it, say nothing about a model.
const MIN_TEST_ROWS: usize = 100;
/// A rank correlation of so many times `1 / sqrt(n)` is reached by chance once in forty samples of unrelated numbers.
const CHANCE: f64 = 1.96;
/// The spend of fewer days is carried forward as if it were that of so many: four days say nothing of half a year.
const LEAST_SEEN_DAYS: f64 = 30.0;
/// Look-back windows that the features offer, days.
const LOOK_BACKS: [(i64, &str); 5] =
    [(30, "revenue_30d"), (60, "revenue_60d"), (90, "revenue_90d"), (180, "revenue_180d"), (365, "revenue_365d")];
/// The saved model.
pub const MODEL: &str = "models/value.json";

/// What the value stage found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Length of the window, days.
    pub horizon_days: i64,
    /// Which spend counts.
    pub basis: String,
    /// The windows behind the evaluation.
    pub evaluation: Option<Windows>,
    /// The windows behind the deployed model.
    pub deployment: Option<Windows>,
    /// The evaluation on the test window.
    pub quality: Finding<ValueQuality>,
    /// How well the value of customers who stay is known, on those who stayed in the test window; empty where it could not
    /// be judged.
    pub if_retained: Vec<ValueScore>,
    /// Predicted and actual by predicted decile of the test window.
    pub deciles: Vec<Decile>,
    /// The portfolio's expected spend; `None` without a model.
    pub portfolio: Option<f64>,
    /// The same by the seasonal forecast; `None` where there is no last year.
    pub season_total: Option<f64>,
    /// Why quantiles are missing, where they are.
    pub quantiles_missing: Option<String>,
    /// Features by the share of the trees' loss reduction, greatest first.
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
    /// The windows it learnt from.
    pub windows: Windows,
    /// Trees of the mean, in units of the customer's scale.
    pub mean: boost::Fitted,
    /// What is added to every customer's scale, money.
    pub scale_floor: f64,
    /// What a customer is worth that stays; `None` where too few stayed to learn it from.
    pub kept: Option<Kept>,
    /// Total that the mean is brought to, money.
    pub portfolio: f64,
    /// Conformal adjustment.
    pub conformal: Option<conformal::Fitted>,
}

/// Models value; the sentence says what came of it. Where no window is closed, the value is the carry-forward, without
/// an interval.
///
/// # Errors
/// Engine and file errors; a refused computation.
pub fn run(config: &Config, engine: &Engine, run: &mut RunFolder) -> Result<String> {
    let timeline = run.timeline()?;
    let horizon = i64::from(config.value.horizon_days);
    let snapshots = timeline.snapshots(&config.snapshots);
    let deployment = timeline.deployment(&snapshots, horizon);
    let mut wanted = deployment.as_ref().map_or_else(Vec::new, Windows::snapshots);
    if wanted.last() != Some(&timeline.as_of) {
        wanted.push(timeline.as_of);
    }
    let basis = match config.value.basis {
        Basis::Gross => "spend_gross",
        Basis::Net => "spend_net",
    };
    let churn_days = i64::from(config.churn.horizon_days);
    let panel = Panel::read(engine, run, &wanted, horizon, churn_days, basis)?;
    let now = panel.rows(&[timeline.as_of]);
    let mut warnings = panel.warnings.clone();
    let room = Room { config, run, panel: &panel, timeline, horizon };

    let has_money = panel.feature("monetary_total", &now).iter().any(|m| m.is_finite());
    let Some(deployment) = deployment.filter(|w| has_money && teaches(&panel, w)) else {
        let (reason, mean) = if has_money {
            let reason = format!(
                "the windows of {horizon} days that start at a snapshot and end by {} do not hold enough buyers",
                timeline.data_end
            );
            warnings.push(format!(
                "there is no value model: {reason}; the spend of the last {horizon} days stands in, scaled up where the \
                 history is shorter"
            ));
            (reason, room.carry_forward(&now)?)
        } else {
            let reason = "the source holds no money, so there is no spend to forecast".to_owned();
            warnings.push(format!("there is no value model: {reason}"));
            (reason, vec![f64::NAN; now.len()])
        };
        room.write_scores(&now, &Scores { mean: mean.clone(), quantiles: None }, &mean, &vec![0.0; now.len()])?;
        let facts = Facts {
            horizon_days: horizon,
            basis: config.value.basis.word().to_owned(),
            evaluation: None,
            deployment: None,
            quality: Finding::Missing(reason.clone()),
            if_retained: Vec::new(),
            deciles: Vec::new(),
            portfolio: None,
            season_total: None,
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
        .filter(|w| teaches(&panel, w) && holds(&panel, w.test.as_slice(), MIN_TEST_ROWS));
    let season = |at: Instant| panel::season(engine, run, &timeline, &snapshots, at, horizon);
    let seasonal = season(timeline.as_of)?;
    let seasonal_test = evaluation.as_ref().and_then(|w| w.test).map(season).transpose()?.flatten();
    let all = panel.rows(&deployment.snapshots());
    // Four fits that know nothing of each other.
    let ((judged, kept), (calibrated, refitted)) = rayon::join(
        || {
            rayon::join(
                || {
                    let total = seasonal_test.as_ref().and_then(season_total);
                    evaluation.as_ref().map(|windows| room.evaluate(windows, total)).transpose()
                },
                || room.fit_kept(&all),
            )
        },
        || rayon::join(|| room.calibrate(&deployment), || deployment.calibrate.map(|_| room.fit(&all)).transpose()),
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
        warnings.extend(loses_to_baseline(quality));
    }
    let kept = kept?;
    let mut calibrated = calibrated?;
    if let Some(learners) = refitted? {
        calibrated.learners = learners;
    }
    let season_total = seasonal.as_ref().and_then(season_total);
    let scores = room.score(&calibrated, &now, season_total)?;
    let (if_retained_now, if_churned_now) = match &kept {
        Some(kept) => room.if_kept_or_not(kept, &now, &gone(engine, run)?, &scores.mean)?,
        None => {
            warnings
                .push("too few customers stayed to learn what one is worth that stays: the value stands in".to_owned());
            (scores.mean.clone(), vec![0.0; now.len()])
        }
    };
    room.write_scores(&now, &scores, &if_retained_now, &if_churned_now)?;
    if let Some(reason) = &calibrated.quantiles_missing {
        warnings.push(format!("values have no interval: {reason}"));
    }
    let mut importance: Vec<(String, f64)> =
        panel.names.iter().cloned().zip(calibrated.learners.mean.importance()).collect();
    importance.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
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
        evaluation,
        deployment: Some(deployment.clone()),
        quality,
        if_retained,
        deciles,
        portfolio: Some(portfolio),
        season_total,
        quantiles_missing: calibrated.quantiles_missing.clone(),
        importance,
    };
    let model = Model {
        features: panel.names.clone(),
        windows: deployment,
        mean: calibrated.learners.mean,
        scale_floor: calibrated.learners.scale_floor,
        kept,
        portfolio,
        conformal: calibrated.conformal,
    };
    run.write_json(MODEL, &model)?;
    let sentence = match &facts.quality {
        Finding::Measured(q) => format!(
            "{portfolio:.0} expected in {horizon} days; on the test window R² {:.3}, portfolio error {:+.1} %",
            q.models[0].r2.unwrap_or(f64::NAN),
            100.0 * q.models[0].portfolio_error.map_or(f64::NAN, |e| e.value)
        ),
        Finding::Missing(reason) => format!("{portfolio:.0} expected in {horizon} days; not evaluated: {reason}"),
    };
    run.record(Stage::Value, &facts, warnings)?;
    Ok(sentence)
}

/// The probability of each customer at `as_of` of having left already, in their order; 0 where there is no churn model.
fn gone(engine: &Engine, run: &RunFolder) -> Result<Vec<f64>> {
    engine.register("churn_scores", &run.read(artifact::CHURN_SCORES, Stage::Churn)?)?;
    let scores = engine.select("select p_gone from churn_scores order by customer_id", &[])?;
    Ok(scores.f64s("p_gone")?.into_iter().map(|p| if p.is_finite() { p } else { 0.0 }).collect())
}

/// Whether the windows that train and the one that calibrates each hold enough buyers.
fn teaches(panel: &Panel, windows: &Windows) -> bool {
    holds(panel, &windows.train, MIN_ROWS)
        && (windows.calibrate.is_none() || holds(panel, windows.calibrate.as_slice(), MIN_TEST_ROWS))
}

/// Whether the snapshots hold at least so many rows, and a tenth of that of buyers.
fn holds(panel: &Panel, snapshots: &[Instant], least: usize) -> bool {
    let rows = panel.rows(snapshots);
    let buyers = rows.iter().filter(|&&i| panel.orders[i] > 0.5).count();
    rows.len() >= least && buyers >= least / 10
}

/// A warning where the carry-forward does better on the test window.
fn loses_to_baseline(quality: &ValueQuality) -> Option<String> {
    let (model, naive) = (quality.models.first()?, quality.models.last()?);
    let errors = (model.portfolio_error.as_ref()?.value, naive.portfolio_error.as_ref()?.value);
    let (worse_r2, worse_total) = (naive.r2? > model.r2?, errors.1.abs() < errors.0.abs());
    (worse_r2 || worse_total).then(|| {
        format!(
            "on the test window the spend of the last window, carried forward, is nearer than the model in {}: R² {:.3} \
             against {:.3}, portfolio error {:+.1} % against {:+.1} %",
            match (worse_r2, worse_total) {
                (true, true) => "single values and in total",
                (true, false) => "single values",
                _ => "total",
            },
            naive.r2.unwrap_or(f64::NAN),
            model.r2.unwrap_or(f64::NAN),
            100.0 * errors.1,
            100.0 * errors.0
        )
    })
}

struct Learners {
    mean: boost::Fitted,
    scale_floor: f64,
}

/// Learners with what the calibration rows say of them.
struct Calibrated {
    learners: Learners,
    /// Level of the mean: actual over predicted total.
    factor: Factor,
    conformal: Option<conformal::Fitted>,
    quantiles_missing: Option<String>,
}

/// Predictions of some rows.
struct Scores {
    mean: Vec<f64>,
    quantiles: Option<Matrix>,
}

/// What the stage works with.
struct Room<'a> {
    config: &'a Config,
    run: &'a RunFolder,
    panel: &'a Panel,
    timeline: Timeline,
    horizon: i64,
}

impl Room<'_> {
    fn levels(&self) -> [f64; 3] {
        let tail = (1.0 - self.config.value.interval) / 2.0;
        [tail, 0.5, 1.0 - tail]
    }

    fn params(&self, objective: Objective, task: &str) -> boost::Params {
        let b = &self.config.boosting;
        boost::Params {
            objective,
            rounds: b.rounds,
            learning_rate: b.learning_rate,
            max_leaves: b.leaves,
            max_depth: None,
            min_rows_per_leaf: b.min_rows,
            row_sample: b.row_sample,
            column_sample: b.column_sample,
            lambda: b.lambda,
            seed: rng::seed_of(self.config.run.seed, task, 0),
            threads: 0,
        }
    }

    /// A feature with what is missing or negative as zero.
    fn amount(&self, name: &str, rows: &[usize]) -> Vec<f64> {
        self.panel.feature(name, rows).iter().map(|v| if v.is_finite() { v.max(0.0) } else { 0.0 }).collect()
    }

    /// What a customer spends, roughly: the yardstick that the trees correct.
    fn scale(&self, rows: &[usize], floor: f64) -> Vec<f64> {
        let (year, half) = (self.amount("revenue_365d", rows), self.amount("revenue_180d", rows));
        year.iter().zip(half).map(|(y, h)| floor + 0.5 * y + 0.5 * h).collect()
    }

    /// Weights of rows whose spend over `scale` is fitted: older ones count less, and the mean is 1.
    fn weights(&self, rows: &[usize], scale: &[f64]) -> Vec<f64> {
        let mut weights = self.panel.age_weights(rows, HALF_LIFE_DAYS);
        for (w, c) in weights.iter_mut().zip(scale) {
            *w *= c.powf(2.0 - TWEEDIE_POWER);
        }
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        for w in &mut weights {
            *w /= mean;
        }
        weights
    }

    /// Fits the trees to spend over scale. Under the Tweedie deviance of power `p` this is the fit to spend itself with
    /// the scale as a multiplicative offset when rows weigh `scale^(2 - p)` (Jorgensen 1997: the deviance is
    /// homogeneous of degree `2 - p`). Each snapshot is brought to one level first.
    fn fit(&self, rows: &[usize]) -> Result<Learners> {
        let features = self.panel.features.select_rows(rows);
        let positive: Vec<f64> = self.amount("revenue_365d", rows).into_iter().filter(|v| *v > 0.0).collect();
        let scale_floor = SCALE_FLOOR * tenure_math::num::quantile(&positive, 0.5).unwrap_or(20.0);
        let mut scale = self.scale(rows, scale_floor);
        let spend: Vec<f64> = rows.iter().map(|&i| self.panel.spend[i].max(0.0)).collect();
        let mut totals: BTreeMap<Instant, (f64, f64)> = BTreeMap::new();
        for (k, &i) in rows.iter().enumerate() {
            let entry = totals.entry(self.panel.snapshots[i]).or_default();
            entry.0 += scale[k];
            entry.1 += spend[k];
        }
        for (k, &i) in rows.iter().enumerate() {
            let (scales, spends) = totals[&self.panel.snapshots[i]];
            if spends > 0.0 {
                scale[k] *= spends / scales;
            }
        }
        let target: Vec<f64> = spend.iter().zip(&scale).map(|(v, c)| v / c).collect();
        let weights = self.weights(rows, &scale);
        let params = self.params(Objective::Tweedie { power: TWEEDIE_POWER }, "value/mean");
        let mean = boost::fit(&features, &target, Some(&weights), &params).map_err(Error::math("the value trees"))?;
        Ok(Learners { mean, scale_floor })
    }

    /// The naive baseline: the spend of the last window as long as the horizon, or of the longest look-back, scaled.
    fn carry_forward(&self, rows: &[usize]) -> Result<Vec<f64>> {
        let (days, name) =
            LOOK_BACKS.into_iter().find(|(days, _)| *days >= self.horizon).unwrap_or(LOOK_BACKS[LOOK_BACKS.len() - 1]);
        let seen = rows.first().map_or(1.0, |&i| self.panel.snapshots[i].days_since(self.timeline.data_start));
        let spend: Vec<f64> = self
            .panel
            .feature(name, rows)
            .iter()
            .map(|v| if v.is_finite() { v * self.horizon as f64 / days as f64 } else { 0.0 })
            .collect();
        carry_forward::predict(&spend, self.horizon as f64, seen.max(LEAST_SEEN_DAYS))
            .map_err(Error::math("the carry-forward"))
    }

    /// The mean before any level: trees and last year's spend, each brought to the trees' total.
    fn raw(&self, learners: &Learners, rows: &[usize]) -> Result<Vec<f64>> {
        if self.config.value.model == Some(ValueModel::CarryForward) {
            return Ok(self.carry_forward(rows)?.into_iter().map(|v| v.max(0.0)).collect());
        }
        let features = self.panel.features.select_rows(rows);
        let ratio = learners.mean.predict(&features).map_err(Error::math("the value trees"))?;
        let trees: Vec<f64> = ratio.iter().zip(self.scale(rows, learners.scale_floor)).map(|(r, c)| r * c).collect();
        let year = self.amount("revenue_365d", rows);
        let (tree_total, year_total) = (trees.iter().sum::<f64>(), year.iter().sum::<f64>());
        if self.config.value.model == Some(ValueModel::Boosting) || year_total <= 0.0 {
            return Ok(trees);
        }
        let to_trees = (1.0 - TREE_SHARE) * tree_total / year_total;
        Ok(trees.iter().zip(&year).map(|(t, y)| TREE_SHARE * t + to_trees * y).collect())
    }

    /// Fits on the training windows and calibrates on the later one, or across folds of customers where there is none.
    fn calibrate(&self, windows: &Windows) -> Result<Calibrated> {
        let train = self.panel.rows(&windows.train);
        let learners = self.fit(&train)?;
        let (rows, raw) = match windows.calibrate {
            Some(snapshot) => {
                let rows = self.panel.rows(&[snapshot]);
                let raw = self.raw(&learners, &rows)?;
                (rows, raw)
            }
            None => self.cross_fit(&train)?,
        };
        let spend: Vec<f64> = rows.iter().map(|&i| self.panel.spend[i].max(0.0)).collect();
        let factor = Factor::fit(&raw, &spend, None).map_err(Error::math("the level of the values"))?;
        let mean = factor.apply(&raw);
        let params = conformal::Params { levels: self.levels().to_vec(), ..Default::default() };
        let quantiles = repeated(&mean, params.levels.len())?;
        let (conformal, quantiles_missing) =
            match conformal::fit(&conformal::Rows { predicted: &mean, quantiles: &quantiles, actual: &spend }, &params)
            {
                Ok(conformal) => (Some(conformal), None),
                Err(e @ (tenure_math::Error::TooFew { .. } | tenure_math::Error::Degenerate { .. })) => {
                    (None, Some(e.to_string()))
                }
                Err(e) => return Err(Error::math("the intervals of the values")(e)),
            };
        Ok(Calibrated { learners, factor, conformal, quantiles_missing })
    }

    /// Out-of-fold means of the training rows: no customer is predicted by trees that saw any of its rows.
    fn cross_fit(&self, train: &[usize]) -> Result<(Vec<usize>, Vec<f64>)> {
        let groups = self.panel.groups(train);
        let (mut order, mut raw) = (Vec::new(), Vec::new());
        for fold in 0..FOLDS {
            let pick = |inside: bool| -> Vec<usize> {
                train.iter().zip(&groups).filter(|(_, g)| (**g % FOLDS == fold) == inside).map(|(&i, _)| i).collect()
            };
            let (fitted_on, predicted) = (pick(false), pick(true));
            if !predicted.is_empty() {
                raw.extend(self.raw(&self.fit(&fitted_on)?, &predicted)?);
                order.extend(predicted);
            }
        }
        Ok((order, raw))
    }

    /// Scores rows of one snapshot, at the total of the seasonal forecast where there is one.
    fn score(&self, calibrated: &Calibrated, rows: &[usize], total: Option<f64>) -> Result<Scores> {
        let raw = self.raw(&calibrated.learners, rows)?;
        let sum: f64 = raw.iter().sum();
        let mean: Vec<f64> = match total {
            Some(total) if sum > 0.0 => raw.iter().map(|m| m * total / sum).collect(),
            _ => calibrated.factor.apply(&raw),
        };
        let quantiles = match &calibrated.conformal {
            Some(conformal) => {
                let same = repeated(&mean, self.levels().len())?;
                Some(conformal.apply(&mean, &same).map_err(Error::math("the conformal quantiles"))?)
            }
            None => None,
        };
        Ok(Scores { mean, quantiles })
    }

    /// Writes the values; what is NaN is unknown and becomes null.
    fn write_scores(&self, rows: &[usize], scores: &Scores, if_retained: &[f64], if_churned: &[f64]) -> Result<()> {
        let n = rows.len();
        let known = |v: &[f64]| Column::OptF64(v.iter().map(|v| v.is_finite().then_some(*v)).collect());
        let quantile = |j: usize| -> Column {
            Column::OptF64((0..n).map(|i| scores.quantiles.as_ref().map(|q| q.get(i, j))).collect())
        };
        store::write_columns(
            &self.run.write(artifact::VALUE_SCORES)?,
            &[
                ("customer_id", Column::Text(rows.iter().map(|&i| self.panel.customers[i].clone()).collect())),
                ("value_mean", known(&scores.mean)),
                ("value_q10", quantile(0)),
                ("value_q50", quantile(1)),
                ("value_q90", quantile(2)),
                ("value_if_retained", known(if_retained)),
                ("value_if_churned", known(if_churned)),
            ],
        )?;
        Ok(())
    }
}

/// The same column so many times: the mean as the first guess of every quantile.
fn repeated(mean: &[f64], times: usize) -> Result<Matrix> {
    Matrix::from_columns(&vec![mean.to_vec(); times]).map_err(Error::math("the quantiles of the values"))
}

/// The portfolio's spend in the coming window: last year's, grown as the number of buyers has grown since.
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

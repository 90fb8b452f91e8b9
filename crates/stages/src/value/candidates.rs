//! The candidates: ways to forecast spend, simplest first, behind one interface.
//!
//! A candidate is a word of the configuration ([`ValueModel`]) with what it is put together from. Parts are fitted once
//! for all candidates that share them, and saved with the model. A candidate says who spends how much beside the others;
//! the level of them all is set afterwards.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenure_math::boost::{self, Engine, Objective};
use tenure_math::num::Matrix;
use tenure_math::value::{carry_forward, hurdle, smearing, stack};

use super::{HALF_LIFE_DAYS, Room, TWEEDIE_POWER};
use crate::config::ValueModel;
use crate::error::{Error, Result};
use crate::lifetimes::{PURCHASE_DAYS, pasts};
use crate::panel::{self, Table};
use crate::time::Instant;

/// Shares of the trees, of the spend of the last year and of the MBG/NBD in the pool (docs/methods/value.md).
const POOL: [f64; 3] = [0.5, 0.25, 0.25];
/// So many purchases of the mean value are added to a customer's own: one large purchase is no habit.
const MEAN_PURCHASES: f64 = 2.0;
/// What a customer without recent spend counts beside the median one, so that nobody's scale is zero.
const SCALE_FLOOR: f64 = 0.05;
/// What is added to spend before its logarithm is taken, in units of the scale's floor: who spends nothing has none.
const LOG_OFFSET: f64 = 1.0;
/// The spend of fewer days is carried forward as if it were that of so many: four days say nothing of half a year.
const LEAST_SEEN_DAYS: f64 = 30.0;
/// Look-back windows that the features offer, days.
const LOOK_BACKS: [(i64, &str); 5] =
    [(30, "revenue_30d"), (60, "revenue_60d"), (90, "revenue_90d"), (180, "revenue_180d"), (365, "revenue_365d")];
/// What the contributions to value call the yardstick that the trees correct, which is no column of the features.
pub(crate) const USUAL_SPEND: &str = "usual_spend";
/// What they call a customer's mean spend on a purchase day, drawn towards the shop's.
pub(crate) const SPEND_PER_DAY: &str = "spend_per_purchase_day";
/// What the stack weighs.
const STACKED: [ValueModel; 5] =
    [ValueModel::CarryForward, ValueModel::MbgNbd, ValueModel::LogTarget, ValueModel::Boosting, ValueModel::Hurdle];

/// Rows to forecast.
#[derive(Debug, Clone)]
pub(super) struct Input<'a> {
    pub(super) table: &'a Table,
    pub(super) rows: &'a [usize],
    /// Length of the value window, days.
    pub(super) horizon: i64,
    /// Days of history behind each row.
    pub(super) seen_days: Vec<f64>,
    /// Purchase days expected of each row within the window by the MBG/NBD of its snapshot.
    pub(super) purchases: Vec<f64>,
}

/// The fitted parts of one or more candidates.
#[derive(Debug, Serialize, Deserialize)]
pub struct Parts {
    /// What is added to every customer's scale, money.
    scale_floor: f64,
    /// Trees of the spend in units of the scale, under the Tweedie deviance.
    trees: Option<boost::Fitted>,
    /// What the trees expect in all, over the spend of the last year, and over what the MBG/NBD expects; `None` where
    /// one of these is nothing.
    trees_per_year: Option<f64>,
    trees_per_lifetime: Option<f64>,
    /// The shop's mean spend on a purchase day, money.
    mean_purchase: f64,
    /// Trees of the logarithm of spend, and what brings them back to money.
    log: Option<(boost::Fitted, smearing::Smearing)>,
    /// Trees of whether there is spend, and of how much, in units of the scale, where there is.
    hurdle: Option<(boost::Fitted, boost::Fitted)>,
    /// The weights of the stacked candidates.
    stack: Option<Vec<f64>>,
    /// Trees of the spend in units of the scale by LightGBM.
    #[serde(skip_serializing_if = "Option::is_none")]
    lightgbm: Option<boost::Fitted>,
}

impl Parts {
    /// Spend of the rows by one candidate, at its own level.
    ///
    /// # Errors
    /// Those of the models; [`Error::Corrupt`] where the candidate was not fitted.
    pub(super) fn predict(&self, model: ValueModel, input: &Input<'_>) -> Result<Vec<f64>> {
        let features = || input.table.features.select_rows(input.rows);
        match model {
            ValueModel::CarryForward => carried(input).map(|spend| spend.into_iter().map(|v| v.max(0.0)).collect()),
            ValueModel::MbgNbd => Ok(self.of_lifetimes(input)),
            ValueModel::LogTarget => {
                let (trees, smearing) = there(self.log.as_ref(), "the trees of the logarithm")?;
                let logs = trees.predict(&features()).map_err(Error::math("the trees of the logarithm"))?;
                Ok(smearing.apply(&logs))
            }
            ValueModel::Boosting | ValueModel::Lightgbm => {
                let trees = there(self.trees_of(model), "the value trees")?;
                let ratio = trees.predict(&features()).map_err(Error::math("the value trees"))?;
                Ok(ratio.iter().zip(scale(input.table, input.rows, self.scale_floor)).map(|(r, c)| r * c).collect())
            }
            ValueModel::Hurdle => {
                let (buys, amount) = there(self.hurdle.as_ref(), "the trees of the hurdle")?;
                let p = buys.predict(&features()).map_err(Error::math("the trees of who buys"))?;
                let ratio = amount.predict(&features()).map_err(Error::math("the trees of the amounts"))?;
                let amounts: Vec<f64> =
                    ratio.iter().zip(scale(input.table, input.rows, self.scale_floor)).map(|(r, c)| r * c).collect();
                hurdle::mean(&p, &amounts).map_err(Error::math("the hurdle"))
            }
            ValueModel::Pooled => {
                let trees = self.predict(ValueModel::Boosting, input)?;
                let (Some(per_year), Some(per_lifetime)) = (self.trees_per_year, self.trees_per_lifetime) else {
                    return Ok(trees);
                };
                let year = amount(input.table, "revenue_365d", input.rows);
                let lifetime = self.of_lifetimes(input);
                let [of_trees, of_year, of_lifetime] = POOL;
                Ok((0..trees.len())
                    .map(|k| {
                        of_trees * trees[k] + of_year * per_year * year[k] + of_lifetime * per_lifetime * lifetime[k]
                    })
                    .collect())
            }
            ValueModel::Stack => {
                let weights = there(self.stack.as_ref(), "the weights of the stack")?;
                let mut blend = vec![0.0; input.rows.len()];
                for (member, weight) in STACKED.iter().zip(weights).filter(|(_, weight)| **weight > 0.0) {
                    for (sum, v) in blend.iter_mut().zip(self.predict(*member, input)?) {
                        *sum += weight * v;
                    }
                }
                Ok(blend)
            }
        }
    }

    /// The trees of the spend in units of the scale that a candidate rests on.
    fn trees_of(&self, model: ValueModel) -> Option<&boost::Fitted> {
        if model == ValueModel::Lightgbm { self.lightgbm.as_ref() } else { self.trees.as_ref() }
    }

    /// The trees of LightGBM, where they were fitted.
    pub(super) fn lightgbm(&self) -> Option<&boost::Fitted> {
        self.lightgbm.as_ref()
    }

    /// Expected purchases times one's own mean spend on a purchase day.
    fn of_lifetimes(&self, input: &Input<'_>) -> Vec<f64> {
        input.purchases.iter().zip(self.each(input)).map(|(days, each)| days * each).collect()
    }

    /// One's own mean spend on a purchase day, drawn towards the shop's.
    fn each(&self, input: &Input<'_>) -> Vec<f64> {
        let money = amount(input.table, "monetary_total", input.rows);
        let days = amount(input.table, "purchase_days", input.rows);
        let own = |(money, days)| (money + MEAN_PURCHASES * self.mean_purchase) / (days + MEAN_PURCHASES);
        money.into_iter().zip(days).map(own).collect()
    }

    /// What the forecast of a candidate is made of, on the scale of its logarithm; `None` where its parts do not add up
    /// there. Of the pool and the stack it is the trees that are explained.
    pub(super) fn made_of(&self, model: ValueModel, input: &Input<'_>) -> Result<Option<MadeOf>> {
        match (model, self.trees_of(model)) {
            (ValueModel::Boosting | ValueModel::Pooled | ValueModel::Stack | ValueModel::Lightgbm, Some(trees)) => {
                self.made_of_trees(trees, input).map(Some)
            }
            (ValueModel::MbgNbd, _) => self.made_of_lifetimes(input).map(Some),
            _ => Ok(None),
        }
    }

    /// TreeSHAP of the logarithm of the ratio of spend to scale, and the logarithm of the scale less its mean.
    fn made_of_trees(&self, trees: &boost::Fitted, input: &Input<'_>) -> Result<MadeOf> {
        let features = input.table.features.select_rows(input.rows);
        let ratio = trees.contributions(&features).map_err(Error::math("the value trees"))?;
        let scales = scale(input.table, input.rows, self.scale_floor);
        let (usual, mean) = centred(&scales);
        let last = ratio.n_cols() - 1;
        let mut values: Vec<Vec<f64>> = (0..last).map(|j| features.column(j)).collect();
        let mut contributions: Vec<Vec<f64>> = (0..last).map(|j| ratio.column(j)).collect();
        // Who spent nothing reads nothing, not the floor that only keeps the logarithm finite.
        values.push(scales.iter().map(|c| c - self.scale_floor).collect());
        contributions.extend([usual, ratio.column(last).iter().map(|base| base + mean).collect()]);
        MadeOf::new(
            input.table.names.iter().cloned().chain([USUAL_SPEND.to_owned()]).collect(),
            &values,
            &contributions,
        )
    }

    /// The logarithms of the expected purchase days and of the spend on each, less their means.
    fn made_of_lifetimes(&self, input: &Input<'_>) -> Result<MadeOf> {
        let each = self.each(input);
        let ((days, mean_days), (spend, mean_spend)) = (centred(&input.purchases), centred(&each));
        let base = vec![mean_days + mean_spend; each.len()];
        let names = [PURCHASE_DAYS, SPEND_PER_DAY].map(str::to_owned).to_vec();
        MadeOf::new(names, &[input.purchases.clone(), each], &[days, spend, base])
    }

    /// Weighs the stacked candidates.
    pub(super) fn set_stack(&mut self, weights: Vec<f64>) {
        self.stack = Some(weights);
    }

    /// Takes the weights of the stack from an earlier fit.
    pub(super) fn keep_stack_of(&mut self, earlier: &Self) {
        self.stack.clone_from(&earlier.stack);
    }

    /// The weight of each stacked candidate; empty without a stack.
    pub(super) fn stacked(&self) -> Vec<(String, f64)> {
        let weights = self.stack.iter().flatten();
        STACKED.iter().map(|model| model.word().to_owned()).zip(weights.copied()).collect()
    }
}

/// What a forecast is made of: values, and what each adds to the forecast's logarithm.
#[derive(Debug)]
pub(super) struct MadeOf {
    /// The names of what contributes.
    pub(super) names: Vec<String>,
    /// Its values, one row a customer.
    pub(super) values: Matrix,
    /// What each adds, and last what is there without any: the logarithm of a typical customer's forecast.
    pub(super) contributions: Matrix,
}

impl MadeOf {
    fn new(names: Vec<String>, values: &[Vec<f64>], contributions: &[Vec<f64>]) -> Result<Self> {
        let of = |columns: &[Vec<f64>]| Matrix::from_columns(columns).map_err(Error::math("the reasons of the values"));
        Ok(Self { names, values: of(values)?, contributions: of(contributions)? })
    }
}

/// Logarithms less their mean, and the mean. What rounds to nothing counts as the least number there is.
fn centred(values: &[f64]) -> (Vec<f64>, f64) {
    let logs: Vec<f64> = values.iter().map(|v| v.max(f64::MIN_POSITIVE).ln()).collect();
    let mean = logs.iter().sum::<f64>() / logs.len().max(1) as f64;
    (logs.into_iter().map(|v| v - mean).collect(), mean)
}

fn there<'a, T>(part: Option<&'a T>, what: &str) -> Result<&'a T> {
    part.ok_or_else(|| Error::Corrupt {
        artefact: super::MODEL.to_owned(),
        problem: format!("there is nothing of {what} in it, and the model needs it"),
    })
}

/// A feature with what is missing or negative as zero.
pub(super) fn amount(table: &Table, name: &str, rows: &[usize]) -> Vec<f64> {
    table.feature(name, rows).iter().map(|v| if v.is_finite() { v.max(0.0) } else { 0.0 }).collect()
}

/// What a customer spends, roughly: the yardstick that the trees correct.
fn scale(table: &Table, rows: &[usize], floor: f64) -> Vec<f64> {
    let of = |name: &str| amount(table, name, rows);
    let (year, half) = (of("revenue_365d"), of("revenue_180d"));
    year.iter().zip(half).map(|(y, h)| floor + 0.5 * y + 0.5 * h).collect()
}

/// The naive baseline: the spend of the last window as long as the horizon, or of the longest look-back, scaled.
pub(super) fn carried(input: &Input<'_>) -> Result<Vec<f64>> {
    let (days, name) =
        LOOK_BACKS.into_iter().find(|(days, _)| *days >= input.horizon).unwrap_or(LOOK_BACKS[LOOK_BACKS.len() - 1]);
    let horizon = input.horizon as f64;
    let spend = input.table.feature(name, input.rows);
    let mut carried = Vec::with_capacity(spend.len());
    for (v, seen) in spend.into_iter().zip(&input.seen_days) {
        let spend = if v.is_finite() { v * horizon / days as f64 } else { 0.0 };
        let one = carry_forward::predict(&[spend], horizon, seen.max(LEAST_SEEN_DAYS));
        carried.extend(one.map_err(Error::math("the carry-forward"))?);
    }
    Ok(carried)
}

impl Room<'_> {
    /// The rows as the candidates read them.
    pub(super) fn input<'a>(&'a self, rows: &'a [usize]) -> Result<Input<'a>> {
        let table = &self.panel.table;
        let seen = |i: &usize| self.panel.snapshots[*i].days_since(self.timeline.data_start);
        let purchases = self
            .panel
            .by_lifetimes(rows, |lifetimes, rows| lifetimes.expected(&pasts(table, rows), self.horizon as f64))?;
        Ok(Input { table, rows, horizon: self.horizon, seen_days: rows.iter().map(seen).collect(), purchases })
    }

    /// Weights of rows whose spend over `scale` is fitted: older ones count less, and the mean is 1.
    pub(super) fn weights(&self, rows: &[usize], scale: &[f64]) -> Vec<f64> {
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

    /// Fits the parts of the candidates to the rows. Under the Tweedie deviance of power `p` the trees of spend over
    /// scale are the fit to spend itself with the scale as a multiplicative offset when rows weigh `scale^(2 - p)`
    /// (Jorgensen 1997: the deviance is homogeneous of degree `2 - p`). Each snapshot is brought to one level first.
    pub(super) fn fit(&self, rows: &[usize], models: &[ValueModel]) -> Result<Parts> {
        let needs = |model: ValueModel| {
            models.iter().any(|m| match m {
                ValueModel::Stack => STACKED.contains(&model),
                ValueModel::Pooled => model == ValueModel::Boosting,
                other => *other == model,
            })
        };
        let features = self.panel.table.features.select_rows(rows);
        let positive: Vec<f64> =
            amount(&self.panel.table, "revenue_365d", rows).into_iter().filter(|v| *v > 0.0).collect();
        let scale_floor = SCALE_FLOOR * tenure_math::num::quantile(&positive, 0.5).unwrap_or(20.0);
        let mut scale = scale(&self.panel.table, rows, scale_floor);
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
        let ratio: Vec<f64> = spend.iter().zip(&scale).map(|(v, c)| v / c).collect();
        let weights = self.weights(rows, &scale);
        let boosting = |objective: Objective, task: &str| panel::boosting(self.config, objective, task);
        let trees = |engine, members: Option<&[usize]>, what, task: &str| -> Result<boost::Fitted> {
            let params = boost::Params { engine, ..boosting(Objective::Tweedie { power: TWEEDIE_POWER }, task) };
            let fitted = match members {
                None => boost::fit(&features, &ratio, Some(&weights), &params),
                Some(members) => {
                    let of = |values: &[f64]| -> Vec<f64> { members.iter().map(|&k| values[k]).collect() };
                    boost::fit(&features.select_rows(members), &of(&ratio), Some(&of(&weights)), &params)
                }
            };
            fitted.map_err(Error::math(what))
        };
        let ages = self.panel.age_weights(rows, HALF_LIFE_DAYS);
        let log = needs(ValueModel::LogTarget).then(|| -> Result<_> {
            let offset = LOG_OFFSET * scale_floor;
            let logs: Vec<f64> = spend.iter().map(|v| (v + offset).ln()).collect();
            let fitted = boost::fit(&features, &logs, Some(&ages), &boosting(Objective::Squared, "value/log"))
                .map_err(Error::math("the trees of the logarithm"))?;
            let predicted = fitted.predict(&features).map_err(Error::math("the trees of the logarithm"))?;
            let smearing = smearing::Smearing::fit(&predicted, &spend, offset)
                .map_err(Error::math("the smearing of the logarithm"))?;
            Ok((fitted, smearing))
        });
        let hurdle = needs(ValueModel::Hurdle).then(|| -> Result<_> {
            let buys: Vec<f64> = spend.iter().map(|v| f64::from(*v > 0.0)).collect();
            let p = boost::fit(&features, &buys, Some(&ages), &boosting(Objective::Logistic, "value/buys"))
                .map_err(Error::math("the trees of who buys"))?;
            let buyers: Vec<usize> = (0..rows.len()).filter(|&k| spend[k] > 0.0).collect();
            Ok((p, trees(Engine::Hessboost, Some(&buyers), "the trees of the amounts", "value/amounts")?))
        });
        let of = |model: ValueModel, engine: Engine| {
            needs(model).then(|| trees(engine, None, "the value trees", "value/mean")).transpose()
        };
        let mean = of(ValueModel::Boosting, Engine::Hessboost)?;
        let total = |name: &str| amount(&self.panel.table, name, rows).iter().sum::<f64>();
        let purchase_days = total("purchase_days");
        let mut parts = Parts {
            scale_floor,
            trees_per_year: None,
            trees_per_lifetime: None,
            mean_purchase: if purchase_days > 0.0 { total("monetary_total") / purchase_days } else { 0.0 },
            trees: mean,
            log: log.transpose()?,
            hurdle: hurdle.transpose()?,
            stack: None,
            lightgbm: of(ValueModel::Lightgbm, Engine::Lightgbm)?,
        };
        if parts.trees.is_some() {
            let input = self.input(rows)?;
            let trees: f64 = parts.predict(ValueModel::Boosting, &input)?.iter().sum();
            let per = |other: f64| (other > 0.0).then(|| trees / other);
            parts.trees_per_year = per(total("revenue_365d"));
            parts.trees_per_lifetime = per(parts.of_lifetimes(&input).iter().sum());
        }
        self.steps.done(1);
        Ok(parts)
    }

    /// Weighs the stack by what came of its members' forecasts.
    pub(super) fn weigh(&self, members: &[Vec<f64>], spend: &[f64]) -> Result<Vec<f64>> {
        let members: Vec<&[f64]> = members.iter().map(Vec::as_slice).collect();
        stack::weights(&members, spend).map_err(Error::math("the weights of the stack"))
    }

    /// The forecasts that the stack weighs.
    pub(super) fn members(&self, parts: &Parts, rows: &[usize]) -> Result<Vec<Vec<f64>>> {
        let input = self.input(rows)?;
        STACKED.iter().map(|model| parts.predict(*model, &input)).collect()
    }
}

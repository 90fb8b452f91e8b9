//! What a customer is worth who does not leave: its spend in the value window, given that it buys in the churn window.
//!
//! Learnt from those who did buy. Trees under the Tweedie deviance correct the customer's own pace times its own order
//! value, so that one who has long been silent is judged by what it did while it bought: that is what an offer would win
//! back.

use serde::{Deserialize, Serialize};
use tenure_math::boost::{self, Objective};
use tenure_math::pace::Pace;

use super::{HALF_LIFE_DAYS, MIN_TEST_ROWS, Room, TWEEDIE_POWER};
use crate::error::{Error, Result};
use crate::summary::ValueScore;
use crate::timeline::Windows;

/// The model of the value of a customer that stays.
#[derive(Debug, Serialize, Deserialize)]
pub struct Kept {
    /// How often who stays buys.
    pub pace: Pace,
    /// The mean order, money: it counts as one more order of everybody's.
    pub order_value: f64,
    /// By how much the spend differs from pace times order value.
    pub trees: boost::Fitted,
}

impl Room<'_> {
    /// The rows of customers who bought in the churn window.
    fn stayed(&self, rows: &[usize]) -> Vec<usize> {
        rows.iter().copied().filter(|&i| self.panel.orders_in_churn_window[i] > 0.5).collect()
    }

    /// Fits to those of the rows who bought in the churn window; `None` where they are too few.
    pub(super) fn fit_kept(&self, rows: &[usize]) -> Result<Option<Kept>> {
        let stayed = self.stayed(rows);
        let (repeats, spans) = self.panel.pace(rows);
        let Ok(pace) = Pace::fit(&repeats, &spans) else { return Ok(None) };
        let orders: f64 = self.amount("frequency", rows).iter().sum();
        let order_value = self.amount("monetary_total", rows).iter().sum::<f64>() / orders;
        if stayed.len() < MIN_TEST_ROWS || order_value <= 0.0 {
            return Ok(None);
        }
        let scale = self.pace_value(&stayed, pace, order_value);
        let target: Vec<f64> = stayed.iter().zip(&scale).map(|(&i, c)| self.panel.spend[i].max(0.0) / c).collect();
        let mut weights = self.panel.age_weights(&stayed, HALF_LIFE_DAYS);
        for (w, c) in weights.iter_mut().zip(&scale) {
            *w *= c.powf(2.0 - TWEEDIE_POWER);
        }
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        for w in &mut weights {
            *w /= mean;
        }
        let params = self.params(Objective::Tweedie { power: TWEEDIE_POWER }, "value/kept");
        let trees = boost::fit(&self.panel.features.select_rows(&stayed), &target, Some(&weights), &params)
            .map_err(Error::math("the trees of those who stay"))?;
        Ok(Some(Kept { pace, order_value, trees }))
    }

    /// The spend of the rows' customers if they stay, money; never less than `mean`, what is expected of them as it is.
    pub(super) fn if_kept(&self, kept: &Kept, rows: &[usize], mean: &[f64]) -> Result<Vec<f64>> {
        let ratio = kept
            .trees
            .predict(&self.panel.features.select_rows(rows))
            .map_err(Error::math("the trees of those who stay"))?;
        let scale = self.pace_value(rows, kept.pace, kept.order_value);
        Ok(ratio.iter().zip(scale).zip(mean).map(|((r, c), m)| (r * c).max(*m)).collect())
    }

    /// Own pace times own order value over the horizon, money; above zero.
    fn pace_value(&self, rows: &[usize], pace: Pace, order_value: f64) -> Vec<f64> {
        let (repeats, spans) = self.panel.pace(rows);
        let (money, orders) = (self.amount("monetary_total", rows), self.amount("frequency", rows));
        (0..rows.len())
            .map(|k| {
                let order = (money[k] + order_value) / (orders[k] + 1.0);
                pace.rate(repeats[k], spans[k]) * self.horizon as f64 * order
            })
            .collect()
    }

    /// The recipe fitted on the windows that train, judged on those who stayed in the test window beside the spend of
    /// their last window; nothing where either window holds too few of them.
    pub(super) fn judge_kept(&self, windows: &Windows, mean: &[f64]) -> Result<Vec<ValueScore>> {
        let mut train = windows.train.clone();
        train.extend(windows.calibrate);
        let rows = self.panel.rows(windows.test.as_slice());
        let stayed: Vec<usize> =
            (0..rows.len()).filter(|&k| self.panel.orders_in_churn_window[rows[k]] > 0.5).collect();
        let Some(kept) = self.fit_kept(&self.panel.rows(&train))?.filter(|_| stayed.len() >= MIN_TEST_ROWS) else {
            return Ok(Vec::new());
        };
        let of = |values: &[f64]| -> Vec<f64> { stayed.iter().map(|&k| values[k]).collect() };
        let actual = of(&rows.iter().map(|&i| self.panel.spend[i]).collect::<Vec<_>>());
        let predicted = of(&self.if_kept(&kept, &rows, mean)?);
        let naive = of(&self.carry_forward(&rows)?);
        Ok(vec![self.judge("if_retained", &predicted, &actual)?, self.judge("carry_forward", &naive, &actual)?])
    }
}

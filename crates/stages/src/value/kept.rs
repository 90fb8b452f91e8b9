//! What a customer is worth who does not leave: its spend in the value window, given that it buys in the churn window.
//!
//! Orders at the customer's own pace, one of them in the churn window for sure, times its own order value; a few trees
//! under the Tweedie deviance, learnt from those who did buy, correct that by season and by all other features. One who
//! has long been silent is so judged by what it did while it bought: that is what an offer would win back.

use serde::{Deserialize, Serialize};
use tenure_math::boost::{self, Objective};
use tenure_math::pace::{self, Pace, Past};

use super::{MIN_TEST_ROWS, NAIVE, Room, TWEEDIE_POWER, candidates};
use crate::error::{Error, Result};
use crate::panel;
use crate::summary::ValueScore;
use crate::timeline::Windows;

/// Share of the configured rounds: more of them learn what holds of those who bought and not of those who are silent
/// (docs/methods/value.md).
const ROUNDS_SHARE: f64 = 0.15;

/// So many orders of the mean value are added to a customer's own: one large order is no habit.
const MEAN_ORDERS: f64 = 2.0;

/// The model of the value of a customer that stays.
#[derive(Debug, Serialize, Deserialize)]
pub struct Kept {
    /// How often who stays buys.
    pub pace: Pace,
    /// The mean order, money: it counts as two more orders of everybody's.
    pub order_value: f64,
    /// By how much the spend differs from orders at that pace.
    pub trees: boost::Fitted,
}

impl Room<'_> {
    /// Fits to those of the rows who bought in the churn window; `None` where they are too few, or nobody came back.
    pub(super) fn fit_kept(&self, rows: &[usize]) -> Result<Option<Kept>> {
        let stayed: Vec<usize> = rows.iter().copied().filter(|&i| self.panel.orders_in_churn_window[i] > 0.5).collect();
        // They were there at their snapshot, for they bought after it.
        let Ok(pace) = Pace::fit(&self.panel.table.pasts(&stayed), &vec![0.0; stayed.len()]) else { return Ok(None) };
        let orders: f64 = self.amount("frequency", rows).iter().sum();
        let order_value = self.amount("monetary_total", rows).iter().sum::<f64>() / orders;
        if stayed.len() < MIN_TEST_ROWS || order_value.is_nan() || order_value <= 0.0 {
            return Ok(None);
        }
        let scale = self.at_own_pace(&stayed, pace, order_value, &vec![0.0; stayed.len()]);
        let target: Vec<f64> = stayed.iter().zip(&scale).map(|(&i, c)| self.panel.spend[i].max(0.0) / c).collect();
        let weights = self.weights(&stayed, &scale);
        let mut params = panel::boosting(self.config, Objective::Tweedie { power: TWEEDIE_POWER }, "value/kept");
        params.rounds = (params.rounds as f64 * ROUNDS_SHARE).ceil() as usize;
        let trees = boost::fit(&self.panel.table.features.select_rows(&stayed), &target, Some(&weights), &params)
            .map_err(Error::math("the trees of those who stay"))?;
        Ok(Some(Kept { pace, order_value, trees }))
    }

    /// The spend of the rows' customers if they stay, money, where each has left with probability `p_gone`; never less
    /// than `mean`, what is expected of them as it is. And their spend if they do not, of those who have not left: some
    /// come back unasked.
    pub(super) fn if_kept_or_not(
        &self,
        kept: &Kept,
        rows: &[usize],
        p_gone: &[f64],
        mean: &[f64],
    ) -> Result<(Vec<f64>, Vec<f64>)> {
        let value = self.if_kept(kept, rows, p_gone, mean)?;
        let pasts = self.panel.table.pasts(rows);
        let Ok(pace) = Pace::fit(&pasts, p_gone) else { return Ok((value, vec![0.0; rows.len()])) };
        let (near, horizon) = (f64::from(self.config.churn.horizon_days), self.horizon as f64);
        let comes_back = (0..rows.len()).map(|k| {
            let rate = kept.pace.rate(&pasts[k], p_gone[k]);
            let orders = pace.orders_if_silent(&pasts[k], rate, near, horizon);
            value[k] * orders / pace::orders_if_kept(rate, near, horizon)
        });
        let comes_back = comes_back.collect();
        Ok((value, comes_back))
    }

    fn if_kept(&self, kept: &Kept, rows: &[usize], p_gone: &[f64], mean: &[f64]) -> Result<Vec<f64>> {
        let ratio = kept
            .trees
            .predict(&self.panel.table.features.select_rows(rows))
            .map_err(Error::math("the trees of those who stay"))?;
        let scale = self.at_own_pace(rows, kept.pace, kept.order_value, p_gone);
        Ok(ratio.iter().zip(scale).zip(mean).map(|((r, c), m)| (r * c).max(*m)).collect())
    }

    /// Orders at the own pace times the own order value, money; above zero.
    fn at_own_pace(&self, rows: &[usize], pace: Pace, order_value: f64, p_gone: &[f64]) -> Vec<f64> {
        let (near, horizon) = (f64::from(self.config.churn.horizon_days), self.horizon as f64);
        let pasts: Vec<Past> = self.panel.table.pasts(rows);
        let (money, orders) = (self.amount("monetary_total", rows), self.amount("frequency", rows));
        (0..rows.len())
            .map(|k| {
                let order = (money[k] + MEAN_ORDERS * order_value) / (orders[k] + MEAN_ORDERS);
                pace::orders_if_kept(pace.rate(&pasts[k], p_gone[k]), near, horizon) * order
            })
            .collect()
    }

    /// The recipe fitted on the windows that train, judged on those who stayed in the test window beside the spend of
    /// their last window; nothing where either window holds too few of them.
    pub(super) fn judge_kept(&self, windows: &Windows, mean: &[f64]) -> Result<Vec<ValueScore>> {
        let Some(test) = windows.test else { return Ok(Vec::new()) };
        // Who stayed is known only when the churn window has closed, and that may be longer than the value's.
        let churn_days = i64::from(self.config.churn.horizon_days);
        let mut train = windows.train.clone();
        train.extend(windows.calibrate);
        train.retain(|snapshot| snapshot.plus_days(churn_days) <= test);
        let rows = self.panel.rows(&[test]);
        let stayed: Vec<usize> =
            (0..rows.len()).filter(|&k| self.panel.orders_in_churn_window[rows[k]] > 0.5).collect();
        let Some(kept) = self.fit_kept(&self.panel.rows(&train))?.filter(|_| stayed.len() >= MIN_TEST_ROWS) else {
            return Ok(Vec::new());
        };
        let of = |values: &[f64]| -> Vec<f64> { stayed.iter().map(|&k| values[k]).collect() };
        let actual = of(&rows.iter().map(|&i| self.panel.spend[i]).collect::<Vec<_>>());
        let predicted = of(&self.if_kept(&kept, &rows, &vec![0.0; rows.len()], mean)?);
        let naive = of(&candidates::carried(&self.input(&rows)?)?);
        Ok(vec![self.judge("if_retained", &predicted, &actual)?, self.judge(NAIVE, &naive, &actual)?])
    }
}

//! How good a prediction was, and how sure we are of that.
//!
//! Every metric takes optional `weights`, which are multiplicities: weight 2 counts a row twice (tested by doubling
//! rows), so one bootstrap (see [`bootstrap`]) serves them all. A metric that the data cannot answer is an
//! [`Error::Degenerate`], never NaN.

pub mod bootstrap;
mod classify;
pub mod contest;
mod probability;
mod ranking;
mod regression;

pub use classify::{Confusion, LiftRow, confusion, lift_by_decile};
pub use probability::{CalibrationBin, brier, calibration_bins, ece, log_loss};
pub use ranking::{PrPoint, RankedLabels, RocPoint, average_precision, pr_curve, roc_auc, roc_curve};
pub use regression::{
    Coverage, RankedValues, coverage, mae, normalised_gini, pinball, portfolio_error, r2, rmse, spearman,
};

use crate::error::{Error, Result};
use crate::num::{require_finite, require_len};

/// The weight of row `i`: 1 without weights.
fn weight_at(weights: Option<&[f64]>, i: usize) -> f64 {
    weights.map_or(1.0, |w| w[i])
}

/// Checks predictions against outcomes and weights and returns the sum of the weights.
fn check(what: &'static str, predictions: &[f64], n_outcomes: usize, weights: Option<&[f64]>) -> Result<f64> {
    require_len(what, n_outcomes, predictions.len())?;
    require_finite(what, predictions)?;
    check_weights(what, n_outcomes, weights)
}

fn check_weights(what: &'static str, n: usize, weights: Option<&[f64]>) -> Result<f64> {
    if n == 0 {
        return Err(Error::TooFew { what, needed: 1, found: 0 });
    }
    let Some(weights) = weights else { return Ok(n as f64) };
    require_len("metric weights", n, weights.len())?;
    if let Some(&value) = weights.iter().find(|w| !(**w >= 0.0 && w.is_finite())) {
        return Err(Error::Parameter { name: "metric weight", value, expected: "a finite value >= 0" });
    }
    let total: f64 = weights.iter().sum();
    if total > 0.0 { Ok(total) } else { Err(Error::Degenerate { what, reason: "every weight is zero" }) }
}

/// The weighted mean of `value(i)` over rows `0..n`, in row order.
fn mean_of(n: usize, weights: Option<&[f64]>, total: f64, value: impl Fn(usize) -> f64) -> f64 {
    (0..n).map(|i| weight_at(weights, i) * value(i)).sum::<f64>() / total
}

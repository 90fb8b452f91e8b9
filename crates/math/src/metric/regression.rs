//! How good predicted amounts are: errors, order, level and intervals.
//!
//! `R2 = 1 - SSE / SST`; Spearman's rho is the correlation of midranks; the normalised Gini is the area between the
//! share of the actual total captured in descending order of prediction and the diagonal, over the same area for the
//! perfect order; the portfolio error is `sum predicted / sum actual - 1`, signed; the pinball loss of level `q` is
//! the mean of `max(q (y - f), (q - 1) (y - f))` (Koenker and Bassett 1978).
//!
//! Rows with equal predictions are averaged over all their orders in the Gini, so it does not depend on the order of
//! the rows; without ties it is the formula of bench/score.py.

use super::{check, check_weights, mean_of, weight_at};
use crate::error::{Error, Result};
use crate::num::{argsort, require_finite};

fn check_pair(predicted: &[f64], actual: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    require_finite("actual values", actual)?;
    check("predicted values", predicted, actual.len(), weights)
}

/// The coefficient of determination: 1 is perfect, 0 the mean of `actual`, negative is worse than that mean.
///
/// # Errors
/// [`Error::Degenerate`] when `actual` is constant; [`Error::Shape`], [`Error::NotFinite`], [`Error::TooFew`],
/// [`Error::Parameter`] for the inputs.
///
/// ```
/// assert_eq!(tenure_math::metric::r2(&[1.0, 2.0, 4.0], &[1.0, 2.0, 3.0], None)?, 0.5);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn r2(predicted: &[f64], actual: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let total = check_pair(predicted, actual, weights)?;
    let mean = mean_of(actual.len(), weights, total, |i| actual[i]);
    let spread = mean_of(actual.len(), weights, total, |i| (actual[i] - mean).powi(2));
    if spread <= 0.0 {
        return Err(Error::Degenerate { what: "R2", reason: "the actual values are constant" });
    }
    Ok(1.0 - mean_of(actual.len(), weights, total, |i| (actual[i] - predicted[i]).powi(2)) / spread)
}

/// The root of the mean squared error, in the unit of `actual`.
///
/// # Errors
/// As [`r2`], constants allowed.
pub fn rmse(predicted: &[f64], actual: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let total = check_pair(predicted, actual, weights)?;
    Ok(mean_of(actual.len(), weights, total, |i| (actual[i] - predicted[i]).powi(2)).sqrt())
}

/// The mean absolute error, in the unit of `actual`.
///
/// # Errors
/// As [`r2`], constants allowed.
pub fn mae(predicted: &[f64], actual: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let total = check_pair(predicted, actual, weights)?;
    Ok(mean_of(actual.len(), weights, total, |i| (actual[i] - predicted[i]).abs()))
}

/// The signed error of the total: +0.1 says that 10 % too much was predicted.
///
/// # Errors
/// [`Error::Degenerate`] unless the actual total is positive; otherwise as [`r2`].
pub fn portfolio_error(predicted: &[f64], actual: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let total = check_pair(predicted, actual, weights)?;
    let mean = mean_of(actual.len(), weights, total, |i| actual[i]);
    if mean <= 0.0 {
        return Err(Error::Degenerate { what: "portfolio error", reason: "the actual total is not positive" });
    }
    Ok(mean_of(actual.len(), weights, total, |i| predicted[i]) / mean - 1.0)
}

/// The mean pinball loss of a predicted quantile of `level`, in the unit of `actual`.
///
/// # Errors
/// [`Error::Parameter`] unless 0 < `level` < 1; otherwise as [`r2`], constants allowed.
pub fn pinball(predicted: &[f64], actual: &[f64], level: f64, weights: Option<&[f64]>) -> Result<f64> {
    if !(level > 0.0 && level < 1.0) {
        return Err(Error::Parameter { name: "quantile level", value: level, expected: "0 < level < 1" });
    }
    let total = check_pair(predicted, actual, weights)?;
    Ok(mean_of(actual.len(), weights, total, |i| {
        let over = actual[i] - predicted[i];
        (level * over).max((level - 1.0) * over)
    }))
}

/// Where outcomes fell relative to an interval; the three shares sum to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coverage {
    /// Share with `low <= y <= high`.
    pub inside: f64,
    /// Share with `y > high`.
    pub above: f64,
    /// Share with `y < low`.
    pub below: f64,
}

/// The shares of `actual` inside, above and below the intervals from `low` to `high`.
///
/// # Errors
/// [`Error::Parameter`] when an interval ends before it begins; otherwise as [`r2`], constants allowed.
pub fn coverage(low: &[f64], high: &[f64], actual: &[f64], weights: Option<&[f64]>) -> Result<Coverage> {
    let total = check_pair(low, actual, weights)?;
    check_pair(high, actual, None)?;
    if let Some(i) = (0..actual.len()).find(|&i| low[i] > high[i]) {
        return Err(Error::Parameter { name: "lower bound", value: low[i], expected: "at most the upper bound" });
    }
    let above = mean_of(actual.len(), weights, total, |i| f64::from(actual[i] > high[i]));
    let below = mean_of(actual.len(), weights, total, |i| f64::from(actual[i] < low[i]));
    let inside = mean_of(actual.len(), weights, total, |i| f64::from(actual[i] >= low[i] && actual[i] <= high[i]));
    Ok(Coverage { inside, above, below })
}

/// Predictions and outcomes with both orders sorted once, then scored for any weights in one pass.
#[derive(Debug, Clone)]
pub struct RankedValues<'a> {
    predicted: &'a [f64],
    actual: &'a [f64],
    by_predicted: Vec<usize>,
    by_actual: Vec<usize>,
}

impl<'a> RankedValues<'a> {
    /// Sorts both columns.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`], [`Error::TooFew`] for the inputs.
    pub fn new(predicted: &'a [f64], actual: &'a [f64]) -> Result<Self> {
        check_pair(predicted, actual, None)?;
        Ok(Self { predicted, actual, by_predicted: argsort(predicted), by_actual: argsort(actual) })
    }

    /// Spearman's rank correlation with midranks.
    ///
    /// # Errors
    /// [`Error::Degenerate`] when one of the columns is constant; [`Error::Shape`], [`Error::Parameter`] for weights.
    pub fn spearman(&self, weights: Option<&[f64]>) -> Result<f64> {
        let n = self.actual.len();
        let total = check_weights("Spearman's rho", n, weights)?;
        let a = midranks(self.predicted, &self.by_predicted, weights);
        let b = midranks(self.actual, &self.by_actual, weights);
        let centre = (total + 1.0) / 2.0;
        let moment = |x: &[f64], y: &[f64]| mean_of(n, weights, total, |i| (x[i] - centre) * (y[i] - centre));
        let scale = (moment(&a, &a) * moment(&b, &b)).sqrt();
        if scale > 0.0 {
            Ok(moment(&a, &b) / scale)
        } else {
            Err(Error::Degenerate { what: "Spearman's rho", reason: "one of the columns is constant" })
        }
    }

    /// The normalised Gini: 1 orders the outcomes perfectly, 0 is no better than chance.
    ///
    /// # Errors
    /// [`Error::Degenerate`] when the outcomes are constant or their total is not positive; [`Error::Shape`],
    /// [`Error::Parameter`] for weights.
    pub fn normalised_gini(&self, weights: Option<&[f64]>) -> Result<f64> {
        let total = check_weights("normalised Gini", self.actual.len(), weights)?;
        let sum: f64 = (0..self.actual.len()).map(|i| weight_at(weights, i) * self.actual[i]).sum();
        if sum <= 0.0 {
            return Err(Error::Degenerate { what: "normalised Gini", reason: "the actual total is not positive" });
        }
        let diagonal = (total + 1.0) / (2.0 * total);
        let area = |key: &[f64], order: &[usize]| {
            let (mut area, mut captured) = (0.0, 0.0);
            for tie in order.chunk_by(|&a, &b| key[a].total_cmp(&key[b]).is_eq()).rev() {
                let count: f64 = tie.iter().map(|&i| weight_at(weights, i)).sum();
                let amount: f64 = tie.iter().map(|&i| weight_at(weights, i) * self.actual[i]).sum();
                // sum over places k = 1..count of the mean capture at that place, captured + amount k / count.
                area += count * captured + amount * (count + 1.0) / 2.0;
                captured += amount;
            }
            area / (sum * total) - diagonal
        };
        let best = area(self.actual, &self.by_actual);
        if best <= f64::EPSILON {
            return Err(Error::Degenerate { what: "normalised Gini", reason: "the actual values are constant" });
        }
        Ok(area(self.predicted, &self.by_predicted) / best)
    }
}

/// Spearman's rank correlation of predictions and outcomes, midranks for ties.
///
/// # Errors
/// [`Error::Degenerate`] when one of the columns is constant; otherwise as [`r2`].
pub fn spearman(predicted: &[f64], actual: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    RankedValues::new(predicted, actual)?.spearman(weights)
}

/// The normalised Gini of predictions for outcomes.
///
/// # Errors
/// [`Error::Degenerate`] when the outcomes are constant or their total is not positive; otherwise as [`r2`].
pub fn normalised_gini(predicted: &[f64], actual: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    RankedValues::new(predicted, actual)?.normalised_gini(weights)
}

/// The mean place (from 1) that each row's copies take among all copies, ties sharing theirs.
fn midranks(values: &[f64], order: &[usize], weights: Option<&[f64]>) -> Vec<f64> {
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0.0;
    for tie in order.chunk_by(|&a, &b| values[a].total_cmp(&values[b]).is_eq()) {
        let count: f64 = tie.iter().map(|&i| weight_at(weights, i)).sum();
        for &i in tie {
            ranks[i] = before + (count + 1.0) / 2.0;
        }
        before += count;
    }
    ranks
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    const ACTUAL: [f64; 10] = [0., 0., 12.5, 100., 3., 55., 0., 20., 7., 41.];
    const PREDICTED: [f64; 10] = [1., 2., 10., 80., 2., 70., 0.5, 25., 2., 10.];
    const UNTIED: [f64; 10] = [1., 2.5, 10., 80., 2., 70., 0.5, 25., 3., 11.];
    const WEIGHTS: [f64; 10] = [1., 3., 1., 2., 1., 1., 2., 1., 1., 2.];

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }

    #[test]
    fn published_implementations() {
        // scikit-learn 1.9.1 r2_score, mean_squared_error ** .5, mean_absolute_error, mean_pinball_loss.
        close(r2(&PREDICTED, &ACTUAL, None).unwrap(), 0.828_852_188_402_750_2);
        close(r2(&PREDICTED, &ACTUAL, Some(&WEIGHTS)).unwrap(), 0.826_565_095_201_696_5);
        close(rmse(&PREDICTED, &ACTUAL, None).unwrap(), 12.839_392_508_993_562);
        close(mae(&PREDICTED, &ACTUAL, None).unwrap(), 8.3);
        close(mae(&PREDICTED, &ACTUAL, Some(&WEIGHTS)).unwrap(), 9.233_333_333_333_333);
        close(pinball(&PREDICTED, &ACTUAL, 0.9, None).unwrap(), 5.59);
        close(pinball(&PREDICTED, &ACTUAL, 0.1, None).unwrap(), 2.71);
        // scipy 1.17.1 spearmanr, then on rows repeated by WEIGHTS.
        close(spearman(&PREDICTED, &ACTUAL, None).unwrap(), 0.940_814_534_102_040_6);
        close(spearman(&PREDICTED, &ACTUAL, Some(&WEIGHTS)).unwrap(), 0.921_525_777_887_616_7);
        // bench/score.py's formula, numpy 2.4.6, then on rows repeated by WEIGHTS.
        close(normalised_gini(&UNTIED, &ACTUAL, None).unwrap(), 0.968_962_172_647_914_5);
        close(normalised_gini(&UNTIED, &ACTUAL, Some(&WEIGHTS)).unwrap(), 0.973_319_382_683_756_1);
    }

    #[test]
    fn tied_predictions_are_the_mean_of_all_their_orders() {
        // Brute force: break the ties of PREDICTED (2 at rows 1, 4, 8; 10 at rows 2, 9) in all twelve ways.
        let mut sum = 0.0;
        for (a, b, c) in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)] {
            for d in [-1.0, 1.0] {
                let mut broken = PREDICTED;
                for (row, step) in [(1, a), (4, b), (8, c)] {
                    broken[row] += f64::from(step) * 1e-3;
                }
                broken[2] += d * 1e-3;
                sum += normalised_gini(&broken, &ACTUAL, None).unwrap();
            }
        }
        close(normalised_gini(&PREDICTED, &ACTUAL, None).unwrap(), sum / 12.0);
    }

    #[test]
    fn invariances_and_limits() {
        let scaled = ACTUAL.map(|v| v * 37.0);
        let scaled_f = PREDICTED.map(|v| v * 37.0);
        close(r2(&scaled_f, &scaled, None).unwrap(), r2(&PREDICTED, &ACTUAL, None).unwrap());
        let cubed = PREDICTED.map(|v| v.powi(3));
        close(spearman(&cubed, &ACTUAL, None).unwrap(), spearman(&PREDICTED, &ACTUAL, None).unwrap());
        close(normalised_gini(&cubed, &ACTUAL, None).unwrap(), normalised_gini(&PREDICTED, &ACTUAL, None).unwrap());
        close(normalised_gini(&ACTUAL, &ACTUAL, None).unwrap(), 1.0);
        close(normalised_gini(&[1.0; 10], &ACTUAL, None).unwrap(), 0.0);
        close(spearman(&ACTUAL.map(|v| -v), &ACTUAL, None).unwrap(), -1.0);
        close(portfolio_error(&ACTUAL.map(|v| 1.1 * v), &ACTUAL, None).unwrap(), 0.1);
        close(pinball(&PREDICTED, &ACTUAL, 0.5, None).unwrap(), mae(&PREDICTED, &ACTUAL, None).unwrap() / 2.0);
        let mean = [ACTUAL.iter().sum::<f64>() / 10.0; 10];
        close(r2(&mean, &ACTUAL, None).unwrap(), 0.0);
        let shares = coverage(&[1.0; 10], &[41.0; 10], &ACTUAL, None).unwrap();
        close(shares.inside, 0.5);
        close(shares.above, 0.2);
        close(shares.below, 0.3);
    }

    #[test]
    fn what_cannot_be_answered_is_an_error() {
        assert!(matches!(r2(&[1.0, 2.0], &[3.0, 3.0], None), Err(Error::Degenerate { .. })));
        assert!(matches!(spearman(&[1.0, 1.0], &[3.0, 4.0], None), Err(Error::Degenerate { .. })));
        assert!(matches!(normalised_gini(&[1.0, 2.0], &[3.0, 3.0], None), Err(Error::Degenerate { .. })));
        assert!(matches!(portfolio_error(&[1.0], &[0.0], None), Err(Error::Degenerate { .. })));
        assert!(matches!(coverage(&[2.0], &[1.0], &[1.5], None), Err(Error::Parameter { .. })));
        assert!(matches!(mae(&[1.0], &[f64::NAN], None), Err(Error::NotFinite { .. })));
        assert!(matches!(mae(&[], &[], None), Err(Error::TooFew { .. })));
        assert!(pinball(&[1.0], &[1.0], 1.0, None).is_err());
    }
}

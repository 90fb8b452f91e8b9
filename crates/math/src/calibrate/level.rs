//! Correcting the level alone, where the order and the spread of the predictions are trusted.
//!
//! [`Shift`]: `P(y = 1 | s) = sigmoid(logit(s) + a)` with `a` such that the mean probability is a given rate; with the
//! observed rate it is the maximum-likelihood intercept with the score as offset. It also undoes class weights and
//! carries a model to a season with another base rate (Saerens et al. 2002, for a shift of the base rate alone).
//! [`Factor`]: predictions of money times `sum actual / sum predicted`.

use serde::{Deserialize, Serialize};

use super::{check_scores, check_weights, logit, sigmoid};
use crate::error::{Error, Result};
use crate::num::{require_finite, require_len};

/// A shift of the log-odds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// Log-odds added.
    pub intercept: f64,
}

impl Shift {
    /// The shift under which the weighted mean probability of `scores` is `rate`.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless 0 < `rate` < 1; [`Error::Shape`], [`Error::NotFinite`], [`Error::TooFew`] for the
    /// inputs; [`Error::NotConverged`] when no shift within 60 gives it.
    ///
    /// ```
    /// let shift = tenure_math::calibrate::Shift::to_rate(&[0.5, 0.5], None, 0.8)?;
    /// assert!((shift.intercept - 4.0_f64.ln()).abs() < 1e-9);
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    pub fn to_rate(scores: &[f64], weights: Option<&[f64]>, rate: f64) -> Result<Self> {
        check_scores(scores)?;
        let total = check_weights(scores.len(), weights)?;
        if !(rate > 0.0 && rate < 1.0) {
            return Err(Error::Parameter { name: "rate", value: rate, expected: "0 < rate < 1" });
        }
        let x: Vec<f64> = scores.iter().map(|&s| logit(s)).collect();
        let mean = |a: f64| {
            x.iter().enumerate().map(|(i, x)| weights.map_or(1.0, |w| w[i]) / (1.0 + (-(x + a)).exp())).sum::<f64>()
                / total
        };
        // The mean rises with the shift, so halving the bracket cannot miss; sixty of log-odds is certainty itself.
        let (mut low, mut high) = (-60.0, 60.0);
        if mean(low) > rate || mean(high) < rate {
            return Err(Error::NotConverged { what: "shift to a rate", iterations: 0 });
        }
        for _ in 0..80 {
            let middle = 0.5 * (low + high);
            if mean(middle) < rate {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(Self { intercept: 0.5 * (low + high) })
    }

    /// The shifted probability of one score.
    #[must_use]
    pub fn apply(&self, score: f64) -> f64 {
        sigmoid(logit(score) + self.intercept)
    }
}

/// A multiplier on predicted money.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Factor {
    /// What every prediction is multiplied by.
    pub factor: f64,
}

impl Factor {
    /// The factor that makes the predicted total the actual one.
    ///
    /// # Errors
    /// [`Error::Degenerate`] unless both totals are positive; [`Error::Shape`], [`Error::NotFinite`],
    /// [`Error::Parameter`], [`Error::TooFew`] for the inputs.
    pub fn fit(predicted: &[f64], actual: &[f64], weights: Option<&[f64]>) -> Result<Self> {
        require_len("actual values", predicted.len(), actual.len())?;
        require_finite("predicted values", predicted)?;
        require_finite("actual values", actual)?;
        check_weights(predicted.len(), weights)?;
        let sum = |v: &[f64]| v.iter().enumerate().map(|(i, v)| weights.map_or(1.0, |w| w[i]) * v).sum::<f64>();
        let (predicted_total, actual_total) = (sum(predicted), sum(actual));
        if predicted_total <= 0.0 || actual_total <= 0.0 {
            return Err(Error::Degenerate { what: "level factor", reason: "a total is not positive" });
        }
        Ok(Self { factor: actual_total / predicted_total })
    }

    /// The predictions times the factor.
    #[must_use]
    pub fn apply(&self, predicted: &[f64]) -> Vec<f64> {
        predicted.iter().map(|v| v * self.factor).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::super::tests::{SCORES, WEIGHTS};
    use super::*;

    #[test]
    fn published_root_finder() {
        // scipy 1.17.1 brentq of mean(sigmoid(logit(SCORES) + a)) - 0.3; then the weighted mean.
        let shift = Shift::to_rate(&SCORES, None, 0.3).unwrap();
        assert!((shift.intercept + 0.853_912_956_592_501_2).abs() < 1e-10);
        let weighted = Shift::to_rate(&SCORES, Some(&WEIGHTS), 0.3).unwrap();
        assert!((weighted.intercept + 1.072_555_945_386_734).abs() < 1e-10);
    }

    #[test]
    fn shifts_add_up_and_the_own_rate_needs_none() {
        let own = SCORES.iter().sum::<f64>() / 12.0;
        assert!(Shift::to_rate(&SCORES, None, own).unwrap().intercept.abs() < 1e-9);
        let first = Shift::to_rate(&SCORES, None, 0.2).unwrap();
        let there = SCORES.map(|s| first.apply(s));
        assert!((there.iter().sum::<f64>() / 12.0 - 0.2).abs() < 1e-9);
        let back = Shift::to_rate(&there, None, own).unwrap();
        assert!((first.intercept + back.intercept).abs() < 1e-9);
        // Odds ratios between customers stay as they were.
        let odds = |p: f64| p / (1.0 - p);
        let kept = odds(there[3]) / odds(there[0]) / (odds(SCORES[3]) / odds(SCORES[0]));
        assert!((kept - 1.0).abs() < 1e-9);
        assert!(Shift::to_rate(&SCORES, None, 1.0).is_err());
    }

    #[test]
    fn the_factor_makes_totals_equal_in_any_currency() {
        let (predicted, actual) = ([10.0, 20.0, 30.0], [0.0, 90.0, 0.0]);
        let fitted = Factor::fit(&predicted, &actual, None).unwrap();
        assert_eq!(fitted.apply(&predicted), [15.0, 30.0, 45.0]);
        let scaled = Factor::fit(&predicted.map(|v| v * 8.0), &actual.map(|v| v * 8.0), None).unwrap();
        assert_eq!(scaled, fitted);
        assert_eq!(Factor::fit(&predicted, &predicted, Some(&[1.0, 5.0, 2.0])).unwrap().factor, 1.0);
        assert!(matches!(Factor::fit(&predicted, &[0.0; 3], None), Err(Error::Degenerate { .. })));
        assert!(matches!(Factor::fit(&[0.0; 3], &actual, None), Err(Error::Degenerate { .. })));
    }
}

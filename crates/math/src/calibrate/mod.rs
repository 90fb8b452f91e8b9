//! Turning a score that orders well into a number that can be taken at its word.
//!
//! Probabilities: [`Calibrator::Platt`] (two parameters on the log-odds), [`Calibrator::Isotonic`] (any increasing
//! curve), [`Calibrator::Shift`] (one parameter: the level only) or none. Money: [`Factor`], one multiplier that makes
//! the predicted total the actual one. All are fitted on rows that the model was not trained on.
//!
//! Calibrated probabilities stay inside (0, 1): the isotonic curve, which would say 0 or 1 at its ends, is held
//! within `[1/(n+2), 1 - 1/(n+2)]` of its `n` calibration rows, the probability Laplace's rule gives to what was never
//! seen in `n` rows.

mod isotonic;
mod level;
mod platt;

pub use isotonic::Isotonic;
pub use level::{Factor, Shift};
pub use platt::Platt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::num::{require_finite, require_len};

/// Scores are held this far from 0 and 1 before their log-odds are taken.
const EDGE: f64 = 1e-9;

/// A fitted map from score to probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibrator {
    /// The score is taken as it is.
    Identity,
    /// See [`Shift`].
    Shift(Shift),
    /// See [`Platt`].
    Platt(Platt),
    /// See [`Isotonic`], held inside (0, 1).
    Isotonic {
        /// The curve from score to share of positives.
        curve: Isotonic,
        /// The least probability given, `1/(n+2)`; the greatest is 1 minus it.
        edge: f64,
    },
}

/// Which calibrator to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// None.
    Identity,
    /// The level only.
    Shift,
    /// Level and slope of the log-odds.
    Platt,
    /// Any increasing curve.
    Isotonic,
}

impl Calibrator {
    /// Fits `method` to probability `scores` of rows whose outcome was `positive`, each counted `weights` times.
    ///
    /// # Errors
    /// [`Error::Degenerate`] when the outcomes have one class only; [`Error::Shape`], [`Error::NotFinite`],
    /// [`Error::Parameter`], [`Error::TooFew`] for the inputs; [`Error::NotConverged`] from Platt's method.
    ///
    /// ```
    /// use tenure_math::calibrate::{Calibrator, Method};
    /// let scores = [0.2, 0.2, 0.2, 0.2, 0.6, 0.6, 0.6, 0.6];
    /// let positive = [false, false, false, true, false, true, true, true];
    /// let isotonic = Calibrator::fit(Method::Isotonic, &scores, &positive, None)?;
    /// assert_eq!(isotonic.apply(&[0.1, 0.2, 0.4, 0.9])?, [0.25, 0.25, 0.5, 0.75]);
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    pub fn fit(method: Method, scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<Self> {
        let (positives, negatives) = class_weights(scores, positive, weights)?;
        if method != Method::Identity && (positives <= 0.0 || negatives <= 0.0) {
            return Err(Error::Degenerate { what: "calibration", reason: "the outcomes have one class only" });
        }
        Ok(match method {
            Method::Identity => Self::Identity,
            Method::Shift => Self::Shift(Shift::to_rate(scores, weights, positives / (positives + negatives))?),
            Method::Platt => Self::Platt(Platt::fit(scores, positive, weights)?),
            Method::Isotonic => {
                let outcome: Vec<f64> = positive.iter().map(|&p| f64::from(p)).collect();
                let curve = Isotonic::fit(scores, &outcome, weights)?;
                Self::Isotonic { curve, edge: 1.0 / (positives + negatives + 2.0) }
            }
        })
    }

    /// The calibrated probabilities of `scores`, inside (0, 1) whatever the score.
    ///
    /// # Errors
    /// [`Error::NotFinite`] and [`Error::Parameter`] for a score that is not a probability.
    pub fn apply(&self, scores: &[f64]) -> Result<Vec<f64>> {
        check_scores(scores)?;
        Ok(match self {
            Self::Identity => scores.iter().map(|s| s.clamp(EDGE, 1.0 - EDGE)).collect(),
            Self::Shift(shift) => scores.iter().map(|&s| shift.apply(s)).collect(),
            Self::Platt(platt) => scores.iter().map(|&s| platt.apply(s)).collect(),
            Self::Isotonic { curve, edge } => {
                scores.iter().map(|&s| curve.apply(s).clamp(*edge, 1.0 - *edge)).collect()
            }
        })
    }
}

/// The log-odds of a score held inside (0, 1).
fn logit(score: f64) -> f64 {
    let held = score.clamp(EDGE, 1.0 - EDGE);
    (held / (1.0 - held)).ln()
}

/// The probability of log-odds `x`, held inside (0, 1).
fn sigmoid(x: f64) -> f64 {
    (1.0 / (1.0 + (-x).exp())).clamp(EDGE, 1.0 - EDGE)
}

fn check_scores(scores: &[f64]) -> Result<()> {
    require_finite("scores", scores)?;
    match scores.iter().find(|s| !(0.0..=1.0).contains(*s)) {
        None => Ok(()),
        Some(&value) => Err(Error::Parameter { name: "score", value, expected: "a probability in [0, 1]" }),
    }
}

fn check_weights(n: usize, weights: Option<&[f64]>) -> Result<f64> {
    if n == 0 {
        return Err(Error::TooFew { what: "calibration", needed: 1, found: 0 });
    }
    let Some(weights) = weights else { return Ok(n as f64) };
    require_len("calibration weights", n, weights.len())?;
    if let Some(&value) = weights.iter().find(|w| !(**w >= 0.0 && w.is_finite())) {
        return Err(Error::Parameter { name: "calibration weight", value, expected: "a finite value >= 0" });
    }
    let total: f64 = weights.iter().sum();
    if total > 0.0 { Ok(total) } else { Err(Error::Degenerate { what: "calibration", reason: "every weight is zero" }) }
}

/// Checks the inputs and returns the weight of the positives and of the negatives.
fn class_weights(scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<(f64, f64)> {
    require_len("outcomes", scores.len(), positive.len())?;
    check_scores(scores)?;
    let total = check_weights(scores.len(), weights)?;
    let positives: f64 = (0..scores.len()).filter(|&i| positive[i]).map(|i| weights.map_or(1.0, |w| w[i])).sum();
    Ok((positives, total - positives))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    pub(super) const SCORES: [f64; 12] = [0.1, 0.4, 0.35, 0.8, 0.4, 0.9, 0.05, 0.35, 0.6, 0.4, 0.77, 0.2];
    pub(super) const POSITIVE: [bool; 12] =
        [false, false, true, true, true, true, false, false, true, false, false, true];
    pub(super) const WEIGHTS: [f64; 12] = [1., 2., 1., 3., 1., 1., 2., 1., 1., 1., 2., 1.];
    const ALL: [Method; 4] = [Method::Identity, Method::Shift, Method::Platt, Method::Isotonic];

    #[test]
    fn probabilities_stay_inside_and_keep_their_order() {
        for method in ALL {
            let fitted = Calibrator::fit(method, &SCORES, &POSITIVE, None).unwrap();
            let p = fitted.apply(&[0.0, 1e-12, 0.2, 0.5, 0.8, 1.0]).unwrap();
            assert!(p.iter().all(|p| *p > 0.0 && *p < 1.0), "{method:?}");
            assert!(p.windows(2).all(|w| w[0] <= w[1]), "{method:?}");
            assert!(fitted.apply(&[1.1]).is_err() && fitted.apply(&[f64::NAN]).is_err());
        }
    }

    #[test]
    fn weights_are_repetitions_and_storage_is_exact() {
        let rows: Vec<usize> = (0..12).flat_map(|i| vec![i; WEIGHTS[i] as usize]).collect();
        let scores: Vec<f64> = rows.iter().map(|&i| SCORES[i]).collect();
        let positive: Vec<bool> = rows.iter().map(|&i| POSITIVE[i]).collect();
        for method in ALL {
            let weighted = Calibrator::fit(method, &SCORES, &POSITIVE, Some(&WEIGHTS)).unwrap();
            let repeated = Calibrator::fit(method, &scores, &positive, None).unwrap();
            let (a, b) = (weighted.apply(&SCORES).unwrap(), repeated.apply(&SCORES).unwrap());
            assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-9), "{method:?}");
            let back: Calibrator = serde_json::from_str(&serde_json::to_string(&weighted).unwrap()).unwrap();
            assert_eq!(back, weighted);
        }
    }

    #[test]
    fn the_calibrated_level_is_the_observed_one() {
        for method in [Method::Shift, Method::Isotonic] {
            let p = Calibrator::fit(method, &SCORES, &POSITIVE, None).unwrap().apply(&SCORES).unwrap();
            // The isotonic ends are held at 1/14 and 13/14, two rows at each end here, so the mean is kept.
            assert!((p.iter().sum::<f64>() / 12.0 - 0.5).abs() < 1e-9, "{method:?}");
        }
    }

    #[test]
    fn one_class_and_bad_inputs_are_refused() {
        for method in [Method::Shift, Method::Platt, Method::Isotonic] {
            assert!(matches!(Calibrator::fit(method, &[0.1, 0.2], &[true, true], None), Err(Error::Degenerate { .. })));
        }
        assert!(Calibrator::fit(Method::Platt, &[0.1], &[true, false], None).is_err());
        assert!(Calibrator::fit(Method::Platt, &[], &[], None).is_err());
        assert!(Calibrator::fit(Method::Platt, &[0.1, 0.2], &[true, false], Some(&[1.0, -1.0])).is_err());
    }
}

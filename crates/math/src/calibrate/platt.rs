//! Platt's sigmoid: `P(y = 1 | s) = sigmoid(intercept + slope * logit(s))`.
//!
//! Source: Platt (1999), "Probabilistic outputs for support vector machines", with its smoothed targets
//! `(N+ + 1)/(N+ + 2)` and `1/(N- + 2)`, which keep the fit finite on separable data; Newton's method with step
//! halving as in Lin, Lin and Weng (2007), "A note on Platt's probabilistic outputs", algorithm 1. The score is a
//! probability, so its log-odds are the natural input: intercept 0 and slope 1 say "already calibrated".

use serde::{Deserialize, Serialize};

use super::{class_weights, logit, sigmoid};
use crate::error::{Error, Result};

const MOST_STEPS: usize = 100;

/// A fitted sigmoid.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Platt {
    /// Log-odds added.
    pub intercept: f64,
    /// Factor on the log-odds of the score; below 1 the score was too sure of itself.
    pub slope: f64,
}

impl Platt {
    /// Fits the sigmoid by maximum likelihood on the smoothed targets.
    ///
    /// # Errors
    /// [`Error::NotConverged`] when Newton's method does not settle; [`Error::Shape`], [`Error::NotFinite`],
    /// [`Error::Parameter`], [`Error::TooFew`] for the inputs.
    pub fn fit(scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<Self> {
        let (positives, negatives) = class_weights(scores, positive, weights)?;
        let (high, low) = ((positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0));
        let x: Vec<f64> = scores.iter().map(|&s| logit(s)).collect();
        let target: Vec<f64> = positive.iter().map(|&p| if p { high } else { low }).collect();
        let weight = |i: usize| weights.map_or(1.0, |w| w[i]);
        let total = positives + negatives;
        // Cross-entropy a row; ln(1 + e^z) without overflow.
        let loss = |a: f64, b: f64| {
            (0..x.len())
                .map(|i| {
                    let z = a + b * x[i];
                    weight(i) * (z.max(0.0) + (-z.abs()).exp().ln_1p() - target[i] * z)
                })
                .sum::<f64>()
                / total
        };
        let (mut a, mut b) = (((positives + 1.0) / (negatives + 1.0)).ln(), 0.0);
        let mut best = loss(a, b);
        for _ in 0..MOST_STEPS {
            let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 1e-12, 0.0, 1e-12);
            for i in 0..x.len() {
                let p = 1.0 / (1.0 + (-(a + b * x[i])).exp());
                let (g, h) = (weight(i) * (p - target[i]) / total, weight(i) * p * (1.0 - p) / total);
                ga += g;
                gb += g * x[i];
                haa += h;
                hab += h * x[i];
                hbb += h * x[i] * x[i];
            }
            if ga.abs().max(gb.abs()) < 1e-11 {
                return Ok(Self { intercept: a, slope: b });
            }
            let determinant = haa * hbb - hab * hab;
            // Scores of one value leave the slope free: move the intercept alone.
            let (da, db) = if determinant > 1e-14 * haa * hbb {
                (-(hbb * ga - hab * gb) / determinant, -(haa * gb - hab * ga) / determinant)
            } else {
                (-ga / haa, 0.0)
            };
            let mut step = 1.0;
            let found = loop {
                let tried = loss(a + step * da, b + step * db);
                if tried < best + 1e-4 * step * (ga * da + gb * db) {
                    break Some(tried);
                }
                step /= 2.0;
                if step < 1e-10 {
                    break None;
                }
            };
            // No step improves: the minimum is reached as far as sums of this size can tell.
            let Some(improved) = found else {
                if ga.abs().max(gb.abs()) < 1e-6 {
                    return Ok(Self { intercept: a, slope: b });
                }
                break;
            };
            a += step * da;
            b += step * db;
            best = improved;
        }
        Err(Error::NotConverged { what: "Platt's sigmoid", iterations: MOST_STEPS })
    }

    /// The calibrated probability of one score.
    #[must_use]
    pub fn apply(&self, score: f64) -> f64 {
        sigmoid(self.intercept + self.slope * logit(score))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::{POSITIVE, SCORES, WEIGHTS};
    use super::*;

    #[test]
    fn published_implementation() {
        // scikit-learn 1.9.1 sklearn.calibration._sigmoid_calibration(logit(SCORES), POSITIVE): (A, B) =
        // (-0.474667374, -0.148981880), where p = 1 / (1 + exp(A x + B)); its L-BFGS stops at a gradient of 1e-6.
        let fitted = Platt::fit(&SCORES, &POSITIVE, None).unwrap();
        assert!((fitted.slope - 0.474_667_374).abs() < 1e-5, "{fitted:?}");
        assert!((fitted.intercept - 0.148_981_880).abs() < 1e-5, "{fitted:?}");
        // With sample_weight: (-0.554394139, 0.043844264).
        let weighted = Platt::fit(&SCORES, &POSITIVE, Some(&WEIGHTS)).unwrap();
        assert!((weighted.slope - 0.554_394_139).abs() < 1e-5, "{weighted:?}");
        assert!((weighted.intercept + 0.043_844_264).abs() < 1e-5, "{weighted:?}");
    }

    #[test]
    fn known_truth_is_recovered() {
        // 20 scores, each with exactly the share of positives that intercept -0.5 and slope 2 give, in weights.
        let scores: Vec<f64> = (1..=20).flat_map(|k| [f64::from(k) / 21.0; 2]).collect();
        let positive: Vec<bool> = (0..40).map(|i| i % 2 == 0).collect();
        let truth = Platt { intercept: -0.5, slope: 2.0 };
        let weights: Vec<f64> = (0..40)
            .map(|i| 1e7 * if positive[i] { truth.apply(scores[i]) } else { 1.0 - truth.apply(scores[i]) })
            .collect();
        let fitted = Platt::fit(&scores, &positive, Some(&weights)).unwrap();
        assert!((fitted.intercept + 0.5).abs() < 1e-5 && (fitted.slope - 2.0).abs() < 1e-5, "{fitted:?}");
    }

    #[test]
    fn separable_and_constant_scores_have_an_answer() {
        let separable = Platt::fit(&[0.1, 0.2, 0.8, 0.9], &[false, false, true, true], None).unwrap();
        assert!(separable.slope > 0.0 && separable.slope < 5.0);
        // The smoothed targets are 3/4 and 1/4, so their mean, not the raw one, is met exactly.
        let mean = [0.1, 0.2, 0.8, 0.9].iter().map(|&s| separable.apply(s)).sum::<f64>() / 4.0;
        assert!((mean - 0.5).abs() < 1e-9);
        let constant = Platt::fit(&[0.3; 4], &[false, false, true, true], None).unwrap();
        assert!((constant.apply(0.3) - 0.5).abs() < 1e-9);
    }
}

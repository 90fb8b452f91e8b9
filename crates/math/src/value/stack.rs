//! A stack: several forecasts of the same amounts, weighed by what came of them.
//!
//! Question: which blend of forecasts would have fitted the outcomes of a later window best?
//!
//! Model: `m_i = sum_k w_k m_ik`, `w >= 0`, with the weights that minimise the Poisson deviance
//! `sum_i m_i - y_i ln m_i` (Wolpert 1992 for stacking, Breiman 1996 for weights that are not negative). The deviance is
//! convex in the weights and proper for means of any amounts >= 0 (Gourieroux, Monfort and Trognon 1984); it is climbed
//! by the multiplicative step `w_k <- w_k sum_i(y_i m_ik / m_i) / sum_i m_ik`, which never makes it worse (Richardson 1972,
//! Lucy 1974; the EM step of Shepp and Vardi 1982) and keeps the total of the blend at the total of the outcomes.
//!
//! Domain: amounts >= 0 in one unit. Limits: forecasts much alike share their weight arbitrarily; the weights are those
//! of one window.

use crate::error::{Error, Result};
use crate::num::{require_finite, require_len};

/// Steps; the deviance settles to six digits within a hundred.
const STEPS: usize = 300;
/// Forecasts count at least this share of their own mean: an amount of zero would be infinitely wrong of who spends.
const FLOOR_SHARE: f64 = 1e-6;

/// The weights of the forecasts, one vector a forecast, against the outcomes.
///
/// # Errors
/// [`Error::TooFew`] without a forecast or a row, [`Error::Shape`], [`Error::NotFinite`] and [`Error::Parameter`] for the
/// inputs, [`Error::Degenerate`] when a forecast or the outcomes are zero everywhere.
///
/// ```
/// let weights = tenure_math::value::stack::weights(&[&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]], &[1.0, 2.0, 3.0])?;
/// assert!(weights[0] > 0.99);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn weights(forecasts: &[&[f64]], actual: &[f64]) -> Result<Vec<f64>> {
    if forecasts.is_empty() || actual.is_empty() {
        return Err(Error::TooFew { what: "stack", needed: 1, found: 0 });
    }
    for of in forecasts.iter().copied().chain([actual]) {
        require_len("forecasts of the stack", actual.len(), of.len())?;
        require_finite("forecasts of the stack", of)?;
        if let Some(&value) = of.iter().find(|v| **v < 0.0) {
            return Err(Error::Parameter { name: "amount", value, expected: "an amount >= 0" });
        }
    }
    let totals: Vec<f64> = forecasts.iter().map(|of| of.iter().sum::<f64>()).collect();
    let total: f64 = actual.iter().sum();
    if total <= 0.0 || totals.iter().any(|t| *t <= 0.0) {
        return Err(Error::Degenerate { what: "stack", reason: "a forecast or the outcomes are zero everywhere" });
    }
    let n = actual.len() as f64;
    let floors: Vec<f64> = totals.iter().map(|t| FLOOR_SHARE * t / n).collect();
    let at = |k: usize, i: usize| forecasts[k][i].max(floors[k]);
    let mut weights: Vec<f64> = totals.iter().map(|t| total / (t * forecasts.len() as f64)).collect();
    for _ in 0..STEPS {
        let mut pulls = vec![0.0; weights.len()];
        for (i, y) in actual.iter().enumerate().filter(|(_, y)| **y > 0.0) {
            let blend: f64 = weights.iter().enumerate().map(|(k, w)| w * at(k, i)).sum();
            for (k, pull) in pulls.iter_mut().enumerate() {
                *pull += y * at(k, i) / blend;
            }
        }
        for ((weight, pull), total) in weights.iter_mut().zip(pulls).zip(&totals) {
            *weight *= pull / total;
        }
    }
    Ok(weights)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn deviance(weights: &[f64], forecasts: &[&[f64]], actual: &[f64]) -> f64 {
        (0..actual.len())
            .map(|i| {
                let m: f64 = weights.iter().zip(forecasts).map(|(w, f)| w * f[i]).sum();
                m - actual[i] * m.ln()
            })
            .sum()
    }

    const A: [f64; 6] = [1.0, 4.0, 2.0, 8.0, 3.0, 1.0];
    const B: [f64; 6] = [5.0, 1.0, 2.0, 2.0, 6.0, 9.0];

    #[test]
    fn the_weights_of_a_known_blend_are_found() {
        let y: Vec<f64> = A.iter().zip(B).map(|(a, b)| 0.7 * a + 0.5 * b).collect();
        let found = weights(&[&A, &B], &y).unwrap();
        assert!((found[0] - 0.7).abs() < 1e-4 && (found[1] - 0.5).abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn brute_force_finds_nothing_better() {
        let y = [0.0, 5.0, 1.0, 7.0, 9.0, 2.0];
        let found = weights(&[&A, &B], &y).unwrap();
        let least = deviance(&found, &[&A, &B], &y);
        for a in 0..=60 {
            for b in 0..=60 {
                let other = [f64::from(a) * 0.05 + 1e-9, f64::from(b) * 0.05];
                assert!(deviance(&other, &[&A, &B], &y) >= least - 1e-6);
            }
        }
        // The blend's total is the outcomes' total.
        let total: f64 = (0..6).map(|i| found[0] * A[i] + found[1] * B[i]).sum();
        assert!((total - 24.0).abs() < 1e-6);
    }

    #[test]
    fn order_scale_and_repetition_do_not_matter() {
        let y = [0.0, 5.0, 1.0, 7.0, 9.0, 2.0];
        let found = weights(&[&A, &B], &y).unwrap();
        let swapped = weights(&[&B, &A], &y).unwrap();
        assert!((found[0] - swapped[1]).abs() < 1e-9);
        let tenfold = weights(&[&A.map(|v| v * 10.0), &B], &y).unwrap();
        assert!((tenfold[0] * 10.0 - found[0]).abs() < 1e-9);
    }

    #[test]
    fn bad_input_is_refused() {
        assert!(weights(&[], &[1.0]).is_err());
        assert!(weights(&[&[1.0]], &[1.0, 2.0]).is_err());
        assert!(weights(&[&[-1.0]], &[1.0]).is_err());
        assert!(weights(&[&[0.0]], &[1.0]).is_err());
        assert!(weights(&[&[f64::NAN]], &[1.0]).is_err());
    }
}

//! How good predicted probabilities are as probabilities.
//!
//! Brier score (Brier 1950): mean of `(p - y)^2`. Log-loss: mean of `-y ln p - (1 - y) ln (1 - p)`. Expected
//! calibration error (Naeini et al. 2015): `sum_b share_b |mean p - mean y|` over ten bins of equal width, bin `b`
//! holding `b/10 <= p < (b+1)/10` and the last one also `p = 1`.

use super::{check, mean_of, weight_at};
use crate::error::{Error, Result};

/// One bin of a reliability table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationBin {
    /// The least probability of the bin.
    pub lower: f64,
    /// The probability below which the bin ends.
    pub upper: f64,
    /// The weight (the number of rows without weights) in the bin.
    pub n: f64,
    /// Mean predicted probability.
    pub mean_predicted: f64,
    /// Share of positives.
    pub observed: f64,
}

fn check_probabilities(p: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<f64> {
    let total = check("probabilities", p, positive.len(), weights)?;
    match p.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        None => Ok(total),
        Some(&value) => Err(Error::Parameter { name: "probability", value, expected: "a value in [0, 1]" }),
    }
}

/// The Brier score of probabilities `p`: 0 is perfect, a constant base rate `r` has `r (1 - r)`.
///
/// # Errors
/// [`Error::Shape`], [`Error::NotFinite`], [`Error::Parameter`] (outside [0, 1]), [`Error::TooFew`] for the inputs.
///
/// ```
/// let brier = tenure_math::metric::brier(&[0.9, 0.2], &[true, false], None)?;
/// assert!((brier - 0.025).abs() < 1e-12);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn brier(p: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<f64> {
    let total = check_probabilities(p, positive, weights)?;
    Ok(mean_of(p.len(), weights, total, |i| (p[i] - f64::from(positive[i])).powi(2)))
}

/// The mean negative log-likelihood of probabilities `p`, in nats.
///
/// # Errors
/// As [`brier`]; [`Error::Degenerate`] when a probability of exactly 0 or 1 was wrong: the loss is infinite.
pub fn log_loss(p: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<f64> {
    let total = check_probabilities(p, positive, weights)?;
    // A weight of zero must silence an infinite loss, which 0 * inf would not.
    let loss = mean_of(p.len(), weights, total, |i| {
        if weight_at(weights, i) > 0.0 { -(if positive[i] { p[i].ln() } else { (-p[i]).ln_1p() }) } else { 0.0 }
    });
    if loss.is_finite() {
        Ok(loss)
    } else {
        Err(Error::Degenerate { what: "log-loss", reason: "a probability of exactly 0 or 1 was wrong" })
    }
}

/// The reliability table in `bins` bins of equal width; bins without weight are left out.
///
/// # Errors
/// As [`brier`]; [`Error::Parameter`] for zero bins.
pub fn calibration_bins(
    p: &[f64],
    positive: &[bool],
    weights: Option<&[f64]>,
    bins: usize,
) -> Result<Vec<CalibrationBin>> {
    check_probabilities(p, positive, weights)?;
    if bins == 0 {
        return Err(Error::Parameter { name: "bins", value: 0.0, expected: "at least 1" });
    }
    let mut sums = vec![(0.0, 0.0, 0.0); bins];
    for (i, &probability) in p.iter().enumerate() {
        let w = weight_at(weights, i);
        let bin = &mut sums[((probability * bins as f64) as usize).min(bins - 1)];
        bin.0 += w;
        bin.1 += w * probability;
        bin.2 += w * f64::from(positive[i]);
    }
    let width = 1.0 / bins as f64;
    let row = |(k, &(n, predicted, observed)): (usize, &(f64, f64, f64))| CalibrationBin {
        lower: k as f64 * width,
        upper: (k + 1) as f64 * width,
        n,
        mean_predicted: predicted / n,
        observed: observed / n,
    };
    Ok(sums.iter().enumerate().filter(|(_, s)| s.0 > 0.0).map(row).collect())
}

/// The expected calibration error over ten bins of equal width.
///
/// # Errors
/// As [`brier`].
pub fn ece(p: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<f64> {
    let bins = calibration_bins(p, positive, weights, 10)?;
    let total: f64 = bins.iter().map(|b| b.n).sum();
    Ok(bins.iter().map(|b| b.n / total * (b.mean_predicted - b.observed).abs()).sum())
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    pub(in super::super) const SCORES: [f64; 12] = [0.1, 0.4, 0.35, 0.8, 0.4, 0.9, 0.05, 0.35, 0.6, 0.4, 0.77, 0.2];
    pub(in super::super) const POSITIVE: [bool; 12] =
        [false, false, true, true, true, true, false, false, true, false, false, true];
    pub(in super::super) const WEIGHTS: [f64; 12] = [1., 2., 1., 3., 1., 1., 2., 1., 1., 1., 2., 1.];

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }

    #[test]
    fn published_implementation() {
        // scikit-learn 1.9.1 brier_score_loss and log_loss, then with sample_weight; ece by bench/score.py's formula.
        close(brier(&SCORES, &POSITIVE, None).unwrap(), 0.223_366_666_666_666_69);
        close(brier(&SCORES, &POSITIVE, Some(&WEIGHTS)).unwrap(), 0.206_811_764_705_882_4);
        close(log_loss(&SCORES, &POSITIVE, None).unwrap(), 0.624_470_366_939_476_1);
        close(log_loss(&SCORES, &POSITIVE, Some(&WEIGHTS)).unwrap(), 0.586_572_140_830_271_4);
        close(ece(&SCORES, &POSITIVE, None).unwrap(), 0.243_333_333_333_333_32);
    }

    #[test]
    fn weights_are_repetitions() {
        let rows: Vec<usize> = (0..12).flat_map(|i| vec![i; WEIGHTS[i] as usize]).collect();
        let p: Vec<f64> = rows.iter().map(|&i| SCORES[i]).collect();
        let y: Vec<bool> = rows.iter().map(|&i| POSITIVE[i]).collect();
        close(ece(&p, &y, None).unwrap(), ece(&SCORES, &POSITIVE, Some(&WEIGHTS)).unwrap());
        let (a, b) =
            (calibration_bins(&p, &y, None, 7).unwrap(), calibration_bins(&SCORES, &POSITIVE, Some(&WEIGHTS), 7));
        for (a, b) in a.iter().zip(b.unwrap()) {
            close(a.n, b.n);
            close(a.observed, b.observed);
        }
    }

    #[test]
    fn known_values_and_limits() {
        // The base rate r as every probability: Brier r (1 - r), ECE 0, log-loss the entropy.
        let p = [0.25; 4];
        let y = [true, false, false, false];
        close(brier(&p, &y, None).unwrap(), 0.1875);
        close(ece(&p, &y, None).unwrap(), 0.0);
        close(log_loss(&p, &y, None).unwrap(), -(0.25 * 0.25_f64.ln() + 0.75 * 0.75_f64.ln()));
        // Certainty that was right costs nothing, certainty that was wrong has no finite loss.
        close(log_loss(&[1.0, 0.0], &[true, false], None).unwrap(), 0.0);
        assert!(matches!(log_loss(&[1.0], &[false], None), Err(Error::Degenerate { .. })));
        assert_eq!(calibration_bins(&[1.0, 0.0], &[true, false], None, 10).unwrap().len(), 2);
        assert!(matches!(brier(&[1.2], &[true], None), Err(Error::Parameter { .. })));
    }
}

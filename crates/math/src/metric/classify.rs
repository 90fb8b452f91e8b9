//! What flagging above a threshold, or working a list from the top, brings.
//!
//! `F_beta = (1 + beta^2) P R / (beta^2 P + R)` with precision `P` and recall `R` (van Rijsbergen 1979): `beta = 2`
//! values recall four times as much as precision. Lift of a decile: its share of positives over the base rate.

use super::{check, weight_at};
use crate::error::{Error, Result};

/// The four counts (weights) of a flag against the outcome.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Confusion {
    /// Flagged and positive.
    pub true_positives: f64,
    /// Flagged and negative.
    pub false_positives: f64,
    /// Not flagged and positive.
    pub false_negatives: f64,
    /// Not flagged and negative.
    pub true_negatives: f64,
}

impl Confusion {
    /// Positives among the flagged.
    ///
    /// # Errors
    /// [`Error::Degenerate`] when nothing is flagged.
    pub fn precision(&self) -> Result<f64> {
        ratio(self.true_positives, self.true_positives + self.false_positives, "precision", "nothing is flagged")
    }

    /// Flagged among the positives.
    ///
    /// # Errors
    /// [`Error::Degenerate`] when nothing is positive.
    pub fn recall(&self) -> Result<f64> {
        ratio(self.true_positives, self.true_positives + self.false_negatives, "recall", "there is no positive")
    }

    /// The F-beta score; 0 when no positive is flagged.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `beta` > 0, [`Error::Degenerate`] when nothing is flagged and nothing positive.
    pub fn f_beta(&self, beta: f64) -> Result<f64> {
        if !(beta > 0.0 && beta.is_finite()) {
            return Err(Error::Parameter { name: "beta", value: beta, expected: "a finite value > 0" });
        }
        // The same ratio without dividing twice: (1+b^2) tp / ((1+b^2) tp + b^2 fn + fp).
        let hits = (1.0 + beta * beta) * self.true_positives;
        let misses = beta * beta * self.false_negatives + self.false_positives;
        ratio(hits, hits + misses, "F-beta", "nothing is flagged and nothing is positive")
    }

    /// The share of all rows that is flagged.
    ///
    /// # Errors
    /// [`Error::Degenerate`] without rows.
    pub fn flagged_share(&self) -> Result<f64> {
        let flagged = self.true_positives + self.false_positives;
        ratio(flagged, flagged + self.false_negatives + self.true_negatives, "flagged share", "there are no rows")
    }
}

fn ratio(part: f64, whole: f64, what: &'static str, reason: &'static str) -> Result<f64> {
    if whole > 0.0 { Ok(part / whole) } else { Err(Error::Degenerate { what, reason }) }
}

/// Counts what flagging every score >= `threshold` does.
///
/// # Errors
/// [`Error::Shape`], [`Error::NotFinite`], [`Error::TooFew`], [`Error::Parameter`] for the inputs.
///
/// ```
/// let flags = tenure_math::metric::confusion(&[0.9, 0.6, 0.2], &[true, false, true], 0.5, None)?;
/// assert_eq!((flags.precision()?, flags.recall()?), (0.5, 0.5));
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn confusion(scores: &[f64], positive: &[bool], threshold: f64, weights: Option<&[f64]>) -> Result<Confusion> {
    check("scores", scores, positive.len(), weights)?;
    if threshold.is_nan() {
        return Err(Error::Parameter { name: "threshold", value: threshold, expected: "a number" });
    }
    let mut counts = Confusion { true_positives: 0.0, false_positives: 0.0, false_negatives: 0.0, true_negatives: 0.0 };
    for (i, &score) in scores.iter().enumerate() {
        let cell = match (score >= threshold, positive[i]) {
            (true, true) => &mut counts.true_positives,
            (true, false) => &mut counts.false_positives,
            (false, true) => &mut counts.false_negatives,
            (false, false) => &mut counts.true_negatives,
        };
        *cell += weight_at(weights, i);
    }
    Ok(counts)
}

/// One tenth of the rows, ranked by score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LiftRow {
    /// 1 for the highest scores to 10 for the lowest.
    pub decile: usize,
    /// Rows in the decile.
    pub n: usize,
    /// Mean score.
    pub mean_score: f64,
    /// Share of positives.
    pub positive_rate: f64,
    /// `positive_rate` over the rate of all rows.
    pub lift: f64,
    /// Share of all positives in this decile and the ones above it.
    pub cumulative_capture: f64,
}

/// The lift table by decile of score, highest first. Tied scores share their positives evenly over the places they
/// take, so the table does not depend on the order of the rows.
///
/// # Errors
/// [`Error::TooFew`] below ten rows, [`Error::Degenerate`] without a positive, [`Error::Shape`],
/// [`Error::NotFinite`] for the inputs.
pub fn lift_by_decile(scores: &[f64], positive: &[bool]) -> Result<Vec<LiftRow>> {
    check("scores", scores, positive.len(), None)?;
    let n = scores.len();
    if n < 10 {
        return Err(Error::TooFew { what: "lift by decile", needed: 10, found: n });
    }
    let mut order = crate::num::argsort(scores);
    order.reverse();
    let mut share = Vec::with_capacity(n);
    for tie in order.chunk_by(|&a, &b| scores[a].total_cmp(&scores[b]).is_eq()) {
        let hits = tie.iter().filter(|&&i| positive[i]).count();
        share.extend(std::iter::repeat_n(hits as f64 / tie.len() as f64, tie.len()));
    }
    let positives: f64 = share.iter().sum();
    if positives <= 0.0 {
        return Err(Error::Degenerate { what: "lift by decile", reason: "there is no positive" });
    }
    let base = positives / n as f64;
    let mut captured = 0.0;
    Ok((0..10)
        .map(|k| {
            let places = k * n / 10..(k + 1) * n / 10;
            let size = places.len();
            let hits: f64 = share[places.clone()].iter().sum();
            captured += hits;
            LiftRow {
                decile: k + 1,
                n: size,
                mean_score: order[places].iter().map(|&i| scores[i]).sum::<f64>() / size as f64,
                positive_rate: hits / size as f64,
                lift: hits / size as f64 / base,
                cumulative_capture: captured / positives,
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::super::probability::tests::{POSITIVE, SCORES, WEIGHTS};
    use super::*;

    #[test]
    fn published_implementation() {
        // scikit-learn 1.9.1 fbeta_score(beta=2), precision_score, recall_score of SCORES >= 0.4; then weighted.
        let flags = confusion(&SCORES, &POSITIVE, 0.4, None).unwrap();
        assert!((flags.f_beta(2.0).unwrap() - 0.645_161_290_322_580_6).abs() < 1e-12);
        assert!((flags.precision().unwrap() - 4.0 / 7.0).abs() < 1e-12);
        assert!((flags.recall().unwrap() - 4.0 / 6.0).abs() < 1e-12);
        let weighted = confusion(&SCORES, &POSITIVE, 0.4, Some(&WEIGHTS)).unwrap();
        assert!((weighted.f_beta(2.0).unwrap() - 0.697_674_418_604_651_2).abs() < 1e-12);
    }

    #[test]
    fn f_beta_lies_between_precision_and_recall_and_tends_to_them() {
        let flags = confusion(&SCORES, &POSITIVE, 0.5, None).unwrap();
        let (p, r) = (flags.precision().unwrap(), flags.recall().unwrap());
        assert!((flags.f_beta(1e-6).unwrap() - p).abs() < 1e-9);
        assert!((flags.f_beta(1e6).unwrap() - r).abs() < 1e-9);
        assert!((flags.f_beta(1.0).unwrap() - 2.0 * p * r / (p + r)).abs() < 1e-12);
        let none = confusion(&SCORES, &POSITIVE, 2.0, None).unwrap();
        assert!(none.precision().is_err() && none.recall().unwrap() == 0.0 && none.f_beta(2.0).unwrap() == 0.0);
        assert!(flags.f_beta(0.0).is_err());
    }

    #[test]
    fn lift_of_a_perfect_and_of_a_useless_score() {
        let scores: Vec<f64> = (0..40).map(f64::from).collect();
        let positive: Vec<bool> = (0..40).map(|i| i >= 36).collect();
        let table = lift_by_decile(&scores, &positive).unwrap();
        assert_eq!((table[0].decile, table[0].n, table[0].lift, table[0].cumulative_capture), (1, 4, 10.0, 1.0));
        assert_eq!((table[9].positive_rate, table[9].mean_score), (0.0, 1.5));
        let flat = lift_by_decile(&[0.5; 40], &positive).unwrap();
        assert!(flat.iter().all(|row| (row.lift - 1.0).abs() < 1e-12));
        // 23 rows: every row is in exactly one decile.
        let table = lift_by_decile(&scores[..23], &positive[17..]).unwrap();
        assert_eq!(table.iter().map(|r| r.n).sum::<usize>(), 23);
        assert!((table[9].cumulative_capture - 1.0).abs() < 1e-12);
        assert!(matches!(lift_by_decile(&scores[..9], &positive[..9]), Err(Error::TooFew { .. })));
    }
}

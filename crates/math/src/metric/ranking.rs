//! How well a score orders two classes: ROC and precision-recall.
//!
//! `AUC = P(score of a positive > score of a negative) + 1/2 P(equal)` (Hanley and McNeil 1982; midranks for ties).
//! `AP = sum_k (R_k - R_{k-1}) P_k` over the distinct thresholds in descending order, the step definition of
//! scikit-learn's `average_precision_score` (no interpolation, which would be too optimistic: Davis and Goadrich 2006).
//!
//! Tied scores enter together, so no result depends on the order of the rows.

use super::{check, check_weights, weight_at};
use crate::error::{Error, Result};
use crate::num::argsort;

/// Labels in descending order of a score, sorted once and then scored for any weights in one pass.
#[derive(Debug, Clone)]
pub struct RankedLabels {
    /// Row numbers, highest score first.
    order: Vec<u32>,
    /// The label of each row of `order`.
    positive: Vec<bool>,
    /// Whether the next place has a lower score (true at the last place).
    ends_tie: Vec<bool>,
    /// The score at each place.
    scores: Vec<f64>,
}

/// One point of the ROC curve: what happens when every row with a score >= `threshold` is flagged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RocPoint {
    /// The lowest flagged score; infinite at the first point, where nothing is flagged.
    pub threshold: f64,
    /// Flagged negatives of all negatives.
    pub false_positive_rate: f64,
    /// Flagged positives of all positives.
    pub true_positive_rate: f64,
}

/// One point of the precision-recall curve: what happens when every row with a score >= `threshold` is flagged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrPoint {
    /// The lowest flagged score.
    pub threshold: f64,
    /// Positives among the flagged.
    pub precision: f64,
    /// Flagged positives of all positives.
    pub recall: f64,
}

/// Weights flagged so far, at the end of a block of tied scores.
struct Step {
    threshold: f64,
    positives: f64,
    negatives: f64,
}

impl RankedLabels {
    /// Sorts `positive` by `scores`.
    ///
    /// # Errors
    /// [`Error::Shape`] for lengths, [`Error::NotFinite`] for a score, [`Error::TooFew`] without rows.
    pub fn new(scores: &[f64], positive: &[bool]) -> Result<Self> {
        check("scores", scores, positive.len(), None)?;
        let order: Vec<u32> = argsort(scores).into_iter().rev().map(|i| i as u32).collect();
        let sorted: Vec<f64> = order.iter().map(|&i| scores[i as usize]).collect();
        let ends_tie = (0..sorted.len()).map(|k| sorted.get(k + 1).is_none_or(|next| *next < sorted[k])).collect();
        let positive = order.iter().map(|&i| positive[i as usize]).collect();
        Ok(Self { order, positive, ends_tie, scores: sorted })
    }

    /// The area under the ROC curve.
    ///
    /// # Errors
    /// [`Error::Degenerate`] unless both classes have weight; [`Error::Shape`], [`Error::Parameter`] for weights.
    pub fn roc_auc(&self, weights: Option<&[f64]>) -> Result<f64> {
        let (mut area, mut before, mut positives) = (0.0, 0.0, 0.0);
        self.walk(weights, |step| {
            // Positives of this block beat the negatives still to come and half of those in the block; counting what
            // each block of negatives loses to is the same sum.
            area += (step.negatives - before) * (positives + 0.5 * (step.positives - positives));
            before = step.negatives;
            positives = step.positives;
        })?;
        let pairs = positives * before;
        if pairs > 0.0 {
            Ok(area / pairs)
        } else {
            Err(Error::Degenerate { what: "ROC-AUC", reason: "the outcomes have one class only" })
        }
    }

    /// The average precision.
    ///
    /// # Errors
    /// [`Error::Degenerate`] when no positive has weight; [`Error::Shape`], [`Error::Parameter`] for weights.
    pub fn average_precision(&self, weights: Option<&[f64]>) -> Result<f64> {
        let (mut sum, mut positives) = (0.0, 0.0);
        self.walk(weights, |step| {
            if step.positives > positives {
                sum += (step.positives - positives) * step.positives / (step.positives + step.negatives);
                positives = step.positives;
            }
        })?;
        if positives > 0.0 {
            Ok(sum / positives)
        } else {
            Err(Error::Degenerate { what: "average precision", reason: "there is no positive" })
        }
    }

    /// Calls `each` with the running totals after every block of tied scores, highest first.
    fn walk(&self, weights: Option<&[f64]>, mut each: impl FnMut(&Step)) -> Result<()> {
        check_weights("ranked labels", self.order.len(), weights)?;
        let (mut positives, mut negatives) = (0.0, 0.0);
        for (k, &row) in self.order.iter().enumerate() {
            let w = weight_at(weights, row as usize);
            if self.positive[k] {
                positives += w;
            } else {
                negatives += w;
            }
            if self.ends_tie[k] {
                each(&Step { threshold: self.scores[k], positives, negatives });
            }
        }
        Ok(())
    }
}

/// The area under the ROC curve of `scores` for the outcome `positive`, ties counted half.
///
/// # Errors
/// [`Error::Degenerate`] when one class is missing; [`Error::Shape`], [`Error::NotFinite`], [`Error::Parameter`],
/// [`Error::TooFew`] for the inputs.
///
/// ```
/// let auc = tenure_math::metric::roc_auc(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true], None)?;
/// assert_eq!(auc, 0.75);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn roc_auc(scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<f64> {
    RankedLabels::new(scores, positive)?.roc_auc(weights)
}

/// The average precision of `scores` for the outcome `positive`.
///
/// # Errors
/// As [`roc_auc`]; one positive is enough.
pub fn average_precision(scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<f64> {
    RankedLabels::new(scores, positive)?.average_precision(weights)
}

/// The ROC curve, one point a distinct score after the point where nothing is flagged.
///
/// # Errors
/// As [`roc_auc`].
pub fn roc_curve(scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<Vec<RocPoint>> {
    let steps = steps(scores, positive, weights)?;
    let (all_positives, all_negatives) = steps.last().map_or((0.0, 0.0), |s| (s.positives, s.negatives));
    if all_positives <= 0.0 || all_negatives <= 0.0 {
        return Err(Error::Degenerate { what: "ROC curve", reason: "the outcomes have one class only" });
    }
    let first = RocPoint { threshold: f64::INFINITY, false_positive_rate: 0.0, true_positive_rate: 0.0 };
    let rest = steps.iter().map(|s| RocPoint {
        threshold: s.threshold,
        false_positive_rate: s.negatives / all_negatives,
        true_positive_rate: s.positives / all_positives,
    });
    Ok(std::iter::once(first).chain(rest).collect())
}

/// The precision-recall curve, one point a distinct score, highest threshold first.
///
/// # Errors
/// As [`average_precision`].
pub fn pr_curve(scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<Vec<PrPoint>> {
    let steps = steps(scores, positive, weights)?;
    let all_positives = steps.last().map_or(0.0, |s| s.positives);
    if all_positives <= 0.0 {
        return Err(Error::Degenerate { what: "precision-recall curve", reason: "there is no positive" });
    }
    // Rows of weight zero at the top flag nothing, so there is no precision to speak of yet.
    let flagged = steps.iter().filter(|s| s.positives + s.negatives > 0.0);
    Ok(flagged
        .map(|s| PrPoint {
            threshold: s.threshold,
            precision: s.positives / (s.positives + s.negatives),
            recall: s.positives / all_positives,
        })
        .collect())
}

fn steps(scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    RankedLabels::new(scores, positive)?.walk(weights, |s| {
        steps.push(Step { threshold: s.threshold, positives: s.positives, negatives: s.negatives });
    })?;
    Ok(steps)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::super::probability::tests::{POSITIVE, SCORES, WEIGHTS};
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }

    #[test]
    fn published_implementation() {
        // scikit-learn 1.9.1 roc_auc_score and average_precision_score on SCORES, POSITIVE; then with sample_weight.
        close(roc_auc(&SCORES, &POSITIVE, None).unwrap(), 0.708_333_333_333_333_4);
        close(roc_auc(&SCORES, &POSITIVE, Some(&WEIGHTS)).unwrap(), 0.763_888_888_888_889);
        close(average_precision(&SCORES, &POSITIVE, None).unwrap(), 0.746_164_021_164_021_1);
        close(average_precision(&SCORES, &POSITIVE, Some(&WEIGHTS)).unwrap(), 0.796_203_796_203_796_2);
    }

    #[test]
    fn curves_are_scikit_learns() {
        // scikit-learn 1.9.1 roc_curve(drop_intermediate=False) on the same data.
        let roc = roc_curve(&SCORES, &POSITIVE, None).unwrap();
        let thresholds = [f64::INFINITY, 0.9, 0.8, 0.77, 0.6, 0.4, 0.35, 0.2, 0.1, 0.05];
        let tpr = [0., 1., 2., 2., 3., 4., 5., 6., 6., 6.].map(|v| v / 6.0);
        let fpr = [0., 0., 0., 1., 1., 3., 4., 4., 5., 6.].map(|v| v / 6.0);
        assert_eq!(roc.len(), 10);
        for (k, point) in roc.iter().enumerate() {
            assert_eq!(point.threshold, thresholds[k]);
            close(point.true_positive_rate, tpr[k]);
            close(point.false_positive_rate, fpr[k]);
        }
        // scikit-learn 1.9.1 precision_recall_curve, which lists them the other way round.
        let pr = pr_curve(&SCORES, &POSITIVE, None).unwrap();
        let precision = [1., 1., 2. / 3., 0.75, 4. / 7., 5. / 9., 0.6, 6. / 11., 0.5];
        assert_eq!(pr.len(), 9);
        for (k, point) in pr.iter().enumerate() {
            close(point.precision, precision[k]);
            close(point.recall, tpr[k + 1]);
        }
        // Brute force: the area is the curve's trapezoids, the average precision its steps.
        let area: f64 = roc
            .windows(2)
            .map(|w| {
                (w[1].false_positive_rate - w[0].false_positive_rate)
                    * (w[0].true_positive_rate + w[1].true_positive_rate)
                    / 2.0
            })
            .sum();
        close(area, roc_auc(&SCORES, &POSITIVE, None).unwrap());
    }

    #[test]
    fn brute_force_pairs_and_invariances() {
        let mut wins = 0.0;
        for (s, p) in SCORES.iter().zip(POSITIVE) {
            for (t, q) in SCORES.iter().zip(POSITIVE) {
                if p && !q {
                    wins += if s > t { 1.0 } else { f64::from(s == t) / 2.0 };
                }
            }
        }
        close(roc_auc(&SCORES, &POSITIVE, None).unwrap(), wins / 36.0);
        // Order of rows, monotone transform, complement.
        let reversed: Vec<f64> = SCORES.iter().rev().copied().collect();
        let labels: Vec<bool> = POSITIVE.iter().rev().copied().collect();
        close(roc_auc(&reversed, &labels, None).unwrap(), wins / 36.0);
        close(average_precision(&reversed, &labels, None).unwrap(), 0.746_164_021_164_021_1);
        let cubed = SCORES.map(|s| s * s * s);
        close(roc_auc(&cubed, &POSITIVE, None).unwrap(), wins / 36.0);
        let opposite = POSITIVE.map(|p| !p);
        close(roc_auc(&SCORES, &opposite, None).unwrap(), 1.0 - wins / 36.0);
        // A constant score is a coin: AUC 1/2, AP the base rate.
        close(roc_auc(&[0.3; 12], &POSITIVE, None).unwrap(), 0.5);
        close(average_precision(&[0.3; 12], &POSITIVE, None).unwrap(), 0.5);
    }

    #[test]
    fn what_cannot_be_answered_is_an_error() {
        assert!(matches!(roc_auc(&[0.1, 0.2], &[true, true], None), Err(Error::Degenerate { .. })));
        assert!(matches!(average_precision(&[0.1], &[false], None), Err(Error::Degenerate { .. })));
        assert!(matches!(roc_auc(&[0.1, f64::NAN], &[true, false], None), Err(Error::NotFinite { row: 1, .. })));
        assert!(matches!(roc_auc(&[], &[], None), Err(Error::TooFew { .. })));
        assert!(matches!(roc_auc(&[0.1], &[true, false], None), Err(Error::Shape { .. })));
        assert!(roc_auc(&[0.1, 0.2], &[true, false], Some(&[1.0, 0.0])).is_err());
    }
}

//! Drift: are two samples distributed alike?
//!
//! Question: a measure was counted in bins before (n values, shares p) and since (m values, shares q). Has it moved?
//!
//! - the population stability index `PSI = sum (q - p) ln(q / p)`, which people know: above 0.2 is commonly called a
//!   shift. Empty bins count as half a value. Under no change it is about `(1/n + 1/m)` times a chi-square with one
//!   degree of freedom less than bins (Yurdakul 2018), so that few values alone make it large;
//! - the distance: in ordered bins the greatest difference between the cumulative shares (Kolmogorov and Smirnov), in
//!   unordered ones half the sum of the absolute differences (total variation). From it is taken what chance alone
//!   reaches once in twenty times, so that the verdict asks for a change that is large and sure.
//!
//! Values are binned by the deciles of the reference sample. A value that is itself a decile more than once holds a
//! tenth of the sample: it gets a bin of its own, and so do the missing.
//!
//! Source: Siddiqi, Credit Risk Scorecards (2006), ch. 10, for the index; Yurdakul, Statistical Properties of the
//! Population Stability Index (2018), 2.3, for its chance; Smirnov (1948) for the distance. Limits: both figures of
//! chance take the samples for independent. Snapshots of one portfolio share customers: chance is then smaller than
//! said, and the verdict is careful.

use crate::error::{Error, Result};
use crate::num;

/// A distance that matters: one value in ten stands elsewhere.
pub const LIMIT: f64 = 0.1;
/// The Kolmogorov-Smirnov quantile at 95 %.
const KS_95: f64 = 1.358;
/// The normal quantile at 95 %.
const NORMAL_95: f64 = 1.644_853_626_951_472_2;

/// Whether the order of the bins means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bins {
    /// Bins of numbers, ascending.
    Ordered,
    /// Words.
    Unordered,
}

/// How far two samples stand apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// Greatest difference of the cumulative shares, or half the sum of absolute differences; 0 to 1.
    pub distance: f64,
    /// What chance alone makes of the distance once in twenty times.
    pub chance: f64,
    /// Population stability index.
    pub psi: f64,
    /// What chance alone makes of the index once in twenty times.
    pub psi_chance: f64,
}

impl Drift {
    /// Compares counts in the same bins.
    ///
    /// # Errors
    /// [`Error::Shape`] when the counts differ in length, [`Error::TooFew`] when one sample is empty.
    ///
    /// ```
    /// use tenure_math::drift::{Bins, Drift};
    /// let drift = Drift::between(&[50, 50, 0], &[0, 50, 50], Bins::Ordered)?;
    /// assert!((drift.distance - 0.5).abs() < 1e-12);
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    pub fn between(before: &[u64], since: &[u64], bins: Bins) -> Result<Self> {
        num::require_len("counts since", before.len(), since.len())?;
        let (n, m) = (before.iter().sum::<u64>() as f64, since.iter().sum::<u64>() as f64);
        if n < 1.0 || m < 1.0 {
            return Err(Error::TooFew { what: "drift", needed: 1, found: 0 });
        }
        let k = before.len() as f64;
        let (mut below, mut greatest, mut moved, mut psi) = (0.0_f64, 0.0_f64, 0.0, 0.0);
        // What half the sum of absolute differences is expected to be by chance: each share has a normal error.
        let mut noise = 0.0;
        for (&a, &b) in before.iter().zip(since) {
            let (a, b) = (a as f64, b as f64);
            let (p, q) = (a / n, b / m);
            below += q - p;
            greatest = greatest.max(below.abs());
            moved += (q - p).abs();
            let pooled = (a + b) / (n + m);
            noise += (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m) * 2.0 / std::f64::consts::PI).sqrt();
            let (p, q) = ((a + 0.5) / (n + 0.5 * k), (b + 0.5) / (m + 0.5 * k));
            psi += (q - p) * (q / p).ln();
        }
        let ks = KS_95 * (1.0 / n + 1.0 / m).sqrt();
        let (distance, chance) = match bins {
            Bins::Ordered => (greatest, ks),
            Bins::Unordered => (moved / 2.0, noise / 2.0 + ks / 2.0),
        };
        let filled = before.iter().zip(since).filter(|(a, b)| **a + **b > 0).count();
        let psi_chance = (1.0 / n + 1.0 / m) * chi_square_95(filled.saturating_sub(1));
        Ok(Self { distance, chance, psi, psi_chance })
    }

    /// Whether the distance exceeds chance by more than [`LIMIT`].
    #[must_use]
    pub fn has_moved(&self) -> bool {
        self.distance - self.chance > LIMIT
    }
}

/// The 95 % quantile of chi-square (Wilson and Hilferty 1931; within 3 % for one degree of freedom, then within 1 %).
fn chi_square_95(degrees: usize) -> f64 {
    if degrees == 0 {
        return 0.0;
    }
    let k = degrees as f64;
    let spread = 2.0 / (9.0 * k);
    k * (1.0 - spread + NORMAL_95 * spread.sqrt()).powi(3)
}

/// Bins by the deciles of a sample; the first bin is that of the missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Deciles {
    /// Ascending; `true` behind a value that belongs below the cut, `false` behind one that belongs above it.
    cuts: Vec<(f64, bool)>,
}

impl Deciles {
    /// Cuts at the deciles of a sample in ascending order, which are values of the sample (type 1 of Hyndman and Fan).
    ///
    /// # Errors
    /// [`Error::NotFinite`] when a value is NaN or infinite. An empty sample has one bin for all that is not missing.
    pub fn of(sorted: &[f64]) -> Result<Self> {
        num::require_finite("sample", sorted)?;
        let n = sorted.len();
        let deciles: Vec<f64> =
            (1..10).filter_map(|tenth| sorted.get((n * tenth).div_ceil(10).max(1) - 1)).copied().collect();
        let mut cuts: Vec<(f64, bool)> = Vec::new();
        for (at, &value) in deciles.iter().enumerate() {
            if at > 0 && deciles[at - 1] >= value {
                continue;
            }
            // The same decile twice: the value stands alone between two cuts.
            if deciles.get(at + 1).is_some_and(|next| *next <= value) && sorted[0] < value {
                cuts.push((value, false));
            }
            cuts.push((value, true));
        }
        Ok(Self { cuts })
    }

    /// The values of a sample by bin; the missing come first.
    #[must_use]
    pub fn count(&self, values: &[f64], missing: u64) -> Vec<u64> {
        let mut counts = vec![0; self.cuts.len() + 2];
        counts[0] = missing;
        for &value in values {
            let beyond = |&(cut, belongs_below): &(f64, bool)| if belongs_below { value > cut } else { value >= cut };
            counts[1 + self.cuts.partition_point(beyond)] += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rng;
    use rand::RngExt;

    fn sorted(n: usize, seed: u64, make: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut draw = rng::stream(seed, "drift", 0);
        let mut values: Vec<f64> = (0..n).map(|_| make(draw.random())).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    #[test]
    fn figures_by_hand() {
        // Shares 0.4, 0.6 against 0.6, 0.4: PSI = 2 x 0.2 x ln 1.5 = 0.16219; half a value in 10^8 does not show.
        let (before, since) = ([40_000_000, 60_000_000], [60_000_000, 40_000_000]);
        let drift = Drift::between(&before, &since, Bins::Ordered).unwrap();
        assert!((drift.psi - 0.4 * 1.5_f64.ln()).abs() < 1e-7, "{drift:?}");
        assert!((drift.distance - 0.2).abs() < 1e-12);
        let same = Drift::between(&before, &before, Bins::Unordered).unwrap();
        assert!(same.psi.abs() < 1e-12 && same.distance.abs() < 1e-12 && !same.has_moved());
        assert!(Drift::between(&before, &[0, 0], Bins::Ordered).is_err());
        assert!(Drift::between(&before, &[1], Bins::Ordered).is_err());
    }

    /// Exact quantiles of chi-square at 95 %: Abramowitz and Stegun, table 26.8.
    #[test]
    fn chance_is_that_of_chi_square() {
        for (degrees, exact) in [(1, 3.841), (2, 5.991), (5, 11.070), (10, 18.307)] {
            let found: f64 = chi_square_95(degrees);
            assert!((found / exact - 1.0).abs() < 0.03, "{degrees}: {found}");
        }
        assert!(chi_square_95(0).abs() < f64::EPSILON);
    }

    /// No change: the index passes its chance in about one of twenty comparisons; the bound is 5 % and four standard
    /// errors of 400 draws.
    #[test]
    fn samples_of_one_distribution_pass_chance_once_in_twenty() {
        let passed = (0..400)
            .filter(|seed| {
                let (a, b) = (sorted(800, *seed, |u| u * u), sorted(600, 9_000 + seed, |u| u * u));
                let bins = Deciles::of(&a).unwrap();
                let drift = Drift::between(&bins.count(&a, 0), &bins.count(&b, 0), Bins::Ordered).unwrap();
                drift.psi > drift.psi_chance
            })
            .count();
        assert!(passed <= 37, "{passed} of 400");
        assert!(passed >= 5, "{passed} of 400: chance is said too large");
    }

    #[test]
    fn deciles_hold_a_tenth_each() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        let bins = Deciles::of(&values).unwrap();
        assert_eq!(bins.count(&values, 7), [7, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10]);
        // Order is nothing, and neither is scale.
        let scaled: Vec<f64> = values.iter().rev().map(|v| v * 3.0).collect();
        let thirds: Vec<f64> = values.iter().map(|v| v * 3.0).collect();
        assert_eq!(Deciles::of(&thirds).unwrap().count(&scaled, 0)[1..], bins.count(&values, 0)[1..]);
    }

    #[test]
    fn ties_have_bins_of_their_own() {
        // Half zeros: those below every cut, then the rest in tenths.
        let mut values = vec![0.0; 50];
        values.extend((1..=50).map(f64::from));
        let bins = Deciles::of(&values).unwrap();
        assert_eq!(bins.count(&values, 0), [0, 50, 10, 10, 10, 10, 10]);
        // Most at the top: what falls below it is seen.
        let mut shares = vec![0.5; 5];
        shares.extend([1.0; 95]);
        let bins = Deciles::of(&shares).unwrap();
        assert_eq!(bins.count(&shares, 0), [0, 5, 95, 0]);
        assert_eq!(bins.count(&[0.2, 1.0, 2.0], 1), [1, 1, 1, 1]);
        // One value only, and none.
        assert_eq!(Deciles::of(&[3.0]).unwrap().count(&[2.0, 3.0, 4.0], 0), [0, 2, 1]);
        assert_eq!(Deciles::of(&[]).unwrap().count(&[2.0], 3), [3, 1]);
        assert!(Deciles::of(&[f64::NAN]).is_err());
    }
}

//! How good a partition is: silhouette, Davies-Bouldin index, the elbow of the inertia, and the agreement of two partitions.
//!
//! **Silhouette** (Rousseeuw 1987): with `a` the mean distance of a row to the others of its group and `b` the least mean
//! distance to another group, `s = (b - a) / max(a, b)`, 0 for a row alone in its group; the mean over the rows lies in
//! -1..1, near 1 is good. All pairs of rows would be needed, so above a cap it is measured on a seeded random sample of
//! rows, within the sample, with the standard error of the mean `sd(s) / sqrt(m)`. Memory is linear in the rows.
//!
//! **Davies-Bouldin** (Davies and Bouldin 1979): with `S_c` the mean distance of a group's rows to its centroid and
//! `M_cd` the distance of two centroids, the mean over `c` of `max_d (S_c + S_d) / M_cd`; near 0 is good.
//!
//! **Adjusted Rand index** (Hubert and Arabie 1985): see [`adjusted_rand`].

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::num::{self, Matrix};
use crate::rng;

/// The mean silhouette and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Silhouette {
    /// The mean over the rows that were measured, -1..1.
    pub mean: f64,
    /// The standard error of that mean.
    pub standard_error: f64,
    /// The rows that were measured.
    pub rows: usize,
    /// Whether these were all rows.
    pub exact: bool,
}

/// The mean silhouette of a partition, over all rows up to `cap` and over a seeded sample of `cap` rows above it. The
/// sample depends on the seed and the number of rows only, so that partitions of the same rows are compared on the same
/// sample.
///
/// # Errors
/// [`Error::Shape`] when labels and rows differ in number, [`Error::NotFinite`] for NaN or infinity,
/// [`Error::Parameter`] for a cap below 2, [`Error::Degenerate`] when the rows measured lie in fewer than two groups.
///
/// ```
/// use tenure_math::{num::Matrix, segment::quality};
/// let data = Matrix::new(4, 1, vec![0., 1., 10., 11.])?;
/// let s = quality::silhouette(&data, &[0, 0, 1, 1], 2000, 7)?;
/// assert!((s.mean - (9.5 / 10.5 + 8.5 / 9.5) / 2.0).abs() < 1e-12);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn silhouette(data: &Matrix, labels: &[u32], cap: usize, seed: u64) -> Result<Silhouette> {
    num::require_len("labels", data.n_rows(), labels.len())?;
    data.require_finite("silhouette")?;
    if cap < 2 {
        return Err(Error::Parameter { name: "cap", value: cap as f64, expected: "at least 2" });
    }
    let exact = data.n_rows() <= cap;
    let stream = || rng::stream(seed, "segment/silhouette", 0);
    let rows = if exact { (0..data.n_rows()).collect() } else { rng::sample(data.n_rows(), cap, &mut stream()) };
    let (points, labels) = (data.select_rows(&rows), rows.iter().map(|&i| labels[i] as usize).collect::<Vec<_>>());
    let mut sizes = vec![0_usize; labels.iter().max().map_or(0, |m| m + 1)];
    labels.iter().for_each(|&c| sizes[c] += 1);
    if sizes.iter().filter(|&&s| s > 0).count() < 2 {
        return Err(Error::Degenerate { what: "silhouette", reason: "fewer than two groups hold rows" });
    }
    let widths: Vec<f64> = (0..rows.len())
        .into_par_iter()
        .map(|i| {
            if sizes[labels[i]] < 2 {
                return 0.0;
            }
            let mut sums = vec![0.0; sizes.len()];
            for j in 0..rows.len() {
                sums[labels[j]] += distance(points.row(i), points.row(j));
            }
            let own = sums[labels[i]] / (sizes[labels[i]] - 1) as f64;
            let others = (0..sizes.len()).filter(|&c| c != labels[i] && sizes[c] > 0);
            let other = others.map(|c| sums[c] / sizes[c] as f64).fold(f64::INFINITY, f64::min);
            let scale = own.max(other);
            if scale > 0.0 { (other - own) / scale } else { 0.0 }
        })
        .collect();
    let m = widths.len() as f64;
    let mean = widths.iter().sum::<f64>() / m;
    let variance = widths.iter().map(|s| (s - mean) * (s - mean)).sum::<f64>() / (m - 1.0);
    Ok(Silhouette { mean, standard_error: (variance / m).sqrt(), rows: widths.len(), exact })
}

/// The Davies-Bouldin index of a partition; groups without rows take no part.
///
/// # Errors
/// [`Error::Shape`] when labels and rows differ in number, [`Error::NotFinite`] for NaN or infinity,
/// [`Error::Degenerate`] when fewer than two groups hold rows or two centroids coincide.
pub fn davies_bouldin(data: &Matrix, labels: &[u32]) -> Result<f64> {
    num::require_len("labels", data.n_rows(), labels.len())?;
    data.require_finite("Davies-Bouldin index")?;
    let d = data.n_cols();
    let k = labels.iter().max().map_or(0, |&m| m as usize + 1);
    let (mut centres, mut sizes, mut spreads) = (vec![0.0; k * d], vec![0.0; k], vec![0.0; k]);
    for (i, &c) in labels.iter().enumerate() {
        sizes[c as usize] += 1.0;
        centres[c as usize * d..][..d].iter_mut().zip(data.row(i)).for_each(|(m, x)| *m += x);
    }
    for c in 0..k {
        centres[c * d..][..d].iter_mut().for_each(|m| *m /= sizes[c]);
    }
    for (i, &c) in labels.iter().enumerate() {
        let c = c as usize;
        spreads[c] += distance(data.row(i), &centres[c * d..][..d]) / sizes[c];
    }
    let held: Vec<usize> = (0..k).filter(|&c| sizes[c] > 0.0).collect();
    if held.len() < 2 {
        return Err(Error::Degenerate { what: "Davies-Bouldin index", reason: "fewer than two groups hold rows" });
    }
    let mut total = 0.0;
    for &a in &held {
        let mut worst = 0.0_f64;
        for &b in held.iter().filter(|&&b| b != a) {
            let apart = distance(&centres[a * d..][..d], &centres[b * d..][..d]);
            if apart <= 0.0 {
                return Err(Error::Degenerate { what: "Davies-Bouldin index", reason: "two centroids coincide" });
            }
            worst = worst.max((spreads[a] + spreads[b]) / apart);
        }
        total += worst;
    }
    Ok(total / held.len() as f64)
}

/// The elbow of a falling curve: the place of the point farthest below the straight line from the first point to the
/// last, with both axes scaled to 0..1 (the idea of Satopaa et al. 2011, *Kneedle*). `None` with fewer than three
/// points, when the curve does not fall, or when no point lies below the line.
#[must_use]
pub fn elbow(x: &[f64], y: &[f64]) -> Option<usize> {
    let last = x.len().checked_sub(1)?;
    if last < 2 || y.len() != x.len() || y[last] >= y[0] {
        return None;
    }
    let below = |i: usize| 1.0 - (x[i] - x[0]) / (x[last] - x[0]) - (y[i] - y[last]) / (y[0] - y[last]);
    let mut best = None;
    for i in 1..last {
        if below(i) > best.map_or(1e-12, below) {
            best = Some(i);
        }
    }
    best
}

/// The adjusted Rand index of two partitions of the same rows (Hubert and Arabie 1985, equation 5): with `P` the pairs of
/// rows that are together in both, `A` and `B` those together in one each and `E = A B / (n (n - 1) / 2)` the expectation of
/// `P` for partitions of these sizes drawn independently,
///
/// `(P - E) / ((A + B) / 2 - E)`.
///
/// 1 for the same partition, whatever its groups are called, about 0 for unrelated ones, below 0 for partitions that agree
/// less than chance would have it. Two partitions that both keep all rows together, or both all rows apart, are the same: 1.
///
/// # Errors
/// [`Error::Shape`] when the partitions differ in length, [`Error::TooFew`] below two rows.
///
/// ```
/// use tenure_math::segment::quality::adjusted_rand;
/// // Together in both: 1 pair; in the first: 2; in the second: 2; of 6 pairs in all. E = 4 / 6.
/// let index = adjusted_rand(&[0, 0, 1, 1], &[0, 0, 1, 2])?;
/// assert!((index - 4.0 / 7.0).abs() < 1e-15);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn adjusted_rand(a: &[u32], b: &[u32]) -> Result<f64> {
    num::require_len("labels of the second partition", a.len(), b.len())?;
    if a.len() < 2 {
        return Err(Error::TooFew { what: "adjusted Rand index", needed: 2, found: a.len() });
    }
    let together = together_in(a.iter().copied().zip(b.iter().copied()));
    let (in_a, in_b) = (together_in(a.iter().copied()), together_in(b.iter().copied()));
    let pairs = a.len() as f64 * (a.len() - 1) as f64 / 2.0;
    let expected = in_a * in_b / pairs;
    let most = (in_a + in_b) / 2.0;
    // A B / n2 <= min(A, B) <= (A + B) / 2, with equality only for both partitions trivial in the same way.
    Ok(if most > expected { (together - expected) / (most - expected) } else { 1.0 })
}

/// The pairs of rows with equal labels.
fn together_in<L: Ord>(labels: impl Iterator<Item = L>) -> f64 {
    let mut sizes: BTreeMap<L, u64> = BTreeMap::new();
    for label in labels {
        *sizes.entry(label).or_default() += 1;
    }
    sizes.values().map(|&s| s as f64 * (s - 1) as f64 / 2.0).sum()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use rand::RngExt;

    #[test]
    fn a_hand_computed_partition() {
        // Groups {0, 2} and {10, 14, 15}, on a line. Silhouettes: row 0: a = 2, b = 13; row 2: a = 2, b = 11; row 10:
        // a = 4.5, b = 9; row 14: a = 2.5, b = 13; row 15: a = 3, b = 14.
        let data = Matrix::new(5, 1, vec![0., 2., 10., 14., 15.]).unwrap();
        let s = silhouette(&data, &[0, 0, 1, 1, 1], 2000, 1).unwrap();
        let expected = [11. / 13., 9. / 11., 0.5, 10.5 / 13., 11. / 14.];
        assert!((s.mean - expected.iter().sum::<f64>() / 5.0).abs() < 1e-12 && s.exact && s.rows == 5);
        // Davies-Bouldin: spreads 1 and (3 + 1 + 2) / 3 = 2, centroids 1 and 13.
        assert!((davies_bouldin(&data, &[0, 0, 1, 1, 1]).unwrap() - 3.0 / 12.0).abs() < 1e-12);
        // Labels are names only; an unused one changes nothing.
        assert_eq!(silhouette(&data, &[3, 3, 0, 0, 0], 2000, 1).unwrap(), s);
        assert!((davies_bouldin(&data, &[3, 3, 0, 0, 0]).unwrap() - 0.25).abs() < 1e-12);
    }

    #[test]
    fn a_sample_comes_within_its_error_of_the_whole() {
        let mut s = rng::stream(4, "segment/quality/test", 0);
        let mut values = Vec::new();
        let labels: Vec<u32> = (0..4000).map(|i| i % 3).collect();
        for &c in &labels {
            values.extend([f64::from(c) * 1.5 + s.random::<f64>(), s.random::<f64>()]);
        }
        let data = Matrix::new(4000, 2, values).unwrap();
        let whole = silhouette(&data, &labels, 4000, 1).unwrap();
        let part = silhouette(&data, &labels, 500, 1).unwrap();
        assert!(whole.exact && !part.exact && part.rows == 500);
        // Four standard errors: one run in 16,000 would miss by chance, and the seed is fixed.
        assert!((whole.mean - part.mean).abs() < 4.0 * part.standard_error);
    }

    #[test]
    fn questions_without_an_answer_are_refused() {
        let data = Matrix::new(3, 1, vec![0., 0., 1.]).unwrap();
        assert!(matches!(silhouette(&data, &[0, 0, 0], 9, 1), Err(Error::Degenerate { .. })));
        assert!(matches!(davies_bouldin(&data, &[0, 0, 0]), Err(Error::Degenerate { .. })));
        assert!(davies_bouldin(&data, &[0, 1, 1]).is_ok());
        assert!(silhouette(&data, &[0, 1], 9, 1).is_err() && silhouette(&data, &[0, 0, 1], 1, 1).is_err());
    }

    #[test]
    fn the_elbow_is_where_the_curve_bends() {
        assert_eq!(elbow(&[2., 3., 4., 5., 6.], &[100., 60., 20., 18., 16.]), Some(2));
        assert_eq!(elbow(&[2., 3., 4.], &[30., 20., 10.]), None);
        assert_eq!(elbow(&[2., 3.], &[30., 20.]), None);
    }

    /// The index from the four kinds of pairs, counted one by one (Hubert and Arabie's own form).
    fn by_pairs(a: &[u32], b: &[u32]) -> f64 {
        let (mut both, mut only_a, mut only_b, mut neither) = (0.0, 0.0, 0.0, 0.0);
        for i in 0..a.len() {
            for j in 0..i {
                match (a[i] == a[j], b[i] == b[j]) {
                    (true, true) => both += 1.0,
                    (true, false) => only_a += 1.0,
                    (false, true) => only_b += 1.0,
                    (false, false) => neither += 1.0,
                }
            }
        }
        2.0 * (both * neither - only_a * only_b)
            / ((both + only_a) * (only_a + neither) + (both + only_b) * (only_b + neither))
    }

    #[test]
    fn the_adjusted_rand_index_is_that_of_all_pairs() {
        let mut s = rng::stream(9, "segment/quality/test", 1);
        for n in [2, 5, 40] {
            for groups in [2, 3, 7] {
                let a: Vec<u32> = (0..n).map(|_| s.random_range(0..groups)).collect();
                let b: Vec<u32> = a.iter().map(|&c| if s.random::<f64>() < 0.6 { c } else { 0 }).collect();
                let (index, plain) = (adjusted_rand(&a, &b).unwrap(), by_pairs(&a, &b));
                // 0 / 0 in the plain form: both trivial in the same way.
                assert!(if plain.is_nan() { index == 1.0 } else { (index - plain).abs() < 1e-12 }, "{index} {plain}");
                assert_eq!(index, adjusted_rand(&b, &a).unwrap());
            }
        }
    }

    #[test]
    fn the_adjusted_rand_index_knows_its_limits() {
        // The documentation of scikit-learn's adjusted_rand_score: 0.57 and 0; and -0.5, the least for four rows.
        assert!((adjusted_rand(&[0, 0, 1, 2], &[0, 0, 1, 1]).unwrap() - 4.0 / 7.0).abs() < 1e-15);
        assert_eq!(adjusted_rand(&[0, 0, 0, 0], &[0, 1, 2, 3]).unwrap(), 0.0);
        assert!((adjusted_rand(&[0, 0, 1, 1], &[0, 1, 0, 1]).unwrap() + 0.5).abs() < 1e-15);
        // By hand: sizes 3, 3 and 2, 2, 2, cells 2, 1, 1, 2: P = 2, A = 6, B = 3, E = 18 / 15.
        let hand = adjusted_rand(&[0, 0, 0, 1, 1, 1], &[0, 0, 1, 1, 2, 2]).unwrap();
        assert!((hand - (2.0 - 1.2) / (4.5 - 1.2)).abs() < 1e-15);
        // Names do not matter; trivial partitions are the same as themselves.
        assert_eq!(adjusted_rand(&[0, 0, 1, 2, 2], &[u32::MAX, u32::MAX, 7, 0, 0]).unwrap(), 1.0);
        assert_eq!(adjusted_rand(&[3; 4], &[1; 4]).unwrap(), 1.0);
        assert_eq!(adjusted_rand(&[0, 1, 2], &[2, 0, 1]).unwrap(), 1.0);
        assert!(matches!(adjusted_rand(&[0, 1], &[0]), Err(Error::Shape { expected: 2, found: 1, .. })));
        assert!(matches!(adjusted_rand(&[0], &[0]), Err(Error::TooFew { needed: 2, found: 1, .. })));
        // Unrelated labels: the index has mean 0; with 20,000 rows in 4 groups its spread is below 1 / 20,000.
        let mut s = rng::stream(2, "segment/quality/test", 2);
        let mut draw = || (0..20_000).map(|_| s.random_range(0..4_u32)).collect::<Vec<_>>();
        assert!(adjusted_rand(&draw(), &draw()).unwrap().abs() < 5e-4);
    }
}

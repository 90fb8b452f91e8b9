//! Whether a partition would be found again: the agreement with partitions of resampled rows.
//!
//! Rows are drawn with replacement, K-means is fitted to them anew, and both its centroids and those of the partition in
//! question place the same original rows. The mean adjusted Rand index (`quality::adjusted_rand`) of the pairs of partitions
//! over the resamples is near 1 where the groups lie in the data and falls where K-means cuts a cloud at random (Fang and
//! Wang 2012; Hennig 2007).
//!
//! Limits: above [`ROWS`] rows each resample has that many rows and not all, and the partitions are compared on a sample of
//! that many; a partition of all rows is then more stable than the figure says. A stable partition need not be a good one:
//! one group of outliers beside all others is found again and again.

use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{kmeans, quality};
use crate::error::{Error, Result};
use crate::num::{self, Matrix};
use crate::rng;

/// The most rows of a resample, and of the rows on which partitions are compared.
pub const ROWS: usize = 2000;

/// How far partitions of resamples agree with the one in question.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stability {
    /// The mean adjusted Rand index: 1 for the same partition every time, about 0 for unrelated ones.
    pub mean: f64,
    /// The standard error of that mean, from the spread over the resamples.
    pub standard_error: f64,
    /// The resamples that could be partitioned into as many groups.
    pub resamples: usize,
    /// The rows of each resample.
    pub rows: usize,
}

/// The stability of `fitted`, which was fitted to `data`, over `resamples` draws of its rows. The draws depend on the seed
/// and the number of rows only, so that partitions of the same rows are judged by the same draws. `None` when fewer than
/// two resamples had as many distinct rows as there are groups.
///
/// # Errors
/// [`Error::Shape`] when `fitted` does not hold the labels of these rows, otherwise those of [`kmeans::fit`].
///
/// ```
/// use tenure_math::{num::Matrix, segment::{kmeans, stability}};
/// let data = Matrix::new(40, 1, (0..40).map(|i| f64::from(i % 2) * 50.0 + f64::from(i) / 10.0).collect())?;
/// let fitted = kmeans::fit(&data, &kmeans::Params::new(2, 1))?;
/// let found = stability::stability(&data, &fitted, 20, 1)?.expect("there are enough distinct rows");
/// assert_eq!((found.mean, found.standard_error, found.resamples), (1.0, 0.0, 20));
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn stability(data: &Matrix, fitted: &kmeans::Fitted, resamples: usize, seed: u64) -> Result<Option<Stability>> {
    let n = data.n_rows();
    num::require_len("labels", n, fitted.labels.len())?;
    let rows = n.min(ROWS);
    let compared = rng::sample(n, rows, &mut rng::stream(seed, "segment/stability/rows", 0));
    let (points, kept) = (data.select_rows(&compared), compared.iter().map(|&i| fitted.labels[i]).collect::<Vec<_>>());
    let agreement = |b: usize| {
        let mut stream = rng::stream(seed, "segment/stability", b as u64);
        let drawn: Vec<usize> = (0..rows).map(|_| stream.random_range(0..n as u64) as usize).collect();
        let params = kmeans::Params::new(fitted.sizes.len(), rng::seed_of(seed, "segment/stability/starts", b as u64));
        match kmeans::fit(&data.select_rows(&drawn), &params) {
            Ok(again) => quality::adjusted_rand(&kept, &again.assign(&points)?).map(Some),
            Err(Error::TooFew { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    };
    let all = (0..resamples).into_par_iter().map(agreement).collect::<Result<Vec<Option<f64>>>>()?;
    let found: Vec<f64> = all.into_iter().flatten().collect();
    if found.len() < 2 {
        return Ok(None);
    }
    let m = found.len() as f64;
    let mean = found.iter().sum::<f64>() / m;
    let variance = found.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (m - 1.0);
    Ok(Some(Stability { mean, standard_error: (variance / m).sqrt(), resamples: found.len(), rows }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    /// `n` rows in `k` squares, 8 apart, one square after the other.
    fn squares(k: usize, n: usize) -> Matrix {
        let mut s = rng::stream(1, "segment/stability/test", 0);
        let values = (0..n).flat_map(|i| {
            let c = i * k / n;
            [(c % 2) as f64 * 8.0 + s.random::<f64>(), (c / 2) as f64 * 8.0 + s.random::<f64>()]
        });
        Matrix::new(n, 2, values.collect()).unwrap()
    }

    fn of(data: &Matrix, k: usize, seed: u64) -> Option<Stability> {
        let fitted = kmeans::fit(data, &kmeans::Params { starts: 10, ..kmeans::Params::new(k, 1) }).unwrap();
        stability(data, &fitted, 20, seed).unwrap()
    }

    #[test]
    fn groups_of_the_data_are_found_again_and_cuts_through_them_are_not() {
        let data = squares(4, 1200);
        let right = of(&data, 4, 1).unwrap();
        assert_eq!(right, Stability { mean: 1.0, standard_error: 0.0, resamples: 20, rows: 1200 });
        // Which square is cut in two, and where, is chance.
        let wrong = of(&data, 5, 1).unwrap();
        assert!(wrong.mean < 0.98 && wrong.standard_error > 0.0, "{wrong:?}");
        // One square in seven pieces has no order at all; yet neighbours stay neighbours.
        let none = of(&squares(1, 1200), 7, 1).unwrap();
        assert!(none.mean > 0.2 && none.mean < 0.9, "{none:?}");
    }

    #[test]
    fn another_seed_comes_within_the_error() {
        let data = squares(1, 900);
        let (a, b) = (of(&data, 5, 1).unwrap(), of(&data, 5, 2).unwrap());
        assert_ne!(a, b);
        // Four standard errors of the difference: one pair of seeds in 16,000 would miss by chance, and these are fixed.
        assert!((a.mean - b.mean).abs() < 4.0 * a.standard_error.hypot(b.standard_error), "{a:?} {b:?}");
    }

    #[test]
    fn names_and_threads_change_nothing() {
        let data = squares(1, 3000);
        let mut fitted = kmeans::fit(&data, &kmeans::Params::new(4, 1)).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let one = pool.install(|| stability(&data, &fitted, 6, 3).unwrap());
        fitted.labels.iter_mut().for_each(|label| *label = 40 - *label);
        let two = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        assert_eq!(one, two.install(|| stability(&data, &fitted, 6, 3).unwrap()));
        assert_eq!(one.unwrap().rows, ROWS);
    }

    #[test]
    fn without_enough_distinct_rows_there_is_no_figure() {
        // Eight rows drawn of eight are all different once in four hundred times.
        let data = Matrix::new(8, 1, (0..8).map(f64::from).collect()).unwrap();
        assert_eq!(of(&data, 8, 1), None);
        let some = of(&data, 5, 1).unwrap();
        assert!(some.resamples >= 2 && some.resamples < 20 && some.standard_error.is_finite(), "{some:?}");
        let fitted = kmeans::fit(&data, &kmeans::Params::new(2, 1)).unwrap();
        assert_eq!(stability(&data, &fitted, 1, 1).unwrap(), None);
        assert!(matches!(stability(&squares(1, 9), &fitted, 20, 1), Err(Error::Shape { expected: 9, found: 8, .. })));
    }
}

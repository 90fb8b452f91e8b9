//! K-means: the partition into `k` groups with the least sum of squared distances to the groups' means.
//!
//! Model: minimise `W = sum_i min_c |x_i - m_c|^2` over the centroids `m_1..m_k`. Lloyd's iteration (Lloyd 1982) assigns
//! each row to the nearest centroid and moves each centroid to the mean of its rows; `W` never rises. Seeds are drawn by
//! k-means++ (Arthur and Vassilvitskii 2007: a row becomes a seed with probability in proportion to its squared distance
//! from the seeds so far), each from `2 + ln k` candidates of which the one that lowers `W` most is kept. Distances that
//! cannot change an assignment are skipped by Hamerly's bounds (`lloyd`).
//!
//! The best of several starts is kept. Groups are numbered by size, the largest first. Sums are taken in a fixed order, so
//! that the bytes of the result do not depend on the number of threads.
//!
//! Above [`EXPLORED`] rows the starts are made on a seeded sample of that size. Of the different minima they find, the one
//! that is best over all rows is carried on over all rows: the starts only have to find the valley, not its floor. This
//! takes a tenth of the time of starts over a million rows, at an inertia that is no higher (`benches/peers/kmeans.py`).
//!
//! Limits: finds round groups of similar spread in whatever scale the columns have (see `scale`); a local minimum. A group
//! of fewer than about 50 rows in a million may be missing from the sample (with 46 rows once in twenty times) and is then
//! not found, however far off it lies.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::lloyd::{self, Settled, assign_all, inertia};
use super::panel::{CHUNK, squared_distance};
use super::seeding::seeds;
use crate::error::{Error, Result};
use crate::num::{self, Matrix};
use crate::rng;

/// Rows up to which every start looks at all rows, and the size of the sample above. A centroid of the sample lies within
/// `sd / sqrt(rows of its group)` of that of all rows, a hundredth of a standard deviation for a group of 10,000: near
/// enough that the passes over all rows are few.
pub const EXPLORED: usize = 65_536;
/// Over all rows the centroids of a sample start so near their ends that the tolerance would stop them almost at once; they
/// go on to this share of it.
const POLISH: f64 = 0.1;
/// Ends of starts on a sample whose inertia is above the best one's by less than this factor may be better over all rows.
const RIVALS: f64 = 1.02;
/// Ends of starts whose inertia differs by less than this factor are the same minimum, left at different places by the
/// tolerance.
const SAME: f64 = 1.0001;

/// How the partition is searched.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// The number of groups, at least 1.
    pub k: usize,
    /// Independent starts, at least 1.
    pub starts: usize,
    /// The most iterations of one start, at least 1.
    pub max_iterations: usize,
    /// A start has converged when the squared shifts of the centroids sum to at most this share of the columns' mean
    /// variance (scikit-learn's rule and default); at 0, when no row changes its group.
    pub tolerance: f64,
    /// The run's seed.
    pub seed: u64,
}

impl Params {
    /// Three starts of at most 300 iterations.
    #[must_use]
    pub fn new(k: usize, seed: u64) -> Self {
        Self { k, starts: 3, max_iterations: 300, tolerance: 1e-4, seed }
    }

    fn check(&self) -> Result<()> {
        for (name, value) in [("k", self.k), ("starts", self.starts), ("max_iterations", self.max_iterations)] {
            if value == 0 {
                return Err(Error::Parameter { name, value: 0.0, expected: "at least 1" });
            }
        }
        if self.tolerance.is_nan() || self.tolerance < 0.0 {
            return Err(Error::Parameter { name: "tolerance", value: self.tolerance, expected: "at least 0" });
        }
        Ok(())
    }
}

/// A partition that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// The groups' centroids, `k` rows; the largest group first.
    pub centroids: Matrix,
    /// The rows of each group.
    pub sizes: Vec<usize>,
    /// `W`, the sum of squared distances of all rows to their centroids.
    pub inertia: f64,
    /// The iterations of the start that was kept; above [`EXPLORED`] rows those over all rows.
    pub iterations: usize,
    /// Whether the start that was kept converged.
    pub converged: bool,
    /// The group of each row of the fit; not stored with the model.
    #[serde(skip)]
    pub labels: Vec<u32>,
}

/// Partitions the rows of `data`. Above [`EXPLORED`] rows the starts are made on a sample of so many, and the best of
/// them is carried on over all rows; the figures are those of all rows.
///
/// # Errors
/// [`Error::Parameter`] for parameters outside their domain, [`Error::NotFinite`] for NaN or infinity,
/// [`Error::TooFew`] when there are fewer distinct rows than groups, [`Error::Degenerate`] without columns.
///
/// ```
/// use tenure_math::{num::Matrix, segment::kmeans};
/// let data = Matrix::new(5, 1, vec![0., 1., 2., 10., 11.])?;
/// let fitted = kmeans::fit(&data, &kmeans::Params::new(2, 1))?;
/// assert_eq!(fitted.labels, [0, 0, 0, 1, 1]);
/// assert_eq!(fitted.inertia, 2.5);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn fit(data: &Matrix, params: &Params) -> Result<Fitted> {
    fit_exploring(data, params, EXPLORED)
}

pub(super) fn fit_exploring(data: &Matrix, params: &Params, explored: usize) -> Result<Fitted> {
    params.check()?;
    require_rows(data, params.k)?;
    let n = data.n_rows();
    let shift_limit = params.tolerance * mean_variance(data);
    let found = if n <= explored {
        best_start(data, params, shift_limit)?
    } else {
        let part = rng::sample(n, explored, &mut rng::stream(params.seed, "segment/kmeans/sample", 0));
        match all_starts(&data.select_rows(&part), params, shift_limit) {
            // Too few distinct rows in the sample say nothing about the whole.
            Err(Error::TooFew { .. }) => best_start(data, params, shift_limit)?,
            Err(other) => return Err(other),
            Ok(ends) => {
                let best = best_on_all(data, ends);
                lloyd::descend(data, best.centroids, params.max_iterations, POLISH * shift_limit)
            }
        }
    };
    finish(data, found.centroids, found.iterations, found.shift <= shift_limit)
}

impl Fitted {
    /// The nearest group of each row of `data`; between equals the first.
    ///
    /// # Errors
    /// [`Error::Shape`] when the number of columns differs, [`Error::NotFinite`] for NaN or infinity.
    pub fn assign(&self, data: &Matrix) -> Result<Vec<u32>> {
        num::require_len("columns to cluster", self.centroids.n_cols(), data.n_cols())?;
        data.require_finite("k-means")?;
        let mut labels = vec![0; data.n_rows()];
        assign_all(data, self.centroids.values(), &mut labels);
        Ok(labels)
    }
}

/// Refuses what no partition into `k` groups can be made of.
pub(super) fn require_rows(data: &Matrix, k: usize) -> Result<()> {
    if data.n_cols() == 0 {
        return Err(Error::Degenerate { what: "k-means", reason: "there are no columns" });
    }
    if data.n_rows() < k {
        return Err(Error::TooFew { what: "k-means", needed: k, found: data.n_rows() });
    }
    data.require_finite("k-means")
}

/// Where one start ended, and the inertia there.
struct End {
    inertia: f64,
    found: Settled,
}

/// The ends of all starts, by inertia; between equals in the order of the starts.
fn all_starts(data: &Matrix, params: &Params, shift_limit: f64) -> Result<Vec<End>> {
    let start = |start: usize| {
        let centroids = seeds(data, params.k, params.seed, start as u64)?;
        let found = lloyd::descend(data, centroids, params.max_iterations, shift_limit);
        Ok(End { inertia: inertia(data, &found.centroids), found })
    };
    let mut ends = (0..params.starts).into_par_iter().map(start).collect::<Result<Vec<End>>>()?;
    ends.sort_by(|a, b| a.inertia.total_cmp(&b.inertia));
    Ok(ends)
}

fn best_start(data: &Matrix, params: &Params, shift_limit: f64) -> Result<Settled> {
    Ok(all_starts(data, params, shift_limit)?.swap_remove(0).found)
}

/// Of ends on a sample, by inertia, the one that is best over all rows. Two minima that lie close can change places from
/// the sample to the whole; ends that agree to a ten-thousandth are taken for the same minimum.
fn best_on_all(data: &Matrix, ends: Vec<End>) -> Settled {
    let limit = ends[0].inertia * RIVALS;
    let mut rivals: Vec<End> = Vec::new();
    for end in ends {
        let other = rivals.last().is_none_or(|last| end.inertia > last.inertia * SAME);
        if other && end.inertia <= limit {
            rivals.push(end);
        }
    }
    if rivals.len() > 1 {
        rivals.iter_mut().for_each(|end| end.inertia = inertia(data, &end.found.centroids));
        rivals.sort_by(|a, b| a.inertia.total_cmp(&b.inertia));
    }
    rivals.swap_remove(0).found
}

/// The last pass over all rows: their groups, the sizes and the inertia, the largest group first.
pub(super) fn finish(data: &Matrix, centroids: Vec<f64>, iterations: usize, converged: bool) -> Result<Fitted> {
    let mut labels = vec![0; data.n_rows()];
    let inertia = assign_all(data, &centroids, &mut labels);
    let k = centroids.len() / data.n_cols();
    let mut sizes = vec![0; k];
    labels.iter().for_each(|&c| sizes[c as usize] += 1);
    let centroids = Matrix::new(k, data.n_cols(), centroids)?;
    let order = largest_first(&centroids, &mut sizes, &mut labels);
    Ok(Fitted { centroids: centroids.select_rows(&order), sizes, inertia, iterations, converged, labels })
}

/// Renumbers groups by size, the largest first, between equals by place: `labels` and `sizes` get their new numbers. Gives
/// the old number of each group, for what else is stored by group.
pub(super) fn largest_first(places: &Matrix, sizes: &mut Vec<usize>, labels: &mut [u32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by(|&a, &b| {
        let by_place = places.row(a).iter().zip(places.row(b)).map(|(x, y)| x.total_cmp(y));
        sizes[b].cmp(&sizes[a]).then_with(|| by_place.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then))
    });
    let mut new_of = vec![0_u32; order.len()];
    order.iter().enumerate().for_each(|(new, &old)| new_of[old] = new as u32);
    labels.iter_mut().for_each(|label| *label = new_of[*label as usize]);
    *sizes = order.iter().map(|&old| sizes[old]).collect();
    order
}

/// The mean over the columns of their population variances.
fn mean_variance(data: &Matrix) -> f64 {
    let (n, d) = (data.n_rows() as f64, data.n_cols());
    let chunks = || data.values().par_chunks(CHUNK * d);
    let sums: Vec<Vec<f64>> = chunks()
        .map(|rows| {
            let mut sums = vec![0.0; d];
            rows.chunks_exact(d).for_each(|row| sums.iter_mut().zip(row).for_each(|(s, x)| *s += x));
            sums
        })
        .collect();
    let means: Vec<f64> = (0..d).map(|j| sums.iter().map(|s| s[j]).sum::<f64>() / n).collect();
    let squares: Vec<f64> =
        chunks().map(|rows| rows.chunks_exact(d).map(|row| squared_distance(row, &means)).sum()).collect();
    squares.iter().sum::<f64>() / n / d as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::super::checks::clouds;
    use super::*;

    #[test]
    fn separate_clouds_are_found() {
        let data = clouds(5, 300, 7, 1);
        let fitted = fit(&data, &Params::new(5, 3)).unwrap();
        assert!(fitted.converged && fitted.sizes == [300; 5]);
        for i in 0..data.n_rows() {
            assert_eq!(fitted.labels[i], fitted.labels[i % 5]);
        }
        assert_eq!(fitted.assign(&data).unwrap(), fitted.labels);
        let text = serde_json::to_string(&fitted).unwrap();
        assert_eq!(serde_json::from_str::<Fitted>(&text).unwrap().assign(&data).unwrap(), fitted.labels);
    }

    #[test]
    fn the_best_partition_of_a_small_line_is_found() {
        let x = [1.0, 2.0, 2.5, 7.0, 8.0, 8.2, 20.0, 21.0, 0.5];
        let data = Matrix::new(9, 1, x.to_vec()).unwrap();
        let cost = |part: &[f64]| {
            let mean = part.iter().sum::<f64>() / part.len() as f64;
            part.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>()
        };
        let mut sorted = x.to_vec();
        sorted.sort_by(f64::total_cmp);
        // On a line the best groups are runs: all pairs of cuts are the brute force.
        let best = (1..8)
            .flat_map(|a| (a + 1..9).map(move |b| (a, b)))
            .map(|(a, b)| cost(&sorted[..a]) + cost(&sorted[a..b]) + cost(&sorted[b..]))
            .fold(f64::INFINITY, f64::min);
        let fitted = fit(&data, &Params { starts: 10, ..Params::new(3, 1) }).unwrap();
        assert!((fitted.inertia - best).abs() < 1e-12);
    }

    #[test]
    fn threads_change_no_byte() {
        let data = clouds(3, 5000, 4, 2);
        for explored in [6000, EXPLORED] {
            let on = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| fit_exploring(&data, &Params::new(6, 5), explored).unwrap())
            };
            let one = on(1);
            assert_eq!(one, on(2));
            assert_eq!(one, on(4));
            assert_eq!(one, on(1));
        }
    }

    #[test]
    fn starts_on_a_sample_end_where_starts_on_all_rows_do() {
        // Apart: the same partition to the last label. Centroids are means of the same rows, summed in another order.
        let data = clouds(5, 4000, 3, 6);
        let (part, whole) =
            (fit_exploring(&data, &Params::new(5, 1), 1000).unwrap(), fit(&data, &Params::new(5, 1)).unwrap());
        assert!(part.labels == whole.labels && part.converged);
        assert!((part.inertia - whole.inertia).abs() < 1e-12 * whole.inertia);
        // One cloud in pieces: ten starts meet minima within a per cent of each other, and the tolerance ends each a little
        // above its floor.
        let data = clouds(1, 30_000, 3, 9);
        let params = Params { starts: 10, ..Params::new(6, 2) };
        let (part, whole) = (fit_exploring(&data, &params, 3000).unwrap(), fit(&data, &params).unwrap());
        assert!(part.converged && part.inertia < 1.005 * whole.inertia, "{} {}", part.inertia, whole.inertia);
        assert_eq!(part.assign(&data).unwrap(), part.labels);
        assert_eq!(part.sizes.iter().sum::<usize>(), 30_000);
    }

    #[test]
    fn more_starts_are_never_worse_and_sometimes_better() {
        let data = clouds(1, 2000, 3, 4);
        let mut better = 0;
        for seed in 0..10 {
            let of = |starts: usize| fit(&data, &Params { starts, ..Params::new(7, seed) }).unwrap().inertia;
            let (one, ten) = (of(1), of(10));
            assert!(ten <= one);
            better += u32::from(ten < one * 0.999);
        }
        assert!(better >= 5, "{better}");
    }

    #[test]
    fn rivals_of_the_sample_are_compared_over_all_rows() {
        let data = Matrix::new(4, 1, vec![0.0, 1.0, 10.0, 11.0]).unwrap();
        let end = |inertia: f64, places: [f64; 2]| {
            let found = Settled { centroids: places.to_vec(), iterations: 1, shift: 0.0 };
            End { inertia, found }
        };
        let best = |inertias: [f64; 3]| {
            let ends = vec![end(inertias[0], [0.0, 1.0]), end(inertias[1], [1.0, 11.0]), end(inertias[2], [0.5, 10.5])];
            best_on_all(&data, ends).centroids
        };
        // The last is the best over all rows: it is looked at unless it is far behind or agrees with the one before it.
        assert_eq!(best([1.0, 1.01, 1.019]), [0.5, 10.5]);
        assert_eq!(best([1.0, 1.01, 1.03]), [1.0, 11.0]);
        assert_eq!(best([1.0, 1.01, 1.01]), [1.0, 11.0]);
        assert_eq!(best([1.0, 1.03, 1.03]), [0.0, 1.0]);
    }

    #[test]
    fn a_sample_with_too_few_distinct_rows_is_not_the_last_word() {
        // Two of 3,000 rows differ from the rest: a sample of 20 has hardly a chance to hold both.
        let mut values = vec![0.0; 3000];
        (values[700], values[2900]) = (5.0, -5.0);
        let data = Matrix::new(3000, 1, values).unwrap();
        let fitted = fit_exploring(&data, &Params::new(3, 1), 20).unwrap();
        assert_eq!((fitted.inertia, fitted.sizes), (0.0, vec![2998, 1, 1]));
        assert!(matches!(fit_exploring(&data, &Params::new(4, 1), 20), Err(Error::TooFew { needed: 4, found: 3, .. })));
    }

    #[test]
    fn as_many_groups_as_distinct_rows_fit_exactly_and_no_more() {
        let data = Matrix::new(6, 2, vec![1., 1., 2., 2., 1., 1., 3., 3., 2., 2., 1., 1.]).unwrap();
        let fitted = fit(&data, &Params::new(3, 1)).unwrap();
        assert_eq!((fitted.inertia, fitted.sizes), (0.0, vec![3, 2, 1]));
        assert!(matches!(fit(&data, &Params::new(4, 1)), Err(Error::TooFew { needed: 4, found: 3, .. })));
        assert_eq!(fit(&data, &Params::new(1, 1)).unwrap().labels, [0; 6]);
        assert!(fit(&data, &Params::new(0, 1)).is_err() && fit(&data, &Params::new(7, 1)).is_err());
        assert!(fit(&Matrix::new(2, 1, vec![0.0, f64::NAN]).unwrap(), &Params::new(1, 1)).is_err());
    }

    /// How long a million rows take: `cargo test --release -- --ignored --nocapture a_million_rows`.
    #[test]
    #[ignore = "measures, asserts nothing about time"]
    fn a_million_rows() {
        // One cloud without structure: the slowest case, since no bound holds for long.
        let data = clouds(1, 1_000_000, 7, 1);
        let fitted = fit(&data, &Params::new(5, 3)).unwrap();
        assert!(fitted.converged, "{}", fitted.iterations);
    }
}

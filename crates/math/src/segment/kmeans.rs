//! K-means: the partition into `k` groups with the least sum of squared distances to the groups' means.
//!
//! Model: minimise `W = sum_i min_c |x_i - m_c|^2` over the centroids `m_1..m_k`. Lloyd's iteration (Lloyd 1982) assigns
//! each row to the nearest centroid and moves each centroid to the mean of its rows; `W` never rises. Seeds are drawn by
//! k-means++ (Arthur and Vassilvitskii 2007: a row becomes a seed with probability in proportion to its squared distance
//! from the seeds so far), each from `2 + ln k` candidates of which the one that lowers `W` most is kept. Distances that
//! cannot change an assignment are skipped by Hamerly's bounds (Hamerly 2010): an upper bound on the distance to the own
//! centroid and a lower bound on that to all others, both moved along with the centroids.
//!
//! The best of several starts is kept. A group that loses all rows is refounded on the row farthest from its centroid.
//! Work is split into chunks of a fixed number of rows, summed in their order, so that the bytes of the result depend on
//! neither the number of threads nor the luck of scheduling. Groups are numbered by size, the largest first.
//!
//! Limits: finds round groups of similar spread in whatever scale the columns have (see `scale`); a local minimum.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::panel::{CHUNK, Panel, squared_distance};
use super::seeding::seeds;
use crate::error::{Error, Result};
use crate::num::{self, Matrix};

/// How the partition is searched.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// The number of groups, at least 1.
    pub k: usize,
    /// Independent starts, at least 1.
    pub starts: usize,
    /// The most iterations of one start, at least 1.
    pub max_iterations: usize,
    /// A start has converged when no row changes its group, or when the squared shifts of the centroids sum to at most
    /// this share of the columns' mean variance (scikit-learn's rule and default).
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
    /// The iterations of the start that was kept.
    pub iterations: usize,
    /// Whether the start that was kept converged.
    pub converged: bool,
    /// The group of each row of the fit; not stored with the model.
    #[serde(skip)]
    pub labels: Vec<u32>,
}

/// Partitions the rows of `data`.
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
    params.check()?;
    if data.n_cols() == 0 {
        return Err(Error::Degenerate { what: "k-means", reason: "there are no columns" });
    }
    if data.n_rows() < params.k {
        return Err(Error::TooFew { what: "k-means", needed: params.k, found: data.n_rows() });
    }
    data.require_finite("k-means")?;
    let shift_limit = params.tolerance * mean_variance(data);
    let mut best = one_start(data, params, 0, shift_limit)?;
    for start in 1..params.starts {
        let other = one_start(data, params, start as u64, shift_limit)?;
        if other.inertia < best.inertia {
            best = other;
        }
    }
    largest_first(&mut best);
    Ok(best)
}

impl Fitted {
    /// The nearest group of each row of `data`; between equals the first.
    ///
    /// # Errors
    /// [`Error::Shape`] when the number of columns differs, [`Error::NotFinite`] for NaN or infinity.
    pub fn assign(&self, data: &Matrix) -> Result<Vec<u32>> {
        num::require_len("columns to cluster", self.centroids.n_cols(), data.n_cols())?;
        data.require_finite("k-means")?;
        let panel = Panel::new(self.centroids.values(), data.n_cols());
        let mut labels = vec![0; data.n_rows()];
        assign_all(data, &panel, &mut labels);
        Ok(labels)
    }
}

/// What a chunk of rows adds to the groups.
struct Change {
    sums: Vec<f64>,
    counts: Vec<i64>,
    moved: usize,
}

/// How far the centroids went in the last update.
struct Shifts {
    each: Vec<f64>,
    largest: f64,
    second: f64,
    largest_at: u32,
}

fn one_start(data: &Matrix, params: &Params, start: u64, shift_limit: f64) -> Result<Fitted> {
    let (n, d, k) = (data.n_rows(), data.n_cols(), params.k);
    let mut centroids = seeds(data, k, params.seed, start)?;
    let mut labels = vec![u32::MAX; n];
    let (mut upper, mut lower) = (vec![0.0; n], vec![0.0; n]);
    let (mut sums, mut counts) = (vec![0.0; k * d], vec![0_i64; k]);
    let mut shifts = Shifts { each: vec![0.0; k], largest: 0.0, second: 0.0, largest_at: 0 };
    let (mut iterations, mut converged) = (0, false);
    while iterations < params.max_iterations && !converged {
        iterations += 1;
        let panel = Panel::new(&centroids, d);
        let near = half_gaps(&centroids, d);
        let changes: Vec<Change> = data
            .values()
            .par_chunks(CHUNK * d)
            .zip(labels.par_chunks_mut(CHUNK))
            .zip(upper.par_chunks_mut(CHUNK))
            .zip(lower.par_chunks_mut(CHUNK))
            .map(|(((rows, labels), upper), lower)| {
                step(rows, labels, upper, lower, &panel, &centroids, &near, &shifts)
            })
            .collect();
        let mut moved = 0;
        for change in &changes {
            sums.iter_mut().zip(&change.sums).for_each(|(s, c)| *s += c);
            counts.iter_mut().zip(&change.counts).for_each(|(s, c)| *s += c);
            moved += change.moved;
        }
        if counts.contains(&0) {
            refound(data, &centroids, &mut labels, &mut upper, &mut lower, &mut sums, &mut counts);
            moved += 1;
        }
        let before = centroids.clone();
        for ((centroid, sum), &count) in centroids.chunks_exact_mut(d).zip(sums.chunks_exact(d)).zip(&counts) {
            centroid.iter_mut().zip(sum).for_each(|(m, s)| *m = s / count as f64);
        }
        shifts = shifts_between(&before, &centroids, d);
        let total: f64 = shifts.each.iter().map(|s| s * s).sum();
        converged = moved == 0 || total <= shift_limit;
    }
    let inertia = assign_all(data, &Panel::new(&centroids, d), &mut labels);
    let mut sizes = vec![0; k];
    labels.iter().for_each(|&c| sizes[c as usize] += 1);
    Ok(Fitted { centroids: Matrix::new(k, d, centroids)?, sizes, inertia, iterations, converged, labels })
}

/// Moves the bounds of a chunk's rows along with the centroids and reassigns the rows that the bounds cannot hold.
#[allow(clippy::too_many_arguments)]
fn step(
    rows: &[f64],
    labels: &mut [u32],
    upper: &mut [f64],
    lower: &mut [f64],
    panel: &Panel,
    centroids: &[f64],
    near: &[f64],
    shifts: &Shifts,
) -> Change {
    let d = panel.columns;
    let mut change = Change { sums: vec![0.0; centroids.len()], counts: vec![0; near.len()], moved: 0 };
    for (i, row) in rows.chunks_exact(d).enumerate() {
        let old = labels[i];
        if old != u32::MAX {
            let own = old as usize;
            upper[i] += shifts.each[own];
            lower[i] -= if old == shifts.largest_at { shifts.second } else { shifts.largest };
            let safe = lower[i].max(near[own]);
            if upper[i] < safe {
                continue;
            }
            upper[i] = squared_distance(row, &centroids[own * d..(own + 1) * d]).sqrt();
            if upper[i] < safe {
                continue;
            }
        }
        let (label, first, second) = panel.nearest(row);
        upper[i] = first.sqrt();
        lower[i] = second.sqrt();
        if label != old {
            labels[i] = label;
            change.moved += 1;
            let new = label as usize;
            change.counts[new] += 1;
            change.sums[new * d..(new + 1) * d].iter_mut().zip(row).for_each(|(s, x)| *s += x);
            if old != u32::MAX {
                let own = old as usize;
                change.counts[own] -= 1;
                change.sums[own * d..(own + 1) * d].iter_mut().zip(row).for_each(|(s, x)| *s -= x);
            }
        }
    }
    change
}

/// Gives each empty group the row farthest from its centroid. There always is one off its centroid: the rows have at
/// least `k` distinct places and fewer than `k` groups hold them.
fn refound(
    data: &Matrix,
    centroids: &[f64],
    labels: &mut [u32],
    upper: &mut [f64],
    lower: &mut [f64],
    sums: &mut [f64],
    counts: &mut [i64],
) {
    let d = data.n_cols();
    let mut distances: Vec<f64> = (0..data.n_rows())
        .map(|i| squared_distance(data.row(i), &centroids[labels[i] as usize * d..(labels[i] as usize + 1) * d]))
        .collect();
    for empty in 0..counts.len() {
        if counts[empty] != 0 {
            continue;
        }
        let mut farthest = None;
        for (i, &distance) in distances.iter().enumerate() {
            if counts[labels[i] as usize] > 1 && farthest.is_none_or(|f: usize| distance > distances[f]) {
                farthest = Some(i);
            }
        }
        let Some(i) = farthest else { return };
        let old = labels[i] as usize;
        counts[old] -= 1;
        counts[empty] += 1;
        for (j, &x) in data.row(i).iter().enumerate() {
            sums[old * d + j] -= x;
            sums[empty * d + j] = x;
        }
        labels[i] = empty as u32;
        distances[i] = 0.0;
        // No bound is known for the row with respect to the new group: it is measured anew next time.
        upper[i] = f64::INFINITY;
        lower[i] = 0.0;
    }
}

/// Assigns every row to its nearest centroid and returns the sum of squared distances.
fn assign_all(data: &Matrix, panel: &Panel, labels: &mut [u32]) -> f64 {
    let parts: Vec<f64> = data
        .values()
        .par_chunks(CHUNK * panel.columns)
        .zip(labels.par_chunks_mut(CHUNK))
        .map(|(rows, labels)| {
            rows.chunks_exact(panel.columns).zip(labels).fold(0.0, |sum, (row, label)| {
                let (nearest, squared, _) = panel.nearest(row);
                *label = nearest;
                sum + squared
            })
        })
        .collect();
    parts.iter().sum()
}

/// Renumbers the groups by size, the largest first; between equals by centroid.
fn largest_first(fitted: &mut Fitted) {
    let (centroids, sizes) = (&fitted.centroids, &fitted.sizes);
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by(|&a, &b| {
        let by_place = centroids.row(a).iter().zip(centroids.row(b)).map(|(x, y)| x.total_cmp(y));
        sizes[b].cmp(&sizes[a]).then_with(|| by_place.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then))
    });
    let mut new_of = vec![0_u32; order.len()];
    order.iter().enumerate().for_each(|(new, &old)| new_of[old] = new as u32);
    fitted.labels.iter_mut().for_each(|label| *label = new_of[*label as usize]);
    fitted.sizes = order.iter().map(|&old| fitted.sizes[old]).collect();
    fitted.centroids = fitted.centroids.select_rows(&order);
}

/// Half the distance from each centroid to the nearest other one; infinite where it is the only one.
fn half_gaps(centroids: &[f64], d: usize) -> Vec<f64> {
    let rows: Vec<&[f64]> = centroids.chunks_exact(d).collect();
    rows.iter()
        .enumerate()
        .map(|(a, x)| {
            let others = rows.iter().enumerate().filter(|&(b, _)| b != a);
            others.map(|(_, y)| squared_distance(x, y)).fold(f64::INFINITY, f64::min).sqrt() / 2.0
        })
        .collect()
}

fn shifts_between(before: &[f64], after: &[f64], d: usize) -> Shifts {
    let each: Vec<f64> =
        before.chunks_exact(d).zip(after.chunks_exact(d)).map(|(a, b)| squared_distance(a, b).sqrt()).collect();
    let (mut largest, mut second, mut largest_at) = (0.0, 0.0, 0);
    for (c, &shift) in each.iter().enumerate() {
        if shift > largest {
            (second, largest, largest_at) = (largest, shift, c as u32);
        } else if shift > second {
            second = shift;
        }
    }
    Shifts { each, largest, second, largest_at }
}

/// The mean over the columns of their population variances.
fn mean_variance(data: &Matrix) -> f64 {
    let (n, d) = (data.n_rows() as f64, data.n_cols());
    let mut means = vec![0.0; d];
    data.values().chunks_exact(d).for_each(|row| means.iter_mut().zip(row).for_each(|(m, x)| *m += x / n));
    let total: f64 = data.values().chunks_exact(d).map(|row| squared_distance(row, &means)).sum();
    total / n / d as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use crate::rng;
    use rand::RngExt;

    /// `k` round clouds of `each` rows around places far apart, in `d` columns.
    fn clouds(k: usize, each: usize, d: usize, seed: u64) -> Matrix {
        let mut s = rng::stream(seed, "segment/kmeans/test", 0);
        let mut values = Vec::new();
        for _ in 0..each {
            for c in 0..k {
                for j in 0..d {
                    let centre = if j == c % d { 10.0 * (1 + c / d) as f64 } else { 0.0 };
                    values.push(centre + s.random::<f64>() + s.random::<f64>() - 1.0);
                }
            }
        }
        Matrix::new(each * k, d, values).unwrap()
    }

    /// Lloyd's iteration in its plainest form, from given centroids.
    fn plain(data: &Matrix, mut centroids: Vec<f64>) -> (Vec<f64>, f64) {
        let d = data.n_cols();
        loop {
            let nearest = |i: usize| {
                let all = centroids.chunks_exact(d).map(|m| squared_distance(data.row(i), m)).enumerate();
                all.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap()
            };
            let found: Vec<(usize, f64)> = (0..data.n_rows()).map(nearest).collect();
            let mut next = vec![0.0; centroids.len()];
            for c in 0..centroids.len() / d {
                let rows: Vec<usize> = (0..data.n_rows()).filter(|&i| found[i].0 == c).collect();
                for j in 0..d {
                    next[c * d + j] = rows.iter().map(|&i| data.get(i, j)).sum::<f64>() / rows.len() as f64;
                }
            }
            let moved = squared_distance(&next, &centroids);
            centroids = next;
            if moved < 1e-24 {
                return (centroids, found.iter().map(|f| f.1).sum());
            }
        }
    }

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
    fn bounds_change_nothing_but_the_work() {
        // One cloud cut into 11 pieces: nothing is separate, so bounds are tested at every step, over two lane groups.
        let data = clouds(1, 3000, 3, 8);
        let params = Params { starts: 1, tolerance: 0.0, max_iterations: 1000, ..Params::new(11, 4) };
        let fitted = fit(&data, &params).unwrap();
        let (centroids, inertia) = plain(&data, seeds(&data, 11, 4, 0).unwrap());
        assert!(fitted.converged);
        assert!((fitted.inertia - inertia).abs() < 1e-9 * inertia, "{} {inertia}", fitted.inertia);
        for m in fitted.centroids.values().chunks_exact(3) {
            assert!(centroids.chunks_exact(3).any(|p| squared_distance(m, p) < 1e-18));
        }
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
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fit(&data, &Params::new(6, 5)).unwrap())
        };
        assert_eq!(on(1), on(4));
    }

    #[test]
    fn an_empty_group_is_refounded_on_the_farthest_row() {
        let data = Matrix::new(5, 1, vec![0.0, 1.0, 2.0, 3.0, 50.0]).unwrap();
        let centroids = [1.0, 2.0, 900.0];
        let mut labels = vec![0, 0, 1, 1, 1];
        let (mut upper, mut lower) = (vec![1.0; 5], vec![1.0; 5]);
        let (mut sums, mut counts) = (vec![1.0, 55.0, 0.0], vec![2, 3, 0]);
        refound(&data, &centroids, &mut labels, &mut upper, &mut lower, &mut sums, &mut counts);
        assert_eq!((labels, sums, counts), (vec![0, 0, 1, 1, 2], vec![1.0, 5.0, 50.0], vec![2, 2, 1]));
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

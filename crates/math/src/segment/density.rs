//! HDBSCAN: groups as dense regions of any shape and of different density, and rows that belong to none.
//!
//! Model (Campello, Moulavi and Sander 2013): the core distance of a row is the distance to its `min_samples`-th nearest
//! row, itself included; two rows are as far apart as `max(core_a, core_b, |a - b|)`. The minimum spanning tree of these
//! distances, cut at ever smaller ones, is a hierarchy of groups of at least `min_cluster_size` rows; of a group and the
//! groups it falls into, those stay that hold more rows for longer in `1 / distance` (excess of mass). What stays in none
//! is noise. The whole is never taken for one group. The `hdbscan` crate builds and cuts the hierarchy (docs/adr/0016).
//!
//! It takes time in the square of the rows, so above `rows` it works on a seeded sample. Customers are often equal in
//! every column, and equal rows would be infinitely dense: every value in the sample is first moved at random by at most
//! half of `resolution`, the cure of the method's maintainers. The rows that are kept are the unmoved ones.
//!
//! Rows are assigned by their **nearest kept row**, between equals the first: when it belongs to a group and lies no
//! farther than the largest core distance in that group, the row belongs there too; else, or when it is noise, the row is
//! noise. A kept row is its own nearest, so that it keeps its label; all labels of a fit come from this rule and
//! [`Fitted::assign`] repeats them. Groups are numbered by size, the largest first; the bytes depend on the seed and not
//! on the threads.
//!
//! Limits: `min_cluster_size` counts rows of the sample; many columns make all distances alike and most rows noise.

mod tree;

#[cfg(test)]
mod tests;

use hdbscan::{Hdbscan, HdbscanHyperParams};
use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::tree::Tree;
use super::panel::CHUNK;
use crate::error::{Error, Result};
use crate::num::{self, Matrix};
use crate::rng;

const WHAT: &str = "HDBSCAN";

/// How the groups are searched.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// The least number of (sampled) rows that make a group, at least 2.
    pub min_cluster_size: usize,
    /// The number of rows, itself included, that a row's core distance reaches; at least 1. More is smoother.
    pub min_samples: usize,
    /// Rows above which the groups are searched in a seeded sample of this many.
    pub rows: usize,
    /// Differences that mean nothing, in units of the data; above 0.
    pub resolution: f64,
    /// The run's seed.
    pub seed: u64,
}

impl Params {
    /// Ten samples, at most 20,000 rows, and a hundredth of a standard deviation for standardised columns.
    #[must_use]
    pub fn new(min_cluster_size: usize, seed: u64) -> Self {
        Self { min_cluster_size, min_samples: 10, rows: 20_000, resolution: 0.01, seed }
    }

    fn check(&self) -> Result<()> {
        for (name, value, least, expected) in [
            ("min_cluster_size", self.min_cluster_size, 2, "at least 2"),
            ("min_samples", self.min_samples, 1, "at least 1"),
            ("rows", self.rows, self.needed(), "at least min_cluster_size and min_samples"),
        ] {
            if value < least {
                return Err(Error::Parameter { name, value: value as f64, expected });
            }
        }
        if !self.resolution.is_finite() || self.resolution <= 0.0 {
            let expected = "a finite number above 0";
            return Err(Error::Parameter { name: "resolution", value: self.resolution, expected });
        }
        Ok(())
    }

    fn needed(&self) -> usize {
        self.min_cluster_size.max(self.min_samples)
    }
}

/// Dense groups that were found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// The places of the sampled rows, each once, in ascending order of their values.
    pub rows: Matrix,
    /// The group of each kept row, `None` for noise; of equal sampled rows, that of the most.
    pub row_labels: Vec<Option<u32>>,
    /// The core distance of each kept row in the sample, at least the resolution.
    pub core_distances: Vec<f64>,
    /// The rows the groups were searched in.
    pub rows_fitted: usize,
    /// The rows of each group, out of all rows; the largest first.
    pub sizes: Vec<usize>,
    /// The rows in no group, out of all rows.
    pub n_noise: usize,
    /// The group of each row, `None` for noise; not stored with the model.
    #[serde(skip)]
    pub labels: Vec<Option<u32>>,
}

/// Finds the dense groups among the rows of `data`; there may be none.
///
/// # Errors
/// [`Error::Parameter`] for parameters outside their domain and for a resolution too small to move the largest value,
/// [`Error::NotFinite`] for NaN or infinity with its place, [`Error::TooFew`] with fewer rows than `min_cluster_size` or
/// `min_samples`, [`Error::Degenerate`] without columns, [`Error::Engine`] when the crate fails.
///
/// ```
/// use tenure_math::{num::Matrix, segment::density};
/// let data = Matrix::new(8, 1, vec![0., 1., 2., 3., 100., 101., 102., 500.])?;
/// let params = density::Params { min_samples: 2, ..density::Params::new(3, 1) };
/// let fitted = density::fit(&data, &params)?;
/// assert_eq!(fitted.labels[..7], [Some(0), Some(0), Some(0), Some(0), Some(1), Some(1), Some(1)]);
/// assert_eq!((fitted.labels[7], fitted.n_noise), (None, 1));
/// // Far from everything, and within reach of the second group.
/// assert_eq!(fitted.assign(&Matrix::new(2, 1, vec![50.0, 101.5])?)?, [None, Some(1)]);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn fit(data: &Matrix, params: &Params) -> Result<Fitted> {
    params.check()?;
    check(data)?;
    let n = data.n_rows();
    if n < params.needed() {
        return Err(Error::TooFew { what: WHAT, needed: params.needed(), found: n });
    }
    let largest = data.values().iter().fold(0.0_f64, |top, v| top.max(v.abs()));
    if params.resolution < 1e-12 * largest {
        let expected = "at least 1e-12 of the largest value";
        return Err(Error::Parameter { name: "resolution", value: params.resolution, expected });
    }
    let sampled = if n > params.rows {
        data.select_rows(&rng::sample(n, params.rows, &mut rng::stream(params.seed, "segment/density/rows", 0)))
    } else {
        data.clone()
    };
    let mut fitted = keep(&sampled, &moved(&sampled, params)?, params)?;
    fitted.labels = fitted.assign(data)?;
    largest_first(&mut fitted);
    Ok(fitted)
}

impl Fitted {
    /// The group of each row of `data`: that of its nearest kept row when it lies within the group's largest core distance.
    ///
    /// # Errors
    /// [`Error::Shape`] when the number of columns differs, [`Error::NotFinite`] for NaN or infinity.
    pub fn assign(&self, data: &Matrix) -> Result<Vec<Option<u32>>> {
        num::require_len("columns to cluster", self.rows.n_cols(), data.n_cols())?;
        check(data)?;
        let (tree, reaches) = (Tree::new(&self.rows), self.reaches());
        let mut labels = vec![None; data.n_rows()];
        labels.par_chunks_mut(CHUNK).zip(data.values().par_chunks(CHUNK * data.n_cols())).for_each(|(labels, rows)| {
            let mut found = Vec::with_capacity(2);
            for (label, row) in labels.iter_mut().zip(rows.chunks_exact(data.n_cols())) {
                tree.nearest(row, 1, &mut found);
                *label = found.first().and_then(|&(squared, i)| {
                    self.row_labels[i].filter(|&group| squared.sqrt() <= reaches[group as usize])
                });
            }
        });
        Ok(labels)
    }

    /// The largest core distance in each group.
    fn reaches(&self) -> Vec<f64> {
        let mut reaches = vec![0.0; self.row_labels.iter().flatten().max().map_or(0, |&last| last as usize + 1)];
        for (label, core) in self.row_labels.iter().zip(&self.core_distances) {
            if let Some(group) = label {
                reaches[*group as usize] = core.max(reaches[*group as usize]);
            }
        }
        reaches
    }
}

/// The sample with every value moved by at most half the resolution.
fn moved(sampled: &Matrix, params: &Params) -> Result<Matrix> {
    let mut stream = rng::stream(params.seed, "segment/density/moved", 0);
    let values = sampled.values().iter().map(|v| v + (stream.random::<f64>() - 0.5) * params.resolution).collect();
    Matrix::new(sampled.n_rows(), sampled.n_cols(), values)
}

/// Groups the moved rows and keeps each place of the unmoved ones once.
fn keep(sampled: &Matrix, moved: &Matrix, params: &Params) -> Result<Fitted> {
    let found = groups(moved, params)?;
    let cores = core_distances(moved, params.min_samples);
    let by_value = |&a: &usize, &b: &usize| {
        let each = sampled.row(a).iter().zip(sampled.row(b)).map(|(x, y)| x.total_cmp(y));
        each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    };
    let mut order: Vec<usize> = (0..sampled.n_rows()).collect();
    order.sort_by(|a, b| by_value(a, b).then(a.cmp(b)));
    let (mut kept, mut row_labels, mut reaches) = (Vec::new(), Vec::new(), Vec::new());
    for equals in order.chunk_by(|a, b| by_value(a, b).is_eq()) {
        let mut votes: Vec<Option<u32>> = equals.iter().map(|&i| found[i]).collect();
        votes.sort_unstable();
        let most = votes.chunk_by(|a, b| a == b).max_by_key(|same| same.len());
        kept.push(equals[0]);
        row_labels.push(most.and_then(|same| same[0]));
        reaches.push(equals.iter().map(|&i| cores[i]).fold(params.resolution, f64::max));
    }
    Ok(Fitted {
        rows: sampled.select_rows(&kept),
        row_labels,
        core_distances: reaches,
        rows_fitted: sampled.n_rows(),
        sizes: Vec::new(),
        n_noise: 0,
        labels: Vec::new(),
    })
}

/// The crate's groups; its labels are -1 for noise.
fn groups(rows: &Matrix, params: &Params) -> Result<Vec<Option<u32>>> {
    let rows: Vec<Vec<f64>> = (0..rows.n_rows()).map(|i| rows.row(i).to_vec()).collect();
    let asked =
        HdbscanHyperParams::builder().min_cluster_size(params.min_cluster_size).min_samples(params.min_samples).build();
    let labels = Hdbscan::new(&rows, asked).cluster();
    let labels = labels.map_err(|e| Error::Engine { engine: "hdbscan", message: e.to_string() })?;
    Ok(labels.into_iter().map(|label| u32::try_from(label).ok()).collect())
}

/// The distance of each row to its `min_samples`-th nearest, itself included.
fn core_distances(rows: &Matrix, min_samples: usize) -> Vec<f64> {
    let tree = Tree::new(rows);
    let each = |found: &mut Vec<(f64, usize)>, i: usize| {
        tree.nearest(rows.row(i), min_samples, found);
        found.last().map_or(0.0, |last| last.0.sqrt())
    };
    (0..rows.n_rows()).into_par_iter().map_init(Vec::new, each).collect()
}

/// Counts the groups' rows and renumbers them by size, the largest first; between equals by their first kept row.
fn largest_first(fitted: &mut Fitted) {
    let groups = fitted.row_labels.iter().flatten().max().map_or(0, |&last| last as usize + 1);
    let (mut sizes, mut first) = (vec![0_usize; groups], vec![usize::MAX; groups]);
    fitted.labels.iter().flatten().for_each(|&c| sizes[c as usize] += 1);
    for (i, &label) in fitted.row_labels.iter().enumerate().rev() {
        if let Some(c) = label {
            first[c as usize] = i;
        }
    }
    // A group outvoted at each of its places is none.
    let mut order: Vec<usize> = (0..groups).filter(|&c| sizes[c] > 0).collect();
    order.sort_by_key(|&c| (std::cmp::Reverse(sizes[c]), first[c]));
    let mut new_of = vec![None; groups];
    order.iter().enumerate().for_each(|(new, &old)| new_of[old] = Some(new as u32));
    for label in fitted.labels.iter_mut().chain(&mut fitted.row_labels) {
        *label = label.and_then(|c| new_of[c as usize]);
    }
    fitted.sizes = order.iter().map(|&c| sizes[c]).collect();
    fitted.n_noise = fitted.labels.iter().filter(|label| label.is_none()).count();
}

fn check(data: &Matrix) -> Result<()> {
    if data.n_cols() == 0 {
        return Err(Error::Degenerate { what: WHAT, reason: "there are no columns" });
    }
    data.require_finite(WHAT)
}

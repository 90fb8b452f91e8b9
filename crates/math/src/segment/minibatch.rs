//! Mini-batch k-means: nearly the partition of [`kmeans`], from small random batches of rows.
//!
//! Model: as in [`kmeans`], `W = sum_i min_c |x_i - m_c|^2`. Each step draws `b` rows with replacement and finds their
//! nearest centroids; a centroid that has met `v` rows so far moves to a row `x` by `m += (x - m) / v` (Sculley 2010,
//! algorithm 1: a learning rate of one over the count), and so is the mean of all rows it ever met. Seeds are k-means++ on a
//! sample; several starts are compared on another sample; a centroid that met no row for [`STARVED`] steps moves to a row
//! drawn in proportion to its squared distance. A start ends when the smoothed inertia of its batches no longer falls.
//! The last step takes all rows: every centroid becomes the mean of its rows, and labels, sizes and inertia are those of
//! all rows. The bytes of the result do not depend on the number of threads.
//!
//! Limits: the cost of the steps does not grow with the rows, but the inertia is about one per cent above that of [`kmeans`]
//! (a centroid remembers rows it met while it was elsewhere). [`kmeans`] makes its starts on a sample too, so little is
//! gained: for 8 million rows of 7 columns this takes two fifths of its time at 0.6 to 0.8 per cent more inertia (5 and 8
//! groups, `examples/kmeans.rs` on the rows of `benches/peers/kmeans.py`). Groups of fewer rows than one in a batch are easily missed.

use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::kmeans::{self, Fitted};
use super::lloyd::{assign_all, descend, inertia};
use super::panel::squared_distance;
use super::seeding::seeds;
use crate::error::{Error, Result};
use crate::num::Matrix;
use crate::rng::{self, Stream};

/// Rows of the sample for the seeds and of the one on which starts are compared.
pub const SAMPLE: usize = 10_000;
/// Steps without a row after which a centroid is moved.
pub const STARVED: usize = 10;
/// The share of the newest batch in the smoothed inertia.
const SMOOTHING: f64 = 0.1;
/// The smoothed inertia falls when it is below the least so far by more than this share.
const FALL: f64 = 1e-3;

/// How the partition is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// The number of groups, at least 1.
    pub k: usize,
    /// Rows of one batch, at least 1.
    pub batch: usize,
    /// The most steps of one start, at least 1.
    pub steps: usize,
    /// A start has converged when the smoothed inertia has not fallen for so many steps, at least 1.
    pub patience: usize,
    /// Independent starts, at least 1.
    pub starts: usize,
    /// The run's seed.
    pub seed: u64,
}

impl Params {
    /// Three starts of at most 300 batches of 1,024 rows, with a patience of 20 steps.
    #[must_use]
    pub fn new(k: usize, seed: u64) -> Self {
        Self { k, batch: 1024, steps: 300, patience: 20, starts: 3, seed }
    }

    fn check(&self) -> Result<()> {
        for (name, value) in [
            ("k", self.k),
            ("batch", self.batch),
            ("steps", self.steps),
            ("patience", self.patience),
            ("starts", self.starts),
        ] {
            if value == 0 {
                return Err(Error::Parameter { name, value: 0.0, expected: "at least 1" });
            }
        }
        Ok(())
    }
}

/// Partitions the rows of `data`. The `iterations` of the result are the steps of the start that was kept.
///
/// # Errors
/// [`Error::Parameter`] for parameters outside their domain, [`Error::NotFinite`] for NaN or infinity,
/// [`Error::TooFew`] when there are fewer distinct rows than groups, [`Error::Degenerate`] without columns.
///
/// ```
/// use tenure_math::{num::Matrix, segment::minibatch};
/// let data = Matrix::new(5, 1, vec![0., 1., 2., 10., 11.])?;
/// let fitted = minibatch::fit(&data, &minibatch::Params::new(2, 1))?;
/// assert_eq!((fitted.labels, fitted.inertia), (vec![0, 0, 0, 1, 1], 2.5));
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn fit(data: &Matrix, params: &Params) -> Result<Fitted> {
    params.check()?;
    kmeans::require_rows(data, params.k)?;
    let part = |task: &str| {
        let mut stream = rng::stream(params.seed, task, 0);
        data.select_rows(&rng::sample(data.n_rows(), data.n_rows().min(SAMPLE), &mut stream))
    };
    let (first, held) = (part("segment/minibatch/seeds"), part("segment/minibatch/held"));
    let start = |start: usize| {
        let centroids = match seeds(&first, params.k, params.seed, start as u64) {
            // Too few distinct rows in the sample say nothing about the whole.
            Err(Error::TooFew { .. }) => seeds(data, params.k, params.seed, start as u64)?,
            other => other?,
        };
        let found = one_start(data, centroids, params, start as u64);
        Ok((inertia(&held, &found.centroids), found))
    };
    let mut ends = (0..params.starts).into_par_iter().map(start).collect::<Result<Vec<_>>>()?;
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (_, best) = ends.swap_remove(0);
    let last = descend(data, best.centroids, 1, 0.0);
    kmeans::finish(data, last.centroids, best.steps, best.converged)
}

/// Where one start ended.
struct End {
    centroids: Vec<f64>,
    steps: usize,
    converged: bool,
}

fn one_start(data: &Matrix, centroids: Vec<f64>, params: &Params, start: u64) -> End {
    let mut stream = rng::stream(params.seed, "segment/minibatch", start);
    let mut walk = Walk::new(centroids, params.k);
    let (mut smoothed, mut least, mut since) = (f64::NAN, f64::INFINITY, 0);
    let mut steps = 0;
    while steps < params.steps && since < params.patience {
        let drawn: Vec<usize> =
            (0..params.batch).map(|_| stream.random_range(0..data.n_rows() as u64) as usize).collect();
        let newest = walk.step(&data.select_rows(&drawn), &mut stream);
        smoothed = if steps == 0 { newest } else { smoothed + SMOOTHING * (newest - smoothed) };
        since += 1;
        if smoothed < least * (1.0 - FALL) {
            (least, since) = (smoothed, 0);
        }
        steps += 1;
    }
    End { centroids: walk.centroids, steps, converged: since >= params.patience }
}

/// Centroids on their way.
struct Walk {
    centroids: Vec<f64>,
    /// Rows that each centroid has met.
    counts: Vec<f64>,
    /// Steps since each centroid last met a row.
    idle: Vec<usize>,
}

impl Walk {
    fn new(centroids: Vec<f64>, k: usize) -> Self {
        Self { centroids, counts: vec![0.0; k], idle: vec![0; k] }
    }

    /// Moves the centroids to the rows of a batch, all at once, which comes to the same as row by row; returns the batch's
    /// inertia before.
    fn step(&mut self, batch: &Matrix, stream: &mut Stream) -> f64 {
        let d = batch.n_cols();
        let mut labels = vec![0; batch.n_rows()];
        let inertia = assign_all(batch, &self.centroids, &mut labels);
        let (mut sums, mut hits) = (vec![0.0; self.centroids.len()], vec![0.0; self.counts.len()]);
        for (row, &label) in batch.values().chunks_exact(d).zip(&labels) {
            let c = label as usize;
            hits[c] += 1.0;
            sums[c * d..(c + 1) * d].iter_mut().zip(row).for_each(|(s, x)| *s += x);
        }
        for (c, &met) in hits.iter().enumerate() {
            if met > 0.0 {
                self.counts[c] += met;
                let (count, centroid) = (self.counts[c], &mut self.centroids[c * d..(c + 1) * d]);
                centroid.iter_mut().zip(&sums[c * d..]).for_each(|(m, s)| *m += (s - met * *m) / count);
                self.idle[c] = 0;
            } else {
                self.idle[c] += 1;
            }
        }
        for c in 0..self.idle.len() {
            if self.idle[c] >= STARVED {
                self.reseat(c, batch, &labels, stream);
            }
        }
        inertia
    }

    /// Moves centroid `c` to a row of the batch, drawn in proportion to the squared distance from its own centroid.
    fn reseat(&mut self, c: usize, batch: &Matrix, labels: &[u32], stream: &mut Stream) {
        let d = batch.n_cols();
        let rows = batch.values().chunks_exact(d);
        let far: Vec<f64> = rows
            .zip(labels)
            .map(|(row, &label)| squared_distance(row, &self.centroids[label as usize * d..(label as usize + 1) * d]))
            .collect();
        let mut target = stream.random::<f64>() * far.iter().sum::<f64>();
        let mut taken = None;
        for (i, &squared) in far.iter().enumerate() {
            if squared > 0.0 {
                taken = Some(i);
                if target < squared {
                    break;
                }
                target -= squared;
            }
        }
        if let Some(i) = taken {
            self.centroids[c * d..(c + 1) * d].copy_from_slice(batch.row(i));
            (self.counts[c], self.idle[c]) = (1.0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::super::checks::clouds;
    use super::*;

    #[test]
    fn separate_clouds_are_those_of_all_rows() {
        let data = clouds(5, 3000, 4, 1);
        let (small, full) =
            (fit(&data, &Params::new(5, 1)).unwrap(), kmeans::fit(&data, &kmeans::Params::new(5, 1)).unwrap());
        assert!(small.converged && small.labels == full.labels && small.sizes == [3000; 5]);
        // The last step makes the centroids means of the same rows: only the order of the sums differs.
        assert!((small.inertia - full.inertia).abs() < 1e-9 * full.inertia);
    }

    #[test]
    fn pieces_of_one_cloud_cost_hardly_more() {
        // Where nothing is apart, a centroid that met some 20,000 rows errs by a hundredth of a spread, and those met on
        // the way hold it back: about 1 per cent of the inertia; the minima themselves differ by as much.
        let data = clouds(1, 40_000, 3, 9);
        for k in [4, 8] {
            let small = fit(&data, &Params::new(k, 2)).unwrap();
            let full = kmeans::fit(&data, &kmeans::Params { starts: 5, ..kmeans::Params::new(k, 2) }).unwrap();
            assert!(small.inertia < 1.03 * full.inertia, "{k}: {} {}", small.inertia, full.inertia);
            assert!(small.iterations < 300 && small.sizes.iter().sum::<usize>() == 40_000);
            assert_eq!(small.assign(&data).unwrap(), small.labels);
        }
    }

    #[test]
    fn a_centroid_is_the_mean_of_the_rows_it_met() {
        let mut walk = Walk::new(vec![1.0, 20.0], 2);
        let mut stream = rng::stream(1, "segment/minibatch/test", 0);
        // Squared distances 1, 1, 4 and 1; the seed itself does not count.
        let inertia = walk.step(&Matrix::new(4, 1, vec![0.0, 2.0, 3.0, 21.0]).unwrap(), &mut stream);
        assert_eq!((inertia, &walk.counts), (7.0, &vec![3.0, 1.0]));
        assert!((walk.centroids[0] - 5.0 / 3.0).abs() < 1e-15 && walk.centroids[1] == 21.0);
        walk.step(&Matrix::new(2, 1, vec![7.0, 23.0]).unwrap(), &mut stream);
        assert!((walk.centroids[0] - 12.0 / 4.0).abs() < 1e-15 && walk.centroids[1] == 22.0);
    }

    #[test]
    fn a_starved_centroid_moves_to_a_row() {
        let batch = Matrix::new(3, 1, vec![0.0, 0.0, 9.0]).unwrap();
        let mut walk = Walk::new(vec![0.0, 1e6], 2);
        let mut stream = rng::stream(1, "segment/minibatch/test", 1);
        for _ in 1..STARVED {
            walk.step(&batch, &mut stream);
            assert_eq!(walk.centroids[1], 1e6);
        }
        walk.step(&batch, &mut stream);
        // The first centroid stands at 3, so any of the rows may be drawn, and the next batch is shared.
        assert!([0.0, 9.0].contains(&walk.centroids[1]) && walk.counts[1] == 1.0);
        walk.step(&batch, &mut stream);
        assert!(walk.idle == [0, 0]);
        // Without a row off its centroid there is nowhere to go.
        let mut still = Walk::new(vec![4.0, 1e6], 2);
        let same = Matrix::new(2, 1, vec![4.0; 2]).unwrap();
        (0..2 * STARVED).for_each(|_| assert_eq!(still.step(&same, &mut stream), 0.0));
        assert_eq!(still.centroids, [4.0, 1e6]);
    }

    #[test]
    fn what_no_sample_holds_is_sought_in_all_rows() {
        // Two rows of 30,000 differ: a sample of 10,000 holds both once in nine times. A batch hardly ever meets them, but
        // the seeds stand on them and the last step takes all rows; a centroid that starves stays, or finds no better row.
        let mut values = vec![0.0; 30_000];
        (values[7000], values[29_000]) = (5.0, -5.0);
        let data = Matrix::new(30_000, 1, values).unwrap();
        let fitted = fit(&data, &Params { starts: 1, ..Params::new(3, 1) }).unwrap();
        assert_eq!((fitted.inertia, fitted.sizes), (0.0, vec![29_998, 1, 1]));
        let four = fit(&data, &Params { starts: 1, ..Params::new(4, 1) });
        assert!(matches!(four, Err(Error::TooFew { needed: 4, found: 3, .. })));
    }

    #[test]
    fn parameters_have_their_domain() {
        let data = Matrix::new(2, 1, vec![0.0, 1.0]).unwrap();
        let good = Params::new(2, 1);
        for (name, bad) in [
            ("k", Params { k: 0, ..good }),
            ("batch", Params { batch: 0, ..good }),
            ("steps", Params { steps: 0, ..good }),
            ("patience", Params { patience: 0, ..good }),
            ("starts", Params { starts: 0, ..good }),
        ] {
            assert!(matches!(fit(&data, &bad), Err(Error::Parameter { name: found, .. }) if found == name));
        }
        let short = fit(&clouds(3, 500, 2, 1), &Params { steps: 2, ..Params::new(3, 1) }).unwrap();
        assert!(!short.converged && short.iterations == 2);
    }
}

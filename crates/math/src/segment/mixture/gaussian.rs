//! The two halves of an iteration: densities of Gaussian components, and the moments that new components are made of.
//!
//! Equation numbers are Bishop's (2006, *Pattern recognition and machine learning*, section 9.2.2).

use rayon::prelude::*;

use super::WHAT;
use crate::error::{Error, Result};
use crate::num::Matrix;
use crate::segment::panel::CHUNK;

/// One component, ready to be evaluated.
pub(super) struct Law {
    mean: Vec<f64>,
    /// The inverse of the covariance's lower Cholesky factor, lower triangle row by row.
    whitening: Vec<f64>,
    /// `ln w - d/2 ln 2 pi - ln det(S) / 2`.
    log_scale: f64,
}

/// Space for one row's evaluation.
pub(super) struct Work {
    /// `ln (w_c N(x; m_c, S_c))`, later the responsibilities.
    pub(super) logs: Vec<f64>,
    /// `x - m_c`, component by component.
    pub(super) offsets: Vec<f64>,
}

impl Work {
    pub(super) fn new(k: usize, d: usize) -> Self {
        Self { logs: vec![0.0; k], offsets: vec![0.0; k * d] }
    }

    /// (9.7) in logarithms, component by component; the squared length of the whitened offset is Mahalanobis'.
    pub(super) fn log_densities(&mut self, laws: &[Law], row: &[f64]) {
        for ((law, log), offsets) in laws.iter().zip(&mut self.logs).zip(self.offsets.chunks_exact_mut(row.len())) {
            for ((offset, x), m) in offsets.iter_mut().zip(row).zip(&law.mean) {
                *offset = x - m;
            }
            let (mut squared, mut at) = (0.0, 0);
            for i in 0..row.len() {
                let whitened: f64 = law.whitening[at..=at + i].iter().zip(&*offsets).map(|(l, o)| l * o).sum();
                squared += whitened * whitened;
                at += i + 1;
            }
            *log = law.log_scale - 0.5 * squared;
        }
    }

    /// Turns log-densities into responsibilities, (9.13), and returns `ln p(x)`.
    pub(super) fn shares(&mut self) -> f64 {
        let top = self.logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut sum = 0.0;
        for log in &mut self.logs {
            *log = (*log - top).exp();
            sum += *log;
        }
        self.logs.iter_mut().for_each(|share| *share /= sum);
        top + sum.ln()
    }
}

/// What rows add to the components: `sum r`, `sum r o` and the lower triangle of `sum r o o'`, with `o` the offset from
/// the component's mean so far (so that no digits are lost far from the origin), and the sum of `ln p`.
#[derive(Clone)]
pub(super) struct Sums {
    counts: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
    pub(super) log_likelihood: f64,
}

impl Sums {
    pub(super) fn new(k: usize, d: usize) -> Self {
        let zeros = |n: usize| vec![0.0; n];
        Self { counts: zeros(k), first: zeros(k * d), second: zeros(k * d * (d + 1) / 2), log_likelihood: 0.0 }
    }

    pub(super) fn add(&mut self, c: usize, share: f64, offsets: &[f64]) {
        let d = offsets.len();
        let half = d * (d + 1) / 2;
        self.counts[c] += share;
        self.first[c * d..(c + 1) * d].iter_mut().zip(offsets).for_each(|(s, o)| *s += share * o);
        let (second, mut at) = (&mut self.second[c * half..(c + 1) * half], 0);
        for i in 0..d {
            let scaled = share * offsets[i];
            second[at..=at + i].iter_mut().zip(offsets).for_each(|(s, o)| *s += scaled * o);
            at += i + 1;
        }
    }

    fn merge(&mut self, other: &Self) {
        let pairs =
            [(&mut self.counts, &other.counts), (&mut self.first, &other.first), (&mut self.second, &other.second)];
        for (mine, theirs) in pairs {
            mine.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        }
        self.log_likelihood += other.log_likelihood;
    }
}

/// Sums over chunks of rows, merged in the chunks' order.
pub(super) fn over_chunks(data: &Matrix, k: usize, each: impl Fn(usize, &[f64], &mut Sums) + Sync) -> Sums {
    let d = data.n_cols();
    let parts: Vec<Sums> = data
        .values()
        .par_chunks(CHUNK * d)
        .enumerate()
        .map(|(chunk, rows)| {
            let mut sums = Sums::new(k, d);
            each(chunk * CHUNK, rows, &mut sums);
            sums
        })
        .collect();
    let mut total = Sums::new(k, d);
    parts.iter().for_each(|part| total.merge(part));
    total
}

/// (9.24) to (9.26): moves the means, and returns weights and covariances. Fails when a component holds less than
/// half a row.
pub(super) fn maximise(sums: &Sums, means: &mut [f64], n: usize, regularisation: f64) -> Result<(Vec<f64>, Vec<f64>)> {
    let k = sums.counts.len();
    let d = means.len() / k;
    let mut covariances = vec![0.0; k * d * d];
    for c in 0..k {
        let count = sums.counts[c];
        if count < 0.5 {
            return Err(Error::Degenerate { what: WHAT, reason: "a component lost its rows" });
        }
        let shift: Vec<f64> = sums.first[c * d..(c + 1) * d].iter().map(|s| s / count).collect();
        means[c * d..(c + 1) * d].iter_mut().zip(&shift).for_each(|(m, s)| *m += s);
        let mut second = sums.second[c * d * (d + 1) / 2..].iter();
        for (i, j) in (0..d).flat_map(|i| (0..=i).map(move |j| (i, j))) {
            let moment = second.next().map_or(0.0, |s| s / count) - shift[i] * shift[j];
            let value = if i == j { moment.max(0.0) + regularisation } else { moment };
            covariances[c * d * d + i * d + j] = value;
            covariances[c * d * d + j * d + i] = value;
        }
    }
    Ok((sums.counts.iter().map(|count| count / n as f64).collect(), covariances))
}

/// Factorises the covariances (Cholesky) and inverts the factors.
pub(super) fn laws(weights: &[f64], means: &[f64], covariances: &[f64], d: usize) -> Result<Vec<Law>> {
    let parts = weights.iter().zip(means.chunks_exact(d)).zip(covariances.chunks_exact(d * d));
    parts
        .map(|((weight, mean), covariance)| {
            let mut factor = vec![0.0; d * d];
            let mut log_scale = weight.ln() - 0.5 * d as f64 * (2.0 * std::f64::consts::PI).ln();
            for (i, j) in (0..d).flat_map(|i| (0..=i).map(move |j| (i, j))) {
                let dot: f64 = (0..j).map(|l| factor[i * d + l] * factor[j * d + l]).sum();
                let rest = covariance[i * d + j] - dot;
                if i > j {
                    factor[i * d + j] = rest / factor[j * d + j];
                } else if rest > 0.0 {
                    factor[i * d + i] = rest.sqrt();
                    log_scale -= factor[i * d + i].ln();
                } else {
                    return Err(Error::Degenerate { what: WHAT, reason: "a covariance is singular: regularise more" });
                }
            }
            let mut inverse = vec![0.0; d * d];
            for (i, j) in (0..d).flat_map(|i| (0..=i).map(move |j| (i, j))) {
                let dot: f64 = (j..i).map(|l| factor[i * d + l] * inverse[l * d + j]).sum();
                inverse[i * d + j] = (if i == j { 1.0 } else { 0.0 } - dot) / factor[i * d + i];
            }
            let whitening = (0..d).flat_map(|i| inverse[i * d..=i * d + i].to_vec()).collect();
            Ok(Law { mean: mean.to_vec(), whitening, log_scale })
        })
        .collect()
}

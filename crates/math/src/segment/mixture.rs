//! A Gaussian mixture: groups that may be long, tilted, large or small, and overlap, by maximum likelihood.
//!
//! Model: a row is drawn from component `c` with probability `w_c` and then from a normal law with mean `m_c` and full
//! covariance `S_c`; `p(x) = sum_c w_c N(x; m_c, S_c)`. Expectation and maximisation (Dempster, Laird and Rubin 1977;
//! Bishop 2006, section 9.2.2) alternate responsibilities `r_c(x) = w_c N(x; m_c, S_c) / p(x)` and the weighted means and
//! covariances under them; the likelihood never falls but by the regularisation. Sums of densities are taken as
//! log-sum-exp, so a row forty standard deviations away is as good as any other.
//!
//! The first start begins at k-means, the others at one step of it from fresh seeds; the likeliest end is kept. The number
//! of components is chosen by the least Bayes information criterion (Schwarz 1978), `BIC = p ln n - 2 sum_i ln p(x_i)` with
//! `p = k - 1 + k d + k d (d + 1) / 2` parameters. Chunks of a fixed number of rows are summed in their order: the bytes
//! depend on the seed and not on the threads. Components are numbered by size, the largest first.
//!
//! Limits: columns should be on one footing (see `scale`), for the regularisation is in their squared units; heavy tails
//! and values on a grid are covered by more components than they have groups; a local maximum.

use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::kmeans;
use super::panel::CHUNK;
use crate::error::{Error, Result};
use crate::num::{self, Matrix};
use crate::rng;

const WHAT: &str = "Gaussian mixture";
/// Values beyond this overflow when they are squared and summed.
const LARGEST: f64 = 1e150;

/// How the mixture is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// The number of components, at least 1.
    pub k: usize,
    /// Independent starts, at least 1.
    pub starts: usize,
    /// The most iterations of one start, at least 1.
    pub max_iterations: usize,
    /// A start has converged when an iteration raises the mean log-likelihood of a row by less than this; above 0.
    pub tolerance: f64,
    /// Added to every column's variance in every component, in squared units of the data; above 0.
    pub regularisation: f64,
    /// Rows above which the mixture is fitted on a seeded sample of this many; all rows are assigned.
    pub rows: usize,
    /// The run's seed.
    pub seed: u64,
}

impl Params {
    /// Three starts of at most 300 iterations on at most 20,000 rows. The regularisation is a hundredth of a standard
    /// deviation, squared, for standardised columns: finer differences mean nothing.
    #[must_use]
    pub fn new(k: usize, seed: u64) -> Self {
        Self { k, starts: 3, max_iterations: 300, tolerance: 1e-4, regularisation: 1e-4, rows: 20_000, seed }
    }

    fn check(&self) -> Result<()> {
        let counts =
            [("k", self.k), ("starts", self.starts), ("max_iterations", self.max_iterations), ("rows", self.rows)];
        for (name, value) in counts {
            if value == 0 {
                return Err(Error::Parameter { name, value: 0.0, expected: "at least 1" });
            }
        }
        for (name, value) in [("tolerance", self.tolerance), ("regularisation", self.regularisation)] {
            if !value.is_finite() || value <= 0.0 {
                return Err(Error::Parameter { name, value, expected: "a finite number above 0" });
            }
        }
        Ok(())
    }
}

/// A mixture that was fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// The components' shares `w_c`; they sum to 1.
    pub weights: Vec<f64>,
    /// The components' means, `k` rows; the component with the most rows first.
    pub means: Matrix,
    /// The components' covariances, `k` rows of `d * d` values, regularisation included.
    pub covariances: Matrix,
    /// The mean of `ln p(x)` over the rows of the fit.
    pub log_likelihood: f64,
    /// The Bayes information criterion over the rows of the fit; less is better.
    pub bic: f64,
    /// The rows the parameters were estimated from.
    pub rows_fitted: usize,
    /// The rows assigned to each component, out of all rows.
    pub sizes: Vec<usize>,
    /// The iterations of the start that was kept.
    pub iterations: usize,
    /// Whether the start that was kept converged.
    pub converged: bool,
    /// The component of each row; not stored with the model.
    #[serde(skip)]
    pub labels: Vec<u32>,
}

/// One number of components and its figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The number of components.
    pub k: usize,
    /// The mean log-likelihood of a row.
    pub log_likelihood: f64,
    /// The Bayes information criterion.
    pub bic: f64,
    /// The rows of the smallest component.
    pub smallest: usize,
    /// Whether the start that was kept converged.
    pub converged: bool,
}

/// The number of components that was chosen, why, and what it was compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The number of components taken.
    pub k: usize,
    /// Every number that was tried, ascending.
    pub candidates: Vec<Candidate>,
    /// The reason in a sentence.
    pub reason: String,
    /// The mixture of `k` components.
    pub fitted: Fitted,
}

/// Fits a mixture of `params.k` components to the rows of `data`.
///
/// # Errors
/// [`Error::Parameter`] for parameters outside their domain, [`Error::NotFinite`] for NaN or infinity with its place,
/// [`Error::TooFew`] when there are fewer distinct rows than components, [`Error::Degenerate`] without columns, for values
/// too large to be squared, or when every start lost a component.
///
/// ```
/// use tenure_math::{num::Matrix, segment::mixture};
/// let data = Matrix::new(6, 1, vec![0., 1., 2., 3., 50., 52.])?;
/// let fitted = mixture::fit(&data, &mixture::Params::new(2, 1))?;
/// assert_eq!(fitted.labels, [0, 0, 0, 0, 1, 1]);
/// assert!((fitted.weights[0] - 4.0 / 6.0).abs() < 1e-9 && (fitted.means.get(0, 0) - 1.5).abs() < 1e-9);
/// // The covariance is that of the four rows, 5/4, and the regularisation.
/// assert!((fitted.covariances.get(0, 0) - 1.2501).abs() < 1e-9);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn fit(data: &Matrix, params: &Params) -> Result<Fitted> {
    params.check()?;
    check(data)?;
    let n = data.n_rows();
    if n < params.k {
        return Err(Error::TooFew { what: WHAT, needed: params.k, found: n });
    }
    let sampled;
    let rows = if n > params.rows {
        sampled = data.select_rows(&sample(n, params.rows, params.seed, "segment/mixture/rows"));
        &sampled
    } else {
        data
    };
    let mut best: Option<Fitted> = None;
    for start in 0..params.starts {
        match one_start(rows, params, start) {
            Ok(other) if best.as_ref().is_none_or(|b| other.log_likelihood > b.log_likelihood) => best = Some(other),
            // A start that loses a component is no answer; another may be.
            Ok(_) | Err(Error::Degenerate { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    let lost = Error::Degenerate {
        what: WHAT,
        reason: "every start lost a component or its covariance: ask for fewer components or more regularisation",
    };
    let mut fitted = best.ok_or(lost)?;
    fitted.labels = fitted.assign(data)?;
    fitted.labels.iter().for_each(|&c| fitted.sizes[c as usize] += 1);
    largest_first(&mut fitted);
    Ok(fitted)
}

/// Fits every number of components from `k_min` to `k_max` and takes the one with the least BIC; `params.k` plays no part.
/// The range ends early where there are no more distinct rows or where no start keeps all components.
///
/// # Errors
/// [`Error::Parameter`] when `k_min < 1` or `k_max < k_min`, otherwise those of [`fit`] for the least number.
///
/// ```
/// use tenure_math::{num::Matrix, segment::mixture};
/// let data = Matrix::new(8, 1, vec![0., 1., 2., 3., 50., 51., 52., 53.])?;
/// let choice = mixture::choose_k(&data, 1, 3, &mixture::Params { regularisation: 0.5, ..mixture::Params::new(1, 1) })?;
/// assert_eq!((choice.k, choice.fitted.sizes), (2, vec![4, 4]));
/// assert_eq!(choice.reason, "K = 2 has the least BIC, 42.5; the next best is K = 3 with 46.9.");
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn choose_k(data: &Matrix, k_min: usize, k_max: usize, params: &Params) -> Result<Choice> {
    if k_min < 1 {
        return Err(Error::Parameter { name: "k_min", value: 0.0, expected: "at least 1" });
    }
    if k_max < k_min {
        return Err(Error::Parameter { name: "k_max", value: k_max as f64, expected: "at least k_min" });
    }
    let (mut candidates, mut best): (Vec<Candidate>, Option<Fitted>) = (Vec::new(), None);
    for k in k_min..=k_max {
        let fitted = match fit(data, &Params { k, ..*params }) {
            Err(Error::TooFew { .. } | Error::Degenerate { .. }) if k > k_min => break,
            other => other?,
        };
        candidates.push(Candidate {
            k,
            log_likelihood: fitted.log_likelihood,
            bic: fitted.bic,
            smallest: fitted.sizes.iter().copied().min().unwrap_or(0),
            converged: fitted.converged,
        });
        if best.as_ref().is_none_or(|b| fitted.bic < b.bic) {
            best = Some(fitted);
        }
    }
    let fitted = best.ok_or(Error::Degenerate { what: WHAT, reason: "no number of components could be fitted" })?;
    let k = fitted.weights.len();
    let next = candidates.iter().filter(|c| c.k != k).min_by(|a, b| a.bic.total_cmp(&b.bic));
    let reason = match next {
        Some(c) => {
            format!("K = {k} has the least BIC, {:.1}; the next best is K = {} with {:.1}.", fitted.bic, c.k, c.bic)
        }
        None => format!("K = {k} was the only one possible (BIC {:.1}).", fitted.bic),
    };
    Ok(Choice { k, candidates, reason, fitted })
}

impl Fitted {
    /// The component with the greatest responsibility for each row of `data`; between equals the first.
    ///
    /// # Errors
    /// [`Error::Shape`] when the number of columns differs, [`Error::NotFinite`] for NaN or infinity,
    /// [`Error::Degenerate`] for values too large to be squared.
    pub fn assign(&self, data: &Matrix) -> Result<Vec<u32>> {
        let laws = self.laws_for(data)?;
        let k = laws.len();
        let mut labels = vec![0_u32; data.n_rows()];
        labels.par_chunks_mut(CHUNK).zip(data.values().par_chunks(CHUNK * data.n_cols())).for_each(|(labels, rows)| {
            let mut work = Work::new(k, data.n_cols());
            for (label, row) in labels.iter_mut().zip(rows.chunks_exact(data.n_cols())) {
                work.log_densities(&laws, row);
                *label = (1..k).fold(0, |c, other| if work.logs[other] > work.logs[c] { other } else { c }) as u32;
            }
        });
        Ok(labels)
    }

    /// The responsibilities `r_c(x)`, one row for each row of `data` and one column for each component; a row sums to 1.
    ///
    /// # Errors
    /// Those of [`Fitted::assign`].
    pub fn responsibilities(&self, data: &Matrix) -> Result<Matrix> {
        let laws = self.laws_for(data)?;
        let k = laws.len();
        let mut shares = vec![0.0; data.n_rows() * k];
        shares.par_chunks_mut(CHUNK * k).zip(data.values().par_chunks(CHUNK * data.n_cols())).for_each(
            |(shares, rows)| {
                let mut work = Work::new(k, data.n_cols());
                for (share, row) in shares.chunks_exact_mut(k).zip(rows.chunks_exact(data.n_cols())) {
                    work.log_densities(&laws, row);
                    work.shares();
                    share.copy_from_slice(&work.logs);
                }
            },
        );
        Matrix::new(data.n_rows(), k, shares)
    }

    fn laws_for(&self, data: &Matrix) -> Result<Vec<Law>> {
        num::require_len("columns to cluster", self.means.n_cols(), data.n_cols())?;
        check(data)?;
        laws(&self.weights, self.means.values(), self.covariances.values(), data.n_cols())
    }
}

/// One component, ready to be evaluated.
struct Law {
    mean: Vec<f64>,
    /// The inverse of the covariance's lower Cholesky factor, lower triangle row by row.
    whitening: Vec<f64>,
    /// `ln w - d/2 ln 2 pi - ln det(S) / 2`.
    log_scale: f64,
}

/// Space for one row's evaluation.
struct Work {
    /// `ln (w_c N(x; m_c, S_c))`, later the responsibilities.
    logs: Vec<f64>,
    /// `x - m_c`, component by component.
    offsets: Vec<f64>,
}

impl Work {
    fn new(k: usize, d: usize) -> Self {
        Self { logs: vec![0.0; k], offsets: vec![0.0; k * d] }
    }

    /// Bishop (9.7) in logarithms, component by component; the squared length of the whitened offset is Mahalanobis'.
    fn log_densities(&mut self, laws: &[Law], row: &[f64]) {
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

    /// Turns log-densities into responsibilities, Bishop (9.13), and returns `ln p(x)`.
    fn shares(&mut self) -> f64 {
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
struct Sums {
    counts: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
    log_likelihood: f64,
}

impl Sums {
    fn new(k: usize, d: usize) -> Self {
        let zeros = |n: usize| vec![0.0; n];
        Self { counts: zeros(k), first: zeros(k * d), second: zeros(k * d * (d + 1) / 2), log_likelihood: 0.0 }
    }

    fn add(&mut self, c: usize, share: f64, offsets: &[f64]) {
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
fn over_chunks(data: &Matrix, k: usize, each: impl Fn(usize, &[f64], &mut Sums) + Sync) -> Sums {
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

fn one_start(data: &Matrix, params: &Params, start: usize) -> Result<Fitted> {
    let (n, d, k) = (data.n_rows(), data.n_cols(), params.k);
    let seed = rng::seed_of(params.seed, "segment/mixture", start as u64);
    let max_iterations = if start == 0 { 300 } else { 1 };
    let first = kmeans::fit(data, &kmeans::Params { starts: 1, max_iterations, ..kmeans::Params::new(k, seed) })?;
    let mut means = first.centroids.values().to_vec();
    let sums = over_chunks(data, k, |from, rows, sums| {
        let mut offsets = vec![0.0; d];
        for (row, &label) in rows.chunks_exact(d).zip(&first.labels[from..]) {
            let c = label as usize;
            for ((offset, x), m) in offsets.iter_mut().zip(row).zip(&means[c * d..]) {
                *offset = x - m;
            }
            sums.add(c, 1.0, &offsets);
        }
    });
    let (mut weights, mut covariances) = maximise(&sums, &mut means, n, params.regularisation)?;
    let (mut last, mut iterations, mut converged) = (f64::NEG_INFINITY, 0, false);
    loop {
        let laws = laws(&weights, &means, &covariances, d)?;
        let sums = over_chunks(data, k, |_, rows, sums| {
            let mut work = Work::new(k, d);
            for row in rows.chunks_exact(d) {
                work.log_densities(&laws, row);
                sums.log_likelihood += work.shares();
                for (c, offsets) in work.offsets.chunks_exact(d).enumerate() {
                    // A share below rounding adds nothing, and most shares are.
                    if work.logs[c] > 1e-20 {
                        sums.add(c, work.logs[c], offsets);
                    }
                }
            }
        });
        let log_likelihood = sums.log_likelihood / n as f64;
        converged = converged || (log_likelihood - last).abs() < params.tolerance;
        last = log_likelihood;
        if converged || iterations == params.max_iterations {
            break;
        }
        iterations += 1;
        (weights, covariances) = maximise(&sums, &mut means, n, params.regularisation)?;
    }
    let free = (k - 1 + k * d + k * d * (d + 1) / 2) as f64;
    Ok(Fitted {
        weights,
        means: Matrix::new(k, d, means)?,
        covariances: Matrix::new(k, d * d, covariances)?,
        log_likelihood: last,
        bic: free * (n as f64).ln() - 2.0 * last * n as f64,
        rows_fitted: n,
        sizes: vec![0; k],
        iterations,
        converged,
        labels: Vec::new(),
    })
}

/// Bishop (9.24) to (9.26): moves the means, and returns weights and covariances. Fails when a component holds less than
/// half a row.
fn maximise(sums: &Sums, means: &mut [f64], n: usize, regularisation: f64) -> Result<(Vec<f64>, Vec<f64>)> {
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
fn laws(weights: &[f64], means: &[f64], covariances: &[f64], d: usize) -> Result<Vec<Law>> {
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

/// Renumbers the components by size, the largest first; between equals by mean.
fn largest_first(fitted: &mut Fitted) {
    let (means, sizes) = (&fitted.means, &fitted.sizes);
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by(|&a, &b| {
        let by_place = means.row(a).iter().zip(means.row(b)).map(|(x, y)| x.total_cmp(y));
        sizes[b].cmp(&sizes[a]).then_with(|| by_place.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then))
    });
    let mut new_of = vec![0_u32; order.len()];
    order.iter().enumerate().for_each(|(new, &old)| new_of[old] = new as u32);
    fitted.labels.iter_mut().for_each(|label| *label = new_of[*label as usize]);
    fitted.sizes = order.iter().map(|&old| fitted.sizes[old]).collect();
    fitted.weights = order.iter().map(|&old| fitted.weights[old]).collect();
    fitted.covariances = fitted.covariances.select_rows(&order);
    fitted.means = fitted.means.select_rows(&order);
}

fn check(data: &Matrix) -> Result<()> {
    if data.n_cols() == 0 {
        return Err(Error::Degenerate { what: WHAT, reason: "there are no columns" });
    }
    data.require_finite(WHAT)?;
    if data.values().iter().any(|v| v.abs() > LARGEST) {
        return Err(Error::Degenerate { what: WHAT, reason: "values beyond 1e150 cannot be squared" });
    }
    Ok(())
}

/// `m` different rows of `n`, ascending, by selection sampling (Knuth, vol. 2, algorithm S).
pub(super) fn sample(n: usize, m: usize, seed: u64, task: &str) -> Vec<usize> {
    let mut stream = rng::stream(seed, task, 0);
    let mut rows = Vec::with_capacity(m);
    for i in 0..n {
        if stream.random::<f64>() * ((n - i) as f64) < (m - rows.len()) as f64 {
            rows.push(i);
        }
    }
    rows
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use rand_distr::{Distribution, StandardNormal};

    /// The adjusted Rand index of two partitions (Hubert and Arabie 1985, their (5)).
    pub(in crate::segment) fn adjusted_rand(a: &[u32], b: &[u32]) -> f64 {
        let pairs = |n: f64| n * (n - 1.0) / 2.0;
        let mut counts = std::collections::BTreeMap::new();
        let (mut left, mut right) = (counts.clone(), counts.clone());
        for (&x, &y) in a.iter().zip(b) {
            *counts.entry((x, y)).or_insert(0.0) += 1.0;
            *left.entry((x, 0)).or_insert(0.0) += 1.0;
            *right.entry((0, y)).or_insert(0.0) += 1.0;
        }
        let [both, left, right] = [counts, left, right].map(|m| m.into_values().map(pairs).sum::<f64>());
        let expected = left * right / pairs(a.len() as f64);
        (both - expected) / ((left + right) / 2.0 - expected)
    }

    /// Rows `m + A z` of clouds with the given shares of ten, means and factors, in a mixed order, and their clouds.
    fn clouds(n: usize, laws: &[(usize, [f64; 2], [f64; 4])], seed: u64) -> (Matrix, Vec<u32>) {
        let of_ten: Vec<usize> = laws.iter().enumerate().flat_map(|(c, law)| vec![c; law.0]).collect();
        let mut s = rng::stream(seed, "segment/mixture/test", 0);
        let (mut values, mut truth) = (Vec::new(), Vec::new());
        for i in 0..n {
            let c = of_ten[i * 7 % 10];
            let (_, m, a) = laws[c];
            let z: [f64; 2] = [StandardNormal.sample(&mut s), StandardNormal.sample(&mut s)];
            values.extend([m[0] + a[0] * z[0] + a[1] * z[1], m[1] + a[2] * z[0] + a[3] * z[1]]);
            truth.push(c as u32);
        }
        (Matrix::new(n, 2, values).unwrap(), truth)
    }

    /// Three long parallel stripes and a small dense ball: k-means cuts the stripes across.
    fn stripes(n: usize) -> (Matrix, Vec<u32>) {
        let long = [3.0, 0.0, 0.0, 0.2];
        let laws = [
            (4, [0.0, 0.0], long),
            (3, [0.0, 2.0], long),
            (2, [0.0, 4.0], long),
            (1, [0.0, 6.5], [0.1, 0.0, 0.0, 0.1]),
        ];
        clouds(n, &laws, 5)
    }

    /// Two round clouds far apart and a third with a tilt.
    fn apart(n: usize) -> (Matrix, Vec<u32>) {
        let round = [1.0, 0.0, 0.0, 1.0];
        clouds(n, &[(5, [0.0, 0.0], round), (3, [20.0, 0.0], round), (2, [0.0, 30.0], [2.0, 0.0, 1.5, 0.5])], 3)
    }

    fn by_hand(row: &[f64], weights: &[f64], means: &[[f64; 2]], covariances: &[[f64; 3]]) -> Vec<f64> {
        let laws = weights.iter().zip(means).zip(covariances);
        laws.map(|((w, m), [a, b, c])| {
            let (x, y, det) = (row[0] - m[0], row[1] - m[1], a * c - b * b);
            let squared = (c * x * x - 2.0 * b * x * y + a * y * y) / det;
            w * (-squared / 2.0).exp() / (2.0 * std::f64::consts::PI * det.sqrt())
        })
        .collect()
    }

    #[test]
    fn long_clouds_are_found_where_k_means_cuts_them() {
        let (data, truth) = stripes(3000);
        let fitted = fit(&data, &Params { starts: 8, ..Params::new(4, 1) }).unwrap();
        let round = kmeans::fit(&data, &kmeans::Params { starts: 8, ..kmeans::Params::new(4, 1) }).unwrap();
        assert!(adjusted_rand(&round.labels, &truth) < 0.5);
        assert!(fitted.converged && adjusted_rand(&fitted.labels, &truth) > 0.99);
        assert!((fitted.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(fitted.sizes.windows(2).all(|w| w[0] >= w[1]) && fitted.sizes.iter().sum::<usize>() == 3000);
        // The largest is the first stripe: mean 0, variances 9 and .04, within four standard errors of 1,200 rows.
        let found = fitted.covariances.row(0);
        assert!((found[0] - 9.0).abs() < 4.0 * 9.0 * (2.0_f64 / 1200.0).sqrt());
        assert!((found[3] - 0.04).abs() < 4.0 * 0.04 * (2.0_f64 / 1200.0).sqrt() + 1e-4);
    }

    #[test]
    fn densities_are_those_of_the_formula() {
        let (weights, means) = ([0.7, 0.3], [[0.0, 1.0], [2.0, -1.0]]);
        let covariances = [[2.0, 0.6, 1.0], [0.5, -0.2, 0.3]];
        let full: Vec<f64> = covariances.iter().flat_map(|&[a, b, c]| [a, b, b, c]).collect();
        let fitted = Fitted {
            weights: weights.to_vec(),
            means: Matrix::new(2, 2, means.concat()).unwrap(),
            covariances: Matrix::new(2, 4, full).unwrap(),
            ..fit(&apart(100).0, &Params::new(2, 1)).unwrap()
        };
        let data = Matrix::new(3, 2, vec![0.5, 0.5, 1.5, -0.5, 1.0, 0.2]).unwrap();
        let shares = fitted.responsibilities(&data).unwrap();
        for i in 0..3 {
            let parts = by_hand(data.row(i), &weights, &means, &covariances);
            let total: f64 = parts.iter().sum();
            assert!(shares.row(i).iter().zip(&parts).all(|(s, p)| (s - p / total).abs() < 1e-12));
            assert_eq!(fitted.assign(&data).unwrap()[i], u32::from(parts[1] > parts[0]));
        }
        // And the likelihood and the criterion of a fit are those of its own parameters.
        let (data, _) = stripes(500);
        let f = fit(&data, &Params::new(2, 1)).unwrap();
        let covariances: Vec<[f64; 3]> = (0..2).map(|c| f.covariances.row(c)).map(|s| [s[0], s[1], s[3]]).collect();
        let means: Vec<[f64; 2]> = (0..2).map(|c| [f.means.get(c, 0), f.means.get(c, 1)]).collect();
        let total: f64 =
            (0..500).map(|i| by_hand(data.row(i), &f.weights, &means, &covariances).iter().sum::<f64>().ln()).sum();
        assert!((f.log_likelihood - total / 500.0).abs() < 1e-10);
        assert!((f.bic - (11.0 * 500_f64.ln() - 2.0 * total)).abs() < 1e-6);
    }

    #[test]
    fn the_likelihood_never_falls() {
        let (data, _) = stripes(1000);
        let mut last = f64::NEG_INFINITY;
        for max_iterations in 1..40 {
            let now = fit(&data, &Params { starts: 1, max_iterations, tolerance: 1e-12, ..Params::new(5, 2) }).unwrap();
            assert!(now.log_likelihood >= last - 1e-9 && !now.converged);
            last = now.log_likelihood;
        }
    }

    #[test]
    fn the_same_bytes_again_on_any_threads_and_through_json() {
        let (data, _) = stripes(9000);
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fit(&data, &Params::new(4, 5)).unwrap())
        };
        let fitted = on(1);
        assert!(fitted == on(2) && fitted == on(1));
        assert_eq!(fitted.assign(&data).unwrap(), fitted.labels);
        let text = serde_json::to_string(&fitted).unwrap();
        let back: Fitted = serde_json::from_str(&text).unwrap();
        assert_eq!(back.assign(&data).unwrap(), fitted.labels);
        assert_eq!(back.responsibilities(&data).unwrap(), fitted.responsibilities(&data).unwrap());
        assert_eq!(Fitted { labels: fitted.labels.clone(), ..back }, fitted);
    }

    #[test]
    fn neither_order_nor_copies_nor_place_change_the_partition() {
        let (data, truth) = apart(600);
        let fitted = fit(&data, &Params::new(3, 1)).unwrap();
        assert_eq!(fitted.labels, truth);
        let turned: Vec<usize> = (0..600).map(|i| i * 349 % 600).collect();
        let other = fit(&data.select_rows(&turned), &Params::new(3, 1)).unwrap();
        assert!(turned.iter().zip(&other.labels).all(|(&i, &label)| label == fitted.labels[i]));
        let twice: Vec<usize> = (0..1200).map(|i| i / 2).collect();
        let doubled = fit(&data.select_rows(&twice), &Params::new(3, 1)).unwrap();
        assert!(twice.iter().zip(&doubled.labels).all(|(&i, &label)| label == fitted.labels[i]));
        assert!((doubled.log_likelihood - fitted.log_likelihood).abs() < 1e-9);
        // A million away from the origin: squares would lose twelve digits of a variance of 1.
        let far = Matrix::new(600, 2, data.values().iter().map(|v| v + 1e6).collect()).unwrap();
        let moved = fit(&far, &Params::new(3, 1)).unwrap();
        assert_eq!(moved.labels, fitted.labels);
        assert!((moved.log_likelihood - fitted.log_likelihood).abs() < 1e-6);
    }

    #[test]
    fn poor_data_are_fitted_or_refused_with_a_reason() {
        let (data, truth) = apart(600);
        let constant: Vec<f64> = (0..600).flat_map(|i| [data.get(i, 0), 7.0, data.get(i, 1)]).collect();
        let fitted = fit(&Matrix::new(600, 3, constant).unwrap(), &Params::new(3, 1)).unwrap();
        assert_eq!(fitted.labels, truth);
        assert!((fitted.covariances.get(0, 4) - 1e-4).abs() < 1e-12);
        let one = fit(&Matrix::new(1, 1, vec![4.0]).unwrap(), &Params::new(1, 1)).unwrap();
        assert!(
            one.labels == [0] && (one.log_likelihood + 0.5 * (2.0 * std::f64::consts::PI * 1e-4).ln()).abs() < 1e-12
        );
        let equal = Matrix::new(50, 2, vec![3.0; 100]).unwrap();
        assert_eq!(fit(&equal, &Params::new(1, 1)).unwrap().sizes, [50]);
        assert!(matches!(fit(&equal, &Params::new(2, 1)), Err(Error::TooFew { needed: 2, found: 1, .. })));
        assert!(matches!(fit(&equal, &Params::new(51, 1)), Err(Error::TooFew { needed: 51, found: 50, .. })));
        for bad in [f64::NAN, f64::INFINITY] {
            let data = Matrix::new(2, 2, vec![0.0, 1.0, bad, 2.0]).unwrap();
            let place = |e| matches!(e, Error::NotFinite { row: 1, column: 0, .. });
            assert!(place(fit(&data, &Params::new(1, 1)).unwrap_err()));
            assert!(place(fitted_two().assign(&data).unwrap_err()));
        }
        let large = Matrix::new(2, 1, vec![0.0, 1e200]).unwrap();
        assert!(matches!(fit(&large, &Params::new(1, 1)), Err(Error::Degenerate { .. })));
        assert!(fitted_two().assign(&Matrix::new(1, 3, vec![0.0; 3]).unwrap()).is_err());
        assert!(fit(&Matrix::new(3, 0, vec![]).unwrap(), &Params::new(1, 1)).is_err());
        let defaults = Params::new(2, 1);
        for wrong in [
            Params { k: 0, ..defaults },
            Params { starts: 0, ..defaults },
            Params { rows: 0, ..defaults },
            Params { tolerance: f64::NAN, ..defaults },
            Params { regularisation: 0.0, ..defaults },
        ] {
            assert!(matches!(fit(&equal, &wrong), Err(Error::Parameter { .. })));
        }
    }

    fn fitted_two() -> Fitted {
        fit(&apart(100).0, &Params::new(2, 1)).unwrap()
    }

    #[test]
    fn a_row_forty_deviations_away_has_a_likelihood() {
        // exp(-800) is zero in f64: without log-sum-exp every responsibility of this row would be NaN.
        let fitted = fitted_two();
        let data = Matrix::new(2, 2, vec![4e3, -4e3, 1e9, 1e9]).unwrap();
        let shares = fitted.responsibilities(&data).unwrap();
        assert!((0..2).all(|i| (shares.row(i).iter().sum::<f64>() - 1.0).abs() < 1e-12));
        let mut values = apart(600).0.values().to_vec();
        values[..2].copy_from_slice(&[4e3, 4e3]);
        let outlying = fit(&Matrix::new(600, 2, values).unwrap(), &Params::new(4, 1)).unwrap();
        assert_eq!(outlying.sizes[3], 1);
    }

    #[test]
    fn a_sample_stands_for_all_rows() {
        let (data, truth) = stripes(6000);
        let fitted = fit(&data, &Params { rows: 1500, starts: 8, ..Params::new(4, 1) }).unwrap();
        assert_eq!((fitted.rows_fitted, fitted.labels.len(), fitted.sizes.iter().sum()), (1500, 6000, 6000));
        assert!(adjusted_rand(&fitted.labels, &truth) > 0.98);
        assert_eq!(sample(10, 10, 1, "t"), (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn the_least_criterion_finds_the_number_of_clouds() {
        let (data, truth) = stripes(3000);
        let choice = choose_k(&data, 2, 6, &Params { starts: 8, ..Params::new(1, 1) }).unwrap();
        assert_eq!((choice.k, choice.candidates.len()), (4, 5));
        assert!(adjusted_rand(&choice.fitted.labels, &truth) > 0.99);
        assert!(choice.reason.starts_with("K = 4 has the least BIC, "), "{}", choice.reason);
        let few = Matrix::new(4, 1, vec![0.0, 0.0, 9.0, 9.0]).unwrap();
        let ended = choose_k(&few, 2, 5, &Params::new(1, 1)).unwrap();
        assert_eq!((ended.k, ended.candidates.len()), (2, 1));
        assert!(ended.reason.starts_with("K = 2 was the only one possible"));
        assert!(choose_k(&few, 3, 5, &Params::new(1, 1)).is_err());
        assert!(choose_k(&few, 0, 5, &Params::new(1, 1)).is_err() && choose_k(&few, 3, 2, &Params::new(1, 1)).is_err());
    }
}

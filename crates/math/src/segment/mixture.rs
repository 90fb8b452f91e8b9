//! A Gaussian mixture: groups that may be long, tilted, large or small, and overlap, by maximum likelihood.
//!
//! Model: a row is drawn from component `c` with probability `w_c` and then from a normal law with mean `m_c` and full
//! covariance `S_c`; `p(x) = sum_c w_c N(x; m_c, S_c)`. Expectation and maximisation (Dempster, Laird and Rubin 1977;
//! Bishop 2006, section 9.2.2) alternate responsibilities `r_c(x) = w_c N(x; m_c, S_c) / p(x)` and the weighted means and
//! covariances under them; the likelihood never falls but by the regularisation. Sums of densities are taken as
//! log-sum-exp, so a row forty standard deviations away is as good as any other.
//!
//! The first start begins at k-means, the others at rows drawn by k-means++ with the covariance of all rows, which often
//! end higher. Each climbs until it gains little, and the likeliest climbs on (Biernacki, Celeux and Govaert 2003). The number
//! of components is chosen by the least Bayes information criterion (Schwarz 1978), `BIC = p ln n - 2 sum_i ln p(x_i)` with
//! `p = k - 1 + k d + k d (d + 1) / 2` parameters. Chunks of a fixed number of rows are summed in their order: the bytes
//! depend on the seed and not on the threads. Components are numbered by size, the largest first.
//!
//! Limits: columns should be on one footing (see `scale`), for the regularisation is in their squared units; heavy tails
//! and values on a grid are covered by more components than they have groups; a local maximum.

mod gaussian;
#[cfg(test)]
pub(super) mod tests;

use gaussian::{Law, Work, laws, maximise, over_chunks};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::kmeans;
use super::panel::CHUNK;
use super::seeding::seeds;
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
    /// Independent starts, at least 1; the first alone is k-means.
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
    /// Eight starts of at most 300 iterations on at most 20,000 rows. The regularisation is a hundredth of a standard
    /// deviation, squared, for standardised columns: finer differences mean nothing.
    #[must_use]
    pub fn new(k: usize, seed: u64) -> Self {
        Self { k, starts: 8, max_iterations: 300, tolerance: 1e-4, regularisation: 1e-4, rows: 20_000, seed }
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
        sampled =
            data.select_rows(&rng::sample(n, params.rows, &mut rng::stream(params.seed, "segment/mixture/rows", 0)));
        &sampled
    } else {
        data
    };
    let mut best: Option<State> = None;
    for start in 0..params.starts as u64 {
        let begun = if start == 0 { from_k_means(rows, params) } else { from_rows(rows, params, start) };
        match begun.and_then(|state| climb(state, rows, params, 10.0 * params.tolerance)) {
            Ok(end) if best.as_ref().is_none_or(|b| end.log_likelihood > b.log_likelihood) => best = Some(end),
            // A start that loses a component is no answer; another may be.
            Ok(_) | Err(Error::Degenerate { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    let reason = "every start lost a component or its covariance: ask for fewer components or more regularisation";
    let best = best.ok_or(Error::Degenerate { what: WHAT, reason })?;
    let mut fitted = climb(best, rows, params, params.tolerance)?.into_fitted(rows)?;
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
/// assert_eq!(choice.reason, "K = 2 has the least BIC, 46.4; the next best is K = 3 with 52.6.");
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
    let first = format!("K = {k} has the least BIC, {:.1}", fitted.bic);
    let reason = match next {
        None => format!("K = {k} was the only one possible (BIC {:.1}).", fitted.bic),
        // The criterion still falls at the end of the range: values on a grid or heavy tails ask for ever more.
        Some(c) if k == k_max => {
            format!(
                "{first}, and is the greatest tried: more may be better still; next is K = {} with {:.1}.",
                c.k, c.bic
            )
        }
        Some(c) => format!("{first}; the next best is K = {} with {:.1}.", c.k, c.bic),
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

/// Where a start has come to.
struct State {
    weights: Vec<f64>,
    means: Vec<f64>,
    covariances: Vec<f64>,
    log_likelihood: f64,
    iterations: usize,
    converged: bool,
}

impl State {
    fn new(weights: Vec<f64>, means: Vec<f64>, covariances: Vec<f64>) -> Self {
        Self { weights, means, covariances, log_likelihood: f64::NEG_INFINITY, iterations: 0, converged: false }
    }

    fn into_fitted(self, data: &Matrix) -> Result<Fitted> {
        let (n, d, k) = (data.n_rows(), data.n_cols(), self.weights.len());
        let free = (k - 1 + k * d + k * d * (d + 1) / 2) as f64;
        Ok(Fitted {
            weights: self.weights,
            means: Matrix::new(k, d, self.means)?,
            covariances: Matrix::new(k, d * d, self.covariances)?,
            log_likelihood: self.log_likelihood,
            bic: free * (n as f64).ln() - 2.0 * self.log_likelihood * n as f64,
            rows_fitted: n,
            sizes: vec![0; k],
            iterations: self.iterations,
            converged: self.converged,
            labels: Vec::new(),
        })
    }
}

/// Expectation and maximisation until an iteration gains less than `tolerance` or the iterations are spent.
fn climb(mut state: State, data: &Matrix, params: &Params, tolerance: f64) -> Result<State> {
    let (n, d, k) = (data.n_rows(), data.n_cols(), params.k);
    // One that comes back to climb on must not take its own likelihood for a standstill.
    state.log_likelihood = f64::NEG_INFINITY;
    loop {
        let laws = laws(&state.weights, &state.means, &state.covariances, d)?;
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
        let before = std::mem::replace(&mut state.log_likelihood, sums.log_likelihood / n as f64);
        state.converged = (state.log_likelihood - before).abs() < tolerance;
        if state.converged || state.iterations == params.max_iterations {
            return Ok(state);
        }
        state.iterations += 1;
        (state.weights, state.covariances) = maximise(&sums, &mut state.means, n, params.regularisation)?;
    }
}

/// Weights, means and covariances of the groups of k-means.
fn from_k_means(data: &Matrix, params: &Params) -> Result<State> {
    let d = data.n_cols();
    let seed = rng::seed_of(params.seed, "segment/mixture", 0);
    let groups = kmeans::fit(data, &kmeans::Params { starts: 1, ..kmeans::Params::new(params.k, seed) })?;
    let sums = over_chunks(data, params.k, |from, rows, sums| {
        for (row, &c) in rows.chunks_exact(d).zip(&groups.labels[from..]) {
            sums.add(c as usize, 1.0, &minus(row, groups.centroids.row(c as usize)));
        }
    });
    let mut means = groups.centroids.values().to_vec();
    let (weights, covariances) = maximise(&sums, &mut means, data.n_rows(), params.regularisation)?;
    Ok(State::new(weights, means, covariances))
}

/// Different rows as means, drawn by k-means++, each with the covariance of all rows and the same weight.
fn from_rows(data: &Matrix, params: &Params, start: u64) -> Result<State> {
    let (n, d, k) = (data.n_rows(), data.n_cols(), params.k);
    let means = seeds(data, k, params.seed, start)?;
    let mut centre = data.row(0).to_vec();
    let from = centre.clone();
    let sums = over_chunks(data, 1, |_, rows, sums| {
        rows.chunks_exact(d).for_each(|row| sums.add(0, 1.0, &minus(row, &from)));
    });
    let (_, covariance) = maximise(&sums, &mut centre, n, params.regularisation)?;
    Ok(State::new(vec![1.0 / k as f64; k], means, covariance.repeat(k)))
}

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(x, y)| x - y).collect()
}

/// Renumbers the components by size, the largest first; between equals by mean.
fn largest_first(fitted: &mut Fitted) {
    let order = kmeans::largest_first(&fitted.means, &mut fitted.sizes, &mut fitted.labels);
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

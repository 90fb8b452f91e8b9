//! Ridge-penalised logistic regression whose penalty is chosen by cross-validation over customers.
//!
//! Question: how far do weighted sums of the features alone tell who leaves?
//!
//! Model: `P(y = 1 | x) = sigmoid(b0 + sum_j b_j z_j)` with `z_j = (x_j - mean_j) / sd_j`, minimising
//! `-(1/W) sum_i w_i log L_i + (lambda/2) sum_j b_j^2` (the intercept is free), by Newton's method, which is
//! iteratively reweighted least squares (McCullagh and Nelder 1989, section 4.4; Hoerl and Kennard 1970 for the
//! penalty; le Cessie and van Houwelingen 1992 for both together).
//!
//! The penalty: K folds that never divide a group (customer), the out-of-fold log-loss on a descending grid, and
//! either its minimum or the largest penalty within one standard error of it (Breiman et al. 1984; the default).
//!
//! Domain: features real or NaN; a missing value takes the feature's weighted training median, without an indicator.
//! A feature that is constant or wholly missing gets the coefficient 0. Limits: monotone and additive on the log-odds;
//! heavy-tailed features want a transform before they come here.

use rand::Rng;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::num::{Matrix, argsort, require_len};
use crate::optim::solve_spd;
use crate::rng::stream;

/// Which penalty of the grid is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The one with the least out-of-fold log-loss.
    Minimum,
    /// The largest one within one standard error of the least.
    OneStandardError,
}

/// How the penalty is chosen and the likelihood climbed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// Penalties to try, each > 0; one alone is taken without cross-validation.
    pub penalties: Vec<f64>,
    /// Folds, at least 2.
    pub folds: usize,
    /// Which penalty wins.
    pub rule: Rule,
    /// Newton steps allowed in one fit.
    pub max_steps: usize,
    /// Seed of the assignment of groups to folds.
    pub seed: u64,
}

impl Default for Params {
    /// Ten penalties from 1 to 10^-5 by factors of 3.6, five folds, one standard error.
    fn default() -> Self {
        let penalties = (0..10).map(|k| 10.0_f64.powf(-5.0 * f64::from(k) / 9.0)).collect();
        Self { penalties, folds: 5, rule: Rule::OneStandardError, max_steps: 50, seed: 7 }
    }
}

/// One penalty's out-of-fold record.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PathPoint {
    /// The penalty.
    pub penalty: f64,
    /// Mean log-loss over the folds, in nats.
    pub log_loss: f64,
    /// Its standard error over the folds.
    pub standard_error: f64,
}

/// A fitted regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    medians: Vec<f64>,
    means: Vec<f64>,
    /// Standard deviations; 0 marks a feature that says nothing.
    deviations: Vec<f64>,
    /// Log-odds at the mean of every feature.
    pub intercept: f64,
    /// Log-odds per standard deviation of each feature.
    pub coefficients: Vec<f64>,
    /// The penalty that was taken.
    pub penalty: f64,
    /// The cross-validation's record, largest penalty first; empty when one penalty was given.
    pub path: Vec<PathPoint>,
    /// Newton steps of the final fit.
    pub steps: usize,
}

/// Training rows: features, outcome, the customer of each row, and weights (class or sample).
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// Features, NaN = missing.
    pub features: &'a Matrix,
    /// The outcome.
    pub positive: &'a [bool],
    /// The customer of each row; rows of one customer stay in one fold.
    pub groups: &'a [u64],
    /// Weights >= 0, all 1 without.
    pub weights: Option<&'a [f64]>,
}

/// Weights that give both classes the same total, with mean 1.
///
/// # Errors
/// [`Error::Degenerate`] when one class is missing.
///
/// ```
/// let weights = tenure_math::churn::logistic::balanced_weights(&[true, false, false, false])?;
/// assert_eq!(weights, [2.0, 2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0]);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn balanced_weights(positive: &[bool]) -> Result<Vec<f64>> {
    let positives = positive.iter().filter(|p| **p).count();
    let negatives = positive.len() - positives;
    if positives == 0 || negatives == 0 {
        return Err(Error::Degenerate { what: "class weights", reason: "the outcomes have one class only" });
    }
    let half = positive.len() as f64 / 2.0;
    Ok(positive.iter().map(|&p| half / if p { positives as f64 } else { negatives as f64 }).collect())
}

/// Chooses the penalty and fits all rows with it.
///
/// # Errors
/// [`Error::Parameter`] for parameters and weights, [`Error::Shape`] for lengths, [`Error::NotFinite`] for an infinite
/// feature, [`Error::Degenerate`] when the rows or those outside a fold have one class only, [`Error::TooFew`] for
/// fewer groups than folds, [`Error::NotConverged`] from Newton's method.
pub fn fit(rows: &Rows<'_>, params: &Params) -> Result<Fitted> {
    let n = rows.features.n_rows();
    require_len("outcomes", n, rows.positive.len())?;
    require_len("groups", n, rows.groups.len())?;
    let weights = check_weights(rows.weights, n)?;
    if let Some(at) = rows.features.values().iter().position(|v| v.is_infinite()) {
        let p = rows.features.n_cols();
        return Err(Error::NotFinite { what: "features", row: at / p, column: at % p });
    }
    if let Some(&value) = params.penalties.iter().find(|v| !(**v > 0.0 && v.is_finite())) {
        return Err(Error::Parameter { name: "penalty", value, expected: "a finite value > 0" });
    }
    if params.penalties.is_empty() || params.folds < 2 {
        return Err(Error::Parameter {
            name: "folds",
            value: params.folds as f64,
            expected: "at least 2, and a penalty",
        });
    }
    let mut penalties = params.penalties.clone();
    penalties.sort_by(|a, b| b.total_cmp(a));
    let path = if penalties.len() == 1 { Vec::new() } else { cross_validate(rows, &weights, &penalties, params)? };
    let penalty = choose(&path, params.rule).unwrap_or(penalties[0]);

    let scaling = Scaling::fit(rows.features, &weights);
    let z = scaling.apply(rows.features)?;
    let all: Vec<usize> = (0..n).collect();
    let mut beta = vec![0.0; z.n_cols() + 1];
    let steps = newton(&z, rows.positive, &weights, &all, penalty, params.max_steps, &mut beta)?;
    Ok(Fitted {
        medians: scaling.medians,
        means: scaling.means,
        deviations: scaling.deviations,
        intercept: beta[0],
        coefficients: beta[1..].to_vec(),
        penalty,
        path,
        steps,
    })
}

impl Fitted {
    /// The probability of each row.
    ///
    /// # Errors
    /// [`Error::Shape`] when the columns differ from training, [`Error::NotFinite`] for an infinite feature.
    pub fn predict(&self, features: &Matrix) -> Result<Vec<f64>> {
        let parts = self.contributions(features)?;
        Ok((0..parts.n_rows()).map(|i| sigmoid(parts.row(i).iter().sum())).collect())
    }

    /// What each feature adds to each row's log-odds relative to the average customer, and the intercept last: the
    /// exact Shapley values of a linear model with independent features.
    ///
    /// # Errors
    /// As [`Fitted::predict`].
    pub fn contributions(&self, features: &Matrix) -> Result<Matrix> {
        let p = self.coefficients.len();
        require_len("feature columns", p, features.n_cols())?;
        let mut values = Vec::with_capacity(features.n_rows() * (p + 1));
        for i in 0..features.n_rows() {
            for (j, &raw) in features.row(i).iter().enumerate() {
                if raw.is_infinite() {
                    return Err(Error::NotFinite { what: "features", row: i, column: j });
                }
                let x = if raw.is_nan() { self.medians[j] } else { raw };
                let constant = self.deviations[j] <= 0.0;
                values.push(if constant {
                    0.0
                } else {
                    self.coefficients[j] * (x - self.means[j]) / self.deviations[j]
                });
            }
            values.push(self.intercept);
        }
        Matrix::new(features.n_rows(), p + 1, values)
    }

    /// The intercept and the log-odds per unit of each feature.
    #[must_use]
    pub fn original_units(&self) -> (f64, Vec<f64>) {
        let slope = |j: usize| if self.deviations[j] > 0.0 { self.coefficients[j] / self.deviations[j] } else { 0.0 };
        let slopes: Vec<f64> = (0..self.coefficients.len()).map(slope).collect();
        let shift: f64 = slopes.iter().zip(&self.means).map(|(b, m)| b * m).sum();
        (self.intercept - shift, slopes)
    }
}

/// Medians for what is missing, then mean 0 and deviation 1.
struct Scaling {
    medians: Vec<f64>,
    means: Vec<f64>,
    deviations: Vec<f64>,
}

impl Scaling {
    fn fit(features: &Matrix, weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let (mut medians, mut means, mut deviations) = (Vec::new(), Vec::new(), Vec::new());
        for j in 0..features.n_cols() {
            let mut column = features.column(j);
            let median = weighted_median(&column, weights);
            for v in column.iter_mut().filter(|v| v.is_nan()) {
                *v = median;
            }
            let mean = column.iter().zip(weights).map(|(v, w)| w * v).sum::<f64>() / total;
            let variance = column.iter().zip(weights).map(|(v, w)| w * (v - mean).powi(2)).sum::<f64>() / total;
            // A spread that is rounding noise beside the values themselves is a constant.
            let noise = 1e-12 * (1.0 + mean.abs());
            medians.push(median);
            means.push(mean);
            deviations.push(if variance.sqrt() > noise { variance.sqrt() } else { 0.0 });
        }
        Self { medians, means, deviations }
    }

    fn apply(&self, features: &Matrix) -> Result<Matrix> {
        let mut z = Vec::with_capacity(features.values().len());
        for i in 0..features.n_rows() {
            for (j, &raw) in features.row(i).iter().enumerate() {
                let x = if raw.is_nan() { self.medians[j] } else { raw };
                z.push(if self.deviations[j] > 0.0 { (x - self.means[j]) / self.deviations[j] } else { 0.0 });
            }
        }
        Matrix::new(features.n_rows(), features.n_cols(), z)
    }
}

/// The value at which half the weight of the values that are not missing is reached (0 when all are missing).
fn weighted_median(values: &[f64], weights: &[f64]) -> f64 {
    let present: Vec<usize> = argsort(values).into_iter().filter(|&i| !values[i].is_nan()).collect();
    let half = present.iter().map(|&i| weights[i]).sum::<f64>() / 2.0;
    let mut reached = 0.0;
    for (k, &i) in present.iter().enumerate() {
        reached += weights[i];
        if reached > half {
            return values[i];
        }
        if reached >= half {
            return present.get(k + 1).map_or(values[i], |&next| 0.5 * (values[i] + values[next]));
        }
    }
    0.0
}

fn cross_validate(rows: &Rows<'_>, weights: &[f64], penalties: &[f64], params: &Params) -> Result<Vec<PathPoint>> {
    let fold = folds(rows.groups, params)?;
    let losses: Vec<Result<Vec<f64>>> = (0..params.folds)
        .into_par_iter()
        .map(|k| {
            let (train, held): (Vec<usize>, Vec<usize>) = (0..fold.len()).partition(|&i| fold[i] != k);
            // The scaling belongs to the fit: what is held out must not shape it.
            let train_weights: Vec<f64> = train.iter().map(|&i| weights[i]).collect();
            let z = Scaling::fit(&rows.features.select_rows(&train), &train_weights).apply(rows.features)?;
            let held_weight: f64 = held.iter().map(|&i| weights[i]).sum();
            if held_weight <= 0.0 {
                return Err(Error::Degenerate { what: "cross-validation", reason: "a fold has no weight" });
            }
            let mut beta = vec![0.0; z.n_cols() + 1];
            penalties
                .iter()
                .map(|&penalty| {
                    newton(&z, rows.positive, weights, &train, penalty, params.max_steps, &mut beta)?;
                    Ok(likelihood_loss(&z, rows.positive, weights, &held, &beta) / held_weight)
                })
                .collect()
        })
        .collect();
    let losses = losses.into_iter().collect::<Result<Vec<_>>>()?;
    let count = params.folds as f64;
    Ok(penalties
        .iter()
        .enumerate()
        .map(|(j, &penalty)| {
            let mean = losses.iter().map(|fold| fold[j]).sum::<f64>() / count;
            let variance = losses.iter().map(|fold| (fold[j] - mean).powi(2)).sum::<f64>() / (count - 1.0);
            PathPoint { penalty, log_loss: mean, standard_error: (variance / count).sqrt() }
        })
        .collect())
}

/// The penalty the rule takes from a path in descending order; `None` for an empty path.
fn choose(path: &[PathPoint], rule: Rule) -> Option<f64> {
    let best = path.iter().min_by(|a, b| a.log_loss.total_cmp(&b.log_loss))?;
    Some(match rule {
        Rule::Minimum => best.penalty,
        Rule::OneStandardError => {
            let within = |p: &&PathPoint| p.log_loss <= best.log_loss + best.standard_error;
            path.iter().find(within).map_or(best.penalty, |p| p.penalty)
        }
    })
}

/// The fold of each row: distinct groups in ascending order, shuffled, dealt out in turn.
fn folds(groups: &[u64], params: &Params) -> Result<Vec<usize>> {
    let mut distinct = groups.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < params.folds {
        return Err(Error::TooFew { what: "cross-validation groups", needed: params.folds, found: distinct.len() });
    }
    let mut random = stream(params.seed, "churn/logistic/folds", 0);
    let mut place: Vec<usize> = (0..distinct.len()).collect();
    for i in (1..place.len()).rev() {
        let j = ((u128::from(random.next_u64()) * (i as u128 + 1)) >> 64) as usize;
        place.swap(i, j);
    }
    let position = |g: &u64| place[distinct.partition_point(|d| d < g)];
    Ok(groups.iter().map(|g| position(g) % params.folds).collect())
}

/// Climbs the penalised likelihood of `rows` from `beta` (intercept first), in place; returns the steps taken.
fn newton(
    z: &Matrix,
    positive: &[bool],
    weights: &[f64],
    rows: &[usize],
    penalty: f64,
    max_steps: usize,
    beta: &mut [f64],
) -> Result<usize> {
    let d = beta.len();
    let total: f64 = rows.iter().map(|&i| weights[i]).sum();
    let positives: f64 = rows.iter().filter(|&&i| positive[i]).map(|&i| weights[i]).sum();
    if positives <= 0.0 || positives >= total {
        return Err(Error::Degenerate { what: "logistic regression", reason: "the outcomes have one class only" });
    }
    let objective = |beta: &[f64]| {
        let ridge: f64 = beta[1..].iter().map(|b| b * b).sum();
        likelihood_loss(z, positive, weights, rows, beta) / total + 0.5 * penalty * ridge
    };
    let mut current = objective(beta);
    for step in 1..=max_steps {
        let (mut gradient, mut hessian) = (vec![0.0; d], vec![0.0; d * d]);
        let mut x = vec![1.0; d];
        for &i in rows {
            x[1..].copy_from_slice(z.row(i));
            let p = sigmoid(x.iter().zip(beta.iter()).map(|(x, b)| x * b).sum());
            let w = weights[i] / total;
            let (g, h) = (w * (p - f64::from(positive[i])), w * p * (1.0 - p));
            for j in 0..d {
                gradient[j] += g * x[j];
                let hx = h * x[j];
                // The lower triangle is all that the solver reads.
                for (cell, xk) in hessian[j * d..=j * d + j].iter_mut().zip(&x) {
                    *cell += hx * xk;
                }
            }
        }
        for j in 1..d {
            gradient[j] += penalty * beta[j];
            hessian[j * d + j] += penalty;
        }
        let change = solve_spd(&hessian, &gradient)?;
        // Newton's decrement: half of it is what the quadratic still promises.
        let decrement: f64 = change.iter().zip(&gradient).map(|(c, g)| c * g).sum();
        if decrement < 1e-12 {
            // The objective cannot tell such steps apart any more, but Newton's last one still doubles the digits.
            for (b, c) in beta.iter_mut().zip(&change) {
                *b -= c;
            }
            return Ok(step);
        }
        let mut size = 1.0;
        loop {
            let tried: Vec<f64> = beta.iter().zip(&change).map(|(b, c)| b - size * c).collect();
            let value = objective(&tried);
            if value <= current - 1e-4 * size * decrement {
                beta.copy_from_slice(&tried);
                current = value;
                break;
            }
            size /= 2.0;
            if size < 1e-8 {
                return Err(Error::NotConverged { what: "logistic regression", iterations: step });
            }
        }
    }
    Err(Error::NotConverged { what: "logistic regression", iterations: max_steps })
}

/// The negative log-likelihood of `rows`, weighted and summed.
fn likelihood_loss(z: &Matrix, positive: &[bool], weights: &[f64], rows: &[usize], beta: &[f64]) -> f64 {
    rows.iter()
        .map(|&i| {
            let margin = beta[0] + z.row(i).iter().zip(&beta[1..]).map(|(x, b)| x * b).sum::<f64>();
            let target = if positive[i] { margin } else { 0.0 };
            weights[i] * (margin.max(0.0) + (-margin.abs()).exp().ln_1p() - target)
        })
        .sum()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn check_weights(weights: Option<&[f64]>, n: usize) -> Result<Vec<f64>> {
    let Some(weights) = weights else { return Ok(vec![1.0; n]) };
    require_len("logistic weights", n, weights.len())?;
    match weights.iter().find(|w| !(**w >= 0.0 && w.is_finite())) {
        None => Ok(weights.to_vec()),
        Some(&value) => Err(Error::Parameter { name: "logistic weight", value, expected: "a finite value >= 0" }),
    }
}

#[cfg(test)]
mod tests;

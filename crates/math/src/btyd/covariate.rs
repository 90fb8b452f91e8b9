//! Pareto/NBD with covariates that do not change: who came through which channel buys faster or leaves sooner.
//!
//! Question: how do known attributes of customers shift purchase rates and lives? Model: the Pareto/NBD of
//! [`super::pareto_nbd`], with a customer's rates multiplied by `exp(g' z)` and `exp(h' z)`:
//!
//! ```text
//! alpha_i = alpha exp(-g' z_i)        beta_i = beta exp(-h' z_i)
//! ```
//!
//! Source: Fader and Hardie, *Incorporating time-invariant covariates into the Pareto/NBD and BG/NBD models* (2007), eq. 1-4
//! and section 3. Limits: attributes must be known from the first purchase on (a channel, not a total spend);
//! coefficients describe, they do not say what a change of the attribute would bring.

use serde::{Deserialize, Serialize};

use super::fit::{Params, fit as fit_plain};
use super::history::{History, Seen};
use super::pareto_nbd::ParetoNbd;
use super::special::{digamma_rising, ln_rising};
use super::time::TimeUnit;
use super::{Model, Process, sum_parts};
use crate::error::{Error, Result};
use crate::num::{Matrix, require_len};
use crate::optim::{BfgsParams, bfgs, hessian, invert_spd};

/// The customers, row by row.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Their pasts, in `unit`s.
    pub seen: &'a [Seen],
    /// Attributes that multiply the purchase rate, one row a customer.
    pub purchase: &'a Matrix,
    /// Attributes that multiply the rate of leaving, one row a customer; no column for none.
    pub dropout: &'a Matrix,
    /// The unit of all times.
    pub unit: TimeUnit,
}

/// A coefficient: the logarithm of what one unit of the attribute multiplies a rate by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// The estimate.
    pub value: f64,
    /// Its standard error; none where the likelihood is flat.
    pub standard_error: Option<f64>,
}

/// A Pareto/NBD with covariates, fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// The process of a customer whose attributes are all 0.
    pub base: ParetoNbd,
    /// Standard errors of `r`, `alpha`, `s`, `beta`; none where the likelihood is flat.
    pub standard_errors: Option<[f64; 4]>,
    /// One for each column of `purchase`.
    pub purchase: Vec<Coefficient>,
    /// One for each column of `dropout`.
    pub dropout: Vec<Coefficient>,
    /// The unit of all times.
    pub unit: TimeUnit,
    /// The log-likelihood reached.
    pub log_likelihood: f64,
    /// The log-likelihood of the Pareto/NBD without covariates: twice the difference is chi-square under no effect.
    pub log_likelihood_without: f64,
}

/// Fits the model.
///
/// # Errors
/// [`Error::Shape`] for numbers of rows, [`Error::NotFinite`] for an attribute, [`Error::Row`] for an impossible past, those
/// of [`super::fit`], [`Error::NotConverged`].
pub fn fit(input: &Input<'_>, params: &Params) -> Result<Fitted> {
    let n = input.seen.len();
    require_len("attributes of the purchase rate", n, input.purchase.n_rows())?;
    require_len("attributes of the rate of leaving", n, input.dropout.n_rows())?;
    input.purchase.require_finite("attributes of the purchase rate")?;
    input.dropout.require_finite("attributes of the rate of leaving")?;
    let repeats: Vec<u32> = input.seen.iter().map(|seen| seen.repeats).collect();
    let last: Vec<f64> = input.seen.iter().map(|seen| seen.last).collect();
    let observed: Vec<f64> = input.seen.iter().map(|seen| seen.observed).collect();
    let history = History::new(&repeats, &last, &observed, input.unit)?;
    let plain = fit_plain(Model::ParetoNbd, &history, params)?;

    let (k, m) = (input.purchase.n_cols(), input.dropout.n_cols());
    let size = 4 + k + m;
    let mut loss = |x: &[f64], gradient: &mut [f64]| {
        if x.iter().any(|x| x.is_nan() || x.abs() > 34.0) {
            return f64::INFINITY;
        }
        let base = natural(x);
        let sum = sum_parts(n, size + 1, |i, sum| {
            let (z, w) = (input.purchase.row(i), input.dropout.row(i));
            let one = shifted(&base, z, &x[4..4 + k], w, &x[4 + k..]);
            let seen = &input.seen[i];
            let [value, by_r, by_alpha, by_s, by_beta] = one.kernel(seen);
            sum[0] += value + ln_rising(base.r, seen.repeats);
            sum[1] += (by_r + digamma_rising(base.r, seen.repeats)) * base.r;
            let (by_alpha, by_beta) = (by_alpha * one.alpha, by_beta * one.beta);
            sum[2] += by_alpha;
            sum[3] += by_s * base.s;
            sum[4] += by_beta;
            for (sum, z) in sum[5..5 + k].iter_mut().zip(z) {
                *sum -= by_alpha * z;
            }
            for (sum, w) in sum[5 + k..].iter_mut().zip(w) {
                *sum -= by_beta * w;
            }
        });
        for (g, s) in gradient.iter_mut().zip(&sum[1..]) {
            *g = -s / n as f64;
        }
        -sum[0] / n as f64
    };
    let mut start: Vec<f64> = plain.process().parameters().iter().map(|p| p.ln()).collect();
    start.resize(size, 0.0);
    let limits = BfgsParams { max_iterations: params.max_iterations, ..BfgsParams::default() };
    let found = bfgs(&mut loss, &start, &limits)?;
    if !found.converged {
        return Err(Error::NotConverged { what: "Pareto/NBD with covariates", iterations: found.iterations });
    }
    let covariance = invert_spd(&hessian(&mut loss, &found.x, 1e-4), size).ok();
    let error = |i: usize| covariance.as_ref().map(|c| (c[i * (size + 1)] / n as f64).sqrt());
    let base = natural(&found.x);
    let values = [base.r, base.alpha, base.s, base.beta];
    let coefficient = |i: usize| Coefficient { value: found.x[i], standard_error: error(i) };
    Ok(Fitted {
        base,
        standard_errors: covariance.as_ref().map(|_| std::array::from_fn(|i| values[i] * error(i).unwrap_or(0.0))),
        purchase: (4..4 + k).map(coefficient).collect(),
        dropout: (4 + k..size).map(coefficient).collect(),
        unit: input.unit,
        log_likelihood: -found.value * n as f64,
        log_likelihood_without: plain.log_likelihood(),
    })
}

impl Fitted {
    /// The process of a customer with these attributes.
    ///
    /// # Errors
    /// [`Error::Shape`] for other numbers of attributes than the fit had.
    pub fn process(&self, purchase: &[f64], dropout: &[f64]) -> Result<Process> {
        require_len("attributes of the purchase rate", self.purchase.len(), purchase.len())?;
        require_len("attributes of the rate of leaving", self.dropout.len(), dropout.len())?;
        let values = |all: &[Coefficient]| all.iter().map(|c| c.value).collect::<Vec<f64>>();
        let one = shifted(&self.base, purchase, &values(&self.purchase), dropout, &values(&self.dropout));
        Process::new(Model::ParetoNbd, &[one.r, one.alpha, one.s, one.beta])
    }
}

fn natural(x: &[f64]) -> ParetoNbd {
    ParetoNbd { r: x[0].exp(), alpha: x[1].exp(), s: x[2].exp(), beta: x[3].exp() }
}

fn shifted(base: &ParetoNbd, z: &[f64], g: &[f64], w: &[f64], h: &[f64]) -> ParetoNbd {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    ParetoNbd { alpha: base.alpha * (-dot(z, g)).exp(), beta: base.beta * (-dot(w, h)).exp(), ..*base }
}

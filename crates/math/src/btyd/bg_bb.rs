//! BG/BB: customers who may buy once at each of a number of occasions, and may leave between them.
//!
//! Question: as [`super::bg_nbd`], where buying has its dates: yearly donations, seasons, subscriptions due. Model: while it
//! stays, a customer buys at each occasion with its own probability, beta(`alpha`, `beta`) over customers; at the start of
//! each occasion it leaves with its own probability, beta(`gamma`, `delta`). After `n` occasions with `x` purchases, the
//! last at `t_x`,
//!
//! ```text
//! L = sum over the last occasion m it stayed for (t_x..n) of
//!     B(alpha+x, beta+m-x)/B(alpha,beta) * { B(gamma, delta+n)/B(gamma,delta)        m = n: it still is here
//!                                            B(gamma+1, delta+m)/B(gamma,delta)      m < n: it left after m }
//! ```
//!
//! Source: Fader, Hardie and Shang, *Customer-base analysis in a discrete-time noncontractual setting* (2010), eq. 4
//! (likelihood), 7 and 8 (counts), 11 (P(alive)), 13 (expectation), 14 (DERT). Limits: one purchase an occasion; an
//! occasion has no length, so nothing here has a unit of time.

use serde::{Deserialize, Serialize};

use super::positive;
use super::special::{digamma_rising, ln_rising};
use crate::error::{Error, Result};
use crate::num::require_len;
use crate::optim::{BfgsParams, bfgs, hessian, invert_spd};

/// Donors, members or subscribers with the same past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Occasions {
    /// Purchases at the occasions after the first one (`x`).
    pub repeats: u32,
    /// The last occasion with a purchase (`t_x`), 0 without.
    pub last: u32,
    /// Occasions there were (`n`).
    pub observed: u32,
}

impl Occasions {
    fn check(&self, row: usize) -> Result<()> {
        let reason = if self.last > self.observed {
            "the last purchase lies after the last occasion (t_x > n)"
        } else if self.repeats > self.last {
            "there are more purchases than occasions up to the last (x > t_x)"
        } else if self.repeats == 0 && self.last > 0 {
            "there is no repeat purchase, yet a last one (x = 0, t_x > 0)"
        } else {
            return Ok(());
        };
        Err(Error::Row { what: "history of occasions", row, reason })
    }
}

/// A BG/BB with known parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BgBb {
    /// First parameter of the probability to buy at an occasion.
    pub alpha: f64,
    /// Its second parameter.
    pub beta: f64,
    /// First parameter of the probability to leave before an occasion.
    pub gamma: f64,
    /// Its second parameter.
    pub delta: f64,
}

/// A BG/BB fitted to a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// The model.
    pub process: BgBb,
    /// Standard errors of `alpha`, `beta`, `gamma`, `delta`; none where the likelihood is flat.
    pub standard_errors: Option<[f64; 4]>,
    /// The log-likelihood reached.
    pub log_likelihood: f64,
    /// Customers it was fitted to.
    pub customers: f64,
    /// Iterations of the descent.
    pub iterations: usize,
}

/// Fits the model to pasts that stand for `counts` customers each.
///
/// # Errors
/// [`Error::Shape`] for lengths, [`Error::Row`] naming an impossible past, [`Error::TooFew`] without customers,
/// [`Error::Degenerate`] where nobody bought again, [`Error::NotConverged`].
pub fn fit(pasts: &[Occasions], counts: &[u64]) -> Result<Fitted> {
    require_len("counts of histories", pasts.len(), counts.len())?;
    let mut rows = Vec::with_capacity(pasts.len());
    for (row, (past, &count)) in pasts.iter().zip(counts).enumerate() {
        past.check(row)?;
        rows.push((*past, count));
    }
    rows.sort_unstable();
    let rows: Vec<(Occasions, f64)> = rows
        .chunk_by(|a, b| a.0 == b.0)
        .map(|group| (group[0].0, group.iter().map(|row| row.1).sum::<u64>() as f64))
        .filter(|row| row.1 > 0.0)
        .collect();
    let customers: f64 = rows.iter().map(|row| row.1).sum();
    if rows.is_empty() {
        return Err(Error::TooFew { what: "histories of occasions", needed: 1, found: 0 });
    }
    if rows.iter().all(|row| row.0.repeats == 0) {
        return Err(Error::Degenerate { what: "BG/BB", reason: "nobody bought a second time" });
    }
    let mut loss = |x: &[f64], g: &mut [f64]| {
        if x.iter().any(|x| x.is_nan() || x.abs() > 30.0) {
            return f64::INFINITY;
        }
        let p = BgBb { alpha: x[0].exp(), beta: x[1].exp(), gamma: x[2].exp(), delta: x[3].exp() };
        let mut sum = [0.0; 5];
        for (past, count) in &rows {
            for (sum, term) in sum.iter_mut().zip(p.score(past)) {
                *sum -= count * term / customers;
            }
        }
        for (i, natural) in [p.alpha, p.beta, p.gamma, p.delta].into_iter().enumerate() {
            g[i] = sum[i + 1] * natural;
        }
        sum[0]
    };
    let mut minima = Vec::new();
    for start in [[0.0, 0.0, -0.5, 1.0], [-1.0, 0.5, 0.5, 2.0], [1.0, 1.0, -2.0, 1.0]] {
        minima.push(bfgs(&mut loss, &start, &BfgsParams { gradient: 1e-8, ..BfgsParams::default() })?);
    }
    minima.sort_by(|a, b| a.value.total_cmp(&b.value));
    let best = minima.swap_remove(0);
    if !best.converged && best.gradient > 1e-6 {
        return Err(Error::NotConverged { what: "BG/BB", iterations: best.iterations });
    }
    let natural: Vec<f64> = best.x.iter().map(|x| x.exp()).collect();
    let process = BgBb { alpha: natural[0], beta: natural[1], gamma: natural[2], delta: natural[3] };
    let standard_errors = invert_spd(&hessian(&mut loss, &best.x, 1e-4), 4)
        .ok()
        .map(|covariance| std::array::from_fn(|i| natural[i] * (covariance[i * 5] / customers).sqrt()));
    Ok(Fitted {
        process,
        standard_errors,
        log_likelihood: -best.value * customers,
        customers,
        iterations: best.iterations,
    })
}

impl Fitted {
    /// Akaike's criterion: `2 k - 2 ln L`; smaller is better.
    #[must_use]
    pub fn aic(&self) -> f64 {
        2.0 * (4.0 - self.log_likelihood)
    }
}

impl BgBb {
    /// A model with these parameters.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless all are finite and above 0.
    pub fn new(alpha: f64, beta: f64, gamma: f64, delta: f64) -> Result<Self> {
        for (name, value) in [("alpha", alpha), ("beta", beta), ("gamma", gamma), ("delta", delta)] {
            positive(name, value)?;
        }
        Ok(Self { alpha, beta, gamma, delta })
    }

    /// `ln B(alpha+x, beta+m-x) / B(alpha,beta)`: a run of `m` occasions with `x` purchases.
    fn ln_bought(&self, x: u32, m: u32) -> f64 {
        ln_rising(self.alpha, x) + ln_rising(self.beta, m - x) - ln_rising(self.alpha + self.beta, m)
    }

    /// `ln B(gamma, delta+n) / B(gamma,delta)`: it stayed for `n` occasions.
    fn ln_stayed(&self, n: u32) -> f64 {
        ln_rising(self.delta, n) - ln_rising(self.gamma + self.delta, n)
    }

    /// `ln B(gamma+1, delta+m) / B(gamma,delta)`: it stayed for `m` and left before the next.
    fn ln_left(&self, m: u32) -> f64 {
        self.gamma.ln() + ln_rising(self.delta, m) - ln_rising(self.gamma + self.delta, m + 1)
    }

    /// The logarithms of the terms of the likelihood (eq. 4), for `m = t_x..=n`.
    fn terms(&self, past: &Occasions) -> Vec<f64> {
        (past.last..=past.observed)
            .map(|m| {
                let stays = if m == past.observed { self.ln_stayed(m) } else { self.ln_left(m) };
                self.ln_bought(past.repeats, m) + stays
            })
            .collect()
    }

    /// The log-likelihood of one customer.
    #[must_use]
    pub fn log_likelihood(&self, past: &Occasions) -> f64 {
        ln_sum(&self.terms(past))
    }

    /// The log-likelihood and its gradient in the parameters.
    fn score(&self, past: &Occasions) -> [f64; 5] {
        let terms = self.terms(past);
        let whole = ln_sum(&terms);
        let mut score = [whole, 0.0, 0.0, 0.0, 0.0];
        let (both, leave) = (self.alpha + self.beta, self.gamma + self.delta);
        for (m, term) in (past.last..=past.observed).zip(&terms) {
            let w = (term - whole).exp();
            let bought = digamma_rising(both, m);
            score[1] += w * (digamma_rising(self.alpha, past.repeats) - bought);
            score[2] += w * (digamma_rising(self.beta, m - past.repeats) - bought);
            let left = u32::from(m < past.observed);
            let stayed = digamma_rising(leave, m + left);
            score[3] += w * (f64::from(left) / self.gamma - stayed);
            score[4] += w * (digamma_rising(self.delta, m) - stayed);
        }
        score
    }

    /// P(alive at the next occasion) (eq. 11): it has not left by then.
    #[must_use]
    pub fn p_alive_next(&self, past: &Occasions) -> f64 {
        let stays = self.ln_bought(past.repeats, past.observed) + self.ln_stayed(past.observed + 1);
        (stays - self.log_likelihood(past)).exp()
    }

    /// E\[X(n)\]: purchases of a new customer at the next `n` occasions.
    #[must_use]
    pub fn expected(&self, n: u32) -> f64 {
        let stays: f64 = (1..=n).map(|t| self.ln_stayed(t).exp()).sum();
        self.alpha / (self.alpha + self.beta) * stays
    }

    /// Purchases at the `horizon` occasions after what was seen (eq. 13).
    #[must_use]
    pub fn conditional(&self, past: &Occasions, horizon: u32) -> f64 {
        let n = past.observed;
        let alive = (self.ln_bought(past.repeats, n) + self.ln_stayed(n) - self.log_likelihood(past)).exp();
        let after = Self {
            alpha: self.alpha + f64::from(past.repeats),
            beta: self.beta + f64::from(n - past.repeats),
            gamma: self.gamma,
            delta: self.delta + f64::from(n),
        };
        alive * after.expected(horizon)
    }

    /// P(X(n) = x) of a new customer at its next `n` occasions (eq. 7).
    #[must_use]
    pub fn p_count(&self, x: u32, n: u32) -> f64 {
        let ways = |m: u32| ln_rising(1.0, m) - ln_rising(1.0, x) - ln_rising(1.0, m - x);
        (x..=n)
            .map(|m| {
                let stays = if m == n { self.ln_stayed(m) } else { self.ln_left(m) };
                (ways(m) + self.ln_bought(x, m) + stays).exp()
            })
            .sum()
    }

    /// P(no purchase at the `horizon` occasions after what was seen).
    #[must_use]
    pub fn p_zero(&self, past: &Occasions, horizon: u32) -> f64 {
        let longer = Occasions { observed: past.observed + horizon, ..*past };
        (self.log_likelihood(&longer) - self.log_likelihood(past)).exp()
    }

    /// DERT (eq. 14): all purchases still to come, each occasion later counting `1 / (1 + rate)`, the next one already once.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `rate` is finite and above 0.
    pub fn dert(&self, past: &Occasions, rate: f64) -> Result<f64> {
        positive("discount rate per occasion", rate)?;
        let n = past.observed;
        let mean = (self.alpha + f64::from(past.repeats)) / (self.alpha + self.beta + f64::from(n));
        let mut weight = self.p_alive_next(past) * mean / (1.0 + rate);
        let (mut sum, mut at) = (0.0, f64::from(n) + 1.0);
        // Each term is at most 1/(1 + rate) of the one before.
        while weight > 1e-16 * sum * rate.min(1.0) {
            sum += weight;
            weight *= (self.delta + at) / (self.gamma + self.delta + at) / (1.0 + rate);
            at += 1.0;
        }
        Ok(sum)
    }
}

/// `ln sum exp` of at least one term.
fn ln_sum(terms: &[f64]) -> f64 {
    let top = terms.iter().fold(f64::NEG_INFINITY, |m, t| m.max(*t));
    top + terms.iter().map(|t| (t - top).exp()).sum::<f64>().ln()
}

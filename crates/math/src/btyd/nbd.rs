//! NBD: customers who never leave.
//!
//! Question: how much of what is seen do different purchase rates alone explain? Model: a customer buys as a Poisson
//! process of rate `l`; rates are gamma distributed over customers (shape `r`, rate `alpha`, so a mean of `r / alpha` per
//! unit of time). After `x` purchases in `T` a customer's rate is gamma(`r + x`, `alpha + T`).
//!
//! Source: Ehrenberg (1959); the conditional expectation is Morrison and Schmittlein's (1988). It is the limit of the
//! BG/NBD for `a -> 0` and of the Pareto/NBD for `beta -> infinity` at fixed `s`, and so the yardstick of
//! [`super::diagnose`]. Limits: it overstates the future wherever customers leave.

use serde::{Deserialize, Serialize};

use super::history::{History, Seen};
use super::special::{digamma_rising, ln_rising};
use super::{log_pmf, positive};
use crate::error::Result;

/// An NBD with known parameters, per unit of time of its history.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Nbd {
    /// Shape of the purchase rates.
    pub r: f64,
    /// Rate of the purchase rates, in time.
    pub alpha: f64,
}

impl Nbd {
    pub(crate) const NAMES: [&'static str; 2] = ["r", "alpha"];

    pub(crate) fn check(&self) -> Result<()> {
        positive("r", self.r)?;
        positive("alpha", self.alpha)
    }

    /// Log-likelihood and its gradient in the logarithms of the parameters:
    /// `ln Gamma(r+x) - ln Gamma(r) + r ln alpha - (r+x) ln(alpha+T)`, summed over customers.
    pub(crate) fn score(&self, history: &History) -> [f64; 3] {
        let Self { r, alpha } = *self;
        let [mut value, mut by_r] = gamma_terms(r, history);
        let mut by_alpha = 0.0;
        for &(repeats, observed, customers) in history.by_exposure() {
            let shape = r + f64::from(repeats);
            let ln = -(observed / alpha).ln_1p();
            value += customers * (shape * ln - f64::from(repeats) * alpha.ln());
            by_r += customers * ln;
            by_alpha += customers * (r / alpha - shape / (alpha + observed));
        }
        [value, by_r * r, by_alpha * alpha]
    }

    /// E\[X(t)\]: purchases of a new customer in its first `t`.
    #[must_use]
    pub fn expected(&self, t: f64) -> f64 {
        self.r / self.alpha * t
    }

    /// E\[Y(t)\]: purchases in the `t` after what was seen.
    #[must_use]
    pub fn conditional(&self, seen: &Seen, t: f64) -> f64 {
        self.after(seen).expected(t)
    }

    /// P(X(t) = n) of a new customer.
    #[must_use]
    pub fn p_count(&self, n: u32, t: f64) -> f64 {
        log_pmf(self.r, self.alpha, n, t).exp()
    }

    /// What is known of a customer after it was seen, again an NBD.
    #[must_use]
    pub fn after(&self, seen: &Seen) -> Self {
        Self { r: self.r + seen.x(), alpha: self.alpha + seen.observed }
    }
}

/// The sum over customers of `ln Gamma(r+x) - ln Gamma(r)`, and its derivative by `r`.
pub(crate) fn gamma_terms(r: f64, history: &History) -> [f64; 2] {
    let mut sum = [0.0; 2];
    for &(repeats, customers) in history.by_repeats() {
        sum[0] += customers * ln_rising(r, repeats);
        sum[1] += customers * digamma_rising(r, repeats);
    }
    sum
}

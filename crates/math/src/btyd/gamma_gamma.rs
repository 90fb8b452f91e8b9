//! Gamma-Gamma: what a customer spends per purchase.
//!
//! Question: what will a customer spend on average, given what it spent on a few purchases? Model: a customer's spends are
//! gamma(shape `p`, rate `nu`), its `nu` is gamma(`q`, `v`) over customers. After `x` purchases of mean `z`,
//!
//! ```text
//! L = Gamma(px+q) / (Gamma(px) Gamma(q)) * v^q z^(px-1) x^(px) / (v + xz)^(px+q)
//! E[M | x, z] = p (v + xz) / (px + q - 1)
//! ```
//!
//! Domain: spends above 0, in one currency. Source: Fader and Hardie, *The Gamma-Gamma model of monetary value* (2013), eq.
//! 1a and 5. Limits: spend may not depend on how often a customer buys: look at [`Fitted::correlation`] first. Where `q` is
//! not above 1 the mean over customers is infinite, and only customers with purchases have a finite one.

use serde::{Deserialize, Serialize};

use super::positive;
use super::special::{digamma, ln_gamma};
use crate::error::{Error, Result};
use crate::num::require_len;
use crate::optim::{BfgsParams, bfgs, hessian, invert_spd};

/// A Gamma-Gamma model with known parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GammaGamma {
    /// Shape of a customer's spends.
    pub p: f64,
    /// Shape of the rates over customers.
    pub q: f64,
    /// Rate of the rates over customers, in money.
    pub v: f64,
}

/// A Gamma-Gamma model fitted to spends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// The model.
    pub model: GammaGamma,
    /// Standard errors of `p`, `q`, `v`; none where the likelihood is flat.
    pub standard_errors: Option<[f64; 3]>,
    /// The log-likelihood reached.
    pub log_likelihood: f64,
    /// Customers with a repeat purchase.
    pub customers: usize,
    /// Correlation of the number of purchases with the mean spend; the model takes it for 0. None for equal customers.
    pub correlation: Option<f64>,
    /// Iterations of the descent.
    pub iterations: usize,
}

/// Fits the model to numbers of repeat purchases and their mean spends; customers without a repeat are left out.
///
/// # Errors
/// [`Error::Shape`] for lengths, [`Error::Row`] naming a spend that is not finite or not above 0, [`Error::TooFew`] for
/// fewer than 3 customers with repeats, [`Error::NotConverged`] where spends do not differ as the model says.
pub fn fit(repeats: &[u32], mean_spend: &[f64]) -> Result<Fitted> {
    require_len("mean spends", repeats.len(), mean_spend.len())?;
    let mut rows = Vec::new();
    for (row, (&x, &z)) in repeats.iter().zip(mean_spend).enumerate() {
        if x > 0 {
            if !(z > 0.0 && z.is_finite()) {
                return Err(Error::Row { what: "mean spend", row, reason: "it is not a finite value above 0" });
            }
            rows.push((x, z));
        }
    }
    let n = rows.len();
    if n < 3 {
        return Err(Error::TooFew { what: "customers with repeat purchases", needed: 3, found: n });
    }
    // Summed in ascending order, so that the order of customers does not matter; scaled to a mean of 1.
    rows.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let scale = rows.iter().map(|row| row.1).sum::<f64>() / n as f64;
    let data: Vec<(f64, f64, f64)> = rows.iter().map(|(x, z)| (f64::from(*x), z / scale, (z / scale).ln())).collect();
    let mut loss = |at: &[f64], g: &mut [f64]| {
        if at.iter().any(|x| x.is_nan() || x.abs() > 25.0) {
            return f64::INFINITY;
        }
        let (p, q, v) = (at[0].exp(), at[1].exp(), at[2].exp());
        let (mut value, mut by_p, mut by_q, mut by_v) = (0.0, 0.0, 0.0, 0.0);
        let (gamma_q, psi_q) = (ln_gamma(q), digamma(q));
        for same in data.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
            let (x, k) = (same[0].0, same.len() as f64);
            let (px, all) = (p * x, p * x + q);
            let psi_all = digamma(all);
            value += k * (ln_gamma(all) - ln_gamma(px) - gamma_q + q * v.ln() + px * x.ln());
            by_p += k * x * (psi_all - digamma(px) + x.ln());
            by_q += k * (psi_all - psi_q + v.ln());
            by_v += k * q / v;
            for (_, z, ln_z) in same {
                let total = v + x * z;
                let ln_total = total.ln();
                value += (px - 1.0) * ln_z - all * ln_total;
                by_p += x * (ln_z - ln_total);
                by_q -= ln_total;
                by_v -= all / total;
            }
        }
        let n = n as f64;
        (g[0], g[1], g[2]) = (-by_p * p / n, -by_q * q / n, -by_v * v / n);
        -value / n
    };
    let mut minima = Vec::new();
    for start in [[1.0, 1.0, 0.0], [2.0, 1.5, -1.0], [0.0, 0.5, 0.5]] {
        minima.push(bfgs(&mut loss, &start, &BfgsParams { gradient: 1e-8, ..BfgsParams::default() })?);
    }
    minima.sort_by(|a, b| a.value.total_cmp(&b.value));
    let best = minima.swap_remove(0);
    if !best.converged && best.gradient > 1e-6 {
        return Err(Error::NotConverged { what: "Gamma-Gamma", iterations: best.iterations });
    }
    let natural = [best.x[0].exp(), best.x[1].exp(), best.x[2].exp() * scale];
    let standard_errors = invert_spd(&hessian(&mut loss, &best.x, 1e-4), 3)
        .ok()
        .map(|covariance| std::array::from_fn(|i| natural[i] * (covariance[i * 4] / n as f64).sqrt()));
    Ok(Fitted {
        model: GammaGamma::new(natural[0], natural[1], natural[2])?,
        standard_errors,
        // The density of a mean spend has money in its denominator.
        log_likelihood: -best.value * n as f64 - n as f64 * scale.ln(),
        customers: n,
        correlation: correlation(&data),
        iterations: best.iterations,
    })
}

impl GammaGamma {
    /// A model with these parameters.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless all are finite and above 0.
    pub fn new(p: f64, q: f64, v: f64) -> Result<Self> {
        positive("p", p)?;
        positive("q", q)?;
        positive("v", v)?;
        Ok(Self { p, q, v })
    }

    /// E\[M | x, z\]: the expected spend per purchase of a customer with `repeats` purchases of mean `mean_spend` (eq. 5);
    /// of one without, whatever `mean_spend` says, the mean over customers.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a negative or infinite spend, [`Error::Degenerate`] where the expectation is infinite.
    ///
    /// ```
    /// use tenure_math::btyd::gamma_gamma::GammaGamma;
    /// let model = GammaGamma::new(6.25, 3.74, 15.44)?;
    /// assert!((model.expected(2, 22.35)? - 24.65).abs() < 0.02);
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    pub fn expected(&self, repeats: u32, mean_spend: f64) -> Result<f64> {
        let x = f64::from(repeats);
        let total = if repeats == 0 { 0.0 } else { x * mean_spend };
        if !(total >= 0.0 && total.is_finite()) {
            return Err(Error::Parameter { name: "mean spend", value: mean_spend, expected: "a finite value >= 0" });
        }
        let rate = self.p * x + self.q - 1.0;
        if rate <= 0.0 {
            return Err(Error::Degenerate {
                what: "expected spend",
                reason: "spends differ so much that their mean over customers is infinite (q <= 1)",
            });
        }
        Ok(self.p * (self.v + total) / rate)
    }
}

/// Pearson's correlation of purchases with mean spends.
fn correlation(rows: &[(f64, f64, f64)]) -> Option<f64> {
    let n = rows.len() as f64;
    let (mx, mz) = (rows.iter().map(|r| r.0).sum::<f64>() / n, rows.iter().map(|r| r.1).sum::<f64>() / n);
    let sum = |f: &dyn Fn(f64, f64) -> f64| rows.iter().map(|r| f(r.0 - mx, r.1 - mz)).sum::<f64>();
    let spread = (sum(&|x, _| x * x) * sum(&|_, z| z * z)).sqrt();
    (spread > 0.0).then(|| sum(&|x, z| x * z) / spread)
}

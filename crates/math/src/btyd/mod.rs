//! Buy till you die: who still is a customer where nobody says goodbye, how often will it buy, and what is it worth?
//!
//! Four models of a shop where people buy when they like, each in a file of its own: [`nbd`] (nobody leaves), [`bg_nbd`]
//! (some leave after a purchase; with it the MBG/NBD) and [`pareto_nbd`] (some leave at any time). [`bg_bb`] is for
//! occasions that come once a period, [`gamma_gamma`] for what is spent. The way through:
//!
//! ```text
//! History (x, t_x, T) -> fit -> Fitted -> p_alive | expected | conditional | p_zero | residual | clv
//! ```
//!
//! [`fit`] asks the data at once whether they know of any leaving at all ([`diagnose`]); [`Fitted::p_alive`] refuses with
//! the reason where they do not. [`Process`] is a model with known parameters and answers everything.
//!
//! Times are in one unit within a history, and every horizon, step and discount rate brings its own ([`Span`]).

pub mod bg_bb;
pub mod bg_nbd;
pub mod covariate;
pub mod diagnose;
mod fit;
pub mod gamma_gamma;
pub mod history;
pub mod nbd;
pub mod pareto_nbd;
pub mod simulate;
mod special;
pub mod time;
pub mod value;

#[cfg(test)]
mod tests;

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde::{Deserialize, Serialize};

pub use bg_nbd::{BgNbd, Chances};
pub use diagnose::{Dropout, Reason};
pub use fit::{Convergence, Estimate, Fitted, Params, fit};
pub use history::{History, Past, Row, Seen};
pub use nbd::Nbd;
pub use pareto_nbd::ParetoNbd;
pub use time::{Discount, Span, TimeUnit};
pub use value::Money;

use crate::error::{Error, Result};

/// The models of purchases at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Nobody leaves.
    Nbd,
    /// A customer may leave after each repeat purchase.
    BgNbd,
    /// A customer may leave after each purchase, the first included.
    MbgNbd,
    /// A customer may leave at any time.
    ParetoNbd,
}

impl Model {
    /// All of them, the simplest first.
    pub const ALL: [Self; 4] = [Self::Nbd, Self::BgNbd, Self::MbgNbd, Self::ParetoNbd];

    /// The name in the literature.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nbd => "NBD",
            Self::BgNbd => "BG/NBD",
            Self::MbgNbd => "MBG/NBD",
            Self::ParetoNbd => "Pareto/NBD",
        }
    }

    /// The names of its parameters, in their order.
    #[must_use]
    pub fn parameter_names(self) -> &'static [&'static str] {
        match self {
            Self::Nbd => &Nbd::NAMES,
            Self::BgNbd | Self::MbgNbd => &BgNbd::NAMES,
            Self::ParetoNbd => &ParetoNbd::NAMES,
        }
    }
}

/// A model with known parameters, per unit of time of the history they are of.
///
/// Times are plain numbers in that unit; [`Fitted`] has the same quantities with units.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Process {
    /// Nobody leaves.
    Nbd(Nbd),
    /// BG/NBD or MBG/NBD, as its `chances` say.
    BgNbd(BgNbd),
    /// Pareto/NBD.
    ParetoNbd(ParetoNbd),
}

impl Process {
    /// `model` with the parameters of [`Model::parameter_names`].
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of them, [`Error::Parameter`] unless all are finite and above 0.
    ///
    /// ```
    /// use tenure_math::btyd::{Model, Process};
    /// let process = Process::new(Model::BgNbd, &[0.243, 4.414, 0.793, 2.426])?;
    /// assert!((process.expected(3.0) - 0.150_865).abs() < 1e-6);
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    pub fn new(model: Model, parameters: &[f64]) -> Result<Self> {
        crate::num::require_len("parameters of the model", model.parameter_names().len(), parameters.len())?;
        let p = parameters;
        let process = Self::unchecked(model, p);
        match &process {
            Self::Nbd(m) => m.check()?,
            Self::BgNbd(m) => m.check()?,
            Self::ParetoNbd(m) => m.check()?,
        }
        Ok(process)
    }

    fn unchecked(model: Model, p: &[f64]) -> Self {
        let bg = |chances| Self::BgNbd(BgNbd { r: p[0], alpha: p[1], a: p[2], b: p[3], chances });
        match model {
            Model::Nbd => Self::Nbd(Nbd { r: p[0], alpha: p[1] }),
            Model::BgNbd => bg(Chances::AfterRepeats),
            Model::MbgNbd => bg(Chances::AfterFirst),
            Model::ParetoNbd => Self::ParetoNbd(ParetoNbd { r: p[0], alpha: p[1], s: p[2], beta: p[3] }),
        }
    }

    /// Which model it is.
    #[must_use]
    pub fn model(&self) -> Model {
        match self {
            Self::Nbd(_) => Model::Nbd,
            Self::BgNbd(BgNbd { chances: Chances::AfterRepeats, .. }) => Model::BgNbd,
            Self::BgNbd(BgNbd { chances: Chances::AfterFirst, .. }) => Model::MbgNbd,
            Self::ParetoNbd(_) => Model::ParetoNbd,
        }
    }

    /// Its parameters in the order of [`Model::parameter_names`].
    #[must_use]
    pub fn parameters(&self) -> Vec<f64> {
        match self {
            Self::Nbd(m) => vec![m.r, m.alpha],
            Self::BgNbd(m) => vec![m.r, m.alpha, m.a, m.b],
            Self::ParetoNbd(m) => vec![m.r, m.alpha, m.s, m.beta],
        }
    }

    /// The log-likelihood of a history, in the history's unit.
    #[must_use]
    pub fn log_likelihood(&self, history: &History) -> f64 {
        let mut gradient = [0.0; 4];
        self.score(history, &mut gradient)
    }

    /// The log-likelihood; fills its gradient in the logarithms of the parameters.
    fn score(&self, history: &History, gradient: &mut [f64]) -> f64 {
        let mut fill = |score: &[f64]| {
            for (g, s) in gradient.iter_mut().zip(&score[1..]) {
                *g = *s;
            }
            score[0]
        };
        match self {
            Self::Nbd(m) => fill(&m.score(history)),
            Self::BgNbd(m) => fill(&m.score(history)),
            Self::ParetoNbd(m) => fill(&m.score(history)),
        }
    }

    /// The log-likelihood of one customer.
    #[must_use]
    pub fn log_likelihood_of(&self, seen: &Seen) -> f64 {
        match self {
            Self::Nbd(m) => {
                special::ln_rising(m.r, seen.repeats)
                    - (m.r + seen.x()) * (seen.observed / m.alpha).ln_1p()
                    - seen.x() * m.alpha.ln()
            }
            Self::BgNbd(m) => m.log_likelihood(seen),
            Self::ParetoNbd(m) => m.log_likelihood(seen),
        }
    }

    /// P(alive) at the end of observation; 1 under the NBD, which says so of everybody.
    #[must_use]
    pub fn p_alive(&self, seen: &Seen) -> f64 {
        match self {
            Self::Nbd(_) => 1.0,
            Self::BgNbd(m) => m.p_alive(seen),
            Self::ParetoNbd(m) => m.p_alive(seen),
        }
    }

    /// E\[X(t)\]: repeat purchases of a new customer in its first `t`.
    #[must_use]
    pub fn expected(&self, t: f64) -> f64 {
        match self {
            Self::Nbd(m) => m.expected(t),
            Self::BgNbd(m) => m.expected(t),
            Self::ParetoNbd(m) => m.expected(t),
        }
    }

    /// E\[Y(t)\]: purchases in the `t` after what was seen.
    #[must_use]
    pub fn conditional(&self, seen: &Seen, t: f64) -> f64 {
        self.p_alive(seen) * self.after(seen).expected(t)
    }

    /// P(X(t) = n) of a new customer.
    #[must_use]
    pub fn p_count(&self, n: u32, t: f64) -> f64 {
        match self {
            Self::Nbd(m) => m.p_count(n, t),
            Self::BgNbd(m) => m.p_count(n, t),
            Self::ParetoNbd(m) => m.p_count(n, t),
        }
    }

    /// P(Y(t) = n): `n` purchases in the `t` after what was seen.
    #[must_use]
    pub fn p_count_after(&self, seen: &Seen, n: u32, t: f64) -> f64 {
        let alive = self.p_alive(seen);
        let gone = if n == 0 { 1.0 - alive } else { 0.0 };
        gone + alive * self.after(seen).p_count(n, t)
    }

    /// P(no purchase in the `t` after what was seen): the probability to churn, as a window of length `t` sees it.
    #[must_use]
    pub fn p_zero(&self, seen: &Seen, t: f64) -> f64 {
        self.p_count_after(seen, 0, t)
    }

    /// What is known of a customer that is alive after it was seen, as a process of its own.
    #[must_use]
    pub fn after(&self, seen: &Seen) -> Self {
        match self {
            Self::Nbd(m) => Self::Nbd(m.after(seen)),
            Self::BgNbd(m) => Self::BgNbd(m.after(seen)),
            Self::ParetoNbd(m) => Self::ParetoNbd(m.after(seen)),
        }
    }
}

/// `ln P(N(t) = n)` of a Poisson process whose rate is gamma(`r`, `alpha`): the negative binomial.
fn log_pmf(r: f64, alpha: f64, n: u32, t: f64) -> f64 {
    let silent = -r * (t / alpha).ln_1p();
    if n == 0 {
        return silent;
    }
    special::ln_rising(r, n) - special::ln_rising(1.0, n) + silent + f64::from(n) * (t / (alpha + t)).ln()
}

/// Refuses what is not a finite number above 0.
fn positive(name: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(Error::Parameter { name, value, expected: "a finite value > 0" })
    }
}

/// Sums `term` over rows, times their customers.
fn sum_rows<const K: usize>(rows: &[Row], term: impl Fn(&Row) -> [f64; K] + Sync) -> [f64; K] {
    let sum = sum_parts(rows.len(), K, |i, sum| {
        let row = &rows[i];
        for (sum, term) in sum.iter_mut().zip(term(row)) {
            *sum += row.customers * term;
        }
    });
    std::array::from_fn(|k| sum[k])
}

/// Adds up `size` sums over `0..n`: in parallel, but always the same parts in the same order.
fn sum_parts(n: usize, size: usize, add: impl Fn(usize, &mut [f64]) + Sync) -> Vec<f64> {
    const PART: usize = 512;
    let part = |i: usize| {
        let mut sum = vec![0.0; size];
        for row in i * PART..((i + 1) * PART).min(n) {
            add(row, &mut sum);
        }
        sum
    };
    if n <= PART {
        return part(0);
    }
    let parts: Vec<Vec<f64>> = (0..n.div_ceil(PART)).into_par_iter().map(part).collect();
    let mut sum = vec![0.0; size];
    for part in parts {
        for (sum, part) in sum.iter_mut().zip(part) {
            *sum += part;
        }
    }
    sum
}

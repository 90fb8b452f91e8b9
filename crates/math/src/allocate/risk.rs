//! What a plan may bring when probabilities, values and rates are wrong, and plans that mind it.
//!
//! Question: how far may the net of a plan be from what is expected, which assignments would be others under other
//! parameters, and which plan is best where the bad cases count? Model: draws `s = 1..S` of the parameters
//! ([`belief`]), `net_s(x)` what plan `x` is *expected* to bring under draw `s`. Of these numbers
//!
//! ```text
//! CVaR_a(x) = mean of the worst share a of net_s(x)
//!           = max_t  t - sum_s max(0, t - net_s(x)) / (a S)                   Rockafellar and Uryasev (2000), eq. 4
//!           = min { sum_s q_s net_s(x) : 0 <= q_s <= 1 / (a S), sum_s q_s = 1 }              (its dual)
//! ```
//!
//! Money throughout; gains are good, so CVaR is a *low* mean and `a = 1` is the mean. Which plan has the greatest CVaR
//! is found in [`robust`], which assignments are stable in [`stability`].
//!
//! **What is drawn and what is not.** A net of a draw is an expectation over customers' chances; [`Draws::outcomes`]
//! adds those chances. The budget is kept at the expected cost of the point forecast, also by the plans that mind risk;
//! with discounts the cost itself is uncertain, and a plan may then draw more or less than its budget.
//!
//! Limits: uncertainty that nobody has described is not in the draws; a CVaR of few draws (less than ten in the tail)
//! is rough, and that of the plan chosen by it is flattered on the same draws: tell it from draws of another seed.

use serde::{Deserialize, Serialize};

use super::Plan;
use crate::error::{Error, Result};
use crate::num;

pub mod belief;
pub mod draws;
mod law;
pub mod robust;
pub mod stability;
#[cfg(test)]
mod tests;

pub use belief::{RateBelief, STRENGTH, Uncertainty};
pub use draws::Draws;
pub use robust::{Params, RiskPlan};
pub use stability::Stability;

/// Draws that a distribution rests on unless somebody says otherwise.
pub const DRAWS: usize = 200;
/// Draws under which a plan is made anew unless somebody says otherwise.
pub const REOPTIMISED: usize = 50;

/// Solves the problem at hand with other nets and costs (row-major customers x offers), all limits as they are: usually
/// `|net, cost| solve(&Problem { net, cost, ..problem })`.
pub type Solver<'a> = dyn Fn(&[f64], &[f64]) -> Result<Plan> + Sync + 'a;

/// What of the uncertain net is made great.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// The net of the point forecast: the ordinary plan.
    Mean,
    /// The mean of the worst share of draws, 0 < share <= 1.
    Cvar(f64),
    /// A quantile of the draws, 0..1.
    Quantile(f64),
}

/// A decision under uncertainty.
#[derive(Clone, Copy)]
pub struct Decision<'a> {
    /// The draws.
    pub draws: &'a Draws<'a>,
    /// Whether an offer may go to a customer at all, row-major customers x offers; `None` means all may.
    pub admissible: Option<&'a [bool]>,
    /// The optimiser, with its limits.
    pub solve: &'a Solver<'a>,
}

impl Decision<'_> {
    /// Refuses a mask of another shape.
    fn check(&self) -> Result<()> {
        let expected = self.draws.customers() * self.draws.offers();
        self.admissible.map_or(Ok(()), |mask| num::require_len("admissible", expected, mask.len()))
    }

    /// Makes offers that may not be made bring a loss, which no plan takes.
    fn admit(&self, net: &mut [f64]) {
        if let Some(mask) = self.admissible {
            net.iter_mut().zip(mask).filter(|(_, may)| !**may).for_each(|(net, _)| *net = net.min(-1.0));
        }
    }
}

/// The distribution of a net, money.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// The number of draws.
    pub draws: usize,
    /// The mean.
    pub mean: f64,
    /// The standard deviation (with `draws - 1`; 0 for one draw).
    pub sd: f64,
    /// The 5 % quantile.
    pub q05: f64,
    /// The lower quartile.
    pub q25: f64,
    /// The median.
    pub q50: f64,
    /// The upper quartile.
    pub q75: f64,
    /// The 95 % quantile.
    pub q95: f64,
    /// The share of draws with a net above 0.
    pub p_positive: f64,
    /// The share of draws that `cvar` is of.
    pub alpha: f64,
    /// The mean of the worst share `alpha`.
    pub cvar: f64,
}

impl Distribution {
    /// Describes `nets`, in whatever order they are.
    ///
    /// # Errors
    /// [`Error::TooFew`] without any, [`Error::NotFinite`], [`Error::Parameter`] for an `alpha` outside 0 < alpha <= 1.
    ///
    /// ```
    /// use tenure_math::allocate::risk::Distribution;
    /// let of = Distribution::new(&[3.0, -1.0, 1.0, 5.0], 0.5)?;
    /// assert_eq!((of.mean, of.q50, of.p_positive, of.cvar), (2.0, 2.0, 0.75, 0.0));
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    pub fn new(nets: &[f64], alpha: f64) -> Result<Self> {
        let sorted = sorted(nets)?;
        let (n, mean) = (sorted.len(), mean(&sorted));
        let squares: f64 = sorted.iter().map(|v| (v - mean) * (v - mean)).sum();
        let q = |q: f64| num::quantile_sorted(&sorted, q).unwrap_or(mean);
        Ok(Self {
            draws: n,
            mean,
            sd: (squares / n.saturating_sub(1).max(1) as f64).sqrt(),
            q05: q(0.05),
            q25: q(0.25),
            q50: q(0.5),
            q75: q(0.75),
            q95: q(0.95),
            p_positive: (n - sorted.partition_point(|v| *v <= 0.0)) as f64 / n as f64,
            alpha,
            cvar: tail_mean(&sorted, alpha)?,
        })
    }
}

/// The mean of the worst share `alpha` of `nets`; where that is no whole number of draws the last counts in part
/// (Rockafellar and Uryasev 2002, proposition 8).
///
/// # Errors
/// As [`Distribution::new`].
///
/// ```
/// use tenure_math::allocate::risk::cvar;
/// assert_eq!(cvar(&[4.0, 1.0, 3.0, 2.0], 0.25)?, 1.0);
/// // One and a half draws: (1 + 2 / 2) / 1.5.
/// assert_eq!(cvar(&[4.0, 1.0, 3.0, 2.0], 0.375)?, 2.0 / 1.5);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn cvar(nets: &[f64], alpha: f64) -> Result<f64> {
    tail_mean(&sorted(nets)?, alpha)
}

/// How much each draw counts in the CVaR of `nets`: the least favourable weights; between equals the earlier draw
/// first.
fn tail_weights(nets: &[f64], alpha: f64) -> Vec<f64> {
    let tail = (alpha * nets.len() as f64).max(1.0);
    let mut weights = vec![0.0; nets.len()];
    for (rank, s) in num::argsort(nets).into_iter().enumerate() {
        weights[s] = (tail - rank as f64).clamp(0.0, 1.0) / tail;
    }
    weights
}

fn sorted(nets: &[f64]) -> Result<Vec<f64>> {
    if nets.is_empty() {
        return Err(Error::TooFew { what: "a distribution", needed: 1, found: 0 });
    }
    num::require_finite("net of a draw", nets)?;
    let mut sorted = nets.to_vec();
    sorted.sort_by(f64::total_cmp);
    Ok(sorted)
}

fn tail_mean(sorted: &[f64], alpha: f64) -> Result<f64> {
    if !(alpha > 0.0 && alpha <= 1.0) {
        return Err(Error::Parameter { name: "alpha", value: alpha, expected: "above 0, at most 1" });
    }
    let tail = (alpha * sorted.len() as f64).max(1.0);
    // From the least on: equal numbers have themselves as their mean.
    let above: f64 =
        sorted.iter().enumerate().map(|(rank, v)| (tail - rank as f64).clamp(0.0, 1.0) * (v - sorted[0])).sum();
    Ok(sorted[0] + above / tail)
}

fn mean(sorted: &[f64]) -> f64 {
    sorted[0] + sorted.iter().map(|v| v - sorted[0]).sum::<f64>() / sorted.len() as f64
}

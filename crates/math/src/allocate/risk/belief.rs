//! What is believed of the errors of a plan's inputs, and how they are drawn.
//!
//! Question: how wrong may `p`, `v` and `r` be? Model of draw `s`, with forecasts `P`, `V`, `R_k` and standard normal
//! `z`:
//!
//! ```text
//! logit p = l + sd_p z_s + sd_i z_si          l such that the mean of p is the forecast P
//! v       = V exp(shift_s) exp(t_i z'_si - t_i^2 / 2)          mean V; exp(shift_s) likewise of mean 1
//! r_k     = Beta^-1(Phi(sqrt(c) z"_s + sqrt(1 - c) z"_sk))     mean R_k; c couples the offers of one campaign
//! ```
//!
//! Forecasts are the means of their draws, and the three are drawn independently, so what is linear in each (every net
//! of a `share_of_churners` table) has the point net as its mean; for `points` the mean is a little less, because
//! `min(r, p)` is concave. The part of `p` that has left moves in proportion to `p`, and what comes back unasked in
//! proportion to `v`. A measured rate has the beta law of its mean whose standard deviation is that of its interval, an
//! assumed one the beta law of a stated strength.
//!
//! **The mean of a customer, not its outcome.** The quantiles of a forecast are of what the customer will spend. Of
//! that variance only a share ([`Uncertainty::mean_share`], 1/4 by default: half of the standard deviation) is that of
//! its mean; the rest is chance, which would remain were the mean known. The share is a judgement, not an estimate. The
//! relative deviation of the outcome is `(q90 - q10) / (2.5631 V)`, and `t_i^2 = ln(1 + share x deviation^2)`.
//!
//! Shared factors are a Latin hypercube (McKay, Beckman and Conover 1979): each factor takes every `1/S`-th of its law
//! once, so that a few hundred draws give steady means and tails. Domain: probabilities 0..1, standard deviations of
//! log-odds up to 2. Limits: errors of `p`, `v` and `r` are taken as independent of each other.

use rand::Rng;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde::{Deserialize, Serialize};

use super::law::{Beta, centred_logit, normal_cdf, normal_quantile, uniform};
use crate::allocate::expected::{Offer, OfferTable, Prospect};
use crate::error::{Error, Result};
use crate::{num, rng};

/// Standard deviations between the 10 % and the 90 % quantile of a normal law.
const NORMAL_RANGE: f64 = 2.563_103_131_089_201;
/// How strong an assumption about a rate is unless somebody says more: as if so many would-be churners had been seen.
pub const STRENGTH: f64 = 20.0;

/// How well an offer's rate is known. Its mean is the rate of the table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum RateBelief {
    /// Exactly.
    Known,
    /// Assumed: a beta law worth this many observed customers, > 0 ([`STRENGTH`] unless there is a reason).
    Assumed {
        /// `a + b` of the beta law.
        strength: f64,
    },
    /// Measured: the beta law whose standard deviation is that of an interval.
    Measured {
        /// Lower end of the interval.
        low: f64,
        /// Upper end.
        high: f64,
        /// Its coverage, 0 < level < 1.
        level: f64,
    },
}

/// What is believed of the errors of the plan's inputs.
#[derive(Debug, Clone, Copy)]
pub struct Uncertainty<'a> {
    /// Standard deviation of one shift of everybody's log-odds of leaving (how sure calibration is), 0 to 2.
    pub shared_logit_sd: f64,
    /// The same of each customer's own log-odds; `None` where only the shift is uncertain.
    pub own_logit_sd: Option<&'a [f64]>,
    /// Relative error of the level of all values (the portfolio error's standard deviation), 0 to 5.
    pub level_sd: f64,
    /// The 10 % and the 90 % quantile of each customer's outcome, money; `None` where there are none.
    pub value_quantiles: Option<(&'a [f64], &'a [f64])>,
    /// The share of the outcome's variance that is of the customer's mean, 0..1.
    pub mean_share: f64,
    /// How well each rate is known; empty where all are.
    pub rates: &'a [RateBelief],
    /// Correlation of the rates' normal scores, 0..1: one campaign works or does not.
    pub rate_correlation: f64,
}

impl Default for Uncertainty<'_> {
    /// Nothing is uncertain; the shares and the correlation have their usual values.
    fn default() -> Self {
        Self {
            shared_logit_sd: 0.0,
            own_logit_sd: None,
            level_sd: 0.0,
            value_quantiles: None,
            mean_share: 0.25,
            rates: &[],
            rate_correlation: 0.5,
        }
    }
}

/// What of a customer is the same in all draws.
pub(super) struct Person {
    /// Log-odds around which `p` is drawn; NaN where it is not drawn.
    pub(super) logit: f64,
    pub(super) own_logit_sd: f64,
    pub(super) own_log_value_sd: f64,
}

/// What of a draw is the same for all customers.
pub(super) struct Shared {
    pub(super) logit: f64,
    pub(super) level: f64,
    pub(super) offers: Vec<Offer>,
}

fn within(name: &'static str, value: f64, most: f64, expected: &'static str) -> Result<()> {
    if (0.0..=most).contains(&value) { Ok(()) } else { Err(Error::Parameter { name, value, expected }) }
}

/// What of each customer is the same in all draws.
pub(super) fn people(prospects: &[Prospect], uncertainty: &Uncertainty<'_>) -> Result<Vec<Person>> {
    let n = prospects.len();
    within("shared_logit_sd", uncertainty.shared_logit_sd, 2.0, "0 to 2")?;
    within("mean_share", uncertainty.mean_share, 1.0, "0 to 1")?;
    if let Some(own) = uncertainty.own_logit_sd {
        num::require_len("own_logit_sd", n, own.len())?;
        own.iter().try_for_each(|sd| within("own_logit_sd", *sd, 2.0, "0 to 2"))?;
    }
    if let Some((low, high)) = uncertainty.value_quantiles {
        num::require_len("q10", n, low.len())?;
        num::require_len("q90", n, high.len())?;
        num::require_finite("q10", low)?;
        num::require_finite("q90", high)?;
        if let Some(row) = (0..n).find(|&i| low[i] > high[i]) {
            return Err(Error::Row { what: "quantiles of value", row, reason: "q10 is above q90" });
        }
    }
    let person = |i: usize| {
        let of = &prospects[i];
        let own_logit_sd = uncertainty.own_logit_sd.map_or(0.0, |sd| sd[i]);
        let sd = uncertainty.shared_logit_sd.hypot(own_logit_sd);
        let drawn = sd > 0.0 && of.p_churn > 0.0 && of.p_churn < 1.0;
        let own_log_value_sd = match uncertainty.value_quantiles {
            Some((low, high)) if of.value > 0.0 => {
                let deviation = (high[i] - low[i]) / (NORMAL_RANGE * of.value);
                (uncertainty.mean_share * deviation * deviation).min(f64::MAX).ln_1p().sqrt()
            }
            _ => 0.0,
        };
        Person { logit: if drawn { centred_logit(of.p_churn, sd) } else { f64::NAN }, own_logit_sd, own_log_value_sd }
    };
    Ok((0..n).into_par_iter().map(person).collect())
}

/// What of each draw is the same for all customers.
pub(super) fn shared(
    table: &OfferTable,
    uncertainty: &Uncertainty<'_>,
    count: usize,
    seed: u64,
) -> Result<Vec<Shared>> {
    within("level_sd", uncertainty.level_sd, 5.0, "0 to 5")?;
    within("rate_correlation", uncertainty.rate_correlation, 1.0, "0 to 1")?;
    let k = table.offers.len();
    if !uncertainty.rates.is_empty() {
        num::require_len("rates", k, uncertainty.rates.len())?;
    }
    let belief = |at: usize| uncertainty.rates.get(at).copied().unwrap_or(RateBelief::Known);
    let laws: Vec<Option<Beta>> =
        (0..k).map(|at| law(belief(at), table.offers[at].rate)).collect::<Result<Vec<_>>>()?;
    let factors: Vec<Vec<f64>> = (0..k + 3).map(|factor| strata(count, seed, factor)).collect();
    let level_sd = (uncertainty.level_sd * uncertainty.level_sd).ln_1p().sqrt();
    let (common, own) = (uncertainty.rate_correlation.sqrt(), (1.0 - uncertainty.rate_correlation).sqrt());
    (0..count)
        .map(|s| {
            let mut offers = table.offers.clone();
            for (at, offer) in offers.iter_mut().enumerate() {
                if let Some(law) = &laws[at] {
                    offer.rate = law.quantile(normal_cdf(common * factors[2][s] + own * factors[3 + at][s]))?;
                }
            }
            let logit = uncertainty.shared_logit_sd * factors[0][s];
            Ok(Shared { logit, level: (level_sd * factors[1][s] - 0.5 * level_sd * level_sd).exp(), offers })
        })
        .collect()
}

/// Standard normal numbers, one in each of `count` equally probable ranges, in random order.
fn strata(count: usize, seed: u64, factor: usize) -> Vec<f64> {
    let mut stream = rng::stream(seed, "allocate/risk/shared", factor as u64);
    let mut values: Vec<f64> =
        (0..count).map(|s| normal_quantile((s as f64 + uniform(stream.next_u64())) / count as f64)).collect();
    for i in (1..count).rev() {
        values.swap(i, (uniform(stream.next_u64()) * (i + 1) as f64) as usize);
    }
    values
}

/// The beta law of a rate; `None` where it is not drawn.
fn law(belief: RateBelief, rate: f64) -> Result<Option<Beta>> {
    let strength = match belief {
        RateBelief::Known => return Ok(None),
        RateBelief::Assumed { strength } => strength,
        RateBelief::Measured { low, high, level } => {
            if !(level > 0.0 && level < 1.0) {
                return Err(Error::Parameter { name: "level", value: level, expected: "above 0 and below 1" });
            }
            if !(low <= rate && rate <= high) {
                let expected = "an interval of the rate around it";
                return Err(Error::Parameter { name: "rate", value: rate, expected });
            }
            if high <= low {
                return Ok(None);
            }
            let sd = (high - low) / (2.0 * normal_quantile(0.5 + 0.5 * level));
            rate * (1.0 - rate) / (sd * sd) - 1.0
        }
    };
    if rate <= 0.0 || rate >= 1.0 {
        return Ok(None);
    }
    if !(strength > 0.0 && strength <= 1e8) {
        let expected = "above 0, at most 1e8 (an interval may not be wider than any law on 0..1 with that mean)";
        return Err(Error::Parameter { name: "strength of a rate", value: strength, expected });
    }
    Ok(Some(Beta::new(rate, strength)))
}

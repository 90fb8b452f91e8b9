//! Draws of what a plan rests on: churn probabilities, values and rates, under what is believed of their errors.
//!
//! Question: what could an offer bring from a customer, given how wrong `p`, `v` and `r` may be? Model of draw `s`:
//!
//! ```text
//! logit p = l + sd_p z_s + sd_i z_si          l such that the mean of p is the forecast
//! v       = V exp(shift_s) exp(t_i z'_si - t_i^2 / 2)          mean V; shift_s likewise of mean 1
//! r_k     = Beta^-1(Phi(sqrt(c) z"_s + sqrt(1 - c) z"_sk))     mean R_k; c couples the offers of one campaign
//! ```
//!
//! Forecasts are the means of their draws, and the three are drawn independently, so what is linear in each (every net of
//! a `share_of_churners` table) has the point net as its mean; for `points` the mean is a little less, because
//! `min(r, p)` is concave. The part of `p` that has left moves in proportion to `p`, and what comes back unasked in
//! proportion to `v`.
//!
//! **The mean of a customer, not its outcome.** The quantiles of a forecast are of what the customer will spend. Of that
//! variance only a share ([`Uncertainty::mean_share`], 1/4 by default: half of the standard deviation) is that of its
//! mean; the rest is chance, which would remain were the mean known. The relative deviation of the outcome is
//! `(q90 - q10) / (2.5631 V)`, and `t_i^2 = ln(1 + share x deviation^2)`.
//!
//! Shared factors are a Latin hypercube (McKay, Beckman and Conover 1979): each factor takes every `1/S`-th of its law
//! once, so that a few hundred draws give steady means and tails. A customer's own factors come from stream
//! `("allocate/risk/own", s)`, two words for each customer in order; of many customers they are computed anew whenever they are needed, so that
//! memory does not grow with the draws. Limits: errors of `p`, `v` and `r` are taken as independent of each other.

use rand::Rng;
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;
use serde::{Deserialize, Serialize};

use super::law::{Beta, centred_logit, normal_cdf, normal_quantile, sigmoid, uniform};
use crate::allocate::expected::{Offer, OfferTable, Prospect};
use crate::error::{Error, Result};
use crate::{num, rng};

/// Standard deviations between the 10 % and the 90 % quantile of a normal law.
const NORMAL_RANGE: f64 = 2.563_103_131_089_201;
/// Customers that are worked on together.
const BLOCK: usize = 1024;
/// Customers times draws that are kept in memory, 16 bytes each.
const KEPT: usize = 4_000_000;
/// Customers without an offer that are stepped over at once rather than one by one.
const LEAP: usize = 12;
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
struct Person {
    /// Log-odds around which `p` is drawn; NaN where it is not drawn.
    logit: f64,
    own_logit_sd: f64,
    own_log_value_sd: f64,
}

/// What of a draw is the same for all customers.
struct Shared {
    logit: f64,
    level: f64,
    offers: Vec<Offer>,
}

/// What a draw makes of a customer: its churn probability, and what its values are multiplied with.
type Drawn = (f64, f64);

/// Draws of an offer table's expected values for a population.
pub struct Draws<'a> {
    table: &'a OfferTable,
    prospects: &'a [Prospect],
    people: Vec<Person>,
    shared: Vec<Shared>,
    /// Whether customers have factors of their own.
    own: bool,
    seed: u64,
    /// All customers of all draws, draw by draw, where they are few enough to be kept.
    kept: Option<Vec<Drawn>>,
}

fn within(name: &'static str, value: f64, most: f64, expected: &'static str) -> Result<()> {
    if (0.0..=most).contains(&value) { Ok(()) } else { Err(Error::Parameter { name, value, expected }) }
}

impl<'a> Draws<'a> {
    /// `count` draws under `uncertainty`; the same `seed` gives the same bytes on any number of threads.
    ///
    /// # Errors
    /// As [`OfferTable::evaluate`] for table and prospects; [`Error::Parameter`] for a number outside its domain, such as
    /// an interval wider than any beta law of that mean; [`Error::Shape`], [`Error::NotFinite`].
    ///
    /// ```
    /// use tenure_math::allocate::expected::{Prospect, retention};
    /// use tenure_math::allocate::risk::{Draws, Uncertainty};
    /// let (table, people) = (retention(), [Prospect::new(0.5, 200.0)]);
    /// let certain = Draws::new(&table, &people, &Uncertainty::default(), 3, 7)?;
    /// // Light costs 10 and keeps a fifth of 0.5 x 200.
    /// assert_eq!(certain.nets(&[Some(0)])?, [10.0; 3]);
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    pub fn new(
        table: &'a OfferTable,
        prospects: &'a [Prospect],
        uncertainty: &Uncertainty<'_>,
        count: usize,
        seed: u64,
    ) -> Result<Self> {
        table.evaluate(prospects)?;
        if count == 0 {
            return Err(Error::Parameter { name: "draws", value: 0.0, expected: "at least 1" });
        }
        let people = people(prospects, uncertainty)?;
        let own = people.iter().any(|of| of.own_logit_sd > 0.0 || of.own_log_value_sd > 0.0);
        let shared = shared(table, uncertainty, count, seed)?;
        let draws = Self { table, prospects, people, shared, own, seed, kept: None };
        Ok(if count.saturating_mul(prospects.len()) <= KEPT { draws.keep() } else { draws })
    }

    /// Computes what is drawn of the customers once: the same numbers, sooner.
    fn keep(mut self) -> Self {
        let n = self.customers();
        let mut kept = vec![(0.0, 0.0); n * self.count()];
        if n > 0 {
            kept.par_chunks_mut(n).enumerate().for_each(|(s, kept)| {
                self.each_drawn(s, 0..n, |i, drawn| kept[i] = drawn);
            });
        }
        self.kept = Some(kept);
        self
    }

    /// The number of draws.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.len()
    }

    /// The number of customers.
    #[must_use]
    pub fn customers(&self) -> usize {
        self.people.len()
    }

    /// The number of offers.
    #[must_use]
    pub fn offers(&self) -> usize {
        self.table.offers.len()
    }

    /// Net and cost of the point forecast, row-major customers x offers.
    ///
    /// # Errors
    /// None in practice: the inputs were checked.
    pub fn point(&self) -> Result<(Vec<f64>, Vec<f64>)> {
        self.table.evaluate(self.prospects)
    }

    /// Net and cost under draw `s`, row-major customers x offers; panics where there is no such draw.
    #[must_use]
    pub fn evaluate(&self, s: usize) -> (Vec<f64>, Vec<f64>) {
        let size = self.customers() * self.offers();
        let (mut net, mut cost) = (Vec::with_capacity(size), Vec::with_capacity(size));
        self.each(s, 0..self.customers(), |_, of| {
            for offer in &self.shared[s].offers {
                let expected = self.table.expected(offer, of);
                net.push(expected.net);
                cost.push(expected.cost);
            }
        });
        (net, cost)
    }

    /// What a plan is expected to bring under each draw's parameters, money.
    ///
    /// # Errors
    /// [`Error::Shape`] where `choice` is not one for each customer, [`Error::Parameter`] for an offer that is not there.
    pub fn nets(&self, choice: &[Option<usize>]) -> Result<Vec<f64>> {
        self.check(choice)?;
        Ok(self.totals(choice, |_| |_: usize, offer: &Offer, of: &Prospect| self.table.expected(offer, of).net))
    }

    /// What a plan brings under each draw when every customer, besides, stays or leaves: with the probability of the
    /// drawn parameters an offer keeps the customer, who then brings what was drawn as its value. Chance in what a kept
    /// customer spends is not added.
    ///
    /// # Errors
    /// As [`Draws::nets`].
    pub fn outcomes(&self, choice: &[Option<usize>]) -> Result<Vec<f64>> {
        self.check(choice)?;
        Ok(self.totals(choice, |s| {
            let mut stream = rng::stream(self.seed, "allocate/risk/outcome", s as u64);
            let mut next = 0;
            move |i: usize, offer: &Offer, of: &Prospect| {
                // One word for each customer, with or without an offer.
                stream.advance((i - next) as u128);
                next = i + 1;
                let drawn = uniform(stream.next_u64());
                let kept = offer.kept(of, self.table.rate_kind, self.table.winback);
                let discount = offer.discount_share * of.value.max(0.0);
                let came = if drawn < kept {
                    of.gained(self.table.winback) * offer.margin - discount
                } else if drawn < kept + offer.redemption_by_loyal * (1.0 - of.p_churn) {
                    -discount
                } else {
                    0.0
                };
                came - offer.contact_cost
            }
        }))
    }

    /// The draws' nets averaged with `weights`, one for each draw, row-major customers x offers.
    ///
    /// # Errors
    /// [`Error::Shape`] where there are more or fewer weights than draws.
    pub fn weighted(&self, weights: &[f64]) -> Result<Vec<f64>> {
        num::require_len("weights of draws", self.count(), weights.len())?;
        let k = self.offers();
        let mut sum = vec![0.0; self.customers() * k];
        if k == 0 {
            return Ok(sum);
        }
        // Each block of customers adds its draws in their order, so that threads change nothing.
        sum.par_chunks_mut(BLOCK * k).enumerate().for_each(|(block, sum)| {
            let from = block * BLOCK;
            let range = from..from + sum.len() / k;
            for (s, weight) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
                self.each(s, range.clone(), |i, of| {
                    let row = &mut sum[(i - from) * k..(i - from + 1) * k];
                    for (sum, offer) in row.iter_mut().zip(&self.shared[s].offers) {
                        *sum += weight * self.table.expected(offer, of).net;
                    }
                });
            }
        });
        Ok(sum)
    }

    fn check(&self, choice: &[Option<usize>]) -> Result<()> {
        num::require_len("choice", self.customers(), choice.len())?;
        match choice.iter().flatten().find(|k| **k >= self.offers()) {
            None => Ok(()),
            Some(k) => Err(Error::Parameter { name: "offer", value: *k as f64, expected: "an offer of the table" }),
        }
    }

    /// The sum over the customers with an offer, in their order, of what `of_draw(s)` says of each, for each draw `s`.
    fn totals<F>(&self, choice: &[Option<usize>], of_draw: impl Fn(usize) -> F + Sync) -> Vec<f64>
    where
        F: FnMut(usize, &Offer, &Prospect) -> f64,
    {
        let given: Vec<usize> = (0..choice.len()).filter(|i| choice[*i].is_some()).collect();
        let total = |s: usize| {
            let (mut sum, mut brings) = (0.0, of_draw(s));
            self.each(s, given.iter().copied(), |i, of| {
                if let Some(k) = choice[i] {
                    sum += brings(i, &self.shared[s].offers[k], of);
                }
            });
            sum
        };
        (0..self.count()).into_par_iter().map(total).collect()
    }

    /// The customers of `range`, as draw `s` sees them.
    fn each(&self, s: usize, range: impl Iterator<Item = usize>, mut see: impl FnMut(usize, &Prospect)) {
        let mut see = |i: usize, (p, level): Drawn| {
            let mut of = self.prospects[i];
            // Where nothing was drawn nothing is computed, so that it is the forecast to the last bit.
            if !self.people[i].logit.is_nan() {
                of.p_gone = (of.p_gone / of.p_churn * p).min(p);
                of.p_churn = p;
            }
            of.value *= level;
            of.comes_back *= level;
            see(i, &of);
        };
        match &self.kept {
            Some(kept) => {
                let kept = &kept[s * self.customers()..(s + 1) * self.customers()];
                range.for_each(|i| see(i, kept[i]));
            }
            None => self.each_drawn(s, range, see),
        }
    }

    /// What draw `s` makes of the customers of `range`, ascending.
    fn each_drawn(&self, s: usize, range: impl Iterator<Item = usize>, mut see: impl FnMut(usize, Drawn)) {
        let shared = &self.shared[s];
        let mut stream = rng::stream(self.seed, "allocate/risk/own", s as u64);
        let mut next = 0;
        for i in range {
            let person = &self.people[i];
            let mut words = (0, 0);
            if self.own {
                if i - next >= LEAP {
                    stream.advance(2 * (i - next) as u128);
                } else {
                    (next..i).for_each(|_| {
                        stream.next_u64();
                        stream.next_u64();
                    });
                }
                words = (stream.next_u64(), stream.next_u64());
                next = i + 1;
            }
            let mut p = self.prospects[i].p_churn;
            if !person.logit.is_nan() {
                let sd = person.own_logit_sd;
                let own = if sd > 0.0 { sd * normal_quantile(uniform(words.0)) } else { 0.0 };
                p = sigmoid(person.logit + shared.logit + own);
            }
            let (mut level, sd) = (shared.level, person.own_log_value_sd);
            if sd > 0.0 {
                level *= (sd * normal_quantile(uniform(words.1)) - 0.5 * sd * sd).exp();
            }
            see(i, (p, level));
        }
    }
}

fn people(prospects: &[Prospect], uncertainty: &Uncertainty<'_>) -> Result<Vec<Person>> {
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

fn shared(table: &OfferTable, uncertainty: &Uncertainty<'_>, count: usize, seed: u64) -> Result<Vec<Shared>> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use crate::allocate::expected::retention;

    #[test]
    fn kept_or_computed_anew_the_numbers_are_the_same() {
        let (table, n) = (retention(), 2_500);
        let of: Vec<Prospect> = (0..n).map(|i| Prospect::new((i % 10) as f64 / 9.0, 50.0 + (i % 77) as f64)).collect();
        let (own, low, high) = (vec![0.4; n], vec![10.0; n], vec![300.0; n]);
        let uncertainty = Uncertainty {
            shared_logit_sd: 0.2,
            own_logit_sd: Some(&own),
            value_quantiles: Some((&low, &high)),
            ..Uncertainty::default()
        };
        let kept = Draws::new(&table, &of, &uncertainty, 6, 3).unwrap();
        let anew = Draws { kept: None, ..Draws::new(&table, &of, &uncertainty, 6, 3).unwrap() };
        assert!(kept.kept.is_some());
        let choice: Vec<Option<usize>> = (0..n).map(|i| (i % 5 == 0 || i % 97 < 9).then_some(i % 3)).collect();
        assert_eq!(kept.nets(&choice).unwrap(), anew.nets(&choice).unwrap());
        assert_eq!(kept.outcomes(&choice).unwrap(), anew.outcomes(&choice).unwrap());
        assert_eq!(kept.evaluate(3), anew.evaluate(3));
        let weights = [0.3, 0.0, 0.2, 0.5, 0.0, 0.0];
        assert_eq!(kept.weighted(&weights).unwrap(), anew.weighted(&weights).unwrap());
    }
}

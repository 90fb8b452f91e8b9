//! Draws of what offers bring: the table evaluated under drawn probabilities, values and rates.
//!
//! Question: what does a plan bring under each draw, and what does each offer bring on average over some of them?
//! Model: draw `s` of [`super::belief`] makes `(p_si, v_si, r_sk)` of the forecasts, and [`OfferTable::expected`] the
//! net:
//!
//! ```text
//! net_s(x) = sum_i net(p_si, v_si, r_s,x(i))          net_ik(q) = sum_s q_s net(p_si, v_si, r_sk)
//! ```
//!
//! A customer's own factors come from stream `("allocate/risk/own", s)`, two words for each customer in order, so that
//! the draw of any customer can be found without those before it. Up to four million of them (64 MB) are kept; beyond
//! that they are computed anew whenever they are needed, with the same bytes, and memory does not grow with the draws.
//! Sums run over customers, and averages over draws, in one order on any number of threads. Money throughout.
//!
//! Limits: what is common to all customers is drawn once a draw; there are no groups of customers that err together.

use rand::Rng;
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::belief::{Person, Shared, Uncertainty, people, shared};
use super::law::{normal_quantile, sigmoid, uniform};
use crate::allocate::expected::{Offer, OfferTable, Prospect};
use crate::error::{Error, Result};
use crate::{num, rng};

/// Customers that are worked on together.
const BLOCK: usize = 1024;
/// Customers times draws that are kept in memory, 16 bytes each.
const KEPT: usize = 4_000_000;
/// Customers without an offer that are stepped over at once rather than one by one.
const LEAP: usize = 12;

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

impl<'a> Draws<'a> {
    /// `count` draws under `uncertainty`; the same `seed` gives the same bytes on any number of threads.
    ///
    /// # Errors
    /// As [`OfferTable::evaluate`] for table and prospects; [`Error::Parameter`] for a number outside its domain, such
    /// as an interval wider than any beta law of that mean; [`Error::Shape`], [`Error::NotFinite`].
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
    /// [`Error::Shape`] where `choice` is not one for each customer, [`Error::Parameter`] for an offer that is not
    /// there.
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

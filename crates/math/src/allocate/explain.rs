//! Why a customer gets its offer, and what would have to be otherwise for it to get another.
//!
//! Question: by how much does the chosen offer lead, and at which price of budget, rate or churn probability does
//! another take over? Model: at the plan's prices `lambda` of budget and `mu_k` of places (see [`super`]) offer `k` is
//! worth
//!
//! ```text
//! w_k = net_k - lambda cost_k - mu_k,    w_none = 0;    the choice is the k of greatest w_k
//! net_k - lambda cost_k = D_k G_k - (1 + lambda) (c_k + d_k v q_k (1 - p)),    G_k = gained m_k - (1 + lambda) d_k v
//! D_k = P r_k   or   min(r_k, P)
//! ```
//!
//! `w_k` is linear in `lambda` and in `D_k`, and piecewise linear in `p` with a kink where `P = r_k` (the part of `p`
//! that has left moves in proportion), so each flip has a closed form. Domain: rates and probabilities 0..1, money in
//! one unit. All else stays as it is: prices move a little when inputs change, so a flip is that of this one customer
//! in an unchanged crowd.
//!
//! Limits: an integer plan gives a few customers near the break an offer that is not the best at the prices
//! ([`Why::at_prices`] is below 0 there): for those no interval is told. The budget told for a flip takes
//! the prices of places as they are. Source: the marginal analysis of Lagrange multipliers (Everett 1963).

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde::{Deserialize, Serialize};

use super::expected::{Offer, OfferTable, Prospect, RateKind};
use crate::error::{Error, Result};
use crate::num;

mod table;
#[cfg(test)]
mod tests;

pub use table::{
    RatePoint, RateSensitivity, Standing, Threshold, WinbackPoint, rate_sensitivity, thresholds, thresholds_at,
    winback_sensitivity,
};

/// What budget and places cost at the margin of a plan.
#[derive(Debug, Clone, Copy)]
pub struct Prices<'a> {
    /// Net for one more unit of budget, >= 0: the plan's `shadow_price`.
    pub lambda: f64,
    /// Money for one more place with each offer, >= 0: the plan's `cap_prices`.
    pub places: &'a [f64],
}

/// Another option, and how far the choice is ahead of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rival {
    /// The offer; `None` is no offer.
    pub offer: Option<usize>,
    /// How much more the choice is worth, money; below 0 where the rival is worth more.
    pub lead: f64,
}

/// Where another option takes over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Flip {
    /// At this price, rate or probability the two are worth the same.
    pub at: f64,
    /// Which one takes over; `None` is no offer.
    pub to: Option<usize>,
}

/// Why a customer gets what it gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// What the plan gives it; `None` is no offer.
    pub choice: Option<usize>,
    /// Expected net of the choice, money.
    pub net: f64,
    /// The same after the prices of budget and places, money.
    pub worth: f64,
    /// The best of the other options after prices; `None` where there is no other.
    pub at_prices: Option<Rival>,
    /// The best of the other options by net alone.
    pub by_net: Option<Rival>,
    /// The price of budget below which (more budget) another option takes over; `None` where the choice stays down to 0
    /// or is not the best at any price.
    pub cheaper_money: Option<Flip>,
    /// The price of budget above which (less budget) another option takes over; `None` where the choice stays.
    pub dearer_money: Option<Flip>,
    /// The rate of the chosen offer at which it and the best other option are worth the same; for who gets no offer the
    /// rate of the best offer at which it would be worth its price. `None` where no rate in 0..1 does.
    pub rate: Option<f64>,
    /// The greatest smaller churn probability at which another option takes over; `None` where none does.
    pub lower_churn: Option<Flip>,
    /// The least greater churn probability at which another option takes over.
    pub higher_churn: Option<Flip>,
}

/// One customer's options: what an offer is worth to it at given prices, rate and probability.
struct Options<'a> {
    table: &'a OfferTable,
    prices: Prices<'a>,
    of: &'a Prospect,
    may: Option<&'a [bool]>,
}

impl Options<'_> {
    fn all(&self) -> impl Iterator<Item = Option<usize>> + '_ {
        let may = |k: usize| self.may.is_none_or(|may| may[k]);
        [None].into_iter().chain((0..self.table.offers.len()).filter(move |k| may(*k)).map(Some))
    }

    /// The customer with another churn probability, and the part that has left in proportion.
    fn with_churn(&self, p: f64) -> Prospect {
        let gone = if self.of.p_churn > 0.0 { self.of.p_gone / self.of.p_churn } else { 0.0 };
        Prospect { p_churn: p, p_gone: (gone * p).min(p), ..*self.of }
    }

    fn net(&self, k: Option<usize>) -> f64 {
        k.map_or(0.0, |k| self.table.expected(&self.table.offers[k], self.of).net)
    }

    fn worth_for(&self, k: Option<usize>, of: &Prospect) -> f64 {
        k.map_or(0.0, |k| {
            let e = self.table.expected(&self.table.offers[k], of);
            e.net - self.prices.lambda * e.cost - self.prices.places[k]
        })
    }

    fn worth(&self, k: Option<usize>) -> f64 {
        self.worth_for(k, self.of)
    }

    /// The best option but `choice` by `value`; between equals no offer, then the earlier.
    fn rival(&self, choice: Option<usize>, value: impl Fn(Option<usize>) -> f64) -> Option<Rival> {
        let own = value(choice);
        let mut best: Option<Rival> = None;
        for offer in self.all().filter(|k| *k != choice) {
            let lead = own - value(offer);
            if best.is_none_or(|b| lead < b.lead) {
                best = Some(Rival { offer, lead });
            }
        }
        best
    }

    /// The prices of budget between which the choice is the best, and who is at the ends.
    fn money(&self, choice: Option<usize>) -> (Option<Flip>, Option<Flip>) {
        let line = |k: Option<usize>| {
            k.map_or((0.0, 0.0), |k| {
                let e = self.table.expected(&self.table.offers[k], self.of);
                (e.net - self.prices.places[k], e.cost)
            })
        };
        let (net, cost) = line(choice);
        let (mut low, mut high): (Option<Flip>, Option<Flip>) = (None, None);
        for to in self.all().filter(|k| *k != choice) {
            let (its_net, its_cost) = line(to);
            let at = (net - its_net) / (cost - its_cost);
            if its_cost > cost {
                // The dearer option is the better one below this price.
                if at > low.map_or(0.0, |flip| flip.at) {
                    low = Some(Flip { at, to });
                }
            } else if its_cost < cost {
                if at < high.map_or(f64::INFINITY, |flip| flip.at) {
                    high = Some(Flip { at, to });
                }
            } else if its_net > net {
                return (None, None);
            }
        }
        let empty = high.is_some_and(|high| high.at < low.map_or(0.0, |flip| flip.at));
        if empty { (None, None) } else { (low, high) }
    }

    /// The rate of offer `k` at which it is worth `target`.
    fn rate(&self, k: usize, target: f64) -> Option<f64> {
        let offer = &self.table.offers[k];
        let reach = self.of.within_reach(self.table.winback);
        let (most, per_rate) = match self.table.rate_kind {
            RateKind::ShareOfChurners => (1.0, reach),
            RateKind::Points => (reach.min(1.0), 1.0),
        };
        let at_rate = |rate: f64| {
            let offer = Offer { rate, name: String::new(), ..*offer };
            let e = self.table.expected(&offer, self.of);
            e.net - self.prices.lambda * e.cost - self.prices.places[k]
        };
        // Linear up to `most`, beyond which a rate in points keeps no more.
        let (none, all) = (at_rate(0.0), at_rate(most));
        let rate = (target - none) / (all - none) * most;
        (per_rate > 0.0 && most > 0.0 && rate.is_finite() && (0.0..=most).contains(&rate)).then_some(rate)
    }

    /// The nearest churn probability, from the customer's own towards `end`, where another option is worth more.
    fn churn(&self, choice: Option<usize>, end: f64) -> Option<Flip> {
        let (p, up) = (self.of.p_churn, end > self.of.p_churn);
        let reach = self.with_churn(1.0).within_reach(self.table.winback);
        let mut knots = vec![p, end];
        if self.table.rate_kind == RateKind::Points && reach > 0.0 {
            let kinks = self.table.offers.iter().map(|offer| offer.rate / reach);
            knots.extend(kinks.filter(|at| (p.min(end)..=p.max(end)).contains(at)));
        }
        knots.sort_by(|a, b| if up { a.total_cmp(b) } else { b.total_cmp(a) });
        for pair in knots.windows(2) {
            let (from, to) = (self.with_churn(pair[0]), self.with_churn(pair[1]));
            let (own_from, own_to) = (self.worth_for(choice, &from), self.worth_for(choice, &to));
            let mut first: Option<(f64, f64, Option<usize>)> = None;
            for rival in self.all().filter(|k| *k != choice) {
                let lead_from = own_from - self.worth_for(rival, &from);
                let lead_to = own_to - self.worth_for(rival, &to);
                if lead_to >= 0.0 {
                    continue;
                }
                // Rounding may put two equal options a hair apart.
                let lead_from = lead_from.max(0.0);
                let share = lead_from / (lead_from - lead_to);
                if first.is_none_or(|(least, lead, _)| share < least || (share <= least && lead_to < lead)) {
                    first = Some((share, lead_to, rival));
                }
            }
            if let Some((share, _, to)) = first {
                return Some(Flip { at: pair[0] + share * (pair[1] - pair[0]), to });
            }
        }
        None
    }

    fn why(&self, choice: Option<usize>) -> Why {
        let at_prices = self.rival(choice, |k| self.worth(k));
        let (net, worth) = (self.net(choice), self.worth(choice));
        // The price of the customer at the break is its own ratio: it is as good as equal.
        let scale = net.abs() + worth.abs() + 1e-300;
        let best = at_prices.is_none_or(|rival| rival.lead >= -1e-9 * scale);
        let (cheaper_money, dearer_money) = if best { self.money(choice) } else { (None, None) };
        let rate = match (choice, at_prices) {
            (Some(k), Some(rival)) => self.rate(k, worth - rival.lead),
            (None, Some(Rival { offer: Some(k), .. })) => self.rate(k, 0.0),
            _ => None,
        };
        let churn = |end: f64| if best { self.churn(choice, end) } else { None };
        let by_net = self.rival(choice, |k| self.net(k));
        Why {
            choice,
            net,
            worth,
            at_prices,
            by_net,
            cheaper_money,
            dearer_money,
            rate,
            lower_churn: churn(0.0),
            higher_churn: churn(1.0),
        }
    }
}

/// Why each customer gets what `choice` gives it. `admissible` says which offers may go to whom (row-major customers x
/// offers; `None`: all may).
///
/// # Errors
/// As [`OfferTable::evaluate`]; [`Error::Shape`] where lengths disagree; [`Error::Parameter`] for an offer that is not
/// there or a price that is negative or not finite.
///
/// ```
/// use tenure_math::allocate::expected::{Prospect, retention};
/// use tenure_math::allocate::explain::{Prices, explain};
/// // p x value = 100: Light brings 10, Standard 15, Premium 10; a unit of budget costs 0.2.
/// let prices = Prices { lambda: 0.2, places: &[0.0; 3] };
/// let why = &explain(&retention(), &[Prospect::new(0.5, 200.0)], &[Some(1)], &prices, None)?[0];
/// let second = why.at_prices.unwrap();
/// assert_eq!((why.net, why.worth, second.offer, second.lead), (15.0, 10.0, Some(0), 2.0));
/// // Above 5 / 15 a unit Light is better; no cheaper money makes 35 for 25 more of Premium good: 10 < 15.
/// assert!((why.dearer_money.unwrap().at - 1.0 / 3.0).abs() < 1e-12 && why.cheaper_money.is_none());
/// // Standard must keep 38 %, or Light is better; and so it is below p x value = 90.
/// assert!((why.rate.unwrap() - 0.38).abs() < 1e-12 && (why.lower_churn.unwrap().at - 0.45).abs() < 1e-12);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn explain(
    table: &OfferTable,
    prospects: &[Prospect],
    choice: &[Option<usize>],
    prices: &Prices<'_>,
    admissible: Option<&[bool]>,
) -> Result<Vec<Why>> {
    let k = table.offers.len();
    table.evaluate(prospects)?;
    num::require_len("choice", prospects.len(), choice.len())?;
    num::require_len("prices of places", k, prices.places.len())?;
    if let Some(mask) = admissible {
        num::require_len("admissible", prospects.len() * k, mask.len())?;
    }
    for &value in prices.places.iter().chain([&prices.lambda]) {
        if !(value.is_finite() && value >= 0.0) {
            return Err(Error::Parameter { name: "price", value, expected: "a finite amount >= 0" });
        }
    }
    if let Some(at) = choice.iter().flatten().find(|at| **at >= k) {
        return Err(Error::Parameter { name: "offer", value: *at as f64, expected: "an offer of the table" });
    }
    let why = |i: usize| {
        let may = admissible.map(|mask| &mask[i * k..(i + 1) * k]);
        Options { table, prices: *prices, of: &prospects[i], may }.why(choice[i])
    };
    Ok((0..prospects.len()).into_par_iter().map(why).collect())
}

/// The budget at which the price of budget falls through `lambda`, between the points (budget, price) of a budget
/// curve, budgets ascending; `None` where the curve's prices are all above or all below it. A price that rises from one
/// point to the next (rounding) counts as no higher than the one before.
///
/// # Errors
/// [`Error::Parameter`] for budgets that do not ascend, [`Error::NotFinite`].
///
/// ```
/// use tenure_math::allocate::explain::budget_at;
/// let curve = [(0.0, 2.0), (1000.0, 1.0), (2000.0, 0.5)];
/// assert_eq!(budget_at(&curve, 0.75)?, Some(1500.0));
/// assert_eq!(budget_at(&curve, 3.0)?, None);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn budget_at(curve: &[(f64, f64)], lambda: f64) -> Result<Option<f64>> {
    num::require_finite("price of budget", &[lambda])?;
    let mut before: Option<(f64, f64)> = None;
    for &(budget, price) in curve {
        num::require_finite("budget curve", &[budget, price])?;
        let Some((its_budget, its_price)) = before else {
            if price < lambda {
                return Ok(None);
            }
            before = Some((budget, price));
            continue;
        };
        if budget < its_budget {
            return Err(Error::Parameter { name: "budget", value: budget, expected: "budgets in ascending order" });
        }
        let price = price.min(its_price);
        if price <= lambda {
            let share = if its_price > price { (its_price - lambda) / (its_price - price) } else { 0.0 };
            return Ok(Some(its_budget + share * (budget - its_budget)));
        }
        before = Some((budget, price));
    }
    Ok(None)
}

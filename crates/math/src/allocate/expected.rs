//! What an offer is expected to bring: the assumptions behind a plan, in one place.
//!
//! With `p` the probability that the customer leaves and `v` its value over the horizon if it stays, an offer of rate `r`
//! keeps with probability
//! `D = p r` ([`RateKind::ShareOfChurners`]: the share `r` of those who would leave) or
//! `D = min(r, p)` ([`RateKind::Points`]: it lowers the probability by up to `r`).
//! Gain `= D v m` with margin `m`. The discount of depth `d` (a share of `v`) goes to those who are kept by it and to the
//! share `q` of those who would have stayed anyway: subsidy `= d v (D + q (1 - p))`. With contact cost `c`,
//! net `= gain - subsidy - c`, and what counts against a budget is `c + subsidy`.
//!
//! Some of `p` is of customers who have already left, `g`. What moves one who hesitates moves fewer of those: an offer
//! reaches them with the share `w` of its rate ([`OfferTable::winback`]). Then `D` is that of `p - (1 - w) g` in the place
//! of `p`. And one who would have left may come back unasked within the horizon and bring `b`: what is gained of those
//! who have not left yet is `v - b`, so that `v` in the gain is the mean of `v - b` and `v` over those within reach.
//!
//! Rates are assumptions until an experiment has measured them; the built-in tables are such assumptions, with `d = 0`,
//! `q = 0` and `m = 1`. `v` must not contain the churn risk already, or it is counted twice.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::num;

/// The name of the choice that costs and brings nothing; it is implicit in every table.
pub const NO_OFFER: &str = "None";

/// What a rate is a rate of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateKind {
    /// The offer keeps this share of those who would leave.
    #[default]
    ShareOfChurners,
    /// The offer lowers the probability of leaving by up to this much.
    Points,
}

/// One offer and what is assumed of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// What people call it.
    pub name: String,
    /// What it costs to make the offer, in money, whatever comes of it.
    pub contact_cost: f64,
    /// Its effect, 0..1, in the table's [`RateKind`].
    pub rate: f64,
    /// The discount as a share of the customer's value over the horizon, 0..1; for a coupon good for one order this is
    /// its depth times that order's share of the value.
    #[serde(default)]
    pub discount_share: f64,
    /// The share of those who would have stayed anyway who use the discount, 0..1.
    #[serde(default)]
    pub redemption_by_loyal: f64,
    /// The share of the value that is earned, 0..1.
    #[serde(default = "one")]
    pub margin: f64,
    /// The greatest share of customers who may get it; `None` where there is no limit.
    #[serde(default)]
    pub cap_share: Option<f64>,
}

fn one() -> f64 {
    1.0
}

/// Offers that compete for the same customers; "no offer" is always possible besides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfferTable {
    /// The table's name.
    pub name: String,
    /// What the rates are rates of.
    #[serde(default)]
    pub rate_kind: RateKind,
    /// The offers, "no offer" not among them.
    pub offers: Vec<Offer>,
    /// The usual budget in money, where the table has one.
    #[serde(default)]
    pub budget: Option<f64>,
    /// The share of its rate that an offer has with a customer who has already left, 0..1.
    #[serde(default = "one")]
    pub winback: f64,
}

/// What is forecast of one customer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prospect {
    /// The probability that it leaves, 0..1.
    pub p_churn: f64,
    /// The part of it that is of having left already, 0..`p_churn`.
    pub p_gone: f64,
    /// What it is worth over the horizon if it stays, money.
    pub value: f64,
    /// What it is worth over the horizon if it leaves for a while and comes back unasked, money; 0 where nothing is known
    /// of that.
    pub comes_back: f64,
}

impl Prospect {
    /// One of whom nothing says that it has left already.
    #[must_use]
    pub fn new(p_churn: f64, value: f64) -> Self {
        Self { p_churn, p_gone: 0.0, value, comes_back: 0.0 }
    }

    /// The part of `p_churn` that an offer can reach, where it has the share `winback` of its rate with who has left.
    #[must_use]
    pub fn within_reach(&self, winback: f64) -> f64 {
        self.p_churn - (1.0 - winback) * self.p_gone
    }

    /// What rates are a share of, money: an offer without a discount gains its rate times its margin times this. Of
    /// [`RateKind::ShareOfChurners`] it is `within_reach x gained`, of [`RateKind::Points`] `gained`, for rates up to what is
    /// within reach.
    ///
    /// ```
    /// use tenure_math::allocate::expected::{Prospect, RateKind};
    /// // Of 60 % who leave 20 points have left already, of whom an offer reaches a tenth; those who pause bring 30 anyway.
    /// let of = Prospect { p_churn: 0.6, p_gone: 0.2, value: 100.0, comes_back: 30.0 };
    /// assert!((of.at_stake(RateKind::ShareOfChurners, 0.1) - (0.4 * 70.0 + 0.1 * 0.2 * 100.0)).abs() < 1e-12);
    /// ```
    #[must_use]
    pub fn at_stake(&self, kind: RateKind, winback: f64) -> f64 {
        match kind {
            RateKind::ShareOfChurners => self.within_reach(winback) * self.gained(winback),
            RateKind::Points => self.gained(winback),
        }
    }

    /// What is gained, money, when an offer keeps the customer: of one who would have left for a while what it would have
    /// brought anyway is no gain, of one who had left all is.
    #[must_use]
    pub fn gained(&self, winback: f64) -> f64 {
        let reach = self.within_reach(winback);
        if reach <= 0.0 { 0.0 } else { self.value - (self.p_churn - self.p_gone) / reach * self.comes_back }
    }
}

/// What is expected of one offer to one customer, in money.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// The value kept, at margin.
    pub gain: f64,
    /// The discount given, to those it keeps and to those who would have stayed.
    pub subsidy: f64,
    /// What counts against the budget: contact cost and subsidy.
    pub cost: f64,
    /// `gain - cost`.
    pub net: f64,
}

/// The retention table: Light $10 keeps 20 % of would-be churners, Standard $25 keeps 40 %, Premium $50 keeps 60 %.
#[must_use]
pub fn retention() -> OfferTable {
    OfferTable {
        name: "retention".to_owned(),
        rate_kind: RateKind::ShareOfChurners,
        offers: vec![
            built_in("Light", 10.0, 0.20, None),
            built_in("Standard", 25.0, 0.40, None),
            built_in("Premium", 50.0, 0.60, None),
        ],
        budget: None,
        winback: 1.0,
    }
}

/// The coupon table: 5 % for $2 lowers the churn probability by 5 points, 10 % for $5 by 10, 20 % for $10 by 18 and for
/// at most a tenth of the customers; budget $5,000.
#[must_use]
pub fn coupons() -> OfferTable {
    OfferTable {
        name: "coupons".to_owned(),
        rate_kind: RateKind::Points,
        offers: vec![
            built_in("5 %", 2.0, 0.05, None),
            built_in("10 %", 5.0, 0.10, None),
            built_in("20 %", 10.0, 0.18, Some(0.10)),
        ],
        budget: Some(5_000.0),
        winback: 1.0,
    }
}

fn built_in(name: &str, contact_cost: f64, rate: f64, cap_share: Option<f64>) -> Offer {
    let name = name.to_owned();
    Offer { name, contact_cost, rate, discount_share: 0.0, redemption_by_loyal: 0.0, margin: 1.0, cap_share }
}

impl Offer {
    /// Refuses numbers outside their domain.
    ///
    /// # Errors
    /// [`Error::Parameter`] naming the first of them.
    pub fn check(&self) -> Result<()> {
        let shares = [
            ("rate", self.rate),
            ("discount_share", self.discount_share),
            ("redemption_by_loyal", self.redemption_by_loyal),
            ("margin", self.margin),
            ("cap_share", self.cap_share.unwrap_or(0.0)),
        ];
        for (name, value) in shares {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::Parameter { name, value, expected: "0 to 1" });
            }
        }
        if !self.contact_cost.is_finite() || self.contact_cost < 0.0 {
            let (name, value) = ("contact_cost", self.contact_cost);
            return Err(Error::Parameter { name, value, expected: "a finite amount >= 0" });
        }
        Ok(())
    }

    /// The probability `D` that the offer keeps the customer; `winback` is the share of its rate with one who has left.
    #[must_use]
    pub fn kept(&self, of: &Prospect, kind: RateKind, winback: f64) -> f64 {
        let p = of.within_reach(winback);
        match kind {
            RateKind::ShareOfChurners => p * self.rate,
            RateKind::Points => self.rate.min(p),
        }
    }

    /// What the offer is expected to bring from a customer. A negative value is allowed and earns no subsidy back: the
    /// discount of a loss is taken as 0.
    ///
    /// ```
    /// use tenure_math::allocate::expected::{Prospect, RateKind, retention};
    /// let light = &retention().offers[0];
    /// let e = light.expected(&Prospect::new(0.5, 200.0), RateKind::ShareOfChurners, 1.0);
    /// assert_eq!((e.gain, e.cost, e.net), (20.0, 10.0, 10.0));
    /// ```
    #[must_use]
    pub fn expected(&self, of: &Prospect, kind: RateKind, winback: f64) -> Expected {
        let Prospect { p_churn, value, .. } = *of;
        let kept = self.kept(of, kind, winback);
        let gain = kept * of.gained(winback) * self.margin;
        let redeemed = kept + self.redemption_by_loyal * (1.0 - p_churn);
        let subsidy = self.discount_share * value.max(0.0) * redeemed;
        let cost = self.contact_cost + subsidy;
        Expected { gain, subsidy, cost, net: gain - cost }
    }

    /// The rate at which the offer to this customer neither gains nor loses; `None` where no rate up to 1 (up to
    /// `p_churn` for points, which cannot lower it further) does.
    ///
    /// ```
    /// use tenure_math::allocate::expected::{RateKind, retention};
    /// let light = &retention().offers[0];
    /// assert_eq!(light.break_even_rate(0.5, 200.0, RateKind::ShareOfChurners), Some(0.1));
    /// assert_eq!(light.break_even_rate(0.5, 10.0, RateKind::ShareOfChurners), None);
    /// ```
    #[must_use]
    pub fn break_even_rate(&self, p_churn: f64, value: f64, kind: RateKind) -> Option<f64> {
        let value = value.max(0.0);
        let lost = self.contact_cost + self.discount_share * value * self.redemption_by_loyal * (1.0 - p_churn);
        if lost <= 0.0 && self.margin >= self.discount_share {
            return Some(0.0);
        }
        let kept_value = value * (self.margin - self.discount_share);
        let (per_rate, most) = match kind {
            RateKind::ShareOfChurners => (p_churn * kept_value, 1.0),
            RateKind::Points => (kept_value, p_churn),
        };
        (per_rate > 0.0).then(|| lost / per_rate).filter(|&rate| rate <= most)
    }
}

impl OfferTable {
    /// Refuses offers outside their domain, names that are empty, used twice or [`NO_OFFER`], and a bad budget.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a number, [`Error::Infeasible`] for a name.
    pub fn check(&self) -> Result<()> {
        for (at, offer) in self.offers.iter().enumerate() {
            offer.check()?;
            let name = offer.name.trim();
            if name.is_empty() || name == NO_OFFER || self.offers[..at].iter().any(|o| o.name.trim() == name) {
                let reason = format!("the offer name '{name}' is empty, reserved or used twice");
                return Err(Error::Infeasible { reason });
            }
        }
        if !(0.0..=1.0).contains(&self.winback) {
            return Err(Error::Parameter { name: "winback", value: self.winback, expected: "0 to 1" });
        }
        match self.budget {
            Some(value) if !value.is_finite() || value < 0.0 => {
                Err(Error::Parameter { name: "budget", value, expected: "a finite amount >= 0" })
            }
            _ => Ok(()),
        }
    }

    /// The `net` and `cost` of a [`Problem`](super::Problem), row-major customers x offers.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for a value that is not finite, [`Error::Parameter`] for a probability outside its domain,
    /// otherwise those of [`OfferTable::check`].
    pub fn evaluate(&self, prospects: &[Prospect]) -> Result<(Vec<f64>, Vec<f64>)> {
        self.check()?;
        for of in prospects {
            num::require_finite("value", &[of.value, of.comes_back])?;
            if !(0.0..=1.0).contains(&of.p_churn) {
                return Err(Error::Parameter { name: "p_churn", value: of.p_churn, expected: "0 to 1" });
            }
            if !(0.0..=of.p_churn).contains(&of.p_gone) {
                return Err(Error::Parameter { name: "p_gone", value: of.p_gone, expected: "0 to p_churn" });
            }
        }
        let each = |of: &Prospect| self.offers.iter().map(|o| self.expected(o, of)).collect::<Vec<_>>();
        Ok(prospects.iter().flat_map(each).map(|e| (e.net, e.cost)).unzip())
    }

    /// What one of the table's offers is expected to bring from a customer.
    #[must_use]
    pub fn expected(&self, offer: &Offer, of: &Prospect) -> Expected {
        offer.expected(of, self.rate_kind, self.winback)
    }

    /// The `caps` of a [`Problem`](super::Problem) for `n` customers: the whole customers within each share.
    #[must_use]
    pub fn caps(&self, n: usize) -> Vec<Option<usize>> {
        // 0.07 x 100 is 7.000000000000001 and 0.29 x 100 is 28.999999999999996: a hair more than rounding is added.
        self.offers.iter().map(|o| o.cap_share.map(|share| (share * n as f64 + 1e-9) as usize)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    /// The offer with the greatest net at `p` x `value`; between equals the smaller.
    fn best(table: &OfferTable, p: f64, value: f64) -> Option<usize> {
        let (net, _) = table.evaluate(&[Prospect::new(p, value)]).unwrap();
        let mut best = None;
        for (k, &v) in net.iter().enumerate() {
            if v > best.map_or(1e-9, |b: usize| net[b] + 1e-9) {
                best = Some(k);
            }
        }
        best
    }

    #[test]
    fn retention_is_worth_it_from_50_75_and_125() {
        // REFERENCE 4.6: Light from p x value above 50, Standard over Light above 75, Premium over Standard above 125.
        let table = retention();
        for p in [0.2, 0.5, 1.0] {
            for (at, below, above) in [(50., None, Some(0)), (75., Some(0), Some(1)), (125., Some(1), Some(2))] {
                assert_eq!(best(&table, p, (at - 0.01) / p), below);
                assert_eq!(best(&table, p, (at + 0.01) / p), above);
            }
        }
    }

    #[test]
    fn coupons_are_worth_it_from_40_60_and_62_50() {
        // REFERENCE 4.6; in points the gain does not depend on p once p exceeds the rate.
        let table = coupons();
        for (at, below, above) in [(40., None, Some(0)), (60., Some(0), Some(1)), (62.5, Some(1), Some(2))] {
            assert_eq!(best(&table, 0.4, at - 0.01), below);
            assert_eq!(best(&table, 0.4, at + 0.01), above);
        }
        // A customer who leaves with probability 0.03 can be helped by 0.03 only.
        assert_eq!(table.expected(&table.offers[2], &Prospect::new(0.03, 1000.0)).gain, 30.0);
        assert_eq!(table.caps(4338), [None, None, Some(433)]);
        assert_eq!(table.caps(70), [None, None, Some(7)]);
    }

    #[test]
    fn subsidy_counts_against_budget_and_net() {
        let offer =
            Offer { discount_share: 0.1, redemption_by_loyal: 0.5, margin: 0.4, ..built_in("deal", 2.0, 0.25, None) };
        // Kept 0.1; gain 0.1 x 1000 x 0.4; discount to 0.1 + 0.5 x 0.6 = 0.4 of customers, 100 each.
        let e = offer.expected(&Prospect::new(0.4, 1000.0), RateKind::ShareOfChurners, 1.0);
        assert!((e.gain - 40.0).abs() < 1e-9 && (e.subsidy - 40.0).abs() < 1e-9);
        assert!((e.cost - 42.0).abs() < 1e-9 && (e.net + 2.0).abs() < 1e-9);
        assert_eq!(offer.expected(&Prospect::new(0.4, -10.0), RateKind::Points, 1.0).subsidy, 0.0);
    }

    #[test]
    fn who_has_left_is_reached_by_a_share_of_the_rate() {
        let of = Prospect { p_gone: 0.6, ..Prospect::new(0.9, 100.0) };
        // 0.3 hesitate; of the 0.6 that have left a tenth counts: 0.36 x 0.2 x 100.
        let light = |winback: f64| {
            let table = OfferTable { winback, ..retention() };
            table.expected(&table.offers[0], &of).gain
        };
        assert!((light(0.1) - 7.2).abs() < 1e-12 && (light(0.0) - 6.0).abs() < 1e-12);
        assert!((light(1.0) - 18.0).abs() < 1e-12, "with the whole rate it is as if nobody had left");
        // The 0.3 who hesitate would have brought 20 anyway: (0.3 x 80 + 0.06 x 100) x 0.2.
        let table = OfferTable { winback: 0.1, ..retention() };
        let gain = table.expected(&table.offers[0], &Prospect { comes_back: 20.0, ..of }).gain;
        assert!((gain - 6.0).abs() < 1e-12, "{gain}");
    }

    #[test]
    fn at_the_break_even_rate_nothing_is_gained() {
        for kind in [RateKind::ShareOfChurners, RateKind::Points] {
            for (p, value) in [(0.3, 500.0), (0.9, 150.0), (0.05, 9000.0)] {
                for offer in retention().offers {
                    let mut offer = Offer { discount_share: 0.05, redemption_by_loyal: 0.01, margin: 0.8, ..offer };
                    let Some(rate) = offer.break_even_rate(p, value, kind) else { continue };
                    offer.rate = rate;
                    assert!(offer.expected(&Prospect::new(p, value), kind, 1.0).net.abs() < 1e-9);
                }
            }
        }
        let free = built_in("free", 0.0, 0.1, None);
        assert_eq!(free.break_even_rate(0.5, 100.0, RateKind::Points), Some(0.0));
        assert_eq!(retention().offers[2].break_even_rate(0.1, 400.0, RateKind::Points), None);
    }

    #[test]
    fn bad_tables_are_refused_and_short_ones_filled_in() {
        let mut table = retention();
        table.offers[1].rate = 1.5;
        assert!(matches!(table.check(), Err(Error::Parameter { name: "rate", .. })));
        let mut table = retention();
        table.offers[1].name = "Light".to_owned();
        assert!(matches!(table.check(), Err(Error::Infeasible { .. })));
        assert!(retention().evaluate(&[Prospect::new(1.2, 1.0)]).is_err());
        assert!(retention().evaluate(&[Prospect::new(0.2, f64::NAN)]).is_err());
        assert!(retention().evaluate(&[Prospect { p_gone: 0.3, ..Prospect::new(0.2, 1.0) }]).is_err());
        assert!(OfferTable { winback: 1.5, ..retention() }.check().is_err());
        assert!(retention().check().is_ok() && coupons().check().is_ok());
        let text = r#"{"name":"x","offers":[{"name":"a","contact_cost":1,"rate":0.1}]}"#;
        let short: OfferTable = serde_json::from_str(text).unwrap();
        assert_eq!((short.offers[0].margin, short.rate_kind), (1.0, RateKind::ShareOfChurners));
    }
}

//! What offers do to customers: the response types, and the probability mass an offer moves.
//!
//! Let `p` be the true probability that the customer does not buy in the churn horizon. An offer with assumed rate `r`
//! finds in customer `i` the rate `r_i = r + spread * min(r, 1 - r) * u_i`, `u_i` in [-1, 1] with mean zero (half of it by
//! the acquisition channel, half the customer's own), so that the mean of `r_i` over persuadable customers is `r`. The
//! probability mass moved from leaving to staying is
//!
//! ```text
//! persuadable, alive    share_of_churners: p r_i             points: min(r_i, p)
//! persuadable, dropped  winback * r_i                        (both; p = 1)
//! sure thing, lost cause   0
//! sleeping dog, alive   share_of_churners: -(1 - p) h r_i    points: -min(h r_i, 1 - p)
//! sleeping dog, dropped    0
//! ```
//!
//! with `h` the harm of [`Persuasion`]. An offer with rate zero does nothing to anybody.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::{Result, require};
use crate::config::{self, OffersConfig};

/// How an offer's rate is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateKind {
    /// The offer keeps this share of those who would leave.
    ShareOfChurners,
    /// The offer lowers the probability of leaving by up to this much.
    Points,
}

/// An offer whose true effect is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfferSpec {
    /// The offer's name.
    pub name: String,
    /// Money spent on each customer who gets it, at least 0.
    pub contact_cost: f64,
    /// The assumed rate, 0 to 1.
    pub rate: f64,
    /// How `rate` is meant.
    pub rate_kind: RateKind,
    /// The share of spend that is profit, 0 to 1.
    pub margin: f64,
}

impl OfferSpec {
    /// The offers of the table in effect, as the world must know them.
    pub(crate) fn all_of(offers: &OffersConfig) -> Vec<Self> {
        let rate_kind = match offers.rate_kind() {
            config::RateKind::ShareOfChurners => RateKind::ShareOfChurners,
            config::RateKind::Points => RateKind::Points,
        };
        let spec = |offer: config::Offer| Self {
            name: offer.name,
            contact_cost: offer.contact_cost,
            rate: offer.rate,
            rate_kind,
            margin: offers.margin,
        };
        offers.tiers().into_iter().map(spec).collect()
    }

    /// Refuses what lies outside the domain.
    pub(super) fn check(&self) -> Result<()> {
        require("offer.rate", (0.0..=1.0).contains(&self.rate), "0 to 1")?;
        require("offer.margin", (0.0..=1.0).contains(&self.margin), "0 to 1")?;
        let cost = self.contact_cost.is_finite() && self.contact_cost >= 0.0;
        require("offer.contact_cost", cost, "an amount of at least 0")
    }
}

/// How a customer responds to any offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// Offers work, more or less as assumed.
    Persuadable,
    /// Stays or leaves whatever is offered, and takes the money.
    SureThing,
    /// Cannot be moved.
    LostCause,
    /// Leaves when reminded.
    SleepingDog,
}

impl Response {
    /// The type's name in `truth.csv`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Persuadable => "persuadable",
            Self::SureThing => "sure_thing",
            Self::LostCause => "lost_cause",
            Self::SleepingDog => "sleeping_dog",
        }
    }
}

/// How responses are spread over the customers; all parameters lie between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Persuasion {
    /// Share of sure things.
    pub sure_things: f64,
    /// Share of lost causes.
    pub lost_causes: f64,
    /// Share of sleeping dogs; who is none of these three is persuadable.
    pub sleeping_dogs: f64,
    /// How far true rates spread around the assumed one (0: all equal it).
    pub spread: f64,
    /// Factor of the rate for customers who have already dropped out.
    pub winback: f64,
    /// The share of the rate at which a sleeping dog who would have stayed leaves instead.
    pub harm: f64,
}

impl Default for Persuasion {
    fn default() -> Self {
        Self { sure_things: 0.10, lost_causes: 0.08, sleeping_dogs: 0.05, spread: 0.6, winback: 0.1, harm: 0.3 }
    }
}

impl Persuasion {
    /// The world in which every offer does to everybody exactly what is assumed of it, to the dropped-out with the share
    /// `winback` of its rate: what a plan loses here it loses by its p_churn, its value and its solver alone.
    #[must_use]
    pub fn as_assumed(winback: f64) -> Self {
        Self { sure_things: 0.0, lost_causes: 0.0, sleeping_dogs: 0.0, spread: 0.0, winback, harm: 0.0 }
    }

    /// Refuses what lies outside the domain.
    pub(super) fn check(&self) -> Result<()> {
        for (name, value) in [
            ("persuasion.sure_things", self.sure_things),
            ("persuasion.lost_causes", self.lost_causes),
            ("persuasion.sleeping_dogs", self.sleeping_dogs),
            ("persuasion.spread", self.spread),
            ("persuasion.winback", self.winback),
            ("persuasion.harm", self.harm),
        ] {
            require(name, (0.0..=1.0).contains(&value), "0 to 1")?;
        }
        require("persuasion", self.persuadable() >= 0.0, "shares that do not exceed 1 together")
    }

    /// The share of persuadable customers.
    fn persuadable(&self) -> f64 {
        1.0 - self.sure_things - self.lost_causes - self.sleeping_dogs
    }
}

/// Half of the lean is the customer's own, half the channel's.
const OWN_LEAN: f64 = 0.5;

/// The response and lean of a customer whose channel leans by `channel_lean`.
pub(super) fn draw(persuasion: &Persuasion, channel_lean: f64, draw: &mut impl Rng) -> (Response, f64) {
    let u: f64 = draw.random();
    let lean = OWN_LEAN * draw.random_range(-1.0..1.0) + (1.0 - OWN_LEAN) * channel_lean;
    let response = if u < persuasion.sure_things {
        Response::SureThing
    } else if u < persuasion.sure_things + persuasion.lost_causes {
        Response::LostCause
    } else if u < persuasion.sure_things + persuasion.lost_causes + persuasion.sleeping_dogs {
        Response::SleepingDog
    } else {
        Response::Persuadable
    };
    (response, lean)
}

/// The true rate of `offer` for a customer who leans by `lean`.
fn rate(persuasion: &Persuasion, offer: &OfferSpec, lean: f64) -> f64 {
    offer.rate + persuasion.spread * offer.rate.min(1.0 - offer.rate) * lean
}

/// The probability mass that `offer` moves from leaving to staying in a customer of known `response` and `lean`.
/// `p_churn` is that of a living customer; `alive` says whether this one is.
pub(super) fn moved(
    persuasion: &Persuasion,
    offer: &OfferSpec,
    response: Response,
    lean: f64,
    alive: bool,
    p_churn: f64,
) -> f64 {
    let rate = rate(persuasion, offer, lean);
    match (response, alive, offer.rate_kind) {
        (Response::SureThing | Response::LostCause, _, _) | (Response::SleepingDog, false, _) => 0.0,
        (Response::Persuadable, false, _) => persuasion.winback * rate,
        (Response::Persuadable, true, RateKind::ShareOfChurners) => p_churn * rate,
        (Response::Persuadable, true, RateKind::Points) => rate.min(p_churn),
        (Response::SleepingDog, true, RateKind::ShareOfChurners) => -(1.0 - p_churn) * persuasion.harm * rate,
        (Response::SleepingDog, true, RateKind::Points) => -(persuasion.harm * rate).min(1.0 - p_churn),
    }
}

/// The mean of [`moved`] over responses and leans, for one of whom only the channel is known.
pub(super) fn moved_mean(
    persuasion: &Persuasion,
    offer: &OfferSpec,
    channel_lean: f64,
    alive: bool,
    p_churn: f64,
) -> f64 {
    let centre = (1.0 - OWN_LEAN) * channel_lean;
    let (low, high) = (rate(persuasion, offer, centre - OWN_LEAN), rate(persuasion, offer, centre + OWN_LEAN));
    let mean = rate(persuasion, offer, centre);
    let (harm, dogs) = (persuasion.harm, persuasion.sleeping_dogs);
    match (alive, offer.rate_kind) {
        (false, _) => persuasion.persuadable() * persuasion.winback * mean,
        (true, RateKind::ShareOfChurners) => {
            persuasion.persuadable() * p_churn * mean - dogs * (1.0 - p_churn) * harm * mean
        }
        (true, RateKind::Points) => {
            persuasion.persuadable() * capped_mean(low, high, p_churn)
                - dogs * capped_mean(harm * low, harm * high, 1.0 - p_churn)
        }
    }
}

/// The mean of `min(r, cap)` for `r` uniform between `low` and `high`.
fn capped_mean(low: f64, high: f64, cap: f64) -> f64 {
    if cap >= high {
        f64::midpoint(low, high)
    } else if cap <= low {
        cap
    } else {
        ((cap * cap - low * low) / 2.0 + cap * (high - cap)) / (high - low)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use tenure_math::rng;

    fn offer(rate: f64, rate_kind: RateKind) -> OfferSpec {
        OfferSpec { name: "x".to_owned(), contact_cost: 10.0, rate, rate_kind, margin: 1.0 }
    }

    #[test]
    fn the_mean_effect_is_the_mean_of_the_effects() {
        let persuasion = Persuasion::default();
        for kind in [RateKind::ShareOfChurners, RateKind::Points] {
            for (r, p, alive) in [(0.2, 0.3, true), (0.6, 0.5, true), (0.4, 0.9, true), (0.6, 0.1, false)] {
                let offer = offer(r, kind);
                let mut stream = rng::stream(3, "test", 0);
                let n = 200_000;
                let draws: Vec<f64> = (0..n)
                    .map(|_| {
                        let (response, lean) = draw(&persuasion, 0.4, &mut stream);
                        moved(&persuasion, &offer, response, lean, alive, p)
                    })
                    .collect();
                let mean = draws.iter().sum::<f64>() / f64::from(n);
                let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / f64::from(n);
                let expected = moved_mean(&persuasion, &offer, 0.4, alive, p);
                assert!((mean - expected).abs() < 4.0 * (variance / f64::from(n)).sqrt(), "{mean} {expected}");
            }
        }
    }

    #[test]
    fn as_assumed_every_customer_responds_at_the_assumed_rate() {
        let mut stream = rng::stream(3, "test", 0);
        for alive in [true, false] {
            let p = if alive { 0.4 } else { 1.0 };
            let (response, lean) = draw(&Persuasion::as_assumed(1.0), 0.6, &mut stream);
            let offer = offer(0.4, RateKind::ShareOfChurners);
            assert_eq!(moved(&Persuasion::as_assumed(1.0), &offer, response, lean, alive, p), p * 0.4);
        }
    }

    #[test]
    fn an_offer_without_a_rate_moves_nobody() {
        for response in [Response::Persuadable, Response::SureThing, Response::LostCause, Response::SleepingDog] {
            for kind in [RateKind::ShareOfChurners, RateKind::Points] {
                let moved = moved(&Persuasion::default(), &offer(0.0, kind), response, 0.7, true, 0.5);
                assert_eq!(moved.abs(), 0.0);
            }
        }
    }
}

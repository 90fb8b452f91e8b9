//! Campaigns: who was offered what before `as_of`, and what it did.
//!
//! On the first open hour of each month from `from_month` on, the last one a churn window before `as_of` so that every
//! effect lies before it, a customer is with probability `randomised` part of a test
//! (each offer and no offer equally likely, and no offer is recorded too), else, with probability `targeted` and when
//! silent for 60 days, gets the last and strongest offer: that is how a shop contaminates its own data. The offers are
//! those of the retention table.
//!
//! What an offer does is the probability mass of `effect`: of those who would be silent in the churn window after it, as
//! many as it keeps place an order in that window and begin their stay anew; of the sleeping dogs who would have ordered,
//! as many as it drives away leave at once.

use rand::RngExt;
use rand_distr::{Distribution, Exp1};
use serde::{Deserialize, Serialize};
use tenure_math::rng;

use super::clock::{OPENS, within_opening_hours};
use super::effect::{self, OfferSpec};
use super::outlook;
use super::population::Customer;
use super::purchases::key;
use super::{Result, World, require};

/// Silence after which a customer is thought to be leaving, days.
const SILENCE_DAYS: f64 = 60.0;

/// How often customers are offered something before `as_of`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Campaigns {
    /// Months after the start in which the first campaign falls.
    pub from_month: u32,
    /// Probability of being part of a month's randomised test, 0 to 1.
    pub randomised: f64,
    /// Probability that one who is silent and in no test gets the strongest offer, 0 to 1.
    pub targeted: f64,
}

impl Campaigns {
    /// Nobody is offered anything.
    pub const NONE: Self = Self { from_month: 6, randomised: 0.0, targeted: 0.0 };
    /// A test among a tenth of the customers each month, and half of the silent ones targeted.
    pub const USUAL: Self = Self { from_month: 6, randomised: 0.1, targeted: 0.5 };

    /// Refuses shares outside 0 to 1.
    pub(super) fn check(&self) -> Result<()> {
        require("campaigns.randomised", (0.0..=1.0).contains(&self.randomised), "0 to 1")?;
        require("campaigns.targeted", (0.0..=1.0).contains(&self.targeted), "0 to 1")
    }

    /// Whether there are any.
    pub(super) fn are_held(&self) -> bool {
        self.randomised > 0.0 || self.targeted > 0.0
    }
}

/// A contact with a customer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Contact {
    /// When, in days since the start.
    pub(super) at: f64,
    /// Index into the world's offers; `None` is the arm without an offer.
    pub(super) offer: Option<usize>,
    /// Whether chance decided.
    pub(super) randomised: bool,
}

/// What a contact changes.
pub(super) enum Turn {
    /// Nothing.
    Stays,
    /// Who would have been silent orders at this instant, and leaves only at the other.
    Returns { at: f64, leaves: f64 },
    /// Who would have ordered leaves now.
    Leaves,
}

impl World {
    /// The instants of the campaigns, in days since the start.
    pub(super) fn campaigns(&self) -> Vec<f64> {
        let campaigns = &self.params.campaigns;
        if !campaigns.are_held() {
            return Vec::new();
        }
        (campaigns.from_month..)
            .map(|month| self.params.start.plus_months(month).days_since(self.params.start) as f64 + OPENS)
            .take_while(|at| at + f64::from(self.params.churn_days) <= self.cut)
            .collect()
    }

    /// Whether campaign `number` at `at` reaches customer `index`, silent since `last`, and what that changes: the next
    /// order would come at `next` (infinity: never), the customer leaves at `leaves`.
    pub(super) fn contact(
        &self,
        index: u32,
        (number, at): (usize, f64),
        last: f64,
        next: f64,
        leaves: f64,
    ) -> Option<(Contact, Turn)> {
        let customer = self.customer(index);
        let campaigns = &self.params.campaigns;
        let mut draw = rng::stream(self.params.seed, "world/contact", key(index, number as u32));
        let contact = if draw.random::<f64>() < campaigns.randomised {
            let arm = draw.random_range(0..=self.offers.len());
            Contact { at, offer: arm.checked_sub(1), randomised: true }
        } else if at - last >= SILENCE_DAYS && draw.random::<f64>() < campaigns.targeted {
            Contact { at, offer: Some(self.offers.len() - 1), randomised: false }
        } else {
            return None;
        };
        let Some(offer) = contact.offer else { return Some((contact, Turn::Stays)) };
        Some((contact, self.turn(customer, &self.offers[offer], at, next, leaves, &mut draw)))
    }

    fn turn(
        &self,
        customer: &Customer,
        offer: &OfferSpec,
        at: f64,
        next: f64,
        leaves: f64,
        draw: &mut impl rand::Rng,
    ) -> Turn {
        let days = f64::from(self.params.churn_days);
        let (alive, silent) = (leaves > at, next >= at + days);
        let ahead = outlook::outlook(&self.clock, &customer.latent, at, at + days);
        let p_churn = if alive { ahead.silent_alive + ahead.silent_dropped } else { 1.0 };
        let moved = effect::moved(&self.params.persuasion, offer, customer.response, customer.lean, alive, p_churn);
        let (u, when, life): (f64, f64, f64) = (draw.random(), draw.random(), Exp1.sample(draw));
        if silent && moved > 0.0 && u < moved / p_churn {
            // In opening hours of a day within the window, and not before the offer.
            let day = (at + when * (days - 1.0)).floor() + 1.0;
            let back = (day - 1.0 + within_opening_hours(when * 977.0 % 1.0)).max(at + 1.0 / 24.0);
            Turn::Returns { at: back, leaves: back + life / customer.latent.hazard }
        } else if !silent && moved < 0.0 && u < -moved / (1.0 - p_churn) {
            Turn::Leaves
        } else {
            Turn::Stays
        }
    }
}

//! What a shop knows of its customers besides their orders: channel and region, and month by month visits, product events
//! and support tickets.
//!
//! Visits of a month are Poisson around `3 rate + 0.02` a day while the customer stays and a tenth of that after it has
//! left; each visit brings Poisson(2.5) product events; tickets are Poisson(0.02 a month), and 0.5 more in the month in
//! which the customer leaves. A row is known from the first instant of the month after the one it counts; the first one,
//! with nothing counted yet, from the midnight after the first order.

use rand::RngExt;
use rand_distr::{Distribution, Poisson};
use tenure_math::rng;

use super::World;
use super::purchases::key;

/// Regions within a country, with their shares.
pub(super) const REGIONS: [(&str, f64); 4] = [("north", 0.2), ("south", 0.4), ("east", 0.15), ("west", 0.25)];

/// What is known of a customer from an instant on.
pub(super) struct Engagement {
    /// Days since the start from which on it is known; midnight.
    pub(super) known: u32,
    pub(super) visits: i64,
    pub(super) product_events: i64,
    pub(super) support_tickets: i64,
}

impl World {
    /// The customer's region.
    pub(super) fn region(&self, index: u32) -> &'static str {
        let mut draw = rng::stream(self.params.seed, "world/region", u64::from(index));
        REGIONS[super::shop::pick(REGIONS.iter().map(|r| r.1), draw.random())].0
    }

    /// The customer's months from acquisition to `as_of`; it leaves at `leaves`.
    pub(super) fn engagement(&self, index: u32, leaves: f64) -> Vec<Engagement> {
        let customer = self.customer(index);
        let start = self.params.start;
        let day = |month: u32| start.plus_months(month).days_since(start) as f64;
        let mut months = Vec::new();
        let known = customer.acquired as u32 + 1;
        if f64::from(known) < self.cut {
            months.push(Engagement { known, visits: 0, product_events: 0, support_tickets: 0 });
        }
        for month in 0.. {
            let (from, to) = (day(month).max(customer.acquired), day(month + 1));
            if to >= self.cut {
                break;
            }
            if to <= customer.acquired {
                continue;
            }
            let stays = (leaves.clamp(from, to) - from) + 0.1 * (to - leaves.clamp(from, to));
            let mut draw = rng::stream(self.params.seed, "world/engagement", key(index, month));
            // `Poisson` refuses a mean of zero, where the answer is zero.
            let mut poisson = |mean: f64| Poisson::new(mean).map_or(0.0, |d| d.sample(&mut draw)) as i64;
            let visits = poisson((3.0 * customer.latent.rate + 0.02) * stays);
            let leaving = if (from..to).contains(&leaves) { 0.5 } else { 0.0 };
            let product_events = poisson(2.5 * visits as f64);
            let support_tickets = poisson(0.02 + leaving);
            if to as u32 == known {
                months.clear();
            }
            months.push(Engagement { known: to as u32, visits, product_events, support_tickets });
        }
        months
    }
}

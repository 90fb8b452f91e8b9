//! Orders and baskets: the visible part of a customer's life.
//!
//! Orders are unit-exponential steps of the customer's own clock (see `clock`), divided by the rate; a life is drawn
//! from one stream in the order of time, so a longer look only adds to its end. A basket has a stream of its own and can
//! be drawn again at any time, which is how a return finds its sale and how an export needs no memory for lines.

use rand::{Rng, RngExt};
use rand_distr::{Binomial, Distribution, Exp1, LogNormal, Poisson};
use tenure_math::rng;

use super::World;
use super::campaign::{Contact, Turn};
use super::clock::{Clock, within_opening_hours};
use super::population::{Latent, Taste};
use super::shop::{COUNTRIES, N_CATEGORIES, PER_CATEGORY, Shop};

/// The most picks in a basket beyond the first.
pub(super) const MORE_PICKS: u64 = 9;

/// An order of a customer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Order {
    /// When, in days since the start.
    pub(super) at: f64,
    /// 0 for the first order, which acquired the customer.
    pub(super) ordinal: u32,
    /// When one of its lines came back, 2 to 8 days later.
    pub(super) returned_at: Option<f64>,
}

/// What was bought: distinct products and quantities, then postage in pence (0 for none).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Basket {
    pub(super) lines: Vec<(usize, i64)>,
    pub(super) postage: i64,
}

impl Basket {
    /// The value in pence.
    pub(super) fn value(&self, shop: &Shop) -> i64 {
        self.lines.iter().map(|&(product, quantity)| shop.products[product].price * quantity).sum::<i64>()
            + self.postage
    }
}

/// The time of the next order after `after` of a customer who stays, or `None` beyond the clock.
pub(super) fn next_order(clock: &Clock, latent: &Latent, after: f64, draw: &mut impl Rng) -> Option<f64> {
    let step: f64 = Exp1.sample(draw);
    clock.instant(clock.elapsed(after, latent.seasonality) + step / latent.rate, latent.seasonality)
}

/// The index of the stream of order `ordinal` of customer `index`.
pub(super) fn key(index: u32, ordinal: u32) -> u64 {
    (u64::from(index) << 32) | u64::from(ordinal)
}

/// A customer's life up to some instant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Life {
    /// By time.
    pub(super) orders: Vec<Order>,
    /// By time.
    pub(super) contacts: Vec<Contact>,
    /// The hidden drop-out, after whatever the contacts changed.
    pub(super) leaves: f64,
}

impl World {
    /// The life of customer `index` before `until` (days since the start).
    pub(super) fn life(&self, index: u32, until: f64) -> Life {
        let customer = self.customer(index);
        let mut draw = rng::stream(self.params.seed, "world/life", u64::from(index));
        let mut life = Life { orders: Vec::new(), contacts: Vec::new(), leaves: customer.leaves };
        let mut campaigns =
            self.campaigns.iter().copied().enumerate().filter(|(_, at)| *at > customer.acquired).peekable();
        let mut at = customer.acquired;
        loop {
            // The first order acquires the customer, whatever comes after.
            let next = if at < life.leaves || life.orders.is_empty() { at } else { f64::INFINITY };
            if let Some(campaign) = campaigns.next_if(|(_, c)| *c < next.min(until)) {
                let last = life.orders.last().map_or(customer.acquired, |order| order.at);
                if let Some((contact, turn)) = self.contact(index, campaign, last, next, life.leaves) {
                    life.contacts.push(contact);
                    match turn {
                        Turn::Stays => {}
                        Turn::Leaves => life.leaves = campaign.1,
                        Turn::Returns { at: back, leaves } => (at, life.leaves) = (back, leaves),
                    }
                }
                continue;
            }
            if next >= until {
                return life;
            }
            let returned = draw.random::<f64>() < customer.returns;
            let back = at.floor() + f64::from(draw.random_range(3..=7_u32)) + within_opening_hours(draw.random());
            life.orders.push(Order { at, ordinal: life.orders.len() as u32, returned_at: returned.then_some(back) });
            at = next_order(&self.clock, &customer.latent, at, &mut draw).unwrap_or(f64::INFINITY);
        }
    }

    /// The orders of customer `index` before `until` (days since the start), by time.
    pub(super) fn orders(&self, index: u32, until: f64) -> Vec<Order> {
        self.life(index, until).orders
    }

    /// The basket of order `ordinal` of customer `index`.
    pub(super) fn basket(&self, index: u32, ordinal: u32) -> Basket {
        let mut draw = rng::stream(self.params.seed, "world/basket", key(index, ordinal));
        fill(&self.shop, &self.customer(index).taste, &mut draw)
    }

    /// The position in the basket and the quantity of the line that came back from a returned order.
    pub(super) fn returned_line(&self, index: u32, ordinal: u32, basket: &Basket) -> (usize, i64) {
        let mut draw = rng::stream(self.params.seed, "world/return", key(index, ordinal));
        let position = draw.random_range(0..basket.lines.len());
        let sold = basket.lines[position].1;
        let whole = draw.random::<f64>() < 0.7;
        (position, if whole { sold } else { draw.random_range(1..=sold) })
    }
}

/// Fills a basket by `taste`.
pub(super) fn fill(shop: &Shop, taste: &Taste, draw: &mut impl Rng) -> Basket {
    let sigma = shop.order_sigma;
    let size = LogNormal::new(-sigma * sigma / 2.0, sigma).map_or(1.0, |d| d.sample(draw));
    let picks = 1 + Binomial::new(MORE_PICKS, taste.fullness).map_or(0, |d| d.sample(draw));
    let mut lines: Vec<(usize, i64)> = Vec::with_capacity(picks as usize);
    for _ in 0..picks {
        let u: f64 = draw.random();
        let category = taste.affinity.partition_point(|&a| a <= u).min(N_CATEGORIES - 1);
        let u: f64 = draw.random();
        let item = shop.popularity.partition_point(|&p| p <= u).min(PER_CATEGORY - 1);
        let product = category * PER_CATEGORY + item;
        let price = shop.products[product].price as f64 / 100.0;
        let mean = size * (taste.budget / price - 1.0).max(0.0);
        // `Poisson` refuses a mean of zero, where the answer is zero.
        let quantity = 1 + Poisson::new(mean).map_or(0.0, |d| d.sample(draw)) as i64;
        // Picks of the same product share a line, so that two equal lines of an order are always a planted defect.
        match lines.iter_mut().find(|line| line.0 == product) {
            Some(line) => line.1 += quantity,
            None => lines.push((product, quantity)),
        }
    }
    let country = &COUNTRIES[taste.country];
    let postage = if draw.random::<f64>() < country.postage { country.fee } else { 0 };
    Basket { lines, postage }
}

/// The expected value, in pounds, of a basket filled by `taste`: the exact mean of [`fill`].
pub(super) fn expected_value(shop: &Shop, taste: &Taste) -> f64 {
    let country = &COUNTRIES[taste.country];
    expected_goods(shop, taste) + country.postage * country.fee as f64 / 100.0
}

/// [`expected_value`] without postage.
pub(super) fn expected_goods(shop: &Shop, taste: &Taste) -> f64 {
    let mut line = 0.0;
    let mut before = 0.0;
    for (category, &affinity) in taste.affinity.iter().enumerate() {
        for item in 0..PER_CATEGORY {
            let price = shop.products[category * PER_CATEGORY + item].price as f64 / 100.0;
            line += (affinity - before) * shop.share(item) * price.max(taste.budget);
        }
        before = affinity;
    }
    (1.0 + MORE_PICKS as f64 * taste.fullness) * line
}

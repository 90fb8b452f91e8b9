//! Customers: when each was acquired, and the hidden state that decides all that follows.

use rand::{Rng, RngExt};
use rand_distr::{Beta, Distribution, Exp1, Gamma, LogNormal};
use tenure_math::rng;

use super::Params;
use super::clock::{self, Clock};
use super::effect::{self, Response};
use super::shop::{CHANNELS, COUNTRIES, N_CATEGORIES, Shop, pick};

/// What decides the times of a customer's orders.
#[derive(Debug, Clone, Copy)]
pub(super) struct Latent {
    /// Orders per average day while alive.
    pub(super) rate: f64,
    /// Hazard of drop-out per day.
    pub(super) hazard: f64,
    /// How much of the rate follows the season, 0 to 1.
    pub(super) seasonality: f64,
}

/// What decides the contents of a customer's baskets.
#[derive(Debug, Clone)]
pub(super) struct Taste {
    /// Pounds that the customer likes to spend on a line.
    pub(super) budget: f64,
    /// Picks of a basket are 1 + Binomial(9, fullness).
    pub(super) fullness: f64,
    /// Cumulative affinities to the categories; the last is one.
    pub(super) affinity: [f64; N_CATEGORIES],
    /// Index into [`COUNTRIES`].
    pub(super) country: usize,
}

/// A customer's state.
#[derive(Debug)]
pub(super) struct Customer {
    /// The first order, in days since the start.
    pub(super) acquired: f64,
    /// The hidden drop-out, in days since the start: no order from here on.
    pub(super) leaves: f64,
    pub(super) latent: Latent,
    pub(super) taste: Taste,
    /// Probability that an order is followed by a return.
    pub(super) returns: f64,
    /// Index into [`CHANNELS`].
    pub(super) channel: usize,
    pub(super) response: Response,
    /// How strongly the customer responds, relative to the assumed rate: -1 to 1.
    pub(super) lean: f64,
}

/// The distribution of acquisitions over the first months: a crowd at the start, as in any export of a shop that existed
/// before it, then growth, with the week's and half the year's shape.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// Cumulative share at the end of each day.
    days: Vec<f64>,
}

impl Arrivals {
    /// The acquisitions' calendar under `params`.
    pub(super) fn new(params: &Params, shop: &Shop, clock: &Clock) -> Self {
        let end = params.start.plus_months(params.months).days_since(params.start) as usize;
        let mut sum = 0.0;
        let mut days: Vec<f64> = (0..end)
            .map(|day| {
                // The clock may end before the months do; nobody acquired after it is ever looked at.
                let factor = if day < clock.n_days() { clock.factor(day, 0.5) } else { 1.0 };
                let day = day as f64;
                sum += factor * ((shop.growth * day / 30.0).exp() + shop.opening * (-day / 12.0).exp());
                sum
            })
            .collect();
        days.iter_mut().for_each(|d| *d /= sum);
        Self { days }
    }

    /// The time at which share `u` of the customers has been acquired.
    fn instant(&self, u: f64) -> f64 {
        let day = self.days.partition_point(|&d| d <= u).min(self.days.len() - 1);
        let before = if day == 0 { 0.0 } else { self.days[day - 1] };
        day as f64 + clock::within_opening_hours((u - before) / (self.days[day] - before))
    }
}

/// Customer `index`, from the stream of that name.
pub(super) fn draw(params: &Params, shop: &Shop, arrivals: &Arrivals, index: u32) -> Customer {
    let mut draw = rng::stream(params.seed, "world/customer", u64::from(index));
    let acquired = arrivals.instant(draw.random());
    let channel = pick(CHANNELS.iter().map(|c| c.share), draw.random());
    let country = pick(COUNTRIES.iter().map(|c| c.share), draw.random());
    let (by, at) = (&CHANNELS[channel], &COUNTRIES[country]);
    let pace = gamma(shop.rate.1, &mut draw);
    // The bounds keep integrals well scaled; they touch about one customer in ten thousand.
    let rate = (shop.rate.0 * pace * by.rate * at.rate).clamp(1e-6, 3.0);
    let frailty = gamma(shop.hazard.1, &mut draw) * pace.clamp(0.05, 20.0).powf(-shop.loyalty);
    let hazard = (shop.hazard.0 * frailty * by.hazard * at.hazard).clamp(1e-6, 1.0);
    let life: f64 = Exp1.sample(&mut draw);
    let seasonality = beta(shop.seasonality, &mut draw);
    let taste = taste(shop, country, &mut draw);
    let returns = (shop.returns * gamma(1.5, &mut draw)).min(0.5);
    let (response, lean) = effect::draw(&params.persuasion, by.lean, &mut draw);
    let customer = Customer {
        acquired,
        leaves: acquired + life / hazard,
        latent: Latent { rate, hazard, seasonality },
        taste,
        returns,
        channel,
        response,
        lean,
    };
    if params.alike { average(shop, &customer) } else { customer }
}

/// The same customer with the shop's means in the place of everything of its own; it never leaves (the hazard is the least
/// there is) and no offer moves it.
fn average(shop: &Shop, customer: &Customer) -> Customer {
    let mean = |(a, b): (f64, f64)| a / (a + b);
    let sum: f64 = shop.category_weights.iter().sum();
    let mut affinity = [0.0; N_CATEGORIES];
    let mut before = 0.0;
    for (share, weight) in affinity.iter_mut().zip(shop.category_weights) {
        before += weight / sum;
        *share = before;
    }
    Customer {
        acquired: customer.acquired,
        leaves: f64::INFINITY,
        latent: Latent { rate: shop.rate.0, hazard: 1e-6, seasonality: mean(shop.seasonality) },
        taste: Taste { budget: shop.budget.0, fullness: mean(shop.fullness), affinity, country: 0 },
        returns: shop.returns,
        response: Response::LostCause,
        lean: 0.0,
        channel: customer.channel,
    }
}

/// The taste of somebody in `country`.
pub(super) fn taste(shop: &Shop, country: usize, draw: &mut impl Rng) -> Taste {
    let spread = LogNormal::new(0.0_f64, shop.budget.1).map_or(1.0, |d| d.sample(draw));
    let fullness = beta(shop.fullness, draw);
    let mut affinity = [0.0; N_CATEGORIES];
    let mut sum = 0.0;
    for (share, weight) in affinity.iter_mut().zip(shop.category_weights) {
        // A Dirichlet draw: most customers care for two to four of the ten categories.
        sum += weight * gamma(0.5, draw);
        *share = sum;
    }
    affinity.iter_mut().for_each(|share| *share /= sum);
    Taste { budget: shop.budget.0 * spread * COUNTRIES[country].budget, fullness, affinity, country }
}

/// A gamma draw with mean one; its shape is one of the shop's constants, so the fallback never happens.
fn gamma(shape: f64, draw: &mut impl Rng) -> f64 {
    Gamma::new(shape, 1.0 / shape).map_or(1.0, |d| d.sample(draw))
}

/// A beta draw; see [`gamma`].
fn beta((a, b): (f64, f64), draw: &mut impl Rng) -> f64 {
    Beta::new(a, b).map_or(0.5, |d| d.sample(draw))
}

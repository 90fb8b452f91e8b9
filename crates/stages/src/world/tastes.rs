//! What an order of a customer is worth, for one who knows the law by which tastes are spread and has seen its orders.
//!
//! **Model.** Tastes are drawn from the law of `population::taste`; of each is known in closed form what an order is worth,
//! and by simulated baskets how its orders look: the logarithm of the goods' value per line (normal, mean `m`, variance
//! `s2`) and the lines (1 + Binomial(9, `f`)). With `n` orders of log values `z` and `k` lines beyond the first of each,
//!
//! ```text
//! log weight = B / (n + B) * ( -n/2 log s2 - sum (z - m)^2 / (2 s2) + k log f + (9 n - k) log(1 - f) )
//! worth      = sum weight * worth of the taste / sum weight
//! ```
//!
//! The first factor takes account of `m`, `s2` and `f` being known from `B` baskets only. A country shifts the budget, and
//! enters by the ratio of the two densities of the budget.
//!
//! **Limits.** Which categories a customer buys is not looked at, nor the spread of prices within an order; where prices
//! matter more than budgets, a little more could be known.

use rayon::prelude::*;
use tenure_math::rng;

use super::World;
use super::population::{self, Taste};
use super::purchases::{self, Basket, MORE_PICKS};
use super::shop::{COUNTRIES, Shop};

/// Tastes that are drawn.
const TASTES: u64 = 6_000;
/// Baskets that each of them fills.
const BASKETS: usize = 200;

/// The orders of a customer, as far as they tell its taste.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    n: f64,
    sum: f64,
    squares: f64,
    more: f64,
}

impl Seen {
    /// One more order.
    pub(super) fn add(&mut self, shop: &Shop, basket: &Basket) {
        let lines = basket.lines.len() as f64;
        let per_line = ((basket.value(shop) - basket.postage) as f64 / 100.0 / lines).ln();
        self.n += 1.0;
        self.sum += per_line;
        self.squares += per_line * per_line;
        self.more += lines - 1.0;
    }
}

/// A taste, and how its orders look.
struct Sample {
    /// What the goods of an order are worth, in pounds.
    worth: f64,
    log_budget: f64,
    mean: f64,
    variance: f64,
    /// Logarithms of the chance of a further line, and of none.
    more: [f64; 2],
}

impl Sample {
    fn new(shop: &Shop, taste: &Taste, draw: &mut rng::Stream) -> Self {
        let mut seen = Seen::default();
        (0..BASKETS).for_each(|_| seen.add(shop, &purchases::fill(shop, taste, draw)));
        let mean = seen.sum / seen.n;
        let trials = seen.n * MORE_PICKS as f64;
        let more = (seen.more + 0.5) / (trials + 1.0);
        Self {
            worth: purchases::expected_goods(shop, taste),
            log_budget: taste.budget.ln(),
            mean,
            variance: (seen.squares / seen.n - mean * mean).max(1e-6),
            more: [more.ln(), (1.0 - more).ln()],
        }
    }

    fn log_likelihood(&self, seen: &Seen) -> f64 {
        let apart = seen.squares - 2.0 * self.mean * seen.sum + seen.n * self.mean * self.mean;
        let none = seen.n * MORE_PICKS as f64 - seen.more;
        let all = -0.5 * seen.n * self.variance.ln() - apart / (2.0 * self.variance)
            + seen.more * self.more[0]
            + none * self.more[1];
        all * BASKETS as f64 / (seen.n + BASKETS as f64)
    }
}

/// The law of tastes, as a sample.
pub(super) struct Tastes {
    samples: Vec<Sample>,
    /// Mean and standard deviation of the log budget in a country of factor one.
    budget: (f64, f64),
}

impl Tastes {
    /// The tastes of the customers of `world`.
    pub(super) fn new(world: &World) -> Self {
        let shop = &world.shop;
        // In a world of equals there is one taste, and whoever has it tells it.
        let only = world.customers.first().filter(|_| world.params.alike).map(|customer| &customer.taste);
        let n = if only.is_some() { 1 } else { TASTES };
        let sample = |index: u64| {
            let mut draw = rng::stream(world.params.seed, "world/tastes", index);
            let taste = only.cloned().unwrap_or_else(|| population::taste(shop, 0, &mut draw));
            Sample::new(shop, &taste, &mut draw)
        };
        Self {
            samples: (0..n).into_par_iter().map(sample).collect(),
            budget: (shop.budget.0.ln() + COUNTRIES[0].budget.ln(), shop.budget.1),
        }
    }

    /// What an order of a customer of `country` is worth, in pounds, in the mean of what its orders say.
    pub(super) fn worth(&self, seen: &Seen, country: usize) -> f64 {
        let country = &COUNTRIES[country];
        let shift = (country.budget / COUNTRIES[0].budget).ln();
        let (centre, sd) = self.budget;
        let log_weights: Vec<f64> = self
            .samples
            .iter()
            .map(|of| {
                let from_home = of.log_budget - centre;
                of.log_likelihood(seen) + shift * (2.0 * from_home - shift) / (2.0 * sd * sd)
            })
            .collect();
        let most = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (mut weight, mut worth) = (0.0, 0.0);
        for (of, log_weight) in self.samples.iter().zip(&log_weights) {
            let w = (log_weight - most).exp();
            weight += w;
            worth += w * of.worth;
        }
        worth / weight + country.postage * country.fee as f64 / 100.0
    }
}

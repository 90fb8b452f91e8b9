//! The statistician: who knows the laws of the shop, and of each customer what the export shows.
//!
//! **Question.** The best observer of `truth` knows the traits of every customer; no data do. What would the best plan earn
//! that can be made from data at all?
//!
//! **Model.** Known are the shop's constants, its season, the factors of channels and countries, and what an offer does in
//! the mean; of a customer its channel, its country, and the times and baskets of its orders. Its rate `l`, hazard `u` and
//! seasonality `k` have the distribution of `population`, and after repeats at `t_1 .. t_n` (the first order at `a`, the
//! last at `b`) the posterior
//!
//! ```text
//! weight(l, u, k) = prior * l^n prod factor_k(t_j) exp(-l (E_k(b) - E_k(a))) exp(-u (b - a)) * (alive + dropped)
//! alive           P(no order from b to as_of, still alive)        dropped   P(no order, dropped out)
//! gain            = E( (alive moved_alive (kept - paused) + dropped moved_dropped kept) / (alive + dropped) )
//!                   * worth of an order * margin - contact_cost
//! ```
//!
//! with `E_k` the clock's elapsed time; what an order is worth is independent of all this (see `tastes`). The expectation is
//! a sum over one grid for all customers: `log l` and `log u` in even steps, which for such densities errs by less than the
//! random numbers do, and midpoints of `k`. `alive` and `dropped` at a midnight follow from those a day later, so that
//! days are gone through backwards and each customer is met on the day of its last order.
//!
//! **Limits.** Contacts are not looked at, nor visits and tickets, which say more of who has left. Rates and hazards beyond
//! the grid, one customer in a thousand, are taken to lie on it.
//!
//! **Source.** Schmittlein, Morrison and Colombo (1987) with the shop's season; Trefethen and Weideman (2014) on even steps.

use rayon::prelude::*;

use super::clock::CLOSES;
use super::effect::{self, OfferSpec};
use super::grid::{Grid, Silence, survival};
use super::outlook::{self, Future};
use super::population::Latent;
use super::shop::{CHANNELS, COUNTRIES};
use super::tastes::{Seen, Tastes};
use super::{Result, World, check_horizon};

/// Rows of the grid whose likelihood is smaller than the greatest by this exponent are left out.
const NEGLIGIBLE: f64 = 40.0;

/// What the statistician knows; all vectors over customers are in the order of [`super::Truth::customer_id`].
#[derive(Debug, Clone, PartialEq)]
pub struct FromData {
    /// P(alive).
    pub p_alive: Vec<f64>,
    /// P(no order in the churn horizon).
    pub p_churn: Vec<f64>,
    /// E(spend in the value horizon).
    pub value: Vec<f64>,
    /// E(spend in the value horizon | kept by an offer that reaches the dropped-out with the world's share of its rate).
    pub value_if_kept: Vec<f64>,
    /// E(spend in the value horizon | alive, no order in the churn horizon).
    pub value_if_churned: Vec<f64>,
    /// E(value of an order).
    pub order_value: Vec<f64>,
    /// Expected net gain of each offer against none: `gains[offer][customer]`, in money.
    pub gains: Vec<Vec<f64>>,
}

/// What the export shows of a customer's orders.
struct History {
    row: usize,
    channel: usize,
    country: usize,
    acquired: f64,
    last: f64,
    repeats: f64,
    /// Sum of the logarithms of the clock's factors at the repeats, by seasonality.
    log_factors: Vec<f64>,
    seen: Seen,
}

/// What follows from each point for the time after `as_of`.
struct Ahead {
    futures: Vec<Future>,
    /// By channel and offer: `moved_alive (kept - paused)`, in orders.
    alive: Vec<Vec<Vec<f64>>>,
    /// By channel and offer: `moved_dropped`.
    dropped: Vec<Vec<f64>>,
}

impl Ahead {
    fn new(world: &World, grid: &Grid, offers: &[OfferSpec], churn_days: u32, value_days: u32) -> Self {
        let futures: Vec<Future> = grid
            .rows()
            .flat_map_iter(|(seasonality, rate)| {
                grid.hazards.iter().map(move |&hazard| {
                    let latent = Latent { rate, hazard, seasonality };
                    outlook::future(&world.clock, &latent, world.cut, churn_days, value_days)
                })
            })
            .collect();
        let moved = |lean: f64, offer: &OfferSpec, alive: bool, p_churn: f64| {
            effect::moved_mean(&world.params.persuasion, offer, lean, alive, p_churn)
        };
        let alive = |lean: f64, offer: &OfferSpec| {
            let gained =
                |of: &Future| moved(lean, offer, true, of.p_churn) * (of.orders_if_kept - of.orders_if_churned);
            futures.par_iter().map(gained).collect()
        };
        Self {
            alive: CHANNELS.iter().map(|by| offers.iter().map(|offer| alive(by.lean, offer)).collect()).collect(),
            dropped: CHANNELS
                .iter()
                .map(|by| offers.iter().map(|offer| moved(by.lean, offer, false, 1.0)).collect())
                .collect(),
            futures,
        }
    }
}

/// Posterior sums of one customer, in orders.
#[derive(Default)]
struct Sums {
    all: f64,
    alive: f64,
    orders: f64,
    /// Alive and silent in the churn horizon, and the same times the orders if kept, and if not.
    silent: f64,
    silent_kept: f64,
    silent_paused: f64,
    dropped: f64,
    dropped_kept: f64,
    by_offer: Vec<f64>,
}

impl Sums {
    fn add(&mut self, weight: f64, (alive, dropped): (f64, f64), of: &Future) {
        let (alive, dropped) = (weight * alive, weight * dropped);
        let silent = alive * of.p_churn;
        self.all += alive + dropped;
        self.alive += alive;
        self.orders += alive * of.orders;
        self.silent += silent;
        self.silent_kept += silent * of.orders_if_kept;
        self.silent_paused += silent * of.orders_if_churned;
        self.dropped += dropped;
        self.dropped_kept += dropped * of.orders_if_kept;
    }
}

/// The sums over the posterior of one customer, met on the day of its last order.
fn posterior(history: &History, prior: &[f64], silence: &Silence<'_>, ahead: &Ahead) -> Sums {
    let (grid, clock) = (silence.grid, silence.clock);
    let (n, n_rates) = (grid.hazards.len(), grid.rates.len());
    let day = history.last.floor() as usize;
    let left = (CLOSES - history.last.fract()).max(0.0);
    let stays = survival(&grid.hazards, left);
    let lives = survival(&grid.hazards, history.last - history.acquired);
    let logs: Vec<f64> = (0..n_rates * grid.seasonalities.len())
        .map(|row| {
            let (k, rate) = (grid.seasonalities[row / n_rates], grid.rates[row % n_rates]);
            let passed = clock.elapsed(history.last, k) - clock.elapsed(history.acquired, k);
            history.repeats * rate.ln() + history.log_factors[row / n_rates] - rate * passed
        })
        .collect();
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let alive_gains = &ahead.alive[history.channel];
    let mut sums = Sums { by_offer: vec![0.0; alive_gains.len()], ..Sums::default() };
    for (row, log) in logs.iter().enumerate().filter(|(_, log)| **log > most - NEGLIGIBLE) {
        let likelihood = (log - most).exp();
        let rate = silence.rate(day, (grid.seasonalities[row / n_rates], grid.rates[row % n_rates]));
        let quiet = (-rate * left).exp();
        for h in 0..n {
            let point = row * n + h;
            let weight = likelihood * prior[point] * lives[h].0;
            let state = silence.within_open(point, h, rate, quiet, stays[h].0);
            sums.add(weight, state, &ahead.futures[point]);
            for (sum, gains) in sums.by_offer.iter_mut().zip(alive_gains) {
                *sum += weight * state.0 * gains[point];
            }
        }
    }
    let dropped = &ahead.dropped[history.channel];
    sums.by_offer.iter_mut().zip(dropped).for_each(|(sum, moved)| *sum += moved * sums.dropped_kept);
    sums
}

impl World {
    /// What the statistician knows at `as_of` over `churn_days` and `value_days` (1 to 730), with the gains of `offers`.
    ///
    /// # Errors
    /// [`super::WorldError::Parameter`] when a horizon or an offer lies outside its domain.
    pub fn known_from_data(&self, offers: &[OfferSpec], churn_days: u32, value_days: u32) -> Result<FromData> {
        check_horizon("churn_days", churn_days)?;
        check_horizon("value_days", value_days)?;
        offers.iter().try_for_each(OfferSpec::check)?;
        let grid = Grid::new(self);
        let histories = self.histories(&grid);
        let ahead = Ahead::new(self, &grid, offers, churn_days, value_days);
        let tastes = Tastes::new(self);
        let priors: Vec<Vec<Vec<f64>>> = (0..CHANNELS.len())
            .map(|by| (0..COUNTRIES.len()).map(|at| grid.prior(&self.shop, by, at)).collect())
            .collect();
        let mut silence = Silence::new(&grid, &self.clock);
        let mut of_customers: Vec<(Sums, f64)> = Vec::new();
        of_customers.resize_with(histories.iter().map(Vec::len).sum(), Default::default);
        for (day, met) in histories.iter().enumerate().rev() {
            let known: Vec<(Sums, f64)> = met
                .par_iter()
                .map(|of| {
                    let sums = posterior(of, &priors[of.channel][of.country], &silence, &ahead);
                    (sums, tastes.worth(&of.seen, of.country))
                })
                .collect();
            for (of, known) in met.iter().zip(known) {
                of_customers[of.row] = known;
            }
            silence.back_over(day);
        }
        Ok(told(&of_customers, offers, self.params.persuasion.winback))
    }

    /// The histories of the customers acquired before `as_of`, by the day of the last order.
    fn histories(&self, grid: &Grid) -> Vec<Vec<History>> {
        let mut by_day = Vec::new();
        by_day.resize_with(self.cut as usize, Vec::new);
        let acquired: Vec<u32> = self.acquired().map(|(index, _)| index).collect();
        let histories: Vec<History> =
            acquired.par_iter().enumerate().map(|(row, &index)| self.history(row, index, grid)).collect();
        for history in histories {
            by_day[history.last.floor() as usize].push(history);
        }
        by_day
    }

    fn history(&self, row: usize, index: u32, grid: &Grid) -> History {
        let customer = self.customer(index);
        let orders = self.orders(index, self.cut);
        let mut seen = Seen::default();
        orders.iter().for_each(|order| seen.add(&self.shop, &self.basket(index, order.ordinal)));
        let repeats = orders.get(1..).unwrap_or_default();
        let log_factor = |k: f64| repeats.iter().map(|of| self.clock.factor(of.at.floor() as usize, k).ln()).sum();
        History {
            row,
            channel: customer.channel,
            country: customer.taste.country,
            acquired: customer.acquired,
            last: orders.last().map_or(customer.acquired, |order| order.at),
            repeats: repeats.len() as f64,
            log_factors: grid.seasonalities.iter().map(|&k| log_factor(k)).collect(),
            seen,
        }
    }
}

/// The sums and the worth of an order, as what is known of each customer.
fn told(of_customers: &[(Sums, f64)], offers: &[OfferSpec], winback: f64) -> FromData {
    let each = |of: &dyn Fn(&Sums, f64) -> f64| -> Vec<f64> {
        of_customers.iter().map(|(sums, worth)| of(sums, *worth)).collect()
    };
    let gains = |k: usize, offer: &OfferSpec| {
        each(&|s, worth| s.by_offer[k] / s.all * worth * offer.margin - offer.contact_cost)
    };
    FromData {
        p_alive: each(&|s, _| s.alive / s.all),
        p_churn: each(&|s, _| (s.silent + s.dropped) / s.all),
        value: each(&|s, worth| s.orders / s.all * worth),
        value_if_kept: each(&|s, worth| {
            (s.silent_kept + winback * s.dropped_kept) / (s.silent + winback * s.dropped) * worth
        }),
        value_if_churned: each(&|s, worth| s.silent_paused / s.silent * worth),
        order_value: each(&|_, worth| worth),
        gains: offers.iter().enumerate().map(|(k, offer)| gains(k, offer)).collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Params, Persuasion, RateKind, ShopKind, Truth, generate};
    use super::*;

    const SHOPS: [ShopKind; 3] = [ShopKind::Gifts, ShopKind::Grocery, ShopKind::Rare];

    fn offers() -> Vec<OfferSpec> {
        [("light", 10.0, 0.2), ("premium", 50.0, 0.6)]
            .map(|(name, contact_cost, rate)| OfferSpec {
                name: name.to_owned(),
                contact_cost,
                rate,
                rate_kind: RateKind::ShareOfChurners,
                margin: 1.0,
            })
            .into()
    }

    fn known(params: &Params) -> (Truth, FromData) {
        let world = generate(params).unwrap();
        (world.truth(&offers(), 90, 180).unwrap(), world.known_from_data(&offers(), 90, 180).unwrap())
    }

    /// How many standard errors the sum of `observed - expected` lies from zero.
    fn z(observed: &[f64], expected: &[f64]) -> f64 {
        let gaps: Vec<f64> = observed.iter().zip(expected).map(|(observed, expected)| observed - expected).collect();
        gaps.iter().sum::<f64>() / gaps.iter().map(|g| g * g).sum::<f64>().sqrt()
    }

    fn flags(of: &[bool]) -> Vec<f64> {
        of.iter().map(|&flag| f64::from(u8::from(flag))).collect()
    }

    #[test]
    fn what_the_statistician_expects_is_what_happens() {
        for shop in SHOPS {
            let params = Params { customers: 4_000, shop, ..Params::default() };
            let (truth, known) = known(&params);
            let (alive, churned) = (flags(&truth.alive), flags(&truth.realised_churned));
            for (name, z) in [
                ("p_alive", z(&alive, &known.p_alive)),
                ("p_churn", z(&churned, &known.p_churn)),
                ("value", z(&truth.value, &known.value)),
                ("light", z(&truth.gains[0], &known.gains[0])),
                ("premium", z(&truth.gains[1], &known.gains[1])),
            ] {
                assert!(z.abs() < 4.0, "{shop:?} {name}: {z} standard errors");
            }
            for bin in 0..5 {
                let low = f64::from(bin) / 5.0;
                let part: Vec<usize> =
                    (0..alive.len()).filter(|&i| (low..low + 0.2).contains(&known.p_alive[i])).collect();
                let of = |values: &[f64]| part.iter().map(|&i| values[i]).collect::<Vec<f64>>();
                let z = z(&of(&alive), &of(&known.p_alive));
                assert!(z.abs() < 4.0, "{shop:?}, p_alive from {low}: {z} standard errors of {}", part.len());
            }
        }
    }

    #[test]
    fn what_an_order_is_worth_is_shrunk_as_much_as_it_should_be() {
        for shop in SHOPS {
            let world = generate(&Params { customers: 4_000, shop, ..Params::default() }).unwrap();
            let said = world.known_from_data(&offers(), 90, 180).unwrap().order_value;
            let customers: Vec<_> = world.acquired().collect();
            let worth: Vec<f64> = customers
                .iter()
                .map(|(_, customer)| super::super::purchases::expected_value(&world.shop, &customer.taste))
                .collect();
            let mut order: Vec<usize> = (0..said.len()).collect();
            order.sort_by(|&a, &b| said[a].total_cmp(&said[b]));
            for part in order.chunks(said.len().div_ceil(4)) {
                let of = |values: &[f64]| part.iter().map(|&i| values[i]).sum::<f64>();
                let ratio = of(&said) / of(&worth);
                // Chance makes 2 % of a quarter's mean; the normal density of log values per line adds to it where an
                // order has one or two lines: measured 0.965 to 1.054 for rare purchases, 0.993 to 1.015 elsewhere.
                let most = if shop == ShopKind::Rare { 0.08 } else { 0.04 };
                assert!((ratio - 1.0).abs() < most, "{shop:?}: {ratio}");
            }
            let often: Vec<usize> =
                (0..said.len()).filter(|&i| world.orders(customers[i].0, world.cut).len() > 60).collect();
            let apart = often.iter().map(|&i| (said[i] / worth[i]).ln().abs()).sum::<f64>() / often.len() as f64;
            assert!(often.is_empty() || apart < 0.08, "{shop:?}: {apart} of {}", often.len());
        }
    }

    #[test]
    fn after_a_long_history_the_statistician_knows_what_the_observer_knows() {
        let params = Params {
            customers: 300,
            months: 3,
            as_of: Some("2030-12-01".parse().unwrap()),
            shop: ShopKind::Grocery,
            ..Params::default()
        };
        let (truth, known) = known(&params);
        let here: Vec<usize> = (0..truth.alive.len()).filter(|&i| truth.p_alive_observed[i] > 0.5).collect();
        assert!(here.len() > 20, "{}", here.len());
        let apart = |a: &[f64], b: &[f64]| here.iter().map(|&i| (a[i] - b[i]).abs()).sum::<f64>() / here.len() as f64;
        let alive = apart(&known.p_alive, &truth.p_alive_observed);
        let churn = apart(&known.p_churn, &truth.p_churn_observed);
        let value = apart(&known.value, &truth.value_observed)
            / (here.iter().map(|&i| truth.value_observed[i]).sum::<f64>() / here.len() as f64);
        assert!(alive < 0.03 && churn < 0.05 && value < 0.1, "{alive} {churn} {value}");
    }

    #[test]
    fn in_a_world_of_equals_the_statistician_is_the_observer() {
        let params = Params { customers: 50, alike: true, persuasion: Persuasion::default(), ..Params::default() };
        let (truth, known) = known(&params);
        for (ours, his) in known.p_churn.iter().zip(&truth.p_churn_observed) {
            assert!((ours - his).abs() < 1e-9, "{ours} {his}");
        }
        for (ours, his) in known.gains.iter().flatten().zip(truth.gains_observed.iter().flatten()) {
            assert!((ours / his - 1.0).abs() < 1e-9, "{ours} {his}");
        }
    }
}

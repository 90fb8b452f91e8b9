//! One grid of hidden states for all customers of a shop: its prior, and the silence from each midnight on to `as_of`.
//!
//! `log rate` and `log hazard` stand in even steps, on which sums of densities that fade at both ends are as good as
//! integrals (Trefethen and Weideman 2014); the seasonality at midpoints. With `q` the probability that a day's opening
//! hours pass without order or drop-out, silence from a midnight on follows from that of the next one:
//!
//! ```text
//! alive(day)   = stays_morning q stays_evening alive(day + 1)
//! dropped(day) = drops_morning + stays_morning (u / (u + l) (1 - q) + q (drops_evening + stays_evening dropped(day + 1)))
//! ```
//!
//! It is the sum of `outlook` taken from its end.

use rayon::prelude::*;

use super::World;
use super::clock::{CLOSES, Clock, OPENS};
use super::population::Latent;
use super::shop::{CHANNELS, COUNTRIES, Shop};

/// Steps of the grid in the logarithms of rate and hazard.
const STEPS: (f64, f64) = (0.1, 0.7);
/// How far the grid reaches below and above the logarithm of the shop's mean.
const REACH: ((f64, f64), (f64, f64)) = ((7.0, 3.0), (7.0, 4.2));
/// Values of the seasonality.
const SEASONALITIES: usize = 12;
/// Points (seasonality, rate, hazard), the hazard changing fastest; a row is a pair of the first two.
pub(super) struct Grid {
    pub(super) seasonalities: Vec<f64>,
    pub(super) rates: Vec<f64>,
    pub(super) hazards: Vec<f64>,
}

impl Grid {
    pub(super) fn new(world: &World) -> Self {
        if let Some(customer) = world.customers.first().filter(|_| world.params.alike) {
            let Latent { rate, hazard, seasonality } = customer.latent;
            return Self { seasonalities: vec![seasonality], rates: vec![rate], hazards: vec![hazard] };
        }
        let axis = |mean: f64, (below, above): (f64, f64), step: f64, most: f64| -> Vec<f64> {
            let n = ((below + above) / step).round() as usize;
            (0..=n).map(|i| mean * (step * i as f64 - below).exp()).filter(|at| *at <= most).collect()
        };
        Self {
            seasonalities: (0..SEASONALITIES).map(|i| (i as f64 + 0.5) / SEASONALITIES as f64).collect(),
            rates: axis(world.shop.rate.0, REACH.0, STEPS.0, 3.0),
            hazards: axis(world.shop.hazard.0, REACH.1, STEPS.1, 1.0),
        }
    }

    pub(super) fn rows(&self) -> impl IndexedParallelIterator<Item = (f64, f64)> {
        let n = self.rates.len();
        (0..n * self.seasonalities.len())
            .into_par_iter()
            .map(move |row| (self.seasonalities[row / n], self.rates[row % n]))
    }

    /// The prior's density at the points, up to a factor, for customers of `channel` and `country`.
    pub(super) fn prior(&self, shop: &Shop, channel: usize, country: usize) -> Vec<f64> {
        let (by, at) = (&CHANNELS[channel], &COUNTRIES[country]);
        let log_gamma = |shape: f64, log: f64| shape * (log - log.exp());
        let of_hazard = |rate: &f64| {
            let pace = rate / (shop.rate.0 * by.rate * at.rate);
            let usual = shop.hazard.0 * by.hazard * at.hazard * pace.clamp(0.05, 20.0).powf(-shop.loyalty);
            let density = log_gamma(shop.rate.1, pace.ln());
            self.hazards.iter().map(move |hazard| density + log_gamma(shop.hazard.1, (hazard / usual).ln()))
        };
        let (a, b) = shop.seasonality;
        self.seasonalities
            .iter()
            .flat_map(|k| {
                let season = (a - 1.0) * k.ln() + (b - 1.0) * (1.0 - k).ln();
                self.rates.iter().flat_map(of_hazard).map(move |log| (season + log).exp())
            })
            .collect()
    }
}

/// The part of a day, for each hazard: survival to its end, and drop-out before.
pub(super) fn survival(hazards: &[f64], length: f64) -> Vec<(f64, f64)> {
    hazards.iter().map(|hazard| ((-hazard * length).exp(), -(-hazard * length).exp_m1())).collect()
}

/// Silence from a midnight to `as_of` of one alive at that midnight, at each point: still alive, dropped out.
pub(super) struct Silence<'a> {
    pub(super) grid: &'a Grid,
    pub(super) clock: &'a Clock,
    points: Vec<(f64, f64)>,
    morning: Vec<(f64, f64)>,
    open: Vec<(f64, f64)>,
    evening: Vec<(f64, f64)>,
}

impl<'a> Silence<'a> {
    pub(super) fn new(grid: &'a Grid, clock: &'a Clock) -> Self {
        let points = vec![(1.0, 0.0); grid.seasonalities.len() * grid.rates.len() * grid.hazards.len()];
        let part = |length| survival(&grid.hazards, length);
        Self { grid, clock, points, morning: part(OPENS), open: part(CLOSES - OPENS), evening: part(1.0 - CLOSES) }
    }

    /// The same from a time in the opening hours of the day before, with so much of them `left`, at hazard `h` of a row
    /// whose orders come at `rate` and with chance `quiet` not at all; `stays` is survival of the time left.
    pub(super) fn within_open(&self, point: usize, h: usize, rate: f64, quiet: f64, stays: f64) -> (f64, f64) {
        let hazard = self.grid.hazards[h];
        let (alive, dropped) = self.points[point];
        let (lives, drops) = self.evening[h];
        let through = quiet * stays;
        (through * lives * alive, hazard / (hazard + rate) * (1.0 - through) + through * (drops + lives * dropped))
    }

    /// Orders per day of opening hours.
    pub(super) fn rate(&self, day: usize, (seasonality, rate): (f64, f64)) -> f64 {
        rate * self.clock.factor(day, seasonality) / (CLOSES - OPENS)
    }

    /// From the midnight that ends `day` to the one that begins it.
    pub(super) fn back_over(&mut self, day: usize) {
        let n = self.grid.hazards.len();
        let earlier = self.grid.rows().enumerate().flat_map_iter(|(row, of)| {
            let rate = self.rate(day, of);
            let quiet = (-rate * (CLOSES - OPENS)).exp();
            let this = &*self;
            (0..n).map(move |h| {
                let (alive, dropped) = this.within_open(row * n + h, h, rate, quiet, this.open[h].0);
                let (lives, drops) = this.morning[h];
                (lives * alive, drops + lives * dropped)
            })
        });
        self.points = earlier.collect();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Params, generate, outlook};
    use super::*;

    #[test]
    fn backwards_by_days_silence_is_what_it_is_at_once() {
        let world = generate(&Params { customers: 1, ..Params::default() }).unwrap();
        let grid = Grid { seasonalities: vec![0.2, 0.9], rates: vec![1e-4, 0.03, 2.0], hazards: vec![1e-5, 0.01, 0.9] };
        let mut silence = Silence::new(&grid, &world.clock);
        let (day, last) = (world.cut as usize - 100, world.cut - 100.0 + 0.6);
        (day + 1..world.cut as usize).rev().for_each(|day| silence.back_over(day));
        for point in 0..18 {
            let (row, h) = (point / 3, point % 3);
            let of = (grid.seasonalities[row / 3], grid.rates[row % 3]);
            let latent = Latent { seasonality: of.0, rate: of.1, hazard: grid.hazards[h] };
            let at_once = outlook::outlook(&world.clock, &latent, last, world.cut);
            let rate = silence.rate(day, of);
            let left = CLOSES - 0.6;
            let by_days = silence.within_open(point, h, rate, (-rate * left).exp(), survival(&grid.hazards, left)[h].0);
            assert!((by_days.0 - at_once.silent_alive).abs() < 1e-10, "{by_days:?} {at_once:?}");
            assert!((by_days.1 - at_once.silent_dropped).abs() < 1e-10, "{by_days:?} {at_once:?}");
        }
    }
}

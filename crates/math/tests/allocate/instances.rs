//! A thousand problems of allocation by their seeds, with all kinds of limits and whole cents of money.

use rand::RngExt;
use tenure_math::allocate::{Limit, Measure, Problem};
use tenure_math::rng;

/// How many there are.
pub const INSTANCES: u64 = 1_000;

/// One problem, owned.
pub struct Owned {
    pub n: usize,
    pub offers: usize,
    pub net: Vec<f64>,
    pub cost: Vec<f64>,
    pub budget: Option<f64>,
    pub caps: Vec<Option<usize>>,
    segments: Vec<Vec<bool>>,
    periods: Vec<Vec<usize>>,
    roi: Vec<f64>,
    kind: u64,
}

fn cents(v: f64) -> f64 {
    (v * 100.0).round() / 100.0
}

impl Owned {
    /// The problem of a seed: 640 with 20 to 150 customers, 300 with up to 500, 60 with 1,000 to 1,500.
    pub fn new(seed: u64) -> Self {
        let mut s = rng::stream(seed, "allocate/exact", 0);
        let n = match seed % 50 {
            0..=31 => s.random_range(20..150_usize),
            32..=46 => s.random_range(150..500_usize),
            _ => s.random_range(1_000..1_500_usize),
        };
        let kind = seed / 3 % 8;
        let offers = if kind == 6 { 6 } else { 3 };
        let mut normal = || {
            let (u, v): (f64, f64) = (1.0 - s.random::<f64>(), s.random());
            (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
        };
        // Whole units of money for every fourth, so that equals abound.
        let coarse = seed % 4 == 1;
        let (mut net, mut cost) = (Vec::new(), Vec::new());
        for _ in 0..n {
            let loss = (3.6 + normal()).exp();
            for k in 0..offers {
                let (base, rate) = [(10.0, 0.2), (25.0, 0.4), (50.0, 0.6)][k % 3];
                let response = rate * if k < 3 { 1.0 } else { (0.3 * normal()).exp() };
                // Every third has discounts that depend on the customer.
                let paid = if seed.is_multiple_of(3) { base * (0.2 * normal()).exp() } else { base };
                let paid = if coarse { paid.round() } else { cents(paid) };
                let brought = loss * response;
                net.push(cents(if coarse { brought.round() } else { cents(brought) } - paid));
                cost.push(paid);
            }
        }
        let own: Vec<usize> = (0..n).map(|_| s.random_range(0..4_usize)).collect();
        let segments = (0..4).map(|segment| own.iter().map(|own| *own == segment).collect()).collect();
        let caps = (0..offers).map(|k| (kind == 1 || kind == 7).then_some(n / (8 + 10 * (k % 3)))).collect();
        let roi = net.iter().zip(&cost).map(|(net, cost)| net - 1.5 * cost).collect();
        let periods = (0..3).map(|p| (0..offers).filter(|k| k % 3 == p).collect()).collect();
        let budget = (kind != 5).then_some(if seed.is_multiple_of(2) { 2.0 } else { 0.7 } * n as f64);
        Self { n, offers, net, cost, budget, caps, segments, periods, roi, kind }
    }

    /// Its limits, by kind: contacts, budgets of segments, floors of segments, return on spend, budgets of periods, all.
    pub fn limits(&self) -> Vec<Limit<'_>> {
        let n = self.n as f64;
        let contacts = || Limit::new("contacts", Measure::Count).at_most((n / 15.0).floor());
        let of_segment = |at: usize| Limit::new(format!("segment {at}"), Measure::Cost).among(&self.segments[at]);
        let reached = |at: usize| Limit::new(format!("reached {at}"), Measure::Count).among(&self.segments[at]);
        let dear =
            |at: usize| Limit::new(format!("dear {at}"), Measure::Count).among(&self.segments[at]).of(&self.periods[2]);
        let roi = || Limit::new("return", Measure::PerChoice(&self.roi)).at_least(0.0);
        let period = |at: usize| Limit::new(format!("period {at}"), Measure::Cost).of(&self.periods[at]);
        match self.kind {
            2 => vec![contacts()],
            3 => (0..4).map(|s| of_segment(s).at_most(cents(n * [0.1, 0.2, 0.4, 0.3][s]))).collect(),
            4 => (0..4).map(|s| reached(s).at_least((n * [0.01, 0.02, 0.005, 0.03][s]).floor())).collect(),
            5 => vec![roi(), contacts()],
            6 => (0..3).map(|p| period(p).at_most(cents(n * [0.4, 0.3, 0.2][p]))).collect(),
            7 => (0..4)
                .flat_map(|s| {
                    [
                        of_segment(s).at_most(cents(n * 0.4)),
                        reached(s).at_least((n * 0.01).floor()),
                        dear(s).at_most((n / 150.0).floor()),
                    ]
                })
                .chain([contacts(), roi(), period(1).at_most(cents(n * 0.5)).at_least(cents(n * 0.02))])
                .collect(),
            _ => Vec::new(),
        }
    }

    pub fn problem<'a>(&'a self, limits: &'a [Limit<'a>]) -> Problem<'a> {
        Problem {
            n_customers: self.n,
            offers: self.offers,
            net: &self.net,
            cost: &self.cost,
            budget: self.budget,
            caps: &self.caps,
            eligible: None,
            allowed: None,
            limits,
        }
    }

    /// Every constraint as (coefficients over customers x offers, least, most): what an independent solver needs.
    pub fn rows(&self) -> Vec<(Vec<f64>, Option<f64>, Option<f64>)> {
        let size = self.n * self.offers;
        let mut rows = Vec::new();
        if let Some(budget) = self.budget {
            rows.push((self.cost.clone(), None, Some(budget)));
        }
        for (k, cap) in self.caps.iter().enumerate() {
            if let Some(cap) = cap {
                let row = (0..size).map(|at| f64::from(u8::from(at % self.offers == k))).collect();
                rows.push((row, None, Some(*cap as f64)));
            }
        }
        for limit in self.limits() {
            let coefficient = |at: usize| {
                let (i, k) = (at / self.offers, at % self.offers);
                let counted = limit.members.is_none_or(|m| m[i]) && limit.offers.is_none_or(|o| o.contains(&k));
                match limit.measure {
                    _ if !counted => 0.0,
                    Measure::Count => 1.0,
                    Measure::Cost => self.cost[at],
                    Measure::PerChoice(values) => values[at],
                }
            };
            rows.push(((0..size).map(coefficient).collect(), limit.at_least, limit.at_most));
        }
        rows
    }
}

//! A bound below the relaxed one: each ceiling on money with whole customers.
//!
//! Question: where few offers fit under a ceiling, the relaxed plan fills it with parts of customers that no whole plan can
//! have. How far below it is every whole plan at least?
//!
//! Model: at prices `y` choice `k` of customer `i` loses `loss[i][k]` against its best, and a whole plan is below the
//! Lagrangian by its losses and by what the unused room of priced ceilings is worth. Ceilings that share no choice are looked
//! at one by one, each with a copy of its customers (Lagrangean decomposition: Guignard and Kim 1987); a multiplier
//! `u[i]` keeps the copies of a customer together: whoever leaves the ceiling of its best choice loses `u[i]` there, and
//! choice `k` under another one loses `loss[i][k] - u[i]`. Whatever the multipliers, a whole plan loses at least the sum of
//! the knapsacks' least losses; subgradient steps (Polyak 1969) make that sum greater.
//!
//! Limits: other rows (floors, numbers of customers, ceilings that share choices with a narrower one) count by their prices
//! only.

use super::knapsack::{Ceiling, Knapsack, Way};
use super::lp::Lp;

/// A scaled price below this is rounding.
const PRICED: f64 = 1e-9;
/// Subgradient steps for a branch.
const STEPS: usize = 10;
/// By how much more than what would do the steps aim at.
const AIM: f64 = 1.05;

/// The ceilings of one branch, and what choices lose at its prices.
pub(super) struct Decomposition<'l, 'p, 'a> {
    lp: &'l Lp<'p, 'a>,
    ceilings: Vec<Counted>,
    /// For each group and choice which of them counts it.
    ceiling_of: Vec<Option<usize>>,
    /// For each customer of the pool and choice; infinite where it may not be made.
    loss: Vec<f64>,
    /// The best choice of each customer of the pool.
    best: Vec<usize>,
    /// The best of those that no ceiling counts.
    free: Vec<usize>,
}

/// A ceiling.
struct Counted {
    row: usize,
    /// Its scaled price.
    price: f64,
    /// Whom of the pool it counts some choice of.
    customers: Vec<usize>,
}

/// What is proved of whole plans.
pub(super) struct Shortfall {
    /// How far they are below the Lagrangian at least.
    pub(super) by: f64,
    /// Choices that lose little; they keep the ceilings, but other rows perhaps not.
    pub(super) choice: Vec<u32>,
}

impl<'l, 'p, 'a> Decomposition<'l, 'p, 'a> {
    /// The ceilings on money that are priced at `y` and share no choice, the narrowest first; `None` where there are none.
    pub(super) fn new(lp: &'l Lp<'p, 'a>, y: &[f64]) -> Option<Self> {
        let (instance, width) = (lp.instance, lp.instance.width());
        let places = instance.groups * width;
        let counted = |r: usize| (0..places).filter(move |&at| instance.covers(at, r));
        let priced = |&r: &usize| y[r] > PRICED && lp.most[r].is_finite() && instance.is_money(r);
        let mut narrowest: Vec<(usize, usize)> = (0..y.len()).filter(priced).map(|r| (counted(r).count(), r)).collect();
        narrowest.sort_unstable();
        let (mut ceilings, mut ceiling_of) = (Vec::new(), vec![None; places]);
        for (_, r) in narrowest {
            if counted(r).all(|at| ceiling_of[at].is_none()) {
                counted(r).for_each(|at| ceiling_of[at] = Some(ceilings.len()));
                ceilings.push(Counted { row: r, price: y[r], customers: Vec::new() });
            }
        }
        if ceilings.is_empty() {
            return None;
        }
        let prices = instance.prices(y);
        let n = lp.pool.ids.len();
        let (loss, best, free) = (vec![f64::INFINITY; n * width], vec![0; n], vec![0; n]);
        let mut made = Self { lp, ceilings, ceiling_of, loss, best, free };
        let mut worth = vec![0.0; width];
        for j in 0..n {
            let open = |k: &usize| lp.pool.open[j * width + k];
            for (k, worth) in worth.iter_mut().enumerate() {
                *worth = lp.pool.c[j * width + k] - lp.pays(&prices, j, k);
            }
            let best = (0..width).filter(open).max_by(|&a, &b| worth[a].total_cmp(&worth[b]))?;
            (0..width).filter(open).for_each(|k| made.loss[j * width + k] = worth[best] - worth[k]);
            let free = (0..width).filter(|&k| made.ceiling(j, k).is_none());
            made.free[j] = free.min_by(|&a, &b| made.loss(j, a).total_cmp(&made.loss(j, b)))?;
            made.best[j] = best;
            for at in 0..made.ceilings.len() {
                if made.under(j, at).next().is_some() {
                    made.ceilings[at].customers.push(j);
                }
            }
        }
        Some(made)
    }

    fn loss(&self, j: usize, k: usize) -> f64 {
        self.loss[j * self.lp.pool.width + k]
    }

    /// The ceiling that counts choice `k` of customer `j`.
    fn ceiling(&self, j: usize, k: usize) -> Option<usize> {
        self.ceiling_of[self.lp.pool.group[j] as usize * self.lp.pool.width + k]
    }

    /// The choices of customer `j` that ceiling `at` counts.
    fn under(&self, j: usize, at: usize) -> impl Iterator<Item = usize> {
        (0..self.lp.pool.width).filter(move |&k| self.ceiling(j, k) == Some(at) && self.loss(j, k) < f64::INFINITY)
    }

    /// The multiplier to begin with: leaving costs what the next best choice elsewhere loses.
    fn multiplier(&self, j: usize) -> f64 {
        let home = self.ceiling(j, self.best[j]);
        let elsewhere = (0..self.lp.pool.width).filter(|&k| home.is_some() && self.ceiling(j, k) != home);
        let least = elsewhere.map(|k| self.loss(j, k)).fold(f64::INFINITY, f64::min);
        if home.is_some() { least } else { 0.0 }
    }

    /// The greatest shortfall found in some steps from `multipliers` (those of another branch, or none), which become the
    /// best; ends where it is `enough`.
    pub(super) fn shortfall(&self, multipliers: &mut Vec<f64>, enough: f64) -> Shortfall {
        multipliers.resize(self.best.len(), f64::INFINITY);
        // Infinite where there was no other choice.
        let begin = |(j, u): (usize, &f64)| if u.is_finite() { *u } else { self.multiplier(j) };
        let mut u: Vec<f64> = multipliers.iter().enumerate().map(begin).collect();
        let (mut most, mut slope) = self.knapsacks(&mut u, enough);
        let mut by = most.by;
        multipliers.clone_from(&u);
        for _ in 0..STEPS {
            let length: i32 = slope.iter().map(|g| g * g).sum();
            if most.by >= enough || length == 0 || enough.is_infinite() {
                break;
            }
            let step = (enough * AIM - by) / f64::from(length);
            u.iter_mut().zip(&slope).filter(|(_, g)| **g != 0).for_each(|(u, g)| *u += step * f64::from(*g));
            let next;
            (next, slope) = self.knapsacks(&mut u, enough);
            by = next.by;
            if by > most.by {
                most = next;
                multipliers.clone_from(&u);
            }
        }
        most
    }

    /// All knapsacks at multipliers `u`, and where these should go: up where a customer is nowhere, down where it is twice.
    fn knapsacks(&self, u: &mut [f64], enough: f64) -> (Shortfall, Vec<i32>) {
        let mut by = 0.0;
        for (j, u) in u.iter_mut().enumerate() {
            // More than what no offer loses is gained by nobody.
            *u = u.min(self.loss(j, self.free[j]));
            if self.ceiling(j, self.best[j]).is_none() {
                by += u.min(0.0);
            }
        }
        let mut under = Vec::with_capacity(self.ceilings.len());
        for (at, Counted { row, price, customers }) in self.ceilings.iter().enumerate() {
            let (mut knapsack, mut used) = (Knapsack::default(), self.lp.fixed[*row]);
            let mut base = Vec::with_capacity(customers.len());
            for (of, &j) in customers.iter().enumerate() {
                let k = self.offer(&mut knapsack, of, j, at, u[j], enough);
                used += self.takes(j, at, k);
                by += self.loses(j, at, k, u[j]);
                base.push(k);
            }
            let slack = self.lp.instance.rows[*row].slack;
            under.push((knapsack, Ceiling { room: self.lp.most[*row] - used, slack, price: *price }, base));
        }
        let mut choice: Vec<u32> = self.free.iter().map(|&k| k as u32).collect();
        let mut times = vec![0_i32; u.len()];
        for ((knapsack, ceiling, taken), Counted { customers, .. }) in under.iter_mut().zip(&self.ceilings) {
            let (least, ways) = knapsack.least(ceiling, (enough - by).max(0.0));
            by += least;
            ways.iter().for_each(|way| taken[way.of] = way.k);
            for (&j, &k) in customers.iter().zip(&*taken) {
                let Some(k) = k else { continue };
                // Of two the one that loses less.
                if times[j] == 0 || self.loss(j, k) < self.loss(j, choice[j] as usize) {
                    choice[j] = k as u32;
                }
                times[j] += 1;
            }
        }
        let slope = times.iter().enumerate().map(|(j, times)| match times {
            0 => i32::from(u[j] < self.loss(j, self.free[j])),
            times => 1 - times,
        });
        (Shortfall { by, choice }, slope.collect())
    }

    /// What a choice under a ceiling uses of it.
    fn takes(&self, j: usize, at: usize, k: Option<usize>) -> f64 {
        let unit = self.lp.instance.rows[self.ceilings[at].row].unit;
        k.map_or(0.0, |k| unit * self.lp.pool.cost[j * self.lp.pool.width + k])
    }

    /// What a choice under a ceiling loses there at the customer's multiplier `u`.
    fn loses(&self, j: usize, at: usize, k: Option<usize>, u: f64) -> f64 {
        match (k, self.ceiling(j, self.best[j]) == Some(at)) {
            (None, true) => u,
            (None, false) => 0.0,
            (Some(k), true) => self.loss(j, k),
            (Some(k), false) => self.loss(j, k) - u,
        }
    }

    /// Gives a ceiling's knapsack the ways of its customer `of`, `j` in the pool, beside its best choice there, which is returned.
    fn offer(&self, knapsack: &mut Knapsack, of: usize, j: usize, at: usize, u: f64, enough: f64) -> Option<usize> {
        let (mut base, mut least) = (None, self.loses(j, at, None, u));
        for k in self.under(j, at).map(Some) {
            let loss = self.loses(j, at, k, u);
            if loss < least || (loss <= least && k == Some(self.best[j])) {
                (base, least) = (k, loss);
            }
        }
        let used = self.takes(j, at, base);
        let others = self.under(j, at).map(Some).chain([None]).filter(|k| *k != base);
        let ways =
            others.map(|k| Way { change: self.takes(j, at, k) - used, loss: self.loses(j, at, k, u) - least, of, k });
        knapsack.push(ways.filter(|way| way.loss < f64::INFINITY && way.loss <= enough));
        base
    }
}

//! A checked problem: the constraints as rows, customers grouped by the limits that count them.
//!
//! Question: what does offer `k` to customer `i` use of each constraint, and what is it worth at given prices?
//!
//! Model: every constraint is a row `least_r <= sum a[r][i][k] x[i][k] <= most_r` with a signed price `y_r` (above 0 at the
//! ceiling, below 0 at the floor). Customers whom the same limits count form a group, in which what an offer pays is
//! `lambda[g][k] cost + mu[g][k]` (and the rows with numbers of their own), however many rows there are.
//!
//! Units: rows are scaled so that a typical coefficient is 1; `Instance::price_of` gives prices back in money.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::limit::{Limit, Measure};
use super::{Problem, check, conflict};
use crate::error::{Error, Result};

/// Where a row comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Budget,
    Cap(usize),
    Limit(usize),
    /// A number of customers that nothing limits; only a search bounds it on its way.
    Count,
}

/// One constraint, scaled.
#[derive(Debug, Clone)]
pub(super) struct Row<'a> {
    pub(super) source: Source,
    measure: Measure<'a>,
    /// Its coefficients are this times what the measure says.
    pub(super) unit: f64,
    /// Scaled bounds; infinite where there is none.
    pub(super) least: f64,
    pub(super) most: f64,
    /// By how much, scaled, rounding may break a bound.
    pub(super) slack: f64,
}

/// A problem that was checked.
#[derive(Clone)]
pub(super) struct Instance<'a> {
    pub(super) customers: usize,
    pub(super) offers: usize,
    pub(super) net: &'a [f64],
    pub(super) cost: &'a [f64],
    pub(super) eligible: Option<&'a [bool]>,
    pub(super) allowed: Option<&'a [bool]>,
    pub(super) rows: Vec<Row<'a>>,
    /// The group of each customer; empty where all are in one.
    group: Arc<[u32]>,
    pub(super) groups: usize,
    /// For each group and choice the rows that count it.
    cover: Vec<Vec<usize>>,
    /// For each group and offer whether one that loses money may serve a floor.
    floored: Vec<bool>,
    /// For each group and choice the greatest cost that no ceiling forbids by itself; below 0 where it forbids any.
    dearest: Vec<f64>,
    /// Whether what is dearer than that is no option: no whole plan has it, but at the margin it has a price.
    pub(super) strict: bool,
    /// Rows with numbers of their own.
    dense: Vec<(usize, &'a [f64])>,
    /// By what offers that bring nothing are told apart, money.
    hair_unit: f64,
    /// For each offer the greatest number of cents of which all its costs are multiples; 1 where they are no whole cents.
    steps: Vec<u64>,
}

/// What a unit of each choice pays, by group.
pub(super) struct Prices {
    pub(super) lambda: Vec<f64>,
    pub(super) mu: Vec<f64>,
    dense: Vec<(usize, f64)>,
}

/// Numbers of customers that a search may bound.
const MOST_COUNTS: usize = 24;

/// By how much the first customer counts more than the last, so that no two are equal.
const HAIR: f64 = 1e-8;

impl<'a> Instance<'a> {
    /// Checks everything; a bound that no sum can meet is refused here.
    pub(super) fn new(problem: &Problem<'a>) -> Result<Self> {
        check::check(problem)?;
        let (n, k) = (problem.n_customers, problem.offers);
        let mut rows = Vec::new();
        let mean_cost = problem.cost.iter().sum::<f64>() / problem.cost.len().max(1) as f64;
        let cost_unit = if mean_cost > 0.0 { 1.0 / mean_cost } else { 1.0 };
        if let Some(budget) = problem.budget {
            rows.push(Row::new(Source::Budget, Measure::Cost, cost_unit, None, Some(budget)));
        }
        for (offer, cap) in problem.caps.iter().enumerate() {
            if let Some(cap) = cap.filter(|&cap| cap < n) {
                rows.push(Row::new(Source::Cap(offer), Measure::Count, 1.0, None, Some(cap as f64)));
            }
        }
        for (at, limit) in problem.limits.iter().enumerate() {
            let unit = match limit.measure {
                Measure::Count => 1.0,
                Measure::Cost => cost_unit,
                Measure::PerChoice(of) => {
                    let mean = of.iter().map(|v| v.abs()).sum::<f64>() / of.len().max(1) as f64;
                    if mean > 0.0 { 1.0 / mean } else { 1.0 }
                }
            };
            rows.push(Row::new(Source::Limit(at), limit.measure, unit, limit.at_least, limit.at_most));
        }
        let (group, groups) = groups(problem);
        let mut instance = Self {
            customers: n,
            offers: k,
            net: problem.net,
            cost: problem.cost,
            eligible: problem.eligible,
            allowed: problem.allowed,
            rows,
            group: group.into(),
            groups,
            cover: Vec::new(),
            floored: Vec::new(),
            dearest: Vec::new(),
            strict: false,
            dense: Vec::new(),
            hair_unit: 0.0,
            steps: Vec::new(),
        };
        instance.cover_rows(problem.limits);
        instance.round_bounds(problem);
        instance.strike();
        if let Some(row) = instance.rows.iter().find(|row| row.least > row.most) {
            return Err(Error::Infeasible { reason: conflict::crossed(problem, row) });
        }
        Ok(instance)
    }

    /// Puts another budget in the place of the one it has.
    pub(super) fn set_budget(&mut self, problem: &Problem<'_>, budget: f64) -> Result<()> {
        if !budget.is_finite() || budget < 0.0 {
            return Err(Error::Parameter { name: "budget", value: budget, expected: "a finite number >= 0" });
        }
        if let Some(row) = self.rows.iter_mut().find(|row| row.source == Source::Budget) {
            *row = Row::new(Source::Budget, Measure::Cost, row.unit, None, Some(budget));
        }
        self.round_bounds(problem);
        self.strike();
        Ok(())
    }

    /// Where every cost that a row counts is a multiple of some whole number of cents, so is its sum: the bounds are
    /// rounded to that. Offers of 10 leave 3 of a budget of 33 in any case.
    fn round_bounds(&mut self, problem: &Problem<'_>) {
        if self.steps.is_empty() && self.rows.iter().any(|row| matches!(row.measure, Measure::Cost)) {
            self.steps = cost_steps(problem);
        }
        for row in self.rows.iter_mut().filter(|row| matches!(row.measure, Measure::Cost)) {
            let counted = |k: &usize| match row.source {
                Source::Limit(at) => problem.limits[at].offers.is_none_or(|o| o.contains(k)),
                _ => true,
            };
            let step = (0..self.offers).filter(counted).fold(0, |step, k| gcd(step, self.steps[k]));
            if step > 1 {
                let money = step as f64 / 100.0;
                row.most = (row.most / row.unit / money + 1e-9).floor() * money * row.unit;
                row.least = (row.least / row.unit / money - 1e-9).ceil() * money * row.unit;
            }
        }
    }

    /// Whether some offer would break a ceiling by itself.
    pub(super) fn has_too_dear(&self) -> bool {
        let width = self.width();
        let least = |k: usize| (0..self.groups).map(|g| self.dearest[g * width + k]).fold(f64::INFINITY, f64::min);
        let least: Vec<f64> = (0..self.offers).map(least).collect();
        least.iter().any(|most| most.is_finite())
            && self
                .cost
                .chunks_exact(self.offers.max(1))
                .any(|row| row.iter().zip(&least).any(|(cost, most)| cost > most))
    }

    /// Finds what would break a ceiling by itself: the relaxed problem would take a part of it.
    pub(super) fn strike(&mut self) {
        let most = |&r: &usize| match &self.rows[r] {
            Row { measure: Measure::Cost, most, slack, unit, .. } => (most + slack) / unit,
            Row { measure: Measure::Count, most, .. } if *most < 1.0 => -1.0,
            _ => f64::INFINITY,
        };
        self.dearest = self.cover.iter().map(|rows| rows.iter().map(most).fold(f64::INFINITY, f64::min)).collect();
    }

    /// Which rows count which choice of which group.
    fn cover_rows(&mut self, limits: &[Limit<'a>]) {
        let mut one_of = vec![usize::MAX; self.groups];
        for i in (0..self.customers).rev() {
            one_of[self.group_of(i)] = i;
        }
        let width = self.width();
        self.cover = vec![Vec::new(); self.groups * width];
        self.floored = vec![false; self.groups * width];
        for (r, row) in self.rows.iter().enumerate() {
            for (g, &i) in one_of.iter().enumerate().filter(|(_, i)| **i != usize::MAX) {
                for k in 0..self.offers {
                    let counted = match row.source {
                        Source::Budget => true,
                        Source::Cap(offer) => offer == k,
                        Source::Count => false,
                        Source::Limit(at) => {
                            limits[at].members.is_none_or(|m| m[i]) && limits[at].offers.is_none_or(|o| o.contains(&k))
                        }
                    };
                    if counted {
                        self.cover[g * width + k].push(r);
                        self.floored[g * width + k] |= row.least > f64::NEG_INFINITY
                            || (matches!(row.measure, Measure::PerChoice(_)) && row.most < f64::INFINITY);
                    }
                }
            }
            if let Measure::PerChoice(values) = row.measure {
                self.dense.push((r, values));
            }
        }
        if self.floored.contains(&true) {
            let total: f64 = self.net.iter().map(|v| v.abs()).sum::<f64>() + self.cost.iter().sum::<f64>();
            self.hair_unit = total / self.net.len().max(1) as f64;
        }
    }

    /// The same with a row for each number of customers that must be whole: of each offer, and of what each row counts.
    /// They forbid nothing.
    pub(super) fn with_counts(&self) -> Self {
        let (width, places) = (self.width(), self.cover.len());
        let counted = |r: usize| -> BTreeSet<usize> { (0..places).filter(|&at| self.cover[at].contains(&r)).collect() };
        let mut known: BTreeSet<BTreeSet<usize>> =
            (0..self.rows.len()).filter(|&r| self.is_count(r)).map(counted).collect();
        let of_offers = (0..self.offers).map(|k| (0..self.groups).map(|g| g * width + k).collect());
        let of_rows = (0..self.rows.len()).filter(|&r| !self.is_count(r)).map(counted);
        let mut wider = self.clone();
        for places in of_offers.chain(of_rows) {
            if wider.rows.len() < self.rows.len() + MOST_COUNTS && known.insert(places.clone()) {
                places.iter().for_each(|&at| wider.cover[at].push(wider.rows.len()));
                wider.rows.push(Row::new(Source::Count, Measure::Count, 1.0, None, None));
            }
        }
        wider
    }

    /// Whether the row's sum is a number of customers.
    pub(super) fn is_count(&self, r: usize) -> bool {
        matches!(self.rows[r].measure, Measure::Count)
    }

    /// Whether the row's sum is money.
    pub(super) fn is_money(&self, r: usize) -> bool {
        matches!(self.rows[r].measure, Measure::Cost)
    }

    /// Whether row `r` counts what stands at `place`, a group and choice.
    pub(super) fn covers(&self, place: usize, r: usize) -> bool {
        self.cover[place].contains(&r)
    }

    /// The number of choices: the offers and none, which is the last.
    pub(super) fn width(&self) -> usize {
        self.offers + 1
    }

    pub(super) fn group_of(&self, i: usize) -> usize {
        self.group.get(i).map_or(0, |g| *g as usize)
    }

    pub(super) fn is_eligible(&self, i: usize) -> bool {
        self.eligible.is_none_or(|e| e[i])
    }

    /// Whether an eligible customer may get the offer and it brings something or may serve a floor.
    #[inline]
    pub(super) fn usable(&self, i: usize, g: usize, k: usize) -> bool {
        let (at, of) = (i * self.offers + k, g * self.width() + k);
        (self.net[at] > 0.0 || self.floored[of])
            && (!self.strict || self.cost[at] <= self.dearest[of])
            && self.allowed.is_none_or(|a| a[at])
    }

    /// Whether the customer may make this choice.
    pub(super) fn may(&self, i: usize, k: usize) -> bool {
        k == self.offers || (self.is_eligible(i) && self.usable(i, self.group_of(i), k))
    }

    /// Net of a choice, money; 0 for none.
    pub(super) fn net_of(&self, i: usize, k: usize) -> f64 {
        if k == self.offers { 0.0 } else { self.net[i * self.offers + k] }
    }

    pub(super) fn cost_of(&self, i: usize, k: usize) -> f64 {
        if k == self.offers { 0.0 } else { self.cost[i * self.offers + k] }
    }

    /// By how much customer `i` counts more than the last, so that a price parts equals in the order of the input.
    #[inline]
    pub(super) fn hair(&self, i: usize) -> f64 {
        HAIR * (self.customers - i) as f64 / self.customers as f64
    }

    /// The net for decisions.
    #[inline]
    pub(super) fn with_hair(&self, net: f64, hair: f64) -> f64 {
        net + hair * (net.abs() + self.hair_unit)
    }

    /// Adds `times` the coefficients of a choice to `sums`.
    pub(super) fn add(&self, i: usize, k: usize, times: f64, sums: &mut [f64]) {
        if k == self.offers {
            return;
        }
        let at = i * self.offers + k;
        for &r in &self.cover[self.group_of(i) * self.width() + k] {
            let row = &self.rows[r];
            sums[r] += times
                * row.unit
                * match row.measure {
                    Measure::Count => 1.0,
                    Measure::Cost => self.cost[at],
                    Measure::PerChoice(values) => values[at],
                };
        }
    }

    /// Adds what `count` customers of group `g` with choice `k` and costs that sum to `cost` use, but for dense rows.
    pub(super) fn add_many(&self, g: usize, k: usize, count: f64, cost: f64, sums: &mut [f64]) {
        for &r in &self.cover[g * self.width() + k] {
            let row = &self.rows[r];
            match row.measure {
                Measure::Count => sums[r] += row.unit * count,
                Measure::Cost => sums[r] += row.unit * cost,
                Measure::PerChoice(_) => {}
            }
        }
    }

    /// Adds the dense rows' part of a choice.
    pub(super) fn add_dense(&self, i: usize, g: usize, k: usize, sums: &mut [f64]) {
        for &(r, values) in &self.dense {
            if self.cover[g * self.width() + k].contains(&r) {
                sums[r] += self.rows[r].unit * values[i * self.offers + k];
            }
        }
    }

    pub(super) fn is_dense(&self) -> bool {
        !self.dense.is_empty()
    }

    /// What choices pay at the scaled row prices `y`.
    pub(super) fn prices(&self, y: &[f64]) -> Prices {
        let mut prices =
            Prices { lambda: vec![0.0; self.cover.len()], mu: vec![0.0; self.cover.len()], dense: Vec::new() };
        for (at, rows) in self.cover.iter().enumerate() {
            for &r in rows {
                match self.rows[r].measure {
                    Measure::Count => prices.mu[at] += y[r] * self.rows[r].unit,
                    Measure::Cost => prices.lambda[at] += y[r] * self.rows[r].unit,
                    Measure::PerChoice(_) => {}
                }
            }
        }
        let nonzero = self.dense.iter().enumerate().filter(|(_, (r, _))| y[*r].abs() > 0.0);
        prices.dense = nonzero.map(|(at, &(r, _))| (at, y[r] * self.rows[r].unit)).collect();
        prices
    }

    /// What choice `k` at `cost` pays.
    #[inline]
    pub(super) fn pays(&self, prices: &Prices, i: usize, g: usize, k: usize, cost: f64) -> f64 {
        let at = g * (self.offers + 1) + k;
        let mut sum = prices.lambda[at] * cost + prices.mu[at];
        for &(dense, price) in &prices.dense {
            let (r, values) = self.dense[dense];
            if k < self.offers && self.cover[at].contains(&r) {
                sum += price * values[i * self.offers + k];
            }
        }
        sum
    }

    /// What the rows' bounds are worth at prices `y`: the part of the Lagrangian without customers.
    pub(super) fn bounds_worth(&self, y: &[f64]) -> f64 {
        let worth = |(row, &y): (&Row<'_>, &f64)| match y {
            y if y > 0.0 => y * row.most,
            y if y < 0.0 => y * row.least,
            _ => 0.0,
        };
        self.rows.iter().zip(y).map(worth).sum()
    }

    /// The price of a row in money for a unit of its measure.
    pub(super) fn price_of(&self, r: usize, y: &[f64]) -> f64 {
        y[r] * self.rows[r].unit
    }

    /// By how much, scaled, `sums` break the rows.
    pub(super) fn excess(&self, sums: &[f64]) -> f64 {
        self.rows.iter().zip(sums).map(|(row, &s)| row.excess(s)).sum()
    }

    /// The rows' sums of a whole plan, customers in their order.
    pub(super) fn sums(&self, choice: &[u32]) -> Vec<f64> {
        let mut sums = vec![0.0; self.rows.len()];
        for (i, &k) in choice.iter().enumerate() {
            self.add(i, k as usize, 1.0, &mut sums);
        }
        sums
    }
}

impl<'a> Row<'a> {
    fn new(source: Source, measure: Measure<'a>, unit: f64, least: Option<f64>, most: Option<f64>) -> Self {
        let (mut least, mut most) = (least.unwrap_or(f64::NEG_INFINITY), most.unwrap_or(f64::INFINITY));
        if matches!(measure, Measure::Count) {
            (least, most) = ((least - 1e-9).ceil(), (most + 1e-9).floor());
        }
        // Such sums are never below 0.
        if !matches!(measure, Measure::PerChoice(_)) && least <= 0.0 {
            least = f64::NEG_INFINITY;
        }
        // Three times 0.10 is within 0.30.
        let slack = match measure {
            Measure::Count => 1e-6,
            Measure::Cost => 1e-12 * finite(least).max(finite(most)) * unit,
            Measure::PerChoice(_) => 1e-12 * finite(least).max(finite(most)) * unit + 1e-9,
        };
        Self { source, measure, unit, least: least * unit, most: most * unit, slack }
    }

    /// The greatest sum under the bound `most`, where it never falls by another offer; infinite otherwise.
    pub(super) fn ceiling_at(&self, most: f64) -> f64 {
        if matches!(self.measure, Measure::PerChoice(_)) { f64::INFINITY } else { most + self.slack }
    }

    /// By how much a sum breaks the row beyond rounding.
    #[inline]
    pub(super) fn excess(&self, sum: f64) -> f64 {
        if sum > self.most + self.slack {
            sum - self.most
        } else if sum < self.least - self.slack {
            self.least - sum
        } else {
            0.0
        }
    }
}

/// For each offer the greatest common divisor of its costs in cents.
fn cost_steps(problem: &Problem<'_>) -> Vec<u64> {
    let k = problem.offers;
    let (mut steps, mut last) = (vec![0_u64; k], vec![f64::NAN; k]);
    for row in problem.cost.chunks_exact(k.max(1)) {
        for ((step, last), &cost) in steps.iter_mut().zip(&mut last).zip(row) {
            // Costs are mostly the same for everybody.
            if *step == 1 || cost.to_bits() == last.to_bits() {
                continue;
            }
            *last = cost;
            let cents = (cost * 100.0).round();
            let whole = (cost * 100.0 - cents).abs() < 1e-6 && cents < 1e12;
            *step = if whole { gcd(*step, cents as u64) } else { 1 };
        }
    }
    steps
}

pub(super) fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn finite(bound: f64) -> f64 {
    if bound.is_finite() { bound.abs() } else { 0.0 }
}

/// Customers whom the same limits count.
fn groups(problem: &Problem<'_>) -> (Vec<u32>, usize) {
    let mut group: Vec<u32> = Vec::new();
    let (mut groups, mut seen) = (1_usize, Vec::<&[bool]>::new());
    for members in problem.limits.iter().filter_map(|limit| limit.members) {
        if seen.iter().any(|s| std::ptr::eq(*s, members)) {
            continue;
        }
        seen.push(members);
        group.resize(problem.n_customers, 0);
        let mut named = vec![u32::MAX; 2 * groups];
        let mut next = 0;
        for (g, &member) in group.iter_mut().zip(members) {
            let name = &mut named[2 * *g as usize + usize::from(member)];
            if *name == u32::MAX {
                *name = next;
                next += 1;
            }
            *g = *name;
        }
        groups = (next as usize).max(1);
    }
    (group, groups)
}

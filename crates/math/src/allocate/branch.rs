//! Closing the gap: branch and bound over the customers whose choice the prices leave open.
//!
//! Question: is there a whole plan better than the one at hand, and if not, how is that proved?
//!
//! Model: with `L(y)` the bound and `z` the plan at hand, a choice whose loss at the prices `y` exceeds `L(y) - z` is in no
//! better plan and is struck out. Customers with one choice left are fixed; over the others the relaxed problem is solved,
//! and a branch is dropped whose relaxed value, less what whole customers are below it at least (`decompose`), does not
//! exceed `z`. Branched on are first the numbers of customers that are
//! not whole (of an offer, of all that a limit counts: at most so many, or at least one more), because where few offers fit
//! under a limit they move the bound most; then a customer in parts (this choice, or not this choice).
//!
//! Source: Land and Doig (1960); fixing by reduced costs after Dantzig, Fulkerson and Johnson (1954) and, for
//! multiple-choice knapsacks, Dyer, Kayal and Walker (1984).
//!
//! Units: money; where all choices in play differ by multiples of some cents, a branch must promise one of them. Otherwise plans
//! within 1e-9 of each other are equal.
//!
//! Limits: work is counted in relaxed problems solved, never in time. When the count ends, the greatest value of an open
//! branch is the bound. Exponential in the worst case.

use std::rc::Rc;

use rayon::prelude::*;

use super::Effort;
use super::decompose::Decomposition;
use super::dual::{Dual, Swept, sweep};
use super::instance::{Instance, gcd};
use super::lp::{Basis, Lp, Outcome};
use super::pool::Pool;

/// What a search found.
pub(super) struct Found {
    /// A better plan.
    pub(super) choice: Option<Vec<u32>>,
    /// No plan brings more, apart from the one at hand or found.
    pub(super) bound: f64,
    /// Relaxed problems solved.
    pub(super) nodes: usize,
    /// Whether nothing was left open.
    pub(super) complete: bool,
}

/// Two plans this near are one, as a share of what they bring.
const EQUAL: f64 = 1e-9;
/// A share this near to 0 or 1 is whole.
const WHOLE: f64 = 1e-6;

struct Node {
    basis: Rc<Basis>,
    /// The choices struck out on the way here: number in the pool, choice.
    struck: Vec<(usize, usize)>,
    /// Bounds of numbers of customers set on the way here: row, least, most.
    counts: Vec<(usize, f64, f64)>,
    bound: f64,
}

/// Searches for plans better than `at_hand` (`None` where there is none), whose net is `z`: first among the few customers
/// nearest to indifference, then among four times as many, and so on until everything that could be better is in play.
pub(super) fn search(instance: &Instance<'_>, dual: &Dual, at_hand: Option<(&[u32], f64)>, effort: Effort) -> Found {
    let counted = instance.with_counts();
    let instance = &counted;
    let mut y = dual.y.clone();
    y.resize(instance.rows.len(), 0.0);
    let mut keys = vec![instance.offers as u32; instance.customers];
    let swept = sweep(instance, &y, None, false, Some(&mut keys));
    let lagrangian = instance.bounds_worth(&y) + swept.total;
    let mut found = Found { choice: None, bound: dual.bound, nodes: 0, complete: false };
    let mut best = at_hand.map_or(f64::NEG_INFINITY, |(_, z)| z);
    let mut most = IN_PLAY;
    loop {
        let play = Play::new(instance, &y, &keys, &swept, lagrangian - best, most);
        let beyond = play.beyond;
        let mut pool = Pool::new(instance, play.ids.clone(), |j| 1e-11 * (1.0 - j as f64 / play.ids.len() as f64));
        pool.open.clone_from(&play.open);
        let step = play.step(instance);
        let (least, most_of) =
            (instance.rows.iter().map(|r| r.least).collect(), instance.rows.iter().map(|r| r.most).collect());
        let mut tree = Tree {
            instance,
            play,
            pool,
            least,
            most: most_of,
            step,
            best,
            found: None,
            nodes: found.nodes,
            multipliers: Vec::new(),
            wait: 0,
            // Without it for as long as there are branches.
            waits: if effort.sharp { 0 } else { usize::MAX },
        };
        let (bound, complete) = tree.run(&y, effort.nodes);
        let bound = bound.min(dual.bound);
        found.nodes = tree.nodes;
        best = tree.best;
        let whole = !beyond.is_finite();
        if let Some(own) = tree.found {
            let mut choice = keys.clone();
            tree.play.ids.iter().zip(own).for_each(|(&i, k)| choice[i as usize] = k);
            found.choice = Some(choice);
        }
        // A plan with a choice that was left out of play loses more than `beyond`.
        let outside = lagrangian - beyond;
        let inside = if complete { best } else { bound };
        found.bound = found.bound.min(inside.max(outside)).max(best);
        found.complete = complete && (whole || found.bound <= best + EQUAL * best.abs());
        if !complete || found.complete {
            return found;
        }
        most *= 4;
    }
}

/// Up to this many open branches the best is looked at next, beyond that the last, which needs no more memory.
const KEPT: usize = 10_000;
/// The decomposition helps where it closes this share of a branch's gap.
const HELPS: f64 = 0.1;
/// Branches that go without it at most before it is tried again.
const LONGEST_WAIT: usize = 31;
/// Customers in play at first.
const IN_PLAY: usize = 600;

/// What is left to decide.
struct Play {
    ids: Vec<u32>,
    /// For each of them which choices may be in a better plan.
    open: Vec<bool>,
    /// What all others use and bring.
    fixed: Vec<f64>,
    fixed_net: f64,
    /// Choices with losses above this were left out though they could be in a better plan; infinite where none was.
    beyond: f64,
}

impl Play {
    /// The customers with a choice besides `keys` that loses at most `gap`, the nearest `most` of them.
    fn new(instance: &Instance<'_>, y: &[f64], keys: &[u32], swept: &Swept, gap: f64, most: usize) -> Self {
        let prices = instance.prices(y);
        let width = instance.width();
        let least = gap + 1e-9 * gap.abs().min(f64::MAX) + 1e-12;
        let losses = |i: usize| {
            let g = instance.group_of(i);
            let prices = &prices;
            let worth = move |k: usize| instance.net_of(i, k) - instance.pays(prices, i, g, k, instance.cost_of(i, k));
            let best = worth(keys[i] as usize);
            (0..width).filter(move |&k| instance.may(i, k)).map(move |k| (k, best - worth(k)))
        };
        let nearest = |i: usize| {
            let others = losses(i).filter(|(k, _)| *k != keys[i] as usize);
            (others.map(|(_, loss)| loss).fold(f64::INFINITY, f64::min), i as u32)
        };
        let mut near: Vec<(f64, u32)> = (0..instance.customers)
            .into_par_iter()
            .map(nearest)
            .filter(|(loss, _)| *loss <= least && loss.is_finite())
            .collect();
        let mut beyond = f64::INFINITY;
        if near.len() > most {
            near.select_nth_unstable_by(most, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            beyond = near[most].0;
            near.truncate(most);
        }
        let mut ids: Vec<u32> = near.into_iter().map(|(_, i)| i).collect();
        ids.sort_unstable();
        let mut play = Self {
            open: vec![false; ids.len() * width],
            ids,
            fixed: swept.sums.clone(),
            fixed_net: swept.worth,
            beyond,
        };
        for (j, &i) in play.ids.iter().enumerate() {
            let (i, key) = (i as usize, keys[i as usize] as usize);
            play.fixed_net -= instance.net_of(i, key);
            instance.add(i, key, -1.0, &mut play.fixed);
            for (k, loss) in losses(i) {
                play.open[j * width + k] = loss <= least.min(beyond);
            }
        }
        play
    }

    /// By what multiples, money, the plans in play differ, where all nets in play are whole cents; else 0.
    fn step(&self, instance: &Instance<'_>) -> f64 {
        let mut step = 0;
        for &i in &self.ids {
            for k in (0..instance.offers).filter(|&k| instance.may(i as usize, k)) {
                let cents = instance.net_of(i as usize, k) * 100.0;
                if (cents - cents.round()).abs() > 1e-6 || cents.abs() > 1e12 {
                    return 0.0;
                }
                step = gcd(step, cents.round().abs() as u64);
            }
        }
        step as f64 / 100.0
    }
}

struct Tree<'p, 'a> {
    instance: &'p Instance<'a>,
    play: Play,
    pool: Pool,
    /// Bounds of the rows in the branch that is looked at.
    least: Vec<f64>,
    most: Vec<f64>,
    step: f64,
    best: f64,
    found: Option<Vec<u32>>,
    nodes: usize,
    /// Of the decomposition of the last branch: the next one begins there.
    multipliers: Vec<f64>,
    /// Branches that go without it after one where it did not help, and how many of them are still to come.
    wait: usize,
    waits: usize,
}

impl Tree<'_, '_> {
    /// The bound of what is left open, and whether nothing is.
    fn run(&mut self, y: &[f64], limit: usize) -> (f64, bool) {
        let root = Rc::new(self.lp().start(y));
        let mut open = vec![Node { basis: root, struck: Vec::new(), counts: Vec::new(), bound: f64::INFINITY }];
        let (mut given_up, mut complete, mut plunging) = (f64::NEG_INFINITY, true, false);
        while !open.is_empty() {
            if !plunging && open.len() < KEPT {
                // The most promising branch; the first of equals.
                let best =
                    (1..open.len()).fold(0, |best, at| if open[at].bound > open[best].bound { at } else { best });
                let last = open.len() - 1;
                open.swap(best, last);
            }
            let Some(node) = open.pop() else { break };
            plunging = false;
            if !self.promises(node.bound) {
                continue;
            }
            if self.nodes >= limit {
                open.push(node);
                break;
            }
            self.nodes += 1;
            for &(r, least, most) in &node.counts {
                (self.least[r], self.most[r]) = (self.least[r].max(least), self.most[r].min(most));
            }
            let solved = self.solve(&node);
            for &(r, ..) in &node.counts {
                (self.least[r], self.most[r]) = (self.instance.rows[r].least, self.instance.rows[r].most);
            }
            match solved {
                Solved::Pruned => {}
                Solved::Open(children) => {
                    open.extend(children);
                    plunging = true;
                }
                Solved::GivenUp(bound) => {
                    given_up = given_up.max(bound);
                    complete = false;
                }
            }
            self.pool.open.clone_from(&self.play.open);
        }
        let left = open.iter().filter(|node| self.promises(node.bound)).map(|node| node.bound);
        let left: Vec<f64> = left.collect();
        complete &= left.is_empty();
        (left.into_iter().fold(given_up, f64::max), complete)
    }

    fn lp(&self) -> Lp<'_, '_> {
        Lp {
            instance: self.instance,
            pool: &self.pool,
            least: self.least.clone(),
            most: self.most.clone(),
            fixed: self.play.fixed.clone(),
        }
    }

    /// Whether a branch of this value may hold a better plan.
    fn promises(&self, value: f64) -> bool {
        if self.best.is_infinite() {
            return true;
        }
        let rounding = EQUAL * 0.1 * self.best.abs();
        if self.step > 0.0 {
            value + rounding >= self.best + self.step
        } else {
            value > self.best + EQUAL * self.best.abs()
        }
    }

    /// How far every whole plan of the branch is below its relaxed value; the plan that this leaves at hand is looked at.
    fn shortfall(&mut self, basis: &Basis, value: f64) -> f64 {
        if self.waits > 0 {
            self.waits -= 1;
            return 0.0;
        }
        let mut multipliers = std::mem::take(&mut self.multipliers);
        let lp = self.lp();
        let found = Decomposition::new(&lp, &basis.y)
            .map(|decomposition| decomposition.shortfall(&mut multipliers, value - self.best));
        self.multipliers = multipliers;
        let Some(found) = found else { return 0.0 };
        let helps = found.by >= HELPS * (value - self.best);
        self.wait = if helps { 0 } else { (2 * self.wait + 1).min(LONGEST_WAIT) };
        self.waits = self.wait;
        self.round(found.choice);
        found.by.max(0.0)
    }

    fn solve(&mut self, node: &Node) -> Solved {
        let width = self.instance.width();
        for &(j, k) in &node.struck {
            self.pool.open[j * width + k] = false;
        }
        let Some(too_dear) = self.too_dear() else { return Solved::Pruned };
        let mut basis = (*node.basis).clone();
        let (outcome, value, parts) = {
            let lp = self.lp();
            let restart = node.struck.iter().chain(&too_dear).any(|&(j, _)| !lp.unkey(&mut basis, j));
            if restart {
                basis = lp.start(&node.basis.y);
            }
            let mut outcome = lp.solve(&mut basis);
            if outcome == Outcome::Stalled {
                basis = lp.start(&basis.y);
                outcome = lp.solve(&mut basis);
            }
            (outcome, self.play.fixed_net + lp.value(&basis), lp.parts(&basis))
        };
        match outcome {
            Outcome::Infeasible(_) => return Solved::Pruned,
            Outcome::Stalled => return Solved::GivenUp(node.bound),
            Outcome::Optimal => {}
        }
        if !self.promises(value) {
            return Solved::Pruned;
        }
        let value = value - self.shortfall(&basis, value);
        if !self.promises(value) {
            return Solved::Pruned;
        }
        // The share nearest to one half; a customer with several counts each of them.
        let mut branch: Option<(f64, usize, usize)> = None;
        for &(j, k, share) in &parts {
            let apart = (share - 0.5).abs();
            if apart < 0.5 - WHOLE && branch.is_none_or(|(least, ..)| apart < least) {
                let greater =
                    if share < 0.5 && !parts.iter().any(|p| p.0 == j && p.1 != k) { basis.key[j] as usize } else { k };
                branch = Some((apart, j, greater));
            }
        }
        let Some((_, j, k)) = branch else { return self.whole(&basis, &parts, value) };
        // Customers in parts start at none.
        let mut own = basis.key.clone();
        for &(j, ..) in &parts {
            if self.play.open[j * width + self.instance.offers] {
                own[j] = self.instance.offers as u32;
            }
        }
        self.round(own);
        if !self.promises(value) {
            return Solved::Pruned;
        }
        let count = self.part_of_a_count(&basis);
        let basis = Rc::new(basis);
        let child = |struck: Vec<(usize, usize)>, counts: Option<(usize, f64, f64)>| Node {
            basis: Rc::clone(&basis),
            struck: node.struck.iter().copied().chain(struck).collect(),
            counts: node.counts.iter().copied().chain(counts).collect(),
            bound: value,
        };
        if let Some((r, number)) = count {
            let fewer = child(Vec::new(), Some((r, f64::NEG_INFINITY, number.floor())));
            let more = child(Vec::new(), Some((r, number.ceil(), f64::INFINITY)));
            // The nearer one is looked at first.
            let nearer_below = number - number.floor() <= 0.5;
            return Solved::Open(if nearer_below { vec![more, fewer] } else { vec![fewer, more] });
        }
        let others = (0..width).filter(|&other| other != k && self.play.open[j * width + other]);
        // The last is looked at first.
        Solved::Open(vec![child(vec![(j, k)], None), child(others.map(|other| (j, other)).collect(), None)])
    }

    /// The least of the numbers of customers that are not whole, the first of equals: where few fit, one more or less moves
    /// the bound most.
    fn part_of_a_count(&self, basis: &Basis) -> Option<(usize, f64)> {
        let is_part = |number: f64| (number - number.floor() - 0.5).abs() < 0.5 - WHOLE;
        let parts = basis.numbers().filter(|&(r, number)| self.instance.is_count(r) && is_part(number));
        parts.min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)))
    }

    /// Strikes out what breaks a ceiling beside those whose choice is decided; `None` where these alone break one, or
    /// somebody has no choice left.
    fn too_dear(&mut self) -> Option<Vec<(usize, usize)>> {
        let (instance, width) = (self.instance, self.instance.width());
        let mut used = self.play.fixed.clone();
        let mut decided = vec![false; self.play.ids.len()];
        for (j, &i) in self.play.ids.iter().enumerate() {
            let mut left = (0..width).filter(|&k| self.pool.open[j * width + k]);
            let only = left.next()?;
            if left.next().is_none() {
                decided[j] = true;
                instance.add(i as usize, only, 1.0, &mut used);
            }
        }
        let room: Vec<f64> = instance
            .rows
            .iter()
            .zip(&self.most)
            .zip(&used)
            .map(|((row, most), used)| row.ceiling_at(*most) - used)
            .collect();
        if room.iter().any(|&room| room < 0.0) {
            return None;
        }
        let mut struck = Vec::new();
        let mut takes = vec![0.0; room.len()];
        for (j, &i) in self.play.ids.iter().enumerate().filter(|&(j, _)| !decided[j]) {
            for k in 0..instance.offers {
                if self.pool.open[j * width + k] {
                    takes.fill(0.0);
                    instance.add(i as usize, k, 1.0, &mut takes);
                    if takes.iter().zip(&room).any(|(takes, room)| takes > room) {
                        self.pool.open[j * width + k] = false;
                        struck.push((j, k));
                    }
                }
            }
            if (0..width).all(|k| !self.pool.open[j * width + k]) {
                return None;
            }
        }
        Some(struck)
    }

    /// A whole plan from choices that leave room: whatever fits is given, the greatest gain first.
    fn round(&mut self, mut own: Vec<u32>) {
        let (instance, width) = (self.instance, self.instance.width());
        let (mut sums, mut net) = (self.play.fixed.clone(), self.play.fixed_net);
        for (&i, &k) in self.play.ids.iter().zip(&own) {
            instance.add(i as usize, k as usize, 1.0, &mut sums);
            net += instance.net_of(i as usize, k as usize);
        }
        let mut changed = vec![0.0; sums.len()];
        let mut fits = |sums: &[f64], i: usize, from: usize, to: usize| {
            changed.copy_from_slice(sums);
            instance.add(i, from, -1.0, &mut changed);
            instance.add(i, to, 1.0, &mut changed);
            (instance.excess(&changed) <= 0.0).then(|| changed.clone())
        };
        let mut moves = Vec::new();
        for (j, &i) in self.play.ids.iter().enumerate() {
            let (i, from) = (i as usize, own[j] as usize);
            for k in (0..instance.offers).filter(|&k| k != from && self.play.open[j * width + k]) {
                let gain = instance.net_of(i, k) - instance.net_of(i, from);
                if gain > 0.0 && fits(&sums, i, from, k).is_some() {
                    moves.push((gain, j, k));
                }
            }
        }
        moves.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        for (_, j, k) in moves {
            let (i, from) = (self.play.ids[j] as usize, own[j] as usize);
            let gain = instance.net_of(i, k) - instance.net_of(i, from);
            if gain > 0.0
                && let Some(after) = fits(&sums, i, from, k)
            {
                (sums, own[j]) = (after, k as u32);
                net += gain;
            }
        }
        if net > self.best && instance.excess(&sums) <= 0.0 {
            (self.best, self.found) = (net, Some(own));
        }
    }

    /// The relaxed plan is whole: it is the best of its branch.
    fn whole(&mut self, basis: &Basis, parts: &[(usize, usize, f64)], value: f64) -> Solved {
        let mut own = basis.key.clone();
        for &(j, k, share) in parts {
            if share > 0.5 {
                own[j] = k as u32;
            }
        }
        let (mut sums, mut net) = (self.play.fixed.clone(), self.play.fixed_net);
        for (&i, &k) in self.play.ids.iter().zip(&own) {
            self.instance.add(i as usize, k as usize, 1.0, &mut sums);
            net += self.instance.net_of(i as usize, k as usize);
        }
        if self.instance.excess(&sums) > 0.0 {
            return Solved::GivenUp(value);
        }
        if net > self.best {
            (self.best, self.found) = (net, Some(own));
        }
        Solved::Pruned
    }
}

enum Solved {
    Pruned,
    Open(Vec<Node>),
    GivenUp(f64),
}

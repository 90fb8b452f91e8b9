//! Closing the gap: branch and bound over the customers whose choice the prices leave open.
//!
//! Question: is there a whole plan better than the one at hand, and if not, how is that proved?
//!
//! Model: with `L(y)` the bound and `z` the plan at hand, a choice whose loss at the prices `y` exceeds `L(y) - z` is in no
//! better plan and is struck out. Customers with one choice left are fixed; over the others the relaxed problem is solved,
//! a customer in parts is branched on (this choice, or not this choice), and a branch whose relaxed value does not
//! exceed `z` is dropped.
//!
//! Source: Land and Doig (1960); fixing by reduced costs after Dantzig, Fulkerson and Johnson (1954) and, for
//! multiple-choice knapsacks, Dyer, Kayal and Walker (1984).
//!
//! Units: money; where all choices in play differ by whole cents, a branch must promise a whole cent. Otherwise plans
//! within 1e-9 of each other are equal.
//!
//! Limits: work is counted in relaxed problems solved, never in time. When the count ends, the greatest value of an open
//! branch is the bound. Exponential in the worst case.

use std::rc::Rc;

use rayon::prelude::*;

use super::dual::{Dual, sweep};
use super::instance::Instance;
use super::lp::{Basis, Lp, Outcome, Pool};

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
    bound: f64,
}

/// Searches for plans better than `at_hand` (`None` where there is none), whose net is `z`.
pub(super) fn search(instance: &Instance<'_>, dual: &Dual, at_hand: Option<(&[u32], f64)>, limit: usize) -> Found {
    let z = at_hand.map_or(f64::NEG_INFINITY, |(_, z)| z);
    let lagrangian = instance.bounds_worth(&dual.y) + sweep(instance, &dual.y, None, false, None).total;
    let play = Play::new(instance, &dual.y, lagrangian - z);
    let mut pool = Pool::new(instance, play.ids.clone(), |j| 1e-11 * (1.0 - j as f64 / play.ids.len() as f64));
    pool.open.clone_from(&play.open);
    let step = play.step(instance);
    let mut tree = Tree { instance, play, pool, step, best: z, found: None, nodes: 0 };
    let (bound, complete) = tree.run(dual, limit);
    let choice = tree.found.map(|own| {
        let mut choice = tree.play.fixed_choice.clone();
        tree.play.ids.iter().zip(own).for_each(|(&i, k)| choice[i as usize] = k);
        choice
    });
    Found { choice, bound: if complete { tree.best } else { bound.max(tree.best) }, nodes: tree.nodes, complete }
}

/// What is left to decide.
struct Play {
    ids: Vec<u32>,
    /// For each of them which choices may be in a better plan.
    open: Vec<bool>,
    /// The choice of all others.
    fixed_choice: Vec<u32>,
    fixed: Vec<f64>,
    fixed_net: f64,
}

impl Play {
    fn new(instance: &Instance<'_>, y: &[f64], gap: f64) -> Self {
        let prices = instance.prices(y);
        let width = instance.width();
        let least = gap + 1e-9 * gap.abs().min(f64::MAX) + 1e-12;
        let own: Vec<(u32, Vec<bool>)> = (0..instance.customers)
            .into_par_iter()
            .map(|i| {
                let g = instance.group_of(i);
                let worth = |k: usize| {
                    instance.net_of(i, k) - instance.pays(&prices, i, g, k, instance.cost_of(i, k))
                };
                let (mut best, mut key) = (f64::NEG_INFINITY, width - 1);
                for k in (0..width).rev().filter(|&k| instance.may(i, k)) {
                    if worth(k) > best {
                        (best, key) = (worth(k), k);
                    }
                }
                let near = |k: usize| instance.may(i, k) && best - worth(k) <= least;
                if (0..width).any(|k| k != key && near(k)) {
                    (key as u32, (0..width).map(near).collect())
                } else {
                    (key as u32, Vec::new())
                }
            })
            .collect();
        let mut play = Self {
            ids: Vec::new(),
            open: Vec::new(),
            fixed_choice: own.iter().map(|(key, _)| *key).collect(),
            fixed: vec![0.0; y.len()],
            fixed_net: 0.0,
        };
        for (i, (key, open)) in own.into_iter().enumerate() {
            if open.is_empty() {
                play.fixed_net += instance.net_of(i, key as usize);
                instance.add(i, key as usize, 1.0, &mut play.fixed);
            } else {
                play.ids.push(i as u32);
                play.open.extend(open);
            }
        }
        play
    }

    /// A cent where all choices in play differ by whole cents, else 0.
    fn step(&self, instance: &Instance<'_>) -> f64 {
        let cents = |v: f64| (v * 100.0 - (v * 100.0).round()).abs() < 1e-6;
        let whole = self.ids.iter().all(|&i| {
            let own = (0..instance.width()).filter(|&k| instance.may(i as usize, k));
            own.into_iter().all(|k| cents(instance.net_of(i as usize, k)))
        });
        if whole { 0.01 } else { 0.0 }
    }
}

struct Tree<'p, 'a> {
    instance: &'p Instance<'a>,
    play: Play,
    pool: Pool,
    step: f64,
    best: f64,
    found: Option<Vec<u32>>,
    nodes: usize,
}

impl Tree<'_, '_> {
    /// The bound of what is left open, and whether nothing is.
    fn run(&mut self, dual: &Dual, limit: usize) -> (f64, bool) {
        let root = Rc::new(self.lp().start(&dual.y));
        let mut open = vec![Node { basis: root, struck: Vec::new(), bound: f64::INFINITY }];
        let (mut given_up, mut complete) = (f64::NEG_INFINITY, true);
        while let Some(node) = open.pop() {
            if !self.promises(node.bound) {
                continue;
            }
            if self.nodes >= limit {
                open.push(node);
                break;
            }
            self.nodes += 1;
            for &(j, k) in &node.struck {
                self.pool.open[j * self.instance.width() + k] = false;
            }
            let solved = self.solve(&node);
            match solved {
                Solved::Pruned => {}
                Solved::Open(children) => open.extend(children),
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
        (left.into_iter().fold(given_up, f64::max).min(dual.bound), complete)
    }

    fn lp(&self) -> Lp<'_, '_> {
        Lp {
            instance: self.instance,
            pool: &self.pool,
            least: self.instance.rows.iter().map(|row| row.least).collect(),
            most: self.instance.rows.iter().map(|row| row.most).collect(),
            fixed: self.play.fixed.clone(),
        }
    }

    /// Whether a branch of this value may hold a better plan.
    fn promises(&self, value: f64) -> bool {
        if self.best.is_infinite() {
            return true;
        }
        let rounding = EQUAL * 0.1 * self.best.abs();
        if self.step > 0.0 { value + rounding >= self.best + self.step } else { value > self.best + EQUAL * self.best.abs() }
    }

    fn solve(&mut self, node: &Node) -> Solved {
        let width = self.instance.width();
        let mut basis = (*node.basis).clone();
        let (outcome, value, parts) = {
            let lp = self.lp();
            let restart = node.struck.iter().any(|&(j, _)| !lp.unkey(&mut basis, j));
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
        // The share nearest to one half; a customer with several counts each of them.
        let mut branch: Option<(f64, usize, usize)> = None;
        for &(j, k, share) in &parts {
            let apart = (share - 0.5).abs();
            if apart < 0.5 - WHOLE && branch.is_none_or(|(least, ..)| apart < least) {
                let greater = if share < 0.5 && !parts.iter().any(|p| p.0 == j && p.1 != k) {
                    basis.key[j] as usize
                } else {
                    k
                };
                branch = Some((apart, j, greater));
            }
        }
        let Some((_, j, k)) = branch else { return self.whole(&basis, &parts, value) };
        let basis = Rc::new(basis);
        let child = |more: Vec<(usize, usize)>| Node {
            basis: Rc::clone(&basis),
            struck: node.struck.iter().copied().chain(more).collect(),
            bound: value,
        };
        let others = (0..width).filter(|&other| other != k && self.play.open[j * width + other]);
        // The last is looked at first.
        Solved::Open(vec![child(vec![(j, k)]), child(others.map(|other| (j, other)).collect())])
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

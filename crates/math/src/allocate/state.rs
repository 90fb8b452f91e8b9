//! A whole plan in the making: the relaxed plan rounded, brought within the rows, and improved near the break.
//!
//! Question: which whole plan, near the relaxed one, keeps every ceiling and floor and brings most?
//!
//! Method: at the relaxed problem's prices every choice other than a customer's best has a loss, and a plan's distance from
//! the bound is the sum of its losses and of what its unused room is priced at. So only the customers with the smallest
//! losses are looked at: single changes that mend the rows at the least loss, then changes and pairs of changes that bring
//! something and fit.
//!
//! Limits: finds no plan where none is near; `branch` then searches.

use super::instance::{Instance, Prices};

/// Customers nearest to indifference whom repair looks at first.
const NEAR: usize = 1_024;
/// Moves that the exchange of pairs looks at; their number enters squared.
const MOVES: usize = 256;
/// Exchanges at most: each brings something, so this only guards against rounding.
const ROUNDS: usize = 500;

/// Who has which offer, and what that uses.
#[derive(Clone)]
pub(super) struct State<'p, 'a> {
    instance: &'p Instance<'a>,
    pub(super) choice: Vec<u32>,
    sums: Vec<f64>,
}

/// Customer `i` changes to `to`.
struct Move {
    i: usize,
    to: usize,
    net: f64,
    /// What that changes of each row.
    sums: Vec<f64>,
}

impl<'p, 'a> State<'p, 'a> {
    pub(super) fn new(instance: &'p Instance<'a>, choice: Vec<u32>) -> Self {
        let sums = instance.sums(&choice);
        Self { instance, choice, sums }
    }

    /// Whether every row is kept.
    pub(super) fn is_feasible(&self) -> bool {
        self.instance.excess(&self.sums) <= 0.0
    }

    /// What the plan brings, summed in the order of the customers.
    pub(super) fn net(&self) -> f64 {
        self.choice.iter().enumerate().map(|(i, &k)| self.instance.net_of(i, k as usize)).sum()
    }

    /// Gives customer `i` choice `to` instead of what it has.
    pub(super) fn give(&mut self, i: usize, to: usize) {
        self.instance.add(i, self.choice[i] as usize, -1.0, &mut self.sums);
        self.instance.add(i, to, 1.0, &mut self.sums);
        self.choice[i] = to as u32;
    }

    /// Whether customer `i` may change to `to` without breaking a row further.
    pub(super) fn fits(&self, i: usize, to: usize, scratch: &mut Vec<f64>) -> bool {
        scratch.clear();
        scratch.resize(self.sums.len(), 0.0);
        self.instance.add(i, self.choice[i] as usize, -1.0, scratch);
        self.instance.add(i, to, 1.0, scratch);
        self.keeps(scratch)
    }

    /// Whether a change of the rows breaks none that it touches.
    fn keeps(&self, change: &[f64]) -> bool {
        let rows = self.instance.rows.iter().zip(&self.sums).zip(change);
        rows.into_iter().all(|((row, sum), d)| {
            (*d <= 0.0 || sum + d <= row.most + row.slack) && (*d >= 0.0 || sum + d >= row.least - row.slack)
        })
    }

    /// Worth of a choice at prices.
    fn worth(&self, prices: &Prices, i: usize, k: usize) -> f64 {
        let g = self.instance.group_of(i);
        self.instance.net_of(i, k) - self.instance.pays(prices, i, g, k, self.instance.cost_of(i, k))
    }

    /// The `most` customers of `of` (all, where it is empty) who lose least by another choice, the nearest first.
    fn near(&self, prices: &Prices, of: &[u32], most: usize) -> Vec<usize> {
        let instance = self.instance;
        let loss = |i: usize| {
            let own = self.worth(prices, i, self.choice[i] as usize);
            let other = (0..instance.width()).filter(|&k| k != self.choice[i] as usize && instance.may(i, k));
            (other.map(|k| own - self.worth(prices, i, k)).fold(f64::INFINITY, f64::min), i)
        };
        let mut near: Vec<(f64, usize)> = if of.is_empty() {
            (0..instance.customers).map(loss).filter(|(loss, _)| loss.is_finite()).collect()
        } else {
            of.iter().map(|&i| loss(i as usize)).filter(|(loss, _)| loss.is_finite()).collect()
        };
        let by_loss = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if near.len() > most {
            near.select_nth_unstable_by(most, by_loss);
            near.truncate(most);
        }
        near.sort_unstable_by(by_loss);
        near.into_iter().map(|(_, i)| i).collect()
    }

    /// Brings the plan within the rows and improves it; `core` are the customers in doubt. False where some row stays
    /// broken.
    pub(super) fn mend(&mut self, y: &[f64], core: &[u32]) -> bool {
        let prices = self.instance.prices(y);
        let core = if core.len() < NEAR { &[] } else { core };
        let near = self.near(&prices, core, NEAR);
        if !self.repair(&prices, &near) {
            let all = self.near(&prices, &[], usize::MAX);
            if !self.repair(&prices, &all) {
                return false;
            }
        }
        self.fill(&prices, &near);
        if self.exchange(&prices, &near) {
            self.fill(&prices, &near);
        }
        true
    }

    /// Single changes that bring broken rows nearer, the least loss for what they mend first.
    fn repair(&mut self, prices: &Prices, near: &[usize]) -> bool {
        let instance = self.instance;
        let mut excess = instance.excess(&self.sums);
        let mut change = vec![0.0; self.sums.len()];
        for _ in 0..4 * instance.rows.len() + 64 {
            if excess <= 0.0 {
                break;
            }
            let mut best: Option<(f64, usize, usize)> = None;
            for &i in near {
                let own = self.worth(prices, i, self.choice[i] as usize);
                for k in (0..instance.width()).filter(|&k| k != self.choice[i] as usize && instance.may(i, k)) {
                    change.clone_from(&self.sums);
                    instance.add(i, self.choice[i] as usize, -1.0, &mut change);
                    instance.add(i, k, 1.0, &mut change);
                    let mended = excess - instance.excess(&change);
                    if mended <= 1e-12 {
                        continue;
                    }
                    let rate = (own - self.worth(prices, i, k)).max(0.0) / mended;
                    // Between equals the later customer gives way.
                    if best.is_none_or(|(least, j, _)| rate < least || (rate <= least && i > j)) {
                        best = Some((rate, i, k));
                    }
                }
            }
            let Some((_, i, k)) = best else { return false };
            self.give(i, k);
            excess = instance.excess(&self.sums);
        }
        excess <= 0.0
    }

    /// Takes single changes that bring something and fit, those that lose least at the prices first.
    fn fill(&mut self, prices: &Prices, near: &[usize]) {
        let instance = self.instance;
        let mut scratch = Vec::new();
        loop {
            let mut moves: Vec<(f64, f64, usize, usize)> = Vec::new();
            for &i in near {
                let (own, net) = (self.choice[i] as usize, instance.net_of(i, self.choice[i] as usize));
                for k in (0..instance.offers).filter(|&k| k != own && instance.may(i, k)) {
                    let gain = instance.net_of(i, k) - net;
                    if gain > 1e-12 * net.abs().max(instance.net_of(i, k).abs()) && self.fits(i, k, &mut scratch) {
                        let loss = self.worth(prices, i, own) - self.worth(prices, i, k);
                        moves.push((loss, gain, i, k));
                    }
                }
            }
            moves.sort_unstable_by(|a, b| {
                a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)).then(a.3.cmp(&b.3))
            });
            let mut taken = false;
            for &(_, _, i, k) in &moves {
                let net = instance.net_of(i, self.choice[i] as usize);
                let gain = instance.net_of(i, k) - net;
                if gain > 1e-12 * net.abs().max(instance.net_of(i, k).abs()) && self.fits(i, k, &mut scratch) {
                    self.give(i, k);
                    taken = true;
                }
            }
            if !taken {
                return;
            }
        }
    }

    /// Takes the best single change or pair of changes among the nearest, again and again.
    fn exchange(&mut self, prices: &Prices, near: &[usize]) -> bool {
        let mut changed = false;
        for _ in 0..ROUNDS {
            let Some((first, second)) = self.best_exchange(prices, near) else { break };
            self.give(first.0, first.1);
            if let Some((i, k)) = second {
                self.give(i, k);
            }
            changed = true;
        }
        changed
    }

    /// For each choice the changes to it that lose least at the prices.
    fn moves(&self, prices: &Prices, near: &[usize]) -> Vec<Move> {
        let instance = self.instance;
        let each = (MOVES / instance.width()).max(16);
        let mut moves: Vec<Move> = Vec::new();
        let mut to_k: Vec<(f64, usize)> = Vec::new();
        for to in 0..instance.width() {
            to_k.clear();
            for &i in near.iter().filter(|&&i| self.choice[i] as usize != to && instance.may(i, to)) {
                to_k.push((self.worth(prices, i, self.choice[i] as usize) - self.worth(prices, i, to), i));
            }
            let by_loss = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
            if to_k.len() > each {
                to_k.select_nth_unstable_by(each, by_loss);
                to_k.truncate(each);
            }
            for &(_, i) in &to_k {
                let own = self.choice[i] as usize;
                let mut sums = vec![0.0; self.sums.len()];
                instance.add(i, own, -1.0, &mut sums);
                instance.add(i, to, 1.0, &mut sums);
                moves.push(Move { i, to, net: instance.net_of(i, to) - instance.net_of(i, own), sums });
            }
        }
        moves
    }

    #[expect(clippy::type_complexity, reason = "two changes, the second not always")]
    fn best_exchange(&self, prices: &Prices, near: &[usize]) -> Option<((usize, usize), Option<(usize, usize)>)> {
        let mut moves = self.moves(prices, near);
        moves.sort_by(|a, b| b.net.total_cmp(&a.net).then(a.i.cmp(&b.i)).then(a.to.cmp(&b.to)));
        let mut gain = 1e-12 * moves.iter().fold(0.0_f64, |most, m| most.max(m.net.abs()));
        let mut best = None;
        let mut both = vec![0.0; self.sums.len()];
        for (at, a) in moves.iter().enumerate() {
            // Sorted by net: no later pair can bring more than twice this one.
            if a.net + a.net <= gain {
                break;
            }
            if a.net > gain && self.keeps(&a.sums) {
                gain = a.net;
                best = Some(((a.i, a.to), None));
            }
            for b in &moves[at + 1..] {
                if a.net + b.net <= gain {
                    break;
                }
                if a.i == b.i {
                    continue;
                }
                both.iter_mut().zip(&a.sums).zip(&b.sums).for_each(|((c, a), b)| *c = a + b);
                if self.keeps(&both) {
                    gain = a.net + b.net;
                    best = Some(((a.i, a.to), Some((b.i, b.to))));
                }
            }
        }
        best
    }
}

//! An integer plan in the making: feasible in the budget at every step, and improved near the break.

use super::Instance;

/// "No offer".
const NONE: usize = usize::MAX;
/// Moves that the exchange of pairs looks at; their number enters squared.
const MOVES: usize = 256;
/// Exchanges at most: each brings something, so this only guards against rounding.
const ROUNDS: usize = 500;

/// Who has which offer, and what that uses.
pub(super) struct State<'a> {
    instance: &'a Instance<'a>,
    choice: Vec<usize>,
    /// The customers of each offer.
    pub(super) counts: Vec<usize>,
    spend: f64,
}

/// Customer `i` changes to offer `to`.
#[derive(Debug, Clone, Copy)]
struct Move {
    i: usize,
    to: usize,
    net: f64,
    cost: f64,
}

impl<'a> State<'a> {
    /// Nobody has an offer.
    pub(super) fn new(instance: &'a Instance<'a>) -> Self {
        Self { instance, choice: vec![NONE; instance.customers], counts: vec![0; instance.offers], spend: 0.0 }
    }

    pub(super) fn choice_of(&self, i: usize) -> Option<usize> {
        (self.choice[i] != NONE).then_some(self.choice[i])
    }

    /// Net and spend, summed in the order of the customers.
    pub(super) fn totals(&self) -> (f64, f64) {
        let given = self.choice.iter().enumerate().filter(|&(_, &k)| k != NONE);
        given.fold((0.0, 0.0), |(net, spend), (i, &k)| {
            (net + self.instance.net_of(i)[k], spend + self.instance.cost_of(i)[k])
        })
    }

    /// Gives customer `i` offer `to` instead of what it has.
    pub(super) fn give(&mut self, i: usize, to: usize) {
        self.spend += self.change(i, to).cost;
        if self.choice[i] != NONE {
            self.counts[self.choice[i]] -= 1;
        }
        if to != NONE {
            self.counts[to] += 1;
        }
        self.choice[i] = to;
    }

    fn change(&self, i: usize, to: usize) -> Move {
        let (net, cost) = self.values(i, to);
        let (old_net, old_cost) = self.values(i, self.choice[i]);
        Move { i, to, net: net - old_net, cost: cost - old_cost }
    }

    fn values(&self, i: usize, k: usize) -> (f64, f64) {
        if k == NONE { (0.0, 0.0) } else { (self.instance.net_of(i)[k], self.instance.cost_of(i)[k]) }
    }

    /// Whether customer `i` may have offer `to` on top of what all others have.
    pub(super) fn fits(&self, i: usize, to: usize) -> bool {
        let step = self.change(i, to);
        self.has_room(to) && (step.cost <= 0.0 || self.spend + step.cost <= self.instance.allowed())
    }

    fn has_room(&self, k: usize) -> bool {
        k == NONE || self.counts[k] < self.instance.caps[k]
    }

    /// Net at the given prices.
    fn reduced(&self, i: usize, k: usize, lambda: f64, mu: &[f64]) -> f64 {
        let (net, cost) = self.values(i, k);
        if k == NONE { 0.0 } else { net - if cost > 0.0 { lambda * cost } else { 0.0 } - mu[k] }
    }

    /// Takes places from offers that are over their cap, where it costs least at the given prices.
    pub(super) fn meet_caps(&mut self, lambda: f64, mu: &[f64]) {
        for k in 0..self.instance.offers {
            if self.counts[k] <= self.instance.caps[k] {
                continue;
            }
            let excess = self.counts[k] - self.instance.caps[k];
            let members = self.instance.active.iter().copied().filter(|&i| self.choice[i] == k);
            let mut losses: Vec<(f64, usize)> = members
                .map(|i| {
                    (self.reduced(i, k, lambda, mu) - self.reduced(i, self.next_best(i, lambda, mu), lambda, mu), i)
                })
                .collect();
            // The later customer gives way between equals.
            losses.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
            for &(_, i) in &losses[..excess] {
                let to = self.next_best(i, lambda, mu);
                self.give(i, to);
            }
        }
    }

    /// The best other choice of customer `i` that fits.
    fn next_best(&self, i: usize, lambda: f64, mu: &[f64]) -> usize {
        let mut best = NONE;
        for k in 0..self.instance.offers {
            if k != self.choice[i]
                && self.instance.net_of(i)[k] > 0.0
                && self.reduced(i, k, lambda, mu) > self.reduced(i, best, lambda, mu)
                && self.fits(i, k)
            {
                best = k;
            }
        }
        best
    }

    /// Uses what is left and exchanges offers near the break until nothing more is found.
    pub(super) fn improve(&mut self, lambda: f64, mu: &[f64]) {
        self.fill();
        if self.exchange(lambda, mu) {
            self.fill();
        }
    }

    /// Takes single changes that bring something and fit, by falling efficiency.
    fn fill(&mut self) {
        loop {
            let mut moves: Vec<(f64, usize, usize)> = Vec::new();
            for &i in &self.instance.active {
                for k in 0..self.instance.offers {
                    let step = self.change(i, k);
                    if k != self.choice[i] && step.net > self.least_gain(i) && self.fits(i, k) {
                        let efficiency = if step.cost > 0.0 { step.net / step.cost } else { f64::INFINITY };
                        moves.push((efficiency, i, k));
                    }
                }
            }
            // Among changes that cost nothing the one that brings most comes first.
            moves.sort_by(|a, b| {
                let by_net = self.change(b.1, b.2).net.total_cmp(&self.change(a.1, a.2).net);
                b.0.total_cmp(&a.0).then(by_net).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2))
            });
            let mut taken = false;
            for &(_, i, k) in &moves {
                if k != self.choice[i] && self.change(i, k).net > self.least_gain(i) && self.fits(i, k) {
                    self.give(i, k);
                    taken = true;
                }
            }
            if !taken {
                return;
            }
        }
    }

    /// A change must bring more than rounding.
    fn least_gain(&self, i: usize) -> f64 {
        1e-12 * self.instance.net_of(i).iter().fold(0.0_f64, |most, v| most.max(v.abs()))
    }

    /// Takes the best single change or pair of changes among the customers nearest to indifference, again and again.
    fn exchange(&mut self, lambda: f64, mu: &[f64]) -> bool {
        let customers = (MOVES / self.instance.offers.max(1)).max(16);
        let mut near: Vec<(f64, usize)> = self
            .instance
            .active
            .iter()
            .map(|&i| {
                let own = self.reduced(i, self.choice[i], lambda, mu);
                let others = (0..self.instance.offers).chain([NONE]).filter(|&k| k != self.choice[i]);
                let loss = others.map(|k| own - self.reduced(i, k, lambda, mu)).fold(f64::INFINITY, f64::min);
                (loss, i)
            })
            .collect();
        let by_loss = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if near.len() > customers {
            near.select_nth_unstable_by(customers, by_loss);
            near.truncate(customers);
        }
        near.sort_by(by_loss);
        let mut changed = false;
        for _ in 0..ROUNDS {
            let Some((first, second)) = self.best_exchange(&near) else { break };
            self.give(first.i, first.to);
            if let Some(second) = second {
                self.give(second.i, second.to);
            }
            changed = true;
        }
        changed
    }

    fn best_exchange(&self, near: &[(f64, usize)]) -> Option<(Move, Option<Move>)> {
        let mut moves: Vec<Move> = near
            .iter()
            .flat_map(|&(_, i)| (0..self.instance.offers).chain([NONE]).map(move |k| (i, k)))
            .filter(|&(i, k)| k != self.choice[i] && (k == NONE || self.instance.net_of(i)[k] > 0.0))
            .map(|(i, k)| self.change(i, k))
            .collect();
        moves.sort_by(|a, b| b.net.total_cmp(&a.net).then(a.i.cmp(&b.i)).then(a.to.cmp(&b.to)));
        let left = self.instance.allowed() - self.spend;
        let mut best: Option<(Move, Option<Move>)> = None;
        let mut gain = 1e-12 * moves.iter().fold(0.0_f64, |most, m| most.max(m.net.abs()));
        for (at, a) in moves.iter().enumerate() {
            // Sorted by net: no later pair can bring more than twice this one.
            if a.net + a.net <= gain {
                break;
            }
            if a.net > gain && self.fits(a.i, a.to) {
                gain = a.net;
                best = Some((*a, None));
            }
            for b in &moves[at + 1..] {
                if a.net + b.net <= gain {
                    break;
                }
                let cost = a.cost + b.cost;
                if a.i != b.i && (cost <= 0.0 || cost <= left) && self.places_fit(a, b) {
                    gain = a.net + b.net;
                    best = Some((*a, Some(*b)));
                }
            }
        }
        best
    }

    /// Whether two changes of different customers together keep the caps.
    fn places_fit(&self, a: &Move, b: &Move) -> bool {
        let freed = |k: usize| usize::from(self.choice[a.i] == k) + usize::from(self.choice[b.i] == k);
        let taken = |k: usize| usize::from(a.to == k) + usize::from(b.to == k);
        [a.to, b.to].into_iter().filter(|&k| k != NONE).all(|k| {
            let used = self.counts[k] + taken(k);
            used <= self.instance.caps[k].saturating_add(freed(k))
        })
    }
}

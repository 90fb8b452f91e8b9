//! One ceiling's own knapsack: what whole customers lose at least under it.
//!
//! Question: at the prices every customer has a best choice, and others that use more or less of the ceiling at a loss. What
//! do choices that keep the ceiling lose at least, unused room counted at its price?
//!
//! Method: customers nearest to indifference come first; states (what is used, what is lost) that another state makes
//! needless are dropped (Nemhauser and Ullmann 1969). It ends at the first customer whose least loss is not below the best
//! found: the core of Pisinger (1995).
//!
//! Limits: where states grow beyond a limit, what is proved by then is taken.

/// States at most.
const STATES: usize = 1_024;

/// One way of a customer to leave the choice that is best under the ceiling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Way {
    /// By how much it changes the ceiling's sum.
    pub(super) change: f64,
    /// What it loses, not below 0.
    pub(super) loss: f64,
    /// Which customer of the ceiling.
    pub(super) of: usize,
    /// The choice; `None` where the ceiling counts it no longer.
    pub(super) k: Option<usize>,
}

/// The ways of all customers, side by side.
#[derive(Debug, Default)]
pub(super) struct Knapsack {
    ways: Vec<Way>,
    customers: Vec<Customer>,
}

#[derive(Debug)]
struct Customer {
    least: f64,
    from: usize,
    to: usize,
}

/// A ceiling.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ceiling {
    /// What the best choices leave of it; below 0 where they break it.
    pub(super) room: f64,
    /// By how much rounding may break it.
    pub(super) slack: f64,
    /// What unused room costs.
    pub(super) price: f64,
}

impl Ceiling {
    /// What a state loses as a whole plan; infinite where it breaks the ceiling.
    fn whole(&self, state: &State) -> f64 {
        if state.used <= self.room + self.slack {
            state.loss + self.price * (self.room - state.used).max(0.0)
        } else {
            f64::INFINITY
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct State {
    used: f64,
    loss: f64,
    /// The step that led here.
    step: Option<usize>,
}

impl Knapsack {
    /// Adds the ways of one customer.
    pub(super) fn push(&mut self, ways: impl Iterator<Item = Way>) {
        let from = self.ways.len();
        self.ways.extend(ways);
        let least = self.ways[from..].iter().map(|way| way.loss).fold(f64::INFINITY, f64::min);
        if least < f64::INFINITY {
            self.customers.push(Customer { least, from, to: self.ways.len() });
        }
    }

    /// A bound from below of what is lost, at most `enough`: the least loss itself, unless states grew too many. And the ways
    /// taken by the best plan found.
    pub(super) fn least(&mut self, ceiling: &Ceiling, enough: f64) -> (f64, Vec<Way>) {
        self.customers.sort_unstable_by(|a, b| a.least.total_cmp(&b.least).then(a.from.cmp(&b.from)));
        // The step before, and the way taken then.
        let mut steps: Vec<(Option<usize>, usize)> = Vec::new();
        let mut states = vec![State { used: 0.0, loss: 0.0, step: None }];
        let mut best = ceiling.whole(&states[0]).min(enough);
        let (mut found, mut proved) = (None, f64::INFINITY);
        let (mut before, mut shifted, mut merged) = (Vec::new(), Vec::new(), Vec::new());
        for customer in &self.customers {
            if customer.least >= best {
                break;
            }
            if states.len() > STATES {
                proved = customer.least;
                break;
            }
            before.clone_from(&states);
            for way in customer.from..customer.to {
                let Way { change, loss, .. } = self.ways[way];
                shifted.clear();
                for state in &before {
                    let step = Some(steps.len());
                    let next = State { used: state.used + change, loss: state.loss + loss, step };
                    if next.loss < best {
                        steps.push((state.step, way));
                        shifted.push(next);
                        let whole = ceiling.whole(&next);
                        if whole < best {
                            (best, found) = (whole, step);
                        }
                    }
                }
                merge(&states, &shifted, ceiling.price, best, &mut merged);
                std::mem::swap(&mut states, &mut merged);
            }
        }
        let mut taken = Vec::new();
        while let Some(step) = found {
            taken.push(self.ways[steps[step].1]);
            found = steps[step].0;
        }
        (best.min(proved), taken)
    }
}

/// Both lists in one, ascending by what is used, without states that lose `best` or more and without those to which another
/// is no worse whatever follows: one that uses less and loses less, unused room counted.
fn merge(a: &[State], b: &[State], price: f64, best: f64, into: &mut Vec<State>) {
    into.clear();
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let mut lowest = f64::INFINITY;
    loop {
        let of_a = match (a.peek(), b.peek()) {
            (Some(x), Some(y)) => x.used < y.used || (x.used <= y.used && x.loss <= y.loss),
            (x, _) => x.is_some(),
        };
        let Some(&state) = (if of_a { a.next() } else { b.next() }) else { return };
        let worth = state.loss - price * state.used;
        if state.loss < best && worth < lowest {
            lowest = worth;
            into.push(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::rng;

    #[test]
    fn the_least_loss_against_every_combination() {
        for index in 0..500 {
            let mut s = rng::stream(5, "allocate/test/knapsack", index);
            let customers: Vec<Vec<Way>> = (0..s.random_range(1..=8_usize))
                .map(|j| {
                    let own = 1..=s.random_range(1..=2_usize);
                    own.map(|k| Way {
                        change: f64::from(s.random_range(-9..=9_i32)),
                        loss: f64::from(s.random_range(0..=20_i32)),
                        of: j,
                        k: Some(k),
                    })
                    .collect()
                })
                .collect();
            let ceiling = Ceiling { room: f64::from(s.random_range(-9..=9_i32)), slack: 1e-9, price: s.random() };
            let mut plans = vec![(0.0, 0.0)];
            for ways in &customers {
                let more = plans.iter().flat_map(|&(u, l)| ways.iter().map(move |w| (u + w.change, l + w.loss)));
                plans = plans.iter().copied().chain(more.collect::<Vec<_>>()).collect();
            }
            let whole = plans.iter().map(|&(used, loss)| ceiling.whole(&State { used, loss, step: None }));
            let exact = whole.fold(f64::INFINITY, f64::min);
            let mut knapsack = Knapsack::default();
            customers.into_iter().for_each(|ways| knapsack.push(ways.into_iter()));
            let (least, taken) = knapsack.least(&ceiling, f64::INFINITY);
            assert!(
                (least - exact).abs() < 1e-9 || (least.is_infinite() && exact.is_infinite()),
                "{index}: {least} and {exact}"
            );
            if exact < f64::INFINITY {
                let (used, loss) = taken.iter().fold((0.0, 0.0), |(u, l), way| (u + way.change, l + way.loss));
                let own = ceiling.whole(&State { used, loss, step: None });
                assert!((own - exact).abs() < 1e-9, "{index}: the ways taken lose {own}, not {exact}");
            }
            assert!(knapsack.least(&ceiling, 3.0).0 <= 3.0);
        }
    }
}

//! The long-step ratio test: how far prices move along a direction before the Lagrangian turns.
//!
//! Question: of all points at which some customer changes its choice, or a row's price its sign, which is the first from
//! which the Lagrangian rises?
//!
//! Model: along `y + t d` a customer's worth is the upper envelope of one line for each choice; each corner of it raises
//! the slope. The corner at which the slope is no longer negative is found by selection, not by sorting.

use super::lp::{Basic, Basis, Lp, TINY};

/// What may enter the basis: a choice of a customer of the pool, or the sum of a row.
#[derive(Clone, Copy)]
pub(super) enum Enter {
    Choice(usize, usize),
    Sum(usize),
}

/// Where the slope of the Lagrangian changes.
pub(super) struct Break {
    /// How far along the direction.
    at: f64,
    /// By how much the slope rises.
    change: f64,
    /// The order in which a customer passes its own.
    pub(super) order: u32,
    pub(super) enter: Enter,
}

impl Lp<'_, '_> {
    /// Where, along `direction`, customers change their choice and sums their bound.
    pub(super) fn breaks(&self, basis: &Basis, direction: &[f64], leaving: Basic) -> Vec<Break> {
        let width = self.pool.width;
        let now = self.instance.prices(&basis.y);
        let along = self.instance.prices(direction);
        let mut breaks = Vec::new();
        let mut push = |at: f64, change: f64, enter: Enter| {
            if at.is_finite() {
                let order = breaks.len() as u32;
                breaks.push(Break { at, change, order, enter });
            }
        };
        let (mut value, mut alpha) = (vec![0.0; width], vec![0.0; width]);
        for (j, &key) in basis.key.iter().enumerate() {
            let mut cur = key as usize;
            let mut least = f64::INFINITY;
            for (k, alpha) in alpha.iter_mut().enumerate() {
                *alpha = self.pays(&along, j, k);
                if self.pool.open[j * width + k] {
                    least = least.min(*alpha);
                }
            }
            if alpha[cur] - least <= TINY {
                continue;
            }
            for (k, value) in value.iter_mut().enumerate() {
                *value = self.pool.c[j * width + k] - self.pays(&now, j, k);
            }
            if basis.split[j] > 0 {
                for k in (0..width).filter(|&k| self.pool.open[j * width + k] && alpha[cur] - alpha[k] > TINY) {
                    let part = Basic::Extra(j, k);
                    if part != leaving && !basis.basic.contains(&part) {
                        let at = ((value[cur] - value[k]) / (alpha[cur] - alpha[k])).max(0.0);
                        push(at, f64::INFINITY, Enter::Choice(j, k));
                    }
                }
                continue;
            }
            let mut from = 0.0_f64;
            loop {
                let mut next: Option<(f64, usize)> = None;
                for k in (0..width).filter(|&k| self.pool.open[j * width + k] && alpha[cur] - alpha[k] > TINY) {
                    let at = ((value[cur] - value[k]) / (alpha[cur] - alpha[k])).max(from);
                    // Between equals the one that falls least from there on.
                    if next.is_none_or(|(t, best)| at < t || (at <= t && alpha[k] < alpha[best])) {
                        next = Some((at, k));
                    }
                }
                let Some((at, k)) = next else { break };
                push(at, alpha[cur] - alpha[k], Enter::Choice(j, k));
                (from, cur) = (at, k);
            }
        }
        for (r, &d) in direction.iter().enumerate() {
            let started = basis.basic.iter().any(|b| *b == Basic::Start(r) || *b == Basic::Sum(r));
            let open = !started || leaving == Basic::Start(r);
            let falls = if basis.at_most[r] { d < -TINY } else { d > TINY };
            if open && falls {
                let at = (-basis.y[r] / d).max(0.0);
                push(at, d.abs() * (self.most[r] - self.least[r]), Enter::Sum(r));
            }
        }
        breaks
    }
}

/// Moves the breakpoints that come before the slope turns to the front and says how many they are: the next one enters.
/// `None` where the slope never turns.
pub(super) fn turn(breaks: &mut [Break], slope: f64) -> Option<usize> {
    let by = |a: &Break, b: &Break| a.at.total_cmp(&b.at).then(a.order.cmp(&b.order));
    let (mut low, mut high, mut passed) = (0, breaks.len(), 0.0);
    while high - low > 24 {
        let middle = (high - low) / 2;
        breaks[low..high].select_nth_unstable_by(middle, by);
        let sum: f64 = breaks[low..low + middle].iter().map(|b| b.change).sum();
        if passed + sum >= slope {
            high = low + middle;
        } else {
            passed += sum;
            low += middle;
        }
    }
    breaks[low..high].sort_unstable_by(by);
    for (at, b) in breaks.iter().enumerate().take(high).skip(low) {
        passed += b.change;
        if passed >= slope {
            return Some(at);
        }
    }
    // A sum may fall short by rounding.
    let short = slope - passed <= TINY * (1.0 + 1e-3 * slope) && !breaks.is_empty();
    if high < breaks.len() { Some(high) } else { short.then(|| breaks.len() - 1) }
}

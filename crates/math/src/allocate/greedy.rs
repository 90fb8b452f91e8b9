//! The common rule: highest expected value first.

use super::Instance;
use super::state::State;

/// The customers by the value of their best offer, the highest first; between equals in the order of the input.
pub(super) fn order(instance: &Instance<'_>) -> Vec<usize> {
    let best = |i: usize| instance.net_of(i).iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut keyed: Vec<(f64, usize)> = instance.active.iter().map(|&i| (best(i), i)).collect();
    keyed.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    keyed.into_iter().map(|(_, i)| i).collect()
}

/// Gives each customer of `order` the best of its offers that fits.
pub(super) fn fill<'a>(instance: &'a Instance<'a>, order: &[usize]) -> State<'a> {
    let mut state = State::new(instance);
    let mut offers: Vec<usize> = Vec::with_capacity(instance.offers);
    for &i in order {
        let net = instance.net_of(i);
        offers.clear();
        offers.extend((0..instance.offers).filter(|&k| net[k] > 0.0));
        offers.sort_by(|&a, &b| net[b].total_cmp(&net[a]).then(a.cmp(&b)));
        if let Some(&k) = offers.iter().find(|&&k| state.fits(i, k)) {
            state.give(i, k);
        }
    }
    state
}

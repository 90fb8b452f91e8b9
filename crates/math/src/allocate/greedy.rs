//! The common rule: highest expected value first.

use super::instance::Instance;
use super::state::State;

/// Goes down the customers by the value of their best offer, the highest first, between equals in the order of the input,
/// and gives each the best of its offers that fits under the ceilings.
pub(super) fn fill<'p, 'a>(instance: &'p Instance<'a>) -> State<'p, 'a> {
    let offers = |i: usize| (0..instance.offers).filter(move |&k| instance.net_of(i, k) > 0.0 && instance.may(i, k));
    let mut order: Vec<(f64, usize)> = (0..instance.customers)
        .map(|i| (offers(i).map(|k| instance.net_of(i, k)).fold(f64::NEG_INFINITY, f64::max), i))
        .filter(|(best, _)| *best > 0.0)
        .collect();
    order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut state = State::new(instance, vec![instance.offers as u32; instance.customers]);
    let (mut own, mut scratch) = (Vec::new(), Vec::new());
    for (_, i) in order {
        own.clear();
        own.extend(offers(i));
        own.sort_by(|&a, &b| instance.net_of(i, b).total_cmp(&instance.net_of(i, a)).then(a.cmp(&b)));
        if let Some(&k) = own.iter().find(|&&k| state.fits(i, k, &mut scratch)) {
            state.give(i, k);
        }
    }
    state
}

//! Prices of budget and caps, and the bound they prove.

use super::Instance;
use super::path::Path;

/// The prices found and the least bound seen on the way.
pub(super) struct Dual {
    /// The price of a unit of budget.
    pub(super) lambda: f64,
    /// The price of a place with each offer.
    pub(super) mu: Vec<f64>,
    /// The least Lagrangian seen: no plan brings more.
    pub(super) bound: f64,
    /// The path under `mu`, where it is not the one without prices.
    pub(super) path: Option<Path>,
}

/// Rounds over the sets of capped offers at one price of budget.
const SWEEPS: usize = 6;
/// Halvings of the bracket around the price of budget.
const HALVINGS: usize = 60;

impl Dual {
    /// Prices for the instance; `free` is its path without prices on caps.
    pub(super) fn solve(instance: &Instance<'_>, free: &Path) -> Self {
        let lambda = free.price(instance);
        let mu = vec![0.0; instance.offers];
        let bound = lagrangian(instance, lambda, &mu);
        let counts = free.take(instance).counts;
        if counts.iter().zip(&instance.caps).all(|(count, cap)| count <= cap) {
            return Self { lambda, mu, bound, path: None };
        }
        Self::with_caps(instance, lambda, bound)
    }

    /// `L(lambda, mu(lambda))`, with `mu(lambda)` the best prices of the caps, is convex in `lambda`: its slope is what
    /// is left of the budget, so the bracket between "too much is spent" and "it fits" is halved.
    fn with_caps(instance: &Instance<'_>, start: f64, bound: f64) -> Self {
        let mut bound = bound;
        let mut mu = vec![0.0; instance.offers];
        let mut scratch = Vec::with_capacity(instance.active.len());
        let sets = sets(instance);
        let mut fits = |lambda: f64, mu: &mut Vec<f64>| {
            settle(instance, lambda, mu, &sets, &mut scratch);
            spend(instance, lambda, mu) <= instance.allowed()
        };
        if !fits(0.0, &mut mu) {
            let (mut low, mut high) = (0.0, if start > 0.0 && start.is_finite() { start } else { 1.0 });
            let (mut at_low, mut at_high) = (mu.clone(), mu.clone());
            if fits(high, &mut at_high) {
                // Close in from above first: the price is rarely far from the one without caps.
                let mut probe = high * 0.8;
                let mut at_probe = at_high.clone();
                while probe > high * 1e-3 && fits(probe, &mut at_probe) {
                    high = probe;
                    at_high.clone_from(&at_probe);
                    probe *= 0.5;
                }
                if probe > low && !fits(probe, &mut at_probe) {
                    (low, at_low) = (probe, at_probe);
                }
            } else {
                // Above the greatest efficiency nothing that costs is worth its price, so this ends.
                while !fits(high, &mut at_high) && high < f64::MAX / 4.0 {
                    low = high;
                    at_low.clone_from(&at_high);
                    high *= 1.5;
                }
            }
            for _ in 0..HALVINGS {
                if high - low <= 1e-8 * high {
                    break;
                }
                let middle = f64::midpoint(low, high);
                let mut at_middle = at_high.clone();
                if fits(middle, &mut at_middle) {
                    high = middle;
                    at_high = at_middle;
                } else {
                    (low, at_low) = (middle, at_middle);
                }
            }
            bound = bound.min(lagrangian(instance, low, &at_low)).min(lagrangian(instance, high, &at_high));
            mu = at_high;
        }
        let path = Path::new(instance, &mu);
        let lambda = path.price(instance);
        bound = bound.min(lagrangian(instance, lambda, &mu));
        Self { lambda, mu, bound, path: Some(path) }
    }
}

/// `lambda B + sum mu[k] cap[k] + sum_i max(0, max_k (net - lambda cost - mu[k]))`, over customers in their order.
pub(super) fn lagrangian(instance: &Instance<'_>, lambda: f64, mu: &[f64]) -> f64 {
    let budget = if lambda > 0.0 { lambda * instance.budget } else { 0.0 };
    let places: f64 = mu.iter().zip(&instance.caps).map(|(&m, &cap)| if m > 0.0 { m * cap as f64 } else { 0.0 }).sum();
    let customers: f64 = instance
        .active
        .iter()
        .map(|&i| {
            let offers = instance.net_of(i).iter().zip(instance.cost_of(i)).zip(mu);
            offers.map(|((&net, &cost), &m)| net - lambda * cost - m).fold(0.0, f64::max)
        })
        .sum();
    budget + places + customers
}

/// Moves the prices of the capped offers to their best values at this price of budget. As a function of `mu` the
/// Lagrangian is L-natural-convex (Murota 2003): it is least where moving no set of prices by a common amount helps. So
/// each set of capped offers is moved to its best place in turn: with `tau_i` what the set is worth to customer `i`
/// beyond the best outside it, the greatest `tau` that gets none of the set's places is the amount.
fn settle(instance: &Instance<'_>, lambda: f64, mu: &mut [f64], sets: &[Vec<bool>], scratch: &mut Vec<f64>) {
    for _ in 0..if sets.len() > 1 { SWEEPS } else { 1 } {
        let mut change = 0.0_f64;
        for set in sets {
            let members = || (0..instance.offers).filter(|&k| set[k]);
            let places: usize = members().map(|k| instance.caps[k]).sum();
            let least = -members().map(|k| mu[k]).fold(f64::INFINITY, f64::min);
            scratch.clear();
            for &i in &instance.active {
                let weight = instance.weight(i);
                let (mut inside, mut outside) = (f64::NEG_INFINITY, 0.0_f64);
                for (k, (&net, &cost)) in instance.net_of(i).iter().zip(instance.cost_of(i)).enumerate() {
                    let worth = net * weight - lambda * cost - mu[k];
                    if set[k] {
                        inside = inside.max(worth);
                    } else {
                        outside = outside.max(worth);
                    }
                }
                if inside - outside > least {
                    scratch.push(inside - outside);
                }
            }
            let amount = if scratch.len() <= places {
                least
            } else {
                *scratch.select_nth_unstable_by(places, |a, b| b.total_cmp(a)).1
            };
            members().for_each(|k| mu[k] = (mu[k] + amount).max(0.0));
            change = change.max(amount.abs() / members().map(|k| mu[k]).fold(1e-9, f64::max));
        }
        if change < 1e-9 {
            break;
        }
    }
}

/// The sets of capped offers to move together: all of them up to four offers, beyond that the single ones, the pairs and
/// the whole.
fn sets(instance: &Instance<'_>) -> Vec<Vec<bool>> {
    let capped: Vec<usize> = (0..instance.offers).filter(|&k| instance.caps[k] < instance.active.len()).collect();
    let m = capped.len();
    let mut sizes: Vec<Vec<usize>> = capped.iter().map(|&k| vec![k]).collect();
    if m <= 4 {
        let larger = (1_usize..1 << m).filter(|bits| bits.count_ones() > 1);
        sizes.extend(larger.map(|bits| (0..m).filter(|j| bits >> j & 1 == 1).map(|j| capped[j]).collect()));
    } else {
        sizes.extend((0..m).flat_map(|a| (0..a).map(move |b| (a, b))).map(|(a, b)| vec![capped[a], capped[b]]));
        sizes.push(capped);
    }
    let row = |set: &Vec<usize>| (0..instance.offers).map(|k| set.contains(&k)).collect();
    sizes.iter().map(row).collect()
}

/// What is spent when every customer takes what is worth most to it at these prices; between equals the cheaper.
fn spend(instance: &Instance<'_>, lambda: f64, mu: &[f64]) -> f64 {
    let mut total = 0.0;
    for &i in &instance.active {
        let weight = instance.weight(i);
        let (mut best, mut its_cost) = (0.0, 0.0);
        for (k, (&net, &cost)) in instance.net_of(i).iter().zip(instance.cost_of(i)).enumerate() {
            let worth = net * weight - lambda * cost - mu[k];
            if worth > best {
                (best, its_cost) = (worth, cost);
            }
        }
        total += its_cost;
    }
    total
}

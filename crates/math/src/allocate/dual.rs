//! Prices of all constraints at once, the bound they prove, and the plan at which they rest.
//!
//! Question: which prices `y` make the Lagrangian `L(y) = sum_r y_r bound_r + sum_i max_k (net - pays(y))` least, for ten
//! million customers as for ten?
//!
//! Method: the exact simplex of `lp` needs only the customers whose choice is in doubt. A regular sample of some thousand
//! customers, with its share of every bound, gives first prices. One sweep over all customers at these prices parts those
//! who could change their choice if prices moved by a few per cent (the core) from all others, whose sums are fixed. The
//! core is solved exactly, and a second sweep at its prices proves the result: where the Lagrangian equals what the core's
//! relaxed plan brings, both are optimal. Otherwise the prices are better than before and it goes round again (sifting,
//! Bixby et al. 1992; core problems, Pisinger 1995); in the last resort the core is everybody.
//!
//! Sums are taken in chunks of fixed size and added in their order: the same bytes on any number of threads.

use rayon::prelude::*;

use super::instance::{Instance, Prices};
use super::lp::{Basis, Lp, Outcome};
use super::pool::Pool;

/// The prices found, what they prove, and the relaxed plan's choices.
pub(super) struct Dual {
    /// Scaled price of each row.
    pub(super) y: Vec<f64>,
    /// The least Lagrangian seen: no plan brings more.
    pub(super) bound: f64,
    /// The choice of each customer; of those in parts the greatest part.
    pub(super) choice: Vec<u32>,
    /// Customers whose choice is in doubt, ascending.
    pub(super) core: Vec<u32>,
}

/// Customers in a unit of parallel work.
const CHUNK: usize = 1 << 14;
/// Up to this many customers are solved at once, without a sample.
const DIRECT: usize = 6_000;
/// Rounds of sifting; in the last one the core is everybody.
const ROUNDS: usize = 8;

impl Dual {
    /// Prices for the instance; an error is the combination of rows that proves that they cannot be met together.
    pub(super) fn solve(instance: &Instance<'_>) -> Result<Self, Vec<f64>> {
        let m = instance.rows.len();
        let mut y = vec![0.0; m];
        let mut choice = vec![instance.offers as u32; instance.customers];
        let free = sweep(instance, &y, None, true, Some(&mut choice));
        if instance.excess(&free.sums) <= 0.0 {
            // The best for everybody keeps all rows.
            let bound = sweep(instance, &y, None, false, None).total;
            return Ok(Self { y, bound, choice, core: Vec::new() });
        }
        let direct = free.active <= DIRECT;
        let mut theta = f64::INFINITY;
        if !direct {
            let size = ((free.active as f64).sqrt() * 8.0).clamp(4_000.0, 20_000.0);
            y = sampled(instance, free.active as f64 / size);
            theta = 4.0 / size.sqrt();
        }
        let mut bound = f64::INFINITY;
        for round in 0..ROUNDS {
            let everybody = direct || round + 1 == ROUNDS || theta > 2.0;
            let doubt = if everybody { f64::INFINITY } else { theta };
            let swept = sweep(instance, &y, Some(doubt), true, Some(&mut choice));
            let ids = swept.core.clone();
            let pool = Pool::new(instance, swept.core, |j| instance.hair(ids[j] as usize));
            let lp = Lp {
                instance,
                pool: &pool,
                least: instance.rows.iter().map(|row| row.least).collect(),
                most: instance.rows.iter().map(|row| row.most).collect(),
                fixed: swept.sums,
            };
            let mut basis = lp.start(&y);
            match lp.solve(&mut basis) {
                Outcome::Infeasible(ray) if everybody => return Err(ray),
                Outcome::Infeasible(_) | Outcome::Stalled if !everybody => {
                    theta *= 4.0;
                    continue;
                }
                _ => {}
            }
            y = proper(instance, basis.y.clone());
            let lagrangian = instance.bounds_worth(&y) + sweep(instance, &y, None, true, None).total;
            bound = bound.min(lagrangian);
            let relaxed = swept.worth + lp.value(&basis);
            if !everybody && lagrangian - relaxed > 1e-10 * lagrangian.abs() {
                theta *= 0.5;
                continue;
            }
            // Without the hair by which earlier customers count for more.
            let plain = Pool::new(instance, ids, |_| 0.0);
            let exact = proper(instance, lp.prices(&basis, &plain.c));
            let at_exact = instance.bounds_worth(&exact) + sweep(instance, &exact, None, false, None).total;
            if at_exact <= bound {
                (bound, y) = (at_exact, exact);
            }
            round_parts(&lp, &basis, &mut choice);
            return Ok(Self { y, bound, choice, core: plain.ids });
        }
        Err(y)
    }
}

/// The key of every customer of the core, or the greatest of its parts.
fn round_parts(lp: &Lp<'_, '_>, basis: &Basis, choice: &mut [u32]) {
    let parts = lp.parts(basis);
    for (j, &i) in lp.pool.ids.iter().enumerate() {
        choice[i as usize] = basis.key[j];
    }
    for &(j, _, _) in &parts {
        let own = || parts.iter().filter(|part| part.0 == j);
        let mut most = 1.0 - own().map(|part| part.2).sum::<f64>();
        for &(_, k, share) in own() {
            if share > most {
                most = share;
                choice[lp.pool.ids[j] as usize] = k as u32;
            }
        }
    }
}

/// A price points to a bound that there is.
fn proper(instance: &Instance<'_>, mut y: Vec<f64>) -> Vec<f64> {
    for (y, row) in y.iter_mut().zip(&instance.rows) {
        if (*y > 0.0 && row.most.is_infinite()) || (*y < 0.0 && row.least.is_infinite()) {
            *y = 0.0;
        }
    }
    y
}

/// Prices by every `stride`-th customer with its share of every bound; none where these cannot meet theirs.
fn sampled(instance: &Instance<'_>, stride: f64) -> Vec<f64> {
    let taken = (0..).map(|s| (s as f64 * stride) as usize).take_while(|&i| i < instance.customers);
    let ids: Vec<u32> = taken.filter(|&i| is_active(instance, i)).map(|i| i as u32).collect();
    let share = 1.0 / stride;
    let own = ids.clone();
    let pool = Pool::new(instance, ids, |j| instance.hair(own[j] as usize));
    let m = instance.rows.len();
    let lp = Lp {
        instance,
        pool: &pool,
        least: instance.rows.iter().map(|row| row.least * share).collect(),
        most: instance.rows.iter().map(|row| row.most * share).collect(),
        fixed: vec![0.0; m],
    };
    let mut basis = lp.start(&vec![0.0; m]);
    match lp.solve(&mut basis) {
        Outcome::Infeasible(_) => vec![0.0; m],
        _ => proper(instance, basis.y),
    }
}

fn is_active(instance: &Instance<'_>, i: usize) -> bool {
    instance.is_eligible(i) && (0..instance.offers).any(|k| instance.usable(i, instance.group_of(i), k))
}

/// What one look at all customers at given prices says.
pub(super) struct Swept {
    /// The customers' part of the Lagrangian.
    pub(super) total: f64,
    /// What those outside the core bring, with the hair.
    pub(super) worth: f64,
    /// What those outside the core use of each row.
    pub(super) sums: Vec<f64>,
    /// Those whose choice may change.
    pub(super) core: Vec<u32>,
    /// Customers who have a choice at all.
    active: usize,
}

/// Gives every customer the choice worth most at the prices `y`; those to whom another would be worth as much if prices
/// moved by the share `theta` are the core.
pub(super) fn sweep(
    instance: &Instance<'_>,
    y: &[f64],
    theta: Option<f64>,
    hair: bool,
    choice: Option<&mut [u32]>,
) -> Swept {
    let prices = instance.prices(y);
    let sizes = instance.prices(&y.iter().map(|y| y.abs()).collect::<Vec<_>>());
    let look = Look { instance, prices, sizes, theta, hair };
    let parts: Vec<Swept> = match choice {
        Some(choice) => {
            let chunks = choice.par_chunks_mut(CHUNK).enumerate();
            chunks.map(|(at, own)| look.chunk(at * CHUNK, own.len(), Some(own))).collect()
        }
        None => {
            let n = instance.customers;
            let chunks = (0..n.div_ceil(CHUNK)).into_par_iter();
            chunks.map(|at| look.chunk(at * CHUNK, CHUNK.min(n - at * CHUNK), None)).collect()
        }
    };
    let mut all = Swept { total: 0.0, worth: 0.0, sums: vec![0.0; instance.rows.len()], core: Vec::new(), active: 0 };
    for part in parts {
        all.total += part.total;
        all.worth += part.worth;
        all.sums.iter_mut().zip(&part.sums).for_each(|(a, b)| *a += b);
        all.core.extend(part.core);
        all.active += part.active;
    }
    all
}

struct Look<'p, 'a> {
    instance: &'p Instance<'a>,
    prices: Prices,
    sizes: Prices,
    theta: Option<f64>,
    hair: bool,
}

impl Look<'_, '_> {
    fn chunk(&self, from: usize, len: usize, mut choice: Option<&mut [u32]>) -> Swept {
        let instance = self.instance;
        let (offers, width) = (instance.offers, instance.width());
        // Few groups: count by group and choice first. Many: add row by row.
        let tables = if instance.groups <= 1_024 { instance.groups * width } else { 0 };
        let (mut counts, mut costs) = (vec![0_u32; tables], vec![0.0; tables]);
        let mut swept =
            Swept { total: 0.0, worth: 0.0, sums: vec![0.0; instance.rows.len()], core: Vec::new(), active: 0 };
        let mut values = vec![f64::NEG_INFINITY; offers];
        for i in from..from + len {
            let g = instance.group_of(i);
            let (mut best, mut key, mut active) = (0.0, offers, false);
            if instance.is_eligible(i) {
                let hair = if self.hair { instance.hair(i) } else { 0.0 };
                let row = i * offers..(i + 1) * offers;
                for (k, (&net, &cost)) in instance.net[row.clone()].iter().zip(&instance.cost[row]).enumerate() {
                    values[k] = f64::NEG_INFINITY;
                    if instance.usable(i, g, k) {
                        active = true;
                        values[k] = instance.with_hair(net, hair) - instance.pays(&self.prices, i, g, k, cost);
                        if values[k] > best {
                            (best, key) = (values[k], k);
                        }
                    }
                }
            }
            if let Some(choice) = &mut choice {
                choice[i - from] = key as u32;
            }
            if !active {
                continue;
            }
            swept.active += 1;
            swept.total += best;
            if self.theta.is_some_and(|theta| self.doubtful(i, g, key, best, &values, theta)) {
                swept.core.push(i as u32);
            } else if key < offers {
                let hair = if self.hair { instance.hair(i) } else { 0.0 };
                swept.worth += instance.with_hair(instance.net_of(i, key), hair);
                if tables > 0 {
                    counts[g * width + key] += 1;
                    costs[g * width + key] += instance.cost_of(i, key);
                    if instance.is_dense() {
                        instance.add_dense(i, g, key, &mut swept.sums);
                    }
                } else {
                    instance.add(i, key, 1.0, &mut swept.sums);
                }
            }
        }
        for at in (0..tables).filter(|&at| counts[at] > 0) {
            instance.add_many(at / width, at % width, f64::from(counts[at]), costs[at], &mut swept.sums);
        }
        swept
    }

    /// Whether another choice could be worth more if every price moved by the share `theta`.
    #[inline]
    fn doubtful(&self, i: usize, g: usize, key: usize, best: f64, values: &[f64], theta: f64) -> bool {
        if theta.is_infinite() {
            return true;
        }
        let size = |k: usize| self.instance.pays(&self.sizes, i, g, k, self.instance.cost_of(i, k)).abs();
        let own = size(key);
        let near = |k: usize, value: f64| k != key && best - value <= theta * (own + size(k));
        near(self.instance.offers, 0.0) || values.iter().enumerate().any(|(k, &v)| v > f64::NEG_INFINITY && near(k, v))
    }
}

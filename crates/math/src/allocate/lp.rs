//! The relaxed problem, exactly: a dual simplex over customers as generalised upper bounds, with long steps.
//!
//! Question: at which prices `y` of the rows is the Lagrangian least, and which relaxed plan proves it?
//!
//! Model: maximise `sum c[i][k] x[i][k]` subject to `sum a[r][i][k] x[i][k] = z_r`, `least_r <= z_r <= most_r`,
//! `sum_k x[i][k] = 1`, `x >= 0`. Each customer has a key choice; the working basis has one column for each row: a second
//! choice of some customer (its column less the key's), a sum `z_r` between its bounds, or the row's own start.
//!
//! Method: Dantzig and Van Slyke (1967) for the keys; Lemke's dual simplex from any start `y` (a row whose price is not 0
//! starts on an artificial column, which leaves for good); the ratio test passes every breakpoint at which a customer only
//! changes its key, until the slope of the Lagrangian turns (the bound flipping of Fourer 1994 and Maros 2003): each
//! iteration is an exact line search over all customers. Ends with the optimum or with a ray along which the Lagrangian
//! falls without end: a proof (Farkas) that the rows cannot be met together.
//!
//! Limits: dense inverse, meant for up to some hundred rows.

use super::instance::{Instance, Prices};
use super::pool::Pool;
use super::ratio::{Enter, turn};

/// What stands in a place of the basis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Basic {
    /// The row's start.
    Start(usize),
    /// The row's sum, between its bounds.
    Sum(usize),
    /// Customer `.0` of the pool has choice `.1` besides its key.
    Extra(usize, usize),
}

/// How a solve ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    Optimal,
    /// The rows cannot be met together; the combination of rows that proves it.
    Infeasible(Vec<f64>),
    /// The iterations ran out; the prices still prove a bound.
    Stalled,
}

/// A basis over a pool; cheap to copy beside the pool.
#[derive(Clone)]
pub(super) struct Basis {
    /// The key choice of each customer.
    pub(super) key: Vec<u32>,
    /// The customers with a second choice in the basis have how many.
    pub(super) split: Vec<u8>,
    pub(super) basic: Vec<Basic>,
    /// Whether a sum that is not basic stands at its ceiling.
    pub(super) at_most: Vec<bool>,
    start: Vec<f64>,
    inverse: Vec<f64>,
    /// The rows' sums with every customer at its key, those outside the pool included.
    sums: Vec<f64>,
    x: Vec<f64>,
    pub(super) y: Vec<f64>,
}

/// A relaxed problem: a pool and the bounds left for it.
pub(super) struct Lp<'p, 'a> {
    pub(super) instance: &'p Instance<'a>,
    pub(super) pool: &'p Pool,
    pub(super) least: Vec<f64>,
    pub(super) most: Vec<f64>,
    /// What those outside the pool use.
    pub(super) fixed: Vec<f64>,
}

/// Below this a fraction or a multiplier is rounding.
pub(super) const TINY: f64 = 1e-9;

impl Basis {
    /// The rows whose sums stand between their bounds, and these sums.
    pub(super) fn numbers(&self) -> impl Iterator<Item = (usize, f64)> {
        self.basic.iter().zip(&self.x).filter_map(|(b, &x)| if let Basic::Sum(r) = *b { Some((r, x)) } else { None })
    }
}

impl Lp<'_, '_> {
    /// The basis of starts at the prices `y`, every customer at the choice worth most.
    pub(super) fn start(&self, y: &[f64]) -> Basis {
        let m = y.len();
        let width = self.pool.width;
        let prices = self.instance.prices(y);
        let key = (0..self.pool.ids.len())
            .map(|j| {
                let (mut best, mut worth) = (width - 1, f64::NEG_INFINITY);
                for k in (0..width).rev().filter(|k| self.pool.open[j * width + k]) {
                    let value = self.pool.c[j * width + k] - self.pays(&prices, j, k);
                    if value > worth {
                        (best, worth) = (k, value);
                    }
                }
                best as u32
            })
            .collect();
        let begin = |(r, y): (usize, &f64)| if y.abs() > 0.0 { Basic::Start(r) } else { Basic::Sum(r) };
        let mut basis = Basis {
            key,
            split: vec![0; self.pool.ids.len()],
            basic: y.iter().enumerate().map(begin).collect(),
            at_most: y.iter().map(|&y| y > 0.0).collect(),
            start: y.to_vec(),
            inverse: vec![0.0; m * m],
            sums: vec![0.0; m],
            x: vec![0.0; m],
            y: y.to_vec(),
        };
        self.refactor(&mut basis);
        basis
    }

    pub(super) fn pays(&self, prices: &Prices, j: usize, k: usize) -> f64 {
        let cost = self.pool.cost[j * self.pool.width + k];
        self.instance.pays(prices, self.pool.ids[j] as usize, self.pool.group[j] as usize, k, cost)
    }

    /// Iterates to the end.
    pub(super) fn solve(&self, basis: &mut Basis) -> Outcome {
        let m = basis.basic.len();
        for round in 0..300 + 60 * m {
            if round % 40 == 39 && !self.refactor(basis) {
                return Outcome::Stalled;
            }
            let Some((place, side)) = self.leaving(basis) else { return Outcome::Optimal };
            match self.pivot(basis, place, side) {
                None => {}
                Some(end) => return end,
            }
        }
        Outcome::Stalled
    }

    /// The place that breaks its bounds most, in the norm of its row of the inverse (steepest edge), and whether it is
    /// below (1) or above (-1).
    fn leaving(&self, basis: &mut Basis) -> Option<(usize, f64)> {
        let m = basis.basic.len();
        let mut most = 0.0;
        let mut found = None;
        for p in 0..m {
            let x = basis.x[p];
            let (short, side, swap) = match basis.basic[p] {
                Basic::Start(_) => (x.abs(), if x < 0.0 { 1.0 } else { -1.0 }, false),
                Basic::Sum(r) if x < self.least[r] => (self.least[r] - x, 1.0, false),
                Basic::Sum(r) => (x - self.most[r], -1.0, false),
                Basic::Extra(_, _) if x < 0.0 => (-x, 1.0, false),
                Basic::Extra(j, k) if !self.pool.open[j * self.pool.width + k] => (x, -1.0, false),
                Basic::Extra(j, _) => {
                    let of_j = |(q, b): (usize, &Basic)| matches!(b, Basic::Extra(i, _) if *i == j).then(|| basis.x[q]);
                    (basis.basic.iter().enumerate().filter_map(of_j).sum::<f64>() - 1.0, 1.0, true)
                }
            };
            let rounding = match basis.basic[p] {
                Basic::Start(r) | Basic::Sum(r) => {
                    let bound = if side > 0.0 { self.least[r] } else { self.most[r] };
                    TINY + 1e-13 * if bound.is_finite() { bound.abs() } else { 0.0 }
                }
                Basic::Extra(..) => TINY,
            };
            if short <= rounding {
                continue;
            }
            let row = &basis.inverse[p * m..(p + 1) * m];
            let norm: f64 = row.iter().map(|v| v * v).sum();
            let score = short * short / norm.max(1e-30);
            if score > most {
                (most, found) = (score, Some((p, side, swap)));
            }
        }
        let (mut p, side, swap) = found?;
        if swap && let Basic::Extra(j, _) = basis.basic[p] {
            // The key itself must leave: it changes places with the greatest extra of its customer.
            for q in 0..m {
                if let Basic::Extra(i, k) = basis.basic[q]
                    && i == j
                    && self.pool.open[j * self.pool.width + k]
                    && basis.x[q] > basis.x[p]
                {
                    p = q;
                }
            }
            self.swap(basis, p);
        }
        Some((p, side))
    }

    /// The extra at place `p` becomes its customer's key and the key the extra.
    fn swap(&self, basis: &mut Basis, p: usize) {
        if let Basic::Extra(j, k) = basis.basic[p] {
            basis.basic[p] = Basic::Extra(j, basis.key[j] as usize);
            basis.key[j] = k as u32;
            self.refactor(basis);
        }
    }

    /// Choice `k` of customer `j` may be made no longer: it must not be the key.
    pub(super) fn unkey(&self, basis: &mut Basis, j: usize) -> bool {
        let open = |k: usize| self.pool.open[j * self.pool.width + k];
        if open(basis.key[j] as usize) {
            return true;
        }
        let found = basis.basic.iter().position(|b| matches!(b, Basic::Extra(i, k) if *i == j && open(*k)));
        if let Some(p) = found {
            self.swap(basis, p);
        }
        found.is_some()
    }

    /// Moves the prices along the leaving place's row as far as the Lagrangian falls, and changes the basis there.
    fn pivot(&self, basis: &mut Basis, p: usize, side: f64) -> Option<Outcome> {
        let m = basis.basic.len();
        let leaving = basis.basic[p];
        let direction: Vec<f64> = basis.inverse[p * m..(p + 1) * m].iter().map(|v| side * v).collect();
        let slope = match leaving {
            Basic::Start(_) => basis.x[p].abs(),
            Basic::Sum(r) if side > 0.0 => self.least[r] - basis.x[p],
            Basic::Sum(r) => basis.x[p] - self.most[r],
            Basic::Extra(..) => basis.x[p].abs(),
        };
        if let Basic::Extra(j, _) = leaving {
            basis.split[j] -= 1;
        }
        let mut breaks = self.breaks(basis, &direction, leaving);
        let Some(last) = turn(&mut breaks, slope) else {
            if let Basic::Extra(j, _) = leaving {
                basis.split[j] += 1;
            }
            return Some(Outcome::Infeasible(direction));
        };
        // What is passed changes its key or its bound; in the order in which a customer passes it.
        let entering = breaks[last].enter;
        breaks.truncate(last);
        breaks.sort_unstable_by_key(|b| b.order);
        for b in &breaks {
            match b.enter {
                Enter::Choice(j, k) => {
                    let i = self.pool.ids[j] as usize;
                    self.instance.add(i, basis.key[j] as usize, -1.0, &mut basis.sums);
                    self.instance.add(i, k, 1.0, &mut basis.sums);
                    basis.key[j] = k as u32;
                }
                Enter::Sum(r) => basis.at_most[r] = !basis.at_most[r],
            }
        }
        match leaving {
            Basic::Sum(r) => basis.at_most[r] = side < 0.0,
            Basic::Extra(..) | Basic::Start(_) => {}
        }
        let mut column = vec![0.0; m];
        basis.basic[p] = match entering {
            Enter::Choice(j, k) => {
                let i = self.pool.ids[j] as usize;
                self.instance.add(i, k, 1.0, &mut column);
                self.instance.add(i, basis.key[j] as usize, -1.0, &mut column);
                basis.split[j] += 1;
                Basic::Extra(j, k)
            }
            Enter::Sum(r) => {
                column[r] = -1.0;
                Basic::Sum(r)
            }
        };
        let image: Vec<f64> =
            (0..m).map(|q| basis.inverse[q * m..(q + 1) * m].iter().zip(&column).map(|(a, b)| a * b).sum()).collect();
        if image[p].abs() < 1e-11 {
            if !self.refactor(basis) {
                return Some(Outcome::Stalled);
            }
            return None;
        }
        for c in 0..m {
            basis.inverse[p * m + c] /= image[p];
        }
        for q in (0..m).filter(|&q| q != p && image[q].abs() > 0.0) {
            for c in 0..m {
                basis.inverse[q * m + c] -= image[q] * basis.inverse[p * m + c];
            }
        }
        self.refresh(basis);
        None
    }

    /// Builds inverse and sums anew; false where the basis is singular.
    fn refactor(&self, basis: &mut Basis) -> bool {
        let m = basis.basic.len();
        basis.sums.clone_from(&self.fixed);
        for (&i, &k) in self.pool.ids.iter().zip(&basis.key) {
            self.instance.add(i as usize, k as usize, 1.0, &mut basis.sums);
        }
        let mut work = vec![0.0; m * 2 * m];
        let mut column = vec![0.0; m];
        for (p, basic) in basis.basic.iter().enumerate() {
            column.fill(0.0);
            match *basic {
                Basic::Start(r) => column[r] = 1.0,
                Basic::Sum(r) => column[r] = -1.0,
                Basic::Extra(j, k) => {
                    let i = self.pool.ids[j] as usize;
                    self.instance.add(i, k, 1.0, &mut column);
                    self.instance.add(i, basis.key[j] as usize, -1.0, &mut column);
                }
            }
            for r in 0..m {
                work[r * 2 * m + p] = column[r];
            }
            work[p * 2 * m + m + p] = 1.0;
        }
        for p in 0..m {
            let row = (p..m).max_by(|&a, &b| work[a * 2 * m + p].abs().total_cmp(&work[b * 2 * m + p].abs()));
            let Some(row) = row.filter(|&row| work[row * 2 * m + p].abs() > 1e-12) else { return false };
            if row != p {
                for c in 0..2 * m {
                    work.swap(p * 2 * m + c, row * 2 * m + c);
                }
            }
            let by = work[p * 2 * m + p];
            (0..2 * m).for_each(|c| work[p * 2 * m + c] /= by);
            let own = work[p * 2 * m..(p + 1) * 2 * m].to_vec();
            for r in (0..m).filter(|&r| r != p) {
                let times = work[r * 2 * m + p];
                if times.abs() > 0.0 {
                    work[r * 2 * m..(r + 1) * 2 * m].iter_mut().zip(&own).for_each(|(a, b)| *a -= times * b);
                }
            }
        }
        for p in 0..m {
            basis.inverse[p * m..(p + 1) * m].copy_from_slice(&work[p * 2 * m + m..(p + 1) * 2 * m]);
        }
        self.refresh(basis);
        true
    }

    /// Values and prices of the basis from its inverse.
    fn refresh(&self, basis: &mut Basis) {
        let m = basis.basic.len();
        let mut rest: Vec<f64> = basis.sums.iter().map(|s| -s).collect();
        let mut resting = vec![true; m];
        basis.basic.iter().for_each(|b| {
            if let Basic::Sum(r) = b {
                resting[*r] = false;
            }
        });
        for r in (0..m).filter(|&r| resting[r]) {
            rest[r] += if basis.at_most[r] { self.most[r] } else { self.least[r] };
        }
        for p in 0..m {
            basis.x[p] = basis.inverse[p * m..(p + 1) * m].iter().zip(&rest).map(|(a, b)| a * b).sum();
        }
        basis.y = self.prices(basis, &self.pool.c);
    }

    /// The prices at which the basis' choices are equal under the worths `c` of the pool.
    pub(super) fn prices(&self, basis: &Basis, c: &[f64]) -> Vec<f64> {
        let m = basis.basic.len();
        let width = self.pool.width;
        let mut y = vec![0.0; m];
        for (p, basic) in basis.basic.iter().enumerate() {
            let worth = match *basic {
                Basic::Start(r) => basis.start[r],
                Basic::Sum(_) => continue,
                Basic::Extra(j, k) => c[j * width + k] - c[j * width + basis.key[j] as usize],
            };
            y.iter_mut().zip(&basis.inverse[p * m..(p + 1) * m]).for_each(|(y, v)| *y += worth * v);
        }
        basis.basic.iter().for_each(|b| {
            if let Basic::Sum(r) = b {
                y[*r] = 0.0;
            }
        });
        y
    }

    /// What the relaxed plan brings, those outside the pool left out.
    pub(super) fn value(&self, basis: &Basis) -> f64 {
        let width = self.pool.width;
        let keys: f64 = basis.key.iter().enumerate().map(|(j, &k)| self.pool.c[j * width + k as usize]).sum();
        let extras = basis.basic.iter().zip(&basis.x).map(|(b, x)| match *b {
            Basic::Extra(j, k) => x * (self.pool.c[j * width + k] - self.pool.c[j * width + basis.key[j] as usize]),
            _ => 0.0,
        });
        keys + extras.sum::<f64>()
    }

    /// The customers of the pool with parts of several choices: number in the pool, choice, share; keys not among them.
    pub(super) fn parts(&self, basis: &Basis) -> Vec<(usize, usize, f64)> {
        let extras = basis.basic.iter().zip(&basis.x);
        extras.filter_map(|(b, &x)| if let Basic::Extra(j, k) = *b { Some((j, k, x)) } else { None }).collect()
    }
}

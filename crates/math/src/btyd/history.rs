//! Histories: what the models need to know of customers, compressed to what differs.
//!
//! Of a customer only `(x, t_x, T)` matters: repeat purchases, time from the first purchase to the last, and time from the
//! first purchase to the end of observation (Fader, Hardie and Lee 2005, section 3). Customers with the same three numbers
//! are one row with a count, in ascending order, so a fit depends neither on the order of customers nor on how a cluster
//! grouped them, and ten million customers cost as much as their distinct rows.
//!
//! Several purchases at one time (one day, where dates are days) are one purchase: the models know no two at once.

use serde::{Deserialize, Serialize};

use super::time::TimeUnit;
use crate::error::{Error, Result};
use crate::num::require_len;

/// What was seen of one customer, with the unit of its times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// Purchases after the first one (`x`).
    pub repeats: u32,
    /// Time from the first purchase to the last (`t_x`); 0 without a repeat.
    pub last: f64,
    /// Time from the first purchase to the end of observation (`T`).
    pub observed: f64,
    /// What both times are measured in.
    pub unit: TimeUnit,
}

impl Past {
    /// The same past in another unit, checked.
    ///
    /// # Errors
    /// [`Error::Row`] (row 0) for a past that cannot be: see [`History::new`].
    pub fn seen(&self, unit: TimeUnit) -> Result<Seen> {
        let per = if self.unit == unit { 1.0 } else { self.unit.days() / unit.days() };
        let seen = Seen { repeats: self.repeats, last: self.last * per, observed: self.observed * per };
        seen.check(0)?;
        Ok(seen)
    }
}

/// A past in the unit of the model that looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Purchases after the first one (`x`).
    pub repeats: u32,
    /// Time from the first purchase to the last (`t_x`).
    pub last: f64,
    /// Time from the first purchase to the end of observation (`T`).
    pub observed: f64,
}

impl Seen {
    fn check(&self, row: usize) -> Result<()> {
        let fault = |reason| Err(Error::Row { what: "purchase history", row, reason });
        if !(self.last.is_finite() && self.observed.is_finite()) {
            return fault("a time is not finite");
        }
        if self.last < 0.0 {
            return fault("the last purchase lies before the first (t_x < 0)");
        }
        if self.last > self.observed {
            return fault("the last purchase lies after the end of observation (t_x > T)");
        }
        if self.repeats == 0 && self.last > 0.0 {
            return fault("there is no repeat purchase, yet the last is later than the first (x = 0, t_x > 0)");
        }
        if self.repeats > 0 && self.last <= 0.0 {
            return fault("there are repeat purchases, all at the time of the first (x > 0, t_x = 0)");
        }
        Ok(())
    }

    /// `x` as a number.
    pub(crate) fn x(&self) -> f64 {
        f64::from(self.repeats)
    }
}

/// Customers with the same past.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Their past.
    pub seen: Seen,
    /// How many they are, at least 1.
    pub customers: f64,
}

/// The pasts of many customers, compressed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    unit: TimeUnit,
    rows: Vec<Row>,
    by_repeats: Vec<(u32, f64)>,
    by_exposure: Vec<(u32, f64, f64)>,
    customers: f64,
}

impl History {
    /// Compresses the pasts of customers: repeat purchases `x`, time to the last `t_x`, time observed `T`, all times in
    /// `unit`s.
    ///
    /// # Errors
    /// [`Error::Shape`] where the lengths differ, [`Error::TooFew`] without a customer, [`Error::Row`] naming the first
    /// customer unless `0 <= t_x <= T`, both finite, and `t_x = 0` just where `x = 0`.
    ///
    /// ```
    /// use tenure_math::btyd::{History, TimeUnit};
    /// let history = History::new(&[0, 2, 0], &[0.0, 3.0, 0.0], &[9.0, 9.0, 9.0], TimeUnit::Week)?;
    /// assert_eq!((history.rows().len(), history.customers()), (2, 3.0));
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    pub fn new(repeats: &[u32], last: &[f64], observed: &[f64], unit: TimeUnit) -> Result<Self> {
        Self::build(repeats, last, observed, None, unit)
    }

    /// [`History::new`] of rows that stand for `counts` customers each.
    ///
    /// # Errors
    /// As [`History::new`]; rows of no customers are left out.
    pub fn with_counts(
        repeats: &[u32],
        last: &[f64],
        observed: &[f64],
        counts: &[u64],
        unit: TimeUnit,
    ) -> Result<Self> {
        require_len("counts of histories", repeats.len(), counts.len())?;
        Self::build(repeats, last, observed, Some(counts), unit)
    }

    fn build(repeats: &[u32], last: &[f64], observed: &[f64], counts: Option<&[u64]>, unit: TimeUnit) -> Result<Self> {
        require_len("times of the last purchase", repeats.len(), last.len())?;
        require_len("times observed", repeats.len(), observed.len())?;
        let mut keys = Vec::with_capacity(repeats.len());
        for (row, ((&repeats, &last), &observed)) in repeats.iter().zip(last).zip(observed).enumerate() {
            // Adding zero turns -0 into 0, so that both are one row. Non-negative floats sort as their bits do.
            let seen = Seen { repeats, last: last + 0.0, observed: observed + 0.0 };
            seen.check(row)?;
            let count = counts.map_or(1, |counts| counts[row]);
            if count > 0 {
                keys.push((repeats, seen.last.to_bits(), seen.observed.to_bits(), count));
            }
        }
        if keys.is_empty() {
            return Err(Error::TooFew { what: "purchase histories", needed: 1, found: 0 });
        }
        rayon::slice::ParallelSliceMut::par_sort_unstable(keys.as_mut_slice());
        let mut rows: Vec<Row> = Vec::new();
        for group in keys.chunk_by(|a, b| (a.0, a.1, a.2) == (b.0, b.1, b.2)) {
            let (repeats, last, observed, _) = group[0];
            let seen = Seen { repeats, last: f64::from_bits(last), observed: f64::from_bits(observed) };
            rows.push(Row { seen, customers: group.iter().map(|key| key.3).sum::<u64>() as f64 });
        }
        Ok(Self::from_rows(unit, rows))
    }

    fn from_rows(unit: TimeUnit, rows: Vec<Row>) -> Self {
        let by_repeats: Vec<(u32, f64)> = rows
            .chunk_by(|a, b| a.seen.repeats == b.seen.repeats)
            .map(|group| (group[0].seen.repeats, group.iter().map(|row| row.customers).sum()))
            .collect();
        let mut exposures: Vec<(u32, u64, f64)> =
            rows.iter().map(|row| (row.seen.repeats, row.seen.observed.to_bits(), row.customers)).collect();
        exposures.sort_by_key(|exposure| (exposure.0, exposure.1));
        let by_exposure = exposures
            .chunk_by(|a, b| (a.0, a.1) == (b.0, b.1))
            .map(|group| (group[0].0, f64::from_bits(group[0].1), group.iter().map(|exposure| exposure.2).sum()))
            .collect();
        let customers = rows.iter().map(|row| row.customers).sum();
        Self { unit, rows, by_repeats, by_exposure, customers }
    }

    /// What its times are measured in.
    #[must_use]
    pub fn unit(&self) -> TimeUnit {
        self.unit
    }

    /// The distinct pasts, ascending by `x`, `t_x`, `T`.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The number of customers.
    #[must_use]
    pub fn customers(&self) -> f64 {
        self.customers
    }

    /// All repeat purchases.
    #[must_use]
    pub fn purchases(&self) -> f64 {
        self.by_repeats.iter().map(|(repeats, customers)| f64::from(*repeats) * customers).sum()
    }

    /// The distinct `x` with their customers, ascending.
    pub(crate) fn by_repeats(&self) -> &[(u32, f64)] {
        &self.by_repeats
    }

    /// The distinct `(x, T)` with their customers, ascending: all that the NBD needs.
    pub(crate) fn by_exposure(&self) -> &[(u32, f64, f64)] {
        &self.by_exposure
    }
}

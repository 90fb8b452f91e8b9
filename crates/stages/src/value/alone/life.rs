//! One customer of an order log over time: how likely it was alive on each day.

use serde::Serialize;
use tenure_math::btyd::{Dropout, Fitted, Past, TimeUnit};

use crate::error::{Error, Result};
use crate::time::Instant;

/// Points between two purchases at most, so that a picture of decades stays small.
const POINTS: f64 = 400.0;

/// When one customer bought.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Life {
    /// The day of its first purchase.
    pub(crate) first: Instant,
    /// Days of its purchases since then, rising; the first is 0.
    pub(crate) purchases: Vec<f64>,
    /// Days from the first purchase to the end of observation.
    pub(crate) observed: f64,
}

/// P(alive) of one customer, from its first purchase to the end of observation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PAlive {
    /// The customer.
    pub customer_id: String,
    /// The day of its first purchase.
    pub first_purchase: Instant,
    /// Days of its purchases since then.
    pub purchases: Vec<f64>,
    /// Days since then, never falling; a purchase after the first has two points, before it and after.
    pub days: Vec<f64>,
    /// The probability of being alive on each of these days, by what was known then.
    pub p_alive: Vec<f64>,
}

impl Life {
    /// P(alive) over this life; `None` where the data do not identify who leaves, or nothing lies between two days.
    ///
    /// # Errors
    /// A refused computation.
    pub(super) fn p_alive(&self, customer: &str, fitted: &Fitted) -> Result<Option<PAlive>> {
        if matches!(fitted.dropout(), Dropout::NotIdentified { .. }) || self.observed <= 0.0 {
            return Ok(None);
        }
        let (mut days, mut p_alive) = (Vec::new(), Vec::new());
        let ends = self.purchases.iter().skip(1).chain([&self.observed]);
        for (repeats, (&bought, &end)) in (0_u32..).zip(self.purchases.iter().zip(ends)) {
            let step = ((end - bought) / POINTS).ceil().max(1.0);
            let mut day = bought;
            loop {
                let past = Past { repeats, last: bought, observed: day, unit: TimeUnit::Day };
                days.push(day);
                p_alive.push(fitted.p_alive(&past).map_err(Error::math("P(alive) of one customer"))?);
                if day >= end {
                    break;
                }
                day = (day + step).min(end);
            }
        }
        let (first_purchase, purchases) = (self.first, self.purchases.clone());
        Ok(Some(PAlive { customer_id: customer.to_owned(), first_purchase, purchases, days, p_alive }))
    }
}

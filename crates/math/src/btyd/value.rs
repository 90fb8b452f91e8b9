//! Residual transactions and customer lifetime value: what is still to come, discounted.
//!
//! Question: how many purchases will a customer make within a horizon, later ones counting less, and what are they worth?
//! Model: the horizon is cut into steps; a step's purchases count as if they came at its end,
//!
//! ```text
//! residual = sum_k (E[Y(t_k)] - E[Y(t_{k-1})]) exp(-force t_k)        CLV = residual * spend * margin
//! ```
//!
//! Horizon, step and discount rate each have their own unit ([`Span`], [`Discount`]); the last step ends with the
//! horizon. Source: Fader, Hardie and Lee, *RFM and CLV* (2005), eq. 1 and 5, for the discrete sum; the continuous,
//! endless one is [`super::ParetoNbd::dert`]. Limits: spend is independent of how often and how long a customer buys.

use serde::{Deserialize, Serialize};

use super::history::Past;
use super::time::{Discount, Span};
use super::{Fitted, Process};
use crate::error::{Error, Result};

/// The most steps of a horizon.
const MOST_STEPS: f64 = 100_000.0;

/// What a purchase brings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Money {
    /// The customer's expected spend per purchase, e.g. [`super::gamma_gamma::GammaGamma::expected`].
    pub spend: f64,
    /// The part of it that is margin, 0 to 1.
    pub margin: f64,
}

impl Fitted {
    /// Discounted purchases within `horizon` after what was seen, counted at the ends of steps of `step`.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a step of no length or more than 100,000 steps, [`Error::Row`] for an impossible past.
    pub fn residual(&self, past: &Past, horizon: Span, step: Span, discount: Discount) -> Result<f64> {
        let unit = self.unit();
        let (seen, force) = (self.seen(past)?, discount.force(unit));
        let (horizon, step) = (horizon.in_unit(unit), step.in_unit(unit));
        let steps = (horizon / step - 1e-9).ceil();
        if !(step > 0.0 && steps <= MOST_STEPS) {
            return Err(Error::Parameter { name: "step of the horizon", value: step, expected: "1 to 100,000 steps" });
        }
        let after = self.process().after(&seen);
        let (mut sum, mut before) = (0.0, 0.0);
        for k in 1..=steps.max(0.0) as u32 {
            let end = (f64::from(k) * step).min(horizon);
            let bought = after.expected(end);
            sum += (bought - before) * (-force * end).exp();
            before = bought;
        }
        Ok(self.process().p_alive(&seen) * sum)
    }

    /// Customer lifetime value within `horizon`: [`Fitted::residual`] times spend times margin.
    ///
    /// # Errors
    /// As [`Fitted::residual`], and [`Error::Parameter`] for a spend that is negative or not finite or a margin outside
    /// 0..=1.
    pub fn clv(&self, past: &Past, money: Money, horizon: Span, step: Span, discount: Discount) -> Result<f64> {
        if !(money.spend >= 0.0 && money.spend.is_finite()) {
            return Err(Error::Parameter { name: "spend", value: money.spend, expected: "a finite value >= 0" });
        }
        if !(0.0..=1.0).contains(&money.margin) {
            return Err(Error::Parameter { name: "margin", value: money.margin, expected: "0 to 1" });
        }
        Ok(self.residual(past, horizon, step, discount)? * money.spend * money.margin)
    }

    /// DERT: all purchases still to come, discounted continuously and without end, where that has a closed form.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a discount rate of 0, [`Error::Row`] for an impossible past, [`Error::Degenerate`] for the
    /// BG/NBD and MBG/NBD: take [`Fitted::residual`] with a long horizon.
    pub fn dert(&self, past: &Past, discount: Discount) -> Result<f64> {
        let (seen, force) = (self.seen(past)?, discount.force(self.unit()));
        match self.process() {
            Process::ParetoNbd(m) => m.dert(&seen, force),
            Process::Nbd(m) if force > 0.0 => Ok(m.after(&seen).expected(1.0) / force),
            Process::Nbd(_) => {
                Err(Error::Parameter { name: "discount rate", value: force, expected: "above 0 without a horizon" })
            }
            Process::BgNbd(_) => Err(Error::Degenerate {
                what: "DERT",
                reason: "the BG/NBD has no closed form: take the residual within a horizon",
            }),
        }
    }
}

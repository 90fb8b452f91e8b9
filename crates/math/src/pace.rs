//! Own pace: which part of a churn probability is of customers who have already left for good.
//!
//! Question: `p` is the probability that a customer buys nothing in the coming window. Some of that is silence of one
//! who stays, and an offer can turn it; the rest is of one who is gone. Model: while it stays, a customer buys on so many
//! days as a Poisson process of its own rate, and rates are gamma distributed over customers. With `x` repeat purchase
//! days in the `s` days from the first to the last, shape `r` and `a` days,
//!
//! ```text
//! silent = P(no purchase in h days | stays, x, s) = ((a + s) / (a + s + h))^(r + x)
//! p = p_gone + (1 - p_gone) silent    so    p_gone = max(0, (p - silent) / (1 - silent))
//! ```
//!
//! Source: Ehrenberg's NBD (1959) as restated by Schmittlein, Morrison and Colombo (1987, eqs. 1-3); the last line is
//! ours. Limits: it is no estimate of drop-out from data alone, for that is not identified without an assumption; the
//! assumption is that who stays keeps its pace, whatever the season.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::num::require_len;

/// Shape of the rates' gamma distribution: 1 lets rates differ much, as they do in every shop.
const SHAPE: f64 = 1.0;

/// The pace of a shop's customers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// What the shop's mean rate counts beside a customer's own purchases, in days.
    days: f64,
}

impl Pace {
    /// The pace of customers with `repeats` purchase days after the first, within `spans` days each.
    ///
    /// # Errors
    /// [`Error::Shape`] for lengths, [`Error::Degenerate`] where nobody bought on two days.
    pub fn fit(repeats: &[f64], spans: &[f64]) -> Result<Self> {
        require_len("spans", repeats.len(), spans.len())?;
        let (purchases, days): (f64, f64) = (repeats.iter().sum(), spans.iter().sum());
        if purchases > 0.0 && days > 0.0 {
            Ok(Self { days: SHAPE * days / purchases })
        } else {
            Err(Error::Degenerate { what: "the pace of purchases", reason: "nobody bought on two days" })
        }
    }

    /// The expected purchase days per day of a customer who stays.
    #[must_use]
    pub fn rate(&self, repeats: f64, span: f64) -> f64 {
        (SHAPE + repeats) / (self.days + span)
    }

    /// The probability that a customer who stays buys nothing in `horizon` days.
    #[must_use]
    pub fn silent(&self, repeats: f64, span: f64, horizon: f64) -> f64 {
        ((self.days + span) / (self.days + span + horizon)).powf(SHAPE + repeats)
    }
}

/// The probability that a customer has already left, given that it buys nothing with probability `p_churn` and would
/// with `silent` if it stayed; both 0..1.
///
/// ```
/// let gone = tenure_math::pace::gone(0.9, 0.2);
/// assert!((gone - 0.875).abs() < 1e-12);
/// ```
#[must_use]
pub fn gone(p_churn: f64, silent: f64) -> f64 {
    if silent < 1.0 { ((p_churn - silent) / (1.0 - silent)).clamp(0.0, p_churn) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn by_hand() {
        // 10 purchases in 300 days: 30 days. One repeat in 30 days: rate 2/60, silent for 60 days (60/120)^2.
        let pace = Pace::fit(&[4.0, 6.0, 0.0], &[100.0, 200.0, 0.0]).unwrap();
        assert!((pace.rate(1.0, 30.0) - 2.0 / 60.0).abs() < 1e-15);
        assert!((pace.silent(1.0, 30.0, 60.0) - 0.25).abs() < 1e-15);
        assert!((gone(0.7, 0.25) - 0.6).abs() < 1e-15);
    }

    #[test]
    fn one_who_is_as_silent_as_expected_is_not_gone_and_a_regular_who_is_silent_is() {
        assert!(gone(0.3, 0.3).abs() < 1e-15 && gone(0.1, 0.3).abs() < 1e-15);
        let pace = Pace::fit(&[10.0], &[100.0]).unwrap();
        let regular = gone(0.95, pace.silent(30.0, 300.0, 90.0));
        let newcomer = gone(0.95, pace.silent(0.0, 0.0, 90.0));
        assert!(regular > 0.94 && newcomer < regular, "{regular} {newcomer}");
        for p in [0.0, 0.5, 1.0] {
            for silent in [0.0, 0.5, 1.0] {
                assert!((0.0..=p).contains(&gone(p, silent)));
            }
        }
    }

    #[test]
    fn the_chance_of_silence_is_the_mean_over_rates() {
        // P(no purchase) = E(exp(-rate h)) over gamma(shape r + x, rate a + s), integrated on a grid.
        let pace = Pace::fit(&[10.0], &[300.0]).unwrap();
        let (shape, rate, h) = (3.0_f64, 30.0 + 45.0, 60.0);
        let step = 1e-5;
        let (mut mass, mut silent) = (0.0, 0.0);
        for k in 1..100_000 {
            let l = f64::from(k) * step;
            let density = l.powf(shape - 1.0) * (-rate * l).exp();
            mass += density;
            silent += density * (-l * h).exp();
        }
        assert!((silent / mass - pace.silent(2.0, 45.0, h)).abs() < 1e-6);
    }

    #[test]
    fn no_pace_is_an_error() {
        assert!(matches!(Pace::fit(&[0.0], &[0.0]), Err(Error::Degenerate { .. })));
        assert!(Pace::fit(&[1.0], &[]).is_err());
    }
}

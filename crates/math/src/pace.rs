//! Own pace: how often a customer buys while it stays, and which part of a churn probability is of having left already.
//!
//! Question: `p` is the probability that a customer buys nothing in the coming `h` days. Some of that is silence of one
//! who stays, and an offer can turn it; the rest is of one who is gone. Model: while it stays, a customer buys on so many
//! days as a Poisson process of its own rate, and rates are gamma distributed over customers (shape `r`, `a` days). After
//! `x` purchase days beyond the first, and `e` days in which it could have bought,
//!
//! ```text
//! rate   = (r + x) / (a + e)                                    the mean of the rate
//! silent = P(no purchase in h days | stays) = ((a + e) / (a + e + h))^(r + x)
//! p      = p_gone + (1 - p_gone) silent      so      p_gone = (p - silent) / (1 - silent), not below 0
//! a      = r sum(e) / sum(x)                                    the shop's own pace
//! ```
//!
//! For one who stays `e` reaches to today; for one who has left, to one mean gap after its last purchase. Each is both by
//! its `p_gone`, so the last two lines are repeated until they agree.
//!
//! Source: Ehrenberg's NBD (1959) as in Schmittlein, Morrison and Colombo (1987, eqs. 1-3); the decomposition of a given
//! `p` is ours (ADR 0014). Limits: how many have left is not identified by purchases alone; the assumption that decides
//! it is that who stays keeps its pace, whatever the season.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::num::require_len;

/// Shape of the rates' gamma distribution: 1 lets rates differ much, as they do in every shop.
const SHAPE: f64 = 1.0;
/// Rounds of the repetition; it settles to three digits within ten.
const ROUNDS: usize = 20;

/// What a customer's purchases look like from today.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Past {
    /// Purchase days after the first, at least 0.
    pub repeats: f64,
    /// Days from the first purchase to the last, at least 0.
    pub span: f64,
    /// Days since the last purchase, at least 0.
    pub silence: f64,
}

/// The pace of a shop's customers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// What the shop's mean rate counts beside a customer's own purchases, in days.
    days: f64,
    /// Customers who leave, per customer and day in which it could have bought.
    hazard: f64,
}

impl Pace {
    /// The pace of customers of whom each has left with probability `p_gone`.
    ///
    /// # Errors
    /// [`Error::Shape`] for lengths, [`Error::Degenerate`] where nobody bought on two days.
    pub fn fit(pasts: &[Past], p_gone: &[f64]) -> Result<Self> {
        require_len("p_gone", pasts.len(), p_gone.len())?;
        let repeats: f64 = pasts.iter().map(|past| past.repeats).sum();
        let mut days = pasts.iter().map(|past| past.span + past.silence).sum::<f64>() / repeats;
        if repeats <= 0.0 || days <= 0.0 {
            return Err(Error::Degenerate { what: "the pace of purchases", reason: "nobody bought on two days" });
        }
        for _ in 0..ROUNDS {
            let pace = Self { days, hazard: 0.0 };
            days =
                SHAPE * pasts.iter().zip(p_gone).map(|(past, gone)| pace.exposure(past, *gone)).sum::<f64>() / repeats;
        }
        // The sum of exposures is what `days` was made of.
        Ok(Self { days, hazard: SHAPE * p_gone.iter().sum::<f64>() / (days * repeats) })
    }

    /// The days in which a customer could have bought.
    fn exposure(&self, past: &Past, p_gone: f64) -> f64 {
        past.span + (1.0 - p_gone) * past.silence + p_gone * past.silence.min(self.days)
    }

    /// The expected purchase days per day, while it stays, of a customer who has left with probability `p_gone`.
    #[must_use]
    pub fn rate(&self, past: &Past, p_gone: f64) -> f64 {
        (SHAPE + past.repeats) / (self.days + self.exposure(past, p_gone))
    }

    /// The probability that a customer who stays buys nothing in the next `horizon` days.
    #[must_use]
    pub fn silent(&self, past: &Past, horizon: f64) -> f64 {
        let seen = self.days + past.span + past.silence;
        (seen / (seen + horizon)).powf(SHAPE + past.repeats)
    }

    /// The expected purchase days within `horizon` of a customer of that `rate` who is here and buys nothing within
    /// `near`: it may have left in the meantime.
    #[must_use]
    pub fn orders_if_silent(&self, past: &Past, rate: f64, near: f64, horizon: f64) -> f64 {
        let leaves = -(-self.hazard * near).exp_m1();
        let stays = self.silent(past, near) * (1.0 - leaves);
        if stays > 0.0 { stays / (stays + leaves) * rate * (horizon - near).max(0.0) } else { 0.0 }
    }
}

/// Splits churn probabilities, each of so many days of silence: the shop's pace, and of each probability the part that is of having left already.
///
/// # Errors
/// As [`Pace::fit`].
pub fn split(pasts: &[Past], p_churn: &[f64], horizons: &[f64]) -> Result<(Pace, Vec<f64>)> {
    require_len("p_churn", pasts.len(), p_churn.len())?;
    require_len("horizons", pasts.len(), horizons.len())?;
    let mut p_gone: Vec<f64> = p_churn.iter().map(|p| p.min(0.5)).collect();
    let mut pace = Pace::fit(pasts, &p_gone)?;
    for _ in 0..ROUNDS {
        let given = pasts.iter().zip(p_churn).zip(horizons);
        p_gone = given.map(|((past, &p), &horizon)| gone(p, pace.silent(past, horizon))).collect();
        pace = Pace::fit(pasts, &p_gone)?;
    }
    Ok((pace, p_gone))
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

/// The expected purchase days in `horizon` days of a customer of that `rate` who buys within the first `near` of them,
/// or, where the horizon ends before, within `near`.
///
/// ```
/// // One who hardly ever buys, and does: that one purchase.
/// assert!((tenure_math::pace::orders_if_kept(1e-9, 90.0, 180.0) - 1.0).abs() < 1e-6);
/// ```
#[must_use]
pub fn orders_if_kept(rate: f64, near: f64, horizon: f64) -> f64 {
    rate * near.min(horizon) / -(-rate * near).exp_m1() + rate * (horizon - near).max(0.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    fn past(repeats: f64, span: f64, silence: f64) -> Past {
        Past { repeats, span, silence }
    }

    #[test]
    fn by_hand() {
        // 10 purchases in 300 days of whom nobody has left: 30 days. One repeat in 30 days: rate 2/60, and silent for 60
        // days with (60/120)^2.
        let pace = Pace::fit(&[past(4.0, 100.0, 0.0), past(6.0, 150.0, 50.0)], &[0.0, 0.0]).unwrap();
        assert!((pace.rate(&past(1.0, 20.0, 10.0), 0.0) - 2.0 / 60.0).abs() < 1e-15);
        assert!((pace.silent(&past(1.0, 20.0, 10.0), 60.0) - 0.25).abs() < 1e-15);
        assert!((gone(0.7, 0.25) - 0.6).abs() < 1e-15);
        // Had it left for sure, its silence of 200 days would count as one mean gap.
        assert!((pace.rate(&past(1.0, 20.0, 200.0), 1.0) - 2.0 / 80.0).abs() < 1e-15);
    }

    #[test]
    fn one_who_is_as_silent_as_expected_is_not_gone_and_a_regular_who_is_silent_is() {
        assert!(gone(0.3, 0.3).abs() < 1e-15 && gone(0.1, 0.3).abs() < 1e-15);
        let pace = Pace::fit(&[past(10.0, 100.0, 0.0)], &[0.0]).unwrap();
        let regular = gone(0.95, pace.silent(&past(30.0, 300.0, 0.0), 90.0));
        let newcomer = gone(0.95, pace.silent(&past(0.0, 0.0, 0.0), 90.0));
        assert!(regular > 0.94 && newcomer < regular, "{regular} {newcomer}");
        for p in [0.0, 0.5, 1.0] {
            for silent in [0.0, 0.5, 1.0] {
                assert!((0.0..=p).contains(&gone(p, silent)));
            }
        }
    }

    #[test]
    fn what_was_put_together_is_split_again() {
        // Regular customers of one pace; every fourth has left half a year ago, and the churn probabilities say so.
        let days = 20.0;
        let pasts: Vec<Past> = (0..400)
            .map(|i| if i % 4 == 0 { past(20.0, 400.0, 180.0) } else { past(20.0, 400.0, f64::from(i % 20)) })
            .collect();
        let pace = Pace { days, hazard: 0.0 };
        let p_churn: Vec<f64> = pasts
            .iter()
            .enumerate()
            .map(|(i, past)| if i % 4 == 0 { 0.999 } else { pace.silent(past, 90.0) })
            .collect();
        let (found, p_gone) = split(&pasts, &p_churn, &vec![90.0; pasts.len()]).unwrap();
        assert!((found.days / days - 1.0).abs() < 0.1, "{}", found.days);
        assert!(p_gone.iter().enumerate().all(|(i, g)| if i % 4 == 0 { *g > 0.95 } else { *g < 0.05 }), "{p_gone:?}");
    }

    #[test]
    fn the_chance_of_silence_is_the_mean_over_rates() {
        // P(no purchase) = E(exp(-rate h)) over gamma(shape r + x, rate a + e), integrated on a grid.
        let pace = Pace { days: 30.0, hazard: 0.0 };
        let (shape, rate, h) = (3.0_f64, 30.0 + 45.0, 60.0);
        let (mut mass, mut silent) = (0.0, 0.0);
        for k in 1..100_000 {
            let l = f64::from(k) * 1e-5;
            let density = l.powf(shape - 1.0) * (-rate * l).exp();
            mass += density;
            silent += density * (-l * h).exp();
        }
        assert!((silent / mass - pace.silent(&past(2.0, 25.0, 20.0), h)).abs() < 1e-6);
    }

    #[test]
    fn orders_of_one_who_is_kept_are_those_of_a_poisson_process_that_is_not_silent() {
        for (rate, near, horizon) in [(0.02_f64, 90.0, 180.0), (0.3, 30.0, 90.0), (0.02, 90.0, 60.0)] {
            // E(N over the horizon) = P(buys near) kept + P(silent near) E(N after it); before it ends by Bayes.
            let silent = (-rate * near).exp();
            let after = rate * (horizon - near).max(0.0);
            let (whole, kept) = (rate * horizon, orders_if_kept(rate, near, horizon));
            assert!(((1.0 - silent) * kept + silent * after - whole).abs() < 1e-12, "{rate} {near} {horizon}");
        }
    }

    #[test]
    fn who_is_silent_comes_back_if_it_has_not_left() {
        // Half of those who are silent for 60 days stay: (60/120)^2 = 0.25 against 0.25 who leave.
        let hazard = -(0.75_f64).ln() / 60.0;
        let one = past(1.0, 20.0, 10.0);
        let stays = 0.25 * 0.75 / (0.25 * 0.75 + 0.25);
        let back = Pace { days: 30.0, hazard }.orders_if_silent(&one, 0.1, 60.0, 90.0);
        assert!((back - stays * 3.0).abs() < 1e-12, "{back}");
        assert!((Pace { days: 30.0, hazard: 0.0 }.orders_if_silent(&one, 0.1, 60.0, 90.0) - 3.0).abs() < 1e-12);
        assert_eq!(Pace { days: 30.0, hazard }.orders_if_silent(&one, 0.1, 60.0, 30.0), 0.0);
    }

    #[test]
    fn no_pace_is_an_error() {
        assert!(matches!(Pace::fit(&[past(0.0, 0.0, 9.0)], &[0.0]), Err(Error::Degenerate { .. })));
        assert!(Pace::fit(&[past(1.0, 1.0, 1.0)], &[]).is_err());
    }
}

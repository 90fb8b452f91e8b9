//! What spend that comes bit by bit over a window is worth at its beginning.
//!
//! Model: spend flows evenly over `H` days and is discounted at the yearly rate `d`, so of each unit
//! `1/H integral_0^H (1 + d)^(-t/365) dt = (1 - (1 + d)^(-H/365)) / (H/365 ln(1 + d))` remains (Gupta, Lehmann and Stuart
//! 2004 discount yearly margins in the same way); a margin says which share of revenue is profit.
//!
//! Limits: the flow is even, whatever the season.

use crate::error::{Error, Result};

/// The present value of one unit of revenue that comes evenly over `horizon_days`, at the yearly `discount_rate` (0.1 is
/// 10 % a year) and the `margin` (share of revenue that is profit).
///
/// # Errors
/// [`Error::Parameter`] for a rate below 0, a margin outside 0 to 1, or a horizon that is not above 0.
///
/// ```
/// use tenure_math::value::present;
/// assert_eq!(present::of_one(0.0, 1.0, 180.0)?, 1.0);
/// let year = present::of_one(0.10, 1.0, 365.0)?;
/// assert!((year - (1.0 - 1.0 / 1.1) / 1.1_f64.ln()).abs() < 1e-12);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn of_one(discount_rate: f64, margin: f64, horizon_days: f64) -> Result<f64> {
    if !(discount_rate >= 0.0 && discount_rate.is_finite()) {
        return Err(Error::Parameter { name: "discount_rate", value: discount_rate, expected: "a finite rate >= 0" });
    }
    if !(0.0..=1.0).contains(&margin) {
        return Err(Error::Parameter { name: "margin", value: margin, expected: "a share from 0 to 1" });
    }
    if !(horizon_days > 0.0 && horizon_days.is_finite()) {
        return Err(Error::Parameter { name: "horizon_days", value: horizon_days, expected: "days > 0" });
    }
    let exponent = discount_rate.ln_1p() * horizon_days / 365.0;
    Ok(margin * if exponent > 0.0 { -(-exponent).exp_m1() / exponent } else { 1.0 })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_sum_over_days_agrees() {
        let days = 180;
        let sum: f64 = (0..days).map(|t| 1.2_f64.powf(-(f64::from(t) + 0.5) / 365.0)).sum::<f64>() / f64::from(days);
        assert!((of_one(0.2, 1.0, f64::from(days)).unwrap() - sum).abs() < 1e-6);
        assert!((of_one(0.2, 0.3, f64::from(days)).unwrap() - 0.3 * sum).abs() < 1e-6);
        assert!((of_one(1e-12, 1.0, 90.0).unwrap() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn bad_parameters_are_refused() {
        assert!(of_one(-0.1, 1.0, 90.0).is_err());
        assert!(of_one(0.1, 1.1, 90.0).is_err());
        assert!(of_one(0.1, 1.0, 0.0).is_err());
        assert!(of_one(f64::NAN, 1.0, 90.0).is_err());
    }
}

//! Two stages into one: whether a customer buys, and how much if so.
//!
//! Model: `y = 0` with probability `1 - p`, else `y ~ F` with mean `m` (Cragg 1971; Mullahy 1986). Then
//! `E[y] = p m`, `Var[y] = p (v + m^2) - (p m)^2`, and the level-`q` quantile of `y` is 0 for `q <= 1 - p`, else the
//! level-`(q - 1 + p)/p` quantile of `F`.
//!
//! Domain: `0 <= p <= 1`, amounts >= 0.

use crate::error::{Error, Result};
use crate::num::{require_finite, require_len};

/// The mean value of each customer: `p_buy * mean_if_buy`.
///
/// # Errors
/// [`Error::Parameter`] for a probability outside [0, 1] or a negative mean, [`Error::Shape`], [`Error::NotFinite`].
///
/// ```
/// assert_eq!(tenure_math::value::hurdle::mean(&[0.25, 1.0], &[80.0, 10.0])?, [20.0, 10.0]);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn mean(p_buy: &[f64], mean_if_buy: &[f64]) -> Result<Vec<f64>> {
    check(p_buy, mean_if_buy)?;
    Ok(p_buy.iter().zip(mean_if_buy).map(|(p, m)| p * m).collect())
}

/// The standard deviation of each customer's value, from the one among buyers.
///
/// # Errors
/// As [`mean`]; also for `deviation_if_buy`.
pub fn deviation(p_buy: &[f64], mean_if_buy: &[f64], deviation_if_buy: &[f64]) -> Result<Vec<f64>> {
    check(p_buy, mean_if_buy)?;
    check(p_buy, deviation_if_buy)?;
    let one = |i: usize| {
        let (p, m, s) = (p_buy[i], mean_if_buy[i], deviation_if_buy[i]);
        // p (s^2 + m^2) - p^2 m^2 without the cancellation.
        (p * s * s + p * (1.0 - p) * m * m).sqrt()
    };
    Ok((0..p_buy.len()).map(one).collect())
}

/// The level among buyers at which the level-`level` quantile of all is found; `None` where that quantile is 0.
#[must_use]
pub fn level_if_buy(p_buy: f64, level: f64) -> Option<f64> {
    let above = level - (1.0 - p_buy);
    (p_buy > 0.0 && above > 0.0).then(|| (above / p_buy).min(1.0))
}

fn check(p_buy: &[f64], amounts: &[f64]) -> Result<()> {
    require_len("amounts if bought", p_buy.len(), amounts.len())?;
    require_finite("p_buy", p_buy)?;
    require_finite("amounts if bought", amounts)?;
    if let Some(&value) = p_buy.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(Error::Parameter { name: "p_buy", value, expected: "a probability in [0, 1]" });
    }
    match amounts.iter().find(|m| **m < 0.0) {
        None => Ok(()),
        Some(&value) => Err(Error::Parameter { name: "amount if bought", value, expected: "an amount >= 0" }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    /// 100 equally likely outcomes: 60 zeros and the amounts 1..=40.
    fn outcomes() -> Vec<f64> {
        (0..100).map(|i| f64::from((i - 59).max(0))).collect()
    }

    #[test]
    fn brute_force_over_equally_likely_outcomes() {
        let y = outcomes();
        let all = y.iter().sum::<f64>() / 100.0;
        let variance = y.iter().map(|v| (v - all).powi(2)).sum::<f64>() / 100.0;
        // The buyers' 1..=40: mean 20.5, variance (40^2 - 1) / 12.
        let spread = (1599.0_f64 / 12.0).sqrt();
        assert!((mean(&[0.4], &[20.5]).unwrap()[0] - all).abs() < 1e-12);
        assert!((deviation(&[0.4], &[20.5], &[spread]).unwrap()[0] - variance.sqrt()).abs() < 1e-9);
        for level in [0.3, 0.6, 0.65, 0.9, 1.0] {
            // The least outcome that `level` of all reach.
            let of_all = y[((level * 100.0_f64).round() as usize).max(1) - 1];
            let found = level_if_buy(0.4, level).map_or(0.0, |l| (l * 40.0).round());
            assert_eq!(found, of_all, "{level}");
        }
    }

    #[test]
    fn limits() {
        assert_eq!(mean(&[0.0, 1.0], &[7.0, 7.0]).unwrap(), [0.0, 7.0]);
        assert_eq!(deviation(&[0.0, 1.0], &[7.0, 7.0], &[3.0, 3.0]).unwrap(), [0.0, 3.0]);
        assert_eq!((level_if_buy(1.0, 0.9), level_if_buy(0.05, 0.9), level_if_buy(0.0, 1.0)), (Some(0.9), None, None));
    }

    #[test]
    fn bad_inputs_are_refused() {
        assert!(matches!(mean(&[1.1], &[1.0]), Err(Error::Parameter { .. })));
        assert!(matches!(mean(&[0.5], &[-1.0]), Err(Error::Parameter { .. })));
        assert!(matches!(mean(&[0.5], &[f64::NAN]), Err(Error::NotFinite { .. })));
        assert!(matches!(deviation(&[0.5], &[1.0], &[]), Err(Error::Shape { .. })));
    }
}

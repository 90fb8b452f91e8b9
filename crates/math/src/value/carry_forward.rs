//! The naive forecast: what was spent in the last `horizon` days will be spent in the next.
//!
//! Model: `value = spend(last w days) * horizon / w` with `w = min(horizon, days of history)`. A model of value that
//! does not beat it has learnt nothing about the future (Wuebben and von Wangenheim 2008 found managers' heuristics of
//! this kind hard to beat).
//!
//! Domain: days of the data's history, not of a customer's: a customer first seen last week spent nothing before, and
//! that zero is a fact. Limits: knows neither season nor decline.

use crate::error::{Error, Result};
use crate::num::require_finite;

/// The window to look back over: the horizon, or the whole history where that is shorter.
///
/// # Errors
/// [`Error::Parameter`] unless both are finite numbers of days > 0.
pub fn window_days(horizon_days: f64, history_days: f64) -> Result<f64> {
    for (name, value) in [("horizon_days", horizon_days), ("history_days", history_days)] {
        if !(value > 0.0 && value.is_finite()) {
            return Err(Error::Parameter { name, value, expected: "a finite number of days > 0" });
        }
    }
    Ok(horizon_days.min(history_days))
}

/// The value of each customer over the next `horizon_days` from the spend in the last [`window_days`] days.
///
/// # Errors
/// [`Error::Parameter`] for the days, [`Error::NotFinite`] for a spend.
///
/// ```
/// use tenure_math::value::carry_forward::predict;
/// // Ninety days of history for a horizon of 180: twice what was seen.
/// assert_eq!(predict(&[10.0, 0.0], 180.0, 90.0)?, [20.0, 0.0]);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn predict(spend_in_window: &[f64], horizon_days: f64, history_days: f64) -> Result<Vec<f64>> {
    require_finite("spend in the window", spend_in_window)?;
    let scale = horizon_days / window_days(horizon_days, history_days)?;
    Ok(spend_in_window.iter().map(|spend| spend * scale).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    #[test]
    fn a_constant_spender_is_forecast_exactly_whatever_the_history() {
        for (horizon, history) in [(180.0, 1000.0), (180.0, 180.0), (180.0, 45.0), (30.0, 7.0)] {
            let window = window_days(horizon, history).unwrap();
            let forecast = predict(&[2.0 * window], horizon, history).unwrap();
            assert!((forecast[0] - 2.0 * horizon).abs() < 1e-9);
        }
    }

    #[test]
    fn long_histories_are_carried_as_they_are_in_any_currency() {
        assert_eq!(predict(&[3.0, -1.0], 90.0, 400.0).unwrap(), [3.0, -1.0]);
        let (a, b) = (predict(&[3.0], 90.0, 40.0).unwrap(), predict(&[300.0], 90.0, 40.0).unwrap());
        assert!((a[0] * 100.0 - b[0]).abs() < 1e-9);
    }

    #[test]
    fn bad_inputs_are_refused() {
        assert!(matches!(predict(&[1.0], 0.0, 10.0), Err(Error::Parameter { .. })));
        assert!(matches!(predict(&[1.0], 10.0, f64::NAN), Err(Error::Parameter { .. })));
        assert!(matches!(predict(&[f64::NAN], 10.0, 10.0), Err(Error::NotFinite { .. })));
    }
}

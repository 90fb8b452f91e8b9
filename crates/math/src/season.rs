//! The level of a portfolio in the coming window, from the same season of last year.
//!
//! Question: how many of today's customers will buy (or how much will they spend) in the next window? A ranker trained
//! on windows of other seasons knows the order of the customers but not the level: just before Christmas everybody
//! buys, just after it nobody does.
//!
//! Model: with `B` the portfolio's total (buyers or spend) in a window, `T` the snapshot, `h` the horizon, `l` a
//! look-back and one year `Y`,
//! `B(T, T+h) = B(T-l, T) * B(T-Y, T-Y+h) / B(T-Y-l, T-Y)`: what happened lately, times how last year went on from
//! here. Of that the share `nu` belongs to customers who are acquired only in the window; `nu` is taken from closed
//! windows, the latest counting most. A seasonal-naive ratio forecast (Hyndman and Athanasopoulos, Forecasting:
//! Principles and Practice, 5.2, applied to the ratio to the preceding quarter).
//!
//! Limits: needs one year and `l` days of history; one year gives one ratio and no interval; a year unlike the last
//! (a lost channel, a new country) breaks it, which is why callers blend it with the latest closed window.

use crate::error::{Error, Result};

/// Totals of the portfolio around a snapshot; all in one unit (buyers, or money).
#[derive(Debug, Clone, PartialEq)]
pub struct Around {
    /// In the look-back before the snapshot.
    pub recent: f64,
    /// In the look-back before the same day of last year.
    pub recent_last_year: f64,
    /// In the window that opened on the same day of last year.
    pub window_last_year: f64,
    /// For closed windows, the latest first: total, and the part of customers acquired before the window opened.
    pub closed: Vec<(f64, f64)>,
}

/// The share of a window's total that belongs to customers acquired within it, from closed windows, the latest first;
/// each earlier one counts `2^(-1/2)` of the one after it.
///
/// # Errors
/// [`Error::TooFew`] without a closed window that has a positive total.
pub fn new_share(closed: &[(f64, f64)]) -> Result<f64> {
    let (mut sum, mut weights, mut weight) = (0.0, 0.0, 1.0);
    for &(total, known) in closed.iter().take(4) {
        if total > 0.0 {
            sum += weight * (1.0 - known / total);
            weights += weight;
        }
        weight *= std::f64::consts::FRAC_1_SQRT_2;
    }
    if weights > 0.0 {
        Ok((sum / weights).clamp(0.0, 1.0))
    } else {
        Err(Error::TooFew { what: "share of new customers", needed: 1, found: 0 })
    }
}

/// The total of the coming window that customers acquired before the snapshot will bring.
///
/// # Errors
/// [`Error::Degenerate`] where last year's look-back is empty, otherwise those of [`new_share`].
///
/// ```
/// use tenure_math::season::{Around, forecast};
/// let around = Around { recent: 110., recent_last_year: 100., window_last_year: 80., closed: vec![(90., 81.)] };
/// assert!((forecast(&around)? - 110. * 0.8 * 0.9).abs() < 1e-12);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn forecast(around: &Around) -> Result<f64> {
    if around.recent_last_year.is_nan() || around.recent_last_year <= 0.0 {
        return Err(Error::Degenerate { what: "seasonal forecast", reason: "last year's look-back is empty" });
    }
    let ratio = around.window_last_year / around.recent_last_year;
    Ok(around.recent * ratio * (1.0 - new_share(&around.closed)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_portfolio_that_repeats_itself_is_forecast_exactly() {
        // No new customers, every year the same: the forecast is last year's window.
        let around =
            Around { recent: 500., recent_last_year: 500., window_last_year: 321., closed: vec![(400., 400.)] };
        assert!((forecast(&around).unwrap() - 321.).abs() < 1e-9);
        // Growth carries over.
        let grown = Around { recent: 600., ..around };
        assert!((forecast(&grown).unwrap() - 321. * 1.2).abs() < 1e-9);
    }

    #[test]
    fn the_share_of_new_customers_leans_on_the_latest_window() {
        let share = new_share(&[(100., 80.), (100., 100.)]).unwrap();
        assert!((share - 0.2 / (1.0 + std::f64::consts::FRAC_1_SQRT_2)).abs() < 1e-12);
        assert!(new_share(&[]).is_err() && new_share(&[(0., 0.)]).is_err());
    }

    #[test]
    fn units_do_not_matter_and_an_empty_year_is_refused() {
        let around = Around { recent: 3., recent_last_year: 2., window_last_year: 5., closed: vec![(7., 6.)] };
        let scaled =
            Around { recent: 300., recent_last_year: 200., window_last_year: 500., closed: vec![(700., 600.)] };
        assert!((forecast(&scaled).unwrap() - 100. * forecast(&around).unwrap()).abs() < 1e-9);
        assert!(forecast(&Around { recent_last_year: 0., ..around }).is_err());
    }
}

//! The level of a portfolio in the coming window, from the same season of last year.
//!
//! Question: how many of today's customers will buy (or how much will they spend) in the next window? A ranker trained
//! on windows of other seasons knows the order of the customers but not the level: just before Christmas everybody
//! buys, just after it nobody does.
//!
//! Model: with `B` the portfolio's total (buyers or spend) in a window, `T` the snapshot, `h` the horizon, `l` a
//! look-back and one year `Y`,
//! `B(T, T+h) = B(T-l, T) * B(T-Y, T-Y+h) / B(T-Y-l, T-Y)`: what happened lately, times how last year went on from
//! here (a seasonal-naive ratio forecast: Hyndman and Athanasopoulos, *Forecasting: Principles and Practice*, 5.2,
//! applied to the ratio to the preceding quarter).
//!
//! Of that the share `nu` belongs to customers who are acquired only in the window. It is known for closed windows of the
//! same length and falls as the history `H` behind a window grows: a young shop has few customers of old, and data that
//! begin in the middle of an old shop's life take many of its customers for new at first. A power law
//! `ln nu = a - b ln H`, `0 <= b <= 1`, by least squares over the closed windows says what it will be at the snapshot.
//!
//! Limits: needs one year and `l` days of history; one year gives one ratio and no interval; a year unlike the last
//! (a lost channel, a new country) breaks it, which is why callers blend it with the latest closed window.

use crate::error::{Error, Result};

/// Windows below which no law of the share of new customers is fitted.
const LEAST: usize = 3;

/// Totals of the portfolio around a snapshot; all in one unit (buyers, or money).
#[derive(Debug, Clone, PartialEq)]
pub struct Around {
    /// In the look-back before the snapshot.
    pub recent: f64,
    /// In the look-back before the same day of last year.
    pub recent_last_year: f64,
    /// In the window that opened on the same day of last year.
    pub window_last_year: f64,
    /// Days of history before the snapshot.
    pub history_days: f64,
    /// Windows of the same length that had closed by then, the latest first.
    pub closed: Vec<Closed>,
}

/// A window that has closed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Closed {
    /// Days of history before it opened.
    pub history_days: f64,
    /// The portfolio's total in it.
    pub total: f64,
    /// The part of customers acquired before it opened.
    pub known: f64,
}

impl Closed {
    fn new_share(&self) -> f64 {
        (1.0 - self.known / self.total).clamp(0.0, 1.0)
    }
}

/// The share of the coming window's total that will belong to customers acquired within it, 0 to 1: the power law of the
/// closed windows, the latest first, at `history_days`. With fewer than three windows, or where one had no new customers,
/// the mean of the latest four, each earlier one counting `2^(-1/2)` of the one after it.
///
/// # Errors
/// [`Error::TooFew`] without a closed window that has a positive total.
///
/// ```
/// use tenure_math::season::{Closed, new_share};
/// // A share that halves as the history doubles.
/// let window = |days: f64| Closed { history_days: days, total: 100.0, known: 100.0 - 4_000.0 / days };
/// let share = new_share(&[window(400.0), window(200.0), window(100.0)], 800.0)?;
/// assert!((share - 0.05).abs() < 1e-12);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn new_share(closed: &[Closed], history_days: f64) -> Result<f64> {
    let closed: Vec<&Closed> = closed.iter().filter(|window| window.total > 0.0).collect();
    if closed.is_empty() {
        return Err(Error::TooFew { what: "share of new customers", needed: 1, found: 0 });
    }
    let points: Vec<(f64, f64)> = closed
        .iter()
        .filter(|window| window.new_share() > 0.0 && window.history_days > 0.0)
        .map(|window| (window.history_days.ln(), window.new_share().ln()))
        .collect();
    if points.len() < LEAST || points.len() < closed.len() || history_days.is_nan() || history_days <= 0.0 {
        let weight = |k: usize| std::f64::consts::FRAC_1_SQRT_2.powi(k as i32);
        let latest = || closed.iter().take(4).enumerate();
        let sum: f64 = latest().map(|(k, window)| weight(k) * window.new_share()).sum();
        return Ok(sum / latest().map(|(k, _)| weight(k)).sum::<f64>());
    }
    let n = points.len() as f64;
    let (x, y) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let (sxy, sxx) =
        points.iter().fold((0.0, 0.0), |(sxy, sxx), p| (sxy + (p.0 - x) * (p.1 - y), sxx + (p.0 - x).powi(2)));
    let slope = if sxx > 0.0 { (sxy / sxx).clamp(-1.0, 0.0) } else { 0.0 };
    Ok((y + slope * (history_days.ln() - x)).exp().min(1.0))
}

/// The total of the coming window that customers acquired before the snapshot will bring.
///
/// # Errors
/// [`Error::Degenerate`] where last year's look-back is empty, otherwise those of [`new_share`].
///
/// ```
/// use tenure_math::season::{Around, Closed, forecast};
/// let closed = vec![Closed { history_days: 300., total: 90., known: 81. }];
/// let around = Around { recent: 110., recent_last_year: 100., window_last_year: 80., history_days: 390., closed };
/// assert!((forecast(&around)? - 110. * 0.8 * 0.9).abs() < 1e-12);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn forecast(around: &Around) -> Result<f64> {
    if around.recent_last_year.is_nan() || around.recent_last_year <= 0.0 {
        return Err(Error::Degenerate { what: "seasonal forecast", reason: "last year's look-back is empty" });
    }
    let ratio = around.window_last_year / around.recent_last_year;
    Ok(around.recent * ratio * (1.0 - new_share(&around.closed, around.history_days)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn window(history_days: f64, total: f64, known: f64) -> Closed {
        Closed { history_days, total, known }
    }

    fn around(closed: Vec<Closed>) -> Around {
        Around { recent: 500., recent_last_year: 500., window_last_year: 321., history_days: 600., closed }
    }

    #[test]
    fn a_portfolio_that_repeats_itself_is_forecast_exactly() {
        // No new customers, every year the same: the forecast is last year's window.
        let same = around(vec![window(500., 400., 400.)]);
        assert!((forecast(&same).unwrap() - 321.).abs() < 1e-9);
        // Growth carries over.
        let grown = Around { recent: 600., ..same };
        assert!((forecast(&grown).unwrap() - 321. * 1.2).abs() < 1e-9);
    }

    #[test]
    fn with_few_windows_the_share_of_new_customers_leans_on_the_latest() {
        let share = new_share(&[window(300., 100., 80.), window(200., 100., 100.)], 400.).unwrap();
        assert!((share - 0.2 / (1.0 + std::f64::consts::FRAC_1_SQRT_2)).abs() < 1e-12);
        // Four windows, one without a new customer: a logarithm would not know it.
        let four: Vec<Closed> = [80., 80., 100., 80.].map(|known| window(known, 100., known)).to_vec();
        assert!((0.1..0.2).contains(&new_share(&four, 400.).unwrap()));
        assert!(new_share(&[], 400.).is_err() && new_share(&[window(90., 0., 0.)], 400.).is_err());
    }

    #[test]
    fn the_share_falls_with_the_history_and_never_faster_than_it_grows() {
        let law = |b: f64| {
            (1..=9).rev().map(|m| window(30. * f64::from(m), 1., 1. - 0.9 * f64::from(m).powf(-b))).collect::<Vec<_>>()
        };
        let at = |b: f64, months: f64| new_share(&law(b), 30. * months).unwrap();
        for b in [0.0, 0.3, 1.0] {
            assert!((at(b, 18.) - 0.9 * 18_f64.powf(-b)).abs() < 1e-12, "{b}");
        }
        // A share that rose is not carried on, and one that fell faster than 1/H is held to that.
        let rising: Vec<Closed> = law(0.5)
            .iter()
            .zip(law(0.5).iter().rev())
            .map(|(a, b)| Closed { history_days: b.history_days, ..*a })
            .collect();
        let mean = rising.iter().map(|w| w.new_share().ln()).sum::<f64>() / 9.0;
        assert!((new_share(&rising, 540.).unwrap() - mean.exp()).abs() < 1e-12);
        assert!(at(2.0, 18.) > 0.9 * 18_f64.powi(-2));
        // Windows of one and the same history have no slope.
        assert!((new_share(&[window(90., 1., 0.8); 3], 360.).unwrap() - 0.2).abs() < 1e-12);
    }

    #[test]
    fn units_do_not_matter_and_an_empty_year_is_refused() {
        let closed = |unit: f64| {
            (1..=4).map(|k| window(90. * f64::from(k), 7. * unit, (5.0 + 0.3 * f64::from(k)) * unit)).collect()
        };
        let of = |unit: f64| Around {
            recent: 3. * unit,
            recent_last_year: 2. * unit,
            window_last_year: 5. * unit,
            history_days: 500.,
            closed: closed(unit),
        };
        assert!((forecast(&of(100.)).unwrap() - 100. * forecast(&of(1.)).unwrap()).abs() < 1e-9);
        assert!(forecast(&Around { recent_last_year: 0., ..of(1.) }).is_err());
    }
}

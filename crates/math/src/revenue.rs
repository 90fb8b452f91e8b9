//! Revenue by month: its season, and what the coming months will bring.
//!
//! Question: which months are strong, and what will the next ones bring, from a series of two years or little more?
//!
//! Season: `ln y_t = a + b t + s_m(t) + e_t` by least squares, one `s` a calendar month with sum 0, so that `exp(s_m)` is
//! a month's revenue over that of a typical one with the trend taken out (Hyndman and Athanasopoulos, *Forecasting:
//! Principles and Practice*, 3rd ed., 7.4, seasonal dummies).
//!
//! Forecast: with `y_t` the last month known, `h` the months ahead and `L_t = (y_t + y_t-1 + y_t-2) / (y_t-12 + y_t-13 +
//! y_t-14)` the level of the last quarter over that of the same quarter of last year, the candidates are
//! `y_t+h-12 L_t^phi` with `phi` 0 (the seasonal naive one, ibid. 5.2), 1/2 and 1, and, where two years lie behind the
//! origin, the level of the last quarter times the season fitted to what lies before the origin. From every origin of the
//! past each one forecasts the months that followed (ibid. 5.10); the candidate of least absolute error over that of the
//! seasonal naive one on the same months is used.
//!
//! Interval: `y^ exp(-q)` to `y^ exp(q)` with `q` the `ceil((n + 1) level)`-th smallest of the `n` errors `|ln(y / y^)|` at
//! the same distance (split conformal: Lei et al. 2018, 2.2), never narrower than at a shorter one. That covers with
//! probability `level` where errors are exchangeable. Errors of months that lie side by side are not quite.
//!
//! Domain: 16 months or more, without a gap, each with a positive revenue. Money in any one unit.
//!
//! Limits: a series of two years holds one comparison of a year with another, so all errors share what happened between
//! those two: that the next year will differ from this one as little is assumed. Moving holidays and months of five
//! weekends are noise. The used candidate is chosen on the errors that its interval is made of, which flatters both a little.

use crate::error::{Error, Result};
use crate::num::{quantile_sorted, require_finite};

/// Months of a year, and the furthest that a forecast looks.
pub const YEAR: usize = 12;
/// Months whose sum is the level.
const QUARTER: usize = 3;
/// Months below which there is no forecast: a year to look back on and four errors.
pub const LEAST: usize = YEAR + LEAST_ERRORS;
/// Months below which there is no season: each calendar month twice.
pub const LEAST_SEASON: usize = 2 * YEAR;
/// Errors below which there is no interval.
const LEAST_ERRORS: usize = 4;
/// Origins from which a candidate must have forecast the next month to take part.
const LEAST_ORIGINS: usize = 6;
const NAME: &str = "monthly revenue";

/// A series of months.
#[derive(Debug, Clone, Copy)]
pub struct Months<'a> {
    /// Calendar month of the first, 0 for January.
    first: usize,
    revenue: &'a [f64],
}

impl<'a> Months<'a> {
    /// Consecutive months from the calendar month `first` on, 0 for January.
    ///
    /// # Errors
    /// [`Error::Parameter`] when `first` is no month, [`Error::NotFinite`] and [`Error::Row`] when a revenue is not finite
    /// or not positive.
    pub fn new(first: usize, revenue: &'a [f64]) -> Result<Self> {
        if first >= YEAR {
            return Err(Error::Parameter { name: "first", value: first as f64, expected: "a month from 0 to 11" });
        }
        require_finite(NAME, revenue)?;
        if let Some(row) = revenue.iter().position(|y| *y <= 0.0) {
            return Err(Error::Row { what: NAME, row, reason: "a season as a factor needs revenue in every month" });
        }
        Ok(Self { first, revenue })
    }

    fn calendar(&self, at: usize) -> usize {
        (self.first + at) % YEAR
    }

    fn until(&self, end: usize) -> Self {
        Self { revenue: &self.revenue[..end], ..*self }
    }
}

/// The season of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Season {
    /// Revenue of each calendar month over that of a typical one (their geometric mean is 1), January first.
    pub index: [f64; YEAR],
    /// How often each calendar month was seen.
    pub seen: [usize; YEAR],
    /// Growth of the trend in a year: 0.1 for a tenth.
    pub yearly_growth: f64,
    /// Each month of the series over the trend.
    pub over_trend: Vec<f64>,
    /// How much a month differs, as a rule, from the trend times its index: 0.1 for a tenth.
    pub typical_error: f64,
}

/// The season of `months`.
///
/// # Errors
/// [`Error::TooFew`] with fewer than 24 months: a month that was seen once is not told from its year.
///
/// ```
/// use tenure_math::revenue::{Months, season};
/// // December brings twice as much, and each year a tenth more than the one before.
/// let y: Vec<f64> = (0..24).map(|t| 1.1_f64.powf(t as f64 / 12.0) * if t % 12 == 11 { 2.0 } else { 1.0 }).collect();
/// let season = season(Months::new(0, &y)?)?;
/// assert!((season.index[11] / season.index[0] - 2.0).abs() < 1e-9);
/// assert!((season.yearly_growth - 0.1).abs() < 1e-9);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn season(months: Months<'_>) -> Result<Season> {
    let n = months.revenue.len();
    if n < LEAST_SEASON {
        return Err(Error::TooFew { what: "a season by month", needed: LEAST_SEASON, found: n });
    }
    let logs: Vec<f64> = months.revenue.iter().map(|y| y.ln()).collect();
    let mut seen = [0; YEAR];
    let (mut time, mut level) = ([0.0; YEAR], [0.0; YEAR]);
    for (t, log) in logs.iter().enumerate() {
        let month = months.calendar(t);
        seen[month] += 1;
        time[month] += t as f64;
        level[month] += log;
    }
    for month in 0..YEAR {
        time[month] /= seen[month] as f64;
        level[month] /= seen[month] as f64;
    }
    // With a constant for each calendar month the slope is that of the differences from the months' means.
    let (mut sxy, mut sxx) = (0.0, 0.0);
    for (t, log) in logs.iter().enumerate() {
        let month = months.calendar(t);
        let x = t as f64 - time[month];
        sxy += x * (log - level[month]);
        sxx += x * x;
    }
    let slope = sxy / sxx;
    let constants: Vec<f64> = (0..YEAR).map(|month| level[month] - slope * time[month]).collect();
    let middle = constants.iter().sum::<f64>() / YEAR as f64;
    let over = |t: usize| logs[t] - middle - slope * t as f64;
    let square: f64 = (0..n).map(|t| (over(t) - constants[months.calendar(t)] + middle).powi(2)).sum();
    let mut index = [0.0; YEAR];
    for (index, constant) in index.iter_mut().zip(&constants) {
        *index = (constant - middle).exp();
    }
    Ok(Season {
        index,
        seen,
        yearly_growth: (slope * YEAR as f64).exp_m1(),
        over_trend: (0..n).map(|t| over(t).exp()).collect(),
        // Twelve constants and a slope are estimated.
        typical_error: (square / (n - YEAR - 1) as f64).sqrt().exp_m1(),
    })
}

/// How the coming months are foreseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The same month of last year.
    SeasonalNaive,
    /// The same month of last year, times half of the change of the last quarter (its square root).
    HalfLevel,
    /// The same month of last year, times the change of the last quarter.
    Level,
    /// The level of the last quarter times the season of all years.
    Index,
}

impl Method {
    /// All of them, the simplest first.
    pub const ALL: [Self; 4] = [Self::SeasonalNaive, Self::HalfLevel, Self::Level, Self::Index];

    /// What a reader sees.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SeasonalNaive => "seasonal naive",
            Self::HalfLevel => "last year at half the change of level",
            Self::Level => "last year at today's level",
            Self::Index => "season of all years at today's level",
        }
    }

    /// What was foreseen, from the first `origin` months, of the month `ahead` of the last of them; `None` where they are
    /// too few.
    fn forecast(self, months: Months<'_>, origin: usize, ahead: usize) -> Option<f64> {
        let y = &months.revenue[..origin];
        let last_year = (origin + ahead).checked_sub(YEAR + 1).filter(|at| *at < origin);
        match self {
            Self::SeasonalNaive => Some(y[last_year?]),
            Self::HalfLevel => Some(y[last_year?] * change(y)?.sqrt()),
            Self::Level => Some(y[last_year?] * change(y)?),
            Self::Index => {
                let season = season(months.until(origin)).ok()?;
                let level: f64 =
                    (origin - QUARTER..origin).map(|t| (y[t] / season.index[months.calendar(t)]).ln()).sum();
                Some((level / QUARTER as f64).exp() * season.index[months.calendar(origin + ahead - 1)])
            }
        }
    }
}

/// The last quarter over the same quarter of last year.
fn change(y: &[f64]) -> Option<f64> {
    let before = y.len().checked_sub(YEAR + QUARTER)?;
    let sum = |from: usize| y[from..from + QUARTER].iter().sum::<f64>();
    Some(sum(before + YEAR) / sum(before))
}

/// A candidate on the months of the past that it could have foreseen.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// How it foresees.
    pub method: Method,
    /// Months ahead and outcome over forecast, by distance: the first list holds those of one month ahead.
    ratios: Vec<Vec<f64>>,
    /// Sum of absolute errors over the sum of the outcomes, all distances together.
    pub error: f64,
    /// The same of the seasonal naive forecast on the same months.
    pub error_naive: f64,
    /// The coming months, the next one first; at most twelve, and none without an interval.
    pub months: Vec<Ahead>,
}

impl Candidate {
    /// `None` where it could not have forecast the next month from enough origins.
    fn of(method: Method, months: Months<'_>, level: f64) -> Option<Self> {
        let n = months.revenue.len();
        let mut ratios = vec![Vec::new(); YEAR];
        let (mut missed, mut missed_naive, mut came) = (0.0, 0.0, 0.0);
        for origin in 1..n {
            for ahead in 1..=YEAR.min(n - origin) {
                let actual = months.revenue[origin + ahead - 1];
                let Some(naive) = Method::SeasonalNaive.forecast(months, origin, ahead) else { continue };
                let Some(forecast) = method.forecast(months, origin, ahead) else { continue };
                ratios[ahead - 1].push(actual / forecast);
                missed += (actual - forecast).abs();
                missed_naive += (actual - naive).abs();
                came += actual;
            }
        }
        let needed = if method == Method::SeasonalNaive { LEAST_ERRORS } else { LEAST_ORIGINS };
        (ratios[0].len() >= needed).then(|| {
            let months = ahead(method, &ratios, months, level);
            Self { method, ratios, error: missed / came, error_naive: missed_naive / came, months }
        })
    }

    /// Origins from which it forecast so many months ahead.
    #[must_use]
    pub fn origins(&self, ahead: usize) -> usize {
        self.ratios.get(ahead.wrapping_sub(1)).map_or(0, Vec::len)
    }

    /// Error over that of the seasonal naive forecast; where that one never erred nothing is better.
    fn relative(&self) -> f64 {
        if self.error_naive > 0.0 { self.error / self.error_naive } else { 1.0 + self.error }
    }
}

/// What a coming month will bring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ahead {
    /// The forecast.
    pub forecast: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Errors that the interval is made of.
    pub errors: usize,
    /// The middle one of those errors, as a share of the forecast.
    pub typical_error: f64,
}

/// The coming months, and how they were foreseen.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// All candidates that could take part, the simplest first: that is the seasonal naive one.
    pub candidates: Vec<Candidate>,
    /// Which of them is in use.
    pub used: usize,
}

impl Forecast {
    /// The candidate in use.
    #[must_use]
    pub fn used(&self) -> &Candidate {
        &self.candidates[self.used]
    }

    /// The seasonal naive one.
    #[must_use]
    pub fn naive(&self) -> &Candidate {
        &self.candidates[0]
    }
}

/// Foresees the months after `months`, each with an interval of coverage `level`.
///
/// # Errors
/// [`Error::TooFew`] with fewer than 16 months, [`Error::Parameter`] when `level` is not in 0.5 to 0.8, beyond which four
/// errors reach no interval.
///
/// ```
/// use tenure_math::revenue::{Method, Months, forecast};
/// let y: Vec<f64> = (0..24).map(|t| if t % 12 == 11 { 200.0 } else { 100.0 }).collect();
/// let forecast = forecast(Months::new(0, &y)?, 0.8)?;
/// assert_eq!(forecast.used().method, Method::SeasonalNaive);
/// let months = &forecast.used().months;
/// assert_eq!((months[0].forecast, months[11].forecast), (100.0, 200.0));
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn forecast(months: Months<'_>, level: f64) -> Result<Forecast> {
    if !(0.5..=0.8).contains(&level) {
        return Err(Error::Parameter { name: "level", value: level, expected: "a share from 0.5 to 0.8" });
    }
    let n = months.revenue.len();
    let candidates: Vec<Candidate> = Method::ALL.iter().filter_map(|m| Candidate::of(*m, months, level)).collect();
    if candidates.first().is_none_or(|c| c.method != Method::SeasonalNaive) {
        return Err(Error::TooFew { what: "a forecast by month", needed: LEAST, found: n });
    }
    // The simplest of equals.
    let better = |best: usize, i: usize| if candidates[i].relative() < candidates[best].relative() { i } else { best };
    let used = (1..candidates.len()).fold(0, better);
    Ok(Forecast { candidates, used })
}

/// What a method says of the months to come, as far as there are errors enough for an interval.
fn ahead(method: Method, ratios: &[Vec<f64>], months: Months<'_>, level: f64) -> Vec<Ahead> {
    let mut width = 0.0_f64;
    let known = ratios.iter().zip(1..).map_while(|(ratios, ahead)| {
        let rank = ((ratios.len() + 1) as f64 * level - 1e-9).ceil() as usize;
        if ratios.len() < LEAST_ERRORS || rank > ratios.len() {
            return None;
        }
        let sorted = |error: fn(&f64) -> f64| {
            let mut errors: Vec<f64> = ratios.iter().map(error).collect();
            errors.sort_by(f64::total_cmp);
            errors
        };
        // What is uncertain does not become surer further off.
        width = width.max(sorted(|ratio| ratio.ln().abs())[rank - 1]);
        let forecast = method.forecast(months, months.revenue.len(), ahead)?;
        Some(Ahead {
            forecast,
            low: forecast * (-width).exp(),
            high: forecast * width.exp(),
            errors: ratios.len(),
            typical_error: quantile_sorted(&sorted(|ratio| (ratio - 1.0).abs()), 0.5)?,
        })
    });
    known.collect()
}

#[cfg(test)]
mod tests;

//! What the coming months will bring, from the whole months so far (docs/methods/forecast.md).

use serde::{Deserialize, Serialize};
use tenure_math::revenue::{self, Ahead, Forecast, Months, Season};

use super::kpis::{self, Everyday, Month};
use crate::artifact::{self, RunFolder};
use crate::error::Result;

/// Coverage that intervals are made for.
pub(super) const LEVEL: f64 = 0.8;

/// The months, and what is made of them; a sentence without its full stop says why it is not.
pub(super) struct Revenue {
    /// The first whole month.
    pub(super) first: Month,
    /// Revenue of each whole month, net as it was known when the month ended.
    pub(super) months: Vec<f64>,
    pub(super) season: std::result::Result<Season, String>,
    pub(super) forecast: std::result::Result<Forecast, String>,
}

/// How the coming months were foreseen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outlook {
    /// The first whole month.
    pub from: String,
    /// The last one.
    pub to: String,
    /// The method in use.
    pub method: String,
    /// Coverage that the intervals are made for.
    pub level: f64,
    /// Growth of the trend in a year; `None` where the months are too few for a season.
    pub yearly_growth: Option<f64>,
    /// The methods that could take part, the simplest first.
    pub tried: Vec<Tried>,
}

/// A method on the months of the past that it could have foreseen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// Its name.
    pub method: String,
    /// Months from whose ends it forecast the next one.
    pub origins: usize,
    /// Absolute errors over the outcomes, all distances together.
    pub error: f64,
    /// The same of the seasonal naive forecast on the same months.
    pub error_naive: f64,
}

impl Revenue {
    fn of(first: Month, months: Vec<f64>) -> Self {
        let n = months.len();
        let enough = |needed: usize, what: &str| {
            if n >= needed {
                return Months::new(first.rem_euclid(12) as usize, &months).map_err(|e| e.to_string());
            }
            Err(format!("it takes {needed} whole months, {what}; there are {n}"))
        };
        let (season, forecast) = match months.iter().position(|money| *money <= 0.0) {
            Some(at) => {
                let why = || {
                    let month = kpis::name(first + at as i64);
                    format!("{month} has no revenue, and a season as a factor needs some in every month")
                };
                (Err(why()), Err(why()))
            }
            None => (
                enough(revenue::LEAST_SEASON, "each calendar month twice")
                    .and_then(|months| revenue::season(months).map_err(|e| e.to_string())),
                enough(revenue::LEAST, "a year and four of which it can be judged")
                    .and_then(|months| revenue::forecast(months, LEVEL).map_err(|e| e.to_string())),
            ),
        };
        Self { first, months, season, forecast }
    }

    /// The name of a month, counted from the first.
    pub(super) fn name(&self, at: usize) -> String {
        kpis::name(self.first + at as i64)
    }

    pub(super) fn outlook(&self) -> Option<Outlook> {
        let forecast = self.forecast.as_ref().ok()?;
        Some(Outlook {
            from: self.name(0),
            to: self.name(self.months.len() - 1),
            method: forecast.used().method.name().to_owned(),
            level: LEVEL,
            yearly_growth: self.season.as_ref().ok().map(|season| season.yearly_growth),
            tried: forecast
                .candidates
                .iter()
                .map(|c| Tried {
                    method: c.method.name().to_owned(),
                    origins: c.origins(1),
                    error: c.error,
                    error_naive: c.error_naive,
                })
                .collect(),
        })
    }
}

/// Computes and writes the forecast; a table without a row where there is none.
pub(super) fn write(run: &RunFolder, everyday: &Everyday) -> Result<Revenue> {
    let (first, months) = everyday.whole_months(&run.timeline()?);
    let revenue = Revenue::of(first, months);
    let mut rows = Vec::new();
    if let Ok(forecast) = &revenue.forecast {
        let (used, naive) = (forecast.used(), forecast.naive());
        for at in 0..used.months.len().max(naive.months.len()) {
            let mut row = vec![revenue.name(revenue.months.len() + at), (at + 1).to_string()];
            row.extend(cells(used.months.get(at)));
            row.push(used.method.name().to_owned());
            row.extend(cells(naive.months.get(at)));
            rows.push(row);
        }
    }
    let header = [
        "month",
        "months_ahead",
        "forecast",
        "low",
        "high",
        "typical_error",
        "errors",
        "method",
        "seasonal_naive",
        "seasonal_naive_low",
        "seasonal_naive_high",
        "seasonal_naive_typical_error",
        "seasonal_naive_errors",
    ];
    run.write_csv(artifact::REVENUE_FORECAST, &header, &rows)?;
    Ok(revenue)
}

fn cells(month: Option<&Ahead>) -> [String; 5] {
    month.map_or_else(Default::default, |month| {
        [
            format!("{:.2}", month.forecast),
            format!("{:.2}", month.low),
            format!("{:.2}", month.high),
            format!("{:.4}", month.typical_error),
            month.errors.to_string(),
        ]
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// From 2009-12 on.
    fn of(months: Vec<f64>) -> Revenue {
        Revenue::of(2009 * 12 + 11, months)
    }

    #[test]
    fn what_is_missing_has_a_reason() {
        let why = |months: Vec<f64>| {
            let revenue = of(months);
            assert_eq!(revenue.outlook(), None);
            (revenue.season.unwrap_err(), revenue.forecast.unwrap_err())
        };
        let (season, forecast) = why(vec![5.0; 15]);
        assert_eq!(season, "it takes 24 whole months, each calendar month twice; there are 15");
        assert_eq!(forecast, "it takes 16 whole months, a year and four of which it can be judged; there are 15");
        assert_eq!(why(Vec::new()).0, "it takes 24 whole months, each calendar month twice; there are 0");
        let (season, forecast) = why((0..30).map(|at| if at == 14 { 0.0 } else { 5.0 }).collect());
        assert_eq!(season, "2011-02 has no revenue, and a season as a factor needs some in every month");
        assert_eq!(season, forecast);
    }

    #[test]
    fn the_outlook_says_what_was_tried_on_which_months() {
        let months = |n: i32| (0..n).map(|at| 100.0 + f64::from(at % 12) + f64::from(at)).collect();
        let short = of(months(18)).outlook().unwrap();
        assert_eq!((short.from.as_str(), short.to.as_str(), short.yearly_growth), ("2009-12", "2011-05", None));
        assert_eq!(short.tried.len(), 1);
        let long = of(months(30)).outlook().unwrap();
        assert_eq!((long.to.as_str(), long.tried.len()), ("2012-05", 4));
        assert!(long.yearly_growth.unwrap() > 0.0 && long.method != "seasonal naive", "{long:?}");
        assert!(long.tried.iter().all(|tried| tried.origins >= 6), "{long:?}");
    }
}

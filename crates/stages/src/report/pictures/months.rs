//! Figures of the months: their season, and what the coming ones will bring.

use super::{Gallery, Room};
use crate::error::Result;
use crate::report::figure::revenue_forecast::{ForecastMonths, RevenueForecastData, TriedForecast};
use crate::report::figure::season::SeasonData;
use crate::report::figure::{self, Caption, Theme};
use crate::report::revenue::{LEVEL, Revenue};

/// Years of each calendar month from which on a season is more than what two years have in common.
const YEARS: usize = 3;

impl Room<'_> {
    pub(super) fn months(&self, revenue: &Revenue, gallery: &mut Gallery) -> Result<()> {
        let (theme, currency) = (Theme::default(), self.config.data.currency.clone());
        let names: Vec<String> = (0..revenue.months.len()).map(|at| revenue.name(at)).collect();
        match &revenue.season {
            Err(why) => gallery.miss("season", why),
            Ok(season) => {
                let data = SeasonData {
                    index: season.index,
                    month_of: (0..names.len()).map(|at| (revenue.first + at as i64).rem_euclid(12) as usize).collect(),
                    over_trend: season.over_trend.clone(),
                    yearly_growth: season.yearly_growth,
                    typical_error: season.typical_error,
                    months: names.clone(),
                };
                let seen = season.seen.iter().min().copied().unwrap_or(0);
                let words = if seen < YEARS {
                    "Some months were seen in two years only: what those two had in common by chance looks like season."
                } else {
                    "Least squares on logarithms: one constant a calendar month and one trend."
                };
                gallery.hang(figure::season::draw(&data, &self.of_months(revenue, words)?, &theme))?;
            }
        }
        match &revenue.forecast {
            Err(why) => gallery.miss("revenue_forecast", why),
            Ok(forecast) => {
                let used = forecast.used();
                let tried = |at: usize| {
                    let candidate = &forecast.candidates[at];
                    TriedForecast {
                        name: candidate.method.name().to_owned(),
                        months: candidate.months.iter().map(|month| month.forecast).collect(),
                        error: candidate.error,
                        error_naive: candidate.error_naive,
                    }
                };
                let data = RevenueForecastData {
                    coming: (0..used.months.len()).map(|at| revenue.name(names.len() + at)).collect(),
                    months: names,
                    revenue: revenue.months.clone(),
                    forecast: ForecastMonths {
                        middle: used.months.iter().map(|month| month.forecast).collect(),
                        low: used.months.iter().map(|month| month.low).collect(),
                        high: used.months.iter().map(|month| month.high).collect(),
                    },
                    tried: (0..forecast.candidates.len()).map(tried).collect(),
                    used: forecast.used,
                    interval_level: LEVEL,
                    currency,
                };
                let (most, least) =
                    (used.months.first().map_or(0, |m| m.errors), used.months.last().map_or(0, |m| m.errors));
                let rest = if most == least { most.to_string() } else { format!("{most} to {least}") };
                let words = format!(
                    "Intervals of {:.0} % rest on {rest} errors of forecasts of past months, each made from what had ended \
                     before; they assume that the next year differs from this one as this one did from the last.",
                    LEVEL * 100.0
                );
                gallery.hang(figure::revenue_forecast::draw(&data, &self.of_months(revenue, &words)?, &theme))?;
            }
        }
        Ok(())
    }

    /// The caption of a figure of whole months.
    fn of_months(&self, revenue: &Revenue, words: &str) -> Result<Caption> {
        let span = match revenue.months.len() {
            0 => String::new(),
            n => format!("{n} whole months from {} to {}, all customers", revenue.name(0), revenue.name(n - 1)),
        };
        let what = "Revenue is net of the cancellations known when a month ended, so that no later one changes it";
        Ok(self.caption(&self.as_of()?, span, &format!("{what}. {words}")))
    }
}

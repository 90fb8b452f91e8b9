//! Calendar days of the proleptic Gregorian calendar, without a time zone.
//!
//! Source of the conversions: Hinnant (2013), chrono-compatible low-level date algorithms.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Result, WorldError};

/// A calendar day, counted from 1970-01-01; as an instant it is that day's midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date(i64);

impl Date {
    /// 2022-12-01.
    pub(super) const DEFAULT_START: Self = Self(19_327);

    /// The day `year`-`month`-`day`.
    ///
    /// # Errors
    /// [`WorldError::Parameter`] when the calendar has no such day.
    ///
    /// ```
    /// use tenure_stages::world::Date;
    /// assert_eq!(Date::new(2024, 2, 29)?.to_string(), "2024-02-29");
    /// assert!(Date::new(2023, 2, 29).is_err());
    /// # Ok::<(), tenure_stages::world::WorldError>(())
    /// ```
    pub fn new(year: i64, month: u32, day: u32) -> Result<Self> {
        let exists =
            (-9999..=9999).contains(&year) && (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
        if exists {
            Ok(Self(days_from_civil(year, month, day)))
        } else {
            Err(WorldError::Parameter { name: "date", expected: "a day of the calendar, YYYY-MM-DD" })
        }
    }

    /// Year, month (1-12) and day of the month (1-31).
    #[must_use]
    pub fn civil(self) -> (i64, u32, u32) {
        civil_from_days(self.0)
    }

    /// The year.
    #[must_use]
    pub fn year(self) -> i64 {
        self.civil().0
    }

    /// Microseconds from 1970-01-01 to this day's midnight.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.0 * 86_400_000_000
    }

    /// This day `days` later.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        Self(self.0 + days)
    }

    /// The same day `months` later, or the last of that month where it has no such day.
    #[must_use]
    pub fn plus_months(self, months: u32) -> Self {
        let (year, month, day) = self.civil();
        let months = year * 12 + i64::from(month) - 1 + i64::from(months);
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) as u32 + 1);
        Self(days_from_civil(year, month, day.min(days_in(year, month))))
    }

    /// Days from `earlier` to this day.
    #[must_use]
    pub fn days_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// 0 for Monday to 6 for Sunday.
    pub(super) fn weekday(self) -> usize {
        (self.0 + 3).rem_euclid(7) as usize
    }

    /// The day of the year, 0 for 1 January.
    pub(super) fn day_of_year(self) -> i64 {
        self.0 - days_from_civil(self.year(), 1, 1)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl std::str::FromStr for Date {
    type Err = WorldError;

    fn from_str(text: &str) -> Result<Self> {
        let refused = || WorldError::Parameter { name: "date", expected: "a day of the calendar, YYYY-MM-DD" };
        let mut parts = text.splitn(3, '-').map(|part| part.parse::<u32>().map_err(|_| refused()));
        let mut next = || parts.next().unwrap_or_else(|| Err(refused()));
        Self::new(i64::from(next()?), next()?, next()?)
    }
}

impl TryFrom<String> for Date {
    type Error = WorldError;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

fn days_in(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = (of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn known_days() {
        assert_eq!(Date::new(1970, 1, 1).unwrap().micros(), 0);
        assert_eq!(Date::DEFAULT_START.to_string(), "2022-12-01");
        // 2011-12-09, the last day of Online Retail, was a Friday and the 343rd day of its year.
        let last: Date = "2011-12-09".parse().unwrap();
        assert_eq!((last.weekday(), last.day_of_year()), (4, 342));
        assert_eq!("2024-01-31".parse::<Date>().unwrap().plus_months(1).to_string(), "2024-02-29");
        assert_eq!("2022-12-01".parse::<Date>().unwrap().plus_months(18).to_string(), "2024-06-01");
    }

    #[test]
    fn every_day_of_eight_centuries_comes_back() {
        for days in -150_000..150_000 {
            let (y, m, d) = Date(days).civil();
            assert_eq!(Date::new(y, m, d).unwrap(), Date(days));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "2024", "2024-13-01", "2023-02-29", "2024-01-01x", "-2024-01-01", "2024-1-0"] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }
}

//! Instants and calendar months, without time zones: a shop's clock as its export shows it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Microseconds of one day.
pub const DAY_US: i64 = 86_400_000_000;

/// An instant, in microseconds since 1970-01-01T00:00:00, of the shop's own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub i64);

impl Instant {
    /// Midnight at the start of a day; `None` when there is no such day.
    #[must_use]
    pub fn from_ymd(year: i64, month: i64, day: i64) -> Option<Self> {
        if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
            return None;
        }
        Some(Self(days_from_civil(year, month, day) * DAY_US))
    }

    /// Reads `YYYY-MM-DD`, with `THH:MM` or `THH:MM:SS` behind it (a space serves for the T) and up to six digits of a
    /// second's fraction behind a point.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (date, clock) = match text.split_once(['T', ' ']) {
            Some((date, clock)) => (date, Some(clock)),
            None => (text, None),
        };
        let mut parts = date.splitn(3, '-').map(|p| if p.len() >= 2 { p.parse::<i64>().ok() } else { None });
        let midnight = Self::from_ymd(parts.next()??, parts.next()??, parts.next()??)?;
        let Some(clock) = clock else { return Some(midnight) };
        let (clock, micros) = match clock.split_once('.') {
            Some((clock, fraction)) if clock.len() == 8 => (clock, micros(fraction)?),
            Some(_) => return None,
            None => (clock, 0),
        };
        let mut seconds = 0;
        let mut fields = 0;
        for (part, limit) in clock.split(':').zip([24, 60, 60]) {
            let value: i64 = part.parse().ok()?;
            if part.len() != 2 || value >= limit {
                return None;
            }
            seconds = seconds * 60 + value;
            fields += 1;
        }
        match fields {
            2 => Some(Self(midnight.0 + seconds * 60_000_000)),
            3 => Some(Self(midnight.0 + seconds * 1_000_000 + micros)),
            _ => None,
        }
    }

    /// The instant `days` days later.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        Self(self.0 + days * DAY_US)
    }

    /// The same day and time `months` calendar months later; the last day of the month where it has no such day.
    #[must_use]
    pub fn plus_months(self, months: i64) -> Self {
        let (year, month, day) = self.ymd();
        let count = year * 12 + (month - 1) + months;
        let (year, month) = (count.div_euclid(12), count.rem_euclid(12) + 1);
        let day = day.min(days_in_month(year, month));
        Self(days_from_civil(year, month, day) * DAY_US + self.0.rem_euclid(DAY_US))
    }

    /// The first midnight after this instant.
    #[must_use]
    pub fn midnight_after(self) -> Self {
        Self((self.0.div_euclid(DAY_US) + 1) * DAY_US)
    }

    /// Days from `earlier` to this instant.
    #[must_use]
    pub fn days_since(self, earlier: Self) -> f64 {
        (self.0 - earlier.0) as f64 / DAY_US as f64
    }

    /// Year, month (1 to 12) and day of the month.
    #[must_use]
    pub fn ymd(self) -> (i64, i64, i64) {
        civil_from_days(self.0.div_euclid(DAY_US))
    }

    /// Day of the year, 0 to 365, with the fraction of the day.
    #[must_use]
    pub fn day_of_year(self) -> f64 {
        let (year, _, _) = self.ymd();
        (self.0 - days_from_civil(year, 1, 1) * DAY_US) as f64 / DAY_US as f64
    }
}

impl fmt::Display for Instant {
    /// `YYYY-MM-DD`, with `THH:MM:SS` only where it is not midnight and the fraction only where there is one: what is
    /// written is read back as the same instant.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")?;
        let (rest, micros) = (self.0.rem_euclid(DAY_US) / 1_000_000, self.0.rem_euclid(1_000_000));
        if (rest, micros) != (0, 0) {
            write!(f, "T{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)?;
        }
        if micros != 0 {
            write!(f, ".{micros:06}")?;
        }
        Ok(())
    }
}

impl Serialize for Instant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not a date like 2011-12-09")))
    }
}

/// The microseconds that one to six digits behind the point mean.
fn micros(fraction: &str) -> Option<i64> {
    if fraction.is_empty() || fraction.len() > 6 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    format!("{fraction:0<6}").parse().ok()
}

/// Days since 1970-01-01 of a day of the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date
/// algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z - era * 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let mp = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    #[test]
    fn known_days() {
        assert_eq!(Instant::parse("1970-01-01"), Some(Instant(0)));
        assert_eq!(Instant::parse("2000-03-01"), Some(Instant(11_017 * DAY_US)));
        assert_eq!(Instant::parse("2011-12-09T12:50:00").unwrap().to_string(), "2011-12-09T12:50:00");
        assert_eq!(Instant::parse("2011-12-09 12:50").unwrap().midnight_after().to_string(), "2011-12-10");
        let wrong = ["2011-02-29", "2011-13-01", "11-1-1", "2011-12-09T25:00", "soon", "2011-12", "2011-12-09T12:50.5"];
        for wrong in wrong.into_iter().chain(["2011-12-09T12:50:00.", "2011-12-09T12:50:00.1234567"]) {
            assert_eq!(Instant::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(Instant::parse("2011-12-09T12:50:00.25"), Some(Instant(1_323_435_000_250_000)));
        for us in [0, 1, -1, 999_999, 1_000_000, DAY_US - 1, DAY_US + 1, -DAY_US, 1_291_161_600_000_001] {
            assert_eq!(Instant::parse(&Instant(us).to_string()), Some(Instant(us)), "{us}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_survives_the_round_trip() {
        for days in -150_000..150_000 {
            let (y, m, d) = civil_from_days(days);
            assert_eq!(days_from_civil(y, m, d), days);
        }
    }

    #[test]
    fn months_keep_the_day_or_take_the_last_one() {
        let day = |s: &str| Instant::parse(s).unwrap();
        assert_eq!(day("2011-12-10").plus_months(-3), day("2011-09-10"));
        assert_eq!(day("2011-03-31").plus_months(-1), day("2011-02-28"));
        assert_eq!(day("2012-03-31").plus_months(-1), day("2012-02-29"));
        assert_eq!(day("2011-01-15").plus_months(-13), day("2009-12-15"));
        assert_eq!(day("2011-03-01").days_since(day("2011-02-01")), 28.0);
    }
}

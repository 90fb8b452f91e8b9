//! Instants as people write them: ISO, `31/12/2010 08:26`, `12/31/10 8:26 AM`, `31.12.2010`, `20101231`, `31 Dec 2010`.
//! Whether the day or the month comes first is decided by evidence, never by habit.
//!
//! A two-digit year stands last unless the first part is above 31 or the caller says year-first; 70-99 are 19xx, 00-69
//! are 20xx. An offset (`Z`, `+02:00`) is converted to UTC; without one the wall clock is kept.

use serde::Serialize;

/// Microseconds in a day.
pub(crate) const DAY: i64 = 86_400_000_000;
const FIRST_YEAR: i64 = 1900;
const LAST_YEAR: i64 = 2200;

/// The order of day, month and year where the year does not come first with four digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DateOrder {
    /// Decide by the evidence of the whole column.
    Auto,
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    Mdy,
    /// Year, month, day.
    Ymd,
}

/// What a text says as an instant (microseconds since 1970-01-01).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instant {
    /// One reading.
    Is(i64),
    /// Nothing there.
    Missing,
    /// Day first or month first: two instants.
    Either { dmy: i64, mdy: i64 },
    /// Not an instant of 1900-2200.
    Bad,
}

/// What a text says about the order: the instants it has under each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Reads the same whatever the order, or is no instant.
    Silent,
    /// Needs an order; the reading under each of day, month, year first.
    Needs([Option<i64>; 3]),
}

/// Reads an instant; `order` is what the column's evidence settled.
pub(crate) fn parse(text: &str, order: Option<DateOrder>) -> Instant {
    if let Some(instant) = iso(text.as_bytes()) {
        return instant.map_or(Instant::Bad, Instant::Is);
    }
    match read(text, order == Some(DateOrder::Ymd)) {
        Shape::Missing => Instant::Missing,
        Shape::Bad => Instant::Bad,
        Shape::One(at) => Instant::Is(at),
        Shape::Ordered([dmy, mdy, ymd]) => {
            let one = |at: Option<i64>| at.map_or(Instant::Bad, Instant::Is);
            match order {
                Some(DateOrder::Dmy) => one(dmy.or(ymd)),
                Some(DateOrder::Mdy) => one(mdy.or(ymd)),
                Some(DateOrder::Ymd) => one(ymd),
                Some(DateOrder::Auto) | None => match (dmy, mdy, ymd) {
                    (Some(dmy), Some(mdy), None) if dmy != mdy => Instant::Either { dmy, mdy },
                    (Some(at), _, _) | (None, Some(at), _) | (None, None, Some(at)) => Instant::Is(at),
                    (None, None, None) => Instant::Bad,
                },
            }
        }
    }
}

/// What a text says about the order of day and month.
pub(crate) fn sign(text: &str) -> Sign {
    if iso(text.as_bytes()).is_some() {
        return Sign::Silent;
    }
    match read(text, false) {
        Shape::Ordered(readings) if readings.iter().any(Option::is_some) => Sign::Needs(readings),
        _ => Sign::Silent,
    }
}

/// `YYYY-MM-DD`, or with `HH:MM[:SS]` after a space or `T`: the shape most files have. None: not this shape.
fn iso(b: &[u8]) -> Option<Option<i64>> {
    if !matches!(b.len(), 10 | 16 | 19) || b[4] != b'-' || b[7] != b'-' {
        return None;
    }
    let two = |at: usize| -> Option<i64> {
        let (tens, ones) = (b[at].wrapping_sub(b'0'), b[at + 1].wrapping_sub(b'0'));
        (tens < 10 && ones < 10).then(|| i64::from(tens) * 10 + i64::from(ones))
    };
    let day = instant(two(0)? * 100 + two(2)?, two(5)?, two(8)?);
    if b.len() == 10 {
        return Some(day);
    }
    if !matches!(b[10], b' ' | b'T') || b[13] != b':' || (b.len() == 19 && b[16] != b':') {
        return None;
    }
    let (hour, minute) = (two(11)?, two(14)?);
    let second = if b.len() == 19 { two(17)? } else { 0 };
    Some(if hour < 24 && minute < 60 && second < 60 {
        day.map(|day| day + ((hour * 60 + minute) * 60 + second) * 1_000_000)
    } else {
        None
    })
}

enum Shape {
    Missing,
    Bad,
    One(i64),
    /// Day, month, year first.
    Ordered([Option<i64>; 3]),
}

fn read(text: &str, year_first: bool) -> Shape {
    let text = text.trim();
    if super::number::is_missing(text) {
        return Shape::Missing;
    }
    if text.len() > 64 || !text.is_ascii() {
        return Shape::Bad;
    }
    let Some((date, clock)) = split(text) else { return Shape::Bad };
    let Some(clock) = time(clock) else { return Shape::Bad };
    let at = |day: Option<i64>| day.map(|day| day + clock).filter(|at| in_range(*at));
    let one = |day: Option<i64>| at(day).map_or(Shape::Bad, Shape::One);
    let bytes = date.as_bytes();
    if bytes.len() == 8 && bytes.iter().all(u8::is_ascii_digit) {
        return one(digits(&date[..4])
            .zip(digits(&date[4..6]))
            .zip(digits(&date[6..]))
            .and_then(|((y, m), d)| instant(y, m, d)));
    }
    if bytes.iter().any(u8::is_ascii_alphabetic) {
        return one(named_month(date));
    }
    let Some(separator) = date.chars().find(|c| !c.is_ascii_digit()) else { return Shape::Bad };
    if !matches!(separator, '-' | '/' | '.') {
        return Shape::Bad;
    }
    let parts: Vec<&str> = date.split(separator).collect();
    let [a, b, c] = parts[..] else { return Shape::Bad };
    let (Some(x), Some(y), Some(z)) = (digits(a), digits(b), digits(c)) else { return Shape::Bad };
    match (a.len(), b.len(), c.len()) {
        (4, 1..=2, 1..=2) => one(instant(x, y, z)),
        (1..=2, 1..=2, 4) => Shape::Ordered([at(instant(z, y, x)), at(instant(z, x, y)), None]),
        (1..=2, 1..=2, 2) => {
            let (first, last) = (century(x), century(z));
            let ymd = if year_first || x > 31 { at(instant(first, y, z)) } else { None };
            Shape::Ordered([at(instant(last, y, x)), at(instant(last, x, y)), ymd])
        }
        _ => Shape::Bad,
    }
}

/// Separates the date from the time of day.
fn split(text: &str) -> Option<(&str, &str)> {
    let Some(colon) = text.find(':') else {
        return match text.strip_suffix(['T', ' ']) {
            Some(_) => None,
            None => Some((text, "")),
        };
    };
    let hour = text[..colon].trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let date = &text[..hour];
    let date = date.strip_suffix('T').filter(|d| d.ends_with(|c: char| c.is_ascii_digit())).unwrap_or(date);
    let trimmed = date.trim_end_matches([' ', ',']);
    let apart = trimmed.len() < hour;
    (hour < colon && apart && !trimmed.is_empty()).then_some((trimmed, &text[hour..]))
}

/// A time of day in microseconds, its offset taken off: `H:MM[:SS[.f]] [AM|PM] [Z|±hh[:]mm]`.
fn time(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.')).unwrap_or(text.len());
    let (clock, rest) = (&text[..end], text[end..].trim());
    let mut parts = clock.split(':');
    let (hour, minute) = (parts.next()?, parts.next()?);
    let second = parts.next();
    if parts.next().is_some() || !(1..=2).contains(&hour.len()) || minute.len() != 2 {
        return None;
    }
    let (mut hour, minute) = (digits(hour)?, digits(minute)?);
    let mut micros = 0;
    if let Some(second) = second {
        let (whole, fraction) = second.split_once('.').unwrap_or((second, "0"));
        if whole.len() != 2 || fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let whole = digits(whole)?;
        if whole > 59 {
            return None;
        }
        let padded: String = fraction.chars().chain(std::iter::repeat('0')).take(6).collect();
        micros = whole * 1_000_000 + digits(&padded)?;
    }
    let (half, zone) = match rest.get(..2) {
        Some(half) if half.eq_ignore_ascii_case("am") => (Some(0), rest[2..].trim()),
        Some(half) if half.eq_ignore_ascii_case("pm") => (Some(12), rest[2..].trim()),
        _ => (None, rest),
    };
    if let Some(half) = half {
        if !(1..=12).contains(&hour) {
            return None;
        }
        hour = hour % 12 + half;
    }
    if hour > 23 || minute > 59 {
        return None;
    }
    Some((hour * 60 + minute) * 60_000_000 + micros - offset(zone)?)
}

fn offset(zone: &str) -> Option<i64> {
    if zone.is_empty() || zone.eq_ignore_ascii_case("z") || zone.eq_ignore_ascii_case("utc") {
        return Some(0);
    }
    let sign = match zone.as_bytes()[0] {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let body = &zone[1..];
    let (hours, minutes) = match (body.len(), body.find(':')) {
        (2, None) => (digits(body)?, 0),
        (4, None) => (digits(&body[..2])?, digits(&body[2..])?),
        (5, Some(2)) => (digits(&body[..2])?, digits(&body[3..])?),
        _ => return None,
    };
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000_000)
}

/// `31 Dec 2010`, `31-Dec-10`, `Dec 31, 2010`, `Fri, 31 December 2010`.
fn named_month(date: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let (mut month, mut numbers) = (None, Vec::new());
    for word in date.split([' ', '-', '/', ',', '.']).filter(|w| !w.is_empty()) {
        if word.bytes().all(|b| b.is_ascii_digit()) {
            numbers.push(word);
            continue;
        }
        let lower = word.to_ascii_lowercase();
        if lower.len() >= 3 && DAYS.iter().any(|day| day.starts_with(&lower)) && numbers.is_empty() && month.is_none() {
            continue;
        }
        let found = MONTHS.iter().position(|name| lower.len() >= 3 && name.starts_with(&lower))?;
        if month.replace(found).is_some() {
            return None;
        }
    }
    let [first, second] = numbers[..] else { return None };
    let (day, year) = if first.len() == 4 { (second, first) } else { (first, second) };
    let value = digits(year)?;
    let year = match year.len() {
        4 => value,
        2 => century(value),
        _ => return None,
    };
    instant(year, i64::try_from(month?).ok()? + 1, digits(day)?)
}

fn century(year: i64) -> i64 {
    if year < 70 { 2000 + year } else { 1900 + year }
}

fn digits(text: &str) -> Option<i64> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    text.bytes().try_fold(0, |value, b| b.is_ascii_digit().then(|| value * 10 + i64::from(b - b'0')))
}

/// Midnight of a civil date, none where there is no such day or it lies outside 1900-2200.
pub(crate) fn instant(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(FIRST_YEAR..=LAST_YEAR).contains(&year) || !(1..=12).contains(&month) || day < 1 {
        return None;
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (day <= length).then(|| days_from_civil(year, month, day) * DAY)
}

/// Is this instant within the years the reader accepts?
pub(crate) fn in_range(at: i64) -> bool {
    const FIRST: i64 = -25_567 * DAY; // 1900-01-01
    const END: i64 = 84_371 * DAY; // 2201-01-01
    (FIRST..END).contains(&at)
}

/// Days since 1970-01-01 (Howard Hinnant, chrono-compatible low-level date algorithms).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// An instant as `YYYY-MM-DD[ HH:MM:SS]`.
pub(crate) fn show(at: i64) -> String {
    let days = at.div_euclid(DAY) + 719_468;
    let era = days.div_euclid(146_097);
    let doe = days.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, (mp + 2) % 12 + 1);
    let year = yoe + era * 400 + i64::from(month <= 2);
    let seconds = at.rem_euclid(DAY) / 1_000_000;
    if seconds == 0 {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

/// A spreadsheet's day number as an instant, rounded to the millisecond it can hold; none outside 1900-2200.
pub(crate) fn serial(days: f64, from_1904: bool) -> Option<i64> {
    if !(1.0..200_000.0).contains(&days) {
        return None;
    }
    // Spreadsheets believe in 29 February 1900: before it the count is one day short.
    let epoch = if from_1904 {
        -24_107
    } else if days < 60.0 {
        -25_568
    } else {
        -25_569
    };
    #[allow(clippy::cast_possible_truncation)] // bounded by the check above
    let millis = (days * 86_400_000.0).round() as i64;
    Some(epoch * DAY + millis * 1_000).filter(|at| in_range(*at))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn said(text: &str, order: Option<DateOrder>) -> String {
        match parse(text, order) {
            Instant::Is(at) => show(at),
            Instant::Missing => "missing".to_owned(),
            Instant::Bad => "bad".to_owned(),
            Instant::Either { dmy, mdy } => format!("{} or {}", show(dmy), show(mdy)),
        }
    }

    #[test]
    fn every_shape_has_its_reading() {
        let (dmy, mdy, ymd) = (Some(DateOrder::Dmy), Some(DateOrder::Mdy), Some(DateOrder::Ymd));
        for (text, order, expected) in [
            ("2010-12-01", None, "2010-12-01"),
            ("2010-12-01 08:26", None, "2010-12-01 08:26:00"),
            ("2010-12-01 08:26:05", None, "2010-12-01 08:26:05"),
            ("2010-12-01T08:26:05Z", None, "2010-12-01 08:26:05"),
            ("2010-12-01T08:26:05.123456+02:00", None, "2010-12-01 06:26:05"),
            ("2010-12-01 23:30:00-0230", None, "2010-12-02 02:00:00"),
            ("2010-12-01 08:26:05+01", None, "2010-12-01 07:26:05"),
            ("2010-12-01 08:26:05 UTC", None, "2010-12-01 08:26:05"),
            ("2010/12/01", None, "2010-12-01"),
            ("2010.1.2", None, "2010-01-02"),
            ("2010-1-2 8:05", None, "2010-01-02 08:05:00"),
            ("20101201", None, "2010-12-01"),
            ("20101201 08:26", None, "2010-12-01 08:26:00"),
            ("20101301", None, "bad"),
            ("13/12/2010", None, "2010-12-13"),
            ("12/13/2010", None, "2010-12-13"),
            ("01/12/2010", None, "2010-12-01 or 2010-01-12"),
            ("01/12/2010 08:26", dmy, "2010-12-01 08:26:00"),
            ("01/12/2010 8:26", mdy, "2010-01-12 08:26:00"),
            ("12/1/2010 8:26 PM", mdy, "2010-12-01 20:26:00"),
            ("12/1/2010 12:00 AM", mdy, "2010-12-01"),
            ("12/1/2010 13:00 PM", mdy, "bad"),
            ("07/07/2010", None, "2010-07-07"),
            ("13/12/2010", mdy, "bad"),
            ("12/13/2010", dmy, "bad"),
            ("31.12.2010", None, "2010-12-31"),
            ("1.2.2010 10:00:00", dmy, "2010-02-01 10:00:00"),
            ("12/31/10", None, "2010-12-31"),
            ("31/12/97", None, "1997-12-31"),
            ("97/12/31", None, "1997-12-31"),
            ("10/11/12", ymd, "2010-11-12"),
            ("10/11/12", None, "2012-11-10 or 2012-10-11"),
            ("10/11/2012", ymd, "bad"),
            ("31 Dec 2010", None, "2010-12-31"),
            ("31-Dec-10", None, "2010-12-31"),
            ("December 31, 2010 08:00", None, "2010-12-31 08:00:00"),
            ("Fri, 31 Dec 2010 08:00:00", None, "2010-12-31 08:00:00"),
            ("31 Foo 2010", None, "bad"),
            ("30/02/2011", None, "bad"),
            ("2011-02-30", None, "bad"),
            ("2011-02-29", None, "bad"),
            ("2012-02-29", None, "2012-02-29"),
            ("1900-02-29", None, "bad"),
            ("0001-01-01", None, "bad"),
            ("9999-12-31", None, "bad"),
            ("1899-12-31", None, "bad"),
            ("2200-12-31", None, "2200-12-31"),
            ("2010-12-01 24:00", None, "bad"),
            ("2010-12-01 08:60", None, "bad"),
            ("2010-12-01 08:26:60", None, "bad"),
            ("2010-12-01 8", None, "bad"),
            ("2010-12-01T", None, "bad"),
            ("2010-12", None, "bad"),
            ("1291190400", None, "bad"),
            ("yesterday", None, "bad"),
            ("40513", None, "bad"),
            ("", None, "missing"),
            ("NULL", None, "missing"),
        ] {
            assert_eq!(said(text, order), expected, "{text:?} {order:?}");
        }
    }

    #[test]
    fn every_day_survives_the_calendar() {
        let mut at = instant(1900, 1, 1).unwrap();
        let end = instant(2200, 12, 31).unwrap();
        let mut days = 0;
        while at <= end {
            assert_eq!(parse(&show(at), None), Instant::Is(at));
            at += DAY;
            days += 1;
        }
        assert_eq!(days, 109_938);
        assert!(!in_range(at) && in_range(at - 1) && !in_range(instant(1900, 1, 1).unwrap() - 1));
    }

    #[test]
    fn spreadsheet_serials_follow_both_epochs() {
        let shown = |days, from_1904| serial(days, from_1904).map(show);
        assert_eq!(shown(40_148.322_916_666_66, false).unwrap(), "2009-12-01 07:45:00");
        assert_eq!(shown(1.0, false).unwrap(), "1900-01-01");
        assert_eq!(shown(61.0, false).unwrap(), "1900-03-01");
        assert_eq!(shown(38_686.0, true).unwrap(), "2009-12-01");
        assert_eq!(shown(0.5, false), None);
        assert_eq!(shown(f64::NAN, false), None);
        assert_eq!(shown(20_101_201.0, false), None);
    }
}

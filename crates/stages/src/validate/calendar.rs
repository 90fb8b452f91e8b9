//! Checks of the calendar: gaps, truncated months, opening hours, daily volume, freshness.
//!
//! All of them read one small table, the lines by clock hour. A weekday is a trading day when it has lines in at least
//! half of its weeks, so that a shop that is closed on Saturdays has no gap each week.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tenure_tables::engine::Engine;
use tenure_tables::query;

use super::catalogue as spec;
use super::check::{counted, percent, thousands};
use super::findings::{Findings, Found, object, rounded};
use super::{Rules, Span};
use crate::error::Result;
use crate::time::{DAY_US, Instant};

const HOUR_US: i64 = DAY_US / 24;
/// A gap is longer than this many trading days.
const GAP_DAYS: usize = 3;
/// A month is truncated when at least this many trading days are missing at its end; one may be a holiday.
const MISSING_DAYS: usize = 2;
/// Fewer days of data say nothing about weekdays.
const DAYS_FOR_WEEKDAYS: i64 = 28;
/// Opening hours hold this share of the lines.
const OPEN_SHARE: f64 = 0.995;
/// Distance from the weekday's median of the log volume, in robust standard deviations (1.4826 MAD, at least a tenth).
const VOLUME_LIMIT: f64 = 4.0;
const YEAR_DAYS: u64 = 365;

/// Lines by day and by hour of the day, up to the end of the data.
#[derive(Debug, Default)]
struct Calendar {
    days: BTreeMap<i64, u64>,
    hours: [u64; 24],
}

impl Calendar {
    fn new(hours: &[i64], lines: &[u64], end: Instant) -> Self {
        let mut calendar = Self::default();
        for (hour, n) in hours.iter().zip(lines).filter(|(hour, _)| **hour < end.0) {
            *calendar.days.entry(hour.div_euclid(DAY_US)).or_default() += n;
            let of_day = usize::try_from(hour.rem_euclid(DAY_US) / HOUR_US).unwrap_or(0);
            calendar.hours[of_day.min(23)] += n;
        }
        calendar
    }

    fn bounds(&self) -> Option<(i64, i64)> {
        Some((*self.days.first_key_value()?.0, *self.days.last_key_value()?.0))
    }

    /// Which weekdays (Monday first) are trading days; `None` where the data are too short or trade is not daily.
    fn weekdays(&self) -> Option<[bool; 7]> {
        let (first, last) = self.bounds()?;
        if last - first < DAYS_FOR_WEEKDAYS {
            return None;
        }
        let (mut all, mut active) = ([0_u64; 7], [0_u64; 7]);
        for day in first..=last {
            all[weekday(day)] += 1;
            active[weekday(day)] += u64::from(self.days.contains_key(&day));
        }
        let mut trading = [false; 7];
        for (i, flag) in trading.iter_mut().enumerate() {
            *flag = 2 * active[i] >= all[i];
        }
        trading.contains(&true).then_some(trading)
    }
}

fn weekday(day: i64) -> usize {
    // 1970-01-01 was a Thursday.
    usize::try_from((day + 3).rem_euclid(7)).unwrap_or(0)
}

fn name(day: i64) -> String {
    Instant(day * DAY_US).to_string()
}

/// All checks of the calendar.
pub(super) fn check(engine: &Engine, rules: &Rules, span: Span, findings: &mut Findings) -> Result<()> {
    let frame = engine.select(query::VALIDATE_HOURS.sql, &[])?;
    let calendar = Calendar::new(&frame.instants("hour")?, &frame.u64s("lines")?, span.end);
    gaps(&calendar, findings);
    months(&calendar, findings);
    opening_hours(&calendar, findings);
    daily_volume(&calendar, findings);
    freshness(&calendar, rules, findings);
    history(&calendar, findings);
    Ok(())
}

const NOT_DAILY: &str = "the data are shorter than four weeks, or trade is not daily";

fn gaps(calendar: &Calendar, findings: &mut Findings) {
    let (Some(trading), Some((first, last))) = (calendar.weekdays(), calendar.bounds()) else {
        findings.skip(&spec::NO_GAPS, NOT_DAILY);
        return;
    };
    let days: Vec<i64> = calendar.days.keys().copied().collect();
    let mut examples = Vec::new();
    let (mut missing, mut longest) = (0, 0);
    for pair in days.windows(2) {
        let absent = (pair[0] + 1..pair[1]).filter(|d| trading[weekday(*d)]).count();
        if absent > GAP_DAYS {
            missing += absent as u64;
            longest = longest.max(absent);
            examples.push(object([
                ("last_day_before", Value::from(name(pair[0]))),
                ("first_day_after", Value::from(name(pair[1]))),
                ("trading_days_missing", Value::from(absent)),
            ]));
        }
    }
    let detail = if examples.is_empty() {
        String::new()
    } else {
        format!("{}; the longest misses {longest}.", counted(examples.len() as u64, "gaps"))
    };
    findings.put(
        &spec::NO_GAPS,
        Found {
            elements: (first..=last).filter(|d| trading[weekday(*d)]).count() as u64,
            unexpected: missing,
            examples,
            detail,
            ..Found::default()
        },
    );
}

fn months(calendar: &Calendar, findings: &mut Findings) {
    let (Some(trading), Some((first, last))) = (calendar.weekdays(), calendar.bounds()) else {
        findings.skip(&spec::LAST_MONTH_WHOLE, NOT_DAILY);
        findings.skip(&spec::FIRST_MONTH_WHOLE, NOT_DAILY);
        return;
    };
    let month = |day: i64| {
        let (year, month, _) = Instant(day * DAY_US).ymd();
        (year, month)
    };
    let count = |(year, month): (i64, i64)| year * 12 + month;
    let months = (count(month(last)) - count(month(first)) + 1).unsigned_abs();
    // Days of the same month beyond the edge of the data, outwards.
    let beyond = |edge: i64, step: i64| {
        (1..31)
            .map(|k| edge + k * step)
            .take_while(|d| month(*d) == month(edge))
            .filter(|d| trading[weekday(*d)])
            .count()
    };
    for (spec, edge, step, word) in
        [(&spec::LAST_MONTH_WHOLE, last, 1, "ends on"), (&spec::FIRST_MONTH_WHOLE, first, -1, "begins on")]
    {
        let missing = beyond(edge, step);
        let is_truncated = missing >= MISSING_DAYS;
        let (year, month) = month(edge);
        let (label, day) = (format!("{year:04}-{month:02}"), name(edge));
        let example = object([
            ("month", Value::from(label.clone())),
            ("edge", Value::from(day.clone())),
            ("trading_days_missing", Value::from(missing)),
        ]);
        findings.put(
            spec,
            Found {
                elements: months,
                unexpected: u64::from(is_truncated),
                examples: if is_truncated { vec![example] } else { Vec::new() },
                sentence: Some(if is_truncated {
                    format!("{label} {word} {day}: {} are missing.", counted(missing as u64, "trading days"))
                } else {
                    format!("{label} {word} {day} and is whole.")
                }),
                ..Found::default()
            },
        );
    }
}

fn opening_hours(calendar: &Calendar, findings: &mut Findings) {
    let total: u64 = calendar.hours.iter().sum();
    if calendar.hours.iter().filter(|n| **n > 0).count() < 2 {
        findings.skip(&spec::OPENING_HOURS, "the source gives dates without a time of day");
        return;
    }
    let Some((from, length)) = open_window(&calendar.hours) else {
        findings.skip(&spec::OPENING_HOURS, "there are no rows");
        return;
    };
    let is_open = |hour: usize| (hour + 24 - from) % 24 < length;
    let outside: u64 = (0..24).filter(|h| !is_open(*h)).map(|h| calendar.hours[h]).sum();
    let examples = (0..24)
        .filter(|h| !is_open(*h) && calendar.hours[*h] > 0)
        .map(|h| object([("hour", Value::from(format!("{h:02}:00"))), ("rows", Value::from(calendar.hours[h]))]))
        .collect();
    let (open, close) = (format!("{from:02}:00"), format!("{:02}:00", (from + length) % 24));
    findings.put(
        &spec::OPENING_HOURS,
        Found {
            elements: total,
            unexpected: outside,
            examples,
            sentence: Some(if length == 24 {
                "Trade goes round the clock.".to_owned()
            } else {
                format!(
                    "The trade lies between {open} and {close}; {} of {} ({}) lie outside.",
                    thousands(outside),
                    counted(total, "rows"),
                    percent(outside, total)
                )
            }),
            observed: object([("opens", Value::from(open)), ("closes", Value::from(close))]),
            ..Found::default()
        },
    );
}

/// The shortest run of hours, round midnight if need be, that holds the opening share: its start and length. Of equal
/// ones the fullest, then the earliest.
fn open_window(hours: &[u64; 24]) -> Option<(usize, usize)> {
    let total: u64 = hours.iter().sum();
    let held = |from: usize, length: usize| (0..length).map(|k| hours[(from + k) % 24]).sum::<u64>();
    (1..=24).find_map(|length| {
        let from = (0..24).rev().max_by_key(|from| held(*from, length))?;
        (held(from, length) as f64 >= OPEN_SHARE * total as f64).then_some((from, length))
    })
}

fn daily_volume(calendar: &Calendar, findings: &mut Findings) {
    let Some((first, last)) = calendar.bounds().filter(|(first, last)| last - first >= DAYS_FOR_WEEKDAYS) else {
        findings.skip(&spec::DAILY_VOLUME, "the data are shorter than four weeks");
        return;
    };
    let mut by_weekday: [Vec<f64>; 7] = Default::default();
    for (day, n) in &calendar.days {
        by_weekday[weekday(*day)].push((*n as f64).ln());
    }
    let all: Vec<f64> = by_weekday.iter().flatten().copied().collect();
    let overall = median(all);
    // A weekday with a handful of days is judged by the whole.
    let usual = by_weekday.map(|v| if v.len() >= 8 { median(v) } else { overall });
    let off = |day: i64, n: u64| (n as f64).ln() - usual[weekday(day)];
    let mad = median(calendar.days.iter().map(|(day, n)| off(*day, *n).abs()).collect());
    let limit = VOLUME_LIMIT * (1.4826 * mad).max(0.1);
    let examples: Vec<Map<String, Value>> = calendar
        .days
        .iter()
        .filter(|(day, n)| off(**day, **n).abs() > limit)
        .map(|(day, n)| {
            object([
                ("day", Value::from(name(*day))),
                ("rows", Value::from(*n)),
                ("usual_rows", Value::from(usual[weekday(*day)].exp().round())),
            ])
        })
        .collect();
    findings.put(
        &spec::DAILY_VOLUME,
        Found {
            elements: calendar.days.len() as u64,
            unexpected: examples.len() as u64,
            examples,
            observed: object([
                ("median_rows_a_day", Value::from(overall.exp().round())),
                ("usual_at_most", rounded(limit.exp())),
                ("first_day", Value::from(name(first))),
                ("last_day", Value::from(name(last))),
            ]),
            ..Found::default()
        },
    );
}

/// The median; zero for nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

fn freshness(calendar: &Calendar, rules: &Rules, findings: &mut Findings) {
    let (Some(as_of), Some((first, last))) = (rules.as_of, calendar.bounds()) else {
        findings.skip(&spec::FRESHNESS, "no as_of was given, so the data end where they end");
        return;
    };
    let today = as_of.0.div_euclid(DAY_US);
    let stale = u64::try_from(today - last - 1).unwrap_or(0);
    let is_fresh = stale <= u64::from(rules.freshness_days);
    findings.judge(
        &spec::FRESHNESS,
        Found {
            elements: u64::try_from(today - first).unwrap_or(0),
            unexpected: stale,
            sentence: Some(format!(
                "The last row before {as_of} lies on {}; {} in between are empty, and {} are accepted.",
                name(last),
                counted(stale, "days"),
                rules.freshness_days
            )),
            ..Found::default()
        },
        is_fresh,
    );
}

fn history(calendar: &Calendar, findings: &mut Findings) {
    let days = calendar.bounds().map_or(0, |(first, last)| (last - first + 1).unsigned_abs());
    findings.put(
        &spec::HISTORY_LENGTH,
        Found {
            elements: YEAR_DAYS,
            unexpected: YEAR_DAYS.saturating_sub(days),
            sentence: Some(format!("The data span {}.", counted(days, "days"))),
            observed: object([("days", Value::from(days))]),
            ..Found::default()
        },
    );
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]

    use super::*;
    use crate::validate::check::Check;

    /// Lines at nine each day from 2024-01-01 (a Monday), as many as `lines` says for the day's number.
    fn calendar(days: i64, lines: impl Fn(i64) -> u64) -> Calendar {
        let start = Instant::from_ymd(2024, 1, 1).unwrap().0;
        let hours: Vec<i64> = (0..days).filter(|d| lines(*d) > 0).map(|d| start + d * DAY_US + 9 * HOUR_US).collect();
        let counts: Vec<u64> = (0..days).map(&lines).filter(|n| *n > 0).collect();
        Calendar::new(&hours, &counts, Instant(i64::MAX))
    }

    fn one(check: impl Fn(&mut Findings), name: &str) -> Check {
        let mut findings = Findings::default();
        check(&mut findings);
        findings.into_checks().into_iter().find(|c| c.name == name).unwrap()
    }

    #[test]
    fn a_closed_weekday_is_no_gap_and_a_lost_week_is() {
        let sundays_off = calendar(91, |d| if d % 7 == 6 { 0 } else { 10 });
        assert_eq!(sundays_off.weekdays().unwrap(), [true, true, true, true, true, true, false]);
        assert_eq!(one(|f| gaps(&sundays_off, f), "no_gaps").unexpected_count, Some(0));
        let three_lost = calendar(91, |d| if d % 7 == 6 || (42..45).contains(&d) { 0 } else { 10 });
        assert_eq!(one(|f| gaps(&three_lost, f), "no_gaps").unexpected_count, Some(0));
        let week_lost = calendar(91, |d| if d % 7 == 6 || (42..49).contains(&d) { 0 } else { 10 });
        let check = one(|f| gaps(&week_lost, f), "no_gaps");
        assert_eq!((check.unexpected_count, check.element_count), (Some(6), Some(78)));
        assert_eq!(check.partial_unexpected_list[0]["last_day_before"], "2024-02-10");
        assert_eq!(check.partial_unexpected_list[0]["first_day_after"], "2024-02-19");
    }

    #[test]
    fn a_month_is_whole_when_its_trading_days_are() {
        let verdict = |days| {
            let calendar = calendar(days, |d| if d % 7 >= 5 { 0 } else { 10 });
            one(|f| months(&calendar, f), "last_month_whole").success
        };
        // 2024-02-29 was a Thursday, 2024-03-29 a Friday before a closed weekend.
        assert_eq!(verdict(31 + 29), Some(true));
        assert_eq!(verdict(31 + 29 + 29), Some(true));
        assert_eq!(verdict(31 + 29 + 9), Some(false));
        let early = calendar(60, |d| if d < 8 { 0 } else { 10 });
        let check = one(|f| months(&early, f), "first_month_whole");
        assert_eq!(check.sentence, "2024-01 begins on 2024-01-09: 8 trading days are missing.");
    }

    #[test]
    fn opening_hours_may_cross_midnight() {
        let mut hours = [0; 24];
        for h in [20, 21, 22, 23, 0, 1] {
            hours[h] = 1_000;
        }
        hours[12] = 7;
        assert_eq!(open_window(&hours), Some((20, 6)));
        let mut calendar = calendar(40, |_| 10);
        calendar.hours = hours;
        let check = one(|f| opening_hours(&calendar, f), "within_opening_hours");
        assert_eq!(check.unexpected_count, Some(7));
        assert!(check.sentence.starts_with("The trade lies between 20:00 and 02:00; 7 of 6,007 rows"));
        calendar.hours = [0; 24];
        calendar.hours[0] = 5;
        assert_eq!(one(|f| opening_hours(&calendar, f), "within_opening_hours").success, None);
    }

    #[test]
    fn a_doubled_export_stands_out() {
        let usual = calendar(120, |d| 100 + (d as u64 * 7) % 11);
        assert_eq!(one(|f| daily_volume(&usual, f), "daily_volume").unexpected_count, Some(0));
        let doubled = calendar(120, |d| if d == 50 { 220 } else { 100 + (d as u64 * 7) % 11 });
        let check = one(|f| daily_volume(&doubled, f), "daily_volume");
        assert_eq!(check.unexpected_count, Some(1));
        assert_eq!(check.partial_unexpected_list[0]["day"], "2024-02-20");
    }

    #[test]
    fn freshness_counts_the_empty_days() {
        let calendar = calendar(40, |_| 1);
        let verdict = |day: i64| {
            let rules = Rules { as_of: Instant::from_ymd(2024, 2, day), ..Rules::default() };
            let check = one(|f| freshness(&calendar, &rules, f), "freshness");
            (check.unexpected_count, check.success)
        };
        // The last row lies on 2024-02-09.
        assert_eq!(verdict(10), (Some(0), Some(true)));
        assert_eq!(verdict(17), (Some(7), Some(true)));
        assert_eq!(verdict(18), (Some(8), Some(false)));
        assert_eq!(one(|f| freshness(&calendar, &Rules::default(), f), "freshness").success, None);
    }
}

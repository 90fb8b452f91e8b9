//! One customer over time: the probability of being alive between its purchases.
//!
//! It is a figure of one customer, whom somebody has to choose (`tenure value FILE --customer ID`): the report of a run
//! draws it for nobody.

use super::axis::{Frame, Scale};
use super::sheet::{Anchor, Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, number, table};

/// What the picture is called.
pub const NAME: &str = "p_alive_history";
const HEIGHT: f64 = 220.0;
/// Height of the strip of purchases.
const STRIP: f64 = 16.0;

/// The probability of being alive of one customer, from its first purchase on.
#[derive(Debug, Clone, PartialEq)]
pub struct PAliveHistoryData {
    /// The customer, as the reader knows it.
    pub customer: String,
    /// The model's name as shown to the reader.
    pub model: String,
    /// Date of the first purchase, day 0.
    pub first_purchase: String,
    /// Days since the first purchase, never falling; two points on a purchase's day draw its jump.
    pub days: Vec<f64>,
    /// Probability of being alive on each of these days.
    pub p_alive: Vec<f64>,
    /// Days of purchases, rising; the first is 0.
    pub purchases: Vec<f64>,
}

/// Draws the probability as a line and every purchase as a stroke under it.
///
/// # Errors
/// When there are fewer than two points or no purchase, columns differ in length, days fall, a value is no
/// probability, or a purchase lies outside the days.
pub fn draw(data: &PAliveHistoryData, note: &Caption, theme: &Theme) -> Result<Figure> {
    let check = Check(NAME);
    let n = data.days.len();
    check.some("purchases", &data.purchases)?;
    check.finite("days", &data.days, n)?;
    check.shares("p_alive", &data.p_alive, n)?;
    if n < 2 || data.days[n - 1] <= data.days[0] {
        return check.degenerate("a history needs at least two different days");
    }
    let falls = |days: &[f64]| days.windows(2).any(|pair| pair[1] < pair[0]);
    if falls(&data.days) || falls(&data.purchases) {
        return check.degenerate("the days do not rise");
    }
    let (first, last) = (data.days[0], data.days[n - 1]);
    check.each("purchases", &data.purchases, data.purchases.len(), "a day of the history", |day| {
        (first..=last).contains(&day)
    })?;

    let subtitle = format!(
        "Probability by {} that customer {} has not left for good, from its first purchase on {}; strokes are purchases",
        data.model, data.customer, data.first_purchase
    );
    let head = Head { name: NAME, finding: finding(data), subtitle: &subtitle };
    let mut sheet = Sheet::new(theme, &head, note, HEIGHT + STRIP + 68.0);
    let (left, floor) = (sheet.left + 44.0, sheet.top + 20.0 + HEIGHT);
    let frame = Frame {
        x: Scale { low: first, high: last, from: left, to: sheet.right - 56.0 },
        y: Scale { low: 0.0, high: 1.0, from: floor, to: floor - HEIGHT },
    };
    let ticks = frame.y.ticks(5);
    frame.y_axis(&mut sheet, &ticks, &number::percent_ticks(&ticks), "Alive");
    let points: Vec<(f64, f64)> = data.days.iter().zip(&data.p_alive).map(|(x, y)| frame.at(*x, *y)).collect();
    let under = Frame { y: Scale { from: floor + STRIP, to: floor, ..frame.y }, ..frame };
    for (i, day) in data.purchases.iter().enumerate() {
        let x = frame.x.at(*day);
        let words = format!("purchase {} on day {}", i + 1, number::count(day.max(0.0) as u64));
        sheet.hover(&words, |s| s.line((x, floor + 2.0), (x, floor + STRIP - 2.0), theme.contrast, 1.6));
    }
    sheet.curve(&points, theme.accent, 2.0);
    let (tick, end) = (sheet.tick(), points[n - 1]);
    sheet.dot(end, 4.2, theme.accent);
    let face = sheet.label().in_bold().in_color(theme.accent);
    sheet.text_middle(end.0 + 9.0, end.1, &number::percent(data.p_alive[n - 1]), face);
    let ticks = frame.x.ticks(8);
    under.x_axis(&mut sheet, &ticks, &number::money_ticks(&ticks, ""), "Days since the first purchase");
    let right = sheet.right;
    sheet.text_middle(right, floor + STRIP / 2.0, "purchases", tick.in_color(theme.contrast).at(Anchor::End));

    let curve = data.days.iter().zip(&data.p_alive);
    let curve = curve.map(|(day, p)| vec!["p_alive".to_owned(), day.to_string(), p.to_string()]);
    let strokes = data.purchases.iter().map(|day| vec!["purchase".to_owned(), day.to_string(), String::new()]);
    Ok(sheet.finish(table(NAME, &["row", "day", "p_alive"], curve.chain(strokes))?))
}

fn finding(data: &PAliveHistoryData) -> String {
    let n = data.days.len();
    let (today, now) = (data.days[n - 1], data.p_alive[n - 1]);
    let latest = data.purchases[data.purchases.len() - 1];
    let bought = match data.purchases.len() {
        1 => "one purchase".to_owned(),
        k => format!("{k} purchases"),
    };
    let before = data.days.iter().zip(&data.p_alive).filter(|(day, _)| **day <= latest);
    let lowest = before.map(|(_, p)| *p).reduce(f64::min).filter(|p| *p < 0.995 && data.purchases.len() > 1);
    let earlier = lowest
        .map_or(String::new(), |p| format!("; between earlier purchases it never was below {}", number::percent(p)));
    format!(
        "After {bought} and {} days of silence the customer is alive with {}{earlier}.",
        number::count((today - latest).max(0.0).round() as u64),
        number::percent(now)
    )
}

//! Whether the models foresee how much will be bought: repeat transactions, expected and actual, week by week.

use super::axis::{Frame, Scale, apart};
use super::sheet::{Anchor, Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, descending, number, table, text};

const NAME: &str = "cumulative_transactions";
/// Height of the panel of sums.
const SUMS: f64 = 230.0;
/// Height of the panel of weeks.
const WEEKS: f64 = 120.0;
/// Room for names at the ends of lines.
const NAMES: f64 = 206.0;

/// One model's expectation.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectedTransactions {
    /// Name shown to the reader, for example `BG/NBD`.
    pub name: String,
    /// Repeat transactions expected in each week.
    pub weekly: Vec<f64>,
}

/// Repeat transactions of a group of customers, week by week.
#[derive(Debug, Clone, PartialEq)]
pub struct CumulativeTransactionsData {
    /// Repeat transactions that came in each week.
    pub weekly: Vec<f64>,
    /// Models in the order in which they are listed.
    pub models: Vec<ExpectedTransactions>,
    /// Weeks that the models have seen; the hold-out begins after them.
    pub calibration_weeks: usize,
    /// Date on which the first week begins.
    pub start: String,
}

/// Draws sums since the start above and single weeks below, with the line where the hold-out begins.
///
/// # Errors
/// When there is no model, columns differ in length, a number is negative or not finite, there is no week before or
/// after the line, or nothing was bought again.
pub fn draw(data: &CumulativeTransactionsData, note: &Caption, theme: &Theme) -> Result<Figure> {
    verify(data)?;
    let (weeks, split) = (data.weekly.len(), data.calibration_weeks);
    let subtitle = format!(
        "Repeat transactions from {} on: sums, and week by week; the models have seen {split} of {weeks} weeks",
        data.start
    );
    let head = Head { name: NAME, finding: finding(data), subtitle: &subtitle };
    let mut sheet = Sheet::new(theme, &head, note, SUMS + WEEKS + 110.0);
    let (left, floor) = (sheet.left + 46.0, sheet.top + 24.0 + SUMS);
    let x = Scale { low: 0.0, high: weeks as f64, from: left, to: sheet.right - NAMES };
    let all = || std::iter::once(&data.weekly).chain(data.models.iter().map(|m| &m.weekly));
    let sums: Vec<Vec<f64>> = all().map(|weekly| cumulative(weekly)).collect();
    let top = sums.iter().map(|s| s[weeks]).fold(0.0, f64::max) * 1.04;
    let upper = Frame { x, y: Scale { low: 0.0, high: top, from: floor, to: floor - SUMS } };
    let ticks = upper.y.ticks(5);
    upper.y_axis(&mut sheet, &ticks, &number::money_ticks(&ticks, ""), "Repeat transactions so far");

    let low = floor + 36.0 + WEEKS;
    let most = all().flatten().copied().fold(0.0, f64::max) * 1.04;
    let lower = Frame { x, y: Scale { low: 0.0, high: most, from: low, to: low - WEEKS } };
    let ticks = lower.y.ticks(3);
    lower.y_axis(&mut sheet, &ticks, &number::money_ticks(&ticks, ""), "Per week");
    let ticks: Vec<f64> = x.ticks(8).into_iter().filter(|tick| tick.fract().abs() < 1e-9).collect();
    lower.x_axis(&mut sheet, &ticks, &number::plain_ticks(&ticks), "Week");

    let border = x.at(split as f64);
    sheet.dashed(&[(border, floor - SUMS - 2.0), (border, low)], theme.muted, 1.0);
    let (face, room) = (sheet.tick(), x.to - border);
    // Words stand on the side that has room for them.
    let (side, place) = if room > 96.0 { (Anchor::Start, border + 5.0) } else { (Anchor::End, border - 5.0) };
    let words = "hold-out begins";
    sheet.text_on_paper(place, floor - SUMS + 6.0, words, face.at(side));

    // What came is drawn last, on top.
    for (i, model) in data.models.iter().enumerate().rev() {
        stroke(&mut sheet, (&upper, &lower), &model.name, (&sums[i + 1], &model.weekly), theme.category(i), 1.8);
    }
    stroke(&mut sheet, (&upper, &lower), "actual", (&sums[0], &data.weekly), theme.ink, 1.8);
    names(&mut sheet, data, &sums, &upper);

    let mut header: Vec<String> = vec!["week".into(), "is_hold_out".into(), "actual".into()];
    header.extend(data.models.iter().map(|m| format!("expected: {}", m.name)));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let rows = (0..weeks).map(|week| {
        let known = [(week + 1).to_string(), (week >= split).to_string()];
        known.into_iter().chain(all().map(|weekly| weekly[week].to_string())).collect()
    });
    Ok(sheet.finish(table(NAME, &header, rows)?))
}

fn verify(data: &CumulativeTransactionsData) -> Result<()> {
    let check = Check(NAME);
    check.some("models", &data.models)?;
    let weeks = data.weekly.len();
    let expected = "a finite number, at least 0";
    for weekly in std::iter::once(&data.weekly).chain(data.models.iter().map(|m| &m.weekly)) {
        check.each("weekly", weekly, weeks, expected, |v| v >= 0.0 && v.is_finite())?;
    }
    if data.calibration_weeks == 0 || data.calibration_weeks >= weeks {
        return check.degenerate("there must be weeks before the hold-out and in it");
    }
    if data.weekly.iter().sum::<f64>() <= 0.0 {
        return check.degenerate("nothing was bought again");
    }
    Ok(())
}

/// Sums from nothing on: one more than there are weeks.
fn cumulative(weekly: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0];
    let mut sum = 0.0;
    for week in weekly {
        sum += week;
        sums.push(sum);
    }
    sums
}

fn stroke(
    sheet: &mut Sheet<'_>,
    (upper, lower): (&Frame, &Frame),
    name: &str,
    (sums, weekly): (&[f64], &[f64]),
    color: &str,
    width: f64,
) {
    let line: Vec<(f64, f64)> = sums.iter().enumerate().map(|(week, v)| upper.at(week as f64, *v)).collect();
    let weeks: Vec<(f64, f64)> = weekly.iter().enumerate().map(|(i, v)| lower.at(i as f64 + 0.5, *v)).collect();
    sheet.hover(name, |s| {
        s.curve(&line, color, width);
        s.curve(&weeks, color, width * 0.7);
    });
}

/// The lines' names with their sums, at their ends.
fn names(sheet: &mut Sheet<'_>, data: &CumulativeTransactionsData, sums: &[Vec<f64>], frame: &Frame) {
    let weeks = data.weekly.len();
    let face = sheet.label();
    let ends: Vec<f64> = sums.iter().map(|s| frame.y.at(s[weeks])).collect();
    let places = apart(&ends, 16.0, frame.y.to + 4.0, frame.y.from - 6.0);
    for (i, (end, place)) in ends.iter().zip(&places).enumerate() {
        let (name, color) = match i.checked_sub(1) {
            None => ("Actual", sheet.theme.ink),
            Some(model) => (data.models[model].name.as_str(), sheet.theme.category(model)),
        };
        let amount = number::count(sums[i][weeks].round() as u64);
        let room = NAMES - 22.0 - face.in_bold().width(&amount) - 8.0;
        let name = text::fit(&text::clean(name), f64::from(face.size), false, room);
        sheet.line((frame.x.to + 2.0, *end), (frame.x.to + 16.0, *place), color, 1.0);
        sheet.text_middle(frame.x.to + 20.0, *place, &name, face);
        let right = sheet.right;
        sheet.text_middle(right, *place, &amount, face.in_bold().in_color(color).at(Anchor::End));
    }
}

fn finding(data: &CumulativeTransactionsData) -> String {
    let split = data.calibration_weeks;
    let total = |weekly: &[f64]| weekly[split..].iter().sum::<f64>();
    let came = total(&data.weekly);
    let count = |n: f64| number::count(n.round() as u64);
    let weeks = data.weekly.len() - split;
    let expected: Vec<f64> = data.models.iter().map(|m| total(&m.weekly)).collect();
    let order = descending(&expected.iter().map(|e| -(e - came).abs()).collect::<Vec<_>>());
    let of = |i: usize| {
        let off = if came > 0.0 { format!(" ({})", number::change(expected[i] / came - 1.0)) } else { String::new() };
        format!("{} expected {}{off}", data.models[i].name, count(expected[i]))
    };
    let next = order.get(1).map_or(String::new(), |i| format!("; {}", of(*i)));
    format!(
        "In the {weeks} weeks of the hold-out {} repeat transactions came where {}{next}.",
        count(came),
        of(order[0])
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]

    #[test]
    fn sums_begin_with_nothing() {
        assert_eq!(super::cumulative(&[2.0, 0.0, 3.5]), [0.0, 2.0, 2.0, 5.5]);
    }
}

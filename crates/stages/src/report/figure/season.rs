//! Which months are strong: each calendar month over a typical one, with the single years that it rests on.

use super::axis::{Frame, Scale};
use super::sheet::{Anchor, Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Problem, Result, descending, number, table};

const NAME: &str = "season";
const HEIGHT: f64 = 270.0;
const CALENDAR: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The season of a series of months.
#[derive(Debug, Clone, PartialEq)]
pub struct SeasonData {
    /// Revenue of each calendar month over that of a typical one, January first.
    pub index: [f64; 12],
    /// The months of the series, such as `2010-03`.
    pub months: Vec<String>,
    /// The calendar month of each, 0 for January.
    pub month_of: Vec<usize>,
    /// Each month's revenue over the trend.
    pub over_trend: Vec<f64>,
    /// Growth of the trend in a year: 0.1 for a tenth.
    pub yearly_growth: f64,
    /// How much a month differs, as a rule, from the trend times its index.
    pub typical_error: f64,
}

/// Draws a bar a calendar month from 1 to its index, and a dot for each month of the series.
///
/// # Errors
/// When columns differ in length, a ratio is not positive, or a calendar month is not in the series twice.
pub fn draw(data: &SeasonData, note: &Caption, theme: &Theme) -> Result<Figure> {
    verify(data)?;
    let subtitle = format!(
        "Revenue of each calendar month over that of a typical month, its trend ({} a year) taken out; bars: all years, \
         dots: single ones",
        number::change(data.yearly_growth)
    );
    let head = Head { name: NAME, finding: finding(data), subtitle: &subtitle };
    let mut sheet = Sheet::new(theme, &head, note, HEIGHT + 52.0);
    let (left, floor) = (sheet.left + 40.0, sheet.top + 22.0 + HEIGHT);
    let all = || data.index.iter().chain(&data.over_trend).copied();
    let (low, high) = (all().fold(1.0, f64::min), all().fold(1.0, f64::max));
    let pad = ((high - low) * 0.08).max(0.02);
    let frame = Frame {
        x: Scale { low: 0.0, high: 12.0, from: left, to: sheet.right },
        y: Scale { low: (low - pad).max(0.0), high: high + 2.0 * pad, from: floor, to: floor - HEIGHT },
    };
    let ticks = frame.y.ticks(6);
    frame.y_axis(&mut sheet, &ticks, &number::plain_ticks(&ticks), "Times a typical month");
    let one = frame.y.at(1.0);
    sheet.line((left, one), (frame.x.to, one), theme.muted, 1.2);
    let (face, tick) = (sheet.label().in_bold().at(Anchor::Middle), sheet.tick().at(Anchor::Middle));
    for (month, index) in data.index.iter().enumerate() {
        let middle = frame.x.at(month as f64 + 0.5);
        let of_month: Vec<usize> = (0..data.months.len()).filter(|&at| data.month_of[at] == month).collect();
        let years: Vec<String> =
            of_month.iter().map(|&at| format!("{} {:.2}", data.months[at], data.over_trend[at])).collect();
        let words = format!("{}: {index:.2} times a typical month ({})", CALENDAR[month], years.join(", "));
        let ends = of_month.iter().map(|&at| frame.y.at(data.over_trend[at])).chain([one, frame.y.at(*index)]);
        let top = ends.fold(f64::INFINITY, f64::min);
        sheet.hover(&words, |s| {
            s.bar((middle - 17.0, middle + 17.0), (one, frame.y.at(*index)), theme.accent, 0.55);
            // Side by side, so that years that agree are still counted.
            for (place, &at) in of_month.iter().enumerate() {
                let shift = 5.0 * (place as f64 - (of_month.len() as f64 - 1.0) / 2.0);
                s.dot((middle + shift.clamp(-16.0, 16.0), frame.y.at(data.over_trend[at])), 3.2, theme.ink);
            }
            s.text_middle(middle, top - 11.0, &format!("{index:.2}"), face);
        });
        sheet.text(middle, floor + 16.0, CALENDAR[month], tick);
    }
    let rows = (0..data.months.len()).map(|at| {
        vec![
            data.months[at].clone(),
            CALENDAR[data.month_of[at]].to_owned(),
            data.over_trend[at].to_string(),
            data.index[data.month_of[at]].to_string(),
        ]
    });
    Ok(sheet.finish(table(NAME, &["month", "calendar_month", "over_trend", "index"], rows)?))
}

fn verify(data: &SeasonData) -> Result<()> {
    let check = Check(NAME);
    let n = data.months.len();
    let positive = |v: f64| v > 0.0 && v.is_finite();
    check.each("index", &data.index, 12, "a positive number", positive)?;
    check.each("over_trend", &data.over_trend, n, "a positive number", positive)?;
    check.finite("growth and error", &[data.yearly_growth, data.typical_error], 2)?;
    check.length("month_of", n, data.month_of.len())?;
    if let Some(row) = data.month_of.iter().position(|month| *month > 11) {
        let value = data.month_of[row] as f64;
        return check.fail(Problem::Range { what: "month_of", row, value, expected: "a month from 0 to 11" });
    }
    if (0..12).any(|month| data.month_of.iter().filter(|of| **of == month).count() < 2) {
        return check.degenerate("a calendar month that was seen once cannot be told from its year");
    }
    Ok(())
}

fn finding(data: &SeasonData) -> String {
    let order = descending(&data.index);
    let (best, worst) = (order[0], order[11]);
    let full = |month: usize| {
        [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ][month]
    };
    let usual = number::percent(data.typical_error);
    // Logarithms: what is 1.1 times and what is 1/1.1 of a typical month are equally far from it.
    let spread = (data.index[best] / data.index[worst]).ln();
    if spread <= 2.0 * data.typical_error.ln_1p() {
        return format!(
            "No season stands out: {} and {}, the strongest and the weakest month, are no further apart than months differ \
             from their season ({usual}).",
            full(best),
            full(worst)
        );
    }
    format!(
        "{} brings {:.2} times a typical month and {} {:.2} times; a month differs from its season by {usual} as a rule.",
        full(best),
        data.index[best],
        full(worst),
        data.index[worst]
    )
}

//! Whether forecasts of value and their intervals hold customer by customer: actual against predicted spend.

use super::axis::{Frame, Scale};
use super::sheet::{Anchor, Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, number, table};

const NAME: &str = "clv_scatter";
const SIDE: f64 = 360.0;
/// Height of the strip of those who spent nothing.
const STRIP: f64 = 18.0;
/// Most customers drawn: more only darken the cloud and swell the SVG.
const MOST_DOTS: usize = 4_000;
/// The golden section spreads successive dots evenly over the strip.
const GOLDEN: f64 = 0.618_033_988_749_895;

/// Customers of the test window.
#[derive(Debug, Clone, PartialEq)]
pub struct ClvScatterData {
    /// Mean that was predicted.
    pub predicted: Vec<f64>,
    /// Lower end of the interval.
    pub low: Vec<f64>,
    /// Upper end of the interval.
    pub high: Vec<f64>,
    /// What came.
    pub actual: Vec<f64>,
    /// Share of outcomes that the intervals are meant to cover, for example 0.8.
    pub interval_level: f64,
    /// Length of the window.
    pub horizon_days: u32,
    /// The currency's code, or empty.
    pub currency: String,
}

/// Draws at most 4,000 of the customers, evenly spaced in the order given, on axes that are linear near 0 and
/// logarithmic beyond. The table holds every customer given.
///
/// # Errors
/// When there is no customer, columns differ in length, a number is not finite, or an interval ends before it begins.
pub fn draw(data: &ClvScatterData, note: &Caption, theme: &Theme) -> Result<Figure> {
    verify(data)?;
    let n = data.predicted.len();
    let sides = sides(data);
    let drawn: Vec<usize> =
        if n <= MOST_DOTS { (0..n).collect() } else { (0..MOST_DOTS).map(|k| k * n / MOST_DOTS).collect() };
    let sample = if n > MOST_DOTS { format!("; {} drawn", number::count(MOST_DOTS as u64)) } else { String::new() };
    // With losses on the axes, nothing spent is a line among others and has no strip of its own.
    let has_strip = data.predicted.iter().chain(&data.actual).all(|v| *v >= 0.0);
    let nothing = if has_strip { "; those who spent nothing lie in the strip at the bottom" } else { "" };
    let strip = if has_strip { STRIP } else { 0.0 };
    let subtitle = format!(
        "Spend of {} customers in {} days against its forecast, on logarithmic axes{sample}{nothing}",
        number::count(n as u64),
        data.horizon_days
    );
    let head = Head { name: NAME, finding: finding(data, &sides), subtitle: &subtitle };
    let mut sheet = Sheet::new(theme, &head, note, SIDE + strip + 62.0);
    let (left, floor) = (sheet.left + 52.0, sheet.top + 20.0 + SIDE);
    let bend = bend(data);
    let log = |v: f64| v.signum() * (v.abs() / bend).ln_1p();
    let ends = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((0.0_f64, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)))
    };
    let (x0, x1) = ends(&mut data.predicted.iter().map(|v| log(*v)));
    let (y0, y1) = ends(&mut data.actual.iter().map(|v| log(*v)));
    // One scale for both: the diagonal is what the picture is read for.
    let (low, high) = (x0.min(y0), x1.max(y1).max(1e-9) * 1.02);
    let frame = Frame {
        x: Scale { low, high, from: left, to: left + SIDE },
        y: Scale { low, high, from: floor, to: floor - SIDE },
    };
    let (ticks, labels) = ticks(low, high, bend, &data.currency, &log);
    frame.y_axis(&mut sheet, &ticks, &labels, "Actual spend");
    let under = Frame { y: Scale { from: floor + strip, to: floor, ..frame.y }, ..frame };
    under.x_axis(&mut sheet, &ticks, &labels, "Predicted spend (mean)");
    sheet.line((frame.x.from, frame.y.at(0.0)), (frame.x.to, frame.y.at(0.0)), theme.muted, 0.8);
    let place = |i: usize| {
        let at = frame.at(log(data.predicted[i]), log(data.actual[i]));
        let spread = 3.0 + (STRIP - 6.0) * (i as f64 * GOLDEN).fract();
        if has_strip && data.actual[i].abs() <= 0.0 { (at.0, floor + spread) } else { at }
    };
    let of = |inside: bool| -> Vec<(f64, f64)> {
        drawn.iter().filter(|i| (sides[**i] == Side::Inside) == inside).map(|i| place(*i)).collect()
    };
    sheet.specks(&of(true), 1.6, theme.accent, 0.55);
    sheet.specks(&of(false), 1.6, theme.contrast, 0.75);
    sheet.dashed(&[frame.at(low, low), frame.at(high, high)], theme.ink, 1.2);
    list(&mut sheet, data, &sides, left + SIDE + 36.0);

    let rows = (0..n).map(|i| {
        let numbers = [data.predicted[i], data.low[i], data.high[i], data.actual[i]].map(|v| v.to_string());
        numbers.into_iter().chain(std::iter::once(sides[i].name().to_owned())).collect()
    });
    Ok(sheet.finish(table(NAME, &["predicted", "low", "high", "actual", "interval"], rows)?))
}

fn verify(data: &ClvScatterData) -> Result<()> {
    let check = Check(NAME);
    let n = data.predicted.len();
    check.some("predicted", &data.predicted)?;
    for (what, column) in
        [("predicted", &data.predicted), ("low", &data.low), ("high", &data.high), ("actual", &data.actual)]
    {
        check.finite(what, column, n)?;
    }
    check.shares("interval_level", &[data.interval_level], 1)?;
    if data.low.iter().zip(&data.high).any(|(low, high)| low > high) {
        return check.degenerate("an interval ends before it begins");
    }
    Ok(())
}

/// Where an outcome lies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Below,
    Inside,
    Above,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Below => "below",
            Self::Inside => "inside",
            Self::Above => "above",
        }
    }
}

fn sides(data: &ClvScatterData) -> Vec<Side> {
    let place = |i: usize| match data.actual[i] {
        came if came < data.low[i] => Side::Below,
        came if came > data.high[i] => Side::Above,
        _ => Side::Inside,
    };
    (0..data.actual.len()).map(place).collect()
}

/// Where the axes turn from linear to logarithmic: a power of ten that one in twenty positive amounts stays below.
fn bend(data: &ClvScatterData) -> f64 {
    let mut sizes: Vec<f64> = data.predicted.iter().chain(&data.actual).map(|v| v.abs()).filter(|v| *v > 0.0).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.get(sizes.len() / 20).map_or(1.0, |size| 10_f64.powi(size.log10().floor() as i32))
}

/// Nothing and powers of ten, and three times these where there is room; places are those of the bent axis.
fn ticks(low: f64, high: f64, bend: f64, currency: &str, log: &dyn Fn(f64) -> f64) -> (Vec<f64>, Vec<String>) {
    let mut amounts = vec![0.0];
    for power in 0..15 {
        for times in [1.0, 3.0] {
            amounts.extend([1.0, -1.0].map(|sign| sign * times * bend * 10_f64.powi(power)));
        }
    }
    let gap = (high - low) / 11.0;
    let mut kept: Vec<(f64, f64)> = Vec::new();
    // Powers of ten come first, then what still has room between them.
    let is_power = |v: f64| (v.abs().log10() - v.abs().log10().round()).abs() < 1e-6;
    let (first, then): (Vec<f64>, Vec<f64>) = amounts.into_iter().partition(|v| v.abs() <= 0.0 || is_power(*v));
    for amount in first.into_iter().chain(then) {
        let at = log(amount);
        if (low..=high).contains(&at) && kept.iter().all(|(other, _)| (other - at).abs() >= gap) {
            kept.push((at, amount));
        }
    }
    kept.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Round amounts need no pence.
    let label = |v: f64| number::money_ticks(&[v], currency).concat();
    kept.into_iter().map(|(at, amount)| (at, label(amount))).unzip()
}

/// How many lie in their interval, above and below it, and which colour they have.
fn list(sheet: &mut Sheet<'_>, data: &ClvScatterData, sides: &[Side], x: f64) {
    let (face, tick, right) = (sheet.label(), sheet.tick(), sheet.right);
    let n = sides.len();
    let share = |side: Side| sides.iter().filter(|s| **s == side).count();
    let title = format!("Against the {} interval", number::percent(data.interval_level));
    sheet.text(x, sheet.top + 8.0, &title, tick.in_bold());
    sheet.text(right - 78.0, sheet.top + 28.0, "Share", tick.in_bold().at(Anchor::End));
    sheet.text(right, sheet.top + 28.0, "Customers", tick.in_bold().at(Anchor::End));
    let (accent, contrast) = (sheet.theme.accent, sheet.theme.contrast);
    for (line, (words, side, color)) in
        [("above it", Side::Above, contrast), ("inside", Side::Inside, accent), ("below it", Side::Below, contrast)]
            .into_iter()
            .enumerate()
    {
        let y = sheet.top + 46.0 + 22.0 * line as f64;
        sheet.dot((x + 4.0, y), 4.0, color);
        sheet.text_middle(x + 14.0, y, words, face);
        let share_words = number::percent(share(side) as f64 / n as f64);
        sheet.text_middle(right - 78.0, y, &share_words, face.in_bold().at(Anchor::End));
        sheet.text_middle(right, y, &number::count(share(side) as u64), face.at(Anchor::End));
    }
    let sum = |values: &[f64]| values.iter().sum::<f64>();
    let nothing = data.actual.iter().filter(|v| v.abs() <= 0.0).count();
    let rows = [
        ("predicted in all", number::money(sum(&data.predicted), &data.currency)),
        ("came in all", number::money(sum(&data.actual), &data.currency)),
        ("spent nothing", number::percent(nothing as f64 / n as f64)),
    ];
    for (line, (words, amount)) in rows.iter().enumerate() {
        let y = sheet.top + 136.0 + 22.0 * line as f64;
        sheet.text_middle(x, y, words, face.in_color(sheet.theme.muted));
        sheet.text_middle(right, y, amount, face.in_bold().at(Anchor::End));
    }
    let y = sheet.top + 136.0 + 22.0 * rows.len() as f64 + 6.0;
    sheet.dashed(&[(x, y), (x + 20.0, y)], sheet.theme.ink, 1.2);
    sheet.text_middle(x + 26.0, y, "as predicted", face.in_color(sheet.theme.muted));
}

fn finding(data: &ClvScatterData, sides: &[Side]) -> String {
    let n = sides.len() as f64;
    let share = |side: Side| sides.iter().filter(|s| **s == side).count() as f64 / n;
    let (predicted, came) = (data.predicted.iter().sum::<f64>(), data.actual.iter().sum::<f64>());
    let off = if came > 0.0 {
        // The sign of the portfolio error on the screen and the card.
        format!(
            "; {} was predicted where {} came ({})",
            number::money(predicted, &data.currency),
            number::money(came, &data.currency),
            number::change(predicted / came - 1.0)
        )
    } else {
        String::new()
    };
    format!(
        "{} of customers ended inside their {} interval, {} above it and {} below{off}.",
        number::percent(share(Side::Inside)),
        number::percent(data.interval_level),
        number::percent(share(Side::Above)),
        number::percent(share(Side::Below))
    )
}

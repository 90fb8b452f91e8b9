//! What the coming months will bring: the months so far, the forecast with its interval, and the seasonal naive one.

use super::axis::{Frame, Scale};
use super::sheet::{Anchor, Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, number, table, text};

const NAME: &str = "revenue_forecast";
const HEIGHT: f64 = 270.0;
/// Height of a line of the list of methods.
const ROW: f64 = 19.0;
/// From this error on a forecast is none to plan with.
const USELESS: f64 = 0.25;
/// Months of the past that are drawn at most.
const SHOWN: usize = 48;

/// The coming months.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecastMonths {
    /// The forecast of each.
    pub middle: Vec<f64>,
    /// Lower ends of the intervals.
    pub low: Vec<f64>,
    /// Upper ends.
    pub high: Vec<f64>,
}

/// A method that was tried on the past.
#[derive(Debug, Clone, PartialEq)]
pub struct TriedForecast {
    /// Its name.
    pub name: String,
    /// What it says of the coming months, the next one first; they may be more or fewer than are shown.
    pub months: Vec<f64>,
    /// Absolute errors over the outcomes in the months of the past that it could foresee.
    pub error: f64,
    /// The same of the seasonal naive forecast on the same months.
    pub error_naive: f64,
}

/// A series of months, and what comes after it.
#[derive(Debug, Clone, PartialEq)]
pub struct RevenueForecastData {
    /// The months so far, such as `2010-03`.
    pub months: Vec<String>,
    /// Revenue of each.
    pub revenue: Vec<f64>,
    /// The coming months.
    pub coming: Vec<String>,
    /// What they will bring.
    pub forecast: ForecastMonths,
    /// The methods that were tried; the first is the seasonal naive one.
    pub tried: Vec<TriedForecast>,
    /// Which of them the forecast is of.
    pub used: usize,
    /// Coverage that the intervals are made for.
    pub interval_level: f64,
    /// ISO code of the currency.
    pub currency: String,
}

/// Draws the months and their forecast on one axis of time, and below it how each method did on the past.
///
/// # Errors
/// When columns differ in length or are empty, money is negative or not finite, a forecast lies outside of its interval,
/// there are fewer than twelve months before it, or `used` is no method.
pub fn draw(data: &RevenueForecastData, note: &Caption, theme: &Theme) -> Result<Figure> {
    verify(data)?;
    let (n, ahead) = (data.months.len(), data.coming.len());
    let subtitle = format!(
        "Revenue by month: what came, and what is expected of {} with intervals of {}",
        if ahead == 1 { data.coming[0].clone() } else { format!("{} to {}", data.coming[0], data.coming[ahead - 1]) },
        number::percent(data.interval_level)
    );
    let head = Head { name: NAME, finding: finding(data), subtitle: &subtitle };
    let list = 34.0 + ROW * data.tried.len() as f64;
    let mut sheet = Sheet::new(theme, &head, note, HEIGHT + 60.0 + list);
    let shown = n.min(SHOWN);
    let past = n - shown;
    let (left, floor) = (sheet.left + 50.0, sheet.top + 22.0 + HEIGHT);
    let most = data.revenue[past..].iter().chain(&data.forecast.high).copied().fold(0.0, f64::max);
    let frame = Frame {
        x: Scale { low: 0.0, high: (shown + ahead) as f64, from: left, to: sheet.right },
        y: Scale { low: 0.0, high: most * 1.06, from: floor, to: floor - HEIGHT },
    };
    let ticks = frame.y.ticks(5);
    let labels = number::money_ticks(&ticks, &data.currency);
    frame.y_axis(&mut sheet, &ticks, &labels, "Revenue of the month");
    months_axis(&mut sheet, data, frame, past);
    let at = |place: usize, value: f64| frame.at(place as f64 + 0.5, value);

    let half = (frame.x.at(1.0) - frame.x.at(0.0)) * 0.36;
    let money = |value: f64| number::money(value, &data.currency);
    for (k, month) in data.coming.iter().enumerate() {
        let (middle, low, high) = (data.forecast.middle[k], data.forecast.low[k], data.forecast.high[k]);
        let (x, _) = at(shown + k, 0.0);
        let words = format!("{month}: {} expected, {} to {}", money(middle), money(low), money(high));
        sheet.hover(&words, |s| {
            s.bar((x - half, x + half), (frame.y.at(low), frame.y.at(high)), theme.accent, 0.22);
            s.line((x - half, frame.y.at(middle)), (x + half, frame.y.at(middle)), theme.accent, 2.4);
        });
    }
    // The method that the forecast is compared with: the naive one, or where that is in use the best of the others.
    if let Some(other) = compared(data) {
        let line: Vec<(f64, f64)> =
            data.tried[other].months.iter().take(ahead).enumerate().map(|(k, v)| at(shown + k, *v)).collect();
        let name = data.tried[other].name.clone();
        if line.len() > 1 {
            sheet.hover(&name, |s| s.dashed(&line, theme.contrast, 1.6));
        }
    }
    let line: Vec<(f64, f64)> = (past..n).map(|i| at(i - past, data.revenue[i])).collect();
    sheet.curve(&line, theme.ink, 1.6);
    for i in past..n {
        let words = format!("{}: {}", data.months[i], money(data.revenue[i]));
        sheet.hover(&words, |s| s.dot(at(i - past, data.revenue[i]), 3.2, theme.ink));
    }
    tried(&mut sheet, data, floor + 62.0);
    Ok(sheet.finish(rows(data)?))
}

fn verify(data: &RevenueForecastData) -> Result<()> {
    let check = Check(NAME);
    let (n, ahead) = (data.months.len(), data.coming.len());
    check.some("coming", &data.coming)?;
    let amount = |v: f64| v >= 0.0 && v.is_finite();
    let expected = "money, not negative";
    check.each("revenue", &data.revenue, n, expected, amount)?;
    let months = &data.forecast;
    for (what, column) in [("low", &months.low), ("middle", &months.middle), ("high", &months.high)] {
        check.each(what, column, ahead, expected, amount)?;
    }
    for tried in &data.tried {
        check.each("tried", &tried.months, tried.months.len(), expected, amount)?;
        check.each("errors", &[tried.error, tried.error_naive], 2, "a number from 0 on", amount)?;
    }
    check.shares("interval_level", &[data.interval_level], 1)?;
    if n < 12 || data.used >= data.tried.len() || data.revenue.iter().sum::<f64>() <= 0.0 {
        return check.degenerate("there must be a year of revenue and the method that looks ahead");
    }
    if (0..ahead).any(|k| months.low[k] > months.middle[k] || months.middle[k] > months.high[k]) {
        return check.degenerate("a forecast lies outside of its interval");
    }
    Ok(())
}

/// The tried method that the forecast is compared with.
fn compared(data: &RevenueForecastData) -> Option<usize> {
    if data.used > 0 {
        return Some(0);
    }
    let relative = |i: usize| data.tried[i].error / data.tried[i].error_naive.max(f64::MIN_POSITIVE);
    (1..data.tried.len()).min_by(|a, b| relative(*a).total_cmp(&relative(*b)))
}

/// Names of months below the floor as far as they stand clear of each other, years below them, and where the past ends.
fn months_axis(sheet: &mut Sheet<'_>, data: &RevenueForecastData, frame: Frame, past: usize) {
    let (face, floor) = (sheet.tick().at(Anchor::Middle), frame.y.from);
    let names: Vec<&String> = data.months[past..].iter().chain(&data.coming).collect();
    let step = frame.x.at(1.0) - frame.x.at(0.0);
    let every = ((face.width("00") + 6.0) / step).ceil() as usize;
    sheet.line((frame.x.from, floor), (frame.x.to, floor), sheet.theme.muted, 0.8);
    let mut year = "";
    for (place, name) in names.iter().enumerate() {
        let x = frame.x.at(place as f64 + 0.5);
        let (this, month) = name.split_once('-').unwrap_or((name, ""));
        if place % every == 0 {
            sheet.text(x, floor + 14.0, month, face);
        }
        // A year that ends within its own name's width leaves it to the next one.
        let has_room = names.get(place + 3).is_some_and(|later| later.starts_with(this));
        if this != year && (place == 0 || month == "01") && has_room {
            sheet.text(x - step * 0.5, floor + 28.0, this, face.in_bold().at(Anchor::Start));
            year = this;
        }
    }
    let border = frame.x.at((data.months.len() - past) as f64);
    sheet.dashed(&[(border, frame.y.to - 4.0), (border, floor)], sheet.theme.muted, 1.0);
    let (words, muted) = ("expected from here", sheet.tick());
    let fits = frame.x.to - border > muted.width(words) + 10.0;
    let (x, side) = if fits { (border + 5.0, Anchor::Start) } else { (border - 5.0, Anchor::End) };
    sheet.text_on_paper(x, frame.y.to + 2.0, words, muted.at(side));
}

/// How each method did on the past: the key of the lines as well.
fn tried(sheet: &mut Sheet<'_>, data: &RevenueForecastData, top: f64) {
    let (face, title) = (sheet.label(), sheet.tick().in_bold());
    let (left, right) = (sheet.left, sheet.right);
    let naive = right;
    let own = naive - 226.0;
    sheet.text(left, top, "Forecasts of past months, each from what had ended before", title);
    sheet.text(own, top, "off by", title.at(Anchor::End));
    sheet.text(naive, top, "seasonal naive on the same months", title.at(Anchor::End));
    let other = compared(data);
    for (i, tried) in data.tried.iter().enumerate() {
        let y = top + ROW * (i as f64 + 1.0);
        let is_used = i == data.used;
        let look = if is_used { face.in_bold() } else { face };
        if is_used {
            let color = sheet.theme.accent;
            sheet.bar((left, left + 18.0), (y - 6.0, y + 6.0), color, 0.22);
            sheet.line((left, y), (left + 18.0, y), color, 2.4);
        } else if other == Some(i) {
            sheet.dashed(&[(left, y), (left + 18.0, y)], sheet.theme.contrast, 1.6);
        }
        let words = if is_used { format!("{} (in use)", tried.name) } else { tried.name.clone() };
        let words = text::fit(&words, f64::from(look.size), look.bold, own - left - 90.0);
        sheet.text_middle(left + 26.0, y, &words, look);
        sheet.text_middle(own, y, &number::percent(tried.error), look.at(Anchor::End));
        sheet.text_middle(naive, y, &number::percent(tried.error_naive), face.at(Anchor::End));
    }
}

fn finding(data: &RevenueForecastData) -> String {
    let (ahead, used) = (data.coming.len(), &data.tried[data.used]);
    let sum: f64 = data.forecast.middle.iter().sum();
    let before: f64 = (0..ahead).filter_map(|k| data.revenue.get(data.months.len() + k - 12)).sum();
    let months = if ahead == 1 { "month is".to_owned() } else { format!("{ahead} months are") };
    let money = number::money(sum, &data.currency);
    if used.error >= USELESS {
        return format!(
            "Nothing foresees the coming months well enough to plan with: the best of the methods that could be tried, {}, was \
             off by {} so far.",
            used.name,
            number::percent(used.error)
        );
    }
    if data.used == 0 {
        let others = match data.tried.len() - 1 {
            0 => "no other method could be tried yet".to_owned(),
            1 => "the other method tried was off by more on the same months".to_owned(),
            n => format!("none of {n} other methods did better on the same months"),
        };
        return format!(
            "The next {months} expected to bring what the same ones brought a year before, {money} in all: that forecast \
             was off by {} so far, and {others}.",
            number::percent(used.error)
        );
    }
    let change = if before > 0.0 {
        format!(" ({} on a year before)", number::change(sum / before - 1.0))
    } else {
        String::new()
    };
    format!(
        "The next {months} expected to bring {money}{change}; on past months this method was off by {}, the seasonal naive one \
         by {}.",
        number::percent(used.error),
        number::percent(used.error_naive)
    )
}

/// What is drawn: months, then coming months, then methods.
fn rows(data: &RevenueForecastData) -> Result<String> {
    let known = (0..data.months.len()).map(|i| {
        let mut row = vec!["month".to_owned(), data.months[i].clone(), data.revenue[i].to_string()];
        row.resize(9, String::new());
        row
    });
    let coming = (0..data.coming.len()).map(|k| {
        let naive = data.tried[0].months.get(k).map_or_else(String::new, f64::to_string);
        let months = &data.forecast;
        let mut row = vec!["expected".to_owned(), data.coming[k].clone(), String::new()];
        row.extend([&months.middle, &months.low, &months.high].map(|column| column[k].to_string()));
        row.extend([naive, String::new(), String::new()]);
        row
    });
    let tried = data.tried.iter().map(|tried| {
        let mut row = vec!["method".to_owned(), tried.name.clone()];
        row.resize(7, String::new());
        row.extend([tried.error.to_string(), tried.error_naive.to_string()]);
        row
    });
    let header = ["row", "month", "revenue", "forecast", "low", "high", "seasonal_naive", "error", "error_naive"];
    table(NAME, &header, known.chain(coming).chain(tried))
}

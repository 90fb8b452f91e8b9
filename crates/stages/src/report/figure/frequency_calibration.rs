//! Whether the models know light from heavy buyers: purchases in the hold-out by purchases before it.

use super::axis::{Frame, Scale, apart};
use super::sheet::{Anchor, Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, descending, largest, number, table, text};

const NAME: &str = "frequency_calibration";
const HEIGHT: f64 = 210.0;
/// Height of the panel of relative misses.
const MISSES: f64 = 96.0;
/// Width of the list beside the picture.
const LIST: f64 = 236.0;

/// One model's expectation.
#[derive(Debug, Clone, PartialEq)]
pub struct FrequencyModel {
    /// Name shown to the reader.
    pub name: String,
    /// Mean purchases per customer that it expects in the hold-out, one a group.
    pub expected: Vec<f64>,
}

/// Customers grouped by their repeat purchases in the calibration period.
#[derive(Debug, Clone, PartialEq)]
pub struct FrequencyCalibrationData {
    /// Names of the groups, rising, for example `0`, `1` and at last `7+`.
    pub groups: Vec<String>,
    /// Customers per group.
    pub customers: Vec<u64>,
    /// Mean purchases per customer that came in the hold-out.
    pub actual: Vec<f64>,
    /// Models in the order in which they are listed.
    pub models: Vec<FrequencyModel>,
    /// Length of the hold-out.
    pub horizon_days: u32,
}

/// Draws the mean of each group as it came and as the models expected it, below it how far off they are, and beside it
/// their mean misses.
///
/// # Errors
/// When there are fewer than two groups or no model, columns differ in length, a number is negative or not finite, or
/// no group holds a customer.
pub fn draw(data: &FrequencyCalibrationData, note: &Caption, theme: &Theme) -> Result<Figure> {
    verify(data)?;
    let n = data.groups.len();
    let everyone: u64 = data.customers.iter().sum();
    let subtitle = format!(
        "Mean purchases of {} customers in the {} days of the hold-out, by their repeat purchases before it",
        number::count(everyone),
        data.horizon_days
    );
    let head = Head { name: NAME, finding: finding(data, everyone), subtitle: &subtitle };
    let mut sheet = Sheet::new(theme, &head, note, HEIGHT + MISSES + 126.0);
    let (left, floor) = (sheet.left + 48.0, sheet.top + 20.0 + HEIGHT);
    let models = data.models.iter().map(|m| &m.expected);
    let top = std::iter::once(&data.actual).chain(models).flatten().copied().fold(0.0, f64::max).max(1e-6) * 1.05;
    let frame = Frame {
        x: Scale { low: -0.5, high: n as f64 - 0.5, from: left, to: sheet.right - LIST - 32.0 },
        y: Scale { low: 0.0, high: top, from: floor, to: floor - HEIGHT },
    };
    let ticks = frame.y.ticks(5);
    frame.y_axis(&mut sheet, &ticks, &number::plain_ticks(&ticks), "Purchases per customer");
    sheet.line((frame.x.from, floor), (frame.x.to, floor), theme.muted, 0.8);
    let low = misses(&mut sheet, data, frame.x, floor + 34.0);
    let tick = sheet.tick();
    // Long counts take turns on two lines rather than run into each other.
    let counts: Vec<String> = data.customers.iter().map(|c| number::count(*c)).collect();
    let step = frame.x.at(1.0) - frame.x.at(0.0);
    let crowded = counts.iter().any(|c| tick.width(c) + 8.0 > step);
    for (i, (group, count)) in data.groups.iter().zip(&counts).enumerate() {
        let x = frame.x.at(i as f64);
        sheet.text(x, low + 15.0, group, tick.in_color(theme.ink).at(Anchor::Middle));
        let lower = if crowded && i % 2 == 1 { 12.0 } else { 0.0 };
        sheet.text(x, low + 45.0 + lower, count, tick.at(Anchor::Middle));
    }
    let middle = (frame.x.from + frame.x.to) / 2.0;
    sheet.text(middle, low + 30.0, "Repeat purchases before the hold-out; below: customers", tick.at(Anchor::Middle));

    for (i, model) in data.models.iter().enumerate().rev() {
        series(&mut sheet, &frame, &model.name, &model.expected, theme.category(i), 3.2);
    }
    series(&mut sheet, &frame, "came", &data.actual, theme.ink, 4.2);
    list(&mut sheet, data, everyone, &frame);

    let mut header: Vec<String> = vec!["repeat_purchases".into(), "customers".into(), "actual".into()];
    header.extend(data.models.iter().map(|m| format!("expected: {}", m.name)));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let rows = (0..n).map(|i| {
        let known = [data.groups[i].clone(), data.customers[i].to_string(), data.actual[i].to_string()];
        known.into_iter().chain(data.models.iter().map(|m| m.expected[i].to_string())).collect()
    });
    Ok(sheet.finish(table(NAME, &header, rows)?))
}

fn verify(data: &FrequencyCalibrationData) -> Result<()> {
    let check = Check(NAME);
    check.some("models", &data.models)?;
    let n = data.groups.len();
    if n < 2 {
        return check.degenerate("the comparison needs at least two groups");
    }
    check.length("customers", n, data.customers.len())?;
    let amount = |v: f64| v >= 0.0 && v.is_finite();
    check.each("actual", &data.actual, n, "a finite number, at least 0", amount)?;
    for model in &data.models {
        check.each("expected", &model.expected, n, "a finite number, at least 0", amount)?;
    }
    if data.customers.iter().all(|c| *c == 0) {
        return check.degenerate("no group holds a customer");
    }
    Ok(())
}

fn series(sheet: &mut Sheet<'_>, frame: &Frame, name: &str, values: &[f64], color: &str, radius: f64) {
    let points: Vec<(f64, f64)> = values.iter().enumerate().map(|(i, v)| frame.at(i as f64, *v)).collect();
    sheet.hover(name, |s| {
        s.curve(&points, color, 1.8);
        for point in &points {
            s.dot(*point, radius, color);
        }
    });
}

/// By how much the models are off, relative to what came: the picture above it is ruled by the heaviest buyers. Returns
/// the panel's floor.
fn misses(sheet: &mut Sheet<'_>, data: &FrequencyCalibrationData, x: Scale, top: f64) -> f64 {
    let whole =
        |model: &FrequencyModel, i: usize| (data.actual[i] > 0.0).then(|| model.expected[i] / data.actual[i] - 1.0);
    let all = || data.models.iter().flat_map(|m| (0..data.groups.len()).filter_map(move |i| whole(m, i)));
    // Where hardly anything came the relative miss knows no bounds and would flatten the others.
    let is_cut = all().any(|off| off > 1.0);
    let off = |model: &FrequencyModel, i: usize| whole(model, i).map(|off| off.min(1.0));
    let limit = all().map(|off| off.abs().min(1.0)).fold(0.02, f64::max) * 1.1;
    let frame = Frame { x, y: Scale { low: -limit, high: limit, from: top + MISSES, to: top } };
    let ticks = frame.y.ticks(4);
    let labels: Vec<String> = ticks.iter().map(|tick| number::change(*tick).replace(".0 %", " %")).collect();
    let words = "Expected against what came";
    let words = if is_cut { format!("{words}; more than twice as much is shown as twice") } else { words.to_owned() };
    frame.y_axis(sheet, &ticks, &labels, &words);
    sheet.line(frame.at(x.low, 0.0), frame.at(x.high, 0.0), sheet.theme.ink, 1.0);
    for (m, model) in data.models.iter().enumerate().rev() {
        let known = (0..data.groups.len()).filter_map(|i| off(model, i).map(|off| frame.at(i as f64, off)));
        let points: Vec<(f64, f64)> = known.collect();
        let color = sheet.theme.category(m);
        sheet.hover(&model.name, |s| {
            s.curve(&points, color, 1.4);
            for point in &points {
                s.dot(*point, 3.0, color);
            }
        });
    }
    top + MISSES
}

/// Mean absolute miss of a model per customer, in purchases.
fn miss(data: &FrequencyCalibrationData, model: &FrequencyModel, everyone: u64) -> f64 {
    let misses = model.expected.iter().zip(&data.actual).zip(&data.customers);
    misses.map(|((e, a), c)| (e - a).abs() * *c as f64).sum::<f64>() / everyone as f64
}

/// The lines' names at their ends with the last value, and each model's mean miss.
fn list(sheet: &mut Sheet<'_>, data: &FrequencyCalibrationData, everyone: u64, frame: &Frame) {
    let (face, tick, right) = (sheet.label(), sheet.tick().in_bold(), sheet.right);
    let last = data.groups.len() - 1;
    let mut lines = vec![("Came", sheet.theme.ink, data.actual[last], None)];
    for (i, model) in data.models.iter().enumerate() {
        let off = miss(data, model, everyone);
        lines.push((model.name.as_str(), sheet.theme.category(i), model.expected[last], Some(off)));
    }
    let wanted: Vec<f64> = lines.iter().map(|line| frame.y.at(line.2)).collect();
    let places = apart(&wanted, 17.0, frame.y.to + 8.0, frame.y.from - 8.0);
    let x = frame.x.to + 14.0;
    let column = right - 66.0;
    let above = places.iter().copied().fold(f64::INFINITY, f64::min) - 16.0;
    let group = format!("At {}", data.groups[last]);
    sheet.text(column, above, &group, tick.at(Anchor::End));
    sheet.text(right, above, "Mean miss", tick.at(Anchor::End));
    for ((name, color, value, off), (from, place)) in lines.iter().zip(wanted.iter().zip(&places)) {
        sheet.line((frame.x.at(last as f64) + 5.0, *from), (x, *place), color, 1.0);
        let name = text::fit(&text::clean(name), f64::from(face.size), false, column - 40.0 - x);
        sheet.text_middle(x + 4.0, *place, &name, face);
        sheet.text_middle(column, *place, &amount(*value), face.in_bold().in_color(color).at(Anchor::End));
        if let Some(off) = off {
            sheet.text_middle(right, *place, &amount(*off), face.at(Anchor::End));
        }
    }
}

fn finding(data: &FrequencyCalibrationData, everyone: u64) -> String {
    let misses: Vec<f64> = data.models.iter().map(|m| miss(data, m, everyone)).collect();
    let order = descending(&misses.iter().map(|m| -m).collect::<Vec<_>>());
    let best = &data.models[order[0]];
    let gaps: Vec<f64> = best.expected.iter().zip(&data.actual).map(|(e, a)| (e - a).abs()).collect();
    let worst = largest(&gaps);
    let next = order.get(1).map_or(String::new(), |i| format!(", {} by {}", data.models[*i].name, amount(misses[*i])));
    format!(
        "{} misses the purchases of a customer's group by {} on average{next}; it is furthest off at {} repeat \
         purchases ({} expected, {} came).",
        best.name,
        amount(misses[order[0]]),
        data.groups[worst],
        amount(best.expected[worst]),
        amount(data.actual[worst])
    )
}

/// Purchases with as many decimals as tell something.
fn amount(purchases: f64) -> String {
    match purchases {
        p if p >= 0.0995 || p <= 0.0 => format!("{p:.2}"),
        p if p >= 0.00995 => format!("{p:.3}"),
        p => format!("{p:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::amount;

    #[test]
    fn small_amounts_keep_their_figures() {
        assert_eq!([5.216, 0.1, 0.0441, 0.0023, 0.0].map(amount), ["5.22", "0.10", "0.044", "0.0023", "0.00"]);
    }
}

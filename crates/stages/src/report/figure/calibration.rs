//! Whether a stated churn probability can be taken at its word: predicted against observed churn.

use super::axis::{Frame, Scale};
use super::sheet::{Anchor, Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Problem, Result, largest, number, table};

const NAME: &str = "calibration";
const SIDE: f64 = 300.0;
/// Height of the panel that counts customers.
const COUNTS: f64 = 54.0;
/// Half-width of a 95 % interval in standard errors.
const Z95: f64 = 1.959_963_984_540_054;

/// Predicted and observed churn in bins of predicted probability, in rising order.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationData {
    /// Mean predicted probability per bin.
    pub predicted: Vec<f64>,
    /// Customers per bin.
    pub customers: Vec<u64>,
    /// Of these, customers who churned.
    pub churners: Vec<u64>,
}

/// Draws bins with their 95 % Wilson intervals against the diagonal, and under them how many customers each bin
/// holds. Bins without customers are left out of the picture but not of the table.
///
/// # Errors
/// When columns differ in length or are empty, a prediction is no probability, the predictions do not rise, a bin has
/// more churners than customers, or no bin holds a customer.
pub fn draw(data: &CalibrationData, note: &Caption, theme: &Theme) -> Result<Figure> {
    let check = Check(NAME);
    let n = data.predicted.len();
    check.some("predicted", &data.predicted)?;
    check.shares("predicted", &data.predicted, n)?;
    check.length("customers", n, data.customers.len())?;
    check.length("churners", n, data.churners.len())?;
    if let Some(row) = (0..n).find(|i| data.churners[*i] > data.customers[*i]) {
        let value = data.churners[row] as f64;
        return check.fail(Problem::Range {
            what: "churners",
            row,
            value,
            expected: "no more than the customers of the bin",
        });
    }
    if data.predicted.windows(2).any(|pair| pair[1] < pair[0]) {
        return check.degenerate("the bins are not in rising order of the prediction");
    }
    let everyone: u64 = data.customers.iter().sum();
    if everyone == 0 {
        return check.degenerate("no bin holds a customer");
    }
    let filled: Vec<usize> = (0..n).filter(|i| data.customers[*i] > 0).collect();

    let subtitle = format!(
        "Observed churn in {} bins of predicted probability, {} customers; the strokes are 95 % intervals",
        filled.len(),
        number::count(everyone)
    );
    let head = Head { name: NAME, finding: finding(data, &filled, everyone), subtitle: &subtitle };
    let mut sheet = Sheet::new(theme, &head, note, SIDE + COUNTS + 82.0);
    let (left, floor) = (sheet.left + 44.0, sheet.top + 20.0 + SIDE);
    let high = limit(data, &filled);
    let x = Scale { low: 0.0, high, from: left, to: left + SIDE };
    let frame = Frame { x, y: Scale { low: 0.0, high, from: floor, to: floor - SIDE } };
    let ticks = x.ticks(5);
    let labels = number::percent_ticks(&ticks);
    frame.y_axis(&mut sheet, &ticks, &labels, "Churned");
    sheet.line((x.from, floor), (x.to, floor), theme.muted, 0.8);
    sheet.dashed(&[frame.at(0.0, 0.0), frame.at(high, high)], theme.muted, 1.0);
    let face = sheet.tick();
    let corner = frame.at(0.03 * high, 0.95 * high);
    sheet.text_on_paper(corner.0, corner.1, "more churned than predicted", face);
    let corner = frame.at(0.97 * high, 0.05 * high);
    sheet.text_on_paper(corner.0, corner.1, "fewer churned than predicted", face.at(Anchor::End));
    let centres: Vec<(f64, f64)> = filled.iter().map(|i| frame.at(data.predicted[*i], observed(data, *i))).collect();
    sheet.curve(&centres, theme.accent, 1.2);
    for (i, centre) in filled.iter().zip(&centres) {
        let (low, high) = wilson(data.churners[*i], data.customers[*i]);
        let words = format!(
            "predicted {}, churned {} ({}–{}) of {} customers",
            number::percent(data.predicted[*i]),
            number::percent(observed(data, *i)),
            number::percent(low),
            number::percent(high),
            number::count(data.customers[*i])
        );
        sheet.hover(&words, |s| {
            s.line((centre.0, frame.y.at(low)), (centre.0, frame.y.at(high)), theme.accent, 1.6);
            s.dot(*centre, 4.5, theme.accent);
        });
    }
    histogram(&mut sheet, data, &filled, x, floor + 26.0);
    gaps(&mut sheet, data, &filled, left + SIDE + 44.0);

    let rows = (0..n).map(|i| {
        let measured = if data.customers[i] == 0 {
            [String::new(), String::new(), String::new()]
        } else {
            let (low, high) = wilson(data.churners[i], data.customers[i]);
            [observed(data, i).to_string(), low.to_string(), high.to_string()]
        };
        let counts = [data.predicted[i].to_string(), data.customers[i].to_string(), data.churners[i].to_string()];
        counts.into_iter().chain(measured).collect()
    });
    let header = ["predicted", "customers", "churners", "observed", "observed_low", "observed_high"];
    Ok(sheet.finish(table(NAME, &header, rows)?))
}

/// The 95 % interval of a share by Wilson (1927), eq. for the score interval: it stays inside 0..1 and is honest for
/// few customers. `of` is positive and `hits <= of`.
fn wilson(hits: u64, of: u64) -> (f64, f64) {
    let (n, p) = (of as f64, hits as f64 / of as f64);
    let z2 = Z95 * Z95;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z95 / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// Where both axes end: a round share above everything drawn, so that rare churn does not huddle in a corner.
fn limit(data: &CalibrationData, filled: &[usize]) -> f64 {
    let highest = filled
        .iter()
        .map(|i| data.predicted[*i].max(wilson(data.churners[*i], data.customers[*i]).1))
        .fold(0.0, f64::max);
    [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8].into_iter().find(|end| highest <= *end).unwrap_or(1.0)
}

fn observed(data: &CalibrationData, i: usize) -> f64 {
    data.churners[i] as f64 / data.customers[i] as f64
}

/// How many customers stand behind each point, under the point.
fn histogram(sheet: &mut Sheet<'_>, data: &CalibrationData, filled: &[usize], x: Scale, top: f64) {
    let (tick, neutral, rule) = (sheet.tick(), sheet.theme.neutral, sheet.theme.muted);
    let most = filled.iter().map(|i| data.customers[*i]).max().unwrap_or(1) as f64;
    let floor = top + COUNTS;
    let places: Vec<f64> = filled.iter().map(|i| x.at(data.predicted[*i])).collect();
    let nearest = places.windows(2).map(|pair| pair[1] - pair[0]).fold(14.0, f64::min);
    let half = (nearest * 0.4).clamp(1.0, 7.0);
    sheet.text(x.from, top - 8.0, &format!("Customers per bin, at most {}", number::count(most as u64)), tick);
    for (i, place) in filled.iter().zip(&places) {
        let height = data.customers[*i] as f64 / most * (COUNTS - 4.0);
        let words = format!("{} customers", number::count(data.customers[*i]));
        sheet.hover(&words, |s| s.bar((place - half, place + half), (floor - height, floor), neutral, 1.0));
    }
    let ticks = x.ticks(5);
    sheet.line((x.from, floor), (x.to, floor), rule, 0.8);
    for (value, label) in ticks.iter().zip(number::percent_ticks(&ticks)) {
        sheet.text(x.at(*value), floor + 15.0, &label, tick.at(Anchor::Middle));
    }
    sheet.text((x.from + x.to) / 2.0, floor + 31.0, "Predicted churn probability", tick.at(Anchor::Middle));
}

/// The same bins as numbers: predicted, observed, and the gap between them, which the diagonal is too coarse to show.
fn gaps(sheet: &mut Sheet<'_>, data: &CalibrationData, filled: &[usize], x: f64) {
    let (face, tick) = (sheet.label(), sheet.tick().in_bold());
    let top = sheet.top + 8.0;
    let columns = [(x + 62.0, "Predicted"), (x + 130.0, "Churned"), (x + 196.0, "Gap"), (sheet.right, "Customers")];
    for (place, words) in columns {
        sheet.text(place, top, words, tick.at(Anchor::End));
    }
    let row = ((SIDE + COUNTS) / filled.len() as f64).clamp(12.0, 24.0);
    for (line, i) in filled.iter().enumerate() {
        let y = top + 16.0 + line as f64 * row;
        let gap = observed(data, *i) - data.predicted[*i];
        let (low, high) = wilson(data.churners[*i], data.customers[*i]);
        // A gap in the contrast colour and bold is one that the bin's own interval does not cover.
        let off = data.predicted[*i] < low || data.predicted[*i] > high;
        let marked = if off { face.in_bold().in_color(sheet.theme.contrast) } else { face };
        let cells = [
            (number::percent(data.predicted[*i]), face),
            (number::percent(observed(data, *i)), face),
            (points(gap, true), marked),
            (number::count(data.customers[*i]), face.in_color(sheet.theme.muted)),
        ];
        for ((place, _), (words, look)) in columns.iter().zip(&cells) {
            sheet.text_middle(*place, y, words, look.at(Anchor::End));
        }
    }
    let y = top + 16.0 + filled.len() as f64 * row + 4.0;
    let right = sheet.right;
    sheet.text(right, y, "gap in percentage points; bold: outside the 95 % interval", sheet.tick().at(Anchor::End));
}

/// A difference of shares in percentage points.
fn points(difference: f64, sign: bool) -> String {
    let size = format!("{:.1}", difference.abs() * 100.0);
    match (sign, size == "0.0", difference < 0.0) {
        (true, false, true) => format!("−{size}"),
        (true, false, false) => format!("+{size}"),
        _ => size,
    }
}

fn finding(data: &CalibrationData, filled: &[usize], everyone: u64) -> String {
    let weight = |i: usize| data.customers[i] as f64 / everyone as f64;
    let expected: f64 = filled.iter().map(|i| weight(*i) * data.predicted[*i]).sum();
    let happened = data.churners.iter().sum::<u64>() as f64 / everyone as f64;
    let sizes: Vec<f64> = filled.iter().map(|i| (observed(data, *i) - data.predicted[*i]).abs()).collect();
    let average: f64 = filled.iter().zip(&sizes).map(|(i, gap)| weight(*i) * gap).sum();
    let worst = filled[largest(&sizes)];
    format!(
        "{} were predicted to churn and {} did; across the bins the gap averages {} points, \
         at most {} (predicted {}, observed {}).",
        number::percent(expected),
        number::percent(happened),
        points(average, false),
        points(sizes[largest(&sizes)], false),
        number::percent(data.predicted[worst]),
        number::percent(observed(data, worst))
    )
}

#[cfg(test)]
mod tests {
    use super::{points, wilson};

    #[test]
    fn wilson_is_the_published_interval() {
        // Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to
        // 0.1611.
        let (low, high) = wilson(81, 263);
        assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5);
        let (low, high) = wilson(0, 20);
        assert!(low.abs() < 1e-12 && (high - 0.1611).abs() < 5e-5);
    }

    #[test]
    fn points_carry_a_sign_only_when_there_is_a_difference() {
        assert_eq!(
            [points(0.018, true), points(-0.0712, true), points(-0.0001, true), points(-0.05, false)],
            ["+1.8", "−7.1", "0.0", "5.0"]
        );
    }
}

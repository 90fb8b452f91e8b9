//! Whether predicted value came true: actual against predicted value per predicted group, with the q10–q90 band.

use super::axis::{self, Scale};
use super::sheet::{Anchor, Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, largest, number, table};

const NAME: &str = "value_calibration";
const ROW: f64 = 27.0;

/// Value per group of customers with similar prediction, the highest prediction first; groups are usually tenths.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueCalibrationData {
    /// Mean predicted value per customer in `currency` over the horizon.
    pub predicted: Vec<f64>,
    /// Mean actual value per customer over the same days.
    pub actual: Vec<f64>,
    /// Mean of the customers' lower quantiles.
    pub q10: Vec<f64>,
    /// Mean of the customers' upper quantiles.
    pub q90: Vec<f64>,
    /// Customers per group.
    pub customers: Vec<u64>,
    /// Share of each group's customers whose value ended above their own upper quantile.
    pub above_q90: Vec<f64>,
    /// Length of the outcome window in days.
    pub horizon_days: u32,
    /// ISO code of the currency.
    pub currency: String,
}

/// Draws one row per group: the band, the prediction as a tick, the outcome as a dot, and all of it in numbers
/// beside.
///
/// # Errors
/// When columns differ in length or are empty, a value is not finite, quantiles cross, a group is empty, or the
/// predicted total is not positive.
pub fn draw(data: &ValueCalibrationData, note: &Caption, theme: &Theme) -> Result<Figure> {
    let check = Check(NAME);
    let n = data.predicted.len();
    check.some("predicted", &data.predicted)?;
    for (what, column) in
        [("predicted", &data.predicted), ("actual", &data.actual), ("q10", &data.q10), ("q90", &data.q90)]
    {
        check.finite(what, column, n)?;
    }
    check.shares("above_q90", &data.above_q90, n)?;
    check.length("customers", n, data.customers.len())?;
    if data.customers.contains(&0) {
        return check.degenerate("a group has no customers");
    }
    if (0..n).any(|i| data.q10[i] > data.q90[i]) {
        return check.degenerate("the lower quantile exceeds the upper one");
    }
    let total = |means: &[f64]| means.iter().zip(&data.customers).map(|(m, c)| m * *c as f64).sum::<f64>();
    let totals = (total(&data.predicted), total(&data.actual));
    if totals.0 <= 0.0 {
        return check.degenerate("the predicted total is not positive");
    }
    let everyone: u64 = data.customers.iter().sum();

    let subtitle = format!(
        "Value per customer over {} days, in {n} groups of {} customers by predicted value, the highest first",
        data.horizon_days,
        number::count(everyone)
    );
    let head = Head { name: NAME, finding: finding(data, totals, everyone), subtitle: &subtitle };
    let rows_height = n as f64 * ROW;
    let mut sheet = Sheet::new(theme, &head, note, 34.0 + rows_height + 36.0);
    let (face, tick) = (sheet.label(), sheet.tick());
    let top = sheet.top + 34.0;
    let right = sheet.right;
    let columns =
        [(right - 232.0, "Predicted"), (right - 160.0, "Actual"), (right - 78.0, "Error"), (right, "Above q90")];
    let (low, high) = range(data);
    let x = Scale { low, high, from: sheet.left + 42.0, to: right - 312.0 };
    legend(&mut sheet, x.from);
    sheet.text(x.from - 8.0, top - 10.0, "Group", tick.in_bold().at(Anchor::End));
    for (place, words) in columns {
        sheet.text(place, top - 10.0, words, tick.in_bold().at(Anchor::End));
    }
    let (ticks, labels) = axis::money_ticks(&sheet, x, &data.currency, 4);
    for (value, label) in ticks.iter().zip(labels) {
        sheet.line((x.at(*value), top), (x.at(*value), top + rows_height), theme.grid, 0.8);
        sheet.text(x.at(*value), top + rows_height + 15.0, &label, tick.at(Anchor::Middle));
    }
    sheet.line((x.at(0.0), top), (x.at(0.0), top + rows_height), theme.muted, 0.8);
    sheet.text(
        (x.from + x.to) / 2.0,
        top + rows_height + 30.0,
        &format!("Value per customer in {} days", data.horizon_days),
        tick.at(Anchor::Middle),
    );
    for i in 0..n {
        let y = top + (i as f64 + 0.5) * ROW;
        let cells = [
            number::money(data.predicted[i], &data.currency),
            number::money(data.actual[i], &data.currency),
            error(data.predicted[i], data.actual[i]),
            number::percent(data.above_q90[i]),
        ];
        let words = format!(
            "group {}: predicted {}, actual {}, band {} to {}",
            i + 1,
            cells[0],
            cells[1],
            number::money(data.q10[i], &data.currency),
            number::money(data.q90[i], &data.currency)
        );
        sheet.text_middle(x.from - 8.0, y, &(i + 1).to_string(), face.at(Anchor::End));
        sheet.hover(&words, |s| {
            s.bar((x.at(data.q10[i]), x.at(data.q90[i])), (y - 7.0, y + 7.0), theme.accent, 0.22);
            s.line((x.at(data.predicted[i]), y - 8.0), (x.at(data.predicted[i]), y + 8.0), theme.accent, 2.2);
            s.dot((x.at(data.actual[i]), y), 4.5, theme.contrast);
        });
        for ((place, _), cell) in columns.iter().zip(&cells) {
            sheet.text_middle(*place, y, cell, face.at(Anchor::End));
        }
    }

    let rows = (0..n).map(|i| {
        vec![
            (i + 1).to_string(),
            data.customers[i].to_string(),
            data.predicted[i].to_string(),
            data.actual[i].to_string(),
            data.q10[i].to_string(),
            data.q90[i].to_string(),
            data.above_q90[i].to_string(),
        ]
    });
    Ok(sheet.finish(table(
        NAME,
        &["group", "customers", "predicted", "actual", "q10", "q90", "share_above_q90"],
        rows,
    )?))
}

/// What the three marks are, above the rows.
fn legend(sheet: &mut Sheet<'_>, x: f64) {
    let (face, theme) = (sheet.tick(), sheet.theme);
    let y = sheet.top + 6.0;
    sheet.line((x + 2.0, y - 6.0), (x + 2.0, y + 6.0), theme.accent, 2.2);
    sheet.text_middle(x + 9.0, y, "predicted", face);
    let x = x + 9.0 + face.width("predicted") + 18.0;
    sheet.dot((x, y), 4.5, theme.contrast);
    sheet.text_middle(x + 9.0, y, "actual", face);
    let x = x + 9.0 + face.width("actual") + 16.0;
    sheet.bar((x, x + 22.0), (y - 5.0, y + 5.0), theme.accent, 0.22);
    sheet.text_middle(x + 28.0, y, "q10 to q90", face);
}

/// From zero, or the lowest value below it, to the highest mark.
fn range(data: &ValueCalibrationData) -> (f64, f64) {
    let all = data.predicted.iter().chain(&data.actual).chain(&data.q10).chain(&data.q90);
    let (low, high) = all.fold((0.0_f64, 0.0_f64), |(low, high), v| (low.min(*v), high.max(*v)));
    (low, high + 0.03 * (high - low))
}

/// What was predicted less what came, as a share of what came: the sign of the portfolio error on the screen and the card.
/// A dash where nothing came.
fn error(predicted: f64, actual: f64) -> String {
    if actual > 0.0 { number::change(predicted / actual - 1.0) } else { "–".to_owned() }
}

fn finding(data: &ValueCalibrationData, totals: (f64, f64), everyone: u64) -> String {
    let above: f64 =
        data.above_q90.iter().zip(&data.customers).map(|(s, c)| s * *c as f64).sum::<f64>() / everyone as f64;
    let misses: Vec<f64> = data
        .predicted
        .iter()
        .zip(&data.actual)
        .zip(&data.customers)
        .map(|((p, a), c)| ((a - p) * *c as f64).abs())
        .collect();
    let worst = largest(&misses);
    format!(
        "{} was predicted where {} came ({}); group {} missed by the most money ({}), \
         and {} of customers ended above their q90, where 10 % should.",
        number::money(totals.0, &data.currency),
        number::money(totals.1, &data.currency),
        error(totals.0, totals.1),
        worst + 1,
        error(data.predicted[worst], data.actual[worst]),
        number::percent(above)
    )
}

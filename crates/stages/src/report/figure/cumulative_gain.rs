//! How many churners a campaign reaches: share of churners found against share of customers contacted.

use super::axis::{Frame, Scale};
use super::sheet::{Anchor, Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, descending, largest, number, table, text};

const NAME: &str = "cumulative_gain";
const SIDE: f64 = 300.0;
/// The contacted shares that the key states in numbers; the finding speaks of the second.
const STATED: [f64; 3] = [0.1, 0.2, 0.5];

/// One model's gain curve.
#[derive(Debug, Clone, PartialEq)]
pub struct GainModel {
    /// Name shown to the reader.
    pub name: String,
    /// Share of customers contacted, the riskiest first, rising from 0 to 1.
    pub contacted: Vec<f64>,
    /// Share of all churners among them, rising from 0 to 1.
    pub captured: Vec<f64>,
}

/// Gain curves of several models on one window.
#[derive(Debug, Clone, PartialEq)]
pub struct CumulativeGainData {
    /// Models in the order in which they are listed.
    pub models: Vec<GainModel>,
    /// Share of customers who churned; perfect foresight reaches all of them after contacting this share.
    pub churn_rate: f64,
}

/// Draws the curves between chance and perfect foresight, and states what 10, 20 and 50 % of contacts reach.
///
/// # Errors
/// When there is no model, a curve has fewer than two points, does not start at 0 and end at 1 or falls, or the churn
/// rate is 0 or 1.
pub fn draw(data: &CumulativeGainData, note: &Caption, theme: &Theme) -> Result<Figure> {
    let check = Check(NAME);
    check.some("models", &data.models)?;
    check.each("churn_rate", &[data.churn_rate], 1, "a share above 0 and below 1", |v| v > 0.0 && v < 1.0)?;
    for model in &data.models {
        let n = model.contacted.len();
        check.shares("contacted", &model.contacted, n)?;
        check.shares("captured", &model.captured, n)?;
        let whole = |column: &[f64]| {
            n >= 2 && column[0] < 1e-9 && column[n - 1] > 1.0 - 1e-9 && column.windows(2).all(|pair| pair[1] >= pair[0])
        };
        if !whole(&model.contacted) || !whole(&model.captured) {
            return check.degenerate("a gain curve must rise from 0 to 1 in both directions");
        }
    }
    let subtitle = format!(
        "Share of churners among the customers contacted, the riskiest first; {} churned",
        number::percent(data.churn_rate)
    );
    let head = Head { name: NAME, finding: finding(data), subtitle: &subtitle };
    let mut sheet = Sheet::new(theme, &head, note, SIDE + 62.0);
    let (left, floor) = (sheet.left + 44.0, sheet.top + 20.0 + SIDE);
    let frame = Frame {
        x: Scale { low: 0.0, high: 1.0, from: left, to: left + SIDE },
        y: Scale { low: 0.0, high: 1.0, from: floor, to: floor - SIDE },
    };
    let ticks = frame.x.ticks(5);
    let labels = number::percent_ticks(&ticks);
    frame.y_axis(&mut sheet, &ticks, &labels, "Churners reached");
    frame.x_axis(&mut sheet, &ticks, &labels, "Customers contacted");
    sheet.dashed(&[frame.at(0.0, 0.0), frame.at(data.churn_rate, 1.0), frame.at(1.0, 1.0)], theme.neutral, 1.0);
    sheet.dashed(&[frame.at(0.0, 0.0), frame.at(1.0, 1.0)], theme.muted, 1.0);
    for (i, model) in data.models.iter().enumerate().rev() {
        let points: Vec<(f64, f64)> =
            model.contacted.iter().zip(&model.captured).map(|(x, y)| frame.at(*x, *y)).collect();
        sheet.hover(&model.name, |s| s.curve(&points, theme.category(i), if i == 0 { 2.4 } else { 1.7 }));
    }
    key(&mut sheet, data, left + SIDE + 40.0);

    let rows = data.models.iter().flat_map(|model| {
        model.contacted.iter().zip(&model.captured).map(|(x, y)| vec![model.name.clone(), x.to_string(), y.to_string()])
    });
    Ok(sheet.finish(table(NAME, &["model", "contacted", "captured"], rows)?))
}

/// The key: each line's name and what it reaches at the stated shares, perfect foresight and chance included.
fn key(sheet: &mut Sheet<'_>, data: &CumulativeGainData, x: f64) {
    let (face, tick, theme) = (sheet.label(), sheet.tick(), sheet.theme);
    let places: Vec<f64> = (0..STATED.len()).map(|i| sheet.right - 48.0 * (STATED.len() - 1 - i) as f64).collect();
    sheet.text(x, sheet.top + 8.0, "Churners reached by contacting", tick.in_bold());
    for (place, share) in places.iter().zip(STATED) {
        sheet.text(*place, sheet.top + 26.0, &number::percent(share), tick.in_bold().at(Anchor::End));
    }
    let foresight = |share: f64| (share / data.churn_rate).min(1.0);
    let mut rows: Vec<(String, &'static str, bool, [f64; 3])> = data
        .models
        .iter()
        .enumerate()
        .map(|(i, m)| (m.name.clone(), theme.category(i), false, STATED.map(|s| captured(m, s))))
        .collect();
    rows.push(("perfect foresight".to_owned(), theme.neutral, true, STATED.map(foresight)));
    rows.push(("chance".to_owned(), theme.muted, true, STATED));
    for (line, (name, color, dashed, reached)) in rows.iter().enumerate() {
        let y = sheet.top + 46.0 + 24.0 * line as f64;
        if *dashed {
            sheet.dashed(&[(x, y), (x + 20.0, y)], color, 1.4);
        } else {
            sheet.line((x, y), (x + 20.0, y), color, 3.0);
        }
        let name = text::fit(&text::clean(name), f64::from(face.size), false, places[0] - 40.0 - x - 26.0);
        sheet.text_middle(x + 26.0, y, &name, face);
        for (place, share) in places.iter().zip(reached) {
            sheet.text_middle(*place, y, &number::percent(*share), face.at(Anchor::End));
        }
    }
}

/// Share of churners reached by contacting `share` of customers, between the curve's points by a straight line.
fn captured(model: &GainModel, share: f64) -> f64 {
    let after = model.contacted.partition_point(|c| *c < share).clamp(1, model.contacted.len() - 1);
    let (x0, x1) = (model.contacted[after - 1], model.contacted[after]);
    let (y0, y1) = (model.captured[after - 1], model.captured[after]);
    if x1 > x0 { y0 + (y1 - y0) * (share - x0) / (x1 - x0) } else { y1 }
}

fn finding(data: &CumulativeGainData) -> String {
    let share = STATED[1];
    let reached: Vec<f64> = data.models.iter().map(|m| captured(m, share)).collect();
    let best = largest(&reached);
    let runner_up = descending(&reached)
        .get(1)
        .map_or(String::new(), |i| format!(", {} with {}", number::percent(reached[*i]), data.models[*i].name));
    format!(
        "Contacting the riskiest {} reaches {} of churners with {}{runner_up}; chance would reach {}.",
        number::percent(share),
        number::percent(reached[best]),
        data.models[best].name,
        number::percent(share)
    )
}

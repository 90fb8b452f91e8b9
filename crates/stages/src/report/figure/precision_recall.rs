//! How many of those flagged do churn: precision against recall on the test window, beside the base rate.

use super::areas::{self, Area, Key};
use super::axis::{Frame, Scale};
use super::sheet::{Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, descending, number, table};

const NAME: &str = "precision_recall";
const SIDE: f64 = 320.0;

/// One model's curve and average precision.
#[derive(Debug, Clone, PartialEq)]
pub struct PrecisionRecallModel {
    /// Name shown to the reader, for example `Gradient boosting`.
    pub name: String,
    /// Share of the churners that is flagged, rising to 1.
    pub recall: Vec<f64>,
    /// Share of the flagged that churned, at each recall.
    pub precision: Vec<f64>,
    /// Average precision: the area under the steps of the curve.
    pub average_precision: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end of its interval.
    pub high: f64,
}

/// The models of one test window.
#[derive(Debug, Clone, PartialEq)]
pub struct PrecisionRecallData {
    /// Models in the order in which they are listed.
    pub models: Vec<PrecisionRecallModel>,
    /// Customers who churned in the window.
    pub churners: u64,
    /// Customers who did not.
    pub stayers: u64,
    /// Probability that the intervals are meant to cover, for example 0.95.
    pub interval_level: f64,
}

/// Draws all curves with the base rate, and beside them the average precisions with their intervals as a key.
///
/// # Errors
/// When there is no model, a curve has fewer than two points, a rate is no share, a recall falls along the curve, an
/// interval does not hold its value, or one of the two classes is empty.
pub fn draw(data: &PrecisionRecallData, note: &Caption, theme: &Theme) -> Result<Figure> {
    verify(data)?;
    let base = base_rate(data);
    let subtitle = format!(
        "Precision against recall on the test window ({} churned, {} stayed); the higher and the further right, \
         the better",
        number::count(data.churners),
        number::count(data.stayers)
    );
    let head = Head { name: NAME, finding: finding(data, base), subtitle: &subtitle };
    let mut sheet = Sheet::new(theme, &head, note, SIDE + 62.0);
    let (left, floor) = (sheet.left + 44.0, sheet.top + 20.0 + SIDE);
    let frame = Frame {
        x: Scale { low: 0.0, high: 1.0, from: left, to: left + SIDE },
        y: Scale { low: 0.0, high: 1.0, from: floor, to: floor - SIDE },
    };
    let ticks = frame.x.ticks(5);
    let labels = number::percent_ticks(&ticks);
    frame.y_axis(&mut sheet, &ticks, &labels, "Precision: flagged who churned");
    frame.x_axis(&mut sheet, &ticks, &labels, "Recall: churners flagged");
    sheet.dashed(&[frame.at(0.0, base), frame.at(1.0, base)], theme.muted, 1.0);
    // The first model is the one the figure is about, so it is drawn last, on top.
    for (i, model) in data.models.iter().enumerate().rev() {
        let points: Vec<(f64, f64)> =
            model.recall.iter().zip(&model.precision).map(|(x, y)| frame.at(*x, *y)).collect();
        let words = format!("{}: average precision {:.3}", model.name, model.average_precision);
        sheet.hover(&words, |s| s.curve(&points, theme.category(i), if i == 0 { 2.4 } else { 1.7 }));
    }
    // Beneath the line there is room unless churn is rare; above it the curves pass only at their right end.
    let side = if base > 0.12 { 12.0 } else { -12.0 };
    let (at, face) = (frame.at(0.02, base), sheet.tick());
    sheet.text_on_paper(at.0 + 3.0, at.1 + side, &format!("everybody flagged: {}", number::percent(base)), face);
    key(&mut sheet, data, base, left + SIDE + 40.0);

    let rows = data.models.iter().flat_map(|model| {
        model.recall.iter().zip(&model.precision).map(|(x, y)| {
            vec![
                model.name.clone(),
                x.to_string(),
                y.to_string(),
                model.average_precision.to_string(),
                model.low.to_string(),
                model.high.to_string(),
            ]
        })
    });
    let header = ["model", "recall", "precision", "average_precision", "low", "high"];
    Ok(sheet.finish(table(NAME, &header, rows)?))
}

fn verify(data: &PrecisionRecallData) -> Result<()> {
    let check = Check(NAME);
    check.some("models", &data.models)?;
    if data.churners == 0 || data.stayers == 0 {
        return check.degenerate("precision and recall need both churners and stayers");
    }
    check.shares("interval_level", &[data.interval_level], 1)?;
    for model in &data.models {
        let n = model.recall.len();
        if n < 2 {
            return check.degenerate("a curve has fewer than two points");
        }
        check.shares("recall", &model.recall, n)?;
        check.shares("precision", &model.precision, n)?;
        check.shares("average_precision", &[model.low, model.average_precision, model.high], 3)?;
        if model.recall.windows(2).any(|pair| pair[1] < pair[0]) {
            return check.degenerate("the recall falls along a curve");
        }
        if !(model.low <= model.average_precision && model.average_precision <= model.high) {
            return check.degenerate("an interval does not hold its average precision");
        }
    }
    Ok(())
}

fn base_rate(data: &PrecisionRecallData) -> f64 {
    data.churners as f64 / (data.churners + data.stayers) as f64
}

/// The average precisions on an axis that begins below the base rate.
fn key(sheet: &mut Sheet<'_>, data: &PrecisionRecallData, base: f64, x: f64) {
    let title = format!("Average precision, {} interval", number::percent(data.interval_level));
    let chance = format!("base rate {}", number::percent(base));
    let areas: Vec<Area<'_>> = data
        .models
        .iter()
        .map(|m| Area { name: &m.name, value: m.average_precision, low: m.low, high: m.high })
        .collect();
    areas::list(sheet, &Key { title: &title, chance: base, chance_words: &chance }, &areas, x);
}

/// The best precision among the points at which at least half of the churners are flagged.
fn precision_at_half(model: &PrecisionRecallModel) -> Option<f64> {
    let enough = model.recall.iter().zip(&model.precision).filter(|(recall, _)| **recall >= 0.5);
    enough.map(|(_, precision)| *precision).reduce(f64::max)
}

fn finding(data: &PrecisionRecallData, base: f64) -> String {
    let order = descending(&data.models.iter().map(|m| m.average_precision).collect::<Vec<_>>());
    let best = &data.models[order[0]];
    let half = precision_at_half(best).map_or(String::new(), |precision| {
        format!("; where half of the churners are found, {} of those flagged do churn", number::percent(precision))
    });
    format!(
        "{} has an average precision of {:.3} ({:.3}–{:.3}) where flagging everybody has {:.3}{half}.",
        best.name, best.average_precision, best.low, best.high, base
    )
}

//! How well the models rank churners: ROC curves on the test window, and their areas with intervals.

use super::areas::{self, Area, Key};
use super::axis::{Frame, Scale};
use super::sheet::{Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, descending, number, table};

const NAME: &str = "roc_curve";
const SIDE: f64 = 320.0;

/// One model's curve and area.
#[derive(Debug, Clone, PartialEq)]
pub struct RocModel {
    /// Name shown to the reader, for example `Gradient boosting`.
    pub name: String,
    /// Share of the customers who stayed that is flagged, rising from 0 to 1.
    pub false_positive_rate: Vec<f64>,
    /// Share of the churners that is flagged, rising from 0 to 1.
    pub true_positive_rate: Vec<f64>,
    /// Area under the curve.
    pub auc: f64,
    /// Lower end of its interval.
    pub auc_low: f64,
    /// Upper end of its interval.
    pub auc_high: f64,
}

/// The models of one test window.
#[derive(Debug, Clone, PartialEq)]
pub struct RocCurveData {
    /// Models in the order in which they are listed.
    pub models: Vec<RocModel>,
    /// Customers who churned in the window.
    pub churners: u64,
    /// Customers who did not.
    pub stayers: u64,
    /// Probability that the intervals are meant to cover, for example 0.95.
    pub interval_level: f64,
}

/// Draws all curves, and beside them the areas with their intervals as a key.
///
/// # Errors
/// When there is no model, a curve has fewer than two points, a rate is no share or falls along the curve, an
/// interval does not hold its area, or one of the two classes is empty.
pub fn draw(data: &RocCurveData, note: &Caption, theme: &Theme) -> Result<Figure> {
    verify(data)?;
    let subtitle = format!(
        "ROC curves on the test window ({} churned, {} stayed); the nearer to the upper left, the better",
        number::count(data.churners),
        number::count(data.stayers)
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
    frame.y_axis(&mut sheet, &ticks, &labels, "Churners flagged");
    frame.x_axis(&mut sheet, &ticks, &labels, "Stayers flagged by mistake");
    sheet.dashed(&[frame.at(0.0, 0.0), frame.at(1.0, 1.0)], theme.muted, 1.0);
    // The first model is the one the figure is about, so it is drawn last, on top.
    for (i, model) in data.models.iter().enumerate().rev() {
        let points: Vec<(f64, f64)> =
            model.false_positive_rate.iter().zip(&model.true_positive_rate).map(|(x, y)| frame.at(*x, *y)).collect();
        let words = format!("{}: AUC {:.3}", model.name, model.auc);
        sheet.hover(&words, |s| s.curve(&points, theme.category(i), if i == 0 { 2.4 } else { 1.7 }));
    }
    let face = sheet.tick();
    let at = frame.at(0.64, 0.56);
    sheet.text_on_paper(at.0, at.1, "by chance", face);
    key(&mut sheet, data, left + SIDE + 40.0);

    let rows = data.models.iter().flat_map(|model| {
        model.false_positive_rate.iter().zip(&model.true_positive_rate).map(|(x, y)| {
            vec![
                model.name.clone(),
                x.to_string(),
                y.to_string(),
                model.auc.to_string(),
                model.auc_low.to_string(),
                model.auc_high.to_string(),
            ]
        })
    });
    let header = ["model", "false_positive_rate", "true_positive_rate", "auc", "auc_low", "auc_high"];
    Ok(sheet.finish(table(NAME, &header, rows)?))
}

fn verify(data: &RocCurveData) -> Result<()> {
    let check = Check(NAME);
    check.some("models", &data.models)?;
    if data.churners == 0 || data.stayers == 0 {
        return check.degenerate("a ROC curve needs both churners and stayers");
    }
    check.shares("interval_level", &[data.interval_level], 1)?;
    for model in &data.models {
        let n = model.false_positive_rate.len();
        if n < 2 {
            return check.degenerate("a curve has fewer than two points");
        }
        check.shares("false_positive_rate", &model.false_positive_rate, n)?;
        check.shares("true_positive_rate", &model.true_positive_rate, n)?;
        check.shares("auc", &[model.auc_low, model.auc, model.auc_high], 3)?;
        let falls = |rates: &[f64]| rates.windows(2).any(|pair| pair[1] < pair[0]);
        if falls(&model.false_positive_rate) || falls(&model.true_positive_rate) {
            return check.degenerate("a rate falls along a curve");
        }
        if !(model.auc_low <= model.auc && model.auc <= model.auc_high) {
            return check.degenerate("an interval does not hold its area");
        }
    }
    Ok(())
}

/// The models' areas on an axis from chance to perfect.
fn key(sheet: &mut Sheet<'_>, data: &RocCurveData, x: f64) {
    let title = format!("Area under the curve, {} interval", number::percent(data.interval_level));
    let key = Key { title: &title, chance: 0.5, chance_words: "chance" };
    let areas: Vec<Area<'_>> =
        data.models.iter().map(|m| Area { name: &m.name, value: m.auc, low: m.auc_low, high: m.auc_high }).collect();
    areas::list(sheet, &key, &areas, x);
}

fn finding(data: &RocCurveData) -> String {
    let order = descending(&data.models.iter().map(|m| m.auc).collect::<Vec<_>>());
    let best = &data.models[order[0]];
    let area = format!(
        "AUC {:.3}, {} interval {:.3}–{:.3}",
        best.auc,
        number::percent(data.interval_level),
        best.auc_low,
        best.auc_high
    );
    let Some(next) = order.get(1).map(|i| &data.models[*i]) else {
        return format!("{} ranks churners with {area}.", best.name);
    };
    let relation = if next.auc_high >= best.auc_low { "overlaps it" } else { "lies below it" };
    format!("{} ranks churners best ({area}); the interval of {} ({:.3}) {relation}.", best.name, next.name, next.auc)
}

//! What the churn model goes by: how far each feature moves its forecasts, all customers together.

use super::sheet::{Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, bars, number, table};

const NAME: &str = "feature_importance";
/// Features that are shown.
const SHOWN: usize = 15;

/// Features with their parts in the forecasts.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureImportanceData {
    /// Names as the reader knows them, most important first.
    pub features: Vec<String>,
    /// Share of all mean absolute contributions, falling.
    pub share: Vec<f64>,
}

/// Draws the first features as bars, and the rest as one.
///
/// # Errors
/// When columns differ in length or are empty, a share lies outside 0..=1, or all are 0.
pub fn draw(data: &FeatureImportanceData, note: &Caption, theme: &Theme) -> Result<Figure> {
    let check = Check(NAME);
    let n = data.features.len();
    check.some("features", &data.features)?;
    check.shares("share", &data.share, n)?;
    if data.share.iter().all(|share| *share <= 0.0) {
        return check.degenerate("no feature moves the forecasts");
    }
    let shown = n.min(SHOWN);
    let mut names = data.features[..shown].to_vec();
    let mut values = data.share[..shown].to_vec();
    let mut colors = vec![theme.accent; shown];
    if n > shown {
        names.push(format!("{} others", n - shown));
        values.push(data.share[shown..].iter().sum());
        colors.push(theme.neutral);
    }
    let first: f64 = data.share.iter().take(3).sum();
    let finding = match n {
        1 => format!("The forecasts rest on “{}” alone.", data.features[0]),
        2 => format!("The forecasts rest on “{}” and “{}”.", data.features[0], data.features[1]),
        _ => format!(
            "“{}”, “{}” and “{}” make up {} of what moves the forecasts.",
            data.features[0],
            data.features[1],
            data.features[2],
            number::percent(first)
        ),
    };
    let subtitle =
        "Mean absolute contribution to the log-odds of churn over all customers, as a share of all features'";
    let head = Head { name: NAME, finding, subtitle };
    let mut sheet = Sheet::new(theme, &head, note, bars::height(names.len()));
    let x = sheet.left + bars::names(&mut sheet, &names, 250.0) + 10.0;
    let panel = bars::Panel {
        title: "Share",
        x,
        width: sheet.right - x,
        labels: values.iter().map(|share| number::percent(*share)).collect(),
        values,
        labelled: true,
        colors,
    };
    bars::draw(&mut sheet, &panel, &names);
    let rows = data.features.iter().zip(&data.share).map(|(name, share)| vec![name.clone(), share.to_string()]);
    Ok(sheet.finish(table(NAME, &["feature", "share"], rows)?))
}

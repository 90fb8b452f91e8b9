//! Rows of horizontal bars beside each other, every bar with its number at its end and no axis to read off.

use super::sheet::{Anchor, Sheet};
use super::text;

/// Height of one row.
pub(super) const ROW: f64 = 26.0;
/// Height of the panel titles above the first row.
pub(super) const TITLES: f64 = 24.0;
/// Height that the name of a reference line takes below the rows.
pub(super) const FOOT: f64 = 16.0;
/// Space between a bar and its number.
const GAP: f64 = 5.0;

/// One column of bars.
pub(super) struct Panel<'a> {
    pub(super) title: &'a str,
    pub(super) x: f64,
    pub(super) width: f64,
    pub(super) values: Vec<f64>,
    pub(super) labels: Vec<String>,
    /// Whether the labels stand at the bars; otherwise they only show on hover.
    pub(super) labelled: bool,
    /// One colour per row.
    pub(super) colors: Vec<&'static str>,
}

/// Height of `n` rows with their titles.
pub(super) fn height(n: usize) -> f64 {
    TITLES + n as f64 * ROW
}

/// The row names, right-aligned against the bars; returns the width they take. Long names are cut and shown whole on
/// hover.
pub(super) fn names(sheet: &mut Sheet<'_>, names: &[String], limit: f64) -> f64 {
    let face = sheet.label();
    let cut: Vec<String> =
        names.iter().map(|n| text::fit(&text::clean(n), f64::from(face.size), false, limit)).collect();
    let width = cut.iter().map(|name| face.width(name)).fold(0.0, f64::max);
    let (x, top) = (sheet.left + width, sheet.top + TITLES);
    for (i, (name, shown)) in names.iter().zip(&cut).enumerate() {
        let y = top + (i as f64 + 0.5) * ROW;
        if *name == *shown {
            sheet.text_middle(x, y, shown, face.at(Anchor::End));
        } else {
            sheet.hover(name, |s| s.text_middle(x, y, shown, face.at(Anchor::End)));
        }
    }
    width
}

/// Draws `panel`; bars start at zero and every panel has its own scale, chosen so that the longest bar and its number
/// just fit.
pub(super) fn draw(sheet: &mut Sheet<'_>, panel: &Panel<'_>, names: &[String]) {
    let (face, tick) = (sheet.label(), sheet.tick());
    let (unit, left) = fitted(sheet, panel);
    let zero = panel.x + left;
    sheet.text(panel.x, sheet.top + 10.0, panel.title, tick.in_bold());
    let top = sheet.top + TITLES;
    for (i, value) in panel.values.iter().enumerate() {
        let y = top + i as f64 * ROW;
        let end = zero + value * unit;
        sheet.hover(&format!("{}: {} {}", names[i], panel.title, panel.labels[i]), |s| {
            s.bar((zero, end), (y + 4.0, y + ROW - 4.0), panel.colors[i], 1.0);
            if panel.labelled {
                s.text_middle(zero.max(end) + GAP, y + ROW / 2.0, &panel.labels[i], face);
            }
        });
    }
    let rule = sheet.theme.muted;
    sheet.line((zero, top), (zero, top + panel.values.len() as f64 * ROW), rule, 0.8);
}

/// A column of numbers without bars, right-aligned at `x`.
pub(super) fn numbers(sheet: &mut Sheet<'_>, title: &str, x: f64, labels: &[String]) {
    let (face, tick) = (sheet.label(), sheet.tick());
    sheet.text(x, sheet.top + 10.0, title, tick.in_bold().at(Anchor::End));
    let top = sheet.top + TITLES;
    for (i, label) in labels.iter().enumerate() {
        sheet.text_middle(x, top + (i as f64 + 0.5) * ROW, label, face.at(Anchor::End));
    }
}

/// A dashed line at `value` across the rows of `panel`, named at its foot, [`FOOT`] pixels below the rows.
pub(super) fn reference(sheet: &mut Sheet<'_>, panel: &Panel<'_>, value: f64, words: &str) {
    let (face, ink) = (sheet.tick(), sheet.theme.ink);
    let (unit, left) = fitted(sheet, panel);
    let x = panel.x + left + value * unit;
    let top = sheet.top + TITLES;
    let foot = top + panel.values.len() as f64 * ROW;
    sheet.dashed(&[(x, top), (x, foot + 4.0)], ink, 1.0);
    sheet.text(x, foot + FOOT, words, face.in_color(ink).at(Anchor::Middle));
}

/// The scale of a panel with the labels it shows.
fn fitted(sheet: &Sheet<'_>, panel: &Panel<'_>) -> (f64, f64) {
    let face = sheet.label();
    let widths: Vec<f64> =
        panel.labels.iter().map(|label| if panel.labelled { face.width(label) } else { 0.0 }).collect();
    scale(&panel.values, &widths, panel.width)
}

/// Pixels per unit and pixels left of zero, as large as bars and labels allow within `width`. Labels stand right of
/// zero even where the bar goes left: two long labels on both sides would leave nothing for the bars.
fn scale(values: &[f64], label_widths: &[f64], width: f64) -> (f64, f64) {
    let largest = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    if largest <= 0.0 {
        return (0.0, 0.0);
    }
    let below = values.iter().fold(0.0_f64, |m, v| m.max(-v));
    let need = |unit: f64| {
        let right = values.iter().zip(label_widths).map(|(v, label)| v.max(0.0) * unit + GAP + label);
        below * unit + right.fold(0.0, f64::max)
    };
    // The need grows with the unit, so bisection finds the largest unit that fits; 50 halvings are below a pixel by
    // far.
    let (mut low, mut high) = (0.0, width / largest);
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        if need(middle) <= width { low = middle } else { high = middle }
    }
    (low, below * low)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]

    use super::scale;

    #[test]
    fn the_longest_bar_and_its_label_fill_the_panel() {
        let (unit, left) = scale(&[10.0, 5.0], &[20.0, 90.0], 125.0);
        // Row one: 10 u + 5 + 20 = 125 at u = 10; row two: 5 u + 5 + 90 = 125 at u = 6, which binds.
        assert!((unit - 6.0).abs() < 1e-9);
        assert_eq!(left, 0.0);
    }

    #[test]
    fn negative_bars_make_room_on_the_left() {
        let (unit, left) = scale(&[10.0, -10.0], &[15.0, 15.0], 120.0);
        // 10 u on the left, 10 u + 5 + 15 on the right.
        assert!((unit - 5.0).abs() < 1e-9 && (left - 50.0).abs() < 1e-9);
        assert_eq!(scale(&[0.0], &[10.0], 100.0), (0.0, 0.0));
    }
}

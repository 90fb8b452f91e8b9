//! Areas under curves with their intervals, listed beside the curves: the key of their colours as well.

use super::axis::Scale;
use super::sheet::{Anchor, Sheet};
use super::{number, text};

/// Height of a line of the list.
const ROW: f64 = 50.0;

/// One curve's area.
pub(super) struct Area<'a> {
    pub(super) name: &'a str,
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// What stands above the list, and where an axis from chance to perfect begins.
pub(super) struct Key<'a> {
    pub(super) title: &'a str,
    pub(super) chance: f64,
    pub(super) chance_words: &'a str,
}

/// Lists `areas` from `x` to the right edge, in the colours of the categories.
pub(super) fn list(sheet: &mut Sheet<'_>, key: &Key<'_>, areas: &[Area<'_>], x: f64) {
    let (face, tick) = (sheet.label(), sheet.tick());
    let grid = sheet.theme.grid;
    let lowest = areas.iter().map(|area| area.low).fold(key.chance, f64::min);
    // Chance may be near certainty; the axis still needs a length.
    let low = ((lowest * 10.0).floor() / 10.0).min(0.9);
    let scale = Scale { low, high: 1.0, from: x + 4.0, to: sheet.right - 14.0 };
    sheet.text(x, sheet.top + 8.0, key.title, tick.in_bold());
    let top = sheet.top + 24.0;
    let bottom = top + ROW * areas.len() as f64 + 4.0;
    let ticks = scale.ticks(5);
    for (value, label) in ticks.iter().zip(number::plain_ticks(&ticks)) {
        for i in 0..areas.len() {
            let y = top + ROW * i as f64 + 34.0;
            sheet.line((scale.at(*value), y - 9.0), (scale.at(*value), y + 9.0), grid, 0.8);
        }
        sheet.text(scale.at(*value), bottom + 14.0, &label, tick.at(Anchor::Middle));
    }
    for i in 0..areas.len() {
        // Between the names, which stand above.
        let (at, y) = (scale.at(key.chance), top + ROW * i as f64 + 34.0);
        if key.chance > low + 1e-9 {
            sheet.dashed(&[(at, y - 9.0), (at, y + 9.0)], sheet.theme.muted, 1.0);
        }
    }
    let half = tick.width(key.chance_words) / 2.0;
    let middle = scale.at(key.chance).max(scale.from + half).min(scale.to - tick.width("perfect") - 12.0 - half);
    sheet.text(middle, bottom + 27.0, key.chance_words, tick.at(Anchor::Middle));
    sheet.text(scale.at(1.0), bottom + 27.0, "perfect", tick.at(Anchor::End));
    for (i, area) in areas.iter().enumerate() {
        let y = top + ROW * i as f64 + 34.0;
        let color = sheet.theme.category(i);
        let figures = format!("{:.3} ({:.3}–{:.3})", area.value, area.low, area.high);
        let room = sheet.right - x - face.in_bold().width(&figures) - 10.0;
        let name = text::fit(&text::clean(area.name), f64::from(face.size), false, room);
        let words = format!("{}: {figures}", area.name);
        let end = sheet.right;
        sheet.hover(&words, |s| {
            s.text_middle(x, y - 19.0, &name, face);
            s.text_middle(end, y - 19.0, &figures, face.in_bold().at(Anchor::End));
            s.line((scale.at(area.low), y), (scale.at(area.high), y), color, 3.0);
            s.dot((scale.at(area.value), y), 4.2, color);
        });
    }
}

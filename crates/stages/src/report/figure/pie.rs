//! Parts of a whole as a pie whose slices are named beside it; small ones are one slice. It stands beside bars, which say
//! how much each part is.

use std::f64::consts::{FRAC_PI_2, TAU};

use super::sheet::{Anchor, Sheet};
use super::{axis, number, text};

/// Height that a pie takes with its title.
pub(super) const HEIGHT: f64 = 172.0;
const RADIUS: f64 = 58.0;
/// Height of the title above it.
const TITLE: f64 = 34.0;
/// Smallest share with a slice and a name of its own.
const NAMED: f64 = 0.04;
/// Space between two names.
const LINE: f64 = 14.0;

/// The parts of one whole.
pub(super) struct Pie<'a> {
    pub(super) title: &'a str,
    /// Left and right edge of the room that the names may take.
    pub(super) room: (f64, f64),
    /// Where the pie's room begins.
    pub(super) top: f64,
    /// Name, share of the whole and colour of each part; shares are not negative and add up to 1.
    pub(super) parts: Vec<(&'a str, f64, &'static str)>,
}

/// Draws the parts clockwise from the top, in the order given, those that are small together at the end.
pub(super) fn draw(sheet: &mut Sheet<'_>, pie: &Pie<'_>) {
    let face = sheet.tick();
    let (left, right) = pie.room;
    let (x, y) = ((left + right) / 2.0, pie.top + TITLE + RADIUS);
    sheet.text(left, pie.top + 10.0, pie.title, face.in_bold());
    let mut slices: Vec<(String, f64, &'static str)> = Vec::new();
    let small: Vec<&(&str, f64, &'static str)> = pie.parts.iter().filter(|part| part.1 < NAMED).collect();
    for (name, share, color) in &pie.parts {
        if *share >= NAMED || small.len() == 1 {
            slices.push((text::clean(name), *share, color));
        }
    }
    if small.len() > 1 {
        let share = small.iter().map(|part| part.1).sum();
        slices.push((format!("{} smaller", small.len()), share, sheet.theme.neutral));
    }
    slices.retain(|slice| slice.1 > 0.0);
    let mut angle = -FRAC_PI_2;
    let mut middles = Vec::with_capacity(slices.len());
    for (name, share, color) in &slices {
        let end = angle + TAU * share;
        let steps = (share * 120.0).ceil().max(2.0) as usize;
        let rim = (0..=steps).map(|i| angle + (end - angle) * i as f64 / steps as f64);
        let mut wedge: Vec<(f64, f64)> = rim.map(|a| (x + RADIUS * a.cos(), y + RADIUS * a.sin())).collect();
        wedge.push((x, y));
        let paper = sheet.theme.paper;
        sheet.hover(&format!("{name}: {} {}", pie.title, number::percent(*share)), |s| {
            s.area(&wedge, color, 1.0);
            if slices.len() > 1 {
                s.line((x, y), wedge[0], paper, 1.2);
                s.line((x, y), wedge[steps], paper, 1.2);
            }
        });
        middles.push((angle + end) / 2.0);
        angle = end;
    }
    // Names stand on the side of their slice, as near to its height as the others allow.
    for on_right in [true, false] {
        let side: Vec<usize> = (0..slices.len()).filter(|i| (middles[*i].cos() >= 0.0) == on_right).collect();
        let wanted: Vec<f64> = side.iter().map(|i| y + (RADIUS + 8.0) * middles[*i].sin()).collect();
        let places = axis::apart(&wanted, LINE, y - RADIUS - 8.0, y + RADIUS + 8.0);
        for (i, place) in side.into_iter().zip(places) {
            let name = &slices[i].0;
            let (sign, anchor, edge) = if on_right { (1.0, Anchor::Start, right) } else { (-1.0, Anchor::End, left) };
            let at = x + sign * (RADIUS + 14.0);
            let words = text::fit(name, f64::from(face.size), false, (edge - at).abs());
            let rim = (x + (RADIUS + 1.0) * middles[i].cos(), y + (RADIUS + 1.0) * middles[i].sin());
            let rule = sheet.theme.muted;
            sheet.line(rim, (at - sign * 3.0, place), rule, 0.7);
            sheet.text_middle(at, place, &words, face.at(anchor));
        }
    }
}

//! Maps over the history of a customer: how often it bought again, and how long after its first purchase it bought
//! last.

use super::axis::{Frame, Scale};
use super::sheet::{Anchor, Sheet};
use super::{Check, Problem, Result, number, ramp, table, text};

/// Height of a map.
pub(super) const HEIGHT: f64 = 320.0;
/// Width of a map.
const WIDTH: f64 = 430.0;
/// Shades told apart: neighbours of one shade are drawn as one rectangle.
const SHADES: f64 = 48.0;

/// What a model says of customers that differ only in how often and when they bought.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryMatrix {
    /// Repeat purchases, one a column, evenly spaced and rising.
    pub repeats: Vec<f64>,
    /// Days from the first purchase to the last one, one a row, evenly spaced and rising.
    pub last_purchase_days: Vec<f64>,
    /// Days from the first purchase to today, the same for all.
    pub age_days: f64,
    /// Row by row what the model says; `None` of a history that cannot be, such as repeat purchases on day 0.
    pub values: Vec<Option<f64>>,
}

impl HistoryMatrix {
    pub(super) fn verify(&self, check: Check, what: &'static str, holds: impl Fn(f64) -> bool) -> Result<()> {
        let (columns, rows) = (self.repeats.len(), self.last_purchase_days.len());
        check.finite("repeats", &self.repeats, columns)?;
        check.finite("last_purchase_days", &self.last_purchase_days, rows)?;
        check.each("age_days", &[self.age_days], 1, "a positive number of days", |v| v > 0.0 && v.is_finite())?;
        check.length("values", columns * rows, self.values.len())?;
        if columns < 2 || rows < 2 {
            return check.degenerate("a map needs at least two columns and two rows");
        }
        let even = |places: &[f64]| {
            let step = (places[places.len() - 1] - places[0]) / (places.len() - 1) as f64;
            step > 0.0 && places.iter().enumerate().all(|(i, p)| (p - places[0] - step * i as f64).abs() < step * 0.01)
        };
        if !even(&self.repeats) || !even(&self.last_purchase_days) {
            return check.degenerate("columns and rows must be evenly spaced and rising");
        }
        let wrong = self.values.iter().position(|value| value.is_some_and(|v| !holds(v)));
        if let Some((row, value)) = wrong.and_then(|at| self.values[at].map(|v| (at, v))) {
            return check.fail(Problem::Range { what: "values", row, value, expected: what });
        }
        if self.values.iter().all(Option::is_none) {
            return check.degenerate("no history has a value");
        }
        Ok(())
    }

    pub(super) fn get(&self, row: usize, column: usize) -> Option<f64> {
        self.values[row * self.repeats.len() + column]
    }

    /// Row, column and value of the largest value; the first of equals.
    pub(super) fn largest(&self) -> (usize, usize, f64) {
        let mut best = (0, 0, f64::NEG_INFINITY);
        for (at, value) in self.values.iter().enumerate() {
            if let Some(value) = value.filter(|v| *v > best.2) {
                best = (at / self.repeats.len(), at % self.repeats.len(), value);
            }
        }
        best
    }

    /// The map as CSV; a history that cannot be is left out.
    pub(super) fn table(&self, figure: &'static str, quantity: &str) -> Result<String> {
        let columns = self.repeats.len();
        let rows = self.values.iter().enumerate().filter_map(|(at, value)| {
            let (day, repeats) = (self.last_purchase_days[at / columns], self.repeats[at % columns]);
            value.map(|v| vec![repeats.to_string(), day.to_string(), self.age_days.to_string(), v.to_string()])
        });
        table(figure, &["repeat_purchases", "last_purchase_day", "age_days", quantity], rows)
    }
}

/// How the amounts of a map are shown.
pub(super) struct Amounts<'a> {
    /// What the bar of colours says above it.
    pub(super) title: &'a str,
    /// The amount of the darkest colour; the palest is 0.
    pub(super) high: f64,
    /// Labels of ticks.
    pub(super) labels: fn(&[f64]) -> Vec<String>,
    /// The amount whose line is drawn, and what it says.
    pub(super) level: (f64, &'a str),
}

/// Draws the map with its bar of colours and the line of one amount.
pub(super) fn draw(sheet: &mut Sheet<'_>, map: &HistoryMatrix, amounts: &Amounts<'_>) {
    let (columns, rows) = (map.repeats.len(), map.last_purchase_days.len());
    let step = |places: &[f64]| (places[places.len() - 1] - places[0]) / (places.len() - 1) as f64;
    let (dx, dy) = (step(&map.repeats), step(&map.last_purchase_days));
    let edges = |places: &[f64], d: f64| (places[0] - d / 2.0, places[places.len() - 1] + d / 2.0);
    let ((x0, x1), (y0, y1)) = (edges(&map.repeats, dx), edges(&map.last_purchase_days, dy));
    let (left, floor) = (sheet.left + 52.0, sheet.top + 20.0 + HEIGHT);
    let frame = Frame {
        x: Scale { low: x0, high: x1, from: left, to: left + WIDTH },
        y: Scale { low: y0, high: y1, from: floor, to: floor - HEIGHT },
    };
    let shade = |value: f64| (value / amounts.high * SHADES).round().clamp(0.0, SHADES);
    // From the top down and from left to right, each cell a pixel too long: its neighbour paints over that, and no
    // paper shines through between them.
    for row in (0..rows).rev() {
        let day = map.last_purchase_days[row];
        let y = ((frame.y.at(day - dy / 2.0) + 1.0).min(floor), frame.y.at(day + dy / 2.0));
        let mut start = 0;
        while start < columns {
            let here = map.get(row, start).map(shade);
            let mut end = start + 1;
            while end < columns && map.get(row, end).map(shade) == here {
                end += 1;
            }
            if let Some(shade) = here {
                let x = (
                    frame.x.at(map.repeats[start] - dx / 2.0),
                    (frame.x.at(map.repeats[end - 1] + dx / 2.0) + 1.0).min(frame.x.to),
                );
                sheet.bar(x, y, &ramp::color(&ramp::AMOUNT, shade / SHADES), 1.0);
            }
            start = end;
        }
    }
    let ticks: Vec<f64> = frame.y.ticks(6).into_iter().filter(|tick| *tick >= 0.0).collect();
    let tick_face = sheet.tick();
    for (tick, label) in ticks.iter().zip(number::money_ticks(&ticks, "")) {
        let y = frame.y.at(*tick);
        sheet.line((left - 4.0, y), (left, y), sheet.theme.muted, 0.8);
        sheet.text_middle(left - 7.0, y, &label, tick_face.at(Anchor::End));
    }
    let words = format!("Last purchase, days after the first (today is day {})", number::count(map.age_days as u64));
    sheet.text(sheet.left, frame.y.to - 10.0, &words, tick_face);
    let ticks: Vec<f64> = frame.x.ticks(8).into_iter().filter(|tick| tick.fract().abs() < 1e-9).collect();
    frame.x_axis(sheet, &ticks, &number::plain_ticks(&ticks), "Repeat purchases");
    contour(sheet, map, &frame, (dx, dy), amounts.level);
    bar(sheet, amounts, left + WIDTH + 40.0);
}

/// The edge above which a column holds at least `level`: a step line, for the amounts are those of cells.
fn contour(sheet: &mut Sheet<'_>, map: &HistoryMatrix, frame: &Frame, d: (f64, f64), level: (f64, &str)) {
    let rows = map.last_purchase_days.len();
    let color = sheet.theme.contrast;
    let mut line: Vec<(f64, f64)> = Vec::new();
    let mut lines = Vec::new();
    for (column, repeats) in map.repeats.iter().enumerate() {
        let reached = |row: &usize| map.get(*row, column).is_some_and(|value| value >= level.0);
        // A column that holds it from its first history on has no edge.
        let edge = (1..rows).find(|row| reached(row) && !reached(&(row - 1)));
        match edge {
            Some(row) => {
                let y = frame.y.at(map.last_purchase_days[row] - d.1 / 2.0);
                line.push((frame.x.at(repeats - d.0 / 2.0), y));
                line.push((frame.x.at(repeats + d.0 / 2.0), y));
            }
            None => lines.push(std::mem::take(&mut line)),
        }
    }
    lines.push(line);
    let longest = lines.iter().max_by_key(|line| line.len()).cloned().unwrap_or_default();
    for line in lines.iter().filter(|line| line.len() > 1) {
        sheet.curve(line, color, 1.8);
    }
    if longest.len() > 1 {
        let at = longest[longest.len() * 2 / 3];
        let face = sheet.tick().in_bold().in_color(sheet.theme.ink).at(Anchor::Middle);
        let half = face.width(level.1) / 2.0 + 6.0;
        let x = at.0.clamp(frame.x.from + half, frame.x.to - half);
        // Beneath the line lie the pale colours; where it runs along the floor the words go above it.
        let y = if at.1 + 26.0 < frame.y.from { at.1 + 14.0 } else { at.1 - 14.0 };
        sheet.text_on_paper(x, y, level.1, face);
    }
}

/// The colours with their amounts.
fn bar(sheet: &mut Sheet<'_>, amounts: &Amounts<'_>, x: f64) {
    let (floor, height) = (sheet.top + 20.0 + HEIGHT, HEIGHT - 60.0);
    let tick = sheet.tick();
    let scale = Scale { low: 0.0, high: amounts.high, from: floor, to: floor - height };
    let steps = SHADES as usize;
    for i in (0..steps).rev() {
        let at = |i: usize| floor - height * i as f64 / steps as f64;
        let color = ramp::color(&ramp::AMOUNT, (i as f64 + 0.5) / steps as f64);
        sheet.bar((x, x + 16.0), ((at(i) + 1.0).min(floor), at(i + 1)), &color, 1.0);
    }
    let level = scale.at(amounts.level.0);
    if (scale.to..=scale.from).contains(&level) {
        sheet.line((x - 3.0, level), (x + 19.0, level), sheet.theme.contrast, 1.8);
    }
    let ticks = scale.ticks(6);
    for (value, label) in ticks.iter().zip((amounts.labels)(&ticks)) {
        let y = scale.at(*value);
        sheet.line((x + 16.0, y), (x + 20.0, y), sheet.theme.muted, 0.8);
        sheet.text_middle(x + 24.0, y, &label, tick);
    }
    let lines = text::wrap(amounts.title, f64::from(tick.size), true, sheet.right - x);
    for (i, line) in lines.iter().enumerate() {
        let y = floor - height - 12.0 - 13.0 * (lines.len() - 1 - i) as f64;
        sheet.text(x, y, line, tick.in_bold());
    }
}

//! Axes: a value's place on the sheet, ticks, grid, and labels pushed apart.

use super::number;
use super::sheet::{Anchor, Sheet};

/// A linear scale from values to pixels.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) from: f64,
    pub(super) to: f64,
}

impl Scale {
    /// Pixel of `value`. `low < high`.
    pub(super) fn at(self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// Round ticks on this scale.
    pub(super) fn ticks(self, target: usize) -> Vec<f64> {
        number::ticks(self.low, self.high, target)
    }
}

/// Where both axes of a panel run; `y.from` is the floor, `y.to` the ceiling.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) x: Scale,
    pub(super) y: Scale,
}

impl Frame {
    /// Pixel of a point.
    pub(super) fn at(self, x: f64, y: f64) -> (f64, f64) {
        (self.x.at(x), self.y.at(y))
    }

    /// Horizontal grid lines with their labels to the left, and the axis' words above its upper end, where no head
    /// need be turned.
    pub(super) fn y_axis(self, sheet: &mut Sheet<'_>, ticks: &[f64], labels: &[String], words: &str) {
        let (face, grid) = (sheet.tick(), sheet.theme.grid);
        for (tick, label) in ticks.iter().zip(labels) {
            let y = self.y.at(*tick);
            sheet.line((self.x.from, y), (self.x.to, y), grid, 0.8);
            sheet.text_middle(self.x.from - 6.0, y, label, face.at(Anchor::End));
        }
        let widest = labels.iter().map(|label| face.width(label)).fold(0.0, f64::max);
        sheet.text((self.x.from - 6.0 - widest).max(sheet.left), self.y.to - 12.0, words, face);
    }

    /// Tick labels below the floor and the axis' words below them.
    pub(super) fn x_axis(self, sheet: &mut Sheet<'_>, ticks: &[f64], labels: &[String], words: &str) {
        let (face, ink) = (sheet.tick(), sheet.theme.muted);
        sheet.line((self.x.from, self.y.from), (self.x.to, self.y.from), ink, 0.8);
        for (tick, label) in ticks.iter().zip(labels) {
            let x = self.x.at(*tick);
            sheet.line((x, self.y.from), (x, self.y.from + 4.0), ink, 0.8);
            sheet.text(x, self.y.from + 16.0, label, face.at(Anchor::Middle));
        }
        sheet.text((self.x.from + self.x.to) / 2.0, self.y.from + 32.0, words, face.at(Anchor::Middle));
    }
}

/// Ticks in money with their labels, at most about `most` and only as many as stand clear of each other.
pub(super) fn money_ticks(sheet: &Sheet<'_>, scale: Scale, currency: &str, most: usize) -> (Vec<f64>, Vec<String>) {
    let face = sheet.tick();
    let mut target = most;
    loop {
        let ticks = scale.ticks(target);
        let labels = number::money_ticks(&ticks, currency);
        let widest = labels.iter().map(|label| face.width(label)).fold(0.0, f64::max);
        let step = if ticks.len() > 1 { (scale.at(ticks[1]) - scale.at(ticks[0])).abs() } else { f64::INFINITY };
        if step > widest + 12.0 || target <= 1 {
            return (ticks, labels);
        }
        target -= 1;
    }
}

/// Places for labels that want to stand at `wanted`, moved as little as needed to be `gap` apart and inside
/// `low..=high`; the order of the wanted places is kept. When they cannot all fit they are spread evenly.
pub(super) fn apart(wanted: &[f64], gap: f64, low: f64, high: f64) -> Vec<f64> {
    let n = wanted.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let gap = if n > 1 { gap.min((high - low) / (n - 1) as f64) } else { gap };
    let mut placed: Vec<f64> = order.iter().map(|i| wanted[*i].clamp(low, high)).collect();
    for i in 1..n {
        placed[i] = placed[i].max(placed[i - 1] + gap);
    }
    let mut limit = high;
    for place in placed.iter_mut().rev() {
        *place = place.min(limit);
        limit = *place - gap;
    }
    let mut result = vec![0.0; n];
    for (slot, i) in order.into_iter().enumerate() {
        result[i] = placed[slot];
    }
    result
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]

    use super::{Scale, apart};

    #[test]
    fn a_scale_maps_its_ends() {
        let scale = Scale { low: -1.0, high: 3.0, from: 100.0, to: 20.0 };
        assert_eq!([scale.at(-1.0), scale.at(3.0), scale.at(1.0)], [100.0, 20.0, 60.0]);
    }

    #[test]
    fn labels_move_only_when_they_collide() {
        assert_eq!(apart(&[10.0, 50.0], 12.0, 0.0, 100.0), [10.0, 50.0]);
        assert_eq!(apart(&[50.0, 48.0], 12.0, 0.0, 100.0), [60.0, 48.0]);
        assert_eq!(apart(&[99.0, 98.0, 97.0], 12.0, 0.0, 100.0), [100.0, 88.0, 76.0]);
        assert_eq!(apart(&[1.0, 2.0, 3.0], 80.0, 0.0, 100.0), [0.0, 50.0, 100.0]);
    }
}

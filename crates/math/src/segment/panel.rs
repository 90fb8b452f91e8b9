//! Distances of a row to several centroids at once, and the units of work that all passes over the rows share.

/// Rows of one unit of work; part of the result's definition, since sums are taken chunk by chunk.
pub(super) const CHUNK: usize = 4096;
/// Centroids that one pass over a row measures at a time: enough for the compiler to use vector registers.
pub(super) const LANES: usize = 8;

/// Centroids laid out for one pass: of each group of eight, column by column, the eight coordinates side by side.
pub(super) struct Panel {
    pub(super) columns: usize,
    pub(super) lanes: Vec<[f64; LANES]>,
}

impl Panel {
    pub(super) fn new(centroids: &[f64], columns: usize) -> Self {
        let k = centroids.len() / columns;
        // Lanes without a centroid are infinitely far away.
        let mut lanes = vec![[f64::INFINITY; LANES]; k.div_ceil(LANES) * columns];
        for (c, centroid) in centroids.chunks_exact(columns).enumerate() {
            for (j, &v) in centroid.iter().enumerate() {
                lanes[c / LANES * columns + j][c % LANES] = v;
            }
        }
        Self { columns, lanes }
    }

    /// Squared distances of `row` to the centroids of one group of eight.
    #[inline]
    pub(super) fn squared(group: &[[f64; LANES]], row: &[f64]) -> [f64; LANES] {
        let mut sums = [0.0; LANES];
        for (lane, &x) in group.iter().zip(row) {
            for (sum, &m) in sums.iter_mut().zip(lane) {
                let d = x - m;
                *sum += d * d;
            }
        }
        sums
    }

    /// The nearest centroid, its squared distance, and the squared distance of the second nearest.
    #[inline]
    pub(super) fn nearest(&self, row: &[f64]) -> (u32, f64, f64) {
        let (mut label, mut first, mut second) = (0_u32, f64::INFINITY, f64::INFINITY);
        for (g, group) in self.lanes.chunks_exact(self.columns).enumerate() {
            for (lane, d) in Self::squared(group, row).into_iter().enumerate() {
                if d < first {
                    second = first;
                    first = d;
                    label = (g * LANES + lane) as u32;
                } else if d < second {
                    second = d;
                }
            }
        }
        (label, first, second)
    }
}

/// The squared Euclidean distance of two rows.
pub(super) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]
    use super::*;

    #[test]
    fn the_nearest_two_are_found_in_every_lane() {
        // Eleven centroids on a line fill one group of lanes and a part of the next.
        let centroids: Vec<f64> = (0..11).map(|c| f64::from(c) * 10.0).collect();
        let panel = Panel::new(&centroids, 1);
        for c in 0..11_u32 {
            let (label, first, second) = panel.nearest(&[f64::from(c) * 10.0 + 1.0]);
            assert_eq!((label, first), (c, 1.0));
            assert_eq!(second, if c == 10 { 121.0 } else { 81.0 });
        }
        // Between equals the first, and a lone centroid has no second.
        assert_eq!(panel.nearest(&[5.0]), (0, 25.0, 25.0));
        assert_eq!(Panel::new(&[3.0], 1).nearest(&[1.0]), (0, 4.0, f64::INFINITY));
        assert_eq!(squared_distance(&[0.0, 3.0], &[4.0, 0.0]), 25.0);
    }
}

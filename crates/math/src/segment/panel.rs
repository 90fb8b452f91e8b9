//! Distances of eight rows at once to each centroid, and the units of work that all passes over the rows share.
//!
//! Eight rows stand side by side, column by column, so that the compiler does several rows with one instruction, on any
//! processor. The sum over the columns keeps its order: a distance has the same bytes as [`squared_distance`] gives.

/// Rows of one unit of work; part of the result's definition, since sums are taken chunk by chunk.
pub(super) const CHUNK: usize = 4096;
/// Rows that are measured at a time: enough for the compiler to use vector registers.
pub(super) const LANES: usize = 8;

/// Up to eight rows, of each column the eight values side by side. A lane that was never put holds zeros.
pub(super) struct Tile {
    columns: Vec<[f64; LANES]>,
}

/// For each row of a tile the nearest centroid, its squared distance and that of the second nearest.
pub(super) struct Nearest {
    pub(super) labels: [u64; LANES],
    pub(super) first: [f64; LANES],
    pub(super) second: [f64; LANES],
}

impl Tile {
    pub(super) fn new(columns: usize) -> Self {
        Self { columns: vec![[0.0; LANES]; columns] }
    }

    /// Puts `row` into `lane`.
    #[inline]
    pub(super) fn put(&mut self, lane: usize, row: &[f64]) {
        for (column, &x) in self.columns.iter_mut().zip(row) {
            column[lane] = x;
        }
    }

    /// Puts up to eight rows that follow each other.
    #[inline]
    pub(super) fn fill(&mut self, rows: &[f64]) {
        for (lane, row) in rows.chunks_exact(self.columns.len()).enumerate().take(LANES) {
            self.put(lane, row);
        }
    }

    /// Squared distances of the rows to `centroid`.
    #[inline]
    pub(super) fn squared(&self, centroid: &[f64]) -> [f64; LANES] {
        let mut sums = [0.0; LANES];
        for (column, &m) in self.columns.iter().zip(centroid) {
            for (sum, &x) in sums.iter_mut().zip(column) {
                let d = x - m;
                *sum += d * d;
            }
        }
        sums
    }

    /// The nearest two of `centroids` for each row; between equals the first.
    #[inline]
    pub(super) fn nearest(&self, centroids: &[f64]) -> Nearest {
        let mut found = Nearest { labels: [0; LANES], first: [f64::INFINITY; LANES], second: [f64::INFINITY; LANES] };
        for (c, centroid) in (0_u64..).zip(centroids.chunks_exact(self.columns.len())) {
            let squared = self.squared(centroid);
            // No branches: whether a centroid is the nearest cannot be foreseen, and a wrong guess costs more than the
            // distance itself.
            for (lane, &d) in squared.iter().enumerate() {
                let first = found.first[lane];
                let closer = d < first;
                let runner = if closer { first } else { d };
                found.second[lane] = if runner < found.second[lane] { runner } else { found.second[lane] };
                found.labels[lane] = if closer { c } else { found.labels[lane] };
                found.first[lane] = if closer { d } else { first };
            }
        }
        found
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
        let centroids: Vec<f64> = (0..11).map(|c| f64::from(c) * 10.0).collect();
        let mut tile = Tile::new(1);
        for from in [0_u32, 3] {
            let rows: Vec<f64> = (0..8).map(|lane| f64::from(from + lane) * 10.0 + 1.0).collect();
            tile.fill(&rows);
            let found = tile.nearest(&centroids);
            for lane in 0..8 {
                let c = from as usize + lane;
                assert_eq!((found.labels[lane], found.first[lane]), (c as u64, 1.0));
                assert_eq!(found.second[lane], if c == 10 { 121.0 } else { 81.0 });
            }
        }
        // Between equals the first, and a lone centroid has no second.
        tile.put(2, &[5.0]);
        let found = tile.nearest(&centroids);
        assert_eq!((found.labels[2], found.first[2], found.second[2]), (0, 25.0, 25.0));
        let lone = tile.nearest(&[3.0]);
        assert_eq!((lone.labels[2], lone.first[2], lone.second[2]), (0, 4.0, f64::INFINITY));
    }

    #[test]
    fn a_lane_has_the_bytes_of_the_plain_distance() {
        let value = |i: usize| (i as f64 * 0.7).sin() * 3.0;
        let rows: Vec<f64> = (0..8 * 7).map(value).collect();
        let centroid: Vec<f64> = (100..107).map(value).collect();
        let mut tile = Tile::new(7);
        tile.fill(&rows);
        let lanes = tile.squared(&centroid);
        for (row, squared) in rows.chunks_exact(7).zip(lanes) {
            assert_eq!(squared, squared_distance(row, &centroid));
        }
        assert_eq!(squared_distance(&[0.0, 3.0], &[4.0, 0.0]), 25.0);
    }
}

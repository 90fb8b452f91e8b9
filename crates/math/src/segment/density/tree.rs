//! A k-d tree over rows: the nearest few of them to any place, exactly and with ties in the order of the rows.

use crate::num::Matrix;
use crate::segment::panel::squared_distance;

/// Rows of one leaf.
const LEAF: usize = 16;

/// One box of rows.
struct Node {
    from: usize,
    to: usize,
    /// The two halves, where there are any.
    halves: Option<(usize, usize)>,
    /// The least and the greatest value of each column.
    least: Vec<f64>,
    greatest: Vec<f64>,
}

/// Rows in boxes within boxes, halved at the median of the widest column (Friedman, Bentley and Finkel 1977).
pub(super) struct Tree {
    columns: usize,
    nodes: Vec<Node>,
    /// The rows' numbers, box by box, and their values in the same order.
    order: Vec<usize>,
    values: Vec<f64>,
}

impl Tree {
    pub(super) fn new(rows: &Matrix) -> Self {
        let order: Vec<usize> = (0..rows.n_rows()).collect();
        let mut tree = Self { columns: rows.n_cols(), nodes: Vec::new(), order, values: Vec::new() };
        tree.halve(rows, 0, rows.n_rows());
        tree.values = rows.select_rows(&tree.order).values().to_vec();
        tree
    }

    fn halve(&mut self, rows: &Matrix, from: usize, to: usize) -> usize {
        let mut least = vec![f64::INFINITY; self.columns];
        let mut greatest = vec![f64::NEG_INFINITY; self.columns];
        for &i in &self.order[from..to] {
            for (j, &x) in rows.row(i).iter().enumerate() {
                least[j] = least[j].min(x);
                greatest[j] = greatest[j].max(x);
            }
        }
        let width = |j: usize| greatest[j] - least[j];
        let widest = (0..self.columns).fold(0, |best, j| if width(j) > width(best) { j } else { best });
        let at = self.nodes.len();
        self.nodes.push(Node { from, to, halves: None, least, greatest });
        if to - from > LEAF {
            let middle = (to - from) / 2;
            self.order[from..to].select_nth_unstable_by(middle, |&a, &b| {
                rows.get(a, widest).total_cmp(&rows.get(b, widest)).then(a.cmp(&b))
            });
            let first = self.halve(rows, from, from + middle);
            let second = self.halve(rows, from + middle, to);
            self.nodes[at].halves = Some((first, second));
        }
        at
    }

    /// Leaves in `found` the `k` nearest rows to `place` as (squared distance, row), nearest first.
    pub(super) fn nearest(&self, place: &[f64], k: usize, found: &mut Vec<(f64, usize)>) {
        found.clear();
        self.search(0, place, k, found);
    }

    fn search(&self, at: usize, place: &[f64], k: usize, found: &mut Vec<(f64, usize)>) {
        let node = &self.nodes[at];
        if let Some((first, second)) = node.halves {
            let (near, far) = (self.gap(first, place), self.gap(second, place));
            let ordered = if near <= far { [(near, first), (far, second)] } else { [(far, second), (near, first)] };
            for (gap, half) in ordered {
                // A box exactly as far as the last row found may hold an earlier row at that distance.
                if found.len() < k || gap <= found[k - 1].0 {
                    self.search(half, place, k, found);
                }
            }
            return;
        }
        let rows = self.values[node.from * self.columns..node.to * self.columns].chunks_exact(self.columns);
        for (row, &i) in rows.zip(&self.order[node.from..node.to]) {
            let one = (squared_distance(place, row), i);
            let after = |other: &(f64, usize)| other.0 < one.0 || (other.0 <= one.0 && other.1 < i);
            if found.len() < k || !after(&found[k - 1]) {
                found.insert(found.partition_point(after), one);
                found.truncate(k);
            }
        }
    }

    /// The squared distance of `place` from a box; summed as the rows' distances are, so that rounding keeps it below.
    fn gap(&self, at: usize, place: &[f64]) -> f64 {
        let node = &self.nodes[at];
        let sides = place.iter().zip(node.least.iter().zip(&node.greatest));
        sides.map(|(x, (least, greatest))| (least - x).max(x - greatest).max(0.0)).map(|g| g * g).sum()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use crate::rng;
    use rand::RngExt;

    #[test]
    fn the_nearest_are_those_of_brute_force_with_ties_in_order() {
        let mut s = rng::stream(1, "segment/density/tree", 0);
        // A coarse grid, so that many rows are equal or equally far.
        let values: Vec<f64> = (0..3 * 700).map(|_| f64::from(s.random_range(0..5_u32))).collect();
        let rows = Matrix::new(700, 3, values).unwrap();
        let tree = Tree::new(&rows);
        let mut found = Vec::new();
        for place in [[0.0, 0.0, 0.0], [2.0, 2.5, 1.0], [9.0, -3.0, 4.0], [4.0, 4.0, 4.0]] {
            let mut all: Vec<(f64, usize)> = (0..700).map(|i| (squared_distance(&place, rows.row(i)), i)).collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            for k in [1, 2, 17, 700] {
                tree.nearest(&place, k, &mut found);
                assert_eq!(found, all[..k]);
            }
        }
        tree.nearest(&[1.0; 3], 900, &mut found);
        assert_eq!(found.len(), 700);
    }
}

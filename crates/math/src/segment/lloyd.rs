//! Lloyd's iteration from given centroids to a local minimum, with distances that cannot matter left out.
//!
//! Each row goes to the nearest centroid and each centroid to the mean of its rows (Lloyd 1982), until no row changes or
//! the centroids hardly move. Hamerly's bounds (Hamerly 2010) tell which rows cannot change: an upper bound on the
//! distance to the own centroid and a lower bound on that to all others, both moved along with the centroids. The rows
//! that they cannot hold are measured eight at a time (`panel`). A group that loses all rows is refounded on the row
//! farthest from its centroid.
//!
//! Work is split into chunks of a fixed number of rows, summed in their order, so that the bytes of the result depend on
//! neither the number of threads nor the luck of scheduling.

use rayon::prelude::*;

use super::panel::{CHUNK, LANES, Tile, squared_distance};
use crate::num::Matrix;

/// Where the iteration ended.
pub(super) struct Settled {
    pub(super) centroids: Vec<f64>,
    pub(super) iterations: usize,
    /// The sum of the centroids' squared shifts in the last iteration; exactly 0 where no row changed its group.
    pub(super) shift: f64,
}

/// The group of each row, with what is known of its distances.
struct Places {
    labels: Vec<u32>,
    upper: Vec<f64>,
    lower: Vec<f64>,
}

/// A chunk of rows and its part of the places.
struct Chunk<'a> {
    rows: &'a [f64],
    labels: &'a mut [u32],
    upper: &'a mut [f64],
    lower: &'a mut [f64],
}

/// What all chunks of one iteration look at.
struct Round<'a> {
    /// Whether no row has a group yet.
    first: bool,
    columns: usize,
    centroids: &'a [f64],
    /// Half the distance from each centroid to the nearest other one.
    near: Vec<f64>,
    shifts: &'a Shifts,
}

/// The sum and the number of the rows of each group.
struct Groups {
    sums: Vec<f64>,
    counts: Vec<i64>,
}

/// How far the centroids went in the last update.
struct Shifts {
    each: Vec<f64>,
    largest: f64,
    second: f64,
    largest_at: u32,
}

/// A row without a group yet.
const NOWHERE: u32 = u32::MAX;

/// Iterates from `centroids` until their squared shifts sum to at most `shift_limit` (which they do, being 0, when no row
/// changes its group), or until `max_iterations` are spent.
pub(super) fn descend(data: &Matrix, centroids: Vec<f64>, max_iterations: usize, shift_limit: f64) -> Settled {
    let (n, d) = (data.n_rows(), data.n_cols());
    let k = centroids.len() / d;
    let mut at = Settled { centroids, iterations: 0, shift: f64::INFINITY };
    let mut places = Places { labels: vec![NOWHERE; n], upper: vec![0.0; n], lower: vec![0.0; n] };
    let mut groups = Groups { sums: vec![0.0; k * d], counts: vec![0; k] };
    let mut shifts = Shifts { each: vec![0.0; k], largest: 0.0, second: 0.0, largest_at: 0 };
    while at.iterations < max_iterations && at.shift > shift_limit {
        at.iterations += 1;
        let round = Round {
            first: at.iterations == 1,
            columns: d,
            centroids: &at.centroids,
            near: half_gaps(&at.centroids, d),
            shifts: &shifts,
        };
        for change in places.step(data, &round) {
            groups.sums.iter_mut().zip(&change.sums).for_each(|(s, c)| *s += c);
            groups.counts.iter_mut().zip(&change.counts).for_each(|(s, c)| *s += c);
        }
        if groups.counts.contains(&0) {
            refound(data, &at.centroids, &mut places, &mut groups);
        }
        let before = at.centroids.clone();
        for ((m, sum), &count) in at.centroids.chunks_exact_mut(d).zip(groups.sums.chunks_exact(d)).zip(&groups.counts)
        {
            m.iter_mut().zip(sum).for_each(|(m, s)| *m = s / count as f64);
        }
        shifts = shifts_between(&before, &at.centroids, d);
        at.shift = shifts.each.iter().map(|s| s * s).sum();
    }
    at
}

/// Assigns every row to its nearest centroid, between equals the first, and returns the sum of squared distances.
pub(super) fn assign_all(data: &Matrix, centroids: &[f64], labels: &mut [u32]) -> f64 {
    let d = data.n_cols();
    let parts: Vec<f64> = data
        .values()
        .par_chunks(CHUNK * d)
        .zip(labels.par_chunks_mut(CHUNK))
        .map(|(rows, labels)| {
            let (mut tile, mut sum) = (Tile::new(d), 0.0);
            for (rows, labels) in rows.chunks(LANES * d).zip(labels.chunks_mut(LANES)) {
                tile.fill(rows);
                let found = tile.nearest(centroids);
                for (lane, label) in labels.iter_mut().enumerate() {
                    *label = found.labels[lane] as u32;
                    sum += found.first[lane];
                }
            }
            sum
        })
        .collect();
    parts.iter().sum()
}

/// The sum of squared distances of all rows to their nearest centroids.
pub(super) fn inertia(data: &Matrix, centroids: &[f64]) -> f64 {
    assign_all(data, centroids, &mut vec![0; data.n_rows()])
}

impl Places {
    fn step(&mut self, data: &Matrix, round: &Round) -> Vec<Groups> {
        data.values()
            .par_chunks(CHUNK * round.columns)
            .zip(self.labels.par_chunks_mut(CHUNK))
            .zip(self.upper.par_chunks_mut(CHUNK))
            .zip(self.lower.par_chunks_mut(CHUNK))
            .map(|(((rows, labels), upper), lower)| Chunk { rows, labels, upper, lower }.step(round))
            .collect()
    }
}

impl Chunk<'_> {
    /// Moves the bounds along with the centroids and measures anew the rows that the bounds cannot hold.
    fn step(&mut self, round: &Round) -> Groups {
        let (d, k) = (round.columns, round.near.len());
        let mut change = Groups { sums: vec![0.0; k * d], counts: vec![0; k] };
        let mut tile = Tile::new(d);
        for waiting in self.loose(round).chunks(LANES) {
            for (lane, &i) in waiting.iter().enumerate() {
                tile.put(lane, &self.rows[i * d..(i + 1) * d]);
            }
            self.measure(waiting, &tile, round, &mut change);
        }
        change
    }

    /// The rows that may change their group: those whose bounds, moved along with the centroids, cross.
    ///
    /// Hamerly first measures the distance to the own centroid and bounds the row again. Eight rows at a time are measured
    /// against all centroids in less time than that takes one by one, and this makes both bounds tight.
    fn loose(&mut self, round: &Round) -> Vec<usize> {
        let n = self.labels.len();
        let mut rows: Vec<usize> = (0..n).collect();
        if round.first {
            return rows;
        }
        let shifts = round.shifts;
        let mut filled = 0;
        for (i, ((&label, upper), lower)) in
            self.labels.iter().zip(self.upper.iter_mut()).zip(self.lower.iter_mut()).enumerate()
        {
            let own = label as usize;
            *upper += shifts.each[own];
            *lower -= if label == shifts.largest_at { shifts.second } else { shifts.largest };
            let near = round.near[own];
            let safe = if *lower > near { *lower } else { near };
            // No branch: whether the bounds hold cannot be foreseen.
            rows[filled] = i;
            filled += usize::from(*upper >= safe);
        }
        rows.truncate(filled);
        rows
    }

    /// Finds the groups of the rows that wait in `tile`.
    #[inline]
    fn measure(&mut self, waiting: &[usize], tile: &Tile, round: &Round, change: &mut Groups) {
        let d = round.columns;
        let found = tile.nearest(round.centroids);
        let (first, second) = (found.first.map(f64::sqrt), found.second.map(f64::sqrt));
        for (lane, &i) in waiting.iter().enumerate() {
            (self.upper[i], self.lower[i]) = (first[lane], second[lane]);
            let (new, old) = (found.labels[lane] as u32, self.labels[i]);
            if new == old {
                continue;
            }
            self.labels[i] = new;
            let row = &self.rows[i * d..(i + 1) * d];
            let (new, old) = (new as usize, old as usize);
            change.counts[new] += 1;
            change.sums[new * d..(new + 1) * d].iter_mut().zip(row).for_each(|(s, x)| *s += x);
            // A row that was nowhere leaves no group behind.
            if let Some(count) = change.counts.get_mut(old) {
                *count -= 1;
                change.sums[old * d..(old + 1) * d].iter_mut().zip(row).for_each(|(s, x)| *s -= x);
            }
        }
    }
}

/// Gives each empty group the row farthest from its centroid. There always is one off its centroid: the rows have at
/// least `k` distinct places and fewer than `k` groups hold them.
fn refound(data: &Matrix, centroids: &[f64], places: &mut Places, groups: &mut Groups) {
    let d = data.n_cols();
    let (Places { labels, upper, lower }, Groups { sums, counts }) = (places, groups);
    let mut distances: Vec<f64> = (0..data.n_rows())
        .map(|i| squared_distance(data.row(i), &centroids[labels[i] as usize * d..(labels[i] as usize + 1) * d]))
        .collect();
    for empty in 0..counts.len() {
        if counts[empty] != 0 {
            continue;
        }
        let mut farthest = None;
        for (i, &distance) in distances.iter().enumerate() {
            if counts[labels[i] as usize] > 1 && farthest.is_none_or(|f: usize| distance > distances[f]) {
                farthest = Some(i);
            }
        }
        let Some(i) = farthest else { return };
        let old = labels[i] as usize;
        counts[old] -= 1;
        counts[empty] += 1;
        for (j, &x) in data.row(i).iter().enumerate() {
            sums[old * d + j] -= x;
            sums[empty * d + j] = x;
        }
        labels[i] = empty as u32;
        distances[i] = 0.0;
        // No bound is known for the row with respect to the new group: it is measured anew next time.
        upper[i] = f64::INFINITY;
        lower[i] = 0.0;
    }
}

/// Half the distance from each centroid to the nearest other one; infinite where it is the only one.
fn half_gaps(centroids: &[f64], d: usize) -> Vec<f64> {
    let rows: Vec<&[f64]> = centroids.chunks_exact(d).collect();
    rows.iter()
        .enumerate()
        .map(|(a, x)| {
            let others = rows.iter().enumerate().filter(|&(b, _)| b != a);
            others.map(|(_, y)| squared_distance(x, y)).fold(f64::INFINITY, f64::min).sqrt() / 2.0
        })
        .collect()
}

fn shifts_between(before: &[f64], after: &[f64], d: usize) -> Shifts {
    let each: Vec<f64> =
        before.chunks_exact(d).zip(after.chunks_exact(d)).map(|(a, b)| squared_distance(a, b).sqrt()).collect();
    let (mut largest, mut second, mut largest_at) = (0.0, 0.0, 0);
    for (c, &shift) in each.iter().enumerate() {
        if shift > largest {
            (second, largest, largest_at) = (largest, shift, c as u32);
        } else if shift > second {
            second = shift;
        }
    }
    Shifts { each, largest, second, largest_at }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::super::seeding::seeds;
    use super::*;
    use crate::rng;
    use rand::RngExt;

    /// Lloyd's iteration in its plainest form, from given centroids.
    fn plain(data: &Matrix, mut centroids: Vec<f64>) -> (Vec<f64>, f64) {
        let d = data.n_cols();
        loop {
            let nearest = |i: usize| {
                let all = centroids.chunks_exact(d).map(|m| squared_distance(data.row(i), m)).enumerate();
                all.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap()
            };
            let found: Vec<(usize, f64)> = (0..data.n_rows()).map(nearest).collect();
            let mut next = vec![0.0; centroids.len()];
            for c in 0..centroids.len() / d {
                let rows: Vec<usize> = (0..data.n_rows()).filter(|&i| found[i].0 == c).collect();
                for j in 0..d {
                    next[c * d + j] = rows.iter().map(|&i| data.get(i, j)).sum::<f64>() / rows.len() as f64;
                }
            }
            let moved = squared_distance(&next, &centroids);
            centroids = next;
            if moved < 1e-24 {
                return (centroids, found.iter().map(|f| f.1).sum());
            }
        }
    }

    #[test]
    fn bounds_change_nothing_but_the_work() {
        // One cloud cut into 11 pieces: nothing is separate, so bounds are tested at every step.
        let mut s = rng::stream(8, "segment/lloyd/test", 0);
        let values = (0..3 * 3000).map(|_| s.random::<f64>() + s.random::<f64>()).collect();
        let data = Matrix::new(3000, 3, values).unwrap();
        let start = seeds(&data, 11, 4, 0).unwrap();
        let found = descend(&data, start.clone(), 1000, 0.0);
        let (centroids, inertia) = plain(&data, start);
        let mut labels = vec![0; 3000];
        let ours = assign_all(&data, &found.centroids, &mut labels);
        assert!(found.shift <= 0.0 && (ours - inertia).abs() < 1e-9 * inertia, "{ours} {inertia}");
        for (m, p) in found.centroids.chunks_exact(3).zip(centroids.chunks_exact(3)) {
            assert!(squared_distance(m, p) < 1e-18);
        }
    }

    #[test]
    fn bounds_hold_wherever_the_centroids_go() {
        let mut s = rng::stream(3, "segment/lloyd/test", 1);
        let mut draw = |scale: f64| s.random::<f64>() * scale;
        let (n, d, k) = (700, 2, 5);
        let data = Matrix::new(n, d, (0..n * d).map(|_| draw(10.0)).collect()).unwrap();
        let mut centroids: Vec<f64> = (0..k * d).map(|_| draw(10.0)).collect();
        let mut shifts = Shifts { each: vec![0.0; k], largest: 0.0, second: 0.0, largest_at: 0 };
        let mut places = Places { labels: vec![NOWHERE; n], upper: vec![0.0; n], lower: vec![0.0; n] };
        let mut held = 0;
        for t in 0..30 {
            let round = Round {
                first: t == 0,
                columns: d,
                centroids: &centroids,
                near: half_gaps(&centroids, d),
                shifts: &shifts,
            };
            places.step(&data, &round);
            for i in 0..n {
                let all: Vec<f64> =
                    centroids.chunks_exact(d).map(|m| squared_distance(data.row(i), m).sqrt()).collect();
                let own = places.labels[i] as usize;
                let other = (0..k).filter(|&c| c != own).map(|c| all[c]).fold(f64::INFINITY, f64::min);
                assert!(all[own] <= other && all[own] <= places.upper[i] + 1e-9 && places.lower[i] <= other + 1e-9);
                held += usize::from(places.lower[i] < other - 1e-9);
            }
            // One centroid at a time, each in its turn the one that goes farthest; the others stay or go a little.
            let before = centroids.clone();
            let far = t % k;
            for (c, m) in centroids.chunks_exact_mut(d).enumerate() {
                let reach = if c == far { 0.6 } else { 0.1 };
                m.iter_mut().for_each(|x| *x += draw(reach) - reach / 2.0);
            }
            shifts = shifts_between(&before, &centroids, d);
        }
        // Many rows were never measured anew: their bounds were moved along, which is what this is about.
        assert!(held > 30 * n / 4, "{held}");
    }

    #[test]
    fn an_iteration_stops_at_its_limits() {
        let data = Matrix::new(6, 1, vec![0.0, 1.0, 2.0, 3.0, 4.0, 50.0]).unwrap();
        let once = descend(&data, vec![0.0, 1.0], 1, 0.0);
        assert_eq!((once.iterations, once.shift, once.centroids), (1, 121.0, vec![0.0, 12.0]));
        // The first update moves the centroids by 0 and 11: the squares sum to 121.
        assert!(descend(&data, vec![0.0, 1.0], 9, 121.0).iterations == 1);
        let whole = descend(&data, vec![0.0, 1.0], 9, 120.9);
        assert_eq!((whole.iterations, whole.shift, whole.centroids), (3, 0.0, vec![2.0, 50.0]));
    }

    #[test]
    fn an_empty_group_is_refounded_on_the_farthest_row() {
        let data = Matrix::new(5, 1, vec![0.0, 1.0, 2.0, 3.0, 50.0]).unwrap();
        let centroids = [1.0, 2.0, 900.0];
        let mut places = Places { labels: vec![0, 0, 1, 1, 1], upper: vec![1.0; 5], lower: vec![1.0; 5] };
        let mut groups = Groups { sums: vec![1.0, 55.0, 0.0], counts: vec![2, 3, 0] };
        refound(&data, &centroids, &mut places, &mut groups);
        assert_eq!(places.labels, [0, 0, 1, 1, 2]);
        assert_eq!((groups.sums, groups.counts), (vec![1.0, 5.0, 50.0], vec![2, 2, 1]));
        assert_eq!((places.upper[4], places.lower[4]), (f64::INFINITY, 0.0));
    }
}

//! Seeds for k-means: k-means++ with several candidates for each seed.
//!
//! A row becomes a candidate with probability in proportion to its squared distance from the seeds so far (Arthur and
//! Vassilvitskii 2007); of `2 + ln k` candidates the one that lowers the sum of squared distances most is kept (their
//! section 5, and scikit-learn's practice). Beside it the drawing of rows without replacement, which several files share.

use rand::RngExt;
use rayon::prelude::*;

use super::panel::{CHUNK, LANES, Tile};
use crate::error::{Error, Result};
use crate::num::Matrix;
use crate::rng;

/// `k` rows to start from, all different, one after the other; fails when the rows have fewer distinct places.
pub(super) fn seeds(data: &Matrix, k: usize, seed: u64, start: u64) -> Result<Vec<f64>> {
    let n = data.n_rows();
    let mut stream = rng::stream(seed, "segment/kmeans", start);
    let trials = (2 + (k as f64).ln() as usize).min(LANES);
    let first = stream.random_range(0..n as u64) as usize;
    let mut centroids = data.row(first).to_vec();
    let mut nearest = vec![f64::INFINITY; n];
    let mut newest = first;
    for chosen in 1..k {
        let masses = approach(data, data.row(newest), &mut nearest);
        let total: f64 = masses.iter().sum();
        if total <= 0.0 {
            return Err(Error::TooFew { what: "k-means (distinct rows)", needed: k, found: chosen });
        }
        let candidates: Vec<usize> =
            (0..trials).map(|_| draw(stream.random::<f64>() * total, &masses, &nearest)).collect();
        let potentials = potentials(data, data.select_rows(&candidates).values(), &nearest);
        let mut best = 0;
        for t in 1..trials {
            if potentials[t] < potentials[best] {
                best = t;
            }
        }
        newest = candidates[best];
        centroids.extend_from_slice(data.row(newest));
    }
    Ok(centroids)
}

/// Lowers each row's squared distance from the seeds so far to that from `centre` where this is less, and returns the
/// sums chunk by chunk.
fn approach(data: &Matrix, centre: &[f64], nearest: &mut [f64]) -> Vec<f64> {
    let d = data.n_cols();
    data.values()
        .par_chunks(CHUNK * d)
        .zip(nearest.par_chunks_mut(CHUNK))
        .map(|(rows, nearest)| {
            let (mut tile, mut mass) = (Tile::new(d), 0.0);
            for (rows, nearest) in rows.chunks(LANES * d).zip(nearest.chunks_mut(LANES)) {
                tile.fill(rows);
                for (least, squared) in nearest.iter_mut().zip(tile.squared(centre)) {
                    *least = least.min(squared);
                    mass += *least;
                }
            }
            mass
        })
        .collect()
}

/// What the sum of squared distances would be with each of the candidates (at most eight) as a further seed.
fn potentials(data: &Matrix, candidates: &[f64], nearest: &[f64]) -> [f64; LANES] {
    let d = data.n_cols();
    let parts: Vec<[f64; LANES]> = data
        .values()
        .par_chunks(CHUNK * d)
        .zip(nearest.par_chunks(CHUNK))
        .map(|(rows, nearest)| {
            let (mut tile, mut sums) = (Tile::new(d), [0.0; LANES]);
            for (rows, nearest) in rows.chunks(LANES * d).zip(nearest.chunks(LANES)) {
                tile.fill(rows);
                for (sum, candidate) in sums.iter_mut().zip(candidates.chunks_exact(d)) {
                    let squared = tile.squared(candidate);
                    nearest.iter().zip(squared).for_each(|(least, x)| *sum += x.min(*least));
                }
            }
            sums
        })
        .collect();
    let mut totals = [0.0; LANES];
    for part in &parts {
        totals.iter_mut().zip(part).for_each(|(total, sum)| *total += sum);
    }
    totals
}

/// The row on which `target`, a place in the summed squared distances, falls; never a row at distance 0.
fn draw(mut target: f64, masses: &[f64], nearest: &[f64]) -> usize {
    let mut last = 0;
    for (c, &mass) in masses.iter().enumerate() {
        if mass <= 0.0 {
            continue;
        }
        let begin = c * CHUNK;
        let end = (begin + CHUNK).min(nearest.len());
        if target < mass {
            for (i, &w) in nearest.iter().enumerate().take(end).skip(begin) {
                if w > 0.0 {
                    last = i;
                    if target < w {
                        return i;
                    }
                    target -= w;
                }
            }
            return last;
        }
        last = (begin..end).rev().find(|&i| nearest[i] > 0.0).unwrap_or(last);
        target -= mass;
    }
    last
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::super::panel::squared_distance;
    use super::*;

    #[test]
    fn draws_follow_the_distances() {
        // Masses of two chunks; places in them fall on rows in proportion to their distances, never on a zero.
        let mut nearest = vec![0.0; CHUNK + 3];
        (nearest[5], nearest[9], nearest[CHUNK + 1]) = (2.0, 1.0, 4.0);
        let masses = [3.0, 4.0];
        for (target, row) in [(0.0, 5), (1.9, 5), (2.0, 9), (2.9, 9), (3.0, CHUNK + 1), (6.9, CHUNK + 1)] {
            assert_eq!(draw(target, &masses, &nearest), row);
        }
        // A target that rounding put past the end takes the last row that can be taken.
        assert_eq!(draw(7.1, &masses, &nearest), CHUNK + 1);
    }

    #[test]
    fn seeds_are_different_rows_and_depend_on_the_start() {
        let data = Matrix::new(60, 1, (0..60).map(|i| f64::from(i % 30)).collect()).unwrap();
        let mut all = Vec::new();
        for start in 0..4 {
            let mut found = seeds(&data, 12, 5, start).unwrap();
            found.sort_by(f64::total_cmp);
            found.dedup();
            assert_eq!(found.len(), 12);
            all.push(found);
        }
        assert!(all[1..].iter().any(|other| *other != all[0]));
        assert!(matches!(seeds(&data, 31, 5, 0), Err(Error::TooFew { needed: 31, found: 30, .. })));
    }

    /// The sum of squared distances to the nearest of `centroids`, row by row.
    fn potential(data: &Matrix, centroids: &[f64]) -> f64 {
        let nearest = |row: &[f64]| {
            let all = centroids.chunks_exact(data.n_cols()).map(|m| squared_distance(row, m));
            all.fold(f64::INFINITY, f64::min)
        };
        (0..data.n_rows()).map(|i| nearest(data.row(i))).sum()
    }

    #[test]
    fn the_best_of_several_candidates_is_better_than_the_first() {
        let mut s = rng::stream(6, "segment/seeding/test", 0);
        let data = Matrix::new(900, 3, (0..2700).map(|_| s.random::<f64>()).collect()).unwrap();
        // k-means++ with one candidate a seed, in its plainest form.
        let mut plain = || {
            let mut centroids = data.row(s.random_range(0..900_u64) as usize).to_vec();
            while centroids.len() < 8 * 3 {
                let mut target = s.random::<f64>() * potential(&data, &centroids);
                for i in 0..900 {
                    let one = Matrix::new(1, 3, data.row(i).to_vec()).unwrap();
                    target -= potential(&one, &centroids);
                    if target < 0.0 {
                        centroids.extend_from_slice(data.row(i));
                        break;
                    }
                }
            }
            potential(&data, &centroids)
        };
        let first: f64 = (0..40).map(|_| plain()).sum();
        let best: f64 = (0..40).map(|start| potential(&data, &seeds(&data, 8, 1, start).unwrap())).sum();
        // Of four candidates the best: about a tenth less. Sums of 40 err by a few per cent.
        assert!(best < 0.95 * first, "{best} {first}");
        // What is compared is what it says.
        let (nearest, candidates) = (vec![0.5; 900], [0.1, 0.2, 0.3, 0.9, 0.8, 0.7]);
        let found = potentials(&data, &candidates, &nearest);
        for (t, candidate) in candidates.chunks_exact(3).enumerate() {
            let expected: f64 = (0..900).map(|i| squared_distance(data.row(i), candidate).min(0.5)).sum();
            assert!((found[t] - expected).abs() < 1e-9);
        }
    }
}

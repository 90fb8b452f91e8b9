//! How customers move between segments from one snapshot to a later one.
//!
//! Question: of those who stood in a segment, how many stand where now? Segments are numbered from 0, the best, by the
//! order of the map's rules; clusters that were fitted anew have no such order and must not be compared so.
//!
//! A [`migration`] counts every pair of segments. A [`Journey`] sums a segment's customers up: `left` bought nothing
//! in the time in between, whatever their scores say; of the others `up` stand in a better segment, `stayed` in the
//! same and `down` in a worse one.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::num;

/// What became of the customers of one segment; the four numbers sum to `customers`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journey {
    /// Customers at the first snapshot.
    pub customers: u64,
    /// Of them, those in a better segment later.
    pub up: u64,
    /// Those in the same one.
    pub stayed: u64,
    /// Those in a worse one.
    pub down: u64,
    /// Those who bought nothing in between.
    pub left: u64,
}

/// `counts[from][to]`: customers by their segment at the first and at the second snapshot.
///
/// # Errors
/// [`Error::Shape`] when the lengths differ, [`Error::Degenerate`] for a segment that is not below `segments`.
///
/// ```
/// use tenure_math::segment::movement::migration;
/// assert_eq!(migration(&[0, 0, 1], &[0, 1, 1], 2)?, [[1, 1], [0, 1]]);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn migration(from: &[usize], to: &[usize], segments: usize) -> Result<Vec<Vec<u64>>> {
    check(from, to, segments)?;
    let mut counts = vec![vec![0; segments]; segments];
    for (&a, &b) in from.iter().zip(to) {
        counts[a][b] += 1;
    }
    Ok(counts)
}

/// The journey of each segment; `left` says of each customer whether it bought nothing between the snapshots.
///
/// # Errors
/// As [`migration`].
pub fn journeys(from: &[usize], to: &[usize], left: &[bool], segments: usize) -> Result<Vec<Journey>> {
    check(from, to, segments)?;
    num::require_len("who left", from.len(), left.len())?;
    let mut all = vec![Journey::default(); segments];
    for ((&a, &b), &left) in from.iter().zip(to).zip(left) {
        let journey = &mut all[a];
        journey.customers += 1;
        let place = match b.cmp(&a) {
            _ if left => &mut journey.left,
            std::cmp::Ordering::Less => &mut journey.up,
            std::cmp::Ordering::Equal => &mut journey.stayed,
            std::cmp::Ordering::Greater => &mut journey.down,
        };
        *place += 1;
    }
    Ok(all)
}

fn check(from: &[usize], to: &[usize], segments: usize) -> Result<()> {
    num::require_len("segments at the second snapshot", from.len(), to.len())?;
    if from.iter().chain(to).any(|&s| s >= segments) {
        return Err(Error::Degenerate { what: "migration", reason: "a segment is not on the map" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rand::RngExt;

    #[test]
    fn a_hand_counted_journey() {
        // Customers 0..6 of segment 1: one up, two stay, one down, two bought nothing (one of them "stayed").
        let from = [1, 1, 1, 1, 1, 1, 0];
        let to = [0, 1, 1, 2, 1, 2, 0];
        let left = [false, false, false, false, true, true, false];
        let journeys = journeys(&from, &to, &left, 3).unwrap();
        assert_eq!(journeys[1], Journey { customers: 6, up: 1, stayed: 2, down: 1, left: 2 });
        assert_eq!(journeys[0], Journey { customers: 1, stayed: 1, ..Journey::default() });
        assert_eq!(journeys[2], Journey::default());
    }

    #[test]
    fn everybody_is_counted_once_in_both() {
        let mut s = crate::rng::stream(5, "test/movement", 0);
        for _ in 0..100 {
            let n = s.random_range(0..60_usize);
            let draw = |s: &mut crate::rng::Stream| -> Vec<usize> { (0..n).map(|_| s.random_range(0..4)).collect() };
            let (from, to) = (draw(&mut s), draw(&mut s));
            let left: Vec<bool> = (0..n).map(|_| s.random::<f64>() < 0.3).collect();
            let moves = migration(&from, &to, 4).unwrap();
            let journeys = journeys(&from, &to, &left, 4).unwrap();
            for (row, j) in moves.iter().zip(&journeys) {
                assert_eq!(row.iter().sum::<u64>(), j.customers);
                assert_eq!(j.up + j.stayed + j.down + j.left, j.customers);
            }
            // Without anybody leaving, the journey is read off the matrix.
            let kept = super::journeys(&from, &to, &vec![false; n], 4).unwrap();
            for (a, j) in kept.iter().enumerate() {
                assert_eq!((j.up, j.stayed), (moves[a][..a].iter().sum(), moves[a][a]));
            }
        }
    }

    #[test]
    fn what_is_not_on_the_map_is_refused() {
        assert!(migration(&[0], &[2], 2).is_err() && migration(&[0], &[], 2).is_err());
        assert!(journeys(&[0], &[1], &[], 2).is_err());
    }
}

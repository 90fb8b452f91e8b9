//! What a grouping goes by: how many rows change their group when one measure is shuffled among them.
//!
//! Question: which measures decide into which group a row falls? For each column the values are dealt out anew among
//! the rows, all else as it was, and the rows are assigned again; `moved` is the share that lands in another group,
//! averaged over several shuffles (the permutation importance of Breiman 2001, *Random Forests*, with the grouping
//! itself in the place of an outcome).
//!
//! Limits: of two measures that say the same, each alone moves fewer rows than both together would. It says what
//! separates the groups, not what makes customers behave as they do.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::num::{self, Matrix};
use crate::rng;

/// How the drivers are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// Shuffles of each column, at least 1.
    pub repeats: usize,
    /// Rows above which a seeded sample of this size is shuffled, at least 2.
    pub rows: usize,
    /// The run's seed.
    pub seed: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self { repeats: 5, rows: 20_000, seed: 0 }
    }
}

/// Share of the rows, 0 to 1, that change their group when each column is shuffled; one number a column, in their order.
/// `assign` gives the group of each row of a table with the columns of `data`.
///
/// # Errors
/// [`Error::TooFew`] below two rows, [`Error::Parameter`] for parameters outside their domain, and whatever `assign`
/// refuses.
///
/// ```
/// use tenure_math::num::Matrix;
/// use tenure_math::segment::drivers::{Params, shuffled};
/// // The group is told by the first column alone.
/// let data = Matrix::new(4, 2, vec![0., 7., 0., 8., 9., 7., 9., 8.])?;
/// let by_first = |m: &Matrix| Ok((0..m.n_rows()).map(|i| m.get(i, 0) > 5.0).collect());
/// let moved = shuffled(&data, by_first, &Params::default())?;
/// assert!(moved[0] > 0.0);
/// assert_eq!(moved[1], 0.0);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn shuffled<T: PartialEq>(
    data: &Matrix,
    assign: impl Fn(&Matrix) -> Result<Vec<T>>,
    params: &Params,
) -> Result<Vec<f64>> {
    if params.repeats == 0 {
        return Err(Error::Parameter { name: "repeats", value: 0.0, expected: "at least 1" });
    }
    if params.rows < 2 {
        return Err(Error::Parameter { name: "rows", value: params.rows as f64, expected: "at least 2" });
    }
    if data.n_rows() < 2 {
        return Err(Error::TooFew { what: "drivers of the groups", needed: 2, found: data.n_rows() });
    }
    let mut stream = rng::stream(params.seed, "segment/drivers", 0);
    let data = data.select_rows(&rng::sample(data.n_rows(), params.rows, &mut stream));
    let (n, d) = (data.n_rows(), data.n_cols());
    let labels = assign(&data)?;
    num::require_len("groups of the rows", n, labels.len())?;
    let mut moved = vec![0.0; d];
    for (j, moved) in moved.iter_mut().enumerate() {
        let mut changed = 0;
        for _ in 0..params.repeats {
            let mut column = data.column(j);
            deal(&mut column, &mut stream);
            let mut values = data.values().to_vec();
            for (row, value) in values.chunks_exact_mut(d).zip(column) {
                row[j] = value;
            }
            let after = assign(&Matrix::new(n, d, values)?)?;
            changed += labels.iter().zip(&after).filter(|(a, b)| a != b).count();
        }
        *moved = changed as f64 / (params.repeats * n) as f64;
    }
    Ok(moved)
}

/// Deals the values out anew (Fisher and Yates).
fn deal<T>(values: &mut [T], stream: &mut impl rand::Rng) {
    for i in (1..values.len()).rev() {
        let j = (stream.random::<f64>() * (i + 1) as f64) as usize;
        values.swap(i, j.min(i));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    /// Three columns; the group is the sum of the first, weighing 3, and of the second, weighing 1.
    fn table(n: usize) -> Matrix {
        let mut s = rng::stream(3, "test/drivers", 0);
        Matrix::new(n, 3, (0..3 * n).map(|_| s.random::<f64>()).collect()).unwrap()
    }

    fn weighed(m: &Matrix) -> Result<Vec<bool>> {
        Ok((0..m.n_rows()).map(|i| 3.0 * m.get(i, 0) + m.get(i, 1) > 2.0).collect())
    }

    #[test]
    fn what_weighs_more_moves_more_and_what_takes_no_part_moves_nobody() {
        let moved = shuffled(&table(4_000), weighed, &Params::default()).unwrap();
        assert!(moved[0] > 2.0 * moved[1] && moved[1] > 0.05, "{moved:?}");
        assert_eq!(moved[2], 0.0);
        // A half is in each group and the first column nearly settles it: nearly a half would change.
        assert!((0.35..0.5).contains(&moved[0]), "{moved:?}");
    }

    #[test]
    fn a_sample_tells_nearly_the_same_and_one_seed_the_same() {
        let whole = shuffled(&table(4_000), weighed, &Params::default()).unwrap();
        let part = shuffled(&table(4_000), weighed, &Params { rows: 1_000, ..Params::default() }).unwrap();
        // The standard error of a share near 0.4 over 1,000 rows is 0.016.
        assert!(whole.iter().zip(&part).all(|(a, b)| (a - b).abs() < 0.06), "{whole:?} {part:?}");
        assert_eq!(whole, shuffled(&table(4_000), weighed, &Params::default()).unwrap());
    }

    #[test]
    fn questions_without_an_answer_are_refused() {
        assert!(shuffled(&table(1), weighed, &Params::default()).is_err());
        assert!(shuffled(&table(9), weighed, &Params { repeats: 0, ..Params::default() }).is_err());
        assert!(shuffled(&table(9), weighed, &Params { rows: 1, ..Params::default() }).is_err());
        assert!(shuffled(&table(9), |_| Ok(vec![1]), &Params::default()).is_err());
    }
}

//! Dense numbers: a row-major matrix and the few sums that must not depend on the order of work.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A dense row-major matrix of `n_rows` x `n_cols` values.
///
/// NaN means "missing" where a room says that it takes missing values (boosting does); all other rooms refuse it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    n_rows: usize,
    n_cols: usize,
    values: Vec<f64>,
}

impl Matrix {
    /// Wraps row-major `values`.
    ///
    /// # Errors
    /// [`Error::Shape`] when `values.len() != n_rows * n_cols`.
    ///
    /// ```
    /// let m = tenure_math::num::Matrix::new(2, 3, vec![1., 2., 3., 4., 5., 6.])?;
    /// assert_eq!(m.row(1), [4., 5., 6.]);
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    pub fn new(n_rows: usize, n_cols: usize, values: Vec<f64>) -> Result<Self> {
        if values.len() != n_rows * n_cols {
            return Err(Error::Shape { what: "matrix values", expected: n_rows * n_cols, found: values.len() });
        }
        Ok(Self { n_rows, n_cols, values })
    }

    /// Builds the matrix whose columns are given; every column has the same length.
    ///
    /// # Errors
    /// [`Error::Shape`] when the columns differ in length.
    pub fn from_columns(columns: &[Vec<f64>]) -> Result<Self> {
        let n_rows = columns.first().map_or(0, Vec::len);
        let n_cols = columns.len();
        let mut values = vec![0.0; n_rows * n_cols];
        for (j, column) in columns.iter().enumerate() {
            if column.len() != n_rows {
                return Err(Error::Shape { what: "matrix column", expected: n_rows, found: column.len() });
            }
            for (i, &v) in column.iter().enumerate() {
                values[i * n_cols + j] = v;
            }
        }
        Ok(Self { n_rows, n_cols, values })
    }

    /// The number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The number of columns.
    #[must_use]
    pub fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// All values, row by row.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Row `i`; panics when there is none.
    #[must_use]
    pub fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.n_cols..(i + 1) * self.n_cols]
    }

    /// The value at row `i`, column `j`; panics outside the matrix.
    #[must_use]
    pub fn get(&self, i: usize, j: usize) -> f64 {
        self.row(i)[j]
    }

    /// A copy of column `j`.
    #[must_use]
    pub fn column(&self, j: usize) -> Vec<f64> {
        (0..self.n_rows).map(|i| self.get(i, j)).collect()
    }

    /// The rows at `indices`, in that order (repeats allowed).
    #[must_use]
    pub fn select_rows(&self, indices: &[usize]) -> Self {
        let mut values = Vec::with_capacity(indices.len() * self.n_cols);
        for &i in indices {
            values.extend_from_slice(self.row(i));
        }
        Self { n_rows: indices.len(), n_cols: self.n_cols, values }
    }

    /// The same rows with only the columns at `indices`, in that order.
    #[must_use]
    pub fn select_columns(&self, indices: &[usize]) -> Self {
        let mut values = Vec::with_capacity(self.n_rows * indices.len());
        for i in 0..self.n_rows {
            let row = self.row(i);
            values.extend(indices.iter().map(|&j| row[j]));
        }
        Self { n_rows: self.n_rows, n_cols: indices.len(), values }
    }

    /// Refuses NaN and infinities, naming the first one.
    ///
    /// # Errors
    /// [`Error::NotFinite`] with the zero-based row and column.
    pub fn require_finite(&self, what: &'static str) -> Result<()> {
        match self.values.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(at) => Err(Error::NotFinite { what, row: at / self.n_cols, column: at % self.n_cols }),
        }
    }
}

/// Refuses NaN and infinities in a slice, naming the first one (column 0).
///
/// # Errors
/// [`Error::NotFinite`] with the zero-based position as row.
pub fn require_finite(what: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(row) => Err(Error::NotFinite { what, row, column: 0 }),
    }
}

/// Refuses two lengths that differ.
///
/// # Errors
/// [`Error::Shape`] naming `what`.
pub fn require_len(what: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found { Ok(()) } else { Err(Error::Shape { what, expected, found }) }
}

/// The arithmetic mean of `values`; `None` when there are none.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() { None } else { Some(values.iter().sum::<f64>() / values.len() as f64) }
}

/// The `q`-quantile of `values` (0 <= q <= 1) by linear interpolation between order statistics (type 7 of Hyndman and
/// Fan 1996, the default of R and numpy); `None` when there are no values.
///
/// ```
/// assert_eq!(tenure_math::num::quantile(&[1., 2., 3., 4.], 0.5), Some(2.5));
/// ```
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile_sorted(&sorted, q)
}

/// [`quantile`] of values that are already in ascending order.
#[must_use]
pub fn quantile_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = q.clamp(0.0, 1.0) * last as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    let weight = position - below as f64;
    Some(sorted[below] + weight * (sorted[above] - sorted[below]))
}

/// Indices that sort `values` in ascending order; ties keep their order, so the result is a function of the input.
#[must_use]
pub fn argsort(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    order
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    #[test]
    fn columns_and_rows_agree() {
        let m = Matrix::from_columns(&[vec![1., 2.], vec![3., 4.], vec![5., 6.]]).unwrap();
        assert_eq!((m.n_rows(), m.n_cols()), (2, 3));
        assert_eq!(m.row(0), [1., 3., 5.]);
        assert_eq!(m.column(2), [5., 6.]);
        assert_eq!(m.select_rows(&[1, 1]).column(0), [2., 2.]);
        assert_eq!(m.select_columns(&[2, 0]).row(1), [6., 2.]);
    }

    #[test]
    fn shapes_and_nan_are_refused_with_their_place() {
        assert!(matches!(Matrix::new(2, 2, vec![0.0; 3]), Err(Error::Shape { expected: 4, found: 3, .. })));
        let m = Matrix::new(2, 2, vec![0.0, 0.0, 0.0, f64::NAN]).unwrap();
        assert!(matches!(m.require_finite("x"), Err(Error::NotFinite { row: 1, column: 1, .. })));
    }

    #[test]
    fn quantiles_are_numpys() {
        // numpy.quantile([7, 1, 5, 3, 9], [0, .1, .25, .5, .9, 1]) = 1, 1.8, 3, 5, 8.2, 9.
        let x = [7., 1., 5., 3., 9.];
        for (q, expected) in [(0., 1.), (0.1, 1.8), (0.25, 3.), (0.5, 5.), (0.9, 8.2), (1., 9.)] {
            assert!((quantile(&x, q).unwrap() - expected).abs() < 1e-12);
        }
        assert_eq!(quantile(&[], 0.5), None);
    }
}

//! Columns on one footing: a logarithm for skewed amounts, then mean 0 and standard deviation 1.
//!
//! Question: how can days, counts and money be compared in one distance? For a column whose values are all >= 0 and whose
//! skewness `g1 = m3 / m2^(3/2)` (m2, m3 the central moments) is above 1, `x` is first replaced by `ln(1 + x)`; then
//! `z = (x - mean) / sd`, with the population standard deviation. What is fitted is applied to later customers as it
//! stands, so nothing of them leaks back.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::num::{self, Matrix};

/// A column whose skewness is above this is taken in logarithms.
pub const SKEWED: f64 = 1.0;

/// How one column is transformed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Whether `ln(1 + x)` is taken first.
    pub log: bool,
    /// The skewness `g1` of the raw column; 0 for a constant one.
    pub skewness: f64,
    /// The mean, after the logarithm where one is taken.
    pub mean: f64,
    /// The population standard deviation, after the logarithm where one is taken; 0 for a constant column, which
    /// becomes all zeros.
    pub sd: f64,
}

/// A fitted standardisation, column by column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    columns: Vec<Column>,
}

/// Fits the standardisation of the columns of `data`.
///
/// # Errors
/// [`Error::TooFew`] without rows, [`Error::NotFinite`] for NaN or infinity.
///
/// ```
/// use tenure_math::{num::Matrix, segment::scale};
/// let data = Matrix::new(3, 1, vec![1., 2., 3.])?;
/// let z = scale::fit(&data)?.transform(&data)?;
/// assert!((z.get(2, 0) - 1.5_f64.sqrt()).abs() < 1e-12);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn fit(data: &Matrix) -> Result<Fitted> {
    if data.n_rows() == 0 {
        return Err(Error::TooFew { what: "standardisation", needed: 1, found: 0 });
    }
    data.require_finite("standardisation")?;
    let columns = (0..data.n_cols())
        .map(|j| {
            let mut column = data.column(j);
            let (mut mean, mut sd, skewness) = moments(&column);
            let log = skewness > SKEWED && column.iter().all(|&x| x >= 0.0);
            if log {
                column.iter_mut().for_each(|x| *x = x.ln_1p());
                (mean, sd, _) = moments(&column);
            }
            Column { log, skewness, mean, sd }
        })
        .collect();
    Ok(Fitted { columns })
}

impl Fitted {
    /// How each column is transformed.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The rows of `data` standardised. Where a logarithm is taken, a later value below 0 counts as 0: the column was
    /// fitted on values that cannot be negative.
    ///
    /// # Errors
    /// [`Error::Shape`] when the number of columns differs, [`Error::NotFinite`] for NaN or infinity.
    pub fn transform(&self, data: &Matrix) -> Result<Matrix> {
        num::require_len("columns to standardise", self.columns.len(), data.n_cols())?;
        data.require_finite("standardisation")?;
        self.map(data, |column, x| {
            let x = if column.log { x.max(0.0).ln_1p() } else { x };
            if column.sd > 0.0 { (x - column.mean) / column.sd } else { 0.0 }
        })
    }

    /// Standardised rows (centroids, say) back in the columns' own units. A centroid of logarithms comes back as a
    /// geometric mean, below the arithmetic mean of its members.
    ///
    /// # Errors
    /// [`Error::Shape`] when the number of columns differs.
    pub fn inverse(&self, data: &Matrix) -> Result<Matrix> {
        num::require_len("standardised columns", self.columns.len(), data.n_cols())?;
        self.map(data, |column, z| {
            let x = z * column.sd + column.mean;
            if column.log { x.exp_m1() } else { x }
        })
    }

    fn map(&self, data: &Matrix, value: impl Fn(&Column, f64) -> f64) -> Result<Matrix> {
        let width = self.columns.len().max(1);
        let values = data
            .values()
            .chunks_exact(width)
            .flat_map(|row| row.iter().zip(&self.columns).map(|(&x, column)| value(column, x)))
            .collect();
        Matrix::new(data.n_rows(), self.columns.len(), values)
    }
}

/// Mean, population standard deviation and skewness; a spread that is rounding only counts as none.
fn moments(values: &[f64]) -> (f64, f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let (m2, m3) = values.iter().fold((0.0, 0.0), |(m2, m3), &x| {
        let d = x - mean;
        (m2 + d * d, m3 + d * d * d)
    });
    let sd = (m2 / n).sqrt();
    if sd <= 1e-12 * mean.abs() { (mean, 0.0, 0.0) } else { (mean, sd, m3 / n / (sd * sd * sd)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    fn data() -> Matrix {
        let money: Vec<f64> = (0..200).map(|i| (f64::from(i) / 25.0).exp()).collect();
        let days: Vec<f64> = (0..200).map(f64::from).collect();
        let net: Vec<f64> = money.iter().map(|m| m - 5.0).collect();
        Matrix::from_columns(&[money, days, net, vec![3.3; 200]]).unwrap()
    }

    #[test]
    fn only_skewed_columns_without_negatives_are_logged() {
        let fitted = fit(&data()).unwrap();
        let logs: Vec<bool> = fitted.columns().iter().map(|c| c.log).collect();
        assert_eq!(logs, [true, false, false, false]);
        assert!(fitted.columns()[2].skewness > SKEWED && fitted.columns()[3].sd == 0.0);
    }

    #[test]
    fn columns_get_mean_zero_and_unit_spread_and_come_back() {
        let data = data();
        let fitted = fit(&data).unwrap();
        let z = fitted.transform(&data).unwrap();
        for j in 0..3 {
            let (mean, sd, _) = moments(&z.column(j));
            assert!(mean.abs() < 1e-12 && (sd - 1.0).abs() < 1e-12);
        }
        assert_eq!(z.column(3), vec![0.0; 200]);
        let back = fitted.inverse(&z).unwrap();
        assert!(back.values().iter().zip(data.values()).all(|(b, x)| (b - x).abs() <= 1e-9 * x.abs().max(1.0)));
        let later = Matrix::new(1, 4, vec![-50.0, 1.0, 1.0, 9.0]).unwrap();
        assert!(fitted.transform(&later).unwrap().require_finite("z").is_ok());
    }

    #[test]
    fn bad_input_is_refused_and_json_keeps_every_bit() {
        assert!(matches!(fit(&Matrix::new(0, 2, vec![]).unwrap()), Err(Error::TooFew { .. })));
        assert!(fit(&Matrix::new(1, 1, vec![f64::NAN]).unwrap()).is_err());
        let fitted = fit(&data()).unwrap();
        assert!(fitted.transform(&Matrix::new(1, 1, vec![1.0]).unwrap()).is_err());
        let text = serde_json::to_string(&fitted).unwrap();
        assert_eq!(serde_json::from_str::<Fitted>(&text).unwrap(), fitted);
    }
}

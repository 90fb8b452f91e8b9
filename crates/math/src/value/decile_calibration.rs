//! Is the predicted money right at every level, and does the upper bound hold there?
//!
//! Customers are ranked by predicted value and cut into ten groups of equal size (ties by their order, so that every
//! customer is in exactly one); each row compares the means and counts the outcomes above the 90 % bound.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::num::{argsort, require_finite, require_len};

/// One tenth of the customers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Decile {
    /// 1 for the lowest predicted values to 10 for the highest.
    pub decile: usize,
    /// Customers in it.
    pub n: usize,
    /// Mean predicted value.
    pub mean_predicted: f64,
    /// Mean actual value.
    pub mean_actual: f64,
    /// Share of customers with an actual value of zero or less.
    pub share_zero: f64,
    /// Share of customers whose actual value is above their 90 % bound; `None` without bounds.
    pub share_above_q90: Option<f64>,
}

/// The table by decile of `predicted`, lowest first.
///
/// # Errors
/// [`Error::TooFew`] below ten customers; [`Error::Shape`], [`Error::NotFinite`] for the inputs.
///
/// ```
/// let values: Vec<f64> = (0..20).map(f64::from).collect();
/// let table = tenure_math::value::decile_calibration::table(&values, &values, None)?;
/// assert_eq!((table[0].n, table[0].mean_actual, table[9].mean_actual), (2, 0.5, 18.5));
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn table(predicted: &[f64], actual: &[f64], q90: Option<&[f64]>) -> Result<Vec<Decile>> {
    let n = predicted.len();
    require_len("actual values", n, actual.len())?;
    require_finite("predicted values", predicted)?;
    require_finite("actual values", actual)?;
    if let Some(bounds) = q90 {
        require_len("upper bounds", n, bounds.len())?;
        require_finite("upper bounds", bounds)?;
    }
    if n < 10 {
        return Err(Error::TooFew { what: "decile calibration", needed: 10, found: n });
    }
    let order = argsort(predicted);
    let row = |k: usize| {
        let members = &order[k * n / 10..(k + 1) * n / 10];
        let mean = |value: &dyn Fn(usize) -> f64| members.iter().map(|&i| value(i)).sum::<f64>() / members.len() as f64;
        Decile {
            decile: k + 1,
            n: members.len(),
            mean_predicted: mean(&|i| predicted[i]),
            mean_actual: mean(&|i| actual[i]),
            share_zero: mean(&|i| f64::from(actual[i] <= 0.0)),
            share_above_q90: q90.map(|bounds| mean(&|i| f64::from(actual[i] > bounds[i]))),
        }
    };
    Ok((0..10).map(row).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    #[test]
    fn the_table_adds_up_to_the_portfolio() {
        let predicted: Vec<f64> = (0..137).map(|i| f64::from(i * 37 % 137)).collect();
        let actual: Vec<f64> = (0..137).map(|i| f64::from(i % 7)).collect();
        let bounds = vec![5.0; 137];
        let table = table(&predicted, &actual, Some(&bounds)).unwrap();
        let total = |f: &dyn Fn(&Decile) -> f64| table.iter().map(|d| d.n as f64 * f(d)).sum::<f64>();
        assert_eq!(table.iter().map(|d| d.n).sum::<usize>(), 137);
        assert!((total(&|d| d.mean_predicted) - predicted.iter().sum::<f64>()).abs() < 1e-9);
        assert!((total(&|d| d.mean_actual) - actual.iter().sum::<f64>()).abs() < 1e-9);
        let above = actual.iter().filter(|y| **y > 5.0).count() as f64;
        assert!((total(&|d| d.share_above_q90.unwrap()) - above).abs() < 1e-9);
        let zero = actual.iter().filter(|y| **y <= 0.0).count() as f64;
        assert!((total(&|d| d.share_zero) - zero).abs() < 1e-9);
    }

    #[test]
    fn perfect_predictions_lie_on_the_diagonal_and_order_is_free() {
        let values: Vec<f64> = (0..50).map(|i| f64::from((i * 17 % 50) * 3)).collect();
        let rows = table(&values, &values, None).unwrap();
        assert!(rows.iter().all(|d| d.mean_predicted == d.mean_actual && d.share_above_q90.is_none()));
        assert!(rows.windows(2).all(|w| w[0].mean_predicted < w[1].mean_predicted));
        let reversed: Vec<f64> = values.iter().rev().copied().collect();
        assert_eq!(table(&reversed, &reversed, None).unwrap(), rows);
    }

    #[test]
    fn bad_inputs_are_refused() {
        assert!(matches!(table(&[1.0; 9], &[1.0; 9], None), Err(Error::TooFew { .. })));
        assert!(matches!(table(&[1.0; 10], &[1.0; 9], None), Err(Error::Shape { .. })));
        assert!(matches!(table(&[f64::NAN; 10], &[1.0; 10], None), Err(Error::NotFinite { .. })));
        assert!(table(&[1.0; 10], &[1.0; 10], Some(&[1.0])).is_err());
    }
}

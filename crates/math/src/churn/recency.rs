//! The recency baseline: how much can be said from the days since the last purchase alone?
//!
//! Model: `P(churn | recency)` is the non-decreasing curve nearest to the outcomes (isotonic regression; see
//! [`crate::calibrate::Isotonic`]), held within `[1/(n+2), 1 - 1/(n+2)]`. A model that does not beat it has learnt
//! nothing beyond recency.
//!
//! Domain: recency in days, >= 0. Limits: where churn is not monotone in recency (a yearly buyer), the curve is flat.

use serde::{Deserialize, Serialize};

use crate::calibrate::Isotonic;
use crate::error::{Error, Result};
use crate::num::{require_finite, require_len};

/// The fitted baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recency {
    curve: Isotonic,
    edge: f64,
}

impl Recency {
    /// Fits the curve on rows `recency_days`, `churned`.
    ///
    /// # Errors
    /// [`Error::Degenerate`] when the outcomes have one class only, [`Error::Parameter`] for a negative recency,
    /// [`Error::Shape`], [`Error::NotFinite`], [`Error::TooFew`] for the inputs.
    ///
    /// ```
    /// let days = [1.0, 2.0, 3.0, 100.0, 200.0, 300.0];
    /// let churned = [false, false, true, true, false, true];
    /// let fitted = tenure_math::churn::recency::Recency::fit(&days, &churned)?;
    /// assert_eq!(fitted.predict(&[2.0, 150.0, 400.0])?, [0.125, 2.0 / 3.0, 0.875]);
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    pub fn fit(recency_days: &[f64], churned: &[bool]) -> Result<Self> {
        require_len("churn outcomes", recency_days.len(), churned.len())?;
        check(recency_days)?;
        let churners = churned.iter().filter(|c| **c).count();
        if churners == 0 || churners == churned.len() {
            return Err(Error::Degenerate { what: "recency baseline", reason: "the outcomes have one class only" });
        }
        let outcome: Vec<f64> = churned.iter().map(|&c| f64::from(c)).collect();
        let curve = Isotonic::fit(recency_days, &outcome, None)?;
        Ok(Self { curve, edge: 1.0 / (churned.len() as f64 + 2.0) })
    }

    /// The probability of churn at each recency, inside (0, 1).
    ///
    /// # Errors
    /// [`Error::Parameter`] for a negative recency, [`Error::NotFinite`] for NaN or infinity.
    pub fn predict(&self, recency_days: &[f64]) -> Result<Vec<f64>> {
        check(recency_days)?;
        Ok(recency_days.iter().map(|&d| self.curve.apply(d).clamp(self.edge, 1.0 - self.edge)).collect())
    }
}

fn check(recency_days: &[f64]) -> Result<()> {
    require_finite("recency_days", recency_days)?;
    match recency_days.iter().find(|d| **d < 0.0) {
        None => Ok(()),
        Some(&value) => Err(Error::Parameter { name: "recency_days", value, expected: "days >= 0" }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn known_truth_is_recovered() {
        // At each recency d of 0..100, 100 customers of whom d churn.
        let days: Vec<f64> = (0..10_000).map(|i| f64::from(i / 100)).collect();
        let churned: Vec<bool> = (0..10_000).map(|i| i % 100 < i / 100).collect();
        let fitted = Recency::fit(&days, &churned).unwrap();
        let p = fitted.predict(&[0.0, 25.0, 25.5, 99.0, 1e6]).unwrap();
        for (p, expected) in p.iter().zip([1.0 / 10_002.0, 0.25, 0.255, 0.99, 0.99]) {
            assert!((p - expected).abs() < 1e-12, "{p} is not {expected}");
        }
    }

    #[test]
    fn order_and_duplication_change_nothing_but_the_edge() {
        let days = [5.0, 80.0, 10.0, 200.0, 60.0, 40.0];
        let churned = [false, true, true, true, false, false];
        let fitted = Recency::fit(&days, &churned).unwrap();
        let twice = Recency::fit(&[days, days].concat(), &[churned, churned].concat()).unwrap();
        let at = [12.0, 45.0, 70.0];
        let (a, b) = (fitted.predict(&at).unwrap(), twice.predict(&at).unwrap());
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-12));
        let back: Recency = serde_json::from_str(&serde_json::to_string(&fitted).unwrap()).unwrap();
        assert_eq!(back, fitted);
        let grid: Vec<f64> = (0..300).map(f64::from).collect();
        assert!(fitted.predict(&grid).unwrap().windows(2).all(|w| w[0] <= w[1]));
    }

    #[test]
    fn bad_inputs_are_refused() {
        assert!(matches!(Recency::fit(&[1.0, 2.0], &[true, true]), Err(Error::Degenerate { .. })));
        assert!(matches!(Recency::fit(&[-1.0, 2.0], &[true, false]), Err(Error::Parameter { .. })));
        assert!(matches!(Recency::fit(&[1.0], &[true, false]), Err(Error::Shape { .. })));
        let fitted = Recency::fit(&[1.0, 2.0], &[false, true]).unwrap();
        assert!(fitted.predict(&[f64::NAN]).is_err());
    }
}

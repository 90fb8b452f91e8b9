//! What a customer is worth to somebody who dislikes surprises.
//!
//! Two rules: `mean - lambda * spread` (mean-deviation, after Markowitz 1952), where the spread is the standard
//! deviation that a normal law would need for the same 10 %-90 % range, `(q90 - q10) / 2.5631`; or simply the lower
//! quantile. Neither falls below zero. Limits: customers are taken one by one; their sum is less risky than that.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::num::{require_finite, require_len};

/// Standard deviations between the 10 % and the 90 % quantile of a normal law.
const NORMAL_RANGE: f64 = 2.563_103_131_089_201;

/// How risk is priced.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The mean less `lambda` spreads.
    Spread {
        /// Price of one spread, >= 0; 0 is the mean itself.
        lambda: f64,
    },
    /// The 10 % quantile.
    LowerQuantile,
}

/// The standard deviation a normal law would have with these quantiles.
#[must_use]
pub fn spread(q10: f64, q90: f64) -> f64 {
    (q90 - q10) / NORMAL_RANGE
}

/// The risk-adjusted value of each customer, in the unit of `mean`.
///
/// # Errors
/// [`Error::Parameter`] for a negative `lambda` or a `q90` below its `q10`; [`Error::Shape`], [`Error::NotFinite`].
///
/// ```
/// use tenure_math::value::risk::{Rule, adjust};
/// let adjusted = adjust(Rule::Spread { lambda: 1.0 }, &[100.0], &[50.0], &[150.0])?;
/// assert!((adjusted[0] - 60.985).abs() < 1e-3);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn adjust(rule: Rule, mean: &[f64], q10: &[f64], q90: &[f64]) -> Result<Vec<f64>> {
    for (what, column) in [("mean values", mean), ("lower quantiles", q10), ("upper quantiles", q90)] {
        require_len(what, mean.len(), column.len())?;
        require_finite(what, column)?;
    }
    if let Some(i) = (0..mean.len()).find(|&i| q90[i] < q10[i]) {
        return Err(Error::Parameter { name: "upper quantile", value: q90[i], expected: "at least the lower one" });
    }
    Ok(match rule {
        Rule::LowerQuantile => q10.iter().map(|q| q.max(0.0)).collect(),
        Rule::Spread { lambda } => {
            if !(lambda >= 0.0 && lambda.is_finite()) {
                return Err(Error::Parameter { name: "lambda", value: lambda, expected: "a finite value >= 0" });
            }
            (0..mean.len()).map(|i| (mean[i] - lambda * spread(q10[i], q90[i])).max(0.0)).collect()
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    const MEAN: [f64; 3] = [100.0, 20.0, 5.0];
    const Q10: [f64; 3] = [40.0, 0.0, 0.0];
    const Q90: [f64; 3] = [180.0, 60.0, 12.0];

    #[test]
    fn a_normal_law_gives_its_own_deviation() {
        // The 10 % and 90 % points of N(50, 7^2) are 50 -+ 7 * 1.2815515655446004 (tables of the normal law).
        let half = 7.0 * 1.281_551_565_544_600_4;
        assert!((spread(50.0 - half, 50.0 + half) - 7.0).abs() < 1e-12);
    }

    #[test]
    fn limits_and_invariances() {
        assert_eq!(adjust(Rule::Spread { lambda: 0.0 }, &MEAN, &Q10, &Q90).unwrap(), MEAN);
        assert_eq!(adjust(Rule::LowerQuantile, &MEAN, &Q10, &Q90).unwrap(), Q10);
        assert_eq!(adjust(Rule::Spread { lambda: 1e6 }, &MEAN, &Q10, &Q90).unwrap(), [0.0; 3]);
        let rule = Rule::Spread { lambda: 0.5 };
        let once = adjust(rule, &MEAN, &Q10, &Q90).unwrap();
        let dear = adjust(rule, &MEAN.map(|v| v * 8.0), &Q10.map(|v| v * 8.0), &Q90.map(|v| v * 8.0)).unwrap();
        assert!(once.iter().zip(&dear).all(|(a, b)| (a * 8.0 - b).abs() < 1e-9));
        let averse = adjust(Rule::Spread { lambda: 0.7 }, &MEAN, &Q10, &Q90).unwrap();
        assert!(once.iter().zip(&averse).all(|(a, b)| a >= b));
    }

    #[test]
    fn bad_inputs_are_refused() {
        assert!(matches!(adjust(Rule::LowerQuantile, &MEAN, &Q90, &Q10), Err(Error::Parameter { .. })));
        assert!(matches!(adjust(Rule::Spread { lambda: -1.0 }, &MEAN, &Q10, &Q90), Err(Error::Parameter { .. })));
        assert!(matches!(adjust(Rule::LowerQuantile, &MEAN, &Q10, &[1.0]), Err(Error::Shape { .. })));
    }
}

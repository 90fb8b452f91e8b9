//! The logarithmic opinion pool: one probability from several, by the mean of their log-odds.
//!
//! Question: two models of one outcome make different mistakes; what do they say together? `logit p = sum_k w_k logit
//! p_k` with equal weights (Genest and Zidek 1986, "Combining probability distributions", Statistical Science 1(1)). It
//! keeps the order of customers on which both agree, and is unchanged when a model is entered twice.

use crate::error::{Error, Result};
use crate::num::require_len;

/// Probabilities are held this far from 0 and 1, where log-odds end.
const EDGE: f64 = 1e-9;

/// The pooled probability of each row; `models` holds one slice of probabilities a model, all of one length.
///
/// # Errors
/// [`Error::TooFew`] without a model, [`Error::Shape`] for lengths, [`Error::Parameter`] outside [0, 1].
///
/// ```
/// let p = tenure_math::churn::pool::pool(&[&[0.2, 0.5], &[0.8, 0.5]])?;
/// assert!((p[0] - 0.5).abs() < 1e-12 && (p[1] - 0.5).abs() < 1e-12);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn pool(models: &[&[f64]]) -> Result<Vec<f64>> {
    let Some(first) = models.first() else {
        return Err(Error::TooFew { what: "opinion pool", needed: 1, found: 0 });
    };
    let mut sums = vec![0.0; first.len()];
    for model in models {
        require_len("probabilities of a model", first.len(), model.len())?;
        for (sum, &p) in sums.iter_mut().zip(*model) {
            if !(0.0..=1.0).contains(&p) {
                return Err(Error::Parameter { name: "probability", value: p, expected: "a value in [0, 1]" });
            }
            let p = p.clamp(EDGE, 1.0 - EDGE);
            *sum += (p / (1.0 - p)).ln();
        }
    }
    let n = models.len() as f64;
    Ok(sums.into_iter().map(|s| 1.0 / (1.0 + (-s / n).exp())).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_model_pooled_with_itself_is_itself_and_order_does_not_matter() {
        let a = [0.1, 0.4, 0.99];
        let b = [0.3, 0.2, 0.5];
        let same = pool(&[&a, &a, &a]).unwrap();
        assert!(same.iter().zip(a).all(|(x, y)| (x - y).abs() < 1e-12));
        assert_eq!(pool(&[&a, &b]).unwrap(), pool(&[&b, &a]).unwrap());
        // By hand: logits of 0.1 and 0.3 are -2.1972 and -0.8473; their mean -1.5223 is the probability 0.1791.
        assert!((pool(&[&a, &b]).unwrap()[0] - 0.179_1).abs() < 1e-4);
    }

    #[test]
    fn bad_input_is_refused() {
        assert!(pool(&[]).is_err());
        assert!(pool(&[&[0.1], &[0.1, 0.2]]).is_err());
        assert!(pool(&[&[1.2]]).is_err());
    }
}

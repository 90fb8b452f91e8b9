//! Isotonic regression: the increasing curve nearest to the outcomes in least squares.
//!
//! Model: minimise `sum_i w_i (y_i - f(x_i))^2` over non-decreasing `f`, solved by pooling adjacent violators (Ayer et
//! al. 1955; Barlow et al. 1972). Rows with the same `x` are pooled first, so the curve is a function.
//!
//! Between two blocks the curve is linear from the right edge of one to the left edge of the next; outside it keeps
//! its end values. This is scikit-learn's `IsotonicRegression(out_of_bounds="clip")`. For a 0/1 outcome it minimises
//! the log-loss too (Robertson et al. 1988).

use serde::{Deserialize, Serialize};

use super::check_weights;
use crate::error::{Error, Result};
use crate::num::{argsort, require_finite, require_len};

/// A fitted increasing curve: straight lines between knots, constant outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Knots")]
pub struct Isotonic {
    x: Vec<f64>,
    y: Vec<f64>,
}

/// What a stored curve must be checked for before it is one.
#[derive(Deserialize)]
struct Knots {
    x: Vec<f64>,
    y: Vec<f64>,
}

impl TryFrom<Knots> for Isotonic {
    type Error = Error;

    fn try_from(knots: Knots) -> Result<Self> {
        require_len("isotonic knots", knots.x.len(), knots.y.len())?;
        require_finite("isotonic knots", &knots.x)?;
        require_finite("isotonic values", &knots.y)?;
        let ascending = knots.x.windows(2).all(|w| w[0] < w[1]) && knots.y.windows(2).all(|w| w[0] <= w[1]);
        if knots.x.is_empty() || !ascending {
            return Err(Error::Degenerate { what: "isotonic curve", reason: "its knots do not ascend" });
        }
        Ok(Self { x: knots.x, y: knots.y })
    }
}

/// Rows that share one value of the curve.
struct Block {
    first_x: f64,
    last_x: f64,
    weight: f64,
    sum: f64,
}

impl Isotonic {
    /// Fits the non-decreasing curve of `y` on `x`, each row counted `weights` times.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`], [`Error::Parameter`], [`Error::TooFew`] for the inputs.
    ///
    /// ```
    /// let curve = tenure_math::calibrate::Isotonic::fit(&[1., 2., 3., 4.], &[1., 3., 2., 4.], None)?;
    /// assert_eq!([1.0, 2.0, 2.5, 3.5].map(|x| curve.apply(x)), [1.0, 2.5, 2.5, 3.25]);
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    pub fn fit(x: &[f64], y: &[f64], weights: Option<&[f64]>) -> Result<Self> {
        require_len("outcomes", x.len(), y.len())?;
        require_finite("scores", x)?;
        require_finite("outcomes", y)?;
        check_weights(x.len(), weights)?;
        let mut blocks: Vec<Block> = Vec::new();
        for tie in argsort(x).chunk_by(|&a, &b| x[a].total_cmp(&x[b]).is_eq()) {
            let weight: f64 = tie.iter().map(|&i| weights.map_or(1.0, |w| w[i])).sum();
            if weight <= 0.0 {
                continue;
            }
            let sum: f64 = tie.iter().map(|&i| weights.map_or(1.0, |w| w[i]) * y[i]).sum();
            let mut block = Block { first_x: x[tie[0]], last_x: x[tie[0]], weight, sum };
            // Means compared by cross-multiplication; equal means are pooled too, which keeps the knots few.
            while let Some(before) = blocks.pop_if(|b| b.sum * block.weight >= block.sum * b.weight) {
                block.first_x = before.first_x;
                block.weight += before.weight;
                block.sum += before.sum;
            }
            blocks.push(block);
        }
        let (mut knots_x, mut knots_y) = (Vec::new(), Vec::new());
        for block in &blocks {
            knots_x.push(block.first_x);
            knots_y.push(block.sum / block.weight);
            if block.last_x > block.first_x {
                knots_x.push(block.last_x);
                knots_y.push(block.sum / block.weight);
            }
        }
        Ok(Self { x: knots_x, y: knots_y })
    }

    /// The curve at `x`; NaN gives NaN.
    #[must_use]
    pub fn apply(&self, x: f64) -> f64 {
        let above = self.x.partition_point(|knot| *knot < x);
        if above == 0 {
            return if x.is_nan() { x } else { self.y[0] };
        }
        if above == self.x.len() {
            return self.y[above - 1];
        }
        let (x0, x1, y0, y1) = (self.x[above - 1], self.x[above], self.y[above - 1], self.y[above]);
        y0 + (y1 - y0) * ((x - x0) / (x1 - x0))
    }

    /// The knots `(x, y)`, ascending in both.
    pub fn knots(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.x.iter().copied().zip(self.y.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::super::tests::{POSITIVE, SCORES, WEIGHTS};
    use super::*;

    #[test]
    fn published_implementation() {
        // scikit-learn 1.9.1 IsotonicRegression(out_of_bounds="clip").fit(SCORES, POSITIVE).predict(AT).
        const AT: [f64; 9] = [0., 0.1, 0.15, 0.3, 0.38, 0.5, 0.7, 0.78, 0.95];
        let y: Vec<f64> = POSITIVE.iter().map(|&p| f64::from(p)).collect();
        let expected = [0., 0., 0.25, 0.5, 0.5, 0.5, 0.5, 2.0 / 3.0, 1.];
        let curve = Isotonic::fit(&SCORES, &y, None).unwrap();
        assert!(AT.iter().zip(expected).all(|(x, e)| (curve.apply(*x) - e).abs() < 1e-12));
        let weighted = Isotonic::fit(&SCORES, &y, Some(&WEIGHTS)).unwrap();
        let expected = [0., 0., 0.2, 0.4, 0.4, 0.4, 0.4, 0.6, 1.];
        assert!(AT.iter().zip(expected).all(|(x, e)| (weighted.apply(*x) - e).abs() < 1e-12));
    }

    #[test]
    fn brute_force_max_min_formula() {
        // f(x_i) = max over a <= i of min over b >= i of the mean of a..=b (Robertson et al. 1988, theorem 1.4.4).
        let y = [3.0, 1.0, 2.0, 5.0, 4.0, 4.5, 0.5, 6.0, 6.0, 5.5];
        let x: Vec<f64> = (0..10).map(f64::from).collect();
        let curve = Isotonic::fit(&x, &y, None).unwrap();
        for (i, at) in x.iter().enumerate() {
            let mean = |a: usize, b: usize| y[a..=b].iter().sum::<f64>() / (b - a + 1) as f64;
            let least = |a: usize| (i..10).map(|b| mean(a, b)).fold(f64::INFINITY, f64::min);
            let expected = (0..=i).map(least).fold(f64::NEG_INFINITY, f64::max);
            assert!((curve.apply(*at) - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn invariances_and_limits() {
        // An increasing y is its own curve; a decreasing one becomes its mean.
        let x = [1.0, 2.0, 3.0];
        let up = Isotonic::fit(&x, &[1.0, 4.0, 9.0], None).unwrap();
        assert_eq!(x.map(|x| up.apply(x)), [1.0, 4.0, 9.0]);
        let down = Isotonic::fit(&x, &[9.0, 4.0, 2.0], None).unwrap();
        assert_eq!((down.apply(-1.0), down.knots().count()), (5.0, 2));
        // The mean is kept, the order of rows does not matter, fitting the fit changes nothing.
        let y: Vec<f64> = POSITIVE.iter().map(|&p| f64::from(p)).collect();
        let curve = Isotonic::fit(&SCORES, &y, None).unwrap();
        let fitted = SCORES.map(|s| curve.apply(s));
        assert!((fitted.iter().sum::<f64>() - 6.0).abs() < 1e-12);
        let again = Isotonic::fit(&SCORES, &fitted, None).unwrap();
        assert!(SCORES.iter().all(|s| (again.apply(*s) - curve.apply(*s)).abs() < 1e-12));
        let (mut s, mut r) = (SCORES, y.clone());
        s.reverse();
        r.reverse();
        assert_eq!(Isotonic::fit(&s, &r, None).unwrap(), curve);
    }

    #[test]
    fn a_stored_curve_that_does_not_ascend_is_refused() {
        assert!(serde_json::from_str::<Isotonic>(r#"{"x":[1.0,2.0],"y":[0.5,0.1]}"#).is_err());
        assert!(serde_json::from_str::<Isotonic>(r#"{"x":[1.0],"y":[0.5,0.1]}"#).is_err());
        assert!(Isotonic::fit(&[1.0], &[f64::NAN], None).is_err());
        assert!(Isotonic::fit(&[], &[], None).is_err());
    }
}

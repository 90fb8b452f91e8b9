//! Small dense solvers: what a convex likelihood in a few dozen parameters needs, and no more.

use crate::error::{Error, Result};

/// Solves `a x = b` for a symmetric positive definite `a` (row-major, `n` x `n`) by Cholesky factorisation.
///
/// # Errors
/// [`Error::Shape`] when the lengths disagree, [`Error::Degenerate`] when `a` is not positive definite.
///
/// ```
/// let x = tenure_math::optim::solve_spd(&[4., 2., 2., 3.], &[2., 1.])?;
/// assert!((x[0] - 0.5).abs() < 1e-12 && x[1].abs() < 1e-12);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn solve_spd(a: &[f64], b: &[f64]) -> Result<Vec<f64>> {
    let n = b.len();
    crate::num::require_len("matrix of the linear system", n * n, a.len())?;
    let mut l = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum();
            let rest = a[i * n + j] - dot;
            if i == j {
                if rest.is_nan() || rest <= 0.0 {
                    return Err(Error::Degenerate {
                        what: "linear system",
                        reason: "its matrix is not positive definite",
                    });
                }
                l[i * n + i] = rest.sqrt();
            } else {
                l[i * n + j] = rest / l[j * n + j];
            }
        }
    }
    let mut x = b.to_vec();
    for i in 0..n {
        let dot: f64 = (0..i).map(|k| l[i * n + k] * x[k]).sum();
        x[i] = (x[i] - dot) / l[i * n + i];
    }
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|k| l[k * n + i] * x[k]).sum();
        x[i] = (x[i] - dot) / l[i * n + i];
    }
    Ok(x)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_known_system_is_solved_and_a_singular_one_refused() {
        let a = [6., 2., 1., 2., 5., 2., 1., 2., 4.];
        let x = [1.0, -2.0, 3.0];
        let b: Vec<f64> = (0..3).map(|i| (0..3).map(|j| a[i * 3 + j] * x[j]).sum()).collect();
        let solved = solve_spd(&a, &b).unwrap();
        assert!(solved.iter().zip(x).all(|(s, e)| (s - e).abs() < 1e-12));
        assert!(solve_spd(&[1., 1., 1., 1.], &[1., 1.]).is_err());
    }
}

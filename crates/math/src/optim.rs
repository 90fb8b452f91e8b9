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

/// When [`bfgs`] stops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BfgsParams {
    /// The most iterations.
    pub max_iterations: usize,
    /// Stops where half of `g' H g`, the decrease that the quadratic still promises, falls below.
    pub promise: f64,
    /// ... and no entry of the gradient `g` is larger than this.
    pub gradient: f64,
}

impl Default for BfgsParams {
    fn default() -> Self {
        Self { max_iterations: 500, promise: 1e-13, gradient: 1e-6 }
    }
}

/// Where [`bfgs`] arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimum {
    /// The place.
    pub x: Vec<f64>,
    /// The function's value there.
    pub value: f64,
    /// The largest entry of the gradient there, without its sign.
    pub gradient: f64,
    /// Steps taken.
    pub iterations: usize,
    /// Whether it stopped because it had arrived; otherwise the iterations or the digits of the function ran out.
    pub converged: bool,
}

/// Descends a smooth function from `start` by BFGS with a line search that brackets the weak Wolfe conditions (Nocedal
/// and Wright, *Numerical Optimization*, algorithm 6.1; Lewis and Overton 2013, algorithm 2.6). `objective` fills the
/// gradient and returns the value; infinity marks what is outside its domain.
///
/// # Errors
/// [`Error::Degenerate`] where the function is not finite at `start`.
///
/// ```
/// use tenure_math::optim::{BfgsParams, bfgs};
/// let bowl = |x: &[f64], g: &mut [f64]| {
///     (g[0], g[1]) = (2.0 * (x[0] - 3.0), 20.0 * x[1]);
///     (x[0] - 3.0).powi(2) + 10.0 * x[1] * x[1]
/// };
/// let found = bfgs(bowl, &[0.0, 1.0], &BfgsParams::default())?;
/// assert!((found.x[0] - 3.0).abs() < 1e-6 && found.x[1].abs() < 1e-6);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn bfgs(
    mut objective: impl FnMut(&[f64], &mut [f64]) -> f64,
    start: &[f64],
    params: &BfgsParams,
) -> Result<Minimum> {
    let n = start.len();
    let (mut x, mut g) = (start.to_vec(), vec![0.0; n]);
    let mut value = objective(&x, &mut g);
    if !value.is_finite() || g.iter().any(|g| !g.is_finite()) {
        return Err(Error::Degenerate { what: "minimum", reason: "the function is not finite at its start" });
    }
    // The inverse Hessian; a first step of length one.
    let length = |g: &[f64]| g.iter().map(|g| g * g).sum::<f64>().sqrt();
    let identity =
        |scale: f64| -> Vec<f64> { (0..n * n).map(|k| if k % (n + 1) == 0 { scale } else { 0.0 }).collect() };
    let mut inverse = identity(1.0 / length(&g).max(1.0));
    let (mut next, mut g_next) = (vec![0.0; n], vec![0.0; n]);
    let mut fresh = true;
    let largest = |g: &[f64]| g.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
    for iteration in 0..params.max_iterations {
        let direction: Vec<f64> = (0..n).map(|i| -(0..n).map(|j| inverse[i * n + j] * g[j]).sum::<f64>()).collect();
        let slope: f64 = direction.iter().zip(&g).map(|(d, g)| d * g).sum();
        let arrived = |g: &[f64]| largest(g) <= params.gradient;
        if arrived(&g) && -slope / 2.0 <= params.promise {
            return Ok(Minimum { gradient: largest(&g), x, value, iterations: iteration, converged: true });
        }
        let (mut low, mut high, mut step) = (0.0, f64::INFINITY, 1.0);
        let mut found = None;
        for _ in 0..60 {
            for i in 0..n {
                next[i] = x[i] + step * direction[i];
            }
            let tried = objective(&next, &mut g_next);
            let finite = tried.is_finite() && g_next.iter().all(|g| g.is_finite());
            if !finite || tried > value + 1e-4 * step * slope {
                high = step;
            } else if direction.iter().zip(&g_next).map(|(d, g)| d * g).sum::<f64>() < 0.9 * slope {
                low = step;
            } else {
                found = Some(tried);
                break;
            }
            step = if high.is_finite() { (low + high) / 2.0 } else { 2.0 * step };
        }
        let Some(tried) = found else {
            if fresh {
                let converged = arrived(&g);
                return Ok(Minimum { gradient: largest(&g), x, value, iterations: iteration, converged });
            }
            // A bad inverse Hessian is forgotten once before giving up.
            inverse = identity(1.0 / length(&g).max(1.0));
            fresh = true;
            continue;
        };
        let s: Vec<f64> = next.iter().zip(&x).map(|(a, b)| a - b).collect();
        let y: Vec<f64> = g_next.iter().zip(&g).map(|(a, b)| a - b).collect();
        let sy: f64 = s.iter().zip(&y).map(|(s, y)| s * y).sum();
        let yy: f64 = y.iter().map(|y| y * y).sum();
        if fresh && sy > 0.0 {
            inverse = identity(sy / yy);
        }
        fresh = false;
        if sy > 1e-300 {
            let hy: Vec<f64> = (0..n).map(|i| (0..n).map(|j| inverse[i * n + j] * y[j]).sum()).collect();
            let yhy: f64 = y.iter().zip(&hy).map(|(y, h)| y * h).sum();
            for i in 0..n {
                for j in 0..n {
                    inverse[i * n + j] += (1.0 + yhy / sy) * s[i] * s[j] / sy - (hy[i] * s[j] + s[i] * hy[j]) / sy;
                }
            }
        }
        x.copy_from_slice(&next);
        g.copy_from_slice(&g_next);
        value = tried;
    }
    Ok(Minimum { gradient: largest(&g), x, value, iterations: params.max_iterations, converged: false })
}

/// The inverse of a symmetric positive definite `n` x `n` matrix, row-major.
///
/// # Errors
/// As [`solve_spd`].
pub fn invert_spd(a: &[f64], n: usize) -> Result<Vec<f64>> {
    let mut inverse = vec![0.0; n * n];
    for j in 0..n {
        let unit: Vec<f64> = (0..n).map(|i| f64::from(u8::from(i == j))).collect();
        for (i, v) in solve_spd(a, &unit)?.into_iter().enumerate() {
            inverse[i * n + j] = v;
        }
    }
    Ok(inverse)
}

/// The Hessian of a function at `x` by central differences of its gradient, made symmetric; steps of `width`.
pub fn hessian(mut objective: impl FnMut(&[f64], &mut [f64]) -> f64, x: &[f64], width: f64) -> Vec<f64> {
    let n = x.len();
    let (mut at, mut up, mut down) = (x.to_vec(), vec![0.0; n], vec![0.0; n]);
    let mut h = vec![0.0; n * n];
    for i in 0..n {
        at[i] = x[i] + width;
        objective(&at, &mut up);
        at[i] = x[i] - width;
        objective(&at, &mut down);
        at[i] = x[i];
        for j in 0..n {
            h[i * n + j] += (up[j] - down[j]) / (4.0 * width);
            h[j * n + i] += (up[j] - down[j]) / (4.0 * width);
        }
    }
    h
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

    #[test]
    fn rosenbrocks_valley_is_descended_and_its_curvature_known() {
        let rosenbrock = |x: &[f64], g: &mut [f64]| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            (g[0], g[1]) = (-2.0 * a - 400.0 * x[0] * b, 200.0 * b);
            a * a + 100.0 * b * b
        };
        let found = bfgs(rosenbrock, &[-1.2, 1.0], &BfgsParams::default()).unwrap();
        assert!(found.converged && found.x.iter().all(|x| (x - 1.0).abs() < 1e-5), "{found:?}");
        let h = hessian(rosenbrock, &[1.0, 1.0], 1e-4);
        for (h, exact) in h.iter().zip([802.0, -400.0, -400.0, 200.0]) {
            assert!((h - exact).abs() < 1e-4, "{h} {exact}");
        }
        let inverse = invert_spd(&[802.0, -400.0, -400.0, 200.0], 2).unwrap();
        assert!((inverse[0] - 0.5).abs() < 1e-9 && (inverse[3] - 2.005).abs() < 1e-9);
        assert!(bfgs(|_, _| f64::NAN, &[0.0], &BfgsParams::default()).is_err());
    }
}

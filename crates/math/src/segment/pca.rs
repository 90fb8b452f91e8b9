//! The two directions in which rows differ most: a map to look at, not a model.
//!
//! Question: where do customers lie in the plane that keeps most of their differences? Principal components (Pearson
//! 1901; Hotelling 1933) of the covariance of the columns, by cyclic Jacobi rotations (Golub and Van Loan, Matrix
//! Computations, 8.5), exact for the handful of columns that segments are made of. Signs are fixed: the largest loading
//! of each component is positive.

use crate::error::{Error, Result};
use crate::num::Matrix;

const MOST_SWEEPS: usize = 60;

/// Coordinates on the first two components.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// First coordinate of each row.
    pub x: Vec<f64>,
    /// Second coordinate of each row.
    pub y: Vec<f64>,
    /// Shares of the variance along the two.
    pub explained: [f64; 2],
}

/// Projects the rows of `data` on their first two principal components.
///
/// # Errors
/// [`Error::TooFew`] below two rows or two columns, [`Error::NotFinite`] for NaN or infinity, [`Error::Degenerate`] when
/// all rows are equal.
///
/// ```
/// use tenure_math::{num::Matrix, segment::pca};
/// let line = Matrix::new(3, 2, vec![0., 0., 1., 1., 2., 2.])?;
/// let plane = pca::first_two(&line)?;
/// assert!((plane.explained[0] - 1.0).abs() < 1e-12 && (plane.x[2] - 2.0_f64.sqrt()).abs() < 1e-12);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn first_two(data: &Matrix) -> Result<Plane> {
    let (n, p) = (data.n_rows(), data.n_cols());
    if n < 2 || p < 2 {
        return Err(Error::TooFew { what: "principal components", needed: 2, found: n.min(p) });
    }
    data.require_finite("rows of the principal components")?;
    let means: Vec<f64> = (0..p).map(|j| (0..n).map(|i| data.get(i, j)).sum::<f64>() / n as f64).collect();
    let mut covariance = vec![0.0; p * p];
    for i in 0..n {
        let row = data.row(i);
        for a in 0..p {
            for b in a..p {
                covariance[a * p + b] += (row[a] - means[a]) * (row[b] - means[b]) / (n as f64 - 1.0);
            }
        }
    }
    for a in 0..p {
        for b in 0..a {
            covariance[a * p + b] = covariance[b * p + a];
        }
    }
    let total: f64 = (0..p).map(|j| covariance[j * p + j]).sum();
    if total <= 0.0 {
        return Err(Error::Degenerate { what: "principal components", reason: "all rows are equal" });
    }
    let vectors = jacobi(&mut covariance, p)?;
    let mut order: Vec<usize> = (0..p).collect();
    order.sort_by(|&a, &b| covariance[b * p + b].total_cmp(&covariance[a * p + a]).then(a.cmp(&b)));
    let component = |k: usize| -> Vec<f64> {
        let mut v: Vec<f64> = (0..p).map(|j| vectors[j * p + order[k]]).collect();
        let largest = v.iter().copied().fold(0.0_f64, |m, x| if x.abs() > m.abs() + 1e-12 { x } else { m });
        if largest < 0.0 {
            v.iter_mut().for_each(|x| *x = -*x);
        }
        v
    };
    let project = |v: &[f64]| -> Vec<f64> {
        (0..n).map(|i| data.row(i).iter().zip(&means).zip(v).map(|((x, m), w)| (x - m) * w).sum()).collect()
    };
    let share = |k: usize| covariance[order[k] * p + order[k]].max(0.0) / total;
    Ok(Plane { x: project(&component(0)), y: project(&component(1)), explained: [share(0), share(1)] })
}

/// Rotates the symmetric `a` to its diagonal; gives the rotations' product, one eigenvector a column.
fn jacobi(a: &mut [f64], p: usize) -> Result<Vec<f64>> {
    let mut v = vec![0.0; p * p];
    for j in 0..p {
        v[j * p + j] = 1.0;
    }
    let size: f64 = a.iter().map(|x| x * x).sum::<f64>().sqrt();
    for _ in 0..MOST_SWEEPS {
        let off: f64 = (0..p).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i * p + j] * a[i * p + j]).sum();
        if off.sqrt() <= 1e-14 * size {
            return Ok(v);
        }
        for i in 0..p {
            for j in i + 1..p {
                if a[i * p + j].abs() <= 1e-300 {
                    continue;
                }
                let theta = (a[j * p + j] - a[i * p + i]) / (2.0 * a[i * p + j]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for k in 0..p {
                    let (x, y) = (a[k * p + i], a[k * p + j]);
                    a[k * p + i] = c * x - s * y;
                    a[k * p + j] = s * x + c * y;
                }
                for k in 0..p {
                    let (x, y) = (a[i * p + k], a[j * p + k]);
                    a[i * p + k] = c * x - s * y;
                    a[j * p + k] = s * x + c * y;
                }
                for k in 0..p {
                    let (x, y) = (v[k * p + i], v[k * p + j]);
                    v[k * p + i] = c * x - s * y;
                    v[k * p + j] = s * x + c * y;
                }
            }
        }
    }
    Err(Error::NotConverged { what: "principal components", iterations: MOST_SWEEPS })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rand::RngExt;

    use super::*;

    #[test]
    fn a_known_covariance_gives_its_axes() {
        // Columns with variances 4 and 1 and a constant: the components are the columns themselves.
        let data = Matrix::new(4, 3, vec![2., 1., 5., -2., 1., 5., 2., -1., 5., -2., -1., 5.]).unwrap();
        let plane = first_two(&data).unwrap();
        assert!((plane.explained[0] - 0.8).abs() < 1e-12 && (plane.explained[1] - 0.2).abs() < 1e-12);
        assert_eq!(plane.x, [2., -2., 2., -2.]);
        assert_eq!(plane.y, [1., 1., -1., -1.]);
    }

    #[test]
    fn variances_of_the_coordinates_are_the_explained_shares_and_rotation_keeps_them() {
        let mut draws = crate::rng::stream(5, "test/pca", 0);
        let values: Vec<f64> = (0..600).map(|i| draws.random::<f64>() * [1.0, 3.0, 0.5][i % 3]).collect();
        let data = Matrix::new(200, 3, values).unwrap();
        let plane = first_two(&data).unwrap();
        let variance = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>() / (v.len() as f64 - 1.0);
        let total: f64 = (0..3)
            .map(|j| {
                let c = data.column(j);
                let m = c.iter().sum::<f64>() / 200.0;
                variance(&c.iter().map(|x| x - m).collect::<Vec<_>>())
            })
            .sum();
        assert!((variance(&plane.x) / total - plane.explained[0]).abs() < 1e-10);
        assert!((variance(&plane.y) / total - plane.explained[1]).abs() < 1e-10);
        let (c, s) = (0.6, 0.8);
        let turned: Vec<f64> = (0..200)
            .flat_map(|i| {
                let r = data.row(i);
                [c * r[0] - s * r[1], s * r[0] + c * r[1], r[2]]
            })
            .collect();
        let other = first_two(&Matrix::new(200, 3, turned).unwrap()).unwrap();
        assert!((other.explained[0] - plane.explained[0]).abs() < 1e-10);
    }

    #[test]
    fn what_has_no_plane_is_refused() {
        assert!(first_two(&Matrix::new(1, 2, vec![1., 2.]).unwrap()).is_err());
        assert!(matches!(first_two(&Matrix::new(3, 2, vec![1.; 6]).unwrap()), Err(Error::Degenerate { .. })));
    }
}

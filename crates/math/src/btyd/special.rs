//! Special functions: gamma and digamma, their differences without cancellation, and Gauss-Legendre nodes.
//!
//! Stirling's series (Abramowitz and Stegun 6.1.40, 6.3.18) from 10 on, recurrences (6.1.15, 6.3.5) below: relative errors
//! of a few units in the last place for positive arguments, which is all the models need.

use std::sync::LazyLock;

/// From here on Stirling's series has converged.
const LARGE: f64 = 10.0;
/// Differences over so many steps are taken factor by factor.
const STEPS: u32 = 32;

/// `ln Gamma(z)` less Stirling's leading terms `(z - 1/2) ln z - z + ln(2 pi)/2`, for `z >= 10`.
fn stirling_rest(z: f64) -> f64 {
    let q = 1.0 / (z * z);
    let series = q * (1.0 / 1188.0 + q * (-691.0 / 360_360.0 + q / 156.0));
    (1.0 / 12.0 + q * (-1.0 / 360.0 + q * (1.0 / 1260.0 + q * (-1.0 / 1680.0 + series)))) / z
}

/// `ln Gamma(z)` for `z > 0`.
pub(crate) fn ln_gamma(z: f64) -> f64 {
    let (mut z, mut product) = (z, 1.0);
    while z < LARGE {
        product *= z;
        z += 1.0;
    }
    (z - 0.5) * z.ln() - z + 0.5 * (2.0 * std::f64::consts::PI).ln() + stirling_rest(z) - f64::ln(product)
}

/// The digamma function for `z > 0`.
pub(crate) fn digamma(z: f64) -> f64 {
    let (mut z, mut sum) = (z, 0.0);
    while z < LARGE {
        sum += 1.0 / z;
        z += 1.0;
    }
    let q = 1.0 / (z * z);
    let series = q * (1.0 / 240.0 - q * (1.0 / 132.0 - q * (691.0 / 32_760.0 - q / 12.0)));
    z.ln() - 0.5 / z - q * (1.0 / 12.0 - q * (1.0 / 120.0 - q * (1.0 / 252.0 - series))) - sum
}

/// `ln Gamma(z + k) - ln Gamma(z)` for `z > 0`: exact where `z` is so large that the difference of logarithms is not.
pub(crate) fn ln_rising(z: f64, k: u32) -> f64 {
    let direct = if k <= STEPS { k } else { (LARGE - z).ceil().clamp(0.0, LARGE) as u32 };
    let (mut sum, mut product) = (0.0, 1.0);
    for i in 0..direct {
        product *= z + f64::from(i);
        if product > 1e200 {
            sum += f64::ln(product);
            product = 1.0;
        }
    }
    sum += f64::ln(product);
    if k == direct {
        return sum;
    }
    let (z, step) = (z + f64::from(direct), f64::from(k - direct));
    sum + (z - 0.5) * (step / z).ln_1p() + step * ((z + step).ln() - 1.0) + stirling_rest(z + step) - stirling_rest(z)
}

/// `digamma(z + k) - digamma(z)` for `z > 0`.
pub(crate) fn digamma_rising(z: f64, k: u32) -> f64 {
    if k <= STEPS { (0..k).map(|i| 1.0 / (z + f64::from(i))).sum() } else { digamma(z + f64::from(k)) - digamma(z) }
}

/// `ln(1 + exp(v))`.
pub(crate) fn softplus(v: f64) -> f64 {
    v.max(0.0) + (-v.abs()).exp().ln_1p()
}

/// `1 / (1 + exp(-v))`.
pub(crate) fn sigmoid(v: f64) -> f64 {
    if v >= 0.0 {
        1.0 / (1.0 + (-v).exp())
    } else {
        let e = v.exp();
        e / (1.0 + e)
    }
}

/// Gauss-Legendre nodes and weights on 0..1.
pub(crate) type Nodes<const N: usize> = [(f64, f64); N];

/// Six nodes.
pub(crate) static NODES_6: LazyLock<Nodes<6>> = LazyLock::new(gauss_legendre);
/// Eight nodes.
pub(crate) static NODES_8: LazyLock<Nodes<8>> = LazyLock::new(gauss_legendre);
/// Twelve nodes.
pub(crate) static NODES_12: LazyLock<Nodes<12>> = LazyLock::new(gauss_legendre);

/// Newton's method on the Legendre polynomial (Press et al., *Numerical Recipes*, 4.6.1, describe the same idea).
fn gauss_legendre<const N: usize>() -> Nodes<N> {
    let n = N as f64;
    std::array::from_fn(|i| {
        let mut z = (std::f64::consts::PI * (i as f64 + 0.75) / (n + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..50 {
            let (mut p, mut before) = (1.0, 0.0);
            for j in 1..=N {
                let j = j as f64;
                (p, before) = (((2.0 * j - 1.0) * z * p - (j - 1.0) * before) / j, p);
            }
            slope = n * (z * p - before) / (z * z - 1.0);
            let step = p / slope;
            z -= step;
            if step.abs() < 1e-16 {
                break;
            }
        }
        ((1.0 - z) / 2.0, 1.0 / ((1.0 - z * z) * slope * slope))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let pi = std::f64::consts::PI;
        assert!((ln_gamma(0.5) - pi.sqrt().ln()).abs() < 1e-14);
        assert!((ln_gamma(11.0) - 3_628_800_f64.ln()).abs() < 1e-13);
        assert!((ln_gamma(1e-3) - 6.907_178_885_383_853).abs() < 1e-12);
        // digamma(1) = -Euler's constant, digamma(1/2) = -gamma - 2 ln 2.
        assert!((digamma(1.0) + 0.577_215_664_901_532_9).abs() < 1e-14);
        assert!((digamma(0.5) + 0.577_215_664_901_532_9 + 2.0 * 2_f64.ln()).abs() < 1e-14);
    }

    #[test]
    fn differences_are_those_of_the_functions_and_survive_large_arguments() {
        for z in [0.01, 0.5, 3.7, 55.0] {
            for k in [0, 1, 5, 32, 33, 400] {
                let plain = ln_gamma(z + f64::from(k)) - ln_gamma(z);
                assert!((ln_rising(z, k) - plain).abs() < 1e-12 * (1.0 + plain.abs()), "{z} {k}");
                let plain = digamma(z + f64::from(k)) - digamma(z);
                assert!((digamma_rising(z, k) - plain).abs() < 1e-12 * (1.0 + plain.abs()), "{z} {k}");
            }
        }
        // Gamma(z + k) / Gamma(z) is z^k up to a factor 1 + k (k - 1) / 2z.
        let z = 1e12_f64;
        assert!((ln_rising(z, 100) - 100.0 * z.ln() - 4950.0 / z).abs() < 1e-11);
    }

    #[test]
    fn gauss_legendre_integrates_polynomials() {
        for power in [0, 1, 5, 11] {
            let exact = 1.0 / f64::from(power + 1);
            let six: f64 = NODES_6.iter().map(|(at, w)| w * at.powi(power)).sum();
            let eight: f64 = NODES_8.iter().map(|(at, w)| w * at.powi(power)).sum();
            let twelve: f64 = NODES_12.iter().map(|(at, w)| w * at.powi(power)).sum();
            assert!((six - exact).abs() < 1e-15);
            assert!((eight - exact).abs() < 1e-15 && (twelve - exact).abs() < 1e-15, "{power}");
        }
    }
}

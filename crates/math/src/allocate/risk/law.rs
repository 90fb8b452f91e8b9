//! The laws that parameters are drawn from: normal and beta, by inversion of one uniform number each.
//!
//! Inversion makes a draw a monotone function of its uniform number, which strata and copulas need, and takes a fixed
//! number of words from a stream, so that any customer's draw can be found without those before it. Sources: the normal
//! distribution function by Marsaglia's series (2004, "Evaluating the normal distribution"), its inverse by Wichura
//! (1988, AS 241, relative error 1e-15), the incomplete beta function by its continued fraction (Abramowitz and Stegun
//! 26.5.8) in Lentz' way. Limits: the normal distribution function is accurate to 1e-16 in absolute terms only, which
//! is far below what a few hundred draws can show.

use crate::error::{Error, Result};

/// Terms of the continued fraction at most; about the square root of the greater parameter is needed.
const TERMS: usize = 20_000;
/// Halvings of the bracket around a beta quantile: what remains is below 1e-16 of the whole range.
const HALVINGS: usize = 54;

/// A uniform number in (0, 1), never an end of it, from one word of a stream.
pub(super) fn uniform(word: u64) -> f64 {
    ((word >> 12) as f64 + 0.5) * (1.0 / (1_u64 << 52) as f64)
}

/// `P(Z <= z)` for a standard normal `Z`.
pub(super) fn normal_cdf(z: f64) -> f64 {
    if z.abs() > 8.3 {
        return if z > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut sum, mut term, mut before, mut i) = (z, z, 0.0_f64, 1.0);
    while (sum - before).abs() > 0.0 {
        before = sum;
        i += 2.0;
        term *= z * z / i;
        sum += term;
    }
    (0.5 + sum * (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt()).clamp(0.0, 1.0)
}

/// The `z` with `P(Z <= z) = u`, for `0 < u < 1`.
pub(super) fn normal_quantile(u: f64) -> f64 {
    let q = u - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * ratio(r, &CENTRE);
    }
    let r = (-u.min(1.0 - u).ln()).sqrt();
    let z = if r <= 5.0 { ratio(r - 1.6, &MIDDLE) } else { ratio(r - 5.0, &TAIL) };
    if q < 0.0 { -z } else { z }
}

type Rational = [[f64; 8]; 2];

/// Numerator and denominator of each range, coefficients of rising powers (Wichura 1988).
const CENTRE: Rational = [
    [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_545,
    ],
];
const MIDDLE: Rational = [
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
];
const TAIL: Rational = [
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        0.001_242_660_947_388_078_4,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.0,
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_8e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
];

fn ratio(r: f64, of: &Rational) -> f64 {
    let value = |c: &[f64; 8]| c.iter().rev().fold(0.0, |sum, c| sum * r + c);
    value(&of[0]) / value(&of[1])
}

/// A beta law of mean `mean` and strength `a + b = strength`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Beta {
    a: f64,
    b: f64,
    ln_scale: f64,
}

impl Beta {
    /// For `0 < mean < 1` and `strength > 0`.
    pub(super) fn new(mean: f64, strength: f64) -> Self {
        let (a, b) = (mean * strength, (1.0 - mean) * strength);
        Self { a, b, ln_scale: ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) }
    }

    /// `P(X <= x)`.
    pub(super) fn cdf(&self, x: f64) -> Result<f64> {
        if x <= 0.0 || x >= 1.0 {
            return Ok(if x <= 0.0 { 0.0 } else { 1.0 });
        }
        let front = (self.ln_scale + self.a * x.ln() + self.b * (-x).ln_1p()).exp();
        // The fraction converges fast below the mean; above it the other tail is computed.
        if x < (self.a + 1.0) / (self.a + self.b + 2.0) {
            Ok(front * fraction(self.a, self.b, x)? / self.a)
        } else {
            Ok(1.0 - front * fraction(self.b, self.a, 1.0 - x)? / self.b)
        }
    }

    /// The `x` with `P(X <= x) = u`, for `0 <= u <= 1`.
    pub(super) fn quantile(&self, u: f64) -> Result<f64> {
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if self.cdf(middle)? < u {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(f64::midpoint(low, high))
    }
}

/// The continued fraction of the incomplete beta function.
fn fraction(a: f64, b: f64, x: f64) -> Result<f64> {
    let away_from_zero = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let (mut c, mut d) = (1.0, 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0)));
    let mut value = d;
    for term in 1..TERMS {
        let m = term as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut step = 1.0;
        for part in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + part * d);
            c = away_from_zero(1.0 + part / c);
            step = c * d;
            value *= step;
        }
        if (step - 1.0).abs() < 1e-14 {
            return Ok(value);
        }
    }
    Err(Error::NotConverged { what: "the incomplete beta function", iterations: TERMS })
}

/// `ln Gamma(z)` for `z > 0`: Stirling's series (Abramowitz and Stegun 6.1.40) from 10 on, the recurrence below.
fn ln_gamma(z: f64) -> f64 {
    let (mut z, mut product) = (z, 1.0);
    while z < 10.0 {
        product *= z;
        z += 1.0;
    }
    let q = 1.0 / (z * z);
    let series = 1.0 / 12.0 - q * (1.0 / 360.0 - q * (1.0 / 1_260.0 - q * (1.0 / 1_680.0 - q / 1_188.0)));
    (z - 0.5) * z.ln() - z + 0.5 * (2.0 * std::f64::consts::PI).ln() + series / z - f64::ln(product)
}

/// `1 / (1 + exp(-v))`.
pub(super) fn sigmoid(v: f64) -> f64 {
    if v >= 0.0 {
        1.0 / (1.0 + (-v).exp())
    } else {
        let e = v.exp();
        e / (1.0 + e)
    }
}

/// The log-odds around which a normal shift of standard deviation `sd` leaves the mean probability at `p`, for
/// `0 < p < 1`. The mean is taken by the trapezoidal rule, which is exact to rounding for a smooth integrand under a
/// normal weight; Newton's steps are on the scale of log-odds, where the curve is nearly straight.
pub(super) fn centred_logit(p: f64, sd: f64) -> f64 {
    let odds = |p: f64| p.ln() - (-p).ln_1p();
    let target = odds(p);
    let mut at = target;
    for _ in 0..20 {
        let (mut mean, mut slope, mut total) = (0.0, 0.0, 0.0);
        for step in -12_i32..=12 {
            let z = 0.5 * f64::from(step);
            let (weight, s) = ((-0.5 * z * z).exp(), sigmoid(at + sd * z));
            total += weight;
            mean += weight * s;
            slope += weight * s * (1.0 - s);
        }
        (mean, slope) = (mean / total, slope / total);
        let spread = mean * (1.0 - mean);
        if slope <= 0.0 || spread <= 0.0 {
            return at;
        }
        let step = (target - odds(mean)) * spread / slope;
        at += step;
        if step.abs() < 1e-12 {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn normal_numbers_are_those_of_the_tables() {
        // R: pnorm(c(-3, -1, 0.5, 1.959964)), qnorm(c(1e-10, 0.025, 0.6, 0.999)).
        for (z, u) in [(-3.0, 0.001_349_898_031_630_09), (-1.0, 0.158_655_253_931_457), (0.5, 0.691_462_461_274_013)] {
            assert!((normal_cdf(z) - u).abs() < 1e-14, "{z}");
        }
        for (u, z) in [
            (1e-10, -6.361_340_902_404_056),
            (0.025, -1.959_963_984_540_05),
            (0.6, 0.253_347_103_135_8),
            (0.999, 3.090_232_306_167_81),
        ] {
            assert!((normal_quantile(u) - z).abs() < 1e-12, "{u}: {}", normal_quantile(u));
        }
        for u in [1e-6, 0.01, 0.07, 0.08, 0.5, 0.925, 0.93, 0.9999] {
            assert!((normal_cdf(normal_quantile(u)) - u).abs() < 1e-14, "{u}");
        }
    }

    #[test]
    fn beta_numbers_are_those_of_closed_forms() {
        // Beta(2, 3): P(X <= x) = 6 x^2 - 8 x^3 + 3 x^4; Beta(1, 19): 1 - (1 - x)^19; Beta(a, 1): x^a.
        let x: f64 = 0.3;
        assert!(
            (Beta::new(0.4, 5.0).cdf(x).unwrap() - (6.0 * x * x - 8.0 * x.powi(3) + 3.0 * x.powi(4))).abs() < 1e-13
        );
        assert!((Beta::new(0.05, 20.0).cdf(x).unwrap() - (1.0 - 0.7_f64.powi(19))).abs() < 1e-13);
        assert!((Beta::new(0.05, 20.0).quantile(0.5).unwrap() - (1.0 - 0.5_f64.powf(1.0 / 19.0))).abs() < 1e-13);
        assert!((Beta::new(0.9, 10.0).cdf(0.8).unwrap() - 0.8_f64.powi(9)).abs() < 1e-13);
        // So narrow that it is normal: sd = sqrt(0.2 x 0.8 / 1e6) = 0.0004.
        let narrow = Beta::new(0.2, 1e6).quantile(0.975).unwrap();
        assert!((narrow - 0.2 - 1.96 * 0.000_4).abs() < 2e-6, "{narrow}");
    }

    #[test]
    fn the_shifted_mean_stays_where_it_was() {
        for p in [1e-6, 0.02, 0.3, 0.5, 0.97] {
            for sd in [0.1, 0.5, 1.5] {
                let at = centred_logit(p, sd);
                let (mut mean, n) = (0.0, 40_000);
                for i in 0..n {
                    mean += sigmoid(at + sd * normal_quantile((f64::from(i) + 0.5) / f64::from(n))) / f64::from(n);
                }
                assert!((mean / p - 1.0).abs() < 2e-3, "{p} {sd}: {mean}");
            }
        }
        assert!((centred_logit(0.3, 1e-9) - (0.3_f64 / 0.7).ln()).abs() < 1e-9);
    }
}

//! Pareto/NBD: customers who may leave at any time.
//!
//! Question and purchases as in the BG/NBD; but a customer's life is exponential with rate `mu`, and those rates are
//! gamma(`s`, `beta`) over customers, so that lives are Pareto distributed (the second kind). With
//! `f(u) = (alpha+u)^-(r+x) (beta+u)^-s`,
//!
//! ```text
//! L = Gamma(r+x)/Gamma(r) alpha^r beta^s { f(T) + s I },    I = integral from t_x to T of f(u) / (beta+u) du
//! ```
//!
//! Domain: times in one unit, all parameters positive. Sources: Schmittlein, Morrison and Colombo (1987), eq. 11-14 and
//! 17; Fader and Hardie, *A note on deriving the Pareto/NBD model* (2005), eq. 17-19, 27, 41; *Deriving an expression for
//! P(X(t) = x) under the Pareto/NBD model* (2006). There `I` is a difference of hypergeometric functions, which cancels for
//! large `x`; here it is integrated as it stands, scaled by its value at `t_x`, with Gauss-Legendre panels in
//! `ln(min(alpha, beta) + u)`: every term is positive, and the derivatives come from the same nodes.
//!
//! Limits: `s` and `beta` are identified by silences only, and usually weakly: expect wide standard errors.

use serde::{Deserialize, Serialize};

use super::history::{History, Seen};
use super::nbd::gamma_terms;
use super::special::{NODES_6, NODES_8, NODES_12, ln_rising, sigmoid, softplus};
use super::{log_pmf, positive, sum_rows};
use crate::error::{Error, Result};

/// Where the integrand has fallen by this in logarithm, the rest of the integral cannot be seen.
const FALLEN: f64 = 42.0;

/// A Pareto/NBD with known parameters, per unit of time of its history.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ParetoNbd {
    /// Shape of the purchase rates.
    pub r: f64,
    /// Rate of the purchase rates, in time.
    pub alpha: f64,
    /// Shape of the rates of leaving.
    pub s: f64,
    /// Rate of the rates of leaving, in time.
    pub beta: f64,
}

/// `ln s I` and its derivatives by `r`, `alpha`, `s`, `beta` (those of `I` alone, but for `1/s`).
struct Tail {
    ln: f64,
    gradient: [f64; 4],
}

impl ParetoNbd {
    pub(crate) const NAMES: [&'static str; 4] = ["r", "alpha", "s", "beta"];

    pub(crate) fn check(&self) -> Result<()> {
        positive("r", self.r)?;
        positive("alpha", self.alpha)?;
        positive("s", self.s)?;
        positive("beta", self.beta)
    }

    /// `s I` for `x` purchases between `from` and `to`, `from < to`.
    fn tail(&self, x: f64, from: f64, to: f64) -> Tail {
        let Self { r, alpha, s, beta } = *self;
        let shape = r + x;
        let base = alpha.min(beta);
        let first = base + from;
        let end = ((to - from) / first).ln_1p();
        let (shift_a, shift_b) = (alpha - base, beta - base);
        // ln of the integrand (with du = (base + u) dy) as it stands at `from`.
        let (ln_a, ln_b) = ((alpha + from).ln(), (beta + from).ln());
        let scale = -shape * ln_a - (s + 1.0) * ln_b + first.ln();
        // The integrand never falls faster than this in y.
        let steepest = shape + s;
        let (nodes_6, nodes_8, nodes_12) = (NODES_6.as_slice(), NODES_8.as_slice(), NODES_12.as_slice());
        let mut sum = [0.0; 5];
        let (mut y, mut fallen) = (0.0, 0.0);
        while y < end && fallen < FALLEN {
            let mut width = (end - y).min(2.0);
            if width * steepest > 8.0 {
                let e = f64::exp(y) * first;
                let slope = (shape * e / (e + shift_a) + (s + 1.0) * e / (e + shift_b) - 1.0).max(0.0);
                while width > 1e-3 && width * steepest.min(slope * f64::exp(width)) > 8.0 {
                    width *= 0.6;
                }
            }
            // n nodes leave an error of about (c/4)^2n / (2n)! where the logarithm falls by c, and of 4^-2n or less for
            // the pole of the other factor, pi away.
            let nodes: &[(f64, f64)] = match width * steepest {
                c if c <= 2.0 && width <= 1.0 => nodes_6,
                c if c <= 4.0 && width <= 1.5 => nodes_8,
                _ => nodes_12,
            };
            for &(at, weight) in nodes {
                let y = y + at * width;
                let e = f64::exp(y) * first;
                let (a, b) = (e + shift_a, e + shift_b);
                // One of the two logarithms is y itself.
                let (up_a, up_b) =
                    if shift_a > 0.0 { (a.ln() - ln_a, y) } else { (y, if shift_b > 0.0 { b.ln() - ln_b } else { y }) };
                fallen = shape * up_a + (s + 1.0) * up_b - y;
                let w = weight * width * f64::exp(-fallen);
                sum[0] += w;
                sum[1] += w * up_a;
                sum[2] += w / a;
                sum[3] += w * up_b;
                sum[4] += w / b;
            }
            y += width;
        }
        let whole = sum[0];
        Tail {
            ln: s.ln() + scale + f64::ln(whole),
            gradient: [
                -ln_a - sum[1] / whole,
                -shape * sum[2] / whole,
                1.0 / s - ln_b - sum[3] / whole,
                -(s + 1.0) * sum[4] / whole,
            ],
        }
    }

    /// The logarithm of the odds that a customer has left: `ln(s I / f(T))`; `-inf` where it bought at the very end.
    fn log_odds_gone(&self, seen: &Seen) -> f64 {
        if seen.last >= seen.observed {
            return f64::NEG_INFINITY;
        }
        self.tail(seen.x(), seen.last, seen.observed).ln - self.log_stays(seen)
    }

    /// `ln f(T)`.
    fn log_stays(&self, seen: &Seen) -> f64 {
        -(self.r + seen.x()) * (self.alpha + seen.observed).ln() - self.s * (self.beta + seen.observed).ln()
    }

    /// The log-likelihood of one customer but for `ln Gamma(r+x) - ln Gamma(r)`, and its gradient in the parameters.
    pub(crate) fn kernel(&self, seen: &Seen) -> [f64; 5] {
        let Self { r, alpha, s, beta } = *self;
        let (x, a, b) = (seen.x(), alpha + seen.observed, beta + seen.observed);
        let (ln_a, ln_b, from_a, from_b) = (a.ln(), b.ln(), alpha.ln(), beta.ln());
        let stays = -(r + x) * ln_a - s * ln_b;
        let (gone, more, tail) = if seen.last < seen.observed {
            let tail = self.tail(x, seen.last, seen.observed);
            let odds = tail.ln - stays;
            (sigmoid(odds), softplus(odds), tail.gradient)
        } else {
            (0.0, 0.0, [0.0; 4])
        };
        let stay = 1.0 - gone;
        [
            r * from_a + s * from_b + stays + more,
            from_a - stay * ln_a + gone * tail[0],
            r / alpha - stay * (r + x) / a + gone * tail[1],
            from_b - stay * ln_b + gone * tail[2],
            s / beta - stay * s / b + gone * tail[3],
        ]
    }

    /// Log-likelihood and its gradient in the logarithms of `r`, `alpha`, `s`, `beta`.
    pub(crate) fn score(&self, history: &History) -> [f64; 5] {
        let sum = sum_rows(history.rows(), |row| self.kernel(&row.seen));
        let [value, by_r] = gamma_terms(self.r, history);
        [sum[0] + value, (sum[1] + by_r) * self.r, sum[2] * self.alpha, sum[3] * self.s, sum[4] * self.beta]
    }

    /// The log-likelihood of one customer.
    pub(crate) fn log_likelihood(&self, seen: &Seen) -> f64 {
        self.kernel(seen)[0] + ln_rising(self.r, seen.repeats)
    }

    /// P(alive): the customer has not left by the end of observation.
    #[must_use]
    pub fn p_alive(&self, seen: &Seen) -> f64 {
        sigmoid(-self.log_odds_gone(seen))
    }

    /// What is known of a customer that is alive after it was seen, again a Pareto/NBD.
    #[must_use]
    pub fn after(&self, seen: &Seen) -> Self {
        Self { r: self.r + seen.x(), alpha: self.alpha + seen.observed, s: self.s, beta: self.beta + seen.observed }
    }

    /// E\[X(t)\]: repeat purchases of a new customer in its first `t` (2005, eq. 27).
    #[must_use]
    pub fn expected(&self, t: f64) -> f64 {
        // (1 - q^(s-1)) / (s-1) with q = beta / (beta + t), and its limit at s = 1.
        let ln_q = -(t / self.beta).ln_1p();
        let e = (self.s - 1.0) * ln_q;
        let life = if e.abs() < 1e-9 { -ln_q * (1.0 + e / 2.0) } else { -e.exp_m1() / (self.s - 1.0) };
        self.r * self.beta / self.alpha * life
    }

    /// E\[Y(t)\]: purchases in the `t` after what was seen (2005, eq. 41).
    #[must_use]
    pub fn conditional(&self, seen: &Seen, t: f64) -> f64 {
        self.p_alive(seen) * self.after(seen).expected(t)
    }

    /// P(no purchase in the `t` after what was seen): it has left, or stays and is silent, or leaves before it buys.
    #[must_use]
    pub fn p_zero(&self, seen: &Seen, t: f64) -> f64 {
        let alive = self.p_alive(seen);
        1.0 - alive + alive * self.after(seen).p_count(0, t)
    }

    /// P(X(t) = n) of a new customer: it stays all of `t` and buys `n` times, or leaves at `u < t` and did so by then.
    #[must_use]
    pub fn p_count(&self, n: u32, t: f64) -> f64 {
        let Self { r, alpha, s, beta } = *self;
        let stays = (log_pmf(r, alpha, n, t) - s * (t / beta).ln_1p()).exp();
        if t <= 0.0 {
            return stays;
        }
        // Panels in y = ln(1 + u/c), c the smallest scale at hand: n purchases take at least about n alpha / r.
        let c = alpha.min(beta);
        let end = (t / c).ln_1p();
        let panels = (end * (1.0 + (r + f64::from(n) + s) / 6.0)).ceil().clamp(1.0, 4_000.0);
        let width = end / panels;
        let mut leaves = 0.0;
        for panel in 0..panels as u32 {
            for &(at, weight) in NODES_12.iter() {
                let y = (f64::from(panel) + at) * width;
                let u = c * y.exp_m1();
                let density = log_pmf(r, alpha, n, u) + s.ln() - beta.ln() - (s + 1.0) * (u / beta).ln_1p();
                leaves += weight * width * (c + u) * density.exp();
            }
        }
        stays + leaves
    }

    /// DERT: all purchases to come after what was seen, discounted continuously with the force of interest `force`
    /// (Fader, Hardie and Lee, *RFM and CLV*, 2005, eq. 6), as
    /// `P(alive) (r+x)/(alpha+T) integral of exp(-force u) ((beta+T)/(beta+T+u))^s du`.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `force` is finite and above 0.
    pub fn dert(&self, seen: &Seen, force: f64) -> Result<f64> {
        if !(force > 0.0 && force.is_finite()) {
            return Err(Error::Parameter { name: "force of interest", value: force, expected: "a finite value > 0" });
        }
        let after = self.after(seen);
        // With 1 + u / (beta+T) = e^w the integrand is (beta+T) exp(-d (e^w - 1) - (s-1) w), nothing once d (e^w-1) > 42.
        let d = force * after.beta;
        let end = (FALLEN / d).ln_1p();
        let panels = (2.0 * end * (1.0 + (after.s - 1.0).abs() / 6.0)).ceil().clamp(4.0, 4_000.0);
        let width = end / panels;
        let mut life = 0.0;
        for panel in 0..panels as u32 {
            for &(at, weight) in NODES_12.iter() {
                let w = (f64::from(panel) + at) * width;
                life += weight * width * (-d * w.exp_m1() - (after.s - 1.0) * w).exp();
            }
        }
        Ok(self.p_alive(seen) * after.r / after.alpha * after.beta * life)
    }
}

//! BG/NBD and MBG/NBD: customers who may leave after any purchase.
//!
//! Question: given when a customer bought, is it still one, and how often will it buy? Model: while it stays, a customer
//! buys as a Poisson process of rate `l`; after each purchase it leaves with probability `p`. Rates are gamma(`r`,
//! `alpha`) over customers, probabilities beta(`a`, `b`), independent of each other. In the BG/NBD the first chance to
//! leave comes after the first repeat purchase; in the MBG/NBD after the very first purchase. With `k` the chances
//! survived at the last purchase (`x`, or `x + 1`):
//!
//! ```text
//! L = B(a,b+k)/B(a,b) Gamma(r+x)/Gamma(r) alpha^r { (alpha+T)^-(r+x) + [k > 0] a/(b+k-1) (alpha+t_x)^-(r+x) }
//! ```
//!
//! Domain: times in one unit, all parameters positive. Sources: Fader, Hardie and Lee, *"Counting your customers" the
//! easy way* (2005), eq. 6 (likelihood), 8 (P(X(t) = n)), 9 and 10 (expectations); Batislam, Denizel and Filiztekin
//! (2007) and Hoppe and Wagner (2007) for the MBG/NBD. The expectations stand here in a form of our own: the `i+1`-th
//! purchase happens where the Poisson process brings it and the customer survived the chances before,
//! `E[X(t)] = sum_i E[(1-p)^i] P(N(t) > i)`. All its terms are positive, and `a = 1` is no special case.
//!
//! Limits: a BG/NBD customer without a repeat purchase is alive for sure; a customer cannot leave between purchases, so a
//! regular buyer's long silence counts less than under the Pareto/NBD.

use serde::{Deserialize, Serialize};

use super::history::{History, Seen};
use super::nbd::gamma_terms;
use super::special::{digamma_rising, ln_rising, sigmoid, softplus};
use super::{log_pmf, positive, sum_rows};
use crate::error::Result;

/// When a customer first may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chances {
    /// After its first repeat purchase: BG/NBD.
    AfterRepeats,
    /// After its very first purchase: MBG/NBD.
    AfterFirst,
}

/// A BG/NBD or MBG/NBD with known parameters, per unit of time of its history.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BgNbd {
    /// Shape of the purchase rates.
    pub r: f64,
    /// Rate of the purchase rates, in time.
    pub alpha: f64,
    /// First parameter of the probability to leave; its mean is `a / (a + b)`.
    pub a: f64,
    /// Second parameter of the probability to leave.
    pub b: f64,
    /// Which of the two models.
    pub chances: Chances,
}

impl BgNbd {
    pub(crate) const NAMES: [&'static str; 4] = ["r", "alpha", "a", "b"];

    pub(crate) fn check(&self) -> Result<()> {
        positive("r", self.r)?;
        positive("alpha", self.alpha)?;
        positive("a", self.a)?;
        positive("b", self.b)
    }

    /// The chances to leave among `x` repeats.
    fn chances_in(&self, repeats: u32) -> u32 {
        match self.chances {
            Chances::AfterRepeats => repeats,
            Chances::AfterFirst => repeats.saturating_add(1),
        }
    }

    /// The logarithm of the odds that a customer has left: eq. 6's second term over its first; `-inf` where it cannot.
    fn log_odds_gone(&self, seen: &Seen) -> f64 {
        let k = f64::from(self.chances_in(seen.repeats));
        if k <= 0.0 {
            return f64::NEG_INFINITY;
        }
        let silence = ((seen.observed - seen.last) / (self.alpha + seen.last)).ln_1p();
        (self.a / (self.b + k - 1.0)).ln() + (self.r + seen.x()) * silence
    }

    /// Log-likelihood (eq. 6) and its gradient in the logarithms of `r`, `alpha`, `a`, `b`.
    pub(crate) fn score(&self, history: &History) -> [f64; 5] {
        let Self { r, alpha, a, b, .. } = *self;
        let ln_alpha = alpha.ln();
        let mut sum = sum_rows(history.rows(), |row| {
            let seen = &row.seen;
            let (x, whole, part) = (seen.x(), alpha + seen.observed, alpha + seen.last);
            let k = f64::from(self.chances_in(seen.repeats));
            let ln_end = whole.ln();
            let ln_whole = ln_end - ln_alpha;
            let (odds, silence, before) = if k > 0.0 {
                let silence = ln_end - part.ln();
                let before = b + k - 1.0;
                ((a / before).ln() + (r + x) * silence, silence, before)
            } else {
                (f64::NEG_INFINITY, 0.0, 1.0)
            };
            // Computed together, as an exponential costs more than the rest.
            let e = (-odds.abs()).exp();
            let (gone, more) =
                (if odds > 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }, odds.max(0.0) + (1.0 + e).ln());
            [
                more - (r + x) * ln_whole - x * ln_alpha,
                gone * silence - ln_whole,
                r / alpha - (r + x) / whole + gone * (r + x) * (1.0 / whole - 1.0 / part),
                gone,
                -gone / before,
            ]
        });
        let [value, by_r] = gamma_terms(r, history);
        (sum[0], sum[1], sum[4]) = (sum[0] + value, sum[1] + by_r, sum[4] * b);
        for &(repeats, customers) in history.by_repeats() {
            let k = self.chances_in(repeats);
            let all = digamma_rising(a + b, k);
            sum[0] += customers * (ln_rising(b, k) - ln_rising(a + b, k));
            sum[3] -= customers * all * a;
            sum[4] += customers * (digamma_rising(b, k) - all) * b;
        }
        [sum[0], sum[1] * r, sum[2] * alpha, sum[3], sum[4]]
    }

    /// The log-likelihood of one customer.
    pub(crate) fn log_likelihood(&self, seen: &Seen) -> f64 {
        let k = self.chances_in(seen.repeats);
        ln_rising(self.r, seen.repeats) + ln_rising(self.b, k)
            - ln_rising(self.a + self.b, k)
            - (self.r + seen.x()) * (seen.observed / self.alpha).ln_1p()
            - seen.x() * self.alpha.ln()
            + softplus(self.log_odds_gone(seen))
    }

    /// P(alive): the customer has not left by the end of observation.
    #[must_use]
    pub fn p_alive(&self, seen: &Seen) -> f64 {
        sigmoid(-self.log_odds_gone(seen))
    }

    /// What is known of a customer that is alive after it was seen; its next chance to leave comes after a purchase.
    #[must_use]
    pub fn after(&self, seen: &Seen) -> Self {
        Self {
            r: self.r + seen.x(),
            alpha: self.alpha + seen.observed,
            b: self.b + f64::from(self.chances_in(seen.repeats)),
            a: self.a,
            chances: Chances::AfterRepeats,
        }
    }

    /// E\[X(t)\]: repeat purchases of a new customer in its first `t` (eq. 9).
    #[must_use]
    pub fn expected(&self, t: f64) -> f64 {
        if t <= 0.0 {
            return 0.0;
        }
        let entry = match self.chances {
            Chances::AfterRepeats => 0.0,
            Chances::AfterFirst => 1.0,
        };
        // Odds are kept where 1 - t/(alpha+t) would lose digits.
        let z = t / (self.alpha + t);
        let sure = sure_purchases(self.r, self.alpha, t);
        let mut mass = log_pmf(self.r, self.alpha, sure, t).exp();
        let mut survived = if entry > 0.0 { self.b / (self.a + self.b) } else { 1.0 };
        let (mut sum, mut tail, mut i) = (0.0, 1.0, 0.0);
        let mut step = |i: f64, tail: f64| {
            sum += survived * tail;
            survived *= (self.b + i + entry) / (self.a + self.b + i + entry);
            survived * tail > 1e-16 * sum
        };
        while i < f64::from(sure) {
            step(i, 1.0);
            i += 1.0;
        }
        loop {
            // P(N > i) from P(N >= i).
            tail -= mass;
            let ratio = (self.r + i) / (i + 1.0) * z;
            mass *= ratio;
            // Beyond the mode what is left falls at least as fast as a geometric series does; without that bound the
            // rounding of all that was taken off would be left for ever.
            if ratio < 1.0 {
                tail = tail.min(mass / (1.0 - ratio.max(z)));
            }
            if tail <= 1e-16 || !step(i, tail) {
                break;
            }
            i += 1.0;
        }
        sum
    }

    /// E\[Y(t)\]: purchases in the `t` after what was seen (eq. 10).
    #[must_use]
    pub fn conditional(&self, seen: &Seen, t: f64) -> f64 {
        self.p_alive(seen) * self.after(seen).expected(t)
    }

    /// P(no purchase in the `t` after what was seen): it has left, or stays and is silent.
    #[must_use]
    pub fn p_zero(&self, seen: &Seen, t: f64) -> f64 {
        let silent = (-(self.r + seen.x()) * (t / (self.alpha + seen.observed)).ln_1p()).exp();
        let alive = self.p_alive(seen);
        1.0 - alive + alive * silent
    }

    /// P(X(t) = n) of a new customer (eq. 8): it survived all chances and bought `n` times, or left at the `n`-th and
    /// would have bought as often or more.
    #[must_use]
    pub fn p_count(&self, n: u32, t: f64) -> f64 {
        let k = self.chances_in(n);
        let survived = |k: u32| ln_rising(self.b, k) - ln_rising(self.a + self.b, k);
        let stays = (survived(k) + log_pmf(self.r, self.alpha, n, t)).exp();
        if k == 0 {
            return stays;
        }
        let leaves = survived(k - 1).exp() * self.a / (self.a + self.b + f64::from(k) - 1.0);
        stays + leaves * at_least(self.r, self.alpha, n, t)
    }
}

/// P(N(t) >= n) of a gamma-mixed Poisson process, from whichever side is smaller.
pub(crate) fn at_least(r: f64, alpha: f64, n: u32, t: f64) -> f64 {
    let z = t / (alpha + t);
    if f64::from(n) <= r * t / alpha {
        return 1.0 - (0..n).map(|j| log_pmf(r, alpha, j, t).exp()).sum::<f64>();
    }
    let (mut mass, mut sum, mut j) = (log_pmf(r, alpha, n, t).exp(), 0.0, f64::from(n));
    while mass > 1e-17 * sum {
        sum += mass;
        mass *= (r + j) / (j + 1.0) * z;
        j += 1.0;
    }
    sum
}

/// The largest count below the mean that is exceeded for certain (P < e^-700): where a sum may start without underflow.
fn sure_purchases(r: f64, alpha: f64, t: f64) -> u32 {
    const NOTHING: f64 = -700.0;
    if log_pmf(r, alpha, 0, t) > NOTHING {
        return 0;
    }
    let (mut low, mut high) = (0, (r * t / alpha).min(f64::from(u32::MAX)) as u32);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if log_pmf(r, alpha, middle, t) > NOTHING {
            high = middle;
        } else {
            low = middle;
        }
    }
    low
}

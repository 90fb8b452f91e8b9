//! Does the history tell customers who left from customers who are slow?
//!
//! Question: may P(alive) be spoken of? Every model here contains the NBD, in which nobody leaves, as a limit. The gain is
//! the log-likelihood over the fitted NBD. Leaving is called identified where
//!
//! - the gain is at least 3.0: half of 5.99, the 95 % point of chi-square with two degrees of freedom, one for each
//!   further parameter. Without leaving (the null) the probability to leave lies on the edge of its domain and the second
//!   parameter means nothing, so twice the gain follows a mixture of zero and chi-squares of at most two degrees (Self and
//!   Liang 1987; Davies 1987 on the meaningless parameter): the true level is below 5 %, the error is on the side of
//!   silence;
//! - the mean probability to leave is not next to nothing (1e-3 a purchase; under the Pareto/NBD, 1e-3 of customers within
//!   the time of a mean gap);
//! - the starts that come within half a unit of log-likelihood of the best do not stop at different places: the likelihood
//!   each start reached may not lie between 0.01 and 0.5 below the best.
//!
//! Limits: a gain says that the model with leaving describes the history better, not that leaving is the reason. Seasons
//! and a stock-out look like leaving too.

use serde::{Deserialize, Serialize};

use super::Process;

/// Half of the 95 % point of chi-square with two degrees of freedom.
pub const LEAST_GAIN: f64 = 2.995_732_273_553_991;
/// A mean probability to leave below this is none.
const NOTHING: f64 = 1e-3;
/// Sums of the beta's (or a gamma's shape) parameters above this say that all customers are alike.
const ALIKE: f64 = 1e4;
/// Log-likelihoods nearer than this are the same place.
const SAME: f64 = 0.01;
/// Log-likelihoods farther than this were a start that failed, not another answer.
const OTHER: f64 = 0.5;

/// Whether dropout is identified.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Dropout {
    /// It is: P(alive) may be spoken of.
    Identified {
        /// Log-likelihood over the NBD.
        gain: f64,
        /// Whether all customers seem to leave alike: the parameters of the distribution of leaving run to infinity, and
        /// only its mean is known.
        alike: bool,
    },
    /// It is not.
    NotIdentified {
        /// Why.
        reason: Reason,
        /// Log-likelihood over the NBD.
        gain: f64,
    },
}

/// Why dropout is not identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The NBD knows no dropout.
    NoDropoutInModel,
    /// The parameters of leaving buy less likelihood than chance would.
    NoGain,
    /// The mean probability to leave runs to 0.
    RunsToZero,
    /// Different starts end at different places of nearly the same likelihood.
    StartsDisagree,
}

impl Reason {
    /// The reason in words.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NoDropoutInModel => "the NBD knows no customers who leave",
            Self::NoGain => {
                "the history does not tell customers who left from slow ones: a model without leaving describes it as well"
            }
            Self::RunsToZero => "the estimated probability to leave runs to 0",
            Self::StartsDisagree => "the fit ends at different places of nearly the same likelihood",
        }
    }
}

/// The verdict on a fitted process: its log-likelihood, that of the NBD, and what each start reached.
#[must_use]
pub fn dropout(process: &Process, log_likelihood: f64, nbd_log_likelihood: f64, reached: &[f64]) -> Dropout {
    let gain = log_likelihood - nbd_log_likelihood;
    let (leaves, spread) = match process {
        Process::Nbd(_) => {
            return Dropout::NotIdentified { reason: Reason::NoDropoutInModel, gain: 0.0 };
        }
        Process::BgNbd(m) => (m.a / (m.a + m.b), m.a + m.b),
        Process::ParetoNbd(m) => (-(-m.s * (m.alpha / (m.r * m.beta)).ln_1p()).exp_m1(), m.s),
    };
    let disagree = reached.iter().any(|reached| (SAME..OTHER).contains(&(log_likelihood - reached)));
    let reason = if gain < LEAST_GAIN {
        Some(Reason::NoGain)
    } else if leaves < NOTHING {
        Some(Reason::RunsToZero)
    } else if disagree {
        Some(Reason::StartsDisagree)
    } else {
        None
    };
    match reason {
        Some(reason) => Dropout::NotIdentified { reason, gain },
        None => Dropout::Identified { gain, alike: spread > ALIKE },
    }
}

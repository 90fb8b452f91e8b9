//! Maximum likelihood for the four models, and what a fitted one answers.
//!
//! The mean negative log-likelihood is descended in the logarithms of the parameters by BFGS with exact derivatives, from
//! several starts around the fitted NBD; a Newton step polishes the best. Standard errors come from the observed
//! information there (its Hessian by differences of the exact gradient), brought to the parameters by the delta rule.

use serde::{Deserialize, Serialize};

use super::diagnose::{self, Dropout};
use super::history::{History, Past, Seen};
use super::time::{Span, TimeUnit};
use super::{Model, Process};
use crate::error::{Error, Result};
use crate::optim::{BfgsParams, Minimum, bfgs, hessian, invert_spd};

/// Logarithms of parameters beyond this are outside of every data set.
const FARTHEST: f64 = 34.0;

/// A derivative by a parameter's logarithm, per customer, that promises less than anybody can see.
const PLATEAU: f64 = 1e-5;

/// How a model is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// Starting points, 1 to 6.
    pub starts: usize,
    /// The most iterations from each.
    pub max_iterations: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self { starts: 2, max_iterations: 500 }
    }
}

/// One parameter's estimate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Its name in the literature.
    pub name: String,
    /// Its value, per unit of time of the history.
    pub value: f64,
    /// Its standard error; none where the likelihood is flat or the estimate runs to a boundary.
    pub standard_error: Option<f64>,
}

/// How the descent went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Convergence {
    /// Whether the best start arrived.
    pub converged: bool,
    /// Its iterations.
    pub iterations: usize,
    /// The largest derivative by a parameter's logarithm, per customer, where it ended.
    pub gradient: f64,
    /// The log-likelihood each start reached, in their order.
    pub reached: Vec<f64>,
}

/// A model fitted to a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    process: Process,
    unit: TimeUnit,
    estimates: Vec<Estimate>,
    log_likelihood: f64,
    customers: f64,
    purchases: f64,
    convergence: Convergence,
    dropout: Dropout,
}

/// Fits `model` to a history.
///
/// # Errors
/// [`Error::Parameter`] for starts outside 1..=6, [`Error::Degenerate`] where nobody bought again or nobody was
/// observed, [`Error::NotConverged`] where no start arrived.
///
/// ```
/// use tenure_math::btyd::{self, History, Model, TimeUnit};
/// let history = History::new(&[0, 1, 3, 0], &[0.0, 3.0, 8.0, 0.0], &[9.0, 9.0, 9.0, 9.0], TimeUnit::Week)?;
/// let fitted = btyd::fit(Model::Nbd, &history, &btyd::Params::default())?;
/// assert!((fitted.process().expected(9.0) - 1.0).abs() < 1e-6);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn fit(model: Model, history: &History, params: &Params) -> Result<Fitted> {
    if !(1..=6).contains(&params.starts) {
        return Err(Error::Parameter { name: "starts", value: params.starts as f64, expected: "1 to 6" });
    }
    let exposure: f64 = history.by_exposure().iter().map(|(_, observed, customers)| observed * customers).sum();
    if history.purchases() <= 0.0 {
        return Err(Error::Degenerate { what: model.name(), reason: "nobody bought a second time" });
    }
    // Scales of time do not matter to the descent: it starts from the shop's own mean gap.
    let gap = exposure / history.purchases();
    let nbd = descend(Model::Nbd, history, &[0.0, gap.ln()], params)?;
    let nbd_likelihood = -nbd.value * history.customers();
    let mut minima = Vec::new();
    if model == Model::Nbd {
        minima.push(nbd);
    } else {
        let starts = around(model, &nbd.x, gap.ln(), params.starts);
        for start in &starts {
            minima.push(descend(model, history, start, params)?);
        }
    }
    let reached: Vec<f64> = minima.iter().map(|minimum| -minimum.value * history.customers()).collect();
    let best = minima.iter().enumerate().min_by(|a, b| a.1.value.total_cmp(&b.1.value)).map_or(0, |(i, _)| i);
    let best = minima.swap_remove(best);
    finish(model, history, best, reached, nbd_likelihood)
}

/// Starting points in logarithms: the fitted NBD with much and with little leaving, then away from it.
fn around(model: Model, nbd: &[f64], gap: f64, starts: usize) -> Vec<Vec<f64>> {
    let (r, alpha) = (nbd[0], nbd[1]);
    let pairs: [[f64; 2]; 6] = if model == Model::ParetoNbd {
        let near = |share: f64| share.ln() + gap;
        [
            [-0.5, near(2.0)],
            [-1.5, near(20.0)],
            [0.5, near(0.5)],
            [1.0, near(30.0)],
            [-3.0, near(1.0)],
            [2.0, near(5.0)],
        ]
    } else {
        [[-0.3, 1.0], [-4.0, 1.5], [0.0, 0.0], [1.5, 3.5], [-2.0, -1.0], [3.0, 3.0]]
    };
    let shifts = [[-0.4, -0.6], [0.0, 0.0], [0.4, 0.4], [0.0, -0.5], [-0.5, -0.5], [0.8, 0.8]];
    (0..starts).map(|i| vec![r + shifts[i][0], alpha + shifts[i][1], pairs[i][0], pairs[i][1]]).collect()
}

/// The mean negative log-likelihood at the logarithms `x` of the parameters.
fn loss(model: Model, history: &History, x: &[f64], gradient: &mut [f64]) -> f64 {
    if x.iter().any(|x| x.is_nan() || x.abs() > FARTHEST) {
        return f64::INFINITY;
    }
    let natural: Vec<f64> = x.iter().map(|x| x.exp()).collect();
    let value = Process::unchecked(model, &natural).score(history, gradient);
    for g in gradient.iter_mut() {
        *g /= -history.customers();
    }
    -value / history.customers()
}

fn descend(model: Model, history: &History, start: &[f64], params: &Params) -> Result<Minimum> {
    // Near enough for Newton's steps at the end, which double the digits.
    let limits = BfgsParams { max_iterations: params.max_iterations, promise: 1e-11, gradient: 3e-7 };
    bfgs(|x, g| loss(model, history, x, g), start, &limits)
}

/// Polishes the best minimum, measures its curvature and asks whether leaving is identified.
fn finish(
    model: Model,
    history: &History,
    mut best: Minimum,
    reached: Vec<f64>,
    nbd_likelihood: f64,
) -> Result<Fitted> {
    // On a plateau the digits of the likelihood run out before the gradient is nought: there it is near enough.
    best.converged |= best.gradient < PLATEAU;
    if !best.converged {
        return Err(Error::NotConverged { what: model.name(), iterations: best.iterations });
    }
    let n = best.x.len();
    let mut objective = |x: &[f64], g: &mut [f64]| loss(model, history, x, g);
    let mut covariance = invert_spd(&hessian(&mut objective, &best.x, 1e-4), n).ok();
    if let Some(inverse) = covariance.take() {
        // Newton steps with that curvature, as long as the gradient falls.
        let (mut g, mut g_next) = (vec![0.0; n], vec![0.0; n]);
        objective(&best.x, &mut g);
        for _ in 0..4 {
            let next: Vec<f64> =
                (0..n).map(|i| best.x[i] - (0..n).map(|j| inverse[i * n + j] * g[j]).sum::<f64>()).collect();
            let value = objective(&next, &mut g_next);
            let largest = g_next.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
            if !(largest < best.gradient && value <= best.value + 1e-12) {
                break;
            }
            (best.x, best.value, best.gradient) = (next, value, largest);
            g.copy_from_slice(&g_next);
        }
        covariance = invert_spd(&hessian(&mut objective, &best.x, 1e-4), n).ok();
    }
    let natural: Vec<f64> = best.x.iter().map(|x| x.exp()).collect();
    let estimates: Vec<Estimate> = (0..n)
        .map(|i| {
            let variance = covariance.as_ref().map(|c| c[i * n + i] / history.customers());
            // An error of a hundred times the value says that there is none.
            let relative = variance.map(f64::sqrt).filter(|se| se.is_finite() && *se < 100.0);
            Estimate {
                name: model.parameter_names()[i].to_owned(),
                value: natural[i],
                standard_error: relative.map(|se| se * natural[i]),
            }
        })
        .collect();
    let process = Process::new(model, &natural)?;
    let log_likelihood = -best.value * history.customers();
    let dropout = diagnose::dropout(&process, log_likelihood, nbd_likelihood, &reached);
    Ok(Fitted {
        process,
        unit: history.unit(),
        estimates,
        log_likelihood,
        customers: history.customers(),
        purchases: history.purchases(),
        convergence: Convergence {
            converged: best.converged,
            iterations: best.iterations,
            gradient: best.gradient,
            reached,
        },
        dropout,
    })
}

impl Fitted {
    /// The model with its parameters, per unit of time of [`Fitted::unit`].
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The name of the model.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.process.model().name()
    }

    /// The unit of time of its parameters.
    #[must_use]
    pub fn unit(&self) -> TimeUnit {
        self.unit
    }

    /// Its parameters with their standard errors.
    #[must_use]
    pub fn parameters(&self) -> &[Estimate] {
        &self.estimates
    }

    /// The log-likelihood reached.
    #[must_use]
    pub fn log_likelihood(&self) -> f64 {
        self.log_likelihood
    }

    /// Customers of the history it was fitted to.
    #[must_use]
    pub fn customers(&self) -> f64 {
        self.customers
    }

    /// Repeat purchases of the history it was fitted to.
    #[must_use]
    pub fn purchases(&self) -> f64 {
        self.purchases
    }

    /// Akaike's criterion: `2 k - 2 ln L`; smaller is better.
    #[must_use]
    pub fn aic(&self) -> f64 {
        2.0 * (self.estimates.len() as f64 - self.log_likelihood)
    }

    /// The log-likelihood of the NBD fitted to the same history: of the same customers, where nobody leaves.
    #[must_use]
    pub fn nbd_log_likelihood(&self) -> f64 {
        let (Dropout::Identified { gain, .. } | Dropout::NotIdentified { gain, .. }) = self.dropout;
        self.log_likelihood - gain
    }

    /// How the descent went.
    #[must_use]
    pub fn convergence(&self) -> &Convergence {
        &self.convergence
    }

    /// Whether the data tell leaving from slow buying.
    #[must_use]
    pub fn dropout(&self) -> &Dropout {
        &self.dropout
    }

    /// P(alive) at the end of observation.
    ///
    /// # Errors
    /// [`Error::Degenerate`] with the reason where dropout is not identified; [`Error::Row`] for an impossible past.
    pub fn p_alive(&self, past: &Past) -> Result<f64> {
        match self.dropout {
            Dropout::Identified { .. } => Ok(self.process.p_alive(&past.seen(self.unit)?)),
            Dropout::NotIdentified { reason, .. } => {
                Err(Error::Degenerate { what: "P(alive)", reason: reason.sentence() })
            }
        }
    }

    /// E\[X(t)\]: repeat purchases of a new customer in its first `horizon`.
    #[must_use]
    pub fn expected(&self, horizon: Span) -> f64 {
        self.process.expected(horizon.in_unit(self.unit))
    }

    /// E\[Y(t)\]: purchases in the `horizon` after what was seen.
    ///
    /// # Errors
    /// [`Error::Row`] for an impossible past.
    pub fn conditional(&self, past: &Past, horizon: Span) -> Result<f64> {
        Ok(self.process.conditional(&self.seen(past)?, horizon.in_unit(self.unit)))
    }

    /// P(no purchase in the `horizon` after what was seen). It does not depend on telling those who left from those who
    /// are slow, so it is answered where P(alive) is refused.
    ///
    /// # Errors
    /// [`Error::Row`] for an impossible past.
    pub fn p_zero(&self, past: &Past, horizon: Span) -> Result<f64> {
        Ok(self.process.p_zero(&self.seen(past)?, horizon.in_unit(self.unit)))
    }

    /// P(Y(t) = n): `n` purchases in the `horizon` after what was seen.
    ///
    /// # Errors
    /// [`Error::Row`] for an impossible past.
    pub fn p_count(&self, past: &Past, n: u32, horizon: Span) -> Result<f64> {
        Ok(self.process.p_count_after(&self.seen(past)?, n, horizon.in_unit(self.unit)))
    }

    pub(crate) fn seen(&self, past: &Past) -> Result<Seen> {
        past.seen(self.unit)
    }
}

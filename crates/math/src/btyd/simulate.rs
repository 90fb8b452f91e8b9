//! Customers simulated in continuous time: the known truth that the fits are held against.
//!
//! Each customer draws its own rates, buys and leaves as its [`Process`] says, purchase by purchase, and is seen for as
//! long as the caller wishes; what comes after is known too. Streams go by part of 1,024 customers, so the result is a
//! function of the seed alone.

use rand::RngExt;
use rand_distr::{Beta, Distribution, Exp1, Gamma};
use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSlice;

use super::bg_nbd::Chances;
use super::history::{History, Seen};
use super::time::TimeUnit;
use super::{Model, Process};
use crate::error::{Error, Result};
use crate::rng::{Stream, stream};

/// Customers of one stream.
const PART: usize = 1024;

/// One simulated customer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Customer {
    /// What was seen of it.
    pub seen: Seen,
    /// Whether it was alive at the end of observation.
    pub alive: bool,
    /// Its purchases in the horizon after.
    pub future: u32,
}

/// Simulates a customer for each time in `observed`, and the `horizon` after it.
///
/// # Errors
/// [`Error::Parameter`] where a parameter, a time or the horizon is negative or not finite.
pub fn simulate(process: &Process, observed: &[f64], horizon: f64, seed: u64) -> Result<Vec<Customer>> {
    for &value in observed.iter().chain([&horizon]) {
        if !(value >= 0.0 && value.is_finite()) {
            return Err(Error::Parameter { name: "time simulated", value, expected: "a finite value >= 0" });
        }
    }
    let draw = Draw::new(process)?;
    let parts: Vec<Vec<Customer>> = observed
        .par_chunks(PART)
        .enumerate()
        .map(|(part, observed)| {
            let mut random = stream(seed, "btyd/simulate", part as u64);
            observed.iter().map(|&observed| draw.customer(observed, horizon, &mut random)).collect()
        })
        .collect();
    Ok(parts.concat())
}

/// The history of simulated customers.
///
/// # Errors
/// As [`History::new`].
pub fn history(customers: &[Customer], unit: TimeUnit) -> Result<History> {
    let repeats: Vec<u32> = customers.iter().map(|customer| customer.seen.repeats).collect();
    let last: Vec<f64> = customers.iter().map(|customer| customer.seen.last).collect();
    let observed: Vec<f64> = customers.iter().map(|customer| customer.seen.observed).collect();
    History::new(&repeats, &last, &observed, unit)
}

/// How a customer leaves.
enum Leaves {
    Never,
    AfterPurchases(Beta<f64>, Chances),
    AtAnyTime(Gamma<f64>),
}

struct Draw {
    rate: Gamma<f64>,
    leaves: Leaves,
}

impl Draw {
    fn new(process: &Process) -> Result<Self> {
        let process = Process::new(process.model(), &process.parameters())?;
        let p = process.parameters();
        let gamma = |shape: f64, rate: f64| {
            Gamma::new(shape, 1.0 / rate).map_err(|_| Error::Parameter {
                name: "shape of a gamma distribution",
                value: shape,
                expected: "a finite value > 0",
            })
        };
        let beta = |chances| {
            Beta::new(p[2], p[3]).map(|beta| Leaves::AfterPurchases(beta, chances)).map_err(|_| Error::Parameter {
                name: "a",
                value: p[2],
                expected: "a finite value > 0",
            })
        };
        let leaves = match process.model() {
            Model::Nbd => Leaves::Never,
            Model::BgNbd => beta(Chances::AfterRepeats)?,
            Model::MbgNbd => beta(Chances::AfterFirst)?,
            Model::ParetoNbd => Leaves::AtAnyTime(gamma(p[2], p[3])?),
        };
        Ok(Self { rate: gamma(p[0], p[1])?, leaves })
    }

    fn customer(&self, observed: f64, horizon: f64, random: &mut Stream) -> Customer {
        let rate = self.rate.sample(random);
        let (quits, mut until) = match &self.leaves {
            Leaves::Never => (0.0, f64::INFINITY),
            Leaves::AfterPurchases(beta, chances) => {
                let quits = beta.sample(random);
                let at_once = *chances == Chances::AfterFirst && random.random::<f64>() < quits;
                (quits, if at_once { 0.0 } else { f64::INFINITY })
            }
            Leaves::AtAnyTime(rates) => {
                let wait: f64 = Exp1.sample(random);
                (0.0, wait / rates.sample(random))
            }
        };
        let mut seen = Seen { repeats: 0, last: 0.0, observed };
        let (mut t, mut future) = (0.0, 0);
        loop {
            let wait: f64 = Exp1.sample(random);
            t += wait / rate;
            // `t` may be infinite for a rate of 0.
            if t > until || t > observed + horizon || !t.is_finite() {
                break;
            }
            if t <= observed {
                (seen.repeats, seen.last) = (seen.repeats + 1, t);
            } else {
                future += 1;
            }
            if quits > 0.0 && random.random::<f64>() < quits {
                until = t;
                break;
            }
        }
        Customer { seen, alive: until > observed, future }
    }
}

//! What a plan is made on: who is in it, what each offer is expected to bring, who may get it, and what it is held to.

use tenure_math::allocate::expected::OfferTable;
use tenure_math::allocate::{Limit, Problem};
use tenure_tables::engine::Engine;

use super::limits::Asked;
use super::people::{self, People};
use super::{holdout, offer_table};
use crate::artifact::RunFolder;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::permission::{Barred, Permissions};

/// All that a plan is made from.
pub(super) struct Ground {
    pub(super) table: OfferTable,
    pub(super) people: People,
    /// Why a customer may not be contacted.
    pub(super) barred: Vec<Option<Barred>>,
    pub(super) held_out: Vec<bool>,
    /// Whether an offer is an option: who may be contacted, is not held out, and earns the least return. Customers x
    /// offers, as all below.
    pub(super) allowed: Vec<bool>,
    eligible: Vec<bool>,
    net: Vec<f64>,
    cost: Vec<f64>,
    caps: Vec<Option<usize>>,
    asked: Asked,
    budget: f64,
    min_roi: f64,
}

impl Ground {
    /// That of a run whose customers are scored.
    ///
    /// # Errors
    /// Engine and file errors, a refused computation, [`Error::Input`] for a limit on a segment that there is not.
    pub(super) fn of(config: &Config, engine: &Engine, run: &RunFolder, warnings: &mut Vec<String>) -> Result<Self> {
        let people = people::population(config, engine, run, warnings)?;
        let permissions = Permissions::of_run(config, engine, run, run.timeline()?.as_of)?;
        let (strangers, listed) = permissions.strangers(&people.ids);
        if let Some(first) = strangers.first() {
            warnings.push(format!(
                "{} of the {listed} on the list of suppressed customers ({}) are no customers of this run, such as '{first}': \
                 ids are compared as text",
                strangers.len(),
                config.constraints.suppress
            ));
        }
        let barred: Vec<Option<Barred>> = people.ids.iter().map(|id| permissions.barred(id)).collect();
        let may: Vec<bool> = barred.iter().map(Option::is_none).collect();
        let held_out = holdout::draw(config.constraints.holdout_share, config.run.seed, &people.segments, &may);
        let table = offer_table(config);
        let (net, cost) = table.evaluate(&people.prospects).map_err(Error::math("the offers' expected value"))?;
        let n = people.ids.len();
        let eligible: Vec<bool> = (0..n).map(|i| may[i] && !held_out[i]).collect();
        let min_roi = config.constraints.min_roi;
        let earns = net.iter().zip(&cost).map(|(net, cost)| *net >= min_roi * cost);
        let allowed = earns.enumerate().map(|(at, earns)| eligible[at / table.offers.len()] && earns).collect();
        let (caps, asked) = (config.caps(n), Asked::of(config, &table, &people)?);
        let budget = config.budget();
        Ok(Self { table, people, barred, held_out, allowed, eligible, net, cost, caps, asked, budget, min_roi })
    }

    /// The limits beside the budget and the caps.
    pub(super) fn limits(&self) -> Vec<Limit<'_>> {
        self.asked.limits()
    }

    /// The problem under `limits`.
    pub(super) fn problem<'a>(&'a self, limits: &'a [Limit<'a>]) -> Problem<'a> {
        Problem {
            n_customers: self.people.ids.len(),
            offers: self.table.offers.len(),
            net: &self.net,
            cost: &self.cost,
            budget: Some(self.budget),
            caps: &self.caps,
            eligible: Some(&self.eligible),
            allowed: (self.min_roi > 0.0).then_some(&self.allowed),
            limits,
        }
    }
}

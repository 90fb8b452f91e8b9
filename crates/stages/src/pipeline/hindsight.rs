//! Hindsight: the plan as it would have been made at the latest instant whose future is known, beside what customers did.
//!
//! The lines are cut at that instant and everything is made again up to the plan, under the run's own settings; common
//! rules spend the same budget on the same customers. Then the window that the plan looked at is opened. It measures whom
//! a plan reaches, not what an offer changes in them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tenure_math::allocate::hindsight::{self, Outcome, Reach};
use tenure_math::metric::bootstrap;
use tenure_tables::engine::{Engine, Value};

use super::remake::{again, another_future, made, register};
use crate::allocate::rivals;
use crate::artifact::{self, Run, RunFolder};
use crate::config::Config;
use crate::ctx::{Ctx, Progress, Stage, Steps};
use crate::error::{Error, Result};
use crate::number;
use crate::summary::{Cover, Estimate, Finding};
use crate::time::Instant;

/// Spend counts this long before the instant, in days.
const TRAILING_DAYS: u32 = 180;
/// Random lists that stand for the random rule.
const RANDOM_LISTS: u64 = 200;

/// What the plan and its rivals reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hindsight {
    /// The instant that the plan was made for.
    pub as_of: Instant,
    /// Length of the window that was opened after it, days.
    pub horizon_days: u32,
    /// How long before it spend counts, days.
    pub trailing_days: u32,
    /// Customers at the instant.
    pub customers: u64,
    /// Those of them who did not buy in the window.
    pub leavers: u64,
    /// What these had spent before, money.
    pub at_stake: f64,
    /// Money for each plan.
    pub budget: f64,
    /// The plans, the run's own first.
    pub plans: Vec<Reached>,
}

/// One plan beside what customers did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    /// The plan: `tenure` or a common rule.
    pub plan: String,
    /// Whom it reached and what they had spent.
    pub cover: Cover,
    /// What a unit of money covers of leavers' earlier spend; `None` where nothing is spent.
    pub per_unit: Option<Estimate>,
    /// By how much a unit of tenure's plan covers more; `None` for itself and where either spends nothing.
    pub behind: Option<Estimate>,
}

/// What came of the question.
pub type Outcomes = Finding<Hindsight>;

/// Counts the stages of the run that is made again.
struct Counted<'a>(&'a Steps<'a>);

impl Progress for Counted<'_> {
    fn end(&self, _: Stage, _: &str) {
        self.0.done(1);
    }
}

/// Makes the plan of the latest closed snapshot and opens its window; the sentence says what came of it.
///
/// # Errors
/// Engine and file errors; a refused computation.
pub(super) fn run(
    ctx: &Ctx<'_>,
    config: &Config,
    engine: &Engine,
    folder: &mut RunFolder,
    steps: &Steps<'_>,
) -> Result<String> {
    let timeline = folder.timeline()?;
    folder.read(artifact::TRANSACTIONS, Stage::Ingest)?;
    let horizon = i64::from(config.churn.horizon_days);
    let closed = |at: &Instant| timeline.is_closed(*at, horizon) && *at < timeline.as_of;
    let Some(at) = timeline.snapshots(&config.snapshots).into_iter().rev().find(closed) else {
        let why = format!(
            "no window of {horizon} days after a snapshot with {} days of history has ended within the data",
            config.snapshots.min_history_days
        );
        let sentence = format!("no plan of the past can be looked at: {why}");
        folder.record(Stage::Hindsight, &Outcomes::Missing(why), vec![sentence.clone()])?;
        return Ok(sentence);
    };
    let published = Run::open(folder.out())?;
    let scratch = folder.write("hindsight")?;
    let found = look_back(ctx, config, engine, &published, at, &scratch, steps);
    std::fs::remove_dir_all(&scratch).map_err(Error::io(&scratch))?;
    let found = found?;
    folder.write_csv(artifact::PLAN_BACKTEST, &HEADER, &rows(&found))?;
    let sentence = sentence(&found);
    folder.record(Stage::Hindsight, &Outcomes::Measured(found), Vec::new())?;
    Ok(sentence)
}

/// The plans of `at` beside what came, on a run made in `scratch`.
fn look_back(
    ctx: &Ctx<'_>,
    config: &Config,
    engine: &Engine,
    run: &Run,
    at: Instant,
    scratch: &Path,
    steps: &Steps<'_>,
) -> Result<Hindsight> {
    steps.plan(Some(again(Stage::Allocate).count()), "stages made again");
    steps.at(&format!("the plan of {at}, from what was known by then"));
    register(engine, run)?;
    let sources = scratch.join("sources");
    another_future(config, engine, run, at, "deleted", &sources)?;
    let mut earlier = config.clone();
    earlier.snapshots.as_of = Some(at);
    earlier.report.figures = false;
    let counted = Counted(steps);
    let quiet = Ctx { progress: &counted, reuse: false, ..*ctx };
    let job = made(&quiet, &earlier, run, &sources, Stage::Allocate, &scratch.join("run"))?;
    let rivals = rivals(&earlier, &job.engine, &job.folder, RANDOM_LISTS)?;

    engine.register("plan", &job.folder.read(artifact::ALLOCATION, Stage::Allocate)?)?;
    engine.register("features", &run.path(artifact::FEATURES, Stage::Features)?)?;
    engine.register("labels", &run.path(artifact::LABELS, Stage::Features)?)?;
    let frame = engine.select(
        "select plan.customer_id, plan.offer, labels.orders, features.revenue_180d
         from plan
         inner join features on plan.customer_id = features.customer_id and features.as_of = $at
         inner join labels on plan.customer_id = labels.customer_id and labels.as_of = $at and labels.horizon_days = $horizon
         order by plan.customer_id",
        &[
            ("at", Value::Text(at.to_string())),
            ("horizon", Value::I64(i64::from(config.churn.horizon_days))),
        ],
    )?;
    if frame.texts("customer_id")? != rivals.ids {
        return Err(Error::Corrupt {
            artefact: artifact::LABELS.to_owned(),
            problem: format!("the customers of {at} are not those of the plan made for that day"),
        });
    }
    let place: BTreeMap<&str, usize> = rivals.offers.iter().map(String::as_str).zip(0..).collect();
    let ours: Vec<Option<usize>> =
        frame.texts("offer")?.iter().map(|offer| place.get(offer.as_str()).copied()).collect();
    let left: Vec<bool> = frame.f64s("orders")?.iter().map(|orders| *orders <= 0.0).collect();
    let spent: Vec<f64> = frame.f64s("revenue_180d")?.iter().map(|spent| spent.max(0.0)).collect();
    let outcome = Outcome { left: &left, spent: &spent };

    let failed = || Error::math("the plans beside what customers did");
    let of = |choice: &[Option<usize>]| Reach::of(choice, &rivals.cost, rivals.offers.len()).map_err(failed());
    let ours = of(&ours)?;
    let mut others = Vec::new();
    for (name, choice) in &rivals.plans {
        others.push((*name, of(choice)?));
    }
    others.push(("random", Reach::mean(&rivals.random, &rivals.cost, rivals.offers.len()).map_err(failed())?));
    let params = bootstrap::Params {
        replicates: config.report.bootstrap_replicates,
        level: 0.95,
        seed: config.run.seed,
        task: "hindsight/bootstrap",
    };
    let reached = |name: &str, reach: &Reach, behind: Option<Estimate>| -> Result<Reached> {
        let cover = hindsight::cover(reach, &outcome, None).map_err(failed())?;
        let per_unit = known(hindsight::per_unit(reach, &outcome, &params))?;
        Ok(Reached { plan: name.to_owned(), cover: cover.into(), per_unit, behind })
    };
    let mut plans = vec![reached("tenure", &ours, None)?];
    for (name, reach) in &others {
        plans.push(reached(name, reach, known(hindsight::lead(&ours, reach, &outcome, &params))?)?);
    }
    Ok(Hindsight {
        as_of: at,
        horizon_days: config.churn.horizon_days,
        trailing_days: TRAILING_DAYS,
        customers: left.len() as u64,
        leavers: left.iter().filter(|left| **left).count() as u64,
        at_stake: outcome.at_stake(),
        budget: config.budget(),
        plans,
    })
}

impl From<hindsight::Cover> for Cover {
    fn from(found: hindsight::Cover) -> Self {
        let hindsight::Cover { contacts, spend, leavers, covered } = found;
        Self { contacts, spend, leavers, covered }
    }
}

/// An interval, or none where a plan spends nothing, now or in too many draws.
fn known(found: tenure_math::Result<bootstrap::Interval>) -> Result<Option<Estimate>> {
    match found {
        Ok(found) => Ok(Some(Estimate { value: found.estimate, low: Some(found.low), high: Some(found.high) })),
        Err(tenure_math::Error::Degenerate { .. } | tenure_math::Error::TooFew { .. }) => Ok(None),
        Err(error) => Err(Error::math("the plans beside what customers did")(error)),
    }
}

fn sentence(found: &Hindsight) -> String {
    let ours = &found.plans[0];
    match &ours.per_unit {
        Some(unit) => format!(
            "the plan of {} reached {} of {} customers who left; a unit spent covers {:.1} of what they had spent before",
            found.as_of,
            number::count(ours.cover.leavers.round() as u64),
            number::count(found.leavers),
            unit.value
        ),
        None => format!("the plan of {} spends nothing", found.as_of),
    }
}

const HEADER: [&str; 12] = [
    "as_of",
    "plan",
    "contacts",
    "spend",
    "leavers",
    "covered",
    "covered_per_unit",
    "covered_per_unit_low",
    "covered_per_unit_high",
    "tenure_ahead_by",
    "tenure_ahead_by_low",
    "tenure_ahead_by_high",
];

fn rows(found: &Hindsight) -> Vec<Vec<String>> {
    let estimate = |estimate: Option<Estimate>| {
        [estimate.map(|e| e.value), estimate.and_then(|e| e.low), estimate.and_then(|e| e.high)]
            .map(|value| value.map(|value| format!("{value:.4}")).unwrap_or_default())
    };
    let row = |plan: &Reached| {
        let Cover { contacts, spend, leavers, covered } = plan.cover;
        let mut row = vec![found.as_of.to_string(), plan.plan.clone()];
        row.extend([contacts, spend, leavers, covered].map(|value| format!("{value:.2}")));
        row.extend(estimate(plan.per_unit));
        row.extend(estimate(plan.behind));
        row
    };
    found.plans.iter().map(row).collect()
}

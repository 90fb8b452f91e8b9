//! What a recomputation cannot see: the run's own tables and windows, held against the rules of time.

use serde::Deserialize;
use tenure_math::metric::roc_auc;
use tenure_tables::engine::{Engine, Value};

use super::{Check, Result};
use crate::artifact::{self, Run};
use crate::config::Config;
use crate::ctx::Stage;
use crate::error::Error;
use crate::time::Instant;
use crate::timeline::{Timeline, Windows};

/// A single feature that tells leavers from stayers better than this is the label in disguise: on retail data the best
/// one reaches about 0.8.
const MAX_SINGLE_AUC: f64 = 0.95;
/// Fewer customers of either kind do not bear an AUC.
const LEAST_OF_EITHER: usize = 20;

/// All checks of this kind.
pub(super) fn check(
    engine: &Engine,
    config: &Config,
    run: &Run,
    timeline: &Timeline,
    snapshots: &[Instant],
) -> Result<Vec<Check>> {
    engine.register("transactions", &run.path(artifact::TRANSACTIONS, Stage::Ingest)?)?;
    engine.register("cleaned", &run.path(artifact::CLEANED, Stage::Clean)?)?;
    engine.register("features", &run.path(artifact::FEATURES, Stage::Features)?)?;
    engine.register("labels", &run.path(artifact::LABELS, Stage::Features)?)?;
    let mut checks = vec![
        labels_are_closed(engine, timeline)?,
        windows_serve_once(run, timeline)?,
        customers_are_acquired(engine, snapshots)?,
        no_feature_is_the_label(engine, config, timeline, snapshots)?,
    ];
    let record: IngestRecord = run.manifest.stage(Stage::Ingest, run.folder())?;
    if let Some(customers) = record.customers {
        checks.push(attributes_say_from_when(engine, run, &customers)?);
    }
    Ok(checks)
}

/// What the ingest's record says of the table of customers.
#[derive(Deserialize)]
struct IngestRecord {
    customers: Option<CustomersRecord>,
}

#[derive(Deserialize)]
struct CustomersRecord {
    attributes: Vec<AttributeRecord>,
}

#[derive(Deserialize)]
struct AttributeRecord {
    name: String,
    never_changes: bool,
}

/// Every value of an attribute has an instant from which it holds, or the attribute is declared never to change.
fn attributes_say_from_when(engine: &Engine, run: &Run, customers: &CustomersRecord) -> Result<Check> {
    const NAME: &str = "every attribute of a customer says from when it holds";
    engine.register("customers", &run.path(artifact::CUSTOMERS, Stage::Ingest)?)?;
    let always = engine.select(
        "select attribute, count(*) as values_always from customers where valid_from is null
         group by attribute order by attribute",
        &[],
    )?;
    let declared = |name: &str| customers.attributes.iter().any(|known| known.name == name && known.never_changes);
    let findings: Vec<String> = always
        .texts("attribute")?
        .into_iter()
        .zip(always.u64s("values_always")?)
        .filter(|(name, _)| !declared(name))
        .map(|(name, n)| format!("{n} values of {name} have no valid_from: today's value would stand in the past"))
        .collect();
    // A declaration can be wrong, and nothing in the data would show it.
    let declared: Vec<&str> =
        customers.attributes.iter().filter(|known| known.never_changes).map(|known| known.name.as_str()).collect();
    if findings.is_empty() && !declared.is_empty() {
        let why = format!(
            "{} said never to change, and nobody can tell from the data: a value that was summed up later than a \
             snapshot, such as lifetime orders, would carry the future into it",
            declared.join(", ")
        );
        return Ok(Check::open(NAME, why));
    }
    Ok(Check::of(NAME, format!("{} attributes", customers.attributes.len()), findings))
}

/// `as_of + horizon <= data end`, for every label.
fn labels_are_closed(engine: &Engine, timeline: &Timeline) -> Result<Check> {
    let windows = engine.select(
        "select as_of, horizon_days, count(*) as labels from labels group by as_of, horizon_days
         order by as_of, horizon_days",
        &[],
    )?;
    let (at, days, labels) = (windows.texts("as_of")?, windows.i64s("horizon_days")?, windows.u64s("labels")?);
    let mut findings = Vec::new();
    for ((at, days), labels) in at.iter().zip(&days).zip(&labels) {
        let end = Instant::parse(at).map(|at| at.plus_days(*days));
        if end.is_none_or(|end| end > timeline.data_end) {
            findings.push(format!(
                "{labels} labels of the {days} days from {at}, whose window is open at the end of the data ({})",
                timeline.data_end
            ));
        }
    }
    let sentence = format!(
        "{} labels of {} windows, the data end at {}",
        labels.iter().sum::<u64>(),
        windows.n_rows(),
        timeline.data_end
    );
    Ok(Check::of("every label's window is closed", sentence, findings))
}

/// What the records of churn and value say of their windows.
#[derive(Deserialize)]
struct WindowsRecord {
    evaluation: Option<Windows>,
    deployment: Option<Windows>,
}

/// Windows that train, calibrate and test are closed, disjoint in time and in this order.
fn windows_serve_once(run: &Run, timeline: &Timeline) -> Result<Check> {
    let (mut findings, mut sets) = (Vec::new(), 0);
    for stage in [Stage::Churn, Stage::Value] {
        let record: WindowsRecord = run.manifest.stage(stage, run.folder())?;
        for (what, windows) in [("evaluation", record.evaluation), ("deployment", record.deployment)] {
            let Some(windows) = windows else { continue };
            sets += 1;
            let faults = faults(&windows, timeline);
            findings.extend(faults.into_iter().map(|fault| format!("{} of {}: {fault}", what, stage.name())));
        }
    }
    let sentence = format!("{sets} sets of windows of churn and value, in evaluation and deployment");
    Ok(Check::of("windows that train, calibrate and test are disjoint and closed", sentence, findings))
}

fn faults(windows: &Windows, timeline: &Timeline) -> Vec<String> {
    let end = |at: Instant| at.plus_days(windows.horizon_days);
    let mut faults = Vec::new();
    let calibrates = windows.calibrate.map(|at| ("calibrates", at));
    let tests = windows.test.map(|at| ("tests", at));
    let later: Vec<(&str, Instant)> = calibrates.into_iter().chain(tests).collect();
    for (does, next) in &later {
        for at in windows.train.iter().filter(|at| end(**at) > *next) {
            faults.push(format!("the window of {at} trains and ends at {}, after {next}, which {does}", end(*at)));
        }
    }
    if let (Some(calibrate), Some(test)) = (windows.calibrate, windows.test)
        && end(calibrate) > test
    {
        faults.push(format!(
            "the window of {calibrate} calibrates and ends at {}, after {test}, which tests",
            end(calibrate)
        ));
    }
    for at in windows.snapshots().into_iter().filter(|at| !timeline.is_closed(*at, windows.horizon_days)) {
        faults.push(format!("the window of {at} is open at the end of the data ({})", timeline.data_end));
    }
    faults
}

/// A customer is in a snapshot if, and only if, a purchase was known before it.
fn customers_are_acquired(engine: &Engine, snapshots: &[Instant]) -> Result<Check> {
    let (mut findings, mut rows) = (Vec::new(), 0);
    for snapshot in snapshots {
        let counted = engine.select(
            "with acquired as (
                 select distinct customer_id
                 from cleaned
                 where kind in ('sale', 'charge')
                     and greatest(ordered_at, coalesce(recorded_at, ordered_at)) < $at
             ),
             present as (select customer_id from features where as_of = $snapshot)
             select
                 count(present.customer_id) as present,
                 sum(case when acquired.customer_id is null then 1 else 0 end) as too_early,
                 sum(case when present.customer_id is null then 1 else 0 end) as forgotten,
                 min(case when acquired.customer_id is null then present.customer_id end) as example
             from present
             full join acquired on present.customer_id = acquired.customer_id",
            &[("at", Value::Instant(snapshot.0)), ("snapshot", Value::Text(snapshot.to_string()))],
        )?;
        rows += counted.one_i64("present")?;
        let (too_early, forgotten) = (counted.f64s("too_early")?[0], counted.f64s("forgotten")?[0]);
        if too_early > 0.0 {
            let example = counted.texts("example")?.concat();
            findings
                .push(format!("{too_early} customers at {snapshot} had bought nothing before it, such as {example}"));
        }
        if forgotten > 0.0 {
            findings.push(format!("{forgotten} customers had bought before {snapshot} and are not in it"));
        }
    }
    let sentence = format!("{rows} rows of {} snapshots", snapshots.len());
    Ok(Check::of("a customer is in a snapshot from the first purchase on, and not before", sentence, findings))
}

/// No single feature separates those who left from those who stayed almost perfectly.
fn no_feature_is_the_label(
    engine: &Engine,
    config: &Config,
    timeline: &Timeline,
    snapshots: &[Instant],
) -> Result<Check> {
    const NAME: &str = "no single feature gives the label away";
    let horizon = i64::from(config.churn.horizon_days);
    let Some(at) = snapshots.iter().rev().find(|s| timeline.is_closed(**s, horizon)) else {
        return Ok(Check::open(NAME, "no window of the churn horizon is closed".to_owned()));
    };
    let rows = engine.select(
        "select features.*, labels.orders as label_orders
         from features
         inner join labels on features.as_of = labels.as_of and features.customer_id = labels.customer_id
         where features.as_of = $at and labels.horizon_days = $horizon
         order by features.customer_id",
        &[("at", Value::Text(at.to_string())), ("horizon", Value::I64(horizon))],
    )?;
    let left: Vec<bool> = rows.f64s("label_orders")?.iter().map(|orders| *orders <= 0.0).collect();
    let mut aucs: Vec<(String, f64)> = Vec::new();
    for name in rows.names().into_iter().filter(|name| rows.is_number(name) && !name.starts_with("label_")) {
        let values = rows.f64s(&name)?;
        let known: Vec<usize> = (0..values.len()).filter(|&i| values[i].is_finite()).collect();
        let leavers = known.iter().filter(|&&i| left[i]).count();
        if leavers.min(known.len() - leavers) < LEAST_OF_EITHER {
            continue;
        }
        let scores: Vec<f64> = known.iter().map(|&i| values[i]).collect();
        let truth: Vec<bool> = known.iter().map(|&i| left[i]).collect();
        let auc = roc_auc(&scores, &truth, None).map_err(Error::math("the AUC of a single feature"))?;
        aucs.push((name, auc.max(1.0 - auc)));
    }
    aucs.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let Some((best, auc)) = aucs.first() else {
        let why = format!("fewer than {LEAST_OF_EITHER} customers left, or stayed, in the {horizon} days from {at}");
        return Ok(Check::open(NAME, why));
    };
    let sentence = format!(
        "{} features alone against churn in the {horizon} days from {at}: the best is {best}, AUC {auc:.3}; an alarm \
         from {MAX_SINGLE_AUC} on",
        aucs.len()
    );
    let findings = aucs
        .iter()
        .filter(|(_, auc)| *auc >= MAX_SINGLE_AUC)
        .map(|(name, auc)| format!("{name} alone has AUC {auc:.3}: is the label made from it?"))
        .collect();
    Ok(Check::of(NAME, sentence, findings))
}

//! Features: cleaned lines to point-in-time features and labels at every snapshot.
//!
//! All snapshots come from one query over order events; a feature sees only what was known strictly before its
//! snapshot. Labels exist for closed windows only.

mod attributes;
mod describe;

use std::path::Path;

use serde::{Deserialize, Serialize};
use tenure_tables::engine::{Engine, Value};
use tenure_tables::query;
use tenure_tables::store::{self, Column};

use crate::artifact::{self, RunFolder};
use crate::config::Config;
use crate::ctx::{Stage, Steps};
use crate::error::{Error, Result};
use crate::number;
use crate::time::Instant;
use crate::timeline::{Timeline, Windows};

pub use describe::{Absent, Change, Described, Description, Spread, describe};

use attributes::Attributes;
pub use attributes::Matched;

/// The most pairs of an event and a snapshot, or of an event and a window, that are aggregated at once: some 3 GB.
const MOST_PAIRS: usize = 12_000_000;
/// Horizons that notebooks always find, days; the configured ones are added.
const HORIZONS: [i64; 4] = [30, 60, 90, 180];

/// What the feature store holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Snapshots, ascending; the last is `as_of`.
    pub snapshots: Vec<Instant>,
    /// Rows: customers summed over snapshots.
    pub rows: u64,
    /// Label rows.
    pub label_rows: u64,
    /// Features with a value somewhere, in the order of the table.
    pub features: Vec<String>,
    /// Features that the columns of the source cannot support.
    pub absent: Vec<String>,
    /// Horizons with labels, days.
    pub horizons: Vec<i64>,
    /// How far the table of customers and the buyers are the same, where there is such a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customers: Option<Matched>,
}

/// Computes features and labels; the sentence says what came of it.
///
/// # Errors
/// Engine and file errors.
pub fn run(config: &Config, engine: &Engine, run: &mut RunFolder, steps: &Steps<'_>) -> Result<String> {
    engine.register("cleaned", &run.read(artifact::CLEANED, Stage::Clean)?)?;
    let timeline = run.timeline()?;
    let snapshots = timeline.snapshots(&config.snapshots);

    let events = run.write(artifact::ORDER_EVENTS)?;
    let n_events = engine.write(query::ORDER_EVENTS.sql, &[], &events)?;
    engine.register("order_events", &events)?;

    let list = run.write(artifact::SNAPSHOTS)?;
    write_snapshots(&list, &snapshots)?;
    engine.register("snapshots", &list)?;
    let attributes = attributes::read(engine, run, timeline.as_of, snapshots[0])?;
    // Each has features and labels.
    steps.plan(Some(2 * snapshots.len()), "tables of a snapshot");
    let rows = write_features(config, engine, run, &snapshots, attributes.as_ref(), at_a_time(n_events, 1), steps)?;
    let horizons = horizons(config);
    let label_rows =
        write_labels(engine, run, &timeline, &snapshots, &horizons, at_a_time(n_events, horizons.len()), steps)?;

    let (features, absent) = supported(engine)?;
    let customers = attributes.as_ref().map(|attributes| attributes.matched.clone());
    let facts = Facts { rows, label_rows, features, absent, horizons, customers, snapshots };
    let mut warnings = Vec::new();
    let unsupported: Vec<&str> =
        facts.absent.iter().map(String::as_str).filter(|name| !name.starts_with(attributes::PREFIX)).collect();
    if !unsupported.is_empty() {
        warnings.push(format!(
            "absent, because the source has no column for them or too short a history: {}",
            unsupported.join(", ")
        ));
    }
    let mut sentence = format!(
        "{} features at {} monthly snapshots, {} rows; {} labels of closed windows",
        facts.features.len(),
        facts.snapshots.len(),
        number::count(facts.rows),
        number::count(facts.label_rows)
    );
    if let Some(attributes) = attributes {
        warnings.extend(attributes.warnings(&facts.features));
        sentence.push_str(&format!("; {}", attributes.sentence()));
    }
    run.record(Stage::Features, &facts, warnings)?;
    Ok(sentence)
}

/// Computes the features of every snapshot; gives the number of rows.
fn write_features(
    config: &Config,
    engine: &Engine,
    run: &RunFolder,
    snapshots: &[Instant],
    attributes: Option<&Attributes>,
    at_a_time: usize,
    steps: &Steps<'_>,
) -> Result<u64> {
    let folder = run.write(artifact::FEATURES)?;
    let season = ("season_days", Value::I64(i64::from(config.churn.horizon_days)));
    let mut sql = supported_sql(engine, &season)?;
    if let Some(attributes) = attributes {
        sql = attributes.joined_to(&sql);
    }
    let mut rows = 0;
    for (i, group) in snapshots.chunks(at_a_time).enumerate() {
        let part = run.write(&format!("data/snapshots_{i}.parquet"))?;
        write_snapshots(&part, group)?;
        engine.register("snapshots", &part)?;
        rows += engine.write_partitioned(&sql, std::slice::from_ref(&season), &folder)?;
        std::fs::remove_file(&part).map_err(Error::io(&part))?;
        steps.done(group.len());
    }
    engine.register("features", &folder)?;
    Ok(rows)
}

/// Computes the labels of every closed window and lists the windows; gives the number of label rows.
fn write_labels(
    engine: &Engine,
    run: &RunFolder,
    timeline: &Timeline,
    snapshots: &[Instant],
    horizons: &[i64],
    at_a_time: usize,
    steps: &Steps<'_>,
) -> Result<u64> {
    let folder = run.write(artifact::LABELS)?;
    let mut rows = 0;
    for (i, group) in snapshots.chunks(at_a_time).enumerate() {
        let part = run.write(&format!("data/label_windows_{i}.parquet"))?;
        write_windows(&part, timeline, snapshots, group, horizons)?;
        engine.register("label_windows", &part)?;
        rows += engine.write_partitioned(query::LABELS.sql, &[], &folder)?;
        std::fs::remove_file(&part).map_err(Error::io(&part))?;
        steps.done(group.len());
    }
    let windows = run.write(artifact::LABEL_WINDOWS)?;
    write_windows(&windows, timeline, snapshots, snapshots, horizons)?;
    if rows == 0 {
        // No window is closed: an empty table says so, where none would leave that of an earlier run in its place.
        store::write_columns(
            &folder.join(format!("as_of={}", timeline.as_of)).join("part-0.parquet"),
            &[
                ("customer_id", Column::Text(Vec::new())),
                ("horizon_days", Column::I64(Vec::new())),
                ("orders", Column::I64(Vec::new())),
                ("first_purchase_days", Column::F64(Vec::new())),
                ("spend_gross", Column::F64(Vec::new())),
                ("spend_net", Column::F64(Vec::new())),
            ],
        )?;
    }
    Ok(rows)
}

/// How many snapshots are computed at once, where each is paired with every event `times` over. A snapshot's rows
/// depend on no other snapshot: as many are taken as memory bears.
fn at_a_time(n_events: u64, times: usize) -> usize {
    (MOST_PAIRS / (n_events as usize * times).max(1)).max(1)
}

/// The horizons that have labels, days, ascending.
fn horizons(config: &Config) -> Vec<i64> {
    let mut horizons = HORIZONS.to_vec();
    horizons.extend([i64::from(config.churn.horizon_days), i64::from(config.value.horizon_days)]);
    horizons.sort_unstable();
    horizons.dedup();
    horizons
}

/// Lists the closed windows that start at the snapshots of `group`, and what each may do in the evaluation and in the
/// deployed model: the bookkeeping that notebooks need.
fn write_windows(
    path: &Path,
    timeline: &Timeline,
    snapshots: &[Instant],
    group: &[Instant],
    horizons: &[i64],
) -> Result<u64> {
    let closed: Vec<(Instant, i64)> = group
        .iter()
        .flat_map(|s| horizons.iter().map(|h| (*s, *h)))
        .filter(|(s, h)| timeline.is_closed(*s, *h))
        .collect();
    let roles = |windows_of: &dyn Fn(i64) -> Option<Windows>| -> Vec<Option<String>> {
        closed.iter().map(|(s, h)| windows_of(*h)?.role(*s).map(str::to_owned)).collect()
    };
    let columns = [
        ("as_of", Column::Text(closed.iter().map(|(s, _)| s.to_string()).collect())),
        ("as_of_us", Column::I64(closed.iter().map(|(s, _)| s.0).collect())),
        ("horizon_days", Column::I64(closed.iter().map(|(_, h)| *h).collect())),
        ("end_us", Column::I64(closed.iter().map(|(s, h)| s.plus_days(*h).0).collect())),
        ("in_evaluation", Column::OptText(roles(&|h| timeline.evaluation(snapshots, h)))),
        ("in_deployment", Column::OptText(roles(&|h| timeline.deployment(snapshots, h)))),
    ];
    Ok(store::write_columns(path, &columns)?)
}

fn write_snapshots(path: &Path, snapshots: &[Instant]) -> Result<u64> {
    let columns = [
        ("as_of", Column::Text(snapshots.iter().map(ToString::to_string).collect())),
        ("as_of_us", Column::I64(snapshots.iter().map(|s| s.0).collect())),
    ];
    Ok(store::write_columns(path, &columns)?)
}

/// The query of the features, with null in the place of those whose column the source does not fill: a count of
/// products of a source without products is not zero but unknown.
fn supported_sql(engine: &Engine, season: &(&str, Value)) -> Result<String> {
    let contract = query::FEATURES.contract()?;
    let needs = |name: &str| contract.columns.get(name).and_then(|c| c.get("needs")).and_then(|n| n.as_str());
    let filled = engine.select(
        "select count(amount) as amount, count(quantity) as quantity, count(sku) as sku, count(unit_price) as unit_price
         from cleaned",
        &[],
    )?;
    let mut lacking = Vec::new();
    for column in filled.names() {
        if filled.one_i64(&column)? == 0 {
            lacking.push(column);
        }
    }
    if lacking.is_empty() {
        return Ok(query::FEATURES.sql.to_owned());
    }
    let names = engine
        .select(&format!("select * from ({}) limit 0", query::FEATURES.sql), std::slice::from_ref(season))?
        .names();
    let columns: Vec<String> = names
        .into_iter()
        .map(|name| {
            let known = needs(&name).is_none_or(|needed| !lacking.iter().any(|l| l == needed));
            if known { name } else { format!("case when false then {name} end as {name}") }
        })
        .collect();
    Ok(format!("select {} from ({}) order by as_of, customer_id", columns.join(", "), query::FEATURES.sql))
}

/// Which features have a value anywhere, and which have none.
fn supported(engine: &Engine) -> Result<(Vec<String>, Vec<String>)> {
    let names: Vec<String> = engine
        .select("select * from features limit 0", &[])?
        .names()
        .into_iter()
        .filter(|name| name != "as_of" && name != "customer_id")
        .collect();
    let counts: Vec<String> = names.iter().map(|name| format!("count(\"{name}\") as \"{name}\"")).collect();
    let counted = engine.select(&format!("select {} from features", counts.join(", ")), &[])?;
    let mut split = (Vec::new(), Vec::new());
    for name in names {
        if counted.one_i64(&name)? > 0 { split.0.push(name) } else { split.1.push(name) }
    }
    Ok(split)
}

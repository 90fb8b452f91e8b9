//! The segments of every snapshot, and how customers moved between them.
//!
//! The scores of a snapshot are taken among the customers acquired before it, from features that see nothing after it:
//! so the segment as of a snapshot is a feature like any other.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use tenure_math::segment::map::Map;
use tenure_math::segment::movement::{self, Journey};
use tenure_math::segment::rfm;
use tenure_tables::engine::{Engine, Value};
use tenure_tables::store::{self, Column};

use crate::artifact::{self, RunFolder};
use crate::error::{Error, Result};
use crate::time::Instant;

/// What customers who were not acquired at the earlier snapshot are called in the table of migrations.
const NOT_YET: &str = "(not yet a customer)";

/// The customers of one snapshot with their scores and segments, in the order of their ids.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) as_of: Instant,
    pub(super) ids: Vec<String>,
    pub(super) recency_days: Vec<f64>,
    pub(super) frequency: Vec<f64>,
    /// Net spend; 0 where the source holds no money.
    pub(super) monetary: Vec<f64>,
    pub(super) has_money: bool,
    pub(super) scores: rfm::Scores,
    /// The place of each customer's segment on the map.
    pub(super) segments: Vec<usize>,
}

/// How the customers moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moves {
    /// Share of the customers who were in the same segment a snapshot later; the mean over the snapshots.
    pub stayed_share: f64,
    /// The same between the last two snapshots.
    pub stayed_share_last: f64,
    /// The last journey of each segment that has ended, best segment first; `None` where the history is too short.
    pub journey: Option<Travelled>,
}

/// The journey of each segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Travelled {
    /// The first snapshot.
    pub from: Instant,
    /// The first one after the churn window.
    pub to: Instant,
    /// Length of the churn window, days.
    pub horizon_days: i64,
    /// The segments, best first.
    pub segments: Vec<(String, Journey)>,
}

/// Scores every snapshot and writes the segments, migrations and journeys; gives the latest snapshot and the moves,
/// which there are none of where there is one snapshot only.
pub(super) fn write(
    engine: &Engine,
    run: &RunFolder,
    snapshots: &[Instant],
    map: &Map,
    ties: rfm::Ties,
    churn_days: i64,
) -> Result<(Snapshot, Option<Moves>)> {
    let folder = run.write(artifact::SEGMENTS)?;
    let (mut migrations, mut journeys, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut stayed, mut latest) = (Vec::new(), None);
    // The snapshots whose journey has not ended yet, and the one before.
    let (mut travelling, mut before): (VecDeque<Snapshot>, Option<Snapshot>) = (VecDeque::new(), None);
    for &as_of in snapshots {
        let Some(now) = read(engine, as_of, map, ties)? else { continue };
        store::write_columns(&folder.join(format!("as_of={as_of}")).join("part-0.parquet"), &columns(&now, map))?;
        let moved = before.as_ref().map(|before| migrate(before, &now, map, &mut migrations)).transpose()?;
        stayed.extend(moved.as_ref().map(|moved| moved.stayed_share));
        sizes.extend(size_rows(&now, map, moved.as_ref()));
        while let Some(first) = travelling.pop_front_if(|first| first.as_of.plus_days(churn_days) <= as_of) {
            if let Some(travelled) = travel(engine, &first, &now, map, churn_days)? {
                journeys.extend(journey_rows(&travelled));
                latest = Some(travelled);
            }
        }
        travelling.push_back(now.clone());
        before = Some(now);
    }
    run.write_csv(
        artifact::SEGMENT_MIGRATION,
        &["from_as_of", "to_as_of", "from_segment", "to_segment", "customers", "share_of_from"],
        &migrations,
    )?;
    run.write_csv(
        artifact::SEGMENT_JOURNEY,
        &["from_as_of", "to_as_of", "horizon_days", "segment", "customers", "moved_up", "stayed", "moved_down", "left"],
        &journeys,
    )?;
    run.write_csv(artifact::SEGMENT_HISTORY, &["as_of", "segment", "customers", "share", "stayed_share"], &sizes)?;
    let moves = stayed.last().map(|last| Moves {
        stayed_share: stayed.iter().sum::<f64>() / stayed.len() as f64,
        stayed_share_last: *last,
        journey: latest,
    });
    let now = before.ok_or_else(|| Error::Corrupt {
        artefact: artifact::FEATURES.to_owned(),
        problem: "no snapshot has a customer".to_owned(),
    })?;
    Ok((now, moves))
}

/// The customers of a snapshot, scored among themselves; `None` where nobody was known by then.
fn read(engine: &Engine, as_of: Instant, map: &Map, ties: rfm::Ties) -> Result<Option<Snapshot>> {
    let frame = engine.select(
        "select customer_id, recency_days, frequency, monetary_total
         from features where as_of = $as_of order by customer_id",
        &[("as_of", Value::Text(as_of.to_string()))],
    )?;
    if frame.n_rows() == 0 {
        return Ok(None);
    }
    let (recency_days, frequency) = (frame.f64s("recency_days")?, frame.f64s("frequency")?);
    let mut monetary = frame.f64s("monetary_total")?;
    // Where the source holds no money, customers differ by recency and frequency alone.
    let has_money = monetary.iter().any(|m| m.is_finite());
    if !has_money {
        monetary.fill(0.0);
    }
    let scores = rfm::score(&recency_days, &frequency, &monetary, ties).map_err(Error::math("the RFM scores"))?;
    let segments = (0..recency_days.len())
        .map(|i| map.segment_of(scores.recency[i], scores.frequency[i], scores.monetary[i]))
        .collect::<tenure_math::Result<_>>()
        .map_err(Error::math("the map of segments"))?;
    let ids = frame.texts("customer_id")?;
    Ok(Some(Snapshot { as_of, ids, recency_days, frequency, monetary, has_money, scores, segments }))
}

fn columns(snapshot: &Snapshot, map: &Map) -> [(&'static str, Column); 6] {
    let scores = |scores: &[u8]| Column::I64(scores.iter().map(|&s| i64::from(s)).collect());
    let Snapshot { ids, scores: given, segments, .. } = snapshot;
    [
        ("customer_id", Column::Text(ids.clone())),
        ("recency_score", scores(&given.recency)),
        ("frequency_score", scores(&given.frequency)),
        ("monetary_score", scores(&given.monetary)),
        ("segment_rank", Column::I64(segments.iter().map(|&s| s as i64 + 1).collect())),
        ("segment", Column::Text(segments.iter().map(|&s| map.name(s).to_owned()).collect())),
    ]
}

/// Where each customer of `before` stands in `now`; a customer once acquired is in every later snapshot.
fn places(before: &Snapshot, now: &Snapshot) -> Result<Vec<usize>> {
    let mut at = 0;
    before
        .ids
        .iter()
        .map(|id| {
            while at < now.ids.len() && now.ids[at] < *id {
                at += 1;
            }
            if now.ids.get(at) == Some(id) { Ok(at) } else { Err(lost(before, now, id)) }
        })
        .collect()
}

fn lost(before: &Snapshot, now: &Snapshot, id: &str) -> Error {
    Error::Corrupt {
        artefact: artifact::FEATURES.to_owned(),
        problem: format!("customer '{id}' is in the snapshot {} and not in {}", before.as_of, now.as_of),
    }
}

/// Who stayed in the segment from one snapshot to the next.
struct Moved {
    /// Share of all customers of the first.
    stayed_share: f64,
    /// The same by segment; `None` where it had no customers.
    by_segment: Vec<Option<f64>>,
}

/// Adds the moves between two snapshots to `rows`.
fn migrate(before: &Snapshot, now: &Snapshot, map: &Map, rows: &mut Vec<Vec<String>>) -> Result<Moved> {
    let there = places(before, now)?;
    let to: Vec<usize> = there.iter().map(|&i| now.segments[i]).collect();
    let counts =
        movement::migration(&before.segments, &to, map.len()).map_err(Error::math("the migration of customers"))?;
    let mut fresh = vec![0_u64; map.len()];
    now.segments.iter().for_each(|&s| fresh[s] += 1);
    to.iter().for_each(|&s| fresh[s] -= 1);
    let names = (0..map.len()).map(|s| map.name(s)).chain([NOT_YET]);
    for (from, counts) in names.zip(counts.iter().chain([&fresh])) {
        let all: u64 = counts.iter().sum();
        for (to, &customers) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
            rows.push(vec![
                before.as_of.to_string(),
                now.as_of.to_string(),
                from.to_owned(),
                map.name(to).to_owned(),
                customers.to_string(),
                format!("{:.6}", customers as f64 / all as f64),
            ]);
        }
    }
    let stayed: u64 = counts.iter().enumerate().map(|(s, row)| row[s]).sum();
    let share = |(s, row): (usize, &Vec<u64>)| {
        let all: u64 = row.iter().sum();
        (all > 0).then(|| row[s] as f64 / all as f64)
    };
    Ok(Moved {
        stayed_share: stayed as f64 / before.ids.len() as f64,
        by_segment: counts.iter().enumerate().map(share).collect(),
    })
}

/// The journey that began at `first` and ends at `now`, the first snapshot after the churn window. Who left is who
/// churned: the label of that window says. `None` where the window is open: the data end before the snapshot.
fn travel(engine: &Engine, first: &Snapshot, now: &Snapshot, map: &Map, churn_days: i64) -> Result<Option<Travelled>> {
    let labels = engine.select(
        "select customer_id, orders from labels where as_of = $as_of and horizon_days = $days order by customer_id",
        &[("as_of", Value::Text(first.as_of.to_string())), ("days", Value::I64(churn_days))],
    )?;
    if labels.n_rows() == 0 {
        return Ok(None);
    }
    if labels.texts("customer_id")? != first.ids {
        return Err(Error::Corrupt {
            artefact: artifact::LABELS.to_owned(),
            problem: format!("the labels of {} do not belong to its customers", first.as_of),
        });
    }
    let left: Vec<bool> = labels.f64s("orders")?.iter().map(|orders| *orders < 0.5).collect();
    let to: Vec<usize> = places(first, now)?.iter().map(|&i| now.segments[i]).collect();
    let all = movement::journeys(&first.segments, &to, &left, map.len()).map_err(Error::math("the journeys"))?;
    let segments = all.into_iter().enumerate().map(|(s, journey)| (map.name(s).to_owned(), journey)).collect();
    Ok(Some(Travelled { from: first.as_of, to: now.as_of, horizon_days: churn_days, segments }))
}

fn journey_rows(travelled: &Travelled) -> Vec<Vec<String>> {
    let row = |(name, j): &(String, Journey)| {
        let (from, to) = (travelled.from.to_string(), travelled.to.to_string());
        let mut row = vec![from, to, travelled.horizon_days.to_string(), name.clone()];
        row.extend([j.customers, j.up, j.stayed, j.down, j.left].map(|n| n.to_string()));
        row
    };
    travelled.segments.iter().filter(|(_, j)| j.customers > 0).map(row).collect()
}

/// The sizes of the segments, and the share of those who were in each one a snapshot before and still are.
fn size_rows(now: &Snapshot, map: &Map, moved: Option<&Moved>) -> Vec<Vec<String>> {
    let mut sizes = vec![0_u64; map.len()];
    now.segments.iter().for_each(|&s| sizes[s] += 1);
    let row = |(s, &n): (usize, &u64)| {
        let share = n as f64 / now.ids.len() as f64;
        let stayed = moved.and_then(|moved| moved.by_segment[s]).map(|share| format!("{share:.6}"));
        vec![
            now.as_of.to_string(),
            map.name(s).to_owned(),
            n.to_string(),
            format!("{share:.6}"),
            stayed.unwrap_or_default(),
        ]
    };
    sizes.iter().enumerate().map(row).collect()
}

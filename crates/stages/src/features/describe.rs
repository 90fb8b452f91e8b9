//! The feature store described: coverage, spread and drift of every feature, from what is published.
//!
//! Snapshots are read one after the other; of the one before only bins and counts are kept.

use serde::Serialize;
use tenure_math::drift::{Bins, Deciles, Drift};
use tenure_math::num;
use tenure_tables::engine::{Engine, EngineConfig};
use tenure_tables::query::{self, Contract};

use super::Facts;
use crate::artifact::{self, Run};
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::time::Instant;

/// The most values that are held at once: features are read in groups where a snapshot has many customers.
const MOST_VALUES: usize = 4_000_000;

/// What the feature store holds, feature by feature.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// The latest snapshot: spread is told there.
    pub as_of: Instant,
    /// Customers of the latest snapshot.
    pub customers: u64,
    /// Snapshots.
    pub snapshots: usize,
    /// The features, in the order of the table.
    pub features: Vec<Described>,
    /// Features that the source cannot support.
    pub absent: Vec<Absent>,
}

/// One feature.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// What it is.
    pub meaning: String,
    /// Its unit.
    pub unit: String,
    /// How far it looks back.
    pub window: String,
    /// The column of the source that it needs.
    pub needs: String,
    /// Share of customers that have it at the latest snapshot.
    pub coverage: f64,
    /// The least such share over all snapshots.
    pub coverage_least: f64,
    /// Its values at the latest snapshot; `None` where nobody has it.
    pub spread: Option<Spread>,
    /// The latest snapshot against the one before; `None` where there is only one.
    pub drift_latest: Option<Change>,
    /// The snapshot that differs most, by the index, from the one before it.
    pub drift_largest: Option<Change>,
}

/// How values are spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// One in ten is below.
    pub q10: f64,
    /// Half are below.
    pub median: f64,
    /// Nine in ten are below.
    pub q90: f64,
    /// The greatest.
    pub max: f64,
}

/// A snapshot against the one before it, in bins by the deciles of the earlier one; the missing have a bin of their own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Change {
    /// The later snapshot.
    pub as_of: Instant,
    /// Population stability index.
    pub psi: f64,
    /// What chance alone makes of it once in twenty times.
    pub psi_by_chance: f64,
    /// Greatest difference between the cumulative shares.
    pub distance: f64,
    /// What chance alone makes of it once in twenty times.
    pub distance_by_chance: f64,
    /// Whether the distance exceeds chance by more than one in ten.
    pub has_moved: bool,
}

/// A feature that the source cannot support.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Absent {
    /// Its name.
    pub name: String,
    /// What it is.
    pub meaning: String,
    /// The column that it needs and the source does not fill.
    pub needs: String,
}

/// What is known of a feature while snapshots pass by.
#[derive(Debug, Default)]
struct Passing {
    before: Option<(Deciles, Vec<u64>)>,
    coverage: f64,
    coverage_least: Option<f64>,
    spread: Option<Spread>,
    latest: Option<Change>,
    largest: Option<Change>,
}

impl Passing {
    /// Takes in the values of a snapshot, which come after those of the one before; NaN is missing.
    fn take(&mut self, as_of: Instant, mut values: Vec<f64>) -> Result<()> {
        let rows = values.len();
        values.retain(|value| !value.is_nan());
        values.sort_by(f64::total_cmp);
        let missing = (rows - values.len()) as u64;
        self.coverage = if rows == 0 { 0.0 } else { values.len() as f64 / rows as f64 };
        self.coverage_least = Some(self.coverage_least.unwrap_or(1.0).min(self.coverage));
        let at = |q| num::quantile_sorted(&values, q);
        self.spread = match (at(0.0), at(0.1), at(0.5), at(0.9), at(1.0)) {
            (Some(min), Some(q10), Some(median), Some(q90), Some(max)) => Some(Spread { min, q10, median, q90, max }),
            _ => None,
        };
        self.latest = None;
        if let Some((bins, before)) = &self.before {
            // A snapshot without customers has nothing to compare.
            let drift = Drift::between(before, &bins.count(&values, missing), Bins::Ordered).ok();
            self.latest = drift.map(|drift| change(as_of, drift));
            if self.largest.is_none_or(|largest| self.latest.is_some_and(|latest| latest.psi > largest.psi)) {
                self.largest = self.latest;
            }
        }
        let bins = Deciles::of(&values).map_err(Error::math("the deciles of a feature"))?;
        let counts = bins.count(&values, missing);
        self.before = Some((bins, counts));
        Ok(())
    }
}

fn change(as_of: Instant, drift: Drift) -> Change {
    Change {
        as_of,
        psi: drift.psi,
        psi_by_chance: drift.psi_chance,
        distance: drift.distance,
        distance_by_chance: drift.chance,
        has_moved: drift.has_moved(),
    }
}

/// Describes the features that a run has published; computes none.
///
/// # Errors
/// [`Error::Missing`] when the run has no features, [`Error::Corrupt`] when a snapshot cannot be read.
pub fn describe(run: &Run) -> Result<Description> {
    let facts: Facts = run.manifest.stage(Stage::Features, run.folder())?;
    let contract = query::FEATURES.contract()?;
    let engine = Engine::open(&EngineConfig::default())?;
    let mut passing: Vec<Passing> = facts.features.iter().map(|_| Passing::default()).collect();
    let mut customers = 0;
    for snapshot in &facts.snapshots {
        let file = format!("{}/as_of={snapshot}", artifact::FEATURES);
        let path = run.path(&file, Stage::Features)?;
        engine
            .register("snapshot", &path)
            .map_err(|e| Error::Corrupt { artefact: file.clone(), problem: e.to_string() })?;
        let rows = engine.select("select count(*) as n from snapshot", &[])?.one_i64("n")?;
        customers = rows.unsigned_abs();
        let group = (MOST_VALUES / usize::try_from(rows).unwrap_or(usize::MAX).max(1)).max(1);
        for (names, passing) in facts.features.chunks(group).zip(passing.chunks_mut(group)) {
            let frame = engine.select(&format!("select {} from snapshot", names.join(", ")), &[])?;
            for (name, passing) in names.iter().zip(passing) {
                passing.take(*snapshot, frame.f64s(name)?)?;
            }
        }
    }
    let as_of = facts.snapshots.last().copied().ok_or_else(|| Error::Missing {
        artefact: artifact::FEATURES.to_owned(),
        out: run.folder().to_path_buf(),
        stage: Stage::Features.name(),
    })?;
    let features = facts
        .features
        .iter()
        .zip(passing)
        .map(|(name, found)| Described {
            name: name.clone(),
            meaning: said(&contract, name, "meaning"),
            unit: said(&contract, name, "unit"),
            window: said(&contract, name, "window"),
            needs: said(&contract, name, "needs"),
            coverage: found.coverage,
            coverage_least: found.coverage_least.unwrap_or(0.0),
            spread: found.spread,
            drift_latest: found.latest,
            drift_largest: found.largest,
        })
        .collect();
    let absent = facts
        .absent
        .iter()
        .map(|name| Absent {
            name: name.clone(),
            meaning: said(&contract, name, "meaning"),
            needs: said(&contract, name, "needs"),
        })
        .collect();
    Ok(Description { as_of, customers, snapshots: facts.snapshots.len(), features, absent })
}

fn said(contract: &Contract, feature: &str, key: &str) -> String {
    let entry = contract.columns.get(feature).and_then(|column| column.get(key));
    entry.and_then(|text| text.as_str()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    #[test]
    fn a_feature_is_followed_through_its_snapshots() {
        let mut found = Passing::default();
        let day = |d| Instant::from_ymd(2011, 1, d).unwrap();
        let even: Vec<f64> = (0..=1000).map(f64::from).collect();
        found.take(day(1), even.clone()).unwrap();
        assert_eq!((found.latest, found.coverage), (None, 1.0));
        // Half of them gone: a bin of their own takes 500 of 1,001.
        let mut half = even.clone();
        half[..500].fill(f64::NAN);
        found.take(day(2), half.clone()).unwrap();
        let change = found.latest.unwrap();
        assert!(change.has_moved && change.psi > 1.0 && (change.distance - 500.0 / 1001.0).abs() < 1e-12, "{change:?}");
        assert_eq!(found.spread.unwrap().min, 500.0);
        // The same again: nothing has moved, and the largest change stays that of the second.
        found.take(day(3), half).unwrap();
        assert!(found.latest.unwrap().psi < 1e-9 && !found.latest.unwrap().has_moved);
        assert_eq!(found.largest.unwrap().as_of, day(2));
        assert!((found.coverage_least.unwrap() - 501.0 / 1001.0).abs() < 1e-12);
        // All gone.
        found.take(day(4), vec![f64::NAN; 10]).unwrap();
        assert_eq!((found.spread, found.coverage, found.coverage_least), (None, 0.0, Some(0.0)));
    }
}

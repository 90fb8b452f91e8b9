//! Drift against the last run in the folder: is what came since distributed as what was there before?
//!
//! For every measure the bins of the last run's lines (shares p, n lines) stand against those of the lines ordered after
//! that run's end, or against all lines where fewer than [`LEAST_NEW`] came after it (shares q, m lines). The population
//! stability index is shown because people know it; the verdict rests on the distance less what chance alone reaches
//! ([`tenure_math::drift`]), so that neither many lines nor few decide it.
//!
//! A measure has drifted when the distance less chance exceeds [`LIMIT`].
//!
//! Where the inputs are those of the last run, the comparison of that run is repeated: the same run gives the same bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tenure_math::drift::{Bins, Drift, LIMIT};
use tenure_tables::engine::{self, Engine};
use tenure_tables::query;

use super::catalogue::PROFILE_DRIFT;
use super::check::{counted, thousands};
use super::findings::{Findings, Found, object, rounded};
use crate::artifact::{self, RunFolder};
use crate::ctx::Stage;
use crate::error::Result;
use crate::time::Instant;

/// Fewer new lines than this are not compared on their own.
const LEAST_NEW: u64 = 500;
/// Words beyond the most frequent ones count together.
const MOST_WORDS: usize = 50;
const OTHERS: &str = "(others)";
const NUMBERS: [&str; 3] = ["quantity", "unit_price", "amount"];
const WORDS: [&str; 6] = ["country", "category", "channel", "store", "currency", "weekday"];
const LACKS_CUSTOMER: &str = "lacks_customer";

/// How lines are distributed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Profile {
    /// Midnight after the last line.
    end: Instant,
    rows: u64,
    /// Lines by bin of a number, by measure.
    numbers: BTreeMap<String, BTreeMap<i64, u64>>,
    /// Lines by word, by measure.
    words: BTreeMap<String, BTreeMap<String, u64>>,
}

/// What a run leaves for the next one.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    /// Hashes of the inputs.
    inputs: Vec<String>,
    profile: Profile,
    /// What this run was compared with.
    reference: Option<Profile>,
}

impl Profile {
    /// What this run is compared with: the last run of the folder, or what that was compared with where it read the
    /// same files. A profile that cannot be read is that of another version: there is nothing to compare with.
    fn of_last_run(run: &RunFolder) -> Option<Self> {
        let saved: Saved = artifact::read_json(&run.published(artifact::PROFILE)?).ok()??;
        if saved.inputs == inputs(run) { saved.reference } else { Some(saved.profile) }
    }

    fn read(engine: &Engine, start: Instant, end: Instant) -> Result<Self> {
        let span = [("start", engine::Value::Instant(start.0)), ("end", engine::Value::Instant(end.0))];
        let frame = engine.select(query::VALIDATE_PROFILE_NUMBERS.sql, &span)?;
        let lines = frame.u64s("lines")?;
        let mut numbers: BTreeMap<String, BTreeMap<i64, u64>> = BTreeMap::new();
        for measure in NUMBERS {
            let bins = numbers.entry(measure.to_owned()).or_default();
            for (bin, n) in frame.f64s(&format!("{measure}_bin"))?.into_iter().zip(&lines) {
                if bin.is_finite() {
                    *bins.entry(bin as i64).or_default() += n;
                }
            }
        }
        let frame = engine.select(query::VALIDATE_PROFILE_WORDS.sql, &span)?;
        let lines = frame.u64s("lines")?;
        let mut words: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for measure in WORDS {
            let counts = words.entry(measure.to_owned()).or_default();
            for (word, n) in frame.opt_texts(measure)?.into_iter().zip(&lines) {
                if let Some(word) = word {
                    *counts.entry(word).or_default() += n;
                }
            }
            lump(counts);
        }
        let lacks = words.entry(LACKS_CUSTOMER.to_owned()).or_default();
        for (is_lacking, n) in frame.bools(LACKS_CUSTOMER)?.into_iter().zip(&lines) {
            *lacks.entry(if is_lacking { "yes" } else { "no" }.to_owned()).or_default() += n;
        }
        Ok(Self { end, rows: lines.iter().sum(), numbers, words })
    }

    /// The measures that both know, each with distance, chance and index.
    fn compare(&self, since: &Self) -> Vec<Compared> {
        let numbers = self
            .numbers
            .iter()
            .filter_map(|(measure, before)| Compared::of(measure, before, since.numbers.get(measure)?, Bins::Ordered));
        let words = self
            .words
            .iter()
            .filter_map(|(measure, before)| Compared::of(measure, before, since.words.get(measure)?, Bins::Unordered));
        numbers.chain(words).collect()
    }
}

/// Keeps the most frequent words and counts the others together.
fn lump(words: &mut BTreeMap<String, u64>) {
    if words.len() <= MOST_WORDS {
        return;
    }
    let mut order: Vec<(String, u64)> = std::mem::take(words).into_iter().collect();
    order.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let others = order.split_off(MOST_WORDS).into_iter().map(|(_, n)| n).sum();
    words.extend(order);
    words.insert(OTHERS.to_owned(), others);
}

/// One measure then and now.
#[derive(Debug)]
struct Compared {
    measure: String,
    drift: Drift,
}

impl Compared {
    fn of<K: Ord + Clone>(
        measure: &str,
        before: &BTreeMap<K, u64>,
        since: &BTreeMap<K, u64>,
        kind: Bins,
    ) -> Option<Self> {
        let mut bins: Vec<&K> = before.keys().chain(since.keys()).collect();
        bins.sort();
        bins.dedup();
        let counts = |lines: &BTreeMap<K, u64>| -> Vec<u64> {
            bins.iter().map(|bin| lines.get(*bin).copied().unwrap_or(0)).collect()
        };
        // Without lines on one side there is nothing to compare.
        let drift = Drift::between(&counts(before), &counts(since), kind).ok()?;
        Some(Self { measure: measure.to_owned(), drift })
    }
}

/// This run's profile and the one that it is compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Profiles {
    now: Profile,
    reference: Option<Profile>,
}

impl Profiles {
    /// Profiles the registered transactions, and finds what the last run in the folder left.
    ///
    /// # Errors
    /// Engine errors.
    pub(super) fn read(engine: &Engine, run: &RunFolder, end: Instant) -> Result<Self> {
        Ok(Self { now: Profile::read(engine, Instant(i64::MIN / 4), end)?, reference: Profile::of_last_run(run) })
    }

    /// Leaves this run's profile for the next.
    ///
    /// # Errors
    /// File errors.
    pub(super) fn write(self, run: &RunFolder) -> Result<()> {
        let saved = Saved { inputs: inputs(run), profile: self.now, reference: self.reference };
        run.write_json(artifact::PROFILE, &saved)
    }
}

/// What the checks depend on beside the run itself, as text: what they compare with.
pub(super) fn reference(run: &RunFolder) -> String {
    serde_json::to_string(&Profile::of_last_run(run)).expect("text keys are JSON")
}

/// The hashes of the files of transactions: a table of customers has no part in their distribution.
fn inputs(run: &RunFolder) -> Vec<String> {
    let ingest: Option<Value> = run.record_of(Stage::Ingest).ok();
    let customers = ingest.as_ref().and_then(|facts| facts.pointer("/customers/blake3"));
    let hashes = run.inputs().iter().map(|input| input.blake3.clone());
    hashes.filter(|hash| customers.is_none_or(|other| other != hash)).collect()
}

/// Compares with the last run of the folder.
///
/// # Errors
/// Engine errors.
pub(super) fn check(engine: &Engine, profiles: Option<&Profiles>, findings: &mut Findings) -> Result<()> {
    match profiles {
        Some(Profiles { now, reference: Some(reference) }) => {
            let new = Profile::read(engine, reference.end, now.end)?;
            judge(reference, if new.rows >= LEAST_NEW { &new } else { now }, findings);
        }
        _ => findings.skip(&PROFILE_DRIFT, "there is no earlier run in this folder to compare with"),
    }
    Ok(())
}

fn judge(reference: &Profile, since: &Profile, findings: &mut Findings) {
    let compared = reference.compare(since);
    let drifted: Vec<&Compared> = compared.iter().filter(|c| c.drift.has_moved()).collect();
    let names: Vec<&str> = drifted.iter().map(|c| c.measure.as_str()).collect();
    let figures = |c: &Compared| -> Map<String, Value> {
        object([
            ("measure", Value::from(c.measure.clone())),
            ("distance", rounded(c.drift.distance)),
            ("distance_by_chance", rounded(c.drift.chance)),
            ("psi", rounded(c.drift.psi)),
        ])
    };
    let found = Found {
        elements: compared.len() as u64,
        unexpected: drifted.len() as u64,
        examples: drifted.iter().map(|c| figures(c)).collect(),
        sentence: Some(format!(
            "{} compared with the {} of the last run: {}.",
            counted(since.rows, "rows"),
            thousands(reference.rows),
            if names.is_empty() {
                format!(
                    "none of {} has moved by more than {LIMIT} beyond chance",
                    counted(compared.len() as u64, "measures")
                )
            } else {
                format!("{} moved by more than {LIMIT} beyond chance", names.join(", "))
            }
        )),
        observed: compared
            .iter()
            .map(|c| {
                (c.measure.clone(), Value::Object(figures(c).into_iter().filter(|(k, _)| k != "measure").collect()))
            })
            .collect(),
        ..Found::default()
    };
    findings.put(&PROFILE_DRIFT, found);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rand::RngExt;
    use rand_distr::{Distribution, Normal};
    use tenure_math::rng;

    fn normal(n: usize, shift: f64, seed: u64) -> BTreeMap<i64, u64> {
        let mut draw = rng::stream(seed, "profile", 0);
        let normal = Normal::new(shift, 1.0).unwrap();
        let mut bins = BTreeMap::new();
        for _ in 0..n {
            *bins.entry((normal.sample(&mut draw) * 4.0).floor() as i64).or_insert(0) += 1;
        }
        bins
    }

    fn words(n: usize, first: f64, seed: u64) -> BTreeMap<String, u64> {
        let mut draw = rng::stream(seed, "words", 0);
        let mut bins = BTreeMap::new();
        for _ in 0..n {
            let u: f64 = draw.random();
            let word = if u < first { 0 } else { 1 + (20.0 * (u - first) / (1.0 - first)) as i32 };
            *bins.entry(format!("w{word}")).or_insert(0) += 1;
        }
        bins
    }

    fn alarms(make: impl Fn(u64) -> Compared) -> usize {
        (0..200).filter(|seed| make(*seed).drift.has_moved()).count()
    }

    /// No drift: at most 5 % alarms; a shift by half a standard deviation at 2,000 lines: at least 95 % caught; and a
    /// tiny shift is no alarm however many lines there are.
    #[test]
    fn alarms_depend_on_the_change_and_not_on_the_number_of_lines() {
        for n in [60, 2_000, 100_000] {
            let quiet =
                alarms(|s| Compared::of("x", &normal(n, 0.0, s), &normal(n, 0.0, 10_000 + s), Bins::Ordered).unwrap());
            assert!(quiet <= 10, "{quiet} of 200 with {n} lines");
            let same =
                alarms(|s| Compared::of("x", &words(n, 0.4, s), &words(n, 0.4, 10_000 + s), Bins::Unordered).unwrap());
            assert!(same <= 10, "{same} of 200 with {n} lines");
        }
        let caught = alarms(|s| {
            Compared::of("x", &normal(2_000, 0.0, s), &normal(2_000, 0.5, 10_000 + s), Bins::Ordered).unwrap()
        });
        assert!(caught >= 190, "{caught} of 200");
        let caught = alarms(|s| {
            Compared::of("x", &words(2_000, 0.4, s), &words(2_000, 0.6, 10_000 + s), Bins::Unordered).unwrap()
        });
        assert!(caught >= 190, "{caught} of 200");
        let tiny = Compared::of("x", &normal(1_000_000, 0.0, 1), &normal(1_000_000, 0.1, 2), Bins::Ordered).unwrap();
        assert!(!tiny.drift.has_moved() && tiny.drift.distance > 10.0 * tiny.drift.chance, "{tiny:?}");
    }

    #[test]
    fn distances_by_hand() {
        let before = BTreeMap::from([(1, 50), (2, 50)]);
        let since = BTreeMap::from([(2, 50), (3, 50)]);
        let numbers = Compared::of("x", &before, &since, Bins::Ordered).unwrap();
        assert!((numbers.drift.distance - 0.5).abs() < 1e-12);
        let words = Compared::of("x", &before, &since, Bins::Unordered).unwrap();
        assert!((words.drift.distance - 0.5).abs() < 1e-12 && words.drift.psi > 1.0);
        let same = Compared::of("x", &before, &before, Bins::Unordered).unwrap();
        assert!(same.drift.distance.abs() < 1e-12 && same.drift.psi.abs() < 1e-12);
        assert!(Compared::of("x", &before, &BTreeMap::new(), Bins::Ordered).is_none());
    }
}

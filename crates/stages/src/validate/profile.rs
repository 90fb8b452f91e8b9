//! Drift against the last run in the folder: is what came since distributed as what was there before?
//!
//! For every measure the bins of the last run's lines (shares p, n lines) stand against those of the lines ordered after
//! that run's end, or against all lines where fewer than [`LEAST_NEW`] came after it (shares q, m lines). Two figures:
//!
//! - the population stability index `sum (q - p) ln(q / p)`, shown because people know it; it grows by chance alone when
//!   there are few lines;
//! - the distance: for numbers the greatest difference between the two cumulative shares (Kolmogorov and Smirnov), for
//!   words half the sum of the absolute differences (total variation). From it is taken what chance alone reaches once
//!   in twenty times, so that the verdict asks for a change that is large and sure, and neither many lines nor few
//!   decide it.
//!
//! A measure has drifted when the distance less chance exceeds [`LIMIT`].
//!
//! Where the inputs are those of the last run, the comparison of that run is repeated: the same run gives the same bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
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
/// A distance that matters: one line in ten stands elsewhere.
const LIMIT: f64 = 0.1;
/// The Kolmogorov-Smirnov quantile at 95 %.
const KS_95: f64 = 1.358;
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
            .filter_map(|(measure, before)| Compared::of(measure, before, since.numbers.get(measure)?, true));
        let words = self
            .words
            .iter()
            .filter_map(|(measure, before)| Compared::of(measure, before, since.words.get(measure)?, false));
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
    distance: f64,
    chance: f64,
    psi: f64,
}

impl Compared {
    fn of<K: Ord + Clone>(
        measure: &str,
        before: &BTreeMap<K, u64>,
        since: &BTreeMap<K, u64>,
        ordered: bool,
    ) -> Option<Self> {
        let (n, m) = (before.values().sum::<u64>() as f64, since.values().sum::<u64>() as f64);
        if n < 1.0 || m < 1.0 {
            return None;
        }
        let mut bins: Vec<&K> = before.keys().chain(since.keys()).collect();
        bins.sort();
        bins.dedup();
        let k = bins.len() as f64;
        let count = |lines: &BTreeMap<K, u64>, bin: &K| lines.get(bin).copied().unwrap_or(0) as f64;
        let (mut below, mut greatest, mut moved, mut psi) = (0.0_f64, 0.0_f64, 0.0, 0.0);
        // What half the sum of absolute differences is expected to be by chance: each share has a normal error.
        let mut noise = 0.0;
        for bin in bins {
            let (a, b) = (count(before, bin), count(since, bin));
            let (p, q) = (a / n, b / m);
            below += q - p;
            greatest = greatest.max(below.abs());
            moved += (q - p).abs();
            let pooled = (a + b) / (n + m);
            noise += (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m) * 2.0 / std::f64::consts::PI).sqrt();
            let (p, q) = ((a + 0.5) / (n + 0.5 * k), (b + 0.5) / (m + 0.5 * k));
            psi += (q - p) * (q / p).ln();
        }
        let ks = KS_95 * (1.0 / n + 1.0 / m).sqrt();
        let (distance, chance) = if ordered { (greatest, ks) } else { (moved / 2.0, noise / 2.0 + ks / 2.0) };
        Some(Self { measure: measure.to_owned(), distance, chance, psi })
    }

    fn drifted(&self) -> bool {
        self.distance - self.chance > LIMIT
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
        let now = Profile::read(engine, Instant(i64::MIN / 4), end)?;
        // A profile that cannot be read is that of another version: there is nothing to compare with.
        let saved: Option<Saved> = artifact::read_json(&run.out().join(artifact::PROFILE)).unwrap_or(None);
        let reference = match saved {
            Some(saved) if saved.inputs == inputs(run) => saved.reference,
            Some(saved) => Some(saved.profile),
            None => None,
        };
        Ok(Self { now, reference })
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

/// The hashes of the files of transactions: a table of customers has no part in their distribution.
fn inputs(run: &RunFolder) -> Vec<String> {
    let customers = run.manifest.stages.get(Stage::Ingest.name()).map(|facts| &facts["customers"]["blake3"]);
    let hashes = run.manifest.inputs.iter().map(|input| input.blake3.clone());
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
    let drifted: Vec<&Compared> = compared.iter().filter(|c| c.drifted()).collect();
    let names: Vec<&str> = drifted.iter().map(|c| c.measure.as_str()).collect();
    let figures = |c: &Compared| -> Map<String, Value> {
        object([
            ("measure", Value::from(c.measure.clone())),
            ("distance", rounded(c.distance)),
            ("distance_by_chance", rounded(c.chance)),
            ("psi", rounded(c.psi)),
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
        (0..200).filter(|seed| make(*seed).drifted()).count()
    }

    /// No drift: at most 5 % alarms; a shift by half a standard deviation at 2,000 lines: at least 95 % caught; and a
    /// tiny shift is no alarm however many lines there are.
    #[test]
    fn alarms_depend_on_the_change_and_not_on_the_number_of_lines() {
        for n in [60, 2_000, 100_000] {
            let quiet = alarms(|s| Compared::of("x", &normal(n, 0.0, s), &normal(n, 0.0, 10_000 + s), true).unwrap());
            assert!(quiet <= 10, "{quiet} of 200 with {n} lines");
            let same = alarms(|s| Compared::of("x", &words(n, 0.4, s), &words(n, 0.4, 10_000 + s), false).unwrap());
            assert!(same <= 10, "{same} of 200 with {n} lines");
        }
        let caught =
            alarms(|s| Compared::of("x", &normal(2_000, 0.0, s), &normal(2_000, 0.5, 10_000 + s), true).unwrap());
        assert!(caught >= 190, "{caught} of 200");
        let caught =
            alarms(|s| Compared::of("x", &words(2_000, 0.4, s), &words(2_000, 0.6, 10_000 + s), false).unwrap());
        assert!(caught >= 190, "{caught} of 200");
        let tiny = Compared::of("x", &normal(1_000_000, 0.0, 1), &normal(1_000_000, 0.1, 2), true).unwrap();
        assert!(!tiny.drifted() && tiny.distance > 10.0 * tiny.chance, "{tiny:?}");
    }

    #[test]
    fn distances_by_hand() {
        let before = BTreeMap::from([(1, 50), (2, 50)]);
        let since = BTreeMap::from([(2, 50), (3, 50)]);
        let numbers = Compared::of("x", &before, &since, true).unwrap();
        assert!((numbers.distance - 0.5).abs() < 1e-12);
        let words = Compared::of("x", &before, &since, false).unwrap();
        assert!((words.distance - 0.5).abs() < 1e-12 && words.psi > 1.0);
        let same = Compared::of("x", &before, &before, false).unwrap();
        assert!(same.distance.abs() < 1e-12 && same.psi.abs() < 1e-12);
        assert!(Compared::of("x", &before, &BTreeMap::new(), true).is_none());
    }
}

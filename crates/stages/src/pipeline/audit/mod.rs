//! The audit: proof, on a run of one's own, that nothing it says of an instant was learnt after it.
//!
//! The future is changed in the raw lines, everything is computed again from there, and every feature, label and fitted
//! model of the time before must be the same to the bit ([`remake()`], [`compare`]). Then the tables and windows of the
//! run are checked for what a recomputation cannot see: open windows, customers before their first purchase, windows
//! that serve twice, a feature that is the label in disguise ([`tables`]).

mod compare;
mod tables;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use super::remake::{Remake, remake};
pub use crate::summary::Verdict;

use crate::artifact::{self, Run, RunFolder};
use crate::config::Config;
use crate::ctx::{Ctx, Stage, Steps};
use crate::error::{Error, Result};
use crate::time::Instant;

/// The most findings that a check lists.
const MAX_FINDINGS: usize = 20;

/// What the audit found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Whether no check failed.
    pub passed: bool,
    /// The instant of the decision.
    pub as_of: Instant,
    /// The instants behind which the future was changed, ascending; everything fitted was made again as of the last.
    pub instants: Vec<Instant>,
    /// The checks.
    pub checks: Vec<Check>,
}

impl Facts {
    /// What the audit says in the end.
    ///
    /// # Errors
    /// [`Error::Audit`] when a check failed.
    pub fn verdict(&self) -> Result<()> {
        if self.passed {
            return Ok(());
        }
        let failed = self.checks.iter().filter(|check| check.verdict == Verdict::Failed);
        Err(Error::Audit { failed: failed.map(|check| check.name.clone()).collect() })
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What must be true, in words.
    pub name: String,
    /// Whether it is.
    pub verdict: Verdict,
    /// What was compared, or why nothing could be.
    pub sentence: String,
    /// What was found wrong, at most twenty.
    pub findings: Vec<String>,
}

impl Check {
    fn of(name: &str, sentence: String, mut findings: Vec<String>) -> Self {
        let verdict = if findings.is_empty() { Verdict::Passed } else { Verdict::Failed };
        if findings.len() > MAX_FINDINGS {
            let more = findings.len() - MAX_FINDINGS;
            findings.truncate(MAX_FINDINGS);
            findings.push(format!("and {more} more"));
        }
        Self { name: name.to_owned(), verdict, sentence, findings }
    }

    fn open(name: &str, why: String) -> Self {
        Self { name: name.to_owned(), verdict: Verdict::Open, sentence: why, findings: Vec::new() }
    }
}

/// Audits the published run of the folder; the sentence says what came of it.
///
/// # Errors
/// [`Error::Missing`] where there is no finished run; any [`Error`] of the stages that are made again.
pub(super) fn run(ctx: &Ctx<'_>, config: &Config, folder: &mut RunFolder) -> Result<String> {
    // A run that is not finished, or no longer whole, is told before minutes of work and not after them.
    for (artefact, stage) in [
        (artifact::TRANSACTIONS, Stage::Ingest),
        (artifact::CLEANED, Stage::Clean),
        (artifact::FEATURES, Stage::Features),
        (artifact::LABELS, Stage::Features),
        (artifact::CHURN_SCORES, Stage::Churn),
        (artifact::VALUE_SCORES, Stage::Value),
    ] {
        folder.read(artefact, stage)?;
    }
    for stage in [Stage::Churn, Stage::Value] {
        folder.record_of::<serde_json::Value>(stage)?;
    }
    let published = Run::open(folder.out())?;
    let scratch = folder.write("audit")?;
    std::fs::create_dir_all(&scratch).map_err(Error::io(&scratch))?;
    let facts = examine(ctx, config, &published, &scratch, &remake)?;
    std::fs::remove_dir_all(&scratch).map_err(Error::io(&scratch))?;
    folder.write_json(artifact::AUDIT, &facts)?;
    let count = |verdict: Verdict| facts.checks.iter().filter(|check| check.verdict == verdict).count();
    let mut sentence = match count(Verdict::Failed) {
        0 => format!("{} checks passed", count(Verdict::Passed)),
        failed => format!("{failed} of {} checks failed", facts.checks.len()),
    };
    if count(Verdict::Open) > 0 {
        sentence.push_str(&format!(", {} open: these data cannot tell", count(Verdict::Open)));
    }
    folder.record(Stage::Audit, &facts, Vec::new())?;
    Ok(sentence)
}

/// Audits a published run; `remake` computes a run from changed lines, and `scratch` is a folder for it.
///
/// # Errors
/// Any [`Error`] of the stages, the engine or the file system.
pub fn examine(ctx: &Ctx<'_>, config: &Config, run: &Run, scratch: &Path, remake: &Remake) -> Result<Facts> {
    let timeline = run.timeline()?;
    let snapshots = timeline.snapshots(&config.snapshots);
    let instants = instants(config, &timeline, &snapshots);
    let mut checks = Vec::new();
    if instants.is_empty() {
        let why = "the history is too short: no snapshot has a future within the data";
        checks.extend(compare::HOW.iter().map(|(_, name)| Check::open(name, why.to_owned())));
    } else {
        let steps = Steps::new(ctx.progress, Stage::Audit);
        let bench = compare::Bench { ctx, config, run, as_of: timeline.as_of, scratch, remake, steps: &steps };
        checks.extend(bench.compare(&instants)?);
    }
    let engine = super::engine(ctx, config)?;
    checks.extend(tables::check(&engine, config, run, &timeline, &snapshots)?);
    let passed = checks.iter().all(|check| check.verdict != Verdict::Failed);
    Ok(Facts { passed, as_of: timeline.as_of, instants, checks })
}

/// A snapshot in the middle, and the one that the evaluation of churn stood at: what came after them is known.
fn instants(config: &Config, timeline: &crate::timeline::Timeline, snapshots: &[Instant]) -> Vec<Instant> {
    let within = |s: &Instant| *s > timeline.data_start && *s < timeline.data_end;
    let horizon = i64::from(config.churn.horizon_days);
    let tested = timeline.evaluation(snapshots, horizon).and_then(|windows| windows.test);
    let later = tested.or_else(|| snapshots.iter().rev().copied().find(within));
    let middle = snapshots.get(snapshots.len() / 2).copied();
    let mut instants: Vec<Instant> = middle.into_iter().chain(later).filter(within).collect();
    instants.sort_unstable();
    instants.dedup();
    instants
}

//! The recomputation: another future, the same past.

use std::fs;
use std::path::{Path, PathBuf};

use tenure_tables::engine::Engine;
use tenure_tables::frame::Frame;

use super::super::remake::{another_future, register};
use super::{Check, Remake, Result};
use crate::artifact::{self, Run};
use crate::config::Config;
use crate::ctx::{Ctx, Silent, Stage, Steps};
use crate::error::Error;
use crate::time::Instant;

/// How the future is changed, and what must be true then.
pub(super) const HOW: [(&str, &str); 6] = [
    ("deleted", "nothing changes when the future is deleted"),
    ("dealt out", "nothing changes when the future goes to other customers"),
    ("multiplied", "nothing changes when the future is multiplied"),
    ("renamed", "nothing changes when the future is of new customers, products and countries"),
    ("returned", "nothing changes when the past is returned in the future"),
    ("late", "nothing changes when lines of the past arrive in the future"),
];
/// The store of features and labels.
const STORE: [&str; 2] = [artifact::FEATURES, artifact::LABELS];
/// What holds the future's lines themselves, or their number: no statement about the past.
const HOLDS_THE_FUTURE: [&str; 4] =
    [artifact::TRANSACTIONS, artifact::UNPARSED, artifact::CUSTOMERS, artifact::QUARANTINE];

/// Where and with what runs are made again.
pub(super) struct Bench<'a> {
    pub(super) ctx: &'a Ctx<'a>,
    pub(super) config: &'a Config,
    pub(super) run: &'a Run,
    /// The instant of the decision.
    pub(super) as_of: Instant,
    pub(super) scratch: &'a Path,
    pub(super) remake: &'a Remake,
    /// Hears of every run that is made again.
    pub(super) steps: &'a Steps<'a>,
}

/// What one comparison found.
#[derive(Default)]
struct Compared {
    cells: u64,
    files: usize,
    findings: Vec<String>,
}

impl Bench<'_> {
    /// Changes the future behind each instant in every way. The store of features and labels is compared with what was
    /// published; all that is fitted, with a run that stood at the last instant and had the true future before it.
    pub(super) fn compare(&self, instants: &[Instant]) -> Result<Vec<Check>> {
        let engine = super::super::engine(self.ctx, self.config)?;
        register(&engine, self.run)?;
        let arrivals = engine.select("select count(recorded_at) as n from transactions", &[])?.one_i64("n")?;
        for folder in STORE {
            self.run.path(folder, Stage::Features)?;
        }
        let Some(&last) = instants.last() else { return Ok(Vec::new()) };
        let ways = HOW.iter().filter(|(how, _)| *how != "late" || arrivals > 0).count();
        self.steps.plan(Some(1 + ways * (instants.len() + 1)), "runs made again");
        let truth = self.fitted(&engine, last, "unchanged")?;
        let mut checks = Vec::new();
        for (how, name) in HOW {
            if how == "late" && arrivals == 0 {
                let why = "the source does not say when a line arrived (recorded_at), so late lines cannot be told";
                checks.push(Check::open(name, why.to_owned()));
                continue;
            }
            self.steps.at(name);
            let mut all = Compared::default();
            for &at in instants {
                let out = self.store(&engine, at, how)?;
                // What happened in a window that has ended is told by what is known at the decision, late lines too: as
                // of then they are no future. A run that stands at the instant itself must not count them, see below.
                let folders = if how == "late" { &STORE[..1] } else { &STORE };
                self.compare_store(&engine, &out, at, folders, &mut all)?;
                remove(&out)?;
            }
            let out = self.fitted(&engine, last, how)?;
            compare_files(&truth, &out, last, &mut all)?;
            remove(&out)?;
            let when: Vec<String> = instants.iter().map(ToString::to_string).collect();
            let sentence = format!(
                "{} cells of features and labels before {}, and {} files of all that is fitted as of {last}",
                all.cells,
                when.join(" and "),
                all.files
            );
            checks.push(Check::of(name, sentence, all.findings));
        }
        remove(&truth)?;
        Ok(checks)
    }

    /// Features and labels of all snapshots, as the run made them, with the future behind `at` changed.
    fn store(&self, engine: &Engine, at: Instant, how: &str) -> Result<PathBuf> {
        self.make(engine, at, how, self.as_of, Stage::Features)
    }

    /// Everything up to the plan, as of `at`, with the future changed that it must not see.
    fn fitted(&self, engine: &Engine, at: Instant, how: &str) -> Result<PathBuf> {
        self.make(engine, at, how, at, Stage::Allocate)
    }

    fn make(&self, engine: &Engine, at: Instant, how: &str, as_of: Instant, last: Stage) -> Result<PathBuf> {
        let out = self.scratch.join(format!("{how} {at} {}", last.name()));
        let sources = out.join("sources");
        another_future(self.config, engine, self.run, at, how, &sources)?;
        let mut config = self.config.clone();
        config.snapshots.as_of = Some(as_of);
        config.report.figures = false;
        // Intervals are compared like everything else; narrow ones prove no more than wide ones.
        config.report.bootstrap_replicates = 50;
        let ctx = Ctx { progress: &Silent, reuse: false, ..*self.ctx };
        (self.remake)(&ctx, &config, self.run, &sources, last, &out)?;
        self.steps.done(1);
        Ok(out)
    }

    /// Compares the snapshots up to `at` with the published ones, and the windows that had ended by then.
    fn compare_store(
        &self,
        engine: &Engine,
        out: &Path,
        at: Instant,
        folders: &[&str],
        all: &mut Compared,
    ) -> Result<()> {
        let other = Run::open(out)?;
        let parts = |run: &Run, folder: &str| -> Vec<(Instant, String)> {
            let names = run.manifest.artefacts.iter().map(|file| file.name.clone());
            names.filter_map(|name| Some((snapshot_of(&name, folder)?, name))).collect()
        };
        for folder in folders {
            let (ours, theirs) = (parts(self.run, folder), parts(&other, folder));
            for (snapshot, name) in ours.iter().filter(|(snapshot, _)| *snapshot <= at) {
                if self.run.manifest.artefact(name) == other.manifest.artefact(name) {
                    // The same bytes: nothing need be read to compare them.
                    engine.register("ours", &self.run.folder().join(name))?;
                    let columns = engine.select("select * from ours limit 0", &[])?.names().len() as u64;
                    all.cells += columns * engine.select("select count(*) as n from ours", &[])?.one_i64("n")? as u64;
                    continue;
                }
                if !theirs.iter().any(|(_, other)| other == name) {
                    // Labels of a snapshot whose windows were all open at `at` may be there or not.
                    if *folder == artifact::FEATURES {
                        all.findings.push(format!("{name} is not made at all"));
                    }
                    continue;
                }
                engine.register("ours", &self.run.folder().join(name))?;
                engine.register("theirs", &other.folder().join(name))?;
                let sql = |table: &str| match *folder {
                    artifact::FEATURES => format!("select * from {table} order by customer_id"),
                    // Windows that end later are the future's.
                    _ => format!(
                        "select * from {table} where horizon_days * 86400000000 <= {} order by customer_id, horizon_days",
                        at.0 - snapshot.0
                    ),
                };
                let (a, b) = (engine.select(&sql("ours"), &[])?, engine.select(&sql("theirs"), &[])?);
                compare_rows(&a, &b, &format!("{folder} of {snapshot} seen from {at}"), all)?;
            }
        }
        Ok(())
    }
}

/// Compares two tables cell by cell, numbers by their bits.
fn compare_rows(a: &Frame, b: &Frame, what: &str, all: &mut Compared) -> Result<()> {
    if a.names() != b.names() || a.n_rows() != b.n_rows() {
        let size = |frame: &Frame| format!("{} rows of {} columns", frame.n_rows(), frame.names().len());
        all.findings.push(format!("{what}: {} became {}", size(a), size(b)));
        return Ok(());
    }
    let who = a.texts("customer_id")?;
    for name in a.names() {
        all.cells += a.n_rows() as u64;
        let differing = if a.is_number(&name) {
            let (x, y) = (a.f64s(&name)?, b.f64s(&name)?);
            differing(&x, &y, |x, y| x.to_bits() == y.to_bits())
        } else {
            differing(&a.opt_texts(&name)?, &b.opt_texts(&name)?, |x, y| x == y)
        };
        if let Some((n, i, from, to)) = differing {
            all.findings.push(format!(
                "{what}: {name} of {n} customers changed, such as of customer {} from {from} to {to}",
                who[i]
            ));
        }
    }
    Ok(())
}

/// How many cells differ, and the first of them with both its values.
fn differing<T: std::fmt::Debug>(
    a: &[T],
    b: &[T],
    same: impl Fn(&T, &T) -> bool,
) -> Option<(usize, usize, String, String)> {
    let mut pairs = a.iter().zip(b).enumerate().filter(|(_, (x, y))| !same(x, y));
    let (i, (x, y)) = pairs.next()?;
    Some((1 + pairs.count(), i, format!("{x:?}"), format!("{y:?}")))
}

/// Compares all files of two runs that say something of the time before `at`.
fn compare_files(truth: &Path, out: &Path, at: Instant, all: &mut Compared) -> Result<()> {
    let (a, b) = (Run::open(truth)?.manifest, Run::open(out)?.manifest);
    let holds_the_future = |name: &str| HOLDS_THE_FUTURE.iter().any(|held| name.starts_with(held));
    let mut names: Vec<&String> = a.artefacts.iter().chain(&b.artefacts).map(|file| &file.name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names.into_iter().filter(|name| !holds_the_future(name)) {
        all.files += 1;
        if a.artefact(name) != b.artefact(name) {
            all.findings.push(format!("as of {at}: {name} changed"));
        }
    }
    Ok(())
}

/// The snapshot of `FOLDER/as_of=…/part-0.parquet`.
fn snapshot_of(name: &str, folder: &str) -> Option<Instant> {
    Instant::parse(name.strip_prefix(folder)?.strip_prefix("/as_of=")?.split('/').next()?)
}

fn remove(folder: &Path) -> Result<()> {
    fs::remove_dir_all(folder).map_err(Error::io(folder))
}

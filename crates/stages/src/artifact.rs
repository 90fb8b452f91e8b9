//! The folder of a run: stages write beside what is published, and what they wrote appears whole or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::timeline::Timeline;

/// The canonical table, as read: one part a file.
pub const TRANSACTIONS: &str = "data/transactions";
/// Records that could not be parsed: one part a file.
pub const UNPARSED: &str = "data/unparsed";
/// How each file was read: one account a file.
pub const SOURCES: &str = "data/sources";
/// Attributes of the customers, each from when on it holds.
pub const CUSTOMERS: &str = "data/customers.parquet";
/// Lines kept.
pub const CLEANED: &str = "data/cleaned.parquet";
/// Lines and records set aside, with stage and reason.
pub const QUARANTINE: &str = "data/quarantine.parquet";
/// Orders that the isolation forest finds unusual.
pub const OUTLIERS: &str = "data/outliers.parquet";
/// What happened to each order and when it was known.
pub const ORDER_EVENTS: &str = "data/order_events.parquet";
/// Features by snapshot.
pub const FEATURES: &str = "data/features";
/// Outcomes by snapshot.
pub const LABELS: &str = "data/labels";
/// Segment and cluster of each customer.
pub const SEGMENT_ASSIGNMENTS: &str = "outputs/segment_assignments.parquet";
/// The clusters on a plane, for the picture.
pub const SEGMENT_MAP: &str = "data/segment_map.parquet";
/// The evaluation of churn on its test window: what was predicted and what happened.
pub const CHURN_TEST: &str = "data/churn_test.parquet";
/// The same of value.
pub const VALUE_TEST: &str = "data/value_test.parquet";
/// One row per segment.
pub const SEGMENT_SUMMARY: &str = "outputs/segment_summary.csv";
/// One record per segment.
pub const SEGMENT_STRATEGIES: &str = "outputs/segment_strategies.json";
/// Churn probabilities at `as_of`.
pub const CHURN_SCORES: &str = "data/churn_scores.parquet";
/// Values at `as_of`.
pub const VALUE_SCORES: &str = "data/value_scores.parquet";
/// The table of scores: one row per acquired customer.
pub const CUSTOMER_SCORES: &str = "outputs/customer_scores.parquet";
/// The chosen offer of every customer.
pub const ALLOCATION: &str = "outputs/optimal_campaign_allocation.parquet";
/// One row per offer.
pub const OFFER_PLAN: &str = "outputs/offer_plan.csv";
/// The customers to contact, first things first.
pub const EXECUTION_PLAN: &str = "outputs/campaign_execution_plan.csv";
/// What the plan costs and earns, beside the baseline.
pub const OPTIMIZATION_METRICS: &str = "outputs/optimization_metrics.json";
/// The plan's net value at other budgets.
pub const BUDGET_SENSITIVITY: &str = "outputs/budget_sensitivity.csv";
/// Results of the checks.
pub const VALIDATION: &str = "validation.json";
/// The same as a page.
pub const VALIDATION_PAGE: &str = "validation.md";
/// How the lines are distributed, for the next run to compare with.
pub const PROFILE: &str = "data/profile.json";
/// Figures.
pub const FIGURES: &str = "figures";
/// The manifest.
pub const MANIFEST: &str = "manifest.json";
/// Times and other facts that differ from run to run.
pub const TIMINGS: &str = "timings.json";

/// What a run is made of and what it found: the same bytes for the same run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of tenure that wrote it.
    pub tenure: String,
    /// The effective parameters.
    pub parameters: Value,
    /// The source files: name, bytes and BLAKE3.
    pub inputs: Vec<FileFact>,
    /// Where the data start and end, and the instant of the decision.
    pub timeline: Option<Timeline>,
    /// What each stage found, by name.
    pub stages: BTreeMap<String, Value>,
    /// What the reader must know.
    pub warnings: BTreeMap<String, Vec<String>>,
    /// The files of the run: name, bytes and BLAKE3.
    pub artefacts: Vec<FileFact>,
}

/// A file and its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFact {
    /// File name, for artefacts relative to the run's folder.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// BLAKE3 of the content, hexadecimal.
    pub blake3: String,
}

impl FileFact {
    /// Reads a file's size and hash.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read.
    pub fn of(path: &Path, name: String) -> Result<Self> {
        let mut hasher = blake3::Hasher::new();
        let mut file = fs::File::open(path).map_err(Error::io(path))?;
        let bytes = std::io::copy(&mut file, &mut hasher).map_err(Error::io(path))?;
        Ok(Self { name, bytes, blake3: hasher.finalize().to_hex().to_string() })
    }
}

impl Manifest {
    /// What a stage recorded, read as `T`.
    ///
    /// # Errors
    /// [`Error::Missing`] when the stage has not run, [`Error::Corrupt`] when its record is of another form.
    pub fn stage<T: serde::de::DeserializeOwned>(&self, stage: Stage, out: &Path) -> Result<T> {
        let value = self.stages.get(stage.name()).ok_or_else(|| Error::Missing {
            artefact: format!("the record of stage {} in {MANIFEST}", stage.name()),
            out: out.to_path_buf(),
            stage: stage.name(),
        })?;
        T::deserialize(value).map_err(|e| Error::Corrupt { artefact: MANIFEST.to_owned(), problem: e.to_string() })
    }
}

/// The folder of a run while stages write to it.
#[derive(Debug)]
pub struct RunFolder {
    out: PathBuf,
    staging: tempfile::TempDir,
    /// The manifest as it stands, changed by the stages and written by [`RunFolder::publish`].
    pub manifest: Manifest,
    timings: BTreeMap<String, f64>,
    /// Artefacts of the run that was there.
    previous: Vec<FileFact>,
}

impl RunFolder {
    /// Opens the folder of a run, making it where there is none, with the manifest of the run that is there.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be made or written, [`Error::Corrupt`] when its manifest cannot be read.
    pub fn open(out: &Path) -> Result<Self> {
        fs::create_dir_all(out).map_err(Error::io(out))?;
        let staging = tempfile::Builder::new().prefix(".tenure-").tempdir_in(out).map_err(Error::io(out))?;
        let manifest: Manifest = read_json(&out.join(MANIFEST))?.unwrap_or_default();
        Ok(Self {
            out: out.to_path_buf(),
            staging,
            previous: manifest.artefacts.clone(),
            manifest,
            timings: read_json(&out.join(TIMINGS))?.unwrap_or_default(),
        })
    }

    /// The run's folder.
    #[must_use]
    pub fn out(&self) -> &Path {
        &self.out
    }

    /// Where the data start and end, and the instant of the decision.
    ///
    /// # Errors
    /// [`Error::Missing`] when the data have not been cleaned yet.
    pub fn timeline(&self) -> Result<Timeline> {
        self.manifest.timeline.ok_or_else(|| Error::Missing {
            artefact: format!("the timeline in {MANIFEST}"),
            out: self.out.clone(),
            stage: Stage::Clean.name(),
        })
    }

    /// Where to write an artefact: beside what is published. Its folder exists.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be made.
    pub fn write(&self, artefact: &str) -> Result<PathBuf> {
        let path = self.staging.path().join(artefact);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Error::io(parent))?;
        }
        Ok(path)
    }

    /// Where to read an artefact: what this run wrote, else what is published.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is neither; `stage` is the one that makes it.
    pub fn read(&self, artefact: &str, stage: Stage) -> Result<PathBuf> {
        let staged = self.staging.path().join(artefact);
        let published = self.out.join(artefact);
        [staged, published].into_iter().find(|p| p.exists()).ok_or_else(|| Error::Missing {
            artefact: artefact.to_owned(),
            out: self.out.clone(),
            stage: stage.name(),
        })
    }

    /// Takes artefacts of the run that was there over into this one: all of them, or none where one is unknown to its
    /// manifest or is no longer what the manifest says. Gives whether it did.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be read or linked.
    pub fn take_over(&self, artefacts: &[String]) -> Result<bool> {
        for artefact in artefacts {
            let path = self.out.join(artefact);
            let Some(known) = self.previous.iter().find(|fact| fact.name == *artefact) else { return Ok(false) };
            if !path.is_file() || FileFact::of(&path, artefact.clone())? != *known {
                return Ok(false);
            }
        }
        for artefact in artefacts {
            let (from, to) = (self.out.join(artefact), self.write(artefact)?);
            // Where the file system knows no links, the bytes are copied.
            if fs::hard_link(&from, &to).is_err() {
                fs::copy(&from, &to).map_err(Error::io(&from))?;
            }
        }
        Ok(true)
    }

    /// Writes a value as an indented JSON artefact.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written.
    pub fn write_json<T: Serialize>(&self, artefact: &str, value: &T) -> Result<()> {
        let path = self.write(artefact)?;
        let text = serde_json::to_string_pretty(value)
            .map_err(|e| Error::Corrupt { artefact: artefact.to_owned(), problem: e.to_string() })?;
        write_text(&path, &(text + "\n"))
    }

    /// Writes text as an artefact.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written.
    pub fn write_text(&self, artefact: &str, text: &str) -> Result<()> {
        write_text(&self.write(artefact)?, text)
    }

    /// Writes rows as a CSV artefact that a spreadsheet opens safely: no cell starts a formula.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written.
    pub fn write_csv(&self, artefact: &str, header: &[&str], rows: &[Vec<String>]) -> Result<()> {
        let path = self.write(artefact)?;
        let failed = |e: csv::Error| Error::Io { path: path.clone(), source: std::io::Error::other(e) };
        let mut writer = csv::Writer::from_path(&path).map_err(failed)?;
        writer.write_record(header).map_err(failed)?;
        for row in rows {
            writer.write_record(row.iter().map(|cell| spreadsheet_safe(cell))).map_err(failed)?;
        }
        writer.flush().map_err(Error::io(&path))
    }

    /// Records what a stage found and drops the records of the stages that rest on it.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the record cannot be written as JSON.
    pub fn record<T: Serialize>(&mut self, stage: Stage, facts: &T, warnings: Vec<String>) -> Result<()> {
        let value = serde_json::to_value(facts)
            .map_err(|e| Error::Corrupt { artefact: MANIFEST.to_owned(), problem: e.to_string() })?;
        for later in Stage::ALL.into_iter().filter(|s| *s > stage) {
            self.manifest.stages.remove(later.name());
            self.manifest.warnings.remove(later.name());
        }
        self.manifest.stages.insert(stage.name().to_owned(), value);
        if warnings.is_empty() {
            self.manifest.warnings.remove(stage.name());
        } else {
            self.manifest.warnings.insert(stage.name().to_owned(), warnings);
        }
        Ok(())
    }

    /// Records how long a stage took, in seconds.
    pub fn record_time(&mut self, stage: Stage, seconds: f64) {
        self.timings.insert(stage.name().to_owned(), (seconds * 1e4).round() / 1e4);
    }

    /// Publishes only the named files of what was written, and leaves all else as it was.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be moved.
    pub fn publish_only(&self, artefacts: &[&str]) -> Result<()> {
        for artefact in artefacts {
            let target = self.out.join(artefact);
            fs::rename(self.staging.path().join(artefact), &target).map_err(Error::io(&target))?;
        }
        Ok(())
    }

    /// Publishes what was written: every file takes its place by a rename, the manifest last.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be moved; files moved before stay, and the old manifest still names theirs.
    pub fn publish(mut self) -> Result<Manifest> {
        self.write_json(TIMINGS, &self.timings)?;
        let mut files = Vec::new();
        collect_files(self.staging.path(), &mut files)?;
        let relative =
            |path: &Path, root: &Path| path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
        let staged: Vec<(PathBuf, String)> = files
            .into_iter()
            .map(|f| {
                let name = relative(&f, self.staging.path());
                (f, name)
            })
            .collect();
        let folders: Vec<&str> = [TRANSACTIONS, UNPARSED, SOURCES, FEATURES, LABELS, FIGURES]
            .into_iter()
            .filter(|f| staged.iter().any(|(_, name)| name.starts_with(&format!("{f}/"))))
            .collect();
        let mut facts: BTreeMap<String, FileFact> = self
            .manifest
            .artefacts
            .drain(..)
            .filter(|fact| !folders.iter().any(|f| fact.name.starts_with(&format!("{f}/"))))
            .map(|fact| (fact.name.clone(), fact))
            .collect();
        for (path, name) in &staged {
            if name != TIMINGS {
                facts.insert(name.clone(), FileFact::of(path, name.clone())?);
            }
        }
        self.manifest.artefacts = facts.into_values().collect();
        for folder in folders {
            replace_folder(&self.staging.path().join(folder), &self.out.join(folder))?;
        }
        for (path, name) in &staged {
            if path.exists() {
                let target = self.out.join(name);
                if let Some(parent) = target.parent() {
                    fs::create_dir_all(parent).map_err(Error::io(parent))?;
                }
                fs::rename(path, &target).map_err(Error::io(&target))?;
            }
        }
        self.write_json(MANIFEST, &self.manifest)?;
        let target = self.out.join(MANIFEST);
        fs::rename(self.staging.path().join(MANIFEST), &target).map_err(Error::io(&target))?;
        // What the old manifest named and the new one does not would be taken for part of this run.
        for stale in self.previous.iter().filter(|old| self.manifest.artefacts.iter().all(|a| a.name != old.name)) {
            let path = self.out.join(&stale.name);
            match fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(&path)(e)),
                _ => {}
            }
        }
        Ok(self.manifest)
    }
}

/// Reads a JSON file; `None` when there is none.
///
/// # Errors
/// [`Error::Io`] when it cannot be read, [`Error::Corrupt`] when it is of another form.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| Error::Corrupt { artefact: path.display().to_string(), problem: e.to_string() }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io(path)(e)),
    }
}

/// A cell that a spreadsheet takes for text: what would start a formula gets an apostrophe in front (OWASP, CSV
/// injection). Plain numbers stay as they are.
fn spreadsheet_safe(cell: &str) -> String {
    let starts_formula = cell.trim_start().starts_with(['=', '+', '-', '@', '\t', '\r']);
    if starts_formula && cell.parse::<f64>().is_err() { format!("'{cell}") } else { cell.to_owned() }
}

fn write_text(path: &Path, text: &str) -> Result<()> {
    let mut file = fs::File::create(path).map_err(Error::io(path))?;
    file.write_all(text.as_bytes()).map_err(Error::io(path))?;
    file.sync_all().map_err(Error::io(path))
}

fn collect_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(Error::io(folder))?
        .map(|entry| entry.map(|e| e.path()).map_err(Error::io(folder)))
        .collect::<Result<_>>()?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            collect_files(&entry, files)?;
        } else {
            files.push(entry);
        }
    }
    Ok(())
}

/// Puts a new folder in the place of an old one, which goes only when the new one stands.
fn replace_folder(new: &Path, target: &Path) -> Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(Error::io(parent))?;
    }
    let old = target.with_extension("old");
    if old.exists() {
        fs::remove_dir_all(&old).map_err(Error::io(&old))?;
    }
    if target.exists() {
        fs::rename(target, &old).map_err(Error::io(target))?;
    }
    fs::rename(new, target).map_err(Error::io(target))?;
    if old.exists() {
        fs::remove_dir_all(&old).map_err(Error::io(&old))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nothing_appears_before_publication_and_all_of_it_after() {
        let dir = tempfile::tempdir().unwrap();
        let mut run = RunFolder::open(dir.path()).unwrap();
        run.write_text("outputs/a.txt", "one").unwrap();
        run.write_text("data/features/as_of=2011-01-01/part-0.parquet", "x").unwrap();
        run.record(Stage::Ingest, &serde_json::json!({"rows": 1}), vec![]).unwrap();
        assert!(!dir.path().join("outputs").exists());
        assert!(run.read("outputs/a.txt", Stage::Ingest).unwrap().exists());
        run.publish().unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("outputs/a.txt")).unwrap(), "one");
        let names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        assert!(!names.iter().any(|n| n.starts_with(".tenure-")), "{names:?}");

        let mut run = RunFolder::open(dir.path()).unwrap();
        assert_eq!(run.manifest.stages["ingest"]["rows"], 1);
        run.write_text("data/features/as_of=2011-02-01/part-0.parquet", "y").unwrap();
        run.record(Stage::Features, &serde_json::json!({}), vec!["w".into()]).unwrap();
        let manifest = run.publish().unwrap();
        assert!(!dir.path().join("data/features/as_of=2011-01-01").exists(), "the old snapshots are gone");
        assert_eq!(manifest.artefacts.iter().filter(|a| a.name.starts_with("data/features/")).count(), 1);
    }

    #[test]
    fn a_run_that_fails_leaves_no_trace() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunFolder::open(dir.path()).unwrap();
        run.write_text("outputs/a.txt", "one").unwrap();
        drop(run);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_missing_artefact_names_the_stage_that_makes_it() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunFolder::open(dir.path()).unwrap();
        let error = run.read(CLEANED, Stage::Clean).unwrap_err();
        assert!(error.hint().unwrap().contains("tenure clean"));
    }

    #[test]
    fn cells_start_no_formula() {
        assert_eq!(spreadsheet_safe("=1+1"), "'=1+1");
        assert_eq!(spreadsheet_safe(" @x"), "' @x");
        assert_eq!(spreadsheet_safe("-12.5"), "-12.5");
        assert_eq!(spreadsheet_safe("12346"), "12346");
    }
}

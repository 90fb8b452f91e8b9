//! The manifest: what a run is made of, what it found, and the hash of each of its files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::MANIFEST;
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::timeline::Timeline;

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
    /// What each stage was made from, by name: as long as that is the same, so is what it made.
    #[serde(default)]
    pub made: BTreeMap<String, Made>,
    /// The files of the run: name, bytes and BLAKE3.
    pub artefacts: Vec<FileFact>,
}

/// What a stage was made from, and the files that it made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// BLAKE3 of the settings that the stage sees, and of what it looked at outside the run.
    pub settings: String,
    /// BLAKE3 of each thing of the run that it read: artefacts by name, folders with a slash behind, records of the
    /// manifest in angle brackets.
    pub reads: BTreeMap<String, String>,
    /// The files it wrote.
    pub writes: Vec<String>,
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

    /// Whether the file at `path` is still the one that was hashed.
    ///
    /// # Errors
    /// [`Error::Io`] when it is there and cannot be read.
    pub(super) fn holds_for(&self, path: &Path) -> Result<bool> {
        Ok(path.is_file() && Self::of(path, self.name.clone())? == *self)
    }

    /// Refuses a file that is not the one that was hashed.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it differs, [`Error::Io`] when it cannot be read.
    pub(super) fn verify(&self, path: &Path) -> Result<()> {
        if self.holds_for(path)? {
            return Ok(());
        }
        let what = if path.exists() { "its bytes have changed since it was written" } else { "it is gone" };
        Err(Error::Corrupt { artefact: self.name.clone(), problem: what.to_owned() })
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

    /// What the stages before the report warn of, in their order.
    pub(super) fn warnings_before_report(&self) -> Vec<(Stage, &[String])> {
        let before = Stage::RUN.into_iter().filter(|stage| *stage < Stage::Report);
        before.filter_map(|stage| Some((stage, self.warnings.get(stage.name())?.as_slice()))).collect()
    }

    /// Where the data start and end, and the instant of the decision; `out` is the run's folder.
    ///
    /// # Errors
    /// [`Error::Missing`] when the data have not been cleaned yet.
    pub fn timeline_of(&self, out: &Path) -> Result<Timeline> {
        self.timeline.ok_or_else(|| Error::Missing {
            artefact: format!("the timeline in {MANIFEST}"),
            out: out.to_path_buf(),
            stage: Stage::Clean.name(),
        })
    }

    /// A file of the run by its name.
    #[must_use]
    pub fn artefact(&self, name: &str) -> Option<&FileFact> {
        self.artefacts.iter().find(|fact| fact.name == name)
    }

    /// The files under a folder of the run, or the one file of that name.
    pub(super) fn artefacts_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a FileFact> {
        self.artefacts.iter().filter(move |fact| is_in(&fact.name, name))
    }

    /// The stages of a run that were made from something that is no longer what it was, and those that were made from
    /// theirs, in order.
    #[must_use]
    pub fn out_of_date(&self) -> Vec<Stage> {
        let mut stale: Vec<Stage> = Vec::new();
        for stage in Stage::RUN {
            let Some(made) = self.made.get(stage.name()) else { continue };
            let comes_from = |thing: &str, other: &Stage| {
                record(*other) == thing
                    || self.made.get(other.name()).is_some_and(|made| made.writes.iter().any(|name| is_in(name, thing)))
            };
            let is_stale = made.reads.iter().any(|(thing, hash)| {
                self.hash_of(thing) != *hash || stale.iter().any(|other| comes_from(thing, other))
            });
            if is_stale {
                stale.push(stage);
            }
        }
        stale
    }

    /// The hash of something that a stage can read: a file or all files of a folder, by name; [`INPUTS`], [`TIMELINE`]
    /// or the [`record`] of a stage. A thing that is not there has a hash too.
    pub(super) fn hash_of(&self, thing: &str) -> String {
        let text = match thing {
            INPUTS => serde_json::to_string(&self.inputs),
            TIMELINE => serde_json::to_string(&self.timeline),
            WARNINGS => serde_json::to_string(&self.warnings_before_report()),
            name => match Stage::ALL.into_iter().find(|stage| record(*stage) == name) {
                Some(stage) => serde_json::to_string(&self.stages.get(stage.name())),
                None => serde_json::to_string(&self.artefacts_of(name).collect::<Vec<_>>()),
            },
        };
        blake3::hash(text.expect("text keys are JSON").as_bytes()).to_hex().to_string()
    }
}

/// Whether a file is the one of that name, or lies in the folder of that name.
fn is_in(file: &str, name: &str) -> bool {
    file.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The source files, as something that a stage reads.
pub(super) const INPUTS: &str = "<inputs>";
/// The timeline, as something that a stage reads.
pub(super) const TIMELINE: &str = "<timeline>";

/// What the stages before the report warn of, as something that a stage reads.
pub(super) const WARNINGS: &str = "<warnings>";

/// What a stage recorded, as something that another one reads.
pub(super) fn record(stage: Stage) -> String {
    format!("<{}>", stage.name())
}

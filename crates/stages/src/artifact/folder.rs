//! The folder of a run while stages write to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::layout::{Layout, files_under, keep_only, remove};
use super::manifest::{INPUTS, TIMELINE, WARNINGS, record};
use super::room::Room;
use super::write::write_json;
use super::{FileFact, MANIFEST, Made, Manifest, TIMINGS, read_json};
use crate::ctx::{Caller, Stage};
use crate::error::{Error, Result};
use crate::timeline::Timeline;

/// A run that is being made, beside the published one: what of it was made before is taken over where nothing that it
/// was made from has changed.
#[derive(Debug)]
pub struct RunFolder {
    out: PathBuf,
    layout: Layout,
    /// Where this run's files are written.
    work: PathBuf,
    manifest: Manifest,
    timings: Timings,
    /// Seconds of each stage when it was last computed, by any build.
    before: BTreeMap<String, f64>,
    /// Names of the files in `work` that belong to this run.
    mine: BTreeSet<String>,
    /// Whether one of them was not taken over.
    has_new: bool,
    /// What an interrupted process left in `work`, and what is published.
    known: Vec<Known>,
    room: Room,
    log: Mutex<Log>,
}

/// Facts that differ from run to run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Timings {
    /// The build of tenure that made the run: another one takes nothing over.
    build: String,
    /// Seconds of each stage when it was computed.
    seconds: BTreeMap<String, f64>,
}

/// A run that stages can be taken over from.
#[derive(Debug)]
struct Known {
    folder: PathBuf,
    manifest: Manifest,
}

/// What the stage at work has touched.
#[derive(Debug, Default)]
struct Log {
    reads: BTreeMap<String, String>,
    writes: BTreeSet<String>,
    adopted: BTreeMap<String, FileFact>,
    verified: BTreeSet<String>,
}

impl Known {
    fn read(folder: PathBuf, build: &str) -> Option<Self> {
        let timings: Timings = read_json(&folder.join(TIMINGS)).ok()??;
        let manifest: Manifest = read_json(&folder.join(MANIFEST)).ok()??;
        (timings.build == build).then_some(Self { folder, manifest })
    }
}

impl RunFolder {
    /// Opens the folder of a run, making it where there is none; nobody else can write to it until this is dropped.
    ///
    /// # Errors
    /// [`Error::Busy`] while another process makes a run there, [`Error::Input`] where something of the user's is in the
    /// way, [`Error::Io`] when the folder cannot be made or written.
    pub fn open(out: &Path, caller: &Caller) -> Result<Self> {
        let layout = Layout::lock(out, &caller.holder)?;
        let work = layout.next();
        let left = Known::read(work.clone(), &caller.build);
        let seconds =
            |folder: &Path| read_json::<Timings>(&folder.join(TIMINGS)).ok().flatten().unwrap_or_default().seconds;
        let mut before = layout.published().map(|folder| seconds(&folder)).unwrap_or_default();
        before.extend(seconds(&work));
        // What no finished stage accounts for was being written when the process ended.
        keep_only(&work, &|path| {
            let name = name_in(&work, path);
            let is_state = name == MANIFEST || name == TIMINGS;
            left.as_ref().is_some_and(|known| is_state || known.manifest.artefact(&name).is_some())
        })?;
        let published = layout.published().and_then(|folder| Known::read(folder, &caller.build));
        let size = |known: &Known| known.manifest.artefacts.iter().map(|fact| fact.bytes).sum();
        let room = Room { work: work.clone(), before: published.as_ref().map(size) };
        Ok(Self {
            out: out.to_path_buf(),
            layout,
            work,
            room,
            manifest: Manifest::default(),
            timings: Timings { build: caller.build.clone(), ..Timings::default() },
            before,
            mine: BTreeSet::new(),
            has_new: false,
            known: left.into_iter().chain(published).collect(),
            log: Mutex::default(),
        })
    }

    /// Begins a new run.
    pub fn begin(&mut self, fresh: Manifest) {
        self.manifest = fresh;
    }

    /// Goes on with the published run, if there is one.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when its manifest cannot be read.
    pub fn go_on(&mut self) -> Result<&mut Manifest> {
        if let Some(folder) = self.layout.published() {
            self.manifest = read_json(&folder.join(MANIFEST))?.unwrap_or_default();
            self.timings.seconds = read_json::<Timings>(&folder.join(TIMINGS))?.unwrap_or_default().seconds;
        }
        Ok(&mut self.manifest)
    }

    /// Takes nothing over from earlier runs.
    pub fn forget(&mut self) {
        self.known.clear();
    }

    /// How long a stage took when it was last computed in this folder, seconds.
    #[must_use]
    pub fn seconds_before(&self, stage: Stage) -> Option<f64> {
        self.before.get(stage.name()).copied()
    }

    /// What the reader must know of what a stage has recorded.
    #[must_use]
    pub fn warnings_of(&self, stage: Stage) -> &[String] {
        self.manifest.warnings.get(stage.name()).map_or(&[], Vec::as_slice)
    }

    /// The run's folder.
    #[must_use]
    pub fn out(&self) -> &Path {
        &self.out
    }

    /// The published run's file of that name, where there is one.
    #[must_use]
    pub fn published(&self, artefact: &str) -> Option<PathBuf> {
        self.layout.published().map(|folder| folder.join(artefact)).filter(|path| path.exists())
    }

    /// The source files.
    #[must_use]
    pub fn inputs(&self) -> &[FileFact] {
        self.note(INPUTS);
        &self.manifest.inputs
    }

    /// Records the source files.
    pub fn set_inputs(&mut self, inputs: Vec<FileFact>) {
        self.manifest.inputs = inputs;
    }

    /// Where the data start and end, and the instant of the decision.
    ///
    /// # Errors
    /// [`Error::Missing`] when the data have not been cleaned yet.
    pub fn timeline(&self) -> Result<Timeline> {
        self.note(TIMELINE);
        self.manifest.timeline_of(&self.out)
    }

    /// What the stages before the report warn of, in their order.
    #[must_use]
    pub fn warnings(&self) -> Vec<(Stage, &[String])> {
        self.note(WARNINGS);
        self.manifest.warnings_before_report()
    }

    /// Records where the data start and end, and the instant of the decision.
    pub fn set_timeline(&mut self, timeline: Timeline) {
        self.manifest.timeline = Some(timeline);
    }

    /// What an earlier stage recorded, read as `T`.
    ///
    /// # Errors
    /// As [`Manifest::stage`].
    pub fn record_of<T: serde::de::DeserializeOwned>(&self, stage: Stage) -> Result<T> {
        self.note(&record(stage));
        self.manifest.stage(stage, &self.out)
    }

    /// The same, and `None` where the stage has recorded nothing.
    ///
    /// # Errors
    /// As [`Manifest::stage`].
    pub fn standing<T: serde::de::DeserializeOwned>(&self, stage: Stage) -> Result<Option<T>> {
        self.note(&record(stage));
        self.manifest.stages.contains_key(stage.name()).then(|| self.manifest.stage(stage, &self.out)).transpose()
    }

    /// Where to write an artefact, a file or a folder of files; what stood there is gone and its folder exists.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be made or the old file not be removed.
    pub fn write(&self, artefact: &str) -> Result<PathBuf> {
        self.log().writes.insert(artefact.to_owned());
        self.place(artefact)
    }

    // The file of an earlier generation may be the same one by a link: it is removed, never written to.
    fn place(&self, artefact: &str) -> Result<PathBuf> {
        let path = self.work.join(artefact);
        if path.is_dir() {
            fs::remove_dir_all(&path).map_err(Error::io(&path))?;
        } else {
            remove(&path)?;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Error::io(parent))?;
        }
        Ok(path)
    }

    /// Where to read an artefact, a file or a folder of files: what this run wrote, else what is published, after its
    /// bytes were compared with the manifest's hashes.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is neither, `stage` is the one that makes it; [`Error::Corrupt`] when the published
    /// bytes are not those that were written.
    pub fn read(&self, artefact: &str, stage: Stage) -> Result<PathBuf> {
        if self.log().writes.contains(artefact) {
            return Ok(self.work.join(artefact));
        }
        self.note(artefact);
        let facts: Vec<&FileFact> = self.manifest.artefacts_of(artefact).collect();
        let Some(first) = facts.first() else {
            return Err(Error::Missing { artefact: artefact.to_owned(), out: self.out.clone(), stage: stage.name() });
        };
        if self.mine.contains(&first.name) {
            return Ok(self.work.join(artefact));
        }
        self.verify(artefact)?;
        Ok(self.layout.published().unwrap_or_default().join(artefact))
    }

    /// Compares the published files of an artefact with their hashes, each once.
    fn verify(&self, artefact: &str) -> Result<()> {
        let published = self.layout.published().unwrap_or_default();
        for fact in self.manifest.artefacts_of(artefact).filter(|fact| !self.mine.contains(&fact.name)) {
            if self.log().verified.insert(fact.name.clone()) {
                fact.verify(&published.join(&fact.name))?;
            }
        }
        Ok(())
    }

    fn note(&self, thing: &str) {
        let hash = self.manifest.hash_of(thing);
        self.log().reads.insert(thing.to_owned(), hash);
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes files of an earlier run over as the stage's own: all of them, or none where one is unknown or is no longer
    /// what its manifest says. Gives whether it did.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be read or linked.
    pub fn take_over(&self, artefacts: &[String]) -> Result<bool> {
        for known in &self.known {
            let facts: Option<Vec<&FileFact>> = artefacts.iter().map(|name| known.manifest.artefact(name)).collect();
            if let Some(facts) = facts
                && self.adopt(known, &facts)?
            {
                let mut log = self.log();
                log.writes.extend(artefacts.iter().cloned());
                log.adopted.extend(facts.into_iter().map(|fact| (fact.name.clone(), fact.clone())));
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn adopt(&self, known: &Known, facts: &[&FileFact]) -> Result<bool> {
        for fact in facts {
            if !fact.holds_for(&known.folder.join(&fact.name))? {
                return Ok(false);
            }
        }
        if known.folder != self.work {
            for fact in facts {
                self.link(&known.folder, &fact.name)?;
            }
        }
        Ok(true)
    }

    fn link(&self, folder: &Path, name: &str) -> Result<()> {
        let (from, to) = (folder.join(name), self.place(name)?);
        // Where the file system knows no links, the bytes are copied.
        if fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to).map_err(Error::io(&from))?;
        }
        Ok(())
    }

    /// Takes a stage over from an earlier run, with all that it made: where it had the same settings and read the same
    /// bytes. Gives whether it did.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be read or linked.
    pub fn take_over_stage(&mut self, stage: Stage, settings: &str) -> Result<bool> {
        let name = stage.name();
        for i in 0..self.known.len() {
            let known = &self.known[i];
            let Manifest { made, stages, warnings, timeline, .. } = &known.manifest;
            let (Some(made), Some(found)) = (made.get(name), stages.get(name)) else { continue };
            let is_same = made.settings == settings
                && made.reads.iter().all(|(thing, hash)| self.manifest.hash_of(thing) == *hash);
            if is_same {
                made.reads.keys().try_for_each(|thing| self.verify(thing))?;
            }
            let facts: Option<Vec<&FileFact>> = made.writes.iter().map(|name| known.manifest.artefact(name)).collect();
            let Some(facts) = facts.filter(|_| is_same) else { continue };
            if !self.adopt(known, &facts)? {
                continue;
            }
            let (made, found, facts) = (made.clone(), found.clone(), facts.into_iter().cloned().collect());
            let warnings = warnings.get(name).cloned().unwrap_or_default();
            if stage == Stage::Clean {
                self.manifest.timeline = *timeline;
            }
            // Where nothing is other than it was in this very run, what rests on it stands.
            let manifest = &self.manifest;
            if manifest.stages.get(name) != Some(&found) || manifest.made.get(name) != Some(&made) {
                self.enter(stage, found, warnings);
            }
            // It would take as long again: the next run may say how long is left.
            if let Some(seconds) = self.seconds_before(stage) {
                self.timings.seconds.insert(name.to_owned(), seconds);
            }
            self.own(stage, made, facts)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Keeps what a stage found in an earlier run with the files it made, whatever has changed since.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be read or linked.
    pub fn carry(&mut self, stage: Stage) -> Result<()> {
        let name = stage.name();
        for i in 0..self.known.len() {
            let known = &self.known[i];
            let Manifest { made, stages, .. } = &known.manifest;
            let (Some(made), Some(found)) = (made.get(name), stages.get(name)) else { continue };
            let facts: Option<Vec<&FileFact>> = made.writes.iter().map(|name| known.manifest.artefact(name)).collect();
            let Some(facts) = facts else { continue };
            if !self.adopt(known, &facts)? {
                continue;
            }
            let (made, found, facts) = (made.clone(), found.clone(), facts.into_iter().cloned().collect());
            self.manifest.stages.insert(name.to_owned(), found);
            return self.own(stage, made, facts);
        }
        Ok(())
    }

    /// Records what a stage found and drops the records of the stages that rest on it.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the record cannot be written as JSON.
    pub fn record<T: Serialize>(&mut self, stage: Stage, facts: &T, warnings: Vec<String>) -> Result<()> {
        let found = serde_json::to_value(facts)
            .map_err(|e| Error::Corrupt { artefact: MANIFEST.to_owned(), problem: e.to_string() })?;
        self.enter(stage, found, warnings);
        Ok(())
    }

    fn enter(&mut self, stage: Stage, found: serde_json::Value, warnings: Vec<String>) {
        // The contest of the models is about its own windows, whatever became of the run since, and an earlier plan has
        // nothing of a report; and nothing rests on what is no part of a run.
        let rests = |later: Stage| {
            let stands = later == Stage::Backtest || (stage, later) == (Stage::Report, Stage::Hindsight);
            Stage::RUN.contains(&stage) && later > stage && !stands
        };
        for later in Stage::ALL.into_iter().filter(|s| *s == stage || rests(*s)) {
            self.manifest.stages.remove(later.name());
            self.manifest.warnings.remove(later.name());
        }
        self.manifest.stages.insert(stage.name().to_owned(), found);
        if !warnings.is_empty() {
            self.manifest.warnings.insert(stage.name().to_owned(), warnings);
        }
    }

    /// Begins a stage: what is read and written from now on is its.
    pub fn begin_stage(&self) {
        let mut log = self.log();
        *log = Log { verified: std::mem::take(&mut log.verified), ..Log::default() };
    }

    /// Ends a stage that has succeeded: its files are hashed, and survive whatever becomes of the next stage.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be read or written.
    pub fn finish_stage(&mut self, stage: Stage, settings: String, seconds: f64) -> Result<()> {
        let Log { mut reads, writes, adopted, .. } = std::mem::take(&mut *self.log());
        let mut paths = Vec::new();
        for artefact in &writes {
            let path = self.work.join(artefact);
            if path.is_dir() {
                paths.extend(files_under(&path)?);
            } else if path.exists() {
                paths.push(path);
            }
        }
        let facts = paths
            .par_iter()
            .map(|path| {
                let name = name_in(&self.work, path);
                adopted.get(&name).map_or_else(|| FileFact::of(path, name), |fact| Ok(fact.clone()))
            })
            .collect::<Result<Vec<FileFact>>>()?;
        self.has_new |= facts.iter().any(|fact| !adopted.contains_key(&fact.name));
        reads.retain(|thing, _| !writes.contains(thing));
        let made = Made { settings, reads, writes: facts.iter().map(|fact| fact.name.clone()).collect() };
        self.timings.seconds.insert(stage.name().to_owned(), (seconds * 1e4).round() / 1e4);
        self.own(stage, made, facts)
    }

    /// Enters a stage's files in the manifest and saves it, so that a later process can go on from here.
    fn own(&mut self, stage: Stage, made: Made, facts: Vec<FileFact>) -> Result<()> {
        // What an interrupted run had made in this stage and this one has not would be read as part of its folders.
        let left = self.known.iter().filter(|known| known.folder == self.work);
        for name in left.filter_map(|known| known.manifest.made.get(stage.name())).flat_map(|made| &made.writes) {
            if !made.writes.contains(name) {
                remove(&self.work.join(name))?;
            }
        }
        let before = self.manifest.made.insert(stage.name().to_owned(), made).unwrap_or_default();
        self.manifest.artefacts.retain(|fact| !before.writes.contains(&fact.name));
        self.mine.extend(facts.iter().map(|fact| fact.name.clone()));
        self.manifest.artefacts.extend(facts);
        self.manifest.artefacts.sort_by(|a, b| a.name.cmp(&b.name));
        self.save()
    }

    // The manifest last: a file that it names is there.
    fn save(&self) -> Result<()> {
        write_json(&self.place(TIMINGS)?, &self.timings)?;
        let (new, path) = (self.work.join("manifest.new"), self.work.join(MANIFEST));
        write_json(&new, &self.manifest)?;
        fs::rename(&new, &path).map_err(Error::io(&path))
    }

    /// Removes what a stage that has failed was writing; gives the error, with the bytes that are needed where the disk
    /// is full.
    pub fn abandon_stage(&self, error: Error) -> Error {
        let error = self.room.explain(error);
        let writes = std::mem::take(&mut *self.log()).writes;
        for path in writes.into_iter().map(|artefact| self.work.join(artefact)) {
            // The next run removes what cannot be removed now.
            let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        }
        error
    }

    /// Publishes only the named files of what was written, and leaves all else as it was.
    ///
    /// # Errors
    /// As [`RunFolder::publish`].
    pub fn publish_only(mut self, stage: Stage, artefacts: &[&str]) -> Result<()> {
        let facts: Vec<FileFact> = artefacts.iter().filter_map(|name| self.manifest.artefact(name)).cloned().collect();
        self.manifest = Manifest::default();
        self.go_on()?.made.remove(stage.name());
        self.manifest.artefacts.retain(|old| facts.iter().all(|new| new.name != old.name));
        self.manifest.artefacts.extend(facts);
        self.manifest.artefacts.sort_by(|a, b| a.name.cmp(&b.name));
        self.mine = artefacts.iter().map(|&name| name.to_owned()).collect();
        self.publish().map(|_| ())
    }

    /// Publishes the run: all of it at once, in the place of the one before. A run that was taken over from the
    /// published one as a whole leaves that where it is.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be linked, removed or brought to the disk; what is published stays as it was.
    pub fn publish(self) -> Result<Manifest> {
        let room = self.room.clone();
        self.show().map_err(|error| room.explain(error))
    }

    fn show(self) -> Result<Manifest> {
        let mut foreign = Vec::new();
        if let Some(folder) = self.layout.published() {
            let published: Option<Manifest> = read_json(&folder.join(MANIFEST)).ok().flatten();
            if !self.has_new && published.as_ref() == Some(&self.manifest) {
                fs::remove_dir_all(&self.work).map_err(Error::io(&self.work))?;
                self.layout.clear();
                return Ok(self.manifest);
            }
            for fact in self.manifest.artefacts.iter().filter(|fact| !self.mine.contains(&fact.name)) {
                if !folder.join(&fact.name).exists() {
                    return Err(Error::Corrupt { artefact: fact.name.clone(), problem: "it is gone".to_owned() });
                }
                self.link(&folder, &fact.name)?;
            }
            foreign = self.foreign(&folder, published.as_ref())?;
            foreign.iter().try_for_each(|name| self.link(&folder, name))?;
        }
        keep_only(&self.work, &|path| {
            let name = name_in(&self.work, path);
            self.manifest.artefact(&name).is_some() || foreign.contains(&name)
        })?;
        self.save()?;
        self.layout.publish()?;
        Ok(self.manifest)
    }
}

impl RunFolder {
    /// Files that somebody has put among those of the published run: they stay where they are, as far as this run has
    /// nothing of that name.
    fn foreign(&self, folder: &Path, published: Option<&Manifest>) -> Result<Vec<String>> {
        let is_ours = |name: &str| {
            [MANIFEST, TIMINGS].contains(&name)
                || self.manifest.artefact(name).is_some()
                || published.is_none_or(|manifest| manifest.artefact(name).is_some())
        };
        let names = files_under(folder)?.into_iter().map(|path| name_in(folder, &path));
        Ok(names.filter(|name| !is_ours(name)).collect())
    }
}

/// What a file is called within a folder, with `/` between the parts.
fn name_in(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

//! Where a run lies on the disk, and how the next one takes its place.
//!
//! ```text
//! OUT/.tenure/run-7/     a generation: one whole run, never changed once it is published
//! OUT/.tenure/run-8/     the one that is being made; what is whole of it is taken up again after a crash
//! OUT/.tenure/current -> run-7
//! OUT/.tenure/lock       held by the process that is making a run
//! OUT/data -> .tenure/current/data, and so on for everything at the top of a run
//! ```
//!
//! Replacing `current` by a rename publishes everything at once: whoever resolves it sees one run, whole, however the
//! process that makes the next one ends. The generation before stays for readers that have begun with it.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{AUDIT, FIGURES, MANIFEST, REPORT, REPORT_JSON, REPORT_TEXT, TIMINGS, VALIDATION, VALIDATION_PAGE};
use crate::error::{Error, Result};

/// The folder that holds the generations.
pub(super) const HIDDEN: &str = ".tenure";
const CURRENT: &str = "current";
const LOCK: &str = "lock";
const PREFIX: &str = "run-";
/// What can stand at the top of a run.
const TOP: [&str; 12] = [
    "data",
    "models",
    "outputs",
    FIGURES,
    REPORT,
    REPORT_TEXT,
    REPORT_JSON,
    MANIFEST,
    TIMINGS,
    VALIDATION,
    VALIDATION_PAGE,
    AUDIT,
];

/// The generations of one run folder, locked against other writers as long as this lives.
#[derive(Debug)]
pub(super) struct Layout {
    out: PathBuf,
    published: Option<u64>,
    _lock: File,
}

impl Layout {
    /// Takes the run folder for writing, making it where there is none.
    ///
    /// # Errors
    /// [`Error::Busy`] while another process holds it, [`Error::Input`] where something of the user's stands in the
    /// place of an artefact, [`Error::Io`] when the folder cannot be made or written.
    pub(super) fn lock(out: &Path, holder: &str) -> Result<Self> {
        refuse_foreign(out)?;
        fs::create_dir_all(out.join(HIDDEN)).map_err(Error::io(out))?;
        let path = out.join(HIDDEN).join(LOCK);
        let mut lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::io(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).unwrap_or_default();
                return Err(Error::Busy { out: out.to_path_buf(), holder: holder.trim().to_owned() });
            }
            // A file system without locks: one's own care must do.
            Err(TryLockError::Error(e)) if e.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(e)) => return Err(Error::io(&path)(e)),
        }
        lock.set_len(0).and_then(|()| writeln!(lock, "{holder}")).map_err(Error::io(&path))?;
        Ok(Self { out: out.to_path_buf(), published: number_of(&current(out)), _lock: lock })
    }

    /// The published generation.
    pub(super) fn published(&self) -> Option<PathBuf> {
        self.published.map(|number| self.generation(number))
    }

    /// The generation that is being made.
    pub(super) fn next(&self) -> PathBuf {
        self.generation(self.published.unwrap_or(0) + 1)
    }

    fn generation(&self, number: u64) -> PathBuf {
        self.out.join(HIDDEN).join(format!("{PREFIX}{number}"))
    }

    /// Puts the generation that is being made in the place of the published one.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be brought to the disk or a link not be made; before the last rename nothing of
    /// what is published has changed.
    pub(super) fn publish(mut self) -> Result<()> {
        let next = self.next();
        bring_to_disk(&next)?;
        self.link_top(&next)?;
        let (link, place) = (self.out.join(HIDDEN).join("next"), current(&self.out));
        remove(&link)?;
        let name = next.file_name().unwrap_or_default();
        symlink(Path::new(name), &link).map_err(Error::io(&link))?;
        fs::rename(&link, &place).map_err(Error::io(&place))?;
        self.published = Some(self.published.unwrap_or(0) + 1);
        bring_folder_to_disk(&self.out.join(HIDDEN))?;
        self.clear();
        Ok(())
    }

    /// Links from the top of the run folder, for everything that the generation has there.
    fn link_top(&self, next: &Path) -> Result<()> {
        for name in TOP {
            let link = self.out.join(name);
            if next.join(name).exists() && fs::symlink_metadata(&link).is_err() {
                symlink(&Path::new(HIDDEN).join(CURRENT).join(name), &link).map_err(Error::io(&link))?;
            }
        }
        bring_folder_to_disk(&self.out)
    }

    /// Removes generations that nobody reads any more, and links to what the published one does not have. What cannot
    /// be removed now is tried again by the next run.
    pub(super) fn clear(&self) {
        for name in TOP {
            let link = self.out.join(name);
            if !link.exists() {
                let _ = fs::remove_file(&link);
            }
        }
        let Ok(entries) = fs::read_dir(self.out.join(HIDDEN)) else { return };
        let folders: Vec<(u64, PathBuf)> =
            entries.flatten().filter_map(|entry| Some((number_in(&entry.path())?, entry.path()))).collect();
        let before = folders.iter().map(|(number, _)| *number).filter(|number| Some(*number) < self.published).max();
        for (number, folder) in folders {
            let is_needed = Some(number) == self.published || Some(number) == before;
            // Whoever reads a generation holds its manifest (`Run`).
            let manifest = File::open(folder.join(MANIFEST));
            let is_read = manifest.as_ref().is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
            if !is_needed && !is_read {
                let _ = fs::remove_dir_all(&folder);
            }
        }
    }
}

/// The link to the published generation.
pub(super) fn current(out: &Path) -> PathBuf {
    out.join(HIDDEN).join(CURRENT)
}

fn number_of(link: &Path) -> Option<u64> {
    number_in(&fs::read_link(link).ok()?)
}

fn number_in(folder: &Path) -> Option<u64> {
    folder.file_name()?.to_str()?.strip_prefix(PREFIX)?.parse().ok()
}

/// Refuses a run folder where a file or folder of the user's stands in the place of an artefact.
fn refuse_foreign(out: &Path) -> Result<()> {
    for name in TOP {
        let path = out.join(name);
        let is_ours = fs::read_link(&path).is_ok_and(|target| target.starts_with(HIDDEN));
        if !is_ours && fs::symlink_metadata(&path).is_ok() {
            return Err(Error::Input {
                problem: format!("{} is in the way: it is not of a run of tenure", path.display()),
                place: Some(path.display().to_string()),
                cure: "choose another folder with --out, or move it away".to_owned(),
            });
        }
    }
    Ok(())
}

/// Removes a file or a link where there is one.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io(path)(e)),
        _ => Ok(()),
    }
}

/// All files under a folder, in order; a folder that is not there holds none.
pub(super) fn files_under(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(e) if e.kind() == ErrorKind::NotFound => continue,
            entries => entries.map_err(Error::io(&folder))?,
        };
        for entry in entries {
            let path = entry.map_err(Error::io(&folder))?.path();
            if path.is_dir() { open.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}

/// Removes every file under a folder that is not to be kept, and the folders that are empty then. Gives whether anything
/// is left.
pub(super) fn keep_only(folder: &Path, keep: &dyn Fn(&Path) -> bool) -> Result<bool> {
    let mut is_left = false;
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
        entries => entries.map_err(Error::io(folder))?,
    };
    for entry in entries {
        let path = entry.map_err(Error::io(folder))?.path();
        if !path.is_dir() {
            if keep(&path) { is_left = true } else { remove(&path)? }
        } else if keep_only(&path, keep)? {
            is_left = true;
        } else {
            fs::remove_dir(&path).map_err(Error::io(&path))?;
        }
    }
    Ok(is_left)
}

/// Waits until a folder's files and its entries are on the disk: a rename that survives a power cut must not show files
/// that did not.
fn bring_to_disk(folder: &Path) -> Result<()> {
    let files = files_under(folder)?;
    files.par_iter().try_for_each(|path| File::open(path).and_then(|f| f.sync_all()).map_err(Error::io(path)))?;
    let mut folders: Vec<&Path> = files.iter().filter_map(|file| file.parent()).collect();
    folders.dedup();
    folders.into_iter().try_for_each(bring_folder_to_disk)?;
    bring_folder_to_disk(folder)
}

/// Waits until the entries of a folder are on the disk.
fn bring_folder_to_disk(folder: &Path) -> Result<()> {
    // Only Unix opens folders as files.
    if cfg!(unix) { File::open(folder).and_then(|f| f.sync_all()).map_err(Error::io(folder)) } else { Ok(()) }
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> std::io::Result<()> {
    // What has an ending is a file: all artefacts at the top of a run follow that.
    match target.extension() {
        Some(_) => std::os::windows::fs::symlink_file(target, link),
        None => std::os::windows::fs::symlink_dir(target, link),
    }
}

//! A published run, as its readers see it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::layout::current;
use super::{MANIFEST, Manifest, read_json};
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::timeline::Timeline;

/// A published run: one generation, whole, that stays as it is while this lives, whatever is published meanwhile.
#[derive(Debug)]
pub struct Run {
    out: PathBuf,
    folder: PathBuf,
    /// What the run is made of and what it found.
    pub manifest: Manifest,
    // Locked so that nobody removes the generation while it is read.
    _held: File,
}

impl Run {
    /// Opens what is published in a run's folder.
    ///
    /// # Errors
    /// [`Error::Input`] when there is no run, [`Error::Corrupt`] when its manifest cannot be read, [`Error::Io`]
    /// otherwise.
    pub fn open(out: &Path) -> Result<Self> {
        let missing = || Error::Input {
            problem: format!("there is no run in {}", out.display()),
            place: None,
            cure: format!("make one with `tenure run FILE --out {}`, or name its folder with --out", out.display()),
        };
        // A generation may be replaced twice and removed between finding and holding it: then the next one is there.
        for _ in 0..16 {
            let Ok(folder) = fs::canonicalize(current(out)) else { return Err(missing()) };
            let path = folder.join(MANIFEST);
            let Ok(held) = File::open(&path) else { continue };
            // Where the file system knows no locks, the generation before stays for as long as one run takes.
            let _ = held.lock_shared();
            if let Some(manifest) = read_json(&path)? {
                return Ok(Self { out: out.to_path_buf(), folder, manifest, _held: held });
            }
        }
        Err(missing())
    }

    /// Where the data start and end, and the instant of the decision.
    ///
    /// # Errors
    /// [`Error::Missing`] when the data have not been cleaned yet.
    pub fn timeline(&self) -> Result<Timeline> {
        self.manifest.timeline_of(&self.out)
    }

    /// The folder of the generation: artefacts lie in it by their names.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where an artefact lies, where the run has it; its bytes are not looked at.
    #[must_use]
    pub fn place(&self, artefact: &str) -> Option<PathBuf> {
        self.manifest.artefacts_of(artefact).next().map(|_| self.folder.join(artefact))
    }

    /// Where an artefact lies, a file or a folder of files, after its bytes were compared with the manifest's hashes.
    ///
    /// # Errors
    /// [`Error::Missing`] when the run does not have it, `stage` is the one that makes it; [`Error::Corrupt`] when its
    /// bytes are not those that were written; [`Error::Io`] when it cannot be read.
    pub fn path(&self, artefact: &str, stage: Stage) -> Result<PathBuf> {
        for fact in self.manifest.artefacts_of(artefact) {
            fact.verify(&self.folder.join(&fact.name))?;
        }
        self.place(artefact).ok_or_else(|| Error::Missing {
            artefact: artefact.to_owned(),
            out: self.out.clone(),
            stage: stage.name(),
        })
    }
}

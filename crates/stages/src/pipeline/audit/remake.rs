//! A run made again from changed lines.

use std::path::Path;

use serde_json::Value;

use super::{Error, Result};
use crate::artifact::{self, Run, RunFolder};
use crate::config::Config;
use crate::ctx::{Ctx, Stage};
use crate::pipeline::{Job, begin};

/// Makes a run in `out` from other sources than those of `run`, with `config`, up to `last`, and publishes it. The
/// sources are a folder with [`LINES`] and, where the run has them, [`ATTRIBUTES`].
pub type Remake = dyn Fn(&Ctx<'_>, &Config, &Run, &Path, Stage, &Path) -> Result<()>;

/// The canonical lines, in the folder of the sources.
pub(super) const LINES: &str = "lines.parquet";
/// The customers' attributes, in the folder of the sources.
pub(super) const ATTRIBUTES: &str = "customers.parquet";

/// The stages as they are: makes a run as [`Remake`] says.
///
/// # Errors
/// As the stages.
pub fn remake(ctx: &Ctx<'_>, config: &Config, run: &Run, sources: &Path, last: Stage, out: &Path) -> Result<()> {
    let mut job = Job::open(ctx, config, &[], out)?;
    job.folder.begin(begin(config));
    ingest(&mut job.folder, run, sources)?;
    for stage in Stage::RUN.into_iter().filter(|stage| *stage > Stage::Validate && *stage <= last) {
        job.step(stage)?;
    }
    job.folder.publish().map(|_| ())
}

/// What ingestion would have left, had it read these sources.
fn ingest(folder: &mut RunFolder, run: &Run, sources: &Path) -> Result<()> {
    folder.begin_stage();
    let lines = format!("{}/part-0.parquet", artifact::TRANSACTIONS);
    for (source, artefact) in [(LINES, lines.as_str()), (ATTRIBUTES, artifact::CUSTOMERS)] {
        let from = sources.join(source);
        if from.exists() {
            let to = folder.write(artefact)?;
            std::fs::rename(from, &to).map_err(Error::io(&to))?;
        }
    }
    for file in run.manifest.artefacts.iter().filter(|file| file.name.starts_with(artifact::UNPARSED)) {
        let to = folder.write(&file.name)?;
        std::fs::copy(run.folder().join(&file.name), &to).map_err(Error::io(&to))?;
    }
    let found: Value = run.manifest.stage(Stage::Ingest, run.folder())?;
    folder.set_inputs(run.manifest.inputs.clone());
    folder.record(Stage::Ingest, &found, Vec::new())?;
    folder.finish_stage(Stage::Ingest, String::new(), 0.0)
}

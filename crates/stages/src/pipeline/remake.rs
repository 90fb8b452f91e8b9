//! A run made again from changed lines, or as it would have been at an earlier instant.

use std::path::Path;

use serde_json::Value;

use tenure_tables::engine::{self, Engine};
use tenure_tables::query;

use super::{Job, begin};
use crate::artifact::{self, Run, RunFolder};
use crate::config::Config;
use crate::ctx::{Ctx, Stage};
use crate::error::{Error, Result};
use crate::time::Instant;

/// Makes a run in `out` from other sources than those of `run`, with `config`, up to `last`, and publishes it. The
/// sources are a folder with [`LINES`] and, where the run has them, [`ATTRIBUTES`].
pub type Remake = dyn Fn(&Ctx<'_>, &Config, &Run, &Path, Stage, &Path) -> Result<()>;

/// The canonical lines, in the folder of the sources.
const LINES: &str = "lines.parquet";
/// The customers' attributes, in the folder of the sources.
const ATTRIBUTES: &str = "customers.parquet";

/// Registers the lines of a run, and its customers where it has them, for [`another_future`].
pub(super) fn register(engine: &Engine, run: &Run) -> Result<()> {
    engine.register("transactions", &run.path(artifact::TRANSACTIONS, Stage::Ingest)?)?;
    if run.place(artifact::CUSTOMERS).is_some() {
        engine.register("customers", &run.path(artifact::CUSTOMERS, Stage::Ingest)?)?;
    }
    Ok(())
}

/// Writes sources with another future behind `at` into the folder `sources`; `how` is a word of the query, and `deleted`
/// leaves what was known at the instant.
pub(super) fn another_future(
    config: &Config,
    engine: &Engine,
    run: &Run,
    at: Instant,
    how: &str,
    sources: &Path,
) -> Result<()> {
    std::fs::create_dir_all(sources).map_err(Error::io(sources))?;
    let params = [
        ("at", engine::Value::Instant(at.0)),
        ("how", engine::Value::Text(how.to_owned())),
        ("cancellation_prefix", engine::Value::Text(config.data.cancellation_prefix.clone())),
    ];
    engine.write(query::ANOTHER_FUTURE.sql, &params, &sources.join(LINES))?;
    if run.place(artifact::CUSTOMERS).is_some() {
        engine.write(query::ANOTHER_FUTURE_OF_CUSTOMERS.sql, &params[..2], &sources.join(ATTRIBUTES))?;
    }
    Ok(())
}

/// The stages as they are: makes a run as [`Remake`] says.
///
/// # Errors
/// As the stages.
pub fn remake(ctx: &Ctx<'_>, config: &Config, run: &Run, sources: &Path, last: Stage, out: &Path) -> Result<()> {
    made(ctx, config, run, sources, last, out)?.folder.publish().map(|_| ())
}

/// The same, before it is published.
pub(super) fn made<'a>(
    ctx: &'a Ctx<'a>,
    config: &'a Config,
    run: &Run,
    sources: &Path,
    last: Stage,
    out: &Path,
) -> Result<Job<'a>> {
    let mut job = Job::open(ctx, config, &[], out)?;
    job.folder.begin(begin(config));
    ingest(&mut job.folder, run, sources)?;
    for stage in again(last) {
        job.step(stage)?;
    }
    Ok(job)
}

/// The stages that are computed again up to `last`.
pub(super) fn again(last: Stage) -> impl Iterator<Item = Stage> {
    Stage::RUN.into_iter().filter(move |stage| *stage > Stage::Validate && *stage <= last)
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

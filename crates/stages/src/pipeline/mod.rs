//! The pipeline: the only room that sees all stages. It runs them in order on one folder and says what they found.

mod demo;
mod summarise;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tenure_tables::engine::{Engine, EngineConfig};

pub use demo::demo;

use crate::artifact::{self, Manifest, RunFolder};
use crate::config::Config;
use crate::ctx::{Ctx, Stage};
use crate::error::{Error, Result};
use crate::summary::Summary;
use crate::{allocate, churn, clean, features, ingest, report, segment, validate, value};

/// What a single stage did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageReport {
    /// The stage.
    pub stage: Stage,
    /// What came of it, in a sentence.
    pub sentence: String,
    /// What it recorded in the manifest.
    pub facts: Value,
    /// What the reader must know.
    pub warnings: Vec<String>,
}

/// Runs all stages on the files and publishes the outcome in `out`, whole or not at all.
///
/// # Errors
/// Any [`Error`]; what `out` held before stays as it was. Under `validate.strict` a failed check of level error ends
/// the run; then only the validation is published.
pub fn run(ctx: &Ctx<'_>, config: &Config, inputs: &[PathBuf], out: &Path) -> Result<Summary> {
    let engine = open(ctx, config)?;
    let mut folder = RunFolder::open(out)?;
    folder.manifest = Manifest { timeline: None, ..begin(config) };
    for stage in Stage::ALL {
        step(ctx, config, &engine, inputs, &mut folder, stage)?;
    }
    let manifest = folder.publish()?;
    summarise::summary(config, &manifest, out)
}

/// Runs one stage on what the earlier ones left in `out`.
///
/// # Errors
/// Any [`Error`]; [`Error::Missing`] names the stage that has to run first.
pub fn run_stage(ctx: &Ctx<'_>, config: &Config, stage: Stage, inputs: &[PathBuf], out: &Path) -> Result<StageReport> {
    let engine = open(ctx, config)?;
    let mut folder = RunFolder::open(out)?;
    let fresh = begin(config);
    folder.manifest.tenure = fresh.tenure;
    // Another plan on the same run is a question, not a new setting: the next one starts from the run's own again.
    if stage != Stage::Allocate || folder.manifest.parameters.is_null() {
        folder.manifest.parameters = fresh.parameters;
    }
    let sentence = step(ctx, config, &engine, inputs, &mut folder, stage)?;
    let manifest = folder.publish()?;
    let facts = manifest.stages.get(stage.name()).cloned().unwrap_or(Value::Null);
    let warnings = manifest.warnings.get(stage.name()).cloned().unwrap_or_default();
    Ok(StageReport { stage, sentence, facts, warnings })
}

fn open(ctx: &Ctx<'_>, config: &Config) -> Result<Engine> {
    let config = EngineConfig { threads: ctx.threads, memory_bytes: config.memory_bytes(), ..EngineConfig::default() };
    Ok(Engine::open(&config)?)
}

fn begin(config: &Config) -> Manifest {
    Manifest { tenure: env!("CARGO_PKG_VERSION").to_owned(), parameters: config.to_manifest(), ..Manifest::default() }
}

fn step(
    ctx: &Ctx<'_>,
    config: &Config,
    engine: &Engine,
    inputs: &[PathBuf],
    folder: &mut RunFolder,
    stage: Stage,
) -> Result<String> {
    ctx.progress.begin(stage);
    let start: Duration = (ctx.elapsed)();
    // All mathematics runs in one pool of the size that was lent; the engine has its own.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(ctx.threads)
        .build()
        .map_err(|e| Error::Io { path: folder.out().to_path_buf(), source: std::io::Error::other(e) })?;
    let sentence = pool.install(|| match stage {
        Stage::Ingest => ingest::run(config, engine, inputs, folder),
        Stage::Validate => checks(config, engine, folder),
        Stage::Clean => clean::run(config, engine, folder),
        Stage::Features => features::run(config, engine, folder),
        Stage::Segment => segment::run(config, engine, folder),
        Stage::Churn => churn::run(config, engine, folder),
        Stage::Value => value::run(config, engine, folder),
        Stage::Allocate => allocate::run(config, engine, folder),
        Stage::Report => report::run(config, engine, folder),
    })?;
    folder.record_time(stage, ((ctx.elapsed)() - start).as_secs_f64());
    ctx.progress.end(stage, &sentence);
    Ok(sentence)
}

/// The checks; under `strict` a failed one of level error ends the run, and only their outcome is published.
fn checks(config: &Config, engine: &Engine, folder: &mut RunFolder) -> Result<String> {
    let sentence = validate::run(config, engine, folder)?;
    let facts: validate::Facts = folder.manifest.stage(Stage::Validate, folder.out())?;
    if config.validate.strict && !facts.passed {
        folder.publish_only(&[artifact::VALIDATION, artifact::VALIDATION_PAGE])?;
        return Err(Error::Checks { failed: facts.failed_errors });
    }
    Ok(sentence)
}

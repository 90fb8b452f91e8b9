//! The pipeline: the only room that sees all stages. It runs them in order on one folder and says what they found.

mod alone;
pub mod audit;
mod backtest;
pub mod compare;
mod demo;
pub mod hindsight;
pub mod portrait;
mod remake;
mod score;
mod summarise;
mod trial;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tenure_tables::engine::{Engine, EngineConfig};

pub use alone::alone;
pub use demo::demo;
pub use score::{Scored, score};
pub use trial::trial;

use crate::artifact::{self, Manifest, Run, RunFolder};
use crate::config::Config;
use crate::ctx::{Ctx, Stage, Steps};
use crate::error::{Error, Result};
use crate::summary::Summary;
use crate::{allocate, churn, clean, features, ingest, permission, report, segment, validate, value};

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
    /// Stages of the run in the folder that were made from what this one has replaced, in order.
    pub out_of_date: Vec<Stage>,
}

/// Runs all stages on the files and publishes the outcome in `out`, whole or not at all. A stage whose settings and
/// sources are those of the last run is taken over from it.
///
/// # Errors
/// Any [`Error`]; what `out` held before stays as it was. Under `validate.strict` a failed check of level error ends
/// the run; then only the validation is published.
pub fn run(ctx: &Ctx<'_>, config: &Config, inputs: &[PathBuf], out: &Path) -> Result<Summary> {
    let mut job = Job::open(ctx, config, inputs, out)?;
    job.folder.begin(begin(config));
    job.folder.carry(Stage::Backtest)?;
    for stage in Stage::RUN {
        job.step(stage)?;
        job = job.refuse_failed_checks(stage)?;
    }
    let manifest = job.folder.publish()?;
    summarise::summary(config, &manifest, out)
}

/// Runs one stage on what the earlier ones left in `out`.
///
/// # Errors
/// Any [`Error`]; [`Error::Input`] where there is no run, [`Error::Missing`] names the stage that has to run first.
pub fn run_stage(ctx: &Ctx<'_>, config: &Config, stage: Stage, inputs: &[PathBuf], out: &Path) -> Result<StageReport> {
    if stage != Stage::Ingest {
        Run::open(out)?;
    }
    let mut job = Job::open(ctx, config, inputs, out)?;
    let fresh = begin(config);
    let manifest = job.folder.go_on()?;
    manifest.tenure = fresh.tenure;
    // Another plan on the same run is a question, not a new setting: the next one starts from the run's own again.
    if stage != Stage::Allocate || manifest.parameters.is_null() {
        manifest.parameters = fresh.parameters;
    }
    let sentence = job.step(stage)?;
    let manifest = job.refuse_failed_checks(stage)?.folder.publish()?;
    let facts = manifest.stages.get(stage.name()).cloned().unwrap_or(Value::Null);
    let warnings = manifest.warnings.get(stage.name()).cloned().unwrap_or_default();
    let out_of_date = manifest.out_of_date();
    Ok(StageReport { stage, sentence, facts, warnings, out_of_date })
}

fn begin(config: &Config) -> Manifest {
    Manifest { tenure: env!("CARGO_PKG_VERSION").to_owned(), parameters: config.to_manifest(), ..Manifest::default() }
}

fn engine(ctx: &Ctx<'_>, config: &Config) -> Result<Engine> {
    let (threads, batch_size) = (ctx.threads, ctx.batch_rows);
    Ok(Engine::open(&EngineConfig { threads, batch_size, memory_bytes: config.memory_bytes() })?)
}

/// Stages at work on one folder.
struct Job<'a> {
    ctx: &'a Ctx<'a>,
    config: &'a Config,
    inputs: &'a [PathBuf],
    engine: Engine,
    folder: RunFolder,
}

impl<'a> Job<'a> {
    fn open(ctx: &'a Ctx<'a>, config: &'a Config, inputs: &'a [PathBuf], out: &Path) -> Result<Self> {
        // A map that leaves customers without a segment is told before minutes of work and not after them.
        segment::map_of(config)?;
        let engine = engine(ctx, config)?;
        let mut folder = RunFolder::open(out, ctx.caller)?;
        if !ctx.reuse {
            folder.forget();
        }
        Ok(Self { ctx, config, inputs, engine, folder })
    }

    /// Runs a stage, or takes it over; the sentence says what came of it.
    fn step(&mut self, stage: Stage) -> Result<String> {
        self.ctx.progress.begin(stage, self.folder.seconds_before(stage));
        let start: Duration = (self.ctx.elapsed)();
        let sentence = self.make(stage, start).map_err(|error| self.folder.abandon_stage(error))?;
        self.folder.warnings_of(stage).iter().for_each(|warning| self.ctx.progress.warn(stage, warning));
        self.ctx.progress.end(stage, &sentence);
        Ok(sentence)
    }

    fn make(&mut self, stage: Stage, start: Duration) -> Result<String> {
        let config = self.config.only(sections(stage));
        let settings = settings(&config, stage, &self.folder)?;
        // Ingestion asks file by file what is new, and a verdict is never repeated, only reached again.
        let asks = ![Stage::Ingest, Stage::Backtest, Stage::Hindsight, Stage::Audit].contains(&stage);
        if asks && self.folder.take_over_stage(stage, &settings)? {
            return Ok("nothing has changed: taken over from the last run".to_owned());
        }
        self.folder.begin_stage();
        let sentence = self.compute(stage, &config)?;
        let seconds = ((self.ctx.elapsed)() - start).as_secs_f64();
        self.folder.finish_stage(stage, settings, seconds)?;
        Ok(sentence)
    }

    fn compute(&mut self, stage: Stage, config: &Config) -> Result<String> {
        // All mathematics runs in one pool of the size that was lent; the engine has its own.
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.ctx.threads)
            .build()
            .map_err(|e| Error::Io { path: self.folder.out().to_path_buf(), source: std::io::Error::other(e) })?;
        let Self { ctx, inputs, engine, folder, .. } = self;
        let steps = &Steps::new(ctx.progress, stage);
        pool.install(|| match stage {
            Stage::Ingest => ingest::run(config, engine, inputs, folder, steps),
            Stage::Validate => validate::run(config, engine, folder),
            Stage::Clean => clean::run(config, engine, folder),
            Stage::Features => features::run(config, engine, folder, steps),
            Stage::Segment => segment::run(config, engine, folder),
            Stage::Churn => churn::run(config, engine, folder, steps),
            Stage::Value => value::run(config, engine, folder, steps),
            Stage::Allocate => allocate::run(config, engine, folder, steps),
            Stage::Report => report::run(config, engine, folder, steps),
            Stage::Backtest => backtest::run(config, engine, folder, steps),
            Stage::Hindsight => hindsight::run(ctx, config, engine, folder, steps),
            Stage::Audit => audit::run(ctx, config, folder),
        })
    }

    /// Under `strict` a failed check of level error ends the run, and only the outcome of the checks is published.
    fn refuse_failed_checks(self, stage: Stage) -> Result<Self> {
        if stage != Stage::Validate || !self.config.validate.strict {
            return Ok(self);
        }
        let facts: validate::Facts = self.folder.record_of(Stage::Validate)?;
        if facts.passed {
            return Ok(self);
        }
        self.folder.publish_only(Stage::Validate, &[artifact::VALIDATION, artifact::VALIDATION_PAGE])?;
        Err(Error::Checks { failed: facts.failed_errors })
    }
}

/// The settings that a stage sees: all others have their defaults there, so that it cannot depend on them.
fn sections(stage: Stage) -> &'static [&'static str] {
    match stage {
        Stage::Ingest => &["data", "customers"],
        Stage::Validate => &["data", "validate", "snapshots.as_of"],
        Stage::Clean => &["run.seed", "data", "clean", "snapshots.as_of", "validate.freshness_days"],
        Stage::Features => &["snapshots", "churn.horizon_days", "value.horizon_days"],
        Stage::Segment => &["run.seed", "segments", "churn.horizon_days"],
        Stage::Churn => {
            &["run.seed", "data.currency", "snapshots", "churn", "features", "boosting", "report.bootstrap_replicates"]
        }
        Stage::Value => &[
            "run.seed",
            "data.currency",
            "snapshots",
            "value",
            "churn.horizon_days",
            "features",
            "boosting",
            "report.bootstrap_replicates",
        ],
        Stage::Allocate => &["run.seed", "offers", "constraints", "churn.horizon_days", "value.horizon_days"],
        Stage::Backtest => &[
            "run.seed",
            "snapshots",
            "churn",
            "value",
            "features",
            "boosting",
            "backtest",
            "report.bootstrap_replicates",
        ],
        Stage::Hindsight | Stage::Audit => &[
            "run.seed",
            "data",
            "customers",
            "snapshots",
            "validate",
            "clean",
            "segments",
            "churn",
            "value",
            "features",
            "boosting",
            "offers",
            "constraints",
            "report",
        ],
        Stage::Report => &[
            "run.seed",
            "report",
            "data.currency",
            "churn.horizon_days",
            "churn.population",
            "churn.active_days",
            "value.horizon_days",
        ],
    }
}

/// The hash of all that a stage depends on beside what it reads of the run.
fn settings(config: &Config, stage: Stage, folder: &RunFolder) -> Result<String> {
    let around = match stage {
        Stage::Validate => validate::surroundings(config, folder)?,
        Stage::Allocate => permission::surroundings(config)?,
        _ => String::new(),
    };
    let all = format!("{}\n{}\n{}\n{around}", env!("CARGO_PKG_VERSION"), stage.name(), config.to_manifest());
    Ok(blake3::hash(all.as_bytes()).to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_reaches_a_stage_but_those_that_bear_on_no_result() {
        let config = Config::default().to_manifest();
        let mut unseen = Vec::new();
        for (section, keys) in config.as_object().expect("sections") {
            for key in keys.as_object().expect("keys").keys() {
                let name = format!("{section}.{key}");
                if !Stage::ALL.iter().any(|stage| sections(*stage).iter().any(|seen| seen == section || *seen == name))
                {
                    unseen.push(name);
                }
            }
        }
        assert_eq!(unseen, Vec::<String>::new());
    }

    #[test]
    fn a_stage_sees_its_settings_and_the_defaults_of_all_others() {
        let mut config = Config::default();
        config.churn.beta = 1.0;
        config.churn.horizon_days = 30;
        config.constraints.budget = Some(5.0);
        let seen = config.only(sections(Stage::Features));
        assert_eq!((seen.churn.horizon_days, seen.churn.beta), (30, Config::default().churn.beta));
        assert_eq!(seen.constraints, Config::default().constraints);
        assert_eq!(config.only(sections(Stage::Allocate)).constraints.budget, Some(5.0));
    }
}

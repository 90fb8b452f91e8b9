//! The stages one by one, each on the folder that the one before has left.

use std::path::{Path, PathBuf};
use std::time::Instant;

use tenure_stages::artifact::Run;
use tenure_stages::config::{ChurnModel, Config, Overrides};
use tenure_stages::ctx::Stage;
use tenure_stages::{allocate, features, ingest, pipeline, segment};

use super::settings::{
    ChurnHorizon, Common, Decision, Planning, Reading, Segmenting, Strictness, ValueHorizon, refused, words,
};
use crate::error::Error;
use crate::ui;

/// Stage 1: read files of transactions into the canonical table.
///
/// Columns are found by name, or mapped in [data.columns] of the configuration. A further run on the
/// same folder reads only the files that are new or have changed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenure ingest sales.csv --dry-run                          see how the file is understood, read nothing
  tenure ingest sales_2010.csv sales_2011.csv --out shop     several files are one source
  tenure ingest sales/ --date-order dmy --out shop           every table in a folder")]
pub(crate) struct Ingest {
    /// Files of transactions, folders of them, or patterns: CSV (also gzipped), XLSX or Parquet.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Show how each file would be read, its columns, dates and first rows, and read nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    reading: Reading,
}

/// Stage 2: check the table in eight categories, and write validation.json.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  tenure validate --out shop --strict")]
pub(crate) struct Validate {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    strictness: Strictness,
}

/// Stage 3: set aside what cannot be used, and say why; every row is kept or quarantined.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  tenure clean --out shop --as-of 2011-06-01")]
pub(crate) struct Clean {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    decision: Decision,
}

/// Stage 4: compute features and labels at every snapshot, strictly from what came before it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenure features --out shop --churn-days 60
  tenure features --out shop --describe            coverage, spread and drift of what is there")]
pub(crate) struct Features {
    /// Compute nothing: show coverage, spread and drift of the features that the run has.
    #[arg(long, conflicts_with_all = ["config", "seed", "churn_days", "value_days"])]
    describe: bool,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    churn: ChurnHorizon,
    #[command(flatten)]
    value: ValueHorizon,
}

/// Stage 5: score RFM, name segments, follow customers between them, find clusters and unusual customers.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenure segment --out shop
  tenure segment --out shop --map eleven --rfm-ties first --k 5
  tenure segment --out shop --score new_customers.parquet --to scored.csv")]
pub(crate) struct Segment {
    /// Compute nothing anew: give the customers of a table of features (CSV or Parquet) the segments and clusters of
    /// the run's saved model.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "seed", "threads", "map", "rfm_ties", "clusters", "k"])]
    score: Option<PathBuf>,
    /// Where the scored customers go, .csv or .parquet [default: FILE_segments.parquet in the current folder].
    #[arg(long, value_name = "FILE", requires = "score")]
    to: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    segmenting: Segmenting,
}

/// Stage 6: estimate each customer's probability of leaving, and test it on later data.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenure churn --out shop
  tenure churn --out shop --model logistic
  tenure churn --out shop --score new_customers.parquet --to churn.csv")]
pub(crate) struct Churn {
    /// Model to use [default: the champion of `tenure backtest`, else pooled].
    #[arg(long, value_name = "MODEL", value_parser = words(&[&["auto"], ChurnModel::WORDS]))]
    model: Option<String>,
    /// Compute nothing anew: score the customers of a table of features (CSV or Parquet) by the run's saved model.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "seed", "threads", "model"])]
    score: Option<PathBuf>,
    /// Where the scores go, .csv or .parquet [default: named after FILE and the stage, in the current folder].
    #[arg(long, value_name = "FILE", requires = "score")]
    to: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    horizon: ChurnHorizon,
}

/// Stage 8: choose an offer for each customer under the budget, with a certificate in money.
///
/// What no flag sets is as the run in the folder had it; flags hold for this plan only. The table of scores keeps the
/// offers of the plan before until `tenure report`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenure allocate --out shop --budget 5000 --cap Premium=10%
  tenure allocate --out shop --method exact --risk cvar:0.1
  tenure allocate --diff shop shop_of_may")]
pub(crate) struct Allocate {
    /// Make no plan: show what changed from the plan of one run to that of another.
    #[arg(long, num_args = 2, value_names = ["RUN_A", "RUN_B"])]
    diff: Option<Vec<PathBuf>>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    planning: Planning,
}

/// Stage 9: write the table of scores, draw the figures and write the report.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenure report --out shop
  tenure report --compare shop shop_of_may")]
pub(crate) struct Report {
    /// Make no report: show what changed from one run to another in data, settings, segments, models and plan, and why.
    #[arg(long, num_args = 2, value_names = ["RUN_A", "RUN_B"])]
    compare: Option<Vec<PathBuf>>,
    #[command(flatten)]
    common: Common,
}

impl Ingest {
    pub(crate) fn run(self, start: Instant) -> Result<(), Error> {
        let config = self.common.fresh(&self.reading.lay_over(self.common.overrides()))?;
        if self.dry_run {
            return ui::show_preview(&ingest::preview(&config, &self.files)?, self.common.world.format);
        }
        run(&self.common, &config, start, Stage::Ingest, &self.files)
    }
}

impl Validate {
    pub(crate) fn run(self, start: Instant) -> Result<(), Error> {
        let config = self.common.continued(&self.strictness.lay_over(self.common.overrides()))?;
        run(&self.common, &config, start, Stage::Validate, &[])
    }
}

impl Clean {
    pub(crate) fn run(self, start: Instant) -> Result<(), Error> {
        let config = self.common.continued(&self.decision.lay_over(self.common.overrides()))?;
        run(&self.common, &config, start, Stage::Clean, &[])
    }
}

impl Features {
    pub(crate) fn run(self, start: Instant) -> Result<(), Error> {
        if self.describe {
            return ui::show_features(&features::describe(&Run::open(&self.common.out)?)?, self.common.world.format);
        }
        let config = self.common.continued(&self.churn.lay_over(self.value.lay_over(self.common.overrides())))?;
        run(&self.common, &config, start, Stage::Features, &[])
    }
}

impl Segment {
    pub(crate) fn run(self, start: Instant) -> Result<(), Error> {
        if let Some(file) = &self.score {
            let to = self.to.unwrap_or_else(|| {
                let stem = file.file_stem().unwrap_or_default().to_string_lossy();
                PathBuf::from(format!("{stem}_segments.parquet"))
            });
            let scored = segment::score(&Run::open(&self.common.out)?, file, &to)?;
            return ui::show_scored(&scored, self.common.world.format);
        }
        refuse_to(self.to.as_deref())?;
        let config = self.common.continued(&self.segmenting.lay_over(self.common.overrides()))?;
        run(&self.common, &config, start, Stage::Segment, &[])
    }
}

/// Refuses a place for scores where nothing is scored. clap asks for `--score` too, except beside an argument that is in
/// conflict with it.
pub(super) fn refuse_to(to: Option<&Path>) -> Result<(), Error> {
    match to {
        None => Ok(()),
        Some(_) => Err(refused(
            "--to",
            "says where scores go, and nothing is scored",
            "name the table to score with --score FILE, or leave it out: a stage writes into the run's folder",
        )),
    }
}

/// Scores a table by the model that the run has saved of a stage; the scores are named after both unless `to` is given.
pub(super) fn score(common: &Common, stage: Stage, file: &Path, to: Option<PathBuf>) -> Result<(), Error> {
    let to = to.unwrap_or_else(|| {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        PathBuf::from(format!("{stem}_{}.parquet", stage.name()))
    });
    ui::show_forecast(&pipeline::score(&Run::open(&common.out)?, stage, file, &to)?, common.world.format)
}

impl Churn {
    pub(crate) fn run(self, start: Instant) -> Result<(), Error> {
        if let Some(file) = &self.score {
            self.horizon.refuse_with_score()?;
            return score(&self.common, Stage::Churn, file, self.to);
        }
        refuse_to(self.to.as_deref())?;
        let overrides = Overrides { churn_model: self.model, ..self.common.overrides() };
        let config = self.common.continued(&self.horizon.lay_over(overrides))?;
        run(&self.common, &config, start, Stage::Churn, &[])
    }
}

impl Allocate {
    pub(crate) fn run(self, start: Instant) -> Result<(), Error> {
        if let Some([a, b]) = self.diff.as_deref() {
            return ui::show_diff(&allocate::diff::diff(a, b)?, self.common.world.format);
        }
        let config = self.common.continued(&self.planning.lay_over(self.common.overrides()))?;
        run(&self.common, &config, start, Stage::Allocate, &[])
    }
}

impl Report {
    pub(crate) fn run(self, start: Instant) -> Result<(), Error> {
        if let Some([a, b]) = self.compare.as_deref() {
            return ui::show_comparison(&pipeline::compare::compare(a, b)?, self.common.world.format);
        }
        let config = self.common.continued(&self.common.overrides())?;
        run(&self.common, &config, start, Stage::Report, &[])
    }
}

pub(super) fn run(
    common: &Common,
    config: &Config,
    start: Instant,
    stage: Stage,
    files: &[PathBuf],
) -> Result<(), Error> {
    let report = common.in_world(config, start, |ctx| pipeline::run_stage(ctx, config, stage, files, &common.out))?;
    ui::show_stage(&report, common.world.format)
}

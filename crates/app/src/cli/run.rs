//! `tenure run`

use std::path::PathBuf;
use std::time::Instant;

use tenure_stages::pipeline;

use super::settings::{ChurnHorizon, Common, Decision, Planning, Reading, Segmenting, Strictness, ValueHorizon};
use crate::error::Error;
use crate::ui;

/// Do the whole job: transactions in; segments, churn, value and a plan under a budget out.
///
/// Reads CSV (also gzipped), XLSX and Parquet; columns are found by name. Only a customer and a time are needed, and an
/// amount (or quantity and price) wherever money is meant. The outputs of an earlier run in the same folder stay whole
/// if this one fails.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenure run online_retail_II.xlsx --out retail --budget 5000
  tenure run sales.csv --offers coupons --cap Coupon20=5% --as-of 2011-06-01
  tenure run sales.parquet --format json > summary.json")]
pub(crate) struct Args {
    /// Files of transactions; several are read as one table.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    decision: Decision,
    #[command(flatten)]
    planning: Planning,
    #[command(flatten)]
    churn: ChurnHorizon,
    #[command(flatten)]
    value: ValueHorizon,
    #[command(flatten)]
    segmenting: Segmenting,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    strictness: Strictness,
}

impl Args {
    pub(crate) fn run(self, start: Instant) -> Result<(), Error> {
        let Self { files, common, decision, planning, churn, value, segmenting, reading, strictness } = self;
        let overrides = decision
            .lay_over(planning.lay_over(churn.lay_over(value.lay_over(segmenting.lay_over(common.overrides())))));
        let config = common.fresh(&reading.lay_over(strictness.lay_over(overrides)))?;
        let summary = common.in_world(&config, start, |ctx| pipeline::run(ctx, &config, &files, &common.out))?;
        ui::show_summary(&summary, common.world.format)
    }
}

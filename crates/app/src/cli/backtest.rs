//! `tenure backtest`

use std::time::Instant;

use tenure_stages::config::Overrides;
use tenure_stages::contest::Backtest;
use tenure_stages::ctx::Stage;
use tenure_stages::pipeline::{self, hindsight};

use super::settings::Common;
use crate::error::Error;
use crate::ui;

/// Let every model forecast windows that have closed since, and choose the one to use.
///
/// Each candidate for churn and value is fitted, calibrated and judged at several past instants, each as if it were the
/// last day known. The simplest model that cannot be told from the best becomes the champion: runs that follow in the
/// same folder use it, unless [churn] model or [value] model names another. outputs/backtest.csv holds every figure.
///
/// With --plan it is the plan that is judged: made anew for the latest instant whose future is known, from what was known
/// by then, beside common rules with the same budget on the same customers (outputs/plan_backtest.csv). What counts is
/// what those who truly left had spent before. It measures whom a plan reaches, not what an offer changes in them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenure backtest --out shop                 after `tenure run`; then `tenure run` again uses the champions
  tenure backtest --out shop --origins 8     more windows
  tenure backtest --out shop --plan          an earlier plan beside what customers did")]
pub(crate) struct Args {
    /// Closed windows before the test window that decide [default: 4].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    origins: Option<i64>,
    /// Judge the plan instead of the models.
    #[arg(long, conflicts_with = "origins")]
    plan: bool,
    #[command(flatten)]
    common: Common,
}

impl Args {
    pub(crate) fn run(self, start: Instant) -> Result<(), Error> {
        let Self { origins, plan, common } = self;
        let config = common.continued(&Overrides { origins, ..common.overrides() })?;
        let stage = if plan { Stage::Hindsight } else { Stage::Backtest };
        let report =
            common.in_world(&config, start, |ctx| pipeline::run_stage(ctx, &config, stage, &[], &common.out))?;
        if plan {
            let found: hindsight::Outcomes =
                serde_json::from_value(report.facts.clone()).expect("what hindsight has just recorded");
            return ui::show_hindsight(&report, &found, common.world.format);
        }
        let facts: Backtest =
            serde_json::from_value(report.facts.clone()).expect("what the backtest has just recorded");
        ui::show_backtest(&report, &facts, common.world.format)
    }
}

//! `tenure demo`

use std::time::Instant;

use tenure_stages::pipeline;

use super::settings::{ChurnHorizon, Common, Planning, ValueHorizon};
use crate::error::Error;
use crate::ui;

/// Do the whole job on a generated retailer whose truth is known, and compare the plan with the truth.
///
/// The retailer has thousands of customers, seasons, returns and dirty rows; who would truly leave, what each is truly
/// worth and what each offer truly does are kept apart, and judge the plan at the end. A ./tenure.toml is left unread.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenure demo
  tenure demo --seed 7 --budget 2000 --offers coupons --out demo-coupons")]
pub(crate) struct Args {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    planning: Planning,
    #[command(flatten)]
    churn: ChurnHorizon,
    #[command(flatten)]
    value: ValueHorizon,
}

impl Args {
    pub(crate) fn run(self, start: Instant) -> Result<(), Error> {
        let Self { common, planning, churn, value } = self;
        let config = common.built_in(&planning.lay_over(churn.lay_over(value.lay_over(common.overrides()))))?;
        let summary = common.in_world(&config, start, |ctx| pipeline::demo(ctx, &config, &common.out))?;
        ui::show_summary(&summary, common.format)
    }
}

//! `tenure demo`

use std::time::Instant;

use tenure_stages::pipeline;
use tenure_stages::world::{Params, Persuasion};

use super::generate::Retailer;
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
  tenure demo --seed 7 --budget 2000 --offers coupons --out demo-coupons
  tenure demo --shop grocery --rates assumed")]
pub(crate) struct Args {
    #[command(flatten)]
    world: Retailer,
    /// How customers respond to offers: varied = as people do, a few worse for it; assumed = just as the plan assumes.
    #[arg(long, value_enum, default_value_t = Rates::Varied)]
    rates: Rates,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    planning: Planning,
    #[command(flatten)]
    churn: ChurnHorizon,
    #[command(flatten)]
    value: ValueHorizon,
}

/// How the generated customers respond.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Rates {
    Varied,
    Assumed,
}

impl Args {
    pub(crate) fn run(self, start: Instant) -> Result<(), Error> {
        let Self { world, rates, common, planning, churn, value } = self;
        let config = common.world.built_in(&planning.lay_over(churn.lay_over(value.lay_over(common.overrides()))))?;
        let persuasion = match rates {
            Rates::Varied => Persuasion::default(),
            Rates::Assumed => Persuasion::as_assumed(config.offers.winback),
        };
        let params = Params { persuasion, ..world.params(config.run.seed) };
        let summary = common.in_world(&config, start, |ctx| pipeline::demo(ctx, &config, &params, &common.out))?;
        ui::show_summary(&summary, common.world.format)
    }
}

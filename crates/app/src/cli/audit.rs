//! `tenure audit`

use std::time::Instant;

use tenure_stages::ctx::Stage;
use tenure_stages::pipeline::{self, audit};

use super::settings::Common;
use crate::error::Error;
use crate::ui;

/// Prove on your own run that nothing it says of an instant was learnt after it.
///
/// The future is deleted, dealt out to other customers, multiplied, renamed and returned in the raw lines, everything is
/// computed again, and every feature, label and model of the time before must be the same to the bit. Labels, windows
/// and customers are held against the rules of time. Ends with exit code 1 where something fails; audit.json in the
/// run's folder holds every finding.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  tenure audit --out shop")]
pub(crate) struct Args {
    #[command(flatten)]
    common: Common,
}

impl Args {
    pub(crate) fn run(self, start: Instant) -> Result<(), Error> {
        let Self { common } = self;
        let config = common.continued(&common.overrides())?;
        let report =
            common.in_world(&config, start, |ctx| pipeline::run_stage(ctx, &config, Stage::Audit, &[], &common.out))?;
        let facts: audit::Facts = serde_json::from_value(report.facts).expect("what the audit has just recorded");
        ui::show_audit(&facts, common.world.format)?;
        facts.verdict().map_err(Error::from)
    }
}

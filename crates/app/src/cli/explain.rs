//! `tenure explain`

use std::path::PathBuf;

use tenure_stages::artifact::Run;
use tenure_stages::pipeline::portrait::Portrait;

use crate::error::Error;
use crate::ui::{self, Format};

/// Say why a customer stands where it stands: history, segment, forecasts with their reasons, offer and runner-up.
///
/// One page, read from a finished run; nothing is computed anew.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  tenure explain 12347 --out shop")]
pub(crate) struct Args {
    /// The customer, as the source spells it.
    #[arg(value_name = "CUSTOMER", allow_hyphen_values = true)]
    customer: String,
    /// Folder of the run.
    #[arg(long, short, value_name = "DIR", default_value = "tenure-out")]
    out: PathBuf,
    /// Form of the answer on standard output.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl Args {
    pub(crate) fn run(self) -> Result<(), Error> {
        let portrait = Portrait::of(&Run::open(&self.out)?, &self.customer)?;
        ui::show_portrait(&portrait, self.format)
    }
}

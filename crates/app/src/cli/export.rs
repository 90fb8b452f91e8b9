//! `tenure export`

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use tenure_stages::artifact::Run;
use tenure_stages::config::Overrides;
use tenure_stages::export::{self, Request, Target};

use super::settings::Common;
use crate::error::Error;
use crate::ui;

/// Write the plan as the list that another program takes.
///
/// Whom the plan gives an offer, first things first. Who is suppressed or has no consent is never in it. Who cannot be in
/// it (no e-mail address, say) is listed beside it in LIST_rejects.csv; what has changed since the list before, in
/// LIST_changes.csv.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenure export audience --for spreadsheet --out shop
  tenure export audience --for klaviyo --customers people.csv --to klaviyo.csv --out shop")]
pub(crate) struct Args {
    /// What is exported.
    #[arg(value_parser = ["audience"])]
    what: String,
    /// Whom the list is for.
    #[arg(long = "for", value_name = "TARGET", value_parser = targets())]
    target: String,
    /// Where the list goes, .csv [default: audience_TARGET.csv in the current folder].
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Table of customers with e-mail addresses, consents and suppressions as they are now.
    #[arg(long, value_name = "FILE")]
    customers: Option<PathBuf>,
    /// The list before, to compare with [default: the file that this one replaces].
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
    /// Table with the customer_id of everybody who is never to be contacted.
    #[arg(long, value_name = "FILE")]
    suppress: Option<String>,
    #[command(flatten)]
    common: Common,
}

fn targets() -> PossibleValuesParser {
    Target::ALL.map(|(word, _)| word).into()
}

impl Args {
    pub(crate) fn run(self) -> Result<(), Error> {
        let Self { what: _, target: word, to, customers, since, suppress, common } = self;
        let config = common.continued(&Overrides { suppress, ..common.overrides() })?;
        let target = Target::ALL.iter().find(|(name, _)| *name == word).map_or(Target::Generic, |(_, target)| *target);
        let to = to.unwrap_or_else(|| PathBuf::from(format!("audience_{word}.csv")));
        let request = Request { target, to, customers, since };
        let exported = export::audience(&config, &Run::open(&common.out)?, &request)?;
        ui::show_exported(&exported, common.world.format)
    }
}

//! `tenure uplift`

use std::path::PathBuf;
use std::time::Instant;

use tenure_stages::pipeline;
use tenure_stages::uplift::Question;

use super::settings::World;
use crate::error::Error;
use crate::ui;

/// Judge scores by a randomised contact: does contacting the highest first add more than a random order?
///
/// FILE has one row per customer: who was contacted with what, what they did afterwards, and scores that are older than
/// the contact. Of each score the Qini coefficient is given with its interval, and all Qini curves are drawn (qini.svg,
/// .png and .csv). No run is needed. Only where chance decided who was contacted is the answer an effect.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenure uplift trial.csv --treatment contacted --outcome spend --score p_churn
  tenure uplift mails.csv --treatment segment --control \"No E-Mail\" --arm \"Mens E-Mail\" \\
      --outcome visit --score history --score=-recency    a minus in front: the lowest first")]
pub(crate) struct Args {
    /// Table of the trial: CSV or Parquet, one row per customer.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Column that says who was contacted with what.
    #[arg(long, value_name = "COLUMN")]
    treatment: String,
    /// Its value for those who were not contacted [default: the one that says so, such as 0 or control].
    #[arg(long, value_name = "VALUE")]
    control: Option<String>,
    /// Its value for those whose contact is judged [default: the only other one].
    #[arg(long, value_name = "VALUE")]
    arm: Option<String>,
    /// Column of what customers did afterwards: 0 and 1, a count or an amount.
    #[arg(long, value_name = "COLUMN")]
    outcome: String,
    /// Column of a score, highest contacted first, or with a minus in front (--score=-recency) lowest first; may be
    /// repeated, the others are compared with the first.
    #[arg(long = "score", value_name = "COLUMN", required = true, allow_hyphen_values = true)]
    scores: Vec<String>,
    /// Folder for the picture and its table.
    #[arg(long, value_name = "DIR", default_value = ".")]
    to: PathBuf,
    #[command(flatten)]
    world: World,
}

impl Args {
    pub(crate) fn run(self, start: Instant) -> Result<(), Error> {
        let Self { file, treatment, control, arm, outcome, scores, to, world } = self;
        let question = Question { treatment, control, arm, outcome, scores };
        let config = world.fresh(&world.overrides())?;
        let answer = world.lent(&config, start, |ctx| pipeline::trial(ctx, &config, &question, &file, &to))?;
        ui::show_trial(&answer, world.format)
    }
}

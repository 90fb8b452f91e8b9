//! `tenure value`: stage 7 of a run, or buy till you die on one file without a run.

use std::path::{Path, PathBuf};
use std::time::Instant;

use tenure_stages::config::{DateOrder, Overrides, ValueModel};
use tenure_stages::ctx::Stage;
use tenure_stages::pipeline;
use tenure_stages::value::alone::{Model, Options, Question, UNITS};

use super::settings::{Common, ValueHorizon, refused, words};
use super::stage;
use crate::error::Error;
use crate::ui;

/// Stage 7: estimate each customer's value with an interval, and test it on later data. With FILE: a buy-till-you-die
/// model on that file alone.
///
/// Without FILE this is a stage of the run in --out. With FILE and --model bg-nbd, mbg-nbd, pareto-nbd, nbd or bg-bb
/// no run is needed: the model is fitted to FILE and its predictions are written to --to.
///
/// FILE is a table with one row per customer and the columns frequency (purchases after the first; x), recency (time
/// from the first purchase to the last; t_x) and T (time from the first purchase to the end of observation), where
/// known monetary_value (mean spend of the purchases after the first; zbar) and customer_id (ID). For the BG/BB the
/// columns are frequency, recency, periods and, where a row stands for several customers, weights. Every other file is
/// read as an order log, as `tenure run` does, and brought to purchase days: several orders on a day are one, returns
/// are none, and neither is an order that was cancelled as a whole.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenure value --out shop
  tenure value --out shop --model hurdle
  tenure value --out shop --score new_customers.parquet --to value.csv
  tenure value --model bg-nbd customers.csv --unit week   a table: frequency, recency, T
  tenure value --model pareto-nbd sales.xlsx --days 90    an order log
  tenure value --model bg-nbd sales.csv --customer 12347  and one customer's P(alive) as a picture
  tenure value --model bg-bb donors.csv --periods 5       a table: frequency, recency, periods

A table does not say what its times are measured in: lifetimes makes days unless told otherwise, the data of the \
papers are in weeks, and a wrong guess is a value seven times too large. So no unit is assumed. Without --unit, \
parameters, likelihood and P(alive) are given, which need none, and what lies ahead is left empty.")]
pub(crate) struct Args {
    /// Table of histories or order log for a model that needs no run: CSV or Parquet, an order log in any form that
    /// `tenure run` reads.
    #[arg(value_name = "FILE", group = "table", conflicts_with_all = ["out", "seed", "fresh", "value_days"])]
    file: Option<PathBuf>,
    /// Model to use [default: the champion of `tenure backtest`, else pooled]; those with hyphens take a FILE.
    #[arg(long, value_name = "MODEL", value_parser = words(&[&["auto"], ValueModel::WORDS, Model::WORDS]))]
    model: Option<String>,
    /// With FILE: what its times are measured in; for an order log the unit of the parameters [default there: week].
    #[arg(long, value_name = "UNIT", value_parser = words(&[UNITS]))]
    unit: Option<String>,
    /// With FILE: days to look ahead for expected purchases [default: 180].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    days: Option<f64>,
    /// With FILE: occasions to look ahead, for bg-bb [default: 5].
    #[arg(long, value_name = "N")]
    periods: Option<u32>,
    /// With FILE: yearly discount rate of the lifetime value of 12 months, which counts all of the spend; 0.1 is 10 %
    /// [default: 0.1].
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    discount: Option<f64>,
    /// With FILE, an order log: draw how likely this customer was alive on each day (p_alive_history.svg, .png and .csv
    /// beside the predictions).
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    /// With FILE: order of day, month and year in an order log where the data do not settle it [default: auto].
    #[arg(long, value_name = "ORDER", value_parser = words(&[&["auto"], DateOrder::WORDS]))]
    date_order: Option<String>,
    /// Compute nothing anew: score the customers of a table of features (CSV or Parquet) by the run's saved model.
    #[arg(long, value_name = "FILE", group = "table", conflicts_with_all = ["config", "seed", "threads", "model"])]
    score: Option<PathBuf>,
    /// Where scores or predictions go, .csv or .parquet [default: named after FILE and the stage or model, in the
    /// current folder].
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    horizon: ValueHorizon,
}

impl Args {
    pub(crate) fn run(self, start: Instant) -> Result<(), Error> {
        if self.file.is_some() {
            return self.alone(start);
        }
        self.refuse_without_file()?;
        if let Some(file) = &self.score {
            self.horizon.refuse_with_score()?;
            return stage::score(&self.common, Stage::Value, file, self.to);
        }
        stage::refuse_to(self.to.as_deref())?;
        // The stage knows the MBG/NBD too; the others are for a file of their own.
        let model = match self.model.as_deref() {
            Some("mbg-nbd") => Some("mbg_nbd".to_owned()),
            Some(word) if Model::WORDS.contains(&word) => {
                return Err(usage(
                    format!("--model {word} needs a FILE: it is no model of a run"),
                    format!("name a table or an order log: tenure value --model {word} FILE"),
                ));
            }
            _ => self.model,
        };
        let overrides = Overrides { value_model: model, ..self.common.overrides() };
        let config = self.common.continued(&self.horizon.lay_over(overrides))?;
        stage::run(&self.common, &config, start, Stage::Value, &[])
    }

    /// Refuses what only a FILE gives a meaning to. clap's own `requires` passes over it beside an argument that is in
    /// conflict with FILE, such as --out, and the option would be ignored.
    fn refuse_without_file(&self) -> Result<(), Error> {
        let given = [
            (
                "--days",
                self.days.is_some(),
                "the window of a run is set with `tenure features --value-days N` and `tenure value --value-days N`",
            ),
            ("--unit", self.unit.is_some(), "a run counts in days"),
            ("--periods", self.periods.is_some(), "a run knows days, not occasions"),
            (
                "--discount",
                self.discount.is_some(),
                "the rate of a run is discount_rate in the section [value] of its configuration",
            ),
            (
                "--customer",
                self.customer.is_some(),
                "outputs/customer_scores.parquet holds p_alive of every customer of a run",
            ),
            ("--date-order", self.date_order.is_some(), "dates are read by `tenure ingest FILE --date-order ORDER`"),
        ];
        match given.into_iter().find(|(_, given, _)| *given) {
            None => Ok(()),
            Some((option, _, of_a_run)) => Err(refused(
                option,
                "is for a buy-till-you-die model of one FILE, and the stage of a run has none",
                &format!("leave it out: {of_a_run}; or name the file: tenure value --model bg-nbd FILE {option} ..."),
            )),
        }
    }

    fn alone(self, start: Instant) -> Result<(), Error> {
        let file = self.file.unwrap_or_default();
        let words = Model::WORDS.join(", ");
        let Some(word) = self.model else {
            return Err(usage(
                format!("{} needs a --model", file.display()),
                format!("say which: {words}; or leave the file out for the stage of a run"),
            ));
        };
        let Some(model) = Model::of(&word) else {
            return Err(usage(
                format!("--model {word} belongs to a run and takes no FILE"),
                format!("for {} alone take one of {words}; for a run, `tenure run FILE` first", file.display()),
            ));
        };
        let options = Options {
            unit: self.unit,
            days: self.days,
            periods: self.periods,
            discount: self.discount,
            customer: self.customer,
        };
        let question = Question::new(model, &options)?;
        let to = self.to.unwrap_or_else(|| beside(&file, &word));
        let config = self.common.fresh(&Overrides { date_order: self.date_order, ..self.common.overrides() })?;
        let common = &self.common;
        let answer = common.in_world(&config, start, |ctx| pipeline::alone(ctx, &config, &question, &file, &to))?;
        ui::show_alone(&answer, common.world.format)
    }
}

/// `shop/sales.csv.gz` and `bg-nbd` make `sales_bg_nbd.csv`, in the current folder.
fn beside(file: &Path, model: &str) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    PathBuf::from(format!("{stem}_{}.csv", model.replace('-', "_")))
}

fn usage(problem: String, cure: String) -> Error {
    Error::Stages(tenure_stages::Error::Input { problem, place: Some("--model".to_owned()), cure })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_are_named_after_file_and_model() {
        assert_eq!(beside(Path::new("shop/sales.csv.gz"), "bg-nbd"), Path::new("sales_bg_nbd.csv"));
        assert_eq!(beside(Path::new("t.parquet"), "nbd"), Path::new("t_nbd.csv"));
        assert_eq!(beside(Path::new(".."), "nbd"), Path::new("_nbd.csv"));
    }
}

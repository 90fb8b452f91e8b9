//! `tenure sql`: questions to the tables of a run, in SQL.

use std::path::PathBuf;

use tenure_stages::artifact::Run;
use tenure_stages::tables::Tables;

use crate::error::Error;
use crate::ui::{self, AnswerFormat};

/// Ask the tables of a run in SQL, read-only; without a query, list them.
///
/// Names are lower case; a name with capitals stands in double quotes. `table` shows the first rows, the other forms
/// give all of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenure sql --out shop                                               the tables, with their rows
  tenure sql --out shop \"describe customer_scores\"                    the columns of one
  tenure sql --out shop \"select segment, count(*) as customers, avg(p_churn) as p_churn
                        from customer_scores group by segment order by customers desc\"
  tenure sql --out shop \"select * from quarantine\" --format csv > quarantine.csv")]
pub(crate) struct Args {
    /// A query in SQL.
    #[arg(value_name = "QUERY")]
    query: Option<String>,
    /// Folder of the run.
    #[arg(long, short, value_name = "DIR", default_value = "tenure-out")]
    out: PathBuf,
    /// Worker threads; with one, the same query gives the same rows in the same order every time.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// Form of the answer on standard output; words go to standard error.
    #[arg(long, value_enum, default_value_t = AnswerFormat::Table)]
    format: AnswerFormat,
}

impl Args {
    pub(crate) fn run(self) -> Result<(), Error> {
        let run = Run::open(&self.out)?;
        let tables = Tables::open(&run, usize::from(self.threads))?;
        match &self.query {
            None => ui::show_tables(&tables.list()?, &self.out, self.format),
            Some(query) => {
                for (table, stage) in tables.out_of_date(query) {
                    ui::note(&format!(
                        "note: {table} is out of date: an earlier stage has run since; `tenure {stage}` renews it"
                    ));
                }
                ui::show_answer(self.format, |answer| tables.query(query, answer))
            }
        }
    }
}

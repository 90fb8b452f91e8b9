//! The command line: one file per verb, the help text is the arguments' documentation.

mod audit;
mod backtest;
mod demo;
mod explain;
mod export;
mod fetch;
mod generate;
mod init;
mod run;
mod settings;
mod sql;
mod stage;
mod uplift;
mod value;

use std::time::Instant;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::error::Error;
use crate::ui::{self, LogFormat};

/// From a table of transactions to a retention decision that can be trusted.
///
/// tenure reads a table of transactions and says who is about to leave, what each customer is worth, and which offer
/// each gets under a budget. Everything is configured in one file, which `tenure init` writes.
#[derive(Parser)]
#[command(
    name = "tenure",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  tenure demo                                    see the whole job on a generated retailer
  tenure run transactions.csv --budget 5000      the whole job on your own file

Exit codes: 0 done, 1 checks failed (--strict, audit), 2 usage, input or configuration, 3 worth trying again."
)]
struct Cli {
    /// Form of standard error: sentences, or one JSON event a line with how far each stage is.
    #[arg(long, global = true, value_name = "FORM", value_enum, default_value_t)]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Init(init::Args),
    Run(run::Args),
    Demo(demo::Args),
    Generate(generate::Args),
    Fetch(fetch::Args),
    Ingest(stage::Ingest),
    Validate(stage::Validate),
    Clean(stage::Clean),
    Features(stage::Features),
    Segment(stage::Segment),
    Churn(stage::Churn),
    Value(value::Args),
    Uplift(uplift::Args),
    Allocate(stage::Allocate),
    Report(stage::Report),
    Explain(explain::Args),
    Export(export::Args),
    Backtest(backtest::Args),
    Audit(audit::Args),
    Sql(sql::Args),
}

/// Reads the arguments and does what they say.
///
/// # Errors
/// [`Error::Usage`] for arguments that clap refuses; what the command refuses.
pub(crate) fn main(start: Instant) -> Result<(), Error> {
    let matches = match Cli::command().try_get_matches() {
        // Help and version are answers.
        Err(usage) if !usage.use_stderr() => return usage.print().map_err(Error::Stdout),
        Err(usage) => {
            if asks_for_events() {
                ui::log_as(LogFormat::Json);
            }
            return Err(Error::Usage(usage));
        }
        Ok(matches) => matches,
    };
    let cli = Cli::from_arg_matches(&matches).map_err(Error::Usage)?;
    ui::log_as(cli.log_format);
    ui::run_begins(matches.subcommand_name().unwrap_or_default());
    obey(cli.command, start)?;
    ui::run_ends(start.elapsed());
    Ok(())
}

/// Whether arguments that cannot be understood as a whole ask for events.
#[allow(clippy::disallowed_methods, reason = "arguments belong to this crate")]
fn asks_for_events() -> bool {
    let words: Vec<_> = std::env::args_os().collect();
    words.iter().any(|word| word == "--log-format=json")
        || words.windows(2).any(|pair| pair[0] == "--log-format" && pair[1] == "json")
}

fn obey(command: Command, start: Instant) -> Result<(), Error> {
    match command {
        Command::Init(args) => args.run(),
        Command::Run(args) => args.run(start),
        Command::Demo(args) => args.run(start),
        Command::Generate(args) => args.run(),
        Command::Fetch(args) => args.run(start),
        Command::Ingest(args) => args.run(start),
        Command::Validate(args) => args.run(start),
        Command::Clean(args) => args.run(start),
        Command::Features(args) => args.run(start),
        Command::Segment(args) => args.run(start),
        Command::Churn(args) => args.run(start),
        Command::Value(args) => args.run(start),
        Command::Uplift(args) => args.run(start),
        Command::Allocate(args) => args.run(start),
        Command::Report(args) => args.run(start),
        Command::Explain(args) => args.run(),
        Command::Export(args) => args.run(),
        Command::Backtest(args) => args.run(start),
        Command::Audit(args) => args.run(start),
        Command::Sql(args) => args.run(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_well_formed() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_a_meaning_and_an_example() {
        for command in super::Cli::command().get_subcommands() {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name}: no help");
            let example = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(example.contains(&format!("tenure {name}")), "{name}: no example");
            for argument in command.get_arguments().filter(|argument| argument.get_id() != "help") {
                assert!(argument.get_help().is_some(), "{name} {}: no help", argument.get_id());
            }
        }
    }
}

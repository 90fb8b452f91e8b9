//! What people and programs read: data on standard output, words on standard error.

mod alone;
mod answer;
mod audit;
mod backtest;
mod compare;
mod describe;
mod event;
mod hindsight;
mod number;
mod pace;
mod plan;
mod portrait;
mod preview;
mod progress;
mod screen;
mod segment;
mod stage;
mod table;
mod tables;
mod uplift;

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::path::Path;

use serde_json::Value;
use tenure_stages::allocate::diff::Diff;
use tenure_stages::contest::Backtest;
use tenure_stages::export::Exported;
use tenure_stages::features::Description;
use tenure_stages::fetch::{DataSet, Fetched};
use tenure_stages::ingest::Understood;
use tenure_stages::pipeline::audit::Facts;
use tenure_stages::pipeline::compare::Comparison;
use tenure_stages::pipeline::hindsight::Outcomes;
use tenure_stages::pipeline::portrait::Portrait;
use tenure_stages::pipeline::{self, StageReport};
use tenure_stages::segment::Scored;
use tenure_stages::summary::Summary;
use tenure_stages::tables::Listed;
use tenure_stages::uplift::Answer as Trial;
use tenure_stages::value::alone::Answer as Alone;

use crate::error::Error;

pub(crate) use answer::{Answer, AnswerFormat};
pub(crate) use event::{Event, LogFormat, is_logged, log_as, run_begins, run_ends, without_data};
pub(crate) use progress::{Meter, Watcher};

/// Form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// For programs: one JSON object
    Json,
    /// For spreadsheets: one row per figure, with its name
    Csv,
}

/// Whether words may carry colour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    colour: bool,
}

impl Style {
    /// No colour.
    pub(crate) const PLAIN: Self = Self { colour: false };

    #[allow(clippy::disallowed_methods, reason = "the environment belongs to this crate")]
    fn of(terminal: bool) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { colour: terminal && !set("NO_COLOR") && !dumb }
    }

    /// A heading.
    fn heading(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// The word that announces an error.
    pub(crate) fn alarm(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The style of standard error.
pub(crate) fn stderr_style() -> Style {
    Style::of(std::io::stderr().is_terminal())
}

/// Says something by the way, on standard error. If nobody can hear it, the work goes on.
pub(crate) fn note(words: &str) {
    if is_logged() {
        return Event::saying("note", words).tell();
    }
    let _ = writeln!(std::io::stderr(), "{words}");
}

/// The proxy that the environment names.
#[allow(clippy::disallowed_methods, reason = "the environment belongs to this crate")]
pub(crate) fn proxy() -> Option<String> {
    let named = |name| std::env::var(name).ok().filter(|proxy| !proxy.is_empty());
    ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].into_iter().find_map(named)
}

/// Shows what was found: a page for people, one JSON object or one row per figure for programs.
fn show(found: &impl serde::Serialize, format: Format, page: impl FnOnce(Style) -> String) -> Result<(), Error> {
    print(&match format {
        Format::Table => page(Style::of(std::io::stdout().is_terminal())),
        Format::Json => json(&as_value(found)),
        Format::Csv => csv(&as_value(found)),
    })
}

/// Says beside a page what its reader must know; JSON and CSV hold it, and events have told it.
fn warn(report: &StageReport, format: Format) {
    if format == Format::Table && !is_logged() {
        report.warnings.iter().for_each(|warning| note(&format!("note: {warning}")));
    }
}

/// Shows the result of a whole run.
pub(crate) fn show_summary(summary: &Summary, format: Format) -> Result<(), Error> {
    show(summary, format, |style| screen::end_screen(summary, style))
}

/// Shows the result of one stage; what its reader must know goes to standard error.
pub(crate) fn show_stage(report: &StageReport, format: Format) -> Result<(), Error> {
    warn(report, format);
    show(report, format, |_| stage::page(report))
}

/// Shows how the contest of the models ended.
pub(crate) fn show_backtest(report: &StageReport, facts: &Backtest, format: Format) -> Result<(), Error> {
    warn(report, format);
    show(facts, format, |style| backtest::page(facts, style))
}

/// Shows an earlier plan beside what customers did.
pub(crate) fn show_hindsight(report: &StageReport, found: &Outcomes, format: Format) -> Result<(), Error> {
    warn(report, format);
    show(found, format, |style| hindsight::page(found, style))
}

/// Shows one customer.
pub(crate) fn show_portrait(portrait: &Portrait, format: Format) -> Result<(), Error> {
    show(portrait, format, |style| portrait::page(portrait, style))
}

/// Shows two plans side by side.
pub(crate) fn show_diff(diff: &Diff, format: Format) -> Result<(), Error> {
    show(diff, format, |_| plan::diff(diff))
}

/// Shows two runs side by side.
pub(crate) fn show_comparison(found: &Comparison, format: Format) -> Result<(), Error> {
    show(found, format, |_| compare::page(found))
}

/// Shows what became of a list.
pub(crate) fn show_exported(exported: &Exported, format: Format) -> Result<(), Error> {
    show(exported, format, |_| plan::exported(exported))
}

/// Shows what the audit found.
pub(crate) fn show_audit(facts: &Facts, format: Format) -> Result<(), Error> {
    show(facts, format, |style| audit::page(facts, style))
}

/// Shows what was fetched.
pub(crate) fn show_fetched(fetched: &Fetched, data: &DataSet, format: Format) -> Result<(), Error> {
    show(fetched, format, |_| {
        format!(
            "{}: {} rows{}\n  {}\n  BLAKE3 {}\nNext: tenure run {}\n",
            fetched.path.display(),
            fetched.rows,
            if fetched.already_there { ", there already and unchanged" } else { "" },
            data.origin,
            fetched.blake3,
            fetched.path.display()
        )
    })
}

/// Shows how files would be read.
pub(crate) fn show_preview(files: &[Understood], format: Format) -> Result<(), Error> {
    show(&files, format, |style| preview::page(files, style))
}

/// Shows coverage, spread and drift of the features.
pub(crate) fn show_features(found: &Description, format: Format) -> Result<(), Error> {
    match format {
        Format::Csv => print(&describe::csv(found)),
        Format::Table | Format::Json => show(found, format, |style| describe::page(found, style)),
    }
}

/// Shows how many customers a saved model has put where.
pub(crate) fn show_scored(scored: &Scored, format: Format) -> Result<(), Error> {
    show(scored, format, |_| segment::scored(scored))
}

/// Shows what a saved model has said of the customers of a table.
pub(crate) fn show_forecast(scored: &pipeline::Scored, format: Format) -> Result<(), Error> {
    show(scored, format, |_| stage::scored(scored))
}

/// Shows what a buy-till-you-die model says of one file.
pub(crate) fn show_alone(answer: &Alone, format: Format) -> Result<(), Error> {
    show(answer, format, |style| alone::page(answer, style))
}

/// Shows what a randomised trial says of the scores of a file.
pub(crate) fn show_trial(answer: &Trial, format: Format) -> Result<(), Error> {
    show(answer, format, |style| uplift::page(answer, style))
}

/// Shows the tables of a run.
pub(crate) fn show_tables(tables: &[Listed], out: &Path, format: AnswerFormat) -> Result<(), Error> {
    match format {
        AnswerFormat::Table => print(&tables::page(tables, out, Style::of(std::io::stdout().is_terminal()))),
        AnswerFormat::Json => print(&json(&as_value(&tables))),
        AnswerFormat::Csv => print(&tables::csv(tables)),
        AnswerFormat::Markdown => print(&tables::markdown(tables)),
    }
}

/// Shows the answer to a query as `ask` hands it on; how many rows are not shown goes to standard error.
pub(crate) fn show_answer(
    format: AnswerFormat,
    ask: impl FnOnce(&mut Answer<'_>) -> tenure_stages::Result<()>,
) -> Result<(), Error> {
    let stdout = std::io::stdout();
    let style = Style::of(stdout.is_terminal());
    let mut answer = Answer::new(stdout.lock(), format, style);
    ask(&mut answer)?;
    let (rows, shown) = answer.finish()?;
    if shown < rows {
        note(&format!(
            "{} of {} rows shown; --format csv, json or markdown gives all of them",
            number::count(shown),
            number::count(rows)
        ));
    } else if format == AnswerFormat::Table {
        note(&if rows == 1 { "1 row".to_owned() } else { format!("{} rows", number::count(rows)) });
    }
    Ok(())
}

fn as_value(found: &impl serde::Serialize) -> Value {
    serde_json::to_value(found).expect("what is shown has text keys only")
}

fn json(value: &Value) -> String {
    format!("{value:#}\n")
}

// Nested names are joined with dots; lists are counted from 0.
fn csv(value: &Value) -> String {
    let mut text = "name,value\n".to_owned();
    flatten(value, "", &mut text);
    text
}

fn flatten(value: &Value, name: &str, text: &mut String) {
    let below = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match value {
        Value::Object(object) => object.iter().for_each(|(key, child)| flatten(child, &below(key), text)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, child)| flatten(child, &below(&i.to_string()), text));
        }
        Value::Null => {
            let _ = writeln!(text, "{},", cell(name));
        }
        Value::String(words) => {
            let _ = writeln!(text, "{},{}", cell(name), cell(words));
        }
        other => {
            let _ = writeln!(text, "{},{other}", cell(name));
        }
    }
}

// RFC 4180 quoting. A text that a spreadsheet would run as a formula gets an apostrophe in front (OWASP, CSV injection).
fn cell(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Error::Stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_names_every_figure() {
        let value =
            serde_json::json!({ "rows": { "kept": 5, "by": [{ "a": "x, \"y\"" }, { "a": null }] }, "b": "=1+1" });
        insta::assert_snapshot!(csv(&value), @r#"
        name,value
        rows.kept,5
        rows.by.0.a,"x, ""y"""
        rows.by.1.a,
        b,'=1+1
        "#);
    }

    #[test]
    fn colour_can_be_refused() {
        assert_eq!(Style::PLAIN.alarm("error:"), "error:");
        assert_eq!(Style { colour: true }.alarm("e"), "\u{1b}[1;31me\u{1b}[0m");
        assert!(!Style::of(false).colour);
    }
}

//! What standard error carries: words for people, or one JSON object a line for programs (`--log-format json`).
//!
//! The names of the fields are a promise (docs/guide/progress.md). What a sentence quotes from the data, such as an id, is
//! left out of events: logs travel further than the data may.

use std::io::Write;
use std::sync::OnceLock;
use std::time::Duration;

use serde::Serialize;

/// Form of what goes to standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// For programs: one JSON object a line
    Json,
}

static FORM: OnceLock<LogFormat> = OnceLock::new();

/// Sets the form for the whole process, before anything is said.
pub(crate) fn log_as(format: LogFormat) {
    // A second time would be another command in the same process, and there is none.
    let _ = FORM.set(format);
}

/// Whether standard error carries events.
pub(crate) fn is_logged() -> bool {
    FORM.get() == Some(&LogFormat::Json)
}

/// What has happened. Fields without a value are left out of the line.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Event {
    pub(crate) event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stage: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) done: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) of: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) what: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seconds_left: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exit_code: Option<u8>,
}

impl Event {
    /// An event of that name.
    pub(crate) fn of(event: &'static str) -> Self {
        Self { event, ..Self::default() }
    }

    /// One that is all sentence.
    pub(crate) fn saying(event: &'static str, sentence: &str) -> Self {
        Self { message: Some(without_data(sentence)), ..Self::of(event) }
    }

    /// Writes the line. If nobody can hear it, the work goes on.
    pub(crate) fn tell(&self) {
        if let Ok(mut line) = serde_json::to_string(self) {
            line.push('\n');
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }
}

/// A command begins.
pub(crate) fn run_begins(command: &str) {
    if is_logged() {
        let version = Some(env!("CARGO_PKG_VERSION"));
        Event { command: Some(command.to_owned()), version, ..Event::of("run_begin") }.tell();
    }
}

/// A command has done what it should.
pub(crate) fn run_ends(after: Duration) {
    if is_logged() {
        Event { seconds: Some(rounded(after.as_secs_f64())), ..Event::of("run_end") }.tell();
    }
}

/// Seconds as they are told, to the tenth.
pub(crate) fn rounded(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}

/// Words that name a thing of the table and not a value in it.
const NAMES: [&str; 3] = ["column ", "sheet ", "header "];

/// A sentence with `'…'` in the place of every value that it quotes from the data; names of columns and sheets stay.
pub(crate) fn without_data(sentence: &str) -> String {
    let mut told = String::new();
    let mut rest = sentence;
    // A quotation opens after a blank or a bracket; the apostrophe of a word does not.
    while let Some(open) = rest.find('\'') {
        let (before, after) = (&rest[..open], &rest[open + 1..]);
        told.push_str(before);
        told.push('\'');
        rest = after;
        let opens = before.chars().next_back().map_or(told.len() == 1, |c| c.is_whitespace() || c == '(');
        if !opens {
            continue;
        }
        let ends = |(at, _): &(usize, &str)| !after[at + 1..].starts_with(char::is_alphanumeric);
        let close = after.match_indices('\'').find(ends).map_or(after.len(), |(at, _)| at);
        let is_name = NAMES.iter().any(|name| before.ends_with(name));
        told.push_str(if is_name { &after[..close] } else { "…" });
        rest = &after[close..];
        if let Some(behind) = rest.strip_prefix('\'') {
            told.push('\'');
            rest = behind;
        }
    }
    told + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_from_the_data_is_left_out() {
        for (sentence, told) in [
            ("there is no customer '12347'", "there is no customer '…'"),
            ("row 5, column 'amount': 'O'Neil' is no number", "row 5, column 'amount': '…' is no number"),
            ("the customers' own windows and a model's level", "the customers' own windows and a model's level"),
            ("ids differ: there 'C-1', in the orders 'c1'.", "ids differ: there '…', in the orders '…'."),
            ("'7' stands as an id", "'…' stands as an id"),
            ("one that never 'closes 12", "one that never '…"),
            ("nothing is quoted", "nothing is quoted"),
        ] {
            assert_eq!(without_data(sentence), told);
        }
    }

    #[test]
    fn a_line_holds_what_is_known_and_nothing_else() {
        let event =
            Event { stage: Some("churn"), done: Some(3), what: Some("fits".to_owned()), ..Event::of("progress") };
        let line = serde_json::to_string(&event).expect("text keys");
        assert_eq!(line, r#"{"event":"progress","stage":"churn","done":3,"what":"fits"}"#);
    }
}

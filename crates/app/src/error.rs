//! Errors as the user meets them: one sentence, where, the cure, and an exit code.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use tenure_stages::config::ConfigError;
use tenure_stages::error::Kind;

use crate::ui::{self, Event, Style};

/// Exit code of usage, input, configuration and internal errors.
pub(crate) const INTERNAL: u8 = 2;
const CHECKS_FAILED: u8 = 1;
const RETRYABLE: u8 = 3;

/// Why a command ended without its result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Stages(#[from] tenure_stages::error::Error),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{} exists already", path.display())]
    Exists { path: PathBuf },
    #[error("{} cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("standard output cannot be written: {0}")]
    Stdout(std::io::Error),
    /// Arguments that cannot be understood, as clap words it.
    #[error("{}", usage_of(.0))]
    Usage(clap::Error),
}

impl Error {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Error::Stages(error) => match error.kind() {
                Kind::Checks => CHECKS_FAILED,
                Kind::Retryable => RETRYABLE,
                _ => INTERNAL,
            },
            Error::Config(_) | Error::Exists { .. } | Error::Usage(_) => INTERNAL,
            // The reader has had enough, as in `tenure run … | head`: that is no failure.
            Error::Stdout(_) if self.is_broken_pipe() => 0,
            Error::Write { source, .. } | Error::Stdout(source) => match source.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::Interrupted => RETRYABLE,
                _ => INTERNAL,
            },
        }
    }

    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Error::Stdout(source) if source.kind() == std::io::ErrorKind::BrokenPipe)
    }

    /// Says the error on standard error, in the form that the user has chosen.
    pub(crate) fn tell(&self) {
        if ui::is_logged() {
            let told = |words: String| ui::without_data(words.trim_end());
            let (message, place, fix) = self.parts();
            return Event {
                message: Some(told(message)),
                place: place.map(told),
                fix: fix.map(told),
                exit_code: Some(self.exit_code()),
                ..Event::of("error")
            }
            .tell();
        }
        let text = match self {
            Error::Usage(usage) => return drop(usage.print()),
            _ => self.render(ui::stderr_style()),
        };
        // If nobody can hear it, the exit code says it.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    /// The error as it is shown.
    pub(crate) fn render(&self, style: Style) -> String {
        let (sentence, place, fix) = self.parts();
        rendered(&sentence, place.as_deref(), fix.as_deref(), style)
    }

    /// The sentence, where it happened and what to do about it.
    fn parts(&self) -> (String, Option<String>, Option<String>) {
        let place = match self {
            Error::Stages(error) => error.place(),
            Error::Config(error) => error.place(),
            _ => None,
        };
        let fix = match self {
            Error::Stages(error) => error.hint(),
            Error::Config(error) => error.hint(),
            Error::Exists { .. } => Some("choose another name, or replace it with --force".to_owned()),
            Error::Write { .. } => Some("check that the folder exists and that you may write to it".to_owned()),
            Error::Stdout(_) => Some("check the disk or the program that reads the output".to_owned()),
            Error::Usage(_) => Some("see the command's --help".to_owned()),
        };
        (self.to_string(), place, fix)
    }
}

/// What clap says, without its heading and the usage below it.
fn usage_of(error: &clap::Error) -> String {
    let text = error.to_string();
    let sentence = text.split("\n\n").next().unwrap_or_default();
    sentence.trim().trim_start_matches("error: ").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn rendered(sentence: &str, place: Option<&str>, hint: Option<&str>, style: Style) -> String {
    let mut text = format!("{} {}\n", style.alarm("error:"), sentence.trim_end().trim_end_matches('.'));
    for (label, words) in [("where", place), ("fix", hint)] {
        if let Some(words) = words {
            let _ = writeln!(text, "  {label}: {words}");
        }
    }
    text
}

/// Says a panic on standard error: a fault of the program, never of the user.
pub(crate) fn tell_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let fix = "report it with the command and this message; outputs of earlier runs are untouched";
    if ui::is_logged() {
        // What the panic says may hold anything: the place is what its mender needs.
        let exit_code = Some(INTERNAL);
        return Event { place, fix: Some(fix.to_owned()), exit_code, ..Event::saying("error", "tenure has a fault") }
            .tell();
    }
    let sentence = format!("tenure has a fault: {}", panic.payload_as_str().unwrap_or("no reason given"));
    let text = rendered(&sentence, place.as_deref(), Some(fix), Style::PLAIN);
    let _ = std::io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_where_and_how_to_mend_it() {
        let error = Error::Config(ConfigError::UnknownKey {
            place: tenure_stages::config::Place::Line { file: "tenure.toml".into(), line: 5 },
            key: "churn.horizn_days".into(),
            nearest: Some("churn.horizon_days".into()),
            known: vec![],
        });
        insta::assert_snapshot!(error.render(Style::PLAIN), @r"
        error: there is no setting `churn.horizn_days`
          where: tenure.toml, line 5
          fix: did you mean `churn.horizon_days`?
        ");
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn a_reader_that_leaves_is_no_failure() {
        let error = Error::Stdout(std::io::ErrorKind::BrokenPipe.into());
        assert!(error.is_broken_pipe());
        assert_eq!(error.exit_code(), 0);
        assert_eq!(Error::Stdout(std::io::ErrorKind::StorageFull.into()).exit_code(), 3);
    }
}

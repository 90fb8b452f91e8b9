//! How far the run is: a moving line on a terminal, one plain line per stage elsewhere.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tenure_stages::ctx::{Progress, Stage};

/// Tells of the stages on standard error.
pub(crate) struct Watcher {
    bar: Option<ProgressBar>,
}

impl Watcher {
    /// Moves only where standard error is a terminal.
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar }
    }
}

impl Progress for Watcher {
    fn begin(&self, stage: Stage) {
        if let Some(bar) = &self.bar {
            bar.reset_elapsed();
            bar.set_message(format!("{:<9}", stage.name()));
        }
    }

    fn at(&self, stage: Stage, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{:<9} {what}", stage.name()));
        }
    }

    fn end(&self, stage: Stage, sentence: &str) {
        let line = format!("{:<9} {sentence}", stage.name());
        match &self.bar {
            Some(bar) => bar.println(line),
            // If nobody can hear it, the work goes on.
            None => drop(writeln!(std::io::stderr(), "{line}")),
        }
    }
}

/// Tells of bytes that arrive, where standard error is a terminal.
pub(crate) struct Meter {
    bar: Option<ProgressBar>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::no_length();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {bytes} of {total_bytes} {bytes_per_sec}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar }
    }

    /// Shows the bytes so far, and in all where that is known.
    pub(crate) fn show(&self, bytes: u64, total: Option<u64>) {
        if let Some(bar) = &self.bar {
            if let Some(total) = total {
                bar.set_length(total);
            }
            bar.set_position(bytes);
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

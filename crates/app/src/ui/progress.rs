//! How far the run is: a moving line on a terminal, one plain line per stage elsewhere, events for programs.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use tenure_stages::ctx::{Progress, Stage, Step};

use super::event::{Event, is_logged, rounded, without_data};
use super::number;
use super::pace::{Pace, words};

/// Events of one stage's progress are at least so far apart, but for the first and the last.
const APART: Duration = Duration::from_millis(250);

/// Tells of the stages on standard error.
pub(crate) struct Watcher {
    face: Face,
    start: Instant,
    at: Arc<Mutex<At>>,
}

enum Face {
    Line(ProgressBar),
    Plain,
    Events,
}

/// The stage at work.
#[derive(Default)]
struct At {
    begun: Duration,
    pace: Pace,
    /// When the last event of progress was told.
    told: Option<Duration>,
    /// A count that came too soon after it.
    untold: Option<Event>,
    /// How much is done, in words.
    count: String,
    /// What is worked at.
    what: String,
}

impl Watcher {
    /// Moves only on a terminal that can redraw a line; `start` is when the program began.
    pub(crate) fn new(start: Instant) -> Self {
        let at = Arc::new(Mutex::new(At::default()));
        let face = match () {
            () if is_logged() => Face::Events,
            () if can_redraw() => Face::Line(moving(Arc::clone(&at), start)),
            () => Face::Plain,
        };
        Self { face, start, at }
    }

    fn held(&self) -> MutexGuard<'_, At> {
        held(&self.at)
    }
}

fn held(at: &Mutex<At>) -> MutexGuard<'_, At> {
    at.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether standard error is a terminal on which a line can be drawn again.
#[allow(clippy::disallowed_methods, reason = "the environment belongs to this crate")]
fn can_redraw() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// The moving line: the stage, how much is done, what it is at, the seconds and what is left. It has no colour.
fn moving(at: Arc<Mutex<At>>, start: Instant) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    let line = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
        let at = held(&at);
        let elapsed = start.elapsed().saturating_sub(at.begun).as_secs_f64();
        for words in [&at.count, &at.what].into_iter().filter(|words| !words.is_empty()) {
            let _ = write!(out, "{words}, ");
        }
        let _ = write!(out, "{} so far", words(elapsed));
        if let Some(left) = at.pace.left(elapsed) {
            let _ = write!(out, ", {} left", words(left));
        }
    };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg:9} {line}") {
        bar.set_style(style.with_key("line", line));
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

impl Progress for Watcher {
    fn begin(&self, stage: Stage, seconds: Option<f64>) {
        *self.held() = At { begun: self.start.elapsed(), pace: Pace::new(seconds), ..At::default() };
        match &self.face {
            Face::Line(bar) => bar.set_message(stage.name()),
            Face::Plain => {}
            Face::Events => {
                let seconds_left = seconds.map(rounded);
                Event { stage: Some(stage.name()), seconds_left, ..Event::of("stage_begin") }.tell();
            }
        }
    }

    fn at(&self, stage: Stage, what: &str) {
        what.clone_into(&mut self.held().what);
        if matches!(self.face, Face::Events) {
            Event { stage: Some(stage.name()), ..Event::saying("progress", what) }.tell();
        }
    }

    fn step(&self, stage: Stage, step: Step<'_>) {
        let now = self.start.elapsed();
        let mut at = self.held();
        let elapsed = now.saturating_sub(at.begun).as_secs_f64();
        at.pace.count(step.done, step.of, elapsed);
        match &self.face {
            Face::Line(_) => {
                at.count = match step.of {
                    Some(of) => format!("{} of {} {}", number::count(step.done), number::count(of), step.what),
                    None => format!("{} {}", number::count(step.done), step.what),
                };
            }
            Face::Plain => {}
            Face::Events => {
                let event = Event {
                    stage: Some(stage.name()),
                    done: Some(step.done),
                    of: step.of,
                    what: Some(step.what.to_owned()),
                    seconds_left: at.pace.left(elapsed).map(rounded),
                    ..Event::of("progress")
                };
                let is_due = at.told.is_none_or(|told| now.saturating_sub(told) >= APART);
                if is_due || step.of == Some(step.done) {
                    (at.told, at.untold) = (Some(now), None);
                    event.tell();
                } else {
                    at.untold = Some(event);
                }
            }
        }
    }

    fn warn(&self, stage: Stage, sentence: &str) {
        // People read it on the screen of the command's end.
        if matches!(self.face, Face::Events) {
            Event { stage: Some(stage.name()), ..Event::saying("warning", sentence) }.tell();
        }
    }

    fn end(&self, stage: Stage, sentence: &str) {
        let line = format!("{:<9} {sentence}", stage.name());
        match &self.face {
            Face::Line(bar) => {
                *self.held() = At { begun: self.start.elapsed(), ..At::default() };
                bar.set_message("");
                bar.println(line);
            }
            // If nobody can hear it, the work goes on.
            Face::Plain => drop(writeln!(std::io::stderr(), "{line}")),
            Face::Events => {
                let At { begun, untold, .. } = std::mem::take(&mut *self.held());
                // The last count of a stage is told, however soon it came.
                if let Some(event) = untold {
                    event.tell();
                }
                Event {
                    stage: Some(stage.name()),
                    seconds: Some(rounded((self.start.elapsed() - begun).as_secs_f64())),
                    message: Some(without_data(sentence)),
                    ..Event::of("stage_end")
                }
                .tell();
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Face::Line(bar) = &self.face {
            bar.finish_and_clear();
        }
    }
}

/// Tells of bytes that arrive.
pub(crate) struct Meter {
    bar: Option<ProgressBar>,
    start: Instant,
    told: Option<Duration>,
}

impl Meter {
    /// Moves only on a terminal that can redraw a line; `start` is when the program began.
    pub(crate) fn new(start: Instant) -> Self {
        let bar = (!is_logged() && can_redraw()).then(|| {
            let bar = ProgressBar::no_length();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {bytes} of {total_bytes} {bytes_per_sec}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, start, told: None }
    }

    /// Shows the bytes so far, and in all where that is known.
    pub(crate) fn show(&mut self, bytes: u64, total: Option<u64>) {
        if let Some(bar) = &self.bar {
            if let Some(total) = total {
                bar.set_length(total);
            }
            bar.set_position(bytes);
        }
        let now = self.start.elapsed();
        if is_logged() && (total == Some(bytes) || self.told.is_none_or(|told| now - told >= APART)) {
            self.told = Some(now);
            let what = Some("bytes".to_owned());
            Event { stage: Some("fetch"), done: Some(bytes), of: total, what, ..Event::of("progress") }.tell();
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

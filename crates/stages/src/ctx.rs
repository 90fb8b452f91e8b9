//! What the outside world lends to the stages: threads, a clock, a place for progress. Libraries own none of them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The stages, in the order of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Files to the canonical table.
    Ingest,
    /// Checks of the canonical table.
    Validate,
    /// Lines kept and set aside.
    Clean,
    /// Features and labels at every snapshot.
    Features,
    /// RFM segments and clusters.
    Segment,
    /// Probability of leaving.
    Churn,
    /// Expected spend, with intervals.
    Value,
    /// The plan under a budget.
    Allocate,
    /// Figures and the table of scores.
    Report,
    /// The contest of the models; no part of a run.
    Backtest,
    /// An earlier plan beside what customers did; no part of a run.
    Hindsight,
    /// Proof that nothing of the future was seen; no part of a run.
    Audit,
}

impl Stage {
    /// The stages of a run, in the order of the data.
    pub const RUN: [Self; 9] = [
        Self::Ingest,
        Self::Validate,
        Self::Clean,
        Self::Features,
        Self::Segment,
        Self::Churn,
        Self::Value,
        Self::Allocate,
        Self::Report,
    ];

    /// All stages.
    pub const ALL: [Self; 12] = {
        let [a, b, c, d, e, f, g, h, i] = Self::RUN;
        [a, b, c, d, e, f, g, h, i, Self::Backtest, Self::Hindsight, Self::Audit]
    };

    /// The stage's word: the same in commands, folders and documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Validate => "validate",
            Self::Clean => "clean",
            Self::Features => "features",
            Self::Segment => "segment",
            Self::Churn => "churn",
            Self::Value => "value",
            Self::Allocate => "allocate",
            Self::Report => "report",
            Self::Backtest => "backtest",
            Self::Hindsight => "hindsight",
            Self::Audit => "audit",
        }
    }
}

/// How much of a stage's countable work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    /// Done so far; it never falls within a stage.
    pub done: u64,
    /// To be done in all, never less than `done`; `None` where nobody knows beforehand.
    pub of: Option<u64>,
    /// What is counted, in the plural: `snapshots`, `fits`, `figures`.
    pub what: &'a str,
}

/// Where the stages say how far they are. Whoever listens hears what it cares for; no id of a customer is ever told.
pub trait Progress: Sync {
    /// A stage begins; it took `seconds` when it was last computed in this folder, where that is known.
    fn begin(&self, _stage: Stage, _seconds: Option<f64>) {}
    /// What the stage is at.
    fn at(&self, _stage: Stage, _what: &str) {}
    /// How much of the stage is done. Never called from two threads at once for one stage.
    fn step(&self, _stage: Stage, _step: Step<'_>) {}
    /// What the reader must know of what the stage has found.
    fn warn(&self, _stage: Stage, _sentence: &str) {}
    /// A stage is done; `sentence` says what came of it.
    fn end(&self, _stage: Stage, _sentence: &str) {}
}

/// Progress that nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {}

/// Counts what a stage has done of its work, from any thread, and tells of it.
pub struct Steps<'a> {
    progress: &'a dyn Progress,
    stage: Stage,
    count: Mutex<Step<'static>>,
}

impl std::fmt::Debug for Steps<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Steps").field("stage", &self.stage).field("count", &self.count).finish_non_exhaustive()
    }
}

impl<'a> Steps<'a> {
    /// Nothing is counted yet.
    #[must_use]
    pub fn new(progress: &'a dyn Progress, stage: Stage) -> Self {
        Self { progress, stage, count: Mutex::new(Step { done: 0, of: None, what: "" }) }
    }

    /// Steps of a stage within another one's step: nobody hears of them.
    #[must_use]
    pub fn silent(stage: Stage) -> Steps<'static> {
        Steps::new(&Silent, stage)
    }

    /// Says what is counted and how many there are, where that is known. Said once in a stage, before the first step.
    pub fn plan(&self, of: Option<usize>, what: &'static str) {
        let mut count = self.count();
        *count = Step { done: 0, of: of.map(|n| n as u64), what };
        self.progress.step(self.stage, *count);
    }

    /// So many more are done.
    pub fn done(&self, more: usize) {
        // Told under the lock: threads that come second are told second.
        let mut count = self.count();
        count.done += more as u64;
        self.progress.step(self.stage, *count);
    }

    /// What the stage is at.
    pub fn at(&self, what: &str) {
        self.progress.at(self.stage, what);
    }

    fn count(&self) -> MutexGuard<'_, Step<'static>> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who makes a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Identity of the program's build: what another build has made is not taken over.
    pub build: String,
    /// Words for a process that finds the folder taken, such as `process 4711, since 2026-01-31 10:00:00 UTC`.
    pub holder: String,
}

/// What a run may use of the world.
#[derive(Clone, Copy)]
pub struct Ctx<'a> {
    /// Threads to work with, at least 1; results do not depend on them.
    pub threads: usize,
    /// Rows in a batch of the engine; results do not depend on it.
    pub batch_rows: usize,
    /// Who makes the run.
    pub caller: &'a Caller,
    /// Whether stages whose settings and sources have not changed are taken over from the last run.
    pub reuse: bool,
    /// Where progress goes.
    pub progress: &'a dyn Progress,
    /// Time since some fixed moment: a clock for `timings.json`, and for nothing else.
    pub elapsed: &'a (dyn Fn() -> Duration + Sync),
}

impl std::fmt::Debug for Ctx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ctx").field("threads", &self.threads).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<(u64, Option<u64>)>>);

    impl Progress for Heard {
        fn step(&self, stage: Stage, step: Step<'_>) {
            assert_eq!((stage, step.what), (Stage::Report, "figures"));
            self.0.lock().unwrap().push((step.done, step.of));
        }
    }

    #[test]
    fn steps_of_many_threads_are_told_in_order() {
        let heard = Heard::default();
        let steps = Steps::new(&heard, Stage::Report);
        steps.plan(Some(400), "figures");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|_| steps.done(1)));
            }
        });
        let told = heard.0.into_inner().unwrap();
        assert_eq!(told, (0..=400).map(|done| (done, Some(400))).collect::<Vec<_>>());
    }
}

//! What the outside world lends to the stages: threads, a clock, a place for progress. Libraries own none of them.

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

/// Where the stages say how far they are.
pub trait Progress: Sync {
    /// A stage begins.
    fn begin(&self, stage: Stage);
    /// What the stage is at.
    fn at(&self, stage: Stage, what: &str);
    /// A stage is done; `sentence` says what came of it.
    fn end(&self, stage: Stage, sentence: &str);
}

/// Progress that nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: Stage) {}
    fn at(&self, _: Stage, _: &str) {}
    fn end(&self, _: Stage, _: &str) {}
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

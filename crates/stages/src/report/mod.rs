//! Report: what the stages found as one table of scores, one table of segments, figures, and a page.

pub mod figure;
mod kpis;
mod page;
mod pictures;
mod revenue;
mod scores;
mod segments;

use serde::{Deserialize, Serialize};
use tenure_math::btyd::Fitted;
use tenure_tables::engine::Engine;

use crate::artifact::{self, RunFolder};
use crate::config::Config;
use crate::ctx::{Stage, Steps};
use crate::error::{Error, Result};
use crate::number;
use crate::summary::{SegmentCheck, Window};

/// What the report stage wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Rows of the table of scores.
    pub customers: u64,
    /// Figures, by name, with the sentence that each one shows.
    pub figures: Vec<(String, String)>,
    /// Columns of the table of scores that could not be computed, with the reason.
    pub missing: Vec<(String, String)>,
    /// Segments with what the models say of them, what happened, and their part of the plan.
    pub segments: Vec<SegmentScores>,
    /// Whether the segments behave as their names say.
    pub checks: Vec<SegmentCheck>,
    /// What the figures of a hold-out rest on; `None` where there are none.
    pub hold_out: Option<HoldOut>,
    /// How the coming months were foreseen; `None` where they could not be.
    pub revenue: Option<Outlook>,
}

/// Models of lifetimes that have seen nothing of a window, drawn against it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoldOut {
    /// The window.
    pub window: Window,
    /// The models, fitted to what was known when it began.
    pub models: Vec<Fitted>,
}

pub use revenue::{Outlook, Tried};
pub use segments::SegmentScores;

/// Writes the table of scores, the table of segments, the figures and the page; the sentence says what came of it.
///
/// # Errors
/// Engine, file and drawing errors.
pub fn run(config: &Config, engine: &Engine, run: &mut RunFolder, steps: &Steps<'_>) -> Result<String> {
    let (customers, missing) = scores::write_customers(config, engine, run)?;
    let (segments, checks) = segments::write(config, engine, run)?;
    let everyday = kpis::write(engine, run)?;
    let revenue = revenue::write(run, &everyday)?;
    let pictures::Pictures { figures, warnings, hold_out } = if config.report.figures {
        pictures::draw_all(config, engine, run, &everyday, &revenue, steps)?
    } else {
        pictures::Pictures::default()
    };
    let sentence = format!("{} scored, {} figures, {}", number::customers(customers), figures.len(), artifact::REPORT);
    let outlook = revenue.outlook();
    let facts = Facts { customers, figures, missing, segments, checks, hold_out, revenue: outlook };
    let found = serde_json::to_value(&facts)
        .map_err(|e| Error::Corrupt { artefact: artifact::MANIFEST.to_owned(), problem: e.to_string() })?;
    page::write(engine, run, page::Own { facts: &found, warnings: &warnings }, &config.data.currency)?;
    run.record(Stage::Report, &found, warnings)?;
    Ok(sentence)
}

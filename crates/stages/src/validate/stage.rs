//! The stage: reads what ingestion left, checks it, writes the outcome.

use std::path::Path;

use serde::Deserialize;
use tenure_tables::engine::Engine;

use super::{Contract, Inputs, Profiles, Rules, SourceRows, profile, validate};
use crate::artifact::{self, RunFolder};
use crate::config::Config;
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::time::Instant;

/// What the checks need of the ingest's record in the manifest.
#[derive(Deserialize)]
struct IngestRecord {
    sources: Vec<SourceRecord>,
}

#[derive(Deserialize)]
struct SourceRecord {
    name: String,
    rows_out: u64,
}

/// What the checks depend on beside the settings and the run itself: the contract's text and the last run's lines.
///
/// # Errors
/// [`Error::Io`] when the contract cannot be read.
pub fn surroundings(config: &Config, run: &RunFolder) -> Result<String> {
    let contract = match config.validate.contract.as_str() {
        "" => String::new(),
        path => std::fs::read_to_string(path).map_err(Error::io(Path::new(path)))?,
    };
    Ok(format!("{contract}\n{}", profile::reference(run)))
}

/// Checks the canonical table and writes the outcome; the sentence says what came of it.
///
/// # Errors
/// Engine and file errors; failed checks are no error here.
pub fn run(config: &Config, engine: &Engine, run: &mut RunFolder) -> Result<String> {
    let transactions = run.read(artifact::TRANSACTIONS, Stage::Ingest)?;
    let unparsed = run.read(artifact::UNPARSED, Stage::Ingest)?;
    engine.register("transactions", &transactions)?;
    let last = engine.select("select max(ordered_at) as last from transactions", &[])?;
    let end = Instant(last.instants("last")?.first().copied().unwrap_or(0)).midnight_after();
    let rules = Rules {
        cancellation_prefix: config.data.cancellation_prefix.clone(),
        non_product_codes: config.data.non_product_codes.clone(),
        non_product_prefixes: config.data.non_product_prefixes.clone(),
        as_of: config.snapshots.as_of,
        freshness_days: config.validate.freshness_days,
        drift_psi: config.validate.drift_psi,
    };
    let record: IngestRecord = run.record_of(Stage::Ingest)?;
    let sources: Vec<SourceRows> =
        record.sources.into_iter().map(|s| SourceRows { source: s.name, rows: s.rows_out }).collect();
    let contract = match config.validate.contract.as_str() {
        "" => None,
        path => Some(Contract::load(Path::new(path))?),
    };
    let profiles = Profiles::read(engine, run, end)?;
    let inputs = Inputs {
        transactions: &transactions,
        unparsed: Some(&unparsed),
        sources: &sources,
        profiles: Some(&profiles),
        contract: contract.as_ref(),
    };
    let outcome = validate(engine, &rules, end, &inputs)?;
    profiles.write(run)?;
    run.write_json(artifact::VALIDATION, &outcome.to_json())?;
    run.write_text(artifact::VALIDATION_PAGE, &outcome.to_page())?;
    let facts = outcome.facts();
    let mut warnings = Vec::new();
    if !facts.passed {
        warnings.push(format!(
            "{} checks of level error failed ({}); see {}",
            facts.failed_errors.len(),
            facts.failed_errors.join(", "),
            artifact::VALIDATION_PAGE
        ));
    }
    run.record(Stage::Validate, &facts, warnings)?;
    Ok(outcome.sentence())
}

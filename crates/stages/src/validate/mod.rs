//! Validate: eight categories of checks on the canonical table, each with a severity, a count, a share, up to twenty
//! masked examples, a sentence and a remedy.
//!
//! The stage changes nothing. A check whose question does not apply (there is no such column) says so and neither
//! passes nor fails. Results depend on the rows alone: not on threads, partitions or the order of the file.
//!
//! Cost: one pass that counts all problems of single lines and keeps their examples, and one grouping for each other
//! topic.

mod calendar;
mod catalogue;
mod check;
mod contract;
mod entities;
mod findings;
mod lines;
mod profile;
mod repeats;
mod stage;
mod values;
mod write;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use tenure_tables::engine::Engine;
use tenure_tables::frame::Frame;
use tenure_tables::query;

pub use contract::Contract;
pub use profile::Profiles;
pub use stage::{run, surroundings};

pub use check::{Category, Check, MAX_EXAMPLES, Severity, mask, thousands};

use crate::config::non_product_pattern;
use crate::error::Result;
use crate::time::Instant;
use findings::Findings;

/// What the checks need to know beside the data.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// An order id that starts so, followed by digits, cancels an earlier sale; empty = no such ids.
    pub cancellation_prefix: String,
    /// Codes that are no product, compared without case.
    pub non_product_codes: Vec<String>,
    /// Codes that start so are no product either.
    pub non_product_prefixes: Vec<String>,
    /// The instant of the decision; `None` = the end of the data.
    pub as_of: Option<Instant>,
    /// Empty days before `as_of` after which the data are stale.
    pub freshness_days: u32,
    /// Population stability index above which prices or countries have drifted.
    pub drift_psi: f64,
}

impl Default for Rules {
    /// No cancellations by prefix, no non-product codes, no `as_of`; 7 days; 0.2.
    fn default() -> Self {
        Self {
            cancellation_prefix: String::new(),
            non_product_codes: Vec::new(),
            non_product_prefixes: Vec::new(),
            as_of: None,
            freshness_days: 7,
            drift_psi: 0.2,
        }
    }
}

impl Rules {
    /// The pattern of codes that are no products.
    fn non_product_pattern(&self) -> String {
        non_product_pattern(&self.non_product_codes, &self.non_product_prefixes)
    }
}

/// How many rows were read from one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRows {
    /// File, and sheet.
    pub source: String,
    /// Rows that became lines of the canonical table.
    pub rows: u64,
}

/// What is checked.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The canonical table, a Parquet file.
    pub transactions: &'a Path,
    /// Records that were not understood (`source, line_no, column, value, reason, record`), where there is such a file.
    pub unparsed: Option<&'a Path>,
    /// What the ingest counted; empty = unknown.
    pub sources: &'a [SourceRows],
    /// This run's distributions and the last run's; `None` = nothing to compare with.
    pub profiles: Option<&'a Profiles>,
    /// What the user demands of the table.
    pub contract: Option<&'a Contract>,
}

/// The results of all checks.
#[derive(Debug, Clone, PartialEq)]
pub struct Validation {
    /// Whether no check of severity error failed.
    pub passed: bool,
    /// Rows that were checked.
    pub rows: u64,
    /// First order; `None` where there are no rows.
    pub first_at: Option<Instant>,
    /// Last order; `None` where there are no rows.
    pub last_at: Option<Instant>,
    /// The end of the data that the checks of time used.
    pub data_end: Instant,
    /// Every check, in the order of the categories.
    pub checks: Vec<Check>,
}

impl Validation {
    /// The failed checks of one severity.
    pub fn failed(&self, severity: Severity) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(move |check| check.failed() && check.severity == severity)
    }

    /// One check by its name.
    #[must_use]
    pub fn check(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }

    /// What came of it, as a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let asked = self.checks.iter().filter(|check| check.success.is_some()).count();
        let passed = self.checks.iter().filter(|check| check.success == Some(true)).count();
        format!(
            "{passed} of {asked} checks passed on {} rows; failed: {} errors, {} warnings, {} notes",
            thousands(self.rows),
            self.failed(Severity::Error).count(),
            self.failed(Severity::Warn).count(),
            self.failed(Severity::Info).count()
        )
    }

    /// What a manifest keeps of it.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let failed = |severity| self.failed(severity).map(|check| check.name.to_string()).collect();
        Facts {
            passed: self.passed,
            checks: self.checks.len(),
            failed_errors: failed(Severity::Error),
            failed_warnings: failed(Severity::Warn),
            failed_notes: failed(Severity::Info),
        }
    }
}

/// What a manifest keeps of the checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Facts {
    /// Whether no check of severity error failed.
    pub passed: bool,
    /// How many checks there are.
    pub checks: usize,
    /// Names of the failed checks of severity error.
    pub failed_errors: Vec<String>,
    /// Names of the failed checks of severity warn.
    pub failed_warnings: Vec<String>,
    /// Names of the failed checks of severity info.
    pub failed_notes: Vec<String>,
}

/// The columns that a source may leave empty, and those that it may not.
const REQUIRED: [&str; 1] = ["customer_id"];
const OPTIONAL: [&str; 10] = [
    "order_id",
    "sku",
    "description",
    "recorded_at",
    "country",
    "currency",
    "discount",
    "category",
    "channel",
    "store",
];
const MONEY: [&str; 3] = ["quantity", "unit_price", "amount"];

/// How many lines fill each column.
#[derive(Debug)]
struct Columns {
    lines: u64,
    filled: BTreeMap<&'static str, u64>,
}

impl Columns {
    fn read(frame: &Frame) -> Result<Self> {
        let count = |name: &str| -> Result<u64> { Ok(frame.u64s(name)?.iter().sum()) };
        let mut filled = BTreeMap::new();
        for name in REQUIRED.into_iter().chain(OPTIONAL).chain(MONEY) {
            filled.insert(name, count(name)?);
        }
        Ok(Self { lines: count("lines")?, filled })
    }

    fn has_money(&self) -> bool {
        self.filled("amount") > 0 || (self.filled("quantity") > 0 && self.filled("unit_price") > 0)
    }

    fn filled(&self, column: &str) -> u64 {
        self.filled.get(column).copied().unwrap_or(0)
    }
}

/// The time that the checks of time look at: half-open.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: Instant,
    end: Instant,
}

/// Runs all checks on the canonical table.
///
/// `data_end` is the given `as_of` where rows are cut there, else midnight after the last row: gaps, volume and drift
/// look at rows before it.
///
/// # Errors
/// When a file cannot be opened, has not the canonical columns, or a query fails.
pub fn validate(engine: &Engine, rules: &Rules, data_end: Instant, inputs: &Inputs<'_>) -> Result<Validation> {
    engine.register("transactions", inputs.transactions)?;
    if let Some(unparsed) = inputs.unparsed {
        engine.register("unparsed", unparsed)?;
    }
    let frame = engine.select(query::VALIDATE_COLUMNS.sql, &[])?;
    let columns = Columns::read(&frame)?;
    let edge = |name: &str| -> Result<Option<Instant>> {
        if columns.lines == 0 { Ok(None) } else { Ok(frame.instants(name)?.first().map(|t| Instant(*t))) }
    };
    let (first_at, last_at) = (edge("first_at")?, edge("last_at")?);
    let span = Span { start: first_at.unwrap_or(data_end), end: data_end };

    let mut findings = Findings::default();
    schema(&columns, &mut findings);
    let sources = lines::arrivals(engine, inputs.sources, &mut findings)?;
    repeats::rejects(engine, inputs.unparsed.is_some(), &columns, &mut findings)?;
    repeats::repeats(engine, &columns, sources, &mut findings)?;
    let measures = values::Measures::read(engine, span)?;
    let tallies = lines::Tallies::read(engine, rules, measures.bounds())?;
    lines::check(rules, &columns, &tallies, &mut findings);
    values::check(engine, rules, &columns, span, &measures, &tallies, &mut findings)?;
    calendar::check(engine, rules, span, &mut findings)?;
    entities::orders(engine, &columns, &mut findings)?;
    entities::products(engine, rules, &columns, &mut findings)?;
    entities::customers(engine, &columns, &mut findings)?;
    let doubt = lines::cancellation_doubt(rules, &columns, &tallies);
    entities::returns(engine, rules, &columns, doubt, &mut findings)?;

    profile::check(engine, inputs.profiles, &mut findings)?;
    if let Some(contract) = inputs.contract {
        contract.check(engine, &mut findings)?;
    }

    let checks = findings.into_checks();
    let passed = !checks.iter().any(|check| check.failed() && check.severity == Severity::Error);
    Ok(Validation { passed, rows: columns.lines, first_at, last_at, data_end, checks })
}

/// Which columns are there at all.
fn schema(columns: &Columns, findings: &mut Findings) {
    let empty = |names: &[&'static str]| -> Vec<&'static str> {
        names.iter().copied().filter(|name| columns.filled(name) == 0).collect()
    };
    let found = |names: &[&'static str], empty: &[&'static str]| findings::Found {
        elements: names.len() as u64,
        unexpected: empty.len() as u64,
        examples: empty.iter().map(|name| findings::object([("column", (*name).into())])).collect(),
        detail: if empty.is_empty() { String::new() } else { format!("Empty: {}.", empty.join(", ")) },
        ..findings::Found::default()
    };
    findings.put(&catalogue::REQUIRED_COLUMNS, found(&REQUIRED, &empty(&REQUIRED)));
    let missing = if columns.has_money() { Vec::new() } else { empty(&MONEY) };
    findings.put(&catalogue::MONEY_COLUMNS, found(&MONEY, &missing));
    findings.put(&catalogue::EMPTY_COLUMNS, found(&OPTIONAL, &empty(&OPTIONAL)));
}

#[cfg(test)]
mod tests;

//! The folder of a run: what its artefacts are called, what they hold by hash, and how they appear whole or not at all.
//!
//! What is published lies in a generation, a folder of its own; the run's folder shows it through links, and one rename
//! puts the next generation in its place ([`layout`]). A stage reads and writes through [`RunFolder`], which notes what
//! it read: that is how the next run knows what need not be computed again.

mod folder;
mod layout;
mod manifest;
mod room;
mod run;
mod write;

pub use folder::RunFolder;
pub use manifest::{FileFact, Made, Manifest};
pub use run::Run;
pub(crate) use write::{spreadsheet_safe, write_csv};

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};

/// The canonical table, as read: one part a file.
pub const TRANSACTIONS: &str = "data/transactions";
/// Records that could not be parsed: one part a file.
pub const UNPARSED: &str = "data/unparsed";
/// How each file was read: one account a file.
pub const SOURCES: &str = "data/sources";
/// Attributes of the customers, each from when on it holds.
pub const CUSTOMERS: &str = "data/customers.parquet";
/// Who consents to be contacted and who must not be, each from when on it holds; no addresses.
pub const PERMISSIONS: &str = "data/permissions.parquet";
/// Lines kept.
pub const CLEANED: &str = "data/cleaned.parquet";
/// Lines and records set aside, with stage and reason.
pub const QUARANTINE: &str = "data/quarantine.parquet";
/// Orders that the isolation forest finds unusual.
pub const OUTLIERS: &str = "data/outliers.parquet";
/// What happened to each order and when it was known.
pub const ORDER_EVENTS: &str = "data/order_events.parquet";
/// Features by snapshot.
pub const FEATURES: &str = "data/features";
/// The amounts between which a line is ordinary, by month.
pub const OUTLIER_BOUNDS: &str = "data/outlier_bounds.parquet";
/// The snapshots.
pub const SNAPSHOTS: &str = "data/snapshots.parquet";
/// The closed windows, and what each of them serves.
pub const LABEL_WINDOWS: &str = "data/label_windows.parquet";
/// Outcomes by snapshot.
pub const LABELS: &str = "data/labels";
/// Segment and cluster of each customer.
pub const SEGMENT_ASSIGNMENTS: &str = "outputs/segment_assignments.parquet";
/// RFM scores and segment of every customer, by snapshot.
pub const SEGMENTS: &str = "data/segments";
/// Customers by snapshot and segment.
pub const SEGMENT_HISTORY: &str = "outputs/segment_history.csv";
/// Customers by segment at one snapshot and at the next.
pub const SEGMENT_MIGRATION: &str = "outputs/segment_migration.csv";
/// What became of each segment's customers within a churn window.
pub const SEGMENT_JOURNEY: &str = "outputs/segment_journey.csv";
/// One row per cluster.
pub const CLUSTER_SUMMARY: &str = "outputs/cluster_summary.csv";
/// Customers who are unlike the others, with the reason.
pub const CUSTOMER_OUTLIERS: &str = "outputs/customer_outliers.csv";
/// The clusters on a plane, for the picture.
pub const SEGMENT_MAP: &str = "data/segment_map.parquet";
/// What the clusters' plane calls customers outside of all clusters.
pub const NO_CLUSTER: &str = "(no cluster)";
/// The evaluation of churn on its test window: what was predicted and what happened.
pub const CHURN_TEST: &str = "data/churn_test.parquet";
/// The same of value.
pub const VALUE_TEST: &str = "data/value_test.parquet";
/// One row per segment.
pub const SEGMENT_SUMMARY: &str = "outputs/segment_summary.csv";
/// One record per segment.
pub const SEGMENT_STRATEGIES: &str = "outputs/segment_strategies.json";
/// Churn probabilities at `as_of`.
pub const CHURN_SCORES: &str = "data/churn_scores.parquet";
/// Values at `as_of`.
pub const VALUE_SCORES: &str = "data/value_scores.parquet";
/// What each month brought.
pub const KPIS: &str = "outputs/kpis.csv";
/// What the coming months will bring.
pub const REVENUE_FORECAST: &str = "outputs/revenue_forecast.csv";
/// Who came back of those who first bought in a month.
pub const COHORTS: &str = "outputs/cohorts.csv";
/// The table of scores: one row per acquired customer.
pub const CUSTOMER_SCORES: &str = "outputs/customer_scores.parquet";
/// The chosen offer of every customer.
pub const ALLOCATION: &str = "outputs/optimal_campaign_allocation.parquet";
/// One row per offer.
pub const OFFER_PLAN: &str = "outputs/offer_plan.csv";
/// The customers to contact, first things first.
pub const EXECUTION_PLAN: &str = "outputs/campaign_execution_plan.csv";
/// What the plan costs and earns, beside the baseline.
pub const OPTIMIZATION_METRICS: &str = "outputs/optimization_metrics.json";
/// The plan by segment.
pub const SEGMENT_BUDGET: &str = "outputs/segment_budget.csv";
/// The plan if all rates were other by one factor.
pub const RATE_SENSITIVITY: &str = "outputs/rate_sensitivity.csv";
/// The plan if offers did more or less with those who have left already.
pub const WINBACK_SENSITIVITY: &str = "outputs/winback_sensitivity.csv";
/// The plan's net value at other budgets.
pub const BUDGET_SENSITIVITY: &str = "outputs/budget_sensitivity.csv";
/// Results of the checks.
pub const VALIDATION: &str = "validation.json";
/// The same as a page.
pub const VALIDATION_PAGE: &str = "validation.md";
/// How the lines are distributed, for the next run to compare with.
pub const PROFILE: &str = "data/profile.json";
/// The report as one page.
pub const REPORT: &str = "report.html";
/// The same as Markdown.
pub const REPORT_TEXT: &str = "report.md";
/// The same as JSON: every figure with the cell it was read from.
pub const REPORT_JSON: &str = "report.json";
/// Figures.
pub const FIGURES: &str = "figures";
/// The manifest.
pub const MANIFEST: &str = "manifest.json";
/// Times and other facts that differ from run to run.
pub const TIMINGS: &str = "timings.json";
/// The card of the churn model: what it is for, how good it is, what it does not know.
pub const CHURN_CARD: &str = "models/churn_card.md";
/// The same as JSON.
pub const CHURN_CARD_JSON: &str = "models/churn_card.json";
/// The card of the value model.
pub const VALUE_CARD: &str = "models/value_card.md";
/// The same as JSON.
pub const VALUE_CARD_JSON: &str = "models/value_card.json";
/// The trees of the churn model in LightGBM's own text, where that is the model.
pub const CHURN_LIGHTGBM: &str = "models/churn_lightgbm.txt";
/// The same of the value model: spend over the customer's usual spend.
pub const VALUE_LIGHTGBM: &str = "models/value_lightgbm.txt";
/// What each feature adds to the log-odds of each customer's churn at `as_of`.
pub const CHURN_CONTRIBUTIONS: &str = "data/churn_contributions.parquet";
/// The strongest reasons for each customer's churn probability, in words.
pub const CHURN_REASONS: &str = "outputs/churn_reasons.csv";
/// What each feature, and a customer's usual spend, adds to the logarithm of its forecast spend.
pub const VALUE_CONTRIBUTIONS: &str = "data/value_contributions.parquet";
/// The strongest reasons for each customer's value, in words.
pub const VALUE_REASONS: &str = "outputs/value_reasons.csv";
/// Every candidate at every origin of the contest of the models.
pub const BACKTEST: &str = "outputs/backtest.csv";
/// An earlier plan and common rules beside what customers did.
pub const PLAN_BACKTEST: &str = "outputs/plan_backtest.csv";
/// Churners and lift by tenth of the test window.
pub const CHURN_DECILES: &str = "outputs/churn_deciles.csv";
/// How well churn is forecast within each segment of the test window.
pub const CHURN_SEGMENTS: &str = "outputs/churn_by_segment.csv";
/// What the audit found.
pub const AUDIT: &str = "audit.json";

/// Reads a JSON file; `None` when there is none.
///
/// # Errors
/// [`Error::Io`] when it cannot be read, [`Error::Corrupt`] when it is of another form.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| Error::Corrupt { artefact: path.display().to_string(), problem: e.to_string() }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io(path)(e)),
    }
}

#[cfg(test)]
mod tests;

//! The tables of a run by name, for a reader with questions: what there is, and answers to read-only queries.
//!
//! Parquet artefacts, and the CSV outputs with a header. The tables of figures stay files.

use serde::Serialize;
use tenure_tables::engine::{Engine, EngineConfig};

pub use tenure_tables::answer::{Column, Kind, Rows, Sink};

use crate::artifact::{self, Run};
use crate::config::suggest;
use crate::ctx::Stage;
use crate::error::{Error, Result};

/// A table that a run may hold.
struct Known {
    name: &'static str,
    meaning: &'static str,
    file: &'static str,
    stage: Stage,
}

const fn known(name: &'static str, stage: Stage, file: &'static str, meaning: &'static str) -> Known {
    Known { name, meaning, file, stage }
}

/// All tables, in the order of the data.
const TABLES: [Known; 33] = [
    known("transactions", Stage::Ingest, artifact::TRANSACTIONS, "One row per line of the source, as it was read."),
    known("unparsed", Stage::Ingest, artifact::UNPARSED, "One row per record of the source that could not be parsed."),
    known(
        "customers",
        Stage::Ingest,
        artifact::CUSTOMERS,
        "One row per customer, attribute and instant from which its value holds.",
    ),
    known("cleaned", Stage::Clean, artifact::CLEANED, "One row per line kept."),
    known(
        "quarantine",
        Stage::Clean,
        artifact::QUARANTINE,
        "One row per line or record set aside, with stage and reason.",
    ),
    known(
        "outliers",
        Stage::Clean,
        artifact::OUTLIERS,
        "One row per order that is unlike all others; such orders stay in.",
    ),
    known(
        "outlier_bounds",
        Stage::Clean,
        artifact::OUTLIER_BOUNDS,
        "One row per month: the amounts between which a line is ordinary.",
    ),
    known(
        "order_events",
        Stage::Features,
        artifact::ORDER_EVENTS,
        "One row per order and instant at which something about it became known; money in 1/10,000.",
    ),
    known("snapshots", Stage::Features, artifact::SNAPSHOTS, "One row per instant at which features are computed."),
    known(
        "features",
        Stage::Features,
        artifact::FEATURES,
        "One row per snapshot (as_of) and customer acquired before it.",
    ),
    known(
        "label_windows",
        Stage::Features,
        artifact::LABEL_WINDOWS,
        "One row per snapshot and horizon whose window has ended within the data.",
    ),
    known(
        "labels",
        Stage::Features,
        artifact::LABELS,
        "One row per snapshot (as_of), customer and horizon: what came after it.",
    ),
    known(
        "segment_assignments",
        Stage::Segment,
        artifact::SEGMENT_ASSIGNMENTS,
        "One row per customer: RFM scores, segment and cluster.",
    ),
    known(
        "segments",
        Stage::Segment,
        artifact::SEGMENTS,
        "One row per snapshot (as_of) and customer: RFM scores and segment as of then.",
    ),
    known(
        "segment_history",
        Stage::Segment,
        artifact::SEGMENT_HISTORY,
        "One row per snapshot and segment: customers, and how many of all stayed where they were.",
    ),
    known(
        "segment_migration",
        Stage::Segment,
        artifact::SEGMENT_MIGRATION,
        "One row per pair of consecutive snapshots and pair of segments: customers who went from one to the other.",
    ),
    known(
        "segment_journey",
        Stage::Segment,
        artifact::SEGMENT_JOURNEY,
        "One row per segment and snapshot: who moved up, stayed, moved down or left within a churn window.",
    ),
    known("cluster_summary", Stage::Segment, artifact::CLUSTER_SUMMARY, "One row per cluster: its profile."),
    known("customer_outliers", Stage::Segment, artifact::CUSTOMER_OUTLIERS, "One row per unusual customer and reason."),
    known(
        "segment_map",
        Stage::Segment,
        artifact::SEGMENT_MAP,
        "One row per customer: its place on the clusters' plane.",
    ),
    known(
        "churn_test",
        Stage::Churn,
        artifact::CHURN_TEST,
        "One row per customer of the test window: churn foretold and seen.",
    ),
    known("churn_scores", Stage::Churn, artifact::CHURN_SCORES, "One row per customer: probability of churn at as_of."),
    known(
        "value_test",
        Stage::Value,
        artifact::VALUE_TEST,
        "One row per customer of the test window: value foretold and seen.",
    ),
    known(
        "value_scores",
        Stage::Value,
        artifact::VALUE_SCORES,
        "One row per customer: value at as_of with its interval.",
    ),
    known(
        "plan",
        Stage::Allocate,
        artifact::ALLOCATION,
        "One row per customer: offer, cost, expected net, and the runner-up.",
    ),
    known(
        "offer_plan",
        Stage::Allocate,
        artifact::OFFER_PLAN,
        "One row per offer: customers, spend, expected net, break-even rate.",
    ),
    known(
        "campaign_execution_plan",
        Stage::Allocate,
        artifact::EXECUTION_PLAN,
        "One row per customer to contact, first things first.",
    ),
    known(
        "budget_sensitivity",
        Stage::Allocate,
        artifact::BUDGET_SENSITIVITY,
        "One row per budget: what the best plan would bring, and the price of one more unit.",
    ),
    known(
        "segment_summary",
        Stage::Report,
        artifact::SEGMENT_SUMMARY,
        "One row per segment: its profile, what the models say of it, what happened, and its part of the plan.",
    ),
    known("kpis", Stage::Report, artifact::KPIS, "One row per month: orders, customers, new ones, revenue."),
    known(
        "revenue_forecast",
        Stage::Report,
        artifact::REVENUE_FORECAST,
        "One row per coming month: its revenue with an interval, and that of the same month of last year.",
    ),
    known(
        "cohorts",
        Stage::Report,
        artifact::COHORTS,
        "One row per month of first purchases and month with a purchase: who came back.",
    ),
    known(
        "customer_scores",
        Stage::Report,
        artifact::CUSTOMER_SCORES,
        "One row per acquired customer: segment, churn, value and offer together.",
    ),
];

/// A table of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    /// The name that queries use.
    pub name: &'static str,
    /// What one row is.
    pub meaning: &'static str,
    /// The file, or folder of files, relative to the run's folder.
    pub file: &'static str,
    /// The stage that makes it.
    pub stage: Stage,
    /// Whether that stage has run since the last change before it.
    pub up_to_date: bool,
    /// Rows.
    pub rows: u64,
    /// Columns, in order.
    pub columns: Vec<ListedColumn>,
}

/// A column of a table of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedColumn {
    /// The name.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub data_type: String,
}

/// The tables of a run, open for queries.
#[derive(Debug)]
pub struct Tables<'a> {
    run: &'a Run,
    engine: Engine,
    there: Vec<&'static Known>,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl<'a> Tables<'a> {
    /// Opens the tables that the run has.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a table cannot be read, and engine errors.
    pub fn open(run: &'a Run, threads: usize) -> Result<Self> {
        let engine = Engine::open(&EngineConfig { threads, ..EngineConfig::default() })?;
        let mut there = Vec::new();
        for table in &TABLES {
            // What somebody has removed is no table; a query that names it says which stage makes it.
            let Some(path) = run.place(table.file).filter(|path| path.exists()) else { continue };
            let is_csv = path.extension().is_some_and(|extension| extension == "csv");
            let opened =
                if is_csv { engine.register_csv(table.name, &path) } else { engine.register(table.name, &path) };
            opened.map_err(|e| Error::Corrupt { artefact: table.file.to_owned(), problem: e.to_string() })?;
            there.push(table);
        }
        Ok(Self { run, engine, there })
    }

    /// The tables, in the order of the data.
    ///
    /// # Errors
    /// Engine errors.
    pub fn list(&self) -> Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for table in &self.there {
            let rows = self.engine.select(&format!("select count(*) as n from {}", table.name), &[])?.one_i64("n")?;
            let columns = self.engine.columns(table.name)?;
            listed.push(Listed {
                name: table.name,
                meaning: table.meaning,
                file: table.file,
                stage: table.stage,
                up_to_date: self.is_up_to_date(table),
                rows: rows.unsigned_abs(),
                columns: columns.into_iter().map(|c| ListedColumn { name: c.name, data_type: c.data_type }).collect(),
            });
        }
        Ok(listed)
    }

    /// Answers a query, which may only read; `sink` gets the rows as they come.
    ///
    /// # Errors
    /// [`Error::Input`] for a query that cannot be answered or would do more than read, with a cure; [`Error::Corrupt`]
    /// when a table that it names is not what was written.
    pub fn query(&self, sql: &str, sink: &mut dyn Sink) -> Result<()> {
        let named = self.engine.tables_of(sql);
        for table in self.there.iter().filter(|table| named.iter().any(|name| name == table.name)) {
            self.run.path(table.file, table.stage)?;
        }
        self.engine.query_read_only(sql, sink).map_err(|error| self.with_cure(error))
    }

    /// The tables of a query that an earlier stage has left behind, each with the stage that would renew it.
    #[must_use]
    pub fn out_of_date(&self, sql: &str) -> Vec<(&'static str, &'static str)> {
        let named = self.engine.tables_of(sql);
        self.there
            .iter()
            .filter(|table| named.iter().any(|name| name == table.name) && !self.is_up_to_date(table))
            .map(|table| (table.name, table.stage.name()))
            .collect()
    }

    fn is_up_to_date(&self, table: &Known) -> bool {
        self.run.manifest.stages.contains_key(table.stage.name())
    }

    fn with_cure(&self, error: tenure_tables::Error) -> Error {
        use tenure_tables::Error as Refused;
        const LIST: &str =
            "`tenure sql` without a query lists the tables, `tenure sql \"describe TABLE\"` the columns of one";
        const COLUMNS: &str =
            "`tenure sql \"describe TABLE\"` lists the columns of a table; text stands in single quotes";
        let cure = match &error {
            Refused::ReadOnly { statement } if statement == "SHOW" => LIST.to_owned(),
            Refused::ReadOnly { .. } => {
                "ask with select; to keep an answer, write it to a file: tenure sql \"select …\" --format csv > FILE"
                    .to_owned()
            }
            Refused::UnknownTable { name } => match TABLES.iter().find(|table| table.name == name) {
                Some(table) => format!("run `tenure {}` on the same folder: that stage makes it", table.stage.name()),
                None => did_you_mean(name, self.there.iter().map(|table| table.name), LIST),
            },
            Refused::UnknownColumn { name, known } => {
                let name = name.rsplit('.').next().unwrap_or(name);
                did_you_mean(name, known.iter().map(String::as_str), COLUMNS)
            }
            Refused::Query { .. } => LIST.to_owned(),
            _ => return error.into(),
        };
        Error::Input { problem: error.to_string(), place: None, cure }
    }
}

fn did_you_mean<'n>(name: &str, known: impl Iterator<Item = &'n str>, otherwise: &str) -> String {
    match suggest::nearest(name, known) {
        // A name with capital letters is found only in quotes.
        Some(near) if near != near.to_lowercase() => format!("did you mean \"{near}\", with the quotes? {otherwise}"),
        Some(near) => format!("did you mean {near}? {otherwise}"),
        None => otherwise.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_has_one_name_and_a_sentence() {
        for (at, table) in TABLES.iter().enumerate() {
            assert!(TABLES[..at].iter().all(|other| other.name != table.name && other.file != table.file));
            assert!(table.meaning.starts_with("One row per ") && table.meaning.ends_with('.'), "{}", table.name);
            assert!(table.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", table.name);
        }
        assert!(TABLES.is_sorted_by_key(|table| table.stage), "in the order of the data");
    }

    #[test]
    fn a_near_name_is_offered() {
        assert_eq!(did_you_mean("feature", ["labels", "features"].into_iter(), "look"), "did you mean features? look");
        assert_eq!(did_you_mean("xyz", ["labels"].into_iter(), "look"), "look");
        assert!(did_you_mean("name", ["Name"].into_iter(), "look").contains("\"Name\", with the quotes"));
    }
}

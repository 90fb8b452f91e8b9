//! Queries of a reader: read-only, over the registered tables, answered as text cells batch by batch.
//!
//! Two doors keep a run as it is: only statements that read are planned, and the plan is verified to hold no
//! definition, change, copy or setting. Files are not read by their path: the engine knows registered tables only.
//!
//! Cells are text with a kind, so that faces need no knowledge of the engine's types. Instants are ISO 8601; lists and
//! structures are text too.

use std::ops::ControlFlow;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::{SchemaError, TableReference};
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as Ansi;
use datafusion::sql::sqlparser::parser::ParserError;
use futures::StreamExt;

use crate::engine::Engine;
use crate::error::{Error, Result};

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Words, instants, and all that is neither number nor truth value.
    Text,
    /// An integer or a decimal number: every digit counts.
    Exact,
    /// A floating-point number.
    Float,
    /// `true` or `false`.
    Truth,
}

/// A column of a table or an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name; a second column of one name is called `name_2`.
    pub name: String,
    /// The type, in the engine's words.
    pub data_type: String,
    /// What its cells are.
    pub kind: Kind,
}

/// Rows of an answer.
pub struct Rows<'a> {
    nulls: Vec<Option<NullBuffer>>,
    formatters: Vec<ArrayFormatter<'a>>,
    n_rows: usize,
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("n_rows", &self.n_rows).finish_non_exhaustive()
    }
}

impl<'a> Rows<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self> {
        let format = FormatOptions::new().with_display_error(true);
        let formatters = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &format))
            .collect::<std::result::Result<_, _>>()
            .map_err(|e| Error::Query { problem: format!("a column cannot be shown: {e}") })?;
        // A column of nothing and a dictionary with null values have nulls that only their logic knows.
        let nulls = batch.columns().iter().map(Array::logical_nulls).collect();
        Ok(Self { nulls, formatters, n_rows: batch.num_rows() })
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.n_rows
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.n_rows == 0
    }

    /// Hands the rows on, one by one; `None` is null.
    ///
    /// # Errors
    /// What `take` returns.
    pub fn each<E>(
        &self,
        mut take: impl FnMut(&[Option<&str>]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut text = String::new();
        let mut ends: Vec<Option<usize>> = Vec::with_capacity(self.formatters.len());
        for row in 0..self.n_rows {
            text.clear();
            ends.clear();
            for (nulls, formatter) in self.nulls.iter().zip(&self.formatters) {
                if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                    ends.push(None);
                } else {
                    // Errors of formatting are written into the text: the formatter is told so above.
                    let _ = formatter.value(row).write(&mut text);
                    ends.push(Some(text.len()));
                }
            }
            let mut start = 0;
            let cells: Vec<Option<&str>> =
                ends.iter().map(|end| end.map(|end| &text[std::mem::replace(&mut start, end)..end])).collect();
            take(&cells)?;
        }
        Ok(())
    }
}

/// Takes an answer: the columns once, then rows until there are no more or it wants none.
pub trait Sink {
    /// The columns; before any rows, and also when there are none.
    fn columns(&mut self, columns: &[Column]) -> ControlFlow<()>;
    /// Further rows.
    fn rows(&mut self, rows: &Rows<'_>) -> ControlFlow<()>;
}

impl Engine {
    /// Answers a query that only reads; `sink` gets the rows as they come, without all of them being held.
    ///
    /// # Errors
    /// [`Error::Query`] when the query does more than read, is not understood, names what does not exist or fails on
    /// the values it meets; [`Error::Engine`] when the engine is at fault.
    pub fn query_read_only(&self, sql: &str, sink: &mut dyn Sink) -> Result<()> {
        self.block_on(async {
            let plan = plan(self.session(), sql).await?;
            let columns = columns(&plan.schema().inner().clone());
            let mut stream = plan.execute_stream().await.map_err(|e| refusal(&e))?;
            let mut is_announced = false;
            while let Some(batch) = stream.next().await {
                let batch = batch.map_err(|e| refusal(&e))?;
                if !is_announced && sink.columns(&columns).is_break() {
                    return Ok(());
                }
                is_announced = true;
                if sink.rows(&Rows::of(&batch)?).is_break() {
                    return Ok(());
                }
            }
            if !is_announced {
                let _ = sink.columns(&columns);
            }
            Ok(())
        })
    }

    /// The registered tables that a query names; none where it is not understood.
    #[must_use]
    pub fn tables_of(&self, sql: &str) -> Vec<String> {
        let state = self.session().state();
        let Ok(statement) = parse(&state, sql) else { return Vec::new() };
        let names = state.resolve_table_references(&statement).unwrap_or_default();
        names.iter().map(|name| name.table().to_owned()).filter(|name| self.knows(name)).collect()
    }

    /// The columns of a registered table.
    ///
    /// # Errors
    /// [`Error::Engine`] when there is no such table.
    pub fn columns(&self, table: &str) -> Result<Vec<Column>> {
        self.block_on(async {
            let table = self.session().table(table).await.map_err(Error::engine(format!("looking at {table}")))?;
            Ok(columns(&table.schema().inner().clone()))
        })
    }

    fn knows(&self, table: &str) -> bool {
        self.session().table_exist(table).unwrap_or(false)
    }
}

fn parse(state: &SessionState, sql: &str) -> std::result::Result<Statement, DataFusionError> {
    state.sql_to_statement(sql, &state.config_options().sql_parser.dialect)
}

async fn plan(session: &SessionContext, sql: &str) -> Result<DataFrame> {
    if verb(sql).is_empty() {
        return Err(query("it is empty"));
    }
    let state = session.state();
    let statement = parse(&state, sql).map_err(|e| refusal(&e))?;
    if !reads(&statement) {
        return Err(Error::ReadOnly { statement: verb(sql) });
    }
    let names = state.resolve_table_references(&statement).map_err(|e| refusal(&e))?;
    let plan = state.statement_to_plan(statement).await.map_err(|e| {
        let unknown = names.iter().map(TableReference::table).find(|name| !session.table_exist(*name).unwrap_or(false));
        match unknown {
            Some(name)
                if e.to_string().contains(name) && !matches!(e.find_root(), DataFusionError::SchemaError(..)) =>
            {
                Error::UnknownTable { name: name.to_owned() }
            }
            _ => refusal(&e),
        }
    })?;
    only_reading().verify_plan(&plan).map_err(|_| Error::ReadOnly { statement: verb(sql) })?;
    Ok(DataFrame::new(state, plan))
}

fn only_reading() -> SQLOptions {
    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false)
}

/// Whether a statement is a query, an explanation of one, or a description of a table.
fn reads(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(ansi) => {
            matches!(**ansi, Ansi::Query(_) | Ansi::Explain { .. } | Ansi::ExplainTable { .. })
        }
        Statement::Explain(explain) => reads(&explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => false,
    }
}

/// The word that a statement starts with.
fn verb(sql: &str) -> String {
    sql.lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .flat_map(str::split_whitespace)
        .next()
        .unwrap_or_default()
        .trim_end_matches(';')
        .to_uppercase()
}

fn columns(schema: &SchemaRef) -> Vec<Column> {
    let mut found: Vec<Column> = Vec::new();
    for field in schema.fields() {
        let mut name = field.name().clone();
        let mut nth = 1;
        while found.iter().any(|column| column.name == name) {
            nth += 1;
            name = format!("{}_{nth}", field.name());
        }
        found.push(Column { name, data_type: type_name(field.data_type()), kind: kind(field.data_type()) });
    }
    found
}

fn kind(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Boolean => Kind::Truth,
        DataType::Dictionary(_, values) => kind(values),
        other if other.is_floating() => Kind::Float,
        other if other.is_numeric() => Kind::Exact,
        _ => Kind::Text,
    }
}

/// A type by a name that a reader of SQL knows, else the engine's.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Int32 => "integer".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(_, None) => "timestamp".to_owned(),
        DataType::Dictionary(_, values) => type_name(values),
        other => other.to_string(),
    }
}

/// The engine's answer to a query that is not its own, without what only its makers understand.
fn refusal(error: &DataFusionError) -> Error {
    let root = error.find_root();
    match root {
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, valid_fields } => Error::UnknownColumn {
                name: field.flat_name(),
                known: valid_fields.iter().map(|column| column.name().to_owned()).collect(),
            },
            other => query(&other.to_string()),
        },
        DataFusionError::SQL(parser, _) => match parser.as_ref() {
            ParserError::ParserError(text) | ParserError::TokenizerError(text) => query(text),
            ParserError::RecursionLimitExceeded => query("it is nested too deeply"),
        },
        DataFusionError::Internal(_) => Error::Engine {
            what: "a query".to_owned(),
            source: Box::new(DataFusionError::Internal(root.strip_backtrace())),
        },
        DataFusionError::Diagnostic(_, inner) => refusal(inner),
        DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => {
            query(&format!("a file of the run cannot be read ({})", root.message()))
        }
        DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
            ArrowError::CastError(text)
            | ArrowError::ComputeError(text)
            | ArrowError::ParseError(text)
            | ArrowError::InvalidArgumentError(text) => query(text),
            ArrowError::DivideByZero => query("it divides by zero"),
            other => query(&other.to_string()),
        },
        DataFusionError::NotImplemented(text) if text.contains("single SQL statement") => {
            query("it holds more than one statement")
        }
        other => query(&other.message()),
    }
}

fn query(problem: &str) -> Error {
    let sentence = problem.lines().next().unwrap_or_default().trim().trim_end_matches('.');
    Error::Query { problem: sentence.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::engine::EngineConfig;
    use crate::store::{self, Column as Stored};

    #[derive(Default)]
    struct Collected {
        columns: Vec<Column>,
        rows: Vec<Vec<Option<String>>>,
        most: usize,
    }

    impl Sink for Collected {
        fn columns(&mut self, columns: &[Column]) -> ControlFlow<()> {
            assert!(self.columns.is_empty() && self.rows.is_empty(), "columns come once and first");
            self.columns = columns.to_vec();
            ControlFlow::Continue(())
        }

        fn rows(&mut self, rows: &Rows<'_>) -> ControlFlow<()> {
            let keep = |row: &[Option<&str>]| -> std::result::Result<(), ()> {
                self.rows.push(row.iter().map(|cell| cell.map(str::to_owned)).collect());
                Ok(())
            };
            rows.each(keep).unwrap();
            if self.rows.len() >= self.most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }

    fn engine(dir: &tempfile::TempDir) -> Engine {
        let engine = Engine::open(&EngineConfig { batch_size: 2, ..EngineConfig::default() }).unwrap();
        let path = dir.path().join("t.parquet");
        let columns = [
            ("name", Stored::OptText(vec![Some("a".into()), None, Some(String::new()), Some("d".into())])),
            ("x", Stored::OptF64(vec![Some(0.5), Some(-2.0), None, Some(f64::NAN)])),
            ("n", Stored::I64(vec![1, -2, 3, 4])),
            ("at", Stored::Instant(vec![0, 1_500_000, 86_400_000_000, 1_323_432_000_000_000])),
            ("is", Stored::Bool(vec![true, false, true, true])),
        ];
        store::write_columns(&path, &columns).unwrap();
        engine.register("t", &path).unwrap();
        engine
    }

    fn ask(engine: &Engine, sql: &str, most: usize) -> Result<Collected> {
        let mut collected = Collected { most, ..Collected::default() };
        engine.query_read_only(sql, &mut collected)?;
        Ok(collected)
    }

    #[test]
    fn cells_are_text_with_a_kind() {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(&dir);
        let sql =
            "select a.name, a.x, a.n, a.at, a.\"is\", b.n, null as z from t a join t b on a.n = b.n order by a.at";
        let all = ask(&engine, sql, 9).unwrap();
        let kinds: Vec<(&str, Kind)> = all.columns.iter().map(|c| (c.name.as_str(), c.kind)).collect();
        assert_eq!(kinds[..3], [("name", Kind::Text), ("x", Kind::Float), ("n", Kind::Exact)]);
        assert_eq!(kinds[3..6], [("at", Kind::Text), ("is", Kind::Truth), ("n_2", Kind::Exact)]);
        let row = |at: usize| all.rows[at].iter().map(|c| c.as_deref().unwrap_or("NULL")).collect::<Vec<_>>().join(" ");
        assert_eq!(row(0), "a 0.5 1 1970-01-01T00:00:00 true 1 NULL");
        assert_eq!(row(1), "NULL -2.0 -2 1970-01-01T00:00:01.500 false -2 NULL");
        assert_eq!(all.rows[2][..2], [Some(String::new()), None]);
        assert_eq!(all.rows[3][1].as_deref(), Some("NaN"));
        // Who has seen enough gets no more; nothing found has columns too.
        assert_eq!(ask(&engine, "select n from t", 2).unwrap().rows.len(), 2);
        assert_eq!(ask(&engine, "select n from t where false", 2).unwrap().columns.len(), 1);
        assert_eq!(engine.tables_of("with c as (select * from t) select * from c, nowhere"), ["t"]);
    }

    const CHANGES: [&str; 8] = [
        "create table u as select * from t",
        "create view v as select * from t",
        "create external table e stored as parquet location 't.parquet'",
        "drop table t",
        "insert into t select * from t",
        "copy t to 'u.parquet'",
        "set datafusion.execution.batch_size = 1",
        "explain copy t to 'u.parquet'",
    ];

    #[test]
    fn only_reading_is_planned() {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(&dir);
        for sql in CHANGES {
            assert!(matches!(ask(&engine, sql, 1), Err(Error::ReadOnly { .. })), "{sql}");
            // The second door holds without the first.
            let plan = engine.block_on(engine.session().state().create_logical_plan(sql)).unwrap();
            assert!(only_reading().verify_plan(&plan).is_err(), "{sql}");
        }
        let error = ask(&engine, &format!("select * from '{}'", dir.path().join("t.parquet").display()), 1);
        assert!(matches!(error, Err(Error::UnknownTable { .. })));
        let Err(Error::UnknownColumn { name, known }) = ask(&engine, "select nn from t", 1) else { panic!() };
        assert!(name == "nn" && known.contains(&"n".to_owned()));
    }
}

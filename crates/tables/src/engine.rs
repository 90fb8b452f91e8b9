//! The SQL engine: the one door to DataFusion.
//!
//! [`session`] is the only place that makes a session, so that a cluster can take the embedded engine's place without
//! a change elsewhere (Ballista yields a `SessionContext` too). [`Engine`] wraps it with a runtime of its own and
//! blocking methods: the stages above are plain functions.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::ScalarValue;
use datafusion::dataframe::DataFrame;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::{CsvReadOptions, ParquetReadOptions, SessionConfig, SessionContext};
use futures::StreamExt;

use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::store::{self, BackgroundWriter};

/// How the engine may use the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineConfig {
    /// Worker threads and partitions; at least 1. Results do not depend on it.
    pub threads: usize,
    /// Rows in a batch. Results do not depend on it.
    pub batch_size: usize,
    /// Bytes the operators may hold before they spill to disk; `None` for no bound.
    pub memory_bytes: Option<usize>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { threads: 1, batch_size: 8192, memory_bytes: None }
    }
}

/// A value bound to a `$name` placeholder of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A string.
    Text(String),
    /// An integer.
    I64(i64),
    /// A floating-point number.
    F64(f64),
    /// A truth value.
    Bool(bool),
    /// An instant in microseconds since 1970-01-01, without time zone.
    Instant(i64),
}

impl Value {
    fn scalar(&self) -> ScalarValue {
        match self {
            Self::Text(v) => ScalarValue::Utf8(Some(v.clone())),
            Self::I64(v) => ScalarValue::Int64(Some(*v)),
            Self::F64(v) => ScalarValue::Float64(Some(*v)),
            Self::Bool(v) => ScalarValue::Boolean(Some(*v)),
            Self::Instant(v) => ScalarValue::TimestampMicrosecond(Some(*v), None),
        }
    }
}

/// Makes a session on this machine.
///
/// # Errors
/// [`Error::Engine`] when the runtime cannot be set up.
pub fn session(config: &EngineConfig) -> Result<SessionContext> {
    let options = SessionConfig::new()
        .with_target_partitions(config.threads.max(1))
        .with_batch_size(config.batch_size)
        // A file below this size is read by one task; splitting a few megabytes costs more than it gives.
        .with_repartition_file_min_size(4 << 20)
        .with_information_schema(false);
    let mut runtime = RuntimeEnvBuilder::new();
    if let Some(bytes) = config.memory_bytes {
        runtime = runtime.with_memory_pool(Arc::new(FairSpillPool::new(bytes)));
    }
    let runtime = runtime.build_arc().map_err(Error::engine("its set-up"))?;
    let state =
        SessionStateBuilder::new().with_config(options).with_runtime_env(runtime).with_default_features().build();
    Ok(SessionContext::new_with_state(state))
}

/// A session with its own runtime and blocking methods.
pub struct Engine {
    session: SessionContext,
    runtime: tokio::runtime::Runtime,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens an engine.
    ///
    /// # Errors
    /// [`Error::Engine`] or [`Error::Io`] when the session or its threads cannot be set up.
    pub fn open(config: &EngineConfig) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(config.threads.max(1))
            .enable_all()
            .build()
            .map_err(Error::io(Path::new("worker threads")))?;
        let session = {
            let _inside = runtime.enter();
            session(config)?
        };
        Ok(Self { session, runtime })
    }

    /// Makes a Parquet file, or a folder of files that may be partitioned as `as_of=…`, known as `table`; an older
    /// table of that name is replaced.
    ///
    /// # Errors
    /// [`Error::Engine`] when the file does not exist or is no Parquet.
    pub fn register(&self, table: &str, path: &Path) -> Result<()> {
        let what = format!("opening {}", path.display());
        let text = path.to_string_lossy();
        self.session.deregister_table(table).map_err(Error::engine(what.clone()))?;
        let mut options = ParquetReadOptions::default();
        if is_partitioned(path) {
            options = options.table_partition_cols(vec![("as_of".to_owned(), DataType::Utf8)]);
        }
        self.runtime.block_on(self.session.register_parquet(table, text.as_ref(), options)).map_err(Error::engine(what))
    }

    /// Makes a CSV file with a header known as `table`. Types are found from all of its rows; a column named
    /// `customer_id` is text, whatever it looks like.
    ///
    /// # Errors
    /// [`Error::Engine`] when the file does not exist or is no CSV.
    pub fn register_csv(&self, table: &str, path: &Path) -> Result<()> {
        let what = format!("opening {}", path.display());
        let text = path.to_string_lossy();
        let options = CsvReadOptions::new().schema_infer_max_records(usize::MAX).newlines_in_values(true);
        self.runtime
            .block_on(async {
                let found = self.session.read_csv(text.as_ref(), options.clone()).await?;
                let fields: Vec<Field> = found
                    .schema()
                    .fields()
                    .iter()
                    .map(|field| match field.name().as_str() {
                        "customer_id" => Field::new("customer_id", DataType::Utf8, true),
                        _ => field.as_ref().clone(),
                    })
                    .collect();
                self.session.register_csv(table, text.as_ref(), options.schema(&Schema::new(fields))).await
            })
            .map_err(Error::engine(what))
    }

    /// Runs a query and gives its rows.
    ///
    /// # Errors
    /// [`Error::Engine`] when the query is refused or fails.
    pub fn select(&self, sql: &str, params: &[(&str, Value)]) -> Result<Frame> {
        self.runtime.block_on(async {
            let plan = self.plan(sql, params).await?;
            let schema = Arc::new(plan.schema().as_arrow().clone());
            let batches = plan.collect().await.map_err(Error::engine(title(sql)))?;
            Ok(Frame::new(schema, batches))
        })
    }

    /// Runs a query and hands its batches on, in the query's order, without holding them all.
    ///
    /// # Errors
    /// [`Error::Engine`] when the query is refused or fails, and whatever `sink` returns.
    pub fn stream(
        &self,
        sql: &str,
        params: &[(&str, Value)],
        sink: &mut dyn FnMut(RecordBatch) -> Result<()>,
    ) -> Result<()> {
        self.runtime.block_on(async {
            let plan = self.plan(sql, params).await?;
            let mut stream = plan.execute_stream().await.map_err(Error::engine(title(sql)))?;
            while let Some(batch) = stream.next().await {
                sink(batch.map_err(Error::engine(title(sql)))?)?;
            }
            Ok(())
        })
    }

    /// Runs a query and writes its rows, in its order, to one Parquet file; gives their number.
    ///
    /// # Errors
    /// [`Error::Engine`] when the query is refused or fails, or the file cannot be written.
    pub fn write(&self, sql: &str, params: &[(&str, Value)], path: &Path) -> Result<u64> {
        self.write_each(sql, &[params], path)
    }

    /// Runs a query once with each of several sets of values and writes all rows to one Parquet file; gives their
    /// number. What one set needs in memory is free before the next.
    ///
    /// # Errors
    /// [`Error::Engine`] when the query is refused or fails, or the file cannot be written; [`Error::Contract`] without
    /// a set of values.
    pub fn write_each(&self, sql: &str, sets: &[&[(&str, Value)]], path: &Path) -> Result<u64> {
        self.runtime.block_on(async {
            let mut writer: Option<BackgroundWriter> = None;
            for params in sets {
                let plan = self.plan(sql, params).await?;
                let mut stream = plan.execute_stream().await.map_err(Error::engine(title(sql)))?;
                let open = match &mut writer {
                    Some(open) => open,
                    None => writer.insert(BackgroundWriter::create(path, stream.schema())?),
                };
                while let Some(batch) = stream.next().await {
                    open.push(batch.map_err(Error::engine(title(sql)))?)?;
                }
            }
            let nothing =
                || Error::Contract { table: path.display().to_string(), problem: "nothing was asked of it".to_owned() };
            writer.ok_or_else(nothing)?.finish()
        })
    }

    /// Runs a query whose rows come ordered by `as_of` (text) and writes one file `as_of=VALUE/part-0.parquet` for
    /// each value under `dir`; gives the number of rows.
    ///
    /// # Errors
    /// [`Error::Engine`] when the query fails, [`Error::Contract`] when there is no `as_of`, [`Error::Io`] when a
    /// file cannot be written.
    pub fn write_partitioned(&self, sql: &str, params: &[(&str, Value)], dir: &Path) -> Result<u64> {
        let mut writer = store::PartitionWriter::new(dir);
        self.stream(sql, params, &mut |batch| writer.push(&batch))?;
        writer.finish()
    }

    pub(crate) fn session(&self) -> &SessionContext {
        &self.session
    }

    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    async fn plan(&self, sql: &str, params: &[(&str, Value)]) -> Result<DataFrame> {
        let frame = self.session.sql(sql).await.map_err(Error::engine(title(sql)))?;
        if params.is_empty() {
            return Ok(frame);
        }
        let values: Vec<(String, ScalarValue)> =
            params.iter().map(|(name, value)| ((*name).to_owned(), value.scalar())).collect();
        frame.with_param_values(values).map_err(Error::engine(title(sql)))
    }
}

fn is_partitioned(path: &Path) -> bool {
    let is_part = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|e| e.file_name().to_string_lossy().starts_with("as_of="))
    };
    std::fs::read_dir(path).is_ok_and(|mut entries| entries.any(is_part))
}

/// The first words of a query, to name it in an error.
fn title(sql: &str) -> String {
    let first = sql.lines().find(|line| !line.trim().is_empty()).unwrap_or("an empty query");
    first.trim_start_matches("--").trim().chars().take(80).collect()
}

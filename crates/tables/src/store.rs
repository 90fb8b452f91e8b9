//! Parquet files: columns in, the same bytes out for the same columns.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::compute::{cast, concat_batches, filter_record_batch, is_not_null, is_null};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_writer::ArrowWriterOptions;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;

use crate::error::{Error, Result};

/// What our Parquet files name as their writer; no version, so that a new release writes the same bytes.
const CREATED_BY: &str = "tenure";
/// Rows of a row group: a query reads as many at a time as it has threads, so a file must hold several.
const ROW_GROUP_ROWS: usize = 1 << 17;

/// A column of plain values.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Text without nulls.
    Text(Vec<String>),
    /// Text.
    OptText(Vec<Option<String>>),
    /// Numbers without nulls.
    F64(Vec<f64>),
    /// Numbers.
    OptF64(Vec<Option<f64>>),
    /// Integers without nulls.
    I64(Vec<i64>),
    /// Integers.
    OptI64(Vec<Option<i64>>),
    /// Truth values.
    Bool(Vec<bool>),
    /// Instants in microseconds since 1970-01-01, without time zone.
    Instant(Vec<i64>),
}

impl Column {
    /// Its cells as a CSV file spells them: what is null is empty.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        fn all<T: ToString>(values: &[T]) -> Vec<String> {
            values.iter().map(T::to_string).collect()
        }
        fn known<T: ToString>(values: &[Option<T>]) -> Vec<String> {
            values.iter().map(|v| v.as_ref().map(T::to_string).unwrap_or_default()).collect()
        }
        match self {
            Self::Text(v) => v.clone(),
            Self::OptText(v) => known(v),
            Self::F64(v) => all(v),
            Self::OptF64(v) => known(v),
            Self::I64(v) | Self::Instant(v) => all(v),
            Self::OptI64(v) => known(v),
            Self::Bool(v) => all(v),
        }
    }

    fn array(&self) -> ArrayRef {
        match self {
            Self::Text(v) => Arc::new(StringArray::from_iter_values(v)),
            Self::OptText(v) => Arc::new(v.iter().map(Option::as_deref).collect::<StringArray>()),
            Self::F64(v) => Arc::new(Float64Array::from(v.clone())),
            Self::OptF64(v) => Arc::new(Float64Array::from(v.clone())),
            Self::I64(v) => Arc::new(Int64Array::from(v.clone())),
            Self::OptI64(v) => Arc::new(Int64Array::from(v.clone())),
            Self::Bool(v) => Arc::new(BooleanArray::from(v.clone())),
            Self::Instant(v) => Arc::new(TimestampMicrosecondArray::from(v.clone())),
        }
    }
}

/// Writes columns of one length to a Parquet file; gives the number of rows.
///
/// # Errors
/// [`Error::Contract`] when the columns differ in length, [`Error::Io`] when the file cannot be written.
pub fn write_columns(path: &Path, columns: &[(&str, Column)]) -> Result<u64> {
    let batch = batch(columns)?;
    let mut writer = FileWriter::create(path, batch.schema())?;
    writer.push(&batch)?;
    writer.finish()
}

/// Columns of one length as a batch, for a [`FileWriter`].
///
/// # Errors
/// [`Error::Contract`] when the columns differ in length.
pub fn batch(columns: &[(&str, Column)]) -> Result<RecordBatch> {
    let arrays: Vec<ArrayRef> = columns.iter().map(|(_, column)| column.array()).collect();
    let fields: Vec<Field> = columns
        .iter()
        .zip(&arrays)
        .map(|((name, column), array)| {
            let nullable = matches!(column, Column::OptText(_) | Column::OptF64(_) | Column::OptI64(_));
            Field::new(*name, array.data_type().clone(), nullable)
        })
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|e| Error::Contract { table: "columns".to_owned(), problem: e.to_string() })
}

/// Rows that are handed to the encoder at a time. Where a page ends depends on it, so it must not be the engine's batch
/// size, nor what a filter left of it; row groups hold a whole number of them.
const CHUNK_ROWS: usize = 1 << 13;

/// Writes record batches of one schema to a Parquet file, one after the other. The bytes depend on the rows, not on how
/// they are cut into batches.
pub struct FileWriter {
    path: PathBuf,
    writer: ArrowWriter<File>,
    waiting: Vec<RecordBatch>,
    rows: u64,
}

impl std::fmt::Debug for FileWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileWriter").field("path", &self.path).field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl FileWriter {
    /// Creates the file, and the folders that lead to it.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be created.
    pub fn create(path: &Path, schema: SchemaRef) -> Result<Self> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
        }
        let file = File::create(path).map_err(Error::io(path))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_created_by(CREATED_BY.to_owned())
            .build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(file, schema, options).map_err(parquet(path))?;
        Ok(Self { path: path.to_path_buf(), writer, waiting: Vec::new(), rows: 0 })
    }

    /// Appends a batch.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        let mut waiting: usize = self.waiting.iter().map(RecordBatch::num_rows).sum();
        let mut start = 0;
        while start < batch.num_rows() {
            let length = (CHUNK_ROWS - waiting).min(batch.num_rows() - start);
            self.waiting.push(batch.slice(start, length));
            (start, waiting) = (start + length, waiting + length);
            if waiting == CHUNK_ROWS {
                self.encode()?;
                waiting = 0;
            }
        }
        Ok(())
    }

    fn encode(&mut self) -> Result<()> {
        let chunk = match self.waiting.as_slice() {
            [] => return Ok(()),
            [whole] => whole.clone(),
            parts => concat_batches(&parts[0].schema(), parts)
                .map_err(|e| Error::Contract { table: self.path.display().to_string(), problem: e.to_string() })?,
        };
        self.waiting.clear();
        self.writer.write(&chunk).map_err(parquet(&self.path))
    }

    /// Writes the footer; gives the number of rows.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written.
    pub fn finish(mut self) -> Result<u64> {
        self.encode()?;
        self.writer.close().map_err(parquet(&self.path))?;
        Ok(self.rows)
    }
}

/// A [`FileWriter`] on a thread of its own, so that reading goes on while the last batch is being encoded.
#[derive(Debug)]
pub struct BackgroundWriter {
    batches: Option<SyncSender<RecordBatch>>,
    thread: Option<JoinHandle<Result<u64>>>,
    path: PathBuf,
}

impl BackgroundWriter {
    /// Creates the file and starts the thread.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be created.
    pub fn create(path: &Path, schema: SchemaRef) -> Result<Self> {
        let mut writer = FileWriter::create(path, schema)?;
        let (batches, queue) = std::sync::mpsc::sync_channel::<RecordBatch>(2);
        let thread = std::thread::spawn(move || {
            for batch in queue {
                writer.push(&batch)?;
            }
            writer.finish()
        });
        Ok(Self { batches: Some(batches), thread: Some(thread), path: path.to_path_buf() })
    }

    /// Hands a batch over; waits while the thread is more than two batches behind.
    ///
    /// # Errors
    /// What made the writer stop, as [`FileWriter::push`].
    pub fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let sent = self.batches.as_ref().is_some_and(|queue| queue.send(batch).is_ok());
        if sent { Ok(()) } else { self.join().and_then(|_| Err(self.stopped())) }
    }

    /// Waits for the last batch and writes the footer; gives the number of rows.
    ///
    /// # Errors
    /// As [`FileWriter::push`] and [`FileWriter::finish`].
    pub fn finish(mut self) -> Result<u64> {
        self.join()
    }

    fn join(&mut self) -> Result<u64> {
        self.batches = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) | None => Err(self.stopped()),
        }
    }

    fn stopped(&self) -> Error {
        Error::Io { path: self.path.clone(), source: std::io::Error::other("the writing thread stopped") }
    }
}

/// Splits batches that come ordered by `as_of` into one file for each value.
#[derive(Debug)]
pub(crate) struct PartitionWriter {
    dir: PathBuf,
    open: Option<(String, FileWriter)>,
    rows: u64,
}

impl PartitionWriter {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf(), open: None, rows: 0 }
    }

    pub(crate) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let missing = || Error::Contract {
            table: self.dir.display().to_string(),
            problem: "the query to be partitioned has no text column as_of".to_owned(),
        };
        let index = batch.schema().index_of("as_of").map_err(|_| missing())?;
        let keys = cast(batch.column(index), &DataType::Utf8).map_err(|_| missing())?;
        let keys = keys.as_string::<i32>();
        let mut rest = batch.clone();
        rest.remove_column(index);
        let mut start = 0;
        while start < keys.len() {
            let key = keys.value(start);
            let length = (start..keys.len()).take_while(|&i| keys.value(i) == key).count();
            let part = rest.slice(start, length);
            self.writer_of(key, part.schema())?.push(&part)?;
            start += length;
        }
        Ok(())
    }

    fn writer_of(&mut self, key: &str, schema: SchemaRef) -> Result<&mut FileWriter> {
        if self.open.as_ref().is_none_or(|(open, _)| open != key) {
            self.close()?;
            let path = self.dir.join(format!("as_of={key}")).join("part-0.parquet");
            self.open = Some((key.to_owned(), FileWriter::create(&path, schema)?));
        }
        match &mut self.open {
            Some((_, writer)) => Ok(writer),
            None => Err(Error::Contract { table: key.to_owned(), problem: "its file is not open".to_owned() }),
        }
    }

    fn close(&mut self) -> Result<()> {
        if let Some((_, writer)) = self.open.take() {
            self.rows += writer.finish()?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<u64> {
        self.close()?;
        Ok(self.rows)
    }
}

/// Writes the rows of batches to one of two files, by a column that is null for the first.
#[derive(Debug)]
pub struct SplitWriter {
    by: &'static str,
    kept_columns: Vec<usize>,
    kept: BackgroundWriter,
    other: FileWriter,
}

impl SplitWriter {
    /// Creates both files. Rows whose column `by` is null go to `kept`, without the columns named in `only_other`;
    /// all other rows go to `other` with every column.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be created, [`Error::Contract`] when `by` is no column of the schema.
    pub fn create(
        schema: &SchemaRef,
        by: &'static str,
        only_other: &[&str],
        kept: &Path,
        other: &Path,
    ) -> Result<Self> {
        if schema.index_of(by).is_err() {
            return Err(Error::Contract { table: other.display().to_string(), problem: format!("no column {by}") });
        }
        let kept_columns: Vec<usize> =
            (0..schema.fields().len()).filter(|&i| !only_other.contains(&schema.field(i).name().as_str())).collect();
        let kept_schema = schema
            .project(&kept_columns)
            .map_err(|e| Error::Contract { table: kept.display().to_string(), problem: e.to_string() })?;
        Ok(Self {
            by,
            kept_columns,
            kept: BackgroundWriter::create(kept, Arc::new(kept_schema))?,
            other: FileWriter::create(other, Arc::clone(schema))?,
        })
    }

    /// Sends each row to its file.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be written.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let broken = |e: datafusion::arrow::error::ArrowError| Error::Contract {
            table: self.by.to_owned(),
            problem: e.to_string(),
        };
        let column = batch
            .column_by_name(self.by)
            .ok_or_else(|| Error::Contract { table: "split".to_owned(), problem: format!("no column {}", self.by) })?;
        let is_kept = is_null(column).map_err(broken)?;
        let is_other = is_not_null(column).map_err(broken)?;
        let kept = batch.project(&self.kept_columns).map_err(broken)?;
        self.kept.push(filter_record_batch(&kept, &is_kept).map_err(broken)?)?;
        let other = filter_record_batch(batch, &is_other).map_err(broken)?;
        self.other.push(&other)
    }

    /// Closes both files; gives the number of rows kept and of the others.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be written.
    pub fn finish(self) -> Result<(u64, u64)> {
        Ok((self.kept.finish()?, self.other.finish()?))
    }
}

fn parquet(path: &Path) -> impl FnOnce(ParquetError) -> Error + '_ {
    move |source| {
        let source = match source {
            ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
                Ok(io) => *io,
                Err(other) => std::io::Error::other(other),
            },
            other => std::io::Error::other(other),
        };
        Error::Io { path: path.to_path_buf(), source }
    }
}

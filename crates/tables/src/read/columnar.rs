//! Parquet: any kind of text, integers, floats, decimals, dates and timestamps of any unit, into the canonical table.
//!
//! Text is read as views, so that a dictionary's long value is held once however often it occurs. Old INT96
//! timestamps are read in microseconds: as nanoseconds those outside 1677-2262 would silently wrap.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringViewArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use datafusion::parquet::basic::Type as Physical;
use datafusion::parquet::errors::ParquetError;

use super::columns::{self, Kind, Mapping};
use super::date::DAY;
use super::form::Form;
use super::records::FIELD_BYTES;
use super::rows::{Cell, Cells, Reason, Row, Table, Visit};
use super::{ReadOptions, Walk};
use crate::error::{Error, Result};

const BATCH: usize = 8_192;
const PREVIEW: usize = 5;
const PREVIEW_COLUMNS: usize = 50;

/// An opened Parquet file.
pub(crate) struct Columnar {
    path: PathBuf,
    file: String,
    metadata: ArrowReaderMetadata,
    table: Table,
}

impl Columnar {
    /// Opens a file, maps its columns and checks their types.
    pub(crate) fn open(path: &Path, file: &str, options: &ReadOptions, form: Form<'_>) -> Result<Self> {
        let opened = File::open(path).map_err(Error::io(path))?;
        let plain = ArrowReaderMetadata::load(&opened, ArrowReaderOptions::new()).map_err(|e| damaged(file, &e))?;
        let schema = readable(&plain);
        let metadata = ArrowReaderMetadata::try_new(
            Arc::clone(plain.metadata()),
            ArrowReaderOptions::new().with_schema(Arc::new(schema)),
        )
        .map_err(|e| damaged(file, &e))?;
        let headers: Vec<String> = metadata.schema().fields().iter().map(|f| f.name().clone()).collect();
        let mapping = form.map(file, &headers, &options.columns)?;
        for (canonical, header) in mapping.pairs() {
            check_type(file, &mapping, canonical, metadata.schema().field(header))?;
        }
        let mut opened = Self {
            path: path.to_path_buf(),
            file: file.to_owned(),
            metadata,
            table: Table {
                source: file.to_owned(),
                sheet: None,
                header_row: 0,
                headers,
                mapping,
                first_rows: Vec::new(),
                serials_from_1904: None,
            },
        };
        opened.table.first_rows = opened.preview()?;
        Ok(opened)
    }

    fn reader(&self, columns: Vec<usize>, limit: Option<usize>) -> Result<ParquetRecordBatchReader> {
        let file = File::open(&self.path).map_err(Error::io(&self.path))?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let mask = ProjectionMask::roots(builder.parquet_schema(), columns);
        let builder = builder.with_projection(mask).with_batch_size(BATCH);
        let builder = match limit {
            Some(limit) => builder.with_limit(limit),
            None => builder,
        };
        builder.build().map_err(|e| damaged(&self.file, &e))
    }

    fn preview(&self) -> Result<Vec<Vec<String>>> {
        let fields = self.metadata.schema().fields();
        let mapped: Vec<usize> = self.table.mapping.pairs().map(|(_, header)| header).collect();
        let shown: Vec<usize> = (0..fields.len())
            .filter(|at| !fields[*at].data_type().is_nested() && (*at < PREVIEW_COLUMNS || mapped.contains(at)))
            .collect();
        let mut rows = Vec::new();
        for batch in self.reader(shown.clone(), Some(PREVIEW))? {
            let batch = batch.map_err(|e| self.broken(rows.len() as u64, &e.to_string()))?;
            let format = FormatOptions::default();
            for row in 0..batch.num_rows() {
                let mut cells = vec![String::new(); fields.len()];
                for (column, at) in shown.iter().enumerate() {
                    if let Ok(formatter) = ArrayFormatter::try_new(batch.column(column), &format) {
                        cells[*at] = formatter.value(row).to_string().chars().take(200).collect();
                    }
                }
                rows.push(cells);
            }
        }
        Ok(rows)
    }

    fn broken(&self, rows: u64, problem: &str) -> Error {
        Error::Read {
            file: self.file.clone(),
            place: Some(format!("after row {rows}")),
            problem: format!("the Parquet data are damaged: {}", short(problem)),
            cure: "fetch or write the file again".to_owned(),
        }
    }
}

impl Walk for Columnar {
    fn tables(&self) -> &[Table] {
        std::slice::from_ref(&self.table)
    }

    fn walk(&mut self, _: usize, visit: &mut Visit<'_>) -> Result<Vec<String>> {
        let slots = self.table.mapping.slots();
        let mut pairs: Vec<(usize, usize)> = self.table.mapping.pairs().collect();
        let reader = self.reader(pairs.iter().map(|(_, header)| *header).collect(), None)?;
        // A projection keeps the file's order.
        pairs.sort_by_key(|(_, header)| *header);
        let mut place: Vec<usize> = pairs.iter().map(|(_, header)| *header).collect();
        place.dedup();
        let mut done: u64 = 0;
        for batch in reader {
            let batch: RecordBatch = batch.map_err(|e| self.broken(done, &e.to_string()))?;
            let mut values = Vec::with_capacity(pairs.len());
            for (canonical, header) in &pairs {
                let column = place.binary_search(header).unwrap_or_default();
                let array = batch.column(column);
                values.push((
                    *canonical,
                    Values::new(array, columns::kind(*canonical)).map_err(|e| self.broken(done, &e))?,
                ));
            }
            for at in 0..batch.num_rows() {
                let line = i64::try_from(done).unwrap_or(i64::MAX - 1) + 1;
                let mut row = Row { line, cells: Cells::empty(slots), fault: None, raw: None };
                for (canonical, values) in &values {
                    row.cells[*canonical] = values.cell(at);
                }
                done += 1;
                if !visit(&row)? {
                    return Ok(Vec::new());
                }
            }
        }
        Ok(Vec::new())
    }
}

/// The schema as it is best read: text and bytes as views, INT96 in microseconds.
fn readable(metadata: &ArrowReaderMetadata) -> Schema {
    let parquet = metadata.parquet_schema();
    let fields: Vec<Field> = metadata
        .schema()
        .fields()
        .iter()
        .enumerate()
        .map(|(root, field)| {
            let values = match field.data_type() {
                DataType::Dictionary(_, values) => values.as_ref(),
                other => other,
            };
            let kind = match values {
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8View,
                DataType::Binary | DataType::LargeBinary | DataType::BinaryView => DataType::BinaryView,
                DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
                    let old = (0..parquet.num_columns()).any(|leaf| {
                        parquet.get_column_root_idx(leaf) == root
                            && parquet.column(leaf).physical_type() == Physical::INT96
                    });
                    if old {
                        DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
                    } else {
                        field.data_type().clone()
                    }
                }
                _ => field.data_type().clone(),
            };
            field.as_ref().clone().with_data_type(kind)
        })
        .collect();
    Schema::new_with_metadata(fields, metadata.schema().metadata().clone())
}

fn check_type(file: &str, mapping: &Mapping, canonical: usize, field: &Field) -> Result<()> {
    let kind = match field.data_type() {
        DataType::Dictionary(_, values) => values.as_ref(),
        other => other,
    };
    let text = matches!(kind, DataType::Utf8View | DataType::BinaryView | DataType::Utf8 | DataType::LargeUtf8);
    let number = kind.is_numeric();
    let instant = matches!(kind, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64);
    let (name, section) = (mapping.name(canonical), mapping.section());
    let (fits, needs) = match columns::kind(canonical) {
        Kind::Id => (text || number, "text or integers"),
        Kind::Text => (text || number || *kind == DataType::Boolean, "text"),
        Kind::Number => (text || number, "numbers, or numbers as text"),
        Kind::Instant => (text || instant || kind.is_integer(), "timestamps, dates, or dates as text"),
        Kind::Attribute if !(text || number || instant || *kind == DataType::Boolean || *kind == DataType::Null) => {
            return Err(Error::Read {
                file: file.to_owned(),
                place: Some(format!("column '{}'", field.name())),
                problem: format!(
                    "an attribute is a number, a text or true or false, but this is {}",
                    field.data_type()
                ),
                cure: format!("leave it out with [customers] ignore = [\"{}\"]", field.name()),
            });
        }
        Kind::Attribute => (true, ""),
    };
    if fits || *kind == DataType::Null {
        return Ok(());
    }
    Err(Error::Read {
        file: file.to_owned(),
        place: Some(format!("column '{}'", field.name())),
        problem: format!("{name} needs {needs}, but the column holds {}", field.data_type()),
        cure: format!(
            "name the right column in tenure.toml: [{section}] {name} = \"...\", or convert it in the export"
        ),
    })
}

/// A column, ready to give cells.
enum Values {
    None,
    Text(StringViewArray),
    Bytes(BinaryViewArray),
    Int(Int64Array),
    Float(Float64Array),
    Bool(BooleanArray),
    /// Counts of a unit; microseconds = count × multiply / divide.
    Instant {
        counts: Int64Array,
        multiply: i64,
        divide: i64,
    },
}

impl Values {
    fn new(array: &ArrayRef, kind: Kind) -> std::result::Result<Self, String> {
        let to = |to: &DataType| cast(array, to).map_err(|e| e.to_string());
        let int = |array: &ArrayRef| array.as_primitive::<datafusion::arrow::datatypes::Int64Type>().clone();
        Ok(match array.data_type() {
            DataType::Null => Self::None,
            DataType::Utf8View => Self::Text(array.as_string_view().clone()),
            DataType::Utf8 | DataType::LargeUtf8 => Self::Text(to(&DataType::Utf8View)?.as_string_view().clone()),
            DataType::BinaryView => Self::Bytes(array.as_binary_view().clone()),
            DataType::Boolean => Self::Bool(array.as_boolean().clone()),
            DataType::Dictionary(_, values) => Self::new(&to(values)?, kind)?,
            // As text no digit is lost; a cast to Int64 would null what does not fit.
            DataType::UInt64 => Self::Text(to(&DataType::Utf8View)?.as_string_view().clone()),
            other if other.is_integer() => Self::Int(int(&to(&DataType::Int64)?)),
            DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
                decimals(to(&DataType::Utf8)?.as_string::<i32>(), kind)
            }
            other if other.is_floating() => {
                let floats = to(&DataType::Float64)?;
                Self::Float(floats.as_primitive::<datafusion::arrow::datatypes::Float64Type>().clone())
            }
            DataType::Timestamp(unit, _) => {
                let (multiply, divide) = match unit {
                    TimeUnit::Second => (1_000_000, 1),
                    TimeUnit::Millisecond => (1_000, 1),
                    TimeUnit::Microsecond => (1, 1),
                    TimeUnit::Nanosecond => (1, 1_000),
                };
                Self::Instant { counts: int(&to(&DataType::Int64)?), multiply, divide }
            }
            DataType::Date32 => {
                let days = to(&DataType::Int32).and_then(|d| cast(&d, &DataType::Int64).map_err(|e| e.to_string()))?;
                Self::Instant { counts: int(&days), multiply: DAY, divide: 1 }
            }
            DataType::Date64 => Self::Instant { counts: int(&to(&DataType::Int64)?), multiply: 1_000, divide: 1 },
            other => return Err(format!("a column of {other} cannot be read")),
        })
    }

    fn cell(&self, at: usize) -> Cell<'_> {
        match self {
            Self::Text(values) if values.is_valid(at) => text(values.value(at)),
            Self::Bytes(values) if values.is_valid(at) => match std::str::from_utf8(values.value(at)) {
                Ok(value) => text(value),
                Err(_) => Cell::Refused(Reason::BadEncoding, "(bytes that are no text)"),
            },
            Self::Int(values) if values.is_valid(at) => Cell::Int(values.value(at)),
            Self::Float(values) if values.is_valid(at) => Cell::Float(values.value(at)),
            Self::Bool(values) if values.is_valid(at) => Cell::Bool(values.value(at)),
            Self::Instant { counts, multiply, divide } if counts.is_valid(at) => {
                Cell::Instant(counts.value(at).div_euclid(*divide).checked_mul(*multiply).unwrap_or(i64::MAX))
            }
            _ => Cell::Empty,
        }
    }
}

fn text(value: &str) -> Cell<'_> {
    if value.len() > FIELD_BYTES {
        return Cell::Refused(Reason::HugeCell, "(a value of more than 1 MB)");
    }
    if value.is_empty() { Cell::Empty } else { Cell::Text(value) }
}

/// Decimals: the nearest double for a number; for an id the digits, without a fraction of zeros.
fn decimals(values: &datafusion::arrow::array::StringArray, kind: Kind) -> Values {
    if matches!(kind, Kind::Number | Kind::Attribute) {
        return Values::Float(values.iter().map(|value| value.and_then(|v| v.parse().ok())).collect());
    }
    Values::Text(
        values
            .iter()
            .map(|value| {
                value.map(|v| match v.split_once('.') {
                    Some((whole, fraction)) if fraction.bytes().all(|b| b == b'0') => whole,
                    _ => v,
                })
            })
            .collect(),
    )
}

fn damaged(file: &str, error: &ParquetError) -> Error {
    Error::Read {
        file: file.to_owned(),
        place: None,
        problem: format!("this is not a whole Parquet file: {}", short(&error.to_string())),
        cure: "fetch or write the file again; a copy that was cut short ends without its footer".to_owned(),
    }
}

fn short(message: &str) -> String {
    message.lines().next().unwrap_or_default().chars().take(200).collect()
}

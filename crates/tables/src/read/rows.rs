//! What every format has in common: a row of cells, one walk over a table's rows, and the canonical batches they
//! become. A row is either kept whole or refused whole, with the first reason in the order of the table.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Float64Builder, Int64Builder, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondBuilder,
    new_null_array,
};
use serde::Serialize;

use super::columns::{CANONICAL, COLUMNS, DISCOUNT, Kind, Mapping, ORDERED_AT, transactions_schema};
use super::date::{self, DateOrder, Instant};
use super::number::{self, DecimalMark, Number};
use crate::error::{Error, Result};

/// Rows of a batch.
pub(crate) const BATCH_ROWS: usize = 65_536;
/// Text of a batch: whatever the cells hold, a batch stays below this and one row.
const BATCH_BYTES: usize = 64 << 20;
/// Rejected rows handed over at a time.
const REJECTS_AT_ONCE: usize = 256;
/// A record's text is kept up to here.
const RECORD_CHARS: usize = 4_096;

/// Why a row was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// Fewer fields than headers.
    ShortRow,
    /// More fields than headers.
    LongRow,
    /// Text after a closing quote.
    BadQuoting,
    /// Bytes that are no text in the file's encoding.
    BadEncoding,
    /// A cell larger than 1 MB.
    HugeCell,
    /// A spreadsheet error such as `#N/A` where a value is needed.
    CellError,
    /// A number that is no integer, or a truth value or date, where an id is needed.
    BadId,
    /// No time of order.
    MissingDate,
    /// Not a date of 1900-2200 in the column's order of day and month.
    BadDate,
    /// Not a number, or one against the column's decimal mark.
    BadNumber,
    /// NaN, infinite, or beyond a double.
    NotFinite,
    /// Beyond ±1e14, which no sum of money can hold.
    OutOfRange,
}

impl Reason {
    /// The code that the quarantine stores.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::ShortRow => "short_row",
            Self::LongRow => "long_row",
            Self::BadQuoting => "bad_quoting",
            Self::BadEncoding => "bad_encoding",
            Self::HugeCell => "huge_cell",
            Self::CellError => "cell_error",
            Self::BadId => "bad_id",
            Self::MissingDate => "missing_date",
            Self::BadDate => "bad_date",
            Self::BadNumber => "bad_number",
            Self::NotFinite => "not_finite",
            Self::OutOfRange => "out_of_range",
        }
    }
}

/// A row that was not read, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// File name, plus `#sheet` for a workbook.
    pub source: String,
    /// Line, spreadsheet row or Parquet row, from 1.
    pub line_no: i64,
    /// The canonical column at fault, none when the whole row is.
    pub column: Option<&'static str>,
    /// The offending value, none when the whole row is at fault.
    pub value: Option<String>,
    /// Why.
    pub reason: Reason,
    /// The record as the source has it (text files), else its mapped cells as CSV; at most 4,096 characters.
    pub record: String,
}

/// What comes out of a walk.
pub(crate) enum Event {
    Batch(RecordBatch),
    Rejects(Vec<Reject>),
}

/// A value as the source holds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<'a> {
    Empty,
    Text(&'a str),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// Microseconds since 1970-01-01; out of range: `i64::MAX`.
    Instant(i64),
    /// A spreadsheet error.
    Error(&'a str),
    /// Refused by the format's reader, with what it can show of the value.
    Refused(Reason, &'a str),
}

impl Cell<'_> {
    pub(crate) fn show(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) | Self::Error(text) | Self::Refused(_, text) => (*text).to_owned(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Bool(value) => value.to_string().to_uppercase(),
            Self::Instant(at) if date::in_range(*at) => date::show(*at),
            Self::Instant(_) => "(an instant outside 1900-2200)".to_owned(),
        }
    }
}

/// The cells of a row by column: on the stack where they are as few as those of transactions.
#[allow(clippy::large_enum_variant)] // the large one is the common one, and a row lives on the stack
pub(crate) enum Cells<'a> {
    Few([Cell<'a>; COLUMNS]),
    Many(Vec<Cell<'a>>),
}

impl Cells<'_> {
    /// A row of empty cells.
    pub(crate) fn empty(slots: usize) -> Self {
        if slots <= COLUMNS { Self::Few([Cell::Empty; COLUMNS]) } else { Self::Many(vec![Cell::Empty; slots]) }
    }
}

impl<'a> Deref for Cells<'a> {
    type Target = [Cell<'a>];

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Few(cells) => cells,
            Self::Many(cells) => cells,
        }
    }
}

impl DerefMut for Cells<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::Few(cells) => cells,
            Self::Many(cells) => cells,
        }
    }
}

/// A row: its mapped cells by column, or the fault that keeps it from having any.
pub(crate) struct Row<'a> {
    pub(crate) line: i64,
    pub(crate) cells: Cells<'a>,
    pub(crate) fault: Option<Reason>,
    /// The record's bytes where the source is text.
    pub(crate) raw: Option<&'a [u8]>,
}

/// The walk over a table's rows; the visitor says whether to go on.
pub(crate) type Visit<'v> = dyn FnMut(&Row<'_>) -> Result<bool> + 'v;

/// A table in a file: a CSV file, one sheet of a workbook, a Parquet file.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// What `source` says in the canonical table.
    pub(crate) source: String,
    pub(crate) sheet: Option<String>,
    /// Line or spreadsheet row of the headers; 0 where they are no row.
    pub(crate) header_row: u64,
    pub(crate) headers: Vec<String>,
    pub(crate) mapping: Mapping,
    pub(crate) first_rows: Vec<Vec<String>>,
    /// Numbers in date columns are spreadsheet day numbers, counted from 1904 or from 1900.
    pub(crate) serials_from_1904: Option<bool>,
}

impl Table {
    /// "row 12, column 'Price'".
    pub(crate) fn place(&self, line: i64, canonical: usize) -> String {
        let header = self.mapping.header[canonical].and_then(|at| self.headers.get(at)).map_or("", String::as_str);
        let sheet = self.sheet.as_ref().map_or(String::new(), |sheet| format!("sheet '{sheet}', "));
        format!("{sheet}row {line}, column '{header}'")
    }
}

/// What the survey settled: how each column's texts are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Settled {
    pub(crate) order: Vec<Option<DateOrder>>,
    pub(crate) mark: Vec<Option<DecimalMark>>,
}

/// A value ready for its column.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value<'a> {
    Null,
    Text(&'a str),
    Int(i64),
    Float(f64),
    Bool(bool),
    At(i64),
}

/// Why a value is not ready.
enum Refusal {
    Row(Reason),
    /// The reading was never settled: the whole file is refused, with both readings.
    Unsettled(String, String),
}

/// Reads a cell as its column wants it.
fn read<'a>(
    canonical: usize,
    cell: Cell<'a>,
    settled: &Settled,
    serials: Option<bool>,
) -> std::result::Result<Value<'a>, Refusal> {
    let column = &CANONICAL[canonical];
    if let Cell::Refused(reason, _) = cell {
        return Err(Refusal::Row(reason));
    }
    match column.kind {
        Kind::Id | Kind::Text | Kind::Attribute => text(column.kind, cell).map_err(Refusal::Row),
        Kind::Number => match as_number(canonical, cell, settled.mark[canonical]) {
            Number::Is(value) => Ok(Value::Float(value)),
            Number::Missing => Ok(Value::Null),
            Number::Bad if matches!(cell, Cell::Error(_)) => Err(Refusal::Row(Reason::CellError)),
            Number::Bad => Err(Refusal::Row(Reason::BadNumber)),
            Number::NotFinite => Err(Refusal::Row(Reason::NotFinite)),
            Number::TooLarge => Err(Refusal::Row(Reason::OutOfRange)),
            Number::Either { point, comma } => Err(number_unsettled(&cell.show(), point, comma)),
        },
        Kind::Instant => match as_instant(cell, settled.order[canonical], serials) {
            Instant::Is(at) => Ok(Value::At(at)),
            Instant::Missing if canonical == ORDERED_AT => Err(Refusal::Row(Reason::MissingDate)),
            Instant::Missing => Ok(Value::Null),
            Instant::Bad if matches!(cell, Cell::Error(_)) => Err(Refusal::Row(Reason::CellError)),
            Instant::Bad => Err(Refusal::Row(Reason::BadDate)),
            Instant::Either { dmy, mdy } => Err(date_unsettled(&cell.show(), dmy, mdy)),
        },
    }
}

fn date_unsettled(text: &str, dmy: i64, mdy: i64) -> Refusal {
    Refusal::Unsettled(
        format!(
            "'{text}' is {} when the day comes first and {} when the month does, and no value of the column settles it",
            date::show(dmy),
            date::show(mdy)
        ),
        "say which with --date-order dmy or --date-order mdy, or in tenure.toml: [data] date_order = \"dmy\""
            .to_owned(),
    )
}

fn number_unsettled(text: &str, point: f64, comma: f64) -> Refusal {
    Refusal::Unsettled(
        format!(
            "'{text}' is {point} when the point is the decimal mark and {comma} when the comma is, and no value \
             settles it"
        ),
        "say which in tenure.toml: [data] decimal_comma = true or decimal_comma = false".to_owned(),
    )
}

/// The error for a value whose reading the whole file leaves open.
pub(crate) fn unsettled(table: &Table, file: &str, line: i64, canonical: usize, open: &Open) -> Error {
    let refusal = match open {
        Open::Date { text, dmy, mdy } => date_unsettled(text, *dmy, *mdy),
        Open::Number { text, point, comma } => number_unsettled(text, *point, *comma),
    };
    refuse_file(table, file, line, canonical, refusal)
}

fn refuse_file(table: &Table, file: &str, line: i64, canonical: usize, refusal: Refusal) -> Error {
    let (problem, cure) = match refusal {
        Refusal::Unsettled(problem, cure) => (problem, cure),
        Refusal::Row(reason) => (format!("the row is refused: {}", reason.code()), "mend the row".to_owned()),
    };
    Error::Read { file: file.to_owned(), place: Some(table.place(line, canonical)), problem, cure }
}

/// A value with two readings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Open {
    Date { text: String, dmy: i64, mdy: i64 },
    Number { text: String, point: f64, comma: f64 },
}

/// Reads a cell as a number.
pub(crate) fn as_number(canonical: usize, cell: Cell<'_>, mark: Option<DecimalMark>) -> Number {
    match cell {
        Cell::Empty => Number::Missing,
        Cell::Text(text) => match text.trim_end().strip_suffix('%') {
            Some(share) if canonical == DISCOUNT => match number::parse(share, mark) {
                Number::Is(value) => Number::Is(value / 100.0),
                other => other,
            },
            _ => number::parse(text, mark),
        },
        #[allow(clippy::cast_precision_loss)] // beyond 2^53 the value is refused as too large
        Cell::Int(value) => number::within(value as f64),
        Cell::Float(value) => number::within(value),
        Cell::Bool(_) | Cell::Instant(_) | Cell::Error(_) | Cell::Refused(..) => Number::Bad,
    }
}

/// Reads a cell as an instant; a bare number is a spreadsheet's day number, or the digits of a date.
pub(crate) fn as_instant(cell: Cell<'_>, order: Option<DateOrder>, serials: Option<bool>) -> Instant {
    let digits = |value: i64| match value {
        19_000_101..=22_001_231 => {
            date::instant(value / 10_000, value / 100 % 100, value % 100).map_or(Instant::Bad, Instant::Is)
        }
        _ => Instant::Bad,
    };
    match cell {
        Cell::Empty => Instant::Missing,
        Cell::Text(text) => date::parse(text, order),
        Cell::Instant(at) if date::in_range(at) => Instant::Is(at),
        Cell::Int(value) => digits(value),
        Cell::Float(value) => match serials.and_then(|from_1904| date::serial(value, from_1904)) {
            Some(at) => Instant::Is(at),
            None => integer(value).map_or(Instant::Bad, digits),
        },
        Cell::Instant(_) | Cell::Bool(_) | Cell::Error(_) | Cell::Refused(..) => Instant::Bad,
    }
}

/// An integer that a double holds exactly.
fn integer(value: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation, clippy::float_cmp)] // exact below 2^53, and equality is the question
    (value.abs() <= EXACT && value.trunc() == value).then_some(value as i64)
}

fn text(kind: Kind, cell: Cell<'_>) -> std::result::Result<Value<'_>, Reason> {
    match (cell, kind) {
        (Cell::Empty, _) => Ok(Value::Null),
        (Cell::Text(text), _) => {
            let trimmed = text.trim();
            Ok(match (trimmed.is_empty(), kind) {
                (true, _) => Value::Null,
                (false, Kind::Id) => Value::Text(trimmed),
                (false, _) => Value::Text(text),
            })
        }
        (Cell::Int(value), _) => Ok(Value::Int(value)),
        (Cell::Float(value), _) if value.is_nan() => Ok(Value::Null),
        (Cell::Float(value), Kind::Id) => integer(value).map(Value::Int).ok_or(Reason::BadId),
        (Cell::Float(value), _) => Ok(integer(value).map_or(Value::Float(value), Value::Int)),
        (Cell::Error(_), Kind::Id) => Err(Reason::CellError),
        (Cell::Bool(_) | Cell::Instant(_) | Cell::Refused(..), Kind::Id) => Err(Reason::BadId),
        (Cell::Bool(value), _) => Ok(Value::Bool(value)),
        (Cell::Instant(at), _) => Ok(Value::At(at)),
        (Cell::Error(text) | Cell::Refused(_, text), _) => Ok(Value::Text(text)),
    }
}

/// A cell as the text it stands for, none where it is empty; ids and attributes read the same in every table.
pub(crate) fn as_text(kind: Kind, cell: Cell<'_>) -> std::result::Result<Option<Cow<'_, str>>, Reason> {
    Ok(match text(kind, cell)? {
        Value::Null => None,
        Value::Text(text) => Some(Cow::Borrowed(text.trim())),
        Value::Int(value) => Some(Cow::Owned(value.to_string())),
        Value::Float(value) => Some(Cow::Owned(value.to_string())),
        Value::Bool(value) => Some(Cow::Owned(value.to_string().to_uppercase())),
        Value::At(at) => Some(Cow::Owned(Cell::Instant(at).show())),
    })
}

enum Builder {
    Text(StringBuilder),
    Number(Float64Builder),
    Instant(TimestampMicrosecondBuilder),
}

impl Builder {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Id | Kind::Text | Kind::Attribute => {
                Self::Text(StringBuilder::with_capacity(BATCH_ROWS, BATCH_ROWS * 12))
            }
            Kind::Number => Self::Number(Float64Builder::with_capacity(BATCH_ROWS)),
            Kind::Instant => Self::Instant(TimestampMicrosecondBuilder::with_capacity(BATCH_ROWS)),
        }
    }

    /// Appends a value; gives the bytes of text it took.
    fn push(&mut self, value: Value<'_>) -> usize {
        match (self, value) {
            (Self::Text(builder), Value::Null) => builder.append_null(),
            (Self::Text(builder), Value::Text(text)) => {
                builder.append_value(text);
                return text.len();
            }
            (Self::Text(builder), value) => {
                // Writing into a string builder cannot fail.
                let _ = match value {
                    Value::Int(value) => write!(builder, "{value}"),
                    Value::Float(value) => write!(builder, "{value}"),
                    Value::Bool(value) => write!(builder, "{}", if value { "TRUE" } else { "FALSE" }),
                    Value::At(at) => write!(builder, "{}", Cell::Instant(at).show()),
                    Value::Null | Value::Text(_) => Ok(()),
                };
                builder.append_value("");
                return 20;
            }
            (Self::Number(builder), Value::Float(value)) => builder.append_value(value),
            (Self::Number(builder), _) => builder.append_null(),
            (Self::Instant(builder), Value::At(at)) => builder.append_value(at),
            (Self::Instant(builder), _) => builder.append_null(),
        }
        0
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Number(builder) => Arc::new(builder.finish()),
            Self::Instant(builder) => Arc::new(builder.finish()),
        }
    }
}

/// How many rows of a source came in, were kept and were refused.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Count {
    /// File name, plus `#sheet` for a workbook.
    pub source: String,
    /// Rows found below the header; empty rows are not counted.
    pub rows_in: u64,
    /// Rows handed on.
    pub rows_out: u64,
    /// Rows refused, by reason code; `rows_in = rows_out + the sum of these`.
    pub rejected: std::collections::BTreeMap<Reason, u64>,
}

/// Turns rows into canonical batches.
pub(crate) struct Assembler<'t> {
    table: &'t Table,
    file: &'t str,
    settled: Settled,
    builders: Vec<(usize, Builder)>,
    lines: Int64Builder,
    sources: StringArray,
    rows: usize,
    bytes: usize,
    rejects: Vec<Reject>,
    pub(crate) first_reject: Option<Reject>,
    pub(crate) count: Count,
}

impl<'t> Assembler<'t> {
    pub(crate) fn new(table: &'t Table, file: &'t str, settled: Settled) -> Self {
        Self {
            table,
            file,
            settled,
            builders: table.mapping.pairs().map(|(at, _)| (at, Builder::new(CANONICAL[at].kind))).collect(),
            lines: Int64Builder::with_capacity(BATCH_ROWS),
            sources: StringArray::from_iter_values(std::iter::repeat_n(&table.source, BATCH_ROWS)),
            rows: 0,
            bytes: 0,
            rejects: Vec::new(),
            first_reject: None,
            count: Count { source: table.source.clone(), ..Count::default() },
        }
    }

    /// Takes one row; full batches and rejects go to `emit`.
    pub(crate) fn push(&mut self, row: &Row<'_>, emit: &mut dyn FnMut(Event) -> Result<()>) -> Result<()> {
        self.count.rows_in += 1;
        if let Some(fault) = row.fault {
            return self.reject(row, None, fault, emit);
        }
        let mut values = [Value::Null; COLUMNS];
        for slot in 0..self.builders.len() {
            let at = self.builders[slot].0;
            match read(at, row.cells[at], &self.settled, self.table.serials_from_1904) {
                Ok(value) => values[at] = value,
                Err(Refusal::Row(reason)) => return self.reject(row, Some(at), reason, emit),
                Err(open) => return Err(refuse_file(self.table, self.file, row.line, at, open)),
            }
        }
        for (at, builder) in &mut self.builders {
            self.bytes += builder.push(values[*at]);
        }
        self.lines.append_value(row.line);
        self.rows += 1;
        if self.rows == BATCH_ROWS || self.bytes >= BATCH_BYTES { self.flush(emit) } else { Ok(()) }
    }

    fn reject(
        &mut self,
        row: &Row<'_>,
        at: Option<usize>,
        reason: Reason,
        emit: &mut dyn FnMut(Event) -> Result<()>,
    ) -> Result<()> {
        let cut = |text: &str| text.chars().take(RECORD_CHARS).collect::<String>();
        let record = match row.raw {
            Some(bytes) => cut(&String::from_utf8_lossy(&bytes[..bytes.len().min(RECORD_CHARS * 4)])),
            None => cut(&self.joined(row)),
        };
        let reject = Reject {
            source: self.table.source.clone(),
            line_no: row.line,
            column: at.map(|at| CANONICAL[at].name),
            value: at.map(|at| cut(&row.cells[at].show())),
            reason,
            record,
        };
        if self.first_reject.is_none() {
            self.first_reject = Some(reject.clone());
        }
        *self.count.rejected.entry(reason).or_default() += 1;
        self.rejects.push(reject);
        if self.rejects.len() >= REJECTS_AT_ONCE {
            return emit(Event::Rejects(std::mem::take(&mut self.rejects)));
        }
        Ok(())
    }

    fn joined(&self, row: &Row<'_>) -> String {
        let cells: Vec<String> = self
            .builders
            .iter()
            .map(|(at, _)| {
                let text = row.cells[*at].show();
                if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
            })
            .collect();
        cells.join(",")
    }

    fn flush(&mut self, emit: &mut dyn FnMut(Event) -> Result<()>) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let schema = transactions_schema();
        let mut columns: Vec<Option<ArrayRef>> = vec![None; COLUMNS];
        for (at, builder) in &mut self.builders {
            columns[*at] = Some(builder.finish());
        }
        let mut arrays: Vec<ArrayRef> = columns
            .into_iter()
            .enumerate()
            .map(|(at, array)| array.unwrap_or_else(|| new_null_array(schema.field(at).data_type(), self.rows)))
            .collect();
        arrays.push(Arc::new(self.sources.slice(0, self.rows)));
        arrays.push(Arc::new(self.lines.finish()));
        self.count.rows_out += self.rows as u64;
        (self.rows, self.bytes) = (0, 0);
        let batch =
            RecordBatch::try_new(schema, arrays).map_err(|e| Error::engine("assembling transactions")(e.into()))?;
        emit(Event::Batch(batch))
    }

    /// Hands over what is left.
    pub(crate) fn finish(&mut self, emit: &mut dyn FnMut(Event) -> Result<()>) -> Result<()> {
        self.flush(emit)?;
        if !self.rejects.is_empty() {
            emit(Event::Rejects(std::mem::take(&mut self.rejects)))?;
        }
        Ok(())
    }
}

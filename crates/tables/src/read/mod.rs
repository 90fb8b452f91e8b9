//! Readers: a file of any kind becomes batches of the canonical table `transactions`, in a stream.
//!
//! [`understand`] looks at a file and says how it would be read; [`read()`] reads it. Nothing is guessed: what a file
//! leaves open is an error that shows the readings and names the setting which decides. Every row that comes in is
//! handed on or refused with a reason: `rows_in = rows_out + rejected`, per source.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::sync_channel;

use datafusion::arrow::array::RecordBatch;
use serde::Serialize;

mod bytes;
mod columnar;
mod columns;
mod customers;
mod date;
mod delimited;
mod form;
mod ids;
mod number;
mod records;
mod rows;
mod survey;
mod workbook;
mod zip;

#[cfg(test)]
mod tests;

pub use columns::{Sums, fold as folded, sums, transactions_schema};
pub use customers::{
    Attribute, CustomersOptions, CustomersRead, Wanted, customer_rows_schema, read_customers, understand_customers,
};
pub use date::DateOrder;
pub use ids::read_ids;
pub use number::DecimalMark;
pub use rows::{Count, Reason, Reject};
pub use survey::Reading;

use columns::{AMOUNT, ORDERED_AT};
use form::Form;
use rows::{Assembler, Event, Row, Settled, Table, Visit};
use survey::Survey;

use crate::error::{Error, Result};

/// Batches of a workbook's later sheets that may wait while the first is read: some 80 MB.
const AHEAD: usize = 12;

/// How a file is to be read, where the user knows better than the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// What the file is called in messages and in the column `source`; `None`: its file name.
    pub name: Option<String>,
    /// Header per canonical column; an empty header leaves the column out.
    pub columns: BTreeMap<String, String>,
    /// Order of day and month.
    pub date_order: DateOrder,
    /// Delimiter of a text file.
    pub delimiter: Option<u8>,
    /// Encoding of a text file, by its usual name.
    pub encoding: Option<String>,
    /// Is the comma the decimal mark?
    pub decimal_comma: Option<bool>,
    /// Sheets of a workbook; empty: every sheet whose headers fit.
    pub sheets: Vec<String>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            name: None,
            columns: BTreeMap::new(),
            date_order: DateOrder::Auto,
            delimiter: None,
            encoding: None,
            decimal_comma: None,
            sheets: Vec::new(),
        }
    }
}

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// Delimited text, plain or compressed with gzip.
    Csv,
    /// A workbook.
    Xlsx,
    /// Parquet.
    Parquet,
}

/// How a file is read, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Understood {
    /// The file's name.
    pub file: String,
    /// Its kind, by its first bytes.
    pub format: Format,
    /// Compressed with gzip?
    pub gzip: bool,
    /// Encoding and how it is known (text files).
    pub encoding: Option<String>,
    /// Delimiter (text files).
    pub delimiter: Option<char>,
    /// Quote (text files).
    pub quote: Option<char>,
    /// The tables found: one, or one per sheet that is read.
    pub tables: Vec<UnderstoodTable>,
    /// Sheets that are not read, with the reason.
    pub skipped_sheets: Vec<SkippedSheet>,
    /// What else a reader of this file should know.
    pub notes: Vec<String>,
}

impl Understood {
    /// Is there nothing to value an order with, in any table?
    #[must_use]
    pub fn counts_only(&self) -> bool {
        self.tables.iter().all(|table| table.counts_only)
    }
}

/// How one table is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnderstoodTable {
    /// What the column `source` says: the file's name, plus `#sheet`.
    pub source: String,
    /// The sheet.
    pub sheet: Option<String>,
    /// Line or spreadsheet row of the headers, from 1; 0 in Parquet.
    pub header_row: u64,
    /// All headers.
    pub headers: Vec<String>,
    /// Canonical column → header.
    pub columns: BTreeMap<String, String>,
    /// Headers that serve no canonical column.
    pub unused: Vec<String>,
    /// Canonical columns that no header serves: they are null.
    pub absent: Vec<&'static str>,
    /// How dates and numbers are read.
    pub readings: Vec<Reading>,
    /// Neither an amount nor quantity and price: only counts can be modelled.
    pub counts_only: bool,
    /// The first rows, at most five, in the order of `headers`.
    pub first_rows: Vec<Vec<String>>,
}

/// A sheet that is not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedSheet {
    /// The sheet.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// The account of a reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// How the file was read.
    pub understood: Understood,
    /// The count of each source.
    pub sources: Vec<Count>,
}

impl Outcome {
    /// Rows found.
    #[must_use]
    pub fn rows_in(&self) -> u64 {
        self.sources.iter().map(|count| count.rows_in).sum()
    }

    /// Rows handed on.
    #[must_use]
    pub fn rows_out(&self) -> u64 {
        self.sources.iter().map(|count| count.rows_out).sum()
    }

    /// Rows refused.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.sources.iter().flat_map(|count| count.rejected.values()).sum()
    }
}

/// A file that is open: its tables, and the walk over each.
trait Walk {
    fn tables(&self) -> &[Table];

    /// Is it worth reading the first table and the others at the same time?
    fn may_split(&self) -> bool {
        false
    }

    /// Walks over the rows of a table; gives what is worth a remark.
    fn walk(&mut self, table: usize, visit: &mut Visit<'_>) -> Result<Vec<String>>;
}

/// Says how a file would be read, or why it cannot be.
///
/// # Errors
/// [`Error::Read`] names the file, the place, the problem and the cure; [`Error::Io`] is the file system's.
pub fn understand(path: &Path, options: &ReadOptions) -> Result<Understood> {
    Ok(prepare(path, options, Form::Transactions)?.understood)
}

/// Reads a file: batches of about 64k rows of [`transactions_schema`] go to `sink`, refused rows to `rejects`, both on
/// the caller's thread and in the file's order, while another thread reads on.
///
/// # Errors
/// As [`understand`]; besides, what `sink` or `rejects` answer with, and a file of which no row could be kept.
pub fn read(
    path: &Path,
    options: &ReadOptions,
    sink: &mut dyn FnMut(RecordBatch) -> Result<()>,
    rejects: &mut dyn FnMut(Reject) -> Result<()>,
) -> Result<Outcome> {
    let (sender, receiver) = sync_channel::<Event>(2);
    std::thread::scope(|scope| {
        let worker = scope.spawn(move || {
            let mut emit = |event| sender.send(event).map_err(|_| stopped(path));
            run(path, options, &mut emit)
        });
        let mut stop = Ok(());
        for event in receiver {
            stop = match event {
                Event::Batch(batch) => sink(batch),
                Event::Rejects(rows) => rows.into_iter().try_for_each(&mut *rejects),
            };
            if stop.is_err() {
                break;
            }
        }
        let outcome = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        stop.and(outcome)
    })
}

/// Never seen: the caller's own error takes its place.
fn stopped(path: &Path) -> Error {
    Error::io(path)(std::io::ErrorKind::BrokenPipe.into())
}

/// What became of one table.
struct Done {
    count: Count,
    notes: Vec<String>,
    first_reject: Option<Reject>,
}

fn run(path: &Path, options: &ReadOptions, emit: &mut dyn FnMut(Event) -> Result<()>) -> Result<Outcome> {
    let Prepared { mut understood, mut walk, settled } = prepare(path, options, Form::Transactions)?;
    let file = understood.file.clone();
    let tables: Vec<Table> = walk.tables().to_vec();
    let done = if walk.may_split() {
        run_split(path, &file, &tables, &settled, &mut *walk, emit)?
    } else {
        run_tables(&file, &tables, &settled, 0, &mut *walk, emit)?
    };
    let mut sources = Vec::new();
    let mut first_reject = None;
    for done in done {
        understood.notes.extend(done.notes);
        first_reject = first_reject.or(done.first_reject);
        sources.push(done.count);
    }
    understood.notes.sort();
    understood.notes.dedup();
    let outcome = Outcome { understood, sources };
    match first_reject {
        Some(first) if outcome.rows_out() == 0 => Err(nothing_kept(&file, &outcome, &first)),
        _ => Ok(outcome),
    }
}

/// Reads tables one after the other, from the one with this number on.
fn run_tables(
    file: &str,
    tables: &[Table],
    settled: &[Settled],
    from: usize,
    walk: &mut dyn Walk,
    emit: &mut dyn FnMut(Event) -> Result<()>,
) -> Result<Vec<Done>> {
    let mut done = Vec::new();
    for (at, (table, settled)) in tables.iter().zip(settled).enumerate().skip(from) {
        let mut assembler = Assembler::new(table, file, settled.clone());
        let notes = guarded(file, || {
            walk.walk(at, &mut |row: &Row<'_>| {
                assembler.push(row, emit)?;
                Ok(true)
            })
        })?;
        assembler.finish(emit)?;
        done.push(Done { count: assembler.count, notes, first_reject: assembler.first_reject });
    }
    Ok(done)
}

/// Reads a workbook's first sheet while another thread reads the others ahead; what goes out is in the file's order.
fn run_split(
    path: &Path,
    file: &str,
    tables: &[Table],
    settled: &[Settled],
    walk: &mut dyn Walk,
    emit: &mut dyn FnMut(Event) -> Result<()>,
) -> Result<Vec<Done>> {
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<Event>(AHEAD);
        let ahead = scope.spawn(move || {
            let mut again = guarded(file, || workbook::Workbook::again(path, file, tables))?;
            let mut emit = |event| sender.send(event).map_err(|_| stopped(path));
            run_tables(file, tables, settled, 1, &mut again, &mut emit)
        });
        let mut done = run_tables(file, &tables[..1], settled, 0, walk, emit)?;
        receiver.into_iter().try_for_each(emit)?;
        let others = ahead.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        done.extend(others);
        Ok(done)
    })
}

fn nothing_kept(file: &str, outcome: &Outcome, first: &Reject) -> Error {
    let column = first.column.map_or(String::new(), |column| format!(", column {column}"));
    let value = first.value.as_ref().map_or(String::new(), |value| format!(" with the value '{value}'"));
    Error::Read {
        file: file.to_owned(),
        place: Some(format!("row {}{column}", first.line_no)),
        problem: format!(
            "none of the {} rows can be read; the first is refused as {}{value}",
            outcome.rows_in(),
            first.reason.code()
        ),
        cure: "mend the rows, or say how the file is to be read in tenure.toml, under [data]".to_owned(),
    }
}

pub(crate) struct Prepared {
    understood: Understood,
    walk: Box<dyn Walk>,
    settled: Vec<Settled>,
}

/// The readers of workbooks and Parquet are other people's and read hostile bytes: a panic there is a damaged file.
fn guarded<T>(file: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::Read {
            file: file.to_owned(),
            place: None,
            problem: "the file is damaged in a way its reader does not survive".to_owned(),
            cure: "fetch or export the file again, best as CSV".to_owned(),
        })
    })
}

fn prepare(path: &Path, options: &ReadOptions, form: Form<'_>) -> Result<Prepared> {
    let file_name = || path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let file = options.name.clone().unwrap_or_else(file_name);
    guarded(&file, || prepare_file(path, &file, options, form))
}

fn prepare_file(path: &Path, file: &str, options: &ReadOptions, form: Form<'_>) -> Result<Prepared> {
    let mut understood = Understood {
        file: file.to_owned(),
        format: Format::Csv,
        gzip: false,
        encoding: None,
        delimiter: None,
        quote: None,
        tables: Vec::new(),
        skipped_sheets: Vec::new(),
        notes: Vec::new(),
    };
    let (format, gzip) = sniff(path, file)?;
    (understood.format, understood.gzip) = (format, gzip);
    let mut walk: Box<dyn Walk> = match format {
        Format::Csv => {
            let opened = delimited::Delimited::open(path, file, gzip, options, form)?;
            let dialect = opened.dialect();
            understood.encoding = Some(dialect.encoding);
            understood.delimiter = Some(dialect.delimiter);
            understood.quote = Some('"');
            Box::new(opened)
        }
        Format::Xlsx => {
            let (opened, skipped) = workbook::Workbook::open(path, file, options, form)?;
            understood.skipped_sheets = skipped;
            Box::new(opened)
        }
        Format::Parquet => Box::new(columnar::Columnar::open(path, file, options, form)?),
    };
    let tables: Vec<Table> = walk.tables().to_vec();
    let mut settled = Vec::new();
    let mut rows = 0;
    for (at, table) in tables.into_iter().enumerate() {
        let mut survey = Survey::new(&table);
        walk.walk(at, &mut |row: &Row<'_>| Ok(survey.look(row)))?;
        let (how, readings, notes) = survey.decide(file, options.date_order, options.decimal_comma)?;
        rows += survey.rows();
        settled.push(how);
        understood.notes.extend(notes);
        understood.tables.push(describe(&table, readings, form));
    }
    if rows == 0 && !form.may_be_empty() {
        return Err(Error::Read {
            file: file.to_owned(),
            place: None,
            problem: "there is a header but no row below it".to_owned(),
            cure: form.wanted(),
        });
    }
    Ok(Prepared { understood, walk, settled })
}

fn describe(table: &Table, readings: Vec<Reading>, form: Form<'_>) -> UnderstoodTable {
    let mapping = &table.mapping;
    let columns: BTreeMap<String, String> = mapping
        .pairs()
        .map(|(column, header)| (mapping.name(column).to_owned(), table.headers[header].clone()))
        .collect();
    let used: Vec<usize> = mapping.pairs().map(|(_, header)| header).collect();
    let unused = table.headers.iter().enumerate().filter(|(at, h)| !used.contains(at) && !h.is_empty());
    UnderstoodTable {
        source: table.source.clone(),
        sheet: table.sheet.clone(),
        header_row: table.header_row,
        headers: table.headers.clone(),
        unused: unused.map(|(_, header)| header.clone()).collect(),
        absent: form.columns().map(|column| column.name).filter(|name| !columns.contains_key(*name)).collect(),
        columns,
        readings,
        counts_only: form.is_transactions() && mapping.counts_only(),
        first_rows: table.first_rows.clone(),
    }
}

/// Tells a file's kind by its first bytes, whatever its name says.
fn sniff(path: &Path, file: &str) -> Result<(Format, bool)> {
    let refuse = |problem: &str, cure: &str| {
        Err(Error::Read { file: file.to_owned(), place: None, problem: problem.to_owned(), cure: cure.to_owned() })
    };
    let read = |gzip: bool| -> Result<Vec<u8>> {
        let opened = File::open(path).map_err(Error::io(path))?;
        if opened.metadata().map_err(Error::io(path))?.is_dir() {
            return Err(Error::Read {
                file: file.to_owned(),
                place: None,
                problem: "this is a folder, not a file".to_owned(),
                cure: "name one CSV, XLSX or Parquet file".to_owned(),
            });
        }
        let mut head = Vec::new();
        if gzip {
            // Damage shows where the file is read.
            let _ = flate2::read::MultiGzDecoder::new(opened).take(8).read_to_end(&mut head);
        } else {
            opened.take(8).read_to_end(&mut head).map_err(Error::io(path))?;
        }
        Ok(head)
    };
    let head = read(false)?;
    if bytes::is_gzip(&head) {
        return match &read(true)?[..] {
            [b'P', b'K', 3, 4, ..] | [b'P', b'A', b'R', b'1', ..] | [0x1f, 0x8b, ..] => {
                refuse("gzip is wrapped round a file that is no text", "unpack it with gunzip and name what comes out")
            }
            _ => Ok((Format::Csv, true)),
        };
    }
    match &head[..] {
        [b'P', b'A', b'R', b'1', ..] => Ok((Format::Parquet, false)),
        [b'P', b'K', 3, 4, ..] => Ok((Format::Xlsx, false)),
        [b'P', b'K', 5, 6, ..] => refuse("this is an empty zip archive", "export the workbook again"),
        [0xd0, 0xcf, 0x11, 0xe0, ..] => refuse(
            "this is an old .xls workbook, or one locked with a password",
            "save it as .xlsx without a password, or as CSV",
        ),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            refuse("this file is compressed with zstd", "unpack it, or compress it with gzip")
        }
        [b'B', b'Z', b'h', ..] => refuse("this file is compressed with bzip2", "unpack it, or compress it with gzip"),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => {
            refuse("this file is compressed with xz", "unpack it, or compress it with gzip")
        }
        [b'7', b'z', 0xbc, 0xaf, ..] => refuse("this is a 7z archive", "unpack it, or compress it with gzip"),
        _ if file.to_lowercase().ends_with(".parquet") && !head.is_empty() => refuse(
            "this is not Parquet: it does not begin with PAR1",
            "fetch or export the file again; if it is something else, give it its right name",
        ),
        _ if file.to_lowercase().ends_with(".xlsx") && !head.is_empty() => refuse(
            "this is not a workbook: it does not begin like a zip archive",
            "fetch or export the file again; if it is something else, give it its right name",
        ),
        _ => Ok((Format::Csv, false)),
    }
}

//! XLSX: every sheet whose headers fit, cell by cell. The archive is checked first (see `zip`); whole ranges are never
//! asked for, since a sheet of two cells may span seventeen billion.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use calamine::{DataRef, ExcelDateTime, Reader, SheetType, Xlsx, XlsxError};

use super::form::Form;
use super::rows::{Cell, Cells, Row, Table, Visit};
use super::{ReadOptions, SkippedSheet, Walk, date, zip};
use crate::error::{Error, Result};

/// The header is looked for in the first rows that hold anything.
const HEADER_ROWS: usize = 20;
const PREVIEW: usize = 5;
const MOST_COLUMNS: u32 = 16_384;
/// Beyond this, shared strings are not held twice for the sake of speed.
const SPLIT_STRINGS: u64 = 64 << 20;

type Book = Xlsx<BufReader<File>>;

/// An opened workbook.
pub(crate) struct Workbook {
    book: Book,
    file: String,
    tables: Vec<Table>,
    /// Size of the shared strings, which every open workbook holds.
    strings: u64,
}

/// A row as found: its number, and its cells' texts by column.
struct Found {
    number: u64,
    cells: Vec<String>,
}

impl Workbook {
    /// Checks the archive, opens the workbook and finds the sheets to read.
    pub(crate) fn open(
        path: &Path,
        file: &str,
        options: &ReadOptions,
        form: Form<'_>,
    ) -> Result<(Self, Vec<SkippedSheet>)> {
        let strings = zip::check(path, file)?;
        let opened = File::open(path).map_err(Error::io(path))?;
        let mut book: Book = Xlsx::new(BufReader::new(opened)).map_err(|e| broken(file, None, &e))?;
        let names = sheets(&book, file, &options.sheets)?;
        let from_1904 = book.has_1904_epoch();
        let (mut tables, mut skipped, mut first_error) = (Vec::new(), Vec::new(), None);
        for name in names {
            match table(&mut book, file, &name, options, form, from_1904) {
                Ok(Some(table)) => tables.push(table),
                Ok(None) => skipped.push(SkippedSheet { name, reason: "it is empty".to_owned() }),
                Err(Error::Read { place: None, problem, cure, file }) if options.sheets.is_empty() => {
                    let place = Some(format!("sheet '{name}'"));
                    skipped.push(SkippedSheet { name, reason: problem.clone() });
                    first_error.get_or_insert(Error::Read { file, place, problem, cure });
                }
                Err(error) => return Err(error),
            }
        }
        // Beside sheets that hold money, one with only customers and dates is most likely a list of customers.
        if form.is_transactions()
            && options.sheets.is_empty()
            && tables.iter().any(|t: &Table| !t.mapping.counts_only())
        {
            tables.retain(|table| {
                let keep = !table.mapping.counts_only();
                if !keep {
                    skipped.push(SkippedSheet {
                        name: table.sheet.clone().unwrap_or_default(),
                        reason: "it has no amounts, while other sheets have; name it to read it".to_owned(),
                    });
                }
                keep
            });
        }
        if tables.is_empty() {
            return Err(first_error.unwrap_or_else(|| Error::Read {
                file: file.to_owned(),
                place: None,
                problem: "the workbook holds no sheet with any row".to_owned(),
                cure: form.wanted(),
            }));
        }
        Ok((Self { book, file: file.to_owned(), tables, strings }, skipped))
    }

    /// Opens a workbook that was checked and understood before.
    pub(crate) fn again(path: &Path, file: &str, tables: &[Table]) -> Result<Self> {
        let opened = File::open(path).map_err(Error::io(path))?;
        let book: Book = Xlsx::new(BufReader::new(opened)).map_err(|e| broken(file, None, &e))?;
        Ok(Self { book, file: file.to_owned(), tables: tables.to_vec(), strings: 0 })
    }
}

/// The sheets to look at, in the workbook's order.
fn sheets(book: &Book, file: &str, wanted: &[String]) -> Result<Vec<String>> {
    let all: Vec<&str> =
        book.sheets_metadata().iter().filter(|s| s.typ == SheetType::WorkSheet).map(|s| s.name.as_str()).collect();
    if let Some(missing) = wanted.iter().find(|name| !all.contains(&name.as_str())) {
        let names: Vec<String> = all.iter().map(|name| format!("'{name}'")).collect();
        return Err(Error::Read {
            file: file.to_owned(),
            place: Some(format!("sheet '{missing}'")),
            problem: "there is no such sheet".to_owned(),
            cure: format!("name one of {}", names.join(", ")),
        });
    }
    Ok(all
        .into_iter()
        .filter(|name| wanted.is_empty() || wanted.iter().any(|w| w == name))
        .map(str::to_owned)
        .collect())
}

/// Finds a sheet's header among its first rows and maps it; none where the sheet is empty.
fn table(
    book: &mut Book,
    file: &str,
    sheet: &str,
    options: &ReadOptions,
    form: Form<'_>,
    from_1904: bool,
) -> Result<Option<Table>> {
    let rows = front(book, file, sheet)?;
    let best = rows
        .iter()
        .take(HEADER_ROWS)
        .enumerate()
        .map(|(at, row)| (form.recognised(&row.cells, &options.columns), std::cmp::Reverse(at)))
        .max();
    let Some((_, std::cmp::Reverse(header))) = best else { return Ok(None) };
    let headers = rows[header].cells.iter().map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let mapping = form.map(file, &headers, &options.columns)?;
    let width = headers.len();
    let first_rows = rows[header + 1..].iter().take(PREVIEW).map(|row| {
        let mut cells = row.cells.clone();
        cells.resize(width, String::new());
        cells
    });
    Ok(Some(Table {
        source: format!("{file}#{sheet}"),
        sheet: Some(sheet.to_owned()),
        header_row: rows[header].number,
        first_rows: first_rows.collect(),
        headers,
        mapping,
        serials_from_1904: Some(from_1904),
    }))
}

fn front(book: &mut Book, file: &str, sheet: &str) -> Result<Vec<Found>> {
    let fail = |e: XlsxError| broken(file, Some(sheet), &e);
    let mut cells = match book.worksheet_cells_reader(sheet) {
        Ok(cells) => cells,
        Err(XlsxError::NotAWorksheet(_)) => return Ok(Vec::new()),
        Err(error) => return Err(fail(error)),
    };
    let mut rows: Vec<Found> = Vec::new();
    while let Some(cell) = cells.next_cell().map_err(fail)? {
        let (row, column) = cell.get_position();
        let text = show(cell.get_value());
        if text.trim().is_empty() || column >= MOST_COLUMNS {
            continue;
        }
        let number = u64::from(row) + 1;
        if rows.last().is_none_or(|last| last.number != number) {
            if rows.len() == HEADER_ROWS + PREVIEW {
                break;
            }
            rows.push(Found { number, cells: Vec::new() });
        }
        if let Some(last) = rows.last_mut() {
            let column = column as usize;
            if last.cells.len() <= column {
                last.cells.resize(column + 1, String::new());
            }
            last.cells[column] = text;
        }
    }
    Ok(rows)
}

fn show(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Error(error) => error.to_string(),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        other => cell(other, false).show(),
    }
}

/// A cell as the canonical table takes it.
fn cell<'a>(value: &'a DataRef<'_>, from_1904: bool) -> Cell<'a> {
    match value {
        DataRef::Empty => Cell::Empty,
        DataRef::Int(value) => Cell::Int(*value),
        DataRef::Float(value) => Cell::Float(*value),
        DataRef::Bool(value) => Cell::Bool(*value),
        DataRef::String(text) if text.is_empty() => Cell::Empty,
        DataRef::SharedString("") => Cell::Empty,
        DataRef::String(text) => Cell::Text(text),
        DataRef::SharedString(text) => Cell::Text(text),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Cell::Text(text),
        DataRef::DateTime(value) => instant(value, from_1904),
        DataRef::Error(_) => Cell::Error("(a spreadsheet error)"),
    }
}

fn instant(value: &ExcelDateTime, from_1904: bool) -> Cell<'static> {
    if value.is_duration() {
        return Cell::Error("(a duration)");
    }
    Cell::Instant(date::serial(value.as_f64(), from_1904).unwrap_or(i64::MAX))
}

impl Walk for Workbook {
    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn may_split(&self) -> bool {
        self.tables.len() > 1 && self.strings < SPLIT_STRINGS
    }

    fn walk(&mut self, table: usize, visit: &mut Visit<'_>) -> Result<Vec<String>> {
        let table = &self.tables[table];
        let sheet = table.sheet.as_deref().unwrap_or_default();
        let from_1904 = table.serials_from_1904.unwrap_or(false);
        let mut slots: Vec<Vec<usize>> = vec![Vec::new(); table.headers.len()];
        for (canonical, header) in table.mapping.pairs() {
            slots[header].push(canonical);
        }
        let file = self.file.as_str();
        let mut cells = self.book.worksheet_cells_reader(sheet).map_err(|e| broken(file, Some(sheet), &e))?;
        let slots_of_a_row = table.mapping.slots();
        let mut values: Vec<DataRef<'_>> = vec![DataRef::Empty; slots_of_a_row];
        let (mut current, mut filled) = (table.header_row, false);
        loop {
            let next = cells.next_cell().map_err(|e| {
                let place = format!("{sheet}', after row {current} of '{sheet}");
                broken(file, Some(&place), &e)
            })?;
            let number = next.as_ref().map_or(u64::MAX, |cell| u64::from(cell.get_position().0) + 1);
            if number != current {
                if filled {
                    let line = i64::try_from(current).unwrap_or(i64::MAX);
                    let mut row = Row { line, cells: Cells::empty(slots_of_a_row), fault: None, raw: None };
                    for (to, value) in row.cells.iter_mut().zip(&values) {
                        *to = cell(value, from_1904);
                    }
                    let go_on = visit(&row)?;
                    values.fill(DataRef::Empty);
                    filled = false;
                    if !go_on {
                        break;
                    }
                }
                if number < current && number > table.header_row {
                    return Err(Error::Read {
                        file: file.to_owned(),
                        place: Some(format!("sheet '{sheet}', row {number}")),
                        problem: format!("the sheet's rows are out of order: row {number} stands after row {current}"),
                        cure: "save the workbook again, or export it as CSV".to_owned(),
                    });
                }
            }
            let Some(next) = next else { break };
            if number <= table.header_row {
                continue;
            }
            current = number;
            let column = next.get_position().1 as usize;
            let value = next.get_value();
            let blank = match value {
                DataRef::Empty => true,
                DataRef::String(text) => text.trim().is_empty(),
                DataRef::SharedString(text) => text.trim().is_empty(),
                _ => false,
            };
            if blank {
                continue;
            }
            filled = true;
            if let Some((last, others)) = slots.get(column).and_then(|slots| slots.split_last()) {
                for canonical in others {
                    values[*canonical] = value.clone();
                }
                values[*last] = value.clone();
            }
        }
        Ok(Vec::new())
    }
}

fn broken(file: &str, sheet: Option<&str>, error: &XlsxError) -> Error {
    Error::Read {
        file: file.to_owned(),
        place: sheet.map(|sheet| format!("sheet '{sheet}'")),
        problem: format!("the workbook cannot be read: {}", error.to_string().chars().take(200).collect::<String>()),
        cure: "save the workbook again, or export it as CSV".to_owned(),
    }
}

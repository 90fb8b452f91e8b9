//! CSV in any dialect: delimiter, encoding, header, and the walk over its rows.

use std::borrow::Cow;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use encoding_rs::WINDOWS_1252;

use super::bytes::{self, Origin, Text};
use super::columns;
use super::form::Form;
use super::records::{FIELD_BYTES, Record, Records, Trouble};
use super::rows::{Cell, Cells, Reason, Row, Table, Visit};
use super::{ReadOptions, Walk};
use crate::error::{Error, Result};

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Records that the choice of the delimiter looks at.
const SNIFFED: usize = 100;
const PREVIEW: usize = 5;

/// An opened text file.
pub(crate) struct Delimited {
    path: PathBuf,
    file: String,
    origin: Origin,
    encoding_is_given: bool,
    delimiter: u8,
    table: Table,
}

/// How a text file is written.
pub(crate) struct Dialect {
    pub(crate) encoding: String,
    pub(crate) delimiter: char,
}

impl Delimited {
    /// Opens a file, finds its dialect and maps its headers.
    pub(crate) fn open(path: &Path, file: &str, gzip: bool, options: &ReadOptions, form: Form<'_>) -> Result<Self> {
        let refuse = |place: Option<&str>, problem: &str, cure: &str| Error::Read {
            file: file.to_owned(),
            place: place.map(str::to_owned),
            problem: problem.to_owned(),
            cure: cure.to_owned(),
        };
        let (origin, head) = bytes::origin(path, file, gzip, options.encoding.as_deref())?;
        if head.is_empty() {
            return Err(refuse(None, "the file is empty", &form.wanted()));
        }
        let mut opened = Self {
            path: path.to_path_buf(),
            file: file.to_owned(),
            origin,
            encoding_is_given: options.encoding.is_some(),
            delimiter: b',',
            table: Table {
                source: file.to_owned(),
                sheet: None,
                header_row: 1,
                headers: Vec::new(),
                mapping: columns::Mapping::default(),
                first_rows: Vec::new(),
                serials_from_1904: None,
            },
        };
        opened.delimiter = match options.delimiter {
            Some(byte) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | 0) => byte,
            Some(byte) => {
                return Err(refuse(
                    None,
                    &format!("{:?} cannot separate fields", char::from(byte)),
                    "use a delimiter such as , ; | or a tab",
                ));
            }
            None => sniff(&head, options, form),
        };
        let mut rows = opened.front(opened.delimiter, PREVIEW + 1)?;
        if rows.is_empty() {
            return Err(refuse(None, "the file holds no text", &form.wanted()));
        }
        let (line, headers) = rows.remove(0);
        opened.table.header_row = line;
        opened.table.headers = headers.iter().map(|h| h.trim().to_owned()).collect();
        opened.table.first_rows = rows.into_iter().map(|(_, row)| row).collect();
        if let Some(first) = opened.table.headers.first()
            && opened.table.headers.len() == 1
            && (first.starts_with(['{', '[', '<']) || first.starts_with("%PDF"))
        {
            return Err(refuse(
                Some(&format!("row {line}")),
                "this is not a table of delimited text but something else (JSON, XML, HTML or PDF)",
                "export the data as CSV, XLSX or Parquet",
            ));
        }
        let mapped = form.map(file, &opened.table.headers, &options.columns);
        opened.table.mapping = match mapped {
            Err(Error::Read { file, place, problem, cure }) if opened.table.headers.len() == 1 => {
                let cure = format!(
                    "only one column was found with the delimiter '{}': name the right one with [data] delimiter, or \
                     {cure}",
                    char::from(opened.delimiter)
                );
                return Err(Error::Read { file, place, problem, cure });
            }
            other => other?,
        };
        Ok(opened)
    }

    pub(crate) fn dialect(&self) -> Dialect {
        Dialect { encoding: self.origin.label.clone(), delimiter: char::from(self.delimiter) }
    }

    fn records(&self, delimiter: u8) -> Result<Records> {
        Ok(Records::new(bytes::open(&self.path, &self.file, &self.origin)?, delimiter))
    }

    /// The first records that are not blank, decoded, with their lines.
    fn front(&self, delimiter: u8, count: usize) -> Result<Vec<(u64, Vec<String>)>> {
        let mut records = self.records(delimiter)?;
        let mut text = self.origin.text;
        let mut rows: Vec<(u64, Vec<String>)> = Vec::new();
        while rows.len() < count {
            let headers = rows.first().map(|(_, header)| header.as_slice());
            let Some(record) = records.next().map_err(|t| self.trouble(t, headers))? else { break };
            if record.is_empty() || (rows.is_empty() && hint(&record).is_some()) {
                continue;
            }
            let encoding = decide(&mut text, record.bytes);
            let fields = (0..record.spans.len()).map(|at| {
                let (bytes, escaped) = record.field(at);
                let field = match encoding {
                    Text::Windows1252 => WINDOWS_1252.decode_without_bom_handling(bytes).0,
                    Text::Utf8 | Text::Open => String::from_utf8_lossy(bytes),
                };
                if escaped { field.replace("\"\"", "\"") } else { field.into_owned() }
            });
            rows.push((record.line, fields.collect()));
        }
        Ok(rows)
    }

    fn trouble(&self, trouble: Trouble, headers: Option<&[String]>) -> Error {
        let (place, problem, cure) = match trouble {
            Trouble::Io(error) => return bytes::stream(&self.path, &self.file, self.origin.gzip, error),
            Trouble::Nul { line } => (
                format!("row {line}"),
                "there is a NUL byte, so this is not text or it is damaged".to_owned(),
                "export the file again as UTF-8 text; if it is UTF-16, say so with [data] encoding = \"utf-16le\"",
            ),
            Trouble::Unclosed { line } => (
                format!("row {line}"),
                format!("a quote opened in line {line} is not closed before the file ends"),
                "close it or double it (\"\"), or fetch the file again if it was cut short",
            ),
            Trouble::Swallowed { line, until } => (
                format!("row {line}"),
                format!("a quote opened in line {line} runs on to line {until} and closes inside a field"),
                "close it or double it (\"\"): which of the rows between are whole cannot be told",
            ),
            Trouble::Huge { line, field } => {
                let name = headers.and_then(|h| h.get(field - 1)).map_or(format!("{field}"), |h| format!("'{h}'"));
                (
                    format!("row {line}, column {name}"),
                    format!("a field is larger than {} MB", FIELD_BYTES >> 20),
                    "look for a quote that is not closed, or leave the column out of the export",
                )
            }
        };
        Error::Read { file: self.file.clone(), place: Some(place), problem, cure: cure.to_owned() }
    }
}

/// The delimiter under which the header is best understood, then under which most records have the header's width.
fn sniff(head: &[u8], options: &ReadOptions, form: Form<'_>) -> u8 {
    let mut best = ((0, 0, 0), b',');
    for delimiter in DELIMITERS {
        let mut records = Records::new(Box::new(Cursor::new(head.to_vec())), delimiter);
        let (mut header, mut seen, mut even) = (Vec::new(), 0, 0);
        // A wrong delimiter, or the cut end of the sample, may break the quoting: the count just ends there.
        while let Ok(Some(record)) = records.next() {
            if let Some(delimiter) = hint(&record) {
                return delimiter;
            }
            if record.is_empty() {
                continue;
            }
            if header.is_empty() {
                header = (0..record.spans.len())
                    .map(|at| String::from_utf8_lossy(record.field(at).0).into_owned())
                    .collect();
                continue;
            }
            seen += 1;
            even += usize::from(record.spans.len() == header.len());
            if seen == SNIFFED {
                break;
            }
        }
        if header.len() > 1 {
            let score = (form.recognised(&header, &options.columns), even, header.len());
            if score > best.0 {
                best = (score, delimiter);
            }
        }
    }
    best.1
}

/// `sep=;`, which spreadsheets write before the header.
fn hint(record: &Record<'_>) -> Option<u8> {
    match record.bytes {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', delimiter] if record.line == 1 => Some(*delimiter),
        _ => None,
    }
}

/// How this record is decoded; the first one beyond ASCII decides for the rest.
fn decide(text: &mut Text, bytes: &[u8]) -> Text {
    if *text == Text::Open && !bytes.is_ascii() {
        *text = if std::str::from_utf8(bytes).is_ok() { Text::Utf8 } else { Text::Windows1252 };
    }
    *text
}

impl Walk for Delimited {
    fn tables(&self) -> &[Table] {
        std::slice::from_ref(&self.table)
    }

    fn walk(&mut self, _: usize, visit: &mut Visit<'_>) -> Result<Vec<String>> {
        let mut records = self.records(self.delimiter)?;
        let mut text = self.origin.text;
        let width = self.table.headers.len();
        let pairs: Vec<(usize, usize)> = self.table.mapping.pairs().collect();
        let slots = self.table.mapping.slots();
        let mut scratch = String::new();
        let mut ends = Vec::with_capacity(pairs.len());
        let mut notes = Vec::new();
        let (mut cut, mut swallowed) = (None, None);
        loop {
            let record = match records.next() {
                Ok(Some(record)) => record,
                Ok(None) => break,
                Err(trouble) => return Err(self.trouble(trouble, Some(&self.table.headers))),
            };
            if record.line <= self.table.header_row {
                continue;
            }
            let line = i64::try_from(record.line).unwrap_or(i64::MAX);
            cut = (!record.terminated).then_some(line);
            let mut row = Row { line, cells: Cells::empty(slots), fault: None, raw: Some(record.bytes) };
            if record.spans.len() != width {
                if record.is_empty() {
                    continue;
                }
                row.fault = Some(if record.bad_quoting {
                    Reason::BadQuoting
                } else if record.spans.len() < width {
                    Reason::ShortRow
                } else {
                    Reason::LongRow
                });
            } else if record.bad_quoting {
                row.fault = Some(Reason::BadQuoting);
            }
            if row.fault.is_some() {
                if !visit(&row)? {
                    return Ok(notes);
                }
                continue;
            }
            if let (None, true) = (swallowed, record.bytes.contains(&b'\n')) {
                let looks_like_rows = |field: &[u8]| {
                    field.contains(&b'\n') && field.iter().filter(|b| **b == self.delimiter).count() + 2 >= width.max(3)
                };
                swallowed =
                    (0..record.spans.len()).any(|at| looks_like_rows(record.field(at).0)).then_some(record.line);
            }
            let encoding = decide(&mut text, record.bytes);
            let whole = match encoding {
                Text::Windows1252 if !record.bytes.is_ascii() => None,
                _ => match std::str::from_utf8(record.bytes) {
                    Ok(whole) => Some(whole),
                    Err(_) => {
                        row.fault = Some(Reason::BadEncoding);
                        if !visit(&row)? {
                            return Ok(notes);
                        }
                        continue;
                    }
                },
            };
            let mut all_empty = true;
            let go_on = if let (Some(whole), false) = (whole, has_escapes(&record, &pairs)) {
                for (canonical, header) in &pairs {
                    let field = record.text(whole, *header);
                    if !field.is_empty() {
                        all_empty = false;
                        row.cells[*canonical] = Cell::Text(field);
                    }
                }
                if all_empty && record.is_empty() {
                    continue;
                }
                visit(&row)?
            } else {
                scratch.clear();
                ends.clear();
                for (_, header) in &pairs {
                    let (bytes, escaped) = record.field(*header);
                    let field = match whole {
                        Some(whole) => Cow::Borrowed(record.text(whole, *header)),
                        None => WINDOWS_1252.decode_without_bom_handling(bytes).0,
                    };
                    scratch.push_str(&if escaped { Cow::Owned(field.replace("\"\"", "\"")) } else { field });
                    ends.push(scratch.len());
                }
                let mut start = 0;
                for ((canonical, _), end) in pairs.iter().zip(&ends) {
                    let end = *end;
                    if end > start {
                        row.cells[*canonical] = Cell::Text(&scratch[start..end]);
                    }
                    start = end;
                }
                visit(&row)?
            };
            if !go_on {
                return Ok(notes);
            }
        }
        if let Some(line) = cut {
            notes.push(format!(
                "row {line} is the last and has no line end: if the file was cut off there, its last value may be short"
            ));
        }
        if let Some(line) = swallowed {
            notes.push(format!(
                "row {line}: a quoted text runs over several lines and holds as many delimiters as a row; a stray quote \
                 may have swallowed rows there"
            ));
        }
        if text == Text::Windows1252 && !self.encoding_is_given {
            notes.push(
                "the text beyond ASCII is not UTF-8 and is read as windows-1252; where names come out wrong, say \
                 [data] encoding in tenure.toml"
                    .to_owned(),
            );
        }
        Ok(notes)
    }
}

fn has_escapes(record: &Record<'_>, pairs: &[(usize, usize)]) -> bool {
    pairs.iter().any(|(_, header)| record.field(*header).1)
}

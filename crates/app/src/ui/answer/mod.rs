//! The answer to a query, written as its rows come: nothing but the rows of a box is held.

mod boxed;

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;

use tenure_stages::tables::{Column, Kind, Rows, Sink};

use super::{Style, cell};
use crate::error::Error;
use boxed::Boxed;

/// Form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum AnswerFormat {
    /// For people: the first rows in columns
    Table,
    /// For spreadsheets: all rows, null is nothing, an empty text ""
    Csv,
    /// For programs: all rows as an array of objects
    Json,
    /// For documents: all rows as a table of GitHub's Markdown
    Markdown,
}

/// An answer on its way to standard output.
pub(crate) struct Answer<'a> {
    out: Box<dyn Write + 'a>,
    form: Form,
    columns: Vec<Column>,
    rows: u64,
    failed: Option<io::Error>,
}

enum Form {
    Csv,
    Json,
    Markdown,
    Boxed(Boxed),
}

impl<'a> Answer<'a> {
    /// An answer that goes to `out`.
    pub(crate) fn new(out: impl Write + 'a, format: AnswerFormat, style: Style) -> Self {
        let form = match format {
            AnswerFormat::Table => Form::Boxed(Boxed::new(style)),
            AnswerFormat::Csv => Form::Csv,
            AnswerFormat::Json => Form::Json,
            AnswerFormat::Markdown => Form::Markdown,
        };
        let out = Box::new(BufWriter::with_capacity(1 << 16, out));
        Self { out, form, columns: Vec::new(), rows: 0, failed: None }
    }

    /// Ends the answer; gives how many rows there were and how many of them are shown.
    pub(crate) fn finish(mut self) -> Result<(u64, u64), Error> {
        let shown = match (&self.form, self.failed.take()) {
            (_, Some(error)) => Err(error),
            (Form::Boxed(boxed), None) => {
                let (page, shown) = boxed.page(&self.columns);
                self.out.write_all(page.as_bytes()).map(|()| shown)
            }
            (Form::Json, None) => {
                self.out.write_all(if self.rows == 0 { b"[]\n" } else { b"\n]\n" }).map(|()| self.rows)
            }
            (Form::Csv | Form::Markdown, None) => Ok(self.rows),
        };
        let shown = shown.and_then(|shown| self.out.flush().map(|()| shown)).map_err(Error::Stdout)?;
        Ok((self.rows, shown))
    }

    fn go_on(&mut self, written: io::Result<()>) -> ControlFlow<()> {
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

impl Sink for Answer<'_> {
    fn columns(&mut self, columns: &[Column]) -> ControlFlow<()> {
        self.columns = columns.to_vec();
        let names = columns.iter().map(|column| column.name.as_str());
        let written = match self.form {
            Form::Csv => writeln!(self.out, "{}", names.map(cell).collect::<Vec<_>>().join(",")),
            Form::Markdown => {
                let names: Vec<String> = names.map(in_markdown).collect();
                let rule: Vec<&str> = columns.iter().map(|c| if is_number(c.kind) { "---:" } else { "---" }).collect();
                writeln!(self.out, "| {} |\n| {} |", names.join(" | "), rule.join(" | "))
            }
            Form::Json | Form::Boxed(_) => Ok(()),
        };
        self.go_on(written)
    }

    fn rows(&mut self, rows: &Rows<'_>) -> ControlFlow<()> {
        let (before, columns, out) = (self.rows, &self.columns, &mut self.out);
        self.rows += rows.len() as u64;
        let written = match &mut self.form {
            Form::Boxed(boxed) => {
                boxed.take(columns, rows);
                Ok(())
            }
            Form::Csv => rows.each(|row| csv_row(out, columns, row)),
            Form::Markdown => rows.each(|row| {
                let cells: Vec<String> = row.iter().map(|cell| cell.map_or("NULL".to_owned(), in_markdown)).collect();
                writeln!(out, "| {} |", cells.join(" | "))
            }),
            Form::Json => {
                let mut opening = if before == 0 { "[\n" } else { ",\n" };
                rows.each(|row| json_row(out, std::mem::replace(&mut opening, ",\n"), columns, row))
            }
        };
        self.go_on(written)
    }
}

fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Exact | Kind::Float)
}

// Numbers start no formula, so that a negative one stays a number.
fn csv_row(out: &mut dyn Write, columns: &[Column], row: &[Option<&str>]) -> io::Result<()> {
    for (at, (column, value)) in columns.iter().zip(row).enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        match value {
            None => {}
            Some("") => out.write_all(b"\"\"")?,
            Some(text) if column.kind == Kind::Text => out.write_all(cell(text).as_bytes())?,
            Some(text) => out.write_all(text.as_bytes())?,
        }
    }
    out.write_all(b"\n")
}

// JSON has no word for what is not finite: it is null there.
fn json_row(out: &mut dyn Write, opening: &str, columns: &[Column], row: &[Option<&str>]) -> io::Result<()> {
    out.write_all(opening.as_bytes())?;
    for (at, (column, value)) in columns.iter().zip(row).enumerate() {
        out.write_all(if at == 0 { b"{" } else { b", " })?;
        serde_json::to_writer(&mut *out, &column.name)?;
        out.write_all(b": ")?;
        match value {
            None => out.write_all(b"null")?,
            Some("NaN" | "inf" | "-inf") if column.kind == Kind::Float => out.write_all(b"null")?,
            Some(text) if column.kind == Kind::Text => serde_json::to_writer(&mut *out, text)?,
            Some(text) => out.write_all(text.as_bytes())?,
        }
    }
    out.write_all(b"}")
}

/// A cell of a Markdown table: nothing in it ends the cell, the row or the text.
fn in_markdown(text: &str) -> String {
    let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    flat.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KINDS: [(&str, Kind); 4] =
        [("name", Kind::Text), ("n", Kind::Exact), ("x", Kind::Float), ("is_new", Kind::Truth)];

    fn columns() -> Vec<Column> {
        let column =
            |(name, kind): &(&str, Kind)| Column { name: (*name).into(), data_type: String::new(), kind: *kind };
        KINDS.iter().map(column).collect()
    }

    fn written(write: impl Fn(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cells_of_csv_are_safe_and_nulls_differ_from_empty_texts() {
        let row = |cells: [Option<&str>; 4]| written(|out| csv_row(out, &columns(), &cells));
        assert_eq!(row([Some("=1+1"), Some("-5"), Some("-0.5"), Some("true")]), "'=1+1,-5,-0.5,true\n");
        assert_eq!(row([Some("a \"b\", c"), None, None, None]), "\"a \"\"b\"\", c\",,,\n");
        assert_eq!(row([Some(""), None, None, None]), "\"\",,,\n");
    }

    #[test]
    fn cells_of_json_keep_their_kind() {
        let row = |cells: [Option<&str>; 4]| written(|out| json_row(out, "", &columns(), &cells));
        let text = row([Some("a\n\"b\""), Some("12345678901234567"), Some("1e-7"), Some("false")]);
        assert_eq!(text, r#"{"name": "a\n\"b\"", "n": 12345678901234567, "x": 1e-7, "is_new": false}"#);
        let value: serde_json::Value = serde_json::from_str(&row([Some("NaN"), None, Some("NaN"), None])).unwrap();
        assert!(value["name"] == "NaN" && value["n"].is_null() && value["x"].is_null());
    }

    #[test]
    fn cells_of_markdown_stay_in_their_cell() {
        assert_eq!(in_markdown("a|b\\|c\nd <script>"), "a\\|b\\\\\\|c d &lt;script>");
    }
}

//! How files would be read, for people.

use std::fmt::Write as _;

use tenure_stages::ingest::{Understood, UnderstoodTable};

use super::Style;
use super::table::wrap;

const WIDTH: usize = 100;
/// The most characters of a cell that are shown.
const CELL: usize = 24;

/// A page over all files.
pub(super) fn page(files: &[Understood], style: Style) -> String {
    let mut page = String::new();
    for file in files {
        let _ = writeln!(page, "{}", style.heading(&file.file));
        let _ = writeln!(page, "  {}", dialect(file));
        for table in &file.tables {
            page.push_str(&of_table(table, style));
        }
        for sheet in &file.skipped_sheets {
            let _ = writeln!(page, "  sheet {} is not read: {}", sheet.name, sheet.reason);
        }
        for note in &file.notes {
            page.push_str(&lines(&wrap(&format!("note: {note}"), 2, WIDTH, 4)));
        }
        page.push('\n');
    }
    page.push_str("Nothing was read into a run. Another reading is set in [data] of tenure.toml.\n");
    page
}

fn dialect(file: &Understood) -> String {
    let kind = match (serde_json::to_value(file.format).ok().and_then(|v| v.as_str().map(str::to_owned)), file.gzip) {
        (Some(kind), true) => format!("{kind}, gzip"),
        (Some(kind), false) => kind,
        (None, _) => "table".to_owned(),
    };
    let mut parts = vec![kind];
    if let Some(encoding) = &file.encoding {
        parts.push(format!("encoding {encoding}"));
    }
    if let Some(delimiter) = file.delimiter {
        parts.push(match delimiter {
            '\t' => "columns separated by tabs".to_owned(),
            other => format!("columns separated by {other:?}"),
        });
    }
    if let Some(quote) = file.quote {
        parts.push(format!("quote {quote}"));
    }
    parts.join("; ")
}

fn of_table(table: &UnderstoodTable, style: Style) -> String {
    let mut page = String::new();
    if let Some(sheet) = &table.sheet {
        let _ =
            writeln!(page, "\n  {} (headers in row {})", style.heading(&format!("sheet {sheet}")), table.header_row);
    }
    let mut rows = vec![vec!["column".to_owned(), "from".to_owned(), "read as".to_owned()]];
    for (canonical, header) in &table.columns {
        rows.push(vec![canonical.clone(), header.clone(), reading(table, canonical)]);
    }
    page.push('\n');
    page.push_str(&left(&rows));
    if !table.unused.is_empty() {
        page.push_str(&lines(&wrap(&format!("not used: {}", table.unused.join(", ")), 2, WIDTH, 6)));
    }
    if !table.absent.is_empty() {
        page.push_str(&lines(&wrap(&format!("not found, so empty: {}", table.absent.join(", ")), 2, WIDTH, 6)));
    }
    if table.counts_only {
        page.push_str("  no money: neither an amount, nor quantity and price; only counts can be modelled\n");
    }
    page.push_str("\n  first rows\n");
    let mut first = vec![table.headers.clone()];
    first.extend(table.first_rows.iter().cloned());
    for row in &mut first {
        for cell in row {
            *cell = short(cell);
        }
    }
    page.push_str(&left(&first));
    page
}

/// How a column is read, with what decided it.
fn reading(table: &UnderstoodTable, canonical: &str) -> String {
    match table.readings.iter().find(|reading| reading.column == canonical) {
        Some(reading) => format!("{}: {}", reading.reading, reading.evidence),
        None => "text, as written".to_owned(),
    }
}

/// A cell on one line, cut where it is long.
fn short(cell: &str) -> String {
    let flat: String = cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if flat.chars().count() <= CELL { flat } else { flat.chars().take(CELL - 1).chain(['…']).collect() }
}

/// Rows in columns two spaces apart, all to the left.
fn left(rows: &[Vec<String>]) -> String {
    let n = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..n).map(|at| width(at).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell}{}", " ".repeat(width - cell.chars().count())))
            .collect();
        format!("    {}", cells.join("  ")).trim_end().to_owned()
    };
    lines(&rows.iter().map(line).collect::<Vec<_>>())
}

fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

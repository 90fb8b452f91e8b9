//! The tables of a run, listed.

use std::fmt::Write as _;
use std::path::Path;

use tenure_stages::tables::Listed;

use super::number::count;
use super::table::{columns, wrap};
use super::{Style, cell};

const WIDTH: usize = 100;

/// Each table with its rows, columns and file, and below it what a row is.
pub(super) fn page(tables: &[Listed], out: &Path, style: Style) -> String {
    let mut rows = vec![vec!["table".to_owned(), "rows".to_owned(), "columns".to_owned()]];
    rows.extend(
        tables.iter().map(|table| vec![table.name.to_owned(), count(table.rows), count(table.columns.len() as u64)]),
    );
    let mut lines = columns(&rows).into_iter();
    let mut page = format!("{}  file\n", style.heading(&lines.next().unwrap_or_default()));
    for (table, line) in tables.iter().zip(lines) {
        let _ = writeln!(page, "{line}  {}", table.file);
        let mut meaning = table.meaning.to_owned();
        if !table.up_to_date {
            let _ = write!(
                meaning,
                " Out of date: an earlier stage has run since; `tenure {}` renews it.",
                table.stage.name()
            );
        }
        for line in wrap(&meaning, 6, WIDTH, 3) {
            let _ = writeln!(page, "{line}");
        }
    }
    let _ = writeln!(page, "\nColumns of a table: tenure sql --out {} \"describe TABLE\"", out.display());
    page
}

/// One row a table.
pub(super) fn csv(tables: &[Listed]) -> String {
    let mut text = "table,rows,columns,meaning,file,stage,up_to_date\n".to_owned();
    for t in tables {
        let words = [cell(t.meaning), cell(t.file)].join(",");
        let _ = writeln!(text, "{},{},{},{words},{},{}", t.name, t.rows, t.columns.len(), t.stage.name(), t.up_to_date);
    }
    text
}

/// One row a table.
pub(super) fn markdown(tables: &[Listed]) -> String {
    let mut text = "| table | rows | columns | meaning | file |\n|---|---:|---:|---|---|\n".to_owned();
    for t in tables {
        let _ =
            writeln!(text, "| `{}` | {} | {} | {} | `{}` |", t.name, count(t.rows), t.columns.len(), t.meaning, t.file);
    }
    text
}

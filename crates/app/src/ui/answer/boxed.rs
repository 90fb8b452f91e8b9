//! The first rows of an answer for people: in columns, or, where these are wider than a page, one value a line.

use std::fmt::Write as _;

use tenure_stages::tables::{Column, Kind, Rows};

use super::super::Style;
use super::is_number;

/// The most characters of a line.
const WIDTH: usize = 100;
/// The most rows in columns.
const ROWS: usize = 100;
/// The most rows where each takes a block of lines.
const BLOCKS: usize = 10;
/// The most characters of a cell in columns that would not fit otherwise.
const CELL: usize = 40;
/// What stands for null.
const NULL: &str = "NULL";

/// Rows held for a page.
pub(super) struct Boxed {
    style: Style,
    rows: Vec<Vec<String>>,
}

impl Boxed {
    pub(super) fn new(style: Style) -> Self {
        Self { style, rows: Vec::new() }
    }

    /// Keeps rows as long as there is room on the page.
    pub(super) fn take(&mut self, columns: &[Column], rows: &Rows<'_>) {
        // A full page ends it, and that is no failure.
        let _ = rows.each(|row| {
            if self.rows.len() >= ROWS {
                return Err(());
            }
            let cells = row.iter().zip(columns);
            self.rows
                .push(cells.map(|(cell, column)| cell.map_or(NULL.to_owned(), |t| shown(t, column.kind))).collect());
            Ok(())
        });
    }

    /// The page, and how many rows it shows.
    pub(super) fn page(&self, columns: &[Column]) -> (String, u64) {
        let widths = |most: usize| -> Vec<usize> {
            let cells = |at: usize| self.rows.iter().map(|row| length(&row[at])).max().unwrap_or(0).min(most);
            columns.iter().enumerate().map(|(at, column)| length(&flat(&column.name)).max(cells(at))).collect()
        };
        let fit = |widths: &Vec<usize>| widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1) <= WIDTH;
        // Long cells are cut only where the columns would not fit otherwise.
        let widths = Some(widths(usize::MAX)).filter(fit).unwrap_or_else(|| widths(CELL));
        let fits = fit(&widths);
        if fits || self.rows.is_empty() {
            (self.in_columns(columns, &widths), self.rows.len() as u64)
        } else {
            (self.in_blocks(columns), self.rows.len().min(BLOCKS) as u64)
        }
    }

    fn in_columns(&self, columns: &[Column], widths: &[usize]) -> String {
        let line = |cells: &mut dyn Iterator<Item = &str>| -> String {
            let mut line = String::new();
            for ((cell, column), &width) in cells.zip(columns).zip(widths) {
                let cell = cut(cell, width);
                let padding = " ".repeat(width - length(&cell));
                line.push_str(&if is_number(column.kind) { padding + &cell } else { cell + &padding });
                line.push_str("  ");
            }
            line.trim_end().to_owned()
        };
        let names: Vec<String> = columns.iter().map(|column| flat(&column.name)).collect();
        let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
        let mut page =
            format!("{}\n{}\n", self.style.heading(&line(&mut names.iter().map(String::as_str))), rule.join("  "));
        for row in &self.rows {
            let _ = writeln!(page, "{}", line(&mut row.iter().map(String::as_str)));
        }
        page
    }

    fn in_blocks(&self, columns: &[Column]) -> String {
        let names: Vec<String> = columns.iter().map(|column| flat(&column.name)).collect();
        let width = names.iter().map(|name| length(name)).max().unwrap_or(0);
        let mut page = String::new();
        for (at, row) in self.rows.iter().take(BLOCKS).enumerate() {
            let _ = writeln!(page, "{}", self.style.heading(&format!("row {}", at + 1)));
            for (name, cell) in names.iter().zip(row) {
                let padding = " ".repeat(width - length(name));
                let _ = writeln!(page, "  {name}{padding}  {}", cut(cell, WIDTH.saturating_sub(width + 4).max(CELL)));
            }
        }
        page
    }
}

/// A cell on one line; a floating-point number with six decimals at most, as JSON and CSV have them all.
fn shown(text: &str, kind: Kind) -> String {
    match (kind, text.parse::<f64>()) {
        (Kind::Float, Ok(number)) if number.is_finite() => {
            let size = number.abs();
            if size >= 1e15 || (size > 0.0 && size < 1e-4) {
                return format!("{number:e}");
            }
            let fixed = format!("{number:.6}");
            fixed.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => flat(text),
    }
}

fn flat(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn cut(text: &str, width: usize) -> String {
    if length(text) <= width { text.to_owned() } else { text.chars().take(width.max(1) - 1).chain(['…']).collect() }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, kind: Kind) -> Column {
        Column { name: name.to_owned(), data_type: String::new(), kind }
    }

    fn boxed(rows: &[&[&str]]) -> Boxed {
        let rows = rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
        Boxed { style: Style::PLAIN, rows }
    }

    #[test]
    fn numbers_stand_to_the_right() {
        let columns = [column("segment", Kind::Text), column("customers", Kind::Exact)];
        let (page, shown) = boxed(&[&["Champions", "807"], &["New", NULL]]).page(&columns);
        assert_eq!(shown, 2);
        assert_eq!(page, "segment    customers\n─────────  ─────────\nChampions        807\nNew             NULL\n");
        let (page, shown) = boxed(&[]).page(&columns);
        assert_eq!((page.lines().count(), shown), (2, 0));
    }

    #[test]
    fn what_is_wider_than_a_page_stands_one_value_a_line() {
        let columns: Vec<Column> = (0..30).map(|i| column(&format!("column_{i}"), Kind::Exact)).collect();
        let row: Vec<String> = (0..30).map(|i| i.to_string()).collect();
        let row: Vec<&str> = row.iter().map(String::as_str).collect();
        let (page, shown) = boxed(&[row.as_slice(); 12]).page(&columns);
        assert_eq!(shown, 10);
        assert!(page.starts_with("row 1\n  column_0   0\n") && page.contains("\n  column_29  29\nrow 2\n"), "{page}");
        assert!(page.lines().all(|line| length(line) <= WIDTH));
    }

    #[test]
    fn cells_are_readable() {
        assert_eq!(shown("0.30000000000000004", Kind::Float), "0.3");
        assert_eq!(shown("12.0", Kind::Float), "12");
        assert_eq!(shown("-1234567.5", Kind::Float), "-1234567.5");
        assert_eq!(shown("0.0", Kind::Float), "0");
        assert_eq!(shown("0.000000012", Kind::Float), "1.2e-8");
        assert_eq!(shown("NaN", Kind::Float), "NaN");
        assert_eq!(shown("0.1000", Kind::Exact), "0.1000");
        assert_eq!(shown("a\n\u{1b}[31mb", Kind::Text), "a  [31mb");
        assert_eq!(cut("abcdef", 4), "abc…");
    }
}

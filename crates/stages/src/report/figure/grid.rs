//! A table whose cells carry a colour for their amount and words: rows and columns have names, not scales.

use super::sheet::{Anchor, Face, Sheet};
use super::{ramp, text};

/// Height of a line of the names above the columns.
const LINE: f64 = 12.0;
/// Up to this share of the darkest colour words are black, from it on in the colour of the paper: so they stand out from
/// every shade by 4.5 to 1 at least.
const DARK: f64 = 0.645;
const BLACK: &str = "#000000";

/// One cell.
pub(super) struct Cell {
    /// The amount as a share of the greatest; `None` leaves the cell blank.
    pub(super) shade: Option<f64>,
    /// What stands in it, a line each.
    pub(super) words: Vec<String>,
    /// What it says on hover.
    pub(super) hover: String,
}

/// The table.
pub(super) struct Grid<'a> {
    /// What the rows are.
    pub(super) rows_are: &'a str,
    /// What the columns are.
    pub(super) columns_are: &'a str,
    /// Names of the rows, from the top.
    pub(super) rows: &'a [String],
    /// Names of the columns.
    pub(super) columns: &'a [String],
    /// The cells, row by row.
    pub(super) cells: Vec<Cell>,
    /// Height of a row.
    pub(super) step: f64,
    /// Lines for the names of the columns.
    pub(super) lines: usize,
}

/// Height of the whole, the names of the columns in so many lines.
pub(super) fn height(rows: usize, step: f64, lines: usize) -> f64 {
    20.0 + LINE * lines as f64 + rows as f64 * step
}

/// Draws it over the width of the sheet.
pub(super) fn draw(sheet: &mut Sheet<'_>, grid: &Grid<'_>) {
    let (label, tick) = (sheet.label(), sheet.tick());
    let names =
        grid.rows.iter().map(|name| label.width(name)).fold(tick.in_bold().width(grid.rows_are), f64::max).min(150.0);
    let (left, top) = (sheet.left + names + 8.0, sheet.top + height(0, grid.step, grid.lines));
    let width = (sheet.right - left) / grid.columns.len().max(1) as f64;
    sheet.text(left, sheet.top + 8.0, grid.columns_are, tick.in_bold());
    sheet.text(sheet.left + names, top - 6.0, grid.rows_are, tick.in_bold().at(Anchor::End));
    // Names of segments just fit in the size of captions.
    let small = Face { size: sheet.theme.caption, ..tick };
    for (column, name) in grid.columns.iter().enumerate() {
        let lines = text::wrap(name, f64::from(small.size), false, width - 1.0);
        for (line, words) in lines.iter().enumerate() {
            let y = top - 6.0 - LINE * (lines.len() - 1 - line) as f64;
            sheet.text(left + (column as f64 + 0.5) * width, y, words, small.at(Anchor::Middle));
        }
    }
    for (row, name) in grid.rows.iter().enumerate() {
        let shown = text::fit(&text::clean(name), f64::from(label.size), false, names);
        sheet.text_middle(sheet.left + names, top + (row as f64 + 0.5) * grid.step, &shown, label.at(Anchor::End));
    }
    for (at, cell) in grid.cells.iter().enumerate() {
        let Some(shade) = cell.shade else { continue };
        let (x, y) =
            (left + (at % grid.columns.len()) as f64 * width, top + (at / grid.columns.len()) as f64 * grid.step);
        let face = tick.in_color(if shade > DARK { sheet.theme.paper } else { BLACK }).at(Anchor::Middle);
        sheet.hover(&cell.hover, |s| {
            s.bar((x + 0.5, x + width - 0.5), (y + 0.5, y + grid.step - 0.5), &ramp::color(&ramp::AMOUNT, shade), 1.0);
            for (line, words) in cell.words.iter().enumerate() {
                let middle = y + grid.step / 2.0 + 12.0 * (line as f64 - (cell.words.len() as f64 - 1.0) / 2.0);
                s.text_middle(x + width / 2.0, middle, words, face);
            }
        });
    }
}

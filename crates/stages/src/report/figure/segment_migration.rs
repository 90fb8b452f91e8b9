//! Where customers went: from which segment to which between two snapshots.

use super::grid::{self, Cell, Grid};
use super::sheet::{Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, number, table};

const NAME: &str = "segment_migration";
const STEP: f64 = 26.0;

/// Customers by their segment at an earlier and a later snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentMigrationData {
    /// The segments, best first.
    pub segments: Vec<String>,
    /// Customers from each segment (rows) to each (columns), both in the order of `segments`.
    pub customers: Vec<u64>,
    /// The two snapshots.
    pub between: [String; 2],
}

/// Draws the share of each earlier segment that is in each later one.
///
/// # Errors
/// When there are fewer than two segments, the matrix is not theirs, or nobody is in it.
pub fn draw(data: &SegmentMigrationData, note: &Caption, theme: &Theme) -> Result<Figure> {
    let check = Check(NAME);
    let n = data.segments.len();
    check.length("customers", n * n, data.customers.len())?;
    let from: Vec<u64> = data.customers.chunks(n.max(1)).map(|row| row.iter().sum()).collect();
    let everyone: u64 = from.iter().sum();
    if n < 2 || everyone == 0 {
        return check.degenerate("nobody was there at both snapshots");
    }
    let share = |at: usize| (from[at / n] > 0).then(|| data.customers[at] as f64 / from[at / n] as f64);
    let stayed: u64 = (0..n).map(|k| data.customers[k * n + k]).sum();
    let moves = (0..n * n).filter(|at| at / n != at % n);
    let largest = moves.max_by(|a, b| data.customers[*a].cmp(&data.customers[*b]).then(b.cmp(a))).unwrap_or(0);
    let finding = format!(
        "{} of the customers stayed in their segment; the most frequent move was from {} to {} ({}).",
        number::percent(stayed as f64 / everyone as f64),
        data.segments[largest / n],
        data.segments[largest % n],
        number::customers(data.customers[largest])
    );
    let [before, after] = &data.between;
    let subtitle = format!(
        "Share of each segment of {before} that was in each segment on {after}; darker is more, rows sum to 100 %"
    );
    let head = Head { name: NAME, finding, subtitle: &subtitle };
    let mut sheet = Sheet::new(theme, &head, note, grid::height(n, STEP, 2));
    let cells = (0..n * n)
        .map(|at| {
            let (one, other) = (&data.segments[at / n], &data.segments[at % n]);
            match share(at) {
                Some(share) if data.customers[at] > 0 => Cell {
                    shade: Some(share),
                    words: vec![number::percent(share)],
                    hover: format!("{one} to {other}: {}", number::customers(data.customers[at])),
                },
                _ => Cell { shade: None, words: Vec::new(), hover: String::new() },
            }
        })
        .collect();
    let rows: Vec<String> =
        data.segments.iter().zip(&from).map(|(name, k)| format!("{name} ({})", number::count(*k))).collect();
    let shown = Grid {
        rows_are: before,
        columns_are: after,
        rows: &rows,
        columns: &data.segments,
        cells,
        step: STEP,
        lines: 2,
    };
    grid::draw(&mut sheet, &shown);
    let rows = (0..n * n).map(|at| {
        vec![
            data.segments[at / n].clone(),
            data.segments[at % n].clone(),
            data.customers[at].to_string(),
            share(at).map(|share| share.to_string()).unwrap_or_default(),
        ]
    });
    Ok(sheet.finish(table(NAME, &["from_segment", "to_segment", "customers", "share_of_from"], rows)?))
}

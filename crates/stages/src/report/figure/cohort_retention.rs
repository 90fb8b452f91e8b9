//! Whether customers come back: of those who first bought in a month, the share that bought again in each month after.

use super::grid::{self, Cell, Grid};
use super::sheet::{Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, number, table};

const NAME: &str = "cohort_retention";
const STEP: f64 = 17.0;
/// The month that is told of beside the first one, from 0: a year after, so that the season is the same.
const LATER: usize = 11;
/// Months after the first that are shown at most.
const MONTHS: usize = 24;

/// Customers by the month of their first purchase and the months in which they bought.
#[derive(Debug, Clone, PartialEq)]
pub struct CohortRetentionData {
    /// Months of first purchases, rising, such as `2010-03`.
    pub cohorts: Vec<String>,
    /// Customers of each cohort.
    pub customers: Vec<u64>,
    /// For each cohort how many bought in the first, second, ... month after; months that have not ended are left out.
    pub active: Vec<Vec<u64>>,
}

/// Draws the share of each cohort that bought, a row a cohort and a column a month after its first.
///
/// # Errors
/// When there are fewer than two cohorts, columns differ in length, a cohort is empty, or no month after a first has ended.
pub fn draw(data: &CohortRetentionData, note: &Caption, theme: &Theme) -> Result<Figure> {
    let check = Check(NAME);
    let n = data.cohorts.len();
    check.length("customers", n, data.customers.len())?;
    check.length("active", n, data.active.len())?;
    let width = data.active.iter().map(Vec::len).max().unwrap_or(0).min(MONTHS);
    if n < 2 || width == 0 {
        return check.degenerate("the history holds no month after a month of first purchases");
    }
    let known = data.customers.iter().map(|c| *c as f64).collect::<Vec<_>>();
    check.each("customers", &known, n, "at least one customer", |v| v >= 1.0)?;
    let share = |row: usize, month: usize| data.active[row].get(month).map(|a| *a as f64 / known[row]);
    // All cohorts together, each month over those that have lived it.
    let all = |month: usize| -> Option<f64> {
        let of = || (0..n).filter(|&row| data.active[row].len() > month);
        let customers: f64 = of().map(|row| known[row]).sum();
        (customers > 0.0).then(|| of().map(|row| data.active[row][month] as f64).sum::<f64>() / customers)
    };
    let second = all(0).unwrap_or_default();
    let finding = match all(LATER).filter(|_| width > LATER) {
        Some(later) => format!(
            "Of the customers of all months {} bought again in the month after their first, and {} in month {} after it.",
            number::percent(second),
            number::percent(later),
            LATER + 1
        ),
        None => format!("Of the customers of all months {} bought again in the month after.", number::percent(second)),
    };
    let subtitle = "Share of the customers who first bought in a month that bought again so many months later, per cent; \
                    darker is more";
    let head = Head { name: NAME, finding, subtitle };
    let mut sheet = Sheet::new(theme, &head, note, grid::height(n + 1, STEP, 1));
    let most = (0..n).flat_map(|row| (0..width).filter_map(move |m| share(row, m))).fold(f64::MIN_POSITIVE, f64::max);
    let mut rows: Vec<String> =
        data.cohorts.iter().zip(&data.customers).map(|(c, k)| format!("{c} ({})", number::count(*k))).collect();
    rows.insert(0, "all".to_owned());
    let columns: Vec<String> = (1..=width).map(|month| month.to_string()).collect();
    let cell = |share: Option<f64>, who: &str, month: usize| match share {
        None => Cell { shade: None, words: Vec::new(), hover: String::new() },
        Some(share) => Cell {
            shade: Some(share / most),
            words: vec![format!("{:.0}", share * 100.0)],
            hover: format!("{who}, month {}: {}", month + 1, number::percent(share)),
        },
    };
    let mut cells: Vec<Cell> = (0..width).map(|month| cell(all(month), "all", month)).collect();
    for row in 0..n {
        cells.extend((0..width).map(|month| cell(share(row, month), &data.cohorts[row], month)));
    }
    let shown = Grid {
        rows_are: "First bought in",
        columns_are: "Months after the first",
        rows: &rows,
        columns: &columns,
        cells,
        step: STEP,
        lines: 1,
    };
    grid::draw(&mut sheet, &shown);
    let rows = (0..n).flat_map(|row| {
        data.active[row].iter().enumerate().map(move |(month, active)| {
            vec![
                data.cohorts[row].clone(),
                data.customers[row].to_string(),
                (month + 1).to_string(),
                active.to_string(),
                (*active as f64 / data.customers[row] as f64).to_string(),
            ]
        })
    });
    Ok(sheet.finish(table(NAME, &["cohort", "customers", "month", "active", "share"], rows)?))
}

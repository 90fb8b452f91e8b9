//! How recency and frequency go together, and what customers of each pair of scores have spent.

use super::grid::{self, Cell, Grid};
use super::sheet::{Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, largest, number, table};

const NAME: &str = "rfm_heatmap";
/// Scores run from 1 to this.
const SCORES: usize = 5;
const STEP: f64 = 46.0;

/// Customers and revenue by scores of recency and frequency: 25 cells, recency rising within frequency rising.
#[derive(Debug, Clone, PartialEq)]
pub struct RfmHeatmapData {
    /// Customers of each cell.
    pub customers: Vec<u64>,
    /// What they have spent, in `currency`.
    pub revenue: Vec<f64>,
    /// ISO code of the currency.
    pub currency: String,
}

/// Draws the map, the most frequent buyers on top; the colour is the mean spend of a customer.
///
/// # Errors
/// When there are not 25 cells, a revenue is not finite, or nobody has spent anything.
pub fn draw(data: &RfmHeatmapData, note: &Caption, theme: &Theme) -> Result<Figure> {
    let check = Check(NAME);
    let n = SCORES * SCORES;
    check.length("customers", n, data.customers.len())?;
    check.finite("revenue", &data.revenue, n)?;
    let everyone: u64 = data.customers.iter().sum();
    let revenue: f64 = data.revenue.iter().sum();
    if everyone == 0 || revenue <= 0.0 {
        return check.degenerate("nobody has spent anything");
    }
    let mean = |at: usize| (data.customers[at] > 0).then(|| data.revenue[at] / data.customers[at] as f64);
    let most = (0..n).filter_map(mean).fold(f64::MIN_POSITIVE, f64::max);
    let cell = |at: usize| {
        let (r, f) = (at % SCORES + 1, at / SCORES + 1);
        let Some(mean) = mean(at) else {
            return Cell { shade: None, words: Vec::new(), hover: String::new() };
        };
        let (count, money) = (number::count(data.customers[at]), number::money(mean, &data.currency));
        Cell {
            // Spend is skewed: by its square root the middle is told apart too.
            shade: Some((mean.max(0.0) / most).sqrt()),
            hover: format!("recency {r}, frequency {f}: {}, {money} each", number::customers(data.customers[at])),
            words: vec![count, money],
        }
    };
    let best = largest(&data.revenue);
    let finding = format!(
        "Customers with recency {} and frequency {} are {} of all and have brought {} of the revenue.",
        best % SCORES + 1,
        best / SCORES + 1,
        number::percent(data.customers[best] as f64 / everyone as f64),
        number::percent(data.revenue[best] / revenue)
    );
    let subtitle = "Customers by score (5 is best) and, below their number, what one of them has spent in the mean; \
                    darker is more";
    let head = Head { name: NAME, finding, subtitle };
    let mut sheet = Sheet::new(theme, &head, note, grid::height(SCORES, STEP, 1));
    let named = |score: usize, low: &str, high: &str| match score {
        1 => format!("1, {low}"),
        SCORES => format!("{SCORES}, {high}"),
        score => score.to_string(),
    };
    let rows: Vec<String> = (1..=SCORES).rev().map(|f| named(f, "fewest orders", "most orders")).collect();
    let columns: Vec<String> = (1..=SCORES).map(|r| named(r, "longest ago", "just now")).collect();
    let cells = (0..SCORES).rev().flat_map(|f| (0..SCORES).map(move |r| f * SCORES + r)).map(cell).collect();
    let shown = Grid {
        rows_are: "Frequency",
        columns_are: "Recency",
        rows: &rows,
        columns: &columns,
        cells,
        step: STEP,
        lines: 1,
    };
    grid::draw(&mut sheet, &shown);
    let rows = (0..n).map(|at| {
        vec![
            (at % SCORES + 1).to_string(),
            (at / SCORES + 1).to_string(),
            data.customers[at].to_string(),
            data.revenue[at].to_string(),
        ]
    });
    Ok(sheet.finish(table(NAME, &["recency_score", "frequency_score", "customers", "revenue"], rows)?))
}

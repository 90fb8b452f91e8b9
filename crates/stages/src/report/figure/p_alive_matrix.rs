//! Who is still a customer: the probability of being alive by how often and when a customer bought.

use super::heat::{self, Amounts, HistoryMatrix};
use super::sheet::{Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, number};

const NAME: &str = "p_alive_matrix";
/// The probability whose line is drawn.
const EVEN: f64 = 0.5;

/// The probability of being alive of every history.
#[derive(Debug, Clone, PartialEq)]
pub struct PAliveMatrixData {
    /// The model's name as shown to the reader.
    pub model: String,
    /// The probability of each history.
    pub histories: HistoryMatrix,
}

/// Draws probabilities as colours, with the line on which being alive is as probable as not.
///
/// # Errors
/// When the map has fewer than two columns or rows, or uneven ones, or a value is no probability.
pub fn draw(data: &PAliveMatrixData, note: &Caption, theme: &Theme) -> Result<Figure> {
    let map = &data.histories;
    map.verify(Check(NAME), "a probability between 0 and 1", |v| (0.0..=1.0).contains(&v))?;
    let subtitle = format!(
        "Probability by {} that a customer will buy again at all; first purchase {} days ago",
        data.model,
        number::count(map.age_days as u64)
    );
    let head = Head { name: NAME, finding: finding(map), subtitle: &subtitle };
    let mut sheet = Sheet::new(theme, &head, note, heat::HEIGHT + 62.0);
    let amounts = Amounts {
        title: "Probability of being alive",
        high: 1.0,
        labels: number::percent_ticks,
        level: (EVEN, "50 % alive"),
    };
    heat::draw(&mut sheet, map, &amounts);
    Ok(sheet.finish(map.table(NAME, "p_alive")?))
}

/// The longest silence after which being alive is still at least as probable as not.
fn patience(map: &HistoryMatrix, column: usize) -> Option<f64> {
    let rows = 0..map.last_purchase_days.len();
    let mut alive = rows.filter(|row| map.get(*row, column).is_some_and(|p| p >= EVEN));
    alive.next().map(|row| (map.age_days - map.last_purchase_days[row]).max(0.0))
}

fn finding(map: &HistoryMatrix) -> String {
    let known: Vec<(f64, f64)> = (0..map.repeats.len())
        .filter(|column| map.repeats[*column] >= 1.0)
        .filter_map(|column| patience(map, column).map(|days| (map.repeats[column], days)))
        .collect();
    let times = |n: f64| if n < 1.5 { "once".to_owned() } else { format!("{n:.0} times") };
    match (known.first(), known.last()) {
        (Some(few), Some(many)) if many.0 > few.0 => format!(
            "A customer who came back {} is more likely gone than not after {:.0} days of silence, one who came back \
             {} after {:.0}.",
            times(few.0),
            few.1,
            times(many.0),
            many.1
        ),
        (Some(only), _) => {
            format!("A customer who came back {} is more likely gone than not after {:.0} days.", times(only.0), only.1)
        }
        _ => "No history leaves a customer more likely alive than not.".to_owned(),
    }
}

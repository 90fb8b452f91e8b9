//! How many purchases a history promises: expected purchases by how often and when a customer bought.

use super::heat::{self, Amounts, HistoryMatrix};
use super::sheet::{Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, number};

const NAME: &str = "frequency_recency_matrix";

/// Expected purchases of every history in the coming window.
#[derive(Debug, Clone, PartialEq)]
pub struct FrequencyRecencyData {
    /// The model's name as shown to the reader.
    pub model: String,
    /// Expected purchases of each history.
    pub histories: HistoryMatrix,
    /// Length of the window.
    pub horizon_days: u32,
}

/// Draws expected purchases as colours, with the line of one purchase.
///
/// # Errors
/// When the map has fewer than two columns or rows, or uneven ones, an amount is negative or not finite, or nothing is
/// expected of anybody.
pub fn draw(data: &FrequencyRecencyData, note: &Caption, theme: &Theme) -> Result<Figure> {
    let (check, map) = (Check(NAME), &data.histories);
    map.verify(check, "a finite number of purchases, at least 0", |v| v >= 0.0 && v.is_finite())?;
    let (row, column, most) = map.largest();
    if most <= 0.0 {
        return check.degenerate("no history promises a purchase");
    }
    let subtitle = format!(
        "Purchases that {} expects in the next {} days, of customers whose first purchase was {} days ago",
        data.model,
        data.horizon_days,
        number::count(map.age_days as u64)
    );
    // The same customer with its last purchase half as early: what silence costs.
    let half_day = map.last_purchase_days[row] / 2.0;
    let half = (0..row)
        .rfind(|r| map.last_purchase_days[*r] <= half_day)
        .and_then(|r| map.get(r, column).map(|value| (map.last_purchase_days[r], value)));
    let silent = half.map_or(String::new(), |(day, value)| format!("; last on day {day:.0}, {}", amount(value)));
    let finding = format!(
        "A customer who came back {:.0} times, last on day {:.0} of {:.0}, is expected to make {} purchases in {} \
         days{silent}.",
        map.repeats[column],
        map.last_purchase_days[row],
        map.age_days,
        amount(most),
        data.horizon_days
    );
    let head = Head { name: NAME, finding, subtitle: &subtitle };
    let mut sheet = Sheet::new(theme, &head, note, heat::HEIGHT + 62.0);
    let title = format!("Expected purchases in {} days", data.horizon_days);
    let amounts = Amounts { title: &title, high: most, labels: number::plain_ticks, level: (1.0, "1 purchase") };
    heat::draw(&mut sheet, map, &amounts);
    Ok(sheet.finish(map.table(NAME, "expected_purchases")?))
}

/// Purchases with as many decimals as tell something.
fn amount(purchases: f64) -> String {
    match purchases {
        p if p >= 9.95 => format!("{p:.0}"),
        p if p >= 0.095 => format!("{p:.1}"),
        p if p >= 0.005 => format!("{p:.2}"),
        _ => "less than 0.01".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::amount;

    #[test]
    fn amounts_keep_what_tells() {
        assert_eq!([12.3, 2.34, 0.072, 0.0].map(amount), ["12", "2.3", "0.07", "less than 0.01"]);
    }
}

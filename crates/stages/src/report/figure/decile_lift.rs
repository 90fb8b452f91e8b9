//! How churn concentrates: observed churn per tenth of customers, the riskiest first.

use super::sheet::{Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Problem, Result, bars, number, table};

const NAME: &str = "decile_lift";

/// Observed churn per group of equal predicted rank, the riskiest first; groups are usually tenths.
#[derive(Debug, Clone, PartialEq)]
pub struct DecileLiftData {
    /// Customers per group.
    pub customers: Vec<u64>,
    /// Of these, customers who churned; customers of one rank share theirs evenly between groups, so this need not be
    /// whole.
    pub churners: Vec<f64>,
}

/// Draws one bar per group with its churn rate and its lift over the average.
///
/// # Errors
/// When columns differ in length or have fewer than two rows, a group is empty or has more churners than customers,
/// or nobody churned.
pub fn draw(data: &DecileLiftData, note: &Caption, theme: &Theme) -> Result<Figure> {
    let check = Check(NAME);
    let n = data.customers.len();
    check.some("customers", &data.customers)?;
    check.length("churners", n, data.churners.len())?;
    if n < 2 || data.customers.contains(&0) {
        return check.degenerate("lift needs at least two groups, each with customers");
    }
    let can_be = |i: &usize| (0.0..=data.customers[*i] as f64 + 1e-9).contains(&data.churners[*i]);
    if let Some(row) = (0..n).find(|i| !can_be(i)) {
        let value = data.churners[row];
        return check.fail(Problem::Range {
            what: "churners",
            row,
            value,
            expected: "a number of the customers of the group",
        });
    }
    let average = data.churners.iter().sum::<f64>() / data.customers.iter().sum::<u64>() as f64;
    if average <= 0.0 {
        return check.degenerate("nobody churned, so there is nothing to concentrate");
    }
    let rates: Vec<f64> = data.churners.iter().zip(&data.customers).map(|(c, of)| (c / *of as f64).min(1.0)).collect();
    let subtitle =
        format!("Observed churn in {n} groups by predicted risk, the riskiest first; the line is the average");
    let head = Head { name: NAME, finding: finding(&rates, average), subtitle: &subtitle };
    let mut sheet = Sheet::new(theme, &head, note, bars::height(n) + bars::FOOT + 4.0);
    let names: Vec<String> = (1..=n)
        .map(|i| match i {
            1 => "1 (riskiest)".to_owned(),
            i if i == n => format!("{i} (safest)"),
            i => i.to_string(),
        })
        .collect();
    let x = sheet.left + bars::names(&mut sheet, &names, 120.0) + 10.0;
    let panel = bars::Panel {
        title: "Share that churned",
        x,
        width: sheet.right - 230.0 - x,
        labels: rates.iter().map(|r| number::percent(*r)).collect(),
        labelled: false,
        colors: rates.iter().map(|r| if *r >= average { theme.accent } else { theme.neutral }).collect(),
        values: rates.clone(),
    };
    bars::draw(&mut sheet, &panel, &names);
    let right = sheet.right;
    // The rates stand in a column, where the line of the average cannot run through them.
    bars::numbers(&mut sheet, "Churned", right - 150.0, &rates.iter().map(|r| number::percent(*r)).collect::<Vec<_>>());
    bars::numbers(
        &mut sheet,
        "× average",
        right - 78.0,
        &rates.iter().map(|r| format!("{:.2}", r / average)).collect::<Vec<_>>(),
    );
    bars::numbers(
        &mut sheet,
        "Customers",
        right,
        &data.customers.iter().map(|c| number::count(*c)).collect::<Vec<_>>(),
    );
    bars::reference(&mut sheet, &panel, average, &format!("average {}", number::percent(average)));

    let rows = (0..n).map(|i| {
        vec![
            (i + 1).to_string(),
            data.customers[i].to_string(),
            data.churners[i].to_string(),
            rates[i].to_string(),
            (rates[i] / average).to_string(),
        ]
    });
    Ok(sheet.finish(table(NAME, &["group", "customers", "churners", "churn_rate", "lift"], rows)?))
}

fn finding(rates: &[f64], average: f64) -> String {
    let (first, last) = (rates[0], rates[rates.len() - 1]);
    format!(
        "In the riskiest of {} groups {} churned, {:.1} times the average of {}; in the safest {} did.",
        rates.len(),
        number::percent(first),
        first / average,
        number::percent(average),
        number::percent(last)
    )
}

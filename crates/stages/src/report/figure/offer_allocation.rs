//! What the plan does: customers, cost and expected net value per offer.

use super::sheet::{Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, bars, largest, number, table};

const NAME: &str = "offer_allocation";

/// The plan by offer, in the order of the offer table. Customers without an offer are one of the rows.
#[derive(Debug, Clone, PartialEq)]
pub struct OfferAllocationData {
    /// Names.
    pub offers: Vec<String>,
    /// Customers who get each offer.
    pub customers: Vec<u64>,
    /// Expected cost per offer in `currency`: contact and subsidy.
    pub cost: Vec<f64>,
    /// Expected net value per offer: gain minus cost.
    pub net: Vec<f64>,
    /// The row that stands for no offer, if there is one.
    pub no_offer: Option<usize>,
    /// The budget, if there is a limit.
    pub budget: Option<f64>,
    /// ISO code of the currency.
    pub currency: String,
}

/// Draws the offers in the order given.
///
/// # Errors
/// When columns differ in length or are empty, money is not finite or a cost is negative, `no_offer` names no row, or
/// nobody is in the plan.
pub fn draw(data: &OfferAllocationData, note: &Caption, theme: &Theme) -> Result<Figure> {
    let check = Check(NAME);
    let n = data.offers.len();
    check.some("offers", &data.offers)?;
    check.length("customers", n, data.customers.len())?;
    check.each("cost", &data.cost, n, "a finite cost of at least 0", |v| v.is_finite() && v >= 0.0)?;
    check.finite("net", &data.net, n)?;
    if let Some(budget) = data.budget {
        check.each("budget", &[budget], 1, "a finite budget of at least 0", |v| v.is_finite() && v >= 0.0)?;
    }
    if data.no_offer.is_some_and(|row| row >= n) {
        return check.degenerate("`no_offer` names no row");
    }
    let everyone: u64 = data.customers.iter().sum();
    if everyone == 0 {
        return check.degenerate("the plan holds no customer");
    }
    let head = Head {
        name: NAME,
        finding: finding(data, everyone),
        subtitle: "Customers, expected cost and expected net value (gain minus cost) per offer",
    };
    let mut sheet = Sheet::new(theme, &head, note, bars::height(n));
    let x = sheet.left + bars::names(&mut sheet, &data.offers, 120.0) + 10.0;
    let width = (sheet.right - 62.0 - x - 2.0 * 14.0) / 3.0;
    let quiet =
        |color: &'static str| (0..n).map(|i| if data.no_offer == Some(i) { theme.neutral } else { color }).collect();
    let panels = [
        bars::Panel {
            title: "Customers",
            x,
            width,
            labelled: true,
            values: data.customers.iter().map(|c| *c as f64).collect(),
            labels: data
                .customers
                .iter()
                .map(|c| format!("{} ({})", number::count(*c), number::percent(*c as f64 / everyone as f64)))
                .collect(),
            colors: vec![theme.neutral; n],
        },
        bars::Panel {
            title: "Cost",
            x: x + width + 14.0,
            width,
            labelled: true,
            values: data.cost.clone(),
            labels: data.cost.iter().map(|v| number::money(*v, &data.currency)).collect(),
            colors: quiet(theme.contrast),
        },
        bars::Panel {
            title: "Expected net value",
            x: x + 2.0 * (width + 14.0),
            width,
            labelled: true,
            values: data.net.clone(),
            labels: data.net.iter().map(|v| number::money(*v, &data.currency)).collect(),
            colors: quiet(theme.accent),
        },
    ];
    for panel in &panels {
        bars::draw(&mut sheet, panel, &data.offers);
    }
    let yields: Vec<String> = data
        .net
        .iter()
        .zip(&data.cost)
        .map(|(net, cost)| if *cost > 0.0 { format!("{:.2}", net / cost).replace('-', "−") } else { "–".to_owned() })
        .collect();
    let right = sheet.right;
    bars::numbers(&mut sheet, "Net/cost", right, &yields);

    let rows = (0..n).map(|i| {
        vec![data.offers[i].clone(), data.customers[i].to_string(), data.cost[i].to_string(), data.net[i].to_string()]
    });
    Ok(sheet.finish(table(NAME, &["offer", "customers", "cost", "expected_net"], rows)?))
}

fn finding(data: &OfferAllocationData, everyone: u64) -> String {
    let offered: Vec<usize> =
        (0..data.offers.len()).filter(|i| data.no_offer != Some(*i) && data.customers[*i] > 0).collect();
    let reached: u64 = offered.iter().map(|i| data.customers[*i]).sum();
    if reached == 0 {
        return format!(
            "None of the {} customers gets an offer: none is expected to earn more than it costs.",
            number::count(everyone)
        );
    }
    let sum = |column: &[f64]| column.iter().sum::<f64>();
    let money = |v: f64| number::money(v, &data.currency);
    let limit = data.budget.map_or(String::new(), |budget| format!(" of a budget of {}", money(budget)));
    let nets: Vec<f64> = offered.iter().map(|i| data.net[*i]).collect();
    let best = offered[largest(&nets)];
    let most = if offered.len() > 1 {
        format!(", and {} brings the most ({})", data.offers[best], money(data.net[best]))
    } else {
        String::new()
    };
    format!(
        "{} of {} customers ({}) get an offer for {}{limit}; the expected net value is {}{most}.",
        number::count(reached),
        number::count(everyone),
        number::percent(reached as f64 / everyone as f64),
        money(sum(&data.cost)),
        money(sum(&data.net))
    )
}

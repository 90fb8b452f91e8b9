//! Who the customers are and who pays: customers and revenue per segment, as bars side by side and as parts of the whole.

use super::sheet::{Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, bars, descending, largest, number, pie, table};

const NAME: &str = "segment_distribution";
/// Space between the bars and the pies.
const GAP: f64 = 18.0;

/// Customers and revenue per segment, one row each.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentDistributionData {
    /// Names.
    pub segments: Vec<String>,
    /// Customers per segment.
    pub customers: Vec<u64>,
    /// Revenue per segment in `currency`; may be negative where returns exceed purchases, but not in total.
    pub revenue: Vec<f64>,
    /// ISO code of the currency, for example `GBP`.
    pub currency: String,
}

/// Draws the segments in descending order of revenue; the table keeps the order given. Revenue has no pie where a segment's
/// is negative: that is no part of a whole.
///
/// # Errors
/// When columns differ in length or are empty, a revenue is not finite, nobody is counted, or the total revenue is
/// not positive.
pub fn draw(data: &SegmentDistributionData, note: &Caption, theme: &Theme) -> Result<Figure> {
    let check = Check(NAME);
    let n = data.segments.len();
    check.some("segments", &data.segments)?;
    check.length("customers", n, data.customers.len())?;
    check.finite("revenue", &data.revenue, n)?;
    let everyone: u64 = data.customers.iter().sum();
    let revenue: f64 = data.revenue.iter().sum();
    if everyone == 0 {
        return check.degenerate("no segment has a customer");
    }
    if revenue <= 0.0 {
        return check.degenerate("the total revenue is not positive, so shares of it mean nothing");
    }
    let head_share: Vec<f64> = data.customers.iter().map(|c| *c as f64 / everyone as f64).collect();
    let money_share: Vec<f64> = data.revenue.iter().map(|r| r / revenue).collect();

    let order = descending(&data.revenue);
    let names: Vec<String> = order.iter().map(|i| data.segments[*i].clone()).collect();
    let subtitle = format!(
        "Customers and revenue by segment, {} customers and {} in all",
        number::count(everyone),
        number::money(revenue, &data.currency)
    );
    let head = Head { name: NAME, finding: finding(data, &head_share, &money_share), subtitle: &subtitle };
    let mut sheet = Sheet::new(theme, &head, note, bars::height(n) + GAP + pie::HEIGHT);
    let x = sheet.left + bars::names(&mut sheet, &names, 150.0) + 10.0;
    let each = 96.0;
    let width = (sheet.right - each - x - 20.0) / 2.0;
    let customers = bars::Panel {
        title: "Customers",
        x,
        width,
        labelled: true,
        values: order.iter().map(|i| data.customers[*i] as f64).collect(),
        labels: order
            .iter()
            .map(|i| format!("{} ({})", number::count(data.customers[*i]), number::percent(head_share[*i])))
            .collect(),
        colors: vec![theme.neutral; n],
    };
    let takings = bars::Panel {
        title: "Revenue",
        x: x + width + 20.0,
        width,
        labelled: true,
        values: order.iter().map(|i| data.revenue[*i]).collect(),
        labels: order
            .iter()
            .map(|i| {
                format!("{} ({})", number::money(data.revenue[*i], &data.currency), number::percent(money_share[*i]))
            })
            .collect(),
        colors: vec![theme.accent; n],
    };
    bars::draw(&mut sheet, &customers, &names);
    bars::draw(&mut sheet, &takings, &names);
    let per_head: Vec<String> = order
        .iter()
        .map(|i| match data.customers[*i] {
            0 => "–".to_owned(),
            c => number::money(data.revenue[*i] / c as f64, &data.currency),
        })
        .collect();
    let right = sheet.right;
    bars::numbers(&mut sheet, "Per customer", right, &per_head);

    let top = sheet.top + bars::height(n) + GAP;
    let middle = (sheet.left + sheet.right) / 2.0;
    let wholes = [
        ("Share of customers", (sheet.left, middle - 10.0), &head_share),
        ("Share of revenue", (middle + 10.0, sheet.right), &money_share),
    ];
    for (title, room, shares) in wholes {
        if shares.iter().any(|share| *share < 0.0) {
            let face = sheet.label();
            sheet.text(room.0, top + 10.0, "No shares of revenue: a segment gave more back than it bought", face);
            continue;
        }
        let part = |(place, i): (usize, &usize)| (names[place].as_str(), shares[*i], theme.category(place));
        pie::draw(&mut sheet, &pie::Pie { title, room, top, parts: order.iter().enumerate().map(part).collect() });
    }

    let rows = (0..n).map(|i| {
        vec![
            data.segments[i].clone(),
            data.customers[i].to_string(),
            head_share[i].to_string(),
            data.revenue[i].to_string(),
            money_share[i].to_string(),
        ]
    });
    let header = ["segment", "customers", "share_of_customers", "revenue", "share_of_revenue"];
    Ok(sheet.finish(table(NAME, &header, rows)?))
}

fn finding(data: &SegmentDistributionData, head_share: &[f64], money_share: &[f64]) -> String {
    let richest = largest(money_share);
    let biggest = largest(head_share);
    let name = &data.segments[richest];
    let (heads, money) = (number::percent(head_share[richest]), number::percent(money_share[richest]));
    if data.segments.len() == 1 {
        format!("All {} customers are in one segment, {name}.", number::count(data.customers[0]))
    } else if richest == biggest {
        format!("The {name} segment is the largest, with {heads} of customers, and holds {money} of revenue.")
    } else {
        format!(
            "The {name} segment holds {heads} of customers and {money} of revenue; \
             the largest, {}, holds {} of customers and {} of revenue.",
            data.segments[biggest],
            number::percent(head_share[biggest]),
            number::percent(money_share[biggest])
        )
    }
}

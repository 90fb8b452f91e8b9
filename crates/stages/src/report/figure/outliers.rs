//! Who is unlike all others: customers by orders and spend, the unusual ones marked.

use super::axis::{Frame, Scale};
use super::sheet::{Anchor, Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, descending, number, table};

const NAME: &str = "outliers";
const HEIGHT: f64 = 340.0;
/// Unusual customers that are named.
const NAMED: usize = 5;

/// All customers by two measures.
#[derive(Debug, Clone, PartialEq)]
pub struct OutliersData {
    /// The customers.
    pub ids: Vec<String>,
    /// Orders of each, at least 1.
    pub orders: Vec<f64>,
    /// What each has spent, in `currency`; those who spent nothing stand on the floor.
    pub spend: Vec<f64>,
    /// Whether each is unusual in any measure.
    pub unusual: Vec<bool>,
    /// Whether each is unusual in a measure of orders or money.
    pub in_what_is_drawn: Vec<bool>,
    /// The measure in which most are unusual, with its customers; `None` where nobody is.
    pub mostly: Option<(String, u64)>,
    /// ISO code of the currency.
    pub currency: String,
}

/// Draws everybody on logarithmic scales, the unusual ones in another colour and the largest of them by name.
///
/// # Errors
/// When columns differ in length or are empty, an order count is below 1, somebody is unusual in what is drawn and not
/// unusual at all, or nobody has spent anything.
pub fn draw(data: &OutliersData, note: &Caption, theme: &Theme) -> Result<Figure> {
    let check = Check(NAME);
    let n = data.ids.len();
    check.some("ids", &data.ids)?;
    check.each("orders", &data.orders, n, "at least 1", |v| v >= 1.0 && v.is_finite())?;
    check.finite("spend", &data.spend, n)?;
    check.length("unusual", n, data.unusual.len())?;
    check.length("in_what_is_drawn", n, data.in_what_is_drawn.len())?;
    if (0..n).any(|i| data.in_what_is_drawn[i] && !data.unusual[i]) {
        return check.degenerate("a customer who is unusual in what is drawn is unusual");
    }
    let least = data.spend.iter().copied().filter(|s| *s >= 1.0).fold(f64::INFINITY, f64::min);
    let (most, most_orders) =
        (data.spend.iter().copied().fold(0.0, f64::max), data.orders.iter().copied().fold(1.0, f64::max));
    if !least.is_finite() || most <= least {
        return check.degenerate("nobody has spent anything");
    }
    let count = data.unusual.iter().filter(|unusual| **unusual).count();
    let sum = |wanted: bool| -> f64 {
        data.spend.iter().zip(&data.unusual).filter(|(_, own)| **own || !wanted).map(|(spend, _)| spend.max(0.0)).sum()
    };
    let seen = data.in_what_is_drawn.iter().filter(|seen| **seen).count();
    let finding = match (count, &data.mostly) {
        (0, _) => "No customer is unlike all others.".to_owned(),
        (count, mostly) => format!(
            "{} ({}) are unusual, {} of them in what they spend or order{}; they have brought {} of the revenue.",
            number::customers(count as u64),
            number::percent(count as f64 / n as f64),
            number::count(seen as u64),
            mostly.as_ref().map_or_else(String::new, |(measure, customers)| {
                format!(", {} in their {measure}", number::count(*customers))
            }),
            number::percent(sum(true) / sum(false))
        ),
    };
    let subtitle = "Every customer by orders and spend, both logarithmic; marked are those unusual in one of these, and in \
                    any other measure of their behaviour";
    let head = Head { name: NAME, finding, subtitle };
    let mut sheet = Sheet::new(theme, &head, note, HEIGHT + 64.0);
    let (left, floor) = (sheet.left + 58.0, sheet.top + 20.0 + HEIGHT);
    let frame = Frame {
        x: Scale { low: -0.06, high: most_orders.log10().max(1.0) * 1.04, from: left, to: sheet.right - 8.0 },
        y: Scale { low: least.log10().floor() - 0.15, high: most.log10() * 1.03, from: floor, to: floor - HEIGHT },
    };
    let powers = |scale: Scale| -> Vec<f64> {
        let first = scale.low.ceil() as i32;
        (first..=scale.high.floor() as i32).map(f64::from).collect()
    };
    let natural = |ticks: &[f64]| ticks.iter().map(|tick| 10_f64.powf(*tick)).collect::<Vec<_>>();
    let ticks = powers(frame.y);
    let labels: Vec<String> = natural(&ticks).iter().map(|v| number::count(*v as u64)).collect();
    frame.y_axis(&mut sheet, &ticks, &labels, format!("Spend {}", data.currency).trim_end());
    let ticks = powers(frame.x);
    let labels: Vec<String> = natural(&ticks).iter().map(|v| number::count(*v as u64)).collect();
    frame.x_axis(&mut sheet, &ticks, &labels, "Orders");
    let at = |i: usize| {
        let spend = if data.spend[i] >= 1.0 { data.spend[i].log10() } else { frame.y.low };
        frame.at(data.orders[i].log10(), spend.max(frame.y.low))
    };
    let others: Vec<(f64, f64)> = (0..n).filter(|&i| !data.unusual[i]).map(at).collect();
    sheet.specks(&others, 1.5, theme.neutral, 0.6);
    for seen in [false, true] {
        let (color, radius) = if seen { (theme.contrast, 2.8) } else { (theme.accent, 1.9) };
        for i in (0..n).filter(|&i| data.unusual[i] && data.in_what_is_drawn[i] == seen) {
            let spend = number::money(data.spend[i], &data.currency);
            let words = format!("{}: orders {}, spend {spend}", data.ids[i], number::count(data.orders[i] as u64));
            sheet.hover(&words, |s| s.specks(&[at(i)], radius, color, 0.85));
        }
    }
    let face = sheet.tick().in_color(theme.ink);
    let mut taken: Vec<(f64, f64)> = Vec::new();
    let largest = descending(&data.spend).into_iter().filter(|&i| data.in_what_is_drawn[i]).take(NAMED);
    for i in largest {
        let (x, y) = at(i);
        // Where an earlier name stands, this one is left to the hover and the table.
        if taken.iter().any(|(a, b)| (a - x).abs() < 60.0 && (b - y).abs() < 13.0) {
            continue;
        }
        taken.push((x, y));
        let right = x + 8.0 + face.width(&data.ids[i]) < frame.x.to;
        let face = face.at(if right { Anchor::Start } else { Anchor::End });
        sheet.text_middle(if right { x + 7.0 } else { x - 7.0 }, y, &data.ids[i], face);
    }
    let legend = sheet.label();
    let keys = [
        ("unusual in spend or orders", seen, legend.in_bold().in_color(theme.contrast)),
        ("unusual otherwise", count - seen, legend.in_bold().in_color(theme.accent)),
        ("all others", n - count, legend.in_color(theme.muted)),
    ];
    for (place, (words, customers, face)) in keys.into_iter().enumerate() {
        let words = format!("{words} ({})", number::count(customers as u64));
        sheet.text(left + 10.0, floor - HEIGHT + 14.0 + 16.0 * place as f64, &words, face);
    }
    let rows = (0..n).map(|i| {
        vec![
            data.ids[i].clone(),
            data.orders[i].to_string(),
            data.spend[i].to_string(),
            u8::from(data.unusual[i]).to_string(),
            u8::from(data.in_what_is_drawn[i]).to_string(),
        ]
    });
    Ok(sheet.finish(table(NAME, &["customer_id", "orders", "spend", "unusual", "unusual_in_spend_or_orders"], rows)?))
}

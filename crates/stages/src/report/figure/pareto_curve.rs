//! How revenue rests on few customers: the share of revenue that the best ones bring.

use super::axis::{Frame, Scale};
use super::sheet::{Anchor, Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, descending, number, table};

const NAME: &str = "pareto_curve";
const HEIGHT: f64 = 320.0;
const WIDTH: f64 = 430.0;
/// Points of the curve at most.
const POINTS: usize = 400;
/// The share of customers that the rule of thumb speaks of.
const FIFTH: f64 = 0.2;

/// What each customer has spent.
#[derive(Debug, Clone, PartialEq)]
pub struct ParetoCurveData {
    /// Spend of each customer in `currency`; below 0 it counts as 0.
    pub spend: Vec<f64>,
    /// ISO code of the currency.
    pub currency: String,
}

/// Draws the share of revenue against the share of customers, those who spent most first.
///
/// # Errors
/// When there is no customer, a spend is not finite, or nobody has spent anything.
pub fn draw(data: &ParetoCurveData, note: &Caption, theme: &Theme) -> Result<Figure> {
    let check = Check(NAME);
    let n = data.spend.len();
    check.some("spend", &data.spend)?;
    check.finite("spend", &data.spend, n)?;
    let spend: Vec<f64> = data.spend.iter().map(|spend| spend.max(0.0)).collect();
    let revenue: f64 = spend.iter().sum();
    if revenue <= 0.0 {
        return check.degenerate("nobody has spent anything");
    }
    let mut shares = vec![0.0];
    let mut sum = 0.0;
    for at in descending(&spend) {
        sum += spend[at];
        // Sums in another order differ in the last digit.
        shares.push(f64::min(sum / revenue, 1.0));
    }
    shares[n] = 1.0;
    // The customers needed for a share of revenue, and the revenue of a share of customers.
    let needed = |share: f64| shares.iter().position(|s| *s >= share - 1e-12).unwrap_or(n);
    let brought = |customers: f64| shares[(customers * n as f64).round() as usize];
    let half = needed(0.5);
    let finding = format!(
        "The best fifth of the customers brings {} of the revenue; half of it comes from {} ({}).",
        number::percent(brought(FIFTH)),
        number::customers(half as u64),
        number::percent(half as f64 / n as f64)
    );
    let subtitle = format!(
        "Share of revenue ({} in all) by share of customers, those who spent most first; on the dashed line all would be \
         alike",
        number::money(revenue, &data.currency)
    );
    let head = Head { name: NAME, finding, subtitle: &subtitle };
    let mut sheet = Sheet::new(theme, &head, note, HEIGHT + 64.0);
    let (left, floor) = (sheet.left + 44.0, sheet.top + 20.0 + HEIGHT);
    let frame = Frame {
        x: Scale { low: 0.0, high: 1.0, from: left, to: left + WIDTH },
        y: Scale { low: 0.0, high: 1.0, from: floor, to: floor - HEIGHT },
    };
    let ticks = frame.y.ticks(5);
    frame.y_axis(&mut sheet, &ticks, &number::percent_ticks(&ticks), "Revenue");
    frame.x_axis(&mut sheet, &ticks, &number::percent_ticks(&ticks), "Customers");
    sheet.dashed(&[frame.at(0.0, 0.0), frame.at(1.0, 1.0)], theme.neutral, 1.0);
    let points = n.min(POINTS);
    let place = |point: usize| (point * n + points / 2) / points;
    let curve: Vec<(f64, f64)> = (0..=points).map(|p| (place(p) as f64 / n as f64, shares[place(p)])).collect();
    sheet.curve(&curve.iter().map(|(x, y)| frame.at(*x, *y)).collect::<Vec<_>>(), theme.accent, 2.0);
    let tick = sheet.tick();
    let label = sheet.label();
    let right = left + WIDTH + 16.0;
    let mut marks: Vec<(f64, f64, String)> = vec![(
        half as f64 / n as f64,
        shares[half],
        format!("half of the revenue: {}", number::percent(half as f64 / n as f64)),
    )];
    marks.push((FIFTH, brought(FIFTH), format!("best fifth: {}", number::percent(brought(FIFTH)))));
    for (x, y, words) in &marks {
        let at = frame.at(*x, *y);
        sheet.line((frame.x.from, at.1), at, theme.grid, 0.8);
        sheet.dot(at, 4.2, theme.accent);
        sheet.text_on_paper(at.0 + 10.0, at.1 + 4.0, words, label.in_bold().in_color(theme.accent));
    }
    let aside = [("best customer", 1.0 / n as f64), ("best 1 %", 0.01), ("best 10 %", 0.1), ("best half", 0.5)];
    sheet.text(right, floor - HEIGHT + 8.0, "Their share of the revenue", tick.in_bold());
    for (at, (words, share)) in aside.iter().enumerate() {
        let y = floor - HEIGHT + 28.0 + 18.0 * at as f64;
        sheet.text(right, y, words, label);
        sheet.text(sheet.right, y, &number::percent(brought(*share)), label.at(Anchor::End));
    }
    let rows = curve.iter().map(|(x, y)| vec![x.to_string(), y.to_string()]);
    Ok(sheet.finish(table(NAME, &["share_of_customers", "share_of_revenue"], rows)?))
}

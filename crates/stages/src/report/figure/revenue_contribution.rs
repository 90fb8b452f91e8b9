//! Who carries the revenue: each segment's part of what was spent so far, of late, and of what is expected.

use super::sheet::{Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, bars, descending, number, table};

const NAME: &str = "revenue_contribution";

/// Money by segment.
#[derive(Debug, Clone, PartialEq)]
pub struct RevenueContributionData {
    /// Names.
    pub segments: Vec<String>,
    /// All spend so far, not negative.
    pub so_far: Vec<f64>,
    /// Spend of the last 90 days, not negative.
    pub of_late: Vec<f64>,
    /// Spend expected in the next `horizon_days`, not negative; `None` without a forecast.
    pub expected: Option<Vec<f64>>,
    /// How far the forecast reaches.
    pub horizon_days: u32,
}

/// Draws the shares side by side, in descending order of spend so far.
///
/// # Errors
/// When columns differ in length or are empty, money is negative or not finite, or a period has none.
pub fn draw(data: &RevenueContributionData, note: &Caption, theme: &Theme) -> Result<Figure> {
    let check = Check(NAME);
    let n = data.segments.len();
    check.some("segments", &data.segments)?;
    let money = |v: f64| v >= 0.0 && v.is_finite();
    let title = format!("Next {} days, expected", data.horizon_days);
    let mut periods = vec![("so_far", "All so far", &data.so_far), ("of_late", "Last 90 days", &data.of_late)];
    periods.extend(data.expected.as_ref().map(|expected| ("expected", title.as_str(), expected)));
    let mut shares: Vec<Vec<f64>> = Vec::new();
    for (column, _, values) in &periods {
        check.each(column, values, n, "money, not negative", money)?;
        let sum: f64 = values.iter().sum();
        if sum <= 0.0 {
            return check.degenerate("a period without any revenue has no shares");
        }
        shares.push(values.iter().map(|v| v / sum).collect());
    }
    let order = descending(&data.so_far);
    let last = shares.len() - 1;
    let change = |i: usize| shares[last][i] - shares[0][i];
    let gains = (0..n).fold(0, |best, i| if change(i) > change(best) { i } else { best });
    let loses = (0..n).fold(0, |best, i| if change(i) < change(best) { i } else { best });
    let part = |i: usize| {
        format!("{} ({} to {})", data.segments[i], number::percent(shares[0][i]), number::percent(shares[last][i]))
    };
    let finding = if n == 1 {
        format!("All revenue comes from one segment, {}.", data.segments[0])
    } else {
        let when = if data.expected.is_some() { "what is expected" } else { "the last 90 days" };
        format!("From all revenue so far to {when}, {} gains most and {} loses most.", part(gains), part(loses))
    };
    let subtitle = "Share of the customers of each segment, as they stand today, in all revenue of three periods";
    let head = Head { name: NAME, finding, subtitle };
    let mut sheet = Sheet::new(theme, &head, note, bars::height(n));
    let names: Vec<String> = order.iter().map(|i| data.segments[*i].clone()).collect();
    let x = sheet.left + bars::names(&mut sheet, &names, 150.0) + 10.0;
    let gap = 14.0;
    // One scale for all: a panel is as wide as its longest bar, and room for that bar's number.
    let longest: Vec<f64> = shares.iter().map(|share| share.iter().copied().fold(0.0, f64::max)).collect();
    let number = sheet.label().width("100 %") + 8.0;
    let room = sheet.right - x - (gap + number) * periods.len() as f64;
    let unit = room / longest.iter().sum::<f64>();
    let mut left = x;
    let colors = [theme.neutral, theme.accent, theme.contrast];
    for (at, ((_, title, _), share)) in periods.iter().zip(&shares).enumerate() {
        let panel = bars::Panel {
            title,
            x: left,
            width: longest[at] * unit + number,
            values: order.iter().map(|i| share[*i]).collect(),
            labels: order.iter().map(|i| number::percent(share[*i])).collect(),
            labelled: true,
            colors: vec![colors[at]; n],
        };
        bars::draw(&mut sheet, &panel, &names);
        left += longest[at] * unit + number + gap;
    }
    let header: Vec<String> =
        periods.iter().flat_map(|(column, ..)| [(*column).to_owned(), format!("share_{column}")]).collect();
    let header: Vec<&str> = ["segment"].into_iter().chain(header.iter().map(String::as_str)).collect();
    let rows = (0..n).map(|i| {
        let cells = periods.iter().zip(&shares).flat_map(|((_, _, v), s)| [v[i].to_string(), s[i].to_string()]);
        [data.segments[i].clone()].into_iter().chain(cells).collect()
    });
    Ok(sheet.finish(table(NAME, &header, rows)?))
}

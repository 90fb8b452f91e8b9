//! What more or less money would do: net value and its shadow price against the budget.

use super::axis::{self, Frame, Scale};
use super::sheet::{Anchor, Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, number, table};

const NAME: &str = "budget_curve";
const UPPER: f64 = 210.0;
const LOWER: f64 = 70.0;
/// Room to the right of the curves for their names.
const NAMES: f64 = 128.0;

/// The response to the budget on a rising grid.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetCurveData {
    /// Budgets in `currency`, rising.
    pub budget: Vec<f64>,
    /// Expected net value of the best plan at each budget.
    pub net: Vec<f64>,
    /// Expected net value of the common rule (highest expected value first) at the same budgets; empty when it was
    /// not run.
    pub greedy_net: Vec<f64>,
    /// Net value that one more unit of money would add at each budget.
    pub shadow_price: Vec<f64>,
    /// The row of the chosen budget.
    pub chosen: usize,
    /// ISO code of the currency.
    pub currency: String,
}

/// Draws net value above and shadow price below on one budget axis, with the chosen budget marked in both.
///
/// # Errors
/// When columns differ in length, there are fewer than two budgets, they do not rise strictly from 0 or more, a
/// number is not finite, a shadow price is negative, `chosen` names no row, or every net value is zero.
pub fn draw(data: &BudgetCurveData, note: &Caption, theme: &Theme) -> Result<Figure> {
    verify(data)?;
    let n = data.budget.len();
    let (chosen, cur) = (data.chosen, data.currency.as_str());
    let greedy = !data.greedy_net.is_empty();
    let head = Head {
        name: NAME,
        finding: finding(data),
        subtitle: "Expected net value of the best plan at each budget, and what one more unit of money would add",
    };
    let mut sheet = Sheet::new(theme, &head, note, 20.0 + UPPER + 40.0 + LOWER + 40.0);
    let nets = data.net.iter().chain(&data.greedy_net);
    let (low, high) = nets.fold((0.0_f64, 0.0_f64), |(low, high), v| (low.min(*v), high.max(*v)));
    let floor = sheet.top + 20.0 + UPPER;
    let x = Scale { low: data.budget[0], high: data.budget[n - 1], from: sheet.left + 50.0, to: sheet.right - NAMES };
    let frame = Frame { x, y: Scale { low, high: high + 0.08 * (high - low), from: floor, to: floor - UPPER } };
    let ticks = frame.y.ticks(4);
    frame.y_axis(&mut sheet, &ticks, &number::money_ticks(&ticks, cur), "Expected net value");
    sheet.line((x.from, frame.y.at(0.0)), (x.to, frame.y.at(0.0)), theme.muted, 0.8);
    // The price of the very first unit would flatten all others; the table has it.
    let first = usize::from(data.budget[0] <= 0.0 && chosen > 0);
    let under = Frame {
        x,
        y: Scale {
            low: 0.0,
            high: data.shadow_price[first..].iter().copied().fold(0.0, f64::max).max(0.01) * 1.1,
            from: floor + 40.0 + LOWER,
            to: floor + 40.0,
        },
    };
    let ticks = under.y.ticks(2);
    under.y_axis(
        &mut sheet,
        &ticks,
        &number::money_ticks(&ticks, cur),
        &format!("Shadow price: net value of {} more", one(cur)),
    );
    let (ticks, labels) = axis::money_ticks(&sheet, x, cur, 6);
    under.x_axis(&mut sheet, &ticks, &labels, "Budget");

    let mark = x.at(data.budget[chosen]);
    // In two pieces: the words between the panels stay free.
    for panel in [frame, under] {
        sheet.dashed(&[(mark, panel.y.to), (mark, panel.y.from)], theme.muted, 1.0);
    }
    let line = |values: &[f64], f: Frame| -> Vec<(f64, f64)> {
        data.budget.iter().zip(values).map(|(b, v)| f.at(*b, *v)).collect()
    };
    if greedy {
        sheet.hover("highest expected value first", |s| s.dashed(&line(&data.greedy_net, frame), theme.contrast, 1.8));
    }
    sheet.hover("best plan", |s| s.curve(&line(&data.net, frame), theme.accent, 2.4));
    // A shadow price holds until the next budget of the grid: steps, not slopes.
    let steps: Vec<(f64, f64)> = (first..n)
        .flat_map(|i| {
            let until = data.budget[(i + 1).min(n - 1)];
            [under.at(data.budget[i], data.shadow_price[i]), under.at(until, data.shadow_price[i])]
        })
        .collect();
    sheet.hover("shadow price", |s| s.curve(&steps, theme.accent, 1.8));

    let ends: Vec<(f64, &str, &'static str)> = [
        Some((frame.y.at(data.net[n - 1]), "best plan", theme.accent)),
        greedy.then(|| (frame.y.at(data.greedy_net[n - 1]), "highest value first", theme.contrast)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let wanted: Vec<f64> = ends.iter().map(|end| end.0).collect();
    let face = sheet.label();
    for (y, (_, words, color)) in axis::apart(&wanted, 15.0, frame.y.to, floor).into_iter().zip(&ends) {
        sheet.text_middle(x.to + 7.0, y, words, face.in_bold().in_color(color));
    }
    annotate(&mut sheet, data, frame, under);

    let rows = (0..n).map(|i| {
        let rule = data.greedy_net.get(i).map_or(String::new(), f64::to_string);
        vec![
            data.budget[i].to_string(),
            data.net[i].to_string(),
            rule,
            data.shadow_price[i].to_string(),
            u8::from(i == chosen).to_string(),
        ]
    });
    Ok(sheet.finish(table(NAME, &["budget", "net", "greedy_net", "shadow_price", "chosen"], rows)?))
}

fn verify(data: &BudgetCurveData) -> Result<()> {
    let check = Check(NAME);
    let n = data.budget.len();
    check.some("budget", &data.budget)?;
    check.each("budget", &data.budget, n, "a finite budget of at least 0", |v| v.is_finite() && v >= 0.0)?;
    check.finite("net", &data.net, n)?;
    if !data.greedy_net.is_empty() {
        check.finite("greedy_net", &data.greedy_net, n)?;
    }
    check.each("shadow_price", &data.shadow_price, n, "a finite price of at least 0", |v| v.is_finite() && v >= 0.0)?;
    if n < 2 || data.budget.windows(2).any(|pair| pair[1] <= pair[0]) {
        return check.degenerate("a curve needs at least two budgets in strictly rising order");
    }
    if data.chosen >= n {
        return check.degenerate("`chosen` names no budget");
    }
    if data.net.iter().all(|v| v.abs() < f64::MIN_POSITIVE) {
        return check.degenerate("every plan has a net value of zero");
    }
    Ok(())
}

/// The chosen budget's numbers, written where the curve leaves room: below it, on the side with more space.
fn annotate(sheet: &mut Sheet<'_>, data: &BudgetCurveData, frame: Frame, under: Frame) {
    let (i, cur, accent) = (data.chosen, data.currency.as_str(), sheet.theme.accent);
    let face = sheet.label();
    let at = frame.at(data.budget[i], data.net[i]);
    let lines = [
        (format!("chosen budget {}", number::money(data.budget[i], cur)), face.in_bold()),
        (format!("expected net {}", number::money(data.net[i], cur)), face),
        (format!("{} more adds {}", one(cur), number::money(data.shadow_price[i], cur)), face),
    ];
    let widest = lines.iter().map(|(words, look)| look.width(words)).fold(0.0, f64::max);
    let (x, anchor) =
        if at.0 + 10.0 + widest < frame.x.to { (at.0 + 10.0, Anchor::Start) } else { (at.0 - 10.0, Anchor::End) };
    let room = frame.y.from - at.1;
    let top = if room > 80.0 { frame.y.from - 52.0 } else { frame.y.to + 8.0 };
    for (line, (words, look)) in lines.iter().enumerate() {
        sheet.text_on_paper(x, top + 15.0 * line as f64, words, look.at(anchor));
    }
    sheet.dot(at, 5.0, accent);
    sheet.dot(under.at(data.budget[i], data.shadow_price[i]), 4.0, accent);
}

/// One unit of the currency in words: `£1`.
fn one(currency: &str) -> String {
    number::money_ticks(&[1.0], currency).concat()
}

fn finding(data: &BudgetCurveData) -> String {
    let (i, cur) = (data.chosen, data.currency.as_str());
    let more = if data.shadow_price[i] > 0.0 {
        format!("{} more would add {}", one(cur), number::money(data.shadow_price[i], cur))
    } else {
        "more money would add nothing".to_owned()
    };
    let rule = match data.greedy_net.get(i) {
        Some(greedy) if data.net[i] > 0.0 => {
            format!(
                ", and taking the highest values first would earn {} ({})",
                number::money(*greedy, cur),
                number::change(greedy / data.net[i] - 1.0)
            )
        }
        _ => String::new(),
    };
    format!(
        "A budget of {} is expected to earn {} net; {more}{rule}.",
        number::money(data.budget[i], cur),
        number::money(data.net[i], cur)
    )
}

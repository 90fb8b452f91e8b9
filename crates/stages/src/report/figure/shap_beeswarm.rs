//! What moves the forecast: each customer's contributions, feature by feature.

use super::axis::{Frame, Scale};
use super::sheet::{Anchor, Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Problem, Result, descending, number, ramp, table, text};

const NAME: &str = "shap_beeswarm";
/// Most features shown.
pub(in crate::report) const MOST_FEATURES: usize = 14;
/// Most dots of a feature: more only darken it and swell the SVG.
const MOST_DOTS: usize = 500;
/// Height of a row.
const ROW: f64 = 25.0;
/// Width of the names.
const NAMES: f64 = 168.0;
/// Colours from low to high; customers without a value have one of their own.
const SHADES: usize = 7;
/// Share of a feature's dots on each side that may lie beyond the frame.
const TAIL: f64 = 0.001;
/// The golden section spreads successive dots evenly over the width of a swarm.
const GOLDEN: f64 = 0.618_033_988_749_895;

/// One feature of the customers.
#[derive(Debug, Clone, PartialEq)]
pub struct BeeswarmFeature {
    /// Name shown to the reader.
    pub name: String,
    /// The customers' values; NaN is missing.
    pub values: Vec<f64>,
    /// The customers' contributions.
    pub contributions: Vec<f64>,
}

/// Contributions of features to a forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct ShapBeeswarmData {
    /// Features in any order; the picture sorts them by their mean absolute contribution.
    pub features: Vec<BeeswarmFeature>,
    /// What the contributions add up to, for example `log-odds of churn`.
    pub outcome: String,
    /// Features of the model that are not among these.
    pub left_out: usize,
}

/// Draws the 14 features of the greatest mean absolute contribution, each with at most 500 customers: evenly spaced
/// ranks of the contribution, so that both ends stay. Colour is the rank of the customer's value within the feature.
/// The table holds the dots drawn.
///
/// # Errors
/// When there is no feature or customer, columns differ in length, a contribution is not finite, a value is infinite,
/// or no feature contributes anything.
pub fn draw(data: &ShapBeeswarmData, note: &Caption, theme: &Theme) -> Result<Figure> {
    verify(data)?;
    let means: Vec<f64> = data.features.iter().map(|f| mean_size(&f.contributions)).collect();
    let order: Vec<usize> = descending(&means).into_iter().take(MOST_FEATURES).collect();
    if means[order[0]] <= 0.0 {
        return Check(NAME).degenerate("no feature contributes anything");
    }
    let swarms: Vec<Swarm<'_>> = order.iter().map(|i| Swarm::of(&data.features[*i], means[*i])).collect();
    let customers = data.features[0].values.len();
    let hidden = data.features.len() - order.len() + data.left_out;
    let rest = if hidden > 0 { format!("; {hidden} weaker features are not shown") } else { String::new() };
    let ends = ends(&swarms);
    let far = |swarm: &Swarm<'_>| swarm.whole().0 < ends.0 || swarm.whole().1 > ends.1;
    let beyond = if swarms.iter().any(far) { "; what lies beyond the axis stands at its end" } else { "" };
    let subtitle = format!(
        "Contributions to the {} of {} customers; one dot is a customer, its colour the customer's value{rest}{beyond}",
        data.outcome,
        number::count(customers as u64)
    );
    let head = Head { name: NAME, finding: finding(data, &swarms), subtitle: &subtitle };
    let height = ROW * swarms.len() as f64;
    let mut sheet = Sheet::new(theme, &head, note, height + 70.0);
    let (top, left) = (sheet.top + 26.0, sheet.left + NAMES);
    let x = Scale { low: ends.0, high: ends.1, from: left, to: sheet.right - 62.0 };
    let frame = Frame { x, y: Scale { low: 0.0, high: 1.0, from: top + height, to: top } };
    key(&mut sheet, &swarms, left);
    let (right, tick) = (sheet.right, sheet.tick());
    sheet.text(right, sheet.top + 14.0, "Mean size", tick.in_bold().at(Anchor::End));
    let ticks = x.ticks(7);
    for value in &ticks {
        sheet.line((x.at(*value), top), (x.at(*value), top + height), theme.grid, 0.8);
    }
    sheet.line((x.at(0.0), top), (x.at(0.0), top + height), theme.muted, 1.0);
    let words = format!("Contribution to the {}: left of 0 lowers it, right raises it", data.outcome);
    frame.x_axis(&mut sheet, &ticks, &number::plain_ticks(&ticks), &words);
    let face = sheet.label();
    for (row, swarm) in swarms.iter().enumerate() {
        let y = top + ROW * (row as f64 + 0.5);
        let name = text::fit(&text::clean(&swarm.feature.name), f64::from(face.size), false, NAMES - 12.0);
        sheet.text_middle(left - 10.0, y, &name, face.at(Anchor::End));
        sheet.text_middle(right, y, &format!("{:.3}", swarm.mean), face.at(Anchor::End));
        swarm.draw(&mut sheet, x, y);
    }

    let rows = swarms.iter().flat_map(|swarm| {
        swarm.dots.iter().map(|i| {
            let value = swarm.feature.values[*i];
            let value = if value.is_nan() { String::new() } else { value.to_string() };
            let contribution = swarm.feature.contributions[*i].to_string();
            vec![swarm.feature.name.clone(), swarm.mean.to_string(), value, contribution]
        })
    });
    Ok(sheet.finish(table(NAME, &["feature", "mean_absolute_contribution", "value", "contribution"], rows)?))
}

fn verify(data: &ShapBeeswarmData) -> Result<()> {
    let check = Check(NAME);
    check.some("features", &data.features)?;
    let n = data.features[0].values.len();
    check.some("values", &data.features[0].values)?;
    for feature in &data.features {
        check.finite("contributions", &feature.contributions, n)?;
        check.length("values", n, feature.values.len())?;
        if let Some(row) = feature.values.iter().position(|v| v.is_infinite()) {
            let (value, expected) = (feature.values[row], "a finite number, or NaN where it is missing");
            return check.fail(Problem::Range { what: "values", row, value, expected });
        }
    }
    Ok(())
}

fn mean_size(contributions: &[f64]) -> f64 {
    contributions.iter().map(|c| c.abs()).sum::<f64>() / contributions.len() as f64
}

/// A feature with what is drawn of it.
struct Swarm<'a> {
    feature: &'a BeeswarmFeature,
    mean: f64,
    /// Customers drawn, by rising contribution.
    dots: Vec<usize>,
    /// Values that are not missing, rising.
    sorted: Vec<f64>,
}

impl<'a> Swarm<'a> {
    fn of(feature: &'a BeeswarmFeature, mean: f64) -> Self {
        let n = feature.contributions.len();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| feature.contributions[*a].total_cmp(&feature.contributions[*b]));
        let kept = n.min(MOST_DOTS);
        let dots = (0..kept).map(|k| order[if kept > 1 { k * (n - 1) / (kept - 1) } else { 0 }]).collect();
        let mut sorted: Vec<f64> = feature.values.iter().copied().filter(|v| !v.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        Self { feature, mean, dots, sorted }
    }

    /// Rank of a value within the feature from 0 to 1, the middle of its equals.
    fn rank(&self, value: f64) -> f64 {
        let below = self.sorted.partition_point(|v| *v < value);
        let upto = self.sorted.partition_point(|v| *v <= value);
        (below + upto) as f64 / (2 * self.sorted.len().max(1)) as f64
    }

    fn shade(&self, customer: usize) -> usize {
        let value = self.feature.values[customer];
        if value.is_nan() { SHADES } else { ((self.rank(value) * SHADES as f64) as usize).min(SHADES - 1) }
    }

    /// The least and the greatest contribution.
    fn whole(&self) -> (f64, f64) {
        let at = |k: usize| self.feature.contributions[self.dots[k]];
        (at(0), at(self.dots.len() - 1))
    }

    /// Contributions that all but the tails lie between.
    fn span(&self) -> (f64, f64) {
        let at = |k: usize| self.feature.contributions[self.dots[k]];
        let cut = (self.dots.len() as f64 * TAIL).ceil() as usize;
        let cut = if self.dots.len() > 100 { cut } else { 0 };
        (at(cut), at(self.dots.len() - 1 - cut))
    }

    /// Dots at their contribution, spread the wider the more of them are near.
    fn draw(&self, sheet: &mut Sheet<'_>, x: Scale, y: f64) {
        let width = 4.0;
        let place = |i: &usize| x.at(self.feature.contributions[*i]).clamp(x.from, x.to);
        let bin = |at: f64| ((at - x.from) / width) as usize;
        let mut counts = vec![0_usize; bin(x.to) + 1];
        for i in &self.dots {
            counts[bin(place(i))] += 1;
        }
        let most = counts.iter().copied().max().unwrap_or(1).max(1) as f64;
        let mut queues: Vec<Vec<(f64, f64)>> = vec![Vec::new(); SHADES + 1];
        for (k, i) in self.dots.iter().enumerate() {
            let at = place(i);
            let half = (ROW / 2.0 - 2.5) * (counts[bin(at)] as f64 / most).sqrt();
            let offset = (k as f64 * GOLDEN).fract() * 2.0 - 1.0;
            queues[self.shade(*i)].push((at, y + offset * half));
        }
        // Colours take turns, so that none lies wholly on top of another.
        let turns = 4;
        for turn in 0..turns {
            for (shade, queue) in queues.iter().enumerate() {
                let part: Vec<(f64, f64)> = queue.iter().skip(turn).step_by(turns).copied().collect();
                if !part.is_empty() {
                    sheet.specks(&part, 1.5, &shade_color(sheet.theme, shade), 1.0);
                }
            }
        }
    }
}

fn shade_color(theme: &Theme, shade: usize) -> String {
    match shade {
        SHADES => theme.ink.to_owned(),
        _ => ramp::color(&ramp::LOW_TO_HIGH, shade as f64 / (SHADES - 1) as f64),
    }
}

/// Both ends of one axis for all rows, with 0 on it.
fn ends(swarms: &[Swarm<'_>]) -> (f64, f64) {
    let (mut low, mut high) = (0.0_f64, 0.0_f64);
    for (l, h) in swarms.iter().map(Swarm::span) {
        (low, high) = (low.min(l), high.max(h));
    }
    let margin = ((high - low) * 0.03).max(1e-9);
    (low - margin, high + margin)
}

/// What the colours mean.
fn key(sheet: &mut Sheet<'_>, swarms: &[Swarm<'_>], x: f64) {
    let (tick, y) = (sheet.tick(), sheet.top + 10.5);
    let words = "low value";
    sheet.text_middle(x, y, words, tick);
    let mut at = x + tick.width(words) + 6.0;
    for shade in 0..SHADES {
        let color = shade_color(sheet.theme, shade);
        sheet.bar((at, at + 14.3), (y - 5.0, y + 5.0), &color, 1.0);
        at += 14.0;
    }
    sheet.text_middle(at + 6.0, y, "high value of the feature", tick);
    let missing = swarms.iter().any(|swarm| swarm.dots.iter().any(|i| swarm.feature.values[*i].is_nan()));
    if missing {
        at += 6.0 + tick.width("high value of the feature") + 18.0;
        let color = shade_color(sheet.theme, SHADES);
        sheet.dot((at, y), 3.5, &color);
        sheet.text_middle(at + 8.0, y, "missing", tick);
    }
}

/// What high values do, or nothing where they do neither clearly: mean contribution above the median value less that
/// below it, set against the mean size.
fn direction(swarm: &Swarm<'_>) -> Option<bool> {
    let (mut high, mut low) = ((0.0, 0.0), (0.0, 0.0));
    for (value, contribution) in swarm.feature.values.iter().zip(&swarm.feature.contributions) {
        if value.is_nan() {
            continue;
        }
        let side = if swarm.rank(*value) > 0.5 { &mut high } else { &mut low };
        side.0 += contribution;
        side.1 += 1.0;
    }
    if high.1 <= 0.0 || low.1 <= 0.0 {
        return None;
    }
    let difference = high.0 / high.1 - low.0 / low.1;
    (difference.abs() > 0.25 * swarm.mean).then_some(difference > 0.0)
}

fn finding(data: &ShapBeeswarmData, swarms: &[Swarm<'_>]) -> String {
    let first = &swarms[0];
    let how = match direction(first) {
        Some(true) => " (high values raise it)",
        Some(false) => " (high values lower it)",
        None => "",
    };
    let next = match swarms.get(1) {
        Some(second) => format!("; next is {} with {:.2}", second.feature.name, second.mean),
        None => String::new(),
    };
    let mut name = first.feature.name.chars();
    let name: String = name.next().map(|c| c.to_uppercase().chain(name).collect()).unwrap_or_default();
    format!("{name} moves the {} most, by {:.2} on average{how}{next}.", data.outcome, first.mean)
}

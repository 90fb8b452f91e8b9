//! Where the clusters lie: customers on the first two principal components, and how many are in each cluster.

use super::axis::{Frame, Scale};
use super::sheet::{Anchor, Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Problem, Result, descending, number, table, text};

const NAME: &str = "segments";
/// Side of the scatter's square.
const SIDE: f64 = 330.0;
/// Most points drawn: more only darken the cloud and swell the SVG.
const MOST_POINTS: usize = 4_000;
/// Share of points on each side of each axis that may fall outside the frame, so that a handful of extremes does not
/// squeeze the rest.
const TAIL: f64 = 0.002;

/// Customers on two principal components, and the clusters they belong to.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentsData {
    /// First principal component, one per customer shown.
    pub x: Vec<f64>,
    /// Second principal component.
    pub y: Vec<f64>,
    /// Which cluster each point is in, an index into `clusters`.
    pub label: Vec<usize>,
    /// Names of the clusters.
    pub clusters: Vec<String>,
    /// Whether the last of them is no cluster but those outside of all.
    pub last_is_outside: bool,
    /// Customers per cluster in the whole population; the points may be a sample of them.
    pub customers: Vec<u64>,
    /// Shares of the features' variance that the two components carry.
    pub explained: [f64; 2],
}

/// Draws at most 4,000 of the points, evenly spaced in the order given, with both components on one scale. The table
/// holds every point given and the counts.
///
/// # Errors
/// When columns differ in length or are empty, a coordinate is not finite, a label names no cluster, or all points
/// coincide.
pub fn draw(data: &SegmentsData, note: &Caption, theme: &Theme) -> Result<Figure> {
    let check = Check(NAME);
    let (n, k) = (data.x.len(), data.clusters.len());
    check.some("clusters", &data.clusters)?;
    check.some("x", &data.x)?;
    check.length("customers", k, data.customers.len())?;
    check.finite("x", &data.x, n)?;
    check.finite("y", &data.y, n)?;
    check.length("label", n, data.label.len())?;
    check.shares("explained", &data.explained, 2)?;
    if let Some(row) = data.label.iter().position(|l| *l >= k) {
        let value = data.label[row] as f64;
        return check.fail(Problem::Range { what: "label", row, value, expected: "an index into `clusters`" });
    }
    let everyone: u64 = data.customers.iter().sum();
    if everyone == 0 {
        return check.degenerate("no cluster has a customer");
    }
    let (cx, cy) = (central(&data.x), central(&data.y));
    // One unit is one length in both directions: distances between points are what the picture is read for.
    let half = 0.5 * (cx.1 - cx.0).max(cy.1 - cy.0) * 1.06;
    if half <= 0.0 {
        return check.degenerate("all customers lie on one point");
    }
    let (mx, my) = (0.5 * (cx.0 + cx.1), 0.5 * (cy.0 + cy.1));
    let within = |i: usize| (data.x[i] - mx).abs() <= half && (data.y[i] - my).abs() <= half;

    let shown: Vec<usize> =
        if n <= MOST_POINTS { (0..n).collect() } else { (0..MOST_POINTS).map(|i| i * n / MOST_POINTS).collect() };
    let drawn: Vec<usize> = shown.iter().copied().filter(|i| within(*i)).collect();
    let subtitle = subtitle(everyone, shown.len(), shown.len() - drawn.len());
    let head = Head { name: NAME, finding: finding(data, everyone), subtitle: &subtitle };
    let mut sheet = Sheet::new(theme, &head, note, SIDE + 62.0);
    let left = sheet.left + 40.0;
    let floor = sheet.top + 20.0 + SIDE;
    let frame = Frame {
        x: Scale { low: mx - half, high: mx + half, from: left, to: left + SIDE },
        y: Scale { low: my - half, high: my + half, from: floor, to: floor - SIDE },
    };
    let ticks = frame.y.ticks(5);
    frame.y_axis(&mut sheet, &ticks, &number::plain_ticks(&ticks), &component(2, data.explained[1]));
    let ticks = frame.x.ticks(5);
    frame.x_axis(&mut sheet, &ticks, &number::plain_ticks(&ticks), &component(1, data.explained[0]));

    // Clusters take turns of a few points each, so that none lies wholly on top of another.
    let mut queues: Vec<Vec<(f64, f64)>> = vec![Vec::new(); k];
    for i in &drawn {
        queues[data.label[*i]].push(frame.at(data.x[*i], data.y[*i]));
    }
    let opacity = if drawn.len() > 800 { 0.5 } else { 0.75 };
    let turns = 24;
    for turn in 0..turns {
        for (c, queue) in queues.iter().enumerate() {
            let part = &queue[turn * queue.len() / turns..(turn + 1) * queue.len() / turns];
            if !part.is_empty() {
                sheet.cloud(part, 1.9, theme.category(c), opacity);
            }
        }
    }
    // Numbers at the clusters' middles tie the cloud to the list beside it without relying on colour.
    let order = descending(&data.customers.iter().map(|c| *c as f64).collect::<Vec<_>>());
    for (rank, c) in order.iter().enumerate() {
        if queues[*c].is_empty() {
            continue;
        }
        let at = (median(queues[*c].iter().map(|p| p.0)), median(queues[*c].iter().map(|p| p.1)));
        badge(&mut sheet, at, rank + 1, theme.category(*c));
    }
    counts(&mut sheet, data, &order, everyone, left + SIDE + 36.0);

    let points = (0..n).map(|i| {
        vec![
            "point".to_owned(),
            data.clusters[data.label[i]].clone(),
            data.x[i].to_string(),
            data.y[i].to_string(),
            String::new(),
        ]
    });
    let totals = (0..k).map(|c| {
        vec!["total".to_owned(), data.clusters[c].clone(), String::new(), String::new(), data.customers[c].to_string()]
    });
    Ok(sheet.finish(table(NAME, &["row", "cluster", "component_1", "component_2", "customers"], totals.chain(points))?))
}

/// The list beside the cloud: number, name and customers of each cluster, largest first.
fn counts(sheet: &mut Sheet<'_>, data: &SegmentsData, order: &[usize], everyone: u64, x: f64) {
    let (face, title) = (sheet.label(), sheet.tick().in_bold());
    let row = (SIDE / order.len() as f64).clamp(24.0, 54.0);
    let top = sheet.top + 20.0;
    sheet.text(x, sheet.top + 8.0, "Customers per cluster", title);
    let most = data.customers[order[0]].max(1) as f64;
    let labels: Vec<String> = order
        .iter()
        .map(|c| {
            format!(
                "{} ({})",
                number::count(data.customers[*c]),
                number::percent(data.customers[*c] as f64 / everyone as f64)
            )
        })
        .collect();
    let widest = labels.iter().map(|label| face.width(label)).fold(0.0, f64::max);
    let room = sheet.right - (x + 24.0) - widest - 6.0;
    for (rank, c) in order.iter().enumerate() {
        let y = top + rank as f64 * row;
        let color = sheet.theme.category(*c);
        let name = text::fit(&text::clean(&data.clusters[*c]), f64::from(face.size), false, sheet.right - x - 24.0);
        let end = x + 24.0 + data.customers[*c] as f64 / most * room;
        badge(sheet, (x + 8.0, y + row / 2.0), rank + 1, color);
        sheet.hover(&format!("{}: {}", data.clusters[*c], labels[rank]), |s| {
            s.text(x + 24.0, y + row / 2.0 - 2.0, &name, face);
            s.bar((x + 24.0, end), (y + row / 2.0 + 2.0, y + row / 2.0 + 10.0), color, 1.0);
            s.text_middle(end + 6.0, y + row / 2.0 + 6.0, &labels[rank], face.in_color(s.theme.muted));
        });
    }
}

/// A number in a disc with a rim of the cluster's colour: dark on paper, whatever the colour.
fn badge(sheet: &mut Sheet<'_>, at: (f64, f64), rank: usize, color: &str) {
    let paper = sheet.theme.paper;
    sheet.dot(at, 10.0, color);
    sheet.dot(at, 7.5, paper);
    let face = sheet.tick().in_bold().in_color(sheet.theme.ink).at(Anchor::Middle);
    sheet.text_middle(at.0, at.1, &rank.to_string(), face);
}

fn component(index: usize, explained: f64) -> String {
    format!("Principal component {index} ({} of variance)", number::percent(explained))
}

fn subtitle(everyone: u64, shown: usize, outside: usize) -> String {
    let sample = if (shown as u64) < everyone {
        format!("{} of {} customers drawn", number::count(shown as u64), number::count(everyone))
    } else {
        "one dot per customer".to_owned()
    };
    let beyond =
        if outside > 0 { format!("; {} lie outside the frame", number::count(outside as u64)) } else { String::new() };
    format!("Customers on two principal components; {sample}{beyond}")
}

fn finding(data: &SegmentsData, everyone: u64) -> String {
    let groups = data.clusters.len() - usize::from(data.last_is_outside && data.clusters.len() > 1);
    let order = descending(&data.customers[..groups].iter().map(|c| *c as f64).collect::<Vec<_>>());
    let share = |c: usize| number::percent(data.customers[c] as f64 / everyone as f64);
    let (first, last) = (order[0], order[order.len() - 1]);
    let seen = number::percent(data.explained[0] + data.explained[1]);
    if data.last_is_outside && groups < data.clusters.len() {
        let inside = number::count(everyone - data.customers[groups]);
        let names = if groups == 1 {
            format!("one cluster, {}", data.clusters[first])
        } else {
            let (most, least) = (&data.clusters[first], &data.clusters[last]);
            format!("{groups} clusters, from {most} with {} to {least} with {}", share(first), share(last))
        };
        return format!("{inside} customers lie in {names}; {} are in none.", share(groups));
    }
    if order.len() == 1 {
        return format!("All {} customers form one cluster, {}.", number::count(everyone), data.clusters[first]);
    }
    format!(
        "{} customers fall into {} clusters, from {} with {} to {} with {}; the two axes carry {seen} of the variance.",
        number::count(everyone),
        order.len(),
        data.clusters[first],
        share(first),
        data.clusters[last],
        share(last)
    )
}

/// The range that holds all values but the tails.
fn central(values: &[f64]) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let cut = (sorted.len() as f64 * TAIL).floor() as usize;
    (sorted[cut], sorted[sorted.len() - 1 - cut])
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

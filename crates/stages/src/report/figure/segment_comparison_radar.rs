//! What a segment's customers are like: their mean ranks among all customers in a few measures, a small radar a segment.

use super::sheet::{Anchor, Face, Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, number, table, text};

const NAME: &str = "segment_comparison_radar";
const COLUMNS: usize = 3;
const RADIUS: f64 = 50.0;
/// Height of one radar with its names.
const CELL: f64 = 172.0;
/// Segments that are shown, the first ones.
const MOST: usize = 15;
/// Rank of the middle of all customers.
const MIDDLE: f64 = 50.0;

/// One measure.
#[derive(Debug, Clone, PartialEq)]
pub struct RadarMeasure {
    /// Name, one word or two.
    pub name: String,
    /// For each segment the mean percentile rank of its customers among all customers, 0 to 100, 100 being best.
    pub rank: Vec<f64>,
    /// For each segment the median of the measure, in words with its unit.
    pub median: Vec<String>,
}

/// Segments by several measures.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentRadarData {
    /// Names.
    pub segments: Vec<String>,
    /// Customers of each.
    pub customers: Vec<u64>,
    /// The measures, clockwise from the top.
    pub measures: Vec<RadarMeasure>,
}

/// Draws one radar a segment, the middle of all customers as a dashed outline in each.
///
/// # Errors
/// When there are fewer than two segments or three measures, columns differ in length, or a rank is not from 0 to 100.
pub fn draw(data: &SegmentRadarData, note: &Caption, theme: &Theme) -> Result<Figure> {
    let check = Check(NAME);
    let n = data.segments.len();
    check.length("customers", n, data.customers.len())?;
    for measure in &data.measures {
        check.each("rank", &measure.rank, n, "a rank from 0 to 100", |v| (0.0..=100.0).contains(&v))?;
        check.length("median", n, measure.median.len())?;
    }
    if n < 2 || data.measures.len() < 3 {
        return check.degenerate("a comparison by radar takes two segments and three measures");
    }
    let shown = n.min(MOST);
    let rest =
        if shown < n { format!("; {} smaller segments are in the table only", n - shown) } else { String::new() };
    let subtitle = format!(
        "Mean percentile rank of a segment's customers among all customers, 100 at the rim; dashed: the middle of all \
         customers (50); further out is better{rest}"
    );
    let head = Head { name: NAME, finding: finding(data), subtitle: &subtitle };
    let rows = shown.div_ceil(COLUMNS);
    let mut sheet = Sheet::new(theme, &head, note, rows as f64 * CELL);
    let width = (sheet.right - sheet.left) / COLUMNS as f64;
    for segment in 0..shown {
        let left = sheet.left + (segment % COLUMNS) as f64 * width;
        let top = sheet.top + (segment / COLUMNS) as f64 * CELL;
        radar(&mut sheet, data, segment, (left + width / 2.0, top + 92.0), (left, width));
    }
    let rows = (0..n).flat_map(|segment| {
        data.measures.iter().map(move |measure| {
            vec![
                data.segments[segment].clone(),
                data.customers[segment].to_string(),
                measure.name.clone(),
                measure.rank[segment].to_string(),
                measure.median[segment].clone(),
            ]
        })
    });
    Ok(sheet.finish(table(NAME, &["segment", "customers", "measure", "mean_percentile_rank", "median"], rows)?))
}

/// One segment around `middle`.
fn radar(
    sheet: &mut Sheet<'_>,
    data: &SegmentRadarData,
    segment: usize,
    middle: (f64, f64),
    (left, width): (f64, f64),
) {
    let (label, tick, grid) = (sheet.label(), sheet.tick(), sheet.theme.grid);
    let spokes = data.measures.len();
    let at = |spoke: usize, rank: f64| {
        let angle = std::f64::consts::TAU * spoke as f64 / spokes as f64;
        (middle.0 + angle.sin() * RADIUS * rank / 100.0, middle.1 - angle.cos() * RADIUS * rank / 100.0)
    };
    let ring = |rank: &dyn Fn(usize) -> f64| -> Vec<(f64, f64)> {
        (0..=spokes).map(|spoke| at(spoke % spokes, rank(spoke % spokes))).collect()
    };
    let customers = format!(" ({})", number::count(data.customers[segment]));
    let room = width - 16.0 - label.width(&customers);
    let name = text::fit(&text::clean(&data.segments[segment]), f64::from(label.size), true, room);
    let start = middle.0 - (label.in_bold().width(&name) + label.width(&customers)) / 2.0;
    let above = middle.1 - RADIUS - 28.0;
    sheet.text(start, above, &name, label.in_bold());
    sheet.text(start + label.in_bold().width(&name), above, &customers, label.in_color(sheet.theme.muted));
    for rank in [25.0, 75.0, 100.0] {
        sheet.curve(&ring(&|_| rank), grid, 0.8);
    }
    for spoke in 0..spokes {
        sheet.line(middle, at(spoke, 100.0), grid, 0.8);
    }
    sheet.dashed(&ring(&|_| MIDDLE), sheet.theme.muted, 1.0);
    let (accent, ink) = (sheet.theme.accent, sheet.theme.ink);
    let own = ring(&|spoke| data.measures[spoke].rank[segment]);
    sheet.hover(&data.segments[segment], |s| {
        s.area(&own, accent, 0.2);
        s.curve(&own, accent, 1.8);
    });
    for (spoke, measure) in data.measures.iter().enumerate() {
        let rank = measure.rank[segment];
        let words = format!(
            "{}, {}: rank {rank:.0} of 100, median {}",
            data.segments[segment], measure.name, measure.median[segment]
        );
        let (x, y) = at(spoke, 100.0 + 800.0 / RADIUS);
        let side = match x - middle.0 {
            off if off > 4.0 => Anchor::Start,
            off if off < -4.0 => Anchor::End,
            _ => Anchor::Middle,
        };
        let name: Face = tick.at(side);
        let (rank_words, space) = (format!("{rank:.0}"), tick.width(" "));
        let whole = tick.width(&measure.name) + space + tick.in_bold().width(&rank_words);
        let begin = match side {
            Anchor::Start => x,
            Anchor::Middle => x - whole / 2.0,
            Anchor::End => x - whole,
        }
        .clamp(left, left + width - whole);
        sheet.hover(&words, |s| {
            s.dot(at(spoke, rank), 3.0, accent);
            s.text_middle(begin, y, &measure.name, name.at(Anchor::Start));
            let after = begin + tick.width(&measure.name) + space;
            s.text_middle(after, y, &rank_words, tick.in_bold().in_color(ink));
        });
    }
}

fn finding(data: &SegmentRadarData) -> String {
    let n = data.segments.len();
    let leads = |segment: usize| {
        let is_best = |rank: &[f64]| (0..n).all(|other| other == segment || rank[other] < rank[segment]);
        data.measures.iter().filter(|measure| is_best(&measure.rank)).count()
    };
    let spread = |segment: usize| {
        let by = |a: &usize, b: &usize| data.measures[*a].rank[segment].total_cmp(&data.measures[*b].rank[segment]);
        let low = (0..data.measures.len()).min_by(by).unwrap_or(0);
        let high = (0..data.measures.len()).max_by(by).unwrap_or(0);
        (low, high, data.measures[high].rank[segment] - data.measures[low].rank[segment])
    };
    let first = (1..n).fold(0, |best, s| if leads(s) > leads(best) { s } else { best });
    let uneven = (1..n).fold(0, |best, s| if spread(s).2 > spread(best).2 { s } else { best });
    let (low, high, _) = spread(uneven);
    let part = |measure: usize| {
        format!("{:.0} in {}", data.measures[measure].rank[uneven], data.measures[measure].name.to_lowercase())
    };
    format!(
        "{} rank first in {} of {} measures; {} are the most uneven: rank {} but {}.",
        data.segments[first],
        leads(first),
        data.measures.len(),
        data.segments[uneven],
        part(high),
        part(low)
    )
}

//! Customers in recency, frequency and money at once: an oblique view of a box, with shadows on its floor.
//!
//! The box stands on a corner: recency runs to the left and frequency to the right, both away from the reader, and money
//! upwards. Parallel lines stay parallel and equal lengths along one axis are equal everywhere, so that nothing is larger
//! for being near. A point of the plane is still a whole line of the box: only the shadow below a point says which.

use tenure_math::metric;

use super::axis::Scale;
use super::sheet::{Anchor, Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, FigureError, Problem, Result, descending, number, table, text};

const NAME: &str = "rfm_3d_scatter";
/// Half of the floor's width.
const HALF: f64 = 190.0;
/// Half of the floor's depth on the sheet.
const DEPTH: f64 = 78.0;
/// Height of the box.
const TALL: f64 = 210.0;
/// Most customers drawn: of more the cloud hides itself.
const MOST_POINTS: usize = 1_200;

/// Customers by three measures, and their segments.
#[derive(Debug, Clone, PartialEq)]
pub struct Rfm3dData {
    /// The customers.
    pub ids: Vec<String>,
    /// Days since the last order.
    pub recency_days: Vec<f64>,
    /// Orders, at least 1.
    pub orders: Vec<f64>,
    /// What each has spent, in `currency`; those who spent less than 1 stand on the floor.
    pub spend: Vec<f64>,
    /// Which segment each is in, an index into `segments`.
    pub segment: Vec<usize>,
    /// Names of the segments; the first eight have a colour of their own.
    pub segments: Vec<String>,
    /// ISO code of the currency.
    pub currency: String,
}

/// Draws a sample of the customers with their shadows, and each segment's medians on a drop line.
///
/// # Errors
/// When columns differ in length or are empty, a number cannot be, or all customers are alike in one of the measures.
pub fn draw(data: &Rfm3dData, note: &Caption, theme: &Theme) -> Result<Figure> {
    verify(data)?;
    let n = data.ids.len();
    let drawn = sample(n);
    let below = data.spend.iter().filter(|spend| **spend < 1.0).count();
    let subtitle = subtitle(n, drawn.len(), below);
    let medians: Vec<Option<Middle>> = (0..data.segments.len()).map(|s| Middle::of(data, s)).collect();
    let head = Head { name: NAME, finding: finding(data, &medians)?, subtitle: &subtitle };
    let mut sheet = Sheet::new(theme, &head, note, TALL + 2.0 * DEPTH + 62.0);
    let view = View::of(&sheet, data);
    view.walls(&mut sheet, &data.currency);

    // From the back to the front, so that what is near covers what is far.
    let mut order = drawn;
    let depth = |i: &usize| view.depth(data.recency_days[*i], data.orders[*i]);
    order.sort_by(|a, b| depth(b).total_cmp(&depth(a)).then(a.cmp(b)));
    let shadows: Vec<(f64, f64)> = order.iter().map(|&i| view.floor(data.recency_days[i], data.orders[i])).collect();
    sheet.specks(&shadows, 1.1, theme.neutral, 0.45);
    let slice = order.len().div_ceil(12).max(1);
    for part in order.chunks(slice) {
        for segment in 0..data.segments.len() {
            let points: Vec<(f64, f64)> = part
                .iter()
                .filter(|&&i| data.segment[i] == segment)
                .map(|&i| view.at(data.recency_days[i], data.orders[i], data.spend[i]))
                .collect();
            if !points.is_empty() {
                sheet.hover(&data.segments[segment], |s| s.specks(&points, 1.9, color(theme, segment), 0.7));
            }
        }
    }
    let listed = listed(data, &medians);
    let mut far_first: Vec<usize> = (0..listed.len()).collect();
    let depth = |rank: &usize| view.depth(listed[*rank].1.recency, listed[*rank].1.orders);
    far_first.sort_by(|a, b| depth(b).total_cmp(&depth(a)).then(a.cmp(b)));
    let mut seats: Vec<(f64, f64)> = Vec::new();
    for rank in far_first {
        let (segment, middle) = listed[rank];
        let foot = view.floor(middle.recency, middle.orders);
        let top = view.at(middle.recency, middle.orders, middle.spend);
        let mut seat = top;
        while seats.iter().any(|other| (other.0 - seat.0).hypot(other.1 - seat.1) < BADGE) {
            seat.0 += BADGE;
        }
        seats.push(seat);
        sheet.hover(&middle.words(&data.segments[segment], &data.currency), |s| {
            s.line(foot, top, theme.ink, 1.2);
            s.dot(foot, 3.0, theme.ink);
            s.line(top, seat, theme.ink, 1.2);
            badge(s, seat, rank + 1, color(theme, segment));
        });
    }
    list(&mut sheet, data, &listed);
    let rows = (0..n).map(|i| {
        vec![
            data.ids[i].clone(),
            data.segments[data.segment[i]].clone(),
            data.recency_days[i].to_string(),
            data.orders[i].to_string(),
            data.spend[i].to_string(),
        ]
    });
    Ok(sheet.finish(table(NAME, &["customer_id", "segment", "recency_days", "orders", "spend"], rows)?))
}

fn verify(data: &Rfm3dData) -> Result<()> {
    let check = Check(NAME);
    let n = data.ids.len();
    check.some("ids", &data.ids)?;
    check.each("recency_days", &data.recency_days, n, "days, not negative", |v| v >= 0.0 && v.is_finite())?;
    check.each("orders", &data.orders, n, "at least 1", |v| v >= 1.0 && v.is_finite())?;
    check.finite("spend", &data.spend, n)?;
    check.length("segment", n, data.segment.len())?;
    if let Some(row) = data.segment.iter().position(|s| *s >= data.segments.len()) {
        let value = data.segment[row] as f64;
        return check.fail(Problem::Range { what: "segment", row, value, expected: "an index into `segments`" });
    }
    let alike = |values: &[f64]| values.iter().all(|v| (v - values[0]).abs() <= 0.0);
    let spend: Vec<f64> = data.spend.iter().map(|spend| spend.max(1.0)).collect();
    if alike(&data.recency_days) || alike(&data.orders) || alike(&spend) {
        return check.degenerate("all customers are alike in recency, orders or spend, so a box of three has no depth");
    }
    Ok(())
}

/// Evenly spaced rows, which stand in the order of the ids: the same ones in every run.
fn sample(n: usize) -> Vec<usize> {
    let m = n.min(MOST_POINTS);
    (0..m).map(|k| k * n / m).collect()
}

/// The medians of a segment.
#[derive(Clone, Copy)]
struct Middle {
    customers: usize,
    recency: f64,
    orders: f64,
    spend: f64,
}

impl Middle {
    /// `None` where nobody is in it.
    fn of(data: &Rfm3dData, segment: usize) -> Option<Self> {
        let rows: Vec<usize> = (0..data.ids.len()).filter(|&i| data.segment[i] == segment).collect();
        let median = |column: &[f64]| {
            let values: Vec<f64> = rows.iter().map(|&i| column[i]).collect();
            tenure_math::num::quantile(&values, 0.5)
        };
        Some(Self {
            customers: rows.len(),
            recency: median(&data.recency_days)?,
            orders: median(&data.orders)?,
            spend: median(&data.spend)?,
        })
    }

    fn words(&self, name: &str, currency: &str) -> String {
        format!("{name}, {}: medians {}", number::customers(self.customers as u64), self.numbers(currency))
    }

    fn numbers(&self, currency: &str) -> String {
        let orders = if self.orders < 1.5 { "order" } else { "orders" };
        format!(
            "{} days · {} {orders} · {}",
            number::count(self.recency.round() as u64),
            number::count(self.orders.round() as u64),
            number::money(self.spend, currency)
        )
    }
}

/// Segments with customers, greatest median spend first.
fn listed(data: &Rfm3dData, medians: &[Option<Middle>]) -> Vec<(usize, Middle)> {
    let spend: Vec<f64> = medians.iter().map(|m| m.map_or(f64::NEG_INFINITY, |m| m.spend)).collect();
    descending(&spend).into_iter().take(data.segments.len()).filter_map(|s| Some((s, medians[s]?))).collect()
}

/// Where the box stands, and its three scales from 0 to 1.
struct View {
    /// The front corner of the floor.
    front: (f64, f64),
    recency: Scale,
    orders: Scale,
    spend: Scale,
}

impl View {
    fn of(sheet: &Sheet<'_>, data: &Rfm3dData) -> Self {
        let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        let unit = |low: f64, high: f64| Scale { low, high, from: 0.0, to: 1.0 };
        let least = data.spend.iter().copied().filter(|s| *s >= 1.0).fold(f64::INFINITY, f64::min);
        let (low, high) = (least.log10().floor(), most(&data.spend).log10());
        Self {
            front: (sheet.left + 46.0 + HALF, sheet.top + TALL + 2.0 * DEPTH + 18.0),
            recency: unit(0.0, most(&data.recency_days) * 1.02),
            orders: unit(0.0, most(&data.orders).log10() * 1.02),
            spend: unit(low, low + (high - low).max(0.1) * 1.03),
        }
    }

    /// A point by shares of the three edges.
    fn place(&self, back_left: f64, back_right: f64, up: f64) -> (f64, f64) {
        let x = self.front.0 + (back_right - back_left) * HALF;
        (x, self.front.1 - (back_left + back_right) * DEPTH - up * TALL)
    }

    fn floor(&self, recency: f64, orders: f64) -> (f64, f64) {
        self.place(self.recency.at(recency), self.orders.at(orders.log10()), 0.0)
    }

    fn at(&self, recency: f64, orders: f64, spend: f64) -> (f64, f64) {
        let up = if spend >= 1.0 { self.spend.at(spend.log10()).max(0.0) } else { 0.0 };
        self.place(self.recency.at(recency), self.orders.at(orders.log10()), up)
    }

    /// How far back a place is.
    fn depth(&self, recency: f64, orders: f64) -> f64 {
        self.recency.at(recency) + self.orders.at(orders.log10())
    }

    /// The grid of the floor and of the two walls behind, with ticks along the edges that are free.
    fn walls(&self, sheet: &mut Sheet<'_>, currency: &str) {
        let (tick, grid, muted) = (sheet.tick(), sheet.theme.grid, sheet.theme.muted);
        let days = self.recency.ticks(4);
        for (day, label) in days.iter().zip(number::plain_ticks(&days)) {
            let u = self.recency.at(*day);
            sheet.line(self.place(u, 0.0, 0.0), self.place(u, 1.0, 0.0), grid, 0.8);
            sheet.line(self.place(u, 1.0, 0.0), self.place(u, 1.0, 1.0), grid, 0.8);
            let (x, y) = self.place(u, 0.0, 0.0);
            sheet.text(x - 5.0, y + 12.0, &label, tick.at(Anchor::End));
        }
        for power in 0..=self.orders.high.floor() as i32 {
            let v = self.orders.at(f64::from(power));
            sheet.line(self.place(0.0, v, 0.0), self.place(1.0, v, 0.0), grid, 0.8);
            sheet.line(self.place(1.0, v, 0.0), self.place(1.0, v, 1.0), grid, 0.8);
            let (x, y) = self.place(0.0, v, 0.0);
            sheet.text(x + 5.0, y + 12.0, &number::count(10_u64.pow(power as u32)), tick);
        }
        for power in self.spend.low as i32..=self.spend.high.floor() as i32 {
            let w = self.spend.at(f64::from(power));
            sheet.curve(&[self.place(1.0, 0.0, w), self.place(1.0, 1.0, w), self.place(0.0, 1.0, w)], grid, 0.8);
            let (x, y) = self.place(1.0, 0.0, w);
            let label = number::money_ticks(&[10_f64.powi(power)], currency).remove(0);
            sheet.text_middle(x - 6.0, y, &label, tick.at(Anchor::End));
        }
        for (from, to) in [
            (self.place(0.0, 0.0, 0.0), self.place(1.0, 0.0, 0.0)),
            (self.place(0.0, 0.0, 0.0), self.place(0.0, 1.0, 0.0)),
            (self.place(1.0, 0.0, 0.0), self.place(1.0, 0.0, 1.0)),
        ] {
            sheet.line(from, to, muted, 0.9);
        }
        let (x, y) = (self.front.0, self.front.1 + 32.0);
        sheet.text(x - 14.0, y, "Days since the last order", tick.in_bold().at(Anchor::End));
        sheet.text(x + 14.0, y, "Orders (logarithmic)", tick.in_bold());
        let (x, y) = self.place(1.0, 0.0, 1.0);
        sheet.text(x - 44.0, y - 12.0, "Spend (logarithmic)", tick.in_bold());
    }
}

/// The segments after the eighth are grey: a colour of its own must not be another's as well.
fn color(theme: &Theme, segment: usize) -> &'static str {
    theme.categories.get(segment).copied().unwrap_or(theme.muted)
}

/// Width of a badge with its rim.
const BADGE: f64 = 19.0;

fn badge(sheet: &mut Sheet<'_>, at: (f64, f64), rank: usize, color: &str) {
    let paper = sheet.theme.paper;
    sheet.dot(at, 9.5, color);
    sheet.dot(at, 7.2, paper);
    let face = sheet.tick().in_bold().in_color(sheet.theme.ink).at(Anchor::Middle);
    sheet.text_middle(at.0, at.1, &rank.to_string(), face);
}

/// The numbers beside the box: names of the segments with their medians.
fn list(sheet: &mut Sheet<'_>, data: &Rfm3dData, listed: &[(usize, Middle)]) {
    let x = sheet.left + 46.0 + 2.0 * HALF + 26.0;
    let (face, muted) = (sheet.label(), sheet.tick());
    sheet.text(x, sheet.top + 8.0, "Medians of the segments", muted.in_bold());
    let row = ((TALL + 2.0 * DEPTH) / listed.len() as f64).min(36.0);
    for (rank, (segment, middle)) in listed.iter().enumerate() {
        let y = sheet.top + 30.0 + rank as f64 * row;
        let color = color(sheet.theme, *segment);
        let room = sheet.right - x - 24.0;
        let name = text::fit(&text::clean(&data.segments[*segment]), f64::from(face.size), true, room);
        let words = middle.words(&data.segments[*segment], &data.currency);
        sheet.hover(&words, |s| {
            badge(s, (x + 8.0, y), rank + 1, color);
            s.text(x + 24.0, y - 1.0, &name, face.in_bold());
            s.text(
                x + 24.0,
                y + 12.0,
                &text::fit(&middle.numbers(&data.currency), f64::from(muted.size), false, room),
                muted,
            );
        });
    }
}

fn subtitle(n: usize, drawn: usize, below: usize) -> String {
    let who = if drawn < n {
        format!("{} of {} drawn, evenly by id", number::count(drawn as u64), number::customers(n as u64))
    } else {
        "one dot per customer".to_owned()
    };
    let floor = match below {
        0 => String::new(),
        below => format!("; {} who spent less than 1 net lie on the floor", number::count(below as u64)),
    };
    format!("Customers by days since the last order, orders and spend; {who}; grey: their shadows on the floor{floor}")
}

fn finding(data: &Rfm3dData, medians: &[Option<Middle>]) -> Result<String> {
    let failed = |e: tenure_math::Error| FigureError::Render { figure: NAME, message: e.to_string() };
    let with = |column: &[f64]| metric::spearman(column, &data.spend, None).map_err(failed);
    let (orders, recency) = (with(&data.orders)?, with(&data.recency_days)?);
    let moves = |r: f64| if r < 0.0 { "falls" } else { "rises" };
    let rank = |r: f64| format!("{r:.2}").replace('-', "−");
    let best = listed(data, medians);
    let most = best.first().map_or_else(String::new, |(segment, middle)| {
        format!(
            "; {} spend most, {} at the median",
            data.segments[*segment],
            number::money(middle.spend, &data.currency)
        )
    });
    Ok(format!(
        "Spend {} with the number of orders (rank correlation {}) and {} with the days since the last one ({}){most}.",
        moves(orders),
        rank(orders),
        moves(recency),
        rank(recency)
    ))
}

//! Features and labels by brute force: straight loops over raw lines with a calendar of its own. No SQL and nothing of
//! the product; what is read here is the definition.
//!
//! A line is known from the later of its order and its arrival. Features of a snapshot use lines known strictly before
//! it. A window holds what was ordered at its start and after it, but before its end; returns count in the window in
//! which they became known.

use std::collections::{BTreeMap, BTreeSet};

pub(crate) const DAY: i64 = 86_400_000_000;
pub(crate) const SECOND: i64 = 1_000_000;
/// The only product code that is no product.
pub(crate) const POSTAGE: &str = "POST";

/// A raw line; negative quantities are cancellations.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    /// Empty: nobody.
    pub(crate) customer: String,
    pub(crate) order: String,
    pub(crate) sku: String,
    pub(crate) quantity: i64,
    pub(crate) cents: i64,
    /// Microseconds since 1970-01-01 of the shop's clock.
    pub(crate) at: i64,
    pub(crate) recorded: Option<i64>,
}

impl Line {
    pub(crate) fn known(&self) -> i64 {
        self.recorded.unwrap_or(self.at).max(self.at)
    }

    fn value_cents(&self) -> i64 {
        self.quantity * self.cents
    }

    fn is_product(&self) -> bool {
        self.sku != POSTAGE
    }
}

/// What is asked of the lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    /// Nothing: the first midnight after all is known.
    pub(crate) as_of: Option<i64>,
    pub(crate) horizons: &'a [i64],
    pub(crate) season_days: i64,
    pub(crate) min_history_days: i64,
}

/// What the lines say.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) snapshots: Vec<i64>,
    /// Closed windows: snapshot and days.
    pub(crate) windows: BTreeSet<(String, i64)>,
    /// By snapshot and customer, by name; none where it is null.
    pub(crate) features: BTreeMap<(String, String), BTreeMap<&'static str, Option<f64>>>,
    /// By snapshot, customer and days: orders, gross and net spend.
    pub(crate) labels: BTreeMap<(String, String, i64), [f64; 3]>,
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn length(year: i64, month: i64) -> i64 {
    [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1]
}

/// Midnight of a day, counted off year by year and month by month.
pub(crate) fn midnight(year: i64, month: i64, day: i64) -> i64 {
    let year_days = |y: i64| if is_leap(y) { 366 } else { 365 };
    let years: i64 = (1970..year).map(year_days).sum::<i64>() - (year..1970).map(year_days).sum::<i64>();
    (years + (1..month).map(|m| length(year, m)).sum::<i64>() + day - 1) * DAY
}

/// Year, month and day of an instant.
pub(crate) fn civil(at: i64) -> (i64, i64, i64) {
    // A year not after the right one; from there day by day would do too, only slower.
    let mut year = 1970 + at.div_euclid(if at < 0 { 365 } else { 366 } * DAY);
    while midnight(year + 1, 1, 1) <= at {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && midnight(year, month + 1, 1) <= at {
        month += 1;
    }
    (year, month, at.div_euclid(DAY) - midnight(year, month, 1) / DAY + 1)
}

/// `2011-06-01 12:00:00.000001`, the fraction only where there is one.
pub(crate) fn stamp(at: i64) -> String {
    let (year, month, day) = civil(at);
    let rest = at.rem_euclid(DAY);
    let (seconds, micros) = (rest / SECOND, rest % SECOND);
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    format!("{year:04}-{month:02}-{day:02} {h:02}:{m:02}:{s:02}{fraction}")
}

/// How snapshots are written: without the time where it is midnight.
fn name(at: i64) -> String {
    let text = stamp(at);
    if at.rem_euclid(DAY) == 0 { text[..10].to_owned() } else { text.replace(' ', "T") }
}

/// The same day and time some months before; the last of the month where it is shorter.
fn months_before(at: i64, months: i64) -> i64 {
    let (mut year, mut month, day) = civil(at);
    for _ in 0..months {
        (year, month) = if month == 1 { (year - 1, 12) } else { (year, month - 1) };
    }
    midnight(year, month, day.min(length(year, month))) + at.rem_euclid(DAY)
}

/// Monthly snapshots, ascending, as long as there is history before them.
pub(crate) fn snapshots(as_of: i64, data_start: i64, min_history_days: i64) -> Vec<i64> {
    let mut all = Vec::new();
    for k in 0.. {
        let snapshot = months_before(as_of, k);
        if snapshot < data_start + min_history_days * DAY {
            break;
        }
        all.insert(0, snapshot);
    }
    all
}

/// The lines that count: of a customer, known before the decision, and no repetition of a line known earlier.
fn kept(lines: &[Line], as_of: i64) -> Vec<&Line> {
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by_key(|&i| (lines[i].known(), i));
    let mut seen = BTreeSet::new();
    order.retain(|&i| {
        let l = &lines[i];
        !l.customer.is_empty()
            && l.known() < as_of
            && seen.insert((&l.customer, &l.order, &l.sku, l.quantity, l.cents, l.at))
    });
    order.sort_unstable();
    order.into_iter().map(|i| &lines[i]).collect()
}

/// For each line the one that it cancels. A return cancels the latest sale of the same customer, product and price that
/// was ordered and known by then and is large enough; a credit cancels the latest line of the customer with its amount.
/// What exceeds a line's quantity cancels nothing.
fn links(lines: &[&Line]) -> Vec<Option<usize>> {
    let mut returns: Vec<usize> = (0..lines.len()).filter(|&i| lines[i].quantity < 0).collect();
    returns.sort_by_key(|&i| (lines[i].known(), i));
    let mut links = vec![None; lines.len()];
    let mut returned = vec![0; lines.len()];
    for i in returns {
        let back = lines[i];
        let mut best: Option<usize> = None;
        for (j, sale) in lines.iter().enumerate() {
            let same = if back.is_product() {
                sale.sku == back.sku && sale.cents == back.cents && sale.quantity >= -back.quantity
            } else {
                back.cents > 0 && sale.value_cents() == -back.value_cents()
            };
            let fits = same
                && sale.quantity > 0
                && sale.customer == back.customer
                && sale.at <= back.at
                && sale.known() <= back.known();
            // The latest; of several in one instant the one known first, then the first in the file.
            let better = |b: usize| (sale.at, lines[b].known()) > (lines[b].at, sale.known());
            if fits && best.is_none_or(better) {
                best = Some(j);
            }
        }
        if let Some(sale) = best {
            returned[sale] += if back.is_product() { -back.quantity } else { lines[sale].quantity };
            links[i] = (returned[sale] <= lines[sale].quantity).then_some(sale);
        }
    }
    links
}

/// An order as a snapshot sees it.
struct Order<'a> {
    id: &'a str,
    at: i64,
    net: i64,
}

fn money(cents: i64) -> f64 {
    (cents * 100) as f64 / 10_000.0
}

fn days(microseconds: i64) -> f64 {
    microseconds as f64 / DAY as f64
}

fn features(
    lines: &[&Line],
    links: &[Option<usize>],
    customer: &str,
    now: i64,
    season_days: i64,
) -> Option<BTreeMap<&'static str, Option<f64>>> {
    let mut orders: Vec<Order<'_>> = Vec::new();
    let (mut sold, mut product_lines, mut returns) = (0, 0, 0);
    let mut products = BTreeSet::new();
    for (line, link) in lines.iter().zip(links) {
        if line.customer != customer || line.known() >= now {
            continue;
        }
        if line.quantity > 0 {
            sold += 1;
            match orders.iter_mut().find(|o| o.id == line.order) {
                Some(order) => {
                    order.at = order.at.min(line.at);
                    order.net += line.value_cents();
                }
                None => orders.push(Order { id: &line.order, at: line.at, net: line.value_cents() }),
            }
            if line.is_product() {
                product_lines += 1;
                products.insert(&line.sku);
            }
        } else if line.is_product() || link.is_some() {
            returns += 1;
            if let Some(sale) = link {
                // The sale was known before the cancellation, but may stand behind it in the file.
                let id = &lines[*sale].order;
                match orders.iter_mut().find(|o| o.id == id) {
                    Some(order) => order.net += line.value_cents(),
                    None => orders.push(Order { id, at: i64::MAX, net: line.value_cents() }),
                }
            }
        }
    }
    if orders.is_empty() {
        return None;
    }
    orders.sort_by_key(|o| (o.at, o.id));
    let (first, last) = (&orders[0], &orders[orders.len() - 1]);
    let n = orders.len() as f64;
    let purchase_days: BTreeSet<i64> = orders.iter().map(|o| o.at.div_euclid(DAY)).collect();
    let purchase_days: Vec<i64> = purchase_days.into_iter().collect();
    let gaps: Vec<i64> = purchase_days.windows(2).map(|d| d[1] - d[0]).collect();
    let since = |d: i64| {
        let inside = orders.iter().filter(|o| o.at >= now - d * DAY);
        inside.fold((0_i64, 0_i64), |sum, o| (sum.0 + 1, sum.1 + o.net))
    };
    let season_from = now - 365 * DAY;
    let season: Vec<&Order<'_>> =
        orders.iter().filter(|o| o.at >= season_from && o.at < season_from + season_days * DAY).collect();
    let was_there = first.at < season_from;
    let share = |count: usize| Some(count as f64 / n);
    let mut found = BTreeMap::from([
        ("recency_days", Some(days(now - last.at))),
        ("frequency", Some(n)),
        ("monetary_total", Some(money(orders.iter().map(|o| o.net).sum()))),
        ("tenure_days", Some(days(now - first.at))),
        ("active_span_days", Some(days(last.at - first.at))),
        ("gap_mean_days", (!gaps.is_empty()).then(|| gaps.iter().sum::<i64>() as f64 / gaps.len() as f64)),
        ("gap_max_days", gaps.iter().max().map(|g| *g as f64)),
        ("purchase_days", Some(purchase_days.len() as f64)),
        ("orders_season_last_year", was_there.then_some(season.len() as f64)),
        ("revenue_season_last_year", was_there.then(|| money(season.iter().map(|o| o.net).sum()))),
        ("orders_trend_90d", Some((2 * since(90).0 - since(180).0) as f64)),
        ("revenue_trend_90d", Some(money(2 * since(90).1 - since(180).1))),
        ("q4_share", share(orders.iter().filter(|o| civil(o.at).1 >= 10).count())),
        // 1970-01-01 was a Thursday.
        ("weekend_share", share(orders.iter().filter(|o| (o.at.div_euclid(DAY) + 3).rem_euclid(7) >= 5).count())),
        ("return_rate", Some(f64::from(returns) / f64::from(sold))),
        ("unique_products", (product_lines > 0).then_some(products.len() as f64)),
        ("repeat_product_share", (product_lines > 0).then(|| 1.0 - products.len() as f64 / f64::from(product_lines))),
        ("order_last", Some(money(last.net))),
        ("order_max", orders.iter().map(|o| o.net).max().map(money)),
    ]);
    for (d, count, revenue) in [
        (30, "orders_30d", "revenue_30d"),
        (60, "orders_60d", "revenue_60d"),
        (90, "orders_90d", "revenue_90d"),
        (180, "orders_180d", "revenue_180d"),
        (365, "orders_365d", "revenue_365d"),
    ] {
        found.insert(count, Some(since(d).0 as f64));
        found.insert(revenue, Some(money(since(d).1)));
    }
    Some(found)
}

fn outcome(lines: &[&Line], links: &[Option<usize>], customer: &str, from: i64, to: i64) -> [f64; 3] {
    let inside = |at: i64| from <= at && at < to;
    let mut orders = BTreeSet::new();
    let (mut gross, mut back) = (0, 0);
    for (line, link) in lines.iter().zip(links).filter(|(l, _)| l.customer == customer) {
        if line.quantity > 0 && inside(line.at) {
            orders.insert(&line.order);
            gross += line.value_cents();
        } else if line.quantity < 0 && (line.is_product() || link.is_some()) && inside(line.known()) {
            back -= line.value_cents();
        }
    }
    [orders.len() as f64, money(gross), money(gross - back)]
}

/// Everything that the lines say about the question.
pub(crate) fn answer(lines: &[Line], question: Question<'_>) -> Answer {
    let after = |at: i64| (at.div_euclid(DAY) + 1) * DAY;
    let known = lines.iter().map(Line::known).max().unwrap();
    let as_of = question.as_of.unwrap_or(after(known));
    // Only what is known before the decision says where the data start; where lines were cut, the data reach up to it.
    let data_start = lines.iter().filter(|l| l.known() < as_of).map(|l| l.at).min().unwrap();
    let data_end = if known >= as_of { as_of } else { after(lines.iter().map(|l| l.at).max().unwrap()).min(as_of) };
    let kept = kept(lines, as_of);
    let links = links(&kept);
    let customers: BTreeSet<&String> = kept.iter().map(|l| &l.customer).collect();
    let mut answer = Answer { snapshots: snapshots(as_of, data_start, question.min_history_days), ..Answer::default() };
    for customer in customers {
        // Only this customer's lines: the loops below need no others.
        let own: Vec<usize> = (0..kept.len()).filter(|&i| kept[i].customer == *customer).collect();
        let lines: Vec<&Line> = own.iter().map(|&i| kept[i]).collect();
        let links: Vec<Option<usize>> =
            own.iter().map(|&i| links[i].map(|sale| own.iter().position(|&j| j == sale).unwrap())).collect();
        for &now in &answer.snapshots {
            let Some(found) = features(&lines, &links, customer, now, question.season_days) else { continue };
            answer.features.insert((name(now), customer.clone()), found);
            for &h in question.horizons {
                if now + h * DAY <= data_end {
                    answer.windows.insert((name(now), h));
                    let found = outcome(&lines, &links, customer, now, now + h * DAY);
                    answer.labels.insert((name(now), customer.clone(), h), found);
                }
            }
        }
    }
    answer
}

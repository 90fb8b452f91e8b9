//! Events at awkward instants: on a snapshot, a microsecond beside it, at the ends of windows, on leap days, in the
//! hours that a clock loses or has twice. Ingest, clean and features must say of them what a brute force over the raw
//! lines says, to the last bit.
//!
//! It stands with the stages and not with the tables, because snapshots, closed windows and the reading of instants are
//! part of what is compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use tenure_stages::artifact;
use tenure_stages::config::Config;
use tenure_stages::ctx::Stage;
use tenure_stages::pipeline;
use tenure_stages::time::Instant;

use crate::brute::{self, Answer, DAY, Line, POSTAGE, Question, SECOND, midnight, stamp};
use crate::support::{ctx, manifest, select, temp};

/// Days of the season window and of the longest label window, which the configuration sets.
const SEASON_DAYS: i64 = 75;
const VALUE_DAYS: i64 = 45;
/// Horizons that always are, and the two that the configuration adds.
const HORIZONS: [i64; 6] = [30, VALUE_DAYS, 60, SEASON_DAYS, 90, 180];
/// Lengths of the windows that look back.
const LOOKS_BACK: [i64; 5] = [30, 60, 90, 180, 365];

/// A small shop; its lines are drawn from a menu of instants.
struct Shop {
    name: &'static str,
    /// Nothing: the end of the data.
    as_of: Option<&'static str>,
    start: &'static str,
    /// No line is ordered at it or later.
    end: &'static str,
    /// From and to: nobody orders and nothing arrives.
    closed: Option<(&'static str, &'static str)>,
    /// Whether lines arrive later than they were ordered.
    arrivals: bool,
    customers: u64,
}

const SHOP: Shop = Shop { name: "", as_of: None, start: "", end: "", closed: None, arrivals: false, customers: 80 };

const SHOPS: [Shop; 8] = [
    // The first snapshot that would do lacks a microsecond of history.
    Shop {
        name: "ends of months, leap day 2012",
        as_of: Some("2012-08-31"),
        start: "2010-12-01 00:00:00.000001",
        end: "2012-12-02 00:00:00",
        ..SHOP
    },
    Shop {
        name: "the 30th at noon, leap day 2016",
        as_of: Some("2016-07-30 12:00:00"),
        start: "2014-11-07 08:26:00",
        end: "2016-11-01 00:00:00",
        ..SHOP
    },
    // The first snapshot has its history to the microsecond.
    Shop {
        name: "the 29th, leap day 2020",
        as_of: Some("2020-12-29"),
        start: "2018-11-29 00:00:00",
        end: "2021-03-01 00:00:00",
        ..SHOP
    },
    Shop {
        name: "closed in August, snapshots at its borders",
        as_of: Some("2015-04-01"),
        start: "2013-05-01 00:00:00",
        end: "2015-06-01 00:00:00",
        closed: Some(("2014-08-01 00:00:00", "2014-09-01 00:00:00")),
        ..SHOP
    },
    Shop {
        name: "closed at the end, a snapshot inside",
        as_of: Some("2015-02-15"),
        start: "2013-06-03 09:00:00",
        end: "2015-02-01 00:00:00",
        closed: Some(("2014-05-01 00:00:00", "2014-06-01 00:00:00")),
        ..SHOP
    },
    Shop {
        name: "lines that arrive late",
        as_of: Some("2016-03-31"),
        start: "2014-02-01 00:00:00",
        end: "2016-03-02 00:00:00",
        arrivals: true,
        customers: 120,
        ..SHOP
    },
    Shop { name: "twenty years", start: "2002-01-01 00:00:00", end: "2022-12-31 00:00:00", customers: 60, ..SHOP },
    Shop {
        name: "before 1970",
        as_of: Some("1971-01-31"),
        start: "1968-10-31 23:59:59",
        end: "1971-03-01 00:00:00",
        ..SHOP
    },
];

/// Reads `2011-06-01`, with a time and a fraction behind it or not.
fn at(text: &str) -> i64 {
    let number = |from: usize, to: usize| text.get(from..to).map_or(0, |t| t.parse::<i64>().unwrap());
    let seconds = number(11, 13) * 3600 + number(14, 16) * 60 + number(17, 19);
    midnight(number(0, 4), number(5, 7), number(8, 10)) + seconds * SECOND + number(20, 26)
}

/// A stream of numbers (splitmix64).
struct Draws(u64);

impl Draws {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// The makings of a shop's lines.
struct Menu<'a> {
    shop: &'a Shop,
    start: i64,
    end: i64,
    snapshots: Vec<i64>,
    /// Leap days, ends of months and years, the hours of the clock changes in Europe.
    calendar: Vec<i64>,
    draws: Draws,
    lines: Vec<Line>,
    orders: u64,
}

impl<'a> Menu<'a> {
    fn new(shop: &'a Shop, seed: u64) -> Self {
        let (start, end) = (at(shop.start), at(shop.end));
        let snapshots = brute::snapshots(shop.as_of.map_or(end, at), start, 0);
        let mut calendar = Vec::new();
        for year in 1968..2023 {
            for month in 1..=12 {
                let next = if month == 12 { midnight(year + 1, 1, 1) } else { midnight(year, month + 1, 1) };
                calendar.extend([next, next - 1, next - SECOND]);
            }
            // 29 February, or 1 March.
            let leap = midnight(year, 2, 28) + DAY;
            calendar.extend([leap, leap + 12 * 3600 * SECOND, leap + DAY - SECOND]);
            for month in [3, 10] {
                // 1970-01-01 was a Thursday.
                let mut sunday = midnight(year, month, 31);
                while (sunday / DAY).rem_euclid(7) != 3 {
                    sunday -= DAY;
                }
                calendar.extend([1, 2, 3].map(|hour| sunday + hour * 3600 * SECOND));
                calendar.push(sunday + 9000 * SECOND);
            }
        }
        calendar.retain(|t| start <= *t && *t < end);
        Self { shop, start, end, snapshots, calendar, draws: Draws(seed), lines: Vec::new(), orders: 1000 }
    }

    fn open_at(&self, t: i64) -> bool {
        self.shop.closed.is_none_or(|(from, to)| t < at(from) || t >= at(to))
    }

    /// An instant of the menu at which the shop is open.
    fn instant(&mut self) -> i64 {
        loop {
            let snapshot = self.draws.pick(&self.snapshots);
            let found = match self.draws.below(7) {
                0 => snapshot,
                1 => snapshot + self.draws.pick(&HORIZONS) * DAY,
                2 | 3 => snapshot - self.draws.pick(&LOOKS_BACK) * DAY,
                4 => snapshot - (365 - SEASON_DAYS) * DAY,
                5 => self.draws.pick(&self.calendar),
                _ => self.start + self.draws.below(((self.end - self.start) / SECOND) as u64) as i64 * SECOND,
            };
            let found = found + self.beside();
            if (self.start..self.end).contains(&found) && self.open_at(found) {
                return found;
            }
        }
    }

    /// Nothing, a microsecond or a second before or after.
    fn beside(&mut self) -> i64 {
        self.draws.pick(&[0, 0, 0, 0, 1, -1, SECOND, -SECOND])
    }

    /// An instant before `end` at which a line that exists since `t` becomes known or is cancelled: at once, at a
    /// snapshot, beside one, or some days later.
    fn later(&mut self, t: i64, end: i64) -> i64 {
        for _ in 0..20 {
            let found = match self.draws.below(4) {
                0 => t,
                1 | 2 => {
                    let nth = self.draws.below(3) as usize;
                    let next = self.snapshots.iter().copied().filter(|s| *s >= t).nth(nth);
                    next.unwrap_or(t) + self.beside()
                }
                _ => t + self.draws.below(40 * 86_400) as i64 * SECOND,
            };
            if found >= t && found < end && self.open_at(found) {
                return found;
            }
        }
        t
    }

    fn line(&mut self, customer: &str, order: &str, sku: &str, quantity: i64, cents: i64, at: i64) -> Line {
        let recorded = self.shop.arrivals.then(|| match self.draws.below(5) {
            0 | 1 => self.later(at, i64::MAX),
            2 => at - DAY,
            _ => at,
        });
        let line = Line {
            customer: customer.to_owned(),
            order: order.to_owned(),
            sku: sku.to_owned(),
            quantity,
            cents,
            at,
            recorded,
        };
        self.lines.push(line.clone());
        line
    }

    fn order_id(&mut self, prefix: &str) -> String {
        self.orders += 1;
        format!("{prefix}{}", self.orders)
    }

    /// An order and what becomes of it.
    fn order(&mut self, customer: &str, t: i64) {
        let order = self.order_id("");
        let mut skus = ["S1", "S2", "S3", "S4", "S5", "S6"];
        let from = self.draws.below(6) as usize;
        skus.rotate_left(from);
        let n_lines = 1 + self.draws.below(3) as usize;
        let mut sales = Vec::new();
        for sku in &skus[..n_lines] {
            let (quantity, cents) = (1 + self.draws.below(9) as i64, self.draws.pick(&[199, 250, 333, 10_000]));
            sales.push(self.line(customer, &order, sku, quantity, cents, t));
        }
        match self.draws.below(24) {
            // A line of postage, a line given twice, a line that follows a moment later, on the other side perhaps.
            0 => drop(self.line(customer, &order, POSTAGE, 1, 495, t)),
            1 => drop(self.line(customer, &order, "TWICE", 2, 120, t)),
            2 | 3 => {
                let t = t + self.draws.pick(&[1, SECOND, 3600 * SECOND]);
                if t < self.end && self.open_at(t) {
                    self.line(customer, &order, "LATER", 3, 150, t);
                }
            }
            // Cancelled in whole or in part.
            4..=9 => {
                let sale = self.draws.pick(&sales.iter().collect::<Vec<_>>()).clone();
                let t = self.later(sale.at, self.end);
                let part = 1 + self.draws.below(sale.quantity as u64) as i64;
                let cancellation = self.order_id("C");
                self.line(customer, &cancellation, &sale.sku, -part, sale.cents, t);
                if self.draws.one_in(6) {
                    // The same line of the file twice.
                    self.line(customer, &cancellation, &sale.sku, -part, sale.cents, t);
                } else if self.draws.one_in(3) {
                    // Once more, and perhaps more than was left; or the rest of the order is billed anew.
                    let t = self.later(t, self.end);
                    let cancellation = self.order_id("C");
                    self.line(customer, &cancellation, &sale.sku, -part, sale.cents, t);
                } else if self.draws.one_in(3) {
                    self.line(customer, &order, "ANEW", part, 275, t);
                }
            }
            // Given back before it was bought, or never bought.
            10 => {
                let (t, sale, order) = (t - SECOND, sales[0].clone(), self.order_id("C"));
                if t >= self.start && self.open_at(t) {
                    self.line(customer, &order, &sale.sku, -1, sale.cents, t);
                }
            }
            11 => {
                let (t, order) = (self.later(t, self.end), self.order_id("C"));
                self.line(customer, &order, "NEVER", -2, 777, t);
            }
            _ => {}
        }
        if self.lines.last().is_some_and(|l| l.sku == "TWICE") {
            self.line(customer, &order, "TWICE", 2, 120, t);
        }
    }

    /// All lines of the shop, in no order of time.
    fn lines(mut self) -> Vec<Line> {
        // Somebody comes on the first day, and somebody at the last possible instant.
        self.line("first", "1", "S1", 1, 250, self.start);
        self.lines[0].recorded = self.shop.arrivals.then_some(self.start);
        if let (true, Some(as_of)) = (self.shop.arrivals, self.shop.as_of.map(at)) {
            // What arrives after the decision neither opens the data earlier nor closes them.
            for (order, t) in [("3", self.start - 20 * DAY), ("4", self.end - DAY)] {
                self.line("late", order, "S1", 1, 250, t);
                self.lines.last_mut().unwrap().recorded = Some(as_of + 9 * DAY);
            }
        }
        if self.shop.as_of.is_none() {
            self.line("last", "2", "S1", 1, 250, self.end - 1);
        }
        for i in 0..self.shop.customers {
            let customer = format!("{i:03}");
            let mut times = Vec::new();
            let orders = if i % 5 == 0 { 1 } else { 2 + self.draws.below(7) };
            while (times.len() as u64) < orders {
                let last = times.last().copied();
                let t = match (last, self.draws.below(10)) {
                    // In the same second as the last, on the same day, on the same day of the next year.
                    (Some(last), 0) => last,
                    (Some(last), 1) => last - i64::rem_euclid(last, DAY) + self.draws.below(86_400) as i64 * SECOND,
                    (Some(last), 2) => last + 365 * DAY,
                    _ => self.instant(),
                };
                if (self.start..self.end).contains(&t) && self.open_at(t) {
                    times.push(t);
                }
            }
            if i % 9 == 4 {
                times[0] = self.start + self.draws.below(86_400 / 2) as i64 * SECOND;
            }
            for t in times {
                self.order(&customer, t);
            }
            if i % 30 == 7 {
                let t = self.instant();
                let order = self.order_id("");
                self.line("", &order, "S1", 1, 250, t);
            }
        }
        let mut keyed: Vec<(u64, Line)> =
            std::mem::take(&mut self.lines).into_iter().map(|l| (self.draws.below(u64::MAX), l)).collect();
        keyed.sort_by_key(|(key, _)| *key);
        keyed.into_iter().map(|(_, line)| line).collect()
    }
}

fn write(lines: &[Line], arrivals: bool, path: &Path) {
    let mut csv = "order_id,customer_id,sku,quantity,unit_price,ordered_at".to_owned();
    csv += if arrivals { ",recorded_at\n" } else { "\n" };
    for l in lines {
        csv += &format!("{},{},{},{},{}.{:02},", l.order, l.customer, l.sku, l.quantity, l.cents / 100, l.cents % 100);
        csv += &stamp(l.at);
        if let Some(recorded) = l.recorded {
            csv += &format!(",{}", stamp(recorded));
        }
        csv.push('\n');
    }
    fs::write(path, csv).unwrap();
}

/// What the stages say, in the same form.
fn product(shop: &Shop, lines: &[Line], dir: &Path) -> Answer {
    fs::create_dir_all(dir).unwrap();
    let (file, out) = (dir.join("shop.csv"), dir.join("out"));
    write(lines, shop.arrivals, &file);
    let mut config = Config::default();
    config.snapshots.as_of = shop.as_of.map(|text| Instant::parse(text).unwrap());
    config.churn.horizon_days = SEASON_DAYS as _;
    config.value.horizon_days = VALUE_DAYS as _;
    for stage in [Stage::Ingest, Stage::Clean, Stage::Features] {
        pipeline::run_stage(&ctx(2), &config, stage, std::slice::from_ref(&file), &out).unwrap();
    }
    let listed = &manifest(&out).stages["features"]["snapshots"];
    let listed = listed.as_array().unwrap().iter().map(|s| at(s.as_str().unwrap())).collect();
    let mut found = Answer { snapshots: listed, ..Answer::default() };

    let rows = select(&out.join(artifact::FEATURES), "select * from t order by as_of, customer_id");
    let keys: Vec<(String, String)> =
        rows.texts("as_of").unwrap().into_iter().zip(rows.texts("customer_id").unwrap()).collect();
    for key in &keys {
        assert!(found.features.insert(key.clone(), BTreeMap::new()).is_none(), "{key:?} occurs twice");
    }
    for name in NAMES {
        for (key, value) in keys.iter().zip(rows.f64s(name).unwrap()) {
            found.features.get_mut(key).unwrap().insert(name, (!value.is_nan()).then_some(value));
        }
    }
    let rows = select(&out.join(artifact::LABELS), "select * from t order by as_of, customer_id, horizon_days");
    let columns = ["orders", "spend_gross", "spend_net"].map(|name| rows.f64s(name).unwrap());
    let days = rows.i64s("horizon_days").unwrap();
    let keys = rows.texts("as_of").unwrap().into_iter().zip(rows.texts("customer_id").unwrap());
    for (i, (as_of, customer)) in keys.enumerate() {
        found.windows.insert((as_of.clone(), days[i]));
        let outcome = [columns[0][i], columns[1][i], columns[2][i]];
        assert!(found.labels.insert((as_of, customer, days[i]), outcome).is_none(), "a label occurs twice");
    }
    found
}

/// The features whose definition depends on time.
const NAMES: [&str; 29] = [
    "recency_days",
    "frequency",
    "monetary_total",
    "tenure_days",
    "active_span_days",
    "gap_mean_days",
    "gap_max_days",
    "purchase_days",
    "orders_30d",
    "orders_60d",
    "orders_90d",
    "orders_180d",
    "orders_365d",
    "revenue_30d",
    "revenue_60d",
    "revenue_90d",
    "revenue_180d",
    "revenue_365d",
    "orders_season_last_year",
    "revenue_season_last_year",
    "orders_trend_90d",
    "revenue_trend_90d",
    "q4_share",
    "weekend_share",
    "return_rate",
    "unique_products",
    "repeat_product_share",
    "order_last",
    "order_max",
];

/// What only one of two sorted lists holds, in a few words.
fn unlike<T: Ord + std::fmt::Debug>(what: &str, found: &BTreeSet<T>, expected: &BTreeSet<T>) -> Option<String> {
    let (more, less): (Vec<&T>, Vec<&T>) = (found.difference(expected).collect(), expected.difference(found).collect());
    let some = |all: &[&T]| format!("{} such as {:?}", all.len(), all.iter().take(4).collect::<Vec<_>>());
    (found != expected).then(|| format!("{what}: too many are {}; missing are {}", some(&more), some(&less)))
}

/// Where product and brute force differ, with the lines of one customer for whom they do; none where they agree.
fn differences(lines: &[Line], expected: &Answer, found: &Answer) -> Option<String> {
    let snapshots = |a: &Answer| a.snapshots.iter().map(|s| stamp(*s)).collect();
    let rows = unlike("snapshots", &snapshots(found), &snapshots(expected))
        .or_else(|| unlike("closed windows", &found.windows, &expected.windows))
        .or_else(|| {
            let rows = |a: &Answer| a.features.keys().cloned().collect();
            unlike("acquired customers", &rows(found), &rows(expected))
        })
        .or_else(|| {
            let rows = |a: &Answer| a.labels.keys().cloned().collect();
            unlike("labels", &rows(found), &rows(expected))
        });
    if rows.is_some() {
        return rows;
    }
    let mut wrong: Vec<(&str, String)> = Vec::new();
    let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
    let mut note = |name: &'static str, customer, text: String| {
        wrong.push((customer, text));
        *by_name.entry(name).or_default() += 1;
    };
    for (key, features) in &expected.features {
        for name in NAMES {
            let (is, should) = (found.features[key][name], features[name]);
            if is != should {
                note(name, &key.1, format!("{name} of {key:?}: {is:?}, by brute force {should:?}"));
            }
        }
    }
    for (key, should) in &expected.labels {
        let is = found.labels[key];
        if is != *should {
            note("labels", &key.1, format!("labels of {key:?}: {is:?}, by brute force {should:?}"));
        }
    }
    let customer = wrong.first()?.0;
    let mut own: Vec<&Line> = lines.iter().filter(|l| l.customer == customer).collect();
    own.sort_by_key(|l| (l.known(), l.at));
    let mut text = format!("{by_name:?}");
    for (_, cell) in wrong.iter().filter(|(other, _)| *other == customer).take(8) {
        text += &format!("\n  {cell}");
    }
    for l in own {
        let (at, known) = (stamp(l.at), stamp(l.known()));
        text += &format!("\n  order {}: {} x {} at {} cents, {at}, known {known}", l.order, l.quantity, l.sku, l.cents);
    }
    Some(text)
}

/// How often the menu's dishes were served.
#[derive(Debug, Default)]
struct Served(BTreeMap<&'static str, usize>);

impl Served {
    fn count(&mut self, lines: &[Line], answer: &Answer) {
        let snapshots: BTreeSet<i64> = answer.snapshots.iter().copied().collect();
        let at_offset =
            |t: i64, days: &[i64], sign: i64| days.iter().any(|d| snapshots.contains(&(t - sign * d * DAY)));
        for l in lines {
            let (_, month, day) = brute::civil(l.at);
            for (dish, eaten) in [
                ("at a snapshot", snapshots.contains(&l.at)),
                ("a microsecond before", snapshots.contains(&(l.at + 1))),
                ("a second before", snapshots.contains(&(l.at + SECOND))),
                ("a microsecond after", snapshots.contains(&(l.at - 1))),
                ("a window's end", at_offset(l.at, &HORIZONS, 1)),
                ("a second before a window's end", at_offset(l.at + SECOND, &HORIZONS, 1)),
                ("so many days before", at_offset(l.at, &LOOKS_BACK, -1)),
                ("a microsecond older", at_offset(l.at + 1, &LOOKS_BACK, -1)),
                ("the end of the season", at_offset(l.at, &[365 - SEASON_DAYS], -1)),
                ("29 February", (month, day) == (2, 29)),
                ("cancelled at a snapshot", l.quantity < 0 && snapshots.contains(&l.known())),
                ("arrives at a snapshot", l.recorded.is_some_and(|r| r > l.at && snapshots.contains(&r))),
            ] {
                *self.0.entry(dish).or_default() += usize::from(eaten);
            }
        }
    }
}

#[test]
fn events_at_awkward_instants_agree_with_brute_force() {
    let dir = temp();
    let (mut customers, mut cells, mut served, mut faults) = (0, 0, Served::default(), Vec::new());
    for (shop, seed) in SHOPS.iter().zip(1..) {
        let lines = Menu::new(shop, seed).lines();
        let question =
            Question { as_of: shop.as_of.map(at), horizons: &HORIZONS, season_days: SEASON_DAYS, min_history_days: 30 };
        let expected = brute::answer(&lines, question);
        let found = product(shop, &lines, &dir.path().join(seed.to_string()));
        cells += expected.features.len() * NAMES.len() + expected.labels.len() * 3;
        faults.extend(differences(&lines, &expected, &found).map(|text| format!("{}: {text}", shop.name)));
        customers += expected.features.keys().map(|(_, customer)| customer).collect::<BTreeSet<_>>().len();
        served.count(&lines, &expected);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    assert!(customers >= 500 && cells > 500_000, "{customers} customers, {cells} cells");
    assert_eq!(served.0.len(), 12);
    assert!(served.0.values().all(|times| *times >= 10), "{served:?}");
}

/// Twenty years of months, each with its last day, none left out: counted by hand where it is not plain.
#[test]
fn monthly_snapshots_are_all_there() {
    let all = brute::snapshots(at("2022-12-31"), at("2002-01-01"), 30);
    assert_eq!(all.len(), 252);
    for month_end in ["2002-01-31", "2004-02-29", "2019-02-28", "2020-02-29", "2020-04-30", "2022-12-31"] {
        assert!(all.contains(&at(month_end)), "{month_end}");
    }
    assert_eq!(at("2000-03-01"), 11_017 * DAY, "the calendar of the brute force");
    assert_eq!(stamp(-1), "1969-12-31 23:59:59.999999");
}

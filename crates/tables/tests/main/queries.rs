//! From lines to features and labels: a shop whose every answer is worked out by hand, and a larger one by brute force.

use std::collections::{BTreeMap, BTreeSet};

use tenure_tables::engine::{EngineConfig, Value};
use tenure_tables::query;

use crate::shop::{DAY_US, Line, Question, SEASON_DAYS, Tables, late, numbered, order, us};

/// Ann buys often and returns once; Bob pays postage and returns what he never bought; Cat orders twice in a second;
/// Dan comes exactly at a snapshot; one of Eve's orders arrives late.
pub(crate) fn shop() -> Vec<Line> {
    let nobody = |customer: Option<&str>| {
        let mut lines = order("?", "600", "2011-06-05 10:00:00", &[("X", 1.0, 9.0)]);
        lines[0].customer = customer.map(str::to_owned);
        lines
    };
    [
        order("00123", "100", "2011-01-10 10:00:00", &[("X", 10.0, 2.0), ("Y", 5.0, 3.0)]),
        order("00123", "101", "2011-03-11 10:00:00", &[("X", 4.0, 2.0), ("Z", 1.0, 7.5)]),
        order("00123", "102", "2011-06-01 00:00:00", &[("X", 1.0, 2.5), ("w ", 2.0, 5.0)]),
        order("00123", "C103", "2011-06-15 09:00:00", &[("X", -4.0, 2.0)]),
        order("00123", "104", "2011-07-01 00:00:00", &[("X", 1.0, 2.0)]),
        order("00123", "105", "2011-07-31 00:00:00", &[("V", 1.0, 50.0)]),
        order("bob", "200", "2010-12-25 12:00:00", &[("G", 1.0, 100.0)]),
        order("bob", "201", "2011-05-31 23:59:59", &[("Y", 2.0, 3.0), ("POST", 1.0, 4.0)]),
        order("bob", "C202", "2011-06-20 08:00:00", &[("Q", -1.0, 6.0)]),
        order("bob", "203", "2011-06-25 08:00:00", &[("Y", 1.0, 0.0)]),
        order("cat", "301", "2011-03-15 14:00:00", &[("K", 2.0, 1.0)]),
        order("cat", "300", "2011-03-15 14:00:00", &[("K", 1.0, 1.0), ("K", 1.0, 1.0)]),
        order("cat", "C302", "2011-07-10 14:00:00", &[("K", -2.0, 1.0)]),
        order("dan", "400", "2011-07-01 00:00:00", &[("H", 1.0, 4.5)]),
        order("eve", "500", "2011-04-05 12:00:00", &[("E", 1.0, 30.0)]),
        late(order("eve", "501", "2011-06-10 12:00:00", &[("E", 1.0, 11.0)]), "2011-07-05 12:00:00"),
        order("eve", "502", "2011-10-01 00:00:00", &[("E", 1.0, 30.0)]),
        nobody(None),
        nobody(Some("  ")),
    ]
    .concat()
}

pub(crate) fn question() -> Question {
    Question {
        as_of: "2011-10-01",
        snapshots: vec!["2011-06-01", "2011-07-01", "2011-08-01"],
        windows: vec![("2011-06-01", 30), ("2011-07-01", 30), ("2011-07-01", 90)],
    }
}

fn tables() -> Tables {
    Tables::build(&numbered(&shop()), &question(), &EngineConfig::default())
}

fn config(threads: usize, batch_size: usize) -> EngineConfig {
    EngineConfig { threads, batch_size, memory_bytes: None }
}

/// Every feature of `customer` at `as_of` that is listed has the listed value, to nine digits.
fn check(tables: &Tables, as_of: &str, customer: &str, expected: &[(&str, f64)]) {
    let rows = tables.features(as_of);
    for &(feature, value) in expected {
        let found = rows.get(customer, feature);
        let close = (found - value).abs() <= 1e-9 * (1.0 + value.abs()) || (found.is_nan() && value.is_nan());
        assert!(close, "{customer} at {as_of}: {feature} is {found}, by hand {value}");
    }
}

/// What is null.
const NULL: f64 = f64::NAN;

#[test]
fn every_line_is_kept_or_set_aside_with_a_reason() {
    let tables = tables();
    let lines = shop().len() as u64;
    assert_eq!(tables.counts, (lines - 4, 5), "kept, set aside; one record was not even a line");
    let aside = tables
        .engine
        .select("select reason, stage, count(*) as n from quarantine group by reason, stage order by reason", &[]);
    let aside = aside.unwrap();
    assert_eq!(aside.texts("reason").unwrap(), ["after_as_of", "bad_date", "duplicate", "no_customer"]);
    assert_eq!(aside.i64s("stage").unwrap(), [1, 1, 3, 2]);
    assert_eq!(aside.i64s("n").unwrap(), [1, 1, 1, 2]);
    let kinds =
        tables.engine.select("select kind, count(*) as n from cleaned group by kind order by kind", &[]).unwrap();
    assert_eq!(kinds.texts("kind").unwrap(), ["adjustment", "charge", "return", "sale"]);
    assert_eq!(kinds.i64s("n").unwrap(), [1, 1, 3, 15]);
    let links = tables
        .engine
        .select("select order_id, cancels_order_id from cleaned where kind = 'return' order by order_id", &[]);
    let links = links.unwrap();
    assert_eq!(links.texts("order_id").unwrap(), ["C103", "C202", "C302"]);
    // The latest sale of that product at that price; none for what was never bought.
    assert_eq!(links.texts("cancels_order_id").unwrap(), ["101", "", "301"]);
}

#[test]
fn a_credit_takes_back_the_line_whose_amount_it_has() {
    let lines = [
        order("fay", "700", "2011-05-10 15:28:00", &[("P", 60.0, 649.5), ("Q", 1.0, 20.0)]),
        order("fay", "C701", "2011-06-10 15:31:00", &[("M", -1.0, 38_970.0)]),
        // Given back once; of the same amount once more there is nothing to take back.
        order("fay", "C702", "2011-06-10 15:40:00", &[("M", -1.0, 38_970.0)]),
        order("fay", "703", "2011-06-11 15:40:00", &[("P", 1.0, 649.5)]),
        // A credit that comes before its line, and one of another customer, take nothing back.
        order("fay", "C704", "2011-06-10 10:00:00", &[("D", -1.0, 649.5)]),
        order("gil", "C705", "2011-06-20 10:00:00", &[("M", -1.0, 20.0)]),
    ];
    let tables = Tables::build(&numbered(&lines.concat()), &question(), &EngineConfig::default());
    let sql = "select order_id, cancels_order_id from cleaned where kind = 'adjustment' order by order_id";
    let links = tables.engine.select(sql, &[]).unwrap();
    assert_eq!(links.texts("order_id").unwrap(), ["C701", "C702", "C704", "C705"]);
    assert_eq!(links.texts("cancels_order_id").unwrap(), ["700", "", "", ""]);
    check(&tables, "2011-06-01", "fay", &[("monetary_total", 38_990.0), ("return_rate", 0.0)]);
    check(
        &tables,
        "2011-07-01",
        "fay",
        &[("monetary_total", 669.5), ("frequency", 2.0), ("order_max", 649.5), ("return_rate", 1.0 / 3.0)],
    );
    let label = tables.labels("2011-06-01", 30);
    assert_eq!((label.get("fay", "spend_gross"), label.get("fay", "spend_net")), (649.5, 649.5 - 38_970.0));
}

#[test]
fn a_customer_enters_with_the_first_order_strictly_before_the_snapshot() {
    let tables = tables();
    assert_eq!(tables.features("2011-06-01").customers(), ["00123", "bob", "cat", "eve"]);
    assert_eq!(tables.features("2011-07-01").customers(), ["00123", "bob", "cat", "eve"], "Dan comes at this instant");
    assert_eq!(tables.features("2011-08-01").customers(), ["00123", "bob", "cat", "dan", "eve"]);
    check(&tables, "2011-08-01", "dan", &[("recency_days", 31.0), ("frequency", 1.0), ("orders_30d", 0.0)]);
}

#[test]
fn features_of_ann_before_her_cancellation_is_known() {
    check(
        &tables(),
        "2011-06-01",
        "00123",
        &[
            // Order 102 is placed exactly at this snapshot: it is not seen.
            ("frequency", 2.0),
            ("recency_days", 81.0 + 14.0 / 24.0),
            ("monetary_total", 50.5),
            ("monetary_avg", 25.25),
            ("order_max", 35.0),
            ("order_last", 15.5),
            ("return_rate", 0.0),
            ("returned_value_share", 0.0),
            ("gap_mean_days", 60.0),
            ("gap_cv", NULL),
            ("unique_products", 3.0),
            ("repeat_product_share", 0.25),
            // January's two lines stand below December's median of 100; March has no month before it.
            ("low_price_share", 1.0),
        ],
    );
}

#[test]
fn features_of_ann_after_her_cancellation() {
    // Net values 35, 15.5 - 8 and 12.5; lines X Y X Z X W.
    let mean = 55.0 / 3.0;
    let variance = ((35.0_f64 - mean).powi(2) + (7.5_f64 - mean).powi(2) + (12.5_f64 - mean).powi(2)) / 2.0;
    check(
        &tables(),
        "2011-07-01",
        "00123",
        &[
            ("frequency", 3.0),
            ("recency_days", 30.0),
            ("monetary_total", 55.0),
            ("monetary_avg", mean),
            ("tenure_days", 171.0 + 14.0 / 24.0),
            ("active_span_days", 141.0 + 14.0 / 24.0),
            ("purchase_days", 3.0),
            ("gap_mean_days", 71.0),
            ("gap_cv", 11.0 / 71.0),
            ("gap_max_days", 82.0),
            ("recency_over_gap", 30.0 / 71.0),
            // An order exactly 30 days old is inside the 30 days.
            ("orders_30d", 1.0),
            ("orders_60d", 1.0),
            ("orders_90d", 1.0),
            ("orders_180d", 3.0),
            ("orders_365d", 3.0),
            ("revenue_30d", 12.5),
            ("revenue_180d", 55.0),
            ("orders_trend_90d", 1.0 - 2.0),
            ("revenue_trend_90d", 12.5 - 42.5),
            ("order_max", 35.0),
            ("order_last", 12.5),
            ("order_sd", variance.sqrt()),
            ("units_per_order", 23.0 / 3.0),
            ("lines_per_order", 2.0),
            ("unique_products", 4.0),
            ("repeat_product_share", 1.0 / 3.0),
            ("product_entropy", 6.0_f64.ln() - 3.0_f64.ln() / 2.0),
            ("return_rate", 1.0 / 6.0),
            ("returned_value_share", 8.0 / 63.0),
            ("unit_price_avg", 22.0 / 6.0),
            // Below last month's median: both lines of January, none of March (no lines in February), X of June.
            ("low_price_share", 0.75),
            ("q4_share", 0.0),
            ("weekend_share", 0.0),
            ("orders_season_last_year", NULL),
            ("frequency_90d", 1.0),
            ("monetary_90d", 12.5),
            ("avg_basket", mean),
        ],
    );
}

#[test]
fn old_purchases_fade_by_half_lives() {
    let tables = tables();
    let rows = tables.features("2011-07-01");
    let ages = [30.0, 111.0 + 14.0 / 24.0, 171.0 + 14.0 / 24.0];
    for (feature, half_life) in
        [("orders_decayed_30d", 30.0), ("orders_decayed_90d", 90.0), ("orders_decayed_365d", 365.0)]
    {
        let expected: f64 = ages.iter().map(|age| 0.5_f64.powf(age / half_life)).sum();
        // Each purchase is rounded to 1e-9.
        assert!((rows.get("00123", feature) - expected).abs() < 2e-9, "{feature}");
    }
    let net = [12.5, 7.5, 35.0];
    let expected: f64 = ages.iter().zip(net).map(|(age, net)| net * 0.5_f64.powf(age / 90.0)).sum();
    assert!((rows.get("00123", "revenue_decayed_90d") - expected).abs() < 2e-4, "each purchase is rounded to 1e-4");
}

#[test]
fn features_of_bob_cat_and_eve() {
    let tables = tables();
    check(
        &tables,
        "2011-07-01",
        "bob",
        &[
            // The free line of 25 June is no purchase; the order of 31 May is a second older than 30 days.
            ("frequency", 2.0),
            ("recency_days", 30.0 + 1.0 / 86_400.0),
            ("orders_30d", 0.0),
            ("orders_60d", 1.0),
            // Postage is spend and a line, but no product. A return without its sale reduces no order.
            ("monetary_total", 110.0),
            ("lines_per_order", 1.5),
            ("units_per_order", 2.0),
            ("unique_products", 2.0),
            ("unit_price_avg", 51.5),
            ("return_rate", 1.0 / 3.0),
            ("returned_value_share", 6.0 / 110.0),
            // 25 December 2010 was a Saturday.
            ("q4_share", 0.5),
            ("weekend_share", 0.5),
            ("low_price_share", 1.0),
            ("repeat_product_share", 0.0),
            ("product_entropy", 2.0_f64.ln()),
        ],
    );
    check(
        &tables,
        "2011-07-01",
        "cat",
        &[
            // Two orders in one second: no gap; the repeated line of order 300 is a duplicate, that of 301 is not.
            ("frequency", 2.0),
            ("purchase_days", 1.0),
            ("gap_mean_days", NULL),
            ("recency_over_gap", NULL),
            ("monetary_total", 3.0),
            ("order_last", 2.0),
            ("order_sd", 0.5_f64.sqrt()),
            ("unique_products", 1.0),
            ("repeat_product_share", 0.5),
            ("product_entropy", 0.0),
            ("recency_days", 107.0 + 10.0 / 24.0),
        ],
    );
    check(&tables, "2011-08-01", "cat", &[("monetary_total", 1.0), ("order_last", 0.0), ("frequency", 2.0)]);
    // Percent ranks among the four: recency 3 2 0 1, orders_180d 3 0 2 0, revenue_180d 3 1 0 2, tenure 2 3 1 0 (of 3).
    for (customer, score) in [("00123", 275.0 / 3.0), ("bob", 50.0), ("cat", 25.0), ("eve", 25.0)] {
        check(&tables, "2011-07-01", customer, &[("engagement_score", score)]);
    }
}

#[test]
fn a_late_arrival_is_known_only_from_its_arrival_on() {
    let tables = tables();
    check(&tables, "2011-07-01", "eve", &[("frequency", 1.0), ("monetary_total", 30.0), ("recency_days", 86.5)]);
    check(
        &tables,
        "2011-08-01",
        "eve",
        &[("frequency", 2.0), ("monetary_total", 41.0), ("recency_days", 51.5), ("gap_mean_days", 66.0)],
    );
    // June's median is 3.75 for all who buy in July; with Eve's late line it would be 5, above Dan's 4.50.
    check(&tables, "2011-08-01", "dan", &[("low_price_share", 0.0)]);
}

/// Back-dated lines of every sort change no snapshot that lies before their arrival. Those that would be the better
/// match of a cancellation are among them: on 15 June nobody knew of order 106.
#[test]
fn back_dated_arrivals_change_nothing_before_they_arrive() {
    let arrives = "2011-08-15 09:00:00";
    let late_lines = [
        late(order("00123", "106", "2011-05-01 10:00:00", &[("X", 4.0, 2.0)]), arrives),
        late(order("00123", "C107", "2011-06-14 10:00:00", &[("X", -4.0, 2.0)]), arrives),
        late(order("bob", "204", "2011-02-01 10:00:00", &[("Y", 1.0, 0.5), ("Q", 1.0, 6.0)]), arrives),
        late(order("cat", "300", "2011-03-15 14:00:00", &[("K", 1.0, 1.0)]), arrives),
        late(order("zoe", "700", "2011-02-01 10:00:00", &[("X", 1.0, 1.0)]), arrives),
    ]
    .concat();
    // Put first, so that their line numbers are the smallest too.
    let with = Tables::build(&numbered(&[late_lines, shop()].concat()), &question(), &EngineConfig::default());
    let without = tables();
    let all = "select * from features order by as_of, customer_id";
    let (with, without) = (with.cells(all), without.cells(all));
    let customers = &without[without.iter().position(|(name, _)| name == "customer_id").unwrap()].1;
    for ((name, with), (_, without)) in with.iter().zip(&without) {
        for (i, (a, b)) in with.iter().zip(without).enumerate() {
            assert_eq!(a, b, "{name} of {:?} (with the late lines, without)", customers[i]);
        }
        assert_eq!(with.len(), without.len());
    }
}

#[test]
fn labels_are_half_open() {
    let tables = tables();
    let label = |as_of: &str, days: i64, customer: &str| {
        let rows = tables.labels(as_of, days);
        ["orders", "spend_gross", "spend_net"].map(|column| rows.get(customer, column))
    };
    // Order 102 exactly at the snapshot counts, 104 exactly at the end does not; the cancellation of 15 June does.
    assert_eq!(label("2011-06-01", 30, "00123"), [1.0, 12.5, 4.5]);
    // 104 exactly at the snapshot counts, 105 exactly 30 days later does not.
    assert_eq!(label("2011-07-01", 30, "00123"), [1.0, 2.0, 2.0]);
    assert_eq!(label("2011-07-01", 90, "00123"), [2.0, 52.0, 52.0]);
    assert_eq!(label("2011-06-01", 30, "bob"), [0.0, 0.0, -6.0]);
    assert_eq!(label("2011-07-01", 30, "cat"), [0.0, 0.0, -2.0]);
    assert_eq!(label("2011-06-01", 30, "eve"), [1.0, 11.0, 11.0], "what arrived late happened all the same");
    for (as_of, days) in question().windows {
        assert_eq!(tables.labels(as_of, days).customers(), tables.features(as_of).customers(), "{as_of}");
    }
}

#[test]
fn a_hold_out_counts_days_of_those_who_were_there() {
    let tables = tables();
    let window = [("start_us", Value::I64(us("2011-06-01"))), ("end_us", Value::I64(us("2011-07-01")))];
    let of =
        |sql: &str, more: (&'static str, Value)| tables.engine.select(sql, &[&window[..], &[more]].concat()).unwrap();
    // Dan first bought later; Bob got something for nothing, which is no purchase; Eve's order counts though it arrived
    // late.
    let found = of(query::HOLD_OUT.sql, ("snapshot", Value::Text("2011-06-01".to_owned())));
    assert_eq!(found.texts("customer_id").unwrap(), ["00123", "bob", "cat", "eve"]);
    assert_eq!(found.i64s("came").unwrap(), [1, 0, 0, 1]);
    assert_eq!(found.i64s("purchase_days").unwrap(), [2, 2, 1, 1]);
    // Weeks from 22 December 2010: 11 March, 31 May, 1 and 10 June. Cat's two orders are of one day, her first.
    let found = of(query::REPEAT_WEEKS.sql, ("first_us", Value::I64(us("2010-12-22"))));
    assert_eq!(found.i64s("week").unwrap(), [11, 22, 23, 24]);
    assert_eq!(found.i64s("purchases").unwrap(), [1, 1, 1, 1]);
}

/// All that the chain leaves, as text.
fn outcome(tables: &Tables) -> Vec<Vec<(String, Vec<Option<String>>)>> {
    [
        "select * from order_events order by customer_id, known_us, order_id, happened_us, lines, gross_e4, returned_e4",
        "select * from features order by as_of, customer_id",
        query::LABELS.sql,
        query::PORTFOLIO.sql,
    ]
    .iter()
    .map(|sql| tables.cells(sql))
    .collect()
}

/// The lines in another order, the same for every run.
pub(crate) fn shuffled(lines: &[Line]) -> Vec<Line> {
    let mut keyed: Vec<(u64, Line)> = (1..).zip(lines).map(|(i, line)| (Draws(i).next(), line.clone())).collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, line)| line).collect()
}

#[test]
fn results_depend_on_no_thread_no_batch_and_no_order_of_rows() {
    for (lines, question) in [(shop(), question()), (random_lines(60, 600), random_question())] {
        let lines = numbered(&lines);
        let expected = outcome(&Tables::build(&lines, &question, &config(1, 8192)));
        for (threads, batch_size) in [(1, 1024), (2, 8192), (2, 1024), (3, 7)] {
            let found = outcome(&Tables::build(&lines, &question, &config(threads, batch_size)));
            assert!(found == expected, "{threads} threads, batches of {batch_size}");
        }
        let found = outcome(&Tables::build(&shuffled(&lines), &question, &config(2, 1024)));
        assert!(found == expected, "rows in another order, with their line numbers");
        let found = outcome(&Tables::build(&numbered(&shuffled(&lines)), &question, &config(1, 1024)));
        // Which of two orders of one instant is the first to hold a product is told by the line numbers.
        assert!(found[1..] == expected[1..], "rows in another order, numbered anew");
    }
}

/// A stream of numbers (splitmix64).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// Lines of so many customers and orders over two years, an eighth of the orders known late, now and then on a snapshot's or
/// a window's edge.
pub(crate) fn random_lines(customers: u64, orders: u64) -> Vec<Line> {
    let mut draws = Draws(7);
    let (start, snapshot) = (us("2010-01-01"), us("2011-09-01"));
    let mut lines = Vec::new();
    for order in 0..orders {
        let ordered_us = match draws.below(10) {
            0 => snapshot - 30 * DAY_US * draws.below(13) as i64,
            1 => snapshot - 365 * DAY_US + SEASON_DAYS * DAY_US * draws.below(2) as i64,
            _ => start + draws.below(730 * 86_400) as i64 * 1_000_000,
        };
        let recorded_us = (draws.below(8) == 0).then(|| ordered_us + draws.below(40) as i64 * DAY_US + 1);
        let customer = Some(format!("{:03}", draws.below(customers)));
        for line in 0..=draws.below(4) {
            lines.push(Line {
                customer: customer.clone(),
                order: order.to_string(),
                // No product twice in an order: such lines could be duplicates.
                sku: format!("S{}", draws.below(8) * 5 + line),
                quantity: 1.0 + draws.below(20) as f64,
                price: (1 + draws.below(900)) as f64 / 100.0,
                ordered_us,
                recorded_us,
                line_no: 0,
            });
        }
    }
    lines
}

pub(crate) fn random_question() -> Question {
    Question {
        as_of: "2012-01-01",
        snapshots: vec!["2010-02-01", "2011-06-01", "2011-09-01"],
        windows: vec![("2011-06-01", 90), ("2011-09-01", 30), ("2011-09-01", 90)],
    }
}

/// One order of a customer as the brute force sees it.
#[derive(Clone, Default)]
struct Order {
    at: i64,
    known: i64,
    cents: i64,
    units: f64,
    skus: Vec<String>,
}

#[test]
fn a_larger_shop_agrees_with_brute_force() {
    let (lines, question) = (random_lines(60, 600), random_question());
    let tables = Tables::build(&numbered(&lines), &question, &config(2, 1024));
    let mut customers: BTreeMap<String, BTreeMap<String, Order>> = BTreeMap::new();
    for line in &lines {
        let orders = customers.entry(line.customer.clone().unwrap()).or_default();
        let order = orders.entry(line.order.clone()).or_default();
        order.at = line.ordered_us;
        order.known = line.recorded_us.unwrap_or(0).max(line.ordered_us);
        order.cents += (line.quantity * line.price * 100.0).round() as i64;
        order.units += line.quantity;
        order.skus.push(line.sku.clone());
    }
    let money = |orders: &[&Order]| orders.iter().map(|o| o.cents).sum::<i64>() as f64 / 100.0;
    let mut compared = 0;
    for as_of in &question.snapshots {
        let now = us(as_of);
        let rows = tables.features(as_of);
        let mut acquired = Vec::new();
        for (customer, orders) in &customers {
            let mut seen: Vec<&Order> = orders.values().filter(|o| o.known < now).collect();
            seen.sort_by_key(|o| o.at);
            let (Some(first), Some(last)) = (seen.first(), seen.last()) else { continue };
            acquired.push(customer.clone());
            let since = |days: i64| seen.iter().filter(|o| o.at >= now - days * DAY_US).copied().collect::<Vec<_>>();
            let (from, to) = (now - 365 * DAY_US, now - (365 - SEASON_DAYS) * DAY_US);
            let season: Vec<&Order> = seen.iter().filter(|o| o.at >= from && o.at < to).copied().collect();
            let season_orders = if first.at < from { season.len() as f64 } else { NULL };
            let season_money = if first.at < from { money(&season) } else { NULL };
            let days: BTreeSet<i64> = seen.iter().map(|o| o.at.div_euclid(DAY_US)).collect();
            let days: Vec<i64> = days.into_iter().collect();
            let gaps: Vec<f64> = days.windows(2).map(|d| (d[1] - d[0]) as f64).collect();
            let gap = if gaps.is_empty() { NULL } else { gaps.iter().sum::<f64>() / gaps.len() as f64 };
            let mut products: BTreeMap<&str, f64> = BTreeMap::new();
            for sku in seen.iter().flat_map(|o| &o.skus) {
                *products.entry(sku).or_default() += 1.0;
            }
            let bought: f64 = products.values().sum();
            let entropy: f64 = -products.values().map(|n| n / bought * (n / bought).ln()).sum::<f64>();
            let expected = [
                ("recency_days", (now - last.at) as f64 / DAY_US as f64),
                ("tenure_days", (now - first.at) as f64 / DAY_US as f64),
                ("frequency", seen.len() as f64),
                ("monetary_total", money(&seen)),
                ("orders_30d", since(30).len() as f64),
                ("orders_60d", since(60).len() as f64),
                ("orders_180d", since(180).len() as f64),
                ("orders_365d", since(365).len() as f64),
                ("revenue_90d", money(&since(90))),
                ("revenue_365d", money(&since(365))),
                ("orders_trend_90d", 2.0 * since(90).len() as f64 - since(180).len() as f64),
                ("orders_season_last_year", season_orders),
                ("revenue_season_last_year", season_money),
                ("purchase_days", days.len() as f64),
                ("gap_mean_days", gap),
                ("units_per_order", seen.iter().map(|o| o.units).sum::<f64>() / seen.len() as f64),
                ("unique_products", products.len() as f64),
                ("product_entropy", entropy.max(0.0)),
            ];
            for (feature, value) in expected {
                let found = rows.get(customer, feature);
                // Entropy is a sum of terms rounded to 1e-9.
                let close = (found - value).abs() < 1e-7 || (found.is_nan() && value.is_nan());
                assert!(close, "{customer} at {as_of}: {feature} is {found}, by brute force {value}");
                compared += 1;
            }
        }
        assert_eq!(rows.customers(), acquired, "{as_of}");
    }
    assert!(compared > 1_500, "{compared}");

    for (as_of, days) in &question.windows {
        let (from, to) = (us(as_of), us(as_of) + days * DAY_US);
        let rows = tables.labels(as_of, *days);
        for customer in rows.customers() {
            let inside: Vec<&Order> = customers[&customer].values().filter(|o| o.at >= from && o.at < to).collect();
            assert_eq!(rows.get(&customer, "orders"), inside.len() as f64, "{customer} from {as_of}, {days} days");
            assert!((rows.get(&customer, "spend_gross") - money(&inside)).abs() < 1e-7, "{customer} from {as_of}");
        }
        // Buyers and spend of everybody, and of those with a first order before the window.
        let name = format!("{as_of} {days}");
        let portfolio = tables.engine.select(query::PORTFOLIO.sql, &[]).unwrap();
        let row = portfolio.texts("name").unwrap().iter().position(|n| *n == name).unwrap();
        let (mut buyers, mut known, mut cents) = (0, 0, 0);
        for orders in customers.values() {
            let inside: Vec<&Order> = orders.values().filter(|o| o.at >= from && o.at < to).collect();
            buyers += i64::from(!inside.is_empty());
            known += i64::from(!inside.is_empty() && orders.values().any(|o| o.at < from));
            cents += inside.iter().map(|o| o.cents).sum::<i64>();
        }
        assert_eq!(portfolio.i64s("buyers").unwrap()[row], buyers, "{name}");
        assert_eq!(portfolio.i64s("known_buyers").unwrap()[row], known, "{name}");
        assert!((portfolio.f64s("gross").unwrap()[row] - cents as f64 / 100.0).abs() < 1e-7, "{name}");
    }
}

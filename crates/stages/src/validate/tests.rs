#![allow(clippy::unwrap_used, clippy::float_cmp, clippy::disallowed_methods)]

use std::path::PathBuf;

use serde_json::Value as Json;
use tenure_tables::engine::EngineConfig;
use tenure_tables::store::{Column, write_columns};

use super::*;
use crate::time::DAY_US;

/// One line of a small shop; the defaults have no problem.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    source: &'static str,
    line_no: i64,
    order_id: Option<String>,
    customer_id: Option<String>,
    sku: Option<&'static str>,
    description: Option<&'static str>,
    quantity: Option<f64>,
    unit_price: Option<f64>,
    amount: Option<f64>,
    /// Days after 2024-01-01, a Monday, at nine.
    day: i64,
    recorded_day: Option<i64>,
    country: Option<&'static str>,
    currency: Option<&'static str>,
}

fn line(n: i64) -> Line {
    Line {
        source: "shop.csv",
        line_no: n + 2,
        order_id: Some(format!("{}", 10_000 + n)),
        customer_id: Some(format!("{}", 12_000 + n % 40)),
        sku: Some(["MUG", "PEN", "BAG"][n as usize % 3]),
        description: Some(["Mug", "Pen", "Bag"][n as usize % 3]),
        quantity: Some(2.0),
        unit_price: Some(4.5),
        amount: None,
        day: n / 2,
        recorded_day: None,
        country: Some("France"),
        currency: None,
    }
}

/// Four hundred lines over two hundred days, two a day.
fn shop() -> Vec<Line> {
    (0..400).map(line).collect()
}

fn start() -> i64 {
    Instant::from_ymd(2024, 1, 1).unwrap().0
}

struct Table {
    dir: tempfile::TempDir,
}

impl Table {
    fn write(lines: &[Line]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text = |f: &dyn Fn(&Line) -> Option<String>| Column::OptText(lines.iter().map(f).collect());
        let number = |f: &dyn Fn(&Line) -> Option<f64>| Column::OptF64(lines.iter().map(f).collect());
        let at = |day: i64| start() + day * DAY_US + DAY_US * 9 / 24;
        // The store writes no nullable instants; a line without arrival time arrives when it is ordered.
        let recorded = lines.iter().map(|l| at(l.recorded_day.unwrap_or(l.day))).collect();
        write_columns(
            &dir.path().join("transactions.parquet"),
            &[
                ("customer_id", text(&|l| l.customer_id.clone())),
                ("order_id", text(&|l| l.order_id.clone())),
                ("sku", text(&|l| l.sku.map(str::to_owned))),
                ("description", text(&|l| l.description.map(str::to_owned))),
                ("quantity", number(&|l| l.quantity)),
                ("unit_price", number(&|l| l.unit_price)),
                ("amount", number(&|l| l.amount)),
                ("ordered_at", Column::Instant(lines.iter().map(|l| at(l.day)).collect())),
                ("recorded_at", Column::Instant(recorded)),
                ("country", text(&|l| l.country.map(str::to_owned))),
                ("currency", text(&|l| l.currency.map(str::to_owned))),
                ("discount", number(&|_| None)),
                ("category", text(&|_| None)),
                ("channel", text(&|_| None)),
                ("store", text(&|_| None)),
                ("source", Column::Text(lines.iter().map(|l| l.source.to_owned()).collect())),
                ("line_no", Column::I64(lines.iter().map(|l| l.line_no).collect())),
            ],
        )
        .unwrap();
        Self { dir }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("transactions.parquet")
    }

    fn validate(&self, rules: &Rules, threads: usize, batch_size: usize) -> Validation {
        let engine = Engine::open(&EngineConfig { threads, batch_size, ..EngineConfig::default() }).unwrap();
        let end = Instant(start() + 200 * DAY_US);
        let inputs =
            Inputs { transactions: &self.path(), unparsed: None, sources: &[], profiles: None, contract: None };
        validate(&engine, rules, end, &inputs).unwrap()
    }
}

fn rules() -> Rules {
    Rules {
        cancellation_prefix: "C".to_owned(),
        non_product_codes: vec!["post".to_owned(), "BANK CHARGES".to_owned(), "C.2".to_owned()],
        non_product_prefixes: vec!["gift_".to_owned()],
        ..Rules::default()
    }
}

fn check_of(lines: &[Line]) -> Validation {
    Table::write(lines).validate(&rules(), 1, 8192)
}

#[test]
fn a_clean_shop_passes_and_says_what_it_could_not_ask() {
    let result = check_of(&shop());
    assert!(result.passed);
    let failed: Vec<&str> = result.checks.iter().filter(|c| c.failed()).map(|c| &*c.name).collect();
    // The shop has no category, channel … column, half a year of history, and ends in mid-July.
    assert_eq!(failed, ["empty_columns", "last_month_whole", "history_length"]);
    let names: Vec<&str> = result.checks.iter().map(|c| &*c.name).collect();
    let catalogue: Vec<&str> = catalogue::ALL.iter().map(|s| s.name).collect();
    assert_eq!(names, catalogue, "every check of the catalogue appears once, in its order");
    let skipped = result.check("one_currency").unwrap();
    assert_eq!((skipped.success, skipped.element_count, skipped.unexpected_percent()), (None, None, None));
}

/// What a change does to the clean shop: (check, unexpected, elements).
fn assert_found(change: impl Fn(&mut Vec<Line>), expected: &[(&str, u64, u64)]) {
    let mut lines = shop();
    change(&mut lines);
    let result = check_of(&lines);
    for (name, unexpected, elements) in expected {
        let check = result.check(name).unwrap();
        assert_eq!(
            (check.unexpected_count, check.element_count),
            (Some(*unexpected), Some(*elements)),
            "{name}: {}",
            check.sentence
        );
        assert_eq!(check.success, Some(*unexpected == 0), "{name}");
        assert_eq!(check.partial_unexpected_list.is_empty(), *unexpected == 0, "{name}");
    }
}

#[test]
fn missing_values_are_counted() {
    assert_found(
        |lines| {
            for l in &mut lines[..30] {
                l.customer_id = None;
            }
            lines[3].order_id = None;
            lines[4].sku = None;
            lines[5].description = None;
            lines[6].country = None;
            lines[7].country = Some("Unspecified");
            lines[8].unit_price = None;
        },
        &[
            ("customer_id_present", 30, 400),
            ("order_id_present", 1, 400),
            ("sku_present", 1, 400),
            ("description_present", 1, 400),
            ("country_present", 2, 400),
            ("money_present", 1, 400),
        ],
    );
}

#[test]
fn values_that_cannot_be_are_counted() {
    assert_found(
        |lines| {
            lines[1].unit_price = Some(0.0);
            lines[2].unit_price = Some(-3.0);
            lines[3].quantity = Some(0.0);
            lines[4].quantity = Some(80_995.0);
            lines[5].unit_price = Some(f64::INFINITY);
            lines[6].quantity = Some(f64::NAN);
            lines[7].recorded_day = Some(1);
        },
        &[
            ("price_not_zero", 1, 400),
            ("price_not_negative", 1, 400),
            ("quantity_not_zero", 1, 400),
            // What is not a number lies beyond every bound, too.
            ("quantity_plausible", 2, 400),
            ("price_plausible", 1, 400),
            ("finite_numbers", 2, 400),
            ("recorded_after_ordered", 1, 400),
        ],
    );
}

#[test]
fn cancellations_and_codes_are_held_to_their_rules() {
    assert_found(
        |lines| {
            // Customer 12001 bought a pen as line 1; nobody sold bags to 12003 before.
            lines[121].order_id = Some("C777".to_owned());
            lines[121].quantity = Some(-1.0);
            lines[121].sku = Some("PEN");
            lines[123].order_id = Some("c778".to_owned());
            lines[123].quantity = Some(-1.0);
            lines[123].sku = Some("HAT");
            lines[124].order_id = Some("C779".to_owned());
            lines[125].quantity = Some(-5.0);
            lines[126].order_id = Some("Cash".to_owned());
            lines[127].sku = Some("Post");
            lines[128].sku = Some("GIFT_50");
            lines[129].sku = Some("CX2");
            lines[130].amount = Some(9.0);
            lines[131].amount = Some(9.01);
            lines[132].amount = Some(10.0);
        },
        &[
            ("cancellation_is_negative", 1, 3),
            ("negative_is_cancellation", 1, 3),
            ("cancellation_has_sale", 1, 2),
            ("product_codes_only", 2, 400),
            ("amount_is_quantity_times_price", 1, 3),
        ],
    );
}

#[test]
fn a_prefix_that_most_orders_bear_marks_no_cancellations() {
    let mut lines = shop();
    for l in &mut lines {
        l.order_id = l.order_id.as_ref().map(|id| format!("C{id}"));
    }
    let result = check_of(&lines);
    for name in ["cancellation_is_negative", "negative_is_cancellation", "cancellation_has_sale"] {
        let check = result.check(name).unwrap();
        assert_eq!(check.success, None);
        assert!(check.sentence.contains("most order ids"), "{}", check.sentence);
    }
}

#[test]
fn ids_that_contradict_themselves_are_counted() {
    assert_found(
        |lines| {
            lines[1].order_id = Some("10000".to_owned());
            lines[5].order_id = Some("10002".to_owned());
            lines[5].customer_id = lines[2].customer_id.clone();
            lines[7].order_id = Some("10006".to_owned());
            lines[7].customer_id = None;
            lines[60].customer_id = Some("guest".to_owned());
            lines[61].country = Some("Spain");
            lines[62].description = Some("Sac");
            lines[63].description = Some("mug ");
            lines[64].description = Some("Caf� mug");
        },
        &[
            ("order_has_one_customer", 1, 397),
            ("order_has_one_instant", 1, 397),
            ("order_within_a_day", 1, 397),
            ("order_wholly_identified", 1, 397),
            ("customer_id_grammar", 1, 41),
            ("customer_is_a_person", 1, 41),
            ("customer_has_one_country", 1, 41),
            ("sku_has_one_description", 2, 3),
            ("damaged_text", 1, 400),
            ("source_in_time_order", 0, 397),
        ],
    );
}

#[test]
fn repeats_within_a_source_and_across_sources_are_told_apart() {
    let mut lines = shop();
    // Line 0 twice more in its source; lines 10..15 again in a second file, line 10 twice there.
    for k in 0..2 {
        lines.push(Line { line_no: 500 + k, ..line(0) });
    }
    for k in 0..5 {
        lines.push(Line { source: "shop2.csv", line_no: 2 + k, ..line(10 + k) });
    }
    lines.push(Line { source: "shop2.csv", line_no: 90, ..line(10) });
    // The same but for the description: no repeat.
    lines.push(Line { line_no: 600, description: Some("other"), ..line(20) });
    let result = check_of(&lines);
    let within = result.check("rows_unique_within_source").unwrap();
    // Two of line 0; of line 10 the second file holds one more than a source may.
    assert_eq!(within.unexpected_count, Some(3));
    assert_eq!(within.partial_unexpected_list.len(), 2);
    assert_eq!(within.partial_unexpected_list[0]["repeats"], 2);
    assert_eq!(within.partial_unexpected_list[0]["customer_id"], "12***");
    let across = result.check("rows_unique_across_sources").unwrap();
    assert_eq!(across.unexpected_count, Some(5));
    assert_eq!(across.partial_unexpected_list[0]["last_source"], "shop2.csv");
    assert_eq!(result.check("orders_in_one_source").unwrap().unexpected_count, Some(5));
    assert!(within.remedy.contains("Cleaning keeps one of each"), "{}", within.remedy);
    // Without order ids cleaning keeps them all, and the remedy says so.
    for l in &mut lines {
        l.order_id = None;
    }
    let result = check_of(&lines);
    for name in ["rows_unique_within_source", "rows_unique_across_sources"] {
        let remedy = &result.check(name).unwrap().remedy;
        assert!(remedy.contains("Without order ids cleaning keeps them all"), "{name}: {remedy}");
    }
}

#[test]
fn money_of_two_currencies_is_an_error() {
    let mut lines = shop();
    for l in &mut lines {
        l.currency = Some("EUR");
    }
    assert!(check_of(&lines).passed);
    lines[9].currency = Some("USD");
    let result = check_of(&lines);
    assert!(!result.passed);
    assert_eq!(result.failed(Severity::Error).map(|c| &*c.name).collect::<Vec<_>>(), ["one_currency"]);
}

#[test]
fn rows_after_as_of_are_counted_and_the_sources_are_held_to_their_counts() {
    let table = Table::write(&shop());
    let engine = Engine::open(&EngineConfig::default()).unwrap();
    let as_of = Instant(start() + 150 * DAY_US);
    let sources = [SourceRows { source: "shop.csv".to_owned(), rows: 399 }];
    let inputs =
        Inputs { transactions: &table.path(), unparsed: None, sources: &sources, profiles: None, contract: None };
    let result = validate(&engine, &Rules { as_of: Some(as_of), ..rules() }, as_of, &inputs).unwrap();
    assert_eq!(result.check("not_after_as_of").unwrap().unexpected_count, Some(100));
    assert_eq!(result.check("rows_arrived").unwrap().unexpected_count, Some(1));
    assert!(!result.passed);
    assert_eq!(result.check("freshness").unwrap().unexpected_count, Some(0));
}

#[test]
fn rejected_records_are_listed_by_reason_and_masked() {
    let table = Table::write(&shop());
    let unparsed = table.dir.path().join("unparsed.parquet");
    let text = |values: [&str; 3]| Column::Text(values.map(str::to_owned).to_vec());
    write_columns(
        &unparsed,
        &[
            ("source", text(["shop.csv", "shop.csv", "shop.csv"])),
            ("line_no", Column::I64(vec![9, 5, 7])),
            ("column", text(["quantity", "customer_id", "ordered_at"])),
            ("value", text(["jo@example.org", "123456", "31.02.2024"])),
            ("reason", text(["not a number", "too long", "no such day"])),
            ("record", text(["a", "b", "c"])),
        ],
    )
    .unwrap();
    let engine = Engine::open(&EngineConfig::default()).unwrap();
    let inputs =
        Inputs { transactions: &table.path(), unparsed: Some(&unparsed), sources: &[], profiles: None, contract: None };
    let result = validate(&engine, &rules(), Instant(start() + 200 * DAY_US), &inputs).unwrap();
    let check = result.check("rejected_rows").unwrap();
    assert_eq!((check.unexpected_count, check.element_count), (Some(3), Some(403)));
    let shown: Vec<(&Json, &Json)> =
        check.partial_unexpected_list.iter().map(|r| (&r["line_no"], &r["value"])).collect();
    assert_eq!(
        shown,
        [
            (&Json::from(5), &Json::from("12***")),
            (&Json::from(7), &Json::from("31.02.2024")),
            (&Json::from(9), &Json::from("jo***"))
        ]
    );
    assert!(check.sentence.contains("no such day: 1 row; not a number: 1 row; too long: 1 row"), "{}", check.sentence);
}

#[test]
fn a_log_of_customers_and_dates_alone_is_checked_as_far_as_it_goes() {
    let lines: Vec<Line> = shop()
        .into_iter()
        .map(|l| Line {
            order_id: None,
            sku: None,
            description: None,
            quantity: None,
            unit_price: None,
            country: None,
            ..l
        })
        .collect();
    let result = check_of(&lines);
    assert!(result.passed);
    assert_eq!(result.check("money_columns").unwrap().success, Some(false));
    assert_eq!(result.check("order_has_one_customer").unwrap().success, None);
    assert_eq!(result.check("customer_id_present").unwrap().success, Some(true));
    assert_eq!(result.check("price_level_stable").unwrap().success, None);
}

#[test]
fn an_empty_table_is_an_error_and_no_panic() {
    let result = check_of(&[]);
    assert!(!result.passed);
    assert_eq!(result.failed(Severity::Error).map(|c| &*c.name).collect::<Vec<_>>(), ["required_columns"]);
    assert!(result.to_page().starts_with("# Validation"));
}

#[test]
fn the_page_shows_no_markup_and_no_customer_of_the_source() {
    let mut lines = shop();
    lines[1].unit_price = Some(-1.0);
    lines[1].description = Some("<script>|x|\n[a](b)");
    let page = check_of(&lines).to_page();
    assert!(page.contains("&lt;script>\\|x\\| \\[a\\](b)"), "{page}");
    assert!(page.contains("12***") && !page.contains("12001"));
    assert!(page.contains("## warn: price_not_negative"));
}

#[test]
fn the_file_has_the_field_names_of_great_expectations() {
    let mut lines = shop();
    lines[1].unit_price = Some(-1.0);
    let json = check_of(&lines).to_json();
    let check = json["results"].as_array().unwrap().iter().find(|c| c["name"] == "price_not_negative").unwrap();
    assert_eq!(check["element_count"], 400);
    assert_eq!(check["unexpected_count"], 1);
    assert_eq!(check["unexpected_percent"], 0.25);
    assert_eq!(check["partial_unexpected_list"][0]["unit_price"], -1.0);
    assert_eq!((&check["category"], &check["severity"], &check["success"]), (&4.into(), &"warn".into(), &false.into()));
    assert_eq!(json["success"], true);
    assert_eq!(
        json["statistics"]["evaluated_expectations"].as_u64().unwrap()
            + json["statistics"]["not_evaluated"].as_u64().unwrap(),
        catalogue::ALL.len() as u64
    );
}

/// A shop with a bit of everything, so that every query has something to say.
fn messy() -> Vec<Line> {
    let mut lines = shop();
    for (i, l) in lines.iter_mut().enumerate() {
        match i % 11 {
            1 => l.customer_id = None,
            2 => l.unit_price = Some(0.0),
            3 => l.quantity = Some(-2.0),
            4 => l.order_id = Some("10000".to_owned()),
            5 => l.description = Some("Bag, blue"),
            6 => l.order_id = Some(format!("C{i}")),
            7 => l.quantity = Some(1e5),
            8 => l.sku = Some("POST"),
            9 => *l = Line { line_no: i as i64 + 2, ..line(9) },
            _ => {}
        }
        if i % 2 == 1 {
            l.source = "later.csv";
        }
    }
    lines
}

#[test]
fn neither_threads_nor_batches_nor_the_order_of_rows_matter() {
    let lines = messy();
    let one = Table::write(&lines).validate(&rules(), 1, 8192);
    assert!(one.checks.iter().filter(|c| c.failed()).count() > 12);
    for (threads, batch_size, turn) in [(2, 8192, 0), (1, 7, 0), (2, 64, 123), (3, 3, 399)] {
        let mut turned = lines.clone();
        turned.rotate_left(turn);
        let other = Table::write(&turned).validate(&rules(), threads, batch_size);
        assert_eq!(one.to_json().to_string(), other.to_json().to_string(), "{threads} {batch_size} {turn}");
        assert_eq!(one.to_page(), other.to_page());
    }
    let mut reversed = lines.clone();
    reversed.reverse();
    let other = Table::write(&reversed).validate(&rules(), 2, 16);
    assert_eq!(one.to_json().to_string(), other.to_json().to_string());
}

/// The canonical table of Online Retail II; with `sheets`, its source names the original's two sheets.
fn online_retail(raw: &str, dir: &Path, sheets: bool) -> PathBuf {
    let engine = Engine::open(&EngineConfig::default()).unwrap();
    engine.register("raw", &Path::new(raw).join("online_retail_ii.parquet")).unwrap();
    // The first sheet of the original has 525,461 rows.
    let source = if sheets {
        "case when line_no <= 525461 then 'or#Year 2009-2010' else 'or#Year 2010-2011' end"
    } else {
        "'online_retail_ii.parquet'"
    };
    let sql = format!(
        r#"with numbered as (select *, row_number() over () as line_no from raw)
        select cast(cast("Customer ID" as bigint) as varchar) as customer_id, "Invoice" as order_id, "StockCode" as sku,
            "Description" as description, cast("Quantity" as double) as quantity, "Price" as unit_price,
            cast(null as double) as amount, cast("InvoiceDate" as timestamp(6)) as ordered_at,
            cast(null as timestamp(6)) as recorded_at, "Country" as country, cast(null as varchar) as currency,
            cast(null as double) as discount, cast(null as varchar) as category, cast(null as varchar) as channel,
            cast(null as varchar) as store, {source} as source, cast(line_no as bigint) as line_no
        from numbered order by line_no"#
    );
    let path = dir.join(format!("transactions_{sheets}.parquet"));
    assert_eq!(engine.write(&sql, &[], &path).unwrap(), 1_067_371);
    path
}

#[test]
fn online_retail_holds_what_is_known_to_be_there() {
    let Ok(raw) = std::env::var("TENURE_DATA") else {
        eprintln!("skipped: TENURE_DATA is not set");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let rules = Rules {
        cancellation_prefix: "C".to_owned(),
        non_product_codes: [
            "POST",
            "DOT",
            "D",
            "M",
            "C2",
            "BANK CHARGES",
            "AMAZONFEE",
            "CRUK",
            "ADJUST",
            "ADJUST2",
            "S",
            "B",
        ]
        .map(str::to_owned)
        .to_vec(),
        non_product_prefixes: vec!["gift_".to_owned(), "TEST".to_owned()],
        ..Rules::default()
    };
    let end = Instant::from_ymd(2011, 12, 10).unwrap();
    let mut pages = Vec::new();
    for (sheets, threads) in [(false, 1), (true, 1), (true, 2)] {
        let path = online_retail(&raw, dir.path(), sheets);
        let engine = Engine::open(&EngineConfig { threads, ..EngineConfig::default() }).unwrap();
        let inputs = Inputs { transactions: &path, unparsed: None, sources: &[], profiles: None, contract: None };
        let result = validate(&engine, &rules, end, &inputs).unwrap();
        let count = |name: &str| result.check(name).unwrap().unexpected_count;
        assert_eq!(result.rows, 1_067_371);
        assert!(result.passed);
        assert_eq!(count("customer_id_present"), Some(243_007));
        assert_eq!(count("description_present"), Some(4_382));
        assert_eq!(count("price_not_negative"), Some(5));
        assert_eq!(result.check("cancellation_is_negative").unwrap().element_count, Some(19_494));
        assert_eq!(count("cancellation_is_negative"), Some(1));
        let within = count("rows_unique_within_source").unwrap();
        if sheets {
            let across = count("rows_unique_across_sources").unwrap();
            assert_eq!((across, within + across), (22_523, 34_335));
        } else {
            assert_eq!(within, 34_335);
        }
        let truncated = result.check("last_month_whole").unwrap();
        assert!(truncated.sentence.starts_with("2011-12 ends on 2011-12-09"), "{}", truncated.sentence);
        assert!(count("product_codes_only").unwrap() > 0);
        pages.push(result.to_page());
    }
    assert_eq!(pages[1], pages[2], "the page depends on the number of threads");
}

#[test]
fn a_code_with_a_quote_stays_a_code() {
    let odd = Rules { non_product_codes: vec!["' or 1=1 --".to_owned()], ..rules() };
    let result = Table::write(&shop()).validate(&odd, 1, 8192);
    assert_eq!(result.check("product_codes_only").unwrap().unexpected_count, Some(0));
}

//! Little data, poor data: what can be said is said, what cannot is missing with a reason, and nothing panics.

use std::path::{Path, PathBuf};

use tenure_stages::config::{Cap, Config, RfmTies};
use tenure_stages::ctx::Stage;
use tenure_stages::summary::{Finding, Summary};
use tenure_stages::time::Instant;
use tenure_stages::world::{self, Params};
use tenure_stages::{artifact, features, pipeline, report};

use crate::support::{BASE, Csv, config, ctx, manifest, run, scores, select, temp};

fn missing<T: std::fmt::Debug>(finding: &Finding<T>) -> &str {
    match finding {
        Finding::Missing(reason) => reason,
        Finding::Measured(found) => panic!("{found:?}"),
    }
}

/// The table of scores has a row for everybody, with nothing in the columns that need a model.
fn no_churn_model(summary: &Summary, out: &Path) {
    let scores = scores(out);
    assert_eq!(scores.n_rows() as u64, summary.customers);
    assert!(scores.f64s("p_churn").unwrap().iter().all(|p| p.is_nan()), "p_churn must be null");
    assert!(
        scores.f64s("value_mean").unwrap().iter().all(|v| v.is_finite()),
        "the value falls back to a carry-forward"
    );
    let facts: report::Facts = manifest(out).stage(Stage::Report, out).unwrap();
    let reason = facts.missing.iter().find(|(column, _)| column == "p_churn").map(|(_, reason)| reason.as_str());
    assert!(reason.is_some_and(|reason| !reason.is_empty()), "{:?}", facts.missing);
}

#[test]
fn two_months_give_segments_and_a_plan_but_no_models() {
    let dir = temp();
    let params = Params { customers: 600, months: 2, ..Params::default() };
    let file = world::generate(&params).unwrap().export(&dir.path().join("world")).unwrap().transactions;
    let out = dir.path().join("out");
    let mut config = config();
    config.snapshots.as_of = None;
    config.report.figures = true;
    config.report.dpi = 50;
    let summary = run(&config, &file, &out);
    for reason in [missing(&summary.churn), missing(&summary.value)] {
        assert!(reason.contains("90 days") && !reason.ends_with('.'), "{reason}");
    }
    no_churn_model(&summary, &out);
    assert!(summary.segments.len() > 1, "{:?}", summary.segments);
    let plan = summary.plan.measured().unwrap();
    assert!(plan.offers.iter().map(|o| o.customers).sum::<u64>() > 0, "{plan:?}");
    assert!(plan.assumptions.iter().any(|a| a.contains("no churn model")), "{:?}", plan.assumptions);
    assert!(summary.warnings.iter().any(|w| w.contains("no churn model")), "{:?}", summary.warnings);
    assert!(out.join("figures/segment_distribution.svg").exists());
    assert!(!out.join("models/churn.json").exists() && !out.join("figures/roc_curve.svg").exists());
    // There is nothing to hold out, but histories there are.
    assert!(!out.join("figures/frequency_calibration.svg").exists());
}

#[test]
fn between_one_window_and_two_there_are_models_without_an_evaluation() {
    let dir = temp();
    let mut config = config();
    // From 2022-12-01: snapshots from January on, 90-day windows closed from January and February only.
    config.snapshots.as_of = Instant::parse("2023-06-01");
    let out = dir.path().join("out");
    let summary = run(&config, &BASE.file, &out);
    assert!(missing(&summary.churn).contains("two disjoint windows"), "{}", missing(&summary.churn));
    let p = scores(&out).f64s("p_churn").unwrap();
    assert!(p.iter().all(|p| (0.0..=1.0).contains(p)) && p.iter().any(|q| *q != p[0]));
    assert!(!out.join(artifact::CHURN_TEST).exists());
}

/// The world's sales as (customer, date, spend), one row an order.
fn order_log(dir: &Path, with_amount: bool) -> PathBuf {
    let file = Csv::read(&BASE.file);
    let (order, time, customer) = (file.column("Invoice"), file.column("InvoiceDate"), file.column("Customer ID"));
    let (quantity, price) = (file.column("Quantity"), file.column("Price"));
    let mut log = Csv {
        header: ["customer", "date", "amount"][..2 + usize::from(with_amount)]
            .iter()
            .map(|h| (*h).to_owned())
            .collect(),
        rows: Vec::new(),
    };
    let mut last = String::new();
    let mut spend = 0.0;
    for row in file.rows.iter().filter(|row| !row[order].starts_with(['C', 'A']) && !row[customer].is_empty()) {
        if row[order] != last {
            log.rows.push(vec![row[customer].clone(), row[time].clone()]);
            if with_amount {
                log.rows.last_mut().unwrap().push(String::new());
            }
            last.clone_from(&row[order]);
            spend = 0.0;
        }
        if with_amount {
            spend += row[quantity].parse::<f64>().unwrap() * row[price].parse::<f64>().unwrap();
            log.rows.last_mut().unwrap()[2] = format!("{spend:.2}");
        }
    }
    log.write(dir)
}

#[test]
fn an_order_log_is_a_full_citizen() {
    let dir = temp();
    let out = dir.path().join("out");
    let summary = run(&config(), &order_log(dir.path(), true), &out);
    let facts: features::Facts = manifest(&out).stage(Stage::Features, &out).unwrap();
    for feature in [
        "unique_products",
        "repeat_product_share",
        "product_entropy",
        "unit_price_avg",
        "low_price_share",
        "units_per_order",
    ] {
        assert!(facts.absent.iter().any(|a| a == feature), "{feature} needs a product: {:?}", facts.absent);
    }
    for feature in ["recency_days", "frequency", "monetary_total", "revenue_90d", "gap_mean_days"] {
        assert!(facts.features.iter().any(|f| f == feature), "{feature}");
    }
    assert!(summary.warnings.iter().any(|w| w.contains("unique_products")), "{:?}", summary.warnings);
    assert!(summary.churn.measured().unwrap().models[0].auc.value > 0.6);
    assert!(summary.value.measured().is_some() && summary.plan.measured().is_some());

    // The same customers as from the lines, and the same spend up to orders whose lines were returned or repeated.
    let (log, lines) = (scores(&out), scores(&BASE.out));
    assert_eq!(log.texts("customer_id").unwrap(), lines.texts("customer_id").unwrap());
    let total = |frame: &tenure_tables::frame::Frame| frame.f64s("monetary_total").unwrap().iter().sum::<f64>();
    assert!((total(&log) / total(&lines) - 1.0).abs() < 0.05, "{} and {}", total(&log), total(&lines));
}

#[test]
fn customer_and_date_alone_give_counts_but_no_money() {
    let dir = temp();
    let out = dir.path().join("out");
    let summary = run(&config(), &order_log(dir.path(), false), &out);
    assert!(summary.churn.measured().is_some(), "{:?}", summary.churn);
    assert!(summary.warnings.iter().any(|w| w.contains("no money")), "{:?}", summary.warnings);
    assert!(missing(&summary.value).contains("no money"), "{:?}", summary.value);
    let facts: features::Facts = manifest(&out).stage(Stage::Features, &out).unwrap();
    for feature in ["monetary_total", "revenue_90d", "units_per_order", "lines_per_order", "unique_products"] {
        assert!(facts.absent.iter().any(|a| a == feature), "{feature}: {:?}", facts.absent);
    }
    let scores = scores(&out);
    for column in ["monetary_total", "value_mean"] {
        assert!(scores.f64s(column).unwrap().iter().all(|m| m.is_nan()), "{column} must be null, not 0");
    }
    assert!(scores.f64s("frequency").unwrap().iter().sum::<f64>() > 1_000.0);
    assert_eq!(summary.plan.measured().unwrap().spend, 0.0, "nothing is worth nothing");
}

fn write(dir: &Path, rows: &[[String; 3]]) -> PathBuf {
    let header = ["customer_id", "ordered_at", "amount"].map(str::to_owned).to_vec();
    Csv { header, rows: rows.iter().map(|row| row.to_vec()).collect() }.write(dir)
}

fn without_as_of() -> Config {
    let mut config = config();
    config.snapshots.as_of = None;
    config
}

#[test]
fn one_customer_has_a_segment_and_a_score() {
    let dir = temp();
    for (orders, ties) in [(1, RfmTies::Share), (2, RfmTies::Share), (40, RfmTies::Share), (2, RfmTies::First)] {
        let rows: Vec<[String; 3]> = (0..orders)
            .map(|i| {
                let day = Instant::parse("2022-01-05").unwrap().plus_days(i * 11);
                ["0007".to_owned(), day.to_string(), "12.50".to_owned()]
            })
            .collect();
        let out = dir.path().join(format!("out-{orders}-{}", ties.word()));
        let mut config = without_as_of();
        config.segments.rfm_ties = ties;
        let summary = run(&config, &write(dir.path(), &rows), &out);
        assert_eq!((summary.customers, summary.segments.len()), (1, 1));
        missing(&summary.churn);
        missing(&summary.value);
        no_churn_model(&summary, &out);
        let scores = scores(&out);
        assert_eq!(scores.texts("customer_id").unwrap(), ["0007"], "an id is text");
        assert_eq!(scores.f64s("monetary_total").unwrap(), [12.5 * orders as f64]);
        assert!(scores.opt_texts("cluster").unwrap()[0].is_none());
    }
}

#[test]
fn where_everybody_stays_there_is_no_churn_model() {
    let dir = temp();
    let mut rows = Vec::new();
    for customer in 0..150 {
        for month in 0..14 {
            let day =
                Instant::parse("2022-01-01").unwrap().plus_months(month).plus_days((customer * 7 + month * 3) % 28);
            rows.push([format!("c{customer}"), day.to_string(), format!("{}.00", 10 + customer % 40)]);
        }
    }
    let out = dir.path().join("out");
    let mut config = without_as_of();
    config.snapshots.as_of = Instant::parse("2023-03-01");
    let summary = run(&config, &write(dir.path(), &rows), &out);
    assert_eq!(summary.customers, 150);
    assert!(missing(&summary.churn).contains("of both kinds"), "{}", missing(&summary.churn));
    no_churn_model(&summary, &out);
    assert!(summary.plan.measured().is_some());
}

#[test]
fn without_money_there_is_no_offer_and_the_plan_says_so() {
    let dir = temp();
    let out = dir.path().join("out");
    crate::support::copy(&BASE.out, &out);
    let mut broke = config();
    broke.constraints.budget = Some(0.0);
    for stage in [Stage::Allocate, Stage::Report] {
        pipeline::run_stage(&ctx(2), &broke, stage, &[], &out).unwrap();
    }
    let scores = scores(&out);
    assert!(scores.texts("offer").unwrap().iter().all(|offer| offer == "None"));
    assert!(scores.f64s("offer_expected_value").unwrap().iter().all(|net| *net == 0.0));
    let contacts = Csv::read(&out.join(artifact::EXECUTION_PLAN));
    assert_eq!(contacts.rows.len(), 0);
    let warnings = manifest(&out).warnings.get("allocate").cloned().unwrap_or_default();
    assert!(warnings.iter().any(|w| w.contains("no offer")), "{warnings:?}");
}

#[test]
fn a_last_day_that_stands_alone_is_no_crash_and_is_told() {
    let dir = temp();
    let mut rows = Vec::new();
    for customer in 0..150 {
        for month in (0..14).filter(|month| (month + customer) % (1 + customer % 4) == 0) {
            let day =
                Instant::parse("2022-01-01").unwrap().plus_months(month).plus_days((customer * 7 + month * 3) % 28);
            rows.push([format!("c{customer}"), day.to_string(), format!("{}.00", 10 + customer % 40)]);
        }
    }
    // Half a year of silence, and then one line: a typing error, or a shop that was closed.
    rows.push(["c1".to_owned(), "2023-09-15".to_owned(), "12.00".to_owned()]);
    let out = dir.path().join("out");
    let file = write(dir.path(), &rows);
    let summary = run(&without_as_of(), &file, &out);
    assert!(summary.warnings.iter().any(|w| w.contains("is its date right?")), "{:?}", summary.warnings);
    assert!(missing(&summary.churn).contains("of both kinds"), "{}", missing(&summary.churn));
    missing(&summary.value);
    let mut far = without_as_of();
    far.snapshots.as_of = Instant::parse("2030-01-01");
    let error = pipeline::run(&ctx(2), &far, &[file], &dir.path().join("far")).unwrap_err();
    assert!(error.to_string().contains("days before it") && error.hint().is_some(), "{error}");
}

#[test]
fn flags_of_one_plan_do_not_stick_to_the_next() {
    let dir = temp();
    let out = dir.path().join("out");
    crate::support::copy(&BASE.out, &out);
    let plan = |config: &Config| pipeline::run_stage(&ctx(2), config, Stage::Allocate, &[], &out).unwrap().facts;
    let saved = || Config::saved_in(&out).unwrap().unwrap();
    let first = plan(&saved());
    let mut capped = saved();
    capped.constraints.method = tenure_stages::config::Method::Greedy;
    capped.constraints.caps.insert("Premium".to_owned(), Cap::Share(0.0));
    let second = plan(&capped);
    assert!(second["method"] == "greedy" && second["caps"]["Premium"] == 0, "{second}");
    assert_eq!(plan(&saved()), first);
    // What an offer that is not chosen would bring is never less than its cost, which a mark for "no option" once was.
    let runner_up = select(&out.join(artifact::ALLOCATION), "select min(runner_up_net) as worst from t");
    assert!(runner_up.f64s("worst").unwrap()[0] >= -10.0, "{:?}", runner_up.f64s("worst"));
}

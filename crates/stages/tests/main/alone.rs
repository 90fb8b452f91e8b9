//! Buy till you die on one file: customers simulated with known parameters, and the same customers as an order log.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use tenure_math::btyd::{Process, simulate};
use tenure_stages::config::Config;
use tenure_stages::pipeline;
use tenure_stages::time::Instant;
use tenure_stages::value::alone::{Answer, Model, Options, Question, Source};

use crate::support::{ctx, temp};

fn ask(word: &str, unit: Option<&str>, file: &Path, to: &Path) -> Answer {
    let options = Options { unit: unit.map(str::to_owned), ..Options::default() };
    let question = Question::new(Model::of(word).unwrap(), &options).unwrap();
    pipeline::alone(&ctx(2), &Config::default(), &question, file, to).unwrap()
}

/// The cells of a CSV file of ours by rows, header first.
fn cells(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn simulated_customers_give_their_parameters_back_in_any_unit() {
    let dir = temp();
    let truth = [0.8, 6.0, 1.0, 3.0];
    let process = Process::new(tenure_math::btyd::Model::BgNbd, &truth).unwrap();
    let observed: Vec<f64> = (0..8000).map(|i| 52.0 + f64::from(i % 26)).collect();
    let customers = simulate::simulate(&process, &observed, 26.0, 7).unwrap();
    let (mut weeks, mut days) = ("frequency,recency,T\n".to_owned(), "ID;x;t_x;T\n".to_owned());
    for (i, customer) in customers.iter().enumerate() {
        let seen = customer.seen;
        let _ = writeln!(weeks, "{}.0,{},{}", seen.repeats, seen.last, seen.observed);
        let _ = writeln!(days, "c{i};{};{};{}", seen.repeats, seen.last * 7.0, seen.observed * 7.0);
    }
    let (weekly, daily) = (dir.path().join("weekly.csv"), dir.path().join("daily.csv"));
    fs::write(&weekly, weeks).unwrap();
    fs::write(&daily, days).unwrap();

    let (to_weekly, to_daily) = (dir.path().join("w.csv"), dir.path().join("d.csv"));
    let by_week = ask("bg-nbd", Some("week"), &weekly, &to_weekly);
    for (estimate, truth) in by_week.parameters.iter().zip(truth) {
        let error = estimate.standard_error.unwrap();
        assert!((estimate.value - truth).abs() < 4.0 * error, "{estimate:?}, in truth {truth}");
    }
    assert!(by_week.dropout.as_ref().unwrap().identified);
    assert!(by_week.spend.is_none() && by_week.clv.is_none());
    // What was foretold for the 26 weeks after: 182 days.
    let options = Options { unit: Some("week".to_owned()), days: Some(182.0), ..Options::default() };
    let question = Question::new(Model::of("bg_nbd").unwrap(), &options).unwrap();
    let ahead = pipeline::alone(&ctx(1), &Config::default(), &question, &weekly, &to_weekly).unwrap();
    let came: f64 = customers.iter().map(|customer| f64::from(customer.future)).sum();
    let expected = ahead.expected_purchases.unwrap();
    assert!((expected / came - 1.0).abs() < 0.06, "{expected} expected, {came} came");

    // Days and semicolons: the same shop.
    let by_day = ask("bg-nbd", Some("day"), &daily, &to_daily);
    for (day, (week, scale)) in by_day.parameters.iter().zip(by_week.parameters.iter().zip([1.0, 7.0, 1.0, 1.0])) {
        assert!((day.value / (week.value * scale) - 1.0).abs() < 1e-5, "{day:?}, {week:?}");
    }
    let (w, d) = (by_week.expected_purchases.unwrap(), by_day.expected_purchases.unwrap());
    assert!((w / d - 1.0).abs() < 1e-6, "{w} and {d}");

    // Without a unit the same fit and the same P(alive), and nothing of the future.
    let unsaid = ask("bg-nbd", None, &weekly, &to_daily);
    assert_eq!(unsaid.parameters, by_week.parameters);
    assert_eq!((unsaid.unit, unsaid.expected_purchases), (None, None));
    assert!(unsaid.notes.iter().any(|note| note.contains("--unit")), "{:?}", unsaid.notes);
    let (with, without) = (cells(&to_weekly), cells(&to_daily));
    assert_eq!(with[0], ["customer_id", "frequency", "recency", "T", "p_alive", "expected_purchases", "p_no_purchase"]);
    assert_eq!((with.len(), with[1][0].as_str()), (8001, "1"));
    assert_eq!(with[17][4], without[17][4]);
    assert_eq!((without[17][5].as_str(), without[17][6].as_str()), ("", ""));
}

#[test]
fn an_order_log_is_brought_to_purchase_days() {
    let dir = temp();
    let file = dir.path().join("orders.csv");
    let mut log = "order_id,customer_id,date,quantity,price\n".to_owned();
    let mut order = 0;
    let mut line = |customer: usize, day: i64, cents: i64| {
        order += 1;
        let date = Instant::from_ymd(2024, 1, 1).unwrap().plus_days(day).to_string();
        let date = &date[..10];
        let _ = writeln!(log, "{order},k{customer},{date},1,{}.{:02}", cents / 100, cents % 100);
    };
    // Customer c comes every 7 + c days up to day 280; the last line of all is on day 280.
    for customer in 0..40 {
        let gap = 7 + customer as i64;
        (0..).map(|k| k * gap).take_while(|day| *day <= 280).for_each(|day| {
            line(customer, day, 1000 + 25 * customer as i64 + day);
            // Twice on a day is once.
            line(customer, day, 500);
        });
    }
    fs::write(&file, log).unwrap();
    let to = dir.path().join("out.csv");
    let answer = ask("nbd", Some("day"), &file, &to);
    assert_eq!((answer.source, answer.unit, answer.customers), (Source::OrderLog, Some("day"), 40));
    assert_eq!(answer.observed_until.unwrap().to_string().get(..10), Some("2024-10-07"));
    let rows = cells(&to);
    for (customer, row) in (0..40).map(|c| (c, rows.iter().find(|row| row[0] == format!("k{c}")).unwrap())) {
        let repeats = 280 / (7 + customer);
        assert_eq!(row[1], repeats.to_string(), "{customer}");
        assert_eq!((row[2].clone(), row[3].as_str()), ((repeats * (7 + customer)).to_string(), "280"), "{customer}");
        let spend: i64 = (1..=repeats).map(|k| 1500 + 25 * customer + k * (7 + customer)).sum();
        let mean = spend as f64 / 100.0 / repeats as f64;
        assert!((row[4].parse::<f64>().unwrap() - mean).abs() < 1e-9, "{customer}: {} for {mean}", row[4]);
        assert_eq!(row[5], "", "the NBD calls nobody alive or gone");
    }
    // Nothing is left but the predictions.
    let mut left: Vec<String> =
        fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    left.sort();
    assert_eq!(left, ["orders.csv", "out.csv"]);
    let weekly = ask("nbd", None, &file, &to);
    assert_eq!(weekly.unit, Some("week"));
    let (w, d) = (weekly.expected_purchases.unwrap(), answer.expected_purchases.unwrap());
    assert!((w / d - 1.0).abs() < 1e-6, "{w} and {d}");
}

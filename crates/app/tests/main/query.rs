//! Questions to a finished run: its tables in SQL, read-only, and its features described.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{json, left_early, refused, shop, tenure, text};

/// A folder with a run in `one`.
fn run() -> TempDir {
    let dir = TempDir::new().unwrap();
    shop(dir.path(), "shop.csv", 300, 20);
    json(dir.path(), &["run", "shop.csv", "--out", "one", "--budget", "300"]);
    dir
}

fn ask(dir: &Path, query: &str, format: &str) -> String {
    let output = tenure(dir, &["sql", query, "--out", "one", "--format", format]);
    assert_eq!(output.status.code(), Some(0), "{query}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Every file below a folder with its content.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.to_string_lossy().into_owned(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_finished_run_answers_questions_and_stays_as_it_is() {
    let dir = run();
    let dir = dir.path();
    let before = files(dir);

    // The list, in three forms; the counts are those of the run.
    let listed = json(dir, &["sql", "--out", "one"]);
    let table = |name: &str| listed.as_array().unwrap().iter().find(|t| t["name"] == name).unwrap().clone();
    let manifest: Value = serde_json::from_slice(&fs::read(dir.join("one/manifest.json")).unwrap()).unwrap();
    assert_eq!(table("features")["rows"], manifest["stages"]["features"]["rows"]);
    assert_eq!(table("labels")["rows"], manifest["stages"]["features"]["label_rows"]);
    for name in ["transactions", "unparsed", "cleaned", "quarantine", "outliers", "order_events", "label_windows"] {
        assert!(table(name)["meaning"].as_str().unwrap().starts_with("One row per "), "{name}");
    }
    for name in ["snapshots", "segment_assignments", "churn_scores", "value_scores", "customer_scores", "plan"] {
        assert!(table(name)["rows"].as_u64().unwrap() > 0 && table(name)["up_to_date"] == true, "{name}");
    }
    let has_as_of = |name: &str| table(name)["columns"].as_array().unwrap().iter().any(|c| c["name"] == "as_of");
    assert!(has_as_of("features") && has_as_of("labels"));
    let page = text(&tenure(dir, &["sql", "--out", "one"]).stdout);
    assert!(page.lines().all(|line| line.chars().count() <= 100) && page.contains("outputs/customer_scores.parquet"));

    // A question whose answer is known otherwise, in every form.
    let count = "select count(*) as n, min(as_of) as first, null as nothing, 0.5 as half, 'a|b' as word from snapshots";
    let snapshots = manifest["stages"]["features"]["snapshots"].as_array().unwrap();
    let answer: Value = serde_json::from_str(&ask(dir, count, "json")).unwrap();
    let row = &answer[0];
    assert_eq!((row["n"].as_u64(), &row["first"]), (Some(snapshots.len() as u64), &snapshots[0]));
    assert!(row["nothing"].is_null() && row["half"].as_f64() == Some(0.5), "{row}");
    let (n, first) = (snapshots.len(), snapshots[0].as_str().unwrap());
    assert_eq!(ask(dir, count, "csv"), format!("n,first,nothing,half,word\n{n},{first},,0.5,a|b\n"));
    let page = ask(dir, count, "markdown");
    assert!(page.contains("| ---: | --- | --- | ---: | --- |\n"), "{page}");
    assert!(page.ends_with(&format!("| {n} | {first} | NULL | 0.5 | a\\|b |\n")), "{page}");
    assert!(ask(dir, count, "table").contains("NULL"));

    // Joins over tables, CSV outputs among them; ids keep their zeros; instants are ISO 8601.
    let joined = "select p.customer_id, c.segment from plan p join customer_scores c using (customer_id)
                  join campaign_execution_plan e using (customer_id) order by customer_id limit 1";
    assert!(ask(dir, joined, "csv").lines().nth(1).unwrap().starts_with("00"), "{}", ask(dir, joined, "csv"));
    let first = ask(dir, "select min(ordered_at) as t from transactions", "csv");
    assert!(first.lines().nth(1).unwrap().starts_with("2010-01-01T"), "{first}");
    assert_eq!(ask(dir, "select 1 as n where false", "json"), "[]\n");
    assert_eq!(ask(dir, "select 1 as n where false", "csv"), "n\n");
    assert!(ask(dir, "describe features", "csv").contains("recency_days"));

    // The first rows for people, all of them for programs.
    let output = tenure(dir, &["sql", "select customer_id from features", "--out", "one"]);
    assert_eq!(text(&output.stdout).lines().count(), 102, "a heading, a rule, 100 rows");
    assert!(text(&output.stderr).starts_with("100 of ") && text(&output.stderr).contains("--format csv"));
    let all = ask(dir, "select customer_id from features", "csv");
    assert_eq!(all.lines().count() as u64, 1 + table("features")["rows"].as_u64().unwrap());
    let wide = ask(dir, "select * from features where customer_id = '001' order by as_of limit 2", "table");
    assert!(wide.starts_with("row 1\n") && wide.contains("\n  as_of ") && wide.contains("row 2\n"), "{wide}");
    assert!(wide.lines().all(|line| line.chars().count() <= 100), "{wide}");

    assert_eq!(before, files(dir), "nothing was written");
}

#[test]
fn a_query_that_would_do_more_than_read_is_refused() {
    let dir = run();
    let dir = dir.path();
    let before = files(dir);
    for (query, word) in [
        ("create table t as select * from plan", "CREATE"),
        ("create view v as select 1", "CREATE"),
        ("create external table t stored as csv location 'shop.csv'", "CREATE"),
        ("drop table plan", "DROP"),
        ("insert into plan select * from plan", "INSERT"),
        ("update plan set offer = 'x'", "UPDATE"),
        ("delete from plan", "DELETE"),
        ("copy plan to 'stolen.csv'", "COPY"),
        ("explain copy plan to 'stolen.csv'", "EXPLAIN"),
        ("explain analyze insert into plan select * from plan", "EXPLAIN"),
        ("set datafusion.execution.batch_size = 1", "SET"),
        ("reset datafusion.execution.batch_size", "RESET"),
        ("prepare p as select 1", "PREPARE"),
        ("begin transaction", "BEGIN"),
        ("\n-- a note\ntruncate table plan", "TRUNCATE"),
    ] {
        let error = refused(dir, &["sql", query, "--out", "one"]);
        assert!(error.starts_with(&format!("{word} is refused: a run is only read here\n")), "{query}: {error}");
        assert!(error.contains("fix: ask with select"), "{error}");
    }
    // Other files are no tables, two statements no query.
    for query in ["select * from 'shop.csv'", "select * from \"shop.csv\"", "select * from \"one/manifest.json\""] {
        let error = refused(dir, &["sql", query, "--out", "one"]);
        assert!(error.starts_with("there is no table "), "{query}: {error}");
    }
    refused(dir, &["sql", "select 1; drop table plan", "--out", "one"]);
    assert_eq!(before, files(dir), "nothing was written");
}

#[test]
fn a_query_that_cannot_be_answered_says_why() {
    let dir = run();
    let dir = dir.path();
    for (query, says) in [
        ("select recency_dys from features", "there is no column recency_dys in what the query reads\n"),
        ("select recency_dys from features", "fix: did you mean recency_days?"),
        ("select f.recency_dys from features f", "fix: did you mean recency_days?"),
        ("select * from feature", "there is no table feature\n  fix: did you mean features?"),
        ("select * from nowhere", "there is no table nowhere\n  fix: `tenure sql` without a query lists the tables"),
        ("select 1; select 2", "it holds more than one statement\n"),
        ("selct 1", "the query cannot be answered: Expected"),
        ("", "the query cannot be answered: it is empty\n"),
        ("select 1 +", "the query cannot be answered: "),
        ("select customer_id + 1 from features group by as_of", "the query cannot be answered: "),
        ("select cast(segment as int) from customer_scores", "the query cannot be answered: "),
        ("select 1 / 0", "the query cannot be answered: it divides by zero\n"),
        ("select no_such_function(1)", "the query cannot be answered: "),
    ] {
        let error = refused(dir, &["sql", query, "--out", "one"]);
        assert!(error.contains(says), "{query}: {error}");
        assert!(!error.contains("fault of tenure") && !error.contains("report"), "{query}: {error}");
        assert!(error.lines().count() <= 3, "{query}: {error}");
    }
    assert!(refused(dir, &["sql", "select 1", "--out", "nothing"]).contains("there is no run in nothing"));

    // A stage that ran again leaves later tables behind, and one that never ran has none.
    json(dir, &["clean", "--fresh", "--out", "one"]);
    let output = tenure(dir, &["sql", "select count(*) as n from plan", "--out", "one"]);
    assert!(text(&output.stderr).contains("plan is out of date") && text(&output.stderr).contains("tenure allocate"));
    assert_eq!(json(dir, &["sql", "--out", "one"])[0]["up_to_date"], true);
    json(dir, &["ingest", "shop.csv", "--out", "two"]);
    let error = refused(dir, &["sql", "select * from churn_scores", "--out", "two"]);
    assert!(error.contains("there is no table churn_scores") && error.contains("run `tenure churn`"), "{error}");
}

#[test]
fn a_reader_of_an_answer_may_leave_early() {
    let dir = run();
    let endless = "select a.* from features a cross join snapshots b";
    let (code, stderr) = left_early(dir.path(), &["sql", endless, "--out", "one", "--format", "csv"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
}

#[test]
fn features_are_described_without_being_computed() {
    let dir = run();
    let dir = dir.path();
    let before = files(dir);
    let found = json(dir, &["features", "--out", "one", "--describe"]);
    let feature = |name: &str| {
        let features = found["features"].as_array().unwrap();
        features.iter().find(|f| f["name"] == name).unwrap_or_else(|| panic!("{name}")).clone()
    };
    // The engine, asked directly, says the same.
    let latest =
        "select count(*) as n, min(recency_days) as least, median(recency_days) as middle, max(recency_days) as most
                  from features where as_of = (select max(as_of) from features)";
    let row: Value = serde_json::from_str(&ask(dir, latest, "json")).unwrap();
    let near = |a: &Value, b: &Value| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-9;
    assert_eq!(found["customers"], row[0]["n"]);
    let spread = &feature("recency_days")["spread"];
    assert!(near(&spread["min"], &row[0]["least"]) && near(&spread["max"], &row[0]["most"]), "{spread}");
    assert!(near(&spread["median"], &row[0]["middle"]), "{spread} {row}");
    assert_eq!(feature("recency_days")["coverage"], 1.0);
    assert!(feature("gap_mean_days")["coverage_least"].as_f64().unwrap() < 1.0);
    let largest = &feature("tenure_days")["drift_largest"];
    assert!(largest["psi"].as_f64() >= feature("tenure_days")["drift_latest"]["psi"].as_f64(), "{largest}");

    let output = tenure(dir, &["features", "--out", "one", "--describe"]);
    let page = text(&output.stdout);
    assert!(page.lines().all(|line| line.chars().count() <= 100), "{page}");
    assert!(page.contains("PSI above 0.2") && page.contains("recency_days"), "{page}");
    let csv = text(&tenure(dir, &["features", "--out", "one", "--describe", "--format", "csv"]).stdout);
    let widths: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
    assert!(widths.iter().all(|width| *width == widths[0]) && widths.len() > 40, "{csv}");
    assert_eq!(before, files(dir), "nothing was written");

    // What the source cannot support is absent, and says which column would do.
    fs::write(dir.join("log.csv"), "customer_id,ordered_at\n1,2010-01-05\n2,2010-02-05\n1,2010-05-06\n2,2010-06-01\n")
        .unwrap();
    json(dir, &["ingest", "log.csv", "--out", "log"]);
    json(dir, &["clean", "--out", "log"]);
    json(dir, &["features", "--out", "log"]);
    let found = json(dir, &["features", "--out", "log", "--describe"]);
    let absent = found["absent"].as_array().unwrap();
    assert!(absent.iter().any(|a| a["name"] == "monetary_total" && a["needs"] == "amount"), "{found}");
    let page = text(&tenure(dir, &["features", "--out", "log", "--describe"]).stdout);
    assert!(page.contains("absent: monetary_total") && page.contains("column amount"), "{page}");
    let error = refused(dir, &["features", "--out", "nothing", "--describe"]);
    assert!(error.contains("there is no run in nothing"), "{error}");
}

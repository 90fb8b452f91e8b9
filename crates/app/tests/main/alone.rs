//! `tenure value FILE --model bg-nbd` as a user meets it: published numbers, and every refusal.

#![allow(clippy::print_stderr, clippy::unwrap_used, clippy::disallowed_methods)]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{json, refused, shop, tenure, text};

/// A file of the data folder, or `None`, said aloud; on CI it must be there.
fn real(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("TENURE_DATA").filter(|folder| !folder.is_empty()) else {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "on CI TENURE_DATA must be set");
        eprintln!("skipped: TENURE_DATA is not set, so {name} was not read");
        return None;
    };
    let path = PathBuf::from(folder).join(name);
    assert!(path.exists(), "TENURE_DATA is set, but {} is not there", path.display());
    Some(path)
}

fn near(found: &Value, expected: f64, within: f64) {
    let number = found.as_f64().unwrap_or_else(|| panic!("{found} for {expected}"));
    assert!((number - expected).abs() <= within, "{number} for {expected}");
}

/// Fader, Hardie and Lee (2005) print .243, 4.414, .793, 2.426 and -9582.4; the further digits are those of lifetimes.
#[test]
fn cdnow_is_as_published() {
    let Some(file) = real("cdnow_customers_summary_with_transactions.csv") else { return };
    let dir = TempDir::new().unwrap();
    let answer = json(dir.path(), &["value", "--model", "bg-nbd", file.to_str().unwrap(), "--unit", "week"]);
    assert_eq!((&answer["customers"], &answer["repeat_purchases"]), (&2357.into(), &2457.into()));
    for (at, value) in [0.2426, 4.4135, 0.7929, 2.4258].into_iter().enumerate() {
        near(&answer["parameters"][at]["value"], value, 5e-4);
        assert!(answer["parameters"][at]["standard_error"].as_f64().unwrap() > 0.0);
    }
    near(&answer["log_likelihood"], -9582.4256, 5e-4);
    near(&answer["nbd"]["log_likelihood"], -9763.6602, 5e-3);
    assert_eq!(answer["dropout"]["identified"], true);
    // Fader and Hardie's note on the Gamma-Gamma: 6.25, 3.74, 15.44.
    for (at, (value, within)) in [(6.25, 0.01), (3.74, 0.01), (15.44, 0.02)].into_iter().enumerate() {
        near(&answer["spend"]["parameters"][at]["value"], value, within);
    }
    assert_eq!(answer["to"], "cdnow_customers_summary_with_transactions_bg_nbd.csv");
    let predictions = fs::read_to_string(dir.path().join(answer["to"].as_str().unwrap())).unwrap();
    assert_eq!(predictions.lines().count(), 2358);
    let sum: f64 =
        predictions.lines().skip(1).map(|row| row.split(',').next_back().unwrap().parse::<f64>().unwrap()).sum();
    near(&answer["clv"]["total"], sum, 1e-6 * sum);
    let page = text(&tenure(dir.path(), &["value", "--model", "bg-nbd", file.to_str().unwrap()]).stdout);
    for words in ["-9,582.4256", "0.2426", "Leaving is identified", "say --unit day"] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

/// Fader, Hardie and Shang (2010): 1.204, .750, .657, 2.783, -33225.6; lifetimes' file.
#[test]
fn donations_are_as_published() {
    let Some(file) = real("donations.csv") else { return };
    let dir = TempDir::new().unwrap();
    let to = ["--to", "donors.parquet"];
    let answer = json(dir.path(), &[&["value", "--model", "bg-bb", file.to_str().unwrap()], &to[..]].concat());
    assert_eq!(answer["customers"], 11_104);
    for (at, value) in [1.2035, 0.7497, 0.6567, 2.7834].into_iter().enumerate() {
        near(&answer["parameters"][at]["value"], value, 2e-4);
    }
    near(&answer["log_likelihood"], -33_225.581_3, 1e-3);
    near(&answer["expected_purchases"], 12_884.2, 0.1);
    assert!(dir.path().join("donors.parquet").is_file());
}

#[test]
fn online_retail_knows_of_no_leaving() {
    let Some(file) = real("online_retail.parquet") else { return };
    let dir = TempDir::new().unwrap();
    let answer = json(dir.path(), &["value", "--model", "bg-nbd", file.to_str().unwrap(), "--to", "p.csv"]);
    assert_eq!((&answer["source"], &answer["unit"]), (&"order_log".into(), &"week".into()));
    assert_eq!(answer["dropout"]["identified"], false);
    assert!(answer["nbd"]["gain"].as_f64().unwrap() < 0.5, "{}", answer["nbd"]);
    let predictions = fs::read_to_string(dir.path().join("p.csv")).unwrap();
    let column = predictions.lines().next().unwrap().split(',').position(|name| name == "p_alive").unwrap();
    assert!(predictions.lines().skip(1).all(|row| row.split(',').nth(column) == Some("")));
}

#[test]
fn an_order_log_needs_no_run() {
    let dir = TempDir::new().unwrap();
    shop(dir.path(), "sales.csv", 60, 14);
    let args = ["value", "--model", "mbg-nbd", "sales.csv", "--days", "90", "--discount", "0"];
    let answer = json(dir.path(), &args);
    assert_eq!((&answer["customers"], &answer["horizon_days"]), (&60.into(), &90.0.into()));
    assert_eq!(answer["clv"]["discount_per_year"], 0.0);
    let page = text(&tenure(dir.path(), &args).stdout);
    assert!(page.contains("an order log up to 2011-0") && page.contains("within 90 days"), "{page}");
    let csv = text(&tenure(dir.path(), &[&args[..], &["--format", "csv"]].concat()).stdout);
    assert!(csv.starts_with("name,value\n") && csv.contains("\ntop.9.customer_id,"), "{csv}");
    assert!(!dir.path().join("tenure-out").exists());
}

/// Orders of nothing but amounts of 0 are no purchases, aloud; without amounts they count.
#[test]
fn orders_of_nothing_are_counted_aloud() {
    let dir = TempDir::new().unwrap();
    shop(dir.path(), "sales.csv", 40, 12);
    let args = ["value", "--model", "nbd", "sales.csv"];
    let before = json(dir.path(), &args);
    assert!(!before["notes"].to_string().contains("amount is 0"), "{}", before["notes"]);
    let sales = fs::read_to_string(dir.path().join("sales.csv")).unwrap();
    let free = "9001,001,S001,1,0.00,2010-12-30 10:30:00\n9002,002,S001,1,0.00,2010-12-31 10:30:00\n";
    fs::write(dir.path().join("sales.csv"), sales + free).unwrap();
    let after = json(dir.path(), &args);
    assert_eq!(after["repeat_purchases"], before["repeat_purchases"]);
    let notes = after["notes"].to_string();
    assert!(notes.contains("2 orders whose amount is 0 are no purchases here; to count them"), "{notes}");
    let predictions = fs::read_to_string(dir.path().join(after["to"].as_str().unwrap())).unwrap();
    assert!(predictions.lines().next().unwrap().contains(",spend_per_purchase,clv"), "{predictions}");
}

#[test]
fn what_cannot_be_is_refused_with_row_and_column() {
    let dir = TempDir::new().unwrap();
    let value = |name: &str, table: &str, model: &str| {
        fs::write(dir.path().join(name), table).unwrap();
        let error = refused(dir.path(), &["value", "--model", model, name]);
        assert!(!written(dir.path()), "{error}");
        error
    };
    let good = "2,3.5,9\n0,0,9\n";
    for (row, says, place) in [
        ("-1,0,9", "frequency in row 3 of t.csv is -1, below 0", "row 3, column frequency"),
        ("1.5,2,9", "frequency in row 3 of t.csv is 1.5, which is no count", "column frequency"),
        ("two,2,9", "frequency in row 3 of t.csv is 'two', which is no number", "column frequency"),
        ("1,10,9", "recency in row 3 of t.csv is 10, later than T 9", "row 3, column recency"),
        ("0,2,9", "recency in row 3 of t.csv is 2, but frequency is 0", "column recency"),
        ("2,0,9", "recency in row 3 of t.csv is 0, but frequency is 2", "column recency"),
        ("1,2,long", "T in row 3 of t.csv is 'long', which is no number", "row 3, column T"),
        ("1,2,inf", "T in row 3 of t.csv is 'inf', which is no number", "column T"),
        ("1,2,", "T in row 3 of t.csv is empty", "column T"),
        ("1,2", "row 3 of t.csv has 2 cells, and the header has 3", "t.csv, row 3"),
    ] {
        let error = value("t.csv", &format!("frequency,recency,T\n{good}{row}\n"), "bg-nbd");
        assert!(error.contains(says) && error.contains(place), "{row}: {error}");
    }
    let error = value("t.csv", "x,t_x,T,zbar\n1,2,9,-5\n", "bg-nbd");
    assert!(error.contains("zbar in row 1 of t.csv is -5, below 0"), "{error}");
    let error = value("t.csv", "customer_id,x,t_x,T\na,1,2,9\na,1,2,9\n", "bg-nbd");
    assert!(error.contains("customer_id in row 2 of t.csv is 'a' again, as in row 1"), "{error}");
    let error = value("t.csv", "frequency,recency\n1,2\n", "bg-nbd");
    assert!(error.contains("no column T") && error.contains("it has frequency, recency"), "{error}");
    let error = value("t.csv", "frequency,recency,periods\n1,2,6\n", "pareto-nbd");
    assert!(error.contains("no column T") && error.contains("--model bg-bb"), "{error}");
    let error = value("t.csv", "frequency,recency,T\n1,2,6\n", "bg-bb");
    assert!(error.contains("no column periods") && error.contains("--model bg-nbd"), "{error}");
    let error = value("t.csv", "frequency,recency,T,weights\n1,2,6,3\n", "bg-nbd");
    assert!(error.contains("counts customers in column weights"), "{error}");
    let error = value("t.csv", "frequency,recency,T\n", "bg-nbd");
    assert!(error.contains("t.csv has no rows"), "{error}");
    let error = value("t.csv", "frequency,recency,T\n0,0,9\n0,0,8\n", "bg-nbd");
    assert!(error.contains("nobody bought a second time"), "{error}");
    let error = value("t.csv", "frequency,recency,T\n1,2,9\n3,8,9\n", "bg-nbd");
    assert!(error.contains("BG/NBD cannot be fitted to t.csv") && error.contains("10"), "{error}");
    for (row, says) in [
        ("3,2,6,1", "frequency in row 1 of t.csv is 3, more than the 2 occasions"),
        ("1,7,6,1", "recency in row 1 of t.csv is 7, later than the last of 6 occasions"),
        ("0,2,6,1", "recency in row 1 of t.csv is 2, but frequency is 0"),
        ("1,2,6,-4", "weights in row 1 of t.csv is -4, below 0"),
    ] {
        let error = value("t.csv", &format!("frequency,recency,periods,weights\n{row}\n"), "bg-bb");
        assert!(error.contains(says), "{row}: {error}");
    }
    // Neither a table of histories nor an order log.
    let error = value("t.csv", "00004 0001 19970101  2   29.33\n", "bg-nbd");
    assert!(error.contains("frequency, recency and T") && error.contains("has to become CSV"), "{error}");
    let error = value("t.csv", "frequency,colour\n1,red\n", "nbd");
    assert!(error.contains("'frequency', 'colour'") && error.contains("frequency, recency and T"), "{error}");
    let error = value("t.csv", "customer,date,amount\na,2020-01-01,5\n", "bg-bb");
    assert!(error.contains("is no table of occasions"), "{error}");
}

#[test]
fn options_that_mean_nothing_are_refused() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("t.csv"), "frequency,recency,T\n1,2,9\n0,0,9\n3,8,9\n").unwrap();
    for (args, says) in [
        (&["--model", "bg-nbd"][..], "--model bg-nbd needs a FILE"),
        (&["t.csv"], "t.csv needs a --model"),
        (&["t.csv", "--model", "hurdle"], "--model hurdle belongs to a run"),
        (&["t.csv", "--model", "nbd", "--periods", "3"], "--periods means nothing to the NBD"),
        (&["t.csv", "--model", "bg-bb", "--unit", "week"], "--unit means nothing to the BG/BB"),
        (&["t.csv", "--model", "bg-bb", "--days", "9"], "--days means nothing to the BG/BB"),
        (&["t.csv", "--model", "nbd", "--days", "-3"], "--days cannot be -3"),
        (&["t.csv", "--model", "nbd", "--discount", "-0.1"], "--discount cannot be -0.1"),
        (&["t.csv", "--model", "nbd", "--discount", "10"], "0.1 is 10 %"),
        (&["--unit", "week"], "--unit is for a buy-till-you-die model of one FILE"),
        (&["--days", "90", "--out", "x"], "--days is for a buy-till-you-die model of one FILE"),
        (&["--periods", "3", "--seed", "1"], "--periods is for a buy-till-you-die model of one FILE"),
        (&["--discount", "0.2", "--value-days", "30"], "discount_rate in the section [value]"),
        (&["--date-order", "dmy", "--out", "x"], "tenure ingest FILE --date-order"),
        (&["--score", "t.csv", "--days", "90"], "--days is for a buy-till-you-die model of one FILE"),
        (&["--score", "t.csv", "--value-days", "90"], "--value-days means nothing with --score"),
        (&["--to", "x.csv", "--out", "x"], "--to says where scores go, and nothing is scored"),
        (&["t.csv", "--model", "nbd", "--to", "t.csv"], "t.csv is the table that is scored"),
        (&["t.csv", "--model", "nbd", "--to", "p.txt"], "p.txt is neither .csv nor .parquet"),
        (&["t.csv", "--model", "nbd", "--to", "none/p.csv"], "none/p.csv lies in a folder that does not exist"),
        (&["no.csv", "--model", "nbd"], "no.csv: "),
        (&["no.csv", "--model", "bg-bb"], "no.csv: "),
    ] {
        let error = refused(dir.path(), &[&["value"], args].concat());
        assert!(error.contains(says), "{args:?}: {error}");
    }
    for args in [
        &["t.csv", "--model", "nbd", "--unit", "hour"][..],
        &["t.csv", "--model", "nbd", "--out", "x"],
        &["t.csv", "--model", "nbd", "--value-days", "30"],
        &["--score", "t.csv", "--model", "hurdle"],
    ] {
        let output = tenure(dir.path(), &[&["value"], args].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output.stderr));
    }
    for (args, says) in [
        (&["--score", "t.csv", "--churn-days", "45"][..], "--churn-days means nothing with --score"),
        (&["--to", "x.csv", "--seed", "3"], "--to says where scores go, and nothing is scored"),
    ] {
        let error = refused(dir.path(), &[&["churn"], args].concat());
        assert!(error.contains(says) && error.contains("leave it out"), "{args:?}: {error}");
    }
    assert!(!written(dir.path()));
}

/// Whether predictions, or what was to become them, are there.
fn written(dir: &Path) -> bool {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.into_iter().any(|name| name != "t.csv")
}

/// The picture of one customer ends where the predictions say it stands today.
#[test]
fn one_customer_is_drawn_over_its_history() {
    let Some(file) = real("CDNOW_master.txt") else { return };
    let dir = TempDir::new().unwrap();
    let orders: String = fs::read_to_string(file)
        .unwrap()
        .lines()
        .skip(1)
        .filter_map(|line| {
            let cells: Vec<&str> = line.split_whitespace().collect();
            let day = cells.get(1)?;
            Some(format!("{},{}-{}-{},{}\n", cells[0], &day[..4], &day[4..6], &day[6..], cells[3]))
        })
        .collect();
    fs::write(dir.path().join("orders.csv"), format!("customer_id,date,amount\n{orders}")).unwrap();
    let ask = |customer: &str| {
        ["value", "--model", "bg-nbd", "orders.csv", "--to", "said.csv", "--customer", customer].map(str::to_owned)
    };
    let asked = ask("00004");
    let answer = json(dir.path(), &asked.each_ref().map(String::as_str));
    let (days, p) = (answer["life"]["days"].as_array().unwrap(), answer["life"]["p_alive"].as_array().unwrap());
    // Bought on 1997-01-01, 01-18, 08-02 and 12-12; the log ends on 1998-06-30.
    assert_eq!(answer["life"]["purchases"], serde_json::json!([0.0, 17.0, 213.0, 345.0]));
    assert_eq!((days.last().unwrap().as_f64(), days.len()), (Some(545.0), p.len()));
    // It is sure to be alive until it has bought again, and after each purchase again likelier than before it.
    assert_eq!(p[17].as_f64(), Some(1.0));
    let jump = days.windows(2).position(|pair| pair[0] == pair[1] && pair[0] == 213.0).unwrap();
    assert!(p[jump].as_f64() < p[jump + 1].as_f64());
    let said = fs::read_to_string(dir.path().join("said.csv")).unwrap();
    let header: Vec<&str> = said.lines().next().unwrap().split(',').collect();
    let column = header.iter().position(|name| *name == "p_alive").unwrap();
    let row = said.lines().find(|line| line.starts_with("00004,")).unwrap();
    near(p.last().unwrap(), row.split(',').nth(column).unwrap().parse().unwrap(), 1e-9);
    for ending in ["svg", "png", "csv"] {
        assert!(dir.path().join(format!("p_alive_history.{ending}")).exists(), "{ending}");
    }
    assert!(!answer["notes"].to_string().contains("is replaced"), "{}", answer["notes"]);
    let again = json(dir.path(), &ask("00004").each_ref().map(String::as_str));
    assert!(
        again["notes"].to_string().contains("the picture p_alive_history of an earlier call"),
        "{}",
        again["notes"]
    );
    let nobody = refused(dir.path(), &ask("  ").each_ref().map(String::as_str));
    assert!(nobody.contains("--customer names nobody"), "{nobody}");
    let unknown = refused(dir.path(), &ask("nobody").each_ref().map(String::as_str));
    assert!(unknown.contains("nobody") && unknown.contains("orders.csv"), "{unknown}");
}

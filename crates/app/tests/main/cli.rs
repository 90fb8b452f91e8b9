//! The commands as a user meets them: exit codes, sentences with place and cure, clean standard output.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const COMMANDS: [&str; 14] = [
    "init", "run", "demo", "fetch", "ingest", "validate", "clean", "features", "segment", "churn", "value", "allocate",
    "report", "sql",
];

pub(crate) fn tenure(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tenure")).args(args).current_dir(dir).output().unwrap()
}

/// A command whose reader leaves before the answer: its exit code and standard error.
pub(crate) fn left_early(dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tenure"))
        .args(args)
        .current_dir(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    (child.wait().unwrap().code(), stderr)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A command that must fail: exit code 2, nothing on standard output, an error with a cure on standard error. Gives
/// standard error from `error:` on.
pub(crate) fn refused(dir: &Path, args: &[&str]) -> String {
    let output = tenure(dir, args);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
    assert_eq!(text(&output.stdout), "", "{args:?}");
    let error = stderr.split("error: ").nth(1).unwrap_or_else(|| panic!("{args:?}: {stderr}")).to_owned();
    assert!(error.contains("\n  fix: "), "{args:?}: {error}");
    for word in ["panicked", "has a fault", "unwrap", "Some(", "Error {"] {
        assert!(!stderr.contains(word), "{args:?}: {stderr}");
    }
    error
}

/// A command that must succeed; its JSON.
pub(crate) fn json(dir: &Path, args: &[&str]) -> Value {
    let output = tenure(dir, &[args, &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Orders of `customers` customers over `months` months of 28 days from 2010-01-01; customer `i` comes every
/// `1 + i % 4` months and a third of them leaves half way.
pub(crate) fn shop(dir: &Path, name: &str, customers: u32, months: u32) {
    let mut csv = "order_id,customer_id,sku,quantity,unit_price,ordered_at\n".to_owned();
    let mut order = 1000;
    for month in 0..months {
        for i in 0..customers {
            let left = i % 3 == 0 && month >= months / 2;
            if (month + i) % (1 + i % 4) != 0 || left {
                continue;
            }
            order += 1;
            let (year, month_of_year) = (2010 + month / 12, month % 12 + 1);
            for line in 0..=(i % 3) {
                let (day, quantity) = ((i * 7 + month * 3) % 28 + 1, 1 + (i + line) % 5);
                let cents = 1_500 + 350 * ((i * 13 + line * 29) % 40);
                csv += &format!(
                    "{order},00{i},S{:03},{quantity},{}.{:02},{year}-{month_of_year:02}-{day:02} 10:30:00\n",
                    (i * 3 + line) % 50,
                    cents / 100,
                    cents % 100,
                );
            }
        }
    }
    fs::write(dir.join(name), csv).unwrap();
}

#[test]
fn every_command_explains_itself() {
    let dir = TempDir::new().unwrap();
    for command in COMMANDS {
        let output = tenure(dir.path(), &[command, "--help"]);
        let help = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(help.contains("Usage: tenure ") && help.contains("Example"), "{command}: {help}");
    }
    let help = text(&tenure(dir.path(), &["--help"]).stdout);
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command}")), "{command}: {help}");
    }
    assert_eq!(tenure(dir.path(), &["--version"]).status.code(), Some(0));
}

#[test]
fn usage_errors_end_with_2_and_suggest() {
    let dir = TempDir::new().unwrap();
    for (args, says) in [
        (&["alocate"][..], "'allocate'"),
        (&["run"], "<FILE>"),
        (&["run", "x.csv", "--budgte", "5"], "'--budget'"),
        (&["run", "x.csv", "--offers", "gold"], "retention"),
        (&["run", "x.csv", "--cap", "Premium"], "TIER=LIMIT"),
        (&["allocate", "--budget", "much"], "--budget"),
        (&["run", "x.csv", "--format", "xml"], "json"),
    ] {
        let output = tenure(dir.path(), args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr.starts_with("error: ") && stderr.contains(says), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn init_writes_a_file_that_is_accepted_and_never_overwrites() {
    let dir = TempDir::new().unwrap();
    assert_eq!(tenure(dir.path(), &["init"]).status.code(), Some(0));
    let written = fs::read_to_string(dir.path().join("tenure.toml")).unwrap();
    assert!(written.contains("[churn]\n") && written.contains("horizon_days = 90"));
    fs::write(dir.path().join("tenure.toml"), "[churn]\nhorizon_days = 30\n").unwrap();
    let error = refused(dir.path(), &["init"]);
    assert!(error.contains("tenure.toml exists already") && error.contains("--force"), "{error}");
    assert_eq!(tenure(dir.path(), &["init", "--force"]).status.code(), Some(0));
    assert_eq!(fs::read_to_string(dir.path().join("tenure.toml")).unwrap(), written);
    let error = refused(dir.path(), &["init", "no/such/folder/tenure.toml"]);
    assert!(error.contains("no/such/folder"), "{error}");
}

#[test]
fn a_wrong_configuration_names_line_and_cure() {
    let dir = TempDir::new().unwrap();
    shop(dir.path(), "shop.csv", 5, 2);
    let write = |text: &str| fs::write(dir.path().join("my.toml"), text).unwrap();
    let run = ["run", "shop.csv", "--config", "my.toml"];

    write("[run]\nseed = 1\n\n[churn]\nhorizn_days = 30\n");
    assert_eq!(
        refused(dir.path(), &run),
        "there is no setting `churn.horizn_days`\n  where: my.toml, line 5\n  fix: did you mean `churn.horizon_days`?\n"
    );
    write("[constraints]\nbudget = -5\n");
    assert_eq!(
        refused(dir.path(), &run),
        "`constraints.budget` cannot be -5\n  where: my.toml, line 2\n  fix: it accepts a number, 0 or more, or \"auto\"\n"
    );
    write("[churn\n");
    assert!(refused(dir.path(), &run).contains("where: my.toml, line 1\n"));
    fs::remove_file(dir.path().join("my.toml")).unwrap();
    assert!(refused(dir.path(), &run).starts_with("the configuration my.toml cannot be read: no such file\n"));

    // Found by itself in the working folder.
    fs::write(dir.path().join("tenure.toml"), "colour = 1\n").unwrap();
    assert!(refused(dir.path(), &["run", "shop.csv"]).contains("where: tenure.toml, line 1\n"));
}

#[test]
fn a_wrong_flag_is_named() {
    let dir = TempDir::new().unwrap();
    shop(dir.path(), "shop.csv", 5, 2);
    for (flags, sentence, flag) in [
        (["--budget", "-5"], "`constraints.budget` cannot be -5", "--budget"),
        (["--budget", "nan"], "`constraints.budget` cannot be NaN or infinite", "--budget"),
        (["--as-of", "June"], "`snapshots.as_of` cannot be \"June\"", "--as-of"),
        (["--churn-days", "0"], "`churn.horizon_days` cannot be 0", "--churn-days"),
        (["--value-days", "-3"], "`value.horizon_days` cannot be -3", "--value-days"),
        (["--seed", "-1"], "`run.seed` cannot be -1", "--seed"),
        (["--threads", "99999"], "`run.threads` cannot be 99999", "--threads"),
        (["--cap", "Premum=0.1"], "there is no setting `constraints.caps.Premum`", "--cap"),
        (["--cap", "Premium=-1"], "`constraints.caps.Premium` cannot be -1", "--cap"),
        (["--cap", "Premium=ten"], "`constraints.caps.Premium` cannot be \"ten\"", "--cap"),
        (["--cap", "Premium=200%"], "`constraints.caps.Premium` cannot be \"200%\"", "--cap"),
    ] {
        let error = refused(dir.path(), &["run", "shop.csv", flags[0], flags[1]]);
        assert!(error.starts_with(&format!("{sentence}\n  where: {flag} on the command line\n")), "{error}");
        assert!(!dir.path().join("tenure-out").exists(), "a refused run makes no folder");
    }
}

#[test]
fn files_that_cannot_be_used_are_named_with_a_cure() {
    let dir = TempDir::new().unwrap();
    let put = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    let error = refused(dir.path(), &["run", "missing.csv"]);
    assert!(error.contains("missing.csv"), "{error}");

    put("empty.csv", "");
    assert!(refused(dir.path(), &["run", "empty.csv"]).contains("empty.csv"));
    put("header.csv", "customer_id,ordered_at,amount\n");
    refused(dir.path(), &["run", "header.csv"]);

    put("nobody.csv", "order_id,ordered_at,amount\n1,2011-01-02,5\n");
    let error = refused(dir.path(), &["run", "nobody.csv"]);
    assert!(error.to_lowercase().contains("customer") && error.contains("nobody.csv"), "{error}");

    put("dates.csv", "customer_id,ordered_at,amount\n1,01/02/2011,5\n2,03/04/2011,6\n");
    let error = refused(dir.path(), &["run", "dates.csv"]);
    assert!(error.contains("2011-02-01") && error.contains("2011-01-02"), "both readings: {error}");
    assert!(error.contains("date_order") || error.contains("--date-order"), "{error}");

    put("noise.csv", "\u{0}\u{1}\u{2}not a table");
    refused(dir.path(), &["run", "noise.csv"]);
    put("fake.xlsx", "not a workbook");
    assert!(refused(dir.path(), &["run", "fake.xlsx"]).contains("fake.xlsx"));
    put("fake.parquet", "not a table");
    assert!(refused(dir.path(), &["run", "fake.parquet"]).contains("fake.parquet"));
    fs::create_dir(dir.path().join("empty")).unwrap();
    assert!(refused(dir.path(), &["run", "empty"]).contains("holds no table"));
}

#[test]
fn a_dry_run_shows_how_a_file_is_read_and_reads_nothing() {
    let dir = TempDir::new().unwrap();
    let csv = "client;booked at;total;note\n00123;31.01.2011;1,50;x\nb;28.02.2011;2,75;y\n";
    fs::write(dir.path().join("log.csv"), csv).unwrap();
    let output = tenure(dir.path(), &["ingest", "log.csv", "--dry-run"]);
    let page = text(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{page}{}", text(&output.stderr));
    let config = "[data.columns]\nordered_at = \"booked at\"\n";
    fs::write(dir.path().join("tenure.toml"), config).unwrap();
    let output = tenure(dir.path(), &["ingest", "log.csv", "--dry-run"]);
    let page = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for says in ["separated by ';'", "dmy", "decimal comma", "not used: note", "not found, so empty:", "00123"] {
        assert!(page.contains(says), "{says}: {page}");
    }
    assert!(!dir.path().join("tenure-out").exists());
    let found = json(dir.path(), &["ingest", "log.csv", "--dry-run"]);
    assert_eq!(found[0]["tables"][0]["columns"]["customer_id"], "client");
}

#[test]
fn a_further_run_reads_only_what_is_new() {
    let dir = TempDir::new().unwrap();
    shop(dir.path(), "a.csv", 20, 3);
    shop(dir.path(), "b.csv", 30, 3);
    let ingest = |files: &[&str]| {
        json(dir.path(), &[&["ingest"], files, &["--out", "one"]].concat())["sentence"].as_str().unwrap().to_owned()
    };
    assert!(!ingest(&["a.csv"]).contains("unchanged"));
    assert!(ingest(&["a.csv", "b.csv"]).contains("1 of 2 files unchanged"));
    // A part that is no longer what it was is not taken over.
    let parts = dir.path().join("one/data/transactions");
    let first = fs::read_dir(&parts).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&first).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&first, bytes).unwrap();
    assert!(ingest(&["a.csv", "b.csv"]).contains("1 of 2 files unchanged"));
    assert!(ingest(&["a.csv", "b.csv"]).contains("2 of 2 files unchanged"));
    fs::copy(dir.path().join("a.csv"), dir.path().join("c.csv")).unwrap();
    assert!(refused(dir.path(), &["ingest", "a.csv", "c.csv", "--out", "one"]).contains("same bytes"));
}

#[test]
fn a_contract_that_is_not_met_ends_a_strict_run() {
    let dir = TempDir::new().unwrap();
    shop(dir.path(), "shop.csv", 20, 3);
    let contract = "[[schema]]\nname = \"transactions\"\n[[schema.properties]]\nname = \"quantity\"\n\
                    logicalTypeOptions = { minimum = 2 }\n";
    fs::write(dir.path().join("c.toml"), contract).unwrap();
    let run = ["run", "shop.csv", "--contract", "c.toml"];
    let output = tenure(dir.path(), &[&run[..], &["--strict"]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let page = fs::read_to_string(dir.path().join("tenure-out/validation.md")).unwrap();
    assert!(page.contains("contract.quantity.minimum") && page.contains("must be at least 2"), "{page}");
    assert_eq!(tenure(dir.path(), &run).status.code(), Some(0));
    fs::write(dir.path().join("c.toml"), contract.replace("quantity", "quantty")).unwrap();
    assert!(refused(dir.path(), &run).contains("\"quantty\""));
}

#[test]
fn without_a_network_fetch_says_what_to_do() {
    let dir = TempDir::new().unwrap();
    // A port that was free a moment ago: nobody listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/x.zip");
    let output = tenure(dir.path(), &["fetch", "online-retail-ii", "--url", &url]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("cannot be reached") && stderr.contains("fix: check the network"), "{stderr}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let dir = TempDir::new().unwrap();
    shop(dir.path(), "shop.csv", 5, 2);
    // Below a file no folder can be made, whoever asks.
    let error = refused(dir.path(), &["run", "shop.csv", "--out", "shop.csv/out"]);
    assert!(error.contains("shop.csv/out"), "{error}");
    assert!(refused(dir.path(), &["run", "shop.csv", "--out", "shop.csv"]).contains("shop.csv"));
}

#[test]
fn a_stage_without_its_input_says_which_stage_comes_first() {
    let dir = TempDir::new().unwrap();
    for stage in &COMMANDS[5..] {
        let error = refused(dir.path(), &[stage, "--out", "nothing"]);
        assert!(error.contains("tenure "), "{stage}: {error}");
    }
}

#[test]
fn one_customer_and_one_order_do_not_panic() {
    let dir = TempDir::new().unwrap();
    for csv in [
        "customer_id,ordered_at,amount\n7,2011-01-02,5\n",
        "customer_id,ordered_at,amount\n7,2011-01-02,5\n7,2011-05-02,5\n",
    ] {
        fs::write(dir.path().join("one.csv"), csv).unwrap();
        let output = tenure(dir.path(), &["run", "one.csv"]);
        if output.status.code() != Some(0) {
            refused(dir.path(), &["run", "one.csv"]);
        }
    }
}

#[test]
fn a_short_history_still_gives_segments_and_a_plan() {
    let dir = TempDir::new().unwrap();
    shop(dir.path(), "short.csv", 60, 2);
    let summary = json(dir.path(), &["run", "short.csv"]);
    assert!(summary["churn"]["missing"].is_string(), "{}", summary["churn"]);
    assert!(summary["value"]["missing"].is_string(), "{}", summary["value"]);
    assert!(!summary["segments"].as_array().unwrap().is_empty());
    assert!(summary["plan"]["measured"].is_object(), "{}", summary["plan"]);
}

#[test]
fn a_run_keeps_its_promises() {
    let dir = TempDir::new().unwrap();
    shop(dir.path(), "shop.csv", 700, 22);
    let read = |path: &str| fs::read(dir.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let run = |out: &str, more: &[&str]| {
        json(dir.path(), &[&["run", "shop.csv", "--out", out, "--budget", "500"][..], more].concat())
    };

    let summary = run("one", &["--threads", "1"]);
    let rows = &summary["rows"];
    assert_eq!(rows["read"].as_u64().unwrap(), rows["kept"].as_u64().unwrap() + rows["quarantined"].as_u64().unwrap());
    let plan = &summary["plan"]["measured"];
    assert!(plan["spend"].as_f64().unwrap() <= 500.0 + 1e-6, "{plan}");
    assert!(summary["churn"]["measured"].is_object() && summary["value"]["measured"].is_object(), "{summary:#}");

    // The same bytes on any number of threads.
    run("two", &["--threads", "2"]);
    assert_eq!(text(&read("one/manifest.json")), text(&read("two/manifest.json")));

    // Stages one by one leave what the whole run leaves.
    let stages = [
        &["ingest", "shop.csv"][..],
        &["validate"],
        &["clean"],
        &["features"],
        &["segment"],
        &["churn"],
        &["value"],
        &["allocate", "--budget", "500"],
        &["report"],
    ];
    for stage in stages {
        let report = json(dir.path(), &[stage, &["--out", "steps"]].concat());
        assert_eq!(report["stage"], stage[0]);
        assert!(report["sentence"].is_string() && report["facts"].is_object(), "{report}");
    }
    for name in ["outputs/customer_scores.parquet", "outputs/offer_plan.csv", "outputs/segment_summary.csv"] {
        assert_eq!(read(&format!("one/{name}")), read(&format!("steps/{name}")), "{name}");
    }

    // A failed run leaves what was there.
    let before = (read("one/manifest.json"), read("one/outputs/customer_scores.parquet"));
    fs::write(dir.path().join("nobody.csv"), "ordered_at,amount\n2011-01-02,5\n").unwrap();
    refused(dir.path(), &["run", "nobody.csv", "--out", "one"]);
    assert_eq!(before, (read("one/manifest.json"), read("one/outputs/customer_scores.parquet")));

    // No money, no offers; the plan says so.
    let plan = json(dir.path(), &["allocate", "--out", "two", "--budget", "0"]);
    assert_eq!(plan["stage"], "allocate");
    let nothing = json(dir.path(), &["run", "shop.csv", "--out", "free", "--budget", "0"]);
    assert_eq!(nothing["plan"]["measured"]["spend"].as_f64(), Some(0.0));

    // The screen fits, and tells what is assumed.
    let output = tenure(dir.path(), &["run", "shop.csv", "--out", "one"]);
    let screen = text(&output.stdout);
    assert!(screen.contains("Assumed, not measured:"), "{screen}");
    assert!(screen.lines().count() <= 40 && screen.lines().all(|line| line.chars().count() <= 100), "{screen}");
    assert!(!screen.contains('\u{1b}') && !text(&output.stderr).contains('\u{1b}'), "no colour off a terminal");
}

#[test]
fn a_reader_that_leaves_early_hears_no_complaint() {
    let dir = TempDir::new().unwrap();
    shop(dir.path(), "short.csv", 20, 2);
    let (code, stderr) = left_early(dir.path(), &["run", "short.csv", "--format", "json"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(!stderr.contains("error:"), "{stderr}");
}

#[test]
fn the_demo_judges_its_plan_by_the_truth() {
    let dir = TempDir::new().unwrap();
    let summary = json(dir.path(), &["demo"]);
    let truth = summary["truth"].as_array().unwrap();
    let net = |plan: &str| truth.iter().find(|row| row["plan"] == plan).map(|row| row["true_net"].as_f64().unwrap());
    let (oracle, ours) = (net("oracle").unwrap(), net("tenure").unwrap());
    assert!(ours <= oracle + 1e-6, "nobody beats the oracle: {truth:?}");
    assert!(ours > net("random").unwrap(), "{truth:?}");
    assert!(summary["customers"].as_u64().unwrap() >= 4_000, "{}", summary["customers"]);

    // The table in the README is this one.
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let readme = fs::read_to_string(Path::new(&root).join("../../README.md")).unwrap().replace("**", "");
    for row in truth {
        let (plan, net) = (row["plan"].as_str().unwrap(), row["true_net"].as_f64().unwrap().round() as i64);
        let thousands = if net < 1_000 { net.to_string() } else { format!("{},{:03}", net / 1_000, net % 1_000) };
        assert!(readme.contains(&format!("| {plan} | {thousands} |")), "{plan}: {thousands}");
    }
}

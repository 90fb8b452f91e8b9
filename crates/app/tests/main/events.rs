//! What standard error says of a long run: plain lines where it is piped, one JSON event a line where it is asked for.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{shop, tenure, text};

const STAGES: [&str; 9] =
    ["ingest", "validate", "clean", "features", "segment", "churn", "value", "allocate", "report"];
/// What is counted in each stage that has countable work.
const COUNTED: [(&str, &str); 6] = [
    ("ingest", "rows"),
    ("features", "tables of a snapshot"),
    ("churn", "fits"),
    ("value", "fits"),
    ("allocate", "draws"),
    ("report", "figures"),
];
const FIELDS: [&str; 13] = [
    "event",
    "command",
    "version",
    "stage",
    "done",
    "of",
    "what",
    "seconds_left",
    "seconds",
    "message",
    "where",
    "fix",
    "exit_code",
];

/// Calls the command with `--log-format json`; gives its exit code, standard output and events.
fn events(dir: &Path, args: &[&str]) -> (Option<i32>, String, Vec<Value>) {
    let output = tenure(dir, &[args, &["--log-format", "json"]].concat());
    let stderr = text(&output.stderr);
    assert!(!stderr.contains(['\r', '\u{1b}']), "{stderr}");
    let events: Vec<Value> =
        stderr.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect();
    for event in &events {
        let fields: Vec<&String> = event.as_object().unwrap().keys().collect();
        assert!(fields.iter().all(|field| FIELDS.contains(&field.as_str())), "{event}");
    }
    (output.status.code(), text(&output.stdout), events)
}

fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}

/// Within a stage counts never fall and never pass their total; gives the last count of each stage with what is counted.
fn counts(events: &[Value]) -> BTreeMap<String, (String, u64, Option<u64>)> {
    let mut last: BTreeMap<String, (String, u64, Option<u64>)> = BTreeMap::new();
    for event in named(events, "progress").into_iter().filter(|event| event.get("done").is_some()) {
        let (done, of) = (event["done"].as_u64().unwrap(), event["of"].as_u64());
        assert!(of.is_none_or(|of| done <= of), "{event}");
        let (stage, what) = (event["stage"].as_str().unwrap(), event["what"].as_str().unwrap());
        if let Some((before_what, before, before_of)) = last.get(stage) {
            assert!(done >= *before && of == *before_of && what == before_what, "{event} after {before}");
        }
        last.insert(stage.to_owned(), (what.to_owned(), done, of));
    }
    last
}

/// The commands of one folder: a run, what follows it, and what is refused.
#[test]
fn a_run_is_told_as_events_and_as_plain_lines() {
    let dir = TempDir::new().unwrap();
    shop(dir.path(), "shop.csv", 200, 22);
    let little = "[boosting]\nrounds = 20\n[report]\ndpi = 50\nbootstrap_replicates = 50\n";
    fs::write(dir.path().join("little.toml"), little).unwrap();
    let run = ["run", "shop.csv", "--config", "little.toml", "--out", "out", "--threads", "2"];

    let (code, stdout, told) = events(dir.path(), &run);
    assert_eq!(code, Some(0), "{told:?}");
    // Elsewhere, so that the folder of the run has the same name.
    let elsewhere = dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for file in ["shop.csv", "little.toml"] {
        fs::copy(dir.path().join(file), elsewhere.join(file)).unwrap();
    }
    let plain = tenure(&elsewhere, &run);
    assert_eq!(stdout, text(&plain.stdout), "the answer is the same");

    assert_eq!((&told[0]["event"], &told[0]["command"]), (&"run_begin".into(), &"run".into()));
    assert_eq!(told.last().unwrap()["event"], "run_end");
    assert!(told.last().unwrap()["seconds"].as_f64().unwrap() > 0.0);
    let stages =
        |name: &str| named(&told, name).iter().map(|e| e["stage"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(
        (stages("stage_begin"), stages("stage_end")),
        (STAGES.map(str::to_owned).into(), STAGES.map(str::to_owned).into())
    );
    // Between its begin and its end everything is of the one stage at work.
    let mut at_work = None;
    for event in &told {
        let stage = event.get("stage").and_then(Value::as_str);
        match event["event"].as_str().unwrap() {
            "stage_begin" => assert_eq!(at_work.replace(stage), None, "{event}"),
            "stage_end" => assert_eq!(at_work.take(), Some(stage), "{event}"),
            "progress" | "warning" => assert_eq!(at_work, Some(stage), "{event}"),
            _ => assert_eq!(at_work, None, "{event}"),
        }
    }
    // Nothing is known of how long a first run takes.
    assert!(named(&told, "stage_begin").iter().all(|event| event.get("seconds_left").is_none()));
    let counted = counts(&told);
    for (stage, what) in COUNTED {
        let (counts_what, done, of) = &counted[stage];
        assert_eq!(counts_what, what, "{stage}");
        assert!(*done > 0 && of.is_none_or(|of| of == *done), "{stage}: {done} of {of:?}");
    }
    let ids = told.iter().filter_map(|event| event["message"].as_str()).find(|m| m.contains("0012"));
    assert_eq!(ids, None, "the shop's ids begin with 00");

    // The seconds of the run before, also of what is taken over.
    for _ in 0..2 {
        let (_, _, again) = events(dir.path(), &run);
        assert!(named(&again, "stage_begin").iter().all(|event| event["seconds_left"].is_f64()), "{again:?}");
    }

    // Piped and for people: a line per stage, in order, drawn once.
    let stderr = text(&plain.stderr);
    assert!(!stderr.contains(['\r', '\u{1b}']), "{stderr}");
    let words: Vec<&str> = stderr.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(words, STAGES);

    let (code, _, told) = events(dir.path(), &["backtest", "--out", "out", "--origins", "2"]);
    assert_eq!(code, Some(0), "{told:?}");
    let (what, done, of) = &counts(&told)["backtest"];
    assert!(what == "origins" && *of == Some(6) && *done <= 6, "{done} of {of:?}");
    let (code, _, told) = events(dir.path(), &["backtest", "--out", "out", "--plan"]);
    assert_eq!(code, Some(0), "{told:?}");
    assert_eq!(counts(&told)["hindsight"], ("stages made again".to_owned(), 6, Some(6)));
}

#[test]
fn a_command_that_fails_ends_with_its_error() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("bad.csv"), "customer_id,ordered_at,amount\nSECRET1,2011-13-45,5\n").unwrap();
    fs::write(dir.path().join("t.csv"), "customer_id,frequency,recency,T\nSECRET1,1,5,9\nSECRET1,2,6,9\n").unwrap();
    for (args, says) in [
        (&["run", "missing.csv"][..], "missing.csv"),
        (&["run", "bad.csv", "--out", "out"], "bad.csv"),
        (&["explain", "SECRET1", "--out", "nowhere"], "there is no run in nowhere"),
        (&["value", "t.csv", "--model", "bg-nbd"], "again"),
        (&["run", "bad.csv", "--budgte", "5"], "unexpected argument"),
        (&["alocate"], "unrecognized subcommand"),
    ] {
        let (code, stdout, told) = events(dir.path(), args);
        let last = told.last().unwrap();
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{args:?}");
        assert_eq!((&last["event"], &last["exit_code"]), (&"error".into(), &2.into()), "{args:?}: {last}");
        assert!(last["message"].as_str().unwrap().contains(says), "{args:?}: {last}");
        assert!(last["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "{args:?}: {last}");
        assert_eq!(named(&told, "error").len(), 1, "{args:?}");
        assert!(named(&told, "run_end").is_empty(), "{args:?}");
        assert!(!format!("{told:?}").contains("SECRET1"), "{told:?}");
    }
    // Words by the way are notes.
    fs::write(dir.path().join("tenure.toml"), "").unwrap();
    let (_, _, told) = events(dir.path(), &["run", "missing.csv"]);
    assert_eq!(named(&told, "note")[0]["message"], "settings from ./tenure.toml");
}

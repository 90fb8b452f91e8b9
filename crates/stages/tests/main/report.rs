//! The report of a whole run: it says what the run's files say, in three forms, and it is there however little is known.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tenure_stages::artifact;
use tenure_stages::ctx::Stage;
use tenure_stages::pipeline::{self, compare};
use tenure_stages::report;
use tenure_stages::world::{self, Params};

use crate::support::{BASE, Csv, config, copy, ctx, manifest, run, temp, with_figures};

fn read(out: &Path, artefact: &str) -> String {
    fs::read_to_string(out.join(artefact)).unwrap()
}

/// All objects below `value` that have a member of that name.
fn with<'a>(value: &'a Value, member: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(map) => {
            if map.contains_key(member) {
                found.push(value);
            }
            map.values().for_each(|value| with(value, member, found));
        }
        Value::Array(items) => items.iter().for_each(|value| with(value, member, found)),
        _ => {}
    }
}

/// What stands at a source, read from the published files by this test's own means.
fn found(out: &Path, source: &Value) -> f64 {
    let text = |of: &Value, name: &str| of[name].as_str().unwrap().to_owned();
    if let Some(cell) = source.get("cell") {
        let table = Csv::read(&out.join(text(cell, "file")));
        let row = cell["row"].as_u64().unwrap() as usize;
        return table.rows[row - 1][table.column(&text(cell, "column"))].parse().unwrap();
    }
    if let Some(field) = source.get("field") {
        let json: Value = serde_json::from_str(&read(out, &text(field, "file"))).unwrap();
        return json.pointer(&text(field, "pointer")).and_then(Value::as_f64).unwrap();
    }
    if let Some(parts) = source.get("sum") {
        return parts.as_array().unwrap().iter().map(|part| found(out, part)).sum();
    }
    let share = source["share_of"].as_array().unwrap();
    found(out, &share[0]) / found(out, &share[1])
}

#[test]
fn every_figure_of_the_report_stands_in_the_published_files() {
    let report: Value = serde_json::from_str(&read(&BASE.out, artifact::REPORT_JSON)).unwrap();
    let mut numbers = Vec::new();
    with(&report, "standing", &mut numbers);
    assert!(numbers.len() > 400, "{}", numbers.len());
    // Files are read anew for each: every seventh does.
    for number in numbers.iter().step_by(7) {
        let (said, stands) = (number["value"].as_f64().unwrap(), found(&BASE.out, &number["source"]));
        assert!((said - stands).abs() <= 1e-9 * stands.abs(), "{number}: {stands}");
    }
    let (page, text) = (read(&BASE.out, artifact::REPORT), read(&BASE.out, artifact::REPORT_TEXT));
    for number in &numbers {
        let printed = number["text"].as_str().unwrap().replace('<', "&lt;").replace('>', "&gt;");
        assert!(page.contains(&format!(">{printed}</data>")), "{number}");
        let printed = number["text"].as_str().unwrap().replace('<', "\\<").replace('>', "\\>");
        assert!(text.contains(&printed), "{number}");
    }
    for standing in ["counted", "measured", "forecast", "assumed"] {
        assert!(numbers.iter().any(|number| number["standing"] == standing), "nothing is {standing}");
    }
    let mut claims = Vec::new();
    with(&report, "what", &mut claims);
    assert!(claims.len() > 20, "{}", claims.len());
}

#[test]
fn the_page_holds_every_figure_and_loads_nothing() {
    let facts: report::Facts = manifest(&BASE.out).stage(Stage::Report, &BASE.out).unwrap();
    let page = read(&BASE.out, artifact::REPORT);
    for (name, finding) in &facts.figures {
        assert_eq!(page.matches(&format!("id=\"figure-{name}\"")).count(), 1, "{name}");
        assert!(read(&BASE.out, artifact::REPORT_TEXT).contains(&format!("figures/{name}.png")), "{finding}");
    }
    for remote in ["src=", "url(", "@import", "<link", "<iframe", "href=\"http"] {
        assert!(!page.contains(remote), "{remote}");
    }
    assert!(page.len() < 10_000_000, "{} bytes", page.len());
    let ids: Vec<&str> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let mut once = ids.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), ids.len(), "an id stands twice");
}

#[test]
fn a_short_history_has_a_report_that_says_what_is_missing() {
    let dir = temp();
    let params = Params { customers: 400, months: 2, ..Params::default() };
    let file = world::generate(&params).unwrap().export(&dir.path().join("world")).unwrap().transactions;
    let out = dir.path().join("out");
    let mut config = config();
    config.snapshots.as_of = None;
    run(&config, &file, &out);
    let text = read(&out, artifact::REPORT_TEXT);
    for words in ["Who leaves could not be tested: ", "What customers spend could not be tested: "] {
        assert!(text.contains(words), "{words}");
    }
    assert!(!text.contains("NaN") && !text.contains("null"), "{text}");
}

#[test]
fn two_runs_differ_by_what_was_changed_and_by_what_follows() {
    let dir = temp();
    let other = dir.path().join("other");
    let mut config = with_figures();
    config.churn.beta = 1.0;
    run(&config, &BASE.file, &other);
    let found = compare::compare(&BASE.out, &other).unwrap();
    let names: Vec<&str> = found.settings.iter().map(|setting| setting.name.as_str()).collect();
    assert_eq!(names, ["churn.beta"]);
    for verdict in &found.stages {
        let (name, began) = (verdict.stage.name(), &verdict.began_with);
        match verdict.stage {
            Stage::Ingest | Stage::Clean | Stage::Features | Stage::Segment => assert!(verdict.is_same, "{name}"),
            Stage::Churn => assert_eq!(began, &["settings"], "{name}"),
            Stage::Report => {
                assert!(began.is_empty() && verdict.follows_from.contains(&"churn".to_owned()), "{verdict:?}");
            }
            _ => {}
        }
    }
    assert!(found.data.iter().chain(&found.segments).all(|change| change.a == change.b));
    assert_eq!(compare::compare(&other, &other).unwrap().settings, []);
    assert!(compare::compare(&other, &other).unwrap().stages.iter().all(|verdict| verdict.is_same));
}

#[test]
fn an_earlier_plan_enters_the_report() {
    let dir = temp();
    let out = dir.path().join("out");
    copy(&BASE.out, &out);
    let config = config();
    pipeline::run_stage(&ctx(1), &config, Stage::Hindsight, &[], &out).unwrap();
    let told = pipeline::run_stage(&ctx(1), &config, Stage::Report, &[], &out).unwrap();
    assert_eq!(told.out_of_date, []);
    assert!(read(&out, artifact::REPORT_TEXT).contains("### An earlier plan, and what customers did"));
}

/// Ids are counted from 1 in both, so that customers of one name are many and the same are none.
#[test]
fn runs_of_two_shops_are_not_compared() {
    let dir = temp();
    let params = Params { customers: 300, months: 14, seed: 12, ..Params::default() };
    let file = world::generate(&params).unwrap().export(&dir.path().join("world")).unwrap().transactions;
    let out = dir.path().join("out");
    for (stage, files) in [(Stage::Ingest, vec![file]), (Stage::Clean, Vec::new()), (Stage::Features, Vec::new())] {
        pipeline::run_stage(&ctx(2), &config(), stage, &files, &out).unwrap();
    }
    let refusal = compare::compare(&BASE.out, &out).unwrap_err().to_string();
    assert!(refusal.contains("first bought on another day"), "{refusal}");
}

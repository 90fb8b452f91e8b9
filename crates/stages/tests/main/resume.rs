//! A run folder is whole or untouched, its parts can be made one by one, and its manifest says what it holds.

use std::collections::BTreeMap;
use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tenure_stages::artifact;
use tenure_stages::config::Config;
use tenure_stages::ctx::{Ctx, Progress, Stage};
use tenure_stages::time::Instant;
use tenure_stages::{Error, clean, ingest, pipeline};

use crate::support::{
    BASE, Csv, TIMES, config, copy, ctx, differing, files, manifest, run, scores, select, temp, with_figures,
};

#[test]
fn a_failed_run_leaves_everything_as_it_was() {
    let dir = temp();
    let out = dir.path().join("out");
    copy(&BASE.out, &out);
    let before = files(&out);
    let put = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let too_early = Config {
        snapshots: tenure_stages::config::SnapshotsConfig { as_of: Instant::parse("2001-01-01"), ..config().snapshots },
        ..config()
    };
    let good = BASE.file.clone();
    // Ingestion fails on the second file after the first was read; then the third stage fails; then the last but one.
    let cases: [(&str, Config, Vec<PathBuf>); 6] = [
        ("nothing", config(), vec![]),
        (
            "a file without customers",
            config(),
            vec![good.clone(), put("nobody.csv", b"ordered_at,amount\n2023-01-02,5\n")],
        ),
        ("a file that is not there", config(), vec![good.clone(), dir.path().join("missing.csv")]),
        ("a damaged file", config(), vec![good.clone(), put("damaged.parquet", b"PAR1 and then nothing PAR1")]),
        ("a folder", config(), vec![good.clone(), dir.path().to_path_buf()]),
        ("as_of before the data", too_early, vec![good]),
    ];
    for (what, config, inputs) in cases {
        let error = pipeline::run(&ctx(2), &config, &inputs, &out).unwrap_err();
        assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{what}: {error}");
        assert!(before == files(&out), "{what}: {:?}", differing(&BASE.out, &out, &[]));
    }
    // On a fresh folder nothing stays behind but the folder itself.
    let fresh = dir.path().join("fresh");
    pipeline::run(&ctx(2), &config(), &[dir.path().join("missing.csv")], &fresh).unwrap_err();
    assert_eq!(files(&fresh).len(), 0);
}

#[test]
fn stage_by_stage_gives_what_the_run_gives() {
    let dir = temp();
    let out = dir.path().join("out");
    let error = pipeline::run_stage(&ctx(2), &with_figures(), Stage::Churn, &[], &out).unwrap_err();
    assert!(matches!(error, Error::Input { .. }), "{error}");
    assert!(!out.exists(), "nothing is made where there is nothing to go on from");
    for stage in Stage::RUN {
        let inputs = if stage == Stage::Ingest { vec![BASE.file.clone()] } else { vec![] };
        let report = pipeline::run_stage(&ctx(2), &with_figures(), stage, &inputs, &out).unwrap();
        assert_eq!(report.stage, stage);
        assert!(!report.sentence.is_empty() && report.facts.is_object(), "{report:?}");
        assert_eq!(report.out_of_date, Vec::new(), "after {stage:?}");
    }
    assert_eq!(differing(&BASE.out, &out, &TIMES), Vec::<String>::new());
}

#[test]
fn a_stage_alone_says_what_is_out_of_date_after_it() {
    let dir = temp();
    let out = dir.path().join("out");
    copy(&BASE.out, &out);
    let again = |config: &Config, stage| pipeline::run_stage(&ctx(2), config, stage, &[], &out).unwrap().out_of_date;
    assert_eq!(again(&with_figures(), Stage::Churn), []);
    let mut other = with_figures();
    other.churn.model = Some(tenure_stages::config::ChurnModel::Recency);
    assert_eq!(again(&other, Stage::Churn), [Stage::Value, Stage::Allocate, Stage::Report]);
    assert_eq!(again(&other, Stage::Value), [Stage::Allocate, Stage::Report]);
    assert_eq!(again(&other, Stage::Allocate), [Stage::Report]);
    assert_eq!(again(&other, Stage::Report), []);
    // Windows of another length have no outcomes until the features are made for them.
    other.churn.horizon_days = 45;
    let error = pipeline::run_stage(&ctx(2), &other, Stage::Churn, &[], &out).unwrap_err();
    assert!(error.to_string().contains("no outcomes of windows of 45 days"), "{error}");
    assert!(error.hint().unwrap_or_default().contains("`tenure features --churn-days 45"), "{:?}", error.hint());
    (other.churn.horizon_days, other.value.horizon_days) = (90, 45);
    let error = pipeline::run_stage(&ctx(2), &other, Stage::Value, &[], &out).unwrap_err();
    assert!(error.hint().unwrap_or_default().contains("`tenure features --value-days 45"), "{:?}", error.hint());
}

#[test]
fn another_budget_needs_no_new_models() {
    let dir = temp();
    let out = dir.path().join("out");
    copy(&BASE.out, &out);
    let mut richer = config();
    richer.constraints.budget = Some(2_000.0);
    for stage in [Stage::Allocate, Stage::Report] {
        pipeline::run_stage(&ctx(2), &richer, stage, &[], &out).unwrap();
    }
    let changed = differing(&BASE.out, &out, &["figures", artifact::MANIFEST, artifact::TIMINGS]);
    assert_eq!(
        changed,
        [
            artifact::BUDGET_SENSITIVITY,
            artifact::EXECUTION_PLAN,
            artifact::CUSTOMER_SCORES,
            artifact::OFFER_PLAN,
            artifact::ALLOCATION,
            artifact::OPTIMIZATION_METRICS,
            artifact::RATE_SENSITIVITY,
            artifact::SEGMENT_BUDGET,
            artifact::SEGMENT_SUMMARY,
            artifact::WINBACK_SENSITIVITY,
            artifact::REPORT,
            artifact::REPORT_JSON,
            artifact::REPORT_TEXT,
        ]
    );
    let (before, after) = (scores(&BASE.out), scores(&out));
    for column in ["p_churn", "value_mean", "value_q90"] {
        assert_eq!(before.opt_texts(column).unwrap(), after.opt_texts(column).unwrap(), "{column}");
    }
    let cost = |out: &Path| {
        select(&out.join(artifact::ALLOCATION), "select cost from t").f64s("cost").unwrap().iter().sum::<f64>()
    };
    let (poor, rich) = (cost(&BASE.out), cost(&out));
    assert!(poor > 400.0 && poor <= 500.0 && rich > 500.0 && rich <= 2_000.0, "{poor} and {rich}");
    check_manifest(&out);
}

/// Runs on a folder that holds [`BASE`]'s run; gives the stages that were computed.
fn computed(config: &Config, out: &Path) -> Vec<&'static str> {
    let told = Told::default();
    let ctx = Ctx { progress: &told, ..ctx(2) };
    pipeline::run(&ctx, config, std::slice::from_ref(&BASE.file), out).unwrap();
    let told = told.0.into_inner().unwrap();
    told.into_iter().filter(|(_, sentence)| !sentence.contains("taken over")).map(|(stage, _)| stage.name()).collect()
}

/// Remembers what the stages said.
#[derive(Default)]
struct Told(Mutex<Vec<(Stage, String)>>);

impl Progress for Told {
    fn end(&self, stage: Stage, sentence: &str) {
        self.0.lock().unwrap().push((stage, sentence.to_owned()));
    }
}

/// What is taken over is what would have been computed: whatever setting changes, the folder of an earlier run ends up
/// with the bytes of a fresh one, and no stage is computed that the setting does not concern.
#[test]
fn only_what_depends_on_a_change_is_computed_again() {
    let dir = temp();
    let all = ["ingest", "validate", "clean", "features", "segment", "churn", "value", "allocate", "report"];
    // Ingestion always asks whether a file is new; what follows a changed stage is computed only where its bytes differ.
    type Case = (&'static str, fn(&mut Config), &'static [&'static str]);
    let cases: [Case; 9] = [
        ("nothing", |_| {}, &["ingest"]),
        ("budget", |c| c.constraints.budget = Some(900.0), &["ingest", "allocate", "report"]),
        ("figures", |c| c.report.figures = false, &["ingest", "report"]),
        ("beta", |c| c.churn.beta = 1.0, &["ingest", "churn", "value", "allocate", "report"]),
        ("clusters", |c| c.segments.k = 5, &["ingest", "segment", "allocate", "report"]),
        ("freshness", |c| c.validate.freshness_days = 9, &["ingest", "validate", "clean", "report"]),
        ("fences", |c| c.clean.iqr_factor = 2.0, &["ingest", "clean", "features", "report"]),
        ("months", |c| c.snapshots.max = 9, &["ingest", "features", "segment", "churn", "value", "allocate", "report"]),
        ("seed", |c| c.run.seed = 3, &["ingest", "clean", "segment", "churn", "value", "allocate", "report"]),
    ];
    for (what, change, expected) in cases {
        let (out, fresh) = (dir.path().join(what), dir.path().join(format!("{what} fresh")));
        copy(&BASE.out, &out);
        let mut config = with_figures();
        change(&mut config);
        assert_eq!(computed(&config, &out), expected, "{what}");
        assert_eq!(computed(&config, &fresh), all, "{what}");
        assert_eq!(differing(&fresh, &out, &TIMES), Vec::<String>::new(), "{what}");
    }
    // All anew where that is asked for.
    let told = Told::default();
    let ctx = Ctx { progress: &told, reuse: false, ..ctx(2) };
    let out = dir.path().join("nothing");
    pipeline::run(&ctx, &with_figures(), std::slice::from_ref(&BASE.file), &out).unwrap();
    assert!(told.0.into_inner().unwrap().iter().all(|(_, sentence)| !sentence.contains("taken over")));
}

/// Ends the process, as it were, when a stage begins.
struct StopsAt(Stage);

impl Progress for StopsAt {
    fn begin(&self, stage: Stage, _: Option<f64>) {
        assert!(stage != self.0, "stopped");
    }
}

/// A run with other settings that was interrupted leaves nothing that the next one could take for its own.
#[test]
fn what_another_run_had_begun_does_not_mix_with_the_next() {
    let dir = temp();
    let out = dir.path().join("out");
    copy(&BASE.out, &out);
    let mut shorter = with_figures();
    shorter.snapshots.as_of = Instant::parse("2023-11-15");
    for stage in [Stage::Features, Stage::Churn, Stage::Report] {
        let stopped = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let ctx = Ctx { progress: &StopsAt(stage), ..ctx(2) };
            pipeline::run(&ctx, &shorter, std::slice::from_ref(&BASE.file), &out)
        }));
        assert!(stopped.is_err(), "{stage:?}");
        assert_eq!(differing(&BASE.out, &out, &TIMES), Vec::<String>::new(), "{stage:?}");
        // Taken over from the published run, beside what the other one has left.
        let mut config = with_figures();
        config.constraints.budget = Some(700.0);
        assert_eq!(computed(&config, &out), ["ingest", "allocate", "report"], "{stage:?}");
        run(&with_figures(), &BASE.file, &out);
        assert_eq!(differing(&BASE.out, &out, &TIMES), Vec::<String>::new(), "{stage:?}");
    }
}

/// Every file is in the manifest with its size and hash, and everything in the manifest is a file.
fn check_manifest(out: &Path) {
    let facts: BTreeMap<String, (u64, String)> =
        manifest(out).artefacts.into_iter().map(|a| (a.name, (a.bytes, a.blake3))).collect();
    let found: BTreeMap<String, (u64, String)> = files(out)
        .into_iter()
        .filter(|(name, _)| !name.ends_with('/') && name != artifact::MANIFEST && name != artifact::TIMINGS)
        .map(|(name, bytes)| (name, (bytes.len() as u64, blake3::hash(&bytes).to_hex().to_string())))
        .collect();
    assert_eq!(facts.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    assert_eq!(facts, found);
}

#[test]
fn the_manifest_lists_every_artefact_and_every_input_with_its_hash() {
    check_manifest(&BASE.out);
    let inputs = manifest(&BASE.out).inputs;
    let bytes = fs::read(&BASE.file).unwrap();
    assert_eq!(inputs.len(), 1);
    assert_eq!((inputs[0].name.as_str(), inputs[0].bytes), ("transactions.csv", bytes.len() as u64));
    assert_eq!(inputs[0].blake3, blake3::hash(&bytes).to_hex().to_string());
    for artefact in [
        artifact::CLEANED,
        artifact::QUARANTINE,
        artifact::CUSTOMER_SCORES,
        artifact::SEGMENT_ASSIGNMENTS,
        artifact::SEGMENT_SUMMARY,
        artifact::SEGMENT_STRATEGIES,
        artifact::ALLOCATION,
        artifact::OFFER_PLAN,
        artifact::EXECUTION_PLAN,
        artifact::OPTIMIZATION_METRICS,
        artifact::BUDGET_SENSITIVITY,
        artifact::VALIDATION,
        "models/churn.json",
        "models/value.json",
        "models/segments.json",
    ] {
        assert!(BASE.out.join(artefact).exists(), "{artefact}");
    }
}

#[test]
fn lines_in_are_lines_kept_and_lines_set_aside_for_each_source() {
    let dir = temp();
    let mut second = Csv::read(&BASE.file);
    let (time, customer) = (second.column("InvoiceDate"), second.column("Customer ID"));
    second.rows.truncate(3_000);
    for row in second.rows.iter_mut().step_by(100) {
        row[time] = "some day".to_owned();
    }
    for row in second.rows.iter_mut().skip(1).step_by(50) {
        row[customer].clear();
    }
    let second = second.write(&dir.path().join("second"));
    let renamed = second.with_file_name("second.csv");
    fs::rename(second, &renamed).unwrap();
    let out = dir.path().join("out");
    for stage in [Stage::Ingest, Stage::Clean] {
        pipeline::run_stage(&ctx(2), &config(), stage, &[BASE.file.clone(), renamed.clone()], &out).unwrap();
    }
    let by_source = |artefact: &str| -> BTreeMap<String, u64> {
        let rows = select(&out.join(artefact), "select source, count(*) as n from t group by source order by source");
        rows.texts("source").unwrap().into_iter().zip(rows.u64s("n").unwrap()).collect()
    };
    let (kept, aside) = (by_source(artifact::CLEANED), by_source(artifact::QUARANTINE));
    let read: ingest::Facts = manifest(&out).stage(Stage::Ingest, &out).unwrap();
    assert_eq!(read.sources.len(), 2);
    for source in &read.sources {
        let (kept, aside) = (kept[&source.name], aside[&source.name]);
        assert_eq!(source.rows_in, kept + aside, "{}", source.name);
        assert!(aside > 0 && kept > 0, "{}: {kept} and {aside}", source.name);
    }
    assert_eq!(read.sources.iter().find(|s| s.name == "second.csv").unwrap().rows_in, 3_000);
    assert_eq!(read.rejected, 30);

    let facts: clean::Facts = manifest(&out).stage(Stage::Clean, &out).unwrap();
    assert_eq!(facts.rows_in, facts.kept + facts.quarantined);
    let named = select(
        &out.join(artifact::QUARANTINE),
        "select source, stage, reason, count(*) as n from t group by source, stage, reason
         order by source, stage, reason",
    );
    let counts: Vec<u64> = facts.set_aside.iter().map(|s| s.rows).collect();
    assert_eq!(named.u64s("n").unwrap(), counts);
    assert_eq!(named.texts("reason").unwrap(), facts.set_aside.iter().map(|s| s.reason.clone()).collect::<Vec<_>>());
    // The second file repeats the first one's lines: what is not refused for another reason is a duplicate.
    let duplicates = facts.set_aside.iter().filter(|s| s.reason == "duplicate").map(|s| s.rows).sum::<u64>();
    assert!(duplicates > 2_000, "{duplicates}");
    let no_line =
        select(&out.join(artifact::QUARANTINE), "select count(*) as n from t where reason is null or stage is null");
    assert_eq!(no_line.one_i64("n").unwrap(), 0);
}

#[test]
fn a_strict_run_that_fails_a_check_publishes_only_the_checks() {
    let dir = temp();
    let (fresh, older) = (dir.path().join("fresh"), dir.path().join("older"));
    copy(&BASE.out, &older);
    let mut file = Csv::read(&BASE.file);
    let time = file.column("InvoiceDate");
    file.rows[5][time] = "1970-01-01 00:00:00".to_owned();
    let file = file.write(dir.path());
    let mut strict = config();
    strict.validate.strict = true;
    for out in [&fresh, &older] {
        match pipeline::run(&ctx(2), &strict, std::slice::from_ref(&file), out) {
            Err(Error::Checks { failed }) => assert!(!failed.is_empty()),
            other => panic!("{other:?}"),
        }
    }
    let checks = [artifact::MANIFEST, artifact::TIMINGS, artifact::VALIDATION, artifact::VALIDATION_PAGE];
    assert_eq!(files(&fresh).into_keys().collect::<Vec<_>>(), checks);
    assert_eq!(differing(&BASE.out, &older, &TIMES), [checks[0], checks[2], checks[3]]);
    // The checks that failed are of another file than the rest: they are no part of the run to go on from.
    let kept = manifest(&older);
    assert_eq!(kept.stages, manifest(&BASE.out).stages);
    assert!(!kept.made.contains_key("validate") && kept.made.contains_key("report"));
}

#[test]
fn a_run_over_an_older_one_leaves_nothing_of_it() {
    let dir = temp();
    let out = dir.path().join("out");
    copy(&BASE.out, &out);
    let mut shorter = config();
    shorter.snapshots.as_of = Instant::parse("2023-09-01");
    run(&shorter, &BASE.file, &out);
    let fresh = dir.path().join("fresh");
    run(&shorter, &BASE.file, &fresh);
    let older = differing(&fresh, &out, &TIMES);
    assert_eq!(
        older.iter().filter(|name| name.starts_with("data/") || name.starts_with("outputs/")).count(),
        0,
        "{older:?}"
    );
    check_manifest(&out);
}

#![allow(clippy::unwrap_used)]
use std::fs;
use std::path::Path;

use serde_json::json;

use super::write::spreadsheet_safe;
use super::*;
use crate::ctx::{Caller, Stage};

fn caller(build: &str) -> Caller {
    Caller { build: build.to_owned(), holder: "process 7, since noon".to_owned() }
}

fn open(out: &Path) -> RunFolder {
    RunFolder::open(out, &caller("a")).unwrap()
}

fn begun(out: &Path) -> RunFolder {
    let mut run = open(out);
    run.begin(Manifest { tenure: "1".to_owned(), ..Manifest::default() });
    run
}

/// A stage that writes `text` to `artefact`.
fn stage(run: &mut RunFolder, stage: Stage, artefact: &str, text: &str) {
    run.begin_stage();
    run.write_text(artefact, text).unwrap();
    run.record(stage, &json!({ "says": text }), vec![]).unwrap();
    run.finish_stage(stage, "settings".to_owned(), 0.0).unwrap();
}

fn text(out: &Path, artefact: &str) -> String {
    fs::read_to_string(out.join(artefact)).unwrap()
}

#[test]
fn nothing_appears_before_publication_and_all_of_it_after() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path();
    let mut run = begun(out);
    stage(&mut run, Stage::Ingest, "outputs/a.txt", "one");
    stage(&mut run, Stage::Features, "data/features/as_of=2011-01-01/part-0.parquet", "x");
    assert!(!out.join("outputs").exists());
    assert!(matches!(Run::open(out), Err(Error::Input { .. })));
    run.publish().unwrap();
    assert_eq!(text(out, "outputs/a.txt"), "one");

    // Going on: what is not written again stays, a folder that is written again is new, later records are gone.
    let reader = Run::open(out).unwrap();
    let mut run = open(out);
    run.go_on().unwrap();
    assert_eq!(run.record_of::<serde_json::Value>(Stage::Ingest).unwrap()["says"], "one");
    stage(&mut run, Stage::Features, "data/features/as_of=2011-02-01/part-0.parquet", "y");
    let manifest = run.publish().unwrap();
    assert_eq!(text(out, "outputs/a.txt"), "one");
    assert!(!out.join("data/features/as_of=2011-01-01").exists(), "the old snapshots are gone");
    assert_eq!(manifest.artefacts.len(), 2);
    // Who has begun with the run before still reads it.
    let old = reader.path("data/features", Stage::Features).unwrap();
    assert!(old.join("as_of=2011-01-01/part-0.parquet").exists());
    for k in 0..3 {
        let mut run = begun(out);
        stage(&mut run, Stage::Ingest, "outputs/a.txt", &format!("run {k}"));
        run.publish().unwrap();
        assert!(old.exists(), "after {k} more runs");
    }
    drop(reader);
    let mut run = begun(out);
    stage(&mut run, Stage::Ingest, "models/b.json", "last");
    run.publish().unwrap();
    assert!(!old.exists());
    assert!(fs::symlink_metadata(out.join("outputs")).is_err(), "no link to what is not there");
    assert_eq!(fs::read_dir(out.join(".tenure")).unwrap().count(), 4, "two generations, the link and the lock");
}

#[test]
fn what_is_published_is_never_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path();
    let mut run = begun(out);
    stage(&mut run, Stage::Ingest, "outputs/a.txt", "one");
    run.publish().unwrap();
    let mut run = begun(out);
    assert!(run.take_over_stage(Stage::Ingest, "settings").unwrap());
    // The same file by a link now: whoever writes it again writes another one.
    stage(&mut run, Stage::Ingest, "outputs/a.txt", "two");
    assert_eq!(text(out, "outputs/a.txt"), "one");
}

#[test]
fn a_stage_is_taken_over_only_where_nothing_it_was_made_from_has_changed() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path();
    let reading = |run: &mut RunFolder| {
        run.begin_stage();
        run.read("data/a.txt", Stage::Ingest).unwrap();
        run.write_text("data/b.txt", "b").unwrap();
        run.record(Stage::Clean, &json!({}), vec!["w".to_owned()]).unwrap();
        run.finish_stage(Stage::Clean, "settings".to_owned(), 0.0).unwrap();
    };
    let first = |build: &str, a: &str| {
        let mut run = RunFolder::open(out, &caller(build)).unwrap();
        run.begin(Manifest::default());
        stage(&mut run, Stage::Ingest, "data/a.txt", a);
        run
    };
    let mut run = first("a", "one");
    reading(&mut run);
    let whole = run.publish().unwrap();

    let mut run = first("a", "one");
    assert!(!run.take_over_stage(Stage::Clean, "other settings").unwrap());
    assert!(run.take_over_stage(Stage::Clean, "settings").unwrap());
    assert_eq!(run.publish().unwrap(), whole);
    assert!(!first("a", "two").take_over_stage(Stage::Clean, "settings").unwrap(), "another source");
    assert!(!first("b", "one").take_over_stage(Stage::Clean, "settings").unwrap(), "another build");
    let mut run = first("a", "one");
    run.forget();
    assert!(!run.take_over_stage(Stage::Clean, "settings").unwrap(), "all anew");
    drop(run);
    // A file whose bytes have changed is refused by readers and made again by the next run.
    fs::write(out.join("data/b.txt"), "c").unwrap();
    let error = Run::open(out).unwrap().path("data/b.txt", Stage::Clean).unwrap_err();
    assert!(matches!(&error, Error::Corrupt { artefact, .. } if artefact == "data/b.txt"), "{error}");
    assert!(!first("a", "one").take_over_stage(Stage::Clean, "settings").unwrap(), "changed bytes");
}

/// Parquet notices few of them: two thirds of all flipped bytes silently give other numbers.
#[test]
fn every_flipped_byte_is_noticed_before_a_table_is_used() {
    use tenure_tables::store::{Column, write_columns};

    let dir = tempfile::tempdir().unwrap();
    let out = dir.path();
    let mut run = begun(out);
    run.begin_stage();
    let table: Vec<f64> = (0..1_000).map(|i| f64::from(i * 7919 % 1000)).collect();
    write_columns(&run.write(CLEANED).unwrap(), &[("amount", Column::F64(table))]).unwrap();
    run.record(Stage::Clean, &json!({}), vec![]).unwrap();
    run.finish_stage(Stage::Clean, "settings".to_owned(), 0.0).unwrap();
    run.publish().unwrap();
    let path = out.join(CLEANED);
    let honest = fs::read(&path).unwrap();
    let reader = Run::open(out).unwrap();
    let mut random = tenure_math::rng::stream(5, "flips", 0);
    for _ in 0..2_000 {
        let (at, bit) =
            (rand::RngExt::random_range(&mut random, 0..honest.len()), rand::RngExt::random_range(&mut random, 0..8));
        let mut bytes = honest.clone();
        bytes[at] ^= 1 << bit;
        fs::write(&path, bytes).unwrap();
        assert!(matches!(reader.path(CLEANED, Stage::Clean), Err(Error::Corrupt { .. })), "byte {at}, bit {bit}");
    }
    fs::write(&path, honest).unwrap();
    reader.path(CLEANED, Stage::Clean).unwrap();
}

#[test]
fn what_an_interrupted_run_had_finished_is_taken_up_and_the_rest_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path();
    let mut run = begun(out);
    stage(&mut run, Stage::Ingest, "data/a.txt", "one");
    run.begin_stage();
    run.write_text("data/half.txt", "ha").unwrap();
    drop(run);
    assert!(out.join(".tenure/run-1/data/half.txt").exists());
    let mut run = begun(out);
    assert!(!out.join(".tenure/run-1/data/half.txt").exists());
    assert!(run.take_over_stage(Stage::Ingest, "settings").unwrap());
    run.publish().unwrap();
    assert_eq!(text(out, "data/a.txt"), "one");

    let run = open(out);
    run.begin_stage();
    run.write_text("data/half.txt", "ha").unwrap();
    let full = Error::io(Path::new("half.txt"))(std::io::ErrorKind::StorageFull.into());
    let error = run.abandon_stage(full);
    assert!(!out.join(".tenure/run-2/data/half.txt").exists(), "a stage that fails cleans up");
    // "ha" was written; the run before holds "one".
    assert!(matches!(error, Error::Full { written: 2, before: Some(3), .. }), "{error:?}");
    assert!(error.hint().unwrap().starts_with("free at least 0.0 MB (this run had written 0.0 MB, and the one before"));
    assert_eq!(error.kind(), crate::error::Kind::Retryable);
}

#[test]
fn one_process_at_a_time_and_the_others_learn_who() {
    let dir = tempfile::tempdir().unwrap();
    let held = open(dir.path());
    let error = RunFolder::open(dir.path(), &caller("a")).unwrap_err();
    assert!(error.to_string().contains("process 7, since noon"), "{error}");
    assert_eq!(error.kind(), crate::error::Kind::Retryable);
    drop(held);
    open(dir.path());
}

#[test]
fn what_is_not_ours_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    let error = RunFolder::open(dir.path(), &caller("a")).unwrap_err();
    assert!(error.to_string().contains("data is in the way"), "{error}");
}

#[test]
fn files_of_the_user_among_the_artefacts_stay() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path();
    for k in 0..4 {
        let mut run = begun(out);
        stage(&mut run, Stage::Ingest, "outputs/a.txt", &format!("run {k}"));
        run.publish().unwrap();
        if k == 0 {
            fs::write(out.join("outputs/notes.txt"), "mine").unwrap();
        }
    }
    assert_eq!((text(out, "outputs/notes.txt"), text(out, "outputs/a.txt")), ("mine".to_owned(), "run 3".to_owned()));
    // An artefact that is gone is named, and the run goes on from there no further.
    fs::remove_file(out.join("outputs/a.txt")).unwrap();
    let mut run = open(out);
    run.go_on().unwrap();
    stage(&mut run, Stage::Clean, "data/b.txt", "b");
    let error = run.publish().unwrap_err();
    assert!(matches!(&error, Error::Corrupt { artefact, .. } if artefact == "outputs/a.txt"), "{error}");
}

#[test]
fn a_missing_artefact_names_the_stage_that_makes_it() {
    let dir = tempfile::tempdir().unwrap();
    let run = open(dir.path());
    let error = run.read(CLEANED, Stage::Clean).unwrap_err();
    assert!(error.hint().unwrap().contains("tenure clean"));
}

#[test]
fn cells_start_no_formula() {
    assert_eq!(spreadsheet_safe("=1+1"), "'=1+1");
    assert_eq!(spreadsheet_safe(" @x"), "' @x");
    assert_eq!(spreadsheet_safe("-12.5"), "-12.5");
    assert_eq!(spreadsheet_safe("12346"), "12346");
}

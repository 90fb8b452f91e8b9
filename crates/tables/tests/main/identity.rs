//! The same rows, the same bytes: whatever the number of threads, the size of a batch and the order of the input.

use std::collections::BTreeMap;
use std::fs;

use tenure_tables::engine::EngineConfig;
use tenure_tables::query;

use crate::queries::{random_lines, random_question, shuffled};
use crate::shop::{DAY_US, Line, Question, Tables, numbered};

/// Some 27,000 lines of 600 customers, so that a file has more than one page; every eighth line is given back, in part
/// or in whole, and every fiftieth stands there twice.
fn lines() -> Vec<Line> {
    let mut lines = random_lines(600, 9_000);
    let more: Vec<Line> = lines
        .iter()
        .enumerate()
        .filter_map(|(i, line)| match i {
            i if i % 8 == 1 => Some(Line {
                order: format!("C{i}"),
                quantity: -(line.quantity / (1 + i % 3) as f64).ceil(),
                ordered_us: line.ordered_us + (i % 40) as i64 * DAY_US / 2,
                ..line.clone()
            }),
            i if i % 50 == 2 => Some(line.clone()),
            _ => None,
        })
        .collect();
    lines.extend(more);
    lines
}

/// The files that the chain of queries leaves, by name.
fn files(lines: &[Line], threads: usize, batch_size: usize) -> BTreeMap<String, Vec<u8>> {
    let tables = Tables::build(lines, &random_question(), &EngineConfig { threads, batch_size, memory_bytes: None });
    let labels = tables.path("labels").with_extension("");
    tables.engine.write_partitioned(query::LABELS.sql, &[], &labels).unwrap();
    let mut found = BTreeMap::new();
    for table in ["cleaned", "quarantine", "order_events"] {
        found.insert(table.to_owned(), fs::read(tables.path(table)).unwrap());
    }
    for (table, folder) in [("features", tables.path("features")), ("labels", labels)] {
        for part in fs::read_dir(folder).unwrap() {
            let part = part.unwrap().path();
            let name = format!("{table}/{}", part.file_name().unwrap().to_string_lossy());
            found.insert(name, fs::read(part.join("part-0.parquet")).unwrap());
        }
    }
    found
}

fn differing(a: &BTreeMap<String, Vec<u8>>, b: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    a.iter().filter(|(name, bytes)| b[*name] != **bytes).map(|(name, _)| name.clone()).collect()
}

#[test]
fn the_same_bytes_on_any_threads_in_any_batches_and_from_any_order_of_rows() {
    let lines = lines();
    let ordered = numbered(&lines);
    let expected = files(&ordered, 1, 8192);
    assert_eq!(expected.len(), 3 + 3 + 2, "three tables, three snapshots, two with labels");
    assert!(expected["cleaned"].len() > 200_000 && lines.len() > 20_480, "{} lines", lines.len());
    for threads in [1, 2, 8] {
        for batch_size in [8192, 1024, 97] {
            let found = files(&ordered, threads, batch_size);
            assert_eq!(
                differing(&expected, &found),
                Vec::<String>::new(),
                "{threads} threads, batches of {batch_size}"
            );
        }
    }
    // Rows in another order that bear the numbers they had.
    let found = files(&shuffled(&ordered), 8, 1024);
    assert_eq!(differing(&expected, &found), Vec::<String>::new(), "rows in another order");
    // Numbered anew: the lines tell their numbers, and the events which order was the first of an instant.
    let found = files(&numbered(&shuffled(&lines)), 2, 97);
    assert_eq!(differing(&expected, &found), ["cleaned", "order_events", "quarantine"]);
}

/// Where a shop is large, the features are computed for a few snapshots at a time.
#[test]
fn a_snapshot_has_the_same_bytes_alone_and_among_others() {
    let (lines, question) = (numbered(&lines()), random_question());
    let features = |snapshots: &[&'static str], at: &str| {
        let some = Question { snapshots: snapshots.to_vec(), ..question.clone() };
        let tables = Tables::build(&lines, &some, &EngineConfig { threads: 2, ..EngineConfig::default() });
        fs::read(tables.path("features").join(format!("as_of={at}/part-0.parquet"))).unwrap()
    };
    for at in &question.snapshots {
        assert!(features(&question.snapshots, at) == features(&[at], at), "{at}");
    }
}

/// Otherwise the comparison above would compare nothing.
#[test]
fn one_cent_is_seen() {
    let mut lines = random_lines(60, 600);
    let expected = files(&numbered(&lines), 1, 8192);
    lines[700].price += 0.01;
    let found = differing(&expected, &files(&numbered(&lines), 1, 8192));
    assert!(["cleaned", "order_events"].iter().all(|name| found.iter().any(|f| f == name)), "{found:?}");
    assert!(found.iter().any(|name| name.starts_with("features/")), "{found:?}");
}

//! Every query keeps its contract: its file, its grain, its inputs, its columns.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tenure_tables::engine::{Engine, EngineConfig};
use tenure_tables::query::{self, Query};
use tenure_tables::store::FileWriter;

use crate::queries::{question, shop};
use crate::shop::{TABLES, Tables, numbered, parameters};

/// Files under `crates/tables/sql` of one kind, by stem.
fn files(extension: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for folder in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("sql")).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|e| e == extension) {
                let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
                assert!(found.insert(stem, fs::read_to_string(&path).unwrap()).is_none(), "{}", path.display());
            }
        }
    }
    found
}

#[test]
fn every_file_is_a_query_and_every_query_a_file() {
    let named: BTreeMap<String, Query> = query::ALL.iter().map(|q| (q.name.to_owned(), *q)).collect();
    assert_eq!(named.len(), query::ALL.len(), "a name occurs twice");
    for (extension, text) in [("sql", (|q| q.sql) as fn(&Query) -> &str), ("toml", |q| q.contract)] {
        let files = files(extension);
        assert_eq!(
            files.keys().collect::<Vec<_>>(),
            named.keys().collect::<Vec<_>>(),
            "the {extension} files on disk and query::ALL differ"
        );
        for (name, query) in &named {
            assert_eq!(files[name], text(query), "{name} includes another file's {extension}");
        }
    }
}

#[test]
fn a_contract_says_what_a_row_is_and_what_every_column_means() {
    for query in query::ALL {
        let contract = query.contract().unwrap();
        let grain = &contract.grain;
        assert!(grain.starts_with("One row") && grain.ends_with('.') && grain.len() > 15, "{}: {grain:?}", query.name);
        assert!(!contract.inputs.is_empty(), "{}", query.name);
        for input in &contract.inputs {
            assert!(TABLES.contains(&input.as_str()), "{}: unknown input {input}", query.name);
        }
        for (column, meaning) in &contract.columns {
            let meaning = meaning.get("meaning").unwrap_or(meaning).as_str().unwrap_or_default();
            assert!(meaning.len() > 2, "{}.{column} has no meaning", query.name);
        }
    }
}

/// The last select names its columns one by one, and no rows come without a stated order.
#[test]
fn a_query_names_its_columns_and_its_order() {
    for query in query::ALL {
        let (_, last) = query.sql.rsplit_once("\nselect").unwrap_or_else(|| panic!("{} selects nothing", query.name));
        assert!(!last.trim_start().starts_with('*'), "{} selects everything", query.name);
        let one_row = query.contract().unwrap().grain.starts_with("One row:");
        // Whoever asks for the lines with their problems counts them, or says in which order he wants them.
        let unordered = one_row || query.name == "validate_lines";
        assert_eq!(last.contains("\norder by "), !unordered, "the order of {}", query.name);
    }
}

/// A copy of a table without its rows.
fn without_rows(full: &Tables, table: &str, dir: &Path) -> std::path::PathBuf {
    full.engine.register(table, &full.path(table)).unwrap();
    let frame = full.engine.select(&format!("select * from {table} limit 1"), &[]).unwrap();
    let batch = frame.batches().iter().find(|b| b.num_columns() > 0).cloned();
    let path = dir.join(format!("{table}.parquet"));
    let batch = batch.unwrap_or_else(|| panic!("{table} has no row to take its columns from"));
    let mut writer = FileWriter::create(&path, batch.schema()).unwrap();
    writer.push(&batch.slice(0, 0)).unwrap();
    writer.finish().unwrap();
    path
}

#[test]
fn columns_and_inputs_are_those_of_the_contract_with_rows_and_without() {
    let full = Tables::build(&numbered(&shop()), &question(), &EngineConfig::default());
    let dir = TempDir::new().unwrap();
    for query in query::ALL {
        let contract = query.contract().unwrap();
        let promised: Vec<String> = contract.columns.keys().cloned().collect();
        for empty in [false, true] {
            // Only the inputs that the contract names are there.
            let engine = Engine::open(&EngineConfig::default()).unwrap();
            for input in &contract.inputs {
                let path = if empty && input != "outlier_bounds" {
                    without_rows(&full, input, dir.path())
                } else {
                    full.path(input)
                };
                engine.register(input, &path).unwrap();
            }
            let frame = engine
                .select(query.sql, &parameters(query.sql, question().as_of))
                .unwrap_or_else(|e| panic!("{} (empty: {empty}): {e}", query.name));
            let mut names = frame.names();
            names.sort();
            assert_eq!(names, promised, "{} (empty: {empty})", query.name);
            let distinct: BTreeSet<&String> = names.iter().collect();
            assert_eq!(distinct.len(), names.len(), "{} names a column twice", query.name);
            if !empty && query.name != "validate_returns" {
                assert!(frame.n_rows() > 0, "{} finds nothing in the shop", query.name);
            }
        }
    }
}

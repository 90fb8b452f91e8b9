//! The commands in the README and the guide are run as they stand there, in order, in one folder.

#![allow(clippy::disallowed_methods)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How a command that runs tenure starts in a document.
const STARTS: [&str; 2] = ["cargo run --release -- ", "tenure "];

fn root() -> PathBuf {
    Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../..")
}

/// The commands of tenure in the `sh` blocks of a document.
fn commands(document: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(document)).expect("the document is part of the repository");
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = line.trim() == "```sh";
        } else if inside {
            let line = line.split(" #").next().unwrap_or_default().trim();
            if let Some(arguments) = STARTS.iter().find_map(|start| line.strip_prefix(start)) {
                found.push(arguments.to_owned());
            }
        }
    }
    found
}

/// What a shop may know of the customers of its sales: visits, and whether they take the newsletter.
fn customers(sales: &str) -> String {
    let mut lines = sales.lines();
    let column = lines.next().and_then(|header| header.split(',').position(|name| name == "Customer ID"));
    let column = column.expect("a column of customers");
    let ids: std::collections::BTreeSet<&str> =
        lines.filter_map(|line| line.split(',').nth(column)).filter(|id| id.len() > 2).collect();
    let mut table = "customer_id,valid_from,visits,newsletter\n".to_owned();
    for (i, id) in ids.into_iter().enumerate() {
        let newsletter = if i % 3 == 0 { "yes" } else { "no" };
        table.push_str(&format!("{id},2020-01-01,{},{newsletter}\n{id},2024-02-01,{},\n", i % 7, i % 5));
    }
    table
}

fn run_all(document: &str) {
    let commands = commands(document);
    assert!(!commands.is_empty(), "{document} shows no command of tenure");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tenure = |arguments: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_tenure"))
            .args(arguments.split_whitespace())
            .current_dir(folder.path())
            .output()
            .expect("tenure starts");
        assert!(
            output.status.success(),
            "{document}: `tenure {arguments}` failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    // What the reader has and we have not: a file of her own.
    tenure("demo --out own");
    let own = fs::read_to_string(folder.path().join("own/world/transactions.csv")).expect("a file to read");
    fs::write(folder.path().join("sales.csv"), &own).expect("a folder to write to");
    // Another file of the same form: the same shop without its last line.
    let shorter = own.trim_end().rsplit_once('\n').map_or("", |(lines, _)| lines).to_owned() + "\n";
    fs::write(folder.path().join("orders.csv"), shorter).expect("a folder to write to");
    fs::write(folder.path().join("customers.csv"), customers(&own)).expect("a folder to write to");
    for command in commands {
        tenure(&command);
    }
}

#[test]
fn the_commands_of_the_readme_work() {
    run_all("README.md");
}

#[test]
fn the_commands_of_the_guide_work() {
    run_all("docs/guide/getting-started.md");
}

/// The feature dictionary as Markdown, from the contract of the feature query.
fn feature_dictionary() -> String {
    let path = root().join("crates/tables/sql/marts/features.toml");
    let contract: toml::Table = fs::read_to_string(path).expect("the contract").parse().expect("valid TOML");
    let sql = fs::read_to_string(root().join("crates/tables/sql/marts/features.sql")).expect("the query");
    let last = sql.rfind("\nselect\n").expect("a final select");
    let columns = contract["columns"].as_table().expect("columns");
    let mut page = format!(
        "# Feature dictionary\n\nGenerated from `crates/tables/sql/marts/features.toml`; a test keeps it so \
         (`UPDATE_REFERENCE=1 cargo test --release --workspace documents` rewrites it). {} The SQL is in \
         `crates/tables/sql/marts/features.sql` and `crates/tables/sql/intermediate/order_events.sql`.\n\n\
         | feature | meaning | unit | window | needs |\n|---|---|---|---|---|\n",
        contract["grain"].as_str().expect("a grain sentence")
    );
    let mut names: Vec<&String> = columns.keys().collect();
    names.sort_by_key(|name| sql[last..].find(&format!(" {name}")).unwrap_or(usize::MAX));
    for name in names {
        let entry = &columns[name];
        let cell = |key: &str| entry[key].as_str().expect("text").to_owned();
        page.push_str(&format!(
            "| `{name}` | {} | {} | {} | {} |\n",
            cell("meaning"),
            cell("unit"),
            cell("window"),
            cell("needs")
        ));
    }
    page
}

#[test]
fn the_feature_dictionary_is_that_of_the_query() {
    let path = root().join("docs/reference/features.md");
    let wanted = feature_dictionary();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
        fs::write(&path, &wanted).expect("the page");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "docs/reference/features.md is stale: run with UPDATE_REFERENCE=1");
}

#[test]
fn the_default_configuration_in_the_reference_is_the_built_in_one() {
    let path = root().join("docs/reference/tenure.toml");
    let wanted = fs::read_to_string(root().join("crates/stages/src/config/default.toml")).expect("the defaults");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        fs::write(&path, &wanted).expect("the page");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "docs/reference/tenure.toml is stale: run with UPDATE_REFERENCE=1");
}

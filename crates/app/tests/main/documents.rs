//! The commands in the README and the guide are run as they stand there, in order, in one folder.

#![allow(clippy::disallowed_methods)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How a command that runs tenure starts in a document.
const STARTS: [&str; 2] = ["cargo run --release -- ", "tenure "];

/// Columns of the feature table that are no feature.
const KEYS: [&str; 2] = ["as_of", "customer_id"];

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

/// The words of a command; what stands in double quotes is one.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in command.split('"').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// The header and the lines of three customers in ten: enough for every command.
fn some_customers(sales: &str) -> String {
    let mut lines = sales.lines();
    let header = lines.next().expect("a header");
    let column = header.split(',').position(|name| name == "Customer ID").expect("a column of customers");
    let stays = |line: &&str| line.split(',').nth(column).is_some_and(|id| id.ends_with(['1', '5', '7']));
    std::iter::once(header).chain(lines.filter(stays)).map(|line| format!("{line}\n")).collect()
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

/// A trial: every other customer contacted, which brings more from those with a high score.
fn trial() -> String {
    let mut table = "customer_id,contacted,p_churn,spend\n".to_owned();
    for i in 0..400 {
        let (contacted, score) = (i % 2, (i / 2) % 10);
        table.push_str(&format!("{i},{contacted},0.{score},{}\n", (i * 7) % 30 + contacted * score));
    }
    table
}

fn run_all(document: &str) {
    let commands = commands(document);
    assert!(!commands.is_empty(), "{document} shows no command of tenure");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tenure = |arguments: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_tenure"))
            .args(words(arguments))
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
    let own = some_customers(&own);
    fs::write(folder.path().join("sales.csv"), &own).expect("a folder to write to");
    // Another file of the same form: the same shop without its last line.
    let shorter = own.trim_end().rsplit_once('\n').map_or("", |(lines, _)| lines).to_owned() + "\n";
    fs::write(folder.path().join("orders.csv"), shorter).expect("a folder to write to");
    fs::write(folder.path().join("customers.csv"), customers(&own)).expect("a folder to write to");
    fs::write(folder.path().join("trial.csv"), trial()).expect("a folder to write to");
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

/// The items of the select list that follows `start`, by name, each with its expression; a column that is only passed on
/// has its own name for one.
fn select_list(sql: &str, start: &str) -> Vec<(String, String)> {
    let list = &sql[sql.find(start).expect("the start of a list") + start.len()..];
    let indent = list.lines().nth(1).map_or(0, |line| line.len() - line.trim_start().len());
    let mut items = vec![String::new()];
    let mut depth = 0;
    for line in list.lines().skip(1) {
        let text = line.trim_start();
        if depth == 0 && text.starts_with("from ") {
            break;
        }
        depth += text.matches('(').count() as i32 - text.matches(')').count() as i32;
        let kept = &line[indent.min(line.len() - text.len())..];
        let item = items.last_mut().expect("there is always one");
        match kept.strip_suffix(',').filter(|_| depth == 0) {
            Some(end) => {
                item.push_str(end);
                items.push(String::new());
            }
            None => {
                item.push_str(kept);
                item.push('\n');
            }
        }
    }
    let named = |item: String| {
        let item = item.trim();
        let (expression, name) = item.rsplit_once(" as ").unwrap_or((item, item));
        let name = name.trim();
        assert!(name.chars().all(|c| c.is_alphanumeric() || c == '_'), "no name: {item}");
        (name.to_owned(), expression.trim_end().to_owned())
    };
    items.into_iter().map(named).collect()
}

fn expression<'a>(list: &'a [(String, String)], name: &str) -> Option<&'a str> {
    list.iter().find(|(known, _)| known == name).map(|(_, expression)| expression.as_str())
}

/// The SQL of a feature: its expression, and below it the sums over orders that it is made of.
fn sql_of(feature: &str, sql: &str) -> String {
    let columns = select_list(sql, "\nselect");
    let acquired = select_list(sql, "\nacquired as (\n    select");
    let customers = select_list(sql, "\ncustomers as (\n    select");
    let last = expression(&columns, feature).unwrap_or_else(|| panic!("{feature} is not in the final select"));
    // Computed in the final select, from other features.
    if last != feature {
        return format!("{last}\n");
    }
    let made = expression(&acquired, feature).unwrap_or_else(|| panic!("{feature} comes from nowhere"));
    if made == feature {
        return format!("{}\n", expression(&customers, feature).unwrap_or_else(|| panic!("{feature} is no sum")));
    }
    let mut text = format!("{made}\n");
    let mut seen = vec!["as_of_us"];
    for word in made.split(|c: char| !c.is_alphanumeric() && c != '_') {
        if let Some(sum) = expression(&customers, word).filter(|_| !seen.contains(&word)) {
            seen.push(word);
            let flat: Vec<&str> = sum.split_whitespace().collect();
            text.push_str(&format!("-- {word} = {}\n", flat.join(" ").replace("( ", "(").replace(" )", ")")));
        }
    }
    text
}

/// The feature dictionary as Markdown, from the feature query and its contract.
fn feature_dictionary() -> String {
    let path = root().join("crates/tables/sql/marts/features.toml");
    let contract: toml::Table = fs::read_to_string(path).expect("the contract").parse().expect("valid TOML");
    let sql = fs::read_to_string(root().join("crates/tables/sql/marts/features.sql")).expect("the query");
    let columns = contract["columns"].as_table().expect("columns");
    let mut page = format!(
        "# Feature dictionary\n\nGenerated from `crates/tables/sql/marts/features.toml` and `features.sql`; a test keeps \
         it so (`UPDATE_REFERENCE=1 cargo test --release --workspace documents` rewrites it). {} What a run holds of \
         them, with coverage, spread and drift: `tenure features --describe`.\n\n\
         | feature | meaning | unit | window | needs |\n|---|---|---|---|---|\n",
        contract["grain"].as_str().expect("a grain sentence")
    );
    let names: Vec<String> = select_list(&sql, "\nselect").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), columns.len(), "the contract has other columns than the query");
    for name in &names {
        let entry = &columns[name];
        let cell = |key: &str| entry[key].as_str().expect("text").to_owned();
        let link = if KEYS.contains(&name.as_str()) { format!("`{name}`") } else { format!("[`{name}`](#{name})") };
        page.push_str(&format!(
            "| {link} | {} | {} | {} | {} |\n",
            cell("meaning"),
            cell("unit"),
            cell("window"),
            cell("needs")
        ));
    }
    page.push_str(
        "\n## SQL\n\nThe expression of each feature at a snapshot. The lines that start with `--` say which sums over the \
         customer's orders it is made of: an order counts with what was known of it strictly before `as_of` \
         (`known_us < as_of_us`), `lines > 0` makes it a purchase, and its values are net of the cancellations known by \
         then. Names end in their unit: `_us` is microseconds since 1970, `_e4` is 1/10,000 of the currency, `_e3` is \
         1/1,000; a day is 86,400,000,000 us. Within a sum `gap_days` is the distance of an order from the customer's \
         order before it, and `month_number` and `day_of_week` (0 is Sunday) are those of its day. `$season_days` is \
         the horizon of churn. Orders are put together by `crates/tables/sql/intermediate/order_events.sql`.\n",
    );
    for name in names.iter().filter(|name| !KEYS.contains(&name.as_str())) {
        page.push_str(&format!("\n### {name}\n\n```sql\n{}```\n", sql_of(name, &sql)));
    }
    page
}

#[test]
fn the_sql_of_a_feature_is_that_of_the_query() {
    let sql = fs::read_to_string(root().join("crates/tables/sql/marts/features.sql")).expect("the query");
    assert_eq!(
        sql_of("monetary_total", &sql),
        "net_e4 / 10000.0\n-- net_e4 = sum(case when lines > 0 then net_e4 else 0 end)\n"
    );
    assert_eq!(sql_of("frequency_90d", &sql), "orders_90d\n");
    assert!(sql_of("orders_30d", &sql).starts_with("sum(case when lines > 0 and happened_us >= as_of_us - 259"));
    assert!(sql_of("engagement_score", &sql).starts_with("25.0 * (\n    percent_rank() over"));
    assert!(sql_of("gap_cv", &sql).contains("\n-- gap_square = sum("));
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

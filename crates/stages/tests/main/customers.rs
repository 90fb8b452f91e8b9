//! The table of customers: what each snapshot sees of it, what it must not see, and what is refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tenure_stages::artifact;
use tenure_stages::config::Config;
use tenure_stages::ctx::Stage;
use tenure_stages::error::Error;
use tenure_stages::pipeline;

use crate::support::{AS_OF, BASE, Csv, config, ctx, differing, files, manifest, run, select, temp};

/// The 15th of every month from 2022-12 on, and a snapshot's own instant.
fn instants() -> Vec<String> {
    let mut all: Vec<String> = (1..=12).map(|month| format!("2023-{month:02}-15")).collect();
    all.extend(["2022-12-15".to_owned(), "2023-06-01".to_owned(), "2024-01-15".to_owned()]);
    all.sort();
    all
}

/// A row for each buyer and instant, and for some who never bought. Nobody's tickets are known before September.
fn table() -> Csv {
    let sales = Csv::read(&BASE.file);
    let column = sales.column("Customer ID");
    let mut ids: Vec<String> = sales.rows.iter().map(|row| row[column].clone()).filter(|id| !id.is_empty()).collect();
    ids.sort();
    ids.dedup();
    ids.extend((0..25).map(|i| format!("never-{i}")));
    let mut rows = Vec::new();
    for (i, id) in ids.iter().enumerate() {
        for (k, from) in instants().into_iter().enumerate() {
            let region = ["north", "south", "islands"][i % 7 % 3];
            let visits = if (i + k) % 5 == 0 { String::new() } else { ((i * 7 + k * 3) % 11).to_string() };
            let newsletter = if (i + k / 4) % 2 == 0 { "yes" } else { "no" };
            let plan = ["basic", "plus", "max"][(i + k) % 3];
            let tickets = if from.as_str() < "2023-09" { String::new() } else { (i % 4).to_string() };
            rows.push(vec![
                id.clone(),
                from,
                region.to_owned(),
                visits,
                newsletter.to_owned(),
                plan.to_owned(),
                tickets,
                format!("{id}@example.org"),
            ]);
        }
    }
    let header = ["customer_id", "valid_from", "Region", "Visits", "Newsletter", "Plan", "tickets", "email"];
    Csv { header: header.map(str::to_owned).to_vec(), rows }
}

/// Writes the table as `DIR/customers.csv`.
fn written(table: &Csv, dir: &Path) -> PathBuf {
    let path = dir.join("customers.csv");
    std::fs::rename(table.write(dir), &path).unwrap();
    path
}

fn settings(path: &Path) -> Config {
    let mut config = config();
    config.customers.file = path.display().to_string();
    config.customers.never_changes = vec!["region".to_owned()];
    config
}

/// Ingests, cleans and computes features.
fn features(threads: usize, config: &Config, out: &Path) -> Result<(), Error> {
    for stage in [Stage::Ingest, Stage::Clean, Stage::Features] {
        pipeline::run_stage(&ctx(threads), config, stage, std::slice::from_ref(&BASE.file), out)?;
    }
    Ok(())
}

/// The features of the table, by name of their file.
fn stored(table: &Csv) -> BTreeMap<String, Vec<u8>> {
    let dir = temp();
    let out = dir.path().join("out");
    features(2, &settings(&written(table, dir.path())), &out).unwrap();
    let mut files = files(&out);
    files.retain(|name, _| name.starts_with("data/features/as_of=") && name.ends_with(".parquet"));
    files
}

#[test]
fn every_value_is_the_latest_strictly_before_the_snapshot_by_brute_force() {
    let dir = temp();
    let out = dir.path().join("out");
    let table = table();
    features(2, &settings(&written(&table, dir.path())), &out).unwrap();
    let found = select(
        &out.join(artifact::FEATURES),
        "select as_of, customer_id, attr_visits, attr_newsletter, attr_region_share, attr_plan_share, attr_tickets
         from t order by as_of, customer_id",
    );
    let (at, who) = (found.texts("as_of").unwrap(), found.texts("customer_id").unwrap());
    let of = |name: &str| table.column(name);
    let mut rows: BTreeMap<&str, Vec<&Vec<String>>> = BTreeMap::new();
    table.rows.iter().for_each(|row| rows.entry(&row[0]).or_default().push(row));
    let latest = |i: usize, column: usize| -> Option<&str> {
        let mut known =
            rows[who[i].as_str()].iter().filter(|row| row[1].as_str() < at[i].as_str() && !row[column].is_empty());
        known.next_back().map(|row| row[column].as_str())
    };
    let number = |text: Option<&str>| text.map_or(f64::NAN, |t| t.parse().unwrap());
    let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
    let (visits, newsletter) = (found.f64s("attr_visits").unwrap(), found.f64s("attr_newsletter").unwrap());
    let tickets = found.f64s("attr_tickets").unwrap();
    for i in 0..found.n_rows() {
        assert!(same(visits[i], number(latest(i, of("Visits")))), "{} {}", at[i], who[i]);
        assert!(same(tickets[i], number(latest(i, of("tickets")))), "{} {}", at[i], who[i]);
        let wanted = latest(i, of("Newsletter")).map_or(f64::NAN, |word| f64::from(u8::from(word == "yes")));
        assert!(same(newsletter[i], wanted), "{} {}", at[i], who[i]);
    }
    assert!(visits.iter().any(|v| v.is_nan()) && visits.iter().any(|v| *v > 9.0));
    for (name, column) in [("attr_region_share", of("Region")), ("attr_plan_share", of("Plan"))] {
        let shares = found.f64s(name).unwrap();
        for i in (0..found.n_rows()).step_by(37) {
            let mine: Vec<usize> = (0..found.n_rows()).filter(|j| at[*j] == at[i]).collect();
            let alike = mine.iter().filter(|j| latest(**j, column) == latest(i, column)).count();
            assert_eq!(shares[i], alike as f64 / mine.len() as f64, "{name} {} {}", at[i], who[i]);
        }
    }
    let facts = manifest(&out);
    assert_eq!(facts.stages["features"]["customers"]["in_table"].as_u64().unwrap(), (rows.len()) as u64);
    assert_eq!(facts.inputs.last().unwrap().name, "customers.csv");
    assert!(facts.warnings["ingest"].iter().any(|w| w.contains("email")), "{:?}", facts.warnings);
    assert!(!std::fs::read(out.join(artifact::CUSTOMERS)).unwrap().windows(8).any(|w| w == b"@example"));
}

/// What is known at or after an instant is changed, removed or becomes a word: no feature as of then, or of an earlier
/// snapshot, may differ by a byte. Tickets are known only after the first of the two.
#[test]
fn later_rows_change_no_byte_of_earlier_features() {
    let full = stored(&table());
    assert_eq!(full.len(), 12);
    for from in ["2023-06-01", AS_OF] {
        let is_later = |row: &Vec<String>| row[1].as_str() >= from;
        let (mut changed, mut removed, mut words) = (table(), table(), table());
        for row in changed.rows.iter_mut().filter(|row| is_later(row)) {
            (row[3], row[5]) = ("1000".to_owned(), "free".to_owned());
            row[6].clear();
        }
        removed.rows.retain(|row| !is_later(row));
        for row in words.rows.iter_mut().filter(|row| is_later(row)) {
            (row[3], row[4], row[6]) = ("many".to_owned(), "perhaps".to_owned(), "few".to_owned());
        }
        for (name, table) in [("changed", changed), ("removed", removed), ("words", words)] {
            let found = stored(&table);
            let differ: Vec<&String> = full.keys().filter(|file| full[*file] != found[*file]).collect();
            let is_earlier =
                |file: &&&String| file.as_str() <= format!("data/features/as_of={from}/part-0.parquet").as_str();
            assert_eq!(differ.iter().filter(is_earlier).count(), 0, "{name} from {from}: {differ:?}");
            assert_eq!(differ.is_empty(), from == AS_OF, "{name} from {from}");
        }
    }
}

#[test]
fn threads_and_the_order_of_rows_change_no_byte() {
    let dir = temp();
    let mut table = table();
    let path = written(&table, &dir.path().join("a"));
    features(2, &settings(&path), &dir.path().join("two")).unwrap();
    features(1, &settings(&path), &dir.path().join("one")).unwrap();
    assert_eq!(differing(&dir.path().join("two"), &dir.path().join("one"), &["timings.json"]), Vec::<String>::new());
    let n = table.rows.len();
    table.rows = (0..n).map(|i| table.rows[(i * 7_919 + 13) % n].clone()).collect();
    features(2, &settings(&written(&table, &dir.path().join("b"))), &dir.path().join("shuffled")).unwrap();
    let except = ["timings.json", artifact::MANIFEST];
    assert_eq!(differing(&dir.path().join("two"), &dir.path().join("shuffled"), &except), Vec::<String>::new());
}

#[test]
fn what_would_leak_or_contradicts_itself_is_refused() {
    let dir = temp();
    let refusal = |header: &[&str], rows: &[&[&str]], never: &[&str]| {
        let texts = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let table = Csv { header: texts(header), rows: rows.iter().map(|row| texts(row)).collect() };
        let mut config = settings(&written(&table, dir.path()));
        config.customers.never_changes = texts(never);
        let error = features(2, &config, &dir.path().join("out")).unwrap_err();
        format!("{error} | {}", error.hint().unwrap())
    };
    let text = refusal(&["customer_id", "region", "visits"], &[&["1", "north", "5"]], &["region"]);
    assert!(text.contains("'visits'") && !text.contains("'region'") && text.contains("valid_from"), "{text}");
    let dated = ["customer_id", "valid_from", "plan"];
    let text = refusal(&dated, &[&["7", "2023-01-01", "a"], &["8", "2023-01-01", "a"], &["7", "2023-01-01", "b"]], &[]);
    assert!(text.contains("from 2023-01-01 on 'plan' of customer '7' is 'a' in row 2 and 'b' in row 4"), "{text}");
    let text = refusal(&["customer_id", "region"], &[&["7", "x"], &["7", "y"]], &["region"]);
    assert!(text.contains("never changes, it is said, but is 'x' in row 2 and 'y' in row 3"), "{text}");
    let mail = [&["7", "2023-01-01", "a@b.org"][..], &["8", "2023-01-01", "c@d.org"]];
    let text = refusal(&["customer_id", "valid_from", "Kontakt"], &mail, &[]);
    assert!(text.contains("Kontakt") && text.contains("holds addresses") && text.contains("ignore = ["), "{text}");
    assert!(!dir.path().join("out").join(artifact::MANIFEST).exists(), "a refused run leaves nothing");
}

#[test]
fn attributes_reach_the_models_and_go_with_their_table() {
    let dir = temp();
    let out = dir.path().join("out");
    let summary = run(&settings(&written(&table(), dir.path())), &BASE.file, &out);
    assert!(summary.customers > 500);
    let model = std::fs::read_to_string(out.join("models/churn.json")).unwrap();
    assert!(model.contains("attr_visits") && model.contains("attr_plan_share"), "the model knows no attribute");
    features(2, &config(), &out).unwrap();
    let names = select(&out.join(artifact::FEATURES), "select * from t limit 0").names();
    assert!(!names.iter().any(|name| name.starts_with("attr_")), "{names:?}");
    assert!(!out.join(artifact::CUSTOMERS).exists());
}

#[test]
fn ids_that_never_match_are_pointed_out() {
    let dir = temp();
    let out = dir.path().join("out");
    let header = ["customer_id", "region"].map(str::to_owned).to_vec();
    let table = Csv { header, rows: vec![vec!["12346.0".to_owned(), "north".to_owned()]] };
    features(2, &settings(&written(&table, dir.path())), &out).unwrap();
    let warnings = &manifest(&out).warnings["features"];
    assert!(warnings.iter().any(|w| w.contains("no customer of customers.csv is a buyer") && w.contains("'12346.0'")));
}

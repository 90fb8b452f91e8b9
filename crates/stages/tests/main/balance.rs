//! Rows in are rows kept and rows set aside, for every file, stage and reason: a thousand files of random dirt.

use std::collections::BTreeMap;
use std::fs;

use rand::RngExt;
use tenure_math::rng;
use tenure_stages::ctx::Stage;
use tenure_stages::{artifact, clean, pipeline};

use crate::support::{config, ctx, manifest, select, temp};

const FILES: u64 = 1_000;

/// A file's rows: good ones, repeated ones, cancellations, and every kind of fault.
fn rows(file: u64) -> Vec<String> {
    let mut draw = rng::stream(7, "balance", file);
    let mut rows: Vec<String> = Vec::new();
    for row in 0..draw.random_range(2..25_u32) {
        let (customer, day) = (draw.random_range(0..30), draw.random_range(1..28));
        let (order, quantity) = (draw.random_range(100..140), draw.random_range(1..9));
        let line = |order: &str, customer: &str, quantity: &str, price: &str, date: &str| {
            format!("{order},{customer},S{},{quantity},{price},{date}", quantity.len() + price.len())
        };
        let good = (
            order.to_string(),
            format!("c{customer}"),
            quantity.to_string(),
            format!("2023-0{}-{day:02}", 1 + file % 9),
        );
        rows.push(match draw.random_range(0..14) {
            0 if row > 0 => rows[rows.len() - 1].clone(),
            1 => line(&good.0, "", &good.2, "2.50", &good.3),
            2 => line(&good.0, &good.1, &good.2, "2.50", "some day"),
            3 => line(&good.0, &good.1, "many", "2.50", &good.3),
            4 => line(&good.0, &good.1, &good.2, "1e309", &good.3),
            5 => line(&good.0, &good.1, &good.2, "2.50", "2023-12-24"),
            6 => line(&format!("C{}", good.0), &good.1, &format!("-{}", good.2), "2.50", &good.3),
            7 => line(&good.0, &good.1, &good.2, "0", &good.3),
            8 => line(&good.0, &good.1, &good.2, "-3.10", &good.3),
            9 => format!("{},{}", good.0, good.1),
            _ => line(&good.0, &good.1, &good.2, "2.50", &good.3),
        });
    }
    rows.push(format!("{},c1,S1,1,2.50,2023-01-31", 200 + file));
    rows
}

#[test]
fn a_thousand_files_balance() {
    let dir = temp();
    let folder = dir.path().join("files");
    fs::create_dir(&folder).unwrap();
    let mut written = BTreeMap::new();
    for file in 0..FILES {
        let rows = rows(file);
        let name = format!("{file:04}.csv");
        let header = "order_id,customer_id,sku,quantity,unit_price,ordered_at\n";
        fs::write(folder.join(&name), format!("{header}{}\n", rows.join("\n"))).unwrap();
        written.insert(name, rows.len() as u64);
    }
    let out = dir.path().join("out");
    for stage in [Stage::Ingest, Stage::Clean] {
        pipeline::run_stage(&ctx(2), &config(), stage, std::slice::from_ref(&folder), &out).unwrap();
    }
    // Counted in the files themselves, not in what the stage says of them.
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    for (artefact, reason) in [(artifact::CLEANED, "'kept'"), (artifact::QUARANTINE, "reason")] {
        let sql = format!("select source, {reason} as reason, count(*) as n from t group by source, {reason}");
        let found = select(&out.join(artefact), &sql);
        let keys = found.texts("source").unwrap().into_iter().zip(found.texts("reason").unwrap());
        for ((source, reason), n) in keys.zip(found.u64s("n").unwrap()) {
            *counted.entry(source).or_default() += n;
            *reasons.entry(reason).or_default() += n;
        }
    }
    assert_eq!(counted, written);
    for reason in
        ["kept", "no_customer", "duplicate", "after_as_of", "bad_date", "bad_number", "not_finite", "short_row"]
    {
        assert!(reasons.get(reason).is_some_and(|n| *n > 100), "{reason}: {reasons:?}");
    }
    let facts: clean::Facts = manifest(&out).stage(Stage::Clean, &out).unwrap();
    for kept in &facts.kept_by_source {
        let aside: u64 = facts.set_aside.iter().filter(|s| s.source == kept.source).map(|s| s.rows).sum();
        assert_eq!(kept.rows + aside, written[&kept.source], "{}", kept.source);
    }
    assert_eq!(facts.rows_in, written.values().sum::<u64>());
}

/// What comes after the last run is compared with it: alike it passes, at ten times the prices it does not.
#[test]
fn a_second_run_is_compared_with_the_first() {
    let dir = temp();
    let log = |name: &str, from: u32, scale: u32| {
        let rows: String = (from..from + 1_500)
            .map(|i| {
                let (customer, price) = (i % 97, scale * (100 + 37 * (i % 23)));
                format!(
                    "{i},c{customer},{}.{:02},20{:02}-{:02}-{:02}\n",
                    price / 100,
                    price % 100,
                    20 + from / 2_000,
                    1 + i % 12,
                    1 + i % 28
                )
            })
            .collect();
        let path = dir.path().join(name);
        fs::write(&path, format!("order_id,customer_id,amount,ordered_at\n{rows}")).unwrap();
        path
    };
    let (first, same, dear) = (log("a.csv", 0, 1), log("b.csv", 2_000, 1), log("c.csv", 2_000, 10));
    let verdict = |out: &str, files: &[&std::path::PathBuf]| {
        let files: Vec<_> = files.iter().map(|f| (*f).clone()).collect();
        let out = dir.path().join(out);
        for stage in [Stage::Ingest, Stage::Validate] {
            pipeline::run_stage(&ctx(2), &config(), stage, &files, &out).unwrap();
        }
        let found: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(out.join(artifact::VALIDATION)).unwrap()).unwrap();
        let all = found["results"].as_array().unwrap().clone();
        all.into_iter().find(|check| check["name"] == "like_the_last_run").unwrap()
    };
    for out in ["alike", "dear"] {
        assert!(verdict(out, &[&first])["success"].is_null(), "there is nothing to compare the first run with");
    }
    let alike = verdict("alike", &[&first, &same]);
    assert_eq!(alike["success"], true, "{alike}");
    let changed = verdict("dear", &[&first, &dear]);
    assert_eq!(changed["success"], false, "{changed}");
    assert!(changed["sentence"].as_str().unwrap().contains("amount"), "{changed}");
    // The same files once more: the same comparison, not one with itself.
    assert_eq!(verdict("dear", &[&first, &dear]), changed);
}

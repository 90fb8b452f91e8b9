//! Nothing that happens at or after `as_of` changes anything that is said as of then: the future is deleted, dealt out
//! to other customers and multiplied, and every artefact must stay the same to the byte. A planted leak must be caught
//! by the same comparison.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tenure_stages::artifact;
use tenure_stages::ctx::Stage;
use tenure_stages::pipeline;
use tenure_stages::time::Instant;
use tenure_tables::engine::{Engine, EngineConfig};

use crate::support::{AS_OF, BASE, Csv, config, ctx, differing, files, run, select, temp};

/// What holds the future lines themselves, their number, or the file's hash.
const HOLDS_THE_FUTURE: [&str; 12] = [
    artifact::PROFILE,
    artifact::TRANSACTIONS,
    artifact::SOURCES,
    artifact::UNPARSED,
    artifact::QUARANTINE,
    artifact::VALIDATION,
    artifact::VALIDATION_PAGE,
    artifact::MANIFEST,
    artifact::TIMINGS,
    artifact::REPORT,
    artifact::REPORT_TEXT,
    artifact::REPORT_JSON,
];

/// What the report says of customers, models and plan; its chapters on the file and its checks hold what these do.
fn told_of_customers(out: &Path) -> Vec<Value> {
    let report: Value = serde_json::from_slice(&std::fs::read(out.join(artifact::REPORT_JSON)).unwrap()).unwrap();
    let chapters = report["chapters"].as_array().unwrap().iter();
    let told = chapters.filter(|chapter| !["summary", "data", "run"].iter().any(|id| chapter["id"] == *id));
    let blocks = told.flat_map(|chapter| chapter["blocks"].as_array().unwrap().clone());
    let told: Vec<Value> = blocks.filter(|block| block.get("picture").is_none()).collect();
    assert!(told.len() > 20, "{}", told.len());
    told
}

/// The world's file with its future changed; `mutate` gives the future lines' successors.
fn mutated(dir: &Path, mutate: impl Fn(&Csv, Vec<Vec<String>>) -> Vec<Vec<String>>) -> PathBuf {
    let mut file = Csv::read(&BASE.file);
    let time = file.column("InvoiceDate");
    let (past, future): (Vec<_>, Vec<_>) =
        std::mem::take(&mut file.rows).into_iter().partition(|row| row[time].as_str() < AS_OF);
    assert!(past.len() > 10_000 && future.len() > 1_000, "{} and {} lines", past.len(), future.len());
    file.rows = past;
    let future = mutate(&file, future);
    file.rows.extend(future);
    file.write(dir)
}

fn deleted(_: &Csv, _: Vec<Vec<String>>) -> Vec<Vec<String>> {
    Vec::new()
}

/// Every future line goes to the customer of another one, some to nobody and to customers never heard of.
fn dealt_out(file: &Csv, mut future: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let customer = file.column("Customer ID");
    let ids: Vec<String> = future.iter().map(|row| row[customer].clone()).collect();
    for (i, row) in future.iter_mut().enumerate() {
        row[customer] = match i % 11 {
            0 => format!("new-{i}"),
            _ => ids[(i * 7 + 13) % ids.len()].clone(),
        };
    }
    future
}

/// Ten times the quantity at ten times the price, every line twice, and now and then a cancellation of a past sale.
fn multiplied(file: &Csv, future: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let (quantity, price) = (file.column("Quantity"), file.column("Price"));
    let (order, time) = (file.column("Invoice"), file.column("InvoiceDate"));
    let mut lines = Vec::new();
    for (i, row) in future.into_iter().enumerate() {
        let mut more = row.clone();
        more[quantity] = (10 * row[quantity].parse::<i64>().unwrap()).to_string();
        more[price] = format!("{:.2}", 10.0 * row[price].parse::<f64>().unwrap());
        lines.extend([more.clone(), more]);
        if i % 20 == 0 {
            let mut back = file.rows[i * 5 % file.rows.len()].clone();
            back[order] = format!("C9{i:05}");
            back[time] = row[time].clone();
            back[quantity] = format!("-{}", back[quantity].trim_start_matches('-'));
            lines.push(back);
        }
    }
    lines
}

#[test]
fn the_future_changes_no_byte() {
    let full = BASE.out.clone();
    assert!(files(&full).keys().filter(|name| name.starts_with("data/features/as_of=")).count() > 20);
    for (name, mutate) in [
        ("deleted", deleted as fn(&Csv, Vec<Vec<String>>) -> Vec<Vec<String>>),
        ("dealt out", dealt_out),
        ("multiplied", multiplied),
    ] {
        let dir = temp();
        let file = mutated(dir.path(), mutate);
        let out = dir.path().join("out");
        run(&config(), &file, &out);
        let except = [&HOLDS_THE_FUTURE[..], &["figures"]].concat();
        assert_eq!(differing(&full, &out, &except), Vec::<String>::new(), "the future was {name}");
        assert_eq!(told_of_customers(&full), told_of_customers(&out), "the future was {name}");
        // The comparison looks at what it should look at.
        let compared = files(&out);
        for artefact in [
            artifact::CLEANED,
            artifact::CUSTOMER_SCORES,
            artifact::ALLOCATION,
            "models/churn.json",
            "models/segments.json",
        ] {
            assert!(compared.contains_key(artefact) && !except.iter().any(|e| artefact.starts_with(e)), "{artefact}");
        }
    }
}

/// Puts orders of the 90 days after `as_of`, counted in the raw lines, into the features of `as_of`.
fn plant_leak(out: &Path) {
    let engine = Engine::open(&EngineConfig::default()).unwrap();
    engine.register("transactions", &out.join(artifact::TRANSACTIONS)).unwrap();
    engine.register("features", &out.join(artifact::FEATURES)).unwrap();
    let sql = format!(
        "with leak as (
             select customer_id, count(distinct order_id) as orders
             from transactions where ordered_at >= timestamp '{AS_OF} 00:00:00' group by customer_id
         )
         select features.*, coalesce(leak.orders, 0) as orders_next_90d
         from features left join leak on features.customer_id = leak.customer_id
         where features.as_of = '{AS_OF}' order by features.as_of, features.customer_id"
    );
    let planted = out.join("planted");
    let rows = engine.write_partitioned(&sql, &[], &planted).unwrap();
    assert!(rows > 500, "{rows}");
    let part = format!("as_of={AS_OF}/part-0.parquet");
    std::fs::rename(planted.join(&part), out.join(artifact::FEATURES).join(&part)).unwrap();
    std::fs::remove_dir_all(planted).unwrap();
}

#[test]
fn a_planted_leak_is_caught() {
    let dir = temp();
    let leaky = |name: &str, file: &Path| {
        let out = dir.path().join(name);
        for stage in [Stage::Ingest, Stage::Clean, Stage::Features] {
            pipeline::run_stage(&ctx(2), &config(), stage, &[file.to_path_buf()], &out).unwrap();
        }
        let honest = files(&out);
        plant_leak(&out);
        (out, honest)
    };
    let (full, honest_full) = leaky("full", &BASE.file);
    let (other, honest_other) = leaky("other", &mutated(&dir.path().join("file"), dealt_out));
    let part = format!("{}/as_of={AS_OF}/part-0.parquet", artifact::FEATURES);
    assert_eq!(honest_full[&part], honest_other[&part], "before the leak was planted");
    assert_eq!(differing(&full, &other, &HOLDS_THE_FUTURE), [part]);
}

#[test]
fn nobody_is_scored_before_being_acquired_and_no_window_is_open() {
    let first = select(
        &BASE.out.join(artifact::CLEANED),
        "select customer_id, cast(min(ordered_at) as bigint) as first_us from t
         where kind in ('sale', 'charge') group by customer_id order by customer_id",
    );
    let (customers, first_us) = (first.texts("customer_id").unwrap(), first.i64s("first_us").unwrap());
    let rows = select(
        &BASE.out.join(artifact::FEATURES),
        "select as_of, cast(to_timestamp_micros(concat(as_of, 'T00:00:00')) as bigint) as as_of_us, customer_id
         from t order by as_of, customer_id",
    );
    let (at, who) = (rows.i64s("as_of_us").unwrap(), rows.texts("customer_id").unwrap());
    let expected: usize = {
        let mut snapshots = at.clone();
        snapshots.dedup();
        assert_eq!(snapshots.len(), 12, "2023-01-01 to 2023-12-01");
        snapshots.iter().map(|s| first_us.iter().filter(|first| *first < s).count()).sum()
    };
    assert_eq!(rows.n_rows(), expected);
    for (at, who) in at.iter().zip(&who) {
        let i = customers.binary_search(who).unwrap();
        assert!(first_us[i] < *at, "{who}");
    }
    let open = select(
        &BASE.out.join(artifact::LABELS),
        &format!(
            "select count(*) as n, sum(case when cast(to_timestamp_micros(concat(as_of, 'T00:00:00')) as bigint)
                 + horizon_days * 86400000000 > {} then 1 else 0 end) as open from t",
            Instant::parse(AS_OF).unwrap().0
        ),
    );
    assert!(open.one_i64("n").unwrap() > 1_000);
    assert_eq!(open.one_i64("open").unwrap(), 0, "labels of windows that end after the data do");
}

/// Where the file says when a line arrived, lines that were ordered before `as_of` and arrived later are the future too.
#[test]
fn what_arrives_after_as_of_changes_no_byte() {
    let dir = temp();
    let mut file = Csv::read(&BASE.file);
    let (time, order) = (file.column("InvoiceDate"), file.column("Invoice"));
    file.header.push("recorded_at".to_owned());
    file.rows.retain(|row| row[time].as_str() < AS_OF);
    for row in &mut file.rows {
        row.push(row[time].clone());
    }
    let plain = file.write(&dir.path().join("plain"));
    // Every fifteenth line once more: another order at the same time, heard of only after `as_of`.
    let late: Vec<Vec<String>> = file
        .rows
        .iter()
        .step_by(15)
        .map(|row| {
            let mut late = row.clone();
            late[order] = format!("{}9", row[order]);
            *late.last_mut().unwrap() = format!("{AS_OF} 10:00:00");
            late
        })
        .collect();
    file.rows.extend(late);
    let with_late = file.write(&dir.path().join("late"));
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    run(&config(), &plain, &a);
    run(&config(), &with_late, &b);
    assert_eq!(differing(&a, &b, &HOLDS_THE_FUTURE), Vec::<String>::new());
    assert_eq!(told_of_customers(&a), told_of_customers(&b));
}

//! The audit passes an honest run and catches every planted leak.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tenure_stages::artifact::{self, Manifest, Run};
use tenure_stages::config::Config;
use tenure_stages::ctx::{Ctx, Stage};
use tenure_stages::pipeline;
use tenure_stages::pipeline::audit::{self, Facts, Remake, Verdict};
use tenure_tables::engine::{Engine, EngineConfig};

use crate::support::{BASE, Csv, config, copy, ctx, manifest, run, temp};

/// The folder in which the published artefacts lie.
fn published(out: &Path) -> std::path::PathBuf {
    fs::canonicalize(out.join(".tenure/current")).unwrap()
}

/// Replaces a published file by what `sql` gives of the table `t` that it holds, as if the run had made it so.
fn plant(out: &Path, artefact: &str, more: &[(&str, &str)], sql: &str) {
    let (folder, new) = (published(out), out.join("planted.parquet"));
    let engine = Engine::open(&EngineConfig::default()).unwrap();
    engine.register("t", &folder.join(artefact)).unwrap();
    for (table, path) in more {
        engine.register(table, &folder.join(path)).unwrap();
    }
    engine.write(sql, &[], &new).unwrap();
    fs::rename(new, folder.join(artefact)).unwrap();
    let fact = artifact::FileFact::of(&folder.join(artefact), artefact.to_owned()).unwrap();
    change_manifest(out, |manifest| {
        *manifest.artefacts.iter_mut().find(|old| old.name == artefact).unwrap() = fact;
    });
}

fn change_manifest(out: &Path, change: impl FnOnce(&mut Manifest)) {
    let path = published(out).join(artifact::MANIFEST);
    let mut manifest: Manifest = artifact::read_json(&path).unwrap().unwrap();
    change(&mut manifest);
    fs::write(path, serde_json::to_string_pretty(&manifest).unwrap()).unwrap();
}

fn examine(config: &Config, out: &Path, remake: &Remake) -> Facts {
    let scratch = temp();
    audit::examine(&ctx(2), config, &Run::open(out).unwrap(), scratch.path(), remake).unwrap()
}

/// Nothing is made again: for leaks that stand in the tables and windows themselves.
fn no_remake(_: &Ctx<'_>, _: &Config, run: &Run, _: &Path, _: Stage, out: &Path) -> tenure_stages::Result<()> {
    let root = run.folder().parent().unwrap().parent().unwrap();
    copy(&root.join(".tenure"), &out.join(".tenure"));
    Ok(())
}

/// The names of the checks that failed.
fn failed(facts: &Facts) -> BTreeSet<&str> {
    let failed = facts.checks.iter().filter(|check| check.verdict == Verdict::Failed);
    let names: BTreeSet<&str> = failed.map(|check| check.name.as_str()).collect();
    assert_eq!(facts.passed, names.is_empty());
    assert_eq!(facts.verdict().is_err(), !facts.passed);
    names
}

/// Of the checks that change the future, those that failed.
fn seen(facts: &Facts) -> BTreeSet<&str> {
    failed(facts).into_iter().filter(|name| name.starts_with("nothing changes")).collect()
}

#[test]
fn an_honest_run_passes_and_says_what_it_could_not_verify() {
    let dir = temp();
    let out = dir.path().join("out");
    copy(&BASE.out, &out);
    let report = pipeline::run_stage(&ctx(2), &config(), Stage::Audit, &[], &out).unwrap();
    let facts: Facts = serde_json::from_value(report.facts).unwrap();
    assert_eq!(failed(&facts), BTreeSet::new(), "{facts:#?}");
    let open: Vec<&str> =
        facts.checks.iter().filter(|check| check.verdict == Verdict::Open).map(|check| check.name.as_str()).collect();
    assert_eq!(open, ["nothing changes when lines of the past arrive in the future"]);
    assert_eq!((facts.checks.len(), facts.instants.len()), (10, 2));
    // It is published beside the run, which has not changed.
    let told: Facts = artifact::read_json(&out.join(artifact::AUDIT)).unwrap().unwrap();
    assert_eq!(told, facts);
    assert_eq!(manifest(&out).stages["value"], manifest(&BASE.out).stages["value"]);
    assert!(!fs::exists(published(&out).join("audit")).unwrap());
}

/// Orders of the 90 days after each snapshot, counted in the raw lines.
fn leak_orders_to_come(out: &Path) {
    each_snapshot(out, |at, part| {
        let sql = format!(
            "with leak as (
                 select customer_id, count(distinct order_id) as orders from lines
                 where ordered_at >= timestamp '{at} 00:00:00'
                     and ordered_at < timestamp '{at} 00:00:00' + interval '90 days'
                 group by customer_id
             )
             select t.*, coalesce(leak.orders, 0) as orders_next_90d
             from t left join leak on t.customer_id = leak.customer_id order by t.customer_id"
        );
        plant(out, part, &[("lines", artifact::TRANSACTIONS)], &sql);
    });
}

/// Spend less all returns, whenever they were made.
fn leak_later_returns(out: &Path) {
    each_snapshot(out, |_, part| {
        let sql = "with leak as (
                 select customer_id, sum(cast(round(amount * 100) as bigint)) / 100.0 as returned from lines
                 where kind = 'return' group by customer_id
             )
             select t.customer_id, t.monetary_total + coalesce(leak.returned, 0) as monetary_total
             from t left join leak on t.customer_id = leak.customer_id order by t.customer_id";
        plant(out, part, &[("lines", artifact::CLEANED)], sql);
    });
}

fn each_snapshot(out: &Path, leak: impl Fn(&str, &str)) {
    for fact in manifest(out).artefacts.iter().filter(|fact| fact.name.starts_with(artifact::FEATURES)) {
        let at = fact.name.split("as_of=").nth(1).unwrap().split('/').next().unwrap();
        leak(at, &fact.name);
    }
}

/// A pipeline with a leak: the stages as they are, then the leak.
fn leaking(leak: fn(&Path)) -> impl Fn(&Ctx<'_>, &Config, &Run, &Path, Stage, &Path) -> tenure_stages::Result<()> {
    move |ctx, config, run, lines, _, out| {
        audit::remake(ctx, config, run, lines, Stage::Features, out)?;
        leak(out);
        Ok(())
    }
}

#[test]
fn a_feature_that_looks_ahead_is_caught() {
    let dir = temp();
    let out = dir.path().join("out");
    copy(&BASE.out, &out);
    leak_orders_to_come(&out);
    let facts = examine(&config(), &out, &leaking(leak_orders_to_come));
    let seen = seen(&facts);
    for how in ["deleted", "goes to other customers", "new customers"] {
        assert!(seen.iter().any(|name| name.contains(how)), "{how}: {seen:?}");
    }
    let finding = facts.checks.iter().flat_map(|check| &check.findings).find(|f| f.contains("orders_next_90d"));
    assert!(finding.is_some_and(|f| f.contains("such as of customer ")), "{facts:#?}");
    assert!(failed(&facts).contains("no single feature gives the label away"), "it is the label, too");
}

#[test]
fn a_sale_netted_by_a_later_return_is_caught() {
    let dir = temp();
    let out = dir.path().join("out");
    copy(&BASE.out, &out);
    leak_later_returns(&out);
    let facts = examine(&config(), &out, &leaking(leak_later_returns));
    let seen = seen(&facts);
    assert!(seen.contains("nothing changes when the past is returned in the future"), "{seen:?}");
}

#[test]
fn lines_that_arrive_late_are_looked_for_where_arrivals_are_known() {
    let dir = temp();
    let mut file = Csv::read(&BASE.file);
    let time = file.column("InvoiceDate");
    file.header.push("recorded_at".to_owned());
    for row in &mut file.rows {
        row.push(row[time].clone());
    }
    let file = file.write(dir.path());
    let out = dir.path().join("out");
    run(&config(), &file, &out);
    let late = "nothing changes when lines of the past arrive in the future";
    let facts = examine(&config(), &out, &audit::remake);
    assert_eq!(failed(&facts), BTreeSet::new(), "{facts:#?}");
    assert!(facts.checks.iter().all(|check| check.verdict == Verdict::Passed), "{facts:#?}");
    // Counts lines by when they were ordered, not by when they were known.
    fn by_order_time(out: &Path) {
        each_snapshot(out, |at, part| {
            let sql = format!(
                "with leak as (
                     select customer_id, count(*) as lines_seen from lines
                     where ordered_at < timestamp '{at} 00:00:00' group by customer_id
                 )
                 select t.*, leak.lines_seen from t left join leak on t.customer_id = leak.customer_id
                 order by t.customer_id"
            );
            plant(out, part, &[("lines", artifact::TRANSACTIONS)], &sql);
        });
    }
    by_order_time(&out);
    assert_eq!(seen(&examine(&config(), &out, &leaking(by_order_time))), BTreeSet::from([late]));
}

#[test]
fn an_open_label_an_early_customer_and_a_disguised_label_are_caught() {
    let dir = temp();
    let case = |name: &str| {
        let out = dir.path().join(name);
        copy(&BASE.out, &out);
        out
    };
    let last = |out: &Path, folder: &str| {
        let names = manifest(out).artefacts;
        names.into_iter().map(|fact| fact.name).rfind(|name| name.starts_with(folder)).unwrap()
    };
    let of_tables = |out: &Path| {
        let facts = examine(&config(), out, &no_remake);
        failed(&facts).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of_tables(&case("honest")), Vec::<String>::new());

    let out = case("open");
    plant(
        &out,
        &last(&out, artifact::LABELS),
        &[],
        "select customer_id, 90 as horizon_days, orders, spend_gross, spend_net from t",
    );
    assert!(of_tables(&out).contains(&"every label's window is closed".to_owned()));

    // The first snapshot gets the customers of the last one.
    let out = case("early");
    let first =
        manifest(&out).artefacts.into_iter().find(|fact| fact.name.starts_with(artifact::FEATURES)).unwrap().name;
    let all = last(&out, artifact::FEATURES);
    plant(&out, &first, &[("later", &all)], "select * from later order by customer_id");
    assert_eq!(of_tables(&out), ["a customer is in a snapshot from the first purchase on, and not before"]);

    // Churn is recency above 60 days, at the very snapshot.
    let out = case("disguised");
    for fact in manifest(&out).artefacts.into_iter().filter(|fact| fact.name.starts_with(artifact::LABELS)) {
        let features = fact.name.replace(artifact::LABELS, artifact::FEATURES);
        plant(
            &out,
            &fact.name,
            &[("f", &features)],
            "select t.customer_id, t.horizon_days, case when f.recency_days > 60 then 0 else 1 end as orders,
                    t.spend_gross, t.spend_net
             from t inner join f on t.customer_id = f.customer_id order by t.customer_id, t.horizon_days",
        );
    }
    assert_eq!(of_tables(&out), ["no single feature gives the label away"]);
}

#[test]
fn a_window_that_serves_twice_is_caught() {
    let dir = temp();
    let out = dir.path().join("out");
    copy(&BASE.out, &out);
    let honest = manifest(&out).stages["churn"]["evaluation"].clone();
    let name = "windows that train, calibrate and test are disjoint and closed";
    let with = |change: &dyn Fn(&mut Value)| {
        change_manifest(&out, |manifest| {
            let windows = manifest.stages.get_mut("churn").unwrap();
            windows["evaluation"] = honest.clone();
            change(&mut windows["evaluation"]);
        });
        let facts = examine(&config(), &out, &no_remake);
        let found = facts.checks.iter().find(|check| check.name == name).unwrap().findings.clone();
        assert_eq!(failed(&facts).contains(name), !found.is_empty());
        found.join("; ")
    };
    assert_eq!(with(&|_| {}), "");
    let test = honest["test"].clone();
    assert!(with(&|w| w["calibrate"] = test.clone()).contains("calibrates and ends at"));
    assert!(with(&|w| w["train"].as_array_mut().unwrap().push(test.clone())).contains("trains and ends at"));
    assert!(with(&|w| w["test"] = json!("2023-11-15")).contains("is open at the end of the data"));
}

//! The plan of a whole run under everything that it can be held to, read back from the files it leaves.

use std::collections::BTreeSet;
use std::path::Path;

use tenure_stages::allocate::Facts;
use tenure_stages::artifact::{self, Run};
use tenure_stages::config::{Cap, Config, LimitConfig, Method};
use tenure_stages::ctx::Stage;
use tenure_stages::export::{self, Request, Target};
use tenure_stages::pipeline;
use tenure_tables::frame::Frame;

use crate::support::{BASE, Csv, config, copy, ctx, run, select, temp};

/// The plan of the base run's scores under other settings.
fn planned(config: &Config, out: &Path) -> (Facts, Frame, Vec<String>) {
    copy(&BASE.out, out);
    let report = pipeline::run_stage(&ctx(2), config, Stage::Allocate, &[], out).unwrap();
    let plan = select(&out.join(artifact::ALLOCATION), "select * from t order by customer_id");
    (serde_json::from_value(report.facts).unwrap(), plan, report.warnings)
}

/// The segment with most customers.
fn largest_segment() -> String {
    let sql = "select segment from t group by segment order by count(*) desc, segment limit 1";
    select(&BASE.out.join(artifact::ALLOCATION), sql).texts("segment").unwrap().remove(0)
}

#[test]
fn every_kind_of_limit_holds_in_the_written_plan() {
    let dir = temp();
    let segment = largest_segment();
    let mut config = config();
    config.constraints.budget = Some(1_500.0);
    config.constraints.holdout_share = 0.1;
    config.constraints.max_contacts = Cap::Count(60);
    config.constraints.min_roi = 0.2;
    config.constraints.caps.insert("Premium".to_owned(), Cap::Count(5));
    config.constraints.limits = vec![
        LimitConfig {
            min_customers: Some(Cap::Count(8)),
            segments: vec![segment.clone()],
            ..LimitConfig::named("at least eight")
        },
        LimitConfig {
            max_budget: Some(300.0),
            offers: vec!["Light".to_owned()],
            ..LimitConfig::named("little on Light")
        },
        LimitConfig {
            min_budget: Some(50.0),
            offers: vec!["Standard".to_owned(), "Premium".to_owned()],
            ..LimitConfig::named("some on the others")
        },
    ];
    for (method, risk) in [
        (Method::Optimal, "mean"),
        (Method::Exact, "mean"),
        (Method::Optimal, "cvar:0.2"),
        (Method::Optimal, "quantile:0.25"),
    ] {
        let out = dir.path().join(format!("{} {risk}", method.word()));
        config.constraints.method = method;
        config.constraints.risk = risk.to_owned();
        let (facts, plan, warnings) = planned(&config, &out);
        let (offer, cost) = (plan.texts("offer").unwrap(), plan.f64s("cost").unwrap());
        let (segments, net) = (plan.texts("segment").unwrap(), plan.f64s("expected_net").unwrap());
        let held = plan.bools("held_out").unwrap();
        let given: Vec<usize> = (0..offer.len()).filter(|&i| offer[i] != "None").collect();
        let count = |holds: &dyn Fn(usize) -> bool| given.iter().filter(|i| holds(**i)).count();
        let money = |holds: &dyn Fn(usize) -> bool| given.iter().filter(|i| holds(**i)).map(|&i| cost[i]).sum::<f64>();
        assert!(money(&|_| true) <= 1_500.0 + 1e-9 && given.len() <= 60, "{risk}");
        assert!(count(&|i| offer[i] == "Premium") <= 5, "{risk}");
        assert!(count(&|i| segments[i] == segment) >= 8, "{risk}");
        assert!(money(&|i| offer[i] == "Light") <= 300.0 + 1e-9, "{risk}");
        assert!(money(&|i| offer[i] != "Light") >= 50.0 - 1e-9, "{risk}");
        assert!(given.iter().all(|&i| !held[i] && net[i] >= 0.2 * cost[i] - 1e-9), "{risk}");
        let share = held.iter().filter(|h| **h).count() as f64 / held.len() as f64;
        assert!((share - 0.1).abs() < 0.01, "{share}");
        // The contacts and three limits; each told with what it holds.
        assert_eq!(facts.limits.len(), 4);
        assert!(facts.limits.iter().all(|limit| limit.kept), "{:?}", facts.limits);
        assert!(facts.net <= facts.bound + 1e-6 && (facts.bound - facts.net - facts.gap).abs() < 1e-6);
        assert_eq!(warnings.iter().any(|w| w.contains("floors are kept")), risk != "mean", "{warnings:?}");
        if method == Method::Exact {
            assert!(facts.gap < 0.01, "{}", facts.gap);
        }
    }
}

#[test]
fn limits_that_conflict_are_named() {
    let dir = temp();
    let out = dir.path().join("out");
    copy(&BASE.out, &out);
    let mut config = config();
    config.constraints.budget = Some(100.0);
    config.constraints.limits =
        vec![LimitConfig { min_customers: Some(Cap::Count(40)), ..LimitConfig::named("forty at least") }];
    let refused = pipeline::run_stage(&ctx(2), &config, Stage::Allocate, &[], &out).unwrap_err();
    let said = refused.to_string();
    assert!(said.contains("forty at least") && said.contains("budget"), "{said}");
    assert!(refused.hint().is_some_and(|fix| fix.contains("raise --budget")), "{refused:?}");
    // More money makes no more customers.
    config.constraints.max_contacts = Cap::Count(39);
    let refused = pipeline::run_stage(&ctx(2), &config, Stage::Allocate, &[], &out).unwrap_err();
    assert!(refused.to_string().contains("forty at least"), "{refused}");
    assert!(refused.hint().is_some_and(|fix| !fix.contains("--budget")), "{refused:?}");
    // The plan that was there is still there.
    let before = std::fs::read(BASE.out.join(artifact::OFFER_PLAN)).unwrap();
    assert_eq!(std::fs::read(out.join(artifact::OFFER_PLAN)).unwrap(), before);
}

#[test]
fn who_says_no_is_in_no_plan_and_in_no_list() {
    let dir = temp();
    let out = dir.path().join("out");
    let ids = select(
        &BASE.out.join(artifact::ALLOCATION),
        "select customer_id from t order by expected_net desc, customer_id",
    );
    let ids = ids.texts("customer_id").unwrap();
    // Every second has no consent, every fifth has opted out, and every third has no address.
    let people = dir.path().join("people.csv");
    let mut text = "customer_id,email,consent,opted_out\n".to_owned();
    for (i, id) in ids.iter().enumerate() {
        let email = if i % 3 == 0 { String::new() } else { format!("c{i}@example.com") };
        let (consent, out) = (if i % 2 == 0 { "yes" } else { "no" }, i % 5 == 0);
        text.push_str(&format!("{id},{email},{consent},{out}\n"));
    }
    std::fs::write(&people, text).unwrap();
    let never = dir.path().join("never.csv");
    std::fs::write(&never, format!("customer_id\n{}\n", ids[2])).unwrap();
    let mut config = config();
    config.constraints.budget = Some(2_000.0);
    config.constraints.suppress = never.display().to_string();
    config.customers.file = people.display().to_string();
    run(&config, &BASE.file, &out);

    let barred: BTreeSet<&str> =
        (0..ids.len()).filter(|i| i % 2 == 1 || i % 5 == 0 || *i == 2).map(|i| ids[i].as_str()).collect();
    let sql = "select customer_id from t where offer <> 'None' order by customer_id";
    let given = select(&out.join(artifact::ALLOCATION), sql).texts("customer_id").unwrap();
    assert!(given.len() > 10 && given.iter().all(|id| !barred.contains(id.as_str())), "{}", given.len());

    // Permissions of today count, whatever the plan knew: now nobody but one has consented.
    let to = dir.path().join("list.csv");
    let request = |customers: Option<&Path>| Request {
        target: Target::Generic,
        to: to.clone(),
        customers: customers.map(Path::to_path_buf),
        since: None,
    };
    let published = Run::open(&out).unwrap();
    let list = |customers: Option<&Path>| {
        export::audience(&config, &published, &request(customers)).unwrap();
        Csv::read(&to)
    };
    let by_plan = list(Some(&people));
    let id = by_plan.column("customer_id");
    assert_eq!(by_plan.rows.len(), given.len());
    assert!(by_plan.rows.iter().all(|row| !barred.contains(row[id].as_str())));
    let changed = dir.path().join("changed.csv");
    let rest: String = ids.iter().filter(|id| **id != given[0]).map(|id| format!("{id},no\n")).collect();
    std::fs::write(&changed, format!("customer_id,consent\n{},yes\n{rest}", given[0])).unwrap();
    let now = list(Some(&changed));
    assert_eq!(now.rows.iter().map(|row| row[id].as_str()).collect::<Vec<_>>(), [given[0].as_str()]);

    // Who is not in the table is told apart from who says no.
    let few = dir.path().join("few.csv");
    std::fs::write(&few, format!("customer_id,Accepts Marketing\n{},yes\n{},\n", given[0], given[1])).unwrap();
    let exported = export::audience(&config, &published, &request(Some(&few))).unwrap();
    assert_eq!(exported.consent_columns, Some(vec!["Accepts Marketing".to_owned()]));
    assert_eq!(exported.prohibition_columns, Some(Vec::new()));
    let why: Vec<(&str, u64)> = exported.rejected.iter().map(|(why, n)| (why.as_str(), *n)).collect();
    let absent = "not in the table of customers, which says who consents";
    assert_eq!((exported.customers, why), (1, vec![("no consent", 1), (absent, given.len() as u64 - 2)]));

    // A list of today counts without any table.
    std::fs::write(&never, format!("customer_id\n{}\n{}\n", ids[2], given[0])).unwrap();
    config.customers.file = String::new();
    let exported = export::audience(&config, &published, &request(None)).unwrap();
    assert_eq!(exported.rejected, std::collections::BTreeMap::from([("suppressed".to_owned(), 1)]));
    assert_eq!(exported.consent_columns, None);
}

//! An earlier plan beside what customers did: it is the plan of a run that stood there, and the counts are those of the
//! files.

use tenure_stages::artifact::{self, Run};
use tenure_stages::ctx::Stage;
use tenure_stages::pipeline;
use tenure_stages::pipeline::hindsight::{Hindsight, Outcomes};
use tenure_stages::summary::Finding;
use tenure_stages::time::Instant;
use tenure_tables::engine::{Engine, EngineConfig};

use crate::support::{BASE, Csv, config, copy, ctx, differing, run, temp};

/// The latest snapshot of the base run whose 90 days have ended within the data.
const THEN: &str = "2023-09-01";

fn looked_back(out: &std::path::Path) -> Hindsight {
    let report = pipeline::run_stage(&ctx(2), &config(), Stage::Hindsight, &[], out).unwrap();
    assert!(report.sentence.contains(THEN), "{}", report.sentence);
    match serde_json::from_value(report.facts).unwrap() {
        Outcomes::Measured(found) => found,
        Outcomes::Missing(why) => panic!("{why}"),
    }
}

#[test]
fn the_plan_is_that_of_a_run_that_stood_there_and_the_counts_are_those_of_the_files() {
    let dir = temp();
    let out = dir.path().join("out");
    copy(&BASE.out, &out);
    let found = looked_back(&out);
    assert_eq!((found.as_of.to_string().as_str(), found.horizon_days, found.budget), (THEN, 90, 500.0));
    // Nothing of the run has changed but its record, and nothing of the work is left.
    let same = ["manifest.json", "timings.json", artifact::PLAN_BACKTEST, "outputs/backtest"];
    assert_eq!(differing(&BASE.out, &out, &same), Vec::<String>::new());

    // The same from outside: a run of its own as of then, and the outcomes of the first run by hand.
    let then = dir.path().join("then");
    let mut earlier = config();
    earlier.snapshots.as_of = Instant::parse(THEN);
    run(&earlier, &BASE.file, &then);
    let engine = Engine::open(&EngineConfig::default()).unwrap();
    engine.register("plan", &then.join(artifact::ALLOCATION)).unwrap();
    engine.register("cleaned", &Run::open(&out).unwrap().folder().join(artifact::CLEANED)).unwrap();
    let by_hand = engine
        .select(
            &format!(
                "with bought as (
                    select distinct customer_id from cleaned where kind = 'sale'
                    and ordered_at >= timestamp '{THEN}' and ordered_at < timestamp '{THEN}' + interval '90 days'
                )
                select count(*) as customers, sum(case when bought.customer_id is null then 1 else 0 end) as leavers,
                    sum(case when plan.cost > 0 then 1 else 0 end) as contacts, sum(plan.cost) as spend,
                    sum(case when plan.cost > 0 and bought.customer_id is null then 1 else 0 end) as reached
                from plan left join bought on plan.customer_id = bought.customer_id"
            ),
            &[],
        )
        .unwrap();
    let count = |name: &str| by_hand.f64s(name).unwrap()[0];
    let ours = &found.plans[0];
    assert_eq!((found.customers as f64, found.leavers as f64), (count("customers"), count("leavers")));
    assert_eq!((ours.plan.as_str(), ours.cover.contacts), ("tenure", count("contacts")));
    assert_eq!(ours.cover.leavers, count("reached"));
    assert!((ours.cover.spend - count("spend")).abs() < 1e-6 && ours.cover.contacts > 0.0, "{ours:?}");

    // Every plan within the budget, and none covers more than there was.
    let names: Vec<&str> = found.plans.iter().map(|plan| plan.plan.as_str()).collect();
    assert_eq!(names, ["tenure", "greedy", "top value", "top value, cheap", "top risk", "random"]);
    for plan in &found.plans {
        let cover = plan.cover;
        assert!(cover.spend <= 500.0 + 1e-6 && cover.covered <= found.at_stake + 1e-6, "{plan:?}");
        assert!(cover.leavers <= cover.contacts + 1e-9 && cover.leavers <= found.leavers as f64, "{plan:?}");
        let unit = plan.per_unit.unwrap();
        assert!((unit.value - cover.covered / cover.spend).abs() < 1e-9);
        assert!(unit.low.unwrap() <= unit.value && unit.value <= unit.high.unwrap(), "{plan:?}");
        assert_eq!(plan.behind.is_none(), plan.plan == "tenure");
        if let Some(behind) = plan.behind {
            assert!((behind.value - (ours.per_unit.unwrap().value - unit.value)).abs() < 1e-9, "{plan:?}");
        }
    }
    let table = Csv::read(&out.join(artifact::PLAN_BACKTEST));
    assert_eq!(table.rows.len(), found.plans.len());
    assert!((table.numbers("covered")[0] - ours.cover.covered).abs() < 0.01);

    // Any number of threads finds the same.
    let again = dir.path().join("again");
    copy(&BASE.out, &again);
    let report = pipeline::run_stage(&ctx(1), &config(), Stage::Hindsight, &[], &again).unwrap();
    assert_eq!(serde_json::from_value::<Outcomes>(report.facts).unwrap(), Finding::Measured(found));
}

#[test]
fn a_history_without_a_closed_window_has_no_plan_to_look_back_on() {
    let dir = temp();
    let out = dir.path().join("out");
    let mut short = config();
    short.snapshots.as_of = Instant::parse("2023-02-20");
    run(&short, &BASE.file, &out);
    let report = pipeline::run_stage(&ctx(2), &short, Stage::Hindsight, &[], &out).unwrap();
    let found: Outcomes = serde_json::from_value(report.facts).unwrap();
    let Finding::Missing(why) = found else { panic!("{found:?}") };
    assert!(why.contains("90 days") && report.warnings.len() == 1, "{why}");
    assert!(!out.join(artifact::PLAN_BACKTEST).exists());
}

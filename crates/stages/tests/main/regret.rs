//! Regret: on generated retailers of three kinds, how much of the value of a plan made with the truth does the run's plan
//! lose, when offers do what is assumed of them?
//!
//! Thresholds stand a fifth or so above what was measured (docs/methods/world.md), so that luck passes and a model that
//! gets worse does not.

use rayon::prelude::*;
use tenure_stages::config::{ChurnModel, Config, ValueModel, ValueReading};
use tenure_stages::pipeline;
use tenure_stages::summary::Summary;
use tenure_stages::world::{Params, Persuasion, ShopKind};

use crate::support::{ctx, temp};

/// A kind of shop at a size that shows it, and the mean regret that is borne: at a budget that reaches a few, and at one
/// that reaches everybody who is worth it. Shares of the oracle's net.
struct Gate {
    shop: ShopKind,
    customers: u32,
    tight: f64,
    ample: f64,
}

const GATES: [Gate; 3] = [
    Gate { shop: ShopKind::Gifts, customers: 1_200, tight: 0.30, ample: 0.11 },
    Gate { shop: ShopKind::Grocery, customers: 500, tight: 0.30, ample: 0.36 },
    Gate { shop: ShopKind::Rare, customers: 1_500, tight: 0.37, ample: 0.02 },
];

fn judged(gate: &Gate, customers: u32, seed: u64, ample: bool, change: fn(&mut Config)) -> Summary {
    let mut config = Config::default();
    config.run.seed = seed;
    config.report.figures = false;
    config.report.bootstrap_replicates = 50;
    config.segments.starts = 1;
    config.segments.k = 3;
    config.boosting.rounds = 60;
    config.constraints.budget = Some(if ample { 1e9 } else { f64::from(customers) * 1.5 });
    change(&mut config);
    let params = Params {
        shop: gate.shop,
        customers,
        seed,
        persuasion: Persuasion::as_assumed(config.offers.winback),
        ..Params::default()
    };
    let dir = temp();
    pipeline::demo(&ctx(1), &config, &params, dir.path()).unwrap()
}

fn net(summary: &Summary, plan: &str) -> f64 {
    summary.truth.iter().find(|row| row.plan == plan).unwrap().true_net
}

/// What plans lost over several seeds.
struct Regret {
    /// Of the oracle's net, by the run's plans.
    share: f64,
    /// Of the oracle's net, by the plans of the best-informed observer.
    observer: f64,
    /// Of the oracle's net, by the best plans that can be made from data.
    statistician: f64,
    /// Simpler plans of the same budget that were ahead.
    behind: Vec<String>,
}

fn regret(gate: &Gate, customers: u32, seeds: u64, ample: bool, change: fn(&mut Config)) -> Regret {
    let runs: Vec<(u64, Summary)> =
        (1..=seeds).into_par_iter().map(|seed| (seed, judged(gate, customers, seed, ample, change))).collect();
    let mut behind = Vec::new();
    let (mut lost, mut lost_by_observer, mut lost_from_data, mut oracle) = (0.0, 0.0, 0.0, 0.0);
    for (seed, summary) in &runs {
        let (best, ours) = (net(summary, "oracle"), net(summary, "tenure"));
        lost += best - ours;
        lost_by_observer += best - net(summary, "best observer");
        lost_from_data += best - net(summary, "best from data");
        oracle += best;
        for plan in ["greedy", "top value", "top risk", "random", "nobody"] {
            if net(summary, plan) > ours + 1e-6 {
                behind.push(format!("{plan} at seed {seed}"));
            }
        }
    }
    Regret { share: lost / oracle, observer: lost_by_observer / oracle, statistician: lost_from_data / oracle, behind }
}

/// Whether the gates hold; says which do not.
fn verdict(seeds: u64, factor: u32, change: fn(&mut Config)) -> Vec<String> {
    let mut failed = Vec::new();
    for gate in &GATES {
        let customers = gate.customers * factor;
        for (ample, most) in [(false, gate.tight), (true, gate.ample)] {
            // Where money is ample plans differ less from seed to seed.
            let seeds = if ample { seeds.div_ceil(2) } else { seeds };
            let Regret { share, observer, statistician, behind } = regret(gate, customers, seeds, ample, change);
            let budget = if ample { "ample" } else { "tight" };
            eprintln!(
                "{:?}, {budget} budget: {:.1} % of the oracle's net lost ({:.1} % by the best plan from data, {:.1} % by the best \
                 observer); behind {behind:?}",
                gate.shop,
                100.0 * share,
                100.0 * statistician,
                100.0 * observer
            );
            if share > most {
                failed.push(format!("{:?}, {budget}: {share:.3} above {most}", gate.shop));
            }
            // By luck a simpler plan may win now and then, not in more than one run of five.
            if !ample && behind.len() as u64 > seeds / 5 {
                failed.push(format!("{:?}, {budget}: behind {behind:?}", gate.shop));
            }
        }
    }
    failed
}

#[test]
fn plans_lose_no_more_than_they_may() {
    let failed = verdict(10, 1, |_| {});
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn a_worse_model_does_not_pass() {
    let failed = verdict(2, 1, |config| {
        config.churn.model = Some(ChurnModel::Recency);
        config.value.model = Some(ValueModel::CarryForward);
        config.offers.value = ValueReading::Monetary90d;
    });
    assert!(failed.len() >= 4, "{failed:#?}");
}

#[test]
#[ignore = "some ten minutes: four times as many customers, ten seeds"]
fn larger_plans_lose_no_more_than_they_may() {
    let failed = verdict(10, 4, |_| {});
    assert!(failed.is_empty(), "{failed:#?}");
}

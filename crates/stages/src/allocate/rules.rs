//! Common rules to compare a plan with.

use rand::RngExt;
use tenure_math::allocate::{self, Problem};
use tenure_math::rng;
use tenure_tables::engine::Engine;

use super::ground::Ground;
use super::infeasible;
use crate::artifact::RunFolder;
use crate::config::Config;
use crate::error::Result;

/// The plan of a common rule, and its net: go down a list, give everybody the offer with the best expected net (the
/// cheapest where none earns its cost) or `only` this one, until the budget is spent.
pub(crate) fn ranked(
    problem: &Problem<'_>,
    only: Option<usize>,
    key: impl Fn(usize) -> f64,
) -> (Vec<Option<usize>>, f64) {
    let keys: Vec<f64> = (0..problem.n_customers).map(key).collect();
    let mut order: Vec<usize> = (0..problem.n_customers).collect();
    order.sort_by(|&a, &b| keys[b].total_cmp(&keys[a]).then(a.cmp(&b)));
    let mut left = problem.budget.unwrap_or(f64::INFINITY);
    let mut places: Vec<usize> = problem.caps.iter().map(|c| c.unwrap_or(usize::MAX)).collect();
    let mut choice = vec![None; problem.n_customers];
    let mut net = 0.0;
    for i in order {
        if problem.eligible.is_some_and(|e| !e[i]) {
            continue;
        }
        let row = i * problem.offers;
        choice[i] = (0..problem.offers)
            .filter(|&k| only.is_none_or(|only| only == k) && places[k] > 0 && problem.cost[row + k] <= left)
            .max_by(|&a, &b| problem.net[row + a].total_cmp(&problem.net[row + b]).then(b.cmp(&a)));
        if let Some(k) = choice[i] {
            net += problem.net[row + k];
            left -= problem.cost[row + k];
            places[k] -= 1;
        }
    }
    (choice, net)
}

/// The place of customer `i` in the `draw`-th random list.
pub(super) fn chance(seed: u64, draw: u64, i: usize) -> f64 {
    let task = if draw == 0 { "allocate/random".to_owned() } else { format!("allocate/random/{draw}") };
    rng::stream(seed, &task, i as u64).random()
}

/// The plans of common rules on the same ground as a run's own.
pub(crate) struct Rivals {
    /// The customers, ascending.
    pub(crate) ids: Vec<String>,
    /// The offers that can be made.
    pub(crate) offers: Vec<String>,
    /// What each offer draws from the budget, customers x offers, money.
    pub(crate) cost: Vec<f64>,
    /// Each rule with its plan.
    pub(crate) plans: Vec<(&'static str, Vec<Option<usize>>)>,
    /// Plans of random lists, which stand for one rule together.
    pub(crate) random: Vec<Vec<Option<usize>>>,
}

/// What common rules would do where a run has made its plan, with `random` random lists.
///
/// # Errors
/// Engine and file errors; a refused computation.
pub(crate) fn rivals(config: &Config, engine: &Engine, run: &RunFolder, random: u64) -> Result<Rivals> {
    let ground = Ground::of(config, engine, run, &mut Vec::new())?;
    let limits = ground.limits();
    let problem = ground.problem(&limits);
    let of = &ground.people.prospects;
    let greedy = allocate::greedy(&problem).map_err(|e| infeasible(e, &problem))?.choice;
    let (by_value, by_risk) = (ranked(&problem, None, |i| of[i].value).0, ranked(&problem, None, |i| of[i].p_churn).0);
    let mean_cost = |k: usize| problem.cost.iter().skip(k).step_by(problem.offers.max(1)).sum::<f64>();
    let cheapest = (0..problem.offers).min_by(|&a, &b| mean_cost(a).total_cmp(&mean_cost(b)));
    let value_cheaply = ranked(&problem, cheapest, |i| of[i].value).0;
    let random = (0..random).map(|draw| ranked(&problem, None, |i| chance(config.run.seed, draw, i)).0).collect();
    Ok(Rivals {
        ids: ground.people.ids.clone(),
        offers: ground.table.offers.iter().map(|offer| offer.name.clone()).collect(),
        cost: problem.cost.to_vec(),
        plans: vec![
            ("greedy", greedy),
            ("top value", by_value),
            ("top value, cheap", value_cheaply),
            ("top risk", by_risk),
        ],
        random,
    })
}

//! The demo: a generated retailer, the whole run on its export, and the plan judged by the truth that the run never
//! saw.

use std::collections::BTreeMap;
use std::path::Path;

use rand::RngExt;
use tenure_math::allocate::{self as knapsack, Problem};
use tenure_math::rng;
use tenure_tables::engine::{Engine, EngineConfig};

use super::run;
use crate::artifact;
use crate::config::{Config, RateKind};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::summary::{Summary, TruthRow};
use crate::time::Instant;
use crate::world::{self, OfferSpec, Truth};

/// Where the generated retailer lies in the run's folder.
const WORLD: &str = "world";

/// Generates a retailer, runs everything on its export, and compares the plan with the oracle's, which knows each
/// customer's state and response; with the plan of an observer who knows all traits but neither; with greedy and with
/// random plans at the same budget.
///
/// # Errors
/// As [`run`], and those of the world.
pub fn demo(ctx: &Ctx<'_>, config: &Config, out: &Path) -> Result<Summary> {
    let params = world::Params {
        seed: config.run.seed,
        churn_days: config.churn.horizon_days,
        value_days: config.value.horizon_days,
        ..world::Params::default()
    };
    let world = world::generate(&params)?;
    let exported = world.export(&out.join(WORLD))?;
    let as_of = Instant::parse(&world.as_of().to_string());
    let mut config = config.clone();
    config.snapshots.as_of = config.snapshots.as_of.or(as_of);
    if config.data.currency.is_empty() {
        "USD".clone_into(&mut config.data.currency);
    }
    let mut summary = run(ctx, &config, &[exported.transactions], out)?;

    let tiers = config.offers.tiers();
    let specs: Vec<OfferSpec> = tiers
        .iter()
        .map(|offer| OfferSpec {
            name: offer.name.clone(),
            contact_cost: offer.contact_cost,
            rate: offer.rate,
            rate_kind: match config.offers.rate_kind() {
                RateKind::ShareOfChurners => world::RateKind::ShareOfChurners,
                RateKind::Points => world::RateKind::Points,
            },
            margin: config.offers.margin,
        })
        .collect();
    let truth = world.truth(&specs, config.churn.horizon_days, config.value.horizon_days)?;
    summary.truth = judge(ctx, &config, &truth, out)?;
    Ok(summary)
}

/// The true net value of each plan, best first.
fn judge(ctx: &Ctx<'_>, config: &Config, truth: &Truth, out: &Path) -> Result<Vec<TruthRow>> {
    let n = truth.customer_id.len();
    let offers = truth.offers.len();
    let place: BTreeMap<&str, usize> = truth.customer_id.iter().enumerate().map(|(i, id)| (id.as_str(), i)).collect();
    let by_customer =
        |gains: &[Vec<f64>]| -> Vec<f64> { (0..n).flat_map(|i| gains.iter().map(move |offer| offer[i])).collect() };
    let caps = config.caps(n);
    let cost: Vec<f64> = (0..n).flat_map(|_| truth.costs.iter().copied()).collect();
    let budget = config.budget();
    let problem = |net: &'_ [f64]| -> Result<Vec<Option<usize>>> {
        let problem =
            Problem { n_customers: n, offers, net, cost: &cost, budget: Some(budget), caps: &caps, eligible: None };
        Ok(knapsack::solve(&problem).map_err(Error::math("the oracle's plan"))?.choice)
    };

    let engine = Engine::open(&EngineConfig { threads: ctx.threads, ..EngineConfig::default() })?;
    engine.register("plan", &out.join(artifact::ALLOCATION))?;
    let plan = engine.select("select customer_id, offer, p_churn, value from plan order by customer_id", &[])?;
    let rows: Vec<Option<usize>> =
        plan.texts("customer_id")?.iter().map(|id| place.get(id.as_str()).copied()).collect();
    let mut ours = vec![None; n];
    for (row, offer) in rows.iter().zip(plan.texts("offer")?) {
        if let Some(i) = row {
            ours[*i] = truth.offers.iter().position(|name| *name == offer);
        }
    }
    // Greedy sees the same predictions as the plan.
    let (p_churn, value) = (plan.f64s("p_churn")?, plan.f64s("value")?);
    let (net, _) = crate::allocate::offer_table(config)
        .evaluate(&p_churn, &value)
        .map_err(Error::math("the offers' expected value"))?;
    let mut predicted = vec![-1.0; n * offers];
    for (row, i) in rows.iter().enumerate() {
        if let Some(i) = i {
            predicted[i * offers..(i + 1) * offers].copy_from_slice(&net[row * offers..(row + 1) * offers]);
        }
    }
    let greedy = knapsack::greedy(&Problem {
        n_customers: n,
        offers,
        net: &predicted,
        cost: &cost,
        budget: Some(budget),
        caps: &caps,
        eligible: None,
    })
    .map_err(Error::math("the greedy plan"))?
    .choice;

    let plans = [
        ("oracle", problem(&by_customer(&truth.gains))?),
        ("best observer", problem(&by_customer(&truth.gains_observed))?),
        ("tenure", ours),
        ("greedy", greedy),
        ("random", random_plan(config, &truth.costs, &caps, n)),
        ("nobody", vec![None; n]),
    ];
    let mut values = Vec::new();
    for (name, choice) in plans {
        values.push((name, world::plan_value(truth, &choice)?));
    }
    let oracle = values[0].1;
    let mut table: Vec<TruthRow> = values
        .into_iter()
        .map(|(plan, true_net)| TruthRow {
            plan: plan.to_owned(),
            true_net,
            regret: oracle - true_net,
            regret_share: (oracle > 0.0).then(|| (oracle - true_net) / oracle),
        })
        .collect();
    table.sort_by(|a, b| b.true_net.total_cmp(&a.true_net));
    Ok(table)
}

/// Any offer to any customer until the budget is spent.
fn random_plan(config: &Config, costs: &[f64], caps: &[Option<usize>], n: usize) -> Vec<Option<usize>> {
    let mut draws = rng::stream(config.run.seed, "demo/random", 0);
    let mut order: Vec<(f64, usize)> = (0..n).map(|i| (draws.random::<f64>(), i)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut left = config.budget();
    let mut places: Vec<usize> = caps.iter().map(|c| c.unwrap_or(usize::MAX)).collect();
    let mut choice = vec![None; n];
    for (_, i) in order {
        let k = draws.random_range(0..costs.len());
        if costs[k] <= left && places[k] > 0 {
            left -= costs[k];
            places[k] -= 1;
            choice[i] = Some(k);
        }
    }
    choice
}

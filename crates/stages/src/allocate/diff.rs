//! Two plans side by side: what changed, customer by customer and in sum.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use tenure_tables::engine::{Engine, EngineConfig, Value};

use super::{Facts, NO_OFFER};
use crate::artifact::{self, Run};
use crate::ctx::Stage;
use crate::error::{Error, Result};

/// The offer of who is in the other run only.
const NOT_THERE: &str = "(not there)";

/// What changed from one plan to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    /// The first run's folder.
    pub a: String,
    /// The second one's.
    pub b: String,
    /// Sums of both plans.
    pub sums: Vec<Sum>,
    /// Customers in both whose offer is the same, or who have none in both.
    pub same: u64,
    /// Those of them who have none.
    pub same_without: u64,
    /// Customers by their offer in the first plan and in the second, where they differ, most first. Who is in one run only
    /// has `(not there)` in the other.
    pub moves: Vec<Move>,
}

/// A figure of both plans.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sum {
    /// What it is.
    pub what: String,
    /// In the first plan.
    pub a: f64,
    /// In the second.
    pub b: f64,
    /// Whether it counts customers; else it is money.
    pub is_count: bool,
}

/// Customers whose offer changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Move {
    /// Offer in the first plan.
    pub from: String,
    /// Offer in the second.
    pub to: String,
    /// How many.
    pub customers: u64,
    /// By how much the mean churn probability of these changed; `None` where they are in one run only.
    pub p_churn_change: Option<f64>,
    /// The same of their value.
    pub value_change: Option<f64>,
}

/// Compares the plans of two runs.
///
/// # Errors
/// [`crate::Error::Missing`] where a run has no plan; [`crate::Error::Corrupt`] where it is not what was written;
/// [`crate::Error::Input`] where the runs have no customer in common.
pub fn diff(a: &Path, b: &Path) -> Result<Diff> {
    let (run_a, run_b) = (Run::open(a)?, Run::open(b)?);
    let facts: [Facts; 2] = [run_a.manifest.stage(Stage::Allocate, a)?, run_b.manifest.stage(Stage::Allocate, b)?];
    let engine = Engine::open(&EngineConfig { threads: 1, ..EngineConfig::default() })?;
    engine.register("plan_a", &run_a.path(artifact::ALLOCATION, Stage::Allocate)?)?;
    engine.register("plan_b", &run_b.path(artifact::ALLOCATION, Stage::Allocate)?)?;
    let rows = engine.select(
        "select coalesce(plan_a.offer, $not_there) as offer_a, coalesce(plan_b.offer, $not_there) as offer_b,
                plan_b.p_churn - plan_a.p_churn as p_change, plan_b.value - plan_a.value as value_change
         from plan_a
         full outer join plan_b on plan_a.customer_id = plan_b.customer_id
         order by coalesce(plan_a.customer_id, plan_b.customer_id)",
        &[("not_there", Value::Text(NOT_THERE.to_owned()))],
    )?;
    let (from, to) = (rows.texts("offer_a")?, rows.texts("offer_b")?);
    let (p_change, value_change) = (rows.f64s("p_change")?, rows.f64s("value_change")?);
    if from.iter().zip(&to).all(|(from, to)| from == NOT_THERE || to == NOT_THERE) {
        return Err(Error::Input {
            problem: format!("{} and {} have no customer in common", a.display(), b.display()),
            place: None,
            cure: "compare two runs of one shop, whose files name customers alike".to_owned(),
        });
    }
    let (mut same, mut same_without) = (0, 0);
    let mut moves: BTreeMap<(&str, &str), (u64, f64, f64)> = BTreeMap::new();
    for i in 0..from.len() {
        if from[i] == to[i] {
            same += 1;
            same_without += u64::from(from[i] == NO_OFFER);
            continue;
        }
        let of = moves.entry((&from[i], &to[i])).or_default();
        *of = (of.0 + 1, of.1 + p_change[i], of.2 + value_change[i]);
    }
    let known = |v: f64, n: u64| v.is_finite().then(|| v / n as f64);
    let mut moves: Vec<Move> = moves
        .into_iter()
        .map(|((from, to), (customers, p, value))| Move {
            from: from.to_owned(),
            to: to.to_owned(),
            customers,
            p_churn_change: known(p, customers),
            value_change: known(value, customers),
        })
        .collect();
    moves.sort_by(|x, y| y.customers.cmp(&x.customers).then_with(|| (&x.from, &x.to).cmp(&(&y.from, &y.to))));
    let [one, two] = &facts;
    let of = |what: &str, is_count: bool, f: &dyn Fn(&Facts) -> f64| Sum {
        what: what.to_owned(),
        a: f(one),
        b: f(two),
        is_count,
    };
    let mut sums = vec![
        of("customers", true, &|f| f.customers as f64),
        of("budget", false, &|f| f.budget),
        of("spend", false, &|f| f.spend),
        of("expected net", false, &|f| f.net),
        of("one more unit of budget", false, &|f| f.shadow_price),
    ];
    let mut names: Vec<&str> = facts.iter().flat_map(|f| f.tiers.iter().map(|t| t.offer.as_str())).collect();
    names.dedup();
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
            let count = |f: &Facts| f.tiers.iter().find(|t| t.offer == name).map_or(0.0, |t| t.customers as f64);
            sums.push(of(&format!("customers with {name}"), true, &count));
        }
    }
    Ok(Diff { a: a.display().to_string(), b: b.display().to_string(), sums, same, same_without, moves })
}

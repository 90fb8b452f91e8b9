//! The plan as files: by customer, by offer, as a list of contacts, by budget.

use tenure_math::allocate::expected::OfferTable;
use tenure_math::allocate::{Plan, Problem};
use tenure_tables::store::{self, Column};

use super::Facts;
use super::people::People;
use super::why::{self, Reason};
use crate::artifact::{self, RunFolder};
use crate::error::Result;

/// Writes all of them.
#[allow(clippy::too_many_arguments)]
pub(super) fn write(
    run: &RunFolder,
    table: &OfferTable,
    people: &People,
    plan: &Plan,
    problem: &Problem<'_>,
    held_out: &[bool],
    facts: &Facts,
    reasons: &[Reason],
    stability: &[f64],
) -> Result<()> {
    let n = people.ids.len();
    let name = |choice: Option<usize>| why::name(table, choice);
    let net_of = |i: usize, choice: Option<usize>| choice.map_or(0.0, |k| problem.net[i * problem.offers + k]);
    let cost_of = |i: usize, choice: Option<usize>| choice.map_or(0.0, |k| problem.cost[i * problem.offers + k]);
    let mut order: Vec<usize> = (0..n).filter(|&i| plan.choice[i].is_some()).collect();
    order.sort_by(|&a, &b| {
        net_of(b, plan.choice[b]).total_cmp(&net_of(a, plan.choice[a])).then_with(|| people.ids[a].cmp(&people.ids[b]))
    });
    let mut rank: Vec<Option<i64>> = vec![None; n];
    for (position, &i) in order.iter().enumerate() {
        rank[i] = Some(position as i64 + 1);
    }
    let at_stake = |i: usize| people.prospects[i].at_stake(table.rate_kind, table.winback);
    let each = |f: &dyn Fn(usize) -> f64| Column::F64((0..n).map(f).collect());
    let some = |f: &dyn Fn(&Reason) -> Option<f64>| Column::OptF64(reasons.iter().map(f).collect());
    store::write_columns(
        &run.write(artifact::ALLOCATION)?,
        &[
            ("customer_id", Column::Text(people.ids.clone())),
            ("segment", Column::Text(people.segments.clone())),
            ("p_churn", each(&|i| people.prospects[i].p_churn)),
            ("p_gone", each(&|i| people.prospects[i].p_gone)),
            ("value", each(&|i| people.prospects[i].value)),
            ("comes_back", each(&|i| people.prospects[i].comes_back)),
            ("at_stake", each(&at_stake)),
            ("offer", Column::Text(plan.choice.iter().map(|c| name(*c)).collect())),
            ("cost", each(&|i| cost_of(i, plan.choice[i]))),
            ("expected_gain", each(&|i| net_of(i, plan.choice[i]) + cost_of(i, plan.choice[i]))),
            ("expected_net", each(&|i| net_of(i, plan.choice[i]))),
            ("runner_up", Column::Text(reasons.iter().map(|r| name(r.runner_up)).collect())),
            ("runner_up_net", each(&|i| net_of(i, reasons[i].runner_up))),
            ("lead", some(&|r| r.lead)),
            ("flips_at_budget", some(&|r| r.flips_at_budget)),
            ("flips_at_rate", some(&|r| r.flips_at_rate)),
            ("flips_at_p_churn", some(&|r| r.flips_at_p_churn)),
            ("stability", Column::F64(stability.to_vec())),
            ("why", Column::Text(reasons.iter().map(|r| r.words.clone()).collect())),
            ("priority", Column::OptI64(rank)),
            ("held_out", Column::Bool(held_out.to_vec())),
        ],
    )?;
    let money = |v: f64| format!("{v:.2}");
    let tiers: Vec<Vec<String>> = facts
        .tiers
        .iter()
        .map(|t| {
            vec![
                t.offer.clone(),
                t.customers.to_string(),
                money(t.contact_cost),
                format!("{}", t.rate),
                t.rate_source.clone(),
                money(t.spend),
                money(t.gain),
                money(t.net),
                format!("{:.1}", t.kept),
                t.break_even_rate.map(|r| format!("{r:.4}")).unwrap_or_default(),
                facts
                    .thresholds
                    .iter()
                    .find(|from| from.offer == t.offer)
                    .and_then(|t| t.from)
                    .map(money)
                    .unwrap_or_default(),
            ]
        })
        .collect();
    run.write_csv(
        artifact::OFFER_PLAN,
        &[
            "offer",
            "customers",
            "contact_cost",
            "rate",
            "rate_source",
            "spend",
            "expected_gain",
            "expected_net",
            "expected_customers_kept",
            "break_even_rate",
            "worth_it_from",
        ],
        &tiers,
    )?;
    let contacts: Vec<Vec<String>> = order
        .iter()
        .enumerate()
        .map(|(position, &i)| {
            vec![
                (position + 1).to_string(),
                people.ids[i].clone(),
                people.segments[i].clone(),
                name(plan.choice[i]),
                format!("{:.4}", people.prospects[i].p_churn),
                format!("{:.4}", people.prospects[i].p_gone),
                money(people.prospects[i].value),
                money(people.prospects[i].comes_back),
                money(at_stake(i)),
                money(cost_of(i, plan.choice[i])),
                money(net_of(i, plan.choice[i])),
                format!("{:.2}", stability[i]),
                reasons[i].words.clone(),
            ]
        })
        .collect();
    run.write_csv(
        artifact::EXECUTION_PLAN,
        &[
            "priority",
            "customer_id",
            "segment",
            "offer",
            "p_churn",
            "p_gone",
            "value",
            "comes_back",
            "at_stake",
            "cost",
            "expected_net",
            "stability",
            "why",
        ],
        &contacts,
    )?;
    let curve: Vec<Vec<String>> = facts
        .curve
        .iter()
        .map(|p| {
            vec![
                money(p.budget),
                money(p.spend),
                money(p.net),
                money(p.bound),
                format!("{:.6}", p.shadow_price),
                money(p.greedy_net),
            ]
        })
        .collect();
    run.write_csv(
        artifact::BUDGET_SENSITIVITY,
        &["budget", "spend", "expected_net", "upper_bound", "shadow_price", "greedy_net"],
        &curve,
    )?;
    let segments: Vec<Vec<String>> = facts
        .segments
        .iter()
        .map(|s| {
            let counts = [s.customers, s.offers].map(|n| n.to_string());
            [s.segment.clone()].into_iter().chain(counts).chain([s.spend, s.gain, s.net].map(money)).collect()
        })
        .collect();
    run.write_csv(
        artifact::SEGMENT_BUDGET,
        &["segment", "customers", "offers", "spend", "expected_gain", "expected_net"],
        &segments,
    )?;
    let rates: Vec<Vec<String>> =
        facts.rates.iter().map(|r| vec![format!("{}", r.factor), money(r.unchanged), money(r.reoptimised)]).collect();
    run.write_csv(artifact::RATE_SENSITIVITY, &["factor", "net_of_this_plan", "net_of_the_best_plan"], &rates)?;
    let winback = facts.winback.iter();
    let winback: Vec<Vec<String>> =
        winback.map(|w| vec![format!("{}", w.winback), money(w.unchanged), money(w.reoptimised)]).collect();
    run.write_csv(artifact::WINBACK_SENSITIVITY, &["winback", "net_of_this_plan", "net_of_the_best_plan"], &winback)?;
    run.write_json(artifact::OPTIMIZATION_METRICS, facts)
}

//! Why constraints cannot be met together: a smallest set that conflicts, with numbers.
//!
//! Question: which of the constraints would have to give way, and by how much?
//!
//! Method: the relaxed problem ends with a combination of rows that no plan can satisfy (Farkas). Of the rows in it, each
//! is left out in turn, and stays out when the rest still conflict (the deletion filter of Chinneck and Dravnieks 1991):
//! what remains conflicts, and nothing less does. Then one of them is taken for the objective, and the most (or the least)
//! it can be under the others is told beside what it asks.
//!
//! Limits: finds conflicts of the relaxed problem. That no whole plan exists where a relaxed one does is told without a set.

use super::Problem;
use super::dual::Dual;
use super::instance::{Instance, Row, Source};
use super::limit::{Limit, Measure};
use crate::error::Error;

/// The floor of a single constraint is above its ceiling.
pub(super) fn crossed(problem: &Problem<'_>, row: &Row<'_>) -> String {
    let name = name(problem, row.source);
    format!("{name} asks at least {} and at most {}", number(row.least / row.unit), number(row.most / row.unit))
}

/// The error that says which constraints conflict; `ray` is the combination of rows that proves it.
pub(super) fn explain(problem: &Problem<'_>, instance: &Instance<'_>, ray: &[f64]) -> Error {
    let greatest = ray.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    let mut set: Vec<usize> = (0..ray.len()).filter(|&r| ray[r].abs() > 1e-9 * greatest).collect();
    if !conflict(problem, &set) {
        // What a ceiling forbids by itself was struck out beforehand: that ceiling is not in the combination.
        set = (0..ray.len()).collect();
    }
    for r in set.clone() {
        let rest: Vec<usize> = set.iter().copied().filter(|&other| other != r).collect();
        if conflict(problem, &rest) {
            set = rest;
        }
    }
    Error::Infeasible { reason: told(problem, instance, ray, &set) }
}

/// Whether these rows alone conflict.
fn conflict(problem: &Problem<'_>, rows: &[usize]) -> bool {
    let Ok(mut instance) = Instance::new(problem) else { return true };
    for (r, row) in instance.rows.iter_mut().enumerate() {
        if !rows.contains(&r) {
            (row.least, row.most) = (f64::NEG_INFINITY, f64::INFINITY);
        }
    }
    instance.strike();
    instance.strict = true;
    Dual::solve(&instance).is_err()
}

/// The set in words. The budget (or another ceiling) is what the others need too much of; else the last floor is what the
/// others leave too little of.
fn told(problem: &Problem<'_>, instance: &Instance<'_>, ray: &[f64], set: &[usize]) -> String {
    let is_ceiling = |&r: &usize| upper(instance, ray, r);
    let Some(target) = set.iter().copied().find(is_ceiling).or(set.last().copied()) else {
        return "no plan keeps all of them".to_owned();
    };
    let ceiling = upper(instance, ray, target);
    let row = &instance.rows[target];
    let others: Vec<usize> = set.iter().copied().filter(|&r| r != target).collect();
    let phrases: Vec<String> = others
        .iter()
        .map(|&r| {
            let (row, upper) = (&instance.rows[r], upper(instance, ray, r));
            let (word, bound) = if upper { ("at most", row.most) } else { ("at least", row.least) };
            format!("{} ({word} {})", name(problem, row.source), number(bound / row.unit))
        })
        .collect();
    let own = name(problem, row.source);
    let asks = number(if ceiling { row.most } else { row.least } / row.unit);
    // Where whole customers conflict and parts of them do not, the numbers of parts say nothing.
    let broken = |v: &f64| row.excess(v * row.unit) > 0.0;
    let Some(extreme) = extreme(problem, instance, ray, target, &others).filter(broken).map(number) else {
        return format!("{} and {own} ({asks}) conflict", phrases.join(" and "));
    };
    match (phrases.is_empty(), ceiling) {
        (true, true) => format!("{own} is at most {asks}, and cannot be below {extreme}"),
        (true, false) => format!("{own} asks at least {asks}, and at most {extreme} can be had"),
        (false, true) => format!("{} need at least {extreme} of {own}, which is at most {asks}", phrases.join(" and ")),
        (false, false) => {
            format!("{} leave at most {extreme} of {own}, which asks at least {asks}", phrases.join(" and "))
        }
    }
}

/// The least (for a ceiling) or the most (for a floor) that row `target` can be while `others` hold.
fn extreme(
    problem: &Problem<'_>,
    instance: &Instance<'_>,
    ray: &[f64],
    target: usize,
    others: &[usize],
) -> Option<f64> {
    let ceiling = upper(instance, ray, target);
    let sign = if ceiling { -1.0 } else { 1.0 };
    let (n, k) = (problem.n_customers, problem.offers);
    let mut net = vec![0.0; n * k];
    let mut sums = vec![0.0; instance.rows.len()];
    for i in 0..n {
        for offer in 0..k {
            sums[target] = 0.0;
            instance.add(i, offer, 1.0, &mut sums);
            net[i * k + offer] = sign * sums[target] / instance.rows[target].unit;
        }
    }
    let mut caps = vec![None; k];
    let (mut budget, mut limits) = (None, Vec::new());
    for &r in others {
        let (row, upper) = (&instance.rows[r], upper(instance, ray, r));
        match row.source {
            Source::Budget => budget = problem.budget,
            Source::Cap(offer) => caps[offer] = problem.caps[offer],
            Source::Limit(at) => {
                let of = &problem.limits[at];
                let (at_most, at_least) = if upper { (of.at_most, None) } else { (None, of.at_least) };
                limits.push(Limit { at_most, at_least, ..of.clone() });
            }
            Source::Count => {}
        }
    }
    let sub = Problem { net: &net, budget, caps: &caps, limits: &limits, ..*problem };
    let sub_instance = Instance::new(&sub).ok()?;
    let value = sign * Dual::solve(&sub_instance).ok()?.bound;
    let whole = match instance.rows[target].source {
        Source::Cap(_) | Source::Count => true,
        Source::Limit(at) => matches!(problem.limits[at].measure, Measure::Count),
        Source::Budget => false,
    };
    Some(match (whole, ceiling) {
        (true, true) => (value - 1e-6).ceil(),
        (true, false) => (value + 1e-6).floor(),
        _ => value,
    })
}

/// Whether it is the row's ceiling that conflicts.
fn upper(instance: &Instance<'_>, ray: &[f64], r: usize) -> bool {
    if ray[r].abs() > 0.0 { ray[r] > 0.0 } else { instance.rows[r].most.is_finite() }
}

fn name(problem: &Problem<'_>, source: Source) -> String {
    match source {
        Source::Budget => "the budget".to_owned(),
        Source::Cap(offer) => format!("the cap of offer {}", offer + 1),
        Source::Count => "a number of customers".to_owned(),
        Source::Limit(at) => format!("'{}'", problem.limits[at].name),
    }
}

fn number(v: f64) -> String {
    if (v - v.round()).abs() < 1e-6 { format!("{}", v.round()) } else { format!("{v:.2}") }
}

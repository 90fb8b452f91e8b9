//! Allocate: churn probabilities and values to the offer that each customer gets under a budget, with a certificate.
//!
//! Who may be contacted ([`people`], [`holdout`]) and what the plan is held to ([`limits`]) make the problem ([`ground`]); the plan is
//! told by offer and segment ([`tell`]), put to the test under other parameters ([`doubt`]), explained customer by
//! customer ([`why`]), and written ([`write`]).

pub mod diff;
mod doubt;
mod ground;
mod holdout;
mod limits;
mod people;
mod rules;
mod tell;
mod why;
mod write;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenure_math::allocate::expected::{self, OfferTable};
use tenure_math::allocate::risk::Distribution;
use tenure_math::allocate::{self, LimitUse, Plan, Problem};
use tenure_tables::engine::Engine;

use crate::artifact::RunFolder;
use crate::config::{Config, Method, RateKind};
use crate::ctx::{Stage, Steps};
use crate::error::{Error, Result};
use ground::Ground;

pub(crate) use rules::{ranked, rivals};

/// The budget curve has this many points besides the chosen budget.
const CURVE_POINTS: usize = 24;
/// Relaxed problems that the exact method solves at most: some seconds.
const NODES: usize = 100_000;
/// What making no offer is called.
pub const NO_OFFER: &str = expected::NO_OFFER;

/// What the plan costs and is expected to earn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Name of the offer table.
    pub table: String,
    /// How rates are read.
    pub rate_kind: String,
    /// What a kept customer is taken to be worth.
    pub value_reading: String,
    /// What the plan rests on and nobody has measured, as sentences.
    pub assumptions: Vec<String>,
    /// The part of revenue that is earned.
    pub margin: f64,
    /// Money for the plan.
    pub budget: f64,
    /// Money the plan is expected to draw.
    pub spend: f64,
    /// Value expected to be kept, at margin.
    pub gain: f64,
    /// `gain - spend`.
    pub net: f64,
    /// No plan can be expected to bring more.
    pub bound: f64,
    /// `bound - net`, money.
    pub gap: f64,
    /// The gap as a share of the bound.
    pub gap_share: f64,
    /// What one more unit of budget would bring.
    pub shadow_price: f64,
    /// What one more place of each capped offer would bring.
    pub cap_prices: BTreeMap<String, f64>,
    /// Which method made the plan that was written.
    pub method: String,
    /// Most customers of each capped offer.
    pub caps: BTreeMap<String, u64>,
    /// The limits beside budget and caps, and how the plan stands to them.
    pub limits: Vec<LimitUse>,
    /// Offers, cheapest first, and no offer last.
    pub tiers: Vec<Tier>,
    /// From where on each offer is worth it, where budget and places cost nothing.
    pub thresholds: Vec<Threshold>,
    /// The plan by segment, most money first.
    pub segments: Vec<SegmentPart>,
    /// Highest expected value first, at the same budget.
    pub greedy_net: f64,
    /// The best offer by value alone to the most valuable customers, at the same budget.
    pub top_value_net: f64,
    /// The same to those most likely to leave.
    pub top_risk_net: f64,
    /// The same to customers at random.
    pub random_net: f64,
    /// Customers held out to measure the effect.
    pub holdout: u64,
    /// Customers who may not be contacted, by reason.
    pub barred: BTreeMap<String, u64>,
    /// Customers in the plan's population.
    pub customers: u64,
    /// Net at other budgets.
    pub curve: Vec<CurveRow>,
    /// What the plan may bring where probabilities, values and rates are other than forecast.
    pub doubt: Doubt,
    /// The plan if all rates were other by one factor.
    pub rates: Vec<RateRow>,
    /// The plan at other shares of a rate with those who have left already; none where nobody is taken to have.
    pub winback: Vec<WinbackRow>,
    /// The factor on all rates at which the plan neither gains nor loses; `None` where none does.
    pub rates_break_even: Option<f64>,
}

/// An offer's part of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tier {
    /// Its name.
    pub offer: String,
    /// Customers who get it.
    pub customers: u64,
    /// Cost of the contact, money per customer.
    pub contact_cost: f64,
    /// The rate.
    pub rate: f64,
    /// Where the rate comes from.
    pub rate_source: String,
    /// Money drawn from the budget.
    pub spend: f64,
    /// Value expected to be kept.
    pub gain: f64,
    /// `gain - spend`.
    pub net: f64,
    /// Customers expected to be kept.
    pub kept: f64,
    /// The rate below which these contacts would not pay, taken together; `None` where the offer goes to nobody.
    pub break_even_rate: Option<f64>,
}

/// From where on an offer is worth it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The offer.
    pub offer: String,
    /// What has to pass `from`: `p_churn x value`, or `value` where rates are points.
    pub of: String,
    /// Money at stake above which it is the best; `None` where it never is, or that depends on the churn probability.
    pub from: Option<f64>,
    /// What is the best just below.
    pub over: String,
    /// Why there is no threshold; empty where there is.
    pub why_not: String,
}

/// A segment's part of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentPart {
    /// The segment.
    pub segment: String,
    /// Its customers.
    pub customers: u64,
    /// Those with an offer.
    pub offers: u64,
    /// Money drawn from the budget.
    pub spend: f64,
    /// Value expected to be kept.
    pub gain: f64,
    /// `gain - spend`.
    pub net: f64,
}

/// The plan at another budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurveRow {
    /// Money for the plan.
    pub budget: f64,
    /// Money drawn.
    pub spend: f64,
    /// Expected net.
    pub net: f64,
    /// Upper bound on the net.
    pub bound: f64,
    /// What one more unit of budget would bring there.
    pub shadow_price: f64,
    /// What highest expected value first would bring.
    pub greedy_net: f64,
}

/// What is not known of the plan's net.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Doubt {
    /// What the plan makes the most of: `mean`, `cvar:0.1`, `quantile:0.25`.
    pub risk: String,
    /// That, on the draws, money; for the mean by the forecasts.
    pub objective: f64,
    /// No plan has more of it; `None` where there is no such bound.
    pub objective_bound: Option<f64>,
    /// Standard deviation of one shift of everybody's log-odds of leaving.
    pub churn_logit_sd: f64,
    /// Standard deviation of the level of all values, as a share.
    pub value_level_sd: f64,
    /// Standard deviation of an assumed rate, as a share of it.
    pub rate_sd: f64,
    /// The expected net under the draws.
    pub net: Distribution,
    /// The mean share of draws in which a customer with an offer would get the same one again.
    pub stability_of_offers: f64,
}

/// The plan at another share of a rate with those who have left already.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WinbackRow {
    /// That share.
    pub winback: f64,
    /// Expected net of the plan as it is.
    pub unchanged: f64,
    /// Expected net of the plan that would be made then.
    pub reoptimised: f64,
}

/// The plan at other rates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateRow {
    /// What all rates are multiplied with.
    pub factor: f64,
    /// Expected net of the plan as it is.
    pub unchanged: f64,
    /// Expected net of the plan that would be made then.
    pub reoptimised: f64,
}

/// Makes the plan; the sentence says what came of it.
///
/// # Errors
/// Engine and file errors; a refused computation; [`Error::Input`] naming limits that cannot be kept together;
/// [`Error::Corrupt`] when the plan's own arithmetic does not hold.
pub fn run(config: &Config, engine: &Engine, run: &mut RunFolder, steps: &Steps<'_>) -> Result<String> {
    let mut warnings = Vec::new();
    let ground = Ground::of(config, engine, run, &mut warnings)?;
    let limits = ground.limits();
    let problem = ground.problem(&limits);
    let Ground { table, people, barred, held_out, allowed, .. } = &ground;
    let made = match config.constraints.method {
        Method::Exact => allocate::exact(&problem, NODES),
        Method::Optimal | Method::Greedy => allocate::solve(&problem),
    };
    let infeasible = |error| infeasible(error, &problem);
    let best = made.map_err(infeasible)?;
    let greedy = allocate::greedy(&problem).map_err(infeasible)?;
    let mut plan = match config.constraints.method {
        Method::Greedy => {
            let told = best.with_choice(&problem, &greedy.choice).map_err(Error::math("the common rule's plan"))?;
            Plan { method: greedy.method, nodes: greedy.nodes, ..told }
        }
        Method::Optimal | Method::Exact => best,
    };
    if config.constraints.method == Method::Greedy {
        let broken: Vec<&str> =
            plan.limits.iter().filter(|limit| !limit.kept).map(|limit| limit.name.as_str()).collect();
        if !broken.is_empty() {
            warnings.push(format!("the common rule knows no floors and breaks: {}", broken.join(", ")));
        }
    }
    if config.constraints.method == Method::Exact && plan.gap > 0.005 {
        warnings.push(format!(
            "the exact method gave up after {} relaxed problems: the plan is at most {:.2} below the best, and not proved best",
            plan.nodes, plan.gap
        ));
    }
    let doubt = doubt::doubt(config, run, table, people, &problem, allowed, &mut plan, &mut warnings, steps)?;
    let curve = curve(&problem, config.budget())?;
    let facts = tell::Told {
        config,
        table,
        people,
        plan: &plan,
        greedy: &greedy,
        problem: &problem,
        held_out,
        barred,
        curve,
        doubt: doubt.facts,
    }
    .facts()?;
    if facts.spend <= 0.0 {
        let why = if people.prospects.iter().all(|of| of.value <= 0.0) {
            "nobody is worth anything by the chosen reading of value"
        } else if facts.budget > 0.0 {
            "at the assumed rates no contact is expected to earn what it costs"
        } else {
            "the budget is 0; what more would bring stands in outputs/budget_sensitivity.csv"
        };
        warnings.push(format!("the plan makes no offer: {why}"));
    }
    let reasons = why::of(table, people, &plan, allowed, &facts, held_out, barred)?;
    write::write(run, table, people, &plan, &problem, held_out, &facts, &reasons, &doubt.stability)?;
    let contacted: u64 = facts.tiers.iter().filter(|t| t.offer != NO_OFFER).map(|t| t.customers).sum();
    let sentence = format!(
        "{} plan with {} offers: {contacted} offers for {:.0} of {:.0}, expected net {:.0}, {}",
        facts.method,
        facts.table,
        facts.spend,
        facts.budget,
        facts.net,
        distance(&facts)
    );
    run.record(Stage::Allocate, &facts, warnings)?;
    Ok(sentence)
}

/// How far the plan is from the best, by what it makes the most of.
fn distance(facts: &Facts) -> String {
    let Doubt { risk, objective, objective_bound, .. } = &facts.doubt;
    match objective_bound {
        _ if risk == "mean" => format!("at most {:.2} below the best possible plan", facts.gap),
        Some(bound) => {
            format!("{risk} of the net {objective:.0}, at most {:.2} below the best possible one", bound - objective)
        }
        None => format!("{risk} of the net {objective:.0}, the best of the plans that were met"),
    }
}

/// Limits that cannot be kept together are the user's to change; money is asked for only where it would help.
fn infeasible(error: tenure_math::Error, problem: &Problem<'_>) -> Error {
    match error {
        tenure_math::Error::Infeasible { reason } => {
            let is_dear = allocate::solve(&Problem { budget: None, ..*problem }).is_ok();
            let cure = match is_dear {
                true => "relax one of these limits under [constraints], or raise --budget",
                false => "relax one of these limits under [constraints]: no budget is enough for all of them",
            };
            Error::Input { problem: format!("no plan keeps all limits: {reason}"), place: None, cure: cure.to_owned() }
        }
        other => Error::math("the plan")(other),
    }
}

pub(crate) fn offer_table(config: &Config) -> OfferTable {
    OfferTable {
        name: config.offers.table.word().to_owned(),
        rate_kind: match config.offers.rate_kind() {
            RateKind::ShareOfChurners => expected::RateKind::ShareOfChurners,
            RateKind::Points => expected::RateKind::Points,
        },
        offers: config
            .offers
            .tiers()
            .into_iter()
            .map(|offer| expected::Offer {
                name: offer.name,
                contact_cost: offer.contact_cost,
                rate: offer.rate,
                discount_share: offer.discount_share,
                redemption_by_loyal: offer.redemption,
                margin: config.offers.margin,
                cap_share: None,
            })
            .collect(),
        budget: Some(config.budget()),
        winback: config.offers.winback,
    }
}

/// Net against budget, from nothing to where more money brings nothing.
fn curve(problem: &Problem<'_>, budget: f64) -> Result<Vec<CurveRow>> {
    let infeasible = |error| infeasible(error, problem);
    let unlimited = allocate::solve(&Problem { budget: None, ..*problem }).map_err(infeasible)?;
    let top = unlimited.spend.max(budget);
    let mut budgets: Vec<f64> =
        (0..=CURVE_POINTS).map(|i| (top * i as f64 / CURVE_POINTS as f64 * 100.0).round() / 100.0).collect();
    budgets.push(budget);
    // What half the money would bring is asked first, and the even points can all lie above it.
    budgets.extend([0.125, 0.25, 0.5, 0.75].map(|part| (budget * part * 100.0).round() / 100.0));
    budgets.sort_by(f64::total_cmp);
    budgets.dedup();
    let points = allocate::budget_curve(problem, &budgets).map_err(infeasible)?;
    points
        .into_iter()
        .map(|p| {
            let greedy = allocate::greedy(&Problem { budget: Some(p.budget), ..*problem }).map_err(infeasible)?;
            Ok(CurveRow {
                budget: p.budget,
                spend: p.spend,
                net: p.net,
                bound: p.bound,
                shadow_price: p.shadow_price,
                greedy_net: greedy.net,
            })
        })
        .collect()
}

//! Allocate: churn probabilities and values to the offer that each customer gets under a budget, with a certificate.

mod holdout;
mod write;

use std::collections::BTreeMap;

use rand::RngExt;
use serde::{Deserialize, Serialize};
use tenure_math::allocate::expected::{self, OfferTable, Prospect};
use tenure_math::allocate::{self, Plan, Problem};
use tenure_math::rng;
use tenure_tables::engine::{Engine, Value};
use tenure_tables::frame::Frame;

use crate::artifact::{self, RunFolder};
use crate::config::{Config, Method, RateKind, ValueReading};
use crate::ctx::Stage;
use crate::error::{Error, Result};

/// The budget curve has this many points besides the chosen budget.
const CURVE_POINTS: usize = 24;
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
    /// Offers, cheapest first, and no offer last.
    pub tiers: Vec<Tier>,
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
    /// Customers in the plan's population.
    pub customers: u64,
    /// Net at other budgets.
    pub curve: Vec<CurveRow>,
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
    /// The assumed rate.
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

/// Makes the plan; the sentence says what came of it.
///
/// # Errors
/// Engine and file errors; a refused computation; [`Error::Corrupt`] when the plan's own arithmetic does not hold.
pub fn run(config: &Config, engine: &Engine, run: &mut RunFolder) -> Result<String> {
    let mut warnings = Vec::new();
    let people = population(config, engine, run, &mut warnings)?;
    let table = offer_table(config);
    let (net, cost) = table.evaluate(&people.prospects).map_err(Error::math("the offers' expected value"))?;
    // Below the least return an offer is no option: a loss keeps it out of the plan.
    let min_roi = config.constraints.min_roi;
    let admitted: Vec<f64> =
        net.iter().zip(&cost).map(|(n, c)| if *n < min_roi * c { n.min(-1.0) } else { *n }).collect();
    let held_out = holdout::draw(config.constraints.holdout_share, config.run.seed, &people.segments);
    let eligible: Vec<bool> = held_out.iter().map(|h| !h).collect();
    let caps = config.caps(people.ids.len());
    let problem = Problem {
        n_customers: people.ids.len(),
        offers: table.offers.len(),
        net: &admitted,
        cost: &cost,
        budget: Some(config.budget()),
        caps: &caps,
        eligible: Some(&eligible),
    };
    let best = allocate::solve(&problem).map_err(Error::math("the plan"))?;
    let greedy = allocate::greedy(&problem).map_err(Error::math("the greedy plan"))?;
    let plan = if config.constraints.method == Method::Greedy {
        Plan { bound: best.bound, gap: best.bound - greedy.net, ..greedy.clone() }
    } else {
        best
    };
    // What is told of an offer that is not chosen is what it would bring.
    let told = Problem { net: &net, ..problem };
    let mut facts = facts(config, &table, &people, &plan, &greedy, &told)?;
    facts.holdout = held_out.iter().filter(|h| **h).count() as u64;
    facts.curve = curve(&problem, config.budget())?;
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
    write::write(run, &table, &people, &plan, &told, &held_out, &facts)?;
    let contacted: u64 = facts.tiers.iter().filter(|t| t.offer != NO_OFFER).map(|t| t.customers).sum();
    let sentence = format!(
        "{} plan with {} offers: {contacted} offers for {:.0} of {:.0}, expected net {:.0}, at most {:.2} below the best possible plan",
        facts.method, facts.table, facts.spend, facts.budget, facts.net, facts.gap
    );
    run.record(Stage::Allocate, &facts, warnings)?;
    Ok(sentence)
}

struct People {
    ids: Vec<String>,
    segments: Vec<String>,
    prospects: Vec<Prospect>,
    assumptions: Vec<String>,
}

/// The customers at `as_of`, with what the plan takes as their churn probability and value.
fn population(config: &Config, engine: &Engine, run: &RunFolder, warnings: &mut Vec<String>) -> Result<People> {
    // Scores that an earlier stage has left behind are there as files and no longer true.
    for stage in [Stage::Segment, Stage::Churn, Stage::Value] {
        run.record_of::<serde_json::Value>(stage)?;
    }
    engine.register("features", &run.read(artifact::FEATURES, Stage::Features)?)?;
    engine.register("segments", &run.read(artifact::SEGMENT_ASSIGNMENTS, Stage::Segment)?)?;
    engine.register("churn_scores", &run.read(artifact::CHURN_SCORES, Stage::Churn)?)?;
    engine.register("value_scores", &run.read(artifact::VALUE_SCORES, Stage::Value)?)?;
    let frame = engine.select(
        "select features.customer_id, segments.segment, churn_scores.p_churn, churn_scores.p_gone, value_scores.value_mean,
                value_scores.value_q50, value_scores.value_if_retained, value_scores.value_if_churned, features.monetary_90d,
                percent_rank() over (order by features.recency_days) as recency_rank
         from features
         inner join segments on features.customer_id = segments.customer_id
         inner join churn_scores on features.customer_id = churn_scores.customer_id
         inner join value_scores on features.customer_id = value_scores.customer_id
         where features.as_of = $as_of
         order by features.customer_id",
        &[("as_of", Value::Text(run.timeline()?.as_of.to_string()))],
    )?;
    let mut assumptions = Vec::new();
    let (mut p_churn, mut p_gone) = (frame.f64s("p_churn")?, frame.f64s("p_gone")?);
    if p_churn.iter().any(|p| p.is_nan()) {
        p_churn = frame.f64s("recency_rank")?;
        p_gone = vec![0.0; p_churn.len()];
        assumptions.push(
            "there is no churn model: the share of customers who bought more recently stands in for the churn \
             probability"
                .to_owned(),
        );
        warnings.push("the plan rests on recency alone, because there is no churn model".to_owned());
    }
    let value = values(config, &frame, &mut assumptions)?;
    if frame.f64s("value_q50")?.iter().all(|q| q.is_nan()) && value.iter().any(|v| *v > 0.0) {
        assumptions.push(format!(
            "values have no interval: where the history was too short for a model, the spend of the last {} days stands \
             in, scaled up where it is not that long",
            config.value.horizon_days
        ));
    }
    assumptions.splice(0..0, effects(config));
    // The other readings know nothing of who comes back.
    let comes_back = match config.offers.value {
        ValueReading::ClvIfRetained if value.iter().any(|v| *v > 0.0) => frame.f64s("value_if_churned")?,
        _ => vec![0.0; value.len()],
    };
    let prospects = (0..value.len())
        .map(|i| Prospect { p_churn: p_churn[i], p_gone: p_gone[i], value: value[i], comes_back: comes_back[i] })
        .collect();
    Ok(People { ids: frame.texts("customer_id")?, segments: frame.texts("segment")?, prospects, assumptions })
}

/// What a kept customer is worth, by the configured reading.
fn values(config: &Config, frame: &Frame, assumptions: &mut Vec<String>) -> Result<Vec<f64>> {
    let days = config.value.horizon_days;
    let (column, sentence) = match config.offers.value {
        ValueReading::Clv => (
            "value_mean",
            format!(
                "a kept customer is worth the expected spend of the next {days} days (clv); it already contains the \
                 chance of leaving, so the gain is understated"
            ),
        ),
        ValueReading::ClvIfRetained => (
            "value_if_retained",
            format!(
                "a kept customer brings in {days} days what one like it spends that buys within {} of them, less what it \
                 would have spent anyway",
                config.churn.horizon_days
            ),
        ),
        ValueReading::Monetary90d => {
            ("monetary_90d", "a kept customer is worth the spend of its last 90 days".to_owned())
        }
    };
    let value = frame.f64s(column)?;
    if value.iter().all(|v| v.is_nan()) {
        assumptions.push("the source holds no money, so nobody is worth an offer".to_owned());
        return Ok(vec![0.0; value.len()]);
    }
    assumptions.push(sentence);
    if value.iter().any(|v| v.is_nan()) {
        return Err(Error::Corrupt {
            artefact: artifact::VALUE_SCORES.to_owned(),
            problem: format!("{column} is unknown for some customers"),
        });
    }
    // A loss-making customer is worth nothing kept, not less than nothing.
    Ok(value.into_iter().map(|v| v.max(0.0)).collect())
}

fn effects(config: &Config) -> Vec<String> {
    let rates = match config.offers.rate_kind() {
        RateKind::ShareOfChurners => "each offer keeps its rate of those who would leave",
        RateKind::Points => "each offer lowers the churn probability by up to its rate, in points",
    };
    vec![
        format!(
            "{rates}, and {} of its rate holds of who has left already; no randomised contacts are known that would say",
            config.offers.winback
        ),
        format!("margin {} of revenue; no discount is taken beyond what the table says", config.offers.margin),
    ]
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

fn facts(
    config: &Config,
    table: &OfferTable,
    people: &People,
    plan: &Plan,
    greedy: &Plan,
    problem: &Problem<'_>,
) -> Result<Facts> {
    let mut tiers = Vec::new();
    for (k, offer) in table.offers.iter().enumerate() {
        let chosen: Vec<usize> = (0..plan.choice.len()).filter(|&i| plan.choice[i] == Some(k)).collect();
        let (mut spend, mut gain, mut kept, mut per_rate) = (0.0, 0.0, 0.0, 0.0);
        for &i in &chosen {
            let of = &people.prospects[i];
            let e = table.expected(offer, of);
            spend += e.cost;
            gain += e.gain;
            kept += offer.kept(of, table.rate_kind, table.winback);
            per_rate += e.gain - e.subsidy;
        }
        let contact: f64 = offer.contact_cost * chosen.len() as f64;
        tiers.push(Tier {
            offer: offer.name.clone(),
            customers: chosen.len() as u64,
            contact_cost: offer.contact_cost,
            rate: offer.rate,
            rate_source: "assumed".to_owned(),
            spend,
            gain,
            net: gain - spend,
            kept,
            break_even_rate: (per_rate > 0.0).then(|| offer.rate * contact / per_rate),
        });
    }
    let nobody = plan.choice.iter().filter(|c| c.is_none()).count() as u64;
    let sum = |f: fn(&Tier) -> f64| tiers.iter().map(f).sum::<f64>();
    let (spend, gain) = (sum(|t| t.spend), sum(|t| t.gain));
    let facts = Facts {
        table: table.name.clone(),
        rate_kind: config.offers.rate_kind().word().to_owned(),
        value_reading: config.offers.value.word().to_owned(),
        assumptions: people.assumptions.clone(),
        budget: config.budget(),
        spend,
        gain,
        net: gain - spend,
        bound: plan.bound,
        gap: plan.gap.max(0.0),
        gap_share: if plan.bound > 0.0 { (plan.gap / plan.bound).max(0.0) } else { 0.0 },
        shadow_price: plan.shadow_price,
        cap_prices: table
            .offers
            .iter()
            .zip(&plan.cap_prices)
            .zip(problem.caps)
            .filter(|(_, cap)| cap.is_some())
            .map(|((offer, price), _)| (offer.name.clone(), *price))
            .collect(),
        method: config.constraints.method.word().to_owned(),
        caps: table
            .offers
            .iter()
            .zip(problem.caps)
            .filter_map(|(offer, cap)| cap.map(|cap| (offer.name.clone(), cap as u64)))
            .collect(),
        greedy_net: greedy.net,
        top_value_net: ranked(problem, |i| people.prospects[i].value).1,
        top_risk_net: ranked(problem, |i| people.prospects[i].p_churn).1,
        random_net: ranked(problem, |i| rng::stream(config.run.seed, "allocate/random", i as u64).random::<f64>()).1,
        holdout: 0,
        customers: people.ids.len() as u64,
        curve: Vec::new(),
        tiers: {
            let none = Tier {
                offer: NO_OFFER.to_owned(),
                customers: nobody,
                contact_cost: 0.0,
                rate: 0.0,
                rate_source: "by definition".to_owned(),
                spend: 0.0,
                gain: 0.0,
                net: 0.0,
                kept: 0.0,
                break_even_rate: None,
            };
            tiers.push(none);
            tiers
        },
    };
    check_arithmetic(table, people, plan, problem, &facts)?;
    Ok(facts)
}

/// The plan of a common rule, and its net: go down a list, give everybody the offer with the best expected net (the
/// cheapest where none earns its cost), until the budget is spent.
pub(crate) fn ranked(problem: &Problem<'_>, key: impl Fn(usize) -> f64) -> (Vec<Option<usize>>, f64) {
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
            .filter(|&k| places[k] > 0 && problem.cost[row + k] <= left)
            .max_by(|&a, &b| problem.net[row + a].total_cmp(&problem.net[row + b]).then(b.cmp(&a)));
        if let Some(k) = choice[i] {
            net += problem.net[row + k];
            left -= problem.cost[row + k];
            places[k] -= 1;
        }
    }
    (choice, net)
}

/// A plan that breaks its own bounds is never written.
fn check_arithmetic(
    table: &OfferTable,
    people: &People,
    plan: &Plan,
    problem: &Problem<'_>,
    facts: &Facts,
) -> Result<()> {
    let scale = 1.0 + facts.budget.abs() + facts.gain.abs();
    let loss: f64 = people.prospects.iter().map(|of| of.p_churn * of.value).sum();
    let best_rate = table.offers.iter().map(|o| o.rate * o.margin).fold(0.0, f64::max);
    let most = match table.rate_kind {
        expected::RateKind::ShareOfChurners => best_rate * loss,
        expected::RateKind::Points => loss,
    };
    let broken = if facts.spend > facts.budget + 1e-9 * scale {
        Some(format!("it spends {} of {}", facts.spend, facts.budget))
    } else if facts.gain > most + 1e-9 * scale {
        Some(format!("it keeps {} of at most {most}", facts.gain))
    } else if (facts.spend - plan.spend).abs() > 1e-6 * scale || (facts.net - plan.net).abs() > 1e-6 * scale {
        Some(format!(
            "its tiers sum to {} and {}, the plan says {} and {}",
            facts.spend, facts.net, plan.spend, plan.net
        ))
    } else if facts.net > facts.bound + 1e-6 * scale {
        Some(format!("its net {} exceeds the bound {}", facts.net, facts.bound))
    } else if facts.tiers.iter().map(|t| t.customers).sum::<u64>() != people.ids.len() as u64 {
        Some("its tiers do not add up to all customers".to_owned())
    } else {
        (0..problem.offers)
            .find(|&k| problem.caps[k].is_some_and(|cap| plan.counts[k] > cap))
            .map(|k| format!("offer {} exceeds its cap", table.offers[k].name))
    };
    match broken {
        None => Ok(()),
        Some(problem) => Err(Error::Corrupt { artefact: artifact::ALLOCATION.to_owned(), problem }),
    }
}

/// Net against budget, from nothing to where more money brings nothing.
fn curve(problem: &Problem<'_>, budget: f64) -> Result<Vec<CurveRow>> {
    let unlimited = allocate::solve(&Problem { budget: None, ..*problem }).map_err(Error::math("the free plan"))?;
    let top = unlimited.spend.max(budget);
    let mut budgets: Vec<f64> =
        (0..=CURVE_POINTS).map(|i| (top * i as f64 / CURVE_POINTS as f64 * 100.0).round() / 100.0).collect();
    budgets.push(budget);
    budgets.sort_by(f64::total_cmp);
    budgets.dedup();
    let points = allocate::budget_curve(problem, &budgets).map_err(Error::math("the budget curve"))?;
    points
        .into_iter()
        .map(|p| {
            let greedy = allocate::greedy(&Problem { budget: Some(p.budget), ..*problem })
                .map_err(Error::math("the greedy plan"))?;
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

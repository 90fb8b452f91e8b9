//! Why each customer gets what it gets, in words.

use tenure_math::allocate::Plan;
use tenure_math::allocate::expected::OfferTable;
use tenure_math::allocate::explain::{self, Prices};

use super::people::People;
use super::{Facts, NO_OFFER};
use crate::error::{Error, Result};
use crate::number;
use crate::permission::Barred;

/// Why a customer gets its offer, and where it would be another one.
pub(super) struct Reason {
    /// The best of the other options at the plan's prices; `None` where there is no other.
    pub(super) runner_up: Option<usize>,
    /// How far the choice is ahead of it after the prices of budget and places, money.
    pub(super) lead: Option<f64>,
    /// The budget at which it would be another one; `None` where the budget curve holds none.
    pub(super) flips_at_budget: Option<f64>,
    /// The rate of the offer at which it would be.
    pub(super) flips_at_rate: Option<f64>,
    /// The churn probability at which it would be, the nearer one.
    pub(super) flips_at_p_churn: Option<f64>,
    /// The same in words.
    pub(super) words: String,
}

/// The reasons of all customers, in their order.
pub(super) fn of(
    table: &OfferTable,
    people: &People,
    plan: &Plan,
    allowed: &[bool],
    facts: &Facts,
    held_out: &[bool],
    barred: &[Option<Barred>],
) -> Result<Vec<Reason>> {
    let failed = Error::math("the reasons of the assignments");
    let prices = Prices { lambda: plan.shadow_price.max(0.0), places: &plan.cap_prices };
    let all = explain::explain(table, &people.prospects, &plan.choice, &prices, Some(allowed)).map_err(failed)?;
    let curve: Vec<(f64, f64)> = facts.curve.iter().map(|p| (p.budget, p.shadow_price)).collect();
    let mut reasons = Vec::with_capacity(all.len());
    for (i, why) in all.into_iter().enumerate() {
        let p = people.prospects[i].p_churn;
        let budget = |flip: Option<explain::Flip>| match flip {
            Some(flip) => explain::budget_at(&curve, flip.at).map_err(Error::math("the budget of a change")),
            None => Ok(None),
        };
        // More money makes it cheaper: of the two the one that is nearer to the plan's own budget.
        let (more, less) = (budget(why.cheaper_money)?, budget(why.dearer_money)?);
        let nearer = |a: Option<f64>, b: Option<f64>, at: f64| match (a, b) {
            (Some(a), Some(b)) => Some(if (a - at).abs() <= (b - at).abs() { a } else { b }),
            (a, b) => a.or(b),
        };
        let (lower, higher) = (why.lower_churn.map(|f| f.at), why.higher_churn.map(|f| f.at));
        let mut reason = Reason {
            runner_up: why.at_prices.and_then(|rival| rival.offer),
            lead: why.at_prices.map(|rival| rival.lead),
            flips_at_budget: nearer(more, less, facts.budget),
            flips_at_rate: why.rate,
            flips_at_p_churn: nearer(lower, higher, p),
            words: String::new(),
        };
        reason.words = match (barred[i], held_out[i]) {
            (Some(barred), _) => format!("{}: is not contacted", barred.word()),
            (None, true) => "held out, so that the effect of the offers can be measured".to_owned(),
            (None, false) => words(table, &why, &reason, facts, p),
        };
        reasons.push(reason);
    }
    Ok(reasons)
}

fn words(table: &OfferTable, why: &explain::Why, reason: &Reason, facts: &Facts, p: f64) -> String {
    let name = |k: Option<usize>| k.map_or("no offer", |k| table.offers[k].name.as_str());
    let money = |amount: f64| number::money(amount, "");
    let mut text = match (why.choice, why.at_prices) {
        (Some(k), rival) => {
            let beside = match rival {
                Some(rival) if rival.lead >= 0.0 => format!(
                    "; counting what the money would bring elsewhere, that is {} better than {}",
                    money(rival.lead),
                    name(rival.offer)
                ),
                Some(rival) => format!(
                    "; {} would be {} better, but this one uses up the budget",
                    name(rival.offer),
                    money(-rival.lead)
                ),
                None => String::new(),
            };
            format!("{} is expected to bring {} beyond its cost{beside}", table.offers[k].name, money(why.net))
        }
        (None, Some(rival)) => {
            let best = why.by_net.and_then(|rival| rival.offer.map(|k| (k, -rival.lead)));
            match best {
                Some((k, net)) if net > 0.0 => format!(
                    "{} would bring {} beyond its cost, but the money brings more elsewhere: {} for each unit of budget",
                    table.offers[k].name,
                    money(net),
                    money(facts.shadow_price)
                ),
                _ => format!("no offer earns its cost; {} comes nearest", name(rival.offer)),
            }
        }
        (None, None) => "no offer brings what it must bring at least".to_owned(),
    };
    let mut flips = Vec::new();
    if let Some(budget) = reason.flips_at_budget {
        flips.push(format!("at a budget of about {}", money(budget.round())));
    }
    if let Some(rate) = reason.flips_at_rate {
        let of = why.choice.or(why.at_prices.and_then(|rival| rival.offer));
        flips.push(format!("if the rate of {} were {}", name(of), number::percent(rate)));
    }
    if let Some(at) = reason.flips_at_p_churn {
        flips.push(format!("if the churn probability were {} instead of {}", number::percent(at), number::percent(p)));
    }
    if !flips.is_empty() {
        text.push_str(&format!("; another choice would be as good {}", flips.join(", or ")));
    }
    text
}

/// What an offer is called; none is [`NO_OFFER`].
pub(super) fn name(table: &OfferTable, k: Option<usize>) -> String {
    k.map_or(NO_OFFER, |k| table.offers[k].name.as_str()).to_owned()
}

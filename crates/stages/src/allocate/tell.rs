//! The plan told by offer and by segment, and its arithmetic checked before anybody sees it.

use std::collections::BTreeMap;

use tenure_math::allocate::expected::{self, OfferTable};
use tenure_math::allocate::{Plan, Problem, explain, solve_near};

use super::people::People;
use super::{
    CurveRow, Doubt, Facts, NO_OFFER, RateRow, SegmentPart, Threshold, Tier, WinbackRow, infeasible, ranked,
    rules::chance,
};
use crate::artifact;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::permission::Barred;

/// All that is told.
pub(super) struct Told<'a> {
    pub(super) config: &'a Config,
    pub(super) table: &'a OfferTable,
    pub(super) people: &'a People,
    pub(super) plan: &'a Plan,
    pub(super) greedy: &'a Plan,
    pub(super) problem: &'a Problem<'a>,
    pub(super) held_out: &'a [bool],
    pub(super) barred: &'a [Option<Barred>],
    pub(super) curve: Vec<CurveRow>,
    pub(super) doubt: Doubt,
}

impl Told<'_> {
    /// The facts, of which the arithmetic holds.
    ///
    /// # Errors
    /// [`Error::Corrupt`] naming what does not add up; a refused computation.
    pub(super) fn facts(self) -> Result<Facts> {
        let tiers = self.tiers();
        let sum = |f: fn(&Tier) -> f64| tiers.iter().map(f).sum::<f64>();
        let (spend, gain) = (sum(|t| t.spend), sum(|t| t.gain));
        let Self { config, table, people, plan, problem, .. } = self;
        let named = |value: &dyn Fn(usize) -> Option<f64>| -> BTreeMap<String, f64> {
            let of = |(k, offer): (usize, &expected::Offer)| value(k).map(|value| (offer.name.clone(), value));
            table.offers.iter().enumerate().filter_map(of).collect()
        };
        let mut barred = BTreeMap::new();
        for why in self.barred.iter().flatten() {
            *barred.entry(why.word().to_owned()).or_insert(0) += 1;
        }
        let anew = |net: &[f64], cost: &[f64]| solve_near(&Problem { net, cost, ..*problem }, &plan.choice);
        let rates = explain::rate_sensitivity(table, &people.prospects, &plan.choice, &anew)
            .map_err(|e| infeasible(e, problem))?;
        let winback = explain::winback_sensitivity(table, &people.prospects, &plan.choice, &anew)
            .map_err(|e| infeasible(e, problem))?;
        let caps = |k: usize| problem.caps[k].map(|cap| cap as f64);
        let facts = Facts {
            table: table.name.clone(),
            rate_kind: config.offers.rate_kind().word().to_owned(),
            value_reading: config.offers.value.word().to_owned(),
            assumptions: people.assumptions.clone(),
            margin: config.offers.margin,
            budget: config.budget(),
            spend,
            gain,
            net: gain - spend,
            bound: plan.bound,
            gap: plan.gap.max(0.0),
            gap_share: if plan.bound > 0.0 { (plan.gap / plan.bound).max(0.0) } else { 0.0 },
            shadow_price: plan.shadow_price,
            cap_prices: named(&|k| caps(k).map(|_| plan.cap_prices[k])),
            method: config.constraints.method.word().to_owned(),
            caps: named(&caps).into_iter().map(|(name, cap)| (name, cap as u64)).collect(),
            limits: plan.limits.clone(),
            thresholds: thresholds(table),
            segments: self.segments(),
            greedy_net: self.greedy.net,
            top_value_net: ranked(problem, None, |i| people.prospects[i].value).1,
            top_risk_net: ranked(problem, None, |i| people.prospects[i].p_churn).1,
            random_net: ranked(problem, None, |i| chance(config.run.seed, 0, i)).1,
            holdout: self.held_out.iter().filter(|h| **h).count() as u64,
            barred,
            customers: people.ids.len() as u64,
            rates: rates
                .points
                .iter()
                .map(|p| RateRow { factor: p.factor, unchanged: p.unchanged, reoptimised: p.reoptimised })
                .collect(),
            rates_break_even: rates.break_even,
            winback: winback
                .iter()
                .map(|p| WinbackRow { winback: p.winback, unchanged: p.unchanged, reoptimised: p.reoptimised })
                .collect(),
            tiers,
            curve: self.curve,
            doubt: self.doubt,
        };
        check_arithmetic(table, people, plan, problem, &facts)?;
        Ok(facts)
    }

    fn tiers(&self) -> Vec<Tier> {
        let sources = self.config.offers.tiers();
        let mut tiers = Vec::new();
        for (k, offer) in self.table.offers.iter().enumerate() {
            let mut tier = Tier {
                offer: offer.name.clone(),
                customers: 0,
                contact_cost: offer.contact_cost,
                rate: offer.rate,
                rate_source: sources[k].rate_source.clone(),
                spend: 0.0,
                gain: 0.0,
                net: 0.0,
                kept: 0.0,
                break_even_rate: None,
            };
            let mut per_rate = 0.0;
            for (of, _) in self.people.prospects.iter().zip(&self.plan.choice).filter(|(_, c)| **c == Some(k)) {
                let e = self.table.expected(offer, of);
                tier.customers += 1;
                tier.spend += e.cost;
                tier.gain += e.gain;
                tier.kept += offer.kept(of, self.table.rate_kind, self.table.winback);
                per_rate += e.gain - e.subsidy;
            }
            let contact = offer.contact_cost * tier.customers as f64;
            tier.net = tier.gain - tier.spend;
            tier.break_even_rate = (per_rate > 0.0).then(|| offer.rate * contact / per_rate);
            tiers.push(tier);
        }
        tiers.push(Tier {
            offer: NO_OFFER.to_owned(),
            customers: self.plan.choice.iter().filter(|c| c.is_none()).count() as u64,
            contact_cost: 0.0,
            rate: 0.0,
            rate_source: "by definition".to_owned(),
            spend: 0.0,
            gain: 0.0,
            net: 0.0,
            kept: 0.0,
            break_even_rate: None,
        });
        tiers
    }

    fn segments(&self) -> Vec<SegmentPart> {
        let mut parts: BTreeMap<&str, SegmentPart> = BTreeMap::new();
        for (i, segment) in self.people.segments.iter().enumerate() {
            let part = parts.entry(segment).or_insert_with(|| SegmentPart {
                segment: segment.clone(),
                customers: 0,
                offers: 0,
                spend: 0.0,
                gain: 0.0,
                net: 0.0,
            });
            part.customers += 1;
            if let Some(k) = self.plan.choice[i] {
                let e = self.table.expected(&self.table.offers[k], &self.people.prospects[i]);
                part.offers += 1;
                part.spend += e.cost;
                part.gain += e.gain;
                part.net += e.net;
            }
        }
        let mut all: Vec<SegmentPart> = parts.into_values().collect();
        all.sort_by(|a, b| b.spend.total_cmp(&a.spend).then_with(|| a.segment.cmp(&b.segment)));
        all
    }
}

/// What the thresholds of the offers are thresholds of: the column of the plan's files.
const AT_STAKE: &str = "at_stake";

/// From where on each offer is worth it.
fn thresholds(table: &OfferTable) -> Vec<Threshold> {
    let name = |k: Option<usize>| k.map_or(NO_OFFER, |k| table.offers[k].name.as_str()).to_owned();
    explain::thresholds(table)
        .into_iter()
        .map(|t| Threshold {
            offer: name(Some(t.offer)),
            of: AT_STAKE.to_owned(),
            from: t.from,
            over: name(t.over),
            why_not: match t.standing {
                explain::Standing::Best => "",
                explain::Standing::Dominated => "another offer or none is at least as good everywhere",
                explain::Standing::DependsOnChurn => {
                    "a discount that those who stay use too makes it depend on the churn probability"
                }
            }
            .to_owned(),
        })
        .collect()
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
    let reached = |i: &usize| plan.choice[*i].is_some();
    let prospects = &people.prospects;
    let loss: f64 = (0..prospects.len()).filter(reached).map(|i| prospects[i].p_churn * prospects[i].value).sum();
    let at_risk: f64 = (0..prospects.len()).filter(reached).map(|i| prospects[i].p_churn).sum();
    let best_rate = table.offers.iter().map(|o| o.rate * o.margin).fold(0.0, f64::max);
    let most = match table.rate_kind {
        expected::RateKind::ShareOfChurners => best_rate * loss,
        expected::RateKind::Points => loss,
    };
    let broken = if facts.spend > facts.budget + 1e-9 * scale {
        Some(format!("it spends {} of {}", facts.spend, facts.budget))
    } else if facts.gain > most + 1e-9 * scale {
        Some(format!("it keeps {} of at most {most}", facts.gain))
    } else if facts.tiers.iter().map(|t| t.kept).sum::<f64>() > at_risk + 1e-9 * (1.0 + at_risk) {
        Some(format!("it keeps more customers than the {at_risk} who are expected to leave"))
    } else if (facts.spend - plan.spend).abs() > 1e-6 * scale || (facts.net - plan.net).abs() > 1e-6 * scale {
        Some(format!(
            "its tiers sum to {} and {}, the plan says {} and {}",
            facts.spend, facts.net, plan.spend, plan.net
        ))
    } else if facts.net > facts.bound + 1e-6 * scale {
        Some(format!("its net {} exceeds the bound {}", facts.net, facts.bound))
    } else if facts.tiers.iter().map(|t| t.customers).sum::<u64>() != people.ids.len() as u64 {
        Some("its tiers do not add up to all customers".to_owned())
    } else if let Some(limit) = plan.limits.iter().find(|limit| !limit.kept && !is_greedy(facts)) {
        Some(format!("the limit {} is not kept: {}", limit.name, limit.used))
    } else {
        let parts = |f: fn(&SegmentPart) -> f64| facts.segments.iter().map(f).sum::<f64>();
        if (parts(|s| s.spend) - facts.spend).abs() > 1e-6 * scale
            || (parts(|s| s.net) - facts.net).abs() > 1e-6 * scale
        {
            Some("its segments do not sum to the plan".to_owned())
        } else {
            (0..problem.offers)
                .find(|&k| problem.caps[k].is_some_and(|cap| plan.counts[k] > cap))
                .map(|k| format!("offer {} exceeds its cap", table.offers[k].name))
        }
    };
    match broken {
        None => Ok(()),
        Some(problem) => Err(Error::Corrupt { artefact: artifact::ALLOCATION.to_owned(), problem }),
    }
}

/// The common rule knows no floors.
fn is_greedy(facts: &Facts) -> bool {
    facts.method == crate::config::Method::Greedy.word()
}

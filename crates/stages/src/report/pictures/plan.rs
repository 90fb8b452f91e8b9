//! Figures of the plan: who gets which offer, and what other budgets would bring.

use serde::Deserialize;

use super::{Gallery, Room, acquired};
use crate::ctx::Stage;
use crate::error::Result;
use crate::report::figure::budget_curve::BudgetCurveData;
use crate::report::figure::offer_allocation::OfferAllocationData;
use crate::report::figure::{self, Theme};

/// What the figures need of the record of the plan.
#[derive(Deserialize)]
struct PlanRecord {
    customers: u64,
    budget: f64,
    tiers: Vec<TierRecord>,
    curve: Vec<CurveRecord>,
}

#[derive(Deserialize)]
struct TierRecord {
    offer: String,
    customers: u64,
    spend: f64,
    net: f64,
    rate_source: String,
}

#[derive(Deserialize)]
struct CurveRecord {
    budget: f64,
    net: f64,
    greedy_net: f64,
    shadow_price: f64,
}

impl Room<'_> {
    pub(super) fn plan(&self, gallery: &mut Gallery) -> Result<()> {
        let facts: PlanRecord = self.run.record_of(Stage::Allocate)?;
        let currency = self.config.data.currency.clone();
        let note = self.caption(
            &self.as_of()?,
            acquired(facts.customers),
            "Expected at assumed rates, which nobody has measured here.",
        );
        let theme = Theme::default();
        let allocation = OfferAllocationData {
            offers: facts.tiers.iter().map(|t| t.offer.clone()).collect(),
            customers: facts.tiers.iter().map(|t| t.customers).collect(),
            cost: facts.tiers.iter().map(|t| t.spend).collect(),
            net: facts.tiers.iter().map(|t| t.net).collect(),
            no_offer: facts.tiers.iter().position(|t| t.rate_source == "by definition"),
            budget: Some(facts.budget),
            currency: currency.clone(),
        };
        let chosen = facts.curve.iter().position(|c| (c.budget - facts.budget).abs() < 0.005).unwrap_or(0);
        let curve = BudgetCurveData {
            budget: facts.curve.iter().map(|c| c.budget).collect(),
            net: facts.curve.iter().map(|c| c.net).collect(),
            greedy_net: facts.curve.iter().map(|c| c.greedy_net).collect(),
            shadow_price: facts.curve.iter().map(|c| c.shadow_price.max(0.0)).collect(),
            chosen,
            currency,
        };
        gallery.hang(figure::offer_allocation::draw(&allocation, &note, &theme))?;
        gallery.hang(figure::budget_curve::draw(&curve, &note, &theme))
    }
}

//! The manifest as the end screen needs it.

use std::path::Path;

use crate::artifact::{self, Manifest};
use crate::config::Config;
use crate::ctx::Stage;
use crate::error::Result;
use crate::summary::{
    Finding, NOTHING, Output, Plan, PlanDoubt, PlannedOffer, Reason, Rows, Segment, Summary, ValueQuality,
};
use crate::{allocate, churn, clean, ingest, report, value};

/// What a finished run found.
pub(super) fn summary(config: &Config, manifest: &Manifest, out: &Path) -> Result<Summary> {
    let ingest: ingest::Facts = manifest.stage(Stage::Ingest, out)?;
    let clean: clean::Facts = manifest.stage(Stage::Clean, out)?;
    let churn: churn::Facts = manifest.stage(Stage::Churn, out)?;
    let value: value::Facts = manifest.stage(Stage::Value, out)?;
    let plan: allocate::Facts = manifest.stage(Stage::Allocate, out)?;
    let report: report::Facts = manifest.stage(Stage::Report, out)?;
    let timeline = manifest.timeline_of(out)?;
    let mut reasons: Vec<Reason> = Vec::new();
    for aside in &clean.set_aside {
        match reasons.iter_mut().find(|r| r.reason == aside.reason) {
            Some(reason) => reason.rows += aside.rows,
            None => reasons.push(Reason { reason: aside.reason.clone(), rows: aside.rows }),
        }
    }
    reasons.sort_by(|a, b| b.rows.cmp(&a.rows).then(a.reason.cmp(&b.reason)));
    Ok(Summary {
        as_of: timeline.as_of.to_string(),
        data_start: timeline.data_start.to_string(),
        data_end: timeline.data_end.to_string(),
        currency: config.data.currency.clone(),
        rows: Rows { read: ingest.rows_in, kept: clean.kept, quarantined: clean.quarantined, reasons },
        customers: report.customers,
        segments: report
            .segments
            .iter()
            .map(|s| Segment {
                name: s.segment.clone(),
                customers: s.customers,
                customer_share: s.customer_share,
                revenue_share: s.revenue_share,
                p_churn_mean: s.p_churn_mean,
                value_mean: s.value_mean,
            })
            .collect(),
        segment_checks: report.checks.clone(),
        churn: churn.quality,
        value: value_quality(value, &report),
        plan: Finding::Measured(planned(config, &plan)),
        truth: Vec::new(),
        truth_checks: Vec::new(),
        out: out.display().to_string(),
        outputs: outputs(manifest),
        warnings: warnings(manifest),
        next: next(&plan, out),
    })
}

/// What to do with the run; a plan that contacts nobody is no list to open.
fn next(plan: &allocate::Facts, out: &Path) -> Vec<String> {
    let out = out.display();
    if plan.tiers.iter().all(|tier| tier.offer == allocate::NO_OFFER || tier.customers == 0) {
        return vec![
            format!(
                "nobody is offered anything; open {out}/{}: who they are and who leaves",
                artifact::SEGMENT_SUMMARY
            ),
            format!(
                "tenure sql \"select customer_id, p_churn from customer_scores order by p_churn desc\" --out {out}"
            ),
        ];
    }
    vec![
        format!("open {out}/{} in a browser: what to do, and what it rests on", artifact::REPORT),
        format!("tenure allocate --out {out} --budget N: the plan at another budget"),
    ]
}

/// How well value is forecast; without a model also what the values are.
fn value_quality(value: value::Facts, report: &report::Facts) -> Finding<ValueQuality> {
    let has_values = report.segments.iter().any(|s| s.value_mean.is_some());
    match value.quality {
        Finding::Missing(why) if value.deployment.is_none() && has_values => Finding::Missing(format!(
            "{why}; the values shown are the spend of the last {} days, carried forward",
            value.horizon_days
        )),
        quality => quality,
    }
}

/// What the reader must know; first that there is nothing to know, where that is so.
fn warnings(manifest: &Manifest) -> Vec<String> {
    let all = Stage::ALL.iter().filter_map(|s| manifest.warnings.get(s.name())).flatten().cloned();
    let (mut first, rest): (Vec<_>, Vec<_>) = all.partition(|warning: &String| warning.starts_with(NOTHING));
    first.extend(rest);
    first
}

fn planned(config: &Config, plan: &allocate::Facts) -> Plan {
    let without = plan.tiers.iter().find(|t| t.offer == allocate::NO_OFFER).map_or(0, |t| t.customers);
    Plan {
        table: config.offers.table,
        value: config.offers.value,
        rate_kind: config.offers.rate_kind(),
        method: config.constraints.method,
        assumptions: plan.assumptions.clone(),
        budget: plan.budget,
        spend: plan.spend,
        offers: plan
            .tiers
            .iter()
            .filter(|t| t.offer != allocate::NO_OFFER)
            .map(|t| PlannedOffer {
                name: t.offer.clone(),
                customers: t.customers,
                spend: t.spend,
                expected_net: t.net,
            })
            .collect(),
        without_offer: without,
        held_out: plan.holdout,
        expected_net: plan.net,
        bound: Some(plan.bound),
        gap: Some(plan.gap),
        gap_share: Some(plan.gap_share),
        greedy_net: Some(plan.greedy_net),
        shadow_price: Some(plan.shadow_price),
        doubt: (plan.spend > 0.0).then_some(PlanDoubt {
            low: plan.doubt.net.q05,
            high: plan.doubt.net.q95,
            p_positive: plan.doubt.net.p_positive,
            worst: plan.doubt.net.cvar,
            worst_share: plan.doubt.net.alpha,
        }),
    }
}

fn outputs(manifest: &Manifest) -> Vec<Output> {
    let wanted = [
        (artifact::REPORT, "what to do, what it rests on, what could be wrong: a page for the browser"),
        (artifact::EXECUTION_PLAN, "whom to contact with which offer, in order"),
        (artifact::CUSTOMER_SCORES, "every customer: segment, p_churn, value with interval, offer"),
        (artifact::OFFER_PLAN, "the plan by offer"),
        (artifact::SEGMENT_SUMMARY, "the segments: forecasts, what happened, their part of the plan"),
        (artifact::FIGURES, "figures (SVG, PNG, CSV)"),
        (artifact::VALIDATION_PAGE, "what the data checks found"),
        (artifact::MANIFEST, "parameters, windows, metrics, hashes"),
    ];
    wanted
        .into_iter()
        .filter(|(path, _)| *path == artifact::MANIFEST || manifest.artefacts.iter().any(|a| a.name.starts_with(path)))
        .map(|(path, holds)| Output { path: path.to_owned(), what: holds.to_owned() })
        .collect()
}

//! What the plan may bring where its inputs are wrong: how wrong they may be, and what that makes of the plan.

use serde::Deserialize;
use tenure_math::allocate::expected::OfferTable;
use tenure_math::allocate::risk::{self, Decision, Distribution, Draws, RateBelief, Risk, Uncertainty};
use tenure_math::allocate::{Plan, Problem, solve_near};
use tenure_math::rng;

use super::Doubt;
use super::people::People;
use crate::artifact::RunFolder;
use crate::config::{self, Config, is_assumed};
use crate::ctx::{Stage, Steps};
use crate::error::{Error, Result};
use crate::summary::{ChurnQuality, Finding, ValueQuality};

/// Standard deviation of the shift of the log-odds where no test window says how far they are off.
const UNKNOWN_LOGIT_SD: f64 = 0.5;
/// The same of the level of the values.
const UNKNOWN_LEVEL_SD: f64 = 0.3;
/// The worst share of draws that is told of.
const TAIL: f64 = 0.1;
/// Half a 95 % interval, in standard deviations.
const HALF_INTERVAL: f64 = 1.959_964;

/// What is doubted, and how often each customer would get the same again.
pub(super) struct Doubted {
    pub(super) facts: Doubt,
    pub(super) stability: Vec<f64>,
}

/// What is needed of the record of churn.
#[derive(Deserialize)]
struct ChurnRecord {
    quality: Finding<ChurnQuality>,
    deciles: Vec<Tenth>,
}

#[derive(Deserialize)]
struct Tenth {
    customers: u64,
    p_churn_mean: f64,
}

/// What is needed of the record of value.
#[derive(Deserialize)]
struct ValueRecord {
    quality: Finding<ValueQuality>,
}

/// Draws what may be, and tells the plan by it; where the configuration minds risk, `plan` becomes the plan that does.
#[allow(clippy::too_many_arguments)]
pub(super) fn doubt(
    config: &Config,
    run: &RunFolder,
    table: &OfferTable,
    people: &People,
    problem: &Problem<'_>,
    allowed: &[bool],
    plan: &mut Plan,
    warnings: &mut Vec<String>,
    steps: &Steps<'_>,
) -> Result<Doubted> {
    let failed = Error::math("the draws of what may be");
    let churn_logit_sd = churn_logit_sd(run)?;
    let value_level_sd = value_level_sd(run)?;
    let rates: Vec<RateBelief> = config.offers.tiers().iter().map(|offer| belief(config, offer)).collect();
    let (low, high) = &people.quantiles;
    let has_quantiles = low.iter().chain(high).all(|v| v.is_finite());
    let uncertainty = Uncertainty {
        shared_logit_sd: churn_logit_sd,
        level_sd: value_level_sd,
        value_quantiles: has_quantiles.then_some((low, high)),
        rates: &rates,
        ..Uncertainty::default()
    };
    let seed = rng::seed_of(config.run.seed, "allocate/draws", 0);
    let draws = Draws::new(table, &people.prospects, &uncertainty, risk::DRAWS, seed)
        .map_err(Error::math("the draws of what may be"))?;
    let at_hand = plan.choice.clone();
    let anew = |net: &[f64], cost: &[f64]| solve_near(&Problem { net, cost, ..*problem }, &at_hand);
    let decision = Decision { draws: &draws, admissible: Some(allowed), solve: &anew };
    let wanted = match config.risk() {
        config::Risk::Mean => Risk::Mean,
        config::Risk::Cvar(share) => Risk::Cvar(share),
        config::Risk::Quantile(share) => Risk::Quantile(share),
    };
    let (mut objective, mut objective_bound) = (plan.net, Some(plan.bound));
    if wanted != Risk::Mean {
        if problem.limits.iter().any(|limit| limit.at_least.is_some()) {
            warnings.push("floors are kept also where the plan minds risk".to_owned());
        }
        let safe = decision.plan(wanted, &risk::Params::default()).map_err(Error::math("the plan that minds risk"))?;
        (objective, objective_bound) = (safe.objective, safe.bound);
        *plan = plan.with_choice(problem, &safe.choice).map_err(Error::math("the plan that minds risk"))?;
    }
    let alpha = match wanted {
        Risk::Cvar(share) => share,
        Risk::Mean | Risk::Quantile(_) => TAIL,
    };
    let nets = draws.nets(&plan.choice).map_err(failed)?;
    let net = Distribution::new(&nets, alpha).map_err(Error::math("the distribution of the net"))?;
    steps.plan(Some(risk::REOPTIMISED.min(risk::DRAWS)), "draws");
    let counted = |net: &[f64], cost: &[f64]| {
        let made = anew(net, cost);
        steps.done(1);
        made
    };
    let again = Decision { solve: &counted, ..decision }
        .stability(&plan.choice, risk::REOPTIMISED)
        .map_err(Error::math("the stability of the assignments"))?;
    if again.without_plan > 0 {
        warnings.push(format!(
            "under {} of {} draws no plan that keeps all limits was found; there no assignment counts as stable",
            again.without_plan, again.draws
        ));
    }
    Ok(Doubted {
        facts: Doubt {
            risk: config.constraints.risk.clone(),
            objective,
            objective_bound,
            churn_logit_sd,
            value_level_sd,
            rate_sd: config.offers.rate_doubt,
            net,
            stability_of_offers: again.mean_same_of_offers,
        },
        stability: again.same,
    })
}

/// How far the mean probability was off on the test window, in log-odds, with its sampling error.
fn churn_logit_sd(run: &RunFolder) -> Result<f64> {
    let record: ChurnRecord = run.record_of(Stage::Churn)?;
    let Finding::Measured(quality) = record.quality else { return Ok(UNKNOWN_LOGIT_SD) };
    let n: u64 = record.deciles.iter().map(|d| d.customers).sum();
    if n == 0 {
        return Ok(UNKNOWN_LOGIT_SD);
    }
    let said = record.deciles.iter().map(|d| d.p_churn_mean * d.customers as f64).sum::<f64>() / n as f64;
    let (logit, came) = (|p: f64| (p / (1.0 - p)).ln(), quality.churn_rate);
    let off = logit(came.clamp(1e-6, 1.0 - 1e-6)) - logit(said.clamp(1e-6, 1.0 - 1e-6));
    let sampling = 1.0 / (n as f64 * came * (1.0 - came)).max(1.0);
    Ok((off * off + sampling).sqrt().min(2.0))
}

/// How far the total of the values was off on the test window, as a share, with its sampling error.
fn value_level_sd(run: &RunFolder) -> Result<f64> {
    let record: ValueRecord = run.record_of(Stage::Value)?;
    let Finding::Measured(quality) = record.quality else { return Ok(UNKNOWN_LEVEL_SD) };
    let Some(error) = quality.models.first().and_then(|model| model.portfolio_error) else {
        return Ok(UNKNOWN_LEVEL_SD);
    };
    let sampling = match (error.low, error.high) {
        (Some(low), Some(high)) => (high - low) / (2.0 * HALF_INTERVAL),
        _ => UNKNOWN_LEVEL_SD,
    };
    Ok(error.value.hypot(sampling).min(5.0))
}

/// How well an offer's rate is known.
fn belief(config: &Config, offer: &config::Offer) -> RateBelief {
    match (offer.rate_low, offer.rate_high) {
        (Some(low), Some(high)) => RateBelief::Measured { low, high, level: 0.95 },
        _ if !is_assumed(&offer.rate_source) => RateBelief::Known,
        _ => {
            let (rate, doubt) = (offer.rate, config.offers.rate_doubt);
            if rate <= 0.0 || rate >= 1.0 || doubt <= 0.0 {
                return RateBelief::Known;
            }
            // The beta law of that mean whose standard deviation is `doubt` times it: sd^2 = r (1 - r) / (a + b + 1).
            let strength = (1.0 - rate) / (doubt * doubt * rate) - 1.0;
            RateBelief::Assumed { strength: strength.max(LEAST_STRENGTH) }
        }
    }
}

/// A beta law weaker than this puts all its weight on 0 and 1.
const LEAST_STRENGTH: f64 = 1.0;

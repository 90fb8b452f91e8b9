//! The demo: a generated retailer, the whole run on its export, and the run judged by the truth that it never saw.

mod judge;

use std::path::Path;

use super::run;
use crate::config::Config;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::summary::Summary;
use crate::time::Instant;
use crate::world::{self, OfferSpec, Params};

/// Where the generated retailer lies in the run's folder.
const WORLD: &str = "world";

/// Generates the retailer of `params` (its horizons are those of `config`), runs everything on its export, and judges
/// forecasts and plan by the truth.
///
/// # Errors
/// As [`run`], and those of the world.
pub fn demo(ctx: &Ctx<'_>, config: &Config, params: &Params, out: &Path) -> Result<Summary> {
    let params =
        Params { churn_days: config.churn.horizon_days, value_days: config.value.horizon_days, ..params.clone() };
    let world = world::generate(&params)?;
    let exported = world.export(&out.join(WORLD))?;
    let mut config = config.clone();
    config.snapshots.as_of = config.snapshots.as_of.or(Instant::parse(&world.as_of().to_string()));
    if config.data.currency.is_empty() {
        "USD".clone_into(&mut config.data.currency);
    }
    let mut summary = run(ctx, &config, &[exported.transactions], out)?;
    let offers = OfferSpec::all_of(&config.offers);
    let truth = world.truth(&offers, params.churn_days, params.value_days)?;
    let from_data = world.known_from_data(&offers, params.churn_days, params.value_days)?;
    let judged = judge::judge(ctx, &config, &truth, &from_data, out)?;
    summary.truth = judged.plans;
    summary.truth_checks = judged.checks;
    Ok(summary)
}

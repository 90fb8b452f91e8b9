//! The value candidates in the contest of the models.

use tenure_math::metric::{self, contest};
use tenure_tables::engine::Engine;

use super::{MIN_TEST_ROWS, Room};
use crate::artifact::RunFolder;
use crate::config::{Config, Population, ValueModel};
use crate::contest::{Contest, Origin, Round, Rules, judge, origins};
use crate::ctx::{Stage, Steps};
use crate::error::{Error, Result};
use crate::panel::Panel;
use crate::summary::Finding;
use crate::time::Instant;

/// What is reported of each candidate at each origin.
const METRICS: [&str; 6] = ["r2", "rmse", "mae", "spearman", "gini", "portfolio_error"];
/// Forecasts below this share of the mean outcome count as that in the loss.
const LOSS_FLOOR: f64 = 0.01;

/// Lets all candidates forecast at the origins of a backtest, each of them a step.
///
/// # Errors
/// Engine and file errors; a refused computation.
pub(crate) fn contest(
    config: &Config,
    engine: &Engine,
    run: &RunFolder,
    steps: &Steps<'_>,
) -> Result<Finding<Contest>> {
    let timeline = run.timeline()?;
    let horizon = i64::from(config.value.horizon_days);
    let snapshots = timeline.snapshots(&config.snapshots);
    let origins = origins(&timeline, &snapshots, horizon, config.backtest.origins);
    let mut wanted: Vec<Instant> = origins.iter().flat_map(|(windows, _)| windows.snapshots()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return Ok(Finding::Missing(format!("the history holds no two disjoint windows of {horizon} days")));
    }
    let churn_days = i64::from(config.churn.horizon_days);
    let panel = Panel::read(engine, run, &wanted, horizon, churn_days, super::basis(config))?
        .seeing_lifetimes(config, horizon)?;
    if !panel.spend.iter().any(|spend| *spend > 0.0) {
        return Ok(Finding::Missing("the source holds no money, so there is no spend to forecast".to_owned()));
    }
    // One origin is one step, however many fits it takes.
    let alone = Steps::silent(Stage::Backtest);
    let room = Room { config, engine, run, panel: &panel, timeline, snapshots: &snapshots, horizon, steps: &alone };
    let models = ValueModel::built();
    let words: Vec<&str> = models.iter().map(|model| model.word()).collect();
    let mut rounds = Vec::new();
    for (windows, decides) in &origins {
        let Some(test) = windows.test else {
            steps.done(1);
            continue;
        };
        if !room.teaches(windows) || !room.holds(&[test], MIN_TEST_ROWS) {
            steps.done(1);
            continue;
        }
        steps.at(&format!("value as of {test}"));
        let total = room.season_total(test)?;
        let calibrated = room.calibrate(windows, &models)?;
        let rows = panel.rows(&[test]);
        let actual: Vec<f64> = rows.iter().map(|&i| panel.spend[i].max(0.0)).collect();
        let floor = LOSS_FLOOR * actual.iter().sum::<f64>() / actual.len() as f64;
        let recency = panel.table.feature("recency_days", &rows);
        let active: Vec<bool> = recency.iter().map(|days| *days <= f64::from(config.churn.active_days)).collect();
        let (mut losses, mut forecasts) = (Vec::new(), Vec::new());
        for (k, raw) in room.predict(&calibrated.parts, &models, &rows)?.iter().enumerate() {
            let mean = room.score(&calibrated, k, raw, &rows, total)?.mean;
            losses.push(
                contest::tweedie_losses(&mean, &actual, floor).map_err(Error::math("the losses of a candidate"))?,
            );
            forecasts.push(mean);
        }
        let metrics = [false, true].map(|only_active| {
            let who: Vec<usize> = (0..rows.len()).filter(|&k| !only_active || active[k]).collect();
            let of = |values: &[f64]| -> Vec<f64> { who.iter().map(|&k| values[k]).collect() };
            forecasts.iter().map(|mean| metrics(&of(mean), &of(&actual))).collect()
        });
        rounds.push(Round {
            origin: Origin { as_of: test, trained: windows.train.len(), decides: *decides, customers: rows.len() },
            customers: rows.iter().map(|&i| panel.customers[i].clone()).collect(),
            active,
            losses,
            metrics,
        });
        steps.done(1);
    }
    let rules = Rules {
        config,
        horizon_days: horizon,
        loss: "Tweedie deviance",
        metrics: &METRICS,
        models: &words,
        active_decide: config.churn.population == Population::Active,
        task: "backtest/value",
    };
    judge(&rules, &rounds)
}

/// The metrics that these rows allow.
fn metrics(mean: &[f64], actual: &[f64]) -> Vec<Option<f64>> {
    vec![
        metric::r2(mean, actual, None).ok(),
        metric::rmse(mean, actual, None).ok(),
        metric::mae(mean, actual, None).ok(),
        metric::spearman(mean, actual, None).ok(),
        metric::normalised_gini(mean, actual, None).ok(),
        metric::portfolio_error(mean, actual, None).ok(),
    ]
}

//! The churn candidates in the contest of the models.

use tenure_math::metric::{self, contest};
use tenure_tables::engine::Engine;

use super::Room;
use crate::artifact::RunFolder;
use crate::config::{ChurnModel, Config, Population};
use crate::contest::{Contest, Origin, Round, Rules, judge, origins};
use crate::ctx::{Stage, Steps};
use crate::error::{Error, Result};
use crate::panel::Panel;
use crate::summary::Finding;
use crate::time::Instant;

/// What is reported of each candidate at each origin.
const METRICS: [&str; 5] = ["auc", "average_precision", "log_loss", "brier", "ece"];

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
    let horizon = i64::from(config.churn.horizon_days);
    let snapshots = timeline.snapshots(&config.snapshots);
    let origins = origins(&timeline, &snapshots, horizon, config.backtest.origins);
    let mut wanted: Vec<Instant> = origins.iter().flat_map(|(windows, _)| windows.snapshots()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return Ok(Finding::Missing(format!("the history holds no two disjoint windows of {horizon} days")));
    }
    let panel =
        Panel::read(engine, run, &wanted, horizon, horizon, "spend_gross")?.seeing_lifetimes(config, horizon)?;
    // One origin is one step, however many fits it takes.
    let alone = Steps::silent(Stage::Backtest);
    let room = Room::new(config, engine, run, &panel, timeline, &snapshots, &alone);
    let mut penalty = None;
    let models = ChurnModel::built();
    let words: Vec<&str> = models.iter().map(|model| model.word()).collect();
    let mut rounds = Vec::new();
    for (windows, decides) in &origins {
        let Some(test) = windows.test else {
            steps.done(1);
            continue;
        };
        if !room.teaches(windows) || !room.learnable(&panel.rows(&[test])) {
            steps.done(1);
            continue;
        }
        steps.at(&format!("churn as of {test}"));
        // Chosen at the first origin, from what was known there.
        let penalty = match penalty {
            Some(penalty) => penalty,
            None => *penalty.insert(room.penalty(&windows.train)?),
        };
        let seasonal = room.season(test)?;
        let (_, rows, probabilities) = room.forecast(windows, &models, penalty, test, seasonal.as_ref())?;
        let churned = room.outcomes(&rows);
        let mut active = vec![false; rows.len()];
        for k in room.active(&rows) {
            active[k] = true;
        }
        let losses = probabilities
            .iter()
            .map(|p| contest::log_losses(p, &churned).map_err(Error::math("the losses of a candidate")))
            .collect::<Result<_>>()?;
        let metrics = [false, true].map(|only_active| {
            let who: Vec<usize> = (0..rows.len()).filter(|&k| !only_active || active[k]).collect();
            let y: Vec<bool> = who.iter().map(|&k| churned[k]).collect();
            probabilities.iter().map(|p| metrics(&who.iter().map(|&k| p[k]).collect::<Vec<_>>(), &y)).collect()
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
        loss: "log-loss",
        metrics: &METRICS,
        models: &words,
        active_decide: config.churn.population == Population::Active,
        task: "backtest/churn",
    };
    judge(&rules, &rounds)
}

/// The metrics that these rows allow.
fn metrics(p: &[f64], y: &[bool]) -> Vec<Option<f64>> {
    vec![
        metric::roc_auc(p, y, None).ok(),
        metric::average_precision(p, y, None).ok(),
        metric::log_loss(p, y, None).ok(),
        metric::brier(p, y, None).ok(),
        metric::ece(p, y, None).ok(),
    ]
}

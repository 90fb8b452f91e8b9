//! The backtest: the contest of the models on the windows of a run. It is no part of a run; its champion is used by the
//! runs that follow in the same folder.

use crate::artifact::{self, RunFolder};
use crate::config::Config;
use crate::contest::{Backtest, Contest, origins};
use crate::ctx::{Stage, Steps};
use crate::error::Result;
use crate::summary::Finding;
use crate::{churn, value};
use tenure_tables::engine::Engine;

/// Holds the contests; the sentence says who won.
///
/// # Errors
/// Engine and file errors; a refused computation.
pub(super) fn run(config: &Config, engine: &Engine, folder: &mut RunFolder, steps: &Steps<'_>) -> Result<String> {
    let timeline = folder.timeline()?;
    let snapshots = timeline.snapshots(&config.snapshots);
    let forecasts = [config.churn.horizon_days, config.value.horizon_days]
        .map(|days| origins(&timeline, &snapshots, i64::from(days), config.backtest.origins).len());
    steps.plan(Some(forecasts.iter().sum()), "origins");
    let of_churn = churn::contest(config, engine, folder, steps)?;
    let of_value = value::contest(config, engine, folder, steps)?;
    let facts = Backtest { as_of: timeline.as_of, churn: of_churn, value: of_value };
    let mut rows = Vec::new();
    let mut warnings = Vec::new();
    let mut words = Vec::new();
    for (stage, contest) in [(Stage::Churn, &facts.churn), (Stage::Value, &facts.value)] {
        match contest {
            Finding::Measured(contest) => {
                rows.extend(table(stage, contest));
                words.push(format!("{}: {}", stage.name(), contest.why));
            }
            Finding::Missing(why) => {
                warnings.push(format!("no contest of the {} models was held: {why}", stage.name()));
            }
        }
    }
    let header = ["forecast", "population", "as_of", "decides", "customers", "model", "metric", "value"];
    artifact::write_csv(&folder.write(artifact::BACKTEST)?, &header, &rows)?;
    folder.record(Stage::Backtest, &facts, warnings)?;
    Ok(if words.is_empty() { "no contest: the history is too short".to_owned() } else { words.join("; ") })
}

fn table(stage: Stage, contest: &Contest) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for field in &contest.fields {
        for (k, origin) in contest.origins.iter().enumerate() {
            for standing in &field.standings {
                for (metric, value) in contest.metrics.iter().zip(&standing.by_origin[k]) {
                    rows.push(vec![
                        stage.name().to_owned(),
                        field.population.clone(),
                        origin.as_of.to_string(),
                        origin.decides.to_string(),
                        origin.customers.to_string(),
                        standing.model.clone(),
                        metric.clone(),
                        value.map(|v| format!("{v:.6}")).unwrap_or_default(),
                    ]);
                }
            }
        }
    }
    rows
}

//! The backtest: the contest of the models on the windows of a run. It is no part of a run; its champion is used by the
//! runs that follow in the same folder.

use crate::artifact::{self, RunFolder};
use crate::config::Config;
use crate::contest::{Backtest, Contest};
use crate::ctx::{Ctx, Stage};
use crate::error::Result;
use crate::summary::Finding;
use crate::{churn, value};
use tenure_tables::engine::Engine;

/// Holds the contests; the sentence says who won.
///
/// # Errors
/// Engine and file errors; a refused computation.
pub(super) fn run(ctx: &Ctx<'_>, config: &Config, engine: &Engine, folder: &mut RunFolder) -> Result<String> {
    let of_churn = churn::contest(config, engine, folder, &|at| {
        ctx.progress.at(Stage::Backtest, &format!("churn as of {at}"));
    })?;
    let of_value = value::contest(config, engine, folder, &|at| {
        ctx.progress.at(Stage::Backtest, &format!("value as of {at}"));
    })?;
    let facts = Backtest { as_of: folder.timeline()?.as_of, churn: of_churn, value: of_value };
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

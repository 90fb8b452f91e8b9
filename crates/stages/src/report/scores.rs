//! The table of scores: one row per acquired customer at `as_of`.

use serde::Deserialize;
use tenure_tables::engine::{Engine, Value};

use crate::artifact::{self, RunFolder};
use crate::config::Config;
use crate::ctx::Stage;
use crate::error::Result;
use crate::lifetimes::Lifetimes;

/// What is needed of the record of churn.
#[derive(Deserialize)]
struct LifetimesRecord {
    lifetimes: Lifetimes,
}

/// Writes the table of scores; gives its rows and the columns that are null, with the reason.
pub(super) fn write_customers(
    config: &Config,
    engine: &Engine,
    run: &RunFolder,
) -> Result<(u64, Vec<(String, String)>)> {
    for (table, artefact, stage) in [
        ("features", artifact::FEATURES, Stage::Features),
        ("segments", artifact::SEGMENT_ASSIGNMENTS, Stage::Segment),
        ("churn_scores", artifact::CHURN_SCORES, Stage::Churn),
        ("value_scores", artifact::VALUE_SCORES, Stage::Value),
        ("plan", artifact::ALLOCATION, Stage::Allocate),
    ] {
        engine.register(table, &run.read(artefact, stage)?)?;
    }
    let as_of = run.timeline()?.as_of.to_string();
    let rows = engine.write(
        "select
            features.customer_id,
            features.as_of,
            features.recency_days,
            features.frequency,
            features.monetary_total,
            segments.rfm_code,
            segments.segment,
            segments.cluster,
            segments.cluster_name,
            churn_scores.p_churn,
            churn_scores.window_days as churn_horizon_days,
            value_scores.value_mean,
            value_scores.value_q10,
            value_scores.value_q50,
            value_scores.value_q90,
            value_scores.value_risk_adjusted,
            value_scores.value_present,
            $value_days as value_horizon_days,
            churn_scores.p_alive,
            plan.offer,
            plan.expected_net as offer_expected_value
         from features
         inner join segments on features.customer_id = segments.customer_id
         inner join churn_scores on features.customer_id = churn_scores.customer_id
         inner join value_scores on features.customer_id = value_scores.customer_id
         inner join plan on features.customer_id = plan.customer_id
         where features.as_of = $as_of
         order by features.customer_id",
        &[("as_of", Value::Text(as_of)), ("value_days", Value::I64(i64::from(config.value.horizon_days)))],
        &run.write(artifact::CUSTOMER_SCORES)?,
    )?;
    let mut missing = Vec::new();
    let scores = engine.select(
        "select count(p_churn) as p_churn, count(p_alive) as p_alive, count(value_mean) as value_mean, count(value_q90) as value_q90
         from churn_scores inner join value_scores on churn_scores.customer_id = value_scores.customer_id",
        &[],
    )?;
    if scores.one_i64("value_mean")? == 0 {
        for column in ["monetary_total", "value_mean"] {
            missing.push((column.to_owned(), "the source holds no money".to_owned()));
        }
    }
    if scores.one_i64("p_alive")? == 0 {
        let churn: LifetimesRecord = run.record_of(Stage::Churn)?;
        missing.push(("p_alive".to_owned(), churn.lifetimes.why_not().unwrap_or_default().to_owned()));
    }
    if scores.one_i64("p_churn")? == 0 {
        missing.push(("p_churn".to_owned(), why_missing(run, Stage::Churn)?));
    }
    if scores.one_i64("value_q90")? == 0 {
        for column in ["value_q10", "value_q50", "value_q90"] {
            missing.push((column.to_owned(), why_missing(run, Stage::Value)?));
        }
    }
    Ok((rows, missing))
}

/// Why a stage has no model, in its own words.
fn why_missing(run: &RunFolder, stage: Stage) -> Result<String> {
    let facts: serde_json::Value = run.record_of(stage)?;
    // A model can be there without its quantiles: what it says of them comes first.
    let said = ["/quantiles_missing", "/quality/missing"].into_iter().find_map(|place| facts.pointer(place)?.as_str());
    Ok(said.unwrap_or("there is too little history").to_owned())
}

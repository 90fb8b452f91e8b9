//! The table of scores (one row per acquired customer at `as_of`) and the table of segments.

use serde::{Deserialize, Serialize};
use tenure_tables::engine::{Engine, Value};

use crate::artifact::{self, RunFolder};
use crate::config::Config;
use crate::ctx::Stage;
use crate::error::Result;

/// A segment with what the models say of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentScores {
    /// Its name.
    pub segment: String,
    /// Customers.
    pub customers: u64,
    /// Share of all customers.
    pub customer_share: f64,
    /// Mean days since the last purchase.
    pub recency_days: f64,
    /// Mean number of purchases.
    pub frequency: f64,
    /// Mean net spend so far; `None` where the source holds no money.
    pub monetary_total: Option<f64>,
    /// Share of all net spend so far.
    pub revenue_share: f64,
    /// Mean engagement score.
    pub engagement_score: f64,
    /// Mean churn probability; `None` without a model.
    pub p_churn_mean: Option<f64>,
    /// Mean value, money.
    pub value_mean: Option<f64>,
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
            $churn_days as churn_horizon_days,
            value_scores.value_mean,
            value_scores.value_q10,
            value_scores.value_q50,
            value_scores.value_q90,
            $value_days as value_horizon_days,
            cast(null as double) as p_alive,
            plan.offer,
            plan.expected_net as offer_expected_value
         from features
         inner join segments on features.customer_id = segments.customer_id
         inner join churn_scores on features.customer_id = churn_scores.customer_id
         inner join value_scores on features.customer_id = value_scores.customer_id
         inner join plan on features.customer_id = plan.customer_id
         where features.as_of = $as_of
         order by features.customer_id",
        &[
            ("as_of", Value::Text(as_of)),
            ("churn_days", Value::I64(i64::from(config.churn.horizon_days))),
            ("value_days", Value::I64(i64::from(config.value.horizon_days))),
        ],
        &run.write(artifact::CUSTOMER_SCORES)?,
    )?;
    let mut missing =
        vec![("p_alive".to_owned(), "no buy-till-you-die model has been fitted in this version".to_owned())];
    let scores = engine.select(
        "select count(p_churn) as p_churn, count(value_mean) as value_mean, count(value_q90) as value_q90
         from churn_scores inner join value_scores on churn_scores.customer_id = value_scores.customer_id",
        &[],
    )?;
    if scores.one_i64("value_mean")? == 0 {
        for column in ["monetary_total", "value_mean"] {
            missing.push((column.to_owned(), "the source holds no money".to_owned()));
        }
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

/// Writes the table of segments, greatest share of revenue first.
pub(super) fn write_segments(engine: &Engine, run: &RunFolder) -> Result<Vec<SegmentScores>> {
    // Sums over customers are taken in one order, so that they are the same on any number of threads.
    let frame = engine.select(
        "select segments.segment, features.recency_days, features.frequency, features.monetary_total,
                features.engagement_score, churn_scores.p_churn, value_scores.value_mean
         from features
         inner join segments on features.customer_id = segments.customer_id
         inner join churn_scores on features.customer_id = churn_scores.customer_id
         inner join value_scores on features.customer_id = value_scores.customer_id
         where features.as_of = $as_of
         order by features.customer_id",
        &[("as_of", Value::Text(run.timeline()?.as_of.to_string()))],
    )?;
    let names = frame.texts("segment")?;
    let columns = ["recency_days", "frequency", "monetary_total", "engagement_score", "p_churn", "value_mean"]
        .map(|name| frame.f64s(name));
    let [recency, frequency, monetary, engagement, p_churn, value] = columns;
    let (recency, frequency, monetary) = (recency?, frequency?, monetary?);
    let (engagement, p_churn, value) = (engagement?, p_churn?, value?);
    let mut distinct = names.clone();
    distinct.sort();
    distinct.dedup();
    let revenue: f64 = monetary.iter().sum();
    let mut all: Vec<SegmentScores> = distinct
        .into_iter()
        .map(|segment| {
            let rows: Vec<usize> = (0..names.len()).filter(|&i| names[i] == segment).collect();
            let sum = |v: &[f64]| rows.iter().map(|&i| v[i]).sum::<f64>();
            let n = rows.len() as f64;
            let known = |v: &[f64]| {
                let mean = sum(v) / n;
                mean.is_finite().then_some(mean)
            };
            SegmentScores {
                customers: rows.len() as u64,
                customer_share: n / names.len() as f64,
                recency_days: sum(&recency) / n,
                frequency: sum(&frequency) / n,
                monetary_total: known(&monetary),
                revenue_share: if revenue > 0.0 { sum(&monetary) / revenue } else { 0.0 },
                engagement_score: sum(&engagement) / n,
                p_churn_mean: known(&p_churn),
                value_mean: known(&value),
                segment,
            }
        })
        .collect();
    all.sort_by(|a, b| b.revenue_share.total_cmp(&a.revenue_share).then(a.segment.cmp(&b.segment)));
    let optional = |v: Option<f64>, digits: usize| v.map(|v| format!("{v:.digits$}")).unwrap_or_default();
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|s| {
            vec![
                s.segment.clone(),
                s.customers.to_string(),
                format!("{:.6}", s.customer_share),
                format!("{:.2}", s.recency_days),
                format!("{:.3}", s.frequency),
                optional(s.monetary_total, 2),
                format!("{:.6}", s.revenue_share),
                format!("{:.2}", s.engagement_score),
                optional(s.p_churn_mean, 4),
                optional(s.value_mean, 2),
            ]
        })
        .collect();
    run.write_csv(
        artifact::SEGMENT_SUMMARY,
        &[
            "segment",
            "customers",
            "customer_share",
            "recency_days",
            "frequency",
            "monetary_total",
            "revenue_share",
            "engagement_score",
            "p_churn_mean",
            "value_mean",
        ],
        &rows,
    )?;
    Ok(all)
}

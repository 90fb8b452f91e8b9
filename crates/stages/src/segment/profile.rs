//! Profiles: what the customers of a segment or cluster are like.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenure_tables::engine::{Engine, Value};

use super::history::Snapshot;
use super::measures::Measures;
use crate::artifact::{self, RunFolder};
use crate::error::Result;
use crate::time::Instant;

/// A segment's or cluster's profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentFacts {
    /// Its name.
    pub name: String,
    /// Customers.
    pub customers: u64,
    /// Share of all customers.
    pub share: f64,
    /// Mean days since the last purchase.
    pub recency_days: f64,
    /// Mean number of purchases.
    pub frequency: f64,
    /// Mean net spend so far; `None` where the source holds no money.
    pub monetary_total: Option<f64>,
    /// Share of all net spend so far; `None` where there is none.
    pub revenue_share: Option<f64>,
    /// Mean engagement score.
    pub engagement_score: f64,
    /// Of a cluster, the means of the measures that it is made of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub means: Vec<(String, f64)>,
}

/// The engagement scores of a snapshot's customers, in the order of their ids.
pub(super) fn engagement(engine: &Engine, as_of: Instant) -> Result<Vec<f64>> {
    let frame = engine.select(
        "select engagement_score from features where as_of = $as_of order by customer_id",
        &[("as_of", Value::Text(as_of.to_string()))],
    )?;
    Ok(frame.f64s("engagement_score")?)
}

/// Profiles by name, by revenue and then by name.
pub(super) fn profiles(names: &[String], now: &Snapshot, engagement: &[f64]) -> Vec<SegmentFacts> {
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    names.iter().enumerate().for_each(|(i, name)| members.entry(name).or_default().push(i));
    let revenue: f64 = now.monetary.iter().sum();
    let mut all: Vec<SegmentFacts> = members
        .into_iter()
        .map(|(name, rows)| {
            let sum = |v: &[f64]| rows.iter().map(|&i| v[i]).sum::<f64>();
            let size = rows.len() as f64;
            SegmentFacts {
                name: name.to_owned(),
                customers: rows.len() as u64,
                share: size / names.len() as f64,
                recency_days: sum(&now.recency_days) / size,
                frequency: sum(&now.frequency) / size,
                monetary_total: now.has_money.then(|| sum(&now.monetary) / size),
                revenue_share: (now.has_money && revenue > 0.0).then(|| sum(&now.monetary) / revenue),
                engagement_score: sum(engagement) / size,
                means: Vec::new(),
            }
        })
        .collect();
    all.sort_by(|a, b| {
        let share = |facts: &SegmentFacts| facts.revenue_share.unwrap_or(facts.share);
        share(b).total_cmp(&share(a)).then(a.name.cmp(&b.name))
    });
    all
}

/// Adds the means of the measures to the profiles of clusters.
pub(super) fn add_means(clusters: &mut [SegmentFacts], names: &[String], measures: &Measures) {
    for cluster in clusters {
        let rows: Vec<usize> = (0..names.len()).filter(|&i| names[i] == cluster.name).collect();
        let mean = |j: usize| rows.iter().map(|&i| measures.raw.get(i, j)).sum::<f64>() / rows.len() as f64;
        cluster.means = measures.names.iter().enumerate().map(|(j, name)| (name.clone(), mean(j))).collect();
    }
}

/// Writes the table of clusters: one row each, with the means of their measures.
pub(super) fn write_clusters(run: &RunFolder, clusters: &[SegmentFacts]) -> Result<()> {
    let optional = |v: Option<f64>, digits: usize| v.map(|v| format!("{v:.digits$}")).unwrap_or_default();
    let mut header = vec!["cluster_name", "customers", "customer_share", "revenue_share", "engagement_score"];
    if let Some(first) = clusters.first() {
        header.extend(first.means.iter().map(|(name, _)| name.as_str()));
    }
    let row = |c: &SegmentFacts| {
        let mut row = vec![
            c.name.clone(),
            c.customers.to_string(),
            format!("{:.6}", c.share),
            optional(c.revenue_share, 6),
            format!("{:.2}", c.engagement_score),
        ];
        row.extend(c.means.iter().map(|(_, mean)| format!("{mean:.4}")));
        row
    };
    run.write_csv(artifact::CLUSTER_SUMMARY, &header, &clusters.iter().map(row).collect::<Vec<_>>())
}

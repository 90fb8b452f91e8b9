//! Segment: features to RFM scores and segments at every snapshot, how customers moved between them, clusters with
//! names, and customers who are unlike the others.

mod cluster;
mod history;
mod measures;
mod model;
mod outliers;
mod score;
pub mod strategy;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenure_math::segment::{choose, map, mixture, rfm};
use tenure_tables::engine::{Engine, Value};
use tenure_tables::store::{self, Column};

use crate::artifact::{self, RunFolder};
use crate::config::{Config, RfmTies, SegmentMap};
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::time::Instant;

pub use history::{Moves, Travelled};
pub use model::{Assigned, Clusters, Grouping, MODEL, Model};
pub use outliers::Unusual;
pub use score::{Counted, Scored, score};

/// What segmentation found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Customers at `as_of`.
    pub customers: u64,
    /// The map's name.
    pub map: String,
    /// The segments of the map, by revenue.
    pub segments: Vec<SegmentFacts>,
    /// How customers moved between segments; `None` with one snapshot only.
    pub moves: Option<Moves>,
    /// How clusters were sought.
    pub method: String,
    /// The clusters, by revenue; empty where there are too few customers.
    pub clusters: Vec<SegmentFacts>,
    /// Customers in no cluster, taken together; `None` where everybody is in one, or there are none.
    pub outside: Option<SegmentFacts>,
    /// Why there are that many clusters, or none.
    pub reason: String,
    /// Every number of clusters that was tried.
    pub candidates: Candidates,
    /// The measures of the clusters, by the share of customers who change their cluster when it is shuffled.
    pub drivers: Vec<(String, f64)>,
    /// How far clusters found at an earlier snapshot put today's customers into the same groups.
    pub agreement: Option<Agreement>,
    /// Shares of the measures' variance on the two axes of `data/segment_map.parquet`.
    pub plane: Option<[f64; 2]>,
    /// Unusual customers; `None` where there are too few customers to tell.
    pub unusual: Option<Unusual>,
}

/// The numbers of clusters that were tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Candidates {
    /// Partitions by the nearest centroid.
    Kmeans(Vec<choose::Candidate>),
    /// Mixtures of normal distributions.
    Mixture(Vec<mixture::Candidate>),
    /// None: the number came with the clusters.
    None,
}

/// Clusters found at an earlier snapshot, put on today's customers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// The earlier snapshot.
    pub with: Instant,
    /// The adjusted Rand index: 1 = the same groups, 0 = what chance gives.
    pub adjusted_rand: f64,
}

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

/// What the stage needs of the features' record in the manifest.
#[derive(Deserialize)]
struct FeatureRecord {
    snapshots: Vec<Instant>,
}

/// The map that the settings name.
///
/// # Errors
/// [`Error::Input`] when the user's own map leaves a code out or gives one to two segments.
pub fn map_of(config: &Config) -> Result<map::Map> {
    let segments = &config.segments;
    match segments.map {
        SegmentMap::Ten => Ok(map::Map::ten()),
        SegmentMap::Eleven => Ok(map::Map::eleven()),
        SegmentMap::Custom => {
            let rule = |r: &crate::config::SegmentRule| map::Rule { name: r.name.clone(), codes: r.codes.clone() };
            map::Map::new(segments.rules.iter().map(rule).collect()).map_err(|e| Error::Input {
                problem: match e {
                    tenure_math::Error::Infeasible { reason } => format!("the map of segments is not valid: {reason}"),
                    other => format!("the map of segments is not valid: {other}"),
                },
                place: Some("[[segments.rules]] of the configuration".to_owned()),
                cure: "name each segment once, and give each of the 125 codes, written as 545 or with places such as [4-5] \
                       and *, to exactly one"
                    .to_owned(),
            })
        }
    }
}

/// Segments the customers of every snapshot; the sentence says what came of it.
///
/// # Errors
/// Engine and file errors; a refused computation.
pub fn run(config: &Config, engine: &Engine, run: &mut RunFolder) -> Result<String> {
    engine.register("features", &run.read(artifact::FEATURES, Stage::Features)?)?;
    engine.register("labels", &run.read(artifact::LABELS, Stage::Features)?)?;
    let snapshots = run.record_of::<FeatureRecord>(Stage::Features)?.snapshots;
    let map = map_of(config)?;
    let ties = match config.segments.rfm_ties {
        RfmTies::Share => rfm::Ties::Share,
        RfmTies::First => rfm::Ties::First,
    };
    let churn_days = i64::from(config.churn.horizon_days);
    let (now, moves) = history::write(engine, run, &snapshots, &map, ties, churn_days)?;
    let mut warnings = Vec::new();
    if !now.has_money {
        warnings.push("the source holds no money: monetary scores are the same for everybody".to_owned());
    }

    let measures = measures::read(engine, now.as_of)?;
    warnings.extend(unused_settings(config));
    warnings.extend(same_for_all(&now));
    let (found, no_clusters) = match cluster::find(config, &now, measures.as_ref())? {
        Ok(found) => (Some(found), String::new()),
        Err(why) => {
            warnings.push(format!("no clusters: {why}"));
            (None, why)
        }
    };
    let agreement = match (&found, &measures, moves.as_ref().and_then(|m| m.journey.as_ref())) {
        (Some(found), Some(measures), Some(journey)) => match measures::read(engine, journey.from)? {
            Some(before) => cluster::agreement_with(config, found, measures, &before)?
                .map(|adjusted_rand| Agreement { with: journey.from, adjusted_rand }),
            None => None,
        },
        _ => None,
    };
    let unusual = outliers::write(config, run, &now.ids, measures.as_ref())?;

    let n = now.ids.len();
    let model = Model::of(&now, &map, found.as_ref().map(|f| f.clusters.clone()))?;
    let labels = found.as_ref().map_or_else(|| vec![None; n], |f| f.labels.clone());
    let assigned = Assigned {
        ids: now.ids.clone(),
        as_of: vec![Some(now.as_of.to_string()); n],
        filled: 0,
        scores: now.scores.clone(),
        segments: now.segments.iter().map(|&s| map.name(s).to_owned()).collect(),
        cluster_names: model.names_of(&labels),
        clusters: labels,
    };
    store::write_columns(&run.write(artifact::SEGMENT_ASSIGNMENTS)?, &assigned.columns())?;
    let plane = found.as_ref().and_then(|f| f.plane.as_ref());
    if let Some(plane) = plane {
        let names = assigned
            .cluster_names
            .iter()
            .map(|name| name.clone().unwrap_or_else(|| artifact::NO_CLUSTER.to_owned()))
            .collect();
        store::write_columns(
            &run.write(artifact::SEGMENT_MAP)?,
            &[
                ("customer_id", Column::Text(now.ids.clone())),
                ("x", Column::F64(plane.x.clone())),
                ("y", Column::F64(plane.y.clone())),
                ("cluster_name", Column::Text(names)),
            ],
        )?;
    }

    let engagement = engagement(engine, now.as_of)?;
    let profile = |names: &[Option<String>]| profiles(names, &now, &engagement);
    let grouped: Vec<Option<String>> = match found {
        // Who is in none is a group to look at too.
        Some(_) => {
            let name = |name: &Option<String>| name.clone().unwrap_or_else(|| artifact::NO_CLUSTER.to_owned());
            assigned.cluster_names.iter().map(|n| Some(name(n))).collect()
        }
        None => vec![None; n],
    };
    let mut clusters = profile(&grouped);
    if let Some(measures) = &measures {
        add_means(&mut clusters, &grouped, measures);
    }
    write_clusters(run, &clusters)?;
    let outside = clusters.iter().position(|c| c.name == artifact::NO_CLUSTER).map(|at| clusters.remove(at));
    let facts = Facts {
        customers: n as u64,
        map: config.segments.map.word().to_owned(),
        segments: profile(&assigned.segments.iter().cloned().map(Some).collect::<Vec<_>>()),
        moves,
        method: config.segments.clusters.word().to_owned(),
        clusters,
        outside,
        reason: found.as_ref().map_or(no_clusters, |f| f.reason.clone()),
        plane: plane.map(|plane| plane.explained),
        candidates: found.as_ref().map_or(Candidates::None, |f| f.candidates.clone()),
        drivers: found.map_or_else(Vec::new, |f| f.drivers),
        agreement,
        unusual,
    };
    let mut sizes = vec![0_u64; map.len()];
    now.segments.iter().for_each(|&s| sizes[s] += 1);
    run.write_json(artifact::SEGMENT_STRATEGIES, &strategy::strategies(&map, &config.segments.rules, |s| sizes[s]))?;
    run.write_json(MODEL, &model)?;
    let sentence = format!(
        "{} customers in {} segments and {} clusters",
        facts.customers,
        facts.segments.len(),
        facts.clusters.len()
    );
    run.record(Stage::Segment, &facts, warnings)?;
    Ok(sentence)
}

fn engagement(engine: &Engine, as_of: Instant) -> Result<Vec<f64>> {
    let frame = engine.select(
        "select engagement_score from features where as_of = $as_of order by customer_id",
        &[("as_of", Value::Text(as_of.to_string()))],
    )?;
    Ok(frame.f64s("engagement_score")?)
}

/// Profiles by name, by revenue and then by name; rows without a name are left out.
fn profiles(names: &[Option<String>], now: &history::Snapshot, engagement: &[f64]) -> Vec<SegmentFacts> {
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, name) in names.iter().enumerate() {
        if let Some(name) = name {
            members.entry(name).or_default().push(i);
        }
    }
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
fn add_means(clusters: &mut [SegmentFacts], names: &[Option<String>], measures: &measures::Measures) {
    for cluster in clusters {
        let rows: Vec<usize> = (0..names.len()).filter(|&i| names[i].as_ref() == Some(&cluster.name)).collect();
        let mean = |j: usize| rows.iter().map(|&i| measures.raw.get(i, j)).sum::<f64>() / rows.len() as f64;
        cluster.means = measures.names.iter().enumerate().map(|(j, name)| (name.clone(), mean(j))).collect();
    }
}

/// Settings that have no effect beside others.
fn unused_settings(config: &Config) -> Vec<String> {
    let segments = &config.segments;
    let mut unused = Vec::new();
    if segments.map != SegmentMap::Custom && !segments.rules.is_empty() {
        unused.push(format!("[[segments.rules]] are not used: segments.map is {}", segments.map.word()));
    }
    if segments.clusters == crate::config::Clusters::Hdbscan && segments.k > 0 {
        unused.push("segments.k is not used: HDBSCAN finds the number of clusters itself".to_owned());
    }
    unused
}

/// Scores that tell nobody apart.
fn same_for_all(now: &history::Snapshot) -> Vec<String> {
    let constant = |scores: &[u8]| scores.iter().all(|s| *s == scores[0]);
    [("recency", &now.scores.recency), ("frequency", &now.scores.frequency)]
        .into_iter()
        .filter(|(_, scores)| now.ids.len() > 1 && constant(scores))
        .map(|(name, _)| format!("everybody has the same {name} score: the names of the segments say nothing about it"))
        .collect()
}

fn write_clusters(run: &RunFolder, clusters: &[SegmentFacts]) -> Result<()> {
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

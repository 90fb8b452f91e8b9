//! Segment: features to RFM scores and segments at every snapshot, how customers moved between them, clusters with
//! names, and customers who are unlike the others.

mod cluster;
mod history;
mod measures;
mod model;
mod outliers;
mod profile;
mod score;
pub mod strategy;

use serde::{Deserialize, Serialize};
use tenure_math::segment::{choose, map, mixture, rfm};
use tenure_tables::engine::Engine;
use tenure_tables::store::{self, Column};

use crate::artifact::{self, RunFolder};
use crate::config::{Config, RfmTies, SegmentMap};
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::number;
use crate::panel::FeatureRecord;
use crate::time::Instant;

pub use history::{Moves, Travelled};
pub use model::{Assigned, Clusters, Grouping, MODEL, Model};
pub use outliers::Unusual;
pub use profile::SegmentFacts;
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
    let churn_days = i64::from(config.churn.horizon_days);
    let snapshots = FeatureRecord::read(run, churn_days, None)?.snapshots;
    let map = map_of(config)?;
    let ties = match config.segments.rfm_ties {
        RfmTies::Share => rfm::Ties::Share,
        RfmTies::First => rfm::Ties::First,
    };
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
    // Who is in no cluster is a group to look at too.
    let grouped = |name: &Option<String>| name.clone().unwrap_or_else(|| artifact::NO_CLUSTER.to_owned());
    let groups: Vec<String> = assigned.cluster_names.iter().map(grouped).collect();
    let plane = found.as_ref().and_then(|f| f.plane.as_ref());
    if let Some(plane) = plane {
        store::write_columns(
            &run.write(artifact::SEGMENT_MAP)?,
            &[
                ("customer_id", Column::Text(now.ids.clone())),
                ("x", Column::F64(plane.x.clone())),
                ("y", Column::F64(plane.y.clone())),
                ("cluster_name", Column::Text(groups.clone())),
            ],
        )?;
    }
    let engagement = profile::engagement(engine, now.as_of)?;
    let mut clusters = match found {
        Some(_) => profile::profiles(&groups, &now, &engagement),
        None => Vec::new(),
    };
    if let Some(measures) = &measures {
        profile::add_means(&mut clusters, &groups, measures);
    }
    profile::write_clusters(run, &clusters)?;
    let outside = clusters.iter().position(|c| c.name == artifact::NO_CLUSTER).map(|at| clusters.remove(at));
    let facts = Facts {
        customers: n as u64,
        map: config.segments.map.word().to_owned(),
        segments: profile::profiles(&assigned.segments, &now, &engagement),
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
        "{} in {} segments and {} clusters",
        number::customers(facts.customers),
        facts.segments.len(),
        facts.clusters.len()
    );
    run.record(Stage::Segment, &facts, warnings)?;
    Ok(sentence)
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

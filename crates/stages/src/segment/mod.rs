//! Segment: features at `as_of` to RFM scores, the ten segments of the R x F map, and K-Means clusters with names.

pub mod strategy;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenure_math::num::Matrix;
use tenure_math::segment::{choose, kmeans, map10, naming, pca, rfm, scale};
use tenure_tables::engine::{Engine, Value};
use tenure_tables::store::{self, Column};

use crate::artifact::{self, RunFolder};
use crate::config::{Config, RfmTies};
use crate::ctx::Stage;
use crate::error::{Error, Result};

/// The measures that the clusters are made of; those that the source cannot support are left out.
const MEASURES: [&str; 7] =
    ["recency_days", "frequency", "monetary_total", "tenure_days", "unique_products", "monetary_avg", "return_rate"];
/// The silhouette is measured on a sample of this many customers.
const SILHOUETTE_ROWS: usize = 2_000;
/// The saved model.
pub const MODEL: &str = "models/segments.json";

/// What segmentation found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Customers at `as_of`.
    pub customers: u64,
    /// The segments of the R x F map, by revenue.
    pub segments: Vec<SegmentFacts>,
    /// The clusters, by revenue; empty where there are too few customers.
    pub clusters: Vec<SegmentFacts>,
    /// Why there are that many clusters.
    pub reason: String,
    /// Every number of clusters that was tried.
    pub candidates: Vec<choose::Candidate>,
    /// The measures of the clusters.
    pub measures: Vec<String>,
    /// Shares of the measures' variance on the two axes of `data/segment_map.parquet`.
    pub map: Option<[f64; 2]>,
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
    /// Mean net spend so far.
    pub monetary_total: f64,
    /// Share of all net spend so far.
    pub revenue_share: f64,
    /// Mean engagement score.
    pub engagement_score: f64,
}

/// The saved model: what assigns a customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The measures, in order.
    pub measures: Vec<String>,
    /// Values that stand in for what is missing.
    pub medians: Vec<f64>,
    /// Logarithms and standardisation.
    pub scale: scale::Fitted,
    /// Centroids of the clusters, in scaled units.
    pub centroids: Matrix,
    /// The clusters' names, by number.
    pub names: Vec<String>,
}

/// Segments the customers at `as_of`; the sentence says what came of it.
///
/// # Errors
/// Engine and file errors; a refused computation.
pub fn run(config: &Config, engine: &Engine, run: &mut RunFolder) -> Result<String> {
    engine.register("features", &run.read(artifact::FEATURES, Stage::Features)?)?;
    let as_of = run.timeline()?.as_of.to_string();
    let frame = engine.select(
        "select * from features where as_of = $as_of order by customer_id",
        &[("as_of", Value::Text(as_of.clone()))],
    )?;
    let (recency, frequency, mut monetary) =
        (frame.f64s("recency_days")?, frame.f64s("frequency")?, frame.f64s("monetary_total")?);
    let ids = frame.texts("customer_id")?;
    let n = ids.len();
    // Where the source holds no money, customers differ by recency and frequency alone.
    let counts_only = monetary.iter().all(|m| m.is_nan());
    if counts_only {
        monetary.fill(0.0);
    }
    let ties = match config.segments.rfm_ties {
        RfmTies::Share => rfm::Ties::Share,
        RfmTies::First => rfm::Ties::First,
    };
    let scores = rfm::score(&recency, &frequency, &monetary, ties).map_err(Error::math("the RFM scores"))?;
    let map = map10::Map::default();
    let segments: Vec<String> = (0..n)
        .map(|i| map.segment_of(scores.recency[i], scores.frequency[i]).map(str::to_owned))
        .collect::<std::result::Result<_, _>>()
        .map_err(Error::math("the R x F map"))?;

    let mut warnings = Vec::new();
    if counts_only {
        warnings.push("the source holds no money: monetary scores are the same for everybody".to_owned());
    }
    let clustering = cluster(config, &frame, &recency, &frequency, &monetary, &mut warnings)?;
    let (labels, cluster_names) = match &clustering {
        Some(c) => (
            c.labels.iter().map(|&l| Some(i64::from(l))).collect(),
            c.labels.iter().map(|&l| Some(c.model.names[l as usize].clone())).collect(),
        ),
        None => (vec![None; n], vec![None; n]),
    };
    let engagement = frame.f64s("engagement_score")?;
    let profile = |names: &[Option<String>]| profiles(names, &recency, &frequency, &monetary, &engagement);
    let facts = Facts {
        customers: n as u64,
        segments: profile(&segments.iter().cloned().map(Some).collect::<Vec<_>>()),
        clusters: profile(&cluster_names),
        reason: clustering.as_ref().map_or_else(|| "too few customers to cluster".to_owned(), |c| c.reason.clone()),
        candidates: clustering.as_ref().map_or_else(Vec::new, |c| c.candidates.clone()),
        measures: clustering.as_ref().map_or_else(Vec::new, |c| c.model.measures.clone()),
        map: clustering.as_ref().and_then(|c| c.plane.as_ref()).map(|p| p.explained),
    };
    if let Some((plane, c)) = clustering.as_ref().and_then(|c| c.plane.as_ref().map(|p| (p, c))) {
        store::write_columns(
            &run.write(artifact::SEGMENT_MAP)?,
            &[
                ("customer_id", Column::Text(ids.clone())),
                ("x", Column::F64(plane.x.clone())),
                ("y", Column::F64(plane.y.clone())),
                ("cluster_name", Column::Text(c.labels.iter().map(|&l| c.model.names[l as usize].clone()).collect())),
            ],
        )?;
    }

    store::write_columns(
        &run.write(artifact::SEGMENT_ASSIGNMENTS)?,
        &[
            ("customer_id", Column::Text(ids)),
            ("as_of", Column::Text(vec![as_of; n])),
            ("recency_score", Column::I64(scores.recency.iter().map(|&s| i64::from(s)).collect())),
            ("frequency_score", Column::I64(scores.frequency.iter().map(|&s| i64::from(s)).collect())),
            ("monetary_score", Column::I64(scores.monetary.iter().map(|&s| i64::from(s)).collect())),
            ("rfm_code", Column::Text((0..n).map(|i| scores.code(i)).collect())),
            ("segment", Column::Text(segments)),
            ("cluster", Column::OptI64(labels)),
            ("cluster_name", Column::OptText(cluster_names)),
        ],
    )?;
    let sizes: BTreeMap<&str, u64> = facts.segments.iter().map(|s| (s.name.as_str(), s.customers)).collect();
    run.write_json(artifact::SEGMENT_STRATEGIES, &strategy::strategies(|name| sizes.get(name).copied().unwrap_or(0)))?;
    if let Some(c) = &clustering {
        run.write_json(MODEL, &c.model)?;
    }
    let sentence = format!(
        "{} customers in {} segments and {} clusters",
        facts.customers,
        facts.segments.len(),
        facts.clusters.len()
    );
    run.record(Stage::Segment, &facts, warnings)?;
    Ok(sentence)
}

struct Clustering {
    labels: Vec<u32>,
    plane: Option<pca::Plane>,
    model: Model,
    reason: String,
    candidates: Vec<choose::Candidate>,
}

/// Clusters the customers; `None`, with a warning, where there are too few distinct ones.
fn cluster(
    config: &Config,
    frame: &tenure_tables::frame::Frame,
    recency: &[f64],
    frequency: &[f64],
    monetary: &[f64],
    warnings: &mut Vec<String>,
) -> Result<Option<Clustering>> {
    let mut measures = Vec::new();
    let mut medians = Vec::new();
    let mut columns = Vec::new();
    for name in MEASURES {
        let mut column = frame.f64s(name)?;
        let known: Vec<f64> = column.iter().copied().filter(|v| v.is_finite()).collect();
        let Some(median) = tenure_math::num::quantile(&known, 0.5) else { continue };
        if known.iter().all(|v| (v - known[0]).abs() < 1e-12) {
            continue;
        }
        for v in &mut column {
            if !v.is_finite() {
                *v = median;
            }
        }
        measures.push(name.to_owned());
        medians.push(median);
        columns.push(column);
    }
    let least = if config.segments.k > 0 { config.segments.k } else { config.segments.k_min };
    if columns.is_empty() || recency.len() < 10 * least {
        warnings
            .push(format!("no clusters: {} customers are too few for {least} clusters of at least 10", recency.len()));
        return Ok(None);
    }
    let raw = Matrix::from_columns(&columns).map_err(Error::math("the table of the clusters"))?;
    let scale = scale::fit(&raw).map_err(Error::math("the scaling of the clusters"))?;
    let data = scale.transform(&raw).map_err(Error::math("the scaling of the clusters"))?;
    let (k_min, k_max) = match config.segments.k {
        0 => (config.segments.k_min, config.segments.k_max),
        k => (k, k),
    };
    let params = choose::Params {
        k_min,
        k_max,
        starts: config.segments.starts,
        silhouette_rows: SILHOUETTE_ROWS,
        seed: config.run.seed,
    };
    let choice = match choose::choose(&data, &params) {
        Ok(choice) => choice,
        Err(
            e @ (tenure_math::Error::TooFew { .. }
            | tenure_math::Error::Degenerate { .. }
            | tenure_math::Error::Parameter { .. }),
        ) => {
            warnings.push(format!("no clusters: {e}"));
            return Ok(None);
        }
        Err(e) => return Err(Error::math("the clusters")(e)),
    };
    let kmeans::Fitted { labels, centroids, .. } = choice.fitted;
    let places = naming::profiles(recency, frequency, monetary, &labels, choice.k)
        .map_err(Error::math("the clusters' profiles"))?;
    let names = naming::names(&places).map_err(Error::math("the clusters' names"))?;
    let plane = match pca::first_two(&data) {
        Ok(plane) => Some(plane),
        Err(tenure_math::Error::TooFew { .. }) => None,
        Err(e) => return Err(Error::math("the map of the clusters")(e)),
    };
    Ok(Some(Clustering {
        labels,
        plane,
        model: Model { measures, medians, scale, centroids, names },
        reason: if config.segments.k > 0 { format!("K = {k_min} was given") } else { choice.reason },
        candidates: choice.candidates,
    }))
}

/// Profiles by name, by revenue and then by name; rows without a name are left out.
fn profiles(
    names: &[Option<String>],
    recency: &[f64],
    frequency: &[f64],
    monetary: &[f64],
    engagement: &[f64],
) -> Vec<SegmentFacts> {
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, name) in names.iter().enumerate() {
        if let Some(name) = name {
            members.entry(name).or_default().push(i);
        }
    }
    let revenue: f64 = monetary.iter().sum();
    let mut all: Vec<SegmentFacts> = members
        .into_iter()
        .map(|(name, rows)| {
            let sum = |v: &[f64]| rows.iter().map(|&i| v[i]).sum::<f64>();
            let size = rows.len() as f64;
            SegmentFacts {
                name: name.to_owned(),
                customers: rows.len() as u64,
                share: size / names.len() as f64,
                recency_days: sum(recency) / size,
                frequency: sum(frequency) / size,
                monetary_total: sum(monetary) / size,
                revenue_share: if revenue > 0.0 { sum(monetary) / revenue } else { 0.0 },
                engagement_score: sum(engagement) / size,
            }
        })
        .collect();
    all.sort_by(|a, b| b.revenue_share.total_cmp(&a.revenue_share).then(a.name.cmp(&b.name)));
    all
}

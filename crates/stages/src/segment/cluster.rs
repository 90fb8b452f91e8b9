//! Clusters: groups that the data show, with the number of them, names, and what they go by.

use tenure_math::Error as Refused;
use tenure_math::num::Matrix;
use tenure_math::segment::{choose, density, drivers, mixture, naming, pca, quality};

use super::Candidates;
use super::history::Snapshot;
use super::measures::Measures;
use super::model::{self, Grouping};
use crate::config::{self, Config};
use crate::error::{Error, Result};

/// The silhouette is measured on a sample of this many customers.
const SILHOUETTE_ROWS: usize = 2_000;
/// A cluster of fewer customers is no group.
const LEAST: usize = 10;

/// Clusters of the customers of one snapshot.
pub(super) struct Found {
    /// The cluster of each customer; `None` outside of all.
    pub(super) labels: Vec<Option<u32>>,
    pub(super) clusters: model::Clusters,
    /// The customers on a plane, for the picture.
    pub(super) plane: Option<pca::Plane>,
    /// Why there are that many.
    pub(super) reason: String,
    pub(super) candidates: Candidates,
    /// The measures by the share of customers who change their cluster when it is shuffled, greatest first.
    pub(super) drivers: Vec<(String, f64)>,
}

/// A grouping before it has names.
struct Grouped {
    grouping: Grouping,
    labels: Vec<Option<u32>>,
    reason: String,
    candidates: Candidates,
}

/// Clusters the customers, or says why there are none.
pub(super) fn find(
    config: &Config,
    now: &Snapshot,
    measures: Option<&Measures>,
) -> Result<std::result::Result<Found, String>> {
    let (n, least) = (now.ids.len(), range(config).0);
    if n < LEAST * least {
        return Ok(Err(format!("{n} customers are too few for {least} clusters of at least {LEAST}")));
    }
    let Some(measures) = measures else {
        return Ok(Err("all customers are alike in every measure".to_owned()));
    };
    let grouped = match group(config, &measures.scaled, range(config)) {
        Ok(grouped) => grouped,
        Err(e @ (Refused::TooFew { .. } | Refused::Degenerate { .. } | Refused::Parameter { .. })) => {
            return Ok(Err(e.to_string()));
        }
        Err(e) => return Err(Error::math("the clusters")(e)),
    };
    let Grouped { grouping, labels, reason, candidates } = grouped;
    let places = naming::profiles(&now.recency_days, &now.frequency, &now.monetary, &labels, grouping.len())
        .map_err(Error::math("the clusters' profiles"))?;
    let names = naming::names(&places).map_err(Error::math("the clusters' names"))?;
    let plane = match pca::first_two(&measures.scaled) {
        Ok(plane) => Some(plane),
        Err(Refused::TooFew { .. }) => None,
        Err(e) => return Err(Error::math("the map of the clusters")(e)),
    };
    let params = drivers::Params { seed: config.run.seed, ..drivers::Params::default() };
    let moved = drivers::shuffled(&measures.scaled, |rows| grouping.assign(rows), &params)
        .map_err(Error::math("the drivers of the clusters"))?;
    let mut drivers: Vec<(String, f64)> = measures.names.iter().cloned().zip(moved).collect();
    drivers.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let clusters = model::Clusters {
        measures: measures.names.clone(),
        medians: measures.medians.clone(),
        scale: measures.scale.clone(),
        grouping,
        names,
    };
    Ok(Ok(Found { labels, clusters, plane, reason, candidates, drivers }))
}

/// How far clusters found among the customers of an earlier snapshot put today's customers into the same groups: the
/// adjusted Rand index, 1 = the same. `None` where the earlier customers are too few.
pub(super) fn agreement_with(config: &Config, found: &Found, now: &Measures, before: &Measures) -> Result<Option<f64>> {
    let k = found.clusters.grouping.len();
    if before.names != now.names || before.scaled.n_rows() < LEAST * k {
        return Ok(None);
    }
    let then = match group(config, &before.scaled, (k, k)) {
        Ok(grouped) => grouped.grouping,
        Err(Refused::TooFew { .. } | Refused::Degenerate { .. } | Refused::Parameter { .. }) => return Ok(None),
        Err(e) => return Err(Error::math("the clusters of an earlier snapshot")(e)),
    };
    let refused = || Error::math("the agreement of clusters with earlier ones");
    let today = before.scale.transform(&now.raw).and_then(|rows| then.assign(&rows)).map_err(refused())?;
    // Outside of all clusters is a group of its own.
    let plain = |labels: &[Option<u32>]| labels.iter().map(|l| l.map_or(0, |l| l + 1)).collect::<Vec<u32>>();
    match quality::adjusted_rand(&plain(&found.labels), &plain(&today)) {
        Ok(agreement) => Ok(Some(agreement)),
        Err(Refused::Degenerate { .. }) => Ok(None),
        Err(e) => Err(refused()(e)),
    }
}

/// The least and the greatest number of clusters.
fn range(config: &Config) -> (usize, usize) {
    match config.segments.k {
        0 => (config.segments.k_min, config.segments.k_max),
        k => (k, k),
    }
}

fn group(config: &Config, scaled: &Matrix, (k_min, k_max): (usize, usize)) -> tenure_math::Result<Grouped> {
    let (seed, starts) = (config.run.seed, config.segments.starts);
    let because = |reason: String| if k_min == k_max { format!("K = {k_min} was given") } else { reason };
    let everybody = |labels: &[u32]| labels.iter().copied().map(Some).collect();
    match config.segments.clusters {
        method @ (config::Clusters::Kmeans | config::Clusters::Minibatch) => {
            let params = choose::Params {
                k_min,
                k_max,
                starts,
                silhouette_rows: SILHOUETTE_ROWS,
                batches: method == config::Clusters::Minibatch,
                seed,
                ..choose::Params::default()
            };
            let choice = choose::choose(scaled, &params)?;
            Ok(Grouped {
                labels: everybody(&choice.fitted.labels),
                grouping: Grouping::Kmeans(choice.fitted),
                reason: because(choice.reason),
                candidates: Candidates::Kmeans(choice.candidates),
            })
        }
        config::Clusters::Mixture => {
            let params = mixture::Params { starts, ..mixture::Params::new(k_min, seed) };
            let choice = mixture::choose_k(scaled, k_min, k_max, &params)?;
            Ok(Grouped {
                labels: everybody(&choice.fitted.labels),
                grouping: Grouping::Mixture(choice.fitted),
                reason: because(choice.reason),
                candidates: Candidates::Mixture(choice.candidates),
            })
        }
        config::Clusters::Hdbscan => {
            let params = density::Params::new(LEAST, seed);
            let searched = scaled.n_rows().min(params.rows) as f64;
            let least = ((config.segments.min_cluster * searched).round() as usize).max(LEAST);
            let fitted = density::fit(scaled, &density::Params { min_cluster_size: least, ..params })?;
            let groups = fitted.sizes.len();
            if groups == 0 {
                let (what, reason) = ("HDBSCAN", "no region is denser than what lies around it");
                return Err(Refused::Degenerate { what, reason });
            }
            let share = 100.0 * config.segments.min_cluster;
            Ok(Grouped {
                labels: fitted.labels.clone(),
                reason: format!("{groups} dense regions of at least {share} % of the customers"),
                grouping: Grouping::Hdbscan(fitted),
                candidates: Candidates::None,
            })
        }
    }
}

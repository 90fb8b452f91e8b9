//! How customers are put into segments and clusters.

use serde::{Deserialize, Serialize};

use super::{Clusters, RfmTies, SegmentMap};

/// RFM scores, the map over them, and clusters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentsConfig {
    /// Which map names the codes; the user's own is in `rules`.
    pub map: SegmentMap,
    /// What equal values do to a score.
    pub rfm_ties: RfmTies,
    /// How clusters are found.
    pub clusters: Clusters,
    /// Number of clusters; 0 = chosen among `k_min..=k_max`. HDBSCAN finds its own.
    pub k: usize,
    /// Smallest number tried.
    pub k_min: usize,
    /// Largest number tried.
    pub k_max: usize,
    /// Restarts of each.
    pub starts: usize,
    /// Smallest cluster of HDBSCAN, as a share of the customers.
    pub min_cluster: f64,
    /// Distance of the fences of unusual customers from the quartiles, in interquartile ranges.
    pub iqr_factor: f64,
    /// Isolation score above which a customer is unusual.
    pub isolation: f64,
    /// The user's own map, best segment first.
    #[serde(default)]
    pub rules: Vec<SegmentRule>,
}

/// A segment of the user's own map; what its strategy does not say is taken from the built-in segment that is nearest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentRule {
    /// Its name, unique in the map.
    pub name: String,
    /// Codes such as `545`, or patterns such as `5[4-5]*`.
    pub codes: Vec<String>,
    /// What is to be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// Four things to do; empty = as the nearest built-in segment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
    /// The kind of campaign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign_type: Option<String>,
}

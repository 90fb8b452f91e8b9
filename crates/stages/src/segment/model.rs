//! The saved model: what gives later customers their scores, segment and cluster.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tenure_math::num::Matrix;
use tenure_math::segment::{density, kmeans, map, mixture, rfm, scale};
use tenure_tables::frame::Frame;
use tenure_tables::store::Column;

use super::history::Snapshot;
use super::measures;
use crate::artifact::{self, Run};
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::given::Given;
use crate::time::Instant;

/// Where the model lies in a run.
pub const MODEL: &str = "models/segments.json";
/// The columns that the scores are made of.
const SCORED: [&str; 3] = ["recency_days", "frequency", "monetary_total"];

/// What assigns a customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The snapshot whose customers it was fitted on.
    pub as_of: Instant,
    /// The segments of the codes.
    pub map: map::Map,
    /// Where the scores of recency begin.
    pub recency: rfm::Cuts,
    /// Those of the number of purchases.
    pub frequency: rfm::Cuts,
    /// Those of spend; `None` where the source held no money.
    pub monetary: Option<rfm::Cuts>,
    /// The clusters; `None` where there were too few customers.
    pub clusters: Option<Clusters>,
}

/// What puts a customer into a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clusters {
    /// The measures, in order.
    pub measures: Vec<String>,
    /// What stands in for a missing value.
    pub medians: Vec<f64>,
    /// Logarithms and standardisation.
    pub scale: scale::Fitted,
    /// The grouping of the scaled measures.
    pub grouping: Grouping,
    /// The clusters' names, by number.
    pub names: Vec<String>,
}

/// A fitted grouping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grouping {
    /// The nearest centroid.
    Kmeans(kmeans::Fitted),
    /// The likeliest component.
    Mixture(mixture::Fitted),
    /// The dense region around it, or none.
    Hdbscan(density::Fitted),
}

impl Grouping {
    /// The number of groups.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Kmeans(fitted) => fitted.sizes.len(),
            Self::Mixture(fitted) => fitted.sizes.len(),
            Self::Hdbscan(fitted) => fitted.sizes.len(),
        }
    }

    /// The group of each row; `None` is in no group.
    pub(super) fn assign(&self, scaled: &Matrix) -> tenure_math::Result<Vec<Option<u32>>> {
        let some = |labels: Vec<u32>| labels.into_iter().map(Some).collect();
        match self {
            Self::Kmeans(fitted) => fitted.assign(scaled).map(some),
            Self::Mixture(fitted) => fitted.assign(scaled).map(some),
            Self::Hdbscan(fitted) => fitted.assign(scaled),
        }
    }
}

/// Customers with their scores, segments and clusters.
#[derive(Debug, Clone, PartialEq)]
pub struct Assigned {
    /// The customers, in the order of the table.
    pub ids: Vec<String>,
    /// The snapshot at which each stands, where that is known.
    pub as_of: Vec<Option<String>>,
    /// Their scores.
    pub scores: rfm::Scores,
    /// Their segments.
    pub segments: Vec<String>,
    /// Their clusters; `None` without clusters, or outside of them.
    pub clusters: Vec<Option<u32>>,
    /// The clusters' names.
    pub cluster_names: Vec<Option<String>>,
    /// Missing values of the clusters' measures that the fitted median stands in for.
    pub filled: u64,
}

impl Model {
    /// The model of a snapshot.
    pub(super) fn of(snapshot: &Snapshot, map: &map::Map, clusters: Option<Clusters>) -> Result<Self> {
        let cuts = |values: &[f64], scores: &[u8], better| {
            rfm::Cuts::of(values, scores, better).map_err(Error::math("the cuts of the RFM scores"))
        };
        let Snapshot { scores, .. } = snapshot;
        Ok(Self {
            as_of: snapshot.as_of,
            map: map.clone(),
            recency: cuts(&snapshot.recency_days, &scores.recency, rfm::Better::Low)?,
            frequency: cuts(&snapshot.frequency, &scores.frequency, rfm::Better::High)?,
            monetary: match snapshot.has_money {
                true => Some(cuts(&snapshot.monetary, &scores.monetary, rfm::Better::High)?),
                false => None,
            },
            clusters,
        })
    }

    /// Reads the model of a run.
    ///
    /// # Errors
    /// [`Error::Missing`] where the run has none, [`Error::Corrupt`] when it is not what was written.
    pub fn load(run: &Run) -> Result<Self> {
        let path = run.path(MODEL, Stage::Segment)?;
        artifact::read_json(&path)?.ok_or_else(|| Error::Missing {
            artefact: MODEL.to_owned(),
            out: run.folder().to_path_buf(),
            stage: Stage::Segment.name(),
        })
    }

    /// The rank on the map of each customer's segment, as it is a feature of other models.
    #[must_use]
    pub fn rank(&self, segment: &str) -> Option<f64> {
        (0..self.map.len()).find(|&s| self.map.name(s) == segment).map(|s| (s + 1) as f64)
    }

    /// Assigns the customers of a table with the columns of the features: CSV, or Parquet in a file or a folder.
    ///
    /// # Errors
    /// [`Error::Input`] naming the file and the columns it lacks, or the row and column of a score's measure that is no
    /// number.
    pub fn assign(&self, file: &Path) -> Result<Assigned> {
        let given = Given::read(file)?;
        let mut needed: Vec<&str> =
            SCORED.iter().copied().filter(|n| *n != SCORED[2] || self.monetary.is_some()).collect();
        for measure in self.clusters.iter().flat_map(|c| &c.measures) {
            if !needed.contains(&measure.as_str()) {
                needed.push(measure);
            }
        }
        given.require(&needed)?;
        let frame = &given.frame;
        let scored = |name: &str, cuts: &rfm::Cuts| scored(&given, name, cuts);
        let recency = scored(SCORED[0], &self.recency)?;
        let frequency = scored(SCORED[1], &self.frequency)?;
        // As in the fit: without money everybody stands in the middle.
        let monetary = match &self.monetary {
            Some(cuts) => scored(SCORED[2], cuts)?,
            None => vec![3; recency.len()],
        };
        let segments = (0..recency.len())
            .map(|i| self.map.segment_of(recency[i], frequency[i], monetary[i]).map(|s| self.map.name(s).to_owned()))
            .collect::<tenure_math::Result<_>>()
            .map_err(Error::math("the map of segments"))?;
        let clusters = match &self.clusters {
            Some(clusters) => clusters.assign(frame)?,
            None => vec![None; recency.len()],
        };
        let missing = |clusters: &Clusters| -> Result<u64> {
            let mut missing = 0;
            for name in &clusters.measures {
                missing += frame.f64s(name)?.iter().filter(|v| !v.is_finite()).count() as u64;
            }
            Ok(missing)
        };
        Ok(Assigned {
            as_of: given.as_of()?,
            filled: self.clusters.as_ref().map_or(Ok(0), missing)?,
            cluster_names: self.names_of(&clusters),
            ids: given.ids,
            scores: rfm::Scores { recency, frequency, monetary },
            segments,
            clusters,
        })
    }

    /// The names of clusters.
    pub(super) fn names_of(&self, clusters: &[Option<u32>]) -> Vec<Option<String>> {
        let names = self.clusters.as_ref().map_or(&[][..], |c| &c.names);
        clusters.iter().map(|c| c.and_then(|c| names.get(c as usize).cloned())).collect()
    }
}

impl Clusters {
    fn assign(&self, frame: &Frame) -> Result<Vec<Option<u32>>> {
        let raw = measures::of(frame, &self.measures, &self.medians)?;
        let scaled = self.scale.transform(&raw).map_err(Error::math("the scaling of the measures"))?;
        self.grouping.assign(&scaled).map_err(Error::math("the clusters"))
    }
}

impl Assigned {
    /// The columns of `outputs/segment_assignments.parquet`.
    pub(super) fn columns(&self) -> Vec<(&'static str, Column)> {
        let scores = |scores: &[u8]| Column::I64(scores.iter().map(|&s| i64::from(s)).collect());
        vec![
            ("customer_id", Column::Text(self.ids.clone())),
            ("as_of", Column::OptText(self.as_of.clone())),
            ("recency_score", scores(&self.scores.recency)),
            ("frequency_score", scores(&self.scores.frequency)),
            ("monetary_score", scores(&self.scores.monetary)),
            ("rfm_code", Column::Text((0..self.ids.len()).map(|i| self.scores.code(i)).collect())),
            ("segment", Column::Text(self.segments.clone())),
            ("cluster", Column::OptI64(self.clusters.iter().map(|c| c.map(i64::from)).collect())),
            ("cluster_name", Column::OptText(self.cluster_names.clone())),
        ]
    }
}

fn scored(given: &Given, name: &str, cuts: &rfm::Cuts) -> Result<Vec<u8>> {
    let values = given.frame.f64s(name)?;
    values
        .iter()
        .enumerate()
        .map(|(i, &value)| {
            // Days and purchases are counts; what was spent can be less than what was given back.
            if value < 0.0 && name != SCORED[2] {
                return Err(given.unreadable(
                    i,
                    name,
                    &format!("is {value}, below 0"),
                    "correct it, or leave the customer out",
                ));
            }
            cuts.score(value).map_err(|_| {
                given.unreadable(
                    i,
                    name,
                    "is no number",
                    "a customer without it has no score: leave it out, or fill it in",
                )
            })
        })
        .collect()
}

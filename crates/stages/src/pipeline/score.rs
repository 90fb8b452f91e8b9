//! Saved models put on customers of another table.

use std::path::Path;

use serde::Serialize;
use tenure_tables::store::Column;

use crate::artifact::Run;
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::given::{self, Given};
use crate::lifetimes;
use crate::panel::Table;
use crate::time::Instant;
use crate::{churn, segment, value};

/// Features that the model of the segments makes of others.
const OF_SEGMENTS: [&str; 4] = ["recency_score", "frequency_score", "monetary_score", "segment_rank"];

/// What became of the customers of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scored {
    /// The stage whose model scored.
    pub stage: Stage,
    /// The table, as the user named it.
    pub file: String,
    /// Where the scores are.
    pub to: String,
    /// The candidate that scored.
    pub model: String,
    /// The snapshot it was made for.
    pub fitted_as_of: Instant,
    /// Customers.
    pub customers: u64,
    /// Their mean score: a probability, or money.
    pub mean: f64,
}

/// Scores the customers of `file` (a table with the columns of the features) by the model of churn or value that `run`
/// has saved, and writes them to `to`, a CSV or Parquet file. The scores of RFM and the segment, where the table does not
/// hold them, come from the model of the segments.
///
/// # Errors
/// [`Error::Missing`] where the run has no model; [`Error::Input`] naming the features that the table lacks, the row and
/// column of what is no number, or why `to` cannot be written.
pub fn score(run: &Run, stage: Stage, file: &Path, to: &Path) -> Result<Scored> {
    given::check(run, file, to)?;
    let given = Given::read(file)?;
    let (model, fitted_as_of, columns) = match stage {
        Stage::Churn => {
            let model = churn::Model::load(run)?;
            let columns = model.columns(table(run, &given, &model.features)?)?;
            (model.model.word(), model.as_of, columns)
        }
        _ => {
            let model = value::Model::load(run)?;
            let columns = model.columns(table(run, &given, &model.features)?)?;
            (model.model.word(), model.as_of, columns)
        }
    };
    let mean = match columns.first() {
        Some((_, Column::F64(scores))) => scores.iter().sum::<f64>() / scores.len().max(1) as f64,
        _ => 0.0,
    };
    let mut all = vec![("customer_id", Column::Text(given.ids.clone())), ("as_of", Column::OptText(given.as_of()?))];
    all.extend(columns);
    given::write(run, file, to, &all)?;
    Ok(Scored {
        stage,
        file: file.display().to_string(),
        to: to.display().to_string(),
        model: model.to_owned(),
        fitted_as_of,
        customers: given.ids.len() as u64,
        mean,
    })
}

/// The model's features, in its order, but for those that it makes itself.
fn table(run: &Run, given: &Given, features: &[String]) -> Result<Table> {
    let features: Vec<String> =
        features.iter().filter(|name| !lifetimes::FEATURES.contains(&name.as_str())).cloned().collect();
    let is_made = |name: &str| OF_SEGMENTS.contains(&name) && !given.has(name);
    let needed: Vec<&str> = features.iter().map(String::as_str).filter(|name| !is_made(name)).collect();
    given.require(&needed)?;
    given.require_pasts()?;
    let made = if features.iter().any(|name| is_made(name)) {
        let model = segment::Model::load(run)?;
        let assigned = model.assign(&given.file)?;
        let of = |scores: &[u8]| scores.iter().map(|&s| f64::from(s)).collect::<Vec<f64>>();
        let ranks: Option<Vec<f64>> = assigned.segments.iter().map(|segment| model.rank(segment)).collect();
        let ranks = ranks.ok_or_else(|| Error::Corrupt {
            artefact: segment::MODEL.to_owned(),
            problem: "a segment is not on the map".to_owned(),
        })?;
        let scores = &assigned.scores;
        vec![of(&scores.recency), of(&scores.frequency), of(&scores.monetary), ranks]
    } else {
        Vec::new()
    };
    let column = |name: &String| match OF_SEGMENTS.iter().position(|made| made == name).filter(|_| is_made(name)) {
        Some(k) => Ok(made[k].clone()),
        None => given.frame.f64s(name),
    };
    let columns = features.iter().map(column).collect::<tenure_tables::Result<Vec<_>>>()?;
    Table::new(features, &columns)
}

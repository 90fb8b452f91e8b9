//! A saved model put on other customers.

use std::path::Path;

use serde::Serialize;

use super::model::Model;
use crate::artifact::Run;
use crate::error::Result;
use crate::given;
use crate::time::Instant;

/// What became of the customers of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scored {
    /// The table, as the user named it.
    pub file: String,
    /// Where the scored customers are.
    pub to: String,
    /// The snapshot whose customers the model was fitted on.
    pub fitted_as_of: Instant,
    /// Customers.
    pub customers: u64,
    /// Missing values of the clusters' measures that the fitted median stands in for.
    pub filled: u64,
    /// Customers by segment, best segment first.
    pub segments: Vec<Counted>,
    /// Customers by cluster; empty where the model has none.
    pub clusters: Vec<Counted>,
}

/// How many customers are in a segment or cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Its name.
    pub name: String,
    /// Customers.
    pub customers: u64,
}

/// Gives the customers of `file` (a table with the columns of the features) the segments and clusters of the model that
/// `run` has saved, and writes them to `to`, a CSV or Parquet file, with the columns of
/// `outputs/segment_assignments.parquet`; `as_of` is that of the table, in a column or in the
/// name of its folder (`as_of=DATE`), and empty where it has none.
///
/// # Errors
/// As [`Model::load`] and [`Model::assign`]; [`crate::Error::Input`] when `to` is `file` itself or of another form.
pub fn score(run: &Run, file: &Path, to: &Path) -> Result<Scored> {
    given::check(run, file, to)?;
    let model = Model::load(run)?;
    let assigned = model.assign(file)?;
    given::write(run, file, to, &assigned.columns())?;
    let count = |name: &str, all: &mut dyn Iterator<Item = &str>| Counted {
        name: name.to_owned(),
        customers: all.filter(|other| *other == name).count() as u64,
    };
    let segments = (0..model.map.len())
        .map(|s| count(model.map.name(s), &mut assigned.segments.iter().map(String::as_str)))
        .collect();
    let names = model.clusters.as_ref().map_or(&[][..], |c| &c.names);
    let clusters = names
        .iter()
        .map(|name| count(name, &mut assigned.cluster_names.iter().flatten().map(String::as_str)))
        .collect();
    Ok(Scored {
        file: file.display().to_string(),
        to: to.display().to_string(),
        fitted_as_of: model.as_of,
        customers: assigned.ids.len() as u64,
        filled: assigned.filled,
        segments,
        clusters,
    })
}

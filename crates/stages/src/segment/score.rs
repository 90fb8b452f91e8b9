//! A saved model put on other customers.

use std::path::Path;

use serde::Serialize;
use tenure_tables::store;

use super::model::{Assigned, Model};
use crate::artifact::{self, Run};
use crate::error::{Error, Result};
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
/// As [`Model::load`] and [`Model::assign`]; [`Error::Input`] when `to` is `file` itself or of another form.
pub fn score(run: &Run, file: &Path, to: &Path) -> Result<Scored> {
    let ending = to.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    let is_csv = match ending.as_deref() {
        Some("csv") => true,
        Some("parquet") => false,
        _ => return Err(refuse(to, "is neither .csv nor .parquet", "name a file with one of these endings")),
    };
    // Under the run's folder everything is the run's own, compared by hash before it is used.
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.is_dir() {
        return Err(refuse(to, "lies in a folder that does not exist", "make the folder, or name another file"));
    }
    let of_run = run.folder().parent().and_then(Path::parent).and_then(|out| out.canonicalize().ok());
    if of_run.is_some_and(|out| parent.canonicalize().is_ok_and(|parent| parent.starts_with(&out))) {
        return Err(refuse(to, "lies in the folder of the run", "name a file outside of it with --to"));
    }
    if file.canonicalize().is_ok_and(|file| to.canonicalize().is_ok_and(|to| to == file)) {
        return Err(refuse(to, "is the table that is scored", "name another file with --to"));
    }
    let model = Model::load(run)?;
    let assigned = model.assign(file)?;
    // Whole or not at all: another name first, then the right one.
    let draft = to.with_extension("unfinished");
    let written = if is_csv { write_csv(&assigned, &draft) } else { write_parquet(&assigned, &draft) };
    let moved = written.and_then(|()| std::fs::rename(&draft, to).map_err(Error::io(to)));
    if moved.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    moved?;
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

fn write_parquet(assigned: &Assigned, path: &Path) -> Result<()> {
    store::write_columns(path, &assigned.columns())?;
    Ok(())
}

fn write_csv(assigned: &Assigned, path: &Path) -> Result<()> {
    let rows: Vec<Vec<String>> = (0..assigned.ids.len())
        .map(|i| {
            vec![
                assigned.ids[i].clone(),
                assigned.as_of[i].clone().unwrap_or_default(),
                assigned.scores.recency[i].to_string(),
                assigned.scores.frequency[i].to_string(),
                assigned.scores.monetary[i].to_string(),
                assigned.scores.code(i),
                assigned.segments[i].clone(),
                assigned.clusters[i].map(|c| c.to_string()).unwrap_or_default(),
                assigned.cluster_names[i].clone().unwrap_or_default(),
            ]
        })
        .collect();
    let columns = assigned.columns();
    let header: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    artifact::write_csv(path, &header, &rows)
}

fn refuse(to: &Path, what: &str, cure: &str) -> Error {
    Error::Input {
        problem: format!("{} {what}", to.display()),
        place: Some(to.display().to_string()),
        cure: cure.to_owned(),
    }
}

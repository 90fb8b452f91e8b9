//! The one error type of this crate: variants by what the caller can do about them.

use std::path::{Path, PathBuf};

use datafusion::error::DataFusionError;

/// Why a table could not be read, computed or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A source file that cannot be read as it is: the user mends the file or says how to read it.
    #[error("{file}{}: {problem}", .place.as_ref().map(|p| format!(", {p}")).unwrap_or_default())]
    Read {
        /// The file's name.
        file: String,
        /// Row and column, where known.
        place: Option<String>,
        /// What is wrong, as a sentence.
        problem: String,
        /// What to do about it.
        cure: String,
    },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The path that was touched.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The engine refused or failed.
    #[error("the query engine failed in {what}: {source}")]
    Engine {
        /// What was being computed.
        what: String,
        /// The engine's answer.
        source: Box<DataFusionError>,
    },
    /// A query of the user's that would do more than read.
    #[error("{statement} is refused: a run is only read here")]
    ReadOnly {
        /// The word that the statement starts with.
        statement: String,
    },
    /// A query of the user's names a table that there is not.
    #[error("there is no table {name}")]
    UnknownTable {
        /// The name.
        name: String,
    },
    /// A query of the user's names a column that its tables do not have.
    #[error("there is no column {name} in what the query reads")]
    UnknownColumn {
        /// The name.
        name: String,
        /// The columns that there are.
        known: Vec<String>,
    },
    /// A query of the user's cannot be answered as it stands.
    #[error("the query cannot be answered: {problem}")]
    Query {
        /// The engine's words.
        problem: String,
    },
    /// A table does not have the column or the type that its reader was promised.
    #[error("table {table}: {problem}")]
    Contract {
        /// The table.
        table: String,
        /// How it breaks its contract.
        problem: String,
    },
}

/// The result of a computation of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Wraps an engine error with what was being computed.
    pub fn engine(what: impl Into<String>) -> impl FnOnce(DataFusionError) -> Self {
        let what = what.into();
        move |source| Self::Engine { what, source: Box::new(source) }
    }

    /// Wraps a file-system error with the path that was touched.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_path_buf(), source }
    }

    /// The system's answer, where the file system is behind the error.
    #[must_use]
    pub fn io_source(&self) -> Option<&std::io::Error> {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = match self {
            Self::Io { source, .. } => return Some(source),
            Self::Engine { source, .. } => Some(source.as_ref()),
            _ => None,
        };
        while let Some(error) = cause {
            if let Some(io) = error.downcast_ref() {
                return Some(io);
            }
            cause = error.source();
        }
        None
    }

    /// What to do about it, where the error knows.
    #[must_use]
    pub fn cure(&self) -> Option<&str> {
        match self {
            Self::Read { cure, .. } => Some(cure),
            _ => None,
        }
    }
}

//! The one error type of this crate: variants by what the caller can do about them.

use std::path::{Path, PathBuf};

use crate::config::ConfigError;
use crate::report::figure::FigureError;
use crate::world::WorldError;

/// What kind of failure it was: faces turn it into an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The data or the arguments are wrong: the user mends them.
    Input,
    /// The configuration is wrong: the user mends it.
    Config,
    /// Checks were demanded and failed.
    Checks,
    /// A fault of tenure's own.
    Internal,
    /// The same command may succeed later (a full disk, a file in use).
    Retryable,
}

/// Why a stage was refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The data or an argument cannot be used as it is.
    #[error("{problem}")]
    Input {
        /// What is wrong, as a sentence.
        problem: String,
        /// File, row and column, or the option.
        place: Option<String>,
        /// What to do about it.
        cure: String,
    },
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The generated world was asked for something it cannot make.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A table could not be read, computed or written.
    #[error(transparent)]
    Tables(#[from] tenure_tables::Error),
    /// A computation was refused.
    #[error("{what}: {source}")]
    Math {
        /// What was being computed.
        what: &'static str,
        /// Why it was refused.
        source: tenure_math::Error,
    },
    /// A picture could not be drawn.
    #[error(transparent)]
    Figure(#[from] FigureError),
    /// A server could not be reached, or broke off.
    #[error("{problem}")]
    Network {
        /// What happened, as a sentence.
        problem: String,
        /// What to do about it.
        cure: String,
    },
    /// A report says something that its run does not.
    #[error("the report is not published: {} of what it says does not follow from the run's files: {}", faults.len(), faults.join("; "))]
    Unsound {
        /// What is wrong, each a sentence without its full stop.
        faults: Vec<String>,
    },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The path that was touched.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The disk is full.
    #[error("the disk is full: {problem}")]
    Full {
        /// What could not be written, as a sentence.
        problem: String,
        /// Bytes of this run that were written.
        written: u64,
        /// Bytes of the run before in the same folder, where there is one.
        before: Option<u64>,
    },
    /// A stage needs an artefact that is not there.
    #[error("{artefact} is missing from {}", out.display())]
    Missing {
        /// The artefact, relative to the run's folder.
        artefact: String,
        /// The run's folder.
        out: PathBuf,
        /// The stage that makes it.
        stage: &'static str,
    },
    /// An artefact does not read as what it must be.
    #[error("{artefact} cannot be read: {problem}")]
    Corrupt {
        /// The artefact.
        artefact: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Another process makes a run in the folder.
    #[error("{} is taken by {}", out.display(), if holder.is_empty() { "another run" } else { holder })]
    Busy {
        /// The run's folder.
        out: PathBuf,
        /// Who holds it, and since when.
        holder: String,
    },
    /// The audit found that something of the future was seen.
    #[error("the audit failed: it is not true that {}", failed.join("; that "))]
    Audit {
        /// What should be true, in words.
        failed: Vec<String>,
    },
    /// Checks of level error failed under `--strict`.
    #[error("{} checks of level error failed: {}", failed.len(), failed.join(", "))]
    Checks {
        /// Their names.
        failed: Vec<String>,
    },
}

/// The result of a stage.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Wraps a file-system error with the path that was touched.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_path_buf(), source }
    }

    /// Wraps a refused computation with what was being computed.
    pub fn math(what: &'static str) -> impl FnOnce(tenure_math::Error) -> Self {
        move |source| Self::Math { what, source }
    }

    /// The system's answer, where the file system is behind the error.
    #[must_use]
    pub fn io_source(&self) -> Option<&std::io::Error> {
        match self {
            Self::Io { source, .. } | Self::Figure(FigureError::Io { source, .. }) => Some(source),
            Self::World(WorldError::Io { source, .. }) => Some(source),
            Self::Tables(e) | Self::World(WorldError::Table(e)) => e.io_source(),
            _ => None,
        }
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Config(_) => Kind::Config,
            Self::Checks { .. } | Self::Audit { .. } => Kind::Checks,
            Self::Network { .. } | Self::Busy { .. } | Self::Full { .. } => Kind::Retryable,
            Self::Input { .. }
            | Self::World(WorldError::Parameter { .. })
            | Self::Missing { .. }
            | Self::Corrupt { .. }
            | Self::Tables(tenure_tables::Error::Read { .. }) => Kind::Input,
            Self::Io { .. } | Self::Tables(_) | Self::World(_) | Self::Figure(_) => {
                self.io_source().map_or(Kind::Internal, io_kind)
            }
            Self::Math { .. } | Self::Unsound { .. } => Kind::Internal,
        }
    }

    /// File, row, column or option, where known and not already in the sentence.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        match self {
            Self::Input { place, .. } => place.clone(),
            Self::Config(e) => e.place(),
            _ => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Input { cure, .. } | Self::Network { cure, .. } => Some(cure.clone()),
            Self::Config(e) => e.hint(),
            Self::World(WorldError::Parameter { .. }) => {
                Some("choose the size and the dates within the bounds that the message names".to_owned())
            }
            Self::Io { .. } | Self::Tables(_) | Self::World(_) | Self::Figure(_) if self.io_source().is_some() => {
                self.io_source().map(|source| io_hint(source).to_owned())
            }
            Self::Tables(e) => {
                Some(e.cure().unwrap_or("this is a fault of tenure: please report it with the command").to_owned())
            }
            Self::Full { written, before, .. } => Some(full_hint(*written, *before)),
            Self::Missing { stage, .. } => {
                Some(format!("run `tenure {stage}` on the same folder first, or `tenure run FILE` for all stages"))
            }
            Self::Corrupt { artefact, .. } => {
                Some(format!("run the stage that makes {artefact} again, or `tenure run FILE` for all stages"))
            }
            Self::Busy { .. } => Some("wait until it is done, or choose another folder with --out".to_owned()),
            Self::Audit { .. } => {
                Some("read audit.json for every finding; until they are explained, do not trust the run".to_owned())
            }
            Self::Checks { .. } => Some("read validation.md for what failed, or run without --strict".to_owned()),
            Self::Math { .. } | Self::Unsound { .. } | Self::Figure(_) | Self::Io { .. } | Self::World(_) => {
                Some("this is a fault of tenure or data of a shape it does not know: please report it".to_owned())
            }
        }
    }
}

/// How much to free: where an earlier run says what a run takes, at least what is missing of that.
fn full_hint(written: u64, before: Option<u64>) -> String {
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let need = match before {
        Some(before) if before > written => format!(
            "free at least {:.1} MB (this run had written {:.1} MB, and the one before takes {:.1} MB)",
            mb(before - written),
            mb(written),
            mb(before)
        ),
        _ => format!("free some space beyond the {:.1} MB that this run had written", mb(written)),
    };
    format!("{need} and run the same command again; the run before is as it was")
}

fn io_kind(source: &std::io::Error) -> Kind {
    use std::io::ErrorKind;
    match source.kind() {
        ErrorKind::NotFound
        | ErrorKind::PermissionDenied
        | ErrorKind::IsADirectory
        | ErrorKind::NotADirectory
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::InvalidInput
        | ErrorKind::AlreadyExists => Kind::Input,
        _ => Kind::Retryable,
    }
}

fn io_hint(source: &std::io::Error) -> &'static str {
    use std::io::ErrorKind;
    match source.kind() {
        ErrorKind::NotFound => "check the path",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "choose a folder that you may write to with --out, or change its permissions"
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => "choose another folder with --out",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space and run the same command again",
        _ => "run the same command again; if it fails again, check the disk",
    }
}

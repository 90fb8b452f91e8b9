//! What can be wrong with a configuration, and where.

use std::fmt;
use std::path::PathBuf;

/// Where a setting was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A line of a configuration file.
    Line {
        /// The file's name as the user gave it.
        file: String,
        /// Line, counted from 1.
        line: usize,
    },
    /// A flag of the command line, such as `--budget`.
    Flag(&'static str),
    /// Neither: a value set by a program, or by the defaults.
    Unknown,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line { file, line } => write!(f, "{file}, line {line}"),
            Place::Flag(flag) => write!(f, "{flag} on the command line"),
            Place::Unknown => f.write_str("the configuration"),
        }
    }
}

/// A configuration that cannot be used. `Display` is the sentence; [`ConfigError::place`] and
/// [`ConfigError::hint`] say where and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {} cannot be read: {}", path.display(), reason(source))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The text is not TOML.
    #[error("the configuration is not valid TOML: {message}")]
    Syntax {
        /// Where the parser stopped.
        place: Place,
        /// What the parser says.
        message: String,
    },
    /// A key that does not exist.
    #[error("there is no setting `{key}`")]
    UnknownKey {
        /// Where it stands.
        place: Place,
        /// Its full name.
        key: String,
        /// The nearest that exists.
        nearest: Option<String>,
        /// The keys that exist at this level.
        known: Vec<String>,
    },
    /// A required key of an entry is missing.
    #[error("`{entry}` lacks `{key}`")]
    MissingKey {
        /// Where the entry starts.
        place: Place,
        /// The entry, such as `offers.custom[0]`.
        entry: String,
        /// The key.
        key: String,
        /// What the key accepts, in words.
        accepts: String,
    },
    /// A value of the wrong type or outside its domain.
    #[error("`{key}` cannot be {found}")]
    Value {
        /// Where it stands.
        place: Place,
        /// Its full name.
        key: String,
        /// What was given.
        found: String,
        /// What is accepted, in words.
        accepts: String,
    },
    /// A model that this program was built without.
    #[error("`{key}` is {word}, and this program was built without it")]
    NotBuilt {
        /// Where it stands.
        place: Place,
        /// The key that names it.
        key: String,
        /// The model.
        word: String,
    },
    /// Two settings that do not go together.
    #[error("{sentence}")]
    Contradiction {
        /// Where the first of them stands.
        place: Place,
        /// What contradicts what.
        sentence: String,
        /// What to do.
        cure: String,
    },
}

impl ConfigError {
    /// File and line, or flag, where known.
    pub fn place(&self) -> Option<String> {
        let place = match self {
            ConfigError::Unreadable { path, .. } => return Some(path.display().to_string()),
            ConfigError::Syntax { place, .. }
            | ConfigError::UnknownKey { place, .. }
            | ConfigError::MissingKey { place, .. }
            | ConfigError::Value { place, .. }
            | ConfigError::NotBuilt { place, .. }
            | ConfigError::Contradiction { place, .. } => place,
        };
        (*place != Place::Unknown).then(|| place.to_string())
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            ConfigError::Unreadable { .. } => "check the path, or write a new file with `tenure init`".to_owned(),
            ConfigError::Syntax { .. } => {
                "write `key = value` under a [section]; texts stand in quotes, as in the file of `tenure init`"
                    .to_owned()
            }
            ConfigError::UnknownKey { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            ConfigError::UnknownKey { known, .. } if known.is_empty() => "remove it".to_owned(),
            ConfigError::UnknownKey { known, .. } => format!("known here: {}", known.join(", ")),
            ConfigError::MissingKey { key, accepts, .. } => format!("add `{key} = …`; it accepts {accepts}"),
            ConfigError::Value { accepts, .. } => format!("it accepts {accepts}"),
            ConfigError::NotBuilt { .. } => super::NOT_BUILT_CURE.to_owned(),
            ConfigError::Contradiction { cure, .. } => cure.clone(),
        })
    }
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    }
}

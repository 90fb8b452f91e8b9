//! How much a run takes on the disk: what a message about a full disk must name.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::layout::files_under;
use crate::error::Error;

/// Where a run is written, and how much the run before it takes.
#[derive(Debug, Clone)]
pub(super) struct Room {
    pub(super) work: PathBuf,
    pub(super) before: Option<u64>,
}

impl Room {
    /// An error of a full disk as one that names the bytes written and needed; any other as it is.
    pub(super) fn explain(&self, error: Error) -> Error {
        let Some(source) = error.io_source() else { return error };
        if !matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            return error;
        }
        let sizes = files_under(&self.work).unwrap_or_default().into_iter().filter_map(|path| path.metadata().ok());
        let written = sizes.map(|file| file.len()).sum();
        Error::Full { problem: error.to_string(), written, before: self.before }
    }
}

//! How small artefacts are written.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::RunFolder;
use crate::error::{Error, Result};

impl RunFolder {
    /// Writes a value as an indented JSON artefact.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written.
    pub fn write_json<T: Serialize>(&self, artefact: &str, value: &T) -> Result<()> {
        write_json(&self.write(artefact)?, value)
    }

    /// Writes text as an artefact.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written.
    pub fn write_text(&self, artefact: &str, text: &str) -> Result<()> {
        let path = self.write(artefact)?;
        fs::write(&path, text).map_err(Error::io(&path))
    }

    /// Writes rows as a CSV artefact that a spreadsheet opens safely: no cell starts a formula.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written.
    pub fn write_csv(&self, artefact: &str, header: &[&str], rows: &[Vec<String>]) -> Result<()> {
        write_csv(&self.write(artefact)?, header, rows)
    }
}

/// Writes rows as a CSV file that a spreadsheet opens safely: no cell starts a formula.
///
/// # Errors
/// [`Error::Io`] when it cannot be written.
pub(crate) fn write_csv(path: &Path, header: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let failed = |e: csv::Error| {
        let source = match e.into_kind() {
            csv::ErrorKind::Io(source) => source,
            other => std::io::Error::other(format!("{other:?}")),
        };
        Error::Io { path: path.to_path_buf(), source }
    };
    let mut writer = csv::Writer::from_path(path).map_err(failed)?;
    writer.write_record(header).map_err(failed)?;
    for row in rows {
        writer.write_record(row.iter().map(|cell| spreadsheet_safe(cell))).map_err(failed)?;
    }
    writer.flush().map_err(Error::io(path))
}

/// Writes a value as an indented JSON file.
///
/// # Errors
/// [`Error::Io`] when it cannot be written, [`Error::Corrupt`] when it is no JSON.
pub(super) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Error::Corrupt { artefact: path.display().to_string(), problem: e.to_string() })?;
    fs::write(path, text + "\n").map_err(Error::io(path))
}

/// Signs that start a formula, also in the width of East Asian type.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// A cell that a spreadsheet takes for text: what would start a formula, after whatever a reader may strip, gets an
/// apostrophe in front (OWASP, CSV injection). Plain numbers stay as they are.
pub(crate) fn spreadsheet_safe(cell: &str) -> String {
    let is_stripped = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}' | '\u{feff}');
    let starts_formula = cell.trim_start_matches(is_stripped).starts_with(FORMULA);
    let is_number = cell.parse::<f64>().is_ok_and(f64::is_finite);
    if starts_formula && !is_number { format!("'{cell}") } else { cell.to_owned() }
}

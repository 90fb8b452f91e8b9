//! Ingest: files of transactions to the canonical table. Nothing is judged here: what cannot be parsed is kept apart
//! with its reason.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tenure_tables::read::{self, DateOrder, ReadOptions, Reject};
use tenure_tables::store::{self, BackgroundWriter, Column};

use crate::artifact::{self, FileFact, RunFolder};
use crate::config::{self, Config};
use crate::ctx::Stage;
use crate::error::{Error, Result};

/// What ingestion found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Records found in all sources.
    pub rows_in: u64,
    /// Records parsed.
    pub rows_out: u64,
    /// Records kept apart because they could not be parsed.
    pub rejected: u64,
    /// Each file and sheet.
    pub sources: Vec<Source>,
    /// Whether the sources hold no money at all.
    pub counts_only: bool,
}

/// A file, or a sheet of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// File name, and sheet.
    pub name: String,
    /// Records found.
    pub rows_in: u64,
    /// Records parsed.
    pub rows_out: u64,
    /// Canonical column and the source's name for it.
    pub columns: Vec<(String, String)>,
    /// Columns of the source that are not used.
    pub unused: Vec<String>,
}

/// Reads the files into the canonical table; the sentence says what came of it.
///
/// # Errors
/// [`Error::Input`] without a file; what the readers refuse, with file, row, column and cure; file errors.
pub fn run(config: &Config, inputs: &[PathBuf], run: &mut RunFolder) -> Result<String> {
    if inputs.is_empty() {
        return Err(Error::Input {
            problem: "no file of transactions was given".to_owned(),
            place: None,
            cure: "name one or more files: `tenure run FILE`".to_owned(),
        });
    }
    let options = options(config);
    let mut writer = BackgroundWriter::create(&run.write(artifact::TRANSACTIONS)?, read::transactions_schema())?;
    let mut rejects: Vec<Reject> = Vec::new();
    let mut facts = Facts { rows_in: 0, rows_out: 0, rejected: 0, sources: Vec::new(), counts_only: true };
    let (mut files, mut warnings) = (Vec::new(), Vec::new());
    for path in inputs {
        files.push(FileFact::of(path, file_name(path))?);
        let outcome = read::read(path, &options, &mut |batch| writer.push(batch), &mut |reject| {
            rejects.push(reject);
            Ok(())
        })?;
        facts.rows_in += outcome.rows_in();
        facts.rows_out += outcome.rows_out();
        facts.rejected += outcome.rejected();
        facts.counts_only &= outcome.understood.counts_only();
        for (table, count) in outcome.understood.tables.iter().zip(&outcome.sources) {
            facts.sources.push(Source {
                name: count.source.clone(),
                rows_in: count.rows_in,
                rows_out: count.rows_out,
                columns: table.columns.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
                unused: table.unused.clone(),
            });
        }
        warnings.extend(outcome.understood.notes);
        warnings.extend(
            outcome.understood.skipped_sheets.iter().map(|s| format!("sheet {} was skipped: {}", s.name, s.reason)),
        );
    }
    writer.finish()?;
    if facts.rejected > 0 {
        warnings.push(format!("{} records could not be parsed; see data/quarantine.parquet", facts.rejected));
    }
    if facts.counts_only {
        warnings.push("the source has no money: values are zero and only counts are modelled".to_owned());
    }
    write_rejects(run, &rejects)?;
    run.manifest.inputs = files;
    let sentence = format!(
        "{} rows of {} {}, {} refused",
        facts.rows_in,
        facts.sources.len(),
        if facts.sources.len() == 1 { "table" } else { "tables" },
        facts.rejected
    );
    run.record(Stage::Ingest, &facts, warnings)?;
    Ok(sentence)
}

fn options(config: &Config) -> ReadOptions {
    ReadOptions {
        columns: config.data.columns.clone(),
        date_order: match config.data.date_order {
            None => DateOrder::Auto,
            Some(config::DateOrder::Dmy) => DateOrder::Dmy,
            Some(config::DateOrder::Mdy) => DateOrder::Mdy,
            Some(config::DateOrder::Ymd) => DateOrder::Ymd,
        },
        delimiter: config.data.delimiter.and_then(|c| u8::try_from(c).ok()),
        encoding: config.data.encoding.clone(),
        decimal_comma: config.data.decimal_comma,
        sheets: config.data.sheets.clone(),
    }
}

fn write_rejects(run: &RunFolder, rejects: &[Reject]) -> Result<()> {
    store::write_columns(
        &run.write(artifact::UNPARSED)?,
        &[
            ("source", Column::Text(rejects.iter().map(|r| r.source.clone()).collect())),
            ("line_no", Column::I64(rejects.iter().map(|r| r.line_no).collect())),
            ("column", Column::OptText(rejects.iter().map(|r| r.column.map(str::to_owned)).collect())),
            ("value", Column::OptText(rejects.iter().map(|r| r.value.clone()).collect())),
            ("reason", Column::Text(rejects.iter().map(|r| r.reason.code().to_owned()).collect())),
            ("record", Column::Text(rejects.iter().map(|r| r.record.clone()).collect())),
        ],
    )?;
    Ok(())
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

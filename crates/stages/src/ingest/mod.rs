//! Ingest: files of transactions to the canonical table. Nothing is judged here: what cannot be parsed is kept apart
//! with its reason.
//!
//! Each file becomes a part of the table of its own, named by a hash of its content, its name and the way it was read.
//! A part that the last run left and that is whole is taken over, so that a further run reads only what is new.

mod customers;
mod files;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tenure_tables::engine::Engine;
use tenure_tables::read::{self, ReadOptions, Reject};
use tenure_tables::store::{self, BackgroundWriter, Column};

use crate::artifact::{self, FileFact, RunFolder};
use crate::config::Config;
use crate::ctx::{Stage, Steps};
use crate::error::{Error, Result};
use crate::given::read_options;
use crate::number;
use files::SourceFile;

pub use customers::{Attribute, Customers};
pub use tenure_tables::read::{Understood, UnderstoodTable};

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
    /// The table of customers, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customers: Option<Customers>,
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

/// What is kept of the reading of one file.
#[derive(Debug, Serialize, Deserialize)]
struct FileRecord {
    sources: Vec<Source>,
    counts_only: bool,
    warnings: Vec<String>,
}

/// Reads the files into the canonical table; the sentence says what came of it.
///
/// # Errors
/// [`Error::Input`] without a file, or with one given twice; what the readers refuse, with file, row, column and cure;
/// file errors.
pub fn run(
    config: &Config,
    engine: &Engine,
    inputs: &[PathBuf],
    run: &mut RunFolder,
    steps: &Steps<'_>,
) -> Result<String> {
    let options = read_options(config);
    let files = files::find(inputs)?;
    // How many rows a file has is known when it is read: of one file they are counted, of several the files.
    let counts_rows = files.len() == 1;
    match counts_rows {
        true => steps.plan(None, "rows"),
        false => steps.plan(Some(files.len()), "files"),
    }
    let (mut inputs, mut records) = (Vec::<FileFact>::new(), Vec::new());
    let mut unchanged = 0;
    for file in &files {
        let fact = FileFact::of(&file.path, file.name.clone())?;
        if let Some(same) = inputs.iter().find(|other| other.blake3 == fact.blake3) {
            return Err(Error::Input {
                problem: format!(
                    "{} holds the same bytes as {}, so that every row would count twice",
                    fact.name, same.name
                ),
                place: Some(file.path.display().to_string()),
                cure: "name each file once".to_owned(),
            });
        }
        let part = Part::of(&fact, &options);
        if run.take_over(&part.artefacts())? {
            unchanged += 1;
        } else {
            part.read(file, &options, run, &|rows| {
                if counts_rows {
                    steps.done(rows);
                }
            })?;
        }
        if !counts_rows {
            steps.done(1);
        }
        records.push(part.record(run)?);
        inputs.push(fact);
    }
    let sources: Vec<Source> = records.iter().flat_map(|record| record.sources.clone()).collect();
    let sum = |count: fn(&Source) -> u64| sources.iter().map(count).sum::<u64>();
    let (rows_in, rows_out) = (sum(|s| s.rows_in), sum(|s| s.rows_out));
    let customers = customers::read(config, &options, engine, run)?;
    let facts = Facts {
        rows_in,
        rows_out,
        rejected: rows_in - rows_out,
        counts_only: records.iter().all(|record| record.counts_only),
        sources,
        customers: customers.as_ref().map(|read| read.facts.clone()),
    };
    let mut warnings: Vec<String> = records.into_iter().flat_map(|record| record.warnings).collect();
    if facts.rejected > 0 {
        warnings.push(format!("{} records could not be parsed; see data/quarantine.parquet", facts.rejected));
    }
    if facts.counts_only {
        warnings.push("the source holds no money: only counts are modelled".to_owned());
    }
    if let Some(read) = customers {
        inputs.push(read.input);
        warnings.extend(read.warnings);
    }
    run.set_inputs(inputs);
    let mut sentence = format!(
        "{} rows of {} {}, {} refused",
        number::count(facts.rows_in),
        facts.sources.len(),
        if facts.sources.len() == 1 { "table" } else { "tables" },
        number::count(facts.rejected)
    );
    if unchanged > 0 {
        sentence.push_str(&format!("; {unchanged} of {} files unchanged and not read again", files.len()));
    }
    if let Some(customers) = &facts.customers {
        sentence.push_str(&format!("; {}", customers.sentence()));
    }
    run.record(Stage::Ingest, &facts, warnings)?;
    Ok(sentence)
}

/// Says how each file would be read, the table of customers last, without reading it into a run.
///
/// # Errors
/// As [`run`], for the first file that cannot be read.
pub fn preview(config: &Config, inputs: &[PathBuf]) -> Result<Vec<Understood>> {
    let options = read_options(config);
    let files = files::find(inputs)?;
    let mut understood: Vec<Understood> = files
        .into_iter()
        .map(|file| Ok(read::understand(&file.path, &named(&options, &file))?))
        .collect::<Result<_>>()?;
    understood.extend(customers::preview(config, &options)?);
    Ok(understood)
}

fn named(options: &ReadOptions, file: &SourceFile) -> ReadOptions {
    ReadOptions { name: Some(file.name.clone()), ..options.clone() }
}

/// One file's part of the canonical table.
struct Part {
    key: String,
}

impl Part {
    /// Named by all that its content depends on.
    fn of(fact: &FileFact, options: &ReadOptions) -> Self {
        let all = format!("{}\n{}\n{}\n{options:?}", env!("CARGO_PKG_VERSION"), fact.name, fact.blake3);
        Self { key: blake3::hash(all.as_bytes()).to_hex().as_str()[..16].to_owned() }
    }

    /// Lines, records that could not be parsed, and the account.
    fn artefacts(&self) -> [String; 3] {
        [
            format!("{}/{}.parquet", artifact::TRANSACTIONS, self.key),
            format!("{}/{}.parquet", artifact::UNPARSED, self.key),
            format!("{}/{}.json", artifact::SOURCES, self.key),
        ]
    }

    /// Reads the file; `told` hears how many rows were parsed since it was last told.
    fn read(&self, file: &SourceFile, options: &ReadOptions, run: &RunFolder, told: &dyn Fn(usize)) -> Result<()> {
        let [lines, unparsed, account] = self.artefacts();
        let mut writer = BackgroundWriter::create(&run.write(&lines)?, read::transactions_schema())?;
        let mut rejects: Vec<Reject> = Vec::new();
        let outcome = read::read(
            &file.path,
            &named(options, file),
            &mut |batch| {
                told(batch.num_rows());
                writer.push(batch)
            },
            &mut |reject| {
                rejects.push(reject);
                Ok(())
            },
        )?;
        writer.finish()?;
        store::write_columns(
            &run.write(&unparsed)?,
            &[
                ("source", Column::Text(rejects.iter().map(|r| r.source.clone()).collect())),
                ("line_no", Column::I64(rejects.iter().map(|r| r.line_no).collect())),
                ("column", Column::OptText(rejects.iter().map(|r| r.column.map(str::to_owned)).collect())),
                ("value", Column::OptText(rejects.iter().map(|r| r.value.clone()).collect())),
                ("reason", Column::Text(rejects.iter().map(|r| r.reason.code().to_owned()).collect())),
                ("record", Column::Text(rejects.iter().map(|r| r.record.clone()).collect())),
            ],
        )?;
        let understood = outcome.understood;
        let skipped = understood.skipped_sheets.iter();
        let record = FileRecord {
            sources: understood
                .tables
                .iter()
                .zip(&outcome.sources)
                .map(|(table, count)| Source {
                    name: count.source.clone(),
                    rows_in: count.rows_in,
                    rows_out: count.rows_out,
                    columns: table.columns.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
                    unused: table.unused.clone(),
                })
                .collect(),
            counts_only: understood.counts_only(),
            warnings: understood
                .notes
                .iter()
                .cloned()
                .chain(skipped.map(|s| format!("sheet {} was skipped: {}", s.name, s.reason)))
                .collect(),
        };
        run.write_json(&account, &record)
    }

    fn record(&self, run: &RunFolder) -> Result<FileRecord> {
        let [_, _, account] = self.artefacts();
        let path = run.read(&account, Stage::Ingest)?;
        artifact::read_json(&path)?.ok_or_else(|| Error::Missing {
            artefact: account,
            out: run.out().to_path_buf(),
            stage: Stage::Ingest.name(),
        })
    }
}

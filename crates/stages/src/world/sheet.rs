//! A table on its way to a file, CSV or Parquet, some rows at a time.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tenure_tables::store::{self, Column, FileWriter};

use super::calendar::Date;
use super::{Result, WorldError};

/// The form of the exported files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Text, one file a table.
    #[default]
    Csv,
    /// Parquet; a table of several parts is a folder of files.
    Parquet,
}

/// A column; no value is missing but of a text that is empty.
pub(super) enum Values {
    Text(Vec<String>),
    Word(Vec<&'static str>),
    Whole(Vec<i64>),
    Number(Vec<f64>),
    Flag(Vec<bool>),
    /// In pence.
    Money(Vec<i64>),
    /// Seconds after the world's start.
    Second(Vec<u32>),
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Text(v) => v.len(),
            Self::Word(v) => v.len(),
            Self::Whole(v) | Self::Money(v) => v.len(),
            Self::Number(v) => v.len(),
            Self::Flag(v) => v.len(),
            Self::Second(v) => v.len(),
        }
    }

    fn cell(&self, i: usize, start: Date) -> String {
        match self {
            Self::Text(v) => v[i].clone(),
            Self::Word(v) => v[i].to_owned(),
            Self::Whole(v) => v[i].to_string(),
            Self::Number(v) => v[i].to_string(),
            Self::Flag(v) => v[i].to_string(),
            Self::Money(v) => money(v[i]),
            Self::Second(v) => timestamp(start, v[i]),
        }
    }

    fn column(self, start: Date) -> Column {
        match self {
            Self::Text(v) => Column::OptText(v.into_iter().map(|t| (!t.is_empty()).then_some(t)).collect()),
            Self::Word(v) => Column::Text(v.into_iter().map(str::to_owned).collect()),
            Self::Whole(v) => Column::I64(v),
            Self::Number(v) => Column::F64(v),
            Self::Flag(v) => Column::Bool(v),
            Self::Money(v) => Column::F64(v.into_iter().map(|pence| pence as f64 / 100.0).collect()),
            Self::Second(v) => {
                Column::Instant(v.into_iter().map(|s| start.micros() + i64::from(s) * 1_000_000).collect())
            }
        }
    }
}

/// Pence as pounds with two decimals.
fn money(pence: i64) -> String {
    let sign = if pence < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", pence.abs() / 100, pence.abs() % 100)
}

/// `second` seconds after `start`, as `YYYY-MM-DD HH:MM:SS`.
fn timestamp(start: Date, second: u32) -> String {
    let (day, rest) = (second / 86_400, second % 86_400);
    let date = start.plus_days(i64::from(day));
    format!("{date} {:02}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60)
}

/// Removes what an earlier export left of a table, in whatever form: half of two worlds is no world.
pub(super) fn remove(dir: &Path, name: &str) -> Result<()> {
    let folder = dir.join(name);
    let parts = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let parts = parts.filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("part-")));
    let files = ["csv", "parquet"].map(|ending| dir.join(format!("{name}.{ending}")));
    for path in parts.chain(files).filter(|path| path.is_file()) {
        std::fs::remove_file(&path).map_err(|source| WorldError::Io { path, source })?;
    }
    // What else somebody put there stays, and with it the folder.
    let _ = std::fs::remove_dir(&folder);
    Ok(())
}

/// A table's file, or folder of files.
pub(super) struct Sheet {
    path: PathBuf,
    names: &'static [&'static str],
    start: Date,
    sink: Sink,
}

enum Sink {
    Csv(csv::Writer<BufWriter<File>>),
    /// The writer of the part that is open.
    Parquet {
        parts: usize,
        open: Option<FileWriter>,
    },
}

impl Sheet {
    /// Creates the file of table `name` in `dir`; of several parts a Parquet table is a folder.
    pub(super) fn create(
        dir: &Path,
        name: &str,
        names: &'static [&'static str],
        form: Form,
        parts: usize,
        start: Date,
    ) -> Result<Self> {
        let (path, sink) = match form {
            Form::Csv => {
                let path = dir.join(format!("{name}.csv"));
                let file = File::create(&path).map_err(|source| WorldError::Io { path: path.clone(), source })?;
                let mut out = csv::Writer::from_writer(BufWriter::new(file));
                out.write_record(names).map_err(|e| WorldError::Io { path: path.clone(), source: e.into() })?;
                (path, Sink::Csv(out))
            }
            Form::Parquet => {
                let path = dir.join(if parts > 1 { name.to_owned() } else { format!("{name}.parquet") });
                (path, Sink::Parquet { parts: 0, open: None })
            }
        };
        let sheet = Self { path, names, start, sink };
        Ok(sheet)
    }

    /// Where the table lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends rows.
    pub(super) fn push(&mut self, columns: Vec<Values>) -> Result<()> {
        debug_assert!(columns.len() == self.names.len() && columns.iter().all(|c| c.len() == columns[0].len()));
        match &mut self.sink {
            Sink::Csv(out) => {
                for i in 0..columns[0].len() {
                    out.write_record(columns.iter().map(|column| column.cell(i, self.start)))
                        .map_err(|e| WorldError::Io { path: self.path.clone(), source: e.into() })?;
                }
                Ok(())
            }
            Sink::Parquet { parts, open } => {
                let columns: Vec<(&str, Column)> =
                    self.names.iter().copied().zip(columns.into_iter().map(|c| c.column(self.start))).collect();
                let batch = store::batch(&columns)?;
                let writer = match open {
                    Some(writer) => writer,
                    None => {
                        let is_file = self.path.extension().is_some();
                        let part = if is_file {
                            self.path.clone()
                        } else {
                            self.path.join(format!("part-{parts:04}.parquet"))
                        };
                        *parts += 1;
                        open.insert(FileWriter::create(&part, batch.schema())?)
                    }
                };
                Ok(writer.push(&batch)?)
            }
        }
    }

    /// Ends a part of the world.
    pub(super) fn end_part(&mut self) -> Result<()> {
        match &mut self.sink {
            Sink::Csv(out) => out.flush().map_err(|source| WorldError::Io { path: self.path.clone(), source }),
            Sink::Parquet { open, .. } => match open.take() {
                Some(writer) => Ok(writer.finish().map(|_| ())?),
                None => Ok(()),
            },
        }
    }
}

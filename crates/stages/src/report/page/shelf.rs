//! The files of a run as the report reads them: every figure comes with its place.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::Value;

use super::document::{Drawn, Number, Picture, Piece, Quote, Source, Unit};
use crate::artifact::{self, RunFolder};
use crate::ctx::Stage;
use crate::error::{Error, Result};

/// Rows of a figure's table that a page holds.
const DRAWN_ROWS: usize = 30;

/// What of a run the report is made of.
pub(super) struct Shelf<'a> {
    run: &'a RunFolder,
    own: Own<'a>,
    facts: Rc<Value>,
    /// Name of the currency; empty where the data do not say.
    pub(super) currency: Rc<str>,
    csvs: RefCell<BTreeMap<String, Option<Rc<Csv>>>>,
}

/// What the report stage itself has found so far, as it will stand in the manifest.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct Own<'a> {
    pub(in crate::report) facts: &'a Value,
    pub(in crate::report) warnings: &'a [String],
}

/// A CSV file.
#[derive(Debug)]
pub(super) struct Csv {
    file: String,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// A value within a JSON file.
#[derive(Debug, Clone)]
pub(super) struct Field {
    file: String,
    pointer: String,
    value: Rc<Value>,
    currency: Rc<str>,
}

/// A row of a CSV file.
#[derive(Debug, Clone)]
pub(super) struct Row {
    csv: Rc<Csv>,
    at: usize,
    currency: Rc<str>,
}

impl<'a> Shelf<'a> {
    pub(super) fn new(run: &'a RunFolder, own: Own<'a>, currency: &str) -> Self {
        let facts = Rc::new(own.facts.clone());
        Self { run, own, facts, currency: currency.into(), csvs: RefCell::default() }
    }

    /// What a stage recorded; nothing where it has not run.
    pub(super) fn record(&self, stage: Stage) -> Result<Field> {
        let value = match stage {
            Stage::Report => self.facts.clone(),
            _ => Rc::new(self.run.standing::<Value>(stage)?.unwrap_or(Value::Null)),
        };
        Ok(self.root(artifact::MANIFEST, format!("/stages/{}", stage.name()), value))
    }

    /// What the stages warn of, each a sentence; the report's own warnings last.
    pub(super) fn warnings(&self) -> Vec<Quote> {
        let own = (Stage::Report, self.own.warnings);
        let quote = |stage: Stage, i: usize, text: &String| {
            let pointer = format!("/warnings/{}/{i}", stage.name());
            Quote::new(text, Source::Field { file: artifact::MANIFEST.to_owned(), pointer })
        };
        let all = self.run.warnings().into_iter().chain([own]);
        all.flat_map(|(stage, said)| said.iter().enumerate().map(move |(i, text)| quote(stage, i, text))).collect()
    }

    /// The source files and the timeline.
    pub(super) fn inputs(&self) -> Result<Field> {
        let value = serde_json::to_value(self.run.inputs()).map_err(|e| corrupt(&e))?;
        Ok(self.root(artifact::MANIFEST, "/inputs".to_owned(), Rc::new(value)))
    }

    pub(super) fn timeline(&self) -> Result<Field> {
        let value = serde_json::to_value(self.run.timeline()?).map_err(|e| corrupt(&e))?;
        Ok(self.root(artifact::MANIFEST, "/timeline".to_owned(), Rc::new(value)))
    }

    /// A JSON artefact; nothing where the run has none.
    pub(super) fn json(&self, artefact: &str, stage: Stage) -> Result<Field> {
        let value = match self.run.read(artefact, stage) {
            Ok(path) => artifact::read_json(&path)?.unwrap_or(Value::Null),
            Err(Error::Missing { .. }) => Value::Null,
            Err(e) => return Err(e),
        };
        Ok(self.root(artefact, String::new(), Rc::new(value)))
    }

    /// The rows of a CSV artefact; none where the run has none.
    pub(super) fn csv(&self, artefact: &str, stage: Stage) -> Result<Vec<Row>> {
        let known = self.csvs.borrow().get(artefact).cloned();
        let csv = match known {
            Some(csv) => csv,
            None => {
                let csv = match self.place(artefact, stage) {
                    Ok(path) => Some(Rc::new(Csv::read(&path, artefact)?)),
                    Err(Error::Missing { .. }) => None,
                    Err(e) => return Err(e),
                };
                self.csvs.borrow_mut().insert(artefact.to_owned(), csv.clone());
                csv
            }
        };
        let Some(csv) = csv else { return Ok(Vec::new()) };
        let row = |at| Row { csv: csv.clone(), at, currency: self.currency.clone() };
        Ok((0..csv.rows.len()).map(row).collect())
    }

    /// Where a file lies; the figures are one artefact, a folder.
    fn place(&self, artefact: &str, stage: Stage) -> Result<PathBuf> {
        match artefact.split_once('/') {
            Some((artifact::FIGURES, name)) => Ok(self.run.read(artifact::FIGURES, stage)?.join(name)),
            _ => self.run.read(artefact, stage),
        }
    }

    /// A figure of the run with its finding; nothing where it was not drawn.
    pub(super) fn picture(&self, name: &str) -> Result<Option<Picture>> {
        let told = self.record(Stage::Report)?.at("figures").items();
        let told = told.into_iter().find(|told| told.quote("0").is_some_and(|said| said.text == name));
        let Some(finding) = told.and_then(|told| told.quote("1")) else { return Ok(None) };
        let rows = self.csv(&format!("{}/{name}.csv", artifact::FIGURES), Stage::Report)?;
        let columns = rows.first().map(|row| row.csv.header.clone()).unwrap_or_default();
        let cell = |row: &Row, column: &String| {
            // An id is a name, whatever it is made of.
            let number = if column.ends_with("_id") { None } else { row.number(column, Unit::Drawn) };
            number.map(Piece::from).or_else(|| row.quote(column).map(Piece::from))
        };
        let shown = rows.iter().take(DRAWN_ROWS);
        let shown = shown.map(|row| columns.iter().map(|column| cell(row, column)).collect()).collect();
        let drawn = Drawn { columns, rows: shown, is_cut: rows.len() > DRAWN_ROWS };
        Ok(Some(Picture { name: name.to_owned(), finding, drawn }))
    }

    /// The picture of a figure as SVG.
    pub(super) fn svg(&self, name: &str) -> Result<String> {
        let path = self.run.read(artifact::FIGURES, Stage::Report)?.join(format!("{name}.svg"));
        std::fs::read_to_string(&path).map_err(Error::io(&path))
    }

    /// A figure that follows from others.
    pub(super) fn derived(&self, value: f64, unit: Unit, source: Source) -> Number {
        Number::new(value, unit, &self.currency, source)
    }

    /// The value at a source, and how far rounding in its file can have moved it.
    pub(super) fn value(&self, source: &Source) -> Result<(f64, f64)> {
        let absent = || Error::Corrupt {
            artefact: artifact::REPORT_JSON.to_owned(),
            problem: format!("nothing stands at {source:?}"),
        };
        Ok(match source {
            Source::Cell { .. } => {
                let text = self.text(source)?.ok_or_else(absent)?;
                let value: f64 = text.parse().map_err(|_| absent())?;
                let decimals = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
                (value, if decimals == 0 { 0.0 } else { 0.5 * 10_f64.powi(-(decimals as i32)) })
            }
            Source::Field { .. } => (self.field(source)?.and_then(|value| value.as_f64()).ok_or_else(absent)?, 0.0),
            Source::Sum(parts) => parts.iter().try_fold((0.0, 0.0), |sum, part| {
                let (value, doubt) = self.value(part)?;
                Ok::<_, Error>((sum.0 + value, sum.1 + doubt))
            })?,
            Source::ShareOf(part, whole) => {
                let ((part, a), (whole, b)) = (self.value(part)?, self.value(whole)?);
                (part / whole, (a + b * (part / whole).abs()) / whole.abs())
            }
        })
    }

    /// The words at a source.
    pub(super) fn text(&self, source: &Source) -> Result<Option<String>> {
        Ok(match source {
            Source::Cell { file, row, column } => self
                .csv(file, Stage::Report)?
                .get(row.wrapping_sub(1))
                .and_then(|row| row.cell(column).map(ToOwned::to_owned)),
            Source::Field { .. } => self.field(source)?.and_then(|value| value.as_str().map(ToOwned::to_owned)),
            _ => None,
        })
    }

    /// The JSON value at a source, read anew.
    fn field(&self, source: &Source) -> Result<Option<Value>> {
        let Source::Field { file, pointer } = source else { return Ok(None) };
        if file != artifact::MANIFEST {
            return Ok(self.json(file, Stage::Report)?.value.pointer(pointer).cloned());
        }
        let mut parts = pointer.splitn(4, '/').skip(1);
        let (kind, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let rest = |root: &str| pointer.strip_prefix(root).unwrap_or_default().to_owned();
        Ok(match kind {
            "inputs" => self.inputs()?.value.pointer(&rest("/inputs")).cloned(),
            "timeline" => self.timeline()?.value.pointer(&rest("/timeline")).cloned(),
            "warnings" => {
                let said = self.warnings().into_iter().find(|quote| quote.source == *source);
                said.map(|quote| Value::String(quote.text))
            }
            _ => match Stage::ALL.into_iter().find(|stage| stage.name() == name) {
                Some(stage) => self.record(stage)?.value.pointer(&rest(&format!("/stages/{name}"))).cloned(),
                None => None,
            },
        })
    }

    fn root(&self, file: &str, pointer: String, value: Rc<Value>) -> Field {
        Field { file: file.to_owned(), pointer, value, currency: self.currency.clone() }
    }
}

fn corrupt(e: &serde_json::Error) -> Error {
    Error::Corrupt { artefact: artifact::MANIFEST.to_owned(), problem: e.to_string() }
}

impl Csv {
    fn read(path: &Path, artefact: &str) -> Result<Self> {
        let failed = |e: csv::Error| Error::Corrupt { artefact: artefact.to_owned(), problem: e.to_string() };
        let mut reader = csv::Reader::from_path(path).map_err(failed)?;
        let header = reader.headers().map_err(failed)?.iter().map(ToOwned::to_owned).collect();
        let rows = reader
            .records()
            .map(|record| Ok(record.map_err(failed)?.iter().map(ToOwned::to_owned).collect()))
            .collect::<Result<_>>()?;
        Ok(Self { file: artefact.to_owned(), header, rows })
    }
}

impl Row {
    fn cell(&self, column: &str) -> Option<&str> {
        let at = self.csv.header.iter().position(|name| name == column)?;
        self.csv.rows[self.at].get(at).map(String::as_str).filter(|cell| !cell.is_empty())
    }

    fn source(&self, column: &str) -> Source {
        Source::Cell { file: self.csv.file.clone(), row: self.at + 1, column: column.to_owned() }
    }

    /// The figure in a column; `None` where the cell is empty or holds none.
    pub(super) fn number(&self, column: &str, unit: Unit) -> Option<Number> {
        let value = self.cell(column)?.parse::<f64>().ok().filter(|value| value.is_finite())?;
        Some(Number::new(value, unit, &self.currency, self.source(column)))
    }

    /// The words in a column; `None` where the cell is empty.
    pub(super) fn quote(&self, column: &str) -> Option<Quote> {
        Some(Quote::new(self.cell(column)?, self.source(column)))
    }
}

impl Field {
    /// A part of it, by a pointer without the first slash: `quality/measured`.
    pub(super) fn at(&self, path: &str) -> Self {
        let value = self.value.pointer(&format!("/{path}")).cloned().unwrap_or(Value::Null);
        Self { pointer: format!("{}/{path}", self.pointer), value: Rc::new(value), ..self.clone() }
    }

    /// The same, or nothing where the file has nothing there.
    pub(super) fn find(&self, path: &str) -> Option<Self> {
        self.at(path).known()
    }

    /// Itself, where there is anything.
    pub(super) fn known(self) -> Option<Self> {
        Some(self).filter(|field| !field.value.is_null())
    }

    /// Its elements.
    pub(super) fn items(&self) -> Vec<Self> {
        let n = self.value.as_array().map_or(0, Vec::len);
        (0..n).map(|i| self.at(&i.to_string())).collect()
    }

    /// The figure at a part of it; `None` where there is none.
    pub(super) fn number(&self, path: &str, unit: Unit) -> Option<Number> {
        let field = self.at(path);
        let value = field.value.as_f64()?;
        Some(Number::new(value, unit, &self.currency, field.source()))
    }

    /// The figure at a part of it.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where there is none.
    pub(super) fn need(&self, path: &str, unit: Unit) -> Result<Number> {
        self.number(path, unit).ok_or_else(|| Error::Corrupt {
            artefact: self.file.clone(),
            problem: format!("there is no number at {}/{path}", self.pointer),
        })
    }

    /// The words at a part of it; `None` where there are none.
    pub(super) fn quote(&self, path: &str) -> Option<Quote> {
        self.at(path).words()
    }

    /// Its own words.
    pub(super) fn words(&self) -> Option<Quote> {
        Some(Quote::new(self.value.as_str()?, self.source()))
    }

    /// Whether a part of it is this truth value.
    pub(super) fn is(&self, path: &str, truth: bool) -> bool {
        self.at(path).value.as_bool() == Some(truth)
    }

    fn source(&self) -> Source {
        Source::Field { file: self.file.clone(), pointer: self.pointer.clone() }
    }
}

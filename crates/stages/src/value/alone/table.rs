//! A table with one row per customer in the columns of the field, as `lifetimes` and the papers name them.

use std::collections::HashMap;
use std::path::Path;

use tenure_math::btyd::bg_bb::Occasions;
use tenure_tables::engine::{Engine, EngineConfig};

use super::answer::Histories;
use super::occasions::Periods;
use super::{Model, Question, Source};
use crate::error::{Error, Result};

/// A column: what it is called here, and the other names it is known by.
type Known = (&'static str, &'static [&'static str]);

const FREQUENCY: Known = ("frequency", &["x", "frequency_cal"]);
const RECENCY: Known = ("recency", &["t_x", "tx", "recency_cal"]);
const OBSERVED: Known = ("T", &["t_cal"]);
const PERIODS: Known = ("periods", &["n", "n_periods"]);
const SPEND: Known = ("monetary_value", &["zbar", "m_x", "monetary", "monetary_value_cal"]);
const CUSTOMER: Known = ("customer_id", &["id", "customer", "customerid", "cust", "custid"]);
const WEIGHTS: Known = ("weights", &["weight", "count", "counts", "customers", "n_custs"]);
/// What to do where a column is not found.
const CURE_COLUMNS: &str = "name the columns so in the header; of an order log (customer, time, amount) no such columns \
                            are needed";

/// What a file turned out to be.
pub(crate) enum Read {
    /// One row per customer.
    Histories(Histories),
    /// One row per past at occasions.
    Periods(Periods),
    /// No table of histories: an order log, or nothing that is known.
    Other,
}

/// Cells as text, by rows.
struct Cells {
    file: String,
    headers: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
}

/// Reads a file, where it is a table of histories: it has at least two of the three columns, under any of their names.
///
/// # Errors
/// [`Error::Input`] naming the columns that are found and needed, or the row and column of what cannot be.
pub(crate) fn read(file: &Path, question: &Question) -> Result<Read> {
    let Some(cells) = cells(file)? else { return Ok(Read::Other) };
    let third = if question.model == Model::BgBb { PERIODS } else { OBSERVED };
    cells.require(&[FREQUENCY, RECENCY, third], question.model)?;
    if cells.rows.is_empty() {
        return Err(Error::Input {
            problem: format!("{} has no rows", cells.file),
            place: Some(cells.file),
            cure: "give a table with one row per customer".to_owned(),
        });
    }
    if question.model == Model::BgBb {
        return occasions(&cells).map(Read::Periods);
    }
    histories(&cells, question).map(Read::Histories)
}

fn histories(cells: &Cells, question: &Question) -> Result<Histories> {
    if let Some(column) = cells.find(WEIGHTS) {
        return Err(Error::Input {
            problem: format!("{} counts customers in column {}", cells.file, cells.headers[column]),
            place: Some(format!("{}, column {}", cells.file, cells.headers[column])),
            cure: "give one row per customer, or rename the column if it means something else; tables with counts are \
                   for --model bg-bb"
                .to_owned(),
        });
    }
    let (x, t_x, t) = (cells.at(FREQUENCY), cells.at(RECENCY), cells.at(OBSERVED));
    let spend = cells.find(SPEND);
    let n = cells.rows.len();
    let (mut repeats, mut last, mut observed) = (Vec::with_capacity(n), Vec::with_capacity(n), Vec::with_capacity(n));
    let mut spends = Vec::new();
    for row in 0..n {
        let frequency = cells.count(row, x)?;
        let (recency, end) = (cells.amount(row, t_x)?, cells.amount(row, t)?);
        let said = |column: usize| cells.rows[row][column].clone().unwrap_or_default();
        if recency > end {
            let what = format!("is {}, later than {} {}", said(t_x), cells.headers[t], said(t));
            return Err(cells.bad(
                row,
                t_x,
                &what,
                "recency is the time from the first purchase to the last, T from the first to the end of observation, \
                 both in one unit; where it is the time since the last purchase, give T - recency",
            ));
        }
        if frequency == 0 && recency > 0.0 {
            let what = format!("is {}, but {} is 0", said(t_x), cells.headers[x]);
            let cure =
                "frequency counts the purchases after the first: without any, the last is the first and recency 0";
            return Err(cells.bad(row, t_x, &what, cure));
        }
        if frequency > 0 && recency <= 0.0 {
            let what = format!("is {}, but {} is {frequency}", said(t_x), cells.headers[x]);
            let cure = "frequency counts the purchases after the first, several at one time as one: with any, the last \
                        lies after the first";
            return Err(cells.bad(row, t_x, &what, cure));
        }
        if let Some(column) = spend {
            let missing = cells.rows[row][column].is_none() && frequency == 0;
            let amount = if missing { 0.0 } else { cells.amount(row, column)? };
            spends.push(amount);
        }
        repeats.push(frequency);
        last.push(recency);
        observed.push(end);
    }
    Ok(Histories {
        file: cells.file.clone(),
        source: Source::Histories,
        ids: cells.ids()?,
        repeats,
        last,
        observed,
        spend: spend.map(|_| spends),
        unit: question.unit,
        observed_until: None,
        life: None,
        notes: Vec::new(),
    })
}

fn occasions(cells: &Cells) -> Result<Periods> {
    let (x, t_x, n) = (cells.at(FREQUENCY), cells.at(RECENCY), cells.at(PERIODS));
    let weights = cells.find(WEIGHTS);
    let (mut pasts, mut counts) = (Vec::new(), Vec::new());
    for row in 0..cells.rows.len() {
        let past =
            Occasions { repeats: cells.count(row, x)?, last: cells.count(row, t_x)?, observed: cells.count(row, n)? };
        if past.last > past.observed {
            let what = format!("is {}, later than the last of {} occasions", past.last, past.observed);
            let cure = "recency is the number of the last occasion with a purchase, 0 without; periods is how many \
                        occasions there were";
            return Err(cells.bad(row, t_x, &what, cure));
        }
        if past.repeats > past.last {
            let what = format!("is {}, more than the {} occasions up to the last purchase", past.repeats, past.last);
            return Err(cells.bad(row, x, &what, "at an occasion somebody buys once or not at all"));
        }
        if past.repeats == 0 && past.last > 0 {
            let what = format!("is {}, but {} is 0", past.last, cells.headers[x]);
            return Err(cells.bad(row, t_x, &what, "without a purchase after the first, recency is 0"));
        }
        pasts.push(past);
        counts.push(weights.map_or(Ok(1), |column| cells.count(row, column).map(u64::from))?);
    }
    let has_ids = cells.find(CUSTOMER).is_some();
    Ok(Periods { file: cells.file.clone(), ids: has_ids.then(|| cells.ids()).transpose()?, pasts, counts })
}

impl Cells {
    fn find(&self, (name, others): Known) -> Option<usize> {
        let plain = |text: &str| -> String {
            let lower = text.trim().to_lowercase();
            lower.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()
        };
        let exact = self.headers.iter().position(|header| header.trim() == name);
        exact.or_else(|| {
            self.headers.iter().position(|header| {
                let header = plain(header);
                header == name.to_lowercase() || others.contains(&header.as_str())
            })
        })
    }

    /// The place of a column that was required.
    fn at(&self, column: Known) -> usize {
        self.find(column).unwrap_or_default()
    }

    fn require(&self, needed: &[Known], model: Model) -> Result<()> {
        let lacking: Vec<Known> = needed.iter().copied().filter(|column| self.find(*column).is_none()).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        let names = |columns: &[Known]| columns.iter().map(|column| column.0).collect::<Vec<_>>().join(", ");
        let also = lacking.iter().map(|(name, others)| format!("{name} (or {})", others[0])).collect::<Vec<_>>();
        let cure = match model {
            Model::AnyTime(_) if self.find(OBSERVED).is_none() && self.find(PERIODS).is_some() => {
                "a table of occasions (periods) is for --model bg-bb; the other models need T, the time from the first \
                 purchase to the end of observation"
                    .to_owned()
            }
            Model::BgBb if self.find(OBSERVED).is_some() => {
                "the BG/BB needs periods, the number of occasions there were; for purchases at any time (T) take \
                 --model bg-nbd"
                    .to_owned()
            }
            _ => CURE_COLUMNS.to_owned(),
        };
        Err(Error::Input {
            problem: format!(
                "{} has no column {}; it has {}, and the {} needs {}",
                self.file,
                also.join(", "),
                self.headers.join(", "),
                model.name(),
                names(needed)
            ),
            place: Some(self.file.clone()),
            cure,
        })
    }

    /// A number that is finite and not negative.
    fn amount(&self, row: usize, column: usize) -> Result<f64> {
        let Some(text) = &self.rows[row][column] else {
            return Err(self.bad(row, column, "is empty", "give a number, or leave the row out"));
        };
        match text.trim().parse::<f64>() {
            Ok(number) if number >= 0.0 && number.is_finite() => Ok(number),
            Ok(number) if number < 0.0 => {
                Err(self.bad(row, column, &format!("is {text}, below 0"), "give 0 or more, or leave the row out"))
            }
            _ => {
                let cure = "give a number with a decimal point and no separators, or leave the row out";
                Err(self.bad(row, column, &format!("is '{text}', which is no number"), cure))
            }
        }
    }

    /// A whole number.
    fn count(&self, row: usize, column: usize) -> Result<u32> {
        let number = self.amount(row, column)?;
        if number.fract() > 0.0 || number > f64::from(u32::MAX) {
            let text = self.rows[row][column].clone().unwrap_or_default();
            return Err(self.bad(row, column, &format!("is {text}, which is no count"), "give a whole number"));
        }
        Ok(number as u32)
    }

    /// The customers, each once; the numbers of the rows where no column names them.
    fn ids(&self) -> Result<Vec<String>> {
        let Some(column) = self.find(CUSTOMER) else {
            return Ok((1..=self.rows.len()).map(|row| row.to_string()).collect());
        };
        let mut seen = HashMap::new();
        let mut ids = Vec::with_capacity(self.rows.len());
        for row in 0..self.rows.len() {
            let Some(id) = &self.rows[row][column] else {
                return Err(self.bad(row, column, "is empty", "give every customer its id, or drop the column"));
            };
            if let Some(first) = seen.insert(id.clone(), row) {
                let what = format!("is '{id}' again, as in row {}", first + 1);
                return Err(self.bad(row, column, &what, "give one row per customer"));
            }
            ids.push(id.clone());
        }
        Ok(ids)
    }

    /// What is wrong with a cell; rows are counted from 1, the header left out.
    fn bad(&self, row: usize, column: usize, what: &str, cure: &str) -> Error {
        let header = &self.headers[column];
        Error::Input {
            problem: format!("{header} in row {} of {} {what}", row + 1, self.file),
            place: Some(format!("{}, row {}, column {header}", self.file, row + 1)),
            cure: cure.to_owned(),
        }
    }

    fn is_of_histories(&self) -> bool {
        let times = self.find(OBSERVED).is_some() || self.find(PERIODS).is_some();
        usize::from(self.find(FREQUENCY).is_some()) + usize::from(self.find(RECENCY).is_some()) + usize::from(times)
            >= 2
    }
}

/// The cells of a CSV or Parquet file, where its columns are those of a table of histories.
fn cells(file: &Path) -> Result<Option<Cells>> {
    let ending = file.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "csv" | "tsv" | "txt" if file.is_file() => of_csv(file),
        "parquet" if file.exists() => of_parquet(file),
        _ => Ok(None),
    }
}

fn of_csv(file: &Path) -> Result<Option<Cells>> {
    let name = file.display().to_string();
    let faulty = |e: &csv::Error, row: usize, headers: usize| {
        let what = match e.kind() {
            csv::ErrorKind::UnequalLengths { len, .. } => format!("has {len} cells, and the header has {headers}"),
            _ => "is no text in UTF-8".to_owned(),
        };
        Error::Input {
            problem: format!("row {row} of {name} {what}: it cannot be read as a table"),
            place: Some(format!("{name}, row {row}")),
            cure: "give a CSV file in UTF-8 with a header and as many cells in every row".to_owned(),
        }
    };
    for delimiter in [b',', b';', b'\t'] {
        let opened = std::fs::File::open(file).map_err(Error::io(file))?;
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(opened);
        // What is no text is no table of histories: the readers of order logs know encodings.
        let Ok(headers) = reader.headers() else { return Ok(None) };
        let headers = headers.iter().map(|header| header.trim_start_matches('\u{feff}').to_owned()).collect();
        let mut cells = Cells { file: name.clone(), headers, rows: Vec::new() };
        if !cells.is_of_histories() {
            continue;
        }
        for record in reader.records() {
            let record = record.map_err(|e| faulty(&e, cells.rows.len() + 1, cells.headers.len()))?;
            let cell = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
            cells.rows.push(record.iter().map(cell).collect());
        }
        return Ok(Some(cells));
    }
    Ok(None)
}

fn of_parquet(file: &Path) -> Result<Option<Cells>> {
    let engine = Engine::open(&EngineConfig { threads: 1, ..EngineConfig::default() })?;
    let faulty = |e: tenure_tables::Error| Error::Input {
        problem: format!("{} cannot be read as a table: {e}", file.display()),
        place: Some(file.display().to_string()),
        cure: "give a Parquet file, or a CSV file with a header".to_owned(),
    };
    engine.register("given", file).map_err(faulty)?;
    let frame = engine.select("select * from given limit 0", &[]).map_err(faulty)?;
    let mut cells = Cells { file: file.display().to_string(), headers: frame.names(), rows: Vec::new() };
    if !cells.is_of_histories() {
        return Ok(None);
    }
    let frame = engine.select("select * from given", &[]).map_err(faulty)?;
    let id = cells.find(CUSTOMER);
    cells.rows = vec![Vec::with_capacity(cells.headers.len()); frame.n_rows()];
    for (at, header) in cells.headers.iter().enumerate() {
        // Ids that a program has made into floating-point numbers.
        let is_id = id == Some(at) && frame.is_number(header);
        for (row, cell) in cells.rows.iter_mut().zip(frame.opt_texts(header).map_err(faulty)?) {
            row.push(cell.map(|cell| match cell.strip_suffix(".0") {
                Some(whole) if is_id => whole.to_owned(),
                _ => cell,
            }));
        }
    }
    Ok(Some(cells))
}

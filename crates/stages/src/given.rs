//! Tables that a user gives to be scored, and where the scores go.

use std::path::{Path, PathBuf};

use tenure_tables::engine::{Engine, EngineConfig};
use tenure_tables::frame::Frame;
use tenure_tables::read::{DateOrder, ReadOptions};
use tenure_tables::store::{self, Column};

use crate::artifact::{self, Run};
use crate::config::{self, Config};
use crate::error::{Error, Result};

/// A table with one row per customer and the columns of the features.
pub(crate) struct Given {
    /// The table, as the user named it.
    pub(crate) file: PathBuf,
    /// Its rows, in its order.
    pub(crate) frame: Frame,
    /// The customers, each once.
    pub(crate) ids: Vec<String>,
}

impl Given {
    /// Reads a CSV file, or Parquet in a file or a folder.
    ///
    /// # Errors
    /// [`Error::Input`] naming the file, and the row of a customer that has no id or stands there twice.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let frame = read(file)?;
        if !frame.names().iter().any(|name| name == "customer_id") {
            return Err(lacks(file, &["customer_id"]));
        }
        if frame.n_rows() == 0 {
            return Err(Error::Input {
                problem: format!("{} has no rows", file.display()),
                place: Some(file.display().to_string()),
                cure: "give a table with one row per customer".to_owned(),
            });
        }
        let ids = ids(&frame, file)?;
        Ok(Self { file: file.to_path_buf(), frame, ids })
    }

    /// Whether the table has such a column.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.frame.names().iter().any(|other| other == name)
    }

    /// Refuses a table that lacks one of the columns, or holds anything but numbers in it.
    ///
    /// # Errors
    /// [`Error::Input`] naming the file and the columns it lacks, or the row and column of what is no number.
    pub(crate) fn require(&self, columns: &[&str]) -> Result<()> {
        let lacking: Vec<&str> = columns.iter().copied().filter(|name| !self.has(name)).collect();
        if !lacking.is_empty() {
            return Err(lacks(&self.file, &lacking));
        }
        let cure = "give the measure as a number, or leave the customer out";
        columns.iter().try_for_each(|name| require_numbers(&self.frame, &self.file, name, cure))
    }

    /// Refuses what no customer's past can be, in the columns that the lifetimes read: everybody bought on at least one
    /// whole day, and no time is below 0.
    ///
    /// # Errors
    /// [`Error::Input`] naming the row and the column.
    pub(crate) fn require_pasts(&self) -> Result<()> {
        for (column, least, is_count) in
            [("purchase_days", 1.0, true), ("active_span_days", 0.0, false), ("tenure_days", 0.0, false)]
        {
            if !self.has(column) {
                continue;
            }
            let values = self.frame.f64s(column)?;
            let cannot_be = |v: f64| !v.is_finite() || v < least || (is_count && v.fract() > 0.0);
            let Some(row) = values.iter().position(|v| cannot_be(*v)) else { continue };
            let what = match values[row] {
                v if v.is_nan() => "is empty".to_owned(),
                v if v < least => format!("is {v}, below {least}"),
                v => format!("is {v}, which cannot be"),
            };
            let cure = if is_count {
                "give the number of days with a purchase, a whole number from 1 on, or leave the customer out"
            } else {
                "give the days as a number from 0 on, or leave the customer out"
            };
            return Err(self.unreadable(row, column, &what, cure));
        }
        Ok(())
    }

    /// The snapshot of each row, where the table or the name of its folder (`as_of=DATE`) says it.
    ///
    /// # Errors
    /// That of a column that cannot be read as text.
    pub(crate) fn as_of(&self) -> Result<Vec<Option<String>>> {
        if self.has("as_of") {
            return Ok(self.frame.opt_texts("as_of")?);
        }
        let of = |path: &Path| path.file_name()?.to_str()?.strip_prefix("as_of=").map(str::to_owned);
        let of_folder = of(&self.file).or_else(|| of(self.file.parent()?));
        Ok(vec![of_folder; self.ids.len()])
    }

    /// What is wrong with a cell.
    pub(crate) fn unreadable(&self, row: usize, column: &str, what: &str, cure: &str) -> Error {
        unreadable(&self.file, row, column, what, cure)
    }
}

/// How the files of a user are read: the dialect that the configuration names.
pub(crate) fn read_options(config: &Config) -> ReadOptions {
    ReadOptions {
        name: None,
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

/// Writes columns to the user's file, CSV or Parquet, whole or not at all.
///
/// # Errors
/// [`Error::Input`] when `to` is `file` itself, lies in the run or has another ending; [`Error::Io`].
pub(crate) fn write(run: &Run, file: &Path, to: &Path, columns: &[(&str, Column)]) -> Result<()> {
    check(run, file, to)?;
    put(file, to, columns)
}

/// [`write`] where there is no run.
///
/// # Errors
/// As [`write`].
pub(crate) fn put(file: &Path, to: &Path, columns: &[(&str, Column)]) -> Result<()> {
    let draft = to.with_extension("unfinished");
    let written = match check_place(file, to)? {
        true => write_csv(columns, &draft),
        false => store::write_columns(&draft, columns).map(|_| ()).map_err(Error::from),
    };
    let moved = written.and_then(|()| std::fs::rename(&draft, to).map_err(Error::io(to)));
    if moved.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    moved
}

/// Refuses a file where the scores cannot go.
///
/// # Errors
/// As [`write`].
pub(crate) fn check(run: &Run, file: &Path, to: &Path) -> Result<()> {
    check_place(file, to)?;
    // Under the run's folder everything is the run's own, compared by hash before it is used.
    let of_run = run.folder().parent().and_then(Path::parent).and_then(|out| out.canonicalize().ok());
    if of_run.is_some_and(|out| folder_of(to).canonicalize().is_ok_and(|parent| parent.starts_with(&out))) {
        return Err(refuse(to, "lies in the folder of the run", "name a file outside of it with --to"));
    }
    Ok(())
}

/// Whether what goes to `to` is CSV; refuses where it cannot go, whatever run there is.
///
/// # Errors
/// As [`write`].
pub(crate) fn check_place(file: &Path, to: &Path) -> Result<bool> {
    let ending = to.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    let is_csv = match ending.as_deref() {
        Some("csv") => true,
        Some("parquet") => false,
        _ => return Err(refuse(to, "is neither .csv nor .parquet", "name a file with one of these endings")),
    };
    if !folder_of(to).is_dir() {
        return Err(refuse(to, "lies in a folder that does not exist", "make the folder, or name another file"));
    }
    if file.canonicalize().is_ok_and(|file| to.canonicalize().is_ok_and(|to| to == file)) {
        return Err(refuse(to, "is the table that is scored", "name another file with --to"));
    }
    Ok(is_csv)
}

/// The folder that a file lies in.
pub(crate) fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn write_csv(columns: &[(&str, Column)], path: &Path) -> Result<()> {
    let header: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let cells: Vec<Vec<String>> = columns.iter().map(|(_, column)| column.texts()).collect();
    let n = cells.first().map_or(0, Vec::len);
    let rows: Vec<Vec<String>> = (0..n).map(|i| cells.iter().map(|column| column[i].clone()).collect()).collect();
    artifact::write_csv(path, &header, &rows)
}

fn refuse(to: &Path, what: &str, cure: &str) -> Error {
    Error::Input {
        problem: format!("{} {what}", to.display()),
        place: Some(to.display().to_string()),
        cure: cure.to_owned(),
    }
}

fn lacks(file: &Path, columns: &[&str]) -> Error {
    Error::Input {
        problem: format!("{} has no column {}", file.display(), columns.join(", ")),
        place: Some(file.display().to_string()),
        cure: "give a table of features, one row per customer, such as data/features/as_of=DATE of another run; of \
               transactions, `tenure run` makes one"
            .to_owned(),
    }
}

/// All rows of a table, in its order.
///
/// # Errors
/// [`Error::Input`] naming a file that cannot be read.
pub(crate) fn read(file: &Path) -> Result<Frame> {
    let refuse = |problem: String| Error::Input {
        problem,
        place: Some(file.display().to_string()),
        cure:
            "give a CSV file (.csv, commas, a header), or a Parquet file (.parquet) or folder, of one row per customer"
                .to_owned(),
    };
    if !file.exists() {
        return Err(refuse(format!("{} does not exist", file.display())));
    }
    let ending = file.extension().map(|ending| ending.to_string_lossy().into_owned()).unwrap_or_default();
    if !file.is_dir() && ending != "csv" && ending != "parquet" {
        return Err(refuse(format!("{} is neither .csv nor .parquet", file.display())));
    }
    let engine = Engine::open(&EngineConfig { threads: 1, ..EngineConfig::default() })?;
    let registered = if ending == "csv" { engine.register_csv("given", file) } else { engine.register("given", file) };
    registered
        .and_then(|()| engine.select("select * from given", &[]))
        .map_err(|e| refuse(format!("{} cannot be read as a table: {e}", file.display())))
}

/// The customers, each once.
fn ids(frame: &Frame, file: &Path) -> Result<Vec<String>> {
    let is_number = frame.is_number("customer_id");
    let mut seen = std::collections::HashMap::new();
    let mut ids = Vec::with_capacity(frame.n_rows());
    for (i, id) in frame.opt_texts("customer_id")?.into_iter().enumerate() {
        let Some(id) = id else {
            return Err(unreadable(file, i, "customer_id", "is empty", "give every customer its id"));
        };
        // Ids that a program has made into floating-point numbers.
        let id = id.strip_suffix(".0").filter(|_| is_number).map_or_else(|| id.clone(), str::to_owned);
        if let Some(first) = seen.insert(id.clone(), i) {
            let what = format!("is '{id}' again, as in row {}", first + 1);
            let cure = "give one row per customer: of a folder of features, that of one snapshot (as_of=DATE)";
            return Err(unreadable(file, i, "customer_id", &what, cure));
        }
        ids.push(id);
    }
    Ok(ids)
}

/// Refuses a column that holds anything but numbers, by the first cell that is none.
///
/// # Errors
/// [`Error::Input`] naming file, row and column.
pub(crate) fn require_numbers(frame: &Frame, file: &Path, column: &str, cure: &str) -> Result<()> {
    if frame.is_number(column) {
        return Ok(());
    }
    let cells = frame.opt_texts(column)?;
    let bad = cells.iter().position(|cell| cell.as_ref().is_some_and(|cell| cell.trim().parse::<f64>().is_err()));
    let Some(row) = bad else { return Ok(()) };
    let what = format!("is '{}', which is no number", cells[row].clone().unwrap_or_default());
    Err(unreadable(file, row, column, &what, cure))
}

/// What is wrong with a cell of a user's table; rows are counted from 1, the header left out.
pub(crate) fn unreadable(file: &Path, row: usize, column: &str, what: &str, cure: &str) -> Error {
    Error::Input {
        problem: format!("{column} in row {} of {} {what}", row + 1, file.display()),
        place: Some(format!("{}, row {}, column {column}", file.display(), row + 1)),
        cure: cure.to_owned(),
    }
}

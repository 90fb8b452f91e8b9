//! The table of customers to its artefact: attributes in long form, each from when on it holds.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tenure_tables::engine::{Engine, Value};
use tenure_tables::query;
use tenure_tables::read::{self, CustomersOptions, CustomersRead, ReadOptions, Understood, Wanted};
use tenure_tables::store::FileWriter;

use crate::artifact::{self, FileFact, RunFolder};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::permission;
use crate::time::Instant;

/// The rows as read, until they are known not to contradict each other.
const ROWS: &str = "data/customer_rows.parquet";

/// What was read of the customers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customers {
    /// The file.
    pub name: String,
    /// BLAKE3 of its content, which is among the run's inputs too.
    pub blake3: String,
    /// Rows found.
    pub rows: u64,
    /// Customers with a value.
    pub customers: u64,
    /// Values, each of an attribute of a customer from an instant on.
    pub values: u64,
    /// The attributes, in the order of the file.
    pub attributes: Vec<Attribute>,
    /// Columns that are no features: what identifies or consents, and what the settings leave out.
    pub not_used: Vec<String>,
}

/// An attribute of the customers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Its name, which follows `attr_` in the features.
    pub name: String,
    /// What the file calls it.
    pub header: String,
    /// Whether it is declared never to change.
    pub never_changes: bool,
    /// Whether it is declared to be words.
    pub text: bool,
}

impl Customers {
    pub(super) fn sentence(&self) -> String {
        format!("{} customers with {} attributes", self.customers, self.attributes.len())
    }
}

/// The table of customers as it was read.
pub(super) struct Read {
    pub(super) input: FileFact,
    pub(super) facts: Customers,
    pub(super) warnings: Vec<String>,
}

/// Reads the table of customers into its artefact.
pub(super) fn read(config: &Config, options: &ReadOptions, engine: &Engine, run: &RunFolder) -> Result<Option<Read>> {
    if config.customers.file.is_empty() {
        return Ok(None);
    }
    let path = Path::new(&config.customers.file);
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let input = FileFact::of(path, name.clone())?;
    let rows = run.write(ROWS)?;
    let mut writer = FileWriter::create(&rows, read::customer_rows_schema())?;
    let read = read::read_customers(path, &settings(config, options), &mut |batch| writer.push(&batch))?;
    writer.finish()?;
    engine.register("customer_rows", &rows)?;
    refuse_addresses(engine, &name, &read)?;
    let table = run.write(artifact::CUSTOMERS)?;
    let values = write_values(engine, &name, &read, &table)?;
    std::fs::remove_file(&rows).map_err(Error::io(&rows))?;
    engine.register("customers", &table)?;
    let customers = engine.select("select count(distinct customer_id) as n from customers", &[])?.one_i64("n")?;

    let mut warnings = read.understood.notes.clone();
    let skipped = &read.understood.skipped_sheets;
    warnings.extend(skipped.iter().map(|s| format!("sheet {} of {name} was skipped: {}", s.name, s.reason)));
    if read.without_id > 0 {
        warnings.push(format!("{} rows of {name} name no customer and are passed over", read.without_id));
    }
    if read.cell_errors > 0 {
        warnings.push(format!("{} cells of {name} hold spreadsheet errors and count as empty", read.cell_errors));
    }
    if read.attributes.is_empty() {
        warnings.push(format!("{name} holds no attribute that could be a feature"));
    }
    let permissions = permission::keep(config, run)?;
    let not_used: Vec<String> = read.understood.tables.iter().flat_map(|table| table.unused.clone()).collect();
    if !not_used.is_empty() {
        let of_plans = match permissions.is_empty() {
            true => String::new(),
            false => format!("; {} bear on plans, which reach nobody who has not consented", permissions.join(", ")),
        };
        warnings.push(format!("no feature of {name}: {}{of_plans}", not_used.join(", ")));
    }
    let facts = Customers {
        name,
        blake3: input.blake3.clone(),
        rows: read.rows,
        customers: customers.unsigned_abs(),
        values,
        attributes: read
            .attributes
            .into_iter()
            .map(|a| Attribute { name: a.name, header: a.header, never_changes: a.never_changes, text: a.text })
            .collect(),
        not_used,
    };
    Ok(Some(Read { input, facts, warnings }))
}

/// Writes what is said of each attribute, once; gives the number of values. One attribute at a time, so that memory
/// does not grow with their number.
fn write_values(engine: &Engine, file: &str, read: &CustomersRead, table: &Path) -> Result<u64> {
    let name_of = |attribute: &str| [("attribute", Value::Text(attribute.to_owned()))];
    let mut names = Vec::new();
    for attribute in &read.attributes {
        let name = name_of(&attribute.name);
        refuse_conflicts(engine, file, attribute, &name)?;
        names.push(name);
    }
    if names.is_empty() {
        // No attribute has no name: an empty table with its columns.
        names.push(name_of(""));
    }
    let names: Vec<&[(&str, Value)]> = names.iter().map(|name| &name[..]).collect();
    Ok(engine.write_each(query::CUSTOMERS.sql, &names, table)?)
}

/// Columns of addresses are known by their names and left out; one that is known only by its values is the user's to
/// name, so that nobody's address enters the run by oversight.
fn refuse_addresses(engine: &Engine, file: &str, read: &CustomersRead) -> Result<()> {
    let found = engine.select(
        "select attribute from customer_rows where text is not null group by attribute
         having 2 * sum(case when text like '%_@_%' then 1 else 0 end) > count(*) order by attribute",
        &[],
    )?;
    let header = |name: String| read.attributes.iter().find(|a| a.name == name).map_or(name, |a| a.header.clone());
    let headers: Vec<String> = found.texts("attribute")?.into_iter().map(header).collect();
    let Some(first) = headers.first() else { return Ok(()) };
    Err(Error::Input {
        problem: format!(
            "{} of {file} holds addresses, which are no feature and stay out of a run",
            headers.join(", ")
        ),
        place: Some(format!("{file}, column {first}")),
        cure: format!("leave it out: under [customers], ignore = [\"{}\"]", headers.join("\", \"")),
    })
}

/// Says how the table of customers would be read, where there is one.
pub(super) fn preview(config: &Config, options: &ReadOptions) -> Result<Option<Understood>> {
    if config.customers.file.is_empty() {
        return Ok(None);
    }
    Ok(Some(read::understand_customers(Path::new(&config.customers.file), &settings(config, options))?))
}

/// The dialect is that of the transactions; columns and sheets are its own.
fn settings(config: &Config, options: &ReadOptions) -> CustomersOptions {
    let customers = &config.customers;
    CustomersOptions {
        wanted: Wanted::Attributes,
        read: ReadOptions { columns: customers.columns.clone(), sheets: Vec::new(), ..options.clone() },
        never_changes: customers.never_changes.clone(),
        ignore: customers.ignore.clone(),
        text: customers.text.clone(),
    }
}

/// Two values of one attribute for one customer at one instant: which of them holds cannot be told.
fn refuse_conflicts(engine: &Engine, file: &str, attribute: &read::Attribute, name: &[(&str, Value)]) -> Result<()> {
    let conflicts = engine.select(query::CUSTOMER_CONFLICTS.sql, name)?;
    let Some(more) = conflicts.n_rows().checked_sub(1) else { return Ok(()) };
    let text = |column: &str| -> Result<String> { Ok(conflicts.texts(column)?.swap_remove(0)) };
    let row = |column: &str| -> Result<i64> { Ok(conflicts.i64s(column)?[0]) };
    let (first, other) = (row("first_line")?, row("other_line")?);
    let (one, two) = (text("first_text")?, text("other_text")?);
    let (header, customer) = (&attribute.header, text("customer_id")?);
    let (said, cure) = if attribute.never_changes {
        let said = format!("'{header}' of customer '{customer}' never changes, it is said, but is");
        (said, "take it out of customers.never_changes and give a valid_from to every row, or keep one of the rows")
    } else {
        let at = Instant(text("from_us")?.parse().unwrap_or_default());
        (
            format!("from {at} on '{header}' of customer '{customer}' is"),
            "keep the row that holds, or give each its own valid_from",
        )
    };
    let more = if more == 0 { String::new() } else { format!(" ({more} more like this)") };
    Err(Error::Input {
        problem: format!("{said} '{one}' in row {first} and '{two}' in row {other}{more}"),
        place: Some(format!("{file}, rows {first} and {other}")),
        cure: cure.to_owned(),
    })
}

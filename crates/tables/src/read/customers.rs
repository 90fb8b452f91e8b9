//! The table of customers: attributes of each, that hold always or from an instant on, in long form.
//!
//! A value of today in a row without an instant would be put into the past of every snapshot. So an attribute without
//! `valid_from` must be declared never to change, or the file is refused. What identifies a customer, consents for it,
//! or says until when a row held (which is known only afterwards) is no attribute.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Float64Builder, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::columns::{self, CUSTOMER_ID, FIRST_ATTRIBUTE, Kind, Mapping, VALID_FROM};
use super::date::Instant;
use super::form::Form;
use super::number::{self, DecimalMark, Number};
use super::rows::{BATCH_ROWS, Cell, Reason, Row, Settled, Table, as_instant, as_text};
use super::{Prepared, ReadOptions, Understood, guarded, ids, prepare};
use crate::error::{Error, Result};

/// More than these are a mistake: most often a table turned on its side.
const MOST_ATTRIBUTES: usize = 200;
/// Folded headers that are never attributes: who a customer is, what it consents to, until when a row held.
const NO_ATTRIBUTES: [&str; 57] = [
    "email",
    "emailaddress",
    "mail",
    "emailhash",
    "phone",
    "phonenumber",
    "mobile",
    "mobilenumber",
    "mobilephone",
    "telephone",
    "externalid",
    "name",
    "fullname",
    "firstname",
    "lastname",
    "surname",
    "customername",
    "username",
    "address",
    "street",
    "dateofbirth",
    "consent",
    "emailconsent",
    "smsconsent",
    "phoneconsent",
    "marketingconsent",
    "consentdate",
    "emailmarketingconsent",
    "gdprconsent",
    "gdpr",
    "permission",
    "marketingpermission",
    "marketingoptin",
    "newsletteroptin",
    "acceptsmarketing",
    "acceptsemailmarketing",
    "emailmarketing",
    "emailsubscribed",
    "suppressed",
    "suppression",
    "issuppressed",
    "optin",
    "optout",
    "optedin",
    "optedout",
    "emailoptin",
    "emailoptout",
    "unsubscribed",
    "donotcontact",
    "validto",
    "validuntil",
    "effectiveto",
    "effectiveuntil",
    "iscurrent",
    "current",
    "currentflag",
    "iscurrentrow",
];

/// What is read of a table of customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wanted {
    /// What can be a feature.
    #[default]
    Attributes,
    /// The columns of these names, as [`folded`](super::folded) writes them, for another use than as features: they need
    /// no instant.
    Named(&'static [&'static str]),
    /// Who is in it, and nothing else.
    Ids,
}

/// How a table of customers is to be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomersOptions {
    /// What is read of it.
    pub wanted: Wanted,
    /// Dialect, and headers for `customer_id` and `valid_from`.
    pub read: ReadOptions,
    /// Attributes whose value of today was the value at all times.
    pub never_changes: Vec<String>,
    /// Headers that are not to be used.
    pub ignore: Vec<String>,
    /// Attributes that are words even where they look like numbers.
    pub text: Vec<String>,
}

/// An attribute of the customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Lower case, with `_` for what is neither letter nor digit.
    pub name: String,
    /// What the file calls it.
    pub header: String,
    /// Declared never to change.
    pub never_changes: bool,
    /// Whether it may stand without an instant all the same.
    pub undated: bool,
    /// Declared to be words even where they look like numbers.
    pub text: bool,
}

/// The account of a reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomersRead {
    /// How the file was read.
    pub understood: Understood,
    /// The attributes, in the order of the file.
    pub attributes: Vec<Attribute>,
    /// Rows found.
    pub rows: u64,
    /// Rows that name no customer: they are passed over.
    pub without_id: u64,
    /// Cells that hold a spreadsheet error: they count as empty.
    pub cell_errors: u64,
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("customer_id", DataType::Utf8, false),
        Field::new("attribute", DataType::Utf8, false),
        Field::new("valid_from", DataType::Timestamp(TimeUnit::Microsecond, None), true),
        Field::new("number", DataType::Float64, true),
        Field::new("text", DataType::Utf8, false),
        Field::new("line_no", DataType::Int64, false),
    ]))
});

/// The rows that [`read_customers`] gives: a value of an attribute of a customer, with the instant from which on it
/// holds (null: always), its text, the number it reads as (null: none; true is 1, false 0) and its row.
#[must_use]
pub fn customer_rows_schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// Finds customer, instant and attributes among the headers; refuses attributes that would leak.
pub(crate) fn map(file: &str, headers: &[String], options: &CustomersOptions) -> Result<Mapping> {
    let refuse = |problem: String, cure: String| Error::Read { file: file.to_owned(), place: None, problem, cure };
    if options.wanted == Wanted::Ids {
        return ids::map(file, headers, &options.read.columns);
    }
    let mut mapping = columns::map_customers(file, headers, &options.read.columns)?;
    let keys: Vec<usize> = mapping.header.iter().copied().flatten().collect();
    let (mut ignored, mut declared, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for (setting, names, found) in [
        ("ignore", &options.ignore, &mut ignored),
        ("never_changes", &options.never_changes, &mut declared),
        ("text", &options.text, &mut texts),
    ] {
        for name in names {
            let Some(at) = columns::position(headers, name) else {
                let near = columns::hint(&columns::nearest(headers, &[&columns::fold(name)]));
                return Err(refuse(
                    format!(
                        "customers.{setting} names '{name}', but the headers are {}{near}",
                        columns::listed(headers)
                    ),
                    format!("name a header of the file in customers.{setting}, or leave the name out"),
                ));
            };
            found.push(at);
        }
    }
    let is_attribute = |at: &usize| {
        let folded = columns::fold(&headers[*at]);
        let is_wanted = match options.wanted {
            Wanted::Attributes => !NO_ATTRIBUTES.contains(&folded.as_str()),
            Wanted::Named(names) => names.contains(&folded.as_str()),
            Wanted::Ids => false,
        };
        !headers[*at].is_empty() && !keys.contains(at) && !ignored.contains(at) && is_wanted
    };
    let named = declared.iter().map(|at| ("never_changes", at)).chain(texts.iter().map(|at| ("text", at)));
    if let Some((setting, at)) = named.into_iter().find(|(_, at)| !is_attribute(at)) {
        return Err(refuse(
            format!("customers.{setting} names '{}', which is no attribute", headers[*at]),
            "leave it out there: customer and valid_from, names, addresses and consents, and what customers.ignore \
             lists are never features"
                .to_owned(),
        ));
    }
    let attributes: Vec<usize> = (0..headers.len()).filter(is_attribute).collect();
    let undated: Vec<String> = match mapping.has(VALID_FROM) || options.wanted != Wanted::Attributes {
        true => Vec::new(),
        false => attributes.iter().filter(|at| !declared.contains(at)).map(|at| headers[*at].clone()).collect(),
    };
    if !undated.is_empty() {
        return Err(refuse(
            format!(
                "from when on the values of {} hold is not said: as features they would put the values of today into \
                 the past",
                columns::listed(&undated)
            ),
            format!(
                "add a column valid_from with the instant from which each row holds; or, for what never changes, list \
                 it in tenure.toml: [customers] never_changes = [\"{}\"]; or leave it out with ignore = [...]",
                undated[0]
            ),
        ));
    }
    if attributes.len() > MOST_ATTRIBUTES {
        return Err(refuse(
            format!("there are {} attributes, more than {MOST_ATTRIBUTES}", attributes.len()),
            "leave columns out of the export, or list them in customers.ignore".to_owned(),
        ));
    }
    for at in attributes {
        let name = sanitised(&headers[at]);
        let taken = mapping
            .attributes
            .iter()
            .position(|other| *other == name || *other == format!("{name}_share") || name == format!("{other}_share"));
        if name.is_empty() || taken.is_some() {
            let other =
                taken.and_then(|i| mapping.header[FIRST_ATTRIBUTE + i]).map(|i| format!(" and '{}'", headers[i]));
            return Err(refuse(
                format!("'{}'{} give no feature a name of its own", headers[at], other.unwrap_or_default()),
                "rename the column, with letters and digits, or list it in customers.ignore".to_owned(),
            ));
        }
        mapping.header.push(Some(at));
        mapping.attributes.push(name);
    }
    Ok(mapping)
}

fn sanitised(header: &str) -> String {
    let words: Vec<&str> =
        header.split(|c: char| !(c.is_alphabetic() || c.is_ascii_digit())).filter(|word| !word.is_empty()).collect();
    words.join("_").to_lowercase()
}

/// Says how a table of customers would be read, or why it cannot be.
///
/// # Errors
/// As [`read_customers`], save what only the rows show.
pub fn understand_customers(path: &Path, options: &CustomersOptions) -> Result<Understood> {
    Ok(prepare(path, &options.read, Form::Customers(options))?.understood)
}

/// Reads a table of customers: batches of [`customer_rows_schema`] go to `sink` in the file's order.
///
/// # Errors
/// [`Error::Read`] with file, row, column and cure for whatever is not a customer, an instant and values; what `sink`
/// answers with.
pub fn read_customers(
    path: &Path,
    options: &CustomersOptions,
    sink: &mut dyn FnMut(RecordBatch) -> Result<()>,
) -> Result<CustomersRead> {
    let mut prepared = prepare(path, &options.read, Form::Customers(options))?;
    let file = prepared.understood.file.clone();
    let table = only_table(&prepared)?;
    let settled = prepared.settled.remove(0);
    let attributes = attributes(&table, options);
    let mut long = Long::new(&table, &file, &settled, &attributes);
    let notes = guarded(&file, || {
        prepared.walk.walk(0, &mut |row: &Row<'_>| {
            long.push(row, sink)?;
            Ok(true)
        })
    })?;
    long.flush(sink)?;
    let (rows, without_id, cell_errors) = (long.rows, long.without_id, long.cell_errors);
    let mut understood = prepared.understood;
    understood.notes.extend(notes);
    understood.notes.sort();
    understood.notes.dedup();
    Ok(CustomersRead { understood, attributes, rows, without_id, cell_errors })
}

/// The one table of a file; several sheets that could be it are refused.
pub(super) fn only_table(prepared: &Prepared) -> Result<Table> {
    if let [table] = prepared.walk.tables() {
        return Ok(table.clone());
    }
    let sheets: Vec<String> = prepared.walk.tables().iter().filter_map(|table| table.sheet.clone()).collect();
    Err(Error::Read {
        file: prepared.understood.file.clone(),
        place: None,
        problem: format!("several sheets could be the table of customers: {}", columns::listed(&sheets)),
        cure: "keep one of them, or export the one that is meant as CSV".to_owned(),
    })
}

fn attributes(table: &Table, options: &CustomersOptions) -> Vec<Attribute> {
    let among = |names: &[String], header: usize| {
        names.iter().any(|name| columns::position(&table.headers, name) == Some(header))
    };
    let of = |(at, header): (usize, usize)| Attribute {
        name: table.mapping.name(at).to_owned(),
        header: table.headers[header].clone(),
        never_changes: among(&options.never_changes, header),
        undated: options.wanted != Wanted::Attributes,
        text: among(&options.text, header),
    };
    table.mapping.pairs().filter(|(at, _)| *at >= FIRST_ATTRIBUTE).map(of).collect()
}

/// Turns rows into long form.
struct Long<'t> {
    table: &'t Table,
    file: &'t str,
    settled: &'t Settled,
    attributes: &'t [Attribute],
    customers: StringBuilder,
    names: StringBuilder,
    instants: TimestampMicrosecondBuilder,
    numbers: Float64Builder,
    texts: StringBuilder,
    lines: Int64Builder,
    held: usize,
    rows: u64,
    without_id: u64,
    cell_errors: u64,
}

impl<'t> Long<'t> {
    fn new(table: &'t Table, file: &'t str, settled: &'t Settled, attributes: &'t [Attribute]) -> Self {
        Self {
            table,
            file,
            settled,
            attributes,
            customers: StringBuilder::new(),
            names: StringBuilder::new(),
            instants: TimestampMicrosecondBuilder::new(),
            numbers: Float64Builder::new(),
            texts: StringBuilder::new(),
            lines: Int64Builder::new(),
            held: 0,
            rows: 0,
            without_id: 0,
            cell_errors: 0,
        }
    }

    fn push(&mut self, row: &Row<'_>, sink: &mut dyn FnMut(RecordBatch) -> Result<()>) -> Result<()> {
        self.rows += 1;
        if let Some(fault) = row.fault {
            return Err(self.refuse(format!("row {}", row.line), fault));
        }
        let at_fault = |column: usize| self.table.place(row.line, column);
        let customer =
            as_text(Kind::Id, row.cells[CUSTOMER_ID]).map_err(|reason| self.refuse(at_fault(CUSTOMER_ID), reason))?;
        let Some(customer) = customer else {
            self.without_id += 1;
            return Ok(());
        };
        let valid_from = match self.valid_from(row.cells[VALID_FROM]) {
            Ok(instant) => instant,
            Err(reason) => return Err(self.refuse(at_fault(VALID_FROM), reason)),
        };
        for (i, attribute) in self.attributes.iter().enumerate() {
            let at = FIRST_ATTRIBUTE + i;
            let cell = row.cells[at];
            if matches!(cell, Cell::Error(_)) {
                self.cell_errors += 1;
                continue;
            }
            let refuse = |reason| self.refuse(self.table.place(row.line, at), reason);
            let Some(text) = as_text(Kind::Attribute, cell).map_err(refuse)? else { continue };
            let instant = if attribute.never_changes { None } else { valid_from };
            if !attribute.never_changes && !attribute.undated && instant.is_none() {
                return Err(Error::Read {
                    file: self.file.to_owned(),
                    place: Some(self.table.place(row.line, VALID_FROM)),
                    problem: format!("from when on '{}' is '{}' is not said", attribute.header, short(&text)),
                    cure: "fill in valid_from in this row, or leave the row out".to_owned(),
                });
            }
            let number = as_number(cell, &text, self.settled.mark[at]).map_err(refuse)?;
            self.customers.append_value(&customer);
            self.names.append_value(&attribute.name);
            self.instants.append_option(instant);
            self.numbers.append_option(number);
            self.texts.append_value(&text);
            self.lines.append_value(row.line);
            self.held += 1;
        }
        if self.held >= BATCH_ROWS { self.flush(sink) } else { Ok(()) }
    }

    fn valid_from(&self, cell: Cell<'_>) -> std::result::Result<Option<i64>, Reason> {
        match as_instant(cell, self.settled.order[VALID_FROM], self.table.serials_from_1904) {
            Instant::Is(at) => Ok(Some(at)),
            Instant::Missing => Ok(None),
            // The survey has settled the order, or refused the file.
            Instant::Bad | Instant::Either { .. } => Err(Reason::BadDate),
        }
    }

    fn refuse(&self, place: String, reason: Reason) -> Error {
        refuse(self.file, place, reason)
    }

    fn flush(&mut self, sink: &mut dyn FnMut(RecordBatch) -> Result<()>) -> Result<()> {
        self.held = 0;
        let batch = RecordBatch::try_new(
            customer_rows_schema(),
            vec![
                Arc::new(self.customers.finish()),
                Arc::new(self.names.finish()),
                Arc::new(self.instants.finish()),
                Arc::new(self.numbers.finish()),
                Arc::new(self.texts.finish()),
                Arc::new(self.lines.finish()),
            ],
        )
        .map_err(|e| Error::engine("assembling customers")(e.into()))?;
        sink(batch)
    }
}

/// What is wrong with a row or a cell of a table of customers.
pub(super) fn refuse(file: &str, place: String, reason: Reason) -> Error {
    let problem = match reason {
        Reason::ShortRow => "the row has fewer fields than the header",
        Reason::LongRow => "the row has more fields than the header",
        Reason::BadQuoting => "text stands after a closing quote",
        Reason::BadEncoding => "bytes are no text in the file's encoding",
        Reason::HugeCell => "a cell is larger than 1 MB",
        Reason::CellError => "a spreadsheet error stands where a customer is needed",
        Reason::BadId => "this is no id of a customer: a text or a whole number is needed",
        Reason::MissingDate | Reason::BadDate => {
            "this is not a date of 1900-2200 in the column's order of day and month"
        }
        Reason::BadNumber | Reason::NotFinite | Reason::OutOfRange => "this is no finite number below 1e14",
    };
    Error::Read {
        file: file.to_owned(),
        place: Some(place),
        problem: problem.to_owned(),
        cure: "mend the row, or leave it out of the file".to_owned(),
    }
}

/// The number that a value reads as; none where it is a text.
fn as_number(cell: Cell<'_>, text: &str, mark: Option<DecimalMark>) -> std::result::Result<Option<f64>, Reason> {
    let truth = |word: &str| text.eq_ignore_ascii_case(word);
    let number = match cell {
        Cell::Bool(value) => return Ok(Some(f64::from(u8::from(value)))),
        #[allow(clippy::cast_precision_loss)] // beyond 2^53 it is an id and no number, see below
        Cell::Int(value) => number::within(value as f64),
        Cell::Float(value) if value.is_finite() => number::within(value),
        Cell::Float(_) => return Err(Reason::NotFinite),
        Cell::Text(_) if ["true", "yes", "y"].into_iter().any(truth) => Number::Is(1.0),
        Cell::Text(_) if ["false", "no", "n"].into_iter().any(truth) => Number::Is(0.0),
        // 00123 is a code.
        Cell::Text(_) if text.len() > 1 && text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()) => {
            Number::Bad
        }
        Cell::Text(_) => number::parse(text, mark),
        _ => Number::Bad,
    };
    Ok(match number {
        Number::Is(value) => Some(value),
        // What is too large to be computed with is a text like any other.
        _ => None,
    })
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    fn options(never_changes: &[&str], ignore: &[&str]) -> CustomersOptions {
        CustomersOptions {
            never_changes: headers(never_changes),
            ignore: headers(ignore),
            ..CustomersOptions::default()
        }
    }

    fn refusal(names: &[&str], never_changes: &[&str], ignore: &[&str]) -> String {
        let error = map("c.csv", &headers(names), &options(never_changes, ignore)).unwrap_err();
        format!("{error} | {}", error.cure().unwrap())
    }

    #[test]
    fn attributes_are_what_neither_identifies_nor_consents_nor_ends() {
        let names = ["Customer ID", "valid_from", "E-Mail", "Visits (web)", "consent", "valid_to", "Region", ""];
        let mapping = map("c.csv", &headers(&names), &options(&["region"], &[])).unwrap();
        assert_eq!(mapping.attributes, ["visits_web", "region"]);
        assert_eq!(mapping.name(FIRST_ATTRIBUTE + 1), "region");
        let pairs: Vec<(usize, usize)> = mapping.pairs().collect();
        assert_eq!(pairs, [(CUSTOMER_ID, 0), (VALID_FROM, 1), (FIRST_ATTRIBUTE, 3), (FIRST_ATTRIBUTE + 1, 6)]);
        let fewer = map("c.csv", &headers(&names), &options(&[], &["Visits (web)"])).unwrap();
        assert_eq!(fewer.attributes, ["region"]);
    }

    #[test]
    fn what_would_leak_is_refused_with_both_cures() {
        let text = refusal(&["customer", "region", "visits"], &["region"], &[]);
        assert!(text.contains("'visits'") && !text.contains("'region'"), "{text}");
        assert!(text.contains("the values of today into the past"), "{text}");
        assert!(text.contains("add a column valid_from") && text.contains("never_changes = [\"visits\"]"), "{text}");
        map("c.csv", &headers(&["customer", "region", "visits"]), &options(&["region"], &["visits"])).unwrap();
    }

    #[test]
    fn slips_in_the_settings_and_clashes_of_names_are_told() {
        assert!(refusal(&["customer", "region"], &["regoin"], &[]).contains("(nearest: 'region')"));
        assert!(refusal(&["customer", "region"], &[], &["visits"]).contains("customers.ignore names 'visits'"));
        assert!(refusal(&["customer", "email"], &["email"], &[]).contains("which is no attribute"));
        assert!(refusal(&["client number", "a"], &["a"], &[]).contains("[customers.columns] customer_id"));
        let dated = |a: &'static str, b: &'static str| refusal(&["customer", "valid_from", a, b], &[], &[]);
        assert!(dated("a b", "A.B").contains("'A.B' and 'a b'"));
        assert!(dated("x", "x_share").contains("no feature a name of its own"));
        assert!(refusal(&["customer", "valid_from", "%"], &[], &[]).contains("'%'"));
    }

    #[test]
    fn numbers_truth_values_and_codes_are_told_apart() {
        let number = |text: &str| as_number(Cell::Text(text), text, None).unwrap();
        for (text, wanted) in [
            ("12", Some(12.0)),
            ("-1.5", Some(-1.5)),
            ("0", Some(0.0)),
            ("Yes", Some(1.0)),
            ("FALSE", Some(0.0)),
            ("00123", None),
            ("UK", None),
            ("NA", None),
            ("123456789012345678", None),
        ] {
            assert_eq!(number(text), wanted, "{text}");
        }
        assert_eq!(as_number(Cell::Bool(true), "TRUE", None).unwrap(), Some(1.0));
        assert_eq!(as_number(Cell::Float(f64::INFINITY), "inf", None), Err(Reason::NotFinite));
    }
}

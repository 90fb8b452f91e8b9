//! Tables of customers in every format and of every fault.

use std::io::Write as _;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};

use super::workbook::{row, workbook};
use super::{date, file};
use crate::error::Result;
use crate::read::{CustomersOptions, CustomersRead, DateOrder, read_customers};
use crate::store::{Column, write_columns};

fn options(never_changes: &[&str]) -> CustomersOptions {
    CustomersOptions {
        never_changes: never_changes.iter().map(|name| (*name).to_owned()).collect(),
        ..CustomersOptions::default()
    }
}

/// The values as `row customer attribute instant number text`.
fn gave(name: &str, bytes: &[u8], options: &CustomersOptions) -> Result<(Vec<String>, CustomersRead)> {
    let (_folder, path) = file(name, bytes);
    let mut values = Vec::new();
    let read = read_customers(&path, options, &mut |batch| {
        let text = |column: usize, row: usize| batch.column(column).as_string::<i32>().value(row).to_owned();
        for i in 0..batch.num_rows() {
            let instants = batch.column(2).as_primitive::<TimestampMicrosecondType>();
            let numbers = batch.column(3).as_primitive::<Float64Type>();
            let lines = batch.column(5).as_primitive::<Int64Type>();
            let instant = if instants.is_valid(i) { date::show(instants.value(i)) } else { "-".to_owned() };
            let number = if numbers.is_valid(i) { numbers.value(i).to_string() } else { "-".to_owned() };
            values.push(format!("{} {} {} {instant} {number} {}", lines.value(i), text(0, i), text(1, i), text(4, i)));
        }
        Ok(())
    })?;
    Ok((values, read))
}

fn refusal(text: &str, options: &CustomersOptions) -> String {
    let error = gave("c.csv", text.as_bytes(), options).unwrap_err();
    format!("{error} | {}", error.cure().unwrap())
}

#[test]
fn csv_in_another_dialect_compressed_or_not() {
    let text = "Kunde;gültig;Besuche;E-Mail;Stadt\r\n 00123 ;31.12.2010;1,5;a@b;Köln\r\n\r\n7;1.2.2011;2,25;;\r\n;1.2.2011;3;;x\r\n";
    let mut options = options(&["Stadt"]);
    options.read.columns =
        [("customer_id", "kunde"), ("valid_from", "gültig")].map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    let expected = ["2 00123 besuche 2010-12-31 1.5 1,5", "2 00123 stadt - - Köln", "4 7 besuche 2011-02-01 2.25 2,25"];
    let (values, read) = gave("c.csv", text.as_bytes(), &options).unwrap();
    assert_eq!(values, expected);
    assert_eq!((read.rows, read.without_id, read.cell_errors), (3, 1, 0));
    assert_eq!(read.understood.tables[0].unused, ["E-Mail"]);
    assert!(read.attributes[1].never_changes && !read.attributes[0].never_changes);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    assert_eq!(gave("c.csv.gz", &gzip.finish().unwrap(), &options).unwrap().0, expected);
    let (windows, _, _) = encoding_rs::WINDOWS_1252.encode(text);
    options.read.columns.insert("valid_from".to_owned(), "gültig".to_owned());
    assert_eq!(gave("c.csv", &windows, &options).unwrap().0, expected);
}

#[test]
fn a_workbook_below_a_title_beside_a_sheet_of_something_else() {
    let sheet = [
        row(1, &["s:Our customers"]),
        row(3, &["s:customer", "s:valid_from", "s:visits", "s:vip", "s:plan"]),
        row(4, &["n:12346", "d:40544", "n:3", "b:1", "s:gold"]),
        row(5, &["s:00123", "d:40545.5", "n:2.5", "e:#N/A", "n:7"]),
    ]
    .concat();
    let legend = [row(1, &["s:plan", "s:meaning"]), row(2, &["s:gold", "s:pays"])].concat();
    let (values, read) =
        gave("c.xlsx", &workbook(&[("Legend", &legend), ("Customers", &sheet)]), &options(&[])).unwrap();
    assert_eq!(
        values,
        [
            "4 12346 visits 2011-01-01 3 3",
            "4 12346 vip 2011-01-01 1 TRUE",
            "4 12346 plan 2011-01-01 - gold",
            "5 00123 visits 2011-01-02 12:00:00 2.5 2.5",
            "5 00123 plan 2011-01-02 12:00:00 7 7",
        ]
    );
    assert_eq!(read.cell_errors, 1);
    let twice = workbook(&[("A", &sheet), ("B", &sheet)]);
    let error = gave("c.xlsx", &twice, &options(&[])).unwrap_err();
    assert!(error.to_string().contains("'A', 'B'"), "{error}");
}

#[test]
fn parquet_with_types() {
    let (_folder, path) = file("c.parquet", b"");
    write_columns(
        &path,
        &[
            ("customer_id", Column::I64(vec![12346, 12347])),
            ("valid_from", Column::Instant(vec![1_293_840_000_000_000, 1_293_840_001_000_000])),
            ("visits", Column::OptF64(vec![Some(4.0), None])),
            ("vip", Column::Bool(vec![true, false])),
        ],
    )
    .unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let (values, _) = gave("c.parquet", &bytes, &options(&[])).unwrap();
    assert_eq!(
        values,
        ["1 12346 visits 2011-01-01 4 4", "1 12346 vip 2011-01-01 1 TRUE", "2 12347 vip 2011-01-01 00:00:01 0 FALSE",]
    );
}

#[test]
fn faults_name_file_row_column_and_cure() {
    for (text, says) in [
        ("customer,valid_from,x\na,2011-01-01,1\nb,,2\n", "row 3, column 'valid_from': from when on 'x' is '2' is not"),
        ("customer,valid_from,x\na,2011-01-01,1\nb,yesterday,2\n", "row 3, column 'valid_from': this is not a date"),
        ("customer,valid_from,x\na,2011-01-01,1\nb,2011-01-01\n", "row 3: the row has fewer fields"),
        ("customer,valid_from,x\na,01/02/2011,1\n", "--date-order dmy"),
        ("customer,valid_from,x\na,2011-01-01,\"1,234\"\n", "[data] decimal_comma"),
        ("customer,valid_from,x\n", "one row per customer"),
        ("client number,valid_from,x\na,2011-01-01,1\n", "[customers.columns] customer_id"),
        ("customer,x\na,1\n", "never_changes = [\"x\"]"),
    ] {
        let found = refusal(text, &options(&[]));
        assert!(found.starts_with("c.csv") && found.contains(says), "{found}");
    }
    let mut told = options(&[]);
    told.read.date_order = DateOrder::Dmy;
    let (values, _) = gave("c.csv", b"customer,valid_from,x\na,01/02/2011,1\n", &told).unwrap();
    assert_eq!(values, ["2 a x 2011-02-01 1 1"]);
}

/// Beside words, what could be read two ways is a word like the others and asks nothing of the user.
#[test]
fn an_open_decimal_mark_matters_only_among_numbers() {
    let text = b"customer,valid_from,x\na,2011-01-01,\"1,234\"\nb,2011-01-01,lots\nc,2011-01-01,5\n";
    let (values, _) = gave("c.csv", text, &options(&[])).unwrap();
    assert_eq!(values, ["2 a x 2011-01-01 - 1,234", "3 b x 2011-01-01 - lots", "4 c x 2011-01-01 5 5"]);
}

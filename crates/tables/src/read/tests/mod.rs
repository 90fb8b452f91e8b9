//! Tests of the readers: small files made on the spot, and the real ones where `TENURE_DATA` names them.
#![allow(clippy::unwrap_used, clippy::float_cmp, clippy::print_stderr, clippy::disallowed_methods)]

mod columnar;
mod corpus;
mod customers;
mod delimited;
pub(crate) mod workbook;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};

use super::{Outcome, ReadOptions, Reject, date, read, transactions_schema};
use crate::error::{Error, Result};

/// What a reading gave: rows as texts, rejects, and the account.
pub(crate) struct Gave {
    pub(crate) rows: Vec<BTreeMap<String, String>>,
    pub(crate) rejects: Vec<Reject>,
    pub(crate) outcome: Outcome,
}

impl Gave {
    /// A column's values; null is "-".
    pub(crate) fn column(&self, name: &str) -> Vec<&str> {
        self.rows.iter().map(|row| row.get(name).map_or("-", String::as_str)).collect()
    }
}

/// A file in its own folder, which lives as long as the first value.
pub(crate) fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

pub(crate) fn gave(path: &Path, options: &ReadOptions) -> Result<Gave> {
    let (mut rows, mut rejects) = (Vec::new(), Vec::new());
    let outcome = read(
        path,
        options,
        &mut |batch| {
            assert_eq!(batch.schema(), transactions_schema());
            for row in 0..batch.num_rows() {
                rows.push(show(&batch, row));
            }
            Ok(())
        },
        &mut |reject| {
            rejects.push(reject);
            Ok(())
        },
    )?;
    assert_eq!(outcome.rows_in(), outcome.rows_out() + outcome.rejected(), "the account must balance");
    assert_eq!((outcome.rows_out(), outcome.rejected()), (rows.len() as u64, rejects.len() as u64));
    Ok(Gave { rows, rejects, outcome })
}

fn show(batch: &RecordBatch, row: usize) -> BTreeMap<String, String> {
    let mut shown = BTreeMap::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if column.is_null(row) {
            continue;
        }
        let text = match field.data_type() {
            DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
            DataType::Float64 => column.as_primitive::<Float64Type>().value(row).to_string(),
            DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
            _ => date::show(column.as_primitive::<TimestampMicrosecondType>().value(row)),
        };
        shown.insert(field.name().clone(), text);
    }
    shown
}

pub(crate) fn csv(text: &[u8]) -> Result<Gave> {
    let (_folder, path) = file("log.csv", text);
    gave(&path, &ReadOptions::default())
}

fn csv_with(text: &[u8], options: &ReadOptions) -> Result<Gave> {
    let (_folder, path) = file("log.csv", text);
    gave(&path, options)
}

/// "file, place: problem | cure".
pub(crate) fn refusal(found: Result<Gave>) -> String {
    match found {
        Ok(gave) => panic!("was read: {:?}", gave.rows),
        Err(error @ Error::Read { .. }) => format!("{error} | {}", error.cure().unwrap()),
        Err(other) => panic!("{other:?}"),
    }
}

/// Rows, rows without customer, sum of quantities, sum of prices in thousandths, sum of seconds.
fn totals(path: &Path) -> (u64, u64, f64, f64, i128) {
    let mut totals = (0, 0, 0.0, 0.0, 0);
    read(
        path,
        &ReadOptions::default(),
        &mut |batch| {
            totals.0 += batch.num_rows() as u64;
            totals.1 += batch.column(0).null_count() as u64;
            totals.2 += batch.column(4).as_primitive::<Float64Type>().values().iter().sum::<f64>();
            let prices = batch.column(5).as_primitive::<Float64Type>();
            totals.3 += prices.values().iter().map(|price| (price * 1_000.0).round()).sum::<f64>();
            let times = batch.column(7).as_primitive::<TimestampMicrosecondType>();
            totals.4 += times.values().iter().map(|at| i128::from(*at)).sum::<i128>();
            Ok(())
        },
        &mut |reject| panic!("{reject:?}"),
    )
    .unwrap();
    totals
}

#[test]
fn online_retail_is_the_same_in_three_formats() {
    let Some(data) = std::env::var_os("TENURE_DATA").filter(|data| !data.is_empty()).map(PathBuf::from) else {
        eprintln!("skipped: TENURE_DATA is not set");
        return;
    };
    let csv = totals(&data.join("online_retail_ii.csv.gz"));
    assert_eq!((csv.0, csv.1), (1_067_371, 243_007));
    assert_eq!(csv, totals(&data.join("online_retail_ii.parquet")));
    assert_eq!(csv, totals(&data.join("online_retail_II.xlsx")));
}

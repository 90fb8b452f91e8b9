//! A list of customers: who is in it, and nothing else.

use std::collections::BTreeMap;
use std::path::Path;

use super::columns::{self, CUSTOMER_ID, Kind, Mapping, VALID_FROM};
use super::customers::{CustomersOptions, Wanted, only_table, refuse};
use super::form::Form;
use super::rows::{Row, as_text};
use super::{ReadOptions, guarded, prepare};
use crate::error::Result;

/// What the column of a list may be called where it has none of the names of a customer's column.
const ID: &str = "id";

/// The customers that a table names, in its order and as it writes them; rows that name nobody are passed over. The first
/// row is the header; the column goes by the names of a customer's column in any table, or by `id`.
///
/// # Errors
/// [`Error::Read`](crate::error::Error::Read) where no column names customers, or a row cannot be read.
pub fn read_ids(path: &Path, options: &ReadOptions) -> Result<Vec<String>> {
    let options = CustomersOptions { wanted: Wanted::Ids, read: options.clone(), ..CustomersOptions::default() };
    let mut prepared = prepare(path, &options.read, Form::Customers(&options))?;
    let file = prepared.understood.file.clone();
    let table = only_table(&prepared)?;
    let mut ids = Vec::new();
    guarded(&file, || {
        prepared.walk.walk(0, &mut |row: &Row<'_>| {
            if let Some(fault) = row.fault {
                return Err(refuse(&file, format!("row {}", row.line), fault));
            }
            let id = as_text(Kind::Id, row.cells[CUSTOMER_ID])
                .map_err(|reason| refuse(&file, table.place(row.line, CUSTOMER_ID), reason))?;
            ids.extend(id.map(std::borrow::Cow::into_owned));
            Ok(true)
        })
    })?;
    Ok(ids)
}

/// Finds the customer among the headers; whatever else the list holds is not looked at.
pub(super) fn map(file: &str, headers: &[String], wanted: &BTreeMap<String, String>) -> Result<Mapping> {
    let mut wanted = wanted.clone();
    let is_known = columns::recognised([&columns::CANONICAL[CUSTOMER_ID]], headers, &wanted) > 0;
    if let Some(id) = headers.iter().find(|header| columns::fold(header) == ID).filter(|_| !is_known) {
        wanted.insert(columns::CANONICAL[CUSTOMER_ID].name.to_owned(), id.clone());
    }
    let mut mapping = columns::map_customers(file, headers, &wanted)?;
    mapping.header[VALID_FROM] = None;
    Ok(mapping)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ids(list: &str) -> Result<Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list.txt");
        std::fs::write(&path, list).unwrap();
        read_ids(&path, &ReadOptions::default())
    }

    #[test]
    fn a_list_is_read_in_any_dialect_and_ids_stay_text() {
        for list in [
            "customer_id\n00123\n15749\n",
            "\u{feff}reason;Customer ID;updated_at\nasked;00123;whenever\nasked;15749;\n",
            "name\tID\n\"A, B\"\t 00123 \n\t\nC\t15749\n",
        ] {
            assert_eq!(ids(list).unwrap(), ["00123", "15749"], "{list:?}");
        }
        // Where a column is plainly the customer's, another one called id is not.
        assert_eq!(ids("id,customer\n1,00123\n").unwrap(), ["00123"]);
        assert_eq!(ids("customer_id\n").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_list_without_a_header_of_customers_is_refused() {
        for list in ["name,e-mail\nA,a@b.c\n", "15749\n00123\n"] {
            let refused = ids(list).unwrap_err().to_string();
            assert!(refused.contains("customer_id"), "{refused}");
        }
    }
}

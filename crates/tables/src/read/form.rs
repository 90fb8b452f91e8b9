//! What a file is read as: the columns that are looked for, and what is asked of its rows.

use std::collections::BTreeMap;

use super::columns::{self, CANONICAL, CUSTOMER_ID, Canonical, Mapping, VALID_FROM_COLUMN};
use super::customers::{self, CustomersOptions, Wanted};
use crate::error::Result;

/// The table that a file holds.
#[derive(Clone, Copy)]
pub(crate) enum Form<'o> {
    /// A row is a line of an order, or an order.
    Transactions,
    /// A row is what holds of a customer, always or from an instant on.
    Customers(&'o CustomersOptions),
}

impl Form<'_> {
    pub(crate) fn is_transactions(self) -> bool {
        matches!(self, Self::Transactions)
    }

    /// Whether a header without rows says something: a list of which nobody is yet.
    pub(crate) fn may_be_empty(self) -> bool {
        matches!(self, Self::Customers(options) if options.wanted == Wanted::Ids)
    }

    /// The columns that are looked for by name.
    pub(crate) fn columns(self) -> impl Iterator<Item = &'static Canonical> {
        let (transactions, customers) = match self {
            Self::Transactions => (&CANONICAL[..], None),
            Self::Customers(_) => (&CANONICAL[CUSTOMER_ID..=CUSTOMER_ID], Some(&VALID_FROM_COLUMN)),
        };
        transactions.iter().chain(customers)
    }

    /// How many of the columns a row of headers would serve.
    pub(crate) fn recognised(self, headers: &[String], wanted: &BTreeMap<String, String>) -> usize {
        columns::recognised(self.columns(), headers, wanted)
    }

    /// Finds the columns among a table's headers, or says which is missing.
    pub(crate) fn map(self, file: &str, headers: &[String], wanted: &BTreeMap<String, String>) -> Result<Mapping> {
        match self {
            Self::Transactions => columns::map(file, headers, wanted),
            Self::Customers(options) => customers::map(file, headers, options),
        }
    }

    /// What to give in the place of a file without rows.
    pub(crate) fn wanted(self) -> String {
        let row = match self {
            Self::Transactions => "one line per purchase",
            Self::Customers(_) => "one row per customer",
        };
        format!("give a file with a header and {row}")
    }
}

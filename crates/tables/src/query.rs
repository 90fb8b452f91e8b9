//! The queries: SQL in files, each with its contract (a sentence on the grain, and every column) beside it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{Error, Result};

/// A query and its contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// The name: that of its file.
    pub name: &'static str,
    /// The text, with `$name` placeholders.
    pub sql: &'static str,
    /// The contract as TOML: `grain`, `inputs`, `[columns]`.
    pub contract: &'static str,
}

/// What a query promises.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Contract {
    /// One sentence: what one row is.
    pub grain: String,
    /// The tables that must be registered under these names.
    pub inputs: Vec<String>,
    /// The columns, with their meaning.
    pub columns: BTreeMap<String, toml::Value>,
}

impl Query {
    /// The parsed contract.
    ///
    /// # Errors
    /// [`Error::Contract`] when the contract's text is no valid contract.
    pub fn contract(&self) -> Result<Contract> {
        toml::from_str(self.contract)
            .map_err(|e| Error::Contract { table: self.name.to_owned(), problem: e.to_string() })
    }
}

const fn query(name: &'static str, sql: &'static str, contract: &'static str) -> Query {
    Query { name, sql, contract }
}

/// Shape of the order ids: are there cancellations by prefix?
pub const ORDER_ID_SHAPE: Query = query(
    "order_id_shape",
    include_str!("../sql/staging/order_id_shape.sql"),
    include_str!("../sql/staging/order_id_shape.toml"),
);
/// Line amounts by month and logarithmic bin.
pub const AMOUNT_HISTOGRAM: Query = query(
    "amount_histogram",
    include_str!("../sql/staging/amount_histogram.sql"),
    include_str!("../sql/staging/amount_histogram.toml"),
);
/// Every line of the source, kept or set aside with a reason.
pub const CLEANED: Query =
    query("cleaned", include_str!("../sql/staging/cleaned.sql"), include_str!("../sql/staging/cleaned.toml"));
/// What was said of one attribute of the customers, once.
pub const CUSTOMERS: Query =
    query("customers", include_str!("../sql/staging/customers.sql"), include_str!("../sql/staging/customers.toml"));
/// Where a file says two things of one attribute at once.
pub const CUSTOMER_CONFLICTS: Query = query(
    "customer_conflicts",
    include_str!("../sql/staging/customer_conflicts.sql"),
    include_str!("../sql/staging/customer_conflicts.toml"),
);
/// Whether each attribute's values are numbers.
pub const ATTRIBUTE_KINDS: Query = query(
    "attribute_kinds",
    include_str!("../sql/intermediate/attribute_kinds.sql"),
    include_str!("../sql/intermediate/attribute_kinds.toml"),
);
/// What happened to each order and when it was known.
pub const ORDER_EVENTS: Query = query(
    "order_events",
    include_str!("../sql/intermediate/order_events.sql"),
    include_str!("../sql/intermediate/order_events.toml"),
);
/// Features of every customer at every snapshot.
pub const FEATURES: Query =
    query("features", include_str!("../sql/marts/features.sql"), include_str!("../sql/marts/features.toml"));
/// Attributes of every customer at every snapshot.
pub const ATTRIBUTES: Query =
    query("attributes", include_str!("../sql/marts/attributes.sql"), include_str!("../sql/marts/attributes.toml"));
/// How many customers of the table are buyers, and how many buyers are in it.
pub const CUSTOMER_MATCH: Query = query(
    "customer_match",
    include_str!("../sql/marts/customer_match.sql"),
    include_str!("../sql/marts/customer_match.toml"),
);
/// Outcomes of every customer in every closed window.
pub const LABELS: Query =
    query("labels", include_str!("../sql/marts/labels.sql"), include_str!("../sql/marts/labels.toml"));
/// Buyers and spend of the portfolio in given windows.
pub const PORTFOLIO: Query =
    query("portfolio", include_str!("../sql/marts/portfolio.sql"), include_str!("../sql/marts/portfolio.toml"));
/// What customers looked like when a hold-out began, and on how many days they bought in it.
pub const HOLD_OUT: Query =
    query("hold_out", include_str!("../sql/marts/hold_out.sql"), include_str!("../sql/marts/hold_out.toml"));
/// Repeat purchases by week, before a hold-out and in it.
pub const REPEAT_WEEKS: Query = query(
    "repeat_weeks",
    include_str!("../sql/marts/repeat_weeks.sql"),
    include_str!("../sql/marts/repeat_weeks.toml"),
);
/// Orders, customers and revenue of each month.
pub const KPI_MONTHS: Query =
    query("kpi_months", include_str!("../sql/marts/kpi_months.sql"), include_str!("../sql/marts/kpi_months.toml"));
/// Who came back, by the month of the first purchase.
pub const COHORT_MONTHS: Query = query(
    "cohort_months",
    include_str!("../sql/marts/cohort_months.sql"),
    include_str!("../sql/marts/cohort_months.toml"),
);
/// The days on which each customer bought.
pub const PURCHASE_DAYS: Query = query(
    "purchase_days",
    include_str!("../sql/marts/purchase_days.sql"),
    include_str!("../sql/marts/purchase_days.toml"),
);
/// The canonical table with another future.
pub const ANOTHER_FUTURE: Query = query(
    "another_future",
    include_str!("../sql/audit/another_future.sql"),
    include_str!("../sql/audit/another_future.toml"),
);
/// The customers' attributes with another future.
pub const ANOTHER_FUTURE_OF_CUSTOMERS: Query = query(
    "another_future_of_customers",
    include_str!("../sql/audit/another_future_of_customers.sql"),
    include_str!("../sql/audit/another_future_of_customers.toml"),
);

/// Every line with its problems as truth values.
pub const VALIDATE_LINES: Query = query(
    "validate_lines",
    include_str!("../sql/staging/validate_lines.sql"),
    include_str!("../sql/staging/validate_lines.toml"),
);
/// Lines by source.
pub const VALIDATE_SOURCES: Query = query(
    "validate_sources",
    include_str!("../sql/staging/validate_sources.sql"),
    include_str!("../sql/staging/validate_sources.toml"),
);
/// How many lines fill each column.
pub const VALIDATE_COLUMNS: Query = query(
    "validate_columns",
    include_str!("../sql/staging/validate_columns.sql"),
    include_str!("../sql/staging/validate_columns.toml"),
);
/// Contents that several lines share.
pub const VALIDATE_DUPLICATES: Query = query(
    "validate_duplicates",
    include_str!("../sql/staging/validate_duplicates.sql"),
    include_str!("../sql/staging/validate_duplicates.toml"),
);
/// Orders that contradict themselves.
pub const VALIDATE_ORDERS: Query = query(
    "validate_orders",
    include_str!("../sql/staging/validate_orders.sql"),
    include_str!("../sql/staging/validate_orders.toml"),
);
/// Products that contradict themselves, non-product codes, damaged text.
pub const VALIDATE_PRODUCTS: Query = query(
    "validate_products",
    include_str!("../sql/staging/validate_products.sql"),
    include_str!("../sql/staging/validate_products.toml"),
);
/// Customer ids by shape and problem.
pub const VALIDATE_CUSTOMERS: Query = query(
    "validate_customers",
    include_str!("../sql/staging/validate_customers.sql"),
    include_str!("../sql/staging/validate_customers.toml"),
);
/// Lines by clock hour.
pub const VALIDATE_HOURS: Query = query(
    "validate_hours",
    include_str!("../sql/staging/validate_hours.sql"),
    include_str!("../sql/staging/validate_hours.toml"),
);
/// How often each price, quantity and amount occurs.
pub const VALIDATE_VALUES: Query = query(
    "validate_values",
    include_str!("../sql/staging/validate_values.sql"),
    include_str!("../sql/staging/validate_values.toml"),
);
/// Lines by country and currency, before and since an instant.
pub const VALIDATE_MIX: Query = query(
    "validate_mix",
    include_str!("../sql/staging/validate_mix.sql"),
    include_str!("../sql/staging/validate_mix.toml"),
);
/// Cancelled lines with and without an earlier sale.
pub const VALIDATE_RETURNS: Query = query(
    "validate_returns",
    include_str!("../sql/staging/validate_returns.sql"),
    include_str!("../sql/staging/validate_returns.toml"),
);
/// Distribution of a period's lines over their numbers.
pub const VALIDATE_PROFILE_NUMBERS: Query = query(
    "validate_profile_numbers",
    include_str!("../sql/staging/validate_profile_numbers.sql"),
    include_str!("../sql/staging/validate_profile_numbers.toml"),
);
/// Distribution of a period's lines over their words.
pub const VALIDATE_PROFILE_WORDS: Query = query(
    "validate_profile_words",
    include_str!("../sql/staging/validate_profile_words.sql"),
    include_str!("../sql/staging/validate_profile_words.toml"),
);
/// Rejected records by reason and column.
pub const VALIDATE_REJECTS: Query = query(
    "validate_rejects",
    include_str!("../sql/staging/validate_rejects.sql"),
    include_str!("../sql/staging/validate_rejects.toml"),
);

/// All queries, in the order of the data.
pub const ALL: &[Query] = &[
    ORDER_ID_SHAPE,
    AMOUNT_HISTOGRAM,
    CLEANED,
    CUSTOMERS,
    CUSTOMER_CONFLICTS,
    ORDER_EVENTS,
    FEATURES,
    ATTRIBUTE_KINDS,
    ATTRIBUTES,
    CUSTOMER_MATCH,
    LABELS,
    PORTFOLIO,
    HOLD_OUT,
    REPEAT_WEEKS,
    KPI_MONTHS,
    COHORT_MONTHS,
    PURCHASE_DAYS,
    ANOTHER_FUTURE,
    ANOTHER_FUTURE_OF_CUSTOMERS,
    VALIDATE_LINES,
    VALIDATE_SOURCES,
    VALIDATE_COLUMNS,
    VALIDATE_DUPLICATES,
    VALIDATE_ORDERS,
    VALIDATE_PRODUCTS,
    VALIDATE_CUSTOMERS,
    VALIDATE_HOURS,
    VALIDATE_VALUES,
    VALIDATE_MIX,
    VALIDATE_RETURNS,
    VALIDATE_PROFILE_NUMBERS,
    VALIDATE_PROFILE_WORDS,
    VALIDATE_REJECTS,
];

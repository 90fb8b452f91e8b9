//! Attributes of the customers as features: at each snapshot what was known strictly before it.
//!
//! Which columns there are follows from the file's header and from what was known before the first snapshot, so that
//! no later row adds, drops or renames one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenure_tables::engine::{Engine, Value};
use tenure_tables::query;
use tenure_tables::store::{self, Column};

use crate::artifact::{self, RunFolder};
use crate::ctx::Stage;
use crate::error::Result;
use crate::time::Instant;

/// What the names of these features start with.
pub(super) const PREFIX: &str = "attr_";
const KINDS: &str = "data/attribute_kinds.parquet";

/// How far the table of customers and the buyers are the same customers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matched {
    /// Customers of the table.
    pub in_table: u64,
    /// Customers with a purchase before `as_of`.
    pub buyers: u64,
    /// Those that are both.
    pub matched: u64,
}

/// What of the record of ingestion is read.
#[derive(Deserialize)]
struct Record {
    #[serde(default)]
    customers: Option<Table>,
}

#[derive(Deserialize)]
struct Table {
    name: String,
    attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
struct Attribute {
    name: String,
    text: bool,
}

/// What is known of an attribute's values.
#[derive(Clone, Copy)]
struct Kind {
    is_settled: bool,
    is_number: bool,
    words: i64,
}

/// The attributes, ready to be joined to the features.
pub(super) struct Attributes {
    table: Table,
    /// None of an attribute without a value.
    kinds: Vec<Option<Kind>>,
    pub(super) matched: Matched,
    /// An id of the table and one of a buyer, for who must see why none match.
    examples: (String, String),
}

/// Reads what the run knows of its customers; order events and snapshots must be registered.
pub(super) fn read(engine: &Engine, run: &RunFolder, as_of: Instant, first: Instant) -> Result<Option<Attributes>> {
    let record: Record = run.record_of(Stage::Ingest)?;
    let Some(table) = record.customers.filter(|table| !table.attributes.is_empty()) else { return Ok(None) };
    engine.register("customers", &run.read(artifact::CUSTOMERS, Stage::Ingest)?)?;

    let known = kinds(engine, as_of, first)?;
    let kinds: Vec<Option<Kind>> = table
        .attributes
        .iter()
        .map(|attribute| {
            let kind = known.get(&attribute.name).copied();
            kind.map(|kind| Kind { is_number: kind.is_number && !attribute.text, ..kind })
        })
        .collect();
    let path = run.write(KINDS)?;
    store::write_columns(
        &path,
        &[
            ("attribute", Column::Text(table.attributes.iter().map(|a| a.name.clone()).collect())),
            ("is_number", Column::Bool(kinds.iter().map(|kind| kind.is_some_and(|k| k.is_number)).collect())),
        ],
    )?;
    engine.register("attribute_kinds", &path)?;

    let counted = engine.select(query::CUSTOMER_MATCH.sql, &[("as_of_us", Value::I64(as_of.0))])?;
    let count = |name: &str| -> Result<u64> { Ok(counted.one_i64(name)?.unsigned_abs()) };
    let matched = Matched { in_table: count("customers")?, buyers: count("buyers")?, matched: count("matched")? };
    let example = |table: &str| -> Result<String> {
        let id = engine.select(&format!("select coalesce(min(customer_id), '') as id from {table}"), &[])?;
        Ok(id.texts("id")?.pop().unwrap_or_default())
    };
    let examples = (example("customers")?, example("order_events")?);
    Ok(Some(Attributes { table, kinds, matched, examples }))
}

fn kinds(engine: &Engine, as_of: Instant, first: Instant) -> Result<BTreeMap<String, Kind>> {
    let values = [("first_us", Value::I64(first.0)), ("as_of_us", Value::I64(as_of.0))];
    let found = engine.select(query::ATTRIBUTE_KINDS.sql, &values)?;
    let (is_settled, is_number) = (found.bools("is_settled")?, found.bools("is_number")?);
    let words = found.i64s("words")?;
    let kind = |i: usize| Kind { is_settled: is_settled[i], is_number: is_number[i], words: words[i] };
    Ok(found.texts("attribute")?.into_iter().enumerate().map(|(i, name)| (name, kind(i))).collect())
}

/// The columns of an attribute, each with whether it is filled. Where nothing was known before the first snapshot there
/// are both, so that what came later does not decide which there is.
fn columns(attribute: &Attribute, kind: Option<Kind>) -> Vec<(String, bool)> {
    let (number, share) = (format!("{PREFIX}{}", attribute.name), format!("{PREFIX}{}_share", attribute.name));
    match kind {
        _ if attribute.text => vec![(share, true)],
        Some(Kind { is_settled: true, is_number: true, .. }) => vec![(number, true)],
        Some(Kind { is_settled: true, is_number: false, .. }) => vec![(share, true)],
        Some(Kind { is_number, .. }) => vec![(number, is_number), (share, !is_number)],
        None => vec![(number, false), (share, false)],
    }
}

impl Attributes {
    /// The query of the features, with the attributes beside them.
    pub(super) fn joined_to(&self, features: &str) -> String {
        let (mut pivots, mut names) = (Vec::new(), Vec::new());
        for (attribute, kind) in self.table.attributes.iter().zip(&self.kinds) {
            for (column, is_filled) in columns(attribute, *kind) {
                pivots.push(if is_filled {
                    format!("max(case when attribute = '{}' then value end) as \"{column}\"", attribute.name)
                } else {
                    format!("cast(null as double) as \"{column}\"")
                });
                names.push(format!("pivoted.\"{column}\""));
            }
        }
        // The narrow side comes first: it is the one that a join holds in memory.
        format!(
            "with base as ({features}),
             attributes as ({}),
             pivoted as (select as_of, customer_id, {} from attributes group by as_of, customer_id)
             select base.*, {}
             from pivoted
             right join base on pivoted.as_of = base.as_of and pivoted.customer_id = base.customer_id
             order by base.as_of, base.customer_id",
            query::ATTRIBUTES.sql,
            pivots.join(", "),
            names.join(", ")
        )
    }

    /// How many buyers the table knows, and how many of its customers never bought.
    pub(super) fn sentence(&self) -> String {
        let Matched { in_table, buyers, matched } = self.matched;
        let never = in_table - matched;
        let mut sentence = format!("attributes of {matched} of {buyers} buyers");
        if never > 0 {
            sentence.push_str(&format!(", {never} customers of {} never bought and are passed over", self.table.name));
        }
        sentence
    }

    /// What the reader must know; `features` are those with a value.
    pub(super) fn warnings(&self, features: &[String]) -> Vec<String> {
        if self.matched.matched == 0 {
            let (theirs, ours) = &self.examples;
            return vec![format!(
                "no customer of {} is a buyer: are the ids written alike? there '{theirs}', in the orders '{ours}'",
                self.table.name
            )];
        }
        let mut warnings = Vec::new();
        let mut absent = Vec::new();
        for (attribute, kind) in self.table.attributes.iter().zip(&self.kinds) {
            if !columns(attribute, *kind).iter().any(|(column, _)| features.contains(column)) {
                absent.push(attribute.name.as_str());
            }
            if let Some(Kind { is_number: true, words: words @ 1.., .. }) = kind {
                warnings.push(format!(
                    "{words} values of {} are no numbers, as the earliest are, and count as unknown; if it is a text, \
                     list it under customers.text",
                    attribute.name
                ));
            }
        }
        if !absent.is_empty() {
            warnings.push(format!("attributes of which no buyer had a value at any snapshot: {}", absent.join(", ")));
        }
        warnings
    }
}

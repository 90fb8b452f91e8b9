//! Checks of single lines: one pass counts every problem of every line and keeps the first examples of each.
//!
//! The pass is a fold over batches in whatever order they come: counts add up, and the examples kept are the first by
//! line and source (or the largest by value), so that the result does not depend on the order.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use tenure_tables::engine::{Engine, Value as Param};
use tenure_tables::frame::Frame;
use tenure_tables::query;

use super::catalogue::{self as spec, Spec};
use super::check::MAX_EXAMPLES;
use super::findings::{Findings, Found, Show, examples, object};
use super::{Columns, Rules, SourceRows};
use crate::error::Result;

/// Columns of an example.
const SHOWN: &[(&str, &str, Show)] = &[
    ("source", "source", Show::Text),
    ("line_no", "line_no", Show::Count),
    ("order_id", "order_id", Show::Text),
    ("customer_id", "customer_id", Show::Customer),
    ("sku", "sku", Show::Text),
    ("description", "description", Show::Text),
    ("quantity", "quantity", Show::Number),
    ("unit_price", "unit_price", Show::Number),
    ("amount", "amount", Show::Number),
    ("ordered_at", "ordered_at", Show::Text),
    ("country", "country", Show::Text),
];

/// The truth values of `validate_lines`, and the column whose largest values make the examples, if not the first.
const PROBLEMS: [(&str, Option<&str>); 22] = [
    ("lacks_customer", None),
    ("lacks_order", None),
    ("lacks_sku", None),
    ("lacks_description", None),
    ("lacks_country", None),
    ("lacks_money", None),
    ("price_is_zero", None),
    ("price_is_negative", None),
    ("quantity_is_zero", None),
    ("quantity_is_negative", None),
    ("discount_is_negative", None),
    ("quantity_is_extreme", Some("quantity")),
    ("price_is_extreme", Some("unit_price")),
    ("amount_is_extreme", Some("amount")),
    ("is_not_finite", None),
    ("is_after_as_of", None),
    ("is_before_1980", None),
    ("is_recorded_before", None),
    ("is_cancellation", None),
    ("cancels_without_negative", None),
    ("negative_without_cancelling", None),
    ("amount_differs", None),
];

/// Without an `as_of` no instant is too late: 2200-01-01, which every unit of time can hold.
const NEVER: i64 = 7_258_118_400_000_000;

/// Sizes beyond which a value is implausible; `None` where there is nothing to judge by.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bounds {
    pub(super) quantity: Option<f64>,
    pub(super) unit_price: Option<f64>,
    pub(super) amount: Option<f64>,
}

/// What became of one problem.
#[derive(Debug, Default)]
struct Tally {
    lines: u64,
    /// By rank, line and source.
    first: BTreeMap<(u64, i64, String), Map<String, Value>>,
}

/// How many lines have which problem, with the first of them.
#[derive(Debug)]
pub(super) struct Tallies {
    by_problem: BTreeMap<&'static str, Tally>,
    amounts_checkable: u64,
}

impl Tallies {
    /// Counts, in one pass over the table.
    pub(super) fn read(engine: &Engine, rules: &Rules, bounds: Bounds) -> Result<Self> {
        let bound = |bound: Option<f64>| Param::F64(bound.unwrap_or(f64::MAX));
        let params = [
            ("cancellation_prefix", Param::Text(rules.cancellation_prefix.to_uppercase())),
            ("as_of", Param::Instant(rules.as_of.map_or(NEVER, |t| t.0))),
            ("quantity_bound", bound(bounds.quantity)),
            ("price_bound", bound(bounds.unit_price)),
            ("amount_bound", bound(bounds.amount)),
        ];
        let mut tallies = Self {
            by_problem: PROBLEMS.iter().map(|(problem, _)| (*problem, Tally::default())).collect(),
            amounts_checkable: 0,
        };
        engine
            .stream(query::VALIDATE_LINES.sql, &params, &mut |batch| tallies.add(&Frame::from_batches(vec![batch])))?;
        Ok(tallies)
    }

    fn add(&mut self, frame: &Frame) -> tenure_tables::Result<()> {
        let line_nos = frame.i64s("line_no")?;
        for (problem, largest) in PROBLEMS {
            let hits = frame.bools(problem)?;
            let rows: Vec<usize> = (0..hits.len()).filter(|&i| hits[i]).collect();
            let Some(tally) = self.by_problem.get_mut(problem).filter(|_| !rows.is_empty()) else { continue };
            tally.lines += rows.len() as u64;
            let keys: Vec<(u64, i64, usize)> = match largest {
                None => rows.iter().map(|&i| (0, line_nos[i], i)).collect(),
                Some(column) => {
                    let values = frame.f64s(column)?;
                    // The bits of a positive number ascend with it; their complement descends.
                    rows.iter().map(|&i| (!values[i].abs().to_bits(), line_nos[i], i)).collect()
                }
            };
            tally.keep(frame, keys)?;
        }
        self.amounts_checkable += frame.bools("amount_is_checkable")?.iter().map(|b| u64::from(*b)).sum::<u64>();
        Ok(())
    }

    /// Lines with a problem.
    pub(super) fn lines(&self, problem: &str) -> u64 {
        self.by_problem.get(problem).map_or(0, |tally| tally.lines)
    }

    /// The examples of a problem.
    pub(super) fn examples(&self, problem: &str) -> Vec<Map<String, Value>> {
        self.by_problem.get(problem).map_or_else(Vec::new, |tally| tally.first.values().cloned().collect())
    }
}

impl Tally {
    /// Takes the rows of a batch that belong among the first; `keys` are rank, line and row.
    fn keep(&mut self, frame: &Frame, mut keys: Vec<(u64, i64, usize)>) -> tenure_tables::Result<()> {
        if self.first.len() >= MAX_EXAMPLES
            && let Some((last, _)) = self.first.last_key_value()
        {
            keys.retain(|key| (key.0, key.1) <= (last.0, last.1));
        }
        keys.sort_unstable();
        if let Some(limit) = keys.get(MAX_EXAMPLES - 1).copied() {
            // Lines of one number from several sources stay together: only the source decides between them.
            keys.retain(|key| (key.0, key.1) <= (limit.0, limit.1));
        }
        for (rank, line_no, row) in keys {
            let Some(batch) = frame.batches().first() else { continue };
            let one = Frame::from_batches(vec![batch.slice(row, 1)]);
            let source = one.texts("source")?.remove(0);
            self.first.insert((rank, line_no, source), examples(&one, SHOWN)?.remove(0));
            if self.first.len() > MAX_EXAMPLES {
                self.first.pop_last();
            }
        }
        Ok(())
    }
}

/// A check of lines: those with `problem` among `of`.
struct Question<'a> {
    spec: &'a Spec,
    problem: &'a str,
    of: u64,
    /// Why it cannot be asked.
    unless: Option<&'static str>,
}

/// All checks that ask something of a single line.
pub(super) fn check(rules: &Rules, columns: &Columns, tallies: &Tallies, findings: &mut Findings) {
    let lacks = |column: &str, why: &'static str| (columns.filled(column) == 0).then_some(why);
    let present =
        |spec, problem, column, why| Question { spec, problem, of: columns.lines, unless: lacks(column, why) };
    let valued =
        |spec, problem, column, why| Question { spec, problem, of: columns.filled(column), unless: lacks(column, why) };
    let of_all = |spec, problem, unless| Question { spec, problem, of: columns.lines, unless };

    let no_money = (!columns.has_money()).then_some("the source has no money columns");
    let no_prices = "the source has no unit prices";
    let no_quantities = "the source has no quantities";
    let doubt = cancellation_doubt(rules, columns, tallies).or_else(|| lacks("quantity", no_quantities));
    let checkable = tallies.amounts_checkable;
    let questions = [
        of_all(&spec::FINITE_NUMBERS, "is_not_finite", no_money),
        present(&spec::CUSTOMER_ID_PRESENT, "lacks_customer", "customer_id", "the source has no customer ids"),
        present(&spec::ORDER_ID_PRESENT, "lacks_order", "order_id", "the source has no order ids"),
        present(&spec::SKU_PRESENT, "lacks_sku", "sku", "the source has no product codes"),
        present(&spec::DESCRIPTION_PRESENT, "lacks_description", "description", "the source has no descriptions"),
        present(&spec::COUNTRY_PRESENT, "lacks_country", "country", "the source has no countries"),
        of_all(&spec::MONEY_PRESENT, "lacks_money", no_money),
        valued(&spec::PRICE_NOT_ZERO, "price_is_zero", "unit_price", no_prices),
        valued(&spec::PRICE_NOT_NEGATIVE, "price_is_negative", "unit_price", no_prices),
        valued(&spec::QUANTITY_NOT_ZERO, "quantity_is_zero", "quantity", no_quantities),
        valued(&spec::DISCOUNT_NOT_NEGATIVE, "discount_is_negative", "discount", "the source has no discounts"),
        of_all(
            &spec::NOT_AFTER_AS_OF,
            "is_after_as_of",
            rules.as_of.is_none().then_some("no as_of was given, so the data end where they end"),
        ),
        of_all(&spec::TIME_PLAUSIBLE, "is_before_1980", None),
        valued(&spec::RECORDED_AFTER_ORDERED, "is_recorded_before", "recorded_at", "the source has no arrival times"),
        Question {
            spec: &spec::CANCELLATION_IS_NEGATIVE,
            problem: "cancels_without_negative",
            of: tallies.lines("is_cancellation"),
            unless: doubt,
        },
        Question {
            spec: &spec::NEGATIVE_IS_CANCELLATION,
            problem: "negative_without_cancelling",
            of: tallies.lines("quantity_is_negative"),
            unless: doubt,
        },
        Question {
            spec: &spec::AMOUNT_IS_PRODUCT,
            problem: "amount_differs",
            of: checkable,
            unless: (checkable == 0).then_some("the source does not give amount, quantity and unit price together"),
        },
    ];
    for Question { spec, problem, of, unless } in questions {
        match unless {
            Some(why) => findings.skip(spec, why),
            None => findings.put(
                spec,
                Found {
                    elements: of,
                    unexpected: tallies.lines(problem),
                    examples: tallies.examples(problem),
                    ..Found::default()
                },
            ),
        }
    }
}

/// Why the cancellation prefix says nothing here, if so.
pub(super) fn cancellation_doubt(rules: &Rules, columns: &Columns, tallies: &Tallies) -> Option<&'static str> {
    if rules.cancellation_prefix.is_empty() {
        Some("no cancellation prefix is configured")
    } else if columns.filled("order_id") == 0 {
        Some("the source has no order ids")
    } else if 2 * tallies.lines("is_cancellation") > columns.filled("order_id") {
        Some("most order ids begin with the cancellation prefix, so it cannot mark cancellations")
    } else {
        None
    }
}

/// Whether the stored table holds what was read from each source; gives the number of sources.
pub(super) fn arrivals(engine: &Engine, read: &[SourceRows], findings: &mut Findings) -> Result<usize> {
    let frame = engine.select(query::VALIDATE_SOURCES.sql, &[])?;
    let stored: BTreeMap<String, u64> = frame.texts("source")?.into_iter().zip(frame.u64s("lines")?).collect();
    if read.is_empty() {
        findings.skip(&spec::ROWS_ARRIVED, "the ingest left no count of rows");
        return Ok(stored.len());
    }
    let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
    for source in read {
        *expected.entry(source.source.as_str()).or_default() += source.rows;
    }
    let names: BTreeSet<&str> = expected.keys().copied().chain(stored.keys().map(String::as_str)).collect();
    let mut found = Found { elements: expected.values().sum(), ..Found::default() };
    for name in names {
        let was = expected.get(name).copied().unwrap_or(0);
        let is = stored.get(name).copied().unwrap_or(0);
        if was != is {
            found.unexpected += was.abs_diff(is);
            found.examples.push(object([
                ("source", Value::from(name)),
                ("rows_read", Value::from(was)),
                ("rows_stored", Value::from(is)),
            ]));
        }
    }
    findings.put(&spec::ROWS_ARRIVED, found);
    Ok(stored.len())
}

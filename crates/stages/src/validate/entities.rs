//! Checks of orders, products and customers: each table comes grouped by its problems, the first of each group by
//! name and the rest as a count.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tenure_tables::engine::{Engine, Value as Param};
use tenure_tables::frame::Frame;
use tenure_tables::query;

use super::catalogue::{self as spec, Spec};
use super::check::{counted, percent};
use super::findings::{Findings, Found, Show, examples, object, rounded};
use super::{Columns, Rules};
use crate::error::Result;

/// A numbering system is one that this share of the customers follows.
const DOMINANT_SHARE: f64 = 0.9;
/// One customer with more than this share of the rows is no person …
const PLACEHOLDER_SHARE: f64 = 0.1;
/// … where there are at least so many customers.
const CUSTOMERS_FOR_SHARE: u64 = 100;

/// Rows grouped by the problems of what they stand for.
struct Groups {
    flags: Vec<i64>,
    is_named: Vec<bool>,
    counts: Vec<u64>,
    lines: Vec<u64>,
    examples: Vec<Map<String, Value>>,
}

impl Groups {
    fn read(frame: &Frame, unit: &str, shown: &[(&str, &str, Show)]) -> Result<Self> {
        Ok(Self {
            flags: frame.i64s("flags")?,
            is_named: frame.bools("is_named")?,
            counts: frame.u64s(unit)?,
            lines: frame.u64s("lines")?,
            examples: examples(frame, shown)?,
        })
    }

    fn all(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn with(&self, flag: i64) -> u64 {
        self.sum(&self.counts, flag)
    }

    fn lines_with(&self, flag: i64) -> u64 {
        self.sum(&self.lines, flag)
    }

    fn sum(&self, counts: &[u64], flag: i64) -> u64 {
        self.flags.iter().zip(counts).filter(|(flags, _)| *flags & flag != 0).map(|(_, n)| n).sum()
    }

    /// The named rows with a problem, in the order of `key`.
    fn named<K: Ord>(&self, flag: i64, key: impl Fn(usize) -> K) -> Vec<usize> {
        let mut rows: Vec<usize> =
            (0..self.flags.len()).filter(|&i| self.is_named[i] && self.flags[i] & flag != 0).collect();
        rows.sort_by_key(|&i| key(i));
        rows
    }

    fn pick(&self, rows: &[usize]) -> Vec<Map<String, Value>> {
        rows.iter().map(|&i| self.examples[i].clone()).collect()
    }
}

/// Orders: one customer, one instant, one source, in the order of time.
pub(super) fn orders(engine: &Engine, columns: &Columns, findings: &mut Findings) -> Result<()> {
    const CUSTOMERS: i64 = 1;
    const INSTANTS: i64 = 2;
    const SOURCES: i64 = 4;
    const PARTLY_IDENTIFIED: i64 = 8;
    const STEPS_BACK: i64 = 16;
    const A_DAY: i64 = 32;
    let questions: [(&Spec, i64); 6] = [
        (&spec::ORDER_HAS_ONE_CUSTOMER, CUSTOMERS),
        (&spec::ORDER_HAS_ONE_INSTANT, INSTANTS),
        (&spec::ORDERS_IN_ONE_SOURCE, SOURCES),
        (&spec::ORDER_WHOLLY_IDENTIFIED, PARTLY_IDENTIFIED),
        (&spec::SOURCE_IN_ORDER, STEPS_BACK),
        (&spec::ORDER_WITHIN_A_DAY, A_DAY),
    ];
    if columns.filled("order_id") == 0 {
        for (spec, _) in questions {
            findings.skip(spec, "the source has no order ids");
        }
        return Ok(());
    }
    let frame = engine.select(query::VALIDATE_ORDERS.sql, &[])?;
    let groups = Groups::read(
        &frame,
        "orders",
        &[
            ("order_id", "order_id", Show::Text),
            ("first_customer", "first_customer", Show::Customer),
            ("last_customer", "last_customer", Show::Customer),
            ("first_at", "first_at", Show::Text),
            ("last_at", "last_at", Show::Text),
            ("lines", "rows", Show::Count),
            ("source", "source", Show::Text),
            ("line_no", "line_no", Show::Count),
        ],
    )?;
    let (sources, line_nos, ids) = (frame.texts("source")?, frame.i64s("line_no")?, frame.texts("order_id")?);
    for (spec, flag) in questions {
        let rows = groups.named(flag, |i| (&sources[i], line_nos[i], &ids[i]));
        findings.put(
            spec,
            Found {
                elements: groups.all(),
                unexpected: groups.with(flag),
                examples: groups.pick(&rows),
                ..Found::default()
            },
        );
    }
    Ok(())
}

/// Products: one description, no codes for fees, no damaged text.
pub(super) fn products(engine: &Engine, rules: &Rules, columns: &Columns, findings: &mut Findings) -> Result<()> {
    const WORDINGS: i64 = 1;
    const NO_PRODUCT: i64 = 2;
    const DAMAGED: i64 = 4;
    const NO_SKU: i64 = 8;
    let (skus, descriptions) = (columns.filled("sku"), columns.filled("description"));
    if skus == 0 && descriptions == 0 {
        findings.skip(&spec::SKU_HAS_ONE_DESCRIPTION, "the source has no product codes");
        findings.skip(&spec::PRODUCT_CODES_ONLY, "the source has no product codes");
        findings.skip(&spec::DAMAGED_TEXT, "the source has no descriptions");
        return Ok(());
    }
    let pattern = [("non_product_pattern", Param::Text(rules.non_product_pattern()))];
    let frame = engine.select(query::VALIDATE_PRODUCTS.sql, &pattern)?;
    let groups = Groups::read(
        &frame,
        "products",
        &[
            ("sku", "sku", Show::Text),
            ("first_wording", "description", Show::Text),
            ("last_wording", "other_description", Show::Text),
            ("wordings", "descriptions", Show::Count),
            ("lines", "rows", Show::Count),
        ],
    )?;
    let ids = frame.texts("sku")?;
    let largest_first = |i: usize| (std::cmp::Reverse(groups.lines[i]), &ids[i]);
    if skus == 0 {
        findings.skip(&spec::SKU_HAS_ONE_DESCRIPTION, "the source has no product codes");
        findings.skip(&spec::PRODUCT_CODES_ONLY, "the source has no product codes");
    } else {
        findings.put(
            &spec::SKU_HAS_ONE_DESCRIPTION,
            Found {
                elements: groups.all() - groups.with(NO_SKU),
                unexpected: groups.with(WORDINGS),
                examples: groups.pick(&groups.named(WORDINGS, largest_first)),
                ..Found::default()
            },
        );
        let codes = groups.with(NO_PRODUCT);
        findings.put(
            &spec::PRODUCT_CODES_ONLY,
            Found {
                elements: skus,
                unexpected: groups.lines_with(NO_PRODUCT),
                examples: groups.pick(&groups.named(NO_PRODUCT, largest_first)),
                detail: if codes == 0 { String::new() } else { format!("They carry {}.", counted(codes, "codes")) },
                observed: object([("codes", Value::from(codes))]),
                ..Found::default()
            },
        );
    }
    if descriptions == 0 {
        findings.skip(&spec::DAMAGED_TEXT, "the source has no descriptions");
    } else {
        findings.put(
            &spec::DAMAGED_TEXT,
            Found {
                elements: descriptions,
                unexpected: frame.u64s("damaged_lines")?.iter().sum(),
                examples: groups.pick(&groups.named(DAMAGED, largest_first)),
                ..Found::default()
            },
        );
    }
    Ok(())
}

/// Customers: ids of one grammar, no placeholders, one country.
pub(super) fn customers(engine: &Engine, columns: &Columns, findings: &mut Findings) -> Result<()> {
    const PLACEHOLDER: i64 = 1;
    const COUNTRIES: i64 = 2;
    if columns.filled("customer_id") == 0 {
        for spec in [&spec::CUSTOMER_ID_GRAMMAR, &spec::CUSTOMER_NOT_PLACEHOLDER, &spec::CUSTOMER_HAS_ONE_COUNTRY] {
            findings.skip(spec, "the source has no customer ids");
        }
        return Ok(());
    }
    let frame = engine.select(query::VALIDATE_CUSTOMERS.sql, &[])?;
    let groups = Groups::read(
        &frame,
        "customers",
        &[
            ("customer_id", "customer_id", Show::Customer),
            ("first_country", "first_country", Show::Text),
            ("last_country", "last_country", Show::Text),
            ("lines", "rows", Show::Count),
            ("source", "source", Show::Text),
            ("line_no", "line_no", Show::Count),
        ],
    )?;
    let ids = frame.texts("customer_id")?;
    let largest_first = |i: usize| (std::cmp::Reverse(groups.lines[i]), &ids[i]);
    let all = groups.all();

    grammar(&frame.texts("shape")?, &groups, findings);

    let all_lines: u64 = groups.lines.iter().sum();
    let is_large = |i: usize| {
        all >= CUSTOMERS_FOR_SHARE
            && groups.is_named[i]
            && groups.lines[i] as f64 > PLACEHOLDER_SHARE * all_lines as f64
    };
    let large: Vec<usize> = (0..ids.len()).filter(|&i| is_large(i) && groups.flags[i] & PLACEHOLDER == 0).collect();
    let mut suspects = groups.named(PLACEHOLDER, largest_first);
    suspects.extend(&large);
    suspects.sort_by_key(|&i| largest_first(i));
    findings.put(
        &spec::CUSTOMER_NOT_PLACEHOLDER,
        Found {
            elements: all,
            unexpected: groups.with(PLACEHOLDER) + large.len() as u64,
            examples: groups.pick(&suspects),
            ..Found::default()
        },
    );

    if columns.filled("country") == 0 {
        findings.skip(&spec::CUSTOMER_HAS_ONE_COUNTRY, "the source has no countries");
    } else {
        findings.put(
            &spec::CUSTOMER_HAS_ONE_COUNTRY,
            Found {
                elements: all,
                unexpected: groups.with(COUNTRIES),
                examples: groups.pick(&groups.named(COUNTRIES, largest_first)),
                ..Found::default()
            },
        );
    }
    Ok(())
}

/// The grammar of the ids is the shape that nine in ten share, to the letter or without the lengths.
fn grammar(shapes: &[String], groups: &Groups, findings: &mut Findings) {
    let all = groups.all();
    let dominant = [false, true].into_iter().find_map(|loose| {
        let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
        for (shape, n) in shapes.iter().zip(&groups.counts) {
            *sizes.entry(if loose { without_lengths(shape) } else { shape.clone() }).or_default() += n;
        }
        // The largest, and of equals the first by name.
        let (shape, n) = sizes.into_iter().rev().max_by_key(|(_, n)| *n)?;
        (n as f64 >= DOMINANT_SHARE * all as f64).then_some((loose, shape, n))
    });
    let Some((loose, dominant, n)) = dominant else {
        findings.skip(&spec::CUSTOMER_ID_GRAMMAR, "the customer ids follow no one pattern");
        return;
    };
    let follows = |shape: &str| if loose { without_lengths(shape) == dominant } else { shape == dominant };
    let mut strangers: Vec<usize> = (0..shapes.len()).filter(|&i| groups.is_named[i] && !follows(&shapes[i])).collect();
    strangers.sort_by_key(|&i| (std::cmp::Reverse(groups.lines[i]), &shapes[i], i));
    let examples = strangers
        .iter()
        .map(|&i| {
            let mut example = groups.examples[i].clone();
            example.insert("shape".to_owned(), Value::from(shapes[i].clone()));
            example
        })
        .collect();
    findings.put(
        &spec::CUSTOMER_ID_GRAMMAR,
        Found {
            elements: all,
            unexpected: all - n,
            examples,
            detail: format!(
                "{} of the ids ({}) read {dominant}{}, where 9 is a digit and X a letter or digit.",
                super::check::thousands(n),
                percent(n, all),
                if loose { ", of any length" } else { "" }
            ),
            observed: object([
                ("pattern", Value::from(dominant.clone())),
                ("share", rounded(n as f64 / all.max(1) as f64)),
            ]),
            ..Found::default()
        },
    );
}

/// A shape with each run of one character as a single one.
fn without_lengths(shape: &str) -> String {
    let mut short: Vec<char> = shape.chars().collect();
    short.dedup();
    short.into_iter().collect()
}

/// Cancelled lines whose customer is not seen to have bought the product before.
pub(super) fn returns(
    engine: &Engine,
    rules: &Rules,
    columns: &Columns,
    doubt: Option<&str>,
    findings: &mut Findings,
) -> Result<()> {
    let missing = ["customer_id", "sku", "quantity"].iter().any(|c| columns.filled(c) == 0);
    let why = doubt.or_else(|| missing.then_some("it needs customer, product and quantity"));
    if let Some(why) = why {
        findings.skip(&spec::CANCELLATION_HAS_SALE, why);
        return Ok(());
    }
    let params = [
        ("cancellation_prefix", Param::Text(rules.cancellation_prefix.to_uppercase())),
        ("non_product_pattern", Param::Text(rules.non_product_pattern())),
    ];
    let frame = engine.select(query::VALIDATE_RETURNS.sql, &params)?;
    let found = frame.texts("found")?;
    let lines = frame.u64s("lines")?;
    let sizes: BTreeMap<&str, u64> = found.iter().map(String::as_str).zip(lines).collect();
    let size = |name: &str| sizes.get(name).copied().unwrap_or(0);
    let shown = examples(
        &frame,
        &[
            ("source", "source", Show::Text),
            ("line_no", "line_no", Show::Count),
            ("order_id", "order_id", Show::Text),
            ("customer_id", "customer_id", Show::Customer),
            ("sku", "sku", Show::Text),
            ("quantity", "quantity", Show::Number),
            ("unit_price", "unit_price", Show::Number),
            ("ordered_at", "ordered_at", Show::Text),
            ("found", "found", Show::Text),
        ],
    )?;
    let (sources, line_nos) = (frame.texts("source")?, frame.i64s("line_no")?);
    let mut rows: Vec<usize> = (0..found.len()).filter(|&i| found[i] != "earlier sale").collect();
    rows.sort_by_key(|&i| (line_nos[i], &sources[i]));
    let (none, later) = (size("no sale"), size("later sale"));
    findings.put(
        &spec::CANCELLATION_HAS_SALE,
        Found {
            elements: sizes.values().sum(),
            unexpected: none + later,
            examples: rows.iter().map(|&i| shown[i].clone()).collect(),
            detail: "Rows without a customer and non-product codes are left out.".to_owned(),
            observed: object([("no_sale", Value::from(none)), ("sold_only_later", Value::from(later))]),
            ..Found::default()
        },
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(shapes: &[(&str, u64)]) -> (Option<u64>, String) {
        let groups = Groups {
            flags: vec![0; shapes.len()],
            is_named: vec![true; shapes.len()],
            counts: shapes.iter().map(|s| s.1).collect(),
            lines: shapes.iter().map(|s| s.1).collect(),
            examples: vec![Map::new(); shapes.len()],
        };
        let names: Vec<String> = shapes.iter().map(|s| s.0.to_owned()).collect();
        let mut findings = Findings::default();
        grammar(&names, &groups, &mut findings);
        let check = findings.into_checks().remove(0);
        let pattern = check.observed.get("pattern").and_then(Value::as_str).unwrap_or_default().to_owned();
        (check.unexpected_count, pattern)
    }

    #[test]
    fn ids_are_held_to_the_pattern_of_most() {
        assert_eq!(verdict(&[("99999", 95), ("9999", 3), ("XXX", 2)]), (Some(5), "99999".to_owned()));
        assert_eq!(verdict(&[("99999", 50), ("9999", 45), ("XXX", 5)]), (Some(5), "9".to_owned()));
        assert_eq!(verdict(&[("X@X.X", 1), ("XX@XXX.XX", 1)]), (Some(0), "X@X.X".to_owned()));
        assert_eq!(verdict(&[("99999", 50), ("XXX", 50)]), (None, String::new()));
    }
}

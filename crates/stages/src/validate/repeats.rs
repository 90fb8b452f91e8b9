//! Checks of what came in twice and of what did not come in: repeated lines and rejected records.

use std::collections::BTreeMap;

use serde_json::Value;
use tenure_tables::engine::Engine;
use tenure_tables::query;

use super::Columns;
use super::catalogue as spec;
use super::check::{counted, mask};
use super::findings::{Findings, Found, Show, examples};
use crate::error::Result;

/// What to do about repeated lines where orders have no ids.
const KEPT: &str = "Without order ids cleaning keeps them all: they may be orders of their own. If they were exported twice, take \
                    them out of the file, or give it a column of order ids.";

/// Lines that repeat another one, within a source and across sources.
pub(super) fn repeats(engine: &Engine, columns: &Columns, sources: usize, findings: &mut Findings) -> Result<()> {
    let frame = engine.select(query::VALIDATE_DUPLICATES.sql, &[])?;
    let kinds = frame.texts("kind")?;
    let totals = frame.u64s("extra_lines")?;
    let shown = examples(
        &frame,
        &[
            ("order_id", "order_id", Show::Text),
            ("customer_id", "customer_id", Show::Customer),
            ("sku", "sku", Show::Text),
            ("ordered_at", "ordered_at", Show::Text),
            ("quantity", "quantity", Show::Number),
            ("unit_price", "unit_price", Show::Number),
            ("extra", "repeats", Show::Count),
            ("first_source", "first_source", Show::Text),
            ("first_line", "first_line_no", Show::Count),
            ("last_source", "last_source", Show::Text),
            ("last_line", "last_line_no", Show::Count),
        ],
    )?;
    for (spec, kind) in [(&spec::ROWS_UNIQUE, "within"), (&spec::SOURCES_DISJOINT, "across")] {
        if kind == "across" && sources < 2 {
            findings.skip(spec, "there is one source only");
            continue;
        }
        let rows: Vec<usize> = (0..kinds.len()).filter(|&i| kinds[i] == kind).collect();
        findings.put(
            spec,
            Found {
                elements: columns.lines,
                unexpected: rows.first().map_or(0, |&i| totals[i]),
                examples: rows.iter().map(|&i| shown[i].clone()).collect(),
                ..Found::default()
            },
        );
        // Without order ids two equal orders of a customer look like one given twice: cleaning keeps both.
        if columns.filled("order_id") == 0 {
            findings.cure(spec, KEPT);
        }
    }
    Ok(())
}

/// Records that were not understood, by reason.
pub(super) fn rejects(engine: &Engine, has_table: bool, columns: &Columns, findings: &mut Findings) -> Result<()> {
    if !has_table {
        findings.skip(&spec::REJECTED_ROWS, "the ingest left no table of rejected records");
        return Ok(());
    }
    let frame = engine.select(query::VALIDATE_REJECTS.sql, &[])?;
    let (reasons, fields) = (frame.texts("reason")?, frame.texts("field")?);
    let groups: BTreeMap<(&str, &str), u64> =
        reasons.iter().map(String::as_str).zip(fields.iter().map(String::as_str)).zip(frame.u64s("records")?).collect();
    let mut by_reason: BTreeMap<&str, u64> = BTreeMap::new();
    for ((reason, _), n) in &groups {
        *by_reason.entry(reason).or_default() += n;
    }
    let mut shown = examples(
        &frame,
        &[
            ("source", "source", Show::Text),
            ("line_no", "line_no", Show::Count),
            ("field", "column", Show::Text),
            ("reason", "reason", Show::Text),
        ],
    )?;
    for ((row, field), value) in shown.iter_mut().zip(&fields).zip(frame.opt_texts("value")?) {
        // A shifted record may hold an address in any column.
        let is_personal = field == "customer_id" || value.as_deref().is_some_and(|v| v.contains('@'));
        let value = value.map(|v| if is_personal { mask(&v) } else { v.chars().take(60).collect() });
        row.insert("value".to_owned(), Value::from(value));
    }
    let (sources, line_nos) = (frame.texts("source")?, frame.i64s("line_no")?);
    let mut rows: Vec<usize> = (0..shown.len()).collect();
    rows.sort_by_key(|&i| (&sources[i], line_nos[i], &fields[i]));
    let rejected = by_reason.values().sum();
    let list: Vec<String> = by_reason.iter().map(|(reason, n)| format!("{reason}: {}", counted(*n, "rows"))).collect();
    findings.put(
        &spec::REJECTED_ROWS,
        Found {
            elements: columns.lines + rejected,
            unexpected: rejected,
            examples: rows.iter().map(|&i| shown[i].clone()).collect(),
            detail: if list.is_empty() { String::new() } else { format!("By reason: {}.", list.join("; ")) },
            observed: by_reason.iter().map(|(reason, n)| ((*reason).to_owned(), Value::from(*n))).collect(),
            ..Found::default()
        },
    );
    Ok(())
}

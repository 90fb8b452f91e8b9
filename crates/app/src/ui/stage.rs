//! What one stage did, for people.

use serde_json::Value;
use tenure_stages::ctx::Stage;
use tenure_stages::pipeline::{Scored, StageReport};

use super::number::{count, customers, fixed, money, percent};
use super::table::{columns, wrap};
use super::{plan, segment};

const WIDTH: usize = 100;

/// The sentence, and below it the account where there is one.
pub(super) fn page(report: &StageReport) -> String {
    let mut page = format!("{}: {}\n", report.stage.name(), report.sentence);
    let lines = match report.stage {
        Stage::Ingest => columns(&sources(&report.facts)),
        Stage::Validate => columns(&failed(&report.facts)),
        Stage::Clean => columns(&balance(&report.facts)),
        Stage::Segment => segment::lines(&report.facts),
        Stage::Churn | Stage::Value => forecast(&report.facts),
        Stage::Allocate => {
            serde_json::from_value(report.facts.clone()).map_or_else(|_| Vec::new(), |facts| plan::page(&facts))
        }
        _ => Vec::new(),
    };
    for line in lines.into_iter().chain(out_of_date(&report.out_of_date)) {
        page.push_str(&line);
        page.push('\n');
    }
    page
}

/// Which stages were made from what this one has replaced.
fn out_of_date(stages: &[Stage]) -> Vec<String> {
    if stages.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = stages.iter().map(|stage| stage.name()).collect();
    let sentence = format!(
        "Now out of date: {}; these commands bring them up to date in this order, or `tenure run FILE` all of them.",
        names.join(", ")
    );
    wrap(&sentence, 0, WIDTH, 2)
}

/// What a saved model has said of the customers of a table.
pub(super) fn scored(scored: &Scored) -> String {
    let mean = match scored.stage {
        Stage::Churn => format!("{} expected to leave", percent(scored.mean)),
        _ => format!("{} expected of each in the mean", money(scored.mean)),
    };
    format!(
        "{} of {} scored by the {} model of {} (as of {}), {mean}: {}\n",
        customers(scored.customers),
        scored.file,
        scored.model.replace('_', " "),
        scored.stage.name(),
        scored.fitted_as_of,
        scored.to
    )
}

/// Which model it is and why, and the test window by tenth and by segment.
fn forecast(facts: &Value) -> Vec<String> {
    // The sentence above says why there is no model; a word on which one would be used contradicts it.
    let mut lines = match &facts["deployment"] {
        Value::Null => Vec::new(),
        _ => wrap(&format!("Model: {}.", text(&facts["choice"]["why"])), 2, WIDTH, 4),
    };
    let columns_of = |key: &str, names: &[(&str, &str)]| {
        let mut table = vec![names.iter().map(|(_, title)| (*title).to_owned()).collect::<Vec<_>>()];
        for row in rows(facts, key) {
            table.push(names.iter().map(|(name, _)| cell(&row[*name])).collect());
        }
        if table.len() > 1 { columns(&table) } else { Vec::new() }
    };
    lines.extend(columns_of(
        "deciles",
        &[
            ("decile", "tenth"),
            ("customers", "customers"),
            ("p_churn_mean", "p_churn"),
            ("churn_rate", "churned"),
            ("lift", "lift"),
            ("gain", "of all churners"),
            ("predicted", "predicted"),
            ("actual", "actual"),
            ("above_upper", "above the interval"),
        ]
        .into_iter()
        .filter(|(name, _)| facts["deciles"][0].get(*name).is_some())
        .collect::<Vec<_>>(),
    ));
    lines.extend(columns_of(
        "by_segment",
        &[
            ("segment", "segment"),
            ("customers", "customers"),
            ("p_churn_mean", "p_churn"),
            ("churn_rate", "churned"),
            ("auc", "AUC within"),
            ("brier", "Brier"),
        ],
    ));
    lines
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::Number(n) if n.is_u64() => number(value),
        Value::Number(n) => fixed(n.as_f64().unwrap_or(0.0), 3),
        other => text(other),
    }
}

fn rows(facts: &Value, key: &str) -> Vec<Value> {
    facts[key].as_array().cloned().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn number(value: &Value) -> String {
    value.as_u64().map_or_else(String::new, count)
}

fn header(names: &[&str]) -> Vec<Vec<String>> {
    vec![names.iter().map(|name| (*name).to_owned()).collect()]
}

/// Each file with its rows.
fn sources(facts: &Value) -> Vec<Vec<String>> {
    let mut lines = header(&["source", "rows", "read", "refused"]);
    for source in rows(facts, "sources") {
        let (rows_in, rows_out) = (&source["rows_in"], &source["rows_out"]);
        let refused = rows_in.as_u64().unwrap_or(0).saturating_sub(rows_out.as_u64().unwrap_or(0));
        lines.push(vec![text(&source["name"]), number(rows_in), number(rows_out), count(refused)]);
    }
    lines
}

/// The failed checks, errors first.
fn failed(facts: &Value) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    for (key, severity) in [("failed_errors", "error"), ("failed_warnings", "warn"), ("failed_notes", "info")] {
        lines.extend(rows(facts, key).iter().map(|name| vec![text(name), severity.to_owned()]));
    }
    lines
}

/// Rows in, by file: kept, and set aside by stage and reason.
fn balance(facts: &Value) -> Vec<Vec<String>> {
    let mut lines = header(&["source", "stage", "reason", "rows"]);
    for kept in rows(facts, "kept_by_source") {
        lines.push(vec![text(&kept["source"]), String::new(), "kept".to_owned(), number(&kept["rows"])]);
        for aside in rows(facts, "set_aside").iter().filter(|aside| aside["source"] == kept["source"]) {
            let reason = text(&aside["reason"]);
            lines.push(vec![String::new(), text(&aside["stage"]), reason, number(&aside["rows"])]);
        }
    }
    lines.push(vec!["all".to_owned(), String::new(), "rows in".to_owned(), number(&facts["rows_in"])]);
    lines
}

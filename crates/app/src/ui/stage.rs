//! What one stage did, for people.

use serde_json::Value;
use tenure_stages::ctx::Stage;
use tenure_stages::pipeline::StageReport;

use super::number::count;
use super::segment;
use super::table::columns;

/// The sentence, and below it the account where there is one.
pub(super) fn page(report: &StageReport) -> String {
    let mut page = format!("{}: {}\n", report.stage.name(), report.sentence);
    let lines = match report.stage {
        Stage::Ingest => columns(&sources(&report.facts)),
        Stage::Validate => columns(&failed(&report.facts)),
        Stage::Clean => columns(&balance(&report.facts)),
        Stage::Segment => segment::lines(&report.facts),
        _ => Vec::new(),
    };
    for line in lines {
        page.push_str(&line);
        page.push('\n');
    }
    page
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

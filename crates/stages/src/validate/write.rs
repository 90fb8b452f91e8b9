//! The results as `validation.json` (Great Expectations' field names) and as a page.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::Validation;
use super::check::{Category, Check, Severity, percent, thousands};
use super::findings::rounded;

/// The most examples a check shows on the page; the file has them all.
const EXAMPLES_ON_PAGE: usize = 5;

impl Validation {
    /// The results as JSON: `success`, `statistics` and `meta` as in a Great Expectations result, and for each check
    /// in `results` its name, category and severity beside `success`, `element_count`, `unexpected_count`,
    /// `unexpected_percent` (0 to 100) and `partial_unexpected_list`. What was not checked is null.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let evaluated = self.checks.iter().filter(|c| c.success.is_some()).count();
        let successful = self.checks.iter().filter(|c| c.success == Some(true)).count();
        json!({
            "success": self.passed,
            "statistics": {
                "evaluated_expectations": evaluated,
                "successful_expectations": successful,
                "unsuccessful_expectations": evaluated - successful,
                "success_percent": if evaluated == 0 { Value::Null } else { rounded(100.0 * successful as f64 / evaluated as f64) },
                "not_evaluated": self.checks.len() - evaluated,
                "failed_errors": self.failed(Severity::Error).count(),
                "failed_warnings": self.failed(Severity::Warn).count(),
                "failed_notes": self.failed(Severity::Info).count(),
            },
            "meta": {
                "table": "transactions",
                "rows": self.rows,
                "first_at": self.first_at.map(|t| t.to_string()),
                "last_at": self.last_at.map(|t| t.to_string()),
                "data_end": self.data_end.to_string(),
            },
            "results": self.checks.iter().map(check_json).collect::<Vec<_>>(),
        })
    }

    /// The results as a Markdown page: the verdict, a table of all checks by category, then what failed with
    /// examples and remedies, errors first.
    #[must_use]
    pub fn to_page(&self) -> String {
        let mut page = String::from("# Validation\n\n");
        let verdict =
            if self.passed { "No check of severity error failed." } else { "Checks of severity error failed." };
        let span = match (self.first_at, self.last_at) {
            (Some(first), Some(last)) => format!(" from {first} to {last}"),
            _ => String::new(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(page, "{verdict} {} rows{span}.\n\n{}.", thousands(self.rows), self.sentence());
        for category in Category::ALL {
            let _ = writeln!(page, "\n## {} {}\n", category.number(), category.title());
            page.push_str("| check | result | unexpected | of | share | found |\n|---|---|---:|---:|---:|---|\n");
            for check in self.checks.iter().filter(|c| c.category == category) {
                page.push_str(&check_row(check));
            }
        }
        page.push_str("\n# What failed\n");
        for severity in [Severity::Error, Severity::Warn, Severity::Info] {
            for check in self.failed(severity) {
                page.push_str(&check_section(check));
            }
        }
        if self.checks.iter().all(|c| !c.failed()) {
            page.push_str("\nNothing.\n");
        }
        page
    }
}

fn check_json(check: &Check) -> Value {
    json!({
        "name": check.name,
        "category": check.category.number(),
        "category_name": check.category.title(),
        "severity": check.severity,
        "success": check.success,
        "element": check.unit,
        "element_count": check.element_count,
        "unexpected_count": check.unexpected_count,
        "unexpected_percent": check.unexpected_percent().map(rounded),
        "partial_unexpected_list": check.partial_unexpected_list,
        "sentence": check.sentence,
        "remedy": check.remedy,
        "observed": check.observed,
    })
}

fn result_word(check: &Check) -> &'static str {
    match check.success {
        None => "not checked",
        Some(true) => "ok",
        Some(false) => check.severity.word(),
    }
}

fn check_row(check: &Check) -> String {
    let count = |n: Option<u64>| n.map_or_else(String::new, thousands);
    let share = match (check.unexpected_count, check.element_count) {
        (Some(part), Some(whole)) if whole > 0 => percent(part, whole),
        _ => String::new(),
    };
    format!(
        "| {} | {} | {} | {} {} | {share} | {} |\n",
        check.name,
        result_word(check),
        count(check.unexpected_count),
        count(check.element_count),
        if check.element_count.is_some() { check.unit } else { "" },
        cell(&Value::from(check.sentence.clone()))
    )
}

fn check_section(check: &Check) -> String {
    let mut text =
        format!("\n## {}: {}\n\n{}\n\n*{}*\n", check.severity.word(), check.name, plain(&check.sentence), check.remedy);
    let shown = &check.partial_unexpected_list[..check.partial_unexpected_list.len().min(EXAMPLES_ON_PAGE)];
    if let Some(first) = shown.first() {
        let columns: Vec<&String> = first.keys().filter(|k| shown.iter().any(|row| !row[*k].is_null())).collect();
        let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        text.push('\n');
        text.push_str(&row(columns.iter().map(|c| (*c).clone()).collect()));
        text.push_str(&row(vec!["---".to_owned(); columns.len()]));
        for example in shown {
            text.push_str(&row(columns.iter().map(|c| cell_of(example, c)).collect()));
        }
    }
    text
}

fn cell_of(example: &Map<String, Value>, column: &str) -> String {
    example.get(column).map_or_else(String::new, cell)
}

/// A value as a cell of a Markdown table.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => plain(text),
        // A whole number reads better without its ".0".
        Value::Number(n) => n.as_f64().map_or_else(|| n.to_string(), |v| v.to_string()),
        other => plain(&other.to_string()),
    }
}

/// Text from the data on one line and without markup: what a source holds must not become part of the page.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => safe.push(' '),
            '|' | '`' | '[' | ']' | '\\' => {
                safe.push('\\');
                safe.push(c);
            }
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            c if c.is_control() => {}
            c => safe.push(c),
        }
    }
    safe
}

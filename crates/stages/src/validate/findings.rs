//! From what was counted to a check: the pass or fail, the sentence, the severity.

use serde_json::{Map, Value};
use tenure_tables::frame::Frame;

use super::catalogue::{self, Spec};
use super::check::{Check, MAX_EXAMPLES, Severity, counted, mask, percent};

/// What was counted for one check.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    pub(super) elements: u64,
    pub(super) unexpected: u64,
    pub(super) examples: Vec<Map<String, Value>>,
    /// Instead of the sentence that the counts make.
    pub(super) sentence: Option<String>,
    /// After the sentence.
    pub(super) detail: String,
    pub(super) observed: Map<String, Value>,
}

/// The checks so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    checks: Vec<Check>,
}

impl Findings {
    /// Puts another remedy in the place of a check's own, where that would not be true of these data.
    pub(super) fn cure(&mut self, spec: &Spec, remedy: &'static str) {
        for check in self.checks.iter_mut().filter(|check| check.name == spec.name) {
            check.remedy = remedy.into();
        }
    }

    /// Adds a check that passes when nothing is unexpected.
    pub(super) fn put(&mut self, spec: &Spec, found: Found) {
        let success = found.unexpected == 0;
        self.judge(spec, found, success);
    }

    /// Adds a check with a verdict of its own.
    pub(super) fn judge(&mut self, spec: &Spec, found: Found, success: bool) {
        let share = if found.elements == 0 { 0.0 } else { found.unexpected as f64 / found.elements as f64 };
        let escalates = !success && spec.error_above.is_some_and(|limit| share > limit);
        let mut sentence = found.sentence.unwrap_or_else(|| counts_sentence(spec, found.elements, found.unexpected));
        if !found.detail.is_empty() {
            sentence.push(' ');
            sentence.push_str(&found.detail);
        }
        let mut examples = found.examples;
        examples.truncate(MAX_EXAMPLES);
        self.checks.push(Check {
            name: spec.name.into(),
            category: spec.category,
            severity: if escalates { Severity::Error } else { spec.severity },
            success: Some(success),
            unit: spec.unit,
            element_count: Some(found.elements),
            unexpected_count: Some(found.unexpected),
            partial_unexpected_list: examples,
            sentence,
            remedy: spec.remedy.into(),
            observed: found.observed,
        });
    }

    /// Adds a check whose question does not apply; `why` completes "Not checked: …".
    pub(super) fn skip(&mut self, spec: &Spec, why: &str) {
        self.checks.push(Check {
            name: spec.name.into(),
            category: spec.category,
            severity: spec.severity,
            success: None,
            unit: spec.unit,
            element_count: None,
            unexpected_count: None,
            partial_unexpected_list: Vec::new(),
            sentence: format!("Not checked: {why}."),
            remedy: spec.remedy.into(),
            observed: Map::new(),
        });
    }

    /// Adds a check that is not in the catalogue.
    pub(super) fn add(&mut self, check: Check) {
        self.checks.push(check);
    }

    /// The checks in the order of the catalogue, then the others as they came.
    pub(super) fn into_checks(mut self) -> Vec<Check> {
        let place = |check: &Check| catalogue::ALL.iter().position(|spec| spec.name == check.name);
        self.checks.sort_by_key(|check| place(check).unwrap_or(usize::MAX));
        self.checks
    }
}

fn counts_sentence(spec: &Spec, elements: u64, unexpected: u64) -> String {
    if unexpected == 0 {
        return format!("None of {} {}.", counted(elements, spec.unit), spec.fault);
    }
    format!(
        "{} of {} ({}) {}.",
        super::check::thousands(unexpected),
        counted(elements, spec.unit),
        percent(unexpected, elements),
        spec.fault
    )
}

/// How a column is shown in an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    /// As it is; an instant in ISO form.
    Text,
    /// Masked.
    Customer,
    /// A number.
    Number,
    /// An integer.
    Count,
}

/// The rows of a frame as examples: each column with the name it is shown under.
pub(super) fn examples(
    frame: &Frame,
    columns: &[(&str, &str, Show)],
) -> tenure_tables::Result<Vec<Map<String, Value>>> {
    let mut rows = vec![Map::new(); frame.n_rows()];
    for (column, shown_as, show) in columns {
        match show {
            Show::Number => fill(&mut rows, shown_as, &frame.f64s(column)?, |v| number(*v)),
            Show::Count => fill(&mut rows, shown_as, &frame.i64s(column)?, |v| Value::from(*v)),
            Show::Text => fill(&mut rows, shown_as, &frame.opt_texts(column)?, |v| Value::from(v.clone())),
            Show::Customer => {
                fill(&mut rows, shown_as, &frame.opt_texts(column)?, |v| Value::from(v.as_deref().map(mask)));
            }
        }
    }
    Ok(rows)
}

fn fill<T>(rows: &mut [Map<String, Value>], name: &str, values: &[T], value: impl Fn(&T) -> Value) {
    for (row, v) in rows.iter_mut().zip(values) {
        row.insert(name.to_owned(), value(v));
    }
}

/// A number for JSON: null stays null, infinity is a word.
pub(super) fn number(v: f64) -> Value {
    if v.is_nan() {
        Value::Null
    } else if v.is_infinite() {
        Value::from(if v > 0.0 { "infinity" } else { "-infinity" })
    } else {
        Value::from(v)
    }
}

/// A figure rounded to six decimals, so that the page and the file show the same.
pub(super) fn rounded(v: f64) -> Value {
    number((v * 1e6).round() / 1e6)
}

/// An object from its entries.
pub(super) fn object<const N: usize>(entries: [(&str, Value); N]) -> Map<String, Value> {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]

    use super::*;

    #[test]
    fn a_share_above_the_limit_is_an_error() {
        let mut findings = Findings::default();
        let found = |unexpected| Found { elements: 100, unexpected, ..Found::default() };
        findings.put(&catalogue::CUSTOMER_ID_PRESENT, found(50));
        findings.put(&catalogue::CUSTOMER_ID_PRESENT, found(51));
        findings.put(&catalogue::CUSTOMER_ID_PRESENT, found(0));
        findings.skip(&catalogue::CUSTOMER_ID_PRESENT, "there is no such column");
        let checks = findings.into_checks();
        let verdicts: Vec<_> = checks.iter().map(|c| (c.success, c.severity)).collect();
        assert_eq!(
            verdicts,
            [
                (Some(false), Severity::Warn),
                (Some(false), Severity::Error),
                (Some(true), Severity::Warn),
                (None, Severity::Warn)
            ]
        );
        assert_eq!(checks[0].sentence, "50 of 100 rows (50.00 %) lack a customer id.");
        assert_eq!(checks[2].sentence, "None of 100 rows lack a customer id.");
        assert_eq!(checks[3].sentence, "Not checked: there is no such column.");
        assert_eq!(checks[3].unexpected_percent(), None);
    }

    #[test]
    fn numbers_that_json_lacks_are_words() {
        assert_eq!(number(f64::NAN), Value::Null);
        assert_eq!(number(f64::NEG_INFINITY), Value::from("-infinity"));
        assert_eq!(rounded(0.123_456_78), Value::from(0.123_457));
    }
}

//! What a check is: its category and severity, what it counted, a few masked examples, and a sentence for people.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

/// The most examples a check shows.
pub const MAX_EXAMPLES: usize = 20;

/// One of the eight categories of checks, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// 1: columns and their types.
    Schema,
    /// 2: missing values.
    Completeness,
    /// 3: repeated rows.
    Uniqueness,
    /// 4: values and signs that cannot be.
    Ranges,
    /// 5: instants, gaps, order, truncated periods.
    Time,
    /// 6: ids that contradict each other.
    Identity,
    /// 7: rules of the trade.
    Rules,
    /// 8: volume, freshness and drift.
    Drift,
}

impl Category {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Schema,
        Self::Completeness,
        Self::Uniqueness,
        Self::Ranges,
        Self::Time,
        Self::Identity,
        Self::Rules,
        Self::Drift,
    ];

    /// Its number, 1 to 8.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    /// Its name.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Schema => "schema and types",
            Self::Completeness => "completeness",
            Self::Uniqueness => "uniqueness",
            Self::Ranges => "ranges and signs",
            Self::Time => "time",
            Self::Identity => "identity and reference",
            Self::Rules => "business rules",
            Self::Drift => "volume, freshness and drift",
        }
    }
}

/// How much a failed check matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know; nothing has to be done.
    Info,
    /// Later stages cope, but figures are affected.
    Warn,
    /// Results would be wrong; `--strict` stops here.
    Error,
}

impl Severity {
    /// The word that stands in the outputs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Its name, stable between releases.
    pub name: Cow<'static, str>,
    /// Its category.
    pub category: Category,
    /// How much a failure matters; a failure beyond the check's error share is an error.
    pub severity: Severity,
    /// Whether the data passed; `None` where the question does not apply (the source has no such column).
    pub success: Option<bool>,
    /// What was counted: `rows`, `orders`, `days` …
    pub unit: &'static str,
    /// How many were looked at; `None` where the question does not apply.
    pub element_count: Option<u64>,
    /// How many of them are unexpected; `None` where the question does not apply.
    pub unexpected_count: Option<u64>,
    /// Up to [`MAX_EXAMPLES`] unexpected elements, customer ids masked, in a fixed order.
    pub partial_unexpected_list: Vec<Map<String, Value>>,
    /// What was found, for people.
    pub sentence: String,
    /// What to do about it.
    pub remedy: Cow<'static, str>,
    /// Further figures behind the sentence, by name.
    pub observed: Map<String, Value>,
}

impl Check {
    /// The unexpected share in per cent, `None` where nothing was looked at.
    #[must_use]
    pub fn unexpected_percent(&self) -> Option<f64> {
        match (self.unexpected_count, self.element_count) {
            (Some(unexpected), Some(elements)) if elements > 0 => Some(100.0 * unexpected as f64 / elements as f64),
            _ => None,
        }
    }

    /// Whether the check failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.success == Some(false)
    }
}

/// Hides a personal id: at most its first two characters stay, never half of it or more, and its length is not told.
///
/// ```
/// assert_eq!(tenure_stages::validate::mask("17850"), "17***");
/// assert_eq!(tenure_stages::validate::mask("jo@example.org"), "jo***");
/// assert_eq!(tenure_stages::validate::mask("42"), "***");
/// ```
#[must_use]
pub fn mask(id: &str) -> String {
    let length = id.chars().count();
    let kept = (length.saturating_sub(1) / 2).min(2);
    id.chars().take(kept).chain("***".chars()).collect()
}

/// A count with thousands separated: `1,067,371`.
#[must_use]
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its unit, in the singular where it is one: `1 row`, `2 rows`.
#[must_use]
pub(super) fn counted(count: u64, unit: &str) -> String {
    let unit = match (count, unit) {
        (1, "countries") => "country",
        (1, "currencies") => "currency",
        (1, plural) => plural.strip_suffix('s').unwrap_or(plural),
        (_, plural) => plural,
    };
    format!("{} {unit}", thousands(count))
}

/// A share for people: two decimals, and never `0 %` for something that exists.
#[must_use]
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "none".to_owned();
    }
    let share = 100.0 * part as f64 / whole as f64;
    if part > 0 && share < 0.01 { "under 0.01 %".to_owned() } else { format!("{share:.2} %") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]

    use super::*;

    #[test]
    fn a_mask_never_shows_half_of_an_id() {
        for (id, masked) in
            [("17850", "17***"), ("1785", "1***"), ("abc", "a***"), ("ab", "***"), ("7", "***"), ("", "***")]
        {
            assert_eq!(mask(id), masked);
        }
        assert_eq!(mask("éàüöß"), "éà***");
        for length in 1..40 {
            let id = "x".repeat(length);
            assert!(mask(&id).matches('x').count() * 2 < length.max(1));
        }
        assert_eq!(mask("12345678901234567890").len(), mask("17850").len());
    }

    #[test]
    fn counts_read_well() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_067_371), "1,067,371");
        assert_eq!(counted(1, "rows"), "1 row");
        assert_eq!(counted(2, "rows"), "2 rows");
        assert_eq!(counted(1, "currencies"), "1 currency");
        assert_eq!(percent(1, 1_000_000), "under 0.01 %");
        assert_eq!(percent(243_007, 1_067_371), "22.77 %");
        assert_eq!(percent(0, 5), "0.00 %");
    }

    #[test]
    fn categories_are_numbered_in_order() {
        let numbers: Vec<u8> = Category::ALL.iter().map(|c| c.number()).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
    }
}

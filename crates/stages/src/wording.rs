//! Words for the ids of files, where a reader sees them.

use crate::reasons;

/// Ids that are not read as they are written.
static NAMES: [(&str, &str); 9] = [
    ("mbg_nbd", "MBG/NBD"),
    ("lightgbm", "LightGBM"),
    ("pooled", "pool"),
    ("boosting", "gradient boosting"),
    ("logistic", "logistic regression"),
    ("log_target", "boosting of log spend"),
    ("carry_forward", "spend carried forward"),
    ("if_retained", "spend if kept"),
    ("no_customer", "no customer id"),
];

/// A model, a reason or a feature as a reader sees it; what has no name of its own is told as a feature is.
pub(crate) fn name(id: &str) -> String {
    match NAMES.iter().find(|(other, _)| *other == id) {
        Some((_, name)) => (*name).to_owned(),
        None => reasons::short_name(id),
    }
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn ids_become_words() {
        let ids = ["mbg_nbd", "monetary_avg", "by_segment", "duplicate", "recency", "at_stake"];
        let names = ["MBG/NBD", "mean order value", "by segment", "duplicate", "recency", "at stake"];
        assert_eq!(ids.map(name), names);
    }
}

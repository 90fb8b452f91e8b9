//! What a plan is held to besides its budget.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Method;
use super::offers::Cap;

/// The limits of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConstraintsConfig {
    /// Money for the plan; `None` = the table's default ([`Config::budget`]).
    #[serde(with = "super::auto_is_none")]
    pub budget: Option<f64>,
    /// How the plan is found.
    pub method: Method,
    /// Share of the customers kept without an offer.
    pub holdout_share: f64,
    /// Least net per unit of cost.
    pub min_roi: f64,
    /// Most customers with any offer.
    pub max_contacts: Cap,
    /// File of the customers who are never to be contacted; empty = none.
    pub suppress: String,
    /// What the plan makes the most of; read through [`Config::risk`].
    pub risk: String,
    /// The most customers of offers; read through [`Config::cap`].
    pub caps: BTreeMap<String, Cap>,
    /// Limits on some offers to some segments.
    #[serde(default)]
    pub limits: Vec<LimitConfig>,
}

/// A limit on some offers to some customers. What is not set does not bind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitConfig {
    /// Its name, unique.
    pub name: String,
    /// The offers it is about; empty = all.
    #[serde(default)]
    pub offers: Vec<String>,
    /// The segments it is about; empty = everybody.
    #[serde(default)]
    pub segments: Vec<String>,
    /// Most money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_budget: Option<f64>,
    /// Least money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_budget: Option<f64>,
    /// Most customers; a share is one of those it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_customers: Option<Cap>,
    /// Least customers, as the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_customers: Option<Cap>,
}

impl LimitConfig {
    /// A limit of that name that binds nothing yet.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            offers: Vec::new(),
            segments: Vec::new(),
            max_budget: None,
            min_budget: None,
            max_customers: None,
            min_customers: None,
        }
    }

    /// The most and the least customers out of `n` that it is about, the most rounded down and the least up.
    pub fn customers(&self, n: u64) -> (Option<u64>, Option<u64>) {
        let least = |least: Cap| match least {
            Cap::Share(share) => (share * n as f64 - 1e-9).ceil().max(0.0) as u64,
            Cap::Count(count) => count,
        };
        (self.max_customers.map(|most| most.customers(n)), self.min_customers.map(least))
    }
}

/// What a plan makes the most of.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Risk {
    /// The expected net.
    #[default]
    Mean,
    /// The mean net of this worst share of what may be.
    Cvar(f64),
    /// The net that is fallen short of with this probability.
    Quantile(f64),
}

impl Risk {
    /// Reads `mean`, `cvar:0.1` or `quantile:0.25`; `None` where it is none of them.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "mean" {
            return Some(Self::Mean);
        }
        let (name, share) = text.split_once(':')?;
        let share: f64 = share.parse().ok().filter(|share| *share > 0.0 && *share < 1.0)?;
        match name {
            "cvar" => Some(Self::Cvar(share)),
            "quantile" => Some(Self::Quantile(share)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_the_least_round_up_and_of_the_most_down() {
        let limit =
            |max_customers, min_customers| LimitConfig { max_customers, min_customers, ..LimitConfig::named("x") };
        let (tenth, hundred, one) = (Some(Cap::Share(0.1)), Some(Cap::Count(100)), Some(Cap::Count(1)));
        assert_eq!(limit(tenth, tenth).customers(39), (Some(3), Some(4)));
        assert_eq!(limit(tenth, tenth).customers(30), (Some(3), Some(3)));
        assert_eq!(limit(hundred, hundred).customers(30), (Some(30), Some(100)));
        assert_eq!(limit(one, one).customers(30), (Some(1), Some(1)));
        assert_eq!(limit(None, None).customers(30), (None, None));
    }

    #[test]
    fn risk_is_a_word_or_a_word_and_a_share() {
        assert_eq!(Risk::parse("mean"), Some(Risk::Mean));
        assert_eq!(Risk::parse("cvar:0.1"), Some(Risk::Cvar(0.1)));
        assert_eq!(Risk::parse("quantile:0.25"), Some(Risk::Quantile(0.25)));
        for bad in ["cvar", "cvar:0", "cvar:1", "var:0.1", "cvar:x", ""] {
            assert_eq!(Risk::parse(bad), None, "{bad}");
        }
    }
}

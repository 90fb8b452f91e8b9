//! Reasons in words: what moves one customer's forecast, as sentence fragments that a marketer can read.
//!
//! Contributions come in hundreds of features of which many say the same thing in different ways. So they are summed
//! within a theme ([`Theme`]) before they are ranked: three orders' worth of windows on "how much was bought lately"
//! would otherwise fill all three places. A theme speaks through its strongest member that pulls the way the theme
//! pulls; a member that pulls the other way would contradict the direction that stands beside it.
//!
//! The drivers are the themes of the largest absolute sum, whichever way they pull, each with its direction in words.
//! Only those that raise the risk would be what a campaign wants to hear, but they would explain a forecast that was
//! not made: of a loyal customer with a long pause they would tell the pause alone, and who reads them would take a
//! safe customer for one at risk.

mod names;
mod phrases;

pub(crate) use names::short as short_name;
pub use phrases::Theme;

use crate::number;
use phrases::{Form, Phrase, Unit};

/// What the contributions explain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The log-odds of churn.
    Churn,
    /// The logarithm of forecast spend, beside that of a typical customer.
    Value,
}

impl Outcome {
    fn effect(self, contribution: f64) -> &'static str {
        match (self, contribution > 0.0) {
            (Self::Churn, true) => "raises the risk",
            (Self::Churn, false) => "lowers the risk",
            (Self::Value, true) => "speaks for more than a typical customer",
            (Self::Value, false) => "speaks for less than a typical customer",
        }
    }
}

/// A driver of one customer's forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// What it is about.
    pub theme: Theme,
    /// The feature that speaks for the theme.
    pub feature: String,
    /// Sum of the contributions of the theme's features.
    pub contribution: f64,
    /// The words, such as `last bought 212 days ago, longer ago than 91 % of customers (raises the risk)`.
    pub text: String,
}

/// The values that the customers have of one feature, to say where one of them stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    /// Rising, without the missing.
    sorted: Vec<f64>,
}

/// Shares of the customers below, at and above a value.
#[derive(Debug, Clone, Copy)]
struct Place {
    below: f64,
    equal: f64,
    above: f64,
}

impl Spread {
    /// The spread of a column; NaN is missing.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        Self { sorted }
    }

    fn place(&self, value: f64) -> Option<Place> {
        let n = self.sorted.len();
        if n == 0 || value.is_nan() {
            return None;
        }
        let below = self.sorted.partition_point(|v| *v < value);
        let upto = self.sorted.partition_point(|v| *v <= value);
        let share = |count: usize| count as f64 / n as f64;
        Some(Place { below: share(below), equal: share(upto - below), above: share(n - upto) })
    }
}

/// Puts contributions into words, for customers of one population.
#[derive(Debug, Clone)]
pub struct Reasons {
    features: Vec<(String, Option<&'static Phrase>, Spread)>,
    outcome: Outcome,
    currency: String,
}

impl Reasons {
    /// For features of these names with these columns (one a name, NaN is missing), and money in `currency` (a code
    /// such as `GBP`, or empty). A feature without a column is told without a comparison.
    #[must_use]
    pub fn new(names: &[String], columns: &[Vec<f64>], outcome: Outcome, currency: &str) -> Self {
        let spread = |i: usize| Spread::of(columns.get(i).map_or(&[], Vec::as_slice));
        let features = names.iter().enumerate().map(|(i, name)| (name.clone(), phrases::of(name), spread(i)));
        Self { features: features.collect(), outcome, currency: currency.to_owned() }
    }

    /// The `count` strongest drivers of a customer with these values and contributions, in the order of the features;
    /// further contributions, such as the bias that TreeSHAP ends with, are passed over. Themes whose contributions
    /// cancel out are no drivers.
    #[must_use]
    pub fn of(&self, values: &[f64], contributions: &[f64], count: usize) -> Vec<Reason> {
        let mut sums: Vec<(Theme, f64)> = Vec::new();
        let theme = |i: usize| self.features[i].1.map_or(Theme::Attributes, |phrase| phrase.theme);
        let n = self.features.len().min(values.len()).min(contributions.len());
        for (i, contribution) in contributions.iter().enumerate().take(n) {
            match sums.iter_mut().find(|(known, _)| *known == theme(i)) {
                Some((_, sum)) => *sum += contribution,
                None => sums.push((theme(i), *contribution)),
            }
        }
        sums.retain(|(_, sum)| sum.abs() > 0.0);
        // The sort is stable: equals keep the order of the features.
        sums.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        let told = sums.into_iter().take(count).filter_map(|(theme_told, sum)| {
            let pulls = |i: &usize| theme(*i) == theme_told && contributions[*i] * sum > 0.0;
            let speaker = (0..n)
                .filter(pulls)
                .reduce(|best, i| if contributions[i].abs() > contributions[best].abs() { i } else { best })?;
            let text = format!("{} ({})", self.describe(speaker, values[speaker]), self.outcome.effect(sum));
            Some(Reason { theme: theme_told, feature: self.features[speaker].0.clone(), contribution: sum, text })
        });
        told.collect()
    }

    /// A value in words, and how many customers have less or more.
    fn describe(&self, i: usize, value: f64) -> String {
        let (name, phrase, spread) = &self.features[i];
        let (words, more, less) = match phrase {
            Some(phrase) => (fact(phrase, value, &self.currency), phrase.more, phrase.less),
            // What a word is told by is how many have it: there is nothing to compare besides.
            None if is_share(name, value) => return attribute(name, value),
            None => (attribute(name, value), "more", "less"),
        };
        match spread.place(value) {
            Some(place) => format!("{words}, {}", standing(place, more, less)),
            None => words,
        }
    }
}

/// A feature's value in words.
fn fact(phrase: &Phrase, value: f64, currency: &str) -> String {
    if value.is_nan() {
        return phrase.missing.to_owned();
    }
    match phrase.form {
        Form::Amount { unit, words, zero } => {
            let is_nothing = value.abs() < 1e-9 && !zero.is_empty();
            if is_nothing { zero.to_owned() } else { words.replace("{}", &amount(unit, value, currency)) }
        }
        Form::Change { unit, up, down, same } => match value {
            v if v.abs() < 1e-9 => same.to_owned(),
            v => (if v > 0.0 { up } else { down }).replace("{}", &amount(unit, v.abs(), currency)),
        },
    }
}

fn amount(unit: Unit, value: f64, currency: &str) -> String {
    match unit {
        Unit::Days if value.round() < 1.0 => "less than a day".to_owned(),
        Unit::Days => counted(value, "day", "days"),
        Unit::Count(one, many) => counted(value, one, many),
        Unit::Money => number::money(value, currency),
        Unit::Share => number::percent(value),
        Unit::Number(decimals) => format!("{value:.decimals$}"),
        Unit::PerHundred => format!("{:.0}", value * 100.0),
        Unit::Nats => format!("{:.0}", value.exp()),
    }
}

fn counted(value: f64, one: &str, many: &str) -> String {
    let count = value.round().max(0.0) as u64;
    format!("{} {}", number::count(count), if count == 1 { one } else { many })
}

fn is_share(name: &str, value: f64) -> bool {
    name.starts_with("attr_") && name.ends_with("_share") && (0.0..=1.0).contains(&value)
}

/// A column of the shop's own, of which only the name is known: `attr_visits` is told as `visits 4`. The name of a
/// column of words ends in `_share`; its value is the share of customers who have the same word.
fn attribute(name: &str, value: f64) -> String {
    let own = name.strip_prefix("attr_").unwrap_or(name);
    let readable = own.strip_suffix("_share").unwrap_or(own).replace('_', " ");
    match value {
        v if v.is_nan() => format!("no value for {readable}"),
        v if is_share(name, v) => format!("{readable} like {} of customers", number::percent(v)),
        v if v.fract().abs() < 1e-9 => format!("{readable} {v:.0}"),
        v => format!("{readable} {v:.2}"),
    }
}

/// Where a value stands among the customers. The share that says most is told: those below, those above, or those with
/// just the same.
fn standing(place: Place, more: &str, less: &str) -> String {
    // Rounded down and never all: who is compared is a customer too, even where the spread is that of others.
    let percent = |share: f64| format!("{:.0} %", (share * 100.0 + 1e-9).floor().min(99.0));
    if place.equal >= 1.0 {
        return "like all customers".to_owned();
    }
    if place.equal >= place.below.max(place.above) {
        return format!("like {} of customers", percent(place.equal));
    }
    if place.below >= place.above {
        format!("{more} than {} of customers", percent(place.below))
    } else {
        format!("{less} than {} of customers", percent(place.above))
    }
}

#[cfg(test)]
mod tests;

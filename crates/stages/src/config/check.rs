//! One rule per key: its type, its domain, and how to say them. Then what goes with what.

use serde_json::Value;

use crate::time::Instant;

use super::source::Places;
use super::{
    Basis, COLUMNS, CUSTOMER_COLUMNS, ChurnModel, ChurnWindow, Clusters, Config, ConfigError, DateOrder, Duplicates,
    Method, OfferTable, Outliers, Place, Population, RateKind, RfmTies, SegmentMap, ValueModel, ValueReading, suggest,
};

/// What a key accepts.
pub(super) enum Accepts {
    /// A whole number, both ends included.
    Whole(i64, i64),
    /// Zero, or a whole number, both ends included.
    ZeroOr(i64, i64),
    /// A finite number, both ends included.
    Number(f64, f64),
    /// A finite number above the first and up to the second.
    Above(f64, f64),
    /// A finite number strictly between the two.
    Between(f64, f64),
    /// A finite number from the first to below the second.
    Below(f64, f64),
    /// True or false.
    Flag,
    /// Any text.
    Text,
    /// A text that is not empty.
    Name,
    /// A text of one character.
    Character,
    /// A date, or the empty text.
    Date,
    /// A list of texts that are not empty.
    Names,
    /// One of some words.
    Word(&'static [&'static str]),
    /// A share from 0 to 1, or a whole number above 1.
    Cap,
    /// `mean`, or `cvar` or `quantile` of a share.
    Risk,
    /// `"auto"`, or what is inside.
    Auto(&'static Accepts),
}

use Accepts::{
    Above, Auto, Below, Between, Cap, Character, Date, Flag, Name, Names, Number, Risk, Text, Whole, Word, ZeroOr,
};

const MOST: i64 = i64::MAX;

/// The rule of each key, in the order of `default.toml`. `*` stands for the keys of a free table.
pub(super) const RULES: &[(&str, Accepts)] = &[
    ("run.seed", Whole(0, MOST)),
    ("run.threads", Whole(0, 1024)),
    ("run.memory_mib", Whole(0, 1 << 30)),
    ("data.date_order", Auto(&Word(DateOrder::WORDS))),
    ("data.delimiter", Auto(&Character)),
    ("data.encoding", Auto(&Name)),
    ("data.decimal_comma", Auto(&Flag)),
    ("data.sheets", Names),
    ("data.currency", Text),
    ("data.cancellation_prefix", Text),
    ("data.non_product_codes", Names),
    ("data.non_product_prefixes", Names),
    ("data.columns.*", Name),
    ("customers.file", Text),
    ("customers.never_changes", Names),
    ("customers.ignore", Names),
    ("customers.text", Names),
    ("customers.columns.*", Name),
    ("snapshots.as_of", Date),
    ("snapshots.every_months", Whole(1, 12)),
    ("snapshots.min_history_days", Whole(1, 3650)),
    ("snapshots.max", Whole(0, 10_000)),
    ("validate.strict", Flag),
    ("validate.contract", Text),
    ("validate.freshness_days", Whole(1, 3650)),
    ("validate.drift_psi", Above(0.0, f64::MAX)),
    ("clean.duplicates", Word(Duplicates::WORDS)),
    ("clean.outliers", Word(Outliers::WORDS)),
    ("clean.iqr_factor", Above(0.0, 100.0)),
    ("segments.map", Word(SegmentMap::WORDS)),
    ("segments.rfm_ties", Word(RfmTies::WORDS)),
    ("segments.clusters", Word(Clusters::WORDS)),
    ("segments.k", ZeroOr(2, 50)),
    ("segments.k_min", Whole(2, 50)),
    ("segments.k_max", Whole(2, 50)),
    ("segments.starts", Whole(1, 1000)),
    ("segments.min_cluster", Between(0.0, 0.5)),
    ("segments.iqr_factor", Above(0.0, 100.0)),
    ("segments.isolation", Between(0.5, 1.0)),
    ("segments.rules[].name", Name),
    ("segments.rules[].codes", Names),
    ("segments.rules[].goal", Name),
    ("segments.rules[].actions", Names),
    ("segments.rules[].campaign_type", Name),
    ("churn.horizon_days", Whole(1, 730)),
    ("churn.population", Word(Population::WORDS)),
    ("churn.active_days", Whole(1, 3650)),
    ("churn.window", Word(ChurnWindow::WORDS)),
    ("churn.gap_factor", Above(0.0, 100.0)),
    ("churn.model", Auto(&Word(ChurnModel::WORDS))),
    ("churn.balanced", Flag),
    ("churn.beta", Above(0.0, 10.0)),
    ("value.horizon_days", Whole(1, 730)),
    ("value.basis", Word(Basis::WORDS)),
    ("value.model", Auto(&Word(ValueModel::WORDS))),
    ("value.discount_rate", Number(0.0, 10.0)),
    ("value.margin", Above(0.0, 1.0)),
    ("value.risk_lambda", Number(0.0, 10.0)),
    ("value.interval", Between(0.5, 1.0)),
    ("features.lifetimes", Flag),
    ("boosting.rounds", Whole(1, 10_000)),
    ("boosting.learning_rate", Above(0.0, 1.0)),
    ("boosting.leaves", Whole(2, 1024)),
    ("boosting.min_rows", Whole(1, MOST)),
    ("boosting.row_sample", Above(0.0, 1.0)),
    ("boosting.column_sample", Above(0.0, 1.0)),
    ("boosting.lambda", Number(0.0, f64::MAX)),
    ("backtest.origins", Whole(1, 60)),
    ("offers.table", Word(OfferTable::WORDS)),
    ("offers.value", Word(ValueReading::WORDS)),
    ("offers.rate_kind", Auto(&Word(RateKind::WORDS))),
    ("offers.margin", Above(0.0, 1.0)),
    ("offers.winback", Number(0.0, 1.0)),
    ("offers.rate_doubt", Number(0.0, 2.0)),
    ("offers.custom[].name", Name),
    ("offers.custom[].contact_cost", Number(0.0, f64::MAX)),
    ("offers.custom[].rate", Number(0.0, 1.0)),
    ("offers.custom[].discount_share", Number(0.0, 1.0)),
    ("offers.custom[].redemption", Number(0.0, 1.0)),
    ("offers.custom[].max_share", Number(0.0, 1.0)),
    ("offers.custom[].rate_source", Name),
    ("offers.custom[].rate_low", Number(0.0, 1.0)),
    ("offers.custom[].rate_high", Number(0.0, 1.0)),
    ("constraints.budget", Auto(&Number(0.0, f64::MAX))),
    ("constraints.method", Word(Method::WORDS)),
    ("constraints.holdout_share", Below(0.0, 1.0)),
    ("constraints.min_roi", Number(0.0, f64::MAX)),
    ("constraints.max_contacts", Cap),
    ("constraints.suppress", Text),
    ("constraints.risk", Risk),
    ("constraints.caps.*", Cap),
    ("constraints.limits[].name", Name),
    ("constraints.limits[].offers", Names),
    ("constraints.limits[].segments", Names),
    ("constraints.limits[].max_budget", Number(0.0, f64::MAX)),
    ("constraints.limits[].min_budget", Number(0.0, f64::MAX)),
    ("constraints.limits[].max_customers", Cap),
    ("constraints.limits[].min_customers", Cap),
    ("report.figures", Flag),
    ("report.dpi", Whole(50, 1200)),
    ("report.bootstrap_replicates", Whole(50, 100_000)),
];

/// Keys without which an entry of a list means nothing.
const REQUIRED: &[(&str, &str)] = &[
    ("segments.rules[]", "name"),
    ("segments.rules[]", "codes"),
    ("offers.custom[]", "name"),
    ("offers.custom[]", "contact_cost"),
    ("offers.custom[]", "rate"),
    ("constraints.limits[]", "name"),
];

impl Accepts {
    fn admits(&self, value: &Value) -> bool {
        let number = || value.as_f64().filter(|number| number.is_finite());
        let text = || value.as_str();
        match self {
            Whole(min, max) => value.as_i64().is_some_and(|whole| (*min..=*max).contains(&whole)),
            ZeroOr(min, max) => value.as_i64().is_some_and(|whole| whole == 0 || (*min..=*max).contains(&whole)),
            Number(min, max) => number().is_some_and(|number| (*min..=*max).contains(&number)),
            Above(min, max) => number().is_some_and(|number| number > *min && number <= *max),
            Between(min, max) => number().is_some_and(|number| number > *min && number < *max),
            Below(min, max) => number().is_some_and(|number| number >= *min && number < *max),
            Flag => value.is_boolean(),
            Text => value.is_string(),
            Name => text().is_some_and(|text| !text.trim().is_empty()),
            Character => text().is_some_and(|text| text.chars().count() == 1),
            Date => text().is_some_and(|text| text.is_empty() || is_date(text)),
            Names => value.as_array().is_some_and(|items| items.iter().all(|item| Name.admits(item))),
            Word(words) => text().is_some_and(|text| words.contains(&text)),
            Cap => super::Cap::read(value).is_some(),
            Risk => text().is_some_and(|text| super::Risk::parse(text).is_some()),
            Auto(inner) => text() == Some("auto") || inner.admits(value),
        }
    }

    /// What is accepted, in words.
    pub(super) fn describe(&self) -> String {
        match self {
            Whole(min, MOST) => format!("a whole number, {min} or more"),
            Whole(min, max) => format!("a whole number from {min} to {max}"),
            ZeroOr(min, max) => format!("0, or a whole number from {min} to {max}"),
            Number(min, max) if *max >= f64::MAX => format!("a number, {min} or more"),
            Number(min, max) => format!("a number from {min} to {max}"),
            Above(min, max) if *max >= f64::MAX => format!("a number above {min}"),
            Above(min, max) => format!("a number above {min} and up to {max}"),
            Between(min, max) => format!("a number above {min} and below {max}"),
            Below(min, max) => format!("a number from {min} to below {max}"),
            Flag => "true or false, without quotes".to_owned(),
            Text => "a text in quotes".to_owned(),
            Name => "a text in quotes that is not empty".to_owned(),
            Character => "one character in quotes".to_owned(),
            Date => "a date such as \"2011-06-01\" or \"2011-06-01T12:00:00\", or \"\"".to_owned(),
            Names => "a list of texts, such as [\"one\", \"two\"]".to_owned(),
            Word(words) => words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" or "),
            Cap => "a whole number of customers, or a share of them such as 0.4 or \"40 %\" (1 is one customer, 1.0 all of them)".to_owned(),
            Risk => "\"mean\", or \"cvar:0.1\" or \"quantile:0.25\" with a share between 0 and 1".to_owned(),
            Auto(inner) => format!("{}, or \"auto\"", inner.describe()),
        }
    }
}

// A year of two digits is a slip, not the first century.
fn is_date(text: &str) -> bool {
    Instant::parse(text).is_some_and(|instant| (1900..2200).contains(&instant.ymd().0))
}

/// Checks each given key and value by itself; of several faults, the one that stands first in the file is told.
pub(super) fn values(given: &Value, places: &Places) -> Result<(), ConfigError> {
    let mut faults = Vec::new();
    walk(given, "", "", places, &mut faults);
    let line = |fault: &ConfigError| match fault {
        ConfigError::UnknownKey { place: Place::Line { line, .. }, .. }
        | ConfigError::Value { place: Place::Line { line, .. }, .. }
        | ConfigError::MissingKey { place: Place::Line { line, .. }, .. } => *line,
        _ => 0,
    };
    faults.into_iter().min_by_key(line).map_or(Ok(()), Err)
}

fn walk(value: &Value, pattern: &str, path: &str, places: &Places, faults: &mut Vec<ConfigError>) {
    let refuse = |accepts: String| ConfigError::Value {
        place: places.of(path),
        key: path.to_owned(),
        found: describe(value),
        accepts,
    };
    if let Some(rule) = rule(pattern) {
        if !rule.admits(value) {
            faults.push(refuse(rule.describe()));
        }
        return;
    }
    let list = format!("{pattern}[]");
    if RULES.iter().any(|(key, _)| key.starts_with(&list)) {
        let Some(items) = value.as_array().filter(|items| items.iter().all(Value::is_object)) else {
            faults.push(refuse(format!("blocks that start with [[{pattern}]]")));
            return;
        };
        for (i, item) in items.iter().enumerate() {
            entry(item, &list, &format!("{path}[{i}]"), places, faults);
        }
        return;
    }
    let Some(object) = value.as_object() else {
        faults.push(refuse(format!("settings below a line [{pattern}]")));
        return;
    };
    let free = rule(&join(pattern, "*")).is_some();
    for (key, child) in object {
        let path = join(path, key);
        let (known, pattern) = if free {
            (columns(pattern).is_none_or(|columns| columns.contains(&key.as_str())), join(pattern, "*"))
        } else {
            let children = children(pattern);
            (children.contains(&key.as_str()), join(pattern, key))
        };
        if known {
            walk(child, &pattern, &path, places, faults);
        } else {
            faults.push(unknown(key, &pattern, path, places));
        }
    }
}

fn entry(item: &Value, pattern: &str, path: &str, places: &Places, faults: &mut Vec<ConfigError>) {
    for (_, key) in REQUIRED.iter().filter(|(list, key)| *list == pattern && item.get(key).is_none()) {
        faults.push(ConfigError::MissingKey {
            place: places.of(path),
            entry: path.to_owned(),
            key: (*key).to_owned(),
            accepts: rule(&join(pattern, key)).map(Accepts::describe).unwrap_or_default(),
        });
    }
    walk(item, pattern, path, places, faults);
}

fn unknown(key: &str, pattern: &str, path: String, places: &Places) -> ConfigError {
    let parent = pattern.rsplit_once('.').map_or("", |(parent, _)| parent);
    let siblings = columns(parent).map_or_else(|| children(parent), <[&str]>::to_vec);
    let leaf = |key: &'static str| key.rsplit('.').next().unwrap_or(key);
    let nearest = suggest::nearest(key, siblings.iter().copied()).map(|name| join(parent, name)).or_else(|| {
        let name = suggest::nearest(key, RULES.iter().map(|(key, _)| leaf(key)).filter(|name| *name != "*"))?;
        RULES.iter().find(|(key, _)| leaf(key) == name).map(|(key, _)| (*key).to_owned())
    });
    ConfigError::UnknownKey {
        place: places.of(&path),
        key: path,
        nearest,
        known: siblings.into_iter().map(str::to_owned).collect(),
    }
}

// The columns that a mapping may name.
fn columns(pattern: &str) -> Option<&'static [&'static str]> {
    match pattern {
        "data.columns" => Some(&COLUMNS),
        "customers.columns" => Some(&CUSTOMER_COLUMNS),
        _ => None,
    }
}

fn rule(pattern: &str) -> Option<&'static Accepts> {
    RULES.iter().find(|(key, _)| *key == pattern).map(|(_, accepts)| accepts)
}

// The names that may follow `pattern`, each once, in the order of the rules.
fn children(pattern: &str) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for (key, _) in RULES {
        let rest = if pattern.is_empty() {
            Some(*key)
        } else {
            key.strip_prefix(pattern).and_then(|rest| rest.strip_prefix('.'))
        };
        if let Some(name) = rest.and_then(|rest| rest.split(['.', '[']).next())
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "NaN or infinite".to_owned(),
        Value::Number(number) if number.is_f64() => number.as_f64().unwrap_or(f64::NAN).to_string(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) if text.chars().count() > 60 => {
            format!("\"{}…\"", text.chars().take(60).collect::<String>())
        }
        Value::String(text) => format!("\"{text}\""),
        Value::Array(items) => match items.iter().find(|item| !Name.admits(item)) {
            Some(item) if !item.is_array() => format!("a list that holds {}", describe(item)),
            _ => "a list".to_owned(),
        },
        Value::Object(_) => "a table of settings".to_owned(),
    }
}

/// Checks settings against each other, and brings caps to the spelling of their offers.
pub(super) fn together(config: &mut Config, places: &Places) -> Result<(), ConfigError> {
    let against = |key: &str, sentence: String, cure: &str| {
        Err(ConfigError::Contradiction { place: places.of(key), sentence, cure: cure.to_owned() })
    };
    let segments = &config.segments;
    if segments.k_min > segments.k_max {
        let sentence = format!("segments.k_min is {}, above segments.k_max of {}", segments.k_min, segments.k_max);
        return against("segments.k_min", sentence, "lower k_min or raise k_max");
    }
    if segments.map == SegmentMap::Custom && segments.rules.is_empty() {
        let sentence = "the map of segments is custom, but no [[segments.rules]] is given".to_owned();
        return against(
            "segments.map",
            sentence,
            "add a block [[segments.rules]] with name and codes to the configuration",
        );
    }
    for (i, rule) in segments.rules.iter().enumerate() {
        if !rule.actions.is_empty() && rule.actions.len() != 4 {
            let sentence = format!("the segment {} has {} actions", rule.name, rule.actions.len());
            return against(&format!("segments.rules[{i}].actions"), sentence, "give it four, or none");
        }
    }
    if config.offers.table == OfferTable::Custom && config.offers.custom.is_empty() {
        let sentence = "the offer table is custom, but no [[offers.custom]] is given".to_owned();
        return against(
            "offers.table",
            sentence,
            "add a block [[offers.custom]] with name, contact_cost and rate to the configuration",
        );
    }
    for (i, offer) in config.offers.custom.iter().enumerate() {
        let key = format!("offers.custom[{i}].name");
        if offer.name.eq_ignore_ascii_case("none") {
            return against(
                &key,
                "an offer is called None, which is the name of making no offer".to_owned(),
                "give it another name",
            );
        }
        if config.offers.custom[..i].iter().any(|other| other.name.eq_ignore_ascii_case(&offer.name)) {
            return against(&key, format!("two offers are called {}", offer.name), "give each offer its own name");
        }
    }
    let tiers = config.offers.tiers();
    let mut caps = std::collections::BTreeMap::new();
    for (name, &limit) in &config.constraints.caps {
        let key = format!("constraints.caps.{name}");
        let Some(tier) = tiers.iter().find(|tier| tier.name.eq_ignore_ascii_case(name)) else {
            return Err(ConfigError::UnknownKey {
                place: places.of(&key),
                nearest: suggest::nearest(name, tiers.iter().map(|tier| tier.name.as_str())).map(str::to_owned),
                known: tiers.iter().map(|tier| tier.name.clone()).collect(),
                key,
            });
        };
        if caps.insert(tier.name.clone(), limit).is_some() {
            return against(&key, format!("the offer {} has two caps", tier.name), "keep one of them");
        }
    }
    config.constraints.caps = caps;
    for (i, offer) in config.offers.custom.iter().enumerate() {
        if offer.rate_low.is_some() != offer.rate_high.is_some() {
            let sentence = format!("of the interval of the rate of {} one end is missing", offer.name);
            return against(&format!("offers.custom[{i}]"), sentence, "give rate_low and rate_high, or neither");
        }
        if let (Some(low), Some(high)) = (offer.rate_low, offer.rate_high)
            && !(low <= offer.rate && offer.rate <= high && low < high)
        {
            let sentence = format!("the rate of {}, {}, is not within {low} to {high}", offer.name, offer.rate);
            return against(&format!("offers.custom[{i}].rate_low"), sentence, "give rate_low < rate < rate_high");
        }
    }
    for i in 0..config.constraints.limits.len() {
        let limit = &config.constraints.limits[i];
        let key = format!("constraints.limits[{i}]");
        if config.constraints.limits[..i].iter().any(|other| other.name == limit.name) {
            return against(&key, format!("two limits are called {}", limit.name), "give each limit its own name");
        }
        let in_money = limit.max_budget.or(limit.min_budget);
        if in_money.is_none() && limit.max_customers.or(limit.min_customers).is_none() {
            let sentence = format!("the limit {} limits nothing", limit.name);
            return against(&key, sentence, "give it max_budget, min_budget, max_customers or min_customers");
        }
        if let (Some(least), Some(most)) = (limit.min_budget, limit.max_budget)
            && least > most
        {
            let sentence = format!("the limit {} asks for at least {least} and at most {most}", limit.name);
            return against(&key, sentence, "lower min_budget or raise max_budget");
        }
        let mut offers = Vec::new();
        for (k, name) in limit.offers.iter().enumerate() {
            let key = format!("{key}.offers[{k}]");
            match tiers.iter().find(|tier| tier.name.eq_ignore_ascii_case(name)) {
                Some(tier) => offers.push(tier.name.clone()),
                None => {
                    let names: Vec<&str> = tiers.iter().map(|tier| tier.name.as_str()).collect();
                    let sentence = format!("the limit {} names {name}, which is no offer", limit.name);
                    return against(&key, sentence, &format!("name one of {}", names.join(", ")));
                }
            }
        }
        config.constraints.limits[i].offers = offers;
    }
    Ok(())
}

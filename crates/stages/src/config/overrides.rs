//! Flags of the command line, laid over a configuration.

use serde_json::{Value, json};

use super::source::Places;
use super::{Config, OfferTable, OffersConfig};

/// What the command line sets; `None` or empty leaves the configuration as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// `--as-of`
    pub as_of: Option<String>,
    /// `--budget`
    pub budget: Option<f64>,
    /// `--offers`
    pub offers: Option<String>,
    /// `--cap`, several: offer, then what `[constraints.caps]` takes.
    pub caps: Vec<(String, Value)>,
    /// `--method`
    pub method: Option<String>,
    /// `--risk`
    pub risk: Option<String>,
    /// `--suppress`
    pub suppress: Option<String>,
    /// `--churn-days`
    pub churn_days: Option<i64>,
    /// `--value-days`
    pub value_days: Option<i64>,
    /// `--model` of `tenure churn`
    pub churn_model: Option<String>,
    /// `--model` of `tenure value`
    pub value_model: Option<String>,
    /// `--origins`
    pub origins: Option<i64>,
    /// `--map`
    pub map: Option<String>,
    /// `--rfm-ties`
    pub rfm_ties: Option<String>,
    /// `--clusters`
    pub clusters: Option<String>,
    /// `--k`
    pub k: Option<i64>,
    /// `--date-order`
    pub date_order: Option<String>,
    /// `--customers`
    pub customers: Option<String>,
    /// `--strict`
    pub strict: bool,
    /// `--contract`
    pub contract: Option<String>,
    /// `--seed`
    pub seed: Option<i64>,
    /// `--threads`
    pub threads: Option<i64>,
}

impl Overrides {
    /// The configuration's value with the flags in it, and the flags as places.
    pub(super) fn lay_over(&self, config: &Config) -> (Value, Places) {
        let mut value = config.to_value();
        let mut places = Places::none();
        let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
        let flags: [(&'static str, &'static str, &'static str, Option<Value>); 21] = [
            ("--as-of", "snapshots", "as_of", text(&self.as_of)),
            // NaN has no JSON; null is refused by the rule, as it should be.
            ("--budget", "constraints", "budget", self.budget.map(|money| json!(money))),
            ("--offers", "offers", "table", text(&self.offers)),
            ("--method", "constraints", "method", text(&self.method)),
            ("--risk", "constraints", "risk", text(&self.risk)),
            ("--suppress", "constraints", "suppress", text(&self.suppress)),
            ("--churn-days", "churn", "horizon_days", self.churn_days.map(|days| json!(days))),
            ("--value-days", "value", "horizon_days", self.value_days.map(|days| json!(days))),
            ("--model", "churn", "model", text(&self.churn_model)),
            ("--model", "value", "model", text(&self.value_model)),
            ("--origins", "backtest", "origins", self.origins.map(|origins| json!(origins))),
            ("--map", "segments", "map", text(&self.map)),
            ("--rfm-ties", "segments", "rfm_ties", text(&self.rfm_ties)),
            ("--clusters", "segments", "clusters", text(&self.clusters)),
            ("--k", "segments", "k", self.k.map(|k| json!(k))),
            ("--date-order", "data", "date_order", text(&self.date_order)),
            ("--customers", "customers", "file", text(&self.customers)),
            ("--strict", "validate", "strict", self.strict.then(|| json!(true))),
            ("--contract", "validate", "contract", text(&self.contract)),
            ("--seed", "run", "seed", self.seed.map(|seed| json!(seed))),
            ("--threads", "run", "threads", self.threads.map(|threads| json!(threads))),
        ];
        for (flag, section, key, given) in flags {
            if let Some(given) = given {
                places.flag(&format!("{section}.{key}"), flag);
                value[section][key] = given;
            }
        }
        let caps = &mut value["constraints"]["caps"];
        if let Ok(Some(table)) = serde_json::from_value::<Option<OfferTable>>(json!(self.offers))
            && table != config.offers.table
            && let Some(inherited) = caps.as_object_mut()
        {
            let tiers = OffersConfig { table, ..config.offers.clone() }.tiers();
            inherited.retain(|name, _| tiers.iter().any(|tier| tier.name == *name));
        }
        for (name, limit) in &self.caps {
            places.flag(&format!("constraints.caps.{name}"), "--cap");
            caps[name.as_str()] = limit.clone();
        }
        (value, places)
    }
}

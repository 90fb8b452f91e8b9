//! Every setting of tenure, in one type.
//!
//! The defaults live in one commented file, `default.toml`, which `tenure init` writes; a user's file is laid over
//! it. Each key has one rule (type and domain) in `check`, which files, flags and programs all pass. Errors name
//! file, line and key, and what would be accepted.

mod check;
mod codes;
mod error;
mod limits;
mod models;
mod offers;
mod overrides;
mod segments;
mod source;
pub(crate) mod suggest;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use codes::non_product_pattern;
pub use error::{ConfigError, Place};
pub use limits::{ConstraintsConfig, LimitConfig, Risk};
pub(crate) use models::NOT_BUILT_CURE;
pub(crate) use offers::is_assumed;
pub use offers::{Cap, Offer};
pub use overrides::Overrides;
pub use segments::{SegmentRule, SegmentsConfig};

use crate::time::Instant;
use source::Places;

const DEFAULT: &str = include_str!("default.toml");

/// The canonical columns a source column can be mapped to, in `[data.columns]`.
pub const COLUMNS: [&str; 15] = [
    "customer_id",
    "order_id",
    "sku",
    "description",
    "quantity",
    "unit_price",
    "amount",
    "ordered_at",
    "recorded_at",
    "country",
    "currency",
    "discount",
    "category",
    "channel",
    "store",
];

/// The columns of a table of customers that are no attributes, in `[customers.columns]`.
pub const CUSTOMER_COLUMNS: [&str; 2] = ["customer_id", "valid_from"];

/// The whole configuration. `default.toml` says what each key means, its unit and its domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Config {
    pub run: RunConfig,
    pub data: DataConfig,
    pub customers: CustomersConfig,
    pub snapshots: SnapshotsConfig,
    pub validate: ValidateConfig,
    pub clean: CleanConfig,
    pub segments: SegmentsConfig,
    pub churn: ChurnConfig,
    pub value: ValueConfig,
    pub features: FeaturesConfig,
    pub boosting: BoostingConfig,
    pub backtest: BacktestConfig,
    pub offers: OffersConfig,
    pub constraints: ConstraintsConfig,
    pub report: ReportConfig,
}

/// Seed and machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Start of every random stream.
    pub seed: u64,
    /// Worker threads; 0 = all cores.
    pub threads: usize,
    /// Memory the engine may hold, in MiB; 0 = no limit.
    pub memory_mib: u64,
}

/// How the source is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Order of day, month and year; `None` = told by the data, or refused.
    #[serde(with = "auto_is_none")]
    pub date_order: Option<DateOrder>,
    /// Character between CSV columns; `None` = found.
    #[serde(with = "auto_is_none")]
    pub delimiter: Option<char>,
    /// Encoding label; `None` = found.
    #[serde(with = "auto_is_none")]
    pub encoding: Option<String>,
    /// Whether 1,5 is one and a half; `None` = found.
    #[serde(with = "auto_is_none")]
    pub decimal_comma: Option<bool>,
    /// Sheets of a workbook; empty = all.
    pub sheets: Vec<String>,
    /// Currency of the money columns; empty = as in the data, else unnamed.
    pub currency: String,
    /// An order id that starts so cancels an earlier sale; empty = no such ids.
    pub cancellation_prefix: String,
    /// Stock codes that are no product, compared without case.
    pub non_product_codes: Vec<String>,
    /// Codes that start so are no product either.
    pub non_product_prefixes: Vec<String>,
    /// Canonical column ([`COLUMNS`]) to the source's name for it; the rest is found by name.
    pub columns: BTreeMap<String, String>,
}

/// The table of customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomersConfig {
    /// The file; empty = none.
    pub file: String,
    /// Attributes that never change.
    pub never_changes: Vec<String>,
    /// Columns that are not to be used.
    pub ignore: Vec<String>,
    /// Attributes that are words even where they look like numbers.
    pub text: Vec<String>,
    /// Column ([`CUSTOMER_COLUMNS`]) to the file's name for it; the rest is found by name.
    pub columns: BTreeMap<String, String>,
}

/// The snapshots a model learns from, and the one that is decided on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotsConfig {
    /// Instant of the decision; `None` = end of the data.
    #[serde(with = "empty_is_none")]
    pub as_of: Option<Instant>,
    /// Calendar months between snapshots.
    pub every_months: u32,
    /// Days of data the earliest snapshot must look back on.
    pub min_history_days: u32,
    /// At most so many snapshots; 0 = all.
    pub max: usize,
}

/// The checks on the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidateConfig {
    /// Whether a failed error-level check ends the run.
    pub strict: bool,
    /// File of a data contract; empty = none.
    pub contract: String,
    /// Days after which the last order is stale at the snapshot.
    pub freshness_days: u32,
    /// Population stability index above which the latest month has drifted.
    pub drift_psi: f64,
}

/// What becomes of duplicates and outliers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct CleanConfig {
    pub duplicates: Duplicates,
    pub outliers: Outliers,
    /// Distance of the fences from the quartiles, in interquartile ranges.
    pub iqr_factor: f64,
}

/// What churn is, and how it is modelled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChurnConfig {
    /// Churned = no purchase in so many days from the snapshot.
    pub horizon_days: u32,
    /// Whom the evaluation counts.
    pub population: Population,
    /// Days that make a customer active.
    pub active_days: u32,
    /// Whose silence counts as churn.
    pub window: ChurnWindow,
    /// Mean gaps of a customer's own that make its window.
    pub gap_factor: f64,
    /// The model; `None` = the champion of the backtest, else boosting and logistic pooled.
    #[serde(with = "auto_is_none")]
    pub model: Option<ChurnModel>,
    /// Whether both outcomes weigh the same in training.
    pub balanced: bool,
    /// Weight of recall against precision in the threshold.
    pub beta: f64,
}

/// What value is, and how it is modelled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueConfig {
    /// Value = spend in so many days from the snapshot.
    pub horizon_days: u32,
    /// Which spend counts.
    pub basis: Basis,
    /// The model; `None` = the champion of the backtest, else trees and the spend of the last year pooled.
    #[serde(with = "auto_is_none")]
    pub model: Option<ValueModel>,
    /// Yearly rate at which later spend counts less in the present value.
    pub discount_rate: f64,
    /// Share of revenue that is profit in the present value.
    pub margin: f64,
    /// Standard deviations taken off in the value with its risk.
    pub risk_lambda: f64,
    /// Share of outcomes between the lower and the upper value.
    pub interval: f64,
}

/// What the models of churn and value see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaturesConfig {
    /// Whether they also see what the MBG/NBD says of each customer.
    pub lifetimes: bool,
}

/// Gradient boosting, wherever it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct BoostingConfig {
    pub rounds: usize,
    pub learning_rate: f64,
    pub leaves: usize,
    /// Rows a leaf must hold.
    pub min_rows: usize,
    pub row_sample: f64,
    pub column_sample: f64,
    /// L2 penalty on leaf values.
    pub lambda: f64,
}

/// The contest of the models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BacktestConfig {
    /// Closed windows before the test window that decide.
    pub origins: usize,
}

/// The offers, and what is assumed of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OffersConfig {
    /// Which table is in effect; its rows come from [`OffersConfig::tiers`].
    pub table: OfferTable,
    /// What a kept customer is worth.
    pub value: ValueReading,
    /// How rates are read; `None` = the table's own reading ([`OffersConfig::rate_kind`]).
    #[serde(with = "auto_is_none")]
    pub rate_kind: Option<RateKind>,
    /// Share of revenue that is profit.
    pub margin: f64,
    /// Share of its rate that an offer has with a customer who has already left.
    pub winback: f64,
    /// Standard deviation of an assumed rate, as a share of it.
    pub rate_doubt: f64,
    /// The user's own table.
    #[serde(default)]
    pub custom: Vec<Offer>,
}

/// Figures and intervals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ReportConfig {
    pub figures: bool,
    /// Dots per inch of PNG files.
    pub dpi: u32,
    pub bootstrap_replicates: usize,
}

macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal: $meaning:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            $(#[doc = $meaning] #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// The words accepted for it in `tenure.toml`, and on the command line where a flag sets it.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// Every choice, in the order of the words.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word for it.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }
        }
    )+};
}

choices! {
    /// Order of the parts of a date.
    DateOrder { Dmy = "dmy": "Day, month, year.", Mdy = "mdy": "Month, day, year.", Ymd = "ymd": "Year, month, day." }
    /// What becomes of rows that repeat another.
    Duplicates { Drop = "drop": "Quarantined.", Keep = "keep": "Kept." }
    /// What becomes of lines beyond the fences.
    Outliers { Flag = "flag": "Kept and marked.", Cap = "cap": "Moved to the fence.", Drop = "drop": "Quarantined." }
    /// A map from RFM codes to segments.
    SegmentMap {
        Ten = "ten": "Ten segments over recency and frequency.",
        Eleven = "eleven": "Eleven segments over all 125 codes.",
        Custom = "custom": "The user's own rules.",
    }
    /// A way to find clusters.
    Clusters {
        Kmeans = "kmeans": "K-Means.",
        Minibatch = "minibatch": "K-Means on small batches, for millions of customers.",
        Mixture = "mixture": "A mixture of normal distributions.",
        Hdbscan = "hdbscan": "Dense regions; customers outside of them are in no cluster.",
    }
    /// What equal values do to an RFM score.
    RfmTies { Share = "share": "They share a score.", First = "first": "They are ranked by customer id." }
    /// Whom the churn evaluation counts.
    Population { All = "all": "Everybody acquired.", Active = "active": "Those with a purchase in the last `active_days`." }
    /// Whose silence counts as churn.
    ChurnWindow {
        Fixed = "fixed": "Silence for the same number of days.",
        OwnGap = "own_gap": "Silence for so many mean gaps of one's own.",
    }
    /// A model of churn, the simplest first.
    ChurnModel {
        Recency = "recency": "Recency alone.",
        MbgNbd = "mbg_nbd": "Buy till you die: P(no purchase) by the MBG/NBD.",
        Logistic = "logistic": "Penalised logistic regression.",
        Boosting = "boosting": "Gradient boosting.",
        Pooled = "pooled": "The mean log-odds of MBG/NBD, logistic regression and boosting.",
        BySegment = "by_segment": "The pool, and a regression of its own for each segment where that is better.",
        Lightgbm = "lightgbm": "Gradient boosting by LightGBM, where that is built.",
    }
    /// Which spend is value.
    Basis { Gross = "gross": "Sales.", Net = "net": "Sales less the cancellations in the window." }
    /// A model of value, the simplest first.
    ValueModel {
        CarryForward = "carry_forward": "The spend of the last horizon, carried forward.",
        MbgNbd = "mbg_nbd": "Buy till you die: purchases expected by the MBG/NBD, times one's own spend a purchase.",
        LogTarget = "log_target": "Boosting of the logarithm of spend, smeared back.",
        Boosting = "boosting": "Boosting under the Tweedie deviance.",
        Hurdle = "hurdle": "Boosting of whether there is spend, times boosting of how much.",
        Pooled = "pooled": "Tweedie boosting, the spend of the last year, and MBG/NBD.",
        Stack = "stack": "The others, weighed on the calibration window.",
        Lightgbm = "lightgbm": "Boosting under the Tweedie deviance by LightGBM, where that is built.",
    }
    /// A table of offers.
    OfferTable {
        Retention = "retention": "Light, Standard, Premium.",
        Coupons = "coupons": "Coupon5, Coupon10, Coupon20.",
        Custom = "custom": "The user's own.",
    }
    /// What a kept customer is worth.
    ValueReading {
        Clv = "clv": "The expected value, which already contains churn.",
        ClvIfRetained = "clv_if_retained": "The expected value given that the customer stays.",
        Monetary90d = "monetary_90d": "The spend of the last 90 days.",
    }
    /// How an offer's rate is read.
    RateKind {
        ShareOfChurners = "share_of_churners": "The offer keeps this share of those who would leave.",
        Points = "points": "The offer lowers the churn probability by up to this much.",
    }
    /// How the plan is found.
    Method {
        Optimal = "optimal": "Multiple-choice knapsack with a certificate.",
        Exact = "exact": "The same, and the rest of the gap closed by branch and bound.",
        Greedy = "greedy": "Highest expected value first.",
    }
}

/// An optional instant as text, empty for none.
mod empty_is_none {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::time::Instant;

    pub(super) fn serialize<S: Serializer>(value: &Option<Instant>, to: S) -> Result<S::Ok, S::Error> {
        value.map(|instant| instant.to_string()).unwrap_or_default().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Instant>, D::Error> {
        let text = String::deserialize(from)?;
        if text.is_empty() {
            return Ok(None);
        }
        Instant::parse(&text).map(Some).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not a date")))
    }
}

/// An optional setting whose absence is written `"auto"`.
mod auto_is_none {
    use serde::de::{DeserializeOwned, Error};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;

    pub(super) fn serialize<T: Serialize, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => value.serialize(to),
            None => to.serialize_str("auto"),
        }
    }

    pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
        match Value::deserialize(from)? {
            Value::String(word) if word == "auto" => Ok(None),
            value => serde_json::from_value(value).map(Some).map_err(Error::custom),
        }
    }
}

impl Default for Config {
    /// The configuration of `default.toml`.
    fn default() -> Self {
        build(Value::Object(serde_json::Map::new()), &Places::none())
            .expect("default.toml passes its own rules (tested)")
    }
}

impl Config {
    /// The commented file of all defaults, as `tenure init` writes it.
    pub fn default_toml() -> &'static str {
        DEFAULT
    }

    /// Reads a configuration file and lays it over the defaults.
    ///
    /// # Errors
    /// Any [`ConfigError`], with file and line.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads the text of a configuration file; `name` is the file's name in errors.
    ///
    /// # Errors
    /// Any [`ConfigError`] but `Unreadable`, with `name` and line.
    pub fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        let (given, places) = source::read(text, name)?;
        build(given, &places)
    }

    /// Reads what [`Config::to_manifest`] wrote.
    ///
    /// # Errors
    /// `UnknownKey`, `Value` or `Contradiction` where it was written by another version.
    pub fn from_manifest(parameters: &Value) -> Result<Self, ConfigError> {
        build(parameters.clone(), &Places::none())
    }

    /// The parameters saved in a run folder's `manifest.json`, if there is one that holds any.
    ///
    /// # Errors
    /// `Unreadable` where the file exists and is no JSON, else as [`Config::from_manifest`].
    pub fn saved_in(out: &Path) -> Result<Option<Self>, ConfigError> {
        let path = out.join("manifest.json");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(ConfigError::Unreadable { path, source }),
        };
        let manifest: Value =
            serde_json::from_str(&text).map_err(|error| ConfigError::Unreadable { path, source: error.into() })?;
        manifest.get("parameters").filter(|parameters| parameters.is_object()).map(Self::from_manifest).transpose()
    }

    /// Checks every value against its rule, and the settings against each other. Files and flags have passed this
    /// already; it is for configurations put together in code.
    ///
    /// # Errors
    /// `Value` or `Contradiction`.
    pub fn check(&self) -> Result<(), ConfigError> {
        build(self.to_value(), &Places::none()).map(|_| ())
    }

    /// A copy with the given flags laid over it. Changing the offer table drops caps on offers the new table lacks.
    ///
    /// # Errors
    /// `Value` or `Contradiction`, placed at the flag.
    pub fn with(&self, overrides: &Overrides) -> Result<Self, ConfigError> {
        let (value, places) = overrides.lay_over(self);
        build(value, &places)
    }

    /// All parameters that bear on results, in the order of `default.toml`. Threads and memory do not, and are
    /// left out: the manifest is the same on any machine.
    pub fn to_manifest(&self) -> Value {
        let mut value = self.to_value();
        if let Some(run) = value.get_mut("run").and_then(Value::as_object_mut) {
            run.shift_remove("threads");
            run.shift_remove("memory_mib");
        }
        // Where the file lies is of one machine; what it holds is among the inputs.
        if let Some(name) = Path::new(&self.customers.file).file_name() {
            value["customers"]["file"] = Value::String(name.to_string_lossy().into_owned());
        }
        if let Some(name) = Path::new(&self.constraints.suppress).file_name() {
            value["constraints"]["suppress"] = Value::String(name.to_string_lossy().into_owned());
        }
        value
    }

    /// The settings of the named sections (`churn`) and keys (`churn.beta`); every other one has its default.
    ///
    /// # Panics
    /// When there is no such section or key.
    #[must_use]
    pub fn only(&self, names: &[&str]) -> Self {
        let (all, mut some) = (self.to_value(), Self::default().to_value());
        for name in names {
            let place = format!("/{}", name.replace('.', "/"));
            let (from, to) = (all.pointer(&place), some.pointer_mut(&place));
            *to.expect("the name of a setting") = from.expect("the name of a setting").clone();
        }
        serde_json::from_value(some).expect("made of two configurations")
    }

    /// The plan's budget, in the data's currency.
    pub fn budget(&self) -> f64 {
        self.constraints.budget.unwrap_or_else(|| self.offers.default_budget())
    }

    /// What the plan makes the most of.
    pub fn risk(&self) -> Risk {
        Risk::parse(&self.constraints.risk).unwrap_or_default()
    }

    /// The cap on an offer of the table in effect: as set in `[constraints.caps]`, else the offer's own
    /// `max_share` where that is below 1.
    pub fn cap(&self, offer: &Offer) -> Option<Cap> {
        match self.constraints.caps.get(&offer.name) {
            Some(&cap) => Some(cap),
            None => (offer.max_share < 1.0).then_some(Cap::Share(offer.max_share)),
        }
    }

    /// The cap on each offer of the table in effect, as a number of customers out of `n`.
    pub fn caps(&self, n: usize) -> Vec<Option<usize>> {
        let cap = |offer| self.cap(offer).map(|cap| cap.customers(n as u64) as usize);
        self.offers.tiers().iter().map(cap).collect()
    }

    /// The engine's memory limit in bytes, if any.
    pub fn memory_bytes(&self) -> Option<usize> {
        (self.run.memory_mib > 0).then(|| usize::try_from(self.run.memory_mib << 20).unwrap_or(usize::MAX))
    }

    fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("text keys and finite or null numbers are JSON")
    }
}

// The one way into a `Config`: rules on what was given, the defaults beneath it, then what goes with what.
fn build(given: Value, places: &Places) -> Result<Config, ConfigError> {
    check::values(&given, places)?;
    let mut whole = source::read(DEFAULT, "default.toml")?.0;
    lay_over(&mut whole, given);
    let mut config: Config = serde_json::from_value(whole)
        .map_err(|error| ConfigError::Syntax { place: Place::Unknown, message: error.to_string() })?;
    models::check(&config, places)?;
    check::together(&mut config, places)?;
    Ok(config)
}

fn lay_over(base: &mut Value, given: Value) {
    match (base, given) {
        (Value::Object(base), Value::Object(given)) => {
            for (key, value) in given {
                lay_over(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, given) => *base = given,
    }
}

#[cfg(test)]
mod tests;

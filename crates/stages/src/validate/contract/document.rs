//! The file of a contract, as it is written.

use serde::Deserialize;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code, reason = "who wrote it, for people")]
pub(super) struct Document {
    pub(super) schema: Vec<Schema>,
    #[serde(default)]
    pub(super) api_version: Option<String>,
    #[serde(default)]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) version: Option<String>,
    #[serde(default)]
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) description: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Schema {
    pub(super) name: String,
    #[serde(default)]
    pub(super) properties: Vec<Property>,
    #[serde(default)]
    pub(super) quality: Vec<Quality>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Property {
    pub(super) name: String,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default)]
    pub(super) unique: bool,
    #[serde(default)]
    pub(super) logical_type_options: TypeOptions,
    #[serde(default)]
    pub(super) quality: Vec<Quality>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct TypeOptions {
    pub(super) minimum: Option<toml::Value>,
    pub(super) maximum: Option<toml::Value>,
    pub(super) min_length: Option<u32>,
    pub(super) max_length: Option<u32>,
    pub(super) pattern: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Quality {
    pub(super) metric: Metric,
    #[serde(default)]
    pub(super) arguments: Arguments,
    pub(super) must_be: Option<f64>,
    pub(super) must_be_less_than: Option<f64>,
    pub(super) must_be_less_or_equal_to: Option<f64>,
    pub(super) must_be_greater_than: Option<f64>,
    pub(super) must_be_greater_or_equal_to: Option<f64>,
    pub(super) must_be_between: Option<[f64; 2]>,
    #[serde(default)]
    pub(super) unit: Unit,
    #[serde(default)]
    pub(super) severity: Level,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Metric {
    RowCount,
    NullValues,
    InvalidValues,
    DuplicateValues,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Arguments {
    #[serde(default)]
    pub(super) valid_values: Vec<String>,
    pub(super) pattern: Option<String>,
    /// Columns that together must not repeat.
    #[serde(default)]
    pub(super) properties: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unit {
    #[default]
    Rows,
    Percent,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Info,
    Warning,
    #[default]
    Error,
}

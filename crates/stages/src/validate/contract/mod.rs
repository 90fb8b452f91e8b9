//! A data contract: what the user demands of the table `transactions`, in a file of its own.
//!
//! The form is TOML with the names of the Open Data Contract Standard (ODCS 3): `[[schema]]` with `properties` (`name`,
//! `required`, `unique`, `logicalTypeOptions`, `quality`) and `quality` (`metric`, an operator such as `mustBeLessThan`,
//! `unit`, `severity`). Every demand becomes a check; one that is not met is an error unless it says otherwise.

mod document;

use std::path::Path;

use serde_json::{Map, Value};
use tenure_tables::engine::{self, Engine};

use document::{Document, Level, Metric, Property, Quality, Unit};

use super::check::{Category, Check, MAX_EXAMPLES, Severity, counted, percent};
use super::findings::{Findings, Show, examples, object, rounded};
use crate::error::{Error, Result};
use crate::time::Instant;

/// The one table that a contract is about.
const TABLE: &str = "transactions";
const TEXTS: [&str; 9] =
    ["customer_id", "order_id", "sku", "description", "country", "currency", "category", "channel", "store"];
const NUMBERS: [&str; 4] = ["quantity", "unit_price", "amount", "discount"];
const INSTANTS: [&str; 2] = ["ordered_at", "recorded_at"];

/// What the user demands.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    demands: Vec<Demand>,
}

/// One demand: which lines break it, and how many may.
#[derive(Debug, Clone, PartialEq)]
struct Demand {
    name: String,
    category: Category,
    severity: Severity,
    what: What,
    limit: Limit,
    /// The demand as a clause: "must be filled".
    clause: String,
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    /// The number of lines.
    Rows,
    /// Lines for which a condition over the columns holds, of those for which another does.
    Lines { column: String, broken: String, of: String },
    /// Lines whose values in these columns have stood in an earlier line.
    Repeated { columns: Vec<String> },
}

/// What the counted number must be.
#[derive(Debug, Clone, PartialEq)]
struct Limit {
    at_least: f64,
    at_most: f64,
    /// Whether the ends themselves are refused.
    open: bool,
    unit: Unit,
}

impl Limit {
    const NONE: Self = Self { at_least: 0.0, at_most: 0.0, open: false, unit: Unit::Rows };

    fn holds(&self, value: f64) -> bool {
        if self.open {
            value > self.at_least && value < self.at_most
        } else {
            value >= self.at_least && value <= self.at_most
        }
    }
}

impl Contract {
    /// Reads a contract.
    ///
    /// # Errors
    /// [`Error::Input`] with file and line for what is no contract: an unknown key, column or metric, a demand without a
    /// limit.
    pub fn load(path: &Path) -> Result<Self> {
        let refuse = |problem: String, cure: &str| Error::Input {
            problem,
            place: Some(path.display().to_string()),
            cure: cure.to_owned(),
        };
        let text = std::fs::read_to_string(path).map_err(|e| {
            refuse(format!("the contract {} cannot be read: {e}", path.display()), "check the path of the contract")
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads the text of a contract; `name` is the file's name in errors.
    ///
    /// # Errors
    /// As [`Contract::load`].
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        let document: Document = toml::from_str(text).map_err(|e| {
            let line = e.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            Error::Input {
                problem: format!("the contract is not understood: {}", e.message()),
                place: Some(line.map_or_else(|| name.to_owned(), |line| format!("{name}, line {line}"))),
                cure: "write it as the guide shows: [[schema]] with properties and quality, in the names of ODCS 3"
                    .to_owned(),
            }
        })?;
        let refuse = |problem: String, cure: String| Error::Input { problem, place: Some(name.to_owned()), cure };
        let mut demands = Vec::new();
        for schema in &document.schema {
            if schema.name != TABLE {
                return Err(refuse(
                    format!("the contract speaks of a table {:?}", schema.name),
                    format!("name the schema {TABLE:?}: it is the one table that is checked"),
                ));
            }
            for quality in &schema.quality {
                demands.push(of_table(quality).map_err(|(problem, cure)| refuse(problem, cure))?);
            }
            for property in &schema.properties {
                demands.extend(of_property(property).map_err(|(problem, cure)| refuse(problem, cure))?);
            }
        }
        Ok(Self { demands })
    }

    /// Adds a check for every demand.
    ///
    /// # Errors
    /// Engine errors, among them a pattern that is no regular expression.
    pub(super) fn check(&self, engine: &Engine, findings: &mut Findings) -> Result<()> {
        for demand in &self.demands {
            findings.add(demand.check(engine)?);
        }
        Ok(())
    }
}

/// A problem and its cure.
type Refusal = (String, String);

fn of_table(quality: &Quality) -> std::result::Result<Demand, Refusal> {
    let limit = limit(quality)?;
    let what = match quality.metric {
        Metric::RowCount => What::Rows,
        Metric::DuplicateValues => {
            for column in &quality.arguments.properties {
                known(column)?;
            }
            if quality.arguments.properties.is_empty() {
                return Err((
                    "duplicateValues of the table names no columns".to_owned(),
                    "add arguments = { properties = [\"order_id\", \"sku\"] }".to_owned(),
                ));
            }
            What::Repeated { columns: quality.arguments.properties.clone() }
        }
        Metric::NullValues | Metric::InvalidValues => {
            return Err((
                "nullValues and invalidValues are asked of a column".to_owned(),
                "write them under [[schema.properties.quality]]".to_owned(),
            ));
        }
    };
    let metric = if what == What::Rows { "rowCount" } else { "duplicateValues" };
    Ok(Demand {
        name: format!("contract.{metric}"),
        category: if what == What::Rows { Category::Drift } else { Category::Uniqueness },
        severity: severity(quality.severity),
        clause: clause(metric, &limit),
        what,
        limit,
    })
}

fn of_property(property: &Property) -> std::result::Result<Vec<Demand>, Refusal> {
    let column = &property.name;
    known(column)?;
    let mut demands = Vec::new();
    let mut none = |rule: &str, category, clause: String, broken: String, of: String| {
        demands.push(Demand {
            name: format!("contract.{column}.{rule}"),
            category,
            severity: Severity::Error,
            what: What::Lines { column: column.clone(), broken, of },
            limit: Limit::NONE,
            clause,
        });
    };
    let filled = format!("{column} is not null");
    if property.required {
        none(
            "required",
            Category::Completeness,
            "must be filled".to_owned(),
            format!("{column} is null"),
            "true".to_owned(),
        );
    }
    let options = &property.logical_type_options;
    for (rule, bound, sign) in [("minimum", &options.minimum, "<"), ("maximum", &options.maximum, ">")] {
        if let Some(bound) = bound {
            let literal = literal(column, bound)?;
            let clause = format!("must be at {} {}", if sign == "<" { "least" } else { "most" }, bare(bound));
            none(rule, Category::Ranges, clause, format!("{column} {sign} {literal}"), filled.clone());
        }
    }
    for (rule, bound, sign) in [("minLength", options.min_length, "<"), ("maxLength", options.max_length, ">")] {
        if let Some(bound) = bound {
            text_only(column, rule)?;
            let clause = format!("must have at {} {bound} characters", if sign == "<" { "least" } else { "most" });
            none(rule, Category::Schema, clause, format!("character_length({column}) {sign} {bound}"), filled.clone());
        }
    }
    if let Some(pattern) = &options.pattern {
        text_only(column, "pattern")?;
        let broken = format!("not regexp_like({column}, {})", quoted(pattern));
        none("pattern", Category::Schema, format!("must match {pattern}"), broken, filled.clone());
    }
    if property.unique {
        demands.push(Demand {
            name: format!("contract.{column}.unique"),
            category: Category::Uniqueness,
            severity: Severity::Error,
            what: What::Repeated { columns: vec![column.clone()] },
            limit: Limit::NONE,
            clause: "must not repeat".to_owned(),
        });
    }
    for quality in &property.quality {
        demands.push(of_column(column, quality)?);
    }
    Ok(demands)
}

fn of_column(column: &str, quality: &Quality) -> std::result::Result<Demand, Refusal> {
    let limit = limit(quality)?;
    let filled = format!("{column} is not null");
    let lines = |broken: String, of: String| What::Lines { column: column.to_owned(), broken, of };
    let (metric, category, what) = match quality.metric {
        Metric::RowCount => {
            return Err((
                format!("rowCount is asked of the column {column}"),
                "write it under [[schema.quality]]".to_owned(),
            ));
        }
        Metric::NullValues => {
            ("nullValues", Category::Completeness, lines(format!("{column} is null"), "true".to_owned()))
        }
        Metric::DuplicateValues => {
            ("duplicateValues", Category::Uniqueness, What::Repeated { columns: vec![column.to_owned()] })
        }
        Metric::InvalidValues => {
            text_only(column, "invalidValues")?;
            let mut valid = Vec::new();
            if !quality.arguments.valid_values.is_empty() {
                let values: Vec<String> = quality.arguments.valid_values.iter().map(|v| quoted(v)).collect();
                valid.push(format!("{column} in ({})", values.join(", ")));
            }
            if let Some(pattern) = &quality.arguments.pattern {
                valid.push(format!("regexp_like({column}, {})", quoted(pattern)));
            }
            if valid.is_empty() {
                return Err((
                    format!("invalidValues of {column} does not say what is valid"),
                    "add arguments = { validValues = [\"GBP\"] }, or a pattern".to_owned(),
                ));
            }
            ("invalidValues", Category::Schema, lines(format!("not ({})", valid.join(" or ")), filled))
        }
    };
    Ok(Demand {
        name: format!("contract.{column}.{metric}"),
        category,
        severity: severity(quality.severity),
        clause: clause(metric, &limit),
        what,
        limit,
    })
}

fn severity(level: Level) -> Severity {
    match level {
        Level::Info => Severity::Info,
        Level::Warning => Severity::Warn,
        Level::Error => Severity::Error,
    }
}

fn limit(quality: &Quality) -> std::result::Result<Limit, Refusal> {
    let given = [
        quality.must_be.map(|v| (v, v, false)),
        quality.must_be_less_than.map(|v| (f64::NEG_INFINITY, v, true)),
        quality.must_be_less_or_equal_to.map(|v| (f64::NEG_INFINITY, v, false)),
        quality.must_be_greater_than.map(|v| (v, f64::INFINITY, true)),
        quality.must_be_greater_or_equal_to.map(|v| (v, f64::INFINITY, false)),
        quality.must_be_between.map(|[from, to]| (from, to, false)),
    ];
    match given.into_iter().flatten().collect::<Vec<_>>()[..] {
        [(at_least, at_most, open)] => Ok(Limit { at_least, at_most, open, unit: quality.unit }),
        _ => Err((
            format!("the metric {:?} has not exactly one limit", quality.metric),
            "give one of mustBe, mustBeLessThan, mustBeLessOrEqualTo, mustBeGreaterThan, mustBeGreaterOrEqualTo, \
             mustBeBetween"
                .to_owned(),
        )),
    }
}

fn clause(metric: &str, limit: &Limit) -> String {
    let unit = if limit.unit == Unit::Percent { " %" } else { "" };
    let ends = match (limit.at_least.is_finite(), limit.at_most.is_finite(), limit.open) {
        (true, true, _) if limit.at_least >= limit.at_most => format!("be {}{unit}", limit.at_most),
        (true, true, _) => format!("lie between {} and {}{unit}", limit.at_least, limit.at_most),
        (true, false, true) => format!("be more than {}{unit}", limit.at_least),
        (true, false, false) => format!("be at least {}{unit}", limit.at_least),
        (false, _, true) => format!("be less than {}{unit}", limit.at_most),
        (false, _, false) => format!("be at most {}{unit}", limit.at_most),
    };
    format!("{metric} must {ends}")
}

fn known(column: &str) -> std::result::Result<(), Refusal> {
    let all = || TEXTS.into_iter().chain(NUMBERS).chain(INSTANTS);
    if all().any(|name| name == column) {
        return Ok(());
    }
    Err((
        format!("the contract names a column {column:?}, which {TABLE} has not"),
        format!("its columns are {}", all().collect::<Vec<_>>().join(", ")),
    ))
}

fn text_only(column: &str, rule: &str) -> std::result::Result<(), Refusal> {
    if TEXTS.contains(&column) {
        return Ok(());
    }
    Err((
        format!("{rule} is asked of {column}, which is no text"),
        "use minimum and maximum for numbers and times".to_owned(),
    ))
}

/// A bound as SQL: a number for numbers, a date for times.
fn literal(column: &str, bound: &toml::Value) -> std::result::Result<String, Refusal> {
    let text = bare(bound);
    if NUMBERS.contains(&column)
        && let Ok(number) = text.parse::<f64>()
        && number.is_finite()
    {
        return Ok(format!("{number:?}"));
    }
    if INSTANTS.contains(&column)
        && let Some(at) = Instant::parse(&text)
    {
        return Ok(format!("arrow_cast({}, 'Timestamp(Microsecond, None)')", at.0));
    }
    Err((
        format!("{column} cannot be compared with {text}"),
        "give a number for a number, a date for a time".to_owned(),
    ))
}

fn bare(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Demand {
    fn check(&self, engine: &Engine) -> Result<Check> {
        let (elements, unexpected, shown) = match &self.what {
            What::Rows => {
                let n = engine.select(&format!("select count(*) as n from {TABLE}"), &[])?.one_i64("n")? as u64;
                (n, n, Vec::new())
            }
            What::Lines { column, broken, of } => {
                let counts = engine.select(
                    &format!(
                        "select count(*) as elements, sum(case when {broken} then 1 else 0 end) as broken
                         from {TABLE} where {of}"
                    ),
                    &[],
                )?;
                let elements = counts.one_i64("elements")? as u64;
                let broken_lines = if elements == 0 { 0 } else { counts.one_i64("broken")? as u64 };
                let shown = if broken_lines == 0 { Vec::new() } else { self.examples(engine, column, broken)? };
                (elements, broken_lines, shown)
            }
            What::Repeated { columns } => {
                let columns = columns.join(", ");
                let counts = engine.select(
                    &format!(
                        "select coalesce(sum(n), 0) as elements, coalesce(sum(n - 1), 0) as repeated from (
                             select count(*) as n from {TABLE} where {} group by {columns})",
                        columns.split(", ").map(|c| format!("{c} is not null")).collect::<Vec<_>>().join(" and ")
                    ),
                    &[],
                )?;
                (counts.one_i64("elements")? as u64, counts.one_i64("repeated")? as u64, Vec::new())
            }
        };
        let measured = match self.limit.unit {
            Unit::Rows => unexpected as f64,
            Unit::Percent if elements == 0 => 0.0,
            Unit::Percent => 100.0 * unexpected as f64 / elements as f64,
        };
        // A demand on the values of a column that has none can neither be met nor broken.
        let is_asked = elements > 0 || self.what == What::Rows;
        let is_met = self.limit.holds(measured);
        let subject = self.name.trim_start_matches("contract.").split('.').next().unwrap_or(TABLE);
        let found = match self.what {
            What::Rows => counted(elements, "rows"),
            _ => format!("{} of {} ({})", unexpected, counted(elements, "rows"), percent(unexpected, elements)),
        };
        let column = if self.what == What::Rows { TABLE } else { subject };
        Ok(Check {
            name: self.name.clone().into(),
            category: self.category,
            severity: self.severity,
            success: is_asked.then_some(is_met),
            unit: "rows",
            element_count: Some(elements),
            // The number of rows is no fault of the rows.
            unexpected_count: Some(if self.what == What::Rows { 0 } else { unexpected }),
            partial_unexpected_list: shown,
            sentence: format!(
                "{column}: {}; {}: {found}.",
                self.clause,
                match (is_asked, is_met) {
                    (false, _) => "not checked, for there are no values",
                    (true, true) => "it is so",
                    (true, false) => "it is not so",
                }
            ),
            remedy: "Mend the source, or agree on another contract with those who deliver it.".into(),
            observed: object([("measured", rounded(measured))]),
        })
    }

    /// The first lines that break the demand, ids masked.
    fn examples(&self, engine: &Engine, column: &str, broken: &str) -> Result<Vec<Map<String, Value>>> {
        let params: &[(&str, engine::Value)] = &[];
        let frame = engine.select(
            &format!(
                "select source, line_no, {column} from {TABLE} where {broken} order by source, line_no limit {MAX_EXAMPLES}"
            ),
            params,
        )?;
        let show = match column {
            "customer_id" => Show::Customer,
            number if NUMBERS.contains(&number) => Show::Number,
            _ => Show::Text,
        };
        Ok(examples(
            &frame,
            &[("source", "source", Show::Text), ("line_no", "line_no", Show::Count), (column, column, show)],
        )?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_demand_becomes_a_check_with_its_limit() {
        let contract = Contract::parse(
            r#"
            kind = "DataContract"
            [[schema]]
            name = "transactions"
            [[schema.quality]]
            metric = "rowCount"
            mustBeGreaterThan = 100
            [[schema.properties]]
            name = "customer_id"
            required = true
            logicalTypeOptions = { pattern = "^[0-9]{5}$", maxLength = 5 }
            [[schema.properties.quality]]
            metric = "nullValues"
            mustBeLessThan = 25
            unit = "percent"
            severity = "warning"
            [[schema.properties]]
            name = "unit_price"
            logicalTypeOptions = { minimum = 0, maximum = 1e4 }
            "#,
            "c.toml",
        )
        .unwrap();
        let names: Vec<&str> = contract.demands.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "contract.rowCount",
                "contract.customer_id.required",
                "contract.customer_id.maxLength",
                "contract.customer_id.pattern",
                "contract.customer_id.nullValues",
                "contract.unit_price.minimum",
                "contract.unit_price.maximum",
            ]
        );
        assert_eq!(contract.demands[4].clause, "nullValues must be less than 25 %");
        assert_eq!(contract.demands[4].severity, Severity::Warn);
        let rows = &contract.demands[0].limit;
        assert!(!rows.holds(100.0) && rows.holds(101.0));
    }

    #[test]
    fn what_is_no_contract_is_refused_with_place_and_cure() {
        let head = "[[schema]]\nname = \"transactions\"\n";
        for (text, says) in [
            ("schema = 1", "c.toml, line 1"),
            ("[[schema]]\nname = \"orders\"\n", "\"orders\""),
            (&format!("{head}[[schema.properties]]\nname = \"client\"\n"), "\"client\""),
            (&format!("{head}[[schema.properties]]\nname = \"sku\"\nrequierd = true\n"), "requierd"),
            (&format!("{head}[[schema.quality]]\nmetric = \"rowCount\"\n"), "one limit"),
            (&format!("{head}[[schema.quality]]\nmetric = \"rows\"\nmustBe = 1\n"), "rowCount"),
            (
                &format!(
                    "{head}[[schema.properties]]\nname = \"quantity\"\nlogicalTypeOptions = {{ pattern = \"1\" }}\n"
                ),
                "no text",
            ),
            (
                &format!(
                    "{head}[[schema.properties]]\nname = \"ordered_at\"\nlogicalTypeOptions = {{ minimum = 3 }}\n"
                ),
                "cannot be compared",
            ),
        ] {
            let Err(Error::Input { problem, place, cure }) = Contract::parse(text, "c.toml") else { panic!("{text}") };
            let all = format!("{problem} {} {cure}", place.unwrap());
            assert!(all.contains(says), "{all}");
        }
    }
}

//! From TOML text to a plain value, remembering the line of each key.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Map, Number, Value};
use toml::de::{DeTable, DeValue};

use super::{ConfigError, Place};

/// Where each key was given.
pub(super) struct Places {
    file: String,
    lines: BTreeMap<String, usize>,
    flags: BTreeMap<String, &'static str>,
}

impl Places {
    /// No key has a place.
    pub(super) fn none() -> Self {
        Self { file: String::new(), lines: BTreeMap::new(), flags: BTreeMap::new() }
    }

    /// Remembers that a flag set a key.
    pub(super) fn flag(&mut self, key: &str, flag: &'static str) {
        self.flags.insert(key.to_owned(), flag);
    }

    /// The place of a key such as `churn.beta` or `offers.custom[0].rate`.
    pub(super) fn of(&self, key: &str) -> Place {
        if let Some(flag) = self.flags.get(key) {
            return Place::Flag(flag);
        }
        match self.lines.get(key) {
            Some(&line) => Place::Line { file: self.file.clone(), line },
            None => Place::Unknown,
        }
    }
}

/// Parses TOML; dates become their text, so that `as_of = 2011-06-01` works without quotes.
pub(super) fn read(text: &str, name: &str) -> Result<(Value, Places), ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        place: Place::Line { file: name.to_owned(), line: line_of(text, &error.span().unwrap_or(0..0)) },
        message: error.message().replace('\n', ", "),
    })?;
    let mut reader = Reader { text, places: Places { file: name.to_owned(), ..Places::none() } };
    let value = reader.table(table.get_ref(), "");
    Ok((value, reader.places))
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    text.as_bytes().iter().take(span.start).filter(|&&byte| byte == b'\n').count() + 1
}

struct Reader<'a> {
    text: &'a str,
    places: Places,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>, path: &str) -> Value {
        let mut object = Map::new();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            self.places.lines.insert(path.clone(), line_of(self.text, &key.span()));
            object.insert(name.to_owned(), self.value(value.get_ref(), &path));
        }
        Value::Object(object)
    }

    fn value(&mut self, value: &DeValue<'_>, path: &str) -> Value {
        match value {
            DeValue::String(text) => Value::String(text.clone().into_owned()),
            DeValue::Boolean(flag) => Value::Bool(*flag),
            DeValue::Datetime(date) => Value::String(date.to_string()),
            DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
                Ok(whole) => Value::from(whole),
                // Beyond 64 bits no rule accepts it; as a float it can still be quoted in the refusal.
                Err(_) => number(digits.as_str()),
            },
            DeValue::Float(digits) => number(digits.as_str()),
            DeValue::Array(items) => Value::Array(
                items
                    .iter()
                    .enumerate()
                    .map(|(i, item)| {
                        let path = format!("{path}[{i}]");
                        self.places.lines.insert(path.clone(), line_of(self.text, &item.span()));
                        self.value(item.get_ref(), &path)
                    })
                    .collect(),
            ),
            DeValue::Table(table) => self.table(table, path),
        }
    }
}

fn number(digits: &str) -> Value {
    digits.parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

//! Whom a list is for, and what each takes.
//!
//! Sources: Klaviyo's and Braze's own pages on importing CSV files, as read in 2026.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Contact;
use crate::artifact;
use crate::error::{Error, Result};
use crate::time::Instant;

/// Largest file that Klaviyo takes, bytes.
const KLAVIYO_BYTES: usize = 50 << 20;
/// Largest file that Braze takes, bytes.
const BRAZE_BYTES: usize = 500 << 20;
/// Longest text that Braze takes, bytes.
const BRAZE_TEXT: usize = 255;
/// Longest address that mail knows (RFC 5321, 4.5.3.1), bytes.
const LONGEST_EMAIL: usize = 254;

/// Whom a list is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// People with a spreadsheet: no cell starts a formula, and the file says that it is UTF-8.
    Spreadsheet,
    /// Klaviyo's import of profiles.
    Klaviyo,
    /// Braze's import of users.
    Braze,
    /// Other programs: every cell as it is (RFC 4180).
    Generic,
}

impl Target {
    /// All of them, by the words that choose them.
    pub const ALL: [(&'static str, Self); 4] = [
        ("spreadsheet", Self::Spreadsheet),
        ("klaviyo", Self::Klaviyo),
        ("braze", Self::Braze),
        ("generic", Self::Generic),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Spreadsheet => "spreadsheets",
            Self::Klaviyo => "Klaviyo",
            Self::Braze => "Braze",
            Self::Generic => "other programs",
        }
    }

    /// Whether it knows customers by their addresses.
    #[must_use]
    pub fn needs_email(self) -> bool {
        self == Self::Klaviyo
    }

    fn header(self) -> &'static [&'static str] {
        match self {
            Self::Klaviyo => &[
                "Email",
                "customer_id",
                "tenure_offer",
                "tenure_priority",
                "tenure_segment",
                "tenure_p_churn",
                "tenure_as_of",
            ],
            Self::Braze => {
                &["external_id", "tenure_offer", "tenure_priority", "tenure_segment", "tenure_p_churn", "tenure_as_of"]
            }
            Self::Spreadsheet | Self::Generic => {
                &["priority", "customer_id", "segment", "offer", "p_churn", "value", "cost", "expected_net", "as_of"]
            }
        }
    }

    /// The column that holds the customer.
    pub(super) fn id_column(self) -> &'static str {
        if self == Self::Braze { "external_id" } else { "customer_id" }
    }

    /// The column that holds the offer.
    pub(super) fn offer_column(self) -> &'static str {
        if matches!(self, Self::Klaviyo | Self::Braze) { "tenure_offer" } else { "offer" }
    }

    fn row(self, of: &Contact, as_of: &str) -> Vec<String> {
        let p_churn = format!("{:.4}", of.p_churn);
        let tail = [of.offer.clone(), of.priority.to_string(), of.segment.clone(), p_churn.clone(), as_of.to_owned()];
        let id = of.customer_id.clone();
        match self {
            Self::Klaviyo => [of.email.clone().unwrap_or_default(), id].into_iter().chain(tail).collect(),
            Self::Braze => [id].into_iter().chain(tail).collect(),
            Self::Spreadsheet | Self::Generic => {
                let money = |v: f64| format!("{v:.2}");
                let who = [of.priority.to_string(), id, of.segment.clone(), of.offer.clone(), p_churn];
                let sums = [money(of.value), money(of.cost), money(of.expected_net), as_of.to_owned()];
                who.into_iter().chain(sums).collect()
            }
        }
    }

    /// The list, as bytes.
    pub(super) fn write(self, rows: &[Contact], as_of: Instant) -> Result<Vec<u8>> {
        let as_of = as_of.to_string();
        let rows: Vec<Vec<String>> = rows.iter().map(|of| self.row(of, &as_of)).collect();
        self.table(self.header(), &rows)
    }

    /// A table in the target's dialect, as bytes.
    pub(super) fn table(self, header: &[&str], rows: &[Vec<String>]) -> Result<Vec<u8>> {
        let failed = |e: csv::Error| Error::Corrupt { artefact: "the export".to_owned(), problem: e.to_string() };
        let is_sheet = self == Self::Spreadsheet;
        let mut bytes = if is_sheet { "\u{feff}".as_bytes().to_vec() } else { Vec::new() };
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(&mut bytes);
        writer.write_record(header).map_err(failed)?;
        for row in rows {
            let cell = |cell: &String| if is_sheet { artifact::spreadsheet_safe(cell) } else { cell.clone() };
            writer.write_record(row.iter().map(cell)).map_err(failed)?;
        }
        writer.flush().map_err(|e| failed(e.into()))?;
        drop(writer);
        Ok(bytes)
    }

    /// A cell without what a spreadsheet's dialect put before it.
    pub(super) fn plain(self, cell: &str) -> String {
        match cell.strip_prefix('\'') {
            Some(rest) if self == Self::Spreadsheet && artifact::spreadsheet_safe(rest) == cell => rest.to_owned(),
            _ => cell.to_owned(),
        }
    }
}

/// What a target refuses, found before it does.
pub(super) struct Preflight {
    target: Target,
    seen: BTreeSet<String>,
}

impl Preflight {
    pub(super) fn new(target: Target) -> Self {
        Self { target, seen: BTreeSet::new() }
    }

    /// Whether the target takes this customer; the error is the reason why it does not.
    pub(super) fn admit(&mut self, of: &Contact) -> std::result::Result<(), String> {
        let id = &of.customer_id;
        match self.target {
            Target::Spreadsheet | Target::Generic => {}
            Target::Klaviyo => {
                let Some(email) = of.email.as_deref().filter(|email| !email.is_empty()) else {
                    return Err("no e-mail address".to_owned());
                };
                if !is_email(email) {
                    return Err("its e-mail address is not one".to_owned());
                }
                if !self.seen.insert(email.to_lowercase()) {
                    return Err("its e-mail address is that of a customer before it".to_owned());
                }
            }
            Target::Braze => {
                if id.is_empty() || id.trim() != id || id.chars().any(char::is_control) {
                    return Err("its id has blanks around it or characters that cannot be seen".to_owned());
                }
                if id.len() > BRAZE_TEXT {
                    return Err(format!("its id is longer than {BRAZE_TEXT} bytes"));
                }
            }
        }
        Ok(())
    }

    /// Reads the list as the target would.
    ///
    /// # Errors
    /// [`Error::Corrupt`] naming the rule that it breaks.
    pub(super) fn check(&self, bytes: &[u8]) -> Result<()> {
        let refuse =
            |problem: String| Err(Error::Corrupt { artefact: format!("the list for {}", self.target.name()), problem });
        let most = match self.target {
            Target::Klaviyo => KLAVIYO_BYTES,
            Target::Braze => BRAZE_BYTES,
            Target::Spreadsheet | Target::Generic => usize::MAX,
        };
        if bytes.len() > most {
            return refuse(format!(
                "it has {} bytes, and no more than {most} are taken: plan fewer contacts",
                bytes.len()
            ));
        }
        let header = self.target.header();
        let body = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let mut keys = BTreeSet::new();
        for row in csv::Reader::from_reader(body).records() {
            let row = match row {
                Ok(row) if row.len() == header.len() => row,
                Ok(row) => return refuse(format!("a row has {} fields, not {}", row.len(), header.len())),
                Err(e) => return refuse(e.to_string()),
            };
            let key_column = if self.target == Target::Klaviyo { "Email" } else { self.target.id_column() };
            let key = header.iter().position(|name| *name == key_column).and_then(|at| row.get(at)).unwrap_or_default();
            if key.is_empty() && self.target != Target::Generic && self.target != Target::Spreadsheet {
                return refuse(format!("a row has no {key_column}"));
            }
            if !keys.insert(key.to_lowercase()) && self.target == Target::Klaviyo {
                return refuse(format!("{key} stands in it twice"));
            }
            if self.target == Target::Braze
                && let Some(text) = row.iter().find(|cell| cell.len() > BRAZE_TEXT)
            {
                return refuse(format!(
                    "'{}…' is longer than {BRAZE_TEXT} bytes",
                    text.chars().take(40).collect::<String>()
                ));
            }
            if self.target == Target::Spreadsheet
                && let Some(live) = row.iter().find(|cell| artifact::spreadsheet_safe(cell) != **cell)
            {
                return refuse(format!("'{live}' would start a formula"));
            }
        }
        Ok(())
    }
}

/// Whether mail could be delivered to it, by its form.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !"\"(),:;<>[\\]".contains(c);
    let labels: Vec<&str> = domain.split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    text.len() <= LONGEST_EMAIL
        && !local.is_empty()
        && local.len() <= 64
        && !local.contains('@')
        && local.chars().all(is_plain)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && labels.len() >= 2
        && labels.iter().all(is_label)
        && labels.last().is_some_and(|top| top.len() >= 2 && top.chars().any(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_what_is_none() {
        for good in ["a@b.co", "first.last+tag@sub.example.com", "o'neil@example.ie", "x_y-z@ex-ample.org"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "", "a", "a@", "@b.co", "a@b", "a b@c.co", "a@b..co", ".a@b.co", "a.@b.co", "a@-b.co", "a@b.c", "a@b.1",
            "a@@b.co", "a@b.co\n", "<a@b.co>", "a@b,co",
        ] {
            assert!(!is_email(bad), "{bad:?}");
        }
    }
}

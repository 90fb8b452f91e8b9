//! What has changed since the list before.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Contact, Target};
use crate::error::{Error, Result};

/// Offers by customer before and now, where they differ.
pub(super) struct Changes(BTreeMap<String, (Option<String>, Option<String>)>);

impl Changes {
    /// Compares with the list in `before`, which was written for the same target.
    ///
    /// # Errors
    /// [`Error::Input`] where it is no such list.
    pub(super) fn since(before: &Path, target: Target, now: &[Contact]) -> Result<Self> {
        let refuse = |problem: String| Error::Input {
            problem: format!("{} is no list for {} to compare with: {problem}", before.display(), target.name()),
            place: Some(before.display().to_string()),
            cure: "name the last export for the same target with --since, or another file with --to".to_owned(),
        };
        let bytes = std::fs::read(before).map_err(Error::io(before))?;
        let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        let mut reader = csv::Reader::from_reader(text);
        let headers = reader.headers().map_err(|e| refuse(e.to_string()))?.clone();
        let place = |name: &str| {
            headers.iter().position(|h| h == name).ok_or_else(|| refuse(format!("it has no column {name}")))
        };
        let (id, offer) = (place(target.id_column())?, place(target.offer_column())?);
        let mut all: BTreeMap<String, (Option<String>, Option<String>)> = BTreeMap::new();
        for row in reader.records() {
            let row = row.map_err(|e| refuse(e.to_string()))?;
            let cell = |at: usize| target.plain(row.get(at).unwrap_or_default());
            all.entry(cell(id)).or_default().0 = Some(cell(offer));
        }
        for contact in now {
            all.entry(contact.customer_id.clone()).or_default().1 = Some(contact.offer.clone());
        }
        all.retain(|_, (before, now)| before != now);
        Ok(Self(all))
    }

    /// Customers added, removed, and with another offer.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        let count = |what: &str| self.0.values().filter(|change| word(change) == what).count() as u64;
        (count("added"), count("removed"), count("changed"))
    }

    /// Customer, change, offer before and now.
    pub(super) fn rows(&self) -> Vec<Vec<String>> {
        let of = |offer: &Option<String>| offer.clone().unwrap_or_default();
        self.0
            .iter()
            .map(|(id, change)| vec![id.clone(), word(change).to_owned(), of(&change.0), of(&change.1)])
            .collect()
    }
}

fn word(change: &(Option<String>, Option<String>)) -> &'static str {
    match change {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    }
}

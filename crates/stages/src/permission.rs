//! Who may be contacted, and where: consent, suppression and addresses.
//!
//! Whether a customer may be contacted is read with the table of customers and kept in a run; its address is read where
//! it is needed, and kept in no artefact but an export.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tenure_tables::engine::Engine;
use tenure_tables::frame::Frame;
use tenure_tables::read::{self, CustomersOptions, ReadOptions, Wanted};
use tenure_tables::store::{self, Column};

use crate::artifact::{self, RunFolder};
use crate::config::Config;
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::given;
use crate::time::Instant;

/// Folded headers of a table of customers that are read here: consents, prohibitions, addresses.
const NAMES: [&str; 29] = [
    "consent",
    "emailconsent",
    "marketingconsent",
    "emailmarketingconsent",
    "smsconsent",
    "gdprconsent",
    "gdpr",
    "permission",
    "marketingpermission",
    "optin",
    "optedin",
    "emailoptin",
    "marketingoptin",
    "newsletteroptin",
    "acceptsmarketing",
    "acceptsemailmarketing",
    "emailmarketing",
    "emailsubscribed",
    "suppressed",
    "suppression",
    "issuppressed",
    "optout",
    "optedout",
    "emailoptout",
    "unsubscribed",
    "donotcontact",
    "email",
    "emailaddress",
    "mail",
];
/// How many of them, from the first on, are permissions where they say yes.
const CONSENTS: usize = 18;
/// How many that follow are prohibitions where they say yes.
const PROHIBITIONS: usize = 8;
/// What stands in the place of a column where a row says no more than that a customer is in the table.
const LISTED: &str = "customer_id";
const YES: [&str; 6] = ["true", "yes", "y", "1", "subscribed", "opted in"];
const NO: [&str; 8] = ["false", "no", "n", "0", "never", "never subscribed", "unsubscribed", "opted out"];

/// Why a customer may not be contacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Barred {
    /// On a list of suppressed customers, or marked as one.
    Suppressed,
    /// The table says no, or says nothing where it has a column of consents.
    NoConsent,
    /// The table has a column of consents, and the customer is not in it.
    NotInTable,
}

impl Barred {
    /// In words.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Suppressed => "suppressed",
            Self::NoConsent => "no consent",
            Self::NotInTable => "not in the table of customers, which says who consents",
        }
    }
}

/// What a column says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Consent,
    Prohibition,
    Email,
    Listed,
}

impl Kind {
    fn of(column: &str) -> Option<Self> {
        if column == LISTED {
            return Some(Self::Listed);
        }
        let folded = read::folded(column);
        Some(match NAMES.iter().position(|name| *name == folded)? {
            at if at < CONSENTS => Self::Consent,
            at if at < CONSENTS + PROHIBITIONS => Self::Prohibition,
            _ => Self::Email,
        })
    }
}

/// What a cell of the table of customers says.
struct Said {
    customer: String,
    column: String,
    kind: Kind,
    /// From when on it holds, microseconds; `None` is always.
    from: Option<i64>,
    yes: bool,
    text: String,
}

/// What is known of whom.
#[derive(Debug, Default)]
pub(crate) struct Permissions {
    suppressed: BTreeSet<String>,
    /// By customer, whether it consents; `None` where no table has such a column.
    consents: Option<BTreeMap<String, bool>>,
    /// Who is in the table of consents; empty where a run of an earlier version did not keep it.
    in_table: BTreeSet<String>,
    /// Columns of the table that were taken for consents, and for prohibitions.
    columns: [Vec<String>; 2],
    emails: BTreeMap<String, String>,
    /// The configured list as it was written.
    listed: Vec<String>,
}

impl Permissions {
    /// Those of a run, as of `at`: what its table of customers said, and the configured list of suppressed customers.
    ///
    /// # Errors
    /// [`Error::Input`] naming a list that cannot be read; those of reading artefacts.
    pub(crate) fn of_run(config: &Config, engine: &Engine, run: &RunFolder, at: Instant) -> Result<Self> {
        let mut found = Self::default();
        let kept = match run.read(artifact::PERMISSIONS, Stage::Ingest) {
            Ok(path) => Some(path),
            // A run without a table of customers.
            Err(Error::Missing { .. }) => None,
            Err(other) => return Err(other),
        };
        if let Some(path) = kept {
            engine.register("permissions", &path)?;
            let rows = engine.select("select * from permissions order by line_no", &[])?;
            let (customers, columns, yes) = (rows.texts("customer_id")?, rows.texts("column")?, rows.bools("yes")?);
            let from = rows.f64s("valid_from_us")?;
            let said: Vec<Said> = (0..rows.n_rows())
                .filter_map(|i| {
                    let kind = Kind::of(&columns[i])?;
                    let (customer, column) = (customers[i].clone(), columns[i].clone());
                    let from = from[i].is_finite().then_some(from[i] as i64);
                    Some(Said { customer, column, kind, from, yes: yes[i], text: String::new() })
                })
                .collect();
            found.take(&said, at);
        }
        found.suppress(config)?;
        Ok(found)
    }

    /// What a table of customers says in the end, and the configured list of suppressed customers.
    ///
    /// # Errors
    /// [`Error::Input`] naming file, row and column of what is neither yes nor no; those of reading.
    pub(crate) fn of_table(config: &Config, table: &Path) -> Result<Self> {
        let mut found = Self::default();
        let Table { said, columns } = said(config, table)?;
        found.take(&said, Instant(i64::MAX));
        found.columns = columns;
        found.suppress(config)?;
        Ok(found)
    }

    /// The configured list of suppressed customers alone.
    ///
    /// # Errors
    /// [`Error::Input`] naming a list that cannot be read.
    pub(crate) fn of_list(config: &Config) -> Result<Self> {
        let mut found = Self::default();
        found.suppress(config)?;
        Ok(found)
    }

    /// Columns that were taken for consents, and for prohibitions, as the table calls them.
    pub(crate) fn columns(&self) -> &[Vec<String>; 2] {
        &self.columns
    }

    /// Of several rows the latest that holds by then.
    fn take(&mut self, said: &[Said], at: Instant) {
        let mut latest: BTreeMap<(&str, &str), &Said> = BTreeMap::new();
        for one in said.iter().filter(|one| one.from.is_none_or(|from| from <= at.0)) {
            if one.kind == Kind::Consent {
                self.consents.get_or_insert_default();
            }
            let held = latest.entry((&one.customer, &one.column)).or_insert(one);
            if one.from >= held.from {
                *held = one;
            }
        }
        for ((customer, _), one) in latest.into_iter().filter(|((customer, _), _)| !customer.is_empty()) {
            match one.kind {
                Kind::Email => {
                    self.emails.insert(customer.to_owned(), one.text.clone());
                }
                // Of several consents all are needed: which of them a campaign uses is not known here.
                Kind::Consent => {
                    let consents = self.consents.get_or_insert_default();
                    consents.entry(customer.to_owned()).and_modify(|all| *all &= one.yes).or_insert(one.yes);
                }
                Kind::Prohibition if one.yes => {
                    self.suppressed.insert(customer.to_owned());
                }
                Kind::Prohibition => {}
                Kind::Listed => {
                    self.in_table.insert(customer.to_owned());
                }
            }
        }
    }

    fn suppress(&mut self, config: &Config) -> Result<()> {
        if config.constraints.suppress.is_empty() {
            return Ok(());
        }
        let path = Path::new(&config.constraints.suppress);
        let refuse = |problem: String, cure: &str| Error::Input {
            problem,
            place: Some(path.display().to_string()),
            cure: cure.to_owned(),
        };
        if !path.exists() {
            return Err(refuse(
                format!("{}, the list of customers who are never to be contacted, is not there", path.display()),
                "say with --suppress where it lies",
            ));
        }
        self.listed = read::read_ids(path, &ReadOptions::default()).map_err(|error| match error {
            tenure_tables::Error::Read { .. } => refuse(
                format!("the list of customers who are never to be contacted cannot be used: {error}"),
                "give a table (CSV, XLSX or Parquet) with a header and a column customer_id",
            ),
            other => other.into(),
        })?;
        // Programs that take ids for numbers write 15749.0: who is meant is clear, and suppressed either way.
        self.suppressed.extend(self.listed.iter().flat_map(|id| [id.clone(), whole(id).to_owned()]));
        Ok(())
    }

    /// Of the configured list those who are not among `customers`, and how long the list is.
    pub(crate) fn strangers(&self, customers: &[String]) -> (Vec<&str>, usize) {
        let known: BTreeSet<&str> = customers.iter().map(String::as_str).collect();
        let strange =
            self.listed.iter().map(String::as_str).filter(|id| !known.contains(id) && !known.contains(whole(id)));
        (strange.collect(), self.listed.len())
    }

    /// Why a customer may not be contacted; `None` where it may.
    pub(crate) fn barred(&self, id: &str) -> Option<Barred> {
        if self.suppressed.contains(id) {
            return Some(Barred::Suppressed);
        }
        match self.consents.as_ref()?.get(id) {
            Some(true) => None,
            None if !self.in_table.is_empty() && !self.in_table.contains(id) => Some(Barred::NotInTable),
            Some(false) | None => Some(Barred::NoConsent),
        }
    }

    /// A customer's address, where one is known.
    pub(crate) fn email(&self, id: &str) -> Option<&str> {
        self.emails.get(id).map(String::as_str)
    }
}

/// `15749.0` as `15749`, everything else as it is.
fn whole(id: &str) -> &str {
    id.strip_suffix(".0").filter(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())).unwrap_or(id)
}

/// Keeps what the table of customers says of consent and suppression, and no address; gives the columns that say it.
///
/// # Errors
/// As [`Permissions::of_table`].
pub(crate) fn keep(config: &Config, run: &RunFolder) -> Result<Vec<String>> {
    let mut rows = said(config, Path::new(&config.customers.file))?.said;
    rows.retain(|one| one.kind != Kind::Email);
    store::write_columns(
        &run.write(artifact::PERMISSIONS)?,
        &[
            ("line_no", Column::I64((0..rows.len() as i64).collect())),
            ("customer_id", Column::Text(rows.iter().map(|one| one.customer.clone()).collect())),
            ("column", Column::Text(rows.iter().map(|one| one.column.clone()).collect())),
            ("valid_from_us", Column::OptI64(rows.iter().map(|one| one.from).collect())),
            ("yes", Column::Bool(rows.iter().map(|one| one.yes).collect())),
        ],
    )?;
    let spoken = rows.into_iter().filter(|one| one.kind != Kind::Listed);
    let columns: BTreeSet<String> = spoken.map(|one| one.column).collect();
    Ok(columns.into_iter().collect())
}

/// The hash of the list of suppressed customers, on which a plan depends.
///
/// # Errors
/// [`Error::Io`] where it is there and cannot be read.
pub(crate) fn surroundings(config: &Config) -> Result<String> {
    let path = Path::new(&config.constraints.suppress);
    if !path.is_file() {
        return Ok(String::new());
    }
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
}

/// A table of customers, as far as it is about contacts.
struct Table {
    said: Vec<Said>,
    /// Headers of its consents and of its prohibitions.
    columns: [Vec<String>; 2],
}

/// All that a table of customers says, in its order; before it for each column of consents that there is one, for nobody,
/// and who is in the table at all.
fn said(config: &Config, path: &Path) -> Result<Table> {
    let options = CustomersOptions {
        wanted: Wanted::Named(&NAMES),
        read: ReadOptions {
            columns: config.customers.columns.clone(),
            sheets: Vec::new(),
            ..given::read_options(config)
        },
        ..CustomersOptions::default()
    };
    let mut batches = Vec::new();
    let read = read::read_customers(path, &options, &mut |batch| {
        batches.push(batch);
        Ok(())
    })?;
    let header_of = |name: &str| {
        read.attributes.iter().find(|a| a.name == name).map_or_else(|| name.to_owned(), |a| a.header.clone())
    };
    let bare = |customer: String, column: &str, kind: Kind| Said {
        customer,
        column: column.to_owned(),
        kind,
        from: None,
        yes: false,
        text: String::new(),
    };
    let of_kind = |kind: Kind| read.attributes.iter().filter(move |a| Kind::of(&a.name) == Some(kind));
    let columns = [Kind::Consent, Kind::Prohibition].map(|kind| of_kind(kind).map(|a| a.header.clone()).collect());
    let mut all: Vec<Said> = of_kind(Kind::Consent).map(|a| bare(String::new(), &a.name, Kind::Consent)).collect();
    // A customer whose cells are all empty is in the table too; who is not has been forgotten rather than asked.
    if !all.is_empty() {
        let ids = read::read_ids(path, &options.read)?;
        all.extend(ids.into_iter().map(|id| bare(id, LISTED, Kind::Listed)));
    }
    let rows = Frame::from_batches(batches);
    if rows.n_rows() == 0 {
        return Ok(Table { said: all, columns });
    }
    let (ids, names, texts) = (rows.texts("customer_id")?, rows.texts("attribute")?, rows.texts("text")?);
    let (from, lines) = (rows.opt_instants("valid_from")?, rows.i64s("line_no")?);
    for i in 0..ids.len() {
        let Some(kind) = Kind::of(&names[i]) else { continue };
        let text = texts[i].trim().to_owned();
        let word = text.to_lowercase();
        let yes = YES.contains(&word.as_str());
        if kind != Kind::Email && !yes && !NO.contains(&word.as_str()) {
            let header = header_of(&names[i]);
            return Err(Error::Input {
                problem: format!("{header} of customer '{}' is '{text}', neither yes nor no", ids[i]),
                place: Some(format!("{}, row {}, column {header}", path.display(), lines[i])),
                cure: "write yes or no, true or false, 1 or 0".to_owned(),
            });
        }
        all.push(Said { customer: ids[i].clone(), column: names[i].clone(), kind, from: from[i], yes, text });
    }
    Ok(Table { said: all, columns })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str, suppress: &str, at: &str) -> Result<Permissions> {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        let people = dir.path().join("people.csv");
        std::fs::write(&people, text).unwrap();
        if !suppress.is_empty() {
            config.constraints.suppress = dir.path().join("never.csv").display().to_string();
            std::fs::write(&config.constraints.suppress, suppress).unwrap();
        }
        let mut found = Permissions::default();
        found.take(&said(&config, &people)?.said, Instant::parse(at).unwrap());
        found.suppress(&config)?;
        Ok(found)
    }

    #[test]
    fn the_latest_word_by_then_counts_and_silence_is_no_consent() {
        let text = "customer_id,valid_from,marketing_consent,Email,suppressed\n\
                    007,2011-01-01,no,a@b.example,\n007,2011-05-01,yes,c@d.example,no\n\
                    8,2011-01-01,yes,,\n8,2011-07-01,no,,\n9,2011-01-01,,,\n10,2011-01-01,yes,,yes\n";
        let found = read(text, "customer_id\n8\n8\n", "2011-06-01").unwrap();
        assert_eq!(found.barred("007"), None);
        assert_eq!(found.email("007"), Some("c@d.example"));
        assert_eq!(found.barred("8"), Some(Barred::Suppressed), "the list counts whatever the table says");
        assert_eq!(found.barred("9"), Some(Barred::NoConsent));
        assert_eq!(found.barred("11"), Some(Barred::NotInTable), "who is not in the table has not consented");
        assert_eq!(found.barred("10"), Some(Barred::Suppressed));
        assert_eq!(read(text, "", "2011-06-01").unwrap().barred("8"), None, "not yet withdrawn");
        assert_eq!(read(text, "", "2011-08-01").unwrap().barred("8"), Some(Barred::NoConsent));
    }

    #[test]
    fn without_such_columns_everybody_may_be_contacted_and_words_that_say_nothing_are_refused() {
        assert_eq!(read("customer_id,region\n1,north\n", "", "2011-06-01").unwrap().barred("1"), None);
        let refused = read("customer_id,consent\n1,yes\n2,perhaps\n", "", "2011-06-01").unwrap_err().to_string();
        assert!(refused.contains("neither yes nor no") && refused.contains("customer '2'"), "{refused}");
        let refused = read("customer_id\n1\n", "who\n1\n", "2011-06-01").unwrap_err();
        assert!(refused.to_string().contains("never to be contacted cannot be used: never.csv"), "{refused}");
        assert!(refused.hint().is_some_and(|cure| cure.contains("a column customer_id")), "{refused:?}");
    }

    fn permissions(list: &str) -> Result<Permissions> {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("never.csv");
        std::fs::write(&path, list).unwrap();
        let mut config = Config::default();
        config.constraints.suppress = path.display().to_string();
        let mut found = Permissions::default();
        found.suppress(&config)?;
        Ok(found)
    }

    #[test]
    fn a_list_is_read_as_people_write_it() {
        for list in [
            "customer_id\n00123\n15749\n",
            "Customer ID\r\n00123\r\n15749\r\n",
            "\u{feff}reason;Customer ID;date\nasked;00123;2011\nasked;15749.0;2011\n",
            "name\tcustomer\nA, B\t 00123 \nC\t15749\n",
        ] {
            let found = permissions(list).unwrap();
            assert_eq!(found.barred("00123"), Some(Barred::Suppressed), "{list:?}");
            assert_eq!(found.barred("15749"), Some(Barred::Suppressed), "{list:?}");
            assert_eq!(found.barred("123"), None);
        }
        let refused = permissions("name,e-mail\nA,a@b.c\n").unwrap_err().to_string();
        assert!(refused.contains("customer_id") && refused.contains("e-mail"), "{refused}");
    }

    #[test]
    fn every_name_of_a_consent_is_read_and_told() {
        let dir = tempfile::tempdir().unwrap();
        let people = dir.path().join("people.csv");
        let names = NAMES[..CONSENTS + PROHIBITIONS].join(",");
        let text = format!("customer_id,{names},email,newsletter\n1{},,no\n", ",no".repeat(CONSENTS + PROHIBITIONS));
        std::fs::write(&people, text).unwrap();
        let found = Permissions::of_table(&Config::default(), &people).unwrap();
        let [consents, prohibitions] = found.columns();
        assert_eq!((consents.len(), prohibitions.len()), (CONSENTS, PROHIBITIONS), "{consents:?} {prohibitions:?}");
        assert_eq!(found.barred("1"), Some(Barred::NoConsent));
        assert_eq!(Kind::of("Accepts Email Marketing"), Some(Kind::Consent));
        assert_eq!(Kind::of("E-Mail Opt-Out"), Some(Kind::Prohibition));
        assert_eq!(Kind::of("newsletter"), None, "who takes no newsletter may be called");
    }

    #[test]
    fn whom_nobody_knows_is_told() {
        let found = permissions("customer_id\n15749.0\n015749\n7\n").unwrap();
        let customers = ["15749".to_owned(), "8".to_owned()];
        assert_eq!(found.strangers(&customers), (vec!["015749", "7"], 3));
    }
}

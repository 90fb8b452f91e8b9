//! Export: the plan as the list that another program takes, with what was left out and what has changed since the last.
//!
//! Who has no consent or is suppressed is in no list, also when that became known after the plan was made.

mod changes;
mod target;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tenure_tables::engine::{Engine, EngineConfig, Value};

use crate::artifact::{self, Run};
use crate::config::Config;
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::given;
use crate::permission::Permissions;

use changes::Changes;
use target::Preflight;
pub use target::Target;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Whom the list is for.
    pub target: Target,
    /// Where it goes.
    pub to: PathBuf,
    /// Table of the customers with addresses and consents; `None` where the list needs none.
    pub customers: Option<PathBuf>,
    /// The list before, to compare with; `None` is the file that this one replaces, where there is one.
    pub since: Option<PathBuf>,
}

/// What became of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Whom it is for.
    pub target: Target,
    /// Where it is.
    pub to: String,
    /// The instant of the plan's decision.
    pub as_of: String,
    /// Customers in it.
    pub customers: u64,
    /// Columns of the table of customers whose yes was taken for a consent; `None` where no table was read.
    pub consent_columns: Option<Vec<String>>,
    /// The same of columns whose yes forbids a contact.
    pub prohibition_columns: Option<Vec<String>>,
    /// Customers left out, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Where they are listed; `None` where nobody was left out.
    pub rejects: Option<String>,
    /// The list it was compared with.
    pub since: Option<String>,
    /// Customers who were not in that one.
    pub added: u64,
    /// Customers who are not in this one.
    pub removed: u64,
    /// Customers with another offer.
    pub changed: u64,
    /// Where they are listed; `None` where nothing was compared.
    pub changes: Option<String>,
}

/// A customer of the plan with an offer.
pub(crate) struct Contact {
    pub(crate) customer_id: String,
    pub(crate) priority: i64,
    pub(crate) segment: String,
    pub(crate) offer: String,
    pub(crate) p_churn: f64,
    pub(crate) value: f64,
    pub(crate) cost: f64,
    pub(crate) expected_net: f64,
    pub(crate) email: Option<String>,
}

/// Writes the audience of a run's plan for `request.target`; beside it the customers left out (`…_rejects.csv`) and what
/// has changed (`…_changes.csv`).
///
/// # Errors
/// [`Error::Missing`] where the run has no plan; [`Error::Input`] where addresses are needed and not given, or the list
/// cannot be written or compared; [`Error::Corrupt`] where the list would not pass the target's rules.
pub fn audience(config: &Config, run: &Run, request: &Request) -> Result<Exported> {
    let Request { target, to, .. } = request;
    let as_of = run.timeline()?.as_of;
    let plan = run.path(artifact::ALLOCATION, Stage::Allocate)?;
    if !given::check_place(&plan, to)? {
        return Err(Error::Input {
            problem: format!("{} is no CSV file", to.display()),
            place: Some(to.display().to_string()),
            cure: "name a file that ends in .csv with --to".to_owned(),
        });
    }
    given::check(run, &plan, to)?;
    let configured = Path::new(&config.customers.file);
    let table = request.customers.as_deref().or_else(|| configured.is_file().then_some(configured));
    let permissions = match table {
        Some(table) => Permissions::of_table(config, table)?,
        None if target.needs_email() => {
            return Err(Error::Input {
                problem: format!("{} needs an e-mail address of each customer, and a run keeps none", target.name()),
                place: None,
                cure: "name the table of customers that has a column email with --customers".to_owned(),
            });
        }
        None => Permissions::of_list(config)?,
    };
    let mut preflight = Preflight::new(*target);
    let (mut rows, mut rejects) = (Vec::new(), Vec::new());
    for mut contact in contacts(&plan)? {
        contact.email = permissions.email(&contact.customer_id).map(str::to_owned);
        let barred = permissions.barred(&contact.customer_id).map(|barred| barred.word().to_owned());
        match barred.map_or_else(|| preflight.admit(&contact), Err) {
            Ok(()) => rows.push(contact),
            Err(why) => rejects.push((contact.customer_id, why)),
        }
    }
    let before = match &request.since {
        Some(since) => Some(since.clone()),
        None => Some(to.clone()).filter(|to| to.is_file()),
    };
    let changes = before.as_deref().map(|before| Changes::since(before, *target, &rows)).transpose()?;
    let bytes = target.write(&rows, as_of)?;
    preflight.check(&bytes)?;

    let beside = |what: &str| {
        let stem = to.file_stem().unwrap_or_default().to_string_lossy();
        to.with_file_name(format!("{stem}_{what}.csv"))
    };
    let mut rejected = BTreeMap::new();
    for (_, why) in &rejects {
        *rejected.entry(why.clone()).or_insert(0) += 1;
    }
    let rejects_at = (!rejects.is_empty()).then(|| beside("rejects"));
    if let Some(path) = &rejects_at {
        let rows: Vec<Vec<String>> = rejects.into_iter().map(|(id, why)| vec![id, why]).collect();
        put(path, &target.table(&["customer_id", "reason"], &rows)?)?;
    }
    let changes_at = changes.as_ref().map(|_| beside("changes"));
    if let (Some(path), Some(changes)) = (&changes_at, &changes) {
        put(path, &target.table(&["customer_id", "change", "offer_before", "offer"], &changes.rows())?)?;
    }
    // Last: where one of the others cannot be written the list before stands.
    put(to, &bytes)?;
    let shown = |path: Option<PathBuf>| path.map(|path| path.display().to_string());
    let (added, removed, changed) = changes.as_ref().map_or((0, 0, 0), Changes::counts);
    let [consents, prohibitions] = permissions.columns().clone();
    Ok(Exported {
        consent_columns: table.map(|_| consents),
        prohibition_columns: table.map(|_| prohibitions),
        target: *target,
        to: to.display().to_string(),
        as_of: as_of.to_string(),
        customers: rows.len() as u64,
        rejected,
        rejects: shown(rejects_at),
        since: shown(before),
        added,
        removed,
        changed,
        changes: shown(changes_at),
    })
}

/// Whom the plan gives an offer, first things first.
fn contacts(plan: &Path) -> Result<Vec<Contact>> {
    let engine = Engine::open(&EngineConfig { threads: 1, ..EngineConfig::default() })?;
    engine.register("plan", plan)?;
    let none: &[(&str, Value)] = &[];
    let rows = engine.select("select * from plan where priority is not null order by priority", none)?;
    let (ids, priorities) = (rows.texts("customer_id")?, rows.i64s("priority")?);
    let (segments, offers) = (rows.texts("segment")?, rows.texts("offer")?);
    let [p_churn, value, cost, net] = ["p_churn", "value", "cost", "expected_net"].map(|name| rows.f64s(name));
    let (p_churn, value, cost, net) = (p_churn?, value?, cost?, net?);
    Ok((0..ids.len())
        .map(|i| Contact {
            customer_id: ids[i].clone(),
            priority: priorities[i],
            segment: segments[i].clone(),
            offer: offers[i].clone(),
            p_churn: p_churn[i],
            value: value[i],
            cost: cost[i],
            expected_net: net[i],
            email: None,
        })
        .collect())
}

/// Writes a file whole or not at all.
fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let draft = path.with_extension("unfinished");
    let moved = std::fs::write(&draft, bytes).and_then(|()| std::fs::rename(&draft, path)).map_err(Error::io(path));
    if moved.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    moved
}

//! Arguments that several commands share, and the configuration they amount to.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use serde_json::Value;
use tenure_stages::config::{
    Clusters, Config, ConfigError, DateOrder, Method, OfferTable, Overrides, RfmTies, SegmentMap,
};
use tenure_stages::ctx::{Caller, Ctx};

use crate::error::Error;
use crate::ui::{self, Format};

/// The configuration that is used where `--config` names none.
const CONFIG_FILE: &str = "tenure.toml";
/// Rows in a batch of the engine.
const BATCH_ROWS: usize = 8192;

/// Folder of the run, and what every command needs.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// Folder of the run: every stage reads and writes here.
    #[arg(long, short, value_name = "DIR", default_value = "tenure-out")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) world: World,
    /// Compute everything anew, also what has not changed since the last run.
    #[arg(long)]
    fresh: bool,
}

/// Configuration, machine and form of the answer.
#[derive(Debug, clap::Args)]
pub(crate) struct World {
    /// Configuration file [default: ./tenure.toml where there is one, else the built-in defaults].
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Start of every random stream; the same seed gives the same bytes [default: 42].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seed: Option<i64>,
    /// Worker threads; results do not depend on them [default: all cores].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    threads: Option<i64>,
    /// Form of the answer on standard output; progress and errors go to standard error.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

/// How dates in the source are read, and what is known of the customers besides.
#[derive(Debug, clap::Args)]
pub(crate) struct Reading {
    /// Order of day, month and year where the data do not settle it [default: auto].
    #[arg(long, value_name = "ORDER", value_parser = words(&[&["auto"], DateOrder::WORDS]))]
    date_order: Option<String>,
    /// Table of the customers' attributes: CSV, XLSX or Parquet, with valid_from or [customers] never_changes.
    #[arg(long, value_name = "FILE")]
    customers: Option<String>,
}

/// The instant of the decision.
#[derive(Debug, clap::Args)]
pub(crate) struct Decision {
    /// Instant of the decision, such as 2011-06-01: only what came before is seen [default: end of the data].
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,
}

/// What churn means.
#[derive(Debug, clap::Args)]
pub(crate) struct ChurnHorizon {
    /// Churned = no purchase in so many days [default: 90].
    #[arg(long, value_name = "DAYS", allow_negative_numbers = true)]
    churn_days: Option<i64>,
}

/// What value means.
#[derive(Debug, clap::Args)]
pub(crate) struct ValueHorizon {
    /// Value = spend in so many days [default: 180].
    #[arg(long, value_name = "DAYS", allow_negative_numbers = true)]
    value_days: Option<i64>,
}

/// How customers are put into segments and clusters.
#[derive(Debug, clap::Args)]
pub(crate) struct Segmenting {
    /// Map from RFM codes to segments; custom = [[segments.rules]] of the configuration [default: ten].
    #[arg(long, value_name = "MAP", value_parser = words(&[SegmentMap::WORDS]))]
    map: Option<String>,
    /// Equal values share an RFM score, or the first in order of customer ids ranks first [default: share].
    #[arg(long, value_name = "RULE", value_parser = words(&[RfmTies::WORDS]))]
    rfm_ties: Option<String>,
    /// How clusters are found [default: kmeans].
    #[arg(long, value_name = "METHOD", value_parser = words(&[Clusters::WORDS]))]
    clusters: Option<String>,
    /// Number of clusters; 0 = chosen [default: 0].
    #[arg(long, value_name = "K", allow_negative_numbers = true)]
    k: Option<i64>,
}

/// The plan's offers and limits.
#[derive(Debug, clap::Args)]
pub(crate) struct Planning {
    /// Money for the plan, in the data's currency [default: retention 10000, coupons 5000].
    #[arg(long, value_name = "MONEY", allow_negative_numbers = true)]
    budget: Option<f64>,
    /// Table of offers [default: retention].
    #[arg(long, value_name = "TABLE", value_parser = words(&[OfferTable::WORDS]))]
    offers: Option<String>,
    /// Most customers an offer may go to, such as Premium=10%, Premium=0.1 or Premium=500 (1 is one customer, 1.0 all of
    /// them); may be repeated.
    #[arg(long = "cap", value_name = "TIER=LIMIT", value_parser = cap)]
    caps: Vec<(String, Value)>,
    /// How the plan is found; exact closes the gap to 0, greedy = highest expected value first [default: optimal].
    #[arg(long, value_parser = words(&[Method::WORDS]))]
    method: Option<String>,
    /// What the plan makes the most of: mean, cvar:0.1 (mean of the worst tenth) or quantile:0.25 [default: mean].
    #[arg(long, value_name = "RISK")]
    risk: Option<String>,
    /// Table with the customer_id of everybody who is never to be contacted.
    #[arg(long, value_name = "FILE")]
    suppress: Option<String>,
}

/// How checks end a run.
#[derive(Debug, clap::Args)]
pub(crate) struct Strictness {
    /// End with exit code 1 when a check of level error fails.
    #[arg(long)]
    strict: bool,
    /// Data contract (TOML, in the names of ODCS) whose demands become checks.
    #[arg(long, value_name = "FILE")]
    contract: Option<String>,
}

/// An option that would be ignored where it stands: what is wrong with it, and what to do.
pub(super) fn refused(option: &str, problem: &str, cure: &str) -> Error {
    Error::Stages(tenure_stages::Error::Input {
        problem: format!("{option} {problem}"),
        place: Some(option.to_owned()),
        cure: cure.to_owned(),
    })
}

pub(super) fn words(lists: &[&[&'static str]]) -> clap::builder::PossibleValuesParser {
    lists.concat().into()
}

/// `TIER=LIMIT`; what the limit is the configuration's rule says: 500 and 1 are counts, 0.1 and 10% shares.
fn cap(text: &str) -> Result<(String, Value), String> {
    let (name, limit) = text.rsplit_once('=').ok_or("write TIER=LIMIT, such as Premium=10%")?;
    let limit = limit.trim();
    let whole = limit.parse::<i64>().map(Value::from);
    let limit = whole.or_else(|_| limit.parse::<f64>().map(Value::from)).unwrap_or_else(|_| limit.into());
    Ok((name.trim().to_owned(), limit))
}

impl Common {
    pub(crate) fn overrides(&self) -> Overrides {
        self.world.overrides()
    }

    /// The configuration of a new run.
    pub(crate) fn fresh(&self, overrides: &Overrides) -> Result<Config, ConfigError> {
        self.world.fresh(overrides)
    }

    /// The configuration of a further stage: what the run folder was made with, unless `--config` names another.
    pub(crate) fn continued(&self, overrides: &Overrides) -> Result<Config, ConfigError> {
        if self.world.config.is_none()
            && let Some(saved) = Config::saved_in(&self.out)?
        {
            return saved.with(overrides);
        }
        self.fresh(overrides)
    }

    /// Calls `work` with everything of the outside world that it may use.
    pub(crate) fn in_world<T>(&self, config: &Config, start: Instant, work: impl FnOnce(&Ctx<'_>) -> T) -> T {
        lend(config, start, !self.fresh, work)
    }
}

impl World {
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides { seed: self.seed, threads: self.threads, ..Overrides::default() }
    }

    /// The file's configuration or the defaults, and the flags over it.
    pub(crate) fn fresh(&self, overrides: &Overrides) -> Result<Config, ConfigError> {
        let base = match &self.config {
            Some(path) => Config::load(path)?,
            None if Path::new(CONFIG_FILE).is_file() => {
                ui::note(&format!("settings from ./{CONFIG_FILE}"));
                Config::load(Path::new(CONFIG_FILE))?
            }
            None => Config::default(),
        };
        base.with(overrides)
    }

    /// The configuration of the demo: a file for one's own data does not fit the generated ones, unless it is named.
    pub(crate) fn built_in(&self, overrides: &Overrides) -> Result<Config, ConfigError> {
        let base = self.config.as_deref().map_or_else(|| Ok(Config::default()), Config::load)?;
        base.with(overrides)
    }

    /// Calls `work` with everything of the outside world that it may use.
    pub(crate) fn lent<T>(&self, config: &Config, start: Instant, work: impl FnOnce(&Ctx<'_>) -> T) -> T {
        lend(config, start, false, work)
    }
}

fn lend<T>(config: &Config, start: Instant, reuse: bool, work: impl FnOnce(&Ctx<'_>) -> T) -> T {
    let progress = ui::Watcher::new(start);
    let elapsed = move || start.elapsed();
    let threads = match config.run.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let caller = caller();
    work(&Ctx { threads, batch_rows: BATCH_ROWS, caller: &caller, reuse, progress: &progress, elapsed: &elapsed })
}

/// This build of the program and this process.
#[allow(clippy::disallowed_methods, reason = "the clock belongs to this crate")]
fn caller() -> Caller {
    let since_1970 = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let program = std::env::current_exe().and_then(std::fs::metadata);
    let built = program.and_then(|file| Ok(format!("{}-{}", file.len(), since_1970(file.modified()?).as_nanos())));
    let seconds = i64::try_from(since_1970(SystemTime::now()).as_secs()).unwrap_or(0);
    let since = tenure_stages::time::Instant(seconds * 1_000_000);
    Caller {
        build: built.unwrap_or_default(),
        holder: format!("process {}, since {} UTC", std::process::id(), since.to_string().replace('T', " ")),
    }
}

impl Reading {
    pub(crate) fn lay_over(self, overrides: Overrides) -> Overrides {
        Overrides { date_order: self.date_order, customers: self.customers, ..overrides }
    }
}

impl Decision {
    pub(crate) fn lay_over(self, overrides: Overrides) -> Overrides {
        Overrides { as_of: self.as_of, ..overrides }
    }
}

impl ChurnHorizon {
    /// Refuses the window with a saved model, which has its own.
    pub(crate) fn refuse_with_score(&self) -> Result<(), Error> {
        refuse_window("--churn-days", "churn", self.churn_days.is_some())
    }

    pub(crate) fn lay_over(self, overrides: Overrides) -> Overrides {
        Overrides { churn_days: self.churn_days, ..overrides }
    }
}

/// Refuses a window of `option` for a saved model of `stage`.
fn refuse_window(option: &str, stage: &str, given: bool) -> Result<(), Error> {
    if !given {
        return Ok(());
    }
    let cure = format!(
        "leave it out; for another window, `tenure features {option} N` and `tenure {stage} {option} N` on the run make a \
         model that has it"
    );
    Err(refused(option, "means nothing with --score: the saved model has the window that it was made for", &cure))
}

impl ValueHorizon {
    /// Refuses the window with a saved model, which has its own.
    pub(crate) fn refuse_with_score(&self) -> Result<(), Error> {
        refuse_window("--value-days", "value", self.value_days.is_some())
    }

    pub(crate) fn lay_over(self, overrides: Overrides) -> Overrides {
        Overrides { value_days: self.value_days, ..overrides }
    }
}

impl Segmenting {
    pub(crate) fn lay_over(self, overrides: Overrides) -> Overrides {
        Overrides { map: self.map, rfm_ties: self.rfm_ties, clusters: self.clusters, k: self.k, ..overrides }
    }
}

impl Planning {
    pub(crate) fn lay_over(self, overrides: Overrides) -> Overrides {
        Overrides {
            budget: self.budget,
            offers: self.offers,
            caps: self.caps,
            method: self.method,
            risk: self.risk,
            suppress: self.suppress,
            ..overrides
        }
    }
}

impl Strictness {
    pub(crate) fn lay_over(self, overrides: Overrides) -> Overrides {
        Overrides { strict: self.strict, contract: self.contract, ..overrides }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn caps_are_counts_shares_or_percentages() {
        let read = |text: &str| cap(text).unwrap();
        assert_eq!(read("Premium=0.1"), ("Premium".to_owned(), 0.1.into()));
        assert_eq!(read("Premium = 10%"), ("Premium".to_owned(), "10%".into()));
        assert_eq!(read("A=B=500"), ("A=B".to_owned(), 500.into()));
        assert!(read("Premium=1").1.is_u64() && read("Premium=1.0").1.is_f64());
        assert!(cap("Premium").is_err());
    }
}

//! Buy till you die on one table, without a run: who bought how often and when, to parameters and predictions.
//!
//! A table of histories ([`table`]) has one row per customer in the columns of the field (`frequency`, `recency`, `T`); an
//! order log is brought to the same by [`log`]. Such tables do not say what their times are measured in. Parameters,
//! likelihood and P(alive) do not need it; whatever looks so many days ahead does, and is left empty until the user says.

mod answer;
mod life;
mod log;
mod occasions;
mod table;

use serde::Serialize;
use tenure_math::btyd::{self, TimeUnit};

use crate::error::{Error, Result};

pub use answer::{Answer, Clv, Customer, Dropout, Estimate, Nbd, Spend};
pub(crate) use answer::{Histories, answer};
pub use life::PAlive;
pub(crate) use log::histories as of_log;
pub(crate) use occasions::answer as answer_occasions;
pub(crate) use table::{Read, read};

/// Predictions: columns of one length, by name.
pub(crate) type Columns = Vec<(&'static str, tenure_tables::store::Column)>;

/// A model that can be put to a table without a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// One of purchases at any time.
    AnyTime(btyd::Model),
    /// BG/BB: at most one purchase at each of a number of occasions.
    BgBb,
}

impl Model {
    /// The words for them on the command line.
    pub const WORDS: &'static [&'static str] = &["bg-nbd", "mbg-nbd", "pareto-nbd", "nbd", "bg-bb"];

    /// The model of a word; underscores serve for hyphens.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Some(match word.replace('_', "-").as_str() {
            "bg-nbd" => Self::AnyTime(btyd::Model::BgNbd),
            "mbg-nbd" => Self::AnyTime(btyd::Model::MbgNbd),
            "pareto-nbd" => Self::AnyTime(btyd::Model::ParetoNbd),
            "nbd" => Self::AnyTime(btyd::Model::Nbd),
            "bg-bb" => Self::BgBb,
            _ => return None,
        })
    }

    /// Its name in the literature.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AnyTime(model) => model.name(),
            Self::BgBb => "BG/BB",
        }
    }
}

/// The words for units of time.
pub const UNITS: &[&str] = &["day", "week", "month", "year"];

fn unit_of(word: &str) -> Option<TimeUnit> {
    let units = [TimeUnit::Day, TimeUnit::Week, TimeUnit::Month, TimeUnit::Year];
    UNITS.iter().position(|unit| *unit == word).map(|at| units[at])
}

fn word_of(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Day => "day",
        TimeUnit::Week => "week",
        TimeUnit::Month => "month",
        TimeUnit::Year => "year",
    }
}

/// What is asked of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The model.
    pub model: Model,
    unit: Option<TimeUnit>,
    days: f64,
    periods: u32,
    discount: f64,
    customer: Option<String>,
}

/// The values of the options that were given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// What times are measured in: a word of [`UNITS`].
    pub unit: Option<String>,
    /// Days to look ahead.
    pub days: Option<f64>,
    /// Occasions to look ahead.
    pub periods: Option<u32>,
    /// Yearly discount rate.
    pub discount: Option<f64>,
    /// The customer of an order log whose life is to be drawn.
    pub customer: Option<String>,
}

impl Question {
    /// Days that are looked ahead unless the user says otherwise.
    pub const DAYS: f64 = 180.0;
    /// Occasions that are looked ahead unless the user says otherwise.
    pub const PERIODS: u32 = 5;
    /// Yearly discount rate unless the user says otherwise.
    pub const DISCOUNT: f64 = 0.1;

    /// A question, checked.
    ///
    /// # Errors
    /// [`Error::Input`] naming the option that is out of its domain or means nothing to the model.
    pub fn new(model: Model, options: &Options) -> Result<Self> {
        let input = |problem: String, place: &str, cure: &str| {
            Err(Error::Input { problem, place: Some(place.to_owned()), cure: cure.to_owned() })
        };
        if model == Model::BgBb {
            let given = [
                ("--unit", options.unit.is_some()),
                ("--days", options.days.is_some()),
                ("--discount", options.discount.is_some()),
                ("--customer", options.customer.is_some()),
            ];
            if let Some((option, _)) = given.iter().find(|(_, given)| *given) {
                let problem = format!("{option} means nothing to the BG/BB: its occasions have no dates and no length");
                return input(problem, option, "leave it out; --periods says how many occasions to look ahead");
            }
        } else if options.periods.is_some() {
            let problem = format!("--periods means nothing to the {}", model.name());
            return input(problem, "--periods", "say with --days how many days to look ahead");
        }
        let unit = match &options.unit {
            None => None,
            Some(word) => match unit_of(word) {
                None => return input(format!("{word} is no unit of time"), "--unit", "say day, week, month or year"),
                unit => unit,
            },
        };
        let days = options.days.unwrap_or(Self::DAYS);
        if !(days > 0.0 && days <= 36_525.0) {
            return input(format!("--days cannot be {days}"), "--days", "choose more than 0 and at most 36525 days");
        }
        let periods = options.periods.unwrap_or(Self::PERIODS);
        if !(1..=1000).contains(&periods) {
            return input(format!("--periods cannot be {periods}"), "--periods", "choose 1 to 1000 occasions");
        }
        let discount = options.discount.unwrap_or(Self::DISCOUNT);
        if !(0.0..=1.0).contains(&discount) {
            let cure = "give the yearly rate as a share from 0 to 1: 0.1 is 10 %";
            return input(format!("--discount cannot be {discount}"), "--discount", cure);
        }
        if options.customer.is_some() && model == Model::AnyTime(btyd::Model::Nbd) {
            let problem = "--customer draws P(alive), and the NBD knows nobody who leaves".to_owned();
            return input(problem, "--customer", "take --model bg-nbd, mbg-nbd or pareto-nbd");
        }
        if options.customer.as_ref().is_some_and(|id| id.trim().is_empty()) {
            let problem = "--customer names nobody".to_owned();
            return input(problem, "--customer", "name one customer as the file spells it, or leave it out");
        }
        Ok(Self { model, unit, days, periods, discount, customer: options.customer.clone() })
    }
}

impl Question {
    /// Whether one customer's life is asked for.
    pub(crate) fn is_of_one(&self) -> bool {
        self.customer.is_some()
    }
}

/// What kind of file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// One row per customer: frequency, recency, T.
    Histories,
    /// One row per past: frequency, recency, periods and a count.
    Occasions,
    /// An order log.
    OrderLog,
}

/// Customers that a fit needs at least: two histories determine two parameters or four exactly, and teach nothing.
const LEAST_CUSTOMERS: usize = 10;

/// Refuses a fit to so few customers. Where nobody bought again the fit itself has a better word for it.
fn require_enough(name: &str, file: &str, customers: u64, again: u64) -> Result<()> {
    let found = usize::try_from(customers).unwrap_or(usize::MAX);
    if found >= LEAST_CUSTOMERS || again == 0 {
        return Ok(());
    }
    Err(refused(name, file, tenure_math::Error::TooFew { what: "a fit to customers", needed: LEAST_CUSTOMERS, found }))
}

/// A refused estimation, as a fault of the data with a cure.
fn refused(name: &str, file: &str, e: tenure_math::Error) -> Error {
    use tenure_math::Error as Math;
    let cure = match &e {
        Math::Degenerate { .. } | Math::TooFew { .. } => {
            "give customers of whom some bought again, seen for some time after their first purchase"
        }
        Math::NotConverged { .. } => "try --model nbd, or more customers: these do not determine the model",
        _ => return Error::math("buy till you die")(e),
    };
    let problem = format!("{name} cannot be fitted to {file}: {e}");
    Error::Input { problem, place: Some(file.to_owned()), cure: cure.to_owned() }
}

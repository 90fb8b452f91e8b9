//! A generated retailer whose truth is known: what `tenure demo` runs on and what a plan is judged by.
//!
//! **Question.** Real data never say who has left for good, what a customer would have spent, or what an offer would
//! have changed. Here all three are known, in closed form, for every customer.
//!
//! **Model.** Time `t` is in days since midnight of the first day. Customer `i` is acquired at `a_i` with a first order
//! and orders again as a Poisson process until a hidden drop-out at `d_i`:
//!
//! ```text
//! intensity   lambda_i * w(day) * ((1 - k_i) + k_i * g(day)) * 1[opening hours],   a_i < t < d_i
//! lambda_i    gamma x channel x country            k_i  beta (how much the Christmas season matters to i)
//! d_i - a_i   exponential(mu_i),  mu_i  gamma x channel x country x (lambda_i / mean)^-kappa
//! order       L = 1 + Binomial(9, f_i) picks; product ~ i's affinities; quantity = 1 + Poisson(X (b_i / price - 1)+)
//! ```
//!
//! `X` is log-normal with mean one and shared by the lines of an order, `b_i` (log-normal) is what `i` likes to spend on
//! a line, so that an order's value is close to log-normal around a mean of `i`'s own,
//! `m_i = E[L] * sum_p share_ip * max(price_p, b_i) + P(postage) * fee`, exactly.
//!
//! **Truth.** `outlook` derives from (lambda, mu, k) the probability of silence, the expected orders and the
//! probability of still being alive; `truth` adds the effects of offers. Both say their formulas at the top.
//!
//! **Export.** `export` writes what the shop would hand over (rows before `as_of` only, dirt included) and, apart,
//! the truth and the log of every planted defect.
//!
//! **Determinism.** A customer, an order, a defect each have a random stream of their own, named by task and index: the
//! bytes do not depend on the number of threads, and a life does not change when it is looked at for longer.
//!
//! **Limits.** Prices are constant, affinities do not move with the season, drop-out has no season, returns do not
//! enter the value (its basis is gross sales with postage).

mod calendar;
mod campaign;
mod clock;
mod dirt;
mod documents;
mod effect;
mod engagement;
mod export;
mod grid;
mod outlook;
mod population;
mod purchases;
mod sheet;
mod shop;
mod statistician;
mod tastes;
mod truth;

use std::ops::Range;
use std::path::PathBuf;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use calendar::Date;
pub use campaign::Campaigns;
pub use dirt::{Defect, DefectKind, DirtRates};
pub use effect::{OfferSpec, Persuasion, RateKind, Response};
pub use export::{ExportSummary, export};
pub use sheet::Form;
pub use shop::ShopKind;
pub use statistician::FromData;
pub use truth::{Truth, plan_value};

use crate::config::Config;

use clock::Clock;
use documents::Document;
use population::Customer;
use shop::Shop;

/// The longest horizon, in days after `as_of`, for which the truth can be asked.
pub const MAX_HORIZON_DAYS: u32 = 730;

/// Why a world could not be made or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// A parameter outside its domain: give another value.
    #[error("world parameter {name} is outside its domain: expected {expected}")]
    Parameter {
        /// The parameter's name.
        name: &'static str,
        /// What would have been accepted.
        expected: &'static str,
    },
    /// A Parquet file that could not be written.
    #[error(transparent)]
    Table(#[from] tenure_tables::Error),
    /// A file that could not be written.
    #[error("{} could not be written: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// The result of an operation of this room.
pub type Result<T> = std::result::Result<T, WorldError>;

/// What world to make. [`Params::default`] is the shop of `tenure demo`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// Customers acquired over `months`, 1 to 50 million.
    pub customers: u32,
    /// Calendar months over which they are acquired, 1 to 120.
    pub months: u32,
    /// The shop's first day.
    pub start: Date,
    /// The instant (midnight) at which the data are cut; `None` is `months` after `start`.
    pub as_of: Option<Date>,
    /// The seed of every random stream.
    pub seed: u64,
    /// The kind of shop.
    pub shop: ShopKind,
    /// How often each kind of defect is planted.
    pub dirt: DirtRates,
    /// How customers respond to offers.
    pub persuasion: Persuasion,
    /// What they were offered before `as_of`.
    pub campaigns: Campaigns,
    /// Whether all customers are alike: one pace, one taste, nobody leaves, no offer moves anybody.
    pub alike: bool,
    /// The churn horizon of `truth.csv`, in days.
    pub churn_days: u32,
    /// The value horizon of `truth.csv`, in days.
    pub value_days: u32,
}

impl Default for Params {
    /// 6,000 customers over 18 months from 2022-12-01, cut at 2024-06-01, horizons 90 and 180 days.
    fn default() -> Self {
        Self {
            customers: 6_000,
            months: 18,
            start: Date::DEFAULT_START,
            as_of: None,
            seed: 1,
            shop: ShopKind::Gifts,
            dirt: DirtRates::default(),
            persuasion: Persuasion::default(),
            campaigns: Campaigns::NONE,
            alike: false,
            churn_days: 90,
            value_days: 180,
        }
    }
}

impl Params {
    /// The instant at which the data are cut, as a date (midnight).
    #[must_use]
    pub fn cut(&self) -> Date {
        self.as_of.unwrap_or_else(|| self.start.plus_months(self.months))
    }

    /// Refuses what lies outside the domain.
    ///
    /// # Errors
    /// [`WorldError::Parameter`] with the first parameter that does.
    pub fn check(&self) -> Result<()> {
        require("customers", (1..=50_000_000).contains(&self.customers), "1 to 50,000,000")?;
        require("months", (1..=120).contains(&self.months), "1 to 120")?;
        require("start", (1900..=2200).contains(&self.start.year()), "a date of the years 1900 to 2200")?;
        let history = self.cut().days_since(self.start);
        require("as_of", (1..=7_300).contains(&history), "a date 1 to 7,300 days after start")?;
        check_horizon("churn_days", self.churn_days)?;
        check_horizon("value_days", self.value_days)?;
        self.dirt.check()?;
        self.campaigns.check()?;
        self.persuasion.check()
    }
}

/// Refuses parameter `name` unless `holds`.
fn require(name: &'static str, holds: bool, expected: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(WorldError::Parameter { name, expected }) }
}

/// Refuses a horizon the clock does not reach.
fn check_horizon(name: &'static str, days: u32) -> Result<()> {
    require(name, (1..=MAX_HORIZON_DAYS).contains(&days), "1 to 730 days")
}

/// A generated retailer, or the part of it that so many of its customers make. It holds the customers' hidden states and the headers of the documents (orders, returns, ...)
/// before `as_of`; lines are drawn again from their streams whenever they are needed, so memory grows with orders.
#[derive(Debug)]
pub struct World {
    params: Params,
    shop: Shop,
    clock: Clock,
    /// Days from `start` to `as_of`.
    cut: f64,
    /// Instants of the campaigns, in days since the start.
    campaigns: Vec<f64>,
    /// What is offered in them: the default table.
    offers: Vec<OfferSpec>,
    /// Index of the first of `customers`.
    first: u32,
    customers: Vec<Customer>,
    documents: Vec<Document>,
}

/// Makes the world that `params` describe, in time linear in the number of orders.
///
/// # Errors
/// [`WorldError::Parameter`] when `params` lie outside their domain.
///
/// ```
/// use tenure_stages::world::{generate, Params};
/// let world = generate(&Params { customers: 50, ..Params::default() })?;
/// assert_eq!(world.as_of().to_string(), "2024-06-01");
/// # Ok::<(), tenure_stages::world::WorldError>(())
/// ```
pub fn generate(params: &Params) -> Result<World> {
    World::part(params, 0..params.customers)
}

impl World {
    /// The part of the world that the customers of `indices` make; a customer is the same in every part.
    fn part(params: &Params, indices: Range<u32>) -> Result<Self> {
        params.check()?;
        let shop = Shop::new(params.shop, params.seed);
        let history = params.cut().days_since(params.start);
        let clock = Clock::new(params.start, (history + i64::from(MAX_HORIZON_DAYS)) as usize, &shop.season);
        let arrivals = population::Arrivals::new(params, &shop, &clock);
        let first = indices.start;
        let customers = indices.into_par_iter().map(|i| population::draw(params, &shop, &arrivals, i)).collect();
        let mut world = Self {
            params: params.clone(),
            shop,
            clock,
            cut: history as f64,
            campaigns: Vec::new(),
            offers: OfferSpec::all_of(&Config::default().offers),
            first,
            customers,
            documents: Vec::new(),
        };
        world.campaigns = world.campaigns();
        world.documents = documents::draw(&world);
        Ok(world)
    }

    /// Customer `index`, who is of this part.
    fn customer(&self, index: u32) -> &Customer {
        &self.customers[(index - self.first) as usize]
    }

    /// The indices of this part's customers.
    fn indices(&self) -> Range<u32> {
        self.first..self.first + self.customers.len() as u32
    }

    /// What the world was made from.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The instant (midnight) at which the data are cut: rows are strictly before it.
    #[must_use]
    pub fn as_of(&self) -> Date {
        self.params.cut()
    }

    /// The number of customers acquired before `as_of`: those in the export and in the truth.
    #[must_use]
    pub fn n_acquired(&self) -> usize {
        self.acquired().count()
    }

    /// Indices and states of the customers acquired before `as_of`, by index.
    fn acquired(&self) -> impl Iterator<Item = (u32, &Customer)> {
        self.indices().zip(&self.customers).filter(|(_, c)| c.acquired < self.cut)
    }
}

/// The text by which the shop knows customer `index`.
fn customer_id(index: u32) -> String {
    (u64::from(index) + 12_346).to_string()
}

#[cfg(test)]
mod tests;

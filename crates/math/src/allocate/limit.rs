//! Side constraints of a plan: what they measure, over whom, and how they stand in the plan.

use serde::{Deserialize, Serialize};

/// What a [`Limit`] adds up over the offers that are made.
#[derive(Debug, Clone, Copy)]
pub enum Measure<'a> {
    /// One for each offer.
    Count,
    /// The offer's cost, money.
    Cost,
    /// A number of its own for each customer and offer, row-major, customers x offers; it may be negative. A least return
    /// `r` on what is spent is `net - r cost` with `at_least` 0.
    PerChoice(&'a [f64]),
}

/// A side constraint: a sum over the offers that are made lies within bounds.
///
/// ```
/// use tenure_math::allocate::{Limit, Measure, Problem, solve};
/// // Two customers, one offer that costs 10 and brings 5 and -2: the floor demands the second.
/// let limits = [Limit::new("contacts", Measure::Count).at_least(2.0)];
/// let plan = solve(&Problem {
///     n_customers: 2,
///     offers: 1,
///     net: &[5., -2.],
///     cost: &[10., 10.],
///     budget: None,
///     caps: &[None],
///     eligible: None,
///     allowed: None,
///     limits: &limits,
/// })?;
/// assert_eq!((plan.net, plan.limits[0].used, plan.limits[0].price), (3.0, 2.0, -2.0));
/// # Ok::<(), tenure_math::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Limit<'a> {
    /// What people call it; errors and reports name it.
    pub name: String,
    /// The offers it counts, by their numbers; `None` is all.
    pub offers: Option<&'a [usize]>,
    /// Whether each customer counts; `None` is everybody.
    pub members: Option<&'a [bool]>,
    /// What is added up.
    pub measure: Measure<'a>,
    /// The greatest sum; `None` where there is no ceiling.
    pub at_most: Option<f64>,
    /// The least sum; `None` where there is no floor.
    pub at_least: Option<f64>,
}

impl<'a> Limit<'a> {
    /// A limit over all offers and customers, with neither ceiling nor floor yet.
    #[must_use]
    pub fn new(name: impl Into<String>, measure: Measure<'a>) -> Self {
        Self { name: name.into(), offers: None, members: None, measure, at_most: None, at_least: None }
    }

    /// Counts only these offers.
    #[must_use]
    pub fn of(self, offers: &'a [usize]) -> Self {
        Self { offers: Some(offers), ..self }
    }

    /// Counts only these customers.
    #[must_use]
    pub fn among(self, members: &'a [bool]) -> Self {
        Self { members: Some(members), ..self }
    }

    /// The sum is at most this.
    #[must_use]
    pub fn at_most(self, most: f64) -> Self {
        Self { at_most: Some(most), ..self }
    }

    /// The sum is at least this.
    #[must_use]
    pub fn at_least(self, least: f64) -> Self {
        Self { at_least: Some(least), ..self }
    }
}

/// How a limit stands in a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LimitUse {
    /// Its name.
    pub name: String,
    /// What the plan adds up to, in the limit's measure.
    pub used: f64,
    /// Its ceiling.
    pub at_most: Option<f64>,
    /// Its floor.
    pub at_least: Option<f64>,
    /// What one more unit of its right side would bring at the margin, money: above 0 for a ceiling that binds, below 0 for
    /// a floor that binds (what the floor costs), 0 where it does not bind.
    pub price: f64,
    /// Whether the plan keeps it. Only the common rule ([`super::greedy`]), which knows no floors, may break one.
    pub kept: bool,
}

//! Planted defects, of the kinds found in real exports, each one logged.
//!
//! No defect changes what a customer truly bought: duplicates repeat a line that stays, guests are nobody, free lines
//! cost nothing, adjustments bear no customer, and test lines name a real customer but are no sale.

use serde::{Deserialize, Serialize};

use super::{Result, require};

/// The kinds of planted defects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DefectKind {
    /// A line that repeats the one before it in every column.
    DuplicateLine,
    /// A line that names no customer.
    MissingCustomer,
    /// A line with price zero.
    ZeroPrice,
    /// A bookkeeping line with a negative price.
    NegativePrice,
    /// A line of a test of the till.
    TestLine,
}

impl DefectKind {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::DuplicateLine, Self::MissingCustomer, Self::ZeroPrice, Self::NegativePrice, Self::TestLine];

    /// The kind's name in `dirt.csv`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DuplicateLine => "duplicate_line",
            Self::MissingCustomer => "missing_customer",
            Self::ZeroPrice => "zero_price",
            Self::NegativePrice => "negative_price",
            Self::TestLine => "test_line",
        }
    }
}

/// A planted defect. A line can have several (an adjustment also names no customer): each is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// What is wrong.
    pub kind: DefectKind,
    /// The line of `transactions.csv`, one-based, the header being line 1.
    pub line_no: u64,
    /// The order's id.
    pub order_id: String,
    /// For a duplicate, the line it repeats.
    pub original_line_no: Option<u64>,
}

/// How often each kind of defect is planted; all between 0 and 0.5.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DirtRates {
    /// Probability that a product line of an order is written twice.
    pub duplicate_line: f64,
    /// Orders without a customer per order with one.
    pub missing_customer: f64,
    /// Probability that an order bears an additional free line.
    pub zero_price: f64,
    /// Bookkeeping adjustments per order.
    pub negative_price: f64,
    /// Test lines per order.
    pub test_line: f64,
}

impl Default for DirtRates {
    fn default() -> Self {
        Self {
            duplicate_line: 0.005,
            missing_customer: 0.05,
            zero_price: 0.01,
            negative_price: 0.0005,
            test_line: 0.001,
        }
    }
}

impl DirtRates {
    /// No defect at all.
    pub const NONE: Self =
        Self { duplicate_line: 0.0, missing_customer: 0.0, zero_price: 0.0, negative_price: 0.0, test_line: 0.0 };

    /// Refuses rates outside 0 to 0.5.
    pub(super) fn check(&self) -> Result<()> {
        for (name, rate) in [
            ("dirt.duplicate_line", self.duplicate_line),
            ("dirt.missing_customer", self.missing_customer),
            ("dirt.zero_price", self.zero_price),
            ("dirt.negative_price", self.negative_price),
            ("dirt.test_line", self.test_line),
        ] {
            require(name, (0.0..=0.5).contains(&rate), "0 to 0.5")?;
        }
        Ok(())
    }
}

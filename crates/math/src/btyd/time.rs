//! Units of time: a length of time always says what it is measured in.
//!
//! The rates of a fitted model are per unit of its history. A horizon of "12" means months to one reader and weeks to
//! another; the lifetimes quickstart put steps of 30 days on weekly data and overstated lifetime values 3.8 times. Here a
//! horizon, a step and a discount rate are [`Span`]s, and a model converts them itself.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What time is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
    /// A mean month: 30.4375 days, a twelfth of a year.
    Month,
    /// A mean year: 365.25 days.
    Year,
}

impl TimeUnit {
    /// The days of one unit.
    ///
    /// ```
    /// use tenure_math::btyd::TimeUnit;
    /// assert_eq!(TimeUnit::Month.days() * 12.0, TimeUnit::Year.days());
    /// ```
    #[must_use]
    pub fn days(self) -> f64 {
        match self {
            Self::Day => 1.0,
            Self::Week => 7.0,
            Self::Month => 30.4375,
            Self::Year => 365.25,
        }
    }
}

/// A length of time with its unit: finite and not negative.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Span {
    value: f64,
    unit: TimeUnit,
}

impl Span {
    /// `value` units.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `value` is finite and at least 0.
    pub fn new(value: f64, unit: TimeUnit) -> Result<Self> {
        if value >= 0.0 && value.is_finite() {
            Ok(Self { value, unit })
        } else {
            Err(Error::Parameter { name: "length of time", value, expected: "a finite value >= 0" })
        }
    }

    /// The same length as a number of `unit`s.
    ///
    /// ```
    /// use tenure_math::btyd::{Span, TimeUnit};
    /// assert_eq!(Span::new(2.0, TimeUnit::Week)?.in_unit(TimeUnit::Day), 14.0);
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    #[must_use]
    pub fn in_unit(self, unit: TimeUnit) -> f64 {
        if self.unit == unit { self.value } else { self.value * self.unit.days() / unit.days() }
    }
}

/// A discount rate and the time it is for: what is due after `t` counts `(1 + rate)^(-t / per)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Discount {
    rate: f64,
    per: Span,
}

impl Discount {
    /// `rate` (0.01 is one per cent) for each `per`.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `rate` is finite and at least 0 and `per` is longer than nothing.
    pub fn new(rate: f64, per: Span) -> Result<Self> {
        if !(rate >= 0.0 && rate.is_finite()) {
            return Err(Error::Parameter { name: "discount rate", value: rate, expected: "a finite value >= 0" });
        }
        if per.value <= 0.0 {
            return Err(Error::Parameter { name: "time of the discount rate", value: per.value, expected: "> 0" });
        }
        Ok(Self { rate, per })
    }

    /// The force of interest `ln(1 + rate) / per` in `unit`s of time: what is due after `t` counts `exp(-force t)`.
    ///
    /// ```
    /// use tenure_math::btyd::{Discount, Span, TimeUnit};
    /// let discount = Discount::new(0.1, Span::new(1.0, TimeUnit::Year)?)?;
    /// assert!((discount.force(TimeUnit::Month) * 12.0 - 1.1_f64.ln()).abs() < 1e-15);
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    #[must_use]
    pub fn force(self, unit: TimeUnit) -> f64 {
        self.rate.ln_1p() / self.per.in_unit(unit)
    }
}

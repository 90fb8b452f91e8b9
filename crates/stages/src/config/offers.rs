//! The offers a plan can make: two built-in tables, or the user's own.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{OfferTable, OffersConfig, RateKind};

/// One offer. Money in the data's currency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Its name, unique in the table; never `None`, which is the name of making no offer.
    pub name: String,
    /// Cost of making the offer to one customer.
    pub contact_cost: f64,
    /// Assumed effect in 0..=1, read as [`RateKind`] says.
    pub rate: f64,
    /// Discount as a share of the spend it applies to, 0..=1.
    #[serde(default)]
    pub discount_share: f64,
    /// Share of those who would have bought anyway that take the discount, 0..=1.
    #[serde(default)]
    pub redemption: f64,
    /// At most this share of the customers gets it, 0..=1.
    #[serde(default = "everybody")]
    pub max_share: f64,
    /// Where the rate comes from: `assumed`, or what measured it.
    #[serde(default = "assumed")]
    pub rate_source: String,
    /// Lower end of the rate's 95 % interval, where it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_low: Option<f64>,
    /// Upper end of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_high: Option<f64>,
}

/// The source of a rate that nobody has measured.
const ASSUMED: &str = "assumed";

/// Whether a rate's source says that nobody has measured it.
pub(crate) fn is_assumed(source: &str) -> bool {
    source.trim().eq_ignore_ascii_case(ASSUMED)
}

fn assumed() -> String {
    ASSUMED.to_owned()
}

/// A count beyond it is a slip.
const MOST_COUNTED: u64 = 1_000_000_000_000_000;

fn everybody() -> f64 {
    1.0
}

impl Offer {
    fn built_in(name: &str, contact_cost: f64, rate: f64, max_share: f64) -> Self {
        Self {
            name: name.to_owned(),
            contact_cost,
            rate,
            discount_share: 0.0,
            redemption: 0.0,
            max_share,
            rate_source: assumed(),
            rate_low: None,
            rate_high: None,
        }
    }
}

impl OffersConfig {
    /// The offers of the table in effect, cheapest first for the built-in ones; making no offer is not listed.
    ///
    /// `retention`: Light 10 and 20 %, Standard 25 and 40 %, Premium 50 and 60 % of would-be churners kept.
    /// `coupons`: Coupon5 2 and 5 points, Coupon10 5 and 10 points, Coupon20 10 and 18 points, the last for at most
    /// 10 % of the customers. The rates are assumptions, not measurements.
    pub fn tiers(&self) -> Vec<Offer> {
        match self.table {
            OfferTable::Retention => vec![
                Offer::built_in("Light", 10.0, 0.20, 1.0),
                Offer::built_in("Standard", 25.0, 0.40, 1.0),
                Offer::built_in("Premium", 50.0, 0.60, 1.0),
            ],
            OfferTable::Coupons => vec![
                Offer::built_in("Coupon5", 2.0, 0.05, 1.0),
                Offer::built_in("Coupon10", 5.0, 0.10, 1.0),
                Offer::built_in("Coupon20", 10.0, 0.18, 0.10),
            ],
            OfferTable::Custom => self.custom.clone(),
        }
    }

    /// How the rates are read: as set, or the table's own reading.
    pub fn rate_kind(&self) -> RateKind {
        self.rate_kind.unwrap_or(match self.table {
            OfferTable::Coupons => RateKind::Points,
            OfferTable::Retention | OfferTable::Custom => RateKind::ShareOfChurners,
        })
    }

    /// The budget used where none is set, in the data's currency.
    pub fn default_budget(&self) -> f64 {
        match self.table {
            OfferTable::Retention | OfferTable::Custom => 10_000.0,
            OfferTable::Coupons => 5_000.0,
        }
    }
}

/// A number of customers, as a share of them or as a count: a whole number is a count, so that 1 is one customer; a number
/// with a decimal point and a text such as `"40 %"` are shares.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum Cap {
    /// A share of the customers, 0..=1.
    Share(f64),
    /// A number of customers.
    Count(u64),
}

impl Cap {
    /// Everybody.
    pub const ALL: Self = Self::Share(1.0);

    /// Reads a setting; `None` where it is neither a share nor a count.
    pub(super) fn read(value: &Value) -> Option<Self> {
        if let Some(text) = value.as_str() {
            let percent: f64 = text.trim().strip_suffix('%')?.trim().parse().ok()?;
            return (0.0..=100.0).contains(&percent).then_some(Self::Share(percent / 100.0));
        }
        if let Some(count) = value.as_u64() {
            return (count <= MOST_COUNTED).then_some(Self::Count(count));
        }
        let number = value.as_f64().filter(|_| !value.is_i64())?;
        match number {
            0.0..=1.0 => Some(Self::Share(number)),
            // A count that a program has made into a floating-point number: no share is above 1.
            _ if number > 1.0 && number <= MOST_COUNTED as f64 && number.fract() <= 0.0 => {
                Some(Self::Count(number as u64))
            }
            _ => None,
        }
    }

    /// The cap as a number of customers out of `n`, rounded down.
    pub fn customers(self, n: u64) -> u64 {
        match self {
            // The tolerance keeps 0.1 × 30 at 3, whatever the last binary digit says.
            Cap::Share(share) => ((share * n as f64 + 1e-9).floor() as u64).min(n),
            Cap::Count(count) => count.min(n),
        }
    }
}

impl TryFrom<Value> for Cap {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        Self::read(&value).ok_or_else(|| format!("{value} is neither a share nor a count"))
    }
}

impl From<Cap> for Value {
    fn from(cap: Cap) -> Self {
        match cap {
            Cap::Share(share) => share.into(),
            Cap::Count(count) => count.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn caps_round_down() {
        assert_eq!(Cap::Share(0.1).customers(30), 3);
        assert_eq!(Cap::Share(0.1).customers(39), 3);
        assert_eq!(Cap::ALL.customers(39), 39);
        assert_eq!(Cap::Share(0.0).customers(39), 0);
        assert_eq!(Cap::Count(40).customers(39), 39);
        assert_eq!(Cap::Count(2).customers(39), 2);
    }

    #[test]
    fn one_is_a_customer_and_one_point_nought_is_everybody() {
        for (setting, cap) in [
            (json!(1), Cap::Count(1)),
            (json!(0), Cap::Count(0)),
            (json!(500), Cap::Count(500)),
            (json!(500.0), Cap::Count(500)),
            (json!(1.0), Cap::ALL),
            (json!(0.4), Cap::Share(0.4)),
            (json!("40 %"), Cap::Share(0.4)),
            (json!("100%"), Cap::ALL),
        ] {
            assert_eq!(Cap::read(&setting), Some(cap), "{setting}");
            assert_eq!(Cap::read(&Value::from(cap)), Some(cap), "{setting} written and read again");
        }
        for bad in [json!(-1), json!(-0.5), json!(1.5), json!("120 %"), json!("40"), json!("ten %"), json!(true)] {
            assert_eq!(Cap::read(&bad), None, "{bad}");
        }
    }
}

//! The truth about every customer acquired before `as_of`: churn, value and the gain of each offer.
//!
//! Definitions. Horizons begin at `as_of`; spend is gross (returns not subtracted, postage included, dirt excluded).
//!
//! ```text
//! p_churn           P(no order in churn_days | hidden state, alive or dropped out); 1 for the dropped-out
//! value             E(spend in value_days | hidden state), without any offer; 0 for the dropped-out
//! value_if_kept     E(spend in value_days | an order in churn_days), of an alive customer of the same rates
//! value_if_churned  E(spend in value_days | no order in churn_days): of those who only pause; 0 for the dropped-out
//! value           = (1 - p_churn) value_if_kept + p_churn value_if_churned
//! gain            = moved * (value_if_kept - value_if_churned) * margin - contact_cost
//! ```
//!
//! `moved` is the probability mass that the offer moves from leaving to staying (see `effect`). An offer that keeps a
//! would-be churner gives him the future of one who stays, and takes away the smaller future he would have had anyhow:
//! `p_churn x value_if_kept x rate`, the usual formula, is the upper bound that forgets those who come back unasked.
//!
//! The same is given once more as the best-informed *observer* could know it: one who knows the customer's rates,
//! seasonality, budget and channel and the shop's mean response, and has seen all orders, but sees neither drop-out nor
//! response type. His probability that the customer is alive is
//! `silent_alive / (silent_alive + silent_dropped)` of the span from the last order to `as_of` (see `outlook`). No plan
//! made from data can be expected to beat the plan made from `gains_observed`; the oracle made from `gains` can.

use rayon::prelude::*;

use super::effect::{self, OfferSpec, Response};
use super::outlook::{self, Future};
use super::purchases::Life;
use super::sheet::Values;
use super::shop::{CHANNELS, COUNTRIES};
use super::{Result, World, WorldError, check_horizon, customer_id, require};

/// The truth; all vectors over customers are in the order of `customer_id`.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// The churn horizon, in days.
    pub churn_days: u32,
    /// The value horizon, in days.
    pub value_days: u32,
    /// The names of the offers.
    pub offers: Vec<String>,
    /// The contact cost of each offer.
    pub costs: Vec<f64>,
    /// Each customer's id in `transactions.csv`.
    pub customer_id: Vec<String>,
    /// The channel of acquisition.
    pub channel: Vec<&'static str>,
    /// The country.
    pub country: Vec<&'static str>,
    /// The response to offers.
    pub response: Vec<Response>,
    /// Whether the customer has not dropped out at `as_of`.
    pub alive: Vec<bool>,
    /// P(no order in the churn horizon).
    pub p_churn: Vec<f64>,
    /// E(spend in the value horizon).
    pub value: Vec<f64>,
    /// E(spend in the value horizon) if the customer orders in the churn horizon.
    pub value_if_kept: Vec<f64>,
    /// E(spend in the value horizon) if he does not.
    pub value_if_churned: Vec<f64>,
    /// P(alive) as the best-informed observer knows it.
    pub p_alive_observed: Vec<f64>,
    /// `p_churn` as he knows it.
    pub p_churn_observed: Vec<f64>,
    /// `value` as he knows it.
    pub value_observed: Vec<f64>,
    /// Whether the customer did not order in the churn horizon of the one future that was drawn (without offers).
    pub realised_churned: Vec<bool>,
    /// Spend in the value horizon of that future.
    pub realised_spend: Vec<f64>,
    /// Expected net gain of each offer against none: `gains[offer][customer]`, in money.
    pub gains: Vec<Vec<f64>>,
    /// `gains` as the best-informed observer knows them.
    pub gains_observed: Vec<Vec<f64>>,
}

/// One customer's row of the truth.
struct Row {
    alive: bool,
    p_churn: f64,
    value: f64,
    value_if_kept: f64,
    value_if_churned: f64,
    p_alive_observed: f64,
    p_churn_observed: f64,
    value_observed: f64,
    realised_churned: bool,
    realised_spend: f64,
    gains: Vec<f64>,
    gains_observed: Vec<f64>,
}

impl World {
    /// The truth at `as_of` over `churn_days` and `value_days` (1 to 730), with the gains of `offers`.
    ///
    /// # Errors
    /// [`WorldError::Parameter`] when a horizon or an offer lies outside its domain.
    pub fn truth(&self, offers: &[OfferSpec], churn_days: u32, value_days: u32) -> Result<Truth> {
        check_horizon("churn_days", churn_days)?;
        check_horizon("value_days", value_days)?;
        offers.iter().try_for_each(OfferSpec::check)?;
        let acquired: Vec<u32> = self.acquired().map(|(index, _)| index).collect();
        let rows: Vec<Row> =
            acquired.par_iter().map(|&index| self.row(index, offers, churn_days, value_days)).collect();
        let customers = || acquired.iter().map(|&index| self.customer(index));
        let by_offer = |gains: fn(&Row) -> &Vec<f64>| -> Vec<Vec<f64>> {
            (0..offers.len()).map(|offer| rows.iter().map(|row| gains(row)[offer]).collect()).collect()
        };
        let each = |field: fn(&Row) -> f64| -> Vec<f64> { rows.iter().map(field).collect() };
        Ok(Truth {
            churn_days,
            value_days,
            offers: offers.iter().map(|offer| offer.name.clone()).collect(),
            costs: offers.iter().map(|offer| offer.contact_cost).collect(),
            customer_id: acquired.iter().map(|&index| customer_id(index)).collect(),
            channel: customers().map(|c| CHANNELS[c.channel].name).collect(),
            country: customers().map(|c| COUNTRIES[c.taste.country].name).collect(),
            response: customers().map(|c| c.response).collect(),
            alive: rows.iter().map(|row| row.alive).collect(),
            p_churn: each(|row| row.p_churn),
            value: each(|row| row.value),
            value_if_kept: each(|row| row.value_if_kept),
            value_if_churned: each(|row| row.value_if_churned),
            p_alive_observed: each(|row| row.p_alive_observed),
            p_churn_observed: each(|row| row.p_churn_observed),
            value_observed: each(|row| row.value_observed),
            realised_churned: rows.iter().map(|row| row.realised_churned).collect(),
            realised_spend: each(|row| row.realised_spend),
            gains: by_offer(|row| &row.gains),
            gains_observed: by_offer(|row| &row.gains_observed),
        })
    }

    /// The row of customer `index`.
    fn row(&self, index: u32, offers: &[OfferSpec], churn_days: u32, value_days: u32) -> Row {
        let customer = self.customer(index);
        let persuasion = &self.params.persuasion;
        let cut = self.cut;
        let spend = super::purchases::expected_value(&self.shop, &customer.taste);
        let Future { p_churn, orders, orders_if_kept, orders_if_churned } =
            outlook::future(&self.clock, &customer.latent, cut, churn_days, value_days);
        let (value_alive, kept, paused) = (orders * spend, orders_if_kept * spend, orders_if_churned * spend);
        let Life { orders: life, leaves, .. } = self.life(index, cut + f64::from(churn_days.max(value_days)));
        let alive = leaves > cut;
        let last = life.iter().rev().find(|order| order.at < cut).map_or(customer.acquired, |order| order.at);
        let silence = outlook::outlook(&self.clock, &customer.latent, last, cut);
        let p_alive = silence.silent_alive / (silence.silent_alive + silence.silent_dropped);
        let within = |days: u32| life.iter().filter(move |o| o.at >= cut && o.at < cut + f64::from(days));
        let pence: i64 = within(value_days).map(|o| self.basket(index, o.ordinal).value(&self.shop)).sum();

        let lean = CHANNELS[customer.channel].lean;
        let gain = |offer: &OfferSpec| {
            let moved = effect::moved(persuasion, offer, customer.response, customer.lean, alive, p_churn);
            moved * (kept - if alive { paused } else { 0.0 }) * offer.margin - offer.contact_cost
        };
        let gain_observed = |offer: &OfferSpec| {
            let [of_alive, of_dropped] =
                [true, false].map(|alive| effect::moved_mean(persuasion, offer, lean, alive, p_churn));
            let spend = p_alive * of_alive * (kept - paused) + (1.0 - p_alive) * of_dropped * kept;
            spend * offer.margin - offer.contact_cost
        };
        Row {
            alive,
            p_churn: if alive { p_churn } else { 1.0 },
            value: if alive { value_alive } else { 0.0 },
            value_if_kept: kept,
            value_if_churned: if alive { paused } else { 0.0 },
            p_alive_observed: p_alive,
            p_churn_observed: 1.0 - p_alive * (1.0 - p_churn),
            value_observed: p_alive * value_alive,
            realised_churned: within(churn_days).next().is_none(),
            realised_spend: pence as f64 / 100.0,
            gains: offers.iter().map(gain).collect(),
            gains_observed: offers.iter().map(gain_observed).collect(),
        }
    }
}

/// The columns of the exported truth.
pub(super) const TRUTH: [&str; 17] = [
    "customer_id",
    "channel",
    "country",
    "response",
    "alive",
    "p_churn",
    "value",
    "value_if_kept",
    "value_if_churned",
    "p_alive_observed",
    "p_churn_observed",
    "value_observed",
    "realised_churned",
    "realised_spend",
    "value_with_light",
    "value_with_standard",
    "value_with_premium",
];

impl Truth {
    /// The truth under the three offers of the retention table, as columns of [`TRUTH`].
    pub(super) fn columns(&self) -> Vec<Values> {
        // The margin of these offers is one, so what is gained is spent.
        let with = |k: usize| {
            let gains = self.gains[k].iter().zip(&self.value);
            Values::Number(gains.map(|(gain, value)| value + gain + self.costs[k]).collect())
        };
        vec![
            Values::Text(self.customer_id.clone()),
            Values::Word(self.channel.clone()),
            Values::Word(self.country.clone()),
            Values::Word(self.response.iter().map(|response| response.name()).collect()),
            Values::Flag(self.alive.clone()),
            Values::Number(self.p_churn.clone()),
            Values::Number(self.value.clone()),
            Values::Number(self.value_if_kept.clone()),
            Values::Number(self.value_if_churned.clone()),
            Values::Number(self.p_alive_observed.clone()),
            Values::Number(self.p_churn_observed.clone()),
            Values::Number(self.value_observed.clone()),
            Values::Flag(self.realised_churned.clone()),
            Values::Money(self.realised_spend.iter().map(|pounds| (pounds * 100.0).round() as i64).collect()),
            with(0),
            with(1),
            with(2),
        ]
    }
}

/// The true expected net money of a plan against doing nothing: the sum of `gains[choice[i]][i]` over customers, in
/// their order; `None` is no offer and gains nothing.
///
/// # Errors
/// [`WorldError::Parameter`] when `choice` has not one entry per customer or names an offer that does not exist.
pub fn plan_value(truth: &Truth, choice: &[Option<usize>]) -> Result<f64> {
    require("choice", choice.len() == truth.customer_id.len(), "one entry per customer of the truth")?;
    let mut sum = 0.0;
    for (i, offer) in choice.iter().enumerate() {
        if let Some(offer) = *offer {
            let gains = truth.gains.get(offer);
            sum += gains.ok_or(WorldError::Parameter { name: "choice", expected: "indices of the truth's offers" })?[i];
        }
    }
    Ok(sum)
}

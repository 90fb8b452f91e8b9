//! One customer: what a run knows of it, and why it stands where it stands.
//!
//! Everything is read from the artefacts of a published run and nothing is computed anew, so that the page says what the
//! files say.

use serde::Serialize;
use tenure_tables::engine::{Engine, EngineConfig, Value};
use tenure_tables::frame::Frame;

use crate::allocate::NO_OFFER;
use crate::artifact::{self, Run};
use crate::config::is_assumed;
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::time::{DAY_US, Instant};

/// What a run says of one customer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Portrait {
    /// Who it is.
    pub customer_id: String,
    /// The instant that all is said of.
    pub as_of: Instant,
    /// Name of the currency; empty where the data do not say.
    pub currency: String,
    /// What it has done.
    pub history: History,
    /// Where it stands, and where it stood.
    pub segment: Segment,
    /// Whether it leaves.
    pub churn: Option<Churn>,
    /// What it is worth.
    pub value: Option<Worth>,
    /// What it is offered.
    pub offer: Offer,
}

/// What a customer has done before the instant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct History {
    /// Day of its first purchase.
    pub first_purchase: Instant,
    /// Day of its last one.
    pub last_purchase: Instant,
    /// Days since then.
    pub recency_days: f64,
    /// Orders.
    pub orders: f64,
    /// Mean days between orders; `None` after a single one.
    pub gap_mean_days: Option<f64>,
    /// All spend, net of cancellations; `None` where the data hold no money.
    pub spend: Option<f64>,
    /// Spend of the last 90 days.
    pub spend_90d: Option<f64>,
    /// Value of its returns over its gross spend.
    pub returned_share: Option<f64>,
}

/// Where a customer stands among the others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Segment {
    /// The segment.
    pub segment: String,
    /// Scores of recency, frequency and money, a digit each.
    pub rfm_code: String,
    /// The cluster's name.
    pub cluster: String,
    /// Earlier segments, each with the snapshot from which on it was in it, oldest first.
    pub path: Vec<(Instant, String)>,
}

/// Whether a customer leaves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Churn {
    /// The probability that it buys nothing in the window.
    pub p_churn: f64,
    /// Length of the window, days.
    pub horizon_days: f64,
    /// Share of all customers with a lower probability.
    pub higher_than: f64,
    /// The probability that it has not left for good; `None` where the data cannot tell.
    pub p_alive: Option<f64>,
    /// What the forecast rests on most, in words.
    pub reasons: Vec<String>,
}

/// What a customer is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Worth {
    /// Expected spend in the window, money.
    pub mean: f64,
    /// Less than this in one case of ten; `None` without a model.
    pub low: Option<f64>,
    /// More than this in one case of ten.
    pub high: Option<f64>,
    /// Length of the window, days.
    pub horizon_days: f64,
    /// Share of all customers with a lower value.
    pub higher_than: f64,
    /// What the forecast rests on most, in words.
    pub reasons: Vec<String>,
}

/// What the plan takes a customer for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stake {
    /// The probability that it buys nothing in the window.
    pub p_churn: f64,
    /// The part of that in which it has left already, by its own pace.
    pub p_gone: f64,
    /// What it brings when it is kept, money.
    pub value: f64,
    /// What it brings by coming back later by itself, money.
    pub comes_back: f64,
    /// What the effects of the offers are a share of, money.
    pub at_stake: f64,
    /// The effect of its offer; `None` for no offer.
    pub rate: Option<f64>,
    /// The part of its effect that an offer has with who has left already.
    pub winback: f64,
}

/// What a customer is offered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Offer {
    /// What the plan takes the customer for.
    pub stake: Stake,
    /// The offer; `None` for no offer.
    pub offer: Option<String>,
    /// What it costs, money.
    pub cost: f64,
    /// What it is expected to bring beyond that.
    pub expected_net: f64,
    /// The next best choice; `None` for no offer.
    pub runner_up: Option<String>,
    /// What that would bring.
    pub runner_up_net: f64,
    /// Share of draws of what is uncertain in which the choice is the same.
    pub stability: f64,
    /// Why, in words.
    pub why: String,
    /// Whether the effect of the offers was measured by nobody.
    pub is_assumed: bool,
}

impl Portrait {
    /// That of a customer of a run.
    ///
    /// # Errors
    /// [`Error::Input`] where the run does not know the customer; [`Error::Missing`] naming the stage that has to run first;
    /// engine errors.
    pub fn of(run: &Run, customer: &str) -> Result<Self> {
        let album = Album::open(run)?;
        let row = album.row(customer)?;
        let as_of = run.timeline()?.as_of;
        let text = |name: &str| -> Result<String> { Ok(row.texts(name)?.remove(0)) };
        let number = |name: &str| -> Result<f64> { Ok(row.f64s(name)?[0]) };
        let known = |name: &str| -> Result<Option<f64>> { Ok(Some(row.f64s(name)?[0]).filter(|v| v.is_finite())) };
        let offer = |name: &str| -> Result<Option<String>> { Ok(Some(text(name)?).filter(|name| name != NO_OFFER)) };
        let (recency_days, tenure_days) = (number("recency_days")?, number("tenure_days")?);
        let before = |days: f64| Instant((as_of.0 - (days * DAY_US as f64) as i64).div_euclid(DAY_US) * DAY_US);
        let parameters = &run.manifest.parameters;
        let sources =
            run.manifest.stages.get(Stage::Allocate.name()).and_then(|facts| facts.get("tiers")?.as_array().cloned());
        let rate = |offer: &str| {
            let tier =
                sources.iter().flatten().find(|tier| tier.get("offer").and_then(|name| name.as_str()) == Some(offer));
            tier.filter(|_| offer != NO_OFFER)?.get("rate")?.as_f64()
        };
        let tier_is_assumed = |tier: &serde_json::Value| {
            let source = tier.get("rate_source").and_then(|source| source.as_str()).unwrap_or_default();
            tier.get("offer").and_then(|name| name.as_str()) != Some(NO_OFFER) && is_assumed(source)
        };
        let churn = match known("p_churn")? {
            Some(p_churn) => Some(Churn {
                p_churn,
                horizon_days: number("churn_horizon_days")?,
                higher_than: album.share_below("p_churn", p_churn)?,
                p_alive: known("p_alive")?,
                reasons: album.reasons("churn_reasons", customer)?,
            }),
            None => None,
        };
        let value = match known("value_mean")? {
            Some(mean) => Some(Worth {
                mean,
                low: known("value_q10")?,
                high: known("value_q90")?,
                horizon_days: number("value_horizon_days")?,
                higher_than: album.share_below("value_mean", mean)?,
                reasons: album.reasons("value_reasons", customer)?,
            }),
            None => None,
        };
        Ok(Self {
            customer_id: customer.to_owned(),
            as_of,
            currency: parameters
                .pointer("/data/currency")
                .and_then(|name| name.as_str())
                .unwrap_or_default()
                .to_owned(),
            history: History {
                first_purchase: before(tenure_days),
                last_purchase: before(recency_days),
                recency_days,
                orders: number("frequency")?,
                gap_mean_days: known("gap_mean_days")?,
                spend: known("monetary_total")?,
                spend_90d: known("revenue_90d")?,
                returned_share: known("returned_value_share")?,
            },
            segment: Segment {
                segment: text("segment")?,
                rfm_code: text("rfm_code")?,
                cluster: text("cluster_name")?,
                path: album.path(customer)?,
            },
            churn,
            value,
            offer: Offer {
                stake: Stake {
                    p_churn: number("plan_p_churn")?,
                    p_gone: number("p_gone")?,
                    value: number("value")?,
                    comes_back: number("comes_back")?,
                    at_stake: number("at_stake")?,
                    rate: rate(&text("offer")?),
                    winback: parameters.pointer("/offers/winback").and_then(serde_json::Value::as_f64).unwrap_or(1.0),
                },
                offer: offer("offer")?,
                cost: number("cost")?,
                expected_net: number("expected_net")?,
                runner_up: offer("runner_up")?,
                runner_up_net: number("runner_up_net")?,
                stability: number("stability")?,
                why: text("why")?,
                is_assumed: sources.as_ref().is_some_and(|tiers| tiers.iter().any(tier_is_assumed)),
            },
        })
    }
}

/// The tables that portraits are taken from.
struct Album {
    engine: Engine,
}

impl Album {
    fn open(run: &Run) -> Result<Self> {
        let engine = Engine::open(&EngineConfig { threads: 1, ..EngineConfig::default() })?;
        for (table, artefact, stage) in [
            ("features", artifact::FEATURES, Stage::Features),
            ("paths", artifact::SEGMENTS, Stage::Segment),
            ("scores", artifact::CUSTOMER_SCORES, Stage::Report),
            ("plan", artifact::ALLOCATION, Stage::Allocate),
        ] {
            // Another plan on a run leaves scores behind that tell of the earlier one.
            run.manifest.stage::<serde_json::Value>(stage, run.folder())?;
            engine.register(table, &run.path(artefact, stage)?)?;
        }
        for (table, artefact, stage) in [
            ("churn_reasons", artifact::CHURN_REASONS, Stage::Churn),
            ("value_reasons", artifact::VALUE_REASONS, Stage::Value),
        ] {
            if run.place(artefact).is_some() {
                engine.register_csv(table, &run.path(artefact, stage)?)?;
            }
        }
        Ok(Self { engine })
    }

    /// Everything that stands in one row.
    fn row(&self, customer: &str) -> Result<Frame> {
        let row = self.engine.select(
            "select scores.*, features.tenure_days, features.gap_mean_days, features.revenue_90d, features.returned_value_share,
                    plan.p_churn as plan_p_churn, plan.p_gone, plan.value, plan.comes_back, plan.at_stake, plan.cost, plan.expected_net, plan.runner_up, plan.runner_up_net, plan.stability, plan.why
             from scores
             inner join features on scores.customer_id = features.customer_id and scores.as_of = features.as_of
             inner join plan on scores.customer_id = plan.customer_id
             where scores.customer_id = $customer",
            &[("customer", Value::Text(customer.to_owned()))],
        )?;
        if row.n_rows() == 1 {
            return Ok(row);
        }
        let like = self.engine.select(
            "select customer_id from scores where ends_with(customer_id, $customer) or starts_with(customer_id, $customer)
             order by customer_id limit 3",
            &[("customer", Value::Text(customer.to_owned()))],
        )?;
        let like = like.texts("customer_id")?;
        Err(Error::Input {
            problem: format!("the run knows no customer '{customer}'"),
            place: None,
            cure: match like.as_slice() {
                [] => "name one as the source spells it; `tenure sql \"select customer_id from customer_scores\"` lists all"
                    .to_owned(),
                like => format!("name one as the source spells it, such as '{}'", like.join("', '")),
            },
        })
    }

    /// The share of customers below a value.
    fn share_below(&self, column: &str, value: f64) -> Result<f64> {
        let sql = format!("select avg(case when {column} < $value then 1.0 else 0.0 end) as share from scores");
        Ok(self.engine.select(&sql, &[("value", Value::F64(value))])?.f64s("share")?[0])
    }

    /// The reasons of a customer; none where there is no such table.
    fn reasons(&self, table: &str, customer: &str) -> Result<Vec<String>> {
        if self.engine.columns(table).is_err() {
            return Ok(Vec::new());
        }
        // The tables of reasons are made for spreadsheets, ids and all.
        let frame = self.engine.select(
            &format!("select reason_1, reason_2, reason_3 from {table} where customer_id = $customer"),
            &[("customer", Value::Text(artifact::spreadsheet_safe(customer)))],
        )?;
        let mut reasons = Vec::new();
        for column in ["reason_1", "reason_2", "reason_3"] {
            reasons.extend(frame.opt_texts(column)?.into_iter().flatten().filter(|reason| !reason.is_empty()));
        }
        Ok(reasons)
    }

    /// The segments that a customer has been in, each with the snapshot at which it was first seen there.
    fn path(&self, customer: &str) -> Result<Vec<(Instant, String)>> {
        let frame = self.engine.select(
            "select cast(as_of as varchar) as as_of, segment from paths where customer_id = $customer order by as_of",
            &[("customer", Value::Text(customer.to_owned()))],
        )?;
        let mut path: Vec<(Instant, String)> = Vec::new();
        for (at, segment) in frame.texts("as_of")?.iter().zip(frame.texts("segment")?) {
            if path.last().is_none_or(|(_, last)| *last != segment)
                && let Some(at) = Instant::parse(at)
            {
                path.push((at, segment));
            }
        }
        Ok(path)
    }
}

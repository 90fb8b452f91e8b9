//! What a run found, in the form that faces print: the end screen, JSON and CSV are views of this one value.
//!
//! Shares are 0..=1, money is in the data's currency, instants are ISO texts. What could not be measured is
//! [`Finding::Missing`] with the reason, never a number.

use serde::{Deserialize, Serialize};

use crate::config::{Basis, Method, OfferTable, RateKind, ValueReading};

/// What a warning begins with that says that a model found nothing: the first thing to know.
pub(crate) const NOTHING: &str = "nothing in these data tells";

/// Something measured, or why it could not be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding<T> {
    /// It was measured.
    Measured(T),
    /// It could not be; a sentence without its full stop says why.
    Missing(String),
}

impl<T> Finding<T> {
    /// The measurement, if there is one.
    pub fn measured(&self) -> Option<&T> {
        match self {
            Finding::Measured(found) => Some(found),
            Finding::Missing(_) => None,
        }
    }
}

/// An estimate with its bootstrap interval, where one was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Lower end of the 95 % interval.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval.
    pub high: Option<f64>,
}

/// The result of a whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Instant of the decision.
    pub as_of: String,
    /// First instant of the data.
    pub data_start: String,
    /// End of the data; never after `as_of` where rows were cut there.
    pub data_end: String,
    /// Name of the currency; empty where the data do not say.
    pub currency: String,
    /// What became of the rows.
    pub rows: Rows,
    /// Customers acquired by `as_of`.
    pub customers: u64,
    /// Segments, largest share of revenue first.
    pub segments: Vec<Segment>,
    /// Whether the segments behave as their names say.
    pub segment_checks: Vec<SegmentCheck>,
    /// How well churn is forecast, on the test window.
    pub churn: Finding<ChurnQuality>,
    /// How well value is forecast, on the test window.
    pub value: Finding<ValueQuality>,
    /// The plan.
    pub plan: Finding<Plan>,
    /// Plans beside the truth, best first; only a generated world knows it, else empty.
    pub truth: Vec<TruthRow>,
    /// Forecasts beside the truth; empty like `truth`.
    pub truth_checks: Vec<TruthCheck>,
    /// The run folder, as the user named it.
    pub out: String,
    /// What was written, most wanted first.
    pub outputs: Vec<Output>,
    /// What the reader must know, each a sentence.
    pub warnings: Vec<String>,
    /// What to do next, each a sentence or a command.
    pub next: Vec<String>,
}

/// `read = kept + quarantined`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// Rows in the source.
    pub read: u64,
    /// Rows in `data/cleaned.parquet`.
    pub kept: u64,
    /// Rows in `data/quarantine.parquet`.
    pub quarantined: u64,
    /// The same by reason, most rows first.
    pub reasons: Vec<Reason>,
}

/// Rows quarantined for one reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The reason code.
    pub reason: String,
    /// Rows.
    pub rows: u64,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Its name.
    pub name: String,
    /// Its customers.
    pub customers: u64,
    /// Their share of all customers.
    pub customer_share: f64,
    /// Their share of all revenue before `as_of`; `None` where there is none.
    pub revenue_share: Option<f64>,
    /// Mean churn probability.
    pub p_churn_mean: Option<f64>,
    /// Mean value.
    pub value_mean: Option<f64>,
}

/// What is expected of the segments, and whether it came true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentCheck {
    /// What must be true, in words.
    pub name: String,
    /// Whether it is.
    pub verdict: Verdict,
    /// The figures, or why there are none.
    pub sentence: String,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// Nobody can tell from these data.
    Open,
}

/// A label window: `from <= t < to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// First instant.
    pub from: String,
    /// End, not included.
    pub to: String,
}

/// The churn forecast on the test window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChurnQuality {
    /// The model deployed.
    pub model: String,
    /// Churned = no purchase in so many days.
    pub horizon_days: u32,
    /// The test window.
    pub window: Window,
    /// Customers judged.
    pub customers: u64,
    /// Share of them that churned.
    pub churn_rate: f64,
    /// Mean probability that the model in use gave them.
    pub mean_p_churn: f64,
    /// The deployed model first, then the candidates and the recency baseline.
    pub models: Vec<ChurnScore>,
    /// The threshold for action.
    pub threshold: Threshold,
}

/// One churn model on the test window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChurnScore {
    /// The model.
    pub model: String,
    /// Area under the ROC curve.
    pub auc: Estimate,
    /// Area under the precision-recall curve, as average precision.
    pub average_precision: Estimate,
    /// Expected calibration error.
    pub ece: Option<f64>,
    /// Brier score.
    pub brier: Option<f64>,
    /// Mean log-loss, in nats; `None` where a certainty was wrong.
    pub log_loss: Option<f64>,
}

/// A threshold set on the calibration window and judged on the test window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Weight of recall against precision.
    pub beta: f64,
    /// Customers at or above this probability are flagged.
    pub p_churn: f64,
    /// F-beta of flagging them.
    pub f_beta: f64,
    /// F-beta of flagging everybody.
    pub f_beta_everybody: f64,
    /// Share of the flagged that churned; `None` where nobody is flagged.
    pub precision: Option<f64>,
    /// Share of the churned that were flagged.
    pub recall: Option<f64>,
    /// Share of the customers that is flagged.
    pub flagged_share: f64,
}

/// The value forecast on the test window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValueQuality {
    /// The model deployed.
    pub model: String,
    /// Value = spend in so many days.
    pub horizon_days: u32,
    /// Which spend counts.
    pub basis: Basis,
    /// The test window.
    pub window: Window,
    /// Customers judged.
    pub customers: u64,
    /// The deployed model first; the naive baseline, the spend of the last window as it is, last.
    pub models: Vec<ValueScore>,
    /// Share of outcomes between the lower and the upper value.
    pub coverage: f64,
    /// What that share should be.
    pub coverage_intended: f64,
    /// Share of outcomes above the upper value.
    pub above_upper: f64,
}

/// One value model on the test window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValueScore {
    /// The model.
    pub model: String,
    /// Coefficient of determination.
    pub r2: Option<f64>,
    /// Root of the mean squared error.
    pub rmse: Option<f64>,
    /// Mean absolute error.
    pub mae: Option<f64>,
    /// Rank correlation.
    pub spearman: Option<f64>,
    /// Normalised Gini coefficient.
    pub gini: Option<f64>,
    /// What was predicted of all customers less what came, as a share of what came.
    pub portfolio_error: Option<Estimate>,
}

/// The plan under the budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The table of offers.
    pub table: OfferTable,
    /// What a kept customer is worth.
    pub value: ValueReading,
    /// How rates are read.
    pub rate_kind: RateKind,
    /// How the plan was found.
    pub method: Method,
    /// What the expected net rests on that was not measured, each a sentence.
    pub assumptions: Vec<String>,
    /// Money allowed.
    pub budget: f64,
    /// Money planned: contact cost and expected subsidy.
    pub spend: f64,
    /// Customers per offer, in the table's order.
    pub offers: Vec<PlannedOffer>,
    /// Customers without an offer, hold-out included.
    pub without_offer: u64,
    /// Customers held out to measure the effect.
    pub held_out: u64,
    /// Expected net: gain less spend.
    pub expected_net: f64,
    /// No plan under the same limits has a higher expected net.
    pub bound: Option<f64>,
    /// Bound less expected net.
    pub gap: Option<f64>,
    /// Gap as a share of the bound.
    pub gap_share: Option<f64>,
    /// Expected net of the highest-value-first plan under the same limits.
    pub greedy_net: Option<f64>,
    /// What one more unit of budget would add to the expected net.
    pub shadow_price: Option<f64>,
    /// The expected net where probabilities, values and rates are other than forecast.
    pub doubt: Option<PlanDoubt>,
}

/// A plan's net under draws of what is uncertain, money.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlanDoubt {
    /// Below this in 5 % of the draws.
    pub low: f64,
    /// Above this in 5 % of them.
    pub high: f64,
    /// The share of draws in which the plan gains.
    pub p_positive: f64,
    /// The mean of the worst of the draws.
    pub worst: f64,
    /// Which share of them that is of.
    pub worst_share: f64,
}

/// One offer of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedOffer {
    /// Its name.
    pub name: String,
    /// Customers who get it.
    pub customers: u64,
    /// What it costs.
    pub spend: f64,
    /// What it is expected to bring, net.
    pub expected_net: f64,
}

/// A plan judged by the known truth of a generated world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TruthRow {
    /// The plan, such as `oracle`, `tenure`, `greedy`, `random`.
    pub plan: String,
    /// What it costs.
    pub spend: f64,
    /// Its true net value.
    pub true_net: f64,
    /// The oracle's true net less this plan's.
    pub regret: f64,
    /// Regret as a share of the oracle's true net.
    pub regret_share: Option<f64>,
    /// Whom it reached of those who then left, and what these had spent in the 180 days before: all that a shop without a
    /// known truth can see (`tenure backtest --plan`).
    pub cover: Cover,
}

/// A plan beside what customers did in the window that it looked at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cover {
    /// Customers contacted; of a rule that draws them, the mean.
    pub contacts: f64,
    /// What they cost, money.
    pub spend: f64,
    /// Those of them who left.
    pub leavers: f64,
    /// What these had spent before, money.
    pub covered: f64,
}

impl Cover {
    /// What a unit of money covers; `None` where none is spent.
    #[must_use]
    pub fn per_unit(&self) -> Option<f64> {
        (self.spend > 0.0).then(|| self.covered / self.spend)
    }
}

/// What a run said, and what is true in a generated world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TruthCheck {
    /// What is compared.
    pub what: String,
    /// Whether it is money, in the data's currency, or a share.
    pub is_money: bool,
    /// What the run said of it.
    pub said: f64,
    /// What is true.
    pub truth: f64,
}

/// A file of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Path relative to the run folder.
    pub path: String,
    /// What it holds.
    pub what: String,
}

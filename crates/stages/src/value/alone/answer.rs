//! A fitted model, what it says of every customer, and what a reader must know of it.

use rayon::prelude::{IntoParallelIterator, ParallelIterator};
use serde::Serialize;
use tenure_math::btyd::{self, Discount, Fitted, History, Model, Money, Past, Span, TimeUnit, gamma_gamma};
use tenure_tables::store::Column;

use super::life::{Life, PAlive};
use super::{Columns, Question, Source, refused, require_enough, word_of};
use crate::error::{Error, Result};
use crate::number;
use crate::time::Instant;

/// Months that a lifetime value reaches.
const CLV_MONTHS: u32 = 12;
/// The part of spend that counts as value.
const MARGIN: f64 = 1.0;
/// Customers that are shown.
const TOP: usize = 10;

/// The histories of customers, in one unit of time.
pub(crate) struct Histories {
    /// The file, as the user named it.
    pub(crate) file: String,
    /// What it is.
    pub(crate) source: Source,
    /// The customers, each once.
    pub(crate) ids: Vec<String>,
    /// Purchases after the first.
    pub(crate) repeats: Vec<u32>,
    /// Time from the first purchase to the last.
    pub(crate) last: Vec<f64>,
    /// Time from the first purchase to the end of observation.
    pub(crate) observed: Vec<f64>,
    /// Mean spend of the purchases after the first, 0 without; none where money is not known.
    pub(crate) spend: Option<Vec<f64>>,
    /// What times are measured in, where that is known.
    pub(crate) unit: Option<TimeUnit>,
    /// The last day that was observed, where that is known.
    pub(crate) observed_until: Option<Instant>,
    /// When the customer bought who is asked for.
    pub(crate) life: Option<Life>,
    /// What the reader must know.
    pub(crate) notes: Vec<String>,
}

/// What a model says of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The file, as the user named it.
    pub file: String,
    /// What it was read as.
    pub source: Source,
    /// The model's name.
    pub model: String,
    /// What times are measured in; none where nobody said, and for occasions.
    pub unit: Option<&'static str>,
    /// The last day that was observed, where that is known.
    pub observed_until: Option<Instant>,
    /// Customers.
    pub customers: u64,
    /// Those who bought again.
    pub customers_repeating: u64,
    /// Purchases after the first.
    pub repeat_purchases: u64,
    /// The estimates, per unit of time.
    pub parameters: Vec<Estimate>,
    /// The log-likelihood reached.
    pub log_likelihood: f64,
    /// Akaike's criterion.
    pub aic: f64,
    /// The same customers where nobody leaves; none for occasions.
    pub nbd: Option<Nbd>,
    /// Whether the data tell leaving from slow buying; none for occasions, where nothing is compared.
    pub dropout: Option<Dropout>,
    /// Iterations of the best start.
    pub iterations: u64,
    /// The log-likelihood that each start reached.
    pub reached: Vec<f64>,
    /// Days that are looked ahead; none for occasions.
    pub horizon_days: Option<f64>,
    /// Occasions that are looked ahead.
    pub horizon_periods: Option<u32>,
    /// Purchases expected of all customers within that; none where the unit of time is not known.
    pub expected_purchases: Option<f64>,
    /// Spend per purchase, where it is known and can be modelled.
    pub spend: Option<Spend>,
    /// Lifetime values, where spend and unit are known.
    pub clv: Option<Clv>,
    /// The first customers by lifetime value, else by expected purchases.
    pub top: Vec<Customer>,
    /// P(alive) of the customer who was asked for, over time.
    pub life: Option<PAlive>,
    /// Where the picture of that is.
    pub figure: Option<String>,
    /// Where the predictions of all customers are.
    pub to: String,
    /// What the reader must know.
    pub notes: Vec<String>,
}

/// One parameter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// Its name in the literature.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// Its standard error; none where the likelihood is flat.
    pub standard_error: Option<f64>,
}

/// The model without leaving.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Nbd {
    /// Its log-likelihood.
    pub log_likelihood: f64,
    /// What the model gains over it.
    pub gain: f64,
    /// What it must gain at least for leaving to be identified.
    pub least_gain: f64,
}

/// Whether dropout is identified.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dropout {
    /// Whether it is.
    pub identified: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Whether all customers seem to leave alike, so that only the mean probability to leave is known.
    pub alike: bool,
}

/// The Gamma-Gamma model of spend per purchase.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spend {
    /// `p`, `q` and `v`.
    pub parameters: Vec<Estimate>,
    /// The log-likelihood reached.
    pub log_likelihood: f64,
    /// Customers it is fitted to.
    pub customers: u64,
    /// Correlation of purchases with mean spend, which the model takes for 0.
    pub correlation: Option<f64>,
}

/// Lifetime values of all customers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Clv {
    /// How far they reach.
    pub months: u32,
    /// What is due a year later counts `1 / (1 + rate)`.
    pub discount_per_year: f64,
    /// The part of spend that counts.
    pub margin: f64,
    /// Their sum.
    pub total: f64,
    /// Customers without one.
    pub customers_without: u64,
}

/// What is said of one customer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Customer {
    /// Who it is.
    pub customer_id: String,
    /// Purchases after the first.
    pub frequency: u32,
    /// Time from the first purchase to the last.
    pub recency: f64,
    /// Time observed.
    #[serde(rename = "T")]
    pub observed: f64,
    /// Customers with this past; 1 unless the table counts them.
    pub customers: u64,
    /// P(alive), where it may be spoken of.
    pub p_alive: Option<f64>,
    /// Purchases expected within the horizon.
    pub expected_purchases: Option<f64>,
    /// Lifetime value.
    pub clv: Option<f64>,
}

/// What is computed of each customer.
struct Said {
    p_alive: Option<f64>,
    expected: Option<f64>,
    silent: Option<f64>,
    spend: Option<f64>,
    clv: Option<f64>,
}

/// Fits the model and answers for every customer; the predictions are columns of their own. Where they will lie is for the
/// caller to fill in.
///
/// # Errors
/// [`Error::Input`] where the customers determine no model.
pub(crate) fn answer(question: &Question, model: Model, given: Histories) -> Result<(Answer, Columns)> {
    let again = given.repeats.iter().filter(|repeats| **repeats > 0).count() as u64;
    require_enough(model.name(), &given.file, given.ids.len() as u64, again)?;
    // Without a unit the model is per unit of the table, whichever that is; nothing below then looks ahead.
    let unit = given.unit.unwrap_or(TimeUnit::Week);
    let fitted = History::new(&given.repeats, &given.last, &given.observed, unit)
        .and_then(|history| btyd::fit(model, &history, &btyd::Params::default()))
        .map_err(|e| refused(model.name(), &given.file, e))?;
    let mut notes = given.notes.clone();
    let money = spend(&given, &mut notes)?;
    let identified = matches!(fitted.dropout(), btyd::Dropout::Identified { .. });
    if given.unit.is_none() {
        notes.push(
            "the table does not say what its times are measured in: parameters and P(alive) need no unit, purchases and \
             values to come do; say --unit day, week, month or year"
                .to_owned(),
        );
    }
    let plan = Plan::new(question)?;
    let said: Vec<Said> = (0..given.ids.len())
        .into_par_iter()
        .map(|i| {
            let past = Past { repeats: given.repeats[i], last: given.last[i], observed: given.observed[i], unit };
            let mean = given.spend.as_ref().map(|spend| spend[i]);
            plan.say(&fitted, &past, identified, given.unit.is_some(), money.as_ref().zip(mean))
        })
        .collect::<tenure_math::Result<_>>()
        .map_err(Error::math("the predictions"))?;
    let life = match given.life.as_ref().zip(question.customer.as_deref()) {
        Some((life, customer)) => life.p_alive(customer, &fitted)?,
        None => None,
    };
    if life.is_none() && given.life.is_some() {
        notes.push(
            "P(alive) of the customer is not drawn: it was seen on one day only, or the data do not tell who left"
                .to_owned(),
        );
    }
    let clv = (money.is_some() && given.unit.is_some()).then(|| Clv {
        months: CLV_MONTHS,
        discount_per_year: question.discount,
        margin: MARGIN,
        total: said.iter().filter_map(|said| said.clv).sum(),
        customers_without: said.iter().filter(|said| said.clv.is_none()).count() as u64,
    });
    let answer = Answer {
        file: given.file.clone(),
        source: given.source,
        model: model.name().to_owned(),
        unit: given.unit.map(word_of),
        observed_until: given.observed_until,
        customers: given.ids.len() as u64,
        customers_repeating: again,
        repeat_purchases: given.repeats.iter().map(|repeats| u64::from(*repeats)).sum(),
        parameters: fitted
            .parameters()
            .iter()
            .map(|e| Estimate { name: e.name.clone(), value: e.value, standard_error: e.standard_error })
            .collect(),
        log_likelihood: fitted.log_likelihood(),
        aic: fitted.aic(),
        nbd: Some(Nbd {
            log_likelihood: fitted.nbd_log_likelihood(),
            gain: fitted.log_likelihood() - fitted.nbd_log_likelihood(),
            least_gain: btyd::diagnose::LEAST_GAIN,
        }),
        dropout: Some(dropout(&fitted)),
        iterations: fitted.convergence().iterations as u64,
        reached: fitted.convergence().reached.clone(),
        horizon_days: Some(question.days),
        horizon_periods: None,
        expected_purchases: given.unit.map(|_| said.iter().filter_map(|said| said.expected).sum()),
        spend: money.map(|fitted| of_spend(&fitted)),
        clv,
        top: top(&given, &said),
        life,
        figure: None,
        to: String::new(),
        notes,
    };
    Ok((answer, columns(given, &said)))
}

/// What is looked ahead.
struct Plan {
    horizon: Span,
    year: Span,
    month: Span,
    discount: Discount,
}

impl Plan {
    fn new(question: &Question) -> Result<Self> {
        let span = |value: f64, unit: TimeUnit| Span::new(value, unit).map_err(Error::math("the horizon"));
        Ok(Self {
            horizon: span(question.days, TimeUnit::Day)?,
            year: span(f64::from(CLV_MONTHS), TimeUnit::Month)?,
            month: span(1.0, TimeUnit::Month)?,
            discount: Discount::new(question.discount, span(1.0, TimeUnit::Year)?)
                .map_err(Error::math("the discount rate"))?,
        })
    }

    fn say(
        &self,
        fitted: &Fitted,
        past: &Past,
        identified: bool,
        has_unit: bool,
        money: Option<(&gamma_gamma::Fitted, f64)>,
    ) -> tenure_math::Result<Said> {
        let ahead = |look: &dyn Fn() -> tenure_math::Result<f64>| if has_unit { look().map(Some) } else { Ok(None) };
        // A mean spend of 0, or one whose expectation is infinite, gives no value.
        let spend = money
            .filter(|(_, mean)| past.repeats == 0 || *mean > 0.0)
            .and_then(|(money, mean)| money.model.expected(past.repeats, mean).ok());
        let clv = match spend {
            Some(spend) if has_unit => {
                let money = Money { spend, margin: MARGIN };
                Some(fitted.clv(past, money, self.year, self.month, self.discount)?)
            }
            _ => None,
        };
        Ok(Said {
            p_alive: if identified { Some(fitted.p_alive(past)?) } else { None },
            expected: ahead(&|| fitted.conditional(past, self.horizon))?,
            silent: ahead(&|| fitted.p_zero(past, self.horizon))?,
            spend,
            clv,
        })
    }
}

/// The Gamma-Gamma of the customers who bought again, where spend is known; a note where it cannot be fitted.
fn spend(given: &Histories, notes: &mut Vec<String>) -> Result<Option<gamma_gamma::Fitted>> {
    let Some(spend) = &given.spend else { return Ok(None) };
    let (mut repeats, mut means, mut unpaid) = (Vec::new(), Vec::new(), 0_u64);
    for (&x, &mean) in given.repeats.iter().zip(spend) {
        if x > 0 && mean > 0.0 {
            repeats.push(x);
            means.push(mean);
        } else if x > 0 {
            unpaid += 1;
        }
    }
    if unpaid > 0 {
        notes.push(format!(
            "{} who bought again and spent 0 on it take no part in the model of spend and have no lifetime value",
            number::customers(unpaid)
        ));
    }
    match gamma_gamma::fit(&repeats, &means) {
        Ok(fitted) => {
            if fitted.model.q <= 1.0 {
                notes.push(
                    "spends differ so much that their mean over customers is infinite (q <= 1): customers without a \
                     repeat purchase have no lifetime value"
                        .to_owned(),
                );
            }
            Ok(Some(fitted))
        }
        Err(
            e @ (tenure_math::Error::TooFew { .. }
            | tenure_math::Error::NotConverged { .. }
            | tenure_math::Error::Degenerate { .. }),
        ) => {
            notes.push(format!("there are no lifetime values: the model of spend cannot be fitted ({e})"));
            Ok(None)
        }
        Err(e) => Err(Error::math("the model of spend")(e)),
    }
}

fn of_spend(fitted: &gamma_gamma::Fitted) -> Spend {
    let model = fitted.model;
    let values = [("p", model.p), ("q", model.q), ("v", model.v)];
    Spend {
        parameters: values
            .into_iter()
            .enumerate()
            .map(|(i, (name, value))| Estimate {
                name: name.to_owned(),
                value,
                standard_error: fitted.standard_errors.map(|errors| errors[i]).filter(|error| error.is_finite()),
            })
            .collect(),
        log_likelihood: fitted.log_likelihood,
        customers: fitted.customers as u64,
        correlation: fitted.correlation,
    }
}

fn dropout(fitted: &Fitted) -> Dropout {
    match fitted.dropout() {
        btyd::Dropout::Identified { alike, .. } => Dropout { identified: true, reason: None, alike: *alike },
        btyd::Dropout::NotIdentified { reason, .. } => {
            Dropout { identified: false, reason: Some(reason.sentence().to_owned()), alike: false }
        }
    }
}

/// The customers with the largest lifetime values, else expected purchases; equal ones in the order of the table.
fn top(given: &Histories, said: &[Said]) -> Vec<Customer> {
    let by_value = said.iter().any(|said| said.clv.is_some());
    let measure = |said: &Said| if by_value { said.clv } else { said.expected };
    let mut order: Vec<(usize, f64)> =
        said.iter().enumerate().filter_map(|(i, said)| measure(said).map(|value| (i, value))).collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    order
        .into_iter()
        .take(TOP)
        .map(|(i, _)| Customer {
            customer_id: given.ids[i].clone(),
            frequency: given.repeats[i],
            recency: given.last[i],
            observed: given.observed[i],
            customers: 1,
            p_alive: said[i].p_alive,
            expected_purchases: said[i].expected,
            clv: said[i].clv,
        })
        .collect()
}

fn columns(given: Histories, said: &[Said]) -> Columns {
    let all = |value: fn(&Said) -> Option<f64>| Column::OptF64(said.iter().map(value).collect());
    let mut columns = vec![
        ("customer_id", Column::Text(given.ids)),
        ("frequency", Column::I64(given.repeats.iter().map(|repeats| i64::from(*repeats)).collect())),
        ("recency", Column::F64(given.last)),
        ("T", Column::F64(given.observed)),
    ];
    let has_money = given.spend.is_some();
    columns.extend(given.spend.map(|spend| ("monetary_value", Column::F64(spend))));
    columns.extend([
        ("p_alive", all(|said| said.p_alive)),
        ("expected_purchases", all(|said| said.expected)),
        ("p_no_purchase", all(|said| said.silent)),
    ]);
    if has_money {
        columns.extend([("spend_per_purchase", all(|said| said.spend)), ("clv", all(|said| said.clv))]);
    }
    columns
}

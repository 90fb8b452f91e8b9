//! Buy till you die: how the customers of a snapshot buy and leave, fitted afresh to what was known there.
//!
//! One model for all stages: the MBG/NBD on purchase days (docs/methods/btyd.md). A fit needs no outcomes, only who
//! bought how often and until when, so each snapshot of the panel has its own and none sees what came after it.

use std::collections::BTreeMap;

use rayon::prelude::{IntoParallelIterator, ParallelIterator};
use serde::{Deserialize, Serialize};
use tenure_math::btyd::{self, Dropout, Fitted, History, Model, Past, Span, TimeUnit};

use crate::error::{Error, Result};
use crate::panel::Table;
use crate::time::Instant;

/// What the contributions to churn call the probability of silence, which is no column of the features.
pub(crate) const SILENCE: &str = "own_rhythm";
/// What the models can be given to see besides the features: where `features.lifetimes` says so.
pub(crate) const FEATURES: [&str; 2] = ["btyd_p_alive", PURCHASE_DAYS];
/// The purchase days that are expected within the window.
pub(crate) const PURCHASE_DAYS: &str = "btyd_purchase_days";
/// The model that is fitted.
const MODEL: Model = Model::MbgNbd;
/// Probabilities nearer to certainty are no more certain than this: a model so simple cannot know.
const CERTAIN: f64 = 0.001;

/// How a shop's customers buy and leave, as of one snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lifetimes {
    /// The fitted model; `None` where nobody came back, or no fit was found.
    fitted: Option<Fitted>,
    /// Why there is none, or why nobody can be called alive or gone.
    why_not: Option<String>,
}

/// The lifetimes of each snapshot.
#[derive(Debug, Clone, Default)]
pub(crate) struct BySnapshot(BTreeMap<Instant, Lifetimes>);

impl BySnapshot {
    /// Fits every snapshot to its rows, given with them.
    pub(crate) fn fit(table: &Table, rows: Vec<(Instant, Vec<usize>)>) -> Result<Self> {
        let fitted: Vec<(Instant, Result<Lifetimes>)> =
            rows.into_par_iter().map(|(at, rows)| (at, Lifetimes::fit(&pasts(table, &rows)))).collect();
        fitted.into_iter().map(|(at, one)| one.map(|one| (at, one))).collect::<Result<_>>().map(Self)
    }

    /// Those of a snapshot.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a snapshot that was not read.
    pub(crate) fn at(&self, snapshot: Instant) -> Result<&Lifetimes> {
        self.0.get(&snapshot).ok_or_else(|| Error::Corrupt {
            artefact: crate::artifact::FEATURES.to_owned(),
            problem: format!("it holds no customers as of {snapshot}"),
        })
    }
}

/// Fits a model to customers; the inner error says why these customers carry none.
pub(crate) fn fit(model: Model, pasts: &[Past]) -> Result<std::result::Result<Fitted, String>> {
    let repeats: Vec<u32> = pasts.iter().map(|past| past.repeats).collect();
    let last: Vec<f64> = pasts.iter().map(|past| past.last).collect();
    let observed: Vec<f64> = pasts.iter().map(|past| past.observed).collect();
    let fitted = History::new(&repeats, &last, &observed, TimeUnit::Day)
        .and_then(|history| btyd::fit(model, &history, &btyd::Params::default()));
    match fitted {
        Ok(fitted) => Ok(Ok(fitted)),
        Err(
            e @ (tenure_math::Error::Degenerate { .. }
            | tenure_math::Error::NotConverged { .. }
            | tenure_math::Error::TooFew { .. }),
        ) => Ok(Err(e.to_string())),
        Err(e) => Err(Error::math("the model of lifetimes")(e)),
    }
}

/// What was seen of each row's customer, in days. Purchases on one day are one.
pub(crate) fn pasts(table: &Table, rows: &[usize]) -> Vec<Past> {
    let days = table.feature("purchase_days", rows);
    let (spans, ages) = (table.feature("active_span_days", rows), table.feature("tenure_days", rows));
    (0..rows.len())
        .map(|k| {
            let repeats = if days[k] > 1.0 { (days[k] - 1.0).round() as u32 } else { 0 };
            // Two days of purchase are at least one day apart, however near midnight.
            let last = if repeats == 0 { 0.0 } else { spans[k].max(0.0).round().max(1.0) };
            let observed = if ages[k].is_finite() { ages[k].max(0.0).round().max(last) } else { last };
            Past { repeats, last, observed, unit: TimeUnit::Day }
        })
        .collect()
}

impl Lifetimes {
    /// Fits the model to customers.
    ///
    /// # Errors
    /// A refused computation; that nobody came back is none.
    pub(crate) fn fit(pasts: &[Past]) -> Result<Self> {
        Ok(match fit(MODEL, pasts)? {
            Ok(fitted) => {
                let why_not = match fitted.dropout() {
                    Dropout::Identified { .. } => None,
                    Dropout::NotIdentified { reason, .. } => Some(reason.sentence().to_owned()),
                };
                Self { fitted: Some(fitted), why_not }
            }
            Err(why_not) => Self { fitted: None, why_not: Some(why_not) },
        })
    }

    /// The fitted model, where there is one.
    pub(crate) fn fitted(&self) -> Option<&Fitted> {
        self.fitted.as_ref()
    }

    /// Why nobody can be called alive or gone; `None` where that can be said.
    pub(crate) fn why_not(&self) -> Option<&str> {
        self.why_not.as_deref()
    }

    /// P(alive) of each customer, or `None` where leaving cannot be told from slow buying.
    pub(crate) fn p_alive(&self, pasts: &[Past]) -> Result<Option<Vec<f64>>> {
        match (&self.fitted, &self.why_not) {
            (Some(fitted), None) => pasts
                .iter()
                .map(|past| fitted.p_alive(past))
                .collect::<tenure_math::Result<_>>()
                .map(Some)
                .map_err(Error::math("P(alive)")),
            _ => Ok(None),
        }
    }

    /// The probability that each customer buys nothing within its window, away from certainty; even where nothing is
    /// known.
    pub(crate) fn p_silent(&self, pasts: &[Past], window_days: &[f64]) -> Result<Vec<f64>> {
        let Some(fitted) = &self.fitted else { return Ok(vec![0.5; pasts.len()]) };
        pasts
            .iter()
            .zip(window_days)
            .map(|(past, &days)| {
                Span::new(days, TimeUnit::Day)
                    .and_then(|window| fitted.p_zero(past, window))
                    .map(|p| p.clamp(CERTAIN, 1.0 - CERTAIN))
            })
            .collect::<tenure_math::Result<_>>()
            .map_err(Error::math("the probability of silence"))
    }

    /// The columns of [`FEATURES`] of the rows, for a window of so many days; P(alive) is missing where it cannot be told.
    pub(crate) fn features(&self, table: &Table, rows: &[usize], window_days: f64) -> Result<[Vec<f64>; 2]> {
        let pasts = pasts(table, rows);
        let p_alive = self.p_alive(&pasts)?.unwrap_or_else(|| vec![f64::NAN; rows.len()]);
        Ok([p_alive, self.expected(&pasts, window_days)?])
    }

    /// A table of features with those of [`FEATURES`] that a model asks for.
    pub(crate) fn widen(&self, table: Table, wanted: &[String], window_days: f64) -> Result<Table> {
        let rows: Vec<usize> = (0..table.features.n_rows()).collect();
        let columns = self.features(&table, &rows, window_days)?;
        let more = FEATURES.into_iter().zip(columns).filter(|(name, _)| wanted.iter().any(|other| other == name));
        table.with(more.collect())
    }

    /// The purchase days that are expected of each customer within a window; those of the mean customer where nothing is
    /// known.
    pub(crate) fn expected(&self, pasts: &[Past], window_days: f64) -> Result<Vec<f64>> {
        let Some(fitted) = &self.fitted else { return Ok(vec![1.0; pasts.len()]) };
        let window = Span::new(window_days, TimeUnit::Day).map_err(Error::math("the window of lifetimes"))?;
        pasts
            .iter()
            .map(|past| fitted.conditional(past, window))
            .collect::<tenure_math::Result<_>>()
            .map_err(Error::math("the expected purchases"))
    }
}

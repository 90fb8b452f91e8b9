//! Figures of how customers buy and leave: what the MBG/NBD says of every history, and whether it held on a hold-out.
//!
//! The hold-out begins where the test window of churn does and ends with the data. Its models see the features of that
//! snapshot and nothing else, and those look strictly before it: the fit is the one that a run with that `as_of` makes.

use serde::Deserialize;
use tenure_math::btyd::{Fitted, Model, Past, Span, TimeUnit};
use tenure_math::num;
use tenure_tables::engine::Value;
use tenure_tables::frame::Frame;
use tenure_tables::query;

use super::{Gallery, Room, acquired};
use crate::artifact;
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::lifetimes::{self, Lifetimes};
use crate::panel::Table;
use crate::report::HoldOut;
use crate::report::figure::cumulative_transactions::{CumulativeTransactionsData, ExpectedTransactions};
use crate::report::figure::frequency_calibration::{FrequencyCalibrationData, FrequencyModel};
use crate::report::figure::frequency_recency_matrix::FrequencyRecencyData;
use crate::report::figure::p_alive_matrix::PAliveMatrixData;
use crate::report::figure::{self, Caption, HistoryMatrix, Theme};
use crate::summary::Window;
use crate::time::{DAY_US, Instant};
use crate::timeline::Windows;

const WEEK_DAYS: i64 = 7;
/// Rows of a map, at most.
const MAP_ROWS: f64 = 60.0;
/// Repeat purchases of a map, at least and at most.
const MAP_REPEATS: (f64, f64) = (5.0, 40.0);
/// Share of those who came back whom the columns of a map reach.
const MAP_SHARE: f64 = 0.95;
/// From so many repeat purchases on customers are one group.
const HEAVY: usize = 7;

/// What the figures need of the record of churn.
#[derive(Deserialize)]
struct LifetimesRecord {
    evaluation: Option<Windows>,
    lifetimes: Lifetimes,
}

/// The customers of a hold-out with the models that have not seen it.
struct HeldOut {
    start: Instant,
    days: i64,
    pasts: Vec<Past>,
    /// Days with a purchase in the hold-out.
    came: Vec<f64>,
    models: Vec<Fitted>,
}

impl Room<'_> {
    pub(super) fn lifetimes(&self, gallery: &mut Gallery) -> Result<()> {
        let record: LifetimesRecord = self.run.record_of(Stage::Churn)?;
        self.maps(&record.lifetimes, gallery)?;
        match record.evaluation.and_then(|windows| windows.test) {
            Some(start) => self.held_out(start, gallery),
            None => Ok(()),
        }
    }

    /// What the model says of every history, as of now.
    fn maps(&self, lifetimes: &Lifetimes, gallery: &mut Gallery) -> Result<()> {
        let why_not = lifetimes.why_not().unwrap_or("there is no model of lifetimes");
        let Some(fitted) = lifetimes.fitted() else {
            gallery.miss("frequency_recency_matrix", why_not);
            gallery.miss("p_alive_matrix", why_not);
            return Ok(());
        };
        let as_of = self.as_of()?;
        let frame = self.engine.select(
            "select purchase_days, active_span_days, tenure_days from features
             where as_of = $as_of order by customer_id",
            &[("as_of", Value::Text(as_of.clone()))],
        )?;
        let pasts = pasts(&frame)?;
        let Some(map) = Map::of(&pasts) else {
            gallery.miss("frequency_recency_matrix", "those who came back first bought too lately");
            return Ok(());
        };
        let note = self.caption(
            &as_of,
            acquired(pasts.len() as u64),
            "Fitted to their days with a purchase; the age shown is the median one of those who came back.",
        );
        let (model, theme) = (fitted.name().to_owned(), Theme::default());
        let horizon_days = self.config.value.horizon_days;
        let window = days(f64::from(horizon_days))?;
        let histories = map.filled(|past| fitted.conditional(past, window))?;
        let data = FrequencyRecencyData { model: model.clone(), histories, horizon_days };
        gallery.hang(figure::frequency_recency_matrix::draw(&data, &note, &theme))?;
        if lifetimes.why_not().is_some() {
            gallery.miss("p_alive_matrix", why_not);
            return Ok(());
        }
        let data = PAliveMatrixData { model, histories: map.filled(|past| fitted.p_alive(past))? };
        gallery.hang(figure::p_alive_matrix::draw(&data, &note, &theme))
    }

    /// What the models foretold of a hold-out that begins at `start`, and what came.
    fn held_out(&self, start: Instant, gallery: &mut Gallery) -> Result<()> {
        let timeline = self.run.timeline()?;
        let days = (timeline.data_end.0 - start.0).div_euclid(DAY_US);
        self.engine.register("order_events", &self.run.read(artifact::ORDER_EVENTS, Stage::Features)?)?;
        let end = start.plus_days(days);
        let window = [("start_us", Value::I64(start.0)), ("end_us", Value::I64(end.0))];
        let frame = self
            .engine
            .select(query::HOLD_OUT.sql, &[&window[..], &[("snapshot", Value::Text(start.to_string()))]].concat())?;
        let pasts = pasts(&frame)?;
        let mut models = Vec::new();
        for model in [Model::MbgNbd, Model::Nbd] {
            match lifetimes::fit(model, &pasts)? {
                Ok(fitted) => models.push(fitted),
                Err(why_not) if models.is_empty() && model == Model::Nbd => {
                    gallery.miss("frequency_calibration", &why_not);
                    gallery.miss("cumulative_transactions", &why_not);
                    return Ok(());
                }
                Err(_) => {}
            }
        }
        let held = HeldOut { start, days, came: frame.f64s("came")?, pasts, models };
        let window_words = Window { from: start.to_string(), to: end.to_string() };
        let note = self.caption(
            &window_words.from,
            acquired(held.pasts.len() as u64),
            &format!(
                "Hold-out {} to {}; the models, which know no season, were fitted to days with a purchase before it. \
                 Several purchases on one day are one.",
                window_words.from, window_words.to
            ),
        );
        held.frequencies(&note, gallery)?;

        let before = (start.0 - timeline.data_start.0 + WEEK_DAYS * DAY_US - 1).div_euclid(WEEK_DAYS * DAY_US);
        let first = start.plus_days(-before * WEEK_DAYS);
        let weeks = self
            .engine
            .select(query::REPEAT_WEEKS.sql, &[&window[..], &[("first_us", Value::I64(first.0))]].concat())?;
        let mut weekly = vec![0.0; (before + days / WEEK_DAYS) as usize];
        for (week, purchases) in weeks.u64s("week")?.into_iter().zip(weeks.f64s("purchases")?) {
            // The last days of the hold-out may be no whole week.
            if let Some(place) = weekly.get_mut(week as usize) {
                *place = purchases;
            }
        }
        held.weeks(weekly, before, &note, gallery)?;
        gallery.hold_out = Some(HoldOut { window: window_words, models: held.models });
        Ok(())
    }
}

impl HeldOut {
    /// Purchases in the hold-out by purchases before it.
    fn frequencies(&self, note: &Caption, gallery: &mut Gallery) -> Result<()> {
        let horizon = days(self.days as f64)?;
        let group = |past: &Past| (past.repeats as usize).min(HEAVY);
        let mut customers = [0_u64; HEAVY + 1];
        for past in &self.pasts {
            customers[group(past)] += 1;
        }
        let there: Vec<usize> = (0..=HEAVY).filter(|&g| customers[g] > 0).collect();
        let means = |values: &[f64]| -> Vec<f64> {
            let mut sums = [0.0; HEAVY + 1];
            for (past, value) in self.pasts.iter().zip(values) {
                sums[group(past)] += value;
            }
            there.iter().map(|&g| sums[g] / customers[g] as f64).collect()
        };
        let models = self
            .models
            .iter()
            .map(|fitted| {
                let expected = self.pasts.iter().map(|past| fitted.conditional(past, horizon));
                let expected = expected.collect::<tenure_math::Result<Vec<f64>>>();
                let expected = expected.map_err(Error::math("the expected purchases of the hold-out"))?;
                Ok(FrequencyModel { name: fitted.name().to_owned(), expected: means(&expected) })
            })
            .collect::<Result<Vec<_>>>()?;
        let name = |&g: &usize| if g == HEAVY { format!("{g}+") } else { g.to_string() };
        let data = FrequencyCalibrationData {
            groups: there.iter().map(name).collect(),
            customers: there.iter().map(|&g| customers[g]).collect(),
            actual: means(&self.came),
            models,
            horizon_days: self.days as u32,
        };
        gallery.hang(figure::frequency_calibration::draw(&data, note, &Theme::default()))
    }

    /// Repeat purchases week by week; `before` of the weeks lie before the hold-out.
    fn weeks(&self, weekly: Vec<f64>, before: i64, note: &Caption, gallery: &mut Gallery) -> Result<()> {
        // Customers of one first day are alike: they are counted by their age at the start of the hold-out.
        let oldest = self.pasts.iter().map(|past| past.observed as usize).max().unwrap_or(0);
        let mut customers = vec![0.0; oldest + 1];
        for past in &self.pasts {
            customers[past.observed as usize] += 1.0;
        }
        let models = self
            .models
            .iter()
            .map(|fitted| {
                let name = fitted.name().to_owned();
                Ok(ExpectedTransactions { name, weekly: expected(fitted, &customers, before, weekly.len())? })
            })
            .collect::<Result<Vec<_>>>()?;
        // The data may begin within the first week.
        let first = self.start.plus_days(-(oldest as i64).min(before * WEEK_DAYS)).ymd();
        let data = CumulativeTransactionsData {
            weekly,
            models,
            calibration_weeks: before as usize,
            start: format!("{:04}-{:02}-{:02}", first.0, first.1, first.2),
        };
        gallery.hang(figure::cumulative_transactions::draw(&data, note, &Theme::default()))
    }
}

/// Repeat purchases that a model expects in each of the weeks of customers of whom `customers[d]` bought first `d` days
/// before the hold-out: `sum n_d (E[X(d + s + 7)] - E[X(d + s)])`, `s` days from its start to the week's.
fn expected(fitted: &Fitted, customers: &[f64], before: i64, weeks: usize) -> Result<Vec<f64>> {
    let last = customers.len() as i64 + (weeks as i64 - before) * WEEK_DAYS;
    let so_far = (0..=last).map(|t| Ok(fitted.expected(days(t as f64)?))).collect::<Result<Vec<f64>>>()?;
    let until = |age: usize, day: i64| so_far[(age as i64 + day).max(0) as usize];
    let week = |week: usize| {
        let day = (week as i64 - before) * WEEK_DAYS;
        let more = |(age, n): (usize, &f64)| n * (until(age, day + WEEK_DAYS) - until(age, day)).max(0.0);
        customers.iter().enumerate().map(more).sum()
    };
    Ok((0..weeks).map(week).collect())
}

/// The histories that a map shows.
struct Map {
    repeats: Vec<f64>,
    last: Vec<f64>,
    age: f64,
}

impl Map {
    /// Of customers of the median age of those who came back, as often as nearly all of them did; `None` where that is
    /// too young for a map.
    fn of(pasts: &[Past]) -> Option<Self> {
        let back = || pasts.iter().filter(|past| past.repeats > 0);
        let ages: Vec<f64> = back().map(|past| past.observed).collect();
        let repeats: Vec<f64> = back().map(|past| f64::from(past.repeats)).collect();
        let age = num::quantile(&ages, 0.5)?;
        let most = num::quantile(&repeats, MAP_SHARE)?.round().clamp(MAP_REPEATS.0, MAP_REPEATS.1).min(age);
        // Whole days, evenly spaced, the last of them today.
        let step = (age / MAP_ROWS).ceil().max(1.0);
        let rows = (age / step).floor() as u32;
        (rows >= 2 && most >= 2.0).then(|| Self {
            repeats: (0..=most as u32).map(f64::from).collect(),
            last: (0..=rows).map(|row| f64::from(row) * step).collect(),
            age: f64::from(rows) * step,
        })
    }

    /// The map with what is said of each history; a customer cannot come back more often than there were days.
    fn filled(&self, say: impl Fn(&Past) -> tenure_math::Result<f64>) -> Result<HistoryMatrix> {
        let mut values = Vec::with_capacity(self.repeats.len() * self.last.len());
        for &last in &self.last {
            for &repeats in &self.repeats {
                let can_be = if repeats < 0.5 { last < 0.5 } else { last >= repeats };
                let past = Past { repeats: repeats as u32, last, observed: self.age, unit: TimeUnit::Day };
                values.push(can_be.then(|| say(&past)).transpose().map_err(Error::math("the map of histories"))?);
            }
        }
        Ok(HistoryMatrix {
            repeats: self.repeats.clone(),
            last_purchase_days: self.last.clone(),
            age_days: self.age,
            values,
        })
    }
}

fn days(days: f64) -> Result<Span> {
    Span::new(days, TimeUnit::Day).map_err(Error::math("the window of lifetimes"))
}

/// The pasts of the customers of a frame with the three features that they are made of.
fn pasts(frame: &Frame) -> Result<Vec<Past>> {
    let names = ["purchase_days", "active_span_days", "tenure_days"];
    let columns = names.iter().map(|name| frame.f64s(name)).collect::<tenure_tables::Result<Vec<_>>>()?;
    let table = Table::new(names.map(str::to_owned).to_vec(), &columns)?;
    Ok(lifetimes::pasts(&table, &(0..frame.n_rows()).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    fn past(repeats: u32, last: f64, observed: f64) -> Past {
        Past { repeats, last, observed, unit: TimeUnit::Day }
    }

    #[test]
    fn weeks_of_a_process_without_leaving_are_alike_once_everybody_is_there() {
        let pasts = [past(0, 0.0, 10.0), past(9, 12.0, 14.0), past(0, 0.0, 3.0)];
        let fitted = lifetimes::fit(Model::Nbd, &pasts).unwrap().unwrap();
        let rate = fitted.expected(days(1.0).unwrap());
        let mut customers = vec![0.0; 15];
        for age in [10, 14, 3] {
            customers[age] += 1.0;
        }
        // Two weeks before the hold-out and two in it: customer days at risk are 4 + 7, then 10 + 0 more, then 21 each.
        let weekly = expected(&fitted, &customers, 2, 4).unwrap();
        for (week, days_at_risk) in weekly.iter().zip([3.0 + 7.0, 7.0 + 7.0 + 3.0, 21.0, 21.0]) {
            assert!((week - rate * days_at_risk).abs() < 1e-12, "{weekly:?}");
        }
    }

    #[test]
    fn a_map_holds_only_what_can_be() {
        let map = Map::of(&[past(3, 40.0, 90.0), past(1, 10.0, 90.0), past(0, 0.0, 400.0)]).unwrap();
        assert_eq!((map.age, map.last.len(), map.repeats.len()), (90.0, 46, 6));
        let filled = map.filled(|_| Ok(1.0)).unwrap();
        let at = |row: usize, column: usize| filled.values[row * map.repeats.len() + column];
        // Nobody without a repeat bought later, nobody with three bought last on the second day.
        assert_eq!([at(0, 0), at(1, 0), at(0, 1), at(1, 3), at(2, 3)], [Some(1.0), None, None, None, Some(1.0)]);
        assert!(Map::of(&[past(0, 0.0, 50.0)]).is_none());
    }
}

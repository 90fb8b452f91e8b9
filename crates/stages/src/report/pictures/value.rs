//! Figures of value on its test window: by tenth, and customer by customer.

use serde::Deserialize;

use super::{Gallery, Room, acquired};
use crate::artifact;
use crate::ctx::Stage;
use crate::error::Result;
use crate::report::figure::clv_scatter::ClvScatterData;
use crate::report::figure::value_calibration::ValueCalibrationData;
use crate::report::figure::{self, Theme};
use crate::summary::{Finding, ValueQuality};

/// What the figures need of the record of value.
#[derive(Deserialize)]
struct ValueRecord {
    quality: Finding<ValueQuality>,
    deciles: Vec<DecileRecord>,
}

#[derive(Deserialize)]
struct DecileRecord {
    customers: u64,
    predicted: f64,
    actual: f64,
    lower: Option<f64>,
    upper: Option<f64>,
    above_upper: Option<f64>,
}

impl Room<'_> {
    pub(super) fn value(&self, gallery: &mut Gallery) -> Result<()> {
        let facts: ValueRecord = self.run.record_of(Stage::Value)?;
        let Finding::Measured(quality) = facts.quality else { return Ok(()) };
        let all = |f: fn(&DecileRecord) -> Option<f64>| -> Option<Vec<f64>> { facts.deciles.iter().map(f).collect() };
        // Without intervals there is nothing to compare outcomes with.
        let (Some(q10), Some(q90), Some(above_q90)) = (all(|d| d.lower), all(|d| d.upper), all(|d| d.above_upper))
        else {
            return Ok(());
        };
        let data = ValueCalibrationData {
            predicted: facts.deciles.iter().map(|d| d.predicted).collect(),
            actual: facts.deciles.iter().map(|d| d.actual).collect(),
            q10,
            q90,
            customers: facts.deciles.iter().map(|d| d.customers).collect(),
            above_q90,
            horizon_days: quality.horizon_days,
            currency: self.config.data.currency.clone(),
        };
        let (note, theme) = (self.tested(&quality.window, acquired(quality.customers)), Theme::default());
        gallery.hang(figure::value_calibration::draw(&data, &note, &theme))?;
        self.engine.register("value_test", &self.run.read(artifact::VALUE_TEST, Stage::Value)?)?;
        let frame = self
            .engine
            .select("select actual, value_mean, value_q10, value_q90 from value_test order by customer_id", &[])?;
        let data = ClvScatterData {
            predicted: frame.f64s("value_mean")?,
            low: frame.f64s("value_q10")?,
            high: frame.f64s("value_q90")?,
            actual: frame.f64s("actual")?,
            interval_level: quality.coverage_intended,
            horizon_days: quality.horizon_days,
            currency: self.config.data.currency.clone(),
        };
        gallery.hang(figure::clv_scatter::draw(&data, &note, &theme))
    }
}

//! Figures of churn on its test window: ranking, calibration, and how far a campaign reaches.

use serde::Deserialize;
use tenure_math::metric::{self, RocPoint};
use tenure_tables::frame::Frame;

use super::{Gallery, Room, acquired};
use crate::artifact;
use crate::config::Population;
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::report::figure::calibration::CalibrationData;
use crate::report::figure::cumulative_gain::{CumulativeGainData, GainModel};
use crate::report::figure::decile_lift::DecileLiftData;
use crate::report::figure::precision_recall::{PrecisionRecallData, PrecisionRecallModel};
use crate::report::figure::roc_curve::{RocCurveData, RocModel};
use crate::report::figure::{self, Caption, Theme};
use crate::summary::{ChurnQuality, ChurnScore, Finding};
use crate::wording;

/// A curve is drawn through at most so many points.
const POINTS: usize = 400;
/// Probability that the bootstrap intervals are meant to cover.
const LEVEL: f64 = 0.95;

/// What the figures need of the record of churn.
#[derive(Deserialize)]
struct ChurnRecord {
    quality: Finding<ChurnQuality>,
    deciles: Vec<LiftRecord>,
}

#[derive(Deserialize)]
struct LiftRecord {
    customers: u64,
    churners: f64,
}

/// The customers who are judged.
struct Tested<'a> {
    quality: &'a ChurnQuality,
    frame: Frame,
    churned: Vec<bool>,
    churners: u64,
}

impl Room<'_> {
    pub(super) fn churn(&self, gallery: &mut Gallery) -> Result<()> {
        let record: ChurnRecord = self.run.record_of(Stage::Churn)?;
        let Finding::Measured(quality) = &record.quality else { return Ok(()) };
        self.engine.register("churn_test", &self.run.read(artifact::CHURN_TEST, Stage::Churn)?)?;
        // The same customers that the record's measures are of.
        let longest = match self.config.churn.population {
            Population::All => String::new(),
            Population::Active => format!("where features.recency_days <= {}", self.config.churn.active_days),
        };
        let frame = self.engine.select(
            &format!(
                "select churn_test.* from churn_test
                 inner join features
                     on churn_test.as_of = features.as_of and churn_test.customer_id = features.customer_id
                 {longest} order by churn_test.customer_id"
            ),
            &[],
        )?;
        let churned = frame.bools("churned")?;
        let churners = churned.iter().filter(|c| **c).count() as u64;
        let who = match self.config.churn.population {
            Population::All => acquired(churned.len() as u64),
            Population::Active => format!(
                "{} customers with a purchase in the {} days before the snapshot",
                figure::number::count(churned.len() as u64),
                self.config.churn.active_days
            ),
        };
        let note = self.tested(&quality.window, who);
        let tested = Tested { quality, frame, churned, churners };
        tested.curves(&note, gallery)?;
        tested.calibration(&note, gallery)?;
        let lift = DecileLiftData {
            customers: record.deciles.iter().map(|d| d.customers).collect(),
            churners: record.deciles.iter().map(|d| d.churners).collect(),
        };
        gallery.hang(figure::decile_lift::draw(&lift, &note, &Theme::default()))
    }
}

impl Tested<'_> {
    /// The curves of every model: ROC, precision and recall, gain.
    fn curves(&self, note: &Caption, gallery: &mut Gallery) -> Result<()> {
        let (churners, all) = (self.churners, self.churned.len() as u64);
        let stayers = all - churners;
        let (mut roc, mut precise, mut gains) = (Vec::new(), Vec::new(), Vec::new());
        for score in &self.quality.models {
            let p = self.frame.f64s(&score.model)?;
            let curve = metric::roc_curve(&p, &self.churned, None).map_err(Error::math("the ROC curve"))?;
            let curve = thinned(&curve);
            gains.push(GainModel {
                name: wording::name(&score.model),
                contacted: curve.iter().map(|at| contacted(at, churners, stayers)).collect(),
                captured: curve.iter().map(|at| at.true_positive_rate).collect(),
            });
            roc.push(RocModel {
                name: wording::name(&score.model),
                false_positive_rate: curve.iter().map(|at| at.false_positive_rate).collect(),
                true_positive_rate: curve.iter().map(|at| at.true_positive_rate).collect(),
                auc: score.auc.value,
                auc_low: score.auc.low.unwrap_or(score.auc.value),
                auc_high: score.auc.high.unwrap_or(score.auc.value),
            });
            precise.push(self.precision_recall(score, &p)?);
        }
        let theme = Theme::default();
        let roc = RocCurveData { models: roc, churners, stayers, interval_level: LEVEL };
        gallery.hang(figure::roc_curve::draw(&roc, note, &theme))?;
        let precise = PrecisionRecallData { models: precise, churners, stayers, interval_level: LEVEL };
        gallery.hang(figure::precision_recall::draw(&precise, note, &theme))?;
        let gains = CumulativeGainData { models: gains, churn_rate: churners as f64 / all.max(1) as f64 };
        gallery.hang(figure::cumulative_gain::draw(&gains, note, &theme))
    }

    fn precision_recall(&self, score: &ChurnScore, p: &[f64]) -> Result<PrecisionRecallModel> {
        let curve = metric::pr_curve(p, &self.churned, None).map_err(Error::math("the precision-recall curve"))?;
        let curve = thinned(&curve);
        let area = &score.average_precision;
        Ok(PrecisionRecallModel {
            name: wording::name(&score.model),
            recall: curve.iter().map(|at| at.recall).collect(),
            precision: curve.iter().map(|at| at.precision).collect(),
            average_precision: area.value,
            low: area.low.unwrap_or(area.value),
            high: area.high.unwrap_or(area.value),
        })
    }

    fn calibration(&self, note: &Caption, gallery: &mut Gallery) -> Result<()> {
        let bins = metric::calibration_bins(&self.frame.f64s("p_churn")?, &self.churned, None, 10)
            .map_err(Error::math("the calibration bins"))?;
        let data = CalibrationData {
            predicted: bins.iter().map(|b| b.mean_predicted).collect(),
            customers: bins.iter().map(|b| b.n.round() as u64).collect(),
            churners: bins.iter().map(|b| (b.n * b.observed).round() as u64).collect(),
        };
        gallery.hang(figure::calibration::draw(&data, note, &Theme::default()))
    }
}

/// Share of all customers that is flagged at a point of the ROC curve.
fn contacted(at: &RocPoint, churners: u64, stayers: u64) -> f64 {
    let (churners, stayers) = (churners as f64, stayers as f64);
    ((at.true_positive_rate * churners + at.false_positive_rate * stayers) / (churners + stayers)).clamp(0.0, 1.0)
}

/// At most about [`POINTS`] points of a curve, evenly spaced in their order, both ends among them.
fn thinned<T: Copy>(curve: &[T]) -> Vec<T> {
    let step = curve.len().div_ceil(POINTS).max(1);
    let last = curve.len().saturating_sub(1);
    curve.iter().enumerate().filter(|(i, _)| i % step == 0 || *i == last).map(|(_, point)| *point).collect()
}

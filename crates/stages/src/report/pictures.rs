//! The figures of a run, from its artefacts.

use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};
use serde::Deserialize;
use tenure_math::metric;
use tenure_tables::engine::{Engine, Value};

use super::figure::budget_curve::BudgetCurveData;
use super::figure::calibration::CalibrationData;
use super::figure::offer_allocation::OfferAllocationData;
use super::figure::roc_curve::{RocCurveData, RocModel};
use super::figure::segment_distribution::SegmentDistributionData;
use super::figure::segments::SegmentsData;
use super::figure::value_calibration::ValueCalibrationData;
use super::figure::{self, Caption, Figure, FigureError, Theme};
use crate::artifact::{self, RunFolder};
use crate::config::Config;
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::summary::{ChurnQuality, Finding, ValueQuality};

/// A ROC curve is drawn through at most so many points.
const ROC_POINTS: usize = 400;

type Drawn = std::result::Result<Figure, FigureError>;
/// A figure's name and what it shows, in a sentence.
type Told = (String, String);

/// Draws and writes what the artefacts allow; gives the names with their findings, and what could not be drawn.
pub(super) fn draw_all(config: &Config, engine: &Engine, run: &RunFolder) -> Result<(Vec<Told>, Vec<String>)> {
    let room = Room { config, engine, run };
    let mut drawn: Vec<Drawn> = vec![room.segment_distribution()?];
    drawn.extend(room.segments()?);
    drawn.extend(room.churn()?);
    drawn.extend(room.value()?);
    drawn.extend(room.plan()?);
    let folder = run.write(artifact::FIGURES)?;
    std::fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
    let (mut figures, mut warnings) = (Vec::new(), Vec::new());
    let mut ready = Vec::new();
    for figure in drawn {
        match figure {
            Ok(figure) => ready.push(figure),
            Err(e @ FigureError::Data { .. }) => warnings.push(e.to_string()),
            Err(e) => return Err(e.into()),
        }
    }
    // Rasterising is the costly part, and each picture stands for itself.
    let written: Vec<std::result::Result<_, FigureError>> =
        ready.par_iter().map(|figure| figure::write(figure, &folder, config.report.dpi)).collect();
    for (figure, result) in ready.into_iter().zip(written) {
        result?;
        figures.push((figure.name.to_owned(), figure.finding));
    }
    Ok((figures, warnings))
}

/// What the figures need of the stages' records in the manifest.
#[derive(Deserialize)]
struct SegmentRecord {
    clusters: Vec<ClusterRecord>,
    plane: Option<[f64; 2]>,
    outside: Option<ClusterRecord>,
}

#[derive(Deserialize)]
struct ClusterRecord {
    name: String,
    customers: u64,
}

#[derive(Deserialize)]
struct ChurnRecord {
    quality: Finding<ChurnQuality>,
}

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

#[derive(Deserialize)]
struct PlanRecord {
    customers: u64,
    budget: f64,
    tiers: Vec<TierRecord>,
    curve: Vec<CurveRecord>,
}

#[derive(Deserialize)]
struct TierRecord {
    offer: String,
    customers: u64,
    spend: f64,
    net: f64,
    rate_source: String,
}

#[derive(Deserialize)]
struct CurveRecord {
    budget: f64,
    net: f64,
    greedy_net: f64,
    shadow_price: f64,
}

struct Room<'a> {
    config: &'a Config,
    engine: &'a Engine,
    run: &'a RunFolder,
}

impl Room<'_> {
    fn caption(&self, snapshot: &str, population: String, note: &str) -> Caption {
        let sources: Vec<&str> = self.run.inputs().iter().map(|f| f.name.as_str()).collect();
        Caption { snapshot: snapshot.to_owned(), population, source: sources.join(", "), note: note.to_owned() }
    }

    fn as_of(&self) -> Result<String> {
        Ok(self.run.timeline()?.as_of.to_string())
    }

    fn segment_distribution(&self) -> Result<Drawn> {
        let as_of = self.as_of()?;
        let frame = self.engine.select(
            "select segments.segment, count(*) as customers,
                    sum(cast(round(features.monetary_total * 10000) as bigint)) / 10000.0 as revenue
             from features inner join segments on features.customer_id = segments.customer_id
             where features.as_of = $as_of group by segments.segment order by segments.segment",
            &[("as_of", Value::Text(as_of.clone()))],
        )?;
        let data = SegmentDistributionData {
            segments: frame.texts("segment")?,
            customers: frame.u64s("customers")?,
            // Without money nobody brings any.
            revenue: frame.f64s("revenue")?.into_iter().map(|r| if r.is_nan() { 0.0 } else { r }).collect(),
            currency: self.config.data.currency.clone(),
        };
        let total: u64 = data.customers.iter().sum();
        let note = self.caption(
            &as_of,
            format!("{total} customers with a purchase before the snapshot"),
            "Segments of the R x F map; revenue is all spend so far, net of cancellations.",
        );
        Ok(figure::segment_distribution::draw(&data, &note, &Theme::default()))
    }

    /// The clusters on the first two principal components of their standardised measures.
    fn segments(&self) -> Result<Option<Drawn>> {
        let record: SegmentRecord = self.run.record_of(Stage::Segment)?;
        let Some(explained) = record.plane else { return Ok(None) };
        self.engine.register("segment_map", &self.run.read(artifact::SEGMENT_MAP, Stage::Segment)?)?;
        let frame = self.engine.select("select x, y, cluster_name from segment_map order by customer_id", &[])?;
        let mut clusters: Vec<String> = record.clusters.iter().map(|c| c.name.clone()).collect();
        let mut customers: Vec<u64> = record.clusters.iter().map(|c| c.customers).collect();
        let last_is_outside = record.outside.is_some();
        if let Some(outside) = record.outside {
            clusters.push(outside.name);
            customers.push(outside.customers);
        }
        let label = frame
            .texts("cluster_name")?
            .iter()
            .map(|name| clusters.iter().position(|c| c == name).unwrap_or(0))
            .collect::<Vec<usize>>();
        let note = self.caption(
            &self.as_of()?,
            format!("{} customers with a purchase before the snapshot", label.len()),
            "Principal components of the standardised measures that the clusters are made of.",
        );
        let data = SegmentsData {
            x: frame.f64s("x")?,
            y: frame.f64s("y")?,
            label,
            customers,
            clusters,
            last_is_outside,
            explained,
        };
        Ok(Some(figure::segments::draw(&data, &note, &Theme::default())))
    }

    fn churn(&self) -> Result<Vec<Drawn>> {
        let facts: ChurnRecord = self.run.record_of(Stage::Churn)?;
        let Finding::Measured(quality) = facts.quality else { return Ok(Vec::new()) };
        self.engine.register("churn_test", &self.run.read(artifact::CHURN_TEST, Stage::Churn)?)?;
        let frame = self.engine.select("select * from churn_test order by customer_id", &[])?;
        let churned = frame.bools("churned")?;
        let churners = churned.iter().filter(|c| **c).count() as u64;
        let stayers = churned.len() as u64 - churners;
        let note = self.caption(
            &quality.window.from,
            format!("{} customers with a purchase before the snapshot", churned.len()),
            &format!(
                "Test window {} to {}, not seen by training or calibration.",
                quality.window.from, quality.window.to
            ),
        );
        let theme = Theme::default();
        let models = self.roc_models(&quality, &frame, &churned)?;
        let roc = RocCurveData { models, churners, stayers, interval_level: 0.95 };
        let bins = metric::calibration_bins(&frame.f64s("p_churn")?, &churned, None, 10)
            .map_err(Error::math("the calibration bins"))?;
        let calibration = CalibrationData {
            predicted: bins.iter().map(|b| b.mean_predicted).collect(),
            customers: bins.iter().map(|b| b.n.round() as u64).collect(),
            churners: bins.iter().map(|b| (b.n * b.observed).round() as u64).collect(),
        };
        Ok(vec![figure::roc_curve::draw(&roc, &note, &theme), figure::calibration::draw(&calibration, &note, &theme)])
    }

    fn roc_models(
        &self,
        quality: &ChurnQuality,
        frame: &tenure_tables::frame::Frame,
        churned: &[bool],
    ) -> Result<Vec<RocModel>> {
        let mut models = Vec::new();
        for score in &quality.models {
            let curve =
                metric::roc_curve(&frame.f64s(&score.model)?, churned, None).map_err(Error::math("the ROC curve"))?;
            let step = curve.len().div_ceil(ROC_POINTS).max(1);
            let last = curve.len().saturating_sub(1);
            let kept: Vec<_> =
                curve.iter().enumerate().filter(|(i, _)| i % step == 0 || *i == last).map(|(_, p)| p).collect();
            models.push(RocModel {
                name: score.model.clone(),
                false_positive_rate: kept.iter().map(|p| p.false_positive_rate).collect(),
                true_positive_rate: kept.iter().map(|p| p.true_positive_rate).collect(),
                auc: score.auc.value,
                auc_low: score.auc.low.unwrap_or(score.auc.value),
                auc_high: score.auc.high.unwrap_or(score.auc.value),
            });
        }
        Ok(models)
    }

    fn value(&self) -> Result<Option<Drawn>> {
        let facts: ValueRecord = self.run.record_of(Stage::Value)?;
        let Finding::Measured(quality) = facts.quality else { return Ok(None) };
        let all =
            |f: fn(&DecileRecord) -> Option<f64>| -> Option<Vec<f64>> { facts.deciles.iter().rev().map(f).collect() };
        let (Some(q10), Some(q90), Some(above_q90)) = (all(|d| d.lower), all(|d| d.upper), all(|d| d.above_upper))
        else {
            return Ok(None);
        };
        let data = ValueCalibrationData {
            predicted: facts.deciles.iter().rev().map(|d| d.predicted).collect(),
            actual: facts.deciles.iter().rev().map(|d| d.actual).collect(),
            q10,
            q90,
            customers: facts.deciles.iter().rev().map(|d| d.customers).collect(),
            above_q90,
            horizon_days: quality.horizon_days,
            currency: self.config.data.currency.clone(),
        };
        let note = self.caption(
            &quality.window.from,
            format!("{} customers with a purchase before the snapshot", quality.customers),
            &format!(
                "Test window {} to {}, not seen by training or calibration.",
                quality.window.from, quality.window.to
            ),
        );
        Ok(Some(figure::value_calibration::draw(&data, &note, &Theme::default())))
    }

    fn plan(&self) -> Result<Vec<Drawn>> {
        let facts: PlanRecord = self.run.record_of(Stage::Allocate)?;
        let as_of = self.as_of()?;
        let currency = self.config.data.currency.clone();
        let note = self.caption(
            &as_of,
            format!("{} customers with a purchase before the snapshot", facts.customers),
            "Expected at assumed rates, which nobody has measured here.",
        );
        let theme = Theme::default();
        let allocation = OfferAllocationData {
            offers: facts.tiers.iter().map(|t| t.offer.clone()).collect(),
            customers: facts.tiers.iter().map(|t| t.customers).collect(),
            cost: facts.tiers.iter().map(|t| t.spend).collect(),
            net: facts.tiers.iter().map(|t| t.net).collect(),
            no_offer: facts.tiers.iter().position(|t| t.rate_source == "by definition"),
            budget: Some(facts.budget),
            currency: currency.clone(),
        };
        let chosen = facts.curve.iter().position(|c| (c.budget - facts.budget).abs() < 0.005).unwrap_or(0);
        let curve = BudgetCurveData {
            budget: facts.curve.iter().map(|c| c.budget).collect(),
            net: facts.curve.iter().map(|c| c.net).collect(),
            greedy_net: facts.curve.iter().map(|c| c.greedy_net).collect(),
            shadow_price: facts.curve.iter().map(|c| c.shadow_price.max(0.0)).collect(),
            chosen,
            currency,
        };
        Ok(vec![
            figure::offer_allocation::draw(&allocation, &note, &theme),
            figure::budget_curve::draw(&curve, &note, &theme),
        ])
    }
}

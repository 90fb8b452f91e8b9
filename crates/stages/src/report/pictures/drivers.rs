//! What moves the churn forecasts at `as_of`, customer by customer.

use serde::Deserialize;
use tenure_tables::engine::Value;
use tenure_tables::frame::Frame;

use super::{Gallery, Room, acquired};
use crate::artifact;
use crate::ctx::Stage;
use crate::error::Result;
use crate::lifetimes::{self, Lifetimes, SILENCE};
use crate::panel::Table;
use crate::reasons;
use crate::report::figure::feature_importance::FeatureImportanceData;
use crate::report::figure::shap_beeswarm::{BeeswarmFeature, MOST_FEATURES, ShapBeeswarmData};
use crate::report::figure::{self, Theme};

/// Features that are kept with the segments.
const OF_SEGMENTS: [&str; 4] = ["recency_score", "frequency_score", "monetary_score", "segment_rank"];
/// What a customer's past is made of.
const PAST: [&str; 3] = ["purchase_days", "active_span_days", "tenure_days"];

/// What the figure needs of the record of churn.
#[derive(Deserialize)]
struct DriverRecord {
    importance: Vec<(String, f64)>,
    horizon_days: i64,
    lifetimes: Lifetimes,
}

impl Room<'_> {
    /// The strongest features by the record; nothing where the model found no drivers.
    pub(super) fn drivers(&self, gallery: &mut Gallery) -> Result<()> {
        let record: DriverRecord = self.run.record_of(Stage::Churn)?;
        let moving: Vec<&String> = record.importance.iter().filter(|(_, share)| *share > 0.0).map(|(n, _)| n).collect();
        let shown = &moving[..moving.len().min(MOST_FEATURES)];
        if shown.is_empty() {
            return Ok(());
        }
        let as_of = self.as_of()?;
        let frame = self.contributions(shown, &as_of)?;
        let sum: f64 = record.importance.iter().map(|(_, share)| share.max(0.0)).sum();
        let data = FeatureImportanceData {
            features: moving.iter().map(|name| reasons::short_name(name)).collect(),
            share: record.importance.iter().map(|(_, share)| share / sum).filter(|share| *share > 0.0).collect(),
        };
        let words = "What the model goes by; of features that hang together either may stand for both.";
        let note = self.caption(&as_of, acquired(frame.n_rows() as u64), words);
        gallery.hang(figure::feature_importance::draw(&data, &note, &Theme::default()))?;
        let made = made(&record, &frame)?;
        let features = shown
            .iter()
            .enumerate()
            .map(|(k, name)| {
                Ok(BeeswarmFeature {
                    name: reasons::short_name(name),
                    values: match made.iter().find(|(made, _)| made == name) {
                        Some((_, values)) => values.clone(),
                        None => frame.f64s(&format!("value_{k}"))?,
                    },
                    contributions: frame.f64s(&format!("contribution_{k}"))?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let data = ShapBeeswarmData {
            features,
            outcome: "log-odds of churn".to_owned(),
            left_out: moving.len() - shown.len(),
        };
        let note = self.caption(
            &as_of,
            acquired(frame.n_rows() as u64),
            "What the model goes by, which need not be what makes customers leave.",
        );
        gallery.hang(figure::shap_beeswarm::draw(&data, &note, &Theme::default()))
    }

    /// Contributions and values of these features, with what silence is told by.
    fn contributions(&self, names: &[&String], as_of: &str) -> Result<Frame> {
        self.engine.register("churn_contributions", &self.run.read(artifact::CHURN_CONTRIBUTIONS, Stage::Churn)?)?;
        self.engine.register("segment_scores", &self.run.read(artifact::SEGMENTS, Stage::Segment)?)?;
        let mut columns: Vec<String> = PAST.iter().map(|name| format!("features.{name}")).collect();
        for (k, name) in names.iter().enumerate() {
            let quoted = format!("\"{}\"", name.replace('"', "\"\""));
            columns.push(format!("churn_contributions.{quoted} as contribution_{k}"));
            if *name != SILENCE && !lifetimes::FEATURES.contains(&name.as_str()) {
                let table = if OF_SEGMENTS.contains(&name.as_str()) { "segment_scores" } else { "features" };
                columns.push(format!("{table}.{quoted} as value_{k}"));
            }
        }
        Ok(self.engine.select(
            &format!(
                "select churn_scores.window_days, {} from churn_contributions
                 inner join features on churn_contributions.customer_id = features.customer_id
                 inner join segment_scores on churn_contributions.customer_id = segment_scores.customer_id
                 inner join churn_scores on churn_contributions.customer_id = churn_scores.customer_id
                 where features.as_of = $as_of and segment_scores.as_of = $as_of
                 order by churn_contributions.customer_id",
                columns.join(", ")
            ),
            &[("as_of", Value::Text(as_of.to_owned()))],
        )?)
    }
}

/// What the model saw that is no column of the features: the probability that each customer stays silent, and what else
/// is known of its lifetime.
fn made(record: &DriverRecord, frame: &Frame) -> Result<Vec<(&'static str, Vec<f64>)>> {
    let columns = PAST.iter().map(|name| frame.f64s(name)).collect::<tenure_tables::Result<Vec<_>>>()?;
    let table = Table::new(PAST.map(str::to_owned).to_vec(), &columns)?;
    let rows: Vec<usize> = (0..frame.n_rows()).collect();
    let pasts = lifetimes::pasts(&table, &rows);
    let silence = record.lifetimes.p_silent(&pasts, &frame.f64s("window_days")?)?;
    let features = record.lifetimes.features(&table, &rows, record.horizon_days as f64)?;
    Ok([(SILENCE, silence)].into_iter().chain(lifetimes::FEATURES.into_iter().zip(features)).collect())
}

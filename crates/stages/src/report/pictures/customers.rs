//! Figures of who the customers are and what became of them: scores, revenue, the unusual, cohorts, moves.

use std::collections::{BTreeMap, BTreeSet};

use tenure_tables::engine::Value;

use super::{Gallery, Room, acquired};
use crate::artifact;
use crate::ctx::Stage;
use crate::error::Result;
use crate::report::figure::cohort_retention::CohortRetentionData;
use crate::report::figure::outliers::OutliersData;
use crate::report::figure::pareto_curve::ParetoCurveData;
use crate::report::figure::revenue_contribution::RevenueContributionData;
use crate::report::figure::rfm_heatmap::RfmHeatmapData;
use crate::report::figure::segment_migration::SegmentMigrationData;
use crate::report::figure::{self, Theme};
use crate::report::kpis;
use crate::wording;

/// Scores of recency and frequency run from 1 to this.
const SCORES: usize = 5;
/// Measures of orders or money, as the list of the unusual names them.
const DRAWN: [&str; 3] = ["frequency", "monetary_total", "monetary_avg"];
/// Cohorts that are shown, the latest.
const COHORTS: usize = 36;

impl Room<'_> {
    /// All of them.
    pub(super) fn customers(&self, gallery: &mut Gallery) -> Result<()> {
        let as_of = self.as_of()?;
        self.engine.register_csv("customer_outliers", &self.run.read(artifact::CUSTOMER_OUTLIERS, Stage::Segment)?)?;
        let reasons = self
            .engine
            .select("select distinct customer_id, measure from customer_outliers order by customer_id, measure", &[])?;
        let reasons: Vec<(String, String)> =
            reasons.texts("customer_id")?.into_iter().zip(reasons.texts("measure")?).collect();
        let frame = self.engine.select(
            "select features.customer_id, segments.segment, segments.recency_score, segments.frequency_score,
                    features.frequency, features.monetary_total, features.revenue_90d, value_scores.value_mean
             from features
             inner join segments on features.customer_id = segments.customer_id
             inner join value_scores on features.customer_id = value_scores.customer_id
             where features.as_of = $as_of order by features.customer_id",
            &[("as_of", Value::Text(as_of.clone()))],
        )?;
        let n = frame.n_rows();
        let (spend, late) = (frame.f64s("monetary_total")?, frame.f64s("revenue_90d")?);
        let (segments, expected) = (frame.texts("segment")?, frame.f64s("value_mean")?);
        let theme = Theme::default();
        let currency = self.config.data.currency.clone();
        let note = |words: &str| self.caption(&as_of, acquired(n as u64), words);
        // Without money these pictures have nothing to say.
        let has_money = spend.iter().all(|spend| spend.is_finite());

        if has_money {
            let (mut customers, mut revenue) = (vec![0; SCORES * SCORES], vec![0.0; SCORES * SCORES]);
            for (i, (r, f)) in frame.i64s("recency_score")?.into_iter().zip(frame.i64s("frequency_score")?).enumerate()
            {
                let cell = (f.clamp(1, 5) - 1) as usize * SCORES + (r.clamp(1, 5) - 1) as usize;
                customers[cell] += 1;
                revenue[cell] += spend[i];
            }
            let data = RfmHeatmapData { customers, revenue, currency: currency.clone() };
            let words = "Scores are fifths of the customers, equal values together; revenue is all spend so far, net of cancellations.";
            gallery.hang(figure::rfm_heatmap::draw(&data, &note(words), &theme))?;

            let of = |values: &[f64]| -> BTreeMap<&str, f64> {
                let mut sums = BTreeMap::new();
                for (segment, value) in segments.iter().zip(values) {
                    *sums.entry(segment.as_str()).or_insert(0.0) += value.max(0.0);
                }
                sums
            };
            let (so_far, of_late) = (of(&spend), of(&late));
            let has_forecast = expected.iter().all(|value| value.is_finite());
            let data = RevenueContributionData {
                segments: so_far.keys().map(|name| (*name).to_owned()).collect(),
                so_far: so_far.into_values().collect(),
                of_late: of_late.into_values().collect(),
                expected: has_forecast.then(|| of(&expected).into_values().collect()),
                horizon_days: self.config.value.horizon_days,
            };
            let words = "Segments are those of today, so the best ones have spent much by their definition.";
            gallery.hang(figure::revenue_contribution::draw(&data, &note(words), &theme))?;

            let data = ParetoCurveData { spend: spend.clone(), currency: currency.clone() };
            let words = "Revenue is all spend so far, net of cancellations.";
            gallery.hang(figure::pareto_curve::draw(&data, &note(words), &theme))?;

            let ids = frame.texts("customer_id")?;
            let with = |wanted: fn(&str) -> bool| -> Vec<bool> {
                let named: BTreeSet<&str> =
                    reasons.iter().filter(|(_, measure)| wanted(measure)).map(|(id, _)| id.as_str()).collect();
                // The list of the unusual is made for spreadsheets, ids and all.
                ids.iter().map(|id| named.contains(artifact::spreadsheet_safe(id).as_str())).collect()
            };
            let mut by_measure: BTreeMap<&str, u64> = BTreeMap::new();
            for (_, measure) in &reasons {
                *by_measure.entry(measure).or_default() += 1;
            }
            // The first by name of equals.
            let mostly = by_measure.into_iter().rev().max_by_key(|(_, customers)| *customers);
            let data = OutliersData {
                unusual: with(|_| true),
                in_what_is_drawn: with(|measure| DRAWN.contains(&measure)),
                mostly: mostly.map(|(measure, customers)| (wording::name(measure), customers)),
                ids,
                orders: frame.f64s("frequency")?.into_iter().map(|orders| orders.max(1.0)).collect(),
                spend,
                currency,
            };
            let words = "Unusual by the fences of Tukey, or by an isolation forest, which counts for the measure that is furthest \
                         off; reasons stand in outputs/customer_outliers.csv. Unusual is not wrong: they stay in.";
            gallery.hang(figure::outliers::draw(&data, &note(words), &theme))?;
        }
        self.cohorts(gallery)?;
        self.migration(gallery)
    }

    /// Who came back, by the month of the first purchase; only months that have ended.
    fn cohorts(&self, gallery: &mut Gallery) -> Result<()> {
        let now = self.everyday.now;
        let counts = &self.everyday.cohorts;
        // Nothing is known yet of those who first bought in the last month.
        let lived = counts.iter().filter(|(cohort, _)| **cohort + 1 < now);
        let shown: Vec<_> = lived.rev().take(COHORTS).collect();
        let shown: Vec<_> = shown.into_iter().rev().collect();
        let data = CohortRetentionData {
            cohorts: shown.iter().map(|(cohort, _)| kpis::name(**cohort)).collect(),
            customers: shown.iter().map(|(cohort, by)| by.get(cohort).copied().unwrap_or(0)).collect(),
            active: shown
                .iter()
                .map(|(cohort, by)| (*cohort + 1..now).map(|month| by.get(&month).copied().unwrap_or(0)).collect())
                .collect(),
        };
        let customers: u64 = data.customers.iter().sum();
        let note = self.caption(
            &self.as_of()?,
            format!("{} who first bought in one of these months", figure::number::customers(customers)),
            "Months that have not ended are left out. Of those who first bought in the first months of the data many had \
             been customers before.",
        );
        gallery.hang(figure::cohort_retention::draw(&data, &note, &Theme::default()))
    }

    /// Where customers went between the last two snapshots.
    fn migration(&self, gallery: &mut Gallery) -> Result<()> {
        self.engine.register_csv("migration", &self.run.read(artifact::SEGMENT_MIGRATION, Stage::Segment)?)?;
        let frame = self.engine.select(
            "select cast(from_as_of as varchar) as from_as_of, cast(to_as_of as varchar) as to_as_of, from_segment, to_segment, customers
             from migration where to_as_of = (select max(to_as_of) from migration)
             order by from_segment, to_segment",
            &[],
        )?;
        if frame.n_rows() == 0 {
            return Ok(());
        }
        let ranks = self.engine.select(
            "select segment, min(segment_rank) as place from segments_then group by segment order by place, segment",
            &[],
        )?;
        let segments = ranks.texts("segment")?;
        let place = |name: &String| segments.iter().position(|segment| segment == name);
        let n = segments.len();
        let mut customers = vec![0; n * n];
        let (from, to) = (frame.texts("from_segment")?, frame.texts("to_segment")?);
        for ((from, to), count) in from.iter().zip(&to).zip(frame.u64s("customers")?) {
            if let (Some(from), Some(to)) = (place(from), place(to)) {
                customers[from * n + to] += count;
            }
        }
        let between = [frame.texts("from_as_of")?.remove(0), frame.texts("to_as_of")?.remove(0)];
        let everyone = customers.iter().sum();
        let note = self.caption(&between[1], acquired(everyone), "Customers who were there at both snapshots.");
        let data = SegmentMigrationData { segments, customers, between };
        gallery.hang(figure::segment_migration::draw(&data, &note, &Theme::default()))
    }
}

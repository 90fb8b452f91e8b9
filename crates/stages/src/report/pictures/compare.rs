//! Figures that compare segments in several measures at once: the box of recency, frequency and money, and radars.

use tenure_math::num;
use tenure_tables::engine::Value;

use super::{Gallery, Room, acquired};
use crate::error::Result;
use crate::report::figure::rfm_3d_scatter::Rfm3dData;
use crate::report::figure::segment_comparison_radar::{RadarMeasure, SegmentRadarData};
use crate::report::figure::{self, Theme, number};

/// A measure of the radars: its column, its name, whether less is better, and what its numbers are.
type Measure = (&'static str, &'static str, bool, fn(f64, &str) -> String);

/// Clockwise from the top; the longest names stand at the top and at the bottom.
const MEASURES: [Measure; 6] = [
    ("recency_days", "Recency", true, |days, _| format!("{days:.0} days")),
    ("frequency", "Orders", false, |orders, _| format!("{orders:.0} orders")),
    ("monetary_total", "Spend", false, number::money),
    ("engagement_score", "Engagement", false, |score, _| format!("{score:.0} of 100")),
    ("unique_products", "Products", false, |products, _| format!("{products:.0} products")),
    ("monetary_avg", "Per order", false, number::money),
];

impl Room<'_> {
    /// Both of them.
    pub(super) fn compare(&self, gallery: &mut Gallery) -> Result<()> {
        let as_of = self.as_of()?;
        let frame = self.engine.select(
            "select features.customer_id, segments.segment, features.recency_days, features.frequency,
                    features.monetary_total, features.monetary_avg, features.unique_products, features.engagement_score
             from features inner join segments on features.customer_id = segments.customer_id
             where features.as_of = $as_of order by features.customer_id",
            &[("as_of", Value::Text(as_of.clone()))],
        )?;
        let (theme, currency) = (Theme::default(), self.config.data.currency.as_str());
        let mine = frame.texts("segment")?;
        let segments = by_spend(&mine, &frame.f64s("monetary_total")?);
        let segment: Vec<usize> =
            mine.iter().map(|name| segments.iter().position(|known| known == name).unwrap_or(0)).collect();
        let note = |words: &str| self.caption(&as_of, acquired(mine.len() as u64), words);

        let spend = frame.f64s("monetary_total")?;
        if spend.iter().all(|spend| spend.is_finite()) {
            let data = Rfm3dData {
                ids: frame.texts("customer_id")?,
                recency_days: frame.f64s("recency_days")?,
                orders: frame.f64s("frequency")?.into_iter().map(|orders| orders.max(1.0)).collect(),
                spend,
                segment: segment.clone(),
                segments: segments.clone(),
                currency: currency.to_owned(),
            };
            let words = "A flat picture of three measures hides customers behind others, and a place in it is a line of the \
                         box: read values in rfm_heatmap, spend against orders in outliers.";
            gallery.hang(figure::rfm_3d_scatter::draw(&data, &note(words), &theme))?;
        } else {
            gallery.miss("rfm_3d_scatter", "the data hold no money");
        }

        let mut measures = Vec::new();
        for (column, name, less_is_better, words) in MEASURES {
            let values = frame.f64s(column)?;
            let members: Vec<Vec<usize>> = (0..segments.len())
                .map(|s| (0..values.len()).filter(|&i| segment[i] == s && values[i].is_finite()).collect())
                .collect();
            // A measure that a whole segment lacks compares nobody.
            if members.iter().any(Vec::is_empty) {
                continue;
            }
            let ranks = percentile_ranks(&values, less_is_better);
            let of = |column: &[f64], own: &[usize]| -> Vec<f64> { own.iter().map(|&i| column[i]).collect() };
            let rank = |own: &Vec<usize>| num::mean(&of(&ranks, own)).unwrap_or_default();
            let median = |own: &Vec<usize>| {
                num::quantile(&of(&values, own), 0.5).map_or_else(String::new, |value| words(value, currency))
            };
            measures.push(RadarMeasure {
                name: name.to_owned(),
                rank: members.iter().map(rank).collect(),
                median: members.iter().map(median).collect(),
            });
        }
        let customers = (0..segments.len()).map(|s| segment.iter().filter(|own| **own == s).count() as u64).collect();
        let words = "A rank is the share of customers below, equals counting half; fewer days since the last order are better. \
                     Per order: mean spend of an order; products: different ones bought. Engagement sums up ranks of \
                     recency, frequency and breadth, so it goes with them, and so do the segments, which are made of some \
                     of these measures. Who lacks a measure is left out of it.";
        let data = SegmentRadarData { segments, customers, measures };
        gallery.hang(figure::segment_comparison_radar::draw(&data, &note(words), &theme))
    }
}

/// The names of the segments, the one that brought the most money first.
fn by_spend(mine: &[String], spend: &[f64]) -> Vec<String> {
    let mut names: Vec<String> = mine.to_vec();
    names.sort_unstable();
    names.dedup();
    let sum = |name: &String| -> f64 {
        let own = mine.iter().zip(spend).filter(|(other, money)| *other == name && money.is_finite());
        own.map(|(_, money)| *money).sum()
    };
    let sums: Vec<f64> = names.iter().map(|name| -sum(name)).collect();
    num::argsort(&sums).into_iter().map(|i| names[i].clone()).collect()
}

/// The share of values below each, equals counting half, in per cent, so that their mean is 50; values that are not there
/// count for nothing and have the rank 0.
fn percentile_ranks(values: &[f64], less_is_better: bool) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let rank = |value: &f64| {
        if !value.is_finite() {
            return 0.0;
        }
        let below = sorted.partition_point(|other| other < value);
        let not_above = sorted.partition_point(|other| other <= value);
        let share = 50.0 * (below + not_above) as f64 / sorted.len() as f64;
        if less_is_better { 100.0 - share } else { share }
    };
    values.iter().map(rank).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]
    use super::*;

    #[test]
    fn ranks_share_what_is_equal_and_have_their_middle_at_half() {
        assert_eq!(percentile_ranks(&[3.0, 1.0, 3.0, 9.0], false), [50.0, 12.5, 50.0, 87.5]);
        assert_eq!(percentile_ranks(&[3.0, 1.0, 3.0, 9.0], true), [50.0, 87.5, 50.0, 12.5]);
        assert_eq!(percentile_ranks(&[4.0; 5], false), [50.0; 5]);
        assert_eq!(percentile_ranks(&[4.0, f64::NAN, 6.0], false), [25.0, 0.0, 75.0]);
    }

    #[test]
    fn segments_stand_by_what_they_brought() {
        let mine = ["a", "b", "a", "c"].map(str::to_owned);
        assert_eq!(by_spend(&mine, &[1.0, 5.0, 7.0, -2.0]), ["a", "b", "c"]);
        assert_eq!(by_spend(&mine, &[f64::NAN; 4]), ["a", "b", "c"]);
    }
}

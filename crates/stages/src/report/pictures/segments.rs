//! Figures of the segments: the map of recency and frequency, and the clusters.

use serde::Deserialize;
use tenure_tables::engine::Value;

use super::{Gallery, Room, acquired};
use crate::artifact;
use crate::ctx::Stage;
use crate::error::Result;
use crate::report::figure::segment_distribution::SegmentDistributionData;
use crate::report::figure::segments::SegmentsData;
use crate::report::figure::{self, Theme};

/// What the figures need of the record of segments.
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

impl Room<'_> {
    pub(super) fn segments(&self, gallery: &mut Gallery) -> Result<()> {
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
        let note = self.caption(
            &as_of,
            acquired(data.customers.iter().sum()),
            "Segments of the R x F map; revenue is all spend so far, net of cancellations.",
        );
        gallery.hang(figure::segment_distribution::draw(&data, &note, &Theme::default()))?;
        self.clusters(gallery)
    }

    /// The clusters on the first two principal components of their standardised measures.
    fn clusters(&self, gallery: &mut Gallery) -> Result<()> {
        let record: SegmentRecord = self.run.record_of(Stage::Segment)?;
        let Some(explained) = record.plane else { return Ok(()) };
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
            acquired(label.len() as u64),
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
        gallery.hang(figure::segments::draw(&data, &note, &Theme::default()))
    }
}

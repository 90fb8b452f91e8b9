//! The customers that the page opens from a segment.

use serde_json::json;
use tenure_tables::engine::Engine;

use crate::artifact::{self, RunFolder};
use crate::ctx::Stage;
use crate::error::Result;

/// Customers that a page holds; of more it holds those with the highest expected net, then the most valuable.
const MOST: usize = 20_000;

/// Customers as rows of text and figures.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Customers {
    pub(super) rows: Vec<serde_json::Value>,
    /// Customers of the run.
    pub(super) everyone: u64,
}

impl Customers {
    /// Those of the table of scores.
    pub(super) fn read(engine: &Engine, run: &RunFolder) -> Result<Self> {
        engine.register("customer_scores", &run.read(artifact::CUSTOMER_SCORES, Stage::Report)?)?;
        let everyone = engine.select("select count(*) as customers from customer_scores", &[])?.one_i64("customers")?;
        let frame = engine.select(
            &format!(
                "select customer_id, segment, recency_days, frequency, monetary_total, p_churn, value_mean, offer,
                        offer_expected_value
                 from customer_scores
                 order by offer_expected_value desc nulls last, value_mean desc nulls last, customer_id limit {MOST}"
            ),
            &[],
        )?;
        let (ids, segments, offers) = (frame.texts("customer_id")?, frame.texts("segment")?, frame.texts("offer")?);
        let mut columns = Vec::new();
        for (name, decimals) in [
            ("recency_days", 1),
            ("frequency", 0),
            ("monetary_total", 2),
            ("p_churn", 3),
            ("value_mean", 2),
            ("offer_expected_value", 2),
        ] {
            let scale = 10_f64.powi(decimals);
            let rounded = |v: &f64| v.is_finite().then(|| (v * scale).round() / scale);
            columns.push(frame.f64s(name)?.iter().map(rounded).collect::<Vec<_>>());
        }
        let row = |i: usize| {
            let [recency, orders, spent, p_churn, value, net] = [0, 1, 2, 3, 4, 5].map(|c| columns[c][i]);
            json!([ids[i], segments[i], recency, orders, spent, p_churn, value, offers[i], net])
        };
        Ok(Self { rows: (0..frame.n_rows()).map(row).collect(), everyone: everyone.max(0) as u64 })
    }

    /// As the page's script reads them; no `<` that would end the script early.
    pub(super) fn json(&self) -> String {
        let columns = [
            "Customer",
            "Segment",
            "Days since last order",
            "Orders",
            "Spent so far",
            "Likely to leave",
            "Expected spend",
            "Offer",
            "Expected net",
        ];
        json!({ "columns": columns, "rows": self.rows, "everyone": self.everyone }).to_string().replace('<', "\\u003c")
    }
}

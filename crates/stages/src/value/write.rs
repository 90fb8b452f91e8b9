//! The scores at `as_of`.

use tenure_math::value::{present, risk};
use tenure_tables::store::{self, Column};

use super::{Room, Scores};
use crate::artifact;
use crate::error::{Error, Result};

impl Room<'_> {
    /// Writes the values; what is NaN is unknown and becomes null.
    pub(super) fn write_scores(
        &self,
        rows: &[usize],
        scores: &Scores,
        if_retained: &[f64],
        if_churned: &[f64],
    ) -> Result<()> {
        let n = rows.len();
        let known = |v: &[f64]| Column::OptF64(v.iter().map(|v| v.is_finite().then_some(*v)).collect());
        let quantile = |j: usize| -> Column {
            Column::OptF64((0..n).map(|i| scores.quantiles.as_ref().map(|q| q.get(i, j))).collect())
        };
        let value = &self.config.value;
        let of_one = present::of_one(value.discount_rate, value.margin, self.horizon as f64)
            .map_err(Error::math("the present value"))?;
        let rule = risk::Rule::Spread { lambda: value.risk_lambda };
        let adjusted = match &scores.quantiles {
            Some(q) => risk::adjust(rule, &scores.mean, &q.column(0), &q.column(2))
                .map_err(Error::math("the values with their risk"))?,
            None => vec![f64::NAN; n],
        };
        store::write_columns(
            &self.run.write(artifact::VALUE_SCORES)?,
            &[
                ("customer_id", Column::Text(rows.iter().map(|&i| self.panel.customers[i].clone()).collect())),
                ("value_mean", known(&scores.mean)),
                ("value_q10", quantile(0)),
                ("value_q50", quantile(1)),
                ("value_q90", quantile(2)),
                ("value_risk_adjusted", known(&adjusted)),
                ("value_present", known(&scores.mean.iter().map(|v| v * of_one).collect::<Vec<_>>())),
                ("value_if_retained", known(if_retained)),
                ("value_if_churned", known(if_churned)),
            ],
        )?;
        Ok(())
    }
}

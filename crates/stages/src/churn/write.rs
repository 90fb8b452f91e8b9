//! The scores at `as_of`.

use tenure_math::pace;
use tenure_tables::store::{self, Column};

use super::Room;
use crate::artifact;
use crate::error::{Error, Result};
use crate::lifetimes::pasts;

impl Room<'_> {
    /// Writes the probabilities with those of having left already and of being there still, the window they are of, and who is flagged from the
    /// threshold on; null without a model.
    pub(super) fn write_scores(&self, rows: &[usize], scored: Option<(&[f64], f64)>) -> Result<()> {
        let n = rows.len();
        let (p_churn, p_gone, flagged) = match scored {
            None => (vec![None; n], vec![None; n], vec![false; n]),
            Some((p_churn, threshold)) => (
                p_churn.iter().copied().map(Some).collect(),
                self.gone(rows, p_churn)?.into_iter().map(Some).collect(),
                p_churn.iter().map(|p| *p >= threshold).collect(),
            ),
        };
        let p_alive = match self.panel.lifetimes.at(self.timeline.as_of)?.p_alive(&pasts(&self.panel.table, rows))? {
            Some(p_alive) => p_alive.into_iter().map(Some).collect(),
            None => vec![None; n],
        };
        store::write_columns(
            &self.run.write(artifact::CHURN_SCORES)?,
            &[
                ("customer_id", Column::Text(rows.iter().map(|&i| self.panel.customers[i].clone()).collect())),
                ("p_churn", Column::OptF64(p_churn)),
                ("p_gone", Column::OptF64(p_gone)),
                ("p_alive", Column::OptF64(p_alive)),
                ("window_days", Column::F64(rows.iter().map(|&i| self.window_days[i]).collect())),
                ("flagged", Column::Bool(flagged)),
            ],
        )?;
        Ok(())
    }

    /// The part of each churn probability that is of having left already, if who stays keeps its pace.
    fn gone(&self, rows: &[usize], p_churn: &[f64]) -> Result<Vec<f64>> {
        let windows: Vec<f64> = rows.iter().map(|&i| self.window_days[i]).collect();
        match pace::split(&self.panel.table.pasts(rows), p_churn, &windows) {
            Ok((_, p_gone)) => Ok(p_gone),
            // Nobody came back: silence says nothing of anybody.
            Err(tenure_math::Error::Degenerate { .. }) => Ok(vec![0.0; rows.len()]),
            Err(e) => Err(Error::math("the customers' pace")(e)),
        }
    }
}

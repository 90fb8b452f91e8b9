//! Why the model says what it says of each customer at `as_of`.

use tenure_math::calibrate::Platt;
use tenure_math::num::Matrix;

use super::candidates::Input;
use super::{Parts, Room};
use crate::artifact;
use crate::config::ChurnModel;
use crate::error::{Error, Result};
use crate::explain::{Explained, Places};
use crate::lifetimes::SILENCE;
use crate::reasons::Outcome;

impl Room<'_> {
    /// Writes contributions to the log-odds of the calibrated probabilities and the reasons; gives what contributes, by
    /// its share, the greatest first.
    pub(super) fn explain(
        &self,
        parts: &Parts,
        model: ChurnModel,
        calibration: Platt,
        input: &Input<'_>,
        p_churn: &[f64],
    ) -> Result<Vec<(String, f64)>> {
        let raw = parts.contributions(model, input)?;
        let (n, columns) = (raw.n_rows(), raw.n_cols());
        let mut values: Vec<f64> = raw.values().iter().map(|v| calibration.slope * v).collect();
        for base in values.iter_mut().skip(columns - 1).step_by(columns) {
            *base += calibration.intercept;
        }
        let contributions = Matrix::new(n, columns, values).map_err(Error::math("the contributions"))?;
        let mut seen: Vec<Vec<f64>> =
            (0..columns - 2).map(|j| input.rows.iter().map(|&i| input.table.features.get(i, j)).collect()).collect();
        seen.push(input.silence.clone());
        Explained {
            customers: input.rows.iter().map(|&i| self.panel.customers[i].clone()).collect(),
            forecast: p_churn,
            names: input.table.names.iter().cloned().chain([SILENCE.to_owned()]).collect(),
            values: Matrix::from_columns(&seen).map_err(Error::math("the explained values"))?,
            contributions,
            outcome: Outcome::Churn,
            currency: &self.config.data.currency,
        }
        .write(
            self.run,
            &Places {
                contributions: artifact::CHURN_CONTRIBUTIONS,
                reasons: artifact::CHURN_REASONS,
                forecast: "p_churn",
                margin: "log_odds",
            },
        )
    }
}

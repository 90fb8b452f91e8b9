//! Why the model says what it says of each customer's value at `as_of`.

use tenure_math::num::Matrix;

use super::candidates::Input;
use super::{Parts, Room};
use crate::artifact;
use crate::config::ValueModel;
use crate::error::{Error, Result};
use crate::explain::{Explained, Places};
use crate::reasons::Outcome;

/// What the reasons of a candidate explain, a sentence; `None` where there are none.
pub(super) fn explains(model: ValueModel) -> Option<&'static str> {
    match model {
        ValueModel::Boosting | ValueModel::Lightgbm => Some("The reasons add up to the forecast."),
        ValueModel::Pooled | ValueModel::Stack => {
            Some("The reasons add up to the forecast of the trees, a part of the value, at the level of the values.")
        }
        ValueModel::MbgNbd => {
            Some("The reasons are the two factors of the forecast: expected purchase days, and spend on each.")
        }
        ValueModel::CarryForward | ValueModel::LogTarget | ValueModel::Hurdle => None,
    }
}

impl Room<'_> {
    /// Writes contributions to the logarithm of the forecast spend and the reasons; gives what contributes, by its share,
    /// the greatest first. Nothing where the candidate's parts do not add up there ([`explains`]). `level` is what brings
    /// the candidate's own level to that of the values in `mean`.
    pub(super) fn explain(
        &self,
        parts: &Parts,
        model: ValueModel,
        level: f64,
        input: &Input<'_>,
        mean: &[f64],
    ) -> Result<Vec<(String, f64)>> {
        let Some(made_of) = parts.made_of(model, input)? else { return Ok(Vec::new()) };
        let (n, columns) = (made_of.contributions.n_rows(), made_of.contributions.n_cols());
        let mut contributions = made_of.contributions.values().to_vec();
        for base in contributions.iter_mut().skip(columns - 1).step_by(columns) {
            *base += level.ln();
        }
        Explained {
            customers: input.rows.iter().map(|&i| self.panel.customers[i].clone()).collect(),
            forecast: mean,
            names: made_of.names,
            values: made_of.values,
            contributions: Matrix::new(n, columns, contributions).map_err(Error::math("the contributions"))?,
            outcome: Outcome::Value,
            currency: &self.config.data.currency,
        }
        .write(
            self.run,
            &Places {
                contributions: artifact::VALUE_CONTRIBUTIONS,
                reasons: artifact::VALUE_REASONS,
                forecast: "value_mean",
                margin: "log_spend",
            },
        )
    }
}

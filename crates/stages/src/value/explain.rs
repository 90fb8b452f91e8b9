//! Why the trees of the model say what they say of each customer at `as_of`.

use super::candidates::Input;
use super::{Parts, Room};
use crate::artifact;
use crate::error::Result;
use crate::explain::{Explained, Places};
use crate::reasons::Outcome;

impl Room<'_> {
    /// Writes contributions to the logarithm of what the trees multiply a customer's usual spend by, and the reasons;
    /// gives what contributes, by its share, the greatest first. Nothing where the model has no such trees.
    pub(super) fn explain(&self, parts: &Parts, input: &Input<'_>, mean: &[f64]) -> Result<Vec<(String, f64)>> {
        let Some(contributions) = parts.contributions(input)? else { return Ok(Vec::new()) };
        Explained {
            customers: input.rows.iter().map(|&i| self.panel.customers[i].clone()).collect(),
            forecast: mean,
            names: input.table.names.clone(),
            values: input.table.features.select_rows(input.rows),
            contributions,
            outcome: Outcome::Value,
            currency: &self.config.data.currency,
        }
        .write(
            self.run,
            &Places {
                contributions: artifact::VALUE_CONTRIBUTIONS,
                reasons: artifact::VALUE_REASONS,
                forecast: "value_mean",
                margin: "log_ratio_to_usual_spend",
            },
        )
    }
}

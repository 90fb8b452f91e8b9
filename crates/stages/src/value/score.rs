//! The saved model put on other customers.

use tenure_tables::store::Column;

use super::candidates::Input;
use super::{MODEL, Model, quantiles};
use crate::artifact::{self, Run, RunFolder};
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::lifetimes::pasts;
use crate::panel::Table;

impl Model {
    /// Writes the trees of LightGBM in its own text, where they are what scores.
    pub(super) fn write_lightgbm(&self, run: &RunFolder) -> Result<()> {
        let Some(trees) = self.parts.lightgbm() else { return Ok(()) };
        let text = trees.lightgbm_text(&self.features).map_err(Error::math("the text of LightGBM"))?;
        text.map_or(Ok(()), |text| run.write_text(artifact::VALUE_LIGHTGBM, &text))
    }

    /// Reads the model of a run.
    ///
    /// # Errors
    /// [`Error::Missing`] where the run has none, [`Error::Corrupt`] when it is not what was written.
    pub fn load(run: &Run) -> Result<Self> {
        artifact::read_json(&run.path(MODEL, Stage::Value)?)?.ok_or_else(|| Error::Missing {
            artefact: MODEL.to_owned(),
            out: run.folder().to_path_buf(),
            stage: Stage::Value.name(),
        })
    }

    /// What the model says of each row of a table that has its features but those of the lifetimes, as columns of a table
    /// of scores. History and level are those of the snapshot it was made for.
    pub(crate) fn columns(&self, table: Table) -> Result<Vec<(&'static str, Column)>> {
        let table = &self.lifetimes.widen(table, &self.features, self.horizon_days as f64)?;
        let rows: Vec<usize> = (0..table.features.n_rows()).collect();
        let input = Input {
            table,
            rows: &rows,
            horizon: self.horizon_days,
            seen_days: vec![self.seen_days; rows.len()],
            purchases: self.lifetimes.expected(&pasts(table, &rows), self.horizon_days as f64)?,
        };
        let mean: Vec<f64> = self.parts.predict(self.model, &input)?.iter().map(|v| v * self.level).collect();
        let bounds = self.conformal.as_ref().map(|conformal| quantiles(conformal, &mean)).transpose()?;
        let quantile =
            |j: usize| Column::OptF64((0..rows.len()).map(|i| bounds.as_ref().map(|q| q.get(i, j))).collect());
        let columns = [("value_q10", quantile(0)), ("value_q50", quantile(1)), ("value_q90", quantile(2))];
        Ok([("value_mean", Column::F64(mean))].into_iter().chain(columns).collect())
    }
}

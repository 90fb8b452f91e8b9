//! The saved model put on other customers.

use tenure_tables::store::Column;

use super::candidates::Input;
use super::{MODEL, Model, window_days};
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
        text.map_or(Ok(()), |text| run.write_text(artifact::CHURN_LIGHTGBM, &text))
    }

    /// Reads the model of a run.
    ///
    /// # Errors
    /// [`Error::Missing`] where the run has none, [`Error::Corrupt`] when it is not what was written.
    pub fn load(run: &Run) -> Result<Self> {
        artifact::read_json(&run.path(MODEL, Stage::Churn)?)?.ok_or_else(|| Error::Missing {
            artefact: MODEL.to_owned(),
            out: run.folder().to_path_buf(),
            stage: Stage::Churn.name(),
        })
    }

    /// The probability of each row of a table that has the model's features.
    fn p_churn(&self, table: &Table) -> Result<Vec<f64>> {
        let rows: Vec<usize> = (0..table.features.n_rows()).collect();
        let windows = window_days(table, &rows, self.horizon_days, self.gap_factor);
        let silence = self.lifetimes.p_silent(&pasts(table, &rows), &windows)?;
        let scores = self.parts.predict(self.model, &Input { table, rows: &rows, silence })?;
        Ok(scores.iter().map(|&s| self.calibration.apply(s)).collect())
    }

    /// What the model says of each row of a table that has its features but those of the lifetimes, as columns of a table
    /// of scores.
    pub(crate) fn columns(&self, table: Table) -> Result<Vec<(&'static str, Column)>> {
        let p = self.p_churn(&self.lifetimes.widen(table, &self.features, self.horizon_days as f64)?)?;
        let flagged = p.iter().map(|p| *p >= self.threshold).collect();
        Ok(vec![("p_churn", Column::F64(p)), ("flagged", Column::Bool(flagged))])
    }
}

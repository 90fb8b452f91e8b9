//! The measures that clusters and unusual customers are found by: read at a snapshot, filled up and put on one footing.

use tenure_math::num::{self, Matrix};
use tenure_math::segment::scale;
use tenure_tables::engine::{Engine, Value};
use tenure_tables::frame::Frame;

use crate::error::{Error, Result};
use crate::time::Instant;

/// Those that the source cannot support, or that are the same for everybody, are left out.
const MEASURES: [&str; 7] =
    ["recency_days", "frequency", "monetary_total", "tenure_days", "unique_products", "monetary_avg", "return_rate"];

/// The measures of the customers of one snapshot, in the order of their ids.
#[derive(Debug, Clone)]
pub(super) struct Measures {
    pub(super) names: Vec<String>,
    /// What stands in for a missing value.
    pub(super) medians: Vec<f64>,
    /// As they are, with medians in the place of missing values.
    pub(super) raw: Matrix,
    pub(super) scale: scale::Fitted,
    /// Logarithms of what is skewed, mean 0 and standard deviation 1.
    pub(super) scaled: Matrix,
}

/// Reads and scales the measures at `as_of`; `None` where no measure tells customers apart.
pub(super) fn read(engine: &Engine, as_of: Instant) -> Result<Option<Measures>> {
    let frame = engine.select(
        &format!("select {} from features where as_of = $as_of order by customer_id", MEASURES.join(", ")),
        &[("as_of", Value::Text(as_of.to_string()))],
    )?;
    let (mut names, mut medians, mut columns) = (Vec::new(), Vec::new(), Vec::new());
    for name in MEASURES {
        let mut column = frame.f64s(name)?;
        let known: Vec<f64> = column.iter().copied().filter(|v| v.is_finite()).collect();
        let Some(median) = num::quantile(&known, 0.5) else { continue };
        if known.iter().all(|v| (v - known[0]).abs() < 1e-12) {
            continue;
        }
        fill(&mut column, median);
        names.push(name.to_owned());
        medians.push(median);
        columns.push(column);
    }
    if columns.is_empty() {
        return Ok(None);
    }
    let raw = Matrix::from_columns(&columns).map_err(Error::math("the table of measures"))?;
    let scale = scale::fit(&raw).map_err(Error::math("the scaling of the measures"))?;
    let scaled = scale.transform(&raw).map_err(Error::math("the scaling of the measures"))?;
    Ok(Some(Measures { names, medians, raw, scale, scaled }))
}

/// The given measures of other customers, filled up with the medians of those that were fitted.
pub(super) fn of(frame: &Frame, names: &[String], medians: &[f64]) -> Result<Matrix> {
    let mut columns = Vec::new();
    for (name, &median) in names.iter().zip(medians) {
        let mut column = frame.f64s(name)?;
        fill(&mut column, median);
        columns.push(column);
    }
    Matrix::from_columns(&columns).map_err(Error::math("the table of measures"))
}

fn fill(column: &mut [f64], median: f64) {
    column.iter_mut().filter(|v| !v.is_finite()).for_each(|v| *v = median);
}

//! Why a model says what it says of each customer: exact contributions, and the strongest of them in words.

use tenure_math::num::Matrix;
use tenure_tables::store::{self, Column};

use crate::artifact::{self, RunFolder};
use crate::error::Result;
use crate::reasons::{Outcome, Reasons};

/// Reasons told of each customer.
const REASONS: usize = 3;

/// What is explained.
pub(crate) struct Explained<'a> {
    /// The customers.
    pub(crate) customers: Vec<String>,
    /// What was forecast of each: a probability, or money.
    pub(crate) forecast: &'a [f64],
    /// The names of what contributes.
    pub(crate) names: Vec<String>,
    /// Its values, one row a customer.
    pub(crate) values: Matrix,
    /// What each of them adds to the margin, and last what is there without any.
    pub(crate) contributions: Matrix,
    pub(crate) outcome: Outcome,
    pub(crate) currency: &'a str,
}

/// Where it goes.
pub(crate) struct Places {
    pub(crate) contributions: &'static str,
    pub(crate) reasons: &'static str,
    /// What the forecast's column is called.
    pub(crate) forecast: &'static str,
    /// What the sum of the contributions is called.
    pub(crate) margin: &'static str,
}

impl Explained<'_> {
    /// Writes the contributions and the reasons; gives what contributes, by its share of the mean absolute
    /// contribution, the greatest first.
    ///
    /// # Errors
    /// Those of writing.
    pub(crate) fn write(&self, run: &RunFolder, places: &Places) -> Result<Vec<(String, f64)>> {
        let (n, p) = (self.contributions.n_rows(), self.names.len());
        let margin: Vec<f64> = (0..n).map(|i| self.contributions.row(i).iter().sum()).collect();
        let mut columns = vec![
            ("customer_id", Column::Text(self.customers.clone())),
            (places.margin, Column::F64(margin)),
            ("base", Column::F64(self.contributions.column(p))),
        ];
        columns.extend((0..p).map(|j| (self.names[j].as_str(), Column::F64(self.contributions.column(j)))));
        store::write_columns(&run.write(places.contributions)?, &columns)?;

        let of: Vec<Vec<f64>> = (0..p).map(|j| self.values.column(j)).collect();
        let words = Reasons::new(&self.names, &of, self.outcome, self.currency);
        let rows: Vec<Vec<String>> = (0..n)
            .map(|i| {
                let mut row = vec![self.customers[i].clone(), format!("{:.6}", self.forecast[i])];
                let reasons = words.of(self.values.row(i), &self.contributions.row(i)[..p], REASONS);
                row.extend((0..REASONS).map(|k| reasons.get(k).map(|r| r.text.clone()).unwrap_or_default()));
                row
            })
            .collect();
        let header = ["customer_id", places.forecast, "reason_1", "reason_2", "reason_3"];
        artifact::write_csv(&run.write(places.reasons)?, &header, &rows)?;

        let sums: Vec<f64> = (0..p).map(|j| (0..n).map(|i| self.contributions.get(i, j).abs()).sum()).collect();
        let total: f64 = sums.iter().sum();
        let share = |sum: &f64| if total > 0.0 { sum / total } else { 0.0 };
        let mut importance: Vec<(String, f64)> = self.names.iter().cloned().zip(sums.iter().map(share)).collect();
        importance.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Ok(importance)
    }
}

//! The evaluation: the recipe on windows that are disjoint in time, judged on the test window beside the naive baseline.

use tenure_math::metric::{self, RankedValues, bootstrap};
use tenure_math::value::decile_calibration;
use tenure_tables::store::{self, Column};

use super::{Decile, NAIVE, Room, candidates};
use crate::artifact;
use crate::config::ValueModel;
use crate::error::{Error, Result};
use crate::summary::{Estimate, Finding, ValueQuality, ValueScore, Window};
use crate::timeline::Windows;

impl Room<'_> {
    pub(super) fn evaluate(
        &self,
        windows: &Windows,
        model: ValueModel,
        total: Option<f64>,
    ) -> Result<(Finding<ValueQuality>, Vec<ValueScore>, Vec<Decile>)> {
        let Some(test) = windows.test else {
            return Err(Error::Corrupt {
                artefact: "the evaluation's windows".to_owned(),
                problem: "none of them tests".to_owned(),
            });
        };
        let calibrated = self.calibrate(windows, &[model])?;
        let rows = self.panel.rows(&[test]);
        let raw = calibrated.parts.predict(model, &self.input(&rows)?)?;
        let scores = self.score(&calibrated, 0, &raw, &rows, total)?;
        let actual: Vec<f64> = rows.iter().map(|&i| self.panel.spend[i]).collect();
        let naive = candidates::carried(&self.input(&rows)?)?;
        let deployed = model.word();
        let mut models = vec![self.judge(deployed, &scores.mean, &actual)?];
        if model != ValueModel::CarryForward {
            let levelled = at_total(&naive, scores.mean.iter().sum());
            models.push(self.judge(ValueModel::CarryForward.word(), &levelled, &actual)?);
        }
        models.push(self.judge(NAIVE, &naive, &actual)?);
        let (lower, upper) = match &scores.quantiles {
            Some(q) => (q.column(0), q.column(2)),
            None => (vec![0.0; rows.len()], vec![f64::MAX; rows.len()]),
        };
        let coverage =
            metric::coverage(&lower, &upper, &actual, None).map_err(Error::math("the coverage of the intervals"))?;
        let columns = [
            ("customer_id", Column::Text(rows.iter().map(|&i| self.panel.customers[i].clone()).collect())),
            ("as_of", Column::Text(vec![test.to_string(); rows.len()])),
            ("actual", Column::F64(actual.clone())),
            ("value_mean", Column::F64(scores.mean.clone())),
            (NAIVE, Column::F64(naive)),
            ("value_q10", Column::F64(lower.clone())),
            ("value_q90", Column::F64(upper.clone())),
        ];
        store::write_columns(&self.run.write(artifact::VALUE_TEST)?, &columns)?;
        let has = scores.quantiles.is_some();
        let deciles = decile_calibration::table(&scores.mean, &actual, has.then_some(upper.as_slice()))
            .map_err(Error::math("the deciles of the test window"))?;
        let by_value = tenure_math::num::argsort(&scores.mean);
        let mut start = 0;
        let mut out = Vec::new();
        for d in &deciles {
            let members = &by_value[start..start + d.n];
            start += d.n;
            let mean = |v: &[f64]| members.iter().map(|&i| v[i]).sum::<f64>() / members.len().max(1) as f64;
            out.push(Decile {
                decile: deciles.len() - out.len(),
                customers: d.n as u64,
                predicted: mean(&scores.mean),
                actual: mean(&actual),
                lower: has.then(|| mean(&lower)),
                upper: has.then(|| mean(&upper)),
                above_upper: has.then(|| {
                    members.iter().filter(|&&i| actual[i] > upper[i]).count() as f64 / members.len().max(1) as f64
                }),
            });
        }
        // The highest first, as for churn.
        out.reverse();
        let quality = ValueQuality {
            model: deployed.to_owned(),
            horizon_days: self.config.value.horizon_days,
            basis: self.config.value.basis,
            window: Window { from: test.to_string(), to: test.plus_days(windows.horizon_days).to_string() },
            customers: rows.len() as u64,
            models,
            coverage: coverage.inside,
            coverage_intended: self.config.value.interval,
            above_upper: coverage.above,
        };
        Ok((Finding::Measured(quality), self.judge_kept(windows, &scores.mean)?, out))
    }

    pub(super) fn judge(&self, model: &str, predicted: &[f64], actual: &[f64]) -> Result<ValueScore> {
        let what = Error::math;
        let ranked = RankedValues::new(predicted, actual).map_err(what("the ranking on the test window"))?;
        let error = bootstrap::interval(
            actual.len(),
            &bootstrap::Params {
                replicates: self.config.report.bootstrap_replicates,
                level: 0.95,
                seed: self.config.run.seed,
                task: "value/bootstrap",
            },
            |weights| metric::portfolio_error(predicted, actual, weights),
        )
        .map_err(what("the interval of the portfolio error"))?;
        Ok(ValueScore {
            model: model.to_owned(),
            r2: Some(metric::r2(predicted, actual, None).map_err(what("R²"))?),
            rmse: Some(metric::rmse(predicted, actual, None).map_err(what("the RMSE"))?),
            mae: Some(metric::mae(predicted, actual, None).map_err(what("the MAE"))?),
            spearman: Some(ranked.spearman(None).map_err(what("the rank correlation"))?),
            gini: Some(ranked.normalised_gini(None).map_err(what("the Gini coefficient"))?),
            portfolio_error: Some(Estimate { value: error.estimate, low: Some(error.low), high: Some(error.high) }),
        })
    }
}

/// The candidate `carry_forward`: the spend of the last window, at the total that all candidates are brought to.
fn at_total(carried: &[f64], total: f64) -> Vec<f64> {
    let positive: Vec<f64> = carried.iter().map(|v| v.max(0.0)).collect();
    let sum: f64 = positive.iter().sum();
    let level = if sum > 0.0 && total > 0.0 { total / sum } else { 1.0 };
    positive.into_iter().map(|v| v * level).collect()
}

/// A warning where the naive baseline does better on the test window, by any of the measures that are shown.
pub(super) fn loses_to_baseline(quality: &ValueQuality) -> Option<String> {
    let (model, naive) = (quality.models.first()?, quality.models.last()?);
    let errors = (model.portfolio_error.as_ref()?.value, naive.portfolio_error.as_ref()?.value);
    let mut worse = Vec::new();
    if naive.r2? > model.r2? {
        worse.push(format!("R² {:.3} against {:.3}", naive.r2?, model.r2?));
    }
    if naive.mae? < model.mae? {
        worse.push(format!("mean absolute error {:.2} against {:.2}", naive.mae?, model.mae?));
    }
    if errors.1.abs() < errors.0.abs() {
        worse.push(format!("portfolio error {:+.1} % against {:+.1} %", 100.0 * errors.1, 100.0 * errors.0));
    }
    (!worse.is_empty())
        .then(|| format!("the naive baseline is nearer than the model on the test window in {}", worse.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::{NAIVE, loses_to_baseline};
    use crate::config::Basis;
    use crate::summary::{Estimate, ValueQuality, ValueScore, Window};

    fn score(model: &str, r2: f64, mae: f64, error: f64) -> ValueScore {
        ValueScore {
            model: model.to_owned(),
            r2: Some(r2),
            rmse: Some(9.0),
            mae: Some(mae),
            spearman: Some(0.5),
            gini: Some(0.5),
            portfolio_error: Some(Estimate { value: error, low: None, high: None }),
        }
    }

    #[test]
    fn a_model_that_the_baseline_beats_says_in_what() {
        let said = |model: ValueScore| {
            loses_to_baseline(&ValueQuality {
                model: "boosting".to_owned(),
                horizon_days: 90,
                basis: Basis::Gross,
                window: Window { from: String::new(), to: String::new() },
                customers: 100,
                models: vec![model, score(NAIVE, 0.5, 10.0, -0.1)],
                coverage: 0.8,
                coverage_intended: 0.8,
                above_upper: 0.1,
            })
        };
        assert_eq!(said(score("boosting", 0.6, 9.0, 0.05)), None);
        let by_mae = said(score("boosting", 0.6, 11.0, 0.05)).unwrap_or_default();
        assert!(by_mae.ends_with("in mean absolute error 10.00 against 11.00"), "{by_mae}");
        let by_all = said(score("boosting", 0.4, 11.0, 0.2)).unwrap_or_default();
        for words in ["R² 0.500 against 0.400", "10.00 against 11.00", "portfolio error -10.0 % against +20.0 %"] {
            assert!(by_all.contains(words), "{by_all}");
        }
    }
}

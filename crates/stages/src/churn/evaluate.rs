//! The evaluation: the recipe on windows that are disjoint in time, judged on the test window beside the baseline.

use serde::{Deserialize, Serialize};
use tenure_math::churn::threshold;
use tenure_math::metric::{self, RankedLabels, bootstrap};
use tenure_math::num;
use tenure_tables::store::{self, Column};

use super::Room;
use crate::artifact::{self, RunFolder};
use crate::config::{ChurnModel, Population};
use crate::error::{Error, Result};
use crate::panel::Season;
use crate::summary::{ChurnQuality, ChurnScore, Estimate, Finding, Threshold, Window};
use crate::time::Instant;
use crate::timeline::Windows;

/// A segment with fewer customers of either kind has no AUC.
const SEGMENT_LEAST: usize = 10;

/// A tenth of the customers of the test window, by probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiftDecile {
    /// 1 = the riskiest.
    pub decile: usize,
    /// Customers.
    pub customers: u64,
    /// Those who churned; equal probabilities share theirs evenly, so this need not be whole.
    pub churners: f64,
    /// Mean probability.
    pub p_churn_mean: f64,
    /// Share that churned.
    pub churn_rate: f64,
    /// That share over the one of all customers.
    pub lift: f64,
    /// Share of all churners in this tenth and the riskier ones.
    pub gain: f64,
}

/// The test window within one segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentQuality {
    /// The segment at the snapshot.
    pub segment: String,
    /// Customers.
    pub customers: u64,
    /// Share that churned.
    pub churn_rate: f64,
    /// Mean probability.
    pub p_churn_mean: f64,
    /// Area under the ROC curve within the segment; `None` where too few churned or stayed.
    pub auc: Option<f64>,
    /// Brier score.
    pub brier: f64,
}

/// What the evaluation found.
pub(super) struct Judged {
    pub(super) quality: Finding<ChurnQuality>,
    pub(super) quality_active: Finding<ChurnQuality>,
    pub(super) deciles: Vec<LiftDecile>,
    pub(super) by_segment: Vec<SegmentQuality>,
}

impl Judged {
    pub(super) fn missing(reason: &str) -> Self {
        Self {
            quality: Finding::Missing(reason.to_owned()),
            quality_active: Finding::Missing(reason.to_owned()),
            deciles: Vec::new(),
            by_segment: Vec::new(),
        }
    }

    /// The tables of lift and of segments, where there was an evaluation.
    pub(super) fn write(&self, run: &RunFolder) -> Result<()> {
        if self.deciles.is_empty() {
            return Ok(());
        }
        let rows: Vec<Vec<String>> = self
            .deciles
            .iter()
            .map(|d| {
                let numbers = [d.p_churn_mean, d.churn_rate, d.lift, d.gain];
                let counts = [d.decile.to_string(), d.customers.to_string(), format!("{:.2}", d.churners)];
                counts.into_iter().chain(numbers.map(|v| format!("{v:.6}"))).collect()
            })
            .collect();
        let header = ["decile", "customers", "churners", "p_churn_mean", "churn_rate", "lift", "gain"];
        artifact::write_csv(&run.write(artifact::CHURN_DECILES)?, &header, &rows)?;
        let rows: Vec<Vec<String>> = self
            .by_segment
            .iter()
            .map(|s| {
                let known = [s.churn_rate, s.p_churn_mean, s.brier].map(|v| format!("{v:.6}"));
                let [rate, mean, brier] = known;
                let auc = s.auc.map(|v| format!("{v:.6}")).unwrap_or_default();
                vec![s.segment.clone(), s.customers.to_string(), rate, mean, auc, brier]
            })
            .collect();
        let header = ["segment", "customers", "churn_rate", "p_churn_mean", "auc", "brier"];
        artifact::write_csv(&run.write(artifact::CHURN_SEGMENTS)?, &header, &rows)
    }
}

/// The models that are judged beside the deployed one: what it is made of, and the baseline. The deployed one is last.
fn beside(model: ChurnModel) -> Vec<ChurnModel> {
    let place = ChurnModel::ALL.iter().position(|other| *other == model).unwrap_or(0);
    let others: &[ChurnModel] = match model {
        ChurnModel::Logistic | ChurnModel::Boosting | ChurnModel::Lightgbm => &[ChurnModel::Recency],
        _ => &ChurnModel::ALL[..place],
    };
    others.iter().copied().chain([model]).collect()
}

impl Room<'_> {
    pub(super) fn evaluate(
        &self,
        windows: &Windows,
        model: ChurnModel,
        penalty: f64,
        seasonal: Option<&Season>,
    ) -> Result<Judged> {
        let Some(test) = windows.test else {
            return Err(Error::Corrupt {
                artefact: "the evaluation's windows".to_owned(),
                problem: "none of them tests".to_owned(),
            });
        };
        let models = beside(model);
        let last = models.len() - 1;
        let (calibrated, rows, probabilities) = self.forecast(windows, &models, penalty, test, seasonal)?;
        let threshold =
            threshold::best_f_beta(&calibrated.probabilities[last], &calibrated.churned, self.config.churn.beta)
                .map_err(Error::math("the threshold"))?
                .threshold;
        let churned = self.outcomes(&rows);
        let active = self.active(&rows);
        let everybody: Vec<usize> = (0..rows.len()).collect();
        let p = &probabilities[last];
        self.write_test(&rows, &churned, &models, &probabilities)?;
        let judge = |who: &[usize]| self.judge(windows, test, &models, threshold, &probabilities, &churned, who);
        let of_active = judge(&active)?;
        let (quality, who) = match self.config.churn.population {
            Population::All => (judge(&everybody)?, &everybody),
            Population::Active => (of_active.clone(), &active),
        };
        let of = |values: &[f64]| -> Vec<f64> { who.iter().map(|&k| values[k]).collect() };
        let outcomes: Vec<bool> = who.iter().map(|&k| churned[k]).collect();
        let segments: Vec<&str> = who.iter().map(|&k| self.panel.segments[rows[k]].as_str()).collect();
        let is_measured = quality.measured().is_some();
        Ok(Judged {
            quality,
            quality_active: of_active,
            deciles: if is_measured { deciles(&of(p), &outcomes)? } else { Vec::new() },
            by_segment: if is_measured { by_segment(&of(p), &outcomes, &segments)? } else { Vec::new() },
        })
    }

    /// The places of the rows whose customers bought within `active_days`.
    pub(super) fn active(&self, rows: &[usize]) -> Vec<usize> {
        let recency = self.panel.table.feature("recency_days", rows);
        (0..rows.len()).filter(|&k| recency[k] <= f64::from(self.config.churn.active_days)).collect()
    }

    #[allow(clippy::too_many_arguments)]
    fn judge(
        &self,
        windows: &Windows,
        test: Instant,
        models: &[ChurnModel],
        threshold: f64,
        probabilities: &[Vec<f64>],
        churned: &[bool],
        who: &[usize],
    ) -> Result<Finding<ChurnQuality>> {
        let y: Vec<bool> = who.iter().map(|&i| churned[i]).collect();
        let leavers = y.iter().filter(|c| **c).count();
        if leavers == 0 || leavers == y.len() {
            return Ok(Finding::Missing("everybody in the test window did the same".to_owned()));
        }
        let mut scores = Vec::new();
        let mut last = Vec::new();
        for (model, p) in models.iter().zip(probabilities).rev() {
            let p: Vec<f64> = who.iter().map(|&i| p[i]).collect();
            scores.push(self.score(model.word(), &p, &y)?);
            if last.is_empty() {
                last = p;
            }
        }
        let at = |at: f64| metric::confusion(&last, &y, at, None).map_err(Error::math("the flags of the test window"));
        let what = Error::math;
        let (flagged, everybody) = (at(threshold)?, at(0.0)?);
        let beta = self.config.churn.beta;
        Ok(Finding::Measured(ChurnQuality {
            model: models[models.len() - 1].word().to_owned(),
            horizon_days: self.config.churn.horizon_days,
            window: Window { from: test.to_string(), to: test.plus_days(windows.horizon_days).to_string() },
            customers: y.len() as u64,
            churn_rate: leavers as f64 / y.len() as f64,
            mean_p_churn: num::mean(&last).unwrap_or_default(),
            models: scores,
            threshold: Threshold {
                beta,
                p_churn: threshold,
                f_beta: flagged.f_beta(beta).map_err(what("the F-beta score"))?,
                f_beta_everybody: everybody.f_beta(beta).map_err(what("the F-beta score"))?,
                // Where nobody is flagged there is no precision; F-beta is 0 then and says so.
                precision: flagged.precision().ok(),
                recall: flagged.recall().ok(),
                flagged_share: flagged.flagged_share().map_err(what("the share of the flagged"))?,
            },
        }))
    }

    fn score(&self, model: &str, p: &[f64], y: &[bool]) -> Result<ChurnScore> {
        let what = Error::math;
        let ranked = RankedLabels::new(p, y).map_err(what("the ranking on the test window"))?;
        let params = bootstrap::Params {
            replicates: self.config.report.bootstrap_replicates,
            level: 0.95,
            seed: self.config.run.seed,
            task: "churn/bootstrap",
        };
        let auc = bootstrap::interval(y.len(), &params, |weights| ranked.roc_auc(weights))
            .map_err(what("the interval of the AUC"))?;
        let average_precision = bootstrap::interval(y.len(), &params, |weights| ranked.average_precision(weights))
            .map_err(what("the interval of the average precision"))?;
        let with_interval =
            |of: bootstrap::Interval| Estimate { value: of.estimate, low: Some(of.low), high: Some(of.high) };
        Ok(ChurnScore {
            model: model.to_owned(),
            auc: with_interval(auc),
            average_precision: with_interval(average_precision),
            ece: Some(metric::ece(p, y, None).map_err(what("the calibration error"))?),
            brier: Some(metric::brier(p, y, None).map_err(what("the Brier score"))?),
            log_loss: metric::log_loss(p, y, None).ok(),
        })
    }

    fn write_test(
        &self,
        rows: &[usize],
        churned: &[bool],
        models: &[ChurnModel],
        probabilities: &[Vec<f64>],
    ) -> Result<()> {
        let mut columns = vec![
            ("customer_id", Column::Text(rows.iter().map(|&i| self.panel.customers[i].clone()).collect())),
            ("as_of", Column::Text(rows.iter().map(|&i| self.panel.snapshots[i].to_string()).collect())),
            ("churned", Column::Bool(churned.to_vec())),
            ("p_churn", Column::F64(probabilities[models.len() - 1].clone())),
        ];
        for (model, p) in models.iter().zip(probabilities) {
            columns.push((model.word(), Column::F64(p.clone())));
        }
        store::write_columns(&self.run.write(artifact::CHURN_TEST)?, &columns)?;
        Ok(())
    }
}

fn deciles(p: &[f64], churned: &[bool]) -> Result<Vec<LiftDecile>> {
    let rows = metric::lift_by_decile(p, churned).map_err(Error::math("the lift by tenth"))?;
    Ok(rows
        .iter()
        .map(|row| LiftDecile {
            decile: row.decile,
            customers: row.n as u64,
            churners: row.positive_rate * row.n as f64,
            p_churn_mean: row.mean_score,
            churn_rate: row.positive_rate,
            lift: row.lift,
            gain: row.cumulative_capture,
        })
        .collect())
}

fn by_segment(p: &[f64], churned: &[bool], segments: &[&str]) -> Result<Vec<SegmentQuality>> {
    let mut names: Vec<&str> = segments.to_vec();
    names.sort_unstable();
    names.dedup();
    let mut all = Vec::new();
    for name in names {
        let members: Vec<usize> = (0..p.len()).filter(|&k| segments[k] == name).collect();
        let of: Vec<f64> = members.iter().map(|&k| p[k]).collect();
        let y: Vec<bool> = members.iter().map(|&k| churned[k]).collect();
        let leavers = y.iter().filter(|c| **c).count();
        let has_both = leavers.min(y.len() - leavers) >= SEGMENT_LEAST;
        all.push(SegmentQuality {
            segment: name.to_owned(),
            customers: y.len() as u64,
            churn_rate: leavers as f64 / y.len() as f64,
            p_churn_mean: of.iter().sum::<f64>() / of.len() as f64,
            auc: has_both
                .then(|| metric::roc_auc(&of, &y, None).map_err(Error::math("the AUC of a segment")))
                .transpose()?,
            brier: metric::brier(&of, &y, None).map_err(Error::math("the Brier score of a segment"))?,
        });
    }
    all.sort_by(|a, b| b.customers.cmp(&a.customers).then_with(|| a.segment.cmp(&b.segment)));
    Ok(all)
}

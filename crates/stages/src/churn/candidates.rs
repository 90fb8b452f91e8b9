//! The candidates: ways to tell who leaves, simplest first, behind one interface.
//!
//! A candidate is a word of the configuration ([`ChurnModel`]) with what it is put together from ([`Parts`]). Parts are
//! fitted once for all candidates that share them, and saved with the model.

use serde::{Deserialize, Serialize};
use tenure_math::boost;
use tenure_math::churn::{logistic, pool, recency};
use tenure_math::metric::{bootstrap, contest};
use tenure_math::num::Matrix;
use tenure_math::rng;

use super::{HALF_LIFE_DAYS, Room};
use crate::config::ChurnModel;
use crate::error::{Error, Result};
use crate::panel::{self, Table};
use crate::time::Instant;

/// The penalty is chosen on at most this many rows.
const PENALTY_ROWS: usize = 12_000;
/// A segment with fewer rows, or fewer of either outcome than a tenth of it, has no regression of its own.
const SEGMENT_ROWS: usize = 400;
/// The feature that says which segment a customer is in.
const SEGMENT: &str = "segment_rank";

/// What candidates are put together from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Recency,
    Logistic,
    Boosting,
    Segments,
}

fn parts(model: ChurnModel) -> &'static [Part] {
    match model {
        ChurnModel::Recency => &[Part::Recency],
        ChurnModel::Logistic => &[Part::Logistic],
        ChurnModel::Boosting => &[Part::Boosting],
        ChurnModel::Pooled => &[Part::Logistic, Part::Boosting],
        ChurnModel::BySegment => &[Part::Logistic, Part::Boosting, Part::Segments],
    }
}

/// The fitted parts of one or more candidates.
#[derive(Debug, Serialize, Deserialize)]
pub struct Parts {
    recency: Option<recency::Recency>,
    /// The regression, on signed logarithms of the features.
    logistic: Option<logistic::Fitted>,
    /// The trees.
    boosting: Option<boost::Fitted>,
    /// Regressions of single segments.
    segments: Vec<SegmentModel>,
}

/// The regression of one segment.
#[derive(Debug, Serialize, Deserialize)]
pub struct SegmentModel {
    /// The segment, by its rank on the map.
    pub rank: f64,
    /// Whether it forecast the calibration window better than the pool of everybody.
    pub wins: bool,
    model: logistic::Fitted,
}

impl Parts {
    /// Uncalibrated probabilities of the rows by one candidate.
    ///
    /// # Errors
    /// Those of the models; [`Error::Corrupt`] where the candidate was not fitted.
    pub(super) fn predict(&self, model: ChurnModel, table: &Table, rows: &[usize]) -> Result<Vec<f64>> {
        let features = || table.features.select_rows(rows);
        let logistic = || {
            let fitted = there(self.logistic.as_ref(), "the logistic regression")?;
            fitted.predict(&panel::signed_log(&features())?).map_err(Error::math("the logistic regression"))
        };
        let boosting = || {
            let fitted = there(self.boosting.as_ref(), "the boosted trees")?;
            fitted.predict(&features()).map_err(Error::math("the boosted trees"))
        };
        let pooled = || pool::pool(&[&logistic()?, &boosting()?]).map_err(Error::math("the pool of models"));
        match model {
            ChurnModel::Recency => there(self.recency.as_ref(), "the recency baseline")?
                .predict(&table.feature("recency_days", rows))
                .map_err(Error::math("the recency baseline")),
            ChurnModel::Logistic => logistic(),
            ChurnModel::Boosting => boosting(),
            ChurnModel::Pooled => pooled(),
            ChurnModel::BySegment => {
                let mut p = pooled()?;
                for own in self.segments.iter().filter(|own| own.wins) {
                    own.overwrite(table, rows, &mut p)?;
                }
                Ok(p)
            }
        }
    }

    /// What each feature adds to each row's uncalibrated log-odds, and what is there without any of them last: exact
    /// for the trees (TreeSHAP), the regression, and their pool. Of recency alone all is in that feature.
    ///
    /// # Errors
    /// As [`Parts::predict`].
    pub(super) fn contributions(&self, model: ChurnModel, table: &Table, rows: &[usize]) -> Result<Matrix> {
        let features = table.features.select_rows(rows);
        let logistic = |fitted: &logistic::Fitted, features: &Matrix| {
            fitted.contributions(&panel::signed_log(features)?).map_err(Error::math("the logistic regression"))
        };
        let linear = || logistic(there(self.logistic.as_ref(), "the logistic regression")?, &features);
        let trees = || {
            there(self.boosting.as_ref(), "the boosted trees")?
                .contributions(&features)
                .map_err(Error::math("the boosted trees"))
        };
        let pooled = || -> Result<Matrix> {
            let (a, b) = (linear()?, trees()?);
            let both = a.values().iter().zip(b.values()).map(|(a, b)| 0.5 * (a + b)).collect();
            Matrix::new(a.n_rows(), a.n_cols(), both).map_err(Error::math("the pool of models"))
        };
        match model {
            ChurnModel::Logistic => linear(),
            ChurnModel::Boosting => trees(),
            ChurnModel::Pooled => pooled(),
            ChurnModel::Recency => {
                let recency = table.names.iter().position(|name| name == "recency_days");
                let columns = table.names.len() + 1;
                let mut values = vec![0.0; rows.len() * columns];
                for (k, p) in self.predict(model, table, rows)?.into_iter().enumerate() {
                    values[k * columns + recency.unwrap_or(columns - 1)] = (p / (1.0 - p)).ln();
                }
                Matrix::new(rows.len(), columns, values).map_err(Error::math("the recency baseline"))
            }
            ChurnModel::BySegment => {
                let pooled = pooled()?;
                let columns = pooled.n_cols();
                let mut values = pooled.values().to_vec();
                let ranks = table.feature(SEGMENT, rows);
                for own in self.segments.iter().filter(|own| own.wins) {
                    let members: Vec<usize> = (0..rows.len()).filter(|&k| own.holds(ranks[k])).collect();
                    let parts = logistic(&own.model, &features.select_rows(&members))?;
                    for (m, &k) in members.iter().enumerate() {
                        values[k * columns..(k + 1) * columns].copy_from_slice(parts.row(m));
                    }
                }
                Matrix::new(rows.len(), columns, values).map_err(Error::math("the models of single segments"))
            }
        }
    }

    /// Features by the share of the trees' loss reduction, or of the regression's weight where there are no trees.
    pub(super) fn importance(&self, model: ChurnModel, features: usize) -> Vec<f64> {
        match (model, &self.boosting, &self.logistic) {
            (ChurnModel::Recency, ..) => vec![0.0; features],
            (_, Some(trees), _) => trees.importance(),
            (_, None, Some(regression)) => {
                let total: f64 = regression.coefficients.iter().map(|b| b.abs()).sum();
                regression.coefficients.iter().map(|b| b.abs() / total.max(f64::MIN_POSITIVE)).collect()
            }
            _ => vec![0.0; features],
        }
    }

    /// Lets the segments' regressions be in use that are in an earlier fit.
    pub(super) fn keep_winners_of(&mut self, earlier: &Self) {
        for own in &mut self.segments {
            own.wins = earlier.segments.iter().any(|other| other.wins && other.holds(own.rank));
        }
    }

    /// The segments whose own regression is in use, by rank.
    pub(super) fn own_segments(&self) -> Vec<f64> {
        self.segments.iter().filter(|own| own.wins).map(|own| own.rank).collect()
    }
}

fn there<'a, T>(part: Option<&'a T>, what: &str) -> Result<&'a T> {
    part.ok_or_else(|| Error::Corrupt {
        artefact: super::MODEL.to_owned(),
        problem: format!("{what} is not in it, and the model needs it"),
    })
}

impl SegmentModel {
    fn holds(&self, rank: f64) -> bool {
        (rank - self.rank).abs() < 0.5
    }

    /// Puts its probabilities in the place of those of its members.
    fn overwrite(&self, table: &Table, rows: &[usize], p: &mut [f64]) -> Result<()> {
        let ranks = table.feature(SEGMENT, rows);
        let members: Vec<usize> = (0..rows.len()).filter(|&k| self.holds(ranks[k])).collect();
        let of: Vec<usize> = members.iter().map(|&k| rows[k]).collect();
        let own = self
            .model
            .predict(&panel::signed_log(&table.features.select_rows(&of))?)
            .map_err(Error::math("the model of a segment"))?;
        for (&k, own) in members.iter().zip(own) {
            p[k] = own;
        }
        Ok(())
    }
}

impl Room<'_> {
    /// The penalty of the regressions, by cross-validation over customers on the latest training rows.
    pub(super) fn penalty(&self, train: &[Instant]) -> Result<f64> {
        let all = self.panel.rows(train);
        let latest = &all[all.len().saturating_sub(PENALTY_ROWS)..];
        let rows = if self.learnable(latest) { latest } else { &all };
        let params = logistic::Params {
            penalties: vec![0.1, 0.01, 0.001],
            seed: rng::seed_of(self.config.run.seed, "churn/penalty", 0),
            ..Default::default()
        };
        Ok(self.logistic(rows, &params)?.penalty)
    }

    fn logistic(&self, rows: &[usize], params: &logistic::Params) -> Result<logistic::Fitted> {
        let features = panel::signed_log(&self.panel.table.features.select_rows(rows))?;
        let (positive, groups) = (self.outcomes(rows), self.panel.groups(rows));
        let weights = self.weights(rows)?;
        let rows =
            logistic::Rows { features: &features, positive: &positive, groups: &groups, weights: Some(&weights) };
        logistic::fit(&rows, params).map_err(Error::math("the logistic regression"))
    }

    fn boosting(&self, rows: &[usize]) -> Result<boost::Fitted> {
        let target: Vec<f64> = self.outcomes(rows).into_iter().map(f64::from).collect();
        let params = panel::boosting(self.config, boost::Objective::Logistic, "churn/boosting");
        let features = self.panel.table.features.select_rows(rows);
        boost::fit(&features, &target, Some(&self.weights(rows)?), &params).map_err(Error::math("the boosted trees"))
    }

    /// Rows count less with age; where asked for, both outcomes weigh the same in all.
    fn weights(&self, rows: &[usize]) -> Result<Vec<f64>> {
        let mut weights = self.panel.age_weights(rows, HALF_LIFE_DAYS);
        if self.config.churn.balanced {
            let balance =
                logistic::balanced_weights(&self.outcomes(rows)).map_err(Error::math("the weights of the outcomes"))?;
            for (weight, balance) in weights.iter_mut().zip(balance) {
                *weight *= balance;
            }
        }
        Ok(weights)
    }

    /// Fits the parts of the candidates to the rows.
    pub(super) fn fit(&self, rows: &[usize], models: &[ChurnModel], penalty: f64) -> Result<Parts> {
        let needs = |part: Part| models.iter().any(|model| parts(*model).contains(&part));
        let one = logistic::Params { penalties: vec![penalty], ..Default::default() };
        let (linear, trees) = rayon::join(
            || needs(Part::Logistic).then(|| self.logistic(rows, &one)).transpose(),
            || needs(Part::Boosting).then(|| self.boosting(rows)).transpose(),
        );
        let mut segments = Vec::new();
        if needs(Part::Segments) {
            let ranks = self.panel.table.feature(SEGMENT, rows);
            let mut all = ranks.clone();
            all.sort_by(f64::total_cmp);
            all.dedup_by(|a, b| (*a - *b).abs() < 0.5);
            for rank in all.into_iter().filter(|rank| rank.is_finite()) {
                let own: Vec<usize> =
                    rows.iter().zip(&ranks).filter(|(_, r)| (**r - rank).abs() < 0.5).map(|(&i, _)| i).collect();
                let churned = self.outcomes(&own).into_iter().filter(|c| *c).count();
                if own.len() >= SEGMENT_ROWS && churned.min(own.len() - churned) >= SEGMENT_ROWS / 10 {
                    segments.push(SegmentModel { rank, wins: false, model: self.logistic(&own, &one)? });
                }
            }
        }
        Ok(Parts {
            recency: needs(Part::Recency)
                .then(|| {
                    recency::Recency::fit(&self.panel.table.feature("recency_days", rows), &self.outcomes(rows))
                        .map_err(Error::math("the recency baseline"))
                })
                .transpose()?,
            logistic: linear?,
            boosting: trees?,
            segments,
        })
    }

    /// Lets the regression of a segment stand for it where it forecast the given later rows better than the pool, by
    /// more than chance.
    pub(super) fn let_segments_win(&self, parts: &mut Parts, rows: &[usize]) -> Result<()> {
        if parts.segments.is_empty() {
            return Ok(());
        }
        let pooled = parts.predict(ChurnModel::Pooled, &self.panel.table, rows)?;
        let ranks = self.panel.table.feature(SEGMENT, rows);
        for own in &mut parts.segments {
            let mut p = pooled.clone();
            own.overwrite(&self.panel.table, rows, &mut p)?;
            let members: Vec<usize> = (0..rows.len()).filter(|&k| own.holds(ranks[k])).collect();
            if members.len() < SEGMENT_ROWS / 4 {
                continue;
            }
            let churned = self.outcomes(&members.iter().map(|&k| rows[k]).collect::<Vec<_>>());
            let loss = |p: &[f64]| {
                let of: Vec<f64> = members.iter().map(|&k| p[k]).collect();
                contest::log_losses(&of, &churned).map_err(Error::math("the losses of a segment"))
            };
            let groups: Vec<u32> = (0..members.len() as u32).collect();
            let params = bootstrap::Params {
                replicates: self.config.report.bootstrap_replicates,
                level: 0.95,
                seed: self.config.run.seed,
                task: "churn/segment",
            };
            let verdict = contest::compare(&[loss(&pooled)?, loss(&p)?], &groups, members.len(), &params)
                .map_err(Error::math("the contest of a segment"))?;
            own.wins = verdict.champion == 1;
        }
        Ok(())
    }
}

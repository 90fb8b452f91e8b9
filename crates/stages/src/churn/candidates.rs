//! The candidates: ways to tell who leaves, simplest first, behind one interface.
//!
//! A candidate is a word of the configuration ([`ChurnModel`]) with what it is put together from ([`Parts`]). Parts are
//! fitted once for all candidates that share them, and saved with the model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenure_math::boost::{self, Engine};
use tenure_math::churn::{logistic, pool, recency};
use tenure_math::metric::{bootstrap, contest};
use tenure_math::num::Matrix;
use tenure_math::rng;

use super::{HALF_LIFE_DAYS, Room};
use crate::config::ChurnModel;
use crate::error::{Error, Result};
use crate::lifetimes::pasts;
use crate::panel::{self, Table};
use crate::time::Instant;

/// The penalty is chosen on at most this many rows.
const PENALTY_ROWS: usize = 12_000;
/// A segment with fewer rows, or fewer of either outcome than a tenth of it, has no regression of its own.
const SEGMENT_ROWS: usize = 400;
/// The feature that says which segment a customer is in.
const SEGMENT: &str = "segment_rank";

/// Rows to forecast.
pub(crate) struct Input<'a> {
    pub(crate) table: &'a Table,
    pub(crate) rows: &'a [usize],
    /// Probability of no purchase within each row's window by the MBG/NBD of its snapshot.
    pub(crate) silence: Vec<f64>,
}

impl Input<'_> {
    fn features(&self) -> Matrix {
        self.table.features.select_rows(self.rows)
    }

    /// What the regressions see: logarithms of the features, and the log-odds of silence.
    fn linear(&self) -> Result<Matrix> {
        panel::signed_log(&self.features(), &self.silence.iter().map(|&p| log_odds(p)).collect::<Vec<_>>())
    }

    /// Some of the rows.
    fn at(&self, places: &[usize], rows: &mut Vec<usize>) -> Vec<f64> {
        rows.extend(places.iter().map(|&k| self.rows[k]));
        places.iter().map(|&k| self.silence[k]).collect()
    }
}

fn log_odds(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

/// What candidates are put together from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Recency,
    Logistic,
    Boosting,
    Segments,
    Lightgbm,
}

fn parts(model: ChurnModel) -> &'static [Part] {
    match model {
        ChurnModel::Recency => &[Part::Recency],
        ChurnModel::MbgNbd => &[],
        ChurnModel::Logistic => &[Part::Logistic],
        ChurnModel::Boosting => &[Part::Boosting],
        ChurnModel::Pooled => &[Part::Logistic, Part::Boosting],
        ChurnModel::BySegment => &[Part::Logistic, Part::Boosting, Part::Segments],
        ChurnModel::Lightgbm => &[Part::Lightgbm],
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
    /// The trees of LightGBM.
    #[serde(skip_serializing_if = "Option::is_none")]
    lightgbm: Option<boost::Fitted>,
}

/// The regression of one segment.
#[derive(Debug, Serialize, Deserialize)]
struct SegmentModel {
    /// The segment, by its rank on the map.
    rank: f64,
    /// Whether it forecast the calibration window better than the pool of everybody.
    wins: bool,
    model: logistic::Fitted,
}

impl Parts {
    /// Uncalibrated probabilities of the rows by one candidate.
    ///
    /// # Errors
    /// Those of the models; [`Error::Corrupt`] where the candidate was not fitted.
    pub(super) fn predict(&self, model: ChurnModel, input: &Input<'_>) -> Result<Vec<f64>> {
        let logistic = || {
            let fitted = there(self.logistic.as_ref(), "the logistic regression")?;
            fitted.predict(&input.linear()?).map_err(Error::math("the logistic regression"))
        };
        let trees = |fitted: Option<&boost::Fitted>| {
            let fitted = there(fitted, "the boosted trees")?;
            fitted.predict(&input.features()).map_err(Error::math("the boosted trees"))
        };
        match model {
            ChurnModel::Recency => there(self.recency.as_ref(), "the recency baseline")?
                .predict(&input.table.feature("recency_days", input.rows))
                .map_err(Error::math("the recency baseline")),
            ChurnModel::MbgNbd => Ok(input.silence.clone()),
            ChurnModel::Logistic => logistic(),
            ChurnModel::Boosting => trees(self.boosting.as_ref()),
            ChurnModel::Lightgbm => trees(self.lightgbm.as_ref()),
            ChurnModel::Pooled => {
                let (linear, trees) = (logistic()?, trees(self.boosting.as_ref())?);
                pool::pool(&[&input.silence, &linear, &trees]).map_err(Error::math("the pool of models"))
            }
            ChurnModel::BySegment => {
                let mut p = self.predict(ChurnModel::Pooled, input)?;
                for own in self.segments.iter().filter(|own| own.wins) {
                    own.overwrite(input, &mut p)?;
                }
                Ok(p)
            }
        }
    }

    /// What each feature, and last of them the silence that the MBG/NBD expects (`own_rhythm`), adds to each row's
    /// uncalibrated log-odds, and what is there without any of them after it: exact for the trees (TreeSHAP), the
    /// regression, and their pool. Of recency alone all is in that feature.
    ///
    /// # Errors
    /// As [`Parts::predict`].
    pub(super) fn contributions(&self, model: ChurnModel, input: &Input<'_>) -> Result<Matrix> {
        let n = input.rows.len();
        let columns = input.table.names.len() + 2;
        let (silence, base) = (columns - 2, columns - 1);
        let in_one = |column: usize, p: &[f64]| -> Vec<f64> {
            let mut values = vec![0.0; n * columns];
            for (k, &p) in p.iter().enumerate() {
                values[k * columns + column] = log_odds(p);
            }
            values
        };
        let matrix = |values: Vec<f64>| Matrix::new(n, columns, values).map_err(Error::math("the contributions"));
        let linear = |fitted: &logistic::Fitted, features: &Matrix| {
            fitted.contributions(features).map_err(Error::math("the logistic regression"))
        };
        let trees = |fitted: Option<&boost::Fitted>| -> Result<Matrix> {
            let parts = there(fitted, "the boosted trees")?
                .contributions(&input.features())
                .map_err(Error::math("the boosted trees"))?;
            let mut values = Vec::with_capacity(n * columns);
            for i in 0..n {
                let row = parts.row(i);
                values.extend_from_slice(&row[..silence]);
                values.extend([0.0, row[silence]]);
            }
            matrix(values)
        };
        match model {
            ChurnModel::Recency => {
                let recency = input.table.names.iter().position(|name| name == "recency_days");
                matrix(in_one(recency.unwrap_or(base), &self.predict(model, input)?))
            }
            ChurnModel::MbgNbd => matrix(in_one(silence, &input.silence)),
            ChurnModel::Logistic => linear(there(self.logistic.as_ref(), "the logistic regression")?, &input.linear()?),
            ChurnModel::Boosting => trees(self.boosting.as_ref()),
            ChurnModel::Lightgbm => trees(self.lightgbm.as_ref()),
            ChurnModel::Pooled => {
                let own = in_one(silence, &input.silence);
                let (a, b) = (self.contributions(ChurnModel::Logistic, input)?, trees(self.boosting.as_ref())?);
                let parts = own.iter().zip(a.values()).zip(b.values());
                matrix(parts.map(|((own, a), b)| (own + a + b) / 3.0).collect())
            }
            ChurnModel::BySegment => {
                let mut values = self.contributions(ChurnModel::Pooled, input)?.values().to_vec();
                let ranks = input.table.feature(SEGMENT, input.rows);
                let all = input.linear()?;
                for own in self.segments.iter().filter(|own| own.wins) {
                    let members: Vec<usize> = (0..n).filter(|&k| own.holds(ranks[k])).collect();
                    let parts = linear(&own.model, &all.select_rows(&members))?;
                    for (m, &k) in members.iter().enumerate() {
                        values[k * columns..(k + 1) * columns].copy_from_slice(parts.row(m));
                    }
                }
                matrix(values)
            }
        }
    }

    /// Lets the segments' regressions be in use that are in an earlier fit.
    pub(super) fn keep_winners_of(&mut self, earlier: &Self) {
        for own in &mut self.segments {
            own.wins = earlier.segments.iter().any(|other| other.wins && other.holds(own.rank));
        }
    }

    /// The trees of LightGBM, where they were fitted.
    pub(super) fn lightgbm(&self) -> Option<&boost::Fitted> {
        self.lightgbm.as_ref()
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
    fn overwrite(&self, input: &Input<'_>, p: &mut [f64]) -> Result<()> {
        let ranks = input.table.feature(SEGMENT, input.rows);
        let members: Vec<usize> = (0..input.rows.len()).filter(|&k| self.holds(ranks[k])).collect();
        let mut rows = Vec::new();
        let silence = input.at(&members, &mut rows);
        let of = Input { table: input.table, rows: &rows, silence };
        let own = self.model.predict(&of.linear()?).map_err(Error::math("the model of a segment"))?;
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
        let features = self.input(rows)?.linear()?;
        let (positive, groups) = (self.outcomes(rows), self.panel.groups(rows));
        let weights = self.weights(rows)?;
        let rows =
            logistic::Rows { features: &features, positive: &positive, groups: &groups, weights: Some(&weights) };
        logistic::fit(&rows, params).map_err(Error::math("the logistic regression"))
    }

    /// The trees begin at the log-odds of their snapshot: what they learn is who of a snapshot leaves, not in which
    /// season more of all do.
    fn boosting(&self, rows: &[usize], engine: Engine) -> Result<boost::Fitted> {
        let target: Vec<f64> = self.outcomes(rows).into_iter().map(f64::from).collect();
        let weights = self.weights(rows)?;
        let mut totals: BTreeMap<Instant, (f64, f64)> = BTreeMap::new();
        for ((&i, y), w) in rows.iter().zip(&target).zip(&weights) {
            let total = totals.entry(self.panel.snapshots[i]).or_default();
            total.0 += w * y;
            total.1 += w;
        }
        // As if half a customer more of each kind had been there: no snapshot is without one.
        let level = |i: usize| {
            let (churned, all) = totals[&self.panel.snapshots[i]];
            log_odds((churned + 0.5) / (all + 1.0))
        };
        let margins: Vec<f64> = rows.iter().map(|&i| level(i)).collect();
        let params = panel::boosting(self.config, boost::Objective::Logistic, "churn/boosting");
        let params = boost::Params { engine, ..params };
        let features = self.panel.table.features.select_rows(rows);
        boost::fit_beyond(&features, &target, Some(&weights), &margins, &params)
            .map_err(Error::math("the boosted trees"))
    }

    /// The rows as the candidates read them.
    pub(super) fn input<'a>(&'a self, rows: &'a [usize]) -> Result<Input<'a>> {
        let table = &self.panel.table;
        let silence = self.panel.by_lifetimes(rows, |lifetimes, rows| {
            let windows: Vec<f64> = rows.iter().map(|&i| self.window_days[i]).collect();
            lifetimes.p_silent(&pasts(table, rows), &windows)
        })?;
        Ok(Input { table, rows, silence })
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
            || needs(Part::Boosting).then(|| self.boosting(rows, Engine::Hessboost)).transpose(),
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
        let parts = Parts {
            recency: needs(Part::Recency)
                .then(|| {
                    recency::Recency::fit(&self.panel.table.feature("recency_days", rows), &self.outcomes(rows))
                        .map_err(Error::math("the recency baseline"))
                })
                .transpose()?,
            logistic: linear?,
            boosting: trees?,
            segments,
            lightgbm: needs(Part::Lightgbm).then(|| self.boosting(rows, Engine::Lightgbm)).transpose()?,
        };
        self.steps.done(1);
        Ok(parts)
    }

    /// Lets the regression of a segment stand for it where it forecast the given later rows better than the pool, by
    /// more than chance.
    pub(super) fn let_segments_win(&self, parts: &mut Parts, rows: &[usize]) -> Result<()> {
        if parts.segments.is_empty() {
            return Ok(());
        }
        let input = self.input(rows)?;
        let pooled = parts.predict(ChurnModel::Pooled, &input)?;
        let ranks = self.panel.table.feature(SEGMENT, rows);
        for own in &mut parts.segments {
            let mut p = pooled.clone();
            own.overwrite(&input, &mut p)?;
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

//! hessboost as the engine: the only file beside its stored form that names it.

use hessboost::config::{GrowPolicy, LeafEstimation, TrainingParams, TreeMethod};
use hessboost::data::DMatrix;
use hessboost::error::HessboostError;
use hessboost::model::{BoostedModel, ImportanceType, Iterations, ModelFormat};
use hessboost::objective as engine;
use hessboost::training::Trainer;

use super::{Engine, Objective, Task, check_target};
use crate::error::{Error, Result};
use crate::num::{Matrix, require_len};

/// Rows that are converted and scored at a time, so that scoring does not double the memory of a large matrix.
const CHUNK_ROWS: usize = 1 << 16;

/// The trees.
#[derive(Debug, Clone)]
pub(super) struct Trees {
    /// What the target was divided by before training (1 except for the log-link objectives).
    pub(super) scale: f64,
    model: Box<BoostedModel>,
}

pub(super) fn train(task: &Task<'_>) -> Result<Trees> {
    let params = task.params;
    let scale = match params.objective {
        Objective::Tweedie { .. } | Objective::Gamma => task.mean,
        _ => 1.0,
    };
    let mut builder = TrainingParams::builder()
        .objective(engine_objective(&params.objective)?)
        .tree_method(TreeMethod::Hist)
        .grow_policy(GrowPolicy::LossGuide)
        .max_leaves(params.max_leaves)
        .eta(params.learning_rate)
        .min_child_weight(task.least_hessian())
        .subsample(params.row_sample)
        .colsample_bytree(params.column_sample)
        .lambda(params.lambda)
        .seed(params.seed);
    builder = match params.max_depth {
        Some(depth) => builder.max_depth(depth),
        None => builder.unlimited_depth(),
    };
    if params.threads > 0 {
        builder = builder.nthread(params.threads);
    }
    if matches!(params.objective, Objective::Quantile { .. }) {
        builder = builder.leaf_estimation(LeafEstimation::Exact);
    }
    let engine_params = builder.build().map_err(|e| engine_error(&e))?;

    let mut rows = engine_rows(task.features, task.target, scale)?;
    if let Some(w) = task.weights {
        rows = rows.with_weights(&w.iter().map(|&v| v as f32).collect::<Vec<_>>()).map_err(|e| engine_error(&e))?;
    }
    if let Some(margins) = task.margins {
        let margins: Vec<f32> = margins.iter().map(|&m| m as f32).collect();
        rows = rows.with_base_margin(&margins).map_err(|e| engine_error(&e))?;
    }
    let trainer = Trainer::new(&engine_params, &rows, params.rounds);
    let model = match task.validation {
        None => trainer.train(),
        Some(held_out) => {
            require_len("validation columns", task.features.n_cols(), held_out.features.n_cols())?;
            require_len("validation target", held_out.features.n_rows(), held_out.target.len())?;
            check_target(&params.objective, held_out.target)?;
            let Some(patience) = std::num::NonZeroUsize::new(held_out.patience) else {
                return Err(Error::Parameter { name: "patience", value: 0.0, expected: "at least 1" });
            };
            let watched = engine_rows(held_out.features, held_out.target, scale)?;
            trainer.eval(&watched, "validation").early_stopping_rounds(patience).train()
        }
    };
    let model = model.map_err(|e| engine_error(&e))?.model;
    Ok(Trees { scale, model: Box::new(model) })
}

impl super::Trees for Trees {
    fn n_features(&self) -> usize {
        self.model.n_features()
    }

    fn rounds(&self) -> usize {
        self.model.best_iteration().map_or_else(|| self.model.num_boost_rounds(), |best| best + 1)
    }

    fn margins(&self, features: &Matrix) -> Result<Vec<f64>> {
        let shift = self.scale.ln();
        let mut margins = Vec::with_capacity(features.n_rows() * self.n_outputs());
        for start in (0..features.n_rows()).step_by(CHUNK_ROWS) {
            let chunk = engine_chunk(features, start)?;
            let predicted = self.model.predict_margin_rows(&chunk, Iterations::Best).map_err(|e| engine_error(&e))?;
            margins.extend(predicted.as_slice().iter().map(|&m| f64::from(m) + shift));
        }
        Ok(margins)
    }

    fn contributions(&self, features: &Matrix, output: usize) -> Result<Vec<f64>> {
        let (n, p) = (features.n_rows(), features.n_cols());
        let shift = self.scale.ln();
        let mut values = Vec::with_capacity(n * (p + 1));
        for start in (0..n).step_by(CHUNK_ROWS) {
            let chunk = engine_chunk(features, start)?;
            let rows = chunk.len() / p;
            let data = DMatrix::from_dense_vec(chunk, rows, p).map_err(|e| engine_error(&e))?;
            let explained = self.model.predict_contribs(&data, Iterations::Best).map_err(|e| engine_error(&e))?;
            for row in explained.as_slice().chunks_exact(self.n_outputs() * (p + 1)) {
                let of_output = &row[output * (p + 1)..(output + 1) * (p + 1)];
                values.extend(of_output[..p].iter().map(|&v| f64::from(v)));
                values.push(f64::from(of_output[p]) + shift);
            }
        }
        Ok(values)
    }

    fn gains(&self) -> Vec<f64> {
        let gains = self.model.feature_importance(ImportanceType::TotalGain);
        (0..self.model.n_features()).map(|j| gains.get(&j).copied().unwrap_or(0.0)).collect()
    }
}

impl Trees {
    /// The number of predictions a row.
    pub(super) fn n_outputs(&self) -> usize {
        self.model.n_outputs()
    }

    /// The engine's own bytes.
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        self.model.encode(ModelFormat::Binary).map_err(|e| engine_error(&e))
    }

    /// Comes back from them.
    pub(super) fn decode(bytes: &[u8], scale: f64) -> Result<Self> {
        let model = BoostedModel::decode(bytes, ModelFormat::Binary).map_err(|e| engine_error(&e))?;
        Ok(Self { scale, model: Box::new(model) })
    }
}

/// The rows of one chunk from `start` on in the engine's precision.
fn engine_chunk(features: &Matrix, start: usize) -> Result<Vec<f32>> {
    single_precision(features, start, (start + CHUNK_ROWS).min(features.n_rows()))
}

/// Rows `start..end` in single precision; an infinity (also by overflow) is refused with its place.
fn single_precision(features: &Matrix, start: usize, end: usize) -> Result<Vec<f32>> {
    let p = features.n_cols();
    let values = &features.values()[start * p..end * p];
    let single: Vec<f32> = values.iter().map(|&v| v as f32).collect();
    match single.iter().position(|v| v.is_infinite()) {
        None => Ok(single),
        Some(at) => Err(Error::NotFinite { what: "features", row: start + at / p, column: at % p }),
    }
}

fn engine_rows(features: &Matrix, target: &[f64], scale: f64) -> Result<DMatrix> {
    let single = single_precision(features, 0, features.n_rows())?;
    let labels: Vec<f32> = target.iter().map(|&y| (y / scale) as f32).collect();
    DMatrix::from_dense_vec(single, features.n_rows(), features.n_cols())
        .and_then(|data| data.with_labels(&labels))
        .map_err(|e| engine_error(&e))
}

fn engine_objective(objective: &Objective) -> Result<engine::Objective> {
    Ok(match objective {
        Objective::Logistic => engine::Objective::BinaryLogistic(engine::RegLoss::default()),
        Objective::Squared => engine::Objective::SquaredError(engine::RegLoss::default()),
        Objective::Tweedie { power } => {
            engine::Objective::Tweedie(engine::Tweedie::new(*power).map_err(|e| engine_error(&e))?)
        }
        Objective::Gamma => engine::Objective::Gamma(engine::RegLoss::default()),
        Objective::Quantile { levels } => {
            engine::Objective::Quantile(engine::Quantiles::new(levels.iter().copied()).map_err(|e| engine_error(&e))?)
        }
    })
}

fn engine_error(error: &HessboostError) -> Error {
    Engine::Hessboost.refuse(&error.to_string())
}

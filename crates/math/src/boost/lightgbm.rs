//! LightGBM as the engine (Ke et al. 2017): the only file that names it.
//!
//! The model is kept as LightGBM's own text, which is exact, and is read by every LightGBM of its major version. A booster
//! is made of it wherever rows are scored: it cannot be shared among threads.
//!
//! LightGBM is built without its OpenMP. Its number of threads would be one for the whole process, and two fits at a time,
//! which there are, could change it under each other; and a text that is the same on any number of threads would need
//! more than LightGBM promises. Rows are scored on the caller's pool, chunk by chunk.
//!
//! The safe interface knows no initial margins, so a fit beyond known ones gives LightGBM gradients of our own. They are
//! those of its objectives, and the tests hold the two against each other.

use lightgbm3::{Booster, Dataset, ImportanceType};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::{Engine, Objective, Task};
use crate::error::{Error, Result};
use crate::num::Matrix;

/// Rows that one booster scores.
const CHUNK_ROWS: usize = 1 << 13;
/// What LightGBM calls the features of rows without names, followed by their numbers.
const UNNAMED: &str = "Column_";
/// How lines of its text begin that we read or change.
const OBJECTIVE: &str = "objective=";
const NAMES: &str = "feature_names=";

/// The trees.
#[derive(Debug, Clone)]
pub(super) struct Trees {
    text: String,
    n_features: usize,
    rounds: usize,
}

pub(super) fn train(task: &Task<'_>) -> Result<Trees> {
    if matches!(task.params.objective, Objective::Quantile { .. }) {
        return Err(refuse("it is not used for quantiles here; hessboost has several levels in one ensemble"));
    }
    if task.validation.is_some() {
        return Err(refuse("it is not used for fits that stop by a validation set here"));
    }
    let mut settings = settings(task);
    let data = dataset(task)?;
    let booster = match task.margins {
        None => {
            settings["objective"] = json!(word(&task.params.objective));
            if let Objective::Tweedie { power } = task.params.objective {
                settings["tweedie_variance_power"] = json!(power);
            }
            Booster::train(data, &settings)
        }
        Some(margins) => {
            let weight = |i: usize| task.weights.map_or(1.0, |w| w[i]);
            Booster::train_with_custom_objective(data, &settings, |scores, _, gradients, hessians| {
                for (i, score) in scores.iter().enumerate() {
                    let (gradient, hessian) = derivatives(&task.params.objective, task.target[i], score + margins[i]);
                    gradients[i] = (weight(i) * gradient) as f32;
                    hessians[i] = (weight(i) * hessian) as f32;
                }
            })
        }
    };
    let mut text = booster.and_then(|booster| booster.save_string()).map_err(|e| engine_error(&e))?;
    if task.margins.is_some() {
        // Whose gradients were our own has no objective, and would predict margins.
        let mut line = format!("{OBJECTIVE}{}", word(&task.params.objective));
        match task.params.objective {
            Objective::Logistic => line.push_str(" sigmoid:1"),
            Objective::Tweedie { power } => line.push_str(&format!(" tweedie_variance_power:{power}")),
            _ => {}
        }
        text = text.replacen(NAMES, &format!("{line}\n{NAMES}"), 1);
    }
    Trees::decode(text, &task.params.objective)
}

/// The parameters in LightGBM's words.
fn settings(task: &Task<'_>) -> Value {
    let params = task.params;
    // In units of the mean of the target the Hessian of the Tweedie deviance is mean^(2 - power) times smaller.
    let unit = match params.objective {
        Objective::Tweedie { power } => task.mean.powf(2.0 - power),
        _ => 1.0,
    };
    json!({
        "num_iterations": params.rounds,
        "learning_rate": params.learning_rate,
        "num_leaves": params.max_leaves,
        "max_depth": params.max_depth.map_or(-1, |depth| i32::try_from(depth).unwrap_or(i32::MAX)),
        // Rows are said as Hessians, as to the other engine: LightGBM's own count of rows knows no weights.
        "min_data_in_leaf": 1,
        "min_sum_hessian_in_leaf": task.least_hessian() * unit,
        "bagging_fraction": params.row_sample,
        "bagging_freq": 1,
        "feature_fraction": params.column_sample,
        "lambda_l2": params.lambda * unit,
        // It takes 31 bits.
        "seed": (params.seed ^ (params.seed >> 32)) & 0x7fff_ffff,
        "deterministic": true,
        "force_row_wise": true,
        "num_threads": 1,
        "metric": "None",
        "verbosity": -1,
    })
}

fn dataset(task: &Task<'_>) -> Result<Dataset> {
    let labels: Vec<f32> = task.target.iter().map(|&y| y as f32).collect();
    let columns = columns(task.features)?;
    let mut data = Dataset::from_slice(finite(task.features)?, &labels, columns, true).map_err(|e| engine_error(&e))?;
    if let Some(weights) = task.weights {
        let weights: Vec<f32> = weights.iter().map(|&w| w as f32).collect();
        data.set_weights(&weights).map_err(|e| engine_error(&e))?;
    }
    Ok(data)
}

/// First and second derivative of the loss of one row with respect to its margin.
fn derivatives(objective: &Objective, y: f64, margin: f64) -> (f64, f64) {
    match objective {
        Objective::Logistic => {
            let p = 1.0 / (1.0 + (-margin).exp());
            (p - y, p * (1.0 - p))
        }
        Objective::Tweedie { power } => {
            let a = -y * ((1.0 - power) * margin).exp();
            let b = ((2.0 - power) * margin).exp();
            (a + b, a * (1.0 - power) + b * (2.0 - power))
        }
        Objective::Gamma => {
            let ratio = y * (-margin).exp();
            (1.0 - ratio, ratio)
        }
        // Quantiles were refused.
        Objective::Squared | Objective::Quantile { .. } => (margin - y, 1.0),
    }
}

/// The objective's name to LightGBM.
fn word(objective: &Objective) -> &'static str {
    match objective {
        Objective::Logistic => "binary",
        Objective::Squared => "regression",
        Objective::Tweedie { .. } => "tweedie",
        Objective::Gamma => "gamma",
        Objective::Quantile { .. } => "quantile",
    }
}

impl super::Trees for Trees {
    fn n_features(&self) -> usize {
        self.n_features
    }

    fn rounds(&self) -> usize {
        self.rounds
    }

    fn margins(&self, features: &Matrix) -> Result<Vec<f64>> {
        self.by_chunk(features, |booster, rows, columns| {
            booster.raw_scores_with_params(rows, columns, true, "num_threads=1 verbosity=-1")
        })
    }

    fn contributions(&self, features: &Matrix, _: usize) -> Result<Vec<f64>> {
        self.by_chunk(features, |booster, rows, columns| booster.predict_contrib(rows, columns, true))
    }

    fn gains(&self) -> Vec<f64> {
        let gains = self.booster().and_then(|booster| booster.feature_importance(ImportanceType::Gain));
        gains.unwrap_or_else(|_| vec![0.0; self.n_features])
    }
}

impl Trees {
    /// LightGBM's own text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Comes back from it.
    pub(super) fn decode(text: String, objective: &Objective) -> Result<Self> {
        if text.contains('\0') {
            return Err(refuse("the stored trees are no text"));
        }
        let named = text.lines().find_map(|line| line.strip_prefix(OBJECTIVE)).and_then(|line| line.split(' ').next());
        if named != Some(word(objective)) {
            return Err(refuse("the stored trees do not fit the stored objective"));
        }
        let mut trees = Self { text, n_features: 0, rounds: 0 };
        let booster = trees.booster().map_err(|e| engine_error(&e))?;
        trees.n_features = usize::try_from(booster.num_features()).unwrap_or(0);
        trees.rounds = usize::try_from(booster.num_iterations()).unwrap_or(0);
        if trees.n_features == 0 || trees.rounds == 0 {
            return Err(refuse("the stored trees are empty"));
        }
        Ok(trees)
    }

    /// The text with these names of the features. Only what is for readers is changed: splits go by numbers.
    pub(super) fn text_with(&self, names: &[String]) -> String {
        let plain = |name: &String| -> String {
            name.chars().map(|c| if c.is_whitespace() || "\",:[]{}=".contains(c) { '_' } else { c }).collect()
        };
        let names: Vec<String> = names.iter().map(plain).collect();
        let mut text = String::with_capacity(self.text.len() + 64 * names.len());
        for line in self.text.split_inclusive('\n') {
            let of_one = || {
                let (number, gain) = line.strip_prefix(UNNAMED)?.split_once('=')?;
                Some(format!("{}={gain}", names.get(number.parse::<usize>().ok()?)?))
            };
            if line.starts_with(NAMES) {
                text.push_str(&format!("{NAMES}{}\n", names.join(" ")));
            } else if let Some(line) = of_one() {
                text.push_str(&line);
            } else {
                text.push_str(line);
            }
        }
        text
    }

    fn booster(&self) -> lightgbm3::Result<Booster> {
        Booster::from_string(&self.text)
    }

    /// What a booster says of the rows, in their order.
    fn by_chunk(
        &self,
        features: &Matrix,
        says: impl Fn(&Booster, &[f64], i32) -> lightgbm3::Result<Vec<f64>> + Sync,
    ) -> Result<Vec<f64>> {
        let columns = columns(features)?;
        let answers = finite(features)?
            .par_chunks(CHUNK_ROWS * features.n_cols())
            .map(|rows| self.booster().and_then(|booster| says(&booster, rows, columns)).map_err(|e| engine_error(&e)))
            .collect::<Result<Vec<Vec<f64>>>>()?;
        Ok(answers.concat())
    }
}

/// The rows, where no value is infinite in single precision: the bound that both engines keep.
fn finite(features: &Matrix) -> Result<&[f64]> {
    let (values, p) = (features.values(), features.n_cols());
    match values.iter().position(|v| (*v as f32).is_infinite()) {
        None => Ok(values),
        Some(at) => Err(Error::NotFinite { what: "features", row: at / p, column: at % p }),
    }
}

fn columns(features: &Matrix) -> Result<i32> {
    i32::try_from(features.n_cols()).map_err(|_| refuse("there are too many columns"))
}

fn refuse(message: &str) -> Error {
    Engine::Lightgbm.refuse(message)
}

fn engine_error(error: &lightgbm3::Error) -> Error {
    refuse(&error.to_string())
}

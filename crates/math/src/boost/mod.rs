//! Gradient-boosted trees behind one small, engine-neutral interface.
//!
//! Question: which function of a customer's features predicts the target best, without naming its form?
//!
//! Model: `margin(x) = b + sum_t eta * tree_t(x)`, grown leaf by leaf, each tree fitted to the gradient and the
//! Hessian of the loss at the margins so far (Friedman 2001, algorithm 1; the second-order leaf and gain of Chen and
//! Guestrin 2016, equations 5 and 7). The response is `sigmoid(margin)` for [`Objective::Logistic`], `exp(margin)`
//! for [`Objective::Tweedie`] and [`Objective::Gamma`], and the margin itself for the others.
//!
//! Domain: features are real or NaN (missing: each split learns the side that missing values take); the engine stores
//! features and targets as `f32`, so about seven digits count. Targets of the log-link objectives are divided by
//! their mean before training and predictions multiplied by it, so that `lambda` and `min_rows_per_leaf` mean the
//! same in every currency.
//!
//! Attributions are the exact Shapley values of the trees with path-dependent feature removal (Lundberg et al. 2020,
//! "From local explanations to global understanding with explainable AI for trees").
//!
//! Quantiles: one ensemble a level; a finished tree's leaves are set to the exact residual quantile of their rows, and
//! the levels of a row are sorted, so they do not cross.
//!
//! Engines: hessboost, and LightGBM where the feature of that name is built. What is said above of single precision and
//! of the mean is hessboost's; LightGBM reads the features as they are and gets penalty and leaf size in units of the mean
//! instead, so that its text predicts in the target's unit.
//!
//! Limits: the same parameters, data and seed give the same model on any number of threads; a newer engine version
//! may give another one, and the two engines give two.

mod hess;
#[cfg(feature = "lightgbm")]
mod lightgbm;
mod store;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::num::{Matrix, require_len};

#[cfg(not(feature = "lightgbm"))]
const NOT_BUILT: &str = "this program was built without it; build it with `--features lightgbm`";

/// Who grows the trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// hessboost, which is always there.
    #[default]
    Hessboost,
    /// LightGBM, where the program was built with the feature `lightgbm`. It has no quantiles and no watched fit.
    Lightgbm,
}

impl Engine {
    /// Whether this program has it.
    #[must_use]
    pub fn is_built(self) -> bool {
        self == Self::Hessboost || cfg!(feature = "lightgbm")
    }

    /// Its name in errors and in stored models.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hessboost => "hessboost",
            Self::Lightgbm => "lightgbm",
        }
    }

    fn refuse(self, message: &str) -> Error {
        Error::Engine { engine: self.name(), message: message.to_owned() }
    }
}

/// What the trees are fitted to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Log-loss of a 0/1 target; predicts a probability.
    Logistic,
    /// Squared error; predicts a mean of any sign.
    Squared,
    /// Tweedie deviance with log link for a target >= 0 with a mass at zero; predicts a mean > 0.
    Tweedie {
        /// The variance power, 1 < power < 2: variance proportional to `mean^power`.
        power: f64,
    },
    /// Gamma deviance with log link for a target > 0; predicts a mean > 0.
    Gamma,
    /// Pinball loss at several levels at once; predicts one column a level.
    Quantile {
        /// Strictly ascending levels, each inside (0, 1).
        levels: Vec<f64>,
    },
}

/// How the ensemble is grown. The defaults are a cautious ensemble for tens of thousands of customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// Who grows the trees.
    pub engine: Engine,
    /// The loss.
    pub objective: Objective,
    /// Trees an output, at least 1.
    pub rounds: usize,
    /// Shrinkage of every tree, 0 < rate <= 1.
    pub learning_rate: f64,
    /// Leaves a tree, at least 2.
    pub max_leaves: usize,
    /// Splits on a path, at least 1; `None` leaves the depth to `max_leaves`.
    pub max_depth: Option<usize>,
    /// Rows a leaf needs, expressed to the engine as so many times the Hessian of an average row, at least 0.
    pub min_rows_per_leaf: usize,
    /// Share of the rows drawn for each tree, 0 < share <= 1.
    pub row_sample: f64,
    /// Share of the columns drawn for each tree, 0 < share <= 1.
    pub column_sample: f64,
    /// L2 penalty on leaf values, >= 0.
    pub lambda: f64,
    /// Seed of the row and column draws.
    pub seed: u64,
    /// Threads for training; 0 takes the caller's thread pool. Never changes the model. LightGBM trains on one.
    pub threads: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            engine: Engine::Hessboost,
            objective: Objective::Squared,
            rounds: 300,
            learning_rate: 0.03,
            max_leaves: 15,
            max_depth: None,
            min_rows_per_leaf: 50,
            row_sample: 0.8,
            column_sample: 0.7,
            lambda: 5.0,
            seed: 7,
            threads: 0,
        }
    }
}

impl Params {
    /// The defaults with another objective.
    #[must_use]
    pub fn new(objective: Objective) -> Self {
        Self { objective, ..Self::default() }
    }

    /// Refuses values outside their domains.
    ///
    /// # Errors
    /// [`Error::Parameter`] naming the first one.
    pub fn check(&self) -> Result<()> {
        let refuse = |name, value, expected| Err(Error::Parameter { name, value, expected });
        if self.rounds == 0 {
            return refuse("rounds", 0.0, "at least 1");
        }
        if self.max_leaves < 2 {
            return refuse("max_leaves", self.max_leaves as f64, "at least 2");
        }
        if self.max_depth == Some(0) {
            return refuse("max_depth", 0.0, "at least 1");
        }
        for (name, value) in [
            ("learning_rate", self.learning_rate),
            ("row_sample", self.row_sample),
            ("column_sample", self.column_sample),
        ] {
            if !(value > 0.0 && value <= 1.0) {
                return refuse(name, value, "0 < value <= 1");
            }
        }
        if !(self.lambda >= 0.0 && self.lambda.is_finite()) {
            return refuse("lambda", self.lambda, "a finite value >= 0");
        }
        match &self.objective {
            Objective::Tweedie { power } if !(*power > 1.0 && *power < 2.0) => {
                refuse("tweedie power", *power, "1 < power < 2")
            }
            Objective::Quantile { levels } => {
                if levels.is_empty() {
                    return refuse("number of quantile levels", 0.0, "at least 1");
                }
                for (i, &level) in levels.iter().enumerate() {
                    if !(level > 0.0 && level < 1.0) || (i > 0 && level <= levels[i - 1]) {
                        return refuse("quantile level", level, "strictly ascending levels inside (0, 1)");
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Rows that are not trained on and say when to stop.
#[derive(Debug, Clone, Copy)]
pub struct Validation<'a> {
    /// Features, with the columns of the training matrix.
    pub features: &'a Matrix,
    /// Targets, one a row.
    pub target: &'a [f64],
    /// Rounds without improvement of the objective's own loss after which training stops, at least 1.
    pub patience: usize,
}

/// What an engine is asked: everything checked, nothing of any engine.
#[derive(Clone, Copy)]
struct Task<'a> {
    features: &'a Matrix,
    target: &'a [f64],
    weights: Option<&'a [f64]>,
    /// What is known of each row's margin; the trees are added to it.
    margins: Option<&'a [f64]>,
    validation: Option<&'a Validation<'a>>,
    params: &'a Params,
    /// Weighted mean of the target; above zero for the log-link objectives, inside (0, 1) for the logistic one.
    mean: f64,
    /// Sum of the weights, above zero.
    total_weight: f64,
}

impl Task<'_> {
    /// The Hessian that a leaf needs: that of so many average rows at the intercept, the target in units of its mean where
    /// the objective has a log link.
    fn least_hessian(&self) -> f64 {
        let of_one = match self.params.objective {
            Objective::Logistic => self.mean * (1.0 - self.mean),
            _ => 1.0,
        };
        self.params.min_rows_per_leaf as f64 * of_one * self.total_weight / self.features.n_rows() as f64
    }
}

/// What the trees of an engine answer. Features have the right number of columns.
trait Trees {
    fn n_features(&self) -> usize;
    fn rounds(&self) -> usize;
    /// Margins row by row and output by output.
    fn margins(&self, features: &Matrix) -> Result<Vec<f64>>;
    /// Values of one output, a column a feature and the bias last, row by row.
    fn contributions(&self, features: &Matrix, output: usize) -> Result<Vec<f64>>;
    /// The loss reduction of all splits on each feature.
    fn gains(&self) -> Vec<f64>;
}

#[derive(Debug, Clone)]
enum Ensemble {
    Hessboost(hess::Trees),
    #[cfg(feature = "lightgbm")]
    Lightgbm(lightgbm::Trees),
}

/// A trained ensemble. Serialises to one JSON object and comes back with the same predictions bit for bit.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "store::Stored")]
pub struct Fitted {
    objective: Objective,
    ensemble: Ensemble,
}

/// Trains on `features` (NaN = missing) and `target`, each row counted `weights` times (all once without).
///
/// # Errors
/// [`Error::Parameter`] for a parameter, weight or target outside its domain, [`Error::Shape`] for lengths,
/// [`Error::NotFinite`] for an infinite feature or a NaN target, [`Error::TooFew`] without rows or columns,
/// [`Error::Degenerate`] for a logistic target with one class or a log-link target that is all zero,
/// [`Error::Engine`] when the engine refuses. A constant target of the other objectives is fitted by that constant.
///
/// ```
/// use tenure_math::{boost, num::Matrix};
/// let x = Matrix::from_columns(&[(0..400).map(f64::from).collect()])?;
/// let y: Vec<f64> = (0..400).map(|i| if i < 200 { 1.0 } else { 3.0 }).collect();
/// let fitted = boost::fit(&x, &y, None, &boost::Params::default())?;
/// let predicted = fitted.predict(&x)?;
/// assert!((predicted[10] - 1.0).abs() < 0.05 && (predicted[390] - 3.0).abs() < 0.05);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn fit(features: &Matrix, target: &[f64], weights: Option<&[f64]>, params: &Params) -> Result<Fitted> {
    train(features, target, weights, None, None, params)
}

/// [`fit`] of what is to be added to a known margin of each row: log-odds, logarithm of the mean, or mean.
///
/// Predictions are of the trees alone, without these margins: rows of several groups can so be brought to one level
/// before what distinguishes the rows within a group is learnt.
///
/// # Errors
/// As [`fit`]; [`Error::Shape`] and [`Error::NotFinite`] for the margins.
pub fn fit_beyond(
    features: &Matrix,
    target: &[f64],
    weights: Option<&[f64]>,
    margins: &[f64],
    params: &Params,
) -> Result<Fitted> {
    require_len("boosting margins", features.n_rows(), margins.len())?;
    if let Some(row) = margins.iter().position(|m| !(*m as f32).is_finite()) {
        return Err(Error::NotFinite { what: "boosting margins", row, column: 0 });
    }
    train(features, target, weights, Some(margins), None, params)
}

/// [`fit`] that stops once `validation` has not improved for its `patience` rounds and keeps the best round.
///
/// # Errors
/// As [`fit`], also for the validation rows.
pub fn fit_watched(
    features: &Matrix,
    target: &[f64],
    weights: Option<&[f64]>,
    validation: &Validation<'_>,
    params: &Params,
) -> Result<Fitted> {
    train(features, target, weights, None, Some(validation), params)
}

fn train(
    features: &Matrix,
    target: &[f64],
    weights: Option<&[f64]>,
    margins: Option<&[f64]>,
    validation: Option<&Validation<'_>>,
    params: &Params,
) -> Result<Fitted> {
    params.check()?;
    let (n, p) = (features.n_rows(), features.n_cols());
    if n == 0 || p == 0 {
        return Err(Error::TooFew { what: "boosting", needed: 1, found: 0 });
    }
    require_len("boosting target", n, target.len())?;
    check_target(&params.objective, target)?;
    let total_weight = check_weights(weights, n)?;
    let weight = |i: usize| weights.map_or(1.0, |w| w[i]);
    let mean = (0..n).map(|i| weight(i) * target[i]).sum::<f64>() / total_weight;

    match params.objective {
        Objective::Tweedie { .. } | Objective::Gamma if mean <= 0.0 => {
            return Err(Error::Degenerate { what: "boosting", reason: "the target is zero everywhere" });
        }
        Objective::Logistic if mean <= 0.0 || mean >= 1.0 => {
            return Err(Error::Degenerate { what: "boosting", reason: "the target has one class only" });
        }
        _ => {}
    }
    let task = Task { features, target, weights, margins, validation, params, mean, total_weight };
    let ensemble = match params.engine {
        Engine::Hessboost => Ensemble::Hessboost(hess::train(&task)?),
        #[cfg(feature = "lightgbm")]
        Engine::Lightgbm => Ensemble::Lightgbm(lightgbm::train(&task)?),
        #[cfg(not(feature = "lightgbm"))]
        Engine::Lightgbm => return Err(params.engine.refuse(NOT_BUILT)),
    };
    Ok(Fitted { objective: params.objective.clone(), ensemble })
}

impl Fitted {
    /// The objective it was trained for.
    #[must_use]
    pub fn objective(&self) -> &Objective {
        &self.objective
    }

    /// The number of feature columns it takes.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.trees().n_features()
    }

    /// The number of predictions a row: the number of quantile levels, else 1.
    #[must_use]
    pub fn n_outputs(&self) -> usize {
        match &self.objective {
            Objective::Quantile { levels } => levels.len(),
            _ => 1,
        }
    }

    /// The number of rounds that predictions use: all, or up to the best one after [`fit_watched`].
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.trees().rounds()
    }

    /// One prediction a row on the response scale: a probability in (0, 1), a mean in the target's unit.
    ///
    /// # Errors
    /// [`Error::Shape`] when the columns differ from training or the objective has several quantile levels (use
    /// [`Fitted::predict_levels`]), [`Error::NotFinite`] for an infinite feature.
    pub fn predict(&self, features: &Matrix) -> Result<Vec<f64>> {
        require_len("boosting outputs", 1, self.n_outputs())?;
        let margins = self.margins(features)?;
        Ok(match self.objective {
            Objective::Logistic => margins.into_iter().map(|m| 1.0 / (1.0 + (-m).exp())).collect(),
            Objective::Tweedie { .. } | Objective::Gamma => margins.into_iter().map(f64::exp).collect(),
            Objective::Squared | Objective::Quantile { .. } => margins,
        })
    }

    /// The quantiles of each row, one column a level in ascending order, never crossing.
    ///
    /// # Errors
    /// [`Error::Degenerate`] for another objective, [`Error::Shape`] and [`Error::NotFinite`] as [`Fitted::predict`].
    pub fn predict_levels(&self, features: &Matrix) -> Result<Matrix> {
        let Objective::Quantile { levels } = &self.objective else {
            return Err(Error::Degenerate { what: "quantiles", reason: "the ensemble was trained for a mean" });
        };
        let mut values = self.margins(features)?;
        for row in values.chunks_exact_mut(levels.len()) {
            row.sort_by(f64::total_cmp);
        }
        Matrix::new(features.n_rows(), levels.len(), values)
    }

    /// The margins, row by row and output by output: log-odds, log of the mean, or the mean itself.
    ///
    /// # Errors
    /// [`Error::Shape`] when the columns differ from training, [`Error::NotFinite`] for an infinite feature.
    pub fn margins(&self, features: &Matrix) -> Result<Vec<f64>> {
        require_len("feature columns", self.n_features(), features.n_cols())?;
        self.trees().margins(features)
    }

    /// Exact TreeSHAP values of each row on the margin: one column a feature and the bias last; a row sums to its
    /// margin up to the engine's single precision.
    ///
    /// # Errors
    /// As [`Fitted::predict`].
    pub fn contributions(&self, features: &Matrix) -> Result<Matrix> {
        require_len("boosting outputs", 1, self.n_outputs())?;
        self.level_contributions(features, 0)
    }

    /// [`Fitted::contributions`] of one output: of quantile level `level` (before the levels are sorted).
    ///
    /// # Errors
    /// [`Error::Shape`] when there is no such level or the columns differ, [`Error::NotFinite`] for an infinite
    /// feature.
    pub fn level_contributions(&self, features: &Matrix, level: usize) -> Result<Matrix> {
        if level >= self.n_outputs() {
            return Err(Error::Shape { what: "quantile levels", expected: self.n_outputs(), found: level });
        }
        require_len("feature columns", self.n_features(), features.n_cols())?;
        Matrix::new(features.n_rows(), self.n_features() + 1, self.trees().contributions(features, level)?)
    }

    /// Each feature's share of the total loss reduction of all splits: sums to 1, or all zero without a split.
    #[must_use]
    pub fn importance(&self) -> Vec<f64> {
        let gains = self.trees().gains();
        let total: f64 = gains.iter().sum();
        gains.into_iter().map(|gain| if total > 0.0 { gain / total } else { 0.0 }).collect()
    }

    /// The model in LightGBM's own text, with these names of the features; `None` for another engine.
    ///
    /// Any LightGBM of the same major version loads it; what it predicts are [`Fitted::predict`] and
    /// [`Fitted::margins`]. White space and signs that the text gives a meaning to become `_` in the names.
    ///
    /// # Errors
    /// [`Error::Shape`] when there are not as many names as features.
    pub fn lightgbm_text(&self, names: &[String]) -> Result<Option<String>> {
        require_len("names of the features", self.n_features(), names.len())?;
        Ok(match &self.ensemble {
            Ensemble::Hessboost(_) => None,
            #[cfg(feature = "lightgbm")]
            Ensemble::Lightgbm(trees) => Some(trees.text_with(names)),
        })
    }

    fn trees(&self) -> &dyn Trees {
        match &self.ensemble {
            Ensemble::Hessboost(trees) => trees,
            #[cfg(feature = "lightgbm")]
            Ensemble::Lightgbm(trees) => trees,
        }
    }
}

fn check_target(objective: &Objective, target: &[f64]) -> Result<()> {
    if let Some(row) = target.iter().position(|y| !(*y as f32).is_finite()) {
        return Err(Error::NotFinite { what: "boosting target", row, column: 0 });
    }
    let (expected, valid): (&'static str, fn(f64) -> bool) = match objective {
        Objective::Logistic => ("0 or 1", |y| y.to_bits() == 0 || y.to_bits() == 1.0_f64.to_bits()),
        Objective::Tweedie { .. } => ("a value >= 0", |y| y >= 0.0),
        Objective::Gamma => ("a value > 0", |y| y > 0.0),
        Objective::Squared | Objective::Quantile { .. } => return Ok(()),
    };
    match target.iter().find(|y| !valid(**y)) {
        None => Ok(()),
        Some(&value) => Err(Error::Parameter { name: "boosting target", value, expected }),
    }
}

/// Checks the weights and returns their sum.
fn check_weights(weights: Option<&[f64]>, n: usize) -> Result<f64> {
    let Some(weights) = weights else { return Ok(n as f64) };
    require_len("boosting weights", n, weights.len())?;
    if let Some(&value) = weights.iter().find(|w| !(**w >= 0.0 && w.is_finite())) {
        return Err(Error::Parameter { name: "boosting weight", value, expected: "a finite value >= 0" });
    }
    let total: f64 = weights.iter().sum();
    if total > 0.0 { Ok(total) } else { Err(Error::Degenerate { what: "boosting", reason: "every weight is zero" }) }
}

#[cfg(test)]
mod tests;

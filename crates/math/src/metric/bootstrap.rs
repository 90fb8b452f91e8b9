//! How sure a metric is: percentile intervals by resampling customers.
//!
//! Each replicate draws as many customers as there are, with replacement (Efron 1979), and hands the metric how often
//! each row was drawn; the interval runs between the `(1 - level)/2` and `(1 + level)/2` quantiles of the replicates
//! (the percentile interval of Efron and Tibshirani 1993, chapter 13). Rows of one customer stand or fall together
//! when their groups are given.
//!
//! Replicate `k` draws from the stream `(seed, task, k)`, so any number of threads gives the same interval.
//!
//! Limits: percentile intervals are first-order accurate; for a total carried by a few customers they are too short.

use rand::Rng;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::num::{quantile_sorted, require_len};
use crate::rng::stream;

/// Replicates that could not be computed (one class drawn only) are left out up to this share of all.
const MOST_UNDEFINED: f64 = 0.05;

/// How an interval is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params<'a> {
    /// Replicates, at least 20.
    pub replicates: usize,
    /// Coverage of the interval, 0 < level < 1.
    pub level: f64,
    /// Seed of the run.
    pub seed: u64,
    /// Name of the random stream, such as `"churn/bootstrap"`. Two metrics with one name see the same draws.
    pub task: &'a str,
}

/// A metric with its percentile interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The metric of the data as they are.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Replicates the interval rests on.
    pub replicates: usize,
}

/// The percentile interval of `metric` over `n` independent rows. `metric` gets the multiplicities of the rows, as
/// every function of [`crate::metric`] takes them.
///
/// # Errors
/// [`Error::Parameter`], [`Error::TooFew`] for the inputs, whatever `metric` returns on the data as they are or, other
/// than [`Error::Degenerate`], on a replicate; [`Error::Degenerate`] when more than 5 % of the replicates are.
///
/// ```
/// use tenure_math::metric::{RankedLabels, bootstrap};
/// let scores: Vec<f64> = (0..100).map(|i| f64::from(i % 10)).collect();
/// let positive: Vec<bool> = (0..100).map(|i| i % 10 + i / 20 > 7).collect();
/// let ranked = RankedLabels::new(&scores, &positive)?;
/// let params = bootstrap::Params { replicates: 200, level: 0.95, seed: 7, task: "doc" };
/// let auc = bootstrap::interval(100, &params, |weights| ranked.roc_auc(weights))?;
/// assert!(auc.low < auc.estimate && auc.estimate < auc.high);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn interval(
    n: usize,
    params: &Params<'_>,
    metric: impl Fn(Option<&[f64]>) -> Result<f64> + Sync,
) -> Result<Interval> {
    one(intervals(n, params, |weights| metric(weights).map(|value| vec![value]))?)
}

/// [`interval`] of several metrics on the same draws: `metrics` gives as many values each time.
///
/// # Errors
/// As [`interval`]; [`Error::Shape`] when the number of values changes.
pub fn intervals(
    n: usize,
    params: &Params<'_>,
    metrics: impl Fn(Option<&[f64]>) -> Result<Vec<f64>> + Sync,
) -> Result<Vec<Interval>> {
    let draw = |counts: &[u32], weights: &mut Vec<f64>| weights.extend(counts.iter().map(|&c| f64::from(c)));
    resample(n, params, &draw, &metrics)
}

/// [`interval`] for rows that come in groups: `groups[i]` in `0..n_groups` is the customer of row `i`, and customers
/// are drawn rather than rows.
///
/// # Errors
/// As [`interval`]; [`Error::Parameter`] for a group outside `0..n_groups`.
pub fn interval_grouped(
    groups: &[u32],
    n_groups: usize,
    params: &Params<'_>,
    metric: impl Fn(Option<&[f64]>) -> Result<f64> + Sync,
) -> Result<Interval> {
    if let Some(&group) = groups.iter().find(|g| **g as usize >= n_groups) {
        return Err(Error::Parameter {
            name: "group",
            value: f64::from(group),
            expected: "below the number of groups",
        });
    }
    let draw = |counts: &[u32], weights: &mut Vec<f64>| {
        weights.extend(groups.iter().map(|&g| f64::from(counts[g as usize])));
    };
    one(resample(n_groups, params, &draw, &|weights| metric(weights).map(|value| vec![value]))?)
}

/// The interval of a single metric.
fn one(intervals: Vec<Interval>) -> Result<Interval> {
    intervals.into_iter().next().ok_or(Error::TooFew { what: "bootstrap", needed: 1, found: 0 })
}

/// What makes the weights of the rows of how often each customer was drawn.
type Draw<'a> = dyn Fn(&[u32], &mut Vec<f64>) + Sync + 'a;
/// Metrics of weighted rows.
type Metrics<'a> = dyn Fn(Option<&[f64]>) -> Result<Vec<f64>> + Sync + 'a;

fn resample(n: usize, params: &Params<'_>, draw: &Draw<'_>, metrics: &Metrics<'_>) -> Result<Vec<Interval>> {
    if params.replicates < 20 {
        return Err(Error::Parameter { name: "replicates", value: params.replicates as f64, expected: "at least 20" });
    }
    if !(params.level > 0.0 && params.level < 1.0) {
        return Err(Error::Parameter { name: "level", value: params.level, expected: "0 < level < 1" });
    }
    if n < 2 {
        return Err(Error::TooFew { what: "bootstrap", needed: 2, found: n });
    }
    let estimates = metrics(None)?;
    let replicates: Vec<Result<Vec<f64>>> = (0..params.replicates)
        .into_par_iter()
        .map_init(
            || (vec![0_u32; n], Vec::new()),
            |(counts, weights), k| {
                let mut random = stream(params.seed, params.task, k as u64);
                counts.fill(0);
                for _ in 0..n {
                    // The high word of a 128-bit product is uniform on 0..n up to n / 2^64.
                    counts[((u128::from(random.next_u64()) * n as u128) >> 64) as usize] += 1;
                }
                weights.clear();
                draw(counts, weights);
                metrics(Some(weights))
            },
        )
        .collect();
    let mut drawn = Vec::with_capacity(params.replicates);
    for replicate in replicates {
        match replicate {
            Ok(values) => {
                require_len("metrics of a replicate", estimates.len(), values.len())?;
                drawn.push(values);
            }
            Err(Error::Degenerate { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if ((params.replicates - drawn.len()) as f64) > MOST_UNDEFINED * params.replicates as f64 {
        return Err(Error::Degenerate { what: "bootstrap", reason: "too many replicates are without an answer" });
    }
    let tail = (1.0 - params.level) / 2.0;
    let of = |(at, &estimate): (usize, &f64)| {
        let mut values: Vec<f64> = drawn.iter().map(|values| values[at]).collect();
        values.sort_by(f64::total_cmp);
        let end = |q| quantile_sorted(&values, q).ok_or(Error::TooFew { what: "bootstrap", needed: 20, found: 0 });
        Ok(Interval { estimate, low: end(tail)?, high: end(1.0 - tail)?, replicates: values.len() })
    };
    estimates.iter().enumerate().map(of).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use crate::metric::{RankedLabels, mae, roc_auc};

    const PARAMS: Params<'static> = Params { replicates: 2000, level: 0.95, seed: 3, task: "test" };

    fn sample(n: usize) -> Vec<f64> {
        let mut random = stream(5, "bootstrap/sample", 0);
        (0..n).map(|_| (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64).collect()
    }

    #[test]
    fn the_mean_gets_its_textbook_interval() {
        // mae against zero of a positive sample is its mean: estimate +- 1.96 s / sqrt(n).
        let x = sample(1000);
        let zero = vec![0.0; 1000];
        let found = interval(1000, &PARAMS, |w| mae(&zero, &x, w)).unwrap();
        let mean = x.iter().sum::<f64>() / 1000.0;
        let deviation = (x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 1000.0).sqrt();
        let half = 1.96 * deviation / 1000.0_f64.sqrt();
        assert!((found.estimate - mean).abs() < 1e-12);
        assert!(((found.high - found.low) / (2.0 * half) - 1.0).abs() < 0.1);
        assert!(((found.high + found.low) / 2.0 - mean).abs() < 0.1 * half);
        assert_eq!(found.replicates, 2000);
    }

    #[test]
    fn any_number_of_threads_gives_the_same_interval() {
        let x = sample(200);
        let y: Vec<bool> = x.iter().enumerate().map(|(i, v)| v + 0.01 * (i % 50) as f64 > 0.8).collect();
        let ranked = RankedLabels::new(&x, &y).unwrap();
        let run = || interval(200, &PARAMS, |w| ranked.roc_auc(w)).unwrap();
        let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        assert_eq!(pool(1).install(run), pool(3).install(run));
        // Presorted or sorted anew in each replicate: the same numbers.
        assert_eq!(run(), interval(200, &PARAMS, |w| roc_auc(&x, &y, w)).unwrap());
    }

    #[test]
    fn customers_with_several_rows_stand_or_fall_together() {
        let x = sample(100);
        let twice: Vec<f64> = x.iter().flat_map(|v| [*v, *v]).collect();
        let groups: Vec<u32> = (0..100).flat_map(|g| [g, g]).collect();
        let (zero, zeros) = (vec![0.0; 100], vec![0.0; 200]);
        let once = interval(100, &PARAMS, |w| mae(&zero, &x, w)).unwrap();
        let grouped = interval_grouped(&groups, 100, &PARAMS, |w| mae(&zeros, &twice, w)).unwrap();
        assert!((once.low - grouped.low).abs() < 1e-12 && (once.high - grouped.high).abs() < 1e-12);
        // Taking the copies for independent rows would shorten the interval by sqrt 2.
        let naive = interval(200, &PARAMS, |w| mae(&zeros, &twice, w)).unwrap();
        let ratio = (once.high - once.low) / (naive.high - naive.low);
        assert!((ratio - 2.0_f64.sqrt()).abs() < 0.15, "{ratio}");
    }

    #[test]
    fn what_cannot_be_answered_is_an_error() {
        let metric = |w: Option<&[f64]>| roc_auc(&[0.1, 0.2, 0.3, 0.4], &[true, false, true, true], w);
        assert!(matches!(interval(4, &PARAMS, metric), Err(Error::Degenerate { .. })));
        let none = |_: Option<&[f64]>| Ok(0.0);
        assert!(interval(1, &PARAMS, none).is_err());
        assert!(interval(4, &Params { replicates: 3, ..PARAMS }, none).is_err());
        assert!(interval(4, &Params { level: 1.0, ..PARAMS }, none).is_err());
        assert!(interval_grouped(&[4], 4, &PARAMS, none).is_err());
    }
}

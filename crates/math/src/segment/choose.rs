//! The number of clusters: every K in a range is fitted and measured, and the choice comes with its reason.
//!
//! The rule: the best mean silhouette wins, and among the K whose silhouette lies within one standard error of the best
//! the smallest is taken, because fewer segments are easier to act on and the data do not say that more are better
//! (the one-standard-error rule of Breiman et al. 1984). The elbow of the inertia and the stability over resamples
//! ([`stability`]) are reported beside it and never decide.
//!
//! Every K is fitted to all rows ([`kmeans::fit`] makes its starts on a sample where there are very many), and inertia,
//! Davies-Bouldin index and sizes are those of all rows; silhouette and stability say on how many rows they were measured.

use serde::{Deserialize, Serialize};

use super::{kmeans, minibatch, quality, stability};
use crate::error::{Error, Result};
use crate::num::Matrix;

/// Which numbers of clusters are tried and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// The least K, at least 2.
    pub k_min: usize,
    /// The greatest K.
    pub k_max: usize,
    /// K-means starts for each K.
    pub starts: usize,
    /// Rows above which the silhouette is measured on a sample of this size.
    pub silhouette_rows: usize,
    /// Resamples over which the stability of each K is measured; below 2 it is left out.
    pub resamples: usize,
    /// Whether every K is fitted by small batches ([`minibatch`]) and not on all rows at once.
    pub batches: bool,
    /// The run's seed.
    pub seed: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self { k_min: 3, k_max: 8, starts: 3, silhouette_rows: 2000, resamples: 20, batches: false, seed: 0 }
    }
}

/// One K and its figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The number of clusters.
    pub k: usize,
    /// The sum of squared distances to the centroids.
    pub inertia: f64,
    /// The silhouette with its standard error.
    pub silhouette: quality::Silhouette,
    /// The Davies-Bouldin index.
    pub davies_bouldin: f64,
    /// How far partitions of resampled rows agree with this one; none where the resamples had too few distinct rows.
    pub stability: Option<stability::Stability>,
    /// The rows of the smallest cluster.
    pub smallest: usize,
    /// Iterations of the start that was kept.
    pub iterations: usize,
    /// Whether it converged.
    pub converged: bool,
}

/// The K that was chosen, why, and what it was compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The number of clusters taken.
    pub k: usize,
    /// The K of the best silhouette.
    pub best_silhouette_k: usize,
    /// The K at the elbow of the inertia, where there is one.
    pub elbow_k: Option<usize>,
    /// Every K that was tried, ascending.
    pub candidates: Vec<Candidate>,
    /// The reason in a sentence.
    pub reason: String,
    /// The partition for `k`.
    pub fitted: kmeans::Fitted,
}

/// Tries every K of the range on standardised `data`. The range ends early where there are no more distinct rows.
///
/// # Errors
/// [`Error::Parameter`] when `k_min < 2` or `k_max < k_min`, otherwise those of [`kmeans::fit`] for the least K, of
/// [`quality`] and of [`stability`].
///
/// ```
/// use tenure_math::{num::Matrix, segment::choose};
/// // Three heaps of twenty on a line.
/// let data = Matrix::new(60, 1, (0..60).map(|i| f64::from(i % 3) * 100.0 + f64::from(i) / 60.0).collect())?;
/// let choice = choose::choose(&data, &choose::Params::default())?;
/// assert_eq!((choice.k, choice.candidates.len()), (3, 6));
/// assert_eq!(choice.candidates[0].stability.map(|s| s.mean), Some(1.0));
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn choose(data: &Matrix, params: &Params) -> Result<Choice> {
    if params.k_min < 2 {
        return Err(Error::Parameter { name: "k_min", value: params.k_min as f64, expected: "at least 2" });
    }
    if params.k_max < params.k_min {
        return Err(Error::Parameter { name: "k_max", value: params.k_max as f64, expected: "at least k_min" });
    }
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut partitions = Vec::new();
    for k in params.k_min..=params.k_max {
        let partition = if params.batches {
            minibatch::fit(data, &minibatch::Params { starts: params.starts, ..minibatch::Params::new(k, params.seed) })
        } else {
            kmeans::fit(data, &kmeans::Params { starts: params.starts, ..kmeans::Params::new(k, params.seed) })
        };
        let fitted = match partition {
            Err(Error::TooFew { .. }) if k > params.k_min => break,
            other => other?,
        };
        candidates.push(Candidate {
            k,
            inertia: fitted.inertia,
            silhouette: quality::silhouette(data, &fitted.labels, params.silhouette_rows, params.seed)?,
            davies_bouldin: quality::davies_bouldin(data, &fitted.labels)?,
            stability: stability::stability(data, &fitted, params.resamples, params.seed)?,
            smallest: fitted.sizes.iter().copied().min().unwrap_or(0),
            iterations: fitted.iterations,
            converged: fitted.converged,
        });
        partitions.push(fitted);
    }
    let mut best = 0;
    for (i, candidate) in candidates.iter().enumerate() {
        if candidate.silhouette.mean > candidates[best].silhouette.mean {
            best = i;
        }
    }
    let top = candidates[best].silhouette;
    let taken = candidates.iter().position(|c| c.silhouette.mean >= top.mean - top.standard_error).unwrap_or(best);
    let ks: Vec<f64> = candidates.iter().map(|c| c.k as f64).collect();
    let inertias: Vec<f64> = candidates.iter().map(|c| c.inertia).collect();
    let elbow_k = quality::elbow(&ks, &inertias).map(|i| candidates[i].k);
    let reason = reason(&candidates, taken, best, elbow_k);
    Ok(Choice {
        k: candidates[taken].k,
        best_silhouette_k: candidates[best].k,
        elbow_k,
        fitted: partitions.swap_remove(taken),
        reason,
        candidates,
    })
}

fn reason(candidates: &[Candidate], taken: usize, best: usize, elbow_k: Option<usize>) -> String {
    let (chosen, top) = (&candidates[taken], &candidates[best]);
    let first = format!("K = {}", chosen.k);
    let why = if candidates.len() == 1 {
        format!("{first} was the only one possible (silhouette {:.3})", chosen.silhouette.mean)
    } else if taken == best {
        format!(
            "{first} has the best silhouette, {:.3} (standard error {:.3})",
            chosen.silhouette.mean, chosen.silhouette.standard_error
        )
    } else {
        format!(
            "{first} is the smallest within one standard error ({:.3}) of the best silhouette: {:.3} against {:.3} at K = {}",
            top.silhouette.standard_error, chosen.silhouette.mean, top.silhouette.mean, top.k
        )
    };
    let elbow = match elbow_k {
        Some(k) if k == chosen.k => "the elbow of the inertia agrees".to_owned(),
        Some(k) => format!("the elbow of the inertia is at K = {k}"),
        None => "the inertia shows no elbow".to_owned(),
    };
    match &chosen.stability {
        Some(s) => format!(
            "{why}; {elbow}; fitted anew to {} resamples it agrees with itself to {:.2} of 1 (adjusted Rand index).",
            s.resamples, s.mean
        ),
        None => format!("{why}; {elbow}."),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rng;
    use rand::RngExt;

    fn clouds(k: usize, n: usize) -> Matrix {
        let mut s = rng::stream(1, "segment/choose/test", 0);
        let values = (0..n).flat_map(|i| {
            let c = i % k;
            [(c % 2) as f64 * 8.0 + s.random::<f64>(), (c / 2) as f64 * 8.0 + s.random::<f64>()]
        });
        Matrix::new(n, 2, values.collect()).unwrap()
    }

    #[test]
    fn the_true_number_is_found_and_explained() {
        for k in [4, 5, 6] {
            let choice = choose(&clouds(k, 600), &Params::default()).unwrap();
            assert_eq!((choice.k, choice.fitted.sizes.len()), (k, k));
            assert_eq!(choice.candidates.len(), 6);
            assert!(choice.reason.starts_with(&format!("K = {k} has the best silhouette")), "{}", choice.reason);
            assert!(choice.candidates.windows(2).all(|w| w[1].inertia <= w[0].inertia));
            let end = "fitted anew to 20 resamples it agrees with itself to 1.00 of 1 (adjusted Rand index).";
            assert!(choice.reason.ends_with(end), "{}", choice.reason);
            // Of the K that were tried, none is found again as surely as the true one.
            let mean = |c: &Candidate| c.stability.map(|s| s.mean);
            let others = choice.candidates.iter().filter(|c| c.k != k);
            assert!(others.clone().all(|c| mean(c) < Some(0.99)), "{:?}", others.map(mean).collect::<Vec<_>>());
        }
    }

    #[test]
    fn stability_is_told_and_never_decides() {
        let data = clouds(5, 400);
        let with = choose(&data, &Params::default()).unwrap();
        let without = choose(&data, &Params { resamples: 0, ..Params::default() }).unwrap();
        assert_eq!((with.k, &with.fitted), (without.k, &without.fitted));
        assert!(without.candidates.iter().all(|c| c.stability.is_none()));
        assert!(without.reason.ends_with("the elbow of the inertia agrees."), "{}", without.reason);
    }

    #[test]
    fn the_range_ends_where_distinct_rows_do() {
        let data = Matrix::new(8, 1, vec![0., 0., 1., 1., 5., 5., 9., 9.]).unwrap();
        let choice = choose(&data, &Params::default()).unwrap();
        assert_eq!(choice.candidates.iter().map(|c| c.k).collect::<Vec<_>>(), [3, 4]);
        assert!(choose(&data, &Params { k_min: 5, ..Params::default() }).is_err());
        assert!(choose(&data, &Params { k_min: 1, ..Params::default() }).is_err());
        assert!(choose(&data, &Params { k_max: 2, ..Params::default() }).is_err());
    }
}

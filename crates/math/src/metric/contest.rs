//! Which forecast to use: the simplest one that the data cannot tell from the best.
//!
//! Question: several candidates forecast the same outcomes. Which of the differences in their loss are more than chance,
//! and is the most elaborate one worth its trouble?
//!
//! Model: each candidate has one loss a row (the mean of a proper one is least for the true forecast). With the
//! candidate of least mean loss as the best, the difference of every other one to it is resampled by customer, both
//! losses of a row together (a paired percentile bootstrap, [`super::bootstrap`]). The champion is the first candidate,
//! from the simplest on, whose interval of that difference reaches zero: the one-standard-error rule of Breiman et al.
//! (1984, section 3.4.3) with the interval of the paired difference in the place of the standard error.
//!
//! Limits: the best is chosen on the same rows, so its lead is flattered and the rule leans to the more elaborate; the
//! intervals are for these windows, and another season may differ by more.

use serde::{Deserialize, Serialize};

use super::bootstrap::{self, Interval};
use crate::error::{Error, Result};
use crate::num::{require_finite, require_len};

/// One candidate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Its mean loss.
    pub loss: f64,
    /// By how much that is more than the best one's; 0 to 0 for the best itself.
    pub behind: Interval,
}

/// How a contest ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The candidates, in the order given.
    pub standings: Vec<Standing>,
    /// The candidate of least mean loss.
    pub best: usize,
    /// The first candidate that cannot be told from the best.
    pub champion: usize,
}

/// Compares candidates, given from the simplest on; `losses[k][i]` is the loss of candidate `k` on row `i`, and rows of
/// one group (customer) stand or fall together.
///
/// # Errors
/// [`Error::TooFew`] without a candidate or with fewer than two groups, [`Error::Shape`] for lengths,
/// [`Error::NotFinite`] for a loss that is no number, [`Error::Parameter`] for the bootstrap's parameters.
///
/// ```
/// use tenure_math::metric::{bootstrap, contest};
/// let groups: Vec<u32> = (0..200).collect();
/// let noisy: Vec<f64> = (0..200).map(|i| 1.0 + 0.1 * f64::from(i % 7)).collect();
/// let same: Vec<f64> = (0..200).map(|i| 1.0 + 0.1 * f64::from((i + 3) % 7)).collect();
/// let bad: Vec<f64> = noisy.iter().map(|l| l + 0.2).collect();
/// let params = bootstrap::Params { replicates: 200, level: 0.95, seed: 1, task: "doc" };
/// let verdict = contest::compare(&[bad, same, noisy], &groups, 200, &params)?;
/// assert_eq!(verdict.champion, 1);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn compare(
    losses: &[Vec<f64>],
    groups: &[u32],
    n_groups: usize,
    params: &bootstrap::Params<'_>,
) -> Result<Verdict> {
    if losses.is_empty() {
        return Err(Error::TooFew { what: "contest", needed: 1, found: 0 });
    }
    for of in losses {
        require_len("losses of a candidate", groups.len(), of.len())?;
        require_finite("losses of a candidate", of)?;
    }
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let means: Vec<f64> = losses.iter().map(|of| mean(of)).collect();
    let best = (0..means.len()).min_by(|&a, &b| means[a].total_cmp(&means[b])).unwrap_or(0);
    let mut standings = Vec::with_capacity(losses.len());
    for (of, &loss) in losses.iter().zip(&means) {
        let differences: Vec<f64> = of.iter().zip(&losses[best]).map(|(a, b)| a - b).collect();
        let behind = bootstrap::interval_grouped(groups, n_groups, params, |weights| {
            let Some(weights) = weights else { return Ok(mean(&differences)) };
            let total: f64 = weights.iter().sum();
            if total <= 0.0 {
                return Err(Error::Degenerate { what: "contest", reason: "no row was drawn" });
            }
            Ok(differences.iter().zip(weights).map(|(d, w)| d * w).sum::<f64>() / total)
        })?;
        standings.push(Standing { loss, behind });
    }
    let champion = standings.iter().position(|standing| standing.behind.low <= 0.0).unwrap_or(best);
    Ok(Verdict { standings, best, champion })
}

/// The log-loss of each row, in nats: `-ln` of the probability given to what happened.
///
/// # Errors
/// [`Error::Shape`] for lengths, [`Error::Parameter`] for a probability outside [0, 1].
pub fn log_losses(p: &[f64], positive: &[bool]) -> Result<Vec<f64>> {
    /// A certainty that is wrong is infinitely wrong; beyond this it is no worse.
    const EDGE: f64 = 1e-15;
    require_len("outcomes", p.len(), positive.len())?;
    if let Some(&value) = p.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(Error::Parameter { name: "probability", value, expected: "a value in [0, 1]" });
    }
    Ok(p.iter().zip(positive).map(|(p, &y)| -(if y { *p } else { 1.0 - p }).max(EDGE).ln()).collect())
}

/// Half the Tweedie deviance of each row at power 1.5 in the unit of the square root of money: a proper loss for means
/// of amounts that are often zero and have a heavy tail (Jorgensen 1997, chapter 4):
/// `2 (sqrt(y) - sqrt(m))^2 / sqrt(m)`.
///
/// Forecasts below `floor` count as `floor`: a mean of zero would be infinitely wrong of everybody who buys.
///
/// # Errors
/// [`Error::Shape`] for lengths, [`Error::Parameter`] for a negative amount or a floor that is not above zero.
///
/// ```
/// let loss = tenure_math::metric::contest::tweedie_losses(&[4.0, 4.0], &[4.0, 0.0], 0.01)?;
/// assert_eq!(loss, [0.0, 4.0]);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn tweedie_losses(mean: &[f64], actual: &[f64], floor: f64) -> Result<Vec<f64>> {
    require_len("outcomes", mean.len(), actual.len())?;
    if !(floor > 0.0 && floor.is_finite()) {
        return Err(Error::Parameter { name: "floor", value: floor, expected: "a finite value > 0" });
    }
    for (name, values) in [("predicted mean", mean), ("actual value", actual)] {
        if let Some(&value) = values.iter().find(|v| !(**v >= 0.0 && v.is_finite())) {
            return Err(Error::Parameter { name, value, expected: "a finite amount >= 0" });
        }
    }
    Ok(mean
        .iter()
        .zip(actual)
        .map(|(&m, &y)| {
            let root = m.max(floor).sqrt();
            2.0 * (y.sqrt() - root).powi(2) / root
        })
        .collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rand::RngExt;

    const PARAMS: bootstrap::Params<'static> =
        bootstrap::Params { replicates: 400, level: 0.95, seed: 3, task: "contest/test" };

    fn uniform(n: usize, stream: u64) -> Vec<f64> {
        let mut random = crate::rng::stream(11, "contest/test", stream);
        (0..n).map(|_| random.random::<f64>()).collect()
    }

    #[test]
    fn a_clear_winner_wins_and_a_tie_goes_to_the_simplest() {
        let groups: Vec<u32> = (0..500).collect();
        let base = uniform(500, 0);
        let shaken = |by: f64, stream: u64| -> Vec<f64> {
            base.iter().zip(uniform(500, stream)).map(|(l, u)| l + by + 0.1 * (u - 0.5)).collect()
        };
        let verdict = compare(&[shaken(0.1, 1), shaken(0.0, 2), shaken(0.0, 3)], &groups, 500, &PARAMS).unwrap();
        assert_eq!(verdict.champion, 1, "{verdict:?}");
        assert!(verdict.standings[0].behind.low > 0.05);
        let verdict = compare(&[shaken(0.1, 1), shaken(0.1, 4), shaken(0.0, 3)], &groups, 500, &PARAMS).unwrap();
        assert_eq!((verdict.champion, verdict.best), (2, 2));
    }

    #[test]
    fn rows_of_one_customer_are_one_witness() {
        // The second candidate is better by the same amount in all rows of one customer in four: as independent rows
        // that is certain, as five customers it is not.
        let customers = 5_u32;
        let groups: Vec<u32> = (0..customers).flat_map(|g| [g; 100]).collect();
        let even = vec![1.0; groups.len()];
        let better: Vec<f64> = groups.iter().map(|&g| if g == 0 { 0.0 } else { 1.02 }).collect();
        let as_customers = compare(&[even.clone(), better.clone()], &groups, customers as usize, &PARAMS).unwrap();
        assert_eq!(as_customers.champion, 0);
        let rows: Vec<u32> = (0..groups.len() as u32).collect();
        let as_rows = compare(&[even, better], &rows, rows.len(), &PARAMS).unwrap();
        assert_eq!(as_rows.champion, 1);
    }

    #[test]
    fn the_losses_are_least_at_the_truth() {
        let y: Vec<bool> = (0..1000).map(|i| i % 10 < 3).collect();
        let loss = |p: f64| log_losses(&vec![p; 1000], &y).unwrap().iter().sum::<f64>() / 1000.0;
        assert!(loss(0.3) < loss(0.29) && loss(0.3) < loss(0.31));
        assert!((loss(0.3) - super::super::log_loss(&vec![0.3; 1000], &y, None).unwrap()).abs() < 1e-12);
        let spend: Vec<f64> = (0..1000).map(|i| if i % 10 < 3 { 100.0 } else { 0.0 }).collect();
        let loss = |m: f64| tweedie_losses(&vec![m; 1000], &spend, 1e-3).unwrap().iter().sum::<f64>();
        assert!(loss(30.0) < loss(29.0) && loss(30.0) < loss(31.0));
    }

    #[test]
    fn bad_input_is_refused() {
        assert!(compare(&[], &[0, 1], 2, &PARAMS).is_err());
        assert!(compare(&[vec![1.0]], &[0, 1], 2, &PARAMS).is_err());
        assert!(compare(&[vec![1.0, f64::NAN]], &[0, 1], 2, &PARAMS).is_err());
        assert!(log_losses(&[1.1], &[true]).is_err());
        assert!(tweedie_losses(&[1.0], &[-1.0], 0.1).is_err());
        assert!(tweedie_losses(&[1.0], &[1.0], 0.0).is_err());
    }
}

//! Which assignments would be the same under other parameters.
//!
//! Question: the plan follows the point forecast; were the truth another draw, who would get the same offer? Method:
//! for each of some draws the problem is solved anew with the nets and costs of that draw, as if they were known, under
//! the same limits; an assignment's stability is the share of draws in which the customer gets what the plan gives it
//! (sampling the optimiser's input: the "wait and see" solutions of Madansky 1960). Domain: any solver; shares of
//! `draws` have a standard error of `sqrt(s (1 - s) / draws)`, 7 points at most for 50. Limits: where two offers bring
//! nearly the same, an assignment may be unstable and the plan's net is not; where draws cost more or less (discounts),
//! more or less customers fit the budget, and a draw may leave no plan that keeps all limits: there nobody gets the same.

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde::{Deserialize, Serialize};

use super::Decision;
use crate::error::{Error, Result};
use crate::num;

/// How often each customer gets the same again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stability {
    /// The number of draws under which the plan was made anew.
    pub draws: usize,
    /// Those of them under which no plan that keeps all limits was found.
    pub without_plan: usize,
    /// For each customer the share of them in which it gets what the plan gives it, be it nothing.
    pub same: Vec<f64>,
    /// The share in which it gets any offer.
    pub any: Vec<f64>,
    /// The mean of `same` over all customers; 1 where there are none.
    pub mean_same: f64,
    /// The mean of `same` over those to whom the plan makes an offer; 1 where there are none.
    pub mean_same_of_offers: f64,
}

impl Decision<'_> {
    /// The stability of the assignments `choice` over the first `draws` draws (at most as many as there are).
    ///
    /// # Errors
    /// [`Error::Shape`] where lengths disagree, [`Error::Parameter`] for 0 draws, and those of the solver but
    /// [`Error::Infeasible`].
    pub fn stability(&self, choice: &[Option<usize>], draws: usize) -> Result<Stability> {
        self.check()?;
        let n = self.draws.customers();
        num::require_len("choice", n, choice.len())?;
        let count = draws.min(self.draws.count());
        if count == 0 {
            return Err(Error::Parameter { name: "draws", value: 0.0, expected: "at least 1" });
        }
        // Counts are whole numbers: in which order threads add them changes nothing.
        let zero = || (vec![0_u32; n], vec![0_u32; n], 0);
        let (same, any, without_plan) = (0..count)
            .into_par_iter()
            .try_fold(zero, |(mut same, mut any, without), s| {
                let (mut net, cost) = self.draws.evaluate(s);
                self.admit(&mut net);
                let plan = match (self.solve)(&net, &cost) {
                    Err(Error::Infeasible { .. }) => return Ok((same, any, without + 1)),
                    made => made?,
                };
                num::require_len("choice of the solver", n, plan.choice.len())?;
                for (i, again) in plan.choice.iter().enumerate() {
                    same[i] += u32::from(*again == choice[i]);
                    any[i] += u32::from(again.is_some());
                }
                Ok::<_, Error>((same, any, without))
            })
            .try_reduce(zero, |(mut same, mut any, without), (more_same, more_any, more)| {
                same.iter_mut().zip(more_same).for_each(|(sum, more)| *sum += more);
                any.iter_mut().zip(more_any).for_each(|(sum, more)| *sum += more);
                Ok((same, any, without + more))
            })?;
        let share = |counts: Vec<u32>| counts.into_iter().map(|c| f64::from(c) / count as f64).collect::<Vec<_>>();
        let (same, any) = (share(same), share(any));
        let offers: Vec<f64> = same.iter().zip(choice).filter(|(_, k)| k.is_some()).map(|(share, _)| *share).collect();
        let (mean_same, mean_same_of_offers) = (num::mean(&same).unwrap_or(1.0), num::mean(&offers).unwrap_or(1.0));
        Ok(Stability { draws: count, without_plan, same, any, mean_same, mean_same_of_offers })
    }
}

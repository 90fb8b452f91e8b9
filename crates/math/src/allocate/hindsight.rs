//! Plans beside what customers did: how much of what truly was about to be lost each unit of money was spent on.
//!
//! Question: a plan was made from forecasts, and the window that it looked at has closed. Who of those it contacted left,
//! and what had they spent before?
//!
//! Model: with `w_i` whether customer `i` is contacted, `c_i` what that costs, `l_i` whether it left and `s_i` what it had
//! spent before, a plan covers `C = sum w_i l_i s_i` at a cost of `sum w_i c_i`; `C / cost` is what a unit of money covers.
//! The interval resamples customers, the same ones for all plans, so that two plans are compared on the same draws (Efron
//! and Tibshirani 1993, chapter 13).
//!
//! Domain: `w` in [0, 1], below 1 where a rule draws its customers at random; money not negative. Limits: it measures
//! whom a plan reaches, not what an offer changes in them; where leavers' spend rests with few customers, the percentile
//! interval is too short.

use crate::error::{Error, Result};
use crate::metric::bootstrap::{self, Interval};
use crate::num::require_len;

/// Whom a plan reaches.
#[derive(Debug, Clone, PartialEq)]
pub struct Reach {
    /// The chance that each customer is contacted, 0 to 1.
    pub contacted: Vec<f64>,
    /// What is expected to be spent on each, money, not negative.
    pub cost: Vec<f64>,
}

impl Reach {
    /// That of a plan; `cost` is customers x `offers`.
    ///
    /// # Errors
    /// [`Error::Shape`] where lengths disagree.
    pub fn of(choice: &[Option<usize>], cost: &[f64], offers: usize) -> Result<Self> {
        require_len("cost", choice.len() * offers, cost.len())?;
        let own = choice.iter().enumerate().map(|(i, k)| k.map_or(0.0, |k| cost[i * offers + k])).collect();
        Ok(Self { contacted: choice.iter().map(|k| f64::from(u8::from(k.is_some()))).collect(), cost: own })
    }

    /// The mean of plans that are drawn with equal chances.
    ///
    /// # Errors
    /// [`Error::TooFew`] without plans, else as [`Reach::of`].
    pub fn mean(choices: &[Vec<Option<usize>>], cost: &[f64], offers: usize) -> Result<Self> {
        let first = choices.first().ok_or(Error::TooFew { what: "plans", needed: 1, found: 0 })?;
        let mut mean = Self { contacted: vec![0.0; first.len()], cost: vec![0.0; first.len()] };
        for choice in choices {
            require_len("choice", first.len(), choice.len())?;
            let one = Self::of(choice, cost, offers)?;
            mean.contacted.iter_mut().zip(one.contacted).for_each(|(sum, w)| *sum += w);
            mean.cost.iter_mut().zip(one.cost).for_each(|(sum, c)| *sum += c);
        }
        let n = choices.len() as f64;
        mean.contacted.iter_mut().chain(&mut mean.cost).for_each(|sum| *sum /= n);
        Ok(mean)
    }
}

/// What customers did in the window, and what they had spent before it.
#[derive(Debug, Clone, Copy)]
pub struct Outcome<'a> {
    /// Whether each left.
    pub left: &'a [bool],
    /// What each had spent before, money.
    pub spent: &'a [f64],
}

impl Outcome<'_> {
    /// What all leavers had spent before.
    #[must_use]
    pub fn at_stake(&self) -> f64 {
        self.left.iter().zip(self.spent).filter(|(left, _)| **left).map(|(_, spent)| spent).sum()
    }
}

/// A plan beside the outcome.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cover {
    /// Customers contacted.
    pub contacts: f64,
    /// What they cost, money.
    pub spend: f64,
    /// Those of them who left.
    pub leavers: f64,
    /// What these had spent before, money.
    pub covered: f64,
}

impl Cover {
    /// What a unit of money covers; `None` where none is spent.
    #[must_use]
    pub fn per_unit(&self) -> Option<f64> {
        (self.spend > 0.0).then(|| self.covered / self.spend)
    }
}

/// A plan beside the outcome, with `weights` as multiplicities of the customers (`None`: once each).
///
/// # Errors
/// [`Error::Shape`] where lengths disagree.
///
/// ```
/// use tenure_math::allocate::hindsight::{Outcome, Reach, cover};
/// let reach = Reach { contacted: vec![1.0, 1.0, 0.0], cost: vec![10.0, 10.0, 0.0] };
/// let found = cover(&reach, &Outcome { left: &[true, false, true], spent: &[300.0, 50.0, 80.0] }, None)?;
/// assert_eq!((found.contacts, found.leavers, found.covered, found.per_unit()), (2.0, 1.0, 300.0, Some(15.0)));
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn cover(reach: &Reach, outcome: &Outcome<'_>, weights: Option<&[f64]>) -> Result<Cover> {
    let n = reach.contacted.len();
    require_len("cost", n, reach.cost.len())?;
    require_len("left", n, outcome.left.len())?;
    require_len("spent", n, outcome.spent.len())?;
    weights.map_or(Ok(()), |weights| require_len("weights", n, weights.len()))?;
    let mut found = Cover { contacts: 0.0, spend: 0.0, leavers: 0.0, covered: 0.0 };
    for i in 0..n {
        let weight = weights.map_or(1.0, |weights| weights[i]);
        let contacted = weight * reach.contacted[i];
        found.contacts += contacted;
        found.spend += weight * reach.cost[i];
        if outcome.left[i] {
            found.leavers += contacted;
            found.covered += contacted * outcome.spent[i];
        }
    }
    Ok(found)
}

/// What a unit of money covers, with its interval.
///
/// # Errors
/// As [`cover`]; [`Error::Degenerate`] for a plan that spends nothing, and those of the bootstrap.
pub fn per_unit(reach: &Reach, outcome: &Outcome<'_>, params: &bootstrap::Params<'_>) -> Result<Interval> {
    let unit = |weights: Option<&[f64]>| spent_on(cover(reach, outcome, weights)?);
    bootstrap::interval(reach.contacted.len(), params, unit)
}

/// By how much a unit of `ours` covers more than one of `other`, with the interval of the difference.
///
/// # Errors
/// As [`per_unit`].
pub fn lead(ours: &Reach, other: &Reach, outcome: &Outcome<'_>, params: &bootstrap::Params<'_>) -> Result<Interval> {
    let unit = |reach: &Reach, weights: Option<&[f64]>| spent_on(cover(reach, outcome, weights)?);
    bootstrap::interval(ours.contacted.len(), params, |weights| Ok(unit(ours, weights)? - unit(other, weights)?))
}

fn spent_on(found: Cover) -> Result<f64> {
    found.per_unit().ok_or(Error::Degenerate { what: "cover of a unit", reason: "the plan spends nothing" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: bootstrap::Params<'static> =
        bootstrap::Params { replicates: 400, level: 0.95, seed: 7, task: "test" };

    /// 200 customers, every third leaves, and each has spent its number.
    fn outcome() -> (Vec<bool>, Vec<f64>) {
        ((0..200).map(|i| i % 3 == 0).collect(), (0..200).map(f64::from).collect())
    }

    #[test]
    fn random_lists_cover_what_chance_does() {
        let (left, spent) = outcome();
        let outcome = Outcome { left: &left, spent: &spent };
        let cost = vec![2.0; 200];
        let choices: Vec<Vec<Option<usize>>> =
            (0..200).map(|draw| (0..200).map(|i| ((i + draw) % 4 == 0).then_some(0)).collect()).collect();
        let mean = Reach::mean(&choices, &cost, 1).unwrap();
        let found = cover(&mean, &outcome, None).unwrap();
        assert!((found.contacts - 50.0).abs() < 1e-9 && (found.spend - 100.0).abs() < 1e-9);
        assert!((found.covered - outcome.at_stake() / 4.0).abs() < 1e-6);
    }

    #[test]
    fn scale_and_order_change_nothing_that_they_must_not() {
        let (left, spent) = outcome();
        let reach = Reach::of(&vec![Some(0); 200], &vec![2.0; 200], 1).unwrap();
        let unit = |left: &[bool], spent: &[f64], reach: &Reach| {
            cover(reach, &Outcome { left, spent }, None).unwrap().per_unit().unwrap()
        };
        let plain = unit(&left, &spent, &reach);
        let (backwards_left, backwards): (Vec<bool>, Vec<f64>) =
            left.iter().copied().zip(spent.iter().copied()).rev().unzip();
        assert!((unit(&backwards_left, &backwards, &reach) - plain).abs() < 1e-12);
        let tenfold: Vec<f64> = spent.iter().map(|s| 10.0 * s).collect();
        assert!((unit(&left, &tenfold, &reach) - 10.0 * plain).abs() < 1e-9);
        // A weight of two is the customer twice.
        let twice = cover(&reach, &Outcome { left: &left, spent: &spent }, Some(&[2.0; 200])).unwrap();
        assert!((twice.per_unit().unwrap() - plain).abs() < 1e-12 && (twice.contacts - 400.0).abs() < 1e-9);
    }

    #[test]
    fn a_plan_leads_itself_by_nothing_and_a_better_one_by_more() {
        let (left, spent) = outcome();
        let outcome = Outcome { left: &left, spent: &spent };
        let cost = vec![2.0; 200];
        let knowing: Vec<Option<usize>> = left.iter().map(|left| left.then_some(0)).collect();
        let (all, knowing) =
            (Reach::of(&vec![Some(0); 200], &cost, 1).unwrap(), Reach::of(&knowing, &cost, 1).unwrap());
        let none = lead(&all, &all, &outcome, &PARAMS).unwrap();
        assert_eq!((none.estimate, none.low, none.high), (0.0, 0.0, 0.0));
        let ahead = lead(&knowing, &all, &outcome, &PARAMS).unwrap();
        assert!(ahead.low > 0.0 && ahead.low < ahead.estimate && ahead.estimate < ahead.high);
        let unit = per_unit(&all, &outcome, &PARAMS).unwrap();
        assert!(unit.low < unit.estimate && unit.estimate < unit.high);
    }

    #[test]
    fn what_cannot_be_computed_is_an_error() {
        let (left, spent) = outcome();
        let outcome = Outcome { left: &left, spent: &spent };
        let nobody = Reach::of(&vec![None; 200], &vec![2.0; 200], 1).unwrap();
        assert!(matches!(per_unit(&nobody, &outcome, &PARAMS), Err(Error::Degenerate { .. })));
        assert!(matches!(Reach::of(&[Some(0)], &[], 1), Err(Error::Shape { .. })));
        assert!(matches!(Reach::mean(&[], &[], 1), Err(Error::TooFew { .. })));
        let short = Outcome { left: &left[..3], spent: &spent };
        assert!(matches!(cover(&nobody, &short, None), Err(Error::Shape { .. })));
    }
}

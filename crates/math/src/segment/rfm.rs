//! RFM scores: recency, frequency and money, each from 1 (worst) to 5 (best) by quintile.
//!
//! Question: in which fifth of all customers does each one stand, on each of the three measures?
//! Source: Hughes 1994, *Strategic Database Marketing*; the scores are ranks, so they are relative to the data.
//!
//! With `n` customers in order of merit and a group of equal values on the places `a..=b` (counted from 0), its centre is
//! `(a + b + 1) / 2n`. Under [`Ties::Share`] the group's score is `1 + floor(5 centre)`: equal values always share a
//! score, a better value never scores less, and without ties the fifths are as equal as they can be. A group larger than
//! a fifth may leave a score unused; that is the honest reading of such data. Under [`Ties::First`] equal values are
//! ranked by their place in the input, as `pandas.Series.rank(method="first")` followed by `qcut(5)` does, so that the
//! fifths are equal and customers alike may score differently.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::num;

/// What becomes of equal values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// Equal values share the score of their group's centre.
    #[default]
    Share,
    /// Equal values are ranked by their order in the input.
    First,
}

/// Which end of a measure is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Large values are good (frequency, money).
    High,
    /// Small values are good (days since the last purchase).
    Low,
}

/// The three scores of each customer, in the order of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scores {
    /// 5 = bought most recently.
    pub recency: Vec<u8>,
    /// 5 = bought most often.
    pub frequency: Vec<u8>,
    /// 5 = spent most.
    pub monetary: Vec<u8>,
}

impl Scores {
    /// The code of customer `i`, such as `"545"`; panics when there is none.
    #[must_use]
    pub fn code(&self, i: usize) -> String {
        format!("{}{}{}", self.recency[i], self.frequency[i], self.monetary[i])
    }
}

/// Scores all three measures; `recency_days` is good when small.
///
/// # Errors
/// [`Error::Shape`] when the lengths differ, otherwise those of [`quintiles`].
pub fn score(recency_days: &[f64], frequency: &[f64], monetary: &[f64], ties: Ties) -> Result<Scores> {
    num::require_len("frequency", recency_days.len(), frequency.len())?;
    num::require_len("monetary", recency_days.len(), monetary.len())?;
    Ok(Scores {
        recency: quintiles(recency_days, Better::Low, ties)?,
        frequency: quintiles(frequency, Better::High, ties)?,
        monetary: quintiles(monetary, Better::High, ties)?,
    })
}

/// The fifth each value stands in, 5 = best.
///
/// # Errors
/// [`Error::TooFew`] without values, [`Error::NotFinite`] for NaN or infinity. A single value stands in the middle: 3.
///
/// ```
/// use tenure_math::segment::rfm::{Better, Ties, quintiles};
/// let orders = [1., 1., 1., 2., 9.];
/// assert_eq!(quintiles(&orders, Better::High, Ties::Share)?, [2, 2, 2, 4, 5]);
/// assert_eq!(quintiles(&orders, Better::High, Ties::First)?, [1, 2, 3, 4, 5]);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn quintiles(values: &[f64], better: Better, ties: Ties) -> Result<Vec<u8>> {
    num::require_finite("scored measure", values)?;
    let n = values.len();
    if n == 0 {
        return Err(Error::TooFew { what: "quintiles", needed: 1, found: 0 });
    }
    if n == 1 {
        return Ok(vec![3]);
    }
    let order = num::argsort(values);
    let mut scores = vec![0_u8; n];
    match ties {
        Ties::Share => {
            for (first, last) in groups(values, &order) {
                let centre = match better {
                    Better::High => first + last + 1,
                    Better::Low => 2 * n - (first + last + 1),
                };
                let score = 1 + (5 * centre / (2 * n)) as u8;
                for &i in &order[first..=last] {
                    scores[i] = score;
                }
            }
        }
        Ties::First => {
            // Rank r = place + 1; the quantile edges of 1..=n are 1 + k (n - 1) / 5 and intervals are closed above.
            for (place, &i) in order.iter().enumerate() {
                let fifth = (5 * place).div_ceil(n - 1).max(1) as u8;
                scores[i] = if better == Better::High { fifth } else { 6 - fifth };
            }
        }
    }
    Ok(scores)
}

/// The values at which the scores of one measure begin: what a saved model scores later customers by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cuts {
    better: Better,
    /// The worst fitted value with at least the score 2, 3, 4 and 5; none where nobody scored that.
    from: [Option<f64>; 4],
}

impl Cuts {
    /// The cuts behind the scores of fitted values. Under [`Ties::Share`] [`Cuts::score`] gives every fitted value its
    /// own score again; under [`Ties::First`] equal values may have different scores, and get the best of them.
    ///
    /// # Errors
    /// [`Error::Shape`] when the lengths differ, [`Error::NotFinite`] for NaN or infinity.
    ///
    /// ```
    /// use tenure_math::segment::rfm::{Better, Cuts, Ties, quintiles};
    /// let days = [3., 10., 40., 90., 200.];
    /// let cuts = Cuts::of(&days, &quintiles(&days, Better::Low, Ties::Share)?, Better::Low)?;
    /// assert_eq!((cuts.score(90.)?, cuts.score(41.)?, cuts.score(1.)?), (2, 2, 5));
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    pub fn of(values: &[f64], scores: &[u8], better: Better) -> Result<Self> {
        num::require_len("scores", values.len(), scores.len())?;
        num::require_finite("scored measure", values)?;
        let mut from = [None; 4];
        for (&value, &score) in values.iter().zip(scores) {
            for cut in from.iter_mut().take(usize::from(score.saturating_sub(1))) {
                *cut = Some(cut.map_or(value, |worst| if better.is_at_least(worst, value) { value } else { worst }));
            }
        }
        Ok(Self { better, from })
    }

    /// The score of a value, 5 = best; between two fitted values that of the worse one.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for NaN or infinity.
    pub fn score(&self, value: f64) -> Result<u8> {
        num::require_finite("scored measure", &[value])?;
        let reached = |cut: &Option<f64>| cut.is_some_and(|cut| self.better.is_at_least(value, cut));
        Ok(1 + self.from.iter().filter(|cut| reached(cut)).count() as u8)
    }
}

impl Better {
    fn is_at_least(self, value: f64, other: f64) -> bool {
        match self {
            Self::High => value >= other,
            Self::Low => value <= other,
        }
    }
}

/// The runs of equal values along `order`, as first and last place.
fn groups(values: &[f64], order: &[usize]) -> Vec<(usize, usize)> {
    let mut groups = Vec::new();
    let mut first = 0;
    for place in 1..=order.len() {
        // `<` rather than the sort's total order, so that -0.0 and 0.0 are one value.
        if place == order.len() || values[order[first]] < values[order[place]] {
            groups.push((first, place - 1));
            first = place;
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use rand::RngExt;

    #[test]
    fn distinct_values_fall_into_equal_fifths_under_both_rules() {
        let values: Vec<f64> = (0..20).map(|i| f64::from((i * 7) % 20)).collect();
        for ties in [Ties::Share, Ties::First] {
            let scores = quintiles(&values, Better::High, ties).unwrap();
            for s in 1..=5 {
                assert_eq!(scores.iter().filter(|&&x| x == s).count(), 4);
            }
            let low = quintiles(&values, Better::Low, ties).unwrap();
            assert!(scores.iter().zip(low).all(|(h, l)| h + l == 6));
        }
    }

    #[test]
    fn cuts_give_every_fitted_value_its_score_again() {
        let mut draws = crate::rng::stream(2, "test/rfm/cuts", 0);
        for round in 0..200 {
            let n = draws.random_range(1..60);
            let values: Vec<f64> = (0..n).map(|_| f64::from(draws.random_range(-3..12_i8))).collect();
            for better in [Better::High, Better::Low] {
                let scores = quintiles(&values, better, Ties::Share).unwrap();
                let cuts = Cuts::of(&values, &scores, better).unwrap();
                let stored: Cuts = serde_json::from_str(&serde_json::to_string(&cuts).unwrap()).unwrap();
                for (&value, &score) in values.iter().zip(&scores) {
                    assert_eq!(stored.score(value).unwrap(), score, "round {round}: {values:?}");
                }
                // No better value scores less.
                let along: Vec<u8> = (-8..40).map(|v| cuts.score(f64::from(v) / 2.0).unwrap()).collect();
                assert!(if better == Better::High { along.is_sorted() } else { along.is_sorted_by(|a, b| a >= b) });
            }
        }
        let cuts = Cuts::of(&[1.0], &[3], Better::High).unwrap();
        assert!(cuts.score(f64::NAN).is_err() && Cuts::of(&[1.0], &[], Better::High).is_err());
        assert!(Cuts::of(&[f64::INFINITY], &[1], Better::High).is_err());
    }

    #[test]
    fn first_is_pandas() {
        // pandas 2: pd.qcut(pd.Series([3,1,1,1,2,2,8]).rank(method="first"), 5, labels=[1,2,3,4,5]): the edges of
        // 1..7 are 1, 2.2, 3.4, 4.6, 5.8, 7.
        let x = [3., 1., 1., 1., 2., 2., 8.];
        assert_eq!(quintiles(&x, Better::High, Ties::First).unwrap(), [5, 1, 1, 2, 3, 4, 5]);
        assert_eq!(quintiles(&x, Better::Low, Ties::First).unwrap(), [1, 5, 5, 4, 3, 2, 1]);
    }

    #[test]
    fn codes_read_recency_frequency_money() {
        let s = score(&[1., 2., 3., 4., 5.], &[1., 2., 3., 4., 5.], &[5., 1., 2., 3., 4.], Ties::Share).unwrap();
        assert_eq!((s.code(0), s.code(4)), ("515".to_owned(), "154".to_owned()));
        assert!(score(&[1.0], &[], &[1.0], Ties::Share).is_err());
        assert!(quintiles(&[], Better::High, Ties::Share).is_err());
        for ties in [Ties::Share, Ties::First] {
            assert_eq!(quintiles(&[1.0], Better::High, ties).unwrap(), [3]);
        }
        assert!(quintiles(&[f64::NAN], Better::High, Ties::Share).is_err());
        assert_eq!(quintiles(&[4.0], Better::High, Ties::Share).unwrap(), [3]);
        assert_eq!(quintiles(&[0.0, -0.0], Better::High, Ties::Share).unwrap(), [3, 3]);
    }

    #[test]
    fn shared_scores_are_monotone_equal_for_equals_and_free_of_order() {
        let mut draws = crate::rng::stream(1, "test/rfm", 0);
        for _ in 0..200 {
            let n = draws.random_range(1..60);
            let values: Vec<f64> = (0..n).map(|_| f64::from(draws.random_range(0..12_u8))).collect();
            let scores = quintiles(&values, Better::High, Ties::Share).unwrap();
            for i in 0..n {
                assert!((1..=5).contains(&scores[i]));
                for j in 0..n {
                    assert!(values[i] != values[j] || scores[i] == scores[j]);
                    assert!(values[i] >= values[j] || scores[i] <= scores[j]);
                }
            }
            let negated: Vec<f64> = values.iter().map(|v| -v).collect();
            assert_eq!(quintiles(&negated, Better::Low, Ties::Share).unwrap(), scores);
            let (mut turned, mut expected) = (values.clone(), scores.clone());
            let by = draws.random_range(0..n);
            turned.rotate_left(by);
            expected.rotate_left(by);
            assert_eq!(quintiles(&turned, Better::High, Ties::Share).unwrap(), expected);
            let twice: Vec<f64> = values.iter().chain(&values).copied().collect();
            assert_eq!(quintiles(&twice, Better::High, Ties::Share).unwrap()[..n], scores[..]);
        }
    }
}

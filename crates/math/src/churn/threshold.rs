//! From a probability of churn to a decision: whom to flag.
//!
//! Two rules. By F-beta: the score above which flagging maximises `F_beta` on calibration rows (beta = 2 values recall
//! four times as much as precision); with a high base rate flagging everybody is hard to beat, so its figures stand
//! beside. By money: flag when what a contact is expected to save exceeds what it costs,
//! `p_churn * value * save_rate > cost` (Verbeke et al. 2012; Bahnsen et al. 2015), each customer with a threshold of
//! his own.
//!
//! Limits: `save_rate`, the share of churners that a contact keeps, is an assumption until an experiment measured it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::metric::{Confusion, confusion, pr_curve};
use crate::num::{require_finite, require_len};

/// What flagging does on given rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Churners among the flagged.
    pub precision: f64,
    /// Flagged among the churners.
    pub recall: f64,
    /// The F-beta score.
    pub f_beta: f64,
    /// Flagged among all.
    pub flagged_share: f64,
}

impl Figures {
    fn of(flags: &Confusion, beta: f64) -> Result<Self> {
        Ok(Self {
            precision: flags.precision()?,
            recall: flags.recall()?,
            f_beta: flags.f_beta(beta)?,
            flagged_share: flags.flagged_share()?,
        })
    }
}

/// A threshold chosen by F-beta: flag when `p_churn >= threshold`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FBeta {
    /// The weight of recall.
    pub beta: f64,
    /// The least probability that is flagged.
    pub threshold: f64,
    /// What it does on the rows it was chosen on.
    pub chosen: Figures,
    /// What flagging everybody does on them.
    pub everybody: Figures,
}

/// The threshold among the distinct scores with the greatest F-beta; of equals the highest, which bothers the fewest.
///
/// # Errors
/// [`Error::Degenerate`] when nobody churned, [`Error::Parameter`] unless `beta` > 0, [`Error::Shape`],
/// [`Error::NotFinite`], [`Error::TooFew`] for the inputs.
///
/// ```
/// use tenure_math::churn::threshold::best_f_beta;
/// let best = best_f_beta(&[0.9, 0.8, 0.3, 0.2], &[true, true, false, false], 2.0)?;
/// assert_eq!((best.threshold, best.chosen.f_beta), (0.8, 1.0));
/// assert!((best.everybody.f_beta - 5.0 / 6.0).abs() < 1e-12);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn best_f_beta(p_churn: &[f64], churned: &[bool], beta: f64) -> Result<FBeta> {
    if !(beta > 0.0 && beta.is_finite()) {
        return Err(Error::Parameter { name: "beta", value: beta, expected: "a finite value > 0" });
    }
    let curve = pr_curve(p_churn, churned, None)?;
    let score = |precision: f64, recall: f64| {
        let parts = beta * beta * precision + recall;
        if parts > 0.0 { (1.0 + beta * beta) * precision * recall / parts } else { 0.0 }
    };
    let (mut threshold, mut best) = (f64::INFINITY, f64::NEG_INFINITY);
    for point in &curve {
        let found = score(point.precision, point.recall);
        // Equal up to rounding is equal: the higher threshold, met first, stays.
        if found > best + 1e-12 {
            (threshold, best) = (point.threshold, found);
        }
    }
    let figures = |at: f64| Figures::of(&confusion(p_churn, churned, at, None)?, beta);
    Ok(FBeta { beta, threshold, chosen: figures(threshold)?, everybody: figures(f64::NEG_INFINITY)? })
}

/// What a contact costs and what it saves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Money {
    /// Share of the contacted churners that stay, 0 < rate <= 1.
    pub save_rate: f64,
    /// Cost of one contact, in currency units, >= 0.
    pub cost: f64,
}

/// The plan by money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoneyPlan {
    /// Whom to flag, in the order of the customers.
    pub flagged: Vec<bool>,
    /// Expected savings minus cost of the flagged, in currency units.
    pub expected_profit: f64,
    /// The same were everybody flagged; nobody flagged is 0.
    pub expected_profit_everybody: f64,
}

impl Money {
    /// Refuses values outside their domains.
    ///
    /// # Errors
    /// [`Error::Parameter`] naming the first one.
    pub fn check(&self) -> Result<()> {
        if !(self.save_rate > 0.0 && self.save_rate <= 1.0) {
            return Err(Error::Parameter { name: "save_rate", value: self.save_rate, expected: "0 < rate <= 1" });
        }
        if !(self.cost >= 0.0 && self.cost.is_finite()) {
            return Err(Error::Parameter { name: "cost", value: self.cost, expected: "a finite value >= 0" });
        }
        Ok(())
    }

    /// The probability of churn above which a customer of `value` is worth a contact; `None` when no probability is.
    #[must_use]
    pub fn break_even(&self, value: f64) -> Option<f64> {
        let threshold = self.cost / (value * self.save_rate);
        (value > 0.0 && threshold < 1.0).then_some(threshold)
    }

    /// Flags every customer whose expected saving exceeds the cost.
    ///
    /// # Errors
    /// [`Error::Parameter`] for parameters and for probabilities outside [0, 1]; [`Error::Shape`],
    /// [`Error::NotFinite`] for the inputs.
    ///
    /// ```
    /// use tenure_math::churn::threshold::Money;
    /// let plan = Money { save_rate: 0.2, cost: 5.0 }.plan(&[0.5, 0.5, 0.01], &[100.0, 20.0, 1000.0])?;
    /// assert_eq!(plan.flagged, [true, false, false]);
    /// assert_eq!((plan.expected_profit, plan.expected_profit_everybody), (5.0, -1.0));
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    pub fn plan(&self, p_churn: &[f64], value: &[f64]) -> Result<MoneyPlan> {
        self.check()?;
        require_len("values", p_churn.len(), value.len())?;
        require_finite("probabilities of churn", p_churn)?;
        require_finite("values", value)?;
        if let Some(&p) = p_churn.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            return Err(Error::Parameter { name: "p_churn", value: p, expected: "a probability in [0, 1]" });
        }
        let profit: Vec<f64> = p_churn.iter().zip(value).map(|(p, v)| p * v * self.save_rate - self.cost).collect();
        Ok(MoneyPlan {
            flagged: profit.iter().map(|v| *v > 0.0).collect(),
            expected_profit: profit.iter().filter(|v| **v > 0.0).sum(),
            expected_profit_everybody: profit.iter().sum(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    const P: [f64; 12] = [0.1, 0.4, 0.35, 0.8, 0.4, 0.9, 0.05, 0.35, 0.6, 0.4, 0.77, 0.2];
    const Y: [bool; 12] = [false, false, true, true, true, true, false, false, true, false, false, true];

    #[test]
    fn brute_force_over_all_thresholds() {
        for beta in [0.3, 1.0, 2.0, 5.0] {
            let best = best_f_beta(&P, &Y, beta).unwrap();
            let all = P.iter().map(|t| confusion(&P, &Y, *t, None).unwrap().f_beta(beta).unwrap());
            assert!((best.chosen.f_beta - all.fold(0.0, f64::max)).abs() < 1e-12);
            assert!(best.chosen.f_beta >= best.everybody.f_beta - 1e-12);
        }
    }

    #[test]
    fn limits_of_beta_and_of_the_base_rate() {
        // Recall alone: the least churner's score; precision alone: the top scores that are all churners.
        assert_eq!(best_f_beta(&P, &Y, 1e6).unwrap().chosen.recall, 1.0);
        assert_eq!(best_f_beta(&P, &Y, 1e-3).unwrap().chosen.precision, 1.0);
        // Flag-everybody with base rate r and beta 2 is 5 r / (4 r + 1).
        let everybody = best_f_beta(&P, &Y, 2.0).unwrap().everybody;
        assert!((everybody.f_beta - 5.0 * 0.5 / 3.0).abs() < 1e-12);
        assert_eq!((everybody.recall, everybody.flagged_share, everybody.precision), (1.0, 1.0, 0.5));
        // A useless score: nothing beats everybody.
        let useless = best_f_beta(&[0.3; 12], &Y, 2.0).unwrap();
        assert_eq!(useless.chosen, useless.everybody);
        assert!(matches!(best_f_beta(&P, &[false; 12], 2.0), Err(Error::Degenerate { .. })));
        assert!(best_f_beta(&P, &Y, 0.0).is_err());
    }

    #[test]
    fn a_monotone_transform_of_the_scores_flags_the_same_customers() {
        let squared = P.map(|p| p * p);
        let (a, b) = (best_f_beta(&P, &Y, 2.0).unwrap(), best_f_beta(&squared, &Y, 2.0).unwrap());
        assert_eq!(a.chosen, b.chosen);
        assert!((a.threshold * a.threshold - b.threshold).abs() < 1e-15);
    }

    #[test]
    fn the_money_plan_is_the_best_of_all_plans() {
        let money = Money { save_rate: 0.3, cost: 4.0 };
        let (p, value) = ([0.9, 0.2, 0.5, 0.05], [10.0, 100.0, 30.0, 40.0]);
        let plan = money.plan(&p, &value).unwrap();
        let profit =
            |mask: usize| (0..4).filter(|i| mask >> i & 1 == 1).map(|i| p[i] * value[i] * 0.3 - 4.0).sum::<f64>();
        let best = (0..16).map(profit).fold(f64::NEG_INFINITY, f64::max);
        assert!((plan.expected_profit - best).abs() < 1e-12);
        assert!((plan.expected_profit_everybody - profit(15)).abs() < 1e-12);
        for i in 0..4 {
            assert_eq!(plan.flagged[i], money.break_even(value[i]).is_some_and(|t| p[i] > t));
        }
        // In another currency the same customers; free contacts reach everybody with something to lose.
        let dear = Money { cost: 400.0, ..money };
        assert_eq!(dear.plan(&p, &value.map(|v| v * 100.0)).unwrap().flagged, plan.flagged);
        assert!(Money { cost: 0.0, ..money }.plan(&p, &value).unwrap().flagged.iter().all(|f| *f));
        assert!(Money { save_rate: 0.0, ..money }.plan(&p, &value).is_err());
        assert!(money.plan(&[1.5], &[1.0]).is_err());
        assert_eq!(money.break_even(5.0), None);
    }
}

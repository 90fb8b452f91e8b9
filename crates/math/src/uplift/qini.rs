//! Does a score find the customers whom a contact moves?
//!
//! Customers of a randomised trial are contacted from the highest score down. With `N_T`, `N_C` customers of the treated
//! and of the control arm, `Y_T`, `Y_C` their outcomes, and `(phi)` for "among the share `phi` of customers with the
//! highest scores", the Qini curve of Radcliffe (2007, "Using control groups to target on predicted lift", section 6) is,
//! here per treated customer,
//!
//! ```text
//! Q(phi) = ( Y_T(phi) - Y_C(phi) N_T(phi) / N_C(phi) ) / N_T(1)
//! q      = integral of Q over 0..1  -  Q(1) / 2
//! ```
//!
//! `Q(1)` is the mean effect of the contact, and `q` the area between the curve and the straight line of a random order:
//! 0 for a score that knows nothing, in the unit of the outcome per customer. Outcomes may be counts or money; nothing is
//! divided by a perfect curve, which exists for yes-or-no outcomes only and lies far outside what any score can reach.
//!
//! Limits: it compares customers and never says what one of them would do; a highest point of the curve is chosen by
//! noise as well; without chance in who was contacted it means nothing.

use crate::error::{Error, Result};
use crate::num::{argsort, require_finite, require_len};

/// The customers of a randomised trial, one row each.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// What they are ranked by; the highest are contacted first.
    pub scores: &'a [f64],
    /// Whether chance put them into the treated arm.
    pub treated: &'a [bool],
    /// What they did afterwards: 0 and 1, a count or an amount.
    pub outcomes: &'a [f64],
}

/// A trial in descending order of its scores, sorted once and then read for any weights in one pass.
#[derive(Debug, Clone)]
pub struct RankedTrial {
    order: Vec<u32>,
    treated: Vec<bool>,
    outcomes: Vec<f64>,
    /// Whether the next place has a lower score (true at the last place).
    ends_tie: Vec<bool>,
}

/// A point of the curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Share of customers that are contacted, 0 to 1.
    pub share: f64,
    /// What contacting them adds, in outcomes per treated customer.
    pub gain: f64,
}

/// A Qini curve, from nobody to everybody.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve(Vec<Point>);

impl RankedTrial {
    /// Sorts a trial.
    ///
    /// # Errors
    /// [`Error::Shape`] for lengths, [`Error::NotFinite`] for a score or an outcome, [`Error::TooFew`] without rows.
    pub fn new(trial: &Trial<'_>) -> Result<Self> {
        let n = trial.scores.len();
        if n == 0 {
            return Err(Error::TooFew { what: "a Qini curve", needed: 2, found: 0 });
        }
        require_len("treated", n, trial.treated.len())?;
        require_len("outcomes", n, trial.outcomes.len())?;
        require_finite("scores", trial.scores)?;
        require_finite("outcomes", trial.outcomes)?;
        let order: Vec<u32> = argsort(trial.scores).into_iter().rev().map(|i| i as u32).collect();
        let score = |k: usize| trial.scores[order[k] as usize];
        let ends_tie = (0..n).map(|k| k + 1 == n || score(k + 1) < score(k)).collect();
        let treated = order.iter().map(|&i| trial.treated[i as usize]).collect();
        let outcomes = order.iter().map(|&i| trial.outcomes[i as usize]).collect();
        Ok(Self { order, treated, outcomes, ends_tie })
    }

    /// The curve. `weights` are multiplicities of the rows in their first order, as [`crate::metric::bootstrap`] draws
    /// them. Customers with one score enter together; before the first customer of the control arm there is nothing to
    /// compare with, and the curve is straight.
    ///
    /// # Errors
    /// [`Error::Degenerate`] when an arm has no weight; [`Error::Shape`] for weights.
    ///
    /// ```
    /// use tenure_math::uplift::qini::{RankedTrial, Trial};
    /// let trial = Trial {
    ///     scores: &[2., 2., 1., 1.],
    ///     treated: &[true, false, true, false],
    ///     outcomes: &[1., 0., 0., 0.],
    /// };
    /// let curve = RankedTrial::new(&trial)?.curve(None)?;
    /// assert_eq!((curve.at(0.5), curve.at(1.0)), (0.5, 0.5));
    /// assert_eq!(curve.coefficient(), 0.125);
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    pub fn curve(&self, weights: Option<&[f64]>) -> Result<Curve> {
        if let Some(weights) = weights {
            require_len("weights of a trial", self.order.len(), weights.len())?;
        }
        let (mut n_treated, mut n_control, mut y_treated, mut y_control) = (0.0, 0.0, 0.0, 0.0);
        let mut points = vec![Point { share: 0.0, gain: 0.0 }];
        for (k, &row) in self.order.iter().enumerate() {
            let w = weights.map_or(1.0, |w| w[row as usize]);
            if self.treated[k] {
                n_treated += w;
                y_treated += w * self.outcomes[k];
            } else {
                n_control += w;
                y_control += w * self.outcomes[k];
            }
            if self.ends_tie[k] && n_control > 0.0 {
                points
                    .push(Point { share: n_treated + n_control, gain: y_treated - y_control * n_treated / n_control });
            }
        }
        if !(n_treated > 0.0 && n_control > 0.0) {
            return Err(Error::Degenerate { what: "a Qini curve", reason: "one arm of the trial has no customers" });
        }
        for point in &mut points {
            point.share /= n_treated + n_control;
            point.gain /= n_treated;
        }
        Ok(Curve(points))
    }
}

impl Curve {
    /// Its points, shares rising from 0 to 1.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        &self.0
    }

    /// What contacting the `share` with the highest scores adds per treated customer; straight between the points.
    #[must_use]
    pub fn at(&self, share: f64) -> f64 {
        let points = &self.0;
        let after = points.partition_point(|point| point.share < share).clamp(1, points.len() - 1);
        let (a, b) = (points[after - 1], points[after]);
        let width = b.share - a.share;
        if width > 0.0 { a.gain + (b.gain - a.gain) * ((share - a.share) / width).min(1.0) } else { b.gain }
    }

    /// What contacting everybody adds per customer: the mean effect, mean outcome of the treated arm less that of control.
    #[must_use]
    pub fn effect(&self) -> f64 {
        self.at(1.0)
    }

    /// The Qini coefficient `q`: the area between the curve and the straight line to its end.
    #[must_use]
    pub fn coefficient(&self) -> f64 {
        let area: f64 = self.0.windows(2).map(|p| (p[1].share - p[0].share) * (p[0].gain + p[1].gain) / 2.0).sum();
        area - self.effect() / 2.0
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::rng::stream;

    fn curve(scores: &[f64], treated: &[bool], outcomes: &[f64]) -> Curve {
        RankedTrial::new(&Trial { scores, treated, outcomes }).unwrap().curve(None).unwrap()
    }

    /// A trial with effects between 0 and 1 that the first column knows.
    fn shop(n: usize, seed: u64) -> (Vec<f64>, Vec<bool>, Vec<f64>) {
        let mut random = stream(seed, "uplift/test", 0);
        let mut columns = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..n {
            let (effect, treated): (f64, bool) = (random.random(), random.random());
            let noise: f64 = random.random::<f64>() * 3.0;
            columns.0.push(effect);
            columns.1.push(treated);
            columns.2.push(noise + if treated { effect } else { 0.0 });
        }
        columns
    }

    /// `qini_curve` of scikit-uplift 0.5.1 on these rows, which is not divided by the treated customers.
    #[test]
    fn the_curve_is_that_of_scikit_uplift() {
        let scores = [5, 6, 0, 6, 3, 4, 5, 2, 7, 0, 2, 3, 4, 3, 1, 0, 0, 0, 1, 7, 1, 5, 6, 1].map(f64::from);
        let treated = [0, 0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 1, 0, 0].map(|t| t == 1);
        let outcomes = [0, 1, 0, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 1, 0, 1, 0].map(f64::from);
        let shares = [0, 2, 5, 8, 10, 13, 15, 19, 24].map(|n| f64::from(n) / 24.0);
        let gains = [0.0, 0.0, 0.25, 0.2, 0.0, 1.428_571_428_571, 1.571_428_571_429, 1.555_555_555_556, 2.0];
        let curve = curve(&scores, &treated, &outcomes);
        assert_eq!(curve.points().len(), shares.len());
        for (point, (share, gain)) in curve.points().iter().zip(shares.iter().zip(gains)) {
            // The reference is printed with twelve decimals.
            assert!(
                (point.share - share).abs() < 1e-12 && (point.gain * 12.0 - gain).abs() < 1e-11,
                "{point:?} {gain}"
            );
        }
    }

    #[test]
    fn the_curve_is_what_plain_sums_give() {
        let (scores, treated, outcomes) = shop(300, 3);
        let scores: Vec<f64> = scores.iter().map(|s| (s * 12.0).floor()).collect();
        let curve = curve(&scores, &treated, &outcomes);
        let all = treated.iter().filter(|t| **t).count() as f64;
        for (point, least) in curve.points()[1..].iter().zip((0..12).rev()) {
            let of = |arm: bool| {
                let rows = (0..300).filter(|i| scores[*i] >= f64::from(least) && treated[*i] == arm);
                rows.fold((0.0, 0.0), |(n, y), i| (n + 1.0, y + outcomes[i]))
            };
            let ((n_t, y_t), (n_c, y_c)) = (of(true), of(false));
            assert!((point.share - (n_t + n_c) / 300.0).abs() < 1e-12);
            // Sums of 300 numbers of size 1 in two orders.
            assert!((point.gain - (y_t - y_c * n_t / n_c) / all).abs() < 1e-12);
        }
    }

    #[test]
    fn order_scale_and_doubling_change_nothing() {
        let (scores, treated, outcomes) = shop(200, 5);
        let q = curve(&scores, &treated, &outcomes).coefficient();
        let back = |v: &[f64]| v.iter().rev().copied().collect::<Vec<_>>();
        let backwards: Vec<bool> = treated.iter().rev().copied().collect();
        let same = |other: f64| assert!((other - q).abs() < 1e-12, "{other} {q}");
        same(curve(&back(&scores), &backwards, &back(&outcomes)).coefficient());
        let stretched: Vec<f64> = scores.iter().map(|s| (s * 9.0).exp()).collect();
        same(curve(&stretched, &treated, &outcomes).coefficient());
        let ranked = RankedTrial::new(&Trial { scores: &scores, treated: &treated, outcomes: &outcomes }).unwrap();
        same(ranked.curve(Some(&vec![2.0; 200])).unwrap().coefficient());
        let tenfold: Vec<f64> = outcomes.iter().map(|y| y * 10.0).collect();
        same(curve(&scores, &treated, &tenfold).coefficient() / 10.0);
    }

    /// Effects even on 0..1, known without noise: Q(phi) = phi - phi^2 / 2 and q = 1/3 - 1/4.
    #[test]
    fn a_score_that_knows_the_effect_has_the_area_of_the_formula() {
        let n = 4_000;
        let effects: Vec<f64> = (0..n).map(|i| (f64::from(i / 2) + 0.5) / f64::from(n / 2)).collect();
        let treated: Vec<bool> = (0..n).map(|i| i % 2 == 0).collect();
        let outcomes: Vec<f64> = effects.iter().zip(&treated).map(|(e, t)| if *t { *e } else { 0.0 }).collect();
        let curve = curve(&effects, &treated, &outcomes);
        assert!((curve.coefficient() - 1.0 / 12.0).abs() < 1e-6, "{}", curve.coefficient());
        assert!((curve.at(0.3) - (0.3 - 0.045)).abs() < 1e-6);
        assert!((curve.effect() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_score_of_chance_has_no_area_and_a_constant_none_at_all() {
        let (_, treated, outcomes) = shop(2_000, 9);
        let mut random = stream(9, "uplift/test", 1);
        let areas: Vec<f64> = (0..200)
            .map(|_| {
                let scores: Vec<f64> = (0..2_000).map(|_| random.random()).collect();
                curve(&scores, &treated, &outcomes).coefficient()
            })
            .collect();
        let mean = areas.iter().sum::<f64>() / 200.0;
        let spread = (areas.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / 199.0).sqrt();
        assert!(mean.abs() < 3.0 * spread / 200_f64.sqrt(), "{mean} {spread}");
        assert!(curve(&vec![1.0; 2_000], &treated, &outcomes).coefficient().abs() < 1e-15);
    }

    #[test]
    fn a_trial_without_one_of_its_arms_is_refused() {
        let trial = Trial { scores: &[1.0, 2.0], treated: &[true, true], outcomes: &[0.0, 1.0] };
        assert!(matches!(RankedTrial::new(&trial).unwrap().curve(None), Err(Error::Degenerate { .. })));
        let trial = Trial { scores: &[1.0, f64::NAN], treated: &[true, false], outcomes: &[0.0, 1.0] };
        assert!(matches!(RankedTrial::new(&trial), Err(Error::NotFinite { .. })));
        let trial = Trial { scores: &[1.0], treated: &[true, false], outcomes: &[0.0] };
        assert!(matches!(RankedTrial::new(&trial), Err(Error::Shape { .. })));
    }
}

//! The plan that is best where the bad draws count.
//!
//! Question: which plan has the greatest CVaR of its net, and how far is it from the best? Model, with `Q` the weights
//! `0 <= q_s <= 1 / (a S)`, `sum q_s = 1`:
//!
//! ```text
//! max_x CVaR_a(x) = max_x min_{q in Q} sum_s q_s net_s(x)  <=  min_{q in Q} g(q),    g(q) = max_x sum_s q_s net_s(x)
//! ```
//!
//! `g(q)` is an ordinary problem whose nets are the draws' means under `q`, so its bound is an upper bound on the CVaR
//! of every plan, whatever `q` is. Method (cutting planes, Kelley 1960, with the master problem as a game): each plan
//! found is a plane `q -> sum_s q_s net_s(x)`; the game between mixtures of the plans found and `Q` is solved by
//! mirror-prox (Nemirovski 2004), and the least favourable `q` gives the next plan. A mixture may be better than each
//! of its plans, because risks of different offers partly cancel: it is rounded to a plan by giving each customer one
//! plan's offer in turn, in the mixture's shares, and the solver itself takes back what does not fit the limits.
//!
//! Certificate: `gap = bound - CVaR`, on these draws. Domain: any solver that returns a feasible plan and a bound of
//! the linear problem; offers admissible at the point forecast. Limits: a quantile has no such dual; the plan for it is
//! the best one met on the way to several CVaRs, without a certificate.

use serde::{Deserialize, Serialize};

use super::{Decision, Risk, cvar, tail_weights};
use crate::error::{Error, Result};
use crate::num;

/// Steps of mirror-prox at most for each master problem, and the gap, as a share of the greatest payoff, that ends it.
const STEPS: usize = 2_000;
const ACCURACY: f64 = 2e-4;
/// The longest of these steps.
const LONGEST: f64 = 100.0;
/// Weights below this share of the greatest possible are taken as 0, so that their draws need not be computed.
const NEGLIGIBLE: f64 = 1e-3;

/// When to stop looking for a better plan.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// Rounds at most for each CVaR, at least 1: one ordinary problem each, and one more where plans are mixed.
    pub rounds: usize,
    /// The gap, as a share of the bound, that is good enough, >= 0.
    pub tolerance: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self { rounds: 12, tolerance: 1e-3 }
    }
}

/// A plan that minds risk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskPlan {
    /// What was made great.
    pub risk: Risk,
    /// The offer of each customer; `None` is no offer.
    pub choice: Vec<Option<usize>>,
    /// What was made great, on the draws (for the mean at the point forecast), money.
    pub objective: f64,
    /// No plan has more; `None` for a quantile, which has no certificate.
    pub bound: Option<f64>,
    /// `bound - objective`, money.
    pub gap: Option<f64>,
    /// What the plan is expected to bring by the point forecast.
    pub net: f64,
    /// What it draws from the budget by the point forecast.
    pub spend: f64,
    /// Rounds it took, the ordinary plan not counted.
    pub rounds: usize,
}

/// A plan met on the way.
struct Met {
    choice: Vec<Option<usize>>,
    nets: Vec<f64>,
}

/// Plans met for one CVaR and the least bound seen.
struct Search {
    met: Vec<Met>,
    bound: f64,
    rounds: usize,
}

impl Search {
    /// The best mixture of the plans met, and the weights that are least favourable to it.
    fn master(&self, alpha: f64) -> Point {
        if let [only] = &self.met[..] {
            return (vec![1.0], tail_weights(&only.nets, alpha));
        }
        let (mixture, mut weights) = master(&self.met.iter().map(|met| met.nets.as_slice()).collect::<Vec<_>>(), alpha);
        let cap = 1.0 / (alpha * weights.len() as f64);
        weights.iter_mut().filter(|q| **q < NEGLIGIBLE * cap).for_each(|q| *q = 0.0);
        (mixture, within(weights, cap))
    }
}

impl Decision<'_> {
    /// The plan that makes `risk` great. [`Risk::Mean`] is the ordinary plan of the point forecast; the plan of a CVaR
    /// or quantile is never worse on the draws than that one.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a share outside its domain or no rounds, [`Error::Shape`], and those of the solver.
    pub fn plan(&self, risk: Risk, params: &Params) -> Result<RiskPlan> {
        self.check()?;
        if params.rounds == 0 {
            return Err(Error::Parameter { name: "rounds", value: 0.0, expected: "at least 1" });
        }
        let (point_net, cost) = self.draws.point()?;
        let mut net = point_net.clone();
        self.admit(&mut net);
        let ordinary = (self.solve)(&net, &cost)?;
        let told = |risk, met: Met, objective: f64, bound: Option<f64>, rounds| {
            let (net, spend) = totals(&met.choice, &point_net, &cost, self.draws.offers());
            let bound = bound.map(|b: f64| b.max(objective));
            RiskPlan {
                risk,
                choice: met.choice,
                objective,
                bound,
                gap: bound.map(|b| b - objective),
                net,
                spend,
                rounds,
            }
        };
        match risk {
            Risk::Mean => {
                let met = Met { choice: ordinary.choice, nets: Vec::new() };
                Ok(told(risk, met, ordinary.net, Some(ordinary.bound), 0))
            }
            Risk::Cvar(alpha) => {
                let start = Met { nets: self.draws.nets(&ordinary.choice)?, choice: ordinary.choice };
                let search = self.search(alpha, &cost, vec![start], params)?;
                let (met, objective) = best(search.met, |nets| cvar(nets, alpha))?;
                Ok(told(risk, met, objective, Some(search.bound), search.rounds))
            }
            Risk::Quantile(q) => {
                if !(0.0..=1.0).contains(&q) {
                    return Err(Error::Parameter { name: "quantile", value: q, expected: "0 to 1" });
                }
                // The mean below a quantile is near a quantile further up: about q / a = 1/2 for a symmetric tail.
                let few = Params { rounds: params.rounds.div_ceil(3), ..*params };
                let mut met = vec![Met { nets: self.draws.nets(&ordinary.choice)?, choice: ordinary.choice }];
                let mut rounds = 0;
                for alpha in [q, 2.0 * q, 4.0 * q, 1.0] {
                    let alpha = alpha.clamp(1.0 / self.draws.count() as f64, 1.0);
                    let search = self.search(alpha, &cost, met, &few)?;
                    (met, rounds) = (search.met, rounds + search.rounds);
                    if alpha >= 1.0 {
                        break;
                    }
                }
                let undefined = Error::TooFew { what: "a quantile", needed: 1, found: 0 };
                let (met, objective) = best(met, |nets| num::quantile(nets, q).ok_or_else(|| undefined.clone()))?;
                Ok(told(risk, met, objective, None, rounds))
            }
        }
    }

    /// Plans on the way to the greatest CVaR, after those already `met`.
    fn search(&self, alpha: f64, cost: &[f64], met: Vec<Met>, params: &Params) -> Result<Search> {
        let mut most = f64::NEG_INFINITY;
        for plan in &met {
            most = most.max(cvar(&plan.nets, alpha)?);
        }
        let mut found = Search { met, bound: f64::INFINITY, rounds: 0 };
        let enough = |bound: f64, most: f64| bound - most <= params.tolerance * bound.abs();
        let (mut mixture, mut weights) = found.master(alpha);
        loop {
            let mut net = self.draws.weighted(&weights)?;
            self.admit(&mut net);
            let plan = (self.solve)(&net, cost)?;
            found.rounds += 1;
            found.bound = found.bound.min(plan.bound);
            let known = found.met.len();
            most = most.max(self.meet(&mut found.met, plan.choice, alpha)?);
            if !enough(found.bound, most) && mixture.iter().filter(|share| **share > 0.02).count() > 1 {
                self.round(&mixture, &found.met[..known], &mut net);
                let plan = (self.solve)(&net, cost)?;
                most = most.max(self.meet(&mut found.met, plan.choice, alpha)?);
            }
            // Without a new plan the master problem would say the same again.
            if found.rounds == params.rounds || enough(found.bound, most) || found.met.len() == known {
                break;
            }
            (mixture, weights) = found.master(alpha);
        }
        Ok(found)
    }

    /// Adds a plan unless it is there; its CVaR.
    fn meet(&self, met: &mut Vec<Met>, choice: Vec<Option<usize>>, alpha: f64) -> Result<f64> {
        if let Some(again) = met.iter().find(|other| other.choice == choice) {
            return cvar(&again.nets, alpha);
        }
        let nets = self.draws.nets(&choice)?;
        let value = cvar(&nets, alpha)?;
        met.push(Met { choice, nets });
        Ok(value)
    }

    /// Leaves in `net` only the offer that a mixture of plans gives each customer: where plans differ, customers take
    /// turns, those with most at stake first, so that every part of them is shared out alike.
    fn round(&self, mixture: &[f64], met: &[Met], net: &mut [f64]) {
        let k = self.draws.offers();
        let stake = |i: usize| net[i * k..(i + 1) * k].iter().fold(0.0_f64, |most, v| most.max(*v));
        let stakes: Vec<f64> = (0..self.draws.customers()).map(|i| -stake(i)).collect();
        let mut due = vec![0.0; mixture.len()];
        for i in num::argsort(&stakes) {
            let differ = met.iter().any(|plan| plan.choice[i] != met[0].choice[i]);
            let mut turn = 0;
            if differ {
                due.iter_mut().zip(mixture).for_each(|(due, share)| *due += share);
                turn = (1..due.len()).fold(0, |best, t| if due[t] > due[best] { t } else { best });
                due[turn] -= 1.0;
            }
            for (offer, net) in net[i * k..(i + 1) * k].iter_mut().enumerate() {
                if met[turn].choice[i] != Some(offer) {
                    *net = net.min(-1.0);
                }
            }
        }
    }
}

/// The plan with the greatest value; between equals the earlier.
fn best(met: Vec<Met>, value: impl Fn(&[f64]) -> Result<f64>) -> Result<(Met, f64)> {
    let mut best: Option<(Met, f64)> = None;
    for plan in met {
        let value = value(&plan.nets)?;
        if best.as_ref().is_none_or(|(_, most)| value > *most) {
            best = Some((plan, value));
        }
    }
    best.ok_or(Error::TooFew { what: "the choice of a plan", needed: 1, found: 0 })
}

fn totals(choice: &[Option<usize>], net: &[f64], cost: &[f64], offers: usize) -> (f64, f64) {
    let given = choice.iter().enumerate().filter_map(|(i, k)| k.map(|k| i * offers + k));
    given.fold((0.0, 0.0), |(sum, spend), at| (sum + net[at], spend + cost[at]))
}

/// Mixtures of plans and weights of draws, each one a point of the game.
type Point = (Vec<f64>, Vec<f64>);

/// The saddle point of `max over mixtures w, min over q in Q, of sum_t w_t sum_s q_s planes[t][s]`, roughly. Any
/// weights in `Q` are right ones for the bound, so accuracy here is only speed elsewhere.
fn master(planes: &[&[f64]], alpha: f64) -> Point {
    let (t, s) = (planes.len(), planes[0].len());
    let cap = 1.0 / (alpha * s as f64);
    let centre = planes.iter().flat_map(|plane| plane.iter()).sum::<f64>() / (t * s) as f64;
    let scale = planes.iter().flat_map(|plane| plane.iter()).fold(0.0_f64, |most, v| most.max((v - centre).abs()));
    let mut at: Point = (vec![1.0 / t as f64; t], vec![1.0 / s as f64; s]);
    if scale <= 0.0 {
        return at;
    }
    let payoff: Vec<Vec<f64>> =
        planes.iter().map(|plane| plane.iter().map(|v| (v - centre) / scale).collect()).collect();
    // What each plan brings under the weights, and what each draw brings of the mixture.
    let force = |(w, q): &Point| -> Point {
        let of_plan = payoff.iter().map(|plane| plane.iter().zip(q).map(|(a, q)| a * q).sum()).collect();
        let mut of_draw = vec![0.0; s];
        for (plane, w) in payoff.iter().zip(w) {
            of_draw.iter_mut().zip(plane).for_each(|(sum, a)| *sum += w * a);
        }
        (of_plan, of_draw)
    };
    let prox = |from: &Point, force: &Point, step: f64| -> Point {
        let move_by = |from: &[f64], force: &[f64], step: f64| {
            // Never quite 0, or what has died out could not come back.
            from.iter().zip(force).map(|(v, f)| (v * (step * f).exp()).max(1e-200)).collect::<Vec<f64>>()
        };
        (within(move_by(&from.0, &force.0, step), 1.0), within(move_by(&from.1, &force.1, -step), cap))
    };
    let (mut sum, mut total): (Point, f64) = ((vec![0.0; t], vec![0.0; s]), 0.0);
    let (mut step, mut mean) = (1.0, at.clone());
    for round in 1..=STEPS {
        let here = force(&at);
        let ahead = prox(&at, &here, step);
        let there = force(&ahead);
        let next = prox(&at, &there, step);
        // The step is right where the error of looking ahead is paid for by the distance (Nemirovski 2004, eq. 3.2;
        // relative entropy is at least half the squared sum of differences).
        let error = product(&there.0, &here.0, &next.0, &ahead.0) - product(&there.1, &here.1, &next.1, &ahead.1);
        let paid = square(&ahead.0, &at.0) + square(&ahead.1, &at.1) + square(&next.0, &ahead.0);
        if step * error > 0.5 * (paid + square(&next.1, &ahead.1)) && step > 1e-3 {
            step *= 0.5;
            continue;
        }
        sum.0.iter_mut().zip(&ahead.0).for_each(|(sum, v)| *sum += step * v);
        sum.1.iter_mut().zip(&ahead.1).for_each(|(sum, v)| *sum += step * v);
        total += step;
        // Payoffs are at most 1: with longer steps one weight is all there is, and its powers overflow.
        step = (step * 1.2).min(LONGEST);
        at = next;
        if round % 25 == 0 || round == STEPS {
            mean.0.iter_mut().zip(&sum.0).for_each(|(mean, v)| *mean = v / total);
            mean.1.iter_mut().zip(&sum.1).for_each(|(mean, v)| *mean = v / total);
            let (of_plan, of_draw) = force(&mean);
            let greatest = of_plan.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let least: f64 = tail_weights(&of_draw, alpha).iter().zip(&of_draw).map(|(q, v)| q * v).sum();
            if greatest - least < ACCURACY {
                break;
            }
        }
    }
    mean
}

/// `(a - b) . (c - d)`.
fn product(a: &[f64], b: &[f64], c: &[f64], d: &[f64]) -> f64 {
    a.iter().zip(b).zip(c.iter().zip(d)).map(|((a, b), (c, d))| (a - b) * (c - d)).sum()
}

/// The square of the sum of absolute differences.
fn square(a: &[f64], b: &[f64]) -> f64 {
    let sum: f64 = a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum();
    sum * sum
}

/// The weights nearest to `raw` (in relative entropy) that sum to 1 with none above `cap`: a common factor, cut off.
fn within(raw: Vec<f64>, cap: f64) -> Vec<f64> {
    let mut weights = raw;
    let mut full = vec![false; weights.len()];
    // Each pass cuts off what the factor lifts above the cap; the rest shares what is left, so the factor only grows.
    loop {
        let count = full.iter().filter(|f| **f).count();
        let rest: f64 = weights.iter().zip(&full).filter(|(_, f)| !**f).map(|(v, _)| *v).sum();
        let factor = if rest > 0.0 { (1.0 - count as f64 * cap).max(0.0) / rest } else { 0.0 };
        let mut again = false;
        for (v, full) in weights.iter().zip(&mut full).filter(|(v, full)| !**full && **v * factor > cap) {
            (*full, again) = (*v > 0.0, true);
        }
        if !again {
            weights.iter_mut().zip(&full).for_each(|(v, full)| *v = if *full { cap } else { *v * factor });
            return weights;
        }
    }
}

//! Which offer each customer gets under a budget: a multiple-choice knapsack with a certificate in money.
//!
//! Question: each of `n` customers may get at most one of `K` offers. Offer `k` to customer `i` is expected to bring
//! `net[i][k]` more than doing nothing and draws `cost[i][k]` from the budget `B`; offer `k` may go to at most `cap[k]`
//! customers. Which choice brings most?
//!
//! Model: maximise `sum net[i][k] x[i][k]` subject to `sum cost x <= B`, `sum_i x[i][k] <= cap[k]`, `sum_k x[i][k] <= 1`,
//! `x` in {0, 1}. For any prices `lambda >= 0` of budget and `mu >= 0` of places, the Lagrangian
//! `L = lambda B + sum_k mu[k] cap[k] + sum_i max(0, max_k (net - lambda cost - mu[k]))` is an upper bound on what any
//! plan can bring; the plan's distance from the least bound found is its certificate.
//!
//! Method (Sinha and Zoltners 1979; Pisinger 1995): only offers on the upper convex hull of a customer's (cost, net)
//! points matter to the relaxed problem, whose solution takes the hulls' increments by falling efficiency
//! until the budget is spent. The prices of caps are found by exact line searches inside a bisection on `lambda`. The
//! integer plan then uses up what is left and exchanges offers near the break. Increments that bring nothing are never
//! taken, so money may be left over.
//!
//! Exactness: the bound is the relaxed optimum (to rounding of the bisection; with more than four caps it is valid but
//! may be above it), and a best plan is less than one increment for each constraint below that. What is returned is
//! usually that best plan and always feasible. Equal customers are served in the order of the input.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::num;

mod dual;
pub mod expected;
pub mod explain;
mod greedy;
mod path;
pub mod risk;
mod state;
#[cfg(test)]
mod tests;

use dual::Dual;
use path::Path;
use state::State;

/// What is to be allocated; "no offer" is always possible, brings 0 and costs 0.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// The number of customers.
    pub n_customers: usize,
    /// The number of offers, not counting "no offer".
    pub offers: usize,
    /// What offer `k` is expected to bring customer `i` beyond no offer, in money, after its own cost; row-major,
    /// customers x offers.
    pub net: &'a [f64],
    /// What it draws from the budget, in money, not negative; same shape.
    pub cost: &'a [f64],
    /// The budget in money; `None` where there is no limit.
    pub budget: Option<f64>,
    /// For each offer the greatest number of customers; `None` where there is no limit.
    pub caps: &'a [Option<usize>],
    /// Whether each customer may be given an offer at all; `None` means everybody may.
    pub eligible: Option<&'a [bool]>,
}

/// How a plan was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Relaxed path over convex hulls with prices for caps, then integer repair.
    Lagrange,
    /// The common rule: highest expected value first.
    Greedy,
}

/// A feasible plan and how far from the best it can be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The offer of each customer; `None` is no offer.
    pub choice: Vec<Option<usize>>,
    /// What the plan is expected to bring, in money.
    pub net: f64,
    /// What it draws from the budget.
    pub spend: f64,
    /// The customers of each offer.
    pub counts: Vec<usize>,
    /// No plan can bring more than this.
    pub bound: f64,
    /// `bound - net`: the most that this plan can be below the best.
    pub gap: f64,
    /// `gap / bound`; 0 where the bound is 0.
    pub gap_share: f64,
    /// What one more unit of budget would bring at the margin; 0 where the budget does not bind.
    pub shadow_price: f64,
    /// What one more place would bring at the margin, for each offer; 0 where its cap does not bind.
    pub cap_prices: Vec<f64>,
    /// How the plan was made.
    pub method: Method,
}

/// The best plan at one budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// The budget in money.
    pub budget: f64,
    /// What the plan draws from it.
    pub spend: f64,
    /// What the plan is expected to bring.
    pub net: f64,
    /// No plan within the budget can bring more than this.
    pub bound: f64,
    /// What one more unit of budget would bring at the margin.
    pub shadow_price: f64,
    /// The customers of each offer.
    pub counts: Vec<usize>,
}

/// The best plan that the relaxation and its repair find, never worse than [`greedy`].
///
/// # Errors
/// [`Error::Shape`] when lengths disagree, [`Error::NotFinite`] for NaN or infinity in `net` or `cost`,
/// [`Error::Parameter`] for a negative cost or a budget that is negative or not finite.
///
/// The worked case of the maq package: offer A costs 3 and B 6; Alice, Bob and Eve gain 30, 40, 10 by A and 10, 50, 55
/// by B (before cost is counted, so `net` here is the gain); the budget is 15.
///
/// ```
/// use tenure_math::allocate::{Problem, solve};
/// let plan = solve(&Problem {
///     n_customers: 3,
///     offers: 2,
///     net: &[30., 10., 40., 50., 10., 55.],
///     cost: &[3., 6., 3., 6., 3., 6.],
///     budget: Some(15.0),
///     caps: &[None, None],
///     eligible: None,
/// })?;
/// assert_eq!(plan.choice, [Some(0), Some(1), Some(1)]);
/// assert_eq!((plan.net, plan.spend, plan.gap), (135.0, 15.0, 0.0));
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn solve(problem: &Problem<'_>) -> Result<Plan> {
    let mut instance = Instance::new(problem)?;
    let prepared = Prepared::new(&instance);
    instance.set_budget(problem.budget)?;
    let dual = Dual::solve(&instance, &prepared.path);
    let state = best_state(&instance, &prepared, &dual);
    Ok(plan(&instance, &state, &dual, Method::Lagrange))
}

/// The common rule, for comparison: customers in the order of their best offer's expected value, the highest first; each
/// gets the best of its offers that still fits the budget and the caps, or none. The bound is that of [`solve`].
///
/// # Errors
/// As [`solve`].
pub fn greedy(problem: &Problem<'_>) -> Result<Plan> {
    let mut instance = Instance::new(problem)?;
    let prepared = Prepared::new(&instance);
    instance.set_budget(problem.budget)?;
    let dual = Dual::solve(&instance, &prepared.path);
    let state = greedy::fill(&instance, &prepared.by_value);
    Ok(plan(&instance, &state, &dual, Method::Greedy))
}

/// The best plan at each of `budgets` (the problem's own budget is not looked at), in their order. Hulls and sorting are
/// done once. What a larger budget brings is never less than what a smaller one of the list does.
///
/// # Errors
/// As [`solve`].
pub fn budget_curve(problem: &Problem<'_>, budgets: &[f64]) -> Result<Vec<CurvePoint>> {
    let mut instance = Instance::new(problem)?;
    let prepared = Prepared::new(&instance);
    let mut points: Vec<Option<CurvePoint>> = vec![None; budgets.len()];
    let mut before: Option<(f64, f64, Vec<usize>)> = None;
    for at in num::argsort(budgets) {
        instance.set_budget(Some(budgets[at]))?;
        let dual = Dual::solve(&instance, &prepared.path);
        let state = best_state(&instance, &prepared, &dual);
        let (mut net, mut spend) = state.totals();
        let mut counts = state.counts;
        if let Some((least, its_spend, its_counts)) = before.take()
            && least > net
        {
            (net, spend, counts) = (least, its_spend, its_counts);
        }
        before = Some((net, spend, counts.clone()));
        let bound = dual.bound.max(net);
        points[at] = Some(CurvePoint { budget: budgets[at], spend, net, bound, shadow_price: dual.lambda, counts });
    }
    Ok(points.into_iter().flatten().collect())
}

/// A problem that was checked, with limits as plain numbers.
struct Instance<'a> {
    customers: usize,
    offers: usize,
    net: &'a [f64],
    cost: &'a [f64],
    /// Infinite where there is none.
    budget: f64,
    /// `usize::MAX` where there is none.
    caps: Vec<usize>,
    /// The customers whom some offer would do good: all others stay without.
    active: Vec<usize>,
}

impl<'a> Instance<'a> {
    /// Checks everything but the budget, which starts without limit.
    fn new(problem: &Problem<'a>) -> Result<Self> {
        let (n, k) = (problem.n_customers, problem.offers);
        num::require_len("net", n * k, problem.net.len())?;
        num::require_len("cost", n * k, problem.cost.len())?;
        num::require_len("caps", k, problem.caps.len())?;
        if let Some(eligible) = problem.eligible {
            num::require_len("eligible", n, eligible.len())?;
        }
        for (what, values) in [("net", problem.net), ("cost", problem.cost)] {
            if let Some(at) = values.iter().position(|v| !v.is_finite()) {
                return Err(Error::NotFinite { what, row: at / k, column: at % k });
            }
        }
        if let Some(&value) = problem.cost.iter().find(|&&c| c < 0.0) {
            return Err(Error::Parameter { name: "cost", value, expected: "at least 0" });
        }
        let caps = problem.caps.iter().map(|cap| cap.unwrap_or(usize::MAX)).collect();
        let active = (0..n)
            .filter(|&i| problem.eligible.is_none_or(|e| e[i]))
            .filter(|&i| problem.net[i * k..(i + 1) * k].iter().any(|&v| v > 0.0))
            .collect();
        let (net, cost) = (problem.net, problem.cost);
        Ok(Self { customers: n, offers: k, net, cost, budget: f64::INFINITY, caps, active })
    }

    fn set_budget(&mut self, budget: Option<f64>) -> Result<()> {
        if let Some(value) = budget.filter(|b| !b.is_finite() || *b < 0.0) {
            return Err(Error::Parameter { name: "budget", value, expected: "a finite number >= 0" });
        }
        self.budget = budget.unwrap_or(f64::INFINITY);
        Ok(())
    }

    /// What may be spent when sums are rounded: three times 0.10 is within 0.30.
    fn allowed(&self) -> f64 {
        self.budget + self.budget.min(f64::MAX) * 1e-12
    }

    /// The net values of customer `i` for decisions: earlier customers count for a hair more, so that no two are equal
    /// and the price of a cap parts those who get a place from those who do not.
    fn weight(&self, i: usize) -> f64 {
        1.0 + 1e-8 * (self.customers - i) as f64 / self.customers as f64
    }

    fn net_of(&self, i: usize) -> &[f64] {
        &self.net[i * self.offers..(i + 1) * self.offers]
    }

    fn cost_of(&self, i: usize) -> &[f64] {
        &self.cost[i * self.offers..(i + 1) * self.offers]
    }
}

/// What does not depend on the budget.
struct Prepared {
    path: Path,
    by_value: Vec<usize>,
}

impl Prepared {
    fn new(instance: &Instance<'_>) -> Self {
        Self { path: Path::new(instance, &vec![0.0; instance.offers]), by_value: greedy::order(instance) }
    }
}

/// The better of the repaired relaxation and the improved common rule.
fn best_state<'a>(instance: &'a Instance<'a>, prepared: &Prepared, dual: &Dual) -> State<'a> {
    let mut state = dual.path.as_ref().unwrap_or(&prepared.path).take(instance);
    state.meet_caps(dual.lambda, &dual.mu);
    state.improve(dual.lambda, &dual.mu);
    let (net, _) = state.totals();
    if net < dual.bound {
        let mut other = greedy::fill(instance, &prepared.by_value);
        if other.totals().0 > net {
            other.improve(dual.lambda, &dual.mu);
            return other;
        }
    }
    state
}

fn plan(instance: &Instance<'_>, state: &State<'_>, dual: &Dual, method: Method) -> Plan {
    let (net, spend) = state.totals();
    // The bound holds in exact arithmetic; sums in another order may differ by rounding.
    debug_assert!(net <= dual.bound + 1e-9 * dual.bound.abs().max(1.0), "plan {net} above bound {}", dual.bound);
    let bound = dual.bound.max(net);
    let gap = bound - net;
    Plan {
        choice: (0..instance.customers).map(|i| state.choice_of(i)).collect(),
        net,
        spend,
        counts: state.counts.clone(),
        bound,
        gap,
        gap_share: if bound > 0.0 { gap / bound } else { 0.0 },
        shadow_price: dual.lambda,
        cap_prices: dual.mu.clone(),
        method,
    }
}

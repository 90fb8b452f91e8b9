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
//! [`Limit`]s add any number of further rows, with ceilings and floors over some offers and customers, and a signed price
//! each.
//!
//! Method (Sinha and Zoltners 1979; Pisinger 1995): the relaxed problem is solved exactly for all prices at once
//! (`dual`, `lp`), its plan is made whole, mended and improved near the break (`state`), and what gap remains is searched
//! for better plans (`branch`, with a sharper bound for ceilings under which few offers fit, `decompose`): a little by
//! [`solve`], until it is closed by [`exact`]. A choice that loses money is made
//! only where a floor demands it; its price says what the floor costs. Money may be left over.
//!
//! Exactness: the bound is the relaxed optimum, to rounding, and a best plan is less than one increment for each row below
//! that. What [`solve`] returns is usually that best plan and always feasible. Equal customers are served in the order of
//! the input. The same bytes on any number of threads.
//!
//! Units: money. Limits: customers fit 32 bits; memory is some 40 bytes a customer beside the input.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::num;

mod branch;
mod check;
mod conflict;
mod decompose;
mod dual;
pub mod expected;
pub mod explain;
mod greedy;
pub mod hindsight;
mod instance;
mod knapsack;
mod limit;
mod lp;
mod pool;
mod ratio;
pub mod risk;
mod state;
#[cfg(test)]
mod tests;

pub use limit::{Limit, LimitUse, Measure};

use dual::Dual;
use instance::{Instance, Source};
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
    /// Whether each customer may be given each offer (consent, suppression), customers x offers; `None` means every one.
    pub allowed: Option<&'a [bool]>,
    /// Side constraints beside the budget and the caps.
    pub limits: &'a [Limit<'a>],
}

/// How a plan was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The relaxed optimum made whole and improved.
    Lagrange,
    /// Then branch and bound until the gap is closed or the work is spent.
    Exact,
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
    /// How each of the problem's limits stands, in their order.
    pub limits: Vec<LimitUse>,
    /// Relaxed problems that branch and bound has solved.
    pub nodes: usize,
    /// How the plan was made.
    pub method: Method,
}

impl Plan {
    /// Another choice for the same problem, beside the same bound and prices: what it brings and uses, how far it is from
    /// the bound, and which limits it keeps.
    ///
    /// # Errors
    /// As [`solve`] for the problem; [`Error::Shape`] where the choice or the plan is not of this problem,
    /// [`Error::Parameter`] where the choice names an offer that there is not.
    ///
    /// ```
    /// use tenure_math::allocate::{Limit, Measure, Problem, solve};
    /// let limits = [Limit::new("money", Measure::Cost).at_most(9.0)];
    /// let problem = Problem {
    ///     n_customers: 2,
    ///     offers: 1,
    ///     net: &[5.0, 2.0],
    ///     cost: &[9.0, 8.0],
    ///     budget: None,
    ///     caps: &[None],
    ///     eligible: None,
    ///     allowed: None,
    ///     limits: &limits,
    /// };
    /// let best = solve(&problem)?;
    /// let other = best.with_choice(&problem, &[None, Some(0)])?;
    /// assert_eq!((other.net, other.spend, other.gap), (2.0, 8.0, best.bound - 2.0));
    /// assert!(other.limits[0].kept && !best.with_choice(&problem, &[Some(0), Some(0)])?.limits[0].kept);
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    pub fn with_choice(&self, problem: &Problem<'_>, choice: &[Option<usize>]) -> Result<Self> {
        require_choice(problem, choice)?;
        num::require_len("the limits of the plan", problem.limits.len(), self.limits.len())?;
        let instance = Instance::new(problem)?;
        let prices = Prices {
            budget: self.shadow_price,
            caps: self.cap_prices.clone(),
            limits: self.limits.iter().map(|limit| limit.price).collect(),
        };
        let choice = choice.iter().map(|k| k.unwrap_or(problem.offers) as u32).collect();
        let found = Found { choice, bound: self.bound, nodes: self.nodes };
        Ok(told(problem, &instance, prices, &found, self.method))
    }
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

/// The best plan that the relaxation, its repair and a short search find, never worse than [`greedy`] where that keeps all
/// limits (with more than 100,000 customers: never worse by more than a millionth).
///
/// # Errors
/// [`Error::Shape`] when lengths disagree, [`Error::NotFinite`] for NaN or infinity in `net`, `cost` or a measure,
/// [`Error::Parameter`] for a negative cost, a budget that is negative or not finite, a bound that is not finite or a limit
/// on an offer that there is not, [`Error::Infeasible`] with the constraints that conflict.
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
///     allowed: None,
///     limits: &[],
/// })?;
/// assert_eq!(plan.choice, [Some(0), Some(1), Some(1)]);
/// assert_eq!((plan.net, plan.spend, plan.gap), (135.0, 15.0, 0.0));
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn solve(problem: &Problem<'_>) -> Result<Plan> {
    best(problem, Effort { nodes: POLISH, sharp: true }, Method::Lagrange, None)
}

/// As [`solve`], where a plan of nearly the same problem is known: one whose nets or costs differ a little. It is where the
/// search starts if none other is at hand, so that a plan is found also where floors leave little room.
///
/// # Errors
/// As [`solve`]; [`Error::Shape`] where `near` is not of the same customers, [`Error::Parameter`] where it names an offer
/// that there is not.
///
/// ```
/// use tenure_math::allocate::{Problem, solve, solve_near};
/// let problem = Problem {
///     n_customers: 2,
///     offers: 1,
///     net: &[7.0, 5.0],
///     cost: &[6.0, 5.0],
///     budget: Some(6.0),
///     caps: &[None],
///     eligible: None,
///     allowed: None,
///     limits: &[],
/// };
/// assert_eq!(solve_near(&problem, &[None, Some(0)])?, solve(&problem)?);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn solve_near(problem: &Problem<'_>, near: &[Option<usize>]) -> Result<Plan> {
    require_choice(problem, near)?;
    best(problem, Effort { nodes: POLISH, sharp: false }, Method::Lagrange, Some(near))
}

/// The best plan there is, proved by branch and bound: `gap` is 0 (to a cent where all nets are whole cents, else to 1e-9
/// of the plan) unless more than `nodes` relaxed problems would have to be solved. Then plan and bound are the best found.
/// A thousand nodes are about a second where customers are in the hundreds; most problems with a few limits need under a
/// hundred.
///
/// # Errors
/// As [`solve`].
///
/// ```
/// use tenure_math::allocate::{Problem, exact};
/// // The relaxed plan takes two thirds of the first customer; two whole ones bring 9.
/// let plan = exact(
///     &Problem {
///         n_customers: 3,
///         offers: 1,
///         net: &[7.0, 5.0, 4.0],
///         cost: &[6.0, 5.0, 5.0],
///         budget: Some(10.0),
///         caps: &[None],
///         eligible: None,
///         allowed: None,
///         limits: &[],
///     },
///     1_000,
/// )?;
/// assert_eq!((plan.net, plan.gap), (9.0, 0.0));
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn exact(problem: &Problem<'_>, nodes: usize) -> Result<Plan> {
    best(problem, Effort { nodes, sharp: true }, Method::Exact, None)
}

/// The common rule, for comparison: customers in the order of their best offer's expected value, the highest first; each
/// gets the best of its offers that brings something and still fits under all ceilings, or none. It knows no floors:
/// whether it keeps them stands in [`Plan::limits`]. The bound is that of [`solve`].
///
/// # Errors
/// As [`solve`].
pub fn greedy(problem: &Problem<'_>) -> Result<Plan> {
    let instance = Instance::new(problem)?;
    let dual = Dual::solve(&instance).map_err(|ray| conflict::explain(problem, &instance, &ray))?;
    let state = greedy::fill(&instance);
    let found = Found { bound: dual.bound, choice: state.choice, nodes: 0 };
    Ok(plan(problem, &instance, &dual, &found, Method::Greedy))
}

/// Refuses a plan of other customers or offers.
fn require_choice(problem: &Problem<'_>, choice: &[Option<usize>]) -> Result<()> {
    num::require_len("choice", problem.n_customers, choice.len())?;
    match choice.iter().flatten().find(|k| **k >= problem.offers) {
        Some(k) => Err(Error::Parameter { name: "choice", value: *k as f64, expected: "an offer of the problem" }),
        None => Ok(()),
    }
}

/// The best plan at each of `budgets` (the problem's own budget is not looked at), in their order. What a larger budget
/// brings is never less than what a smaller one of the list does. Budgets at which the limits cannot be met are left out.
///
/// # Errors
/// As [`solve`]; [`Error::Infeasible`] where no budget of the list is enough.
pub fn budget_curve(problem: &Problem<'_>, budgets: &[f64]) -> Result<Vec<CurvePoint>> {
    let mut points: Vec<Option<CurvePoint>> = vec![None; budgets.len()];
    let mut before: Option<CurvePoint> = None;
    let mut refused = None;
    let mut instance = Instance::new(&Problem { budget: Some(0.0), ..*problem })?;
    for at in num::argsort(budgets) {
        let budget = budgets[at];
        instance.set_budget(problem, budget)?;
        let own = Problem { budget: Some(budget), ..*problem };
        let (dual, found) = match priced(&own, &mut instance, Effort { nodes: POLISH_POINT, sharp: false }, None) {
            Ok(made) => made,
            Err(error) => {
                refused = Some(error);
                continue;
            }
        };
        let plan = plan(&own, &instance, &dual, &found, Method::Lagrange);
        let Plan { net, spend, bound, shadow_price, counts, .. } = plan;
        let mut point = CurvePoint { budget, spend, net, bound, shadow_price, counts };
        if let Some(less) = before.take().filter(|less| less.net > net) {
            point = CurvePoint { bound: bound.max(less.net), budget, shadow_price, ..less };
        }
        before = Some(point.clone());
        points[at] = Some(point);
    }
    // What bounds a larger budget bounds a smaller one.
    let mut least = f64::INFINITY;
    for at in num::argsort(budgets).into_iter().rev() {
        if let Some(point) = &mut points[at] {
            least = least.min(point.bound);
            point.bound = least;
        }
    }
    match refused {
        Some(error) if points.iter().all(Option::is_none) => Err(error),
        _ => Ok(points.into_iter().flatten().collect()),
    }
}

/// Relaxed problems that [`solve`] spends on closing the gap.
const POLISH: usize = 1_000;
/// The same for each point of [`budget_curve`].
const POLISH_POINT: usize = 200;

/// What a search for better plans may cost.
#[derive(Debug, Clone, Copy)]
struct Effort {
    /// Relaxed problems.
    nodes: usize,
    /// Whether their bounds are sharpened, which takes several times as long for each. Draws and points of a curve, of which
    /// there are many, go without.
    sharp: bool,
}

/// A whole plan and what is proved of it.
struct Found {
    choice: Vec<u32>,
    bound: f64,
    nodes: usize,
}

fn best(problem: &Problem<'_>, effort: Effort, method: Method, near: Option<&[Option<usize>]>) -> Result<Plan> {
    let mut instance = Instance::new(problem)?;
    let (dual, found) = priced(problem, &mut instance, effort, near)?;
    Ok(plan(problem, &instance, &dual, &found, method))
}

/// Prices of the relaxed problem and a whole plan. Where some offer would break a ceiling by itself, the plan and its bound
/// come of the problem without it: a part of it at the margin has a price, but no whole plan has it.
fn priced(
    problem: &Problem<'_>,
    instance: &mut Instance<'_>,
    effort: Effort,
    near: Option<&[Option<usize>]>,
) -> Result<(Dual, Found)> {
    instance.strict = false;
    let dual = Dual::solve(instance).map_err(|ray| conflict::explain(problem, instance, &ray))?;
    if !instance.has_too_dear() {
        let found = search(instance, &dual, effort, near)?;
        return Ok((dual, found));
    }
    instance.strict = true;
    let strict = Dual::solve(instance).map_err(|ray| conflict::explain(problem, instance, &ray))?;
    let mut found = search(instance, &strict, effort, near)?;
    found.bound = found.bound.min(dual.bound);
    Ok((dual, found))
}

/// The relaxed plan made whole, and as much of the gap closed as `effort` allows.
fn search(instance: &Instance<'_>, dual: &Dual, effort: Effort, near: Option<&[Option<usize>]>) -> Result<Found> {
    let closed = |net: f64| dual.bound - net <= 1e-9 * dual.bound.abs();
    let mut state = State::new(instance, dual.choice.clone());
    let mut at_hand = state.mend(&dual.y, &dual.core).then(|| state.net());
    let doubtful = |net: f64| instance.customers <= 100_000 || dual.bound - net > 1e-6 * dual.bound.abs();
    if at_hand.is_none_or(|net| !closed(net) && doubtful(net)) {
        let mut other = greedy::fill(instance);
        if other.is_feasible() && at_hand.is_none_or(|net| other.net() > net) && other.mend(&dual.y, &dual.core) {
            at_hand = Some(other.net());
            state = other;
        }
    }
    if let (None, Some(near)) = (at_hand, near) {
        let choice = near.iter().enumerate().map(|(i, k)| k.filter(|&k| instance.may(i, k)).unwrap_or(instance.offers));
        let mut other = State::new(instance, choice.map(|k| k as u32).collect());
        if other.mend(&dual.y, &dual.core) {
            at_hand = Some(other.net());
            state = other;
        }
    }
    if at_hand.is_some_and(closed) {
        return Ok(Found { choice: state.choice, bound: dual.bound, nodes: 0 });
    }
    let nodes = if at_hand.is_none() { effort.nodes.max(FEASIBILITY) } else { effort.nodes };
    let effort = Effort { nodes, ..effort };
    let found = branch::search(instance, dual, at_hand.map(|net| (&state.choice[..], net)), effort);
    match (found.choice, at_hand) {
        (Some(choice), _) => Ok(Found { choice, bound: found.bound.min(dual.bound), nodes: found.nodes }),
        (None, Some(_)) => Ok(Found { choice: state.choice, bound: found.bound.min(dual.bound), nodes: found.nodes }),
        (None, None) if found.complete => Err(Error::Infeasible {
            reason: "customers in parts could meet all of them, whole customers cannot".to_owned(),
        }),
        (None, None) => Err(Error::Infeasible {
            reason: format!("customers in parts could meet all of them, but no whole plan was found in {nodes} steps"),
        }),
    }
}

/// Relaxed problems that are solved at least before a plan is said not to exist.
const FEASIBILITY: usize = 2_000;

fn plan(problem: &Problem<'_>, instance: &Instance<'_>, dual: &Dual, found: &Found, method: Method) -> Plan {
    let mut prices = Prices { budget: 0.0, caps: vec![0.0; instance.offers], limits: vec![0.0; problem.limits.len()] };
    for (r, row) in instance.rows.iter().enumerate() {
        let price = instance.price_of(r, &dual.y);
        match row.source {
            Source::Budget => prices.budget = price,
            Source::Cap(k) => prices.caps[k] = price,
            Source::Limit(at) => prices.limits[at] = price,
            Source::Count => {}
        }
    }
    told(problem, instance, prices, found, method)
}

/// What one more unit of each right side would bring at the margin, money.
struct Prices {
    budget: f64,
    caps: Vec<f64>,
    limits: Vec<f64>,
}

/// Every figure of a plan from its choice, at given prices.
fn told(problem: &Problem<'_>, instance: &Instance<'_>, prices: Prices, found: &Found, method: Method) -> Plan {
    let (mut net, mut spend, mut counts) = (0.0, 0.0, vec![0; instance.offers]);
    for (i, k) in found.choice.iter().enumerate().map(|(i, &k)| (i, k as usize)).filter(|(_, k)| *k < instance.offers) {
        net += instance.net_of(i, k);
        spend += instance.cost_of(i, k);
        counts[k] += 1;
    }
    let sums = instance.sums(&found.choice);
    let mut limits: Vec<LimitUse> = Vec::with_capacity(problem.limits.len());
    for (row, &sum) in instance.rows.iter().zip(&sums) {
        if let Source::Limit(at) = row.source {
            let Limit { name, at_most, at_least, .. } = &problem.limits[at];
            let (used, kept) = (sum / row.unit, row.excess(sum) <= 0.0);
            let price = prices.limits[at];
            limits.push(LimitUse { name: name.clone(), used, at_most: *at_most, at_least: *at_least, price, kept });
        }
    }
    // The bound holds in exact arithmetic; sums in another order may differ by rounding. A plan of the common rule that
    // breaks a floor may bring more than any that keeps it.
    let bound = found.bound.max(net);
    let gap = bound - net;
    Plan {
        choice: found.choice.iter().map(|&k| (k as usize != instance.offers).then_some(k as usize)).collect(),
        net,
        spend,
        counts,
        bound,
        gap,
        gap_share: if bound > 0.0 { gap / bound } else { 0.0 },
        shadow_price: prices.budget,
        cap_prices: prices.caps,
        limits,
        nodes: found.nodes,
        method,
    }
}

//! What an offer table says before any customer is known, and how a plan depends on its rates.
//!
//! Question: from which size of a customer on is an offer the best, and what is left of a plan if its offers work less
//! than assumed? Model: with `x` the money at stake, an offer without discount to those who would have stayed is a line
//!
//! ```text
//! net_k(x) = r_k (m_k - d_k) x - c_k       x = p v  (share_of_churners)    or    x = v  (points, p above every rate)
//! ```
//!
//! (for customers part of whom have left, without discount, `x` is what is within reach times what is gained). The best
//! offer at each `x` is the upper envelope of these lines and 0; an offer is the best between two neighbours' crossings
//! `(c_k - c_j) / (slope_k - slope_j)`, or nowhere. A discount that those who stay use too (`q d > 0`) makes a line
//! depend on `p` and `v` apart: then only [`thresholds_at`] a given `p` has an answer. Domain: `x >= 0`, money.
//!
//! Limits: budget and places have no price here; with one, offers start later. All rates are moved together.

use serde::{Deserialize, Serialize};

use crate::allocate::expected::{Offer, OfferTable, Prospect};
use crate::allocate::risk::Solver;
use crate::error::{Error, Result};
use crate::num;

/// The factors that rates are multiplied with.
const FACTORS: [f64; 7] = [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5];
/// Shares of their rates that offers might have with those who have left.
const WINBACKS: [f64; 4] = [0.0, 0.25, 0.5, 1.0];
/// Halvings of the bracket around the break-even factor.
const HALVINGS: usize = 100;

/// Whether an offer is ever the best of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is the best from its threshold to the next.
    Best,
    /// Another offer or none is at least as good everywhere.
    Dominated,
    /// The table has a discount that those who stay use too, so that it depends on the churn probability.
    DependsOnChurn,
}

/// From where on an offer is the best.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The offer's place in the table.
    pub offer: usize,
    /// The money at stake above which it is the best: churn probability times value for
    /// `share_of_churners` tables, value for `points` and for [`thresholds_at`]; `None` unless `standing`
    /// is [`Standing::Best`].
    pub from: Option<f64>,
    /// The offer that is the best just below; `None` is no offer.
    pub over: Option<usize>,
    /// Whether it is ever the best.
    pub standing: Standing,
}

/// From which money at stake on each offer of the table is the best, in the table's order.
///
/// ```
/// use tenure_math::allocate::expected::retention;
/// use tenure_math::allocate::explain::thresholds;
/// let from: Vec<f64> = thresholds(&retention()).iter().filter_map(|t| t.from).collect();
/// assert!(from.iter().zip([50.0, 75.0, 125.0]).all(|(a, b)| (a - b).abs() < 1e-9));
/// ```
#[must_use]
pub fn thresholds(table: &OfferTable) -> Vec<Threshold> {
    if table.offers.iter().any(|offer| offer.discount_share * offer.redemption_by_loyal > 0.0) {
        let standing = Standing::DependsOnChurn;
        return (0..table.offers.len()).map(|offer| Threshold { offer, from: None, over: None, standing }).collect();
    }
    let line = |offer: &Offer| (offer.rate * (offer.margin - offer.discount_share), offer.contact_cost);
    envelope(&table.offers.iter().map(line).collect::<Vec<_>>())
}

/// From which *value* on each offer is the best for customers who leave with probability `p`, discounts counted in
/// full.
///
/// # Errors
/// [`Error::Parameter`] for a probability outside 0..1.
pub fn thresholds_at(table: &OfferTable, p: f64) -> Result<Vec<Threshold>> {
    if !(0.0..=1.0).contains(&p) {
        return Err(Error::Parameter { name: "p_churn", value: p, expected: "0 to 1" });
    }
    let of = Prospect::new(p, 1.0);
    let line = |offer: &Offer| {
        let kept = offer.kept(&of, table.rate_kind, table.winback);
        let given = offer.discount_share * (kept + offer.redemption_by_loyal * (1.0 - p));
        (kept * offer.margin - given, offer.contact_cost)
    };
    Ok(envelope(&table.offers.iter().map(line).collect::<Vec<_>>()))
}

/// The upper envelope, from 0 on, of lines (slope, cost) and of no offer.
fn envelope(lines: &[(f64, f64)]) -> Vec<Threshold> {
    let mut found: Vec<Threshold> = (0..lines.len())
        .map(|offer| Threshold { offer, from: None, over: None, standing: Standing::Dominated })
        .collect();
    let (mut over, mut slope, mut cost): (Option<usize>, f64, f64) = (None, 0.0, 0.0);
    loop {
        // The next line up: the earliest crossing, of those the steepest, of those the first.
        let mut next: Option<(f64, usize)> = None;
        for (k, &(its_slope, its_cost)) in lines.iter().enumerate().filter(|(_, line)| line.0 > slope) {
            let at = ((its_cost - cost) / (its_slope - slope)).max(0.0);
            let before = |(least, best): (f64, usize)| at < least || (at <= least && its_slope > lines[best].0);
            if next.is_none_or(before) {
                next = Some((at, k));
            }
        }
        let Some((from, k)) = next else { return found };
        found[k] = Threshold { offer: k, from: Some(from), over, standing: Standing::Best };
        (over, slope, cost) = (Some(k), lines[k].0, lines[k].1);
    }
}

/// The plan if all rates were other by one factor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RatePoint {
    /// What all rates are multiplied with; a rate never exceeds 1.
    pub factor: f64,
    /// Expected net of the plan as it is, money.
    pub unchanged: f64,
    /// Expected net of the plan that would be made then, money.
    pub reoptimised: f64,
}

/// How a plan depends on its rates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateSensitivity {
    /// At the factors 0, 0.25, 0.5, 0.75, 1, 1.25 and 1.5.
    pub points: Vec<RatePoint>,
    /// The factor at which the plan as it is neither gains nor loses; `None` where no factor up to that at which every
    /// rate is 1 does, or it makes no offer; 0 where its offers cost nothing.
    pub break_even: Option<f64>,
}

/// What becomes of the plan `choice` if all rates of the table are off by one factor. `solve` makes the plan anew
/// within the same limits; what it may not choose (a least return) is its business.
///
/// # Errors
/// As [`OfferTable::evaluate`]; [`Error::Shape`]; those of `solve`.
///
/// ```
/// use tenure_math::allocate::expected::{Prospect, retention};
/// use tenure_math::allocate::explain::rate_sensitivity;
/// use tenure_math::allocate::{Problem, solve};
/// let anew = |net: &[f64], cost: &[f64]| {
///     let caps = [None; 3];
///     solve(&Problem { n_customers: 1, offers: 3, net, cost, budget: None, caps: &caps, eligible: None, allowed: None, limits: &[] })
/// };
/// // Standard keeps 40 % of 100 for 25: at half the rate it brings 20 - 25, and nothing is the better plan.
/// let of = rate_sensitivity(&retention(), &[Prospect::new(0.5, 200.0)], &[Some(1)], &anew)?;
/// assert_eq!((of.points[2].unchanged, of.points[2].reoptimised), (-5.0, 0.0));
/// assert!((of.break_even.unwrap() - 0.625).abs() < 1e-12);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn rate_sensitivity(
    table: &OfferTable,
    prospects: &[Prospect],
    choice: &[Option<usize>],
    solve: &Solver<'_>,
) -> Result<RateSensitivity> {
    check_choice(table, prospects, choice)?;
    let unchanged = |factor: f64| net_of(&times(table, factor), prospects, choice);
    let points = FACTORS.iter().map(|&factor| {
        let (net, cost) = times(table, factor).evaluate(prospects)?;
        Ok(RatePoint { factor, unchanged: unchanged(factor), reoptimised: solve(&net, &cost)?.net })
    });
    let points = points.collect::<Result<Vec<_>>>()?;
    // Beyond the factor at which every rate used is 1 nothing changes any more.
    let least = choice.iter().flatten().map(|k| table.offers[*k].rate).filter(|rate| *rate > 0.0);
    let most = least.map(|rate| 1.0 / rate).fold(0.0, f64::max);
    Ok(RateSensitivity { points, break_even: if most > 0.0 { root(unchanged, most) } else { None } })
}

/// The plan if offers had another share of their rates with customers who have left already.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WinbackPoint {
    /// That share, 0..1.
    pub winback: f64,
    /// Expected net of the plan as it is, money.
    pub unchanged: f64,
    /// Expected net of the plan that would be made then, money.
    pub reoptimised: f64,
}

/// What becomes of the plan `choice` at other shares `winback`, from 0 to 1, the table's own among them; nothing where
/// nobody is taken to have left already, so that the share does not matter.
///
/// # Errors
/// As [`rate_sensitivity`].
pub fn winback_sensitivity(
    table: &OfferTable,
    prospects: &[Prospect],
    choice: &[Option<usize>],
    solve: &Solver<'_>,
) -> Result<Vec<WinbackPoint>> {
    check_choice(table, prospects, choice)?;
    if prospects.iter().all(|of| of.p_gone <= 0.0) {
        return Ok(Vec::new());
    }
    let mut shares = WINBACKS.to_vec();
    shares.push(table.winback);
    shares.sort_by(f64::total_cmp);
    shares.dedup();
    let point = |winback: f64| {
        let table = OfferTable { winback, ..table.clone() };
        let (net, cost) = table.evaluate(prospects)?;
        let unchanged = net_of(&table, prospects, choice);
        Ok(WinbackPoint { winback, unchanged, reoptimised: solve(&net, &cost)?.net })
    };
    shares.into_iter().map(point).collect()
}

fn check_choice(table: &OfferTable, prospects: &[Prospect], choice: &[Option<usize>]) -> Result<()> {
    num::require_len("choice", prospects.len(), choice.len())?;
    table.evaluate(prospects)?;
    match choice.iter().flatten().find(|at| **at >= table.offers.len()) {
        Some(at) => Err(Error::Parameter { name: "offer", value: *at as f64, expected: "an offer of the table" }),
        None => Ok(()),
    }
}

/// Expected net of a plan under a table, summed in the order of the customers.
fn net_of(table: &OfferTable, prospects: &[Prospect], choice: &[Option<usize>]) -> f64 {
    let given = prospects.iter().zip(choice).filter_map(|(of, k)| k.map(|k| (of, k)));
    given.fold(0.0, |sum, (of, k)| sum + table.expected(&table.offers[k], of).net)
}

fn times(table: &OfferTable, factor: f64) -> OfferTable {
    let mut table = table.clone();
    table.offers.iter_mut().for_each(|offer| offer.rate = (offer.rate * factor).min(1.0));
    table
}

/// The least value between 0 and `most` from which on `f` is not negative, where it rises through 0 at most once.
fn root(f: impl Fn(f64) -> f64, most: f64) -> Option<f64> {
    let (mut low, mut high) = (0.0, most);
    if f(low) >= 0.0 || f(high) < 0.0 {
        return (f(low) >= 0.0).then_some(0.0);
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if f(middle) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
        if high - low <= 1e-15 * high {
            break;
        }
    }
    Some(high)
}

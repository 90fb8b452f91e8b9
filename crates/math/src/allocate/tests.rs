//! Oracles: brute force on small instances, the published worked case, certificates on large ones, invariances.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use rand::RngExt;

use super::expected::{Prospect, coupons, retention};
use super::{Plan, Problem, budget_curve, greedy, solve};

mod limits;
use crate::error::Error;
use crate::rng;

/// Numbers of a problem, owned.
#[derive(Clone)]
struct Case {
    n: usize,
    offers: usize,
    net: Vec<f64>,
    cost: Vec<f64>,
    budget: Option<f64>,
    caps: Vec<Option<usize>>,
    eligible: Option<Vec<bool>>,
}

impl Case {
    fn problem(&self) -> Problem<'_> {
        Problem {
            n_customers: self.n,
            offers: self.offers,
            net: &self.net,
            cost: &self.cost,
            budget: self.budget,
            caps: &self.caps,
            eligible: self.eligible.as_deref(),
            allowed: None,
            limits: &[],
        }
    }

    /// Fails unless the plan keeps every constraint and says the truth about itself.
    fn verify(&self, plan: &Plan) {
        let (mut net, mut spend, mut counts) = (0.0, 0.0, vec![0; self.offers]);
        for (i, k) in plan.choice.iter().enumerate() {
            let Some(k) = *k else { continue };
            assert!(self.eligible.as_ref().is_none_or(|e| e[i]), "customer {i} may not be offered anything");
            assert!(self.net[i * self.offers + k] > 0.0, "customer {i} gets an offer that brings nothing");
            net += self.net[i * self.offers + k];
            spend += self.cost[i * self.offers + k];
            counts[k] += 1;
        }
        assert_eq!((net, spend, &counts), (plan.net, plan.spend, &plan.counts));
        // Rounding of the sum only: 1e-12 of the budget is allowed.
        assert!(self.budget.is_none_or(|b| spend <= b * (1.0 + 2e-12)), "{spend} of {:?}", self.budget);
        assert!(self.caps.iter().zip(counts).all(|(cap, count)| cap.is_none_or(|c| count <= c)));
        assert!(plan.bound >= plan.net && plan.gap >= 0.0);
        assert!(plan.shadow_price >= 0.0 && plan.cap_prices.iter().all(|&m| m >= 0.0));
    }
}

fn brute_force(case: &Case) -> f64 {
    fn best(case: &Case, i: usize, spend: f64, counts: &mut [usize]) -> f64 {
        if i == case.n {
            return 0.0;
        }
        let mut most = best(case, i + 1, spend, counts);
        if case.eligible.as_ref().is_some_and(|e| !e[i]) {
            return most;
        }
        for k in 0..case.offers {
            let at = i * case.offers + k;
            let next = spend + case.cost[at];
            if case.budget.is_some_and(|b| next > b * (1.0 + 1e-12)) || case.caps[k].is_some_and(|c| counts[k] >= c) {
                continue;
            }
            counts[k] += 1;
            most = most.max(case.net[at] + best(case, i + 1, next, counts));
            counts[k] -= 1;
        }
        most
    }
    best(case, 0, 0.0, &mut vec![0; case.offers])
}

fn small(index: u64) -> Case {
    let mut s = rng::stream(11, "allocate/test/small", index);
    let n = s.random_range(1..=7_usize);
    let offers = s.random_range(1..=3_usize);
    // Every third instance has small whole numbers, so that ties, equal costs and free offers abound.
    let whole = index.is_multiple_of(3);
    let mut draw = |low: f64, high: f64| {
        let x = low + s.random::<f64>() * (high - low);
        if whole { x.round() } else { x }
    };
    let net: Vec<f64> = (0..n * offers).map(|_| draw(-3.0, 12.0)).collect();
    let cost: Vec<f64> = (0..n * offers).map(|_| draw(0.0, 6.0)).collect();
    let total: f64 = cost.iter().sum();
    let budget = (!index.is_multiple_of(5)).then(|| (draw(0.0, 1.0) * 0.5).max(0.1) * total);
    let caps = (0..offers).map(|_| (draw(0.0, 3.0) > 1.0).then(|| draw(0.0, 4.0) as usize)).collect();
    let eligible = index.is_multiple_of(4).then(|| (0..n).map(|_| draw(0.0, 4.0) > 0.5).collect());
    Case { n, offers, net, cost, budget, caps, eligible }
}

#[test]
fn small_instances_against_brute_force() {
    let (mut exact, mut total) = (0, 0);
    for index in 0..1200 {
        let case = small(index);
        let plan = solve(&case.problem()).unwrap();
        case.verify(&plan);
        let best = brute_force(&case);
        let rule = greedy(&case.problem()).unwrap();
        case.verify(&rule);
        assert!(plan.bound >= best - 1e-9, "{index}: bound {} below the optimum {best}", plan.bound);
        assert!(plan.net <= best + 1e-9 && rule.net <= plan.net + 1e-9, "{index}");
        // At most one increment is lost for each constraint that can bind.
        let increment = case.net.iter().copied().fold(0.0, f64::max);
        let constraints = usize::from(case.budget.is_some()) + case.caps.iter().flatten().count();
        assert!(best - plan.net <= increment * constraints as f64 + 1e-9, "{index}: {} of {best}", plan.net);
        exact += usize::from(best - plan.net <= 1e-9);
        total += 1;
    }
    // Not promised, but a repair that stops working shows here.
    assert!(exact * 100 >= total * 97, "{exact} of {total} are optimal");
}

#[test]
fn without_limits_everybody_gets_the_best_offer() {
    let case = Case { budget: None, caps: vec![None; 3], eligible: None, ..lognormal(500, 5, 3) };
    let plan = solve(&case.problem()).unwrap();
    for (i, k) in plan.choice.iter().enumerate() {
        let row = &case.net[i * 3..i * 3 + 3];
        let best = row.iter().copied().fold(0.0, f64::max);
        assert_eq!(k.map_or(0.0, |k| row[k]), best);
    }
    assert_eq!((plan.gap, plan.shadow_price), (0.0, 0.0));
}

/// `n` customers under the retention table; `p x value` is lognormal with sigma 1 and sums to 251,222 x n / 4,200.
fn lognormal(n: usize, seed: u64, offers: usize) -> Case {
    let mut s = rng::stream(seed, "allocate/test/lognormal", 0);
    let mut normal = || {
        let (u, v): (f64, f64) = (1.0 - s.random::<f64>(), s.random());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    };
    let raw: Vec<f64> = (0..n).map(|_| normal().exp()).collect();
    let scale = 251_222.0 * n as f64 / 4_200.0 / raw.iter().sum::<f64>();
    let value: Vec<f64> = raw.iter().map(|x| x * scale).collect();
    let (net, cost) = retention().evaluate(&value.iter().map(|v| Prospect::new(1.0, *v)).collect::<Vec<_>>()).unwrap();
    Case { n, offers, net, cost, budget: Some(10_000.0), caps: vec![None; offers], eligible: None }
}

#[test]
fn the_lognormal_portfolio_of_the_reference() {
    // REFERENCE 4.6 (its own draws, seed 7): rule 19,101 / 27,077 / 39,381, plan 21,743 / 30,481 / 42,542, bound
    // 21,743 / 30,488 / 42,545. These are other draws of the same distribution, so the numbers agree roughly only:
    // within 10 %, four times what another sample of 4,200 changes.
    for (budget, rule, plan) in [(5e3, 19_101., 21_743.), (10e3, 27_077., 30_481.), (25e3, 39_381., 42_542.)] {
        let case = Case { budget: Some(budget), ..lognormal(4_200, 7, 3) };
        let (by_rule, best) = (greedy(&case.problem()).unwrap(), solve(&case.problem()).unwrap());
        case.verify(&best);
        case.verify(&by_rule);
        assert!(best.net > by_rule.net * 1.03, "{} {}", best.net, by_rule.net);
        assert!(
            (best.net / plan - 1.0).abs() < 0.1 && (by_rule.net / rule - 1.0).abs() < 0.1,
            "{} {}",
            best.net,
            by_rule.net
        );
        assert!(best.gap_share < 1e-4 && best.gap < 10.0, "{}", best.gap);
        assert!(best.shadow_price > 0.0 && by_rule.bound >= best.bound);
    }
}

#[test]
fn large_instances_are_within_a_thousandth() {
    for seed in 0..12 {
        let n = 1_000 + 400 * seed as usize;
        let free = lognormal(n, seed, 3);
        let caps = match seed % 4 {
            0 => vec![None, None, None],
            1 => vec![None, None, Some(n / 20)],
            2 => vec![Some(n / 10), None, Some(n / 40)],
            _ => vec![Some(n / 50), Some(n / 20), Some(n / 100)],
        };
        for budget in [None, Some(2.0 * n as f64), Some(0.5 * n as f64)] {
            let case = Case { budget, caps: caps.clone(), ..free.clone() };
            let plan = solve(&case.problem()).unwrap();
            case.verify(&plan);
            assert!(plan.gap_share <= 1e-3, "seed {seed}, budget {budget:?}: {}", plan.gap_share);
        }
    }
}

#[test]
fn a_cap_that_binds_has_a_price_and_equal_customers_are_served_in_order() {
    let n = 1_000;
    let alike = |net: &[f64], cost: &[f64], budget: f64, caps: Vec<Option<usize>>| Case {
        n,
        offers: net.len(),
        net: net.repeat(n),
        cost: cost.repeat(n),
        budget: Some(budget),
        caps,
        eligible: None,
    };
    // Coupons at value 100: net 3, 5, 8 for 2, 5, 10. There is money for all at 10 % and a tenth at 20 %: 500 + 4,500.
    let (net, cost) = coupons().evaluate(&[Prospect::new(0.5, 100.0)]).unwrap();
    let case = alike(&net, &cost, 8_000.0, coupons().caps(n));
    let plan = solve(&case.problem()).unwrap();
    case.verify(&plan);
    assert!((0..n).all(|i| plan.choice[i] == Some(if i < 100 { 2 } else { 1 })), "{:?}", plan.counts);
    assert!((plan.net - 5_300.0).abs() < 1e-9 && plan.gap < 0.01);
    assert!((plan.cap_prices[2] - 3.0).abs() < 1e-6 && plan.shadow_price == 0.0);
    // Both bind: 100 places for 20 at 10, the rest of 1,500 buys 3 for 2; a unit brings 1.5, a place 20 - 15 = 5.
    let case = alike(&[3.0, 20.0], &[2.0, 10.0], 1_500.0, vec![None, Some(100)]);
    let plan = solve(&case.problem()).unwrap();
    case.verify(&plan);
    assert_eq!((plan.net, plan.counts), (2_750.0, vec![250, 100]));
    assert!(plan.gap < 0.01, "{}", plan.gap);
    assert!((plan.shadow_price - 1.5).abs() < 1e-6 && (plan.cap_prices[1] - 5.0).abs() < 1e-6);
}

#[test]
fn a_larger_budget_never_brings_less() {
    for caps in [vec![None; 3], vec![None, None, Some(60)], vec![Some(50), None, Some(60)]] {
        let case = Case { caps, ..lognormal(1_200, 3, 3) };
        let budgets: Vec<f64> = [50., 0., 1e3, 2e3, 4e3, 4_010., 8e3, 1.6e4, 1e5].into();
        let curve = budget_curve(&case.problem(), &budgets).unwrap();
        let mut sorted = curve.clone();
        sorted.sort_by(|a, b| a.budget.total_cmp(&b.budget));
        for pair in sorted.windows(2) {
            assert!(pair[0].net <= pair[1].net && pair[0].bound <= pair[1].bound + 1e-6);
            assert!(pair[0].shadow_price >= pair[1].shadow_price - 1e-6, "the response to budget is concave");
        }
        assert_eq!((sorted[0].net, sorted[0].spend), (0.0, 0.0));
        for (point, budget) in curve.iter().zip(&budgets) {
            assert_eq!(point.budget, *budget);
            assert!(point.spend <= budget + 1e-6 && point.bound >= point.net);
            let plan = solve(&Case { budget: Some(*budget), ..case.clone() }.problem()).unwrap();
            // One plan is searched for longer than a point of the curve.
            assert_eq!(plan.shadow_price, point.shadow_price);
            assert!(plan.bound <= point.bound + 1e-6 && point.net <= plan.bound + 1e-6);
        }
    }
}

#[test]
fn money_in_another_unit_changes_the_plan_in_nothing() {
    let case = Case { caps: vec![None, None, Some(30)], budget: Some(3e3), ..lognormal(900, 4, 3) };
    let plan = solve(&case.problem()).unwrap();
    let times = |v: &[f64]| v.iter().map(|x| x * 1024.0).collect::<Vec<_>>();
    let other = Case { net: times(&case.net), cost: times(&case.cost), budget: Some(3e3 * 1024.0), ..case };
    let scaled = solve(&other.problem()).unwrap();
    assert_eq!(scaled.choice, plan.choice);
    assert!((scaled.net / plan.net / 1024.0 - 1.0).abs() < 1e-12);
    assert!((scaled.shadow_price - plan.shadow_price).abs() < 1e-9);
}

#[test]
fn nothing_is_given_where_nothing_may_be() {
    let case = lognormal(300, 2, 3);
    for empty in [
        Case { budget: Some(0.0), ..case.clone() },
        Case { caps: vec![Some(0); 3], ..case.clone() },
        Case { eligible: Some(vec![false; 300]), ..case.clone() },
        Case { net: vec![-1.0; 900], ..case.clone() },
        Case { n: 0, net: vec![], cost: vec![], ..case.clone() },
        Case { offers: 0, net: vec![], cost: vec![], caps: vec![], ..case.clone() },
    ] {
        let plan = solve(&empty.problem()).unwrap();
        empty.verify(&plan);
        // The hair by which earlier customers count for more may stay in the bound: 1e-8 of what all could bring.
        let hair = 1e-8 * empty.net.iter().map(|v| v.max(0.0)).sum::<f64>();
        assert!(plan.net == 0.0 && plan.choice.iter().all(Option::is_none), "{:?}", plan.counts);
        assert!(plan.gap <= hair, "{} {hair} {:?} {:?}", plan.gap, empty.budget, empty.caps);
    }
    // Without a budget what is free is still given.
    let free = Case { cost: vec![0.0; 900], budget: Some(0.0), ..case };
    assert!(solve(&free.problem()).unwrap().net > 0.0);
}

#[test]
fn input_that_cannot_be_right_is_refused() {
    let case = lognormal(3, 1, 3);
    let refused = |case: Case| solve(&case.problem()).unwrap_err();
    let mut bad = case.clone();
    bad.cost[4] = -1.0;
    assert!(matches!(refused(bad), Error::Parameter { name: "cost", .. }));
    let mut bad = case.clone();
    bad.net[5] = f64::NAN;
    assert!(matches!(refused(bad), Error::NotFinite { what: "net", row: 1, column: 2 }));
    assert!(matches!(refused(Case { budget: Some(f64::NAN), ..case.clone() }), Error::Parameter { .. }));
    assert!(matches!(refused(Case { budget: Some(-1.0), ..case.clone() }), Error::Parameter { .. }));
    assert!(matches!(refused(Case { caps: vec![None; 2], ..case.clone() }), Error::Shape { .. }));
    assert!(matches!(refused(Case { eligible: Some(vec![true]), ..case.clone() }), Error::Shape { .. }));
    assert!(budget_curve(&case.problem(), &[1.0, f64::INFINITY]).is_err());
}

/// How long forty thousand customers take: `cargo test --release -- --ignored forty_thousand`.
#[test]
#[ignore = "measures, asserts nothing about time"]
fn forty_thousand_customers() {
    let n = 40_000;
    let case = Case { budget: Some(n as f64), caps: vec![None, None, Some(n / 100)], ..lognormal(n, 1, 3) };
    for caps in [vec![None; 3], case.caps.clone(), vec![Some(n / 50), Some(n / 200), Some(n / 100)]] {
        let case = Case { caps, ..case.clone() };
        for _ in 0..20 {
            assert!(solve(&case.problem()).unwrap().gap_share < 1e-3);
        }
    }
}

//! Side constraints: brute force on small instances, an exact solver's optima on large ones, conflicts in words.

use rand::RngExt;

use crate::allocate::{Limit, Measure, Plan, Problem, budget_curve, exact, solve};
use crate::error::Error;
use crate::rng;

/// Numbers of a problem with limits, owned.
struct Case {
    n: usize,
    offers: usize,
    net: Vec<f64>,
    cost: Vec<f64>,
    budget: Option<f64>,
    caps: Vec<Option<usize>>,
    allowed: Option<Vec<bool>>,
    members: Vec<Vec<bool>>,
    sets: Vec<Vec<usize>>,
    roi: Vec<f64>,
    rows: Vec<Spec>,
}

/// Offers and members by their number, the kind of measure, bounds.
struct Spec {
    offers: Option<usize>,
    members: Option<usize>,
    kind: u8,
    at_most: Option<f64>,
    at_least: Option<f64>,
}

impl Case {
    fn limits(&self) -> Vec<Limit<'_>> {
        let limit = |(at, spec): (usize, &Spec)| Limit {
            name: format!("row {at}"),
            offers: spec.offers.map(|o| &self.sets[o][..]),
            members: spec.members.map(|m| &self.members[m][..]),
            measure: match spec.kind {
                0 => Measure::Count,
                1 => Measure::Cost,
                _ => Measure::PerChoice(&self.roi),
            },
            at_most: spec.at_most,
            at_least: spec.at_least,
        };
        self.rows.iter().enumerate().map(limit).collect()
    }

    fn problem<'a>(&'a self, limits: &'a [Limit<'a>]) -> Problem<'a> {
        Problem {
            n_customers: self.n,
            offers: self.offers,
            net: &self.net,
            cost: &self.cost,
            budget: self.budget,
            caps: &self.caps,
            eligible: None,
            allowed: self.allowed.as_deref(),
            limits,
        }
    }

    /// The sum of each limit.
    fn used(&self, choice: &[Option<usize>]) -> Vec<f64> {
        let of = |limit: &Limit<'_>| {
            let given = choice.iter().enumerate().filter_map(|(i, k)| k.map(|k| (i, k)));
            let counted = given
                .filter(|&(i, k)| limit.members.is_none_or(|m| m[i]) && limit.offers.is_none_or(|o| o.contains(&k)));
            let amount = |(i, k): (usize, usize)| match limit.measure {
                Measure::Count => 1.0,
                Measure::Cost => self.cost[i * self.offers + k],
                Measure::PerChoice(values) => values[i * self.offers + k],
            };
            counted.map(amount).sum()
        };
        self.limits().iter().map(of).collect()
    }

    fn keeps(&self, choice: &[Option<usize>]) -> bool {
        let spend: f64 = choice.iter().enumerate().filter_map(|(i, k)| k.map(|k| self.cost[i * self.offers + k])).sum();
        let room = |k: usize| self.caps[k].is_none_or(|cap| choice.iter().filter(|c| **c == Some(k)).count() <= cap);
        self.budget.is_none_or(|b| spend <= b + 1e-9 * b.max(1.0))
            && (0..self.offers).all(room)
            && self.used(choice).iter().zip(&self.rows).all(|(used, row)| {
                let slack = 1e-8 * (1.0 + used.abs());
                row.at_most.is_none_or(|most| *used <= most + slack)
                    && row.at_least.is_none_or(|least| *used >= least - slack)
            })
    }

    fn value(&self, choice: &[Option<usize>]) -> f64 {
        choice.iter().enumerate().filter_map(|(i, k)| k.map(|k| self.net[i * self.offers + k])).sum()
    }

    fn verify(&self, plan: &Plan) {
        assert!(self.keeps(&plan.choice), "{:?} {:?}", plan.limits, self.used(&plan.choice));
        assert!((self.value(&plan.choice) - plan.net).abs() <= 1e-9 * plan.net.abs().max(1.0));
        assert!(plan.bound >= plan.net && plan.gap >= 0.0);
        for (i, k) in plan.choice.iter().enumerate() {
            assert!(k.is_none_or(|k| self.allowed.as_ref().is_none_or(|a| a[i * self.offers + k])));
        }
        for (limit, used) in plan.limits.iter().zip(self.used(&plan.choice)) {
            assert!(limit.kept && (limit.used - used).abs() < 1e-6 * used.abs().max(1.0));
            assert!(limit.price <= 1e-9 || limit.at_most.is_some());
            assert!(limit.price >= -1e-9 || limit.at_least.is_some());
        }
    }

    /// The best plan of all; `None` where none keeps the rows.
    fn brute_force(&self) -> Option<f64> {
        let mut choice = vec![None; self.n];
        let mut best: Option<f64> = None;
        let total = (self.offers + 1).pow(self.n as u32);
        for code in 0..total {
            let mut rest = code;
            for c in &mut choice {
                let k = rest % (self.offers + 1);
                rest /= self.offers + 1;
                *c = (k > 0).then(|| k - 1);
            }
            let may = |(i, k): (usize, &Option<usize>)| {
                k.is_none_or(|k| self.allowed.as_ref().is_none_or(|a| a[i * self.offers + k]))
            };
            if choice.iter().enumerate().all(may) && self.keeps(&choice) {
                best = Some(best.map_or(self.value(&choice), |b| b.max(self.value(&choice))));
            }
        }
        best
    }
}

fn small(index: u64) -> Case {
    let mut s = rng::stream(12, "allocate/test/limits", index);
    let offers = s.random_range(1..=3_usize);
    let n = s.random_range(1..=if offers == 3 { 5 } else { 6_usize });
    let whole = !index.is_multiple_of(3);
    let mut draw = |low: f64, high: f64| {
        let x = low + s.random::<f64>() * (high - low);
        if whole { x.round() } else { x }
    };
    let net: Vec<f64> = (0..n * offers).map(|_| draw(-4.0, 12.0)).collect();
    let cost: Vec<f64> = (0..n * offers).map(|_| draw(0.0, 6.0)).collect();
    let total: f64 = cost.iter().sum();
    let budget = (draw(0.0, 3.0) > 1.0).then(|| draw(0.1, 0.6).max(0.1) * total);
    let caps = (0..offers).map(|_| (draw(0.0, 3.0) > 2.0).then(|| draw(0.0, 4.0) as usize)).collect();
    let allowed = index.is_multiple_of(4).then(|| (0..n * offers).map(|_| draw(0.0, 4.0) > 0.5).collect());
    let members = (0..2).map(|_| (0..n).map(|_| draw(0.0, 2.0) > 0.9).collect()).collect();
    let sets = (0..2).map(|_| (0..offers).filter(|_| draw(0.0, 2.0) > 0.9).collect()).collect();
    let roi = net.iter().zip(&cost).map(|(n, c)| n - 1.5 * c).collect();
    let rows = (0..draw(0.0, 4.0) as usize)
        .map(|_| {
            let kind = draw(0.0, 2.4) as u8;
            let scale = [n as f64, total / offers as f64, 6.0][kind as usize];
            let offers = (draw(0.0, 2.0) > 0.9).then(|| usize::from(draw(0.0, 2.0) > 0.9));
            let members = (draw(0.0, 2.0) > 0.9).then(|| usize::from(draw(0.0, 2.0) > 0.9));
            let floor = draw(0.0, 2.0) > 0.9;
            let ceiling = !floor || draw(0.0, 2.0) > 1.4;
            let least = if kind == 2 { 0.0 } else { draw(0.0, 1.0) * 0.4 * scale };
            let most = least + draw(0.0, 1.0) * 0.5 * scale;
            Spec { offers, members, kind, at_most: ceiling.then_some(most), at_least: floor.then_some(least) }
        })
        .collect();
    Case { n, offers, net, cost, budget, caps, allowed, members, sets, roi, rows }
}

#[test]
fn small_instances_with_limits_against_brute_force() {
    let (mut best_found, mut feasible, mut refused) = (0, 0, 0);
    for index in 0..1_500 {
        let case = small(index);
        let limits = case.limits();
        let best = case.brute_force();
        match (solve(&case.problem(&limits)), exact(&case.problem(&limits), 100_000), best) {
            (Ok(plan), Ok(proved), Some(best)) => {
                case.verify(&plan);
                case.verify(&proved);
                assert!(plan.bound >= best - 1e-9, "{index}: bound {} below {best}", plan.bound);
                assert!((proved.net - best).abs() < 1e-7 && proved.gap < 1e-7, "{index}: {} {best}", proved.net);
                feasible += 1;
                best_found += usize::from(plan.net >= best - 1e-9);
            }
            (Err(Error::Infeasible { .. }), Err(Error::Infeasible { .. }), None) => refused += 1,
            other => panic!("{index}: {other:?}"),
        }
    }
    assert!(feasible > 900 && refused > 100, "{feasible} {refused}");
    assert!(best_found * 100 >= feasible * 99, "{best_found} of {feasible}");
}

#[test]
fn equal_prices_of_a_floor_are_what_it_costs() {
    // Three contacts that lose 1, 2 and 4 each; two are demanded: 1 + 2, and one more would cost 4.
    let limits = [Limit::new("contacts", Measure::Count).at_least(2.0)];
    let problem = Problem {
        n_customers: 3,
        offers: 1,
        net: &[-2.0, -4.0, -1.0],
        cost: &[1.0; 3],
        budget: None,
        caps: &[None],
        eligible: None,
        allowed: None,
        limits: &limits,
    };
    let plan = solve(&problem).unwrap();
    assert_eq!((plan.net, plan.gap, &plan.choice[..]), (-3.0, 0.0, &[Some(0), None, Some(0)][..]));
    assert!((-4.0..=-2.0).contains(&plan.limits[0].price), "{:?}", plan.limits);
    // A floor of nothing demands nothing.
    let limits = [Limit::new("contacts", Measure::Count).at_least(0.0)];
    assert_eq!(solve(&Problem { limits: &limits, ..problem }).unwrap().net, 0.0);
}

#[test]
fn conflicts_are_told_with_their_names_and_numbers() {
    let n = 1_000;
    let risk: Vec<bool> = (0..n).map(|i| i % 2 == 0).collect();
    let (net, cost) = (vec![5.0; 2 * n], [10.0, 20.0].repeat(n));
    let reason = |budget: f64, limits: &[Limit<'_>]| {
        let caps = [None, Some(700)];
        let (eligible, allowed) = (None, None);
        let budget = Some(budget);
        let problem = Problem {
            n_customers: n,
            offers: 2,
            net: &net,
            cost: &cost,
            budget,
            caps: &caps,
            eligible,
            allowed,
            limits,
        };
        match solve(&problem) {
            Err(Error::Infeasible { reason }) => reason,
            other => panic!("{other:?}"),
        }
    };
    let at_risk = || Limit::new("contacts in At Risk", Measure::Count).among(&risk);
    // The ceiling on the other half has no part in it.
    let other: Vec<bool> = risk.iter().map(|r| !r).collect();
    let rest = Limit::new("the rest", Measure::Cost).among(&other).at_most(100.0);
    assert_eq!(
        reason(3e3, &[rest.clone(), at_risk().at_least(500.0)]),
        "'contacts in At Risk' (at least 500) need at least 5000 of the budget, which is at most 3000"
    );
    assert_eq!(
        reason(1e6, &[rest.clone(), at_risk().at_least(501.0)]),
        "'contacts in At Risk' asks at least 501, and at most 500 can be had"
    );
    assert_eq!(
        reason(1e6, &[at_risk().at_least(2.2).at_most(2.8)]),
        "'contacts in At Risk' asks at least 3 and at most 2"
    );
    let second = Limit::new("second offers", Measure::Count).of(&[1]);
    assert_eq!(
        reason(1e6, &[second.clone().at_least(701.0)]),
        "'second offers' (at least 701) need at least 701 of the cap of offer 2, which is at most 700"
    );
    assert_eq!(
        reason(1e6, &[at_risk().at_least(300.0), second.at_least(600.0), rest]),
        "'second offers' (at least 600) need at least 2000 of 'the rest', which is at most 100"
    );
}

#[test]
fn a_curve_leaves_out_budgets_that_are_too_small_for_the_floors() {
    let n = 200;
    let net: Vec<f64> = (0..n).map(|i| i as f64 / 10.0 - 5.0).collect();
    let limits = [Limit::new("contacts", Measure::Count).at_least(50.0)];
    let problem = Problem {
        n_customers: n,
        offers: 1,
        net: &net,
        cost: &vec![2.0; n],
        budget: None,
        caps: &[None],
        eligible: None,
        allowed: None,
        limits: &limits,
    };
    let curve = budget_curve(&problem, &[0.0, 300.0, 99.0, 100.0]).unwrap();
    assert_eq!(curve.iter().map(|p| p.budget).collect::<Vec<_>>(), [300.0, 100.0]);
    assert!(curve[0].net > curve[1].net);
    assert!(matches!(budget_curve(&problem, &[0.0, 50.0]), Err(Error::Infeasible { .. })));
}

#[test]
fn many_customers_under_many_limits_are_proved_on_any_number_of_threads() {
    // More than are solved at once, so that prices come from a sample and a core.
    let n = 40_000;
    let mut s = rng::stream(13, "allocate/test/limits", 0);
    let loss: Vec<f64> = (0..n).map(|_| 200.0 * s.random::<f64>().powi(3)).collect();
    let tiers = [(10.0, 0.2), (25.0, 0.4), (50.0, 0.6)];
    let net: Vec<f64> = loss.iter().flat_map(|v| tiers.map(|(cost, rate)| v * rate - cost)).collect();
    let cost: Vec<f64> = loss.iter().flat_map(|_| tiers.map(|(cost, _)| cost)).collect();
    let segments: Vec<Vec<bool>> = (0..8).map(|g| (0..n).map(|i| i * 7 % 8 == g).collect()).collect();
    let roi: Vec<f64> = net.iter().zip(&cost).map(|(net, cost)| net - 0.9 * cost).collect();
    let mut limits = vec![Limit::new("return", Measure::PerChoice(&roi)).at_least(0.0)];
    for (g, members) in segments.iter().enumerate() {
        limits.push(Limit::new("spend", Measure::Cost).among(members).at_most(6_000.0 + 2_000.0 * g as f64));
        limits.push(Limit::new("reached", Measure::Count).among(members).at_least(390.0 - 20.0 * g as f64));
        limits.push(Limit::new("dear", Measure::Count).among(members).of(&[2]).at_most(20.0 * g as f64));
    }
    let problem = Problem {
        n_customers: n,
        offers: 3,
        net: &net,
        cost: &cost,
        budget: Some(100_000.0),
        caps: &[None, None, Some(2_000)],
        eligible: None,
        allowed: None,
        limits: &limits,
    };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| solve(&problem).unwrap())
    };
    let plan = on(1);
    assert!(plan.gap_share < 1e-4 && plan.limits.iter().all(|limit| limit.kept), "{}", plan.gap);
    assert!(plan.limits.iter().filter(|limit| limit.price.abs() > 0.0).count() > 5);
    assert_eq!(on(3), plan);
    // Prices are what a unit more brings: of the budget, by solving with 100 more.
    let more = solve(&Problem { budget: Some(100_100.0), ..problem }).unwrap();
    let brought = (more.bound - plan.bound) / 100.0;
    assert!((brought - plan.shadow_price).abs() < 0.05 * plan.shadow_price, "{brought} {}", plan.shadow_price);
}

//! Oracles: nothing uncertain, brute force over plans, closed forms of means and moments, fresh draws, invariances.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use rand::RngExt;

use super::{Decision, Distribution, Draws, Params, RateBelief, Risk, Solver, Uncertainty, cvar};
use crate::allocate::expected::{Offer, OfferTable, Prospect, RateKind, coupons, retention};
use crate::allocate::{Plan, Problem, solve};
use crate::error::{Error, Result};
use crate::rng;

/// The optimiser within a budget.
fn solver(n: usize, offers: usize, budget: Option<f64>) -> impl Fn(&[f64], &[f64]) -> Result<Plan> + Sync {
    move |net, cost| {
        let caps = vec![None; offers];
        solve(&Problem {
            n_customers: n,
            offers,
            net,
            cost,
            budget,
            caps: &caps,
            eligible: None,
            allowed: None,
            limits: &[],
        })
    }
}

fn people(n: usize, seed: u64) -> Vec<Prospect> {
    let mut s = rng::stream(seed, "allocate/risk/test", 0);
    let mut one = || {
        let p = 0.05 + 0.9 * s.random::<f64>();
        let value = 30.0 * (3.0 * s.random::<f64>()).exp();
        Prospect { p_gone: 0.3 * p * s.random::<f64>(), comes_back: 0.1 * value, ..Prospect::new(p, value) }
    };
    (0..n).map(|_| one()).collect()
}

fn offer(name: &str, contact_cost: f64, rate: f64) -> Offer {
    Offer { name: name.to_owned(), contact_cost, rate, ..retention().offers[0].clone() }
}

const ASSUMED: RateBelief = RateBelief::Assumed { strength: 20.0 };

#[test]
fn nothing_uncertain_is_the_point_result() {
    let of = people(300, 1);
    let discount = Offer { discount_share: 0.05, redemption_by_loyal: 0.1, margin: 0.7, ..offer("deal", 1.0, 0.3) };
    let deals = OfferTable { offers: vec![discount, offer("note", 3.0, 0.1)], winback: 0.1, ..retention() };
    for table in [retention(), coupons(), deals] {
        let k = table.offers.len();
        let rates = vec![RateBelief::Measured { low: 0.0, high: 0.0, level: 0.9 }; 0];
        let draws = Draws::new(&table, &of, &Uncertainty { rates: &rates, ..Uncertainty::default() }, 13, 5).unwrap();
        let solve = solver(300, k, Some(400.0));
        let (net, cost) = draws.point().unwrap();
        let plan = solve(&net, &cost).unwrap();
        assert_eq!(draws.evaluate(4), (net, cost));
        let told = Distribution::new(&draws.nets(&plan.choice).unwrap(), 0.1).unwrap();
        assert_eq!((told.mean, told.sd, told.q05, told.q95, told.cvar), (plan.net, 0.0, plan.net, plan.net, plan.net));
        let decision = Decision { draws: &draws, admissible: None, solve: &solve };
        let stability = decision.stability(&plan.choice, 5).unwrap();
        assert!(stability.same.iter().all(|s| *s == 1.0) && stability.draws == 5);
        assert!(stability.any.iter().zip(&plan.choice).all(|(any, k)| (*any == 1.0) == k.is_some()));
        for risk in [Risk::Mean, Risk::Cvar(0.1), Risk::Cvar(1.0), Risk::Quantile(0.05)] {
            let minded = decision.plan(risk, &Params::default()).unwrap();
            assert_eq!((&minded.choice, minded.net, minded.spend), (&plan.choice, plan.net, plan.spend), "{risk:?}");
            assert!((minded.objective - plan.net).abs() < 1e-9);
        }
    }
}

#[test]
fn the_mean_plan_is_the_ordinary_one_under_any_uncertainty() {
    let (table, of) = (retention(), people(400, 2));
    let uncertainty =
        Uncertainty { shared_logit_sd: 0.4, level_sd: 0.2, rates: &[ASSUMED; 3], ..Uncertainty::default() };
    let draws = Draws::new(&table, &of, &uncertainty, 40, 1).unwrap();
    let solve = solver(400, 3, Some(1500.0));
    let (net, cost) = draws.point().unwrap();
    let plan = solve(&net, &cost).unwrap();
    let mean =
        Decision { draws: &draws, admissible: None, solve: &solve }.plan(Risk::Mean, &Params::default()).unwrap();
    assert_eq!(
        (mean.choice, mean.net, mean.objective, mean.bound),
        (plan.choice, plan.net, plan.net, Some(plan.bound))
    );
}

#[test]
fn forecasts_are_the_means_of_their_draws() {
    let (table, of) = (OfferTable { winback: 0.1, ..retention() }, people(40, 3));
    let own = vec![0.5; 40];
    let (low, high): (Vec<f64>, Vec<f64>) = of.iter().map(|of| (0.2 * of.value, 2.2 * of.value)).unzip();
    let uncertainty = Uncertainty {
        shared_logit_sd: 0.6,
        own_logit_sd: Some(&own),
        level_sd: 0.3,
        value_quantiles: Some((&low, &high)),
        rates: &[ASSUMED, RateBelief::Measured { low: 0.35, high: 0.45, level: 0.9 }, RateBelief::Known],
        ..Uncertainty::default()
    };
    let draws = Draws::new(&table, &of, &uncertainty, 20_000, 9).unwrap();
    let (net, _) = draws.point().unwrap();
    let mean = draws.weighted(&vec![1.0 / 20_000.0; 20_000]).unwrap();
    // A net of one draw has a relative deviation of about 1 in its gain: 1/140 of that for 20,000, five times over.
    for (at, (net, mean)) in net.iter().zip(&mean).enumerate() {
        let gain = net + table.offers[at % 3].contact_cost;
        assert!((net - mean).abs() < 5.0 / 140.0 * gain, "{at}: {net} {mean}");
    }
    // Customers' chances leave the mean where it is and add to the spread.
    let choice: Vec<Option<usize>> = (0..40).map(|i| (i % 4 > 0).then_some(i % 3)).collect();
    let told = |nets: Vec<f64>| Distribution::new(&nets, 0.1).unwrap();
    let (expected, came) = (told(draws.nets(&choice).unwrap()), told(draws.outcomes(&choice).unwrap()));
    assert!((expected.mean - came.mean).abs() < 5.0 * came.sd / 140.0 && came.sd > 1.1 * expected.sd, "{came:?}");
    // In points no more can be kept than would leave: the mean is below the point, never above.
    let coupons = coupons();
    let draws = Draws::new(&coupons, &of, &Uncertainty { rates: &[], ..uncertainty }, 2_000, 9).unwrap();
    let mean: f64 = draws.nets(&[Some(2); 40]).unwrap().iter().sum::<f64>() / 2_000.0;
    let point: f64 = draws.point().unwrap().0.iter().skip(2).step_by(3).sum();
    assert!(mean < point + 0.02 * point.abs(), "{mean} {point}");
}

#[test]
fn moments_of_the_shared_factors_are_those_asked_for() {
    // One offer of rate 0.4 to one who surely leaves and is worth 100: 40 a draw. Rates alone: sd of Beta(8, 12).
    let table = OfferTable { offers: vec![offer("a", 0.0, 0.4), offer("b", 0.0, 0.2)], ..retention() };
    let of = [Prospect::new(1.0, 100.0), Prospect::new(1.0, 100.0)];
    let sd_of = |uncertainty: &Uncertainty<'_>, choice: &[Option<usize>]| {
        let draws = Draws::new(&table, &of, uncertainty, 4_000, 3).unwrap();
        let told = Distribution::new(&draws.nets(choice).unwrap(), 0.5).unwrap();
        (told.mean, told.sd)
    };
    let rates = Uncertainty { rates: &[ASSUMED; 2], ..Uncertainty::default() };
    let (mean, a) = sd_of(&rates, &[Some(0), None]);
    assert!((mean - 40.0).abs() < 0.5 && (a - 100.0 * (0.24_f64 / 21.0).sqrt()).abs() < 0.3, "{mean} {a}");
    let (_, b) = sd_of(&rates, &[None, Some(1)]);
    let (_, both) = sd_of(&rates, &[Some(0), Some(1)]);
    let correlation = (both * both - a * a - b * b) / (2.0 * a * b);
    assert!((correlation - 0.5).abs() < 0.05, "{correlation}");
    let measured = [RateBelief::Measured { low: 0.35, high: 0.45, level: 0.9 }, RateBelief::Known];
    let (_, sd) = sd_of(&Uncertainty { rates: &measured, ..rates }, &[Some(0), None]);
    assert!((sd - 100.0 * 0.05 / 1.644_853_6).abs() < 0.1, "{sd}");
    let (mean, sd) = sd_of(&Uncertainty { level_sd: 0.25, ..Uncertainty::default() }, &[Some(0), None]);
    assert!((mean - 40.0).abs() < 0.1 && (sd - 10.0).abs() < 0.3, "{mean} {sd}");
    // The outcome's relative deviation is 1; a quarter of its variance is the mean's.
    let (low, high) = ([0.0; 2], [256.310_313_108_920_1; 2]);
    let own = Uncertainty { value_quantiles: Some((&low, &high)), ..Uncertainty::default() };
    let (mean, sd) = sd_of(&own, &[Some(0), None]);
    assert!((mean - 40.0).abs() < 2.0 && (sd - 20.0).abs() < 2.0, "{mean} {sd}");
}

/// A safe offer and a risky one that is expected to bring a little more.
fn safe_or_risky(n: usize) -> (OfferTable, Vec<Prospect>, Vec<RateBelief>) {
    let table = OfferTable { offers: vec![offer("safe", 10.0, 0.30), offer("risky", 10.0, 0.31)], ..retention() };
    (table, people(n, 4), vec![RateBelief::Assumed { strength: 2_000.0 }, RateBelief::Assumed { strength: 8.0 }])
}

#[test]
fn a_robust_plan_is_better_in_the_bad_tail_of_fresh_draws() {
    let n = 600;
    let (table, of, rates) = safe_or_risky(n);
    let uncertainty = Uncertainty { shared_logit_sd: 0.2, level_sd: 0.1, rates: &rates, ..Uncertainty::default() };
    let draws = Draws::new(&table, &of, &uncertainty, 200, 1).unwrap();
    let fresh = Draws::new(&table, &of, &uncertainty, 2_000, 2).unwrap();
    let solve = solver(n, 2, Some(2_500.0));
    let decision = Decision { draws: &draws, admissible: None, solve: &solve };
    let plan = |risk| decision.plan(risk, &Params::default()).unwrap();
    let (mean, robust, low) = (plan(Risk::Mean), plan(Risk::Cvar(0.1)), plan(Risk::Quantile(0.1)));
    let told = |choice: &[Option<usize>]| Distribution::new(&fresh.nets(choice).unwrap(), 0.1).unwrap();
    let (of_mean, of_robust, of_low) = (told(&mean.choice), told(&robust.choice), told(&low.choice));
    assert!(of_robust.cvar > of_mean.cvar * 1.2 && of_robust.mean < of_mean.mean, "{of_robust:?} {of_mean:?}");
    assert!(crate::num::quantile(&fresh.nets(&low.choice).unwrap(), 0.1) > Some(of_mean.q05), "{of_low:?}");
    assert!(robust.gap.unwrap() <= 0.01 * robust.bound.unwrap(), "{:?} {:?}", robust.gap, robust.bound);
    assert!(robust.spend <= 2_500.0 + 1e-6 && low.bound.is_none());
}

#[test]
fn risks_that_cancel_are_shared() {
    // Two offers alike with independent rates: half the customers each is better in the tail than either.
    let n = 500;
    let table = OfferTable { offers: vec![offer("a", 10.0, 0.3), offer("b", 10.0, 0.3)], ..retention() };
    let of = people(n, 6);
    let rates = [RateBelief::Assumed { strength: 8.0 }; 2];
    let uncertainty = Uncertainty { rates: &rates, rate_correlation: 0.0, ..Uncertainty::default() };
    let draws = Draws::new(&table, &of, &uncertainty, 200, 1).unwrap();
    let solve = solver(n, 2, Some(2_000.0));
    let decision = Decision { draws: &draws, admissible: None, solve: &solve };
    let robust = decision.plan(Risk::Cvar(0.2), &Params::default()).unwrap();
    let either =
        cvar(&draws.nets(&decision.plan(Risk::Mean, &Params::default()).unwrap().choice).unwrap(), 0.2).unwrap();
    let count = |k| robust.choice.iter().filter(|c| **c == Some(k)).count() as f64;
    assert!(count(0) > 0.25 * count(1) && count(1) > 0.25 * count(0), "{} {}", count(0), count(1));
    assert!(robust.objective > 1.1 * either.abs(), "{} {either}", robust.objective);
    assert!(robust.gap.unwrap() <= 0.03 * robust.bound.unwrap(), "{:?} {:?}", robust.gap, robust.bound);
}

#[test]
fn no_plan_is_above_the_bound() {
    for seed in 0..60 {
        let n = 6;
        let of = people(n, 100 + seed);
        let table = OfferTable { offers: vec![offer("a", 4.0, 0.3), offer("b", 9.0, 0.5)], ..retention() };
        let rates = [RateBelief::Assumed { strength: 5.0 }; 2];
        let own = vec![0.4; n];
        let uncertainty = Uncertainty {
            shared_logit_sd: 0.5,
            own_logit_sd: Some(&own),
            rates: &rates,
            rate_correlation: 0.2,
            ..Uncertainty::default()
        };
        let draws = Draws::new(&table, &of, &uncertainty, 20, seed).unwrap();
        let budget = 25.0;
        let solve = solver(n, 2, Some(budget));
        // Offer b is no option for the first customer.
        let mask: Vec<bool> = (0..n * 2).map(|at| at != 1).collect();
        let decision = Decision { draws: &draws, admissible: Some(&mask), solve: &solve };
        let alpha = [0.05, 0.1, 0.33, 1.0][seed as usize % 4];
        let found = decision.plan(Risk::Cvar(alpha), &Params { rounds: 20, tolerance: 0.0 }).unwrap();
        assert!(found.choice[0] != Some(1) && found.spend <= budget + 1e-9);
        let mut most = f64::NEG_INFINITY;
        for code in 0..3_usize.pow(n as u32) {
            let choice: Vec<Option<usize>> =
                (0..n).map(|i| (code / 3_usize.pow(i as u32) % 3).checked_sub(1)).collect();
            let spend: f64 = choice.iter().flatten().map(|k| table.offers[*k].contact_cost).sum();
            if spend <= budget && choice[0] != Some(1) {
                most = most.max(cvar(&draws.nets(&choice).unwrap(), alpha).unwrap());
            }
        }
        assert!(found.objective <= most + 1e-9 && most <= found.bound.unwrap() + 1e-6, "{seed}: {found:?} {most}");
        let mean = decision.plan(Risk::Mean, &Params::default()).unwrap();
        assert!(found.objective >= cvar(&draws.nets(&mean.choice).unwrap(), alpha).unwrap());
    }
}

#[test]
fn statistics_are_monotone_and_forget_the_order() {
    for seed in 0..200 {
        let mut s = rng::stream(seed, "allocate/risk/test/statistics", 0);
        let n = s.random_range(1..40_usize);
        let mut nets: Vec<f64> = (0..n).map(|_| (200.0 * s.random::<f64>() - 80.0).round()).collect();
        let of = |alpha| Distribution::new(&nets, alpha).unwrap();
        let told = of(0.3);
        assert!(told.q05 <= told.q25 && told.q25 <= told.q50 && told.q50 <= told.q75 && told.q75 <= told.q95);
        let tails: Vec<f64> = [0.01, 0.1, 0.3, 0.7, 1.0].map(|alpha| of(alpha).cvar).into();
        assert!(tails.windows(2).all(|pair| pair[0] <= pair[1] + 1e-12), "{tails:?}");
        assert!((tails[4] - told.mean).abs() < 1e-9 && tails[0] == nets.iter().copied().fold(f64::INFINITY, f64::min));
        // Rockafellar and Uryasev's maximum over t, which is at one of the draws.
        let of_t = |t: f64| t - nets.iter().map(|v| (t - v).max(0.0)).sum::<f64>() / (0.3 * n as f64);
        if n >= 4 {
            let greatest = nets.iter().map(|t| of_t(*t)).fold(f64::NEG_INFINITY, f64::max);
            assert!((greatest - told.cvar).abs() < 1e-9, "{greatest} {}", told.cvar);
        }
        let more: Vec<f64> = nets.iter().map(|v| v + 5.0).collect();
        assert!((Distribution::new(&more, 0.3).unwrap().cvar - told.cvar - 5.0).abs() < 1e-9);
        nets.reverse();
        assert_eq!(Distribution::new(&nets, 0.3).unwrap(), told);
    }
}

#[test]
fn threads_and_the_order_of_customers_change_nothing() {
    let n = 3_000;
    let (table, of) = (retention(), people(n, 8));
    let own = vec![0.3; n];
    let (low, high): (Vec<f64>, Vec<f64>) = of.iter().map(|of| (0.0, 3.0 * of.value)).unzip();
    let shared = Uncertainty { shared_logit_sd: 0.3, level_sd: 0.2, rates: &[ASSUMED; 3], ..Uncertainty::default() };
    let all = Uncertainty { own_logit_sd: Some(&own), value_quantiles: Some((&low, &high)), ..shared };
    let draws = Draws::new(&table, &of, &all, 12, 4).unwrap();
    let solve = solver(n, 3, Some(9_000.0));
    let decision = Decision { draws: &draws, admissible: None, solve: &solve };
    let run = || {
        let plan = decision.plan(Risk::Cvar(0.3), &Params { rounds: 3, tolerance: 0.0 }).unwrap();
        let stability = decision.stability(&plan.choice, 6).unwrap();
        (draws.outcomes(&plan.choice).unwrap(), draws.nets(&plan.choice).unwrap(), stability, plan)
    };
    let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
    let once = pool(1).install(run);
    assert_eq!(once, pool(3).install(run));
    // Averages of blocks are those of whole draws.
    let (first, _) = draws.evaluate(2);
    let mut weights = vec![0.0; 12];
    weights[2] = 1.0;
    assert_eq!(draws.weighted(&weights).unwrap(), first);
    // Without factors of their own customers may stand in any order.
    let back: Vec<Prospect> = of.iter().rev().copied().collect();
    let choice: Vec<Option<usize>> = once.3.choice.iter().rev().copied().collect();
    let one = Draws::new(&table, &of, &shared, 12, 4).unwrap().nets(&once.3.choice).unwrap();
    let other = Draws::new(&table, &back, &shared, 12, 4).unwrap().nets(&choice).unwrap();
    assert!(one.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-9 * a.abs().max(1.0)));
}

#[test]
fn assignments_between_offers_alike_are_less_stable() {
    let n = 300;
    let (table, of, rates) = safe_or_risky(n);
    let unsure = Uncertainty { rates: &rates, ..Uncertainty::default() };
    let sure = [RateBelief::Assumed { strength: 1e6 }; 2];
    let solve = solver(n, 2, Some(1_000.0));
    let stability = |uncertainty: &Uncertainty<'_>| {
        let draws = Draws::new(&table, &of, uncertainty, 50, 1).unwrap();
        let decision = Decision { draws: &draws, admissible: None, solve: &solve };
        let plan = decision.plan(Risk::Mean, &Params::default()).unwrap();
        decision.stability(&plan.choice, 50).unwrap()
    };
    let (low, high) = (stability(&unsure), stability(&Uncertainty { rates: &sure, ..unsure }));
    assert!(low.mean_same_of_offers < 0.7 && high.mean_same_of_offers > 0.95, "{low:?}");
    // All rates alike worse or better: nearly the same customers get something.
    assert!(low.same.iter().zip(&low.any).all(|(same, any)| *same <= 1.0 && *any <= 1.0));
}

#[test]
fn input_that_cannot_be_right_is_refused() {
    let (table, of) = (retention(), people(3, 1));
    let refused = |uncertainty: Uncertainty<'_>| Draws::new(&table, &of, &uncertainty, 5, 1).err().unwrap();
    let usual = Uncertainty::default();
    assert!(matches!(refused(Uncertainty { shared_logit_sd: f64::NAN, ..usual }), Error::Parameter { .. }));
    assert!(matches!(refused(Uncertainty { level_sd: -0.1, ..usual }), Error::Parameter { .. }));
    assert!(matches!(refused(Uncertainty { own_logit_sd: Some(&[0.1]), ..usual }), Error::Shape { .. }));
    let (low, high) = ([1.0, 2.0, 3.0], [2.0, 1.0, 4.0]);
    assert!(matches!(
        refused(Uncertainty { value_quantiles: Some((&low, &high)), ..usual }),
        Error::Row { row: 1, .. }
    ));
    assert!(matches!(refused(Uncertainty { rates: &[ASSUMED], ..usual }), Error::Shape { .. }));
    let wide = [RateBelief::Measured { low: 0.0, high: 1.0, level: 0.1 }, ASSUMED, ASSUMED];
    assert!(matches!(refused(Uncertainty { rates: &wide, ..usual }), Error::Parameter { .. }));
    let beside = [RateBelief::Measured { low: 0.3, high: 0.4, level: 0.9 }, ASSUMED, ASSUMED];
    assert!(matches!(refused(Uncertainty { rates: &beside, ..usual }), Error::Parameter { name: "rate", .. }));
    assert!(Draws::new(&table, &of, &usual, 0, 1).is_err());
    let draws = Draws::new(&table, &of, &usual, 5, 1).unwrap();
    assert!(draws.nets(&[None]).is_err() && draws.nets(&[None, Some(3), None]).is_err());
    assert!(draws.weighted(&[1.0]).is_err() && cvar(&[], 0.1).is_err() && cvar(&[1.0], 0.0).is_err());
    assert!(Distribution::new(&[f64::NAN], 0.1).is_err());
    let solve = solver(3, 3, None);
    let plan = |decision: &Decision<'_>, risk| decision.plan(risk, &Params::default());
    let decision = Decision { draws: &draws, admissible: None, solve: &solve };
    assert!(plan(&decision, Risk::Cvar(0.0)).is_err() && plan(&decision, Risk::Quantile(1.5)).is_err());
    assert!(plan(&Decision { admissible: Some(&[true]), ..decision }, Risk::Mean).is_err());
    assert!(decision.plan(Risk::Mean, &Params { rounds: 0, tolerance: 0.0 }).is_err());
    assert!(decision.stability(&[None; 3], 0).is_err() && decision.stability(&[None; 2], 3).is_err());
    let fails: &Solver<'_> = &|_, _| Err(Error::Infeasible { reason: "no".to_owned() });
    assert!(matches!(plan(&Decision { solve: fails, ..decision }, Risk::Mean), Err(Error::Infeasible { .. })));
}

#[test]
fn rates_in_points_are_drawn_too() {
    let (table, of) = (coupons(), people(200, 3));
    assert_eq!(table.rate_kind, RateKind::Points);
    let uncertainty = Uncertainty { rates: &[ASSUMED; 3], ..Uncertainty::default() };
    let draws = Draws::new(&table, &of, &uncertainty, 50, 1).unwrap();
    let told = Distribution::new(&draws.nets(&[Some(1); 200]).unwrap(), 0.1).unwrap();
    assert!(told.sd > 0.0 && told.cvar < told.mean && told.q05 < told.q95);
}

/// How long the defaults take: `cargo test --release -p tenure-math -- --ignored --nocapture how_long_risk`.
#[test]
#[ignore = "measures, asserts nothing about time"]
#[allow(clippy::disallowed_methods)]
fn how_long_risk_takes() {
    for (n, budget) in [(6_000, 10_000.0), (100_000, 160_000.0)] {
        let (table, of) = (retention(), people(n, 8));
        let own = vec![0.3; n];
        let (low, high): (Vec<f64>, Vec<f64>) = of.iter().map(|of| (0.0, 3.0 * of.value)).unzip();
        let uncertainty = Uncertainty {
            shared_logit_sd: 0.2,
            own_logit_sd: Some(&own),
            level_sd: 0.1,
            value_quantiles: Some((&low, &high)),
            rates: &[ASSUMED; 3],
            ..Uncertainty::default()
        };
        let solve = solver(n, 3, Some(budget));
        let start = std::time::Instant::now();
        let told = |what: &str, of: String| println!("{n} {what}: {:.3} s {of}", start.elapsed().as_secs_f64());
        let draws = Draws::new(&table, &of, &uncertainty, super::DRAWS, 1).unwrap();
        told("draws", String::new());
        let decision = Decision { draws: &draws, admissible: None, solve: &solve };
        let plan = decision.plan(Risk::Mean, &Params::default()).unwrap();
        told("mean plan", format!("net {:.0}", plan.net));
        let nets = draws.nets(&plan.choice).unwrap();
        told("nets", format!("{:?}", Distribution::new(&nets, 0.1).unwrap()));
        draws.outcomes(&plan.choice).unwrap();
        told("outcomes", String::new());
        let stability = decision.stability(&plan.choice, super::REOPTIMISED).unwrap();
        told("stability", format!("{:.3} {:.3}", stability.mean_same, stability.mean_same_of_offers));
        for (risk, rounds) in [(Risk::Cvar(0.1), 12), (Risk::Cvar(0.1), 30), (Risk::Quantile(0.1), 12)] {
            let plan = decision.plan(risk, &Params { rounds, ..Params::default() }).unwrap();
            told(
                &format!("{risk:?}"),
                format!("{:.1} bound {:?} gap {:?} rounds {}", plan.objective, plan.bound, plan.gap, plan.rounds),
            );
        }
    }
}

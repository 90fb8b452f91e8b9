//! Allocation against an exact solver: optima of a thousand problems by HiGHS (`benches/peers/allocate_exact.py`).
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod instances;

use instances::{INSTANCES, Owned};
use tenure_math::Error;
use tenure_math::allocate::{Plan, budget_curve, exact, solve};

/// Seed and optimum to the cent; an empty optimum where there is no plan, `?` where the solver did not finish.
const OPTIMA: &str = include_str!("optima.csv");

/// By how much a plan breaks a row at most, as a share of the bound.
fn verify(owned: &Owned, plan: &Plan) {
    let given = || plan.choice.iter().enumerate().filter_map(|(i, k)| k.map(|k| i * owned.offers + k));
    for (row, least, most) in owned.rows() {
        let sum: f64 = given().map(|at| row[at]).sum();
        assert!(least.is_none_or(|least| sum >= least - 1e-8 * (1.0 + sum.abs())), "{sum} below {least:?}");
        assert!(most.is_none_or(|most| sum <= most + 1e-8 * (1.0 + sum.abs())), "{sum} above {most:?}");
    }
    let net: f64 = given().map(|at| owned.net[at]).sum();
    assert!((net - plan.net).abs() < 1e-6 && plan.bound >= plan.net);
    assert!(plan.limits.iter().all(|limit| limit.kept));
}

#[test]
fn a_thousand_problems_against_an_exact_solver() {
    let (mut shares, mut at_optimum, mut feasible) = (Vec::new(), 0, 0);
    for (line, seed) in OPTIMA.lines().skip(1).zip(0..INSTANCES) {
        let (name, optimum) = line.split_once(',').unwrap();
        assert_eq!(name, seed.to_string());
        let owned = Owned::new(seed);
        let limits = owned.limits();
        let problem = owned.problem(&limits);
        if optimum.is_empty() {
            assert!(matches!(solve(&problem), Err(Error::Infeasible { .. })), "{seed}");
            continue;
        }
        let (plan, proved) = (solve(&problem).unwrap(), exact(&problem, 5_000).unwrap());
        verify(&owned, &plan);
        verify(&owned, &proved);
        assert_eq!(plan.with_choice(&problem, &plan.choice).unwrap(), plan, "{seed}");
        let Ok(best) = optimum.parse::<f64>() else { continue };
        feasible += 1;
        for made in [&plan, &proved] {
            assert!(
                made.bound >= best - 0.005 && made.net <= best + 0.005,
                "{seed}: {} {} {best}",
                made.net,
                made.bound
            );
        }
        assert!(proved.gap < 0.005 && (proved.net - best).abs() < 0.005, "{seed}: {} and {best}", proved.net);
        let below = (best - plan.net).max(0.0);
        at_optimum += usize::from(below < 0.005);
        if owned.n >= 1_000 {
            shares.push(below / best);
        }
        let increment = owned.net.iter().copied().fold(0.0, f64::max);
        assert!(below <= increment * owned.rows().len() as f64, "{seed}: {below}");
    }
    // Every optimum is proved; what is not searched to the end meets it to the cent too.
    shares.sort_by(f64::total_cmp);
    assert!(shares.len() >= 50 && shares[shares.len() - 1] <= 1e-3 && shares[shares.len() / 2] <= 1e-9, "{shares:?}");
    assert!(feasible > 950 && at_optimum == feasible, "{at_optimum} of {feasible}");
}

#[test]
fn net_never_falls_as_the_budget_grows_under_all_limits() {
    for seed in [1, 3, 9, 12, 18, 21] {
        let owned = Owned::new(seed);
        let limits = owned.limits();
        let budgets: Vec<f64> = (0..12).map(|b| f64::from(b) * 0.2 * owned.n as f64).collect();
        let curve = budget_curve(&owned.problem(&limits), &budgets).unwrap();
        assert!(
            curve.windows(2).all(|pair| pair[0].net <= pair[1].net + 1e-9 && pair[0].bound <= pair[1].bound + 1e-6)
        );
    }
}

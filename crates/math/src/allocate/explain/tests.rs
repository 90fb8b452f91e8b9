//! Oracles: evaluation just below and above each flip, the published thresholds, brute force over a grid.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use rand::RngExt;

use super::{
    Flip, Prices, Standing, Why, budget_at, explain, rate_sensitivity, thresholds, thresholds_at, winback_sensitivity,
};
use crate::allocate::expected::{Offer, OfferTable, Prospect, RateKind, coupons, retention};
use crate::allocate::{Problem, solve};
use crate::error::Error;
use crate::rng;

/// What each option is worth, no offer last.
fn worths(table: &OfferTable, of: &Prospect, prices: &Prices<'_>) -> Vec<f64> {
    let offers = table.offers.iter().zip(prices.places);
    let mut worths: Vec<f64> = offers
        .map(|(offer, place)| {
            let e = table.expected(offer, of);
            e.net - prices.lambda * e.cost - place
        })
        .collect();
    worths.push(0.0);
    worths
}

fn best(table: &OfferTable, of: &Prospect, prices: &Prices<'_>) -> Option<usize> {
    let worths = worths(table, of, prices);
    let at = (0..worths.len()).rev().fold(worths.len() - 1, |b, k| if worths[k] > worths[b] { k } else { b });
    (at < table.offers.len()).then_some(at)
}

/// Tables with and without discount, of both kinds, and customers of all sorts.
fn cases() -> Vec<(OfferTable, Prospect, f64, Vec<f64>)> {
    let mut cases = Vec::new();
    for index in 0..600 {
        let mut s = rng::stream(index, "allocate/explain/test", 0);
        let mut u = move |low: f64, high: f64| low + (high - low) * s.random::<f64>();
        let mut table = if index % 2 == 0 { retention() } else { coupons() };
        for offer in &mut table.offers {
            offer.rate *= u(0.7, 1.4);
            offer.contact_cost *= u(0.5, 1.5);
            if index % 3 == 0 {
                (offer.discount_share, offer.redemption_by_loyal) = (u(0.0, 0.1), u(0.0, 0.2));
                offer.margin = u(0.5, 1.0);
            }
        }
        table.winback = u(0.0, 1.0);
        let p = u(0.01, 0.99);
        let value = u(10.0, 900.0);
        let of = Prospect { p_gone: u(0.0, 0.9) * p, comes_back: u(0.0, 0.2) * value, ..Prospect::new(p, value) };
        let places = (0..3).map(|k| if k == 2 { u(0.0, 3.0) } else { 0.0 }).collect();
        cases.push((table, of, u(0.0, 1.5), places));
    }
    cases
}

fn with_churn(of: &Prospect, p: f64) -> Prospect {
    Prospect { p_churn: p, p_gone: of.p_gone / of.p_churn * p, ..*of }
}

#[test]
fn just_beyond_a_flip_another_option_is_the_best() {
    let mut seen = [0_usize; 5];
    for (table, of, lambda, places) in cases() {
        let prices = Prices { lambda, places: &places };
        let choice = best(&table, &of, &prices);
        let why: Why = explain(&table, &[of], &[choice], &prices, None).unwrap().remove(0);
        let worths = worths(&table, &of, &prices);
        assert!((why.worth - worths[choice.unwrap_or(3)]).abs() < 1e-9);
        let second = (0..4).filter(|k| *k != choice.unwrap_or(3)).map(|k| worths[k]).fold(f64::NEG_INFINITY, f64::max);
        assert!((why.at_prices.unwrap().lead - (why.worth - second)).abs() < 1e-9);
        // Price of budget: towards the flip the choice stays, a hair beyond the other one is better.
        let at_price = |lambda: f64| best(&table, &of, &Prices { lambda, places: &places });
        let (low, high) = (why.cheaper_money.map_or(0.0, |f| f.at), why.dearer_money.map_or(1e3, |f| f.at));
        assert!(low <= lambda && lambda <= high, "{low} {lambda} {high}");
        let inside = |share: f64| at_price(low + share * (high - low));
        assert!([1e-6, 0.3, 0.999_999].iter().all(|share| inside(*share) == choice));
        for (at, flip, beyond) in [(0, why.cheaper_money, -1e-7), (1, why.dearer_money, 1e-7)] {
            if let Some(Flip { at: price, to }) = flip {
                assert_eq!(at_price(price + beyond), to, "price {price}");
                seen[at] += 1;
            }
        }
        // Rate: of the choice, or of the best offer for who gets none.
        if let (Some(rate), Some(k)) = (why.rate, choice.or(why.at_prices.unwrap().offer)) {
            let better_at = |rate: f64| {
                let mut other = table.clone();
                other.offers[k].rate = rate;
                best(&other, &of, &prices) == Some(k)
            };
            assert_ne!(better_at((rate - 1e-7).max(0.0)), better_at((rate + 1e-7).min(1.0)), "rate {rate} of {k}");
            seen[2] += 1;
        }
        // Churn: nothing else in between, another one beyond.
        let at_churn = |p: f64| best(&table, &with_churn(&of, p), &prices);
        for (at, flip, end) in [(3, why.lower_churn, 0.0), (4, why.higher_churn, 1.0)] {
            let stop = flip.map_or(end, |f| f.at);
            for step in 1..200 {
                let p = of.p_churn + (stop - of.p_churn) * f64::from(step) / 200.0;
                assert_eq!(at_churn(p), choice, "{p} between {} and {stop}", of.p_churn);
            }
            if let Some(Flip { at: p, to }) = flip {
                let beyond = (p + (end - p).signum() * 1e-7).clamp(0.0, 1.0);
                assert_eq!(at_churn(beyond), to, "churn {p} towards {end}");
                seen[at] += 1;
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 40), "{seen:?}");
}

#[test]
fn a_plan_is_the_best_for_everybody_at_its_prices_but_at_the_break() {
    let n = 500;
    let mut s = rng::stream(3, "allocate/explain/test/plan", 0);
    let of: Vec<Prospect> =
        (0..n).map(|_| Prospect::new(0.1 + 0.8 * s.random::<f64>(), 400.0 * s.random::<f64>())).collect();
    let table = retention();
    let (net, cost) = table.evaluate(&of).unwrap();
    let caps = [None, None, Some(40)];
    let problem = |budget: f64| Problem {
        n_customers: n,
        offers: 3,
        net: &net,
        cost: &cost,
        budget: Some(budget),
        caps: &caps,
        eligible: None,
        allowed: None,
        limits: &[],
    };
    let plan = solve(&problem(2_500.0)).unwrap();
    let prices = Prices { lambda: plan.shadow_price, places: &plan.cap_prices };
    let whys = explain(&table, &of, &plan.choice, &prices, None).unwrap();
    let not_best = whys.iter().filter(|why| why.at_prices.unwrap().lead < -1e-6).count();
    assert!(not_best <= 3, "{not_best}");
    assert!((whys.iter().map(|why| why.net).sum::<f64>() - plan.net).abs() < 1e-9);
    // Who flips to something dearer just below today's price gets it with a little more money.
    let curve: Vec<(f64, f64)> = (0..=40)
        .map(|i| 250.0 * f64::from(i))
        .map(|budget| (budget, solve(&problem(budget)).unwrap().shadow_price))
        .collect();
    let at = budget_at(&curve, plan.shadow_price).unwrap().unwrap();
    assert!((at - 2_500.0).abs() <= 250.0, "{at}");
    // An option that may not be is no rival.
    let mask: Vec<bool> = (0..n * 3).map(|at| at % 3 == 0).collect();
    let masked = explain(&table, &of, &vec![Some(0); n], &prices, Some(&mask)).unwrap();
    assert!(masked.iter().all(|why| why.at_prices.unwrap().offer.is_none() && why.by_net.unwrap().offer.is_none()));
}

#[test]
fn thresholds_are_the_published_ones() {
    let close = |a: Option<f64>, b: f64| (a.unwrap() - b).abs() < 1e-9;
    // REFERENCE 4.6: retention 50 / 75 / 125 of p x value, coupons 40 / 60 / 62.50 of value.
    for (table, expected) in [(retention(), [50.0, 75.0, 125.0]), (coupons(), [40.0, 60.0, 62.5])] {
        let found = thresholds(&table);
        for (k, threshold) in found.iter().enumerate() {
            assert!(close(threshold.from, expected[k]) && threshold.standing == Standing::Best);
            assert_eq!((threshold.offer, threshold.over), (k, k.checked_sub(1)));
        }
    }
    let at = thresholds_at(&retention(), 0.25).unwrap();
    assert!(close(at[0].from, 200.0) && close(at[2].from, 500.0));
    // At p = 0.12 a coupon of 18 points keeps no more than 12: from 250 on instead of 62.50.
    assert!(close(thresholds_at(&coupons(), 0.12).unwrap()[2].from, 250.0));
    assert!(thresholds_at(&retention(), 1.1).is_err());
}

#[test]
fn dominated_and_free_offers_and_discounts_have_their_standing() {
    let light = retention().offers[0].clone();
    let offer =
        |name: &str, contact_cost: f64, rate: f64| Offer { name: name.to_owned(), contact_cost, rate, ..light.clone() };
    let table = |offers: Vec<Offer>| OfferTable { offers, ..retention() };
    // Dearer and worse; dearer and equal; between two that are better; free.
    let found = thresholds(&table(vec![
        offer("free", 0.0, 0.1),
        offer("worse", 5.0, 0.05),
        offer("equal", 5.0, 0.1),
        offer("between", 20.0, 0.2),
        offer("big", 22.0, 0.5),
    ]));
    let standing: Vec<bool> = found.iter().map(|t| t.standing == Standing::Best).collect();
    assert_eq!(standing, [true, false, false, false, true]);
    assert_eq!((found[0].from, found[0].over, found[4].over), (Some(0.0), None, Some(0)));
    assert!((found[4].from.unwrap() - 55.0).abs() < 1e-9 && found[3].from.is_none());
    let mut deal = table(vec![Offer { discount_share: 0.1, redemption_by_loyal: 0.2, ..offer("deal", 2.0, 0.5) }]);
    assert_eq!(thresholds(&deal)[0].standing, Standing::DependsOnChurn);
    // At p = 0.5 of a value of 1: 0.25 kept, 0.1 x (0.25 + 0.1) given.
    assert!((thresholds_at(&deal, 0.5).unwrap()[0].from.unwrap() - 2.0 / 0.215).abs() < 1e-9);
    deal.offers[0].redemption_by_loyal = 0.0;
    assert!((thresholds(&deal)[0].from.unwrap() - 2.0 / 0.45).abs() < 1e-9);
}

#[test]
fn thresholds_agree_with_evaluation() {
    for (mut table, of, _, _) in cases() {
        table.winback = 1.0;
        let p = of.p_churn;
        let prices = Prices { lambda: 0.0, places: &[0.0; 3] };
        let found = thresholds_at(&table, p).unwrap();
        let plain = thresholds(&table);
        for threshold in found.iter().filter(|t| t.standing == Standing::Best) {
            let from = threshold.from.unwrap();
            assert_eq!(best(&table, &Prospect::new(p, from * (1.0 - 1e-7)), &prices), threshold.over);
            assert_eq!(best(&table, &Prospect::new(p, from * (1.0 + 1e-7)), &prices), Some(threshold.offer));
        }
        if table.rate_kind == RateKind::ShareOfChurners && plain[0].standing != Standing::DependsOnChurn {
            for (a, b) in plain.iter().zip(&found).filter(|(a, _)| a.from.is_some()) {
                assert!((a.from.unwrap() - b.from.unwrap() * p).abs() < 1e-6 * a.from.unwrap());
            }
        }
    }
}

#[test]
fn a_plan_breaks_even_where_its_rates_say() {
    let of: Vec<Prospect> = (1..=40).map(|i| Prospect::new(0.5, 10.0 * f64::from(i))).collect();
    for table in [retention(), coupons()] {
        let budget = 300.0;
        let anew = |net: &[f64], cost: &[f64]| {
            let caps = [None; 3];
            solve(&Problem {
                n_customers: 40,
                offers: 3,
                net,
                cost,
                budget: Some(budget),
                caps: &caps,
                eligible: None,
                allowed: None,
                limits: &[],
            })
        };
        let (net, cost) = table.evaluate(&of).unwrap();
        let plan = anew(&net, &cost).unwrap();
        let found = rate_sensitivity(&table, &of, &plan.choice, &anew).unwrap();
        assert_eq!(found.points[4].unchanged, plan.net);
        assert_eq!(found.points[4].reoptimised, plan.net);
        assert_eq!((found.points[0].unchanged, found.points[0].reoptimised), (-plan.spend, 0.0));
        for pair in found.points.windows(2) {
            assert!(pair[0].unchanged <= pair[1].unchanged && pair[0].reoptimised <= pair[1].reoptimised);
        }
        assert!(found.points.iter().all(|point| point.reoptimised >= point.unchanged - 1e-9));
        // A net that is linear in the factor: break even at spend / gain.
        let break_even = found.break_even.unwrap();
        assert!((break_even - plan.spend / (plan.net + plan.spend)).abs() < 1e-9, "{break_even}");
        let nothing = rate_sensitivity(&table, &of, &[None; 40], &anew).unwrap();
        assert_eq!((nothing.break_even, nothing.points[6].unchanged), (None, 0.0));
    }
    // A hopeless plan: even kept for sure, 5 are not worth 50.
    let poor = [Prospect::new(1.0, 5.0)];
    let anew = |net: &[f64], cost: &[f64]| {
        let caps = [None; 3];
        solve(&Problem {
            n_customers: 1,
            offers: 3,
            net,
            cost,
            budget: None,
            caps: &caps,
            eligible: None,
            allowed: None,
            limits: &[],
        })
    };
    assert_eq!(rate_sensitivity(&retention(), &poor, &[Some(2)], &anew).unwrap().break_even, None);
    let mut free = retention();
    free.offers[2].contact_cost = 0.0;
    assert_eq!(rate_sensitivity(&free, &poor, &[Some(2)], &anew).unwrap().break_even, Some(0.0));
}

/// Two who leave for sure and are worth 100, one of whom has left already; Light keeps 20 % for 10.
#[test]
fn winning_back_matters_for_those_who_have_left() {
    let mut table = retention();
    table.winback = 0.1;
    let gone = Prospect { p_gone: 1.0, ..Prospect::new(1.0, 100.0) };
    let anew = |net: &[f64], cost: &[f64]| {
        let caps = [None; 3];
        solve(&Problem {
            n_customers: 2,
            offers: 3,
            net,
            cost,
            budget: Some(10.0),
            caps: &caps,
            eligible: None,
            allowed: None,
            limits: &[],
        })
    };
    let of = winback_sensitivity(&table, &[Prospect::new(1.0, 100.0), gone], &[None, Some(0)], &anew).unwrap();
    let shares: Vec<f64> = of.iter().map(|point| point.winback).collect();
    assert_eq!(shares, [0.0, 0.1, 0.25, 0.5, 1.0]);
    let unchanged: Vec<f64> = of.iter().map(|point| point.unchanged).collect();
    for (found, expected) in unchanged.iter().zip([-10.0, -8.0, -5.0, 0.0, 10.0]) {
        assert!((found - expected).abs() < 1e-9, "{unchanged:?}");
    }
    assert!(of.iter().all(|point| (point.reoptimised - 10.0).abs() < 1e-9), "{of:?}");
    assert!(winback_sensitivity(&table, &[Prospect::new(1.0, 100.0)], &[Some(0)], &anew).unwrap().is_empty());
}

#[test]
fn inputs_that_cannot_be_right_are_refused() {
    let (table, of) = (retention(), [Prospect::new(0.5, 100.0)]);
    let prices = Prices { lambda: 0.1, places: &[0.0; 3] };
    assert!(matches!(explain(&table, &of, &[], &prices, None), Err(Error::Shape { .. })));
    assert!(explain(&table, &of, &[Some(3)], &prices, None).is_err());
    assert!(explain(&table, &of, &[None], &Prices { lambda: -0.1, ..prices }, None).is_err());
    assert!(explain(&table, &of, &[None], &Prices { places: &[0.0; 2], ..prices }, None).is_err());
    assert!(explain(&table, &of, &[None], &prices, Some(&[true])).is_err());
    assert!(budget_at(&[(10.0, 1.0), (5.0, 0.5)], 0.7).is_err() && budget_at(&[(f64::NAN, 1.0)], 0.7).is_err());
    assert_eq!(budget_at(&[], 0.7).unwrap(), None);
    // A hair of rounding upwards is none.
    assert_eq!(budget_at(&[(0.0, 1.0), (1.0, 1.0 + 1e-9), (2.0, 0.0)], 0.5).unwrap(), Some(1.5));
}

#![allow(clippy::unwrap_used)]

use tenure_tables::query;

use super::phrases::{self, Form};
use super::{Outcome, Reasons, Theme};

/// What a feature's value reads like to a customer of a population with these values, in pounds.
fn told(name: &str, value: f64, population: &[f64]) -> String {
    let reasons = Reasons::new(&[name.to_owned()], &[population.to_vec()], Outcome::Churn, "GBP");
    reasons.of(&[value], &[0.5], 3).remove(0).text
}

fn hundred() -> Vec<f64> {
    (0..100).map(|i| f64::from(i) * 4.0).collect()
}

#[test]
fn short_names_are_readable_and_tell_features_apart() {
    let names = ["orders_decayed_90d", "attr_visits", "engagement_score", "recency_days"].map(super::short_name);
    assert_eq!(names, ["orders decayed, 90 days", "visits", "engagement score", "days since last purchase"]);
    let contract = query::FEATURES.contract().unwrap();
    let mut all: Vec<String> = contract.columns.keys().map(|name| super::short_name(name)).collect();
    let n = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), n, "two features have one name");
}

#[test]
fn every_feature_of_the_dictionary_has_a_phrase() {
    let contract = query::FEATURES.contract().unwrap();
    let keys = ["as_of", "customer_id"];
    let features: Vec<&String> = contract.columns.keys().filter(|name| !keys.contains(&name.as_str())).collect();
    assert!(features.len() > 40);
    let made = ["recency_score", "frequency_score", "monetary_score", "segment_rank", "own_rhythm"];
    let made = made.into_iter().chain(crate::lifetimes::FEATURES).chain(["usual_spend", "spend_per_purchase_day"]);
    let names: Vec<&str> = features.iter().map(|name| name.as_str()).chain(made).collect();
    for name in &names {
        let phrase = phrases::of(name).unwrap_or_else(|| panic!("{name} has no phrase"));
        assert!(!phrase.missing.is_empty() && !phrase.more.is_empty() && !phrase.less.is_empty(), "{name}");
        for value in [0.0, 0.37, 1.0, 2.0, 3_250.0, f64::NAN] {
            let text = told(name, value, &hundred());
            assert!(text.ends_with(" (raises the risk)"), "{text}");
            assert!(!text.contains(['{', '}', '_']) && !text.contains("NaN") && !text.starts_with(','), "{text}");
        }
    }
    // No phrase stands for a feature that is no more, and none twice.
    let mut known: Vec<&str> = phrases::all().map(|(name, _)| name).collect();
    assert!(known.iter().all(|name| names.contains(name)));
    known.sort_unstable();
    known.dedup();
    assert_eq!(known.len(), names.len());
}

#[test]
fn units_of_the_dictionary_are_those_of_the_phrases() {
    for (name, column) in query::FEATURES.contract().unwrap().columns {
        let Some(phrase) = phrases::of(&name) else { continue };
        let (Form::Amount { unit, .. } | Form::Change { unit, .. }) = phrase.form;
        let is_money = matches!(unit, phrases::Unit::Money);
        assert_eq!(is_money, column["unit"].as_str().unwrap().starts_with("money"), "{name}");
    }
}

#[test]
fn values_read_well() {
    let days = hundred();
    insta::assert_snapshot!(
        [
            told("recency_days", 366.4, &days),
            told("recency_days", 0.2, &days),
            told("orders_90d", 0.0, &[0.0, 0.0, 0.0, 1.0, 5.0]),
            told("orders_90d", 1.0, &[0.0, 0.0, 0.0, 1.0, 5.0]),
            told("orders_trend_90d", -2.0, &[-2.0, 0.0, 0.0, 1.0, 1.0]),
            told("revenue_trend_90d", 12_400.0, &[0.0, 10.0, 12_400.0]),
            told("monetary_total", 4_312.5, &days),
            told("gap_mean_days", f64::NAN, &days),
            told("gap_cv", 0.62, &[0.1, 0.2, 0.62, 0.9, 1.0]),
            told("product_entropy", 2.1, &[]),
            told("return_rate", 0.12, &[0.0, 0.05, 0.12]),
            told("q4_share", 1.0, &[0.0, 0.5, 1.0]),
            told("segment_rank", 9.0, &[1.0, 2.0, 4.0, 9.0, 10.0]),
            told("attr_visits", 4.0, &[0.0, 1.0, 4.0, 9.0]),
            told("attr_newsletter_share", 0.72, &[0.28, 0.72]),
            told("attr_loyalty_points", f64::NAN, &[]),
        ]
        .join("\n"),
        @r"
    last bought 366 days ago, longer ago than 92 % of customers (raises the risk)
    last bought less than a day ago, more recently than 99 % of customers (raises the risk)
    no order in the last 90 days, like 60 % of customers (raises the risk)
    1 order in the last 90 days, more than 60 % of customers (raises the risk)
    2 orders fewer in the last 90 days than in the 90 before, lower than 80 % of customers (raises the risk)
    spent £12,400 more in the last 90 days than in the 90 before, higher than 66 % of customers (raises the risk)
    spent £4,313 so far, more than 99 % of customers (raises the risk)
    no two purchase days yet to tell a rhythm (raises the risk)
    gaps between orders vary by 62 % of their mean, more than 40 % of customers (raises the risk)
    purchases as varied as 8 products bought equally often (raises the risk)
    12 lines returned per 100 bought, more than 66 % of customers (raises the risk)
    100 % of orders in October to December, more than 66 % of customers (raises the risk)
    segment 9 counted from the best, further from the best than 60 % of customers (raises the risk)
    visits 4, more than 50 % of customers (raises the risk)
    newsletter like 72 % of customers (raises the risk)
    no value for loyalty points (raises the risk)
    "
    );
}

#[test]
fn one_driver_a_theme_and_the_strongest_member_speaks() {
    let names: Vec<String> =
        ["orders_30d", "orders_90d", "recency_days", "tenure_days", "q4_share"].map(str::to_owned).to_vec();
    let reasons = Reasons::new(&names, &[], Outcome::Churn, "");
    // Orders: −0.3 − 0.4 = −0.7, more than recency's 0.6; the bias at the end is nobody's.
    let found = reasons.of(&[1.0, 3.0, 212.0, 400.0, 0.0], &[-0.3, -0.4, 0.6, 0.1, -0.05, 9.0], 3);
    let texts: Vec<&str> = found.iter().map(|reason| reason.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "3 orders in the last 90 days (lowers the risk)",
            "last bought 212 days ago (raises the risk)",
            "customer for 400 days (raises the risk)"
        ]
    );
    assert_eq!((found[0].theme, found[0].feature.as_str()), (Theme::Orders, "orders_90d"));
    assert!((found[0].contribution + 0.7).abs() < 1e-12);
}

#[test]
fn a_theme_is_not_told_by_a_member_that_pulls_the_other_way() {
    let names: Vec<String> = ["orders_30d", "orders_90d", "orders_365d"].map(str::to_owned).to_vec();
    let reasons = Reasons::new(&names, &[], Outcome::Value, "");
    let found = reasons.of(&[1.0, 3.0, 9.0], &[-0.5, 0.4, 0.3], 3);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].text, "3 orders in the last 90 days (speaks for more than a typical customer)");
    // What cancels out moves nothing.
    assert!(reasons.of(&[1.0, 3.0, 9.0], &[-0.5, 0.5, 0.0], 3).is_empty());
    assert!(reasons.of(&[], &[], 3).is_empty());
}

//! On a generated retailer whose truth is known: forecasts come near what the best-informed observer knows, intervals
//! hold what happened, and the plan earns more than the plans it is compared with.

use std::collections::BTreeMap;

use tenure_stages::config::Config;
use tenure_stages::pipeline;
use tenure_stages::world::Params;

use crate::support::{Csv, ctx, scores, temp};

/// Pearson's correlation.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let (ma, mb) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let sum = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(x, y)| f(x - ma, y - mb)).sum::<f64>();
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn correlation_is_one_for_itself_and_minus_one_for_its_opposite() {
    let a = [1.0, 2.0, 5.0];
    assert!((correlation(&a, &[3.0, 5.0, 11.0]) - 1.0).abs() < 1e-12);
    assert!((correlation(&a, &[-1.0, -2.0, -5.0]) + 1.0).abs() < 1e-12);
}

#[test]
fn the_demo_comes_near_the_truth() {
    let dir = temp();
    let out = dir.path();
    let mut config = Config::default();
    config.report.figures = false;
    let summary = pipeline::demo(&ctx(2), &config, &Params::default(), out).unwrap();

    let truth = Csv::read(&out.join("world/truth.csv"));
    let scores = scores(out);
    let ids = scores.texts("customer_id").unwrap();
    let id = truth.column("customer_id");
    let place: BTreeMap<&str, usize> = truth.rows.iter().enumerate().map(|(i, row)| (row[id].as_str(), i)).collect();
    assert_eq!(ids.len(), truth.rows.len(), "everybody who was acquired is scored");
    let of_truth = |column: &str| -> Vec<f64> {
        let values = truth.numbers(column);
        ids.iter().map(|id| values[place[id.as_str()]]).collect()
    };

    // Churn.
    let (p, known) = (scores.f64s("p_churn").unwrap(), of_truth("p_churn_observed"));
    assert!(p.iter().all(|p| (0.0..=1.0).contains(p)));
    let r = correlation(&p, &known);
    assert!(r > 0.5, "correlation with the observer's probability {r}");
    assert!((mean(&p) - mean(&known)).abs() < 0.08, "mean {} and the observer's {}", mean(&p), mean(&known));
    // By fifths of the forecast, what is known rises with it.
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let fifths: Vec<f64> =
        order.chunks(p.len().div_ceil(5)).map(|c| mean(&c.iter().map(|&i| known[i]).collect::<Vec<_>>())).collect();
    assert!(fifths.windows(2).all(|w| w[0] < w[1]), "{fifths:?}");

    // Value.
    let (value, best) = (scores.f64s("value_mean").unwrap(), of_truth("value_observed"));
    let error = value.iter().sum::<f64>() / best.iter().sum::<f64>() - 1.0;
    // Measured: +28 %. The level is last year's season of a shop that was half a year old then.
    assert!(error.abs() < 0.33, "portfolio {:+.1} %", 100.0 * error);
    let r = correlation(&value, &best);
    assert!(r > 0.5, "correlation of values {r}");
    let spend = of_truth("realised_spend");
    let [low, middle, high] = ["value_q10", "value_q50", "value_q90"].map(|q| scores.f64s(q).unwrap());
    let n = spend.len() as f64;
    let share = |holds: &dyn Fn(usize) -> bool| (0..spend.len()).filter(|&i| holds(i)).count() as f64 / n;
    assert_eq!(share(&|i| low[i] <= middle[i] && middle[i] <= high[i]), 1.0, "quantiles cross");
    let (above, inside) = (share(&|i| spend[i] > high[i]), share(&|i| spend[i] >= low[i] && spend[i] <= high[i]));
    assert!((0.04..=0.18).contains(&above), "{above} above the upper value");
    assert!(inside > 0.72, "{inside} inside an interval meant for 0.8");

    // The plan.
    let net: BTreeMap<&str, f64> = summary.truth.iter().map(|row| (row.plan.as_str(), row.true_net)).collect();
    assert_eq!(net.len(), 10, "{:?}", summary.truth);
    assert!(summary.truth.windows(2).all(|w| w[0].true_net >= w[1].true_net), "{:?}", summary.truth);
    assert_eq!(net["nobody"], 0.0);
    assert!(net["oracle"] >= net["best observer"] && net["oracle"] > 0.0, "{net:?}");
    assert!(net["oracle"] >= net["best from data"] && net["best from data"] > net["tenure"], "{net:?}");
    assert!(net["tenure"] > net["random"], "{net:?}");
    assert!(net["tenure"] <= net["oracle"], "{net:?}");
    for row in &summary.truth {
        assert!((row.regret - (net["oracle"] - row.true_net)).abs() < 1e-6 * net["oracle"], "{row:?}");
    }

    // What the evaluation says of itself is not far from the truth either.
    let churn = summary.churn.measured().unwrap();
    assert!(churn.models[0].auc.value > 0.6 && churn.models[0].ece.unwrap() < 0.1, "{:?}", churn.models[0]);
    assert!(churn.models.iter().any(|m| m.model == "recency"), "{churn:?}");
}

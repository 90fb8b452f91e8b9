//! LightGBM behind `boost`: it learns what is known, explains itself, is stored exactly, and is the same on any number of
//! threads. A target of its own, because it is built with the feature `lightgbm` only.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use rand::Rng;
use tenure_math::Error;
use tenure_math::boost::{self, Engine, Fitted, Objective, Params, Validation};
use tenure_math::num::Matrix;
use tenure_math::rng::stream;

/// Uniform features in [0, 1) and a target made of each row and one more uniform number.
fn world(n: usize, p: usize, target: impl Fn(&[f64], f64) -> f64) -> (Matrix, Vec<f64>) {
    let mut random = stream(11, "boost/lightgbm", p as u64);
    let mut unit = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let values: Vec<f64> = (0..n * p).map(|_| unit()).collect();
    let y = values.chunks_exact(p).map(|row| target(row, unit())).collect();
    (Matrix::new(n, p, values).unwrap(), y)
}

fn small(objective: Objective) -> Params {
    let params = Params { rounds: 60, learning_rate: 0.1, min_rows_per_leaf: 20, ..Params::new(objective) };
    Params { engine: Engine::Lightgbm, ..params }
}

fn bytes(fitted: &Fitted) -> Vec<u8> {
    serde_json::to_vec(fitted).unwrap()
}

fn on_threads<T: Send>(threads: usize, job: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(job)
}

#[test]
fn learns_known_functions_as_the_other_engine_does() {
    let truth = |r: &[f64]| 1.0 / (1.0 + (4.0 - 8.0 * r[0]).exp());
    let (x, y) = world(6000, 3, |r, u| f64::from(u < truth(r)));
    // Every tree sees the one column that matters.
    let smooth = Params { min_rows_per_leaf: 200, column_sample: 1.0, ..small(Objective::Logistic) };
    let fitted = boost::fit(&x, &y, None, &smooth).unwrap();
    let p = fitted.predict(&x).unwrap();
    let off: f64 = (0..6000).map(|i| (p[i] - truth(x.row(i))).abs()).sum::<f64>() / 6000.0;
    assert!(off < 0.04, "mean distance to the true probability {off}");
    let importance = fitted.importance();
    assert!(importance[0] > 0.9 && (importance.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let other = boost::fit(&x, &y, None, &Params { engine: Engine::Hessboost, ..smooth }).unwrap().predict(&x).unwrap();
    let apart: f64 = p.iter().zip(&other).map(|(a, b)| (a - b).abs()).sum::<f64>() / 6000.0;
    assert!(apart < 0.02, "mean distance between the engines {apart}");

    // Missing values say something: they were the smallest ones.
    let (x, y) = world(2000, 2, |r, _| if r[0] < 0.3 { 5.0 } else { r[0] });
    let holed: Vec<f64> =
        x.values().iter().enumerate().map(|(k, v)| if k % 2 == 0 && *v < 0.3 { f64::NAN } else { *v }).collect();
    let holed = Matrix::new(2000, 2, holed).unwrap();
    let p = boost::fit(&holed, &y, None, &small(Objective::Squared)).unwrap().predict(&holed).unwrap();
    let worst = p.iter().zip(&y).map(|(p, y)| (p - y).abs()).fold(0.0, f64::max);
    assert!(worst < 0.5, "largest error {worst}");
}

#[test]
fn log_link_objectives_learn_money_in_any_currency() {
    let (x, y) = world(12_000, 2, |r, u| if u < 0.5 { 0.0 } else { (10.0 + 100.0 * r[0]) * 4.0 * (u - 0.5) });
    let params = Params { min_rows_per_leaf: 500, ..small(Objective::Tweedie { power: 1.5 }) };
    let p = boost::fit(&x, &y, None, &params).unwrap().predict(&x).unwrap();
    let truth = |i: usize| 0.5 * (10.0 + 100.0 * x.get(i, 0));
    let off: f64 = (0..12_000).map(|i| (p[i] / truth(i) - 1.0).abs()).sum::<f64>() / 12_000.0;
    assert!(off < 0.12, "mean relative distance {off}");
    let portfolio = p.iter().sum::<f64>() / y.iter().sum::<f64>() - 1.0;
    assert!(portfolio.abs() < 0.02, "portfolio error {portfolio}");
    // Another currency is another unit of the answer: single precision of the gradients is all that may differ.
    let other: Vec<f64> = y.iter().map(|y| y * 64.0).collect();
    let q = boost::fit(&x, &other, None, &params).unwrap().predict(&x).unwrap();
    let apart = p.iter().zip(&q).map(|(p, q)| (q / p / 64.0 - 1.0).abs()).sum::<f64>() / 12_000.0;
    assert!(apart < 1e-4, "mean relative distance between currencies {apart}");

    let (x, y) = world(3000, 2, |r, u| (1.0 + 9.0 * r[1]) * (0.5 + u));
    let p = boost::fit(&x, &y, None, &small(Objective::Gamma)).unwrap().predict(&x).unwrap();
    let off: f64 = (0..3000).map(|i| (p[i] / (1.0 + 9.0 * x.get(i, 1)) - 1.0).abs()).sum::<f64>() / 3000.0;
    assert!(off < 0.05, "mean relative distance {off}");
}

#[test]
fn shap_adds_up_to_the_margin() {
    for objective in [Objective::Logistic, Objective::Tweedie { power: 1.5 }, Objective::Squared] {
        let (x, y) = world(1500, 5, |r, u| f64::from(r[0] + r[1] * r[2] + 0.3 * u > 0.9));
        let fitted = boost::fit(&x, &y, None, &small(objective)).unwrap();
        let margins = fitted.margins(&x).unwrap();
        let shap = fitted.contributions(&x).unwrap();
        assert_eq!((shap.n_rows(), shap.n_cols()), (1500, 6));
        for (i, margin) in margins.iter().enumerate() {
            let sum: f64 = shap.row(i).iter().sum();
            assert!((sum - margin).abs() < 1e-5, "row {i}: {sum} and {margin}");
        }
    }
}

#[test]
fn one_and_two_threads_give_the_same_bytes_and_storage_is_exact() {
    // More rows than one booster scores.
    let (x, y) = world(20_000, 6, |r, u| f64::from(r[0] + 0.5 * u > 0.7));
    let margins: Vec<f64> = (0..20_000).map(|i| f64::from(i % 3)).collect();
    let weights: Vec<f64> = (0..20_000).map(|i| 0.5 + f64::from(i % 2)).collect();
    for beyond in [None, Some(&margins)] {
        let fit = |params: &Params| match beyond {
            None => boost::fit(&x, &y, Some(&weights), params).unwrap(),
            Some(margins) => boost::fit_beyond(&x, &y, Some(&weights), margins, params).unwrap(),
        };
        let params = small(Objective::Logistic);
        let [one, two] = [1, 2].map(|threads| {
            on_threads(threads, || {
                let fitted = fit(&params);
                let said = (fitted.margins(&x).unwrap(), fitted.contributions(&x).unwrap().values().to_vec());
                (bytes(&fitted), said, fitted)
            })
        });
        assert_eq!(one.0, two.0);
        assert_eq!(one.1, two.1);
        let back: Fitted = serde_json::from_slice(&one.0).unwrap();
        assert_eq!(bytes(&back), one.0);
        assert_eq!(back.margins(&x).unwrap(), one.1.0);
        assert_eq!((back.importance(), back.rounds()), (one.2.importance(), 60));
        assert_ne!(bytes(&fit(&Params { seed: 8, ..params })), one.0);
    }
}

#[test]
fn two_fits_at_a_time_are_those_of_one_at_a_time() {
    let (x, y) = world(4000, 5, |r, u| f64::from(r[0] + 0.5 * u > 0.7));
    let fit = |seed: u64| bytes(&boost::fit(&x, &y, None, &Params { seed, ..small(Objective::Logistic) }).unwrap());
    let alone: Vec<Vec<u8>> = (0..4).map(fit).collect();
    let together = on_threads(4, || {
        let ((a, b), (c, d)) = rayon::join(|| rayon::join(|| fit(0), || fit(1)), || rayon::join(|| fit(2), || fit(3)));
        vec![a, b, c, d]
    });
    assert_eq!(alone, together);
}

#[test]
fn own_gradients_are_those_of_the_objectives() {
    // Nested limit: beyond the margin that LightGBM itself would begin with, the same trees are learnt.
    let (x, y) = world(4000, 3, |r, u| f64::from(u < 0.1 + 0.8 * r[0]));
    let (_, money) = world(4000, 3, |r, u| if u < 0.3 { 0.0 } else { (1.0 + 9.0 * r[0]) * u });
    let (_, positive) = world(4000, 3, |r, u| (1.0 + 9.0 * r[1]) * (0.5 + u));
    let weights: Vec<f64> = (0..4000).map(|i| if i % 3 == 0 { 2.0 } else { 1.0 }).collect();
    let total: f64 = weights.iter().sum();
    for (objective, target) in [
        (Objective::Logistic, &y),
        (Objective::Tweedie { power: 1.5 }, &money),
        (Objective::Gamma, &positive),
        (Objective::Squared, &money),
    ] {
        let mean = target.iter().zip(&weights).map(|(y, w)| y * w).sum::<f64>() / total;
        let start = match objective {
            Objective::Logistic => (mean / (1.0 - mean)).ln(),
            Objective::Squared => mean,
            _ => mean.ln(),
        };
        let params = small(objective.clone());
        let plain = boost::fit(&x, target, Some(&weights), &params).unwrap().margins(&x).unwrap();
        let beyond = boost::fit_beyond(&x, target, Some(&weights), &[start; 4000], &params).unwrap();
        let beyond = beyond.margins(&x).unwrap();
        let apart = plain.iter().zip(&beyond).map(|(a, b)| (a - b - start).abs()).sum::<f64>() / 4000.0;
        assert!(apart < 1e-3, "{objective:?}: {apart}");
    }
}

#[test]
fn the_text_carries_names_and_its_objective() {
    let (x, y) = world(1000, 2, |r, u| f64::from(r[0] + 0.5 * u > 0.7));
    let names = ["recency days".to_owned(), "attr:{b}".to_owned()];
    for fitted in [
        boost::fit(&x, &y, None, &small(Objective::Logistic)).unwrap(),
        boost::fit_beyond(&x, &y, None, &[0.3; 1000], &small(Objective::Logistic)).unwrap(),
    ] {
        let text = fitted.lightgbm_text(&names).unwrap().unwrap();
        assert!(text.starts_with("tree\n") && text.contains("\nobjective=binary sigmoid:1\n"), "{}", &text[..300]);
        assert!(text.contains("\nfeature_names=recency_days attr__b_\n"));
        assert!(text.contains("\nrecency_days=") && !text.contains("Column_"));
        assert!(fitted.lightgbm_text(&names[1..]).is_err());
    }
    let other = boost::fit(&x, &y, None, &Params::new(Objective::Logistic)).unwrap();
    assert_eq!(other.lightgbm_text(&names).unwrap(), None);
}

#[test]
fn what_it_cannot_do_is_refused() {
    let (x, y) = world(500, 2, |r, u| f64::from(r[0] + 0.5 * u > 0.7));
    let refused = |result: tenure_math::Result<Fitted>| match result.unwrap_err() {
        Error::Engine { engine, message } => format!("{engine}: {message}"),
        other => panic!("{other:?}"),
    };
    let quantiles = small(Objective::Quantile { levels: vec![0.1, 0.9] });
    assert!(refused(boost::fit(&x, &y, None, &quantiles)).starts_with("lightgbm: it is not used for quantiles"));
    let validation = Validation { features: &x, target: &y, patience: 5 };
    let watched = boost::fit_watched(&x, &y, None, &validation, &small(Objective::Logistic));
    assert!(refused(watched).contains("stop by a validation set"));

    let mut values = x.values().to_vec();
    values[5] = f64::INFINITY;
    let broken = Matrix::new(500, 2, values).unwrap();
    let fitted = boost::fit(&x, &y, None, &small(Objective::Logistic)).unwrap();
    for said in
        [boost::fit(&broken, &y, None, &small(Objective::Logistic)).map(drop), fitted.predict(&broken).map(drop)]
    {
        assert!(matches!(said, Err(Error::NotFinite { row: 2, column: 1, .. })), "{said:?}");
    }
    assert!(matches!(fitted.predict(&Matrix::new(250, 4, x.values().to_vec()).unwrap()), Err(Error::Shape { .. })));

    // One class and a constant are told by the interface, whatever the engine.
    assert!(matches!(boost::fit(&x, &[1.0; 500], None, &small(Objective::Logistic)), Err(Error::Degenerate { .. })));
    let constant = boost::fit(&x, &[2.5; 500], None, &small(Objective::Squared)).unwrap();
    assert!(constant.predict(&x).unwrap().iter().all(|p| (p - 2.5).abs() < 1e-6));
    assert_eq!(constant.importance(), [0.0, 0.0]);

    let text = String::from_utf8(bytes(&fitted)).unwrap();
    for (from, to) in [
        ("\"engine\":\"lightgbm\"", "\"engine\":\"otherboost\""),
        ("\"n_features\":2", "\"n_features\":3"),
        ("objective=binary", "objective=gamma"),
        ("tree\\nversion", "\\u0000tree\\nversion"),
        ("num_class=1", "num_clams=1"),
    ] {
        assert!(text.contains(from), "{from}");
        assert!(serde_json::from_str::<Fitted>(&text.replacen(from, to, 1)).is_err(), "{from}");
    }
}

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use rand::Rng;

use super::*;
use crate::rng::{Stream, stream};

fn unit(stream: &mut Stream) -> f64 {
    (stream.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Uniform features in [0, 1) and a target made of each row and one more uniform number.
fn world(n: usize, p: usize, target: impl Fn(&[f64], f64) -> f64) -> (Matrix, Vec<f64>) {
    let mut random = stream(11, "boost/tests", p as u64);
    let values: Vec<f64> = (0..n * p).map(|_| unit(&mut random)).collect();
    let y = values.chunks_exact(p).map(|row| target(row, unit(&mut random))).collect();
    (Matrix::new(n, p, values).unwrap(), y)
}

fn small(objective: Objective) -> Params {
    Params { rounds: 60, learning_rate: 0.1, min_rows_per_leaf: 20, ..Params::new(objective) }
}

fn bytes(fitted: &Fitted) -> Vec<u8> {
    serde_json::to_vec(fitted).unwrap()
}

#[test]
fn learns_known_functions() {
    let (x, y) = world(3000, 4, |r, u| 5.0 * r[0] - 3.0 * r[1] * r[1] + 0.2 * (u - 0.5));
    let p = fit(&x, &y, None, &small(Objective::Squared)).unwrap().predict(&x).unwrap();
    let sse: f64 = p.iter().zip(&y).map(|(p, y)| (p - y).powi(2)).sum();
    let mean = y.iter().sum::<f64>() / 3000.0;
    let sst: f64 = y.iter().map(|y| (y - mean).powi(2)).sum();
    assert!(1.0 - sse / sst > 0.98);

    let truth = |r: &[f64]| 1.0 / (1.0 + (4.0 - 8.0 * r[0]).exp());
    let (x, y) = world(6000, 3, |r, u| f64::from(u < truth(r)));
    let smooth = Params { min_rows_per_leaf: 200, ..small(Objective::Logistic) };
    let fitted = fit(&x, &y, None, &smooth).unwrap();
    let p = fitted.predict(&x).unwrap();
    let off: f64 = (0..6000).map(|i| (p[i] - truth(x.row(i))).abs()).sum::<f64>() / 6000.0;
    assert!(off < 0.03, "mean distance to the true probability {off}");
    assert!(p.iter().all(|p| *p > 0.0 && *p < 1.0));
    let importance = fitted.importance();
    assert!(importance[0] > 0.9 && (importance.iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn log_link_objectives_learn_money_in_any_currency() {
    // A mass at zero and a mean of 10 + 100 x0 among the buyers.
    let (x, y) = world(12_000, 2, |r, u| if u < 0.5 { 0.0 } else { (10.0 + 100.0 * r[0]) * 4.0 * (u - 0.5) });
    let params = Params { min_rows_per_leaf: 500, ..small(Objective::Tweedie { power: 1.5 }) };
    let fitted = fit(&x, &y, None, &params).unwrap();
    let p = fitted.predict(&x).unwrap();
    let truth = |i: usize| 0.5 * (10.0 + 100.0 * x.get(i, 0));
    let off: f64 = (0..12_000).map(|i| (p[i] / truth(i) - 1.0).abs()).sum::<f64>() / 12_000.0;
    assert!(off < 0.12, "mean relative distance {off}");
    let portfolio = p.iter().sum::<f64>() / y.iter().sum::<f64>() - 1.0;
    assert!(portfolio.abs() < 0.02, "portfolio error {portfolio}");
    // A power of two changes no digit: the model in the other currency is the same model.
    let other: Vec<f64> = y.iter().map(|y| y * 64.0).collect();
    let q = fit(&x, &other, None, &params).unwrap().predict(&x).unwrap();
    assert!(p.iter().zip(&q).all(|(p, q)| (q / p / 64.0 - 1.0).abs() < 1e-9));

    let (x, y) = world(3000, 2, |r, u| (1.0 + 9.0 * r[1]) * (0.5 + u));
    let p = fit(&x, &y, None, &small(Objective::Gamma)).unwrap().predict(&x).unwrap();
    let off: f64 = (0..3000).map(|i| (p[i] / (1.0 + 9.0 * x.get(i, 1)) - 1.0).abs()).sum::<f64>() / 3000.0;
    assert!(off < 0.05, "mean relative distance {off}");
}

#[test]
fn quantiles_are_the_known_ones_and_do_not_cross() {
    // y uniform on [0, 1 + x0): the level-q quantile is q (1 + x0).
    let (x, y) = world(8000, 2, |r, u| u * (1.0 + r[0]));
    let levels = vec![0.1, 0.5, 0.9];
    let params = small(Objective::Quantile { levels: levels.clone() });
    let fitted = fit(&x, &y, None, &params).unwrap();
    let q = fitted.predict_levels(&x).unwrap();
    for (j, level) in levels.iter().enumerate() {
        let off: f64 = (0..8000).map(|i| (q.get(i, j) - level * (1.0 + x.get(i, 0))).abs()).sum::<f64>() / 8000.0;
        assert!(off < 0.05, "level {level}: {off}");
        let below = (0..8000).filter(|&i| y[i] <= q.get(i, j)).count() as f64 / 8000.0;
        assert!((below - level).abs() < 0.03, "level {level}: {below} below");
    }
    assert!((0..8000).all(|i| q.row(i).windows(2).all(|w| w[0] <= w[1])));
    assert!(matches!(fitted.predict(&x), Err(Error::Shape { .. })));
    assert_eq!(fitted.level_contributions(&x, 2).unwrap().n_cols(), 3);
    assert!(fitted.level_contributions(&x, 3).is_err());
}

#[test]
fn shap_adds_up_to_the_margin() {
    for objective in [Objective::Logistic, Objective::Tweedie { power: 1.5 }, Objective::Squared] {
        let (x, y) = world(1500, 5, |r, u| f64::from(r[0] + r[1] * r[2] + 0.3 * u > 0.9));
        let fitted = fit(&x, &y, None, &small(objective)).unwrap();
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
fn shap_of_stumps_is_each_features_own_effect() {
    // Nested limit: trees of one split make the margin a sum of functions of one feature each, whose Shapley values
    // are f_j(x_j) - E f_j; so replacing x_j alone moves column j by the change of the margin and no other column.
    let (x, y) = world(1200, 3, |r, _| r[0] + 2.0 * r[1] * r[1]);
    let fitted = fit(&x, &y, None, &Params { max_leaves: 2, ..small(Objective::Squared) }).unwrap();
    let replaced: Vec<f64> = x.values().iter().enumerate().map(|(k, v)| if k % 3 == 1 { 0.77 } else { *v }).collect();
    let other = Matrix::new(1200, 3, replaced).unwrap();
    let (shap, shap_other) = (fitted.contributions(&x).unwrap(), fitted.contributions(&other).unwrap());
    let (margin, margin_other) = (fitted.margins(&x).unwrap(), fitted.margins(&other).unwrap());
    for i in 0..1200 {
        let moved = shap_other.get(i, 1) - shap.get(i, 1);
        assert!((moved - (margin_other[i] - margin[i])).abs() < 1e-5);
        assert!((shap_other.get(i, 0) - shap.get(i, 0)).abs() < 1e-6);
    }
    // Their expectation over the training rows is zero up to what row sampling leaves.
    let mean = shap.column(1).iter().sum::<f64>() / 1200.0;
    assert!(mean.abs() < 0.02, "mean attribution {mean}");
}

#[test]
fn one_and_two_threads_give_the_same_bytes_and_storage_is_exact() {
    let (x, y) = world(5000, 6, |r, u| f64::from(r[0] + 0.5 * u > 0.7));
    for objective in [Objective::Logistic, Objective::Quantile { levels: vec![0.1, 0.9] }] {
        let one = fit(&x, &y, None, &Params { threads: 1, ..small(objective.clone()) }).unwrap();
        let two = fit(&x, &y, None, &Params { threads: 2, ..small(objective.clone()) }).unwrap();
        let ambient = fit(&x, &y, None, &small(objective.clone())).unwrap();
        assert_eq!(bytes(&one), bytes(&two));
        assert_eq!(bytes(&one), bytes(&ambient));
        let back: Fitted = serde_json::from_slice(&bytes(&one)).unwrap();
        assert_eq!(bytes(&back), bytes(&one));
        assert_eq!(back.margins(&x).unwrap(), one.margins(&x).unwrap());
        assert_eq!(back.importance(), one.importance());
        let another_seed = fit(&x, &y, None, &Params { seed: 8, ..small(objective) }).unwrap();
        assert_ne!(bytes(&another_seed), bytes(&one));
    }
    let text = String::from_utf8(bytes(&fit(&x, &y, None, &small(Objective::Squared)).unwrap())).unwrap();
    for (from, to) in
        [("hessboost", "otherboost"), ("\"n_features\":6", "\"n_features\":7"), ("trees\":\"", "trees\":\"z")]
    {
        assert!(text.contains(from));
        assert!(serde_json::from_str::<Fitted>(&text.replacen(from, to, 1)).is_err(), "{from}");
    }
}

#[test]
fn missing_values_carry_information_and_infinities_are_refused() {
    let (x, y) = world(2000, 2, |r, _| if r[0] < 0.3 { 5.0 } else { r[0] });
    let holed: Vec<f64> =
        x.values().iter().enumerate().map(|(k, v)| if k % 2 == 0 && *v < 0.3 { f64::NAN } else { *v }).collect();
    let holed = Matrix::new(2000, 2, holed).unwrap();
    let p = fit(&holed, &y, None, &small(Objective::Squared)).unwrap().predict(&holed).unwrap();
    let worst = p.iter().zip(&y).map(|(p, y)| (p - y).abs()).fold(0.0, f64::max);
    assert!(worst < 0.5, "largest error {worst}");
    let mut values = x.values().to_vec();
    values[5] = f64::INFINITY;
    let broken = Matrix::new(2000, 2, values).unwrap();
    let refused = fit(&broken, &y, None, &small(Objective::Squared));
    assert!(matches!(refused, Err(Error::NotFinite { row: 2, column: 1, .. })));
}

#[test]
fn targets_outside_the_domain_are_refused_and_constants_answered() {
    let (x, y) = world(300, 2, |r, _| r[0]);
    let with = |i: usize, v: f64| {
        let mut y = y.clone();
        y[i] = v;
        y
    };
    let squared = small(Objective::Squared);
    assert!(matches!(fit(&x, &with(7, f64::NAN), None, &squared), Err(Error::NotFinite { row: 7, .. })));
    assert!(matches!(fit(&x, &y[1..], None, &squared), Err(Error::Shape { .. })));
    assert!(matches!(fit(&x, &y, None, &small(Objective::Logistic)), Err(Error::Parameter { .. })));
    let tweedie = small(Objective::Tweedie { power: 1.5 });
    assert!(matches!(fit(&x, &with(0, -1.0), None, &tweedie), Err(Error::Parameter { .. })));
    assert!(matches!(fit(&x, &[0.0; 300], None, &tweedie), Err(Error::Degenerate { .. })));
    assert!(matches!(fit(&x, &[1.0; 300], None, &small(Objective::Logistic)), Err(Error::Degenerate { .. })));
    let constant = fit(&x, &[2.5; 300], None, &squared).unwrap();
    assert!(constant.predict(&x).unwrap().iter().all(|p| (p - 2.5).abs() < 1e-6));
    assert_eq!(constant.importance(), [0.0, 0.0]);
    let flat = fit(&x, &[2.5; 300], None, &small(Objective::Quantile { levels: vec![0.1, 0.9] })).unwrap();
    assert!(flat.predict_levels(&x).unwrap().values().iter().all(|p| (p - 2.5).abs() < 1e-6));
    for bad in [
        Params { rounds: 0, ..squared.clone() },
        Params { learning_rate: 0.0, ..squared.clone() },
        Params { max_leaves: 1, ..squared.clone() },
        Params { row_sample: 1.5, ..squared.clone() },
        Params { lambda: f64::NAN, ..squared.clone() },
        small(Objective::Tweedie { power: 2.0 }),
        small(Objective::Quantile { levels: vec![0.9, 0.1] }),
    ] {
        assert!(matches!(fit(&x, &y, None, &bad), Err(Error::Parameter { .. })));
    }
    assert!(matches!(fit(&x, &y, Some(&[-1.0; 300]), &squared), Err(Error::Parameter { .. })));
}

#[test]
fn a_row_of_weight_two_counts_as_two_rows() {
    // Without row sampling; the split candidates see weights as counts, so the two models agree closely, not to the
    // bit (single-precision sums in another order).
    let (x, y) = world(1500, 2, |r, u| r[0] + 0.1 * u);
    let weights: Vec<f64> = (0..1500).map(|i| if i % 3 == 0 { 2.0 } else { 1.0 }).collect();
    let twice: Vec<usize> = (0..1500).flat_map(|i| vec![i; if i % 3 == 0 { 2 } else { 1 }]).collect();
    let params = Params { row_sample: 1.0, column_sample: 1.0, min_rows_per_leaf: 0, ..small(Objective::Squared) };
    let weighted = fit(&x, &y, Some(&weights), &params).unwrap().predict(&x).unwrap();
    let y_twice: Vec<f64> = twice.iter().map(|&i| y[i]).collect();
    let repeated = fit(&x.select_rows(&twice), &y_twice, None, &params).unwrap().predict(&x).unwrap();
    let off = weighted.iter().zip(&repeated).map(|(a, b)| (a - b).abs()).sum::<f64>() / 1500.0;
    assert!(off < 2e-3, "mean distance {off}");
}

#[test]
fn a_watched_fit_stops_early_and_predicts_with_its_best_round() {
    let (x, y) = world(600, 3, |r, u| r[0] + 3.0 * u);
    let (train, hold): (Vec<usize>, Vec<usize>) = (0..600).partition(|i| i % 2 == 0);
    let pick = |rows: &[usize]| rows.iter().map(|&i| y[i]).collect::<Vec<_>>();
    let (held_x, held_y) = (x.select_rows(&hold), pick(&hold));
    let validation = Validation { features: &held_x, target: &held_y, patience: 10 };
    let params = Params { rounds: 500, ..small(Objective::Squared) };
    let (train_x, train_y) = (x.select_rows(&train), pick(&train));
    let watched = fit_watched(&train_x, &train_y, None, &validation, &params).unwrap();
    assert!(watched.rounds() < 500);
    let plain = fit(&train_x, &train_y, None, &Params { rounds: watched.rounds(), ..params }).unwrap();
    assert_eq!(plain.margins(&held_x).unwrap(), watched.margins(&held_x).unwrap());
    let back: Fitted = serde_json::from_slice(&bytes(&watched)).unwrap();
    assert_eq!(back.rounds(), watched.rounds());
}

#[test]
fn groups_brought_to_one_level_teach_only_what_differs_within_them() {
    // Two groups with base rates far apart and the same slope; a second feature says which group a row is of.
    let (x, _) = world(2000, 2, |r, _| r[0]);
    let group = |i: usize| i % 2;
    let x = Matrix::from_columns(&[x.column(0), (0..2000).map(|i| group(i) as f64).collect()]).unwrap();
    let base = [-2.0, 2.0];
    let mut random = stream(9, "boost/groups", 0);
    let y: Vec<f64> = (0..2000)
        .map(|i| {
            let odds = base[group(i)] + x.get(i, 0);
            f64::from(rand::RngExt::random::<f64>(&mut random) < 1.0 / (1.0 + (-odds).exp()))
        })
        .collect();
    let margins: Vec<f64> = (0..2000).map(|i| base[group(i)]).collect();
    let spread = |fitted: &Fitted| {
        let of = |g: f64| {
            let rows = Matrix::from_columns(&[vec![0.0; 1], vec![g; 1]]).unwrap();
            fitted.margins(&rows).unwrap()[0]
        };
        of(1.0) - of(0.0)
    };
    let params = small(Objective::Logistic);
    let plain = spread(&fit(&x, &y, None, &params).unwrap());
    let beyond = spread(&fit_beyond(&x, &y, None, &margins, &params).unwrap());
    assert!(plain > 2.0, "{plain}");
    assert!(beyond.abs() < 0.5, "{beyond}");
    assert!(fit_beyond(&x, &y, None, &margins[1..], &params).is_err());
    assert!(fit_beyond(&x, &y, None, &vec![f64::NAN; 2000], &params).is_err());
}

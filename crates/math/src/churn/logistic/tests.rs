#![allow(clippy::unwrap_used, clippy::float_cmp)]

use super::*;

fn data() -> (Matrix, Vec<bool>) {
    let columns = [
        vec![1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 2.5, 7.5],
        vec![20., 18., 25., 30., 22., 35., 28., 40., 31., 45., 38., 21.],
        vec![3., 1., 4., 1., 5., 9., 2., 6., 5., 3., 5., 8.],
    ];
    let positive = [0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 1, 0].map(|y| y == 1).to_vec();
    (Matrix::from_columns(&columns).unwrap(), positive)
}

fn with_penalty(x: &Matrix, y: &[bool], weights: Option<&[f64]>, penalty: f64) -> Fitted {
    let groups: Vec<u64> = (0..y.len() as u64).collect();
    let params = Params { penalties: vec![penalty], ..Params::default() };
    fit(&Rows { features: x, positive: y, groups: &groups, weights }, &params).unwrap()
}

#[test]
fn published_implementation() {
    // scikit-learn 1.9.1 LogisticRegression(C=1/(penalty * 12), solver="newton-cholesky", tol=1e-12) on
    // StandardScaler output; the weighted row with weighted mean and deviation.
    let (x, y) = data();
    let references = [
        (0.01, 0.325_670_547_497_762, [0.111_445_448_370_584, 3.546_833_919_194_089, 0.071_715_487_871_595]),
        (0.1, 0.056_951_810_651_736, [0.242_801_608_520_928, 1.395_347_959_797_997, 0.102_826_424_272_252]),
        (1.0, 0.000_990_292_185_363, [0.127_255_437_023_936, 0.326_897_985_351_249, 0.061_712_862_694_012]),
    ];
    for (penalty, intercept, slopes) in references {
        let fitted = with_penalty(&x, &y, None, penalty);
        assert!((fitted.intercept - intercept).abs() < 1e-9, "{penalty}");
        assert!(fitted.coefficients.iter().zip(slopes).all(|(b, e)| (b - e).abs() < 1e-9), "{penalty}");
    }
    let weights = [1., 2., 1., 1., 3., 1., 1., 1., 2., 1., 1., 1.];
    let fitted = with_penalty(&x, &y, Some(&weights), 0.1);
    let slopes = [0.390_260_145_484_25, 1.368_186_099_512_806, 0.084_320_900_096_805];
    assert!((fitted.intercept + 0.302_603_564_439_964).abs() < 1e-9);
    assert!(fitted.coefficients.iter().zip(slopes).all(|(b, e)| (b - e).abs() < 1e-9));
}

#[test]
fn scale_shift_and_duplication_change_nothing() {
    let (x, y) = data();
    let fitted = with_penalty(&x, &y, None, 0.1);
    let p = fitted.predict(&x).unwrap();
    let moved: Vec<Vec<f64>> =
        (0..3).map(|j| x.column(j).iter().map(|v| 1000.0 * v - 7.0 * j as f64).collect()).collect();
    let moved = Matrix::from_columns(&moved).unwrap();
    let q = with_penalty(&moved, &y, None, 0.1).predict(&moved).unwrap();
    assert!(p.iter().zip(&q).all(|(a, b)| (a - b).abs() < 1e-9));
    let rows: Vec<usize> = (0..24).map(|i| i % 12).collect();
    let twice: Vec<bool> = rows.iter().map(|&i| y[i]).collect();
    let doubled = with_penalty(&x.select_rows(&rows), &twice, None, 0.1);
    assert!(doubled.coefficients.iter().zip(&fitted.coefficients).all(|(a, b)| (a - b).abs() < 1e-9));
    // Original units say the same.
    let (intercept, slopes) = fitted.original_units();
    for (i, p) in p.iter().enumerate() {
        let margin = intercept + x.row(i).iter().zip(&slopes).map(|(x, b)| x * b).sum::<f64>();
        assert!((sigmoid(margin) - p).abs() < 1e-12);
    }
    // A free intercept meets the observed rate exactly; a huge penalty leaves nothing but it.
    assert!((p.iter().sum::<f64>() - 6.0).abs() < 1e-9);
    let flat = with_penalty(&x, &y, None, 1e9).predict(&x).unwrap();
    assert!(flat.iter().all(|p| (p - 0.5).abs() < 1e-6));
}

#[test]
fn missing_and_constant_features_are_harmless() {
    let (x, y) = data();
    let mut columns: Vec<Vec<f64>> = (0..3).map(|j| x.column(j)).collect();
    columns[0][3] = f64::NAN;
    columns.push(vec![5.0; 12]);
    columns.push(vec![f64::NAN; 12]);
    let holed = Matrix::from_columns(&columns).unwrap();
    let fitted = with_penalty(&holed, &y, None, 0.1);
    assert_eq!(fitted.coefficients[3..], [0.0, 0.0]);
    // By hand: the median of the eleven other values of the first column is 6.
    columns.truncate(3);
    columns[0][3] = 6.0;
    let filled = Matrix::from_columns(&columns).unwrap();
    let by_hand = with_penalty(&filled, &y, None, 0.1);
    assert!((fitted.coefficients[0] - by_hand.coefficients[0]).abs() < 1e-12);
    assert!(fitted.predict(&holed).unwrap().iter().all(|p| *p > 0.0 && *p < 1.0));
    let back: Fitted = serde_json::from_str(&serde_json::to_string(&fitted).unwrap()).unwrap();
    assert_eq!(back, fitted);
}

/// Two features that matter and eight that do not, three rows a customer.
fn noisy(n: usize) -> (Matrix, Vec<bool>, Vec<u64>) {
    let mut random = stream(1, "logistic/noisy", 0);
    let mut unit = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let values: Vec<f64> = (0..n * 10).map(|_| unit() - 0.5).collect();
    let x = Matrix::new(n, 10, values).unwrap();
    let y = (0..n).map(|i| unit() < sigmoid(4.0 * x.get(i, 0) - 2.0 * x.get(i, 1))).collect();
    (x, y, (0..n as u64).map(|i| i / 3).collect())
}

#[test]
fn known_truth_is_recovered_and_the_rule_keeps_its_promise() {
    let (x, y, groups) = noisy(6000);
    let rows = Rows { features: &x, positive: &y, groups: &groups, weights: None };
    let least = fit(&rows, &Params { rule: Rule::Minimum, ..Params::default() }).unwrap();
    let (_, slopes) = least.original_units();
    // The standard error of a slope here is near 2 / sqrt(6000 / 12) = 0.09.
    assert!((slopes[0] - 4.0).abs() < 0.4 && (slopes[1] + 2.0).abs() < 0.4, "{slopes:?}");
    assert!(slopes[2..].iter().all(|b| b.abs() < 0.4));
    let simple = fit(&rows, &Params::default()).unwrap();
    assert!(simple.penalty >= least.penalty);
    let at = |f: &Fitted| *simple.path.iter().find(|p| p.penalty == f.penalty).unwrap();
    assert!(at(&simple).log_loss <= at(&least).log_loss + at(&least).standard_error);
    assert_eq!(simple.path, least.path);
}

#[test]
fn folds_never_divide_a_customer_and_threads_change_nothing() {
    let (x, y, groups) = noisy(600);
    let assigned = folds(&groups, &Params::default()).unwrap();
    assert!((0..600).all(|i| assigned[i] == assigned[i / 3 * 3]));
    assert!((0..5).all(|k| assigned.iter().filter(|f| **f == k).count() == 120));
    let rows = Rows { features: &x, positive: &y, groups: &groups, weights: None };
    let run = || fit(&rows, &Params::default()).unwrap();
    let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
    assert_eq!(pool(1).install(run), pool(2).install(run));
}

#[test]
fn bad_inputs_are_refused() {
    let (x, y) = data();
    let groups = [0_u64; 12];
    let rows = Rows { features: &x, positive: &y, groups: &groups, weights: None };
    assert!(matches!(fit(&rows, &Params::default()), Err(Error::TooFew { .. })));
    let one = [true; 12];
    let single = Params { penalties: vec![0.1], ..Params::default() };
    assert!(matches!(fit(&Rows { positive: &one, ..rows }, &single), Err(Error::Degenerate { .. })));
    assert!(fit(&rows, &Params { penalties: vec![0.0], ..Params::default() }).is_err());
    assert!(fit(&rows, &Params { penalties: vec![], ..Params::default() }).is_err());
    assert!(balanced_weights(&one).is_err());
    assert!(fit(&Rows { weights: Some(&[f64::NAN; 12]), ..rows }, &single).is_err());
}

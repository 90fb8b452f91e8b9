//! Estimator checks and known truths for the Gaussian mixture.
#![allow(clippy::unwrap_used, clippy::float_cmp)]
use super::*;
use crate::segment::quality;
use rand_distr::{Distribution, StandardNormal};

fn agreement(a: &[u32], b: &[u32]) -> f64 {
    quality::adjusted_rand(a, b).unwrap()
}

/// Rows `m + A z` of clouds with the given shares of ten, means and factors, in a mixed order, and their clouds.
fn clouds(n: usize, laws: &[(usize, [f64; 2], [f64; 4])], seed: u64) -> (Matrix, Vec<u32>) {
    let of_ten: Vec<usize> = laws.iter().enumerate().flat_map(|(c, law)| vec![c; law.0]).collect();
    let mut s = rng::stream(seed, "segment/mixture/test", 0);
    let (mut values, mut truth) = (Vec::new(), Vec::new());
    for i in 0..n {
        let c = of_ten[i * 7 % 10];
        let (_, m, a) = laws[c];
        let z: [f64; 2] = [StandardNormal.sample(&mut s), StandardNormal.sample(&mut s)];
        values.extend([m[0] + a[0] * z[0] + a[1] * z[1], m[1] + a[2] * z[0] + a[3] * z[1]]);
        truth.push(c as u32);
    }
    (Matrix::new(n, 2, values).unwrap(), truth)
}

/// Three long parallel stripes and a small dense ball: k-means cuts the stripes across.
fn stripes(n: usize) -> (Matrix, Vec<u32>) {
    let long = [3.0, 0.0, 0.0, 0.2];
    let laws =
        [(4, [0.0, 0.0], long), (3, [0.0, 2.0], long), (2, [0.0, 4.0], long), (1, [0.0, 6.5], [0.1, 0.0, 0.0, 0.1])];
    clouds(n, &laws, 5)
}

/// Two round clouds far apart and a third with a tilt.
fn apart(n: usize) -> (Matrix, Vec<u32>) {
    let round = [1.0, 0.0, 0.0, 1.0];
    clouds(n, &[(5, [0.0, 0.0], round), (3, [20.0, 0.0], round), (2, [0.0, 30.0], [2.0, 0.0, 1.5, 0.5])], 3)
}

fn by_hand(row: &[f64], weights: &[f64], means: &[[f64; 2]], covariances: &[[f64; 3]]) -> Vec<f64> {
    let laws = weights.iter().zip(means).zip(covariances);
    laws.map(|((w, m), [a, b, c])| {
        let (x, y, det) = (row[0] - m[0], row[1] - m[1], a * c - b * b);
        let squared = (c * x * x - 2.0 * b * x * y + a * y * y) / det;
        w * (-squared / 2.0).exp() / (2.0 * std::f64::consts::PI * det.sqrt())
    })
    .collect()
}

#[test]
fn long_clouds_are_found_where_k_means_cuts_them() {
    let (data, truth) = stripes(3000);
    let fitted = fit(&data, &Params { starts: 8, ..Params::new(4, 1) }).unwrap();
    let round = kmeans::fit(&data, &kmeans::Params { starts: 8, ..kmeans::Params::new(4, 1) }).unwrap();
    assert!(agreement(&round.labels, &truth) < 0.5);
    assert!(fitted.converged && agreement(&fitted.labels, &truth) > 0.99);
    assert!((fitted.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert!(fitted.sizes.windows(2).all(|w| w[0] >= w[1]) && fitted.sizes.iter().sum::<usize>() == 3000);
    // The largest is the first stripe: mean 0, variances 9 and .04, within four standard errors of 1,200 rows.
    let found = fitted.covariances.row(0);
    assert!((found[0] - 9.0).abs() < 4.0 * 9.0 * (2.0_f64 / 1200.0).sqrt());
    assert!((found[3] - 0.04).abs() < 4.0 * 0.04 * (2.0_f64 / 1200.0).sqrt() + 1e-4);
}

#[test]
fn densities_are_those_of_the_formula() {
    let (weights, means) = ([0.7, 0.3], [[0.0, 1.0], [2.0, -1.0]]);
    let covariances = [[2.0, 0.6, 1.0], [0.5, -0.2, 0.3]];
    let full: Vec<f64> = covariances.iter().flat_map(|&[a, b, c]| [a, b, b, c]).collect();
    let fitted = Fitted {
        weights: weights.to_vec(),
        means: Matrix::new(2, 2, means.concat()).unwrap(),
        covariances: Matrix::new(2, 4, full).unwrap(),
        ..fit(&apart(100).0, &Params::new(2, 1)).unwrap()
    };
    let data = Matrix::new(3, 2, vec![0.5, 0.5, 1.5, -0.5, 1.0, 0.2]).unwrap();
    let shares = fitted.responsibilities(&data).unwrap();
    for i in 0..3 {
        let parts = by_hand(data.row(i), &weights, &means, &covariances);
        let total: f64 = parts.iter().sum();
        assert!(shares.row(i).iter().zip(&parts).all(|(s, p)| (s - p / total).abs() < 1e-12));
        assert_eq!(fitted.assign(&data).unwrap()[i], u32::from(parts[1] > parts[0]));
    }
    // And the likelihood and the criterion of a fit are those of its own parameters.
    let (data, _) = stripes(500);
    let f = fit(&data, &Params::new(2, 1)).unwrap();
    let covariances: Vec<[f64; 3]> = (0..2).map(|c| f.covariances.row(c)).map(|s| [s[0], s[1], s[3]]).collect();
    let means: Vec<[f64; 2]> = (0..2).map(|c| [f.means.get(c, 0), f.means.get(c, 1)]).collect();
    let total: f64 =
        (0..500).map(|i| by_hand(data.row(i), &f.weights, &means, &covariances).iter().sum::<f64>().ln()).sum();
    assert!((f.log_likelihood - total / 500.0).abs() < 1e-10);
    assert!((f.bic - (11.0 * 500_f64.ln() - 2.0 * total)).abs() < 1e-6);
}

#[test]
fn the_likelihood_never_falls() {
    let (data, _) = stripes(1000);
    let mut last = f64::NEG_INFINITY;
    for max_iterations in 1..40 {
        let now = fit(&data, &Params { starts: 1, max_iterations, tolerance: 1e-12, ..Params::new(5, 2) }).unwrap();
        assert!(now.log_likelihood >= last - 1e-9 && !now.converged);
        last = now.log_likelihood;
    }
}

#[test]
fn the_same_bytes_again_on_any_threads_and_through_json() {
    let (data, _) = stripes(9000);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit(&data, &Params::new(4, 5)).unwrap())
    };
    let fitted = on(1);
    assert!(fitted == on(2) && fitted == on(1));
    assert_eq!(fitted.assign(&data).unwrap(), fitted.labels);
    let text = serde_json::to_string(&fitted).unwrap();
    let back: Fitted = serde_json::from_str(&text).unwrap();
    assert_eq!(back.assign(&data).unwrap(), fitted.labels);
    assert_eq!(back.responsibilities(&data).unwrap(), fitted.responsibilities(&data).unwrap());
    assert_eq!(Fitted { labels: fitted.labels.clone(), ..back }, fitted);
}

#[test]
fn neither_order_nor_copies_nor_place_change_the_partition() {
    let (data, truth) = apart(600);
    let fitted = fit(&data, &Params::new(3, 1)).unwrap();
    assert_eq!(fitted.labels, truth);
    let turned: Vec<usize> = (0..600).map(|i| i * 349 % 600).collect();
    let other = fit(&data.select_rows(&turned), &Params::new(3, 1)).unwrap();
    assert!(turned.iter().zip(&other.labels).all(|(&i, &label)| label == fitted.labels[i]));
    let twice: Vec<usize> = (0..1200).map(|i| i / 2).collect();
    let doubled = fit(&data.select_rows(&twice), &Params::new(3, 1)).unwrap();
    assert!(twice.iter().zip(&doubled.labels).all(|(&i, &label)| label == fitted.labels[i]));
    assert!((doubled.log_likelihood - fitted.log_likelihood).abs() < 1e-9);
    // A million away from the origin: squares would lose twelve digits of a variance of 1.
    let far = Matrix::new(600, 2, data.values().iter().map(|v| v + 1e6).collect()).unwrap();
    let moved = fit(&far, &Params::new(3, 1)).unwrap();
    assert_eq!(moved.labels, fitted.labels);
    assert!((moved.log_likelihood - fitted.log_likelihood).abs() < 1e-6);
}

#[test]
fn poor_data_are_fitted_or_refused_with_a_reason() {
    let (data, truth) = apart(600);
    let constant: Vec<f64> = (0..600).flat_map(|i| [data.get(i, 0), 7.0, data.get(i, 1)]).collect();
    let fitted = fit(&Matrix::new(600, 3, constant).unwrap(), &Params::new(3, 1)).unwrap();
    assert_eq!(fitted.labels, truth);
    assert!((fitted.covariances.get(0, 4) - 1e-4).abs() < 1e-12);
    let one = fit(&Matrix::new(1, 1, vec![4.0]).unwrap(), &Params::new(1, 1)).unwrap();
    assert!(one.labels == [0] && (one.log_likelihood + 0.5 * (2.0 * std::f64::consts::PI * 1e-4).ln()).abs() < 1e-12);
    let equal = Matrix::new(50, 2, vec![3.0; 100]).unwrap();
    assert_eq!(fit(&equal, &Params::new(1, 1)).unwrap().sizes, [50]);
    assert!(matches!(fit(&equal, &Params::new(2, 1)), Err(Error::TooFew { needed: 2, found: 1, .. })));
    assert!(matches!(fit(&equal, &Params::new(51, 1)), Err(Error::TooFew { needed: 51, found: 50, .. })));
    for bad in [f64::NAN, f64::INFINITY] {
        let data = Matrix::new(2, 2, vec![0.0, 1.0, bad, 2.0]).unwrap();
        let place = |e| matches!(e, Error::NotFinite { row: 1, column: 0, .. });
        assert!(place(fit(&data, &Params::new(1, 1)).unwrap_err()));
        assert!(place(fitted_two().assign(&data).unwrap_err()));
    }
    let large = Matrix::new(2, 1, vec![0.0, 1e200]).unwrap();
    assert!(matches!(fit(&large, &Params::new(1, 1)), Err(Error::Degenerate { .. })));
    assert!(fitted_two().assign(&Matrix::new(1, 3, vec![0.0; 3]).unwrap()).is_err());
    assert!(fit(&Matrix::new(3, 0, vec![]).unwrap(), &Params::new(1, 1)).is_err());
    let defaults = Params::new(2, 1);
    for wrong in [
        Params { k: 0, ..defaults },
        Params { starts: 0, ..defaults },
        Params { rows: 0, ..defaults },
        Params { tolerance: f64::NAN, ..defaults },
        Params { regularisation: 0.0, ..defaults },
    ] {
        assert!(matches!(fit(&equal, &wrong), Err(Error::Parameter { .. })));
    }
}

fn fitted_two() -> Fitted {
    fit(&apart(100).0, &Params::new(2, 1)).unwrap()
}

#[test]
fn a_row_forty_deviations_away_has_a_likelihood() {
    // exp(-800) is zero in f64: without log-sum-exp every responsibility of this row would be NaN.
    let fitted = fitted_two();
    let data = Matrix::new(2, 2, vec![4e3, -4e3, 1e9, 1e9]).unwrap();
    let shares = fitted.responsibilities(&data).unwrap();
    assert!((0..2).all(|i| (shares.row(i).iter().sum::<f64>() - 1.0).abs() < 1e-12));
    let mut values = apart(600).0.values().to_vec();
    values[..2].copy_from_slice(&[4e3, 4e3]);
    let outlying = fit(&Matrix::new(600, 2, values).unwrap(), &Params::new(4, 1)).unwrap();
    assert_eq!(outlying.sizes[3], 1);
}

#[test]
fn a_sample_stands_for_all_rows() {
    let (data, truth) = stripes(6000);
    let fitted = fit(&data, &Params { rows: 1500, starts: 8, ..Params::new(4, 1) }).unwrap();
    assert_eq!((fitted.rows_fitted, fitted.labels.len(), fitted.sizes.iter().sum()), (1500, 6000, 6000));
    assert!(agreement(&fitted.labels, &truth) > 0.98);
}

#[test]
fn the_least_criterion_finds_the_number_of_clouds() {
    let (data, truth) = stripes(3000);
    let choice = choose_k(&data, 2, 6, &Params { starts: 8, ..Params::new(1, 1) }).unwrap();
    assert_eq!((choice.k, choice.candidates.len()), (4, 5));
    assert!(agreement(&choice.fitted.labels, &truth) > 0.99);
    assert!(choice.reason.starts_with("K = 4 has the least BIC, "), "{}", choice.reason);
    let cut = choose_k(&data, 2, 3, &Params { starts: 8, ..Params::new(1, 1) }).unwrap();
    assert!(cut.reason.starts_with("K = 3 has the least BIC, ") && cut.reason.contains("the greatest tried"));
    let few = Matrix::new(4, 1, vec![0.0, 0.0, 9.0, 9.0]).unwrap();
    let ended = choose_k(&few, 2, 5, &Params::new(1, 1)).unwrap();
    assert_eq!((ended.k, ended.candidates.len()), (2, 1));
    assert!(ended.reason.starts_with("K = 2 was the only one possible"));
    assert!(choose_k(&few, 3, 5, &Params::new(1, 1)).is_err());
    assert!(choose_k(&few, 0, 5, &Params::new(1, 1)).is_err() && choose_k(&few, 3, 2, &Params::new(1, 1)).is_err());
}

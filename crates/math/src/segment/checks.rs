//! What every estimator of clusters must do, checked of all of them alike; and the clouds that tests share.
//!
//! The checks compare whole partitions, so they use clouds far apart, where each estimator has one answer. Among pieces of
//! one cloud a different order of the rows is a different draw of seeds, and may end in another minimum.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use rand::RngExt;

use super::kmeans::Fitted;
use super::{choose, kmeans, minibatch, quality, scale};
use crate::error::{Error, Result};
use crate::num::Matrix;
use crate::rng;

/// `k` round clouds of `each` rows around places far apart, in `d` columns; row `i` is of cloud `i % k`.
pub(super) fn clouds(k: usize, each: usize, d: usize, seed: u64) -> Matrix {
    let mut s = rng::stream(seed, "segment/kmeans/test", 0);
    let mut values = Vec::new();
    for _ in 0..each {
        for c in 0..k {
            for j in 0..d {
                let centre = if j == c % d { 10.0 * (1 + c / d) as f64 } else { 0.0 };
                values.push(centre + s.random::<f64>() + s.random::<f64>() - 1.0);
            }
        }
    }
    Matrix::new(each * k, d, values).unwrap()
}

/// Clouds of 200, 300, 400 and 500 rows, so that the groups have an order.
fn unequal() -> Matrix {
    let all = clouds(4, 500, 3, 5);
    let rows: Vec<usize> = (0..all.n_rows()).filter(|i| i / 4 < 200 + 100 * (i % 4)).collect();
    all.select_rows(&rows)
}

type Fit = fn(&Matrix, usize) -> Result<Fitted>;

const ESTIMATORS: [(&str, Fit); 4] = [
    ("kmeans", |data, k| kmeans::fit(data, &kmeans::Params::new(k, 3))),
    ("kmeans on a sample", |data, k| kmeans::fit_exploring(data, &kmeans::Params::new(k, 3), 500)),
    ("minibatch", |data, k| minibatch::fit(data, &minibatch::Params { batch: 300, ..minibatch::Params::new(k, 3) })),
    // K = 1 is no choice.
    ("choose", |data, k| {
        let only = choose::Params { k_min: k.max(2), k_max: k.max(2), seed: 3, ..choose::Params::default() };
        choose::choose(data, &only).map(|choice| choice.fitted)
    }),
];

/// Calls `check` with every estimator's name and fit.
fn each(check: impl Fn(&str, Fit)) {
    ESTIMATORS.iter().for_each(|&(name, fit)| check(name, fit));
}

fn close(a: &Matrix, b: &Matrix, tolerance: f64) -> bool {
    a.n_rows() == b.n_rows() && a.values().iter().zip(b.values()).all(|(x, y)| (x - y).abs() < tolerance)
}

#[test]
fn the_same_rows_give_the_same_bytes_on_any_number_of_threads() {
    let data = unequal();
    each(|name, fit| {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let fitted = pool.install(|| fit(&data, 5).unwrap());
            (serde_json::to_string(&fitted).unwrap(), fitted.labels)
        };
        let one = on(1);
        assert!(one == on(1) && one == on(2) && one == on(3), "{name}");
    });
    let choice = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        serde_json::to_string(&pool.install(|| choose::choose(&data, &choose::Params::default()).unwrap())).unwrap()
    };
    assert_eq!(choice(1), choice(2));
}

#[test]
fn the_order_of_the_rows_does_not_matter() {
    let data = unequal();
    let n = data.n_rows();
    // 797 has no factor in common with 1,400: a walk by it meets every row once.
    let order: Vec<usize> = (0..n).map(|i| i * 797 % n).collect();
    each(|name, fit| {
        let (plain, mixed) = (fit(&data, 4).unwrap(), fit(&data.select_rows(&order), 4).unwrap());
        let expected: Vec<u32> = order.iter().map(|&i| plain.labels[i]).collect();
        assert_eq!((&mixed.labels, &mixed.sizes), (&expected, &plain.sizes), "{name}");
        assert!(
            quality::adjusted_rand(&mixed.labels, &expected).unwrap() == 1.0 && plain.sizes == [500, 400, 300, 200]
        );
        // The same rows, summed in another order.
        assert!(close(&mixed.centroids, &plain.centroids, 1e-9), "{name}");
    });
}

#[test]
fn every_row_twice_changes_no_centroid() {
    let data = unequal();
    let twice = data.select_rows(&(0..2 * data.n_rows()).map(|i| i / 2).collect::<Vec<_>>());
    each(|name, fit| {
        let (once, twice) = (fit(&data, 4).unwrap(), fit(&twice, 4).unwrap());
        assert!(close(&once.centroids, &twice.centroids, 1e-9), "{name}");
        assert_eq!(twice.sizes, once.sizes.iter().map(|s| 2 * s).collect::<Vec<_>>(), "{name}");
        assert!((twice.inertia - 2.0 * once.inertia).abs() < 1e-9 * twice.inertia, "{name}");
    });
}

#[test]
fn a_constant_column_changes_nothing() {
    let data = unequal();
    let columns: Vec<Vec<f64>> = vec![data.column(0), vec![3.25; data.n_rows()], data.column(1), data.column(2)];
    let wider = Matrix::from_columns(&columns).unwrap();
    each(|name, fit| {
        let (plain, wide) = (fit(&data, 4).unwrap(), fit(&wider, 4).unwrap());
        assert_eq!(plain.labels, wide.labels, "{name}");
        assert!(wide.centroids.column(1).iter().all(|x| (x - 3.25).abs() < 1e-12), "{name}");
        assert!(close(&wide.centroids.select_columns(&[0, 2, 3]), &plain.centroids, 1e-9), "{name}");
        assert!((plain.inertia - wide.inertia).abs() < 1e-9 * plain.inertia, "{name}");
    });
}

#[test]
fn one_place_is_one_group_and_never_two() {
    let one = Matrix::new(1, 2, vec![7.0, -2.0]).unwrap();
    let equal = Matrix::new(40, 2, [7.0, -2.0].repeat(40)).unwrap();
    each(|name, fit| {
        assert!(matches!(fit(&one, 2), Err(Error::TooFew { needed: 2, found: 1, .. })), "{name}");
        assert!(matches!(fit(&equal, 2), Err(Error::TooFew { needed: 2, found: 1, .. })), "{name}");
        if name != "choose" {
            for data in [&one, &equal] {
                let fitted = fit(data, 1).unwrap();
                assert_eq!((fitted.inertia, fitted.sizes), (0.0, vec![data.n_rows()]), "{name}");
                assert_eq!(
                    (fitted.centroids.row(0), fitted.labels),
                    (&[7.0, -2.0][..], vec![0; data.n_rows()]),
                    "{name}"
                );
            }
        }
        let told = fit(&equal, 2).unwrap_err().to_string();
        assert_eq!(told, "k-means (distinct rows) needs at least 2 rows, found 1", "{name}");
    });
}

#[test]
fn what_is_not_finite_is_refused_with_its_place() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut values = unequal().values().to_vec();
        values[3 * 8 + 1] = bad;
        let data = Matrix::new(values.len() / 3, 3, values).unwrap();
        each(|name, fit| {
            assert!(matches!(fit(&data, 3), Err(Error::NotFinite { row: 8, column: 1, .. })), "{name}");
            let fitted = fit(&unequal(), 4).unwrap();
            assert!(matches!(fitted.assign(&data), Err(Error::NotFinite { row: 8, column: 1, .. })), "{name}");
        });
        assert!(matches!(scale::fit(&data), Err(Error::NotFinite { row: 8, column: 1, .. })));
        let fitted = scale::fit(&unequal()).unwrap();
        assert!(matches!(fitted.transform(&data), Err(Error::NotFinite { row: 8, column: 1, .. })));
    }
}

#[test]
fn a_stored_model_places_rows_as_before() {
    let data = unequal();
    let later = clouds(4, 50, 3, 77);
    each(|name, fit| {
        let fitted = fit(&data, 4).unwrap();
        let stored: Fitted = serde_json::from_str(&serde_json::to_string(&fitted).unwrap()).unwrap();
        assert_eq!(stored.assign(&data).unwrap(), fitted.labels, "{name}");
        assert_eq!(stored.assign(&later).unwrap(), fitted.assign(&later).unwrap(), "{name}");
        assert!(matches!(
            stored.assign(&later.select_columns(&[0, 1])),
            Err(Error::Shape { expected: 3, found: 2, .. })
        ));
    });
}

#[test]
fn a_scale_depends_on_the_values_alone() {
    // A skewed column without negatives, one with, and a constant one.
    let amounts: Vec<f64> = (0..300).map(|i| (f64::from(i) / 40.0).exp()).collect();
    let columns = vec![amounts.clone(), amounts.iter().map(|x| x - 4.0).collect(), vec![3.25; 300]];
    let data = Matrix::from_columns(&columns).unwrap();
    let plain = scale::fit(&data).unwrap();
    assert_eq!(plain, scale::fit(&data).unwrap());
    let mixed = scale::fit(&data.select_rows(&(0..300).map(|i| i * 7 % 300).collect::<Vec<_>>())).unwrap();
    let twice = scale::fit(&data.select_rows(&(0..600).map(|i| i / 2).collect::<Vec<_>>())).unwrap();
    for other in [&mixed, &twice] {
        for (a, b) in plain.columns().iter().zip(other.columns()) {
            // The same sums in another order.
            assert!(a.log == b.log && (a.mean - b.mean).abs() <= 1e-12 * a.mean.abs(), "{a:?} {b:?}");
            assert!((a.sd - b.sd).abs() <= 1e-12 * a.sd && (a.skewness - b.skewness).abs() <= 1e-9, "{a:?} {b:?}");
        }
    }
    // Columns are scaled each for itself: the constant one becomes zeros and touches no other.
    let narrow = data.select_columns(&[0, 1]);
    let (wide, alone) = (plain.transform(&data).unwrap(), scale::fit(&narrow).unwrap().transform(&narrow).unwrap());
    assert!(wide.select_columns(&[0, 1]) == alone && wide.column(2) == vec![0.0; 300]);
    // One row, or all rows equal, have no spread: zeros, not NaN.
    for rows in [vec![5], vec![5; 30]] {
        let same = data.select_rows(&rows);
        assert!(scale::fit(&same).unwrap().transform(&same).unwrap().values().iter().all(|&z| z == 0.0));
    }
}

//! Estimator checks and known truths for HDBSCAN.
#![allow(clippy::unwrap_used, clippy::float_cmp)]
use super::*;
use crate::segment::quality;
use rand_distr::{Distribution, StandardNormal};

fn agreement(a: &[u32], b: &[u32]) -> f64 {
    quality::adjusted_rand(a, b).unwrap()
}

/// Labels with noise as a group of its own, after the others.
fn named(labels: &[Option<u32>]) -> Vec<u32> {
    labels.iter().map(|label| label.unwrap_or(u32::MAX)).collect()
}

/// Two half circles that reach into each other, and every tenth row anywhere around them, with the truth: 0, 1, or noise.
fn moons(n: usize, seed: u64) -> (Matrix, Vec<u32>) {
    let mut s = rng::stream(seed, "segment/density/test", 0);
    let (mut values, mut truth) = (Vec::new(), Vec::new());
    for i in 0..n {
        if i % 10 == 9 {
            values.extend([s.random::<f64>() * 7.0 - 3.0, s.random::<f64>() * 6.0 - 3.0]);
            truth.push(u32::MAX);
            continue;
        }
        let (angle, side) = (s.random::<f64>() * std::f64::consts::PI, f64::from(i as u32 % 2));
        let jolt: [f64; 2] = [StandardNormal.sample(&mut s), StandardNormal.sample(&mut s)];
        let sign = 1.0 - 2.0 * side;
        values.push(sign * angle.cos() + side + 0.05 * jolt[0]);
        values.push(sign * angle.sin() + 0.5 * side + 0.05 * jolt[1]);
        truth.push(side as u32);
    }
    (Matrix::new(n, 2, values).unwrap(), truth)
}

/// Round clouds of 200, 120 and 80 rows around places far apart, in a mixed order, and their numbers.
fn clouds(seed: u64) -> (Matrix, Vec<u32>) {
    let mut s = rng::stream(seed, "segment/density/clouds", 0);
    let (mut values, mut truth) = (Vec::new(), Vec::new());
    for i in 0..400 {
        let c = [0_u32, 1, 0, 2, 0, 1, 0, 2, 0, 1][i * 3 % 10];
        let place = [[0.0, 0.0], [30.0, 0.0], [0.0, 40.0]][c as usize];
        let jolt: [f64; 2] = [StandardNormal.sample(&mut s), StandardNormal.sample(&mut s)];
        values.extend([place[0] + jolt[0], place[1] + jolt[1]]);
        truth.push(c);
    }
    (Matrix::new(400, 2, values).unwrap(), truth)
}

fn small() -> Params {
    Params { min_samples: 5, ..Params::new(40, 1) }
}

#[test]
fn moons_are_told_apart_and_rows_between_them_are_noise() {
    let (data, truth) = moons(2000, 1);
    let fitted = fit(&data, &Params { min_samples: 5, ..Params::new(100, 1) }).unwrap();
    assert_eq!(fitted.sizes.len(), 2);
    let labels = named(&fitted.labels);
    let inner: Vec<usize> = (0..2000).filter(|&i| truth[i] != u32::MAX).collect();
    let pick = |of: &[u32]| inner.iter().map(|&i| of[i]).collect::<Vec<_>>();
    assert!(agreement(&pick(&labels), &pick(&truth)) > 0.97);
    // Of 200 rows anywhere in 42 square units some lie on the moons, which with their rims fill about a tenth of them.
    let flagged = (0..2000).filter(|&i| truth[i] == u32::MAX && fitted.labels[i].is_none()).count();
    assert!(flagged > 150, "{flagged}");
    assert_eq!(fitted.sizes.iter().sum::<usize>() + fitted.n_noise, 2000);
    let halves = crate::segment::kmeans::fit(&data, &crate::segment::kmeans::Params::new(2, 1)).unwrap();
    assert!(agreement(&pick(&halves.labels), &pick(&truth)) < 0.6);
}

#[test]
fn groups_of_different_density_are_found_beside_each_other() {
    // A cloud a hundred times denser than its neighbour: no single radius finds both.
    let mut s = rng::stream(2, "segment/density/test", 0);
    let values = (0..600).flat_map(|i| {
        let jolt: [f64; 2] = [StandardNormal.sample(&mut s), StandardNormal.sample(&mut s)];
        if i % 2 == 0 { [0.1 * jolt[0], 0.1 * jolt[1]] } else { [6.0 + jolt[0], jolt[1]] }
    });
    let data = Matrix::new(600, 2, values.collect()).unwrap();
    let fitted = fit(&data, &Params { resolution: 1e-3, ..small() }).unwrap();
    let truth: Vec<u32> = (0..600).map(|i| i % 2).collect();
    assert_eq!(fitted.sizes.len(), 2);
    assert!(agreement(&named(&fitted.labels), &truth) > 0.9 && fitted.n_noise < 10);
}

#[test]
fn the_same_bytes_again_on_any_threads_and_through_json() {
    let (data, _) = moons(6000, 2);
    let params = Params { rows: 1500, ..Params::new(40, 3) };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit(&data, &params).unwrap())
    };
    let fitted = on(1);
    assert!(fitted == on(2) && fitted == on(1));
    assert_eq!((fitted.rows_fitted, fitted.rows.n_rows(), fitted.labels.len()), (1500, 1500, 6000));
    assert_eq!(fitted.assign(&data).unwrap(), fitted.labels);
    assert_eq!(fitted.assign(&fitted.rows).unwrap(), fitted.row_labels);
    let text = serde_json::to_string(&fitted).unwrap();
    let back: Fitted = serde_json::from_str(&text).unwrap();
    assert_eq!(back.assign(&data).unwrap(), fitted.labels);
    assert_eq!(Fitted { labels: fitted.labels.clone(), ..back }, fitted);
    // The sample's groups are those of all rows, but for rows at their borders.
    let whole = fit(&data, &Params { min_samples: 10, ..Params::new(160, 3) }).unwrap();
    assert!(agreement(&named(&fitted.labels), &named(&whole.labels)) > 0.9);
}

#[test]
fn neither_order_nor_copies_change_the_partition() {
    let (data, truth) = clouds(1);
    let fitted = fit(&data, &small()).unwrap();
    assert_eq!(fitted.sizes.len(), 3);
    assert!(fitted.labels.iter().zip(&truth).all(|(label, t)| label.is_none_or(|label| label == *t)));
    assert!(fitted.n_noise <= 4, "{}", fitted.n_noise);
    // Two rows near the border may go to noise or back, for the moves are drawn in the order of the rows.
    let differ = |labels: &[Option<u32>], rows: &[usize]| {
        rows.iter().zip(labels).filter(|&(&i, label)| *label != fitted.labels[i]).count()
    };
    let turned: Vec<usize> = (0..400).map(|i| i * 149 % 400).collect();
    let other = fit(&data.select_rows(&turned), &small()).unwrap();
    assert!(other.sizes.len() == 3 && differ(&other.labels, &turned) <= 2);
    // Twice the rows, with twice the counts asked for.
    let twice: Vec<usize> = (0..800).map(|i| i / 2).collect();
    let doubled = Params { min_cluster_size: 80, min_samples: 10, ..small() };
    let doubled = fit(&data.select_rows(&twice), &doubled).unwrap();
    assert!(doubled.sizes.len() == 3 && doubled.rows == fitted.rows && differ(&doubled.labels, &twice) <= 4);
}

#[test]
fn core_distances_and_reach_are_those_of_a_line() {
    // Steps of 1, and of 2 in the second group; the third nearest, itself included, is 1 or 2 steps away.
    let x = [0.0, 1.0, 2.0, 3.0, 4.0, 100.0, 102.0, 104.0, 106.0];
    let params = Params { min_samples: 3, resolution: 1e-6, ..Params::new(4, 1) };
    let fitted = fit(&Matrix::new(9, 1, x.to_vec()).unwrap(), &params).unwrap();
    assert_eq!(named(&fitted.labels), [0, 0, 0, 0, 0, 1, 1, 1, 1]);
    let expected = [2.0, 1.0, 1.0, 1.0, 2.0, 4.0, 2.0, 2.0, 4.0];
    assert!(fitted.core_distances.iter().zip(expected).all(|(found, core)| (found - core).abs() < 2e-6));
    let new = Matrix::new(6, 1, vec![-1.9, -2.1, 6.1, 96.1, 95.9, 109.9]).unwrap();
    assert_eq!(fitted.assign(&new).unwrap(), [Some(0), None, None, Some(1), None, Some(1)]);
}

#[test]
fn equal_rows_are_one_dense_place_and_not_infinitely_dense() {
    // Three grids of 9, 12 and 10 steps with several rows at most places.
    let mut s = rng::stream(7, "segment/density/test", 0);
    let of = |n: u32, from: f64, steps: u32| (0..2 * n).map(move |_| (from, steps));
    let cells = of(600, 0.0, 9).chain(of(300, 20.0, 12)).chain(of(200, 60.0, 10));
    let data: Vec<f64> = cells.map(|(from, steps)| from + f64::from(s.random_range(0..steps))).collect();
    let data = Matrix::new(1100, 2, data).unwrap();
    let params = Params { min_samples: 5, resolution: 1.0, ..Params::new(15, 1) };
    let fitted = fit(&data, &params).unwrap();
    assert_eq!(fitted.sizes, [600, 300, 200]);
    // Why rows are moved: left where they are, the crate takes the largest grid for noise around two of its places.
    let unmoved = groups(&data, &params).unwrap();
    assert!(unmoved.iter().filter(|label| label.is_none()).count() > 500);
    assert!(fitted.rows.n_rows() < 330);
}

#[test]
fn poor_data_give_noise_or_are_refused_with_a_reason() {
    let (data, _) = clouds(1);
    let constant: Vec<f64> = (0..400).flat_map(|i| [data.get(i, 0), 7.0, data.get(i, 1)]).collect();
    let fitted = fit(&Matrix::new(400, 3, constant).unwrap(), &small()).unwrap();
    assert_eq!(fitted.sizes.len(), 3);
    // One place is one row of the model; the whole is never a group, and labels of equal rows are equal.
    let equal = Matrix::new(100, 2, vec![3.0; 200]).unwrap();
    let fitted = fit(&equal, &small()).unwrap();
    assert_eq!((fitted.rows.n_rows(), fitted.n_noise), (1, 100));
    // As few rows as may be: none is enough for two groups.
    for n in 5..12 {
        let few = Matrix::new(n, 1, (0..n).map(|i| i as f64).collect()).unwrap();
        let fitted = fit(&few, &Params { min_samples: n, ..Params::new(5, 1) }).unwrap();
        assert_eq!(fitted.n_noise + fitted.sizes.iter().sum::<usize>(), n);
    }
    let one = Matrix::new(1, 1, vec![1.0]).unwrap();
    assert!(matches!(fit(&one, &small()), Err(Error::TooFew { needed: 40, found: 1, .. })));
    for bad in [f64::NAN, f64::NEG_INFINITY] {
        let mut values = data.values().to_vec();
        values[7] = bad;
        let bad = Matrix::new(400, 2, values).unwrap();
        let place = |e| matches!(e, Error::NotFinite { row: 3, column: 1, .. });
        assert!(place(fit(&bad, &small()).unwrap_err()) && place(fitted.assign(&bad).unwrap_err()));
    }
    assert!(fitted.assign(&Matrix::new(1, 3, vec![0.0; 3]).unwrap()).is_err());
    assert!(fit(&Matrix::new(50, 0, vec![]).unwrap(), &small()).is_err());
    for wrong in [
        Params { min_cluster_size: 1, ..small() },
        Params { min_samples: 0, ..small() },
        Params { rows: 39, ..small() },
        Params { resolution: 0.0, ..small() },
        Params { resolution: 1e-12, ..small() },
    ] {
        assert!(matches!(fit(&data, &wrong), Err(Error::Parameter { .. })));
    }
}

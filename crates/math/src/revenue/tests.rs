#![allow(clippy::unwrap_used, clippy::float_cmp)]

use rand_distr::{Distribution, StandardNormal};

use super::*;
use crate::rng;

/// Strong before Christmas, weak after it; the geometric mean is not 1.
const SHAPE: [f64; YEAR] = [0.7, 0.6, 0.9, 0.8, 0.9, 0.9, 0.8, 0.9, 1.2, 1.4, 1.8, 1.1];
const LEVEL_OF_INTERVAL: f64 = 0.8;

/// `n` months from the calendar month `first` on, growing by the factor `growth` in a year.
fn shop(first: usize, n: usize, growth: f64) -> Vec<f64> {
    (0..n).map(|t| 1_000.0 * growth.powf(t as f64 / 12.0) * SHAPE[(first + t) % YEAR]).collect()
}

fn foreseen(first: usize, y: &[f64]) -> Forecast {
    forecast(Months::new(first, y).unwrap(), LEVEL_OF_INTERVAL).unwrap()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs()
}

#[test]
fn a_season_and_a_trend_that_were_put_in_come_out() {
    for (first, n, growth) in [(0, 24, 1.0), (11, 24, 1.2), (4, 31, 0.8), (7, 60, 1.05)] {
        let y = shop(first, n, growth);
        let found = season(Months::new(first, &y).unwrap()).unwrap();
        let typical = (SHAPE.iter().map(|s| s.ln()).sum::<f64>() / 12.0).exp();
        for (index, shape) in found.index.iter().zip(SHAPE) {
            assert!(close(*index, shape / typical), "{found:?}");
        }
        assert!((found.yearly_growth - (growth - 1.0)).abs() < 1e-9 && found.typical_error < 1e-6, "{found:?}");
        assert_eq!(found.seen.iter().sum::<usize>(), n);
        assert!((0..n).all(|t| close(found.over_trend[t], SHAPE[(first + t) % YEAR] / typical)));
    }
}

/// The normal equations solved by hand in another way: residuals are orthogonal to every calendar month and to time.
#[test]
fn the_fit_is_that_of_least_squares() {
    let y: Vec<f64> =
        shop(3, 29, 1.1).iter().enumerate().map(|(t, y)| y * (1.0 + 0.2 * ((t * t) as f64).sin())).collect();
    let found = season(Months::new(3, &y).unwrap()).unwrap();
    let residual = |t: usize| (found.over_trend[t] / found.index[(3 + t) % YEAR]).ln();
    for month in 0..YEAR {
        let sum: f64 = (0..29).filter(|t| (3 + t) % YEAR == month).map(residual).sum();
        assert!(sum.abs() < 1e-9, "{month}: {sum}");
    }
    assert!((0..29).map(|t| t as f64 * residual(t)).sum::<f64>().abs() < 1e-8);
    assert!(found.index.iter().map(|index| index.ln()).sum::<f64>().abs() < 1e-12);
}

#[test]
fn a_shop_that_repeats_itself_is_forecast_exactly_by_the_naive_method() {
    for n in [16, 24, 40] {
        let found = foreseen(2, &shop(2, n, 1.0));
        assert_eq!((found.used().method, found.used().months.len()), (Method::SeasonalNaive, YEAR));
        for (h, month) in found.used().months.iter().enumerate() {
            let wanted = 1_000.0 * SHAPE[(2 + n + h) % YEAR];
            assert!(close(month.forecast, wanted) && close(month.low, wanted) && close(month.high, wanted));
        }
        assert_eq!(found.used(), found.naive());
    }
    let constant = foreseen(0, &[250.0; 20]);
    assert!(constant.used().months.iter().all(|m| (m.forecast, m.low, m.high) == (250.0, 250.0, 250.0)));
}

#[test]
fn a_shop_that_grows_steadily_is_forecast_by_its_level() {
    let (n, growth) = (30, 1.3);
    let found = foreseen(5, &shop(5, n, growth));
    // The season of all years foresees without the growth within the months ahead.
    assert_eq!(found.used().method, Method::Level);
    let whole = shop(5, n + 12, growth);
    assert!(found.used().months.iter().zip(&whole[n..]).all(|(month, y)| close(month.forecast, *y)), "{found:?}");
    // The naive one stays behind by a year's growth.
    assert!(found.naive().months.iter().zip(&whole[n..]).all(|(month, y)| close(month.forecast, y / growth)));
    let level = found.used();
    assert!(level.error < 1e-9 && close(level.error_naive, 1.0 - 1.0 / growth), "{level:?}");
    assert_eq!((level.origins(1), level.origins(12), level.origins(13), level.origins(0)), (15, 4, 0, 0));
}

#[test]
fn units_do_not_matter() {
    let noisy: Vec<f64> =
        shop(0, 33, 1.1).iter().enumerate().map(|(t, y)| y * (1.0 + 0.1 * (t as f64).sin())).collect();
    let (one, other) = (foreseen(0, &noisy), foreseen(0, &noisy.iter().map(|y| y * 4_096.0).collect::<Vec<_>>()));
    assert_eq!(one.used, other.used);
    for (a, b) in one.used().months.iter().zip(&other.used().months) {
        assert!(close(b.forecast, a.forecast * 4_096.0) && close(b.low, a.low * 4_096.0) && a.errors == b.errors);
    }
    let of = |y: &[f64]| season(Months::new(0, y).unwrap()).unwrap();
    let (a, b) = (of(&noisy), of(&noisy.iter().map(|y| y * 3.0).collect::<Vec<_>>()));
    assert!(a.index.iter().zip(&b.index).all(|(a, b)| close(*a, *b)) && close(a.yearly_growth, b.yearly_growth));
}

/// What a forecast of the past says does not change with what came after it.
#[test]
fn the_past_is_foreseen_without_the_future() {
    let y = shop(0, 36, 1.1);
    let months = Months::new(0, &y).unwrap();
    let mut other = y.clone();
    for later in &mut other[30..] {
        *later *= 7.0;
    }
    let changed = Months::new(0, &other).unwrap();
    for method in Method::ALL {
        for origin in 24..=30 {
            for ahead in 1..=YEAR {
                let (a, b) = (method.forecast(months, origin, ahead), method.forecast(changed, origin, ahead));
                assert!(a.is_some() && a == b, "{method:?} {origin} {ahead}");
            }
        }
    }
}

/// By brute force on a series small enough to write down: the rank, and the error beside the naive one's.
#[test]
fn intervals_are_order_statistics_of_errors() {
    let mut y = vec![100.0; 18];
    y[12..].copy_from_slice(&[110.0, 80.0, 100.0, 130.0, 95.0, 101.0]);
    let found = foreseen(0, &y);
    let months = &found.used().months;
    assert_eq!((found.candidates.len(), months[0].errors), (1, 6));
    // Six errors: the sixth of them by ceil(7 x 0.8).
    assert!(close(months[0].high, 100.0 * 1.3) && close(months[0].low, 100.0 / 1.3));
    assert!(close(found.candidates[0].error, 66.0 / 616.0));
    // The months of the second year are forecast from it, as far as it goes.
    assert_eq!([months[5].forecast, months[6].forecast], [100.0, 110.0]);
    assert!(close(months[0].typical_error, 0.075), "{:?}", months[0]);
}

#[test]
fn what_cannot_be_known_is_refused() {
    let y = shop(0, 40, 1.0);
    let refused = |n: usize| forecast(Months::new(0, &y[..n]).unwrap(), 0.8).unwrap_err().to_string();
    assert_eq!(refused(0), "a forecast by month needs at least 16 rows, found 0");
    assert_eq!(refused(15), "a forecast by month needs at least 16 rows, found 15");
    assert!(season(Months::new(0, &y[..23]).unwrap()).is_err());
    assert!(Months::new(12, &y).is_err() && Months::new(0, &[1.0, f64::NAN]).is_err());
    assert_eq!(
        Months::new(0, &[5.0, 0.0]).unwrap_err().to_string(),
        "monthly revenue, row 1: a season as a factor needs revenue in every month"
    );
    assert!(forecast(Months::new(0, &y).unwrap(), 0.95).is_err());
}

/// Of many shops of `n` months with a noise of 8 % a month and a level that wanders by `wander` a month: how many of the
/// next twelve months lie in their interval, and the error beside that of the naive method.
fn simulated(n: usize, wander: f64) -> (f64, f64) {
    let (mut inside, mut all, mut missed, mut missed_naive) = (0.0, 0.0, 0.0, 0.0);
    for shop in 0..500 {
        let mut random = rng::stream(11, "revenue/shops", shop);
        let mut normal = || -> f64 { StandardNormal.sample(&mut random) };
        let mut level = 7.0;
        let y: Vec<f64> = (0..n + YEAR)
            .map(|t| {
                level += wander * normal();
                (level + 0.08 * normal()).exp() * SHAPE[t % YEAR]
            })
            .collect();
        let found = foreseen(0, &y[..n]);
        for ((month, naive), came) in found.used().months.iter().zip(&found.naive().months).zip(&y[n..]) {
            inside += f64::from(u8::from((month.low..=month.high).contains(came)));
            missed += (came - month.forecast).abs();
            missed_naive += (came - naive.forecast).abs();
            all += 1.0;
        }
    }
    (inside / all, missed / missed_naive)
}

/// Measured over 2,000 shops: 0.86, 0.84 and 0.80 covered at 24 months, 0.84, 0.84 and 0.81 at 36, 0.85, 0.84 and 0.81 at
/// 60; 500 shops of twelve dependent months each tell that to about 0.01. What the choice costs at 24 months (1.02 to 1.03
/// of the naive error where the level stays) it brings in at 36 (0.95) and 60 (0.89).
#[test]
fn intervals_cover_what_they_say() {
    for (n, error) in [(24, 1.06), (36, 0.98), (60, 0.92)] {
        for wander in [0.0, 0.02, 0.05] {
            let (covered, relative) = simulated(n, wander);
            assert!((0.77..0.89).contains(&covered), "{n} months, {wander}: {covered}");
            assert!(relative < error, "{n} months, {wander}: {relative}");
        }
    }
}

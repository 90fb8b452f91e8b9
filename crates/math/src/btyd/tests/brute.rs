//! Brute force: the mixtures integrated as they are defined, histories counted out, gradients by differences.

use crate::btyd::bg_bb::{BgBb, Occasions};
use crate::btyd::{Discount, History, Model, Process, Seen, Span, TimeUnit, covariate, special};

/// Rates whose logarithms lie on a grid, with their gamma weights: the trapezium rule, which for such integrands is exact
/// to all digits.
fn gamma_grid(shape: f64, rate: f64) -> Vec<(f64, f64)> {
    let step = 0.08;
    let least = (-60.0 / shape.min(1.0) / step) as i32;
    (least..200)
        .map(|k| {
            let ln = f64::from(k) * step - rate.ln();
            let l = ln.exp();
            (l, step * (shape * (ln + rate.ln()) - rate * l - special::ln_gamma(shape)).exp())
        })
        .filter(|(_, w)| *w > 1e-25)
        .collect()
}

/// Probabilities whose log-odds lie on a grid, with their beta weights.
fn beta_grid(a: f64, b: f64) -> Vec<(f64, f64)> {
    let step = 0.08;
    let ln_beta = special::ln_gamma(a) + special::ln_gamma(b) - special::ln_gamma(a + b);
    (-750..750)
        .map(|k| {
            let odds = f64::from(k) * step;
            let p = special::sigmoid(odds);
            (p, step * (-a * special::softplus(-odds) - b * special::softplus(odds) - ln_beta).exp())
        })
        .filter(|(_, w)| *w > 1e-25)
        .collect()
}

/// `E f(l, second)` over both distributions.
fn mixed(process: &Process, f: impl Fn(f64, f64) -> f64) -> f64 {
    let p = process.parameters();
    let second = match process.model() {
        Model::Nbd => vec![(0.0, 1.0)],
        Model::BgNbd | Model::MbgNbd => beta_grid(p[2], p[3]),
        Model::ParetoNbd => gamma_grid(p[2], p[3]),
    };
    let rates = gamma_grid(p[0], p[1]);
    second.iter().map(|(m, v)| v * rates.iter().map(|(l, w)| w * f(*l, *m)).sum::<f64>()).sum()
}

/// The likelihoods of having been seen like that and being alive, or having left, at rate `l` and with `m`.
fn likelihoods(model: Model, seen: &Seen, l: f64, m: f64) -> (f64, f64) {
    let (x, t, end) = (f64::from(seen.repeats), seen.last, seen.observed);
    let bought = l.powf(x);
    match model {
        Model::Nbd => (bought * (-l * end).exp(), 0.0),
        Model::BgNbd if seen.repeats == 0 => ((-l * end).exp(), 0.0),
        Model::BgNbd => {
            ((1.0 - m).powf(x) * bought * (-l * end).exp(), m * (1.0 - m).powf(x - 1.0) * bought * (-l * t).exp())
        }
        Model::MbgNbd => {
            ((1.0 - m).powf(x + 1.0) * bought * (-l * end).exp(), m * (1.0 - m).powf(x) * bought * (-l * t).exp())
        }
        Model::ParetoNbd => {
            let gone = m / (l + m) * ((-(l + m) * t).exp() - (-(l + m) * end).exp());
            (bought * (-(l + m) * end).exp(), bought * gone)
        }
    }
}

fn processes() -> Vec<Process> {
    [
        (Model::Nbd, &[0.38, 12.0][..]),
        (Model::BgNbd, &[0.243, 4.414, 0.793, 2.426]),
        (Model::BgNbd, &[1.3, 2.0, 1.0, 0.7]),
        (Model::MbgNbd, &[0.525, 6.183, 0.891, 1.614]),
        (Model::ParetoNbd, &[0.55, 10.58, 0.61, 11.67]),
        (Model::ParetoNbd, &[1.4, 20.0, 1.0, 3.0]),
        (Model::ParetoNbd, &[0.8, 2.0, 2.5, 60.0]),
    ]
    .into_iter()
    .map(|(model, p)| Process::new(model, p).unwrap())
    .collect()
}

fn pasts() -> Vec<Seen> {
    [(0, 0.0, 20.0), (1, 3.0, 20.0), (4, 18.0, 20.0), (4, 5.0, 39.0), (9, 30.0, 30.0), (30, 10.0, 60.0)]
        .into_iter()
        .map(|(repeats, last, observed)| Seen { repeats, last, observed })
        .collect()
}

fn same(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance * expected.abs().max(1e-6), "{what}: {found} is not {expected}");
}

#[test]
fn likelihoods_and_forecasts_are_the_mixtures() {
    let t = 13.0;
    for process in processes() {
        let model = process.model();
        for seen in pasts() {
            let what = format!("{process:?} {seen:?}");
            let alive = mixed(&process, |l, m| likelihoods(model, &seen, l, m).0);
            let gone = mixed(&process, |l, m| likelihoods(model, &seen, l, m).1);
            same(process.log_likelihood_of(&seen), (alive + gone).ln(), 1e-10, &what);
            same(process.p_alive(&seen), alive / (alive + gone), 1e-9, &what);
            let bought = mixed(&process, |l, m| {
                let life = match model {
                    Model::Nbd => l * t,
                    Model::BgNbd | Model::MbgNbd => -(-l * m * t).exp_m1() / m,
                    Model::ParetoNbd => -l * (-m * t).exp_m1() / m,
                };
                likelihoods(model, &seen, l, m).0 * life
            });
            same(process.conditional(&seen, t), bought / (alive + gone), 1e-9, &what);
            let silent = mixed(&process, |l, m| {
                let silent = match model {
                    Model::ParetoNbd => (m + l * (-(l + m) * t).exp()) / (l + m),
                    _ => (-l * t).exp(),
                };
                likelihoods(model, &seen, l, m).0 * silent
            });
            same(process.p_zero(&seen, t), (gone + silent) / (alive + gone), 1e-9, &what);
        }
    }
}

#[test]
fn counts_are_a_distribution_whose_mean_is_the_expectation() {
    for process in processes() {
        for t in [0.5, 6.0] {
            let p: Vec<f64> = (0..400).map(|n| process.p_count(n, t)).collect();
            same(p.iter().sum(), 1.0, 1e-9, &format!("{process:?} {t}"));
            let mean: f64 = p.iter().zip(0..).map(|(p, n)| p * f64::from(n)).sum();
            same(process.expected(t), mean, 1e-8, &format!("{process:?} {t}"));
        }
        assert!(process.expected(0.0) == 0.0 && process.p_count(0, 0.0) == 1.0 && process.p_count(2, 0.0) == 0.0);
        let seen = pasts()[3];
        let p: f64 = (0..400).map(|n| process.p_count_after(&seen, n, 6.0)).sum();
        same(p, 1.0, 1e-9, "after");
    }
}

#[test]
fn gradients_are_those_of_differences() {
    let pasts = pasts();
    let repeats: Vec<u32> = pasts.iter().map(|seen| seen.repeats).collect();
    let last: Vec<f64> = pasts.iter().map(|seen| seen.last).collect();
    let observed: Vec<f64> = pasts.iter().map(|seen| seen.observed).collect();
    let history = History::with_counts(&repeats, &last, &observed, &[5, 3, 1, 1, 2, 1], TimeUnit::Week).unwrap();
    for process in processes() {
        let p = process.parameters();
        let mut gradient = vec![0.0; p.len()];
        let value = process.score(&history, &mut gradient);
        let summed: f64 = history.rows().iter().map(|row| row.customers * process.log_likelihood_of(&row.seen)).sum();
        same(value, summed, 1e-12, "sum");
        for i in 0..p.len() {
            let at = |h: f64| {
                let mut p = p.clone();
                p[i] *= h.exp();
                Process::new(process.model(), &p).unwrap().log_likelihood(&history)
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((gradient[i] - difference).abs() < 1e-6 * (1.0 + difference.abs()), "{process:?} {i}");
        }
    }
}

#[test]
fn extreme_histories_have_finite_answers() {
    // Hours, thousands of purchases, silences of a year, scales of parameters far apart.
    for process in processes() {
        let p = process.parameters();
        for stretch in [1e-4, 1.0, 1e4] {
            let mut q = p.clone();
            if q.len() == 4 {
                q[3] *= stretch;
            }
            let process = Process::new(process.model(), &q).unwrap();
            for (repeats, last, observed) in [
                (5000, 17_000.0, 17_520.0),
                (5000, 8_000.0, 17_520.0),
                (100_000, 17_519.9, 17_520.0),
                (1, 1e-6, 17_520.0),
                (0, 0.0, 0.0),
                (0, 0.0, 1e6),
                (3, 1e-3, 1e-3),
            ] {
                let seen = Seen { repeats, last, observed };
                let found = [
                    process.log_likelihood_of(&seen),
                    process.p_alive(&seen),
                    process.p_zero(&seen, 720.0),
                    process.conditional(&seen, 720.0),
                ];
                assert!(found.iter().all(|v| v.is_finite()), "{process:?} {seen:?} {found:?}");
                assert!(found[1..3].iter().all(|p| (0.0..=1.0).contains(p)), "{process:?} {seen:?} {found:?}");
                assert!(found[3] >= 0.0);
            }
        }
    }
}

#[test]
fn endless_value_is_the_limit_of_finite_ones() {
    let Process::ParetoNbd(model) = processes()[4] else { panic!() };
    let seen = pasts()[2];
    let after = Process::ParetoNbd(model).after(&seen);
    for force in [0.002, 0.05] {
        let (step, mut sum, mut before) = (0.05, 0.0, 0.0);
        for k in 1..400_000 {
            let end = f64::from(k) * step;
            let bought = after.expected(end);
            sum += (bought - before) * (-force * (end - step / 2.0)).exp();
            before = bought;
        }
        same(model.dert(&seen, force).unwrap(), model.p_alive(&seen) * sum, 1e-6, "DERT");
    }
    let year = Discount::new(0.15, Span::new(1.0, TimeUnit::Year).unwrap()).unwrap();
    same(year.force(TimeUnit::Week), 0.139_761_942 / 52.178_571, 1e-7, "units");
    assert!(model.dert(&seen, 0.0).is_err());
}

#[test]
fn bg_bb_is_its_mixture_and_its_histories_are_all_there_are() {
    let model = BgBb::new(1.2, 0.75, 0.66, 2.78).unwrap();
    let (buys, leaves) = (beta_grid(1.2, 0.75), beta_grid(0.66, 2.78));
    let choose = |n: u32, k: u32| {
        (special::ln_rising(1.0, n) - special::ln_rising(1.0, k) - special::ln_rising(1.0, n - k)).exp()
    };
    let n = 5;
    let mut all = 0.0;
    for last in 0..=n {
        for repeats in u32::from(last > 0)..=last {
            let past = Occasions { repeats, last, observed: n };
            let at = |horizon: u32| -> (f64, f64) {
                let (mut whole, mut future) = (0.0, 0.0);
                for (theta, w) in &leaves {
                    for (p, v) in &buys {
                        let run = |m: u32| {
                            p.powi(repeats as i32) * (1.0 - p).powi((m - repeats) as i32) * (1.0 - theta).powi(m as i32)
                        };
                        let left: f64 = (last..n).map(|m| theta * run(m)).sum();
                        let later: f64 = (1..=horizon).map(|k| p * (1.0 - theta).powi(k as i32)).sum();
                        whole += w * v * (left + run(n));
                        future += w * v * run(n) * later;
                    }
                }
                (whole, future)
            };
            let (whole, future) = at(4);
            same(model.log_likelihood(&past), whole.ln(), 1e-10, "likelihood");
            same(model.conditional(&past, 4), future / whole, 1e-9, "future");
            all += whole * if last == 0 { 1.0 } else { choose(last - 1, repeats - 1) };
            let (long, rate): (u32, f64) = (600, 0.1);
            let mut value = 0.0;
            let mut before = 0.0;
            for k in 1..=long {
                let bought = model.conditional(&past, k);
                value += (bought - before) / (1.0 + rate).powi(k as i32);
                before = bought;
            }
            same(model.dert(&past, rate).unwrap(), value, 1e-8, "DERT");
        }
    }
    same(all, 1.0, 1e-10, "all histories");
    same((0..=n).map(|x| model.p_count(x, n)).sum(), 1.0, 1e-12, "counts");
    let mean: f64 = (0..=n).map(|x| f64::from(x) * model.p_count(x, n)).sum();
    same(model.expected(n), mean, 1e-12, "mean");
}

#[test]
fn the_spend_likelihood_is_its_mixture() {
    // One customer's x spends of mean z: sum of gammas, over nu.
    let (p, q, v) = (6.25, 3.74, 15.44);
    for (x, z) in [(1_u32, 12.0_f64), (4, 40.0)] {
        let px = p * f64::from(x);
        let by_hand: f64 = gamma_grid(q, v)
            .iter()
            .map(|(nu, w)| {
                let rate = nu * f64::from(x);
                w * (px * rate.ln() + (px - 1.0) * z.ln() - rate * z - special::ln_gamma(px)).exp()
            })
            .sum();
        let x = f64::from(x);
        let formula = special::ln_gamma(px + q) - special::ln_gamma(px) - special::ln_gamma(q)
            + q * v.ln()
            + (px - 1.0) * z.ln()
            + px * x.ln()
            - (px + q) * (v + x * z).ln();
        same(formula, by_hand.ln(), 1e-10, "spend");
    }
}

#[test]
fn covariates_without_columns_are_the_plain_model() {
    let seen: Vec<Seen> = pasts().into_iter().cycle().take(60).collect();
    let none = crate::num::Matrix::new(60, 0, vec![]).unwrap();
    let input = covariate::Input { seen: &seen, purchase: &none, dropout: &none, unit: TimeUnit::Week };
    let fitted = covariate::fit(&input, &crate::btyd::Params::default()).unwrap();
    assert!((fitted.log_likelihood - fitted.log_likelihood_without).abs() < 1e-7);
}

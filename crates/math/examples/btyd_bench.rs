//! Times the buy-till-you-die models and prints what they find.
//!
//! `btyd_bench cdnow FILE` fits all models to `FILE` (CSV with a header; columns ID, x, t_x, T, mean spend; weeks) and
//! prints the best of 30 times; `btyd_bench history FILE` fits them once to a CSV of x, t_x, T in weeks; `btyd_bench large
//! CUSTOMERS` simulates that many, in days, compresses, fits and scores them; `btyd_bench recover FIRST SEEDS CUSTOMERS` prints
//! how far the BG/NBD's estimates are from the truth. Threads are rayon's (`RAYON_NUM_THREADS`).
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement has a clock, arguments and an output; the library has none"
)]

use std::error::Error;
use std::time::Instant;

use rayon::prelude::*;
use tenure_math::btyd::simulate::{history, simulate};
use tenure_math::btyd::{Fitted, History, Model, Params, Process, TimeUnit, fit, gamma_gamma};
use tenure_math::num::{mean, quantile};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["cdnow", file] => cdnow(file),
        ["history", file] => from_file(file),
        ["large", customers] => large(customers.parse()?),
        ["recover", first, seeds, customers] => recover(first.parse()?, seeds.parse()?, customers.parse()?),
        _ => {
            Err("usage: btyd_bench cdnow FILE | history FILE | large CUSTOMERS | recover FIRST SEEDS CUSTOMERS".into())
        }
    }
}

/// A CSV's rows without its header.
fn rows(file: &str) -> Result<Vec<Vec<f64>>> {
    let text = std::fs::read_to_string(file)?;
    text.lines()
        .skip(1)
        .map(|line| line.split(',').map(|v| Ok(v.trim().parse::<f64>()?)).collect::<Result<Vec<f64>>>())
        .collect()
}

fn show(fitted: &Fitted, seconds: f64) {
    let values: Vec<String> = fitted
        .parameters()
        .iter()
        .map(|e| format!("{} {:.7} ({:.7})", e.name, e.value, e.standard_error.unwrap_or(f64::INFINITY)))
        .collect();
    println!(
        "{:10} {:9.2} ms  LL {:.6}  {}  {:?} reached {:?} in {}",
        fitted.name(),
        seconds * 1e3,
        fitted.log_likelihood(),
        values.join(", "),
        fitted.dropout(),
        fitted.convergence().reached,
        fitted.convergence().iterations
    );
}

fn cdnow(file: &str) -> Result<()> {
    let rows = rows(file)?;
    let column = |k: usize| rows.iter().map(|row| row[k]).collect::<Vec<f64>>();
    let repeats: Vec<u32> = column(1).into_iter().map(|x| x as u32).collect();
    let (last, observed, spend) = (column(2), column(3), column(4));
    for model in Model::ALL {
        let mut times = Vec::new();
        let mut fitted = None;
        for _ in 0..30 {
            let clock = Instant::now();
            let history = History::new(&repeats, &last, &observed, TimeUnit::Week)?;
            fitted = Some(fit(model, &history, &Params::default())?);
            times.push(clock.elapsed().as_secs_f64());
        }
        if let Some(fitted) = fitted {
            show(&fitted, quantile(&times, 0.0).unwrap_or_default());
            println!("           median of 30: {:.2} ms", quantile(&times, 0.5).unwrap_or_default() * 1e3);
        }
    }
    let clock = Instant::now();
    gamma_gamma::fit(&repeats, &spend)?;
    println!("Gamma-Gamma {:.2} ms", clock.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

fn from_file(file: &str) -> Result<()> {
    let rows = rows(file)?;
    let column = |k: usize| rows.iter().map(|row| row[k]).collect::<Vec<f64>>();
    let repeats: Vec<u32> = column(0).into_iter().map(|x| x as u32).collect();
    let history = History::new(&repeats, &column(1), &column(2), TimeUnit::Week)?;
    println!("{} customers, {} repeats, {} rows", history.customers(), history.purchases(), history.rows().len());
    for model in Model::ALL {
        let clock = Instant::now();
        let fitted = fit(model, &history, &Params { starts: 6, ..Params::default() })?;
        show(&fitted, clock.elapsed().as_secs_f64());
    }
    Ok(())
}

fn truth() -> Result<Process> {
    Ok(Process::new(Model::BgNbd, &[0.243, 4.414, 0.793, 2.426])?)
}

fn large(customers: usize) -> Result<()> {
    let clock = Instant::now();
    let observed: Vec<f64> = (0..customers).map(|i| 27.0 + (i % 85) as f64 / 7.0).collect();
    let people = simulate(&truth()?, &observed, 0.0, 1)?;
    println!("simulated {customers} customers: {:.2} s", clock.elapsed().as_secs_f64());
    // As a shop's data are: whole days.
    let repeats: Vec<u32> = people.iter().map(|c| c.seen.repeats).collect();
    let observed: Vec<f64> = people.iter().map(|c| (c.seen.observed * 7.0).round()).collect();
    let last: Vec<f64> =
        people.iter().zip(&observed).map(|(c, observed)| (c.seen.last * 7.0).ceil().min(*observed)).collect();
    drop(people);
    let clock = Instant::now();
    let history = History::new(&repeats, &last, &observed, TimeUnit::Day)?;
    println!("compressed to {} rows: {:.2} s", history.rows().len(), clock.elapsed().as_secs_f64());
    for model in Model::ALL {
        let clock = Instant::now();
        let fitted = fit(model, &history, &Params::default())?;
        show(&fitted, clock.elapsed().as_secs_f64());
        let clock = Instant::now();
        let process = fitted.process();
        let scored: Vec<[f64; 3]> = history
            .rows()
            .par_iter()
            .map(|row| {
                let seen = &row.seen;
                [process.p_alive(seen), process.conditional(seen, 90.0), process.p_zero(seen, 90.0)]
            })
            .collect();
        let expected: f64 = scored.iter().zip(history.rows()).map(|(s, row)| s[1] * row.customers).sum();
        println!("           all rows scored: {:.2} s, {expected:.0} expected", clock.elapsed().as_secs_f64());
    }
    Ok(())
}

fn recover(first: u64, seeds: u64, customers: usize) -> Result<()> {
    let truth = truth()?;
    let mut errors = vec![Vec::new(); 4];
    let mut scores = vec![Vec::new(); 4];
    let mut times = Vec::new();
    for seed in first..first + seeds {
        let people = simulate(&truth, &vec![39.0; customers], 0.0, seed)?;
        let clock = Instant::now();
        let fitted = fit(Model::BgNbd, &history(&people, TimeUnit::Week)?, &Params::default())?;
        times.push(clock.elapsed().as_secs_f64());
        for (k, (estimate, truth)) in fitted.parameters().iter().zip(truth.parameters()).enumerate() {
            errors[k].push(estimate.value / truth - 1.0);
            scores[k].push((estimate.value - truth) / estimate.standard_error.unwrap_or(f64::INFINITY));
        }
    }
    for (k, errors) in errors.iter().enumerate() {
        let absolute: Vec<f64> = errors.iter().map(|e| e.abs()).collect();
        let squares: Vec<f64> = scores[k].iter().map(|z| z * z).collect();
        println!(
            "{:6} median error {:.4}, bias {:+.4}, mean z {:+.3}, mean z^2 {:.3}",
            Model::BgNbd.parameter_names()[k],
            quantile(&absolute, 0.5).unwrap_or_default(),
            mean(errors).unwrap_or_default(),
            mean(&scores[k]).unwrap_or_default(),
            mean(&squares).unwrap_or_default()
        );
    }
    println!("fit: median {:.2} ms", quantile(&times, 0.5).unwrap_or_default() * 1e3);
    Ok(())
}

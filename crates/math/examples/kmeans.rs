//! Times the clustering of a file of raw numbers; `benches/peers/kmeans.py` runs it beside scikit-learn.
//!
//! `kmeans FILE COLUMNS K STARTS SEED` fits K-means to the rows of `FILE` (little-endian f64, row by row) and prints the
//! seconds of the fit alone, by the clock and of the processors, the inertia and the sizes as JSON. With `choose` in the
//! place of K it takes the K of 3 to 8 that the data speak for, as the segment stage does, and prints the reason too; with
//! `batch:K` it fits mini-batch K-means.
//! Threads are rayon's (`RAYON_NUM_THREADS`).
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement has a clock, arguments and an output; the library has none"
)]

use std::error::Error;
use std::time::Instant;

use tenure_math::num::Matrix;
use tenure_math::segment::{choose, kmeans, minibatch};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, columns, k, starts, seed] = arguments.as_slice() else {
        return Err("usage: kmeans FILE COLUMNS K STARTS SEED".into());
    };
    let (starts, seed): (usize, u64) = (starts.parse()?, seed.parse()?);
    let data = read(file, columns.parse()?)?;
    let (clock, cpu) = (Instant::now(), cpu_seconds());
    let (fitted, reason) = match k.as_str() {
        "choose" => {
            let choice = choose::choose(&data, &choose::Params { starts, seed, ..choose::Params::default() })?;
            (choice.fitted, choice.reason)
        }
        k if k.starts_with("batch:") => {
            let params = minibatch::Params { starts, ..minibatch::Params::new(k[6..].parse()?, seed) };
            (minibatch::fit(&data, &params)?, "K was given".to_owned())
        }
        k => {
            let params = kmeans::Params { starts, ..kmeans::Params::new(k.parse()?, seed) };
            (kmeans::fit(&data, &params)?, "K was given".to_owned())
        }
    };
    let (seconds, cpu) = (clock.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!("{{\"seconds\": {seconds}, \"cpu_seconds\": {cpu}, \"inertia\": {}, ", fitted.inertia);
    println!("\"iterations\": {}, \"converged\": {}, ", fitted.iterations, fitted.converged);
    println!("\"sizes\": {:?}, \"reason\": {reason:?}}}", fitted.sizes);
    Ok(())
}

/// Processor seconds of all threads so far, as Linux counts them; 0 elsewhere.
fn cpu_seconds() -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0.0 };
    let stats = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok());
    stats.filter_map(|text| text.split(' ').next()?.parse::<f64>().ok()).sum::<f64>() * 1e-9
}

fn read(file: &str, columns: usize) -> Result<Matrix, Box<dyn Error>> {
    let bytes = std::fs::read(file)?;
    let values: Vec<f64> = bytes.as_chunks().0.iter().map(|&word| f64::from_le_bytes(word)).collect();
    Ok(Matrix::new(values.len() / columns.max(1), columns, values)?)
}

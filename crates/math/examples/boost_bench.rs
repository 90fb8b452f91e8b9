//! Times the boosted trees on rows made elsewhere and prints what they are worth.
//!
//! `boost_bench FILE ROWS COLUMNS TRAIN` reads `ROWS` x `COLUMNS` features and then `ROWS` outcomes 0 or 1 as little-endian
//! `f64`, trains 300 trees of 31 leaves on the first `TRAIN` rows, and scores all the rest. Threads are rayon's
//! (`RAYON_NUM_THREADS`). `benches/peers/boost.py` makes the file.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement has a clock, arguments and an output; the library has none"
)]

use std::error::Error;
use std::time::Instant;

use tenure_math::boost::{self, Objective, Params};
use tenure_math::metric::RankedLabels;
use tenure_math::num::Matrix;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, rows, columns, train] = arguments.as_slice() else {
        return Err("usage: boost_bench FILE ROWS COLUMNS TRAIN".into());
    };
    let (rows, columns, train): (usize, usize, usize) = (rows.parse()?, columns.parse()?, train.parse()?);
    let bytes = std::fs::read(file)?;
    let numbers: Vec<f64> = bytes
        .chunks_exact(8)
        .map(|of| f64::from_le_bytes([of[0], of[1], of[2], of[3], of[4], of[5], of[6], of[7]]))
        .collect();
    let (features, outcomes) = numbers.split_at(rows * columns);
    let part =
        |from: usize, to: usize| Matrix::new(to - from, columns, features[from * columns..to * columns].to_vec());
    let (known, later) = (part(0, train)?, part(train, rows)?);
    let params = Params { rounds: 300, max_leaves: 31, learning_rate: 0.05, ..Params::new(Objective::Logistic) };
    let clock = Instant::now();
    let fitted = boost::fit(&known, &outcomes[..train], None, &params)?;
    let trained = clock.elapsed().as_secs_f64();
    let clock = Instant::now();
    let p = fitted.predict(&later)?;
    let scored = clock.elapsed().as_secs_f64();
    let came: Vec<bool> = outcomes[train..].iter().map(|y| *y > 0.5).collect();
    let auc = RankedLabels::new(&p, &came)?.roc_auc(None)?;
    println!("train {trained:.2} score {scored:.2} auc {auc:.4}");
    Ok(())
}

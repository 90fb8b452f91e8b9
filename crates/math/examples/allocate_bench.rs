//! Times the allocation of offers; `benches/peers/allocate.py` runs it beside CP-SAT and HiGHS.
//!
//! `allocate_bench N [exact:NODES] [write:FILE|read:FILE]` makes N customers whose expected loss is lognormal
//! (exp(3.6 + z)), three offers of 10, 25 and 50 that keep 20, 40 and 60 % of it, a budget of 2 N and at most N / 10
//! customers with the dearest, and prints value, bound, gap and seconds as JSON. `write:` writes the losses as
//! little-endian f64 for others, `read:` takes them from there in the place of drawing them. Threads are rayon's
//! (`RAYON_NUM_THREADS`).
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement has a clock, arguments and an output; the library has none"
)]

use std::error::Error;
use std::time::Instant;

use rand::RngExt;
use tenure_math::allocate::{Problem, exact, solve};
use tenure_math::rng;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let n: usize = arguments.first().ok_or("usage: allocate_bench N [exact:NODES] [write:FILE|read:FILE]")?.parse()?;
    let option = |name: &str| arguments[1..].iter().find_map(|word| word.strip_prefix(name));
    let loss = match option("read:") {
        Some(file) => std::fs::read(file)?.as_chunks().0.iter().map(|&word| f64::from_le_bytes(word)).take(n).collect(),
        None => draw(n),
    };
    if let Some(file) = option("write:") {
        std::fs::write(file, loss.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())?;
    }
    let offers = [(10.0, 0.2), (25.0, 0.4), (50.0, 0.6)];
    let net: Vec<f64> = loss.iter().flat_map(|v| offers.map(|(cost, rate)| v * rate - cost)).collect();
    let cost: Vec<f64> = loss.iter().flat_map(|_| offers.map(|(cost, _)| cost)).collect();
    let problem = Problem {
        n_customers: n,
        offers: 3,
        net: &net,
        cost: &cost,
        budget: Some(2.0 * n as f64),
        caps: &[None, None, Some(n / 10)],
        eligible: None,
        allowed: None,
        limits: &[],
    };
    let clock = Instant::now();
    let plan = match option("exact:") {
        Some(nodes) => exact(&problem, nodes.parse()?)?,
        None => solve(&problem)?,
    };
    let seconds = clock.elapsed().as_secs_f64();
    println!(
        "{{\"customers\": {n}, \"seconds\": {seconds:.4}, \"value\": {:.6}, \"bound\": {:.6}, ",
        plan.net, plan.bound
    );
    println!("\"gap\": {:.6}, \"nodes\": {}, \"counts\": {:?}, ", plan.gap, plan.nodes, plan.counts);
    println!("\"shadow_price\": {}, \"cap_price\": {}}}", plan.shadow_price, plan.cap_prices[2]);
    Ok(())
}

/// Lognormal losses, by the polar form of Box and Muller.
fn draw(n: usize) -> Vec<f64> {
    let mut stream = rng::stream(7, "allocate/bench", 0);
    let mut normal = || {
        let (u, v): (f64, f64) = (1.0 - stream.random::<f64>(), stream.random());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    };
    (0..n).map(|_| (3.6 + normal()).exp()).collect()
}

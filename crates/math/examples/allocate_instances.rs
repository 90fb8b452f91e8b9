//! Writes the problems of `tests/allocate` as lines of JSON, for `benches/peers/allocate_exact.py`:
//! `{"seed", "customers", "offers", "net", "rows": [{"index", "value", "least", "most"}]}`.
#![allow(clippy::print_stdout, missing_docs, unreachable_pub, dead_code, reason = "shared with a test; it prints")]

#[path = "../tests/allocate/instances.rs"]
mod instances;

use serde_json::json;

fn main() {
    for seed in 0..instances::INSTANCES {
        let owned = instances::Owned::new(seed);
        let row = |(values, least, most): (Vec<f64>, Option<f64>, Option<f64>)| {
            let set: Vec<usize> = (0..values.len()).filter(|&at| values[at].abs() > 0.0).collect();
            let value: Vec<f64> = set.iter().map(|&at| values[at]).collect();
            json!({"index": set, "value": value, "least": least, "most": most})
        };
        let rows: Vec<_> = owned.rows().into_iter().map(row).collect();
        println!(
            "{}",
            json!({"seed": seed, "customers": owned.n, "offers": owned.offers, "net": owned.net, "rows": rows})
        );
    }
}

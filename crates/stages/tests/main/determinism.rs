//! One seed, the same bytes: on any number of threads, twice in a row, in any order of the file's lines.

use tenure_stages::artifact;
use tenure_stages::ctx::Ctx;
use tenure_stages::pipeline;

use crate::support::{BASE, Csv, TIMES, config, ctx, differing, files, run, scores, temp, with_figures};

#[test]
fn one_thread_or_two_the_same_bytes() {
    let dir = temp();
    let out = dir.path().join("out");
    pipeline::run(&ctx(1), &with_figures(), std::slice::from_ref(&BASE.file), &out).unwrap();
    assert!(files(&out).keys().any(|name| name.starts_with("figures/") && name.ends_with(".png")));
    assert_eq!(differing(&BASE.out, &out, &TIMES), Vec::<String>::new());
}

#[test]
fn another_partition_or_batch_gives_the_same_bytes() {
    let dir = temp();
    for (threads, batch_rows) in [(8, 1024), (1, 97), (2, 65_536)] {
        let out = dir.path().join(format!("{threads} {batch_rows}"));
        let ctx = Ctx { batch_rows, ..ctx(threads) };
        pipeline::run(&ctx, &with_figures(), std::slice::from_ref(&BASE.file), &out).unwrap();
        assert_eq!(differing(&BASE.out, &out, &TIMES), Vec::<String>::new(), "{threads} threads, {batch_rows} rows");
    }
}

#[test]
fn the_same_run_twice_the_same_bytes_and_another_seed_others() {
    let dir = temp();
    let (out, other) = (dir.path().join("out"), dir.path().join("other"));
    run(&with_figures(), &BASE.file, &out);
    assert_eq!(differing(&BASE.out, &out, &TIMES), Vec::<String>::new());
    // Once more on a folder that holds a run already.
    run(&with_figures(), &BASE.file, &out);
    assert_eq!(differing(&BASE.out, &out, &TIMES), Vec::<String>::new());

    let mut seeded = config();
    seeded.run.seed += 1;
    run(&seeded, &BASE.file, &other);
    let differing = differing(&BASE.out, &other, &TIMES);
    assert!(differing.iter().any(|name| name == "models/churn.json"), "{differing:?}");
    assert!(!differing.iter().any(|name| name.starts_with(artifact::FEATURES)), "{differing:?}");
}

#[test]
fn the_order_of_the_lines_does_not_matter() {
    let dir = temp();
    let mut file = Csv::read(&BASE.file);
    let mut keyed: Vec<(u64, Vec<String>)> = (1_u64..)
        .zip(std::mem::take(&mut file.rows))
        .map(|(i, row)| {
            (i.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23).wrapping_mul(0xbf58_476d_1ce4_e5b9), row)
        })
        .collect();
    keyed.sort();
    file.rows = keyed.into_iter().map(|(_, row)| row).collect();
    let out = dir.path().join("out");
    run(&config(), &file.write(dir.path()), &out);
    // These hold line numbers, their hashes or figures.
    let except = [
        artifact::TRANSACTIONS,
        artifact::UNPARSED,
        artifact::SOURCES,
        artifact::PROFILE,
        artifact::CLEANED,
        artifact::QUARANTINE,
        artifact::ORDER_EVENTS,
        artifact::VALIDATION,
        artifact::VALIDATION_PAGE,
        artifact::MANIFEST,
        artifact::TIMINGS,
        artifact::REPORT,
        artifact::REPORT_TEXT,
        artifact::REPORT_JSON,
        "figures",
    ];
    assert_eq!(differing(&BASE.out, &out, &except), Vec::<String>::new());
    assert!(scores(&out).n_rows() > 500);
}

//! The program's surroundings leave no trace in what it writes: not the zone, the language, the folder in which it was
//! called, the home folder, nor the clock.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::cli::{shop, text};

/// What differs between two runs that found the same.
const TIMES: &str = "timings.json";

/// All files that a run's folder shows but the timings, by their path in it.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with(".tenure") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap() != TIMES {
                found.insert(path.strip_prefix(dir).unwrap().display().to_string(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Whether a program can be started.
fn exists(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

#[test]
fn zone_language_folder_and_clock_leave_no_trace() {
    let dir = TempDir::new().unwrap();
    let root = dir.path();
    shop(root, "shop.csv", 200, 22);
    fs::create_dir_all(root.join("elsewhere/deep")).unwrap();
    let tenure = env!("CARGO_BIN_EXE_tenure");
    // As much work as is needed for every artefact to be there.
    let little = "[boosting]\nrounds = 20\n[report]\ndpi = 50\nbootstrap_replicates = 50\n";
    fs::write(root.join("little.toml"), little).unwrap();
    let run = |program: &[&str], cwd: &str, up: &str, out: &str, surroundings: &[(&str, &str)]| {
        let (file, config, out) = (format!("{up}shop.csv"), format!("{up}little.toml"), format!("{up}{out}"));
        let command = [program, &[tenure, "run", &file, "--config", &config, "--out", &out, "--threads", "2"]].concat();
        let output = Command::new(command[0])
            .args(&command[1..])
            .current_dir(root.join(cwd))
            .envs(surroundings.iter().copied())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{command:?}: {}", text(&output.stderr));
    };
    let compare = |expected: &BTreeMap<String, Vec<u8>>, out: &str| {
        let found = files(&root.join(out));
        let names = |all: &BTreeMap<String, Vec<u8>>| all.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&found), names(expected), "{out}");
        let differing: Vec<&String> = found.keys().filter(|name| found[*name] != expected[*name]).collect();
        assert!(differing.is_empty(), "{out}: {differing:?}");
    };

    run(&[], ".", "", "home", &[("TZ", "UTC"), ("LC_ALL", "C")]);
    let expected = files(&root.join("home"));
    for artefact in
        ["manifest.json", "models/churn.json", "data/features/", "outputs/customer_scores.parquet", "figures/"]
    {
        assert!(expected.keys().any(|name| name.starts_with(artefact)), "{artefact}: {:?}", expected.keys());
    }

    let kolkata = [("TZ", "Asia/Kolkata"), ("LANG", "de_DE.UTF-8"), ("LC_ALL", "de_DE.UTF-8"), ("HOME", "/tmp")];
    run(&[], "elsewhere/deep", "../../", "kolkata", &kolkata);
    compare(&expected, "kolkata");
    // Another length of the file's path; a letter i that has no dot; the other side of the world's midnight.
    let new_york = [("TZ", "America/New_York"), ("LANG", "tr_TR.UTF-8"), ("LC_ALL", "tr_TR.UTF-8"), ("USER", "ışık")];
    run(&[], "elsewhere", &format!("{}/", root.display()), "new_york", &new_york);
    compare(&expected, "new_york");

    if exists("faketime") {
        run(&["faketime", "2031-02-28 23:59:50"], ".", "", "another_day", &[]);
        compare(&expected, "another_day");
    } else {
        eprintln!("skipped: another clock, because there is no program `faketime` here");
    }
}

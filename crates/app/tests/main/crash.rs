//! A process that is killed, a disk that is full, eight processes at once: whoever looks sees one whole run.
//!
//! `strace` stops the program at a chosen system call. Where it is missing these tests say so and are left out; in CI
//! they are not.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::cli::shop;

const SETTINGS: &str = "[boosting]\nrounds = 10\n[segments]\nstarts = 2\nk = 3\n[value]\nhorizon_days = 90\n\
                        [report]\nfigures = false\nbootstrap_replicates = 50\n";

/// A folder with a published run, another run of the same shop that is to take its place, and how that looks when
/// nothing disturbs it.
struct Bench {
    dir: TempDir,
    before: BTreeMap<String, Vec<u8>>,
    after: BTreeMap<String, Vec<u8>>,
    /// How long the other run takes.
    took: Duration,
}

impl Bench {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        shop(dir.path(), "shop.csv", 150, 16);
        fs::write(dir.path().join("quick.toml"), SETTINGS).unwrap();
        let mut bench = Self { dir, before: BTreeMap::new(), after: BTreeMap::new(), took: Duration::ZERO };
        // Two of them, so that the next one has one to remove.
        bench.succeeds(&bench.args("first", "0"));
        bench.succeeds(&bench.args("first", "1"));
        bench.before = whole(&bench.path("first")).unwrap();
        bench.begin();
        let start = Instant::now();
        bench.succeeds(&bench.args("out", "2"));
        bench.took = start.elapsed();
        bench.after = whole(&bench.path("out")).unwrap();
        assert!(bench.before.len() > 30 && bench.before != bench.after);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn args(&self, out: &str, seed: &str) -> Vec<String> {
        let args = ["run", "shop.csv", "--config", "quick.toml", "--budget", "300", "--out", out, "--seed", seed];
        args.map(str::to_owned).to_vec()
    }

    /// The published run is the first one, and nothing else is there.
    fn begin(&self) {
        let out = self.path("out");
        let _ = fs::remove_dir_all(&out);
        let copied = Command::new("cp").arg("-a").arg(self.path("first")).arg(&out).status().unwrap();
        assert!(copied.success());
    }

    fn tenure(&self, args: &[String]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenure"));
        command.args(args).current_dir(self.dir.path()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// The other run with `fault` of strace, such as `rename:signal=KILL:when=3`.
    fn with_fault(&self, fault: &str) -> Output {
        let call = fault.split(':').next().unwrap();
        // With --seccomp-bpf it would be three times as fast, but strace 6.1 then misses calls now and then.
        Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")])
            .args(["-e", &format!("inject={fault}"), env!("CARGO_BIN_EXE_tenure")])
            .args(self.args("out", "2"))
            .current_dir(self.dir.path())
            .stdout(Stdio::null())
            .output()
            .unwrap()
    }

    fn succeeds(&self, args: &[String]) {
        let output = self.tenure(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// After whatever happened: one of the two runs is there, whole; the other run then finishes to the same bytes and
    /// leaves nothing else behind.
    fn survives(&self, what: &str) {
        let found = whole(&self.path("out")).unwrap_or_else(|problem| panic!("{what}: {problem}"));
        assert!(found == self.before || found == self.after, "{what}: neither the run before nor the one after");
        self.succeeds(&self.args("out", "2"));
        assert!(whole(&self.path("out")).unwrap() == self.after, "{what}: the next run finishes to other bytes");
        let mut left: Vec<String> = fs::read_dir(self.path("out/.tenure"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with("run-"))
            .collect();
        left.sort();
        assert_eq!(left, ["current", "lock"], "{what}");
        let generations = fs::read_dir(self.path("out/.tenure")).unwrap().count() - left.len();
        assert!(generations <= 2, "{what}: {generations} generations");
    }
}

/// The files of the run that a folder shows, but for the times; an error where one of them is not what the manifest
/// says, or is missing.
fn whole(out: &Path) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let folder = fs::canonicalize(out.join(".tenure/current")).map_err(|e| format!("no run: {e}"))?;
    let bytes = fs::read(folder.join("manifest.json")).map_err(|e| format!("no manifest: {e}"))?;
    let manifest: Value = serde_json::from_slice(&bytes).map_err(|e| format!("manifest: {e}"))?;
    let mut files = BTreeMap::from([("manifest.json".to_owned(), bytes)]);
    for artefact in manifest["artefacts"].as_array().unwrap() {
        let name = artefact["name"].as_str().unwrap();
        let bytes = fs::read(folder.join(name)).map_err(|e| format!("{name}: {e}"))?;
        if blake3::hash(&bytes).to_hex().as_str() != artefact["blake3"].as_str().unwrap() {
            return Err(format!("{name} is torn"));
        }
        files.insert(name.to_owned(), bytes);
    }
    Ok(files)
}

/// Whether `strace` can be used; in CI it must.
fn has_strace() -> bool {
    let works = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status().is_ok_and(|s| s.success());
    if !works {
        assert!(std::env::var_os("CI").is_none(), "strace is missing: .ci/run installs it");
        eprintln!("skipped: strace is not installed, so no system call was made to fail");
    }
    works
}

/// Kills the other run at every `step`-th call of each kind that changes the folder; gives the number of kills.
fn kill_at_calls(bench: &Bench, step: usize) -> usize {
    let mut kills = 0;
    let calls = ["rename", "symlink", "unlink", "unlinkat", "linkat", "mkdir", "fsync"];
    for (call, step) in calls.map(|call| (call, if call == "rename" { step.min(3) } else { step })) {
        for k in (1..).step_by(step) {
            bench.begin();
            let output = bench.with_fault(&format!("{call}:signal=KILL:when={k}"));
            if output.status.success() {
                assert!(k > 1, "{call} is never called");
                break;
            }
            kills += 1;
            bench.survives(&format!("killed at {call} {k}"));
        }
    }
    kills
}

/// Kills the other run `n` times at moments spread over its time.
fn kill_at_times(bench: &Bench, n: u32) -> usize {
    let mut kills = 0;
    for i in 0..n {
        bench.begin();
        let mut child = bench.tenure(&bench.args("out", "2")).spawn().unwrap();
        // An irrational step visits all parts of the run evenly.
        std::thread::sleep(bench.took.mul_f64((f64::from(i) * 0.618_033_988_75).fract()));
        child.kill().unwrap();
        kills += usize::from(!child.wait().unwrap().success());
        bench.survives(&format!("killed at moment {i}"));
    }
    kills
}

#[test]
fn a_killed_run_leaves_the_run_before_and_the_next_one_finishes() {
    let bench = Bench::new();
    let mut kills = kill_at_times(&bench, 12);
    if has_strace() {
        kills += kill_at_calls(&bench, 12);
    }
    eprintln!("{kills} kills");
    assert!(kills > 8, "{kills}");
}

#[test]
#[ignore = "some ten minutes: every call that changes the folder, and 150 moments"]
fn a_run_killed_anywhere_leaves_the_run_before_and_the_next_one_finishes() {
    let bench = Bench::new();
    let at_calls = if has_strace() { kill_at_calls(&bench, 1) } else { 0 };
    let at_times = kill_at_times(&bench, 150);
    eprintln!("{at_calls} kills at calls, {at_times} at moments");
    assert!(at_calls + at_times >= 300, "{at_calls} and {at_times}");
}

#[test]
fn a_full_or_failing_disk_leaves_the_run_before_and_says_what_to_do() {
    if !has_strace() {
        return;
    }
    let bench = Bench::new();
    let mut refusals = 0;
    let faults = [
        ("write", "ENOSPC", &[3_usize, 10, 25, 40, 60, 80, 100, 140][..]),
        ("fsync", "EIO", &[1, 30, 90]),
        ("rename", "EIO", &[1, 5, 13]),
        ("symlink", "EROFS", &[1]),
        ("mkdir", "ENOSPC", &[5, 20]),
    ];
    for (call, error, places) in faults {
        for k in places {
            bench.begin();
            // A disk that is full stays full.
            let output = bench.with_fault(&format!("{call}:error={error}:when={k}+"));
            let stderr = String::from_utf8_lossy(&output.stderr);
            let what = format!("{error} at {call} {k}: {stderr}");
            assert!(!stderr.contains("has a fault") && !stderr.contains("fault of tenure"), "{what}");
            if !output.status.success() {
                refusals += 1;
                assert!([2, 3].contains(&output.status.code().unwrap()), "{what}");
                assert!(error == "EROFS" || output.status.code() == Some(3), "{what}");
                assert!(whole(&bench.path("out")).unwrap() == bench.before, "{what}");
                // What cannot be written cannot be said either.
                let cure = if error == "ENOSPC" { "this run had written" } else { "fix: " };
                assert!(call == "write" || stderr.contains(cure), "{what}");
            }
            bench.survives(&what);
        }
    }
    assert!(refusals > 8, "{refusals}");
}

#[test]
fn of_eight_runs_at_once_one_works_and_readers_see_one_whole_run() {
    let bench = Bench::new();
    bench.begin();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut seen, mut reads) = ([0, 0], 0);
            while !done.load(Ordering::Relaxed) || reads == 0 {
                let found = whole(&bench.path("out")).unwrap();
                assert!(found == bench.before || found == bench.after, "a mixture");
                seen[usize::from(found == bench.after)] += 1;
                reads += 1;
            }
            seen
        });
        let children: Vec<_> = (0..8).map(|_| bench.tenure(&bench.args("out", "2")).spawn().unwrap()).collect();
        let outputs: Vec<Output> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
        done.store(true, Ordering::Relaxed);
        let worked = outputs.iter().filter(|output| output.status.success()).count();
        assert!(worked >= 1);
        for refused in outputs.iter().filter(|output| !output.status.success()) {
            let stderr = String::from_utf8_lossy(&refused.stderr);
            assert_eq!(refused.status.code(), Some(3), "{stderr}");
            assert!(stderr.contains("is taken by process ") && stderr.contains(" UTC"), "{stderr}");
            assert!(stderr.contains("fix: wait until it is done"), "{stderr}");
        }
        assert!(worked < 8, "nobody was refused: the runs did not meet");
        let seen = reader.join().unwrap();
        assert!(seen[0] > 0, "{seen:?}");
    });
    bench.survives("eight at once");
}

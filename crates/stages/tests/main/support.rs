//! A small world, its files and mutations of them, runs on it, and what they left, compared byte for byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use tempfile::TempDir;
use tenure_stages::artifact::{self, Manifest};
use tenure_stages::config::Config;
use tenure_stages::ctx::{Caller, Ctx, Silent};
use tenure_stages::pipeline;
use tenure_stages::summary::Summary;
use tenure_stages::time::Instant;
use tenure_stages::world::{self, Params};
use tenure_tables::engine::{Engine, EngineConfig};
use tenure_tables::frame::Frame;

/// The instant of the decision: two months before the world's data end.
pub(crate) const AS_OF: &str = "2023-12-01";
/// What differs between two runs that found the same.
pub(crate) const TIMES: [&str; 1] = [artifact::TIMINGS];

fn no_time() -> Duration {
    Duration::ZERO
}
static CLOCK: fn() -> Duration = no_time;
static CALLER: LazyLock<Caller> =
    LazyLock::new(|| Caller { build: "tests".to_owned(), holder: "the tests".to_owned() });

/// Threads, silence and a clock that stands still.
pub(crate) fn ctx(threads: usize) -> Ctx<'static> {
    Ctx { threads, batch_rows: 8192, caller: &CALLER, reuse: true, progress: &Silent, elapsed: &CLOCK }
}

/// The defaults with less work: fewer trees and resamples, no figures, and a value window short enough for an
/// evaluation within a year.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.snapshots.as_of = Instant::parse(AS_OF);
    config.boosting.rounds = 30;
    config.value.horizon_days = 90;
    config.report.bootstrap_replicates = 50;
    config.report.figures = false;
    config.constraints.budget = Some(500.0);
    config
}

/// 1,300 customers over 14 months from 2022-12-01; gives its `transactions.csv`.
pub(crate) fn world(dir: &Path) -> PathBuf {
    let params = Params { customers: 1_300, months: 14, seed: 11, ..Params::default() };
    world::generate(&params).unwrap().export(dir).unwrap().transactions
}

/// A run that several tests look at and none changes.
pub(crate) struct Base {
    pub(crate) file: PathBuf,
    pub(crate) out: PathBuf,
}

/// The run of [`config`] on [`world`] with two threads and small figures.
pub(crate) static BASE: LazyLock<Base> = LazyLock::new(|| {
    // Statics are never dropped: one folder of fixed name, made anew by every test run.
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tenure-stages-base");
    let _ = fs::remove_dir_all(&dir);
    let file = world(&dir.join("world"));
    let out = dir.join("out");
    run(&with_figures(), &file, &out);
    Base { file, out }
});

/// [`config`] with figures as small as they can be.
pub(crate) fn with_figures() -> Config {
    let mut config = config();
    config.report.figures = true;
    config.report.dpi = 50;
    config
}

/// A run that must succeed, on two threads.
pub(crate) fn run(config: &Config, file: &Path, out: &Path) -> Summary {
    pipeline::run(&ctx(2), config, &[file.to_path_buf()], out).unwrap()
}

/// All files that a run's folder shows, by their path in it.
pub(crate) fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, dir: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with(".tenure") {
                continue;
            }
            if path.is_dir() {
                // Empty folders count: a temporary one left behind must show.
                found.insert(format!("{}/", path.strip_prefix(root).unwrap().display()), Vec::new());
                walk(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(dir, dir, &mut found);
    found
}

/// The files in which two folders differ, or which only one of them holds; names that start with one of `except` are
/// left out.
pub(crate) fn differing(a: &Path, b: &Path, except: &[&str]) -> Vec<String> {
    let (a, b) = (files(a), files(b));
    let mut names: Vec<String> = a.keys().chain(b.keys()).cloned().collect();
    names.sort();
    names.dedup();
    names.retain(|name| !except.iter().any(|e| name.starts_with(e)) && a.get(name) != b.get(name));
    names
}

/// A copy of a folder with its links.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        let to = to.join(from.file_name().unwrap());
        if let Ok(target) = fs::read_link(&from) {
            std::os::unix::fs::symlink(target, to).unwrap();
        } else if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

/// A CSV as header and rows.
pub(crate) struct Csv {
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Csv {
    pub(crate) fn read(path: &Path) -> Self {
        let mut reader = csv::Reader::from_path(path).unwrap();
        let texts = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect();
        let header = texts(reader.headers().unwrap());
        Self { header, rows: reader.records().map(|r| texts(&r.unwrap())).collect() }
    }

    /// Writes it as `DIR/transactions.csv`, the name that the sources of all runs share.
    pub(crate) fn write(&self, dir: &Path) -> PathBuf {
        fs::create_dir_all(dir).unwrap();
        let path = dir.join("transactions.csv");
        let mut writer = csv::Writer::from_path(&path).unwrap();
        writer.write_record(&self.header).unwrap();
        self.rows.iter().for_each(|row| writer.write_record(row).unwrap());
        writer.flush().unwrap();
        path
    }

    pub(crate) fn column(&self, name: &str) -> usize {
        self.header.iter().position(|h| h == name).unwrap()
    }

    /// A column as numbers; NaN where a cell is none.
    pub(crate) fn numbers(&self, name: &str) -> Vec<f64> {
        let column = self.column(name);
        self.rows.iter().map(|row| row[column].parse().unwrap_or(f64::NAN)).collect()
    }
}

/// The result of a query over one table of a run.
pub(crate) fn select(path: &Path, sql: &str) -> Frame {
    let engine = Engine::open(&EngineConfig::default()).unwrap();
    engine.register("t", path).unwrap();
    engine.select(sql, &[]).unwrap()
}

/// The table of scores.
pub(crate) fn scores(out: &Path) -> Frame {
    select(&out.join(artifact::CUSTOMER_SCORES), "select * from t order by customer_id")
}

/// The manifest.
pub(crate) fn manifest(out: &Path) -> Manifest {
    artifact::read_json(&out.join(artifact::MANIFEST)).unwrap().unwrap()
}

/// A folder for one test.
pub(crate) fn temp() -> TempDir {
    TempDir::new().unwrap()
}

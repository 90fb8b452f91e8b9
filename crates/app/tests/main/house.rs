//! The rules that the compiler cannot see: who may import whom, where SQL lives, how long a file may be.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::fs;
use std::path::{Path, PathBuf};

const GROUND_FLOOR: [&str; 13] = [
    "error",
    "num",
    "optim",
    "rng",
    "outlier",
    "boost",
    "calibrate",
    "metric",
    "season",
    "revenue",
    "drift",
    "pace",
    "btyd",
];
const MATH_ROOMS: [&str; 4] = ["segment", "churn", "value", "allocate"];
const STAGE_ROOMS: [&str; 10] =
    ["ingest", "validate", "clean", "features", "segment", "churn", "value", "allocate", "report", "world"];
const LONGEST_FILE: usize = 600;

struct Source {
    /// Path from the repository's root, with `/`.
    name: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../..").canonicalize().unwrap()
}

/// All text files of the repository below `folder`, build products and runs left out.
fn texts(folder: &str) -> Vec<Source> {
    fn walk(dir: &Path, root: &Path, found: &mut Vec<Source>) {
        let mut entries: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !["target", ".git", "tenure-out", "node_modules"].contains(&name.as_str()) {
                    walk(&path, root, found);
                }
            } else if let Ok(text) = fs::read_to_string(&path) {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                found.push(Source { name, text });
            }
        }
    }
    let root = root();
    let mut found = Vec::new();
    walk(&root.join(folder), &root, &mut found);
    assert!(!found.is_empty(), "nothing under {folder}");
    found
}

fn rust(folder: &str) -> Vec<Source> {
    texts(folder).into_iter().filter(|source| source.name.ends_with(".rs")).collect()
}

/// The names that follow `prefix` (such as `crate::`) in code, comments left out: `crate::a::b` gives `a`,
/// `crate::{a::b, c}` gives `a` and `c`.
fn named_after(text: &str, prefix: &str) -> Vec<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let word =
        |text: &str| -> String { text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let mut names = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back().unwrap_or(' ');
        if before.is_alphanumeric() || before == '_' || before == ':' {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            names.push(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = 0;
        for (i, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    names.push(word(&list[start..i]));
                    start = i + 1;
                    if c == '}' {
                        break;
                    }
                }
                _ => {}
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The room a file belongs to: `crates/math/src/churn/mod.rs` and `crates/math/src/churn.rs` are of `churn`.
fn room<'a>(source: &'a Source, src: &str) -> &'a str {
    source.name.strip_prefix(src).unwrap().trim_start_matches('/').split(['/', '.']).next().unwrap()
}

/// Crate names under `[dependencies]`, tests' own left out.
fn dependencies(package: &str) -> Vec<String> {
    let manifest = fs::read_to_string(root().join("crates").join(package).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    manifest["dependencies"].as_table().unwrap().keys().cloned().collect()
}

/// Code without its test modules, which stand at the end of a file or in files of their own.
fn without_tests(source: &Source) -> &str {
    if source.name.ends_with("tests.rs") || source.name.contains("/tests/") || source.name.contains("/examples/") {
        return "";
    }
    source.text.split("#[cfg(test)]").next().unwrap_or("")
}

fn none(what: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{what}:\n  {}", faults.join("\n  "));
}

#[test]
fn imports_are_found_in_every_spelling() {
    let text = "use crate::num::Matrix;\n// crate::no\nuse crate::{rng, churn::{a, b}, value};\nfn f() { crate::metric::auc() }\nuse my_crate::x;";
    assert_eq!(named_after(text, "crate::"), ["num", "rng", "churn", "value", "metric"]);
}

#[test]
fn rooms_of_math_import_only_the_ground_floor() {
    let mut faults = Vec::new();
    for source in rust("crates/math/src") {
        let own = room(&source, "crates/math/src");
        if own == "lib" {
            continue;
        }
        let mut names = named_after(&source.text, "crate::");
        if source.name.ends_with(&format!("src/{own}.rs")) || source.name.ends_with(&format!("src/{own}/mod.rs")) {
            names.extend(
                named_after(&source.text, "super::").into_iter().filter(|name| MATH_ROOMS.contains(&name.as_str())),
            );
        }
        for name in names {
            let allowed = name == own || GROUND_FLOOR.contains(&name.as_str()) || name == "Error" || name == "Result";
            if !allowed {
                faults.push(format!("{} imports {name}", source.name));
            }
        }
    }
    none("a room of math sees another", &faults);
}

#[test]
fn a_stage_imports_no_other_stage_and_only_its_own_mathematics() {
    let mut faults = Vec::new();
    for source in rust("crates/stages/src") {
        let own = room(&source, "crates/stages/src");
        // `error` gathers the errors of all rooms; only `pipeline` sees all of them at work.
        if ["pipeline", "lib", "error"].contains(&own) {
            continue;
        }
        for name in named_after(&source.text, "crate::") {
            if name == "pipeline" || (name != own && STAGE_ROOMS.contains(&name.as_str())) {
                faults.push(format!("{} imports {name}", source.name));
            }
        }
        for name in named_after(&source.text, "tenure_math::") {
            if name != own && MATH_ROOMS.contains(&name.as_str()) {
                faults.push(format!("{} imports tenure_math::{name}", source.name));
            }
        }
    }
    none("a stage sees another", &faults);
}

#[test]
fn manifests_keep_the_crates_apart() {
    let mut faults = Vec::new();
    for (package, banned) in [
        (
            "math",
            &["arrow", "parquet", "datafusion", "object_store", "tokio", "futures", "log", "tracing", "tenure"][..],
        ),
        ("tables", &["tenure-math", "tenure-stages", "clap", "indicatif", "axum", "hessboost", "lightgbm3"]),
        ("stages", &["clap", "indicatif", "axum", "datafusion", "arrow", "tokio", "hessboost", "lightgbm3"]),
        ("app", &["tenure-math", "tenure-tables", "datafusion", "arrow", "hessboost", "lightgbm3", "kuva"]),
    ] {
        for name in dependencies(package) {
            if banned.iter().any(|ban| name == *ban || name.starts_with(&format!("{ban}-"))) {
                faults.push(format!("{package} depends on {name}"));
            }
        }
    }
    for source in rust("crates/app/src") {
        for crate_name in ["tenure_math::", "tenure_tables::"] {
            if source.text.contains(crate_name) {
                faults.push(format!("{} names {crate_name}", source.name));
            }
        }
    }
    none("a crate uses what it must not know", &faults);
}

#[test]
fn libraries_own_no_terminal_clock_or_environment() {
    let mut faults = Vec::new();
    for library in ["math", "tables", "stages"] {
        for source in rust(&format!("crates/{library}/src")) {
            let code = without_tests(&source);
            for call in [
                "println!",
                "print!",
                "dbg!",
                "std::env::",
                "Instant::now",
                "SystemTime",
                "std::process",
                "thread_rng",
                "home_dir",
            ] {
                for (i, line) in code.lines().enumerate() {
                    if line.contains(call) && !line.trim_start().starts_with("//") {
                        faults.push(format!("{}:{} uses {call}", source.name, i + 1));
                    }
                }
            }
        }
    }
    none("a library reaches for the outside world", &faults);
}

#[test]
fn no_file_is_too_long() {
    let mut faults = Vec::new();
    for source in texts("crates") {
        let lines = source.text.lines().count();
        if (source.name.ends_with(".rs") || source.name.ends_with(".sql")) && lines > LONGEST_FILE {
            faults.push(format!("{}: {lines} lines", source.name));
        }
    }
    none(&format!("longer than {LONGEST_FILE} lines"), &faults);
}

#[test]
fn sql_lives_in_one_place_with_its_contract_beside_it() {
    let mut faults = Vec::new();
    for source in texts(".").into_iter().filter(|source| source.name.ends_with(".sql")) {
        if !source.name.starts_with("crates/tables/sql/") {
            faults.push(format!("{} lies outside crates/tables/sql", source.name));
        }
        let contract = source.name.replace(".sql", ".toml");
        if !root().join(&contract).is_file() {
            faults.push(format!("{contract} is missing"));
        }
        // Imports may take all columns; the final select names its own.
        let code = source.text.to_lowercase();
        if code.rsplit("select").next().is_some_and(|last| last.trim_start().starts_with('*')) {
            faults.push(format!("{} ends in select *", source.name));
        }
    }
    none("SQL out of place", &faults);
}

#[test]
fn one_version_of_the_engine() {
    let lock: toml::Table = fs::read_to_string(root().join("Cargo.lock")).unwrap().parse().unwrap();
    let mut seen = std::collections::BTreeMap::<String, Vec<String>>::new();
    for package in lock["package"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        if ["datafusion", "arrow", "parquet", "ballista", "object_store"]
            .iter()
            .any(|engine| name == *engine || name.starts_with(&format!("{engine}-")))
        {
            seen.entry(name.to_owned()).or_default().push(package["version"].as_str().unwrap().to_owned());
        }
    }
    assert!(seen.contains_key("datafusion"), "the lock file has no datafusion");
    let twice: Vec<String> = seen
        .iter()
        .filter(|(_, versions)| versions.len() > 1)
        .map(|(name, versions)| format!("{name} {versions:?}"))
        .collect();
    none("two versions of one engine", &twice);
    let major = |name: &str| seen.get(name).map(|versions| versions[0].split('.').next().unwrap_or("").to_owned());
    for (name, versions) in
        seen.iter().filter(|(name, _)| name.starts_with("datafusion") || name.starts_with("ballista"))
    {
        assert_eq!(versions[0].split('.').next(), major("datafusion").as_deref(), "{name}");
    }
}

#[test]
fn no_path_of_one_machine() {
    // Put together so that this file does not find itself.
    let banned = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
    let mut faults = Vec::new();
    for source in texts(".").into_iter().filter(|source| source.name != "Cargo.lock") {
        for (i, line) in source.text.lines().enumerate() {
            for path in banned {
                let starts_here =
                    |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-/".contains(c));
                if line.match_indices(path).any(|(at, _)| starts_here(at)) {
                    faults.push(format!("{}:{} holds {path}", source.name, i + 1));
                }
            }
        }
    }
    none("a path that exists on one machine only", &faults);
}

//! Bad input and its verdicts: which files are read and to what table, which rows are refused and why, which files are
//! refused and with what words. Every refusal of a file must name the file and a cure; no file may cost much memory.

mod columnar;
mod text;
mod workbook;

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Gave, Result, file, gave, refusal};
use crate::read::{ReadOptions, Reason};

/// The table that files of every kind are made from.
const BASE: &str = "customer,date,amount\n007,2011-01-31,1.50\nb,2011-02-28,2.75\nb,2011-03-15,-11062.06\n";

/// The most memory that reading the whole corpus may take, kB.
const MOST_MEMORY_KB: u64 = 512 << 10;

/// The kind that a file's name claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Workbook,
    Parquet,
}

impl Kind {
    fn file(self) -> &'static str {
        match self {
            Self::Text => "log.csv",
            Self::Workbook => "log.xlsx",
            Self::Parquet => "log.parquet",
        }
    }
}

/// What must become of a file.
#[derive(Debug, Clone, Copy)]
enum Verdict {
    /// The table of [`BASE`], cell by cell.
    Same,
    /// Read whole: rows.
    Rows(usize),
    /// Rows kept, then the refused rows by line and reason.
    Rejects(usize, &'static [(i64, Reason)]),
    /// The file is refused, with these words.
    Refused(&'static str),
    /// The file is refused, with whatever words.
    NotRead,
    /// Refused, or the first rows of [`BASE`]; a last row that may be cut within its last value is said to be.
    CutShort,
    /// Refused, or the table of [`BASE`] itself: a changed byte may lie where it does no harm.
    SameOrRefused,
}

struct Case {
    name: String,
    kind: Kind,
    bytes: Vec<u8>,
    verdict: Verdict,
}

/// Customer, time and amount of every row.
fn table(gave: &Gave) -> Vec<[String; 3]> {
    let columns = ["customer_id", "ordered_at", "amount"].map(|name| gave.column(name));
    (0..gave.rows.len()).map(|row| [0, 1, 2].map(|column| columns[column][row].to_owned())).collect()
}

fn base() -> Vec<[String; 3]> {
    [["007", "2011-01-31", "1.5"], ["b", "2011-02-28", "2.75"], ["b", "2011-03-15", "-11062.06"]]
        .map(|row| row.map(str::to_owned))
        .to_vec()
}

fn judge(case: &Case) {
    let Case { name, kind, bytes, verdict } = case;
    let (_folder, path) = file(kind.file(), bytes);
    let found = gave(&path, &ReadOptions::default());
    let read = |found: Result<Gave>| found.unwrap_or_else(|e| panic!("{kind:?}, {name}: {e}"));
    match verdict {
        Verdict::Same => {
            let gave = read(found);
            assert_eq!((table(&gave), gave.rejects.len()), (base(), 0), "{kind:?}, {name}");
        }
        Verdict::Rows(rows) => {
            let gave = read(found);
            assert_eq!((gave.rows.len(), gave.rejects.len()), (*rows, 0), "{kind:?}, {name}: {:?}", gave.rejects);
        }
        Verdict::Rejects(rows, rejects) => {
            let gave = read(found);
            let refused: Vec<(i64, Reason)> = gave.rejects.iter().map(|r| (r.line_no, r.reason)).collect();
            assert_eq!((gave.rows.len(), refused.as_slice()), (*rows, *rejects), "{kind:?}, {name}");
        }
        Verdict::Refused(words) => {
            let said = refusal(found);
            assert!(said.contains(words), "{kind:?}, {name}: {said}");
            named_and_cured(case, &said);
        }
        Verdict::NotRead => named_and_cured(case, &refusal(found)),
        Verdict::SameOrRefused => match found {
            Ok(gave) => assert_eq!(table(&gave), base(), "{name}"),
            Err(_) => named_and_cured(case, &refusal(found)),
        },
        Verdict::CutShort => match found {
            Err(_) => named_and_cured(case, &refusal(found)),
            Ok(gave) => {
                let (rows, whole) = (table(&gave), base());
                let is_told = gave.outcome.understood.notes.iter().any(|note| note.contains("no line end"));
                for (at, (row, full)) in rows.iter().zip(&whole).enumerate() {
                    let is_last = at + 1 == rows.len();
                    assert!(row == full || (is_last && is_told && row[..2] == full[..2]), "{name}: {row:?}");
                }
                assert!(rows.len() <= whole.len(), "{name}");
            }
        },
    }
}

fn named_and_cured(case: &Case, said: &str) {
    assert!(said.starts_with(case.kind.file()), "{}: the file is not named: {said}", case.name);
    assert!(said.split(" | ").nth(1).is_some_and(|cure| cure.len() > 10), "{}: no cure: {said}", case.name);
}

#[test]
fn every_bad_input_has_its_verdict() {
    let all = [text::cases(), workbook::cases(), columnar::cases()];
    let counts = all.each_ref().map(Vec::len);
    assert!(counts[0] >= 120 && counts[1] >= 40 && counts[2] >= 40, "{counts:?}");
    let failed: Vec<&str> = all
        .iter()
        .flatten()
        .filter(|case| catch_unwind(AssertUnwindSafe(|| judge(case))).is_err())
        .map(|case| case.name.as_str())
        .collect();
    assert!(failed.is_empty(), "{} of {}: {failed:?}", failed.len(), counts.iter().sum::<usize>());
}

/// The whole corpus once more in a process of its own, whose greatest memory is looked at.
#[test]
#[cfg(target_os = "linux")]
fn no_bad_input_costs_much_memory() {
    let exe = std::env::current_exe().unwrap();
    let output = std::process::Command::new(exe)
        .args([
            "--exact",
            "read::tests::corpus::memory_of_the_corpus",
            "--ignored",
            "--nocapture",
            "--test-threads",
            "1",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let peak = said.lines().find_map(|line| line.split_once("peak kB: ")).and_then(|(_, kb)| kb.parse::<u64>().ok());
    assert!(peak.is_some_and(|kb| kb < MOST_MEMORY_KB), "{peak:?} kB: {said}");
}

#[test]
#[ignore = "run by no_bad_input_costs_much_memory, in a process of its own"]
#[allow(clippy::print_stdout)]
fn memory_of_the_corpus() {
    // Cases are made and judged one kind at a time, so that what is measured is the reading.
    for cases in [text::cases, workbook::cases, columnar::cases] {
        cases().iter().for_each(judge);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("peak kB: {}", peak.trim().trim_end_matches("kB").trim());
}

/// A file cut anywhere is read up to a whole row, or refused; it never gives a row that was not there.
#[test]
fn a_cut_file_never_gives_false_rows() {
    let text = "customer,date,amount,country\n\"a,1\",2011-01-31,1.50,\"United\nKingdom\"\nb,2011-02-28,2.75,é\n";
    let whole = super::csv(text.as_bytes()).map(|gave| gave.rows).unwrap_or_default();
    assert_eq!(whole.len(), 2);
    for length in 0..text.len() {
        let Ok(gave) = super::csv(&text.as_bytes()[..length]) else { continue };
        assert!(gave.rows.len() <= 2);
        for (row, full) in gave.rows.iter().zip(&whole) {
            for (column, value) in row {
                assert!(column == "country" || full[column] == *value, "{length}: {column} = {value}");
            }
        }
    }
}

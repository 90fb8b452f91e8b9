//! Workbooks and their verdicts.

use super::Verdict::{self, NotRead, Refused, Rejects, Rows, Same, SameOrRefused};
use super::{Case, Kind};
use crate::read::Reason::{BadDate, BadId, BadNumber, CellError, MissingDate};
use crate::read::tests::workbook::{archive, packed, parts, row, workbook};

const HEADER: [&str; 3] = ["s:customer", "s:date", "s:amount"];

/// The base table, dates as serial numbers.
fn base() -> String {
    [
        row(1, &HEADER),
        row(2, &["s:007", "d:40574", "n:1.5"]),
        row(3, &["s:b", "d:40602", "n:2.75"]),
        row(4, &["s:b", "d:40617", "n:-11062.06"]),
    ]
    .concat()
}

/// One more row below a good one.
fn with(cells: &[&str]) -> Vec<u8> {
    workbook(&[("a", &[row(1, &HEADER), row(2, &["s:g", "d:40574", "n:1"]), row(3, cells)].concat())])
}

fn cells() -> Vec<(String, Vec<u8>, Verdict)> {
    let honest = |_: &str, size: u32| size;
    let text_dates = [
        row(1, &HEADER),
        row(2, &["s:007", "s:2011-01-31", "s:1.50"]),
        row(3, &["s:b", "s:2011-02-28", "s:2.75"]),
        row(4, &["s:b", "s:2011-03-15", "s:-11062.06"]),
    ]
    .concat();
    let gap = base().replace("<row r=\"4\">", "<row r=\"900\">").replace("4\"", "900\"");
    let from_1904 = [
        row(1, &HEADER),
        row(2, &["s:007", "d:39112", "n:1.5"]),
        row(3, &["s:b", "d:39140", "n:2.75"]),
        row(4, &["s:b", "d:39155", "n:-11062.06"]),
    ]
    .concat();
    [
        ("as it is", workbook(&[("a", &base())]), Same),
        ("an empty sheet before", workbook(&[("empty", ""), ("a", &base())]), Same),
        ("a sheet of notes behind", workbook(&[("a", &base()), ("notes", &row(1, &["s:nothing"]))]), Same),
        ("dates and numbers as text", workbook(&[("a", &text_dates)]), Same),
        ("rows with a gap", workbook(&[("a", &gap)]), Same),
        ("dates from 1904", packed(&parts(&[("a", &from_1904)], "count=\"0\">", true), honest), Same),
        ("an error for a date", with(&["s:x", "e:#N/A", "n:1"]), Rejects(1, &[(3, CellError)])),
        ("an error for an amount", with(&["s:x", "d:40574", "e:#DIV/0!"]), Rejects(1, &[(3, CellError)])),
        ("an error for an id", with(&["e:#REF!", "d:40574", "n:1"]), Rejects(1, &[(3, CellError)])),
        ("a fraction as an id", with(&["n:1.5", "d:40574", "n:1"]), Rejects(1, &[(3, BadId)])),
        ("truth as an id", with(&["b:1", "d:40574", "n:1"]), Rejects(1, &[(3, BadId)])),
        ("truth as an amount", with(&["s:x", "d:40574", "b:1"]), Rejects(1, &[(3, BadNumber)])),
        ("words as an amount", with(&["s:x", "d:40574", "s:free"]), Rejects(1, &[(3, BadNumber)])),
        ("no date", with(&["s:x", "", "n:1"]), Rejects(1, &[(3, MissingDate)])),
        ("a date before 1900", with(&["s:x", "d:-5", "n:1"]), Rejects(1, &[(3, BadDate)])),
        ("a date after 2200", with(&["s:x", "d:200000", "n:1"]), Rejects(1, &[(3, BadDate)])),
        ("30 February as text", with(&["s:x", "s:2011-02-30", "n:1"]), Rejects(1, &[(3, BadDate)])),
        ("an integer as an id", with(&["n:12345", "d:40574", "n:1"]), Rows(2)),
        ("no customer", with(&["", "d:40574", "n:1"]), Rows(2)),
        ("no sheet with a header", workbook(&[("a", &row(1, &["s:x", "s:y"]))]), NotRead),
        ("a header alone", workbook(&[("a", &row(1, &HEADER))]), Refused("no row below it")),
        ("no rows at all", workbook(&[("a", "")]), NotRead),
        (
            "the same column twice",
            workbook(&[(
                "a",
                &(row(1, &["s:customer", "s:date", "s:date"]) + &row(2, &["s:x", "d:40574", "d:40574"])),
            )]),
            NotRead,
        ),
        (
            "rows out of order",
            workbook(&[("a", &(base() + &row(2, &["s:x", "d:40574", "n:1"])))]),
            Refused("out of order"),
        ),
    ]
    .map(|(name, bytes, verdict)| (name.to_owned(), bytes, verdict))
    .to_vec()
}

fn hostile() -> Vec<(String, Vec<u8>, Verdict)> {
    let honest = |_: &str, size: u32| size;
    let whole = parts(&[("a", &base())], "count=\"0\">", false);
    let corners = format!("{}<row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>", base());
    let big = base() + &row(5, &[&format!("s:{}", "x".repeat(2 << 20))]);
    let mut entity = whole.clone();
    entity[0].1 = [b"<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>".to_vec(), entity[0].1.clone()].concat();
    let mut laughs = whole.clone();
    laughs[0].1 =
        [b"<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]>".to_vec(), laughs[0].1.clone()].concat();
    let without = |name: &str| whole.iter().filter(|part| !part.0.contains(name)).cloned().collect::<Vec<_>>();
    let names: Vec<String> = (0..10_001).map(|i| format!("xl/{i}.bin")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &b""[..])).collect();
    let nested = archive(&[("xl/workbook.xml", &archive(&[("a", b"b")], honest))], honest);
    let mut broken = whole.clone();
    broken[0].1.truncate(80);
    let lying =
        |factor: fn(u32) -> u32| packed(&whole, |name, size| if name.contains("sheet1") { factor(size) } else { size });
    [
        ("cells in the corners", workbook(&[("a", &corners)]), Rejects(3, &[(1_048_576, MissingDate)])),
        ("a giant cell", workbook(&[("a", &big)]), Refused("which no cell can be")),
        ("a bomb of rows", workbook(&[("a", &"<row></row>".repeat(11 << 20))]), Refused("archive bombs")),
        ("a lying small size", lying(|size| size / 2), Refused("holds more than it declares")),
        ("a lying large size", lying(|_| u32::MAX - 1), NotRead),
        (
            "more strings than can be",
            packed(&parts(&[("a", &base())], "uniqueCount=\"99999999999999\">", false), honest),
            Refused("claims more strings"),
        ),
        ("an external entity", packed(&entity, honest), Refused("document type")),
        ("entities in entities", packed(&laughs, honest), Refused("document type")),
        ("10,001 entries", archive(&many, honest), Refused("10001 entries")),
        ("a zip in a zip", nested, NotRead),
        ("no workbook part", packed(&without("workbook.xml"), honest), NotRead),
        ("no sheet part", packed(&without("sheet1"), honest), NotRead),
        ("half a sheet part", packed(&broken, honest), NotRead),
        ("a zip of something else", archive(&[("readme.txt", b"hello")], honest), NotRead),
        ("text with its name", b"customer,date,amount\n".to_vec(), Refused("not a workbook")),
        ("nothing", Vec::new(), NotRead),
    ]
    .map(|(name, bytes, verdict)| (name.to_owned(), bytes, verdict))
    .to_vec()
}

/// Cut and flipped: refused, or the very table, never another one.
fn damaged() -> Vec<(String, Vec<u8>, Verdict)> {
    let whole = workbook(&[("a", &base())]);
    let cut =
        (1..whole.len()).step_by(whole.len() / 20).map(|at| (format!("cut at {at}"), whole[..at].to_vec(), NotRead));
    let flipped = (0..whole.len()).step_by(whole.len() / 40).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        (format!("flipped at {at}"), bytes, SameOrRefused)
    });
    cut.chain(flipped).collect()
}

pub(super) fn cases() -> Vec<Case> {
    let all = cells().into_iter().chain(hostile()).chain(damaged());
    all.map(|(name, bytes, verdict)| Case { name, kind: Kind::Workbook, bytes, verdict }).collect()
}

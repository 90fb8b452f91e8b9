//! Workbooks, made by hand from their parts.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::*;
use crate::read::Reason;

/// A zip archive of deflated entries; `lie` changes what an entry declares as its size.
pub(crate) fn archive(entries: &[(&str, &[u8])], lie: impl Fn(&str, u32) -> u32) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        let packed = encoder.finish().unwrap();
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let offset = u32::try_from(bytes.len()).unwrap();
        let size = lie(name, u32::try_from(content.len()).unwrap());
        let mut common = vec![20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0];
        common.extend(crc.sum().to_le_bytes());
        common.extend(u32::try_from(packed.len()).unwrap().to_le_bytes());
        common.extend(size.to_le_bytes());
        common.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        common.extend([0, 0]);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&common);
        bytes.extend(name.as_bytes());
        bytes.extend(packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let offset = u32::try_from(bytes.len()).unwrap();
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\x00\x00\x00\x00");
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    bytes.extend(count);
    bytes.extend(count);
    bytes.extend(u32::try_from(directory.len()).unwrap().to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

/// The parts of a workbook with these sheets (name, XML of the rows) and shared strings.
pub(crate) fn parts(sheets: &[(&str, &str)], strings: &str, from_1904: bool) -> Vec<(String, Vec<u8>)> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const RELS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
    let (mut list, mut links) = (String::new(), String::new());
    let mut parts = Vec::new();
    for (at, (name, rows)) in sheets.iter().enumerate() {
        let id = at + 1;
        list.push_str(&format!("<sheet name=\"{name}\" sheetId=\"{id}\" r:id=\"rId{id}\"/>"));
        links.push_str(&format!(
            "<Relationship Id=\"rId{id}\" Type=\"{RELS}/worksheet\" Target=\"worksheets/sheet{id}.xml\"/>"
        ));
        parts.push((
            format!("xl/worksheets/sheet{id}.xml"),
            format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>"),
        ));
    }
    let flag = if from_1904 { "<workbookPr date1904=\"1\"/>" } else { "" };
    parts.extend([
        (
            "_rels/.rels".to_owned(),
            format!(
                "<Relationships xmlns=\"{PACKAGE}\"><Relationship Id=\"rId1\" Type=\"{RELS}/officeDocument\" \
                 Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels".to_owned(),
            format!("<Relationships xmlns=\"{PACKAGE}\">{links}</Relationships>"),
        ),
        (
            "xl/workbook.xml".to_owned(),
            format!("<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELS}\">{flag}<sheets>{list}</sheets></workbook>"),
        ),
        (
            "xl/styles.xml".to_owned(),
            format!(
                "<styleSheet xmlns=\"{MAIN}\"><cellXfs count=\"2\"><xf numFmtId=\"0\"/><xf numFmtId=\"22\"/></cellXfs>\
                 </styleSheet>"
            ),
        ),
        ("xl/sharedStrings.xml".to_owned(), format!("<sst xmlns=\"{MAIN}\" {strings}</sst>")),
    ]);
    parts.into_iter().map(|(name, text)| (name, text.into_bytes())).collect()
}

pub(crate) fn workbook(sheets: &[(&str, &str)]) -> Vec<u8> {
    packed(&parts(sheets, "count=\"0\">", false), |_, size| size)
}

pub(crate) fn packed(parts: &[(String, Vec<u8>)], lie: impl Fn(&str, u32) -> u32) -> Vec<u8> {
    let entries: Vec<(&str, &[u8])> = parts.iter().map(|(n, b)| (n.as_str(), b.as_slice())).collect();
    archive(&entries, lie)
}

/// A row of cells: `s:text`, `n:number`, `d:serial`, `e:error`, `b:1`, or nothing.
pub(crate) fn row(number: usize, cells: &[&str]) -> String {
    let mut xml = format!("<row r=\"{number}\">");
    for (at, cell) in cells.iter().enumerate() {
        let place = format!("{}{number}", char::from(b'A' + u8::try_from(at).unwrap()));
        xml.push_str(&match cell.split_once(':') {
            Some(("s", text)) => {
                format!("<c r=\"{place}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is></c>")
            }
            Some(("n", number)) => format!("<c r=\"{place}\"><v>{number}</v></c>"),
            Some(("d", serial)) => format!("<c r=\"{place}\" s=\"1\"><v>{serial}</v></c>"),
            Some((kind, value)) => format!("<c r=\"{place}\" t=\"{kind}\"><v>{value}</v></c>"),
            None => continue,
        });
    }
    xml + "</row>"
}

const HEADER: [&str; 5] = ["s:customer", "s:Order No", "s:date", "s:quantity", "s:price"];

fn read_workbook(bytes: &[u8], options: &ReadOptions) -> Result<Gave> {
    let (_folder, path) = file("log.xlsx", bytes);
    gave(&path, options)
}

#[test]
fn sheets_with_fitting_headers_are_read() {
    let first = [
        row(1, &["s:Export of 2011"]),
        row(3, &HEADER),
        row(4, &["n:13085", "s:00123", "d:40148.32291666666", "n:12", "n:6.95"]),
        row(5, &["", "n:2", "s:2011-12-31 10:00", "s:3", "n:1"]),
        row(6, &["n:13085.5", "n:2", "d:40148", "n:12", "n:6.95"]),
        row(7, &["n:1", "n:2", "e:#N/A", "n:12", "n:6.95"]),
        row(9, &["n:1", "n:2", "n:40148.5", "b:1", "n:6.95"]),
        row(10, &["n:1", "n:2", "n:40148.5", "n:1", "n:6.95"]),
    ]
    .concat();
    let second = [row(1, &HEADER), row(2, &["s:x", "s:y", "d:40149", "n:1", "n:2"])].concat();
    let notes = row(1, &["s:nothing here"]);
    let people = [row(1, &["s:customer", "s:created_at"]), row(2, &["s:x", "d:40149"])].concat();
    let bytes = workbook(&[("2009", &first), ("2010", &second), ("notes", &notes), ("people", &people), ("none", "")]);
    let gave = read_workbook(&bytes, &ReadOptions::default()).unwrap();
    assert_eq!(gave.column("customer_id"), ["13085", "-", "1", "x"]);
    assert_eq!(gave.column("order_id"), ["00123", "2", "2", "y"]);
    assert_eq!(
        gave.column("ordered_at"),
        ["2009-12-01 07:45:00", "2011-12-31 10:00:00", "2009-12-01 12:00:00", "2009-12-02"]
    );
    assert_eq!(gave.column("quantity"), ["12", "3", "1", "1"]);
    assert_eq!(gave.column("source"), ["log.xlsx#2009", "log.xlsx#2009", "log.xlsx#2009", "log.xlsx#2010"]);
    assert_eq!(gave.column("line_no"), ["4", "5", "10", "2"]);
    let reasons: Vec<(i64, Reason)> = gave.rejects.iter().map(|r| (r.line_no, r.reason)).collect();
    assert_eq!(reasons, [(6, Reason::BadId), (7, Reason::CellError), (9, Reason::BadNumber)]);
    let skipped: Vec<&str> = gave.outcome.understood.skipped_sheets.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(skipped, ["notes", "none", "people"]);
    assert_eq!(gave.outcome.understood.tables[0].header_row, 3);

    let options = ReadOptions { sheets: vec!["people".to_owned()], ..ReadOptions::default() };
    assert!(read_workbook(&bytes, &options).unwrap().outcome.understood.counts_only());
    let options = ReadOptions { sheets: vec!["2012".to_owned()], ..ReadOptions::default() };
    assert!(refusal(read_workbook(&bytes, &options)).contains("name one of '2009', '2010'"));
}

#[test]
fn the_epoch_of_1904_is_kept() {
    let rows = [row(1, &HEADER), row(2, &["n:1", "n:2", "d:38686.5", "n:1", "n:1"])].concat();
    let bytes = packed(&parts(&[("a", &rows)], "count=\"0\">", true), |_, size| size);
    let gave = read_workbook(&bytes, &ReadOptions::default()).unwrap();
    assert_eq!(gave.column("ordered_at"), ["2009-12-01 12:00:00"]);
}

#[test]
fn hostile_workbooks_are_refused() {
    let good = [row(1, &HEADER), row(2, &["n:1", "n:2", "d:40148", "n:1", "n:1"])].concat();
    let honest = |_: &str, size: u32| size;
    let say = |bytes: &[u8]| refusal(read_workbook(bytes, &ReadOptions::default()));

    // Two cells in the corners of a sheet span seventeen billion: read, not allocated.
    let corners = format!("{good}<row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>");
    let gave = read_workbook(&workbook(&[("a", &corners)]), &ReadOptions::default()).unwrap();
    assert_eq!((gave.rows.len(), gave.rejects[0].line_no), (1, 1_048_576));

    let big = row(3, &[&format!("s:{}", "x".repeat(2 << 20))]);
    assert!(say(&workbook(&[("a", &(good.clone() + &big))])).contains("which no cell can be"));

    let bomb = workbook(&[("a", &"<row></row>".repeat(11 << 20))]);
    assert!(say(&bomb).contains("archive bombs"));

    let lying =
        packed(
            &parts(&[("a", &good)], "count=\"0\">", false),
            |name, size| {
                if name.contains("sheet1") { size / 2 } else { size }
            },
        );
    assert!(say(&lying).contains("holds more than it declares"));

    let claims = parts(&[("a", &good)], "uniqueCount=\"99999999999999\">", false);
    assert!(say(&packed(&claims, honest)).contains("claims more strings"));

    let mut entity = parts(&[("a", &good)], "count=\"0\">", false);
    entity[0].1 = [b"<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>".to_vec(), entity[0].1.clone()].concat();
    assert!(say(&packed(&entity, honest)).contains("document type"));

    let names: Vec<String> = (0..10_001).map(|i| format!("xl/{i}.bin")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &b""[..])).collect();
    assert!(say(&archive(&many, honest)).contains("10001 entries"));

    let whole = workbook(&[("a", &good)]);
    for length in (8..whole.len()).step_by(7) {
        assert!(!say(&whole[..length]).is_empty());
    }
    for at in (0..whole.len()).step_by(11) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x55;
        let _ = read_workbook(&flipped, &ReadOptions::default());
    }
    let turned = [row(1, &HEADER), row(3, &["n:1", "n:2", "d:40148"]), row(2, &["n:1", "n:2", "d:40148"])].concat();
    assert!(say(&workbook(&[("a", &turned)])).contains("out of order"));
}

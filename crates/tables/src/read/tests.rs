//! Tests of the readers: small files made on the spot, and the real ones where `TENURE_DATA` names them.
#![allow(clippy::unwrap_used, clippy::float_cmp, clippy::print_stderr, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int64Array, ListArray,
    RecordBatch, StringArray, TimestampMillisecondArray, TimestampNanosecondArray, UInt64Array,
};
use datafusion::arrow::datatypes::{
    DataType, Field, Float64Type, Int32Type, Int64Type, Schema, TimestampMicrosecondType,
};
use datafusion::parquet::arrow::ArrowWriter;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

use super::{DateOrder, Outcome, ReadOptions, Reason, Reject, date, read, transactions_schema, understand};
use crate::error::{Error, Result};

/// What a reading gave: rows as texts, rejects, and the account.
pub(crate) struct Gave {
    pub(crate) rows: Vec<BTreeMap<String, String>>,
    pub(crate) rejects: Vec<Reject>,
    pub(crate) outcome: Outcome,
}

impl Gave {
    /// A column's values; null is "-".
    pub(crate) fn column(&self, name: &str) -> Vec<&str> {
        self.rows.iter().map(|row| row.get(name).map_or("-", String::as_str)).collect()
    }
}

/// A file in its own folder, which lives as long as the first value.
pub(crate) fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

pub(crate) fn gave(path: &Path, options: &ReadOptions) -> Result<Gave> {
    let (mut rows, mut rejects) = (Vec::new(), Vec::new());
    let outcome = read(
        path,
        options,
        &mut |batch| {
            assert_eq!(batch.schema(), transactions_schema());
            for row in 0..batch.num_rows() {
                rows.push(show(&batch, row));
            }
            Ok(())
        },
        &mut |reject| {
            rejects.push(reject);
            Ok(())
        },
    )?;
    assert_eq!(outcome.rows_in(), outcome.rows_out() + outcome.rejected(), "the account must balance");
    assert_eq!((outcome.rows_out(), outcome.rejected()), (rows.len() as u64, rejects.len() as u64));
    Ok(Gave { rows, rejects, outcome })
}

fn show(batch: &RecordBatch, row: usize) -> BTreeMap<String, String> {
    let mut shown = BTreeMap::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if column.is_null(row) {
            continue;
        }
        let text = match field.data_type() {
            DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
            DataType::Float64 => column.as_primitive::<Float64Type>().value(row).to_string(),
            DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
            _ => date::show(column.as_primitive::<TimestampMicrosecondType>().value(row)),
        };
        shown.insert(field.name().clone(), text);
    }
    shown
}

pub(crate) fn csv(text: &[u8]) -> Result<Gave> {
    let (_folder, path) = file("log.csv", text);
    gave(&path, &ReadOptions::default())
}

fn csv_with(text: &[u8], options: &ReadOptions) -> Result<Gave> {
    let (_folder, path) = file("log.csv", text);
    gave(&path, options)
}

/// "file, place: problem | cure".
pub(crate) fn refusal(found: Result<Gave>) -> String {
    match found {
        Ok(gave) => panic!("was read: {:?}", gave.rows),
        Err(error @ Error::Read { .. }) => format!("{error} | {}", error.cure().unwrap()),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_small_file_is_read_cell_by_cell() {
    let text = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\r\n\
        489434,00123,\"A \"\"big\"\" ball\",12,2009-12-01 07:45:00,6.95, 13085 ,United Kingdom\r\n\
        C489449,22087,,-12,2009-12-01 10:33,£2.95,,France\r\n";
    let gave = csv(text.as_bytes()).unwrap();
    assert_eq!(gave.column("customer_id"), ["13085", "-"]);
    assert_eq!(gave.column("order_id"), ["489434", "C489449"]);
    assert_eq!(gave.column("sku"), ["00123", "22087"]);
    assert_eq!(gave.column("description"), ["A \"big\" ball", "-"]);
    assert_eq!(gave.column("quantity"), ["12", "-12"]);
    assert_eq!(gave.column("unit_price"), ["6.95", "2.95"]);
    assert_eq!(gave.column("ordered_at"), ["2009-12-01 07:45:00", "2009-12-01 10:33:00"]);
    assert_eq!(gave.column("source"), ["log.csv", "log.csv"]);
    assert_eq!(gave.column("line_no"), ["2", "3"]);
    assert_eq!(gave.column("amount"), ["-", "-"]);
}

#[test]
fn dialects_give_the_same_table() {
    let plain = "customer_id,order_date,amount,country\n007,2011-01-31,1.5,Österreich\n8,2011-02-01,2,\"a\nb\"\n";
    let expected = csv(plain.as_bytes()).unwrap().rows;
    let cp1252: Vec<u8> = plain.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        std::iter::once(0xfeff).chain(plain.encode_utf16()).flat_map(bytes).collect()
    };
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(plain.as_bytes()).unwrap();
    let mut twice = gzip.finish().unwrap();
    let mut second = GzEncoder::new(Vec::new(), Compression::default());
    second.write_all(b"").unwrap();
    twice.extend(second.finish().unwrap());
    for (what, bytes) in [
        ("semicolon", plain.replace(',', ";").into_bytes()),
        ("tab", plain.replace(',', "\t").into_bytes()),
        ("pipe", plain.replace(',', "|").into_bytes()),
        ("sep=", format!("sep=;\n{}", plain.replace(',', ";")).into_bytes()),
        ("bom", [b"\xef\xbb\xbf", plain.as_bytes()].concat()),
        ("utf-16le", utf16(u16::to_le_bytes)),
        ("utf-16be", utf16(u16::to_be_bytes)),
        ("windows-1252", cp1252),
        ("gzip of two members", twice),
        ("blank lines", plain.replace("8,2011", "\n,,,\n8,2011").into_bytes()),
    ] {
        let mut rows = csv(&bytes).unwrap_or_else(|e| panic!("{what}: {e}")).rows;
        let mut expected = expected.clone();
        for row in rows.iter_mut().chain(&mut expected) {
            row.remove("line_no");
        }
        assert_eq!(rows, expected, "{what}");
    }
    let crlf = csv(plain.replace('\n', "\r\n").as_bytes()).unwrap();
    assert_eq!(crlf.column("line_no"), ["2", "3"]);
    let cr = csv(plain.replace('\n', "\r").as_bytes()).unwrap();
    assert_eq!(cr.column("country"), ["Österreich", "a\rb"]);
}

#[test]
fn the_encoding_is_said() {
    let (_folder, path) = file("log.csv", b"customer,date,amount,country\n1,2011-01-31,1,\xd6sterreich\n");
    let understood = understand(&path, &ReadOptions::default()).unwrap();
    assert_eq!(understood.encoding.as_deref(), Some("windows-1252, because line 2 is not UTF-8"));
    let options = ReadOptions { encoding: Some("utf-8".to_owned()), ..ReadOptions::default() };
    assert!(refusal(gave(&path, &options)).contains("bad_encoding"));
}

#[test]
fn the_order_of_dates_is_decided_by_the_whole_file() {
    let gave = csv(b"customer,date,amount\n1,01/12/2010 08:26,1\n2,13/12/2010 08:26,1\n").unwrap();
    assert_eq!(gave.column("ordered_at"), ["2010-12-01 08:26:00", "2010-12-13 08:26:00"]);
    let reading = &gave.outcome.understood.tables[0].readings[0];
    assert_eq!((reading.reading.as_str(), reading.column), ("dmy", "ordered_at"));
    assert_eq!(reading.evidence, "'13/12/2010 08:26' in row 3 can only be read this way");

    // The proof stands far behind the sample.
    let mut text = "customer,date,amount\n".to_owned();
    text.push_str(&"1,01/12/2010,1\n".repeat(60_000));
    text.push_str("1,12/31/2010,1\n");
    let gave = csv(text.as_bytes()).unwrap();
    assert_eq!((gave.rows.len(), gave.column("ordered_at")[0]), (60_001, "2010-01-12"));
}

#[test]
fn an_open_order_of_dates_shows_both_readings() {
    let text = b"customer,date,amount\n1,05/05/2011,1\n2,01/12/2011,1\n";
    assert_eq!(
        refusal(csv(text)),
        "log.csv, row 3, column 'date': '01/12/2011' is 2011-12-01 when the day comes first and 2011-01-12 when the \
         month does, and no value of the column settles it | say which with --date-order dmy or --date-order mdy, or \
         in tenure.toml: [data] date_order = \"dmy\""
    );
    for (order, expected) in [(DateOrder::Dmy, "2011-12-01"), (DateOrder::Mdy, "2011-01-12")] {
        let options = ReadOptions { date_order: order, ..ReadOptions::default() };
        assert_eq!(csv_with(text, &options).unwrap().column("ordered_at")[1], expected);
    }
    let same = csv(b"customer,date,amount\n1,05/05/2011,1\n2,07/07/2011,1\n").unwrap();
    assert_eq!(same.column("ordered_at"), ["2011-05-05", "2011-07-07"]);
}

#[test]
fn dates_against_the_order_are_refused_by_row() {
    let gave = csv(b"customer,date,amount\n1,13/01/2011,1\n2,14/01/2011,1\n3,01/15/2011,1\n4,02/03/2011,1\n").unwrap();
    assert_eq!(gave.column("ordered_at"), ["2011-01-13", "2011-01-14", "2011-03-02"]);
    let reject = &gave.rejects[0];
    assert_eq!((reject.line_no, reject.reason, reject.column), (4, Reason::BadDate, Some("ordered_at")));
    assert_eq!((reject.value.as_deref(), reject.record.as_str()), (Some("01/15/2011"), "3,01/15/2011,1"));
    assert!(gave.outcome.understood.notes[0].contains("first '01/15/2011' in row 4"));
    let mixed = refusal(csv(b"customer,date,amount\n1,13/01/2011,1\n2,01/15/2011,1\n"));
    assert!(mixed.contains("row 2, column 'date'") && mixed.contains("'01/15/2011' in row 3 only mdy"), "{mixed}");
}

#[test]
fn the_decimal_mark_is_decided_by_evidence() {
    let comma = csv(b"customer;date;quantity;price\n1;2011-01-01;1.000;6,95\n2;2011-01-02;2;1.234,50\n").unwrap();
    assert_eq!(comma.column("unit_price"), ["6.95", "1234.5"]);
    assert_eq!(comma.column("quantity"), ["1000", "2"]);
    let point = csv(b"customer,date,quantity,price\n1,2011-01-01,\"1,000\",6.95\n2,2011-01-02,2,\"-11,062.06\"\n");
    let point = point.unwrap();
    assert_eq!(point.column("quantity"), ["1000", "2"]);
    assert_eq!(point.column("unit_price"), ["6.95", "-11062.06"]);
    let open = b"customer,date,amount\n1,2011-01-01,\"1,234\"\n2,2011-01-02,7\n";
    let said = refusal(csv(open));
    assert!(said.contains("row 2, column 'amount'") && said.contains("decimal_comma"), "{said}");
    let options = ReadOptions { decimal_comma: Some(true), ..ReadOptions::default() };
    assert_eq!(csv_with(open, &options).unwrap().column("amount"), ["1.234", "7"]);
}

#[test]
fn counts_only_logs_and_mappings_are_understood() {
    let (_folder, path) = file("log.csv", b"kunde,datum,betrag\n1,2011-01-01,5\n");
    let said = refusal(gave(&path, &ReadOptions::default()));
    assert!(said.contains("'kunde', 'datum', 'betrag'") && said.contains("[data.columns] customer_id"), "{said}");
    let mut options = ReadOptions::default();
    options.columns.insert("customer_id".to_owned(), "kunde".to_owned());
    options.columns.insert("ordered_at".to_owned(), "datum".to_owned());
    let understood = understand(&path, &options).unwrap();
    assert!(understood.counts_only());
    assert_eq!(understood.tables[0].unused, ["betrag"]);
    assert_eq!(understood.tables[0].first_rows, [["1", "2011-01-01", "5"]]);
    options.columns.insert("amount".to_owned(), "betrag".to_owned());
    assert!(!understand(&path, &options).unwrap().counts_only());
    assert_eq!(gave(&path, &options).unwrap().column("amount"), ["5"]);
}

#[test]
fn the_callers_error_stops_the_reading() {
    let mut text = "customer,date,amount\n".to_owned();
    text.push_str(&"1,2011-01-01,1\n".repeat(400_000));
    let (_folder, path) = file("log.csv", text.as_bytes());
    let mut batches = 0;
    let stopped = read(
        &path,
        &ReadOptions::default(),
        &mut |_| {
            batches += 1;
            Err(Error::Contract { table: "t".to_owned(), problem: "full".to_owned() })
        },
        &mut |_| Ok(()),
    );
    assert!(matches!(stopped, Err(Error::Contract { .. })));
    assert_eq!(batches, 1);
}

#[test]
fn batches_are_bounded_and_in_order() {
    let mut text = "customer,date,amount\n".to_owned();
    for row in 0..150_000 {
        text.push_str(&format!("{row},2011-01-01,{row}\n"));
    }
    let (_folder, path) = file("log.csv", text.as_bytes());
    let (mut sizes, mut next) = (Vec::new(), 2);
    read(
        &path,
        &ReadOptions::default(),
        &mut |batch| {
            sizes.push(batch.num_rows());
            for line in batch.column(16).as_primitive::<Int64Type>().values() {
                assert_eq!(*line, next);
                next += 1;
            }
            Ok(())
        },
        &mut |_| Ok(()),
    )
    .unwrap();
    assert_eq!(sizes, [65_536, 65_536, 18_928]);
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn read_parquet(columns: Vec<(&str, ArrayRef)>) -> Result<Gave> {
    let (_folder, path) = file("log.parquet", &parquet(columns));
    gave(&path, &ReadOptions::default())
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

#[test]
fn parquet_types_become_the_canonical_ones() {
    let dates: ArrayRef = Arc::new(Date32Array::from(vec![14_579, 14_580, 14_581]));
    let gave = read_parquet(vec![
        ("customer_id", Arc::new(Float64Array::from(vec![Some(13_085.0), None, Some(13_085.5)]))),
        ("order_id", Arc::new(UInt64Array::from(vec![u64::MAX, 1, 2]))),
        ("sku", Arc::new(DictionaryArray::<Int32Type>::from_iter(["00123", "b", "00123"]))),
        ("date", Arc::clone(&dates)),
        ("quantity", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("price", Arc::new(Decimal128Array::from(vec![695, 210, 1]).with_precision_and_scale(10, 2).unwrap())),
    ])
    .unwrap();
    assert_eq!(gave.column("customer_id"), ["13085", "-"]);
    assert_eq!(gave.column("order_id"), ["18446744073709551615", "1"]);
    assert_eq!(gave.column("sku"), ["00123", "b"]);
    assert_eq!(gave.column("ordered_at"), ["2009-12-01", "2009-12-02"]);
    assert_eq!(gave.column("unit_price"), ["6.95", "2.1"]);
    assert_eq!(gave.column("line_no"), ["1", "2"]);
    assert_eq!((gave.rejects[0].line_no, gave.rejects[0].reason), (3, Reason::BadId));

    let at = 1_259_653_500;
    for times in [
        Arc::new(TimestampMillisecondArray::from(vec![at * 1_000]).with_timezone("+02:00")) as ArrayRef,
        Arc::new(TimestampNanosecondArray::from(vec![at * 1_000_000_000])),
        texts(&["2009-12-01 07:45:00"]),
    ] {
        let gave = read_parquet(vec![("customer", texts(&["a"])), ("date", times)]).unwrap();
        assert_eq!(gave.column("ordered_at"), ["2009-12-01 07:45:00"]);
        assert!(gave.outcome.understood.counts_only());
    }
    let digits = read_parquet(vec![
        ("customer", texts(&["a"])),
        ("date", Arc::new(Int64Array::from(vec![20_091_201]))),
        ("amount", texts(&["1,234.50"])),
    ])
    .unwrap();
    assert_eq!((digits.column("ordered_at"), digits.column("amount")), (vec!["2009-12-01"], vec!["1234.5"]));
}

#[test]
fn parquet_of_the_wrong_type_or_shape_is_refused() {
    let flipped =
        refusal(read_parquet(vec![("customer", texts(&["a"])), ("date", Arc::new(Float64Array::from(vec![1.5])))]));
    assert!(flipped.contains("column 'date': ordered_at needs timestamps") && flipped.contains("Float64"), "{flipped}");
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some([Some(1)])]);
    let nested =
        refusal(read_parquet(vec![("customer", Arc::new(list)), ("date", Arc::new(Date32Array::from(vec![14_579])))]));
    assert!(nested.contains("customer_id needs text or integers"), "{nested}");
    let epoch = refusal(read_parquet(vec![
        ("customer", texts(&["a"])),
        ("date", Arc::new(Int64Array::from(vec![1_259_653_500]))),
    ]));
    assert!(epoch.contains("none of the first 1 values of ordered_at"), "{epoch}");
    let infinite = read_parquet(vec![
        ("customer", texts(&["a", "b"])),
        ("date", Arc::new(Date32Array::from(vec![14_579, 14_579]))),
        ("amount", Arc::new(Float64Array::from(vec![f64::NAN, 1.0]))),
    ])
    .unwrap();
    assert_eq!(infinite.rejects[0].reason, Reason::NotFinite);

    let whole = parquet(vec![("customer", texts(&["a"])), ("date", texts(&["2011-01-01"]))]);
    for length in (0..whole.len()).step_by(7).skip(1) {
        let (_folder, path) = file("log.parquet", &whole[..length]);
        assert!(refusal(gave(&path, &ReadOptions::default())).contains("log.parquet"), "{length}");
    }
    let empty = Arc::new(Schema::new(vec![
        Field::new("customer", DataType::Utf8, true),
        Field::new("date", DataType::Utf8, true),
    ]));
    let mut bytes = Vec::new();
    ArrowWriter::try_new(&mut bytes, empty, None).unwrap().close().unwrap();
    let (_folder, path) = file("log.parquet", &bytes);
    assert!(refusal(gave(&path, &ReadOptions::default())).contains("no row below it"));
}

#[test]
fn damaged_parquet_never_panics() {
    let texts: Vec<String> = (0..200).map(|i| format!("customer {i}")).collect();
    let whole = parquet(vec![
        ("customer", Arc::new(StringArray::from(texts))),
        ("date", Arc::new(Date32Array::from((0..200).map(|d| 14_000 + d).collect::<Vec<i32>>()))),
        ("amount", Arc::new(Float64Array::from((0..200).map(f64::from).collect::<Vec<f64>>()))),
    ]);
    for at in (4..whole.len()).step_by(23) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x15;
        let (_folder, path) = file("log.parquet", &flipped);
        let _ = gave(&path, &ReadOptions::default());
    }
}

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

/// Rows, rows without customer, sum of quantities, sum of prices in thousandths, sum of seconds.
fn totals(path: &Path) -> (u64, u64, f64, f64, i128) {
    let mut totals = (0, 0, 0.0, 0.0, 0);
    read(
        path,
        &ReadOptions::default(),
        &mut |batch| {
            totals.0 += batch.num_rows() as u64;
            totals.1 += batch.column(0).null_count() as u64;
            totals.2 += batch.column(4).as_primitive::<Float64Type>().values().iter().sum::<f64>();
            let prices = batch.column(5).as_primitive::<Float64Type>();
            totals.3 += prices.values().iter().map(|price| (price * 1_000.0).round()).sum::<f64>();
            let times = batch.column(7).as_primitive::<TimestampMicrosecondType>();
            totals.4 += times.values().iter().map(|at| i128::from(*at)).sum::<i128>();
            Ok(())
        },
        &mut |reject| panic!("{reject:?}"),
    )
    .unwrap();
    totals
}

#[test]
fn online_retail_is_the_same_in_three_formats() {
    let Some(data) = std::env::var_os("TENURE_DATA").filter(|data| !data.is_empty()).map(PathBuf::from) else {
        eprintln!("skipped: TENURE_DATA is not set");
        return;
    };
    let csv = totals(&data.join("online_retail_ii.csv.gz"));
    assert_eq!((csv.0, csv.1), (1_067_371, 243_007));
    assert_eq!(csv, totals(&data.join("online_retail_ii.parquet")));
    assert_eq!(csv, totals(&data.join("online_retail_II.xlsx")));
}

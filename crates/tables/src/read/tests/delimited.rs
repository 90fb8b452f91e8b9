//! Text files.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::read::{DateOrder, Reason, understand};

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
    assert_eq!((reading.reading.as_str(), reading.column.as_str()), ("dmy", "ordered_at"));
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

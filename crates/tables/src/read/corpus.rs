//! Bad input and its verdicts, one line each: what is read, which row is refused and why, which file is refused and
//! with what words. Every refusal of a file must name the file and a cure.

use super::Reason;
use super::tests::{csv, refusal};

enum Verdict {
    /// Read whole: rows.
    Rows(usize),
    /// Rows kept, then the refused rows by line and reason.
    Rejects(usize, &'static [(i64, Reason)]),
    /// The file is refused, with these words.
    Refused(&'static str),
}
use Reason::{BadDate, BadEncoding, BadNumber, BadQuoting, LongRow, MissingDate, NotFinite, OutOfRange, ShortRow};
use Verdict::{Refused, Rejects, Rows};

const H: &str = "customer,date,amount\n";
const G: &str = "9,2011-01-31,1\n";

#[test]
fn every_bad_input_has_its_verdict() {
    let cases: Vec<(&str, Vec<u8>, Verdict)> = [
        ("empty file", String::new(), Refused("the file is empty")),
        ("blank lines only", "\n\n  \n".to_owned(), Refused("the file holds no text")),
        ("header only", H.to_owned(), Refused("no row below it")),
        ("header without line end", "customer,date,amount".to_owned(), Refused("no row below it")),
        ("no header", "13085,2011-01-01,5\n13086,2011-01-02,6\n".to_owned(), Refused("no column is customer_id")),
        ("missing customer", "id,date,amount\n1,2011-01-01,1\n".to_owned(), Refused("no column is customer_id")),
        ("missing date", "customer,day,amount\n1,2011-01-01,1\n".to_owned(), Refused("no column is ordered_at")),
        ("duplicate header", "customer,date,date\n1,2011-01-01,1\n".to_owned(), Refused("'date' stands twice")),
        (
            "two customers",
            "customer_id,user_id,date\n1,1,2011-01-01\n".to_owned(),
            Refused("two headers could be customer_id: 'customer_id' and 'user_id'"),
        ),
        ("price alone", "customer,date,price\n1,2011-01-01,1\n".to_owned(), Refused("no quantity")),
        ("one column", "customer date amount\n1 2011-01-01 1\n".to_owned(), Refused("only one column was found")),
        ("json", "{\"customer\": 1}\n".to_owned(), Refused("not a table of delimited text")),
        ("html", "<html><body>\n".to_owned(), Refused("not a table of delimited text")),
        ("short row", format!("{H}{G}1,2011-01-01\n"), Rejects(1, &[(3, ShortRow)])),
        ("long row", format!("{H}{G}1,2011-01-01,1,1\n"), Rejects(1, &[(3, LongRow)])),
        ("unquoted comma", format!("{H}{G}1,2011-01-01,1,234\n"), Rejects(1, &[(3, LongRow)])),
        ("all rows short", format!("{H}1,2011-01-01\n2,2011-01-01\n"), Refused("none of the 2 rows can be read")),
        ("unclosed quote", format!("{H}{G}\"1,2011-01-01,1\n{G}"), Refused("a quote opened in line 3")),
        (
            "quote closed too late",
            format!("{H}{G}\"1,2011-01-01,1\n\"2\",2011-01-01,1\n"),
            Refused("runs on to line 4"),
        ),
        ("text after a quote", format!("{H}{G}\"1\"x,2011-01-01,1\n"), Rejects(1, &[(3, BadQuoting)])),
        ("quote inside a field", format!("{H}7\" disc,2011-01-01,1\n"), Rows(1)),
        ("NUL byte", format!("{H}{G}1,2011-01-01,\0\n"), Refused("row 3: there is a NUL byte")),
        ("huge cell", format!("{H}{G}1,2011-01-01,{}\n", "x".repeat(2 << 20)), Refused("row 3, column 'amount'")),
        ("huge quoted cell", format!("{H}{G}1,2011-01-01,\"{}\"\n", "x".repeat(2 << 20)), Refused("larger than 1 MB")),
        ("30 February", format!("{H}{G}1,2011-02-30,1\n"), Rejects(1, &[(3, BadDate)])),
        ("30/02", format!("{H}9,31/01/2011,1\n1,30/02/2011,1\n"), Rejects(1, &[(3, BadDate)])),
        ("year 1", format!("{H}{G}1,0001-01-01,1\n"), Rejects(1, &[(3, BadDate)])),
        ("year 9999", format!("{H}{G}1,9999-12-31,1\n"), Rejects(1, &[(3, BadDate)])),
        ("hour 24", format!("{H}{G}1,2011-01-01 24:00,1\n"), Rejects(1, &[(3, BadDate)])),
        ("no date", format!("{H}{G}1,,1\n"), Rejects(1, &[(3, MissingDate)])),
        ("no dates at all", format!("{H}1,soon,1\n2,later,1\n"), Refused("none of the first 2 values of ordered_at")),
        ("spreadsheet serials in text", format!("{H}1,40513,1\n"), Refused("none of the first 1 values")),
        ("open dates", format!("{H}1,01/12/2011,1\n"), Refused("--date-order dmy")),
        ("mixed dates", format!("{H}1,13/01/2011,1\n1,01/13/2011,1\n"), Refused("dates of two orders are mixed")),
        ("open two-digit years", format!("{H}1,01/12/11,1\n"), Refused("2011-12-01 when the day comes first")),
        ("NaN", format!("{H}{G}1,2011-01-01,NaN\n"), Rejects(1, &[(3, NotFinite)])),
        ("infinity", format!("{H}{G}1,2011-01-01,-inf\n"), Rejects(1, &[(3, NotFinite)])),
        ("1e309", format!("{H}{G}1,2011-01-01,1e309\n"), Rejects(1, &[(3, NotFinite)])),
        (
            "1e308 twice",
            format!("{H}{G}1,2011-01-01,1e308\n1,2011-01-01,1e308\n"),
            Rejects(1, &[(3, OutOfRange), (4, OutOfRange)]),
        ),
        ("2^63", format!("{H}{G}1,2011-01-01,9223372036854775808\n"), Rejects(1, &[(3, OutOfRange)])),
        ("words as numbers", format!("{H}{G}1,2011-01-01,free\n"), Rejects(1, &[(3, BadNumber)])),
        ("all words", format!("{H}1,2011-01-01,free\n"), Refused("none of the first 1 values of amount")),
        ("open thousands", format!("{H}1,2011-01-01,\"1,234\"\n"), Refused("decimal_comma")),
        ("mixed marks", format!("{H}1,2011-01-01,1.5\n1,2011-01-01,\"1,5\"\n"), Refused("decimal marks are mixed")),
        (
            "the other mark",
            format!("{H}1,2011-01-01,1.5\n1,2011-01-01,2.5\n1,2011-01-01,\"1,5\"\n"),
            Rejects(2, &[(4, BadNumber)]),
        ),
        ("Indian groups", format!("{H}{G}1,2011-01-01,\"1,00,000\"\n"), Rejects(1, &[(3, BadNumber)])),
        ("missing words", format!("{H}1,2011-01-01,NULL\n1,2011-01-01,n/a\n"), Rows(2)),
        ("empty rows", format!("{H}{G},,\n\n{G}"), Rows(2)),
        ("empty customer", format!("{H}  ,2011-01-01,1\n"), Rows(1)),
        ("no line end", format!("{H}1,2011-01-01,1"), Rows(1)),
        ("column without a name", "customer,date,,\n1,2011-01-01,x,y\n".to_owned(), Rows(1)),
    ]
    .into_iter()
    .map(|(name, text, verdict)| (name, text.into_bytes(), verdict))
    .chain([
        (
            "invalid UTF-8 among valid",
            "customer,date,country\né,2011-01-01,é\né,2011-01-01,é\n1,2011-01-01,".bytes().chain(*b"\xe9\n").collect(),
            Rejects(2, &[(4, BadEncoding)]),
        ),
        (
            "UTF-16 without a mark",
            format!("{H}{G}").encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Refused("utf-16le"),
        ),
        (
            "half a surrogate",
            b"\xff\xfe"
                .iter()
                .copied()
                .chain(
                    format!("{H}{G}x,2011-01-01,1\n")
                        .encode_utf16()
                        .map(|unit| if unit == u16::from(b'x') { 0xd800 } else { unit })
                        .flat_map(u16::to_le_bytes),
                )
                .collect(),
            Rejects(1, &[(3, BadEncoding)]),
        ),
        ("cut gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b".to_vec(), Refused("gzip stream is damaged")),
        ("zstd", b"\x28\xb5\x2f\xfd....".to_vec(), Refused("zstd")),
        ("old workbook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec(), Refused("old .xls")),
        ("zip of nothing", b"PK\x05\x06".iter().copied().chain([0; 18]).collect(), Refused("empty zip")),
        ("half a zip", b"PK\x03\x04abc".to_vec(), Refused("damaged or cut short")),
        ("half a Parquet", b"PAR1abc".to_vec(), Refused("not a whole Parquet file")),
    ])
    .collect();
    assert!(cases.len() >= 40);
    for (name, bytes, verdict) in cases {
        let found = csv(&bytes);
        match verdict {
            Rows(rows) => {
                let gave = found.unwrap_or_else(|e| panic!("{name}: {e}"));
                assert_eq!((gave.rows.len(), gave.rejects.len()), (rows, 0), "{name}: {:?}", gave.rejects);
            }
            Rejects(rows, rejects) => {
                let gave = found.unwrap_or_else(|e| panic!("{name}: {e}"));
                let refused: Vec<(i64, Reason)> = gave.rejects.iter().map(|r| (r.line_no, r.reason)).collect();
                assert_eq!((gave.rows.len(), refused.as_slice()), (rows, rejects), "{name}");
            }
            Refused(words) => {
                let said = refusal(found);
                assert!(said.contains(words), "{name}: {said}");
                assert!(said.starts_with("log.csv"), "{name}: the file is not named: {said}");
                assert!(said.split(" | ").nth(1).is_some_and(|cure| cure.len() > 10), "{name}: no cure: {said}");
            }
        }
    }
}

/// A file cut anywhere is read up to a whole row, or refused; it never gives a row that was not there.
#[test]
fn a_cut_file_never_gives_false_rows() {
    let text = "customer,date,amount,country\n\"a,1\",2011-01-31,1.50,\"United\nKingdom\"\nb,2011-02-28,2.75,é\n";
    let whole = csv(text.as_bytes()).map(|gave| gave.rows).unwrap_or_default();
    assert_eq!(whole.len(), 2);
    for length in 0..text.len() {
        let Ok(gave) = csv(&text.as_bytes()[..length]) else { continue };
        assert!(gave.rows.len() <= 2);
        for (row, full) in gave.rows.iter().zip(&whole) {
            for (column, value) in row {
                assert!(column == "country" || full[column] == *value, "{length}: {column} = {value}");
            }
        }
    }
}

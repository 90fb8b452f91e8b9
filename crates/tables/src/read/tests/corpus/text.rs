//! Text files and their verdicts.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Verdict::{self, CutShort, Refused, Rejects, Rows, Same};
use super::{BASE, Case, Kind};
use crate::read::Reason::{
    BadDate, BadEncoding, BadNumber, BadQuoting, LongRow, MissingDate, NotFinite, OutOfRange, ShortRow,
};

const H: &str = "customer,date,amount\n";
const G: &str = "9,2011-01-31,1\n";

/// Cases made by hand.
fn by_hand() -> Vec<(&'static str, Vec<u8>, Verdict)> {
    [
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
    .collect()
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2], mark: [u8; 2]) -> Vec<u8> {
    mark.into_iter().chain(text.encode_utf16().flat_map(unit)).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The same table in other dialects, encodings and orders of columns.
fn dialects() -> Vec<(String, Vec<u8>, Verdict)> {
    let with = |delimiter: &str| BASE.replace(',', delimiter);
    let quoted: String = BASE
        .lines()
        .map(|line| line.split(',').map(|cell| format!("\"{cell}\"")).collect::<Vec<_>>().join(",") + "\n")
        .collect();
    let turned: String = BASE.lines().map(|l| l.split(',').rev().collect::<Vec<_>>().join(",") + "\n").collect();
    let wide: String = BASE
        .lines()
        .map(|line| format!("{line}{}\n", (0..200).map(|i| format!(",x{i}")).collect::<String>()))
        .collect();
    let spaced: String = BASE.lines().map(|l| l.split(',').collect::<Vec<_>>().join(" , ") + "\n").collect();
    let german: String = BASE
        .lines()
        .map(|line| line.split(',').map(|cell| cell.replace('.', ",")).collect::<Vec<_>>().join(";") + "\n")
        .collect();
    let dotted = BASE
        .replace("2011-01-31", "31.01.2011")
        .replace("2011-02-28", "28.02.2011")
        .replace("2011-03-15", "15.03.2011");
    let american =
        BASE.replace("2011-01-31", "1/31/2011").replace("2011-02-28", "2/28/2011").replace("2011-03-15", "3/15/2011");
    let timed = BASE
        .replace("2011-01-31", "2011-01-31T00:00:00Z")
        .replace("2011-02-28", "2011-02-28 00:00")
        .replace("2011-03-15", "2011-03-15 00:00:00.000");
    let padded = format!("\n\n{BASE}\n\n\n");
    [
        ("as it is", BASE.as_bytes().to_vec()),
        ("CRLF", BASE.replace('\n', "\r\n").into_bytes()),
        ("CR", BASE.replace('\n', "\r").into_bytes()),
        ("mixed line ends", BASE.replacen('\n', "\r\n", 2).into_bytes()),
        ("byte-order mark", [b"\xef\xbb\xbf", BASE.as_bytes()].concat()),
        ("UTF-16 little", utf16(BASE, u16::to_le_bytes, [0xff, 0xfe])),
        ("UTF-16 big", utf16(BASE, u16::to_be_bytes, [0xfe, 0xff])),
        ("gzip", gzip(BASE.as_bytes())),
        ("gzip twice over", [gzip(&BASE.as_bytes()[..40]), gzip(&BASE.as_bytes()[40..])].concat()),
        ("tabs", with("\t").into_bytes()),
        ("semicolons", with(";").into_bytes()),
        ("pipes", with("|").into_bytes()),
        ("sep= line", format!("sep=;\n{}", with(";")).into_bytes()),
        ("all quoted", quoted.into_bytes()),
        ("columns turned round", turned.into_bytes()),
        ("200 more columns", wide.into_bytes()),
        ("blanks round every cell", spaced.into_bytes()),
        ("decimal commas", german.into_bytes()),
        ("dates with dots", dotted.into_bytes()),
        ("American dates", american.into_bytes()),
        ("times and zones", timed.into_bytes()),
        ("blank lines about", padded.into_bytes()),
        ("upper case headers", BASE.replacen("customer,date,amount", "CUSTOMER_ID,Order Date,AMOUNT", 1).into_bytes()),
        ("currency signs", BASE.replace(",1.50", ",\u{a3}1.50").replace(",2.75", ",\u{a3}2.75").into_bytes()),
    ]
    .into_iter()
    .map(|(name, bytes)| (name.to_owned(), bytes, Same))
    .collect()
}

/// The table cut at every seventh byte.
fn cuts() -> Vec<(String, Vec<u8>, Verdict)> {
    let plain = (0..BASE.len()).step_by(7).map(|at| (format!("cut at {at}"), BASE.as_bytes()[..at].to_vec(), CutShort));
    let crlf = BASE.replace('\n', "\r\n").into_bytes();
    let dos: Vec<_> =
        (0..crlf.len()).step_by(7).map(|at| (format!("CRLF cut at {at}"), crlf[..at].to_vec(), CutShort)).collect();
    let zipped = gzip(BASE.as_bytes());
    let packed: Vec<_> = (2..zipped.len())
        .step_by(7)
        .map(|at| (format!("gzip cut at {at}"), zipped[..at].to_vec(), Refused("gzip stream is damaged")))
        .collect();
    plain.chain(dos).chain(packed).collect()
}

/// Sizes that would not fit.
fn giants() -> Vec<(String, Vec<u8>, Verdict)> {
    let many: String = (0..20_000).map(|i| format!(",c{i}")).collect();
    let cells = ",1".repeat(20_000);
    vec![
        (
            "20,000 columns".to_owned(),
            format!("customer,date,amount{many}\n7,2011-01-31,1.50{cells}\n").into_bytes(),
            Rows(1),
        ),
        (
            "10 MB cell".to_owned(),
            format!("customer,date,amount\n9,2011-01-31,1\n{},2011-01-31,1\n", "x".repeat(10 << 20)).into_bytes(),
            Refused("larger than 1 MB"),
        ),
        ("a gzip of zeros".to_owned(), gzip(&vec![0; 200 << 20]), Refused("NUL byte")),
    ]
}

pub(super) fn cases() -> Vec<Case> {
    by_hand()
        .into_iter()
        .map(|(name, bytes, verdict)| (name.to_owned(), bytes, verdict))
        .chain(dialects())
        .chain(cuts())
        .chain(giants())
        .map(|(name, bytes, verdict)| Case { name, kind: Kind::Text, bytes, verdict })
        .collect()
}

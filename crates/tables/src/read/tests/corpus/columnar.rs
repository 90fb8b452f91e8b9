//! Parquet files and their verdicts.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray, Float32Array,
    Float64Array, Int32Array, Int64Array, LargeStringArray, ListArray, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
};
use datafusion::arrow::datatypes::{Int32Type, Int64Type};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::WriterProperties;

use super::Verdict::{self, NotRead, Refused, Rejects, Same};
use super::{Case, Kind};
use crate::read::Reason::{BadDate, BadEncoding, MissingDate, NotFinite, OutOfRange};

const DAYS: [i64; 3] = [15_005, 15_033, 15_048];
const DAY_S: i64 = 86_400;

fn write(columns: [ArrayRef; 3], compression: Compression) -> Vec<u8> {
    let names = ["customer", "date", "amount"];
    let batch = RecordBatch::try_from_iter_with_nullable(names.into_iter().zip(columns).map(|(n, c)| (n, c, true)));
    let batch = batch.unwrap();
    let mut bytes = Vec::new();
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn parquet(customer: ArrayRef, date: ArrayRef, amount: ArrayRef) -> Vec<u8> {
    write([customer, date, amount], Compression::SNAPPY)
}

fn customers() -> ArrayRef {
    Arc::new(StringArray::from(vec!["007", "b", "b"]))
}

fn dates() -> ArrayRef {
    Arc::new(Date32Array::from(DAYS.map(|d| d as i32).to_vec()))
}

fn amounts() -> ArrayRef {
    Arc::new(Float64Array::from(vec![1.5, 2.75, -11_062.06]))
}

/// The same table in other types.
fn types() -> Vec<(String, Vec<u8>, Verdict)> {
    let seconds = |scale: i64| DAYS.map(|d| d * DAY_S * scale).to_vec();
    let text = |values: [&str; 3]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
    let dictionary: DictionaryArray<Int32Type> = ["007", "b", "b"].into_iter().collect();
    let decimal = Decimal128Array::from(vec![150, 275, -1_106_206]).with_precision_and_scale(12, 2).unwrap();
    [
        ("as it is", parquet(customers(), dates(), amounts())),
        ("large text", parquet(Arc::new(LargeStringArray::from(vec!["007", "b", "b"])), dates(), amounts())),
        ("text views", parquet(Arc::new(StringViewArray::from(vec!["007", "b", "b"])), dates(), amounts())),
        ("a dictionary", parquet(Arc::new(dictionary), dates(), amounts())),
        ("seconds", parquet(customers(), Arc::new(TimestampSecondArray::from(seconds(1))), amounts())),
        ("milliseconds", parquet(customers(), Arc::new(TimestampMillisecondArray::from(seconds(1_000))), amounts())),
        (
            "microseconds",
            parquet(customers(), Arc::new(TimestampMicrosecondArray::from(seconds(1_000_000))), amounts()),
        ),
        (
            "nanoseconds",
            parquet(customers(), Arc::new(TimestampNanosecondArray::from(seconds(1_000_000_000))), amounts()),
        ),
        ("days in milliseconds", parquet(customers(), Arc::new(Date64Array::from(seconds(1_000))), amounts())),
        ("dates as text", parquet(customers(), text(["2011-01-31", "2011-02-28", "2011-03-15"]), amounts())),
        (
            "dates as digits",
            parquet(customers(), Arc::new(Int64Array::from(vec![20_110_131, 20_110_228, 20_110_315])), amounts()),
        ),
        ("decimals", parquet(customers(), dates(), Arc::new(decimal))),
        ("amounts as text", parquet(customers(), dates(), text(["1.50", "2.75", "-11062.06"]))),
        ("not compressed", write([customers(), dates(), amounts()], Compression::UNCOMPRESSED)),
        ("zstd", write([customers(), dates(), amounts()], Compression::ZSTD(Default::default()))),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes, Same))
    .to_vec()
}

/// Values and types that cannot be what they should.
fn wrong() -> Vec<(String, Vec<u8>, Verdict)> {
    let floats = |values: [f64; 3]| -> ArrayRef { Arc::new(Float64Array::from(values.to_vec())) };
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>((0..3).map(|i| Some([Some(i)])));
    let holes = Date32Array::from(vec![Some(15_005), None, Some(15_048)]);
    let epoch = DAYS.map(|d| d * DAY_S).to_vec();
    let far = TimestampMicrosecondArray::from(vec![i64::MIN, i64::MAX, 0]);
    [
        ("a date missing", parquet(customers(), Arc::new(holes), amounts()), Rejects(2, &[(2, MissingDate)])),
        ("NaN", parquet(customers(), dates(), floats([1.5, f64::NAN, 2.0])), Rejects(2, &[(2, NotFinite)])),
        ("infinity", parquet(customers(), dates(), floats([f64::INFINITY, 1.0, 2.0])), Rejects(2, &[(1, NotFinite)])),
        (
            "1e308",
            parquet(customers(), dates(), floats([1e308, 1e308, 2.0])),
            Rejects(1, &[(1, OutOfRange), (2, OutOfRange)]),
        ),
        ("numbers as dates", parquet(customers(), floats([1.0, 2.0, 3.0]), amounts()), Refused("needs timestamps")),
        ("truth as dates", parquet(customers(), Arc::new(BooleanArray::from(vec![true; 3])), amounts()), NotRead),
        ("lists as ids", parquet(Arc::new(list.clone()), dates(), amounts()), Refused("needs text or integers")),
        ("fractions as ids", parquet(floats([1.5, 2.5, 3.5]), dates(), amounts()), NotRead),
        (
            "bytes as ids",
            parquet(Arc::new(BinaryArray::from(vec![&b"a"[..], b"b", b"\xff"])), dates(), amounts()),
            Rejects(2, &[(3, BadEncoding)]),
        ),
        ("truth as amounts", parquet(customers(), dates(), Arc::new(BooleanArray::from(vec![true; 3]))), NotRead),
        ("lists as amounts", parquet(customers(), dates(), Arc::new(list)), NotRead),
        ("seconds since 1970 as integers", parquet(customers(), Arc::new(Int64Array::from(epoch)), amounts()), NotRead),
        ("the ends of time", parquet(customers(), Arc::new(far), amounts()), Rejects(1, &[(1, BadDate), (2, BadDate)])),
        ("words as amounts", parquet(customers(), dates(), Arc::new(StringArray::from(vec!["free"; 3]))), NotRead),
        (
            "no rows",
            parquet(
                Arc::new(StringArray::from(Vec::<&str>::new())),
                Arc::new(Date32Array::from(Vec::<i32>::new())),
                floats([0.0; 3]).slice(0, 0),
            ),
            Refused("no row below it"),
        ),
        ("nothing", Vec::new(), NotRead),
        ("text with its name", b"customer,date\n1,2011-01-01\n".to_vec(), Refused("not Parquet")),
        ("only the magic", b"PAR1PAR1".to_vec(), NotRead),
        ("a footer that points beyond", b"PAR1\xff\xff\xff\x7fPAR1".to_vec(), NotRead),
    ]
    .map(|(name, bytes, verdict)| (name.to_owned(), bytes, verdict))
    .to_vec()
}

/// Integers of every width are ids as they print.
fn integers() -> Vec<(String, Vec<u8>, Verdict)> {
    let ids: [(&str, ArrayRef); 3] = [
        ("i32", Arc::new(Int32Array::from(vec![7, -1, 2]))),
        ("u64 beyond 2^63", Arc::new(UInt64Array::from(vec![u64::MAX, 1, 2]))),
        ("i64 beyond 2^53", Arc::new(Int64Array::from(vec![9_007_199_254_740_993, 1, 2]))),
    ];
    let narrow = parquet(customers(), dates(), Arc::new(Float32Array::from(vec![1.5, 2.75, 4.0])));
    ids.into_iter()
        .map(|(name, ids)| (name.to_owned(), parquet(ids, dates(), amounts()), Verdict::Rows(3)))
        .chain([("f32 amounts".to_owned(), narrow, Verdict::Rows(3))])
        .collect()
}

/// Cut anywhere, it is refused. A flipped byte may pass unnoticed in Parquet itself, so nothing is claimed of it here.
fn cut() -> Vec<(String, Vec<u8>, Verdict)> {
    let whole = parquet(customers(), dates(), amounts());
    (1..whole.len())
        .step_by(whole.len() / 12)
        .map(|at| (format!("cut at {at}"), whole[..at].to_vec(), NotRead))
        .collect()
}

pub(super) fn cases() -> Vec<Case> {
    let all = types().into_iter().chain(wrong()).chain(integers()).chain(cut());
    all.map(|(name, bytes, verdict)| Case { name, kind: Kind::Parquet, bytes, verdict }).collect()
}

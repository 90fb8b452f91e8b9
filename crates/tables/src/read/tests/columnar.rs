//! Parquet.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int64Array, ListArray, StringArray,
    TimestampMillisecondArray, TimestampNanosecondArray, UInt64Array,
};
use datafusion::arrow::datatypes::{Field, Int32Type, Schema};
use datafusion::parquet::arrow::ArrowWriter;

use super::*;
use crate::read::Reason;

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

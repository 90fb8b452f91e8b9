//! What depends on the lines before a line, found while sorted lines are written: is it a duplicate, and which time is
//! it that this customer buys this product?
//!
//! Both are running counts within one customer. As SQL windows they cost a partition for nearly every line (a million
//! tiny ones, ten times the rest of the cleaning; docs/adr/0005); over rows that come sorted by customer and time they
//! cost a look into a small table.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, Int64Builder, RecordBatch, StringArray, StringBuilder,
    TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, TimestampMicrosecondType};

use crate::error::{Error, Result};

/// The reason code of a duplicate.
pub const DUPLICATE: &str = "duplicate";
/// The column that is added.
pub const NTH_OF_PRODUCT: &str = "nth_of_product";
/// Contents of lines for which room is kept from one customer to the next.
const LARGE: usize = 1 << 12;
/// The stage of cleaning that sets duplicates aside.
const STAGE: i64 = 3;

/// Walks over the lines of `cleaned.sql`, which come sorted by customer and the instant at which they were known.
#[derive(Debug)]
pub struct Sequence {
    drop_duplicates: bool,
    customer: Option<String>,
    /// Contents of this customer's lines. All of them: a line given twice may arrive a second time long after the first.
    seen: HashSet<u128>,
    /// Lines of each product that this customer has bought.
    bought: HashMap<String, i64>,
}

/// The columns that the walk reads.
struct Lines {
    customer: StringArray,
    order: StringArray,
    sku: StringArray,
    kind: StringArray,
    reason: StringArray,
    stage: Int64Array,
    at: TimestampMicrosecondArray,
    numbers: [Float64Array; 3],
}

impl Sequence {
    /// A walk that has seen nothing. Without `drop_duplicates` repeated lines are kept.
    #[must_use]
    pub fn new(drop_duplicates: bool) -> Self {
        Self { drop_duplicates, customer: None, seen: HashSet::new(), bought: HashMap::new() }
    }

    /// Gives the batch with `stage` and `reason` set on duplicates (the same order, product, quantity, price and amount
    /// at the same instant; the one known first stays, of several known at once the first by source and line) and with [`NTH_OF_PRODUCT`] added: 1 on the first kept
    /// sale line of a product by a customer, 2 on the second; null on all other lines.
    ///
    /// # Errors
    /// [`Error::Contract`] when a column of `cleaned.sql` is missing.
    pub fn walk(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let lines = Lines::of(batch)?;
        let n = batch.num_rows();
        let (mut stage, mut reason) = (Int64Builder::with_capacity(n), StringBuilder::with_capacity(n, 0));
        let mut nth = Int64Builder::with_capacity(n);
        for i in 0..n {
            if !lines.reason.is_null(i) {
                stage.append_option((!lines.stage.is_null(i)).then(|| lines.stage.value(i)));
                reason.append_value(lines.reason.value(i));
                nth.append_null();
                continue;
            }
            self.turn_to(lines.customer.value(i));
            if self.drop_duplicates && !self.seen.insert(lines.content(i)) {
                stage.append_value(STAGE);
                reason.append_value(DUPLICATE);
                nth.append_null();
                continue;
            }
            stage.append_null();
            reason.append_null();
            if lines.kind.value(i) == "sale" && !lines.sku.is_null(i) {
                nth.append_value(self.count(lines.sku.value(i)));
            } else {
                nth.append_null();
            }
        }
        with_columns(batch, stage.finish(), reason.finish(), nth.finish())
    }

    fn turn_to(&mut self, customer: &str) {
        if self.customer.as_deref() != Some(customer) {
            self.customer = Some(customer.to_owned());
            self.bought.clear();
            self.seen.clear();
            // Clearing costs as much as the table is large, and one customer may be a thousand times the others' size.
            self.seen.shrink_to(LARGE);
        }
    }

    fn count(&mut self, sku: &str) -> i64 {
        match self.bought.get_mut(sku) {
            Some(count) => {
                *count += 1;
                *count
            }
            None => {
                self.bought.insert(sku.to_owned(), 1);
                1
            }
        }
    }
}

impl Lines {
    fn of(batch: &RecordBatch) -> Result<Self> {
        let text = |name: &str| Ok(column(batch, name, &DataType::Utf8)?.as_string::<i32>().clone());
        let number = |name: &str| Ok(column(batch, name, &DataType::Float64)?.as_primitive::<Float64Type>().clone());
        let at = column(
            batch,
            "ordered_at",
            &DataType::Timestamp(datafusion::arrow::datatypes::TimeUnit::Microsecond, None),
        )?;
        Ok(Self {
            customer: text("customer_id")?,
            order: text("order_id")?,
            sku: text("sku")?,
            kind: text("kind")?,
            reason: text("reason")?,
            stage: column(batch, "stage", &DataType::Int64)?.as_primitive::<Int64Type>().clone(),
            at: at.as_primitive::<TimestampMicrosecondType>().clone(),
            numbers: [number("quantity")?, number("unit_price")?, number("amount")?],
        })
    }

    /// A 128-bit fingerprint of what two lines must share to be the same.
    fn content(&self, i: usize) -> u128 {
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            salt.hash(&mut hasher);
            self.at.value(i).hash(&mut hasher);
            self.order.value(i).hash(&mut hasher);
            (!self.sku.is_null(i)).then(|| self.sku.value(i)).hash(&mut hasher);
            for number in &self.numbers {
                (!number.is_null(i)).then(|| number.value(i).to_bits()).hash(&mut hasher);
            }
            u128::from(hasher.finish())
        };
        (half(0) << 64) | half(1)
    }
}

fn column(batch: &RecordBatch, name: &str, wanted: &DataType) -> Result<ArrayRef> {
    let broken = |problem: String| Error::Contract { table: "cleaned".to_owned(), problem };
    let array = batch.column_by_name(name).ok_or_else(|| broken(format!("column {name} is missing")))?;
    if array.data_type() == wanted {
        return Ok(Arc::clone(array));
    }
    cast(array, wanted).map_err(|e| broken(format!("column {name}: {e}")))
}

/// The batch with two columns replaced and one added.
fn with_columns(batch: &RecordBatch, stage: Int64Array, reason: StringArray, nth: Int64Array) -> Result<RecordBatch> {
    let broken = |e: datafusion::arrow::error::ArrowError| Error::Contract {
        table: "cleaned".to_owned(),
        problem: e.to_string(),
    };
    let mut replaced: HashMap<&str, ArrayRef> =
        HashMap::from([("stage", Arc::new(stage) as ArrayRef), ("reason", Arc::new(reason) as ArrayRef)]);
    let mut fields = Vec::new();
    let mut arrays = Vec::new();
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        let array = replaced.remove(field.name().as_str()).unwrap_or_else(|| Arc::clone(array));
        fields.push(Field::new(field.name(), array.data_type().clone(), true));
        arrays.push(array);
    }
    fields.push(Field::new(NTH_OF_PRODUCT, DataType::Int64, true));
    arrays.push(Arc::new(nth));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(broken)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A line that arrives a second time after others have come is a duplicate all the same.
    #[test]
    fn a_line_given_twice_is_told_whatever_lies_between() {
        let rows = [
            ("a", 1, "o1", "x", 3.0, None),
            ("a", 2, "o2", "x", 3.0, None),
            ("a", 1, "o1", "x", 3.0, None),
            ("b", 1, "o1", "x", 3.0, None),
            ("b", 2, "o1", "x", 3.0, None),
        ];
        let (reasons, nths) = outcome(&[batch(&rows)], true);
        assert_eq!(reasons, [None, None, Some(DUPLICATE.to_owned()), None, None]);
        assert_eq!(nths, [Some(1), Some(2), None, Some(1), Some(2)]);
    }

    /// Customer, instant, order, product, quantity, reason of a line.
    type Row = (&'static str, i64, &'static str, &'static str, f64, Option<&'static str>);

    fn batch(rows: &[Row]) -> RecordBatch {
        let text = |f: &dyn Fn(usize) -> Option<String>| -> ArrayRef {
            Arc::new((0..rows.len()).map(f).collect::<StringArray>())
        };
        let number = |f: &dyn Fn(usize) -> f64| -> ArrayRef {
            Arc::new((0..rows.len()).map(f).collect::<Vec<_>>().into_iter().collect::<Float64Array>())
        };
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("customer_id", text(&|i| Some(rows[i].0.to_owned()))),
            ("ordered_at", Arc::new(rows.iter().map(|r| Some(r.1)).collect::<TimestampMicrosecondArray>())),
            ("order_id", text(&|i| Some(rows[i].2.to_owned()))),
            ("sku", text(&|i| Some(rows[i].3.to_owned()))),
            ("kind", text(&|i| Some(if rows[i].4 < 0.0 { "return" } else { "sale" }.to_owned()))),
            ("quantity", number(&|i| rows[i].4)),
            ("unit_price", number(&|_| 2.0)),
            ("amount", number(&|i| 2.0 * rows[i].4)),
            ("stage", Arc::new(rows.iter().map(|r| r.5.map(|_| 2)).collect::<Int64Array>())),
            ("reason", text(&|i| rows[i].5.map(str::to_owned))),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap()
    }

    fn outcome(batches: &[RecordBatch], drop: bool) -> (Vec<Option<String>>, Vec<Option<i64>>) {
        let mut sequence = Sequence::new(drop);
        let (mut reasons, mut nths) = (Vec::new(), Vec::new());
        for batch in batches {
            let out = sequence.walk(batch).unwrap();
            let reason = out.column_by_name("reason").unwrap().as_string::<i32>().clone();
            reasons.extend(reason.iter().map(|v| v.map(str::to_owned)));
            nths.extend(out.column_by_name(NTH_OF_PRODUCT).unwrap().as_primitive::<Int64Type>().iter());
        }
        (reasons, nths)
    }

    #[test]
    fn repeats_are_told_and_products_counted_across_batches() {
        let rows = [
            ("a", 1, "o1", "x", 3.0, None),
            ("a", 1, "o1", "x", 3.0, None),
            ("a", 1, "o1", "x", 4.0, None),
            ("a", 1, "o1", "y", 3.0, Some("no_customer")),
            ("a", 2, "o2", "x", 3.0, None),
            ("a", 2, "C2", "x", -3.0, None),
            ("b", 2, "o3", "x", 3.0, None),
            ("b", 2, "o3", "x", 3.0, None),
        ];
        let (reasons, nths) = outcome(&[batch(&rows)], true);
        let dup = Some(DUPLICATE.to_owned());
        let kept = Some("no_customer".to_owned());
        assert_eq!(reasons, [None, dup.clone(), None, kept, None, None, None, dup]);
        assert_eq!(nths, [Some(1), None, Some(2), None, Some(3), None, Some(1), None]);
        for cut in 1..rows.len() {
            let split = [batch(&rows[..cut]), batch(&rows[cut..])];
            assert_eq!(outcome(&split, true), (reasons.clone(), nths.clone()), "cut at {cut}");
        }
        let (reasons, nths) = outcome(&[batch(&rows)], false);
        assert_eq!(reasons.iter().flatten().count(), 1);
        assert_eq!(nths[7], Some(2));
    }
}

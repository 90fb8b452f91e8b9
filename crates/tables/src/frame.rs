//! The rows of a query as columns of plain Rust values: what crosses from tables to mathematics.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Float64Type, Int64Type, SchemaRef, TimeUnit, TimestampMicrosecondType, UInt64Type,
};

use crate::error::{Error, Result};

/// The rows of a query, held in batches.
#[derive(Debug, Clone)]
pub struct Frame {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl Frame {
    /// Wraps batches of one schema.
    #[must_use]
    pub fn new(schema: SchemaRef, batches: Vec<RecordBatch>) -> Self {
        Self { schema, batches }
    }

    /// Wraps batches; without any, the frame has no columns.
    #[must_use]
    pub fn from_batches(batches: Vec<RecordBatch>) -> Self {
        let schema = batches
            .first()
            .map_or_else(|| std::sync::Arc::new(datafusion::arrow::datatypes::Schema::empty()), RecordBatch::schema);
        Self { schema, batches }
    }

    /// The number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The names of the columns, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.schema.fields().iter().map(|f| f.name().clone()).collect()
    }

    /// Whether a column holds numbers.
    #[must_use]
    pub fn is_number(&self, name: &str) -> bool {
        self.schema.field_with_name(name).is_ok_and(|field| field.data_type().is_numeric())
    }

    /// The batches as they are.
    #[must_use]
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// A numeric column; null becomes NaN.
    ///
    /// # Errors
    /// [`Error::Contract`] when there is no such column or it is not numeric.
    pub fn f64s(&self, name: &str) -> Result<Vec<f64>> {
        self.column(name, &DataType::Float64, |array, out| {
            let array = array.as_primitive::<Float64Type>();
            out.extend(array.iter().map(|v| v.unwrap_or(f64::NAN)));
        })
    }

    /// An integer column without nulls.
    ///
    /// # Errors
    /// [`Error::Contract`] when there is no such column, it is not numeric or it holds a null.
    pub fn i64s(&self, name: &str) -> Result<Vec<i64>> {
        self.refuse_nulls(name)?;
        self.column(name, &DataType::Int64, |array, out| {
            out.extend_from_slice(array.as_primitive::<Int64Type>().values());
        })
    }

    /// A column of counts without nulls.
    ///
    /// # Errors
    /// [`Error::Contract`] when there is no such column, it is not numeric or it holds a null.
    pub fn u64s(&self, name: &str) -> Result<Vec<u64>> {
        self.refuse_nulls(name)?;
        self.column(name, &DataType::UInt64, |array, out| {
            out.extend_from_slice(array.as_primitive::<UInt64Type>().values());
        })
    }

    /// A text column; null becomes the empty string.
    ///
    /// # Errors
    /// [`Error::Contract`] when there is no such column.
    pub fn texts(&self, name: &str) -> Result<Vec<String>> {
        self.column(name, &DataType::Utf8, |array, out| {
            out.extend(array.as_string::<i32>().iter().map(|v| v.unwrap_or_default().to_owned()));
        })
    }

    /// A text column with its nulls.
    ///
    /// # Errors
    /// [`Error::Contract`] when there is no such column.
    pub fn opt_texts(&self, name: &str) -> Result<Vec<Option<String>>> {
        self.column(name, &DataType::Utf8, |array, out| {
            out.extend(array.as_string::<i32>().iter().map(|v| v.map(str::to_owned)));
        })
    }

    /// A column of truth values; null becomes false.
    ///
    /// # Errors
    /// [`Error::Contract`] when there is no such column or it holds no truth values.
    pub fn bools(&self, name: &str) -> Result<Vec<bool>> {
        self.column(name, &DataType::Boolean, |array, out| {
            out.extend(array.as_boolean().iter().map(|v| v.unwrap_or(false)));
        })
    }

    /// A column of instants without nulls, in microseconds since 1970-01-01.
    ///
    /// # Errors
    /// [`Error::Contract`] when there is no such column, it holds no instants or a null.
    pub fn instants(&self, name: &str) -> Result<Vec<i64>> {
        self.refuse_nulls(name)?;
        self.column(name, &DataType::Timestamp(TimeUnit::Microsecond, None), |array, out| {
            out.extend_from_slice(array.as_primitive::<TimestampMicrosecondType>().values());
        })
    }

    /// A column of instants, in microseconds since 1970-01-01; null stays.
    ///
    /// # Errors
    /// [`Error::Contract`] when there is no such column or it holds no instants.
    pub fn opt_instants(&self, name: &str) -> Result<Vec<Option<i64>>> {
        self.column(name, &DataType::Timestamp(TimeUnit::Microsecond, None), |array, out| {
            out.extend(array.as_primitive::<TimestampMicrosecondType>().iter());
        })
    }

    /// The single value of a one-row integer column, such as a count.
    ///
    /// # Errors
    /// [`Error::Contract`] when there is not exactly one row, or as [`Frame::i64s`].
    pub fn one_i64(&self, name: &str) -> Result<i64> {
        match self.i64s(name)?.as_slice() {
            [value] => Ok(*value),
            other => Err(contract(name, &format!("has {} rows where one was expected", other.len()))),
        }
    }

    fn refuse_nulls(&self, name: &str) -> Result<()> {
        let index = self.index(name)?;
        let nulls: usize = self.batches.iter().map(|b| b.column(index).null_count()).sum();
        if nulls == 0 { Ok(()) } else { Err(contract(name, &format!("holds {nulls} nulls where none are allowed"))) }
    }

    fn index(&self, name: &str) -> Result<usize> {
        self.schema.index_of(name).map_err(|_| contract(name, "is missing"))
    }

    fn column<T>(&self, name: &str, wanted: &DataType, push: impl Fn(&ArrayRef, &mut Vec<T>)) -> Result<Vec<T>> {
        let index = self.index(name)?;
        let mut out = Vec::with_capacity(self.n_rows());
        for batch in &self.batches {
            let array = batch.column(index);
            if array.data_type() == wanted {
                push(array, &mut out);
            } else {
                let array = cast(array, wanted)
                    .map_err(|e| contract(name, &format!("is {} and no {wanted}: {e}", array.data_type())))?;
                push(&array, &mut out);
            }
        }
        Ok(out)
    }
}

fn contract(column: &str, problem: &str) -> Error {
    Error::Contract { table: "query result".to_owned(), problem: format!("column {column} {problem}") }
}

//! JSON objects taken apart: some fields as columns, the rest as objects again.

use std::fmt::Write;
use std::sync::Arc;

use arrow_array::builder::LargeStringBuilder;
use arrow_array::{Array, ArrayRef, LargeListArray, LargeStringArray, RecordBatch};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field};
use std::collections::HashMap;

use super::object;
use super::values::{Value, Values};
use crate::KernelError;

/// What a column is made of.
#[derive(Debug, Clone)]
pub struct ColumnType {
    /// bool, int64, uint64, double or large_string.
    pub scalar: DataType,
    /// Whether each row holds a list of them.
    pub list: bool,
}

struct Column {
    values: Values,
    /// Offsets and validity, where rows hold lists.
    lists: Option<(Vec<i64>, Vec<bool>)>,
    rows: usize,
    length: i64,
}

impl Column {
    fn new(kind: &ColumnType) -> Result<Self, KernelError> {
        let values = Values::new(&kind.scalar).ok_or_else(|| KernelError::BadOption {
            option: "types",
            expected: format!("bool, int64, uint64, double or large_string, not {}", kind.scalar),
        })?;
        let lists = kind.list.then(|| (vec![0], Vec::new()));
        Ok(Self { values, lists, rows: 0, length: 0 })
    }

    /// Takes the value of the next row; false, and nothing is taken, where it does not fit.
    fn take(&mut self, json: &str) -> bool {
        if self.lists.is_none() {
            let Some(value) = self.values.parse(json) else { return false };
            self.values.push(value);
        } else if json == "null" {
            self.close_list(false);
        } else {
            let Some(elements) = object::elements(json) else { return false };
            let parsed: Option<Vec<Value<'_>>> =
                elements.iter().map(|element| self.values.parse(element)).collect();
            let Some(parsed) = parsed else { return false };
            self.length += parsed.len() as i64;
            parsed.into_iter().for_each(|value| self.values.push(value));
            self.close_list(true);
        }
        self.rows += 1;
        true
    }

    fn close_list(&mut self, valid: bool) {
        if let Some((offsets, validity)) = &mut self.lists {
            offsets.push(self.length);
            validity.push(valid);
        }
    }

    /// Nulls up to `rows`.
    fn fill(&mut self, rows: usize) {
        while self.rows < rows {
            match self.lists {
                Some(_) => self.close_list(false),
                None => self.values.push_null(),
            }
            self.rows += 1;
        }
    }

    fn finish(self) -> Result<ArrayRef, KernelError> {
        let values = self.values.finish();
        let Some((offsets, validity)) = self.lists else { return Ok(values) };
        let field = Arc::new(Field::new("item", values.data_type().clone(), true));
        let nulls = NullBuffer::from(validity);
        LargeListArray::try_new(field, OffsetBuffer::new(offsets.into()), values, Some(nulls))
            .map(|lists| Arc::new(lists) as ArrayRef)
            .map_err(|error| KernelError::BadInput(error.to_string()))
    }
}

/// A column for each of `names`, in order, and after them the objects without these fields.
///
/// A value that is not of its column's type stays in its object; a missing field is null.
///
/// # Errors
/// `BadInput` where a row is not the text of one JSON object; `BadOption` for a type that no
/// column can have.
pub fn split(
    metadata: &LargeStringArray,
    names: &[String],
    types: &[ColumnType],
) -> Result<RecordBatch, KernelError> {
    if names.len() != types.len() {
        let expected = format!("one for each of {} names", names.len());
        return Err(KernelError::BadOption { option: "types", expected });
    }
    let mut columns = types.iter().map(Column::new).collect::<Result<Vec<_>, _>>()?;
    let places: HashMap<&str, usize> = names.iter().map(String::as_str).zip(0..).collect();
    let mut rest = LargeStringBuilder::new();
    let mut left = String::new();
    for (row, json) in metadata.iter().enumerate() {
        left.clear();
        object::for_each(json.unwrap_or("{}"), |name, value| {
            let column = places.get(name.as_ref()).and_then(|&place| columns.get_mut(place));
            // A name may be there twice in one object: the second one stays where it is.
            if column.is_some_and(|column| column.rows == row && column.take(value)) {
                return;
            }
            left.push(if left.is_empty() { '{' } else { ',' });
            // Writing into a string does not fail.
            let _ = write!(left, "{}:{value}", serde_json::Value::String(name.into_owned()));
        })?;
        if left.is_empty() {
            left.push('{');
        }
        left.push('}');
        rest.append_value(&left);
        columns.iter_mut().for_each(|column| column.fill(row + 1));
    }
    let mut arrays = columns.into_iter().map(Column::finish).collect::<Result<Vec<_>, _>>()?;
    arrays.push(Arc::new(rest.finish()));
    let fields = names.iter().map(String::as_str).chain(["metadata"]).zip(arrays);
    RecordBatch::try_from_iter_with_nullable(fields.map(|(name, array)| (name, array, true)))
        .map_err(|error| KernelError::BadInput(error.to_string()))
}

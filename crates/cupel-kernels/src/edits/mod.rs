//! Edits: text in, text out, and counts of what was done. A null row stays null, with counts of zero.

pub mod c4_lines;
pub mod pii;
pub mod refinedweb_lines;
pub mod secrets;
pub mod unicode;
pub mod urls;
pub mod whitespace;

use std::sync::Arc;

use arrow_array::builder::LargeStringBuilder;
use arrow_array::{Array, ArrayRef, LargeStringArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};

use crate::KernelError;

/// Rewrites every row. `edit` writes the new text of a row into an empty buffer and says whether
/// there is one; where no row has one, the array that came in is given back, uncopied.
pub(crate) fn rewrite(
    text: &LargeStringArray,
    mut edit: impl FnMut(&str, &mut String) -> bool,
) -> LargeStringArray {
    let mut out = String::new();
    let mut edited: Option<LargeStringBuilder> = None;
    for row in 0..text.len() {
        if text.is_null(row) {
            if let Some(builder) = &mut edited {
                builder.append_null();
            }
            continue;
        }
        out.clear();
        if edit(text.value(row), &mut out) {
            edited.get_or_insert_with(|| copy_of_first(text, row)).append_value(&out);
        } else if let Some(builder) = &mut edited {
            builder.append_value(text.value(row));
        }
    }
    edited.map_or_else(|| text.clone(), |mut builder| builder.finish())
}

fn copy_of_first(text: &LargeStringArray, rows: usize) -> LargeStringBuilder {
    let mut builder = LargeStringBuilder::with_capacity(text.len(), text.value_data().len());
    for row in 0..rows {
        builder.append_option(text.is_valid(row).then(|| text.value(row)));
    }
    builder
}

/// The edited text as column `text`, and the counts beside it.
pub(crate) fn batch(
    text: LargeStringArray,
    counts: Vec<(&'static str, ArrayRef)>,
) -> Result<RecordBatch, KernelError> {
    let mut fields = vec![Field::new("text", DataType::LargeUtf8, true)];
    let mut columns: Vec<ArrayRef> = vec![Arc::new(text)];
    for (name, column) in counts {
        fields.push(Field::new(name, column.data_type().clone(), false));
        columns.push(column);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| KernelError::BadInput(error.to_string()))
}

/// The words of `text.split()` in Python.
pub(crate) fn python_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(crate::text::lines::is_python_space).filter(|word| !word.is_empty())
}

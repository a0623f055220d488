//! Values of nested fields, and the scalars that they hold.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, LargeStringBuilder};
use arrow_array::{ArrayRef, LargeStringArray, RecordBatch};

use super::object;
use crate::KernelError;

/// Lists in lists: of deeper ones nothing is read, and no stack overflows.
const MAX_DEPTH: usize = 32;

/// The JSON text of the field `path` of each object; null where it is missing or null.
///
/// Dots lead into objects. A name that itself holds dots comes first: `a.b` is the field "a.b" where there is one, and
/// else the field "b" of the object "a". Through a list, the values of all its objects come as one list.
///
/// # Errors
/// `BadInput` where a row is not the text of one JSON object.
pub fn at_path(metadata: &LargeStringArray, path: &str) -> Result<LargeStringArray, KernelError> {
    let mut values = LargeStringBuilder::new();
    for json in metadata {
        values.append_option(look_up(json.unwrap_or("{}"), path)?);
    }
    Ok(values.finish())
}

fn look_up<'a>(object: &'a str, path: &str) -> Result<Option<Cow<'a, str>>, KernelError> {
    // The longest names come first; of a name that stands twice in an object, its first value counts.
    let mut candidates: Vec<(usize, &'a str)> = Vec::new();
    object::for_each(object, |name, value| {
        let after = path.strip_prefix(name.as_ref());
        let leads = after.is_some_and(|after| after.is_empty() || after.starts_with('.'));
        if leads && value != "null" && candidates.iter().all(|&(length, _)| length != name.len()) {
            candidates.push((name.len(), value));
        }
    })?;
    candidates.sort_by_key(|&(length, _)| std::cmp::Reverse(length));
    for (length, value) in candidates {
        let resolved = match path.get(length + 1..) {
            Some(inner) => descend(value, inner, 0)?,
            None => Some(Cow::Borrowed(value)),
        };
        if resolved.is_some() {
            return Ok(resolved);
        }
    }
    Ok(None)
}

/// What `path` leads to in an object, or in all objects of a list.
fn descend<'a>(value: &'a str, path: &str, depth: usize) -> Result<Option<Cow<'a, str>>, KernelError> {
    if value.starts_with('{') {
        return look_up(value, path);
    }
    let Some(elements) =
        (value.starts_with('[') && depth < MAX_DEPTH).then(|| object::elements(value)).flatten()
    else {
        return Ok(None);
    };
    let mut list = String::new();
    for element in elements {
        if let Some(inner) = descend(element, path, depth + 1)? {
            list.push(if list.is_empty() { '[' } else { ',' });
            list.push_str(&inner);
        }
    }
    if list.is_empty() {
        return Ok(None);
    }
    list.push(']');
    Ok(Some(Cow::Owned(list)))
}

/// The scalars in each row: a row for each, or for each element of a list (lists in lists too).
///
/// Columns: `row` int64, ascending; `text` `large_string`, strings as they are, numbers and truth values as JSON writes
/// them; `number` double, of numbers and of strings that are finite decimal numerals; `boolean`, of truth values and of
/// the strings "true" and "false" in any case. Nulls and objects give no row.
///
/// `json`: whether rows are the text of JSON values, and not strings.
///
/// # Errors
/// None for well-formed JSON.
pub fn scalars(values: &LargeStringArray, json: bool) -> Result<RecordBatch, KernelError> {
    let mut columns = Scalars::default();
    for (row, value) in values.iter().enumerate() {
        match value {
            Some(value) if json => columns.take(row as i64, value, 0),
            Some(value) => columns.push_text(row as i64, value),
            None => (),
        }
    }
    columns.finish()
}

#[derive(Default)]
struct Scalars {
    rows: Int64Builder,
    texts: LargeStringBuilder,
    numbers: Float64Builder,
    booleans: BooleanBuilder,
}

impl Scalars {
    fn take(&mut self, row: i64, json: &str, depth: usize) {
        match json.as_bytes().first() {
            Some(b'"') => {
                if let Some(text) = object::text(json) {
                    self.push_text(row, &text);
                }
            }
            Some(b'[') if depth < MAX_DEPTH => {
                for element in object::elements(json).unwrap_or_default() {
                    self.take(row, element, depth + 1);
                }
            }
            Some(b't' | b'f') => self.push(row, json, None, json.parse().ok()),
            Some(b'-' | b'0'..=b'9') => self.push(row, json, finite(json), None),
            _ => (),
        }
    }

    fn push_text(&mut self, row: i64, text: &str) {
        let trimmed = text.trim_ascii();
        let boolean = if trimmed.eq_ignore_ascii_case("true") {
            Some(true)
        } else {
            trimmed.eq_ignore_ascii_case("false").then_some(false)
        };
        self.push(row, text, finite(trimmed), boolean);
    }

    fn push(&mut self, row: i64, text: &str, number: Option<f64>, boolean: Option<bool>) {
        self.rows.append_value(row);
        self.texts.append_value(text);
        self.numbers.append_option(number);
        self.booleans.append_option(boolean);
    }

    fn finish(mut self) -> Result<RecordBatch, KernelError> {
        let arrays: [(&str, ArrayRef); 4] = [
            ("row", Arc::new(self.rows.finish())),
            ("text", Arc::new(self.texts.finish())),
            ("number", Arc::new(self.numbers.finish())),
            ("boolean", Arc::new(self.booleans.finish())),
        ];
        RecordBatch::try_from_iter_with_nullable(arrays.into_iter().map(|(name, array)| (name, array, true)))
            .map_err(|error| KernelError::BadInput(error.to_string()))
    }
}

/// A decimal numeral as a double; none for anything else, infinities and NaN among them.
fn finite(numeral: &str) -> Option<f64> {
    numeral.parse().ok().filter(|number: &f64| number.is_finite())
}

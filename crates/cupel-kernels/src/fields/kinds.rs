//! Which JSON types each field of a column of objects holds.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, LargeStringArray, RecordBatch, UInt32Array};
use std::collections::HashMap;

use super::object;
use crate::KernelError;

/// Bits of what a field holds. Those of a list's elements are shifted by `ELEMENT_SHIFT`.
pub mod bits {
    pub const NULL: u32 = 1;
    pub const BOOL: u32 = 1 << 1;
    /// An integer of magnitude up to 2^53: exact as a double.
    pub const INTEGER: u32 = 1 << 2;
    /// An integer beyond that which 64 bits with a sign hold.
    pub const LONG: u32 = 1 << 3;
    /// An integer beyond that which 64 bits without a sign hold.
    pub const UNSIGNED: u32 = 1 << 4;
    /// An integer below zero, besides its own bit.
    pub const NEGATIVE: u32 = 1 << 5;
    /// A number with a fraction or an exponent.
    pub const NUMBER: u32 = 1 << 6;
    pub const STRING: u32 = 1 << 7;
    /// An object, an integer beyond 64 bits, or a list inside a list.
    pub const OTHER: u32 = 1 << 8;
    pub const LIST: u32 = 1 << 9;
    pub const ELEMENT_SHIFT: u32 = 16;
}

const EXACT_DOUBLE: u64 = 1 << 53;

/// Columns `name`, `kinds` (bits) and `rows` (in how many the field is there and not null).
///
/// # Errors
/// `BadInput` where a row is not the text of one JSON object.
pub fn kinds(metadata: &LargeStringArray) -> Result<RecordBatch, KernelError> {
    let mut by_name: HashMap<String, (u32, i64)> = HashMap::new();
    for json in metadata.iter().flatten() {
        object::for_each(json, |name, value| {
            let kind = of_value(value);
            let rows = i64::from(kind != bits::NULL);
            match by_name.get_mut(name.as_ref()) {
                Some(entry) => *entry = (entry.0 | kind, entry.1 + rows),
                None => {
                    by_name.insert(name.into_owned(), (kind, rows));
                }
            }
        })?;
    }
    let mut rows: Vec<(String, (u32, i64))> = by_name.into_iter().collect();
    rows.sort_unstable();
    let names: LargeStringArray = rows.iter().map(|row| Some(row.0.as_str())).collect();
    let kinds: UInt32Array = rows.iter().map(|row| row.1.0).collect();
    let counts: Int64Array = rows.iter().map(|row| row.1.1).collect();
    RecordBatch::try_from_iter([
        ("name", Arc::new(names) as ArrayRef),
        ("kinds", Arc::new(kinds) as ArrayRef),
        ("rows", Arc::new(counts) as ArrayRef),
    ])
    .map_err(|error| KernelError::BadInput(error.to_string()))
}

fn of_value(json: &str) -> u32 {
    if !json.starts_with('[') {
        return of_scalar(json);
    }
    let elements = object::elements(json).unwrap_or_default();
    elements.iter().fold(bits::LIST, |kinds, element| kinds | (of_scalar(element) << bits::ELEMENT_SHIFT))
}

fn of_scalar(json: &str) -> u32 {
    match json.as_bytes().first() {
        Some(b'"') => bits::STRING,
        Some(b't' | b'f') => bits::BOOL,
        Some(b'n') => bits::NULL,
        Some(b'-' | b'0'..=b'9') if is_integer(json) => of_integer(json),
        Some(b'-' | b'0'..=b'9') => bits::NUMBER,
        _ => bits::OTHER,
    }
}

/// Whether the text of a JSON number is an integer's.
pub fn is_integer(json: &str) -> bool {
    !json.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

fn of_integer(json: &str) -> u32 {
    match json.parse::<i64>() {
        Ok(value) => {
            let size = if value.unsigned_abs() <= EXACT_DOUBLE { bits::INTEGER } else { bits::LONG };
            size | if value < 0 { bits::NEGATIVE } else { 0 }
        }
        Err(_) if json.parse::<u64>().is_ok() => bits::UNSIGNED,
        Err(_) => bits::OTHER,
    }
}

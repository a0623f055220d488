//! Values of one type on their way into a column.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, LargeStringBuilder, UInt64Builder};
use arrow_schema::DataType;

use super::kinds::is_integer;
use super::object;

/// One value as its column takes it.
pub enum Value<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Unsigned(u64),
    Double(f64),
    Text(Cow<'a, str>),
}

/// A growing column of scalars.
pub enum Values {
    Bool(BooleanBuilder),
    Integer(Int64Builder),
    Unsigned(UInt64Builder),
    Double(Float64Builder),
    Text(LargeStringBuilder),
}

impl Values {
    /// An empty column; none for a type that JSON has no scalar for.
    pub fn new(kind: &DataType) -> Option<Self> {
        Some(match kind {
            DataType::Boolean => Self::Bool(BooleanBuilder::new()),
            DataType::Int64 => Self::Integer(Int64Builder::new()),
            DataType::UInt64 => Self::Unsigned(UInt64Builder::new()),
            DataType::Float64 => Self::Double(Float64Builder::new()),
            DataType::LargeUtf8 => Self::Text(LargeStringBuilder::new()),
            _ => return None,
        })
    }

    /// The value that `json` writes; none where it is of another type.
    pub fn parse<'a>(&self, json: &'a str) -> Option<Value<'a>> {
        if json == "null" {
            return Some(Value::Null);
        }
        match self {
            Self::Bool(_) => json.parse().ok().map(Value::Bool),
            Self::Integer(_) => json.parse().ok().map(Value::Integer),
            Self::Unsigned(_) => json.parse().ok().map(Value::Unsigned),
            Self::Text(_) => object::text(json).map(Value::Text),
            Self::Double(_) => double(json).map(Value::Double),
        }
    }

    /// Takes a value in that `parse` gave.
    pub fn push(&mut self, value: Value<'_>) {
        match (self, value) {
            (Self::Bool(values), Value::Bool(value)) => values.append_value(value),
            (Self::Integer(values), Value::Integer(value)) => values.append_value(value),
            (Self::Unsigned(values), Value::Unsigned(value)) => values.append_value(value),
            (Self::Double(values), Value::Double(value)) => values.append_value(value),
            (Self::Text(values), Value::Text(value)) => values.append_value(value),
            (values, _) => values.push_null(),
        }
    }

    pub fn push_null(&mut self) {
        match self {
            Self::Bool(values) => values.append_null(),
            Self::Integer(values) => values.append_null(),
            Self::Unsigned(values) => values.append_null(),
            Self::Double(values) => values.append_null(),
            Self::Text(values) => values.append_null(),
        }
    }

    pub fn finish(self) -> ArrayRef {
        match self {
            Self::Bool(mut values) => Arc::new(values.finish()),
            Self::Integer(mut values) => Arc::new(values.finish()),
            Self::Unsigned(mut values) => Arc::new(values.finish()),
            Self::Double(mut values) => Arc::new(values.finish()),
            Self::Text(mut values) => Arc::new(values.finish()),
        }
    }
}

/// A JSON number as a double, unless that would change an integer.
fn double(json: &str) -> Option<f64> {
    if !json.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return None;
    }
    if is_integer(json) {
        let exact = json.parse::<i64>().ok().filter(|value| value.unsigned_abs() <= 1 << 53);
        return exact.map(|value| value as f64);
    }
    json.parse().ok()
}

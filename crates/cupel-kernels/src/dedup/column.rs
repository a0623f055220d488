//! Arrow columns read as bytes, whatever their layout.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{
    Array, BinaryArray, Int64Array, LargeBinaryArray, LargeStringArray, StringArray, StringViewArray,
};

use crate::KernelError;

/// A text column: `string`, `large_string` or `string_view`.
pub enum Texts<'a> {
    Small(&'a StringArray),
    Large(&'a LargeStringArray),
    View(&'a StringViewArray),
}

impl<'a> Texts<'a> {
    /// `array` as a text column; any other type is refused.
    pub fn new(array: &'a dyn Array) -> Result<Self, KernelError> {
        if let Some(small) = array.as_string_opt::<i32>() {
            Ok(Self::Small(small))
        } else if let Some(large) = array.as_string_opt::<i64>() {
            Ok(Self::Large(large))
        } else if let Some(view) = array.as_string_view_opt() {
            Ok(Self::View(view))
        } else {
            Err(KernelError::BadInput(format!("expected a text column, got {}", array.data_type())))
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Small(array) => array.len(),
            Self::Large(array) => array.len(),
            Self::View(array) => array.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text of `row`; `None` where it is null.
    pub fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::Small(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Large(array) => array.is_valid(row).then(|| array.value(row)),
            Self::View(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// A column of text or bytes.
pub enum Bytes<'a> {
    Text(Texts<'a>),
    Small(&'a BinaryArray),
    Large(&'a LargeBinaryArray),
}

impl<'a> Bytes<'a> {
    /// `array` as a column of bytes; any type but text and binary is refused.
    pub fn new(array: &'a dyn Array) -> Result<Self, KernelError> {
        if let Some(small) = array.as_binary_opt::<i32>() {
            Ok(Self::Small(small))
        } else if let Some(large) = array.as_binary_opt::<i64>() {
            Ok(Self::Large(large))
        } else {
            Texts::new(array).map(Self::Text)
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Text(texts) => texts.len(),
            Self::Small(array) => array.len(),
            Self::Large(array) => array.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of `row`; `None` where it is null.
    pub fn get(&self, row: usize) -> Option<&'a [u8]> {
        match self {
            Self::Text(texts) => texts.get(row).map(str::as_bytes),
            Self::Small(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Large(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// `array` as int64 without nulls; `name` says which column is at fault.
pub fn int64_column<'a>(array: &'a dyn Array, name: &str) -> Result<&'a Int64Array, KernelError> {
    match array.as_primitive_opt::<Int64Type>() {
        Some(column) if column.null_count() == 0 => Ok(column),
        Some(_) => Err(KernelError::BadInput(format!("{name}: nulls are not allowed"))),
        None => Err(KernelError::BadInput(format!("{name}: expected int64, got {}", array.data_type()))),
    }
}

/// Refuses columns of unlike lengths.
pub fn same_length(left: (&str, usize), right: (&str, usize)) -> Result<(), KernelError> {
    if left.1 == right.1 {
        return Ok(());
    }
    Err(KernelError::BadInput(format!("{} has {} rows and {} has {}", left.0, left.1, right.0, right.1)))
}

use arrow_array::cast::AsArray;
use arrow_array::{Array, LargeStringArray};
use arrow_schema::DataType;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3_arrow::PyArray;

/// The text as a large_string array, whichever string type came in.
pub fn large_text(text: &PyArray) -> PyResult<LargeStringArray> {
    let array = text.array();
    match array.data_type() {
        DataType::LargeUtf8 => Ok(array.as_string::<i64>().clone()),
        DataType::Utf8 => Ok(array.as_string::<i32>().iter().collect()),
        DataType::Utf8View => Ok(array.as_string_view().iter().collect()),
        DataType::Null => Ok(LargeStringArray::new_null(array.len())),
        other => Err(PyTypeError::new_err(format!(
            "text is of type {other}, expected large_string"
        ))),
    }
}

pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}

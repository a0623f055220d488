use std::sync::Arc;

use arrow_array::builder::{LargeListBuilder, LargeStringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, LargeStringArray};
use arrow_schema::DataType;
use cupel_kernels::KernelError;
use cupel_kernels::signals::{self, Options, columns};
use cupel_kernels::text::{Segmentation, Spans, sentences, view};
use pyo3::prelude::*;
use pyo3_arrow::{PyArray, PyRecordBatch};

use crate::errors::to_python;

/// Text of any string type as large strings.
fn large_strings(array: &PyArray) -> Result<LargeStringArray, KernelError> {
    let array = array.array();
    match array.data_type() {
        DataType::LargeUtf8 => Ok(array.as_string::<i64>().clone()),
        DataType::Utf8 => Ok(array.as_string::<i32>().iter().collect()),
        DataType::Utf8View => Ok(array.as_string_view().iter().collect()),
        DataType::Null => Ok(std::iter::repeat_n(None::<&str>, array.len()).collect()),
        other => Err(KernelError::BadInput(format!("text: expected an array of strings, found {other}"))),
    }
}

fn segmentation(name: &str) -> Result<Segmentation, KernelError> {
    match name {
        "unicode" => Ok(Segmentation::Unicode),
        "prose" => Ok(Segmentation::Prose),
        "whitespace" => Ok(Segmentation::Whitespace),
        other => Err(KernelError::BadOption {
            option: "segmentation",
            expected: format!("'unicode', 'prose' or 'whitespace', not '{other}'"),
        }),
    }
}

#[pyfunction]
#[pyo3(signature = (text, columns, *, segmentation = "unicode", stop_words = None, bad_words = None))]
fn measure(
    py: Python<'_>,
    text: PyArray,
    columns: Vec<String>,
    segmentation: &str,
    stop_words: Option<Vec<String>>,
    bad_words: Option<Vec<String>>,
) -> PyResult<PyRecordBatch> {
    let segmentation = self::segmentation(segmentation).map_err(to_python)?;
    let options = Options { segmentation, stop_words, bad_words };
    let batch =
        py.detach(|| signals::measure(&large_strings(&text)?, &columns, &options)).map_err(to_python)?;
    Ok(PyRecordBatch::new(batch))
}

#[pyfunction]
fn signal_columns() -> Vec<&'static str> {
    columns::ALL.iter().map(|spec| spec.name).collect()
}

#[pyfunction]
#[pyo3(signature = (text, segmentation = "unicode"))]
fn words(py: Python<'_>, text: PyArray, segmentation: &str) -> PyResult<PyArray> {
    let segmentation = self::segmentation(segmentation).map_err(to_python)?;
    let mut spans = Spans::default();
    lists(py, &text, move |text, append| {
        spans.cut(text, segmentation);
        spans.iter().for_each(|(start, end)| append(&text[start..end]));
    })
}

#[pyfunction]
#[pyo3(signature = (text, segmentation = "unicode"))]
fn count_words(py: Python<'_>, text: PyArray, segmentation: &str) -> PyResult<usize> {
    let segmentation = self::segmentation(segmentation).map_err(to_python)?;
    py.detach(|| {
        let mut spans = Spans::default();
        let text = large_strings(&text)?;
        Ok(text
            .iter()
            .flatten()
            .map(|text| {
                spans.cut(text, segmentation);
                spans.len()
            })
            .sum())
    })
    .map_err(to_python)
}

#[pyfunction]
#[pyo3(name = "sentences")]
fn sentence_lists(py: Python<'_>, text: PyArray) -> PyResult<PyArray> {
    lists(py, &text, |text, append| sentences::sentences(text).for_each(append))
}

/// A list of strings per row; null rows give null lists.
fn lists(
    py: Python<'_>,
    text: &PyArray,
    mut cut: impl FnMut(&str, &mut dyn FnMut(&str)) + Send,
) -> PyResult<PyArray> {
    let array = py
        .detach(|| {
            let text = large_strings(text)?;
            let mut builder = LargeListBuilder::new(LargeStringBuilder::new());
            for row in &text {
                if let Some(row) = row {
                    cut(row, &mut |piece| builder.values().append_value(piece));
                }
                builder.append(row.is_some());
            }
            Ok::<_, KernelError>(builder.finish())
        })
        .map_err(to_python)?;
    Ok(PyArray::from_array_ref(Arc::new(array)))
}

/// The texts as they are measured; the very same array where nothing is taken out.
#[pyfunction]
fn measured_text(py: Python<'_>, text: PyArray) -> PyResult<PyArray> {
    let viewed =
        py.detach(|| large_strings(&text).map(|own| view::view(&own).unwrap_or(own))).map_err(to_python)?;
    Ok(PyArray::from_array_ref(Arc::new(viewed)))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(measure, module)?)?;
    module.add_function(wrap_pyfunction!(measured_text, module)?)?;
    module.add_function(wrap_pyfunction!(signal_columns, module)?)?;
    module.add_function(wrap_pyfunction!(words, module)?)?;
    module.add_function(wrap_pyfunction!(count_words, module)?)?;
    module.add_function(wrap_pyfunction!(sentence_lists, module)?)
}

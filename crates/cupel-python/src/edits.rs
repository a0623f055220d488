use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, LargeStringArray, RecordBatch};
use arrow_schema::DataType;
use cupel_kernels::KernelError;
use cupel_kernels::edits::{c4_lines, pii, refinedweb_lines, secrets, unicode, urls, whitespace};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3_arrow::{PyArray, PyRecordBatch};

use crate::errors::to_python;

/// The text as a large_string array, whichever string type came in.
pub fn large_text(text: &PyArray) -> PyResult<LargeStringArray> {
    let array = text.array();
    match array.data_type() {
        DataType::LargeUtf8 => Ok(array.as_string::<i64>().clone()),
        DataType::Utf8 => Ok(array.as_string::<i32>().iter().collect()),
        DataType::Utf8View => Ok(array.as_string_view().iter().collect()),
        DataType::Null => Ok(LargeStringArray::new_null(array.len())),
        other => Err(PyTypeError::new_err(format!("text is of type {other}, expected large_string"))),
    }
}

/// Runs a kernel over the text without the GIL.
fn run(
    py: Python<'_>,
    text: &PyArray,
    kernel: impl FnOnce(&LargeStringArray) -> Result<RecordBatch, KernelError> + Send,
) -> PyResult<PyRecordBatch> {
    let text = large_text(text)?;
    py.detach(|| kernel(&text)).map(PyRecordBatch::new).map_err(to_python)
}

#[pyfunction]
#[pyo3(signature = (text, *, require_terminal_punctuation=true, min_words_per_line=3, max_word_length=Some(1000),
    remove_citations=true, remove_javascript=true, remove_policy=true))]
#[allow(clippy::too_many_arguments)] // one keyword for each of the edit's options
fn edit_c4_lines(
    py: Python<'_>,
    text: PyArray,
    require_terminal_punctuation: bool,
    min_words_per_line: usize,
    max_word_length: Option<usize>,
    remove_citations: bool,
    remove_javascript: bool,
    remove_policy: bool,
) -> PyResult<PyRecordBatch> {
    let options = c4_lines::Options {
        require_terminal_punctuation,
        min_words_per_line,
        max_word_length,
        remove_citations,
        remove_javascript,
        remove_policy,
    };
    run(py, &text, |text| c4_lines::edit(text, &options))
}

#[pyfunction]
#[pyo3(signature = (text, *, max_uppercase_fraction, max_words_of_short_line, start, end, anywhere))]
#[allow(clippy::too_many_arguments)] // one keyword for each of the edit's options
fn edit_refinedweb_lines(
    py: Python<'_>,
    text: PyArray,
    max_uppercase_fraction: f64,
    max_words_of_short_line: usize,
    start: Vec<String>,
    end: Vec<String>,
    anywhere: Vec<String>,
) -> PyResult<PyRecordBatch> {
    let options =
        refinedweb_lines::Options { max_uppercase_fraction, max_words_of_short_line, start, end, anywhere };
    run(py, &text, |text| refinedweb_lines::edit(text, &options))
}

#[pyfunction]
#[pyo3(signature = (text, *, email=None, ipv4=None, ipv6=None, phone=None, as_datatrove=false))]
fn mask_pii(
    py: Python<'_>,
    text: PyArray,
    email: Option<String>,
    ipv4: Option<String>,
    ipv6: Option<String>,
    phone: Option<String>,
    as_datatrove: bool,
) -> PyResult<PyRecordBatch> {
    let options = pii::Options { email, as_datatrove, ipv4, ipv6, phone };
    run(py, &text, |text| pii::edit(text, &options))
}

#[pyfunction]
#[pyo3(signature = (text, *, matching, tlds, replacement))]
fn remove_urls(
    py: Python<'_>,
    text: PyArray,
    matching: &str,
    tlds: Vec<String>,
    replacement: String,
) -> PyResult<PyRecordBatch> {
    let matching = urls::Matching::from_name(matching).map_err(to_python)?;
    let options = urls::Options { matching, tlds: tlds.into_iter().collect(), replacement };
    run(py, &text, |text| urls::edit(text, &options))
}

#[pyfunction]
#[pyo3(signature = (text, *, assigned, min_entropy, min_hex_entropy))]
fn count_secrets(
    py: Python<'_>,
    text: PyArray,
    assigned: bool,
    min_entropy: f64,
    min_hex_entropy: f64,
) -> PyResult<PyRecordBatch> {
    let options = secrets::Options { assigned, min_entropy, min_hex_entropy };
    run(py, &text, |text| secrets::count(text, &options))
}

#[pyfunction]
#[pyo3(signature = (text, *, assigned, min_entropy, min_hex_entropy, replacement))]
fn mask_secrets(
    py: Python<'_>,
    text: PyArray,
    assigned: bool,
    min_entropy: f64,
    min_hex_entropy: f64,
    replacement: &str,
) -> PyResult<PyRecordBatch> {
    let options = secrets::Options { assigned, min_entropy, min_hex_entropy };
    run(py, &text, |text| secrets::mask(text, &options, replacement))
}

#[pyfunction]
#[pyo3(signature = (text, *, collapse_spaces=true, keep_indentation=true, strip_line_ends=true, max_blank_lines=Some(1)))]
fn clean_whitespace(
    py: Python<'_>,
    text: PyArray,
    collapse_spaces: bool,
    keep_indentation: bool,
    strip_line_ends: bool,
    max_blank_lines: Option<usize>,
) -> PyResult<PyRecordBatch> {
    let options = whitespace::Options { collapse_spaces, keep_indentation, strip_line_ends, max_blank_lines };
    run(py, &text, |text| whitespace::edit(text, &options))
}

#[pyfunction]
fn normalize_unicode(py: Python<'_>, text: PyArray, form: &str) -> PyResult<PyRecordBatch> {
    let form = unicode::Form::from_name(form).map_err(to_python)?;
    run(py, &text, |text| unicode::normalise(text, form))
}

/// Finds texts that a repairer of Unicode may change.
#[pyclass(module = "cupel._kernels", frozen)]
struct UnicodeScreen(unicode::Screen);

#[pymethods]
impl UnicodeScreen {
    #[new]
    #[pyo3(signature = (characters, *, mojibake=None, entities=true, form=None))]
    fn new(characters: &str, mojibake: Option<&str>, entities: bool, form: Option<&str>) -> PyResult<Self> {
        let form = form.map(unicode::Form::from_name).transpose().map_err(to_python)?;
        unicode::Screen::new(characters, mojibake, entities, form).map(Self).map_err(to_python)
    }

    fn suspects(&self, py: Python<'_>, text: PyArray) -> PyResult<PyArray> {
        let text = large_text(&text)?;
        Ok(PyArray::from_array_ref(Arc::new(py.detach(|| self.0.suspects(&text)))))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<UnicodeScreen>()?;
    module.add_function(wrap_pyfunction!(edit_c4_lines, module)?)?;
    module.add_function(wrap_pyfunction!(edit_refinedweb_lines, module)?)?;
    module.add_function(wrap_pyfunction!(mask_pii, module)?)?;
    module.add_function(wrap_pyfunction!(remove_urls, module)?)?;
    module.add_function(wrap_pyfunction!(count_secrets, module)?)?;
    module.add_function(wrap_pyfunction!(mask_secrets, module)?)?;
    module.add_function(wrap_pyfunction!(clean_whitespace, module)?)?;
    module.add_function(wrap_pyfunction!(normalize_unicode, module)?)
}

use cupel_kernels::rows::{self, Layout, Place};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3_arrow::PyRecordBatch;

use crate::errors::to_python;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RowLayout>()?;
    module.add_function(wrap_pyfunction!(read_rows, module)?)
}

/// Which field of an object is what of a document.
#[pyclass(frozen, module = "cupel._kernels")]
struct RowLayout(Layout);

#[pymethods]
impl RowLayout {
    #[new]
    #[pyo3(signature = (*, text, id, source, url, default_source, most_bytes))]
    fn new(
        text: Vec<String>,
        id: String,
        source: String,
        url: String,
        default_source: String,
        most_bytes: usize,
    ) -> Self {
        Self(Layout { text, id, source, url, default_source, most_bytes })
    }
}

type Left = (usize, usize, usize, usize);

#[pyfunction]
#[pyo3(signature = (data, start, stop, layout, *, first_doc, first_position, numbered))]
#[allow(clippy::too_many_arguments)] // where the lines lie in memory, and where in their file
fn read_rows<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyBytes>,
    start: usize,
    stop: usize,
    layout: &RowLayout,
    first_doc: i64,
    first_position: i64,
    numbered: bool,
) -> PyResult<(Bound<'py, PyAny>, Vec<Left>, usize)> {
    let outside = || PyValueError::new_err(format!("no bytes {start}..{stop} in the data"));
    let block = data.as_bytes().get(start..stop).ok_or_else(outside)?;
    let place = Place { first_doc, first_position, numbered };
    let parsed = py.detach(|| rows::read(block, &layout.0, place)).map_err(to_python)?;
    let left = parsed
        .left
        .iter()
        .map(|skipped| (skipped.documents, skipped.line, start + skipped.start, start + skipped.stop));
    let left = left.collect();
    Ok((PyRecordBatch::new(parsed.documents).into_pyarrow(py)?, left, parsed.lines))
}

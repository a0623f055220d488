use arrow_schema::DataType;
use cupel_kernels::fields::{self, ColumnType};
use pyo3::prelude::*;
use pyo3_arrow::{PyArray, PyDataType, PyRecordBatch};

use crate::dedup::array;
use crate::edits::large_text;
use crate::errors::to_python;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(field_kinds, module)?)?;
    module.add_function(wrap_pyfunction!(split_fields, module)?)?;
    module.add_function(wrap_pyfunction!(field_at_path, module)?)?;
    module.add_function(wrap_pyfunction!(field_scalars, module)?)
}

#[pyfunction]
fn field_kinds(py: Python<'_>, metadata: PyArray) -> PyResult<Bound<'_, PyAny>> {
    let metadata = large_text(&metadata)?;
    let kinds = py.detach(|| fields::kinds(&metadata)).map_err(to_python)?;
    PyRecordBatch::new(kinds).into_pyarrow(py)
}

#[pyfunction]
fn split_fields(
    py: Python<'_>,
    metadata: PyArray,
    names: Vec<String>,
    types: Vec<PyDataType>,
) -> PyResult<Bound<'_, PyAny>> {
    let metadata = large_text(&metadata)?;
    let types: Vec<ColumnType> = types.into_iter().map(|kind| column_type(&kind.into_inner())).collect();
    let columns = py.detach(|| fields::split(&metadata, &names, &types)).map_err(to_python)?;
    PyRecordBatch::new(columns).into_pyarrow(py)
}

#[pyfunction]
fn field_at_path<'py>(py: Python<'py>, metadata: PyArray, path: &str) -> PyResult<Bound<'py, PyAny>> {
    let metadata = large_text(&metadata)?;
    let values = py.detach(|| fields::at_path(&metadata, path)).map_err(to_python)?;
    array(py, values)
}

#[pyfunction]
#[pyo3(signature = (values, *, json))]
fn field_scalars(py: Python<'_>, values: PyArray, json: bool) -> PyResult<Bound<'_, PyAny>> {
    let values = large_text(&values)?;
    let scalars = py.detach(|| fields::scalars(&values, json)).map_err(to_python)?;
    PyRecordBatch::new(scalars).into_pyarrow(py)
}

fn column_type(kind: &DataType) -> ColumnType {
    match kind {
        DataType::LargeList(item) => ColumnType { scalar: item.data_type().clone(), list: true },
        other => ColumnType { scalar: other.clone(), list: false },
    }
}

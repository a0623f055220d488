use cupel_kernels::text::charset;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;

#[pyfunction]
fn charset_name(label: &str) -> Option<String> {
    charset::charset_name(label)
}

#[pyfunction]
fn decode(py: Python<'_>, data: &[u8], label: &str) -> PyResult<(String, usize)> {
    py.detach(|| charset::decode(data, label)).ok_or_else(|| PyKeyError::new_err(label.to_owned()))
}

#[pyfunction]
fn detect_charset(py: Python<'_>, data: &[u8]) -> String {
    py.detach(|| charset::detect(data))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(charset_name, module)?)?;
    module.add_function(wrap_pyfunction!(detect_charset, module)?)?;
    module.add_function(wrap_pyfunction!(decode, module)?)
}

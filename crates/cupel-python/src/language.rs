use cupel_kernels::language::LanguageModel as Model;
use pyo3::prelude::*;
use pyo3_arrow::{PyArray, PyRecordBatch};

use crate::edits::large_text;
use crate::errors::to_python;

/// A fastText model that names the language of texts.
#[pyclass(module = "cupel._kernels", frozen)]
struct LanguageModel(Model);

#[pymethods]
impl LanguageModel {
    #[new]
    fn new(py: Python<'_>, model: &[u8]) -> PyResult<Self> {
        py.detach(|| Model::load(model)).map(Self).map_err(to_python)
    }

    #[getter]
    fn labels(&self) -> Vec<String> {
        self.0.labels().to_vec()
    }

    #[pyo3(signature = (text, *, max_bytes=None, as_it_is=false))]
    fn identify(
        &self,
        py: Python<'_>,
        text: PyArray,
        max_bytes: Option<usize>,
        as_it_is: bool,
    ) -> PyResult<PyRecordBatch> {
        let text = large_text(&text)?;
        let languages = py.detach(|| self.0.identify(&text, max_bytes, as_it_is)).map_err(to_python)?;
        Ok(PyRecordBatch::new(languages))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<LanguageModel>()
}

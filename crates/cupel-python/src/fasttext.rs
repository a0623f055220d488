use std::num::NonZeroUsize;

use cupel_kernels::fasttext::FastText as Model;
use pyo3::prelude::*;
use pyo3_arrow::PyArray;

use crate::dedup::{all_cores, array};
use crate::edits::large_text;
use crate::errors::to_python;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<FastTextModel>()
}

/// A supervised fastText model.
#[pyclass(module = "cupel._kernels", frozen)]
struct FastTextModel(Model);

#[pymethods]
impl FastTextModel {
    #[new]
    fn new(py: Python<'_>, model: &[u8]) -> PyResult<Self> {
        py.detach(|| Model::load(model)).map(Self).map_err(to_python)
    }

    #[getter]
    fn labels(&self) -> Vec<String> {
        self.0.labels().to_vec()
    }

    #[pyo3(signature = (text, *, threads=None))]
    fn classify<'py>(
        &self,
        py: Python<'py>,
        text: PyArray,
        threads: Option<NonZeroUsize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let text = large_text(&text)?;
        let threads = all_cores(threads);
        let probabilities = py.detach(|| self.0.classify(&text, threads)).map_err(to_python)?;
        array(py, probabilities)
    }
}

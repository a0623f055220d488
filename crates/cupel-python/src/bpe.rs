use std::num::NonZeroUsize;

use cupel_kernels::bpe::ByteLevelBpe as Encoder;
use pyo3::prelude::*;
use pyo3_arrow::PyArray;

use crate::dedup::{all_cores, array};
use crate::edits::large_text;
use crate::errors::to_python;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ByteLevelBpe>()
}

#[pyclass(module = "cupel._kernels", frozen)]
struct ByteLevelBpe(Encoder);

#[pymethods]
impl ByteLevelBpe {
    #[new]
    fn new(py: Python<'_>, tokenizer_json: &[u8]) -> PyResult<Self> {
        py.detach(|| Encoder::load(tokenizer_json)).map(Self).map_err(to_python)
    }

    #[getter]
    fn largest_id(&self) -> u32 {
        self.0.largest_id()
    }

    #[pyo3(signature = (text, end_of_text, *, threads=None))]
    fn encode<'py>(
        &self,
        py: Python<'py>,
        text: PyArray,
        end_of_text: u32,
        threads: Option<NonZeroUsize>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let text = large_text(&text)?;
        let threads = all_cores(threads);
        let (tokens, offsets) =
            py.detach(|| self.0.encode(&text, end_of_text, threads)).map_err(to_python)?;
        Ok((array(py, tokens)?, array(py, offsets)?))
    }
}

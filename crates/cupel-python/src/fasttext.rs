use std::num::NonZeroUsize;

use cupel_kernels::fasttext::{FastText as Model, Training, train};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3_arrow::PyArray;

use crate::dedup::{all_cores, array};
use crate::edits::large_text;
use crate::errors::to_python;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<FastTextModel>()?;
    module.add_function(wrap_pyfunction!(train_fasttext, module)?)
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

#[pyfunction]
#[pyo3(signature = (text, labels, *, dim, epochs, learning_rate, word_ngrams, min_count, min_subword, max_subword,
    buckets, seed))]
#[allow(clippy::too_many_arguments)] // one keyword for each option of the training
fn train_fasttext<'py>(
    py: Python<'py>,
    text: PyArray,
    labels: PyArray,
    dim: usize,
    epochs: usize,
    learning_rate: f32,
    word_ngrams: usize,
    min_count: u64,
    min_subword: usize,
    max_subword: usize,
    buckets: Option<usize>,
    seed: u64,
) -> PyResult<Bound<'py, PyBytes>> {
    let (text, labels) = (large_text(&text)?, large_text(&labels)?);
    let how = Training {
        dim,
        epochs,
        learning_rate,
        word_ngrams,
        min_count,
        min_subword,
        max_subword,
        buckets,
        seed,
    };
    let mut interrupt = None;
    let model = py
        .detach(|| {
            train(&text, &labels, &how, &mut || {
                interrupt = Python::attach(|py| py.check_signals()).err();
                interrupt.is_none()
            })
        })
        .map_err(to_python)?;
    match (model, interrupt) {
        (Some(model), _) => Ok(PyBytes::new(py, &model)),
        (None, Some(interrupt)) => Err(interrupt),
        (None, None) => Err(pyo3::exceptions::PyKeyboardInterrupt::new_err(())),
    }
}

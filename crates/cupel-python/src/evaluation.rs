use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use cupel_kernels::KernelError;
use cupel_kernels::dedup::evaluation::{self, Rule};
use pyo3::prelude::*;
use pyo3_arrow::PyArray;

use crate::dedup::{array, batch};
use crate::errors::to_python;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Evaluation>()
}

/// Evaluation items, ready to be looked for in texts.
#[pyclass(module = "cupel._kernels", frozen)]
struct Evaluation {
    inner: evaluation::Evaluation,
}

#[pymethods]
impl Evaluation {
    #[new]
    #[pyo3(signature = (question, answer, choices, passage, *, ngram, max_items))]
    fn new(
        py: Python<'_>,
        question: PyArray,
        answer: PyArray,
        choices: PyArray,
        passage: PyArray,
        ngram: usize,
        max_items: usize,
    ) -> PyResult<Self> {
        let parts = [question, answer, choices, passage];
        let inner = py
            .detach(|| {
                let parts = std::array::from_fn(|part| parts[part].array().as_ref());
                evaluation::Evaluation::new(parts, ngram, max_items)
            })
            .map_err(to_python)?;
        Ok(Self { inner })
    }

    fn __len__(&self) -> usize {
        self.inner.len()
    }

    #[getter]
    fn ngrams(&self) -> usize {
        self.inner.ngrams()
    }

    #[getter]
    fn digest(&self) -> u64 {
        self.inner.digest()
    }

    fn hits<'py>(&self, py: Python<'py>, text: PyArray) -> PyResult<Bound<'py, PyAny>> {
        let keys = py.detach(|| self.inner.hits(text.array())).map_err(to_python)?;
        array(py, keys)
    }

    fn strays<'py>(&self, py: Python<'py>, hits: PyArray) -> PyResult<Bound<'py, PyAny>> {
        let strays = py.detach(|| self.inner.strays(hits.array())).map_err(to_python)?;
        array(py, strays)
    }

    fn present<'py>(&self, py: Python<'py>, hits: PyArray) -> PyResult<Bound<'py, PyAny>> {
        let present = py.detach(|| self.inner.present(hits.array())).map_err(to_python)?;
        array(py, present)
    }

    fn uneven<'py>(&self, py: Python<'py>, counts: Vec<u64>) -> PyResult<Bound<'py, PyAny>> {
        let uneven = py.detach(|| self.inner.uneven(&counts)).map_err(to_python)?;
        array(py, uneven)
    }

    fn without(&self, py: Python<'_>, common: PyArray) -> PyResult<Self> {
        let inner = py.detach(|| self.inner.without(common.array())).map_err(to_python)?;
        Ok(Self { inner })
    }

    #[pyo3(signature = (hits, *, threshold, min_words))]
    fn candidates<'py>(
        &self,
        py: Python<'py>,
        hits: PyArray,
        threshold: f64,
        min_words: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let rule = Rule { threshold, min_words };
        let candidates = py.detach(|| self.inner.candidates(hits.array(), rule)).map_err(to_python)?;
        array(py, candidates)
    }

    #[pyo3(signature = (text, *, threshold, min_words))]
    fn contamination<'py>(
        &self,
        py: Python<'py>,
        text: PyArray,
        threshold: f64,
        min_words: u32,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let rule = Rule { threshold, min_words };
        let contamination = py.detach(|| self.inner.contamination(text.array(), rule)).map_err(to_python)?;
        Ok((array(py, contamination.spans)?, batch(py, contamination.matches)?))
    }

    fn first_places<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        columns(py, ["item", "part", "start", "stop"], self.inner.first_places())
    }

    #[pyo3(signature = (*, threshold, min_words))]
    fn searchable<'py>(
        &self,
        py: Python<'py>,
        threshold: f64,
        min_words: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        array(py, self.inner.searchable(Rule { threshold, min_words }))
    }
}

fn columns<'py>(
    py: Python<'py>,
    names: [&'static str; 4],
    columns: [UInt32Array; 4],
) -> PyResult<Bound<'py, PyAny>> {
    let columns = names.into_iter().zip(columns.map(|column| Arc::new(column) as ArrayRef));
    let table = RecordBatch::try_from_iter(columns)
        .map_err(|error| to_python(KernelError::BadInput(error.to_string())))?;
    batch(py, table)
}

use std::num::NonZeroUsize;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt8Type;
use cupel_kernels::{KernelError, ngram};
use pyo3::prelude::*;
use pyo3_arrow::PyArray;

use crate::dedup::{array, batch};
use crate::errors::to_python;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<NgramModel>()
}

/// An n-gram language model of words.
#[pyclass(module = "cupel._kernels")]
struct NgramModel {
    inner: ngram::NgramModel,
}

#[pymethods]
impl NgramModel {
    #[new]
    fn new(order: usize) -> PyResult<Self> {
        Ok(Self { inner: ngram::NgramModel::new(order).map_err(to_python)? })
    }

    #[staticmethod]
    #[pyo3(signature = (file, *, threads=NonZeroUsize::MIN))]
    fn load(py: Python<'_>, file: PyArray, threads: NonZeroUsize) -> PyResult<Self> {
        let Some(bytes) = file.array().as_primitive_opt::<UInt8Type>() else {
            return Err(to_python(KernelError::BadInput(format!(
                "file: expected uint8, got {}",
                file.array().data_type()
            ))));
        };
        let inner = py.detach(|| ngram::NgramModel::load(bytes.values(), threads)).map_err(to_python)?;
        Ok(Self { inner })
    }

    #[getter]
    fn order(&self) -> usize {
        self.inner.order()
    }

    #[getter]
    fn entries(&self) -> usize {
        self.inner.entries()
    }

    #[getter]
    fn bytes(&self) -> usize {
        self.inner.bytes()
    }

    #[pyo3(signature = (text, *, threads=NonZeroUsize::MIN))]
    fn add(&mut self, py: Python<'_>, text: PyArray, threads: NonZeroUsize) -> PyResult<()> {
        let inner = &mut self.inner;
        py.detach(|| inner.add(text.array(), threads)).map_err(to_python)
    }

    #[pyo3(signature = (text, *, threads=NonZeroUsize::MIN))]
    fn log_probs<'py>(
        &self,
        py: Python<'py>,
        text: PyArray,
        threads: NonZeroUsize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let inner = &self.inner;
        let scored = py.detach(|| inner.log_probs(text.array(), threads)).map_err(to_python)?;
        batch(py, scored)
    }

    fn part<'py>(&self, py: Python<'py>, number: usize) -> PyResult<Bound<'py, PyAny>> {
        let inner = &self.inner;
        let bytes = py.detach(|| inner.part(number)).map_err(to_python)?;
        array(py, bytes)
    }
}

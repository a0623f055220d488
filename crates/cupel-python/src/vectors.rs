use std::num::NonZeroUsize;

use cupel_kernels::vectors::{self, Metric};
use pyo3::prelude::*;
use pyo3_arrow::PyArray;

use crate::dedup::batch;
use crate::errors::to_python;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(k_center, module)?)
}

#[pyfunction]
#[pyo3(signature = (vectors, budget, *, first=0, metric="cosine", threads=NonZeroUsize::MIN))]
fn k_center<'py>(
    py: Python<'py>,
    vectors: PyArray,
    budget: usize,
    first: usize,
    metric: &str,
    threads: NonZeroUsize,
) -> PyResult<(Bound<'py, PyAny>, f32)> {
    let metric = Metric::parse(metric).map_err(to_python)?;
    let centers = py
        .detach(|| vectors::k_center(vectors.array(), budget, first, metric, threads))
        .map_err(to_python)?;
    Ok((batch(py, centers.chosen)?, centers.radius))
}

//! `cupel._kernels`: Arrow arrays in through the PyCapsule interface, Arrow arrays out.
//!
//! One file per room of the kernels; each registers its functions here.

mod errors;

use pyo3::prelude::*;

#[pymodule]
fn _kernels(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}

use cupel_kernels::KernelError;
use pyo3::PyErr;
use pyo3::exceptions::{PyKeyError, PyValueError};

/// The Python exception for a kernel's refusal.
pub fn to_python(error: KernelError) -> PyErr {
    match error {
        KernelError::UnknownName { .. } => PyKeyError::new_err(error.to_string()),
        _ => PyValueError::new_err(error.to_string()),
    }
}

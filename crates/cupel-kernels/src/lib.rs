//! Kernels of Cupel: pure functions over Arrow arrays.
//!
//! No I/O, no policy, no Python; no panic on any bytes.

pub mod error;

pub use error::KernelError;

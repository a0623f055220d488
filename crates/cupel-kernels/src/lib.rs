//! Kernels of Cupel: pure functions over Arrow arrays.
//!
//! No I/O, no policy, no Python; no panic on any bytes.

pub mod bpe;
pub mod dedup;
pub mod edits;
pub mod error;
pub mod fasttext;
pub mod fields;
pub mod language;
pub mod ngram;
mod parallel;
pub mod rows;
pub mod signals;
pub mod text;
pub mod vectors;

pub use error::KernelError;

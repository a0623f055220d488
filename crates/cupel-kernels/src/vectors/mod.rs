//! Vectors of documents, and which of them to choose.

mod k_center;
mod points;

pub use k_center::{Centers, k_center};
pub use points::Metric;

//! `cupel._kernels`: Arrow arrays in through the PyCapsule interface, Arrow arrays out.
//!
//! One file per room of the kernels; each registers its functions here.

mod bpe;
mod charset;
mod dedup;
mod edits;
mod errors;
mod evaluation;
mod fasttext;
mod fields;
mod language;
mod ngram;
mod repeats;
mod rows;
mod signals;
mod vectors;

use pyo3::prelude::*;

#[pymodule]
fn _kernels(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    bpe::register(module)?;
    charset::register(module)?;
    dedup::register(module)?;
    edits::register(module)?;
    evaluation::register(module)?;
    fasttext::register(module)?;
    fields::register(module)?;
    language::register(module)?;
    ngram::register(module)?;
    repeats::register(module)?;
    rows::register(module)?;
    signals::register(module)?;
    vectors::register(module)
}

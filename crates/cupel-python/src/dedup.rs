use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, Int64Array, LargeListArray, RecordBatch, UInt64Array};
use cupel_kernels::KernelError;
use cupel_kernels::dedup::minhash::MinHash;
use cupel_kernels::dedup::normalized::Normalization;
use cupel_kernels::dedup::shingle_sets::{Measure, Sets};
use cupel_kernels::dedup::simhash::{self as fingerprints, Fingerprints};
use cupel_kernels::dedup::verify::{Verification, Verified};
use cupel_kernels::dedup::words::WordRules;
use cupel_kernels::dedup::{buckets as bucketing, clusters, hash, minhash as signing, normalized};
use cupel_kernels::dedup::{shingles as shingling, similarities as similarity, verify as verifying};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use pyo3_arrow::{PyArray, PyRecordBatch};

use crate::errors::to_python;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(text_hash, module)?)?;
    module.add_function(wrap_pyfunction!(normalized_hash, module)?)?;
    module.add_function(wrap_pyfunction!(content_hash, module)?)?;
    module.add_function(wrap_pyfunction!(add_hashes, module)?)?;
    module.add_function(wrap_pyfunction!(minhash, module)?)?;
    module.add_function(wrap_pyfunction!(minhash_signature, module)?)?;
    module.add_function(wrap_pyfunction!(shingles, module)?)?;
    module.add_function(wrap_pyfunction!(word_hashes, module)?)?;
    module.add_function(wrap_pyfunction!(simhash, module)?)?;
    module.add_function(wrap_pyfunction!(simhash_keys, module)?)?;
    module.add_function(wrap_pyfunction!(buckets, module)?)?;
    module.add_function(wrap_pyfunction!(union, module)?)?;
    module.add_function(wrap_pyfunction!(verify, module)?)?;
    module.add_function(wrap_pyfunction!(similarities, module)?)?;
    module.add_function(wrap_pyfunction!(verify_fingerprints, module)?)?;
    module.add_function(wrap_pyfunction!(survivors, module)?)
}

pub fn array<'py, A: Array + 'static>(py: Python<'py>, array: A) -> PyResult<Bound<'py, PyAny>> {
    let array = PyArray::from_array_ref(Arc::new(array));
    py.import("pyarrow")?.call_method1("array", (array,))
}

pub fn batch(py: Python<'_>, batch: RecordBatch) -> PyResult<Bound<'_, PyAny>> {
    PyRecordBatch::new(batch).into_pyarrow(py)
}

#[pyfunction]
fn text_hash<'py>(py: Python<'py>, text: PyArray) -> PyResult<Bound<'py, PyAny>> {
    let hashes = py.detach(|| hash::text_hash(text.array())).map_err(to_python)?;
    array(py, hashes)
}

#[pyfunction]
#[pyo3(signature = (text, *, nfc=true, lowercase=false, strip_punctuation=false, collapse_white_space=true, drop_invisible=true))]
fn normalized_hash<'py>(
    py: Python<'py>,
    text: PyArray,
    nfc: bool,
    lowercase: bool,
    strip_punctuation: bool,
    collapse_white_space: bool,
    drop_invisible: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let how = Normalization {
        drop_invisible,
        nfc,
        lowercase,
        zero_digits: false,
        strip_punctuation,
        collapse_white_space,
    };
    let hashes = py.detach(|| normalized::normalized_hash(text.array(), how)).map_err(to_python)?;
    array(py, hashes)
}

#[pyfunction]
fn content_hash<'py>(py: Python<'py>, columns: Vec<PyArray>) -> PyResult<Bound<'py, PyBytes>> {
    let columns: Vec<ArrayRef> = columns.into_iter().map(|column| column.into_inner().0).collect();
    let digest = py.detach(|| hash::content_hash(&columns)).map_err(to_python)?;
    Ok(PyBytes::new(py, &digest.to_be_bytes()))
}

#[pyfunction]
fn add_hashes<'py>(py: Python<'py>, left: [u8; 16], right: [u8; 16]) -> Bound<'py, PyBytes> {
    let sum = hash::add_hashes(u128::from_be_bytes(left), u128::from_be_bytes(right));
    PyBytes::new(py, &sum.to_be_bytes())
}

#[allow(clippy::too_many_arguments)] // as Python calls it, by name
#[pyfunction]
#[pyo3(signature = (text, *, ngram=5, bands=14, rows=8, seed=1, fold_numbers=false, ignore_symbols=false))]
fn minhash<'py>(
    py: Python<'py>,
    text: PyArray,
    ngram: usize,
    bands: usize,
    rows: usize,
    seed: u64,
    fold_numbers: bool,
    ignore_symbols: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let how =
        MinHash { ngram, bands, rows, seed, rules: WordRules { fold_numbers, symbols: !ignore_symbols } };
    let keys = py.detach(|| signing::minhash(text.array(), &how)).map_err(to_python)?;
    batch(py, keys)
}

#[allow(clippy::too_many_arguments)] // as Python calls it, by name
#[pyfunction]
#[pyo3(signature = (text, *, ngram=5, bands=14, rows=8, seed=1, fold_numbers=false, ignore_symbols=false))]
fn minhash_signature<'py>(
    py: Python<'py>,
    text: PyArray,
    ngram: usize,
    bands: usize,
    rows: usize,
    seed: u64,
    fold_numbers: bool,
    ignore_symbols: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let how =
        MinHash { ngram, bands, rows, seed, rules: WordRules { fold_numbers, symbols: !ignore_symbols } };
    let signatures = py.detach(|| signing::minhash_signature(text.array(), &how)).map_err(to_python)?;
    array(py, signatures)
}

#[pyfunction]
#[pyo3(signature = (text, *, ngram=5, fold_numbers=false, ignore_symbols=false, part=0, parts=1))]
fn shingles<'py>(
    py: Python<'py>,
    text: PyArray,
    ngram: usize,
    fold_numbers: bool,
    ignore_symbols: bool,
    part: u32,
    parts: u32,
) -> PyResult<Bound<'py, PyAny>> {
    let rules = WordRules { fold_numbers, symbols: !ignore_symbols };
    let hashes =
        py.detach(|| shingling::shingles(text.array(), ngram, rules, part, parts)).map_err(to_python)?;
    array(py, hashes)
}

#[pyfunction]
#[pyo3(signature = (text, *, fold_numbers=false, ignore_symbols=false, most=1 << 20))]
fn word_hashes<'py>(
    py: Python<'py>,
    text: PyArray,
    fold_numbers: bool,
    ignore_symbols: bool,
    most: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let rules = WordRules { fold_numbers, symbols: !ignore_symbols };
    let hashes = py.detach(|| shingling::word_hashes(text.array(), rules, most)).map_err(to_python)?;
    array(py, hashes)
}

#[pyfunction]
#[pyo3(signature = (text, *, ngram=3, fold_numbers=false, ignore_symbols=false))]
fn simhash<'py>(
    py: Python<'py>,
    text: PyArray,
    ngram: usize,
    fold_numbers: bool,
    ignore_symbols: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let rules = WordRules { fold_numbers, symbols: !ignore_symbols };
    let fingerprints = py.detach(|| fingerprints::simhash(text.array(), ngram, rules)).map_err(to_python)?;
    array(py, fingerprints)
}

#[pyfunction]
fn simhash_keys<'py>(
    py: Python<'py>,
    fingerprints: PyArray,
    max_distance: u32,
    number: u32,
) -> PyResult<Bound<'py, PyAny>> {
    let keys =
        py.detach(|| fingerprints::keys(fingerprints.array(), max_distance, number)).map_err(to_python)?;
    array(py, keys)
}

#[pyfunction]
fn buckets<'py>(py: Python<'py>, keys: PyArray, docs: PyArray) -> PyResult<Bound<'py, PyAny>> {
    let groups = py.detach(|| bucketing::buckets(keys.array(), docs.array())).map_err(to_python)?;
    array(py, groups)
}

#[pyfunction]
fn union<'py>(py: Python<'py>, buckets: Vec<PyArray>) -> PyResult<Bound<'py, PyAny>> {
    let components = py.detach(|| clusters::union(&lists(&buckets)?)).map_err(to_python)?;
    batch(py, components)
}

type VerifiedParts<'py> = (Bound<'py, PyAny>, Bound<'py, PyDict>, Bound<'py, PyAny>, Bound<'py, PyAny>);

#[pyfunction]
#[pyo3(signature = (buckets, docs, offsets, values, *, threshold, max_comparisons=256, threads=None, measure="jaccard"))]
#[allow(clippy::too_many_arguments)]
fn verify<'py>(
    py: Python<'py>,
    buckets: Vec<PyArray>,
    docs: PyArray,
    offsets: PyArray,
    values: PyArray,
    threshold: f64,
    max_comparisons: usize,
    threads: Option<NonZeroUsize>,
    measure: &str,
) -> PyResult<VerifiedParts<'py>> {
    let how = Verification { threshold, max_comparisons, threads: all_cores(threads) };
    let outcome = py
        .detach(|| {
            let measure = Measure::parse(measure)?;
            let (docs, offsets, values) =
                (int64(&docs, "docs")?, int64(&offsets, "offsets")?, uint64(&values, "values")?);
            verifying::verify(&lists(&buckets)?, Sets::new(docs, offsets, values, measure)?, how)
        })
        .map_err(to_python)?;
    verified(py, outcome)
}

#[pyfunction]
#[pyo3(signature = (buckets, docs, fingerprints, *, threshold, max_comparisons=256, threads=None))]
fn verify_fingerprints<'py>(
    py: Python<'py>,
    buckets: Vec<PyArray>,
    docs: PyArray,
    fingerprints: PyArray,
    threshold: f64,
    max_comparisons: usize,
    threads: Option<NonZeroUsize>,
) -> PyResult<VerifiedParts<'py>> {
    let how = Verification { threshold, max_comparisons, threads: all_cores(threads) };
    let outcome = py
        .detach(|| {
            let (docs, values) = (int64(&docs, "docs")?, uint64(&fingerprints, "fingerprints")?);
            verifying::verify(&lists(&buckets)?, Fingerprints::new(docs, values)?, how)
        })
        .map_err(to_python)?;
    verified(py, outcome)
}

pub fn all_cores(threads: Option<NonZeroUsize>) -> NonZeroUsize {
    threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}

fn int64<'a>(array: &'a PyArray, name: &str) -> Result<&'a Int64Array, KernelError> {
    let values = array.array().as_primitive_opt::<Int64Type>();
    values.ok_or_else(|| KernelError::BadInput(format!("{name}: expected int64")))
}

fn uint64<'a>(array: &'a PyArray, name: &str) -> Result<&'a UInt64Array, KernelError> {
    let values = array.array().as_primitive_opt::<UInt64Type>();
    values.ok_or_else(|| KernelError::BadInput(format!("{name}: expected uint64")))
}

fn verified(py: Python<'_>, outcome: Verified) -> PyResult<VerifiedParts<'_>> {
    let counts = PyDict::new(py);
    counts.set_item("candidate_pairs", outcome.counts.candidate_pairs)?;
    counts.set_item("identical", outcome.counts.identical)?;
    counts.set_item("compared", outcome.counts.compared)?;
    counts.set_item("verified", outcome.counts.verified)?;
    counts.set_item("rejected", outcome.counts.rejected)?;
    counts.set_item("rejected_by_length", outcome.counts.rejected_by_length)?;
    counts.set_item("limited", outcome.counts.limited)?;
    Ok((batch(py, outcome.components)?, counts, batch(py, outcome.histogram)?, batch(py, outcome.pairs)?))
}

#[pyfunction]
#[pyo3(signature = (docs, offsets, values, left, right, *, threads=None, measure="jaccard"))]
#[allow(clippy::too_many_arguments)] // the sets, the pairs, and how they are compared
fn similarities<'py>(
    py: Python<'py>,
    docs: PyArray,
    offsets: PyArray,
    values: PyArray,
    left: PyArray,
    right: PyArray,
    threads: Option<NonZeroUsize>,
    measure: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let shares = py
        .detach(|| {
            let (docs, offsets, values) =
                (int64(&docs, "docs")?, int64(&offsets, "offsets")?, uint64(&values, "values")?);
            let sets = Sets::new(docs, offsets, values, Measure::parse(measure)?)?;
            similarity::similarities(&sets, left.array(), right.array(), all_cores(threads))
        })
        .map_err(to_python)?;
    array(py, shares)
}

#[pyfunction]
fn survivors<'py>(
    py: Python<'py>,
    docs: PyArray,
    component: PyArray,
    priority: PyArray,
) -> PyResult<Bound<'py, PyAny>> {
    let table = py
        .detach(|| clusters::survivors(docs.array(), component.array(), priority.array()))
        .map_err(to_python)?;
    batch(py, table)
}

fn lists(buckets: &[PyArray]) -> Result<Vec<LargeListArray>, KernelError> {
    buckets
        .iter()
        .map(|lists| {
            lists
                .array()
                .as_list_opt::<i64>()
                .cloned()
                .ok_or_else(|| KernelError::BadInput("buckets: expected lists as buckets() gives".to_owned()))
        })
        .collect()
}

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, UInt32Array, UInt64Array};
use cupel_kernels::KernelError;
use cupel_kernels::dedup::borders::{self, Whole};
use cupel_kernels::dedup::minimizers::Stretch;
use cupel_kernels::dedup::normalized::Normalization;
use cupel_kernels::dedup::units::{self as splitting, Unit, Units};
use cupel_kernels::dedup::{
    bloom, minimizers as minimizing, repeats as repeating, seen, spans, word_tokens as tokens,
};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3_arrow::{PyArray, PyRecordBatch};

use crate::dedup::{array, batch};
use crate::errors::to_python;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(text_units, module)?)?;
    module.add_function(wrap_pyfunction!(picked_spans, module)?)?;
    module.add_function(wrap_pyfunction!(cut_spans, module)?)?;
    module.add_function(wrap_pyfunction!(whole_spans, module)?)?;
    module.add_function(wrap_pyfunction!(minimizers, module)?)?;
    module.add_function(wrap_pyfunction!(repeats, module)?)?;
    module.add_function(wrap_pyfunction!(word_tokens, module)?)?;
    module.add_function(wrap_pyfunction!(word_places, module)?)?;
    module.add_class::<Seen>()?;
    module.add_class::<Bloom>()
}

fn units(
    unit: &str,
    normalize: bool,
    zero_digits: bool,
    min_characters: usize,
    run: usize,
) -> Result<Units, KernelError> {
    let normalization = Normalization {
        drop_invisible: true,
        nfc: true,
        lowercase: normalize,
        zero_digits,
        strip_punctuation: normalize,
        collapse_white_space: true,
    };
    Ok(Units { unit: Unit::parse(unit)?, normalization, min_characters, run })
}

#[pyfunction]
#[pyo3(signature = (text, *, unit="line", normalize=false, zero_digits=false, min_characters=1, run=1))]
fn text_units<'py>(
    py: Python<'py>,
    text: PyArray,
    unit: &str,
    normalize: bool,
    zero_digits: bool,
    min_characters: usize,
    run: usize,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let units = units(unit, normalize, zero_digits, min_characters, run).map_err(to_python)?;
    let (hashes, places) = py.detach(|| units.of(text.array())).map_err(to_python)?;
    Ok((array(py, hashes)?, array(py, places)?))
}

#[pyfunction]
fn picked_spans<'py>(py: Python<'py>, places: PyArray, picked: PyArray) -> PyResult<Bound<'py, PyAny>> {
    let spans = py.detach(|| splitting::picked_spans(places.array(), picked.array())).map_err(to_python)?;
    array(py, spans)
}

#[pyfunction]
fn cut_spans<'py>(py: Python<'py>, text: PyArray, spans: PyArray) -> PyResult<Bound<'py, PyAny>> {
    let pieces = py.detach(|| spans::cut_spans(text.array(), spans.array())).map_err(to_python)?;
    array(py, pieces)
}

#[pyfunction]
fn whole_spans<'py>(
    py: Python<'py>,
    text: PyArray,
    spans: PyArray,
    whole: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let whole = Whole::parse(whole).map_err(to_python)?;
    let inside = py.detach(|| borders::whole_spans(text.array(), spans.array(), whole)).map_err(to_python)?;
    array(py, inside)
}

#[pyfunction]
fn minimizers<'py>(py: Python<'py>, text: PyArray, length: usize, base: u64) -> PyResult<Bound<'py, PyAny>> {
    let stretches = py
        .detach(|| {
            let mut stretches = Vec::new();
            minimizing::column_minimizers(text.array(), length, base, &mut stretches)?;
            stretch_batch(&stretches)
        })
        .map_err(to_python)?;
    batch(py, stretches)
}

fn stretch_batch(stretches: &[Stretch]) -> Result<RecordBatch, KernelError> {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("hash", Arc::new(UInt64Array::from_iter_values(stretches.iter().map(|s| s.hash)))),
        ("start", Arc::new(UInt64Array::from_iter_values(stretches.iter().map(|s| s.start)))),
        ("windows", Arc::new(UInt32Array::from_iter_values(stretches.iter().map(|s| s.windows)))),
    ];
    RecordBatch::try_from_iter(columns).map_err(|error| KernelError::BadInput(error.to_string()))
}

#[pyfunction]
fn word_tokens<'py>(py: Python<'py>, text: PyArray) -> PyResult<Bound<'py, PyAny>> {
    let tokens = py.detach(|| tokens::word_tokens(text.array())).map_err(to_python)?;
    array(py, tokens)
}

#[pyfunction]
fn word_places<'py>(py: Python<'py>, text: PyArray) -> PyResult<Bound<'py, PyAny>> {
    let places = py.detach(|| tokens::word_places(text.array())).map_err(to_python)?;
    array(py, places)
}

#[pyfunction]
#[pyo3(signature = (data, stretches, length, token=1, min_occurrences=2))]
fn repeats<'py>(
    py: Python<'py>,
    data: PyArray,
    stretches: PyRecordBatch,
    length: usize,
    token: usize,
    min_occurrences: u32,
) -> PyResult<Bound<'py, PyAny>> {
    let table = py
        .detach(|| {
            let wrong = |what: &str| KernelError::BadInput(format!("{what}: wrong type"));
            let data = data.array().as_binary_opt::<i64>().ok_or_else(|| wrong("data"))?;
            let bytes = if data.is_empty() { &[] } else { data.value(0) };
            let stretches = sorted_stretches(stretches.as_ref())?;
            let copies = repeating::repeats(bytes, &stretches, length, token, min_occurrences)?;
            let number = |pick: fn(&repeating::Copy) -> u64| -> ArrayRef {
                Arc::new(Int64Array::from_iter_values(copies.iter().map(|copy| pick(copy) as i64)))
            };
            let columns = vec![
                ("start", number(|c| c.start)),
                ("stop", number(|c| c.stop)),
                ("first", number(|c| c.first)),
            ];
            RecordBatch::try_from_iter(columns).map_err(|error| KernelError::BadInput(error.to_string()))
        })
        .map_err(to_python)?;
    batch(py, table)
}

fn sorted_stretches(batch: &RecordBatch) -> Result<Vec<Stretch>, KernelError> {
    let wrong = || KernelError::BadInput("stretches: expected hash, start and windows".to_owned());
    let hash =
        batch.column_by_name("hash").and_then(|c| c.as_primitive_opt::<UInt64Type>()).ok_or_else(wrong)?;
    let start =
        batch.column_by_name("start").and_then(|c| c.as_primitive_opt::<UInt64Type>()).ok_or_else(wrong)?;
    let windows =
        batch.column_by_name("windows").and_then(|c| c.as_primitive_opt::<UInt32Type>()).ok_or_else(wrong)?;
    let mut stretches: Vec<Stretch> = (0..batch.num_rows())
        .map(|row| Stretch { hash: hash.value(row), start: start.value(row), windows: windows.value(row) })
        .collect();
    stretches.sort_unstable_by_key(|stretch| (stretch.hash, stretch.start));
    Ok(stretches)
}

/// Hashes seen so far, each with the document that held it first.
#[pyclass(module = "cupel._kernels")]
struct Seen {
    inner: seen::Seen,
}

#[pymethods]
impl Seen {
    #[new]
    #[pyo3(signature = (expected=0))]
    fn new(expected: usize) -> Self {
        Self { inner: seen::Seen::new(expected) }
    }

    fn __len__(&self) -> usize {
        self.inner.len()
    }

    #[pyo3(signature = (docs, lists, *, part=0, parts=1))]
    fn mark<'py>(
        &mut self,
        py: Python<'py>,
        docs: PyArray,
        lists: PyArray,
        part: u32,
        parts: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let inner = &mut self.inner;
        let firsts = py.detach(|| inner.mark(docs.array(), lists.array(), part, parts)).map_err(to_python)?;
        array(py, firsts)
    }

    fn entries<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let (hashes, docs) = self.inner.entries();
        Ok((array(py, hashes)?, array(py, docs)?))
    }
}

/// A Bloom filter over n-grams of words.
#[pyclass(module = "cupel._kernels")]
struct Bloom {
    inner: bloom::Bloom,
}

#[pymethods]
impl Bloom {
    #[new]
    fn new(py: Python<'_>, ngrams: u64, false_positive_rate: f64) -> PyResult<Self> {
        let inner = py.detach(|| bloom::Bloom::new(ngrams, false_positive_rate)).map_err(to_python)?;
        Ok(Self { inner })
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        let inner = py.detach(|| bloom::Bloom::from_bytes(data)).map_err(to_python)?;
        Ok(Self { inner })
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let inner = &self.inner;
        PyBytes::new(py, &py.detach(|| inner.to_bytes()))
    }

    fn remember(&mut self, py: Python<'_>, earlier: &[u8]) -> PyResult<()> {
        let earlier = py.detach(|| bloom::Bloom::from_bytes(earlier)).map_err(to_python)?;
        self.inner.remember(earlier);
        Ok(())
    }

    #[staticmethod]
    fn bytes_for(ngrams: u64, false_positive_rate: f64) -> u64 {
        bloom::Bloom::bytes_for(ngrams, false_positive_rate)
    }

    fn fill(&self, py: Python<'_>) -> f64 {
        let inner = &self.inner;
        py.detach(|| inner.fill())
    }

    #[staticmethod]
    #[pyo3(signature = (text, *, ngram, unit=None))]
    fn count_ngrams<'py>(
        py: Python<'py>,
        text: PyArray,
        ngram: usize,
        unit: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let how = copies(ngram, 1, 1.0, unit)?;
        let counts = py.detach(|| how.count(text.array())).map_err(to_python)?;
        array(py, counts)
    }

    #[pyo3(signature = (text, *, ngram, min_words, threshold, unit=None, threads=1))]
    #[allow(clippy::too_many_arguments)]
    fn mark<'py>(
        &mut self,
        py: Python<'py>,
        text: PyArray,
        ngram: usize,
        min_words: usize,
        threshold: f64,
        unit: Option<&str>,
        threads: usize,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>, u64)> {
        let how = copies(ngram, min_words, threshold, unit)?;
        let inner = &mut self.inner;
        let marked = py.detach(|| how.mark(inner, text.array(), threads)).map_err(to_python)?;
        Ok((array(py, marked.spans)?, array(py, marked.seen)?, marked.ngrams))
    }
}

fn copies(
    ngram: usize,
    min_words: usize,
    threshold: f64,
    unit: Option<&str>,
) -> PyResult<bloom::NgramCopies> {
    let unit = unit.map(Unit::parse).transpose().map_err(to_python)?;
    Ok(bloom::NgramCopies { ngram, min_words, threshold, unit })
}

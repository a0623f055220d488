//! Supervised fastText models (Joulin et al. 2016): loading, labelling texts, training.
//!
//! A text's vector is the mean of the vectors of its words, of their character n-grams and of its word
//! n-grams; a loss turns it into probabilities of labels. Probabilities are fastText's own, to rounding.
//! The difference is the speed: a quantized matrix is dequantized once, where there are few labels it is
//! multiplied with the output matrix once, the sum of a word's vectors is cached, and texts are divided among
//! threads.

mod buckets;
mod bytes;
mod cache;
mod dictionary;
mod examples;
mod hash;
mod lines;
mod load;
mod matrix;
mod output;
mod save;
mod scores;
mod settings;
mod step;
mod train;
mod training;
mod tree;
mod words;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::builder::BooleanBufferBuilder;
use arrow_array::{Array, FixedSizeListArray, Float32Array, LargeStringArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field};

use crate::KernelError;
use crate::parallel::map_range;
use cache::{Key, NOT_A_WORD, WordCache};
use dictionary::END_OF_LINE;
use hash::{word_ngram_start, word_ngram_step};
use load::Parts;
use matrix::{add, prefetch};
pub use train::train;
pub use training::Training;
pub use words::Words;

/// Sums are carried into doubles after this many words, so that a long document loses nothing.
const WORDS_PER_BLOCK: u32 = 4096;
/// Texts that a thread labels at a time.
const TEXTS_AT_ONCE: usize = 64;
/// Rows of n-grams that are on their way from memory while one is added.
const ROWS_AHEAD: usize = 8;
/// How many words are looked at before the first of them is added.
const AHEAD: usize = 16;

/// A loaded model. Threads may share it; each takes memory of its own while it works.
pub struct FastText {
    parts: Parts,
    spare: Mutex<Vec<Work>>,
}

/// The most probable label of a text (its position in `labels`) and its probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    pub label: usize,
    pub probability: f64,
}

impl FastText {
    /// The model in `bytes`, a supervised `.bin` or `.ftz` file.
    ///
    /// # Errors
    /// `BadModel` where the bytes are not such a file.
    pub fn load(bytes: &[u8]) -> Result<Self, KernelError> {
        Ok(Self { parts: load::load(bytes)?, spare: Mutex::new(Vec::new()) })
    }

    /// The labels, without `__label__`, in the model's order.
    pub fn labels(&self) -> &[String] {
        &self.parts.dictionary.labels
    }

    /// The probability of each label, float32, one list per text, in the order of `labels`.
    ///
    /// A text is made one line first, as DCLM does. Its list is null, over NaN, if it is null or if the
    /// model has a vector for nothing in it; the end of the line is a word that most models have.
    ///
    /// # Errors
    /// `BadInput` where the probabilities do not fit in memory.
    pub fn classify(
        &self,
        text: &LargeStringArray,
        threads: NonZeroUsize,
    ) -> Result<FixedSizeListArray, KernelError> {
        let labels = self.labels().len();
        let too_large =
            || KernelError::BadInput(format!("{} texts × {labels} labels do not fit in memory", text.len()));
        let size = text.len().checked_mul(labels).ok_or_else(too_large)?;
        let mut values = Vec::new();
        values.try_reserve_exact(size).map_err(|_| too_large())?;
        let blocks = map_range(text.len().div_ceil(TEXTS_AT_ONCE), 1, threads, |block| {
            let rows = block * TEXTS_AT_ONCE..text.len().min((block + 1) * TEXTS_AT_ONCE);
            let mut probabilities = vec![f32::NAN; rows.len() * labels];
            let mut known = Vec::with_capacity(rows.len());
            self.with_work(|work| {
                for (row, own) in rows.zip(probabilities.chunks_exact_mut(labels)) {
                    known.push(!text.is_null(row) && self.probabilities(text.value(row), own, work));
                }
            });
            (probabilities, known)
        });
        let mut validity = BooleanBufferBuilder::new(text.len());
        for (probabilities, known) in blocks {
            values.extend_from_slice(&probabilities);
            validity.append_slice(&known);
        }
        FixedSizeListArray::try_new(
            Arc::new(Field::new("item", DataType::Float32, false)),
            labels as i32,
            Arc::new(Float32Array::from(values)),
            Some(NullBuffer::new(validity.finish())),
        )
        .map_err(|error| KernelError::BadInput(error.to_string()))
    }

    fn probabilities(&self, text: &str, out: &mut [f32], work: &mut Work) -> bool {
        let known = self.average(&lines::one_line(text), work);
        if known {
            self.parts.output.all(&self.parts.scores, &work.block, out);
        }
        known
    }

    /// The best label of one text; line breaks count as spaces, and nothing else is changed.
    pub(crate) fn best(&self, text: &str, work: &mut Work) -> Option<Prediction> {
        if !self.average(text, work) {
            return None;
        }
        let Parts { output, scores, .. } = &self.parts;
        let (label, score) = output.best(scores, self.labels().len(), &work.block, &mut work.scratch)?;
        // The logarithm is shifted, so a sure label comes out a little above one.
        Some(Prediction { label, probability: f64::from(score.exp()).min(1.0) })
    }

    /// Lends memory to work with; a later caller gets the same, with the words cached by then.
    pub(crate) fn with_work<T>(&self, run: impl FnOnce(&mut Work) -> T) -> T {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut work = spare.unwrap_or_else(|| Work::new(self.parts.input.width));
        let outcome = run(&mut work);
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(work);
        outcome
    }

    /// Leaves the text's vector in `work.block`; false where nothing in it has a vector.
    fn average(&self, text: &str, work: &mut Work) -> bool {
        work.clear();
        let mut words = Words::new(text.as_bytes());
        let mut ahead = [Ahead::default(); AHEAD];
        'line: loop {
            let mut count = 0;
            for (seen, (word, key)) in ahead.iter_mut().zip(&mut words) {
                let (slot, touched) = key.as_ref().map_or((0, 0), |key| work.cache.approach(key));
                work.touched ^= touched;
                *seen = Ahead { word, key, slot };
                count += 1;
            }
            for seen in &ahead[..count] {
                if seen.word == END_OF_LINE {
                    break 'line; // fastText takes a literal "</s>" for the end of the line
                }
                self.add_word(seen, work);
            }
            if count < AHEAD {
                break;
            }
        }
        self.add_word(&Ahead { word: END_OF_LINE, key: None, slot: 0 }, work);
        self.add_word_ngrams(work);
        work.carry();
        if work.rows == 0 {
            return false;
        }
        let scale = (1.0 / work.rows as f64) as f32;
        for (mean, sum) in work.block.iter_mut().zip(&work.total) {
            *mean = *sum as f32 * scale;
        }
        true
    }

    #[inline]
    fn add_word(&self, seen: &Ahead, work: &mut Work) {
        let parts = (&self.parts.dictionary, &self.parts.input);
        let word = match &seen.key {
            Some(key) => work.cache.look_up(seen.word, key, seen.slot, parts),
            None => work.cache.look_up_long(seen.word, parts),
        };
        if word.rows == NOT_A_WORD {
            return;
        }
        add(&mut work.block, word.sum);
        work.rows += u64::from(word.rows);
        if self.parts.word_ngrams > 1 {
            work.hashes.push(word.hash);
        }
        work.block_words += 1;
        if work.block_words == WORDS_PER_BLOCK {
            work.carry();
        }
    }

    /// Word n-grams, for models trained with them; lid.176 is not.
    fn add_word_ngrams(&self, work: &mut Work) {
        let Work { hashes, ngram_rows, .. } = work;
        ngram_rows.clear();
        for (start, &first) in hashes.iter().enumerate() {
            let mut hash = word_ngram_start(first);
            for &next in hashes[start + 1..].iter().take(self.parts.word_ngrams - 1) {
                hash = word_ngram_step(hash, next);
                ngram_rows.extend(self.parts.dictionary.row_of_hash(hash).map(|row| row as u32));
            }
        }
        let rows = std::mem::take(ngram_rows);
        for (at, &row) in rows.iter().enumerate() {
            if let Some(&ahead) = rows.get(at + ROWS_AHEAD) {
                prefetch(self.parts.input.row(ahead as usize));
            }
            add(&mut work.block, self.parts.input.row(row as usize));
            if at % WORDS_PER_BLOCK as usize == 0 {
                work.carry();
            }
        }
        work.rows += rows.len() as u64;
        work.ngram_rows = rows;
    }
}

/// A word that is about to be added.
#[derive(Clone, Copy, Default)]
struct Ahead<'a> {
    word: &'a [u8],
    key: Option<Key>,
    slot: u32,
}

/// What one thread needs while it labels texts.
pub(crate) struct Work {
    cache: WordCache,
    block: Vec<f32>,
    total: Vec<f64>,
    scratch: Vec<f32>,
    hashes: Vec<u32>,
    ngram_rows: Vec<u32>,
    block_words: u32,
    rows: u64,
    touched: u32,
}

impl Work {
    fn new(width: usize) -> Self {
        Self {
            cache: WordCache::new(width),
            block: vec![0.0; width],
            total: vec![0.0; width],
            scratch: Vec::new(),
            hashes: Vec::new(),
            ngram_rows: Vec::new(),
            block_words: 0,
            rows: 0,
            touched: 0,
        }
    }

    fn clear(&mut self) {
        self.block.fill(0.0);
        self.total.fill(0.0);
        self.hashes.clear();
        self.block_words = 0;
        self.rows = 0;
    }

    fn carry(&mut self) {
        for (total, block) in self.total.iter_mut().zip(&mut self.block) {
            *total += f64::from(*block);
            *block = 0.0;
        }
        self.block_words = 0;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests;

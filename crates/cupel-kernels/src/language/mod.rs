//! Language identification with a fastText model (Joulin et al. 2016), such as lid.176.
//!
//! The prediction is fastText's own: the mean of the vectors of words and their character n-grams,
//! then the best label of the hierarchical softmax. The difference is the speed: the input matrix
//! is dequantized once, and the sum of a word's vectors is cached.

mod bytes;
mod cache;
mod dictionary;
mod load;
mod matrix;
mod output;
mod plain;
mod settings;

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::builder::{Float64Builder, LargeStringBuilder};
use arrow_array::{Array, LargeStringArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};

use crate::KernelError;
use cache::{KEY_BYTES, Key, NOT_A_WORD, WordCache, add};
use dictionary::END_OF_LINE;
use load::Parts;

/// Sums are carried into doubles after this many words, so that a long document loses nothing.
const WORDS_PER_BLOCK: u32 = 4096;

/// A loaded model. Threads may share it; each takes a word cache of its own while it works.
pub struct LanguageModel {
    parts: Parts,
    caches: Mutex<Vec<WordCache>>,
}

/// A document's label (its position in `labels`) and probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    pub label: usize,
    pub probability: f64,
}

impl LanguageModel {
    /// The model in `bytes`, a fastText supervised `.bin` or `.ftz` file.
    ///
    /// # Errors
    /// `BadModel` where the bytes are not such a file.
    pub fn load(bytes: &[u8]) -> Result<Self, KernelError> {
        Ok(Self { parts: load::load(bytes)?, caches: Mutex::new(Vec::new()) })
    }

    /// The labels, without `__label__`, in the model's order.
    pub fn labels(&self) -> &[String] {
        &self.parts.dictionary.labels
    }

    /// Columns `language` (large_string) and `language_confidence` (float64), one row a text.
    ///
    /// A text without any word, and a null, has a null language and confidence 0. Of each text at
    /// most `max_bytes` are read, cut between code points. Unless `as_it_is`, letters are composed,
    /// spaces made plain and texts in capitals lower-cased first.
    ///
    /// # Errors
    /// `BadInput` where the columns cannot be put together.
    pub fn identify(
        &self,
        text: &LargeStringArray,
        max_bytes: Option<usize>,
        as_it_is: bool,
    ) -> Result<RecordBatch, KernelError> {
        let mut work = Work::new(self.take_cache(), self.parts.input.width);
        let mut languages = LargeStringBuilder::with_capacity(text.len(), text.len() * 3);
        let mut confidences = Float64Builder::with_capacity(text.len());
        for row in 0..text.len() {
            let prediction = if text.is_null(row) {
                None
            } else {
                let own = head(text.value(row), max_bytes);
                if as_it_is {
                    self.predict_with(own, &mut work)
                } else {
                    self.predict_with(&plain::plain(own), &mut work)
                }
            };
            languages.append_option(prediction.map(|best| &self.labels()[best.label]));
            confidences.append_value(prediction.map_or(0.0, |best| best.probability));
        }
        self.caches.lock().unwrap_or_else(PoisonError::into_inner).push(work.cache);
        let schema = Schema::new(vec![
            Field::new("language", DataType::LargeUtf8, true),
            Field::new("language_confidence", DataType::Float64, false),
        ]);
        RecordBatch::try_new(
            Arc::new(schema),
            vec![Arc::new(languages.finish()), Arc::new(confidences.finish())],
        )
        .map_err(|error| KernelError::BadInput(error.to_string()))
    }

    /// The best label of one text; line breaks count as spaces.
    pub fn predict(&self, text: &str) -> Option<Prediction> {
        let mut work = Work::new(self.take_cache(), self.parts.input.width);
        let prediction = self.predict_with(text, &mut work);
        self.caches.lock().unwrap_or_else(PoisonError::into_inner).push(work.cache);
        prediction
    }

    fn take_cache(&self) -> WordCache {
        let spare = self.caches.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| WordCache::new(self.parts.input.width))
    }

    fn predict_with(&self, text: &str, work: &mut Work) -> Option<Prediction> {
        work.clear();
        let mut words = Words::new(text.as_bytes());
        let mut ahead = [Ahead::default(); AHEAD];
        let mut any = false;
        'line: loop {
            let mut count = 0;
            for (seen, (word, key)) in ahead.iter_mut().zip(&mut words) {
                let (slot, touched) = key.as_ref().map_or((0, 0), |key| work.cache.approach(key));
                work.touched ^= touched;
                *seen = Ahead { word, key, slot };
                count += 1;
            }
            for seen in &ahead[..count] {
                any = true;
                if seen.word == END_OF_LINE {
                    break 'line; // fastText takes a literal "</s>" for the end of the line
                }
                self.add_word(seen, work);
            }
            if count < AHEAD {
                break;
            }
        }
        if !any {
            return None;
        }
        self.add_word(&Ahead { word: END_OF_LINE, key: None, slot: 0 }, work);
        self.add_word_ngrams(work);
        work.carry();
        if work.rows == 0 {
            return None;
        }
        let scale = (1.0 / work.rows as f64) as f32;
        for (mean, sum) in work.block.iter_mut().zip(&work.total) {
            *mean = *sum as f32 * scale;
        }
        let Parts { output, output_matrix, .. } = &self.parts;
        let (label, score) =
            output.best(output_matrix, self.labels().len(), &work.block, &mut work.scratch)?;
        // The logarithm is shifted, so a sure label comes out a little above one.
        Some(Prediction { label, probability: f64::from(score.exp()).min(1.0) })
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
        let hashes = std::mem::take(&mut work.hashes);
        for (start, &first) in hashes.iter().enumerate() {
            let mut hash = first as i32 as u64;
            for &next in hashes[start + 1..].iter().take(self.parts.word_ngrams - 1) {
                hash = hash.wrapping_mul(116_049_371).wrapping_add(next as i32 as u64);
                if let Some(row) = self.parts.dictionary.row_of_hash(hash) {
                    add(&mut work.block, self.parts.input.row(row));
                    work.rows += 1;
                }
            }
            if start.is_multiple_of(WORDS_PER_BLOCK as usize) {
                work.carry();
            }
        }
        work.hashes = hashes;
    }
}

/// How many words are looked at before the first of them is added.
const AHEAD: usize = 16;

/// A word that is about to be added.
#[derive(Clone, Copy, Default)]
struct Ahead<'a> {
    word: &'a [u8],
    key: Option<Key>,
    slot: u32,
}

/// What one thread needs while it predicts.
struct Work {
    cache: WordCache,
    block: Vec<f32>,
    total: Vec<f64>,
    scratch: Vec<f32>,
    hashes: Vec<u32>,
    block_words: u32,
    rows: u64,
    touched: u32,
}

impl Work {
    fn new(cache: WordCache, width: usize) -> Self {
        Self {
            cache,
            block: vec![0.0; width],
            total: vec![0.0; width],
            scratch: Vec::new(),
            hashes: Vec::new(),
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

/// The first `max_bytes` of a text, less what would cut a code point.
fn head(text: &str, max_bytes: Option<usize>) -> &str {
    match max_bytes {
        Some(max) if max < text.len() => {
            let cut = (0..=max).rev().find(|&cut| text.is_char_boundary(cut)).unwrap_or(0);
            &text[..cut]
        }
        _ => text,
    }
}

/// fastText's words: what stands between spaces, tabs, line breaks, form feeds and zero bytes.
struct Words<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Words<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }
}

#[inline]
fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r' | 0)
}

impl<'a> Iterator for Words<'a> {
    type Item = (&'a [u8], Option<Key>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let text = self.text;
        let mut start = self.at;
        while start < text.len() && is_separator(text[start]) {
            start += 1;
        }
        if start == text.len() {
            return None;
        }
        let end = word_end(text, start);
        self.at = end;
        let word = &text[start..end];
        let key = match text[start..].first_chunk::<KEY_BYTES>() {
            Some(window) if word.len() <= KEY_BYTES => Some(masked_key(window, word.len())),
            _ => short_key(word),
        };
        Some((word, key))
    }
}

/// Where the word that begins at `start` ends. Eight bytes are looked at together: the lowest mark
/// is the first byte of at most 0x20, which is nearly always a separator.
#[inline]
fn word_end(text: &[u8], start: usize) -> usize {
    const LOW: u64 = 0x2121_2121_2121_2121;
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    let mut end = start;
    while let Some(window) = text[end..].first_chunk::<8>() {
        let window = u64::from_le_bytes(*window);
        let marks = window.wrapping_sub(LOW) & !window & HIGH_BITS;
        if marks == 0 {
            end += 8;
            continue;
        }
        end += marks.trailing_zeros() as usize / 8;
        if is_separator(text[end]) {
            return end;
        }
        end += 1;
    }
    while end < text.len() && !is_separator(text[end]) {
        end += 1;
    }
    end
}

/// The key of a word of `length` bytes at the start of `window`.
#[inline]
fn masked_key(window: &[u8; KEY_BYTES], length: usize) -> Key {
    let mut key = [0; KEY_BYTES / 8];
    for (part, bytes) in window.as_chunks::<8>().0.iter().enumerate() {
        if part * 8 >= length {
            break;
        }
        let held = (length - part * 8).min(8);
        key[part] = u64::from_le_bytes(*bytes) & (u64::MAX >> (64 - 8 * held));
    }
    key
}

/// The key of a word near the end of the text; none where it is too long for one.
fn short_key(word: &[u8]) -> Option<Key> {
    let mut window = [0; KEY_BYTES];
    window.get_mut(..word.len())?.copy_from_slice(word);
    Some(masked_key(&window, word.len()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

//! What of a model's training settings matters to prediction.

use super::bytes::{Reader, bad};
use crate::KernelError;

pub const SUPERVISED: i32 = 3;
/// Longest n-gram that a model may use; fastText's own settings stay below 10.
pub const LONGEST_NGRAM: usize = 32;

/// What of the training settings matters to prediction.
pub struct Settings {
    pub columns: usize,
    pub loss: i32,
    pub word_ngrams: usize,
    pub buckets: usize,
    pub min_ngram: usize,
    pub max_ngram: usize,
}

impl Settings {
    pub fn read(reader: &mut Reader, version: i32) -> Result<Self, KernelError> {
        const MAX_NGRAM: i32 = LONGEST_NGRAM as i32;
        let columns = reader.size32("its dimension", 1, i32::MAX)?;
        for _ in 0..4 {
            reader.i32("its settings")?; // window, epochs, min count, negatives
        }
        let word_ngrams = reader.size32("its word n-grams", 0, MAX_NGRAM)?;
        let loss = reader.i32("its loss")?;
        let kind = reader.i32("its kind")?;
        if kind != SUPERVISED {
            return Err(bad("it was not trained to predict labels".to_string()));
        }
        let buckets = reader.size32("its buckets", 0, i32::MAX)?;
        let min_ngram = reader.size32("its shortest n-gram", 0, MAX_NGRAM)?;
        let max_ngram = reader.size32("its longest n-gram", 0, MAX_NGRAM)?;
        reader.i32("its settings")?; // learning-rate update
        reader.i64("its settings")?; // sampling threshold
        let max_ngram = if version == 11 { 0 } else { max_ngram };
        if buckets == 0 && (max_ngram > 0 || word_ngrams > 1) {
            return Err(bad("it has n-grams but no buckets".to_string()));
        }
        Ok(Self { columns, loss, word_ngrams, buckets, min_ngram, max_ngram })
    }
}

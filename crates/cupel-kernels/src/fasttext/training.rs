//! How a classifier is trained.

/// How to train.
#[derive(Debug, Clone)]
pub struct Training {
    /// Floats of a vector.
    pub dim: usize,
    pub epochs: usize,
    /// The learning rate of the first text; that of the last is zero.
    pub learning_rate: f32,
    /// Longest word n-gram; 1 for words alone.
    pub word_ngrams: usize,
    /// Words seen less often have no vector of their own.
    pub min_count: u64,
    /// Shortest and longest character n-gram; none where `max_subword` is 0.
    pub min_subword: usize,
    pub max_subword: usize,
    /// Rows that n-grams share; by default one per 32 tokens, within bounds.
    pub buckets: Option<usize>,
    pub seed: u64,
}

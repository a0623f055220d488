//! What a caller chooses.

use crate::text::Segmentation;

/// How a text is measured.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub segmentation: Segmentation,
    /// Stop words; Gopher's eight where none are given.
    pub stop_words: Option<Vec<String>>,
    /// Bad words and phrases; none where none are given.
    pub bad_words: Option<Vec<String>>,
}

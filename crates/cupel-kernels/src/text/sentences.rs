//! Sentence segmentation.

/// How many sentences `text` holds; zero where it is blank.
pub fn sentence_count(text: &str) -> usize {
    sentences(text).count()
}

/// The sentences of `text`.
pub fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['.', '!', '?'])
        .map(str::trim)
        .filter(|sentence| !sentence.is_empty())
}

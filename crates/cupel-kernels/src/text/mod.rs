//! Splitting text: words, lines, paragraphs, sentences.

pub mod sentences;

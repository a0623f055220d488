//! Splitting text: words, lines, paragraphs, sentences.

pub mod blocks;
mod glue;
pub mod lines;
pub mod properties;
pub mod segments;
pub mod sentences;
pub mod tokens;
mod word_break_table;
pub mod words;

pub use words::{Segmentation, Spans, Words};

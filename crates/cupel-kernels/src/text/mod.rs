//! Splitting text: words, lines, paragraphs, sentences.

pub mod blocks;
pub mod c4_phrases;
pub mod charset;
mod glue;
pub mod lines;
mod positions;
pub mod properties;
pub mod segments;
pub mod sentences;
mod spans;
pub mod tokens;
pub mod view;
mod word_break;
mod word_break_table;
pub mod words;

pub use spans::{Segmentation, Spans};
pub use words::Words;

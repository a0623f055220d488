//! N-gram language models of words: interpolated Kneser-Ney, its counts kept by hashes of 64 bits.

mod entries;
mod file;
mod model;

pub use model::{MAX_ORDER, NgramModel};

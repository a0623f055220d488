//! Writing a fastText `.bin` file, version 12.

use super::examples::{Examples, Tokens};
use super::load::{MAGIC, SOFTMAX, VERSION};
use super::settings::SUPERVISED;
use super::training::Training;

/// What training made.
pub struct Trained<'a> {
    pub examples: &'a Examples,
    /// Numbers of the words that have rows, in the order of their rows.
    pub words: Vec<u32>,
    /// Numbers of the labels, in the order of their rows.
    pub labels: Vec<u32>,
    pub how: &'a Training,
    pub buckets: usize,
    /// Rows of `stride` floats, of which the first `how.dim` count.
    pub input: Vec<f32>,
    pub output: Vec<f32>,
    pub stride: usize,
}

/// The model file. Everything in it is little-endian.
pub fn save(model: &Trained) -> Vec<u8> {
    let Trained { examples, words, labels, how, buckets, input, output, stride } = model;
    let mut file = Vec::with_capacity((input.len() + output.len()) / stride * how.dim * 4 + words.len() * 24);
    let ints = |file: &mut Vec<u8>, values: &[i32]| {
        values.iter().for_each(|value| file.extend_from_slice(&value.to_le_bytes()));
    };
    let [dim, epochs, ngrams, buckets, min_subword, max_subword] =
        [how.dim, how.epochs, how.word_ngrams, *buckets, how.min_subword, how.max_subword]
            .map(|value| value as i32);
    ints(&mut file, &[MAGIC, VERSION]);
    // Window and negatives are fastText's defaults; a softmax uses neither.
    let (window, negatives, rate_updates) = (5, 5, 100);
    ints(&mut file, &[dim, window, epochs, how.min_count as i32, negatives, ngrams, SOFTMAX, SUPERVISED]);
    ints(&mut file, &[buckets, min_subword, max_subword, rate_updates]);
    file.extend_from_slice(&1e-4_f64.to_le_bytes()); // the sampling threshold, not used either
    ints(&mut file, &[(words.len() + labels.len()) as i32, words.len() as i32, labels.len() as i32]);
    file.extend_from_slice(&(examples.token_count() as i64).to_le_bytes());
    file.extend_from_slice(&(-1_i64).to_le_bytes()); // not pruned
    entries(&mut file, &examples.tokens, words, b"", 0);
    entries(&mut file, &examples.labels, labels, super::dictionary::LABEL_PREFIX, 1);
    for values in [input, output] {
        file.push(0); // not quantized
        file.extend_from_slice(&((values.len() / stride) as i64).to_le_bytes());
        file.extend_from_slice(&i64::from(dim).to_le_bytes());
        for row in values.chunks_exact(*stride) {
            row[..how.dim].iter().for_each(|value| file.extend_from_slice(&value.to_le_bytes()));
        }
    }
    file
}

fn entries(file: &mut Vec<u8>, tokens: &Tokens, numbers: &[u32], prefix: &[u8], kind: u8) {
    for &number in numbers {
        let entry = &tokens.entries[number as usize];
        file.extend_from_slice(prefix);
        file.extend_from_slice(&entry.bytes);
        file.push(0);
        file.extend_from_slice(&entry.count.to_le_bytes());
        file.push(kind);
    }
}

//! Words as tokens of eight bytes, so that passages of words are found as passages of bytes are.

use arrow_array::builder::LargeBinaryBuilder;
use arrow_array::{Array, LargeBinaryArray, LargeListArray};

use super::column::Texts;
use super::spans::SpanLists;
use super::word_hashes::for_each_word_hash;
use super::words::WordRules;
use crate::KernelError;

/// Bytes of a token.
pub const WORD_TOKEN_BYTES: usize = 8;

/// For each text the XXH3-64 hashes of its words, little endian, one after the other; empty for null.
///
/// # Errors
/// `BadInput` for anything but a text column.
pub fn word_tokens(text: &dyn Array) -> Result<LargeBinaryArray, KernelError> {
    let texts = Texts::new(text)?;
    let mut tokens = LargeBinaryBuilder::new();
    let mut row = Vec::new();
    for text in (0..texts.len()).map(|row| texts.get(row).unwrap_or_default()) {
        row.clear();
        for_each_word_hash(text, WordRules::DISTINCT, |hash, _, _| {
            row.extend_from_slice(&hash.to_le_bytes())
        });
        tokens.append_value(&row);
    }
    Ok(tokens.finish())
}

/// For each text where its words stand, in bytes; one for each token of `word_tokens`.
///
/// # Errors
/// `BadInput` for anything but a text column.
pub fn word_places(text: &dyn Array) -> Result<LargeListArray, KernelError> {
    let texts = Texts::new(text)?;
    let mut places = SpanLists::new();
    for row in 0..texts.len() {
        for_each_word_hash(texts.get(row).unwrap_or_default(), WordRules::DISTINCT, |_, start, stop| {
            places.push_apart(start, stop);
        });
        places.end_row();
    }
    places.finish()
}

#[cfg(test)]
mod tests {
    use arrow_array::LargeStringArray;

    use super::*;

    #[test]
    fn a_token_for_each_word_wherever_it_stands() {
        let texts = LargeStringArray::from(vec![Some("Café, 東京 7!"), None, Some("  CAFE")]);
        let tokens = word_tokens(&texts).unwrap();
        assert_eq!(tokens.value(0).len(), 4 * WORD_TOKEN_BYTES);
        assert_eq!(tokens.value(1), b"");
        assert_eq!(tokens.value(2), &tokens.value(0)[..WORD_TOKEN_BYTES]);
        let places = word_places(&texts).unwrap();
        assert_eq!(places.value_offsets(), [0, 4, 4, 5]);
        assert!(word_tokens(&arrow_array::Int64Array::from(vec![1])).is_err());
    }
}

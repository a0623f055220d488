//! Hashes of normalised text, for exact deduplication.

use arrow_array::{Array, FixedSizeBinaryArray};
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::column::Texts;
use super::hash::hashes;
use crate::KernelError;

/// What counts as the same text. Carried out in the order of the fields.
#[derive(Debug, Clone, Copy)]
pub struct Normalization {
    /// Unicode normalisation form C: `e` and a combining accent equal `é`.
    pub nfc: bool,
    /// Lower case, character by character.
    pub lowercase: bool,
    /// Drop every character that is no letter, digit, mark or white space.
    pub strip_punctuation: bool,
    /// Every run of white space is one space, and none stands at the ends.
    pub collapse_white_space: bool,
}

impl Default for Normalization {
    fn default() -> Self {
        Self { nfc: true, lowercase: false, strip_punctuation: false, collapse_white_space: true }
    }
}

/// XXH3-128 of each normalised text, 16 big-endian bytes; null for null.
pub fn normalized_hash(text: &dyn Array, how: Normalization) -> Result<FixedSizeBinaryArray, KernelError> {
    let texts = Texts::new(text)?;
    let mut writer = Writer::new(how);
    hashes(texts.len(), |row| texts.get(row).map(|text| writer.hash(text)))
}

const CHUNK_BYTES: usize = 64 * 1024;
const BLOCK: usize = 32;
const BLOCK_AND_NEXT: usize = BLOCK + 1;

/// Whether a block is ASCII and has no white space but single spaces, the byte after it taken into account.
fn is_plain(block: &[u8; BLOCK_AND_NEXT]) -> bool {
    // Without branches, so that all bytes are looked at at once.
    let mut other = 0_u8;
    for place in 0..BLOCK {
        let (byte, next) = (block[place], block[place + 1]);
        let space_before_more = u8::from(byte == b' ') & u8::from(!(b'!'..=b'~').contains(&next));
        other |= u8::from(byte.wrapping_sub(9) < 5) | byte >> 7 | space_before_more;
    }
    other == 0
}

/// Whether a block is ASCII and each white space in it is followed by something else.
fn is_single_spaced(block: &[u8; BLOCK_AND_NEXT]) -> bool {
    let mut other = 0_u8;
    for place in 0..BLOCK {
        let (byte, next) = (block[place], block[place + 1]);
        other |= (is_white(byte) & u8::from(!(b'!'..=b'~').contains(&next))) | byte >> 7;
    }
    other == 0
}

/// 1 for ASCII white space, U+000B among it, else 0.
fn is_white(byte: u8) -> u8 {
    u8::from(byte == b' ') | u8::from(byte.wrapping_sub(9) < 5)
}

/// `is_plain` for a whole text that has no space at its ends: it is its own normalised form.
fn is_plain_text(text: &[u8]) -> bool {
    if text.first() == Some(&b' ') || text.last() == Some(&b' ') {
        return false;
    }
    let mut rest = text;
    while let Some(block) = rest.first_chunk::<BLOCK_AND_NEXT>() {
        if !is_plain(block) {
            return false;
        }
        rest = &rest[BLOCK..];
    }
    let mut last = [b'!'; BLOCK_AND_NEXT];
    last[..rest.len()].copy_from_slice(rest);
    is_plain(&last)
}

/// Whether a text is surely in form C. ASCII and what lies below the first combining mark needs no look.
fn is_nfc(text: &str) -> bool {
    let mut rest = text;
    while let Some(block) = rest.as_bytes().first_chunk::<BLOCK>() {
        if block.is_ascii() {
            rest = &rest[BLOCK..];
            continue;
        }
        let end = (BLOCK..).find(|&end| rest.is_char_boundary(end)).unwrap_or(rest.len());
        if !rest[..end].chars().all(is_composed) {
            return is_nfc_quick(text.chars()) == IsNormalized::Yes;
        }
        rest = &rest[end..];
    }
    rest.chars().all(is_composed) || is_nfc_quick(text.chars()) == IsNormalized::Yes
}

/// Whether a character is in form C whatever stands around it.
fn is_composed(c: char) -> bool {
    // What text is full of, so that most characters need no table: quotation marks and dashes, ideographs.
    matches!(c, ..'\u{300}' | '\u{2010}'..='\u{2027}' | '\u{4E00}'..='\u{9FFF}')
        || (canonical_combining_class(c) == 0 && is_nfc_quick(std::iter::once(c)) == IsNormalized::Yes)
}

/// Writes normalised text chunk by chunk, so that a huge text is never copied whole.
pub(super) struct Writer {
    how: Normalization,
    buffer: Vec<u8>,
    state: Xxh3,
    streaming: bool,
    // A space that is due once another character follows.
    space: bool,
    begun: bool,
}

impl Writer {
    pub(super) fn new(how: Normalization) -> Self {
        let buffer = Vec::with_capacity(CHUNK_BYTES + 64);
        Self { how, buffer, state: Xxh3::new(), streaming: false, space: false, begun: false }
    }

    /// Whether nothing but white space and composition is changed.
    fn copies(&self) -> bool {
        self.how.collapse_white_space && !self.how.lowercase && !self.how.strip_punctuation
    }

    pub(super) fn hash(&mut self, text: &str) -> u128 {
        if self.copies() && is_plain_text(text.as_bytes()) {
            return xxh3_128(text.as_bytes());
        }
        self.buffer.clear();
        (self.streaming, self.space, self.begun) = (false, false, false);
        if self.how.nfc && !is_nfc(text) {
            text.nfc().for_each(|c| self.character(c));
        } else {
            self.blocks(text);
        }
        if !self.streaming {
            return xxh3_128(&self.buffer);
        }
        self.state.update(&self.buffer);
        self.state.digest128()
    }

    /// Text that is composed already: what has nothing to change is copied as it is.
    fn blocks(&mut self, text: &str) {
        if !self.copies() {
            return text.chars().for_each(|c| self.character(c));
        }
        let mut rest = text;
        while let Some(block) = rest.as_bytes().first_chunk::<BLOCK_AND_NEXT>() {
            if is_single_spaced(block) && (is_white(block[0]) == 0 || (self.begun && !self.space)) {
                let mut spaced = [0; BLOCK];
                for place in 0..BLOCK {
                    spaced[place] = if is_white(block[place]) == 1 { b' ' } else { block[place] };
                }
                self.write(&spaced);
                rest = &rest[BLOCK..];
            } else {
                let end = (BLOCK..).find(|&end| rest.is_char_boundary(end)).unwrap_or(rest.len());
                self.words(&rest[..end]);
                rest = &rest[end..];
            }
        }
        self.words(rest);
    }

    /// Text that is composed already, from one white space to the next.
    fn words(&mut self, text: &str) {
        let mut from = 0;
        for (at, c) in text.char_indices().filter(|(_, c)| c.is_whitespace()) {
            if from < at {
                self.write(&text.as_bytes()[from..at]);
            }
            self.space = self.begun;
            from = at + c.len_utf8();
        }
        if from < text.len() {
            self.write(&text.as_bytes()[from..]);
        }
    }

    fn ascii(&mut self, byte: u8) {
        // U+000B is white space to Unicode, though not to `is_ascii_whitespace`.
        if byte.is_ascii_whitespace() || byte == 0x0B {
            self.white_space(&[byte]);
        } else if !self.how.strip_punctuation || byte.is_ascii_alphanumeric() {
            self.write(&[if self.how.lowercase { byte.to_ascii_lowercase() } else { byte }]);
        }
    }

    fn character(&mut self, c: char) {
        if c.is_ascii() {
            return self.ascii(c as u8);
        }
        let mut bytes = [0; 4];
        if c.is_whitespace() {
            self.white_space(c.encode_utf8(&mut bytes).as_bytes());
        } else if self.how.strip_punctuation && !c.is_alphanumeric() && !is_combining_mark(c) {
        } else if self.how.lowercase {
            for lower in c.to_lowercase() {
                self.write(lower.encode_utf8(&mut bytes).as_bytes());
            }
        } else {
            self.write(c.encode_utf8(&mut bytes).as_bytes());
        }
    }

    fn white_space(&mut self, bytes: &[u8]) {
        if self.how.collapse_white_space {
            self.space = self.begun;
        } else {
            self.write(bytes);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.space {
            self.buffer.push(b' ');
            self.space = false;
        }
        self.begun = true;
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK_BYTES {
            if !self.streaming {
                self.state.reset();
                self.streaming = true;
            }
            self.state.update(&self.buffer);
            self.buffer.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::StringArray;
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str, how: Normalization) -> Vec<u8> {
        normalized_hash(&StringArray::from(vec![text]), how).unwrap().value(0).to_vec()
    }

    #[test]
    fn default_joins_composed_and_spaced_alike() {
        let how = Normalization::default();
        assert_eq!(one(" Cafe\u{301}\n\n東京\u{a0}", how), one("Café 東京", how));
        assert_ne!(one("café", how), one("Café", how));
        assert_ne!(one("a b", how), one("ab", how));
    }

    #[test]
    fn options_do_what_they_say() {
        let lower = Normalization { lowercase: true, ..Default::default() };
        assert_eq!(one("CAFÉ", lower), one("café", lower));
        let bare = Normalization { strip_punctuation: true, ..Default::default() };
        assert_eq!(one("“It's” — fine!", bare), one("Its fine", bare));
    }

    #[test]
    fn characters_that_need_no_table_are_composed() {
        for c in ('\u{0}'..='\u{2FF}').chain('\u{2010}'..='\u{2027}').chain('\u{4E00}'..='\u{9FFF}') {
            assert!(canonical_combining_class(c) == 0, "{c:?}");
            assert!(is_nfc_quick(std::iter::once(c)) == IsNormalized::Yes, "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn equals_the_plain_definition(text in any::<String>()) {
            let plain: String = text.nfc().collect();
            let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
            let expected = xxh3_128(plain.as_bytes()).to_be_bytes();
            prop_assert_eq!(one(&text, Normalization::default()), expected.to_vec());
        }

        #[test]
        fn blocks_equal_the_plain_definition(
            text in "([a-z]{1,9}[ ]{1,2}|é|e\u{301}|\u{a0}|\t|\n|\u{b}|東|\u{2003}|한|.){0,60}"
        ) {
            let plain: String = text.nfc().collect();
            let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
            let expected = xxh3_128(plain.as_bytes()).to_be_bytes();
            prop_assert_eq!(one(&text, Normalization::default()), expected.to_vec());
        }

        #[test]
        fn long_text_is_hashed_alike(text in "[a-zé ]{1,9}", times in 20_000_usize..30_000) {
            let long = text.repeat(times);
            let plain = long.split_whitespace().collect::<Vec<_>>().join(" ");
            let expected = xxh3_128(plain.as_bytes()).to_be_bytes();
            prop_assert_eq!(one(&long, Normalization::default()), expected.to_vec());
        }
    }
}

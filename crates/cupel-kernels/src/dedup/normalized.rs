//! Hashes of normalized text, for exact deduplication.

use arrow_array::{Array, FixedSizeBinaryArray};
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::characters::{fold_case, is_invisible, is_operator, is_symbol};
use super::column::Texts;
use super::hash::hashes;
use crate::KernelError;

/// What counts as the same text. Carried out in the order of the fields.
#[derive(Debug, Clone, Copy)]
pub struct Normalization {
    /// Drop characters without a form of their own: soft hyphens, zero-width spaces, byte order marks.
    pub drop_invisible: bool,
    /// Unicode normalization form C: `e` and a combining accent equal `é`.
    pub nfc: bool,
    /// Fold case in full (Unicode's canonical caseless matching, with `nfc`): `ß` equals `SS`.
    pub lowercase: bool,
    /// Every digit, and every other numeric character, is 0: dates and counts do not tell texts apart.
    pub zero_digits: bool,
    /// Drop punctuation. Symbols and operators stay, and a text of nothing else stays as it is.
    pub strip_punctuation: bool,
    /// Every run of white space is one space, and none stands at the ends.
    pub collapse_white_space: bool,
}

impl Default for Normalization {
    fn default() -> Self {
        Self {
            drop_invisible: true,
            nfc: true,
            lowercase: false,
            zero_digits: false,
            strip_punctuation: false,
            collapse_white_space: true,
        }
    }
}

/// XXH3-128 of each normalized text, 16 big-endian bytes; null for null.
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

/// `is_plain` for a whole text that has no space at its ends: it is its own normalized form.
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

/// Whether a text is surely in form C and has no invisible character. ASCII needs no look.
fn is_settled(text: &str) -> bool {
    let mut rest = text;
    while let Some(block) = rest.as_bytes().first_chunk::<BLOCK>() {
        if block.is_ascii() {
            rest = &rest[BLOCK..];
            continue;
        }
        let end = (BLOCK..).find(|&end| rest.is_char_boundary(end)).unwrap_or(rest.len());
        if !rest[..end].chars().all(is_settled_alone) {
            return is_settled_together(text);
        }
        rest = &rest[end..];
    }
    rest.chars().all(is_settled_alone) || is_settled_together(text)
}

fn is_settled_together(text: &str) -> bool {
    is_nfc_quick(text.chars()) == IsNormalized::Yes && !text.chars().any(is_invisible)
}

/// Whether a character is visible, and in form C whatever stands around it.
fn is_settled_alone(c: char) -> bool {
    // What text is full of, so that most characters need no table: quotation marks and dashes, ideographs.
    matches!(c, '\0'..='\u{AC}' | '\u{AE}'..='\u{2FF}' | '\u{2010}'..='\u{2027}' | '\u{4E00}'..='\u{9FFF}')
        || (canonical_combining_class(c) == 0
            && !is_invisible(c)
            && is_nfc_quick(std::iter::once(c)) == IsNormalized::Yes)
}

/// Folds the case of characters, and drops the dot that an `i` has anyway.
fn folded(characters: impl Iterator<Item = char>, mut take: impl FnMut(char)) {
    let mut last = '\0';
    characters.for_each(|c| {
        fold_case(c, |part| {
            if part != '\u{307}' || last != 'i' {
                take(part);
            }
            last = part;
        });
    });
}

/// Gives the characters of a text without what is invisible, composed and folded.
fn each_character(text: &str, how: Normalization, mut take_last: impl FnMut(char)) {
    let mut take = |c: char| take_last(if how.zero_digits && c.is_numeric() { '0' } else { c });
    let visible = text.chars().filter(|&c| !(how.drop_invisible && is_invisible(c)));
    match (how.nfc, how.lowercase) {
        (true, true) => {
            // Folding can take letters apart, so that composing comes last; it needs them apart itself.
            let mut apart = String::with_capacity(text.len());
            folded(visible.nfd(), |c| apart.push(c));
            apart.nfc().for_each(take);
        }
        (true, false) => visible.nfc().for_each(take),
        (false, true) => folded(visible, take),
        (false, false) => visible.for_each(&mut take),
    }
}

/// Writes normalized text chunk by chunk, so that a huge text is never copied whole.
pub(super) struct Writer {
    how: Normalization,
    buffer: Vec<u8>,
    // A text before its punctuation is stripped.
    whole: String,
    state: Xxh3,
    streaming: bool,
    // A space that is due once another character follows.
    space: bool,
    begun: bool,
}

impl Writer {
    pub(super) fn new(how: Normalization) -> Self {
        let buffer = Vec::with_capacity(CHUNK_BYTES + 64);
        Self {
            how,
            buffer,
            whole: String::new(),
            state: Xxh3::new(),
            streaming: false,
            space: false,
            begun: false,
        }
    }

    /// Whether nothing but white space and composition is changed.
    fn copies(&self) -> bool {
        let how = self.how;
        how.collapse_white_space && !how.lowercase && !how.zero_digits && !how.strip_punctuation
    }

    pub(super) fn hash(&mut self, text: &str) -> u128 {
        if self.copies() && is_plain_text(text.as_bytes()) {
            return xxh3_128(text.as_bytes());
        }
        self.restart();
        if self.how.strip_punctuation {
            self.stripped(text);
        } else if self.copies() && is_settled(text) {
            self.blocks(text);
        } else if self.how.lowercase && !self.how.zero_digits && text.is_ascii() {
            text.bytes().for_each(|byte| self.ascii(byte.to_ascii_lowercase()));
        } else {
            let how = self.how;
            each_character(text, how, |c| self.character(c));
        }
        if !self.streaming {
            return xxh3_128(&self.buffer);
        }
        self.state.update(&self.buffer);
        self.state.digest128()
    }

    fn restart(&mut self) {
        self.buffer.clear();
        (self.streaming, self.space, self.begun) = (false, false, false);
    }

    /// Text without punctuation; as it is, if nothing would be left.
    fn stripped(&mut self, text: &str) {
        let mut whole = std::mem::take(&mut self.whole);
        whole.clear();
        each_character(text, self.how, |c| whole.push(c));
        let mut any = false;
        for (at, c) in whole.char_indices() {
            let says_something = if c.is_ascii() {
                c.is_ascii_alphanumeric() || is_operator(whole.as_bytes(), at)
            } else {
                c.is_alphanumeric() || is_combining_mark(c) || is_symbol(c)
            };
            any |= says_something;
            if says_something || c.is_whitespace() {
                self.character(c);
            }
        }
        if !any {
            self.restart();
            whole.chars().for_each(|c| self.character(c));
        }
        self.whole = whole;
    }

    /// Text that is composed already: what has nothing to change is copied as it is.
    fn blocks(&mut self, text: &str) {
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
        } else {
            self.write(&[byte]);
        }
    }

    fn character(&mut self, c: char) {
        if c.is_ascii() {
            return self.ascii(c as u8);
        }
        let mut bytes = [0; 4];
        let encoded = c.encode_utf8(&mut bytes).as_bytes();
        if c.is_whitespace() {
            self.white_space(encoded);
        } else {
            self.write(encoded);
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

    fn hash_of(text: &str, how: Normalization) -> Vec<u8> {
        normalized_hash(&StringArray::from(vec![text]), how).unwrap().value(0).to_vec()
    }

    #[test]
    fn default_joins_composed_and_spaced_alike() {
        let how = Normalization::default();
        assert_eq!(hash_of(" Cafe\u{301}\n\n東京\u{a0}", how), hash_of("Café 東京", how));
        assert_ne!(hash_of("café", how), hash_of("Café", how));
        assert_ne!(hash_of("a b", how), hash_of("ab", how));
    }

    #[test]
    fn options_do_what_they_say() {
        let lower = Normalization { lowercase: true, ..Default::default() };
        assert_eq!(hash_of("CAFÉ", lower), hash_of("café", lower));
        for (upper, small) in [
            ("STRASSE", "straße"),
            ("ΟΔΟΣ", "οδος"),
            ("İSTANBUL IŞIK", "istanbul ışık"),
            ("ﬁne", "FINE"),
            ("\u{3AA}\u{301}", "\u{1FD3}"),
            ("I\u{307}", "i"),
            ("J\u{30C}", "ǰ"),
        ] {
            assert_eq!(hash_of(upper, lower), hash_of(small, lower), "{upper} {small}");
        }
        let undated = Normalization { zero_digits: true, ..Default::default() };
        assert_eq!(hash_of("Posted 3 May 2019", undated), hash_of("Posted 7 May 2021", undated));
        assert_eq!(hash_of("٣ مايو", undated), hash_of("7 مايو", undated));
        assert_ne!(hash_of("Posted 3 May", undated), hash_of("Posted 13 May", undated));
        assert_ne!(hash_of("Posted 3 May", undated), hash_of("posted 3 May", undated));
        let bare = Normalization { strip_punctuation: true, ..Default::default() };
        assert_eq!(hash_of("“It's” — fine!", bare), hash_of("Its fine", bare));
        for (left, right) in
            [("C", "C++"), ("C", "C#"), ("a < b", "a > b"), ("1 + 2", "1 / 2"), ("???", "!!!"), ("!", "")]
        {
            assert_ne!(hash_of(left, bare), hash_of(right, bare), "{left} {right}");
        }
        let kept = Normalization { drop_invisible: false, ..Default::default() };
        assert_ne!(hash_of("so\u{AD}ft", kept), hash_of("soft", kept));
    }

    #[test]
    fn invisible_characters_do_not_hide_a_copy() {
        let how = Normalization::default();
        let long = "A text of more than thirty-two bytes, so that blocks are taken. ";
        for mark in ["\u{AD}", "\u{200B}", "\u{200D}", "\u{FEFF}", "\u{2060}", "\u{FE0F}", "\u{202C}"] {
            assert_eq!(
                hash_of(&format!("{long}so{mark}ft東京"), how),
                hash_of(&format!("{long}soft東京"), how)
            );
            assert_eq!(hash_of(&format!("e{mark}\u{301}"), how), hash_of("é", how));
        }
        assert_eq!(hash_of("a\r\nb", how), hash_of("a\nb", how));
    }

    #[test]
    fn characters_that_need_no_table_are_composed() {
        for c in ('\u{0}'..'\u{AD}')
            .chain('\u{AE}'..='\u{2FF}')
            .chain('\u{2010}'..='\u{2027}')
            .chain('\u{4E00}'..='\u{9FFF}')
        {
            assert!(canonical_combining_class(c) == 0 && !is_invisible(c), "{c:?}");
            assert!(is_nfc_quick(std::iter::once(c)) == IsNormalized::Yes, "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn equals_the_plain_definition(text in any::<String>()) {
            let plain: String = text.chars().filter(|&c| !is_invisible(c)).nfc().collect();
            let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
            let expected = xxh3_128(plain.as_bytes()).to_be_bytes();
            prop_assert_eq!(hash_of(&text, Normalization::default()), expected.to_vec());
        }

        #[test]
        fn blocks_equal_the_plain_definition(
            text in "([a-z]{1,9}[ ]{1,2}|é|e\u{301}|\u{a0}|\t|\n|\u{b}|東|\u{2003}|한|\u{ad}|\u{200b}|.){0,60}"
        ) {
            let plain: String = text.chars().filter(|&c| !is_invisible(c)).nfc().collect();
            let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
            let expected = xxh3_128(plain.as_bytes()).to_be_bytes();
            prop_assert_eq!(hash_of(&text, Normalization::default()), expected.to_vec());
        }

        #[test]
        fn long_text_is_hashed_alike(text in "[a-zé ]{1,9}", times in 20_000_usize..30_000) {
            let long = text.repeat(times);
            let plain = long.split_whitespace().collect::<Vec<_>>().join(" ");
            let expected = xxh3_128(plain.as_bytes()).to_be_bytes();
            prop_assert_eq!(hash_of(&long, Normalization::default()), expected.to_vec());
        }
    }
}

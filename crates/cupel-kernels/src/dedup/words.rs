//! The words that shingles are made of: case folded, without accents and punctuation.
//!
//! A word is a run of letters, digits and vowel signs. Characters of scripts that are written
//! without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) are a word each. So is a run of
//! symbols and operators, where they are asked for.

use std::sync::LazyLock;

use unicode_normalization::char::{canonical_combining_class, decompose_canonical, is_combining_mark};

use super::characters::{fold_case, is_invisible, is_operator, is_symbol, is_unspaced};

/// Words longer than this are cut, so that a text without spaces needs no more memory.
pub const MAX_WORD_BYTES: usize = 256;

// Below this, what a character folds to is read from a table.
const TABLE_END: usize = 0x3100;
const FOLDED_BYTES: usize = 14;

/// For each byte that is an ASCII letter its lower case, 0 for all others.
static LETTERS: [u8; 256] = {
    let mut table = [0; 256];
    let mut letter = b'a';
    while letter <= b'z' {
        table[letter as usize] = letter;
        table[letter.to_ascii_uppercase() as usize] = letter;
        letter += 1;
    }
    table
};

/// Writes the ASCII letters that `bytes` begins with to `out`, in lower case, as many as fit; how many. What
/// stands in `out` behind them may change.
#[inline(always)]
pub fn lower_letters(bytes: &[u8], out: &mut [u8]) -> usize {
    let mut count = 0;
    while let (Some(next), Some(place)) =
        (bytes[count..].first_chunk::<8>(), out[count..].first_chunk_mut::<8>())
    {
        let (lower, letters) = lower_eight(*next);
        *place = lower;
        count += letters;
        if letters < 8 {
            return count;
        }
    }
    for (place, &byte) in out[count..].iter_mut().zip(&bytes[count..]) {
        let letter = LETTERS[byte as usize];
        if letter == 0 {
            break;
        }
        *place = letter;
        count += 1;
    }
    count
}

/// Eight bytes in lower case, and how many of them are letters before the first that is none.
#[inline(always)]
fn lower_eight(bytes: [u8; 8]) -> ([u8; 8], usize) {
    const fn each(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }
    let word = u64::from_le_bytes(bytes);
    let lower = word | each(0x20);
    // The upper bit of a byte is set where it is `a` or more, and where it is more than `z`: no sum carries over.
    let low = lower & each(0x7f);
    let (from_a, past_z) = (low + each(0x80 - b'a'), low + each(0x7f - b'z'));
    let letters = from_a & !past_z & !word & each(0x80);
    let run = (letters ^ each(0x80)).trailing_zeros() / 8;
    (lower.to_le_bytes(), run as usize)
}

/// What counts as a word, and which words are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordRules {
    /// Every number is the same word.
    pub fold_numbers: bool,
    /// Runs of symbols and operators are words; otherwise they only separate.
    pub symbols: bool,
}

impl WordRules {
    /// Words of letters and digits, numbers kept apart.
    pub const PLAIN: Self = Self { fold_numbers: false, symbols: false };
    /// All that tells texts apart: numbers as they are, and symbols.
    pub const DISTINCT: Self = Self { fold_numbers: false, symbols: true };
}

/// How many words `text` has.
pub fn count_words(text: &str, rules: WordRules) -> usize {
    let mut counter = Counter::default();
    for_each_word(text, rules, &mut counter);
    counter.words
}

#[derive(Default)]
struct Counter {
    length: usize,
    words: usize,
}

impl WordSink for Counter {
    #[inline(always)]
    fn extend_letters(&mut self, bytes: &[u8]) -> usize {
        if self.length == MAX_WORD_BYTES {
            self.end_word();
        }
        let mut nowhere = [0; MAX_WORD_BYTES];
        let count = lower_letters(bytes, &mut nowhere[self.length..]);
        self.length += count;
        count
    }

    #[inline(always)]
    fn extend(&mut self, bytes: &[u8]) {
        if self.length + bytes.len() > MAX_WORD_BYTES {
            self.end_word();
        }
        self.length += bytes.len();
    }

    #[inline(always)]
    fn end_word(&mut self) {
        self.words += usize::from(self.length > 0);
        self.length = 0;
    }
}

/// What becomes of one character.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Ends a word.
    Separator,
    /// Leaves no trace: accents, soft hyphens, joiners.
    Nothing,
    Letters,
    Number,
    /// A word of its own.
    Single,
    /// Part of a word of symbols, or a separator.
    Symbol,
}

#[derive(Clone, Copy)]
struct Folded {
    class: Class,
    length: u8,
    bytes: [u8; FOLDED_BYTES],
}

static TABLE: LazyLock<Vec<Folded>> = LazyLock::new(|| {
    let none = Folded { class: Class::Separator, length: 0, bytes: [0; FOLDED_BYTES] };
    (0..TABLE_END as u32).map(|code| char::from_u32(code).map_or(none, fold)).collect()
});

/// Receives words as they are found.
pub trait WordSink {
    /// Where in the text the call that follows stands, in bytes: what is taken begins there, and a
    /// word that ends has ended there.
    #[inline(always)]
    fn at(&mut self, _position: usize) {}
    /// Takes the ASCII letters that `bytes` begins with, in lower case; gives how many it took,
    /// at least one if there is any.
    fn extend_letters(&mut self, bytes: &[u8]) -> usize;
    /// The next bytes of the current word: one character, already folded.
    fn extend(&mut self, bytes: &[u8]);
    /// The current word ends here (if it has begun).
    fn end_word(&mut self);
}

/// Walks over the words of `text`.
///
/// With `fold_numbers`, every number (digits, with `.` or `,` between digits) becomes `0`.
pub fn for_each_word(text: &str, rules: WordRules, sink: &mut impl WordSink) {
    let WordRules { fold_numbers, symbols } = rules;
    let table: &[Folded] = &TABLE;
    let bytes = text.as_bytes();
    let mut position = 0;
    while position < bytes.len() {
        let byte = bytes[position];
        sink.at(position);
        if LETTERS[byte as usize] != 0 {
            position += sink.extend_letters(&bytes[position..]);
        } else if byte.is_ascii_digit() && fold_numbers {
            sink.extend(b"0");
            position = after_number(text, position);
        } else if byte.is_ascii() {
            if byte.is_ascii_digit() {
                sink.extend(&[byte]);
            } else {
                sink.end_word();
                if symbols && byte > b' ' && is_operator(bytes, position) {
                    position = symbol_word(text, position, sink);
                    continue;
                }
            }
            position += 1;
        } else {
            let Some(c) = text[position..].chars().next() else {
                break;
            };
            let folded = match table.get(c as usize) {
                Some(folded) => *folded,
                None => fold(c),
            };
            position += c.len_utf8();
            match folded.class {
                Class::Separator => sink.end_word(),
                Class::Nothing => {}
                Class::Symbol => {
                    sink.end_word();
                    if symbols {
                        position = symbol_word(text, position - c.len_utf8(), sink);
                    }
                }
                Class::Number if fold_numbers => {
                    sink.extend(b"0");
                    position = after_number(text, position - c.len_utf8());
                }
                Class::Letters | Class::Number => sink.extend(&folded.bytes[..folded.length as usize]),
                Class::Single => {
                    sink.end_word();
                    sink.extend(&folded.bytes[..folded.length as usize]);
                    sink.at(position);
                    sink.end_word();
                }
            }
        }
    }
    sink.at(bytes.len());
    sink.end_word();
}

/// Takes the run of symbols that begins at `start` as a word; where it ends.
///
/// A run is one word, so that a ruler of a hundred `=` does not outweigh the text around it.
#[cold]
fn symbol_word(text: &str, start: usize, sink: &mut impl WordSink) -> usize {
    let mut end = start;
    for (offset, c) in text[start..].char_indices() {
        let is_part = if c.is_ascii() { is_operator(text.as_bytes(), start + offset) } else { is_symbol(c) };
        if !is_part {
            break;
        }
        sink.at(start + offset);
        end = start + offset + c.len_utf8();
        sink.extend(&text.as_bytes()[start + offset..end]);
    }
    sink.at(end);
    sink.end_word();
    end
}

/// Where the number that begins at `start` ends: digits, and decimal marks between digits.
fn after_number(text: &str, start: usize) -> usize {
    let mut end = start;
    let mut mark = None;
    for (offset, c) in text[start..].char_indices() {
        if c.is_numeric() {
            end = start + offset + c.len_utf8();
            mark = None;
        } else if mark.is_none() && matches!(c, '.' | ',' | '\u{60C}' | '\u{66B}') {
            mark = Some(c);
        } else {
            break;
        }
    }
    end
}

/// Case folded, canonically decomposed, without accents; computed once for the common scripts.
fn fold(c: char) -> Folded {
    let mut folded = Folded { class: classify(c), length: 0, bytes: [0; FOLDED_BYTES] };
    if matches!(folded.class, Class::Separator | Class::Nothing | Class::Symbol) {
        return folded;
    }
    let mut take = |part: char| {
        let end = folded.length as usize + part.len_utf8();
        if end <= FOLDED_BYTES && !is_dropped_mark(part) {
            part.encode_utf8(&mut folded.bytes[folded.length as usize..end]);
            folded.length = end as u8;
        }
    };
    if folded.class == Class::Single {
        // These scripts have no case.
        decompose_canonical(c, take);
    } else {
        fold_case(c, |lower| decompose_canonical(lower, &mut take));
    }
    folded
}

fn classify(c: char) -> Class {
    match c {
        _ if is_invisible(c) || is_dropped_mark(c) => Class::Nothing,
        _ if c.is_numeric() => Class::Number,
        _ if !c.is_alphanumeric() => {
            if !c.is_ascii() && is_symbol(c) {
                Class::Symbol
            } else {
                Class::Separator
            }
        }
        _ if is_unspaced(c) => Class::Single,
        _ => Class::Letters,
    }
}

/// Accents, tones, viramas and vocalisation; vowel signs of Indic scripts are kept.
fn is_dropped_mark(c: char) -> bool {
    is_combining_mark(c) && (canonical_combining_class(c) != 0 || !c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct Collect {
        word: Vec<u8>,
        words: Vec<String>,
    }

    impl WordSink for Collect {
        fn extend_letters(&mut self, bytes: &[u8]) -> usize {
            self.word.push(LETTERS[bytes[0] as usize]);
            1
        }
        fn extend(&mut self, bytes: &[u8]) {
            self.word.extend_from_slice(bytes);
        }
        fn end_word(&mut self) {
            if !self.word.is_empty() {
                self.words.push(String::from_utf8(std::mem::take(&mut self.word)).unwrap());
            }
        }
    }

    fn words(text: &str, fold_numbers: bool) -> Vec<String> {
        by(text, WordRules { fold_numbers, symbols: false })
    }

    fn by(text: &str, rules: WordRules) -> Vec<String> {
        let mut sink = Collect::default();
        for_each_word(text, rules, &mut sink);
        sink.words
    }

    #[test]
    fn words_are_folded() {
        assert_eq!(words("Don’t  SHOUT, Café_Ünïté!", true), ["don", "t", "shout", "cafe", "unite"]);
        assert_eq!(words("cafe\u{301} so\u{AD}ft ΟΔΟΣ οδος", true), ["cafe", "soft", "οδοσ", "οδοσ"]);
        assert_eq!(words("東京 タワー2", true), ["東", "京", "タ", "ワ", "ー", "0"]);
        assert_eq!(words("हिन्दी", true), ["हिनदी"]);
    }

    #[test]
    fn numbers_are_folded_on_demand() {
        assert_eq!(words("1,234.5 v2 3..4 x٣٫٥.", true), ["0", "v0", "0", "0", "x0"]);
        assert_eq!(words("1,234.5 v2", false), ["1", "234", "5", "v2"]);
    }

    #[test]
    fn symbols_are_words_on_demand() {
        let distinct = |text| by(text, WordRules::DISTINCT);
        assert_eq!(distinct("C, C++ and C#: a<=b"), ["c", "c", "++", "and", "c", "#", "a", "<=", "b"]);
        assert_eq!(distinct("1 + 2 = 3, -5 €"), ["1", "+", "2", "=", "3", "-", "5", "€"]);
        assert_eq!(distinct("==========\n* one\n- two ±≠"), ["==========", "one", "two", "±≠"]);
        assert_eq!(words("C++ a < b €5 ±", false), ["c", "a", "b", "5"]);
        let long = "=".repeat(MAX_WORD_BYTES + 1);
        assert_eq!(count_words(&long, WordRules::DISTINCT), 2);
    }

    #[test]
    fn case_and_invisible_characters_do_not_hide_a_word() {
        assert_eq!(words("Straße STRASSE \u{130}I\u{131}i", false), ["strasse", "strasse", "iiii"]);
        assert_eq!(words("w\u{200B}o\u{FEFF}r\u{202E}d\u{FE0F}s", false), ["words"]);
    }

    #[test]
    fn words_are_counted() {
        for text in ["", "One, two 3.5 東京 x\u{301}", "ab".repeat(400).as_str(), "é".repeat(300).as_str()]
        {
            let mut count = 0;
            super::super::word_hashes::for_each_word_hash(text, WordRules::DISTINCT, |_, _, _| count += 1);
            assert_eq!(count_words(text, WordRules::DISTINCT), count, "{text}");
        }
    }

    proptest! {
        #[test]
        fn letters_are_taken_one_or_eight_at_a_time(
            bytes in prop::collection::vec(
                prop_oneof![b'a'..=b'z', b'A'..=b'Z', any::<u8>(), Just(b'@'), Just(b'{')], 0..40,
            ),
            room in 0_usize..40,
        ) {
            let mut out = vec![0; room];
            let count = lower_letters(&bytes, &mut out);
            let run = bytes.iter().take(room).take_while(|byte| byte.is_ascii_alphabetic()).count();
            prop_assert_eq!(count, run);
            prop_assert_eq!(&out[..count], bytes[..count].to_ascii_lowercase());
        }
    }

    #[test]
    fn hangul_composed_equals_decomposed() {
        assert_eq!(words("한국어", true), words("\u{1112}\u{1161}\u{11AB}국어", true));
    }

    #[test]
    fn no_folding_is_cut_short() {
        for code in 0..=0x10FFFF_u32 {
            let Some(c) = char::from_u32(code) else {
                continue;
            };
            if matches!(classify(c), Class::Separator | Class::Nothing | Class::Symbol) {
                continue;
            }
            let mut full = 0;
            fold_case(c, |lower| {
                decompose_canonical(lower, |part| {
                    full += if is_dropped_mark(part) { 0 } else { part.len_utf8() };
                });
            });
            assert_eq!(fold(c).length as usize, full, "U+{code:04X}");
        }
    }
}

//! Measures of words: lengths, alphabetic ones, stop words, distinct ones, readability.

use std::sync::LazyLock;

use super::columns::{Column, Row};
use super::vocabulary::{LONG, StopWord, Vocabulary};
use crate::text::Words;
use crate::text::lines::code_points;
use crate::text::properties::{ALPHABETIC, Properties, SYMBOL};

/// Sums over the words of a text, taken from its distinct words and their counts.
#[derive(Debug, Default)]
pub struct Lexicon {
    words: usize,
    alphabetic: usize,
    non_symbol: usize,
    non_symbol_characters: usize,
    longest: usize,
    once: usize,
    entropy: f64,
}

/// `count_log_count` of small counts, which most words have.
static LOGARITHMS: LazyLock<[f64; 256]> = LazyLock::new(|| std::array::from_fn(count_log_count));

fn count_log_count(count: usize) -> f64 {
    if count < 2 { 0.0 } else { count as f64 * (count as f64).ln() }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte of `bytes`, all ASCII, that lies in `low..=high`.
#[inline(always)]
fn within(bytes: u64, low: u8, high: u8) -> u64 {
    let from = bytes + ONES * u64::from(0x80 - low);
    let beyond = bytes + ONES * u64::from(0x7f - high);
    from & !beyond & HIGH
}

impl Lexicon {
    /// Takes the sums; what was here before is forgotten.
    pub fn read(&mut self, words: &Words, vocabulary: &Vocabulary) {
        *self = Self { words: words.len(), ..Self::default() };
        let properties = Properties::shared();
        let total = words.len() as f64;
        let logarithms = &*LOGARITHMS;
        let mut occurrences = 0.0;
        for ((&key, &first), &count) in vocabulary.keys.iter().zip(&vocabulary.firsts).zip(&vocabulary.counts)
        {
            let count = count as usize;
            let bytes = key & (LONG - 1) & 0x00ff_ffff_ffff_ffff;
            let (length, alphabetic, symbol);
            if key < LONG && bytes & HIGH == 0 {
                let letters = within(bytes | (ONES * 0x20), b'a', b'z');
                length = (key >> 56) as usize;
                alphabetic = letters != 0;
                // Of ASCII, all that is no letter, digit or white space is a symbol.
                symbol = letters == 0 && within(bytes, b'0', b'9') == 0;
            } else {
                let word = words.joined(first as usize, 1);
                length = code_points(word);
                (alphabetic, symbol) = kinds(word, properties);
            }
            self.alphabetic += if alphabetic { count } else { 0 };
            if !symbol {
                self.non_symbol += count;
                self.non_symbol_characters += count * length;
            }
            self.longest = self.longest.max(length);
            self.once += usize::from(count == 1);
            occurrences += logarithms.get(count).copied().unwrap_or_else(|| count_log_count(count));
        }
        self.entropy = if words.is_empty() { 0.0 } else { (total.ln() - occurrences / total).max(0.0) };
    }

    /// The columns that follow from the sums.
    pub fn measure(&self, text: &str, vocabulary: &Vocabulary, row: &mut Row) {
        let bytes = text.as_bytes();
        let distinct = vocabulary.counts.len();
        row.count(Column::WordCount, self.words);
        row.count(Column::UniqueWordCount, distinct);
        row.count(Column::NonSymbolWordCount, self.non_symbol);
        row.ratio(Column::MeanWordLength, self.non_symbol_characters, self.non_symbol);
        row.ratio(Column::AlphaWordFraction, self.alphabetic, self.words);
        row.ratio(Column::UniqueWordFraction, distinct, self.words);
        row.ratio(Column::SingleUseWordFraction, self.once, self.words);
        row.set(Column::UnigramEntropy, self.entropy);
        row.count(Column::MaxWordLength, self.longest);
        row.ratio(Column::HashToWordRatio, memchr::memchr_iter(b'#', bytes).count(), self.words);
        row.ratio(Column::EllipsisToWordRatio, ellipses(bytes), self.words);
        row.ratio(Column::NewlineToWordRatio, memchr::memchr_iter(b'\n', bytes).count(), self.words);
    }
}

/// How many `...` and `…` there are, none overlapping.
pub fn ellipses(bytes: &[u8]) -> usize {
    let count = |what: &str| memchr::memmem::find_iter(bytes, what.as_bytes()).count();
    count("...") + count("…")
}

/// Whether a word has a letter, and whether it is all symbols.
fn kinds(word: &[u8], properties: &Properties) -> (bool, bool) {
    if word.is_ascii() {
        let letter = word.iter().fold(false, |any, byte| any | byte.is_ascii_alphabetic());
        return (letter, !letter && !word.iter().any(u8::is_ascii_digit));
    }
    let Ok(word) = std::str::from_utf8(word) else {
        return (false, false);
    };
    let (mut some, mut all) = (0, u16::MAX);
    for c in word.chars() {
        let entry = properties.of(c);
        some |= entry;
        all &= entry;
    }
    (some & ALPHABETIC != 0, all & SYMBOL != 0)
}

/// Distinct stop words and how many words are stop words, compared as they stand.
pub fn stop_words(words: &Words, vocabulary: &Vocabulary, stop_words: &[StopWord], row: &mut Row) {
    let (mut distinct, mut total) = (0, 0);
    for id in stop_words.iter().filter_map(|word| vocabulary.find(words, word)) {
        distinct += 1;
        total += vocabulary.counts[id] as usize;
    }
    row.count(Column::StopWordCount, distinct);
    row.ratio(Column::StopWordFraction, total, words.len());
}

/// Flesch reading ease over words with a Latin vowel or any letter, by English syllables.
pub fn readability(words: &Words, vocabulary: &Vocabulary, row: &mut Row) {
    let properties = Properties::shared();
    let (mut spoken, mut syllables) = (0usize, 0usize);
    for (&first, &count) in vocabulary.firsts.iter().zip(&vocabulary.counts) {
        let word = words.joined(first as usize, 1);
        if kinds(word, properties).0 {
            spoken += count as usize;
            syllables += count as usize * syllable_count(word);
        }
    }
    let sentences = row.get(Column::SentenceCount);
    if spoken == 0 || sentences == 0.0 {
        return;
    }
    let words_per_sentence = spoken as f64 / sentences;
    let syllables_per_word = syllables as f64 / spoken as f64;
    row.set(Column::WordsPerSentence, words_per_sentence);
    row.set(Column::SyllablesPerWord, syllables_per_word);
    row.set(Column::FleschReadingEase, 206.835 - 1.015 * words_per_sentence - 84.6 * syllables_per_word);
}

/// Groups of vowels, a final silent e not counted; at least one.
fn syllable_count(word: &[u8]) -> usize {
    let vowel = |byte: u8| matches!(byte | 0x20, b'a' | b'e' | b'i' | b'o' | b'u' | b'y');
    let mut count = 0;
    let mut within = false;
    for &byte in word {
        let is = vowel(byte) && byte.is_ascii_alphabetic();
        count += usize::from(is && !within);
        within = is;
    }
    let silent = match word {
        [.., before, last] => last | 0x20 == b'e' && !vowel(*before) && !(before | 0x20 == b'l' && count > 1),
        _ => false,
    };
    (count - usize::from(silent && count > 1)).max(1)
}

/// Bytes of the text by bytes of its zlib stream (level 6); zero for an empty text.
pub fn compression_ratio(text: &str) -> f64 {
    if text.is_empty() {
        return 0.0;
    }
    text.len() as f64 / miniz_oxide::deflate::compress_to_vec_zlib(text.as_bytes(), 6).len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syllables_of_common_words() {
        for (word, count) in
            [("the", 1), ("make", 1), ("table", 2), ("reading", 2), ("x", 1), ("idea", 2), ("a", 1)]
        {
            assert_eq!(syllable_count(word.as_bytes()), count, "{word}");
        }
    }

    #[test]
    fn ellipses_do_not_overlap() {
        assert_eq!(ellipses("..... …… ...".as_bytes()), 4);
    }
}

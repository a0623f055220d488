//! The measures of DataComp-LM's page filters, as its published pipeline takes them.
//!
//! Three kinds of words: Python's `str.split` for most measures, fastText's tokeniser for the number
//! of words, and the segments of UAX #29 that begin with a letter or a digit for runs of words.

use super::columns::{Column, Row};
use super::grams::Grams;
use super::hashing::RangeSet;
use super::lexical::ellipses;
use super::vocabulary::Vocabulary;
use crate::text::lines::{code_points, strip};
use crate::text::properties::{ALPHABETIC, NUMERIC, Properties};
use crate::text::tokens::count_fasttext_words;
use crate::text::{Segmentation, Words};

/// Gopher's stop words; here every occurrence counts, in any case.
const STOP_WORDS: [&str; 8] = ["the", "be", "to", "of", "and", "that", "have", "with"];

/// What is kept from text to text.
#[derive(Debug, Default)]
pub struct Dclm {
    words: Words,
    /// Lines and paragraphs that have come again.
    again: RangeSet,
}

impl Dclm {
    /// Number and length of words, symbols, words without a letter, stop words.
    pub fn measure_words(&mut self, text: &str, row: &mut Row) {
        let properties = Properties::shared();
        self.words.read(text, Segmentation::Whitespace);
        let (mut nonalphabetic, mut stop_words) = (0, 0);
        for index in 0..self.words.len() {
            let word = self.words.joined(index, 1);
            nonalphabetic += usize::from(!has_letter(word, properties));
            stop_words += usize::from(
                word.len() <= 4 && STOP_WORDS.iter().any(|stop| stop.as_bytes().eq_ignore_ascii_case(word)),
            );
        }
        let total = self.words.len();
        let characters = code_points(self.words.joined(0, total));
        let bytes = text.as_bytes();
        let symbols = memchr::memchr_iter(b'#', bytes).count()
            + ellipses(bytes)
            + memchr::memmem::find_iter(bytes, ". . .").count();
        row.count(Column::DclmWordCount, count_fasttext_words(text));
        row.ratio(Column::DclmMeanWordLength, characters, total);
        row.ratio(Column::DclmSymbolToWordRatio, symbols, total);
        row.ratio(Column::DclmNonalphabeticWordFraction, nonalphabetic, total);
        row.count(Column::DclmStopWordCount, stop_words);
    }

    /// Bullets and ellipses of lines that are not blank; lines and paragraphs that occur more than once.
    pub fn measure_lines(&mut self, text: &str, seen: &mut RangeSet, row: &mut Row) {
        let (mut count, mut bullets, mut ellipses) = (0, 0, 0);
        for line in text.split('\n').map(strip).filter(|line| !line.is_empty()) {
            count += 1;
            bullets += usize::from(line.starts_with(['●', '•', '*', '-']));
            ellipses += usize::from(["...", ". . .", "…"].iter().any(|end| line.ends_with(end)));
        }
        row.ratio(Column::DclmBulletLineFraction, bullets, count);
        row.ratio(Column::DclmEllipsisLineFraction, ellipses, count);
        let lines = self.recurring(text, "\n", seen);
        row.ratio(Column::DclmRecurringLineFraction, lines.recurring, lines.count);
        row.ratio(Column::DclmRecurringLineCharacterFraction, lines.recurring_characters, lines.characters);
        let paragraphs = self.recurring(text, "\n\n", seen);
        row.ratio(Column::DclmRecurringParagraphFraction, paragraphs.recurring, paragraphs.count);
        row.ratio(
            Column::DclmRecurringParagraphCharacterFraction,
            paragraphs.recurring_characters,
            paragraphs.characters,
        );
    }

    fn recurring(&mut self, text: &str, separator: &str, seen: &mut RangeSet) -> Pieces {
        let mut pieces = Pieces::default();
        seen.clear(text.len() / 64);
        self.again.clear(8);
        let mut start = 0;
        for piece in text.split(separator) {
            let body = strip(piece);
            let leading = piece.len() - piece.trim_start_matches(crate::text::lines::is_python_space).len();
            let (from, to) = (start + leading, start + leading + body.len());
            start += piece.len() + separator.len();
            if body.is_empty() {
                continue;
            }
            let length = code_points(body.as_bytes());
            pieces.count += 1;
            pieces.characters += length;
            if !seen.insert(text.as_bytes(), from, to) {
                // The first repetition brings the first occurrence with it.
                let times = 1 + usize::from(self.again.insert(text.as_bytes(), from, to));
                pieces.recurring += times;
                pieces.recurring_characters += times * length;
            }
        }
        pieces
    }

    /// Runs of words that occur more than once.
    pub fn measure_grams(
        &mut self,
        text: &str,
        vocabulary: &mut Vocabulary,
        grams: &mut Grams,
        row: &mut Row,
    ) {
        const COLUMNS: [Column; 9] = [
            Column::DclmTop2GramCharacterFraction,
            Column::DclmTop3GramCharacterFraction,
            Column::DclmTop4GramCharacterFraction,
            Column::DclmRecurring5GramCharacterFraction,
            Column::DclmRecurring6GramCharacterFraction,
            Column::DclmRecurring7GramCharacterFraction,
            Column::DclmRecurring8GramCharacterFraction,
            Column::DclmRecurring9GramCharacterFraction,
            Column::DclmRecurring10GramCharacterFraction,
        ];
        let properties = Properties::shared();
        self.words.read_where(text, Segmentation::Unicode, |word| begins_a_word(word, properties));
        vocabulary.read(&self.words);
        let characters = code_points(self.words.joined(0, self.words.len()));
        for (column, length) in COLUMNS.into_iter().zip(grams.recurring(&self.words, vocabulary)) {
            row.ratio(column, length, characters);
        }
    }
}

/// Lines or paragraphs that are not blank.
#[derive(Debug, Default)]
struct Pieces {
    count: usize,
    characters: usize,
    recurring: usize,
    recurring_characters: usize,
}

fn has_letter(word: &[u8], properties: &Properties) -> bool {
    word.iter().any(u8::is_ascii_alphabetic)
        || (!word.is_ascii()
            && std::str::from_utf8(word)
                .is_ok_and(|word| word.chars().any(|c| properties.has(c, ALPHABETIC))))
}

fn begins_a_word(word: &[u8], properties: &Properties) -> bool {
    match word.first() {
        Some(byte) if byte.is_ascii() => byte.is_ascii_alphanumeric(),
        _ => std::str::from_utf8(word)
            .ok()
            .and_then(|word| word.chars().next())
            .is_some_and(|c| properties.has(c, ALPHABETIC | NUMERIC)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Row {
        let mut row = Row::default();
        let mut dclm = Dclm::default();
        dclm.measure_words(text, &mut row);
        dclm.measure_lines(text, &mut RangeSet::default(), &mut row);
        dclm.measure_grams(text, &mut Vocabulary::default(), &mut Grams::default(), &mut row);
        row
    }

    #[test]
    fn the_first_occurrence_of_a_line_counts_too() {
        let row = row("Café\n one\nCafé \n\nCafé\ntwo");
        assert_eq!(row.get(Column::DclmRecurringLineFraction), 3.0 / 5.0);
        assert_eq!(row.get(Column::DclmRecurringLineCharacterFraction), 12.0 / 18.0);
        assert_eq!(row.get(Column::DclmRecurringParagraphFraction), 0.0);
    }

    #[test]
    fn the_longest_of_the_most_frequent_pairs_counts() {
        // "a b" and "b ccc" occur twice each, "ccc a" once; punctuation is no word.
        let row = row("a b, ccc! a b ccc");
        assert_eq!(row.get(Column::DclmTop2GramCharacterFraction), 8.0 / 10.0);
        assert_eq!(row.get(Column::DclmTop3GramCharacterFraction), 10.0 / 10.0);
        assert_eq!(row.get(Column::DclmTop4GramCharacterFraction), 0.0);
    }

    #[test]
    fn words_in_overlapping_runs_count_once() {
        let row = row("a b c d e f x a b c d e f y");
        assert_eq!(row.get(Column::DclmRecurring5GramCharacterFraction), 12.0 / 14.0);
        assert_eq!(row.get(Column::DclmRecurring6GramCharacterFraction), 12.0 / 14.0);
        assert_eq!(row.get(Column::DclmRecurring7GramCharacterFraction), 0.0);
    }

    #[test]
    fn words_symbols_and_stop_words() {
        let row = row("THE end of . . . the #café 42 …");
        assert_eq!(row.get(Column::DclmStopWordCount), 3.0);
        assert_eq!(row.get(Column::DclmWordCount), 5.0);
        assert_eq!(row.get(Column::DclmSymbolToWordRatio), 3.0 / 10.0);
        assert_eq!(row.get(Column::DclmNonalphabeticWordFraction), 5.0 / 10.0);
        assert_eq!(row.get(Column::DclmMeanWordLength), 22.0 / 10.0);
    }
}

//! RedPajama-V2's own measures, on its own words: raw tokens, and words of the normalized text.
//!
//! Raw tokens are runs of word characters and runs of other visible characters (`\w+|[^\w\s]+`).
//! Normalized text has no ASCII punctuation, is lower case, and decomposed (NFD).

use unicode_normalization::UnicodeNormalization;

use super::columns::{Column, Row};
use super::grams::Grams;
use super::lexical::ellipses;
use super::vocabulary::{StopWord, Vocabulary};
use crate::text::lines::{code_points, is_python_space, newline_pieces};
use crate::text::properties::{ALPHABETIC, NUMERIC, Properties, SPACE, UPPERCASE};
use crate::text::{Segmentation, Words};

const BULLETS: [char; 10] = ['•', '‣', '▶', '◀', '◦', '■', '□', '▪', '▫', '–'];

/// Letters that stand for numbers: Chinese numerals and their kin, which Python calls numeric.
#[rustfmt::skip]
const NUMERALS: &[(u32, u32)] = &[
    (0x3405, 0x3405), (0x3483, 0x3483), (0x382a, 0x382a), (0x3b4d, 0x3b4d), (0x4e00, 0x4e00), (0x4e03, 0x4e03),
    (0x4e07, 0x4e07), (0x4e09, 0x4e09), (0x4e5d, 0x4e5d), (0x4e8c, 0x4e8c), (0x4e94, 0x4e94), (0x4e96, 0x4e96),
    (0x4ebf, 0x4ec0), (0x4edf, 0x4edf), (0x4ee8, 0x4ee8), (0x4f0d, 0x4f0d), (0x4f70, 0x4f70), (0x5104, 0x5104),
    (0x5146, 0x5146), (0x5169, 0x5169), (0x516b, 0x516b), (0x516d, 0x516d), (0x5341, 0x5341), (0x5343, 0x5345),
    (0x534c, 0x534c), (0x53c1, 0x53c4), (0x56db, 0x56db), (0x58f1, 0x58f1), (0x58f9, 0x58f9), (0x5e7a, 0x5e7a),
    (0x5efe, 0x5eff), (0x5f0c, 0x5f0e), (0x5f10, 0x5f10), (0x62fe, 0x62fe), (0x634c, 0x634c), (0x67d2, 0x67d2),
    (0x6f06, 0x6f06), (0x7396, 0x7396), (0x767e, 0x767e), (0x8086, 0x8086), (0x842c, 0x842c), (0x8cae, 0x8cae),
    (0x8cb3, 0x8cb3), (0x8d30, 0x8d30), (0x9621, 0x9621), (0x9646, 0x9646), (0x964c, 0x964c), (0x9678, 0x9678),
    (0x96f6, 0x96f6), (0xf96b, 0xf96b), (0xf973, 0xf973), (0xf978, 0xf978), (0xf9b2, 0xf9b2), (0xf9d1, 0xf9d1),
    (0xf9d3, 0xf9d3), (0xf9fd, 0xf9fd), (0x20001, 0x20001), (0x20064, 0x20064), (0x200e2, 0x200e2),
    (0x20121, 0x20121), (0x2092a, 0x2092a), (0x20983, 0x20983), (0x2098c, 0x2098c), (0x2099c, 0x2099c),
    (0x20aea, 0x20aea), (0x20afd, 0x20afd), (0x20b19, 0x20b19), (0x22390, 0x22390), (0x22998, 0x22998),
    (0x23b1b, 0x23b1b), (0x2626d, 0x2626d), (0x2f890, 0x2f890),
];

/// Python's `str.isnumeric` of one character.
fn is_numeric(c: char, properties: &Properties) -> bool {
    if c < '\u{3000}' || !properties.has(c, ALPHABETIC) {
        return properties.has(c, NUMERIC);
    }
    let code = c as u32;
    let after = NUMERALS.partition_point(|range| range.1 < code);
    NUMERALS.get(after).is_some_and(|range| range.0 <= code)
}

/// What one raw token holds.
#[derive(Default)]
struct Token {
    open: bool,
    word: bool,
    latin: bool,
    upper: bool,
    /// A letter with case that is not upper case.
    other_case: bool,
}

/// Columns on raw tokens.
pub fn raw_tokens(text: &str, row: &mut Row) {
    let properties = Properties::shared();
    let (mut tokens, mut capitals, mut alphabetic) = (0, 0, 0);
    let mut token = Token::default();
    let mut close = |token: &mut Token| {
        tokens += usize::from(token.open);
        capitals += usize::from(token.upper && !token.other_case);
        alphabetic += usize::from(token.latin);
        *token = Token::default();
    };
    for c in text.chars() {
        let entry = properties.of(c);
        if entry & SPACE != 0 {
            close(&mut token);
            continue;
        }
        let word = entry & (ALPHABETIC | NUMERIC) != 0 || c == '_';
        if token.open && token.word != word {
            close(&mut token);
        }
        token.open = true;
        token.word = word;
        token.latin |= c.is_ascii_alphabetic();
        token.upper |= entry & UPPERCASE != 0;
        token.other_case |= entry & UPPERCASE == 0 && has_other_case(c);
    }
    close(&mut token);
    row.count(Column::RawTokenCount, tokens);
    row.ratio(Column::AllCapsWordFraction, capitals, tokens);
    row.ratio(Column::NoAlphabeticWordFraction, tokens - alphabetic, tokens);
    let symbols = memchr::memchr_iter(b'#', text.as_bytes()).count() + ellipses(text.as_bytes());
    row.ratio(Column::SymbolToWordRatio, symbols, tokens);
    row.count(Column::RegexSentenceCount, regex_sentences(text, properties));
}

/// Lower case or title case.
fn has_other_case(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_lowercase();
    }
    c.is_lowercase()
        || matches!(c, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ' | '\u{1f88}'..='\u{1ffc}' if !c.is_uppercase() && c.to_lowercase().next() != Some(c))
}

/// How often `\b[^.!?]+[.!?]*` matches.
fn regex_sentences(text: &str, properties: &Properties) -> usize {
    let word = |c: char| c == '_' || properties.has(c, ALPHABETIC | NUMERIC);
    let ends = |c: char| matches!(c, '.' | '!' | '?');
    let mut count = 0;
    let mut before = false;
    let mut characters = text.chars().peekable();
    while let Some(&c) = characters.peek() {
        let is_word = word(c);
        if before == is_word || ends(c) {
            before = is_word;
            characters.next();
            continue;
        }
        count += 1;
        while characters.next_if(|&c| !ends(c)).is_some() {}
        before = false;
        let mut last = None;
        while let Some(end) = characters.next_if(|&c| ends(c)) {
            last = Some(end);
        }
        if last.is_none() {
            break;
        }
    }
    count
}

/// The normalized text, kept from document to document.
#[derive(Debug, Default)]
pub struct Normalized {
    text: String,
    words: Words,
}

impl Normalized {
    /// Normalizes a text and numbers its words, once for all columns. Sets the columns on lines; the number
    /// of lines stands in `WordsPerLine`.
    pub fn read(&mut self, text: &str, vocabulary: &mut Vocabulary, row: &mut Row) {
        self.measure_lines(text, row);
        self.words.read(&self.text, Segmentation::Whitespace);
        vocabulary.read(&self.words);
    }

    /// Columns on words.
    pub fn measure_words(&self, stop_words: &[StopWord], vocabulary: &Vocabulary, row: &mut Row) {
        let words = &self.words;
        let total = words.len();
        let last = words.ends().last().map_or(0, |&end| end as usize);
        row.count(Column::NormalizedWordCount, total);
        row.ratio(Column::NormalizedMeanWordLength, code_points(&words.stream()[..last]), total);
        row.ratio(Column::NormalizedUniqueWordFraction, vocabulary.counts.len(), total);
        let entropy: f64 = vocabulary
            .counts
            .iter()
            .map(|&count| f64::from(count) / total as f64)
            .map(|share| -share * share.ln())
            .sum();
        row.set(Column::NormalizedUnigramEntropy, entropy.max(0.0));
        let count =
            |word: &StopWord| vocabulary.find(words, word).map_or(0, |id| vocabulary.counts[id] as usize);
        row.ratio(Column::NormalizedStopWordFraction, stop_words.iter().map(count).sum(), total);
        let lines = row.get(Column::WordsPerLine) as usize;
        row.ratio(Column::WordsPerLine, total, lines);
        let javascript = StopWord::new("javascript").map_or(0, |word| count(&word));
        row.ratio(Column::JavascriptWordsPerLine, javascript, lines);
        // Line ends stand for blanks in the normalized text, and each piece has one at its end.
        let phrase = self.text.replace('\n', " ");
        let characters = code_points(phrase.trim().as_bytes());
        let lorem = memchr::memmem::find_iter(phrase.as_bytes(), "lorem ipsum").count();
        row.ratio(Column::NormalizedLoremIpsumFraction, lorem, characters);
    }

    /// Columns on runs of words, by the characters of all words.
    pub fn measure_grams(&self, vocabulary: &Vocabulary, grams: &mut Grams, row: &mut Row) {
        const COLUMNS: [Column; 9] = [
            Column::NormalizedTop2GramCharacterFraction,
            Column::NormalizedTop3GramCharacterFraction,
            Column::NormalizedTop4GramCharacterFraction,
            Column::NormalizedDuplicate5GramCharacterFraction,
            Column::NormalizedDuplicate6GramCharacterFraction,
            Column::NormalizedDuplicate7GramCharacterFraction,
            Column::NormalizedDuplicate8GramCharacterFraction,
            Column::NormalizedDuplicate9GramCharacterFraction,
            Column::NormalizedDuplicate10GramCharacterFraction,
        ];
        let characters = code_points(self.words.joined(0, self.words.len()));
        for (column, length) in COLUMNS.into_iter().zip(grams.repeated(&self.words, vocabulary)) {
            row.ratio(column, length, characters);
        }
    }

    /// Normalizes line by line into `self.text`; leaves the number of lines in `WordsPerLine`.
    fn measure_lines(&mut self, text: &str, row: &mut Row) {
        let properties = Properties::shared();
        self.text.clear();
        let (mut lines, mut end_marks, mut bullets) = (0, 0, 0);
        let (mut numeric, mut uppercase) = (0.0, 0.0);
        for (start, end) in newline_pieces(text.as_bytes()) {
            let ended = end < text.len();
            if start == end && !ended {
                break;
            }
            lines += 1;
            let line = &text[start..end];
            let body = line.trim_matches(is_python_space);
            end_marks += usize::from(body.ends_with(['.', '!', '?', '”']));
            bullets += usize::from(body.starts_with(BULLETS));
            let capitals = line.chars().filter(|&c| properties.has(c, UPPERCASE)).count();
            uppercase += capitals as f64 / (code_points(line.as_bytes()) + usize::from(ended)) as f64;
            let from = self.text.len();
            normalize(line, &mut self.text);
            let normalized = &self.text[from..];
            let length = code_points(normalized.as_bytes());
            if length > 0 {
                let digits = normalized.chars().filter(|&c| is_numeric(c, properties)).count();
                numeric += digits as f64 / length as f64;
            }
            if length > 0 {
                self.text.push('\n');
            }
        }
        let mean = |sum: f64| if lines == 0 { 0.0 } else { sum / lines as f64 };
        row.set(Column::MeanLineNumericFraction, mean(numeric));
        row.set(Column::MeanLineUppercaseFraction, mean(uppercase));
        row.ratio(Column::EndMarkLineFraction, end_marks, lines);
        row.ratio(Column::BulletSymbolLineFraction, bullets, lines);
        row.count(Column::WordsPerLine, lines);
    }
}

/// Appends `text` without ASCII punctuation, in lower case, decomposed, white space as one blank.
fn normalize(text: &str, into: &mut String) {
    if text.is_ascii() {
        push_words(
            text.bytes()
                .filter(|byte| !byte.is_ascii_punctuation())
                .map(|byte| byte.to_ascii_lowercase() as char),
            into,
        );
    } else {
        let lower = text.replace(|c: char| c.is_ascii_punctuation(), "").to_lowercase();
        push_words(lower.nfd(), into);
    }
}

fn push_words(characters: impl Iterator<Item = char>, into: &mut String) {
    let mut blank = false;
    let from = into.len();
    for c in characters {
        if is_python_space(c) {
            blank = true;
            continue;
        }
        if blank && into.len() > from {
            into.push(' ');
        }
        blank = false;
        into.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_as_the_expression_matches_them() {
        let table = Properties::shared();
        for (text, count) in [
            ("Hello. World", 2),
            ("...", 0),
            ("a", 1),
            ("a.b.c", 3),
            ("Hi!? 'Yes' no", 2),
            ("", 0),
            ("a. - b", 2),
        ] {
            assert_eq!(regex_sentences(text, table), count, "{text}");
        }
    }

    fn grams(text: &str) -> Row {
        let (mut row, mut normalized, mut vocabulary) =
            (Row::default(), Normalized::default(), Vocabulary::default());
        normalized.read(text, &mut vocabulary, &mut row);
        normalized.measure_grams(&vocabulary, &mut Grams::default(), &mut row);
        row
    }

    #[test]
    fn the_first_of_the_most_frequent_pairs_counts() {
        // "a b" and "b ccc" occur twice each; "ccc a" once.
        let row = grams("A b, ccc! a b ccc");
        assert_eq!(row.get(Column::NormalizedTop2GramCharacterFraction), 4.0 / 10.0);
        assert_eq!(row.get(Column::NormalizedTop3GramCharacterFraction), 10.0 / 10.0);
        assert_eq!(row.get(Column::NormalizedTop4GramCharacterFraction), 0.0);
    }

    #[test]
    fn words_in_overlapping_runs_count_once() {
        let row = grams("a b c d e f x\nA, b c d e: f y");
        assert_eq!(row.get(Column::NormalizedDuplicate5GramCharacterFraction), 12.0 / 14.0);
        assert_eq!(row.get(Column::NormalizedDuplicate6GramCharacterFraction), 12.0 / 14.0);
        assert_eq!(row.get(Column::NormalizedDuplicate7GramCharacterFraction), 0.0);
    }

    #[test]
    fn normalized_text() {
        let mut text = String::new();
        normalize(" Don't  STOP,\tÉté! ", &mut text);
        assert_eq!(text, "dont stop e\u{301}te\u{301}");
    }
}

//! Phrases that mark boilerplate: JavaScript notices, policies, lorem ipsum, brackets, bad words.

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::{memchr_iter, memchr2_iter};

use super::columns::{Column, Row};
use crate::KernelError;
use crate::text::c4_phrases::{Folded, lorem_ipsum_count, names_javascript, names_policy};
use crate::text::lines::split_lines;
use crate::text::properties::{ALPHABETIC, NUMERIC, Properties};

/// C4's phrases and brackets; a lower-cased copy of the text is kept from document to document.
#[derive(Debug, Default)]
pub struct Phrases {
    folded: Folded,
}

impl Phrases {
    /// Counts phrases whatever their case, and brackets.
    pub fn measure(&mut self, text: &str, characters: usize, row: &mut Row) {
        let hits = self.folded.find(text);
        let lower = self.folded.lower();
        if (hits.javascript || hits.policy)
            && let Ok(lower) = std::str::from_utf8(lower)
        {
            let (mut scripts, mut policies) = (0, 0);
            for line in split_lines(lower) {
                scripts += usize::from(hits.javascript && names_javascript(line));
                policies += usize::from(hits.policy && names_policy(line));
            }
            row.count(Column::JavascriptLineCount, scripts);
            row.count(Column::PolicyLineCount, policies);
        }
        if hits.lorem_ipsum {
            row.count(Column::LoremIpsumCount, lorem_ipsum_count(lower));
        }
        let opening = memchr_iter(b'{', text.as_bytes()).count();
        let brackets = memchr2_iter(b'{', b'}', text.as_bytes()).count();
        row.count(Column::CurlyBracketCount, opening);
        row.ratio(Column::CurlyBracketFraction, brackets, characters);
    }
}

/// Listed words and phrases, found wherever they stand between other characters than word
/// characters; those in Chinese, Japanese or Thai script wherever they stand.
pub struct BadWords {
    automaton: Option<AhoCorasick>,
    /// For each pattern, whether it must stand alone.
    alone: Vec<bool>,
}

impl BadWords {
    pub fn new(words: &[String]) -> Result<Self, KernelError> {
        let mut patterns: Vec<String> =
            words.iter().map(|word| word.trim().to_lowercase()).filter(|word| !word.is_empty()).collect();
        patterns.sort_unstable();
        patterns.dedup();
        let alone = patterns.iter().map(|word| !word.chars().any(without_spaces)).collect();
        let automaton = if patterns.is_empty() {
            None
        } else {
            let built = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&patterns);
            Some(built.map_err(|error| KernelError::BadOption {
                option: "bad_words",
                expected: format!("a list that fits in memory ({error})"),
            })?)
        };
        Ok(Self { automaton, alone })
    }

    /// How many positions of the lower-cased text begin a listed word or phrase.
    pub fn count(&self, text: &str) -> usize {
        let Some(automaton) = &self.automaton else {
            return 0;
        };
        let lower = text.to_lowercase();
        let properties = Properties::shared();
        let word_character = |c: char| c == '_' || properties.has(c, ALPHABETIC | NUMERIC);
        let mut starts: Vec<usize> = automaton
            .find_overlapping_iter(&lower)
            .filter(|phrase| {
                let before = lower.get(..phrase.start()).and_then(|before| before.chars().next_back());
                let after = lower.get(phrase.end()..).and_then(|after| after.chars().next());
                !self.alone[phrase.pattern().as_usize()]
                    || !(before.is_some_and(word_character) || after.is_some_and(word_character))
            })
            .map(|phrase| phrase.start())
            .collect();
        starts.sort_unstable();
        starts.dedup();
        starts.len()
    }
}

/// Letters of scripts that write words without spaces between.
fn without_spaces(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_words_stand_alone_but_for_scripts_without_spaces() {
        let words = ["ass", "two words", "性"].map(String::from);
        let bad = BadWords::new(&words).unwrap();
        assert_eq!(bad.count("Assault ASS, ass_ two words. 男性"), 3);
        assert_eq!(BadWords::new(&[]).unwrap().count("ass"), 0);
    }

    #[test]
    fn phrases_are_counted_by_line() {
        let text = "Enable JavaScript and javascript\nPrivacy Policy | Terms of Use\nuse coo\u{212a}ies\nlorem ipsum Lorem Ipsum {x}";
        let mut row = Row::default();
        Phrases::default().measure(text, text.chars().count(), &mut row);
        assert_eq!(row.get(Column::JavascriptLineCount), 1.0);
        assert_eq!(row.get(Column::PolicyLineCount), 2.0);
        assert_eq!(row.get(Column::LoremIpsumCount), 2.0);
        assert_eq!(row.get(Column::CurlyBracketCount), 1.0);
    }
}

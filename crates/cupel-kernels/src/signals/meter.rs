//! One document after another through the groups that are asked for.

use super::columns::{Column, Group, Groups, Row};
use super::dclm::Dclm;
use super::grams::Grams;
use super::hashing::RangeSet;
use super::lexical::Lexicon;
use super::lines::Asked;
use super::options::Options;
use super::phrases::{BadWords, Phrases};
use super::redpajama::Normalized;
use super::vocabulary::{StopWord, Vocabulary};
use super::{characters, code, lexical, lines, redpajama};
use crate::KernelError;
use crate::text::lines::code_points;
use crate::text::sentences::sentence_count;
use crate::text::{Segmentation, Words};

/// Gopher's stop words (Rae et al. 2021, section A.1.1).
const GOPHER_STOP_WORDS: [&str; 8] = ["the", "be", "to", "of", "and", "that", "have", "with"];

/// Texts above this many bytes leave no buffers behind.
const KEPT_BYTES: usize = 32 << 20;

/// Measures documents; all buffers are kept from one to the next.
pub struct Meter {
    groups: Groups,
    segmentation: Segmentation,
    stop_words: Vec<StopWord>,
    bad_words: BadWords,
    row: Row,
    words: Words,
    vocabulary: Vocabulary,
    lexicon: Lexicon,
    grams: Grams,
    set: RangeSet,
    phrases: Phrases,
    normalized: Normalized,
    dclm: Dclm,
}

impl Meter {
    pub fn new(groups: impl Iterator<Item = Group>, options: &Options) -> Result<Self, KernelError> {
        let mut asked = Groups::default();
        groups.for_each(|group| asked.add(group));
        let stop_words: Vec<&str> = match &options.stop_words {
            Some(words) => words.iter().map(String::as_str).collect(),
            None => GOPHER_STOP_WORDS.to_vec(),
        };
        let mut distinct: Vec<&str> = stop_words;
        distinct.sort_unstable();
        distinct.dedup();
        Ok(Self {
            groups: asked,
            segmentation: options.segmentation,
            stop_words: distinct.iter().filter_map(|word| StopWord::new(word)).collect(),
            bad_words: BadWords::new(options.bad_words.as_deref().unwrap_or(&[]))?,
            row: Row::default(),
            words: Words::default(),
            vocabulary: Vocabulary::default(),
            lexicon: Lexicon::default(),
            grams: Grams::default(),
            set: RangeSet::default(),
            phrases: Phrases::default(),
            normalized: Normalized::default(),
            dclm: Dclm::default(),
        })
    }

    /// The values of one text; only those of groups asked for are meant.
    pub fn measure(&mut self, text: &str) -> &Row {
        self.row = Row::default();
        let characters = code_points(text.as_bytes());
        self.row.count(Column::CharacterCount, characters);
        self.row.count(Column::ByteCount, text.len());
        let groups = self.groups;
        self.measure_words(text, characters);
        if text.len() > KEPT_BYTES {
            self.shrink();
        }
        let asked = Asked {
            lines: groups.has(Group::Lines),
            repeats: groups.has(Group::Repeats),
            nonblank: groups.has(Group::Nonblank),
        };
        lines::measure(text, characters, asked, &mut self.set, &mut self.row);
        if groups.has(Group::Phrases) {
            self.phrases.measure(text, characters, &mut self.row);
        }
        if groups.has(Group::BadWords) {
            self.row.count(Column::BadWordCount, self.bad_words.count(text));
        }
        if groups.has(Group::Characters) {
            characters::measure(text, characters, &mut self.row);
        }
        if groups.has(Group::Compression) {
            self.row.set(Column::CompressionRatio, lexical::compression_ratio(text));
        }
        if groups.has(Group::Code) {
            code::measure(text, characters, &mut self.row);
        }
        if groups.has(Group::RawTokens) {
            redpajama::raw_tokens(text, &mut self.row);
        }
        if groups.any(&[Group::Normalized, Group::NormalizedGrams]) {
            self.normalized.read(text, &mut self.vocabulary, &mut self.row);
        }
        if groups.has(Group::NormalizedGrams) {
            self.normalized.measure_grams(&self.vocabulary, &mut self.grams, &mut self.row);
        }
        if groups.has(Group::Normalized) {
            self.normalized.measure_words(&self.stop_words, &self.vocabulary, &mut self.row);
        }
        if groups.has(Group::DclmWords) {
            self.dclm.measure_words(text, &mut self.row);
        }
        if groups.has(Group::DclmLines) {
            self.dclm.measure_lines(text, &mut self.set, &mut self.row);
        }
        if groups.has(Group::DclmGrams) {
            self.dclm.measure_grams(text, &mut self.vocabulary, &mut self.grams, &mut self.row);
        }
        if text.len() > KEPT_BYTES {
            self.shrink();
        }
        &self.row
    }

    fn measure_words(&mut self, text: &str, characters: usize) {
        let groups = self.groups;
        let distinct = groups.any(&[Group::Words, Group::TopGrams, Group::Readability]);
        if !distinct && !groups.any(&[Group::DuplicateGrams, Group::Sentences]) {
            return;
        }
        if groups.any(&[Group::Sentences, Group::Readability]) {
            self.row.count(Column::SentenceCount, sentence_count(text));
        }
        if !distinct && !groups.has(Group::DuplicateGrams) {
            return;
        }
        self.words.read(text, self.segmentation);
        if distinct {
            self.vocabulary.read(&self.words);
        }
        if groups.any(&[Group::Words, Group::Readability]) {
            self.lexicon.read(&self.words, &self.vocabulary);
            self.lexicon.measure(text, &self.vocabulary, &mut self.row);
            lexical::stop_words(&self.words, &self.vocabulary, &self.stop_words, &mut self.row);
        }
        if groups.has(Group::Readability) {
            lexical::readability(&self.words, &self.vocabulary, &mut self.row);
        }
        if groups.has(Group::TopGrams) {
            let top = self.grams.top(&self.words, &self.vocabulary);
            for (n, length) in top.into_iter().enumerate() {
                let column = [
                    Column::Top2GramCharacterFraction,
                    Column::Top3GramCharacterFraction,
                    Column::Top4GramCharacterFraction,
                ][n];
                self.row.ratio(column, length, characters);
            }
        }
        if text.len() > KEPT_BYTES {
            self.vocabulary = Vocabulary::default();
            self.grams = Grams::default();
        }
        if groups.has(Group::DuplicateGrams) {
            let duplicated = self.grams.duplicated(&self.words);
            for (n, length) in duplicated.into_iter().enumerate() {
                let column = [
                    Column::Duplicate5GramCharacterFraction,
                    Column::Duplicate6GramCharacterFraction,
                    Column::Duplicate7GramCharacterFraction,
                    Column::Duplicate8GramCharacterFraction,
                    Column::Duplicate9GramCharacterFraction,
                    Column::Duplicate10GramCharacterFraction,
                ][n];
                self.row.ratio(column, length, characters);
            }
        }
    }

    fn shrink(&mut self) {
        self.words.shrink(KEPT_BYTES);
        self.vocabulary.shrink(KEPT_BYTES / 4);
        self.grams.shrink(KEPT_BYTES / 4);
        self.set.shrink(KEPT_BYTES / 4);
        self.phrases = Phrases::default();
        self.normalized = Normalized::default();
        self.dclm = Dclm::default();
    }
}

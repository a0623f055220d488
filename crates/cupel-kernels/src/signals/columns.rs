//! The names of all columns, what kind of number each holds, and with which others it is measured.

use crate::KernelError;

/// How a column is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// int64
    Count,
    /// float64: fractions, ratios, means
    Real,
    /// bool
    Mark,
}

/// Columns that come out of one and the same work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Group {
    Size,
    Words,
    TopGrams,
    DuplicateGrams,
    Lines,
    Repeats,
    Nonblank,
    Sentences,
    Readability,
    Phrases,
    BadWords,
    Characters,
    Compression,
    Code,
    RawTokens,
    Normalized,
    NormalizedGrams,
    DclmWords,
    DclmLines,
    DclmGrams,
}

/// A set of groups.
#[derive(Debug, Clone, Copy, Default)]
pub struct Groups(u32);

impl Groups {
    pub fn add(&mut self, group: Group) {
        self.0 |= 1 << group as u8;
    }

    #[inline]
    pub fn has(self, group: Group) -> bool {
        self.0 & 1 << group as u8 != 0
    }

    pub fn any(self, groups: &[Group]) -> bool {
        groups.iter().any(|&group| self.has(group))
    }
}

/// What is known of one column.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    pub column: Column,
    pub name: &'static str,
    pub group: Group,
    pub kind: Kind,
}

macro_rules! columns {
    ($($column:ident $name:literal $group:ident $kind:ident;)*) => {
        /// One measured column.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(usize)]
        pub enum Column { $($column),* }

        /// All columns, in the order of `Column`.
        pub const ALL: &[Spec] = &[$(Spec {
            column: Column::$column, name: $name, group: Group::$group, kind: Kind::$kind,
        }),*];
    };
}

columns! {
    CharacterCount "character_count" Size Count;
    ByteCount "byte_count" Size Count;
    WordCount "word_count" Words Count;
    UniqueWordCount "unique_word_count" Words Count;
    LineCount "line_count" Lines Count;
    ParagraphCount "paragraph_count" Repeats Count;
    SentenceCount "sentence_count" Sentences Count;

    NonSymbolWordCount "non_symbol_word_count" Words Count;
    MeanWordLength "mean_word_length" Words Real;
    HashToWordRatio "hash_to_word_ratio" Words Real;
    EllipsisToWordRatio "ellipsis_to_word_ratio" Words Real;
    AlphaWordFraction "alpha_word_fraction" Words Real;
    StopWordCount "stop_word_count" Words Count;
    StopWordFraction "stop_word_fraction" Words Real;
    UniqueWordFraction "unique_word_fraction" Words Real;
    UnigramEntropy "unigram_entropy" Words Real;
    MaxWordLength "max_word_length" Words Count;
    SingleUseWordFraction "single_use_word_fraction" Words Real;
    NewlineToWordRatio "newline_to_word_ratio" Words Real;
    BulletLineFraction "bullet_line_fraction" Lines Real;
    EllipsisLineFraction "ellipsis_line_fraction" Lines Real;

    DuplicateLineFraction "duplicate_line_fraction" Repeats Real;
    DuplicateLineCharacterFraction "duplicate_line_character_fraction" Repeats Real;
    DuplicateParagraphFraction "duplicate_paragraph_fraction" Repeats Real;
    DuplicateParagraphCharacterFraction "duplicate_paragraph_character_fraction" Repeats Real;
    Top2GramCharacterFraction "top_2gram_character_fraction" TopGrams Real;
    Top3GramCharacterFraction "top_3gram_character_fraction" TopGrams Real;
    Top4GramCharacterFraction "top_4gram_character_fraction" TopGrams Real;
    Duplicate5GramCharacterFraction "duplicate_5gram_character_fraction" DuplicateGrams Real;
    Duplicate6GramCharacterFraction "duplicate_6gram_character_fraction" DuplicateGrams Real;
    Duplicate7GramCharacterFraction "duplicate_7gram_character_fraction" DuplicateGrams Real;
    Duplicate8GramCharacterFraction "duplicate_8gram_character_fraction" DuplicateGrams Real;
    Duplicate9GramCharacterFraction "duplicate_9gram_character_fraction" DuplicateGrams Real;
    Duplicate10GramCharacterFraction "duplicate_10gram_character_fraction" DuplicateGrams Real;

    NonblankLineCount "nonblank_line_count" Nonblank Count;
    TerminalPunctuationLineFraction "terminal_punctuation_line_fraction" Nonblank Real;
    ShortLineFraction "short_line_fraction" Nonblank Real;
    DuplicateNonblankLineCharacterFraction "duplicate_nonblank_line_character_fraction" Nonblank Real;

    JavascriptLineCount "javascript_line_count" Phrases Count;
    PolicyLineCount "policy_line_count" Phrases Count;
    LoremIpsumCount "lorem_ipsum_count" Phrases Count;
    CurlyBracketCount "curly_bracket_count" Phrases Count;
    CurlyBracketFraction "curly_bracket_fraction" Phrases Real;
    BadWordCount "bad_word_count" BadWords Count;

    DigitFraction "digit_fraction" Characters Real;
    UppercaseFraction "uppercase_fraction" Characters Real;
    WhitespaceFraction "whitespace_fraction" Characters Real;
    PunctuationFraction "punctuation_fraction" Characters Real;
    NonLatinFraction "non_latin_fraction" Characters Real;
    AlphanumericFraction "alphanumeric_fraction" Characters Real;
    AlphabeticFraction "alphabetic_fraction" Characters Real;

    CompressionRatio "compression_ratio" Compression Real;
    FleschReadingEase "flesch_reading_ease" Readability Real;
    WordsPerSentence "words_per_sentence" Readability Real;
    SyllablesPerWord "syllables_per_word" Readability Real;

    MaxLineLength "max_line_length" Lines Count;
    MeanLineLength "mean_line_length" Lines Real;
    LongLineFraction "long_line_fraction" Lines Real;
    XmlMark "xml_mark" Code Mark;
    HtmlVisibleFraction "html_visible_fraction" Code Real;
    HtmlVisibleCharacterCount "html_visible_character_count" Code Count;
    AutogeneratedMark "autogenerated_mark" Code Mark;
    EncodedDataFraction "encoded_data_fraction" Code Real;
    MaxEncodedRunLength "max_encoded_run_length" Code Count;

    RawTokenCount "raw_token_count" RawTokens Count;
    AllCapsWordFraction "all_caps_word_fraction" RawTokens Real;
    NoAlphabeticWordFraction "no_alphabetic_word_fraction" RawTokens Real;
    SymbolToWordRatio "symbol_to_word_ratio" RawTokens Real;
    RegexSentenceCount "regex_sentence_count" RawTokens Count;

    NormalizedWordCount "normalized_word_count" Normalized Count;
    NormalizedMeanWordLength "normalized_mean_word_length" Normalized Real;
    NormalizedUniqueWordFraction "normalized_unique_word_fraction" Normalized Real;
    NormalizedUnigramEntropy "normalized_unigram_entropy" Normalized Real;
    NormalizedStopWordFraction "normalized_stop_word_fraction" Normalized Real;
    NormalizedLoremIpsumFraction "normalized_lorem_ipsum_fraction" Normalized Real;
    JavascriptWordsPerLine "javascript_words_per_line" Normalized Real;
    WordsPerLine "words_per_line" Normalized Real;
    MeanLineNumericFraction "mean_line_numeric_fraction" Normalized Real;
    MeanLineUppercaseFraction "mean_line_uppercase_fraction" Normalized Real;
    EndMarkLineFraction "end_mark_line_fraction" Normalized Real;
    BulletSymbolLineFraction "bullet_symbol_line_fraction" Normalized Real;
    NormalizedTop2GramCharacterFraction "normalized_top_2gram_character_fraction" NormalizedGrams Real;
    NormalizedTop3GramCharacterFraction "normalized_top_3gram_character_fraction" NormalizedGrams Real;
    NormalizedTop4GramCharacterFraction "normalized_top_4gram_character_fraction" NormalizedGrams Real;
    NormalizedDuplicate5GramCharacterFraction "normalized_duplicate_5gram_character_fraction" NormalizedGrams Real;
    NormalizedDuplicate6GramCharacterFraction "normalized_duplicate_6gram_character_fraction" NormalizedGrams Real;
    NormalizedDuplicate7GramCharacterFraction "normalized_duplicate_7gram_character_fraction" NormalizedGrams Real;
    NormalizedDuplicate8GramCharacterFraction "normalized_duplicate_8gram_character_fraction" NormalizedGrams Real;
    NormalizedDuplicate9GramCharacterFraction "normalized_duplicate_9gram_character_fraction" NormalizedGrams Real;
    NormalizedDuplicate10GramCharacterFraction "normalized_duplicate_10gram_character_fraction" NormalizedGrams Real;

    DclmWordCount "dclm_word_count" DclmWords Count;
    DclmMeanWordLength "dclm_mean_word_length" DclmWords Real;
    DclmSymbolToWordRatio "dclm_symbol_to_word_ratio" DclmWords Real;
    DclmNonalphabeticWordFraction "dclm_nonalphabetic_word_fraction" DclmWords Real;
    DclmStopWordCount "dclm_stop_word_count" DclmWords Count;
    DclmBulletLineFraction "dclm_bullet_line_fraction" DclmLines Real;
    DclmEllipsisLineFraction "dclm_ellipsis_line_fraction" DclmLines Real;
    DclmRecurringLineFraction "dclm_recurring_line_fraction" DclmLines Real;
    DclmRecurringLineCharacterFraction "dclm_recurring_line_character_fraction" DclmLines Real;
    DclmRecurringParagraphFraction "dclm_recurring_paragraph_fraction" DclmLines Real;
    DclmRecurringParagraphCharacterFraction "dclm_recurring_paragraph_character_fraction" DclmLines Real;
    DclmTop2GramCharacterFraction "dclm_top_2gram_character_fraction" DclmGrams Real;
    DclmTop3GramCharacterFraction "dclm_top_3gram_character_fraction" DclmGrams Real;
    DclmTop4GramCharacterFraction "dclm_top_4gram_character_fraction" DclmGrams Real;
    DclmRecurring5GramCharacterFraction "dclm_recurring_5gram_character_fraction" DclmGrams Real;
    DclmRecurring6GramCharacterFraction "dclm_recurring_6gram_character_fraction" DclmGrams Real;
    DclmRecurring7GramCharacterFraction "dclm_recurring_7gram_character_fraction" DclmGrams Real;
    DclmRecurring8GramCharacterFraction "dclm_recurring_8gram_character_fraction" DclmGrams Real;
    DclmRecurring9GramCharacterFraction "dclm_recurring_9gram_character_fraction" DclmGrams Real;
    DclmRecurring10GramCharacterFraction "dclm_recurring_10gram_character_fraction" DclmGrams Real;
}

/// The column called `name`.
pub fn find(name: &str) -> Result<Spec, KernelError> {
    ALL.iter()
        .find(|spec| spec.name == name)
        .copied()
        .ok_or_else(|| KernelError::UnknownName { kind: "signal column", name: name.to_owned() })
}

/// The values of one document.
#[derive(Debug, Clone)]
pub struct Row([f64; ALL.len()]);

impl Default for Row {
    fn default() -> Self {
        Self([0.0; ALL.len()])
    }
}

impl Row {
    #[inline]
    pub fn set(&mut self, column: Column, value: f64) {
        self.0[column as usize] = value;
    }

    pub fn count(&mut self, column: Column, value: usize) {
        self.set(column, value as f64);
    }

    /// `part / whole`, and zero where there is nothing.
    pub fn ratio(&mut self, column: Column, part: usize, whole: usize) {
        self.set(column, if whole == 0 { 0.0 } else { part as f64 / whole as f64 });
    }

    #[inline]
    pub fn get(&self, column: Column) -> f64 {
        self.0[column as usize]
    }
}

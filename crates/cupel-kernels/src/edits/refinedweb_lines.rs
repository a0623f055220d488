//! RefinedWeb's line-wise corrections (Penedo et al. 2023, appendix G.2), in the order and to the letter
//! of DataComp-LM's reproduction where the paper leaves it open.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use aho_corasick::{AhoCorasick, MatchKind};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, LargeStringArray, RecordBatch};
use regex::Regex;

use super::{batch, python_words, rewrite};
use crate::KernelError;
use crate::text::lines::{is_python_space, strip};
use crate::text::properties::{ALPHABETIC, DIGIT, NUMERIC, Properties, UPPERCASE};
use crate::text::tokens::count_fasttext_words;
use crate::text::view::visible;

/// What is taken for a line that does not belong to the text.
#[derive(Debug, Clone)]
pub struct Options {
    /// A line with a larger share of upper-case characters goes.
    pub max_uppercase_fraction: f64,
    /// Phrases are looked for in lines of at most this many words.
    pub max_words_of_short_line: usize,
    /// Phrases taken out of the start, the end, and any place of a short line, whatever their case.
    pub start: Vec<String>,
    pub end: Vec<String>,
    pub anywhere: Vec<String>,
}

/// A number and what it counts, in lower case: "3 likes", "1.2k views".
static COUNTER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^[^\p{L}\p{N}_]*\p{Nd}[\p{Nd}.,]*[kmb]?[\s\x1c-\x1f]+(?:(?:up|down)votes|bookmarks|comments|downloads|followers|likes|quotes|reposts|retweets|shares|views)[^\p{L}\p{N}_]*$",
    )
    .ok()
});

/// Beside decimal digits, what Python's `str.isdigit` accepts: superscripts, digits in circles.
#[rustfmt::skip]
const DIGITS: &[(u32, u32)] = &[
    (0xb2, 0xb3), (0xb9, 0xb9), (0x1369, 0x1371), (0x19da, 0x19da), (0x2070, 0x2070), (0x2074, 0x2079),
    (0x2080, 0x2089), (0x2460, 0x2468), (0x2474, 0x247c), (0x2488, 0x2490), (0x24ea, 0x24ea), (0x24f5, 0x24fd),
    (0x24ff, 0x24ff), (0x2776, 0x277e), (0x2780, 0x2788), (0x278a, 0x2792), (0x10a40, 0x10a43),
    (0x10e60, 0x10e68), (0x11052, 0x1105a), (0x1f100, 0x1f10a),
];

/// Columns `text`, `refinedweb_removed_lines` and `refinedweb_removed_word_fraction`: words that
/// went, of all words, both as `count_fasttext_words` counts them; 0 for a text without words.
///
/// # Errors
/// `BadInput` where the columns cannot be put together, `BadOption` for phrases that make no matcher.
pub fn edit(text: &LargeStringArray, options: &Options) -> Result<RecordBatch, KernelError> {
    let corrector = Corrector::new(options)?;
    let mut lines = vec![0_i64; text.len()];
    let mut fractions = vec![0.0; text.len()];
    let mut places = (0..text.len()).filter(|&row| text.is_valid(row)).collect::<Vec<_>>().into_iter();
    let edited = rewrite(text, |text, out| {
        let removed_lines = corrector.correct(text, out);
        let changed = out != text;
        if let Some(place) = places.next() {
            lines[place] = removed_lines;
            fractions[place] = if changed { removed_word_fraction(text, out) } else { 0.0 };
        }
        changed
    });
    let lines: ArrayRef = Arc::new(Int64Array::from(lines));
    let fractions: ArrayRef = Arc::new(Float64Array::from(fractions));
    batch(edited, vec![("refinedweb_removed_lines", lines), ("refinedweb_removed_word_fraction", fractions)])
}

fn removed_word_fraction(before: &str, after: &str) -> f64 {
    let before = count_fasttext_words(&visible(before));
    before.saturating_sub(count_fasttext_words(&visible(after))) as f64 / before.max(1) as f64
}

/// A line as it stands in the text, and as it is looked at.
struct Line<'t> {
    whole: &'t str,
    seen: Cow<'t, str>,
    shortened: bool,
}

impl<'t> Line<'t> {
    fn new(whole: &'t str) -> Self {
        Self { whole, seen: visible(whole), shortened: false }
    }

    fn text(&self) -> &str {
        if self.shortened { &self.seen } else { self.whole }
    }

    fn is_blank(&self) -> bool {
        strip(&self.seen).is_empty()
    }

    /// Nothing at all, or nothing but marks; a line of blanks is not empty.
    fn is_empty(&self) -> bool {
        self.whole.is_empty() || self.seen.is_empty() && !strip(self.whole).is_empty()
    }

    fn trim(&mut self, by: impl for<'a> Fn(&'a str) -> &'a str) {
        self.whole = by(self.whole);
        match &mut self.seen {
            Cow::Borrowed(seen) => *seen = by(seen),
            Cow::Owned(seen) => *seen = by(seen).to_string(),
        }
    }
}

struct Corrector<'a> {
    options: &'a Options,
    anywhere: AhoCorasick,
}

impl<'a> Corrector<'a> {
    fn new(options: &'a Options) -> Result<Self, KernelError> {
        let phrases = [&options.start, &options.end, &options.anywhere];
        if phrases.iter().any(|phrases| phrases.iter().any(|phrase| strip(phrase).is_empty())) {
            return Err(KernelError::BadOption {
                option: "phrases",
                expected: "phrases with a word".to_string(),
            });
        }
        let anywhere = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .build(&options.anywhere)
            .map_err(|error| KernelError::BadOption { option: "anywhere", expected: error.to_string() })?;
        Ok(Self { options, anywhere })
    }

    /// Writes the corrected text; gives how many lines with words went whole.
    fn correct(&self, text: &str, out: &mut String) -> i64 {
        let mut lines: Vec<Line<'_>> = text.split('\n').map(Line::new).collect();
        let worded = count_worded(&lines);
        // White space around the text goes after each correction, so that the next one sees the
        // first and the last line without it.
        lines.retain(|line| !self.is_shouted(&line.seen));
        strip_ends(&mut lines);
        lines.retain(|line| !is_number(&line.seen));
        strip_ends(&mut lines);
        lines.retain(|line| !is_counter(&line.seen));
        strip_ends(&mut lines);
        lines.retain(|line| line.is_empty() || python_words(&line.seen).nth(1).is_some());
        self.take_out(&mut lines, |line| self.without_anywhere(line));
        self.take_out(&mut lines, |line| self.without_end(line));
        self.take_out(&mut lines, |line| self.without_start(line));
        for (place, line) in lines.iter().enumerate() {
            if place > 0 {
                out.push('\n');
            }
            out.push_str(line.text());
        }
        worded - count_worded(&lines)
    }

    fn is_shouted(&self, line: &str) -> bool {
        let properties = Properties::shared();
        let (mut all, mut upper) = (0_usize, 0_usize);
        for c in line.chars() {
            all += 1;
            upper += usize::from(properties.has(c, UPPERCASE));
        }
        all > 0 && upper as f64 / all as f64 > self.options.max_uppercase_fraction
    }

    /// Lets `shorten` look at each short line; a line of which nothing is left goes.
    fn take_out(&self, lines: &mut Vec<Line<'_>>, shorten: impl Fn(&str) -> Option<String>) {
        let max_words = self.options.max_words_of_short_line;
        lines.retain_mut(|line| {
            if line.is_empty() || python_words(&line.seen).nth(max_words).is_some() {
                return true;
            }
            match shorten(&line.seen) {
                Some(rest) if strip(&rest).is_empty() => false,
                Some(rest) => {
                    line.seen = Cow::Owned(rest);
                    line.shortened = true;
                    true
                }
                None => !line.is_blank(),
            }
        });
        strip_ends(lines);
    }

    /// The line without its first phrase and one white space behind it; nothing where there is none.
    fn without_start(&self, line: &str) -> Option<String> {
        let phrase = self.options.start.iter().find(|phrase| starts_with(line, phrase))?;
        let rest = line.get(phrase.len()..)?;
        Some(rest.strip_prefix(is_python_space).unwrap_or(rest).to_string())
    }

    /// The line without its last phrase and one white space before it; nothing where there is none.
    fn without_end(&self, line: &str) -> Option<String> {
        let phrase = self.options.end.iter().find(|phrase| ends_with(line, phrase))?;
        let rest = line.get(..line.len() - phrase.len())?;
        Some(rest.strip_suffix(is_python_space).unwrap_or(rest).to_string())
    }

    /// The line without all its phrases and one white space before each; nothing where there is none.
    fn without_anywhere(&self, line: &str) -> Option<String> {
        let mut rest = String::new();
        let mut from = 0;
        for phrase in self.anywhere.find_iter(line) {
            if stands_alone(line, phrase.start(), phrase.end()) {
                let before = line.get(from..phrase.start())?;
                rest.push_str(before.strip_suffix(is_python_space).unwrap_or(before));
                from = phrase.end();
            }
        }
        (from > 0).then(|| rest + line.get(from..).unwrap_or_default())
    }
}

fn count_worded(lines: &[Line<'_>]) -> i64 {
    lines.iter().filter(|line| !line.is_blank()).count() as i64
}

/// Takes the white space around the whole text away.
fn strip_ends(lines: &mut Vec<Line<'_>>) {
    while lines.last().is_some_and(Line::is_blank) {
        lines.pop();
    }
    let blank = lines.iter().take_while(|line| line.is_blank()).count();
    lines.drain(..blank);
    if let Some(line) = lines.last_mut() {
        line.trim(|text| text.trim_end_matches(is_python_space));
    }
    if let Some(line) = lines.first_mut() {
        line.trim(|text| text.trim_start_matches(is_python_space));
    }
}

/// Digits alone, not even a white space beside them.
fn is_number(line: &str) -> bool {
    let properties = Properties::shared();
    let digit = |c: char| {
        properties.has(c, DIGIT) || {
            let after = DIGITS.partition_point(|range| range.1 < c as u32);
            !c.is_ascii() && DIGITS.get(after).is_some_and(|range| range.0 <= c as u32)
        }
    };
    !line.is_empty() && line.chars().all(digit)
}

fn is_counter(line: &str) -> bool {
    let properties = Properties::shared();
    // Most lines begin with a letter, and no counter does.
    let first = line.chars().find(|&c| c == '_' || properties.has(c, ALPHABETIC | NUMERIC));
    first.is_some_and(|c| properties.has(c, DIGIT))
        && COUNTER.as_ref().is_some_and(|counter| counter.is_match(&line.to_lowercase()))
}

fn starts_with(line: &str, phrase: &str) -> bool {
    line.get(..phrase.len()).is_some_and(|start| start.eq_ignore_ascii_case(phrase))
        && stands_alone(line, 0, phrase.len())
}

fn ends_with(line: &str, phrase: &str) -> bool {
    let start = line.len().checked_sub(phrase.len());
    start.is_some_and(|start| {
        line.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(phrase))
            && stands_alone(line, start, line.len())
    })
}

/// The phrase at `start..end` is not a piece of longer words; a number may touch it ("0items in cart").
fn stands_alone(line: &str, start: usize, end: usize) -> bool {
    let Some((before, phrase, after)) =
        line.get(..start).zip(line.get(start..end)).zip(line.get(end..)).map(|((a, b), c)| (a, b, c))
    else {
        return false;
    };
    let joins = |a: Option<char>, b: Option<char>| {
        a.is_some_and(char::is_alphabetic) && b.is_some_and(char::is_alphabetic)
    };
    !joins(before.chars().next_back(), phrase.chars().next())
        && !joins(phrase.chars().next_back(), after.chars().next())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn corrected(text: &str) -> (String, i64) {
        let options = Options {
            max_uppercase_fraction: 0.5,
            max_words_of_short_line: 10,
            start: vec!["sign-in".to_string()],
            end: vec!["read more...".to_string()],
            anywhere: vec!["items in cart".to_string()],
        };
        let mut out = String::new();
        let lines = Corrector::new(&options).unwrap().correct(text, &mut out);
        (out, lines)
    }

    #[test]
    fn the_papers_examples() {
        let text = "3 likes\nHOMEANDGARDEN NOW\n122024\n①²\nMenu\n\nSign-in to see this café\nThe old mill. Read more...\n0items in cart today\nThis line of text stays as it is.";
        let (out, lines) = corrected(text);
        assert_eq!(out, "to see this café\nThe old mill.\n0 today\nThis line of text stays as it is.");
        assert_eq!(lines, 5);
        assert_eq!(removed_word_fraction(text, &out), 12.0 / 29.0);
    }

    #[test]
    fn what_nobody_sees_decides_nothing() {
        for (text, expected) in [
            ("HOME\u{200b}\u{200b}\u{200b} no\nA line.", "A line."),
            ("12\u{200b}2024\u{200f}\nA line.", "A line."),
            ("3 li\u{ad}kes\nA line.", "A line."),
            ("Menu\u{200b}\nA line.", "A line."),
            ("The old mill. Read more...\u{200e}", "The old mill."),
            ("\u{200f}Sign-in to see this", "to see this"),
            (
                "One line.\u{200b}\n\u{200f}\nAnother one.\u{200b}",
                "One line.\u{200b}\n\u{200f}\nAnother one.\u{200b}",
            ),
        ] {
            let (out, _) = corrected(text);
            assert_eq!(out, expected, "{text:?}");
        }
        let (out, lines) = corrected("\u{200f}\nMenu\nA line here.\n\u{200f}");
        assert_eq!((out.as_str(), lines), ("A line here.", 1), "a line of marks alone is blank");
        assert_eq!(
            removed_word_fraction("\u{200f}\nMenu\nA line.", "A line."),
            removed_word_fraction("Menu\nA line.", "A line.")
        );
    }

    #[test]
    fn lines_that_stay() {
        for line in [
            "Sign-index of the book",
            "They Xread more...",
            "one two three four five six seven eight nine ten read more...",
            "1,200 people like this",
            "3 likes and counting",
            "12 / 2024",
            "UP and down",
        ] {
            assert_eq!(corrected(line).0, line);
        }
    }

    #[test]
    fn white_space_around_the_text_goes() {
        assert_eq!(corrected(" \n  a b\n\n c d \n\u{a0}").0, "a b\n\n c d");
        assert_eq!(corrected("\n \nNO\n").0, "");
    }

    proptest! {
        #[test]
        fn lines_only_lose(text in "(sign-in|read more\\.\\.\\.|items in cart|LOUD|3 likes|İß|a b c|é|\\n| |[a-z]{1,4}){0,30}") {
            let (out, lines) = corrected(&text);
            prop_assert!(out.len() <= text.len());
            prop_assert!((0.0..=1.0).contains(&removed_word_fraction(&text, &out)));
            prop_assert!(lines >= 0);
            prop_assert_eq!(strip(&out), &out);
        }
    }
}

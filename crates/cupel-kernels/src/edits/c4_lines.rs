//! C4's line-wise cleaning (Raffel et al. 2020, section 2.2), as datatrove 0.10 does it.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, LargeStringArray, RecordBatch};
use memchr::memchr;

use super::{batch, python_words, rewrite};
use crate::KernelError;
use crate::text::c4_phrases::{Folded, Found};
use crate::text::lines::{code_points, is_python_space, split_lines, strip};
use crate::text::properties::{DIGIT, Properties};
use crate::text::sentences::sentence_count;
use crate::text::view::visible;

/// Which lines stay.
#[derive(Debug, Clone)]
pub struct Options {
    /// A line must end in one of `. ? ! " '`, and not in `...`.
    pub require_terminal_punctuation: bool,
    /// A line must have this many words.
    pub min_words_per_line: usize,
    /// No word of a line may have more code points; none switches this off.
    pub max_word_length: Option<usize>,
    /// `[1]`, `[edit]` and `[citation needed]` are taken out of lines.
    pub remove_citations: bool,
    /// Lines that name JavaScript go.
    pub remove_javascript: bool,
    /// Lines about cookies and terms of use go.
    pub remove_policy: bool,
}

/// What one document's lines gave.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    sentences: i64,
    lorem_ipsum: i64,
    curly_bracket: i64,
    removed: i64,
}

/// Columns `text`, `c4_sentence_count`, `c4_lorem_ipsum_lines`, `c4_curly_bracket_lines` and
/// `c4_removed_lines` (lines that are not blank and went).
///
/// A line with placeholder text or a curly bracket is counted and otherwise treated as any other:
/// whether it costs the document is for a rule to say.
///
/// # Errors
/// `BadInput` where the columns cannot be put together.
pub fn edit(text: &LargeStringArray, options: &Options) -> Result<RecordBatch, KernelError> {
    let mut cleaner = Cleaner { options, folded: Folded::default() };
    let mut counts = vec![Counts::default(); text.len()];
    let rows = (0..text.len()).filter(|&row| text.is_valid(row));
    let mut places = rows.collect::<Vec<_>>().into_iter();
    let edited = rewrite(text, |text, out| {
        let counted = cleaner.clean(text, out);
        if let Some(place) = places.next() {
            counts[place] = counted;
        }
        out != text
    });
    let column =
        |get: fn(&Counts) -> i64| -> ArrayRef { Arc::new(counts.iter().map(get).collect::<Int64Array>()) };
    batch(
        edited,
        vec![
            ("c4_sentence_count", column(|counts| counts.sentences)),
            ("c4_lorem_ipsum_lines", column(|counts| counts.lorem_ipsum)),
            ("c4_curly_bracket_lines", column(|counts| counts.curly_bracket)),
            ("c4_removed_lines", column(|counts| counts.removed)),
        ],
    )
}

struct Cleaner<'a> {
    options: &'a Options,
    folded: Folded,
}

impl Cleaner<'_> {
    fn clean(&mut self, text: &str, out: &mut String) -> Counts {
        let mut counts = Counts::default();
        let phrases = self.folded.find(text).any();
        let holds = |byte: u8| memchr(byte, text.as_bytes()).is_some();
        let brackets = holds(b'{');
        let citations = self.options.remove_citations && holds(b'[');
        let mut kept = 0_usize;
        for line in split_lines(text) {
            let whole = strip(line);
            let seen = visible(whole);
            let Some(shaped) = self.shape(&seen, citations) else {
                counts.removed += i64::from(!whole.is_empty());
                continue;
            };
            let cited = matches!(shaped, Shaped::Cited(_));
            let line = shaped.text();
            // A citation or a mark can stand inside of a phrase.
            let phrase_hits = if phrases || cited || matches!(seen, Cow::Owned(_)) {
                self.folded.find(line)
            } else {
                Found::default()
            };
            counts.lorem_ipsum += i64::from(phrase_hits.lorem_ipsum);
            if phrase_hits.javascript && self.options.remove_javascript {
                counts.removed += 1;
                continue;
            }
            counts.curly_bracket += i64::from(brackets && memchr(b'{', line.as_bytes()).is_some());
            if phrase_hits.policy && self.options.remove_policy {
                counts.removed += 1;
                continue;
            }
            counts.sentences += sentence_count(line) as i64;
            if kept > 0 {
                out.push('\n');
            }
            out.push_str(if cited { line } else { whole });
            kept += 1;
        }
        strip_in_place(out);
        counts
    }

    /// The line without its citations, or nothing where its words or its end rule it out.
    fn shape<'t>(&self, line: &'t str, citations: bool) -> Option<Shaped<'t>> {
        let shaped = if citations { without_citations(line) } else { Shaped::Plain(line) };
        if self.options.require_terminal_punctuation {
            let end = shaped.text().as_bytes();
            if !matches!(end.last(), Some(b'.' | b'?' | b'!' | b'"' | b'\'')) || end.ends_with(b"...") {
                return None;
            }
        }
        // Words are those of the line before its citations went.
        if !has_words(line, self.options.min_words_per_line) {
            return None;
        }
        match self.options.max_word_length {
            Some(longest) if has_longer_word(line, longest) => None,
            _ => Some(shaped),
        }
    }
}

/// Whether a line has at least so many words.
fn has_words(line: &str, least: usize) -> bool {
    let (mut words, mut inside) = (0, false);
    for &byte in line.as_bytes() {
        if words >= least {
            break;
        }
        if !byte.is_ascii() {
            // White space beyond ASCII needs a closer look.
            return python_words(line).take(least).count() >= least;
        }
        let space = is_python_space(char::from(byte));
        words += usize::from(!space && !inside);
        inside = !space;
    }
    words >= least
}

/// Whether a word of a line has more code points than `longest`.
fn has_longer_word(line: &str, longest: usize) -> bool {
    let bytes = line.as_bytes();
    // Where every stretch of that length holds white space, no word is so long, and the last one of
    // a stretch is found within a few bytes.
    let mut from = 0;
    while bytes.len() - from > longest {
        let stretch = &bytes[from..=from + longest];
        match stretch.iter().rposition(|&byte| byte.is_ascii() && is_python_space(char::from(byte))) {
            Some(space) => from += space + 1,
            None => {
                return python_words(&line[from..])
                    .any(|word| word.len() > longest && code_points(word.as_bytes()) > longest);
            }
        }
    }
    false
}

/// A line, with its citations taken out where it had any.
enum Shaped<'a> {
    Plain(&'a str),
    Cited(String),
}

impl Shaped<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Cited(text) => text,
        }
    }
}

fn without_citations(line: &str) -> Shaped<'_> {
    let (mut cited, mut done, mut at) = (None, 0, 0);
    while let Some(open) = memchr(b'[', &line.as_bytes()[at..]) {
        let open = at + open;
        at = open + 1;
        if let Some(length) = citation_length(&line[at..]) {
            cited.get_or_insert_with(String::new).push_str(&line[done..open]);
            at += length;
            done = at;
        }
    }
    match cited {
        Some(mut cited) => {
            cited.push_str(&line[done..]);
            Shaped::Cited(cited)
        }
        None => Shaped::Plain(line),
    }
}

/// How long the rest of a citation is, its bracket included: `]`, digits and `]`, `edit]` or
/// `citation needed]`.
fn citation_length(rest: &str) -> Option<usize> {
    for mark in ["edit]", "citation needed]"] {
        if rest.starts_with(mark) {
            return Some(mark.len());
        }
    }
    let properties = Properties::shared();
    let end = rest.find(|c| !properties.has(c, DIGIT))?;
    (rest.as_bytes()[end] == b']').then_some(end + 1)
}

fn strip_in_place(text: &mut String) {
    text.truncate(text.trim_end_matches(is_python_space).len());
    let start = text.len() - text.trim_start_matches(is_python_space).len();
    text.drain(..start);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ALL: Options = Options {
        require_terminal_punctuation: true,
        min_words_per_line: 3,
        max_word_length: Some(1000),
        remove_citations: true,
        remove_javascript: true,
        remove_policy: true,
    };

    fn clean(text: &str, options: &Options) -> (String, Counts) {
        let mut out = String::new();
        let counts = Cleaner { options, folded: Folded::default() }.clean(text, &mut out);
        (out, counts)
    }

    #[test]
    fn lines_that_are_no_sentence_go() {
        let text =
            "Menu\nThe café opens at nine[1].\nRead more about...\nToo short.\n  Is it open today?  \n";
        let (out, counts) = clean(text, &ALL);
        assert_eq!(out, "The café opens at nine.\nIs it open today?");
        assert_eq!((counts.removed, counts.sentences), (3, 2));
    }

    #[test]
    fn what_nobody_sees_decides_nothing() {
        for (text, expected) in [
            ("Is it open today?\u{200b}", "Is it open today?\u{200b}"),
            ("\u{200f}The café opens at nine.\u{200e} ", "\u{200f}The café opens at nine.\u{200e}"),
            ("The tower is\u{200b} old.[2]\u{200b}", "The tower is old."),
            ("Read more about...\u{200b}", ""),
            ("Please enable Java\u{ad}Script now.", ""),
            ("We use coo\u{200b}kies here today.", ""),
        ] {
            assert_eq!(clean(text, &ALL).0, expected, "{text:?}");
        }
        let (out, counts) = clean("Lorem ip\u{ad}sum dolor sit.", &ALL);
        assert_eq!((out.as_str(), counts.lorem_ipsum), ("Lorem ip\u{ad}sum dolor sit.", 1));
    }

    #[test]
    fn a_citation_at_the_end_leaves_a_space_that_costs_the_line() {
        assert_eq!(clean("The tower is old. [2]", &ALL).0, "");
        assert_eq!(clean("The tower is old.[2]", &ALL).0, "The tower is old.");
    }

    #[test]
    fn citations_have_digits_of_any_script_or_nothing() {
        let loose = Options { require_terminal_punctuation: false, ..ALL };
        for (text, expected) in [
            ("One two[] three[٣٤] four[12].", "One two three four."),
            ("One [[1] two three[edit] [citation needed]!", "One [ two three !"),
            ("One two three [ 1] [a] [1", "One two three [ 1] [a] [1"),
        ] {
            assert_eq!(clean(text, &loose).0, expected);
        }
    }

    #[test]
    fn words_are_counted_and_measured_as_python_splits_them() {
        for text in ["", "a", "a b", " a\u{a0}b c", "é\u{2003}é é", "a\tb\u{1f}c d", "日本 語 a b c"] {
            let words = python_words(text).count();
            for least in 0..6 {
                assert_eq!(has_words(text, least), words >= least, "{text:?} {least}");
            }
            for longest in 1..6 {
                let longer = python_words(text).any(|word| word.chars().count() > longest);
                assert_eq!(has_longer_word(text, longest), longer, "{text:?} {longest}");
            }
        }
    }

    #[test]
    fn marks_are_counted_and_scripts_go() {
        let text = "Please enable Java[1]Script now.\nLorem IPSUM dolor sit.\nWe use coo\u{212a}ies here today.\nif (x) { y. }.";
        let (out, counts) = clean(text, &ALL);
        assert_eq!(out, "Lorem IPSUM dolor sit.\nif (x) { y. }.");
        assert_eq!((counts.lorem_ipsum, counts.curly_bracket, counts.removed), (1, 1, 2));
    }

    #[test]
    fn long_words_cost_the_line() {
        let line = format!("One {} long word.", "é".repeat(1001));
        assert_eq!(clean(&line, &ALL).0, "");
        assert_eq!(clean(&line, &Options { max_word_length: None, ..ALL }).0, line);
        let line = format!("One {} long word.", "é".repeat(1000));
        assert_eq!(clean(&line, &ALL).0, line);
    }
}

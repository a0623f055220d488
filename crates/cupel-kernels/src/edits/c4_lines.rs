//! C4's line-wise cleaning (Raffel et al. 2020, section 2.2), as datatrove 0.10 does it.

use std::sync::{Arc, LazyLock};

use arrow_array::{Array, ArrayRef, Int64Array, LargeStringArray, RecordBatch};
use memchr::{memchr, memmem};
use regex::Regex;

use super::{batch, python_words, rewrite};
use crate::KernelError;
use crate::text::lines::{code_points, is_python_space, split_lines, strip};
use crate::text::sentences::sentence_count;

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

const POLICIES: [&str; 6] =
    ["terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"];

static CITATION: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\[\d*\]|\[edit\]|\[citation needed\]").ok());

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
    let mut cleaner = Cleaner { options, lower: Vec::new() };
    let mut counts = vec![Counts::default(); text.len()];
    let rows = (0..text.len()).filter(|&row| text.is_valid(row));
    let mut places = rows.collect::<Vec<_>>().into_iter();
    let edited = rewrite(text, |text, out| {
        let found = cleaner.clean(text, out);
        if let Some(place) = places.next() {
            counts[place] = found;
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
    lower: Vec<u8>,
}

/// Phrases found, whatever their case.
#[derive(Debug, Default, Clone, Copy)]
struct Phrases {
    lorem_ipsum: bool,
    javascript: bool,
    policy: bool,
}

impl Phrases {
    fn any(self) -> bool {
        self.lorem_ipsum || self.javascript || self.policy
    }
}

impl Cleaner<'_> {
    fn clean(&mut self, text: &str, out: &mut String) -> Counts {
        let mut counts = Counts::default();
        let phrases = self.phrases(text).any();
        let mut kept = 0_usize;
        for line in split_lines(text) {
            let line = strip(line);
            let Some(shaped) = self.shape(line) else {
                counts.removed += i64::from(!line.is_empty());
                continue;
            };
            let cited = matches!(shaped, Shaped::Cited(_));
            let line = shaped.text();
            // Taking a citation out can join the halves of a phrase.
            let found = if phrases || cited { self.phrases(line) } else { Phrases::default() };
            counts.lorem_ipsum += i64::from(found.lorem_ipsum);
            if found.javascript && self.options.remove_javascript {
                counts.removed += 1;
                continue;
            }
            counts.curly_bracket += i64::from(memchr(b'{', line.as_bytes()).is_some());
            if found.policy && self.options.remove_policy {
                counts.removed += 1;
                continue;
            }
            counts.sentences += sentence_count(line) as i64;
            if kept > 0 {
                out.push('\n');
            }
            out.push_str(line);
            kept += 1;
        }
        strip_in_place(out);
        counts
    }

    /// The line without its citations, or nothing where its words or its end rule it out.
    fn shape<'t>(&self, line: &'t str) -> Option<Shaped<'t>> {
        if let Some(longest) = self.options.max_word_length
            && line.len() > longest
            && python_words(line).any(|word| word.len() > longest && code_points(word.as_bytes()) > longest)
        {
            return None;
        }
        let shaped =
            if self.options.remove_citations { without_citations(line) } else { Shaped::Plain(line) };
        if self.options.require_terminal_punctuation {
            let end = shaped.text();
            if !end.ends_with(['.', '?', '!', '"', '\'']) || end.ends_with("...") {
                return None;
            }
        }
        let least = self.options.min_words_per_line;
        if least > 0 && python_words(line).take(least).count() < least {
            return None;
        }
        Some(shaped)
    }

    fn phrases(&mut self, text: &str) -> Phrases {
        let lower = &mut self.lower;
        lower.clear();
        if memmem::find(text.as_bytes(), "\u{212a}".as_bytes()).is_some() {
            // The Kelvin sign is the one character beyond ASCII whose lower case is in a phrase.
            lower.extend_from_slice(text.replace('\u{212a}', "k").as_bytes());
        } else {
            lower.extend_from_slice(text.as_bytes());
        }
        lower.make_ascii_lowercase();
        let has = |phrase: &str| memmem::find(lower, phrase.as_bytes()).is_some();
        Phrases {
            lorem_ipsum: has("lorem ipsum"),
            javascript: has("javascript"),
            policy: (has("polic") || has("cookie") || has("terms of use"))
                && POLICIES.iter().any(|phrase| has(phrase)),
        }
    }
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
    if memchr(b'[', line.as_bytes()).is_none() {
        return Shaped::Plain(line);
    }
    match &*CITATION {
        Some(citation) if citation.is_match(line) => {
            Shaped::Cited(citation.replace_all(line, "").into_owned())
        }
        _ => Shaped::Plain(line),
    }
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
        let counts = Cleaner { options, lower: Vec::new() }.clean(text, &mut out);
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
    fn a_citation_at_the_end_leaves_a_space_that_costs_the_line() {
        assert_eq!(clean("The tower is old. [2]", &ALL).0, "");
        assert_eq!(clean("The tower is old.[2]", &ALL).0, "The tower is old.");
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

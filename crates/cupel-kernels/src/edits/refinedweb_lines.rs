//! RefinedWeb's line-wise corrections (Penedo et al. 2023, appendix G.2).

use std::sync::{Arc, LazyLock};

use aho_corasick::{AhoCorasick, MatchKind};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, LargeStringArray, RecordBatch};
use regex::Regex;

use super::{batch, python_words, rewrite};
use crate::KernelError;
use crate::text::lines::{is_python_space, strip};

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

/// A number and what it counts: "3 likes", "1.2K views".
static COUNTER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)^\W*\d[\d.,]*[kmb]?\+?\s+(?:likes?|shares?|comments?|retweets?|reposts?|quotes?|bookmarks?|upvotes?|downvotes?|downloads?|views?|followers?|following|replies|reply|tweets?|pins?|reads?|claps?|ratings?|reviews?|votes?|points?|subscribers?)\W*$",
    )
    .ok()
});

/// Columns `text`, `refinedweb_removed_lines` and `refinedweb_removed_word_fraction`: words that
/// went, of all words, both as white space parts them; 0 for a text without words.
///
/// # Errors
/// `BadInput` where the columns cannot be put together, `BadOption` for phrases that make no matcher.
pub fn edit(text: &LargeStringArray, options: &Options) -> Result<RecordBatch, KernelError> {
    let corrector = Corrector::new(options)?;
    let mut lines = vec![0_i64; text.len()];
    let mut fractions = vec![0.0; text.len()];
    let mut places = (0..text.len()).filter(|&row| text.is_valid(row)).collect::<Vec<_>>().into_iter();
    let edited = rewrite(text, |text, out| {
        let found = corrector.correct(text, out);
        if let Some(place) = places.next() {
            lines[place] = found.lines;
            fractions[place] = found.removed_words as f64 / found.words.max(1) as f64;
        }
        found.changed
    });
    let lines: ArrayRef = Arc::new(Int64Array::from(lines));
    let fractions: ArrayRef = Arc::new(Float64Array::from(fractions));
    batch(edited, vec![("refinedweb_removed_lines", lines), ("refinedweb_removed_word_fraction", fractions)])
}

#[derive(Debug, Default)]
struct Found {
    lines: i64,
    words: usize,
    removed_words: usize,
    changed: bool,
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

    fn correct(&self, text: &str, out: &mut String) -> Found {
        let mut found = Found::default();
        let mut kept = 0_usize;
        for line in text.split('\n') {
            let short = self.options.max_words_of_short_line;
            let words = python_words(line).count();
            found.words += words;
            let mut line = line;
            let mut edited = None;
            if words > 0 {
                if words == 1 || self.is_shouted(line) || is_number(line) || is_counter(line) {
                    found.lines += 1;
                    found.removed_words += words;
                    found.changed = true;
                    continue;
                }
                if words <= short {
                    edited = self.without_phrases(line);
                }
            }
            if let Some(edited) = &edited {
                let left = python_words(edited).count();
                found.removed_words += words.saturating_sub(left);
                found.changed = true;
                if left == 0 {
                    found.lines += 1;
                    continue;
                }
                line = edited;
            }
            if kept > 0 {
                out.push('\n');
            }
            out.push_str(line);
            kept += 1;
        }
        found
    }

    fn is_shouted(&self, line: &str) -> bool {
        let (mut all, mut upper) = (0_usize, 0_usize);
        for c in strip(line).chars() {
            all += 1;
            upper += usize::from(c.is_uppercase());
        }
        upper as f64 > self.options.max_uppercase_fraction * all as f64
    }

    /// The short line without its phrases; nothing where it has none.
    fn without_phrases(&self, line: &str) -> Option<String> {
        let mut left = strip(line).to_string();
        let whole = left.len();
        for phrase in &self.options.start {
            if starts_with(&left, phrase) {
                left = strip(&left[phrase.len()..]).to_string();
                break;
            }
        }
        for phrase in &self.options.end {
            if ends_with(&left, phrase) {
                left = strip(&left[..left.len() - phrase.len()]).to_string();
                break;
            }
        }
        let mut rest = String::new();
        let mut from = 0;
        for found in self.anywhere.find_iter(&left) {
            if stands_alone(&left, found.start(), found.end()) {
                rest.push_str(&left[from..found.start()]);
                rest.truncate(rest.trim_end_matches(is_python_space).len());
                from = found.end();
            }
        }
        rest.push_str(&left[from..]);
        let rest = strip(&rest);
        (rest.len() != whole).then(|| rest.to_string())
    }
}

fn is_number(line: &str) -> bool {
    let mut digits = false;
    for c in line.chars() {
        if c.is_numeric() {
            digits = true;
        } else if c.is_alphabetic() {
            return false;
        }
    }
    digits
}

fn is_counter(line: &str) -> bool {
    // No counter is long, and most lines are.
    line.len() < 200 && COUNTER.as_ref().is_some_and(|counter| counter.is_match(strip(line)))
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

/// The phrase at `start..end` is not a piece of longer words.
fn stands_alone(line: &str, start: usize, end: usize) -> bool {
    let Some((before, phrase, after)) =
        line.get(..start).zip(line.get(start..end)).zip(line.get(end..)).map(|((a, b), c)| (a, b, c))
    else {
        return false;
    };
    let joins = |a: Option<char>, b: Option<char>| {
        a.is_some_and(char::is_alphanumeric) && b.is_some_and(char::is_alphanumeric)
    };
    !joins(before.chars().next_back(), phrase.chars().next())
        && !joins(phrase.chars().next_back(), after.chars().next())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn options() -> Options {
        Options {
            max_uppercase_fraction: 0.5,
            max_words_of_short_line: 10,
            start: vec!["sign-in".to_string(), "sign in".to_string()],
            end: vec!["read more...".to_string(), "read more".to_string()],
            anywhere: vec!["items in cart".to_string()],
        }
    }

    fn corrected(text: &str) -> (String, Found) {
        let options = options();
        let mut out = String::new();
        let found = Corrector::new(&options).unwrap().correct(text, &mut out);
        (out, found)
    }

    #[test]
    fn the_papers_examples() {
        let text = "3 likes\nHOME AND GARDEN\n12 / 2024\nMenu\n\nSign-in to see this café\nThe old mill. Read more...\n0 items in cart today\nThis line of text stays as it is.";
        let (out, found) = corrected(text);
        assert_eq!(out, "\nto see this café\nThe old mill.\n0 today\nThis line of text stays as it is.");
        assert_eq!((found.lines, found.words, found.removed_words), (4, 32, 9 + 1 + 2 + 3));
    }

    #[test]
    fn phrases_inside_words_and_long_lines_stay() {
        for line in [
            "Sign index of the book",
            "They spread more",
            "one two three four five six seven eight nine ten read more",
            "1,200 people like this",
        ] {
            assert_eq!(corrected(line).0, line);
        }
    }

    proptest! {
        #[test]
        fn lines_only_lose(text in "(sign in|read more|items in cart|LOUD|3 likes|İß|a b c|é|\\n| |[a-z]{1,4}){0,30}") {
            let (out, found) = corrected(&text);
            prop_assert!(out.len() <= text.len());
            prop_assert_eq!(found.words - found.removed_words, python_words(&out).count());
            prop_assert_eq!(found.changed, out != text);
        }
    }
}

//! Sentences, close to what spaCy's rule-based sentencizer makes of English.
//!
//! A sentence ends at a full stop, an exclamation or a question mark that stands as a word of its
//! own, and the next begins with the first word that is not punctuation. Whether a mark stands
//! alone follows spaCy's rules for English words: abbreviations (`Mr.`, `e.g.`), initials and
//! single letters keep their stop, `3.5` and `example.com` stay whole, an ellipsis ends nothing,
//! and `end.Start` is cut. Marks of other scripts (`。`, `।`, `؟`) end a sentence anywhere.

mod abbreviations;
mod address;
mod characters;
mod cutter;

use super::lines::{is_python_space, strip};
use cutter::Cutter;

/// How many sentences `text` holds; zero where it is blank.
pub fn sentence_count(text: &str) -> usize {
    if text.chars().all(is_python_space) {
        return 0;
    }
    let mut count = 1;
    Cutter::new(text).cut(&mut |_| count += 1);
    count
}

/// The sentences of `text`, without white space around them.
pub fn sentences(text: &str) -> impl Iterator<Item = &str> {
    sentence_spans(text).map(|(start, end)| &text[start..end])
}

/// Where the sentences of `text` begin and end, in bytes, without white space around them.
pub fn sentence_spans(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut spans = Vec::new();
    let mut add = |from: usize, to: usize| {
        let piece = text.get(from..to).unwrap_or("");
        let body = strip(piece);
        if !body.is_empty() {
            let start = from + piece.len() - piece.trim_start_matches(is_python_space).len();
            spans.push((start, start + body.len()));
        }
    };
    let mut last = 0;
    Cutter::new(text).cut(&mut |start| add(std::mem::replace(&mut last, start), start));
    add(last, text.len());
    spans.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(text: &str) -> Vec<&str> {
        sentences(text).collect()
    }

    #[test]
    fn as_spacy_cuts_them() {
        for (text, expected) in [
            ("end.Start here", vec!["end.", "Start here"]),
            ("see example.com. Next", vec!["see example.com.", "Next"]),
            ("U.S. is", vec!["U.S. is"]),
            ("Mr. Smith, e.g. a. at 5p.m. Go", vec!["Mr. Smith, e.g. a. at 5p.m. Go"]),
            ("in 1999. Then", vec!["in 1999.", "Then"]),
            ("He said \"Yes.\" Then", vec!["He said \"Yes.\"", "Then"]),
            ("Wow!!! Really?! yes", vec!["Wow!!!", "Really?!", "yes"]),
            ("a... b", vec!["a... b"]),
            ("(Done.) Next", vec!["(Done.)", "Next"]),
            ("A. B", vec!["A. B"]),
            ("IT. Now", vec!["IT.", "Now"]),
            ("5.5 a", vec!["5.5 a"]),
            ("Hi!There", vec!["Hi!There"]),
            ("foo.)\nbar", vec!["foo.)", "bar"]),
            ("Foo.Bar", vec!["Foo.", "Bar"]),
            ("x. \n", vec!["x."]),
            ("He left . She", vec!["He left .", "She"]),
            ("vs. us (see co.) and (vs.\") now", vec!["vs. us (see co.) and (vs.\") now"]),
            ("(A note.) \"Is it?\" Yes", vec!["(A note.)", "\"Is it?\"", "Yes"]),
            ("One.  Two.\u{a0}Three", vec!["One.", "Two.", "Three"]),
            ("well-known!\tYes", vec!["well-known!", "Yes"]),
            ("۱. foo‼ bar. Baz", vec!["۱. foo‼", "bar.", "Baz"]),
            ("今日は。明日", vec!["今日は。", "明日"]),
            ("", vec![]),
            (" \n", vec![]),
        ] {
            let expected = if text == "x. \n" { vec!["x."] } else { expected };
            assert_eq!(cut(text), expected, "{text}");
            assert_eq!(sentence_count(text), expected.len(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in ".*") {
            let visible = |text: &str| text.chars().filter(|&c| !is_python_space(c)).collect::<String>();
            prop_assert_eq!(visible(&cut(&text).concat()), visible(&text));
            prop_assert_eq!(sentence_count(&text), cut(&text).len());
        }

        #[test]
        fn marks_in_any_order(text in "[a.!?A \n\"'()1。…-]{0,80}") {
            prop_assert_eq!(sentence_count(&text), cut(&text).len());
        }
    }
}

//! A document as the one line that a classifier reads.

use std::borrow::Cow;

/// Line breaks of Python's `str.splitlines` that fastText does not take for separators of words.
const ODD_BREAKS: [char; 6] = ['\x1c', '\x1d', '\x1e', '\u{85}', '\u{2028}', '\u{2029}'];

/// The text without white space around it, its lines joined by spaces.
///
/// This is how DCLM (Li et al. 2024) feeds documents to its classifiers: `" ".join(text.strip().splitlines())`
/// in Python. Line breaks that fastText itself takes for separators are left as they are.
pub fn one_line(text: &str) -> Cow<'_, str> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c));
    // Every odd break begins with one of five bytes; the two common ones also begin other letters.
    let suspect = text.bytes().fold(false, |any, byte| any | matches!(byte, 0x1c..=0x1e | 0xc2 | 0xe2));
    if suspect && text.contains(ODD_BREAKS) {
        Cow::Owned(text.replace(ODD_BREAKS, " "))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_breaks_become_spaces_and_the_ends_are_stripped() {
        assert_eq!(one_line("\u{3000} one\u{2028}two\u{85}\x1cthree\x1f\u{a0}"), "one two  three");
        assert_eq!(one_line("a\u{a0}b — \x1f c"), "a\u{a0}b — \x1f c");
        assert_eq!(one_line(" \x1d\n"), "");
    }

    #[test]
    fn what_is_one_line_is_not_copied() {
        for text in ["", "one two", "déjà — vu", "東京\nは"] {
            assert!(matches!(one_line(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }
}

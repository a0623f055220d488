//! Text like that the model was trained on: composed letters, plain spaces, and not all in capitals.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// How many letters decide whether a text is written in capitals.
const LETTERS: usize = 4096;

/// NFC, no-break spaces as spaces, and lower case where most cased letters are capitals.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if shouts(text) { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) };
    }
    let composed = match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        _ => Cow::Owned(text.nfc().collect::<String>()),
    };
    let spaced = if composed.contains(is_odd_space) {
        Cow::Owned(composed.replace(is_odd_space, " "))
    } else {
        composed
    };
    if shouts(&spaced) { Cow::Owned(spaced.to_lowercase()) } else { spaced }
}

/// A space that fastText takes for a letter.
fn is_odd_space(c: char) -> bool {
    c.is_whitespace() && !c.is_ascii()
}

fn shouts(text: &str) -> bool {
    let (mut upper, mut lower) = (0_usize, 0_usize);
    for c in text.chars().filter(|c| c.is_alphabetic()).take(LETTERS) {
        upper += usize::from(c.is_uppercase());
        lower += usize::from(c.is_lowercase());
    }
    upper > lower
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_plain_stays() {
        for text in ["", "Plain words, a NATO report.", "日本語の文章", "Déjà vu in Köln"] {
            assert!(matches!(plain(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn capitals_spaces_and_marks() {
        assert_eq!(plain("NO WARRANTY OF ANY KIND"), "no warranty of any kind");
        assert_eq!(plain("СТРАХОВКА И Договор"), "страховка и договор");
        assert_eq!(plain("un\u{a0}e\u{301}te\u{301}\u{202f}!"), "un \u{e9}t\u{e9} !");
    }
}

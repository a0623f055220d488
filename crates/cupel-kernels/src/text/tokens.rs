//! Words as fastText's tokeniser cuts them: what stands between the seven white-space characters
//! that it knows, whatever the script.

use super::properties::{ALPHABETIC, NUMERIC, Properties};

/// How many of fastText's words begin with a letter or a digit.
///
/// DataComp-LM's pipeline counts words so: a word behind a quotation mark or a no-break space is none.
pub fn count_fasttext_words(text: &str) -> usize {
    let properties = Properties::shared();
    let separates = |&byte: &u8| matches!(byte, b'\t'..=b'\r' | b' ' | 0);
    let mut start = 0;
    let mut count = 0;
    for word in text.as_bytes().split(separates) {
        count += usize::from(match word.first() {
            None => false,
            Some(byte) if byte.is_ascii() => byte.is_ascii_alphanumeric(),
            Some(_) => text
                .get(start..)
                .and_then(|rest| rest.chars().next())
                .is_some_and(|c| properties.has(c, ALPHABETIC | NUMERIC)),
        });
        start += word.len() + 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_begin_with_a_letter_or_digit() {
        for (text, count) in [
            ("", 0),
            (" \n\t", 0),
            ("The café — 3 “quoted” ½ (x)\u{b}東京\0b", 6),
            ("a\u{a0}b \u{a0}c a\u{85}b", 2),
            ("_a a_ -1 1-", 2),
        ] {
            assert_eq!(count_fasttext_words(text), count, "{text:?}");
        }
    }
}

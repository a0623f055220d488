//! Shares of kinds of characters.

use super::columns::{Column, Row};
use crate::text::properties::{
    ALPHABETIC, DIGIT, NON_LATIN, NUMERIC, PUNCTUATION, Properties, SPACE, UPPERCASE,
};

/// How many bytes fulfil a condition, in a form that compilers vectorise.
#[inline(always)]
fn count_if(bytes: &[u8], condition: impl Fn(u8) -> bool) -> usize {
    bytes
        .chunks(192)
        .map(|chunk| usize::from(chunk.iter().map(|&byte| u8::from(condition(byte))).sum::<u8>()))
        .sum()
}

/// The shares of digits, capitals, white space, punctuation, letters.
pub fn measure(text: &str, characters: usize, row: &mut Row) {
    let bytes = text.as_bytes();
    let mut digits = count_if(bytes, |byte| byte.is_ascii_digit());
    let mut uppercase = count_if(bytes, |byte| byte.is_ascii_uppercase());
    let lowercase = count_if(bytes, |byte| byte.is_ascii_lowercase());
    let mut space = count_if(bytes, |byte| (byte.wrapping_sub(9) < 5) | (byte.wrapping_sub(28) < 5));
    // ASCII characters of the categories S, which are no punctuation.
    let visible = count_if(bytes, |byte| byte.wrapping_sub(33) < 94);
    let symbols = count_if(bytes, |byte| {
        (byte == b'$')
            | (byte == b'+')
            | (byte.wrapping_sub(b'<') < 3)
            | (byte == b'^')
            | (byte == b'`')
            | (byte == b'|')
            | (byte == b'~')
    });
    let mut alphabetic = uppercase + lowercase;
    let mut numeric = digits;
    let mut punctuation = visible - alphabetic - digits - symbols;
    let mut non_latin = 0;
    if !bytes.is_ascii() {
        let properties = Properties::shared();
        for c in text.chars().filter(|c| !c.is_ascii()) {
            let entry = properties.of(c);
            let has = |flag: u16| usize::from(entry & flag != 0);
            digits += has(DIGIT);
            uppercase += has(UPPERCASE);
            space += has(SPACE);
            punctuation += has(PUNCTUATION);
            alphabetic += has(ALPHABETIC);
            numeric += has(NUMERIC);
            non_latin += has(NON_LATIN);
        }
    }
    row.ratio(Column::DigitFraction, digits, characters);
    row.ratio(Column::UppercaseFraction, uppercase, characters);
    row.ratio(Column::WhitespaceFraction, space, characters);
    row.ratio(Column::PunctuationFraction, punctuation, characters);
    row.ratio(Column::AlphabeticFraction, alphabetic, characters);
    row.ratio(Column::AlphanumericFraction, alphabetic + numeric, characters);
    row.ratio(Column::NonLatinFraction, non_latin, alphabetic);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_and_table_agree(text in "[ -~\t\n\u{1c}-\u{1f}]{0,600}") {
            let properties = Properties::shared();
            let count = |flag: u16| text.chars().filter(|&c| properties.has(c, flag)).count();
            let mut row = Row::default();
            let length = text.chars().count();
            measure(&text, length, &mut row);
            for (column, flag) in [
                (Column::DigitFraction, DIGIT), (Column::UppercaseFraction, UPPERCASE),
                (Column::WhitespaceFraction, SPACE), (Column::PunctuationFraction, PUNCTUATION),
                (Column::AlphabeticFraction, ALPHABETIC), (Column::AlphanumericFraction, ALPHABETIC | NUMERIC),
            ] {
                let expected = if length == 0 { 0.0 } else { count(flag) as f64 / length as f64 };
                prop_assert_eq!(row.get(column), expected);
            }
        }
    }
}

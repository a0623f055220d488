//! What single characters mean when texts are compared: which are invisible, which are symbols, how case folds.

use std::sync::LazyLock;

use caseless::Caseless;
use regex_syntax::hir::{Class, HirKind};

/// Whether a character has no visible form of its own (Unicode's `Default_Ignorable_Code_Point`): soft hyphens,
/// zero-width spaces and joiners, directional marks, variation selectors, byte order marks.
pub(super) fn is_invisible(c: char) -> bool {
    c >= '\u{AD}'
        && matches!(c as u32,
            0xAD | 0x34F | 0x61C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0x3164
            | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFF8
            | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

/// Letters of scripts that put no spaces between words.
pub(super) fn is_unspaced(c: char) -> bool {
    matches!(c as u32,
        0x0E00..=0x0EFF            // Thai, Lao
        | 0x1000..=0x109F          // Burmese
        | 0x1780..=0x17FF          // Khmer
        | 0x3005..=0x3007          // ideographic iteration mark, closing mark, zero
        | 0x3040..=0x30FF          // Hiragana, Katakana
        | 0x31F0..=0x31FF          // Katakana extensions
        | 0x3400..=0x4DBF          // ideographs, extension A
        | 0x4E00..=0x9FFF          // ideographs
        | 0xA9E0..=0xA9FF          // Burmese extended B
        | 0xAA60..=0xAA7F          // Burmese extended A
        | 0xF900..=0xFAFF          // compatibility ideographs
        | 0xFF66..=0xFF9D          // half-width Katakana
        | 0x1B000..=0x1B16F        // Kana supplements
        | 0x20000..=0x3FFFF) // ideographs, extensions B and on
}

/// Whether a character stands for a syllable or a word: ideographs, Kana, Hangul syllables.
pub(super) fn is_syllable(c: char) -> bool {
    matches!(c as u32,
        0x2E80..=0x2FDF | 0x3005..=0x3007 | 0x3021..=0x3029 | 0x3038..=0x303B | 0x3040..=0x312F
        | 0x31A0..=0x31BF | 0x31F0..=0x31FF | 0x3400..=0x4DBF | 0x4E00..=0xA4CF | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF | 0xFF66..=0xFF9D | 0x1B000..=0x1B16F | 0x20000..=0x3FFFF)
}

/// Gives what `c` becomes under Unicode's full case folding (`CaseFolding.txt`, C and F), and `i` for all four
/// Turkic forms of the letter: whose upper case an I is cannot be known without the language.
pub(super) fn fold_case(c: char, mut take: impl FnMut(char)) {
    match c {
        _ if c.is_ascii() => take(c.to_ascii_lowercase()),
        'ı' | 'İ' => take('i'),
        _ => std::iter::once(c).default_case_fold().for_each(take),
    }
}

/// Mathematical, currency and other symbols: `±`, `€`, `→`, emoji; no modifiers such as `´`.
static SYMBOLS: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    match regex_syntax::parse(r"[\p{Sm}\p{Sc}\p{So}]").map(regex_syntax::hir::Hir::into_kind) {
        Ok(HirKind::Class(Class::Unicode(class))) => {
            class.ranges().iter().map(|range| (range.start(), range.end())).collect()
        }
        _ => Vec::new(),
    }
});

/// Whether a character outside of ASCII is a symbol, as opposed to punctuation.
pub(super) fn is_symbol(c: char) -> bool {
    let after = SYMBOLS.partition_point(|&(first, _)| first <= c);
    after > 0 && c <= SYMBOLS[after - 1].1
}

/// Whether the ASCII character at `at` changes what is said, as `+` does in `C++` and `a + b`.
///
/// Signs that are also marks of writing count by where they stand: `#` behind a letter or digit (`C#`, not a
/// heading), `*` between operands (not a bullet, not emphasis), `-` as a sign or between spaced numbers (not a
/// hyphen or a dash), `!` before `=`.
pub(super) fn is_operator(bytes: &[u8], at: usize) -> bool {
    let byte = |place: usize| bytes.get(place).copied().unwrap_or(b'\n');
    let before = |steps: usize| at.checked_sub(steps).map_or(b'\n', byte);
    let after = |steps: usize| byte(at + steps);
    match byte(at) {
        b'+' | b'<' | b'=' | b'>' | b'|' | b'~' | b'^' | b'$' | b'%' | b'&' | b'@' | b'/' | b'\\' => true,
        b'#' => before(1).is_ascii_alphanumeric(),
        b'!' => after(1) == b'=',
        b'-' => {
            let behind_operand = is_operand(before(1)) && !matches!(before(1), b'(' | b'[');
            let sign = after(1).is_ascii_digit() && !behind_operand && before(1) != b'-';
            let minus = before(1) == b' ' && after(1) == b' ';
            sign || (minus && before(2).is_ascii_digit() && after(2).is_ascii_digit())
        }
        b'*' => {
            // `**` is an operator too; more of them are a rule.
            let (mut left, mut right) = (1, 1);
            while left < 3 && before(left) == b'*' {
                left += 1;
            }
            while right < 3 && after(right) == b'*' {
                right += 1;
            }
            if left + right > 3 {
                return false;
            }
            let spaced = before(left) == b' ' && after(right) == b' ';
            let (left, right) = (left + usize::from(spaced), right + usize::from(spaced));
            is_operand(before(left)) && is_operand(after(right))
        }
        _ => false,
    }
}

fn is_operand(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'(' | b')' | b'[' | b']')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operators(text: &str) -> String {
        (0..text.len())
            .filter(|&at| is_operator(text.as_bytes(), at))
            .map(|at| text.as_bytes()[at] as char)
            .collect()
    }

    #[test]
    fn operators_are_told_from_marks_of_writing() {
        assert_eq!(operators("C++, C#, F# and A@B at 5%"), "++##@%");
        assert_eq!(operators("a <= b != c && d | e ^ f"), "<=!=&&|^");
        assert_eq!(operators("2 - 1, (-3) well-known 2019-2020 a - b -- x--1"), "--");
        assert_eq!(operators("a*b a * b x ** y (a)*(b)"), "*****");
        assert_eq!(operators("* bullet\n  * bullet\n**bold** and *it*\n*****\n# Heading\n- item\n# 1"), "");
        assert_eq!(operators("Wow! Really? (Yes.) “x”; y: 'z' [1] {2} a_b `c`"), "");
    }

    #[test]
    fn symbols_are_no_punctuation() {
        assert!("€±→≤★😀×÷°".chars().all(is_symbol));
        assert!("–—…“”«»、。´¨\u{301}é東٣½".chars().all(|c| !is_symbol(c)));
    }

    #[test]
    fn case_folds_in_full() {
        let fold = |text: &str| {
            let mut folded = String::new();
            text.chars().for_each(|c| fold_case(c, |part| folded.push(part)));
            folded
        };
        assert_eq!(fold("Straße STRASSE ẞ ﬁ ŉ"), "strasse strasse ss fi ʼn");
        assert_eq!(fold("ΟΔΟΣ οδος"), "οδοσ οδοσ");
        assert_eq!(fold("İIıi"), "iiii");
    }

    #[test]
    fn invisible_characters() {
        let all =
            ['\u{AD}', '\u{200B}', '\u{200C}', '\u{200D}', '\u{2060}', '\u{FEFF}', '\u{FE0F}', '\u{202E}'];
        assert!(all.into_iter().all(is_invisible));
        assert!(!"a é東\u{A0}\u{2028}\u{3000}\u{301}".chars().any(is_invisible));
    }
}

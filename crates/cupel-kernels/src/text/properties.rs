//! What is known of each code point: one 16-bit entry, looked up in one flat table.
//!
//! The table takes 2.2 MB and is built once per process, in a few milliseconds.

use std::sync::OnceLock;

use regex_syntax::hir::{Class, HirKind};

use super::word_break::WordBreak;
use super::word_break_table::{PICTOGRAPHS, WORD_BREAK};

const CLASSES: [WordBreak; 32] = {
    use WordBreak::*;
    let mut all = [Other; 32];
    let known = [
        Other,
        CarriageReturn,
        Newline,
        Extend,
        Joiner,
        Format,
        Katakana,
        HebrewLetter,
        Letter,
        SingleQuote,
        DoubleQuote,
        MidNumLet,
        MidLetter,
        MidNum,
        Numeric,
        ExtendNumLet,
        Space,
        RegionalIndicator,
    ];
    let mut i = 0;
    while i < known.len() {
        all[i] = known[i];
        i += 1;
    }
    all
};

/// General category L: what Python's `str.isalpha` asks.
pub const ALPHABETIC: u16 = 1 << 5;
/// General category N; with `ALPHABETIC`, what Python's `str.isalnum` asks.
pub const NUMERIC: u16 = 1 << 6;
/// General category Nd.
pub const DIGIT: u16 = 1 << 7;
/// The Uppercase property: what Python's `str.isupper` asks of one character.
pub const UPPERCASE: u16 = 1 << 8;
/// What Python's `str.isspace` asks, and what `strip` and `split` cut at.
pub const SPACE: u16 = 1 << 9;
/// General category P.
pub const PUNCTUATION: u16 = 1 << 10;
/// A letter of a script that is neither Latin nor shared between scripts.
pub const NON_LATIN: u16 = 1 << 11;
/// Extended_Pictographic.
pub const PICTOGRAPH: u16 = 1 << 12;
/// datatrove's `PUNCTUATION_SET`: a word of these alone is a symbol, not a word.
pub const SYMBOL: u16 = 1 << 13;
/// datatrove's `TERMINAL_PUNCTUATION`: what a whole line ends with.
pub const TERMINAL: u16 = 1 << 14;
/// spaCy's sentencizer ends a sentence at these.
pub const SENTENCE_END: u16 = 1 << 15;

const SPACES: &[(u32, u32)] = &[
    (0x9, 0xd),
    (0x1c, 0x20),
    (0x85, 0x85),
    (0xa0, 0xa0),
    (0x1680, 0x1680),
    (0x2000, 0x200a),
    (0x2028, 0x2029),
    (0x202f, 0x202f),
    (0x205f, 0x205f),
    (0x3000, 0x3000),
];

#[rustfmt::skip]
const SYMBOLS: &[(u32, u32)] = &[
    (0x0, 0x8), (0xb, 0x1f), (0x21, 0x2f), (0x3a, 0x40), (0x5b, 0x60), (0x7b, 0x9f), (0xab, 0xab), (0xb4, 0xb4),
    (0xbb, 0xbb), (0x2013, 0x2014), (0x2019, 0x2019), (0x201c, 0x201e), (0x2026, 0x2026), (0x2236, 0x2236),
    (0x2501, 0x2501), (0x25ba, 0x25ba), (0x3001, 0x3002), (0x3008, 0x300d), (0x3010, 0x3011), (0xff01, 0xff01),
    (0xff05, 0xff05), (0xff08, 0xff09), (0xff0c, 0xff0c), (0xff0e, 0xff0e), (0xff11, 0xff11), (0xff1a, 0xff1b),
    (0xff1f, 0xff1f), (0xff5e, 0xff5e),
];

#[rustfmt::skip]
const TERMINALS: &[(u32, u32)] = &[
    (0x21, 0x21), (0x2e, 0x2e), (0x3f, 0x3f), (0x589, 0x589), (0x61d, 0x61f), (0x6d4, 0x6d4), (0x700, 0x702),
    (0x7f9, 0x7f9), (0x837, 0x837), (0x839, 0x839), (0x83d, 0x83e), (0x964, 0x965), (0x104a, 0x104b),
    (0x1362, 0x1362), (0x1367, 0x1368), (0x166e, 0x166e), (0x1735, 0x1736), (0x17d4, 0x17d6), (0x17d9, 0x17da),
    (0x1803, 0x1803), (0x1809, 0x1809), (0x1944, 0x1945), (0x1aa8, 0x1aab), (0x1b5a, 0x1b5b), (0x1b5e, 0x1b5f),
    (0x1b7d, 0x1b7e), (0x1c3b, 0x1c3c), (0x1c7e, 0x1c7f), (0x203c, 0x203d), (0x2047, 0x2049), (0x2e2e, 0x2e2e),
    (0x2e3c, 0x2e3c), (0x2e53, 0x2e54), (0x3002, 0x3002), (0xa4ff, 0xa4ff), (0xa60e, 0xa60f), (0xa6f3, 0xa6f3),
    (0xa6f7, 0xa6f7), (0xa876, 0xa877), (0xa8ce, 0xa8cf), (0xa92f, 0xa92f), (0xa9c8, 0xa9c9), (0xaa5d, 0xaa5f),
    (0xaaf0, 0xaaf1), (0xabeb, 0xabeb), (0xfe52, 0xfe52), (0xfe56, 0xfe57), (0xff01, 0xff01), (0xff0e, 0xff0e),
    (0xff1f, 0xff1f), (0xff61, 0xff61), (0x10a56, 0x10a57), (0x10f55, 0x10f59), (0x10f86, 0x10f89),
    (0x11047, 0x11048), (0x110be, 0x110c1), (0x11141, 0x11143), (0x111c5, 0x111c6), (0x111cd, 0x111cd),
    (0x111de, 0x111df), (0x11238, 0x11239), (0x1123b, 0x1123c), (0x112a9, 0x112a9), (0x1144b, 0x1144c),
    (0x115c2, 0x115c3), (0x115c9, 0x115d7), (0x11641, 0x11642), (0x1173c, 0x1173e), (0x11944, 0x11944),
    (0x11946, 0x11946), (0x11a42, 0x11a43), (0x11a9b, 0x11a9c), (0x11c41, 0x11c42), (0x11ef7, 0x11ef8),
    (0x11f43, 0x11f44), (0x16a6e, 0x16a6f), (0x16af5, 0x16af5), (0x16b37, 0x16b38), (0x16b44, 0x16b44),
    (0x16e98, 0x16e98), (0x1bc9f, 0x1bc9f), (0x1da88, 0x1da88),
];

/// Of `TERMINALS`, those that spaCy's sentencizer does not know.
#[rustfmt::skip]
const NOT_SENTENCE_ENDS: &[(u32, u32)] = &[
    (0x61d, 0x61e), (0x837, 0x837), (0x839, 0x839), (0x83d, 0x83e), (0x17d4, 0x17d6), (0x17d9, 0x17da), (0x1b7d, 0x1b7e), (0x2e53, 0x2e54), (0x10f55, 0x10f59), (0x10f86, 0x10f89), (0x11944, 0x11944), (0x11946, 0x11946), (0x11ef7, 0x11ef8), (0x11f43, 0x11f44), (0x16e98, 0x16e98),
];

/// The table of all code points.
pub struct Properties {
    entries: Box<[u16]>,
}

impl Properties {
    /// The one table of this process.
    pub fn shared() -> &'static Self {
        static TABLE: OnceLock<Properties> = OnceLock::new();
        TABLE.get_or_init(Self::build)
    }

    /// The flags of `c` and its word-break class.
    #[inline(always)]
    pub fn of(&self, c: char) -> u16 {
        self.entries.get(c as usize).copied().unwrap_or(0)
    }

    /// The same for a number; nothing where it is no code point.
    #[inline(always)]
    pub fn of_code(&self, code: u32) -> u16 {
        self.entries.get(code as usize).copied().unwrap_or(0)
    }

    /// Whether `c` has any of `flags`.
    #[inline(always)]
    pub fn has(&self, c: char, flags: u16) -> bool {
        self.of(c) & flags != 0
    }

    fn build() -> Self {
        let mut entries = vec![0u16; 0x11_0000].into_boxed_slice();
        for (class, ranges) in WORD_BREAK {
            mark(&mut entries, ranges, *class as u16);
        }
        mark(&mut entries, PICTOGRAPHS, PICTOGRAPH);
        mark(&mut entries, SPACES, SPACE);
        mark(&mut entries, SYMBOLS, SYMBOL);
        mark(&mut entries, TERMINALS, TERMINAL | SENTENCE_END | SYMBOL);
        for &(low, high) in NOT_SENTENCE_ENDS {
            for code in low..=high {
                entries[code as usize] &= !SENTENCE_END;
            }
        }
        mark(&mut entries, &class(r"\p{L}"), ALPHABETIC);
        mark(&mut entries, &class(r"\p{N}"), NUMERIC);
        mark(&mut entries, &class(r"\p{Nd}"), DIGIT);
        mark(&mut entries, &class(r"\p{Uppercase}"), UPPERCASE);
        mark(&mut entries, &class(r"\p{P}"), PUNCTUATION);
        let foreign = r"[\p{L}--[\p{Script=Latin}\p{Script=Common}\p{Script=Inherited}]]";
        mark(&mut entries, &class(foreign), NON_LATIN);
        Self { entries }
    }
}

/// The word-break class within an entry.
#[inline(always)]
pub fn word_break(entry: u16) -> WordBreak {
    CLASSES[(entry & 31) as usize]
}

fn mark(entries: &mut [u16], ranges: &[(u32, u32)], flags: u16) {
    for &(low, high) in ranges {
        for entry in &mut entries[low as usize..=high as usize] {
            *entry |= flags;
        }
    }
}

/// The code points of a character class, as inclusive ranges.
fn class(pattern: &str) -> Vec<(u32, u32)> {
    match regex_syntax::parse(pattern).map(|parsed| parsed.into_kind()) {
        Ok(HirKind::Class(Class::Unicode(class))) => {
            class.ranges().iter().map(|range| (range.start() as u32, range.end() as u32)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_flags_of_known_characters() {
        let table = Properties::shared();
        assert_eq!(word_break(table.of('a')), WordBreak::Letter);
        assert_eq!(word_break(table.of('\u{200d}')), WordBreak::Joiner);
        assert!(table.has('é', ALPHABETIC) && !table.has('é', NON_LATIN));
        assert!(table.has('東', ALPHABETIC) && table.has('東', NON_LATIN));
        assert!(table.has('٣', DIGIT) && table.has('½', NUMERIC) && !table.has('½', DIGIT));
        assert!(table.has('É', UPPERCASE) && table.has('\u{85}', SPACE) && table.has('…', SYMBOL));
        assert!(table.has('。', TERMINAL) && !table.has('"', TERMINAL));
        assert!(!table.has('\u{301}', ALPHABETIC) && table.has('_', PUNCTUATION));
    }

    #[test]
    fn every_code_point_keeps_one_class() {
        let mut seen = vec![false; 0x11_0000];
        for (_, ranges) in WORD_BREAK {
            for &(low, high) in *ranges {
                for code in low..=high {
                    assert!(!seen[code as usize], "{code:x} has two classes");
                    seen[code as usize] = true;
                }
            }
        }
    }
}

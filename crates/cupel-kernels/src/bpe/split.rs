//! Words of a text before any merging: the patterns of GPT-2 and of cl100k, as scanners.
//!
//! A byte of ASCII is looked up in a table of 256 classes, and a run of ASCII letters is crossed eight
//! bytes at a time. Anything else is decoded and looked up by code point. General categories are
//! those of Unicode 16, which Oniguruma has in tokenizers 0.22 and 0.23.

use crate::text::properties::{ALPHABETIC, NUMERIC, Properties, SPACE};

/// How a text is cut into words. Every byte of it is in one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+` (Radford et al. 2019).
    Gpt2,
    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
    /// (cl100k of tiktoken, Llama 3).
    Cl100k,
}

impl Pattern {
    /// The pattern of a regular expression, if it is one that there is a scanner for.
    pub fn of_regex(regex: &str) -> Option<Self> {
        match regex {
            r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+" => Some(Self::Gpt2),
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+" => {
                Some(Self::Cl100k)
            }
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Class {
    Other,
    Letter,
    Number,
    Space,
    NotAscii,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::NotAscii; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
            b'0'..=b'9' => Class::Number,
            b'\t'..=b'\r' | b' ' => Class::Space,
            _ => Class::Other,
        };
        byte += 1;
    }
    classes
};

/// Cuts texts into words. Bytes that are no UTF-8 count as symbols, each of them as one.
#[derive(Clone, Copy)]
pub struct Splitter {
    pattern: Pattern,
    properties: &'static Properties,
}

impl Splitter {
    pub fn new(pattern: Pattern) -> Self {
        Self { pattern, properties: Properties::shared() }
    }

    /// Where the word that begins at `start` ends; more than `start` wherever there is a byte.
    #[inline(always)]
    pub fn word_end(&self, text: &[u8], start: usize) -> usize {
        match self.pattern {
            Pattern::Gpt2 => self.gpt2(text, start),
            Pattern::Cl100k => self.cl100k(text, start),
        }
    }

    #[inline(always)]
    fn gpt2(&self, text: &[u8], start: usize) -> usize {
        let (mut class, mut next) = self.class(text, start);
        if text.get(start) == Some(&b' ') {
            let (after, end) = self.class(text, next);
            if end > next && after != Class::Space {
                (class, next) = (after, end);
            }
        } else if text.get(start) == Some(&b'\'')
            && let Some(length) = contraction(&text[next..], false)
        {
            return next + length;
        }
        match class {
            Class::Letter => self.letters(text, next),
            Class::Space => self.spaces(text, start, next).0,
            class => self.run(text, next, class),
        }
    }

    #[inline(always)]
    fn cl100k(&self, text: &[u8], start: usize) -> usize {
        let (class, next) = self.class(text, start);
        match class {
            Class::Letter => return self.letters(text, next),
            Class::Number => {
                let (second, after) = self.class(text, next);
                if second != Class::Number {
                    return next;
                }
                let (third, end) = self.class(text, after);
                return if third == Class::Number { end } else { after };
            }
            _ => {}
        }
        let first = text.get(start).copied().unwrap_or_default();
        if first == b'\''
            && let Some(length) = contraction(&text[next..], true)
        {
            return next + length;
        }
        let (second, after) = self.class(text, next);
        if second == Class::Letter && !is_line_end(first) {
            return self.letters(text, after);
        }
        let symbols = match (class, second) {
            (Class::Other, _) => self.run(text, next, Class::Other),
            (_, Class::Other) if first == b' ' && after > next => self.run(text, after, Class::Other),
            _ => {
                let (end, past_line_end) = self.spaces(text, start, next);
                return past_line_end.unwrap_or(end);
            }
        };
        symbols + text[symbols..].iter().take_while(|&&byte| is_line_end(byte)).count()
    }

    /// The class of the character at `at`, never `NotAscii`, and where it ends. Past the end of the
    /// text there is a symbol of no bytes.
    #[inline(always)]
    fn class(&self, text: &[u8], at: usize) -> (Class, usize) {
        let Some(&byte) = text.get(at) else { return (Class::Other, at) };
        match CLASSES[byte as usize] {
            Class::NotAscii => self.class_of_wide(text, at),
            class => (class, at + 1),
        }
    }

    #[inline]
    fn class_of_wide(&self, text: &[u8], at: usize) -> (Class, usize) {
        let (code, length) = decode(&text[at..]);
        let flags = self.properties.of_code(code);
        let class = if flags & ALPHABETIC != 0 {
            Class::Letter
        } else if flags & NUMERIC != 0 {
            Class::Number
        } else if flags & SPACE != 0 {
            Class::Space
        } else {
            Class::Other
        };
        (class, at + length)
    }

    /// Where the letters from `at` on end.
    #[inline(always)]
    fn letters(&self, text: &[u8], mut at: usize) -> usize {
        loop {
            at = ascii_letters_end(text, at);
            if text.get(at).is_none_or(u8::is_ascii) {
                return at;
            }
            let end = self.run_of_wide_letters(text, at);
            if end == at || text.get(end).is_none_or(|&byte| CLASSES[byte as usize] != Class::Letter) {
                return end;
            }
            at = end;
        }
    }

    #[inline]
    fn run_of_wide_letters(&self, text: &[u8], mut at: usize) -> usize {
        while text.get(at).is_some_and(|byte| !byte.is_ascii()) {
            let (class, end) = self.class_of_wide(text, at);
            if class != Class::Letter {
                break;
            }
            at = end;
        }
        at
    }

    /// Where the characters of `class` from `at` on end.
    #[inline]
    fn run(&self, text: &[u8], mut at: usize, class: Class) -> usize {
        loop {
            let (current, end) = self.class(text, at);
            if current != class || end == at {
                return at;
            }
            at = end;
        }
    }

    /// White space from `start` on, whose first character ends at `next`: all of it before the end of
    /// the text, else all but the last character (`\s+(?!\S)`), but never less than one. And where
    /// the last line end in it stops.
    #[inline]
    fn spaces(&self, text: &[u8], start: usize, next: usize) -> (usize, Option<usize>) {
        let mut past_line_end = text.get(start).copied().filter(|&byte| is_line_end(byte)).map(|_| next);
        let (mut last, mut at) = (start, next);
        while at < text.len() {
            let (class, end) = self.class(text, at);
            if class != Class::Space {
                return (if last == start { at } else { last }, past_line_end);
            }
            if is_line_end(text[at]) {
                past_line_end = Some(end);
            }
            (last, at) = (at, end);
        }
        (at, past_line_end)
    }
}

#[inline(always)]
fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// How many bytes of a contraction follow the apostrophe. The long s folds to s, as no other
/// character outside ASCII does to a letter of these.
#[inline]
fn contraction(after: &[u8], any_case: bool) -> Option<usize> {
    let fold = if any_case { 0x20 } else { 0 };
    let letter =
        |at: usize| after.get(at).map(|byte| byte | if byte.is_ascii_uppercase() { fold } else { 0 });
    match (letter(0)?, letter(1)) {
        (b's' | b't' | b'm' | b'd', _) => Some(1),
        (b'r' | b'v', Some(b'e')) | (b'l', Some(b'l')) => Some(2),
        _ => (any_case && after.starts_with("ſ".as_bytes())).then_some("ſ".len()),
    }
}

/// Where the ASCII letters from `at` on end. Eight bytes are looked at together: of each, the high
/// bit is set where it is a letter.
#[inline(always)]
fn ascii_letters_end(text: &[u8], mut at: usize) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EACH;
    while let Some(window) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let window = u64::from_le_bytes(*window);
        let lower = (window | (0x20 * EACH)) & !HIGH;
        let from_a = lower + (0x80 - b'a' as u64) * EACH;
        let past_z = lower + (0x80 - b'z' as u64 - 1) * EACH;
        let others = !(from_a & !past_z & !window) & HIGH;
        if others != 0 {
            return at + others.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while text.get(at).is_some_and(u8::is_ascii_alphabetic) {
        at += 1;
    }
    at
}

/// The code point at the start of `bytes` and its length; a code point that does not exist, of one
/// byte, where they are no UTF-8.
#[inline]
fn decode(bytes: &[u8]) -> (u32, usize) {
    const NONE: (u32, usize) = (u32::MAX, 1);
    let tail =
        |at: usize| bytes.get(at).filter(|&byte| byte & 0xc0 == 0x80).map(|byte| u32::from(byte & 0x3f));
    let Some(&first) = bytes.first() else { return NONE };
    let lead = u32::from(first);
    let decoded = match first {
        0xc2..=0xdf => tail(1).map(|b| ((lead & 0x1f) << 6 | b, 2)),
        0xe0..=0xef => tail(1).zip(tail(2)).map(|(b, c)| ((lead & 0xf) << 12 | b << 6 | c, 3)),
        0xf0..=0xf4 => {
            tail(1).zip(tail(2)).zip(tail(3)).map(|((b, c), d)| ((lead & 7) << 18 | b << 12 | c << 6 | d, 4))
        }
        _ => None,
    };
    decoded.unwrap_or(NONE)
}

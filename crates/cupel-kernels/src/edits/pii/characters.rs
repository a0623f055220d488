//! Where a find stands, and the characters beside it.

/// A byte range of a text.
pub type Span = (usize, usize);

/// A letter, digit or underscore of any script, as `\w` of Python's `re` has it.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A letter of Latin script, with or without diacritics.
pub fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic()
        || matches!(c, '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}') && c.is_alphabetic()
        || c == '\u{aa}'
        || c == '\u{ba}'
}

/// Whether a character beside a number makes one word of both: `v8.8.8.8`. Letters of other scripts stand
/// beside numbers without a space.
pub fn is_joined(c: char) -> bool {
    is_latin(c) || c == '_' || c.is_numeric()
}

pub fn char_before(text: &str, at: usize) -> Option<char> {
    text.get(..at).and_then(|before| before.chars().next_back())
}

pub fn char_after(text: &str, at: usize) -> Option<char> {
    text.get(at..).and_then(|after| after.chars().next())
}

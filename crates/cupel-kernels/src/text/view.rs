//! Text as it is measured: without invisible marks and without blanks at line ends.
//!
//! The same words written in another editor or copied from another page carry blanks at line ends and
//! zero-width marks. Documents keep them, but what is measured and decided must not depend on them.

use std::borrow::Cow;
use std::sync::LazyLock;

use arrow_array::{Array, LargeStringArray};
use memchr::memmem::Finder;
use memchr::{memchr_iter, memrchr};

/// Each text without invisible marks and blanks at line ends; `None` if no text has any.
pub fn view(text: &LargeStringArray) -> Option<LargeStringArray> {
    let needles = Needles::new();
    let first = (0..text.len()).find(|&row| text.is_valid(row) && needles.any(text.value(row)))?;
    let viewed = |row: usize| -> Option<Cow<'_, str>> {
        text.is_valid(row).then(|| {
            let own = text.value(row);
            if row >= first && needles.any(own) { Cow::Owned(without_marks(own)) } else { Cow::Borrowed(own) }
        })
    };
    Some((0..text.len()).map(viewed).collect())
}

/// One line as it is measured: what decides whether an edit takes it away.
pub fn visible(line: &str) -> Cow<'_, str> {
    static NEEDLES: LazyLock<Needles> = LazyLock::new(Needles::new);
    if NEEDLES.any(line) { Cow::Owned(without_marks(line)) } else { Cow::Borrowed(line) }
}

/// Soft hyphens, zero-width spaces, word joiners, byte order marks and directional marks. Joiners are dropped only
/// where they join nothing: in Persian, Indic scripts and emoji they are part of the spelling.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}')
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

fn spells(c: Option<char>) -> bool {
    c.is_some_and(|c| !c.is_ascii() && !c.is_whitespace() && !is_mark(c) && !is_joiner(c))
}

fn without_marks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if is_mark(c) || is_joiner(c) && !(spells(out.chars().next_back()) && spells(rest.peek().copied())) {
            continue;
        }
        if c == '\n' {
            trim_line(&mut out);
        }
        out.push(c);
    }
    trim_line(&mut out);
    out
}

/// Removes the blanks at the end of the last line.
fn trim_line(out: &mut String) {
    let line = memrchr(b'\n', out.as_bytes()).map_or(0, |end| end + 1);
    let kept = out[line..].trim_end().len();
    out.truncate(line + kept);
}

struct Needles {
    soft_hyphen: Finder<'static>,
    byte_order_mark: Finder<'static>,
    general: Finder<'static>,
    joiners: Finder<'static>,
}

impl Needles {
    fn new() -> Self {
        Self {
            soft_hyphen: Finder::new(b"\xc2\xad"),
            byte_order_mark: Finder::new(b"\xef\xbb\xbf"),
            general: Finder::new(b"\xe2\x80"),
            joiners: Finder::new(b"\xe2\x81"),
        }
    }

    fn any(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let third = |finder: &Finder<'_>, is: fn(u8) -> bool| {
            !text.is_ascii()
                && finder.find_iter(bytes).any(|at| bytes.get(at + 2).is_some_and(|&byte| is(byte)))
        };
        let blank = |before: &str| before.chars().next_back().is_some_and(|c| c.is_whitespace() && c != '\n');
        blank(text)
            || memchr_iter(b'\n', bytes).any(|end| text.get(..end).is_some_and(blank))
            || !text.is_ascii()
                && (self.soft_hyphen.find(bytes).is_some() || self.byte_order_mark.find(bytes).is_some())
            || third(&self.general, |byte| matches!(byte, 0x8b..=0x8f | 0xaa..=0xae))
            || third(&self.joiners, |byte| byte >= 0xa0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_and_blanks_at_line_ends_go() {
        let cases = [
            ("\u{feff}one\u{200b} two. \t\n \u{3000}\nsoft\u{ad}ware\u{a0}", "one two.\n\nsoftware"),
            ("می\u{200c}خواهم\u{200c} a\u{200d}b", "می\u{200c}خواهم ab"),
            ("👩\u{200d}👧 \u{202e}x\u{202c}", "👩\u{200d}👧 x"),
            ("  indented\n\tcode", "  indented\n\tcode"),
        ];
        for (text, expected) in cases {
            assert_eq!(without_marks(text), expected);
            let all = LargeStringArray::from(vec![Some("plain"), None, Some(text)]);
            let viewed = view(&all).unwrap_or_else(|| all.clone());
            assert_eq!(viewed, LargeStringArray::from(vec![Some("plain"), None, Some(expected)]));
        }
        assert!(view(&LargeStringArray::from(vec![Some("“plain” – text…\n\n  x"), None])).is_none());
    }

    proptest! {
        #[test]
        fn a_view_is_found_wherever_something_changes(text in "([a ]|\n|\\PC|[\u{ad}\u{200b}-\u{200f}\u{2060}\u{feff}é])*") {
            let changed = without_marks(&text);
            if !Needles::new().any(&text) {
                prop_assert_eq!(&changed, &text);
            }
            prop_assert_eq!(without_marks(&changed), changed);
        }
    }
}

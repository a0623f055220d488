//! Lines and paragraphs, cut where Python's `splitlines` and `re.split` cut.

use memchr::{memchr, memchr_iter, memmem};

/// The lines of `text` as Python's `str.splitlines()` gives them, without their ends.
pub fn split_lines(text: &str) -> SplitLines<'_> {
    SplitLines { rest: text, plain: !has_rare_line_ends(text) }
}

/// Iterator of [`split_lines`].
pub struct SplitLines<'a> {
    rest: &'a str,
    /// Only `\n` ends a line in this text.
    plain: bool,
}

impl<'a> Iterator for SplitLines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let (end, width) = if self.plain {
            memchr(b'\n', self.rest.as_bytes()).map_or((self.rest.len(), 0), |end| (end, 1))
        } else {
            line_end(self.rest)
        };
        let line = &self.rest[..end];
        self.rest = &self.rest[end + width..];
        Some(line)
    }
}

/// Where the first line of `text` ends, and how many bytes end it.
fn line_end(text: &str) -> (usize, usize) {
    for (at, c) in text.char_indices() {
        match c {
            '\r' if text.as_bytes().get(at + 1) == Some(&b'\n') => return (at, 2),
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                return (at, c.len_utf8());
            }
            _ => {}
        }
    }
    (text.len(), 0)
}

/// Whether anything but `\n` ends a line of `text`.
pub fn has_rare_line_ends(text: &str) -> bool {
    let bytes = text.as_bytes();
    let rare = bytes.chunks(256).any(|chunk| {
        let rare = |byte: u8| u8::from(byte.wrapping_sub(0xb) < 3) | u8::from(byte.wrapping_sub(0x1c) < 3);
        chunk.iter().fold(0, |any, &byte| any | rare(byte)) != 0
    });
    rare || (!bytes.is_ascii()
        && ["\u{85}", "\u{2028}", "\u{2029}"].iter().any(|end| memmem::find(bytes, end.as_bytes()).is_some()))
}

/// The pieces between single `\n`, as `text.split("\n")` gives them: byte ranges.
pub fn newline_pieces(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut start = 0;
    memchr_iter(b'\n', bytes).chain(std::iter::once(bytes.len())).map(move |end| {
        let piece = (start, end);
        start = end + 1;
        piece
    })
}

/// The pieces between runs of two or more `\n`, as `re.split("\n{2,}", text)` gives them.
pub fn paragraph_pieces(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let finder = memmem::Finder::new("\n\n");
    let mut done = false;
    let mut start = 0;
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        let piece_start = start;
        match finder.find(&bytes[start..]) {
            Some(offset) => {
                let end = start + offset;
                start = end + bytes[end..].iter().take_while(|&&byte| byte == b'\n').count();
                Some((piece_start, end))
            }
            None => {
                done = true;
                Some((piece_start, bytes.len()))
            }
        }
    })
}

/// White space of Python's `str.strip()` and `str.isspace()`.
#[inline]
pub fn is_python_space(c: char) -> bool {
    matches!(
        c,
        '\t'..='\r' | '\u{1c}'..=' ' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}'
            | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// `text.strip()` of Python.
#[inline]
pub fn strip(text: &str) -> &str {
    text.trim_matches(is_python_space)
}

/// How many code points the bytes of a text hold.
#[inline]
pub fn code_points(bytes: &[u8]) -> usize {
    let mut count = 0;
    for chunk in bytes.chunks(192) {
        count += usize::from(chunk.iter().map(|&byte| u8::from((byte as i8) >= -0x40)).sum::<u8>());
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, pieces: impl Iterator<Item = (usize, usize)>) -> Vec<&str> {
        pieces.map(|(start, end)| &text[start..end]).collect()
    }

    #[test]
    fn lines_end_where_python_ends_them() {
        let text = "a\nb\r\nc\rd\u{b}e\u{c}f\u{1c}g\u{1d}h\u{1e}i\u{85}j\u{2028}k\u{2029}l\u{1f}m\n\nn\n";
        assert_eq!(
            split_lines(text).collect::<Vec<_>>(),
            ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l\u{1f}m", "", "n"]
        );
        assert_eq!(split_lines("").count(), 0);
        assert_eq!(split_lines("\n").collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn pieces_keep_empty_ends() {
        let text = "\na\n\n\nb\nc\n";
        assert_eq!(cut(text, newline_pieces(text.as_bytes())), ["", "a", "", "", "b", "c", ""]);
        assert_eq!(cut(text, paragraph_pieces(text.as_bytes())), ["\na", "b\nc\n"]);
    }

    #[test]
    fn code_points_of_any_script() {
        assert_eq!(code_points("Café 東京 😀".repeat(100).as_bytes()), 900);
    }
}

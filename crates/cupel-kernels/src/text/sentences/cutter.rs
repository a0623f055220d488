//! Where sentences begin.

use memchr::memchr3;

use super::abbreviations::is_abbreviation;
use super::address::is_address;
use super::characters::{is_currency, is_mark, is_other_letter, is_quote};
use crate::text::lines::is_python_space;
use crate::text::properties::{ALPHABETIC, NUMERIC, PICTOGRAPH, PUNCTUATION, Properties, SENTENCE_END};

/// What a word is to a sentence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    /// Ends the sentence.
    End,
    /// Belongs to the sentence before.
    Punctuation,
    /// Begins the next sentence, if one has ended.
    Word,
}

/// Finds where the sentences of one text begin.
pub struct Cutter<'a> {
    text: &'a str,
    properties: &'static Properties,
    /// Where the next mark of another script stands; the end of the text where there is none.
    foreign: usize,
    ended: bool,
    suffixes: Vec<(Token, usize)>,
}

impl<'a> Cutter<'a> {
    pub fn new(text: &'a str) -> Self {
        let properties = Properties::shared();
        let foreign = foreign_mark(text, 0, properties);
        Self { text, properties, foreign, ended: false, suffixes: Vec::new() }
    }

    /// Hands each byte position to `emit` at which a sentence but the first begins.
    pub fn cut(&mut self, emit: &mut impl FnMut(usize)) {
        let text = self.text;
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if self.ended && bytes[at] == b' ' && bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric) {
                // What begins with a letter or a digit begins with a word.
                at += 1;
                self.see(Token::Word, at, emit);
            }
            if !self.ended {
                // Nothing happens before the next mark; go back to where its chunk starts.
                let Some(mark) = self.next_mark(at) else {
                    return;
                };
                if let Some((ends, end)) = self.plain_end(at, mark) {
                    self.ended = ends;
                    at = end;
                    continue;
                }
                let chunk = text[at..mark].rfind(is_python_space);
                at = chunk.map_or(at, |space| at + space);
            }
            let space = &text[at..];
            let start = at + (space.len() - space.trim_start_matches(is_python_space).len());
            if start == bytes.len() {
                return;
            }
            if self.ended && start > at && &text[at..start] != " " {
                // White space but a single blank is a word to spaCy.
                self.see(Token::Word, at, emit);
            }
            let end = start + text[start..].find(is_python_space).unwrap_or(bytes.len() - start);
            self.chunk(start, end, emit);
            at = end;
        }
    }

    /// The first mark from `at` on that may end a sentence.
    fn next_mark(&mut self, at: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        self.pass_foreign(at);
        let own = memchr3(b'.', b'!', b'?', &bytes[at..self.foreign]).map(|offset| at + offset);
        own.or_else(|| (self.foreign < bytes.len()).then_some(self.foreign))
    }

    /// Moves on to the first mark of another script from `at` on.
    fn pass_foreign(&mut self, at: usize) {
        if self.foreign < at {
            self.foreign = foreign_mark(self.text, at, self.properties);
        }
    }

    /// The commonest end of a sentence, told without a closer look. The mark at `mark` stands behind
    /// a word of unaccented letters, digits and hyphens, which one quote or bracket may open, and
    /// before white space, which quotes and brackets may part it from. Gives whether the sentence ends
    /// and where the white space begins; nothing where the mark stands elsewhere.
    #[inline]
    fn plain_end(&self, at: usize, mark: usize) -> Option<(bool, usize)> {
        let bytes = self.text.as_bytes();
        let closing = bytes[mark + 1..].iter().take_while(|byte| matches!(byte, b'"' | b'\'' | b')' | b']'));
        let end = mark + 1 + closing.count();
        if bytes.get(end).is_some_and(|&next| !is_ascii_space(next)) {
            return None;
        }
        let word =
            bytes[at..mark].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-');
        let start = mark - word.count();
        let opened = start > at && matches!(bytes[start - 1], b'"' | b'\'' | b'(' | b'[');
        let chunk = start - usize::from(opened);
        if start == mark || chunk > at && !is_ascii_space(bytes[chunk - 1]) {
            return None;
        }
        match bytes[mark] {
            b'!' | b'?' => Some((true, end)),
            b'.' if bytes[mark - 1].is_ascii_lowercase() || bytes[mark - 1].is_ascii_digit() => {
                Some((!is_abbreviation(&self.text[start..=mark]), end))
            }
            _ => None,
        }
    }

    fn see(&mut self, token: Token, at: usize, emit: &mut impl FnMut(usize)) {
        match token {
            Token::End => self.ended = true,
            Token::Word if self.ended => {
                emit(at);
                self.ended = false;
            }
            _ => {}
        }
    }

    /// One run without white space.
    fn chunk(&mut self, start: usize, end: usize, emit: &mut impl FnMut(usize)) {
        let mut from = start;
        self.pass_foreign(start);
        while self.foreign < end {
            let at = self.foreign;
            self.piece(from, at, emit);
            self.see(Token::End, at, emit);
            from = at + self.text[at..].chars().next().map_or(1, char::len_utf8);
            self.pass_foreign(from);
        }
        self.piece(from, end, emit);
    }

    /// A run without white space and without foreign marks: take off what clings to its ends,
    /// then cut what is left.
    fn piece(&mut self, mut start: usize, mut end: usize, emit: &mut impl FnMut(usize)) {
        let text = self.text;
        if memchr3(b'.', b'!', b'?', &text.as_bytes()[start..end]).is_none() {
            return self.plain(start, end, emit);
        }
        self.suffixes.clear();
        while start < end && !is_abbreviation(&text[start..end]) {
            let prefix = self.prefix(&text[start..end]);
            if prefix > 0 {
                let token = self.kind(&text[start..start + prefix]);
                self.see(token, start, emit);
                start += prefix;
                if is_abbreviation(&text[start..end]) {
                    break;
                }
            }
            let suffix = self.suffix(&text[start..end]);
            if suffix > 0 {
                end -= suffix;
                self.suffixes.push((self.kind(&text[end..end + suffix]), end));
            }
            if prefix + suffix == 0 {
                break;
            }
        }
        self.middle(start, end, emit);
        while let Some((token, at)) = self.suffixes.pop() {
            self.see(token, at, emit);
        }
    }

    /// What is left between prefixes and suffixes: only a stop between a small letter and a
    /// capital ends a sentence there, and not in an address.
    fn middle(&mut self, start: usize, end: usize, emit: &mut impl FnMut(usize)) {
        let word = &self.text[start..end];
        if word == "." {
            return self.see(Token::End, start, emit);
        }
        let cuts = word.contains('.') && !is_abbreviation(word) && !is_address(word);
        let mut from = 0;
        if cuts {
            for (at, _) in word.match_indices('.') {
                let before = word[..at].chars().next_back();
                let after = word[at + 1..].chars().next();
                let stands = before.is_some_and(|c| c.is_lowercase() || is_quote(c))
                    && after.is_some_and(|c| c.is_uppercase() || is_quote(c));
                if stands {
                    self.plain(start + from, start + at, emit);
                    self.see(Token::End, start + at, emit);
                    from = at + 1;
                }
            }
        }
        self.plain(start + from, end, emit);
    }

    /// A run that ends no sentence, but may begin one.
    fn plain(&mut self, start: usize, end: usize, emit: &mut impl FnMut(usize)) {
        if !self.ended {
            return;
        }
        let word = &self.text[start..end];
        if word.chars().all(|c| self.properties.has(c, PUNCTUATION)) {
            return;
        }
        let opening = |c: char| is_mark(c) && self.properties.has(c, PUNCTUATION);
        let body = word.trim_start_matches(opening);
        self.see(Token::Word, end - body.len(), emit);
    }

    fn kind(&self, token: &str) -> Token {
        if matches!(token, "." | "!" | "?") {
            Token::End
        } else if token.chars().all(|c| self.properties.has(c, PUNCTUATION)) {
            Token::Punctuation
        } else {
            Token::Word
        }
    }

    /// How many bytes at the front are a word of their own.
    fn prefix(&self, word: &str) -> usize {
        let mut characters = word.chars();
        let Some(first) = characters.next() else {
            return 0;
        };
        let dots = word.len() - word.trim_start_matches('.').len();
        if dots > 0 {
            return if dots > 1 { dots } else { 0 };
        }
        let alone = match first {
            '+' => !characters.next().is_some_and(|c| c.is_ascii_digit()),
            '§' | '%' | '=' | '—' | '–' => true,
            _ => is_mark(first) || is_quote(first) || is_currency(first) || self.is_icon(first),
        };
        if alone { first.len_utf8() } else { 0 }
    }

    /// How many bytes at the end are a word of their own.
    fn suffix(&self, word: &str) -> usize {
        let mut characters = word.chars().rev();
        let Some(last) = characters.next() else {
            return 0;
        };
        let before = characters.next();
        let alone = match last {
            '.' => {
                let dots = word.len() - word.trim_end_matches('.').len();
                if dots > 1 {
                    return dots;
                }
                match before {
                    Some(c) if c.is_uppercase() => characters.next().is_some_and(char::is_uppercase),
                    Some('F' | 'f' | 'C' | 'c' | 'K' | 'k') if characters.next() == Some('°') => true,
                    Some(c) => {
                        c.is_lowercase()
                            || c.is_ascii_digit()
                            || matches!(c, '%' | '²' | '-' | '+' | '|')
                            || is_mark(c)
                            || is_quote(c)
                            || is_other_letter(c, self.properties)
                    }
                    None => false,
                }
            }
            's' | 'S' if matches!(before, Some('\'' | '’')) => {
                return 1 + before.map_or(0, char::len_utf8);
            }
            '+' => before.is_some_and(|c| c.is_ascii_digit()),
            '—' | '–' => true,
            _ => {
                is_mark(last)
                    || is_quote(last)
                    || self.is_icon(last)
                    || (is_currency(last) || last == '%') && before.is_some_and(|c| c.is_ascii_digit())
            }
        };
        if alone { last.len_utf8() } else { 0 }
    }

    fn is_icon(&self, c: char) -> bool {
        !c.is_ascii() && self.properties.of(c) & (PICTOGRAPH | ALPHABETIC | NUMERIC) == PICTOGRAPH
    }
}

/// ASCII white space of Python's `str.isspace()`.
fn is_ascii_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | 0x1c..=b' ')
}

/// Where the first mark of another script stands from `at` on; the end of the text where there is
/// none.
fn foreign_mark(text: &str, at: usize, properties: &Properties) -> usize {
    const WIDTH: usize = 64;
    let bytes = text.as_bytes();
    let mut at = at;
    while at < bytes.len() {
        let end = bytes.len().min(at + WIDTH);
        let leads = bytes[at..end].iter().fold(0, |any, &byte| any | u8::from(byte >= LOWEST_LEAD));
        if leads != 0 {
            for (place, &byte) in bytes.iter().enumerate().take(end).skip(at) {
                if byte >= LOWEST_LEAD
                    && let Some(c) = text.get(place..).and_then(|rest| rest.chars().next())
                    && properties.has(c, SENTENCE_END)
                {
                    return place;
                }
            }
        }
        at = end;
    }
    bytes.len()
}

/// First byte of U+0589, the lowest mark beyond ASCII that ends a sentence.
const LOWEST_LEAD: u8 = 0xd6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_other_scripts_are_found_from_the_lowest_to_the_highest() {
        let properties = Properties::shared();
        let marks: Vec<char> = ('\u{80}'..=char::MAX).filter(|&c| properties.has(c, SENTENCE_END)).collect();
        assert_eq!(marks.first(), Some(&'\u{589}'));
        for mark in marks {
            for before in ["", "é", &"word ".repeat(40)] {
                let text = format!("{before}{mark}. b");
                assert_eq!(foreign_mark(&text, 0, properties), before.len(), "{mark:?}");
                assert_eq!(foreign_mark(&text, before.len() + mark.len_utf8(), properties), text.len());
            }
        }
    }
}

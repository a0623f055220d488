//! Sentences, close to what spaCy's rule-based sentencizer makes of English.
//!
//! A sentence ends at a full stop, an exclamation or a question mark that stands as a word of its
//! own, and the next begins with the first word that is not punctuation. Whether a mark stands
//! alone follows spaCy's rules for English words: abbreviations (`Mr.`, `e.g.`), initials and
//! single letters keep their stop, `3.5` and `example.com` stay whole, an ellipsis ends nothing,
//! and `end.Start` is cut. Marks of other scripts (`。`, `।`, `؟`) end a sentence anywhere.

use memchr::memchr3;

use super::lines::{is_python_space, strip};
use super::properties::{ALPHABETIC, NUMERIC, PICTOGRAPH, PUNCTUATION, Properties, SENTENCE_END};

/// How many sentences `text` holds; zero where it is blank.
pub fn sentence_count(text: &str) -> usize {
    if text.chars().all(is_python_space) {
        return 0;
    }
    let mut count = 1;
    Cutter::new(text).cut(&mut |_| count += 1);
    count
}

/// The sentences of `text`, without white space around them.
pub fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut starts = vec![0];
    Cutter::new(text).cut(&mut |start| starts.push(start));
    starts.push(text.len());
    let mut pieces = Vec::with_capacity(starts.len());
    for pair in starts.windows(2) {
        pieces.push(strip(text.get(pair[0]..pair[1]).unwrap_or("")));
    }
    pieces.into_iter().filter(|piece| !piece.is_empty())
}

/// Words that keep their full stop, sorted (spaCy's English and general exceptions).
#[rustfmt::skip]
const ABBREVIATIONS: &[&str] = &[
    "Adm.", "Ak.", "Ala.", "Apr.", "Ariz.", "Ark.", "Aug.", "Bros.", "Calif.", "Co.", "Colo.", "Conn.", "Corp.",
    "D.C.", "Dec.", "Del.", "Dr.", "E.G.", "E.g.", "Feb.", "Fla.", "Ga.", "Gen.", "Gov.", "I.E.", "I.e.", "Ia.",
    "Id.", "Ill.", "Inc.", "Ind.", "Jan.", "Jr.", "Jul.", "Jun.", "Kan.", "Kans.", "Ky.", "La.", "Ltd.", "Mar.",
    "Mass.", "Md.", "Messrs.", "Mich.", "Minn.", "Miss.", "Mo.", "Mont.", "Mr.", "Mrs.", "Ms.", "Mt.", "N.C.",
    "N.D.", "N.H.", "N.J.", "N.M.", "N.Y.", "Neb.", "Nebr.", "Nev.", "Nov.", "Oct.", "Okla.", "Ore.", "Pa.",
    "Ph.D.", "Prof.", "Rep.", "Rev.", "S.C.", "Sen.", "Sep.", "Sept.", "St.", "Tenn.", "Va.", "Wash.", "Wis.",
    "a.m.", "co.", "e.g.", "i.e.", "p.m.", "v.s.", "vs.",
];

/// Whether a word keeps its full stop.
fn is_abbreviation(word: &str) -> bool {
    let bytes = word.as_bytes();
    match bytes {
        [letter, b'.'] => letter.is_ascii_lowercase(),
        [_, _, b'.'] if matches!(word, "ä." | "ö." | "ü.") => true,
        [hour, rest @ ..] if hour.is_ascii_digit() => {
            // 1a.m. to 12p.m.
            let rest = if *hour == b'1' && rest.first().is_some_and(|b| b"012".contains(b)) {
                &rest[1..]
            } else {
                rest
            };
            *hour != b'0' && (rest == b"a.m." || rest == b"p.m.")
        }
        _ => {
            (3..=7).contains(&bytes.len())
                && bytes.last() == Some(&b'.')
                && ABBREVIATIONS.binary_search(&word).is_ok()
        }
    }
}

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

struct Cutter<'a> {
    text: &'a str,
    properties: &'static Properties,
    /// The text has marks of other scripts.
    foreign_ends: bool,
    ended: bool,
    suffixes: Vec<(Token, usize)>,
}

impl<'a> Cutter<'a> {
    fn new(text: &'a str) -> Self {
        let properties = Properties::shared();
        let foreign_ends =
            !text.is_ascii() && text.chars().any(|c| !c.is_ascii() && properties.has(c, SENTENCE_END));
        Self { text, properties, foreign_ends, ended: false, suffixes: Vec::new() }
    }

    /// Hands each byte position to `emit` at which a sentence but the first begins.
    fn cut(&mut self, emit: &mut dyn FnMut(usize)) {
        let text = self.text;
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if !self.ended && !self.foreign_ends {
                // Nothing happens before the next mark; go back to where its chunk starts.
                let Some(offset) = memchr3(b'.', b'!', b'?', &bytes[at..]) else {
                    return;
                };
                let chunk = text[at..at + offset].rfind(is_python_space);
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

    fn see(&mut self, token: Token, at: usize, emit: &mut dyn FnMut(usize)) {
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
    fn chunk(&mut self, start: usize, end: usize, emit: &mut dyn FnMut(usize)) {
        if !self.foreign_ends {
            return self.piece(start, end, emit);
        }
        let mut from = start;
        for (offset, c) in self.text[start..end].char_indices() {
            if !c.is_ascii() && self.properties.has(c, SENTENCE_END) {
                let at = start + offset;
                self.piece(from, at, emit);
                self.see(Token::End, at, emit);
                from = at + c.len_utf8();
            }
        }
        self.piece(from, end, emit);
    }

    /// A run without white space and without foreign marks: take off what clings to its ends,
    /// then cut what is left.
    fn piece(&mut self, mut start: usize, mut end: usize, emit: &mut dyn FnMut(usize)) {
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
    fn middle(&mut self, start: usize, end: usize, emit: &mut dyn FnMut(usize)) {
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
    fn plain(&mut self, start: usize, end: usize, emit: &mut dyn FnMut(usize)) {
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

/// Letters of scripts without case count as small and as capital.
fn is_other_letter(c: char, properties: &Properties) -> bool {
    !c.is_ascii() && properties.has(c, ALPHABETIC) && !c.is_uppercase()
}

fn is_mark(c: char) -> bool {
    matches!(
        c,
        '…' | ','
            | ':'
            | ';'
            | '!'
            | '?'
            | '¿'
            | '؟'
            | '¡'
            | '('
            | ')'
            | '['
            | ']'
            | '{'
            | '}'
            | '<'
            | '>'
            | '_'
            | '#'
            | '*'
            | '&'
            | '。'
            | '？'
            | '！'
            | '，'
            | '、'
            | '；'
            | '：'
            | '～'
            | '·'
            | '।'
            | '،'
            | '۔'
            | '؛'
            | '٪'
    )
}

fn is_quote(c: char) -> bool {
    matches!(
        c,
        '\'' | '"'
            | '”'
            | '“'
            | '`'
            | '‘'
            | '´'
            | '’'
            | '‚'
            | ','
            | '„'
            | '»'
            | '«'
            | '「'
            | '」'
            | '『'
            | '』'
            | '（'
            | '）'
            | '〔'
            | '〕'
            | '【'
            | '】'
            | '《'
            | '》'
            | '〈'
            | '〉'
            | '⟦'
            | '⟧'
    )
}

fn is_currency(c: char) -> bool {
    matches!(c, '$' | '£' | '€' | '¥' | '฿' | '₽' | '﷼' | '₴' | '₠'..='₿')
}

/// Whether a word looks like a web or mail address: a host of two labels or more whose last one
/// is small letters.
fn is_address(word: &str) -> bool {
    let rest = word.split_once("://").map_or(word, |(_, rest)| rest);
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..host_end].rsplit_once('@').map_or(&rest[..host_end], |(_, host)| host);
    let host = match host.rsplit_once(':') {
        Some((host, port)) if (2..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit()) => {
            host
        }
        _ => host,
    };
    let Some((labels, last)) = host.rsplit_once('.') else {
        return false;
    };
    let label = |label: &str| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '\u{a1}'..='\u{ffff}'))
    };
    labels.split('.').all(label) && last.chars().count() >= 2 && last.chars().all(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(text: &str) -> Vec<&str> {
        sentences(text).collect()
    }

    #[test]
    fn as_spacy_cuts_them() {
        for (text, expected) in [
            ("end.Start here", vec!["end.", "Start here"]),
            ("see example.com. Next", vec!["see example.com.", "Next"]),
            ("U.S. is", vec!["U.S. is"]),
            ("Mr. Smith, e.g. a. at 5p.m. Go", vec!["Mr. Smith, e.g. a. at 5p.m. Go"]),
            ("in 1999. Then", vec!["in 1999.", "Then"]),
            ("He said \"Yes.\" Then", vec!["He said \"Yes.\"", "Then"]),
            ("Wow!!! Really?! yes", vec!["Wow!!!", "Really?!", "yes"]),
            ("a... b", vec!["a... b"]),
            ("(Done.) Next", vec!["(Done.)", "Next"]),
            ("A. B", vec!["A. B"]),
            ("IT. Now", vec!["IT.", "Now"]),
            ("5.5 a", vec!["5.5 a"]),
            ("Hi!There", vec!["Hi!There"]),
            ("foo.)\nbar", vec!["foo.)", "bar"]),
            ("Foo.Bar", vec!["Foo.", "Bar"]),
            ("x. \n", vec!["x."]),
            ("He left . She", vec!["He left .", "She"]),
            ("今日は。明日", vec!["今日は。", "明日"]),
            ("", vec![]),
            (" \n", vec![]),
        ] {
            let expected = if text == "x. \n" { vec!["x."] } else { expected };
            assert_eq!(cut(text), expected, "{text}");
            assert_eq!(sentence_count(text), expected.len(), "{text}");
        }
    }

    #[test]
    fn abbreviations_are_sorted() {
        assert!(ABBREVIATIONS.is_sorted());
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in ".*") {
            let visible = |text: &str| text.chars().filter(|&c| !is_python_space(c)).collect::<String>();
            prop_assert_eq!(visible(&cut(&text).concat()), visible(&text));
            prop_assert_eq!(sentence_count(&text), cut(&text).len());
        }

        #[test]
        fn marks_in_any_order(text in "[a.!?A \n\"'()1。…-]{0,80}") {
            prop_assert_eq!(sentence_count(&text), cut(&text).len());
        }
    }
}

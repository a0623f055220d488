//! Where a text may be cut: at grapheme clusters, and at words.

use arrow_array::{Array, LargeListArray};
use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use super::characters::is_unspaced;
use super::column::{Texts, same_length};
use super::spans::{SpanLists, Spans};
use super::words::MAX_WORD_BYTES;
use crate::KernelError;

/// What no cut goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    /// What people take for one character (UAX #29): letters with their marks, flags, emoji sequences, syllables,
    /// CRLF.
    Graphemes,
    /// Words, and graphemes. A word is what stands between white space; where words are written without spaces, a
    /// word of UAX #29.
    Words,
}

impl Whole {
    /// # Errors
    /// `UnknownName` for any name but `graphemes` and `words`.
    pub fn parse(name: &str) -> Result<Self, KernelError> {
        match name {
            "graphemes" => Ok(Self::Graphemes),
            "words" => Ok(Self::Words),
            _ => Err(KernelError::UnknownName { kind: "whole", name: name.to_owned() }),
        }
    }
}

/// Each span made smaller until it cuts through nothing that is to stay whole; spans of which nothing is left go.
///
/// # Errors
/// `BadInput` for spans that do not fit the text.
pub fn whole_spans(text: &dyn Array, spans: &dyn Array, whole: Whole) -> Result<LargeListArray, KernelError> {
    let texts = Texts::new(text)?;
    let spans = Spans::new(spans)?;
    same_length(("text", texts.len()), ("spans", spans.len()))?;
    let mut lists = SpanLists::new();
    for row in 0..texts.len() {
        let text = texts.get(row).unwrap_or_default();
        let mut borders = Borders::new(text, whole);
        for (start, stop) in spans.row(row) {
            if text.get(start..stop).is_none() {
                return Err(KernelError::BadInput(format!("row {row}: its spans do not fit its text")));
            }
            let start = borders.at_or_after(start);
            let stop = borders.at_or_before(stop);
            if start < stop {
                lists.push(start, stop);
            }
        }
        lists.end_row();
    }
    lists.finish()
}

struct Borders<'a> {
    text: &'a str,
    whole: Whole,
    // Where words of UAX #29 begin, once they are asked for.
    words: Option<Vec<usize>>,
}

impl<'a> Borders<'a> {
    fn new(text: &'a str, whole: Whole) -> Self {
        Self { text, whole, words: None }
    }

    fn at_or_after(&mut self, from: usize) -> usize {
        let text = self.text;
        let places = text[from..].char_indices().map(|(offset, _)| from + offset);
        places.into_iter().find(|&at| self.is_border(at)).unwrap_or(text.len())
    }

    fn at_or_before(&mut self, from: usize) -> usize {
        let text = self.text;
        if self.is_border(from) {
            return from;
        }
        text[..from].char_indices().rev().map(|(at, _)| at).find(|&at| self.is_border(at)).unwrap_or(0)
    }

    fn is_border(&mut self, at: usize) -> bool {
        if at == 0 || at == self.text.len() {
            return true;
        }
        let (Some(before), Some(after)) =
            (self.text[..at].chars().next_back(), self.text[at..].chars().next())
        else {
            return true;
        };
        let may_be = self.whole == Whole::Graphemes
            || before.is_whitespace()
            || after.is_whitespace()
            || ((is_unspaced(before) || is_unspaced(after) || self.is_in_long_word(at))
                && self.is_word_start(at));
        may_be && GraphemeCursor::new(at, self.text.len(), true).is_boundary(self.text, 0) == Ok(true)
    }

    fn is_word_start(&mut self, at: usize) -> bool {
        let text = self.text;
        let words = self
            .words
            .get_or_insert_with(|| text.split_word_bound_indices().map(|(start, _)| start).collect());
        words.binary_search(&at).is_ok()
    }

    /// Whether there is no white space near: addresses, data and minified code are cut where words in them end.
    fn is_in_long_word(&self, at: usize) -> bool {
        let white_space = |byte: &u8| byte.is_ascii_whitespace();
        let bytes = self.text.as_bytes();
        let before =
            bytes[..at].iter().rev().take(MAX_WORD_BYTES).take_while(|byte| !white_space(byte)).count();
        let after = bytes[at..].iter().take(MAX_WORD_BYTES).take_while(|byte| !white_space(byte)).count();
        before + after > MAX_WORD_BYTES
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::StringArray;
    use proptest::prelude::*;

    use super::*;

    fn whole(text: &str, start: usize, stop: usize, whole: Whole) -> &str {
        let mut lists = SpanLists::new();
        lists.push(start, stop);
        lists.end_row();
        let smaller = whole_spans(&StringArray::from(vec![text]), &lists.finish().unwrap(), whole).unwrap();
        let span = Spans::new(&smaller).unwrap().row(0).next();
        span.map_or("", |(start, stop)| &text[start..stop])
    }

    #[test]
    fn words_stay_whole() {
        assert_eq!(whole("an unrecovery made (here), now", 6, 26, Whole::Words), " made (here),");
        assert_eq!(whole("an unrecovery made", 5, 18, Whole::Graphemes), "recovery made");
        assert_eq!(whole("word", 1, 3, Whole::Words), "");
        // Chinese is cut at any character, Katakana between words.
        assert_eq!(whole("我喜欢苹果和梨", 3, 15, Whole::Words), "喜欢苹果");
        assert_eq!(whole("東京タワーに行く", 3, 18, Whole::Words), "京タワーに");
        assert_eq!(whole("タワーに行く", 3, 18, Whole::Words), "に行く");
        let address = format!("{}/path", "a".repeat(300));
        assert_eq!(whole(&address, 290, 305, Whole::Words), "/path");
    }

    #[test]
    fn graphemes_stay_whole() {
        for text in [
            "🇩🇪🇸🇪",
            "👩\u{200D}🔬👍🏽",
            "e\u{301}a\u{308}",
            "한\u{1112}\u{1161}\u{11AB}",
            "क्षि",
            "\r\n\r\n",
            "ก็นํ้า",
        ] {
            let bounds: Vec<usize> =
                text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]).collect();
            for (start, _) in text.char_indices() {
                for stop in (start + 1..=text.len()).filter(|&stop| text.is_char_boundary(stop)) {
                    let inside = |at: &&usize| (start..=stop).contains(*at);
                    let (first, last) = (bounds.iter().find(inside), bounds.iter().rev().find(inside));
                    let expected = first.zip(last).map_or("", |(&first, &last)| &text[first..last]);
                    assert_eq!(
                        whole(text, start, stop, Whole::Graphemes),
                        expected,
                        "{text} {start}..{stop}"
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn cuts_leave_words_and_graphemes_whole(
            text in "([a-z\u{301}é]{1,4}|[ \n]|東京|🇩🇪|\r\n|[.,']){0,20}", cut in (any::<u16>(), any::<u16>()),
        ) {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let place = |number: u16| places[number as usize % places.len()];
            let (start, stop) = (place(cut.0.min(cut.1)), place(cut.0.max(cut.1)));
            let (start, stop) = (start.min(stop), start.max(stop));
            let copy = whole(&text, start, stop, Whole::Words);
            if !copy.is_empty() {
                let from = copy.as_ptr() as usize - text.as_ptr() as usize;
                for at in [from, from + copy.len()] {
                    prop_assert!(at == text.len() || text.grapheme_indices(true).any(|(start, _)| start == at));
                    let (left, right) = (text[..at].chars().next_back(), text[at..].chars().next());
                    let parted = |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || is_unspaced(c));
                    prop_assert!(parted(left) || parted(right));
                }
            }
        }
    }
}

//! The words of a text, without its white space.

use super::spans::{Segmentation, Spans};

/// Bytes beyond the text that may be read, and are zero or stale.
pub const PADDING: usize = 32;

/// Texts above this many bytes leave no spans behind: those take more room than the text.
const GIANT: usize = 32 << 20;

/// Bytes copied at once, whatever a word's length.
const COPIED: usize = 16;

/// The words of one text one after the other without what stood between them.
#[derive(Debug, Default)]
pub struct Words {
    spans: Spans,
    stream: Vec<u8>,
    /// Where each word ends in `stream`; it starts with a zero.
    ends: Vec<u32>,
}

impl Words {
    /// Cuts `text` into words; what was here before is forgotten.
    pub fn read(&mut self, text: &str, by: Segmentation) {
        self.read_where(text, by, |_| true);
    }

    /// Cuts `text` into words and keeps those that `keep` says yes to, by their bytes.
    pub fn read_where(&mut self, text: &str, by: Segmentation, keep: impl Fn(&[u8]) -> bool) {
        self.spans.cut(text, by);
        let bytes = text.as_bytes();
        if self.stream.len() < bytes.len() + 2 * PADDING {
            self.stream.resize(bytes.len() + 2 * PADDING, 0);
        }
        self.ends.clear();
        self.ends.reserve(self.spans.len() + 1);
        self.ends.push(0);
        let mut at = 0;
        for (start, end) in self.spans.iter() {
            if !keep(&bytes[start..end]) {
                continue;
            }
            let length = end - start;
            let source = bytes.get(start..start + COPIED);
            if let (true, Some(source)) = (length <= COPIED, source) {
                self.stream[at..at + COPIED].copy_from_slice(source);
            } else {
                self.stream[at..at + length].copy_from_slice(&bytes[start..end]);
            }
            at += length;
            self.ends.push(at as u32);
        }
        if bytes.len() > GIANT {
            self.spans = Spans::default();
        }
    }

    /// How many words there are.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.ends.len().saturating_sub(1)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All words joined by nothing, with `PADDING` bytes or more behind.
    #[inline(always)]
    pub fn stream(&self) -> &[u8] {
        &self.stream
    }

    /// Where each word ends in the stream, after a leading zero.
    #[inline(always)]
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// The bytes of `count` words from word `first` on, joined by nothing.
    #[inline(always)]
    pub fn joined(&self, first: usize, count: usize) -> &[u8] {
        &self.stream[self.ends[first] as usize..self.ends[first + count] as usize]
    }

    /// Gives back memory that only a giant text needed.
    pub fn shrink(&mut self, bytes: usize) {
        if self.stream.len() > bytes {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::properties::{Properties, SPACE};
    use super::*;
    use proptest::prelude::*;
    use unicode_segmentation::UnicodeSegmentation;

    fn words(text: &str, by: Segmentation) -> Vec<String> {
        let mut words = Words::default();
        words.read(text, by);
        (0..words.len()).map(|i| String::from_utf8(words.joined(i, 1).to_vec()).unwrap()).collect()
    }

    /// The definition, told by the crate.
    fn reference(text: &str) -> Vec<String> {
        let table = Properties::shared();
        let mut words: Vec<(usize, String)> = Vec::new();
        for (start, segment) in text.split_word_bound_indices() {
            let word = segment.trim_matches(|c| table.has(c, SPACE));
            if word.is_empty() {
                continue;
            }
            let last = words.last_mut().filter(|(end, last)| {
                *end == start
                    && (word == "." || word == "-")
                    && last.trim_matches(word.chars().next().unwrap()).is_empty()
            });
            match last {
                Some((end, last)) => {
                    last.push_str(word);
                    *end += 1;
                }
                None => words.push((start + segment.len(), word.to_owned())),
            }
        }
        words.into_iter().map(|(_, word)| word).collect()
    }

    fn tricky() -> impl Strategy<Value = String> {
        let parts = prop::sample::select(vec![
            "a",
            "Bc",
            "word",
            "é",
            "1",
            "23",
            "_",
            ".",
            "..",
            "...",
            "'",
            "\"",
            ":",
            ",",
            ";",
            "-",
            "--",
            "----",
            " ",
            " ",
            " ",
            "\n",
            "\r\n",
            "\u{85}",
            "\u{301}",
            "\u{200d}",
            "😀",
            "🇫",
            "א",
            "カ",
            "東京",
            "ก",
            "\u{202f}",
            "\u{3000}",
            "\u{a0}",
            "’",
            "“",
            "…",
            "\u{1f}",
            "\0",
            "some longer piece of plain text, in 3.5 parts: ",
        ]);
        prop::collection::vec(parts, 0..80).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn unicode_words_equal_the_crate(text in ".*") {
            prop_assert_eq!(words(&text, Segmentation::Unicode), reference(&text));
        }

        #[test]
        fn unicode_words_equal_the_crate_on_tricky_text(text in tricky()) {
            prop_assert_eq!(words(&text, Segmentation::Unicode), reference(&text));
        }

        #[test]
        fn unicode_words_equal_the_crate_on_ascii(text in "[ -~\n]{0,300}") {
            prop_assert_eq!(words(&text, Segmentation::Unicode), reference(&text));
        }

        #[test]
        fn whitespace_words_equal_a_plain_split(text in tricky()) {
            let table = Properties::shared();
            let expected: Vec<String> =
                text.split(|c| table.has(c, SPACE)).filter(|w| !w.is_empty()).map(str::to_owned).collect();
            prop_assert_eq!(words(&text, Segmentation::Whitespace), expected);
        }
    }

    #[test]
    fn golden() {
        assert_eq!(
            words("Don't stop... it's 3,000.5 km/h -- ok?", Segmentation::Unicode),
            ["Don't", "stop", "...", "it's", "3,000.5", "km", "/", "h", "--", "ok", "?"]
        );
        assert_eq!(words("Café 東京 カタカナ", Segmentation::Unicode), ["Café", "東", "京", "カタカナ"]);
        assert_eq!(words(" a\u{a0}b\u{1c}c\u{200b}d ", Segmentation::Whitespace), ["a", "b", "c\u{200b}d"]);
    }
}

//! Words of a text, and the text without its white space.

use super::blocks::{self, is_space};
use super::glue::{glue, is_plain_pair};
use super::properties::{Properties, SPACE};
use super::segments::next_segment;

/// How text is cut into words.
///
/// `Unicode`: every segment between word boundaries (UAX #29, Unicode 17) that is not white
/// space is a word, punctuation included, with white space at its ends cut off. A run of full
/// stops (`...`) or of hyphens (`---`) is one word, as reference tokenisers have it. Chinese and
/// Hiragana characters are a word each, a Katakana run is one word; in Thai, Lao, Khmer and
/// Burmese, which the rules leave to dictionaries, a base character with its marks is a word.
///
/// `Prose`: as `Unicode`, but symbols inside a run without white space seldom split, as
/// tokenisers of prose have it; see `glue`.
///
/// `Whitespace`: what stands between white space, as Python's `str.split()` gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Segmentation {
    #[default]
    Unicode,
    Prose,
    Whitespace,
}

/// Byte ranges of words, in order. The buffers are kept from text to text.
#[derive(Debug, Default)]
pub struct Spans {
    starts: Positions,
    ends: Positions,
}

/// A growing list of positions that takes up to 64 at once from a mask.
#[derive(Debug, Default)]
struct Positions {
    buffer: Vec<u32>,
    len: usize,
}

impl Positions {
    #[inline(always)]
    fn push_bits(&mut self, mut bits: u64, base: u32) {
        if self.buffer.len() < self.len + 64 {
            self.buffer.resize((self.len + 64).max(self.len * 3 / 2), 0);
        }
        let count = bits.count_ones() as usize;
        if let Some(window) = self.buffer[self.len..].first_chunk_mut::<64>() {
            let mut done = 0;
            // Eight at a time without asking: what is beyond the count is written over later.
            while done < count {
                for slot in &mut window[done & 56..(done & 56) + 8] {
                    *slot = base.wrapping_add(bits.trailing_zeros());
                    bits &= bits.wrapping_sub(1);
                }
                done += 8;
            }
        }
        self.len += count;
    }

    fn push(&mut self, position: usize) {
        self.push_bits(1, position as u32);
    }

    fn as_slice(&self) -> &[u32] {
        &self.buffer[..self.len]
    }

    /// Takes back all positions at or beyond `limit`.
    fn truncate_from(&mut self, limit: usize) {
        while self.len > 0 && self.buffer[self.len - 1] as usize >= limit {
            self.len -= 1;
        }
    }
}

impl Spans {
    /// Cuts `text` into words; what was here before is forgotten.
    pub fn cut(&mut self, text: &str, by: Segmentation) {
        self.starts.len = 0;
        self.ends.len = 0;
        match by {
            Segmentation::Unicode => self.cut_unicode(text),
            Segmentation::Prose => {
                self.cut_unicode(text);
                self.glue(text);
            }
            Segmentation::Whitespace => self.cut_whitespace(text),
        }
    }

    /// The byte ranges found.
    pub fn iter(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let starts = self.starts.as_slice().iter();
        starts.zip(self.ends.as_slice()).map(|(&start, &end)| (start as usize, end as usize))
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.ends.len
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn cut_unicode(&mut self, text: &str) {
        let properties = Properties::shared();
        let bytes = text.as_bytes();
        let mut at = 0;
        let mut floor = 0;
        let mut carry = Carry::default();
        while at < bytes.len() {
            let masks = blocks::masks(&block(bytes, at));
            let following = bytes.get(at + 64).copied().unwrap_or(b' ');
            let (starts, ends, next) = carry.boundaries(&masks, following);
            if masks.foreign == 0 {
                self.starts.push_bits(starts, at as u32);
                self.ends.push_bits(ends, at as u32);
                carry = next;
                at += 64;
                continue;
            }
            // The run without white space around the first foreign byte is cut anew, by the full
            // rules. White space before it is a boundary in any case.
            let foreign = at + masks.foreign.trailing_zeros() as usize;
            let run = run_start(bytes, floor, foreign);
            if run > at {
                let keep = (1u64 << (run - at)) - 1;
                self.starts.push_bits(starts & keep, at as u32);
                self.ends.push_bits(ends & keep, at as u32);
            } else {
                self.starts.truncate_from(run);
                self.ends.truncate_from(run + 1);
            }
            at = self.cut_run(text, run, properties);
            floor = at;
            carry = Carry::default();
        }
        if self.ends.len < self.starts.len {
            self.ends.push(bytes.len());
        }
    }

    /// Joins words of UAX #29 that touch, run by run, in place: a run never becomes more words.
    fn glue(&mut self, text: &str) {
        let properties = Properties::shared();
        let (starts, ends) = (&mut self.starts, &mut self.ends);
        let mut run = Vec::new();
        let (mut from, mut kept) = (0, 0);
        while from < ends.len {
            let mut to = from + 1;
            while to < ends.len && starts.buffer[to] == ends.buffer[to - 1] {
                to += 1;
            }
            let bytes = text.as_bytes();
            let word = |range: std::ops::Range<usize>| bytes.get(range).unwrap_or_default();
            let (start, end) = (starts.buffer[from] as usize, ends.buffer[from] as usize);
            let plain = match to - from {
                1 => true,
                2 => is_plain_pair(word(start..end), word(end..ends.buffer[to - 1] as usize)),
                _ => false,
            };
            if plain {
                for i in from..to {
                    starts.buffer[kept] = starts.buffer[i];
                    ends.buffer[kept] = ends.buffer[i];
                    kept += 1;
                }
            } else {
                run.clear();
                run.extend((from..to).map(|i| (starts.buffer[i] as usize, ends.buffer[i] as usize)));
                glue(text, &run, properties, |start, end| {
                    starts.buffer[kept] = start as u32;
                    ends.buffer[kept] = end as u32;
                    kept += 1;
                });
            }
            from = to;
        }
        starts.len = kept;
        ends.len = kept;
    }

    /// Cuts from `at` up to white space after which ASCII goes on; gives that position.
    fn cut_run(&mut self, text: &str, mut at: usize, properties: &Properties) -> usize {
        let bytes = text.as_bytes();
        let mut previous = (0, 0);
        while at < bytes.len() {
            let segment = next_segment(text, at, properties);
            let (mut start, mut end) = (at, segment.end);
            if (segment.first | segment.last) & SPACE != 0 {
                (start, end) = strip(text, start, end, properties);
            }
            if start < end {
                let run = &bytes[start..end];
                let last = bytes[previous.0..previous.1].last();
                let merges = (run == b"." || run == b"-")
                    && previous.1 == start
                    && last == run.first()
                    && bytes[previous.0] == run[0];
                if merges {
                    self.ends.len -= 1;
                    start = previous.0;
                } else {
                    self.starts.push(start);
                }
                self.ends.push(end);
                previous = (start, end);
            }
            at = segment.end;
            if bytes.get(at).is_some_and(|&byte| is_space(byte)) {
                while bytes.get(at).is_some_and(|&byte| is_space(byte)) {
                    at += 1;
                }
                if bytes.get(at).is_some_and(|&byte| byte < 0x80) {
                    break;
                }
            }
        }
        at
    }

    fn cut_whitespace(&mut self, text: &str) {
        let properties = Properties::shared();
        let bytes = text.as_bytes();
        let mut at = 0;
        let mut before = 1u64;
        while at < bytes.len() {
            let (mut space, foreign) = blocks::space_masks(&block(bytes, at));
            let mut width = 64;
            if foreign != 0 {
                width = mark_foreign_space(text, at, foreign, &mut space, properties);
            }
            let valid = u64::MAX >> (64 - width);
            let after_space = space << 1 | before;
            self.starts.push_bits(!space & after_space & valid, at as u32);
            self.ends.push_bits(space & !after_space & valid, at as u32);
            before = space >> (width - 1) & 1;
            at += width;
        }
        if self.ends.len < self.starts.len {
            self.ends.push(bytes.len());
        }
    }
}

/// Sets the bits of white space beyond ASCII, whole characters at a time; gives how many bytes of
/// the block are decided, fewer than 64 where a character straddles its end.
fn mark_foreign_space(
    text: &str,
    at: usize,
    mut foreign: u64,
    space: &mut u64,
    properties: &Properties,
) -> usize {
    while foreign != 0 {
        let offset = foreign.trailing_zeros() as usize;
        let Some(c) = text.get(at + offset..).and_then(|rest| rest.chars().next()) else {
            break;
        };
        let width = c.len_utf8();
        if offset + width > 64 {
            return offset;
        }
        let bits = ((1u64 << width) - 1) << offset;
        if properties.has(c, SPACE) {
            *space |= bits;
        }
        foreign &= !bits;
    }
    64
}

/// The block at `at`, filled up with white space behind the end.
#[inline(always)]
fn block(bytes: &[u8], at: usize) -> [u8; 64] {
    match bytes[at..].first_chunk::<64>() {
        Some(block) => *block,
        None => {
            let mut block = [b' '; 64];
            let rest = &bytes[at..];
            block[..rest.len()].copy_from_slice(rest);
            block
        }
    }
}

/// The start of the run without ASCII white space that holds `at`, not before `floor`.
fn run_start(bytes: &[u8], floor: usize, at: usize) -> usize {
    let back = bytes[floor..at].iter().rev().take_while(|&&byte| !is_space(byte)).count();
    at - back
}

fn strip(text: &str, start: usize, end: usize, properties: &Properties) -> (usize, usize) {
    let word = text.get(start..end).unwrap_or("");
    let front = word.trim_start_matches(|c| properties.has(c, SPACE));
    let start = start + (word.len() - front.len());
    (start, start + front.trim_end_matches(|c| properties.has(c, SPACE)).len())
}

/// What the block before leaves to the next: the top bits of its masks.
#[derive(Clone, Copy, Default)]
struct Carry {
    letter: u64,
    digit: u64,
    word: u64,
    dot: u64,
    hyphen: u64,
    /// Whether the byte before is part of no white space.
    solid: u64,
}

impl Carry {
    /// Where words start and end (one beyond) in an ASCII block.
    #[inline(always)]
    fn boundaries(self, masks: &blocks::Masks, following: u8) -> (u64, u64, Self) {
        let letter_before = masks.letters << 1 | self.letter;
        let digit_before = masks.digits << 1 | self.digit;
        let letter_after = masks.letters >> 1 | u64::from(following.is_ascii_alphabetic()) << 63;
        let digit_after = masks.digits >> 1 | u64::from(following.is_ascii_digit()) << 63;
        let joins = (masks.join_both | masks.join_letters) & letter_before & letter_after
            | (masks.join_both | masks.join_digits) & digit_before & digit_after;
        let word = masks.letters | masks.digits | masks.underscore | joins;
        let solid = !masks.space;
        let dot = masks.dot & !joins;
        let merged = dot & (dot << 1 | self.dot) | masks.hyphen & (masks.hyphen << 1 | self.hyphen);
        let starts = word & !(word << 1 | self.word) | (solid & !word & !merged);
        let ends = (starts | masks.space) & (solid << 1 | self.solid);
        let next = Self {
            letter: masks.letters >> 63,
            digit: masks.digits >> 63,
            word: word >> 63,
            dot: dot >> 63,
            hyphen: masks.hyphen >> 63,
            solid: solid >> 63,
        };
        (starts, ends, next)
    }
}

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
        let mut found: Vec<(usize, String)> = Vec::new();
        for (start, segment) in text.split_word_bound_indices() {
            let word = segment.trim_matches(|c| table.has(c, SPACE));
            if word.is_empty() {
                continue;
            }
            let last = found.last_mut().filter(|(end, last)| {
                *end == start
                    && (word == "." || word == "-")
                    && last.trim_matches(word.chars().next().unwrap()).is_empty()
            });
            match last {
                Some((end, last)) => {
                    last.push_str(word);
                    *end += 1;
                }
                None => found.push((start + segment.len(), word.to_owned())),
            }
        }
        found.into_iter().map(|(_, word)| word).collect()
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

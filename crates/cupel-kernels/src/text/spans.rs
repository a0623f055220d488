//! Where words are in a text: byte ranges.

use super::blocks::{self, is_space};
use super::glue::{glue, is_plain_run};
use super::positions::{Carry, Positions};
use super::properties::{Properties, SPACE};
use super::segments::next_segment;

/// How text is cut into words.
///
/// `Unicode`: every segment between word boundaries (UAX #29, Unicode 17) that is not white
/// space is a word, punctuation included, with white space at its ends cut off. A run of full
/// stops (`...`) or of hyphens (`---`) is one word, as reference tokenizers have it. Chinese and
/// Hiragana characters are a word each, a Katakana run is one word; in Thai, Lao, Khmer and
/// Burmese, which the rules leave to dictionaries, a base character with its marks is a word.
///
/// `Prose`: as `Unicode`, but symbols inside a run without white space seldom split, as
/// tokenizers of prose have it; see `glue`.
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
        let count = self.ends.len;
        let (starts, ends) = (&mut self.starts.buffer[..count], &mut self.ends.buffer[..count]);
        let mut run = Vec::new();
        // Words before `from` are done and `kept` are left of them; those after stand where they stood.
        let (mut from, mut kept, mut at) = (0, 0, 1);
        while at < count {
            if starts[at] != ends[at - 1] {
                at += 1;
                continue;
            }
            let (first, mut to) = (at - 1, at + 1);
            while to < count && starts[to] == ends[to - 1] {
                to += 1;
            }
            at = to + 1;
            if is_plain_run(text.as_bytes(), &starts[first..to], &ends[first..to]) {
                continue;
            }
            starts.copy_within(from..first, kept);
            ends.copy_within(from..first, kept);
            kept += first - from;
            from = to;
            run.clear();
            run.extend((first..to).map(|i| (starts[i] as usize, ends[i] as usize)));
            glue(text, &run, properties, |start, end| {
                starts[kept] = start as u32;
                ends[kept] = end as u32;
                kept += 1;
            });
        }
        starts.copy_within(from.., kept);
        ends.copy_within(from.., kept);
        kept += count - from;
        self.starts.len = kept;
        self.ends.len = kept;
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

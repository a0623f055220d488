//! Word n-grams as bytes, from a buffer that stays small however long the text is.

use super::words::{MAX_WORD_BYTES, WordRules, WordSink, for_each_word, lower_letters};

/// The longest window, in words.
pub const MAX_NGRAM: usize = 64;

const FRESH_BYTES: usize = 16 * 1024;
const SPACED_WORD: usize = MAX_WORD_BYTES + 1;

/// Gives every window of `ngram` words, joined by single spaces.
pub struct Windows {
    ngram: usize,
    rules: WordRules,
    // Words with a space after each; the current one from `word` to `end`.
    buffer: Vec<u8>,
    word: usize,
    end: usize,
    // Where the last words begin, as a ring; its size makes the remainder cheap.
    starts: [usize; MAX_NGRAM],
    words: usize,
}

impl Windows {
    /// `ngram` is 1 to `MAX_NGRAM`; values beyond are taken for the nearest.
    pub fn new(ngram: usize, rules: WordRules) -> Self {
        let ngram = ngram.clamp(1, MAX_NGRAM);
        let buffer = vec![0; FRESH_BYTES + (ngram + 2) * SPACED_WORD];
        Self { ngram, rules, buffer, word: 0, end: 0, starts: [0; MAX_NGRAM], words: 0 }
    }

    /// Calls `take` with each window of `text`; a text of fewer words gives one window of
    /// all its words, a text without words none.
    pub fn for_each(&mut self, text: &str, mut take: impl FnMut(&[u8])) {
        (self.word, self.end, self.words) = (0, 0, 0);
        for_each_word(text, self.rules, &mut Sink { windows: self, take: &mut take });
        if self.words > 0 && self.words < self.ngram {
            take(&self.buffer[..self.word - 1]);
        }
    }

    /// Moves the words that windows still need to the front.
    fn compact(&mut self) {
        let from = self.starts[(self.words + 1).wrapping_sub(self.ngram) % MAX_NGRAM].min(self.word);
        self.buffer.copy_within(from..self.word, 0);
        self.starts.iter_mut().for_each(|start| *start = start.wrapping_sub(from));
        self.word -= from;
        self.end = self.word;
    }
}

struct Sink<'a, F> {
    windows: &'a mut Windows,
    take: &'a mut F,
}

impl<F: FnMut(&[u8])> WordSink for Sink<'_, F> {
    #[inline(always)]
    fn extend_letters(&mut self, bytes: &[u8]) -> usize {
        if self.windows.end - self.windows.word == MAX_WORD_BYTES {
            self.end_word();
        }
        let windows = &mut *self.windows;
        let room = windows.word + MAX_WORD_BYTES;
        let count = lower_letters(bytes, &mut windows.buffer[windows.end..room]);
        windows.end += count;
        count
    }

    #[inline]
    fn extend(&mut self, bytes: &[u8]) {
        if self.windows.end - self.windows.word + bytes.len() > MAX_WORD_BYTES {
            self.end_word();
        }
        let windows = &mut *self.windows;
        windows.buffer[windows.end..windows.end + bytes.len()].copy_from_slice(bytes);
        windows.end += bytes.len();
    }

    #[inline(always)]
    fn end_word(&mut self) {
        let windows = &mut *self.windows;
        if windows.end == windows.word {
            return;
        }
        windows.starts[windows.words % MAX_NGRAM] = windows.word;
        windows.words += 1;
        if windows.words >= windows.ngram {
            let from = windows.starts[(windows.words - windows.ngram) % MAX_NGRAM];
            (self.take)(&windows.buffer[from..windows.end]);
        }
        windows.buffer[windows.end] = b' ';
        windows.end += 1;
        windows.word = windows.end;
        if windows.word > FRESH_BYTES + windows.ngram * SPACED_WORD {
            windows.compact();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(text: &str, ngram: usize) -> Vec<String> {
        let mut grams = Vec::new();
        Windows::new(ngram, WordRules { fold_numbers: true, symbols: false })
            .for_each(text, |w| grams.push(String::from_utf8_lossy(w).into_owned()));
        grams
    }

    #[test]
    fn windows_slide_by_one_word() {
        assert_eq!(windows("A b, c  d", 3), ["a b c", "b c d"]);
        assert_eq!(windows("A b", 3), ["a b"]);
        assert_eq!(windows("A b", 1), ["a", "b"]);
        assert!(windows(" ... ", 3).is_empty());
    }

    #[test]
    fn long_texts_and_long_words() {
        let text = "one two three four five six seven ".repeat(5_000);
        let grams = windows(&text, 5);
        assert_eq!(grams.len(), 35_000 - 4);
        assert_eq!(grams[0], grams[7 * 4_000]);
        assert_eq!(windows(&"x".repeat(MAX_WORD_BYTES * 10), 2).len(), 9);
    }
}

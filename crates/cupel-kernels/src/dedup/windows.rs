//! Word n-grams as bytes, from a buffer that stays small however long the text is.

use super::words::{MAX_WORD_BYTES, WordSink, for_each_word};

const COMPACT_BYTES: usize = 16 * 1024;

/// Gives every window of `ngram` words, joined by single spaces.
pub struct Windows {
    ngram: usize,
    fold_numbers: bool,
    buffer: Vec<u8>,
    // Where the last words begin in the buffer, the oldest first.
    starts: Vec<usize>,
}

impl Windows {
    pub fn new(ngram: usize, fold_numbers: bool) -> Self {
        let buffer = Vec::with_capacity(2 * COMPACT_BYTES);
        Self {
            ngram,
            fold_numbers,
            buffer,
            starts: Vec::new(),
        }
    }

    /// Calls `take` with each window of `text`; a text of fewer words gives one window of
    /// all its words, a text without words none.
    pub fn for_each(&mut self, text: &str, take: impl FnMut(&[u8])) {
        self.buffer.clear();
        self.starts.clear();
        let fold_numbers = self.fold_numbers;
        let mut sink = Sink {
            windows: self,
            word: 0,
            any: false,
            take,
        };
        for_each_word(text, fold_numbers, &mut sink);
        sink.finish();
    }
}

struct Sink<'a, F> {
    windows: &'a mut Windows,
    // Where the current word begins in the buffer.
    word: usize,
    any: bool,
    take: F,
}

impl<F: FnMut(&[u8])> Sink<'_, F> {
    fn finish(&mut self) {
        if !self.any && !self.windows.starts.is_empty() {
            let end = self.windows.buffer.len() - 1;
            (self.take)(&self.windows.buffer[..end]);
        }
    }

    fn compact(&mut self) {
        let from = self.windows.starts.first().copied().unwrap_or(self.word);
        self.windows.buffer.drain(..from);
        self.windows
            .starts
            .iter_mut()
            .for_each(|start| *start -= from);
        self.word -= from;
    }
}

impl<F: FnMut(&[u8])> WordSink for Sink<'_, F> {
    #[inline]
    fn extend(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(MAX_WORD_BYTES) {
            if self.windows.buffer.len() - self.word + piece.len() > MAX_WORD_BYTES {
                self.end_word();
            }
            let begin = self.windows.buffer.len();
            self.windows.buffer.extend_from_slice(piece);
            self.windows.buffer[begin..].make_ascii_lowercase();
        }
    }

    #[inline]
    fn end_word(&mut self) {
        let end = self.windows.buffer.len();
        if end == self.word {
            return;
        }
        self.windows.starts.push(self.word);
        if self.windows.starts.len() == self.windows.ngram {
            (self.take)(&self.windows.buffer[self.windows.starts[0]..end]);
            self.windows.starts.remove(0);
            self.any = true;
        }
        self.windows.buffer.push(b' ');
        self.word = end + 1;
        if self.word > COMPACT_BYTES && self.any {
            self.compact();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(text: &str, ngram: usize) -> Vec<String> {
        let mut found = Vec::new();
        Windows::new(ngram, true).for_each(text, |w| {
            found.push(String::from_utf8_lossy(w).into_owned())
        });
        found
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
        let found = windows(&text, 5);
        assert_eq!(found.len(), 35_000 - 4);
        assert_eq!(found[0], found[7 * 4_000]);
        assert_eq!(windows(&"x".repeat(MAX_WORD_BYTES * 10), 2).len(), 9);
    }
}

//! fastText's tokens.

use super::cache::{KEY_BYTES, Key};

/// fastText's words: what stands between spaces, tabs, line breaks, form feeds and zero bytes.
pub struct Words<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Words<'a> {
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }
}

#[inline]
fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r' | 0)
}

impl<'a> Iterator for Words<'a> {
    type Item = (&'a [u8], Option<Key>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let text = self.text;
        let mut start = self.at;
        while start < text.len() && is_separator(text[start]) {
            start += 1;
        }
        if start == text.len() {
            return None;
        }
        let end = word_end(text, start);
        self.at = end;
        let word = &text[start..end];
        let key = match text[start..].first_chunk::<KEY_BYTES>() {
            Some(window) if word.len() <= KEY_BYTES => Some(masked_key(window, word.len())),
            _ => short_key(word),
        };
        Some((word, key))
    }
}

/// Where the word that begins at `start` ends. Eight bytes are looked at together: the lowest mark
/// is the first byte of at most 0x20, which is nearly always a separator.
#[inline]
fn word_end(text: &[u8], start: usize) -> usize {
    const LOW: u64 = 0x2121_2121_2121_2121;
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    let mut end = start;
    while let Some(window) = text[end..].first_chunk::<8>() {
        let window = u64::from_le_bytes(*window);
        let marks = window.wrapping_sub(LOW) & !window & HIGH_BITS;
        if marks == 0 {
            end += 8;
            continue;
        }
        end += marks.trailing_zeros() as usize / 8;
        if is_separator(text[end]) {
            return end;
        }
        end += 1;
    }
    while end < text.len() && !is_separator(text[end]) {
        end += 1;
    }
    end
}

/// The key of a word of `length` bytes at the start of `window`.
#[inline]
fn masked_key(window: &[u8; KEY_BYTES], length: usize) -> Key {
    let mut key = [0; KEY_BYTES / 8];
    for (part, bytes) in window.as_chunks::<8>().0.iter().enumerate() {
        if part * 8 >= length {
            break;
        }
        let held = (length - part * 8).min(8);
        key[part] = u64::from_le_bytes(*bytes) & (u64::MAX >> (64 - 8 * held));
    }
    key
}

/// The key of a word near the end of the text; none where it is too long for one.
pub fn short_key(word: &[u8]) -> Option<Key> {
    let mut window = [0; KEY_BYTES];
    window.get_mut(..word.len())?.copy_from_slice(word);
    Some(masked_key(&window, word.len()))
}

//! Byte-level BPE (Sennrich et al. 2016; on bytes as in Radford et al. 2019), with the tokens of the
//! tokenizers library.
//!
//! A text is cut into words by a scanner, and the tokens of words met lately are kept, so that only
//! new words are merged.

mod alphabet;
mod cache;
mod load;
mod merge;
mod split;

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{Array, ArrayRef, Int64Array, LargeStringArray, UInt16Array, UInt32Array};

use crate::KernelError;
use crate::parallel::map_range;
use cache::{FEW, Token, WordCache};
use load::Parts;
use merge::Scratch;
pub use split::Pattern;
use split::Splitter;

/// About how many bytes of documents a thread takes at a time.
const BLOCK_BYTES: usize = 1 << 20;

/// An encoder. Threads may share it; each takes a word cache of its own while it works.
pub struct ByteLevelBpe {
    parts: Parts,
    splitter: Splitter,
    narrow: Mutex<Vec<Work<u16>>>,
    wide: Mutex<Vec<Work<u32>>>,
}

impl ByteLevelBpe {
    /// The encoder of a `tokenizer.json`.
    ///
    /// # Errors
    /// `BadModel` where the file asks for anything that is not followed to the letter: another model
    /// or pattern, a normaliser, truncation, added tokens that are not special, names not known here.
    pub fn load(json: &[u8]) -> Result<Self, KernelError> {
        load::load(json).map(Self::of)
    }

    /// The encoder of merges, each of two tokens to a third; tokens 0 to 255 are the bytes.
    ///
    /// # Errors
    /// `BadModel` where a pair comes twice or an id is too large.
    pub fn of_merges(pattern: Pattern, merges: &[(u32, u32, u32)]) -> Result<Self, KernelError> {
        load::of_merges(pattern, merges).map(Self::of)
    }

    fn of(parts: Parts) -> Self {
        let splitter = Splitter::new(parts.pattern);
        Self { parts, splitter, narrow: Mutex::default(), wide: Mutex::default() }
    }

    /// The largest id of the vocabulary.
    pub fn largest_id(&self) -> u32 {
        self.parts.largest_id
    }

    /// The tokens of all texts, `end_of_text` after each, and where each text's tokens begin (one
    /// offset more than texts). uint16 where every id fits, else uint32.
    ///
    /// Special tokens in a text are plain letters. The outcome is the same for any number of threads.
    ///
    /// # Errors
    /// `BadInput` where a text is null.
    pub fn encode(
        &self,
        text: &LargeStringArray,
        end_of_text: u32,
        threads: NonZeroUsize,
    ) -> Result<(ArrayRef, Int64Array), KernelError> {
        if let Some(row) =
            (text.null_count() > 0).then(|| (0..text.len()).find(|&row| text.is_null(row))).flatten()
        {
            return Err(KernelError::BadInput(format!("text {row} is null; expected a string in every row")));
        }
        let offsets = text.value_offsets();
        let document = |row: usize| {
            text.value_data().get(offsets[row] as usize..offsets[row + 1] as usize).unwrap_or(&[])
        };
        if self.parts.largest_id.max(end_of_text) <= u16::MAX.into() {
            let (tokens, offsets) =
                self.encode_all(text.len(), document, end_of_text as u16, threads, &self.narrow);
            Ok((Arc::new(UInt16Array::from(tokens)), offsets.into()))
        } else {
            let (tokens, offsets) = self.encode_all(text.len(), document, end_of_text, threads, &self.wide);
            Ok((Arc::new(UInt32Array::from(tokens)), offsets.into()))
        }
    }

    /// The tokens of one text of any bytes; those that are no UTF-8 count as symbols.
    pub fn encode_one(&self, text: &[u8]) -> Vec<u32> {
        let mut work = take(&self.wide);
        self.encode_document(text, &mut work);
        let tokens = work.out[..work.filled].to_vec();
        give_back(work, &self.wide);
        tokens
    }

    fn encode_all<'a, T: Token>(
        &self,
        rows: usize,
        document: impl Fn(usize) -> &'a [u8] + Sync,
        end_of_text: T,
        threads: NonZeroUsize,
        works: &Mutex<Vec<Work<T>>>,
    ) -> (Vec<T>, Vec<i64>) {
        let blocks = blocks(rows, |row| document(row).len());
        let mut encoded = map_range(blocks.len(), 1, threads, |block| {
            let mut work = take(works);
            let mut ends = Vec::with_capacity(blocks[block].len());
            for row in blocks[block].clone() {
                self.encode_document(document(row), &mut work);
                work.push(end_of_text);
                ends.push(work.filled as i64);
            }
            let tokens = work.out[..work.filled].to_vec();
            give_back(work, works);
            (tokens, ends)
        });
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        for (_, ends) in &encoded {
            let before = offsets.last().copied().unwrap_or_default();
            offsets.extend(ends.iter().map(|end| before + end));
        }
        if encoded.len() == 1 {
            return (std::mem::take(&mut encoded[0].0), offsets);
        }
        let mut all = Vec::with_capacity(offsets.last().map_or(0, |&end| end as usize));
        for (tokens, _) in encoded {
            all.extend_from_slice(&tokens);
        }
        (all, offsets)
    }

    fn encode_document<T: Token>(&self, text: &[u8], work: &mut Work<T>) {
        let mut start = 0;
        while start < text.len() {
            let end = self.splitter.word_end(text, start);
            self.add_word(text, start, end, work);
            start = end;
        }
    }

    #[inline(always)]
    fn add_word<T: Token>(&self, text: &[u8], start: usize, end: usize, work: &mut Work<T>) {
        work.make_room(end - start);
        let key = cache::key(text, start, end);
        if let Some(key) = &key
            && let Some(slot) = work.cache.short(key)
            && let Some(into) = work.out[work.filled..].first_chunk_mut::<FEW>()
        {
            // All of them, whatever their count: what is too much is written over.
            *into = slot.tokens;
            work.filled += slot.count.count();
            return;
        }
        self.add_other_word(&text[start..end], key.as_ref(), work);
    }

    #[inline(never)]
    fn add_other_word<T: Token>(&self, word: &[u8], key: Option<&cache::Key>, work: &mut Work<T>) {
        let start = work.filled;
        if let Some(tokens) = work.cache.get(word) {
            work.filled += tokens.len();
            work.out[start..work.filled].copy_from_slice(tokens);
        } else {
            match self.parts.whole.as_ref().and_then(|whole| whole.get(word)) {
                Some(&id) => work.scratch.only(id),
                None => self.parts.merges.merge(word, &mut work.scratch),
            }
            work.filled += work.scratch.ids.len();
            for (into, &id) in work.out[start..work.filled].iter_mut().zip(&work.scratch.ids) {
                *into = T::of(id);
            }
            work.cache.keep(word, &work.out[start..work.filled]);
        }
        if let Some(key) = key {
            work.cache.put_short(key, &work.out[start..work.filled]);
        }
    }
}

/// What one thread needs while it encodes.
struct Work<T> {
    cache: WordCache<T>,
    scratch: Scratch,
    /// Tokens, of which the first `filled` are meant.
    out: Vec<T>,
    filled: usize,
}

impl<T: Token> Work<T> {
    /// Room for a word of so many bytes, which are at most as many tokens, and for what `add_word`
    /// writes beyond them.
    #[inline(always)]
    fn make_room(&mut self, bytes: usize) {
        if self.out.len() - self.filled < bytes + FEW {
            self.grow(bytes + FEW);
        }
    }

    #[cold]
    fn grow(&mut self, tokens: usize) {
        let length = (self.filled + tokens).max(self.out.len() * 2).max(BLOCK_BYTES / 2);
        self.out.resize(length, T::default());
    }

    fn push(&mut self, token: T) {
        self.make_room(1);
        self.out[self.filled] = token;
        self.filled += 1;
    }
}

fn take<T: Token>(works: &Mutex<Vec<Work<T>>>) -> Work<T> {
    let spare = works.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let new = || Work { cache: WordCache::new(), scratch: Scratch::default(), out: Vec::new(), filled: 0 };
    Work { filled: 0, ..spare.unwrap_or_else(new) }
}

fn give_back<T>(mut work: Work<T>, works: &Mutex<Vec<Work<T>>>) {
    // One very long document should not hold its room for ever.
    if work.out.len() > 8 * BLOCK_BYTES {
        work.out = Vec::new();
    }
    works.lock().unwrap_or_else(PoisonError::into_inner).push(work);
}

/// Documents in runs of about `BLOCK_BYTES`.
fn blocks(rows: usize, bytes: impl Fn(usize) -> usize) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let (mut start, mut held) = (0, 0);
    for row in 0..rows {
        held += bytes(row) + 1;
        if held >= BLOCK_BYTES || row + 1 == rows {
            blocks.push(start..row + 1);
            (start, held) = (row + 1, 0);
        }
    }
    blocks
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

//! The distinct words of one text, numbered in order of appearance.

use super::hashing::{fold, hash_bytes, load8};
use crate::text::Words;

/// Words numbered by first appearance, with their counts.
///
/// A word of up to seven bytes is its own key, so most words are told apart by one comparison.
#[derive(Debug, Default)]
pub struct Vocabulary {
    slots: Vec<Slot>,
    bits: u32,
    /// The number of each word of the text.
    pub ids: Vec<u32>,
    /// How often each distinct word occurs.
    pub counts: Vec<u32>,
    /// Where each distinct word first occurs, as an index of words.
    pub firsts: Vec<u32>,
    /// The key of each distinct word.
    pub keys: Vec<u64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Zero where the slot is free.
    key: u64,
    id: u32,
}

/// Set in the keys of words over seven bytes, which are hashes.
pub const LONG: u64 = 1 << 63;

/// The low `n` bytes of a 64-bit number.
const LOW: [u64; 8] =
    [0, 0xff, 0xffff, 0xff_ffff, 0xffff_ffff, 0xff_ffff_ffff, 0xffff_ffff_ffff, 0xff_ffff_ffff_ffff];

#[inline(always)]
fn key(stream: &[u8], start: usize, end: usize) -> u64 {
    let length = end - start;
    if length < 8 {
        load8(stream, start) & LOW[length] | (length as u64) << 56
    } else {
        hash_bytes(stream, start, end) | LONG
    }
}

impl Vocabulary {
    /// Numbers all words of a text; what was here before is forgotten.
    pub fn read(&mut self, words: &Words) {
        self.ids.clear();
        self.counts.clear();
        self.firsts.clear();
        self.keys.clear();
        self.clear_slots(words.len().clamp(32, 1 << 16).ilog2() + 1);
        self.ids.reserve(words.len());
        let stream = words.stream();
        let ends = words.ends();
        for (index, pair) in ends.windows(2).enumerate() {
            let (start, end) = (pair[0] as usize, pair[1] as usize);
            let key = key(stream, start, end);
            let id = self.number(words, key, index);
            self.ids.push(id);
        }
    }

    #[inline(always)]
    fn number(&mut self, words: &Words, key: u64, index: usize) -> u32 {
        let mask = self.slots.len() - 1;
        let mut at = (fold(key) >> (64 - self.bits)) as usize;
        loop {
            let slot = self.slots[at & mask];
            if slot.key == key && (key < LONG || self.same(words, slot.id, index)) {
                self.counts[slot.id as usize] += 1;
                return slot.id;
            }
            if slot.key == 0 {
                return self.insert(key, index, at & mask);
            }
            at += 1;
        }
    }

    #[inline(never)]
    fn insert(&mut self, key: u64, index: usize, at: usize) -> u32 {
        let id = self.counts.len() as u32;
        self.slots[at] = Slot { key, id };
        self.counts.push(1);
        self.firsts.push(index as u32);
        self.keys.push(key);
        if self.counts.len() * 2 > self.slots.len() {
            self.grow();
        }
        id
    }

    fn same(&self, words: &Words, id: u32, index: usize) -> bool {
        words.joined(self.firsts[id as usize] as usize, 1) == words.joined(index, 1)
    }

    fn grow(&mut self) {
        self.clear_slots(self.bits + 1);
        let mask = self.slots.len() - 1;
        for (id, &key) in self.keys.iter().enumerate() {
            let mut at = (fold(key) >> (64 - self.bits)) as usize;
            while self.slots[at & mask].key != 0 {
                at += 1;
            }
            self.slots[at & mask] = Slot { key, id: id as u32 };
        }
    }

    fn clear_slots(&mut self, bits: u32) {
        self.bits = bits;
        self.slots.clear();
        self.slots.resize(1 << bits, Slot::default());
    }

    /// The number of `word`, if the text has it; `words` is what was read.
    pub fn find(&self, words: &Words, word: &StopWord) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = (fold(word.key) >> (64 - self.bits)) as usize;
        loop {
            let slot = self.slots[at & mask];
            let first = || self.firsts[slot.id as usize] as usize;
            if slot.key == word.key && (word.key < LONG || words.joined(first(), 1) == &*word.bytes) {
                return Some(slot.id as usize);
            }
            if slot.key == 0 {
                return None;
            }
            at += 1;
        }
    }

    /// Gives back memory that only a giant text needed.
    pub fn shrink(&mut self, words: usize) {
        if self.ids.capacity() > words {
            *self = Self::default();
        }
    }
}

/// A word to look for, with its key.
#[derive(Debug, Clone)]
pub struct StopWord {
    bytes: Box<[u8]>,
    key: u64,
}

impl StopWord {
    /// None for an empty word.
    pub fn new(word: &str) -> Option<Self> {
        let bytes: Box<[u8]> = word.as_bytes().into();
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len() + 16, 0);
        (!bytes.is_empty()).then(|| Self { key: key(&padded, 0, bytes.len()), bytes })
    }
}

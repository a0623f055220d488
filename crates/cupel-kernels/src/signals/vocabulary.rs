//! The distinct words of one text, numbered in order of appearance.

use super::hashing::{fold, hash_bytes, load8};
use crate::text::Words;

/// Words numbered by first appearance, with their counts.
///
/// A word of up to seven bytes is its own key, so one comparison distinguishes most words.
#[derive(Debug, Default)]
pub struct Vocabulary {
    /// The lower half of a key's hash above one more than the number of the word; zero where free.
    slots: Vec<u64>,
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

const HALF: u64 = u32::MAX as u64;

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

/// The number in a slot that is not free.
#[inline(always)]
fn number(slot: u64) -> u32 {
    (slot as u32).wrapping_sub(1)
}

#[inline(always)]
fn filled(hash: u64, id: u32) -> u64 {
    hash << 32 | u64::from(id + 1)
}

impl Vocabulary {
    /// Numbers all words of a text; what was here before is forgotten.
    pub fn read(&mut self, words: &Words) {
        self.clear_slots(words.len().clamp(32, 1 << 16).ilog2() + 2);
        self.make_room();
        self.ids.clear();
        self.ids.reserve(words.len());
        let stream = words.stream();
        let mut distinct = 0;
        for (index, pair) in words.ends().windows(2).enumerate() {
            let (start, end) = (pair[0] as usize, pair[1] as usize);
            let key = key(stream, start, end);
            // Whether a word is new is hard to foresee, so nothing branches on it: the entry after
            // the last is written in any case, and counts only if the word is new.
            self.firsts[distinct] = index as u32;
            self.keys[distinct] = key;
            self.counts[distinct] = 0;
            let hash = fold(key);
            let (at, id) = self.find_or(words, key, hash, index, distinct as u32);
            self.slots[at] = filled(hash, id);
            self.ids.push(id);
            self.counts[id as usize] += 1;
            distinct += usize::from(id as usize == distinct);
            if distinct * 2 > self.slots.len() {
                self.grow(distinct);
            }
        }
        self.counts.truncate(distinct);
        self.firsts.truncate(distinct);
        self.keys.truncate(distinct);
    }

    /// The slot and the number of a word; or the free slot where it belongs and the number `new`,
    /// of which the key and the first occurrence are those of the word.
    #[inline(always)]
    fn find_or(&self, words: &Words, key: u64, hash: u64, index: usize, new: u32) -> (usize, u32) {
        let mask = self.slots.len() - 1;
        let mut at = (hash >> (64 - self.bits)) as usize & mask;
        loop {
            let slot = self.slots[at];
            let id = if slot == 0 { new } else { number(slot) };
            if (slot == 0) | (slot >> 32 == hash & HALF)
                && self.keys[id as usize] == key
                && (key < LONG || self.same(words, id, index))
            {
                return (at, id);
            }
            at = (at + 1) & mask;
        }
    }

    /// Room for as many distinct words as the slots take, and one more.
    fn make_room(&mut self) {
        let room = self.slots.len() / 2 + 2;
        self.counts.resize(room, 0);
        self.firsts.resize(room, 0);
        self.keys.resize(room, 0);
    }

    fn same(&self, words: &Words, id: u32, index: usize) -> bool {
        words.joined(self.firsts[id as usize] as usize, 1) == words.joined(index, 1)
    }

    #[cold]
    fn grow(&mut self, distinct: usize) {
        self.clear_slots(self.bits + 1);
        self.make_room();
        let mask = self.slots.len() - 1;
        for (id, &key) in self.keys[..distinct].iter().enumerate() {
            let hash = fold(key);
            let mut at = (hash >> (64 - self.bits)) as usize;
            while self.slots[at & mask] != 0 {
                at += 1;
            }
            self.slots[at & mask] = filled(hash, id as u32);
        }
    }

    fn clear_slots(&mut self, bits: u32) {
        self.bits = bits;
        self.slots.clear();
        self.slots.resize(1 << bits, 0);
    }

    /// The number of `word`, if the text has it; `words` is what was read.
    pub fn find(&self, words: &Words, word: &StopWord) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let hash = fold(word.key);
        let mut at = (hash >> (64 - self.bits)) as usize;
        loop {
            let slot = self.slots[at & mask];
            if slot == 0 {
                return None;
            }
            let id = number(slot) as usize;
            if self.keys[id] == word.key
                && (word.key < LONG || words.joined(self.firsts[id] as usize, 1) == &*word.bytes)
            {
                return Some(id);
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

//! Runs of n words that repeat: the most frequent ones, and how much of a text they cover.
//!
//! Most runs of words in a text occur once. Both measures first find, with a small table of
//! counters, which positions can hold a repeated run at all, and then look closely at those.
//! A counter shared by two different runs only lets a position through that need not be.

use super::hashing::{RangeSet, fold, load8};
use super::vocabulary::Vocabulary;
use crate::text::Words;
use crate::text::lines::code_points;

/// What is kept from text to text.
#[derive(Debug, Default)]
pub struct Grams {
    seen: Vec<u8>,
    /// Positions that may hold a repeated run, ascending.
    live: Vec<u32>,
    /// The number of the run at each live position.
    numbers: Vec<u32>,
    next_live: Vec<u32>,
    next_numbers: Vec<u32>,
    slots: Vec<(u64, u32)>,
    keys: Vec<u64>,
    counts: Vec<u32>,
    set: RangeSet,
}

/// For runs of 5 to 10 words, how many of their first bytes are looked at before the whole; runs
/// that are shorter are always looked at whole.
const PREFIXES: [usize; 6] = [12, 16, 20, 24, 28, 32];

impl Grams {
    /// For n = 2, 3, 4: the length in code points of the most frequent run of n words joined by
    /// single blanks, times how often it occurs. Among equals the first in the text counts.
    ///
    /// Zero where a text has fewer than n words.
    pub fn top(&mut self, words: &Words, vocabulary: &Vocabulary) -> [usize; 3] {
        let mut found = [0; 3];
        let ids = &vocabulary.ids;
        if ids.len() < 2 {
            return found;
        }
        self.live_pairs(ids);
        self.number_runs(|_, at| u64::from(ids[at]) << 32 | u64::from(ids[at + 1]));
        found[0] = self.top_run(words, 2);
        for n in 3..=4.min(ids.len()) {
            self.extend_runs();
            found[n - 2] = self.top_run(words, n);
        }
        found
    }

    /// Positions whose pair of words may occur again.
    fn live_pairs(&mut self, ids: &[u32]) {
        let bits = counter_bits(ids.len());
        self.seen.clear();
        self.seen.resize(1 << bits, 0);
        let place = |pair: &[u32]| {
            let pair = u64::from(pair[0]) << 32 | u64::from(pair[1]);
            (pair.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32).wrapping_mul(0xd6e8_feb8_6659_fd93)
                >> (64 - bits)) as usize
        };
        for pair in ids.windows(2) {
            let counter = &mut self.seen[place(pair)];
            *counter = *counter << 1 | 1;
        }
        self.live.clear();
        self.live.resize(ids.len(), 0);
        let mut kept = 0;
        for (at, pair) in ids.windows(2).enumerate() {
            self.live[kept] = at as u32;
            kept += usize::from(self.seen[place(pair)] > 1);
        }
        self.live.truncate(kept);
    }

    /// Numbers the runs at all live positions by their keys, in order of appearance.
    fn number_runs(&mut self, key: impl Fn(usize, usize) -> u64) {
        let mut bits = self.live.len().clamp(16, 1 << 16).ilog2() + 1;
        self.slots.clear();
        self.slots.resize(1 << bits, (0, u32::MAX));
        self.keys.clear();
        self.counts.clear();
        self.numbers.clear();
        self.numbers.reserve(self.live.len());
        for (index, &position) in self.live.iter().enumerate() {
            let key = key(index, position as usize);
            let mask = self.slots.len() - 1;
            let mut at = (fold(key) >> (64 - bits)) as usize;
            let number = loop {
                let slot = &mut self.slots[at & mask];
                if slot.1 == u32::MAX {
                    *slot = (key, self.counts.len() as u32);
                    self.counts.push(0);
                    self.keys.push(key);
                    break slot.1;
                }
                if slot.0 == key {
                    break slot.1;
                }
                at += 1;
            };
            self.counts[number as usize] += 1;
            self.numbers.push(number);
            if self.counts.len() * 2 > self.slots.len() {
                bits += 1;
                regrow(&mut self.slots, &self.keys, bits);
            }
        }
    }

    /// From runs of n to runs of n + 1: only where two repeated runs of n overlap.
    fn extend_runs(&mut self) {
        self.next_live.clear();
        self.next_numbers.clear();
        for index in 1..self.live.len() {
            let repeated = |index: usize| self.counts[self.numbers[index] as usize] > 1;
            if self.live[index] == self.live[index - 1] + 1 && repeated(index) && repeated(index - 1) {
                self.next_live.push(self.live[index - 1]);
                self.next_numbers.push(index as u32 - 1);
            }
        }
        let numbers = std::mem::take(&mut self.numbers);
        let before = std::mem::take(&mut self.next_numbers);
        std::mem::swap(&mut self.live, &mut self.next_live);
        self.number_runs(|index, _| {
            let first = before[index] as usize;
            u64::from(numbers[first]) << 32 | u64::from(numbers[first + 1])
        });
        self.next_numbers = before;
    }

    /// As DataComp-LM measures: for n = 2, 3, 4 the code points of the most frequent run of n words,
    /// the longest among equals, times how often it occurs; for n = 5 to 10 the code points of all
    /// words in runs that occur more than once, each word once. Nothing stands between the words.
    ///
    /// Zero where no run of n words occurs again.
    pub fn recurring(&mut self, words: &Words, vocabulary: &Vocabulary) -> [usize; 9] {
        let mut found = [0; 9];
        let ids = &vocabulary.ids;
        if ids.len() < 3 {
            return found;
        }
        self.live_pairs(ids);
        self.number_runs(|_, at| u64::from(ids[at]) << 32 | u64::from(ids[at + 1]));
        for (n, characters) in (2..=10).zip(&mut found) {
            if n > 2 {
                self.extend_runs();
            }
            if self.live.is_empty() {
                break;
            }
            *characters = if n < 5 { self.longest_top_run(words, n) } else { self.recurring_words(words, n) };
        }
        found
    }

    fn longest_top_run(&self, words: &Words, n: usize) -> usize {
        let most = self.counts.iter().copied().max().unwrap_or(0);
        if most < 2 {
            return 0;
        }
        let top =
            self.live.iter().zip(&self.numbers).filter(|&(_, &number)| self.counts[number as usize] == most);
        let lengths = top.map(|(&position, _)| code_points(words.joined(position as usize, n)));
        lengths.max().unwrap_or(0) * most as usize
    }

    fn recurring_words(&self, words: &Words, n: usize) -> usize {
        let mut free = 0;
        let mut characters = 0;
        for (&position, &number) in self.live.iter().zip(&self.numbers) {
            if self.counts[number as usize] > 1 {
                let position = position as usize;
                let from = free.max(position);
                free = position + n;
                characters += code_points(words.joined(from, free - from));
            }
        }
        characters
    }

    fn top_run(&self, words: &Words, n: usize) -> usize {
        let (mut top, mut most) = (0, 0);
        for (number, &count) in self.counts.iter().enumerate() {
            if count > most {
                (top, most) = (number as u32, count);
            }
        }
        let first = if most > 1 { self.numbers.iter().position(|&number| number == top) } else { None };
        match first {
            Some(index) => (code_points(words.joined(self.live[index] as usize, n)) + n - 1) * most as usize,
            // No run repeats, so the first of the text is the first among equals.
            None => code_points(words.joined(0, n)) + n - 1,
        }
    }

    /// For n = 5 to 10: how many code points lie in runs of n words, joined by nothing, that
    /// occurred before. The text is read from the left; a repeated run is jumped over whole.
    pub fn duplicated(&mut self, words: &Words) -> [usize; 6] {
        let mut found = [0; 6];
        if words.len() < 6 {
            return found;
        }
        self.live.clear();
        self.live.extend(0..words.len() as u32 - 4);
        for (n, characters) in (5..=10).zip(&mut found) {
            match n {
                5 => self.keep_live::<{ PREFIXES[0] }>(words, n),
                6 => self.keep_live::<{ PREFIXES[1] }>(words, n),
                7 => self.keep_live::<{ PREFIXES[2] }>(words, n),
                8 => self.keep_live::<{ PREFIXES[3] }>(words, n),
                9 => self.keep_live::<{ PREFIXES[4] }>(words, n),
                _ => self.keep_live::<{ PREFIXES[5] }>(words, n),
            }
            if self.live.len() < 2 {
                break;
            }
            *characters = self.jump_over_repeated(words, n);
        }
        found
    }

    fn jump_over_repeated(&mut self, words: &Words, n: usize) -> usize {
        self.set.clear(self.live.len());
        let mut characters = 0;
        let mut free = 0;
        for &position in &self.live {
            let position = position as usize;
            if position < free || position + n > words.len() {
                continue;
            }
            let (start, end) = (words.ends()[position] as usize, words.ends()[position + n] as usize);
            if !self.set.insert(words.stream(), start, end) {
                characters += code_points(&words.stream()[start..end]);
                free = position + n;
            }
        }
        characters
    }

    /// Keeps the positions whose next `PREFIX` bytes occur at another one too, or that begin a run
    /// of n words shorter than that. What is dropped can begin no repeated run of n or more words.
    fn keep_live<const PREFIX: usize>(&mut self, words: &Words, n: usize) {
        let (stream, ends) = (words.stream(), words.ends());
        let bits = counter_bits(self.live.len());
        self.seen.clear();
        self.seen.resize(1 << bits, 0);
        self.live.retain(|&position| position as usize + n <= words.len());
        let place = |position: u32| {
            (prefix_hash::<PREFIX>(stream, ends[position as usize] as usize) >> (64 - bits)) as usize
        };
        for &position in &self.live {
            let counter = &mut self.seen[place(position)];
            *counter = *counter << 1 | 1;
        }
        let mut kept = 0;
        for index in 0..self.live.len() {
            let position = self.live[index];
            let length = ends[position as usize + n] - ends[position as usize];
            self.live[kept] = position;
            kept += usize::from(((length as usize) < PREFIX) | (self.seen[place(position)] > 1));
        }
        self.live.truncate(kept);
    }

    /// Gives back memory that only a giant text needed.
    pub fn shrink(&mut self, words: usize) {
        if self.live.capacity() > words || self.slots.capacity() > words {
            *self = Self::default();
        }
    }
}

/// Sixteen counters a word keep chance meetings rare; beyond 64 MB they may meet.
fn counter_bits(runs: usize) -> u32 {
    runs.clamp(64, 1 << 23).ilog2() + 4
}

/// A hash of the `PREFIX` bytes from `at` on, 12 to 32 of them.
#[inline(always)]
fn prefix_hash<const PREFIX: usize>(stream: &[u8], at: usize) -> u64 {
    let last = load8(stream, at + PREFIX - 8) ^ 0x9e37_79b9_7f4a_7c15;
    let mut hash = load8(stream, at) ^ 0xd6e8_feb8_6659_fd93;
    if PREFIX > 16 {
        hash = multiply(hash, load8(stream, at + 8) ^ 0xa076_1d64_78bd_642f);
    }
    if PREFIX > 24 {
        hash ^= load8(stream, at + 16);
    }
    multiply(hash, last).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[inline(always)]
fn multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

fn regrow(slots: &mut Vec<(u64, u32)>, keys: &[u64], bits: u32) {
    slots.clear();
    slots.resize(1 << bits, (0, u32::MAX));
    let mask = slots.len() - 1;
    for (number, &key) in keys.iter().enumerate() {
        let mut at = (fold(key) >> (64 - bits)) as usize;
        while slots[at & mask].1 != u32::MAX {
            at += 1;
        }
        slots[at & mask] = (key, number as u32);
    }
}

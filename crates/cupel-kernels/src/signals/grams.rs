//! Runs of n words that repeat: the most frequent ones, and how much of a text they cover.
//!
//! Most runs of words in a text occur once. Both measures first count runs by their hashes in a
//! small table, which says how often each run can occur at most, and then look closely at those
//! that matter. Two different runs that share a counter only let a position through that need
//! not be.

use super::hashing::{RangeSet, fold, load8};
use super::vocabulary::Vocabulary;
use crate::text::Words;
use crate::text::lines::code_points;

/// What is kept from text to text.
#[derive(Debug, Default)]
pub struct Grams {
    /// How often a hash was seen, at most 65,535.
    counters: Vec<u16>,
    /// Positions that may hold a repeated run, ascending.
    live: Vec<u32>,
    /// The counter of each live position.
    places: Vec<u32>,
    /// Positions that are looked at closely, ascending.
    candidates: Vec<u32>,
    runs: Vec<Run>,
    slots: Vec<u32>,
    set: RangeSet,
}

/// One of the distinct runs that are looked at closely.
#[derive(Debug, Clone, Copy)]
struct Run {
    hash: u64,
    /// The position of its first occurrence.
    first: u32,
    count: u32,
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
        let ids = &vocabulary.ids;
        let tops = self.first_tops(ids);
        let mut covered = [0; 3];
        for n in 2..=4.min(ids.len()) {
            // Where no run repeats, the first of the text is the first among equals.
            let (first, count) = tops[n - 2].map_or((0, 1), |run| (run.first as usize, run.count as usize));
            covered[n - 2] = (code_points(words.joined(first, n)) + n - 1) * count;
        }
        covered
    }

    /// For n = 2, 3, 4: the most frequent run of n words, the first among equals; none if none repeats.
    fn first_tops(&mut self, ids: &[u32]) -> [Option<Run>; 3] {
        self.live.clear();
        self.live.extend(0..ids.len().saturating_sub(1) as u32);
        self.count_runs::<2>(ids);
        let pair = self.most_frequent::<2>(ids);
        self.extend_runs();
        self.count_runs::<3>(ids);
        let triple = self.most_frequent::<3>(ids);
        self.extend_runs();
        self.count_runs::<4>(ids);
        [pair, triple, self.most_frequent::<4>(ids)]
    }

    /// As RedPajama-V2 measures: for n = 2, 3, 4 the code points of the most frequent run of n words, the
    /// first among equals, times how often it occurs; for n = 5 to 10 the code points of all words in
    /// runs that occur more than once, each word once. Nothing stands between the words.
    ///
    /// Zero where no run of n words occurs again.
    pub fn repeated(&mut self, words: &Words, vocabulary: &Vocabulary) -> [usize; 9] {
        let ids = &vocabulary.ids;
        let mut lengths = [0; 9];
        for (index, top) in self.first_tops(ids).into_iter().enumerate() {
            let length =
                |run: Run| code_points(words.joined(run.first as usize, index + 2)) * run.count as usize;
            lengths[index] = top.map_or(0, length);
        }
        lengths[3..].copy_from_slice(&self.longer_recurring(words, ids));
        lengths
    }

    /// Counts the runs at all live positions by their hashes.
    fn count_runs<const N: usize>(&mut self, ids: &[u32]) {
        self.count(|position| run_hash::<N>(ids, position));
    }

    /// Counts the hashes of all live positions.
    #[inline(always)]
    fn count(&mut self, hash: impl Fn(usize) -> u64) {
        let bits = counter_bits(self.live.len());
        self.counters.clear();
        self.counters.resize(1 << bits, 0);
        self.places.resize(self.live.len(), 0);
        for (&position, place) in self.live.iter().zip(&mut self.places) {
            *place = (hash(position as usize) >> (64 - bits)) as u32;
        }
        for place in &self.places {
            let counter = &mut self.counters[*place as usize];
            *counter = counter.saturating_add(1);
        }
    }

    /// From runs of n to runs of n + 1: only where two runs of n overlap that may both repeat.
    fn extend_runs(&mut self) {
        let mut kept = 0;
        let (mut before, mut before_repeats) = (0, false);
        for (index, &place) in self.places.iter().enumerate() {
            let position = self.live[index];
            let repeats = self.counters[place as usize] > 1;
            self.live[kept] = before;
            kept += usize::from(repeats & before_repeats & (position == before + 1));
            (before, before_repeats) = (position, repeats);
        }
        self.live.truncate(kept);
    }

    /// The most frequent run of the live positions, the first among equals; none if none repeats.
    ///
    /// A counter is never below the count of any run it stands for, so a run that occurs as often
    /// as the least counter looked at, or more, cannot be beaten by one that was left out.
    fn most_frequent<const N: usize>(&mut self, ids: &[u32]) -> Option<Run> {
        let mut least = self.counters.iter().copied().max().unwrap_or(0);
        while least > 1 {
            self.candidates.clear();
            let places = self.live.iter().zip(&self.places);
            self.candidates.extend(
                places
                    .filter(|&(_, &place)| self.counters[place as usize] >= least)
                    .map(|(&position, _)| position),
            );
            self.number_candidates::<N>(ids);
            let mut top: Option<Run> = None;
            for &run in &self.runs {
                if top.is_none_or(|top| run.count > top.count) {
                    top = Some(run);
                }
            }
            let top = top?;
            if top.count >= u32::from(least) {
                return Some(top);
            }
            if least == 2 {
                return None;
            }
            // Fits, for it is below `least`.
            least = (top.count as u16).max(2);
        }
        None
    }

    /// Finds the distinct runs among the candidates and counts them, in order of appearance.
    fn number_candidates<const N: usize>(&mut self, ids: &[u32]) {
        const FREE: u32 = u32::MAX;
        let bits = self.candidates.len().max(8).ilog2() + 2;
        self.slots.clear();
        self.slots.resize(1 << bits, FREE);
        self.runs.clear();
        let mask = self.slots.len() - 1;
        for &position in &self.candidates {
            let hash = run_hash::<N>(ids, position as usize);
            let run = &ids[position as usize..position as usize + N];
            // The high bits chose the counter, so that the low ones tell candidates apart.
            let mut at = hash as usize & mask;
            loop {
                let slot = self.slots[at];
                if slot == FREE {
                    self.slots[at] = self.runs.len() as u32;
                    self.runs.push(Run { hash, first: position, count: 1 });
                    break;
                }
                let known = &mut self.runs[slot as usize];
                let first = known.first as usize;
                if known.hash == hash && &ids[first..first + N] == run {
                    known.count += 1;
                    break;
                }
                at = (at + 1) & mask;
            }
        }
    }

    /// As DataComp-LM measures: for n = 2, 3, 4 the code points of the most frequent run of n words,
    /// the longest among equals, times how often it occurs; for n = 5 to 10 the code points of all
    /// words in runs that occur more than once, each word once. Nothing stands between the words.
    ///
    /// Zero where no run of n words occurs again.
    pub fn recurring(&mut self, words: &Words, vocabulary: &Vocabulary) -> [usize; 9] {
        let ids = &vocabulary.ids;
        self.live.clear();
        self.live.extend(0..ids.len().saturating_sub(1) as u32);
        let mut lengths = [0; 9];
        lengths[0] = self.longest_top_run::<2>(words, ids);
        lengths[1] = self.longest_top_run::<3>(words, ids);
        lengths[2] = self.longest_top_run::<4>(words, ids);
        lengths[3..].copy_from_slice(&self.longer_recurring(words, ids));
        lengths
    }

    /// The code points of all words in runs of 5 to 10 that occur more than once, each word once; runs of
    /// 4 have been counted.
    fn longer_recurring(&mut self, words: &Words, ids: &[u32]) -> [usize; 6] {
        [
            self.recurring_words::<5>(words, ids),
            self.recurring_words::<6>(words, ids),
            self.recurring_words::<7>(words, ids),
            self.recurring_words::<8>(words, ids),
            self.recurring_words::<9>(words, ids),
            self.recurring_words::<10>(words, ids),
        ]
    }

    /// Numbers the runs of N words at live positions that may occur again; those of N - 1 words have
    /// been counted, where N is above 2.
    fn number_recurring<const N: usize>(&mut self, ids: &[u32]) {
        if N > 2 {
            self.extend_runs();
        }
        self.count_runs::<N>(ids);
        self.candidates.clear();
        let places = self.live.iter().zip(&self.places);
        self.candidates.extend(
            places.filter(|&(_, &place)| self.counters[place as usize] > 1).map(|(&position, _)| position),
        );
        self.number_candidates::<N>(ids);
    }

    fn longest_top_run<const N: usize>(&mut self, words: &Words, ids: &[u32]) -> usize {
        self.number_recurring::<N>(ids);
        let largest = self.runs.iter().map(|run| run.count).max().unwrap_or(0);
        if largest < 2 {
            return 0;
        }
        let top = self.runs.iter().filter(|run| run.count == largest);
        let lengths = top.map(|run| code_points(words.joined(run.first as usize, N)));
        lengths.max().unwrap_or(0) * largest as usize
    }

    fn recurring_words<const N: usize>(&mut self, words: &Words, ids: &[u32]) -> usize {
        self.number_recurring::<N>(ids);
        let (mut free, mut characters) = (0, 0);
        for &position in &self.candidates {
            if self.times::<N>(ids, position) > 1 {
                let position = position as usize;
                let from = free.max(position);
                free = position + N;
                characters += code_points(words.joined(from, free - from));
            }
        }
        characters
    }

    /// How often the run of a candidate occurs.
    fn times<const N: usize>(&self, ids: &[u32], position: u32) -> u32 {
        let hash = run_hash::<N>(ids, position as usize);
        let run = &ids[position as usize..position as usize + N];
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while let Some(known) = self.runs.get(self.slots[at] as usize) {
            let first = known.first as usize;
            if known.hash == hash && &ids[first..first + N] == run {
                return known.count;
            }
            at = (at + 1) & mask;
        }
        0
    }

    /// For n = 5 to 10: how many code points lie in runs of n words, joined by nothing, that
    /// occurred before. The text is read from the left; a repeated run is jumped over whole.
    pub fn duplicated(&mut self, words: &Words) -> [usize; 6] {
        let mut covered = [0; 6];
        if words.len() < 6 {
            return covered;
        }
        self.live.clear();
        self.live.extend(0..words.len() as u32 - 4);
        for (n, characters) in (5..=10).zip(&mut covered) {
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
            self.find_candidates(words, n);
            *characters = self.jump_over_repeated(words, n);
        }
        covered
    }

    fn jump_over_repeated(&mut self, words: &Words, n: usize) -> usize {
        if self.candidates.len() < 2 {
            return 0;
        }
        self.set.clear(self.candidates.len());
        let mut characters = 0;
        let mut free = 0;
        for &position in &self.candidates {
            let position = position as usize;
            if position < free {
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
        let starts = words.len().saturating_sub(n - 1);
        self.live.truncate(self.live.partition_point(|&position| (position as usize) < starts));
        self.count(|position| prefix_hash::<PREFIX>(stream, ends[position] as usize));
        let mut kept = 0;
        for (index, &place) in self.places.iter().enumerate() {
            let position = self.live[index];
            let length = ends[position as usize + n] - ends[position as usize];
            self.live[kept] = position;
            kept += usize::from(((length as usize) < PREFIX) | (self.counters[place as usize] > 1));
        }
        self.live.truncate(kept);
    }

    /// The live positions whose runs of n words may occur at another one, by length and both ends.
    fn find_candidates(&mut self, words: &Words, n: usize) {
        let (stream, ends) = (words.stream(), words.ends());
        self.count(|position| ends_hash(stream, ends[position] as usize, ends[position + n] as usize));
        self.candidates.clear();
        self.candidates.resize(self.live.len(), 0);
        let mut kept = 0;
        for (&position, &place) in self.live.iter().zip(&self.places) {
            self.candidates[kept] = position;
            kept += usize::from(self.counters[place as usize] > 1);
        }
        self.candidates.truncate(kept);
    }

    /// Gives back memory that only a giant text needed.
    pub fn shrink(&mut self, words: usize) {
        if self.live.capacity() > words || self.slots.capacity() > words {
            *self = Self::default();
        }
    }
}

/// Eight counters or more for each run keep chance meetings rare; beyond 128 MB they may meet.
fn counter_bits(runs: usize) -> u32 {
    runs.clamp(64, 1 << 22).ilog2() + 4
}

/// A hash of the numbers of `N` words.
#[inline(always)]
fn run_hash<const N: usize>(ids: &[u32], at: usize) -> u64 {
    let ids = &ids[at..at + N];
    let id = |i: usize| ids.get(i).map_or(0, |&id| u64::from(id));
    let mut hash = fold(id(0) << 32 | id(1));
    for pair in 1..N.div_ceil(2) {
        hash = fold(hash.rotate_left(32) ^ (id(2 * pair) << 32 | id(2 * pair + 1)));
    }
    hash
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

/// The bytes that belong to a run of 0 to 16 bytes, as masks of its first and its second eight.
const WITHIN: [(u64, u64); 17] = {
    let mut masks = [(u64::MAX, u64::MAX); 17];
    let mut length = 0;
    while length < 16 {
        let low = if length < 8 { (1 << (8 * length)) - 1 } else { u64::MAX };
        let high = if length > 8 { (1 << (8 * (length - 8))) - 1 } else { 0 };
        masks[length] = (low, high);
        length += 1;
    }
    masks
};

/// A hash of the length, the first sixteen and the last sixteen bytes of `stream[start..end]`, or
/// of all its bytes where there are fewer.
#[inline(always)]
fn ends_hash(stream: &[u8], start: usize, end: usize) -> u64 {
    let length = end - start;
    let within = WITHIN[length.min(16)];
    let tail = if length < 16 { 0 } else { u64::MAX };
    let first = load8(stream, start) & within.0;
    let second = load8(stream, start + 8) & within.1;
    let last_but_one = load8(stream, end.saturating_sub(16)) & tail;
    let last = load8(stream, end.saturating_sub(8)) & tail;
    let front = multiply(first ^ 0xd6e8_feb8_6659_fd93, second ^ 0xa076_1d64_78bd_642f ^ length as u64);
    multiply(front ^ last, last_but_one ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[inline(always)]
fn multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

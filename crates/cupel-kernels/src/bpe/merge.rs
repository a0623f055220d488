//! Byte pair merges by rank (Sennrich et al. 2016): always the pair of lowest rank, the leftmost first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Ids and ranks are packed three to an entry, 21 bits each.
pub const ID_BITS: u32 = 21;
pub const MAX_ID: u32 = (1 << ID_BITS) - 1;

const NO_RANK: u32 = u32::MAX;
const EMPTY: u64 = u64::MAX;
/// Longer words are merged through a heap, so that the cost does not grow with the square.
const LONGEST_SCAN: usize = 96;
/// Room that is kept between long words.
const KEPT: usize = 1 << 16;

/// The merges of a vocabulary.
pub struct Merges {
    /// The ids of the 256 bytes.
    bytes: [u32; 256],
    /// What the merge of each rank gives.
    merged: Vec<u32>,
    /// Open addressing, at most half full: left id, right id, rank.
    entries: Vec<u64>,
}

impl Merges {
    /// `pairs` are left id, right id and what they give, by rank. `None` where an id or rank takes
    /// more than `ID_BITS` bits or a pair comes twice.
    pub fn new(bytes: [u32; 256], pairs: &[(u32, u32, u32)]) -> Option<Self> {
        if pairs.len() > MAX_ID as usize || bytes.iter().any(|&id| id > MAX_ID) {
            return None;
        }
        let slots = (pairs.len() * 2).next_power_of_two().max(2);
        let mut merges = Self { bytes, merged: Vec::with_capacity(pairs.len()), entries: vec![EMPTY; slots] };
        for (rank, &(left, right, merged)) in pairs.iter().enumerate() {
            if left.max(right).max(merged) > MAX_ID || merges.rank(left, right) != NO_RANK {
                return None;
            }
            let mut slot = merges.slot(pack(left, right));
            while merges.entries[slot] != EMPTY {
                slot = (slot + 1) & (slots - 1);
            }
            merges.entries[slot] = pack(left, right) << ID_BITS | rank as u64;
            merges.merged.push(merged);
        }
        Some(merges)
    }

    /// Leaves the ids of `word` in `scratch.ids`.
    pub fn merge(&self, word: &[u8], scratch: &mut Scratch) {
        scratch.ids.clear();
        scratch.ids.shrink_to(KEPT);
        scratch.ids.extend(word.iter().map(|&byte| self.bytes[byte as usize]));
        if word.len() <= LONGEST_SCAN { self.merge_by_scan(scratch) } else { self.merge_by_heap(scratch) }
    }

    fn merge_by_scan(&self, scratch: &mut Scratch) {
        let Scratch { ids, ranks, .. } = scratch;
        ranks.clear();
        ranks.extend(ids.windows(2).map(|pair| self.rank(pair[0], pair[1])));
        while let Some((at, rank)) = lowest(ranks) {
            ids[at] = self.merged[rank as usize];
            ids.remove(at + 1);
            ranks.remove(at);
            if at > 0 {
                ranks[at - 1] = self.rank(ids[at - 1], ids[at]);
            }
            if at < ranks.len() {
                ranks[at] = self.rank(ids[at], ids[at + 1]);
            }
        }
    }

    fn merge_by_heap(&self, scratch: &mut Scratch) {
        let Scratch { ids, ranks, next, before, heap } = scratch;
        let length = ids.len();
        ranks.clear();
        ranks.extend(ids.windows(2).map(|pair| self.rank(pair[0], pair[1])));
        ranks.push(NO_RANK);
        next.clear();
        next.extend(1..=length);
        before.clear();
        before.extend((0..length).map(|at| at.wrapping_sub(1)));
        heap.clear();
        let pairs = ranks.iter().enumerate().filter(|&(_, &rank)| rank != NO_RANK);
        heap.extend(pairs.map(|(at, &rank)| Reverse((rank, at))));
        while let Some(Reverse((rank, at))) = heap.pop() {
            // Pairs that something else was merged with since, or that became part of the one before.
            if ranks[at] != rank {
                continue;
            }
            let absorbed = next[at];
            ids[at] = self.merged[rank as usize];
            ranks[absorbed] = NO_RANK;
            next[at] = next[absorbed];
            ranks[at] = NO_RANK;
            if next[at] < length {
                before[next[at]] = at;
                ranks[at] = self.rank(ids[at], ids[next[at]]);
                if ranks[at] != NO_RANK {
                    heap.push(Reverse((ranks[at], at)));
                }
            }
            if let Some(rank) = ranks.get_mut(before[at]) {
                *rank = self.rank(ids[before[at]], ids[at]);
                if *rank != NO_RANK {
                    heap.push(Reverse((*rank, before[at])));
                }
            }
        }
        let (mut at, mut kept) = (0, 0);
        while at < length {
            ids[kept] = ids[at];
            kept += 1;
            at = next[at];
        }
        ids.truncate(kept);
        scratch.give_back();
    }

    #[inline]
    fn rank(&self, left: u32, right: u32) -> u32 {
        let pair = pack(left, right);
        let mut slot = self.slot(pair);
        loop {
            let entry = self.entries[slot];
            if entry >> ID_BITS == pair {
                return entry as u32 & MAX_ID;
            }
            if entry == EMPTY {
                return NO_RANK;
            }
            slot = (slot + 1) & (self.entries.len() - 1);
        }
    }

    #[inline]
    fn slot(&self, pair: u64) -> usize {
        (pair.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & (self.entries.len() - 1)
    }
}

/// What a thread needs while it merges.
#[derive(Default)]
pub struct Scratch {
    pub ids: Vec<u32>,
    ranks: Vec<u32>,
    next: Vec<usize>,
    before: Vec<usize>,
    heap: BinaryHeap<Reverse<(u32, usize)>>,
}

impl Scratch {
    pub fn only(&mut self, id: u32) {
        self.ids.clear();
        self.ids.push(id);
    }

    fn give_back(&mut self) {
        self.ranks.clear();
        self.next.clear();
        self.before.clear();
        self.heap.clear();
        self.ranks.shrink_to(KEPT);
        self.next.shrink_to(KEPT);
        self.before.shrink_to(KEPT);
        self.heap.shrink_to(KEPT);
    }
}

#[inline]
fn pack(left: u32, right: u32) -> u64 {
    u64::from(left) << ID_BITS | u64::from(right)
}

/// The lowest rank and the first place that has it.
#[inline]
fn lowest(ranks: &[u32]) -> Option<(usize, u32)> {
    let rank = ranks.iter().copied().min().filter(|&rank| rank != NO_RANK)?;
    ranks.iter().position(|&other| other == rank).map(|at| (at, rank))
}

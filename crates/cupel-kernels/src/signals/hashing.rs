//! Fast 64-bit hashes of short byte strings, and a set of byte ranges that compares what it finds.
//!
//! Hashes only guide; equality is always decided on the bytes.

const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
const MIX_2: u64 = 0xd6e8_feb8_6659_fd93;

/// Spreads a number over all 64 bits.
#[inline(always)]
pub fn fold(value: u64) -> u64 {
    let product = u128::from(value ^ MIX_2) * u128::from(MIX);
    product as u64 ^ (product >> 64) as u64
}

/// Eight bytes from `at` on, zero where there are not as many.
#[inline(always)]
pub fn load8(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..at + 8) {
        Some(eight) => {
            let mut array = [0u8; 8];
            array.copy_from_slice(eight);
            u64::from_le_bytes(array)
        }
        None => {
            let mut array = [0u8; 8];
            let rest = bytes.get(at..).unwrap_or(&[]);
            array[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(array)
        }
    }
}

/// A hash of `bytes[start..end]`.
#[inline(always)]
pub fn hash_bytes(bytes: &[u8], start: usize, end: usize) -> u64 {
    let length = end - start;
    let mut hash = (length as u64).wrapping_mul(MIX_2);
    if length < 8 {
        let mask = !(u64::MAX << (length * 8));
        return fold(hash ^ (load8(bytes, start) & mask));
    }
    let mut at = start;
    while at + 16 < end {
        let product =
            u128::from(load8(bytes, at) ^ hash) * u128::from(load8(bytes, at + 8) ^ MIX | 1);
        hash = product as u64 ^ (product >> 64) as u64;
        at += 16;
    }
    if at + 8 < end {
        hash = fold(hash ^ load8(bytes, at));
    }
    fold(hash.rotate_left(23) ^ load8(bytes, end - 8))
}

/// A set of byte ranges of one text, by what the bytes are.
#[derive(Debug, Default)]
pub struct RangeSet {
    slots: Vec<Range>,
    len: usize,
    bits: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Range {
    hash: u64,
    start: u32,
    /// One beyond the end, plus one, so that zero means a free slot.
    end: u32,
}

impl RangeSet {
    /// Empties the set; `expected` is how many ranges may come.
    pub fn clear(&mut self, expected: usize) {
        self.bits = expected.clamp(8, 1 << 15).ilog2() + 2;
        self.len = 0;
        self.slots.clear();
        self.slots.resize(1 << self.bits, Range::default());
    }

    /// Adds `bytes[start..end]`; false if the same bytes are there already.
    #[inline]
    pub fn insert(&mut self, bytes: &[u8], start: usize, end: usize) -> bool {
        let hash = hash_bytes(bytes, start, end);
        let mask = self.slots.len() - 1;
        let mut at = (hash >> (64 - self.bits)) as usize;
        loop {
            let slot = self.slots[at & mask];
            if slot.end == 0 {
                break;
            }
            if slot.hash == hash
                && bytes[slot.start as usize..slot.end as usize - 1] == bytes[start..end]
            {
                return false;
            }
            at += 1;
        }
        self.slots[at & mask] = Range {
            hash,
            start: start as u32,
            end: end as u32 + 1,
        };
        self.len += 1;
        if self.len * 2 > self.slots.len() {
            self.grow();
        }
        true
    }

    fn grow(&mut self) {
        self.bits += 1;
        let old = std::mem::replace(&mut self.slots, vec![Range::default(); 1 << self.bits]);
        let mask = self.slots.len() - 1;
        for range in old.into_iter().filter(|range| range.end != 0) {
            let mut at = (range.hash >> (64 - self.bits)) as usize;
            while self.slots[at & mask].end != 0 {
                at += 1;
            }
            self.slots[at & mask] = range;
        }
    }

    /// Gives back memory that only a giant text needed.
    pub fn shrink(&mut self, ranges: usize) {
        if self.slots.capacity() > ranges {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn the_set_is_a_set(parts in prop::collection::vec("[ab]{0,40}", 0..200)) {
            let mut text = Vec::new();
            let mut set = RangeSet::default();
            let mut reference = HashSet::new();
            set.clear(1);
            let ranges: Vec<_> = parts.iter().map(|part| {
                let start = text.len();
                text.extend_from_slice(part.as_bytes());
                (start, text.len())
            }).collect();
            for ((start, end), part) in ranges.into_iter().zip(&parts) {
                prop_assert_eq!(set.insert(&text, start, end), reference.insert(part));
            }
        }
    }
}

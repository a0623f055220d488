//! Hashed n-grams: which bucket each is in, and which buckets have a row.

/// Which buckets have a row, and which.
pub struct Buckets {
    count: u64,
    /// `2^64 / count`, rounded up: remainders of 32-bit hashes by two multiplications
    /// (Lemire, Kaser, Kurz 2019, "Faster remainder by direct computation").
    inverse: u64,
    pruned: Option<Pruned>,
}

/// Only the buckets that pruning kept. `maybe` is a bitmap of the low bits, which answers most
/// look-ups with "no" out of the cache.
struct Pruned {
    maybe: Vec<u64>,
    slots: Vec<(u32, u32)>,
}

const MAYBE_BITS: usize = 1 << 20;
const EMPTY: u32 = u32::MAX;

impl Buckets {
    pub fn new(count: usize) -> Self {
        let count = count as u64;
        let inverse = if count > 1 { u64::MAX / count + 1 } else { 0 };
        Self { count, inverse, pruned: None }
    }

    pub fn pruned(count: usize, pairs: &[(u32, u32)]) -> Self {
        let capacity = (pairs.len() * 2 + 2).next_power_of_two();
        let mut slots = vec![(EMPTY, 0); capacity];
        let mut maybe = vec![0_u64; MAYBE_BITS / 64];
        for &(bucket, row) in pairs {
            let bit = bucket as usize % MAYBE_BITS;
            maybe[bit / 64] |= 1 << (bit % 64);
            let mut slot = spread(bucket) & (capacity - 1);
            while slots[slot].0 != EMPTY && slots[slot].0 != bucket {
                slot = (slot + 1) & (capacity - 1);
            }
            slots[slot] = (bucket, row);
        }
        Self { pruned: Some(Pruned { maybe, slots }), ..Self::new(count) }
    }

    /// The bucket of a character n-gram.
    #[inline]
    pub fn short(&self, hash: u32) -> u32 {
        let low = self.inverse.wrapping_mul(u64::from(hash));
        ((u128::from(low) * u128::from(self.count)) >> 64) as u32
    }

    /// False where a bucket certainly has no row.
    #[inline]
    pub fn maybe(&self, bucket: u32) -> bool {
        let bit = bucket as usize % MAYBE_BITS;
        self.pruned.as_ref().is_none_or(|pruned| (pruned.maybe[bit / 64] >> (bit % 64)) & 1 == 1)
    }

    /// The row of a word n-gram.
    pub fn row_of_long(&self, hash: u64) -> Option<usize> {
        self.row((hash % self.count.max(1)) as u32)
    }

    #[inline]
    pub fn row(&self, bucket: u32) -> Option<usize> {
        let Some(Pruned { slots, .. }) = &self.pruned else {
            return (self.count > 0).then_some(bucket as usize);
        };
        let mut slot = spread(bucket) & (slots.len() - 1);
        loop {
            let (known, row) = slots[slot];
            if known == bucket {
                return Some(row as usize);
            }
            if known == EMPTY {
                return None;
            }
            slot = (slot + 1) & (slots.len() - 1);
        }
    }
}

fn spread(bucket: u32) -> usize {
    (u64::from(bucket).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize
}

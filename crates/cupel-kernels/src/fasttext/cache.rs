//! Words seen lately and what they add to a document's vector.

use super::dictionary::Dictionary;
use super::hash::fnv;
use super::matrix::{Matrix, add};

/// Longest word, in bytes, that is kept.
pub const KEY_BYTES: usize = 32;
/// The first 32 bytes of a word, padded with zeros (no word holds a zero byte).
pub type Key = [u64; KEY_BYTES / 8];

const MAX_SLOTS: usize = 1 << 15;
/// Bytes that the sums may take, unless a single one takes more.
const MAX_BYTES: usize = 4 << 20;

/// A direct-mapped table: a word hashes to one slot, where the newest one stays. Its size is
/// bounded whatever the text: 3.4 MB for the 16 columns of lid.176.
pub struct WordCache {
    slots: Vec<Slot>,
    sums: Vec<f32>,
    width: usize,
    scratch: Vec<u8>,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    key: Key,
    rows: u32,
    hash: u32,
}

/// What one word adds.
pub struct WordSum<'a> {
    pub sum: &'a [f32],
    pub rows: u32,
    pub hash: u32,
}

/// `rows` of a token that is no word (a label): it adds nothing, not even to word n-grams.
pub const NOT_A_WORD: u32 = u32::MAX;

impl WordCache {
    pub fn new(width: usize) -> Self {
        let held = (MAX_BYTES / (4 * width)).clamp(1, MAX_SLOTS);
        let slots = if held.is_power_of_two() { held } else { held.next_power_of_two() / 2 };
        Self {
            slots: vec![Slot::default(); slots],
            // One sum more for words too long to be kept.
            sums: vec![0.0; (slots + 1) * width],
            width,
            scratch: Vec::new(),
        }
    }

    /// Where a word would be, and its memory on the way to the processor. The number given back is
    /// of no use but to keep the read; reads of several words overlap, so asking for some words
    /// ahead hides most of the wait.
    #[inline]
    pub fn approach(&self, key: &Key) -> (u32, u32) {
        let slot = self.place(key);
        (slot as u32, self.slots[slot].rows ^ self.sums[slot * self.width].to_bits())
    }

    /// The sum for `word`, computed where it is not at hand; `key` and `slot` as `approach` has them.
    #[inline]
    pub fn look_up(
        &mut self,
        word: &[u8],
        key: &Key,
        slot: u32,
        parts: (&Dictionary, &Matrix),
    ) -> WordSum<'_> {
        let slot = slot as usize;
        if self.slots[slot].key != *key {
            let (rows, hash) = self.compute(slot, word, parts);
            self.slots[slot] = Slot { key: *key, rows, hash };
        }
        let Slot { rows, hash, .. } = self.slots[slot];
        WordSum { sum: &self.sums[slot * self.width..(slot + 1) * self.width], rows, hash }
    }

    /// The sum for a word that is too long to be kept.
    pub fn look_up_long(&mut self, word: &[u8], parts: (&Dictionary, &Matrix)) -> WordSum<'_> {
        let (rows, hash) = self.compute(self.slots.len(), word, parts);
        WordSum { sum: &self.sums[self.slots.len() * self.width..], rows, hash }
    }

    #[inline]
    fn place(&self, key: &Key) -> usize {
        let mixed = key[0]
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .wrapping_add(key[1].wrapping_mul(0xC2B2_AE3D_27D4_EB4F))
            .wrapping_add(key[2].wrapping_mul(0x1656_67B1_9E37_79F9))
            .wrapping_add(key[3].wrapping_mul(0x85EB_CA77_C2B2_AE63));
        let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0x9FB2_1C65_1E98_DF25) >> 40;
        mixed as usize & (self.slots.len() - 1)
    }

    #[cold]
    #[inline(never)]
    fn compute(
        &mut self,
        slot: usize,
        word: &[u8],
        (dictionary, input): (&Dictionary, &Matrix),
    ) -> (u32, u32) {
        let sum = &mut self.sums[slot * self.width..(slot + 1) * self.width];
        sum.fill(0.0);
        let mut rows = 0_u32;
        let is_word = dictionary.rows_of_token(word, &mut self.scratch, |row| {
            add(sum, input.row(row));
            rows = rows.saturating_add(1);
        });
        (if is_word { rows } else { NOT_A_WORD }, fnv(word))
    }
}

//! Lists of byte positions, and where words start and end in a block of ASCII text.

use super::blocks;

/// A growing list of positions that takes up to 64 at once from a mask.
#[derive(Debug, Default)]
pub struct Positions {
    pub buffer: Vec<u32>,
    pub len: usize,
}

impl Positions {
    #[inline(always)]
    pub fn push_bits(&mut self, mut bits: u64, base: u32) {
        if self.buffer.len() < self.len + 64 {
            self.buffer.resize((self.len + 64).max(self.len * 3 / 2), 0);
        }
        let count = bits.count_ones() as usize;
        if let Some(window) = self.buffer[self.len..].first_chunk_mut::<64>() {
            let mut done = 0;
            // Eight at a time without asking: what is beyond the count is written over later.
            while done < count {
                for slot in &mut window[done & 56..(done & 56) + 8] {
                    *slot = base.wrapping_add(bits.trailing_zeros());
                    bits &= bits.wrapping_sub(1);
                }
                done += 8;
            }
        }
        self.len += count;
    }

    pub fn push(&mut self, position: usize) {
        self.push_bits(1, position as u32);
    }

    pub fn as_slice(&self) -> &[u32] {
        &self.buffer[..self.len]
    }

    /// Takes back all positions at or beyond `limit`.
    pub fn truncate_from(&mut self, limit: usize) {
        while self.len > 0 && self.buffer[self.len - 1] as usize >= limit {
            self.len -= 1;
        }
    }
}

/// What the block before leaves to the next: the top bits of its masks.
#[derive(Clone, Copy, Default)]
pub struct Carry {
    letter: u64,
    digit: u64,
    word: u64,
    dot: u64,
    hyphen: u64,
    /// Whether the byte before is part of no white space.
    solid: u64,
}

impl Carry {
    /// Where words start and end (one beyond) in an ASCII block.
    #[inline(always)]
    pub fn boundaries(self, masks: &blocks::Masks, following: u8) -> (u64, u64, Self) {
        let letter_before = masks.letters << 1 | self.letter;
        let digit_before = masks.digits << 1 | self.digit;
        let letter_after = masks.letters >> 1 | u64::from(following.is_ascii_alphabetic()) << 63;
        let digit_after = masks.digits >> 1 | u64::from(following.is_ascii_digit()) << 63;
        let joins = (masks.join_both | masks.join_letters) & letter_before & letter_after
            | (masks.join_both | masks.join_digits) & digit_before & digit_after;
        let word = masks.letters | masks.digits | masks.underscore | joins;
        let solid = !masks.space;
        let dot = masks.dot & !joins;
        let merged = dot & (dot << 1 | self.dot) | masks.hyphen & (masks.hyphen << 1 | self.hyphen);
        let starts = word & !(word << 1 | self.word) | (solid & !word & !merged);
        let ends = (starts | masks.space) & (solid << 1 | self.solid);
        let next = Self {
            letter: masks.letters >> 63,
            digit: masks.digits >> 63,
            word: word >> 63,
            dot: dot >> 63,
            hyphen: masks.hyphen >> 63,
            solid: solid >> 63,
        };
        (starts, ends, next)
    }
}

//! Sixty-four bytes at a time: which of them are letters, digits, space, punctuation.
//!
//! A block becomes a handful of 64-bit masks, one bit per byte, and word boundaries of ASCII
//! text follow from those by shifts alone.

/// Bit `i` of each mask speaks of byte `i` of the block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Masks {
    /// `A-Z a-z`
    pub letters: u64,
    /// `0-9`
    pub digits: u64,
    /// `_`
    pub underscore: u64,
    /// ASCII characters that Python's `str.isspace` accepts.
    pub space: u64,
    /// `.` and `'`: join letters to letters and digits to digits.
    pub join_both: u64,
    /// `:`: joins letters to letters.
    pub join_letters: u64,
    /// `,` and `;`: join digits to digits.
    pub join_digits: u64,
    /// `.`
    pub dot: u64,
    /// `-`
    pub hyphen: u64,
    /// Bytes of characters beyond ASCII.
    pub foreign: u64,
}

/// The masks of one block.
#[inline(always)]
pub fn masks(block: &[u8; 64]) -> Masks {
    #[cfg(target_arch = "x86_64")]
    {
        sse2::masks(block)
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        portable(block)
    }
}

/// White space and foreign bytes only: all that splitting at white space needs.
#[inline(always)]
pub fn space_masks(block: &[u8; 64]) -> (u64, u64) {
    #[cfg(target_arch = "x86_64")]
    {
        sse2::space_masks(block)
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let masks = portable(block);
        (masks.space, masks.foreign)
    }
}

/// Whether an ASCII byte is white space to Python.
#[inline(always)]
pub fn is_space(byte: u8) -> bool {
    matches!(byte, 9..=13 | 28..=32)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn portable(block: &[u8; 64]) -> Masks {
    let mut masks = Masks::default();
    for (i, &byte) in block.iter().enumerate() {
        let bit = |yes: bool| u64::from(yes) << i;
        masks.letters |= bit(byte.is_ascii_alphabetic());
        masks.digits |= bit(byte.is_ascii_digit());
        masks.underscore |= bit(byte == b'_');
        masks.space |= bit(is_space(byte));
        masks.join_both |= bit(matches!(byte, b'.' | b'\''));
        masks.join_letters |= bit(byte == b':');
        masks.join_digits |= bit(matches!(byte, b',' | b';'));
        masks.dot |= bit(byte == b'.');
        masks.hyphen |= bit(byte == b'-');
        masks.foreign |= bit(byte >= 0x80);
    }
    masks
}

/// SSE2 is part of every x86-64 processor, so nothing needs detecting; no memory is touched.
#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::*;

    use super::Masks;

    #[inline(always)]
    fn load(block: &[u8; 64], quarter: usize) -> __m128i {
        let word = |at: usize| {
            let mut bytes = [0u8; 8];
            bytes.copy_from_slice(&block[at..at + 8]);
            i64::from_le_bytes(bytes)
        };
        // SAFETY: SSE2 is part of the x86-64 baseline.
        unsafe { _mm_set_epi64x(word(quarter * 16 + 8), word(quarter * 16)) }
    }

    #[inline(always)]
    pub fn masks(block: &[u8; 64]) -> Masks {
        let mut masks = Masks::default();
        for quarter in 0..4 {
            let bytes = load(block, quarter);
            // SAFETY: SSE2 is part of the x86-64 baseline; these touch registers only.
            unsafe {
                let bits = |mask: __m128i| (_mm_movemask_epi8(mask) as u32 as u64) << (quarter * 16);
                let is = |byte: u8| _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte as i8));
                // `first..first + count` as one signed comparison after a shift to the bottom.
                let within = |bytes: __m128i, first: u8, count: u8| {
                    let moved = _mm_add_epi8(bytes, _mm_set1_epi8(0x80u8.wrapping_sub(first) as i8));
                    _mm_cmplt_epi8(moved, _mm_set1_epi8(0x80u8.wrapping_add(count) as i8))
                };
                let lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
                let dot = is(b'.');
                masks.letters |= bits(within(lower, b'a', 26));
                masks.digits |= bits(within(bytes, b'0', 10));
                masks.underscore |= bits(is(b'_'));
                masks.space |= bits(_mm_or_si128(within(bytes, 9, 5), within(bytes, 28, 5)));
                masks.join_both |= bits(_mm_or_si128(dot, is(b'\'')));
                masks.join_letters |= bits(is(b':'));
                masks.join_digits |= bits(_mm_or_si128(is(b','), is(b';')));
                masks.dot |= bits(dot);
                masks.hyphen |= bits(is(b'-'));
                masks.foreign |= bits(bytes);
            }
        }
        masks
    }

    #[inline(always)]
    pub fn space_masks(block: &[u8; 64]) -> (u64, u64) {
        let (mut space, mut foreign) = (0, 0);
        for quarter in 0..4 {
            let bytes = load(block, quarter);
            // SAFETY: SSE2 is part of the x86-64 baseline; these touch registers only.
            unsafe {
                let bits = |mask: __m128i| (_mm_movemask_epi8(mask) as u32 as u64) << (quarter * 16);
                let within = |first: u8, count: u8| {
                    let moved = _mm_add_epi8(bytes, _mm_set1_epi8(0x80u8.wrapping_sub(first) as i8));
                    _mm_cmplt_epi8(moved, _mm_set1_epi8(0x80u8.wrapping_add(count) as i8))
                };
                space |= bits(_mm_or_si128(within(9, 5), within(28, 5)));
                foreign |= bits(bytes);
            }
        }
        (space, foreign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn masks_equal_the_portable_ones(block in prop::collection::vec(any::<u8>(), 64)) {
            let block: [u8; 64] = block.try_into().unwrap();
            let expected = portable(&block);
            prop_assert_eq!(masks(&block), expected);
            prop_assert_eq!(space_masks(&block), (expected.space, expected.foreign));
        }
    }
}

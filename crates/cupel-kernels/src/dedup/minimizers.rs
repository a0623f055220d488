//! Minimizers: few places of a text that any two copies of a passage have in common.
//!
//! Every window of `length` bytes is represented by the smallest hash of the `k`-byte pieces in
//! it (Schleimer, Wilkerson and Aiken 2003, "Winnowing"; Roberts et al. 2004). Two equal windows
//! have equal hashes, so a passage that stands twice is found by its minimizers alone: about one
//! in `(length - k) / 2` bytes, instead of the suffix array's one in each byte.

use std::collections::VecDeque;

use arrow_array::Array;

use super::column::Bytes;
use crate::KernelError;

/// The shortest passage that can be looked for, in bytes.
pub const MIN_LENGTH: usize = 16;

/// Neighboring windows with the same minimizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Hash of the minimizer.
    pub hash: u64,
    /// Where the first of the windows starts.
    pub start: u64,
    /// How many windows there are, each one byte further.
    pub windows: u32,
}

/// The stretches of one document's windows of `length` bytes; `base` is added to every start.
///
/// # Errors
/// `BadOption` for a length below `MIN_LENGTH`.
pub fn minimizers(text: &[u8], length: usize, base: u64, out: &mut Vec<Stretch>) -> Result<(), KernelError> {
    check_length(length)?;
    if text.len() < length {
        return Ok(());
    }
    let piece = piece_bytes(length);
    let pieces_in_window = length - piece + 1;
    let mut rolling = Rolling::new(piece);
    // Places and hashes of pieces that may still become a minimum: hashes ascending.
    let mut waiting: VecDeque<(usize, u64)> = VecDeque::with_capacity(pieces_in_window.min(1024));
    let mut current: Option<(usize, Stretch)> = None;
    for (end, &byte) in text.iter().enumerate() {
        rolling.push(byte, if end >= piece { Some(text[end - piece]) } else { None });
        if end + 1 < piece {
            continue;
        }
        let at = end + 1 - piece;
        let hash = mix(rolling.hash);
        while waiting.back().is_some_and(|&(_, other)| other > hash) {
            waiting.pop_back();
        }
        waiting.push_back((at, hash));
        if end + 1 < length {
            continue;
        }
        let window = end + 1 - length;
        while waiting.front().is_some_and(|&(place, _)| place < window) {
            waiting.pop_front();
        }
        let Some(&(place, hash)) = waiting.front() else { continue };
        match &mut current {
            Some((chosen, stretch)) if *chosen == place && stretch.windows < u32::MAX => stretch.windows += 1,
            _ => {
                if let Some((_, done)) = current {
                    out.push(done);
                }
                current = Some((place, Stretch { hash, start: base + window as u64, windows: 1 }));
            }
        }
    }
    if let Some((_, done)) = current {
        out.push(done);
    }
    Ok(())
}

/// The stretches of every value of a column, as if they stood one after the other from `base`.
///
/// # Errors
/// `BadOption` for a length below `MIN_LENGTH`, `BadInput` for anything but a column of text or bytes.
pub fn column_minimizers(
    text: &dyn Array,
    length: usize,
    base: u64,
    out: &mut Vec<Stretch>,
) -> Result<(), KernelError> {
    let values = Bytes::new(text)?;
    let mut base = base;
    for row in 0..values.len() {
        let value = values.get(row).unwrap_or_default();
        minimizers(value, length, base, out)?;
        base += value.len() as u64;
    }
    Ok(())
}

/// Refuses a length that is too short to have minimizers.
pub fn check_length(length: usize) -> Result<(), KernelError> {
    if length < MIN_LENGTH {
        return Err(KernelError::BadOption {
            option: "min_bytes",
            expected: format!("at least {MIN_LENGTH}, got {length}"),
        });
    }
    Ok(())
}

/// Pieces of a quarter of the window: long enough to be rare, short enough to be sparse.
fn piece_bytes(length: usize) -> usize {
    (length / 4).clamp(8, 64)
}

/// Any odd number with bits all over; the multiplier of PCG.
const BASE: u64 = 0x5851_F42D_4C95_7F2D;

/// A polynomial over a sliding window of bytes, modulo 2^64 (Karp and Rabin 1987).
///
/// No cyclic polynomial (buzhash): in a window longer than 64 bytes that would turn each number back to
/// where it stood 64 bytes before, and of a text that repeats itself every 64 bytes nothing would be left.
#[derive(Debug, Clone)]
pub struct Rolling {
    hash: u64,
    /// What the first byte of a full window is multiplied with once the next has come.
    power: u64,
}

impl Rolling {
    /// For windows of `length` bytes.
    pub fn new(length: usize) -> Self {
        let (mut power, mut square, mut left) = (1_u64, BASE, length);
        while left > 0 {
            if left & 1 == 1 {
                power = power.wrapping_mul(square);
            }
            square = square.wrapping_mul(square);
            left >>= 1;
        }
        Self { hash: 0, power }
    }

    /// Takes the next byte in, and out the one that falls behind the window.
    pub fn push(&mut self, byte: u8, leaving: Option<u8>) {
        let leaving = leaving.map_or(0, |leaving| TABLE[usize::from(leaving)].wrapping_mul(self.power));
        self.hash = self.hash.wrapping_mul(BASE).wrapping_add(TABLE[usize::from(byte)]).wrapping_sub(leaving);
    }

    /// The hash of the bytes in the window, well mixed.
    pub fn mixed(&self) -> u64 {
        mix(self.hash)
    }
}

/// The finaliser of SplitMix64: a bijection, so it adds no collisions.
#[inline]
pub fn mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 31)
}

/// One random number for each byte: SplitMix64 from a fixed seed.
static TABLE: [u64; 256] = table();

const fn table() -> [u64; 256] {
    let mut numbers = [0_u64; 256];
    let mut state = 0x5EED_u64;
    let mut i = 0;
    while i < 256 {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = state;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        numbers[i] = x ^ (x >> 31);
        i += 1;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stretches(text: &[u8], length: usize) -> Vec<Stretch> {
        let mut stretches = Vec::new();
        minimizers(text, length, 0, &mut stretches).unwrap();
        stretches
    }

    #[test]
    fn short_lengths_are_refused_and_short_texts_have_none() {
        assert!(minimizers(b"text", 4, 0, &mut Vec::new()).is_err());
        assert!(stretches(b"short", 16).is_empty());
    }

    #[test]
    fn passages_that_repeat_every_64_bytes_are_told_apart() {
        let verse = |letter: u8| [letter; 64].map(|byte| byte ^ 1);
        let hash = |text: &[u8]| {
            let mut rolling = Rolling::new(text.len());
            text.iter().for_each(|&byte| rolling.push(byte, None));
            rolling.mixed()
        };
        let song = |letter: u8| [verse(letter), verse(letter), verse(b'!')].concat();
        assert_ne!(hash(&song(b'a')), hash(&song(b'b')));
        assert_ne!(hash(&[verse(b'a'), verse(b'b')].concat()), hash(&[verse(b'b'), verse(b'a')].concat()));
    }

    proptest! {
        #[test]
        fn a_window_has_its_hash_wherever_it_stands(
            text in prop::collection::vec(any::<u8>(), 70..300), length in 1_usize..70,
        ) {
            let mut rolling = Rolling::new(length);
            for (end, &byte) in text.iter().enumerate() {
                rolling.push(byte, end.checked_sub(length).map(|start| text[start]));
                if end + 1 >= length {
                    let mut alone = Rolling::new(length);
                    text[end + 1 - length..=end].iter().for_each(|&byte| alone.push(byte, None));
                    prop_assert_eq!(rolling.mixed(), alone.mixed());
                }
            }
        }

        #[test]
        fn every_window_is_in_one_stretch(text in prop::collection::vec(0_u8..4, 0..400), length in 16_usize..40) {
            let stretches = stretches(&text, length);
            let mut next = 0;
            for stretch in &stretches {
                prop_assert_eq!(stretch.start, next);
                next += u64::from(stretch.windows);
            }
            prop_assert_eq!(next as usize, (text.len() + 1).saturating_sub(length));
        }

        #[test]
        fn equal_windows_have_equal_hashes(
            text in prop::collection::vec(0_u8..3, 0..300),
            passage in prop::collection::vec(any::<u8>(), 24),
            at in 0_usize..300, other in 0_usize..300,
        ) {
            let plant = |at: usize| {
                let mut text = text.clone();
                let at = at.min(text.len());
                text.splice(at..at, passage.iter().copied());
                let hash = stretches(&text, 24)
                    .into_iter()
                    .find(|s| (s.start..s.start + u64::from(s.windows)).contains(&(at as u64)))
                    .map(|s| s.hash);
                prop_assert!(hash.is_some());
                Ok(hash)
            };
            prop_assert_eq!(plant(at)?, plant(other)?);
        }
    }
}

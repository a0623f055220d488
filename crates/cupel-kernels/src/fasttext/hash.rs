//! fastText's hash of tokens and n-grams.

/// Whether a byte goes on with a code point that an earlier byte began.
pub fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

pub const FNV_BASIS: u32 = 2_166_136_261;

/// One byte of FNV-1a. fastText widens the byte as a signed one, so bytes from 0x80 on set the
/// upper 24 bits; models are trained with that.
#[inline]
pub fn fnv_step(hash: u32, byte: u8) -> u32 {
    (hash ^ (byte as i8 as u32)).wrapping_mul(16_777_619)
}

/// fastText's hash of a token.
pub fn fnv(token: &[u8]) -> u32 {
    token.iter().fold(FNV_BASIS, |hash, &byte| fnv_step(hash, byte))
}

/// The factor between the hashes of a word n-gram's words.
const WORD_NGRAM_FACTOR: u64 = 116_049_371;

/// The running hash of a word n-gram that begins with the token hashed to `first`.
///
/// fastText keeps hashes of tokens as signed 32-bit integers, so the upper half of them widen with ones.
#[inline]
pub fn word_ngram_start(first: u32) -> u64 {
    first as i32 as u64
}

/// The hash of the word n-gram that is `hash` and then the token hashed to `next`.
#[inline]
pub fn word_ngram_step(hash: u64, next: u32) -> u64 {
    hash.wrapping_mul(WORD_NGRAM_FACTOR).wrapping_add(next as i32 as u64)
}

//! MinHash signatures and their bands.
//!
//! Broder, On the resemblance and containment of documents, 1997. A shingle is a window of
//! `ngram` words; x is the upper half of its XXH3-64. Permutation i is
//! h_i(x) = (a_i x + b_i) mod 2^32 with odd a_i: a bijection of 32-bit numbers, which eight
//! lanes of AVX2 compute at once (AVX2 has no 64-bit product and no unsigned 64-bit minimum).
//! The parameters come from SplitMix64 of the seed: a_i is the upper half of draw 2i with the
//! lowest bit set, b_i the upper half of draw 2i + 1.

use std::sync::Arc;

use arrow_array::builder::{FixedSizeListBuilder, UInt32Builder, UInt64Builder};
use arrow_array::{Array, ArrayRef, FixedSizeListArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::column::Texts;
use super::windows::{MAX_NGRAM, Windows};
use super::words::WordRules;
use crate::KernelError;

const BLOCK: usize = 256;
// Permutations are taken this many at a time: two AVX2 registers each for a, b and the minima.
const LANES: usize = 16;
const MAX_PERMUTATIONS: usize = 65_536;

/// How signatures are made.
#[derive(Debug, Clone, Copy)]
pub struct MinHash {
    /// Words in a shingle.
    pub ngram: usize,
    /// Bands; a pair that agrees on all rows of one band is a candidate.
    pub bands: usize,
    /// Permutations in a band.
    pub rows: usize,
    /// Chooses the permutations.
    pub seed: u64,
    /// What counts as a word.
    pub rules: WordRules,
}

impl MinHash {
    fn check(&self) -> Result<(), KernelError> {
        check_ngram(self.ngram)?;
        let permutations = self.bands.saturating_mul(self.rows);
        if permutations == 0 || permutations > MAX_PERMUTATIONS {
            return Err(KernelError::BadOption {
                option: "bands x rows",
                expected: format!("1 to {MAX_PERMUTATIONS} permutations, got {permutations}"),
            });
        }
        Ok(())
    }
}

pub(super) fn check_ngram(ngram: usize) -> Result<(), KernelError> {
    if (1..=MAX_NGRAM).contains(&ngram) {
        return Ok(());
    }
    Err(KernelError::BadOption { option: "ngram", expected: format!("1 to {MAX_NGRAM} words, got {ngram}") })
}

/// Columns `band_0`, `band_1`, ... (uint64): XXH3-64 of the band's minima (little-endian, the
/// band's number as seed). Null for null texts and texts without a word.
pub fn minhash(text: &dyn Array, how: &MinHash) -> Result<RecordBatch, KernelError> {
    how.check()?;
    let texts = Texts::new(text)?;
    let mut signer = Signer::new(how);
    let mut bands: Vec<_> = (0..how.bands).map(|_| UInt64Builder::with_capacity(texts.len())).collect();
    let mut bytes = Vec::with_capacity(how.rows * 4);
    for row in 0..texts.len() {
        let Some(minima) = texts.get(row).and_then(|text| signer.sign(text)) else {
            bands.iter_mut().for_each(UInt64Builder::append_null);
            continue;
        };
        for (number, (band, rows)) in bands.iter_mut().zip(minima.chunks(how.rows)).enumerate() {
            bytes.clear();
            rows.iter().for_each(|minimum| bytes.extend_from_slice(&minimum.to_le_bytes()));
            band.append_value(xxh3_64_with_seed(&bytes, number as u64));
        }
    }
    let fields: Vec<_> =
        (0..how.bands).map(|number| Field::new(format!("band_{number}"), DataType::UInt64, true)).collect();
    let columns = bands.iter_mut().map(|band| Arc::new(band.finish()) as ArrayRef).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| KernelError::BadInput(error.to_string()))
}

/// The minima themselves: `bands * rows` uint32 per text, null for texts without a word.
pub fn minhash_signature(text: &dyn Array, how: &MinHash) -> Result<FixedSizeListArray, KernelError> {
    how.check()?;
    let texts = Texts::new(text)?;
    let mut signer = Signer::new(how);
    let width = how.bands * how.rows;
    let values = UInt32Builder::with_capacity(texts.len() * width);
    let mut lists = FixedSizeListBuilder::with_capacity(values, width as i32, texts.len());
    for row in 0..texts.len() {
        match texts.get(row).and_then(|text| signer.sign(text)) {
            Some(minima) => {
                lists.values().append_slice(minima);
                lists.append(true);
            }
            None => {
                lists.values().append_nulls(width);
                lists.append(false);
            }
        }
    }
    Ok(lists.finish())
}

/// Signs one text after another with the same permutations.
struct Signer {
    windows: Windows,
    width: usize,
    multipliers: Vec<u32>,
    offsets: Vec<u32>,
    minima: Vec<u32>,
    block: Vec<u32>,
    update: Update,
}

type Update = fn(&[u32], &[u32], &[u32], &mut [u32]);

impl Signer {
    fn new(how: &MinHash) -> Self {
        let width = how.bands * how.rows;
        // Lanes beyond the last permutation are computed and not read.
        let padded = width.next_multiple_of(LANES);
        let mut state = how.seed;
        let mut draws = || (splitmix64(&mut state) >> 32) as u32;
        let (multipliers, offsets) = (0..padded).map(|_| (draws() | 1, draws())).unzip();
        Self {
            windows: Windows::new(how.ngram, how.rules),
            width,
            multipliers,
            offsets,
            minima: vec![u32::MAX; padded],
            block: Vec::with_capacity(BLOCK),
            update: best_update(),
        }
    }

    /// The minima of `text`; `None` where it has no word.
    fn sign(&mut self, text: &str) -> Option<&[u32]> {
        self.minima.fill(u32::MAX);
        self.block.clear();
        let mut any = false;
        self.windows.for_each(text, |window| {
            any = true;
            self.block.push((xxh3_64(window) >> 32) as u32);
            if self.block.len() == BLOCK {
                (self.update)(&self.block, &self.multipliers, &self.offsets, &mut self.minima);
                self.block.clear();
            }
        });
        (self.update)(&self.block, &self.multipliers, &self.offsets, &mut self.minima);
        any.then_some(&self.minima[..self.width])
    }
}

/// SplitMix64 (Steele, Lea, Flood, Fast splittable pseudorandom number generators, 2014).
fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[inline(always)]
fn update(block: &[u32], multipliers: &[u32], offsets: &[u32], minima: &mut [u32]) {
    let (multipliers, _) = multipliers.as_chunks::<LANES>();
    let (offsets, _) = offsets.as_chunks::<LANES>();
    let (minima, _) = minima.as_chunks_mut::<LANES>();
    for ((a, b), minimum) in multipliers.iter().zip(offsets).zip(minima) {
        let mut lowest = *minimum;
        for &x in block {
            for lane in 0..LANES {
                let permuted = a[lane].wrapping_mul(x).wrapping_add(b[lane]);
                lowest[lane] = lowest[lane].min(permuted);
            }
        }
        *minimum = lowest;
    }
}

fn update_portable(block: &[u32], multipliers: &[u32], offsets: &[u32], minima: &mut [u32]) {
    update(block, multipliers, offsets, minima);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn update_avx2(block: &[u32], multipliers: &[u32], offsets: &[u32], minima: &mut [u32]) {
    update(block, multipliers, offsets, minima);
}

/// The fastest form that this processor runs; all give the same minima.
fn best_update() -> Update {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        return |block, multipliers, offsets, minima| {
            // SAFETY: this closure is only handed out where the processor has AVX2.
            unsafe { update_avx2(block, multipliers, offsets, minima) }
        };
    }
    update_portable
}

#[cfg(test)]
mod tests {
    use arrow_array::StringArray;
    use arrow_array::cast::AsArray;
    use arrow_array::types::UInt64Type;
    use proptest::prelude::*;

    use super::*;

    const FOLDED: WordRules = WordRules { fold_numbers: true, symbols: false };
    const FINEWEB: MinHash = MinHash { ngram: 5, bands: 14, rows: 8, seed: 1, rules: FOLDED };

    #[test]
    fn splitmix64_reference_vector() {
        let mut state = 1234567;
        assert_eq!(splitmix64(&mut state), 6457827717110365317);
        assert_eq!(splitmix64(&mut state), 3203168211198807973);
    }

    #[test]
    fn texts_without_words_have_no_bands() {
        let array = StringArray::from(vec![Some(""), None, Some("—"), Some("word")]);
        let bands = minhash(&array, &FINEWEB).unwrap();
        assert_eq!(bands.num_columns(), 14);
        let band = bands.column(13).as_primitive::<UInt64Type>();
        let nulls: Vec<_> = (0..4).map(|row| band.is_null(row)).collect();
        assert_eq!(nulls, [true, true, true, false]);
    }

    #[test]
    fn bad_options_are_refused() {
        let array = StringArray::from(vec!["a"]);
        for how in [
            MinHash { ngram: 0, ..FINEWEB },
            MinHash { bands: 0, ..FINEWEB },
            MinHash { rows: usize::MAX, ..FINEWEB },
        ] {
            assert!(minhash(&array, &how).is_err());
        }
    }

    proptest! {
        #[test]
        fn vectors_give_what_plain_arithmetic_gives(
            block in prop::collection::vec(any::<u32>(), 0..40), seed in any::<u64>(),
        ) {
            let signer = Signer::new(&MinHash { seed, ..FINEWEB });
            let mut minima = vec![u32::MAX; signer.minima.len()];
            best_update()(&block, &signer.multipliers, &signer.offsets, &mut minima);
            for (i, &minimum) in minima.iter().enumerate() {
                let (a, b) = (u64::from(signer.multipliers[i]), u64::from(signer.offsets[i]));
                let plain = block.iter().map(|&x| ((a * u64::from(x) + b) % (1 << 32)) as u32);
                prop_assert_eq!(minimum, plain.min().unwrap_or(u32::MAX));
            }
        }

        #[test]
        fn any_text_is_signed(text in any::<String>(), ngram in 1_usize..9) {
            let array = StringArray::from(vec![text]);
            let how = MinHash { ngram, ..FINEWEB };
            prop_assert!(minhash(&array, &how).is_ok());
            prop_assert!(minhash_signature(&array, &how).is_ok());
        }
    }
}

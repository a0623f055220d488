//! SimHash (Charikar 2002): texts of like n-grams have fingerprints that differ in few bits.

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, Int64Array, UInt64Array};
use xxhash_rust::xxh3::xxh3_64;

use super::column::{Texts, same_length};
use super::comparable::Comparable;
use super::minhash::check_ngram;
use super::minimizers::mix;
use super::windows::Windows;
use super::words::WordRules;
use crate::KernelError;

/// Bits of a fingerprint.
pub const BITS: u32 = 64;
/// The largest distance that can be looked for.
pub const MAX_DISTANCE: u32 = 16;

/// The fingerprint of each text: bit *i* is set where more of its n-grams' hashes have bit *i* set than
/// not, each counted as often as it occurs. Null for null and for a text without words.
///
/// # Errors
/// `BadOption` for an n-gram out of range, `BadInput` for anything but a text column.
pub fn simhash(text: &dyn Array, ngram: usize, rules: WordRules) -> Result<UInt64Array, KernelError> {
    check_ngram(ngram)?;
    let texts = Texts::new(text)?;
    let mut windows = Windows::new(ngram, rules);
    let fingerprint = |row: usize| {
        let mut sums = [0_i64; BITS as usize];
        let mut any = false;
        windows.for_each(texts.get(row)?, |window| {
            let hash = xxh3_64(window);
            any = true;
            for (bit, sum) in sums.iter_mut().enumerate() {
                *sum += ((hash >> bit & 1) as i64) * 2 - 1;
            }
        });
        let bits = sums.iter().enumerate().filter(|&(_, &sum)| sum > 0);
        any.then(|| bits.fold(0, |fingerprint, (bit, _)| fingerprint | 1 << bit))
    };
    Ok((0..texts.len()).map(fingerprint).collect())
}

/// How many keys a fingerprint has, so that any two that differ in at most `distance` bits share one.
///
/// The bits are cut into `distance` + 2 blocks. Two fingerprints have at least two blocks in common, and
/// a key is made of two blocks (Manku, Jain and Das Sarma 2007, section 3).
pub fn key_count(distance: u32) -> u32 {
    (distance + 2) * (distance + 1) / 2
}

/// Key number `number` of each fingerprint; null for null.
///
/// # Errors
/// `BadOption` for a distance beyond `MAX_DISTANCE` or a number that there is not.
pub fn keys(fingerprints: &dyn Array, distance: u32, number: u32) -> Result<UInt64Array, KernelError> {
    if distance > MAX_DISTANCE {
        return Err(KernelError::BadOption {
            option: "max_distance",
            expected: format!("at most {MAX_DISTANCE}, got {distance}"),
        });
    }
    let wrong = || KernelError::BadInput("fingerprints: expected uint64".to_owned());
    let fingerprints = fingerprints.as_primitive_opt::<UInt64Type>().ok_or_else(wrong)?;
    let blocks = distance + 2;
    let pairs = (0..blocks).flat_map(|low| (low + 1..blocks).map(move |high| (low, high)));
    let Some((low, high)) = pairs.clone().nth(number as usize) else {
        return Err(KernelError::BadOption {
            option: "number",
            expected: format!("less than {}, got {number}", key_count(distance)),
        });
    };
    let kept = block(low, blocks) | block(high, blocks);
    Ok(fingerprints.iter().map(|value| value.map(|value| value & kept)).collect())
}

/// The bits of block `number` of `blocks` of about the same size.
fn block(number: u32, blocks: u32) -> u64 {
    let (from, to) = (number * BITS / blocks, (number + 1) * BITS / blocks);
    (u64::MAX >> (BITS - (to - from))) << from
}

/// Fingerprints of documents, to be compared by the bits in which they differ.
pub struct Fingerprints<'a> {
    docs: &'a [i64],
    values: &'a [u64],
}

impl<'a> Fingerprints<'a> {
    /// # Errors
    /// `BadInput` for documents that are not ascending or as many as the values.
    pub fn new(docs: &'a Int64Array, values: &'a UInt64Array) -> Result<Self, KernelError> {
        same_length(("docs", docs.len()), ("fingerprints", values.len()))?;
        if !docs.values().is_sorted_by(|left, right| left < right) {
            return Err(KernelError::BadInput("docs: expected ascending, each once".to_owned()));
        }
        Ok(Self { docs: docs.values(), values: values.values() })
    }
}

impl Comparable for Fingerprints<'_> {
    fn docs(&self) -> &[i64] {
        self.docs
    }

    fn is_empty(&self, _: u32) -> bool {
        false
    }

    fn fingerprint(&self, row: u32) -> u128 {
        // Mixed, so that the order of a bucket's documents says nothing of their bits.
        u128::from(mix(self.values[row as usize]))
    }

    fn similarity(&self, row: u32, other: u32, _: f64) -> Option<f64> {
        let differing = (self.values[row as usize] ^ self.values[other as usize]).count_ones();
        Some(f64::from(BITS - differing) / f64::from(BITS))
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::StringArray;
    use proptest::prelude::*;

    use super::*;

    const FOLDED: WordRules = WordRules { fold_numbers: true, symbols: false };

    proptest! {
        #[test]
        fn whoever_is_near_shares_a_key(
            value in any::<u64>(),
            flips in prop::collection::vec(0_u32..64, 0..=8),
            more in 0_u32..3,
        ) {
            let other = flips.iter().fold(value, |flipped, &bit| flipped ^ 1 << bit);
            let distance = (value ^ other).count_ones() + more;
            let pair = UInt64Array::from(vec![value, other]);
            let shared = (0..key_count(distance)).any(|number| {
                let keys_of_pair = keys(&pair, distance, number).unwrap();
                keys_of_pair.value(0) == keys_of_pair.value(1)
            });
            prop_assert!(shared);
        }

        #[test]
        fn blocks_are_all_bits_once(blocks in 2_u32..=18) {
            let all: Vec<u64> = (0..blocks).map(|number| block(number, blocks)).collect();
            prop_assert_eq!(all.iter().fold(0, |sum, bits| sum | bits), u64::MAX);
            prop_assert_eq!(all.iter().map(|bits| bits.count_ones()).sum::<u32>(), 64);
        }

        #[test]
        fn any_text_and_ngram(text in any::<String>(), ngram in 1_usize..6) {
            let twice = StringArray::from(vec![text.as_str(), text.as_str()]);
            let fingerprints = simhash(&twice, ngram, FOLDED).unwrap();
            prop_assert_eq!(fingerprints.iter().next(), fingerprints.iter().nth(1));
        }
    }

    #[test]
    fn by_hand() {
        // One n-gram: the fingerprint is its hash.
        let fingerprints =
            simhash(&StringArray::from(vec![Some("One"), None, Some("—")]), 1, FOLDED).unwrap();
        assert_eq!(fingerprints, UInt64Array::from(vec![Some(xxh3_64(b"one")), None, None]));
        // Two of one kind outvote one of another.
        let fingerprints = simhash(&StringArray::from(vec!["one two one"]), 1, FOLDED).unwrap();
        assert_eq!(fingerprints.value(0), xxh3_64(b"one"));
        assert!(keys(&fingerprints, 17, 0).is_err());
        assert!(keys(&fingerprints, 3, 10).is_err());
    }

    #[test]
    fn small_changes_move_few_bits() {
        let text: Vec<String> = (0..300).map(|i| format!("word{}", i * i % 97)).collect();
        let mut changed = text.clone();
        changed[150] = "other".to_owned();
        let array = StringArray::from(vec![text.join(" "), changed.join(" "), "nothing alike".to_owned()]);
        let fingerprints = simhash(&array, 3, FOLDED).unwrap();
        assert!((fingerprints.value(0) ^ fingerprints.value(1)).count_ones() <= 6);
        assert!((fingerprints.value(0) ^ fingerprints.value(2)).count_ones() > 16);
    }
}

//! Models as files.
//!
//! All numbers are little-endian. A file has `order` + 1 parts, each with the XXH3 hash (64 bits) of its bytes at
//! its end:
//!
//! - the header: `CUPELNGM`, the version 1 (32 bits), the order (32 bits), the counts of all words together
//!   (64 bits), the number of different words (64 bits), and for each order the number of its n-grams (64 bits);
//! - for each order from 1 on its n-grams: the hash (64 bits), the count (32 bits) and, below the highest order,
//!   the counts of the n-grams that are a word longer, and how many those are (32 bits each).
//!
//! N-grams are in ascending order of their hashes, rotated right by as many bits as number the slots of a hash
//! table that holds them, see `slot_bits`: loading writes a table from front to back, several times as fast as in
//! any other order. A model of the same texts is the same bytes, however many threads counted them.

use std::num::NonZeroUsize;

use arrow_array::UInt8Array;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use super::entries::{Highest, Lower, Stored};
use super::model::{MAX_ORDER, NgramModel};
use crate::KernelError;
use crate::parallel::map_range;

const MAGIC: &[u8; 8] = b"CUPELNGM";
const VERSION: u32 = 1;
/// Of the header, before the numbers of n-grams.
const FIXED_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 8;
const LOWER_BYTES: usize = 20;
const HIGHEST_BYTES: usize = 12;

/// The n-grams of an order.
enum Table {
    Lower(HashTable<Lower>),
    Highest(HashTable<Highest>),
}

impl NgramModel {
    /// The bytes of a part of the model's file: 0 is the header, any other the n-grams of this order.
    ///
    /// # Errors
    /// `BadOption` for a part beyond the order.
    pub fn part(&self, number: usize) -> Result<UInt8Array, KernelError> {
        let mut bytes = match number {
            0 => self.header(),
            _ if number < self.order => sorted(&self.lower[number - 1]),
            _ if number == self.order => sorted(&self.highest),
            _ => {
                let expected = format!("0 to {}, got {number}", self.order);
                return Err(KernelError::BadOption { option: "part", expected });
            }
        };
        bytes.extend(xxh3_64(&bytes).to_le_bytes());
        Ok(bytes.into())
    }

    fn header(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((self.order as u32).to_le_bytes());
        bytes.extend(self.unigrams.to_le_bytes());
        bytes.extend(u64::from(self.words).to_le_bytes());
        let sizes = self.lower.iter().map(HashTable::len).chain([self.highest.len()]);
        bytes.extend(sizes.flat_map(|size| (size as u64).to_le_bytes()));
        bytes
    }

    /// The model in the bytes of a file; threads load an order each.
    ///
    /// # Errors
    /// `BadModel` where the bytes are cut short, damaged, or hold counts that no texts have.
    pub fn load(bytes: &[u8], threads: NonZeroUsize) -> Result<Self, KernelError> {
        let fixed = bytes.first_chunk::<FIXED_BYTES>().ok_or_else(|| bad("it is too short"))?;
        if !fixed.starts_with(MAGIC) {
            return Err(bad("it does not begin as one"));
        }
        let (version, order) = (u64_at(fixed, 8) as u32, (u64_at(fixed, 8) >> 32) as usize);
        if version != VERSION {
            return Err(bad(format!("its version is {version}, expected {VERSION}")));
        }
        if !(2..=MAX_ORDER).contains(&order) {
            return Err(bad(format!("its order is {order}, expected 2 to {MAX_ORDER}")));
        }
        let (header, mut left) = split(bytes, FIXED_BYTES + 8 * order, "its header")?;
        let mut parts = Vec::with_capacity(order);
        for (place, size) in header[FIXED_BYTES..].as_chunks::<8>().0.iter().enumerate() {
            let width = if place + 1 == order { HIGHEST_BYTES } else { LOWER_BYTES };
            let length =
                usize::try_from(u64::from_le_bytes(*size)).ok().and_then(|size| size.checked_mul(width));
            let what = format!("its n-grams of order {}", place + 1);
            let (part, behind) = split(left, length.unwrap_or(usize::MAX), &what)?;
            parts.push(part);
            left = behind;
        }
        if !left.is_empty() {
            return Err(bad(format!("{} bytes stand behind its end", left.len())));
        }
        let tables = map_range(order, 1, threads, |place| {
            if place + 1 == order {
                read(parts[place]).map(Table::Highest)
            } else {
                read(parts[place]).map(Table::Lower)
            }
        });
        let (unigrams, words) = (u64_at(fixed, 16), u64_at(fixed, 24));
        let mut model = Self::new(order)?;
        model.lower.clear();
        for table in tables {
            match table? {
                Table::Lower(table) => model.lower.push(table),
                Table::Highest(table) => model.highest = table,
            }
        }
        let counted =
            model.lower.first().map_or(0, |table| table.iter().filter(|held| held.count > 0).count());
        let sum: u64 =
            model.lower.first().map_or(0, |table| table.iter().map(|held| u64::from(held.count)).sum());
        // A count stops at its largest number, their sum does not.
        if counted as u64 != words || sum > unigrams || (sum == 0) != (unigrams == 0) {
            return Err(bad("its words are not as many as it says"));
        }
        model.unigrams = unigrams;
        model.words = u32::try_from(words).map_err(|_| bad("it has too many words"))?;
        Ok(model)
    }
}

/// The lower bits of a hash that say where an n-gram belongs in a table of so many: hashbrown fills seven of eight
/// slots, and has a power of two of them.
fn slot_bits(entries: usize) -> u32 {
    entries.saturating_mul(8).div_ceil(7).checked_next_power_of_two().map_or(0, usize::trailing_zeros)
}

/// The bytes of all n-grams, with room for the checksum.
fn sorted<const N: usize, T: Stored<N>>(table: &HashTable<T>) -> Vec<u8> {
    let mut entries = Vec::with_capacity(table.len() + 1);
    entries.extend(table.iter().map(|held| held.to_bytes()));
    let bits = slot_bits(table.len());
    entries.sort_unstable_by_key(|bytes| u64_at(bytes, 0).rotate_right(bits));
    entries.into_flattened()
}

/// A part of `length` bytes without its checksum, which must be right, and what comes behind it.
fn split<'a>(bytes: &'a [u8], length: usize, what: &str) -> Result<(&'a [u8], &'a [u8]), KernelError> {
    let cut_short = || bad(format!("the file ends inside {what}"));
    let (part, behind) = bytes.split_at_checked(length).ok_or_else(cut_short)?;
    let (checksum, behind) = behind.split_first_chunk::<CHECKSUM_BYTES>().ok_or_else(cut_short)?;
    if u64::from_le_bytes(*checksum) != xxh3_64(part) {
        return Err(bad(format!("{what}: the checksum is another one, the file is damaged")));
    }
    Ok((part, behind))
}

fn read<const N: usize, T: Stored<N>>(part: &[u8]) -> Result<HashTable<T>, KernelError> {
    let entries = part.as_chunks::<N>().0;
    let bits = slot_bits(entries.len());
    let mut table = HashTable::with_capacity(entries.len());
    let mut before = None;
    for bytes in entries {
        let held = T::from_bytes(bytes);
        let hash = held.whole_hash();
        let place = Some(hash.rotate_right(bits));
        if before >= place || !held.is_possible() {
            return Err(bad("it holds counts that no texts have"));
        }
        before = place;
        table.insert_unique(hash, held, T::whole_hash);
    }
    Ok(table)
}

/// The number of 64 bits that begins at this byte; 0 beyond the end.
#[inline]
fn u64_at(bytes: &[u8], start: usize) -> u64 {
    bytes.get(start..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

fn bad(what: impl std::fmt::Display) -> KernelError {
    KernelError::BadModel(format!("not a usable n-gram model: {what}"))
}

#[cfg(test)]
mod tests {
    use arrow_array::StringArray;
    use proptest::prelude::*;

    use super::*;

    const ONE: NonZeroUsize = NonZeroUsize::MIN;

    fn model(texts: &[String], order: usize) -> NgramModel {
        let mut model = NgramModel::new(order).unwrap();
        model.add(&StringArray::from_iter_values(texts), ONE).unwrap();
        model
    }

    fn bytes(model: &NgramModel) -> Vec<u8> {
        (0..=model.order()).flat_map(|number| model.part(number).unwrap().values().to_vec()).collect()
    }

    proptest! {
        #[test]
        fn a_loaded_model_is_the_saved_one(
            texts in prop::collection::vec("([a-d] ){0,12}", 0..8), order in 2_usize..=MAX_ORDER,
        ) {
            let saved = model(&texts, order);
            let file = bytes(&saved);
            let loaded = NgramModel::load(&file, NonZeroUsize::new(3).unwrap()).unwrap();
            prop_assert_eq!(bytes(&loaded), file);
            let others = StringArray::from(vec!["a b c d a", "d c e", "", "x"]);
            prop_assert_eq!(loaded.log_probs(&others, ONE).unwrap(), saved.log_probs(&others, ONE).unwrap());
        }

        #[test]
        fn the_order_of_texts_changes_no_byte(texts in prop::collection::vec("([a-d] ){0,12}", 0..8)) {
            let turned: Vec<String> = texts.iter().rev().cloned().collect();
            prop_assert_eq!(bytes(&model(&texts, 3)), bytes(&model(&turned, 3)));
        }

        #[test]
        fn any_change_is_refused(place in any::<prop::sample::Index>(), bit in 0_u8..8, end in any::<bool>()) {
            let file = bytes(&model(&["a b c a b d".to_owned()], 3));
            let place = place.index(file.len());
            let changed = if end {
                file[..place].to_vec()
            } else {
                let mut changed = file.clone();
                changed[place] ^= 1 << bit;
                changed
            };
            prop_assert!(matches!(NgramModel::load(&changed, ONE), Err(KernelError::BadModel(_))));
        }

        /// With checksums that are right, so that all else is reached.
        #[test]
        fn hostile_numbers_give_a_model_or_an_error(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), order in 2_usize..4,
        ) {
            let model = model(&["a b c a b d".to_owned(), "b c".to_owned()], order);
            let mut file = bytes(&model);
            for (place, byte) in changes {
                let place = place.index(file.len());
                file[place] = byte;
            }
            let mut start = 0;
            for number in 0..=order {
                let length = model.part(number).unwrap().len();
                let sum = xxh3_64(&file[start..start + length - CHECKSUM_BYTES]);
                file[start + length - CHECKSUM_BYTES..start + length].copy_from_slice(&sum.to_le_bytes());
                start += length;
            }
            if let Ok(loaded) = NgramModel::load(&file, ONE) {
                let texts = StringArray::from(vec!["a b c a b d", "b c", "z"]);
                loaded.log_probs(&texts, ONE).unwrap();
            }
        }

        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(NgramModel::load(&bytes, ONE).is_err());
        }
    }

    #[test]
    fn more_n_grams_than_bytes_allocate_nothing() {
        let mut file = bytes(&model(&["a b".to_owned()], 2));
        file[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
        let sum = xxh3_64(&file[..48]);
        file[48..56].copy_from_slice(&sum.to_le_bytes());
        let Err(KernelError::BadModel(message)) = NgramModel::load(&file, ONE) else {
            panic!("a model with too few bytes");
        };
        assert!(message.contains("ends inside its n-grams of order 1"), "{message}");
    }

    #[test]
    fn impossible_counts_are_refused() {
        let mut file = bytes(&model(&["a b".to_owned()], 2));
        // The first n-gram of order 1 is followed by more n-grams than it has.
        let start = 56;
        file[start + 16..start + 20].copy_from_slice(&9_u32.to_le_bytes());
        let end = start + 3 * LOWER_BYTES;
        let sum = xxh3_64(&file[start..end]);
        file[end..end + 8].copy_from_slice(&sum.to_le_bytes());
        assert!(matches!(NgramModel::load(&file, ONE), Err(KernelError::BadModel(_))));
    }
}

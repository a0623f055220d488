//! The shingle sets of candidate documents, side by side in one array.

use arrow_array::{Int64Array, UInt64Array};
use xxhash_rust::xxh3::Xxh3;

use super::column::same_length;
use super::shingles::intersection;
use crate::KernelError;

const FINGERPRINT_VALUES: usize = 1024;

/// Sets of sorted distinct shingle hashes: set `i` is `values[offsets[i]..offsets[i + 1]]`.
pub struct Sets<'a> {
    pub docs: &'a [i64],
    offsets: &'a [i64],
    values: &'a [u64],
}

impl<'a> Sets<'a> {
    pub fn new(
        docs: &'a Int64Array,
        offsets: &'a Int64Array,
        values: &'a UInt64Array,
    ) -> Result<Self, KernelError> {
        let sets = Self { docs: docs.values(), offsets: offsets.values(), values: values.values() };
        same_length(("docs + 1", sets.docs.len() + 1), ("offsets", sets.offsets.len()))?;
        if !sets.docs.is_sorted_by(|left, right| left < right) {
            return Err(KernelError::BadInput("docs: expected ascending, each once".to_owned()));
        }
        let ends = (sets.offsets.first(), sets.offsets.last());
        if ends != (Some(&0), Some(&(sets.values.len() as i64))) || !sets.offsets.is_sorted() {
            return Err(KernelError::BadInput(
                "offsets: expected ascending from 0 to the number of values".to_owned(),
            ));
        }
        Ok(sets)
    }

    pub fn set(&self, row: u32) -> &'a [u64] {
        let row = row as usize;
        &self.values[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    /// A hash of a row's whole set.
    pub fn fingerprint(&self, row: u32) -> u128 {
        let mut state = Xxh3::new();
        let mut bytes = Vec::with_capacity(FINGERPRINT_VALUES * 8);
        for values in self.set(row).chunks(FINGERPRINT_VALUES) {
            bytes.clear();
            values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
            state.update(&bytes);
        }
        state.digest128()
    }

    /// The Jaccard similarity of two sets; none where their sizes rule out that it is `least`.
    pub fn similarity(&self, row: u32, other: u32, least: f64) -> Option<f64> {
        let (left, right) = (self.set(row), self.set(other));
        let (short, long) = (left.len().min(right.len()), left.len().max(right.len()));
        if short == 0 || (short as f64) / (long as f64) < least {
            return None;
        }
        let shared = intersection(left, right);
        Some(shared as f64 / (short + long - shared) as f64)
    }
}

//! The shingle sets (or sequences of words) of candidate documents, side by side in one array.

use arrow_array::{Int64Array, UInt64Array};
use xxhash_rust::xxh3::Xxh3;

use rapidfuzz::distance::levenshtein;

use super::column::same_length;
use super::comparable::Comparable;
use super::shingles::intersection;
use crate::KernelError;

const FINGERPRINT_VALUES: usize = 1024;

/// How it is told how alike two documents are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Of two sets: what they share, over all that is in either.
    Jaccard,
    /// Of two sets: what they share, over the smaller one.
    Containment,
    /// Of two sequences: 1 minus the Levenshtein distance over the longer one's length.
    Edit,
}

impl Measure {
    /// # Errors
    /// `UnknownName` for any name but `jaccard`, `containment` and `edit`.
    pub fn parse(name: &str) -> Result<Self, KernelError> {
        match name {
            "jaccard" => Ok(Self::Jaccard),
            "containment" => Ok(Self::Containment),
            "edit" => Ok(Self::Edit),
            _ => Err(KernelError::UnknownName { kind: "similarity", name: name.to_owned() }),
        }
    }
}

/// Sets of sorted distinct shingle hashes, or sequences of hashes of words: number `i` is
/// `values[offsets[i]..offsets[i + 1]]`.
pub struct Sets<'a> {
    docs: &'a [i64],
    measure: Measure,
    offsets: &'a [i64],
    values: &'a [u64],
}

impl<'a> Sets<'a> {
    pub fn new(
        docs: &'a Int64Array,
        offsets: &'a Int64Array,
        values: &'a UInt64Array,
        measure: Measure,
    ) -> Result<Self, KernelError> {
        let sets = Self { docs: docs.values(), measure, offsets: offsets.values(), values: values.values() };
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

    fn set(&self, row: u32) -> &'a [u64] {
        let row = row as usize;
        &self.values[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }
}

impl Comparable for Sets<'_> {
    fn docs(&self) -> &[i64] {
        self.docs
    }

    fn is_empty(&self, row: u32) -> bool {
        self.set(row).is_empty()
    }

    fn fingerprint(&self, row: u32) -> u128 {
        let mut state = Xxh3::new();
        let mut bytes = Vec::with_capacity(FINGERPRINT_VALUES * 8);
        for values in self.set(row).chunks(FINGERPRINT_VALUES) {
            bytes.clear();
            values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
            state.update(&bytes);
        }
        state.digest128()
    }

    fn similarity(&self, row: u32, other: u32, least: f64) -> Option<f64> {
        let (left, right) = (self.set(row), self.set(other));
        let (short, long) = (left.len().min(right.len()), left.len().max(right.len()));
        let too_unlike = self.measure != Measure::Containment && (short as f64) / (long as f64) < least;
        if short == 0 || too_unlike {
            return None;
        }
        Some(match self.measure {
            Measure::Jaccard => {
                let shared = intersection(left, right);
                shared as f64 / (short + long - shared) as f64
            }
            Measure::Containment => intersection(left, right) as f64 / short as f64,
            Measure::Edit => levenshtein::normalized_similarity(left.iter().copied(), right.iter().copied()),
        })
    }
}

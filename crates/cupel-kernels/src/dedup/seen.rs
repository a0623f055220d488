//! What has been seen before: hashes, each with the document that held it first.

use arrow_array::builder::{Int64Builder, LargeListBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, Int64Array, LargeListArray, UInt64Array};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::column::{int64_column, same_length};
use crate::KernelError;

/// Bytes that one distinct hash takes, while the table is as full as it gets.
pub const BYTES_PER_HASH: usize = 40;

/// Hashes seen so far. One of `parts` equal ranges of 2^64 can be asked for, so that a corpus of
/// any number of hashes fits into memory part by part.
#[derive(Debug, Default)]
pub struct Seen {
    table: HashTable<(u64, i64)>,
}

impl Seen {
    /// With room for so many distinct ones; more may come.
    pub fn new(expected: usize) -> Self {
        Self { table: HashTable::with_capacity(expected) }
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// For each hash of each document's list: the document that held it first, null if that is here
    /// and now, or if it belongs to another part.
    ///
    /// # Errors
    /// `BadInput` for columns of other types or unlike lengths.
    pub fn mark(
        &mut self,
        docs: &dyn Array,
        lists: &dyn Array,
        part: u32,
        parts: u32,
    ) -> Result<LargeListArray, KernelError> {
        let docs = int64_column(docs, "docs")?;
        let wrong = || KernelError::BadInput("lists: expected large lists of uint64".to_owned());
        let lists = lists.as_list_opt::<i64>().ok_or_else(wrong)?;
        let values = lists.values().as_primitive_opt::<UInt64Type>().ok_or_else(wrong)?;
        same_length(("docs", docs.len()), ("lists", lists.len()))?;
        let offsets = lists.value_offsets();
        let mut firsts = LargeListBuilder::new(Int64Builder::with_capacity(values.len()));
        for row in 0..lists.len() {
            for &hash in &values.values()[offsets[row] as usize..offsets[row + 1] as usize] {
                let here = (u128::from(hash) * u128::from(parts)) >> 64 == u128::from(part);
                let first = if here { self.first(hash, docs.value(row)) } else { None };
                firsts.values().append_option(first);
            }
            firsts.append(true);
        }
        Ok(firsts.finish())
    }

    /// The document that held `hash` before; it is remembered now.
    fn first(&mut self, hash: u64, doc: i64) -> Option<i64> {
        match self.table.entry(hash, |&(other, _)| other == hash, |&(other, _)| other) {
            Entry::Vacant(place) => {
                place.insert((hash, doc));
                None
            }
            Entry::Occupied(place) => Some(place.get().1),
        }
    }

    /// Everything seen, by ascending hash: to be kept for the next run.
    pub fn entries(&self) -> (UInt64Array, Int64Array) {
        let mut entries: Vec<(u64, i64)> = self.table.iter().copied().collect();
        entries.sort_unstable();
        let (hashes, docs): (Vec<u64>, Vec<i64>) = entries.into_iter().unzip();
        (UInt64Array::from(hashes), Int64Array::from(docs))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow_array::builder::UInt64Builder;
    use arrow_array::types::Int64Type;
    use proptest::prelude::*;

    use super::*;

    fn lists(rows: &[Vec<u64>]) -> LargeListArray {
        let mut lists = LargeListBuilder::new(UInt64Builder::new());
        for row in rows {
            lists.values().append_slice(row);
            lists.append(true);
        }
        lists.finish()
    }

    proptest! {
        #[test]
        fn parts_together_equal_a_plain_map(
            rows in prop::collection::vec(prop::collection::vec(0_u64..20, 0..8), 0..12),
            parts in 1_u32..5,
        ) {
            let spread: Vec<Vec<u64>> =
                rows.iter().map(|row| row.iter().map(|x| x.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect()).collect();
            let docs = Int64Array::from_iter_values(0..rows.len() as i64);
            let mut plain: HashMap<u64, i64> = HashMap::new();
            let mut expected = Vec::new();
            for (doc, row) in spread.iter().enumerate() {
                for &hash in row {
                    expected.push(plain.get(&hash).copied());
                    plain.entry(hash).or_insert(doc as i64);
                }
            }
            let mut joined: Vec<Option<i64>> = vec![None; expected.len()];
            for part in 0..parts {
                let marked = Seen::new(0).mark(&docs, &lists(&spread), part, parts).unwrap();
                for (place, value) in marked.values().as_primitive::<Int64Type>().iter().enumerate() {
                    joined[place] = joined[place].or(value);
                }
            }
            prop_assert_eq!(joined, expected);
        }
    }
}

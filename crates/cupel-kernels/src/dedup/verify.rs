//! Candidate pairs, joined only where their true Jaccard similarity is high enough.
//!
//! Documents of one bucket are compared pair by pair, except pairs that are connected
//! already: within a bucket, documents are held in groups by component, and a document
//! that matches one member of a group is not compared with the others. So the components
//! are those of the graph of all pairs in a common bucket at or above the threshold, in
//! whatever order they are met, as long as no document meets `max_comparisons`.
//!
//! Documents with the very same shingles are joined at once and compared as one: their
//! signatures are equal, so they share every bucket.
//!
//! Buckets are walked through in the order of a fingerprint of the shingle sets, not of
//! document numbers, so that even where the limit is met the clusters do not depend on how
//! documents are numbered.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{BooleanArray, Float64Array, Int64Array, LargeListArray, RecordBatch, UInt64Array};
use arrow_schema::DataType;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::clusters::{batch, components, index_count};
use super::column::{int64_column, same_length};
use super::shingles::intersection;
use super::union_find::UnionFind;
use crate::KernelError;

/// Bins of the histogram of similarities, of equal width over 0..=1.
pub const BINS: usize = 50;
/// Pairs kept for display, of the joined and of the rejected.
const SHOWN_PAIRS: usize = 32;
const FINGERPRINT_VALUES: usize = 1024;

/// When a pair is joined.
#[derive(Debug, Clone, Copy)]
pub struct Verification {
    /// The least Jaccard similarity of a joined pair.
    pub threshold: f64,
    /// How many others of a bucket one document is compared with.
    pub max_comparisons: usize,
}

/// What verification counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pairs in the buckets; a pair that shares several bands counts once for each.
    pub candidate_pairs: u64,
    /// Documents whose shingles are those of a lower document.
    pub identical: u64,
    /// Pairs whose similarity was computed.
    pub compared: u64,
    /// Of these, at or above the threshold.
    pub verified: u64,
    /// Of these, below: false joins that did not happen.
    pub rejected: u64,
    /// Pairs too unlike in length to reach the threshold; not computed.
    pub rejected_by_length: u64,
    /// Times a document met `max_comparisons`.
    pub limited: u64,
}

/// The outcome of `verify`.
pub struct Verified {
    /// `doc`, `component` (its lowest document), sorted by `doc`; two documents or more.
    pub components: RecordBatch,
    pub counts: Counts,
    /// `similarity` (lower edge of the bin), `verified`, `rejected`: compared pairs.
    pub histogram: RecordBatch,
    /// `left`, `right`, `similarity`, `verified`: a sample of compared pairs.
    pub pairs: RecordBatch,
}

/// Sets of sorted distinct shingle hashes: set `i` is `values[offsets[i]..offsets[i + 1]]`.
struct Sets<'a> {
    docs: &'a [i64],
    offsets: &'a [i64],
    values: &'a [u64],
}

impl<'a> Sets<'a> {
    fn new(
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

    fn set(&self, row: u32) -> &'a [u64] {
        let row = row as usize;
        &self.values[self.offsets[row] as usize..self.offsets[row + 1] as usize]
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
}

/// Components of the documents whose verified similarity joins them.
///
/// `buckets`: for each band, lists of documents; `docs` (ascending), `offsets` and `values`:
/// the shingle set of every document that is in a bucket.
///
/// # Errors
/// A document in a bucket without a shingle set, or arrays that do not fit together.
pub fn verify(
    buckets: &[LargeListArray],
    docs: &Int64Array,
    offsets: &Int64Array,
    values: &UInt64Array,
    how: Verification,
) -> Result<Verified, KernelError> {
    if !(0.0..=1.0).contains(&how.threshold) {
        return Err(KernelError::BadOption {
            option: "threshold",
            expected: format!("0 to 1, got {}", how.threshold),
        });
    }
    let sets = Sets::new(docs, offsets, values)?;
    let mut walk = Walk::new(sets, how)?;
    for lists in buckets {
        let members = int64_column(lists.values(), "buckets")?.values();
        for ends in lists.value_offsets().windows(2) {
            walk.bucket(&members[ends[0] as usize..ends[1] as usize])?;
        }
    }
    walk.finish()
}

/// The documents of one bucket seen so far, grouped by component.
#[derive(Default)]
struct Groups {
    members: Vec<Vec<u32>>,
    // Groups not merged into another, in the order of their making.
    alive: Vec<usize>,
    by_root: HashMap<u32, usize>,
}

impl Groups {
    /// The group of the component `root`, made if there is none.
    fn of(&mut self, root: u32) -> usize {
        *self.by_root.entry(root).or_insert_with(|| {
            self.members.push(Vec::new());
            self.alive.push(self.members.len() - 1);
            self.members.len() - 1
        })
    }

    /// Puts the smaller group into the larger, which is returned.
    fn merge(&mut self, left: usize, right: usize) -> usize {
        let (large, small) =
            if self.members[left].len() < self.members[right].len() { (right, left) } else { (left, right) };
        let moved = std::mem::take(&mut self.members[small]);
        self.members[large].extend(moved);
        self.alive.retain(|&group| group != small);
        large
    }
}

struct Walk<'a> {
    sets: Sets<'a>,
    how: Verification,
    fingerprints: Vec<u128>,
    // The lowest row with the same shingles.
    same_as: Vec<u32>,
    joined: UnionFind,
    counts: Counts,
    histogram: [[i64; 2]; BINS],
    shown: [Shown; 2],
}

impl<'a> Walk<'a> {
    fn new(sets: Sets<'a>, how: Verification) -> Result<Self, KernelError> {
        let size = index_count(sets.docs.len())?;
        let fingerprints: Vec<u128> = (0..size).map(|row| sets.fingerprint(row)).collect();
        let mut first = HashMap::with_capacity(fingerprints.len());
        let mut joined = UnionFind::new(size);
        let mut counts = Counts::default();
        let mut same_as = Vec::with_capacity(fingerprints.len());
        for row in 0..size {
            // Documents without shingles are like no other.
            let lowest = if sets.set(row).is_empty() {
                row
            } else {
                *first.entry(fingerprints[row as usize]).or_insert(row)
            };
            counts.identical += u64::from(joined.union(lowest, row));
            same_as.push(lowest);
        }
        let histogram = [[0; 2]; BINS];
        let shown = [Shown::default(), Shown::default()];
        Ok(Self { sets, how, fingerprints, same_as, joined, counts, histogram, shown })
    }

    /// Compares the documents of one bucket, those of the same shingles once.
    fn bucket(&mut self, docs: &[i64]) -> Result<(), KernelError> {
        let count = docs.len() as u64;
        self.counts.candidate_pairs += count * count.saturating_sub(1) / 2;
        let mut rows = Vec::with_capacity(docs.len());
        for doc in docs {
            let Ok(row) = self.sets.docs.binary_search(doc) else {
                return Err(KernelError::BadInput(format!("document {doc} has no shingle set")));
            };
            rows.push(self.same_as[row]);
        }
        rows.sort_unstable_by_key(|&row| (self.fingerprints[row as usize], row));
        rows.dedup();
        let mut groups = Groups::default();
        for row in rows {
            self.place(row, &mut groups);
        }
        Ok(())
    }

    /// Puts `row` into the groups, joining all that it links.
    fn place(&mut self, row: u32, groups: &mut Groups) {
        let mut left = self.how.max_comparisons;
        let mut own = groups.of(self.joined.find(row));
        let others = groups.alive.iter().copied().filter(|&group| group != own);
        let mut open: Vec<usize> = others.take(left.saturating_add(1)).collect();
        let (mut depth, mut limited) = (0, false);
        // First members of all groups come first, so that the limit cuts no group out.
        while !open.is_empty() && left > 0 {
            open.retain(|&group| {
                let Some(&other) = groups.members[group].get(depth) else {
                    return false;
                };
                if left == 0 {
                    limited = true;
                    return true;
                }
                left -= 1;
                if !self.compare(row, other) {
                    return true;
                }
                groups.by_root.remove(&self.joined.find(row));
                groups.by_root.remove(&self.joined.find(other));
                self.joined.union(row, other);
                own = groups.merge(own, group);
                groups.by_root.insert(self.joined.find(row), own);
                false
            });
            depth += 1;
        }
        limited |= open.iter().any(|&group| groups.members[group].len() > depth);
        self.counts.limited += u64::from(limited);
        groups.members[own].push(row);
    }

    /// Whether two documents are alike enough.
    fn compare(&mut self, row: u32, other: u32) -> bool {
        let (left, right) = (self.sets.set(row), self.sets.set(other));
        let (short, long) = (left.len().min(right.len()), left.len().max(right.len()));
        if short == 0 || (short as f64) / (long as f64) < self.how.threshold {
            self.counts.rejected_by_length += 1;
            return false;
        }
        let shared = intersection(left, right);
        let similarity = shared as f64 / (short + long - shared) as f64;
        let alike = similarity >= self.how.threshold;
        self.counts.compared += 1;
        self.counts.verified += u64::from(alike);
        self.counts.rejected += u64::from(!alike);
        let bin = ((similarity * BINS as f64) as usize).min(BINS - 1);
        self.histogram[bin][usize::from(!alike)] += 1;
        let prints = (self.fingerprints[row as usize], self.fingerprints[other as usize]);
        let order = xxh3_64(&(prints.0 ^ prints.1).to_le_bytes());
        let docs = (self.sets.docs[row as usize], self.sets.docs[other as usize]);
        self.shown[usize::from(!alike)].offer(Pair {
            order,
            left: docs.0.min(docs.1),
            right: docs.0.max(docs.1),
            similarity,
        });
        alike
    }

    fn finish(mut self) -> Result<Verified, KernelError> {
        let histogram = batch(
            &[
                ("similarity", DataType::Float64),
                ("verified", DataType::Int64),
                ("rejected", DataType::Int64),
            ],
            vec![
                Arc::new(Float64Array::from_iter_values((0..BINS).map(|bin| bin as f64 / BINS as f64))),
                Arc::new(Int64Array::from_iter_values(self.histogram.iter().map(|bin| bin[0]))),
                Arc::new(Int64Array::from_iter_values(self.histogram.iter().map(|bin| bin[1]))),
            ],
        )?;
        let pairs: Vec<(bool, &Pair)> = [(true, &self.shown[0]), (false, &self.shown[1])]
            .into_iter()
            .flat_map(|(verified, shown)| shown.pairs.iter().map(move |pair| (verified, pair)))
            .collect();
        let number = |pick: fn(&Pair) -> i64| {
            Arc::new(Int64Array::from_iter_values(pairs.iter().map(|(_, pair)| pick(pair))))
        };
        let pairs = batch(
            &[
                ("left", DataType::Int64),
                ("right", DataType::Int64),
                ("similarity", DataType::Float64),
                ("verified", DataType::Boolean),
            ],
            vec![
                number(|pair| pair.left),
                number(|pair| pair.right),
                Arc::new(Float64Array::from_iter_values(pairs.iter().map(|p| p.1.similarity))),
                Arc::new(pairs.iter().map(|p| Some(p.0)).collect::<BooleanArray>()),
            ],
        )?;
        let components = components(self.sets.docs, &mut self.joined)?;
        Ok(Verified { components, counts: self.counts, histogram, pairs })
    }
}

#[derive(Clone, Copy, PartialEq)]
struct Pair {
    order: u64,
    left: i64,
    right: i64,
    similarity: f64,
}

/// The pairs of lowest `order`: a sample that does not depend on who comes first.
#[derive(Default)]
struct Shown {
    pairs: Vec<Pair>,
}

impl Shown {
    fn offer(&mut self, pair: Pair) {
        let place = self.pairs.partition_point(|known| known.order < pair.order);
        if place < SHOWN_PAIRS && self.pairs.get(place) != Some(&pair) {
            self.pairs.insert(place, pair);
            self.pairs.truncate(SHOWN_PAIRS);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arrow_array::builder::{Int64Builder, LargeListBuilder};
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use proptest::prelude::*;

    use super::*;

    fn lists(buckets: &[Vec<i64>]) -> LargeListArray {
        let mut lists = LargeListBuilder::new(Int64Builder::new());
        for bucket in buckets {
            lists.values().append_slice(bucket);
            lists.append(true);
        }
        lists.finish()
    }

    fn run(sets: &[Vec<u64>], buckets: &[Vec<i64>], threshold: f64, limit: usize) -> Verified {
        let docs = Int64Array::from_iter_values(0..sets.len() as i64);
        let ends = sets.iter().scan(0, |end, set| {
            *end += set.len() as i64;
            Some(*end)
        });
        let offsets = Int64Array::from_iter_values(std::iter::once(0).chain(ends));
        let values = UInt64Array::from_iter_values(sets.iter().flatten().copied());
        let how = Verification { threshold, max_comparisons: limit };
        verify(&[lists(buckets)], &docs, &offsets, &values, how).unwrap()
    }

    fn as_map(found: &RecordBatch) -> BTreeMap<i64, i64> {
        let column = |number: usize| found.column(number).as_primitive::<Int64Type>().values();
        column(0).iter().copied().zip(column(1).iter().copied()).collect()
    }

    /// Components by comparing every pair of every bucket; the same sets are joined anywhere.
    fn brute_force(sets: &[Vec<u64>], buckets: &[Vec<i64>], threshold: f64) -> BTreeMap<i64, i64> {
        let mut joined = UnionFind::new(sets.len() as u32);
        for (right, set) in sets.iter().enumerate().filter(|(_, set)| !set.is_empty()) {
            let left = sets.iter().position(|other| other == set).unwrap();
            joined.union(left as u32, right as u32);
        }
        for bucket in buckets {
            for &left in bucket {
                for &right in bucket {
                    let (a, b) = (&sets[left as usize], &sets[right as usize]);
                    let shared = a.iter().filter(|value| b.contains(value)).count();
                    let all = a.len() + b.len() - shared;
                    if left < right && all > 0 && shared as f64 / all as f64 >= threshold && shared > 0 {
                        joined.union(left as u32, right as u32);
                    }
                }
            }
        }
        joined.components().into_iter().map(|(row, root)| (row.into(), root.into())).collect()
    }

    fn sets() -> impl Strategy<Value = Vec<Vec<u64>>> {
        let set = prop::collection::btree_set(0_u64..12, 0..8);
        prop::collection::vec(set.prop_map(|set| set.into_iter().collect()), 1..14)
    }

    #[test]
    fn chains_are_followed_through_the_middle() {
        let sets = [vec![1, 2, 3, 4], vec![2, 3, 4, 5], vec![3, 4, 5, 6], vec![9]];
        let found = run(&sets, &[vec![0, 1, 2, 3]], 0.6, 100);
        assert_eq!(as_map(&found.components), BTreeMap::from([(0, 0), (1, 0), (2, 0)]));
        assert_eq!(found.counts.candidate_pairs, 6);
    }

    #[test]
    fn a_document_without_shingles_is_refused() {
        let empty = Int64Array::from(vec![0_i64; 0]);
        let offsets = Int64Array::from(vec![0]);
        let values = UInt64Array::from(vec![0_u64; 0]);
        let how = Verification { threshold: 0.7, max_comparisons: 1 };
        assert!(verify(&[lists(&[vec![1, 2]])], &empty, &offsets, &values, how).is_err());
    }

    proptest! {
        #[test]
        fn equals_brute_force(sets in sets(), cut in 0_usize..14, threshold in 0.05_f64..1.0) {
            let all: Vec<i64> = (0..sets.len() as i64).collect();
            let (first, second) = all.split_at(cut.min(all.len()));
            let buckets = [first.to_vec(), second.to_vec(), all.iter().copied().step_by(2).collect()];
            let found = run(&sets, &buckets, threshold, usize::MAX);
            prop_assert_eq!(as_map(&found.components), brute_force(&sets, &buckets, threshold));
            let counts = found.counts;
            prop_assert_eq!(counts.limited, 0);
            prop_assert_eq!(counts.verified + counts.rejected, counts.compared);
        }

        #[test]
        fn numbering_does_not_matter(sets in sets(), limit in 1_usize..4, threshold in 0.05_f64..1.0) {
            let count = sets.len() as i64;
            let all: Vec<i64> = (0..count).collect();
            let turned: Vec<Vec<u64>> = sets.iter().rev().cloned().collect();
            let found = as_map(&run(&sets, std::slice::from_ref(&all), threshold, limit).components);
            let other = as_map(&run(&turned, &[all], threshold, limit).components);
            let together = |map: &BTreeMap<i64, i64>, a: i64, b: i64| {
                map.get(&a).is_some_and(|root| map.get(&b) == Some(root))
            };
            for a in 0..count {
                for b in 0..a {
                    prop_assert_eq!(
                        together(&found, a, b), together(&other, count - 1 - a, count - 1 - b)
                    );
                }
            }
        }
    }
}

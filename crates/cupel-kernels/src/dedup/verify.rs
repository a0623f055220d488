//! Candidate pairs, joined only where they are truly alike enough.
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
//!
//! Threads walk through some buckets ahead of time, each from the components as they were before
//! these buckets. One after the other the outcomes are then put to account; a bucket whose
//! documents have been connected by another in the meantime is walked through once more. So the
//! outcome is that of one thread.

use std::collections::HashMap;

use arrow_array::{LargeListArray, RecordBatch};

pub use super::bucket_walk::Verification;
use super::bucket_walk::{Outcome, walk};
use super::clusters::{components, index_count};
use super::column::int64_column;
use super::comparable::Comparable;
use super::comparisons::Comparisons;
use super::union_find::UnionFind;
use crate::KernelError;
use crate::parallel::map_range;

/// Buckets that are walked through ahead of time, and how many a thread takes at once.
const BUCKETS_AHEAD: usize = 1 << 14;
const BUCKETS_AT_ONCE: usize = 64;
/// Sets that a thread fingerprints at once.
const SETS_AT_ONCE: usize = 1024;

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

/// Components of the documents whose verified similarity joins them.
///
/// `buckets`: for each band, lists of documents; `sets`: what is compared of every document that is
/// in a bucket.
///
/// # Errors
/// A document in a bucket that `sets` does not have, or arrays that do not fit together.
pub fn verify(
    buckets: &[LargeListArray],
    sets: impl Comparable,
    how: Verification,
) -> Result<Verified, KernelError> {
    if !(0.0..=1.0).contains(&how.threshold) {
        return Err(KernelError::BadOption {
            option: "threshold",
            expected: format!("0 to 1, got {}", how.threshold),
        });
    }
    let mut joining = Joining::new(sets, how)?;
    for lists in buckets {
        let members = int64_column(lists.values(), "buckets")?.values();
        let buckets: Vec<&[i64]> = lists
            .value_offsets()
            .windows(2)
            .map(|ends| &members[ends[0] as usize..ends[1] as usize])
            .collect();
        for some in buckets.chunks(BUCKETS_AHEAD) {
            joining.buckets(some)?;
        }
    }
    joining.finish()
}

struct Joining<S> {
    sets: S,
    how: Verification,
    fingerprints: Vec<u128>,
    // The lowest row with the same shingles.
    same_as: Vec<u32>,
    joined: UnionFind,
    counts: Counts,
    comparisons: Comparisons,
}

/// A bucket walked through ahead of time.
struct Ahead {
    /// Its documents, those of the same shingles once, in the order of their fingerprints.
    rows: Vec<u32>,
    /// In how many components they were.
    components: usize,
    outcome: Outcome,
}

impl<S: Comparable> Joining<S> {
    fn new(sets: S, how: Verification) -> Result<Self, KernelError> {
        let size = index_count(sets.docs().len())?;
        let fingerprints =
            map_range(size as usize, SETS_AT_ONCE, how.threads, |row| sets.fingerprint(row as u32));
        let mut first = HashMap::with_capacity(fingerprints.len());
        let mut joined = UnionFind::new(size);
        let mut counts = Counts::default();
        let mut same_as = Vec::with_capacity(fingerprints.len());
        for row in 0..size {
            // Documents without shingles are like no other.
            let lowest = if sets.is_empty(row) {
                row
            } else {
                *first.entry(fingerprints[row as usize]).or_insert(row)
            };
            counts.identical += u64::from(joined.union(lowest, row));
            same_as.push(lowest);
        }
        let comparisons = Comparisons::default();
        Ok(Self { sets, how, fingerprints, same_as, joined, counts, comparisons })
    }

    /// Compares the documents of each bucket, those of the same shingles once.
    fn buckets(&mut self, buckets: &[&[i64]]) -> Result<(), KernelError> {
        let this = &*self;
        let ahead =
            map_range(buckets.len(), BUCKETS_AT_ONCE, self.how.threads, |i| this.look_ahead(buckets[i]));
        for (docs, ahead) in buckets.iter().zip(ahead) {
            let count = docs.len() as u64;
            self.counts.candidate_pairs += count * count.saturating_sub(1) / 2;
            self.account(ahead?);
        }
        Ok(())
    }

    /// Walks through a bucket without joining anything.
    fn look_ahead(&self, docs: &[i64]) -> Result<Ahead, KernelError> {
        let mut rows = Vec::with_capacity(docs.len());
        for doc in docs {
            let Ok(row) = self.sets.docs().binary_search(doc) else {
                return Err(KernelError::BadInput(format!("document {doc} has nothing to compare")));
            };
            rows.push(self.same_as[row]);
        }
        rows.sort_unstable_by_key(|&row| (self.fingerprints[row as usize], row));
        rows.dedup();
        let (components, outcome) = self.walk(&rows);
        Ok(Ahead { rows, components, outcome })
    }

    fn walk(&self, rows: &[u32]) -> (usize, Outcome) {
        let roots: Vec<u32> = rows.iter().map(|&row| self.joined.root(row)).collect();
        let least = self.how.threshold;
        let outcome = walk(rows, &roots, self.how, |row, other| self.sets.similarity(row, other, least));
        (distinct(roots), outcome)
    }

    /// Joins what a bucket links. Components only ever grow, so as many of them as before are the
    /// same as before.
    fn account(&mut self, ahead: Ahead) {
        let roots = ahead.rows.iter().map(|&row| self.joined.find(row)).collect();
        let outcome =
            if distinct(roots) == ahead.components { ahead.outcome } else { self.walk(&ahead.rows).1 };
        self.counts.rejected_by_length += outcome.rejected_by_length;
        self.counts.limited += outcome.limited;
        for pair in outcome.compared {
            self.counts.compared += 1;
            self.counts.verified += u64::from(pair.alike);
            self.counts.rejected += u64::from(!pair.alike);
            let (row, other) = (pair.row as usize, pair.other as usize);
            self.comparisons.add(
                (self.sets.docs()[row], self.sets.docs()[other]),
                (self.fingerprints[row], self.fingerprints[other]),
                pair.similarity,
                pair.alike,
            );
            if pair.alike {
                self.joined.union(pair.row, pair.other);
            }
        }
    }

    fn finish(mut self) -> Result<Verified, KernelError> {
        let (histogram, pairs) = self.comparisons.finish()?;
        let components = components(self.sets.docs(), &mut self.joined)?;
        Ok(Verified { components, counts: self.counts, histogram, pairs })
    }
}

fn distinct(mut roots: Vec<u32>) -> usize {
    roots.sort_unstable();
    roots.dedup();
    roots.len()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::num::NonZeroUsize;

    use arrow_array::builder::{Int64Builder, LargeListBuilder};
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{Int64Array, UInt64Array};
    use proptest::prelude::*;

    use super::*;
    use crate::dedup::shingle_sets::{Measure, Sets};

    fn lists(buckets: &[Vec<i64>]) -> LargeListArray {
        let mut lists = LargeListBuilder::new(Int64Builder::new());
        for bucket in buckets {
            lists.values().append_slice(bucket);
            lists.append(true);
        }
        lists.finish()
    }

    fn arrays(sets: &[Vec<u64>]) -> (Int64Array, Int64Array, UInt64Array) {
        let docs = Int64Array::from_iter_values(0..sets.len() as i64);
        let ends = sets.iter().scan(0, |end, set| {
            *end += set.len() as i64;
            Some(*end)
        });
        let offsets = Int64Array::from_iter_values(std::iter::once(0).chain(ends));
        let values = UInt64Array::from_iter_values(sets.iter().flatten().copied());
        (docs, offsets, values)
    }

    fn run(sets: &[Vec<u64>], buckets: &[Vec<i64>], threshold: f64, limit: usize) -> Verified {
        run_on(1, sets, buckets, threshold, limit)
    }

    fn run_on(
        threads: usize,
        sets: &[Vec<u64>],
        buckets: &[Vec<i64>],
        threshold: f64,
        limit: usize,
    ) -> Verified {
        let (docs, offsets, values) = arrays(sets);
        let how =
            Verification { threshold, max_comparisons: limit, threads: NonZeroUsize::new(threads).unwrap() };
        let sets = Sets::new(&docs, &offsets, &values, Measure::Jaccard).unwrap();
        verify(&[lists(buckets)], sets, how).unwrap()
    }

    fn as_map(components: &RecordBatch) -> BTreeMap<i64, i64> {
        let column = |number: usize| components.column(number).as_primitive::<Int64Type>().values();
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
        let verified = run(&sets, &[vec![0, 1, 2, 3]], 0.6, 100);
        assert_eq!(as_map(&verified.components), BTreeMap::from([(0, 0), (1, 0), (2, 0)]));
        assert_eq!(verified.counts.candidate_pairs, 6);
    }

    #[test]
    fn a_document_without_shingles_is_refused() {
        let empty = Int64Array::from(vec![0_i64; 0]);
        let offsets = Int64Array::from(vec![0]);
        let values = UInt64Array::from(vec![0_u64; 0]);
        let how = Verification { threshold: 0.7, max_comparisons: 1, threads: NonZeroUsize::MIN };
        let sets = Sets::new(&empty, &offsets, &values, Measure::Jaccard).unwrap();
        assert!(verify(&[lists(&[vec![1, 2]])], sets, how).is_err());
    }

    proptest! {
        #[test]
        fn equals_brute_force(sets in sets(), cut in 0_usize..14, threshold in 0.05_f64..1.0) {
            let all: Vec<i64> = (0..sets.len() as i64).collect();
            let (first, second) = all.split_at(cut.min(all.len()));
            let buckets = [first.to_vec(), second.to_vec(), all.iter().copied().step_by(2).collect()];
            let verified = run(&sets, &buckets, threshold, usize::MAX);
            prop_assert_eq!(as_map(&verified.components), brute_force(&sets, &buckets, threshold));
            let counts = verified.counts;
            prop_assert_eq!(counts.limited, 0);
            prop_assert_eq!(counts.verified + counts.rejected, counts.compared);
        }

        #[test]
        fn numbering_does_not_matter(sets in sets(), limit in 1_usize..4, threshold in 0.05_f64..1.0) {
            let count = sets.len() as i64;
            let all: Vec<i64> = (0..count).collect();
            let turned: Vec<Vec<u64>> = sets.iter().rev().cloned().collect();
            let components = as_map(&run(&sets, std::slice::from_ref(&all), threshold, limit).components);
            let other = as_map(&run(&turned, &[all], threshold, limit).components);
            let together = |map: &BTreeMap<i64, i64>, a: i64, b: i64| {
                map.get(&a).is_some_and(|root| map.get(&b) == Some(root))
            };
            for a in 0..count {
                for b in 0..a {
                    prop_assert_eq!(
                        together(&components, a, b), together(&other, count - 1 - a, count - 1 - b)
                    );
                }
            }
        }

        #[test]
        fn threads_do_not_matter(
            sets in sets(), threads in 2_usize..5, limit in 1_usize..5, threshold in 0.05_f64..1.0,
        ) {
            // Pairs of all documents, so that buckets connect what is in buckets after them.
            let count = sets.len() as i64;
            let mut buckets: Vec<Vec<i64>> =
                (0..count).flat_map(|a| (0..a).map(move |b| vec![b, a])).collect();
            buckets.extend((0..count).map(|a| (a..count).collect()));
            let buckets: Vec<Vec<i64>> = std::iter::repeat_n(buckets, 3).flatten().collect();
            let alone = run(&sets, &buckets, threshold, limit);
            let many = run_on(threads, &sets, &buckets, threshold, limit);
            prop_assert_eq!(alone.counts, many.counts);
            prop_assert_eq!(alone.components, many.components);
            prop_assert_eq!(alone.histogram, many.histogram);
            prop_assert_eq!(alone.pairs, many.pairs);
            // Bucket by bucket, nothing is known ahead of time.
            let known = Verification { threshold, max_comparisons: limit, threads: NonZeroUsize::MIN };
            prop_assert_eq!(alone.counts, bucket_by_bucket(&sets, &buckets, known));
        }
    }

    /// The counts where no bucket is walked through ahead of the one before it.
    fn bucket_by_bucket(sets: &[Vec<u64>], buckets: &[Vec<i64>], how: Verification) -> Counts {
        let (docs, offsets, values) = arrays(sets);
        let sets = Sets::new(&docs, &offsets, &values, Measure::Jaccard).unwrap();
        let mut joining = Joining::new(sets, how).unwrap();
        for bucket in buckets {
            joining.buckets(&[bucket]).unwrap();
        }
        joining.counts
    }
}

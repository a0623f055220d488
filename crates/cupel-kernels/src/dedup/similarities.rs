//! How alike given pairs of documents are.

use std::num::NonZeroUsize;

use arrow_array::{Array, Float64Array};

use super::column::{int64_column, same_length};
use super::comparable::Comparable;
use crate::KernelError;
use crate::parallel::map_range;

const PAIRS_AT_ONCE: usize = 256;

/// How alike each pair is; null where one of the two is not there or has nothing to compare.
///
/// # Errors
/// `BadInput` where pairs do not fit together.
pub fn similarities(
    sets: &impl Comparable,
    left: &dyn Array,
    right: &dyn Array,
    threads: NonZeroUsize,
) -> Result<Float64Array, KernelError> {
    let (left, right) = (int64_column(left, "left")?, int64_column(right, "right")?);
    same_length(("left", left.len()), ("right", right.len()))?;
    let row = |doc: i64| sets.docs().binary_search(&doc).ok().map(|row| row as u32);
    let (left, right) = (left.values(), right.values());
    let similarity = |pair: usize| sets.similarity(row(left[pair])?, row(right[pair])?, 0.0);
    Ok(map_range(left.len(), PAIRS_AT_ONCE, threads, similarity).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use arrow_array::{Int64Array, UInt64Array};

    use super::*;
    use crate::dedup::shingle_sets::{Measure, Sets};

    #[test]
    fn shared_over_all() {
        let docs = Int64Array::from(vec![3, 7, 9]);
        let offsets = Int64Array::from(vec![0, 3, 5, 5]);
        let values = UInt64Array::from(vec![1, 2, 3, 2, 4]);
        let pairs = (Int64Array::from(vec![3, 7, 3, 3]), Int64Array::from(vec![7, 7, 8, 9]));
        let by = |measure| {
            let sets = Sets::new(&docs, &offsets, &values, measure).unwrap();
            similarities(&sets, &pairs.0, &pairs.1, NonZeroUsize::MIN).unwrap()
        };
        let expected =
            [(Measure::Jaccard, 0.25), (Measure::Containment, 0.5), (Measure::Edit, 1.0 - 2.0 / 3.0)];
        let many = |doc| Int64Array::from(vec![doc; 3 * PAIRS_AT_ONCE + 1]);
        let sets = Sets::new(&docs, &offsets, &values, Measure::Jaccard).unwrap();
        let shares = similarities(&sets, &many(3), &many(7), NonZeroUsize::new(3).unwrap()).unwrap();
        assert_eq!(shares, Float64Array::from(vec![0.25; 3 * PAIRS_AT_ONCE + 1]));
        for (measure, similarity) in expected {
            assert_eq!(by(measure), Float64Array::from(vec![Some(similarity), Some(1.0), None, None]));
        }
    }
}

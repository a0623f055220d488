//! How alike given pairs of documents are, by their shingle sets.

use arrow_array::{Array, Float64Array, Int64Array, UInt64Array};

use super::column::{int64_column, same_length};
use super::shingle_sets::Sets;
use crate::KernelError;

/// The Jaccard similarity of each pair; null where one of the two has no set.
///
/// # Errors
/// `BadInput` where sets or pairs do not fit together.
pub fn similarities(
    docs: &Int64Array,
    offsets: &Int64Array,
    values: &UInt64Array,
    left: &dyn Array,
    right: &dyn Array,
) -> Result<Float64Array, KernelError> {
    let sets = Sets::new(docs, offsets, values)?;
    let (left, right) = (int64_column(left, "left")?, int64_column(right, "right")?);
    same_length(("left", left.len()), ("right", right.len()))?;
    let row = |doc: i64| sets.docs.binary_search(&doc).ok().map(|row| row as u32);
    let pairs = left.values().iter().zip(right.values().iter());
    Ok(pairs.map(|(&left, &right)| sets.similarity(row(left)?, row(right)?, 0.0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_over_all() {
        let docs = Int64Array::from(vec![3, 7, 9]);
        let offsets = Int64Array::from(vec![0, 3, 5, 5]);
        let values = UInt64Array::from(vec![1, 2, 3, 2, 4]);
        let pairs = (Int64Array::from(vec![3, 7, 3, 3]), Int64Array::from(vec![7, 7, 8, 9]));
        let found = similarities(&docs, &offsets, &values, &pairs.0, &pairs.1).unwrap();
        assert_eq!(found, Float64Array::from(vec![Some(0.25), Some(1.0), None, None]));
    }
}

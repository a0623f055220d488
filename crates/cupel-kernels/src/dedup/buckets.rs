//! Documents that share a key.

use arrow_array::builder::{Int64Builder, LargeListBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, LargeListArray};
use arrow_schema::DataType;

use super::column::{int64_column, same_length};
use super::hash::HASH_BYTES;
use crate::KernelError;

/// The documents of every key that two or more share, in the order of keys, documents ascending.
///
/// Keys are uint64 or 16 bytes; rows with a null key are in no bucket.
pub fn buckets(keys: &dyn Array, docs: &dyn Array) -> Result<LargeListArray, KernelError> {
    let docs = int64_column(docs, "docs")?;
    same_length(("keys", keys.len()), ("docs", docs.len()))?;
    let rows = (0..keys.len()).filter(|&row| keys.is_valid(row));
    match keys.data_type() {
        DataType::UInt64 => {
            let values = keys.as_primitive::<UInt64Type>().values();
            Ok(group(rows.map(|row| (values[row], docs.value(row))).collect()))
        }
        DataType::FixedSizeBinary(HASH_BYTES) => {
            let values = keys.as_fixed_size_binary();
            let wide =
                |bytes: &[u8]| bytes.iter().fold(0_u128, |value, &byte| (value << 8) | u128::from(byte));
            Ok(group(rows.map(|row| (wide(values.value(row)), docs.value(row))).collect()))
        }
        other => {
            Err(KernelError::BadInput(format!("keys: expected uint64 or fixed_size_binary[16], got {other}")))
        }
    }
}

fn group<K: Ord + Copy>(mut pairs: Vec<(K, i64)>) -> LargeListArray {
    pairs.sort_unstable();
    let mut lists = LargeListBuilder::new(Int64Builder::new());
    for group in pairs.chunk_by(|left, right| left.0 == right.0) {
        if group.len() > 1 {
            group.iter().for_each(|&(_, doc)| lists.values().append_value(doc));
            lists.append(true);
        }
    }
    lists.finish()
}

#[cfg(test)]
mod tests {
    use arrow_array::types::Int64Type;
    use arrow_array::{Int64Array, StringArray, UInt64Array};

    use super::*;

    #[test]
    fn groups_of_two_or_more() {
        let keys = UInt64Array::from(vec![Some(7), Some(3), None, Some(7), None, Some(9)]);
        let docs = Int64Array::from(vec![40, 10, 20, 30, 50, 60]);
        let groups = buckets(&keys, &docs).unwrap();
        assert_eq!(groups.len(), 1);
        assert_eq!(groups.value(0).as_primitive::<Int64Type>().values(), &[30, 40]);
    }

    #[test]
    fn other_keys_are_refused() {
        let docs = Int64Array::from(vec![1]);
        assert!(buckets(&StringArray::from(vec!["a"]), &docs).is_err());
        assert!(buckets(&UInt64Array::from(vec![1, 2]), &docs).is_err());
    }
}

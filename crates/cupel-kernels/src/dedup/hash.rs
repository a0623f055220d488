//! Hashes of content: of one text, and of a whole table whatever its order.

use arrow_array::builder::FixedSizeBinaryBuilder;
use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::column::{Bytes, Texts, same_length};
use crate::KernelError;

/// Width of a 128-bit hash in bytes.
pub const HASH_BYTES: i32 = 16;

// Rows up to this size are gathered in one buffer, which is faster than streaming; longer
// ones are streamed, so that no copy of a huge text is made.
const GATHERED_BYTES: usize = 64 * 1024;

/// One 128-bit hash per row as 16 big-endian bytes; null where `hash` gives none.
pub(super) fn hashes<F>(rows: usize, mut hash: F) -> Result<FixedSizeBinaryArray, KernelError>
where
    F: FnMut(usize) -> Option<u128>,
{
    let mut builder = FixedSizeBinaryBuilder::with_capacity(rows, HASH_BYTES);
    for row in 0..rows {
        match hash(row) {
            Some(value) => builder
                .append_value(value.to_be_bytes())
                .map_err(|error| KernelError::BadInput(error.to_string()))?,
            None => builder.append_null(),
        }
    }
    Ok(builder.finish())
}

/// XXH3-128 (seed 0) of each text's UTF-8 bytes, in the canonical big-endian order.
pub fn text_hash(text: &dyn Array) -> Result<FixedSizeBinaryArray, KernelError> {
    let texts = Texts::new(text)?;
    hashes(texts.len(), |row| texts.get(row).map(|text| xxh3_128(text.as_bytes())))
}

/// The hash of a table as a multiset of rows: each row's XXH3-128 over its length-prefixed
/// values, summed modulo 2^128.
///
/// A value is written as its length (u64, little-endian) and its bytes, a null as 2^64 - 1.
/// The sum does not depend on the order of rows nor on how they are split into parts
/// (`add_hashes` joins parts), and unlike an exclusive or it counts how often a row occurs.
pub fn content_hash(columns: &[ArrayRef]) -> Result<u128, KernelError> {
    let columns = columns.iter().map(|column| Bytes::new(column)).collect::<Result<Vec<_>, _>>()?;
    let rows = columns.first().map_or(0, Bytes::len);
    for (position, column) in columns.iter().enumerate() {
        same_length(("column 0", rows), (&format!("column {position}"), column.len()))?;
    }
    let mut buffer = Vec::new();
    let mut sum = 0_u128;
    for row in 0..rows {
        let size: usize = columns.iter().map(|c| 8 + c.get(row).map_or(0, <[u8]>::len)).sum();
        let hash = if size <= GATHERED_BYTES {
            buffer.clear();
            for_each_part(&columns, row, |part| buffer.extend_from_slice(part));
            xxh3_128(&buffer)
        } else {
            let mut state = Xxh3::new();
            for_each_part(&columns, row, |part| state.update(part));
            state.digest128()
        };
        sum = sum.wrapping_add(hash);
    }
    Ok(sum)
}

fn for_each_part(columns: &[Bytes<'_>], row: usize, mut take: impl FnMut(&[u8])) {
    for column in columns {
        match column.get(row) {
            Some(value) => {
                take(&(value.len() as u64).to_le_bytes());
                take(value);
            }
            None => take(&u64::MAX.to_le_bytes()),
        }
    }
}

/// The content hash of two parts put together.
pub fn add_hashes(left: u128, right: u128) -> u128 {
    left.wrapping_add(right)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::StringArray;
    use proptest::prelude::*;

    use super::*;

    fn column(values: &[Option<String>]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    #[test]
    fn known_digest() {
        let array = StringArray::from(vec![Some(""), None]);
        let digests = text_hash(&array).unwrap();
        let expected = 0x99aa06d3014798d86001c324468d497f_u128;
        assert_eq!(digests.value(0), expected.to_be_bytes());
        assert!(digests.is_null(1));
    }

    #[test]
    fn streaming_equals_gathering() {
        let long = "Café 東京 ".repeat(20_000);
        let columns = [column(&[Some(long.clone())]), column(&[None])];
        let mut bytes = (long.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(long.as_bytes());
        bytes.extend_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(content_hash(&columns).unwrap(), xxh3_128(&bytes));
    }

    #[test]
    fn unlike_lengths_are_refused() {
        assert!(content_hash(&[column(&[None]), column(&[])]).is_err());
    }

    proptest! {
        #[test]
        fn order_and_parts_do_not_matter(
            rows in prop::collection::vec((any::<Option<String>>(), any::<Option<String>>()), 0..20),
            cut in 0_usize..20,
        ) {
            let whole = |rows: &[(Option<String>, Option<String>)]| {
                let (left, right): (Vec<_>, Vec<_>) = rows.iter().cloned().unzip();
                content_hash(&[column(&left), column(&right)]).unwrap()
            };
            let mut reversed = rows.clone();
            reversed.reverse();
            let (first, second) = rows.split_at(cut.min(rows.len()));
            prop_assert_eq!(whole(&rows), whole(&reversed));
            prop_assert_eq!(whole(&rows), add_hashes(whole(first), whole(second)));
        }
    }
}

//! Sets of shingle hashes, for true Jaccard similarity.

use arrow_array::builder::{LargeListBuilder, UInt64Builder};
use arrow_array::{Array, LargeListArray};
use xxhash_rust::xxh3::xxh3_64;

use super::column::Texts;
use super::minhash::check_ngram;
use super::windows::Windows;
use super::word_hashes::for_each_word_hash;
use super::words::WordRules;
use crate::KernelError;

/// The distinct shingles of each text as sorted XXH3-64 hashes; empty for null.
///
/// With `parts` > 1, only the hashes of one of `parts` equal ranges of 2^64: the lists of
/// part 0, 1, ... one after the other are the whole list, so a huge text's set can be made
/// piece by piece in little memory.
pub fn shingles(
    text: &dyn Array,
    ngram: usize,
    rules: WordRules,
    part: u32,
    parts: u32,
) -> Result<LargeListArray, KernelError> {
    check_ngram(ngram)?;
    if part >= parts {
        return Err(KernelError::BadOption {
            option: "part",
            expected: format!("less than parts ({parts}), got {part}"),
        });
    }
    let texts = Texts::new(text)?;
    let mut windows = Windows::new(ngram, rules);
    let mut lists = LargeListBuilder::new(UInt64Builder::new());
    let mut hashes = Vec::new();
    for row in 0..texts.len() {
        hashes.clear();
        if let Some(text) = texts.get(row) {
            windows.for_each(text, |window| {
                let hash = xxh3_64(window);
                if (u128::from(hash) * u128::from(parts)) >> 64 == u128::from(part) {
                    hashes.push(hash);
                }
            });
        }
        hashes.sort_unstable();
        hashes.dedup();
        lists.values().append_slice(&hashes);
        lists.append(true);
    }
    Ok(lists.finish())
}

/// The words of each text in their order, as XXH3-64 hashes, the first `max_words` of them; empty for null.
///
/// # Errors
/// `BadInput` for anything but a text column.
pub fn word_hashes(
    text: &dyn Array,
    rules: WordRules,
    max_words: usize,
) -> Result<LargeListArray, KernelError> {
    let texts = Texts::new(text)?;
    let mut lists = LargeListBuilder::new(UInt64Builder::new());
    for row in 0..texts.len() {
        let mut left = max_words;
        if let Some(text) = texts.get(row) {
            for_each_word_hash(text, rules, |word, _, _| {
                if left > 0 {
                    left -= 1;
                    lists.values().append_value(word);
                }
            });
        }
        lists.append(true);
    }
    Ok(lists.finish())
}

/// How many values two sorted sets share.
pub fn intersection(left: &[u64], right: &[u64]) -> usize {
    let (mut i, mut j, mut shared) = (0, 0, 0);
    while i < left.len() && j < right.len() {
        let (x, y) = (left[i], right[j]);
        // Without branches: which side is smaller cannot be predicted.
        shared += usize::from(x == y);
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    shared
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use arrow_array::StringArray;
    use arrow_array::cast::AsArray;
    use arrow_array::types::UInt64Type;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_make_the_whole(text in any::<String>(), parts in 1_u32..9) {
            let array = StringArray::from(vec![text]);
            let list = |part, parts| {
                let hashes = shingles(&array, 2, WordRules::DISTINCT, part, parts).unwrap().value(0);
                hashes.as_primitive::<UInt64Type>().values().to_vec()
            };
            let pieces: Vec<u64> = (0..parts).flat_map(|part| list(part, parts)).collect();
            prop_assert!(pieces.is_sorted());
            prop_assert_eq!(pieces, list(0, 1));
        }

        #[test]
        fn intersection_is_that_of_sets(
            left in prop::collection::btree_set(0_u64..50, 0..30),
            right in prop::collection::btree_set(0_u64..50, 0..30),
        ) {
            let shared = left.intersection(&right).count();
            let list = |set: &BTreeSet<u64>| set.iter().copied().collect::<Vec<_>>();
            prop_assert_eq!(intersection(&list(&left), &list(&right)), shared);
        }
    }
}

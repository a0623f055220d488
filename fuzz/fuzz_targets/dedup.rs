//! Hashes, MinHash sketches and shingles, on any text.
#![no_main]

use arrow_array::LargeStringArray;
use cupel_kernels::dedup::normalized::{Normalization, normalized_hash};
use cupel_kernels::dedup::{hash, minhash, shingles};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let texts = LargeStringArray::from(vec![Some(text), None]);
    hash::text_hash(&texts).expect("any text has a hash");
    for flags in 0..4 {
        let how = Normalization {
            lowercase: flags & 1 != 0,
            strip_punctuation: flags & 2 != 0,
            ..Normalization::default()
        };
        normalized_hash(&texts, how).expect("any text has a normalised hash");
    }
    for fold_numbers in [false, true] {
        for ngram in [1, 5] {
            let how = minhash::MinHash { ngram, bands: 4, rows: 3, seed: 1, fold_numbers };
            minhash::minhash(&texts, &how).expect("any text has a sketch");
            shingles::shingles(&texts, ngram, fold_numbers, 0, 2).expect("any text has shingles");
        }
    }
});

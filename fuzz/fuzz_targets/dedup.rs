//! Hashes, MinHash sketches and shingles, on any text.
#![no_main]

use arrow_array::LargeStringArray;
use cupel_kernels::dedup::normalized::{Normalization, normalized_hash};
use cupel_kernels::dedup::words::WordRules;
use cupel_kernels::dedup::{hash, minhash, shingles};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let texts = LargeStringArray::from(vec![Some(text), None]);
    hash::text_hash(&texts).expect("any text has a hash");
    for flags in 0..32 {
        let how = Normalization {
            drop_invisible: flags & 1 != 0,
            nfc: flags & 2 != 0,
            lowercase: flags & 4 != 0,
            strip_punctuation: flags & 8 != 0,
            collapse_white_space: flags & 16 != 0,
        };
        normalized_hash(&texts, how).expect("any text has a normalized hash");
    }
    for flags in 0..4 {
        let rules = WordRules { fold_numbers: flags & 1 != 0, symbols: flags & 2 != 0 };
        for ngram in [1, 5] {
            let how = minhash::MinHash { ngram, bands: 4, rows: 3, seed: 1, rules };
            minhash::minhash(&texts, &how).expect("any text has a sketch");
            let whole = shingles::shingles(&texts, ngram, rules, 0, 1).expect("any text has shingles");
            let parts: usize = (0..2)
                .map(|part| shingles::shingles(&texts, ngram, rules, part, 2).expect("any text has shingles"))
                .map(|lists| lists.values().len())
                .sum();
            assert_eq!(parts, whole.values().len());
        }
    }
});

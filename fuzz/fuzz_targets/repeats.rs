//! Copied parts, n-grams, fingerprints and evaluation items, on any two texts.
#![no_main]

use arrow_array::{Array, Int64Array, LargeStringArray};
use cupel_kernels::dedup::bloom::{Bloom, NgramCopies};
use cupel_kernels::dedup::borders::{Whole, whole_spans};
use cupel_kernels::dedup::evaluation::{Evaluation, Rule};
use cupel_kernels::dedup::normalized::Normalization;
use cupel_kernels::dedup::seen::Seen;
use cupel_kernels::dedup::units::{Unit, Units};
use cupel_kernels::dedup::words::WordRules;
use cupel_kernels::dedup::{minimizers, repeats, shingles, simhash, spans, word_tokens};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|pair: (&str, &str)| {
    let texts = LargeStringArray::from(vec![Some(pair.0), Some(pair.1), None, Some(pair.0)]);
    let docs = Int64Array::from_iter_values(0..texts.len() as i64);
    for unit in [Unit::Line, Unit::Paragraph] {
        let units = Units { unit, normalization: Normalization::default(), min_characters: 1 };
        let (hashes, _) = units.of(&texts).expect("any text has units");
        Seen::new(0).mark(&docs, &hashes, 0, 1).expect("units can be seen");
        let how = NgramCopies { ngram: 3, min_words: 1, threshold: 0.5, unit: Some(unit) };
        let ngrams = how.count(&texts).expect("any text has n-grams").values().iter().sum::<i64>();
        let mut filter = Bloom::new(ngrams as u64, 0.01).expect("a filter of any size");
        let marked = how.mark(&mut filter, &texts, 2).expect("any text can be judged");
        assert_eq!(marked.ngrams as i64, ngrams);
        spans::cut_spans(&texts, &marked.spans).expect("spans fit their texts");
        for whole in [Whole::Graphemes, Whole::Words] {
            let smaller = whole_spans(&texts, &marked.spans, whole).expect("spans fit their texts");
            spans::cut_spans(&texts, &smaller).expect("smaller spans fit their texts");
        }
    }
    for rules in [WordRules::PLAIN, WordRules::DISTINCT, WordRules { fold_numbers: true, symbols: false }] {
        let prints = simhash::simhash(&texts, 2, rules).expect("any text has a fingerprint");
        assert_eq!(prints.iter().next(), prints.iter().last());
        shingles::word_hashes(&texts, rules, 100).expect("any text has words");
    }
    let words = word_tokens::word_tokens(&texts).expect("any text has words");
    let places = word_tokens::word_places(&texts).expect("any text has words");
    assert_eq!(words.value_data().len(), places.values().len() * word_tokens::WORD_TOKEN_BYTES);
    for (column, token) in [(&texts as &dyn Array, 1), (&words, word_tokens::WORD_TOKEN_BYTES)] {
        let data = [texts.value_data(), words.value_data()][usize::from(token > 1)];
        let mut stretches = Vec::new();
        minimizers::column_minimizers(column, 16, 0, &mut stretches).expect("any column has minimizers");
        stretches.sort_unstable_by_key(|stretch| (stretch.hash, stretch.start));
        for min_occurrences in [2, 3] {
            let copies = repeats::repeats(data, &stretches, 16, token, min_occurrences);
            for copy in copies.expect("stretches lie in their text") {
                let length = copy.stop - copy.start;
                let part = |from: u64| &data[from as usize..(from + length) as usize];
                assert_eq!(part(copy.first), part(copy.start));
            }
        }
    }
    let items = Evaluation::new([&texts, &texts, &texts, &texts], 2, 4).expect("any text is an item");
    let hits = items.hits(&texts).expect("any text can be looked through");
    let rule = Rule { threshold: 0.4, min_words: 3 };
    items.candidates(&hits, rule).expect("hits are the index's own");
    items.strays(&hits).expect("hits are the index's own");
    let contamination = items.contamination(&texts, rule).expect("any text can be looked through");
    spans::cut_spans(&texts, &contamination.spans).expect("spans fit their texts");
});

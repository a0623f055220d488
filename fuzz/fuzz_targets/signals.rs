//! Segmentation, sentences and every signal column, on any text.
#![no_main]

use arrow_array::LargeStringArray;
use cupel_kernels::signals::{Options, columns, measure};
use cupel_kernels::text::{Segmentation, Spans, sentences};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for segmentation in [Segmentation::Unicode, Segmentation::Prose, Segmentation::Whitespace] {
        let mut spans = Spans::default();
        spans.cut(text, segmentation);
        let mut before = 0;
        for (start, end) in spans.iter() {
            assert!(before <= start && start < end && text.get(start..end).is_some());
            before = end;
        }
        let options = Options {
            segmentation,
            stop_words: None,
            bad_words: Some(vec!["a".into(), "\u{e01}".into(), "two words".into()]),
        };
        let names: Vec<String> = columns::ALL.iter().map(|spec| spec.name.to_owned()).collect();
        measure(&LargeStringArray::from(vec![Some(text), None, Some(text)]), &names, &options)
            .expect("any text can be measured");
    }
    assert!(sentences::sentences(text).count() <= sentences::sentence_count(text));
});

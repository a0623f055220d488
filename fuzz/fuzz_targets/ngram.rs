//! N-gram models: any bytes as a file, and any text counted and scored.
#![no_main]

use std::num::NonZeroUsize;

use arrow_array::LargeStringArray;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use cupel_kernels::ngram::NgramModel;
use libfuzzer_sys::fuzz_target;

const ONE: NonZeroUsize = NonZeroUsize::MIN;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let texts = LargeStringArray::from(vec![Some(&*text), None, Some("some words of some text")]);
    if let Ok(model) = NgramModel::load(bytes, ONE) {
        model.log_probs(&texts, ONE).expect("any text can be scored");
    }
    let mut model = NgramModel::new(3).expect("an order in range");
    model.add(&texts, ONE).expect("any text can be counted");
    let scores = model.log_probs(&texts, ONE).expect("any text can be scored");
    let log_probs = scores["log_prob"].as_primitive::<Float64Type>();
    assert!(log_probs.iter().flatten().all(|sum| sum.is_finite() && sum <= 0.0));
    let file: Vec<u8> =
        (0..=3).flat_map(|number| model.part(number).expect("a part there is").values().to_vec()).collect();
    let loaded = NgramModel::load(&file, ONE).expect("a file that was just written");
    assert_eq!(loaded.log_probs(&texts, ONE).expect("any text can be scored"), scores);
});

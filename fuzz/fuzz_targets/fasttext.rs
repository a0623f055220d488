//! fastText models: any bytes as a model, and a trained model with any bytes of it changed.
#![no_main]

use std::num::NonZeroUsize;
use std::sync::LazyLock;

use arrow_array::{Array, LargeStringArray};
use cupel_kernels::fasttext::{FastText, Training, train};
use libfuzzer_sys::fuzz_target;

const TRAINING: Training = Training {
    dim: 3,
    epochs: 2,
    learning_rate: 0.1,
    word_ngrams: 2,
    min_count: 1,
    min_subword: 2,
    max_subword: 3,
    buckets: Some(20),
    seed: 0,
};

fn trained(text: &str) -> Vec<u8> {
    let texts = LargeStringArray::from(vec![text, "a ship at sea", "a cow in the barn"]);
    let labels = LargeStringArray::from(vec!["sea", "sea", "farm"]);
    train(&texts, &labels, &TRAINING, &mut || true).expect("texts with two labels").expect("nobody stops it")
}

static MODEL: LazyLock<Vec<u8>> = LazyLock::new(|| trained("東京 é"));

fn classify(model: &FastText, text: &str) {
    let texts = LargeStringArray::from(vec![Some(text), None, Some("a ship\u{2028}é")]);
    let lists = model.classify(&texts, NonZeroUsize::MIN).expect("few texts");
    assert_eq!(lists.len(), 3);
    assert!(lists.is_null(1));
}

fuzz_target!(|input: (Vec<u8>, Vec<(u16, u8)>, String)| {
    let (bytes, changes, text) = input;
    if let Ok(model) = FastText::load(&bytes) {
        classify(&model, &text);
    }
    let mut damaged = MODEL.clone();
    for (place, byte) in changes {
        let place = usize::from(place) % damaged.len();
        damaged[place] = byte;
    }
    if let Ok(model) = FastText::load(&damaged) {
        classify(&model, &text);
    }
    let model = FastText::load(&trained(&text)).expect("a model that was just trained");
    classify(&model, &text);
});

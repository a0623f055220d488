//! Language identification: any bytes as a model, and any text where there is a model.
//!
//! With `LANGUAGE_MODEL` naming a fastText file, each input is a text for it as well.
#![no_main]

use std::sync::LazyLock;

use cupel_kernels::language::LanguageModel;
use libfuzzer_sys::fuzz_target;

static MODEL: LazyLock<Option<LanguageModel>> = LazyLock::new(|| {
    let path = std::env::var_os("LANGUAGE_MODEL")?;
    let bytes = std::fs::read(path).expect("LANGUAGE_MODEL names a file");
    Some(LanguageModel::load(&bytes).expect("LANGUAGE_MODEL names a fastText model"))
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(model) = LanguageModel::load(bytes) {
        model.predict("Some words of text.");
    }
    if let (Some(model), Ok(text)) = (&*MODEL, std::str::from_utf8(bytes)) {
        if let Some(prediction) = model.predict(text) {
            assert!(prediction.label < model.labels().len());
            assert!((0.0..=1.0).contains(&prediction.probability));
        }
    }
});

//! Text as it is measured: nothing but marks and blanks is taken out, and all of them at once.
#![no_main]

use arrow_array::{Array, LargeStringArray};
use cupel_kernels::text::view::view;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let texts = LargeStringArray::from(vec![Some("plain"), None, Some(text)]);
    let Some(viewed) = view(&texts) else { return };
    assert_eq!(viewed.len(), 3);
    assert!(viewed.is_null(1));
    let mut left = text.chars();
    assert!(viewed.value(2).chars().all(|kept| left.any(|c| c == kept)), "a view adds nothing");
    assert!(view(&viewed).is_none_or(|again| again == viewed), "a view is its own view");
});

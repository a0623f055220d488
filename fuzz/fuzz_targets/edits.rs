//! Every edit, on any text.
#![no_main]

use arrow_array::LargeStringArray;
use cupel_kernels::edits::{c4_lines, pii, refinedweb_lines, secrets, unicode, urls, whitespace};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let texts = LargeStringArray::from(vec![Some(text), None, Some("")]);
    for strict in [true, false] {
        let c4 = c4_lines::Options {
            require_terminal_punctuation: strict,
            min_words_per_line: if strict { 3 } else { 0 },
            max_word_length: strict.then_some(10),
            remove_citations: strict,
            remove_javascript: strict,
            remove_policy: strict,
        };
        assert_eq!(c4_lines::edit(&texts, &c4).expect("c4-lines").num_rows(), 3);
        let white = whitespace::Options {
            collapse_spaces: true,
            keep_indentation: strict,
            strip_line_ends: strict,
            max_blank_lines: strict.then_some(1),
        };
        assert_eq!(whitespace::edit(&texts, &white).expect("whitespace").num_rows(), 3);
    }
    let refined = refinedweb_lines::Options {
        max_uppercase_fraction: 0.5,
        max_words_of_short_line: 10,
        start: vec!["sign in".into()],
        end: vec!["read more...".into()],
        anywhere: vec!["items in cart".into()],
    };
    assert_eq!(refinedweb_lines::edit(&texts, &refined).expect("refinedweb-lines").num_rows(), 3);
    for as_datatrove in [false, true] {
        let masks = pii::Options {
            email: Some("<email>".into()),
            as_datatrove,
            ipv4: Some("<ip>".into()),
            ipv6: Some("<ip>".into()),
            phone: Some("<phone>".into()),
        };
        assert_eq!(pii::edit(&texts, &masks).expect("pii").num_rows(), 3);
    }
    for name in ["links", "paths", "hosts", "dclm"] {
        let matching = urls::Matching::from_name(name).expect("a known name");
        let tlds = ["com", "org"].map(String::from).into_iter().collect();
        let options = urls::Options { matching, tlds, replacement: String::new() };
        assert_eq!(urls::edit(&texts, &options).expect("urls").num_rows(), 3);
    }
    let limits = secrets::Options { assigned: true, min_entropy: 0.0, min_hex_entropy: 0.0 };
    assert_eq!(secrets::count(&texts, &limits).expect("secrets").num_rows(), 3);
    assert_eq!(secrets::mask(&texts, &limits, "<KEY>").expect("secrets").num_rows(), 3);
    for name in ["NFC", "NFKC"] {
        let form = unicode::Form::from_name(name).expect("a known form");
        assert_eq!(unicode::normalise(&texts, form).expect("unicode").num_rows(), 3);
    }
    let screen =
        unicode::Screen::new("\u{2028}\0", Some("[Ãâ][\u{80}-\u{bf}]"), true, None).expect("a screen");
    assert_eq!(screen.suspects(&texts).len(), 3);
});

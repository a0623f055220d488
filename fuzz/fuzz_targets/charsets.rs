//! Charsets: any bytes in any encoding of the standard, any bytes as a label, and a guess about any bytes.
#![no_main]

use cupel_kernels::text::charset::{charset_name, decode, detect};
use libfuzzer_sys::fuzz_target;

/// One label for each decoder of the WHATWG Encoding Standard.
const LABELS: [&str; 15] = [
    "utf-8",
    "utf-16le",
    "utf-16be",
    "gbk",
    "gb18030",
    "big5",
    "euc-jp",
    "iso-2022-jp",
    "shift_jis",
    "euc-kr",
    "windows-1252",
    "koi8-u",
    "iso-8859-8-i",
    "x-mac-cyrillic",
    "x-user-defined",
];

fuzz_target!(|bytes: &[u8]| {
    for label in LABELS {
        let (text, faults) = decode(bytes, label).expect("a label of the standard");
        assert!(text.chars().filter(|&c| c == '\u{fffd}').count() >= faults, "{label}");
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert_eq!(decode(bytes, "utf-8"), Some((text.to_owned(), 0)));
        assert_eq!(charset_name(text).is_some(), decode(b"", text).is_some());
    }
    let guess = detect(bytes);
    assert_eq!(charset_name(&guess).as_deref(), Some(guess.as_str()), "a guess is a label");
});

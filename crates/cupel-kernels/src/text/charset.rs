//! Legacy charsets as browsers read them: labels and decoders of the WHATWG Encoding Standard.

use chardetng::EncodingDetector;
use encoding_rs::{DecoderResult, Encoding};

/// The standard's name of the encoding that a label means, lower-case; `None` for an unknown label.
pub fn charset_name(label: &str) -> Option<String> {
    Encoding::for_label_no_replacement(label.as_bytes()).map(|encoding| encoding.name().to_lowercase())
}

/// The text of `bytes` in the encoding of `label`, and how many ill-formed sequences became U+FFFD.
///
/// Byte order marks are text like any other. `None` for an unknown label.
pub fn decode(bytes: &[u8], label: &str) -> Option<(String, usize)> {
    let encoding = Encoding::for_label_no_replacement(label.as_bytes())?;
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8 + 16);
    let (mut at, mut faults) = (0, 0);
    loop {
        let (result, read) = decoder.decode_to_string_without_replacement(&bytes[at..], &mut text, true);
        at += read;
        match result {
            DecoderResult::InputEmpty => return Some((text, faults)),
            DecoderResult::OutputFull => text.reserve(bytes.len() - at + 64),
            DecoderResult::Malformed(..) => {
                faults += 1;
                text.push('\u{fffd}');
            }
        }
    }
}

/// The legacy encoding that Firefox would take unlabeled bytes for; never UTF-8, which decoding alone settles.
pub fn detect(bytes: &[u8]) -> String {
    let mut detector = EncodingDetector::new();
    detector.feed(bytes, true);
    detector.guess(None, false).name().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_those_of_the_standard() {
        let cases = [
            ("Shift_JIS", "shift_jis"),
            (" x-sjis\n", "shift_jis"),
            ("gb2312", "gbk"),
            ("latin1", "windows-1252"),
            ("ascii", "windows-1252"),
            ("iso-8859-9", "windows-1254"),
            ("tis-620", "windows-874"),
            ("ks_c_5601-1987", "euc-kr"),
            ("utf-16", "utf-16le"),
        ];
        for (label, name) in cases {
            assert_eq!(charset_name(label).as_deref(), Some(name), "{label}");
        }
        for label in ["", "rot13", "hz-gb-2312", "utf-7", "\u{ff}"] {
            assert_eq!(charset_name(label), None, "{label}");
        }
    }

    #[test]
    fn each_ill_formed_sequence_is_one_replacement() {
        assert_eq!(decode(b"a\x80b", "windows-1252"), Some(("a€b".into(), 0)));
        assert_eq!(decode(b"\x87\x40", "shift_jis"), Some(("①".into(), 0)));
        assert_eq!(decode(b"a\xff\xc3(", "utf-8"), Some(("a\u{fffd}\u{fffd}(".into(), 2)));
        assert_eq!(decode(b"", "utf-8"), Some((String::new(), 0)));
        assert_eq!(decode(b"x", "nothing"), None);
    }

    #[test]
    fn unlabeled_text_is_detected_by_its_bytes() {
        for (text, name) in [
            ("서울은 오늘도 맑다. 내일은 비가 온다.", "euc-kr"),
            ("日本語の文章です。東京の天気は晴れ。", "shift_jis"),
            ("今天天气很好，我们去公园散步吧。", "gbk"),
            ("Привет, мир. Как дела сегодня?", "windows-1251"),
            ("Käse und Brot, größer als früher", "windows-1252"),
        ] {
            let bytes = Encoding::for_label(name.as_bytes()).map(|encoding| encoding.encode(text).0);
            assert_eq!(bytes.map(|bytes| detect(&bytes)).as_deref(), Some(name));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_decode(bytes: Vec<u8>, which in 0_usize..6) {
            let label = ["utf-8", "utf-16be", "gb18030", "iso-2022-jp", "euc-kr", "big5"][which];
            let (text, faults) = decode(&bytes, label).unwrap_or_default();
            proptest::prop_assert!(faults <= text.chars().count());
        }
    }
}

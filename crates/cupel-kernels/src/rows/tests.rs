use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use proptest::prelude::*;

use super::{Layout, Left, Place, Rows, canonical, read};

fn layout() -> Layout {
    Layout {
        text: vec!["text".into(), "content".into()],
        id: "id".into(),
        source: "source".into(),
        url: "url".into(),
        default_source: "here".into(),
        most_bytes: 100,
    }
}

fn rows(block: &[u8], numbered: bool) -> Rows {
    read(block, &layout(), Place { first_doc: 100, first_position: 1, numbered }).unwrap()
}

fn texts(parsed: &Rows, column: &str) -> Vec<Option<String>> {
    let column = parsed.documents.column_by_name(column).unwrap().as_string::<i64>();
    column.iter().map(|text| text.map(str::to_owned)).collect()
}

#[test]
fn a_line_becomes_a_document() {
    let parsed =
        rows(br#"{"id":5,"text":"caf\u00e9","metadata":{"url":"u","n":[1, 2.50]},"x":{"b" : "\/"}}"#, true);
    assert_eq!(parsed.left, []);
    assert_eq!(texts(&parsed, "id"), [Some("5".into())]);
    assert_eq!(texts(&parsed, "text"), [Some("café".into())]);
    assert_eq!(texts(&parsed, "source"), [Some("here".into())]);
    assert_eq!(texts(&parsed, "url"), [Some("u".into())]);
    assert_eq!(texts(&parsed, "metadata"), [Some(r#"{"x":{"b":"/"},"n":[1,2.5]}"#.into())]);
}

#[test]
fn lines_are_counted_or_measured() {
    let block = b"{\"text\":\"a\"}\n \t\r\n[1]\n{\"content\":\"b\"}";
    let docs = |parsed: &Rows| parsed.documents.column(0).as_primitive::<Int64Type>().values().to_vec();
    let parsed = rows(block, true);
    assert_eq!((docs(&parsed), parsed.lines), (vec![100, 103], 4));
    assert_eq!(parsed.left, [Left { documents: 1, line: 2, start: 17, stop: 20 }]);
    assert_eq!(docs(&rows(block, false)), [100, 121]);
}

#[test]
fn a_missing_id_is_the_digest_of_the_text() {
    let parsed = rows(b"{\"text\":\"abc\"}\n", true);
    // hashlib.blake2b(b"abc", digest_size=16)
    assert_eq!(texts(&parsed, "id"), [Some("cf4ab791c62b8d2b2109c90275287816".into())]);
}

#[test]
fn what_reading_would_change_is_left() {
    for rest in [
        r#""text":"b""#,        // a name twice
        r#""x":{"a":1,"a":2}"#, // and below
        r#""x":-0"#,            // an integer in Python
        r#""x":1e999"#,         // no double
        r#""x":18446744073709551616"#,
        r#""x":"\ud800""#,
        r#""id":1.5"#,               // Python writes floats its own way
        r#""metadata":"{\"a\":1}""#, // an object in a string
        r#""x":1,"metadata":{"x":2}"#,
        r#""parts":[]"#, // perhaps those of a document
    ] {
        let line = format!(r#"{{"text":"a",{rest}}}"#);
        let parsed = rows(line.as_bytes(), true);
        assert_eq!((parsed.documents.num_rows(), parsed.left.len()), (0, 1), "{line}");
    }
    for line in [
        "",
        "{}",
        r#"{"text":null}"#,
        r#"{"text":" \u001c\n"}"#,
        "{\"text\":\"a\"} x",
        "\u{feff}{\"text\":\"a\"}",
    ] {
        assert_eq!(rows(line.as_bytes(), true).documents.num_rows(), 0, "{line}");
    }
    let long = format!(r#"{{"text":"{}"}}"#, "a".repeat(101));
    assert_eq!(rows(long.as_bytes(), true).left.len(), 1);
}

proptest! {
    #[test]
    fn every_line_goes_somewhere(block in proptest::collection::vec(any::<u8>(), 0..300)) {
        let parsed = rows(&block, true);
        let blank = |line: &&[u8]| line.iter().all(|byte| matches!(byte, b' ' | 0x09..=0x0d));
        let blanks = block.split(|&byte| byte == b'\n').filter(blank).count();
        let empty_end = usize::from(block.is_empty() || block.ends_with(b"\n"));
        prop_assert_eq!(parsed.documents.num_rows() + parsed.left.len() + blanks - empty_end, parsed.lines);
    }

    #[test]
    fn canonical_text_is_its_own(value in value()) {
        let json = value.to_string();
        let (mut once, mut twice) = (String::new(), String::new());
        prop_assert!(canonical::write(&json, &mut once));
        prop_assert!(canonical::write(&once, &mut twice));
        prop_assert_eq!(&once, &twice);
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&once).unwrap(), value);
    }
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1_000_000_i32..1_000_000).prop_map(|n| Value::from(f64::from(n) / 64.0)),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::hash_map(".{0,3}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt32Type};
use arrow_array::{Array, LargeStringArray};
use arrow_schema::DataType;
use proptest::prelude::*;

use super::kinds::bits;
use super::{ColumnType, at_path, kinds, scalars, split};

fn scalar(scalar: DataType) -> ColumnType {
    ColumnType { scalar, list: false }
}

#[test]
fn kinds_of_every_type() {
    let rows = LargeStringArray::from(vec![
        Some(r#"{"a":1,"b":true,"c":[1,"x",null],"d":{"e":1},"é\n":"x","f":null,"g":[]}"#),
        Some(r#"{"a":-1.5e3,"b":null,"c":[[1]],"d":9007199254740993,"f":18446744073709551615}"#),
        Some("{}"),
        None,
        Some(r#"{"a":-2,"d":123456789012345678901234567890}"#),
    ]);
    let table = kinds(&rows).unwrap();
    let names: Vec<_> = table.column(0).as_string::<i64>().iter().flatten().collect();
    assert_eq!(names, ["a", "b", "c", "d", "f", "g", "é\n"]);
    let of_elements = (bits::INTEGER | bits::STRING | bits::NULL | bits::OTHER) << bits::ELEMENT_SHIFT;
    let expected = [
        bits::INTEGER | bits::NUMBER | bits::NEGATIVE,
        bits::BOOL | bits::NULL,
        bits::LIST | of_elements,
        bits::OTHER | bits::LONG,
        bits::NULL | bits::UNSIGNED,
        bits::LIST,
        bits::STRING,
    ];
    assert_eq!(table.column(1).as_primitive::<UInt32Type>().values(), &expected);
    assert_eq!(table.column(2).as_primitive::<Int64Type>().values(), &[3, 1, 2, 3, 1, 1, 1]);
}

#[test]
fn fields_become_columns_and_the_rest_stays_as_written() {
    let rows = LargeStringArray::from(vec![
        Some(r#"{"n":1,"s":"Caf\u00e9 東京","x":{"k": [1]},"l":["a",null]}"#),
        Some(r#"{"n":2.5,"s":7,"l":[]}"#),
        Some(r#"{"n":9007199254740993,"l":null,"a\"b":1}"#),
        Some("{}"),
    ]);
    let names = ["n", "s", "l"].map(String::from);
    let list = ColumnType { scalar: DataType::LargeUtf8, list: true };
    let types = [scalar(DataType::Float64), scalar(DataType::LargeUtf8), list];
    let table = split(&rows, &names, &types).unwrap();
    let numbers: Vec<_> = table.column(0).as_primitive::<Float64Type>().iter().collect();
    assert_eq!(numbers, [Some(1.0), Some(2.5), None, None]);
    let texts: Vec<_> = table.column(1).as_string::<i64>().iter().collect();
    assert_eq!(texts, [Some("Café 東京"), None, None, None]);
    let lists = table.column(2).as_list::<i64>();
    let lengths: Vec<_> = lists.iter().map(|list| list.map(|list| list.len())).collect();
    assert_eq!(lengths, [Some(2), Some(0), None, None]);
    let rest: Vec<_> = table.column(3).as_string::<i64>().iter().flatten().collect();
    assert_eq!(rest, [r#"{"x":{"k": [1]}}"#, r#"{"s":7}"#, r#"{"n":9007199254740993,"a\"b":1}"#, "{}"]);
}

#[test]
fn what_is_no_object_is_refused() {
    for text in ["", "[1]", "{", r#"{"a":1} x"#, r#"{"a":tru}"#, "1"] {
        let rows = LargeStringArray::from(vec![text]);
        assert!(kinds(&rows).is_err(), "{text}");
        assert!(split(&rows, &[], &[]).is_err(), "{text}");
    }
    let names = ["a".to_owned()];
    let rows = LargeStringArray::from(vec!["{}"]);
    assert!(split(&rows, &names, &[]).is_err());
    assert!(split(&rows, &names, &[scalar(DataType::Date32)]).is_err());
}

#[test]
fn depth_does_not_matter() {
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let rows = LargeStringArray::from(vec![deep.as_str()]);
    assert!(kinds(&rows).is_ok());
    let table = split(&rows, &["a".to_owned()], &[scalar(DataType::Int64)]).unwrap();
    assert_eq!(table.column(1).as_string::<i64>().value(0), deep);
}

proptest! {
    #[test]
    fn no_text_panics(text in r#"[\[\]{}":,0-9a-z\\.\- é]{0,40}"#) {
        let rows = LargeStringArray::from(vec![text.as_str()]);
        let list = ColumnType { scalar: DataType::Int64, list: true };
        let _ = kinds(&rows);
        let _ = split(&rows, &["a".to_owned()], &[list]);
    }
}

fn paths(json: &str, path: &str) -> Option<String> {
    let rows = LargeStringArray::from(vec![json]);
    at_path(&rows, path).unwrap().iter().next().flatten().map(str::to_owned)
}

#[test]
fn dots_lead_into_objects_unless_a_name_holds_them() {
    let row = r#"{"a":{"b":1,"c.d":2},"a.b":3,"x":null,"l":[{"k":1},{"k":[2,3]},{},7],"e":{}}"#;
    assert_eq!(paths(row, "a.b").as_deref(), Some("3"));
    assert_eq!(paths(row, "a.c.d").as_deref(), Some("2"));
    assert_eq!(paths(row, "a").as_deref(), Some(r#"{"b":1,"c.d":2}"#));
    assert_eq!(paths(row, "l.k").as_deref(), Some("[1,[2,3]]"));
    for missing in ["x", "x.y", "a.c", "a.", ".a", "", "e.f", "l.z", "a.b.c", "東京"] {
        assert_eq!(paths(row, missing), None, "{missing}");
    }
    // A name that holds dots and is null gives way to the nested one.
    assert_eq!(paths(r#"{"a.b":null,"a":{"b":"é"}}"#, "a.b").as_deref(), Some("\"é\""));
    assert_eq!(paths(r#"{"a":1,"a":2}"#, "a").as_deref(), Some("1"));
    assert!(at_path(&LargeStringArray::from(vec!["[1]"]), "a").is_err());
}

#[test]
fn scalars_of_every_type() {
    let rows = LargeStringArray::from(vec![
        Some(r#""é\n""#),
        Some("-1.5e3"),
        Some("true"),
        Some(r#"[1,"2.5",null,["TRUE"],{}]"#),
        Some("{}"),
        None,
        Some("null"),
        Some(r#""inf""#),
        Some("12345678901234567890"),
    ]);
    let table = scalars(&rows, true).unwrap();
    let of: Vec<_> = table.column(0).as_primitive::<Int64Type>().iter().flatten().collect();
    assert_eq!(of, [0, 1, 2, 3, 3, 3, 7, 8]);
    let texts: Vec<_> = table.column(1).as_string::<i64>().iter().flatten().collect();
    assert_eq!(texts, ["é\n", "-1.5e3", "true", "1", "2.5", "TRUE", "inf", "12345678901234567890"]);
    let numbers: Vec<_> = table.column(2).as_primitive::<Float64Type>().iter().collect();
    let expected =
        [None, Some(-1500.0), None, Some(1.0), Some(2.5), None, None, Some(12345678901234567890.0)];
    assert_eq!(numbers, expected);
    let booleans: Vec<_> = table.column(3).as_boolean().iter().collect();
    assert_eq!(booleans, [None, None, Some(true), None, None, Some(true), None, None]);
    let plain = scalars(&LargeStringArray::from(vec![Some("[1]"), Some(" 7 "), None]), false).unwrap();
    assert_eq!(plain.num_rows(), 2);
    assert_eq!(plain.column(2).as_primitive::<Float64Type>().iter().collect::<Vec<_>>(), [None, Some(7.0)]);
}

#[test]
fn lists_in_lists_without_end_overflow_no_stack() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let rows = LargeStringArray::from(vec![nested(20), nested(100_000)]);
    assert_eq!(scalars(&rows, true).unwrap().num_rows(), 1);
    let inner = format!(r#"{{"a":{}}}"#, nested(100_000).replace('1', r#"{"b":1}"#));
    assert_eq!(paths(&inner, "a.b"), None);
}

proptest! {
    #[test]
    fn any_path_of_any_object(json in "\\{(\"[a-b.]{0,3}\":(1|\"é\"|null|\\[1,2\\]|\\{\"b\":2\\}),){0,3}\"z\":0\\}", path in "[abz.é]{0,5}") {
        let rows = LargeStringArray::from(vec![json.as_str()]);
        let values = at_path(&rows, &path).unwrap();
        prop_assert!(scalars(&values, true).unwrap().num_rows() <= 2);
    }

    #[test]
    fn any_bytes_have_scalars_or_none(json in ".{0,40}") {
        let rows = LargeStringArray::from(vec![json.as_str()]);
        scalars(&rows, true).unwrap();
        scalars(&rows, false).unwrap();
    }
}

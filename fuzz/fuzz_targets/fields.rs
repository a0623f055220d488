//! Fields of JSON objects, on any text and on any text as a value.
#![no_main]

use arrow_array::LargeStringArray;
use cupel_kernels::fields::{ColumnType, at_path, kinds, scalars, split};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let inside = format!("{{\"a\":{text},\"b\":[{text}]}}");
    for json in [text, &inside] {
        let column = LargeStringArray::from(vec![Some(json), None, Some("{\"a\":null}")]);
        for json in [true, false] {
            assert!(scalars(&column, json).is_ok());
        }
        for path in ["a", "b.a", text] {
            // An object that can be counted can be searched.
            if let Ok(values) = at_path(&column, path) {
                assert!(scalars(&values, true).is_ok());
            } else {
                assert!(kinds(&column).is_err());
            }
        }
        let names = ["a".to_owned(), "b".to_owned()];
        for scalar in [
            arrow_schema::DataType::Boolean,
            arrow_schema::DataType::Int64,
            arrow_schema::DataType::UInt64,
            arrow_schema::DataType::Float64,
            arrow_schema::DataType::LargeUtf8,
        ] {
            let types = [false, true].map(|list| ColumnType { scalar: scalar.clone(), list });
            let parted = split(&column, &names, &types);
            // What cannot be counted cannot be taken apart, and the other way round.
            assert_eq!(kinds(&column).is_ok(), parted.is_ok());
            if let Ok(parted) = parted {
                assert_eq!(parted.num_rows(), 3);
            }
        }
    }
});

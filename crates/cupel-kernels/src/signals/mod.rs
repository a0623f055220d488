//! What can be measured of a text, in one pass over a column of texts.

mod characters;
mod code;
pub mod columns;
mod dclm;
mod grams;
mod hashing;
mod lexical;
mod lines;
mod meter;
mod options;
mod phrases;
mod redpajama;
mod vocabulary;

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder};
use arrow_array::{Array, ArrayRef, LargeStringArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};

use crate::KernelError;
use columns::{Kind, Row};
use meter::Meter;
pub use options::Options;

/// The longest text that is measured, in bytes: offsets are 32 bits wide.
pub const MAX_BYTES: usize = u32::MAX as usize - 1024;

/// The asked columns, one row per text, in the order asked. A null text counts as an empty one.
pub fn measure(
    text: &LargeStringArray,
    names: &[String],
    options: &Options,
) -> Result<RecordBatch, KernelError> {
    let specs = names.iter().map(|name| columns::find(name)).collect::<Result<Vec<_>, _>>()?;
    let mut meter = Meter::new(specs.iter().map(|spec| spec.group), options)?;
    let mut written: Vec<Writer> = specs.iter().map(|spec| Writer::new(spec.kind, text.len())).collect();
    for index in 0..text.len() {
        let document = if text.is_null(index) { "" } else { text.value(index) };
        if document.len() > MAX_BYTES {
            return Err(KernelError::BadInput(format!(
                "row {index} is {} bytes long; a text may have at most {MAX_BYTES}",
                document.len()
            )));
        }
        let row = meter.measure(document);
        for (writer, spec) in written.iter_mut().zip(&specs) {
            writer.push(row, *spec);
        }
    }
    let fields: Vec<Field> =
        specs.iter().map(|spec| Field::new(spec.name, data_type(spec.kind), true)).collect();
    let arrays: Vec<ArrayRef> = written.into_iter().map(Writer::finish).collect();
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(text.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .map_err(|error| KernelError::BadInput(error.to_string()))
}

fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Count => DataType::Int64,
        Kind::Real => DataType::Float64,
        Kind::Mark => DataType::Boolean,
    }
}

enum Writer {
    Count(Int64Builder),
    Real(Float64Builder),
    Mark(BooleanBuilder),
}

impl Writer {
    fn new(kind: Kind, rows: usize) -> Self {
        match kind {
            Kind::Count => Self::Count(Int64Builder::with_capacity(rows)),
            Kind::Real => Self::Real(Float64Builder::with_capacity(rows)),
            Kind::Mark => Self::Mark(BooleanBuilder::with_capacity(rows)),
        }
    }

    fn push(&mut self, row: &Row, spec: columns::Spec) {
        let value = row.get(spec.column);
        match self {
            Self::Count(builder) => builder.append_value(value as i64),
            // No measure gives a NaN but to say that it has no value.
            Self::Real(builder) => builder.append_option((!value.is_nan()).then_some(value)),
            Self::Mark(builder) => builder.append_value(value != 0.0),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Count(mut builder) => Arc::new(builder.finish()),
            Self::Real(mut builder) => Arc::new(builder.finish()),
            Self::Mark(mut builder) => Arc::new(builder.finish()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Segmentation;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Float64Type;
    use proptest::prelude::*;

    fn check(text: &str, segmentation: Segmentation) -> Result<(), TestCaseError> {
        let options = Options {
            segmentation,
            stop_words: Some(vec!["a".into(), "the".into(), "something long".into()]),
            bad_words: Some(vec!["a".into(), "\u{e01}".into()]),
        };
        let names: Vec<String> = columns::ALL.iter().map(|spec| spec.name.to_owned()).collect();
        let array = LargeStringArray::from(vec![Some(text), None]);
        let batch = measure(&array, &names, &options).unwrap();
        for (spec, column) in columns::ALL.iter().zip(batch.columns()) {
            if spec.kind != Kind::Real {
                continue;
            }
            for value in column.as_primitive::<Float64Type>().iter().flatten() {
                prop_assert!(value.is_finite(), "{} is {}", spec.name, value);
                if spec.name.ends_with("_fraction") && !spec.name.contains("top_") {
                    prop_assert!((0.0..=1.0).contains(&value), "{} is {}", spec.name, value);
                }
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn no_panic_and_shares_are_shares(text in ".*") {
            check(&text, Segmentation::Unicode)?;
            check(&text, Segmentation::Whitespace)?;
        }

        #[test]
        fn no_panic_on_repeated_pieces(
            text in "([ab]|a b|<a>|<script>|\n|\\. |\u{301}|\u{1f600}|the |\r|--|html|1a\\.m\\.){0,120}",
        ) {
            check(&text, Segmentation::Unicode)?;
        }

        #[test]
        fn no_panic_on_bytes_read_lossily(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            check(&String::from_utf8_lossy(&bytes), Segmentation::Unicode)?;
        }
    }

    #[test]
    fn unknown_columns_are_refused() {
        let texts = LargeStringArray::from(vec!["a"]);
        let refused = measure(&texts, &["word_cuont".to_owned()], &Options::default());
        assert!(matches!(refused, Err(KernelError::UnknownName { .. })));
    }
}

//! Spans of texts: lists of byte ranges, one list a document, and texts without them.

use std::sync::Arc;

use arrow_array::builder::LargeStringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, LargeListArray, LargeStringArray, StructArray};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Fields};

use super::column::{Texts, same_length};
use crate::KernelError;

/// Gathers `start..stop` ranges, row by row; ranges of a row that touch or overlap become one.
#[derive(Debug, Default)]
pub struct SpanLists {
    starts: Vec<i64>,
    stops: Vec<i64>,
    offsets: Vec<i64>,
}

impl SpanLists {
    pub fn new() -> Self {
        Self { starts: Vec::new(), stops: Vec::new(), offsets: vec![0] }
    }

    /// The next range of this row; ranges come by ascending start.
    pub fn push(&mut self, start: usize, stop: usize) {
        let (start, stop) = (start as i64, stop as i64);
        let row = self.offsets.last().copied().unwrap_or(0) as usize;
        match self.stops.last_mut() {
            Some(last) if self.starts.len() > row && *last >= start => *last = stop.max(*last),
            _ => {
                self.starts.push(start);
                self.stops.push(stop);
            }
        }
    }

    /// The next range of this row, which stays one of its own.
    pub fn push_apart(&mut self, start: usize, stop: usize) {
        self.starts.push(start as i64);
        self.stops.push(stop as i64);
    }

    /// Ends this row.
    pub fn end_row(&mut self) {
        self.offsets.push(self.starts.len() as i64);
    }

    /// `list<struct<start: int64, stop: int64>>`.
    pub fn finish(self) -> Result<LargeListArray, KernelError> {
        let columns: Vec<ArrayRef> =
            vec![Arc::new(Int64Array::from(self.starts)), Arc::new(Int64Array::from(self.stops))];
        let wrong = |error: arrow_schema::ArrowError| KernelError::BadInput(error.to_string());
        let values = StructArray::try_new(span_fields(), columns, None).map_err(wrong)?;
        let field = Arc::new(Field::new("item", DataType::Struct(span_fields()), true));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        LargeListArray::try_new(field, offsets, Arc::new(values), None).map_err(wrong)
    }
}

fn span_fields() -> Fields {
    Fields::from(vec![Field::new("start", DataType::Int64, true), Field::new("stop", DataType::Int64, true)])
}

/// Lists of byte ranges, as `SpanLists` makes them.
pub struct Spans<'a> {
    lists: &'a LargeListArray,
    starts: &'a [i64],
    stops: &'a [i64],
}

impl<'a> Spans<'a> {
    /// # Errors
    /// `BadInput` for anything but `list<struct<start: int64, stop: int64>>`.
    pub fn new(array: &'a dyn Array) -> Result<Self, KernelError> {
        let wrong = || {
            let found = array.data_type();
            KernelError::BadInput(format!(
                "spans: expected large lists of start and stop, int64, got {found}"
            ))
        };
        let lists = array.as_list_opt::<i64>().ok_or_else(wrong)?;
        let fields = lists.values().as_struct_opt().ok_or_else(wrong)?;
        let column = |name: &str| {
            let values = fields.column_by_name(name)?.as_primitive_opt::<Int64Type>()?;
            Some(values.values().as_ref())
        };
        let (starts, stops) = (column("start").ok_or_else(wrong)?, column("stop").ok_or_else(wrong)?);
        Ok(Self { lists, starts, stops })
    }

    pub fn len(&self) -> usize {
        self.lists.len()
    }

    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// The ranges of a row; none where it is null. A number below zero is given as the largest there is.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (usize, usize)> + use<'a> {
        let ends = self.lists.value_offsets();
        let range = if self.lists.is_valid(row) { ends[row] as usize..ends[row + 1] as usize } else { 0..0 };
        let as_place = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
        let pairs = self.starts[range.clone()].iter().zip(&self.stops[range]);
        pairs.map(move |(&start, &stop)| (as_place(start), as_place(stop)))
    }
}

/// Each text without its spans: byte ranges, ascending, on character boundaries. No spans (or
/// null) leave a text as it is.
///
/// # Errors
/// `BadInput` for spans that do not fit the text.
pub fn cut_spans(text: &dyn Array, spans: &dyn Array) -> Result<LargeStringArray, KernelError> {
    let texts = Texts::new(text)?;
    let spans = Spans::new(spans)?;
    same_length(("text", texts.len()), ("spans", spans.len()))?;
    let mut out = LargeStringBuilder::new();
    let mut left = String::new();
    for row in 0..texts.len() {
        let Some(text) = texts.get(row) else {
            out.append_null();
            continue;
        };
        left.clear();
        let mut at = 0;
        for (start, stop) in spans.row(row) {
            left.push_str(text.get(at..start).ok_or_else(|| misfit(row))?);
            if stop < start {
                return Err(misfit(row));
            }
            at = stop;
        }
        left.push_str(text.get(at..).ok_or_else(|| misfit(row))?);
        out.append_value(&left);
    }
    Ok(out.finish())
}

fn misfit(row: usize) -> KernelError {
    KernelError::BadInput(format!("row {row}: its spans do not fit its text"))
}

#[cfg(test)]
mod tests {
    use arrow_array::StringArray;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_that_touch_become_one() {
        let mut lists = SpanLists::new();
        lists.push(0, 2);
        lists.push(2, 3);
        lists.push(5, 6);
        lists.end_row();
        lists.push(6, 7);
        lists.end_row();
        let spans = lists.finish().unwrap();
        assert_eq!((spans.value_length(0), spans.value_length(1)), (2, 1));
        let texts = StringArray::from(vec!["abcdefg", "abcdefé"]);
        assert!(cut_spans(&texts, &spans).is_err(), "inside of é");
    }

    proptest! {
        #[test]
        fn what_is_cut_is_gone(text in "[a-zé東]{0,30}", marks in prop::collection::vec(any::<bool>(), 30)) {
            let mut lists = SpanLists::new();
            let mut expected = String::new();
            for ((at, c), gone) in text.char_indices().zip(marks) {
                if gone {
                    lists.push(at, at + c.len_utf8());
                } else {
                    expected.push(c);
                }
            }
            lists.end_row();
            let left = cut_spans(&StringArray::from(vec![text]), &lists.finish().unwrap()).unwrap();
            prop_assert_eq!(left.value(0), expected);
        }
    }
}

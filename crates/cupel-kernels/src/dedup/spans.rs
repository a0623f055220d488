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
            let data_type = array.data_type();
            KernelError::BadInput(format!(
                "spans: expected large lists of start and stop, int64, got {data_type}"
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
/// What stands on both sides of a cut does not become one word: where whole lines are cut nothing is changed,
/// elsewhere one white space stays between the two sides, the one that parts them the most.
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
        let (mut at, mut cut) = (0, None);
        for (start, stop) in spans.row(row) {
            join(&mut left, cut, text.get(at..start).ok_or_else(|| misfit(row))?);
            cut = Some(text.get(start..stop).ok_or_else(|| misfit(row))?);
            at = stop;
        }
        join(&mut left, cut, text.get(at..).ok_or_else(|| misfit(row))?);
        out.append_value(&left);
    }
    Ok(out.finish())
}

/// Adds what follows a cut to what is left of a text.
fn join(left: &mut String, cut: Option<&str>, right: &str) {
    let Some(cut) = cut else {
        left.push_str(right);
        return;
    };
    let at_line = left.is_empty() || left.ends_with(['\n', '\r']);
    if at_line && (right.is_empty() || cut.ends_with(['\n', '\r'])) {
        left.push_str(right);
        return;
    }
    let (before, after) = (left.trim_end().len(), right.trim_start());
    if before > 0 && !after.is_empty() {
        let (trailing, leading) = (&left[before..], &right[..right.len() - after.len()]);
        let runs = cut.split(|c: char| !c.is_whitespace());
        let mut widest = "";
        for run in [trailing, leading].into_iter().chain(runs) {
            if widest.is_empty() || line_ends(run) > line_ends(widest) {
                widest = run;
            }
        }
        let separator = match (line_ends(widest), widest.contains('\t')) {
            (0, false) => " ".to_owned(),
            (0, true) => "\t".to_owned(),
            _ => widest.to_owned(),
        };
        left.truncate(before);
        left.push_str(&separator);
    } else {
        left.truncate(before);
    }
    left.push_str(after);
}

fn line_ends(white_space: &str) -> usize {
    let feeds = white_space.matches('\n').count();
    if feeds > 0 { feeds } else { white_space.matches('\r').count() }
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

    fn without(text: &str, cuts: &[&str]) -> String {
        let mut lists = SpanLists::new();
        for cut in cuts {
            let start = text.find(cut).unwrap();
            lists.push_apart(start, start + cut.len());
        }
        lists.end_row();
        cut_spans(&StringArray::from(vec![text]), &lists.finish().unwrap()).unwrap().value(0).to_owned()
    }

    #[test]
    fn a_cut_glues_no_words() {
        assert_eq!(without("left copy right", &[" copy "]), "left right");
        assert_eq!(without("left copy right", &["copy"]), "left right");
        assert_eq!(without("東京大阪京都", &["大阪"]), "東京 京都");
        assert_eq!(without("left. copy.\n\nIt is.\nright", &["copy.\n\nIt is.\n"]), "left.\n\nright");
        assert_eq!(without("a\tb\tc", &["b"]), "a\tc");
        assert_eq!(without("copy left", &["copy"]), "left");
        assert_eq!(without("left copy", &["copy"]), "left");
        assert_eq!(without("a one b two c", &["one", "two"]), "a b c");
        assert_eq!(without("one\r\ncopy\r\ntwo", &["copy"]), "one\r\ntwo");
    }

    #[test]
    fn whole_lines_go_and_no_more() {
        assert_eq!(without("one\ncopy\n    two", &["copy\n"]), "one\n    two");
        assert_eq!(without("copy\n  two\n", &["copy\n"]), "  two\n");
        assert_eq!(without("one \ncopy", &["copy"]), "one \n");
        assert_eq!(without("copy", &["copy"]), "");
    }

    proptest! {
        #[test]
        fn all_that_is_not_cut_stays(text in "[a-zé東 \n]{0,30}", marks in prop::collection::vec(any::<bool>(), 30)) {
            let mut lists = SpanLists::new();
            let mut expected = String::new();
            for ((at, c), cut) in text.char_indices().zip(marks) {
                if cut {
                    lists.push(at, at + c.len_utf8());
                } else if !c.is_whitespace() {
                    expected.push(c);
                }
            }
            lists.end_row();
            let left = cut_spans(&StringArray::from(vec![text]), &lists.finish().unwrap()).unwrap();
            let left: String = left.value(0).chars().filter(|c| !c.is_whitespace()).collect();
            prop_assert_eq!(left, expected);
        }
    }
}

//! Lines of JSON, one object each, as columns of documents.
//!
//! Most lines of most files are plain: these become columns here. A line that is anything else (no
//! JSON, a text that is null, an integer beyond 64 bits) is left to the caller, who says what it is.

mod canonical;
mod layout;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow_array::builder::{Int64Builder, LargeStringBuilder};
use arrow_array::{ArrayRef, RecordBatch};

use crate::KernelError;
pub use layout::Layout;

/// Where a block of lines lies in its file.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The `doc` and the position of its first line.
    pub first_doc: i64,
    pub first_position: i64,
    /// Whether both count lines, not bytes.
    pub numbered: bool,
}

/// A line that is left to the caller: bytes `start..stop` of the block, without the line feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// How many of the documents come before it.
    pub documents: usize,
    /// Its number among the lines of the block.
    pub line: usize,
    pub start: usize,
    pub stop: usize,
}

/// What a block of lines holds.
#[derive(Debug)]
pub struct Rows {
    /// `doc`, `id`, `text`, `source`, `url`, `position`, `metadata`.
    pub documents: RecordBatch,
    pub left: Vec<Left>,
    /// How many lines there are, blank ones counted.
    pub lines: usize,
}

#[derive(Default)]
struct Columns {
    doc: Int64Builder,
    id: LargeStringBuilder,
    text: LargeStringBuilder,
    source: LargeStringBuilder,
    url: LargeStringBuilder,
    position: Int64Builder,
    metadata: LargeStringBuilder,
}

impl Columns {
    fn finish(mut self) -> Result<RecordBatch, KernelError> {
        let columns: [(&str, ArrayRef); 7] = [
            ("doc", Arc::new(self.doc.finish())),
            ("id", Arc::new(self.id.finish())),
            ("text", Arc::new(self.text.finish())),
            ("source", Arc::new(self.source.finish())),
            ("url", Arc::new(self.url.finish())),
            ("position", Arc::new(self.position.finish())),
            ("metadata", Arc::new(self.metadata.finish())),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
            .map_err(|error| KernelError::BadInput(error.to_string()))
    }
}

/// The documents in a block of whole lines, and the lines that are none; blank ones are passed over.
///
/// # Errors
/// None that a block can cause: `BadInput` where Arrow refuses the columns.
pub fn read(block: &[u8], layout: &Layout, place: Place) -> Result<Rows, KernelError> {
    let mut columns = Columns::default();
    let mut row = layout::Row::default();
    let mut left = Vec::new();
    let (mut documents, mut lines, mut start) = (0, 0, 0);
    while start < block.len() {
        let rest = block.get(start..).unwrap_or_default();
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest.get(..length).unwrap_or_default();
        if row.read(line, layout) {
            let behind = if place.numbered { lines } else { start } as i64;
            columns.doc.append_value(place.first_doc + behind);
            columns.position.append_value(place.first_position + behind);
            columns.id.append_value(row.id());
            columns.text.append_value(row.text());
            columns.source.append_value(row.source().unwrap_or(&layout.default_source));
            columns.url.append_option(row.url());
            columns.metadata.append_value(row.metadata());
            documents += 1;
        } else if !line.iter().all(|byte| matches!(byte, b' ' | 0x09..=0x0d)) {
            left.push(Left { documents, line: lines, start, stop: start + length });
        }
        lines += 1;
        start += length + 1;
    }
    Ok(Rows { documents: columns.finish()?, left, lines })
}

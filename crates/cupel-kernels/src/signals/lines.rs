//! Measures of lines and paragraphs.

use super::columns::{Column, Row};
use super::hashing::RangeSet;
use crate::text::lines::{
    code_points, is_python_space, newline_pieces, newline_run_pieces, paragraph_pieces,
    split_lines, strip,
};
use crate::text::properties::{Properties, TERMINAL};

/// A line longer than this is long, as StarCoder has it: a thousand characters.
const LONG_LINE: usize = 1000;
/// A line up to this long is short, as FineWeb has it.
const SHORT_LINE: usize = 30;

/// Lines as `splitlines` gives them: bullets, ellipses, lengths.
pub fn lines(text: &str, row: &mut Row) {
    let (mut count, mut bullets, mut ellipses) = (0, 0, 0);
    let (mut longest, mut total, mut long) = (0, 0, 0);
    for line in split_lines(text) {
        count += 1;
        let body = line.trim_start_matches(is_python_space);
        bullets += usize::from(body.starts_with(['•', '-']));
        let body = body.trim_end_matches(is_python_space);
        ellipses += usize::from(body.ends_with("...") || body.ends_with('…'));
        let length = code_points(line.as_bytes());
        longest = longest.max(length);
        total += length;
        long += usize::from(length > LONG_LINE);
    }
    row.count(Column::LineCount, count);
    row.ratio(Column::BulletLineFraction, bullets, count);
    row.ratio(Column::EllipsisLineFraction, ellipses, count);
    row.count(Column::MaxLineLength, longest);
    row.ratio(Column::MeanLineLength, total, count);
    row.ratio(Column::LongLineFraction, long, count);
}

/// How many pieces occurred before, and their code points; and how many pieces there are.
fn duplicates(
    bytes: &[u8],
    pieces: impl Iterator<Item = (usize, usize)>,
    set: &mut RangeSet,
) -> (usize, usize, usize) {
    let (mut count, mut repeated, mut characters) = (0, 0, 0);
    set.clear(bytes.len() / 64);
    for (start, end) in pieces {
        count += 1;
        if !set.insert(bytes, start, end) {
            repeated += 1;
            characters += code_points(&bytes[start..end]);
        }
    }
    (count, repeated, characters)
}

/// Lines between runs of `\n`, and paragraphs between runs of two or more, that occur again.
pub fn repeats(text: &str, characters: usize, set: &mut RangeSet, row: &mut Row) {
    let body = strip(text);
    let bytes = body.as_bytes();
    let (count, repeated, length) = duplicates(bytes, paragraph_pieces(bytes), set);
    row.count(
        Column::ParagraphCount,
        if body.is_empty() { 0 } else { count },
    );
    row.ratio(Column::DuplicateParagraphFraction, repeated, count);
    row.ratio(
        Column::DuplicateParagraphCharacterFraction,
        length,
        characters,
    );
    let bytes = text.as_bytes();
    let (count, repeated, length) = duplicates(bytes, newline_run_pieces(bytes), set);
    row.ratio(Column::DuplicateLineFraction, repeated, count);
    row.ratio(Column::DuplicateLineCharacterFraction, length, characters);
}

/// Lines between single `\n` that are not blank: how they end, how short they are, which repeat.
pub fn nonblank(text: &str, characters: usize, set: &mut RangeSet, row: &mut Row) {
    let properties = Properties::shared();
    let bytes = text.as_bytes();
    let (mut count, mut newlines, mut terminal, mut short, mut repeated) = (0, 0, 0, 0, 0);
    set.clear(bytes.len() / 64);
    for (start, end) in newline_pieces(bytes) {
        newlines += 1;
        let line = &text[start..end];
        if line.chars().all(is_python_space) {
            continue;
        }
        count += 1;
        let length = code_points(line.as_bytes());
        terminal += usize::from(
            line.chars()
                .next_back()
                .is_some_and(|c| properties.has(c, TERMINAL)),
        );
        short += usize::from(length <= SHORT_LINE);
        if !set.insert(bytes, start, end) {
            repeated += length;
        }
    }
    // One piece more than there are newlines.
    let without_newlines = characters.saturating_sub(newlines - 1);
    row.count(Column::NonblankLineCount, count);
    row.ratio(Column::TerminalPunctuationLineFraction, terminal, count);
    row.ratio(Column::ShortLineFraction, short, count);
    row.ratio(
        Column::DuplicateNonblankLineCharacterFraction,
        repeated,
        without_newlines,
    );
}

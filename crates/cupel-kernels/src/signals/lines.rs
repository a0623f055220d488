//! Measures of lines and paragraphs.

use super::columns::{Column, Row};
use super::hashing::RangeSet;
use crate::text::lines::{
    code_points, has_rare_line_ends, is_python_space, newline_pieces, paragraph_pieces, split_lines, strip,
};
use crate::text::properties::{Properties, TERMINAL};

/// A line longer than this is long, as StarCoder has it: a thousand characters.
const LONG_LINE: usize = 1000;
/// A line up to this long is short, as FineWeb has it.
const SHORT_LINE: usize = 30;

/// Which measures of lines are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Lines as `splitlines` gives them: bullets, ellipses, lengths.
    pub lines: bool,
    /// Lines between runs of `\n`, and paragraphs between runs of two or more, that occur again.
    pub repeats: bool,
    /// Lines between single `\n` that are not blank: how they end, how short they are, which repeat.
    pub nonblank: bool,
}

/// The measures asked for; but for paragraphs and rare line ends, in one pass over the lines.
pub fn measure(text: &str, characters: usize, asked: Asked, set: &mut RangeSet, row: &mut Row) {
    let plain = !has_rare_line_ends(text);
    if asked.lines && !plain {
        let mut lines = Lines::default();
        for line in split_lines(text) {
            lines.see(line, line.trim_start_matches(is_python_space), code_points(line.as_bytes()));
        }
        lines.write(row);
    }
    if asked.repeats {
        paragraphs(text, characters, set, row);
    }
    if (asked.lines && plain) || asked.repeats || asked.nonblank {
        pieces(text, characters, Asked { lines: asked.lines && plain, ..asked }, set, row);
    }
}

/// What is between `\n`.
fn pieces(text: &str, characters: usize, asked: Asked, set: &mut RangeSet, row: &mut Row) {
    let bytes = text.as_bytes();
    let unique = asked.repeats || asked.nonblank;
    let mut lines = Lines::default();
    let mut nonblank = Nonblank::default();
    let (mut newlines, mut filled, mut repeated, mut repeated_characters) = (0, 0, 0, 0);
    if unique {
        set.clear(bytes.len() / 64);
    }
    for (start, end) in newline_pieces(bytes) {
        newlines += 1;
        if start == end {
            // The end of a text that ends in `\n` begins no line.
            lines.count += usize::from(end < bytes.len());
            continue;
        }
        filled += 1;
        let line = &text[start..end];
        let body = line.trim_start_matches(is_python_space);
        let length = code_points(line.as_bytes());
        let repeats = unique && !set.insert(bytes, start, end);
        if repeats {
            repeated += 1;
            repeated_characters += length;
        }
        if asked.lines {
            lines.see(line, body, length);
        }
        if asked.nonblank && !body.is_empty() {
            nonblank.see(line, length, repeats);
        }
    }
    if asked.lines {
        lines.write(row);
    }
    if asked.repeats {
        // A text that begins or ends with `\n` has an empty piece there.
        let (first, last) = (bytes.first() == Some(&b'\n'), bytes.last() == Some(&b'\n'));
        let count = filled + usize::from(first) + usize::from(last || bytes.is_empty());
        row.ratio(Column::DuplicateLineFraction, repeated + usize::from(first && last), count);
        row.ratio(Column::DuplicateLineCharacterFraction, repeated_characters, characters);
    }
    if asked.nonblank {
        // One piece more than there are newlines.
        nonblank.write(characters.saturating_sub(newlines - 1), row);
    }
}

#[derive(Debug, Default)]
struct Lines {
    count: usize,
    bullets: usize,
    ellipses: usize,
    longest: usize,
    total: usize,
    long: usize,
}

impl Lines {
    /// `body` is the line without white space before it.
    fn see(&mut self, line: &str, body: &str, length: usize) {
        self.count += 1;
        self.bullets += usize::from(body.starts_with(['•', '-']));
        let body = line.trim_end_matches(is_python_space);
        self.ellipses += usize::from(body.ends_with("...") || body.ends_with('…'));
        self.longest = self.longest.max(length);
        self.total += length;
        self.long += usize::from(length > LONG_LINE);
    }

    fn write(&self, row: &mut Row) {
        row.count(Column::LineCount, self.count);
        row.ratio(Column::BulletLineFraction, self.bullets, self.count);
        row.ratio(Column::EllipsisLineFraction, self.ellipses, self.count);
        row.count(Column::MaxLineLength, self.longest);
        row.ratio(Column::MeanLineLength, self.total, self.count);
        row.ratio(Column::LongLineFraction, self.long, self.count);
    }
}

#[derive(Debug, Default)]
struct Nonblank {
    count: usize,
    terminal: usize,
    short: usize,
    repeated: usize,
}

impl Nonblank {
    fn see(&mut self, line: &str, length: usize, repeats: bool) {
        let properties = Properties::shared();
        self.count += 1;
        self.terminal += usize::from(line.chars().next_back().is_some_and(|c| properties.has(c, TERMINAL)));
        self.short += usize::from(length <= SHORT_LINE);
        self.repeated += if repeats { length } else { 0 };
    }

    fn write(&self, characters_without_newlines: usize, row: &mut Row) {
        row.count(Column::NonblankLineCount, self.count);
        row.ratio(Column::TerminalPunctuationLineFraction, self.terminal, self.count);
        row.ratio(Column::ShortLineFraction, self.short, self.count);
        row.ratio(Column::DuplicateNonblankLineCharacterFraction, self.repeated, characters_without_newlines);
    }
}

/// Paragraphs that occur again.
fn paragraphs(text: &str, characters: usize, set: &mut RangeSet, row: &mut Row) {
    let body = strip(text);
    let bytes = body.as_bytes();
    let (mut count, mut repeated, mut length) = (0, 0, 0);
    set.clear(bytes.len() / 256);
    for (start, end) in paragraph_pieces(bytes) {
        count += 1;
        if !set.insert(bytes, start, end) {
            repeated += 1;
            length += code_points(&bytes[start..end]);
        }
    }
    row.count(Column::ParagraphCount, if body.is_empty() { 0 } else { count });
    row.ratio(Column::DuplicateParagraphFraction, repeated, count);
    row.ratio(Column::DuplicateParagraphCharacterFraction, length, characters);
}

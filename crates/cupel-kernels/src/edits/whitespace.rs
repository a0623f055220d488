//! White space: runs, line ends, blank lines.

use std::sync::Arc;

use arrow_array::{Array, Int64Array, LargeStringArray, RecordBatch};

use super::{batch, rewrite};
use crate::KernelError;
use crate::text::lines::{code_points, is_python_space};

/// What is done to white space.
#[derive(Debug, Clone)]
pub struct Options {
    /// Runs of spaces, tabs and no-break spaces inside a line become one space.
    pub collapse_spaces: bool,
    /// White space at the start of lines stays.
    pub keep_indentation: bool,
    /// White space at the end of lines goes.
    pub strip_line_ends: bool,
    /// Longer runs of blank lines are cut to this many; none leaves them.
    pub max_blank_lines: Option<usize>,
}

/// Columns `text` and `whitespace_removed_characters`.
///
/// # Errors
/// `BadInput` where the columns cannot be put together.
pub fn edit(text: &LargeStringArray, options: &Options) -> Result<RecordBatch, KernelError> {
    let mut removed = Vec::with_capacity(text.len());
    let edited = rewrite(text, |text, out| clean(text, options, out));
    for row in 0..text.len() {
        let count = |text: &LargeStringArray| match text.is_valid(row) {
            true => code_points(text.value(row).as_bytes()) as i64,
            false => 0,
        };
        removed.push(if text.is_valid(row) && text.value(row).len() != edited.value(row).len() {
            count(text) - count(&edited)
        } else {
            0
        });
    }
    batch(edited, vec![("whitespace_removed_characters", Arc::new(Int64Array::from(removed)))])
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{a0}')
}

fn clean(text: &str, options: &Options, out: &mut String) -> bool {
    let mut blanks = 0;
    for (number, line) in text.split('\n').enumerate() {
        let blank = line.chars().all(is_python_space);
        blanks = if blank { blanks + 1 } else { 0 };
        if options.max_blank_lines.is_some_and(|max_blanks| blanks > max_blanks || (blank && out.is_empty()))
        {
            continue;
        }
        // A line of white space alone is an empty one, so that blank lines look alike.
        let line = if blank && options.strip_line_ends { "" } else { line };
        if number > 0 && !(options.max_blank_lines.is_some() && out.is_empty()) {
            out.push('\n');
        }
        add_line(line, options, out);
    }
    if options.max_blank_lines.is_some() {
        let end = out.trim_end_matches(is_python_space).len();
        let end = if options.strip_line_ends {
            end
        } else {
            end + out[end..].find('\n').unwrap_or(out.len() - end)
        };
        out.truncate(end);
    }
    out != text
}

fn add_line(line: &str, options: &Options, out: &mut String) {
    let line = if options.strip_line_ends { line.trim_end_matches(is_python_space) } else { line };
    let body = line.trim_start_matches(is_blank);
    if options.keep_indentation {
        out.push_str(&line[..line.len() - body.len()]);
    }
    if !options.collapse_spaces {
        out.push_str(body);
        return;
    }
    let mut rest = body;
    while let Some(start) = rest.find(is_blank) {
        let after = rest[start..].trim_start_matches(is_blank);
        let run = &rest[start..rest.len() - after.len()];
        out.push_str(&rest[..start]);
        // One blank alone stays what it is.
        out.push_str(if run.chars().nth(1).is_some() { " " } else { run });
        rest = after;
    }
    out.push_str(rest);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cleaned(text: &str, options: &Options) -> String {
        let mut out = String::new();
        clean(text, options, &mut out);
        out
    }

    const ALL: Options = Options {
        collapse_spaces: true,
        keep_indentation: true,
        strip_line_ends: true,
        max_blank_lines: Some(1),
    };

    #[test]
    fn runs_ends_and_blank_lines() {
        assert_eq!(cleaned("\n\n a  b\t\tc \r\n\n \n\nd\u{a0}e\n\n", &ALL), " a b c\n\nd\u{a0}e");
        assert_eq!(cleaned(" a  b", &Options { keep_indentation: false, ..ALL }), "a b");
        assert_eq!(cleaned("a\n\n\n\nb", &Options { max_blank_lines: Some(0), ..ALL }), "a\nb");
        assert_eq!(cleaned("a\n\n\n\nb\n", &Options { max_blank_lines: None, ..ALL }), "a\n\n\n\nb\n");
    }

    proptest! {
        #[test]
        fn cleaning_twice_is_cleaning_once_and_adds_nothing(
            text in "[ab \\t\\n\\r\u{a0}\u{2028}\u{3000}é]{0,40}",
            collapse_spaces: bool, keep_indentation: bool, strip_line_ends: bool,
            max_blank_lines in proptest::option::of(0..3_usize),
        ) {
            let options = Options { collapse_spaces, keep_indentation, strip_line_ends, max_blank_lines };
            let once = cleaned(&text, &options);
            prop_assert!(once.len() <= text.len());
            prop_assert_eq!(&cleaned(&once, &options), &once);
            let letters = |text: &str| text.chars().filter(|c| !is_python_space(*c)).collect::<String>();
            prop_assert_eq!(letters(&once), letters(&text));
        }
    }
}

//! Cutting spans out of a text so that its sentences stay tidy.

use super::address::Span;

const BRACKETS: [(char, char); 4] = [('(', ')'), ('[', ']'), ('<', '>'), ('{', '}')];

/// The text without the spans; so that nothing of them is left behind,
///
/// - brackets around a span go with it;
/// - spaces before it go where a space, a mark or the end of the line follows, and after it at the start of a line;
/// - a line of which nothing else is left goes whole.
pub fn cut(text: &str, spans: &[Span], out: &mut String) {
    out.clear();
    let mut from = 0;
    let mut blank_line = usize::MAX; // the length at which the text so far was seen to end in a blank line
    for &(start, end) in spans {
        out.push_str(&text[from..start.max(from)]);
        let mut end = end.max(from);
        while let Some(width) = brackets(out, &text[end..]) {
            out.pop();
            end += width;
        }
        let blanks = text[end..].bytes().take_while(|&byte| is_blank(byte)).count();
        let rest = &text[end + blanks..];
        let line_ends = rest.is_empty() || rest.starts_with(['\n', '\r']);
        let line_starts = out.len() == blank_line || {
            let left = out.trim_end_matches([' ', '\t']);
            left.is_empty() || left.ends_with('\n')
        };
        let mark = text[end..].starts_with(|c: char| ".,;:!?)]}、。，；：！？）」』】".contains(c));
        if line_ends || !line_starts && (blanks > 0 || mark) {
            out.truncate(out.trim_end_matches([' ', '\t']).len());
        }
        if line_starts || line_ends {
            end += blanks;
        }
        if line_starts && line_ends {
            if rest.is_empty() {
                out.truncate(
                    out.strip_suffix('\n').map_or(out.len(), |left| left.trim_end_matches('\r').len()),
                );
            } else {
                end += rest.len()
                    - rest.strip_prefix('\r').unwrap_or(rest).strip_prefix('\n').unwrap_or(rest).len();
            }
        }
        blank_line = if line_starts { out.len() } else { usize::MAX };
        from = end;
    }
    out.push_str(&text[from..]);
}

/// The bytes of the bracket that closes at once what the text before has opened last.
fn brackets(before: &str, after: &str) -> Option<usize> {
    let open = before.chars().next_back()?;
    let close = after.chars().next()?;
    BRACKETS.contains(&(open, close)).then_some(close.len_utf8())
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

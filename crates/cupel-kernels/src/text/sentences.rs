//! Sentence segmentation.

/// How many sentences `text` holds: runs that end in `.`, `!` or `?` followed by white space or
/// the end. A non-blank text has at least one.
pub fn sentence_count(text: &str) -> usize {
    let mut count = 0;
    let mut open = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if !c.is_whitespace() {
            open = true;
        }
        if matches!(c, '.' | '!' | '?') && chars.peek().is_none_or(|n| n.is_whitespace()) {
            count += 1;
            open = false;
        }
    }
    count + usize::from(open)
}

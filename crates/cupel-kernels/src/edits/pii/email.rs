//! E-mail addresses, as the expression of datatrove (and so FineWeb) finds them.
//!
//! ```text
//! \b atom+ (\. atom+)* @ ( (label \.)+ label | \[ address \] )
//! ```

use memchr::memchr_iter;

use super::{Span, char_before, is_word};

/// All addresses, left to right, none overlapping.
pub fn find(text: &str, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let mut floor = 0;
    for at in memchr_iter(b'@', bytes) {
        if at < floor {
            continue;
        }
        let Some(start) = local_part(text, floor, at) else {
            continue;
        };
        let Some(end) = domain(bytes, at + 1).or_else(|| literal(bytes, at + 1)) else {
            continue;
        };
        spans.push((start, end));
        floor = end;
    }
}

fn is_atom(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte)
}

/// The first place, not before `floor`, where the part before `@` can begin: at a word boundary,
/// with nothing but atoms and single dots up to the `@`.
fn local_part(text: &str, floor: usize, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut first = None;
    let mut start = at;
    while start > floor {
        let byte = bytes[start - 1];
        let dot = byte == b'.';
        if !dot && !is_atom(byte) || dot && (start == at || bytes[start] == b'.') {
            break;
        }
        start -= 1;
        if !dot && char_before(text, start).is_some_and(is_word) != is_word(char::from(byte)) {
            first = Some(start);
        }
    }
    first
}

/// Where the host name that begins at `start` ends: labels of letters, digits and inner hyphens,
/// two at least, with dots between them.
fn domain(bytes: &[u8], start: usize) -> Option<usize> {
    let mut label = start;
    let mut end = None;
    loop {
        let run =
            bytes[label..].iter().take_while(|&&byte| byte.is_ascii_alphanumeric() || byte == b'-').count();
        let hyphens = bytes[label..label + run].iter().rev().take_while(|&&byte| byte == b'-').count();
        if run == hyphens || bytes[label] == b'-' {
            return end;
        }
        let label_end = label + run - hyphens;
        if label > start {
            end = Some(label_end);
        }
        if hyphens > 0 || bytes.get(label_end) != Some(&b'.') {
            return end;
        }
        label = label_end + 1;
    }
}

/// Where an address in brackets ends, as in `[192.168.0.1]` or `[1.2.3.IPv6:]`.
fn literal(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    if bytes.get(at) != Some(&b'[') {
        return None;
    }
    at += 1;
    for _ in 0..3 {
        at += octet(&bytes[at..])?;
        if bytes.get(at) != Some(&b'.') {
            return None;
        }
        at += 1;
    }
    let tag = bytes[at..].iter().take_while(|&&byte| byte.is_ascii_alphanumeric() || byte == b'-').count();
    if tag > 0 && bytes[at + tag - 1] != b'-' && bytes.get(at + tag) == Some(&b':') {
        at += tag + 1;
    } else {
        at += octet(&bytes[at..])?;
    }
    (bytes.get(at) == Some(&b']')).then_some(at + 1)
}

/// How many digits of a number of at most 255 stand here, all digits of the run.
fn octet(bytes: &[u8]) -> Option<usize> {
    let digits = bytes.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    let value = bytes[..digits].iter().fold(0_u32, |value, byte| value * 10 + u32::from(byte - b'0'));
    ((1..=3).contains(&digits) && value <= 255).then_some(digits)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut spans = Vec::new();
        find(text, &mut spans);
        spans.iter().map(|&(start, end)| &text[start..end]).collect()
    }

    #[test]
    fn addresses() {
        assert_eq!(found("a@b.de, c.d+e@f-g.co.uk."), ["a@b.de", "c.d+e@f-g.co.uk"]);
        assert_eq!(found("..a..b@c.d-.e x@y @z.de a@b@c.de"), ["b@c.d", "b@c.de"]);
        assert_eq!(found("éa@b.de é.a@b.de"), ["a@b.de"]);
        assert_eq!(found("a@[1.2.3.4] a@[1.2.3.x-y:] a@[1.2.3.456]"), ["a@[1.2.3.4]", "a@[1.2.3.x-y:]"]);
        assert_eq!(found("a@-b.de a@b.-de a@b.d-"), ["a@b.d"]);
    }

    #[test]
    fn hostile_text_takes_linear_time() {
        let text = "a.".repeat(200_000) + &"@a.".repeat(200_000);
        assert!(found(&text).len() < 200_000);
        assert!(found(&"a@".repeat(400_000)).is_empty());
    }
}

//! E-mail addresses: what a reader would call one, or what the expression of datatrove (and so FineWeb) matches.
//!
//! ```text
//! \b atom+ (\. atom+)* @ ( (label \.)+ label | \[ address \] )
//! ```
//!
//! The former differs where that expression leaves an address readable (next to letters of another script, with
//! letters such as `é` in it) and where it mistakes something for one: package versions (`lodash@4.17.21`), file
//! names (`icon@2x.png`), paths in URLs (`medium.com/@a.b`, `…/photos/1@N0.x`), repositories (`git@host.org:a/b`),
//! handles (`@user@host.social`).

use memchr::memchr_iter;

use super::characters::{Span, char_before, is_latin, is_word};

/// All addresses by datatrove's expression, left to right, none overlapping.
pub fn find_as_datatrove(text: &str, spans: &mut Vec<Span>) {
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

/// All that a reader would call an address, left to right, none overlapping.
pub fn find(text: &str, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let mut floor = 0;
    for at in memchr_iter(b'@', bytes) {
        if at < floor {
            continue;
        }
        let start = plain_local_part(text, floor, at);
        if start == at {
            continue;
        }
        let end = match plain_domain(text, at + 1) {
            Some(end) if is_mail_domain(&text[at + 1..end]) => end,
            _ => match literal(bytes, at + 1) {
                Some(end) => end,
                None => continue,
            },
        };
        let before = char_before(text, start);
        let repository = bytes.get(end) == Some(&b':')
            && bytes
                .get(end + 1)
                .is_some_and(|&byte| byte.is_ascii_alphabetic() || matches!(byte, b'~' | b'/'));
        if before == Some('@') || repository || in_path(text, floor, start) {
            continue;
        }
        spans.push((start, end));
        floor = end;
    }
}

/// Where the part before `@` begins: letters of Latin script, digits, inner dots and a few marks.
fn plain_local_part(text: &str, floor: usize, at: usize) -> usize {
    let mut start = at;
    let mut kept = at;
    for (place, c) in text[floor..at].char_indices().rev() {
        let dot = c == '.';
        if !(dot
            || is_latin(c)
            || c.is_ascii_digit()
            || matches!(c, '_' | '%' | '+' | '-' | '\'' | '~' | '&'))
        {
            break;
        }
        if dot && (start == at || text[start..].starts_with('.')) {
            break;
        }
        start = floor + place;
        // It begins with a letter or digit: quotes and list marks before it are not part of it.
        if is_latin(c) || c.is_ascii_digit() || c == '_' {
            kept = start;
        }
    }
    kept
}

/// Where the host name that begins at `start` ends: as `domain`, with letters of Latin script.
fn plain_domain(text: &str, start: usize) -> Option<usize> {
    let mut end = None;
    let mut label = start;
    loop {
        let rest = &text[label..];
        let run = rest
            .char_indices()
            .find(|&(_, c)| !(is_latin(c) || c.is_ascii_digit() || c == '-'))
            .map_or(rest.len(), |(place, _)| place);
        let name = rest[..run].trim_end_matches('-');
        if name.is_empty() || name.starts_with('-') {
            return end;
        }
        let label_end = label + name.len();
        if label > start && name.chars().any(is_latin) {
            end = Some(label_end);
        }
        if name.len() < run || !text[label_end..].starts_with('.') {
            return end;
        }
        label = label_end + 1;
    }
}

/// Whether a name can receive mail: it is not a version, and its last label is neither a number nor a file ending.
fn is_mail_domain(domain: &str) -> bool {
    const ENDINGS: [&str; 32] = [
        "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "bmp", "tif", "tiff", "psd", "js", "mjs", "cjs",
        "ts", "tsx", "jsx", "css", "scss", "html", "htm", "json", "xml", "yml", "yaml", "txt", "pdf", "jar",
        "tgz", "gz", "exe", "dll",
    ];
    let mut labels = domain.split('.');
    let versioned = labels.next().is_some_and(is_number)
        && labels.next().is_some_and(|label| label.starts_with(|c: char| c.is_ascii_digit()));
    let last = domain.rsplit('.').next().unwrap_or_default();
    let lower = last.to_ascii_lowercase();
    !versioned
        && last.chars().count() >= 2
        && (last.chars().all(is_latin) || lower.starts_with("xn--"))
        && !ENDINGS.contains(&lower.as_str())
}

/// Whether a label is a version's first part: `4`, `v4`.
fn is_number(label: &str) -> bool {
    let digits = label.strip_prefix(['v', 'V']).unwrap_or(label);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether what begins at `start` is in a URL before its query, so a user's name or a path.
fn in_path(text: &str, floor: usize, start: usize) -> bool {
    const LOOKED_BACK: usize = 2048;
    let from = (floor.max(start.saturating_sub(LOOKED_BACK))..=start).find(|&at| text.is_char_boundary(at));
    let before = &text[from.unwrap_or(start)..start];
    let token = before
        .rfind(|c: char| {
            c.is_whitespace() || matches!(c, '"' | '<' | '>' | '(' | ')' | '[' | ']' | ',' | ';' | '|')
        })
        .map_or(before, |end| before.get(end + 1..).unwrap_or_default());
    token.contains("://") && !token.contains('?') || token.ends_with('/') && token.contains('.')
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

    fn addresses_in(text: &str) -> Vec<&str> {
        let mut spans = Vec::new();
        find_as_datatrove(text, &mut spans);
        spans.iter().map(|&(start, end)| &text[start..end]).collect()
    }

    fn plain(text: &str) -> Vec<&str> {
        let mut spans = Vec::new();
        find(text, &mut spans);
        spans.iter().map(|&(start, end)| &text[start..end]).collect()
    }

    #[test]
    fn plain_sense_finds_addresses_beside_any_script() {
        for (text, address) in [
            ("联系lihua@mail.example.cn谢谢", "lihua@mail.example.cn"),
            ("メールはtaro@example.jpまで", "taro@example.jp"),
            ("메일jin@example.kr로", "jin@example.kr"),
            ("почтаivan@example.ruдля", "ivan@example.ru"),
            ("ایمیلali@example.irاست", "ali@example.ir"),
            ("อีเมลnok@example.co.thครับ", "nok@example.co.th"),
            ("josé.k@uni-köln.de", "josé.k@uni-köln.de"),
            ("<mailto:j.o'neill+x@mail.example.org>", "j.o'neill+x@mail.example.org"),
            ("see 'a_b-c@example.museum'.", "a_b-c@example.museum"),
            ("https://a.example/?mail=joe@b.example&x=1", "joe@b.example"),
            ("user@[192.0.2.1]", "user@[192.0.2.1]"),
            ("1234@xn--p1ai.xn--p1ai", "1234@xn--p1ai.xn--p1ai"),
            ("a@b.de:", "a@b.de"),
        ] {
            assert_eq!(plain(text), [address], "{text}");
        }
    }

    #[test]
    fn plain_sense_leaves_what_is_no_address() {
        for text in [
            "lodash@4.17.21",
            "npm i react@18.2.0-rc.beta",
            "icon@2x.png",
            "checkout@v4",
            "actions/checkout@v4.1.7",
            "https://medium.com/@john.smith/story",
            "https://www.flickr.com/photos/12345@N00.set",
            "https://user@host.example/x",
            "git@github.com:org/repo.git",
            "ssh://git@host.example:22/x",
            "@someone@mastodon.social",
            "user@localhost",
            "a @ b.de",
            "5@3.50",
        ] {
            assert_eq!(plain(text), Vec::<&str>::new(), "{text}");
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(addresses_in("a@b.de, c.d+e@f-g.co.uk."), ["a@b.de", "c.d+e@f-g.co.uk"]);
        assert_eq!(addresses_in("..a..b@c.d-.e x@y @z.de a@b@c.de"), ["b@c.d", "b@c.de"]);
        assert_eq!(addresses_in("éa@b.de é.a@b.de"), ["a@b.de"]);
        assert_eq!(
            addresses_in("a@[1.2.3.4] a@[1.2.3.x-y:] a@[1.2.3.456]"),
            ["a@[1.2.3.4]", "a@[1.2.3.x-y:]"]
        );
        assert_eq!(addresses_in("a@-b.de a@b.-de a@b.d-"), ["a@b.d"]);
    }

    #[test]
    fn hostile_text_takes_linear_time() {
        let text = "a.".repeat(200_000) + &"@a.".repeat(200_000);
        assert!(addresses_in(&text).len() < 200_000);
        assert!(addresses_in(&"a@".repeat(400_000)).is_empty());
        assert!(plain(&text).len() < 200_000);
        assert!(plain(&"a@".repeat(400_000)).is_empty());
        assert_eq!(plain(&("x/".repeat(200_000) + "a@b.de")), ["a@b.de"]);
    }
}

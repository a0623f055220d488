//! What a reader would call an address.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use memchr::memchr_iter;

use super::address::{Matching, Options, Span};
use crate::edits::pii::{char_after, char_before};

static ANCHORS: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(["://", "www."]).ok());
const SCHEMES: [&str; 4] = ["https", "http", "ftps", "ftp"];
const MAX_HOST: usize = 253;

/// All addresses, left to right, none overlapping.
pub fn find(text: &str, options: &Options, spans: &mut Vec<Span>) {
    find_links(text, spans);
    if options.matching != Matching::Links {
        find_hosts(text, options, spans);
        spans.sort_unstable();
        let mut floor = 0;
        spans.retain(|&(start, end)| {
            let apart = start >= floor;
            floor = if apart { end } else { floor };
            apart
        });
    }
}

fn find_links(text: &str, spans: &mut Vec<Span>) {
    let Some(anchors) = &*ANCHORS else { return };
    let mut floor = 0;
    for anchor in anchors.find_iter(text) {
        if anchor.start() < floor {
            continue;
        }
        let start = if anchor.pattern().as_usize() == 0 {
            scheme_before(text, floor, anchor.start())
                .filter(|_| char_after(text, anchor.end()).is_some_and(|c| c.is_alphanumeric() || c == '['))
        } else {
            let joined = char_before(text, anchor.start()).is_some_and(|c| {
                c.is_alphanumeric() && !is_unspaced(c) || matches!(c, '@' | '_' | '-' | '.' | '/')
            });
            (!joined && has_two_labels(&text.as_bytes()[anchor.end()..])).then_some(anchor.start())
        };
        if let Some(start) = start {
            floor = address_end(text, start, anchor.end());
            spans.push((start, floor));
        }
    }
}

fn scheme_before(text: &str, floor: usize, at: usize) -> Option<usize> {
    SCHEMES.iter().find_map(|scheme| {
        let start = at.checked_sub(scheme.len()).filter(|&start| start >= floor)?;
        text.get(start..at)?.eq_ignore_ascii_case(scheme).then_some(start)
    })
}

/// Whether `example.org` stands here: a label, a dot, and another.
fn has_two_labels(bytes: &[u8]) -> bool {
    let label = |from: usize| bytes[from..].iter().take(64).take_while(|&&byte| is_label(byte)).count();
    let first = label(0);
    first > 0 && bytes.get(first) == Some(&b'.') && label(first + 1) > 0
}

fn is_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte >= 0x80
}

/// Host names of ASCII letters with a known top-level domain, alone or with a path.
fn find_hosts(text: &str, options: &Options, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let mut floor = 0;
    for dot in memchr_iter(b'.', bytes) {
        if dot < floor {
            continue;
        }
        let start = dot - bytes[floor..dot].iter().rev().take_while(|&&byte| is_host(byte)).count();
        let run = bytes[start..].iter().take_while(|&&byte| is_host(byte)).count();
        floor = start + run;
        let host = text[start..floor].trim_end_matches(['.', '-']);
        let end = start + host.len();
        let before = char_before(text, start);
        let after = char_after(text, end);
        let joined = before.is_some_and(|c| {
            c.is_alphanumeric() && !is_unspaced(c)
                || matches!(c, '@' | '_' | '/' | '\\' | '%' | '=' | '&' | '$' | '#')
        }) || after
            .is_some_and(|c| c.is_alphanumeric() && !is_unspaced(c) || matches!(c, '@' | '_' | '(' | '-'));
        let has_path = end == floor && after == Some('/');
        if joined || host.len() > MAX_HOST || !(has_path || options.matching == Matching::Hosts) {
            continue;
        }
        if is_host_name(host, options) {
            let more = end == floor
                && (has_path
                    || matches!(after, Some('?' | '#'))
                    || after == Some(':') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit));
            let end = if more { address_end(text, start, end) } else { end };
            spans.push((start, end));
            floor = floor.max(end);
        }
    }
}

/// Whether labels are as host names have them and the last is a top-level domain, in capitals only if all is.
fn is_host_name(host: &str, options: &Options) -> bool {
    let Some((labels, last)) = host.rsplit_once('.') else { return false };
    let cased = !last.bytes().any(|byte| byte.is_ascii_uppercase())
        || !host.bytes().any(|byte| byte.is_ascii_lowercase());
    cased
        && labels
            .split('.')
            .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
        && options.tlds.contains(&last.to_ascii_lowercase())
}

/// Where the address that begins at `start`, and whose host begins at `host`, ends.
///
/// Brackets belong to it where they are opened in it; marks at the end belong to the sentence. Characters of scripts
/// that set no spaces belong to the text around it, unless the host is written in them.
fn address_end(text: &str, start: usize, host: usize) -> usize {
    let mut unspaced = char_after(text, host).is_some_and(is_unspaced);
    let (mut round, mut square) = (0_i32, 0_i32);
    let mut end = host;
    let mut open = host; // where what is opened last begins, if it is still open at the end
    for (place, c) in text[host..].char_indices() {
        match c {
            '/' => unspaced = false,
            '(' => round += 1,
            '[' => square += 1,
            ')' => round -= 1,
            ']' => square -= 1,
            _ => {}
        }
        if round < 0 || square < 0 || !is_address(c, unspaced) {
            break;
        }
        end = host + place + c.len_utf8();
        if matches!(c, '(' | '[') {
            open = host + place;
        }
    }
    let body = if (round > 0 || square > 0) && open > host { &text[start..open] } else { &text[start..end] };
    let trimmed = body.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_', '~', '(', '[']);
    start + trimmed.len().max(host - start)
}

fn is_address(c: char, unspaced: bool) -> bool {
    if c.is_ascii() {
        return c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | '`' | '|' | '\\' | '^' | '{' | '}');
    }
    c.is_alphanumeric() && (unspaced || !is_unspaced(c))
}

/// A character of a script that sets no spaces between words, or none before particles.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

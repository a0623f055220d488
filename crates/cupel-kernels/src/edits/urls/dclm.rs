//! What the two expressions of DCLM's `url_removal_modifier` match (Li et al. 2024, `baselines/mappers/modifiers.py`).
//!
//! ```text
//! \s{0,10} ((https?|ftp)://)? [-a-zA-Z0-9@:%._+~#=]{1,256} \. TLD \b [-a-zA-Z0-9()@:%_+.~#?&/=]*
//! \s{0,10} \b ((https?|ftp)://)? ([0-2]?[0-9]{1,2} \.){3} [0-2]?[0-9]{1,2} [-a-zA-Z0-9()@:%_+.~#?&/=]*
//! ```
//!
//! The bytes of the first class are all in the class at the end, so a match runs to the end of the latter wherever
//! its top-level domain stands.

use std::collections::HashSet;

use memchr::memchr_iter;

use super::address::Span;

const MAX_BLANKS: usize = 10;
const MAX_HEAD: usize = 256;

/// Addresses with a top-level domain, left to right.
pub fn find_hosts(text: &str, tlds: &HashSet<String>, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let mut floor = 0;
    for dot in memchr_iter(b'.', bytes) {
        if dot <= floor || !is_head(bytes[dot - 1]) || !has_tld(text, dot + 1, tlds) {
            continue;
        }
        let before =
            bytes[floor..dot].iter().rev().take(MAX_HEAD + 1).take_while(|&&byte| is_head(byte)).count();
        let start = dot - before.min(MAX_HEAD);
        let start =
            if before <= MAX_HEAD { scheme_before(bytes, floor, start).unwrap_or(start) } else { start };
        let end = run_end(bytes, dot + 1);
        spans.push((if before <= MAX_HEAD { blanks_before(text, floor, start) } else { start }, end));
        floor = end;
    }
}

/// Numbers like IP addresses, left to right.
pub fn find_numbers(text: &str, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let mut floor = 0;
    for dot in memchr_iter(b'.', bytes) {
        if dot < floor {
            continue;
        }
        let digits = bytes[floor..dot].iter().rev().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        let start = dot - digits;
        if !is_boundary(text, start) || !four_numbers(bytes, start) {
            continue;
        }
        let scheme = scheme_before(bytes, floor, start).filter(|&scheme| is_boundary(text, scheme));
        let end = run_end(bytes, start);
        spans.push((blanks_before(text, floor, scheme.unwrap_or(start)), end));
        floor = end;
    }
}

fn is_head(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-@:%._+~#=".contains(&byte)
}

fn run_end(bytes: &[u8], from: usize) -> usize {
    from + bytes[from..].iter().take_while(|&&byte| is_head(byte) || b"()?&/".contains(&byte)).count()
}

/// Whether a top-level domain stands here and ends at the end of a word.
fn has_tld(text: &str, at: usize, tlds: &HashSet<String>) -> bool {
    let rest = &text[at..];
    let run = |from: usize| rest.bytes().skip(from).take(64).take_while(u8::is_ascii_alphanumeric).count();
    let mut end = run(0);
    if rest.starts_with("xn--") {
        end = 4 + run(4);
    }
    tlds.contains(&rest[..end]) && !rest[end..].starts_with(is_word)
}

/// A character of `\w` of Python's `re`.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether a word begins here, if a letter or digit follows.
fn is_boundary(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_none_or(|c| !is_word(c))
}

fn scheme_before(bytes: &[u8], floor: usize, at: usize) -> Option<usize> {
    let before = &bytes[floor..at];
    let schemes: [&[u8]; 3] = [b"https://", b"http://", b"ftp://"];
    schemes.iter().find(|scheme| before.ends_with(scheme)).map(|scheme| at - scheme.len())
}

/// Where up to ten blanks before `at` begin.
fn blanks_before(text: &str, floor: usize, at: usize) -> usize {
    text[floor..at]
        .char_indices()
        .rev()
        .take(MAX_BLANKS)
        .take_while(|&(_, c)| crate::text::lines::is_python_space(c))
        .last()
        .map_or(at, |(place, _)| floor + place)
}

/// Whether four numbers of up to three digits with dots between them stand here.
fn four_numbers(bytes: &[u8], start: usize) -> bool {
    let mut at = start;
    for number in 0..4 {
        let digits = bytes[at..].iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        if number == 3 {
            return digits > 0; // what follows belongs to the address anyway
        }
        let fits = matches!(digits, 1 | 2) || digits == 3 && bytes[at] <= b'2';
        if !fits || bytes.get(at + digits) != Some(&b'.') {
            return false;
        }
        at += digits + 1;
    }
    false
}

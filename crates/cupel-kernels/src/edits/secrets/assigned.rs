//! Values that are assigned to names such as `api_key`, and look random.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::Regex;

use super::secret::{Options, Secret, entropy, is_placeholder};

const NAMES: [&str; 18] = [
    "secret",
    "token",
    "passw",
    "pwd",
    "apikey",
    "api_key",
    "api-key",
    "accesskey",
    "access_key",
    "access-key",
    "authkey",
    "auth_key",
    "auth-key",
    "privatekey",
    "private_key",
    "encryption_key",
    "account_key",
    "credential",
];
/// What follows a name: the rest of it, a sign of assignment, and a value in quotes or up to the end of the line.
const ASSIGNMENT: &str = concat!(
    r#"^[A-Za-z0-9_-]{0,40}["'`]?\]?[ \t]{0,4}(?::=|=>|==|=|:)[ \t]{0,4}"#,
    r#"(?:["'`]([A-Za-z0-9+/=_-]{16,200})["'`]|([A-Za-z0-9+/=_-]{20,200})[ \t]{0,4}(?:[\r\n]|$))"#,
);
const HASHES: [&str; 4] = ["sha", "md5", "hash", "byte"];
const HASH_LENGTHS: [usize; 3] = [32, 40, 64];
const AWS_SECRET_LENGTH: usize = 40;
const LOOKED_BACK: usize = 200;

static SEARCH: LazyLock<Option<(AhoCorasick, Regex)>> = LazyLock::new(|| {
    let names = AhoCorasick::builder().ascii_case_insensitive(true).build(NAMES).ok()?;
    Some((names, Regex::new(ASSIGNMENT).ok()?))
});

/// All assigned secrets, left to right.
pub fn find(text: &str, options: &Options, secrets: &mut Vec<Secret>) {
    let Some((names, assignment)) = &*SEARCH else { return };
    for name in names.find_iter(text) {
        let Some(value) =
            assignment.captures(&text[name.end()..]).and_then(|parts| parts.get(1).or_else(|| parts.get(2)))
        else {
            continue;
        };
        let (start, end) = (name.end() + value.start(), name.end() + value.end());
        let line = line_before(text, start);
        if is_random(value.as_str(), options)
            && !is_hash(value.as_str(), line)
            && !is_placeholder(value.as_str())
        {
            let aws = value.len() == AWS_SECRET_LENGTH && contains_ignoring_case(line, "aws");
            secrets.push(Secret { start, end, kind: if aws { "aws-secret-key" } else { "assigned" } });
        }
    }
}

/// Whether a value has letters and digits in the disorder of a random one, and is no UUID.
fn is_random(value: &str, options: &Options) -> bool {
    let bytes = value.as_bytes();
    let hex = bytes.iter().all(u8::is_ascii_hexdigit);
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let longest = value.split(['_', '-', '/', '=', '+']).max_by_key(|part| part.len()).unwrap_or_default();
    let changes = longest.as_bytes().windows(2).filter(|pair| class(pair[0]) != class(pair[1])).count();
    let mixed = longest.bytes().any(|byte| byte.is_ascii_uppercase())
        && longest.bytes().any(|byte| byte.is_ascii_lowercase());
    // Words and names, also in camel case, change between small letters, capitals and digits less often.
    let (least_digits, least_changes) = if mixed { (1, longest.len() / 3) } else { (2, longest.len() / 6) };
    let least_entropy = if hex { options.min_hex_entropy } else { options.min_entropy };
    digits >= least_digits
        && digits < bytes.len()
        && !is_uuid(bytes)
        && longest.len() >= 8
        && changes >= least_changes
        && entropy(bytes) >= least_entropy
}

fn class(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => 0,
        b'A'..=b'Z' => 1,
        _ => 2,
    }
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36 && [8, 13, 18, 23].iter().all(|&place| bytes[place] == b'-')
}

/// Whether a value has the length of a hash and its line speaks of one.
fn is_hash(value: &str, line: &str) -> bool {
    HASH_LENGTHS.contains(&value.len()) && HASHES.iter().any(|word| contains_ignoring_case(line, word))
}

/// The line before a place, not more than 200 bytes of it.
fn line_before(text: &str, at: usize) -> &str {
    let from =
        (at.saturating_sub(LOOKED_BACK)..=at).find(|&place| text.is_char_boundary(place)).unwrap_or(at);
    text[from..at].rsplit('\n').next().unwrap_or_default()
}

fn contains_ignoring_case(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

//! A secret, what counts as one, and what does not look like one.

/// A secret: its byte range and its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Secret {
    pub start: usize,
    pub end: usize,
    pub kind: &'static str,
}

/// What counts as a secret beside the forms of known services.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether values assigned to names such as `api_key` count.
    pub assigned: bool,
    /// Least Shannon entropy of an assigned value, in bits per character.
    pub min_entropy: f64,
    /// The same for values of hexadecimal digits.
    pub min_hex_entropy: f64,
}

/// Shannon entropy in bits per byte.
pub(super) fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for &byte in value {
        counts[byte as usize] += 1;
    }
    let total = value.len() as f64;
    counts
        .iter()
        .filter(|&&count| count > 0)
        .map(|&count| f64::from(count) / total)
        .map(|share| -share * share.log2())
        .sum()
}

/// Whether a value says of itself that it is none: an example, a mask, a sequence.
pub(super) fn is_placeholder(value: &str) -> bool {
    const WORDS: [&str; 14] = [
        "example",
        "placeholder",
        "changeme",
        "dummy",
        "redacted",
        "yourkey",
        "your_",
        "your-",
        "xxxx",
        "0000",
        "abcdefgh",
        "1234567",
        "insert",
        "fake",
    ];
    let lower = value.to_ascii_lowercase();
    WORDS.iter().any(|word| lower.contains(word))
}

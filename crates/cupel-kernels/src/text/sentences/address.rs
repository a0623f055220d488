//! Addresses, which are not cut.

/// Whether a word looks like a web or mail address: a host of two labels or more whose last one
/// is small letters.
pub fn is_address(word: &str) -> bool {
    let rest = word.split_once("://").map_or(word, |(_, rest)| rest);
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..host_end].rsplit_once('@').map_or(&rest[..host_end], |(_, host)| host);
    let host = match host.rsplit_once(':') {
        Some((host, port)) if (2..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit()) => {
            host
        }
        _ => host,
    };
    let Some((labels, last)) = host.rsplit_once('.') else {
        return false;
    };
    let label = |label: &str| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '\u{a1}'..='\u{ffff}'))
    };
    labels.split('.').all(label) && last.chars().count() >= 2 && last.chars().all(char::is_lowercase)
}

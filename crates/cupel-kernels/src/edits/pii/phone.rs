//! Telephone numbers that say so by their shape: `+` and a country code, or the North American
//! three-three-four with its own punctuation.

use std::sync::LazyLock;

use regex::Regex;

use super::characters::{Span, char_after, char_before, is_joined};

static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"\+[1-9][0-9]{0,2}(?:[ .\-]?\([0-9]{1,4}\))?(?:[ .\-]?[0-9]{2,12}){1,5}",
        r"|(?:1[ .\-])?\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[ .\-][0-9]{4}",
        r"|(?:1\-)?[2-9][0-9]{2}\-[2-9][0-9]{2}\-[0-9]{4}",
        r"|(?:1\.)?[2-9][0-9]{2}\.[2-9][0-9]{2}\.[0-9]{4}",
    ))
    .ok()
});

/// All numbers of 8 to 15 digits (ITU-T E.164) that are not part of a longer one.
pub fn find(text: &str, spans: &mut Vec<Span>) {
    let Some(number) = &*NUMBER else { return };
    for candidate in number.find_iter(text) {
        let digits = candidate.as_str().bytes().filter(u8::is_ascii_digit).count();
        let joined = |c: char| is_joined(c) || matches!(c, '-' | '+' | '/' | '=' | '#');
        let before = char_before(text, candidate.start());
        let after = char_after(text, candidate.end());
        let longer = before.is_some_and(|c| joined(c) || c == '.')
            || after.is_some_and(|c| is_joined(c) || c == '-')
            || after == Some('.')
                && char_after(text, candidate.end() + 1).is_some_and(|c| c.is_ascii_digit());
        if (8..=15).contains(&digits) && !longer && is_number(candidate.as_str()) {
            spans.push((candidate.start(), candidate.end()));
        }
    }
}

/// Whether a number with a country code is in that country's numbering plan, as amounts are not.
fn is_number(text: &str) -> bool {
    !text.starts_with('+')
        || phonenumber::parse(None, text).is_ok_and(|number| phonenumber::is_valid(&number))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn numbers_in(text: &str) -> Vec<&str> {
        let mut spans = Vec::new();
        find(text, &mut spans);
        spans.iter().map(|&(start, end)| &text[start..end]).collect()
    }

    #[test]
    fn numbers() {
        for text in [
            "+49 221 4700 123",
            "+1 (202) 555-0143",
            "(202) 555-0143",
            "202-555-0143",
            "1-800-555-0199",
            "+442079460958",
            "+86 138 1234 5678",
            "+91 98765 43210",
            "+55 11 91234-5678",
            "+254 712 345678",
            "+372 5123 4567",
        ] {
            assert_eq!(numbers_in(&format!("Call {text}.")), [text]);
        }
        for text in [
            "2024-10-12",
            "202 555 0143",
            "100-200-3000",
            "x=202-555-0143",
            "978-3-16-148410-0",
            "202-555-01434",
            "+12",
            "+10 000 000",
            "+250 000 000 000",
            "+1.000.000.000",
            "+999 123 456 789",
            "192.168.2.100",
            "3.141.5926.5",
        ] {
            assert!(numbers_in(text).is_empty(), "{text}");
        }
    }
}

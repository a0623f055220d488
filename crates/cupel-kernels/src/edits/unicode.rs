//! Which texts need their Unicode repaired, and normal forms.

use std::sync::Arc;

use arrow_array::{Array, BooleanArray, LargeStringArray, RecordBatch};
use memchr::memchr;
use regex::Regex;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfkc_quick};

use super::{batch, rewrite};
use crate::KernelError;

/// A Unicode normal form (UAX #15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Nfc,
    Nfkc,
}

impl Form {
    /// # Errors
    /// `UnknownName` for a name other than "NFC" and "NFKC".
    pub fn from_name(name: &str) -> Result<Self, KernelError> {
        match name {
            "NFC" => Ok(Self::Nfc),
            "NFKC" => Ok(Self::Nfkc),
            other => Err(KernelError::UnknownName { kind: "normal form", name: other.to_string() }),
        }
    }

    /// Whether a text is in this form.
    pub fn holds(self, text: &str) -> bool {
        if text.is_ascii() {
            return true;
        }
        let quick = match self {
            Self::Nfc => is_nfc_quick(text.chars()),
            Self::Nfkc => is_nfkc_quick(text.chars()),
        };
        match quick {
            IsNormalized::Yes => true,
            IsNormalized::No => false,
            IsNormalized::Maybe => match self {
                Self::Nfc => text.nfc().eq(text.chars()),
                Self::Nfkc => text.nfkc().eq(text.chars()),
            },
        }
    }
}

/// Columns `text`, in the normal form, and `unicode_repaired` (bool).
///
/// # Errors
/// `BadInput` where the columns cannot be put together.
pub fn normalise(text: &LargeStringArray, form: Form) -> Result<RecordBatch, KernelError> {
    let mut changed = vec![false; text.len()];
    let mut places = (0..text.len()).filter(|&row| text.is_valid(row)).collect::<Vec<_>>().into_iter();
    let edited = rewrite(text, |text, out| {
        let change = !form.holds(text);
        if change {
            match form {
                Form::Nfc => out.extend(text.nfc()),
                Form::Nfkc => out.extend(text.nfkc()),
            }
        }
        if let Some(place) = places.next() {
            changed[place] = change;
        }
        change
    });
    batch(edited, vec![("unicode_repaired", Arc::new(BooleanArray::from(changed)))])
}

/// Finds texts that a repairer may change. It never passes over one that would change, and stops
/// few that would not, so the slow repairer sees few texts.
pub struct Screen {
    ascii: [bool; 128],
    /// One bit for each of the first 65,536 code points.
    beyond: Vec<u64>,
    mojibake: Option<Regex>,
    entities: bool,
    form: Option<Form>,
}

/// Around a character beyond ASCII, this many bytes are searched for mojibake: more than its
/// patterns span.
const BEFORE: usize = 16;
const AFTER: usize = 32;

impl Screen {
    /// A screen for texts with any of `characters`, with a match of `mojibake` (a pattern whose
    /// every match holds a character beyond ASCII and is at most eight characters long), with an
    /// HTML entity, or not in the normal form. Without `mojibake`, every text beyond ASCII is stopped.
    ///
    /// # Errors
    /// `BadOption` for a pattern that does not compile.
    pub fn new(
        characters: &str,
        mojibake: Option<&str>,
        entities: bool,
        form: Option<Form>,
    ) -> Result<Self, KernelError> {
        let mut ascii = [false; 128];
        let mut beyond = vec![0_u64; 1024];
        for c in characters.chars() {
            match c as usize {
                code @ 0..128 => ascii[code] = true,
                code @ 128..65_536 => beyond[code / 64] |= 1 << (code % 64),
                _ => {
                    return Err(KernelError::BadOption {
                        option: "characters",
                        expected: "characters of the basic plane".to_string(),
                    });
                }
            }
        }
        let mojibake = mojibake.map(Regex::new).transpose().map_err(|error| KernelError::BadOption {
            option: "mojibake",
            expected: format!("a regular expression: {error}"),
        })?;
        Ok(Self { ascii, beyond, mojibake, entities, form })
    }

    /// For each text whether it may need repair; false for nulls.
    pub fn suspects(&self, text: &LargeStringArray) -> BooleanArray {
        (0..text.len()).map(|row| Some(text.is_valid(row) && self.is_suspect(text.value(row)))).collect()
    }

    fn is_suspect(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        // Without a branch, so that the compiler may look at many bytes at once.
        let control = bytes
            .iter()
            .fold(false, |control, &byte| control | (byte < b' ' && byte != b'\n') | (byte == 0x7f));
        if control && bytes.iter().any(|&byte| byte < 128 && self.ascii[usize::from(byte)]) {
            return true;
        }
        if self.entities && has_entity(bytes) {
            return true;
        }
        if text.is_ascii() {
            return false;
        }
        if self.mojibake.is_none() {
            return true;
        }
        let marked = text.chars().any(|c| {
            let code = c as usize;
            (128..65_536).contains(&code) && (self.beyond[code / 64] >> (code % 64)) & 1 == 1
        });
        marked || self.has_mojibake(text) || self.form.is_some_and(|form| !form.holds(text))
    }

    fn has_mojibake(&self, text: &str) -> bool {
        let Some(mojibake) = &self.mojibake else {
            return true;
        };
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(first) = next_beyond_ascii(bytes, at) {
            let mut last = first;
            while let Some(next) = next_beyond_ascii(&bytes[..bytes.len().min(last + 1 + AFTER)], last + 1) {
                last = next;
            }
            let start = (0..=first.saturating_sub(BEFORE)).rev().find(|&cut| text.is_char_boundary(cut));
            let end = (last + AFTER..bytes.len()).find(|&cut| text.is_char_boundary(cut));
            if mojibake.is_match(&text[start.unwrap_or(0)..end.unwrap_or(bytes.len())]) {
                return true;
            }
            at = last + 1;
        }
        false
    }
}

fn next_beyond_ascii(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<32>()) {
        if !block.is_ascii() {
            break;
        }
        at += 32;
    }
    bytes.get(at..)?.iter().position(|&byte| byte >= 0x80).map(|offset| at + offset)
}

/// `&`, perhaps `#`, one to 24 letters or digits, `;`.
fn has_entity(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = memchr(b'&', rest) {
        rest = &rest[at + 1..];
        let name = rest.strip_prefix(b"#").unwrap_or(rest);
        let length = name.iter().take(25).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if (1..=24).contains(&length) && name.get(length) == Some(&b';') {
            return true;
        }
    }
    false
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entities_are_named_or_numbered() {
        for text in ["a &amp; b", "&#39;", "&#x2019;", "&&lt;"] {
            assert!(has_entity(text.as_bytes()), "{text}");
        }
        for text in ["a & b;", "&;", "&#;", "AT&T; ".get(..4).unwrap(), "&abcdefghijklmnopqrstuvwxyz;"] {
            assert!(!has_entity(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn forms() {
        assert!(Form::Nfc.holds("Café 東京"));
        assert!(!Form::Nfc.holds("Cafe\u{301}"));
        assert!(Form::Nfc.holds("x\u{301}"));
        assert!(!Form::Nfkc.holds("ﬁ"));
    }

    proptest! {
        #[test]
        fn a_match_anywhere_is_found(before in "[a-z ]{0,80}|[é中]{0,40}", after in "[a-z ]{0,80}|[é中]{0,40}") {
            let screen = Screen::new("", Some("[a-z]\\s?Ã[ ]|Ã©"), false, None).unwrap();
            let regex = Regex::new("[a-z]\\s?Ã[ ]|Ã©").unwrap();
            for middle in ["Ã ", "Ã©", "a Ã b", "é"] {
                let text = format!("{before}{middle}{after}");
                prop_assert_eq!(screen.has_mojibake(&text), regex.is_match(&text), "{}", text);
            }
        }

        #[test]
        fn normal_forms_hold_once_made(text in ".{0,30}") {
            let array = LargeStringArray::from(vec![Some(text)]);
            for form in [Form::Nfc, Form::Nfkc] {
                let made = normalise(&array, form).unwrap();
                let made = made.column(0).as_any().downcast_ref::<LargeStringArray>().unwrap();
                prop_assert!(form.holds(made.value(0)));
            }
        }
    }
}

//! Masking of e-mail addresses, public IP addresses and telephone numbers.
//!
//! Each scanner jumps to the one byte that its subject cannot do without (`@`, `.`, `:`, a digit)
//! and looks at each stretch of text around it once, so the time is linear in the text.

mod characters;
mod email;
mod ip;
mod phone;

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, LargeStringArray, RecordBatch};

use super::{batch, rewrite};
use crate::KernelError;
use characters::Span;
pub(crate) use characters::{char_after, char_before};

/// What replaces each kind; `None` leaves that kind alone.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub email: Option<String>,
    /// Whether e-mail addresses are what datatrove's expression matches.
    pub as_datatrove: bool,
    pub ipv4: Option<String>,
    pub ipv6: Option<String>,
    pub phone: Option<String>,
}

/// Columns `text`, `pii_emails`, `pii_ips` and `pii_phones`.
///
/// # Errors
/// `BadInput` where the columns cannot be put together.
pub fn edit(text: &LargeStringArray, options: &Options) -> Result<RecordBatch, KernelError> {
    let mut counts = vec![[0_i64; 3]; text.len()];
    let mut places = (0..text.len()).filter(|&row| text.is_valid(row)).collect::<Vec<_>>().into_iter();
    let mut spare = String::new();
    let mut spans = Vec::new();
    let edited = rewrite(text, |text, out| {
        let masked = mask(text, options, out, &mut spare, &mut spans);
        if let Some(place) = places.next() {
            counts[place] = masked;
        }
        masked != [0; 3] && out != text
    });
    let column = |kind: usize| -> ArrayRef {
        Arc::new(counts.iter().map(|counts| counts[kind]).collect::<Int64Array>())
    };
    batch(edited, vec![("pii_emails", column(0)), ("pii_ips", column(1)), ("pii_phones", column(2))])
}

/// Masks one kind after the other, since one may contain another. `out` is valid only if
/// something was masked.
fn mask(
    text: &str,
    options: &Options,
    out: &mut String,
    spare: &mut String,
    spans: &mut Vec<Span>,
) -> [i64; 3] {
    let mut counts = [0; 3];
    type Find = fn(&str, &mut Vec<Span>);
    let kinds: [(usize, &Option<String>, Find); 4] = [
        (0, &options.email, if options.as_datatrove { email::find_as_datatrove } else { email::find }),
        (1, &options.ipv4, ip::find_v4),
        (1, &options.ipv6, ip::find_v6),
        (2, &options.phone, phone::find),
    ];
    for (kind, replacement, find) in kinds {
        let Some(replacement) = replacement else {
            continue;
        };
        let current = if counts == [0; 3] { text } else { out.as_str() };
        spans.clear();
        find(current, spans);
        if spans.is_empty() {
            continue;
        }
        counts[kind] += spans.len() as i64;
        spare.clear();
        let mut from = 0;
        for &(start, end) in spans.iter() {
            spare.push_str(&current[from..start]);
            spare.push_str(replacement);
            from = end;
        }
        spare.push_str(&current[from..]);
        std::mem::swap(out, spare);
    }
    counts
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all() -> Options {
        Options {
            email: Some("email@example.com".to_string()),
            as_datatrove: false,
            ipv4: Some("22.214.171.124".to_string()),
            ipv6: Some("2001:db8::1".to_string()),
            phone: Some("<phone>".to_string()),
        }
    }

    fn masked(text: &str) -> (String, [i64; 3]) {
        let mut out = String::new();
        let counts = mask(text, &all(), &mut out, &mut String::new(), &mut Vec::new());
        (if counts == [0; 3] { text.to_string() } else { out }, counts)
    }

    #[test]
    fn each_kind_in_one_text() {
        let text = "Café: mail josé.k@uni-köln.de or 张j.doe@mail.example.org or call +49 221 4700 123; hosts 8.8.8.8, 10.0.0.1, 2a00:1450:4001::200e.";
        let (out, counts) = masked(text);
        assert_eq!(
            out,
            "Café: mail email@example.com or 张email@example.com or call <phone>; hosts 22.214.171.124, 10.0.0.1, 2001:db8::1."
        );
        assert_eq!(counts, [2, 2, 1]);
    }

    proptest! {
        #[test]
        fn masking_never_panics_and_is_stable(text in "([a-c@.:0-9+() -]|é|::|@a.b|1.2.3.4|2a00::1|\\PC){0,60}") {
            let (once, _) = masked(&text);
            prop_assert_eq!(&masked(&once).0, &once);
        }
    }
}

//! Removal of addresses from the text, leaving its sentences tidy.
//!
//! Each scanner jumps to what its subject cannot do without (`://`, `www.`, `.`) and looks at each stretch of text
//! around it once, so the time is linear in the text.

mod address;
mod dclm;
mod plain;
mod tidy;

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, LargeStringArray, RecordBatch};

use super::{batch, rewrite};
use crate::KernelError;
use address::Span;

pub use address::{Matching, Options};

/// Columns `text`, `urls_removed` and `url_text_fraction` (bytes of addresses over all bytes of the text).
///
/// # Errors
/// `BadInput` where the columns cannot be put together.
pub fn edit(text: &LargeStringArray, options: &Options) -> Result<RecordBatch, KernelError> {
    let mut counts = vec![0_i64; text.len()];
    let mut fractions = vec![0_f64; text.len()];
    let mut rows = (0..text.len()).filter(|&row| text.is_valid(row)).collect::<Vec<_>>().into_iter();
    let mut spans = Vec::new();
    let mut spare = String::new();
    let edited = rewrite(text, |text, out| {
        let removed = remove(text, options, out, &mut spare, &mut spans);
        if let Some(row) = rows.next() {
            counts[row] = removed.0;
            fractions[row] = removed.1 as f64 / text.len().max(1) as f64;
        }
        removed.0 > 0 && out != text
    });
    let counts: ArrayRef = Arc::new(Int64Array::from(counts));
    let fractions: ArrayRef = Arc::new(Float64Array::from(fractions));
    batch(edited, vec![("urls_removed", counts), ("url_text_fraction", fractions)])
}

/// How many addresses were removed, and their bytes. `out` is valid only if there were any.
fn remove(
    text: &str,
    options: &Options,
    out: &mut String,
    spare: &mut String,
    spans: &mut Vec<Span>,
) -> (i64, usize) {
    spans.clear();
    if options.matching != Matching::Dclm {
        plain::find(text, options, spans);
        if options.replacement.is_empty() {
            tidy::cut(text, spans, out);
        } else {
            replace(text, spans, &options.replacement, out);
        }
        return total(spans);
    }
    // One expression after the other, as published: the second reads what the first left.
    dclm::find_hosts(text, &options.tlds, spans);
    let (hosts, host_bytes) = total(spans);
    replace(text, spans, &options.replacement, spare);
    spans.clear();
    dclm::find_numbers(spare, spans);
    let (numbers, number_bytes) = total(spans);
    replace(spare, spans, &options.replacement, out);
    (hosts + numbers, (host_bytes + number_bytes).min(text.len()))
}

fn total(spans: &[Span]) -> (i64, usize) {
    (spans.len() as i64, spans.iter().map(|(start, end)| end - start).sum())
}

fn replace(text: &str, spans: &[Span], replacement: &str, out: &mut String) {
    out.clear();
    let mut from = 0;
    for &(start, end) in spans {
        out.push_str(&text[from..start]);
        out.push_str(replacement);
        from = end;
    }
    out.push_str(&text[from..]);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn removed(text: &str, matching: Matching) -> String {
        let tlds = ["com", "org", "de"].map(String::from).into_iter().collect();
        let options = Options { matching, tlds, replacement: String::new() };
        let mut out = String::new();
        match remove(text, &options, &mut out, &mut String::new(), &mut Vec::new()) {
            (0, _) => text.to_string(),
            _ => out,
        }
    }

    #[test]
    fn sentences_stay_tidy() {
        for (text, left) in [
            ("See http://a.org/x, or (www.b.org) in Köln.", "See, or in Köln."),
            ("a\nhttps://a.org\nb", "a\nb"),
            ("<http://a.org/(x)> b", "b"),
            ("http://a.org", ""),
            ("mail x@www.a.org", "mail x@www.a.org"),
            ("参见http://a.org/b。好", "参见。好"),
        ] {
            assert_eq!(removed(text, Matching::Links), left, "{text}");
        }
        assert_eq!(removed("at a.org/b and b.de now", Matching::Paths), "at and b.de now");
        assert_eq!(removed("at a.org/b and b.de now", Matching::Hosts), "at and now");
    }

    #[test]
    fn hostile_text_takes_linear_time() {
        for piece in
            ["http://", "www.", "a.", "a.com", "/", "a.b/", "(http://a", "1.", "1.2.3.4", "http://a.com "]
        {
            for matching in [Matching::Hosts, Matching::Dclm] {
                assert!(removed(&piece.repeat(200_000), matching).len() <= piece.len() * 200_000);
            }
        }
    }

    proptest! {
        #[test]
        fn removing_never_panics(text in "(http://|www\\.|a\\.com|[()<>. /\n@:1]|é|東|\\PC){0,40}") {
            for matching in [Matching::Links, Matching::Paths, Matching::Hosts, Matching::Dclm] {
                prop_assert!(removed(&text, matching).len() <= text.len());
            }
        }
    }
}

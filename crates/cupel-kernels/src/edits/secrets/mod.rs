//! Keys and tokens in source code: of known services by their form, of others by how they are assigned.
//!
//! Literals are searched for first, all at once; a bounded expression then looks at what follows each, so the time is
//! linear in the text.

mod assigned;
mod known;
mod secret;

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, LargeStringArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};

use super::{batch, rewrite};
use crate::KernelError;
use secret::Secret;

pub use secret::Options;

/// Columns `secret_count` and `secret_kinds` (each kind once, sorted, with commas; null where there is none).
///
/// # Errors
/// `BadInput` where the columns cannot be put together.
pub fn count(text: &LargeStringArray, options: &Options) -> Result<RecordBatch, KernelError> {
    let mut counts = Vec::with_capacity(text.len());
    let mut kinds = Vec::with_capacity(text.len());
    let mut secrets = Vec::new();
    for row in text {
        secrets.clear();
        find(row.unwrap_or_default(), options, &mut secrets);
        counts.push(row.map(|_| secrets.len() as i64));
        let mut names = secrets.iter().map(|secret| secret.kind).collect::<Vec<_>>();
        names.sort_unstable();
        names.dedup();
        kinds.push((!names.is_empty()).then(|| names.join(", ")));
    }
    let fields = vec![
        Field::new("secret_count", DataType::Int64, true),
        Field::new("secret_kinds", DataType::LargeUtf8, true),
    ];
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from(counts)), Arc::new(LargeStringArray::from(kinds))];
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| KernelError::BadInput(error.to_string()))
}

/// Columns `text`, with `replacement` in place of each secret, and `secrets_masked`.
///
/// # Errors
/// `BadInput` where the columns cannot be put together.
pub fn mask(
    text: &LargeStringArray,
    options: &Options,
    replacement: &str,
) -> Result<RecordBatch, KernelError> {
    let mut counts = vec![0_i64; text.len()];
    let mut rows = (0..text.len()).filter(|&row| text.is_valid(row)).collect::<Vec<_>>().into_iter();
    let mut secrets = Vec::new();
    let edited = rewrite(text, |text, out| {
        secrets.clear();
        find(text, options, &mut secrets);
        if let Some(row) = rows.next() {
            counts[row] = secrets.len() as i64;
        }
        let mut from = 0;
        for secret in &secrets {
            out.push_str(&text[from..secret.start]);
            out.push_str(replacement);
            from = secret.end;
        }
        out.push_str(&text[from..]);
        !secrets.is_empty()
    });
    batch(edited, vec![("secrets_masked", Arc::new(Int64Array::from(counts)))])
}

/// All secrets, left to right, none overlapping.
fn find(text: &str, options: &Options, secrets: &mut Vec<Secret>) {
    known::find(text, secrets);
    if options.assigned {
        assigned::find(text, options, secrets);
        // Of two in one place the known form comes first in the list, and stays.
        secrets.sort_by_key(|secret| secret.start);
    }
    let mut floor = 0;
    secrets.retain(|secret| {
        let apart = secret.start >= floor;
        floor = if apart { secret.end } else { floor };
        apart
    });
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: Options = Options { assigned: true, min_entropy: 3.5, min_hex_entropy: 3.0 };

    fn kinds(text: &str) -> Vec<&'static str> {
        let mut secrets = Vec::new();
        find(text, &ALL, &mut secrets);
        secrets.iter().map(|secret| secret.kind).collect()
    }

    #[test]
    fn forms_and_assignments() {
        assert_eq!(kinds("é AKIAQ7Z4M2WX8RT6YV3B."), ["aws-access-key"]);
        assert_eq!(
            kinds("xAKIAQ7Z4M2WX8RT6YV3B AKIAIOSFODNN7EXAMPLE AKIAXXXXXXXXXXXXXXXX"),
            Vec::<&str>::new()
        );
        assert_eq!(kinds("password = 'q8Zr2LkV9xT4mB7w'"), ["assigned"]);
        assert_eq!(
            kinds("password = 'correct horse battery'; token = getTokenFromServer2()"),
            Vec::<&str>::new()
        );
    }

    #[test]
    fn hostile_text_takes_linear_time() {
        for piece in [
            "eyJ",
            "eyJa.",
            "-----BEGIN RSA PRIVATE KEY-----\n",
            "token=",
            "secret='",
            "AKIA",
            "sk-",
            "xoxb-1-",
        ] {
            assert!(kinds(&piece.repeat(200_000)).len() <= 200_000);
        }
        assert!(kinds(&("-----BEGIN PRIVATE KEY-----".to_string() + &"\n".repeat(1_000_000))).is_empty());
    }

    proptest! {
        #[test]
        fn finding_never_panics(text in "(eyJ|token=|'|\"|AKIA|-----BEGIN PRIVATE KEY-----|[a-zA-Z0-9]{0,20}|é|\\PC){0,30}") {
            kinds(&text);
        }
    }
}

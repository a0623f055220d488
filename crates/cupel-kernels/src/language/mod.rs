//! Language identification with a fastText model (Joulin et al. 2016), such as lid.176.
//!
//! The prediction is fastText's own: the mean of the vectors of words and their character n-grams,
//! then the best label of the hierarchical softmax.

mod plain;

use std::sync::Arc;

use arrow_array::builder::{Float64Builder, LargeStringBuilder};
use arrow_array::{Array, LargeStringArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};

use crate::KernelError;
use crate::fasttext::{FastText, Prediction, Words, Work};

/// A model whose labels are languages. Threads may share it.
pub struct LanguageModel(FastText);

impl LanguageModel {
    /// The model in `bytes`, a fastText supervised `.bin` or `.ftz` file.
    ///
    /// # Errors
    /// `BadModel` where the bytes are not such a file.
    pub fn load(bytes: &[u8]) -> Result<Self, KernelError> {
        FastText::load(bytes).map(Self)
    }

    /// The labels, without `__label__`, in the model's order.
    pub fn labels(&self) -> &[String] {
        self.0.labels()
    }

    /// Columns `language` (large_string) and `language_confidence` (float64), one row a text.
    ///
    /// A text without any word, and a null, has a null language and confidence 0. Of each text at
    /// most `max_bytes` are read, cut between code points. Unless `as_it_is`, letters are composed,
    /// spaces made plain and texts in capitals lower-cased first.
    ///
    /// # Errors
    /// `BadInput` where the columns cannot be put together.
    pub fn identify(
        &self,
        text: &LargeStringArray,
        max_bytes: Option<usize>,
        as_it_is: bool,
    ) -> Result<RecordBatch, KernelError> {
        let mut languages = LargeStringBuilder::with_capacity(text.len(), text.len() * 3);
        let mut confidences = Float64Builder::with_capacity(text.len());
        self.0.with_work(|work| {
            for row in 0..text.len() {
                let own = (!text.is_null(row)).then(|| head(text.value(row), max_bytes));
                let prediction = own.and_then(|own| {
                    if as_it_is {
                        self.predict_with(own, work)
                    } else {
                        self.predict_with(&plain::plain(own), work)
                    }
                });
                languages.append_option(prediction.map(|best| &self.labels()[best.label]));
                confidences.append_value(prediction.map_or(0.0, |best| best.probability));
            }
        });
        let schema = Schema::new(vec![
            Field::new("language", DataType::LargeUtf8, true),
            Field::new("language_confidence", DataType::Float64, false),
        ]);
        RecordBatch::try_new(
            Arc::new(schema),
            vec![Arc::new(languages.finish()), Arc::new(confidences.finish())],
        )
        .map_err(|error| KernelError::BadInput(error.to_string()))
    }

    /// The best label of one text; line breaks count as spaces.
    pub fn predict(&self, text: &str) -> Option<Prediction> {
        self.0.with_work(|work| self.predict_with(text, work))
    }

    fn predict_with(&self, text: &str, work: &mut Work) -> Option<Prediction> {
        // fastText has a label for the empty line too; here it has no language.
        Words::new(text.as_bytes()).next()?;
        self.0.best(text, work)
    }
}

/// The first `max_bytes` of a text, less what would cut a code point.
fn head(text: &str, max_bytes: Option<usize>) -> &str {
    match max_bytes {
        Some(max) if max < text.len() => {
            let cut = (0..=max).rev().find(|&cut| text.is_char_boundary(cut)).unwrap_or(0);
            &text[..cut]
        }
        _ => text,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

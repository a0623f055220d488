//! Training a classifier as fastText does: stochastic gradient descent on a softmax over the mean of the
//! vectors of words and n-grams (Joulin et al. 2016, section 2), the learning rate falling to zero.
//!
//! Two things differ. The order of the texts is shuffled anew in each epoch, where fastText takes them as
//! they come, so a file sorted by label does no harm. One thread does all of it, so that the model is a
//! function of texts, labels, options and seed.

use arrow_array::LargeStringArray;

use super::dictionary::Dictionary;
use super::examples::Examples;
use super::hash::{word_ngram_start, word_ngram_step};
use super::matrix::LANES;
use super::save::{Trained, save};
use super::settings::LONGEST_NGRAM;
use super::step::{Scratch, best_step};
use super::training::Training;
use crate::KernelError;

/// Texts between two looks at whether to go on.
const TEXTS_PER_LOOK: usize = 1024;

/// A model of `labels` trained on `text`, as a fastText `.bin` file; none where `go_on` says to stop.
///
/// # Errors
/// `BadOption` for options out of range, `BadInput` for columns that cannot be learned from, for a model that
/// does not fit in memory, and for training that diverges.
pub fn train(
    text: &LargeStringArray,
    labels: &LargeStringArray,
    how: &Training,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Vec<u8>>, KernelError> {
    how.check()?;
    let examples = Examples::read(text, labels)?;
    let words = examples.tokens.by_frequency(how.min_count);
    let label_order = examples.labels.by_frequency(1);
    let mut trainer = Trainer::new(&examples, &words, &label_order, how)?;
    if !trainer.run(&examples, go_on) {
        return Ok(None);
    }
    if !trainer.input.iter().chain(&trainer.output).all(|value| value.is_finite()) {
        return Err(KernelError::BadInput(format!(
            "training diverged with learning_rate {}; use a smaller one",
            how.learning_rate
        )));
    }
    let Trainer { input, output, stride, buckets, .. } = trainer;
    Ok(Some(save(&Trained {
        examples: &examples,
        words,
        labels: label_order,
        how,
        buckets,
        input,
        output,
        stride,
    })))
}

impl Training {
    fn check(&self) -> Result<(), KernelError> {
        const MAX: usize = i32::MAX as usize;
        let bad =
            |option, expected: &str| Err(KernelError::BadOption { option, expected: expected.to_string() });
        if !(1..=1 << 16).contains(&self.dim) {
            return bad("dim", "1 to 65536");
        }
        if !(1..=MAX).contains(&self.epochs) {
            return bad("epochs", "at least 1");
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return bad("learning_rate", "a number above 0");
        }
        if !(1..=LONGEST_NGRAM).contains(&self.word_ngrams) {
            return bad("word_ngrams", "1 to 32");
        }
        if !(1..=MAX as u64).contains(&self.min_count) {
            return bad("min_count", "at least 1");
        }
        if self.max_subword > LONGEST_NGRAM {
            return bad("max_subword", "0 to 32");
        }
        if self.max_subword > 0 && !(1..=self.max_subword).contains(&self.min_subword) {
            return bad("min_subword", "1 to max_subword");
        }
        if !self.buckets.is_none_or(|buckets| (1..=MAX).contains(&buckets)) {
            return bad("buckets", "at least 1");
        }
        Ok(())
    }

    /// Rows for n-grams: none where there are no n-grams, as in fastText.
    ///
    /// fastText's two million rows make any model of 100 floats larger than 800 MB, and hardly a better one: see
    /// benchmarks/classifier.py.
    pub fn buckets_for(&self, examples: &Examples) -> usize {
        const TOKENS_PER_BUCKET: usize = 32;
        const FEWEST: usize = 4096;
        const MOST: usize = 2_000_000;
        if self.word_ngrams < 2 && self.max_subword == 0 {
            return 0;
        }
        self.buckets.unwrap_or_else(|| (examples.token_count() / TOKENS_PER_BUCKET).clamp(FEWEST, MOST))
    }
}

/// Both matrices while they are trained, and what stands for each token.
struct Trainer<'a> {
    how: &'a Training,
    input: Vec<f32>,
    output: Vec<f32>,
    stride: usize,
    words: usize,
    buckets: usize,
    /// For each token the rows of the word and its character n-grams.
    rows: Vec<u32>,
    row_ends: Vec<usize>,
    /// For each label by number, its place in the model.
    targets: Vec<usize>,
}

impl<'a> Trainer<'a> {
    fn new(
        examples: &Examples,
        words: &[u32],
        label_order: &[u32],
        how: &'a Training,
    ) -> Result<Self, KernelError> {
        let entries = &examples.tokens.entries;
        let buckets = how.buckets_for(examples);
        let stride = how.dim.next_multiple_of(LANES);
        let too_large = || {
            let rows = words.len() + buckets;
            KernelError::BadInput(format!("a model of {rows} × {} does not fit in memory", how.dim))
        };
        let rows =
            Some(words.len() + buckets).filter(|&rows| i32::try_from(rows).is_ok()).ok_or_else(too_large)?;
        let zeros = |rows: usize| {
            let mut values: Vec<f32> = Vec::new();
            let size = rows.checked_mul(stride).ok_or_else(too_large)?;
            values.try_reserve_exact(size).map_err(|_| too_large())?;
            values.resize(size, 0.0);
            Ok(values)
        };
        let mut input = zeros(rows)?;
        let mut random = Random(how.seed);
        let bound = 1.0 / how.dim as f32;
        for row in input.chunks_exact_mut(stride) {
            row[..how.dim].fill_with(|| (2.0 * random.unit() - 1.0) * bound);
        }
        let dictionary = Dictionary::of_words(
            words.iter().map(|&number| &*entries[number as usize].bytes),
            buckets,
            (how.min_subword, how.max_subword),
        );
        let (mut token_rows, mut row_ends) = (Vec::new(), Vec::with_capacity(entries.len()));
        let mut scratch = Vec::new();
        for entry in entries {
            dictionary.rows_of_token(&entry.bytes, &mut scratch, |row| token_rows.push(row as u32));
            row_ends.push(token_rows.len());
        }
        let mut targets = vec![0; label_order.len()];
        for (place, &number) in label_order.iter().enumerate() {
            targets[number as usize] = place;
        }
        let output = zeros(label_order.len())?;
        Ok(Self {
            how,
            input,
            output,
            stride,
            words: words.len(),
            buckets,
            rows: token_rows,
            row_ends,
            targets,
        })
    }

    /// All epochs; false where `go_on` said to stop.
    fn run(&mut self, examples: &Examples, go_on: &mut dyn FnMut() -> bool) -> bool {
        let total = (examples.token_count() * self.how.epochs) as f64;
        let step = best_step();
        let mut random = Random(!self.how.seed);
        let mut order: Vec<u32> = (0..examples.len() as u32).collect();
        let mut scratch = Scratch::new(self.stride, self.targets.len());
        let (mut seen, mut rows) = (0_usize, Vec::new());
        for _ in 0..self.how.epochs {
            random.shuffle(&mut order);
            for (at, &index) in order.iter().enumerate() {
                if at % TEXTS_PER_LOOK == 0 && !go_on() {
                    return false;
                }
                let tokens = examples.of_text(index as usize);
                self.rows_of(tokens, examples, &mut rows);
                let rate = self.how.learning_rate * (1.0 - seen as f64 / total) as f32;
                let target = self.targets[examples.targets[index as usize] as usize];
                if !rows.is_empty() {
                    step(&mut self.input, &mut self.output, &rows, target, rate, &mut scratch);
                }
                seen += tokens.len() + 1;
            }
        }
        true
    }

    /// The rows of everything in a text, in fastText's order.
    fn rows_of(&self, tokens: &[u32], examples: &Examples, rows: &mut Vec<u32>) {
        rows.clear();
        for &token in tokens {
            let start = if token == 0 { 0 } else { self.row_ends[token as usize - 1] };
            rows.extend_from_slice(&self.rows[start..self.row_ends[token as usize]]);
        }
        if self.how.word_ngrams < 2 {
            return;
        }
        let entries = &examples.tokens.entries;
        for (start, &first) in tokens.iter().enumerate() {
            let mut hash = word_ngram_start(entries[first as usize].hash);
            for &next in tokens[start + 1..].iter().take(self.how.word_ngrams - 1) {
                hash = word_ngram_step(hash, entries[next as usize].hash);
                rows.push((self.words as u64 + hash % self.buckets as u64) as u32);
            }
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 up to, but not including, 1.
    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }

    fn shuffle(&mut self, values: &mut [u32]) {
        for end in (1..values.len()).rev() {
            let other = (u128::from(self.next()) * (end as u128 + 1)) >> 64;
            values.swap(end, other as usize);
        }
    }
}

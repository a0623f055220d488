//! Counting n-grams, and the probabilities that follow.
//!
//! Counts are those of interpolated Kneser-Ney with one discount an order (Kneser and Ney 1995; Chen and
//! Goodman 1999, section 3.2). The highest order counts occurrences; a lower one counts how many
//! different words stand before an n-gram, except where it begins a text. Every order's counts are
//! kept up to date as texts are added, so that no second pass over the corpus is needed: an n-gram
//! adds to the next lower order only when it is new.

use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};

use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::entries::{Highest, Lower, Stored, entry, find, halves};
use crate::KernelError;
use crate::dedup::column::Texts;
use crate::dedup::minimizers::mix;
use crate::dedup::word_hashes::for_each_word_hash;
use crate::dedup::words::WordRules;
use crate::parallel::map_range;

/// The longest n-gram of a model.
pub const MAX_ORDER: usize = 8;

const TEXTS_AT_ONCE: usize = 64;
const BEGIN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The model. Texts are added first; then any can be scored.
#[derive(Debug)]
pub struct NgramModel {
    pub(super) order: usize,
    /// Of orders 1 to `order` - 1.
    pub(super) lower: Vec<HashTable<Lower>>,
    pub(super) highest: HashTable<Highest>,
    /// The counts of all words.
    pub(super) unigrams: u64,
    /// Different words.
    pub(super) words: u32,
    /// One an order, made when they are first asked for after counts have changed.
    discounts: OnceLock<Vec<f64>>,
}

impl NgramModel {
    /// # Errors
    /// `BadOption` for an order outside of 2 to `MAX_ORDER`.
    pub fn new(order: usize) -> Result<Self, KernelError> {
        if !(2..=MAX_ORDER).contains(&order) {
            return Err(KernelError::BadOption {
                option: "order",
                expected: format!("2 to {MAX_ORDER}, got {order}"),
            });
        }
        let lower = (1..order).map(|_| HashTable::new()).collect();
        Ok(Self {
            order,
            lower,
            highest: HashTable::new(),
            unigrams: 0,
            words: 0,
            discounts: OnceLock::new(),
        })
    }

    /// Counts the n-grams of each text.
    ///
    /// # Errors
    /// `BadInput` for anything but a text column.
    pub fn add(&mut self, text: &dyn Array, threads: NonZeroUsize) -> Result<(), KernelError> {
        let texts = Texts::new(text)?;
        self.discounts.take();
        for words in map_range(texts.len(), TEXTS_AT_ONCE, threads, |row| words_of(&texts, row)) {
            self.count(&words);
        }
        Ok(())
    }

    /// Columns `log_prob` (float64, the sum of ln p over the words of a text; null where it has no words, or
    /// the model has seen none) and `words` (int64).
    ///
    /// # Errors
    /// `BadInput` for anything but a text column.
    pub fn log_probs(&self, text: &dyn Array, threads: NonZeroUsize) -> Result<RecordBatch, KernelError> {
        let texts = Texts::new(text)?;
        let discounts = self.discounts.get_or_init(|| self.estimated_discounts());
        let (log_probs, words): (Vec<Option<f64>>, Vec<i64>) =
            map_range(texts.len(), TEXTS_AT_ONCE, threads, |row| {
                let words = words_of(&texts, row);
                (self.log_prob(&words, discounts), words.len() as i64)
            })
            .into_iter()
            .unzip();
        let columns: [(&str, ArrayRef); 2] = [
            ("log_prob", Arc::new(Float64Array::from(log_probs))),
            ("words", Arc::new(Int64Array::from(words))),
        ];
        RecordBatch::try_from_iter(columns).map_err(|error| KernelError::BadInput(error.to_string()))
    }

    /// Words of the longest n-gram.
    pub fn order(&self) -> usize {
        self.order
    }

    /// Different n-grams of all orders.
    pub fn entries(&self) -> usize {
        self.lower.iter().map(HashTable::len).sum::<usize>() + self.highest.len()
    }

    /// Bytes that the tables take.
    pub fn bytes(&self) -> usize {
        let lower: usize = self.lower.iter().map(HashTable::allocation_size).sum();
        lower + self.highest.allocation_size()
    }

    fn count(&mut self, words: &[u64]) {
        let mut before = [BEGIN; MAX_ORDER];
        if let Some(first) = self.lower.first_mut() {
            entry(first, before[0]);
        }
        for place in 1..=words.len() {
            let mut hashes = [0; MAX_ORDER];
            let longest = grams(words, place, self.order, &mut hashes);
            let mut length = longest;
            // Of a text's first words nothing stands before, so that they count as they occur.
            while length > 0 && self.insert(length, hashes[length - 1], &before) {
                length -= 1;
            }
            before = hashes;
        }
    }

    /// Counts an n-gram of `length` words once more; whether it is new.
    fn insert(&mut self, length: usize, hash: u64, before: &[u64; MAX_ORDER]) -> bool {
        let new = if length == self.order {
            let key = halves(hash);
            match self.highest.entry(hash, |held| held.hash == key, Highest::whole_hash) {
                Entry::Vacant(place) => {
                    place.insert(Highest { hash: key, count: 1 });
                    true
                }
                Entry::Occupied(mut place) => {
                    let held = place.get_mut();
                    held.count = held.count.saturating_add(1);
                    false
                }
            }
        } else {
            let held = entry(&mut self.lower[length - 1], hash);
            held.count = held.count.saturating_add(1);
            held.count == 1
        };
        if length == 1 {
            self.unigrams += 1;
            self.words += u32::from(new);
        } else {
            let context = entry(&mut self.lower[length - 2], before[length - 2]);
            context.total = context.total.saturating_add(1);
            context.followers += u32::from(new);
        }
        new
    }

    /// One an order: n₁ / (n₁ + 2 n₂), where nᵢ n-grams have count i (Ney, Essen and Kneser 1994).
    fn estimated_discounts(&self) -> Vec<f64> {
        let discount = |counts: &mut dyn Iterator<Item = u32>| {
            let (mut once, mut twice) = (0.0, 0.0);
            counts.for_each(|count| {
                once += f64::from(u8::from(count == 1));
                twice += f64::from(u8::from(count == 2));
            });
            // Tiny corpora lack one or the other.
            if once + twice == 0.0 { 0.5 } else { f64::clamp(once / (once + 2.0 * twice), 0.1, 0.9) }
        };
        let mut discounts: Vec<f64> =
            self.lower.iter().map(|table| discount(&mut table.iter().map(|held| held.count))).collect();
        discounts.push(discount(&mut self.highest.iter().map(|held| held.count)));
        discounts
    }

    fn log_prob(&self, words: &[u64], discounts: &[f64]) -> Option<f64> {
        if words.is_empty() || self.unigrams == 0 {
            return None;
        }
        let mut before = [BEGIN; MAX_ORDER];
        let mut sum = 0.0;
        for place in 1..=words.len() {
            let mut hashes = [0; MAX_ORDER];
            let longest = grams(words, place, self.order, &mut hashes);
            sum += self.probability(&hashes[..longest], &before, discounts).ln();
            before = hashes;
        }
        Some(sum)
    }

    /// The probability of a word after those before it; `hashes` end with it, shortest first.
    fn probability(&self, hashes: &[u64], before: &[u64; MAX_ORDER], discounts: &[f64]) -> f64 {
        // A word that is not known is one of as many as are, and one more.
        let mut p = 1.0 / (f64::from(self.words) + 1.0);
        for (i, &hash) in hashes.iter().enumerate() {
            let (total, followers) = if i == 0 {
                (self.unigrams as f64, f64::from(self.words))
            } else {
                match find(&self.lower[i - 1], before[i - 1]) {
                    Some(context) if context.total > 0 => {
                        (f64::from(context.total), f64::from(context.followers))
                    }
                    _ => break,
                }
            };
            let count = if i + 1 == self.order {
                let key = halves(hash);
                self.highest.find(hash, |held| held.hash == key).map_or(0, |held| held.count)
            } else {
                find(&self.lower[i], hash).map_or(0, |held| held.count)
            };
            let discount = discounts[i];
            p = (f64::from(count) - discount).max(0.0) / total + discount * followers / total * p;
        }
        p
    }
}

/// Hashes of the words of a text after the mark of its beginning.
fn words_of(texts: &Texts<'_>, row: usize) -> Vec<u64> {
    let mut words = Vec::new();
    if let Some(text) = texts.get(row) {
        for_each_word_hash(text, WordRules::PLAIN, |word, _, _| words.push(word));
    }
    words
}

/// Hashes of the n-grams that end with word number `place`, the beginning being number 0: of one word, of
/// two and so on. Gives how many there are.
fn grams(words: &[u64], place: usize, order: usize, hashes: &mut [u64; MAX_ORDER]) -> usize {
    let longest = order.min(place + 1);
    let mut hash = 0;
    for (length, gram) in hashes.iter_mut().enumerate().take(longest) {
        let word = if length == place { BEGIN } else { words[place - length - 1] };
        hash = if length == 0 { word } else { mix(hash.rotate_left(23) ^ word) };
        *gram = hash;
    }
    longest
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use arrow_array::StringArray;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Float64Type;
    use proptest::prelude::*;

    use super::*;

    const ONE: NonZeroUsize = NonZeroUsize::MIN;

    /// By definition, over lists of words; number 0 is the beginning of a text.
    struct Plain {
        order: usize,
        counts: Vec<HashMap<Vec<u8>, f64>>,
    }

    impl Plain {
        fn new(order: usize, texts: &[Vec<u8>]) -> Self {
            let mut counts = vec![HashMap::new(); order];
            let mut seen: Vec<HashSet<Vec<u8>>> = vec![HashSet::new(); order];
            let begun: Vec<Vec<u8>> = texts.iter().map(|words| [&[0], words.as_slice()].concat()).collect();
            for text in &begun {
                for end in 2..=text.len() {
                    for length in 1..=order.min(end) {
                        seen[length - 1].insert(text[end - length..end].to_vec());
                        if length == order || length == end {
                            *counts[length - 1].entry(text[end - length..end].to_vec()).or_insert(0.0) += 1.0;
                        }
                    }
                }
            }
            for length in 1..order {
                for longer in &seen[length] {
                    *counts[length - 1].entry(longer[1..].to_vec()).or_insert(0.0) += 1.0;
                }
            }
            Self { order, counts }
        }

        fn probability(&self, history: &[u8], word: u8) -> f64 {
            let vocabulary = self.counts[0].len() as f64;
            let mut p = 1.0 / (vocabulary + 1.0);
            for length in 1..=self.order.min(history.len() + 1) {
                let table = &self.counts[length - 1];
                let context = &history[history.len() + 1 - length..];
                let following: Vec<f64> =
                    table.iter().filter(|(gram, _)| gram.starts_with(context)).map(|(_, c)| *c).collect();
                let total: f64 = following.iter().sum();
                if total == 0.0 {
                    break;
                }
                let number = |n: f64| table.values().filter(|&&count| count == n).count() as f64;
                let (once, twice) = (number(1.0), number(2.0));
                let discount =
                    if once + twice == 0.0 { 0.5 } else { f64::clamp(once / (once + 2.0 * twice), 0.1, 0.9) };
                let count = table.get(&[context, &[word]].concat()).copied().unwrap_or(0.0);
                p = (count - discount).max(0.0) / total + discount * following.len() as f64 / total * p;
            }
            p
        }

        fn score(&self, text: &[u8]) -> Option<f64> {
            let begun = [&[0], text].concat();
            let sum: f64 = (1..begun.len())
                .map(|place| {
                    let history = &begun[(place + 1).saturating_sub(self.order)..place];
                    self.probability(history, begun[place]).ln()
                })
                .sum();
            (!text.is_empty()).then_some(sum)
        }
    }

    fn scores(model: &NgramModel, texts: &StringArray, threads: NonZeroUsize) -> Float64Array {
        model.log_probs(texts, threads).unwrap()["log_prob"].as_primitive::<Float64Type>().clone()
    }

    fn column(texts: &[Vec<u8>]) -> StringArray {
        texts
            .iter()
            .map(|words| Some(words.iter().map(|&word| format!("w{word}")).collect::<Vec<_>>().join(" ")))
            .collect()
    }

    fn texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(1_u8..7, 0..14), 1..10)
    }

    proptest! {
        #[test]
        fn equals_the_definition(texts in texts(), other in texts(), order in 2_usize..6) {
            let mut model = NgramModel::new(order).unwrap();
            model.add(&column(&texts), ONE).unwrap();
            let plain = Plain::new(order, &texts);
            let scored = scores(&model, &column(&other), ONE);
            for (row, text) in other.iter().enumerate() {
                let expected = if texts.iter().all(Vec::is_empty) { None } else { plain.score(text) };
                prop_assert_eq!(scored.is_valid(row), expected.is_some());
                if let Some(expected) = expected {
                    prop_assert!((scored.value(row) - expected).abs() < 1e-9);
                }
            }
        }

        #[test]
        fn batches_and_threads_change_nothing(texts in texts(), cut in 0_usize..10) {
            let cut = cut.min(texts.len());
            let mut whole = NgramModel::new(3).unwrap();
            whole.add(&column(&texts), ONE).unwrap();
            let mut parts = NgramModel::new(3).unwrap();
            let three = NonZeroUsize::new(3).unwrap();
            parts.add(&column(&texts[cut..]), three).unwrap();
            parts.add(&column(&texts[..cut]), three).unwrap();
            prop_assert_eq!(whole.entries(), parts.entries());
            let expected = scores(&whole, &column(&texts), ONE);
            prop_assert_eq!(expected, scores(&parts, &column(&texts), three));
        }

        #[test]
        fn any_text(text in any::<String>()) {
            let mut model = NgramModel::new(4).unwrap();
            let array = StringArray::from(vec![text.as_str()]);
            model.add(&array, ONE).unwrap();
            let score = scores(&model, &array, ONE);
            prop_assert!(score.is_null(0) || score.value(0) <= 0.0);
        }
    }

    #[test]
    fn probabilities_of_all_words_sum_to_one() {
        let texts = [vec![1, 2, 3, 1, 2, 4], vec![1, 2, 3], vec![5, 1, 2]];
        let plain = Plain::new(3, &texts);
        for history in [&[0][..], &[1, 2], &[0, 1], &[4, 4]] {
            let known: f64 = (1..=5).map(|word| plain.probability(history, word)).sum();
            let unknown = plain.probability(history, 6);
            assert!((known + unknown - 1.0).abs() < 1e-12, "{history:?}: {known} {unknown}");
        }
    }

    #[test]
    fn copies_are_more_common() {
        let texts = StringArray::from(vec![
            Some("terms of use and privacy policy of this site"),
            Some("terms of use and privacy policy of this site"),
            Some("the heron stood quite still in the shallow water"),
            None,
        ]);
        let mut model = NgramModel::new(4).unwrap();
        model.add(&texts, ONE).unwrap();
        let scores = scores(&model, &texts, ONE);
        assert!(scores.value(0) > scores.value(2));
        assert!(scores.is_null(3));
    }
}

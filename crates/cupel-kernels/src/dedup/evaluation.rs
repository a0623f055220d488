//! An index of evaluation items by the word n-grams of their parts.
//!
//! An item is one sequence of words: question, answer, choices, passage, one after the other. N-grams do
//! not reach over the end of a part. Those that many questions share are template, and not looked for.

use std::collections::BTreeSet;

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, UInt32Array};
use xxhash_rust::xxh3::Xxh3;

use super::column::{Texts, same_length};
use super::evaluation_items::Item;
pub use super::evaluation_items::{PARTS, PASSAGE, QUESTION, Rule};
use super::windows::MAX_NGRAM;
use super::word_hashes::{Rolling, for_each_word_hash};
use super::words::WordRules;
use crate::KernelError;

/// No n-gram that is looked for begins here.
pub(super) const NONE: u32 = u32::MAX;

/// How many times as frequent as the rest of an item an n-gram is that tells nothing of the item.
const UNEVEN: u64 = 4;

const FILTER_BITS_PER_NGRAM: usize = 16;

/// Evaluation items, ready to be looked for.
#[derive(Debug, Clone)]
pub struct Evaluation {
    pub(super) ngram: usize,
    /// Hashes of the words of all items.
    pub(super) words: Vec<u64>,
    /// Which n-gram begins at each word.
    pub(super) ngrams: Vec<u32>,
    pub(super) informative: Vec<bool>,
    pub(super) items: Vec<Item>,
    /// Bytes of each word in the text of its part.
    bytes: Vec<(u32, u32)>,
    // Ascending: hashes are even over their range, so their first bits tell where to look.
    keys: Vec<u64>,
    buckets: Vec<u32>,
    bucket_shift: u32,
    filter: Vec<u64>,
    filter_shift: u32,
    // Of n-gram `g`: `places[offsets[g]..offsets[g + 1]]`, each an item and a word.
    offsets: Vec<usize>,
    places: Vec<(u32, u32)>,
}

impl Evaluation {
    /// An index of items whose parts stand in the rows of four text columns of one length.
    ///
    /// N-grams in the question, answer or choices of more than `max_items` different questions are
    /// left out.
    ///
    /// # Errors
    /// `BadOption` for an n-gram out of range, `BadInput` for columns that do not fit, or too much text.
    pub fn new(parts: [&dyn Array; PARTS], ngram: usize, max_items: usize) -> Result<Self, KernelError> {
        if !(2..=MAX_NGRAM).contains(&ngram) {
            return Err(KernelError::BadOption {
                option: "ngram",
                expected: format!("2 to {MAX_NGRAM} words, got {ngram}"),
            });
        }
        let texts = parts.map(Texts::new);
        let [question, answer, choices, passage] = texts;
        let texts = [question?, answer?, choices?, passage?];
        for other in &texts[1..] {
            same_length(("question", texts[0].len()), ("another part", other.len()))?;
        }
        let mut index = Self {
            ngram,
            words: Vec::new(),
            ngrams: Vec::new(),
            informative: Vec::new(),
            items: Vec::new(),
            bytes: Vec::new(),
            keys: Vec::new(),
            buckets: Vec::new(),
            bucket_shift: 0,
            filter: Vec::new(),
            filter_shift: 0,
            offsets: Vec::new(),
            places: Vec::new(),
        };
        index.read(&texts)?;
        index.number(max_items);
        index.weigh();
        Ok(index)
    }

    /// All words, item by item.
    fn read(&mut self, texts: &[Texts<'_>; PARTS]) -> Result<(), KernelError> {
        let too_large = || KernelError::BadInput("evaluation items: more text than 4 GB of words".to_owned());
        for row in 0..texts[0].len() {
            let start = self.words.len();
            let mut ends = [start; PARTS];
            let mut spoken = 0.0;
            for (part, column) in texts.iter().enumerate() {
                let text = column.get(row).unwrap_or_default();
                u32::try_from(text.len()).map_err(|_| too_large())?;
                for_each_word_hash(text, WordRules::PLAIN, |hash, from, to| {
                    self.words.push(hash);
                    spoken += share_of_word(&text[from..to]);
                    self.bytes.push((from as u32, to as u32));
                });
                ends[part] = self.words.len();
            }
            let words = self.words.len() - start;
            let scale = if words == 0 { 1.0 } else { words as f64 / spoken };
            self.items.push(Item { start, ends, informative: [0; PARTS], scale });
        }
        if self.words.len() >= NONE as usize || self.items.len() >= NONE as usize {
            return Err(too_large());
        }
        Ok(())
    }

    /// Numbers the n-grams that are looked for, and notes where each stands.
    fn number(&mut self, max_items: usize) {
        let mut places: Vec<(u64, u32, u32)> = Vec::new();
        let mut rolling = Rolling::new(self.ngram);
        for (number, item) in self.items.iter().enumerate() {
            for part in 0..PARTS {
                rolling.clear();
                for place in item.part(part) {
                    if let Some(key) = rolling.push(self.words[place]) {
                        places.push((key, number as u32, (place + 1 - self.ngram) as u32));
                    }
                }
            }
        }
        places.sort_unstable();
        self.ngrams = vec![NONE; self.words.len()];
        self.offsets.push(0);
        for group in places.chunk_by(|left, right| left.0 == right.0) {
            if self.is_template(group, max_items) {
                continue;
            }
            let id = self.keys.len() as u32;
            self.keys.push(group[0].0);
            for &(_, item, place) in group {
                self.ngrams[place as usize] = id;
                self.places.push((item, place));
            }
            self.offsets.push(self.places.len());
        }
        self.prepare();
    }

    /// What `find` needs, once all keys are there.
    fn prepare(&mut self) {
        let buckets = self.keys.len().next_power_of_two().max(2);
        self.bucket_shift = 64 - buckets.trailing_zeros();
        self.buckets = vec![0; buckets + 1];
        let bits = (self.keys.len() * FILTER_BITS_PER_NGRAM).next_power_of_two().max(1 << 16);
        self.filter_shift = 64 - bits.trailing_zeros();
        self.filter = vec![0; bits / 64];
        for &key in &self.keys {
            self.buckets[(key >> self.bucket_shift) as usize + 1] += 1;
            let bit = key >> self.filter_shift;
            self.filter[(bit / 64) as usize] |= 1 << (bit % 64);
        }
        let mut sum = 0;
        for end in &mut self.buckets {
            sum += *end;
            *end = sum;
        }
    }

    /// Whether more than `max_items` different questions share an n-gram outside of their passages.
    fn is_template(&self, group: &[(u64, u32, u32)], max_items: usize) -> bool {
        if group.len() <= max_items {
            return false;
        }
        let mut questions = BTreeSet::new();
        for &(_, item, place) in group {
            let item = &self.items[item as usize];
            if item.part_of(place as usize) != PASSAGE {
                questions.insert(&self.words[item.part(QUESTION)]);
                if questions.len() > max_items {
                    return true;
                }
            }
        }
        false
    }

    /// Counts the informative words of every part.
    fn weigh(&mut self) {
        self.informative = vec![false; self.words.len()];
        for (place, &id) in self.ngrams.iter().enumerate() {
            if id != NONE {
                self.informative[place..place + self.ngram].fill(true);
            }
        }
        for item in &mut self.items {
            for part in 0..PARTS {
                let words = &self.informative[item.part(part)];
                item.informative[part] = words.iter().filter(|&&word| word).count() as u32;
            }
        }
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many n-grams are looked for.
    pub fn ngrams(&self) -> usize {
        self.keys.len()
    }

    /// Changes when what is looked for does.
    pub fn digest(&self) -> u64 {
        let mut state = Xxh3::new();
        state.update(&(self.ngram as u64).to_le_bytes());
        self.keys.iter().for_each(|key| state.update(&key.to_le_bytes()));
        state.digest()
    }

    /// The number of the n-gram with this hash.
    #[inline(always)]
    pub(super) fn find(&self, key: u64) -> Option<u32> {
        let bit = key >> self.filter_shift;
        if self.filter[(bit / 64) as usize] >> (bit % 64) & 1 == 0 {
            return None;
        }
        let bucket = (key >> self.bucket_shift) as usize;
        let (start, end) = (self.buckets[bucket] as usize, self.buckets[bucket + 1] as usize);
        self.keys[start..end].iter().position(|&known| known == key).map(|at| (start + at) as u32)
    }

    pub(super) fn places(&self, id: u32) -> &[(u32, u32)] {
        &self.places[self.offsets[id as usize]..self.offsets[id as usize + 1]]
    }

    /// For each n-gram that is looked for: an item, its part, and the bytes of that part's text.
    pub fn first_places(&self) -> [UInt32Array; 4] {
        let mut columns: [Vec<u32>; 4] = Default::default();
        for id in 0..self.keys.len() as u32 {
            let (item, place) = self.places(id)[0];
            let last = self.bytes[place as usize + self.ngram - 1].1;
            let part = self.items[item as usize].part_of(place as usize) as u32;
            let row = [item, part, self.bytes[place as usize].0, last];
            columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        }
        columns.map(UInt32Array::from)
    }

    /// Words of each item's parts that can be found: question, answer, choices, passage.
    #[cfg(test)]
    fn informative_words(&self) -> [UInt32Array; PARTS] {
        std::array::from_fn(|part| {
            UInt32Array::from_iter_values(self.items.iter().map(|item| item.informative[part]))
        })
    }

    /// Whether each item could be found by `rule` in any document; others are too short, or template and common phrases.
    pub fn searchable(&self, rule: Rule) -> BooleanArray {
        self.items.iter().map(|item| Some(rule.can_be_held(item))).collect()
    }

    /// Whether each n-gram stands in far more documents (`counts`, one for each) than the rest of every question,
    /// answer or list of choices that has it: the instruction of a set, or a quotation.
    ///
    /// The rest is judged by the rarest tenth of its n-grams. What a leak holds is about equally frequent;
    /// what clean documents share with an item is not.
    ///
    /// # Errors
    /// `BadInput` where there is not a count for each n-gram.
    pub fn uneven(&self, counts: &[u64]) -> Result<BooleanArray, KernelError> {
        if counts.len() != self.keys.len() {
            return Err(KernelError::BadInput("counts: expected one for each n-gram".to_owned()));
        }
        let mut uneven = vec![true; counts.len()];
        let mut ids: Vec<u32> = Vec::new();
        for item in &self.items {
            for part in QUESTION..PASSAGE {
                ids.clear();
                ids.extend(self.ngrams[item.part(part)].iter().filter(|&&id| id != NONE));
                ids.sort_unstable_by_key(|&id| counts[id as usize]);
                let Some(&rare) = ids.get(ids.len() / 10) else { continue };
                let limit = UNEVEN * counts[rare as usize];
                for &id in &ids {
                    uneven[id as usize] &= counts[id as usize] > limit;
                }
            }
        }
        Ok(BooleanArray::from(uneven))
    }

    /// The index without the n-grams that `common` names (a boolean for each).
    ///
    /// # Errors
    /// `BadInput` where there is not one for each.
    pub fn without(&self, common: &dyn Array) -> Result<Self, KernelError> {
        let wrong = || KernelError::BadInput("common: expected a boolean for each n-gram".to_owned());
        let common = common.as_boolean_opt().filter(|c| c.len() == self.keys.len()).ok_or_else(wrong)?;
        let mut left = self.clone();
        for id in &mut left.ngrams {
            if *id != NONE && common.value(*id as usize) {
                *id = NONE;
            }
        }
        left.weigh();
        Ok(left)
    }
}

/// How much of a word of the language a word of the index is. Scripts without spaces are cut into
/// characters: about two make a word of Chinese or Japanese, four one of Thai, Lao, Khmer or Burmese.
fn share_of_word(word: &str) -> f64 {
    match word.chars().next().unwrap_or(' ') as u32 {
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF => 0.25,
        0xA9E0..=0xA9FF | 0xAA60..=0xAA7F => 0.25,
        0x3005..=0x3007
        | 0x3040..=0x30FF
        | 0x31F0..=0x31FF
        | 0x3400..=0x9FFF
        | 0xF900..=0xFAFF
        | 0xFF66..=0xFF9F
        | 0x1B000..=0x1B16F
        | 0x20000..=0x3FFFF => 0.5,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::StringArray;
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn index(items: &[[&str; PARTS]], ngram: usize, max_items: usize) -> Evaluation {
        let columns: [StringArray; PARTS] =
            std::array::from_fn(|part| items.iter().map(|item| Some(item[part])).collect());
        Evaluation::new([&columns[0], &columns[1], &columns[2], &columns[3]], ngram, max_items).unwrap()
    }

    const ITEMS: [[&str; PARTS]; 3] = [
        ["How many apples has Tom left in his bag?", "Three", "", ""],
        ["How many apples has Ann sold to her aunt?", "Two", "", "Ann keeps a stall of fruit."],
        ["What is the color of the sea?", "Blue", "red green blue", ""],
    ];

    #[test]
    fn template_is_left_out_and_passages_are_not_counted() {
        let all = index(&ITEMS, 3, 9);
        assert_eq!(all.informative_words()[QUESTION].values(), &[9, 9, 7]);
        let some = index(&ITEMS, 3, 1);
        // "how many apples" and "many apples has" are in two questions; the others cover all but them.
        assert_eq!(some.ngrams() + 2, all.ngrams());
        assert_eq!(some.informative_words()[QUESTION].values(), &[7, 7, 7]);
        assert_eq!(some.informative_words()[PASSAGE].values(), &[0, 6, 0]);
        let twice = index(&[ITEMS[0], ITEMS[0], ITEMS[2]], 3, 1);
        assert_eq!(twice.informative_words()[QUESTION].values(), &[9, 9, 7], "the same question twice");
    }

    #[test]
    fn ngrams_do_not_reach_over_the_end_of_a_part() {
        let evaluation = index(&[["one two", "three four", "", ""]], 3, 9);
        assert_eq!(evaluation.ngrams(), 0);
        assert!(index(&[], 5, 1).is_empty());
    }

    #[test]
    fn strays_are_counted_once_a_document() {
        let evaluation = index(&ITEMS, 3, 9);
        let texts = StringArray::from(vec![
            Some("the color of the sea, and the color of the sky. The color of the sea!"),
            Some("What is the color of the sea?"),
            None,
        ]);
        let strays = evaluation.strays(&evaluation.hits(&texts).unwrap()).unwrap();
        // Of the first text: "the color of", "color of the", "of the sea"; the second is the item.
        assert_eq!(strays.len(), 3);
        let mut common = vec![false; evaluation.ngrams()];
        strays.values().iter().for_each(|&id| common[id as usize] = true);
        let left = evaluation.without(&BooleanArray::from(common)).unwrap();
        assert_eq!(left.informative_words()[QUESTION].value(2), 4);
        assert!(evaluation.without(&BooleanArray::from(vec![true])).is_err());
    }

    #[test]
    fn an_instruction_is_more_frequent_than_the_rest_of_its_item() {
        let evaluation = index(&[["read this and then answer it: seven green boats sink", "", "", ""]], 3, 9);
        let texts =
            StringArray::from(vec!["read this and then answer it: no", "read this and then answer it"]);
        let mut counts = vec![0; evaluation.ngrams()];
        for &id in evaluation.present(&evaluation.hits(&texts).unwrap()).unwrap().values() {
            counts[id as usize] += 1;
        }
        assert_eq!(evaluation.uneven(&counts).unwrap().true_count(), 4);
        assert_eq!(
            evaluation.uneven(&vec![7; counts.len()]).unwrap().true_count(),
            0,
            "a leak is as frequent"
        );
        assert!(evaluation.uneven(&[]).is_err());
    }

    #[test]
    fn characters_are_parts_of_words() {
        let evaluation =
            index(&[["how many words", "", "", ""], ["東京の鐘", "", "", ""], ["รถไฟ", "", "", ""]], 2, 9);
        let scales: Vec<f64> = evaluation.items.iter().map(|item| item.scale).collect();
        assert_eq!(scales, [1.0, 2.0, 4.0]);
    }

    #[test]
    fn places_lead_back_to_the_text() {
        let evaluation = index(&ITEMS, 3, 9);
        let [item, part, start, stop] = evaluation.first_places();
        for id in 0..evaluation.ngrams() {
            let text = ITEMS[item.value(id) as usize][part.value(id) as usize];
            let gram = &text[start.value(id) as usize..stop.value(id) as usize];
            assert_eq!(gram.split_whitespace().count(), 3, "{gram}");
        }
    }

    proptest! {
        #[test]
        fn no_text_and_no_item_breaks_it(
            items in prop::collection::vec(any::<[String; PARTS]>(), 0..4), text in any::<String>(),
        ) {
            let borrowed: Vec<[&str; PARTS]> =
                items.iter().map(|item| std::array::from_fn(|part| item[part].as_str())).collect();
            let evaluation = index(&borrowed, 2, 2);
            let hits = evaluation.hits(&StringArray::from(vec![text])).unwrap();
            evaluation.strays(&hits).unwrap();
            evaluation.candidates(&hits, Rule { threshold: 0.5, min_words: 3 }).unwrap();
        }
    }
}

//! Which evaluation n-grams stand in documents, and what they tell before a text is read again.

use std::collections::BTreeSet;

use arrow_array::builder::{LargeListBuilder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, BooleanArray, LargeListArray, UInt32Array};

use super::column::Texts;
use super::evaluation::{Evaluation, NONE};
use super::evaluation_items::{Item, PARTS, Rule};
use super::word_hashes::{Rolling, for_each_word_hash};
use super::words::WordRules;
use crate::KernelError;

// A document that holds this share of a part holds the item; less of it may be a common phrase.
const WHOLE: f64 = 0.8;

impl Evaluation {
    /// The distinct hashes, ascending, of the n-grams of each text that are looked for.
    ///
    /// # Errors
    /// `BadInput` for anything but a text column.
    pub fn hits(&self, text: &dyn Array) -> Result<LargeListArray, KernelError> {
        let texts = Texts::new(text)?;
        let mut lists = LargeListBuilder::new(UInt64Builder::new());
        let mut rolling = Rolling::new(self.ngram);
        let mut keys = Vec::new();
        for row in 0..texts.len() {
            keys.clear();
            rolling.clear();
            for_each_word_hash(texts.get(row).unwrap_or_default(), WordRules::PLAIN, |word, _, _| {
                if let Some(key) = rolling.push(word)
                    && self.find(key).is_some()
                {
                    keys.push(key);
                }
            });
            keys.sort_unstable();
            keys.dedup();
            lists.values().append_slice(&keys);
            lists.append(true);
        }
        Ok(lists.finish())
    }

    /// The n-grams (their numbers, once a document) that stand in documents that hold no item with
    /// them nearly whole: what occurs so in many documents is common anyway.
    ///
    /// # Errors
    /// `BadInput` for anything but lists as `hits` gives.
    pub fn strays(&self, hits: &dyn Array) -> Result<UInt32Array, KernelError> {
        let mut strays: Vec<u32> = Vec::new();
        self.each_document(hits, |ids, groups| {
            let mut whole = BTreeSet::new();
            for group in groups.chunk_by(|left, right| left.0 == right.0) {
                let item = &self.items[group[0].0 as usize];
                let covered = self.covered(item, group);
                for (part, &words) in covered.iter().enumerate() {
                    if words > 0 && f64::from(words) >= WHOLE * f64::from(item.informative[part]) {
                        let places = group.iter().filter(|&&(_, place)| item.part_of(place as usize) == part);
                        whole.extend(places.map(|&(_, place)| self.ngrams[place as usize]));
                    }
                }
            }
            strays.extend(ids.iter().filter(|id| !whole.contains(id)));
        })?;
        Ok(UInt32Array::from(strays))
    }

    /// The n-grams (their numbers, once a document) that stand in documents.
    ///
    /// # Errors
    /// `BadInput` for anything but lists as `hits` gives.
    pub fn present(&self, hits: &dyn Array) -> Result<UInt32Array, KernelError> {
        let mut present: Vec<u32> = Vec::new();
        self.each_document(hits, |ids, _| present.extend(ids))?;
        Ok(UInt32Array::from(present))
    }

    /// Whether each document has n-grams enough of one item or passage, wherever they stand.
    ///
    /// # Errors
    /// `BadInput` for anything but lists as `hits` gives.
    pub fn candidates(&self, hits: &dyn Array, rule: Rule) -> Result<BooleanArray, KernelError> {
        let mut candidates = Vec::new();
        self.each_document(hits, |_, groups| {
            candidates.push(groups.chunk_by(|left, right| left.0 == right.0).any(|group| {
                let item = &self.items[group[0].0 as usize];
                rule.may_hold(item, self.covered(item, group))
            }));
        })?;
        Ok(BooleanArray::from(candidates))
    }

    /// Calls `take` with the n-grams of each document, and all their places by item.
    fn each_document(
        &self,
        hits: &dyn Array,
        mut take: impl FnMut(&[u32], &[(u32, u32)]),
    ) -> Result<(), KernelError> {
        let wrong = || KernelError::BadInput("hits: expected lists as hits() gives".to_owned());
        let lists = hits.as_list_opt::<i64>().ok_or_else(wrong)?;
        let keys = lists.values().as_primitive_opt::<UInt64Type>().ok_or_else(wrong)?.values();
        let (mut ids, mut groups) = (Vec::new(), Vec::new());
        for ends in lists.value_offsets().windows(2) {
            ids.clear();
            groups.clear();
            ids.extend(keys[ends[0] as usize..ends[1] as usize].iter().filter_map(|&key| self.find(key)));
            for &id in &ids {
                // What `without` took away stands nowhere any more.
                let places = self.places(id).iter();
                groups.extend(places.filter(|&&(_, place)| self.ngrams[place as usize] != NONE));
            }
            groups.sort_unstable();
            take(&ids, &groups);
        }
        Ok(())
    }

    /// Words of each part that n-grams at these places (of one item, ascending) cover.
    fn covered(&self, item: &Item, group: &[(u32, u32)]) -> [u32; PARTS] {
        let mut words = [0; PARTS];
        let mut end = 0;
        for &(_, place) in group {
            let (start, stop) = (place as usize, place as usize + self.ngram);
            words[item.part_of(start)] += (stop - start.max(end)) as u32;
            end = stop;
        }
        words
    }
}

//! fastText's dictionary: words, labels, and the hashed character n-grams of words.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use super::buckets::Buckets;
use super::bytes::{Reader, bad};
use super::hash::{FNV_BASIS, fnv_step, is_continuation};
use super::settings::{LONGEST_NGRAM, Settings};
use crate::KernelError;

/// The token that ends a line.
pub const END_OF_LINE: &[u8] = b"</s>";
/// Tokens that begin so are labels, never words.
pub const LABEL_PREFIX: &[u8] = b"__label__";
const BEGIN_OF_WORD: u8 = b'<';
const END_OF_WORD: u8 = b'>';

/// What a token is to the model.
pub enum Token {
    Word(usize),
    Unknown,
    Label,
}

/// Words and labels with their numbers, and where the rows of n-grams are.
pub struct Dictionary {
    entries: Vec<Box<[u8]>>,
    index: HashTable<u32>,
    pub words: usize,
    /// Labels without their prefix.
    pub labels: Vec<String>,
    /// How often each label was seen in training; the Huffman tree is built of these.
    pub label_counts: Vec<i64>,
    buckets: Buckets,
    min_ngram: usize,
    max_ngram: usize,
}

impl Dictionary {
    /// Reads the dictionary. Rows that it may name are below the returned number of rows.
    pub fn read(reader: &mut Reader, settings: &Settings) -> Result<(Self, usize), KernelError> {
        let size = reader.size32("the dictionary's size", 0, i32::MAX)?;
        let words = reader.size32("the number of words", 0, i32::MAX)?;
        let label_count = reader.size32("the number of labels", 0, i32::MAX)?;
        let _tokens = reader.i64("the number of tokens")?;
        let pruned = reader.i64("the size of the prune index")?;
        if label_count == 0 || words.checked_add(label_count) != Some(size) {
            return Err(bad(format!("{words} words and {label_count} labels do not make {size} entries")));
        }
        // An entry takes ten bytes at least, so a false size cannot reserve more than the file is long.
        if size > reader.remaining() / 10 {
            return Err(bad(format!("the file is too short for {size} dictionary entries")));
        }
        let mut dictionary = Self {
            entries: Vec::with_capacity(size),
            index: HashTable::with_capacity(size),
            words,
            labels: Vec::with_capacity(label_count),
            label_counts: Vec::with_capacity(label_count),
            buckets: Buckets::new(settings.buckets),
            min_ngram: settings.min_ngram,
            max_ngram: settings.max_ngram,
        };
        for position in 0..size {
            let entry = reader.zero_ended("a dictionary entry")?;
            let count = reader.i64("a dictionary entry")?;
            let kind = reader.u8("a dictionary entry")?;
            if kind != u8::from(position >= words) {
                return Err(bad(format!("dictionary entry {position} is of kind {kind}")));
            }
            if position >= words {
                let label = String::from_utf8_lossy(entry);
                dictionary.labels.push(label.strip_prefix("__label__").unwrap_or(&label).to_string());
                dictionary.label_counts.push(count);
            }
            dictionary.insert(entry, position as u32);
        }
        let rows = dictionary.read_buckets(reader, pruned, settings)?;
        Ok((dictionary, rows))
    }

    /// The dictionary of a model in training, which looks up no labels.
    pub fn of_words<'a>(
        words: impl ExactSizeIterator<Item = &'a [u8]>,
        buckets: usize,
        (min_ngram, max_ngram): (usize, usize),
    ) -> Self {
        let mut dictionary = Self {
            entries: Vec::with_capacity(words.len()),
            index: HashTable::with_capacity(words.len()),
            words: words.len(),
            labels: Vec::new(),
            label_counts: Vec::new(),
            buckets: Buckets::new(buckets),
            min_ngram,
            max_ngram,
        };
        for (number, word) in words.enumerate() {
            dictionary.insert(word, number as u32);
        }
        dictionary
    }

    fn read_buckets(
        &mut self,
        reader: &mut Reader,
        pruned: i64,
        settings: &Settings,
    ) -> Result<usize, KernelError> {
        if pruned < 0 {
            return Ok(self.words + settings.buckets);
        }
        let count = usize::try_from(pruned).unwrap_or(usize::MAX);
        if count > reader.remaining() / 8 {
            return Err(bad(format!("the file is too short for a prune index of {count}")));
        }
        let mut pairs = Vec::with_capacity(count);
        let mut rows = self.words;
        for _ in 0..count {
            let bucket = reader.size32("the prune index", 0, i32::MAX)? as u32;
            let row = reader.size32("the prune index", 0, i32::MAX)?;
            rows = rows.max(self.words.saturating_add(row).saturating_add(1));
            pairs.push((bucket, row as u32));
        }
        self.buckets = Buckets::pruned(settings.buckets, &pairs);
        Ok(rows)
    }

    fn insert(&mut self, entry: &[u8], number: u32) {
        let hash = xxh3_64(entry);
        let Self { entries, index, .. } = self;
        let same = index.find_mut(hash, |&known| *entries[known as usize] == *entry);
        // fastText lets the last of two equal entries win.
        match same {
            Some(known) => *known = number,
            None => {
                entries.push(entry.into());
                index.insert_unique(hash, number, |&known| xxh3_64(&entries[known as usize]));
                return;
            }
        }
        entries.push(entry.into());
    }

    /// What `token` is: a word, a label, or a word that the dictionary does not have.
    pub fn look_up(&self, token: &[u8]) -> Token {
        let hash = xxh3_64(token);
        match self.index.find(hash, |&known| *self.entries[known as usize] == *token) {
            Some(&number) if (number as usize) < self.words => Token::Word(number as usize),
            Some(_) => Token::Label,
            None if token.starts_with(LABEL_PREFIX) => Token::Label,
            None => Token::Unknown,
        }
    }

    /// Calls `take` with the row of each thing that stands for `token`: the word itself where it
    /// is known, and the n-grams of `<token>`. Gives whether the token is a word at all.
    pub fn rows_of_token(&self, token: &[u8], scratch: &mut Vec<u8>, mut take: impl FnMut(usize)) -> bool {
        match self.look_up(token) {
            Token::Label => return false,
            Token::Word(number) => take(number),
            Token::Unknown => {}
        }
        if self.max_ngram > 0 && token != END_OF_LINE {
            scratch.clear();
            scratch.push(BEGIN_OF_WORD);
            scratch.extend_from_slice(token);
            scratch.push(END_OF_WORD);
            self.rows_of_ngrams(scratch, take);
        }
        true
    }

    /// Character n-grams of `min_ngram..=max_ngram` code points (Bojanowski et al. 2017, section
    /// 3.2), hashed. Code points are found by their first byte, as fastText does.
    ///
    /// Whether an n-gram has a row is as good as random, so there is no branch on it: every n-gram is
    /// written down, and the next one overwrites it where the bitmap knows that it has none.
    fn rows_of_ngrams(&self, word: &[u8], mut take: impl FnMut(usize)) {
        const HELD: usize = 4 * LONGEST_NGRAM;
        let mut held = [0_u32; HELD];
        let mut count = 0;
        for start in 0..word.len() {
            if is_continuation(word[start]) {
                continue;
            }
            if count + LONGEST_NGRAM > HELD {
                held[..count]
                    .iter()
                    .filter_map(|&bucket| self.buckets.row(bucket))
                    .for_each(|row| take(self.words + row));
                count = 0;
            }
            let mut hash = FNV_BASIS;
            let mut end = start;
            for length in 1..=self.max_ngram {
                if end >= word.len() {
                    break;
                }
                hash = fnv_step(hash, word[end]);
                end += 1;
                while end < word.len() && is_continuation(word[end]) {
                    hash = fnv_step(hash, word[end]);
                    end += 1;
                }
                let lone_border = length == 1 && (start == 0 || end == word.len());
                let bucket = self.buckets.short(hash);
                held[count % HELD] = bucket;
                count += usize::from(length >= self.min_ngram && !lone_border && self.buckets.maybe(bucket));
            }
        }
        held[..count]
            .iter()
            .filter_map(|&bucket| self.buckets.row(bucket))
            .for_each(|row| take(self.words + row));
    }

    /// The row of a word n-gram, given its running hash.
    pub fn row_of_hash(&self, hash: u64) -> Option<usize> {
        self.buckets.row_of_long(hash).map(|row| self.words + row)
    }
}

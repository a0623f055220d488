//! Labeled texts as numbers: what a classifier is trained on.

use arrow_array::{Array, LargeStringArray};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use super::dictionary::{END_OF_LINE, LABEL_PREFIX};
use super::hash::fnv;
use super::lines::one_line;
use super::words::Words;
use crate::KernelError;

/// Texts as the numbers of their tokens, and their labels as numbers.
pub struct Examples {
    pub tokens: Tokens,
    pub labels: Tokens,
    /// The tokens of all texts, the end of the line after each text.
    numbers: Vec<u32>,
    /// Where the tokens of each text end.
    ends: Vec<usize>,
    /// The label of each text.
    pub targets: Vec<u32>,
}

impl Examples {
    /// Reads the two columns. A text is read as it will be when it is labeled: as one line, up to a
    /// literal `</s>`, without tokens that look like labels.
    ///
    /// # Errors
    /// `BadInput` for columns of different lengths, nulls, labels that cannot be stored, fewer than two
    /// labels, and texts without any word.
    pub fn read(text: &LargeStringArray, labels: &LargeStringArray) -> Result<Self, KernelError> {
        if text.len() != labels.len() {
            return Err(KernelError::BadInput(format!("{} texts but {} labels", text.len(), labels.len())));
        }
        let mut examples = Self {
            tokens: Tokens::default(),
            labels: Tokens::default(),
            numbers: Vec::new(),
            ends: Vec::with_capacity(text.len()),
            targets: Vec::with_capacity(text.len()),
        };
        for row in 0..text.len() {
            for (column, name) in [(text, "text"), (labels, "label")] {
                if column.is_null(row) {
                    return Err(KernelError::BadInput(format!("the {name} in row {row} is null")));
                }
            }
            let label = labels.value(row);
            if Words::new(label.as_bytes()).next().is_none_or(|(word, _)| word != label.as_bytes()) {
                return Err(KernelError::BadInput(format!(
                    "the label in row {row} is '{}', expected one word without white space",
                    label.escape_debug()
                )));
            }
            examples.targets.push(examples.labels.add(label.as_bytes())?);
            for (word, _) in Words::new(one_line(text.value(row)).as_bytes()) {
                if word == END_OF_LINE {
                    break;
                }
                if !word.starts_with(LABEL_PREFIX) {
                    examples.numbers.push(examples.tokens.add(word)?);
                }
            }
            examples.numbers.push(examples.tokens.add(END_OF_LINE)?);
            examples.ends.push(examples.numbers.len());
        }
        if examples.labels.len() < 2 {
            let only = examples.labels.entries.first().map_or("none".to_string(), |entry| {
                format!("only '{}'", String::from_utf8_lossy(&entry.bytes))
            });
            return Err(KernelError::BadInput(format!("training needs at least two labels, got {only}")));
        }
        if examples.tokens.len() < 2 {
            return Err(KernelError::BadInput("no text holds a word to learn from".to_string()));
        }
        Ok(examples)
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Words, ends of lines and labels, which is what fastText counts as tokens.
    pub fn token_count(&self) -> usize {
        self.numbers.len() + self.targets.len()
    }

    /// The numbers of a text's tokens.
    pub fn of_text(&self, index: usize) -> &[u32] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.numbers[start..self.ends[index]]
    }
}

/// Different tokens, numbered as they were first seen.
#[derive(Default)]
pub struct Tokens {
    pub entries: Vec<Entry>,
    index: HashTable<u32>,
}

pub struct Entry {
    pub bytes: Box<[u8]>,
    pub hash: u32,
    pub count: u64,
}

impl Tokens {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    fn add(&mut self, token: &[u8]) -> Result<u32, KernelError> {
        let Self { entries, index } = self;
        let hash = xxh3_64(token);
        if let Some(&number) = index.find(hash, |&known| *entries[known as usize].bytes == *token) {
            entries[number as usize].count += 1;
            return Ok(number);
        }
        let number = i32::try_from(entries.len())
            .map_err(|_| KernelError::BadInput("the texts hold more than 2^31 different words".to_string()))?
            as u32;
        entries.push(Entry { bytes: token.into(), hash: fnv(token), count: 1 });
        index.insert_unique(hash, number, |&known| xxh3_64(&entries[known as usize].bytes));
        Ok(number)
    }

    /// The numbers of the tokens seen at least `min_count` times, the most frequent first, and of equally
    /// frequent ones the one seen first.
    pub fn by_frequency(&self, min_count: u64) -> Vec<u32> {
        let mut numbers: Vec<u32> = (0..self.entries.len() as u32)
            .filter(|&number| self.entries[number as usize].count >= min_count)
            .collect();
        numbers.sort_by_key(|&number| std::cmp::Reverse(self.entries[number as usize].count));
        numbers
    }
}

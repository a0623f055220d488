//! Words as hashes with their places, and n-grams of them as one rolling hash.

use xxhash_rust::xxh3::xxh3_64;

use super::minimizers::mix;
use super::windows::MAX_NGRAM;
use super::words::{MAX_WORD_BYTES, WordRules, WordSink, for_each_word, lower_letters};

// An odd number without pattern: the base of the rolling hash.
const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

/// Gives for each word of `text` its hash and the bytes it takes.
pub fn for_each_word_hash(text: &str, rules: WordRules, take: impl FnMut(u64, usize, usize)) {
    let mut sink = Sink { word: [0; MAX_WORD_BYTES], length: 0, at: 0, start: 0, take };
    for_each_word(text, rules, &mut sink);
}

struct Sink<F> {
    word: [u8; MAX_WORD_BYTES],
    length: usize,
    at: usize,
    start: usize,
    take: F,
}

impl<F: FnMut(u64, usize, usize)> WordSink for Sink<F> {
    #[inline(always)]
    fn at(&mut self, position: usize) {
        self.at = position;
    }

    #[inline(always)]
    fn extend_letters(&mut self, bytes: &[u8]) -> usize {
        if self.length == MAX_WORD_BYTES {
            self.end_word();
        }
        if self.length == 0 {
            self.start = self.at;
        }
        let count = lower_letters(bytes, &mut self.word[self.length..]);
        self.length += count;
        count
    }

    #[inline]
    fn extend(&mut self, bytes: &[u8]) {
        if self.length + bytes.len() > MAX_WORD_BYTES {
            self.end_word();
        }
        if self.length == 0 {
            self.start = self.at;
        }
        self.word[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    #[inline(always)]
    fn end_word(&mut self) {
        if self.length > 0 {
            (self.take)(xxh3_64(&self.word[..self.length]), self.start, self.at);
            self.length = 0;
        }
    }
}

/// The last `ngram` words as one hash: a polynomial modulo 2^64 of the words' hashes, mixed.
#[derive(Debug, Clone)]
pub struct Rolling {
    ngram: usize,
    // BASE to the power of `ngram`.
    power: u64,
    ring: [u64; MAX_NGRAM],
    words: usize,
    hash: u64,
}

impl Rolling {
    /// `ngram` is 1 to `MAX_NGRAM`; values beyond are taken for the nearest.
    pub fn new(ngram: usize) -> Self {
        let ngram = ngram.clamp(1, MAX_NGRAM);
        let power = (0..ngram).fold(1_u64, |power, _| power.wrapping_mul(BASE));
        Self { ngram, power, ring: [0; MAX_NGRAM], words: 0, hash: 0 }
    }

    /// Forgets all words.
    pub fn clear(&mut self) {
        (self.words, self.hash) = (0, 0);
    }

    /// Takes the next word in; the n-gram that it ends, once there are words enough.
    #[inline(always)]
    pub fn push(&mut self, word: u64) -> Option<u64> {
        let old = if self.words < self.ngram { 0 } else { self.ring[(self.words - self.ngram) % MAX_NGRAM] };
        self.ring[self.words % MAX_NGRAM] = word;
        self.words += 1;
        self.hash =
            self.hash.wrapping_mul(BASE).wrapping_add(word).wrapping_sub(old.wrapping_mul(self.power));
        (self.words >= self.ngram).then(|| mix(self.hash))
    }

    /// All words so far as one, where there are fewer than make an n-gram; none without words.
    pub fn rest(&self) -> Option<u64> {
        (1..self.ngram).contains(&self.words).then(|| mix(self.hash))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<(u64, &str)> {
        let mut hashed = Vec::new();
        for_each_word_hash(text, WordRules::PLAIN, |hash, start, stop| {
            hashed.push((hash, &text[start..stop]))
        });
        hashed
    }

    #[test]
    fn words_stand_where_they_are_said_to() {
        let text = " Café, cafe\u{301} 1,5—東京x";
        let texts: Vec<&str> = words(text).into_iter().map(|(_, word)| word).collect();
        assert_eq!(texts, ["Café", "cafe\u{301}", "1", "5", "東", "京", "x"]);
        assert_eq!(words(text)[0].0, words(text)[1].0);
        let long = "x".repeat(MAX_WORD_BYTES + 9);
        assert_eq!(words(&long).iter().map(|(_, word)| word.len()).collect::<Vec<_>>(), [MAX_WORD_BYTES, 9]);
    }

    proptest! {
        #[test]
        fn any_text_gives_words_in_order(text in any::<String>()) {
            let mut last = 0;
            for_each_word_hash(&text, WordRules::DISTINCT, |_, start, stop| {
                assert!(last <= start && start < stop);
                assert!(text.get(start..stop).is_some());
                last = stop;
            });
        }

        #[test]
        fn equal_ngrams_have_equal_hashes(
            words in prop::collection::vec(0_u64..3, 0..60), ngram in 1_usize..6,
        ) {
            let mut rolling = Rolling::new(ngram);
            let mut known = std::collections::HashMap::new();
            for (at, &word) in words.iter().enumerate() {
                let hash = rolling.push(mix(word + 1));
                prop_assert_eq!(hash.is_some(), at + 1 >= ngram);
                if let Some(hash) = hash {
                    let gram = &words[at + 1 - ngram..=at];
                    prop_assert_eq!(*known.entry(gram.to_vec()).or_insert(hash), hash);
                }
            }
            let distinct: std::collections::HashSet<u64> = known.values().copied().collect();
            prop_assert_eq!(distinct.len(), known.len());
        }
    }
}

//! A Bloom filter over n-grams of words (Bloom 1970), one cache line per key.
//!
//! All bits of a key lie in one block of 512 (Putze, Sanders and Singler 2007), so that a key costs one
//! access to memory. Blocks fill unevenly, which makes more false positives than the plain
//! formula says: the size is chosen by the formula for blocks, so that the requested rate is met.

use super::column::Texts;
use super::minimizers::mix;
use super::spans::SpanLists;
use super::units::Unit;
use super::windows::MAX_NGRAM;
use super::word_hashes::{Rolling, for_each_word_hash};
use super::words::{WordRules, count_words};
use crate::KernelError;
use arrow_array::{Array, Float64Array, Int64Array, LargeListArray};

const BLOCK_BITS: f64 = 512.0;
const MAX_PROBES: u32 = 12;
const MAX_BLOCKS: u64 = 1 << 34;
/// Keys whose blocks are brought near before they are asked for; their lines fit a processor's own cache.
const FETCHED_AHEAD: usize = 256;

/// A set that may say "seen" of what it has not, and never the other way round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bloom {
    blocks: Vec<[u64; 8]>,
    probes: u32,
    /// Filters of earlier corpora, which are asked and never written to.
    earlier: Vec<Bloom>,
}

/// Where the bits of a hash are.
struct Key {
    block: usize,
    mask: [u64; 8],
}

impl Bloom {
    /// A filter that, once it holds `keys`, says "seen" of at most `false_positive_rate` of others.
    ///
    /// # Errors
    /// `BadOption` for a rate outside of 1e-9 to 0.5, or a filter beyond a terabyte.
    pub fn new(keys: u64, false_positive_rate: f64) -> Result<Self, KernelError> {
        if !(1e-9..=0.5).contains(&false_positive_rate) {
            return Err(KernelError::BadOption {
                option: "false_positive_rate",
                expected: format!("between 1e-9 and 0.5, got {false_positive_rate}"),
            });
        }
        let (blocks, probes) = shape(keys.max(1), false_positive_rate);
        if blocks > MAX_BLOCKS {
            return Err(KernelError::BadOption {
                option: "expected_ngrams",
                expected: format!("a filter below a terabyte; {keys} keys need more"),
            });
        }
        Ok(Self { blocks: vec![[0; 8]; blocks as usize], probes, earlier: Vec::new() })
    }

    /// Bytes that `new` would take.
    pub fn bytes_for(keys: u64, false_positive_rate: f64) -> u64 {
        shape(keys.max(1), false_positive_rate.clamp(1e-9, 0.5)).0 * 64
    }

    /// What `earlier` has seen counts as seen from now on; its rate of false positives is added.
    pub fn remember(&mut self, earlier: Self) {
        self.earlier.push(earlier);
    }

    pub fn contains(&self, hash: u64) -> bool {
        self.holds(&self.key(hash)) || self.earlier.iter().any(|filter| filter.contains(hash))
    }

    pub fn insert(&mut self, hash: u64) {
        self.set(&self.key(hash));
    }

    fn key(&self, hash: u64) -> Key {
        Key { block: self.block(hash), mask: mask(hash, self.probes) }
    }

    /// Whether all bits of a key are set here, earlier filters not asked.
    fn holds(&self, key: &Key) -> bool {
        let block = self.blocks[key.block].iter().zip(key.mask);
        block.fold(0, |missing, (word, bits)| missing | (bits & !word)) == 0
    }

    fn set(&mut self, key: &Key) {
        self.blocks[key.block].iter_mut().zip(key.mask).for_each(|(word, bits)| *word |= bits);
    }

    /// Brings the blocks of these keys near: the processor waits for many of them at once, where
    /// one look after the other would wait for each.
    fn fetch(&self, hashes: &[u64]) {
        let sum = hashes.iter().fold(0, |sum, &hash| sum ^ self.blocks[self.block(hash)][0]);
        std::hint::black_box(sum);
    }

    fn block(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.blocks.len() as u128) >> 64) as usize
    }

    /// Share of bits that are set.
    pub fn fill(&self) -> f64 {
        let ones: u64 = self.blocks.iter().flatten().map(|word| u64::from(word.count_ones())).sum();
        ones as f64 / (self.blocks.len() as f64 * BLOCK_BITS)
    }

    /// The filter as bytes, without earlier ones: number of probes, then the blocks, little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + self.blocks.len() * 64);
        bytes.extend_from_slice(&u64::from(self.probes).to_le_bytes());
        self.blocks.iter().flatten().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        bytes
    }

    /// What `to_bytes` gave.
    ///
    /// # Errors
    /// `BadModel` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KernelError> {
        let wrong = || KernelError::BadModel("not a Bloom filter".to_owned());
        let (head, body) = bytes.split_first_chunk::<8>().ok_or_else(wrong)?;
        let probes = u64::from_le_bytes(*head);
        if body.is_empty() || body.len() % 64 != 0 || !(1..=u64::from(MAX_PROBES)).contains(&probes) {
            return Err(wrong());
        }
        let mut blocks = vec![[0_u64; 8]; body.len() / 64];
        for (word, bytes) in blocks.iter_mut().flatten().zip(body.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Ok(Self { blocks, probes: probes as u32, earlier: Vec::new() })
    }
}

/// The bits of a key inside its block, nine bits of a mixed hash each: with a start and a step alone
/// (double hashing), a block of 512 has too few patterns, and the rate doubles.
fn mask(hash: u64, probes: u32) -> [u64; 8] {
    let mut mask = [0; 8];
    let mut draw = mix(hash);
    for probe in 0..probes {
        if probe == 7 {
            draw = mix(hash ^ 0x9E37_79B9_7F4A_7C15);
        }
        mask[(draw >> 6 & 7) as usize] |= 1 << (draw & 63);
        draw >>= 9;
    }
    mask
}

/// Blocks and probes for the least memory that keeps the rate.
fn shape(keys: u64, rate: f64) -> (u64, u32) {
    let mut best = (u64::MAX, 1);
    for probes in 1..=MAX_PROBES {
        // The rate falls as blocks are added: bisect between one key in a block and very many.
        let (mut low, mut high) = (0.5_f64, 512.0_f64);
        if block_rate(low, probes) > rate {
            continue;
        }
        for _ in 0..40 {
            let middle = f64::midpoint(low, high);
            if block_rate(middle, probes) > rate { high = middle } else { low = middle }
        }
        let blocks = (keys as f64 / low).ceil().max(1.0) as u64;
        if blocks < best.0 {
            best = (blocks, probes);
        }
    }
    if best.0 == u64::MAX { (keys.saturating_mul(2), MAX_PROBES) } else { best }
}

/// The false positive rate where blocks hold `load` keys on average: over the Poisson law of keys in
/// a block, the chance that all probes meet set bits.
fn block_rate(load: f64, probes: u32) -> f64 {
    let mut weight = (-load).exp();
    let mut total = 0.0;
    for keys in 0..2000_u32 {
        let set = 1.0 - (1.0 - 1.0 / BLOCK_BITS).powi((keys * probes) as i32);
        total += weight * set.powi(probes as i32);
        weight *= load / f64::from(keys + 1);
    }
    total
}

/// What is looked for, and when a unit is a copy.
#[derive(Debug, Clone, Copy)]
pub struct NgramCopies {
    /// Words in an n-gram, 1 to 64.
    pub ngram: usize,
    /// Units of fewer words are left alone and not remembered.
    pub min_words: usize,
    /// A unit goes when at least this share of its n-grams has been seen.
    pub threshold: f64,
    /// What is judged: paragraphs or lines; none: whole documents.
    pub unit: Option<Unit>,
}

/// Copies of one batch: where they stand, and the share of each document's n-grams that was seen.
#[derive(Debug)]
pub struct MarkedBatch {
    pub spans: LargeListArray,
    pub seen: Float64Array,
    pub ngrams: u64,
}

impl NgramCopies {
    /// How many n-grams each text has; to size a filter before it is filled.
    pub fn count(&self, text: &dyn Array) -> Result<Int64Array, KernelError> {
        let texts = Texts::new(text)?;
        self.check()?;
        let mut counts = Vec::with_capacity(texts.len());
        for row in 0..texts.len() {
            let mut count = 0;
            if let Some(text) = texts.get(row) {
                self.each_unit(text, |unit, _, _| {
                    let words = count_words(unit, WordRules::DISTINCT) as i64;
                    count += (words + 1 - self.ngram as i64).max(words.min(1));
                });
            }
            counts.push(count);
        }
        Ok(Int64Array::from(counts))
    }

    /// Judges the units of each text by what `filter` has seen, in order, and lets it see those that
    /// stay. Hashing runs on `threads`; judging does not, so the result never depends on them.
    ///
    /// # Errors
    /// `BadOption` for an n-gram out of range, `BadInput` for anything but a text column.
    pub fn mark(
        &self,
        filter: &mut Bloom,
        text: &dyn Array,
        threads: usize,
    ) -> Result<MarkedBatch, KernelError> {
        let texts = Texts::new(text)?;
        self.check()?;
        let rows = texts.len().div_ceil(threads.max(1)).max(1);
        let hashed: Vec<Vec<UnitHashes>> = std::thread::scope(|scope| {
            let tasks: Vec<_> = (0..texts.len())
                .step_by(rows)
                .map(|first| {
                    let texts = &texts;
                    scope.spawn(move || self.hash_rows(texts, first..(first + rows).min(texts.len())))
                })
                .collect();
            tasks.into_iter().map(|task| task.join().unwrap_or_default()).collect()
        });
        let mut spans = SpanLists::new();
        let mut seen = Vec::with_capacity(texts.len());
        let mut ngrams = 0;
        let mut units = hashed.iter().flatten().peekable();
        let mut ahead = hashed.iter().flatten();
        let (mut judged, mut fetched) = (0, 0);
        let mut keys = Vec::new();
        for row in 0..texts.len() {
            let (mut all, mut known) = (0_usize, 0_usize);
            while let Some(unit) = units.next_if(|unit| unit.row == row) {
                while fetched < judged + FETCHED_AHEAD {
                    let Some(next) = ahead.next() else { break };
                    filter.fetch(&next.hashes);
                    fetched += next.hashes.len();
                }
                judged += unit.hashes.len();
                keys.clear();
                keys.extend(unit.hashes.iter().map(|&hash| filter.key(hash)));
                let met = keys.iter().zip(&unit.hashes).filter(|(key, hash)| {
                    filter.holds(key) || filter.earlier.iter().any(|earlier| earlier.contains(**hash))
                });
                let met = met.count();
                all += unit.hashes.len();
                known += met;
                if met > 0 && met as f64 >= self.threshold * unit.hashes.len() as f64 {
                    spans.push(unit.start, unit.stop);
                } else {
                    keys.iter().for_each(|key| filter.set(key));
                }
            }
            spans.end_row();
            ngrams += all as u64;
            seen.push(known as f64 / all.max(1) as f64);
        }
        Ok(MarkedBatch { spans: spans.finish()?, seen: Float64Array::from(seen), ngrams })
    }

    fn check(&self) -> Result<(), KernelError> {
        if !(1..=MAX_NGRAM).contains(&self.ngram) {
            return Err(KernelError::BadOption {
                option: "ngram",
                expected: format!("1 to {MAX_NGRAM} words, got {}", self.ngram),
            });
        }
        Ok(())
    }

    fn each_unit(&self, text: &str, mut take: impl FnMut(&str, usize, usize)) {
        match self.unit {
            None => take(text, 0, text.len()),
            Some(unit) => unit.for_each(text, |start, end, next| take(&text[start..end], start, next)),
        }
    }

    fn hash_rows(&self, texts: &Texts<'_>, rows: std::ops::Range<usize>) -> Vec<UnitHashes> {
        let mut rolling = Rolling::new(self.ngram);
        let mut unit_hashes = Vec::new();
        for row in rows {
            let Some(text) = texts.get(row) else { continue };
            self.each_unit(text, |unit, start, stop| {
                rolling.clear();
                let (mut words, mut hashes) = (0, Vec::new());
                for_each_word_hash(unit, WordRules::DISTINCT, |word, _, _| {
                    words += 1;
                    hashes.extend(rolling.push(word));
                });
                hashes.extend(rolling.rest());
                if words > 0 && words >= self.min_words {
                    unit_hashes.push(UnitHashes { row, start, stop, hashes });
                }
            });
        }
        unit_hashes
    }
}

#[derive(Debug)]
struct UnitHashes {
    row: usize,
    start: usize,
    stop: usize,
    hashes: Vec<u64>,
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use arrow_array::StringArray;
    use proptest::prelude::*;

    use super::*;

    fn key(x: u64) -> u64 {
        xxh3_64(&x.to_le_bytes())
    }

    #[test]
    fn the_rate_asked_for_is_kept() {
        for (keys, rate) in [(1_000_u64, 0.01), (50_000, 0.01), (50_000, 0.001), (20_000, 0.1)] {
            let mut filter = Bloom::new(keys, rate).unwrap();
            (0..keys).for_each(|number| filter.insert(key(number)));
            assert!((0..keys).all(|number| filter.contains(key(number))));
            let absent = 400_000_u64;
            let wrong = (0..absent).filter(|&number| filter.contains(key(number + (1 << 40)))).count();
            let measured = wrong as f64 / absent as f64;
            assert!(
                measured < rate * 1.1 + 3.0 * (rate / absent as f64).sqrt(),
                "{keys} keys at {rate}: {measured}"
            );
        }
    }

    #[test]
    fn bad_rates_and_bytes_are_refused() {
        assert!(Bloom::new(10, 0.0).is_err());
        assert!(Bloom::from_bytes(b"").is_err());
        assert!(Bloom::from_bytes(&[0; 72]).is_err());
    }

    proptest! {
        #[test]
        fn nothing_that_was_seen_is_missed_and_threads_do_not_matter(
            texts in prop::collection::vec("([a-c]{1,2}[ \n]{1,2}){0,20}", 0..9),
            threads in 1_usize..5,
        ) {
            let how = NgramCopies { ngram: 3, min_words: 2, threshold: 1.0, unit: Some(Unit::Line) };
            let array = StringArray::from(texts.clone());
            let ngrams = how.count(&array).unwrap().values().iter().sum::<i64>() as u64;
            let mut filter = Bloom::new(ngrams, 0.01).unwrap();
            let marked = how.mark(&mut filter, &array, threads).unwrap();
            let mut alone = Bloom::new(ngrams, 0.01).unwrap();
            let again = how.mark(&mut alone, &array, 1).unwrap();
            prop_assert_eq!(&marked.spans, &again.spans);
            prop_assert_eq!(&filter, &alone);
            prop_assert_eq!(&Bloom::from_bytes(&filter.to_bytes()).unwrap(), &filter);
            // Everything again: each line long enough has been seen whole.
            let repeated = how.mark(&mut filter, &array, threads).unwrap();
            for row in 0..array.len() {
                let lines = Unit::Line;
                let mut long = 0;
                lines.for_each(array.value(row), |start, end, _| {
                    long += usize::from(array.value(row)[start..end].split_whitespace().count() >= 2);
                });
                prop_assert_eq!(repeated.spans.value_length(row) > 0, long > 0);
            }
        }
    }
}

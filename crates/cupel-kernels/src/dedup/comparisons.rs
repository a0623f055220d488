//! Statistics of comparisons: a histogram of similarities, and sample pairs.

use std::sync::Arc;

use arrow_array::{BooleanArray, Float64Array, Int64Array, RecordBatch};
use arrow_schema::DataType;
use xxhash_rust::xxh3::xxh3_64;

use super::clusters::batch;
use crate::KernelError;

/// Bins of the histogram of similarities, of equal width over 0..=1.
pub const BINS: usize = 50;
/// Pairs kept for display, of the joined and of the rejected.
const SHOWN_PAIRS: usize = 32;

/// The histogram and the pairs, each for joined and for rejected pairs.
#[derive(Default)]
pub struct Comparisons {
    histogram: [Bins; 2],
    shown: [Shown; 2],
}

struct Bins([i64; BINS]);

impl Default for Bins {
    fn default() -> Self {
        Self([0; BINS])
    }
}

impl Comparisons {
    /// Takes in one comparison of two documents with these fingerprints.
    pub fn add(&mut self, docs: (i64, i64), fingerprints: (u128, u128), similarity: f64, alike: bool) {
        let side = usize::from(!alike);
        let bin = ((similarity * BINS as f64) as usize).min(BINS - 1);
        self.histogram[side].0[bin] += 1;
        let order = xxh3_64(&(fingerprints.0 ^ fingerprints.1).to_le_bytes());
        let pair = Pair { order, left: docs.0.min(docs.1), right: docs.0.max(docs.1), similarity };
        self.shown[side].offer(pair);
    }

    /// The histogram and the pairs as tables.
    pub fn finish(self) -> Result<(RecordBatch, RecordBatch), KernelError> {
        let histogram = batch(
            &[
                ("similarity", DataType::Float64),
                ("verified", DataType::Int64),
                ("rejected", DataType::Int64),
            ],
            vec![
                Arc::new(Float64Array::from_iter_values((0..BINS).map(|bin| bin as f64 / BINS as f64))),
                Arc::new(Int64Array::from_iter_values(self.histogram[0].0)),
                Arc::new(Int64Array::from_iter_values(self.histogram[1].0)),
            ],
        )?;
        let pairs: Vec<(bool, &Pair)> = [(true, &self.shown[0]), (false, &self.shown[1])]
            .into_iter()
            .flat_map(|(verified, shown)| shown.pairs.iter().map(move |pair| (verified, pair)))
            .collect();
        let number = |pick: fn(&Pair) -> i64| {
            Arc::new(Int64Array::from_iter_values(pairs.iter().map(|(_, pair)| pick(pair))))
        };
        let pairs = batch(
            &[
                ("left", DataType::Int64),
                ("right", DataType::Int64),
                ("similarity", DataType::Float64),
                ("verified", DataType::Boolean),
            ],
            vec![
                number(|pair| pair.left),
                number(|pair| pair.right),
                Arc::new(Float64Array::from_iter_values(pairs.iter().map(|p| p.1.similarity))),
                Arc::new(pairs.iter().map(|p| Some(p.0)).collect::<BooleanArray>()),
            ],
        )?;
        Ok((histogram, pairs))
    }
}

#[derive(Clone, Copy, PartialEq)]
struct Pair {
    order: u64,
    left: i64,
    right: i64,
    similarity: f64,
}

/// The pairs of lowest `order`: a sample that does not depend on who comes first.
#[derive(Default)]
struct Shown {
    pairs: Vec<Pair>,
}

impl Shown {
    fn offer(&mut self, pair: Pair) {
        let place = self.pairs.partition_point(|known| known.order < pair.order);
        if place < SHOWN_PAIRS && self.pairs.get(place) != Some(&pair) {
            self.pairs.insert(place, pair);
            self.pairs.truncate(SHOWN_PAIRS);
        }
    }
}

//! Points that cover all others: the farthest-first traversal of Gonzalez (1985), "Clustering to minimize the
//! maximum intercluster distance". No choice of as many points has less than half its radius.
//!
//! Each step compares the newest center with all points, unless the triangle inequality says that it cannot be
//! nearer: a point is nearer to its own center than to one that is more than twice as far from that center
//! (Elkan 2003). The outcome is that of comparing all.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{Array, ArrayRef, Float32Array, Int64Array, RecordBatch};

use super::points::{Metric, Points, squared};
use crate::KernelError;
use crate::parallel::map_range;

/// Points that a thread takes at once, and centers.
const BLOCK: usize = 4096;
const CENTERS_AT_ONCE: usize = 512;
/// A quarter, since distances are squared, less what rounding may take.
const FARTHER: f32 = 0.2499;
/// Squares below it lose digits.
const SMALLEST: f32 = 1e-30;
/// The distance of a point that is a center.
const CHOSEN: f32 = -1.0;

/// The chosen points.
#[derive(Debug)]
pub struct Centers {
    /// `row` (int64) in the order of choice, and `distance` (float32) of each to the nearest one chosen before;
    /// null for the first.
    pub chosen: RecordBatch,
    /// The largest distance of any point to its nearest center.
    pub radius: f32,
}

/// Chooses `budget` vectors: `first`, then each time the one farthest from all that are chosen.
///
/// Of several that are equally far the lowest row is taken. Any number of threads chooses the same.
///
/// # Errors
/// `BadInput` for vectors that cannot be compared (see `Points::new`), `BadOption` for a budget of none or of more
/// than there are, or a first one that is not there.
pub fn k_center(
    vectors: &dyn Array,
    budget: usize,
    first: usize,
    metric: Metric,
    threads: NonZeroUsize,
) -> Result<Centers, KernelError> {
    let points = Points::new(vectors, metric, threads)?;
    if !(1..=points.len()).contains(&budget) {
        let expected = format!("1 to {}, the number of vectors, got {budget}", points.len());
        return Err(KernelError::BadOption { option: "budget", expected });
    }
    if first >= points.len() {
        let expected = format!("a row from 0 to {}, got {first}", points.len() - 1);
        return Err(KernelError::BadOption { option: "first", expected });
    }
    let mut rows = vec![first as i64];
    let mut distances = vec![None];
    let mut traversal = Traversal::new(&points, threads);
    let mut farthest = traversal.add(first);
    while rows.len() < budget {
        rows.push(farthest.row as i64);
        distances.push(Some(metric.distance(farthest.squared)));
        farthest = traversal.add(farthest.row);
    }
    let columns: [(&str, ArrayRef); 2] =
        [("row", Arc::new(Int64Array::from(rows))), ("distance", Arc::new(Float32Array::from(distances)))];
    let chosen = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, name == "distance")),
    )
    .map_err(|error| KernelError::BadInput(error.to_string()))?;
    Ok(Centers { chosen, radius: metric.distance(farthest.squared.max(0.0)) })
}

struct Traversal<'a> {
    points: &'a Points<'a>,
    threads: NonZeroUsize,
    centers: Vec<Vec<f32>>,
    /// Each for `BLOCK` points; a thread that works on a block is alone with it.
    blocks: Vec<Mutex<Block>>,
}

/// The newest center.
struct Newest<'a> {
    point: &'a [f32],
    number: u32,
    /// The squares of its distances to the centers before it.
    to_others: &'a [f32],
}

struct Block {
    /// The square of the distance of each point to its nearest center, or `CHOSEN`.
    squared: Vec<f32>,
    /// Which center that is.
    nearest: Vec<u32>,
}

/// The point farthest from all centers; `CHOSEN` where all points are centers.
#[derive(Clone, Copy)]
struct Farthest {
    row: usize,
    squared: f32,
}

impl<'a> Traversal<'a> {
    fn new(points: &'a Points<'a>, threads: NonZeroUsize) -> Self {
        let blocks = (0..points.len())
            .step_by(BLOCK)
            .map(|start| {
                let count = BLOCK.min(points.len() - start);
                Mutex::new(Block { squared: vec![f32::INFINITY; count], nearest: vec![0; count] })
            })
            .collect();
        Self { points, threads, centers: Vec::new(), blocks }
    }

    /// Makes a point a center; which one is now farthest.
    fn add(&mut self, row: usize) -> Farthest {
        let point = self.points.padded(row);
        let to_others = map_range(self.centers.len(), CENTERS_AT_ONCE, self.threads, |number| {
            squared(&self.centers[number], &point)
        });
        let newest = Newest { point: &point, number: self.centers.len() as u32, to_others: &to_others };
        let farthest = map_range(self.blocks.len(), 1, self.threads, |place| {
            let mut block = self.blocks[place].lock().unwrap_or_else(PoisonError::into_inner);
            if row / BLOCK == place {
                block.squared[row % BLOCK] = CHOSEN;
            }
            block.update(self.points, place * BLOCK, &newest)
        });
        self.centers.push(point);
        let none = Farthest { row: 0, squared: CHOSEN };
        farthest.into_iter().fold(none, |best, other| if other.squared > best.squared { other } else { best })
    }
}

impl Block {
    fn update(&mut self, points: &Points<'_>, start: usize, newest: &Newest<'_>) -> Farthest {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            return unsafe { self.update_avx2(points, start, newest) };
        }
        self.update_portable(points, start, newest)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn update_avx2(&mut self, points: &Points<'_>, start: usize, newest: &Newest<'_>) -> Farthest {
        self.update_portable(points, start, newest)
    }

    #[inline(always)]
    fn update_portable(&mut self, points: &Points<'_>, start: usize, newest: &Newest<'_>) -> Farthest {
        let mut farthest = Farthest { row: 0, squared: CHOSEN };
        for (place, (held, nearest)) in self.squared.iter_mut().zip(&mut self.nearest).enumerate() {
            let far = newest.to_others.get(*nearest as usize);
            let is_near = far.is_none_or(|far| FARTHER * far <= *held + SMALLEST);
            if is_near && let Some(squared) = points.squared_below(start + place, newest.point, *held) {
                (*held, *nearest) = (squared, newest.number);
            }
            if *held > farthest.squared {
                farthest = Farthest { row: start + place, squared: *held };
            }
        }
        farthest
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float32Type, Int64Type};
    use arrow_array::{FixedSizeListArray, Float16Array};
    use arrow_schema::{DataType, Field};
    use half::f16;
    use proptest::prelude::*;

    use super::*;

    const ONE: NonZeroUsize = NonZeroUsize::MIN;

    fn lists(vectors: &[Vec<f32>], halves: bool) -> FixedSizeListArray {
        let numbers = vectors.iter().flatten().copied();
        let (kind, values): (DataType, ArrayRef) = if halves {
            (DataType::Float16, Arc::new(Float16Array::from_iter_values(numbers.map(f16::from_f32))))
        } else {
            (DataType::Float32, Arc::new(Float32Array::from_iter_values(numbers)))
        };
        let width = vectors.first().map_or(1, Vec::len) as i32;
        FixedSizeListArray::try_new(Arc::new(Field::new("item", kind, false)), width, values, None).unwrap()
    }

    fn rows_and_distances(centers: &Centers) -> (Vec<i64>, Vec<Option<f32>>) {
        let rows = centers.chosen["row"].as_primitive::<Int64Type>().values().to_vec();
        (rows, centers.chosen["distance"].as_primitive::<Float32Type>().iter().collect())
    }

    /// All with all.
    fn plain(
        distance: &dyn Fn(usize, usize) -> f64,
        count: usize,
        budget: usize,
        first: usize,
    ) -> (Vec<i64>, f64) {
        let mut chosen = vec![first];
        loop {
            let far =
                |row: usize| chosen.iter().map(|&center| distance(row, center)).fold(f64::INFINITY, f64::min);
            let radius = (0..count).map(far).fold(0.0, f64::max);
            if chosen.len() == budget {
                return (chosen.into_iter().map(|row| row as i64).collect(), radius);
            }
            let open: Vec<usize> = (0..count).filter(|row| !chosen.contains(row)).collect();
            let farthest = open.iter().map(|&row| far(row)).fold(0.0, f64::max);
            chosen.push(*open.iter().find(|&&row| far(row) == farthest).unwrap());
        }
    }

    fn euclidean(left: &[f32], right: &[f32]) -> f64 {
        left.iter().zip(right).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
    }

    /// Small whole numbers, so that distances are exact and many are equal.
    fn vectors() -> impl Strategy<Value = Vec<Vec<f32>>> {
        (1_usize..70).prop_flat_map(|width| {
            prop::collection::vec(prop::collection::vec((-3_i8..4).prop_map(f32::from), width), 1..40)
        })
    }

    proptest! {
        #[test]
        fn equals_comparing_all(vectors in vectors(), budget in any::<prop::sample::Index>(), halves in any::<bool>()) {
            let budget = 1 + budget.index(vectors.len());
            let first = budget - 1;
            let chosen = k_center(&lists(&vectors, halves), budget, first, Metric::Euclidean, ONE).unwrap();
            let distance = |a: usize, b: usize| euclidean(&vectors[a], &vectors[b]);
            let (rows, radius) = plain(&distance, vectors.len(), budget, first);
            let (chosen_rows, distances) = rows_and_distances(&chosen);
            prop_assert_eq!(&chosen_rows, &rows);
            prop_assert_eq!(chosen.radius, radius as f32);
            prop_assert_eq!(distances[0], None);
            for (place, held) in distances.iter().enumerate().skip(1) {
                let before = rows[..place].iter().map(|&row| distance(row as usize, rows[place] as usize));
                prop_assert_eq!(held.unwrap(), before.fold(f64::INFINITY, f64::min) as f32);
            }
        }

        #[test]
        fn at_most_twice_the_best_radius(
            vectors in prop::collection::vec(prop::collection::vec(-9.0_f32..9.0, 2), 1..9),
            budget in 1_usize..4,
        ) {
            let budget = budget.min(vectors.len());
            let chosen = k_center(&lists(&vectors, false), budget, 0, Metric::Euclidean, ONE).unwrap();
            let radius = |centers: u32| {
                let near = |v: &Vec<f32>| {
                    let inside = (0..vectors.len()).filter(|row| centers >> row & 1 == 1);
                    inside.map(|row| euclidean(v, &vectors[row])).fold(f64::INFINITY, f64::min)
                };
                vectors.iter().map(near).fold(0.0, f64::max)
            };
            let choices = (0_u32..1 << vectors.len()).filter(|centers| centers.count_ones() as usize == budget);
            let best = choices.map(radius).fold(f64::INFINITY, f64::min);
            prop_assert!(f64::from(chosen.radius) <= 2.0 * best + 1e-5, "{} {best}", chosen.radius);
        }

        #[test]
        fn the_length_of_a_vector_does_not_matter_to_the_cosine(
            vectors in prop::collection::vec(prop::collection::vec(-9.0_f32..9.0, 3), 2..30),
        ) {
            let longer: Vec<Vec<f32>> = vectors
                .iter()
                .enumerate()
                .map(|(row, v)| v.iter().map(|number| number * f32::from(1_u16 << (row % 5))).collect())
                .collect();
            prop_assume!(vectors.iter().all(|v| v.iter().any(|&number| number != 0.0)));
            let budget = vectors.len() / 2;
            let short = k_center(&lists(&vectors, false), budget, 0, Metric::Cosine, ONE).unwrap();
            let long = k_center(&lists(&longer, false), budget, 0, Metric::Cosine, ONE).unwrap();
            prop_assert_eq!(rows_and_distances(&short), rows_and_distances(&long));
            let (_, distances) = rows_and_distances(&short);
            prop_assert!(distances.into_iter().flatten().all(|d| (0.0..=2.000_001).contains(&d)));
        }
    }

    /// Many points in blocks of their own, clustered, so that most comparisons are left out.
    #[test]
    fn threads_and_blocks_change_nothing() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 24) as f32
        };
        let vectors: Vec<Vec<f32>> = (0..2 * BLOCK + 77)
            .map(|row| (0..5).map(|place| ((row % 9 * (place + 1)) % 7) as f32 + 0.1 * random()).collect())
            .collect();
        for metric in [Metric::Euclidean, Metric::Cosine] {
            let alone = k_center(&lists(&vectors, true), 40, 5000, metric, ONE).unwrap();
            let many =
                k_center(&lists(&vectors, true), 40, 5000, metric, NonZeroUsize::new(3).unwrap()).unwrap();
            assert_eq!(rows_and_distances(&alone), rows_and_distances(&many));
            assert_eq!(alone.radius, many.radius);
            // What the inequality leaves out is compared here.
            let array = lists(&vectors, true);
            let points = Points::new(&array, metric, ONE).unwrap();
            let padded: Vec<Vec<f32>> = (0..vectors.len()).map(|row| points.padded(row)).collect();
            let mut held = vec![f32::INFINITY; padded.len()];
            let (rows, distances) = rows_and_distances(&alone);
            for (place, &row) in rows.iter().enumerate() {
                if place > 0 {
                    let far = held.iter().copied().fold(0.0, f32::max);
                    assert_eq!(held.iter().position(|&d| d == far), Some(row as usize));
                    assert_eq!(distances[place], Some(metric.distance(far)));
                }
                held.iter_mut().zip(&padded).for_each(|(d, p)| *d = d.min(squared(p, &padded[row as usize])));
            }
            assert_eq!(alone.radius, metric.distance(held.iter().copied().fold(0.0, f32::max)));
        }
    }

    #[test]
    fn a_slice_of_a_column_is_its_own_rows() {
        let vectors: Vec<Vec<f32>> = (0..20_u16).map(|row| vec![f32::from(row * row), 1.0]).collect();
        let whole = k_center(&lists(&vectors[7..15], false), 5, 2, Metric::Cosine, ONE).unwrap();
        let sliced = k_center(&lists(&vectors, false).slice(7, 8), 5, 2, Metric::Cosine, ONE).unwrap();
        assert_eq!(rows_and_distances(&whole), rows_and_distances(&sliced));
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let refused = |vectors: &[Vec<f32>], budget, first, metric| {
            k_center(&lists(vectors, false), budget, first, metric, ONE).unwrap_err().to_string()
        };
        let good = [vec![1.0, 2.0], vec![3.0, 4.0]];
        assert!(refused(&good, 3, 0, Metric::Cosine).contains("budget: expected 1 to 2"));
        assert!(refused(&good, 0, 0, Metric::Cosine).contains("budget: expected 1 to 2"));
        assert!(refused(&good, 1, 2, Metric::Cosine).contains("first: expected a row from 0 to 1"));
        assert!(refused(&[vec![1.0], vec![0.0]], 1, 0, Metric::Cosine).contains("row 1 has length zero"));
        assert!(
            refused(&[vec![f32::NAN]], 1, 0, Metric::Euclidean).contains("row 0 holds a number that is not")
        );
        assert!(refused(&[], 1, 0, Metric::Euclidean).contains("budget: expected 1 to 0"));
        let other = k_center(&Int64Array::from(vec![1]), 1, 0, Metric::Cosine, ONE).unwrap_err();
        assert!(other.to_string().contains("expected fixed-size lists of float16 or float32, got Int64"));
        assert!(Metric::parse("dot").is_err());
    }
}

//! A column of vectors as points, and the distances between them.

use std::num::NonZeroUsize;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type};
use arrow_array::{Array, FixedSizeListArray};
use half::f16;

use crate::KernelError;
use crate::parallel::map_range;

/// Dimensions that are looked at before asking whether a distance is too large already.
const STRIDE: usize = 64;
/// Sums that are kept apart, so that a processor can add several numbers at once. It decides the last digit.
const LANES: usize = 16;
const ROWS_AT_ONCE: usize = 1024;

/// How far apart two vectors are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// 1 - cos of the angle between them.
    Cosine,
    Euclidean,
}

impl Metric {
    /// # Errors
    /// `BadOption` for any other name.
    pub fn parse(name: &str) -> Result<Self, KernelError> {
        match name {
            "cosine" => Ok(Self::Cosine),
            "euclidean" => Ok(Self::Euclidean),
            _ => {
                let expected = format!("cosine or euclidean, got '{name}'");
                Err(KernelError::BadOption { option: "metric", expected })
            }
        }
    }

    /// The distance whose square, between vectors of length one for cosine, this is.
    pub fn distance(self, squared: f32) -> f32 {
        match self {
            Self::Cosine => squared / 2.0,
            Self::Euclidean => squared.sqrt(),
        }
    }
}

/// Vectors; for the cosine they are divided by their lengths as they are read.
pub struct Points<'a> {
    values: Values<'a>,
    dimensions: usize,
    /// What each vector is multiplied by; empty where all stay as they are.
    scales: Vec<f32>,
    rows: usize,
}

enum Values<'a> {
    Half(&'a [f16]),
    Single(&'a [f32]),
}

impl<'a> Points<'a> {
    /// # Errors
    /// `BadInput` for anything but lists of one length of float16 or float32, and by row for nulls, numbers that
    /// are not finite and, for the cosine, vectors of length zero.
    pub fn new(vectors: &'a dyn Array, metric: Metric, threads: NonZeroUsize) -> Result<Self, KernelError> {
        let unusable = || {
            let expected = "expected fixed-size lists of float16 or float32";
            KernelError::BadInput(format!("vectors: {expected}, got {}", vectors.data_type()))
        };
        let lists: &FixedSizeListArray = vectors.as_fixed_size_list_opt().ok_or_else(unusable)?;
        let (rows, dimensions) = (lists.len(), usize::try_from(lists.value_length()).unwrap_or(0));
        if lists.null_count() + lists.values().null_count() > 0 {
            return Err(KernelError::BadInput("vectors: nulls are not allowed".to_owned()));
        }
        let range = ..rows * dimensions;
        let inside = lists.values();
        let values = if let Some(halves) = inside.as_primitive_opt::<Float16Type>() {
            halves.values().get(range).map(Values::Half)
        } else if let Some(singles) = inside.as_primitive_opt::<Float32Type>() {
            singles.values().get(range).map(Values::Single)
        } else {
            None
        };
        let mut points = Self { values: values.ok_or_else(unusable)?, dimensions, scales: Vec::new(), rows };
        let lengths = map_range(rows, ROWS_AT_ONCE, threads, |row| points.length(row));
        for (row, length) in lengths.iter().enumerate() {
            if !length.is_finite() {
                return Err(KernelError::BadInput(format!(
                    "vectors: row {row} holds a number that is not finite"
                )));
            }
            if metric == Metric::Cosine && *length == 0.0 {
                return Err(KernelError::BadInput(format!(
                    "vectors: row {row} has length zero and no direction"
                )));
            }
        }
        if metric == Metric::Cosine {
            points.scales = lengths.into_iter().map(|length| (1.0 / length) as f32).collect();
        }
        Ok(points)
    }

    pub fn len(&self) -> usize {
        self.rows
    }

    /// The numbers of a point, with zeros at the end up to a whole number of strides.
    pub fn padded(&self, row: usize) -> Vec<f32> {
        let range = row * self.dimensions..(row + 1) * self.dimensions;
        let mut point: Vec<f32> = match self.values {
            Values::Half(halves) => {
                halves[range].iter().map(|&number| single(number) * self.scale(row)).collect()
            }
            Values::Single(singles) => singles[range].iter().map(|number| number * self.scale(row)).collect(),
        };
        point.resize(self.dimensions.div_ceil(STRIDE) * STRIDE, 0.0);
        point
    }

    /// The square of the distance from a point to a padded one, if it is below `limit`.
    #[inline(always)]
    pub fn squared_below(&self, row: usize, other: &[f32], limit: f32) -> Option<f32> {
        let range = row * self.dimensions..(row + 1) * self.dimensions;
        match self.values {
            Values::Half(halves) => below(&halves[range], single, self.scale(row), other, limit),
            Values::Single(singles) => below(&singles[range], |number| number, self.scale(row), other, limit),
        }
    }

    #[inline(always)]
    fn scale(&self, row: usize) -> f32 {
        self.scales.get(row).copied().unwrap_or(1.0)
    }

    fn length(&self, row: usize) -> f64 {
        let square = |number: f64| number * number;
        let range = row * self.dimensions..(row + 1) * self.dimensions;
        let squares: f64 = match self.values {
            Values::Half(halves) => halves[range].iter().map(|number| square(number.to_f64())).sum(),
            Values::Single(singles) => singles[range].iter().map(|&number| square(number.into())).sum(),
        };
        squares.sqrt()
    }
}

/// The square of the distance between two padded points.
pub fn squared(point: &[f32], other: &[f32]) -> f32 {
    below(point, |number| number, 1.0, other, f32::INFINITY).unwrap_or(f32::INFINITY)
}

/// Stride by stride; the sums only ever grow.
#[inline(always)]
fn below<T: Copy + Default>(
    point: &[T],
    single: impl Fn(T) -> f32 + Copy,
    scale: f32,
    other: &[f32],
    limit: f32,
) -> Option<f32> {
    let mut sums = [0.0; LANES];
    let (strides, end) = point.as_chunks::<STRIDE>();
    let others = other.as_chunks::<STRIDE>().0;
    for (ours, theirs) in strides.iter().zip(others) {
        add_squares(ours, single, scale, theirs, &mut sums);
        if total(&sums) >= limit {
            return None;
        }
    }
    if let (1.., Some(theirs)) = (end.len(), others.get(strides.len())) {
        let mut ours = [T::default(); STRIDE];
        ours[..end.len()].copy_from_slice(end);
        add_squares(&ours, single, scale, theirs, &mut sums);
    }
    let squared = total(&sums);
    (squared < limit).then_some(squared)
}

#[inline(always)]
fn add_squares<T: Copy>(
    ours: &[T; STRIDE],
    single: impl Fn(T) -> f32,
    scale: f32,
    theirs: &[f32; STRIDE],
    sums: &mut [f32; LANES],
) {
    for start in 0..STRIDE / LANES {
        for (lane, sum) in sums.iter_mut().enumerate() {
            let place = start * LANES + lane;
            let difference = single(ours[place]) * scale - theirs[place];
            *sum += difference * difference;
        }
    }
}

/// A finite half as a float. Unlike that of the `half` crate it is part of the loop around it.
#[inline(always)]
fn single(number: f16) -> f32 {
    /// 2¹¹², the ratio of the powers of two that the exponents of both count from.
    const SHIFT: f32 = f32::from_bits((127 + 112) << 23);
    let bits = u32::from(number.to_bits());
    let size = f32::from_bits((bits & 0x7fff) << 13) * SHIFT;
    f32::from_bits(size.to_bits() | (bits & 0x8000) << 16)
}

/// The sum of the lanes, by halves.
#[inline(always)]
fn total(sums: &[f32; LANES]) -> f32 {
    let mut halves = [0.0; LANES / 2];
    for lane in 0..LANES / 2 {
        halves[lane] = sums[lane] + sums[lane + LANES / 2];
    }
    let mut quarters = [0.0; LANES / 4];
    for lane in 0..LANES / 4 {
        quarters[lane] = halves[lane] + halves[lane + LANES / 4];
    }
    (quarters[0] + quarters[2]) + (quarters[1] + quarters[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_half_is_read_exactly() {
        for bits in 0..=u16::MAX {
            let half = f16::from_bits(bits);
            if half.is_finite() {
                assert_eq!(single(half).to_bits(), half.to_f32().to_bits());
            }
        }
    }
}
